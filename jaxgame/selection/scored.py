"""Best-AI selection by another measure than the follower's own: she acts by u, and keeps by a score G.

Leader j's offers score G_j(x), linear in the outcome x; she keeps the largest. What j earns at most with an
offer that scores v is `f_j(v) = max { U_j(x): G_j(x) >= v }`. If i is kept with x and v = G_i(x), then

    U_j(x) >= f_j(v) for all j who can score v,    U_i(x) >= f_i(min(v, best score of i's rivals))   [own]

(theory, section 10): everybody could have outbid, i could have scored as little as its rivals. The f_j are
concave and piecewise linear; a sandwich of tangents and chords finds their kinks. Between neighbouring kinks
chords are f_j itself, so that the worst outcome there is one linear program, and the worst of all the least
of a few dozen. Where the sandwich left a gap chords are below f_j, and the lower end stays true.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import Standard, is_sound, power_of_two, standard, unknown
from jaxgame.lp import STATUS, LinearSolution, linprog
from jaxgame.persuasion.obedient import Obedient
from jaxgame.persuasion.value import check_leader

POINTS = 16  # of each f_j, besides its ends
GAP = 1e-11  # between tangents and chord, in standard units: no kink between
GAIN = 1e-8  # an outcome is an equilibrium if no leader gains more, in standard units
OPTIMAL = STATUS.index("optimal")


class Contest(NamedTuple):
    """The programs' coefficients, for schemes y of N entries, in standard units."""

    obedient: Obedient
    lost: Float[Array, " N"]
    leaders: Float[Array, "K N"]
    scores: Float[Array, "K N"]
    counted: Float[Array, "K T S A"]  # what each leader's outcomes score

    @classmethod
    def of(cls, units: Standard, score: Float[Array, "*each T S A"]) -> "Contest":
        """Of one score for all, or one for each leader; counted from the largest in each (type, state)."""
        leaders = units.game.leaders
        scores = jnp.broadcast_to(score, leaders.shape)
        possible = units.game.prior[None, :, :, None] > 0
        scores = jnp.where(possible, scores - scores.max((0, 3), keepdims=True), 0.0)
        scores /= power_of_two((units.game.prior * -scores.min((0, 3))).sum())
        obedient = Obedient.of(units.game)
        return cls(
            obedient, obedient.worth(units.loss), obedient.worth(leaders), obedient.worth(scores), scores
        )

    def least(
        self, cost: Float[Array, " N"], rows: Float[Array, "R N"], right: Float[Array, " R"]
    ) -> LinearSolution:
        """The least cost of an obedient scheme that meets further rows."""
        sums = self.obedient.sums
        A_ub = jnp.concatenate([self.obedient.rows, rows])
        b_ub = jnp.concatenate([jnp.zeros(len(self.obedient.rows), cost.dtype), right])
        return linprog(cost, A_ub, b_ub, sums, jnp.ones(len(sums), cost.dtype))


class Curve(NamedTuple):
    """One f_j between its ends: attained below, and lines above, at P levels in ascending order."""

    level: Float[Array, " P"]
    attained: Float[Array, " P"]
    height: Float[Array, " P"]
    slope: Float[Array, " P"]
    top: Float[Array, ""]  # no offer scores more

    def lower(self, level: Float[Array, ""]) -> Float[Array, ""]:
        """At most f_j, where it is defined."""
        return jnp.interp(level, self.level, self.attained)

    def upper(self, level: Float[Array, ""]) -> Float[Array, ""]:
        """At least f_j; -inf above what the leader can score."""
        above = (self.height + self.slope * (level - self.level)).min()
        return jnp.where(level <= self.top, above, -jnp.inf)


def check_score(game: Game, score: Float[Array, "*each T S A"]) -> None:
    """Raise ValueError unless `score` is one for the game, or one for each of its leaders."""
    shapes = game.follower.shape, game.leaders.shape
    if score.shape not in shapes:
        raise ValueError(
            f"score has shape {score.shape}; it must be [T, S, A] = {shapes[0]} or [K, T, S, A] = {shapes[1]}"
        )
    checks.check_finite("score", score)


def score_error(game: Game, score: Float[Array, "*each T S A"]) -> Bracket:
    """By how much a score misses the worth of offers, at most, after the best shift: d of theory, section 10.

    The score G of an outcome is `sum P(t,s,a) score(t,s,a)`, and d = min over constants c of max |G - V - c|
    over all obedient outcomes of the `game`: half the range of G - V, in the follower's utility units.
    `score` is [T, S, A], or [K, T, S, A] with one for each leader, shifted together. Works under jit and
    vmap.

    Raises ValueError for a score of another shape or that is not finite, and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game([0.7, 0.3], [[1.0, 0.0], [0.0, 1.0]], [[[0.0, 1.0], [0.0, 1.0]]] * 2)
    >>> convictions = judge.follower + jax.numpy.array([[[0.0, 0.5]]])     # a half for each conviction
    >>> round(float(jg.selection.score_error(judge, convictions).upper), 9)    # none, or .6 of all
    0.15
    """
    check_score(game, score)
    check_leader(game, 0)
    return _score_error(game, score)


@jax.jit
def _score_error(game: Game, score: Float[Array, "*each T S A"]) -> Bracket:
    units = standard(game)
    sound = units.sound & is_sound(score)
    contest = Contest.of(units, jnp.where(sound, score, 0.0))
    # In her unit, and from the middle of what is possible: a constant would round.
    missed = jnp.where(sound, score, 0.0).reshape(-1, *game.follower.shape) - game.follower[None]
    missed = jnp.where(units.game.prior[None, :, :, None] > 0, missed, 0.0)
    middle = (missed.max((0, 3)) + missed.min((0, 3))) / 2
    missed = (missed - middle[None, :, :, None]) / units.follower.unit
    least, most = jax.vmap(lambda worth: extremes(contest, worth))(contest.obedient.worth(missed))
    error = Bracket((most.lower.max() - least.upper.min()) / 2, (most.upper.max() - least.lower.min()) / 2)
    return unknown(sound, units.follower.difference(error))


def extremes(contest: Contest, worth: Float[Array, " N"]) -> tuple[Bracket, Bracket]:
    """The least and the largest that obedient schemes may be worth."""
    none = jnp.zeros((0, len(worth)), worth.dtype)
    least, most = (contest.least(sign * worth, none, none[:, 0]).value for sign in (1.0, -1.0))
    return least, Bracket(-most.upper, -most.lower)


def curves_of(contest: Contest) -> Curve:
    """All f_j by sandwiches, fields with a leading axis K."""
    lowest, highest = jax.vmap(lambda score: extremes(contest, score))(contest.scores)
    bottom = lowest.lower.min()

    def of(utility: Array, score: Array, highest: Bracket) -> Curve:
        def point(level: Array) -> _Points:
            found = contest.least(-utility, -score[None], -level[None])
            return _Points(level, -found.value.upper, -found.value.lower, found.dual_ub[-1])

        low, high = point(bottom), point(highest.lower)
        points = jax.tree.map(lambda x, y: jnp.append(jnp.full(POINTS + 1, x), y), low, high)

        def refined(_: Array, points: _Points) -> _Points:
            # One of the copies of the lowest level makes room.
            new = point(points.widest_gap())
            return jax.tree.map(lambda x, y: x.at[0].set(y), points, new).ascending()

        points = jax.lax.fori_loop(0, POINTS, refined, points)
        return Curve(points.level, points.attained, points.height, points.slope, highest.upper)

    return jax.vmap(of)(contest.leaders, contest.scores, highest)


class _Points(NamedTuple):
    """Some of f_j: levels in ascending order, what is attained there, and tangents."""

    level: Float[Array, "*P"]
    attained: Float[Array, "*P"]
    height: Float[Array, "*P"]
    slope: Float[Array, "*P"]

    def ascending(self) -> "_Points":
        order = jnp.argsort(self.level, stable=True)
        return jax.tree.map(lambda x: x[order], self)

    def widest_gap(self) -> Float[Array, ""]:
        """Where tangents of neighbours meet furthest above their chord; the lowest level if nowhere."""
        left, right = _Points(*(x[:-1] for x in self)), _Points(*(x[1:] for x in self))
        width = right.level - left.level
        rise = right.height - right.slope * width - left.height
        steeper = left.slope - right.slope
        share = jnp.clip(divided(rise, steeper * width, (steeper > 0) & (width > 0)), 0.0, 1.0)
        tangent = left.height + left.slope * share * width
        chord = left.attained + share * (right.attained - left.attained)
        gap = jnp.where(width > 0, tangent - chord, -jnp.inf)
        place = gap.argmax()
        return jnp.where(gap[place] > GAP, left.level[place] + share[place] * width[place], self.level[0])


class Worst(NamedTuple):
    """What the worst equilibrium loses her, and one that does; in standard units."""

    loss: Bracket
    scheme: Float[Array, " N"]
    known: Bool[Array, ""]  # whether an equilibrium was found
    intervals: Array
    pivots: Array


def worst_of(contest: Contest, slack: Float[Array, " K"], shared: bool) -> Worst:
    """Over all levels between kinks, and all leaders who may be kept (`shared`: whoever it is)."""
    curves = curves_of(contest)
    leaders = len(contest.leaders)
    reach = curves.level[:, -1]  # attained, a little below `top`
    everyone = jnp.arange(leaders)
    others = jnp.where(everyone[:, None] == everyone[None], -jnp.inf, curves.top[None]).max(1)
    others = jnp.maximum(others, curves.level[:, 0])  # nobody else: it may score as little as it likes
    grid = jnp.sort(curves.level.reshape(-1))
    lows, highs = grid, jnp.append(grid[1:], jnp.asarray(1.0, grid.dtype))  # scores are at most 0

    def solved(kept: Array, low: Array, high: Array) -> tuple[LinearSolution, Array]:
        score = contest.scores[kept]
        base = jax.vmap(lambda curve: curve.lower(low))(curves)
        end = jax.vmap(lambda curve: curve.lower(high))(curves)
        slope = divided(end - base, high - low, high > low)
        bound = high <= reach
        # Whoever is kept need not score more than its rivals can.
        own = everyone == kept
        beyond = own & (low >= others)
        slope = jnp.where(beyond, 0.0, slope)
        base = jnp.where(beyond, jax.vmap(lambda curve, level: curve.lower(level))(curves, others), base)
        bound = jnp.where(own, bound | beyond, bound)
        rows = jnp.where(bound[:, None], slope[:, None] * score[None] - contest.leaders, 0.0)
        right = jnp.where(bound, slope * low - base + slack, 1.0)
        found = contest.least(
            -contest.lost,
            jnp.concatenate([rows, -score[None], score[None]]),
            jnp.concatenate([right, -low[None], high[None]]),
        )
        return found, _gain(contest, curves, found.x, kept, others, slack)

    each = jax.vmap(jax.vmap(solved, (None, 0, 0)), (0, None, None))
    found, gain = each(everyone[:1] if shared else everyone, lows, highs)
    found, gain = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (found, gain))
    eligible = (found.status == OPTIMAL) & (gain <= GAIN)
    if not shared:
        kept = jnp.repeat(everyone, len(grid))
        eligible &= jax.vmap(lambda y, i: _is_held(contest, curves, y, i))(found.x, kept)
    lost = jnp.where(eligible, found.x @ contest.lost, -jnp.inf)
    place = lost.argmax()
    return Worst(
        loss=Bracket(lost[place], (-found.value.lower).max()),
        scheme=found.x[place],
        known=eligible.any(),
        intervals=jnp.asarray(len(lost), jnp.int32),
        pivots=found.pivots.sum().astype(jnp.int32),
    )


def _gain(
    contest: Contest, curves: Curve, scheme: Array, kept: Array, others: Array, slack: Array
) -> Float[Array, ""]:
    """What some leader would gain beyond its slack, if `kept` is kept with a scheme; at least."""
    level = contest.scores[kept] @ scheme
    level = level - 8 * len(scheme) * jnp.finfo(level.dtype).eps
    levels = jnp.where(jnp.arange(len(others)) == kept, jnp.minimum(level, others), level)
    most = jax.vmap(lambda curve, v: curve.upper(v))(curves, levels)
    return (most - contest.leaders @ scheme - slack).max()


def _is_held(contest: Contest, curves: Curve, scheme: Array, kept: Array) -> Bool[Array, ""]:
    """Whether some rival can score as much with an offer that the kept leader likes no better: it stays."""
    level = contest.scores[kept] @ scheme
    earned = contest.leaders[kept] @ scheme

    def rival(score: Array, top: Array) -> Array:
        met = jnp.minimum(level, top)
        found = contest.least(contest.leaders[kept], jnp.stack([score, -score]), jnp.stack([met, -met]))
        return (found.status == OPTIMAL) & (found.value.upper <= earned + GAIN)

    holds = jax.vmap(rival)(contest.scores, curves.level[:, -1])
    alone = len(contest.scores) == 1
    return jnp.where(jnp.arange(len(holds)) == kept, alone, holds).any()
