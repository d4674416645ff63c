"""Rechecks saved proofs in exact rationals: additions, products, quotients and comparisons, no solver.

Written to be read, by someone who trusts nothing else of this library: it imports the standard library alone.
A number of a proof is a decimal, read as it stands, or a quotient "n/d", and all that follows is exact. What
a proof must hold, and why it then proves what it says, is told at the top of the module of its kind:

| kind | module |
| --- | --- |
| best-AI selection, best response, exploitability | `selection` |
| hull distance | `hulls` |
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxgame.verify.hulls import hull_distance
from jaxgame.verify.reading import Fails, NotAProof, Place, loaded
from jaxgame.verify.selection import best_response, exploitability, selection

__all__ = ["KINDS", "SCHEMA_VERSION", "NotAProof", "Verdict", "check", "check_document", "read"]

SCHEMA_VERSION = 1

KINDS: dict[str, Callable[[Place], str]] = {
    "best-AI selection": selection,
    "best response": best_response,
    "exploitability": exploitability,
    "hull distance": hull_distance,
}


@dataclass(frozen=True)
class Verdict:
    """What became of a proof: is it `proved`, and in one `sentence` what exactly, or which line fails.

    `place` is where that stands in the file, such as intervals[2].multipliers.
    """

    proved: bool
    sentence: str
    place: str = ""


def check(path: str | Path) -> Verdict:
    """The verdict on the proof in the file `path`. Raises NotAProof if there is none in it, and OSError."""
    return check_document(read(path))


def read(path: str | Path) -> dict[str, Any]:
    """What the proof in the file `path` holds, numbers as Fractions. Raises NotAProof and OSError."""
    return _header(loaded(path))


def check_document(document: Any) -> Verdict:
    """The verdict on a `document`, what a file holds: dictionaries, lists, Fractions. Raises NotAProof."""
    try:
        return Verdict(True, "proved: " + KINDS[_header(document)["kind"]](Place(document, "")))
    except Fails as error:
        return Verdict(False, f"rejected: {error}", error.place)


def _header(found: Any) -> dict[str, Any]:
    """A document of a kind and version that are known."""
    if not isinstance(found, dict) or found.get("kind") not in KINDS:
        raise NotAProof(f"this is no proof: its kind must be one of {', '.join(KINDS)}")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise NotAProof(f"schema_version is {found.get('schema_version')}; it must be {SCHEMA_VERSION}")
    return found
