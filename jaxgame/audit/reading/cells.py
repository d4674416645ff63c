"""Any column as float64: numbers, truth values, per cent, and what stands for a missing score."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.names import listed
from jaxgame.audit.reading import marks
from jaxgame.audit.reading.table import Table

# Cells that mean "missing", in small letters: those that pandas takes for it, Excel's errors, and signs that
# people leave.
ABSENT = (
    *("", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan", "-nan", "<na>"),
    *("n/a", "na", "nan", "none", "null"),
    *("#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"),
    *("-", ".", "?"),
)
# Words for 1 and 0: a column of truth values has words of one pair only.
TRUTH = (("true", "false"), ("yes", "no"))
# Squares of larger scores would overflow when they are summed.
LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class _Text:
    """A column of strings.

    `cells` have no blanks around them, `absent` are those that mean "missing", `bare` is what must be a
    number: null where absent, without the signs of a column of per cent, where cells without one are null.
    """

    cells: pl.Series
    absent: pl.Series
    bare: pl.Series
    per_cent: bool


def numbers(table: Table, names: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The columns `names` as float64, NaN where missing, and the names of those that hold no numbers.

    What was not plain becomes a note of the table. Raises InputError for text among numbers, numbers without
    end or beyond reason, and columns without any score.
    """
    found: dict[str, pl.Series] = {}
    said: dict[str, list[str]] = {}
    strings: dict[str, pl.Series] = {}
    for name in names:
        column = table.frame[name]
        if column.dtype == pl.Boolean:
            said.setdefault(_truth_words(TRUTH[0]), []).append(name)
        if column.dtype in (pl.Boolean, pl.Null) or column.dtype.is_numeric():
            found[name] = column.cast(pl.Float64)
        elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
            strings[name] = column.cast(pl.String)
    found |= _of_strings(table, strings, said)
    table.notes.extend(f"{what}: {listed(columns)}" for what, columns in said.items())
    columns = {name: _checked(found[name], name, table) for name in names if name in found}
    return columns, [name for name in names if name not in found]


def check_numbers(table: Table, wanted: Collection[str], text: Collection[str]) -> None:
    """Raise InputError if a column that is `wanted` as scores is among those that hold no numbers, `text`."""
    name = next((name for name in wanted if name in text), None)
    if name is not None:
        cell = _shown(str(table.frame[name][0]))
        raise InputError(f"{table.source}: column {name!r} holds no numbers ({table.place(0)} is {cell})")


def _of_strings(
    table: Table, strings: dict[str, pl.Series], said: dict[str, list[str]]
) -> dict[str, pl.Series]:
    """The columns of strings that hold numbers, as such; `said` gets how they were read if not plain."""
    plain = {name: column.cast(pl.Float64, strict=False) for name, column in strings.items()}
    found = {name: values for name, values in plain.items() if _all_absent(strings[name], values)}
    texts = {name: _text(column) for name, column in strings.items() if name not in found}
    for name, text in list(texts.items()):
        truth = _truth(text)
        if truth is not None:
            words, found[name] = truth
            said.setdefault(_truth_words(words), []).append(name)
            del texts[name]
    if not texts:
        return found
    style: str | None = "point"
    if marks.have_commas(text.bare for text in texts.values()):
        # Marks have one meaning in a whole table: columns of plain numbers tell it too.
        others = {name: _text(strings[name]) for name in plain if name in found}
        style = marks.style_of([text.bare for text in (*texts.values(), *others.values())])
        if style == "comma":
            texts |= {name: text for name, text in others.items() if text.bare.str.contains("[.]").any()}
    for name, text in texts.items():
        values = marks.parsed(text.bare, style)
        if style != "comma":
            values = values.fill_null(text.bare.cast(pl.Float64, strict=False))
        wrong = values.is_null() & ~text.absent
        if wrong.any():
            signs = text.cells.str.strip_suffix("%").str.strip_chars_end()
            like_numbers = int((marks.like_numbers(signs) | values.is_not_null()).sum())
            if 2 * like_numbers < int((~text.absent).sum()):
                found.pop(name, None)
                continue
            row = _first(wrong)
            raise InputError(
                f"{table.source}: {table.place(row)}, column {name!r}: {_shown(text.cells[row])} is not a "
                f"number{_hint(text.cells[row], text, style)}"
            )
        found[name] = values
        if text.per_cent:
            said.setdefault("per cent read as numbers, 45% as 45", []).append(name)
        if style == "comma" and text.bare.str.contains(",", literal=True).any():
            said.setdefault("commas read as decimal marks", []).append(name)
        if marks.have_groups(text.bare, style):
            said.setdefault("marks between thousands left out", []).append(name)
    return found


def _all_absent(column: pl.Series, values: pl.Series) -> bool:
    """Whether all cells of a column of strings that are no plain numbers mean "missing"."""
    if values.null_count() == column.null_count():
        return True
    others = column.filter(values.is_null()).unique().drop_nulls().str.strip_chars().str.to_lowercase()
    return others.is_in(ABSENT).all()


def _text(column: pl.Series) -> _Text:
    cells = column.str.strip_chars()
    absent = cells.is_null() | cells.str.to_lowercase().is_in(ABSENT).fill_null(True)
    bare = cells.set(absent, None)
    signed = bare.str.ends_with("%").fill_null(False)
    per_cent = 2 * int(signed.sum()) > bare.len() - bare.null_count()
    if per_cent:
        bare = bare.set(~signed, None).str.strip_suffix("%").str.strip_chars_end()
    return _Text(cells, absent, bare, per_cent)


def _truth(text: _Text) -> tuple[tuple[str, str], pl.Series] | None:
    """The words of a column of truth values, and the column as 1 and 0; None for any other."""
    words = text.cells.set(text.absent, None).str.to_lowercase()
    for pair in TRUTH:
        if words.is_in(pair).fill_null(True).all():
            return pair, (words == pair[0]).cast(pl.Float64)
    return None


def _truth_words(pair: tuple[str, str]) -> str:
    return f"{pair[0]} and {pair[1]} read as 1 and 0"


def _hint(cell: str, text: _Text, style: str | None) -> str:
    """What to write instead of a cell that is almost a number, or ""."""
    if text.per_cent and not cell.endswith("%"):
        return "; other cells of the column are per cent"
    if cell.endswith("%"):
        return "; write 50 for 50%, or per cent in the whole column"
    if style == "comma":
        return "; other numbers have decimal commas" if re.fullmatch(r"[+-]?\d*\.\d+", cell) else ""
    if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) and style is None:
        return "; it may be {} or {}: write it without the comma or with a point".format(
            cell.replace(",", ""), cell.replace(",", ".")
        )
    return "; write decimals with a point" if re.fullmatch(r"[+-]?\d+,\d+", cell) else ""


def _checked(column: pl.Series, name: str, table: Table) -> np.ndarray:
    """A column of numbers with NaN for null; InputError for what no score can be, and for no score at all."""
    values = column.fill_null(float("nan")).to_numpy()
    wild = np.abs(values) > LARGEST
    if wild.any():
        row = int(np.flatnonzero(np.isinf(values) if np.isinf(values).any() else wild)[0])
        cell = str(table.frame[name][row])
        what = "is infinite or too large" if np.isinf(values[row]) else "is too large"
        raise InputError(
            f"{table.source}: {table.place(row)}, column {name!r}: "
            f"{cell[:40] + ('...' if len(cell) > 40 else '')} {what}; scores must be below {LARGEST:g}"
        )
    if np.isnan(values).all():
        raise InputError(f"{table.source}: column {name!r}: every score is missing; leave the column out")
    return values


def _first(bad: pl.Series) -> int:
    """The first place, from 0, where `bad` holds."""
    return int(np.flatnonzero(bad.fill_null(False).to_numpy())[0])


def _shown(cell: str) -> str:
    return repr(cell[:40] + ("..." if len(cell) > 40 else ""))
