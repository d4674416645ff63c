"""Numbers and parts of a proof's file: what is not as it must be fails, and says where."""

import json
import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

LONGEST = 4_000  # characters of a number, so that none takes forever
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,4})?|-?\d+/\d+")


class NotAProof(ValueError):
    """The file is none, or one that this version cannot read."""


class Fails(Exception):
    """A line of a proof does not hold, at a place."""

    def __init__(self, place: str, said: str):
        super().__init__(f"{place or 'the file'} {said}")
        self.place = place


def loaded(path: str | Path) -> Any:
    """What the JSON file `path` holds, numbers as Fractions. Raises NotAProof and OSError."""
    try:
        text = Path(path).read_text("utf-8")
        return _quotients(json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_number))
    except (ValueError, RecursionError) as error:
        raise NotAProof(f"{path} is no proof: {error}") from error


@dataclass(frozen=True)
class Place:
    """A part of a proof and where it stands, for complaints; what is not there or of another kind fails."""

    value: Any
    name: str

    def __getitem__(self, key: str) -> "Place":
        self.must(isinstance(self.value, dict) and key in self.value, f"has no {key}")
        return Place(self.value[key], f"{self.name}.{key}".lstrip("."))

    def entries(self, length: int | None = None) -> "list[Place]":
        """Its entries, `length` of them if that is given."""
        good = isinstance(self.value, list) and length in (None, len(self.value))
        self.must(good, "is no list" + (f" of {length}" if length else ""))
        return [Place(entry, f"{self.name}[{i}]") for i, entry in enumerate(self.value)]

    def number(self, least: int | None = None) -> Fraction:
        """A number, at least `least` if that is given."""
        value = self.value
        self.must(isinstance(value, Fraction | int) and not isinstance(value, bool), "is no number")
        self.must(least is None or value >= least, f"is below {least}")
        return Fraction(value)

    def numbers(self, *shape: int, least: int | None = None) -> Any:
        """Lists of lists of numbers."""
        if not shape:
            return self.number(least)
        return [entry.numbers(*shape[1:], least=least) for entry in self.entries(shape[0])]

    def word(self, words: tuple[str, ...]) -> str:
        """One of a few words."""
        self.must(self.value in words, f"is none of {', '.join(words)}")
        return self.value

    def index(self, count: int) -> int:
        """A place in a list of `count`."""
        number = self.number(0)
        self.must(number.denominator == 1 and number < count, f"is no place among {count}")
        return int(number)

    def must(self, good: bool, said: str) -> None:
        """Fail unless `good`."""
        if not good:
            raise Fails(self.name, said)


def shown(number: Fraction, *, up: bool = False) -> str:
    """For people, rounded down or up."""
    context = Context(prec=12, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return f"{context.divide(Decimal(number.numerator), Decimal(number.denominator)):g}"


def dot(x: list[Fraction], y: list[Fraction]) -> Fraction:
    """sum_i x_i y_i."""
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def _number(text: str) -> Fraction:
    """A decimal or a quotient, exactly."""
    if len(text) > LONGEST or not NUMBER.fullmatch(text) or re.search("/0+$", text):
        raise ValueError(f"{text[:40]} is no number that is read here")
    return Fraction(text)


def _quotients(data: Any) -> Any:
    """The same data with texts that are quotients read."""
    if isinstance(data, dict):
        return {key: _quotients(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_quotients(value) for value in data]
    return _number(data) if isinstance(data, str) and "/" in data else data
