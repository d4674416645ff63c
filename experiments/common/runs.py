"""How all experiments compute their draws: what the config says of draws, seed, chunks and progress."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import DictConfig

from experiments.common.config import identity
from jaxgame.runs.batch import DrawFunction, run_draws, run_statistics
from jaxgame.runs.files import write_whole
from jaxgame.runs.streaming import Statistics

Grid = Mapping[str, Sequence[Any]]
Labels = Mapping[str, Sequence[str]]

# Of points in a figure: more would hide one another.
MOST_DRAWN = 50_000

# Statistics' names of the quartiles, and those that summaries give them.
QUARTILES = {"q25": "q25", "q50": "median", "q75": "q75"}


def table_of(
    config: DictConfig,
    function: DrawFunction,
    directory: Path,
    coordinates: Grid,
    labels: Labels | None = None,
) -> pl.DataFrame:
    """`run_draws` of the experiment's draws, kept in `directory`."""
    return run_draws(function, coordinates=coordinates, labels=labels, directory=directory, **_how(config))


def scan_of(
    config: DictConfig,
    function: DrawFunction,
    directory: Path,
    coordinates: Grid,
    labels: Labels | None = None,
) -> pl.LazyFrame:
    """The same table as `table_of`, scanned in its file: what is asked of it need not hold it whole."""
    return run_draws(
        function, coordinates=coordinates, labels=labels, directory=directory, lazy=True, **_how(config)
    )


def gathered(asked: pl.LazyFrame) -> pl.DataFrame:
    """What was asked of a scan, piece by piece: sums and counts of any number of rows take little memory."""
    return asked.collect(engine="streaming")


def drawn(table: pl.LazyFrame, columns: Sequence[str]) -> tuple[pl.DataFrame, str]:
    """Columns of a scan's rows for a figure with a point a row, and what its caption is to say.

    All rows if there are at most MOST_DRAWN, else those of every n-th draw: then the caption says so.
    """
    rows = int(gathered(table.select(pl.len())).item())
    every = max(-(-rows // MOST_DRAWN), 1)
    shown = gathered(table.filter(pl.col("draw") % every == 0).select(*columns))
    return shown, f" Points are those of one draw of {every:,}." if every > 1 else ""


def statistics_of(
    config: DictConfig,
    function: DrawFunction,
    directory: Path,
    coordinates: Grid,
    levels: Mapping[str, Sequence[float]],
    labels: Labels | None = None,
) -> Statistics:
    """`run_statistics` of the experiment's draws, kept in `directory` and tabulated in statistics.csv."""
    statistics = run_statistics(
        function, coordinates=coordinates, levels=levels, labels=labels, directory=directory, **_how(config)
    )
    write_whole(directory / "statistics.csv", statistics.table().write_csv)
    return statistics


def middle(quantile: str) -> pl.Expr:
    """The middle of a quantile's bracket in a table of statistics."""
    return (pl.col(f"{quantile}_lower") + pl.col(f"{quantile}_upper")) / 2


def _how(config: DictConfig) -> dict[str, Any]:
    return {
        "draws": config.experiment.draws,
        "seed": config.run.seed,
        "chunk": config.run.chunk,
        "settings": identity(config),
        "progress": config.run.progress,
    }
