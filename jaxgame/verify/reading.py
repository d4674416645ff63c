"""Numbers and parts of a proof's file: what is not as it must be fails, and says where."""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any

# A decimal or a quotient, and none that takes forever.
NUMBER = re.compile(r"-?\d{1,4000}((\.\d{1,4000})?([eE][+-]?\d{1,4})?|/[1-9]\d{0,4000})")

Matrix = list[list[Fraction]]


class NotAProof(ValueError):
    """The file is none, or one that this version cannot read."""


class Fails(Exception):
    """A line of a proof does not hold: its place in the file, and what is said of it."""


@dataclass(frozen=True)
class Place:
    """A part of a proof and where it stands, for complaints; what is not there or of another kind fails."""

    value: Any
    name: str = ""

    def must(self, good: bool, said: str) -> None:
        """Fail unless `good`."""
        if not good:
            raise Fails(self.name, said)

    def __getitem__(self, key: str) -> "Place":
        self.must(isinstance(self.value, dict) and key in self.value, f"has no {key}")
        return Place(self.value[key], f"{self.name}.{key}".lstrip("."))

    def entries(self, length: int | None = None) -> "list[Place]":
        """Its entries, `length` of them if that is given."""
        good = isinstance(self.value, list) and length in (None, len(self.value))
        self.must(good, f"is no list of {'some' if length is None else length}")
        return [Place(entry, f"{self.name}[{i}]") for i, entry in enumerate(self.value)]

    def shape(self, axes: int) -> list[int]:
        """The lengths of lists in lists, by their first entries; none is empty."""
        self.must(bool(self.entries()), "is empty")
        return [len(self.value), *(self.entries()[0].shape(axes - 1) if axes > 1 else [])]

    def numbers(self, *shape: int, least: int | None = None) -> Any:
        """Numbers, exactly, in lists in lists of this shape; at least `least` if that is given."""
        if shape:
            return [entry.numbers(*shape[1:], least=least) for entry in self.entries(shape[0])]
        self.must(bool(NUMBER.fullmatch(str(self.value))), "is no number")
        self.must(least is None or Fraction(self.value) >= least, f"is below {least}")
        return Fraction(self.value)

    def index(self, count: int) -> int:
        """A place in a list of `count`."""
        self.must(self.numbers() in range(count), f"is no place among {count}")
        return int(self.numbers())


def dot(x: Any, y: Any) -> Fraction:
    """The sum of all products of two numbers, or of lists in lists of as many."""
    return sum(map(dot, x, y), Fraction(0)) if isinstance(x, list) else x * y


def shown(number: Fraction, *, up: bool = False) -> str:
    """For people, rounded down or up."""
    context = Context(prec=12, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return f"{context.divide(Decimal(number.numerator), Decimal(number.denominator)):g}"
