"""The most that a law of posteriors can be worth if leaders may gain a little by revealing more.

    max sum_n w_n worth_n   s.t.   sum_n w_n points_n = target,   sum_n w_n excess_in <= allowed_i,   w >= 0

over points and the corners of the simplex. The S + K rows are one target of the closure's simplex method
(`concave_closure.walked`): the slacks of the leaders' rows are unit vectors there as the corners are.

Nothing here trusts what that proposes [own]. Above: for any prices >= 0 of the leaders' excess the concave
closure at the target of `worth - prices . excess`, and `prices . allowed`, is a bound by weak duality, and
any affine function bounds that closure. Below: any law is mixed with one that is known to be within what is
allowed, as much as it takes, and is weighed as it is then.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgame.competition.rich.concave_closure import LARGEST, PERTURBATION, Basis, certified, walked
from jaxgame.core.arithmetic import divided
from jaxgame.core.units import Standard


class Program(NamedTuple):
    """N points of the simplex and its S corners: what they are worth, and what K leaders would gain there.

    `worth` is -inf where a point is left out; `excess` there is any finite number. `target` is at least 0,
    `allowed` positive.
    """

    points: Float[Array, "N S"]
    worth: Float[Array, " N"]
    excess: Float[Array, "K N"]
    corners: Float[Array, " S"]
    corner_excess: Float[Array, "K S"]
    target: Float[Array, " S"]
    allowed: Float[Array, " K"]


class Proposal(NamedTuple):
    """Weights of the points (the corners have the rest), multipliers of the target, prices of the excess."""

    weights: Float[Array, " N"]
    multipliers: Float[Array, " S"]
    prices: Float[Array, " K"]
    pivots: Int[Array, ""]


class Law(NamedTuple):
    """Weights of points and corners that average to the target."""

    weights: Float[Array, " N"]
    corner_weights: Float[Array, " S"]


class Kept(NamedTuple):
    """A law, what it is worth at least, and the `excess` of the leaders on it at most."""

    law: Law
    worth: Float[Array, ""]
    excess: Float[Array, " K"]


def forgiven(units: Standard, unit: Float[Array, " K"], slack: Float[Array, "*K"]) -> Float[Array, " K"]:
    """Slack in the caller's units as parts of leaders' ranges, of which nobody gains more than 1.

    `unit` takes these to standard units. One who does not care is forgiven everything.
    """
    scale = units.leaders.unit * unit
    return jnp.minimum(divided(jnp.broadcast_to(slack, scale.shape), scale, scale > 0, 1.0), 1.0)


def proposed(program: Program, start: Basis | None) -> Proposal:
    """By the simplex method, from the corners if nobody gains at them, else from `start`.

    That is a basis of points and corners for the target (`concave_closure`), within what is allowed.
    """
    points, worth, excess, corners, corner_excess, target, allowed = program
    (leaders, count), size = excess.shape, len(target)
    possible = target > 0
    usable = ((points <= 0) | possible[None]).all(1) & (worth > -jnp.inf)
    both = jnp.concatenate([jnp.where(usable, worth, 0.0), corners])
    within = jnp.concatenate([usable, possible])
    low = jnp.where(within, both, jnp.inf).min()
    spread = jnp.where(within, both, -jnp.inf).max() - low
    unit = jnp.where(spread > 0, spread, 1.0)
    scaled = jnp.where(within, (both - low) / unit, 0.0)
    rows = jnp.concatenate(
        [
            jnp.eye(size + leaders, dtype=points.dtype),
            jnp.concatenate([points, excess.T], 1),
            jnp.concatenate([jnp.eye(size, dtype=points.dtype), corner_excess.T], 1),
        ]
    )
    # Unit vectors of states are corners where nobody gains.
    first = jnp.where(possible & (start is None), (corners - low) / unit, 0.0)
    nothing = jnp.zeros(leaders, points.dtype)
    walk = walked(
        rows,
        jnp.concatenate([first, nothing, scaled]),
        jnp.concatenate([possible & (start is None), nothing == 0, within]),
        _corners_first(target, allowed) if start is None else _extended(program, start),
    )
    amounts = jnp.zeros(len(rows), points.dtype).at[walk.basis.columns].set(walk.basis.amounts[:, 0])
    prices = unit * (walk.worth @ walk.basis.inverse)
    return Proposal(
        weights=amounts[size + leaders : size + leaders + count],
        multipliers=prices[:size] + low,
        prices=prices[size:],
        pivots=walk.pivots,
    )


def bound(program: Program, multipliers: Float[Array, " S"], prices: Float[Array, " K"]) -> Float[Array, ""]:
    """No law within what is allowed is worth more, whatever is proposed.

    Prices that are negative, enormous or no numbers count as 0, and so do multipliers that are none.
    """
    points, worth, excess, corners, corner_excess, target, allowed = program
    eps = float(jnp.finfo(points.dtype).eps)
    rounding = (len(allowed) + 4) * eps
    prices = jnp.where((prices > 0) & (prices <= LARGEST), prices, 0.0)

    def net(worth: Array, excess: Array) -> Array:
        paid = worth - prices @ excess
        size = jnp.where(worth > -jnp.inf, jnp.abs(worth) + prices @ jnp.abs(excess), 0.0)
        return paid + rounding * size

    closure = certified(
        points,
        net(worth, excess),
        net(corners, corner_excess),
        target,
        jnp.zeros_like(worth),
        multipliers,
    ).upper
    spent = prices @ allowed
    total = closure + spent + rounding * (jnp.abs(closure) + spent)
    return jnp.where(jnp.isnan(total), jnp.inf, total)


def kept(program: Program, weights: Float[Array, " N"], safe: Law) -> Kept:
    """A law near the proposed one within what is allowed, if the `safe` law is; else the safe law.

    Weights that are negative or no numbers count as 0.
    """

    def weighed(weights: Array) -> tuple[Law, Array, Array]:
        zero = jnp.zeros_like(program.target)
        found = certified(program.points, program.worth, program.corners, program.target, weights, zero)
        law = Law(found.weights, found.corner_weights)
        return law, found.lower, _spent(program, law)

    law, _, spent = weighed(weights)
    free = _spent(program, safe)
    over = spent > program.allowed
    most = jnp.where(over, divided(program.allowed - free, spent - free, spent > free), 1.0).min()
    eps = float(jnp.finfo(spent.dtype).eps)
    share = jnp.clip((1 - 4 * eps) * most, 0.0, 1.0)
    mixed, worth, spent = weighed(share * law.weights + (1 - share) * safe.weights)
    return Kept(mixed, worth, spent)


def _spent(program: Program, law: Law) -> Float[Array, " K"]:
    """The excess of each leader on a law, with what computing it rounds."""
    eps = float(jnp.finfo(law.weights.dtype).eps)
    rounding = (len(law.weights) + len(law.corner_weights) + 4) * eps
    spent = program.excess @ law.weights + program.corner_excess @ law.corner_weights
    size = jnp.abs(program.excess) @ law.weights + jnp.abs(program.corner_excess) @ law.corner_weights
    return spent + rounding * size


def perturbed(amounts: Float[Array, " M"]) -> Float[Array, " M"]:
    """By generic parts of themselves of the order of rounding: what is allowed may be tiny."""
    generic = np.random.default_rng(1).uniform(1.0, 2.0, len(amounts)) * PERTURBATION
    return amounts * (1 + jnp.asarray(generic, amounts.dtype))


def _corners_first(target: Float[Array, " S"], allowed: Float[Array, " K"]) -> Basis:
    """The basis of all unit vectors: full revelation, at which nobody gains."""
    amounts = jnp.concatenate([target, allowed])
    columns = jnp.arange(len(amounts), dtype=jnp.int32)
    return Basis(
        columns, jnp.eye(len(amounts), dtype=target.dtype), jnp.stack([amounts, perturbed(amounts)], 1)
    )


def _extended(program: Program, start: Basis) -> Basis:
    """A basis for the target made one for all rows: the leaders' slacks join it."""
    leaders, size, count = len(program.allowed), len(program.target), len(program.worth)
    corner = start.columns < size
    excess = jnp.concatenate([program.corner_excess, program.excess], 1)[:, start.columns]
    amounts = start.amounts[:, 0]
    rest = jnp.maximum(program.allowed - excess @ amounts, 0.0)
    none = jnp.zeros((size, leaders), excess.dtype)
    inverse = jnp.block(
        [[start.inverse, none], [-excess @ start.inverse, jnp.eye(leaders, dtype=none.dtype)]]
    )
    slacks = size + jnp.arange(leaders, dtype=jnp.int32)
    return Basis(
        columns=jnp.concatenate([start.columns + leaders + jnp.where(corner, size + count, 0), slacks]),
        inverse=inverse,
        amounts=jnp.concatenate(
            [start.amounts, jnp.stack([rest, perturbed(program.allowed) - excess @ start.amounts[:, 1]], 1)]
        ),
    )
