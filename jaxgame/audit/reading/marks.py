"""Numbers as people write them: which mark is the decimal one, and which stand between thousands.

"1,5" has a decimal comma, "1,234,567" commas between thousands, "1,234" may be either: what it is, other
numbers of the table tell. "1.234" is a number with a decimal point, unless others have decimal commas.
"""

from collections.abc import Collection, Iterable

import polars as pl

# Blanks (also those that do not break) and apostrophes stand between thousands in any style.
_BETWEEN = "[ \u00a0\u202f'’]"
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_WITH_COMMA = rf"^\s*[+-]?(?:[\d.]|{_BETWEEN})*,\d(?:[\d.,]|{_BETWEEN})*{_EXPONENT}\s*%?\s*$"


def _pattern(decimal: str, thousands: str) -> str:
    """A number with these marks, both escaped; no number begins with a group of zeros."""
    groups = "|".join(rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+" for mark in (thousands, _BETWEEN))
    return rf"^[+-]?(?:(?:\d+(?:{decimal}\d*)?|{decimal}\d+){_EXPONENT}|(?:{groups})(?:{decimal}\d*)?)$"


# What a number looks like, by its decimal mark.
STYLES = {"point": _pattern(r"\.", ","), "comma": _pattern(",", r"\.")}


def have_commas(columns: Iterable[pl.Series]) -> bool:
    """Whether any of these columns of strings has a number with a comma."""
    return any(column.str.contains(_WITH_COMMA).any() for column in columns)


def have_groups(cells: pl.Series, style: str | None) -> bool:
    """Whether any of these numbers has marks between its thousands."""
    return bool(cells.str.contains(rf"[.]|{_BETWEEN}" if style == "comma" else rf",|{_BETWEEN}").any())


def like_numbers(cells: pl.Series) -> pl.Series:
    """Which strings are numbers with one mark or the other; False where there is none."""
    return (cells.str.contains(STYLES["point"]) | cells.str.contains(STYLES["comma"])).fill_null(False)


def style_of(columns: Collection[pl.Series]) -> str | None:
    """The decimal mark of these columns of strings, "point" or "comma"; None if it cannot be told.

    The mark that more numbers must have, of those that can be read in one way only. A single decimal comma in
    a whole table is taken for a slip.
    """
    votes = {"point": 0, "comma": 0}
    unclear = False
    for cells in columns:
        point, comma = (cells.str.contains(STYLES[style]).fill_null(False) for style in ("point", "comma"))
        if 2 * (point | comma).sum() <= cells.len() - cells.null_count():
            continue  # text that holds a number here and there
        votes["point"] += int((point & ~comma).sum())
        votes["comma"] += int((comma & ~point).sum())
        unclear |= bool((point & comma & cells.str.contains(",", literal=True)).any())
    if votes["comma"] > max(votes["point"], 1):
        return "comma"
    return None if unclear and not any(votes.values()) else "point"


def parsed(cells: pl.Series, style: str | None) -> pl.Series:
    """Strings as float64, by the decimal mark `style`; null where a cell is no such number.

    `style` None: also null where a comma may be either mark.
    """
    fits = cells.str.contains(STYLES[style or "point"])
    if style is None:
        fits &= ~cells.str.contains(",", literal=True)
    bare = cells.str.replace_all(f"[.]|{_BETWEEN}" if style == "comma" else f",|{_BETWEEN}", "")
    if style == "comma":
        bare = bare.str.replace(",", ".", literal=True)
    return bare.set(~fits.fill_null(False), None).cast(pl.Float64, strict=False)
