"""JSON: an object a line, a list of objects, or an object of columns."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.reading.frames import SOURCE, of_columns
from jaxgame.audit.reading.sources import Source, text
from jaxgame.audit.reading.table import Table

SUFFIXES = (".json", ".jsonl", ".ndjson")
# How records begin, one by one or in a list.
BEGINNING = re.compile(rb"(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*[\"}]")


def is_json(source: Source) -> bool:
    """Whether a source is JSON: by its name or by how it begins."""
    return source.suffix in SUFFIXES or BEGINNING.match(source.data) is not None


def read(source: Source, names: set[str]) -> Table:
    """The table of JSON text: an object a line, a list of objects, or an object of columns.

    Columns are lists, or objects with a key for each row, as pandas writes them; `names` that are known to be
    columns tell those from objects of rows. An object within a record gives columns with dots in their names,
    a list in it is text. A record may lack keys: it has no score there.

    Raises InputError, with the line or row, for what is not JSON or has another layout.
    """
    try:
        found, lines = _values(text(source).decode())
        if len(found) > 1:
            return Table(source.name, _of_records(found), np.array(lines), "line")
        if isinstance(found[0], list):
            return Table(source.name, _of_records(found[0]))
        return Table(source.name, _of_object(found[0], names))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{source.name}: line {error.lineno} is not JSON ({error.msg}, column {error.colno})"
        ) from error
    except InputError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{source.name}: {error}") from error


def of_list(records: Sequence[Any]) -> Table:
    """The table of a list of records in memory; InputError if they make none."""
    try:
        return Table(SOURCE, _of_records(records))
    except (ValueError, TypeError) as error:
        raise InputError(f"{SOURCE}: {error}") from error


def _values(words: str) -> tuple[list[Any], list[int]]:
    """The JSON values of a text, one after the other, and the lines where they begin, from 1."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    found, lines, end, line = [], [], 0, 1
    while (start := re.compile(r"\S").search(words, end)) is not None:
        line += words.count("\n", end, start.start())
        try:
            value, end = decoder.raw_decode(words, start.start())
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from error
        found.append(value)
        lines.append(line)
        line += words.count("\n", start.start(), end)
    return found, lines


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; ValueError if a key stands in it twice, for one of the two would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has the key {next(n for n in names if names.count(n) > 1)!r} twice")
    return found


def _of_object(found: Any, names: set[str]) -> pl.DataFrame:
    """The columns of one object: a record, columns, or what pandas calls "split", "table" and "index"."""
    if not isinstance(found, dict):
        raise _unknown(found)
    parts = list(found.values())
    if isinstance(found.get("data"), list) and isinstance(found.get("columns"), list):
        named = [str(name) for name in found["columns"]]
        _object([(name, None) for name in named])
        return _of_records([_row(named, cells, row) for row, cells in enumerate(found["data"], 1)])
    if parts and all(isinstance(part, list) for part in parts):
        return of_columns(found)
    if parts and all(isinstance(part, dict) for part in parts):
        inner = dict.fromkeys(name for part in parts for name in part)
        if not found.keys() & names and inner.keys() & names:
            return _of_records(parts)
        return of_columns({name: [part.get(row) for row in inner] for name, part in found.items()})
    lists = [part for part in parts if isinstance(part, list) and part and isinstance(part[0], dict)]
    return _of_records(lists[0] if len(lists) == 1 else [found])


def _row(names: Sequence[str], cells: Any, row: int) -> dict[str, Any]:
    if not isinstance(cells, list) or len(cells) != len(names):
        raise ValueError(f"row {row} of its data is no list of {len(names)} cells")
    return dict(zip(names, cells, strict=True))


def _of_records(records: Sequence[Any]) -> pl.DataFrame:
    """The columns of records, each an object; ValueError for what is none and for names that clash."""
    if not records:
        raise ValueError("holds no records")
    columns: dict[str, list[Any]] = {}
    for count, record in enumerate(records):
        if not isinstance(record, dict):
            raise _unknown(record)
        for name, value in _flat(record):
            column = columns.setdefault(name, [])
            if len(column) > count:
                raise ValueError(
                    f"record {count + 1} has {name!r} twice, once with the dot of an object within"
                )
            column.extend([None] * (count - len(column)))
            column.append(value)
    for column in columns.values():
        column.extend([None] * (len(records) - len(column)))
    return of_columns(columns)


def _flat(record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The names and values of a record, those of objects within with a dot between the names."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, json.dumps(value) if isinstance(value, list) else value


def _unknown(found: Any) -> ValueError:
    return ValueError(
        f"holds {json.dumps(found)[:40]!r} where a record should be; a JSON table is an object a line, "
        "a list of objects, or an object of columns of equal length"
    )
