"""Ten kinds of random problems, most of them made to trouble a solver; NumPy, the same for the same seed."""

import numpy as np

KINDS = (
    "plain",
    "integer_ties",
    "near_ties_1e-9",
    "near_ties_1e-11",
    "tiny_priors",
    "dominated_duplicated",
    "opposed",
    "constant",
    "mixed_scales_state",
    "mixed_scales_row",
)


def programs(kind: str, count: int, states: int, actions: int, seed: int) -> tuple[np.ndarray, ...]:
    """prior [N,S], follower [N,S,A], leader [N,S,A] and threshold [N], at most OPT as floats add it up.

    Of the thresholds a sixth each is NONE; OPT; near OPT (by 1e-1 to 1e-9 of what lies between); very near
    (by 1e-9 to 1e-16). The others lie anywhere between.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), states, actions, 0])
    prior = rng.dirichlet(np.ones(states), count)
    follower, leader = rng.random((2, count, states, actions))
    rows, half = np.arange(count), rng.random(count) < 0.5
    match kind:
        case "integer_ties":  # few different numbers
            prior = rng.integers(1, 4, (count, states)).astype(float)
            follower, leader = rng.integers(0, 3, (2, count, states, actions)).astype(float)
        case "near_ties_1e-9" | "near_ties_1e-11":  # all actions nearly tied, or integers all but tied
            size = 10.0 ** int(kind.split("e")[-1])
            common = rng.integers(0, 3, (count, states, actions)).astype(float)
            common[half] = rng.random((count, states, 1))[half]
            follower = common + size * rng.random((count, states, actions))
        case "tiny_priors":
            tiny = rng.random((count, states)) < 0.5
            tiny[rows, rng.integers(0, states, count)] = False
            prior = np.where(tiny, 10.0 ** -rng.uniform(6, 14, (count, states)), prior + 0.1)
        case "dominated_duplicated":  # an action never better than its neighbour, which tempts the leader
            loser = rng.integers(0, actions, count)
            gap = 10.0 ** rng.uniform(-10, 0, (count, 1)) * rng.integers(0, 2, (count, states))
            follower[rows, :, loser] = follower[rows, :, (loser + 1) % actions] - np.where(
                half[:, None], gap, 0
            )
            leader[rows, :, loser] += rng.integers(0, 2, (count, 1))
        case "opposed":  # exactly, or but for a little
            size = np.where(half, 0.0, 10.0 ** rng.uniform(-12, -1, count))[:, None, None]
            factor = rng.choice([1.0, 3.0, 1e-3], (count, 1, 1))
            leader = -factor * (follower + size * rng.random((count, states, actions)))
        case "constant":  # for the leader, for the follower, for both in half of the states; far from 0
            who = rng.integers(0, 4, count)
            leader[who == 0] = 0.3
            follower[who == 1] = rng.random((count, states, 1))[who == 1]
            some = (rng.random((count, states)) < 0.5) & (who == 2)[:, None]
            follower[some], leader[some] = 0.7, 0.1
            shifts = 10.0 ** rng.uniform(0, 6, (2, count, 1, 1)) * (who == 3)[None, :, None, None]
            follower, leader = follower + shifts[0], leader - shifts[1]
        case "mixed_scales_state":
            follower, leader = (x * _scales(rng, (count, states, 1)) for x in (follower, leader))
        case "mixed_scales_row":  # one factor for each player, or for each action against the first
            follower, leader = (
                np.where(
                    half[:, None, None],
                    x * _scales(rng, (count, 1, 1)),
                    x[:, :, :1] + (x - x[:, :, :1]) * _scales(rng, (count, 1, actions)),
                )
                for x in (follower, leader)
            )
    prior /= prior.sum(axis=1, keepdims=True)

    none, full = np.einsum("ns,nsa->na", prior, follower).max(1), (prior * follower.max(-1)).sum(-1)
    room, share = full - none, rng.random(count)
    near, nearest = 10.0 ** -rng.uniform(1, 9, count), 10.0 ** -rng.uniform(9, 16, count)
    levels = [none, full, full - room * near, full - room * nearest, *[none + room * share] * 2]
    return prior, follower, leader, np.minimum(np.choose(rng.integers(0, 6, count), levels), full)


def typed(kind: str, count: int, types: int, states: int, actions: int, seed: int) -> tuple[np.ndarray, ...]:
    """The same with a first axis T after N: programs drawn for each type, all types equally likely."""
    drawn = programs(kind, count * types, states, actions, seed)
    prior, follower, leader, threshold = (x.reshape(count, types, *x.shape[1:]) for x in drawn)
    return prior / types, follower, leader, threshold.mean(1)


def hulls(kind: str, count: int, leaders: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """target [N,D] and utilities [N,K,D] of the analogous kinds; in a quarter the target is in the hull.

    Of "opposed" the target is beyond, and of others what makes the kind may have moved it out.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), leaders, rows, 1])
    target, utilities = rng.random((count, rows)), rng.random((count, leaders, rows))
    weights, places = rng.dirichlet(np.ones(leaders), count), np.arange(count)
    within, half = rng.random(count) < 0.25, rng.random(count) < 0.5
    match kind:
        case "integer_ties":
            target, utilities = (np.floor(4 * x) for x in (target, utilities))
        case "near_ties_1e-9" | "near_ties_1e-11":  # between leaders, or of the leaders with the target
            common = np.where(half[:, None], rng.random((count, rows)), target)
            utilities = common[:, None] + 10.0 ** int(kind.split("e")[-1]) * utilities
        case "tiny_priors":  # some leaders, or some entries, that hardly count
            of_leader = np.where(half[:, None], 1.0, _tiny(rng, (count, leaders)))
            of_entry = np.where(half[:, None], _tiny(rng, (count, rows)), 1.0)
            utilities = utilities * of_leader[:, :, None] * of_entry[:, None]
            target = target * of_entry
        case "dominated_duplicated":  # leaders twice, entries twice, a leader above another by a little
            utilities[:, -1] = utilities[:, 0] + 10.0 ** rng.uniform(-10, 0, (count, 1))
            utilities[half, leaders // 2] = utilities[half, 0]
            utilities[:, :, -1], target[:, -1] = utilities[:, :, 0], target[:, 0]
        case "opposed":
            size = np.where(half, 0.0, 10.0 ** rng.uniform(-12, -1, count))[:, None, None]
            utilities = -(target[:, None] * rng.choice([1.0, 3.0, 1e-3], (count, leaders, 1)))
            utilities = utilities + size * rng.random((count, leaders, rows))
        case "constant":  # one leader, all of them, or the target; far from 0
            who = rng.integers(0, 4, count)
            utilities[places, rng.integers(0, leaders, count)] = 0.3
            utilities[who == 1] = 0.7
            target[who == 2] = 0.1
            utilities = utilities + 1e6 * rng.random((count, leaders, 1)) * (who == 3)[:, None, None]
        case "mixed_scales_state":
            scales = _scales(rng, (count, rows))
            target, utilities = target * scales, utilities * scales[:, None]
        case "mixed_scales_row":
            utilities = utilities * _scales(rng, (count, leaders, 1))
    mixture = np.einsum("nk,nkd->nd", weights, utilities)
    return np.where(within[:, None] & (kind != "opposed"), mixture, target), utilities


def _scales(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 10.0 ** rng.uniform(-6, 6, shape)


def _tiny(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Factors: 1 or, every other time, 1e-6 to 1e-14."""
    return np.where(rng.random(shape) < 0.5, 1.0, 10.0 ** -rng.uniform(6, 14, shape))
