"""The shapes of all configs, so that an unknown or mistyped key fails before anything runs.

An experiment's is in its module, a family's follows from its class. What the keys mean, their units and
ranges stand beside their values in conf/.
"""

import hashlib
import importlib.util
import json
import sys
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hydra.core.config_store import ConfigStore
from hydra.experimental.callback import Callback
from omegaconf import MISSING, DictConfig, OmegaConf

from experiments.common.families import family_configs
from experiments.common.registry import registered


@dataclass
class RunConfig:
    """How to compute; see conf/run/."""

    root: str = MISSING
    directory: str = MISSING
    seed: int = MISSING
    rows: bool = MISSING
    platform: str = MISSING
    devices: int | None = None
    precision: str = MISSING
    chunk: int | None = None
    optimise: bool = MISSING
    cache: bool | str = MISSING
    progress: bool = MISSING
    coordinator: str | None = None
    processes: int | None = None
    process_id: int | None = None
    gpu_slots: int | None = None
    memory_fraction: float | None = None
    preallocate: bool = MISSING


@dataclass
class GamesConfig:
    """What every experiment on random games has."""

    name: str = MISSING
    draws: int = MISSING
    leaders: list[int] = MISSING
    types: int = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: list[float] = MISSING


@dataclass
class PanelConfig:
    """A table of scores and how to read it; see conf/panel/ and jaxgame.panel."""

    name: str = MISSING
    source: str = MISSING
    target: str | None = None
    groups: list[str] | None = None
    pool: str = MISSING
    scale: str = MISSING
    splits: int = MISSING


@dataclass
class Config:
    """The whole: what to measure, on what, and how to compute it."""

    experiment: Any = MISSING
    family: Any = None
    panel: Any = None
    run: RunConfig = field(default_factory=RunConfig)


# Hydra's launchers that are not part of it, by the package that has them.
LAUNCHERS = {
    "hydra_joblib_launcher": ("joblib",),
    "hydra_submitit_launcher": ("submitit_slurm", "submitit_local"),
}


def schemas() -> dict[str, dict[str, type]]:
    """The shapes of each group's configs by name; imports the experiments."""
    return {
        "experiment": {name: known.config for name, known in registered().items()},
        "family": family_configs(),
        "panel": {"panel": PanelConfig},
        "run": {"run": RunConfig},
    }


def register_configs() -> None:
    """Make the schemas known to Hydra as `GROUP/NAME_schema`, and `fingerprint` to OmegaConf."""
    store = ConfigStore.instance()
    store.store(name="config_schema", node=Config)
    for group, shapes in schemas().items():
        for name, node in shapes.items():
            store.store(group=group, name=f"{name}_schema", node=node)
    OmegaConf.register_new_resolver("fingerprint", _fingerprint, replace=True)
    OmegaConf.register_new_resolver("not_installed", _not_installed, replace=True)
    for plugin, launchers in LAUNCHERS.items():
        if not _is_installed(plugin):
            for name in launchers:
                # A config that names it can be read without it; only a sweep instantiates the launcher.
                store.store(
                    group="hydra/launcher", name=name, node={"_target_": f"${{not_installed:{name}}}"}
                )


def identity(config: DictConfig) -> dict[str, Any]:
    """What determines the results: everything but how the computation is spread and shown."""
    parts = {key: config[key] for key in ("experiment", "family", "panel") if config[key] is not None}
    content = {key: OmegaConf.to_container(part, resolve=True) for key, part in parts.items()}
    run = {key: config.run[key] for key in ("seed", "precision")}
    return {**content, "run": run if config.run.rows else {**run, "rows": False}}


def _is_installed(plugin: str) -> bool:
    try:
        return importlib.util.find_spec(f"hydra_plugins.{plugin}") is not None
    except ModuleNotFoundError:  # no plugin at all
        return False


class OnLinux(Callback):
    """Ends a sweep at once on a system that its launcher is not for. `launcher` is its name."""

    def __init__(self, launcher: str):
        self._launcher = launcher

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before it makes the launcher."""
        if sys.platform != "linux":
            sys.exit(
                f"error: the launcher {self._launcher} needs Slurm, which runs on Linux; this is "
                f"{sys.platform}. run=local spreads a sweep over this machine"
            )


def _not_installed(launcher: str) -> NoReturn:
    sys.exit(f"error: the launcher {launcher} is not installed: pip install -e '.[cluster]'")


def _fingerprint(*, _root_: DictConfig) -> str:
    text = json.dumps(identity(_root_), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
