"""Files that may be logs: which there are, how they begin, and their records one by one."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs.log import LogFile

SUFFIXES = (".eval", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
# An Inspect log in JSON says so among its first letters; the rest may be long.
HEAD = 4096
INSPECT = re.compile(rb'^\s*\{.*"status"\s*:\s*"\w+"\s*,\s*"eval"\s*:\s*\{', re.DOTALL)
UNREADABLE = (OSError, EOFError, zlib.error)


def expand(tables: Sequence[str | Path]) -> tuple[list[Path], set[Path]]:
    """The files that `tables` stand for, in order, and which of them were found in a folder.

    A table is a file, a folder (all files in and below it that could be logs, but hidden ones) or a pattern
    with `*`, `?` or brackets. Raises InputError for a pattern without a file and a folder without logs.
    """
    paths: list[Path] = []
    found: set[Path] = set()
    for table in map(Path, tables):
        if table.is_dir():
            inside = sorted(path for path in table.rglob("*") if _may_be_log(path, table))
            if not inside:
                raise InputError(f"{table}: is a directory without evaluation logs ({', '.join(SUFFIXES)})")
            found.update(inside)
            paths += inside
        elif not table.exists() and re.search(r"[*?[]", str(table)):
            matching = sorted(map(Path, glob(str(table), recursive=True)))
            if not matching:
                raise InputError(f"{table}: no file has such a name")
            paths += matching
        else:
            paths.append(table)
    return list(dict.fromkeys(paths)), found


def _may_be_log(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and _suffix(path) in SUFFIXES and path.is_file()


def _suffix(path: Path) -> str:
    """How a name ends, in small letters and without what says that the file is packed."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def look(path: Path) -> LogFile | None:
    """How a file begins; None for one that is not there, cannot be read, or is no JSON, table or Parquet."""
    suffix = _suffix(path)
    if not path.is_file() or suffix not in SUFFIXES:
        return None
    if suffix == ".eval":
        return LogFile(path, "inspect")
    try:
        kind = _kind(path, suffix)
        if kind is None or kind == "inspect":
            return None if kind is None else LogFile(path, kind)
        # Whatever comes later, and is perhaps damaged, is for whoever reads the log.
        _, first = next(_pairs(path, kind, rows=1), (0, None))
    except (*UNREADABLE, ValueError, RecursionError, csv.Error, pl.exceptions.PolarsError):
        return None
    return LogFile(path, kind, first) if isinstance(first, dict) else None


def _kind(path: Path, suffix: str) -> str | None:
    if suffix == ".parquet":
        return "columns"
    if suffix in (".csv", ".tsv"):
        return "table"
    with _open(path) as file:
        head = file.read(HEAD).removeprefix(b"\xef\xbb\xbf")
    if suffix == ".json" and INSPECT.match(head):
        return "inspect"
    if head.lstrip()[:1] == b"[":
        return "list"
    if head.lstrip()[:1] != b"{":
        return None
    # JSON Lines under the name of JSON has a whole object in its first line.
    return "lines" if suffix != ".json" or _is_object(head.lstrip().split(b"\n")[0]) else "object"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict) and line.strip() != b"{}"
    except ValueError:
        return False


def _open(path: Path) -> io.BufferedReader | gzip.GzipFile:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")


def records(file: LogFile) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """A file's records and their numbers: of the line, or of the record, from 1 (see `place`).

    Raises InputError for what is not JSON, a record that is no object, and a damaged file.
    """
    try:
        for number, record in _pairs(file.path, file.kind):
            if not isinstance(record, dict):
                raise InputError(
                    f"{place(file, number)}: holds {json.dumps(record)[:40]} where an object should be"
                )
            yield number, record
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file.path}: line {error.lineno} is not JSON ({error.msg}, column {error.colno}); is the file "
            "cut off?"
        ) from error
    except InputError:
        raise
    except (*UNREADABLE, ValueError, RecursionError, csv.Error, pl.exceptions.PolarsError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{file.path}: cannot be read ({lines[0][:160]})") from error


def place(file: LogFile, number: int) -> str:
    """Where a record stands, for messages: "logs/a.jsonl: line 7"."""
    return f"{file.path}: {'line' if file.kind == 'lines' else 'record'} {number}"


def _pairs(path: Path, kind: str, rows: int | None = None) -> Iterator[tuple[int, Any]]:
    """Records and their numbers; `rows` is how many will be asked for (None: all)."""
    if kind == "columns":
        yield from enumerate(pl.read_parquet(path, n_rows=rows).iter_rows(named=True), 1)
        return
    with _open(path) as file:
        if kind == "lines":
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _parsed(line, number)
            return
        if kind == "table":
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            separator = max(",;\t|", key=text.readline().count)
            text.seek(0)
            yield from enumerate(csv.DictReader(text, restkey="", delimiter=separator), 1)
            return
        found = json.loads(file.read().decode("utf-8-sig"))
    yield from enumerate(found if isinstance(found, list) else [found], 1)


def _parsed(line: bytes, number: int) -> Any:
    """One line's JSON; an error counts lines from the file's first."""
    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        error.lineno += number - 1
        raise


def names(paths: Sequence[Path]) -> list[str]:
    """The paths in short: their last parts, as few as keep them apart."""
    parts = [path.parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        short = ["/".join(own[-count:]) for own in parts]
        if len(set(short)) == len(set(paths)):
            return short
    return [str(path) for path in paths]
