"""One mixture of the models for all groups of users at once, and with which weights of the groups.

Every target has a mixture of her own in `target`. Here there is one, m = sum_i w_i x_i with w >= 0 on raw
scores, and weights lam_j >= 0 of the groups with sum 1, so that lam_j z_j = m + constant up to errors, where
z_j are group j's scores in standard deviations of hers. Both are fitted together: they minimise

    sum_j mean square of (lam_j z_j - m - constant_j)    on train rows,

a convex problem: the program of theory, section 11, in least squares. m / lam_j predicts z_j.

What it buys [own]: let scores be utilities, let all groups hear the same, and let each keep the model best
for her. With the largest errors E_j of m / lam_j, a group loses at every pure equilibrium at most

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
from jaxgame.audit.result import TargetAudit
from jaxgame.audit.served import CommonReport, GroupServed

UNSERVED = 1e-6  # a weight below is none


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
    weights, lam = _fitted([_moments(one, names) for one in problems])
    served = [_served(one, names, weights, part) for one, part in zip(problems, lam, strict=True)]
    together = float(sum(part * largest for part, (_, largest) in zip(lam, served, strict=True)))
    everybody = bool((lam > 0).all())
    found = tuple(
        GroupServed(
            target=one.name,
            weight=float(part),
            distance=heldout,
            own=audit.distance,
            largest=largest,
            loss=2 * together / float(part) if everybody else None,
        )
        for one, part, (heldout, largest), audit in zip(problems, lam, served, own, strict=True)
    )
    used = {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight > 0}
    covered = all(one.distance <= epsilon for one in found)
    return (CommonReport(words.common(found, epsilon), covered, used, found),)


def _panel(problem: Problem) -> list[str]:
    return [problem.names[i] for i in problem.members]


def _places(problem: Problem, names: Sequence[str]) -> list[int]:
    return [problem.names.index(name) for name in names]


def _moments(problem: Problem, names: Sequence[str]) -> _Group:
    """Of a group's train rows; raw scores are in the models' units, her target in its standard deviations."""
    places = _places(problem, names)
    rows = problem.columns[problem.train]
    sums = moments(rows[:, [*places, -2, -1]])
    total = sums[-1, -1]
    means = sums[-1, :-1] / total
    covariance = sums[:-1, :-1] / total - np.outer(means, means)
    scale = _divisors(problem, places)
    gram = covariance[:-1, :-1] * scale[:, None] * scale[None, :]
    return _Group(gram, covariance[:-1, -1] * scale, covariance[-1, -1])


def _divisors(problem: Problem, places: Sequence[int]) -> np.ndarray:
    """What raw scores were divided by."""
    return problem.unit / problem.factor[list(places)]


def _fitted(groups: Sequence[_Group]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the models, and those of the groups.

    The problem is homogeneous but for sum lam = 1: with (1 - sum lam)^2 added instead, the least squares
    solution has the same direction, and is scaled afterwards.
    """
    models = len(groups[0].moment)
    gram = np.ones((models + len(groups),) * 2)
    gram[:models] = gram[:, :models] = 0.0
    gram[:models, :models] = sum(one.gram for one in groups)
    for place, one in enumerate(groups, models):
        gram[:models, place] = gram[place, :models] = -one.moment
        gram[place, place] += one.spread
    found = _least(gram, np.repeat([0.0, 1.0], [models, len(groups)]))
    found = np.where(np.arange(len(found)) < models, found, np.where(found > UNSERVED, found, 0.0))
    return found[:models] / found[models:].sum(), found[models:] / found[models:].sum()


def _least(gram: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The w >= 0 with the least w' gram w / 2 - moment' w."""
    length = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    length = np.where(length > 0, length, 1.0)
    values, vectors = np.linalg.eigh(gram / length[:, None] / length[None, :])
    roots = np.sqrt(np.maximum(values, 1e-12 * len(values)))
    return nnls(roots[:, None] * vectors.T, (vectors.T @ (moment / length)) / roots)[0] / length


def _served(problem: Problem, names: Sequence[str], weights: np.ndarray, part: float) -> tuple[float, float]:
    """How far m / lam_j is from one target on held-out rows, and its largest error on all rows.

    A group without weight is told nothing: a constant.
    """
    full = np.zeros(len(problem.names))
    places = _places(problem, names)
    if part > 0:
        full[places] = weights * _divisors(problem, places) / part
    mixture = Mixture(full, 0.0)  # train means are 0
    heldout = problem.columns[~problem.train]
    largest = np.abs(mixture.residual(problem.models, problem.target)).max()
    return distance(moments(heldout), mixture), float(largest)
