"""Simultaneous competition with rich signals by other means: intervals and hulls, or HiGHS.

NumPy and SciPy only. All are for one follower in general position (no ties but where regions meet).
"""

import itertools

import numpy as np
from scipy.optimize import linprog

OPTIONS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def upper_hull(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the least concave function above points, by a monotone chain; x increasing."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) >= 2:
            j, k = kept[-2], kept[-1]
            if (y[k] - y[j]) * (x[i] - x[j]) > (y[i] - y[j]) * (x[k] - x[j]):
                break
            kept.pop()
        kept.append(i)
    return x[kept], y[kept]


def concave_closure(points, values, target) -> float:
    """max w @ values with w >= 0 and w @ points = target, by HiGHS."""
    result = linprog(-np.asarray(values), A_eq=np.asarray(points).T, b_eq=target, options=OPTIONS)
    assert result.status == 0
    return -result.fun


def best_maps(prior, follower, q) -> tuple[int, ...]:
    """What each type does at public posterior q (the lowest index)."""
    given = prior / prior.sum(0)
    return tuple(int(((q * given[t]) @ follower[t]).argmax()) for t in range(len(prior)))


def expected(prior, utility, q, actions) -> float:
    """Of one player at posterior q, when type t takes actions[t]."""
    given = prior / prior.sum(0)
    return sum((q * given[t]) @ utility[t][:, a] for t, a in enumerate(actions))


def two_state_worst(prior, follower, leaders) -> float:
    """Exactly: between the posteriors where some type is indifferent, all values are linear."""
    given, p = prior / prior.sum(0), prior.sum(0)[1]
    switches = {0.0, 1.0}
    for t in range(len(prior)):
        for a, b in itertools.combinations(range(follower.shape[2]), 2):
            at0, at1 = given[t] * (follower[t][:, a] - follower[t][:, b])
            if (at0 < 0) != (at1 < 0):
                switches.add(at0 / (at0 - at1))
    x = np.array(sorted(switches))
    ends = []  # (q, actions)
    for left, right in itertools.pairwise(x):
        middle = (left + right) / 2
        actions = best_maps(prior, follower, np.array([1 - middle, middle]))
        ends += [(left, actions), (right, actions)]
    q = np.array([end for end, _ in ends])
    unimprovable = np.ones(len(ends), bool)
    for leader in leaders:
        u = np.array([expected(prior, leader, np.array([1 - x, x]), a) for x, a in ends])
        order = np.lexsort((u, q))
        last = np.append(np.diff(q[order]) > 0, True)  # of one posterior the highest value
        hull = np.interp(q, *upper_hull(q[order][last], u[order][last]))
        unimprovable &= u >= hull - 1e-10
    unimprovable |= (q == 0) | (q == 1)
    v = np.array([expected(prior, follower, np.array([1 - x, x]), a) for x, a in ends])
    q, v = q[unimprovable], v[unimprovable]
    least = np.inf
    for i, j in itertools.product(np.flatnonzero(q <= p), np.flatnonzero(q >= p)):
        share = (p - q[i]) / (q[j] - q[i]) if q[j] > q[i] else 0.0
        least = min(least, (1 - share) * v[i] + share * v[j])
    return least


def vertices(prior, follower) -> list[tuple[np.ndarray, tuple[int, ...]]]:
    """Pairs of a posterior and actions that are best there, at all regions' vertices, by np.linalg.solve."""
    types, states, actions = follower.shape
    given = prior / prior.sum(0)
    found = []
    for chosen in itertools.product(range(actions), repeat=types):
        obeyed = [
            given[t] * (follower[t][:, chosen[t]] - follower[t][:, b])
            for t in range(types)
            for b in range(actions)
            if b != chosen[t]
        ]
        rows = np.array([*obeyed, *np.eye(states)])
        for binding in itertools.combinations(range(len(rows)), states - 1):
            square = np.vstack([rows[list(binding)], np.ones(states)])
            if abs(np.linalg.det(square)) < 1e-13:
                continue
            q = np.linalg.solve(square, np.eye(states)[-1])
            if (rows @ q).min() >= -1e-11:
                found.append((np.maximum(q, 0.0), chosen))
    return found


def worst(prior, follower, leaders) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
    """The least value over equilibria by HiGHS alone; also all pairs' posteriors and leaders' values."""
    pairs = vertices(prior, follower)
    q = np.array([x for x, _ in pairs])
    own = [np.array([expected(prior, leader, x, a) for x, a in pairs]) for leader in leaders]
    unimprovable = np.ones(len(pairs), bool)
    for u in own:
        unimprovable &= u >= np.array([concave_closure(q, u, x) for x in q]) - 1e-8
    unimprovable |= q.max(1) > 1 - 1e-12
    v = np.array([expected(prior, follower, x, a) for x, a in pairs])
    return -concave_closure(q[unimprovable], -v[unimprovable], prior.sum(0)), list(q), own


def lattice_worst(prior, follower, leaders, steps: int) -> float:
    """The least value over equilibria whose posteriors lie on a lattice of the simplex: an upper bound."""
    _, q, own = worst(prior, follower, leaders)
    states = prior.shape[1]
    kept, value = [], []
    for head in itertools.product(range(steps + 1), repeat=states - 1):
        if sum(head) > steps:
            continue
        x = np.array([*head, steps - sum(head)]) / steps
        actions = best_maps(prior, follower, x)
        gains = (
            concave_closure(q, u, x) - expected(prior, leader, x, actions)
            for u, leader in zip(own, leaders, strict=True)
        )
        if x.max() == 1 or all(gain <= 1e-9 for gain in gains):
            kept.append(x)
            value.append(expected(prior, follower, x, actions))
    return -concave_closure(kept, -np.array(value), prior.sum(0))


def logit(prior, follower, rationality, x) -> np.ndarray:
    """Two states: probabilities [N, T, A] of actions of a logit follower at posteriors x [N] of state 1."""
    given = prior / prior.sum(0)
    weight = np.stack([1 - x, x], 1)[:, None] * given[None]  # [N,T,S]
    belief = weight / weight.sum(2, keepdims=True)
    value = rationality * np.einsum("nts,tsa->nta", belief, follower)
    power = np.exp(value - value.max(2, keepdims=True))
    return power / power.sum(2, keepdims=True)


def logit_values(prior, follower, utility, rationality, x) -> np.ndarray:
    """A player's expected utility [N] at posteriors x of state 1."""
    weight = np.stack([1 - x, x], 1)[:, None] * (prior / prior.sum(0))[None]
    return np.einsum("nts,nta,tsa->n", weight, logit(prior, follower, rationality, x), utility)


def logit_closure(prior, follower, utility, rationality, steps: int = 200_000) -> float:
    """Two states: the concave closure at the prior on a grid, from below."""
    x = np.linspace(0, 1, steps + 1)
    return float(
        np.interp(prior.sum(0)[1], *upper_hull(x, logit_values(prior, follower, utility, rationality, x)))
    )


def logit_worst(prior, follower, leaders, rationality, slack: float, steps: int = 20_000) -> float:
    """Two states: the least value over laws on a grid at whose posteriors nobody gains more than slack."""
    x, p = np.linspace(0, 1, steps + 1), prior.sum(0)[1]
    kept = np.ones(len(x), bool)
    for leader in leaders:
        u = logit_values(prior, follower, leader, rationality, x)
        kept &= np.interp(x, *upper_hull(x, u)) - u <= slack
    kept[[0, -1]] = True
    v = logit_values(prior, follower, follower, rationality, x)
    return float(-np.interp(p, *upper_hull(x[kept], -v[kept])))
