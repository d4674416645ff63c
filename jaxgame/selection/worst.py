"""The follower's worst pure equilibrium in best-AI selection, over all equilibria, with a certificate.

Leader j's best response f_j is concave in the value v that the follower keeps. On an interval [a, b] it
is at least its chord c_j, so that no equilibrium has its value there if no outcome x has

    a <= V(x) <= b   and   U_j(x) >= c_j(V(x)) - slack   for all j                                [own]

conditions that are linear in x, and exact where f_j is linear on [a, b]. The search excludes such
intervals one after another, upwards from no information, by bisection. Where none longer than a
fraction of the tolerance can be excluded, it looks for an equilibrium at single values, a = b.

One interval is a game between a row player who picks a condition and a column player who picks an
outcome and pays by how much it misses the condition. Column generation solves it: a mixture of
conditions is the utility of a made-up leader, whose best outcome is the next column. The certified upper
bound on that leader's value is what excludes: a wrong answer of a solver widens the bracket, no more.

All lanes of a batch take one step at a time, whatever interval they are at: a step computes the chords of a
new interval or one more column.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.bracket import Bracket
from jaxgame.game import Game, full_information_value, no_information_value
from jaxgame.leader import LeaderBest, value_curve
from jaxgame.record import record
from jaxgame.selection.dynamics import starting_offers
from jaxgame.solve.matrix_game import solve_matrix_game

# All three are relative to the ranges of the utilities over the game.
MARGIN = 1e-9  # an interval is excluded if its conditions are missed by more: rounding is far below
EQUILIBRIUM = 1e-8  # an outcome is an equilibrium if no leader gains more
GAP = 1e-10  # a game between conditions and outcomes is solved when its bounds are this near

# Of the tolerance: shorter intervals are not bisected. Below 1, because an equilibrium may lie above them.
NARROW = 1 / 16

MAX_COLUMNS_ADDED = 40  # for one interval, which then counts as not excluded
MAX_STEPS = 2000


@record
class WorstEquilibrium:
    """The follower's least value over pure equilibria, and an equilibrium near it.

    No equilibrium is worth less than `value.lower`; `outcome` [T, S, A] is one, up to gains of 1e-8 of the
    leaders' ranges of utility, and is worth `value.upper`. `converged` says that the bracket is no wider
    than the tolerance. `intervals` counts the intervals and values examined, `steps` the programs.
    """

    value: Bracket
    outcome: Float[Array, "T S A"]
    converged: Bool[Array, ""]
    intervals: Int[Array, ""]
    steps: Int[Array, ""]


def worst_equilibrium(game: Game, tolerance: float = 1e-6, slack: float = 0.0) -> WorstEquilibrium:
    """Bracket on the follower's least value over all pure equilibria of best-AI selection.

    `slack` > 0 asks for all slack-equilibria, where no leader gains more than that. `tolerance` is the
    width aimed at, in the follower's utility units. A single leader takes its best outcome, and those that
    tie for it are its equilibria. Works under jit and vmap.

    Raises ValueError for a tolerance that is not positive, a negative slack, and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # two prosecutors compete, and leave the judge at 0.7
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> found = jg.selection.worst_equilibrium(judge)
    >>> round(float(found.value.lower), 5), bool(found.converged)
    (0.7, True)
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be positive")
    if not slack >= 0:
        raise ValueError(f"slack is {slack}; it must be at least 0")
    none, full = no_information_value(game), full_information_value(game)
    top = full - tolerance / 2
    informed = starting_offers(game, "full")

    def unfinished(search: _Search) -> Array:
        return ~search.done & (search.steps < MAX_STEPS)

    def step(search: _Search) -> _Search:
        here, test = search.interval, search.test
        mix = _mixed(game, here, search.columns)
        best = _best_outcomes(game, here, mix, none)
        chords = here.with_chords(game, best.value, slack)
        lower = mix.offset - best.value.upper[-1, 0]
        seen = _Test(
            Bracket(jnp.maximum(test.missed.lower, lower), jnp.minimum(test.missed.upper, mix.missed)),
            jnp.where(mix.missed < test.missed.upper, mix.outcome, test.outcome),
            test.added + 1,
        )
        more = search.columns.replaced(game, mix.columns, best.outcome[-1, 0])
        waiting = search._replace(interval=chords, steps=search.steps + 1)
        going = search._replace(test=seen, columns=more, steps=search.steps + 1)
        decided = going._decided(game, tolerance, top, full)
        going = _choose(seen.is_open(), going, decided)
        return _choose(here.known, going, waiting)

    nothing = jnp.zeros(game.leaders.shape[0], none.dtype)
    interval = _Interval(none, top, jnp.asarray(False), nothing, nothing, jnp.zeros_like(none))
    start = _Search(
        floor=none,
        reach=top,
        fresh=jnp.asarray(True),
        looking=jnp.asarray(False),
        rung=jnp.zeros_like(none),
        interval=interval,
        test=_Test.fresh(informed[0]),
        columns=_Columns.of(game, informed),
        outcome=informed[0],  # with rivals full information is an equilibrium
        done=top <= none,
        intervals=jnp.int32(0),
        steps=jnp.int32(0),
    )
    final = jax.lax.while_loop(unfinished, step, start)
    worth = (game.follower * final.outcome).sum()
    value = Bracket(jnp.minimum(final.floor, worth), worth)
    return WorstEquilibrium(value, final.outcome, value.width <= tolerance, final.intervals, final.steps)


class _Interval(NamedTuple):
    """Values [low, high], and each leader's chord there: base + slope (V - low); `known` once computed."""

    low: Float[Array, ""]
    high: Float[Array, ""]
    known: Bool[Array, ""]
    base: Float[Array, " K"]
    slope: Float[Array, " K"]
    doubt: Float[Array, ""]  # largest width of the brackets that the chords rest on, in leaders' ranges

    def with_chords(self, game: Game, values: Bracket, slack: float) -> "_Interval":
        """From the leaders' values [K + 1, 2] at the two ends."""
        lower, upper = values.lower[:-1], values.upper[:-1]
        width = self.high - self.low
        slope = jnp.where(width > 0, (lower[:, 1] - lower[:, 0]) / jnp.where(width > 0, width, 1.0), 0.0)
        doubt = ((upper - lower).max(1) / _ranges(game.leaders)).max()
        return self._replace(known=jnp.asarray(True), base=lower[:, 0] - slack, slope=slope, doubt=doubt)


class _Columns(NamedTuple):
    """Outcomes that the column player mixes: C, each with what it is worth to all, and when it came."""

    outcomes: Float[Array, "C T S A"]
    leaders: Float[Array, "C K"]
    follower: Float[Array, " C"]
    came: Int[Array, " C"]

    @classmethod
    def of(cls, game: Game, outcomes: Float[Array, "K T S A"]) -> "_Columns":
        """Room for all that a basis needs, and as many again, filled with `outcomes`."""
        leaders = game.leaders.shape[0]
        room = 2 * (leaders + 2) + 8
        filled = outcomes[jnp.arange(room) % leaders]
        worth = jax.vmap(lambda x: (game.follower * x).sum())(filled)
        theirs = jax.vmap(lambda x: (game.leaders * x[None]).sum((1, 2, 3)))(filled)
        return cls(filled, theirs, worth, -jnp.arange(room, dtype=jnp.int32))

    def replaced(self, game: Game, mixture: Float[Array, " C"], outcome: Float[Array, "T S A"]) -> "_Columns":
        """Of the older half the column with the least weight in the mixture makes room for a new one."""
        old = self.came <= self.came.max() - len(self.came) // 2
        place = jnp.where(old, mixture, jnp.inf).argmin()
        return _Columns(
            self.outcomes.at[place].set(outcome),
            self.leaders.at[place].set((game.leaders * outcome[None]).sum((1, 2, 3))),
            self.follower.at[place].set((game.follower * outcome).sum()),
            self.came.at[place].set(self.came.max() + 1),
        )


class _Mix(NamedTuple):
    """The two players' mixtures, given the columns there are."""

    columns: Float[Array, " C"]
    outcome: Float[Array, "T S A"]
    missed: Float[Array, ""]  # by `outcome`, at most
    utility: Float[Array, "T S A"]  # of the made-up leader
    offset: Float[Array, ""]  # what is missed is at least `offset` less that leader's best value


def _mixed(game: Game, interval: _Interval, columns: _Columns) -> _Mix:
    own, hers = _ranges(game.leaders), _ranges(game.follower[None])
    units = jnp.concatenate([own + jnp.abs(interval.slope) * hers, hers, hers])
    ends = jnp.stack([interval.low, -interval.high])
    bounds = jnp.concatenate([interval.base - interval.slope * interval.low, ends]) / units
    worth = columns.follower[:, None]
    leaders = columns.leaders - worth * interval.slope[None]
    payoff = bounds[None] - jnp.concatenate([leaders, worth, -worth], 1) / units[None]  # [C,R]

    conditions, mixture = solve_matrix_game(payoff.T)
    weights = conditions / units
    utility = (weights[:-2, None, None, None] * game.leaders).sum(0)
    utility += (weights[-2] - weights[-1] - weights[:-2] @ interval.slope) * game.follower
    return _Mix(
        columns=mixture,
        outcome=(mixture[:, None, None, None] * columns.outcomes).sum(0),
        missed=(mixture @ payoff).max(),
        utility=utility,
        offset=conditions @ bounds,
    )


def _best_outcomes(game: Game, interval: _Interval, mix: _Mix, none: Float[Array, ""]) -> LeaderBest:
    """The leaders' best responses at both ends, then the made-up leader's of all outcomes, [K + 1, 2]."""
    leaders = game.leaders.shape[0]
    everybody = Game(game.prior, game.follower, jnp.concatenate([game.leaders, mix.utility[None]]))
    # A single leader has nobody to outbid.
    ends = jnp.stack([interval.low, interval.high]) if leaders > 1 else jnp.stack([none, none])
    levels = jnp.where(jnp.arange(leaders + 1)[:, None] < leaders, ends[None], none)
    return jax.vmap(value_curve, (None, 0, 0))(everybody, jnp.arange(leaders + 1), levels)


class _Test(NamedTuple):
    """One interval's game so far: what must be missed at least and at most, and by which outcome."""

    missed: Bracket
    outcome: Float[Array, "T S A"]
    added: Int[Array, ""]

    @classmethod
    def fresh(cls, outcome: Float[Array, "T S A"]) -> "_Test":
        """Nothing known."""
        unknown = jnp.full_like(outcome[0, 0, 0], jnp.inf)
        return cls(Bracket(-unknown, unknown), outcome, jnp.int32(0))

    def is_open(self) -> Bool[Array, ""]:
        """Whether another column may still decide."""
        undecided = (self.missed.lower <= MARGIN) & (self.missed.upper > MARGIN)
        return undecided & (self.missed.width > GAP) & (self.added < MAX_COLUMNS_ADDED)


class _Search(NamedTuple):
    floor: Float[Array, ""]  # no equilibrium is worth less
    reach: Float[Array, ""]  # [floor, reach] was not excluded when it was tried, or is `fresh`
    fresh: Bool[Array, ""]
    looking: Bool[Array, ""]  # for an equilibrium, no longer excluding
    rung: Float[Array, ""]  # how far above `reach` to look next
    interval: _Interval
    test: _Test
    columns: _Columns
    outcome: Float[Array, "T S A"]
    done: Bool[Array, ""]
    intervals: Int[Array, ""]
    steps: Int[Array, ""]

    def _decided(
        self, game: Game, tolerance: float, top: Float[Array, ""], full: Float[Array, ""]
    ) -> "_Search":
        """What follows from a finished test: the next interval, or the end."""
        high = self.interval.high
        excluded = self.test.missed.lower > MARGIN
        whole = high >= self.reach

        # Excluding. After the whole of [floor, reach] the rest up to the top is fresh.
        floor = jnp.where(excluded, high, self.floor)
        arrived = excluded & (high >= top)
        fresh = excluded & whole
        reach = jnp.where(fresh, top, jnp.where(excluded, self.reach, high))
        narrow = reach - floor <= NARROW * tolerance
        stuck = ~excluded & whole & ~self.fresh & narrow
        next_high = jnp.where(fresh | narrow, reach, (floor + reach) / 2)

        # Looking: at the value of the outcome that met the conditions, then at `reach` and ever higher.
        found = self.test.missed.upper + self.interval.doubt <= EQUILIBRIUM
        value = self.reach + self.rung
        rung = jnp.where(self.rung > 0, 2 * self.rung, NARROW * tolerance)
        attained = jnp.clip((game.follower * self.test.outcome).sum(), floor, reach)

        looking = self.looking | stuck
        next_low = jnp.where(self.looking, value, jnp.where(stuck, attained, floor))
        next_high = jnp.where(self.looking, value, jnp.where(stuck, attained, next_high))
        return self._replace(
            floor=jnp.where(self.looking, self.floor, floor),
            reach=jnp.where(self.looking, self.reach, reach),
            fresh=fresh & ~self.looking,
            looking=looking,
            rung=jnp.where(self.looking, rung, 0.0),
            interval=self.interval._replace(low=next_low, high=next_high, known=jnp.asarray(False)),
            test=_Test.fresh(self.test.outcome),
            outcome=jnp.where(self.looking & found, self.test.outcome, self.outcome),
            done=jnp.where(self.looking, found | (value > full), arrived),
            intervals=self.intervals + 1,
        )


def _choose(condition: Bool[Array, ""], yes: _Search, no: _Search) -> _Search:
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), yes, no)


def _ranges(utilities: Float[Array, "P T S A"]) -> Float[Array, " P"]:
    """Ranges of utilities; 1 where constant."""
    ranges = utilities.max((1, 2, 3)) - utilities.min((1, 2, 3))
    return jnp.where(ranges > 0, ranges, 1.0)
