"""What every reader gives: a table of cells that knows where its rows came from."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Int

from jaxgame.audit.errors import InputError
from jaxgame.panel.table import near


@dataclass(frozen=True, eq=False)
class Table:
    """A table of N rows before its cells are numbers.

    - `source`: its name in messages; `frame`: its cells, as strings where a file has text;
    - `rows` [N]: what its owner calls each row, counted in `unit`, "row" (1 is the first below the header) or
      "line" (of the file, from 1); None: 1 to N;
    - `index`: columns known to be an index of rows: they may name items, and are no scores;
    - `notes`: what reading did to the table, for the report; readers add to it.
    """

    source: str
    frame: pl.DataFrame
    rows: Int[np.ndarray, " N"] | None = None
    unit: str = "row"
    index: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def place(self, *places: int) -> str:
        """What the rows at `places`, from 0, are called: "row 24", "rows 3 and 8"."""
        numbers = [str(place + 1 if self.rows is None else self.rows[place]) for place in places]
        return f"{self.unit}{'s' if len(places) > 1 else ''} {' and '.join(numbers)}"

    def column(self, name: str, option: str) -> pl.Series:
        """A column by its name; InputError, naming the `option` that asked for it, if it is not there."""
        if name not in self.frame.columns:
            raise InputError(
                f"{self.source}: no column {name!r} for {option}{near(name, self.frame.columns)}"
            )
        return self.frame[name]

    def labels(self, name: str, option: str) -> pl.Series:
        """A column as strings without blanks around them, null where there is nothing; errors as `column`."""
        column = self.column(name, option)
        if column.dtype.is_float():
            column = column.fill_nan(None)
            if (column.drop_nulls() % 1 == 0).all() and (column.drop_nulls().abs() < 2**53).all():
                column = column.cast(pl.Int64)
        if column.dtype.is_nested() or column.dtype in (pl.Duration, pl.Binary):
            cells = [None if cell is None else str(cell) for cell in column.to_list()]
            column = pl.Series(name, cells, dtype=pl.String)
        labels = column.cast(pl.String, strict=False).str.strip_chars()
        return labels.set((labels == "").fill_null(True), None)


@dataclass(frozen=True)
class Asked:
    """What the caller says of a table's columns; names as given, several of them perhaps in one entry.

    - `item`: what names the items; `model`, `score`: columns of a long table;
    - `split`, `group`: columns of "train" and "test", and of rows that belong together;
    - `targets`, `models` (None: all that are left), `candidates`: the columns (long: models) to be audited.
    """

    item: tuple[str, ...] = ()
    model: str | None = None
    score: str | None = None
    split: str | None = None
    group: str | None = None
    targets: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    candidates: tuple[str, ...] = ()

    @property
    def scored(self) -> tuple[str, ...]:
        """Every column that was asked for as a score."""
        return (*self.targets, *(self.models or ()), *self.candidates)
