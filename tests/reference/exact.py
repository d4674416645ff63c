"""Brackets of small problems judged in exact arithmetic: rationals, no solver to trust, nothing of jaxgame.

Every float is read as the rational number it is (theory, section 14), so an end of a bracket is either true
or false by a number. Axes: leader K, type T, state S, action A, recommendation M (the maps type -> action in
lexicographic order), entry D. Slow on purpose: loops over `fractions.Fraction`.
"""

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

EPS = Fraction(1, 2**52)

# What the library states: obedience may be missed by this part of its row's largest entry, a threshold
# by this part of what is at stake for the follower; a probability is a product of rounded numbers.
FEASIBILITY = Fraction(1, 10**12)
ROUNDING = Fraction(1, 10**14)
OBEYED = FEASIBILITY + ROUNDING

# On the cone lower ends hold against weights with sum w_i |U_i| <= CONE_REACH |u|, as the library documents.
CONE_REACH = 10**4


def exact(array) -> np.ndarray:
    """The numbers of an array as Fractions, in an object array of its shape; Fractions stay what they are."""
    read = np.vectorize(lambda x: x if isinstance(x, Fraction) else Fraction(float(x)), otypes=[object])
    return read(np.asarray(array))


def recommendations(types: int, actions: int) -> list[tuple[int, ...]]:
    """Maps type -> action in lexicographic order."""
    return list(itertools.product(range(actions), repeat=types))


# Persuasion programs


def dual_bound(prior, follower, leader, threshold, obedience, price) -> Fraction:
    """What f_j(threshold) is at most, proved by any multipliers >= 0 (theory, section 6).

        sum_s max_m sum_t p[t,s] (U[t,s,a] + sum_b lam[m,t,b] (u[t,s,a] - u[t,s,b]) + rho u[t,s,a]) - rho v

    with a = m_t; prior [T,S], follower and leader [T,S,A], obedience lam [M,T,A], price rho. Raises
    ValueError if a multiplier is negative.
    """
    p, u, gain, lam = (exact(x) for x in (prior, follower, leader, obedience))
    rho, v = exact(price).item(), exact(threshold).item()
    if rho < 0 or min(lam.flat, default=0) < 0:
        raise ValueError("multipliers must be at least 0")
    types, states, actions = u.shape

    def worth(t: int, s: int, m: int, a: int) -> Fraction:
        obeyed = sum(lam[m, t, b] * (u[t, s, a] - u[t, s, b]) for b in range(actions) if lam[m, t, b])
        return p[t, s] * (gain[t, s, a] + obeyed + rho * u[t, s, a])

    maps = recommendations(types, actions)
    best = (
        max(sum(worth(t, s, m, a) for t, a in enumerate(chosen)) for m, chosen in enumerate(maps))
        for s in range(states)
    )
    return sum(best) - rho * v


def attained(prior, utility, outcome) -> Fraction:
    """Expected utility of a player [T,S,A] at an outcome [T,S,A], or at the scheme [S,M] that induces it."""
    law, named = _law(prior, outcome)
    utility = exact(utility)
    return sum(law[t, s, m] * utility[t, s, named[m][t]] for t, s, m in np.ndindex(law.shape) if law[t, s, m])


class Violations(NamedTuple):
    """What an outcome misses; 0 where it misses nothing.

    `marginal`: the largest |P(t,s) - prior|, relative to that prior; `negative`: minus the least entry;
    `obedience`: the largest shortfall of a row, relative to the row's largest |prior (u_a - u_b)|;
    `threshold`: what the follower lacks, in units of her utility.
    """

    marginal: Fraction
    negative: Fraction
    obedience: Fraction
    threshold: Fraction


def violations(prior, follower, threshold, outcome) -> Violations:
    """Exact violations of an outcome [1,S,A] or, for any number of types, of a scheme [S,M].

    With several types recommendations are maps, so that an outcome does not tell whether they are obeyed.
    """
    law, named = _law(prior, outcome)
    p, u = exact(prior), exact(follower)
    types, states, actions = u.shape
    if types > 1 and np.ndim(outcome) == 3:
        raise ValueError("with several types obedience is judged from the scheme [S, M]")
    obedience = [Fraction(0)]
    for (m, chosen), t, b in itertools.product(enumerate(named), range(types), range(actions)):
        gaps = [u[t, s, chosen[t]] - u[t, s, b] for s in range(states)]
        largest = max(abs(p[t, s] * gaps[s]) for s in range(states))
        if largest:
            obedience.append(-sum(law[t, s, m] * gaps[s] for s in range(states)) / largest)
    totals = {(t, s): sum(law[t, s]) for t, s in np.ndindex(types, states)}
    return Violations(
        # Where the prior is 0 nothing may happen: any mass counts whole.
        marginal=max(abs(total - p[place]) / (p[place] or 1) for place, total in totals.items()),
        negative=max(Fraction(0), -min(law.flat)),
        obedience=max(obedience),
        threshold=max(Fraction(0), exact(threshold).item() - attained(prior, follower, outcome)),
    )


def full_information(prior, follower) -> Fraction:
    """The follower's value when she learns the state: sum_ts prior max_a u."""
    p, u = exact(prior), exact(follower)
    return sum(p[place] * max(u[place]) for place in np.ndindex(p.shape))


def no_information(prior, follower) -> Fraction:
    """The follower's value when she learns nothing but her type: sum_t max_a sum_s prior u."""
    p, u = exact(prior), exact(follower)
    return sum(max(p[t] @ u[t]) for t in range(len(p)))


def stake(prior, utility) -> Fraction:
    """What is at stake for a player: sum_ts prior (max_a u - min_a u)."""
    p, u = exact(prior), exact(utility)
    return sum(p[place] * (max(u[place]) - min(u[place])) for place in np.ndindex(p.shape))


def tolerated(prior, follower, threshold) -> Fraction:
    """The least value that the library counts as meeting a threshold.

    Less than the threshold by FEASIBILITY of her stake and the rounding of full information in floating
    point; never more than full information, which rounding may have put below the threshold.
    """
    p, u, v = exact(prior), exact(follower), exact(threshold).item()
    size = sum(p[place] * abs(max(u[place])) for place in np.ndindex(p.shape))
    rounding = EPS * ((p.size + 4) * size + abs(v))
    return min(v, full_information(p, u)) - FEASIBILITY * stake(p, u) - rounding


def best_value(prior, follower, leader, threshold, missed=0) -> Fraction | None:
    """f_j(threshold) itself, by the simplex method in rationals; None if no outcome is worth the threshold.

    Obedience holds for each recommendation and type; `missed` relaxes each of its rows by this part of
    the row's largest |prior (u_a - u_b)|. The walk starts at full information: in each state its
    recommendation is eliminated, so that all constraints are inequalities with right-hand sides >= 0.
    """
    p, u, gain = (exact(x) for x in (prior, follower, leader))
    budget = full_information(p, u) - exact(threshold).item()
    if budget < 0:
        return None
    types, states, actions = u.shape
    maps = recommendations(types, actions)
    start = [
        maps.index(tuple(max(range(actions), key=lambda a: u[t, s, a]) for t in range(types)))
        for s in range(states)
    ]
    columns = [(s, m) for s in range(states) for m in range(len(maps)) if m != start[s]]

    def utility(values, s: int, m: int) -> Fraction:
        return sum(p[t, s] * values[t, s, a] for t, a in enumerate(maps[m]))

    def over_start(values) -> list[Fraction]:
        return [utility(values, s, m) - utility(values, s, start[s]) for s, m in columns]

    rows = [[Fraction(place[0] == s) for place in columns] + [Fraction(1)] for s in range(states)]
    rows.append([-x for x in over_start(u)] + [budget])
    for (m, chosen), t, b in itertools.product(enumerate(maps), range(types), range(actions)):
        if b == chosen[t]:
            continue
        gaps = [p[t, s] * (u[t, s, chosen[t]] - u[t, s, b]) for s in range(states)]
        at_start = [gaps[s] if start[s] == m else Fraction(0) for s in range(states)]
        slack = sum(at_start) + Fraction(missed) * max(abs(gap) for gap in gaps)
        rows.append([at_start[s] - (gaps[s] if n == m else 0) for s, n in columns] + [slack])
    return sum(utility(gain, s, start[s]) for s in range(states)) + _maximum(over_start(gain), rows)


def _law(prior, outcome) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """P(t, s, m) exactly, and the action that m names for each t: of a scheme [S,M] or an outcome [T,S,A]."""
    p, given = exact(prior), exact(outcome)
    types = len(p)
    if given.ndim == 3:
        return given, [(a,) * types for a in range(given.shape[2])]
    actions = next(a for a in itertools.count(1) if a**types >= given.shape[1])
    return p[:, :, None] * given[None], recommendations(types, actions)


def _maximum(gain: list[Fraction], rows: list[list[Fraction]]) -> Fraction:
    """max gain x over x >= 0 with a x <= b for rows (a, b), b >= 0; bounded.

    A tableau of integers over one denominator: entries are minors of the first one, so the divisions leave
    no remainder. Bland's rule: ties cannot make it cycle.
    """
    tableau = [_integers(row)[0] for row in rows]
    last, scale = _integers([*(-x for x in gain), Fraction(0)])
    tableau.append(last)
    size, denominator = len(gain), 1
    basic, free = list(range(size, size + len(rows))), list(range(size))
    while True:
        entering = [j for j in range(size) if tableau[-1][j] < 0]
        if not entering:
            return Fraction(tableau[-1][-1], denominator) / scale
        k = min(entering, key=free.__getitem__)
        r = None
        for i, row in enumerate(tableau[:-1]):
            if row[k] > 0:
                if r is None:
                    r = i
                    continue
                here = row[-1] * tableau[r][k] - tableau[r][-1] * row[k]
                if here < 0 or (here == 0 and basic[i] < basic[r]):
                    r = i
        assert r is not None, "unbounded"
        row, pivot = tableau[r], tableau[r][k]
        for i, other in enumerate(tableau):
            if i != r:
                factor = other[k]
                other[:] = [(x * pivot - factor * y) // denominator for x, y in zip(other, row, strict=True)]
                other[k] = -factor
        row[k] = denominator
        denominator = pivot
        basic[r], free[k] = free[k], basic[r]


def _integers(row: list[Fraction]) -> tuple[list[int], Fraction]:
    """A positive multiple of a row with integer entries, and the factor."""
    common = math.lcm(*(x.denominator for x in row))
    whole = [x.numerator * (common // x.denominator) for x in row]
    divisor = math.gcd(*whole) or 1
    return [x // divisor for x in whole], Fraction(common, divisor)


# Value curves and equilibria of best-AI selection


def frontier_bound(above, price, threshold) -> Fraction:
    """What f_j(threshold) is at most by the lines `above - price * threshold` [N]."""
    v = exact(threshold).item()
    return min(a - p * v for a, p in zip(exact(above), exact(price), strict=True))


def exploitability_upper(prior, follower, leaders, outcome, obedience, price) -> Fraction:
    """What any leader can gain at most by outbidding an outcome x: max_j f_j(V(x)) - U_j(x) or less.

    leaders [K,T,S,A]; multipliers obedience [K,M,T,A] and price [K] prove each f_j.
    """
    value = attained(prior, follower, outcome)
    return max(
        dual_bound(prior, follower, leader, value, lam, rho) - attained(prior, leader, outcome)
        for leader, lam, rho in zip(leaders, obedience, price, strict=True)
    )


def exploitability(prior, follower, leaders, outcome) -> Fraction:
    """The most that a leader gains by outbidding an outcome x, exactly: max_j f_j(V(x)) - U_j(x).

    Rounding may leave an outcome worth more than full information: that counts as OPT. A leader alone has
    nobody to outbid, and need not leave more than NONE.
    """
    value = min(attained(prior, follower, outcome), full_information(prior, follower))
    if len(leaders) == 1:
        value = min(value, no_information(prior, follower))

    def gain(leader):
        best = best_value(prior, follower, leader, value)
        assert best is not None, "no more than full information is asked for"
        return best - attained(prior, leader, outcome)

    return max(map(gain, leaders))


# Hull distances: for norm "square" the mean square, which is rational; its root is the distance.


def hull_upper(target, utilities, weights, groups, scale: str, norm: str, prior=None) -> Fraction:
    """What weights [K] attain with the best offset for each group: a distance, or its square if "square".

    groups: integer labels [D], or None for no offset. On the simplex weights are divided by their exact sum.
    In the norm "mean" ranges in the groups, in the order of their labels, are weighed by `prior`.
    Raises ValueError if a weight is negative.
    """
    target, utilities, weights = (exact(x) for x in (target, utilities, weights))
    if min(weights) < 0:
        raise ValueError("weights must be at least 0")
    if scale == "simplex":
        weights = weights / sum(weights)
    residual = target - sum(w * row for w, row in zip(weights, utilities, strict=True))
    if norm == "square":
        return sum(x**2 for x in _centred(residual, groups)) / len(residual)
    if groups is None:
        return max(abs(x) for x in residual)
    if norm == "mean":
        parts = [residual[place] for place in _places(groups)]
        return sum(p * (max(part) - min(part)) for p, part in zip(exact(prior), parts, strict=True))
    return max((max(part) - min(part)) / 2 for part in (residual[place] for place in _places(groups)))


def hull_lower(target, utilities, measure, groups, scale: str, norm: str, prior=None) -> Fraction:
    """What a signed measure m [D] proves the distance, or its square if "square", to be at least.

    m is centred in each group, then divided by its dual norm: its total mass or, for the root mean
    square, the root of D times its sum of squares. Simplex: <m,u> - max_i <m,U_i>. Cone: <m,u> less
    CONE_REACH |u| max_i <m,U_i>^+ / |U_i|, sizes being largest entries of what is centred in the groups. In
    the norm "mean" m is scaled down where one of its signs has more mass in a group than `prior`.
    """
    target, utilities, measure = (_centred(exact(x), groups) for x in (target, utilities, measure))
    if norm == "mean":
        for p, place in zip(exact(prior), _places(groups), strict=True):
            mass = sum(abs(x) for x in measure[place]) / 2
            if mass > p:
                measure[place] = measure[place] * (p / mass)
    scores = utilities @ measure
    value = target @ measure
    if scale == "simplex":
        value -= max(scores)
    else:
        sizes = (max(abs(x) for x in row) for row in utilities)
        excess = max(max(x, 0) / (size or 1) for x, size in zip(scores, sizes, strict=True))
        value -= CONE_REACH * max(abs(x) for x in target) * excess
    if value <= 0:
        return Fraction(0)
    if norm == "mean":
        return value
    if norm == "square":
        return value**2 / (len(measure) * sum(x**2 for x in measure))
    return value / sum(abs(x) for x in measure)


def _places(groups) -> list[np.ndarray]:
    """Where each label stands."""
    labels = np.asarray(groups)
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _centred(vectors: np.ndarray, groups) -> np.ndarray:
    """Vectors [..., D] less their mean in each group."""
    centred = vectors.copy()
    for place in _places(groups) if groups is not None else []:
        centred[..., place] -= vectors[..., place].sum(-1, keepdims=True) / len(place)
    return centred


# Verdicts


class Verdict(NamedTuple):
    """By how much a best response is false: positive is false, and nothing else is, `tolerance_used` apart.

    In units of the leader's utility: `upper` below what its multipliers prove, `lower` above what its
    outcome attains, `upper` below the optimum, `lower` above the optimum within the stated tolerances.
    As in `Violations`, beyond these tolerances: `marginal`, `negative`, `obedience`, `threshold`.
    `tolerance_used`: `lower` above the optimum itself, which is what the tolerances have earned.
    """

    upper: float
    lower: float
    upper_of_optimum: float
    lower_of_optimum: float
    tolerance_used: float
    marginal: float
    negative: float
    obedience: float
    threshold: float


def judge(prior, follower, leader, threshold, best, optimum: bool = True) -> Verdict:
    """The verdict on one `LeaderBest` at a threshold that full information meets; prior [T,S], one leader.

    Without `optimum`, which costs most of the time, the three comparisons with it are -inf.
    """
    prior, follower, leader, threshold = (exact(x) for x in (prior, follower, leader, threshold))
    lower, upper = float(best.value.lower), float(best.value.upper)
    lam, rho = best.multipliers.obedience, best.multipliers.threshold
    enough = tolerated(prior, follower, threshold)
    missed = violations(prior, follower, enough, best.scheme if len(prior) > 1 else best.outcome)
    beyond = (-math.inf,) * 3
    if optimum:
        beyond = judge_value(prior, follower, leader, threshold, best.value)
    return Verdict(
        excess(dual_bound(prior, follower, leader, threshold, lam, rho), upper),
        excess(lower, attained(prior, leader, best.outcome)),
        *beyond,
        marginal=excess(missed.marginal, ROUNDING),
        negative=float(missed.negative),
        obedience=excess(missed.obedience, OBEYED),
        threshold=float(missed.threshold),
    )


def judge_value(prior, follower, leader, threshold, value) -> tuple[float, float, float]:
    """Of the verdict on a bracket of f_j: `upper_of_optimum`, `lower_of_optimum` and `tolerance_used`."""
    threshold = exact(threshold).item()
    within = min(threshold, full_information(prior, follower))
    enough = tolerated(prior, follower, threshold)
    least = best_value(prior, follower, leader, within)
    most = best_value(prior, follower, leader, enough, missed=OBEYED)
    lower, upper = float(value.lower), float(value.upper)
    return excess(least, upper), excess(lower, most), excess(lower, least)


class HullVerdict(NamedTuple):
    """By how much the ends of a hull distance are false, in units of utility: positive is false."""

    upper: float
    lower: float


def judge_hull(target, utilities, fit, groups, scale: str, norm: str) -> HullVerdict:
    """The verdict on one `HullFit`: each end against what weights and measure prove."""
    lower, upper = float(fit.distance.lower), float(fit.distance.upper)
    most = hull_upper(target, utilities, fit.weights, groups, scale, norm)
    least = hull_lower(target, utilities, fit.measure, groups, scale, norm)
    if norm == "sup":
        return HullVerdict(excess(most, upper), excess(lower, least))
    squares = HullVerdict(excess(most, _square(upper)), excess(_square(lower), least))
    # a - b = (a^2 - b^2) / (a + b), which keeps the sign exact.
    sums = upper + math.sqrt(most), lower + math.sqrt(least)
    return HullVerdict(
        *(x / y if math.isfinite(x) and y > 0 else x for x, y in zip(squares, sums, strict=True))
    )


def excess(high, low) -> float:
    """high - low of Fractions or floats, its sign exact; one may be infinite, and a NaN is false by inf."""
    if math.isfinite(high) and math.isfinite(low):
        return float(Fraction(high) - Fraction(low))
    difference = float(high) - float(low)
    return math.inf if math.isnan(difference) else difference


def _square(end: float) -> Fraction | float:
    return Fraction(end) ** 2 if math.isfinite(end) else end
