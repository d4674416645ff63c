"""Rechecks saved proofs in exact rationals: additions, products, quotients and comparisons, no solver.

It imports the standard library alone. The module named after a proof's kind begins with the theorem: what a
proof must hold, and why it then proves what it says. That, `reading` and what is here are 300 lines at most.
"""

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from jaxgame.verify.reading import Fails, NotAProof, Place

__all__ = ["KINDS", "SCHEMA_VERSION", "NotAProof", "Verdict", "check", "check_document", "read"]

SCHEMA_VERSION = 1
KINDS = (
    *("best-AI selection", "best response", "exploitability", "hull distance"),
    *("regrets", "coalition cover", "rejection depth"),
)


@dataclass(frozen=True)
class Verdict:
    """Is it `proved`? The `sentence` says what exactly, or which line fails, at which `place` in the file."""

    proved: bool
    sentence: str
    place: str = ""


def check(path: str | Path) -> Verdict:
    """The verdict on the proof in the file `path`. Raises NotAProof if there is none in it, and OSError."""
    return check_document(read(path))


def read(path: str | Path) -> Any:
    """What the JSON file `path` holds, numbers as their texts. Raises NotAProof and OSError."""
    try:
        return json.loads(Path(path).read_text("utf-8"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:  # such as NaN, of which no Fraction can be made
        raise NotAProof(f"{path} is no proof: {error}") from error


def check_document(document: Any) -> Verdict:
    """The verdict on a `document`, what a file holds: dictionaries, lists, numbers. Raises NotAProof."""
    found = document if isinstance(document, dict) else {}
    kind, version = found.get("kind"), str(found.get("schema_version"))
    if kind not in KINDS or version != str(SCHEMA_VERSION):
        raise NotAProof(f"schema_version must be {SCHEMA_VERSION}, and kind one of {', '.join(KINDS)}")
    module = import_module(f"jaxgame.verify.{kind.lower().replace(' ', '_').replace('-', '_')}")
    try:
        return Verdict(True, f"proved: {module.theorem(Place(document))}")
    except Fails as error:
        place, said = error.args
        return Verdict(False, f"rejected: {place or 'the file'} {said}", place)
