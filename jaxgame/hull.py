"""Alignment: how far the follower's utility is from the hull of the leaders' (theory, section 3)."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame import checks
from jaxgame.bracket import Bracket
from jaxgame.checks import Numbers
from jaxgame.game import Game
from jaxgame.record import record
from jaxgame.solve import chebyshev, least_squares

NORMS = ("sup", "square")
OFFSETS = ("none", "constant")
GAME_OFFSETS = ("none", "constant", "state")
SCALES = ("simplex", "cone")


@record
class HullFit:
    """The nearest point of the leaders' hull and a proof of how near it is.

    `weights` [K] attain `distance.upper` together with `offset` (a number, or one per group in the
    order of the labels). `measure` [D] is a signed measure that proves `distance.lower`: it tells
    in which entries, and in which direction, the target lies beyond every leader. `converged` says
    that the two ends meet within 1e-6 of the data's size.
    """

    weights: Float[Array, " K"]
    offset: Float[Array, "..."]
    measure: Float[Array, " D"]
    distance: Bracket
    converged: Bool[Array, ""]


def hull_distance(
    target: Numbers,
    utilities: Numbers,
    norm: str = "sup",
    offset: str | Numbers = "constant",
    scale: str = "simplex",
) -> HullFit:
    """Distance of `target` [D] to the hull of `utilities` [K, D] up to an offset (Definition 1 of the paper).

    The least eps with `|sum_i w_i U_i + c - u| <= eps`, in utility units, over

    - `scale`: "simplex" (w >= 0, sum w = 1) or "cone" (w >= 0, market alignment);
    - `offset`: "none" (c = 0), "constant" (one c), or integer labels [D], concrete, one c per label;
    - `norm`: "sup" (largest entry) or "square" (root mean square of the entries).

    On the cone a lower end that rests on a measure excluding some leader only up to rounding holds
    against weights with `sum_i w_i |U_i| <= 1e4 |u|` (see `solve.chebyshev.separation`).

    Raises ValueError for unknown options, shapes that disagree, no leaders, numbers not finite.

    >>> import jaxgame as jg
    >>> fit = jg.hull_distance([0.0, 1.0, 0.0], [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0]])
    >>> [round(float(w), 6) for w in fit.weights], round(float(fit.distance.upper), 6)
    ([0.666667, 0.333333], 0.0)
    """
    checks.check_choice("norm", norm, NORMS)
    checks.check_choice("scale", scale, SCALES)
    target, utilities = checks.as_floats(target, utilities)
    if target.ndim != 1 or utilities.ndim != 2 or utilities.shape[1] != target.shape[0]:
        raise ValueError(
            f"target has shape {target.shape} and utilities {utilities.shape}; they must be [D] and [K, D]"
        )
    checks.check_not_empty("utilities", utilities, "[K, D]")
    checks.check_finite("target", target)
    checks.check_finite("utilities", utilities)
    groups = _groups(offset, target.shape[0]).astype(target.dtype)
    fit = _fit(target, utilities.T, groups, norm=norm, simplex=scale == "simplex")
    return dataclasses.replace(fit, offset=fit.offset.sum()) if isinstance(offset, str) else fit


@functools.partial(jax.jit, static_argnames=("norm", "simplex"))
def _fit(
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    groups: Float[Array, "D G"],
    *,
    norm: str,
    simplex: bool,
) -> HullFit:
    """The fit with an offset [G] for each group."""
    # Offsets in the data cost precision, and no answer depends on them.
    centred_target, centred = (_without_offset(x, groups) for x in (target[:, None], columns))
    centred_target = centred_target[:, 0]
    if norm == "sup":
        fit = chebyshev.chebyshev_fit(centred_target, centred, groups, simplex=simplex)
        weights, proposal = fit.weights, fit.measure
    else:
        weights = _square_weights(centred_target, centred, simplex=simplex)
        proposal = centred_target - centred @ weights
    if simplex:
        weights = weights / weights.sum()  # exactly, whatever rounding did
    distance, measure = _certificate(
        weights, proposal, centred_target, centred, groups, norm=norm, simplex=simplex
    )
    residual = target - columns @ weights
    shifts = chebyshev.half_range(residual, groups)[1] if norm == "sup" else _means(residual, groups)
    size = jnp.maximum(jnp.abs(target).max(), jnp.abs(columns).max())
    return HullFit(
        weights=weights,
        offset=shifts,
        measure=measure,
        distance=distance,
        converged=distance.width <= 1e-6 * size,
    )


def game_hull_distance(
    game: Game, offset: str = "constant", scale: str = "simplex", norm: str = "sup"
) -> HullFit:
    """Distance of the follower's utility to the hull of the leaders' over all entries (t, s, a).

    `offset` "state" allows one shift per (type, state), which moves every outcome's value alike and so
    changes no incentive; the other options are those of `hull_distance`. Fields refer to the
    entries in the order of `game.follower.reshape(-1)`.

    Raises ValueError for an unknown offset.
    """
    leaders = game.leaders.reshape(game.leaders.shape[0], -1)
    return hull_distance(game.follower.reshape(-1), leaders, norm, _game_labels(game, offset), scale)


def leader_distances(game: Game, offset: str = "constant", norm: str = "sup") -> Float[Array, " K"]:
    """Distance of the follower's utility to each single leader's, up to the offset: the hull of one.

    Exact, in utility units. The least of them is what choosing the best single model would give.

    Raises ValueError for an unknown option.
    """
    checks.check_choice("norm", norm, NORMS)
    target, labels = game.follower.reshape(-1), _game_labels(game, offset)
    groups = _groups(labels, target.shape[0]).astype(target.dtype)
    residuals = target[None, :] - game.leaders.reshape(game.leaders.shape[0], -1)
    if norm == "square":
        return jax.vmap(lambda residual: _root_mean_square(chebyshev.centre(residual, groups)))(residuals)
    return jax.vmap(lambda residual: chebyshev.half_range(residual, groups)[0])(residuals)


def _game_labels(game: Game, offset: str) -> str | np.ndarray:
    checks.check_choice("offset", offset, GAME_OFFSETS)
    types, states, actions = game.follower.shape
    return np.repeat(np.arange(types * states), actions) if offset == "state" else offset


def _square_weights(target: Array, columns: Array, *, simplex: bool) -> Array:
    if simplex:
        return least_squares.simplex_least_squares(columns - target[:, None]).weights
    return least_squares.nonnegative_least_squares(columns.T @ columns, columns.T @ target).weights


def _certificate(
    weights: Array,
    proposal: Array,
    target: Array,
    columns: Array,
    groups: Array,
    *,
    norm: str,
    simplex: bool,
) -> tuple[Bracket, Array]:
    """Both ends of the bracket from the definition, given any weights and any proposed measure."""
    residual = target - columns @ weights
    if norm == "sup":
        upper, _ = chebyshev.half_range(residual, groups)
        measure = chebyshev.unit_measure(proposal, groups)
    else:
        upper = _root_mean_square(chebyshev.centre(residual, groups))
        direction = chebyshev.centre(proposal, groups)
        length = _root_mean_square(direction)
        measure = jnp.where(length > 0, direction / jnp.where(length > 0, length, 1.0), 0.0) / target.shape[0]
    if simplex:  # sum w = 1: measuring from the target loses nothing and costs no precision
        columns, target = columns - target[:, None], jnp.zeros_like(target)
    lower = chebyshev.separation(measure, target, columns, simplex=simplex)
    # The ends may cross by the rounding of their two evaluations.
    return Bracket(lower=jnp.minimum(lower, upper), upper=upper), measure


def _without_offset(vectors: Array, groups: Array) -> Array:
    """Columns centred within groups; one that is constant there but for rounding becomes 0."""
    centred = chebyshev.centre(vectors, groups)
    noise = 8 * jnp.finfo(vectors.dtype).eps * jnp.abs(vectors).max(axis=0)
    return jnp.where((jnp.abs(centred).max(axis=0) > noise)[None, :], centred, 0.0)


def _means(vector: Array, groups: Array) -> Array:
    return groups.T @ vector / groups.sum(axis=0)


def _root_mean_square(vector: Array) -> Array:
    # Scaled by the largest entry, so that squares neither underflow nor overflow.
    size = jnp.abs(vector).max()
    size = jnp.where(size > 0, size, 1.0)
    return size * jnp.sqrt(jnp.mean((vector / size) ** 2))


def _groups(offset: str | Numbers, rows: int) -> Array:
    """Indicators [D, G] of the groups that share an offset; G = 0 without offset."""
    if isinstance(offset, str):
        checks.check_choice("offset", offset, OFFSETS)
        return jnp.ones((rows, 1 if offset == "constant" else 0))
    if not checks.is_concrete(offset):
        raise ValueError("offset labels are traced; pass a NumPy array, as they fix the shape of the problem")
    labels = np.asarray(offset)
    if labels.shape != (rows,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"offset labels have shape {labels.shape} and dtype {labels.dtype}; they must be "
            f"{rows} integers, one per entry of target, or offset one of {', '.join(map(repr, OFFSETS))}"
        )
    values, place = np.unique(labels, return_inverse=True)
    return jnp.asarray(place[:, None] == np.arange(len(values))[None, :], float)
