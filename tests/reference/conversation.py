"""Conversations played out one history at a time, and replies found by trying them all: slow and plain."""

import itertools

import numpy as np
from scipy.optimize import linprog


def histories(rounds: int, messages: int, replies: int) -> tuple[list[tuple], list[tuple]]:
    """What a leader speaks after, and what the follower replies to, in the order of the rules' axis."""
    leaders, followers, begun = [], [], [()]
    for number in range(rounds):
        leaders += begun
        said = [(*past, m) for past in begun for m in range(messages)]
        if number < rounds - 1:
            followers += said
        begun = [(*past, n) for past in said for n in range(replies)]
    return leaders, followers


def law(shape: tuple[int, int, int], leaders: np.ndarray, follower: np.ndarray) -> dict:
    """P(transcript | t, v_1, ..., v_K) for K leaders heard together, as {(t, views): {transcript: p}}.

    A transcript is a tuple: for each round the leaders' messages, then (but for the last) the replies to
    them.
    """
    rounds, messages, replies = shape
    count, seen = leaders.shape[:2]
    own, _ = histories(rounds, messages, replies)
    _, shared = histories(rounds, messages**count, replies**count)
    place, hers = ({past: i for i, past in enumerate(known)} for known in (own, shared))

    def number(digits: tuple, base: int) -> int:
        total = 0
        for digit in digits:
            total = total * base + digit
        return total

    found = {}
    for t, *views in itertools.product(range(follower.shape[0]), *[range(seen)] * count):
        running = {(): 1.0}
        for r in range(rounds):
            longer = {}
            for past, p in running.items():
                for said in itertools.product(range(messages), repeat=count):
                    q = p
                    for i in range(count):
                        mine = tuple(entry[i] for entry in past)
                        q *= leaders[i, views[i], place[mine], said[i]]
                    longer[(*past, said)] = q
            running = longer
            if r == rounds - 1:
                break
            longer = {}
            for past, p in running.items():
                key = tuple(number(entry, replies if at % 2 else messages) for at, entry in enumerate(past))
                for answer in itertools.product(range(replies), repeat=count):
                    longer[(*past, answer)] = p * follower[t, hers[key], number(answer, replies)]
            running = longer
        found[(t, *views)] = running
    return found


def law_array(
    shape: tuple[int, int, int], leaders: np.ndarray, follower: np.ndarray, views: np.ndarray
) -> np.ndarray:
    """The same as P(l | t, s), in lexicographic order; `views[i, s, v]` = P(v | s) of leader i."""
    count, states = views.shape[:2]
    transcripts = law(shape, leaders, follower)
    total = np.zeros((follower.shape[0], states, len(next(iter(transcripts.values())))))
    for (t, *saw), laws in transcripts.items():
        values = np.array([laws[key] for key in sorted(laws)])
        for s in range(states):
            total[t, s] += np.prod([views[i, s, saw[i]] for i in range(count)]) * values
    return total


def best_value(
    shape: tuple[int, int, int],
    prior: np.ndarray,
    utility: np.ndarray,
    leaders: np.ndarray,
    views: np.ndarray,
) -> float:
    """The follower's value when every fixed rule of replies is tried, type by type."""
    rounds, messages, replies = shape
    count = leaders.shape[0]
    asked = len(histories(rounds, messages**count, replies**count)[1])
    best = np.full(prior.shape[0], -np.inf)
    for rule in itertools.product(range(replies**count), repeat=asked):
        follower = np.eye(replies**count)[np.array(rule, int)].reshape(1, asked, replies**count)
        told = law_array(shape, leaders, follower, views)[0]  # [S,L]
        for t in range(prior.shape[0]):
            values = np.einsum("s,sl,sa->la", prior[t], told, utility[t]).max(1).sum()
            best[t] = max(best[t], values)
    return float(best.sum())


def best_lesson(shape: tuple[int, int, int], prior: np.ndarray, utility: np.ndarray) -> float:
    """OPT(protocol): all fixed rules of one leader who sees the state, its own messages a condition too."""
    own, _ = histories(*shape)
    states = prior.shape[1]
    return max(
        best_value(
            shape, prior, utility, np.eye(shape[1])[np.reshape(rule, (1, states, -1))], np.eye(states)[None]
        )
        for rule in itertools.product(range(shape[1]), repeat=states * len(own))
    )


def informed_best(prior: np.ndarray, follower: np.ndarray, leader: np.ndarray, level: float) -> float:
    """The leader's most at outcomes obedient type by type and worth `level`: one linear program (HiGHS)."""
    types, states, actions = follower.shape
    cells = np.arange(types * states * actions).reshape(types, states, actions)
    rows, bounds = [], []
    for t in range(types):
        for a, b in itertools.permutations(range(actions), 2):
            row = np.zeros(cells.size)
            row[cells[t, :, a]] = follower[t, :, b] - follower[t, :, a]
            rows.append(row)
            bounds.append(0.0)
    rows.append(-follower.reshape(-1))
    bounds.append(-level)
    sums = np.zeros((types * states, cells.size))
    for place, own in enumerate(cells.reshape(-1, actions)):
        sums[place, own] = 1.0
    found = linprog(-leader.reshape(-1), np.array(rows), bounds, sums, prior.reshape(-1), method="highs")
    return -found.fun
