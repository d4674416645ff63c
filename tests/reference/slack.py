"""Worst slack-equilibria with rich signals by other means: HiGHS on lattices of posteriors, or on vertices.

NumPy and SciPy only, two states where a lattice is one of x, the posterior of state 1.
"""

import itertools

import numpy as np
from scipy.optimize import linprog

from tests.reference import competition as reference

OPTIONS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def most_lost(points, loss, excess, prior, slack) -> float:
    """max sum w loss over w >= 0 that averages to the prior with mean excess [K, N] at most slack [K]."""
    result = linprog(
        -np.asarray(loss),
        A_ub=np.asarray(excess),
        b_ub=np.broadcast_to(slack, len(excess)),
        A_eq=np.asarray(points).T,
        b_eq=prior,
        options=OPTIONS,
    )
    assert result.status == 0
    return -result.fun


def on_lattice(prior, x, values, leaders, slack) -> float:
    """Two states, one type: the least value, from values [N] of hers and [K, N] of the leaders at x."""
    hulls = np.array([np.interp(x, *reference.upper_hull(x, u)) for u in leaders])
    excess = np.maximum(hulls - leaders, 0.0)
    if len(leaders) == 1:  # a leader alone is to earn its closure at the prior, but for the slack
        excess = np.interp(prior[1], x, hulls[0]) - leaders
    return -most_lost(np.stack([1 - x, x], 1), -values, excess, prior, slack)


def logit_on_lattice(prior, follower, leaders, rationality, slack, steps) -> float:
    """The same for a logit follower, on even steps."""
    x = np.linspace(0, 1, steps + 1)
    theirs = np.array([reference.logit_values(prior, follower, u, rationality, x) for u in leaders])
    hers = reference.logit_values(prior, follower, follower, rationality, x)
    return on_lattice(prior.sum(0), x, hers, theirs, slack)


def best_on_lattice(prior, follower, leaders, slack, steps) -> float:
    """The same for a best-responding follower of one type, on even steps and just beside all switches."""
    places = set(np.linspace(0, 1, steps + 1))
    for a, b in itertools.combinations(range(follower.shape[2]), 2):
        at0, at1 = follower[0][:, a] - follower[0][:, b]
        if (at0 < 0) != (at1 < 0):
            places |= {at0 / (at0 - at1) + d for d in (-1e-9, 1e-9)}
    x = np.array(sorted(y for y in places if 0 <= y <= 1))
    law = np.stack([1 - x, x], 1)
    action = (law @ follower[0]).argmax(1)
    place = np.arange(len(x))
    hers, theirs = (
        (law @ follower[0])[place, action],
        np.array([(law @ u[0])[place, action] for u in leaders]),
    )
    return on_lattice(prior.sum(0), x, hers, theirs, slack)


def on_vertices(prior, follower, leaders, slack) -> float:
    """A best-responding follower in general position, exactly: all by HiGHS."""
    pairs = reference.vertices(prior, follower)
    q = np.array([x for x, _ in pairs])
    own = np.array([[reference.expected(prior, u, x, a) for x, a in pairs] for u in leaders])
    if len(leaders) == 1:
        excess = reference.concave_closure(q, own[0], prior.sum(0)) - own
    else:
        closures = np.array([[reference.concave_closure(q, u, x) for x in q] for u in own])
        excess = np.maximum(closures - own, 0.0)
        excess[:, q.max(1) > 1 - 1e-12] = 0.0
    v = np.array([reference.expected(prior, follower, x, a) for x, a in pairs])
    return -most_lost(q, -v, excess, prior.sum(0), slack)
