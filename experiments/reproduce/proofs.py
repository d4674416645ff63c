"""Proofs on the page: of the game nearest to a bound and of some at random, checked when it is made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
from omegaconf import DictConfig, OmegaConf

from experiments.common.registry import Experiment, registered
from experiments.replay.__main__ import game_of
from jaxgame import selection, verify
from jaxgame.runs.files import write_whole

AT_RANDOM = 3
FOLDER = "proofs"


@dataclass(frozen=True)
class Proved:
    """A proof's file, beside the page; which game of which run it is about; what its checker says of it."""

    file: str
    about: str
    sentence: str
    proved: bool


def proofs(directory: Path) -> list[Proved]:
    """Proofs for all runs of the page that ask for some."""
    jax.config.update("jax_enable_x64", True)
    found = []
    for known in registered().values():
        for run in known.page if known.proved is not None else ():
            found += _of_run(known, directory, run.name)
    return found


def _of_run(known: Experiment, directory: Path, name: str) -> list[Proved]:
    """The row with the least slack, then some at random with as many leaders: their programs are compiled."""
    config = OmegaConf.load(directory / name / "config.yaml")
    assert isinstance(config, DictConfig)
    table = pl.read_parquet(directory / name / "results.parquet")
    table = table.filter(*[pl.col(column) == value for column, value in (known.proved or {}).items()])
    table = table.sort("slack_lower", maintain_order=True)
    nearest = table.head(1)
    alike = table.slice(1).filter(pl.col("leaders") == nearest["leaders"][0])
    places = np.random.default_rng(0).permutation(alike.height)[:AT_RANDOM].tolist()
    rows = [("nearest to the bound", nearest.row(0, named=True))]
    rows += [("at random", alike.row(place, named=True)) for place in places]
    return [_of_row(known, config, directory, name, what, row) for what, row in rows]


def _of_row(
    known: Experiment, config: DictConfig, directory: Path, name: str, what: str, row: dict[str, Any]
) -> Proved:
    """One proof, written and read again."""
    place = {column: row[column] for column in ("draw", *(known.coordinates or ()))}
    stem = "-".join([name, *[f"{column}_{value}" for column, value in place.items()]])
    path = directory / FOLDER / f"{stem}.json"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, selection.prove(game_of(config, row)).save)
    verdict = verify.check(path)
    about = f"{name}, {what}: " + ", ".join(f"{column} {value}" for column, value in place.items())
    return Proved(f"{FOLDER}/{path.name}", about, verdict.sentence, verdict.proved)
