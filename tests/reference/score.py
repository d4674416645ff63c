"""A follower who keeps leaders by a score, with SciPy's HiGHS: a program for each leader and level.

One type. Scores are [K, 1, S, A], one for each leader.
"""

import jax
import numpy as np
from scipy.optimize import linprog

import jaxgame as jg


class Programs:
    """Programs over outcomes P(s, a) that she obeys."""

    def __init__(self, game: jg.Game):
        prior, follower = np.asarray(game.prior)[0], np.asarray(game.follower)[0]
        states, actions = follower.shape
        pairs = [(a, b) for a in range(actions) for b in range(actions) if a != b]
        rows = np.zeros((len(pairs), states, actions))
        for row, (a, b) in zip(rows, pairs, strict=True):
            row[:, a] = follower[:, b] - follower[:, a]
        self.rows = rows.reshape(len(pairs), -1)
        self.sums, self.prior = np.kron(np.eye(states), np.ones(actions)), prior

    def best(
        self, value: np.ndarray, *conditions: tuple[np.ndarray, float], equal: tuple = ()
    ) -> tuple[float, np.ndarray]:
        """The largest value, -inf if there is none, and its outcome; `conditions` are (row, at least)."""
        rows = np.vstack([self.rows, *[-row for row, _ in conditions]])
        right = np.concatenate([np.zeros(len(self.rows)), [-least for _, least in conditions]])
        sums = np.vstack([self.sums, *[row for row, _ in equal]])
        law = np.concatenate([self.prior, [level for _, level in equal]])
        found = linprog(-value, rows, right, sums, law)
        return (-found.fun, found.x) if found.status == 0 else (-np.inf, np.zeros(len(value)))


def _flat(arrays: np.ndarray | jax.Array) -> list[np.ndarray]:
    return [np.asarray(x)[0].reshape(-1) for x in arrays]


def largest_gain(game: jg.Game, outcome: np.ndarray, scores: np.ndarray, kept: int) -> float:
    """The largest gain from outscoring `outcome`, offered by `kept`."""
    programs, counted = Programs(game), _flat(scores)
    level = float(counted[kept] @ outcome.reshape(-1))
    rivals = max(programs.best(score)[0] for j, score in enumerate(counted) if j != kept)
    gains = []
    for j, utility in enumerate(_flat(game.leaders)):
        bar = min(level, rivals) if j == kept else level
        gains.append(programs.best(utility, (counted[j], bar))[0] - utility @ outcome.reshape(-1))
    return max(gains)


def worst_value(game: jg.Game, scores: np.ndarray, levels: int) -> float:
    """The least value of outcomes that meet the conditions of an equilibrium at one of some levels.

    It may step over the worst one, and asks nobody to hold the kept leader in place.
    """
    programs, counted, theirs = Programs(game), _flat(scores), _flat(game.leaders)
    value = np.asarray(game.follower)[0].reshape(-1)
    tops = [programs.best(score)[0] for score in counted]
    lowest = np.inf
    for kept, own in enumerate(counted):
        rivals = max(top for k, top in enumerate(tops) if k != kept)
        low = -programs.best(-own)[0]
        # More than any rival can the kept leader scores only where that serves it best: a single level.
        bar = max(low, min(rivals, tops[kept]))
        alone = own @ programs.best(theirs[kept], (own, bar))[1]
        for level in (*(low + (tops[kept] - low) * np.linspace(0, 1 - 1e-9, levels)), alone):
            conditions = []
            for j, utility in enumerate(theirs):
                most = programs.best(utility, (counted[j], min(level, rivals) if j == kept else level))[0]
                if most > -np.inf:
                    conditions.append((utility, most - 1e-9))
            lowest = min(lowest, -programs.best(-value, *conditions, equal=((own, level),))[0])
    return lowest
