"""BEST-AI SELECTION, in exact rationals: the worst pure equilibrium.

p[t][s] >= 0 is the law of the follower's type t and of the state s, which leaders observe; u[t][s][a] is her
utility, U_j[t][s][a] leader j's. A recommendation m names an action m_t for each type t (all maps, in
lexicographic order), and pays U[s][m] = sum_t p[t][s] U[t][s][m_t]. A scheme is y[s][m] >= 0 with
sum_m y[s][m] = 1: how likely m is in state s.

 (1) A proof writes numbers with sum_m y[s][m] <= 1. What state s lacks goes to the m that names, for every
     type, her best action there (the first of several).
 (2) She obeys a scheme if sum_s row[m][s][t][b] y[s][m] >= 0 for all m, t and b, with row[m][s][t][b] =
     p[t][s] (u[t][s][m_t] - u[t][s][b]). X is the set of such schemes x; it is a polytope, on which utilities
     U(x) = sum_{s,m} y[s][m] U[s][m], V(x) hers, are linear.
 (3) No x in X is worth less to her than NONE = sum_t max_a sum_s p[t][s] u[t][s][a] (add up (2) over m, for
     the b that is best without information), nor more than OPT = sum_{t,s} p[t][s] max_a u[t][s][a].
 (4) For any utility G and any lam[m][t][b] >= 0, no x in X has more than
     bound(G, lam) = sum_s max_m (G[s][m] + sum_{t,b} lam[m][t][b] row[m][s][t][b]),
     for by (2) the second term adds at least 0 to G(x), and a mean over m is at most a maximum.
 (5) f_j(v) = max { U_j(x): x in X, V(x) >= v } is concave and nonincreasing, and at least any such U_j(x).
 (6) f_j(v) <= bound(U_j + rho u, lam) - rho v for any rho >= 0: V(x) - v >= 0 is added, rho times.

The follower keeps the leader whose offer x in X is worth most to her; all are paid by it. Leader j can outbid
x by as little as it likes, unless V(x) = OPT, and gains if f_j(V(x)) > U_j(x); alone, it need not leave more
than NONE. So where leaders do not move for slack_j or less, x with V(x) < OPT is that of a pure equilibrium
iff U_j(x) >= f_j(V(x)) - slack_j for all j (of one leader: f_1(NONE) - slack_1). Outcomes worth OPT may be
equilibria's by how ties of offers are broken.
 (7) Let low <= high <= end and, for a leader j, x and z in X be worth at least low and end. By (5) f_j is on
     [low, end] at least the chord c_j from (low, U_j(x)) to (end, U_j(z)). A single leader's c_1 is U_1(x).
 (8) No equilibrium is worth a value in [low, high] below OPT if for some w_j, alpha, beta >= 0 and some lam
         bound(G, lam) < sum_j w_j (c_j(0) - slack_j) + alpha low - beta high,
     where G = sum_j w_j (U_j - c_j' u) + (alpha - beta) u and c_j(v) = c_j(0) + c_j' v: an equilibrium x has
     U_j(x) - c_j(V(x)) >= -slack_j, V(x) >= low and -V(x) >= -high. Weighed, these sum to a G(x) against (4).
 (9) Intervals that satisfy (8), the first from NONE or below, each from the end of those before or below,
     the last to v or above, and v <= OPT: no pure equilibrium is worth less than v.
(10) The gain of leader j at x in X is at most the bound (6) at V(x), or at NONE if it is alone, less U_j(x).
     With two leaders or more none gains at a value of OPT, where there is nothing to outbid it with.
"""

from fractions import Fraction
from hashlib import sha256
from itertools import product

from jaxgame.verify.reading import Matrix, Place, dot, shown


class Game:
    """A game of a proof, with what (1) to (6) say of it; utilities are what recommendations pay."""

    def __init__(self, place: Place):
        self.types, self.states, self.actions = shape = place["follower"].shape(3)
        place.must(self.actions**self.types <= 4096, "has more than 4,096 recommendations")
        self.prior = p = place["prior"].numbers(*shape[:2], least=0)
        place["prior"].must(abs(sum(map(sum, p)) - 1) <= Fraction(1, 10**9), "does not sum to 1")
        u = place["follower"].numbers(*shape)
        leaders = place["leaders"].numbers(*place["leaders"].shape(1), *shape)
        types, states, actions = map(range, shape)
        self.maps = list(product(actions, repeat=self.types))
        self.follower, *self.leaders = (
            [[sum(p[t][s] * x[t][s][a] for t, a in enumerate(m)) for m in self.maps] for s in states]
            for x in (u, *leaders)
        )
        self.rows = [
            [[[p[t][s] * (u[t][s][m[t]] - x) for x in u[t][s]] for t in types] for s in states]
            for m in self.maps
        ]
        self.full = [self.maps.index(tuple(x[s].index(max(x[s])) for x in u)) for s in states]  # (1)
        guesses = [[sum(p[t][s] * u[t][s][a] for s in states) for a in actions] for t in types]
        self.none, self.opt = (sum(map(max, x), Fraction(0)) for x in (guesses, self.follower))  # (3)
        digest = sha256(str((p, u, leaders)).encode()).hexdigest()[:16]
        self.name = f"the game {digest}, whose [K, T, S, A] is {[len(leaders), *shape]}"

    def scheme(self, numbers: Matrix) -> Matrix:
        """What numbers mean by (1)."""
        return [
            [y + (1 - sum(row) if m == full else 0) for m, y in enumerate(row)]
            for row, full in zip(numbers, self.full, strict=True)
        ]

    def read_scheme(self, place: Place) -> Matrix:
        """A scheme in X, by (1) and (2)."""
        numbers = place.numbers(self.states, len(self.maps), least=0)
        place.must(max(map(sum, numbers)) <= 1, "has probabilities of more than 1 in a state")
        scheme = self.scheme(numbers)
        for m, t, b in product(*map(range, (len(self.maps), self.types, self.actions))):
            kept = sum(y[m] * row[t][b] for y, row in zip(scheme, self.rows[m], strict=True))
            place.must(kept >= 0, f"is not obeyed: she prefers another action after recommendation {m}")
        return scheme

    def bound(self, pays: Matrix, multipliers: Place) -> Fraction:
        """bound(G, lam) of (4)."""
        lam = multipliers.numbers(len(self.maps), self.types, self.actions, least=0)
        more = [[dot(lam[m], row) for row in rows] for m, rows in enumerate(self.rows)]
        most = [max(pay + x[s] for pay, x in zip(row, more, strict=True)) for s, row in enumerate(pays)]
        return sum(most, Fraction(0))

    def mixed(self, weights: list[Fraction], own: Fraction) -> Matrix:
        """sum_j w_j U_j + own u."""
        every = zip(self.follower, *self.leaders, strict=True)
        return [[dot([own, *weights], [*pays]) for pays in zip(*rows, strict=True)] for rows in every]

    def best_response(self, leader: int, value: Fraction, place: Place) -> Fraction:
        """f_j(v) is at most this, by (6)."""
        price = place["price"].numbers(least=0)
        weights = [Fraction(j == leader) for j in range(len(self.leaders))]
        return self.bound(self.mixed(weights, price), place["multipliers"]) - price * value


def theorem(proof: Place) -> str:
    """(7) to (9) for the lower end, (10) for the upper one."""
    game = Game(proof["game"])
    slack = proof["slack"].numbers(len(game.leaders), least=0)
    schemes = [game.read_scheme(place) for place in proof["schemes"].entries()]
    worth = [dot(game.follower, x) for x in schemes]
    earned = [[dot(utility, x) for utility in game.leaders] for x in schemes]
    below = game.none
    for interval in proof["intervals"].entries():
        interval["low"].must(interval["low"].numbers() <= below, "leaves a gap below it")
        _exclude(interval, game, slack, worth, earned)
        below = max(below, interval["high"].numbers())
    value, most = proof["value"].numbers(), min(below, game.opt)
    proof["value"].must(value <= most, f"is above {shown(most)}, up to which values are excluded")
    found = _equilibrium(proof["equilibrium"], game, worth, earned)
    forgiven = f", if slack is {', '.join(map(shown, slack))}" if any(slack) else ""
    said = f"no pure equilibrium of best-AI selection is worth less than {shown(value)} to the follower"
    return f"{said}{forgiven}; {found}; in {game.name}"


def _exclude(interval: Place, game: Game, slack: list, worth: list, earned: list) -> None:
    """(8): no equilibrium has its value in the interval."""
    low, high, end = (interval[name].numbers() for name in ("low", "high", "end"))
    interval.must(low <= high <= end, "needs low <= high <= end")
    weights = interval["weights"].numbers(len(slack), least=0)
    alpha, beta = (interval[name].numbers(least=0) for name in ("weight_of_low", "weight_of_high"))
    own, right, alone = alpha - beta, alpha * low - beta * high, len(slack) == 1
    for j, place in enumerate(interval["chords"].entries(len(slack))):  # (7)
        x, z = (entry.index(len(worth)) for entry in place.entries(2))
        place.must(alone or (worth[x] >= low and worth[z] >= end), "is of offers worth less than its ends")
        slope = Fraction(0) if alone or low == end else (earned[z][j] - earned[x][j]) / (end - low)
        own -= weights[j] * slope
        right += weights[j] * (earned[x][j] - slope * low - slack[j])
    left = game.bound(game.mixed(weights, own), interval["multipliers"])
    interval.must(left < right, f"is not excluded: by (8), which misses by {shown(left - right)}")


def _equilibrium(place: Place, game: Game, worth: list, earned: list) -> str:
    """The upper end, (10)."""
    x, claimed = place["scheme"].index(len(worth)), place["worth"].numbers()
    place["worth"].must(worth[x] <= claimed, f"is below {shown(worth[x])}, what the scheme is worth")
    gains, alone = place["gains"].numbers(len(game.leaders), least=0), len(game.leaders) == 1
    if alone or worth[x] < game.opt:
        for j, proof in enumerate(place["outbidding"].entries(len(game.leaders))):
            gain = game.best_response(j, game.none if alone else worth[x], proof) - earned[x][j]
            proof.must(gain <= gains[j], f"allows leader {j} a gain of {shown(gain)}, more than claimed")
    said = f"at an outcome worth {shown(claimed, up=True)} or less no leader gains more than"
    return f"{said} {shown(max(gains), up=True)} by outbidding it"
