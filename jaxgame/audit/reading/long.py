"""From a table with a row per score to `Scores`: a row per item, a column per model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from jaxgame.audit.errors import InputError
from jaxgame.audit.names import expand, listed
from jaxgame.audit.prepare import Scores
from jaxgame.audit.reading.cells import check_numbers, numbers
from jaxgame.audit.reading.table import Asked, Table
from jaxgame.audit.reading.wide import group_rows, train_rows
from jaxgame.panel.table import block_numbers

# A long table is spread out into at most so many cells.
MOST_CELLS = 2e7
# Stands between the parts of an item's name.
_WITHIN = "\x1f"


@dataclass(frozen=True, eq=False)
class _Rows:
    """What the N rows of a long table say.

    - `table`; `keys`: the columns of the items' names, and that of the models';
    - `item_names`, `item` [N]: distinct items in the order of their first row, and each row's place among
      them;
    - `model_names`, `model` [N]: likewise the models;
    - `score` [N]: NaN where missing.
    """

    table: Table
    keys: tuple[str, ...]
    item_names: list[str]
    item: Int[np.ndarray, " N"]
    model_names: list[str]
    model: Int[np.ndarray, " N"]
    score: Float[np.ndarray, " N"]


def long(table: Table, asked: Asked) -> Scores:
    """The scores of a table with a row per score.

    A target that is no model may be a column, such as people's scores, with one value an item. Only the items
    that one of the targets scored are kept, if the table knows any of them; and of the models those with the
    most scores, as many as memory allows, which notes say.

    Raises InputError for columns that are not there, an item scored twice by a model, and an item with two
    values in a column that has one an item.
    """
    rows = _rows(table, asked)
    known = [*rows.model_names, *table.frame.columns]
    columns = _columns_of_items(rows, expand(asked.scored, known))
    train = blocks = None
    if asked.split is not None:
        train = _per_item(rows, train_rows(table, asked.split), asked.split)
    if asked.group is not None:
        blocks = _per_item(rows, block_numbers(group_rows(table, asked.group)), asked.group)
    targets = expand(asked.targets, known)
    wanted = [place for place, name in enumerate(rows.model_names) if name in targets]
    items, models, values = _useful(rows, wanted, [columns[name] for name in targets if name in columns])
    if not len(items):
        raise InputError(f"{table.source}: every score of {', '.join(map(repr, targets))} is missing")
    # The items that are left, and of the models the targets and then those with the most scores.
    places, row = np.unique(items, return_inverse=True)
    most = max(int(MOST_CELLS / max(len(places), 1)), 1)
    counts = np.bincount(models, minlength=len(rows.model_names))
    counts[wanted] = len(places) + 1
    kept = np.sort(np.argsort(-counts, kind="stable")[:most])
    kept = kept[counts[kept] > 0]
    if len(kept) < (counts > 0).sum():
        table.notes.append(
            f"of {(counts > 0).sum():,} models the {len(kept):,} with the most scores are read"
        )
    column = np.full(len(rows.model_names), -1)
    column[kept] = np.arange(len(kept))
    read = column[models] >= 0
    scores = np.full((len(places), len(kept)), np.nan)
    scores[row[read], column[models[read]]] = values[read]
    return Scores(
        table.source,
        (*(rows.model_names[model] for model in kept), *columns),
        np.column_stack([scores, *(values[places] for values in columns.values())]),
        None if train is None else train[places] == 1,
        tuple(table.notes),
        blocks=None if blocks is None else blocks[places].astype(int),
    )


def _rows(table: Table, asked: Asked) -> _Rows:
    """The rows of a long table, checked: each has an item and a model, and no two have both in common."""
    items = tuple(expand(asked.item, table.frame.columns))
    if not items or asked.model is None or asked.score is None:
        raise InputError(f"{table.source}: a long table needs --item, --model and --score together")
    if len({*items, asked.model, asked.score}) < len(items) + 2:
        raise InputError(
            f"{table.source}: --item, --model and --score must be three columns, not "
            f"{', '.join(map(repr, (*items, asked.model, asked.score)))}"
        )
    labels = [table.labels(name, "--item") for name in items] + [table.labels(asked.model, "--model")]
    for name, column in zip((*items, asked.model), labels, strict=True):
        if column.null_count():
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise InputError(
                f"{table.source}: {table.place(row)}, column {name!r}: empty; every score needs an "
                "item and a model"
            )
    table.column(asked.score, "--score")
    columns, text = numbers(table, [asked.score])
    check_numbers(table, [asked.score], text)
    item_names, item = _places(pl.select(pl.concat_str(labels[:-1], separator=_WITHIN)).to_series())
    model_names, model = _places(labels[-1])
    rows = _Rows(table, (*items, asked.model), item_names, item, model_names, model, columns[asked.score])
    _check_scored_once(rows)
    return rows


def _check_scored_once(rows: _Rows) -> None:
    """Raise InputError for an item with two scores by one model."""
    # Two such rows have the same cell: once sorted they stand side by side.
    cells = rows.item * len(rows.model_names) + rows.model
    order = np.argsort(cells, kind="stable")
    same = np.flatnonzero(np.diff(cells[order]) == 0)
    if len(same):
        one, two = sorted(order[[same[0], same[0] + 1]].tolist())
        keys = " and ".join(map(repr, rows.keys))
        raise InputError(
            f"{rows.table.source}: {rows.table.place(one, two)}, columns {keys}: item {_shown(rows, one)} "
            f"has two scores by {rows.model_names[rows.model[one]]!r}"
        )


def _columns_of_items(rows: _Rows, named: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns that were asked for as scores and are no models, with a value per item."""
    names = [name for name in dict.fromkeys(named) if name not in rows.model_names]
    names = [name for name in names if name in rows.table.frame.columns]
    columns, text = numbers(rows.table, names)
    check_numbers(rows.table, names, text)
    if columns:
        rows.table.notes.append(f"columns with one score an item: {listed(names)}")
    return {name: _per_item(rows, values, name) for name, values in columns.items()}


def _per_item(rows: _Rows, values: np.ndarray, name: str) -> np.ndarray:
    """The one value of each item in the column `name`, whose N numbers are `values`; NaN if all are missing.

    Raises InputError for an item with two.
    """
    present = np.flatnonzero(np.isfinite(values))
    first = np.full(len(rows.item_names), -1)
    first[rows.item[present][::-1]] = present[::-1]
    other = present[values[present] != values[first[rows.item[present]]]]
    if len(other):
        one, two = int(first[rows.item[other[0]]]), int(other[0])
        cells = rows.table.frame[name]
        raise InputError(
            f"{rows.table.source}: {rows.table.place(one, two)}, column {name!r}: item {_shown(rows, one)} "
            f"has two values, {cells[one]} and {cells[two]}; it must have one"
        )
    return np.where(first >= 0, values[first], np.nan)


def _useful(
    rows: _Rows, wanted: Sequence[int], aims: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item, model and value of the scores that are there, on the items that a target scored.

    The targets are the models `wanted` and the columns `aims`; without any all items count. What no target
    scored is of no use, and a sparse table may be too large to be filled.
    """
    read = np.isfinite(rows.score)
    if len(wanted) or len(aims):
        aimed = np.zeros(len(rows.item_names), bool)
        aimed[rows.item[read & np.isin(rows.model, wanted)]] = True
        for aim in aims:
            aimed |= np.isfinite(aim)
        read &= aimed[rows.item]
    return rows.item[read], rows.model[read], rows.score[read]


def _places(names: pl.Series) -> tuple[list[str], np.ndarray]:
    """Distinct names in the order of their first occurrence, and each entry's place among them."""
    distinct = names.unique(maintain_order=True)
    places = pl.DataFrame({"name": distinct, "place": np.arange(len(distinct))})
    joined = pl.DataFrame({"name": names}).join(places, on="name", how="left", maintain_order="left")
    return distinct.to_list(), joined["place"].to_numpy()


def _shown(rows: _Rows, row: int) -> str:
    return repr(rows.item_names[rows.item[row]].replace(_WITHIN, ", "))
