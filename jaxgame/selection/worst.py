"""The follower's worst pure equilibrium in best-AI selection, over all equilibria, with a certificate.

`exclusion` holds the proofs that values belong to no equilibrium, `search` decides what is to be proved next.
Everything is excluded at once in the hull; else one piece between kinks of the leaders' curves after another,
upwards from no information, to the lowest equilibrium. All lanes of a batch add one column at a time,
whatever interval they are at. In standard units (`units`) the follower's values run from 0, full information,
downwards, and no two outcomes differ by more than 1 for anybody.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, standard, unheard, unknown
from jaxgame.persuasion.value import check_leader
from jaxgame.selection.dynamics import starting_offers
from jaxgame.selection.exclusion import Curves
from jaxgame.selection.scored import Contest, check_score, worst_of
from jaxgame.selection.search import MISSED, Search

LOOSEST = 1e-3  # a tolerance above is this one: some think of large utilities in their own units
MAX_STEPS = 2000  # programs, after which the bracket is as wide as it is


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
    game: Game,
    *,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] = 0.0,
    score: Float[Array, "*each T S A"] | None = None,
) -> WorstEquilibrium:
    """Bracket on the follower's least value over all pure equilibria of best-AI selection in a `game`.

    `slack` > 0, a number or one for each leader [K], asks for all slack-equilibria, where no leader gains
    more than that, in the leaders' utility units. `tolerance` is the width aimed at, in parts of what is at
    stake for the follower, `sum_ts P(t,s) (max_a u - min_a u)`; one above 1e-3 counts as 1e-3. A single
    leader takes its best outcome, and those that tie for it are its equilibria. Works under jit and vmap.

    With a `score`, [T, S, A] or one for each leader [K, T, S, A], in any unit, she still acts by her own
    utility, but keeps the leader whose offer has the largest score (theory, section 10). All programs are
    then solved by `lp.linprog`: for games of up to some 16 (state, recommendation) pairs. Where scores tie at
    the top of what can be scored any outcome counts for the lower end.

    Raises ValueError for a tolerance that is not positive, a slack that is negative, infinite or no number,
    a score of another shape, and precision below float64.

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
    checks.check_slack(slack, len(game.leaders))
    check_leader(game, 0)
    if score is not None:
        check_score(game, score)
        return _worst_by_score(game, score, tolerance, slack)
    return _worst(game, tolerance, slack)


@jax.jit
def _worst(game: Game, tolerance: Float[Array, ""], slack: Float[Array, "*K"]) -> WorstEquilibrium:
    units = standard(game)
    sound = units.sound & is_sound(tolerance, slack)
    part = jnp.minimum(tolerance, LOOSEST) * units.stake
    tolerance, slack = jnp.where(sound, part, 1.0), jnp.where(sound, slack, 0.0)
    # Sums of this many terms, none of them negative, round by less than this part of themselves.
    rounding = (2 * units.loss.size + 8) * jnp.finfo(units.loss.dtype).eps
    none = -(1 + rounding) * units.uninformed()
    top = -tolerance / 2
    informed = starting_offers(units.game, "full")
    curves = Curves.of(units, slack / units.leaders.unit)

    def unfinished(search: Search) -> Array:
        return ~search.done & (search.steps < MAX_STEPS)

    def step(search: Search) -> Search:
        going = search.stepped(units, curves)
        decided = going.decided(units, curves, tolerance, top)
        return jax.tree.map(lambda x, y: jnp.where(going.test.is_open(), x, y), going, decided)

    final = jax.lax.while_loop(unfinished, step, Search.start(units, none, top, informed))
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


@jax.jit
def _worst_by_score(
    game: Game, score: Float[Array, "*each T S A"], tolerance: Float[Array, ""], slack: Float[Array, "*K"]
) -> WorstEquilibrium:
    units = standard(game)
    sound = units.sound & is_sound(tolerance, slack, score)
    contest = Contest.of(units, jnp.where(sound, score, 0.0))
    granted = jnp.broadcast_to(jnp.where(sound, slack, 0.0) / units.leaders.unit, len(game.leaders))
    found = worst_of(contest, granted, shared=score.ndim == 3)
    rounding = (2 * len(contest.lost) + 8) * jnp.finfo(units.loss.dtype).eps
    loss = Bracket(
        jnp.where(found.known, (1 - rounding) * found.loss.lower, 0.0), found.loss.upper + rounding
    )
    part = jnp.minimum(tolerance, LOOSEST) * units.stake
    return WorstEquilibrium(
        value=unknown(sound, units.follower.bracket(Bracket(-loss.upper, -loss.lower))),
        loss=unknown(sound, units.follower.difference(loss)),
        outcome=unheard(sound, contest.obedient.outcome(found.scheme)),
        converged=found.known & (loss.width >= 0) & (loss.width <= part + 2 * rounding) & sound,
        intervals=found.intervals,
        steps=found.pivots,
    )
