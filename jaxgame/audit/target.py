"""The audit of one target: fit on train rows, report on held-out rows, resample, and value each model."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from jaxgame.audit import resample, value, words
from jaxgame.audit.average import average
from jaxgame.audit.certify import certify_square, certify_sup, rms, sup
from jaxgame.audit.interval import Interval
from jaxgame.audit.moments import USED, Mixture, distance, fit, line, moments
from jaxgame.audit.prepare import Problem
from jaxgame.audit.progress import Bar
from jaxgame.audit.result import (
    Growth,
    HullReport,
    Loss,
    Null,
    Rival,
    SmallPanel,
    TargetAudit,
    Value,
    Weight,
)
from jaxgame.audit.robust import standing
from jaxgame.audit.settings import HULLS, Settings

# Shuffled targets that come as near in more than this share of cases: not beyond chance.
CHANCE = 0.05
# Without a panel that covers, "small" means within this factor of the whole panel's train distance.
NEARLY = 1.05
# Numbers of models whose loss is tried, and random orders in which models join.
LOST = (1, 2, 3, 5)
ORDERS = 20


def audit_target(problem: Problem, settings: Settings, bar: Bar) -> TargetAudit:
    """The audit of one target: its hulls, what chance gives, and what each model is worth."""
    hull, epsilon = settings.hull, settings.epsilon
    sides = problem.columns[problem.train], problem.columns[~problem.train]
    sums = moments(sides[0]), moments(sides[1])
    # Each purpose has numbers of its own: more of one kind leaves the others as they are.
    random = [np.random.default_rng([settings.seed, purpose]) for purpose in range(1, 8)]
    members = np.array(problem.members)
    whole = {name: fit(sums[0], members, name) for name in HULLS}
    hulls = _hulls(problem, sides, sums, whole, settings, random[:3], bar)
    report = hulls[hull]
    bar.start(f"{problem.name}: average errors", None)
    promised = average(problem, sides, settings, random[6])

    step = bar.start(f"{problem.name}: shuffled targets", settings.shuffles)
    shuffled = list(
        resample.shuffled(problem.columns, problem.train, sums, problem.blocks, settings.shuffles, random[3])
    )
    guess = distance(sums[1], fit(sums[0], [], hull))
    null = _null(shuffled, members, hull, report.heldout / guess, step)

    bar.start(f"{problem.name}: value of each model", None)
    fits = value.Fits(*sums, hull, whole[hull])
    everyone = frozenset(problem.members)
    limit = epsilon if report.train.upper <= epsilon else NEARLY * report.train.upper
    small, method = value.smallest(fits, sorted(everyone), limit)
    verdict = words.verdict(report.heldout, report.interval, null, epsilon)
    if settings.robust:
        bar.start(f"{problem.name}: reviewers who may fail", None)
    stands = standing(problem) if settings.robust else None
    names = np.array(problem.names)
    train_rows, heldout_rows = map(len, sides)
    return TargetAudit(
        target=problem.name,
        verdict=verdict,
        sentence=words.sentence(verdict, problem.name, report, null, guess, epsilon, heldout_rows),
        average=promised,
        guarantee=words.guarantee(report, float(np.ptp(problem.target))),
        distance=report.heldout,
        interval=report.interval,
        rows=train_rows + heldout_rows,
        train_rows=train_rows,
        heldout_rows=heldout_rows,
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
            for row in value.growth(fits, value.Fits(*shuffled[0], hull), sorted(everyone), ORDERS, random[4])
        ),
        values=tuple(_values(problem, fits, everyone, frozenset(small))),
        small_panel=SmallPanel(
            models=tuple(names[small].tolist()),
            method=method,
            limit=limit,
            train=fits.fitted(small),
            heldout=fits.heldout(small),
        ),
        losses=tuple(
            Loss(**row | {"models": tuple(names[row["models"]].tolist())})
            for row in value.losses(fits, sorted(everyone), LOST, random[5])
        ),
        standing=stands,
    )


def _hulls(
    problem: Problem,
    sides: tuple[np.ndarray, np.ndarray],
    sums: tuple[np.ndarray, np.ndarray],
    whole: Mapping[str, Mixture],
    settings: Settings,
    random: Sequence[np.random.Generator],
    bar: Bar,
) -> dict[str, HullReport]:
    """Distance and weights of each hull, with brackets on train rows and intervals on held-out ones."""
    members = np.array(problem.members)
    confidence = settings.confidence
    blocks = problem.blocks[problem.train], problem.blocks[~problem.train]
    other_splits = list(
        resample.random_splits(
            problem.columns,
            sums[0] + sums[1],
            problem.blocks,
            len(np.unique(blocks[0])),
            settings.splits,
            random[0],
        )
    )
    samples = zip(
        *(
            resample.bootstrap(side, own, settings.bootstrap, numbers)
            for side, own, numbers in zip(sides, blocks, random[1:], strict=True)
        ),
        strict=True,
    )
    step = bar.start(f"{problem.name}: bootstrap", settings.bootstrap)
    draws: dict[str, list[tuple[float, Mixture]]] = {name: [] for name in HULLS}
    for own_train, own_test in samples:
        for name in HULLS:
            mixture = fit(own_train, members, name, whole[name])
            draws[name].append((distance(own_test, mixture), mixture))
        step()
    hulls = {}
    models, heldout_models = (_chosen(side, members) for side in sides)
    for name, mixture in whole.items():
        square = certify_square(models, sides[0][:, -2], _among(mixture, members), name)
        largest = certify_sup(models, sides[0][:, -2], square.mixture, name)
        heldout = square.mixture.residual(heldout_models, sides[1][:, -2])
        hulls[name] = HullReport(
            hull=name,
            train=Interval(square.lower, square.upper),
            heldout=rms(heldout),
            interval=_quantiles([found for found, _ in draws[name]], confidence),
            splits=tuple(distance(b, fit(a, members, name, mixture)) for a, b in other_splits),
            sup_train=Interval(largest.lower, largest.upper),
            sup_heldout=sup(largest.mixture.residual(heldout_models, sides[1][:, -2])),
            sup_of_square_heldout=sup(heldout),
            offset_raw=_raw_offset(problem, square.mixture, members),
            weights=_weights(problem, mixture, [found for _, found in draws[name]], confidence),
        )
    return hulls


def _null(
    shuffled: Sequence[tuple[np.ndarray, np.ndarray]],
    members: np.ndarray,
    hull: str,
    gain: float,
    step: Callable[[], None],
) -> Null:
    """What shuffled targets give, against a panel whose distance is `gain` of the best constant's.

    Relative to a constant: held-out scores that happen to spread more must not count against the models.
    """
    chance, as_near = [], 0
    for train, test in shuffled:
        chance.append(distance(test, fit(train, members, hull)))
        as_near += chance[-1] <= gain * distance(test, fit(train, [], hull))
        step()
    p_value = (1 + as_near) / (1 + len(shuffled))
    return Null(len(shuffled), float(np.median(chance)), min(chance), p_value, p_value <= CHANCE)


def _chosen(rows: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The members' columns, without a copy if these are all models."""
    models = rows[:, :-2]
    return models if len(members) == models.shape[1] else models[:, members]


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
