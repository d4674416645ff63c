"""Families of random games in configs: their shapes, and the family that a config names."""

from dataclasses import fields, make_dataclass
from typing import Any

from omegaconf import MISSING, DictConfig

from jaxgame.sampling import FAMILIES, Family


def family_configs() -> dict[str, type]:
    """The shape of each family's config: its name and its parameters, whose values are in conf/family/."""
    return {name: _config(family) for name, family in FAMILIES.items()}


def make_family(config: DictConfig) -> Family:
    """The family that a config of the group `family` names."""
    parameters = {str(key): value for key, value in config.items() if key != "name"}
    return FAMILIES[config.name](**parameters)


def _config(family: Any) -> type:
    parameters = [(field.name, field.type, MISSING) for field in fields(family)]
    return make_dataclass(f"{family.__name__}Config", [("name", str, MISSING), *parameters])
