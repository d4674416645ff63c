"""The items that are scored: their names and texts, and what people said of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.elicit import movielens
from jaxgame.elicit.settings import Columns, MovieLens
from jaxgame.panel.table import near

_READERS: dict[str, Any] = {
    ".csv": pl.read_csv,
    ".parquet": pl.read_parquet,
    ".jsonl": pl.read_ndjson,
    ".ndjson": pl.read_ndjson,
}


@dataclass(frozen=True)
class Items:
    """N items: the columns that go into the table (`kept`), and the cells of the text columns, by item."""

    source: str
    kept: pl.DataFrame
    texts: list[dict[str, str]]


def read(source: str | Path | pl.DataFrame, columns: Columns) -> Items:
    """The items of a file (CSV, Parquet, JSON Lines), a MovieLens folder or a DataFrame.

    `columns` says which are which. Raises InputError for a column that is missing or empty in some row, two
    items of one name, and targets that are no numbers; rows count from 1.
    """
    name, frame = _table(source, columns)
    if frame.height == 0:
        raise InputError(f"{name}: has no rows")
    for role, wanted in (
        ("id", [columns.id]),
        ("text", columns.text),
        ("targets", columns.targets),
        ("group", [columns.group] if columns.group else []),
    ):
        for column in wanted:
            if column not in frame.columns:
                hint = near(column, frame.columns, cutoff=0.6)
                raise InputError(f"{name}: no column {column!r}, which items.{role} names{hint}")
            if role != "targets":
                _check_filled(frame[column], name)
    twice = frame[columns.id].is_duplicated()
    if twice.any():
        ids = frame[columns.id]
        rows = (ids == ids.filter(twice)[0]).arg_true()
        raise InputError(
            f"{name}: rows {rows[0] + 1} and {rows[1] + 1}, column {columns.id!r}: both are named "
            f"{ids[rows[0]]!r}; every item needs a name of its own"
        )
    for column in columns.targets:
        if not frame.schema[column].is_numeric():
            raise InputError(f"{name}: column {column!r} holds {frame.schema[column]}; targets are numbers")
    group = [columns.group] if columns.group else []
    kept = frame.select(list(dict.fromkeys([columns.id, *group, *columns.targets])))
    texts = frame.select(pl.col(columns.text).cast(pl.String).str.strip_chars()).to_dicts()
    return Items(name, kept, texts)


def _table(source: str | Path | pl.DataFrame, columns: Columns) -> tuple[str, pl.DataFrame]:
    """What errors call the table, and the table as it is."""
    if isinstance(source, pl.DataFrame):
        return "items", source
    path = Path(source)
    if path.is_dir():
        return str(path), movielens.films(path, columns.movielens or MovieLens())
    reader = _READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        what = "no such file" if reader else f"must end in {', '.join(_READERS)}, or be a MovieLens folder"
        raise InputError(f"{path}: {what}")
    try:
        frame: pl.DataFrame = reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: not a readable table ({str(error).splitlines()[0][:160]})") from error
    return str(path), frame


def _check_filled(column: pl.Series, name: str) -> None:
    """Raise InputError for the first empty cell."""
    empty = column.cast(pl.String).str.strip_chars().fill_null("") == ""
    if empty.any():
        raise InputError(f"{name}: row {empty.arg_max() + 1}, column {column.name!r}: is empty")  # type: ignore[operator]
