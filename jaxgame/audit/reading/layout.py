"""From a wide or a long table of cells to `Scores`, each cell checked.

Rows in messages count from 1, the first below the header.
"""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.prepare import Scores
from jaxgame.audit.reading.delimited import LARGEST
from jaxgame.panel.table import block_numbers, near

# Cells that mean "missing", in any case.
ABSENT = ("", "na", "n/a", "nan", "null", "none", "-", ".", "?")
# A long table is spread out into at most so many cells.
MOST_CELLS = 2e7
# A first column of one of these names, in any case, names the items.
ITEM_NAMES = (
    "",
    "id",
    "item",
    "item_id",
    "itemid",
    "index",
    "row",
    "row_id",
    "example",
    "example_id",
    "question_id",
    "prompt_id",
    "uid",
    "uuid",
)


def wide(
    frame: pl.DataFrame,
    item: str | None,
    split: str | None,
    group: str | None,
    source: str,
    notes: list[str],
) -> Scores:
    """The scores of a table with a row per item: the columns of numbers but `item`, `split` and `group`.

    `item` names the column of the items' names (None: the first if it is called like one), `split` that of
    "train" and "test", `group` one whose equal cells mark rows that belong together. Columns of text and rows
    without any score are left out, and `notes` say so.
    """
    train = None
    if split is not None:
        train = _split_rows(_column(frame, split, "--split", source), split, source)
        frame = frame.drop(split)
    blocks = None
    if group is not None:
        blocks = _block_rows(_column(frame, group, "--group", source), group, source)
        frame = frame.drop(group)
    if item is None:
        item = _item_column(frame)
        if item is not None:
            notes.append(f"column {item!r} taken as the items' names")
    if item is not None:
        _unique(_column(frame, item, "--item", source), item, source)
        frame = frame.drop(item)
    columns, names, text = [], [], []
    for name in frame.columns:
        values = _numbers(frame[name], name, source)
        if values is None:
            text.append(name)
            continue
        columns.append(values)
        names.append(name)
    if text:
        notes.append(
            f"columns without numbers ignored: {', '.join(text[:8])}" + (" ..." if len(text) > 8 else "")
        )
    if not columns:
        raise InputError(
            f"{source}: no column of numbers (columns are {', '.join(map(repr, frame.columns[:6]))})"
        )
    values = np.column_stack(columns)
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        notes.append(f"{empty.sum()} rows without any score left out")
        values = values[~empty]
        train = None if train is None else train[~empty]
        blocks = None if blocks is None else blocks[~empty]
    return Scores(source, tuple(names), values, train, tuple(notes), blocks=blocks)


def long(
    frame: pl.DataFrame,
    item: str,
    model: str,
    score: str,
    targets: Sequence[str],
    source: str,
    notes: list[str],
) -> Scores:
    """The scores of a table with a row per score: a row per item and a column per model.

    Only the items that one of `targets` scored are kept, if the table knows any of them; and of the models
    those with the most scores, as many as memory allows, which `notes` say.
    """
    if len({item, model, score}) < 3:
        raise InputError(
            f"{source}: --item, --model and --score must be three columns, not {item!r}, {model!r}, {score!r}"
        )
    keys = {}
    for option, name in (("--item", item), ("--model", model)):
        names = _column(frame, name, option, source).cast(pl.String, strict=False).str.strip_chars()
        bad = names.is_null() | (names == "")
        if bad.any():
            raise InputError(
                f"{source}: row {_first(bad)}, column {name!r}: empty; every score needs an item and a model"
            )
        keys[name] = names
    values = _numbers(_column(frame, score, "--score", source), score, source)
    if values is None:
        raise InputError(f"{source}: column {score!r} holds no numbers (row 1 is {frame[score][0]!r})")
    present = np.isfinite(values)
    if not present.any():
        raise InputError(f"{source}: column {score!r}: every score is missing")
    item_names, items = _places(keys[item])
    model_names, models = _places(keys[model])
    # Two scores of one item by one model have the same cell: once sorted they stand side by side.
    cells = items * len(model_names) + models
    order = np.argsort(cells, kind="stable")
    same = np.flatnonzero(np.diff(cells[order]) == 0)
    if len(same):
        one, two = sorted((order[[same[0], same[0] + 1]] + 1).tolist())
        raise InputError(
            f"{source}: rows {one} and {two}, columns {item!r} and {model!r}: item "
            f"{str(item_names[items[one - 1]])!r} has two scores by {str(model_names[models[one - 1]])!r}"
        )
    items, models, values = items[present], models[present], values[present]
    wanted = np.flatnonzero(np.isin(model_names, list(targets)))
    if len(wanted):
        # What no target scored is of no use, and a sparse table may be too large to be filled.
        useful = np.isin(items, np.unique(items[np.isin(models, wanted)]))
        items, models, values = items[useful], models[useful], values[useful]
    rows, row = np.unique(items, return_inverse=True)
    # The targets, whatever they scored, and then the models with the most scores, within MOST_CELLS.
    most = max(int(MOST_CELLS / len(rows)), 1)
    counts = np.bincount(models, minlength=len(model_names))
    counts[wanted] = len(rows) + 1
    kept = np.sort(np.argsort(-counts, kind="stable")[:most])
    kept = kept[counts[kept] > 0]
    if len(kept) < (counts > 0).sum():
        notes.append(f"of {(counts > 0).sum():,} models the {len(kept):,} with the most scores are read")
    column = np.full(len(model_names), -1)
    column[kept] = np.arange(len(kept))
    read = column[models] >= 0
    table = np.full((len(rows), len(kept)), np.nan)
    table[row[read], column[models[read]]] = values[read]
    return Scores(source, tuple(model_names[kept].tolist()), table, None, tuple(notes))


def _column(frame: pl.DataFrame, name: str, option: str, source: str) -> pl.Series:
    """A column by its name; InputError, naming the `option` that asked for it, if it is not there."""
    if name not in frame.columns:
        raise InputError(f"{source}: no column {name!r} for {option}{near(name, frame.columns)}")
    return frame[name]


def _item_column(frame: pl.DataFrame) -> str | None:
    """The first column if it is called like a column of items' names; else None."""
    first = frame.columns[0]
    if first.strip().lower() in ITEM_NAMES or re.search(r"(^|[_\s])id$", first.strip().lower()):
        return first
    return None


def _unique(names: pl.Series, column: str, source: str) -> None:
    """Raise InputError for an item without a name or two items of one name."""
    if names.null_count():
        row = int(np.flatnonzero(names.is_null().to_numpy())[0]) + 1
        raise InputError(f"{source}: row {row}, column {column!r}: the item has no name")
    if names.n_unique() < len(names):
        again = int(np.flatnonzero(names.is_duplicated().to_numpy())[0])
        twice = np.flatnonzero((names == names[again]).to_numpy())[:2] + 1
        raise InputError(
            f"{source}: rows {twice[0]} and {twice[1]}, column {column!r}: item {names[again]!r} occurs "
            "twice (a long table needs --item, --model and --score)"
        )


def _split_rows(column: pl.Series, name: str, source: str) -> np.ndarray:
    """Which rows are "train"; InputError for a cell that is neither "train" nor "test"."""
    values = column.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    known = values.is_in(["train", "test"]).fill_null(False).to_numpy()
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise InputError(
            f"{source}: row {row + 1}, column {name!r}: {column[row]!r} is neither 'train' nor 'test'"
        )
    return (values == "train").to_numpy()


def _block_rows(column: pl.Series, name: str, source: str) -> np.ndarray:
    """The rows' blocks, as numbers; InputError for a row without one."""
    labels = column.cast(pl.String, strict=False).str.strip_chars()
    lacking = labels.is_null() | (labels == "")
    if lacking.any():
        raise InputError(f"{source}: row {_first(lacking)}, column {name!r}: empty; every row needs a group")
    return block_numbers(labels)


def _places(names: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Distinct names in the order of their first occurrence, and each entry's place among them."""
    distinct = names.unique(maintain_order=True)
    places = pl.DataFrame({"name": distinct, "place": np.arange(len(distinct))})
    joined = pl.DataFrame({"name": names}).join(places, on="name", how="left", maintain_order="left")
    return np.array(distinct.to_list()), joined["place"].to_numpy()


def _first(bad: pl.Series) -> int:
    """The first row, from 1, where `bad` holds."""
    return int(np.flatnonzero(bad.fill_null(False).to_numpy())[0]) + 1


def _numbers(column: pl.Series, name: str, source: str) -> np.ndarray | None:
    """A column as float64, NaN where missing; None for a column of text.

    Raises InputError for text among numbers, numbers without end or beyond reason, and no scores at all.
    """
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = column.cast(pl.String).str.strip_chars()
        absent = text.is_null() | text.str.to_lowercase().is_in(ABSENT).fill_null(True)
        parsed = text.cast(pl.Float64, strict=False)
        wrong = parsed.is_null() & ~absent
        bad, silent = int(wrong.sum()), int(absent.sum())
        if bad > len(text) / 2 or (bad and bad + silent == len(text)):
            return None
        if bad:
            row = _first(wrong)
            cell = text[row - 1]
            hint = "; write decimals with a point" if re.fullmatch(r"-?\d+,\d+", cell) else ""
            raise InputError(f"{source}: row {row}, column {name!r}: {cell[:40]!r} is not a number{hint}")
        values = parsed.fill_null(float("nan")).to_numpy().copy()
        values[absent.to_numpy()] = np.nan
    elif column.dtype == pl.Null:
        values = np.full(len(column), np.nan)
    else:
        return None
    for wild, what in (
        (np.isinf(values), "is infinite or too large"),
        (np.abs(values) > LARGEST, "is too large"),
    ):
        if wild.any():
            row = int(np.flatnonzero(wild)[0])
            cell = str(column[row])
            raise InputError(
                f"{source}: row {row + 1}, column {name!r}: "
                f"{cell[:40] + ('...' if len(cell) > 40 else '')} {what}; scores must be below {LARGEST:g}"
            )
    if np.isnan(values).all():
        raise InputError(f"{source}: column {name!r}: every score is missing; leave the column out")
    return values
