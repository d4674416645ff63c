"""Best approximation in the sup norm by non-negative or convex combinations: a simplex method.

    minimise  t   subject to   |r_d + c_group(d)| <= t,   w >= 0,   (sum w = 1),   c free,   r = residual

At a vertex as many constraints are tight as there are unknowns. The tableau writes all forms, the shifted
residuals rho, the height t and the weights w, as functions of the slacks of the tight ones. So it has D rows
for the 2 D constraints |rho| <= t, t's row holds the reduced costs, and these are the multipliers that make
up the measure. A step raises one slack until another constraint becomes tight in its place (Stiefel's
exchange), which adds an outer product to the tableau.

The start is the nearest single leader, where two entries (without offset, one) and K - 1 zero weights are
tight: it is feasible, so that no first phase is needed. On the cone it is the weights 0.

Ties, of which grids of numbers are full, are broken by relaxing |rho| <= t by generic amounts near rounding;
weights are read from the exact vertex. A step touches (D + K) (K + G) numbers.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.hull.measures import centre
from jaxgame.lp.lanes import (
    column_of,
    first_of,
    lanes_for,
    largest,
    least,
    over_batches,
    pick,
    row_of,
    settled,
    work_through,
)

# Powers of eps, and multiples of it; data are scaled to 1.
RELAXED = 0.7  # by that much, to twice that, |rho| <= t is relaxed: hardly two constraints then block at once
PIVOT = 0.65  # a smaller rate of closing blocks nothing
TIE = 50  # room allowed in exchange for a larger pivot (Harris)
CONTENT = 500  # a fall of t that is not worth a step


class ExchangeFit(NamedTuple):
    """Weights [K] and a signed measure [D] that bound the distance from above and from below."""

    weights: Float[Array, " K"]
    measure: Float[Array, " D"]


class _Start(NamedTuple):
    """The vertex that the method starts from: the leader, the tight entries and the group they lie in."""

    leader: Int[Array, " B"]
    above: Int[Array, " B"]
    below: Int[Array, " B"]
    group: Int[Array, " B"]


class _Vertex(NamedTuple):
    """Lanes at vertices: forms rho [D], t, w [L], that is M of them, of N slacks.

    `tableau - left right` is the tableau: the last step's outer product is added at the next one. Of the two
    `levels` the first is the value of each form, the second that with relaxed constraints. `tight` numbers
    the constraint of each slack: rho <= t, -rho <= t, w >= 0, and after these the groups' free shifts.
    """

    tableau: Float[Array, "M N W"]
    left: Float[Array, "M W"]
    right: Float[Array, "N W"]
    levels: Float[Array, "2 M W"]
    tight: Int[Array, "N W"]
    steps: Int[Array, " W"]
    done: Bool[Array, " W"]


def exchange_fit(
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    groups: Float[Array, "D G"],
    *,
    simplex: bool,
) -> ExchangeFit:
    """Weights and a measure whose bounds on the sup-norm distance meet, for one problem.

    Vmapped calls are solved side by side. `groups` must not differ between them.
    """
    target, columns, size = _standardise(target, columns, groups, simplex=simplex)
    residuals = columns if simplex else jnp.concatenate([columns, -target[:, None]], axis=1)
    solve = over_batches(lambda residuals, groups: _solve(residuals, groups[0], simplex=simplex))
    weights, measure = solve(residuals, groups)
    return ExchangeFit(jnp.maximum(weights[: columns.shape[1]], 0.0) / size, measure)


def _standardise(
    target: Array, columns: Array, groups: Array, *, simplex: bool
) -> tuple[Array, Array, Array]:
    """An equivalent problem without offsets in the data and of size about 1; w is divided by the last."""
    if simplex:  # sum w = 1: what is to be approximated can be taken into the columns
        columns = columns - target[:, None]
        target = jnp.zeros_like(target)
    columns = centre(columns, groups)
    target = centre(target, groups)
    size = jnp.abs(columns).max(axis=0)
    size = jnp.where(size > 0, size, 1.0)
    if simplex:
        return target, columns / size.max(), jnp.ones_like(size)
    target_size = jnp.abs(target).max()
    target_size = jnp.where(target_size > 0, target_size, 1.0)
    return target / target_size, columns / size[None, :], size / target_size


def _solve(
    residuals: Float[Array, "B D L"], groups: Float[Array, "D G"], *, simplex: bool
) -> tuple[Float[Array, "B L"], Float[Array, "B D"]]:
    """Weights and measure of B problems with residuals `residuals @ w`.

    On the cone the last weight is 1, and the others' columns are not counted from the first vertex.
    """
    problems, rows, leaders = residuals.shape
    start = jax.vmap(lambda one: _start(one, groups, simplex=simplex))(residuals)
    dtype = residuals.dtype
    relaxed = np.random.default_rng(0).uniform(1.0, 2.0, 2 * rows) * float(jnp.finfo(dtype).eps) ** RELAXED
    relaxed = jnp.asarray(relaxed, dtype)
    most = 20 * (rows + leaders)

    def load(problem: Array, _: Array, __: tuple) -> _Vertex:
        index = jnp.minimum(problem, problems - 1)
        own = jax.tree.map(lambda x: x[index], start)
        return _vertex(jnp.moveaxis(residuals[index], 0, -1), own, groups, simplex=simplex)

    def step(vertex: _Vertex) -> _Vertex:
        return _exchanged(vertex, relaxed, most, free=groups.shape[1] > 1)

    def read(vertex: _Vertex, _: tuple) -> tuple[tuple, Array]:
        weights, measure = vertex.levels[0, rows + 1 :], _measure(vertex, rows)
        return (weights.T, measure.T), jnp.zeros_like(vertex.done)

    blank = jnp.zeros((problems, leaders), dtype), jnp.zeros((problems, rows), dtype)
    entries = (rows + leaders + 1) * (leaders + groups.shape[1])
    return work_through(problems, lanes_for(entries), blank, load=load, step=step, read=read)


def _start(residuals: Float[Array, "D L"], groups: Float[Array, "D G"], *, simplex: bool) -> _Start:
    """The nearest single leader and where its residual is largest and least."""
    member = groups > 0
    no = jnp.asarray(0, jnp.int32)
    if groups.shape[1]:
        top = jnp.where(member[:, :, None], residuals[:, None], -jnp.inf).max(0)
        bottom = jnp.where(member[:, :, None], residuals[:, None], jnp.inf).min(0)
        half = (top - bottom) / 2  # [G, L]
    else:
        half = jnp.abs(residuals).max(0)[None]
    best = half.max(0).argmin().astype(jnp.int32) if simplex else jnp.int32(residuals.shape[1] - 1)
    residual = residuals[:, best]
    if not groups.shape[1]:
        above = jnp.abs(residual).argmax().astype(jnp.int32)
        return _Start(best, above, above, no)
    group = half[:, best].argmax().astype(jnp.int32)
    inside = member[:, group]
    above = jnp.where(inside, residual, -jnp.inf).argmax().astype(jnp.int32)
    below = jnp.where(inside, residual, jnp.inf).argmin().astype(jnp.int32)
    return _Start(best, above, below, group)


def _vertex(
    residuals: Float[Array, "D L W"], start: _Start, groups: Float[Array, "D G"], *, simplex: bool
) -> _Vertex:
    """The tableau at the start.

    Its slacks are those of w, but an entry's in the leader's place, and the groups' shifts, but another
    entry's in the place of the group's.
    """
    rows, leaders, lanes = residuals.shape
    shifts = groups.shape[1]
    base = column_of(residuals, start.leader)
    steps = residuals - base[:, None] if simplex else residuals
    own = np.arange(leaders, dtype=np.int32)[:, None] == start.leader[None]  # [L, W]
    first, number = row_of(steps, start.above), np.arange(leaders, dtype=np.int32)[:, None]
    at_first = pick(base, start.above)
    if shifts:
        last, at_last = row_of(steps, start.below), pick(base, start.below)
        inside = groups[:, start.group]  # [D, W]
        member = groups[:, :, None] > 0
        top = jnp.where(member, base[:, None], -jnp.inf).max(0)
        bottom = jnp.where(member, base[:, None], jnp.inf).min(0)
        level = base - groups @ ((top + bottom) / 2)
        height = (at_first - at_last) / 2
        rise = jnp.where(own, 0.5, (first - last) / 2)
        shift = jnp.where(own, -0.5, -(first + last) / 2)
        forms = jnp.where(own[None], 0.0, steps) + inside[:, None] * shift[None]
        at_group = np.arange(shifts, dtype=np.int32)[:, None] == start.group[None]  # [G, W]
        forms = jnp.concatenate(
            [forms, jnp.where(at_group[None], 0.5 * inside[:, None], groups[:, :, None])], axis=1
        )
        rise = jnp.concatenate([rise, jnp.where(at_group, 0.5, 0.0)])
        free = 2 * rows + leaders + np.arange(shifts, dtype=np.int32)[:, None]
        others = jnp.where(at_group, rows + start.below[None], free)
        entry = start.above
    else:
        sign = jnp.where(at_first < 0, -1.0, 1.0)
        level, height = base, jnp.abs(at_first)
        rise = jnp.where(own, 1.0, sign[None] * first)
        forms = jnp.where(own[None], 0.0, steps)
        others = jnp.zeros((0, lanes), jnp.int32)
        entry = jnp.where(at_first < 0, rows, 0) + start.above
    held = own.astype(base.dtype)
    weights = jnp.eye(leaders, dtype=base.dtype)[:, :, None] - (held[:, None] if simplex else 0.0)
    weights = jnp.where(own[None], 0.0, jnp.broadcast_to(weights, (leaders, leaders, lanes)))
    weights = jnp.pad(weights, ((0, 0), (0, shifts), (0, 0)))
    tableau = jnp.concatenate([forms, rise[None], weights])
    levels = jnp.concatenate([level, height[None], held])
    return _Vertex(
        tableau=tableau,
        left=jnp.zeros_like(levels),
        right=jnp.zeros_like(rise),
        levels=jnp.stack([levels, levels]),
        tight=jnp.concatenate([jnp.where(own, entry[None], 2 * rows + number), others]).astype(jnp.int32),
        steps=jnp.zeros(lanes, jnp.int32),
        done=jnp.zeros(lanes, bool),
    )


def _exchanged(vertex: _Vertex, relaxed: Float[Array, " two_D"], most: int, *, free: bool) -> _Vertex:
    """One exchange in every lane that can lower its height."""
    rows, slacks = len(relaxed) // 2, vertex.tableau.shape[1]
    eps = float(jnp.finfo(relaxed.dtype).eps)
    tableau = vertex.tableau - vertex.left[:, None] * vertex.right[None]
    leaders = len(tableau) - rows - 1

    # The slack to raise: that with the steepest fall of t. Shifts may move either way.
    cost = tableau[rows]
    gain = cost
    if free:
        gain = jnp.where(vertex.tight >= 2 * rows + leaders, -jnp.abs(cost), cost)
    steepest = least(gain)
    entering = first_of(gain <= steepest[None])
    column = column_of(tableau, entering)
    turned = jnp.where(column[rows] > 0, -1.0, 1.0)
    along = column * turned[None]

    # The constraint that becomes tight first; among those that do so together the one that turns most.
    height, fall = vertex.levels[1, rows][None], -along[rows][None]
    rho, w = vertex.levels[1, :rows], vertex.levels[1, rows + 1 :]
    room = jnp.concatenate([height - rho, height + rho]) + relaxed[:, None]
    room = jnp.maximum(jnp.concatenate([room, w]), 0.0)
    rate = jnp.concatenate([fall + along[:rows], fall - along[:rows], -along[rows + 1 :]])
    closing = rate > eps**PIVOT
    bound = least(divided(room + TIE * eps, rate, closing, jnp.inf))
    turn = jnp.where(closing & (room <= bound[None] * rate), rate, 0.0)
    sharpest = largest(turn)
    leaving = first_of(turn >= sharpest[None])
    moving = ~vertex.done & (steepest < -CONTENT * eps) & (sharpest > 0) & (vertex.steps < most)
    entering, leaving, moves = settled(entering, leaving, moving.astype(jnp.int32))
    moving = moves > 0

    # Its slack as a function of the others: t - rho, t + rho or w.
    is_weight, is_below = leaving >= 2 * rows, leaving >= rows
    form = jnp.where(is_weight, leaving - rows + 1, jnp.where(is_below, leaving - rows, leaving))
    sign, with_t = jnp.where(is_below, 1.0, -1.0), jnp.where(is_weight, 0.0, 1.0)
    slack = row_of(tableau, form) * sign[None] + cost * with_t[None]
    value = pick(vertex.levels, form) * sign[None] + vertex.levels[:, rows] * with_t[None]
    value = value.at[1].add(jnp.where(is_weight, 0.0, relaxed[jnp.minimum(leaving, 2 * rows - 1)]))
    pivot = turned / jnp.where(moving, -sharpest, 1.0)

    left = jnp.where(moving[None], column, 0.0)
    here = np.arange(slacks, dtype=np.int32)[:, None] == entering[None]
    return _Vertex(
        tableau=tableau,
        left=left,
        right=(slack - here.astype(slack.dtype)) * pivot[None],
        levels=vertex.levels - left[None] * (value * pivot[None])[:, None],
        tight=jnp.where(here & moving[None], leaving[None], vertex.tight),
        steps=vertex.steps + moving.astype(jnp.int32),
        done=~moving,
    )


def _measure(vertex: _Vertex, rows: int) -> Float[Array, "D W"]:
    """The multipliers of rho <= t less those of -rho <= t, for each entry."""
    multiplier = vertex.tableau[rows]
    below = vertex.tight >= rows
    entry = jnp.where(vertex.tight < 2 * rows, vertex.tight - jnp.where(below, rows, 0), rows)
    lanes = vertex.done.size
    measure = jnp.zeros((rows + 1, lanes), multiplier.dtype)
    measure = measure.at[entry, np.arange(lanes, dtype=np.int32)[None]].add(
        jnp.where(below, -multiplier, multiplier)
    )
    # The measure of the residual `target - columns w`, which is - rho.
    return -measure[:rows]
