"""Columns of numbers that are no scores: indices, ids, times, counters, numbers of groups.

What a column holds is told from its name and its numbers, never from its type alone. A model that is named by
the caller is a model whatever it looks like.
"""

import re

import numpy as np
import polars as pl
from jaxtyping import Float

from jaxgame.audit.reading.table import Table

# Names of an index, in small letters: of pandas, R and readr.
INDEX = re.compile(r"|unnamed: \d+(\.\d+)*|__index_level_\d+__|level_\d+|row[._ ]?names?|\.\.\.\d+")
# Last words of names. Whole numbers under the first are ids unless only two differ (a senator of Idaho votes
# 0 or 1), under the second if no two are alike or they count again and again.
IDS = ("id", "ids", "uid", "uuid", "guid", "rowid")
PLACES = ("idx", "index", "no", "nr", "row", "line", "order", "position", "key")
TIMES = ("timestamp", "datetime", "date", "year", "unixtime", "epoch", "ts")
GROUPS = (
    *(
        "scene",
        "group",
        "block",
        "cluster",
        "fold",
        "batch",
        "session",
        "document",
        "doc",
        "passage",
        "dialogue",
    ),
    *(
        "dialog",
        "conversation",
        "chapter",
        "page",
        "paragraph",
        "story",
        "subject",
        "participant",
        "annotator",
    ),
)
# What may be a group or what is scored: groups only if equal numbers stand side by side.
KINDS = ("prompt", "question", "topic", "category", "text", "user", "item", "example", "section", "task")
# Whole numbers in runs are numbers of groups by themselves if there are more than so many values.
LEVELS = 20
# Numbers say nothing of a column if they are fewer than this, or than half of its cells.
FEWEST = 8
# Fewer groups than this cannot be split into train and held-out rows.
FEWEST_GROUPS = 8
# Seconds, milliseconds, microseconds and nanoseconds since 1970 that lie between 2001 and 2039.
EPOCH = (1e9, 2.2e9)


def why_no_scores(table: Table, name: str, values: Float[np.ndarray, " N"]) -> str | None:
    """What the column `name` with these `values` holds that are no scores, in words; None if they may be."""
    if name in table.index or INDEX.fullmatch(name.strip().lower()):
        return "an index"
    numbers = values[np.isfinite(values)]
    last = last_word(name)
    if last in TIMES or name.endswith("_at"):
        return "times"
    if len(numbers) < max(FEWEST, len(values) / 2):
        return None
    if _are_times(numbers):
        return "times"
    if (numbers != np.round(numbers)).any():
        return None
    if _count_up(numbers, again=last in PLACES):
        return "row numbers"
    distinct = len(np.unique(numbers))
    if (last in IDS and distinct > 2) or (last in PLACES and distinct == len(numbers)):
        return "ids"
    side_by_side = distinct < len(numbers) and _in_runs(numbers)
    if (last in GROUPS and distinct > 2) or (
        side_by_side and (last in KINDS or _are_levels(numbers, distinct))
    ):
        return "group numbers"
    return None


def likely_groups(table: Table, names: list[str]) -> list[tuple[str, int]]:
    """Those of the columns `names` whose equal cells may mark rows that belong together, and how many groups.

    If any column's groups stand side by side, only such columns; those with the fewest groups come first.
    """
    found = []
    for name in names:
        labels = table.labels(name, "--group").drop_nulls()
        groups = labels.n_unique()
        if len(labels) == table.frame.height and FEWEST_GROUPS <= groups <= len(labels) / 2:
            runs = 1 + int((labels != labels.shift()).sum())
            found.append((runs > groups, groups, name))
    return [(name, groups) for apart, groups, name in sorted(found) if apart == min(found)[0]]


def is_group(labels: pl.Series) -> bool:
    """Whether labels repeat as those of groups do, not as a slip would have it."""
    groups = labels.n_unique()
    return groups >= FEWEST_GROUPS and 2 * int(labels.is_duplicated().sum()) > len(labels)


def last_word(name: str) -> str:
    """The last word of a name in small letters: id of sampleId, sample_id and "Sample ID"."""
    words = re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]*", name)
    return words[-1].lower() if words else ""


def _are_times(numbers: np.ndarray) -> bool:
    """Whether all numbers are seconds (or thousandths, ...) since 1970, or dates like 20240131."""
    low, high = numbers.min(), numbers.max()
    if any(EPOCH[0] * unit <= low and high <= EPOCH[1] * unit for unit in (1, 1e3, 1e6, 1e9)):
        return True
    if low < 19000101 or high > 21001231 or (numbers != np.round(numbers)).any():
        return False
    month, day = numbers // 100 % 100, numbers % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _count_up(numbers: np.ndarray, again: bool) -> bool:
    """Whether whole numbers rise in every row, fall by 1, or count from 0 or 1, `again` and again."""
    steps = np.diff(numbers)
    counts = numbers[0] in (0, 1) and bool(((steps == 1) | (numbers[1:] == numbers[0])).all())
    return bool((steps > 0).all() or (steps == -1).all()) or (again and counts)


def _in_runs(numbers: np.ndarray) -> bool:
    """Whether equal numbers stand side by side, each value in one run."""
    return 1 + int(np.count_nonzero(np.diff(numbers))) == len(np.unique(numbers))


def _are_levels(numbers: np.ndarray, distinct: int) -> bool:
    """Whether there are many values without a gap between them."""
    return distinct > LEVELS and bool(numbers.max() - numbers.min() == distinct - 1)
