"""Two states and a logit follower: the concave closure of a smooth function, with a certificate.

The posteriors are cut into cells. On a cell the leader's utility h exceeds its chord, at most, by the sum
over the follower's types p of

    sup |phi_p''| / 2 * W_L W_R (q_R - q_L)^2 / (sqrt W_L + sqrt W_R)^2                              [own]

where phi_p(q) is the leader's utility given p's posterior q, W p's probability and L, R the cell's ends: a
chord of phi_p is one of the homogeneous W phi_p(q), and W (q - q_L) (q_R - q) has this maximum. With D the
slopes of the log-odds in q, c those of the utilities U and s(q) the probabilities of the actions,

    phi'' = 2 Cov(c, D) + Cov(U, (D - mean D)^2)     under s(q),

so that |phi''| <= 2 sqrt(Var c Var D) + range(U) Var D. The variances are bounded about the slopes of one
action, with probabilities that are bounded by the tangents of log s, which is concave. Away from ties
one action has nearly all, and the bound vanishes exponentially.

All of it is evaluated in floating point: utilities may be off by `private.rounding`, the exponents of
actions by `private.unsure`, and the bounds are moved by as much.

One attempt, of at most ATTEMPTS (`smooth_closure`):

1. `_refined`: the best split among the starting points, where two actions have given odds, refined by
   zooming in on its two posteriors. It gives the lower end, and a line.
2. `_above_line`: with the line fixed, cells are halved until none may exceed it by more than is asked for,
   or too many do. What they may exceed it by raises the line: the upper end.
3. If the bracket is too wide, the posterior that exceeds the line most joins the points of the next attempt.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgame.competition.independent.closure import Split, best_split, ties
from jaxgame.competition.independent.private import Private, centred, message_values, rounding, scale, unsure
from jaxgame.core.bracket import Bracket

WIDTH = 1e-6  # aimed at, in parts of what is at stake for the leader

# Log-odds of the starting points: all of them while that makes few points, else ties only.
ODDS = (-18.0, -9.0, -4.0, -1.5, 0.0, 1.5, 4.0, 9.0, 18.0)
FEW = 400

ATTEMPTS = 4
ZOOMS = (7, 14)  # from all log-odds and from ties only
ZOOM = 6  # points on either side; spacing shrinks by as much
OPEN = 64  # cells that may exceed the line at a time
HALVINGS = 60


class SmoothClosure(NamedTuple):
    """The best scheme found, a bracket of the best there is, and how often cells were halved."""

    scheme: Float[Array, "2 2"]
    value: Bracket
    steps: Int[Array, ""]


def smooth_closure(problem: Private, rationality: Float[Array, ""]) -> SmoothClosure:
    """The leader's best scheme against a logit follower, in standard units: the attempts of the module."""
    # Her values matter here, and no near tie does.
    problem = Private(problem.prior, centred(problem.follower), problem.leader)
    off = rounding(problem, rationality)
    start = _Points.at(problem, rationality, _starting_points(problem, rationality))
    target = WIDTH * scale(problem)
    first, last = start.place[:1], start.place[-1:]
    # Room for the surroundings of one more point for each attempt.
    spare = _Points.at(problem, rationality, jnp.tile(first, (3 * ATTEMPTS, 1)))

    class State(NamedTuple):
        more: _Points  # three for each attempt: where the line was exceeded, and both neighbours
        scheme: Array  # that attains value.lower
        value: Bracket  # the best of all attempts, at both ends
        attempts: Array
        steps: Array

    def attempt(state: State) -> State:
        points = _joined(start, state.more)
        split = _refined(problem, rationality, points)
        proof = _above_line(problem, rationality, start, split.line, target / 8)
        lower = message_values(problem, split.scheme, rationality, "lowest").sum() - off.sum()
        better = lower > state.value.lower
        upper = jnp.minimum(state.value.upper, split.bound(proof.excess, off))
        slots = 3 * state.attempts + jnp.arange(3, dtype=jnp.int32)
        return State(
            jax.tree.map(lambda x, y: x.at[slots].set(y), state.more, proof.worst),
            jnp.where(better, split.scheme, state.scheme),
            Bracket(jnp.maximum(lower, state.value.lower), upper),
            state.attempts + 1,
            state.steps + proof.halvings,
        )

    def unfinished(state: State) -> Array:
        return (state.attempts < ATTEMPTS) & ~(state.value.width <= target)

    nothing = Bracket(jnp.asarray(-jnp.inf), jnp.asarray(jnp.inf))
    silent = jnp.concatenate([first, last]) * 0.0 + 0.5
    end = jax.lax.while_loop(unfinished, attempt, State(spare, silent, nothing, jnp.int32(0), jnp.int32(0)))
    return SmoothClosure(end.scheme, end.value, end.steps)


class _Points(NamedTuple):
    """Posteriors, and the leader's utility there."""

    place: Float[Array, "G 2"]
    value: Float[Array, " G"]

    @classmethod
    def at(cls, problem: Private, rationality: Float[Array, ""], place: Float[Array, "G 2"]) -> "_Points":
        seen = _seen(problem, rationality, place)
        return cls(place, (seen.total[:, :, None] * jnp.exp(seen.log_share) * seen.utility).sum((1, 2)))


def _joined(*parts: _Points) -> _Points:
    return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


def _refined(problem: Private, rationality: Float[Array, ""], points: _Points) -> Split:
    """The best split, its two posteriors refined by zooming in on them.

    `points` are the starting points in order and then groups of three in order. A zoom splits among the
    points known, and puts 2 ZOOM + 1 points around either contact; those of the zoom before are given up, as
    their contacts are the middles of the new ones. The layout of `known` thus stays: points, left group,
    right group.
    """
    count = points.value.shape[0]
    width = 2 * ZOOM + 1
    steps = (
        jnp.concatenate([-jnp.arange(ZOOM, 0, -1), jnp.arange(ZOOM + 1)]).astype(points.value.dtype) / ZOOM
    )
    # The split needs (1, 0) and (0, 1) to be the first two points.
    corners = _Points.at(problem, rationality, jnp.eye(2))

    def zoomed(known: _Points, index: Array) -> _Points:
        """Points around a contact, as far as its neighbours in the same group or mirrored ones."""
        here = known.place[index]
        before, after = (
            known.place[jnp.maximum(index - 1, 0)],
            known.place[jnp.minimum(index + 1, len(known.value) - 1)],
        )
        back, forth = here - before, after - here
        # At the end of a group the neighbour is elsewhere, and too far to the wrong side: mirror the other.
        back = jnp.where(back[1] > 0, back, jnp.maximum(forth[1], 0.0) * jnp.array([-1.0, 1.0]))
        forth = jnp.where(forth[1] > 0, forth, jnp.maximum(back[1], 0.0) * jnp.array([-1.0, 1.0]))
        way = jnp.where(steps[:, None] < 0, steps[:, None] * back[None], steps[:, None] * forth[None])
        place = jnp.maximum(here[None] + way, 0.0)
        return _Points.at(problem, rationality, place / place.sum(1, keepdims=True))

    def zoom(state: tuple[_Points, Array], _: None) -> tuple[tuple[_Points, Array], None]:
        known, guess = state
        chosen = best_split(*_joined(corners, known), start=guess).chosen
        # The corners are the ends of the starting points, too.
        index = jnp.where(chosen == 1, count - 3 * ATTEMPTS - 1, jnp.maximum(chosen - 2, 0))
        sides = [zoomed(known, index[i]) for i in range(2)]
        known = _joined(jax.tree.map(lambda x: x[:count], known), *sides)
        return (known, 2 + count + ZOOM + width * jnp.arange(2, dtype=jnp.int32)), None

    begin = _joined(points, jax.tree.map(lambda x: jnp.concatenate([x[:1]] * (2 * width)), points))
    zooms = ZOOMS[_is_large(problem)]
    (known, guess), _ = jax.lax.scan(zoom, (begin, jnp.arange(2, dtype=jnp.int32)), None, length=zooms)
    return best_split(*_joined(corners, known), start=guess)


class _Proof(NamedTuple):
    """By how much the leader's utility exceeds a line at most, and the cell with the most, halved."""

    excess: Float[Array, ""]
    worst: _Points
    halvings: Int[Array, ""]


class _Cells(NamedTuple):
    """C cells, the utility at both ends, and by how much it may exceed the line inside."""

    left: _Points
    right: _Points
    excess: Float[Array, " C"]

    @classmethod
    def between(
        cls,
        problem: Private,
        rationality: Float[Array, ""],
        left: _Points,
        right: _Points,
        line: Float[Array, "2"],
    ) -> "_Cells":
        ends = jnp.maximum(left.value - left.place @ line, right.value - right.place @ line)
        return cls(left, right, ends + _raises(problem, rationality, left.place, right.place))


def _above_line(
    problem: Private,
    rationality: Float[Array, ""],
    points: _Points,
    line: Float[Array, "2"],
    tolerance: Float[Array, ""],
) -> _Proof:
    """Halve cells until none may exceed the line by more than the tolerance.

    All cells are halved in each round, and the OPEN ones that may exceed the line most are kept. It ends when

    - no cell may exceed the line by more than the tolerance: the line is proved;
    - the utility itself exceeds it by more, at a middle: another line is needed (`found`);
    - a cell that was given up may exceed it by as much as any that is left: halving no longer helps
      (`dropped`);
    - HALVINGS rounds are over.

    In each case `excess` bounds what all cells, kept and given up, may exceed the line by.
    """
    left, right = (jax.tree.map(lambda x, at=at: x[at], points) for at in (slice(-1), slice(1, None)))

    class State(NamedTuple):
        cells: _Cells
        dropped: Array  # what cells that are no longer there may exceed the line by
        found: Array  # what the utility at a middle exceeds it by, at most so far
        worst: _Points  # that middle, and the ends of its cell
        halvings: Array

    def kept(cells: _Cells, dropped: Array) -> tuple[_Cells, Array]:
        count = cells.excess.shape[0]
        if count <= OPEN:
            return cells, dropped
        top, order = jax.lax.top_k(cells.excess, OPEN + 1)
        return jax.tree.map(lambda x: x[order[:OPEN]], cells), jnp.maximum(dropped, top[OPEN])

    def unfinished(state: State) -> Array:
        most = state.cells.excess.max()
        # Where the utility itself exceeds the line, another line is needed.
        lost = (state.found > tolerance) | (most <= state.dropped)
        return (most > tolerance) & ~lost & (state.halvings < HALVINGS)

    def halve(state: State) -> State:
        left, right, _ = state.cells
        middle = _Points.at(problem, rationality, (left.place + right.place) / 2)
        halves = _Cells.between(problem, rationality, _joined(left, middle), _joined(middle, right), line)
        above = middle.value - middle.place @ line
        most = above.argmax()
        around = _joined(*(jax.tree.map(lambda x: x[most][None], x) for x in (left, middle, right)))
        higher = above[most] > state.found
        worst = jax.tree.map(lambda x, y: jnp.where(higher, x, y), around, state.worst)
        cells, dropped = kept(halves, state.dropped)
        return State(cells, dropped, jnp.maximum(above[most], state.found), worst, state.halvings + 1)

    zero = jnp.zeros_like(tolerance)
    cells, dropped = kept(_Cells.between(problem, rationality, left, right, line), zero)
    here = jax.tree.map(lambda x: jnp.concatenate([x[:1]] * 3), points)
    missing = OPEN - cells.excess.shape[0]
    if missing > 0:  # cells that are nowhere, below the line
        cells = jax.tree.map(lambda x: jnp.concatenate([x, *[x[:1]] * missing]), cells)
        cells = cells._replace(right=jax.tree.map(lambda x, y: x.at[-missing:].set(y[0]), cells.right, left))
        cells = cells._replace(excess=cells.excess.at[-missing:].set(-jnp.inf))
    end = jax.lax.while_loop(unfinished, halve, State(cells, dropped, zero, here, jnp.int32(0)))
    excess = jnp.maximum(jnp.maximum(end.cells.excess.max(), end.dropped), 0.0)
    return _Proof(excess, end.worst, end.halvings)


def _starting_points(problem: Private, rationality: Float[Array, ""]) -> Float[Array, "G 2"]:
    """Both ends, and where two actions have the odds ODDS for some type, in order."""
    first, second = np.triu_indices(problem.follower.shape[2], 1)
    odds = jnp.asarray([0.0] if _is_large(problem) else ODDS)
    gaps = rationality * (problem.follower[:, :, first] - problem.follower[:, :, second])
    against = problem.prior[:, :, None, None] * (gaps[..., None] - odds[None, None, None])  # [P,2,pairs,odds]
    points = jnp.stack(ties(against[:, 0], against[:, 1]), -1).reshape(-1, 2)
    points = points[jnp.argsort(points[:, 1] - points[:, 0])]
    # Where rounding confuses the order, cells go back and forth: together they cover the line all the same.
    return jnp.concatenate([jnp.array([[1.0, 0.0]]), points, jnp.array([[0.0, 1.0]])])


def _is_large(problem: Private) -> bool:
    types, _, actions = problem.follower.shape
    return types * actions * (actions - 1) // 2 * len(ODDS) > FEW


class _Seen(NamedTuple):
    """Types' probabilities, how likely each takes an action (log), and what the leader then expects."""

    total: Float[Array, "C P"]
    log_share: Float[Array, "C P A"]
    utility: Float[Array, "C P A"]


def _seen(problem: Private, rationality: Float[Array, ""], points: Float[Array, "C 2"]) -> _Seen:
    """Each type's response at each posterior: `private.respond` in few operations, for two states."""
    weights = points[:, None] * problem.prior[None]  # [C,P,2]
    total = weights[..., 0] + weights[..., 1]
    zero, one = (weights[..., s, None] / jnp.where(total > 0, total, 1.0)[..., None] for s in (0, 1))

    def expected(utility: Float[Array, "P 2 A"]) -> Float[Array, "C P A"]:
        return zero * utility[None, :, 0] + one * utility[None, :, 1]

    values = expected(problem.follower)
    log_odds = rationality * (values - values.max(2, keepdims=True))
    log_share = log_odds - jnp.log(jnp.exp(log_odds).sum(2, keepdims=True))
    return _Seen(total, log_share, expected(problem.leader))


def _raises(
    problem: Private, rationality: Float[Array, ""], left: Float[Array, "C 2"], right: Float[Array, "C 2"]
) -> Float[Array, " C"]:
    """How far the leader's utility may exceed its chord on each cell."""
    follower, leader = problem.follower, problem.leader

    at_left, at_right = (_seen(problem, rationality, points) for points in (left, right))
    of_left, of_right, log_left, log_right = (
        at_left.total,
        at_right.total,
        at_left.log_share,
        at_right.log_share,
    )
    span = jnp.maximum(*(x.utility.max(2) - x.utility.min(2) for x in (at_left, at_right)))
    both = of_left * of_right
    known = both > 0  # else nothing is to be raised: the type knows the state
    masses = (
        problem.prior.prod(1)[None] * jnp.abs(left[:, 0] * right[:, 1] - left[:, 1] * right[:, 0])[:, None]
    )
    run = masses / jnp.where(known, both, 1.0)  # q_R - q_L, without cancellation

    slopes = rationality * (follower[:, 1] - follower[:, 0])  # [P,A]
    tilt = leader[:, 1] - leader[:, 0]
    # Of log-probabilities at the ends, and of tangents by the mean slope, whose weights are as uncertain.
    off = 2 * unsure(problem, rationality)[None] * (1 + (slopes.max(1) - slopes.min(1))[None] * run)

    def ahead(log_share: Array, sign: float) -> Array:
        """The tangent of log s at one end, where it is largest on the cell."""
        mean = (jnp.exp(log_share) * slopes[None]).sum(2, keepdims=True)
        return log_share + jnp.maximum(sign * (slopes[None] - mean), 0.0) * run[:, :, None]

    ahead_most = jnp.minimum(ahead(log_left, 1.0), ahead(log_right, -1.0)) + off[:, :, None]
    share = jnp.exp(jnp.minimum(ahead_most, 0.0))
    chances = log_left + log_right
    chief = (chances >= chances.max(2, keepdims=True)).astype(share.dtype)
    chief = chief / chief.sum(2, keepdims=True)

    def variance(values: Float[Array, "P A"]) -> Array:
        """About the most probable action's value, which is at least the variance; at most span^2 / 4."""
        about = (chief * values[None]).sum(2, keepdims=True)
        spread = (share * (values[None] - about) ** 2).sum(2)
        return jnp.minimum(spread, (values.max(1) - values.min(1))[None] ** 2 / 4)

    spread = variance(slopes)
    curvature = 2 * jnp.sqrt(variance(tilt)) * jnp.sqrt(spread) + span * spread
    roots = jnp.sqrt(of_left) + jnp.sqrt(of_right)
    height = masses * run / jnp.where(known, roots, 1.0) ** 2  # W_L W_R (q_R - q_L)^2 / (...)^2
    raised = jnp.where(known, curvature * height, 0.0).sum(1) / 2
    raised *= 1 + (2 * follower.size + 64) * jnp.finfo(raised.dtype).eps
    return jnp.where(jnp.isnan(raised), jnp.inf, raised)  # rationality near the largest number
