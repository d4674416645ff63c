"""Many users with SciPy and loops: best responses to sets of users, menus, common weights."""

import itertools

import numpy as np
from scipy.optimize import linprog

EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def laws(game):
    """P(s | j) and the users' shares, as NumPy arrays."""
    prior = np.asarray(game.prior)
    share = prior.sum(1)
    return prior / share[:, None], share


def recommendations(users, actions):
    return list(itertools.product(range(actions), repeat=users))


def obedience(game):
    """Rows over y[s, m]: for every message and user no other action is better."""
    law, _ = laws(game)
    follower = np.asarray(game.follower)
    users, states, actions = follower.shape
    told = recommendations(users, actions)
    rows = []
    for m, names in enumerate(told):
        for j in range(users):
            for other in range(actions):
                row = np.zeros((states, len(told)))
                for s in range(states):
                    row[s, m] = law[j, s] * (follower[j, s, other] - follower[j, s, names[j]])
                rows.append(row.ravel())
    return np.array(rows)


def by_user(game, utility):
    """What y[s, m] is worth to who is paid `utility` [J, S, A], by user [J, S M], not weighed by shares."""
    law, _ = laws(game)
    users, states, actions = np.asarray(game.follower).shape
    told = recommendations(users, actions)
    worth = np.zeros((users, states, len(told)))
    for j, s, m in itertools.product(range(users), range(states), range(len(told))):
        worth[j, s, m] = law[j, s] * utility[j, s, told[m][j]]
    return worth.reshape(users, -1)


def values(game, offers):
    """V_j of every offer [K, J], given that she is the user, and what leader i is paid at it [i, K, J]."""
    _, share = laws(game)
    offers = np.asarray(offers)
    value = np.einsum("ktsa,tsa->kt", offers, np.asarray(game.follower)) / share
    return value, np.einsum("ktsa,itsa->ikt", offers, np.asarray(game.leaders))


def best_by_set(game, offers, leader):
    """The leader's best pay for every set of users to be won, -inf where no scheme wins just them."""
    value, paid = values(game, offers)
    users, states, _ = np.asarray(game.follower).shape
    _, share = laws(game)
    rivals = [k for k in range(len(offers)) if k != leader]
    bar = value[rivals].max(0)
    holder = [rivals[int(value[rivals, j].argmax())] for j in range(users)]
    hers, rows = by_user(game, np.asarray(game.follower)), obedience(game)
    pay = by_user(game, np.asarray(game.leaders)[leader]) * share[:, None]
    sums = np.kron(np.eye(states), np.ones(hers.shape[1] // states))
    found = []
    for members in itertools.product([False, True], repeat=users):
        sign = np.where(members, -1.0, 1.0)
        cost = -sum((pay[j] for j in range(users) if members[j]), np.zeros(hers.shape[1]))
        answer = linprog(
            cost,
            np.vstack([rows, sign[:, None] * hers]),
            np.concatenate([np.zeros(len(rows)), sign * bar + 1e-12]),
            sums,
            np.ones(states),
            options=EXACT,
        )
        stay = sum(paid[leader, holder[j], j] for j in range(users) if not members[j])
        found.append(-answer.fun + stay if answer.status == 0 else -np.inf)
    return np.array(found)


def menu_gains(game, menu, profile):
    """What each leader gains at most by another entry of the menu [N, J, S, A]; who deviates settles ties."""
    offers = np.asarray(menu)[list(profile)]
    value, paid = values(game, offers)
    users = np.arange(value.shape[1])
    kept = value.argmax(0)
    menu_value, menu_paid = values(game, menu)
    gains = []
    for i in range(len(profile)):
        now = paid[i, kept, users].sum()
        others = np.delete(np.arange(len(profile)), i)
        bar, best = value[others].max(0), others[value[others].argmax(0)]
        stay = paid[i, best, users]
        either = np.maximum(menu_paid[i], stay[None])
        new = np.where(menu_value > bar[None] + 1e-9, menu_paid[i], np.broadcast_to(stay, menu_value.shape))
        new = np.where(np.abs(menu_value - bar[None]) <= 1e-9, either, new)
        gains.append(new.sum(1).max() - now)
    return np.array(gains), value.max(0)


def common_distance(game, rule=None, mean=False):
    """The least eps (or D) with common weights; `rule` @ lam = 1, sum lam = 1 if None. States' laws equal."""
    law, _ = laws(game)
    follower, leaders = np.asarray(game.follower), np.asarray(game.leaders)
    users, states, actions = follower.shape
    count = len(leaders)
    joint = np.asarray(game.prior)
    marginal = joint.sum(0)
    rule = np.ones(users) if rule is None else rule
    size = count + users + 2 * users * states + 1
    top, bottom = count + users, count + users + users * states
    rows, right = [], []
    for j, s, a in itertools.product(range(users), range(states), range(actions)):
        row = np.zeros(size)
        row[:count] = users * joint[j, s] / marginal[s] * leaders[:, j, s, a]
        row[count + j] = -law[j, s] / marginal[s] * follower[j, s, a]
        high, low = row.copy(), -row
        high[top + j * states + s] = -1.0  # r <= top
        low[bottom + j * states + s] = 1.0  # bottom <= r
        rows += [high, low]
        right += [0.0, 0.0]
    cost = np.zeros(size)
    spread = np.zeros((states, size))
    for j, s in itertools.product(range(users), range(states)):
        spread[s, top + j * states + s], spread[s, bottom + j * states + s] = 1.0, -1.0
    if mean:
        cost = marginal @ spread
    else:
        cost[-1] = 1.0
        for s in range(states):
            row = spread[s].copy()
            row[-1] = -2.0
            rows.append(row)
            right.append(0.0)
    equal = np.zeros(size)
    equal[count : count + users] = rule
    free = [(0, None)] * (count + users) + [(None, None)] * (2 * users * states) + [(0, None)]
    found = linprog(cost, np.array(rows), np.array(right), equal[None], [1.0], bounds=free, options=EXACT)
    assert found.status == 0
    return found.fun
