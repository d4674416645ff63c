"""Where a table of scores comes from (a file, a bundled panel, memory) and how it is laid out.

Tables are wide (a row per item, a column per model) or long (a row per score). MovieLens ratings (u.data,
ratings.dat, ratings.csv) are long tables with users as models. Every error names the file, the row and the
column; rows count from 1, the first below the header.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from jaxgame.audit import logs
from jaxgame.audit.errors import InputError
from jaxgame.audit.prepare import Scores
from jaxgame.audit.reading import layout
from jaxgame.audit.reading.delimited import read_text
from jaxgame.panel.table import BUNDLED, Panel, load

# The columns of MovieLens ratings in small letters; the last need not be there.
MOVIELENS = ("userid", "movieid", "rating", "timestamp")


def read_scores(
    table: Any,
    *,
    item: str | None = None,
    model: str | None = None,
    score: str | None = None,
    split: str | None = None,
    group: str | None = None,
    separator: str | None = None,
    targets: Sequence[str] = (),
) -> Scores:
    """The numbers of `table`: a path, a bundled panel's name, a DataFrame, a mapping of columns or a `Panel`.

    Evaluation logs are recognised, unless `item` or `model` say how a table is laid out: a file, a folder, or
    a list of them. Of these `score` names the metric that counts.

    `item`, `model` and `score` name the columns of a long table; a wide one has at most an `item` column.
    `split` names a wide table's column of "train" and "test", `group` one whose equal cells mark rows that
    belong together, `separator` is what separates a file's columns
    (None: found out). Of a long table only the items that some of `targets` scored are kept, unless none of
    them is there.

    Raises InputError for what is not a table of numbers.
    """
    if isinstance(table, Panel):
        return _of_panel(table)
    if isinstance(table, str) and table in BUNDLED and not Path(table).exists():
        return _of_panel(load(table))
    paths = _paths(table)
    if paths and item is None and model is None:
        log = logs.recognise(paths, targets=targets, score=score)
        if log is not None:
            return _of_log(log, {"--split": split, "--group": group, "--separator": separator})
    if len(paths) > 1:
        raise InputError(
            f"{paths[0]} and {len(paths) - 1} more: several files are read together only if they are "
            "evaluation logs, without --item and --model"
        )
    table = paths[0] if paths else table
    notes: list[str] = []
    if isinstance(table, str | Path):
        source = str(table)
        frame, movielens = _of_file(Path(table), separator, notes, (item, model, split, group))
    else:
        source, movielens = "table", False
        frame = _of_columns(table)
    frame, votes = logs.in_numbers(frame, source)
    if votes:
        notes.append(f"votes in words read as 1 (model_a), 0 (model_b) and .5 (tie): {', '.join(votes)}")
    if movielens and (item, model, score) == (None, None, None):
        user, film, rating = frame.columns[:3]
        item, model, score = film, user, rating
        notes.append(
            "MovieLens ratings: users are the models, films the items; rows are the films that the target "
            "rated"
        )
    if frame.height == 0:
        raise InputError(f"{source}: the table has a header but no rows")
    if model is None and score is None:
        return layout.wide(frame, item, split, group, source, notes)
    if item is None or model is None or score is None:
        raise InputError(f"{source}: a long table needs --item, --model and --score together")
    for option, name in (("--split", split), ("--group", group)):
        if name is not None:
            raise InputError(f"{source}: {option} is for wide tables; this one is long")
    return layout.long(frame, item, model, score, targets, source, notes)


def _of_panel(panel: Panel) -> Scores:
    """The scores of a panel, its fixed target as one more column, its title and caveat as notes."""
    notes = tuple(note for note in (panel.title, panel.caveat) if note)
    if panel.target is None:
        return Scores(panel.name, panel.raters, panel.scores, panel.train, notes, blocks=panel.blocks)
    aim = panel.target_name
    values = np.column_stack([panel.scores, panel.target])
    return Scores(panel.name, (*panel.raters, aim), values, panel.train, notes, aim, panel.blocks)


def _paths(table: Any) -> list[str | Path]:
    """The paths that `table` is, one or a list of them; none if it is a table in memory."""
    if isinstance(table, str | Path):
        return [table]
    several = isinstance(table, list | tuple) and all(isinstance(path, str | Path) for path in table)
    return list(table) if several else []


def _of_log(log: logs.Log, options: Mapping[str, str | None]) -> Scores:
    """The scores of evaluation logs; InputError for `options` that only tables have."""
    for option, value in options.items():
        if value is not None:
            raise InputError(
                f"{log.source}: {option} is for tables, and this is read as evaluation logs ({log.notes[0]})"
            )
    scores = layout.wide(log.frame, logs.ITEM, None, log.group, log.source, list(log.notes))
    return replace(scores, target=log.target)


def _of_columns(table: Any) -> pl.DataFrame:
    """A table in memory: a polars or pandas DataFrame, or a mapping of columns."""
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
    """A file's table, and whether it holds MovieLens ratings; the columns called `names` stay strings."""
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
