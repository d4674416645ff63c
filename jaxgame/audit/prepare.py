"""From a table of scores to the rows of one target: what is left out, filled in and rescaled.

Whatever is done to the table becomes a note, which the report shows.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxgame.audit.errors import InputError
from jaxgame.audit.moments import columns
from jaxgame.audit.names import listed
from jaxgame.panel.missing import filled
from jaxgame.panel.splits import parted_block, random_split
from jaxgame.panel.table import block_numbers

MISSING = ("auto", "complete", "fill")
SCALES = ("auto", "raw", "standard")

MIN_ROWS = 10
FEW_ROWS = 50
# "auto" keeps to complete rows if they are at least this share of the target's rows.
COMPLETE_SHARE = 0.8
# "auto" standardises if the spreads of target and models differ by more than this factor.
SCALES_DIFFER = 4.0
# A column whose spread is a smaller part of its size is constant.
CONSTANT = 1e-10
# Fewer blocks than this make no interval.
MIN_BLOCKS = 3


@dataclass(frozen=True, eq=False)
class Scores:
    """A table as read.

    - `source`: the table's name in messages; `columns`: C names;
    - `values` [N, C]: scores, NaN where a cell is missing;
    - `split` [N]: True for train rows; None if the table does not say;
    - `notes`: what reading did to the table;
    - `blocks` [N]: numbers from 0 on, equal for rows that belong together; None if each row is by itself;
    - `target`: the column to be approximated; None if the table does not say.
    """

    source: str
    columns: tuple[str, ...]
    values: Float[np.ndarray, "N C"]
    split: Bool[np.ndarray, " N"] | None = None
    notes: tuple[str, ...] = ()
    target: str | None = None
    blocks: Int[np.ndarray, " N"] | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """The rows of one target, ready to be fitted: in standard deviations of the target, train means 0.

    - `name`: the target's; `names`: those of K models, candidates included;
    - `columns` [N, P]: the rescaled models, the rescaled target and the constant 1 (P = K + 2);
    - `train` [N]: True for the rows for fitting;
    - `blocks` [N]: numbers from 0 on without gaps; rows of one number are resampled and split together;
    - `unit`: one standard deviation of the target on train rows, in its own units;
    - `factor` [K]: a weight w_i on a rescaled model stands for `w_i factor_i` on its raw scores;
    - `centre`, `centres` [K]: raw train means of the target and of the models;
    - `scale`: "raw" (models are divided by `unit`) or "standard" (by their own train standard deviations);
    - `members`, `candidates`: places of the models in the panel, and of those that might be added;
    - `notes`: what was done to the table.
    """

    name: str
    names: tuple[str, ...]
    columns: Float[np.ndarray, "N P"]
    train: Bool[np.ndarray, " N"]
    blocks: Int[np.ndarray, " N"]
    unit: float
    factor: Float[np.ndarray, " K"]
    centre: float
    centres: Float[np.ndarray, " K"]
    scale: str
    members: tuple[int, ...]
    candidates: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def models(self) -> Float[np.ndarray, "N K"]:
        """The rescaled models."""
        return self.columns[:, :-2]

    @property
    def target(self) -> Float[np.ndarray, " N"]:
        """The rescaled target."""
        return self.columns[:, -2]


def prepare(
    scores: Scores,
    target: str,
    models: tuple[str, ...],
    candidates: tuple[str, ...],
    *,
    missing: str,
    scale: str,
    min_scored: int,
    max_models: int,
    seed: int,
) -> Problem:
    """The rows on which `target` has a score, with those of `models` and `candidates` that can be used there.

    The settings `missing`, `scale`, `min_scored`, `max_models` and `seed` are those of `jaxgame.panel.audit`.
    Rows and models are left out step by step, and later steps look at what earlier ones left: rows without
    the target's score, models with few scores, incomplete rows, constant models and copies, and models that
    are constant on the train rows.

    Raises InputError for a constant target, no usable model, and fewer than 10 rows.
    """
    place = {name: index for index, name in enumerate(scores.columns)}
    aim = scores.values[:, place[target]]
    rows = np.isfinite(aim)
    notes = []
    _enough(int(rows.sum()), scores.source, f"column {target!r} has {rows.sum()} scores")
    if not rows.all():
        notes.append(f"{_count(int((~rows).sum()), 'row')} without a score of {target!r} left out")
    names = [name for name in (*models, *candidates) if name != target]
    # A copy: columns may be filled in below.
    table = scores.values[np.ix_(rows, [place[name] for name in names])]
    aim = aim[rows]
    kept = np.flatnonzero(rows)
    keep = _usable(table, names, min_scored, max_models, notes)
    _some(keep, scores.source, target, notes)
    table, names = _kept(table, names, keep)
    table, rows = _complete(table, aim, missing, scores.source, target, notes)
    aim, kept = aim[rows], kept[rows]
    keep = _distinct(table, names, notes)
    _some(keep, scores.source, target, notes)
    table, names = _kept(table, names, keep)
    blocks, train = _blocks_and_train(scores, kept, seed, notes)
    unit = _unit(aim, train, scores.source, target)
    fitted = table[train]
    centres, spread = fitted.mean(axis=0), fitted.std(axis=0)
    keep = np.flatnonzero(spread > CONSTANT * np.maximum(fitted.max(axis=0), -fitted.min(axis=0)))
    if len(keep) < len(names):
        notes.append(
            "constant on the train rows, left out: "
            f"{listed([n for i, n in enumerate(names) if i not in keep])}"
        )
        _some(keep, scores.source, target, notes)
        table, names = _kept(table, names, keep)
        centres, spread = centres[keep], spread[keep]
    scale = _chosen_scale(scale, spread, unit, notes)
    divisor = spread if scale == "standard" else np.full(len(names), unit)
    centre = float(aim[train].mean())
    fitted = columns(table, aim)
    # In place: copies of a large table cost more than anything computed from it.
    fitted[:, :-2] -= centres
    fitted[:, :-2] /= divisor
    fitted[:, -2] = (aim - centre) / unit
    if len(aim) < FEW_ROWS:
        notes.append(f"only {len(aim)} rows: expect wide intervals")
    return Problem(
        name=target,
        names=tuple(names),
        columns=fitted,
        train=train,
        blocks=blocks,
        unit=unit,
        factor=unit / divisor,
        centre=centre,
        centres=centres,
        scale=scale,
        members=tuple(i for i, name in enumerate(names) if name not in candidates),
        candidates=tuple(i for i, name in enumerate(names) if name in candidates),
        notes=tuple(notes),
    )


def _kept(table: np.ndarray, names: list[str], keep: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The columns `keep` and their names, without a copy if these are all."""
    return (table, names) if len(keep) == len(names) else (table[:, keep], [names[i] for i in keep])


def _enough(rows: int, source: str, what: str) -> None:
    """Raise InputError, saying `what` left so few, unless there are enough rows."""
    if rows < MIN_ROWS:
        raise InputError(f"{source}: {what}; an audit needs at least {MIN_ROWS} rows to fit and to hold out")


def _some(keep: np.ndarray, source: str, target: str, notes: list[str]) -> None:
    """Raise InputError, with what was left out so far, unless a model is kept."""
    if not len(keep):
        raise InputError(
            f"{source}: no model is left to advise {target!r} ({'; '.join(notes) or 'none given'})"
        )


def _usable(
    table: np.ndarray, names: list[str], min_scored: int, max_models: int, notes: list[str]
) -> np.ndarray:
    """Models with enough scores, those with the most if there are too many, in the table's order."""
    scored = np.isfinite(table).sum(axis=0)
    keep = np.flatnonzero(scored >= min(min_scored, len(table)))
    if len(keep) < len(names):
        notes.append(
            f"{_count(len(names) - len(keep), 'model')} with fewer than {min_scored} scores on these rows "
            "left out"
        )
    if len(keep) > max_models:
        most = keep[np.argsort(-scored[keep], kind="stable")[:max_models]]
        notes.append(
            f"of {len(keep)} models the {max_models} that scored most of these rows are kept (--max-models)"
        )
        keep = np.sort(most)
    return keep


def _complete(
    table: np.ndarray,
    aim: np.ndarray,
    missing: str,
    source: str,
    target: str,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are fitted, and which they are: complete ones only, or also others, filled in."""
    known = np.isfinite(table)
    if known.all():
        return table, np.ones(len(aim), bool)
    whole, holes = known.all(axis=1), int((~known).sum())
    share = holes / known.size
    if missing == "auto":
        enough = whole.sum() >= max(COMPLETE_SHARE * len(aim), MIN_ROWS)
        missing = "complete" if enough else "fill"
    if missing == "complete":
        notes.append(
            f"{holes} missing scores ({share:.1%}): {_count(int((~whole).sum()), 'row')} with any of them "
            "left out"
        )
        _enough(int(whole.sum()), source, f"{whole.sum()} rows have scores of {target!r} and of every model")
        rows = whole
    else:
        rows = known.any(axis=1)
        if not rows.all():
            notes.append(f"{_count(int((~rows).sum()), 'row')} that no model scored left out")
            _enough(int(rows.sum()), source, f"{rows.sum()} rows are scored by {target!r} and some model")
        table = filled(table[rows])
        notes.append(
            f"{holes} missing scores ({share:.1%}) filled in: a model that is silent on a row is taken to "
            "say what the models that scored it said on average, in its own mean and spread (the target "
            "is never used). The audit is of these completed models"
        )
        return table, rows
    return table[rows], rows


def _distinct(table: np.ndarray, names: list[str], notes: list[str]) -> np.ndarray:
    """The places of models that vary and are not copies of an earlier one."""
    low, high = table.min(axis=0), table.max(axis=0)
    constant = high - low <= CONSTANT * np.maximum(np.abs(low), np.abs(high))
    if constant.any():
        notes.append(f"the same score on every row, left out: {listed(np.array(names)[constant].tolist())}")
    first: dict[bytes, str] = {}
    keep, copies = [], []
    for index in np.flatnonzero(~constant):
        original = first.setdefault(np.ascontiguousarray(table[:, index]).tobytes(), names[index])
        if original == names[index]:
            keep.append(index)
        else:
            copies.append(f"{names[index]} (of {original})")
    if copies:
        notes.append(f"duplicates of another model, left out: {listed(copies)}")
    return np.array(keep, int)


def _unit(aim: np.ndarray, train: np.ndarray, source: str, target: str) -> float:
    """One standard deviation of the target on train rows; InputError if it does not vary."""
    unit = float(aim[train].std())
    if unit <= CONSTANT * np.abs(aim).max() or np.ptp(aim[~train]) == 0:
        raise InputError(
            f"{source}: column {target!r} is constant on train or on held-out rows (first score "
            f"{aim[0]:g}); a target must vary"
        )
    return unit


def _chosen_scale(scale: str, spread: np.ndarray, unit: float, notes: list[str]) -> str:
    """The scale, "raw" or "standard": as asked, or for "auto" by how the spreads of models and target
    differ."""
    low, high = min(spread.min(), unit), max(spread.max(), unit)
    differ = high > SCALES_DIFFER * low
    said = f"spreads (standard deviations) go from {low:.3g} to {high:.3g}"
    if scale == "auto":
        scale = "standard" if differ else "raw"
        if differ:
            notes.append(f"scales differ: {said}; every column is standardised before weights must sum to 1")
    elif differ and scale == "raw":
        notes.append(
            f"scales differ: {said}; the simplex compares them as they are, the cone does not depend on them"
        )
    return scale


def _blocks_and_train(
    scores: Scores, kept: np.ndarray, seed: int, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The blocks of the rows `kept`, and which rows are for fitting: as the table says, or at random.

    At random two thirds of the rows are, or of the blocks if the table has any.
    """
    source = scores.source
    blocks = None if scores.blocks is None else block_numbers(scores.blocks[kept].tolist())
    rows = np.arange(len(kept)) if blocks is None else blocks
    if scores.split is not None:
        train = scores.split[kept]
        if min(train.sum(), (~train).sum()) < 3:
            raise InputError(
                f"{source}: the split leaves {train.sum()} train and {(~train).sum()} test rows; each "
                "needs at least 3"
            )
        if parted_block(rows, train) is not None:
            raise InputError(f"{source}: the split parts a block of rows; each must be on one side")
    else:
        train = random_split(rows, np.random.default_rng([seed, 0]))
    if blocks is not None:
        count = [len(np.unique(rows[side])) for side in (train, ~train)]
        if min(count) < MIN_BLOCKS:
            raise InputError(
                f"{source}: {count[0]} train and {count[1]} held-out blocks of rows; each side needs at "
                f"least {MIN_BLOCKS}"
            )
        notes.append(
            f"rows are resampled and split in {sum(count)} blocks that belong together ({count[0]} train)"
        )
    return rows, train


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
