"""Tables in memory: polars, pandas and Arrow frames, mappings of columns, lists of records."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.reading.table import Table

SOURCE = "table"
# Types that stand for a missing cell beside None: those of pandas, which need not be installed.
_MISSING = ("NAType", "NaTType")


def read(table: Any) -> Table:
    """The table of an object in memory.

    A polars DataFrame or LazyFrame; a pandas DataFrame, whose named index comes first; whatever gives Arrow's
    columns (a pyarrow Table, a DuckDB result); a mapping of columns, or an object like one.

    Raises InputError for any other object, and for what does not make a table.
    """
    try:
        if isinstance(table, pl.DataFrame):
            return Table(SOURCE, flat(table))
        if isinstance(table, pl.LazyFrame):
            return Table(SOURCE, flat(table.collect()))
        if hasattr(table, "iloc") and hasattr(table, "index") and hasattr(table, "columns"):
            return _of_pandas(table)
        if hasattr(table, "__arrow_c_stream__"):
            metadata = getattr(getattr(table, "schema", None), "metadata", None) or {}
            return with_index(Table(SOURCE, flat(pl.DataFrame(table))), metadata.get(b"pandas"))
        if isinstance(table, Mapping):
            return Table(SOURCE, of_columns({str(name): table[name] for name in table}))
        if hasattr(table, "columns") and hasattr(table, "__getitem__"):
            return Table(SOURCE, of_columns({str(name): table[name] for name in table.columns}))
    except (pl.exceptions.PolarsError, ValueError, TypeError, OSError) as error:
        if isinstance(error, InputError):
            raise
        lines = str(error).strip().splitlines()
        said = lines[0][:200] if lines else type(error).__name__
        raise InputError(f"{SOURCE}: its columns do not make a table ({said})") from error
    raise InputError(
        f"table is {type(table).__name__}; it must be a path, a DataFrame, a mapping of columns, "
        "a list of records or a Panel"
    )


def with_index(table: Table, metadata: str | bytes | None) -> Table:
    """The table with the index that pandas saved in it as its first columns.

    `metadata` is what pandas notes beside a table that it writes, in JSON; None: it did not write it.
    """
    names = [] if metadata is None else json.loads(metadata).get("index_columns", [])
    index = tuple(name for name in names if isinstance(name, str) and name in table.frame.columns)
    return (
        replace(table, frame=table.frame.select(*index, pl.exclude(*index)), index=index) if index else table
    )


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a column for each field of its structs, with a dot in its name, and with objects as what
    they hold."""
    while structs := [name for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)]:
        named = (pl.col(name).name.prefix_fields(f"{name}.") for name in structs)
        frame = frame.with_columns(named).unnest(structs)
    objects = [name for name, kind in frame.schema.items() if kind == pl.Object]
    return frame.with_columns(_objects(name, frame[name].to_list()) for name in objects)


def of_columns(columns: Mapping[str, Any]) -> pl.DataFrame:
    """A frame of columns, each an array or a sequence of cells, whatever the type of these.

    Raises ValueError or TypeError for columns of several axes or of unequal length.
    """
    series = [_series(name, values) for name, values in columns.items()]
    odd = next((one for one in series if len(one) != len(series[0])), None)
    if odd is not None:
        first = series[0]
        raise ValueError(
            f"column {first.name!r} has {len(first)} rows and column {odd.name!r} has {len(odd)}"
        )
    return pl.DataFrame(series)


def _of_pandas(table: Any) -> Table:
    """A pandas DataFrame; levels of its index that have a name are its first columns."""
    levels = {
        str(name): table.index.get_level_values(place)
        for place, name in enumerate(table.index.names)
        if name is not None
    }
    names = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in table.columns]
    twice = next((name for name in names if [*levels, *names].count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{SOURCE}: two columns are named {twice!r}")
    columns = {name: table.iloc[:, place] for place, name in enumerate(names)}
    return Table(SOURCE, of_columns(levels | columns), index=tuple(levels))


def _series(name: str, values: Any) -> pl.Series:
    """A column: numbers as such, truth values as Boolean, anything else as strings; null where missing."""
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, list | tuple):
        return _objects(name, values)
    if isinstance(values, np.ma.MaskedArray):
        return _objects(name, values.tolist())
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"column {name!r} has {array.ndim} axes")
    if array.dtype.kind in "biu":
        return pl.Series(name, array)
    if array.dtype.kind == "f":
        return pl.Series(name, array.astype(np.float64))
    if array.dtype.kind in "mM":
        return pl.Series(name, array.astype(f"{array.dtype.kind}8[us]"))
    return _objects(name, array.tolist())


def _objects(name: str, cells: Sequence[Any]) -> pl.Series:
    """A column of Python objects."""
    cells = [None if _is_missing(cell) else cell for cell in cells]
    types = set(map(type, cells)) - {type(None)}
    truth = {kind for kind in types if issubclass(kind, bool | np.bool_)}
    if types and types == truth:
        return pl.Series(name, [None if cell is None else bool(cell) for cell in cells], dtype=pl.Boolean)
    if not truth and all(issubclass(kind, Real | Decimal) for kind in types):
        if types == {int} and all(cell is None or abs(cell) < 2**63 for cell in cells):
            return pl.Series(name, cells, dtype=pl.Int64)
        return pl.Series(name, [None if cell is None else _float(cell) for cell in cells], dtype=pl.Float64)
    return pl.Series(name, [None if cell is None else _text(cell) for cell in cells], dtype=pl.String)


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return cell is None or (isinstance(cell, float) and cell != cell) or type(cell).__name__ in _MISSING


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def _text(cell: Any) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
