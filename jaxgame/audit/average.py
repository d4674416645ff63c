"""What the average error of a mixture buys a user who rates, and whom the models compete to advise.

She answers each item with a number a and loses (a - h)^2, where h is the target's score; model i would have
her lose (a - x_i)^2. At an equilibrium every model does at least as well as with full information, where she
answers h: E (a - x_i)^2 <= E (h - x_i)^2. Averaged with weights of at least 0 that sum to 1, and with
e = sum_i w_i x_i - h, this says

    E (a - h)^2 <= 2 E e (a - h),

which is at most 2 L E |e| on a scale of length L, and at most 4 E e^2 (Cauchy and Schwarz).

If she may give any number and best responds, a is the mean of h given what she knows, so that
E (a - h) = E a (a - h) = 0. Then weights may sum to any b < 2, a constant may be added to the mixture, and

    (2 - b) E (a - h)^2 <= 2 E e (a - h)    and so    E (a - h)^2 <= 4 / (2 - b)^2 E e^2.

With v = w / (2 - b) the right side is the mean square of h - sum_i v_i (2 x_i - h) - constant: the best bound
is a least squares fit over the cone of the models with twice their errors. v = 0 is the constant guess, so
that on the rows of the fit the bound is never above what that guess loses.

Scores on different scales ("standard") are first brought to the target's mean and spread on train rows: the
bounds are then about models that want these ratings.
"""

from dataclasses import dataclass, replace

import numpy as np

from jaxgame.audit import words
from jaxgame.audit.absolute import certify_absolute, without_constant
from jaxgame.audit.interval import Interval
from jaxgame.audit.moments import LeastSquares, Mixture, moments
from jaxgame.audit.prepare import Problem
from jaxgame.audit.resample import bootstrap
from jaxgame.audit.result import AbsoluteError, AverageReport, Bound
from jaxgame.audit.settings import HULLS, Settings


@dataclass(frozen=True, eq=False)
class _Promise:
    """A bound in standard deviations of the target: `factor` times the mean error of a mixture."""

    error: str
    hull: str
    factor: float
    mixture: Mixture

    def losses(self, rows: np.ndarray) -> np.ndarray:
        """What each row adds to the bound, their mean."""
        sizes = np.abs(_residual(self.mixture, rows))
        return self.factor * (sizes if self.error == "absolute" else sizes**2)


@dataclass(frozen=True, eq=False)
class _Means:
    """Means over held-out rows: as they are [C], and of the bootstrap's samples [B, C]."""

    found: np.ndarray
    draws: np.ndarray
    confidence: float

    def of(self, place: int, unit: float) -> tuple[float, Interval]:
        """One mean and its interval, `unit` times as large."""
        return unit * float(self.found[place]), self._interval(unit, self.found[place], self.draws[:, place])

    def share(self, place: int) -> tuple[float, Interval]:
        """One mean in parts of the last, and its interval.

        Samples of very few rows may hold nothing at stake; they have no such share, and are left out.
        """
        found, known = self.found[place] / self.found[-1], self.draws[:, -1] > 0
        return float(found), self._interval(1.0, found, self.draws[known, place] / self.draws[known, -1])

    def _interval(self, unit: float, found: float, draws: np.ndarray) -> Interval:
        """The bootstrap's interval of a mean of positive numbers.

        Such a mean is as likely too small by some factor as its draws are too large by it, and the other way
        round. Where blocks are few, the draws' own quantiles end too low for skew errors. Each end is the
        farther of the two.
        """
        lower, upper = np.quantile(draws, [(1 - self.confidence) / 2, (1 + self.confidence) / 2]).tolist()
        if lower > 0:
            lower, upper = min(lower, float(found**2) / upper), max(upper, float(found**2) / lower)
        return Interval(unit * lower, unit * upper)


def average(
    problem: Problem,
    sides: tuple[np.ndarray, np.ndarray],
    settings: Settings,
    random: np.random.Generator,
) -> AverageReport:
    """What the average errors of mixtures promise the user of one target.

    `sides` are the train and the held-out rows of `problem.columns`; mixtures are of the panel's members, and
    fitted on train rows. `random` draws the bootstrap, which resamples held-out rows and leaves mixtures as
    they are: a bound holds for any mixture that is chosen without looking at these rows, so that nothing but
    its mean error is uncertain.
    """
    train, heldout = (_rows(problem, side) for side in sides)
    scale = _scale(problem, (train, heldout), settings)
    certified = {hull: certify_absolute(train, hull) for hull in HULLS}
    promises = (
        _Promise(
            "absolute",
            "simplex",
            2 * (scale.upper - scale.lower) / problem.unit,
            certified["simplex"].mixture,
        ),
        *squares(moments(train)),
    )
    # The target's train mean is 0, and its constant guess: the last mean is the stake.
    columns = [np.abs(_residual(one.mixture, heldout)) for one in certified.values()]
    columns += [one.losses(heldout) for one in promises]
    columns += [heldout[:, -2] ** 2, heldout[:, -1]]
    rows = np.column_stack(columns)
    sample = bootstrap(rows, problem.blocks[~problem.train], settings.bootstrap, random)
    draws = np.array([one[-1, :-1] / one[-1, -1] for one in sample])
    means = _Means(rows[:, :-1].mean(axis=0), draws, settings.confidence)
    absolute = {
        hull: AbsoluteError(
            hull, Interval(problem.unit * one.lower, problem.unit * one.upper), *means.of(place, problem.unit)
        )
        for place, (hull, one) in enumerate(certified.items())
    }
    bounds = [_bound(problem, one, train, means, place) for place, one in enumerate(promises, len(certified))]
    bounds.sort(key=lambda bound: bound.train)
    report = AverageReport(
        sentence="",
        scale=scale,
        scale_given=settings.range is not None,
        stake=means.of(-1, problem.unit**2)[0],
        absolute=absolute,
        bounds=tuple(bounds),
    )
    return replace(report, sentence=words.average(problem.name, report, moved=problem.scale == "standard"))


def squares(sums: np.ndarray) -> tuple[_Promise, _Promise]:
    """The least bounds by squares, from moments: over the simplex, and over the cone (see the module)."""
    models = np.arange(len(sums) - 2)
    simplex = LeastSquares(without_constant(sums), "simplex").fit(models)
    # Twice the models less the target, in place of the models.
    change = np.eye(len(sums))
    change[models, models], change[-2, models] = 2.0, -1.0
    doubled = LeastSquares(change.T @ sums @ change, "cone").fit(models)
    # h - sum v (2 x - h) - c = (1 + sum v) (h - sum w x - constant), and 2 / (2 - sum w) = 1 + sum v.
    factor = 1 + float(doubled.weights.sum())
    cone = Mixture(2 * doubled.weights / factor, doubled.offset / factor)
    return _Promise("square", "simplex", 4.0, simplex), _Promise("square", "cone", factor**2, cone)


def _residual(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    return mixture.residual(rows[:, :-2], rows[:, -2])


def _shift(problem: Problem) -> np.ndarray:
    """What takes the members, centred, back to the target's scale, in its deviations from its train mean."""
    members = list(problem.members)
    if problem.scale == "standard":
        return np.zeros(len(members))
    return (problem.centres[members] - problem.centre) / problem.unit


def _rows(problem: Problem, side: np.ndarray) -> np.ndarray:
    """Rows with the members only, on the target's scale."""
    rows = side[:, [*problem.members, -2, -1]]
    rows[:, :-2] += _shift(problem)
    return rows


def _scale(problem: Problem, sides: tuple[np.ndarray, np.ndarray], settings: Settings) -> Interval:
    """The lowest and the highest rating: as given, or as seen in all rows.

    Models on scales of their own tell nothing of the user's.
    """
    if settings.range is not None:
        return Interval(*map(float, settings.range))
    seen = [side[:, :-1] if problem.scale == "raw" else side[:, -2] for side in sides]
    lower, upper = min(float(one.min()) for one in seen), max(float(one.max()) for one in seen)
    digits = 12 - int(np.ceil(np.log10(problem.unit * (upper - lower))))  # no more than rescaling left true
    return Interval(*(round(problem.centre + problem.unit * end, digits) + 0.0 for end in (lower, upper)))


def _bound(problem: Problem, promise: _Promise, train: np.ndarray, means: _Means, place: int) -> Bound:
    """A promise in the target's units; `place` is its own among the means."""
    unit, mixture = problem.unit, promise.mixture
    raw = mixture.weights * problem.factor[list(problem.members)]
    moved = unit * (mixture.weights @ _shift(problem) + mixture.offset)
    loss, interval = means.of(place, unit**2)
    share, share_interval = means.share(place)
    return Bound(
        error=promise.error,
        hull=promise.hull,
        factor=promise.factor * (unit if promise.error == "absolute" else 1.0),
        train=unit**2 * float(promise.losses(train).mean()),
        loss=loss,
        interval=interval,
        share=share,
        share_interval=share_interval,
        weights={problem.names[problem.members[i]]: float(raw[i]) for i in mixture.support()},
        offset_raw=float(problem.centre + moved - raw @ problem.centres[list(problem.members)]),
    )
