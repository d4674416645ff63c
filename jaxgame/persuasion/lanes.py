"""One leader's best responses as persuasion programs, and their solution lane by lane.

With T types a recommendation is a map type -> action, M = A^T of them, and obedience holds for each
recommendation and type. The follower's loss against full information takes the place of her value, so
that the threshold reads `loss <= budget`, which is full information less the threshold. Games come in
standard units (`units`): tolerances are relative to what is at stake.

`solve_programs` takes B games. They are laid out with the games as the last axis, solved in chunks
whose working set fits a core's cache, and those that need more pivots than most are gathered and
solved again. Nested vmaps arrive here as one batch.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.units import power_of_two
from jaxgame.persuasion import pivoting, two_state
from jaxgame.persuasion.bounds import bounds
from jaxgame.persuasion.program import Path, Program, Solution

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
    return _flattened(solve_programs, size, batched, games)


@solve_frontiers.def_vmap
def _solve_more_frontiers(size: int, batched: list[bool], *games: Array) -> tuple[Solved, Solved]:
    return _flattened(solve_frontiers, size, batched, games)


def _flattened(
    solve: Callable[..., Solved], size: int, batched: list[bool], games: tuple[Array, ...]
) -> tuple[Solved, Solved]:
    """A batch of batches is one longer batch."""
    full = [x if b else jnp.broadcast_to(x, (size, *x.shape)) for x, b in zip(games, batched, strict=True)]
    inner = full[0].shape[1]
    best = solve(*(x.reshape(size * inner, *x.shape[2:]) for x in full))
    best = jax.tree.map(lambda x: x.reshape(size, inner, *x.shape[1:]), best)
    return best, jax.tree.map(lambda _: True, best)


def _in_chunks(solve: Callable[..., Solved], games: tuple[Array, ...], points: int) -> Solved:
    """All games in chunks by `solve`, then the unfinished with more pivots."""
    count, types, states, actions = games[1].shape
    if count == 0:
        one = [jnp.ones((1, *x.shape[1:]), x.dtype) for x in games]
        shapes = jax.eval_shape(lambda *games: _in_chunks(solve, games, points), *one)
        return jax.tree.map(lambda x: jnp.zeros((0, *x.shape[1:]), x.dtype), shapes)
    messages, rows = actions**types, types * max(actions - 1, 1)
    lanes = min(_lanes(states, messages, rows, points), count)
    short, long = _segments(states, messages)
    perturbations = jnp.asarray(pivoting.perturbations(messages * rows))

    def attempt(index: Array, segments: tuple[int, ...], perturbation: Array) -> Solved:
        chosen = [jnp.moveaxis(x.at[index].get(mode="clip"), 0, -1) for x in games]
        return solve(*chosen, segments, perturbation)

    chunks = -(-count // lanes)
    within = jnp.arange(lanes)
    first = jax.lax.map(lambda i: attempt(i * lanes + within, short, perturbations[0]), jnp.arange(chunks))
    best = jax.tree.map(lambda x: x.reshape(chunks * lanes, *x.shape[2:])[:count], first)

    def retry(number: Array, best: Solved) -> Solved:
        unfinished = ~best.converged.all(1)
        left = unfinished.sum()
        order = jnp.argsort(~unfinished, stable=True)
        order = jnp.concatenate([order, jnp.full(lanes, count, order.dtype)])
        width = _width(best).sum(1)

        def again(state: tuple[Array, Solved]) -> tuple[Array, Solved]:
            i, best = state
            index = jax.lax.dynamic_slice_in_dim(order, i * lanes, lanes)
            new = attempt(index, long, perturbations[number])
            narrower = _width(new).sum(1) < width.at[index].get(mode="clip")
            wanted = (i * lanes + within < left) & (new.converged.all(1) | narrower)
            target = jnp.where(wanted, index, count)  # count is no game: dropped
            return i + 1, jax.tree.map(lambda x, y: x.at[target].set(y, mode="drop"), best, new)

        start = (jnp.zeros_like(left), best)
        return jax.lax.while_loop(lambda state: state[0] * lanes < left, again, start)[1]

    return jax.lax.fori_loop(0, len(perturbations), retry, best)


def _solve_chunk(
    prior: Float[Array, "T S W"],
    follower: Float[Array, "T S A W"],
    leader: Float[Array, "T S A W"],
    budget: Float[Array, "N W"],
    segments: tuple[int, ...],
    perturbation: Float[Array, " MQ"],
) -> Solved:
    """Solve W games side by side; results with the games first."""
    types, states, actions, _ = follower.shape
    program, scale = _program(prior, follower, leader)
    # What is never lost need not be budgeted: thresholds far below any outcome's value are all alike.
    budget = jnp.minimum(budget, program.loss.max(1).sum(0)[None])
    path = None
    if types == 1 and states == 2 and actions <= TWO_STATE_ACTIONS:
        solution = two_state.solve_many(program, budget)
    elif budget.shape[0] == 1:
        solution = pivoting.solve(program, budget[0], segments, perturbation)
        solution = jax.tree.map(lambda x: x[None], solution)
    else:
        solution, path = pivoting.solve_many(program, budget, segments, perturbation)
    return _bounded(program, scale, budget, solution, path)


def _frontier_chunk(
    prior: Float[Array, "T S W"],
    follower: Float[Array, "T S A W"],
    leader: Float[Array, "T S A W"],
    segments: tuple[int, ...],
    perturbation: Float[Array, " MQ"],
) -> Solved:
    """The same at the kinks."""
    program, scale = _program(prior, follower, leader)
    points = _kinks(follower.shape[:3])
    budget, solution, path = pivoting.solve_frontier(program, points, segments, perturbation)
    return _bounded(program, scale, budget, solution, path)


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
    return first, (unit, 3 * unit, 12 * unit)
