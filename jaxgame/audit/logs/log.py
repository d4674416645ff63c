"""What a log becomes: a wide table, and what its columns are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

# Names of the columns that are no scores, in brackets so that no model is called so.
ITEM, GROUP = "(item)", "(group)"
# The column of what people want, where a log holds votes or choices of many people.
PEOPLE = "people"


@dataclass(frozen=True)
class Asked:
    """What the caller says.

    - `source`: what messages call the logs;
    - `targets`: names of what people want; `score`: which of several metrics counts, None if it is not said.
    """

    source: str
    targets: tuple[str, ...] = ()
    score: str | None = None


@dataclass(frozen=True)
class Log:
    """Scores read from evaluation logs, N items by K models, judges or metrics.

    - `source`: what messages call the logs;
    - `frame`: N rows; the column `ITEM` of items' names, `GROUP` if rows belong together, and K of scores;
    - `target`: the column that holds what people want; None if the log does not say;
    - `notes`: what was recognised, averaged and left out, for the report.
    """

    source: str
    frame: pl.DataFrame
    target: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> str | None:
        """The column of rows that belong together; None if each row is by itself."""
        return GROUP if GROUP in self.frame.columns else None


@dataclass(frozen=True)
class LogFile:
    """A file that may be a log: its `path`, how it is written (`kind`), and its first record.

    Kinds are "lines" (JSON, an object a line), "list" (JSON, a list of objects), "object" (one JSON object),
    "table" (delimited text), "columns" (Parquet) and "inspect" (Inspect's own, which a library reads).
    """

    path: Path
    kind: str
    first: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Format:
    """A format of logs: its `name`, whether a file `is_one`, and how files of it are `read`."""

    name: str
    is_one: Callable[[LogFile], bool]
    read: Callable[[Sequence[LogFile], Asked], Log]
