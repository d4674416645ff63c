"""Columns too like the target, or too unlike it, to be taken for models without a word."""

import re
import shlex
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from jaxgame.audit.names import listed
from jaxgame.audit.prepare import MIN_ROWS, Scores

# Last words of names of what is computed from scores: human_sd, human_reference_sum10.
_COMPUTED = re.compile(
    r"(sum|total|mean|avg|average|median|mode|std|sd|sem|se|var|variance|min|max|count|n|num|raters|votes|norm|"
    r"normed|normalized|normalised|scaled|z|zscore|rank|raw|pct|percent|log|binary|rounded|copy)\d*"
)
# A correlation with the target that no model reaches by itself, and one that is the target's in other units.
TOO_NEAR = 0.9999
EXACT = 1 - 1e-12
# What runs against the target: a correlation below this, and below what chance does in one of 100 tables.
AGAINST = -0.2
CHANCE = 0.01


def without_derived(
    scores: Scores, targets: Sequence[str], models: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The `models` that are not by their names computed from one of the `targets`, and notes on the others.

    A name says so if it is the target's, or what is left of that without words like "mean", followed by such
    words or a small number (human_sd and human_2 beside human_mean); or if it shares a word with the target's
    and the column is the target in other units. If all models would go, all stay.
    """
    derived: dict[str, str] = {}
    for target in targets:
        near = _correlations(scores, target, models)[0]
        for name, correlation in zip(models, near, strict=True):
            copy = abs(correlation) >= EXACT and _words(name) & _words(target)
            if name not in targets and (_computed_from(name, target) or copy):
                derived[name] = target
    if not derived or not set(models) - {*derived, *targets}:
        return tuple(models), ()
    notes = []
    for target in dict.fromkeys(derived.values()):
        told = listed([name for name in derived if derived[name] == target])
        notes.append(
            f"computed from the target {target!r} by their names, left out: {told}; --models can name them "
            "all the same"
        )
    return tuple(name for name in models if name not in derived), tuple(notes)


def remarks(scores: Scores, target: str, models: Sequence[str]) -> tuple[str, ...]:
    """Notes on `models` that follow the target almost exactly, and on those that run against it."""
    models = [name for name in models if name != target]
    near, rows = _correlations(scores, target, models)
    notes = []
    copies = [f"{models[i]} ({near[i]:.6g})" for i in np.flatnonzero(np.abs(near) >= TOO_NEAR)]
    if copies:
        notes.append(
            f"almost the target {target!r} itself (correlation): {listed(copies)}; if they were computed "
            "from it they are no models: name the others with --models"
        )
    limit = -norm.ppf(1 - CHANCE / max(len(models), 1))
    beyond = np.arctanh(np.clip(near, -1 + 1e-15, 0)) * np.sqrt(np.maximum(rows - 3, 0)) < limit
    against = np.flatnonzero((near < AGAINST) & beyond & (rows >= MIN_ROWS))
    if len(against):
        told = [f"{models[i]} ({near[i]:.2f})" for i in against]
        options = " ".join(f"--reverse {shlex.quote(models[i])}" for i in against[:2])
        more = " ..." if len(against) > 2 else ""
        notes.append(
            f"run against the target {target!r} (correlation): {listed(told)}; where less is better say "
            f"{options}{more}"
        )
    return tuple(notes)


def _correlations(scores: Scores, target: str, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The correlation of each column with the target on the rows that have both, 0 if it has none, and how
    many rows these are."""
    place = {name: column for column, name in enumerate(scores.columns)}
    aim = scores.values[:, place[target]]
    near, rows = np.zeros(len(names)), np.zeros(len(names))
    for index, name in enumerate(names):
        column = scores.values[:, place[name]]
        both = np.isfinite(aim) & np.isfinite(column)
        one, two = (part[both] - part[both].mean() if both.any() else part[both] for part in (aim, column))
        size = np.sqrt(one @ one) * np.sqrt(two @ two)
        near[index] = one @ two / size if size > 0 else 0.0
        rows[index] = both.sum()
    return near, rows


def _words(name: str) -> set[str]:
    """The words of a name that have three letters or more."""
    return {word.lower() for word in re.findall(r"[^\W\d_]{3,}", name)}


def _computed_from(name: str, target: str) -> bool:
    """Whether a name is that of something computed from the target, or from what the target was."""
    parts, aim = (re.findall(r"[^\W\d_]+\d*|\d+", one.lower()) for one in (name, target))
    stem = list(aim)
    while stem and _COMPUTED.fullmatch(stem[-1]):
        stem.pop()
    for base in (aim, stem):
        rest = parts[len(base) :]
        computed = all(_COMPUTED.fullmatch(part) or re.fullmatch(r"\d{1,2}", part) for part in rest)
        if base and parts[: len(base)] == base and computed and (rest or base != aim):
            return True
    return False
