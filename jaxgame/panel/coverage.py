"""How near a target comes to the hull of K raters of a panel drawn at random, and to its rivals.

Weights are fitted by least squares on train rows; distances are root mean squares over rows, and
those on test rows are the finding. Every distance stands beside rivals that a hull must beat
(the best single rater, the plain average, a constant) and beside the null: the same fit to the
target's values in random order. It falls with K too, so that a falling distance proves nothing.

Least squares sees rows only through their inner products. A QR decomposition, made once, turns N
rows into as many as there are columns, with all root mean squares unchanged; a draw then costs a
few small matrices. The factor, unlike a Gram matrix, keeps the distance of given weights exact to
rounding, however near to 0; fitted weights come within about 1e-8 of an exact fit.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.cone import CONE_REACH
from jaxgame.core.record import record
from jaxgame.hull import OFFSETS
from jaxgame.hull.least_squares import nonnegative_least_squares, simplex_problem
from jaxgame.panel.table import Panel

POOLS = ("any", "same_group", "other_group")

# What `coverage` measures; each name comes with `_train` and `_test`.
METHODS = (
    "hull",
    "cone",
    "best_single",
    "best_single_fitted",
    "plain_average",
    "plain_average_fitted",
    "null",
    "constant",
)

# A rater counts as used if its weight is above this.
USED_WEIGHT = 1e-6

# A bracket counts as closed if it is no wider than this, relative to the target's size.
CLOSED = 1e-6

# Squared errors this near, relative to the target's square, are a tie.
TIE = 1e-12

# A prediction whose spread is a smaller part of its size is constant, and gets slope 0.
CONSTANT = 1e-10


@record
class Rows:
    """N rows of a table, turned into C rows on which root mean squares are the same.

    `columns` [C, P] are the images of the table's columns, `one` [C] that of the constant 1; `basis`
    [N, C - 1] spans both. The last of the C rows holds what a vector has outside that span.
    """

    basis: Float[Array, "N C_less_1"]
    columns: Float[Array, "C P"]
    one: Float[Array, " C"]

    def image(self, vector: Float[Array, " N"]) -> Float[Array, " C"]:
        """The image of any vector over the N rows."""
        inside = self.basis.T @ vector
        outside = jnp.linalg.norm(vector - self.basis @ inside)
        scale = np.sqrt(self.one.shape[0] / vector.shape[0])
        return scale * jnp.concatenate([inside, outside[None]])


@record
class Table:
    """A panel made ready for many draws; a pytree.

    Columns P are the raters and, if there is one, the fixed target, last. `targets` [G, N] are the
    columns a draw may pick as target, train rows first, `target_places` [G] their places among
    the P, and `eligible` [G, P] tells which columns may then be raters.
    """

    train: Rows
    test: Rows
    targets: Float[Array, "G N"]
    target_places: Array
    eligible: Bool[Array, "G P"]


def prepare(panel: Panel, *, standardise: bool, pool: str = "any") -> Table:
    """Factor a panel's train and test rows, once for all draws.

    `standardise` subtracts each column's train mean and divides by its train standard deviation, the
    target's included: distances are then in standard deviations of the target. `pool` tells which
    raters may advise a target that is a rater itself: "any" other, those of its own group
    ("same_group"), or of the others ("other_group").

    Raises ValueError for an unknown pool, one that asks for the group of a fixed target, a target
    left without raters, and a column to be standardised that is constant on train rows.
    """
    checks.check_choice("pool", pool, POOLS)
    fixed = panel.target is not None
    if fixed and pool != "any":
        raise ValueError(f"pool is {pool!r}, but panel {panel.name!r} has a fixed target; it must be 'any'")
    if panel.target is None:
        columns, names = panel.scores, panel.raters
    else:
        columns = np.column_stack([panel.scores, panel.target])
        names = (*panel.raters, "the target")
    if standardise:
        columns = _standardised(columns, names, panel)
    train, test = columns[panel.train], columns[~panel.train]
    picks = np.array([len(panel.raters)]) if fixed else np.arange(len(panel.raters))
    return Table(
        train=_factored(train),
        test=_factored(test),
        targets=jnp.asarray(np.concatenate([train, test])[:, picks].T),
        target_places=jnp.asarray(picks),
        eligible=jnp.asarray(_eligible(panel, pool)),
    )


def largest_pool(panel: Panel, pool: str = "any") -> int:
    """The most raters that every target of the panel can have."""
    checks.check_choice("pool", pool, POOLS)
    return int(_eligible(panel, pool).sum(axis=1).min())


def nested_sizes(largest: int) -> list[int]:
    """1, 2, 4, ... and `largest` itself.

    >>> from jaxgame.panel import coverage
    >>> coverage.nested_sizes(20)
    [1, 2, 4, 8, 16, 20]
    """
    return [2**power for power in range(largest.bit_length()) if 2**power < largest] + [largest]


def coverage(
    key: Array, table: Table, sizes: Sequence[int], *, offset: str = "none"
) -> dict[str, Array | Bracket]:
    """One draw: a target, raters in random order, and the distances for the first K of them, K in `sizes`.

    Returns arrays [len(sizes)] `METHOD_train` and `METHOD_test`, root mean squares over rows, for

    - hull, cone: weights w >= 0 (hull: sum w = 1) of least squares on train rows. `hull_train` and
      `cone_train` are Brackets, certified by a dual measure as in `hull.hull_distance`;
    - best_single: the rater with the least train distance as it is; best_single_fitted: the one with
      the least after a slope and an intercept fitted on train (the slope may be negative);
    - plain_average: equal weights, as it is; plain_average_fitted: with slope and intercept;
    - null: the hull fitted to, and tested on, the target's values in random order;
    - constant: the target's train mean;

    besides `hull_used`, how many raters have weight, `converged`, whether both brackets closed,
    and `target`, the place of the target's column.

    `offset` "constant" gives hull, cone and null an intercept too; "none" does not. On standardised
    columns "none" is the natural choice: train means are 0, and so is the best intercept of hull and cone.

    Pure, works under jit and vmap. Raises ValueError for an unknown offset and sizes out of range.
    """
    checks.check_choice("offset", offset, OFFSETS)
    _check_sizes(sizes, table)
    key_target, key_order, key_shuffle = jax.random.split(key, 3)
    pick = jax.random.randint(key_target, (), 0, table.targets.shape[0])
    place = table.target_places[pick]
    order = _random_order(key_order, table.eligible[pick])[: sizes[-1]]
    train, test = (_View(s.columns[:, order], s.one, s.columns[:, place]) for s in (table.train, table.test))

    shuffled = table.targets[pick][_permutation(key_shuffle, table.targets.shape[1])]
    rows = table.train.basis.shape[0]
    null_train = train._replace(target=table.train.image(shuffled[:rows]))
    null_test = test._replace(target=table.test.image(shuffled[rows:]))

    hull, cone, null = _fit_hulls(train, null_train, sizes, offset)
    values: dict[str, Array | Bracket] = {}
    for name, model in (_rivals(train, sizes) | {"hull": hull, "cone": cone}).items():
        values |= {f"{name}_train": train.distance(model), f"{name}_test": test.distance(model)}
    values |= {"null_train": null_train.distance(null), "null_test": null_test.distance(null)}
    brackets = {
        "hull_train": _bracket(train, hull, sizes, offset, simplex=True),
        "cone_train": _bracket(train, cone, sizes, offset, simplex=False),
    }
    size_of_target = train.size(train.target)
    closed = [bracket.width <= CLOSED * size_of_target for bracket in brackets.values()]
    used = (hull.weights > USED_WEIGHT).sum(axis=1)
    return values | brackets | {"hull_used": used, "converged": closed[0] & closed[1], "target": place}


class _Models(NamedTuple):
    """Predictions of the target, one for each number of raters: weights [G, K] and intercepts [G]."""

    weights: Array
    intercepts: Array


class _View(NamedTuple):
    """What one draw sees of some rows: raters [C, K] in the order of the draw, the constant 1, a target."""

    raters: Array
    one: Array
    target: Array

    def mean(self, columns: Array) -> Array:
        """Means over the original rows of columns [C, ...]."""
        return jnp.tensordot(self.one, columns, 1) / (self.one @ self.one)

    def size(self, columns: Array) -> Array:
        """Root mean squares over the original rows of columns [C, ...]."""
        return jnp.sqrt(jnp.mean(columns**2, axis=0))

    def centred(self) -> "_View":
        """The same with every column's mean subtracted."""
        raters = self.raters - jnp.outer(self.one, self.mean(self.raters))
        return self._replace(raters=raters, target=self.target - self.one * self.mean(self.target))

    def differences(self) -> Array:
        """Raters less the target, [C, K]."""
        return self.raters - self.target[:, None]

    def residuals(self, models: _Models) -> Array:
        """What `models` leave of the target, [C, G]."""
        predictions = self.raters @ models.weights.T + jnp.outer(self.one, models.intercepts)
        return self.target[:, None] - predictions

    def distance(self, models: _Models) -> Array:
        """Root mean squares [G] of the residuals."""
        return self.size(self.residuals(models))

    def with_intercepts(self, weights: Array) -> _Models:
        """`weights` [G, K] with their best intercepts."""
        plain = _without_intercepts(weights)
        return plain._replace(intercepts=self.mean(self.residuals(plain)))

    def with_lines(self, weights: Array) -> _Models:
        """`weights` [G, K] times the best slopes, with the best intercepts."""
        view = self.centred()
        slopes = _slopes(self.raters @ weights.T, view.raters @ weights.T, view.target)
        return self.with_intercepts(slopes[:, None] * weights)


def _without_intercepts(weights: Array) -> _Models:
    return _Models(weights, jnp.zeros_like(weights[:, 0]))


def _rivals(train: _View, sizes: Sequence[int]) -> dict[str, _Models]:
    """What a hull must beat, for each number of raters."""
    raters = train.raters.shape[1]
    first = _first(sizes)
    equal = first.astype(train.target.dtype) / jnp.asarray(sizes, train.target.dtype)[:, None]
    centred = train.centred()
    slopes = _slopes(train.raters, centred.raters, centred.target)

    def nearest(view: _View, scaled: Array) -> Array:
        errors = ((view.target[:, None] - scaled) ** 2).sum(axis=0)
        errors = jnp.where(first, errors[None, :], jnp.inf)
        # Of those that tie (votes do) the first in the draw's order, whatever rounding says.
        tied = errors <= errors.min(axis=1, keepdims=True) + TIE * (view.target**2).sum()
        best = tied.argmax(axis=1)
        return jax.nn.one_hot(best, raters, dtype=train.target.dtype)

    single = nearest(train, train.raters)
    single_fitted = nearest(centred, centred.raters * slopes[None, :])
    return {
        "best_single": _without_intercepts(single),
        "best_single_fitted": train.with_lines(single_fitted),
        "plain_average": _without_intercepts(equal),
        "plain_average_fitted": train.with_lines(equal),
        "constant": train.with_intercepts(jnp.zeros_like(equal)),
    }


def _slopes(columns: Array, centred: Array, target: Array) -> Array:
    """The best multiple of each of `centred` [C, K] towards `target` [C]; 0 where `columns` were constant."""
    squares = (centred**2).sum(axis=0)
    spread = squares > CONSTANT**2 * (columns**2).sum(axis=0)
    return jnp.where(spread, (target @ centred) / jnp.where(spread, squares, 1.0), 0.0)


def _fit_hulls(
    train: _View, null: _View, sizes: Sequence[int], offset: str
) -> tuple[_Models, _Models, _Models]:
    """Least squares of the first K raters, for each K in `sizes`: hull, cone, and the hull of the null.

    All are non-negative least squares from Gram matrices of K raters, the hull's after the rescaling
    of `hull.least_squares`. To compile few programs, problems of similar size run as one batch:
    raters that a smaller K lacks stay, cut off from the rest and with a moment that keeps them at 0.
    """
    if offset == "constant":
        fitted, fitted_null = train.centred(), null.centred()
    else:
        fitted, fitted_null = train, null
    cone = fitted.raters.T @ fitted.raters, fitted.raters.T @ fitted.target
    problems = (simplex_problem(fitted.differences()), cone, simplex_problem(fitted_null.differences()))
    gram, moment = (jnp.stack(parts) for parts in zip(*problems, strict=True))

    def fit(gram: Array, moment: Array, keep: Array) -> Array:
        gram = jnp.where(keep[:, None] & keep[None, :], gram, jnp.eye(len(keep), dtype=gram.dtype))
        moment = jnp.where(keep, moment, -jnp.abs(moment).max())
        return jnp.where(keep, nonnegative_least_squares(gram, moment).weights, 0.0)

    found = []
    for batch in _batches(sizes):
        width = batch[-1]
        keep = _first(batch)
        every_size = jax.vmap(fit, in_axes=(None, None, 0))
        weights = jax.vmap(every_size, in_axes=(0, 0, None))(gram[:, :width, :width], moment[:, :width], keep)
        found.append(jnp.pad(weights, ((0, 0), (0, 0), (0, sizes[-1] - width))))
    of_hull, of_cone, of_null = jnp.concatenate(found, axis=1)

    def models(view: _View, weights: Array) -> _Models:
        return view.with_intercepts(weights) if offset == "constant" else _without_intercepts(weights)

    return (
        models(train, of_hull / of_hull.sum(axis=1, keepdims=True)),
        models(train, of_cone),
        models(null, of_null / of_null.sum(axis=1, keepdims=True)),
    )


def _first(sizes: Sequence[int]) -> Array:
    """Which raters are among the first K, [sizes, raters]."""
    return jnp.asarray(np.arange(sizes[-1])[None, :] < np.array(sizes)[:, None])


def _batches(sizes: Sequence[int]) -> list[list[int]]:
    """Sizes up to 16, whose fits cost next to nothing, and then every size for itself."""
    small = [size for size in sizes if size <= 16]
    return ([small] if small else []) + [[size] for size in sizes if size > 16]


def _bracket(train: _View, models: _Models, sizes: Sequence[int], offset: str, *, simplex: bool) -> Bracket:
    """The least train distance of each hull (or cone): from above by `models`, from below by a measure.

    m = residual / (its root mean square, times rows) has dual norm 1, so that the distance is at least
    `<m, target> - max_i <m, x_i>`; on the cone `<m, target>` if no `<m, x_i>` is positive. There an
    excess by rounding is charged as in `hull.chebyshev.separation`: the bound holds against all
    weights with `sum_i w_i |x_i| <= CONE_REACH |target|`, where |.| is the root mean square.
    """
    upper = train.distance(models)
    view = train.centred() if offset == "constant" else train
    direction = view.residuals(_without_intercepts(models.weights))
    length = view.size(direction)[None, :]
    measure = jnp.where(length > 0, direction / jnp.where(length > 0, length, 1.0), 0.0) / direction.shape[0]
    first = _first(sizes)
    if simplex:
        scores = measure.T @ view.differences()
        lower = -jnp.where(first, scores, -jnp.inf).max(axis=1)
    else:
        size = view.size(view.raters)
        excess = measure.T @ view.raters / jnp.where(size > 0, size, 1.0)[None, :]
        excess = jnp.where(first & (excess > 0), excess, 0.0).max(axis=1)
        lower = view.target @ measure - CONE_REACH * view.size(view.target) * excess
    return Bracket(lower=jnp.clip(lower, 0.0, upper), upper=upper)


def _random_order(key: Array, eligible: Array) -> Array:
    """The places of the eligible columns in random order, the others behind them."""
    return jnp.argsort(jnp.where(eligible, jax.random.uniform(key, eligible.shape), 2.0))


def _permutation(key: Array, length: int) -> Array:
    """A random permutation of 0, ..., length - 1.

    Sorting random bits with the place in the low bits is eight times faster on a CPU than sorting
    pairs, as `jax.random.permutation` does; with 64 bits ties of the random part do not matter.
    """
    if jnp.result_type(float) != jnp.float64:
        return jax.random.permutation(key, length)
    low = jnp.uint64(2 ** (length - 1).bit_length() - 1)
    bits = jax.random.bits(key, (length,), jnp.uint64)
    return jnp.sort((bits & ~low) | jnp.arange(length, dtype=jnp.uint64)) & low


def _check_sizes(sizes: Sequence[int], table: Table) -> None:
    if len(sizes) == 0 or sizes[0] < 1 or any(a >= b for a, b in itertools.pairwise(sizes)):
        raise ValueError(f"sizes is {list(sizes)}; it must be increasing numbers of raters from 1 on")
    largest = table.eligible.shape[1]
    if checks.is_concrete(table.eligible):
        largest = int(np.asarray(table.eligible).sum(axis=1).min())
    if sizes[-1] > largest:
        raise ValueError(f"sizes has {sizes[-1]}, but a target of this panel has at most {largest} raters")


def _eligible(panel: Panel, pool: str) -> np.ndarray:
    """Which columns [targets, columns] may be raters of which target."""
    raters = len(panel.raters)
    if panel.target is not None:
        return (np.arange(raters + 1) < raters)[None, :]
    groups = np.array(panel.groups)
    same = groups[:, None] == groups[None, :]
    allowed = {"any": np.ones_like(same), "same_group": same, "other_group": ~same}[pool]
    allowed &= ~np.eye(raters, dtype=bool)
    lonely = np.flatnonzero(~allowed.any(axis=1))
    if len(lonely):
        raise ValueError(
            f"pool {pool!r} leaves {panel.raters[lonely[0]]!r} of panel {panel.name!r}, as a target, without "
            "raters"
        )
    return allowed


def _standardised(columns: np.ndarray, names: Sequence[str], panel: Panel) -> np.ndarray:
    train = columns[panel.train]
    constant = np.flatnonzero(np.ptp(train, axis=0) == 0)
    if len(constant):
        raise ValueError(
            f"{names[constant[0]]!r} of panel {panel.name!r} is {train[0, constant[0]]} on all {len(train)} "
            f"train rows ({len(constant)} such columns); it cannot be standardised: leave it out or set "
            "standardise to False"
        )
    return (columns - train.mean(axis=0)) / train.std(axis=0)


def _factored(columns: np.ndarray) -> Rows:
    rows, width = columns.shape
    basis, triangle = np.linalg.qr(np.column_stack([columns, np.ones(rows)]))
    image = np.vstack([triangle, np.zeros((1, width + 1))]) * np.sqrt((len(triangle) + 1) / rows)
    return Rows(
        basis=jnp.asarray(basis), columns=jnp.asarray(image[:, :width]), one=jnp.asarray(image[:, width])
    )
