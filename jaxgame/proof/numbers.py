"""Floats as the rational numbers that they are, and how these are written so that nothing is lost."""

import json
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from jaxgame.verify.reading import NUMBER

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def exact(array: Any) -> Any:
    """Nested lists of Fractions, of the floats of an array."""
    if isinstance(array, Fraction):
        return array
    if isinstance(array, list | tuple):
        return [exact(entry) for entry in array]
    values = np.asarray(array)
    return Fraction(values.item()) if values.ndim == 0 else [exact(entry) for entry in values]


def outwards(lower: Fraction, upper: Fraction) -> tuple[Fraction, Fraction]:
    """An interval around this one with ends of short decimals: wider by 2^-59 of the larger one at most."""
    size = max(abs(lower), abs(upper))
    if not size:
        return lower, upper
    shift = 60 - (size.numerator.bit_length() - size.denominator.bit_length())
    grid = Fraction(2) ** -shift
    return lower // grid * grid, -(-upper // grid) * grid


def from_texts(data: Any) -> Any:
    """The same dictionaries and lists with Fractions for the texts that are numbers."""
    if isinstance(data, dict):
        return {key: from_texts(value) for key, value in data.items()}
    if isinstance(data, list):
        return [from_texts(value) for value in data]
    return Fraction(data) if isinstance(data, str) and NUMBER.fullmatch(data) else data


def to_json(data: Any, depth: int = 0) -> str:
    """A JSON text of dictionaries, lists, texts and Fractions; a list of numbers on one line."""
    pad = "\n" + " " * (depth + 1)
    if isinstance(data, dict):
        parts = [f"{json.dumps(key)}: {to_json(value, depth + 1)}" for key, value in data.items()]
        return "{" + pad + ("," + pad).join(parts) + "\n" + " " * depth + "}"
    if isinstance(data, list):
        if all(isinstance(x, Fraction | int) for x in data):
            return "[" + ", ".join(map(to_text, data)) + "]"
        return "[" + pad + ("," + pad).join(to_json(x, depth + 1) for x in data) + "\n" + " " * depth + "]"
    return json.dumps(data) if isinstance(data, str) else to_text(data)


def to_text(number: Fraction | int) -> str:
    """The exact decimal of a number with a power of two below the line; else a quotient, as a text."""
    number = Fraction(number)
    if number.denominator & (number.denominator - 1):
        return f'"{number.numerator}/{number.denominator}"'
    digits = number.denominator.bit_length() - 1
    whole = Decimal(number.numerator * 5**digits)
    text = str(whole.scaleb(-digits, _EXACT))
    return text.replace("E+", "e").replace("E", "e")
