"""The records of delimited text (RFC 4180): quoted cells, lengths of rows, and what is no record.

A cell that begins with a quotation mark is quoted: separators and line breaks in it are text, and two marks
stand for one. A mark inside any other cell is a letter.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError

# Rows that become columns at once: lists of strings take several times their text.
CHUNK = 5_000
# Letters that are looked at together.
BLOCK = 1 << 22
MARK = ord('"')


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift the limit of 131,072 letters that `csv` sets on a cell, for as long as this lasts."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _lines(data: bytes) -> io.TextIOWrapper:
    """Lines of text, decoded as they are read: of a large file often only its beginning is."""
    return io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")


def first_records(data: bytes, separator: str, most: int) -> tuple[list[list[str]], int]:
    """The first records that are not empty, at most so many, and the number of the first one's last line."""
    found: list[list[str]] = []
    line = 0
    with _cells_of_any_length():
        reader = csv.reader(_lines(data), delimiter=separator)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append(cells)
                line = line or reader.line_num
            if len(found) == most:
                break
    return found, line


def outline(body: bytes, separator: str) -> bytes | None:
    """The text with every quoted cell emptied, so that its lines are its records.

    None if a quotation mark stands where RFC 4180 has none.
    """
    if b'"' not in body:
        return body
    # Marks open and close in turn; two for one within a cell close it and open it at once.
    border = np.zeros(256, bool)
    border[[ord(separator), ord("\n"), MARK]] = True
    # Every letter has neighbours.
    letters = np.frombuffer(b"\n" + body + b"\n", np.uint8)
    outside, inside = [], 0
    for start in range(1, len(letters) - 1, BLOCK):
        stop = min(start + BLOCK, len(letters) - 1)
        block = letters[start:stop]
        marks = block == MARK
        quoted = (np.cumsum(marks, dtype=np.uint8) + inside) % 2 == 1
        opening, closing = marks & quoted, marks & ~quoted
        before, after = letters[start - 1 : stop - 1], letters[start + 1 : stop + 1]
        if (opening & ~border[before]).any() or (closing & ~border[after]).any():
            return None
        outside.append(block[~quoted & ~marks].tobytes())
        inside = int(quoted[-1])
    return None if inside else b"".join(outside)


def are_lengths(outlined: bytes, fields: int, separator: str) -> bool:
    """Whether every line is a record with so many fields, or empty."""
    mark = separator.encode()
    lines = outlined.split(b"\n")
    return all(line.count(mark) == fields - 1 or not line.strip() for line in lines)


def check_lengths(outlined: bytes, above: int, fields: int, separator: str, source: str) -> None:
    """Raise InputError for the first row with fewer or more fields than the header; empty rows have any.

    `above` rows stand above the first.
    """
    mark = separator.encode()
    for row, line in enumerate(outlined.split(b"\n"), 1 + above):
        if line.count(mark) + 1 != fields and line.strip():
            raise InputError(_wrong_length(row, line.count(mark) + 1, fields, source))


def read(body: bytes, header: Sequence[str], separator: str, source: str) -> pl.DataFrame:
    """The records below the header as columns of strings, an empty one as a row of nulls.

    For text that a faster reader does not take. Raises InputError for quotation marks that do not match, and
    for the first row with fewer or more fields than the header.
    """
    schema = dict.fromkeys(header, pl.String)
    chunks = [pl.DataFrame(schema=schema)]
    rows: list[Sequence[str | None]] = []
    row = 0

    def columns() -> pl.DataFrame:
        return pl.DataFrame(dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)), schema=schema)

    with _cells_of_any_length():
        try:
            for row, cells in enumerate(csv.reader(_lines(body), delimiter=separator, strict=True), 1):
                if len(cells) == len(header):
                    rows.append(cells)
                elif any(cell.strip() for cell in cells):
                    raise InputError(_wrong_length(row, len(cells), len(header), source))
                else:
                    rows.append([None] * len(header))
                if len(rows) == CHUNK:
                    chunks.append(columns())
                    rows.clear()
        except csv.Error as error:
            raise InputError(
                f"{source}: row {row + 1}: quotation marks do not match: one is never closed, or text "
                "follows a closing one (inside a quoted cell write two for one)"
            ) from error
    return pl.concat([*chunks, columns()] if rows else chunks)


def _wrong_length(row: int, found: int, fields: int, source: str) -> str:
    hint = "; does the first column, of row names, lack a name?" if (row, found) == (1, fields + 1) else ""
    return f"{source}: row {row} has {found} fields, the header has {fields}{hint}"
