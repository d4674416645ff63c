"""What a grid of posteriors proves of slack-equilibria when the follower responds by logit.

`logit_laws` with a row for each leader in place of exclusion. On a cell a leader's excess is at least what
its closure, from below, has more than its curve, from above; where that is positive at both ends it is
linear, and a law needs the cell's ends only. What she loses most on laws of cells whose least excess is
within the slack is the bound. At a grid point the excess is at most what the curve, from above, rises above a
line through the point: a law of grid points whose largest excess is within the slack is attained [own].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.rich import slack_program
from jaxgame.competition.rich.concave_closure import LARGEST, Basis
from jaxgame.competition.rich.curve_hull import top
from jaxgame.competition.rich.logit_curves import Curves, Problem, curves_on
from jaxgame.competition.rich.logit_grid import Gaps, closure_from_below
from jaxgame.competition.rich.logit_laws import ROUNDINGS, Judged, Law, above_line, at_prior, beside
from jaxgame.competition.rich.slack_program import Program, bound, kept, perturbed, proposed
from jaxgame.core.arithmetic import divided


def atoms(leaders: int) -> int:
    """Posteriors of a law, with the two at which the state is known: one for each row of the program.

    The two that a single leader would take join them.
    """
    return leaders + (4 if leaders > 1 else 6)


def wanted(leaders: int) -> int:
    """Cells to split: those of the bound, beside points it comes from, and those that decide excess there."""
    return 2 + 2 * (leaders + 2) + (4 * leaders if leaders > 1 else 8)


class _Grid(NamedTuple):
    """What leaders gain by revealing more at grid points and corners, as far as it is known.

    `short` is what a chord has more than the curve, to be lessened by what the curve does on a cell. Of a
    single leader it is what a point misses of the supporting line at the prior, of which `missed` may not be
    attained; `own` are two points of its best law, with `own_weights` of corner, points and corner, `wanted`
    cells to split for it.
    """

    short: Float[Array, "K N"]
    corners: Float[Array, "K 2"]
    missed: Float[Array, " K"]
    own: Int[Array, " O"]
    own_weights: Float[Array, " 4"]
    wanted: Int[Array, " W"]


def forgiving(eta: Float[Array, " K"], problem: Problem, curves: Curves, gaps: Gaps) -> Judged:
    """Bounds if each leader may gain `eta`, in parts of its range.

    1. The most she loses over laws on cells whose least excess is within the slack is the bound.
    2. At grid points where that comes from, and about them, the largest excess is proved. The most she loses
       over laws on them within the slack is attained, mixed with full revelation if need be.
    3. Cells of the bound, cells beside points it comes from, and those that decide excess are to be split.
    """
    grid = _of_many(problem, curves, gaps) if len(eta) > 1 else _of_one(problem, curves)
    above = _above(problem, curves, grid, eta)
    points, excess, blocking = _proved(problem, curves, gaps, grid, above.points)

    allowed, own = eta + ROUNDINGS * problem.rounding, len(grid.own)
    program = _on_points(problem, curves, grid, allowed, points, excess)
    weights = proposed(program, _start(program, grid)).weights
    likely = _likeliest(weights[: len(points)], len(eta) + 2)
    few = _on_points(problem, curves, grid, allowed, points[likely], excess[:, likely])
    first, *_, last = grid.own_weights
    safe = jnp.concatenate([jnp.zeros_like(weights[likely]), grid.own_weights[1 : 1 + own]])
    weights = jnp.concatenate([weights[likely], weights[len(points) :]])
    found = kept(few, weights, slack_program.Law(safe, jnp.stack([first, last])))

    zero, one = found.law.corner_weights
    none = jnp.zeros_like(problem.at)[None]
    law = Law(
        bound=above.bound,
        attained=found.worth,
        x=jnp.concatenate([none, few.points[:, 1], none + 1]),
        weights=jnp.concatenate([zero[None], found.law.weights, one[None]]),
        gain=jnp.maximum(found.excess, allowed).max(),
        cells=(jnp.diff(curves.x) > 0).sum(dtype=jnp.int32),
        opened=above.opened,
    )
    around = jnp.clip(jnp.concatenate([above.points - 1, above.points]), 0, len(curves.x) - 2)
    return Judged(law, jnp.concatenate([above.cells, around, blocking, grid.wanted]))


def _of_many(problem: Problem, curves: Curves, gaps: Gaps) -> _Grid:
    """Two leaders or more: nobody gains at the corners."""
    values = curves.values[:-1]
    none = jnp.zeros_like(values[:, 0])
    return _Grid(
        short=closure_from_below(gaps, curves.x, values) - values,
        corners=jnp.stack([none, none], 1),
        missed=none,
        own=jnp.zeros(0, jnp.int32),
        own_weights=jnp.stack([1 - problem.at, none[0], none[0], problem.at]),
        wanted=jnp.zeros(0, jnp.int32),
    )


def _of_one(problem: Problem, curves: Curves) -> _Grid:
    """A single leader: what it misses of its closure at the prior."""
    low, high, wanted = at_prior(problem, curves)
    short = jnp.maximum(_laws(curves.x) @ high.multipliers - curves.values[0], 0.0)[None]
    return _Grid(
        short=short,
        corners=jnp.stack([short[:, 0], short[:, -1]], 1),
        missed=jnp.maximum(high.upper - low.lower, 0.0)[None] + 2 * problem.rounding,
        own=low.carriers,
        own_weights=low.weights,
        wanted=wanted,
    )


class _Above(NamedTuple):
    """A bound, the grid points that its prices come from, two cells that carry it, and cells left open."""

    bound: Float[Array, ""]
    points: Int[Array, " M"]
    cells: Int[Array, " 2"]
    opened: Int[Array, ""]


def _above(problem: Problem, curves: Curves, grid: _Grid, eta: Float[Array, " K"]) -> _Above:
    """The most she loses over laws on cells: prices by the program on their ends, as if all were linear."""
    x, loss, rounding = curves.x, -curves.values[-1], problem.rounding
    doubt = curves.over[:-1] + rounding
    # Else a leader's excess counts as 0 on the whole cell: it is not less.
    linear = (grid.short[:, :-1] >= doubt) & (grid.short[:, 1:] >= doubt)
    least = jnp.maximum(grid.short - 2 * rounding, 0.0)  # of two values
    left, right = (jnp.where(linear, side, 0.0) for side in (least[:, :-1], least[:, 1:]))
    allowed = eta + grid.missed + (ROUNDINGS + 1) * rounding
    none = jnp.full_like(left[:, :1], jnp.inf)
    either = jnp.minimum(jnp.concatenate([left, none], 1), jnp.concatenate([none, right], 1))
    every = _on_points(problem, curves, grid, allowed, jnp.arange(len(x), dtype=jnp.int32), either)
    proposal = proposed(every, _start(every, grid))
    prices = jnp.where((proposal.prices > 0) & (proposal.prices <= LARGEST), proposal.prices, 0.0)

    error = _error(problem, curves, linear, prices)
    program = every._replace(
        points=_laws(jnp.concatenate([x[:-1], x[1:]])),
        worth=jnp.concatenate([loss[:-1] + error, loss[1:] + error]),
        excess=jnp.concatenate([left, right], 1),
        corner_excess=jnp.maximum(grid.corners - 2 * rounding, 0.0),
    )
    highest = top(
        program.points[:, 1],
        program.worth - prices @ program.excess,
        program.corners - prices @ program.corner_excess,
        problem.at,
    )
    within = (jnp.minimum(left, right) <= allowed[:, None]).all(0) & (jnp.diff(x) > 0)
    return _Above(
        bound=bound(program, highest.multipliers, prices) + rounding,
        points=_likeliest(proposal.weights[: len(x)], len(eta) + 2),
        cells=highest.carriers % (len(x) - 1),
        opened=within.sum(dtype=jnp.int32),
    )


def _error(
    problem: Problem, curves: Curves, linear: Bool[Array, "K C"], prices: Float[Array, " K"]
) -> Float[Array, " C"]:
    """How far her loss less the price of the leaders' excess gets above its chord on each cell.

    By what each curve does, or all of it as the utility of one player, in which much may cancel: near the
    hull of the leaders' utilities it is nearly constant.
    """
    apart = jnp.where(linear, prices[:, None] * curves.over[:-1], 0.0).sum(0) + curves.under[-1]
    priced = (prices[:, None, None, None] * problem.utility[:-1]).sum(0) - problem.utility[-1]
    together = curves_on(problem._replace(utility=priced[None]), curves.x).over[0]
    return jnp.where(linear.all(0) & (together < apart), together, apart)  # which is no number is not less


def _on_points(
    problem: Problem,
    curves: Curves,
    grid: _Grid,
    allowed: Float[Array, " K"],
    points: Int[Array, " M"],
    excess: Float[Array, "K M"],
) -> Program:
    """Some grid points, and the leader's own, with what she loses and what leaders gain at most."""
    every, loss = jnp.concatenate([points, grid.own]), -curves.values[-1]
    return Program(
        points=_laws(curves.x[every]),
        worth=loss[every],
        excess=jnp.concatenate([excess, grid.short[:, grid.own]], 1),
        corners=jnp.stack([loss[0], loss[-1]]),
        corner_excess=grid.corners,
        target=_laws(problem.at),
        allowed=allowed,
    )


def _proved(
    problem: Problem, curves: Curves, gaps: Gaps, grid: _Grid, carrying: Int[Array, " M"]
) -> tuple[Int[Array, " P"], Float[Array, "K P"], Int[Array, " W"]]:
    """Grid points of which a law may be made, and what leaders gain there at most: by points of a bound.

    Then the cells that decide it, on either side of two points that carry the bound, or of touching points
    that are beside them.
    """
    x, last = curves.x, len(curves.x) - 1
    candidates, touching, near = beside(problem, curves, gaps, carrying[:2])
    others = (carrying[2:, None] + np.arange(-1, 2, dtype=np.int32)[None]).reshape(-1)
    asked = jnp.where(near, touching, carrying[:2])
    points = jnp.clip(jnp.concatenate([asked, candidates, others]), 0, last)
    if len(grid.own):  # of a single leader it is known
        return points, grid.short[:, points], grid.own[:0]
    number = np.arange(last, dtype=np.int32)

    def gain(leader: Array, at: Array) -> tuple[Array, Array]:
        ends, values = gaps.ends[leader], gaps.values[leader]
        inside = (ends[:, 0] < x[at]) & (x[at] < ends[:, 1])
        run, rise = ends[:, 1] - ends[:, 0], values[:, 1] - values[:, 0]
        chord = jnp.where(inside, divided(rise, run, run > 0), 0.0).sum()
        slopes = jnp.stack([chord, curves.slopes[leader, at]])
        above = jax.vmap(above_line, (None, None, None, 0))(curves, leader, at, slopes)
        most = above.max(1)
        sides = jnp.stack([number < at, number >= at])
        farthest = jnp.where(sides, above[most.argmin()][None], -jnp.inf).argmax(1)
        return jnp.maximum(most.min(), 0.0) + problem.rounding, farthest.astype(jnp.int32)

    leaders = jnp.arange(len(grid.short), dtype=jnp.int32)
    excess, cells = jax.vmap(jax.vmap(gain, (None, 0)), (0, None))(leaders, points)
    return points, excess, cells[:, :2].reshape(-1)


def _start(program: Program, grid: _Grid) -> Basis | None:
    """The basis of a single leader's own two points, the last ones."""
    if not len(grid.own):
        return None
    (_, a), (_, b) = program.points[-2], program.points[-1]
    inverse = divided(jnp.stack([jnp.stack([b, b - 1]), jnp.stack([-a, 1 - a])]), b - a, b > a)
    amounts = jnp.maximum(inverse @ program.target, 0.0)
    columns = len(program.target) + len(program.worth) - 2 + jnp.arange(2, dtype=jnp.int32)
    return Basis(columns, inverse, jnp.stack([amounts, perturbed(amounts)], 1))


def _laws(x: Float[Array, "*N"]) -> Float[Array, "*N 2"]:
    """Posteriors of both states."""
    return jnp.stack([1 - x, x], -1)


def _likeliest(weights: Float[Array, " N"], count: int) -> Int[Array, " M"]:
    return jax.lax.top_k(weights, count)[1].astype(jnp.int32)
