"""Best responses of one leader stated as a plain linear program, and checks from the definition, in NumPy."""

import itertools

import numpy as np
from scipy.optimize import linprog

FAMILIES = ("random", "degenerate", "nearly_tied", "zero_prior", "dominated", "duplicate")


def draw(family: str, count: int, states: int, actions: int, seed: int) -> tuple[np.ndarray, ...]:
    """prior [N,S], follower [N,S,A], leader [N,S,A] and threshold [N], which is at most full information."""
    rng = np.random.default_rng([seed, FAMILIES.index(family), states, actions])
    prior = rng.dirichlet(np.ones(states), count)
    follower, leader = rng.random((2, count, states, actions))
    match family:
        case "degenerate":  # few different numbers
            follower, leader = rng.integers(0, 3, (2, count, states, actions)) / 2.0
            prior = rng.integers(1, 4, (count, states)).astype(float)
        case "nearly_tied":
            size = 10.0 ** rng.uniform(-12, -1, (count, 1, 1))
            follower = rng.random((count, states, 1)) + size * rng.random((count, states, actions))
        case "zero_prior":
            keep = rng.random((count, states)) < 0.5
            keep[np.arange(count), rng.integers(0, states, count)] = True
            prior = prior * keep
        case (
            "dominated"
        ):  # an action is worse than another in every state, by a little, and tempts the leader
            loser = rng.integers(0, actions, count)
            gap = 10.0 ** rng.uniform(-10, 0, (count, 1)) * rng.integers(0, 2, (count, 1))
            rows = np.arange(count)
            follower[rows, :, loser] = follower[rows, :, (loser + 1) % actions] - gap
            leader[rows, :, loser] += 1.0
        case "duplicate":
            follower[:, :, -1] = follower[:, :, 0]
    prior /= prior.sum(axis=1, keepdims=True)

    kind = rng.integers(0, 5, count)[:, None, None]
    leader = np.where(kind == 0, follower, leader)
    leader = np.where(kind == 1, -follower, leader)
    leader = np.where(kind == 2, 0.9 * follower + 0.1 * leader, leader)

    none, full = np.einsum("ns,nsa->na", prior, follower).max(1), full_information(prior, follower)
    share, near = rng.random(count), 10.0 ** rng.uniform(-9, -1, count)
    within = rng.random(count) * 1e-9
    thresholds = [none, full - (full - none) * near, np.maximum(none, full - within)]
    thresholds += [none + share * (full - none)] * 2
    return prior, follower, leader, np.minimum(np.choose(rng.integers(0, 5, count), thresholds), full)


def full_information(prior: np.ndarray, follower: np.ndarray) -> np.ndarray:
    return (prior * follower.max(-1)).sum(-1)


def best_value(prior, follower, leader, threshold) -> float:
    """The program as one would state it, by HiGHS: prior [T,S], utilities [T,S,A]; NaN if HiGHS gives up.

    Rows are scaled to a largest entry of 1, because HiGHS drops entries below 1e-9.
    """
    types, states, actions = follower.shape
    maps = list(itertools.product(range(actions), repeat=types))
    rows, right = [], []
    for (m, chosen), t, b in itertools.product(enumerate(maps), range(types), range(actions)):
        if b != chosen[t]:
            row = np.zeros((states, len(maps)))
            row[:, m] = prior[t] * (follower[t, :, b] - follower[t, :, chosen[t]])
            rows.append(row.ravel())
            right.append(0.0)

    def utility(values):
        return sum(prior[t][:, None] * values[t][:, [m[t] for m in maps]] for t in range(types)).ravel()

    lost = sum(prior[t] @ follower[t].max(-1) for t in range(types)) - threshold
    best = np.repeat(follower.max(-1, keepdims=True), actions, axis=-1)
    rows.append(utility(best - follower))
    right.append(lost)
    sizes = [max(np.abs(row).max(), 1e-300) for row in rows]
    result = linprog(
        -utility(leader),
        np.array(rows) / np.array(sizes)[:, None],
        np.array(right) / sizes,
        np.kron(np.eye(states), np.ones(len(maps))),
        np.ones(states),
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return -result.fun if result.status == 0 else np.nan


def dual_bound(prior, follower, leader, threshold, obedience, price) -> float:
    """Weak duality (theory, section 6), one type: obedience [A,A], recommended action first."""
    worth = leader + price * follower
    worth = worth + np.einsum("ab,sab->sa", obedience, follower[:, :, None] - follower[:, None, :])
    return float(prior @ worth.max(axis=1) - price * threshold)


def violation(prior, follower, threshold, outcome) -> float:
    """By how much an outcome [S,A] misses being obedient, worth the threshold, and a law with this prior."""
    gaps = np.einsum("sa,sab->ab", outcome, follower[:, :, None] - follower[:, None, :])
    missed = [-outcome.min(), -gaps.min(), threshold - (outcome * follower).sum()]
    return float(max(*missed, np.abs(outcome.sum(axis=1) - prior).max()))
