"""Gradient ascent on a scheme's logits, for games too large for the exact methods.

Against a best-responding follower the ascent sees a logit one whose rationality grows. What it ends with says
which actions each message should recommend; `restricted` then finds the best scheme that does so.

The bound from above lets the leader know what the follower hears from others (the problem then falls
apart into one for each of her private types), and it holds for any multipliers of obedience [own]:

    sum_p [ sum_s prior[p,s] max_a ( U[s,a] + sum_b lam[a,b] (u[s,a] - u[s,b]) )
            + W(1/e) / rationality * prob(p) * sum_ab lam[a,b] ]

since a logit follower takes an action worse by x with probability at most 1 / (1 + e^(rationality x)). For
one who responds best the last term is what actions allow that only count as best (`private.beyond_ties`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.competition.independent.private import (
    Private,
    beyond_ties,
    centred,
    is_best,
    message_values,
    rounding,
)
from jaxgame.competition.independent.restricted import most_likely, obedient_schemes
from jaxgame.core.bracket import Bracket
from jaxgame.core.descent import descended
from jaxgame.core.game import Game
from jaxgame.core.response import quantal_regret_bound
from jaxgame.core.units import action_range
from jaxgame.persuasion.lanes import recommendations
from jaxgame.persuasion.value import best_at

RANDOM_STARTS = 8
STEPS = 400
RATE = 0.1
COARSE = 2.0**-30  # what multipliers are proposed for: utilities as multiples of this part of the largest
WARMING = (3.0, 300.0)  # rationality at the first and the last step, times the follower's range of utility


class Ascent(NamedTuple):
    """The best scheme of all starts, a bracket of the best there is, and how many steps each start took."""

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
    """Ascend from RANDOM_STARTS random schemes with `messages` messages, all at once.

    1. STEPS steps on the logits; a best-responding follower is a logit one whose rationality grows on the
       way.
    2. If she responds best: what the starts' messages recommend, all together, is made obedient again by a
       linear program, and the S + `messages` most likely of its messages are kept.
    3. The best scheme is judged against the follower as she is, and bounded by `informed_bound`.
    """
    states = problem.prior.shape[1]
    best = is_best(rationality)
    follower = problem.follower
    span = action_range(follower).max()
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

    logits = 2 * jax.random.normal(key, (RANDOM_STARTS, states, messages), follower.dtype)
    schemes = jax.nn.softmax(descended(jax.grad(loss), logits, path, RATE), -1)
    if best:  # all starts' recommendations together
        together = jnp.moveaxis(schemes, 0, 1).reshape(1, states, -1) / RANDOM_STARTS
        scheme = obedient_schemes(problem, together, 0.0 if tie == "favoured" else margin)[0]
        schemes = most_likely(problem, scheme, messages + states)[None]
    values = jax.vmap(lambda s: message_values(problem, s, rationality, tie).sum())(schemes)
    chosen = values.argmax()
    lower = values[chosen] - rounding(problem, rationality, schemes.shape[2]).sum()
    return Ascent(schemes[chosen], Bracket(lower, informed_bound(problem, rationality)), jnp.int32(STEPS))


def informed_bound(problem: Private, rationality: float | Float[Array, ""]) -> Float[Array, ""]:
    """What the leader would earn at most if it knew what the follower hears, all in standard units.

    The problem then is one of a single type for each p, and any multipliers of its obedience prove a bound
    (see the module): the solver only proposes them.
    """
    actions = problem.follower.shape[2]
    others = recommendations(1, actions)[1][:, 0]  # [A,Q]

    def alone(prior: Float[Array, " S"], follower: Float[Array, "S A"], leader: Float[Array, "S A"]) -> Array:
        eps = (others.size + prior.size + 16) * jnp.finfo(prior.dtype).eps
        most = (1 + eps) * (prior * leader.max(1)).sum()
        loss = -centred(follower[None])[0]

        def solved(follower: Float[Array, "S A"], leader: Float[Array, "S A"]) -> tuple[Array, Array]:
            single = Game(prior[None], follower[None], leader[None, None])
            best = best_at(single, leader[None], jnp.full(1, jnp.inf, prior.dtype))
            return best.upper[0], best.obedience[0]  # [A,Q]

        def of_one(x: Float[Array, "S A"]) -> tuple[Array, Array]:
            largest = x.max()
            unit = jnp.where(largest > 0, largest, 1.0)
            return jnp.round(x / unit / COARSE) * COARSE, unit

        if is_best(rationality):
            upper, multipliers = solved(follower, leader)
            single = Private(prior[None], follower[None], leader[None])
            return jnp.minimum(upper + beyond_ties(single, multipliers.sum(1, keepdims=True)), most)
        # Any multipliers will do. Of many optimal ones take the same, whatever units have rounded.
        (lost, hers), (gain, theirs) = of_one(loss), of_one(leader)
        multipliers = solved(-lost, gain)[1] * (theirs / hers)
        rational = jnp.asarray(rationality, prior.dtype)
        gaps = follower[:, :, None] - follower[:, others]  # [S,A,Q]
        weighed = leader + (multipliers[None] * gaps).sum(2)
        size = leader + (multipliers[None] * jnp.abs(gaps)).sum(2)
        slack = quantal_regret_bound(2, 1.0) * prior.sum() * multipliers.sum()
        slack = (1 + eps) * slack / jnp.where(rational > 0, rational, 1.0)
        bound = (prior * (weighed + eps * size).max(1)).sum() + slack + eps * (prior * size.max(1)).sum()
        return jnp.where(rational > 0, jnp.minimum(bound, most), most)

    bound = jax.vmap(alone)(problem.prior, problem.follower, problem.leader)
    return (1 + len(bound) * jnp.finfo(bound.dtype).eps) * bound.sum()
