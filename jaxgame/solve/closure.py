"""The concave closure of finitely many points over the simplex, as a tiny linear program.

    max sum_n w_n v_n   s.t.   sum_n w_n points_n = target,  w >= 0

where the unit vectors of the simplex, its corners, always are among the points: they are a feasible
basis to start from. Revised simplex: a lane carries the inverse of an S x S basis, so that one set of points
serves many targets and a pivot costs N S operations. Targets are often points themselves, with zeros and
ties; right-hand sides perturbed by generic amounts of the order of rounding keep it from cycling, and the
exact ones give the answer.

Both bounds are recomputed from their definitions, so that a wrong answer of the pivoting widens them and
no more: below by weights made feasible, above by weak duality.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

COST_TOLERANCE = 1e-14  # values are scaled to a range of 1
PIVOT_TOLERANCE = 1e-11
PERTURBATION = 1e-13
MOST_PIVOTS = 24  # for each coordinate: past that something cycles


class Basis(NamedTuple):
    """S columns, by number: corners are 0 to S - 1, point n is S + n."""

    columns: Int[Array, " S"]
    inverse: Float[Array, "S S"]
    amounts: Float[Array, "S 2"]  # of the columns, for the target as it is and perturbed


class Closure(NamedTuple):
    """Bounds on the closure at the target; weights of points and corners that attain `lower`.

    `multipliers` is the affine function q -> multipliers . q that proves `upper`.
    """

    lower: Float[Array, ""]
    upper: Float[Array, ""]
    weights: Float[Array, " N"]
    corner_weights: Float[Array, " S"]
    multipliers: Float[Array, " S"]
    basis: Basis
    pivots: Int[Array, ""]


class _Walk(NamedTuple):
    basis: Basis
    worth: Float[Array, " S"]  # of the basis columns
    done: Bool[Array, ""]
    pivots: Int[Array, ""]


def concave_closure(
    points: Float[Array, "N S"],
    values: Float[Array, " N"],
    corners: Float[Array, " S"],
    target: Float[Array, " S"],
    start: Basis | None = None,
) -> Closure:
    """The closure at `target` of points with `values`, and of the S unit vectors with values `corners`.

    Points are laws, the target is at least 0 (its sum need not be 1: the closure is homogeneous). A value of
    -inf leaves its point out; corners must be finite. `start` is the final basis for other values at the same
    points and target, none of whose points is left out now.
    """
    count, size = points.shape
    # What gives weight to a coordinate that the target lacks cannot be used.
    usable = ((points <= 0) | (target[None] > 0)).all(1) & (values > -jnp.inf)
    within = jnp.concatenate([target > 0, usable])
    raw = jnp.concatenate([corners, jnp.where(usable, values, 0.0)])
    low = jnp.where(within, raw, jnp.inf).min()
    spread = jnp.where(within, raw, -jnp.inf).max() - low
    # A target of 0 has no usable column: its closure is 0.
    nothing = ~within.any() | ~(spread > 0)
    unit = jnp.where(nothing, 1.0, spread)
    scaled = jnp.where(within, (raw - jnp.where(within.any(), low, 0.0)) / unit, 0.0)
    rows = jnp.concatenate([jnp.eye(size, dtype=points.dtype), points])
    total = target.sum()

    def reduced(multipliers: Array) -> Array:
        return jnp.where(within, scaled - rows @ multipliers, -jnp.inf)

    def pivot(walk: _Walk) -> _Walk:
        columns, inverse, amounts = walk.basis
        multipliers = walk.worth @ inverse
        gains = reduced(multipliers)
        entering = gains.argmax().astype(jnp.int32)
        column = inverse @ rows[entering]
        falling = column > PIVOT_TOLERANCE
        ratio = jnp.where(falling, amounts[:, 1] / jnp.where(falling, column, 1.0), jnp.inf)
        leaving = jnp.arange(size) == ratio.argmin()
        # Where the basis is nearly singular multipliers are large, and so is the rounding of gains.
        enough = COST_TOLERANCE * (1 + jnp.abs(multipliers).max())
        finished = (gains.max() <= enough) | (columns == entering).any() | ~falling.any() | walk.done
        value = jnp.where(leaving & ~finished, column, 0.0).sum()
        value = jnp.where(finished, 1.0, value)

        def exchanged(x: Array) -> Array:
            row = jnp.where(leaving[:, None], x, 0.0).sum(0) / value
            return jnp.where(leaving[:, None], row[None], x - column[:, None] * row[None])

        def kept(new: Array, old: Array) -> Array:
            return jnp.where(finished, old, new)

        basis = Basis(
            kept(jnp.where(leaving, entering, columns), columns),
            kept(exchanged(inverse), inverse),
            kept(exchanged(amounts), amounts),
        )
        worth = kept(jnp.where(leaving, scaled[entering], walk.worth), walk.worth)
        return _Walk(basis, worth, finished, walk.pivots + (~finished).astype(jnp.int32))

    if start is None:
        start = corner_basis(target)
    most = MOST_PIVOTS * size
    walk = jax.lax.while_loop(
        lambda walk: ~walk.done & (walk.pivots < most),
        pivot,
        _Walk(start, scaled[start.columns], jnp.asarray(False), jnp.int32(0)),
    )

    # Below: what the amounts miss of the target goes to the corners, after a cut where they exceed it.
    found = jnp.zeros(size + count, points.dtype).at[walk.basis.columns].set(walk.basis.amounts[:, 0])
    weights = jnp.where(usable, jnp.maximum(found[size:], 0.0), 0.0)
    mean = weights @ points
    share = jnp.where(mean > target, target / jnp.where(mean > target, mean, 1.0), 1.0).min()
    weights = share * weights
    rest = jnp.maximum(target - weights @ points, 0.0)
    lower = weights @ scaled[size:] + rest @ scaled[:size]

    # Above: an affine function, raised until it is nowhere below the values.
    multipliers = walk.worth @ walk.basis.inverse
    multipliers += jnp.where(nothing, 0.0, jnp.where(within.any(), reduced(multipliers).max(), 0.0))
    upper = jnp.maximum(multipliers @ target, lower)
    base = jnp.where(within.any(), low, 0.0)
    return Closure(
        lower=unit * lower + base * total,
        upper=unit * upper + base * total,
        weights=weights,
        corner_weights=rest,
        multipliers=unit * multipliers + base,
        basis=walk.basis,
        pivots=walk.pivots,
    )


def corner_basis(target: Float[Array, " S"]) -> Basis:
    """The basis of the corners, from which every closure may start."""
    size = len(target)
    generic = jnp.asarray(np.random.default_rng(0).uniform(1.0, 2.0, size) * PERTURBATION, target.dtype)
    amounts = jnp.stack([target, target + target.sum() * generic], 1)
    return Basis(jnp.arange(size, dtype=jnp.int32), jnp.eye(size, dtype=target.dtype), amounts)
