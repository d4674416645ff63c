"""The audit: read, prepare, fit on train rows, report on held-out rows, resample, and value each model."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from jaxgame.audit import prepare as preparing
from jaxgame.audit import resample, value, words
from jaxgame.audit.certify import certify_square, certify_sup, sup
from jaxgame.audit.errors import InputError
from jaxgame.audit.moments import USED, Mixture, distance, fit, line, moments
from jaxgame.audit.prepare import Problem
from jaxgame.audit.progress import Bar
from jaxgame.audit.progress import bar as progress_bar
from jaxgame.audit.read import choose, read_scores
from jaxgame.audit.result import (
    Audit,
    Growth,
    HullReport,
    Interval,
    Loss,
    Null,
    Rival,
    SmallPanel,
    TargetAudit,
    Value,
    Weight,
)

HULLS = ("cone", "simplex")
DEFAULT_EPSILON = 0.25
CHANCE = 0.05
# Without a panel that covers, "small" means within this factor of the whole panel's train distance.
NEARLY = 1.05
LOST = (1, 2, 3, 5)
ORDERS = 20


def audit(
    table: Any,
    target: str | Sequence[str] | None = None,
    *,
    models: Sequence[str] | None = None,
    candidates: Sequence[str] = (),
    item: str | None = None,
    model: str | None = None,
    score: str | None = None,
    split: str | None = None,
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
    progress: bool = False,
) -> Audit:
    """Does a panel of models cover its users: is their utility near a mixture of the models' scores?

    `table` is a path (CSV, Parquet, MovieLens ratings), a polars or pandas DataFrame, a mapping of columns
    or a `Panel`; wide (a row per item, a column per model), or long with the columns `item`, `model` and
    `score`. `target` names the column (long: the model) that holds what users want, or several, one per
    group of users.

    Weights are fitted by least squares on train rows (two thirds at random, or those that the column `split`
    calls "train"), distances are those on the held-out rows, in standard deviations of the target. `hull` is
    what the verdict is about: "cone" (weights of at least 0; does not depend on the models' scales) or
    "simplex" (that sum to 1); both are reported. The rule is in `Audit.rule`.

    - `models`, `candidates`: the panel's columns (None: all others), and models that might be added to it;
    - `scale`: "raw", "standard" (columns standardised on train rows), or "auto" (standard if spreads differ
      4-fold);
    - `missing`: "complete" rows only, "fill" from the other models, or "auto" (complete if that keeps 80 %);
    - `bootstrap`, `shuffles`, `splits`: refits to resampled rows, shuffled targets, other random train rows;
    - `min_scored`, `max_models`: in sparse tables, the models kept for a target.

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
    _check_settings(
        epsilon, hull, scale, missing, bootstrap, shuffles, splits, confidence, min_scored, max_models, seed
    )
    wanted = [target] if isinstance(target, str) else list(target or [])
    scores = read_scores(
        table, item=item, model=model, score=score, split=split, separator=separator, targets=wanted
    )
    targets, panel, extra = choose(scores, wanted, models, candidates)
    settings = {
        "scale": scale,
        "missing": missing,
        "bootstrap": bootstrap,
        "shuffles": shuffles,
        "splits": splits,
        "min_scored": min_scored,
        "max_models": max_models,
        "seed": seed,
    }
    found = []
    # The matrices are small or thin: a second BLAS thread gains little on a free machine and costs 50-fold
    # on a busy one.
    with progress_bar(progress) as bar, threadpool_limits(1, user_api="blas"):
        for name in targets:
            others = tuple(column for column in panel if models is not None or column not in targets)
            problem = preparing.prepare(
                scores,
                name,
                others,
                extra,
                missing=missing,
                scale=scale,
                min_scored=min_scored,
                max_models=max_models,
                seed=seed,
            )
            found.append(
                _audit_target(
                    problem,
                    epsilon=epsilon,
                    hull=hull,
                    bootstrap=bootstrap,
                    shuffles=shuffles,
                    splits=splits,
                    confidence=confidence,
                    seed=seed,
                    bar=bar,
                )
            )
    from jaxgame import __version__  # the package's face, not yet there when it imports this

    return Audit(
        source=scores.source,
        version=__version__,
        epsilon=epsilon,
        hull=hull,
        confidence=confidence,
        rule=words.rule(epsilon, hull, confidence),
        conditions=words.CONDITIONS,
        settings=settings,
        notes=scores.notes,
        targets=tuple(found),
    )


def _audit_target(
    problem: Problem,
    *,
    epsilon: float,
    hull: str,
    bootstrap: int,
    shuffles: int,
    splits: int,
    confidence: float,
    seed: int,
    bar: Bar,
) -> TargetAudit:
    models, aim, train = problem.models, problem.target, problem.train
    members = np.array(problem.members)
    fit_models, fit_aim, test_models, test_aim = models[train], aim[train], models[~train], aim[~train]
    sums = moments(fit_models, fit_aim), moments(test_models, test_aim)
    # Each purpose has numbers of its own: more of one kind leaves the others as they are.
    random = [np.random.default_rng([seed, purpose]) for purpose in range(1, 7)]

    other_splits = list(
        resample.random_splits(models, aim, sums[0] + sums[1], int(train.sum()), splits, random[0])
    )
    samples = zip(
        resample.bootstrap(fit_models, fit_aim, bootstrap, random[1]),
        resample.bootstrap(test_models, test_aim, bootstrap, random[2]),
        strict=True,
    )
    step = bar.start(f"{problem.name}: bootstrap", bootstrap)
    whole_fits = {name: fit(sums[0], members, name) for name in HULLS}
    draws: dict[str, list[tuple[float, Mixture]]] = {name: [] for name in HULLS}
    for own_train, own_test in samples:
        for name in HULLS:
            mixture = fit(own_train, members, name, whole_fits[name])
            draws[name].append((distance(own_test, mixture), mixture))
        step()
    hulls = {}
    for name in HULLS:
        mixture = whole_fits[name]
        square = certify_square(fit_models[:, members], fit_aim, _among(mixture, members), name)
        largest = certify_sup(fit_models[:, members], fit_aim, square.mixture, name)
        heldout = square.mixture.residual(test_models[:, members], test_aim)
        hulls[name] = HullReport(
            hull=name,
            train=Interval(square.lower, square.upper),
            heldout=float(np.sqrt(np.mean(heldout**2))),
            interval=_quantiles([found for found, _ in draws[name]], confidence),
            splits=tuple(distance(b, fit(a, members, name, mixture)) for a, b in other_splits),
            sup_train=Interval(largest.lower, largest.upper),
            sup_heldout=sup(largest.mixture.residual(test_models[:, members], test_aim)),
            sup_of_square_heldout=sup(heldout),
            offset_raw=_raw_offset(problem, square.mixture, members),
            weights=_weights(problem, mixture, [found for _, found in draws[name]], confidence),
        )

    step = bar.start(f"{problem.name}: shuffled targets", shuffles)
    shuffled = list(resample.shuffled(models, aim, train, sums, shuffles, random[3]))
    chance = []
    for own_train, own_test in shuffled:
        chance.append(distance(own_test, fit(own_train, members, hull)))
        step()
    report = hulls[hull]
    # Relative to a constant: held-out scores that happen to spread more must not count against the models.
    guesses = [distance(own_test, fit(own_train, [], hull)) for own_train, own_test in shuffled]
    guess = distance(sums[1], fit(sums[0], [], hull))
    gain = report.heldout / guess
    as_near = sum(one <= gain * constant for one, constant in zip(chance, guesses, strict=True))
    p_value = (1 + as_near) / (1 + shuffles)
    null = Null(shuffles, float(np.median(chance)), min(chance), p_value, p_value <= CHANCE)

    bar.start(f"{problem.name}: value of each model", None)
    fits = value.Fits(*sums, hull, whole_fits[hull])
    whole = frozenset(members.tolist())
    limit = epsilon if report.train.upper <= epsilon else NEARLY * report.train.upper
    small, method = value.smallest(fits, sorted(whole), limit)
    verdict = words.verdict(report.heldout, report.interval, null, epsilon)
    names = np.array(problem.names)
    rows = len(aim)
    return TargetAudit(
        target=problem.name,
        verdict=verdict,
        sentence=words.sentence(verdict, problem.name, report, null, guess, epsilon, len(test_aim)),
        guarantee=words.guarantee(report, problem.unit, float(np.ptp(aim)), problem.name),
        distance=report.heldout,
        interval=report.interval,
        rows=rows,
        train_rows=int(train.sum()),
        heldout_rows=rows - int(train.sum()),
        models=tuple(names[members].tolist()),
        candidates=tuple(problem.names[i] for i in problem.candidates),
        unit=problem.unit,
        scale=problem.scale,
        notes=problem.notes,
        hulls=hulls,
        rivals=tuple(_rivals(problem, sums)),
        null=null,
        growth=tuple(
            Growth(**row)
            for row in value.growth(fits, value.Fits(*shuffled[0], hull), sorted(whole), ORDERS, random[4])
        ),
        values=tuple(_values(problem, fits, whole, frozenset(small))),
        small_panel=SmallPanel(
            models=tuple(names[small].tolist()),
            method=method,
            limit=limit,
            train=fits.fitted(small),
            heldout=fits.heldout(small),
        ),
        losses=tuple(
            Loss(**row | {"models": tuple(names[row["models"]].tolist())})
            for row in value.losses(fits, sorted(whole), LOST, random[5])
        ),
    )


def _among(mixture: Mixture, members: np.ndarray) -> Mixture:
    return Mixture(mixture.weights[members], mixture.offset)


def _raw_offset(problem: Problem, mixture: Mixture, members: np.ndarray) -> float:
    """The constant that belongs to raw scores and raw weights."""
    moved = (mixture.weights * problem.factor[members]) @ problem.centres[members]
    return float(problem.centre + problem.unit * mixture.offset - moved)


def _quantiles(values: Sequence[float], confidence: float) -> Interval:
    lower, upper = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(lower), float(upper))


def _weights(
    problem: Problem, mixture: Mixture, refits: Sequence[Mixture], confidence: float
) -> tuple[Weight, ...]:
    many = np.stack([refit.weights for refit in refits])
    order = sorted(mixture.support(), key=lambda i: -mixture.weights[i])
    return tuple(
        Weight(
            model=problem.names[i],
            weight=float(mixture.weights[i]),
            raw=float(mixture.weights[i] * problem.factor[i]),
            interval=_quantiles(many[:, i].tolist(), confidence),
            used=float((many[:, i] > USED).mean()),
        )
        for i in order
    )


def _rivals(problem: Problem, sums: tuple[np.ndarray, np.ndarray]) -> Iterator[Rival]:
    """Single models and plain averages, as they are and with a fitted slope, and the constant."""
    members, count = problem.members, len(problem.names)
    # As they are: raw scores are compared with raw scores; standardised ones have train mean 0.
    raw = (problem.centres - problem.centre) / problem.unit
    offsets = raw if problem.scale == "raw" else np.zeros(count)

    def score(name: str, mixture: Mixture, model: str | None = None) -> Rival:
        return Rival(name, distance(sums[0], mixture), distance(sums[1], mixture), model)

    ones = np.eye(count)
    for name, mixtures in (
        ("best single", [Mixture(ones[i], float(offsets[i])) for i in members]),
        ("best single, fitted slope", [line(sums[0], ones[i]) for i in members]),
    ):
        tried = [distance(sums[0], mixture) for mixture in mixtures]
        best = int(np.argmin(tried))
        yield score(name, mixtures[best], problem.names[members[best]])
    equal = ones[list(members)].mean(axis=0)
    yield score("plain average", Mixture(equal, float(equal @ offsets)))
    yield score("plain average, fitted slope", line(sums[0], equal))
    yield score("constant", fit(sums[0], [], "cone"))


def _values(
    problem: Problem, fits: value.Fits, whole: frozenset[int], small: frozenset[int]
) -> Iterator[Value]:
    now, core = fits.heldout(whole), fits.heldout(small)
    weights = fits.of(whole).weights
    for i in problem.members:
        # Without weight it can leave the fit as it is.
        drop = fits.heldout(whole - {i}) - now if weights[i] != 0 and len(whole) > 1 else 0.0
        if len(whole) == 1:
            drop = fits.heldout([]) - now
        add = None if i in small else core - fits.heldout(small | {i})
        yield Value(problem.names[i], fits.heldout([i]), drop, add, candidate=False)
    for i in problem.candidates:
        yield Value(
            problem.names[i], fits.heldout([i]), None, now - fits.heldout(whole | {i}), candidate=True
        )


def _check_settings(
    epsilon: float,
    hull: str,
    scale: str,
    missing: str,
    bootstrap: int,
    shuffles: int,
    splits: int,
    confidence: float,
    min_scored: int,
    max_models: int,
    seed: int,
) -> None:
    for name, choice, options in (
        ("hull", hull, HULLS),
        ("scale", scale, preparing.SCALES),
        ("missing", missing, preparing.MISSING),
    ):
        if choice not in options:
            raise InputError(f"{name} is {choice!r}; it must be one of {', '.join(map(repr, options))}")
    if not 0 < epsilon < float("inf"):
        raise InputError(
            f"epsilon is {epsilon}; it must be a positive number (standard deviations of the target)"
        )
    if not 0.5 <= confidence < 1:
        raise InputError(f"confidence is {confidence}; it must be at least 0.5 and below 1")
    for name, number, least in (
        ("bootstrap", bootstrap, 20),
        ("shuffles", shuffles, 19),
        ("splits", splits, 0),
        ("min_scored", min_scored, 2),
        ("max_models", max_models, 1),
        ("seed", seed, 0),
    ):
        if number < least:
            raise InputError(f"{name} is {number}; it must be at least {least}")
