"""Where a table of scores comes from (file, standard input, bundled panel, memory), and how it is laid out.

Tables are wide (a row per item, a column per model) or long (a row per score). MovieLens ratings (u.data,
ratings.dat, ratings.csv) are long tables with users as models. Every error names the source, the row and the
column; rows count from 1, the first below the header.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxgame.audit import logs
from jaxgame.audit.errors import InputError
from jaxgame.audit.names import entries
from jaxgame.audit.prepare import Scores
from jaxgame.audit.reading import columnar, delimited, frames, records, sources
from jaxgame.audit.reading.long import long
from jaxgame.audit.reading.movielens import are_ratings
from jaxgame.audit.reading.sources import Source
from jaxgame.audit.reading.table import Asked, Table
from jaxgame.audit.reading.wide import wide
from jaxgame.panel.table import BUNDLED, Panel, load


def read_scores(
    table: Any,
    item: str | Sequence[str] | None = None,
    model: str | None = None,
    score: str | None = None,
    split: str | None = None,
    group: str | None = None,
    separator: str | None = None,
    targets: str | Sequence[str] = (),
    models: str | Sequence[str] | None = None,
    candidates: str | Sequence[str] = (),
) -> Scores:
    """The numbers of `table`: a path, "-" (standard input), a bundled panel's name, a frame of polars, pandas
    or Arrow, a mapping of columns, a list of records or a `Panel`.

    Evaluation logs are recognised, unless `item` or `model` say how a table is laid out: a file, a folder, or
    a list of them. Of these `score` names the metric that counts.

    `item`, `model` and `score` name the columns of a long table, where several may name the items together; a
    wide one has at most an `item` column. `split` names a column of "train" and "test", `group` one whose
    equal cells mark rows that belong together, `separator` is what separates a file's columns (None: found
    out). `targets`, `models` and `candidates` are what will be audited: of a wide table no other columns are
    looked at if `models` are named, of a long one only the items that a target scored are kept, unless none
    of them is there. Names are those of columns (of a long table: of models), several in one entry with
    commas between them.

    Raises InputError for what is not a table of numbers.
    """
    if isinstance(table, Panel):
        return _of_panel(table)
    if isinstance(table, str) and table in BUNDLED and not Path(table).exists():
        return _of_panel(load(table))
    asked = Asked(
        item=entries(item),
        model=model,
        score=score,
        split=split,
        group=group,
        targets=entries(targets),
        models=None if models is None else entries(models),
        candidates=entries(candidates),
    )
    paths = _paths(table)
    if paths and paths != [sources.STANDARD_INPUT] and not asked.item and model is None:
        log = logs.recognise(paths, targets=asked.targets, score=score)
        if log is not None:
            return _of_log(log, asked, {"--split": split, "--group": group, "--separator": separator})
    if len(paths) > 1:
        raise InputError(
            f"{paths[0]} and {len(paths) - 1} more: several files are read together only if they are "
            "evaluation logs, without --item and --model"
        )
    table = paths[0] if paths else table
    if isinstance(table, str | Path):
        found = _of_source(sources.read(table), separator, asked)
    elif isinstance(table, list) and table and all(isinstance(record, dict) for record in table):
        found = records.of_list(table)
    else:
        found = frames.read(table)
    if found.frame.height == 0:
        raise InputError(f"{found.source}: the table has a header but no rows")
    frame, votes = logs.in_numbers(found.frame, found.source)
    if votes:
        found = replace(found, frame=frame)
        said = f"votes in words read as 1 (model_a), 0 (model_b) and .5 (tie): {', '.join(votes)}"
        found.notes.append(said)
    asked = asked.spelled(found.frame.columns)
    if are_ratings(found.frame.columns) and not (asked.item or model or score):
        user, film, rating = found.frame.columns[:3]
        asked = replace(asked, item=(film,), model=user, score=rating)
        found.notes.append(
            "MovieLens ratings: users are the models, films the items; rows are the films that the target "
            "rated"
        )
    return wide(found, asked) if asked.model is None and asked.score is None else long(found, asked)


def _of_panel(panel: Panel) -> Scores:
    """The scores of a panel, its fixed target as one more column, its title and caveat as notes."""
    notes = tuple(note for note in (panel.title, panel.caveat) if note)
    if panel.target is None:
        return Scores(panel.name, panel.raters, panel.scores, panel.train, notes, blocks=panel.blocks)
    aim = panel.target_name
    values = np.column_stack([panel.scores, panel.target])
    return Scores(panel.name, (*panel.raters, aim), values, panel.train, notes, aim, panel.blocks)


def _paths(table: Any) -> list[str | Path]:
    """The paths that `table` is, one or a list of them; none if it is a table in memory or standard input."""
    if isinstance(table, str | Path):
        return [table]
    several = isinstance(table, list | tuple) and all(isinstance(path, str | Path) for path in table)
    return list(table) if several else []


def _of_log(log: logs.Log, asked: Asked, options: Mapping[str, str | None]) -> Scores:
    """The scores of evaluation logs; InputError for `options` that only tables have."""
    for option, value in options.items():
        if value is not None:
            raise InputError(
                f"{log.source}: {option} is for tables, and this is read as evaluation logs ({log.notes[0]})"
            )
    found = Table(log.source, log.frame, notes=list(log.notes))
    scores = wide(found, replace(asked, item=(logs.ITEM,), score=None, group=log.group))
    return replace(scores, target=log.target)


def _of_source(source: Source, separator: str | None, asked: Asked) -> Table:
    """The table of a file or of standard input, by how its bytes begin and how its name ends."""
    if columnar.is_columnar(source):
        return columnar.read(source)
    if records.is_json(source):
        return records.read(source, set(asked.scored))
    names = [*asked.item, *(part.strip() for entry in asked.item for part in entry.split(","))]
    roles = (asked.model, asked.split, asked.group)
    return delimited.read(source, separator, {*names, *(name for name in roles if name is not None)})
