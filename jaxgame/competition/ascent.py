"""Gradient ascent on a scheme's logits, for games too large for the exact methods.

Against a best-responding follower the ascent sees a logit one whose rationality grows. What it ends with says
which actions each message should recommend; `restricted` then finds the best scheme that does so.

The bound from above lets the leader know what the follower hears from others (the problem then falls
apart into one for each of her private types), and it holds for any multipliers of obedience [own]:

    sum_p [ sum_s prior[p,s] max_a ( U[s,a] + sum_b lam[a,b] (u[s,a] - u[s,b]) )
            + W(1/e) / rationality * prob(p) * sum_ab lam[a,b] ]

since a logit follower takes an action worse by x with probability at most 1 / (1 + e^(rationality x)).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxgame.bracket import Bracket
from jaxgame.competition.private import Private, is_best, message_values
from jaxgame.competition.restricted import most_likely, obedient_schemes
from jaxgame.game import Game
from jaxgame.leader import leader_value
from jaxgame.response import quantal_regret_bound

STARTS = 8
STEPS = 400
RATE = 0.1
WARMING = (3.0, 300.0)  # rationality at the first and the last step, times the follower's range of utility


class Ascent(NamedTuple):
    """The best scheme of all starts and a bracket of the best there is."""

    scheme: Float[Array, "S M"]
    value: Bracket
    steps: Int[Array, ""]


def best_ascent(
    key: Array,
    problem: Private,
    rationality: float | Float[Array, ""],
    tie: str,
    margin: float,
    messages: int,
) -> Ascent:
    """Ascend from STARTS random schemes with `messages` messages, all at once."""
    states = problem.prior.shape[1]
    best = is_best(rationality)
    follower = problem.follower
    span = (follower.max(2) - follower.min(2)).max()
    span = jnp.where(span > 0, span, 1.0)
    share = jnp.linspace(0.0, 1.0, STEPS)
    warmed = WARMING[0] * (WARMING[1] / WARMING[0]) ** share / span
    path = warmed if best else jnp.broadcast_to(jnp.asarray(rationality, follower.dtype), (STEPS,))
    size = jnp.maximum((problem.prior * jnp.abs(problem.leader).max(2)).sum(), jnp.finfo(span.dtype).tiny)

    def loss(logits: Array, rationality: Array) -> Array:
        schemes = jax.nn.softmax(logits, -1)
        return (
            -jax.vmap(lambda s: message_values(problem, s, rationality, "lowest").sum())(schemes).sum() / size
        )

    adam = optax.adam(RATE)

    def step(state: tuple, rationality: Array) -> tuple[tuple, None]:
        logits, memory = state
        slope = jax.grad(loss)(logits, rationality)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count with floats
            change, memory = adam.update(slope, memory)
        return (logits + change, memory), None

    logits = 2 * jax.random.normal(key, (STARTS, states, messages), follower.dtype)
    (logits, _), _ = jax.lax.scan(step, (logits, adam.init(logits)), path)
    schemes = jax.nn.softmax(logits, -1)
    if best:  # all starts' recommendations together
        together = jnp.moveaxis(schemes, 0, 1).reshape(1, states, -1) / STARTS
        scheme = obedient_schemes(problem, together, 0.0 if tie == "favoured" else margin)[0]
        schemes = most_likely(problem, scheme, messages + states)[None]
    values = jax.vmap(lambda s: message_values(problem, s, rationality, tie).sum())(schemes)
    chosen = values.argmax()
    upper = jnp.maximum(informed_bound(problem, rationality), values[chosen])
    return Ascent(schemes[chosen], Bracket(values[chosen], upper), jnp.int32(STEPS))


def informed_bound(problem: Private, rationality: float | Float[Array, ""]) -> Float[Array, ""]:
    """What the leader would earn at most if it knew what the follower hears."""

    def alone(prior: Float[Array, " S"], follower: Float[Array, "S A"], leader: Float[Array, "S A"]) -> Array:
        most = (prior * leader.max(1)).sum()
        single = Game(prior[None], follower[None], leader[None, None])
        below = -1.0 - 2 * (prior * jnp.abs(follower).max(1)).sum()
        best = leader_value(single, 0, below)
        if is_best(rationality):
            return jnp.minimum(best.value.upper, most)
        multipliers = best.multipliers.obedience[:, 0]  # [A,A]
        gaps = follower[:, :, None] - follower[:, None]
        weighed = leader + (multipliers[None] * gaps).sum(2)
        rationality_ = jnp.asarray(rationality, prior.dtype)
        slack = quantal_regret_bound(2, 1.0) * prior.sum() * multipliers.sum()
        bound = (prior * weighed.max(1)).sum() + slack / jnp.where(rationality_ > 0, rationality_, 1.0)
        return jnp.where(rationality_ > 0, jnp.minimum(bound, most), most)

    return jax.vmap(alone)(problem.prior, problem.follower, problem.leader).sum()
