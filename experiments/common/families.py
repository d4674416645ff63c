"""Families of random games in configs: their shapes, and the family that a config names."""

from collections.abc import Mapping
from dataclasses import fields, make_dataclass
from typing import Any

from omegaconf import MISSING, DictConfig

from jaxgame.panel import PanelGames
from jaxgame.sampling import FAMILIES, Family


def families() -> Mapping[str, type[Family]]:
    """All that a config can name: the laws of `jaxgame.sampling`, and the games made of a panel."""
    return {**FAMILIES, "panel": PanelGames}


def family_configs() -> dict[str, type]:
    """The shape of each family's config: its name and its parameters, whose values are in conf/family/."""
    return {name: _config(family) for name, family in families().items()}


def make_family(config: DictConfig) -> Family:
    """The family that a config of the group `family` names."""
    parameters = {str(key): value for key, value in config.items() if key != "name"}
    return families()[config.name](**parameters)


def family_of(config: DictConfig, name: str) -> Family:
    """The family of a row of a run: the one that the run's config names, or another with its own defaults."""
    return make_family(config.family) if name == config.family.name else families()[name]()


def called(config: DictConfig) -> str:
    """What captions call the family that a config names: its name, and its utilities' unit if it has one."""
    unit = getattr(make_family(config), "unit", "")
    return f"{config.name} (utilities in {unit})" if unit else config.name


def _config(family: Any) -> type:
    parameters = [(field.name, field.type, MISSING) for field in fields(family) if field.init]
    return make_dataclass(f"{family.__name__}Config", [("name", str, MISSING), *parameters])
