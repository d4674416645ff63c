"""Leaders who learn, and what no learner avoids: the guarantee without equilibrium (theory, section 9) [own].

Had leader j offered full information in every round, what was kept would have been worth OPT in every round:
what it earned and its regret together are at least its utility of full information. Averaged with the hull's
weights that is `V >= OPT - 2 eps - sum_j w_j R_j`, for average values, whatever leaders did. A coarse
correlated equilibrium is a law of profiles at which nobody regrets anything.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, standard, unheard, unknown
from jaxgame.lp import LinearSolution, linprog
from jaxgame.persuasion.frontier import curve_of
from jaxgame.persuasion.value import check_leader
from jaxgame.selection import LearningTrace
from jaxgame.selection.regret import against, payoffs
from jaxgame.selection.rules import Menus, check_menu, points_of
from jaxgame.theorems.guarantee import Guarantee, Premise, concluded

MOST_PROFILES = 1024


def learning(
    game: Game, trace: LearningTrace, *, tolerance: float = 1e-6, known: Premise | None = None
) -> Guarantee:
    """Check that what the follower had on average while leaders learnt is at least OPT - 2 eps - regrets.

    `trace` is one of `selection.learning` on the `game`, over one number of rounds. Its certified regrets
    R_j, over all schemes, take the place of what leaders may gain: the bound is less sum_j w_j R_j. Where the
    follower has several best actions in a state, leaders may differ about what full information brings: the
    bound is then less what that costs them, too. The verdict allows for `tolerance`, in parts of what is at
    stake for her; `known` is `premise(game)`, if it was computed before. Works under jit and vmap.

    Raises ValueError for a trace over several numbers of rounds, and for one in which not all leaders were
    consulted: no theorem is known for those.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> start = jg.selection.starting_offers(judge, "selfish")
    >>> trace = jg.selection.learning(judge, start, rule="fictitious_play", rounds=500)
    >>> check = jg.theorems.learning(judge, trace)
    >>> jg.theorems.VERDICTS[int(check.holds)]
    'yes'
    """
    leaders = game.leaders.shape[0]
    if trace.regret.lower.shape != (leaders,):
        raise ValueError(
            f"trace has regrets of shape {trace.regret.lower.shape}; they must be [K] = ({leaders},): one "
            "number of rounds, or one entry of several"
        )
    if checks.is_concrete(trace.consulted) and int(trace.consulted) != leaders:
        raise ValueError(
            f"trace consulted {int(trace.consulted)} of {leaders} leaders; the guarantee is about all of them"
        )
    cost = _ties(game)
    regret = Bracket(trace.regret.lower + cost, trace.regret.upper + cost)
    return concluded(game, trace.loss, tolerance, gain=regret, known=known)


@record
class CoarseCorrelated:
    """The worst coarse correlated equilibrium of best-AI selection among the entries of menus.

    - `guarantee`: the claim that it is worth OPT - 2 eps; `worst`, `loss` and the verdict among its fields;
    - `law` [P]: the probabilities of the P = M^K profiles of entries, the last leader's changing fastest;
    - `menus` [K, M, T, S, A]: the entries, full information the last;
    - `solution`: the linear program's, in standard units, duals and status included.
    """

    guarantee: Guarantee
    law: Float[Array, " P"]
    menus: Float[Array, "K M T S A"]
    solution: LinearSolution


def coarse_correlated(
    game: Game,
    *,
    menu: int | Float[Array, "K M T S A"] = 7,
    tolerance: float = 1e-6,
    known: Premise | None = None,
) -> CoarseCorrelated:
    """The least that the follower gets at coarse correlated equilibria over menus: one linear program.

    `menu` is a number of points of each leader's value curve in the `game`, at least 2, or entries that the
    follower would obey, a list for each leader; full information joins them. Every correlated and every mixed
    equilibrium over the menus is among those that are judged. That it is worth OPT - 2 eps is theory, section
    9; the verdict allows for `tolerance`, in parts of what is at stake for her, and `known` is
    `premise(game)`, if it was computed before. Works under jit and vmap.

    Raises ValueError for fewer than two leaders, a menu of another shape or size, and more than 1,024
    profiles.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # two prosecutors: full information serves neither
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> found = jg.theorems.coarse_correlated(judge)
    >>> round(float(found.guarantee.worst.upper), 6)
    0.7
    """
    leaders = game.leaders.shape[0]
    if leaders < 2:
        raise ValueError("game has 1 leader; the guarantee is about at least two who compete")
    check_leader(game, 0)
    check_menu(game, menu)
    entries = 1 + (menu if isinstance(menu, int) else menu.shape[1])
    if entries**leaders > MOST_PROFILES:
        raise ValueError(
            f"{leaders} leaders with {entries} entries each make {entries**leaders} profiles; at most "
            f"{MOST_PROFILES} are supported"
        )
    points = menu if isinstance(menu, int) else None
    sound, loss, menus, solution = _worst(game, None if isinstance(menu, int) else menu, points)
    ties = _ties(game)
    return CoarseCorrelated(
        guarantee=concluded(game, loss, tolerance, gain=Bracket(ties, ties), known=known),
        law=unheard(sound, solution.x),
        menus=unheard(sound, menus),
        solution=dataclasses.replace(unheard(sound, solution), value=unknown(sound, solution.value)),
    )


@functools.partial(jax.jit, static_argnames="points")  # else the solver's loops are compiled anew each time
def _worst(
    game: Game, entries: Float[Array, "K M T S A"] | None, points: int | None
) -> tuple[Bool[Array, ""], Bracket, Float[Array, "K N T S A"], LinearSolution]:
    """Whether all numbers are finite, what she loses, the N = M + 1 entries, and the program's solution."""
    units = standard(game)
    sound = units.sound & is_sound(entries)
    curves = jax.vmap(curve_of, (None, 0))(units.game, units.game.leaders)
    given = points_of(curves, points or 2) if entries is None else jnp.where(sound, entries, 0.0)
    menus = Menus.of(units, jnp.concatenate([given, curves.outcome[:, :1]], 1))
    solution = _worst_law(menus)
    lost = Bracket(-solution.value.upper, -solution.value.lower)
    return sound, unknown(sound, units.follower.difference(lost)), menus.offers, solution


def _worst_law(menus: Menus) -> LinearSolution:
    """The law of profiles that loses her most, of those at which no leader gains by one entry for all."""
    leaders, entries = menus.lost.shape
    profiles = np.array(list(np.ndindex(*(entries,) * leaders)))  # [P, K]
    rows = np.arange(len(profiles))
    lost, worth = menus.at(profiles)
    faced, kept = jax.vmap(against, (0, 0, None))(lost, worth, jnp.ones(leaders, bool))
    earned = worth[rows, :, kept]  # [P, K]
    instead = jax.vmap(payoffs, (0, None, None))(faced, menus.lost, menus.own())  # [P, K, M]
    gains = (instead - earned[:, :, None]).reshape(len(profiles), -1).T
    one = jnp.ones((1, len(profiles)), lost.dtype)
    return linprog(-lost[rows, kept], gains, jnp.zeros(len(gains), lost.dtype), one, one[0, :1])


def _ties(game: Game) -> Float[Array, " K"]:
    """What full information may bring each leader less than one and the same outcome that is worth OPT.

    Where she is indifferent between best actions, which one she takes is her own affair, or a rival's. In the
    leaders' units; 0 where best actions are unique.
    """
    units = standard(game)
    best = units.loss == 0
    total = jnp.where(best, units.game.leaders.sum(0), jnp.inf)
    common = jnp.take_along_axis(units.game.leaders, total.argmin(2)[None, :, :, None], 3)[..., 0]
    least = jnp.where(best[None], units.game.leaders, jnp.inf).min(3)
    return units.leaders.unit * (game.prior[None] * (common - least)).sum((1, 2))
