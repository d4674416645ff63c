"""From single scores, as logs have them, to a row per item and a column per model, judge or metric."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs.log import GROUP, ITEM, Asked, Log
from jaxgame.audit.logs.values import is_number, number

# So many names are listed in a message.
MANY = 8


class Mark(NamedTuple):
    """One score in a log.

    - `item`, `model`: what was answered by whom; `metric`: what scored the answer, "" if a log has one score;
    - `value`: the score, None where there is none;
    - `place`: where it stands, for messages;
    - `repeat`: which of several runs of the same question it is, "" where there is one;
    - `group`: equal for items that belong together; "" if each is by itself.
    """

    item: str
    model: str
    metric: str
    value: float | None
    place: str
    repeat: str = ""
    group: str = ""


def in_numbers(found: Iterable[tuple[Mark, Any]]) -> tuple[list[Mark], list[str]]:
    """Marks with their values, as logs have them, as numbers; and the metrics left out, for they have none.

    Raises InputError for a value that is no number though the metric has numbers elsewhere.
    """
    marks: list[Mark] = []
    other: dict[str, tuple[Any, str]] = {}
    for mark, value in found:
        if is_number(value):
            marks.append(mark._replace(value=number(value, mark.place)))
        else:
            other.setdefault(mark.metric, (value, mark.place))
    numeric = {mark.metric for mark in marks if mark.value is not None}
    for metric in numeric & other.keys():
        number(*other[metric])  # raises
    left_out = dict.fromkeys([*other, *(mark.metric for mark in marks if mark.metric not in numeric)])
    return [mark for mark in marks if mark.metric in numeric], list(left_out)


def arrange(
    marks: Sequence[Mark],
    asked: Asked,
    *,
    model: str = "model",
    metric: str = "metric",
    repeats: str = "repeats",
) -> Log:
    """The log of `marks`: columns are models, judged by the one metric there is or that `asked` names.

    Of one model with several metrics the columns are the metrics. So they are, with a row per answer of a
    model, if a target is the name of a metric. `model`, `metric` and `repeats` are the words for these in
    messages; repeats are averaged.

    Raises InputError for several models and metrics without a choice, one column only, an unknown metric, and
    two scores where there should be one.
    """
    source = asked.source
    frame = _table(marks, source)
    if frame.is_empty():
        raise InputError(f"{source}: holds no scores that are numbers")
    _check_once(frame)
    metrics, models = (frame[name].unique(maintain_order=True).to_list() for name in ("metric", "model"))
    notes = []
    if asked.score is not None:
        if asked.score not in metrics:
            have = "answers have one score each" if metrics == [""] else f"there are {listed(metrics)}"
            raise InputError(f"{source}: --score {asked.score!r} is no {metric} in it; {have}")
        frame, metrics = frame.filter(pl.col("metric") == asked.score), [asked.score]
    by_metric = len(metrics) > 1
    if by_metric and len(models) > 1:
        if not set(asked.targets) & (set(metrics) - set(models)):
            raise InputError(
                f"{source}: several {metric}s ({listed(metrics)}) of several {model}s ({listed(models)}); "
                f"choose one with --score, or name as --target the {metric} that holds what people want"
            )
        notes.append(f"rows are the answers of {len(models)} {model}s")
        frame = frame.with_columns(group=_OWN, item=pl.concat_str("item", "model", separator=" | "))
    elif by_metric:
        notes.append(f"one {model}, {models[0]}: columns are its {metric}s")
    elif metrics != [""]:
        notes.append(f"{metric}: {metrics[0]}")
    return _spread(
        frame, "metric" if by_metric else "model", source, metric if by_metric else model, repeats, notes
    )


# An item that belongs to no others is a group of its own.
_OWN = pl.when(pl.col("group") == "").then("item").otherwise("group")
_SCHEMA = {name: pl.Float64 if name == "value" else pl.String for name in Mark._fields}


def _table(marks: Sequence[Mark], source: str) -> pl.DataFrame:
    try:
        return pl.DataFrame(marks, schema=_SCHEMA, orient="row")
    except UnicodeEncodeError as error:
        raise InputError(f"{source}: a name holds half a character, {ascii(error.object)[:60]}") from error


def _check_once(frame: pl.DataFrame) -> None:
    """Raise InputError for two scores of one answer that nothing tells apart."""
    again = frame.filter(pl.struct("item", "model", "metric", "repeat").is_duplicated())
    if len(again):
        first = again.row(0, named=True)
        same = again.filter(
            pl.all_horizontal(pl.col(n) == first[n] for n in ("item", "model", "metric", "repeat"))
        )
        raise InputError(
            f"{same['place'][1]}: {first['model']!r} has a second score of {first['item']!r}, after that in "
            f"{same['place'][0]}; give one run of each model"
        )


def _spread(frame: pl.DataFrame, column: str, source: str, what: str, repeats: str, notes: list[str]) -> Log:
    """A row per item, and a column for each name in `column`, the mean over repeats where there are any."""
    most = frame.group_by("item", column).len()["len"].max()
    if isinstance(most, int) and most > 1:
        notes.append(f"up to {most} {repeats} averaged")
    silent = frame.group_by(column, maintain_order=True).agg(pl.col("value").is_null().all())
    empty = silent.filter("value")[column].to_list()
    if empty:
        notes.append(f"without any score, left out: {listed(empty)}")
        frame = frame.filter(~pl.col(column).is_in(empty))
    names = frame[column].unique(maintain_order=True).to_list()
    if len(names) < 2:
        raise InputError(
            f"{source}: scores of one {what} only, {names[0]!r}; an audit compares several: name the logs of "
            "others too"
            if names
            else f"{source}: every score is missing"
        )
    cells = frame.select(
        pl.col("item").alias(ITEM), _OWN.alias(GROUP), pl.col(column).alias("column"), "value"
    )
    table = cells.pivot(
        "column", index=[ITEM, GROUP], values="value", aggregate_function="mean", maintain_order=True
    )
    groups = table[GROUP].n_unique()
    if groups == len(table):
        table = table.drop(GROUP)
    else:
        notes.append(f"{len(table)} rows in {groups} groups that belong together")
    notes.append(f"columns: {listed(names)}")
    return Log(source, table, None, tuple(notes))


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first of many."""
    rest = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + rest
