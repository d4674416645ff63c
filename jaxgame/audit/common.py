"""One mixture of the models for all groups of users at once, and with which weights of the groups.

Every target has a mixture of her own in `target`. Here there is one, m = sum_i w_i x_i with w >= 0 on raw
scores, and group j's scores h_j are to be lam_j h_j = m + constant, up to errors: in standard deviations of
the target, z_j = slope_j m + constant with slope_j = 1 / lam_j >= 0. It minimises the mean over groups of the
mean squared error on train rows, by turns over w (non-negative least squares) and the slopes, from equal
slopes on; each turn lowers it, and where it ends another start might end lower.

What it buys (theory, section 11) [own]: let scores be utilities, let all groups hear the same, and let each
keep the model best for her. With largest errors E_j of m / lam_j, a group loses at every equilibrium at most

    (2 / lam_j) sum_l lam_l E_l.

With a mixture for each group alone this is promised only if models treat every group by herself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from jaxgame.audit import words
from jaxgame.audit.moments import Mixture, distance, moments
from jaxgame.audit.prepare import Problem
from jaxgame.audit.result import CommonReport, GroupServed, TargetAudit

TURNS = 200
SETTLED = 1e-12  # a turn that lowers the mean squared error by less is the last
UNUSED = 1e-6  # a slope below serves nobody


class _Group(NamedTuple):
    """Second moments of one group, about means: of raw scores of the shared models, with her target."""

    gram: np.ndarray
    moment: np.ndarray
    spread: float


def common(
    problems: Sequence[Problem], own: Sequence[TargetAudit], epsilon: float
) -> tuple[CommonReport, ...]:
    """The mixture that serves all targets at once; none for a single target or without models in common.

    `own` are the audits of the `problems`, one each; `epsilon` is what counts as covered.
    """
    names = [name for name in _panel(problems[0]) if all(name in _panel(one) for one in problems)]
    if len(problems) < 2 or not names:
        return ()
    groups = [_moments(one, names) for one in problems]
    weights, slopes = _fitted(groups)
    served = [_served(one, names, weights, slope) for one, slope in zip(problems, slopes, strict=True)]
    lam = np.where(slopes > UNUSED, 1 / np.where(slopes > UNUSED, slopes, 1.0), 0.0)
    lam = lam / lam.sum() if lam.sum() > 0 else lam
    together = float(sum(part * one[1] for part, one in zip(lam, served, strict=True)))
    everybody = bool((lam > 0).all())
    found = tuple(
        GroupServed(
            target=one.name,
            weight=float(part),
            slope=float(slope),
            distance=heldout,
            own=audit.distance,
            largest=largest,
            loss=2 * together / float(part) if everybody else None,
        )
        for one, part, slope, (heldout, largest), audit in zip(
            problems, lam, slopes, served, own, strict=True
        )
    )
    used = {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight > 0}
    covered = all(one.distance <= epsilon for one in found)
    return (CommonReport(words.common(found, epsilon), covered, used, found),)


def _panel(problem: Problem) -> list[str]:
    return [problem.names[i] for i in problem.members]


def _places(problem: Problem, names: Sequence[str]) -> list[int]:
    return [problem.names.index(name) for name in names]


def _moments(problem: Problem, names: Sequence[str]) -> _Group:
    """Of a group's train rows. On a model's column the weight of its raw score is 1 / `factor` as large."""
    places = _places(problem, names)
    rows = problem.columns[problem.train]
    sums = moments(rows[:, [*places, -2, -1]])
    total = sums[-1, -1]
    means = sums[-1, :-1] / total
    covariance = sums[:-1, :-1] / total - np.outer(means, means)
    scale = 1 / problem.factor[places]
    return _Group(
        covariance[:-1, :-1] * scale[:, None] * scale[None, :],
        covariance[:-1, -1] * scale,
        covariance[-1, -1],
    )


def _fitted(groups: Sequence[_Group]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the models, and the slope of each group; the mean slope of those served is 1."""
    slopes = np.ones(len(groups))
    weights, before = np.zeros(len(groups[0].moment)), np.inf
    for _ in range(TURNS):
        gram = sum(slope**2 * one.gram for slope, one in zip(slopes, groups, strict=True))
        moment = sum(slope * one.moment for slope, one in zip(slopes, groups, strict=True))
        weights = _least(np.asarray(gram), np.asarray(moment))
        size = np.array([weights @ one.gram @ weights for one in groups])
        shared = np.array([weights @ one.moment for one in groups])
        slopes = np.where(size > 0, np.maximum(shared, 0.0) / np.where(size > 0, size, 1.0), 0.0)
        error = sum(
            one.spread - 2 * slope * part + slope**2 * square
            for slope, part, square, one in zip(slopes, shared, size, groups, strict=True)
        )
        if not error < before - SETTLED * len(groups):
            break
        before = error
    positive = slopes[slopes > UNUSED]
    unit = float(positive.mean()) if len(positive) else 1.0
    return weights * unit, slopes / unit


def _least(gram: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The w >= 0 with the least w' gram w / 2 - moment' w."""
    length = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    length = np.where(length > 0, length, 1.0)
    values, vectors = np.linalg.eigh(gram / length[:, None] / length[None, :])
    roots = np.sqrt(np.maximum(values, 1e-12 * len(values)))
    return nnls(roots[:, None] * vectors.T, (vectors.T @ (moment / length)) / roots)[0] / length


def _served(problem: Problem, names: Sequence[str], weights: np.ndarray, slope: float) -> tuple[float, float]:
    """How far the common mixture is from one target on held-out rows, and its largest error on all rows."""
    full = np.zeros(len(problem.names))
    places = _places(problem, names)
    full[places] = slope * weights / problem.factor[places]
    mixture = Mixture(full, 0.0)  # train means are 0
    heldout = problem.columns[~problem.train]
    largest = np.abs(mixture.residual(problem.models, problem.target)).max()
    return distance(moments(heldout), mixture), float(largest)
