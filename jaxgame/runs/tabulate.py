"""What a chunk of draws gave, as a table: one row per draw and cell of the grid."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from jaxgame.core.bracket import Bracket
from jaxgame.summary import WIDE

Grid = Mapping[str, Sequence[Any]]


def tabulate(
    values: Mapping[str, Any], start: int, stop: int, grid: Grid, labels: Mapping[str, Sequence[str]]
) -> pl.DataFrame:
    """Rows of draws start, ..., stop - 1, draws varying slowest, the last coordinate fastest.

    `values` may hold more draws than that: the last chunk of a run is computed in full size, for which there
    is a program already, and cut here. Raises ValueError for an array whose shape is neither () nor that of
    the grid.
    """
    draws = stop - start
    shape = tuple(len(axis) for axis in grid.values())
    cells = list(itertools.product(*grid.values()))
    columns: dict[str, Any] = {"draw": np.repeat(np.arange(start, stop), len(cells))}
    cell = np.tile(np.arange(len(cells)), draws)
    for place, name in enumerate(grid):
        columns[name] = pl.Series([one[place] for one in cells]).gather(cell)
    for name, value in _flatten(values):
        array = np.asarray(value)[:draws]
        if array.shape[1:] not in ((), shape):
            raise ValueError(
                f"the draw function's {name!r} has shape {array.shape[1:]}; it must be () or {shape}, "
                f"the grid of {', '.join(grid) or 'no coordinates'}"
            )
        filled = np.broadcast_to(
            array.reshape(draws, *array.shape[1:], *[1] * (len(shape) + 1 - array.ndim)), (draws, *shape)
        )
        column = filled.reshape(-1)
        columns[name] = np.asarray(labels[name])[column] if name in labels else column
    return pl.DataFrame(columns)


def numbers_of(table: pl.DataFrame, grid: Grid, labels: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """The values of a table of draws as numbers: labels as one column of 0 and 1 each, widths of brackets."""
    values = table.drop("draw", *grid)
    columns = []
    for name in values.columns:
        if name in labels:
            columns += [
                (pl.col(name) == label).cast(pl.Float64).alias(f"{name}={label}") for label in labels[name]
            ]
        else:
            columns.append(pl.col(name).cast(pl.Float64))
        base = name.removesuffix("_upper")
        if base != name and f"{base}_lower" in values.columns:
            columns.append((pl.col(name) - pl.col(f"{base}_lower")).alias(f"{base}_width"))
    return values.select(columns)


def levels_of(columns: Sequence[str], levels: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The levels of each column of numbers: a bracket's levels are those of both its ends, a width's is 1e-6.

    Raises ValueError for a value that is not there or levels that do not increase.
    """
    found = {name: [WIDE] for name in columns if name.endswith("_width")}
    for name, thresholds in levels.items():
        if any(not a < b for a, b in itertools.pairwise(thresholds)) or any(t != t for t in thresholds):
            raise ValueError(f"levels of {name!r} are {list(thresholds)}; they must increase")
        ends = [name] if name in columns else [f"{name}_lower", f"{name}_upper"]
        if not set(ends) <= set(columns):
            raise ValueError(f"levels name the value {name!r}; known are {', '.join(columns)}")
        found |= {end: [float(threshold) for threshold in thresholds] for end in ends}
    return found


def _flatten(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names and arrays, a Bracket's two ends as two of them."""
    flat = []
    for name, value in values.items():
        if isinstance(value, Bracket):
            flat += [(f"{name}_lower", value.lower), (f"{name}_upper", value.upper)]
        else:
            flat.append((name, value))
    return flat
