"""Leaders heard together, independent signals: values by loops in NumPy, closures on a dense grid."""

import itertools

import numpy as np

from tests.reference.competition import upper_hull
from tests.reference.persuasion import best_value


def respond(values: np.ndarray, rationality: float, tie: str, favour: np.ndarray | None) -> np.ndarray:
    """Probabilities of actions with these values [A]; ties are within 1e-9 of the range of `values`."""
    if np.isfinite(rationality):
        odds = np.exp(rationality * (values - values.max()))
        return odds / odds.sum()
    tied = np.flatnonzero(values >= values.max() - 1e-9 * max(np.ptp(values), 1e-300))
    if tie == "uniform":
        return np.isin(np.arange(len(values)), tied) / len(tied)
    if tie == "lowest":
        return np.eye(len(values))[tied[0]]
    assert favour is not None
    chosen = tied[np.argmax(favour[tied])]
    return np.eye(len(values))[chosen]


def outcome(prior, follower, schemes, rationality=np.inf, tie="lowest", favour=None) -> np.ndarray:
    """The law [T,S,A] when all schemes are heard; `favour` [T,S,A] is whose utility breaks ties."""
    types, states, actions = follower.shape
    law = np.zeros((types, states, actions))
    for messages in itertools.product(*(range(scheme.shape[1]) for scheme in schemes)):
        likelihood = np.prod([scheme[:, m] for scheme, m in zip(schemes, messages, strict=True)], axis=0)
        for t in range(types):
            joint = prior[t] * likelihood
            if joint.sum() > 0:
                belief = joint / joint.sum()
                theirs = None if favour is None else belief @ favour[t]
                law[t] += joint[:, None] * respond(belief @ follower[t], rationality, tie, theirs)[None]
    return law


def private(prior, follower, leader, others) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """prior [P,S] and utilities [P,S,A] when the others' joint message is part of the follower's type."""
    heard = [(np.ones(prior.shape[1]))]
    for scheme in others:
        heard = [law * scheme[:, m] for law in heard for m in range(scheme.shape[1])]
    pairs = [(t, law) for t in range(len(prior)) for law in heard]
    return (
        np.array([prior[t] * law for t, law in pairs]),
        np.array([follower[t] for t, _ in pairs]),
        np.array([leader[t] for t, _ in pairs]),
    )


def best_by_program(prior, follower, leader, others) -> float:
    """The best response's value, by HiGHS over all maps from private types to actions."""
    types, hers, theirs = private(prior, follower, leader, others)
    return best_value(types, hers, theirs, -1e3)


def on_posteriors(prior, follower, leader, others, rationality: float, grid: np.ndarray) -> np.ndarray:
    """Two states: the leader's expected utility at each probability of state 1 that it may induce."""
    masses, hers, theirs = private(prior, follower, leader, others)
    marginal = prior.sum(0)
    beliefs = np.stack([1 - grid, grid], 1)
    total = np.zeros(len(grid))
    for mass, u, gain in zip(masses, hers, theirs, strict=True):
        joint = beliefs * np.where(marginal > 0, mass / np.where(marginal > 0, marginal, 1.0), 0.0)
        size = joint.sum(1)
        values = (joint / np.where(size > 0, size, 1.0)[:, None]) @ u
        odds = np.exp(rationality * (values - values.max(1, keepdims=True)))
        total += ((joint @ gain) * odds / odds.sum(1, keepdims=True)).sum(1)
    return total


def concave_closure(x: np.ndarray, y: np.ndarray, at: float) -> float:
    """The least concave function above the points."""
    return float(np.interp(at, *upper_hull(x, y)))
