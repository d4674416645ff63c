"""Many small problems side by side: arrays with the problem as the fastest axis, and a queue of problems.

A vectorised loop over problems of different length runs as long as the longest. Here a lane that is done
takes the next problem from a queue: `work_through` compiles one loop body, whatever the number of problems
and of attempts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, Int

Tree = TypeVar("Tree")

REFILL = 2  # lanes are refilled when no more than one in so many is at work: loading costs a few steps
CACHE = 250_000  # bytes of the lanes' tableaus on a CPU: a core's second cache holds them and what is read
MOST = 256, 131_072  # lanes, on a CPU and elsewhere


def work_through(
    count: int,
    lanes: int,
    blank: Tree,
    *,
    load: Callable[[Array, Array, Tree], Any],
    step: Callable[[Any], Any],
    read: Callable[[Any, Tree], tuple[Tree, Array]],
    attempts: int = 1,
) -> Tree:
    """Solve `count` problems, `lanes` at a time, and return their results, arrays [count, ...] like `blank`.

    - `load(problem, attempt, found)` starts the lanes [W], a named tuple of arrays [..., W] with the field
      `done` [W], on problems [W] with what was found of them so far;
    - `step(lanes)` makes a step in each lane that is not done;
    - `read(lanes, found)` is what has been found now, and [W] whether the problem should be tried again: it
      then goes to the end of the queue, unless all `attempts` are used up.

    Lanes without a problem get number `count`; what they load is not used.
    """
    lanes = max(min(lanes, count), 1)
    queue = np.concatenate([np.arange(count), np.full((attempts - 1) * count + 1, count)]).astype(np.int32)

    def found_at(results: Tree, problem: Array) -> Tree:
        return jax.tree.map(lambda x: x.at[problem].get(mode="clip"), results)

    def turn(work: _Work) -> _Work:
        """Refill the lanes that are done, make steps until enough are done again, and read those."""
        ended = work.lanes.done
        place = jnp.where(ended, work.head + jnp.cumsum(ended, dtype=jnp.int32) - 1, work.tail)
        problem = jnp.where(ended, work.queue[jnp.minimum(place, work.tail)], work.problem)
        head = jnp.minimum(work.head + ended.sum(dtype=jnp.int32), work.tail)
        fresh = load(problem, work.tries[problem], found_at(work.found, problem))
        state = jax.tree.map(lambda new, old: jnp.where(ended, new, old), fresh, work.lanes)
        state = state._replace(done=state.done | (problem == count))

        enough = jnp.where(head < work.tail, lanes // REFILL, 0)
        state = jax.lax.while_loop(lambda state: (~state.done).sum(dtype=jnp.int32) > enough, step, state)

        after, again = read(state, found_at(work.found, problem))
        target = jnp.where(state.done, problem, count)  # count is no problem: dropped
        found = jax.tree.map(lambda x, y: x.at[target].set(y, mode="drop"), work.found, after)
        queue, tail, tries = work.queue, work.tail, work.tries
        if attempts > 1:
            tries = tries.at[target].add(1)
            again &= (target < count) & (tries[target] < attempts)
            place = jnp.where(again, tail + jnp.cumsum(again, dtype=jnp.int32) - 1, queue.size)
            queue = queue.at[place].set(problem, mode="drop")
            tail += again.sum(dtype=jnp.int32)
        problem = jnp.where(state.done, count, problem)
        return _Work(state, problem, queue, head, tail, tries, found)

    nobody = jnp.full(lanes, count, jnp.int32)
    shapes = jax.eval_shape(load, nobody, nobody, found_at(blank, nobody))
    idle = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    idle = idle._replace(done=jnp.ones(lanes, bool))
    tries = jnp.zeros(count + 1, jnp.int32)
    begin = _Work(idle, nobody, jnp.asarray(queue), jnp.int32(0), jnp.int32(count), tries, blank)
    # The turn that empties the queue waits for all lanes.
    return jax.lax.while_loop(lambda work: work.head < work.tail, turn, begin).found


class _Work(NamedTuple):
    """The lanes and the number of each one's problem, and the queue from `head` to `tail`."""

    lanes: Any
    problem: Int[Array, " W"]
    queue: Int[Array, " Q"]
    head: Int[Array, ""]
    tail: Int[Array, ""]
    tries: Int[Array, " B_plus_1"]
    found: Any


def lanes_for(entries: int) -> int:
    """How many lanes with tableaus of so many entries keep a core, or another device, busy."""
    cpu = jax.default_backend() == "cpu"
    room, most = (CACHE, MOST[0]) if cpu else (4_000_000_000, MOST[1])
    return int(np.clip(2 ** int(np.log2(room / (8 * entries) + 1)), 8, most))


def over_batches(solve: Callable[..., Tree]) -> Callable[..., Tree]:
    """The function of one problem that collects what is vmapped over it into one call of `solve`.

    `solve` takes and returns arrays with a leading axis of problems; nested vmaps arrive as one long batch.
    """

    @custom_vmap
    def collected(*arrays: Array) -> Tree:
        return solve(*arrays)

    @collected.def_vmap
    def more(size: int, batched: list[bool], *arrays: Array) -> tuple[Tree, Tree]:
        return flattened(collected, size, batched, arrays)

    def single(*arrays: Array) -> Tree:
        return jax.tree.map(lambda x: x[0], collected(*(x[None] for x in arrays)))

    return single


def flattened(
    solve: Callable[..., Tree], size: int, batched: list[bool], arrays: tuple[Array, ...]
) -> tuple[Tree, Tree]:
    """A batch of batches is one longer batch; an empty one has an empty answer. A rule of `custom_vmap`."""
    full = [x if b else jnp.broadcast_to(x, (size, *x.shape)) for x, b in zip(arrays, batched, strict=True)]
    inner = full[0].shape[1]
    flat = [x.reshape(size * inner, *x.shape[2:]) for x in full]
    if size * inner:
        found = solve(*flat)
    else:
        one = jax.eval_shape(solve, *(jnp.zeros((1, *x.shape[1:]), x.dtype) for x in flat))
        found = jax.tree.map(lambda x: jnp.zeros((0, *x.shape[1:]), x.dtype), one)
    apart = jax.tree.map(lambda x: x.reshape(size, inner, *x.shape[1:]), found)
    return apart, jax.tree.map(lambda _: True, apart)


# Reading lanes, by flat gathers: what take_along_axis returns has its lanes slowest, which costs much.


def pick(values: Array, index: Int[Array, " W"]) -> Array:
    """values[..., index, :] lane by lane, [..., W]."""
    size = values.shape[-2]
    outer = values.shape[:-2]
    lead = np.arange(int(np.prod(outer)), dtype=np.int32).reshape(*outer, 1) * size
    return rearranged(values, lead + index.reshape((1,) * len(outer) + index.shape))


def row_of(tableau: Float[Array, "R C W"], row: Int[Array, " W"]) -> Float[Array, "C W"]:
    """Each lane's own row of its tableau."""
    columns = tableau.shape[1]
    return rearranged(tableau, np.arange(columns, dtype=np.int32)[:, None] + (row * columns)[None])


def column_of(tableau: Float[Array, "R C W"], column: Int[Array, " W"]) -> Float[Array, "R W"]:
    """Each lane's own column of its tableau."""
    rows, columns, _ = tableau.shape
    return rearranged(tableau, (np.arange(rows, dtype=np.int32) * columns)[:, None] + column[None])


def rearranged(values: Array, places: Int[Array, "*N W"] | np.ndarray) -> Array:
    """Each lane's own entries: the `places[..., w]`-th of those that lane w has in `values` [..., W]."""
    lanes = values.shape[-1]
    number = np.arange(lanes, dtype=np.int32).reshape((1,) * (places.ndim - 1) + (lanes,))
    return values.reshape(-1).at[places * lanes + number].get(mode="promise_in_bounds")


def settled(*values: Int[Array, " W"]) -> tuple[Array, ...]:
    """The same numbers, computed once: XLA would compute them anew for every entry that depends on them."""
    stacked = jnp.stack(values)
    numbers = np.arange(stacked.size, dtype=np.int32).reshape(stacked.shape)
    return tuple(stacked.reshape(-1).at[numbers].get(mode="promise_in_bounds"))


def largest(values: Array) -> Array:
    """The maximum over the first axis, [W] of [N, W]."""
    return _folded(values, jnp.maximum).max(0)


def least(values: Array) -> Array:
    """The minimum over the first axis, [W] of [N, W]."""
    return _folded(values, jnp.minimum).min(0)


def first_of(hit: Bool[Array, "N W"]) -> Int[Array, " W"]:
    """The first place in each lane where something holds, or the last one. On a CPU faster than argmax."""
    count = len(hit)
    return least(jnp.where(hit, np.arange(count, dtype=np.int32)[:, None], np.int32(count - 1)))


def _folded(values: Array, fold: Callable[[Array, Array], Array]) -> Array:
    """Halved until it is short: XLA rewrites long reductions into slow windowed ones."""
    while len(values) > 32:
        half = -(-len(values) // 2)
        values = fold(values[:half], values[len(values) - half :])
    return values
