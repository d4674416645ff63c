"""Alignment: how far the follower's utility is from the hull of the leaders' (theory, section 3)."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float
from jaxtyping import ArrayLike as Numbers

from jaxgame import checks
from jaxgame.bracket import Bracket
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
    offset: "str | Numbers" = "constant",
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
    target, utilities = jnp.asarray(target), jnp.asarray(utilities)
    if target.ndim != 1 or utilities.ndim != 2 or utilities.shape[1] != target.shape[0]:
        raise ValueError(
            f"target has shape {target.shape} and utilities {utilities.shape}; they must be [D] and [K, D]"
        )
    checks.check_not_empty("utilities", utilities, "[K, D]")
    checks.check_finite("target", target)
    checks.check_finite("utilities", utilities)
    dtype = jnp.result_type(target, utilities, jnp.float32)
    target, columns = target.astype(dtype), utilities.astype(dtype).T
    groups = _groups(offset, target.shape[0]).astype(dtype)
    simplex = scale == "simplex"

    # Offsets in the data cost precision, and no answer depends on them.
    centred_target, centred = chebyshev.centre(target, groups), chebyshev.centre(columns, groups)
    if norm == "sup":
        fit = chebyshev.chebyshev_fit(centred_target, centred, groups, simplex=simplex)
        weights, proposal = fit.weights, fit.measure
    else:
        weights = _square_weights(centred_target, centred, simplex=simplex)
        proposal = centred_target - centred @ weights
    if simplex:
        weights = optax.projections.projection_simplex(weights)
    return _certified(weights, proposal, target, columns, groups, norm=norm, offset=offset, simplex=simplex)


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


def _game_labels(game: Game, offset: str) -> "str | np.ndarray":
    checks.check_choice("offset", offset, GAME_OFFSETS)
    types, states, actions = game.follower.shape
    return np.repeat(np.arange(types * states), actions) if offset == "state" else offset


def _square_weights(target: Array, columns: Array, *, simplex: bool) -> Array:
    if simplex:
        return least_squares.simplex_least_squares(columns - target[:, None]).weights
    return least_squares.nonnegative_least_squares(columns.T @ columns, columns.T @ target).weights


def _certified(
    weights: Array,
    proposal: Array,
    target: Array,
    columns: Array,
    groups: Array,
    *,
    norm: str,
    offset: "str | Numbers",
    simplex: bool,
) -> HullFit:
    """Both ends of the bracket from the definition, given any weights and any proposed measure."""
    residual = target - columns @ weights
    if norm == "sup":
        upper, shifts = chebyshev.half_range(residual, groups)
        measure = chebyshev.unit_measure(proposal, groups)
    else:
        centred = chebyshev.centre(residual, groups)
        upper = _root_mean_square(centred)
        shifts = groups.T @ residual / groups.sum(axis=0)
        direction = chebyshev.centre(proposal, groups)
        length = _root_mean_square(direction)
        measure = jnp.where(length > 0, direction / jnp.where(length > 0, length, 1.0), 0.0) / target.shape[0]
    if simplex:  # measures of total 0 within groups do not see offsets: subtracting the target is exact
        lower = chebyshev.separation(measure, jnp.zeros_like(target), columns - target[:, None], simplex=True)
    else:
        lower = chebyshev.separation(
            measure, chebyshev.centre(target, groups), chebyshev.centre(columns, groups), simplex=False
        )
    lower = jnp.minimum(lower, upper)  # they may cross by the rounding of the two evaluations
    size = jnp.maximum(jnp.abs(target).max(), jnp.abs(columns).max())
    if isinstance(offset, str):
        shifts = shifts.sum()
    return HullFit(
        weights=weights,
        offset=shifts,
        measure=measure,
        distance=Bracket(lower=lower, upper=upper),
        converged=upper - lower <= 1e-6 * size,
    )


def _root_mean_square(vector: Array) -> Array:
    # Scaled by the largest entry, so that squares neither underflow nor overflow.
    size = jnp.abs(vector).max()
    size = jnp.where(size > 0, size, 1.0)
    return size * jnp.sqrt(jnp.mean((vector / size) ** 2))


def _groups(offset: "str | Numbers", rows: int) -> Array:
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
