"""Proofs of the worst equilibrium of best-AI selection that need nothing of this library to be rechecked.

The search is that of `worst_equilibrium`, one interval at a time, and what it found there is written down:
the weights and multipliers as they are, for any prove something, the offers under the chords as schemes that
are obeyed exactly. `jaxgame.verify` says what they prove together, and has the last word on every interval.
"""

import math
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from jaxgame import verify
from jaxgame.core import checks
from jaxgame.core.game import Game
from jaxgame.core.units import Standard, standard
from jaxgame.persuasion.lanes import Solved
from jaxgame.persuasion.proving import numbers_of, outbidding
from jaxgame.persuasion.value import by_action, check_leader, leader_value
from jaxgame.proof import Proof
from jaxgame.proof.numbers import exact, outwards
from jaxgame.proof.schemes import Numbers, exact_game, obeyed, scheme_of
from jaxgame.selection.dynamics import starting_offers
from jaxgame.selection.exclusion import Conditions, Curves, Interval
from jaxgame.selection.outbidding import check_outcome
from jaxgame.selection.search import LOOK, MISSED, Search
from jaxgame.selection.worst import LOOSEST, MAX_STEPS
from jaxgame.verify.best_ai_selection import Game as ExactGame
from jaxgame.verify.reading import Place, dot

KIND = "best-AI selection"
BELOW = 1e-12  # the search starts this part below no information, which rounding may have missed
GRID = Fraction(1, 2**56)  # of the follower's unit: ends of intervals are multiples, rounded down


def prove(
    game: Game,
    value: float | Fraction | None = None,
    *,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] = 0.0,
) -> Proof:
    """A proof that no pure equilibrium of best-AI selection in a `game` is worth less than `value`.

    For None as much is proved as can be; `proof.value` is that much. `tolerance` and `slack` are those of
    `worst_equilibrium`, whose search this is. The proof also holds an outcome that attains what the search
    found from above, with a bound for each leader on what it gains by outbidding it. Not under jit or vmap.

    Raises ValueError for a value that is no finite number or more than can be proved, for bad options as
    `worst_equilibrium` does, for a traced game, and for one that is not finite.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # two prosecutors compete, and leave the judge at 0.7
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> proof = jg.selection.prove(judge, 0.7)
    >>> proof.check().proved
    True
    """
    numbers = numbers_of(game)
    _check(game, value, tolerance, slack)
    forgiven = np.broadcast_to(np.asarray(slack, float), len(game.leaders))
    book = Book(game, exact_game(**numbers))
    intervals, outcome = _searched(book, tolerance, forgiven, None if value is None else Fraction(value))
    document: dict[str, Any] = {
        "schema_version": verify.SCHEMA_VERSION,
        "kind": KIND,
        "game": numbers,
        "slack": exact(forgiven),
        "value": book.game.none,
        "intervals": intervals,
        "equilibrium": book.equilibrium(outcome),
        "schemes": book.schemes,
    }
    most = _kept(document)
    if value is not None and value > most:
        raise ValueError(f"value is {value}; it must be at most {float(most)}: no more can be proved")
    document["value"] = most if value is None else Fraction(value)
    return Proof(document)


def _kept(document: dict[str, Any]) -> Fraction:
    """Leaves the intervals below the first that does not hold in rationals; how far those reach."""
    while not (verdict := verify.check_document(document)).proved:
        place = verdict.place.removeprefix("intervals[")
        if place == verdict.place:
            raise AssertionError(f"what was found is no proof: {verdict.sentence}")  # a fault of ours
        del document["intervals"][int(place.partition("]")[0]) :]
    ends = [interval["high"] for interval in document["intervals"]]
    return max([document["value"], *ends])


def prove_exploitability(game: Game, outcome: Float[Array, "T S A"]) -> Proof:
    """A proof of the largest gain that a leader of the `game` has by outbidding an `outcome` [T, S, A].

    The bracket of `exploitability`, of a scheme that is obeyed exactly near the outcome, in the leaders'
    units. Not under jit or vmap. Raises ValueError as it does, and for a traced game.
    """
    numbers = numbers_of(game)
    check_leader(game, 0)
    check_outcome(game, outcome)
    known = exact_game(**numbers)
    scheme = obeyed(known, scheme_of(known, np.asarray(outcome)))
    given = known.scheme(scheme)
    worth = dot(known.follower, given)
    outbid = known.none if len(game.leaders) == 1 else worth
    gains, offers, proofs = [], [], []
    for j, utility in enumerate(known.leaders):
        best = leader_value(game, j, float(outbid))
        offers.append(obeyed(known, np.asarray(best.scheme), outbid))
        # Nobody gains by offering what there is.
        if dot(utility, known.scheme(offers[j])) < dot(utility, given):
            offers[j] = scheme
        proofs.append(outbidding(best))
        gains.append(
            [
                dot(utility, known.scheme(offers[j])) - dot(utility, given),
                known.best_response(j, outbid, Place(proofs[j])) - dot(utility, given),
            ]
        )
    leader = max(range(len(gains)), key=lambda j: gains[j][0])
    lower, upper = outwards(gains[leader][0], max(most for _, most in gains))
    return Proof(
        {
            "schema_version": verify.SCHEMA_VERSION,
            "kind": "exploitability",
            "game": numbers,
            "scheme": scheme,
            "lower": lower,
            "upper": upper,
            "leader": leader,
            "offer": offers[leader],
            "outbidding": proofs,
        }
    )


class _Step(NamedTuple):
    """An interval, and the best proof that it holds no equilibrium; `floor`: how far that reaches."""

    interval: Interval
    excluded: Bool[Array, ""]
    floor: Float[Array, ""]
    weights: Float[Array, " R"]  # each divided by its condition's size
    multipliers: Float[Array, "M Q"]


_State = tuple[Search, Array, Array, Array]


class _Start(NamedTuple):
    """What the search needs, and each leader's schemes and multipliers at the later kinks of its curve."""

    units: Standard
    curves: Curves
    tolerance: Float[Array, ""]
    top: Float[Array, ""]
    kinks: Solved


@jax.jit
def started(game: Game, tolerance: Float[Array, ""], slack: Float[Array, " K"]) -> tuple[_Start, Search]:
    """As `worst_equilibrium` starts."""
    units = standard(game)
    tolerance = jnp.minimum(tolerance, LOOSEST) * units.stake
    top = -tolerance / 2
    informed = starting_offers(units.game, "full")
    curves, kinks = Curves.proved(units, slack / units.leaders.unit)
    none = -(1 + BELOW) * units.uninformed()
    start = _Start(units, curves, tolerance, top, kinks)
    return start, Search.start(units, none, top, informed)


@jax.jit
def _step(start: _Start, search: Search) -> tuple[Search, _Step]:
    """All columns of one interval, and what follows."""
    units, curves = start.units, start.curves

    def more(state: _State) -> _State:
        search, missed, weights, multipliers = state
        known = search.test.missed.lower
        search, proof = search.proved(units, curves)
        better = proof.missed > known
        return (
            search,
            jnp.where(better, proof.missed, missed),
            jnp.where(better, proof.weights, weights),
            jnp.where(better, proof.multipliers, multipliers),
        )

    _, first = jax.eval_shape(search.proved, units, curves)
    weights, multipliers = (jnp.zeros(x.shape, x.dtype) for x in (first.weights, first.multipliers))
    blank = (search, search.test.missed.lower, weights, multipliers)
    final, missed, weights, multipliers = jax.lax.while_loop(lambda x: x[0].test.is_open(), more, blank)
    after = final.decided(units, curves, start.tolerance, start.top)
    excluded = (missed > MISSED) & (search.stage != LOOK)
    sizes = Conditions.of(search.interval, curves.chords(search.interval)).sizes
    return after, _Step(search.interval, excluded, after.floor, weights / sizes, multipliers)


def _searched(
    book: "Book", tolerance: float, slack: np.ndarray, value: Fraction | None
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Intervals up to the value, or to the end, and the outcome of an equilibrium above them."""
    start, search = started(book.given, tolerance, slack)
    book.enter(start)
    intervals: list[dict[str, Any]] = []
    while not search.done and search.steps < MAX_STEPS:
        search, step = _step(start, search)
        reached = intervals[-1]["high"] if intervals else book.game.none
        if step.excluded and (value is None or reached < value):
            intervals.append(book.interval(step, value))
    return intervals, np.asarray(search.outcome)


class Book:
    """What a proof refers to, in the caller's units: schemes, each once, and the numbers of an interval."""

    def __init__(self, given: Game, game: ExactGame):
        self.given, self.game = given, game
        self.schemes: list[Numbers] = []
        self.offers: dict[Fraction, list[int]] = {}

    def enter(self, start: _Start) -> None:
        """What the search starts from."""
        units = start.units
        self.hers = Fraction(float(units.follower.unit))
        self.theirs = [Fraction(float(unit)) for unit in units.leaders.unit]
        curve, kinks = start.curves.curve, start.kinks
        self.lost, self.height, self.price = map(np.asarray, (curve.lost, curve.height, curve.price))
        # The first kink is full information, ties in the leader's favour.
        full = np.stack([scheme_of(self.game, np.asarray(one)) for one in curve.outcome[:, 0]])
        self.kinks = np.concatenate([full[:, None], np.asarray(kinks.scheme)], 1)  # [K,N,S,M]
        # Its multipliers, none, prove that nobody earns more than everything.
        self.obedience = np.pad(np.asarray(kinks.obedience), ((0, 0), (1, 0), (0, 0), (0, 0)))  # [K,N,M,Q]

    def interval(self, step: _Step, value: Fraction | None) -> dict[str, Any]:
        """One interval, up to the value if that is in it."""
        low, high, end = (self._worth(x) for x in (step.interval.low, step.floor, step.interval.end))
        weights = exact(step.weights)
        return {
            "low": low,
            "high": high if value is None else max(low, min(high, value)),
            "end": end,
            "chords": [list(pair) for pair in zip(self._offered(low), self._offered(end), strict=True)],
            # All are multiplied by her unit, which changes nothing.
            "weights": [w * self.hers / unit for w, unit in zip(weights[:-2], self.theirs, strict=True)],
            "weight_of_low": weights[-2],
            "weight_of_high": weights[-1],
            "multipliers": self._multipliers(step.multipliers, Fraction(1)),
        }

    def equilibrium(self, outcome: np.ndarray) -> dict[str, Any]:
        """An outcome, and what bounds each leader's gain by outbidding it."""
        numbers = obeyed(self.game, scheme_of(self.game, outcome))
        scheme = self.game.scheme(numbers)
        worth = dot(self.game.follower, scheme)
        outbid = self.game.none if len(self.theirs) == 1 else worth
        budget = self._budget(outbid)
        proofs, gains = [], []
        for j, (unit, utility) in enumerate(zip(self.theirs, self.game.leaders, strict=True)):
            best = int((self.height[j] + self.price[j] * budget).argmin())
            proofs.append(self.line(j, best))
            bound = self.game.best_response(j, outbid, Place(proofs[j]))
            gain = bound - dot(utility, scheme)
            gains.append(max(-_down(-gain, unit), Fraction(0)))
        if len(self.theirs) > 1 and worth == self.game.opt:
            gains = [Fraction(0)] * len(gains)
        return {
            "scheme": self.placed(numbers),
            "worth": -_down(-worth, self.hers),
            "gains": gains,
            "outbidding": proofs,
        }

    def line(self, leader: int, kink: int) -> dict[str, Any]:
        """What bounds a leader's best responses, best about one of the kinks of its curve."""
        size = self.theirs[leader] / self.hers
        return {
            "multipliers": self._multipliers(self.obedience[leader, kink], size),
            "price": exact(self.price[leader, kink]) * size,
        }

    def _worth(self, value: Float[Array, ""]) -> Fraction:
        """A value of the standard game, rounded down; nothing below no information matters."""
        return max(_down(self.game.opt + self.hers * exact(value), self.hers), self.game.none)

    def _budget(self, worth: Fraction) -> float:
        return float((self.game.opt - worth) / self.hers)

    def _offered(self, worth: Fraction) -> list[int]:
        """For each leader where a good offer stands that is worth as much."""
        if len(self.theirs) == 1:
            worth = self.game.none
        if worth not in self.offers:
            best = [self._best(j, self._budget(worth)) for j in range(len(self.theirs))]
            self.offers[worth] = [self.placed(obeyed(self.game, scheme, worth)) for scheme in best]
        return self.offers[worth]

    def _best(self, leader: int, budget: float) -> np.ndarray:
        """A leader's best scheme that loses her no more, between two kinks of its curve."""
        lost = self.lost[leader]
        first = max(int((lost <= budget).sum()) - 1, 0)
        second = min(first + 1, len(lost) - 1)
        run = lost[second] - lost[first]
        share = min((budget - lost[first]) / run, 1.0) if run > 0 else 0.0
        return (1 - share) * self.kinks[leader, first] + share * self.kinks[leader, second]

    def placed(self, numbers: Numbers) -> int:
        """Where a scheme stands."""
        if numbers not in self.schemes:
            self.schemes.append(numbers)
        return self.schemes.index(numbers)

    def _multipliers(self, obedience: ArrayLike, size: Fraction) -> list[Any]:
        """[M][T][A] of standard units, times a size."""
        types, actions = self.game.types, self.game.actions
        placed = np.asarray(by_action(jnp.asarray(obedience)[None], types, actions))[0]
        return [[[size * x for x in row] for row in rows] for rows in exact(placed)]


def _down(value: Fraction, unit: Fraction) -> Fraction:
    """The next multiple of the grid."""
    return value // (GRID * unit) * GRID * unit


def _check(game: Game, value: float | Fraction | None, tolerance: float, slack: Any) -> None:
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be positive")
    if value is not None and not math.isfinite(value):
        raise ValueError(
            f"value is {value}; it must be a finite number, or None for as much as can be proved"
        )
    checks.check_slack(slack, len(game.leaders))
    check_leader(game, 0)
