"""The experiments there are: each module registers its own, and the commands read of it what they need.

Every module directly in the package `experiments` is imported, but for those whose names begin with an
underscore, and every module that the environment variable JAXGAME_EXPERIMENTS names, separated by commas.
Processes that a sweep starts inherit the variable.
"""

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

import experiments
from experiments.common.claims import Run
from jaxgame.core.game import Game
from jaxgame.theorems import Guarantee

OUTSIDE = "JAXGAME_EXPERIMENTS"


@dataclass(frozen=True)
class Headline:
    """What of an experiment's summary a collected sweep shows: `middle` from `low` to `high` against `x`.

    Of the other columns of the summary a line has one value: `fixed` or, in `ends`, the least or largest.
    `x` is a count, on a logarithmic axis, or has an `x_label` and a linear one.
    """

    x: str
    middle: str
    low: str
    high: str
    label: str
    claim: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)
    x_label: str | None = None


@dataclass(frozen=True)
class Experiment:
    """All that the application knows of an experiment.

    `config` is the dataclass of its keys, whose values are in conf/experiment/NAME.yaml; `run` computes
    table, summary and figure in a directory. `headline` is what `experiments.collect` draws, `page` the runs
    that `experiments.reproduce` makes of it, with their claims. For `experiments.replay`, `coordinates` are
    the columns that tell a draw's rows apart (None: draws are not games of a family) and `check(game, config,
    row)` is the theorem's check that the run made of a row. `proved` are columns' values of rows whose game's
    worst equilibrium of best-AI selection the page proves: of the row with the least slack, and of others.
    """

    name: str
    config: type
    run: Callable[[DictConfig, Path], None]
    rows_optional: bool = False  # whether it understands run.rows=false
    headline: Headline | None = None
    coordinates: tuple[str, ...] | None = None
    check: Callable[[Game, DictConfig, Mapping[str, Any]], Guarantee] | None = None
    page: tuple[Run, ...] = ()
    proved: Mapping[str, Any] | None = None


_registered: dict[str, Experiment] = {}


def register(experiment: Experiment) -> None:
    """Make an experiment known under its name. Raises ValueError if another module's has that name."""
    there = _registered.get(experiment.name)
    if there is not None and there.run.__module__ != experiment.run.__module__:
        raise ValueError(
            f"the experiment {experiment.name} of {experiment.run.__module__} has the name of one in "
            f"{there.run.__module__}; choose another"
        )
    _registered[experiment.name] = experiment


def registered() -> Mapping[str, Experiment]:
    """All experiments by name; imports the modules that have them."""
    names = [found.name for found in pkgutil.iter_modules(experiments.__path__) if not found.ispkg]
    inside = [f"experiments.{name}" for name in names if not name.startswith("_")]
    outside = [name.strip() for name in os.environ.get(OUTSIDE, "").split(",") if name.strip()]
    for module in inside + outside:
        importlib.import_module(module)
    return _registered


def experiment(name: str) -> Experiment:
    """The experiment of that name. Raises ValueError if there is none."""
    known = registered()
    if name not in known:
        raise ValueError(f"experiment is {name!r}; it must be one of {', '.join(sorted(known))}")
    return known[name]
