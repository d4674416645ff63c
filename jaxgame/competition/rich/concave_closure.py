"""The concave closure of finitely many points over the simplex, as a tiny linear program.

    max sum_n w_n v_n   s.t.   sum_n w_n points_n = target,  w >= 0

where the unit vectors of the simplex, its corners, always are among the points: they are a feasible
basis to start from. Revised simplex: a lane carries the inverse of an S x S basis, so that one set of points
serves many targets and a pivot costs N S operations. Targets are often points themselves, with zeros and
ties; right-hand sides perturbed by generic amounts of the order of rounding keep it from cycling, and the
exact ones give the answer.

Both bounds are recomputed from their definitions (`certified`), so that a wrong answer of the pivoting widens
them and no more: below by weights made feasible, above by weak duality, and both are moved outwards by what
evaluating them rounds (theory, section 6). They cross only if something is wrong.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided

COST_TOLERANCE = 1e-14  # values are scaled to a range of 1
PIVOT_TOLERANCE = 1e-11
PERTURBATION = 1e-13
MOST_PIVOTS = 24  # for each coordinate: past that something cycles

LARGEST = 1e150  # a multiplier that may be squared


class Basis(NamedTuple):
    """S columns that span the target, by number: corners are 0 to S - 1, point n is S + n."""

    columns: Int[Array, " S"]
    inverse: Float[Array, "S S"]
    amounts: Float[Array, "S 2"]  # of the columns, for the target as it is and perturbed


class Certified(NamedTuple):
    """Bounds on the closure at the target, true in exact arithmetic.

    `weights` of points and `corner_weights` attain `lower`; the affine function q -> multipliers . q proves
    `upper`. Of an input that is not finite nothing is known.
    """

    lower: Float[Array, ""]
    upper: Float[Array, ""]
    weights: Float[Array, " N"]
    corner_weights: Float[Array, " S"]
    multipliers: Float[Array, " S"]


class ConcaveClosure(NamedTuple):
    """The closure at the target, as `Certified`, and where the pivoting ended."""

    lower: Float[Array, ""]
    upper: Float[Array, ""]
    weights: Float[Array, " N"]
    corner_weights: Float[Array, " S"]
    multipliers: Float[Array, " S"]
    basis: Basis
    pivots: Int[Array, ""]


class Walk(NamedTuple):
    """Where the pivoting is: from basis to basis until no column gains (`done`), or too many pivots."""

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
) -> ConcaveClosure:
    """The closure at `target` of points with `values`, and of the S unit vectors with values `corners`.

    Points are laws, the target is at least 0 (its sum need not be 1: the closure is homogeneous). A value of
    -inf leaves its point out; corners must be finite. `start` is the final basis for other values at the same
    points and target, none of whose points is left out now.
    """
    count, size = points.shape
    usable = _usable(points, values, target)
    within = jnp.concatenate([target > 0, usable])
    raw = jnp.concatenate([corners, jnp.where(usable, values, 0.0)])
    low = jnp.where(within, raw, jnp.inf).min()
    spread = jnp.where(within, raw, -jnp.inf).max() - low
    # A target of 0 has no usable column: its closure is 0.
    nothing = ~within.any() | ~(spread > 0)
    unit = jnp.where(nothing, 1.0, spread)
    scaled = jnp.where(within, (raw - jnp.where(within.any(), low, 0.0)) / unit, 0.0)
    rows = jnp.concatenate([jnp.eye(size, dtype=points.dtype), points])

    walk = walked(rows, scaled, within, corner_basis(target) if start is None else start)
    found = jnp.zeros(size + count, points.dtype).at[walk.basis.columns].set(walk.basis.amounts[:, 0])
    multipliers = unit * (walk.worth @ walk.basis.inverse) + jnp.where(within.any(), low, 0.0)
    proved = certified(points, values, corners, target, found[size:], multipliers)
    return ConcaveClosure(*proved, basis=walk.basis, pivots=walk.pivots)


def walked(
    rows: Float[Array, "N S"], scaled: Float[Array, " N"], within: Bool[Array, " N"], start: Basis
) -> Walk:
    """From a basis to the best one, for columns that are the `rows`, the S unit vectors first.

    `scaled` is what they are worth, with a range of about 1; only those `within` may enter.

    A pivot of the revised simplex method, in order: prices of the coordinates by the basis; the column that
    gains most enters; the one whose (perturbed) amount falls to 0 first leaves; inverse and amounts are
    exchanged. A lane that is finished keeps what it has while others of a batch go on.
    """
    size = rows.shape[1]

    def reduced(multipliers: Array) -> Array:
        return jnp.where(within, scaled - rows @ multipliers, -jnp.inf)

    def pivot(walk: Walk) -> Walk:
        columns, inverse, amounts = walk.basis
        multipliers = walk.worth @ inverse
        gains = reduced(multipliers)
        entering = gains.argmax().astype(jnp.int32)
        column = inverse @ rows[entering]
        falling = column > PIVOT_TOLERANCE
        ratio = divided(amounts[:, 1], column, falling, jnp.inf)
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
        return Walk(basis, worth, finished, walk.pivots + (~finished).astype(jnp.int32))

    most = MOST_PIVOTS * size
    return jax.lax.while_loop(
        lambda walk: ~walk.done & (walk.pivots < most),
        pivot,
        Walk(start, scaled[start.columns], jnp.asarray(False), jnp.int32(0)),
    )


def certified(
    points: Float[Array, "N S"],
    values: Float[Array, " N"],
    corners: Float[Array, " S"],
    target: Float[Array, " S"],
    weights: Float[Array, " N"],
    multipliers: Float[Array, " S"],
) -> Certified:
    """Bounds on the closure by any proposed weights of the points and any proposed multipliers.

    Weights that are negative or no numbers count as 0, and so do multipliers that are none.
    """
    eps = float(jnp.finfo(points.dtype).eps)
    size = len(target)
    usable = _usable(points, values, target)
    worth = jnp.where(usable, values, 0.0)

    # Below: cut where they exceed the target; what they miss of it goes to the corners. In exact arithmetic
    # the weights may still exceed the target by rounding, and would be cut by as much. Adding 0 is exact.
    kept = jnp.where(usable & jnp.isfinite(weights), jnp.maximum(weights, 0.0), 0.0)
    mean = kept @ points
    # No divisor depends on which is larger: the compiler may compute a mean twice, and round it twice.
    share = jnp.where(mean > target, divided(target, mean, mean > 0, 1.0), 1.0).min()
    kept = share * kept
    rest = jnp.maximum(target - kept @ points, 0.0)
    used = (kept > 0).sum().astype(points.dtype)
    rounded = (used + size + 8) * eps
    sizes = kept @ jnp.abs(worth) + 2 * (target @ jnp.abs(corners))
    lower = kept @ worth + rest @ corners - rounded * sizes

    # Above: an affine function, raised until it is nowhere below the values.
    line = jnp.where(jnp.abs(multipliers) <= LARGEST, multipliers, 0.0)
    rounding = (size + 8) * eps
    below = line - rounding * jnp.abs(line)
    over = worth + rounding * jnp.abs(worth) - points @ below
    corners_over = corners + rounding * jnp.abs(corners) - below
    excess = jnp.concatenate(
        [jnp.where(usable, over, -jnp.inf), jnp.where(target > 0, corners_over, -jnp.inf)]
    ).max()
    # A target of 0 has nothing that reaches it: its closure is 0. Sums of points are 1 but for rounding.
    excess = jnp.where((target > 0).any(), excess, 0.0)
    off = jnp.abs(points.sum(1) - 1.0).max(initial=0.0) + size * eps
    line = line + excess + 2 * off * jnp.abs(excess)
    upper = line @ target + rounding * (jnp.abs(line) @ target)

    sound = (values < jnp.inf).all()  # NaN is not
    for given in (points, corners, target):
        sound &= jnp.isfinite(given).all()
    return Certified(
        lower=jnp.where(sound, lower, -jnp.inf),
        upper=jnp.where(sound, upper, jnp.inf),
        weights=kept,
        corner_weights=rest,
        multipliers=line,
    )


def _usable(
    points: Float[Array, "N S"], values: Float[Array, " N"], target: Float[Array, " S"]
) -> Bool[Array, " N"]:
    """Points that are not left out and give no weight to a coordinate that the target lacks."""
    return ((points <= 0) | (target[None] > 0)).all(1) & (values > -jnp.inf)


def corner_basis(target: Float[Array, " S"]) -> Basis:
    """The basis of the corners, from which every closure may start."""
    size = len(target)
    generic = jnp.asarray(np.random.default_rng(0).uniform(1.0, 2.0, size) * PERTURBATION, target.dtype)
    amounts = jnp.stack([target, target + target.sum() * generic], 1)
    return Basis(jnp.arange(size, dtype=jnp.int32), jnp.eye(size, dtype=target.dtype), amounts)
