"""The search for the worst equilibrium of best-AI selection: which interval next, and which columns to try.

One interval is a game between a row player who picks a condition (`exclusion`) and a column player who picks
an outcome and pays by how much it misses the condition. Column generation solves it: the outcome that misses
the row player's mixture least is the next column. The search climbs from no information towards full
information; all below `floor` is excluded for good.

| stage | interval                      | all excluded | part excluded         | not excluded |
| ----- | ----------------------------- | ------------ | --------------------- | ------------ |
| WHOLE | all values                    | the end      | CLIMB above that part | PIECE        |
| PIECE | from kink to kink of the f_j  | next PIECE   | CLIMB above that part | CLIMB        |
| CLIMB | floor alone, with the chords  | next PIECE   | CLIMB, or LOOK if the | LOOK         |
|       | of what is left of the piece  |              | part is no step       |              |
| LOOK  | one value above floor         | LOOK twice as far above floor                        |

At the end of a climb and at each look the column player's mixture may be an equilibrium: then that is the
end, and what it is worth the bracket's upper end. What is missed at V(x) = v is convex in v, and the
multiplier of V(x) <= v tells how far up a proof reaches: a climb is Newton's method, which never overshoots.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.units import Standard
from jaxgame.lp.matrix_game import law, solve_matrix_game
from jaxgame.selection.exclusion import Conditions, Curves, Interval, Proof, prove

# All three are in standard units, in which between 1/2 and 1 is at stake for a player.
MISSED = 1e-9  # an interval is excluded if its conditions are missed by more
GAIN = 1e-8  # an outcome is an equilibrium if no leader gains more
GAP = 1e-10  # a game between conditions and outcomes is solved when its bounds are this near

# Of the tolerance: kinks this near are one.
NARROW = 1 / 16
NO_STEP = 1e-3  # of that: a climb by less is none

MAX_COLUMNS_ADDED = 40  # for one interval, which then counts as not excluded

# What is tried: all values, a piece between kinks, a climb from its lower end, equilibria above its end.
WHOLE, PIECE, CLIMB, LOOK = range(4)


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


class Test(NamedTuple):
    """One interval's game so far: what must be missed at least and at most, and by which outcome."""

    missed: Bracket
    weight_of_high: Float[Array, ""]  # in the proof of missed.lower
    outcome: Float[Array, "T S A"]
    added: Int[Array, ""]

    @classmethod
    def fresh(cls, outcome: Float[Array, "T S A"]) -> "Test":
        """Nothing known."""
        unknown = jnp.full_like(outcome[0, 0, 0], jnp.inf)
        return cls(Bracket(-unknown, unknown), jnp.zeros_like(unknown), outcome, jnp.int32(0))

    def is_open(self) -> Bool[Array, ""]:
        """Whether another column may still decide."""
        undecided = (self.missed.lower <= MISSED) & (self.missed.upper > MISSED)
        return undecided & (self.missed.width > GAP) & (self.added < MAX_COLUMNS_ADDED)


class Search(NamedTuple):
    """How far one game's search has come."""

    floor: Float[Array, ""]  # no equilibrium is worth less
    stage: Int[Array, ""]  # WHOLE, PIECE, CLIMB or LOOK
    rung: Float[Array, ""]  # how far above `floor` to look
    interval: Interval
    test: Test
    columns: _Columns
    outcome: Float[Array, "T S A"]
    done: Bool[Array, ""]
    intervals: Int[Array, ""]
    steps: Int[Array, ""]

    @classmethod
    def start(
        cls, units: Standard, none: Float[Array, ""], top: Float[Array, ""], informed: Float[Array, "K T S A"]
    ) -> "Search":
        """Trying to exclude everything; with rivals full information is an equilibrium."""
        return cls(
            floor=none,
            stage=jnp.int32(WHOLE),
            rung=jnp.zeros_like(none),
            interval=Interval(none, top, top),
            test=Test.fresh(informed[0]),
            columns=_Columns.of(units, informed),
            outcome=informed[0],
            done=top <= none,
            intervals=jnp.int32(0),
            steps=jnp.int32(0),
        )

    def stepped(self, units: Standard, curves: Curves) -> "Search":
        """One more column for the game of the interval at hand."""
        return self.proved(units, curves)[0]

    def proved(self, units: Standard, curves: Curves) -> tuple["Search", Proof]:
        """One more column for the game of the interval at hand, and the proof that it rests on."""
        conditions = Conditions.of(self.interval, curves.chords(self.interval))
        payoff = conditions.missed(self.columns.leaders, self.columns.follower)
        weights, mixture = solve_matrix_game(payoff.T)
        mixture = law(mixture)
        proof = prove(units, conditions, weights)
        missed, known = (mixture @ payoff).max(), self.test.missed
        mixed = (mixture[:, None, None, None] * self.columns.outcomes).sum(0)
        test = Test(
            Bracket(jnp.maximum(known.lower, proof.missed), jnp.minimum(known.upper, missed)),
            jnp.where(proof.missed > known.lower, proof.weight_of_high, self.test.weight_of_high),
            jnp.where(missed < known.upper, mixed, self.test.outcome),
            self.test.added + 1,
        )
        more = self.columns.replaced(units, mixture, proof.outcome)
        return self._replace(test=test, columns=more, steps=self.steps + 1), proof

    def decided(
        self, units: Standard, curves: Curves, tolerance: Float[Array, ""], top: Float[Array, ""]
    ) -> "Search":
        """What follows from a finished test: the next interval, or the end (see the module's table)."""
        narrow = NARROW * tolerance
        excluded = self.test.missed.lower > MISSED
        looking = self.stage == LOOK

        # What a proof says falls by `weight` as `high` rises: it excludes as far up as something is left.
        weight = self.test.weight_of_high
        spare = divided(self.test.missed.lower - MISSED, weight, weight > 0, jnp.inf)
        floor = jnp.minimum(self.interval.high + spare, self.interval.end)
        floor = jnp.where(excluded & ~looking, floor, self.floor)
        arrived = ~looking & (floor >= top)

        # A climb is over where nothing is excluded, or so little that the proof reaches no higher.
        rest = excluded & (floor < self.interval.end)
        climbing = self.stage == CLIMB
        over = climbing & (~excluded | (rest & (floor - self.interval.high <= NO_STEP * narrow)))
        # Up to MISSED what is missed counts as met, also the value of the interval.
        found = (over | looking) & (curves.gain(units, self.test.outcome) <= GAIN)
        found &= -units.lost(self.test.outcome) >= self.floor - MISSED

        stage = jnp.where(rest, CLIMB, jnp.where(excluded, PIECE, self.stage + 1))
        stage = jnp.where(over | looking, LOOK, stage)
        rung = jnp.where(stage == LOOK, jnp.where(looking, 2 * self.rung, narrow), 0.0)

        end = jnp.where(stage == CLIMB, self.interval.end, curves.next_kink(floor + narrow, top))
        high = jnp.where(stage == CLIMB, floor, end)
        value = floor + rung
        look = Interval(value, value, value)
        interval = Interval(floor, high, end)
        return self._replace(
            floor=floor,
            stage=stage,
            rung=rung,
            interval=jax.tree.map(lambda x, y: jnp.where(stage == LOOK, x, y), look, interval),
            test=Test.fresh(self.test.outcome),
            outcome=jnp.where(found, self.test.outcome, self.outcome),
            done=found | arrived | (value > 0),
            intervals=self.intervals + 1,
        )
