"""The best obedient scheme among those with given recommendations: a small persuasion program.

Full information is its start: always feasible, so that the program has a solution whatever was given.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.competition.independent.private import Private, respond
from jaxgame.core.units import action_range, power_of_two
from jaxgame.persuasion import pivoting
from jaxgame.persuasion.bounds import bounds
from jaxgame.persuasion.program import Program


def obedient_schemes(
    problem: Private, schemes: Float[Array, "R S M"], margin: float
) -> Float[Array, "R S M_plus_S"]:
    """For each of R schemes the best one whose messages recommend the same, or tell the state (the last S).

    Other actions are worse by at least `margin`, in parts of the follower's range of utility, than what
    messages recommend, but for those that leave one state only. The R programs are lanes of one call: axes
    are moved so that the lane varies fastest.
    """
    prior, follower = problem.prior, problem.follower
    types, states, actions = follower.shape
    messages = schemes.shape[2]
    at_start = jnp.arange(messages + states)[None] == messages + jnp.arange(states)[:, None]  # [S,M+S]
    span = action_range(follower).max(1)
    certain = jnp.broadcast_to(jnp.eye(states)[None], (schemes.shape[0], states, states))
    every = jnp.concatenate([schemes, certain], 2)  # [R,S,M+S]
    chosen = jax.vmap(
        lambda scheme: respond(prior[:, :, None] * scheme[None], follower, np.inf, "favoured", problem.leader)
    )(every).argmax(3)  # [R,P,M+S]

    def program(choice: Array) -> Program:
        hers = jnp.take_along_axis(follower, choice[:, None], 2)  # [P,S,M+S]
        theirs = jnp.take_along_axis(problem.leader, choice[:, None], 2)
        other = choice[..., None] != jnp.arange(actions)[None, None]  # [P,M+S,A]
        asked = jnp.where(other, margin * span[:, None, None], 0.0)[:, None]
        asked = jnp.where(at_start[None, :, :, None], 0.0, asked)  # the start stays feasible
        rows = prior[:, :, None, None] * (hers[..., None] - follower[:, :, None] - asked)  # [P,S,M+S,A]
        return Program(
            gain=(prior[:, :, None] * theirs).sum(0),
            size=(prior * jnp.abs(problem.leader).max(2)).sum(0),
            loss=(prior[:, :, None] * (follower.max(2, keepdims=True) - hers)).sum(0),
            obedience=jnp.moveaxis(rows, 0, 2).reshape(states, messages + states, types * actions),
            start=messages + jnp.arange(states, dtype=jnp.int32),
        )

    lanes = jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), jax.vmap(program)(chosen))
    lanes = lanes._replace(loss=jnp.where(at_start[:, :, None], 0.0, lanes.loss))  # but for rounding it is
    lanes = lanes._replace(obedience=lanes.obedience / power_of_two(jnp.abs(lanes.obedience).max(0))[None])
    budget = lanes.loss.max(1).sum(0)
    unit = max(8, states * (messages + states))
    perturbation = jnp.asarray(pivoting.perturbations(lanes.obedience[0, :, :, 0].size)[0])
    solution = pivoting.solve(lanes, budget, (unit, 3 * unit), perturbation)
    found = bounds(lanes, budget[None], jax.tree.map(lambda x: x[None], solution))
    return jnp.moveaxis(found.probability[0], -1, 0)


def most_likely(problem: Private, scheme: Float[Array, "S N"], messages: int) -> Float[Array, "S M"]:
    """The scheme with `messages` messages: the most likely ones, the rest pooled with the last of them.

    Fewer than `messages` are filled up with messages of probability 0.
    """
    missing = messages - scheme.shape[1]
    if missing >= 0:
        return jnp.pad(scheme, ((0, 0), (0, missing)))
    order = jnp.argsort(-(problem.prior.sum(0)[:, None] * scheme).sum(0))
    kept, rest = scheme[:, order[:messages]], scheme[:, order[messages:]]
    return kept.at[:, -1].add(rest.sum(1))
