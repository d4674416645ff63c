"""Score tables of any common kind, read into numbers; every error names the file, the row and the column.

Wide tables have a row per item and a column per model, long ones a row per score. Rows count from 1, the
first below the header. MovieLens ratings (u.data, ratings.dat, ratings.csv) are long tables with users as
models.
"""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.prepare import Scores
from jaxgame.audit.text import LARGEST, read_text
from jaxgame.panel.table import BUNDLED, Panel, load

# Cells that mean "missing", in any case.
ABSENT = ("", "na", "n/a", "nan", "null", "none", "-", ".", "?")
# A long table is spread out into at most so many cells.
MOST_CELLS = 2e7
MOVIELENS = ("userid", "movieid", "rating", "timestamp")
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


def read_scores(
    table: Any,
    *,
    item: str | None = None,
    model: str | None = None,
    score: str | None = None,
    split: str | None = None,
    separator: str | None = None,
    targets: Sequence[str] = (),
) -> Scores:
    """A path, a bundled panel's name, a DataFrame, a mapping of columns, or a `Panel`, as numbers.

    Of a long table only the items that some of `targets` scored are kept, if they are there.

    Raises InputError for what is not a table of numbers.
    """
    if isinstance(table, Panel):
        return _of_panel(table)
    if isinstance(table, str) and table in BUNDLED and not Path(table).exists():
        return _of_panel(load(table))
    notes: list[str] = []
    if isinstance(table, str | Path):
        source = str(table)
        frame, movielens = _of_file(Path(table), separator, notes, (item, model, split))
    else:
        source, movielens = "table", False
        frame = _of_columns(table)
    if movielens and (item, model, score) == (None, None, None):
        user, film, rating = frame.columns[:3]
        item, model, score = film, user, rating
        notes.append(
            "MovieLens ratings: users are the models, films the items; rows are the films that the target "
            "rated"
        )
    if frame.height == 0:
        raise InputError(f"{source}: the table has a header but no rows")
    if (model is None) != (score is None):
        raise InputError(f"{source}: a long table needs --item, --model and --score together")
    if model is not None and score is not None:
        if item is None:
            raise InputError(f"{source}: a long table needs --item, --model and --score together")
        if split is not None:
            raise InputError(f"{source}: --split is for wide tables; this one is long")
        return _long(frame, item, model, score, targets, source, notes)
    return _wide(frame, item, split, source, notes)


def choose(
    scores: Scores,
    targets: Sequence[str],
    models: Sequence[str] | None,
    candidates: Sequence[str],
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """The targets, the panel's models and the candidates, all columns of `scores`.

    Raises InputError for none or an unknown one, and for a column in two roles.
    """
    targets = list(targets)
    if not targets:
        if scores.target is not None:
            targets = [scores.target]
        else:
            some = ", ".join(scores.columns[:6]) + (", ..." if len(scores.columns) > 6 else "")
            raise InputError(
                f"{scores.source}: no --target; name the column with what users want, one of {some}"
            )
    for role, names in (("--target", targets), ("--models", models or ()), ("--candidate", candidates)):
        for name in names:
            if name not in scores.columns:
                raise InputError(
                    f"{scores.source}: {role} {name!r} is not a column of scores{near(name, scores.columns)}"
                )
        twice = next((name for name in names if list(names).count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{scores.source}: {role} names {twice!r} twice")
    for name in candidates:
        if name in targets or name in (models or ()):
            raise InputError(f"{scores.source}: {name!r} is a candidate and also a target or a model")
    for name in models or ():
        if name in targets and len(targets) == 1:
            raise InputError(f"{scores.source}: {name!r} is both the target and one of --models")
    # In a long table every other target is a model too, unless models are named.
    panel = tuple(models) if models is not None else tuple(c for c in scores.columns if c not in candidates)
    if not [name for name in panel if name not in targets]:
        raise InputError(f"{scores.source}: no model column is left beside {', '.join(map(repr, targets))}")
    return targets, panel, tuple(candidates)


def near(name: str, names: Sequence[str]) -> str:
    """A hint: the nearest names, or the first."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or list(names[:5])
    return f"; near are {', '.join(map(repr, close))}" if close else ""


def _of_panel(panel: Panel) -> Scores:
    columns, values = panel.raters, panel.scores
    if panel.target is not None:
        aim = "human_mean" if panel.name == "snippets" else "target"
        columns, values = (*columns, aim), np.column_stack([values, panel.target])
        return Scores(panel.name, columns, values, panel.train, _said(panel), aim)
    return Scores(panel.name, columns, values, panel.train, _said(panel))


def _said(panel: Panel) -> tuple[str, ...]:
    return tuple(note for note in (panel.title, panel.caveat) if note)


def _of_columns(table: Any) -> pl.DataFrame:
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, Mapping) or (hasattr(table, "columns") and hasattr(table, "__getitem__")):
        names = list(table) if isinstance(table, Mapping) else list(table.columns)
        try:
            return pl.DataFrame({str(name): np.asarray(table[name]) for name in names})
        except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
            raise InputError(f"table: its columns do not make a table ({_first_line(error)})") from error
    raise InputError(
        f"table is {type(table).__name__}; it must be a path, a DataFrame, a mapping of columns or a Panel"
    )


def _of_file(
    path: Path, separator: str | None, notes: list[str], names: Collection[str | None]
) -> tuple[pl.DataFrame, bool]:
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory, not a file")
        if not path.exists():
            raise InputError(f"{path}: no such file (bundled panels are {', '.join(BUNDLED)})")
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
            try:
                frame = pl.read_parquet(path)
            except Exception as error:  # whatever the reader raises for a broken file
                raise InputError(f"{path}: not a readable Parquet file ({_first_line(error)})") from error
            return frame, _is_movielens(frame.columns)
        return read_text(path, separator, notes, _is_movielens, names)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _is_movielens(columns: Sequence[str]) -> bool:
    return tuple(name.lower().replace("_", "") for name in columns) in (MOVIELENS, MOVIELENS[:3])


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _column(frame: pl.DataFrame, name: str, option: str, source: str) -> pl.Series:
    if name not in frame.columns:
        raise InputError(f"{source}: no column {name!r} for {option}{near(name, frame.columns)}")
    return frame[name]


def _wide(frame: pl.DataFrame, item: str | None, split: str | None, source: str, notes: list[str]) -> Scores:
    train = None
    if split is not None:
        train = _split_rows(_column(frame, split, "--split", source), split, source)
        frame = frame.drop(split)
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
    return Scores(source, tuple(names), values, train, tuple(notes))


def _item_column(frame: pl.DataFrame) -> str | None:
    """The column that names items: so called, or the first and counting rows."""
    first = frame.columns[0]
    if first.strip().lower() in ITEM_NAMES or re.search(r"(^|[_\s])id$", first.strip().lower()):
        return first
    return None


def _unique(names: pl.Series, column: str, source: str) -> None:
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
    values = column.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    known = values.is_in(["train", "test"]).fill_null(False).to_numpy()
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise InputError(
            f"{source}: row {row + 1}, column {name!r}: {column[row]!r} is neither 'train' nor 'test'"
        )
    return (values == "train").to_numpy()


def _long(
    frame: pl.DataFrame,
    item: str,
    model: str,
    score: str,
    targets: Sequence[str],
    source: str,
    notes: list[str],
) -> Scores:
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
    most = max(int(MOST_CELLS / len(rows)), 1)
    counts = np.bincount(models, minlength=len(model_names))
    counts[wanted] = len(rows) + 1  # kept whatever they scored
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
