"""How all experiments compute their draws: what the config says of draws, seed, chunks and progress."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import DictConfig

from experiments.config import identity
from jaxgame.batch import DrawFunction, run_draws


def table_of(
    config: DictConfig,
    function: DrawFunction,
    directory: Path,
    coordinates: Mapping[str, Sequence[Any]],
    labels: Mapping[str, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """`run_draws` of the experiment's draws, kept in `directory`."""
    return run_draws(
        function,
        config.experiment.draws,
        config.run.seed,
        coordinates=coordinates,
        labels=labels,
        chunk=config.run.chunk,
        directory=directory,
        settings=identity(config),
        progress=config.run.progress,
    )
