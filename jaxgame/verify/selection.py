"""BEST RESPONSES AND BEST-AI SELECTION, rechecked in exact rationals.

GAMES. p[t][s] >= 0 is the law of the follower's type t and of the state s, which leaders observe; u[t][s][a]
is her utility, U_j[t][s][a] leader j's. A recommendation m names an action m_t for each type t (all maps, in
lexicographic order). A scheme is y[s][m] >= 0 with sum_m y[s][m] = 1: how likely m is in state s.

 (1) A proof writes numbers with sum_m y[s][m] <= 1. What state s lacks goes to the m that names, for every
     type, her best action there (the first of several).
 (2) She obeys a scheme if  sum_s p[t][s] y[s][m] (u[t][s][m_t] - u[t][s][b]) >= 0  for all m, t, b. X is the
     set of schemes x that she obeys; it is a polytope. Utilities, V hers, are linear on it:
     U(x) = sum_{s,m} y[s][m] sum_t p[t][s] U[t][s][m_t].
 (3) No x in X is worth less to her than NONE = sum_t max_a sum_s p[t][s] u[t][s][a] (add up (2) over m, for
     the b that is best without information), nor more than OPT = sum_{t,s} p[t][s] max_a u[t][s][a].
 (4) For any utility G and any lam[m][t][b] >= 0, no x in X has more than
     bound(G, lam) = sum_s max_m sum_t p[t][s] (G[t][s][m_t] + sum_b lam[m][t][b] (u[t][s][m_t] - u[t][s][b]))
     for by (2) the second term adds at least 0 to G(x), and a mean over m is at most a maximum.

BEST RESPONSES. f_j(v) = max { U_j(x): x in X, V(x) >= v } is concave and nonincreasing in v.
 (5) f_j(v) >= U_j(x) for any x in X with V(x) >= v.
 (6) f_j(v) <= bound(U_j + rho u, lam) - rho v for any rho >= 0: V(x) - v >= 0 is added, rho times.

BEST-AI SELECTION. The follower keeps the leader whose offer x in X is worth most to her; all are paid by it.
Leader j can outbid x by as little as it likes, unless V(x) = OPT, and gains if f_j(V(x)) > U_j(x); alone, it
need not leave more than NONE. So x with V(x) < OPT is that of a pure equilibrium iff U_j(x) >= f_j(V(x)) for
all j (of one leader: f_1(NONE)), and where leaders do not move for slack_j or less iff
U_j(x) >= f_j(V(x)) - slack_j. Outcomes worth OPT may be equilibria's by how ties of offers are broken.
 (7) An interval [low, high] of values and an end >= high. For a leader j let x and z in X be worth at least
     low and end. By (5) f_j(low) >= U_j(x) and f_j(end) >= U_j(z); as f_j is concave, it is on [low, end] at
     least the chord c_j from (low, U_j(x)) to (end, U_j(z)). A single leader's c_1 = U_1(x) is constant.
 (8) No equilibrium is worth a value in [low, high] below OPT if for some w_j, alpha, beta >= 0 and some lam
         bound(G, lam) < sum_j w_j (c_j(0) - slack_j) + alpha low - beta high,
     where G = sum_j w_j (U_j - c_j' u) + (alpha - beta) u and c_j(v) = c_j(0) + c_j' v. For an equilibrium x
     has U_j(x) - c_j(V(x)) >= -slack_j, V(x) >= low and -V(x) >= -high; weighed and added they say that G(x)
     is at least the right side, which contradicts (4).
 (9) Intervals that satisfy (8), the first from NONE or below, each from the end of those before or below,
     the last to v or above, and v <= OPT: no pure equilibrium is worth less than v.
(10) The gain of leader j at x in X is at most the bound (6) at V(x), or at NONE if it is alone, less U_j(x).
     With two leaders or more none gains at a value of OPT, where there is nothing to outbid it with.
"""

from fractions import Fraction
from hashlib import sha256
from itertools import product

from jaxgame.verify.reading import Place, dot, shown

MOST_MAPS = 4_096

Utility = list[list[list[Fraction]]]  # [T][S][A]
Scheme = list[list[Fraction]]  # [S][M]


class Game:
    """A game of a proof, with what (1) to (4) say of it."""

    def __init__(self, place: Place):
        prior, follower, leaders = (place[name] for name in ("prior", "follower", "leaders"))
        self.states = len(prior.entries()[0].entries()) if prior.entries() else 0
        self.actions = len(follower.entries()[0].entries()[0].entries()) if self.states else 0
        self.types = len(prior.entries())
        place.must(bool(self.actions and leaders.entries()), "has an empty axis")
        place.must(self.actions**self.types <= MOST_MAPS, "has too many recommendations")
        shape = self.types, self.states, self.actions
        self.prior = prior.numbers(*shape[:2], least=0)
        self.follower = follower.numbers(*shape)
        self.leaders = leaders.numbers(len(leaders.entries()), *shape)
        total = sum((p for row in self.prior for p in row), Fraction(0))
        prior.must(abs(total - 1) <= Fraction(1, 10**9), f"sums to {shown(total)}")
        self.maps = list(product(range(self.actions), repeat=self.types))
        self.full = [  # (1)
            self.maps.index(tuple(u[s].index(max(u[s])) for u in self.follower)) for s in range(self.states)
        ]
        p, u = self.prior, self.follower
        # p (u - u of b) for each m, t, b and s: the terms of (2) and (4)
        self.rows = [
            [
                [
                    [p[t][s] * (u[t][s][m[t]] - u[t][s][b]) for s in range(self.states)]
                    for b in range(self.actions)
                ]
                for t in range(self.types)
            ]
            for m in self.maps
        ]
        self.none = sum(  # (3)
            max(sum(p[t][s] * u[t][s][a] for s in range(self.states)) for a in range(self.actions))
            for t in range(self.types)
        )
        self.opt = self.worth(u, self.scheme([[Fraction(0)] * len(self.maps)] * self.states))

    def __str__(self) -> str:
        """How many there are of everything, and a digest of all numbers."""
        numbers = str((self.prior, self.follower, self.leaders)).encode()
        return (
            f"the game {sha256(numbers).hexdigest()[:16]} of {len(self.leaders)} leaders, {self.types} "
            f"types, {self.states} states and {self.actions} actions"
        )

    def scheme(self, numbers: Scheme) -> Scheme:
        """What numbers mean by (1)."""
        y = [list(row) for row in numbers]
        for s, m in enumerate(self.full):
            y[s][m] += 1 - sum(y[s])
        return y

    def read_scheme(self, place: Place) -> Scheme:
        """A scheme in X, by (1) and (2)."""
        numbers = place.numbers(self.states, len(self.maps), least=0)
        for s, row in enumerate(numbers):
            place.must(sum(row) <= 1, f"has probabilities of more than 1 in state {s}")
        y = self.scheme(numbers)
        for m, t, b in product(range(len(self.maps)), range(self.types), range(self.actions)):
            kept = sum(y[s][m] * row for s, row in enumerate(self.rows[m][t][b]))
            place.must(kept >= 0, f"is not obeyed: type {t} prefers action {b} after recommendation {m}")
        return y

    def payoffs(self, utility: Utility) -> Scheme:
        """sum_t p[t][s] U[t][s][m_t] for each s and m."""
        return [
            [sum(self.prior[t][s] * utility[t][s][a] for t, a in enumerate(m)) for m in self.maps]
            for s in range(self.states)
        ]

    def worth(self, utility: Utility, scheme: Scheme) -> Fraction:
        """U(x) of (2)."""
        pays = self.payoffs(utility)
        return sum((dot(row, pay) for row, pay in zip(scheme, pays, strict=True)), Fraction(0))

    def bound(self, utility: Utility, multipliers: Place) -> Fraction:
        """bound(G, lam) of (4)."""
        lam = multipliers.numbers(len(self.maps), self.types, self.actions, least=0)
        pays = self.payoffs(utility)
        for m, t, b in product(range(len(self.maps)), range(self.types), range(self.actions)):
            if lam[m][t][b]:
                for s, row in enumerate(self.rows[m][t][b]):
                    pays[s][m] += lam[m][t][b] * row
        return sum(map(max, pays), Fraction(0))

    def mixed(self, weights: list[Fraction], own: Fraction) -> Utility:
        """sum_j w_j U_j + own u."""
        return [
            [
                [own * u + dot(weights, [x[t][s][a] for x in self.leaders]) for a, u in enumerate(row)]
                for s, row in enumerate(rows)
            ]
            for t, rows in enumerate(self.follower)
        ]

    def best_response(self, leader: int, value: Fraction, place: Place) -> Fraction:
        """f_j(v) is at most this, by (6)."""
        price = place["price"].number(0)
        weights = [Fraction(j == leader) for j in range(len(self.leaders))]
        return self.bound(self.mixed(weights, price), place["multipliers"]) - price * value


def best_response(proof: Place) -> str:
    """BEST RESPONSES: (5) for the lower end of f_j(v), (6) for the upper one."""
    game = Game(proof["game"])
    leader, value = proof["leader"].index(len(game.leaders)), proof["threshold"].number()
    scheme = game.read_scheme(proof["scheme"])
    worth, earned = (game.worth(x, scheme) for x in (game.follower, game.leaders[leader]))
    proof["scheme"].must(worth >= value, f"is worth {shown(worth)}, less than the threshold")
    lower, upper = _claimed(proof, earned, game.best_response(leader, value, proof["outbidding"]))
    return (
        f"what leader {leader} earns at best while the follower keeps {shown(value)} is from {lower} to "
        f"{upper}; in {game}"
    )


def exploitability(proof: Place) -> str:
    """The largest gain by outbidding a scheme: (5) for the lower end, (10) for the upper one."""
    game = Game(proof["game"])
    count = len(game.leaders)
    scheme, offer = (game.read_scheme(proof[name]) for name in ("scheme", "offer"))
    worth = game.worth(game.follower, scheme)
    outbid = game.none if count == 1 else worth
    least = game.worth(game.follower, offer)
    proof["offer"].must(least >= outbid, f"is worth {shown(least)}, less than what it is to outbid")
    earned = [game.worth(utility, scheme) for utility in game.leaders]
    leader = proof["leader"].index(count)
    gain = game.worth(game.leaders[leader], offer) - earned[leader]
    proofs = enumerate(proof["outbidding"].entries(count))
    most = max(game.best_response(j, outbid, place) - earned[j] for j, place in proofs)
    lower, upper = _claimed(proof, gain, most)
    return (
        f"the largest gain of a leader that outbids the scheme, which is worth {shown(worth)}, is from "
        f"{lower} to {upper}; in {game}"
    )


def selection(proof: Place) -> str:
    """BEST-AI SELECTION: (7) to (9) for the lower end, (10) for the upper one."""
    game = Game(proof["game"])
    count = len(game.leaders)
    slack = proof["slack"].numbers(count, least=0)
    schemes = [game.read_scheme(place) for place in proof["schemes"].entries()]
    worth = [game.worth(game.follower, x) for x in schemes]
    earned = [[game.worth(u, x) for u in game.leaders] for x in schemes]
    below = game.none
    for interval in proof["intervals"].entries():
        low, high, end = (interval[name].number() for name in ("low", "high", "end"))
        interval["low"].must(low <= below, f"leaves a gap: it is above {shown(below)}, which is not excluded")
        interval.must(low <= high <= end, "needs low <= high <= end")
        chords = [
            _chord(place, j, (low, end), worth, earned)
            for j, place in enumerate(interval["chords"].entries(count))
        ]
        weights = interval["weights"].numbers(count, least=0)
        alpha, beta = (interval[name].number(0) for name in ("weight_of_low", "weight_of_high"))
        slope = dot(weights, [slope for _, slope in chords])
        right = dot(weights, [base - eta for (base, _), eta in zip(chords, slack, strict=True)])
        right += alpha * low - beta * high
        utility = game.mixed(weights, alpha - beta - slope)
        left = game.bound(utility, interval["multipliers"])
        interval.must(left < right, f"is not excluded: by (8), which misses by {shown(left - right)}")
        below = max(below, high)
    value = proof["value"].number()
    most = min(below, game.opt)
    proof["value"].must(value <= most, f"is above {shown(most)}, up to which values are excluded")
    found = _equilibrium(proof["equilibrium"], game, worth, earned)
    forgiven = f", leaders' slack being {', '.join(map(shown, slack))}" if any(slack) else ""
    return (
        f"no pure equilibrium of best-AI selection is worth less than {shown(value)} to the follower"
        f"{forgiven}; {found}; in {game}"
    )


def _chord(
    place: Place, leader: int, ends: tuple[Fraction, Fraction], worth: list, earned: list
) -> tuple[Fraction, Fraction]:
    """c_j(0) and c_j' of (7)."""
    x, z = (entry.index(len(worth)) for entry in place.entries(2))
    if len(earned[0]) == 1:
        return earned[x][leader], Fraction(0)
    low, end = ends
    place.must(worth[x] >= low and worth[z] >= end, "has an offer that is worth less than the chord's end")
    slope = (earned[z][leader] - earned[x][leader]) / (end - low) if end > low else Fraction(0)
    return earned[x][leader] - slope * low, slope


def _equilibrium(place: Place, game: Game, worth: list, earned: list) -> str:
    """The upper end, (10)."""
    x, claimed = place["scheme"].index(len(worth)), place["worth"].number()
    place["worth"].must(worth[x] <= claimed, f"is below {shown(worth[x])}, what the scheme is worth")
    gains = place["gains"].numbers(len(game.leaders), least=0)
    alone = len(game.leaders) == 1
    if alone or worth[x] < game.opt:
        outbid = game.none if alone else worth[x]
        for j, proof in enumerate(place["outbidding"].entries(len(game.leaders))):
            gain = game.best_response(j, outbid, proof) - earned[x][j]
            proof.must(gain <= gains[j], f"allows leader {j} a gain of {shown(gain)}, more than claimed")
    more = f"more than {shown(max(gains), up=True)} " if any(gains) else ""
    return f"at an outcome worth {shown(claimed, up=True)} or less no leader gains {more}by outbidding it"


def _claimed(proof: Place, least: Fraction, most: Fraction) -> tuple[str, str]:
    """The ends that a proof claims, for people, if they are no better than what is proved."""
    lower, upper = proof["lower"].number(), proof["upper"].number()
    proof["lower"].must(lower <= least, f"is above {shown(least)}, which is attained")
    proof["upper"].must(upper >= most, f"is below {shown(most)}, which is proved")
    return shown(lower), shown(upper, up=True)
