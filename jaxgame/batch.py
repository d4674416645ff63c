"""A function of one random draw, over many draws: the only place that vmaps over draws.

Draw i uses `fold_in(key(seed), i)`, so that its result does not depend on the number of draws, on
the chunks, on the devices or on interruptions.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxgame.bracket import Bracket
from jaxgame.run_directory import RunDirectory

DrawFunction = Callable[[Array], Mapping[str, Array | Bracket]]

# Large enough to amortise a dispatch, small enough that a chunk's slowest draw delays few others.
DEFAULT_CHUNK_PER_DEVICE = 256

# Few enough that what a loop touches stays in a core's cache, and that few wait for the slowest; enough
# to use its vector units and to pay for each step's fixed cost. Measured in benchmarks/results/.
CPU_BATCH = 16


def run_draws(
    function: DrawFunction,
    draws: int,
    seed: int,
    *,
    coordinates: Mapping[str, Sequence[Any]] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    chunk: int | None = None,
    directory: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> pl.DataFrame:
    """Evaluate `function(key)` for draws 0, ..., draws - 1 and return one table.

    `function` takes a JAX random key and returns named arrays or `Bracket`s of one draw. It is vmapped,
    compiled once and spread over all devices of the process. Arrays have shape () or the shape of the
    grid of `coordinates`: `{"leaders": [1, 2, 4]}` asks for arrays [3] and gives three rows per draw.

    Rows: `draw`, one column per coordinate, then the values; a Bracket `x` becomes `x_lower`, `x_upper`,
    and an array of places in `labels[x]` becomes a column of these labels.

    With a `directory` finished chunks are kept there: the same call resumes an interrupted run, and a
    finished run is read, not computed. `settings` (JSON values) say what `function` computes; they are
    recorded, and a directory whose seed, draws, precision, coordinates or settings differ is refused.

    `chunk` draws are computed at a time. Progress (draws done, draws/s, time left) is shown on a terminal.

    Raises ValueError for draws or chunk below 1 and for arrays of another shape than the grid,
    RunDirectoryError for a directory that cannot be written or holds another run.

    >>> import jax
    >>> import jaxgame as jg
    >>> table = jg.run_draws(lambda key: {"u": jax.random.uniform(key)}, draws=3, seed=0, progress=False)
    >>> table.columns, table.height
    (['draw', 'u'], 3)
    """
    for name, number in (("draws", draws), ("chunk", chunk)):
        if number is not None and number < 1:
            raise ValueError(f"{name} is {number}; it must be at least 1")
    grid = {name: list(values) for name, values in (coordinates or {}).items()}
    devices = jax.devices()
    chunk = min(chunk or DEFAULT_CHUNK_PER_DEVICE * len(devices), draws)
    share = -(-chunk // len(devices))
    if share > CPU_BATCH:  # a rest would be a second program to compile
        share = -(-share // CPU_BATCH) * CPU_BATCH
    chunk = share * len(devices)

    store = None
    if directory is not None:
        request = {
            "seed": seed,
            "draws": draws,
            "precision": jnp.zeros(()).dtype.name,
            "coordinates": grid,
            "settings": dict(settings or {}),
        }
        store = RunDirectory(directory, request)
    pending = store.pending(draws) if store else [range(draws)]
    if not pending:
        assert store is not None
        return store.finish()

    tables: list[pl.DataFrame] = []
    clock = _Clock(draws, sum(map(len, pending)), store)
    with _progress_bar(progress) as bar:
        task = bar.add_task("compiling", total=draws, completed=clock.done)
        compiled = _compile(function, seed, chunk, devices)
        clock.compiled()
        bar.update(task, description="draws")
        for span in pending:
            for start in range(span.start, span.stop, chunk):
                stop = min(start + chunk, span.stop)
                table = _tabulate(jax.device_get(compiled(start)), start, stop, grid, labels or {})
                if store:
                    store.save_chunk(start, stop, table)
                else:
                    tables.append(table)
                clock.advance(stop - start)
                bar.update(task, completed=clock.done, description=f"{clock.rate():,.0f} draws/s")
    return store.finish() if store else pl.concat(tables)


def spread(
    function: Callable[..., Any], devices: Sequence[jax.Device], batch: int | None = CPU_BATCH
) -> jax.stages.Wrapped:
    """`function` of one draw as a jitted function of many, on `devices`, each taking an equal share.

    Arguments and results carry the draws on their first axis, whose length the devices divide. Draws
    are independent: with `shard_map` a device's loops end with its own slowest draw, without waiting
    for the others at every step. A CPU takes `batch` draws at a time (None: all), a GPU its whole share.
    """
    if devices[0].platform != "cpu":
        batch = None

    def share(*arguments: Any) -> Any:
        draws = jax.tree.leaves(arguments)[0].shape[0]
        if batch is None or draws <= batch:
            return jax.vmap(function)(*arguments)
        return jax.lax.map(lambda one: function(*one), arguments, batch_size=batch)

    mesh, spec = Mesh(np.array(devices), ("draw",)), PartitionSpec("draw")
    # check_vma: constants that start a loop are the same on all devices, what it makes of them is not.
    mapped = jax.shard_map(share, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    sharding = NamedSharding(mesh, spec)
    return jax.jit(mapped, in_shardings=sharding, out_shardings=sharding)


def _compile(
    function: DrawFunction, seed: int, chunk: int, devices: Sequence[jax.Device]
) -> Callable[[int], Mapping[str, Array | Bracket]]:
    """The function of a chunk's first draw that evaluates the chunk."""
    root = jax.random.key(seed)
    program = spread(lambda draw: function(jax.random.fold_in(root, draw)), devices)
    compiled = program.lower(jax.ShapeDtypeStruct((chunk,), jnp.uint32)).compile()
    return lambda start: compiled(np.arange(start, start + chunk, dtype=np.uint32))


def _tabulate(
    values: Mapping[str, Any],
    start: int,
    stop: int,
    grid: Mapping[str, Sequence[Any]],
    labels: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """Rows of draws start, ..., stop - 1, draws varying slowest, the last coordinate fastest.

    A last chunk is computed in full size, to spare a compilation, and cut here.
    """
    draws = stop - start
    shape = tuple(len(axis) for axis in grid.values())
    rows = int(np.prod(shape))
    columns: dict[str, Any] = {"draw": np.repeat(np.arange(start, stop), rows)}
    cells = list(itertools.product(*grid.values()))
    for place, name in enumerate(grid):
        columns[name] = [cell[place] for cell in cells] * draws
    for name, value in _flatten(values):
        array = np.asarray(value)[:draws]
        if array.shape[1:] not in ((), shape):
            raise ValueError(
                f"the draw function's {name!r} has shape {array.shape[1:]}; it must be () or {shape}, "
                f"the grid of {', '.join(grid) or 'no coordinates'}"
            )
        filled = np.broadcast_to(
            array.reshape(draws, *array.shape[1:], *[1] * (len(shape) + 1 - array.ndim)), (draws, *shape)
        )
        column = filled.reshape(-1)
        columns[name] = np.asarray(labels[name])[column] if name in labels else column
    return pl.DataFrame(columns)


def _flatten(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    flat = []
    for name, value in values.items():
        if isinstance(value, Bracket):
            flat += [(f"{name}_lower", value.lower), (f"{name}_upper", value.upper)]
        else:
            flat.append((name, value))
    return flat


class _Clock:
    """Counts draws and seconds, and keeps the manifest up to date."""

    def __init__(self, draws: int, pending: int, store: RunDirectory | None):
        self.draws, self.done, self.store = draws, draws - pending, store
        self.computed = 0
        self.started = time.perf_counter()
        self.compile_seconds = 0.0

    def compiled(self) -> None:
        self.compile_seconds = time.perf_counter() - self.started
        self.started = time.perf_counter()
        self._record()

    def advance(self, draws: int) -> None:
        self.done += draws
        self.computed += draws
        self._record()

    def rate(self) -> float:
        return self.computed / max(time.perf_counter() - self.started, 1e-9)

    def _record(self) -> None:
        if self.store:
            seconds = time.perf_counter() - self.started
            self.store.save_manifest(
                draws_done=self.done,
                complete=self.done == self.draws,
                compile_seconds=round(self.compile_seconds, 3),
                compute_seconds=round(self.store.seconds_before + seconds, 3),
                draws_per_second=round(self.rate(), 3),
            )


def _progress_bar(wanted: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not (wanted and console.is_terminal),
    )
