"""Coalitions of reviewers by SciPy and by counting: every coalition, every face; no code is shared."""

import itertools

import numpy as np
from scipy.optimize import linprog

EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def let_through(hers: np.ndarray, theirs: np.ndarray) -> float:
    """The most that a mixture of proposals costs of which all approve: `hers` [M], `theirs` [N, M] scores."""
    solution = linprog(
        hers,
        A_ub=np.vstack([-theirs, np.ones((1, len(hers)))]),
        b_ub=np.r_[np.zeros(len(theirs)), 1.0],
        method="highs",
        options=EXACT,
    )
    assert solution.status == 0, solution.message
    return -float(solution.fun)


def uncovered(hers: np.ndarray, theirs: np.ndarray) -> float:
    """The least eta with weights w >= 0 so that `w @ theirs <= hers + eta`: the cover's own program."""
    count = len(theirs)
    solution = linprog(
        np.r_[np.zeros(count), 1.0],
        A_ub=np.hstack([theirs.T, -np.ones((len(hers), 1))]),
        b_ub=hers,
        method="highs",
        options=EXACT,
    )
    assert solution.status == 0, solution.message
    return float(solution.fun)


def losses(hers: np.ndarray, theirs: np.ndarray, *, by_covers: bool) -> np.ndarray:
    """The worst loss with 0, 1, ..., N reviewers removed, over all coalitions."""
    count = len(theirs)
    one = uncovered if by_covers else let_through
    return np.array(
        [
            max(one(hers, theirs[list(some)]) for some in itertools.combinations(range(count), count - k))
            for k in range(count + 1)
        ]
    )


def depth_of(losses: np.ndarray, least: float) -> int:
    """The first number of removals that lets so much through, one more than there are if none does."""
    return next((k for k, loss in enumerate(losses) if loss >= least), len(losses))


def depth_in_space(principal: np.ndarray, reviewers: np.ndarray) -> int:
    """The depth where every direction of three-dimensional space can be proposed, in general position.

    The fewest objectors are found where two reviewers are indifferent: along a cross product of two.
    """
    fewest = len(reviewers) + 1
    for i, j in itertools.combinations(range(len(reviewers)), 2):
        along = np.cross(reviewers[i], reviewers[j])
        along = -along * np.sign(along @ principal)
        others = np.delete(reviewers, [i, j], axis=0)
        fewest = min(fewest, int((others @ along < 0).sum()))
    return fewest


def hit_by(supports: np.ndarray, size: int) -> bool:
    """Whether some `size` reviewers meet every one of `supports` [C, N]."""
    return any(
        supports[:, list(some)].any(1).all()
        for some in itertools.combinations(range(supports.shape[1]), size)
    )
