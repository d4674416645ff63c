"""Delimited text into columns: separator, header, and cells as numbers where that loses nothing."""

import re
from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.reading import quoting
from jaxgame.audit.reading.cells import LARGEST
from jaxgame.audit.reading.marks import have_commas
from jaxgame.audit.reading.movielens import RATINGS, are_ratings
from jaxgame.audit.reading.sources import Source, text
from jaxgame.audit.reading.table import Table

SEPARATORS = (",", "\t", ";", "|")
NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
LOOK = 20  # so many first records tell the separator
# What Excel writes above a table to say what separates its columns.
SEPARATOR_LINE = re.compile(rb'"?sep=([^\n])"?\n', re.IGNORECASE)
# How nameless columns are called until it is known whether they hold anything; no file has this letter.
NAMELESS = "\0"


def read(source: Source, separator: str | None, names: Collection[str]) -> Table:
    """The table of delimited text: columns of strings, or of float64 where that loses nothing.

    `separator` None is found out. The first column and those called `names` stay strings. Where any cell of
    the others is no number, all columns are strings, so that the cell can be shown as it stands in the file.

    Raises InputError for what is not delimited text with a header and rows of equal length.
    """
    if separator is not None and (len(separator.encode()) != 1 or separator in '"\r\n'):
        raise InputError(f"{source.name}: --separator is {separator!r}; it must be one character")
    # Rows count from the header, whatever is empty before it.
    data = text(source).lstrip(b"\n")
    told = SEPARATOR_LINE.match(data)
    if told is not None:
        separator = separator or told[1].decode("latin-1")
        data = data[told.end() :].lstrip(b"\n")
        if not data:
            raise InputError(f"{source.name}: the file is empty but for its first line, 'sep={separator}'")
    if separator is None and data[: _end_of_line(data, 1)].count(b"::") == 3:
        data = data.replace(b"::", b"\t")
    separator = separator or _separator(data, source.name)
    first, line = quoting.first_records(data, separator, LOOK)
    if not first:
        raise InputError(f"{source.name}: the file is empty but for separators")
    header = [name.strip() for name in first[0]]
    start = _end_of_line(data, line)
    if all(_is_number(name) for name in header) and len(header) > 1:
        if len(header) != 4 or separator != "\t":
            raise InputError(
                f"{source.name}: row 0 (the header): holds only numbers ({', '.join(header[:4])}); the first "
                "line must name the columns"
            )
        header, start = list(RATINGS), 0
    _check_header(header, separator, source.name)
    movielens = are_ratings(header)
    notes = [] if separator == "," or movielens else [f"separated by {NAMES.get(separator, repr(separator))}"]
    header = [name if name or place == 0 else f"{NAMELESS}{place + 1}" for place, name in enumerate(header)]
    texts = {*names, *header[: 2 if movielens else 1]}
    numeric = [name not in texts and _all_numbers(first[1:], place) for place, name in enumerate(header)]
    frame = _columns(data, start, header, numeric, separator, source.name)
    return _without_blanks(frame, source.name, notes)


def _columns(
    data: bytes, start: int, header: Sequence[str], numeric: Sequence[bool], separator: str, source: str
) -> pl.DataFrame:
    """The records from `start` on, empty ones as rows of nulls; `numeric` columns as float64 if all are."""
    # The parser skips empty lines at the beginning. A large text is copied once, without these.
    above, end = 0, len(data)
    while data[start + above : start + above + 1] == b"\n":
        above += 1
    while data[end - 1 : end] == b"\n":
        end -= 1
    rows = data[start + above : end]
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String))
    outlined = quoting.outline(rows, separator)
    # Text separated by tabs has no rule for quotation marks: where each line is a whole record, marks that
    # would join lines, or stand where they should not, are letters.
    by_lines = separator == "\t" and b'"' in rows and quoting.are_lengths(rows, len(header), separator)
    if by_lines and (outlined is None or outlined.count(b"\n") < rows.count(b"\n")):
        frame = _parsed(rows, header, separator, quote=None)
        frame = None if frame is None else frame.with_columns(_unquoted(pl.all()))
    elif outlined is not None:
        frame = _quick(rows, outlined, header, numeric, separator)
    else:
        frame = None
    if frame is None:
        # What is wrong is told row by row.
        if outlined is not None:
            quoting.check_lengths(outlined, above, len(header), separator, source)
        return quoting.read(data[start:end], header, separator, source)
    if not above:
        return frame
    return pl.concat([pl.DataFrame({name: [None] * above for name in header}, schema=frame.schema), frame])


def _quick(
    rows: bytes, outlined: bytes, header: Sequence[str], numeric: Sequence[bool], separator: str
) -> pl.DataFrame | None:
    """The columns, as the parser of polars reads them; None if a row is too short or too long."""
    lines = outlined.count(b"\n") + 1
    # Counting is quick; where a short row makes up for a long one the parser refuses.
    if outlined.count(separator.encode()) != (len(header) - 1) * lines and not quoting.are_lengths(
        outlined, len(header), separator
    ):
        return None
    frame = _parsed(rows, header, separator, numeric) if any(numeric) else None
    if frame is None or not _is_finite(frame) or have_commas(frame.select(pl.col(pl.String)).get_columns()):
        # A cell that is not plain must show its text, and what a comma means may depend on points elsewhere.
        frame = _parsed(rows, header, separator)
    return frame if frame is not None and frame.height == lines else None


def _parsed(
    rows: bytes,
    header: Sequence[str],
    separator: str,
    numeric: Sequence[bool] | None = None,
    quote: str | None = '"',
) -> pl.DataFrame | None:
    """The columns, those that are `numeric` as float64, others as strings; None if the parser refuses."""
    try:
        return pl.read_csv(
            rows,
            separator=separator,
            quote_char=quote,
            has_header=False,
            new_columns=list(header),
            schema_overrides=[
                pl.Float64 if number else pl.String for number in numeric or [False] * len(header)
            ],
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None


def _unquoted(cells: pl.Expr) -> pl.Expr:
    """Cells of text, those in quotation marks without them."""
    inner = cells.str.slice(1, cells.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    return pl.when(cells.str.contains(r'(?s)^"[^"]*(?:""[^"]*)*"$')).then(inner).otherwise(cells)


def _is_finite(frame: pl.DataFrame) -> bool:
    """Whether no number is without end or too large; a message shows such a cell as it stands in the file."""
    return frame.select(pl.all_horizontal(pl.col(pl.Float64).abs().max().fill_null(0) < LARGEST)).item()


def _without_blanks(frame: pl.DataFrame, source: str, notes: list[str]) -> Table:
    """The table without rows that hold nothing, whose numbers are skipped, and without nameless columns that
    hold nothing; InputError for nameless columns that do hold something."""
    blank = [pl.col(pl.String).str.strip_chars().str.len_bytes() == 0, pl.col(pl.Float64).is_null()]
    empty = frame.select(pl.all_horizontal(cells.fill_null(True) for cells in blank)).to_series()
    rows = np.flatnonzero(~empty.to_numpy()) + 1
    if empty.any():
        notes.append(f"{empty.sum()} empty line{'' if empty.sum() == 1 else 's'} ignored")
        frame = frame.filter(~empty)
    for name in [name for name in frame.columns if name.startswith(NAMELESS)]:
        cells = frame[name].cast(pl.String).str.strip_chars().fill_null("")
        if (cells != "").any():
            raise InputError(
                f"{source}: row 0 (the header): column {name.removeprefix(NAMELESS)} has no name"
            )
        frame = frame.drop(name)
    return Table(source, frame, rows, notes=notes)


def _separator(data: bytes, source: str) -> str:
    """The separator that splits all first records into equally many fields; else, and among several, into
    most."""
    found: dict[str, tuple[bool, int]] = {}
    for separator in SEPARATORS:
        counts = [len(cells) for cells in quoting.first_records(data, separator, LOOK)[0]]
        if counts and counts[0] > 1:
            found[separator] = len(set(counts)) == 1, counts[0]
    if not found:
        line = data[: _end_of_line(data, 1)].decode("utf-8", "ignore").strip()
        raise InputError(
            f"{source}: row 0 (the header): one column {line[:40]!r}; columns must be separated by comma, "
            "tab, semicolon or bar (or --separator)"
        )
    return max(found, key=lambda separator: found[separator])


def _end_of_line(data: bytes, line: int) -> int:
    """Where the line of this number, from 1, ends: the place behind its line feed."""
    place = 0
    for _ in range(line):
        place = data.find(b"\n", place) + 1 or len(data)
    return place


def _all_numbers(records: Sequence[Sequence[str]], place: int) -> bool:
    """Whether the cells at `place` are numbers or empty, as far as there are any."""
    return all(_is_number(cells[place] or "0") for cells in records if place < len(cells))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_header(header: Sequence[str], separator: str, source: str) -> None:
    """Raise InputError for a single column and for two of one name."""
    if len(header) < 2:
        others = [other for other in SEPARATORS if other in header[0]]
        hint = f"; is it separated by {NAMES[others[0]]}s?" if others else ""
        raise InputError(f"{source}: row 0 (the header): only one column when split at {separator!r}{hint}")
    for place, name in enumerate(header):
        if name and name in header[:place]:
            raise InputError(
                f"{source}: row 0 (the header): columns {header.index(name) + 1} and {place + 1} are both "
                f"named {name!r}"
            )
