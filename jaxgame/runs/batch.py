"""A function of one random draw, over many draws: their table, or statistics of them.

Draw i uses `fold_in(key(seed), i)`, so that its result does not depend on the number of draws, on
the chunks, on the devices and processes or on interruptions.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl

from jaxgame.runs.run import DrawFunction, Product, Run, in_directory, in_memory
from jaxgame.runs.spread import CPU_BATCH, spread
from jaxgame.runs.streaming import Statistics, added, summed
from jaxgame.runs.tabulate import levels_of, numbers_of

__all__ = ["CPU_BATCH", "DrawFunction", "run_draws", "run_statistics", "spread"]


@overload
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
    lazy: Literal[False] = False,
) -> pl.DataFrame: ...


@overload
def run_draws(
    function: DrawFunction,
    draws: int,
    seed: int,
    *,
    coordinates: Mapping[str, Sequence[Any]] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    chunk: int | None = None,
    directory: str | Path,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
    lazy: Literal[True],
) -> pl.LazyFrame: ...


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
    lazy: bool = False,
) -> pl.DataFrame | pl.LazyFrame:
    """Evaluate `function(key)` for the draws 0, ..., `draws` - 1 and return one table.

    `function` takes a JAX random key and returns named arrays or `Bracket`s of one draw. Draw i gets the key
    `fold_in(key(seed), i)`: the table depends on `seed`, not on how the draws are computed. The function is
    vmapped, compiled and spread over all devices of the process. Arrays have shape () or the shape of the
    grid of `coordinates`: `{"leaders": [1, 2, 4]}` asks for arrays [3] and gives three rows per draw.

    Rows: `draw`, one column per coordinate, then the values; a Bracket `x` becomes `x_lower`, `x_upper`,
    and an array of places in `labels[x]` becomes a column of these labels.

    With a `directory` finished chunks are kept there: the same call resumes an interrupted run, and a
    finished run is read, not computed. `settings` (JSON values) say what `function` computes; they are
    recorded, and a directory whose seed, draws, precision, coordinates or settings differ is refused.
    Several processes of `jax.distributed` share the draws through the directory; each gets the table.
    `lazy` returns a scan of the file instead of the table, so that memory does not grow with the draws.

    `chunk` draws are computed at a time; None: as many as the device's memory and a few seconds allow.
    With `progress` draws done, draws/s and the time left are shown, on a terminal only. SIGTERM is treated
    like Ctrl-C.

    Raises ValueError for draws or chunk below 1, for arrays of another shape than the grid and for
    what needs a directory without one, RunDirectoryError for a directory that cannot be written or holds
    another run, KeyboardInterrupt (its kind `Terminated` for SIGTERM) saying how to resume.

    >>> import jax
    >>> import jaxgame as jg
    >>> table = jg.run_draws(lambda key: {"u": jax.random.uniform(key)}, draws=3, seed=0, progress=False)
    >>> table.columns, table.height
    (['draw', 'u'], 3)
    """
    if lazy and directory is None:
        raise ValueError("lazy is True without a directory; name one for the file to scan")
    grid = {name: list(values) for name, values in (coordinates or {}).items()}
    run = Run(function, draws, seed, grid, labels or {}, chunk, dict(settings or {}), progress)
    rows = Product("results", digest=lambda table: table, join=_join_rows)
    if directory is None:
        return pl.concat(in_memory(run, rows))
    path = in_directory(run, rows, directory)
    return pl.scan_parquet(path) if lazy else pl.read_parquet(path)


def run_statistics(
    function: DrawFunction,
    draws: int,
    seed: int,
    *,
    levels: Mapping[str, Sequence[float]] | None = None,
    coordinates: Mapping[str, Sequence[Any]] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    chunk: int | None = None,
    directory: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Statistics:
    """Like `run_draws`, but keep statistics instead of rows: for runs of many million draws.

    `function`, `draws`, `seed`, `coordinates`, `labels`, `chunk`, `directory`, `settings` and `progress` are
    those of `run_draws`; the directory holds `statistics.parquet` instead of `results.parquet`.

    `levels[x]`, increasing, are thresholds of the value x: how often it is at most each is counted exactly
    (for a Bracket: surely, surely not, undecided). A labelled value becomes one share per label, named
    `x=label`; a Bracket x adds its width, `x_width`. Memory, on the host and on disk, depends on how
    scattered the values are, not on the number of draws.

    Raises what `run_draws` raises, and ValueError for levels that do not increase or of unknown values.

    >>> import jax
    >>> import jaxgame as jg
    >>> u = lambda key: {"u": jax.random.uniform(key)}
    >>> found = jg.run_statistics(u, draws=1000, seed=0, levels={"u": [0.5]}, progress=False)
    >>> row = found.table().row(0, named=True)
    >>> row["q50_lower"] <= row["q50_upper"], 0.45 < row["mean"] < 0.55
    (True, True)
    >>> found.coverage("u").select("inside", "outside", "undecided").sum_horizontal().item()
    1000
    """
    grid = {name: list(values) for name, values in (coordinates or {}).items()}
    cells = math.prod(len(axis) for axis in grid.values())
    wanted = {name: list(thresholds) for name, thresholds in (levels or {}).items()}

    def digest(table: pl.DataFrame) -> pl.DataFrame:
        numbers = numbers_of(table, grid, labels or {})
        return summed(numbers, cells, levels_of(numbers.columns, wanted))

    request = {"statistics": {"levels": wanted}}
    run = Run(function, draws, seed, grid, labels or {}, chunk, dict(settings or {}), progress, request)
    product = Product("statistics", digest, _join_states, merge=added)
    if directory is None:
        state = added(in_memory(run, product))
    else:
        state = pl.read_parquet(in_directory(run, product, directory))
    names = state["name"].unique(maintain_order=True).to_list()
    return Statistics(state, draws, grid, levels_of(names, wanted))


def _join_rows(chunks: list[Path], path: Path) -> None:
    """All chunks' rows, streamed from file to file."""
    pl.scan_parquet(chunks).sink_parquet(path)


def _join_states(chunks: list[Path], path: Path) -> None:
    added(map(pl.read_parquet, chunks)).write_parquet(path)
