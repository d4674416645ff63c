"""The follower's worst pure equilibrium in best-AI selection, over all equilibria, with a certificate.

Leader j's best response f_j is concave and piecewise linear in the value v that the follower keeps. On an
interval [a, b] it is at least its chord c_j, so that no equilibrium has its value there if no outcome x has

    a <= V(x) <= b   and   U_j(x) >= c_j(V(x)) - slack   for all j                                [own]

conditions that are linear in x, and exact between neighbouring kinks of the f_j. The search excludes first
everything at once, which succeeds in the hull, then one piece between kinks after another, upwards from no
information. Where a piece cannot be excluded, it climbs from its lower end: what the conditions are missed
by at V(x) = v is convex in v, and the multiplier of V(x) <= v tells how far up the proof reaches
(Newton's method, which does not overshoot). It ends at the lowest equilibrium.

One interval is a game between a row player who picks a condition and a column player who picks an
outcome and pays by how much it misses the condition. Column generation solves it: a mixture of
conditions is the utility of a made-up leader, whose best outcome is the next column. The certified upper
bound on that leader's value is what excludes: a wrong answer of a solver widens the bracket, no more.

All lanes of a batch add one column at a time, whatever interval they are at.

Everything is in standard units (`units`), in which the follower's values run from 0, full information,
downwards and no two outcomes differ by more than 1 for anybody.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import Standard, is_sound, standard, unheard, unknown
from jaxgame.lp.matrix_game import law, solve_matrix_game
from jaxgame.persuasion.frontier import Curve, curve_of
from jaxgame.persuasion.value import best_at, check_leader, outcome_of_recommendations
from jaxgame.selection.dynamics import starting_offers

# All three are in standard units, in which between 1/2 and 1 is at stake for a player.
MISSED = 1e-9  # an interval is excluded if its conditions are missed by more
GAIN = 1e-8  # an outcome is an equilibrium if no leader gains more
GAP = 1e-10  # a game between conditions and outcomes is solved when its bounds are this near

LOOSEST = 1e-3  # a tolerance above is this one: some think of large utilities in their own units

# Of the tolerance: kinks this near are one.
NARROW = 1 / 16
NO_STEP = 1e-3  # of that: a climb by less is none

MAX_COLUMNS_ADDED = 40  # for one interval, which then counts as not excluded
MAX_STEPS = 2000

# What is tried: all values, a piece between kinks, a climb from its lower end, equilibria above its end.
WHOLE, PIECE, CLIMB, LOOK = range(4)


@record
class WorstEquilibrium:
    """The follower's least value over pure equilibria, and an equilibrium near it.

    No equilibrium is worth less than `value.lower`; `outcome` [T, S, A] is one, up to gains of 1e-8 of the
    leaders' units (what is at stake for them, up to a factor of 2), and is worth `value.upper`. The lower end
    leaves 2e-9 of the follower's unit for what such outcomes may be worth less. `loss` is the same counted
    from full information downwards, which large constants of utility do not round. `converged` says that
    it is no wider than the tolerance. `intervals` counts the intervals and values examined, `steps` the
    programs. Of an input that is not finite nothing is known.
    """

    value: Bracket
    loss: Bracket
    outcome: Float[Array, "T S A"]
    converged: Bool[Array, ""]
    intervals: Int[Array, ""]
    steps: Int[Array, ""]


def worst_equilibrium(
    game: Game, tolerance: float = 1e-6, slack: float | Float[Array, ""] = 0.0
) -> WorstEquilibrium:
    """Bracket on the follower's least value over all pure equilibria of best-AI selection.

    `slack` > 0 asks for all slack-equilibria, where no leader gains more than that, in the leaders' utility
    units. `tolerance` is the width aimed at, in parts of what is at stake for the follower,
    `sum_ts P(t,s) (max_a u - min_a u)`; one above 1e-3 counts as 1e-3. A single leader takes its best
    outcome, and those that tie for it are its equilibria. Works under jit and vmap.

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
    if checks.is_concrete(slack) and not slack >= 0:
        raise ValueError(f"slack is {slack}; it must be at least 0")
    check_leader(game, 0)
    return _worst(game, tolerance, slack)


@jax.jit
def _worst(game: Game, tolerance: Float[Array, ""], slack: Float[Array, ""]) -> WorstEquilibrium:
    units = standard(game)
    sound = units.sound & is_sound(tolerance, slack)
    part = jnp.minimum(tolerance, LOOSEST) * units.stake
    tolerance, slack = jnp.where(sound, part, 1.0), jnp.where(sound, slack, 0.0)
    # Sums of this many terms, none of them negative, round by less than this part of themselves.
    rounding = (2 * units.loss.size + 8) * jnp.finfo(units.loss.dtype).eps
    none = -(1 + rounding) * units.uninformed()
    top = -tolerance / 2
    informed = starting_offers(units.game, "full")
    curves = _Curves.of(units, slack / units.leaders.unit)

    def unfinished(search: _Search) -> Array:
        return ~search.done & (search.steps < MAX_STEPS)

    def step(search: _Search) -> _Search:
        interval = search.interval
        mix = _mixed(units, interval, curves.chords(interval), search.columns)
        best = best_at(units.game, mix.utility, jnp.full(1, jnp.inf))
        outcome = outcome_of_recommendations(units.game.prior, best.scheme, units.loss.shape[2])[0]
        lower = mix.offset - best.upper[0]
        proved = lower > search.test.missed.lower
        test = _Test(
            Bracket(
                jnp.maximum(search.test.missed.lower, lower),
                jnp.minimum(search.test.missed.upper, mix.missed),
            ),
            jnp.where(proved, mix.weight_of_high, search.test.weight_of_high),
            jnp.where(mix.missed < search.test.missed.upper, mix.outcome, search.test.outcome),
            search.test.added + 1,
        )
        more = search.columns.replaced(units, mix.columns, outcome)
        going = search._replace(test=test, columns=more, steps=search.steps + 1)
        return _choose(test.is_open(), going, going.decided(units, curves, tolerance, top))

    final = jax.lax.while_loop(unfinished, step, _Search.start(units, none, top, informed))
    judged = jnp.where(units.stake > 0, 2 * MISSED, 0.0)  # where nothing is at stake nothing is lost
    loss = Bracket((1 - rounding) * units.lost(final.outcome), judged - final.floor)
    return WorstEquilibrium(
        value=unknown(sound, units.follower.bracket(Bracket(-loss.upper, -loss.lower))),
        loss=unknown(sound, units.follower.difference(loss)),
        outcome=unheard(sound, final.outcome),
        converged=(loss.width >= 0) & (loss.width <= tolerance) & sound,
        intervals=final.intervals,
        steps=final.steps,
    )


class _Interval(NamedTuple):
    """Values [low, high], and where the chords from `low` end, at `high` or above."""

    low: Float[Array, ""]
    high: Float[Array, ""]
    end: Float[Array, ""]


class _Chords(NamedTuple):
    """Each leader's chord on an interval: base + slope (V - low)."""

    base: Float[Array, " K"]
    slope: Float[Array, " K"]


class _Curves(NamedTuple):
    """What leaders earn at most, less the slack. A single leader has nobody to outbid: a constant."""

    curve: Curve  # every field with a leading axis K
    slack: Float[Array, " K"]
    alone: Float[Array, ""] | None  # what she loses without information, for a single leader

    @classmethod
    def of(cls, units: Standard, slack: Float[Array, " K"]) -> "_Curves":
        leaders = units.game.leaders
        curve = jax.vmap(curve_of, (None, 0))(units.game, leaders)
        return cls(curve, slack, units.uninformed() if len(leaders) == 1 else None)

    def at(self, value: Float[Array, ""]) -> Bracket:
        """Brackets [K]."""
        budget = jnp.maximum(-value, 0.0) if self.alone is None else self.alone
        best = jax.vmap(lambda curve: curve.value(budget))(self.curve)
        return Bracket(best.lower - self.slack, best.upper - self.slack)

    def chords(self, interval: _Interval) -> _Chords:
        """Below the curves, wherever solvers were wrong: between points that are attained."""
        base, end = self.at(interval.low).lower, self.at(interval.end).lower
        width = interval.end - interval.low
        slope = jnp.where(width > 0, (end - base) / jnp.where(width > 0, width, 1.0), 0.0)
        return _Chords(base, slope)

    def next_kink(self, value: Float[Array, ""], top: Float[Array, ""]) -> Float[Array, ""]:
        """The lowest kink of any curve above a value, at most `top`."""
        if self.alone is not None:
            return top
        worth = -self.curve.lost
        return jnp.minimum(jnp.where(worth > value, worth, jnp.inf).min(), top)

    def gain(self, units: Standard, outcome: Float[Array, "T S A"]) -> Float[Array, ""]:
        """What some leader may gain at most at an outcome beyond the slack."""
        best = self.at(-units.lost(outcome)).upper
        return (best - units.earned(outcome)).max()


class _Columns(NamedTuple):
    """Outcomes that the column player mixes: C, each with what it is worth to all, and when it came."""

    outcomes: Float[Array, "C T S A"]
    leaders: Float[Array, "C K"]
    follower: Float[Array, " C"]
    came: Int[Array, " C"]

    @classmethod
    def of(cls, units: Standard, outcomes: Float[Array, "K T S A"]) -> "_Columns":
        """Room for all that a basis needs, and as many again, filled with `outcomes`."""
        leaders = len(outcomes)
        room = 2 * (leaders + 2) + 8
        filled = outcomes[jnp.arange(room) % leaders]
        worth, theirs = -jax.vmap(units.lost)(filled), jax.vmap(units.earned)(filled)
        return cls(filled, theirs, worth, -jnp.arange(room, dtype=jnp.int32))

    def replaced(
        self, units: Standard, mixture: Float[Array, " C"], outcome: Float[Array, "T S A"]
    ) -> "_Columns":
        """Of the older half the column with the least weight in the mixture makes room for a new one."""
        old = self.came <= self.came.max() - len(self.came) // 2
        place = jnp.where(old, mixture, jnp.inf).argmin()
        return _Columns(
            self.outcomes.at[place].set(outcome),
            self.leaders.at[place].set(units.earned(outcome)),
            self.follower.at[place].set(-units.lost(outcome)),
            self.came.at[place].set(self.came.max() + 1),
        )


class _Mix(NamedTuple):
    """The two players' mixtures, given the columns there are."""

    columns: Float[Array, " C"]
    outcome: Float[Array, "T S A"]
    missed: Float[Array, ""]  # by `outcome`, at most
    utility: Float[Array, "T S A"]  # of the made-up leader
    offset: Float[Array, ""]  # what is missed is at least `offset` less that leader's best value
    weight_of_high: Float[Array, ""]  # how fast that falls as `high` rises


def _mixed(units: Standard, interval: _Interval, chords: _Chords, columns: _Columns) -> _Mix:
    one = jnp.ones(2, chords.slope.dtype)
    sizes = jnp.concatenate([1 + jnp.abs(chords.slope), one])
    ends = jnp.stack([interval.low, -interval.high])
    bounds = jnp.concatenate([chords.base - chords.slope * interval.low, ends]) / sizes
    worth = columns.follower[:, None]
    leaders = columns.leaders - worth * chords.slope[None]
    payoff = bounds[None] - jnp.concatenate([leaders, worth, -worth], 1) / sizes[None]  # [C,R]

    conditions, mixture = map(law, solve_matrix_game(payoff.T))  # trusted for no more than being tried
    weights = conditions / sizes
    utility = (weights[:-2, None, None, None] * units.game.leaders).sum(0)
    utility -= (weights[-2] - weights[-1] - weights[:-2] @ chords.slope) * units.loss
    # Weighed by prior and conditions, no term of the offset or of the made-up utility exceeds 2.
    rounding = 8 * (len(sizes) + 4) * jnp.finfo(utility.dtype).eps
    return _Mix(
        columns=mixture,
        outcome=(mixture[:, None, None, None] * columns.outcomes).sum(0),
        missed=(mixture @ payoff).max(),
        utility=utility,
        offset=conditions @ bounds - rounding,
        weight_of_high=weights[-1],
    )


class _Test(NamedTuple):
    """One interval's game so far: what must be missed at least and at most, and by which outcome."""

    missed: Bracket
    weight_of_high: Float[Array, ""]  # in the proof of missed.lower
    outcome: Float[Array, "T S A"]
    added: Int[Array, ""]

    @classmethod
    def fresh(cls, outcome: Float[Array, "T S A"]) -> "_Test":
        """Nothing known."""
        unknown = jnp.full_like(outcome[0, 0, 0], jnp.inf)
        return cls(Bracket(-unknown, unknown), jnp.zeros_like(unknown), outcome, jnp.int32(0))

    def is_open(self) -> Bool[Array, ""]:
        """Whether another column may still decide."""
        undecided = (self.missed.lower <= MISSED) & (self.missed.upper > MISSED)
        return undecided & (self.missed.width > GAP) & (self.added < MAX_COLUMNS_ADDED)


class _Search(NamedTuple):
    floor: Float[Array, ""]  # no equilibrium is worth less
    stage: Int[Array, ""]  # WHOLE, PIECE, CLIMB or LOOK
    rung: Float[Array, ""]  # how far above `floor` to look
    interval: _Interval
    test: _Test
    columns: _Columns
    outcome: Float[Array, "T S A"]
    done: Bool[Array, ""]
    intervals: Int[Array, ""]
    steps: Int[Array, ""]

    @classmethod
    def start(
        cls, units: Standard, none: Float[Array, ""], top: Float[Array, ""], informed: Float[Array, "K T S A"]
    ) -> "_Search":
        """Trying to exclude everything; with rivals full information is an equilibrium."""
        return cls(
            floor=none,
            stage=jnp.int32(WHOLE),
            rung=jnp.zeros_like(none),
            interval=_Interval(none, top, top),
            test=_Test.fresh(informed[0]),
            columns=_Columns.of(units, informed),
            outcome=informed[0],
            done=top <= none,
            intervals=jnp.int32(0),
            steps=jnp.int32(0),
        )

    def decided(
        self, units: Standard, curves: _Curves, tolerance: Float[Array, ""], top: Float[Array, ""]
    ) -> "_Search":
        """What follows from a finished test: the next interval, or the end."""
        narrow = NARROW * tolerance
        excluded = self.test.missed.lower > MISSED
        looking = self.stage == LOOK

        # The proof holds for a higher `high` too, until nothing is missed any more.
        weight = self.test.weight_of_high
        spare = (self.test.missed.lower - MISSED) / jnp.where(weight > 0, weight, 1.0)
        spare = jnp.where(weight > 0, spare, jnp.inf)
        floor = jnp.minimum(self.interval.high + spare, self.interval.end)
        floor = jnp.where(excluded & ~looking, floor, self.floor)
        arrived = ~looking & (floor >= top)

        # Where so little is missed that the proof reaches nowhere, the climb is over.
        rest = excluded & (floor < self.interval.end)
        climbing = self.stage == CLIMB
        over = climbing & (~excluded | (rest & (floor - self.interval.high <= NO_STEP * narrow)))
        # Up to MISSED what is missed counts as met, also the value of the interval.
        found = (over | looking) & (curves.gain(units, self.test.outcome) <= GAIN)
        found &= -units.lost(self.test.outcome) >= self.floor - MISSED

        # An excluded interval is followed by the rest of its piece or by the next; one that was not, by its
        # lower end; and that by higher values.
        stage = jnp.where(rest, CLIMB, jnp.where(excluded, PIECE, self.stage + 1))
        stage = jnp.where(over | looking, LOOK, stage)
        rung = jnp.where(stage == LOOK, jnp.where(looking, 2 * self.rung, narrow), 0.0)

        end = jnp.where(stage == CLIMB, self.interval.end, curves.next_kink(floor + narrow, top))
        high = jnp.where(stage == CLIMB, floor, end)
        value = floor + rung
        look = _Interval(value, value, value)
        interval = _Interval(floor, high, end)
        return self._replace(
            floor=floor,
            stage=stage,
            rung=rung,
            interval=jax.tree.map(lambda x, y: jnp.where(stage == LOOK, x, y), look, interval),
            test=_Test.fresh(self.test.outcome),
            outcome=jnp.where(found, self.test.outcome, self.outcome),
            done=found | arrived | (value > 0),
            intervals=self.intervals + 1,
        )


def _choose(condition: Bool[Array, ""], yes: _Search, no: _Search) -> _Search:
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), yes, no)
