"""Delimited text into columns: encoding, delimiter, header and ragged rows, checked one by one."""

import csv
import io
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import polars as pl

from jaxgame.audit.errors import InputError

SEPARATORS = (",", "\t", ";", "|")
NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
LOOK = 20  # so many first lines tell the separator
MAGIC = {
    b"PK": "a zip or Excel file",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 file",
}
# Squares of larger scores would overflow when they are summed.
LARGEST = 1e100
# MovieLens ratings without a header: user, item, rating, time.
RATINGS = ("userId", "movieId", "rating", "timestamp")


def read_text(
    path: Path,
    separator: str | None,
    notes: list[str],
    is_movielens: Callable[[Sequence[str]], bool],
    names: Collection[str | None],
) -> tuple[pl.DataFrame, bool]:
    """Columns of strings, or of float64 where that loses nothing, and whether they are MovieLens ratings.

    `separator` None is found out; `notes` get what a reader should know; `is_movielens` tells by the header.
    The first column and those called `names` stay strings. Where any cell of the others is no number, all
    columns are strings, so that the cell can be shown as it stands in the file.

    Raises InputError for what is not delimited text with a header and rows of equal length.
    """
    data = _decoded(path)
    if separator is not None and len(separator.encode()) != 1:
        raise InputError(f"{path}: --separator is {separator!r}; it must be one character")
    head = data[: data.find(b"\n")] if b"\n" in data else data
    if separator is None and head.count(b"::") == 3:
        data = data.replace(b"::", b"\t")
    lines = [line for line in data[:200_000].decode("utf-8", "ignore").splitlines() if line.strip()][:LOOK]
    separator = separator or _separator(lines, path)
    header = [name.strip() for name in next(csv.reader([lines[0]], delimiter=separator))]
    if len(header) < 2:
        others = [s for s in SEPARATORS if s in lines[0]]
        hint = f"; is it separated by {NAMES[others[0]]}s?" if others else ""
        raise InputError(f"{path}: row 0 (the header): only one column when split at {separator!r}{hint}")
    if all(_is_number(name) for name in header):
        if len(header) == 4 and separator == "\t":
            header = list(RATINGS)
            data = "\t".join(header).encode() + b"\n" + data
        else:
            raise InputError(
                f"{path}: row 0 (the header): holds only numbers ({', '.join(header[:4])}); the first line "
                "must name the columns"
            )
    _check_header(header, path)
    _check_lengths(data, len(header), separator, path)
    movielens = is_movielens(header)
    texts = {*names, *header[: 2 if movielens else 1]}
    frame = _as_numbers(data, lines, header, separator, texts)
    if frame is None:
        frame = _as_strings(data, header, separator, path)
    if separator != "," and not movielens:
        notes.append(f"separated by {NAMES.get(separator, repr(separator))}")
    empty = [pl.col(pl.String).str.len_bytes() == 0, pl.col(pl.Float64).is_null()]
    blank = frame.select(pl.all_horizontal(expression.fill_null(True) for expression in empty)).to_series()
    if blank.any():
        notes.append(f"{blank.sum()} empty line{'' if blank.sum() == 1 else 's'} ignored")
        frame = frame.filter(~blank)
    return frame, movielens


def _as_strings(data: bytes, header: list[str], separator: str, path: Path) -> pl.DataFrame:
    """The table with strings in all columns, as they stand in the file."""
    try:
        frame = pl.read_csv(
            data, separator=separator, infer_schema=False, has_header=False, new_columns=header
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a table ({str(error).splitlines()[0][:160]})") from error
    return frame.slice(1)


def _as_numbers(
    data: bytes, lines: Sequence[str], header: list[str], separator: str, texts: Collection[str | None]
) -> pl.DataFrame | None:
    """The table with float64 in the columns that start with numbers; None if a later cell is no number.

    Which columns these are is told from the first `lines`; those in `texts` are never among them.
    """
    first = [row for row in csv.reader(lines[1:], delimiter=separator) if len(row) == len(header)]
    numeric = [
        name not in texts and all(_is_number(row[place] or "0") for row in first)
        for place, name in enumerate(header)
    ]
    if not first or not any(numeric):
        return None
    try:
        frame = pl.read_csv(
            data,
            separator=separator,
            schema_overrides=[pl.Float64 if number else pl.String for number in numeric],
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if [name.strip() for name in frame.columns] != header:
        return None
    finite = frame.select(pl.all_horizontal(pl.col(pl.Float64).abs().max().fill_null(0) < LARGEST)).item()
    return frame.rename(dict(zip(frame.columns, header, strict=True))) if finite else None


def _decoded(path: Path) -> bytes:
    """The file's bytes, once they are known to be UTF-8 text."""
    data = path.read_bytes()
    for magic, what in MAGIC.items():
        if data.startswith(magic):
            raise InputError(f"{path}: is {what}; export it as CSV or Parquet")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is UTF-16 text; save it as UTF-8")
    if b"\0" in data[:100_000]:
        raise InputError(f"{path}: is a binary file, not CSV or Parquet")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start)
        raise InputError(
            f"{path}: row {row} is not UTF-8 (byte {data[error.start]:#04x}, column "
            f"{_field(data, error.start)}); save it as UTF-8"
        ) from error
    if not data or data.isspace():
        raise InputError(f"{path}: the file is empty")
    # Old Mac and Windows line ends. Rows count from the header, whatever is empty before it.
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")


def _field(data: bytes, place: int) -> int:
    """The number of the field, from 1, that holds the byte at `place`, if commas separate fields."""
    return 1 + data.count(b",", data.rfind(b"\n", 0, place) + 1, place)


def _separator(lines: Sequence[str], path: Path) -> str:
    """The separator that splits all first lines into equally many fields; else, and among several, into
    most."""
    found: dict[str, tuple[bool, int]] = {}
    for separator in SEPARATORS:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
        if counts and counts[0] > 1:
            found[separator] = len(set(counts)) == 1, counts[0]
    if not found:
        raise InputError(
            f"{path}: row 0 (the header): one column {lines[0][:40]!r}; columns must be separated by "
            "comma, tab, semicolon or bar (or --separator)"
        )
    return max(found, key=lambda separator: found[separator])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_header(header: Sequence[str], path: Path) -> None:
    """Raise InputError for a column without a name (the first may be) and for two of one name."""
    for place, name in enumerate(header):
        if not name and place > 0:
            raise InputError(f"{path}: row 0 (the header): column {place + 1} has no name")
        if name in header[:place]:
            raise InputError(
                f"{path}: row 0 (the header): columns {header.index(name) + 1} and {place + 1} are both "
                f"named {name!r}"
            )


def _check_lengths(data: bytes, fields: int, separator: str, path: Path) -> None:
    """Raise InputError for the first row with fewer or more fields than the header."""
    mark = separator.encode()
    if b'"' not in data:
        stripped = data.rstrip(b"\n")
        lines = stripped.count(b"\n") + 1
        # Counting bytes is quick; only a file that does not add up is gone through.
        if stripped.count(mark) == (fields - 1) * lines and b"\n\n" not in stripped:
            return
        for row, line in enumerate(io.BytesIO(stripped)):
            count = line.count(mark) + 1
            if count != fields and line.strip():
                raise InputError(f"{path}: row {row} has {count} fields, the header has {fields}")
        return
    try:
        for row, cells in enumerate(csv.reader(io.StringIO(data.decode()), delimiter=separator, strict=True)):
            if len(cells) != fields and cells:
                raise InputError(f"{path}: row {row} has {len(cells)} fields, the header has {fields}")
    except csv.Error as error:
        raise InputError(f"{path}: quotation marks do not match ({error})") from error
