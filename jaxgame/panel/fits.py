"""What one draw fits to its target: hull and cone of the first K raters, their rivals, and bounds."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.cone import cone_bound
from jaxgame.hull.least_squares import nonnegative_least_squares, simplex_problem

# Which mixtures get an intercept: none of them, those whose weights need not sum to 1, all.
OFFSETS = ("none", "cone", "constant")
CONES = ("cone", "null_cone")

# Squared errors this near, relative to the target's square, are a tie.
TIE = 1e-12

# A prediction whose spread is a smaller part of its size is constant, and gets slope 0.
CONSTANT = 1e-10


class Models(NamedTuple):
    """G linear predictions of the target, one for each number of raters: weights [G, K], intercepts [G]."""

    weights: Array
    intercepts: Array


class View(NamedTuple):
    """What one draw sees of train or test rows, as their images (`prepared.Rows`): C instead of N rows.

    `raters` [C, K] in the order of the draw, `one` [C] the constant 1, `target` [C].
    """

    raters: Array
    one: Array
    target: Array

    def mean(self, columns: Array) -> Array:
        """Means over the original rows of columns [C, ...]."""
        return jnp.tensordot(self.one, columns, 1) / (self.one @ self.one)

    def size(self, columns: Array) -> Array:
        """Root mean squares over the original rows of columns [C, ...]."""
        return jnp.sqrt(jnp.mean(columns**2, axis=0))

    def centred(self) -> "View":
        """The same with every column's mean subtracted."""
        raters = self.raters - jnp.outer(self.one, self.mean(self.raters))
        return self._replace(raters=raters, target=self.target - self.one * self.mean(self.target))

    def differences(self) -> Array:
        """Raters less the target, [C, K]."""
        return self.raters - self.target[:, None]

    def residuals(self, models: Models) -> Array:
        """What `models` leave of the target, [C, G]."""
        predictions = self.raters @ models.weights.T + jnp.outer(self.one, models.intercepts)
        return self.target[:, None] - predictions

    def distance(self, models: Models) -> Array:
        """Root mean squares [G] of the residuals."""
        return self.size(self.residuals(models))

    def with_intercepts(self, weights: Array) -> Models:
        """`weights` [G, K] with their best intercepts."""
        plain = _without_intercepts(weights)
        return plain._replace(intercepts=self.mean(self.residuals(plain)))

    def with_lines(self, weights: Array) -> Models:
        """`weights` [G, K] times the best slopes, with the best intercepts."""
        view = self.centred()
        slopes = _slopes(self.raters @ weights.T, view.raters @ weights.T, view.target)
        return self.with_intercepts(slopes[:, None] * weights)


def _without_intercepts(weights: Array) -> Models:
    """`weights` [G, K] with intercepts of 0."""
    return Models(weights, jnp.zeros_like(weights[:, 0]))


def rivals(train: View, sizes: Sequence[int]) -> dict[str, Models]:
    """What a hull must beat, by their names in `coverage.METHODS`: one model for each number of raters."""
    raters = train.raters.shape[1]
    first = first_raters(sizes)
    equal = first.astype(train.target.dtype) / jnp.asarray(sizes, train.target.dtype)[:, None]
    centred = train.centred()
    slopes = _slopes(train.raters, centred.raters, centred.target)

    def nearest(view: View, scaled: Array) -> Array:
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
    return divided(target @ centred, squares, spread)


def fit_hulls(train: View, null: View, sizes: Sequence[int], offset: str) -> dict[str, Models]:
    """Least squares of the first K raters, each K in `sizes`: hull and cone, of the target and of the null.

    All are non-negative least squares from Gram matrices of K raters, the hull's after the rescaling
    of `hull.least_squares`. To compile few programs, problems of similar size run as one batch, in the
    size of the largest. The raters that a smaller K lacks are given a unit diagonal, no products with
    others and a negative moment, so that their weight is exactly 0 and no other weight changes.
    """
    views = {"hull": train, "cone": train, "null": null, "null_cone": null}
    grams, moments = [], []
    for name, view in views.items():
        fitted = view.centred() if has_intercept(name, offset) else view
        cone = fitted.raters.T @ fitted.raters, fitted.raters.T @ fitted.target
        gram, moment = cone if name in CONES else simplex_problem(fitted.differences())
        grams.append(gram)
        moments.append(moment)

    def fit(gram: Array, moment: Array, keep: Array) -> Array:
        gram = jnp.where(keep[:, None] & keep[None, :], gram, jnp.eye(len(keep), dtype=gram.dtype))
        moment = jnp.where(keep, moment, -jnp.abs(moment).max())
        return jnp.where(keep, nonnegative_least_squares(gram, moment), 0.0)

    found = []
    for batch in _batches(sizes):
        width = batch[-1]
        keep = first_raters(batch)
        every_size = jax.vmap(fit, in_axes=(None, None, 0))
        batched = jax.vmap(every_size, in_axes=(0, 0, None))
        weights = batched(jnp.stack(grams)[:, :width, :width], jnp.stack(moments)[:, :width], keep)
        found.append(jnp.pad(weights, ((0, 0), (0, 0), (0, sizes[-1] - width))))
    fits = {}
    for (name, view), weights in zip(views.items(), jnp.concatenate(found, axis=1), strict=True):
        weights = weights if name in CONES else weights / weights.sum(axis=1, keepdims=True)
        intercept = has_intercept(name, offset)
        fits[name] = view.with_intercepts(weights) if intercept else _without_intercepts(weights)
    return fits


def has_intercept(name: str, offset: str) -> bool:
    """Whether the mixture `name` is fitted with an intercept."""
    return offset == "constant" or (offset == "cone" and name in CONES)


def first_raters(sizes: Sequence[int]) -> Array:
    """Which raters are among the first K, for each K in `sizes`: [sizes, raters]."""
    return jnp.asarray(np.arange(sizes[-1])[None, :] < np.array(sizes)[:, None])


def _batches(sizes: Sequence[int]) -> list[list[int]]:
    """Sizes up to 16, whose fits cost next to nothing, and then every size for itself."""
    small = [size for size in sizes if size <= 16]
    return ([small] if small else []) + [[size] for size in sizes if size > 16]


def bracket(train: View, models: Models, sizes: Sequence[int], *, intercept: bool, simplex: bool) -> Bracket:
    """The least train distance of each hull (or cone): from above by `models`, from below by a measure.

    `intercept` tells whether the mixtures have one. The norm is the root mean square, and m = residual / (its
    norm, times rows) has dual norm 1. So the distance to the hull is at least
    `<m, target> - max_i <m, x_i>`, and that to the cone at least what `core.cone.cone_bound` makes of the
    same products. Both ends move outwards by what these sums round, and ends that cross stay as they are.
    """
    view = train.centred() if intercept else train
    direction = view.residuals(_without_intercepts(models.weights))
    length = view.size(direction)[None, :]
    measure = divided(direction, length, length > 0) / direction.shape[0]
    first = first_raters(sizes)
    rows, raters = train.raters.shape
    rounding = 0.51 * (3 * rows + 2 * raters + 12) * float(jnp.finfo(measure.dtype).eps)
    size, sizes_of = train.size(train.target), train.size(train.raters)
    upper = train.distance(models) + rounding * (size + models.weights @ sizes_of)
    if simplex:
        scores = measure.T @ view.differences() + rounding * (size + sizes_of)[None, :]
        lower = -jnp.where(first, scores, -jnp.inf).max(axis=1)
    else:
        lower = cone_bound(
            view.target @ measure - rounding * size,
            jnp.where(first, measure.T @ view.raters + rounding * sizes_of[None, :], 0.0),
            size=view.size(view.target),
            sizes=view.size(view.raters)[None, :],
        )
    return Bracket(lower=jnp.maximum(lower, 0.0), upper=upper)
