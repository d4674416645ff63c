"""From a table with a row per item to `Scores`."""

import shlex

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.names import expand, listed
from jaxgame.audit.prepare import Scores
from jaxgame.audit.reading.cells import check_numbers, numbers
from jaxgame.audit.reading.columns import INDEX, is_group, last_word, likely_groups, why_no_scores
from jaxgame.audit.reading.table import Asked, Table
from jaxgame.panel.table import block_numbers

# A first column of one of these names, in any case, or with "id" for its last word, names the items.
ITEM_NAMES = ("", "id", "item", "itemid", "index", "row", "example", "uid", "uuid")

# A table with rows for each model has one or two columns of scores besides the target.
FEW_MODELS = 2


def wide(table: Table, asked: Asked) -> Scores:
    """The scores of a table with a row per item: its columns of numbers, but for those with other roles.

    Columns of text, columns of numbers that are no scores, and rows without any score are left out, and notes
    say so; if the caller names the models, no other column is looked at. Raises InputError for columns that
    are not there, cells that are no numbers, and items that occur twice.
    """
    frame = table.frame
    named = expand(asked.scored, frame.columns)
    train = None if asked.split is None else train_rows(table, asked.split)
    items, group = _items_and_group(table, asked, named)
    blocks = None if group is None else block_numbers(group_rows(table, group))
    others = [name for name in frame.columns if name not in {*items, group, asked.group, asked.split}]
    if asked.models is not None and set(named) <= set(others):
        others = [name for name in others if name in named]
    columns, text = numbers(table, others)
    if not columns:
        some = ", ".join(map(repr, frame.columns[:6]))
        raise InputError(f"{table.source}: no column of numbers (columns are {some})")
    check_numbers(table, named, text)
    left = {name: "times" for name in text if frame[name].dtype.is_temporal()}
    if asked.models is None:
        reasons = {name: why_no_scores(table, name, columns[name]) for name in columns if name not in named}
        left |= {name: reason for name, reason in reasons.items() if reason is not None}
    _tell(table, [name for name in text if name not in left], left)
    if asked.group is None:
        _suggest_groups(table, [name for name in dict.fromkeys((*text, *left)) if name != group])
    columns = {name: values for name, values in columns.items() if name not in left}
    if not columns:
        raise InputError(f"{table.source}: no column of scores ({'; '.join(table.notes)})")
    if asked.group is None and group is not None and len(set(columns) - set(named)) <= FEW_MODELS:
        _check_no_row_per_score(table, group, text)
    values = np.column_stack(list(columns.values()))
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        table.notes.append(f"{empty.sum()} rows without any score left out")
        values = values[~empty]
        train = None if train is None else train[~empty]
        blocks = None if blocks is None else blocks[~empty]
    return Scores(table.source, tuple(columns), values, train, tuple(table.notes), blocks=blocks)


def train_rows(table: Table, name: str) -> np.ndarray:
    """Which rows the column `name` calls "train"; InputError for cells that are not "train" or "test"."""
    words = table.labels(name, "--split").str.to_lowercase()
    known = words.is_in(["train", "test"]).fill_null(False).to_numpy()
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise InputError(
            f"{table.source}: {table.place(row)}, column {name!r}: {table.frame[name][row]!r} is neither "
            "'train' nor 'test'"
        )
    return (words == "train").to_numpy()


def group_rows(table: Table, name: str) -> pl.Series:
    """The labels of the rows' groups in the column `name`; InputError for a row without one."""
    labels = table.labels(name, "--group")
    if labels.null_count():
        row = int(np.flatnonzero(labels.is_null().to_numpy())[0])
        raise InputError(
            f"{table.source}: {table.place(row)}, column {name!r}: empty; every row needs a group"
        )
    return labels


def _items_and_group(table: Table, asked: Asked, named: list[str]) -> tuple[list[str], str | None]:
    """The columns that name the items, and the column of rows that belong together, as asked or found."""
    items = expand(asked.item, table.frame.columns)
    if items:
        _check_unique(table, items)
        return items, asked.group
    first = _item_column(table, asked, named)
    if first is None:
        return [], asked.group
    labels = table.labels(first, "--item")
    if labels.null_count() or not is_group(labels):
        _check_unique(table, [first])
        table.notes.append(f"column {first!r} taken as the items' names")
        return [first], asked.group
    taken = "they do not name the items" if asked.group else "taken as groups of rows that belong together"
    table.notes.append(
        f"column {first!r} has {labels.n_unique()} values in {len(labels)} rows: {taken} (--item names "
        "another column; a table with a row per score needs --item, --model and --score)"
    )
    return [first], asked.group or first


def _item_column(table: Table, asked: Asked, named: list[str]) -> str | None:
    """The first column, but for an index, if it is called like items' names and has no other role."""
    frame = table.frame
    scores = {name for name in named if name in frame.columns and _holds_numbers(frame[name])}
    columns = [name for name in frame.columns if name not in {asked.split, asked.group, *scores}]
    first = next((name for name in columns if not INDEX.fullmatch(name.lower())), None)
    for name in (first, *columns[:1]):
        if name is not None and (name.lower() in ITEM_NAMES or last_word(name) == "id"):
            return name
    return None


def _holds_numbers(column: pl.Series) -> bool:
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        return bool(column.cast(pl.String).cast(pl.Float64, strict=False).is_not_null().any())
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _check_unique(table: Table, items: list[str]) -> None:
    """Raise InputError for an item without a name and for two items of one name."""
    labels = [table.labels(name, "--item") for name in items]
    for name, column in zip(items, labels, strict=True):
        if column.null_count():
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise InputError(f"{table.source}: {table.place(row)}, column {name!r}: the item has no name")
    rows = pl.DataFrame(dict(zip(items, labels, strict=True)))
    twice = rows.is_duplicated().to_numpy()
    if twice.any():
        one = rows.row(int(np.flatnonzero(twice)[0]))
        alike = pl.all_horizontal(pl.col(name) == cell for name, cell in zip(items, one, strict=True))
        places = np.flatnonzero(rows.select(alike).to_series().to_numpy())[:2].tolist()
        said = f"column{'s' if len(items) > 1 else ''} {' and '.join(map(repr, items))}"
        raise InputError(
            f"{table.source}: {table.place(*places)}, {said}: item {', '.join(one)!r} occurs twice (--group "
            "names a column of rows that belong together; a long table needs --item, --model and --score)"
        )


def _check_no_row_per_score(table: Table, group: str, text: list[str]) -> None:
    """Raise InputError if each group has equally many rows for each label of a column of text, as a table has
    that names its models in rows."""
    crossed = []
    for name in text:
        pairs = pl.DataFrame(
            [table.frame[group].alias("group"), table.labels(name, "--model").alias("model")]
        )
        counts = pairs.group_by("group", "model").len()
        groups, labels = counts["group"].n_unique(), counts["model"].n_unique()
        if labels > 1 and counts.height == groups * labels and counts["len"].n_unique() == 1:
            crossed.append((labels, name))
    if crossed:
        labels, name = max(crossed)
        raise InputError(
            f"{table.source}: each {group!r} has rows for the same {labels} values of {name!r}: a table with "
            f"a row per score needs --item, --model and --score, such as --item {group} --model {name}; "
            f"where each row is an item say --group {group}"
        )


def _tell(table: Table, text: list[str], left: dict[str, str]) -> None:
    """Note which columns are not read as models, and why."""
    if text:
        table.notes.append(f"columns without numbers ignored: {listed(text)}")
    if left:
        told = [f"{name or repr(name)} ({reason})" for name, reason in left.items()]
        table.notes.append(f"no scores, left out: {listed(told)}; --models can name them all the same")


def _suggest_groups(table: Table, names: list[str]) -> None:
    """Note the columns whose equal cells may mark rows that belong together."""
    found = likely_groups(table, names)[:3]
    if found:
        told = [f"--group {shlex.quote(name)} ({groups} groups)" for name, groups in found]
        table.notes.append(
            f"rows may belong together, and would then be split and resampled together: {', '.join(told)}"
        )
