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

Cells start at the posteriors where two actions have given odds, and those with the largest bound are
halved until the bracket is narrow.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgame.bracket import Bracket
from jaxgame.competition.closure import Split, best_split, ties
from jaxgame.competition.private import Private, message_values, scale

WIDTH = 1e-6  # aimed at, in parts of the leader's range of utility

# Log-odds at which cells start: all of them while that makes few cells, else ties only.
ODDS = (-18.0, -9.0, -4.0, -1.5, 0.0, 1.5, 4.0, 9.0, 18.0)
FEW = 400

HALVED = 16  # cells in a round
ROUNDS = 40


class Closure(NamedTuple):
    """The best scheme found, a bracket of the best there is, and how many cells it took."""

    scheme: Float[Array, "2 2"]
    value: Bracket
    cells: Int[Array, ""]


def smooth_closure(problem: Private, rationality: Float[Array, ""], rounds: int = ROUNDS) -> Closure:
    """The leader's best scheme against a logit follower: `rounds` rounds at most, fewer if WIDTH is met."""
    start = _starting_points(problem, rationality)
    value = message_values(problem, start.T, rationality, "lowest")
    size = start.shape[0] - 1 + HALVED * rounds
    target = WIDTH * scale(problem)

    left, right = start[:-1], start[1:]
    first = _Cells(left, right, value[:-1], value[1:], _raises(problem, rationality, left, right))
    room = size - left.shape[0]
    # Empty cells repeat the first one's left end, and are nowhere.
    place, there = jnp.broadcast_to(left[:1], (room, 2)), jnp.broadcast_to(value[:1], (room,))
    spare = _Cells(place, place, there, there, jnp.full(room, -jnp.inf))
    cells = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), first, spare)

    class State(NamedTuple):
        cells: _Cells
        split: Split
        excess: Array  # [C]
        upper: Array
        round: Array

    def judged(cells: _Cells, upper: Array, number: Array) -> State:
        split = best_split(*cells.points())
        ends = jnp.maximum(cells.at_left - cells.left @ split.line, cells.at_right - cells.right @ split.line)
        excess = ends + cells.raised
        proved = split.height + 2 * jnp.maximum(excess.max(), 0.0)
        return State(cells, split, excess, jnp.minimum(upper, proved), number)

    def unfinished(state: State) -> Array:
        return (state.upper - state.split.height > target) & (state.round < rounds)

    def halve(state: State) -> State:
        cells = state.cells
        _, chosen = jax.lax.top_k(state.excess, HALVED)
        left, right = cells.left[chosen], cells.right[chosen]
        middle = (left + right) / 2
        at_middle = message_values(problem, middle.T, rationality, "lowest")
        ends = jnp.concatenate([left, middle]), jnp.concatenate([middle, right])
        raised = _raises(problem, rationality, *ends)
        added = first.left.shape[0] + HALVED * state.round + jnp.arange(HALVED, dtype=jnp.int32)
        halves = _Cells(
            cells.left.at[added].set(middle),
            cells.right.at[chosen].set(middle).at[added].set(right),
            cells.at_left.at[added].set(at_middle),
            cells.at_right.at[chosen].set(at_middle).at[added].set(cells.at_right[chosen]),
            cells.raised.at[chosen].set(raised[:HALVED]).at[added].set(raised[HALVED:]),
        )
        return judged(halves, state.upper, state.round + 1)

    begin = judged(cells, jnp.asarray(jnp.inf), jnp.int32(0))
    end = jax.lax.while_loop(unfinished, halve, begin)
    lower = message_values(problem, end.split.scheme, rationality, "lowest").sum()
    cells_used = first.left.shape[0] + HALVED * end.round
    return Closure(end.split.scheme, Bracket(lower, jnp.maximum(end.upper, lower)), cells_used)


class _Cells(NamedTuple):
    """C cells from `left` to `right`, the utility at both ends, and how far it may exceed its chord."""

    left: Float[Array, "C 2"]
    right: Float[Array, "C 2"]
    at_left: Float[Array, " C"]
    at_right: Float[Array, " C"]
    raised: Float[Array, " C"]

    def points(self) -> tuple[Float[Array, "G 2"], Float[Array, " G"]]:
        """The ends of all cells, those of the whole line first."""
        # The first cell's left end is (1, 0) for good; (0, 1) is somewhere.
        last = self.right[:, 1].argmax()
        points = jnp.concatenate([self.left[:1], self.right[last][None], self.left, self.right])
        values = jnp.concatenate([self.at_left[:1], self.at_right[last][None], self.at_left, self.at_right])
        return points, values


def _starting_points(problem: Private, rationality: Float[Array, ""]) -> Float[Array, "G 2"]:
    """Both ends, and where two actions have the odds ODDS for some type, in order."""
    types, _, actions = problem.follower.shape
    first, second = np.triu_indices(actions, 1)
    many = types * len(first) * len(ODDS) > FEW
    odds = jnp.asarray([0.0] if many else ODDS)
    gaps = rationality * (problem.follower[:, :, first] - problem.follower[:, :, second])
    against = problem.prior[:, :, None, None] * (gaps[..., None] - odds[None, None, None])  # [P,2,pairs,odds]
    points = jnp.stack(ties(against[:, 0], against[:, 1]), -1).reshape(-1, 2)
    points = points[jnp.argsort(points[:, 1] - points[:, 0])]
    # Where rounding confuses the order, cells go back and forth: together they cover the line all the same.
    return jnp.concatenate([jnp.array([[1.0, 0.0]]), points, jnp.array([[0.0, 1.0]])])


def _raises(
    problem: Private, rationality: Float[Array, ""], left: Float[Array, "C 2"], right: Float[Array, "C 2"]
) -> Float[Array, " C"]:
    """How far the leader's utility may exceed its chord on each cell."""
    follower, leader = problem.follower, problem.leader

    def at(points: Array) -> tuple[Array, Array, Array, Array]:
        weights = points[:, None] * problem.prior[None]  # [C,P,2]
        total = weights.sum(2)
        posterior = weights / jnp.where(total > 0, total, 1.0)[:, :, None]
        values = jnp.einsum("cps,psa->cpa", posterior, follower)
        log_odds = rationality * (values - values.max(2, keepdims=True))
        utility = jnp.einsum("cps,psa->cpa", posterior, leader)
        span = utility.max(2) - utility.min(2)
        return total, jax.nn.log_softmax(log_odds), span, posterior

    (of_left, log_left, span_left, _), (of_right, log_right, span_right, _) = at(left), at(right)
    both = of_left * of_right
    known = both > 0  # else nothing is to be raised: the type knows the state
    masses = (
        problem.prior.prod(1)[None] * jnp.abs(left[:, 0] * right[:, 1] - left[:, 1] * right[:, 0])[:, None]
    )
    run = masses / jnp.where(known, both, 1.0)  # q_R - q_L, without cancellation

    slopes = rationality * (follower[:, 1] - follower[:, 0])  # [P,A]
    tilt = leader[:, 1] - leader[:, 0]

    def ahead(log_share: Array, sign: float) -> Array:
        """The tangent of log s at one end, where it is largest on the cell."""
        mean = (jnp.exp(log_share) * slopes[None]).sum(2, keepdims=True)
        return log_share + jnp.maximum(sign * (slopes[None] - mean), 0.0) * run[:, :, None]

    share = jnp.exp(jnp.minimum(jnp.minimum(ahead(log_left, 1.0), ahead(log_right, -1.0)), 0.0))
    chief = (log_left + log_right).argmax(2)[:, :, None]

    def variance(values: Float[Array, "P A"]) -> Array:
        """About the most probable action's value, which is at least the variance; at most span^2 / 4."""
        values = jnp.broadcast_to(values[None], share.shape)
        about = (share * (values - jnp.take_along_axis(values, chief, 2)) ** 2).sum(2)
        return jnp.minimum(about, (values.max(2) - values.min(2)) ** 2 / 4)

    spread = variance(slopes)
    curvature = 2 * jnp.sqrt(variance(tilt)) * jnp.sqrt(spread) + jnp.maximum(span_left, span_right) * spread
    roots = jnp.sqrt(of_left) + jnp.sqrt(of_right)
    height = masses * run / jnp.where(known, roots, 1.0) ** 2  # W_L W_R (q_R - q_L)^2 / (...)^2
    return jnp.where(known, curvature * height, 0.0).sum(1) / 2
