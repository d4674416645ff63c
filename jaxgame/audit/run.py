"""The audit of a table: read it, choose targets and models, audit each target."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from jaxgame import __version__
from jaxgame.audit import words
from jaxgame.audit.common import common
from jaxgame.audit.errors import InputError
from jaxgame.audit.likeness import remarks, without_derived
from jaxgame.audit.names import entries
from jaxgame.audit.prepare import Problem, Scores, prepare
from jaxgame.audit.progress import bar as progress_bar
from jaxgame.audit.reading import read_scores
from jaxgame.audit.result import Audit, TargetAudit
from jaxgame.audit.roles import choose, turned
from jaxgame.audit.settings import DEFAULT_EPSILON, Settings, rating_scale
from jaxgame.audit.target import audit_target

# Settings that an Audit names as fields of its own.
_FIELDS = ("epsilon", "hull", "confidence")


def audit(
    table: Any,
    target: str | Sequence[str] | None = None,
    *,
    models: str | Sequence[str] | None = None,
    candidates: str | Sequence[str] = (),
    reverse: str | Sequence[str] = (),
    item: str | Sequence[str] | None = None,
    model: str | None = None,
    score: str | None = None,
    split: str | None = None,
    group: str | None = None,
    separator: str | None = None,
    epsilon: float = DEFAULT_EPSILON,
    hull: str = "cone",
    scale: str = "auto",
    missing: str = "auto",
    bootstrap: int = 200,
    shuffles: int = 99,
    splits: int = 10,
    confidence: float = 0.95,
    min_scored: int = 10,
    max_models: int = 300,
    seed: int = 0,
    range: Sequence[float | int] | None = None,
    robust: bool = False,
    progress: bool = False,
) -> Audit:
    """Does a panel of models cover its users: is their utility near a mixture of the models' scores?

    `table` is a path (CSV, JSON, Parquet, packed or not; evaluation logs, also a folder or a list of them), a
    frame of polars, pandas or Arrow, a mapping of columns or a `Panel`; wide (a row per item, a column per
    model), or long with the columns `item` (one or several), `model` and `score`. `target` names the column
    (long: the model, or a column with one value an item) that holds what users want, or several, one per
    group of users. `group` names a column whose equal cells mark rows that belong together (one scene, one
    text): they are split and resampled together (None: each row is by itself). `separator` is what separates
    a file's columns (None: found out).

    Weights are fitted by least squares on train rows (two thirds at random, or those that the column `split`
    calls "train"), distances are those on the held-out rows, in standard deviations of the target. `epsilon`,
    positive, is the largest distance that counts as covered; `hull` is what the verdict is about: "cone"
    (weights of at least 0; does not depend on the models' scales) or "simplex" (that sum to 1). Both are
    reported. The rule is in `Audit.rule`.

    - `models`, `candidates`: the panel's columns (None: all others that hold scores), and models that might
      be added to it; `reverse`: columns where less is better, which are negated;
    - `scale`: "raw", "standard" (columns standardised on train rows), or "auto" (standard if spreads differ
      4-fold);
    - `missing`: "complete" rows only, "fill" from the other models, or "auto" (complete if that keeps 80 %);
    - `bootstrap` (at least 20), `shuffles` (19), `splits` (0): refits to resampled rows, to shuffled targets
      and to other random train rows; `confidence`, 0.5 to below 1, is that of the bootstrap's intervals;
    - `min_scored`, `max_models`: models with fewer scores on a target's rows are left out, and of the others
      so many are kept that scored most;
    - `range`: the lowest and the highest rating a user may give, for what average errors promise her (None:
      as seen in the rows);
    - `robust`: also how many models may fail before the panel, as reviewers, lets harm through (`Standing`);
    - `progress` shows a bar on standard error.

    Deterministic for a `seed`. Raises InputError (a ValueError), one line that names source, row and column.

    >>> import numpy as np
    >>> from jaxgame import panel
    >>> random = np.random.default_rng(0)
    >>> scores = random.normal(size=(300, 3))
    >>> people = scores @ [0.7, 0.3, 0.0] + 0.1 * random.normal(size=300)
    >>> table = {"people": people} | {f"model_{i}": scores[:, i] for i in range(3)}
    >>> found = panel.audit(table, target="people")
    >>> found
    Audit('table', epsilon=0.25; people: covered (0.129))
    >>> [(w.model, round(w.raw, 1)) for w in found["people"].hulls["cone"].weights if w.raw > 0.05]
    [('model_0', 0.7), ('model_1', 0.3)]
    """
    settings = Settings(
        epsilon, hull, scale, missing, bootstrap, shuffles, splits, confidence, min_scored, max_models, seed,
        rating_scale(range), robust,
    )  # fmt: skip
    aims, panel, added = entries(target), None if models is None else entries(models), entries(candidates)
    scores = read_scores(table, item, model, score, split, group, separator, aims, panel, added)
    chosen = _with_roles(turned(scores, entries(reverse)), aims, panel, added)
    return _audit_scores(*chosen, settings, progress)


def _with_roles(
    scores: Scores, targets: Sequence[str], models: Sequence[str] | None, candidates: Sequence[str]
) -> tuple[Scores, list[str], tuple[str, ...], tuple[str, ...]]:
    """The scores with remarks on their columns, the targets, the panel's models and the candidates."""
    aims, panel, added = choose(scores, targets, models, candidates)
    notes: tuple[str, ...] = ()
    if models is None:
        panel, notes = without_derived(scores, aims, panel)
    for target in aims:
        notes += remarks(scores, target, [*panel, *added])
    return replace(scores, notes=(*scores.notes, *notes)), aims, panel, added


def _audit_scores(
    scores: Scores,
    targets: Sequence[str],
    models: tuple[str, ...],
    candidates: tuple[str, ...],
    settings: Settings,
    progress: bool,
) -> Audit:
    """The audit of a table as read, one target after the other."""
    found: list[TargetAudit] = []
    problems: list[Problem] = []
    # The matrices are small or thin: a second BLAS thread gains little on a free machine and costs 50-fold
    # on a busy one.
    with progress_bar(progress) as bar, threadpool_limits(1, user_api="blas"):
        for target in targets:
            _check_range(scores, target, settings)
            problem = prepare(
                scores,
                target,
                models,
                candidates,
                missing=settings.missing,
                scale=settings.scale,
                min_scored=settings.min_scored,
                max_models=settings.max_models,
                seed=settings.seed,
            )
            problems.append(problem)
            found.append(audit_target(problem, settings, bar))
        shared = common(problems, found, settings.epsilon)
    return Audit(
        source=scores.source,
        version=__version__,
        epsilon=settings.epsilon,
        hull=settings.hull,
        confidence=settings.confidence,
        rule=words.rule(settings.epsilon, settings.hull, settings.confidence),
        conditions=words.CONDITIONS,
        settings={name: value for name, value in asdict(settings).items() if name not in _FIELDS},
        notes=scores.notes,
        targets=tuple(found),
        common=shared,
    )


def _check_range(scores: Scores, target: str, settings: Settings) -> None:
    """Raise InputError for scores of the target that are no ratings of the scale."""
    if settings.range is None:
        return
    low, high = settings.range
    aim = scores.values[:, scores.columns.index(target)]
    outside = aim[(aim < low) | (aim > high)]
    if len(outside):
        raise InputError(
            f"{scores.source}: column {target!r} scores from {np.nanmin(aim):g} to {np.nanmax(aim):g}, "
            f"{len(outside)} of them outside --range {low:g},{high:g}; give the ends of its scale"
        )
