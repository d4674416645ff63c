"""What an audit does by default, and what it accepts."""

from dataclasses import dataclass
from typing import Any

from jaxgame.audit.errors import InputError
from jaxgame.audit.prepare import MISSING, SCALES

HULLS = ("cone", "simplex")
DEFAULT_EPSILON = 0.25

_CHOICES = {"hull": HULLS, "scale": SCALES, "missing": MISSING}
# The least number that each may be: of fewer refits an interval or a share says nothing.
_LEAST = {"bootstrap": 20, "shuffles": 19, "splits": 0, "min_scored": 2, "max_models": 1, "seed": 0}


@dataclass(frozen=True)
class Settings:
    """How an audit computes and judges; the fields are arguments of `jaxgame.panel.audit`.

    Raises InputError for a value out of its range: they are checked here, before a table is read.
    """

    epsilon: float
    hull: str
    scale: str
    missing: str
    bootstrap: int
    shuffles: int
    splits: int
    confidence: float
    min_scored: int
    max_models: int
    seed: int
    range: tuple[float, float] | None = None
    robust: bool = False

    def __post_init__(self) -> None:
        for name, options in _CHOICES.items():
            if (choice := getattr(self, name)) not in options:
                raise InputError(f"{name} is {choice!r}; it must be one of {', '.join(map(repr, options))}")
        if not 0 < self.epsilon < float("inf"):
            raise InputError(
                f"epsilon is {self.epsilon}; it must be a positive number (standard deviations of the target)"
            )
        if not 0.5 <= self.confidence < 1:
            raise InputError(f"confidence is {self.confidence}; it must be at least 0.5 and below 1")
        for name, least in _LEAST.items():
            if (number := getattr(self, name)) < least:
                raise InputError(f"{name} is {number}; it must be at least {least}")


def rating_scale(ends: Any) -> tuple[float, float] | None:
    """The lowest and the highest rating as two floats, None if `ends` is; else InputError."""
    if ends is None:
        return None
    try:
        low, high = map(float, ends)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -float("inf") < low < high < float("inf"):
        raise InputError(f"range is {ends!r}; it must be two numbers, the lowest and the highest rating")
    return low, high
