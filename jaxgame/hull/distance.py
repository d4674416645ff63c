"""Alignment: how far the follower's utility is from the hull of the leaders' (theory, section 3).

Data are centred and scaled on entry: neither constants nor factors matter to the fit, and its tolerances are
relative. Both ends of a distance are evaluated from the definition and moved outwards by what that rounds
(theory, section 6).
"""

import dataclasses
import functools
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, power_of_two, unheard
from jaxgame.hull import least_squares, measures
from jaxgame.hull.average import average_fit
from jaxgame.hull.exchange import exchange_fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NORMS = ("sup", "square")
GAME_NORMS = (*NORMS, "mean")
OFFSETS = ("none", "constant")
GAME_OFFSETS = ("none", "constant", "state")
SCALES = ("simplex", "cone")


@record
class HullFit:
    """The nearest point of the leaders' hull and a proof of how near it is.

    `weights` [K] attain `distance.upper` together with `offset` (a number, or one per group in the
    order of the labels). `measure` [D] is a signed measure that proves `distance.lower`: it tells
    in which entries, and in which direction, the target lies beyond every leader; weights count after
    division by their sum (simplex), the measure after subtracting its mean in each group. `converged` says
    that the two ends meet within 1e-6 of the data's size, up to offsets (on the cone: the target's). Of
    data that are not finite nothing is known: the distance is [0, inf], the rest NaN.
    """

    weights: Float[Array, " K"]
    offset: Float[Array, "..."]
    measure: Float[Array, " D"]
    distance: Bracket
    converged: Bool[Array, ""]

    def plot(self, ax: "Axes | None" = None, *, part: str = "weights") -> "Axes":
        """Draw bars, by `part`: "weights", the nearest mixture, or "measure", the proof of the distance.

        `ax` are axes of Matplotlib to draw on (None: new ones), which are returned.

        Raises ValueError for another part, a batch of fits, and if they are not finite.
        """
        from jaxgame.drawing import pictures

        return pictures.hull_fit(self, part, ax)


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
    against weights with `sum_i w_i |U_i| <= 1e4 |u|` (see `hull.measures.separation`), and a leader whose
    utility is constant but for rounding counts as constant.

    Raises ValueError for unknown options, shapes that disagree, no leaders, numbers not finite.

    >>> import jaxgame as jg
    >>> fit = jg.hull_distance([0.0, 1.0, 0.0], [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0]])
    >>> [round(float(w), 6) for w in fit.weights], round(float(fit.distance.upper), 6)
    ([0.666667, 0.333333], 0.0)
    """
    if norm == "mean":
        raise ValueError("norm 'mean' weighs states by a prior; it is one of game_hull_distance")
    checks.check_choice("norm", norm, NORMS)
    target, utilities = _entries(target, utilities, scale)
    groups = _groups(offset, target.shape[0]).astype(target.dtype)
    fit = _fit(target, utilities.T, groups, None, norm=norm, simplex=scale == "simplex")
    return dataclasses.replace(fit, offset=fit.offset.sum()) if isinstance(offset, str) else fit


def _entries(target: Numbers, utilities: Numbers, scale: str) -> tuple[Array, Array]:
    checks.check_choice("scale", scale, SCALES)
    target, utilities = checks.as_floats(target, utilities)
    if target.ndim != 1 or utilities.ndim != 2 or utilities.shape[1] != target.shape[0]:
        raise ValueError(
            f"target has shape {target.shape} and utilities {utilities.shape}; they must be [D] and [K, D]"
        )
    checks.check_not_empty("utilities", utilities, "[K, D]")
    checks.check_finite("target", target)
    checks.check_finite("utilities", utilities)
    return target, utilities


@functools.partial(jax.jit, static_argnames=("norm", "simplex"))
def _fit(
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    groups: Float[Array, "D G"],
    prior: Float[Array, " G"] | None,
    *,
    norm: str,
    simplex: bool,
) -> HullFit:
    """The fit with an offset [G] for each group; in the norm "mean" groups weigh as much as `prior`."""
    sound = is_sound(target, columns, prior)
    prior = None if prior is None else jnp.where(sound, prior, 0.0)
    target, columns = (jnp.where(sound, x, 0.0) for x in (target, columns))
    largest = jnp.abs(columns).max(0)
    (hers, target), (theirs, columns) = (_centred(x, groups) for x in (target[:, None], columns))
    if not simplex:  # a huge weight would make something of what is only rounding
        noise = 8 * jnp.finfo(columns.dtype).eps * largest
        columns = jnp.where((jnp.abs(columns).max(0) > noise)[None], columns, 0.0)
    # Powers of two: scaling rounds nothing. On the cone leaders' factors are free.
    size, sizes = power_of_two(jnp.abs(target).max()), power_of_two(jnp.abs(columns).max(0))
    if simplex:
        size = jnp.maximum(size, sizes.max())
        sizes = jnp.broadcast_to(size, sizes.shape)
    target, columns = target[:, 0] / size, columns / sizes[None]
    if norm == "sup":
        found = exchange_fit(target, columns, groups, simplex=simplex)
        weights, proposal = found.weights, found.measure
    elif prior is not None:
        weights, proposal = average_fit(target, columns, prior, simplex=simplex)
    else:
        weights = _square_weights(target, columns, simplex=simplex)
        proposal = target - columns @ weights
    if simplex:
        weights = weights / weights.sum()  # exactly, whatever rounding did
    distance, measure = certificate(
        weights, proposal, target, columns, groups, prior, norm=norm, simplex=simplex
    )
    residual = target - columns @ weights
    shifts = _means(residual, groups) if norm == "square" else measures.half_range(residual, groups)[1]
    converged = (distance.width >= 0) & (distance.width <= 1e-6) & sound
    weights = weights * (size / sizes)
    fit = HullFit(
        weights=weights,
        offset=size * shifts + (hers[:, 0] - theirs @ weights),
        measure=measure,
        distance=Bracket(size * distance.lower, size * distance.upper),
        converged=converged,
    )
    nothing = Bracket(jnp.zeros_like(size), jnp.full_like(size, jnp.inf))
    known = jax.tree.map(lambda x, y: jnp.where(sound, x, y), fit.distance, nothing)
    return dataclasses.replace(unheard(sound, fit), distance=known)


def game_hull_distance(
    game: Game, offset: str | None = None, scale: str = "simplex", norm: str = "sup"
) -> HullFit:
    """Distance of the follower's utility to the hull of the leaders' over all entries (t, s, a) of a `game`.

    In the norms "sup" and "square" it is that of `hull_distance`. The `norm` "mean" is the average alignment
    of theory, section 15 [own]: the least `sum_ts P(t,s) (max_a r - min_a r)` of the residual
    r = sum_i w_i U_i - u. It is at most twice the distance in the norm "sup" with an offset per state, and
    may take its place wherever a guarantee has 2 eps.

    `offset` "state" allows one shift per (type, state), which moves every outcome's value alike and so
    changes no incentive; "constant" (for None) allows one for all, "none" none. In the norm "mean" it is
    "state", for None too. `scale` is "simplex" or "cone". Fields refer to the entries in the order of
    `game.follower.reshape(-1)`, distances are in the follower's utility units. In the norm "mean" the
    `measure` that proves the lower end sums to 0 in each (t, s), and both its signs have at most the mass
    P(t,s) there.

    Raises ValueError for an unknown option, and for an offset that the norm "mean" does not have.

    >>> import jaxgame as jg
    >>> game = jg.make_game([0.9, 0.1], [[1.0, 0.0], [1.0, 0.0]], [[[1.0, 0.0], [0.0, 1.0]]])
    >>> far, on_average = jg.game_hull_distance(game), jg.game_hull_distance(game, norm="mean")
    >>> round(float(2 * far.distance.upper), 6), round(float(on_average.distance.upper), 6)
    (2.0, 0.2)
    """
    checks.check_choice("norm", norm, GAME_NORMS)
    leaders = game.leaders.reshape(game.leaders.shape[0], -1)
    labels = game_labels(game, offset, norm)
    if norm != "mean":
        return hull_distance(game.follower.reshape(-1), leaders, norm, labels, scale)
    target, utilities = _entries(game.follower.reshape(-1), leaders, scale)
    groups = _groups(labels, target.shape[0]).astype(target.dtype)
    prior = game.prior.reshape(-1).astype(target.dtype)
    return _fit(target, utilities.T, groups, prior, norm=norm, simplex=scale == "simplex")


def leader_distances(game: Game, offset: str | None = None, norm: str = "sup") -> Float[Array, " K"]:
    """Distance [K] of the follower's utility to each single leader's, up to the offset: the hull of one.

    `game`, `offset` and `norm` are those of `game_hull_distance`. Exact, in utility units. The least of them
    is what choosing the best single model would give.

    Raises ValueError as it does.
    """
    checks.check_choice("norm", norm, GAME_NORMS)
    target, labels = game.follower.reshape(-1), game_labels(game, offset, norm)
    groups = _groups(labels, target.shape[0]).astype(target.dtype)
    leaders = game.leaders.reshape(game.leaders.shape[0], -1)
    (_, target), (_, columns) = (_centred(x, groups) for x in (target[:, None], leaders.T))
    residuals = (target - columns).T
    if norm == "square":
        return jax.vmap(lambda residual: _root_mean_square(measures.centre(residual, groups)))(residuals)
    if norm == "mean":
        prior = game.prior.reshape(-1)
        return jax.vmap(lambda residual: measures.mean_range(residual, groups, prior))(residuals)
    return jax.vmap(lambda residual: measures.half_range(residual, groups)[0])(residuals)


def game_labels(game: Game, offset: str | None, norm: str) -> str | np.ndarray:
    """The groups of a game's entries that share an offset: labels [T S A], or an offset's name."""
    if norm == "mean" and offset not in (None, "state"):
        raise ValueError(f"offset is {offset!r}; in the norm 'mean' it must be 'state', or left out")
    offset = offset or ("state" if norm == "mean" else "constant")
    checks.check_choice("offset", offset, GAME_OFFSETS)
    types, states, actions = game.follower.shape
    return np.repeat(np.arange(types * states), actions) if offset == "state" else offset


def _square_weights(target: Array, columns: Array, *, simplex: bool) -> Array:
    if simplex:
        return least_squares.simplex_least_squares(columns - target[:, None])
    return least_squares.nonnegative_least_squares(columns.T @ columns, columns.T @ target)


def certificate(
    weights: Float[Array, " K"],
    proposal: Float[Array, " D"],
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    groups: Float[Array, "D G"],
    prior: Float[Array, " G"] | None = None,
    *,
    norm: str,
    simplex: bool,
) -> tuple[Bracket, Float[Array, " D"]]:
    """Both ends of the distance from any weights and any proposed measure, and the measure as it counts.

    Weights must be at least 0 (on the simplex with sum 1, to 1e-9 or rounding; what they miss is charged);
    others bound nothing, nor do numbers that are none. `target` and `columns` are centred in the groups up to
    a few roundings of their largest entries; the ends are true for what they were before.
    """
    rows, leaders = columns.shape
    usable = (weights >= 0).all() & jnp.isfinite(weights).all()
    miss = jnp.abs(weights.sum() - 1) if simplex else jnp.zeros((), weights.dtype)
    usable &= miss <= max(1e-9, 4 * leaders * float(jnp.finfo(target.dtype).eps))
    proposal = jnp.where(jnp.isfinite(proposal).all(), proposal, 0.0)

    residual = target - columns @ weights
    # Of the measure, both signs together, and so how many entries of the residual the norm adds up.
    mass = jnp.ones((), target.dtype) if prior is None else 2 * prior.sum()
    if norm == "sup":
        upper, _ = measures.half_range(residual, groups)
        measure = measures.unit_measure(proposal, groups)
    elif prior is not None:
        upper = measures.mean_range(residual, groups, prior)
        measure = measures.capped_measure(proposal, groups, prior)
    else:
        upper = _root_mean_square(measures.centre(residual, groups))
        direction = measures.centre(proposal, groups)
        length = _root_mean_square(direction)
        measure = divided(direction, length, length > 0) / rows
    size, sizes = jnp.abs(target).max(), jnp.abs(columns).max(0)
    # The residual's sums, dividing by the sum of the weights, and the norm's own sum.
    summed = _rounding(2 * leaders + (0 if norm == "sup" else rows), target.dtype)
    # Weights are divided by their sum: up to that much of theirs is in or out of the residual.
    upper = upper + mass * (summed * size + (summed + miss * (1 + miss)) * (weights @ sizes))
    upper = jnp.where(usable, upper, jnp.inf)

    # The products' sums, centring the measure, and dividing by its norm.
    off = mass * _rounding(3 * rows, target.dtype)
    apart = jnp.zeros_like(size)
    if simplex:  # sum w = 1: measuring from the target loses nothing and costs no precision
        columns, target = columns - target[:, None], jnp.zeros_like(target)
        # But the data's own rounding.
        apart = 4 * mass * float(jnp.finfo(columns.dtype).eps) * (size + sizes.max())
    lower = measures.separation(measure, target, columns, simplex=simplex, rounding=off)
    lower = jnp.maximum(lower - apart, 0.0)
    return Bracket(lower=lower, upper=upper), measure


def _rounding(operations: int, dtype: jnp.dtype) -> float:
    """What sums of so many products round at most, in parts of the sum of their sizes; data a few times."""
    return 0.51 * (operations + 12) * float(jnp.finfo(dtype).eps)


def _centred(
    vectors: Float[Array, "D N"], groups: Float[Array, "D G"]
) -> tuple[Float[Array, "G N"], Float[Array, "D N"]]:
    """What is taken from the columns in each group, and what it leaves: of mean 0, exactly 0 if constant."""
    anchor = vectors[groups.argmax(0)] if groups.shape[1] else jnp.zeros((0, vectors.shape[1]), groups.dtype)
    rest = vectors - groups @ anchor
    mean = groups.T @ rest / groups.sum(axis=0)[:, None]
    return anchor + mean, rest - groups @ mean


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
