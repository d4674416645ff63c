"""One leader's best responses as persuasion programs, and their solution lane by lane.

With T types a recommendation is a map type -> action, M = A^T of them, and obedience holds for each
recommendation and type. The follower's loss against full information takes the place of her value, so
that the threshold reads `loss <= budget`, which is full information less the threshold. Games come in
standard units (`units`): tolerances are relative to what is at stake.

`solve_programs` takes B games. They are laid out with the games as the last axis, solved in chunks
whose working set fits a core's cache, and those that need more pivots than most are gathered and
solved again, by the same loop. Nested vmaps arrive here as one batch.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.units import power_of_two
from jaxgame.lp.lanes import flattened
from jaxgame.persuasion import pivoting, two_state
from jaxgame.persuasion.bounds import bounds
from jaxgame.persuasion.program import Path, Program, Solution

Tree = TypeVar("Tree")

# Two states: the closed form compares (2 A)^2 splits, fewer operations than pivoting up to here.
TWO_STATE_ACTIONS = 8

MAX_KINKS = 64

# A bracket wider than this part of what is at stake for the leader is not converged, and solved again.
WIDTH = 1e-9


class Solved(NamedTuple):
    """Results at N budgets of a game, or of B games with a leading axis B.

    No outcome that loses at most l earns more than `height + price l`, for each of the N.
    """

    budget: Float[Array, "... N"]
    lower: Float[Array, "... N"]
    upper: Float[Array, "... N"]
    height: Float[Array, "... N"]
    scheme: Float[Array, "... N S M"]
    obedience: Float[Array, "... N M Q"]  # multipliers
    price: Float[Array, "... N"]  # multiplier of the budget
    feasible: Bool[Array, "... N"]
    converged: Bool[Array, "... N"]
    pivots: Int[Array, "... N"]


def recommendations(types: int, actions: int) -> tuple[np.ndarray, np.ndarray]:
    """Maps [M, T], the action each recommendation names for each type; others [M, T, Q/T], those it does not.

    With one action there is nothing else to choose; it is then compared with itself.
    """
    maps = action_maps(types, actions)
    others = [[b for b in range(actions) if b != a or actions == 1] for a in range(actions)]
    return maps, np.array(others)[maps]


def action_maps(types: int, actions: int) -> np.ndarray:
    """All maps type -> action [M, T], in lexicographic order."""
    return np.array(list(itertools.product(range(actions), repeat=types)))


class Coefficients(NamedTuple):
    """A program of one game or, with a trailing axis W everywhere, of many."""

    gain: Float[Array, "S M *W"]
    loss: Float[Array, "S M *W"]
    obedience: Float[Array, "S M Q *W"]
    full: Float[Array, "*W"]  # the follower's value of full information


def coefficients(
    prior: Float[Array, "T S *W"], follower: Float[Array, "T S A *W"], leader: Float[Array, "T S A *W"]
) -> Coefficients:
    """The program of a leader with utility `leader`."""
    types, states, actions = follower.shape[:3]
    maps, others = recommendations(types, actions)
    best = follower.max(2)
    gains, losses, obedience = [], [], []
    for t in range(types):
        mass = prior[t][:, None]
        gains.append(mass * leader[t][:, maps[:, t]])
        losses.append(mass * (best[t][:, None] - follower[t][:, maps[:, t]]))
        gap = follower[t][:, maps[:, t], None] - follower[t][:, others[:, t]]
        obedience.append(mass[:, None] * gap)
    rows = jnp.stack(obedience, 2)
    return Coefficients(
        sum(gains[1:], gains[0]),
        sum(losses[1:], losses[0]),
        rows.reshape(states, len(maps), types * others.shape[-1], *rows.shape[4:]),
        (prior * best).sum((0, 1)),
    )


@custom_vmap
def solve_programs(
    prior: Float[Array, "B T S"],
    follower: Float[Array, "B T S A"],
    leader: Float[Array, "B T S A"],
    budget: Float[Array, "B N"],
) -> Solved:
    """Best responses of B games at N budgets each."""
    return _in_chunks(_solve_chunk, (prior, follower, leader, budget), budget.shape[1])


@custom_vmap
def solve_frontiers(
    prior: Float[Array, "B T S"], follower: Float[Array, "B T S A"], leader: Float[Array, "B T S A"]
) -> Solved:
    """Best responses of B games at the kinks of their value curves, from a budget of 0 up."""
    return _in_chunks(_frontier_chunk, (prior, follower, leader), _kinks(follower.shape))


@solve_programs.def_vmap
def _solve_more(size: int, batched: list[bool], *games: Array) -> tuple[Solved, Solved]:
    return flattened(solve_programs, size, batched, games)


@solve_frontiers.def_vmap
def _solve_more_frontiers(size: int, batched: list[bool], *games: Array) -> tuple[Solved, Solved]:
    return flattened(solve_frontiers, size, batched, games)


class _Jobs(NamedTuple):
    """Rounds of chunks: the games of this round, how many there are, the next chunk, what was found best."""

    games: Int[Array, " B_plus_W"]
    left: Int[Array, ""]
    chunk: Int[Array, ""]
    round: Int[Array, ""]
    best: Solved


def _in_chunks(solve: Callable[..., Solved], games: tuple[Array, ...], points: int) -> Solved:
    """All games in chunks by `solve`, then the unfinished again with more pivots: one loop, compiled once."""
    count, types, states, actions = games[1].shape
    messages, rows = actions**types, types * max(actions - 1, 1)
    lanes = min(_lanes(states, messages, rows, points), count)
    perturbations = jnp.asarray(pivoting.perturbations(messages * rows))
    within = np.arange(lanes, dtype=np.int32)

    def attempt(index: Array, round: Array) -> Solved:
        chosen = [jnp.moveaxis(x.at[index].get(mode="clip"), 0, -1) for x in games]
        return solve(*chosen, round == 0, perturbations[jnp.maximum(round - 1, 0)])

    def step(jobs: _Jobs) -> _Jobs:
        index = jax.lax.dynamic_slice_in_dim(jobs.games, jobs.chunk * lanes, lanes)
        new, old = attempt(index, jobs.round), jax.tree.map(lambda x: x.at[index].get(mode="clip"), jobs.best)
        better = (jobs.round == 0) | new.converged.all(1) | (_width(new).sum(1) < _width(old).sum(1))
        wanted = (jobs.chunk * lanes + within < jobs.left) & better
        target = jnp.where(wanted, index, count)  # count is no game: dropped
        best = jax.tree.map(lambda x, y: x.at[target].set(y, mode="drop"), jobs.best, new)
        jobs = jobs._replace(chunk=jobs.chunk + 1, best=best)
        return jax.lax.cond(jobs.chunk * lanes < jobs.left, lambda jobs: jobs, following, jobs)

    def following(jobs: _Jobs) -> _Jobs:
        unfinished = ~jobs.best.converged.all(1)
        order = jnp.argsort(~unfinished, stable=True).astype(jnp.int32)
        order = jnp.concatenate([order, jnp.full(lanes, count, jnp.int32)])
        left = unfinished.sum(dtype=jnp.int32)
        return jobs._replace(games=order, left=left, chunk=jnp.int32(0), round=jobs.round + 1)

    every = jnp.arange(count + lanes, dtype=jnp.int32)
    none = jnp.int32(0)
    found = jax.eval_shape(attempt, every[:lanes], none)
    blank = jax.tree.map(lambda x: jnp.zeros((count, *x.shape[1:]), x.dtype), found)
    begin = _Jobs(every, jnp.int32(count), none, none, blank)
    rounds = 1 + len(perturbations)
    return jax.lax.while_loop(lambda jobs: (jobs.round < rounds) & (jobs.left > 0), step, begin).best


def _solve_chunk(
    prior: Float[Array, "T S W"],
    follower: Float[Array, "T S A W"],
    leader: Float[Array, "T S A W"],
    budget: Float[Array, "N W"],
    first: Bool[Array, ""],
    perturbation: Float[Array, " MQ"],
) -> Solved:
    """Solve W games side by side; results with the games first. The `first` attempt makes few pivots."""
    types, states, actions, _ = follower.shape
    program, scale = _program(prior, follower, leader)
    # What is never lost need not be budgeted: thresholds far below any outcome's value are all alike.
    budget = jnp.minimum(budget, program.loss.max(1).sum(0)[None])
    if types == 1 and states == 2 and actions <= TWO_STATE_ACTIONS:
        return _bounded(program, scale, budget, two_state.solve_many(program, budget), None)

    if budget.shape[0] == 1:
        solution = _short_or_long(
            lambda segments: pivoting.solve(program, budget[0], segments, perturbation), program, first
        )
        return _bounded(program, scale, budget, jax.tree.map(lambda x: x[None], solution), None)

    def solved(segments: tuple[int, ...]) -> Solved:
        solution, path = pivoting.solve_many(program, budget, segments, perturbation)
        return _bounded(program, scale, budget, solution, path)

    return _short_or_long(solved, program, first)


def _frontier_chunk(
    prior: Float[Array, "T S W"],
    follower: Float[Array, "T S A W"],
    leader: Float[Array, "T S A W"],
    first: Bool[Array, ""],
    perturbation: Float[Array, " MQ"],
) -> Solved:
    """The same at the kinks."""
    program, scale = _program(prior, follower, leader)
    points = _kinks(follower.shape[:3])

    def solved(segments: tuple[int, ...]) -> Solved:
        budget, solution, path = pivoting.solve_frontier(program, points, segments, perturbation)
        return _bounded(program, scale, budget, solution, path)

    return _short_or_long(solved, program, first)


def _short_or_long(walk: Callable[[tuple[int, ...]], Tree], program: Program, first: Bool[Array, ""]) -> Tree:
    """What a walk with few pivots finds, which most programs do not exceed, or one with many."""
    short, long = _segments(*program.gain.shape[:2])
    return jax.lax.cond(first, lambda: walk(short), lambda: walk(long))


def _program(
    prior: Float[Array, "T S W"], follower: Float[Array, "T S A W"], leader: Float[Array, "T S A W"]
) -> tuple[Program, Float[Array, "M Q W"]]:
    """The program with scaled obedience rows, and the scales: powers of two, which round nothing."""
    gain, loss, obedience, _ = coefficients(prior, follower, leader)
    scale = power_of_two(jnp.abs(obedience).max(0))
    size = (prior * jnp.abs(leader).max(2)).sum(0)
    start = _full_information(follower, leader)
    return Program(gain, size, loss, obedience / scale[None], start), scale


def _bounded(
    program: Program,
    scale: Float[Array, "M Q W"],
    budget: Float[Array, "N W"],
    solution: Solution,
    path: Path | None,
) -> Solved:
    """Certified bounds on what was proposed; the games first."""
    found = bounds(program, budget, solution, path)
    stake = (program.gain.max(1) - program.gain.min(1)).sum(0)
    size = jnp.maximum(stake, jnp.finfo(stake.dtype).tiny)[None]
    width = found.upper - found.lower
    tight = ((width >= 0) & (width <= WIDTH * size)) | ~found.feasible
    solved = Solved(
        budget=budget,
        lower=found.lower,
        upper=found.upper,
        height=found.height,
        scheme=found.probability,
        obedience=found.multipliers / scale[None],
        price=found.price,
        feasible=found.feasible,
        converged=tight & (solution.converged | ~found.feasible),
        pivots=jnp.broadcast_to(solution.pivots, budget.shape),
    )
    return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), solved)


def _width(solved: Solved) -> Float[Array, "B N"]:
    """How wide brackets are; ends that cross are as bad as none."""
    width = solved.upper - solved.lower
    width = jnp.where(width >= 0, width, jnp.inf)
    return jnp.where(solved.feasible, width, 0.0)


def _kinks(shape: tuple[int, ...]) -> int:
    """Room for the kinks of a value curve of a game [..., T, S, A]: three times what random games have."""
    types, states, actions = shape[-3:]
    return min(states * actions**types, MAX_KINKS) + 2


def _full_information(
    follower: Float[Array, "T S A W"], leader: Float[Array, "T S A W"]
) -> Int[Array, "S W"]:
    """The recommendation of full information in each state, ties in the leader's favour."""
    types, _, actions, _ = follower.shape
    tied = follower >= follower.max(2, keepdims=True)
    best = jnp.argmax(jnp.where(tied, leader, -jnp.inf), 2).astype(jnp.int32)
    weights = (actions ** np.arange(types)[::-1]).astype(np.int32)
    return (best * weights[:, None, None]).sum(0, dtype=jnp.int32)


def _lanes(states: int, messages: int, rows: int, points: int) -> int:
    """How many programs to solve side by side: on a CPU what keeps the working set near a core's L2 cache."""
    size = states * messages * rows + 20 * (states + messages * (rows + states)) + points * 4
    room, most = (60_000, 1024) if jax.default_backend() == "cpu" else (100_000_000, 131_072)
    return int(np.clip(2 ** int(np.log2(room / size + 1)), 8, most))


def _segments(states: int, messages: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Pivots allowed at first, which most programs do not need, and in later attempts."""
    unit = max(8, 4 * round(states * messages / 16))
    first = (unit,) if unit == 8 else (unit // 2, unit // 2, unit)
    return first, (4 * unit, 12 * unit)
