"""Leaders who revise their offers by exact best responses, and where that ends.

An offer is an outcome the follower would have with that leader. She keeps the leader whose offer is worth
most to her, of those that tie the lowest index. A leader who revises compares

- what it has now: its utility at the selected outcome;
- outbidding: its best outcome worth at least `outbid` more than its rivals' best offer;
- withdrawing: its utility at the rivals' best offer, by offering no information.

All is computed in standard units (`units`): an offer is judged by what it loses of full information.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core import beliefs, checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.drawn import DrawnProcess
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.response import best_response
from jaxgame.core.revision import ENDS, ORDERS, ending
from jaxgame.core.units import Standard, is_sound, standard, unheard, unknown
from jaxgame.persuasion.frontier import Curve, leader_curves
from jaxgame.persuasion.value import best_at, check_leader, outcome_of_recommendations
from jaxgame.selection.consulting import (
    Rivals,
    check_consulted,
    gains_where_some_are_asked,
    kept_shares,
    rounding_of,
)
from jaxgame.selection.outscoring import INDIFFERENT, Reach, judged, outscored, reach_of
from jaxgame.selection.scored import Contest, check_score

__all__ = ["ENDS", "ORDERS", "STARTS", "OfferTrace", "best_response_dynamics", "starting_offers"]

STARTS = ("selfish", "none", "full", "random")


@record
class OfferTrace(DrawnProcess):
    """N revisions (or rounds of simultaneous ones), and the state before the first: N + 1 entries.

    With N_plus_1 = N + 1, `follower` [N_plus_1] is the value of the selected offer to the follower, `offers`
    [N_plus_1, K] that of each offer, `leaders` [N_plus_1, K] each leader's utility, `selected` [N_plus_1] who
    is kept, `gain` the exploitability of the selected outcome. `outcome` [T, S, A] is the selected one at the
    end.

    `end` is the place in ENDS: "converged" (no leader would revise), "cycle" (a state returned and the
    order of revisions is periodic), or "limit". `steps` counts revisions before the end; entries after
    repeat the last state if it converged, and go on if it cycles.
    """

    follower: Float[Array, " N_plus_1"]
    offers: Float[Array, "N_plus_1 K"]
    leaders: Float[Array, "N_plus_1 K"]
    selected: Int[Array, " N_plus_1"]
    gain: Bracket
    outcome: Float[Array, "T S A"]
    end: Int[Array, ""]
    steps: Int[Array, ""]


def starting_offers(game: Game, start: str, key: Array | None = None) -> Float[Array, "K T S A"]:
    """Offers [K, T, S, A] of the leaders of a `game` to start from, by the name of the `start`.

    "selfish": each leader's best obedient outcome; "none" and "full": no or full information from
    all; "random": each leader sends one of A messages by a law drawn uniformly for each state, and the
    follower responds; it needs a `key`.

    Raises ValueError for an unknown start, and for "random" without a key.
    """
    checks.check_choice("start", start, STARTS)
    check_leader(game, 0)
    if start == "random" and key is None:
        raise ValueError("start 'random' needs a key")
    return _sound_offers(game, start, key)


@functools.partial(jax.jit, static_argnames="start")  # else the solver's loops are compiled anew each time
def _sound_offers(game: Game, start: str, key: Array | None) -> Float[Array, "K T S A"]:
    units = standard(game)
    return unheard(units.sound, _starting_offers(units, start, key))


def _starting_offers(units: Standard, start: str, key: Array | None = None) -> Float[Array, "K T S A"]:
    game = units.game
    leaders, _, states, actions = game.leaders.shape
    if start == "selfish":
        unlimited = jnp.full(1, jnp.inf)
        schemes = jax.vmap(best_at, (None, 0, None))(game, game.leaders, unlimited).scheme[:, 0]
        return outcome_of_recommendations(game.prior, schemes, actions)
    if start == "random":
        assert key is not None
        exponential = jax.random.exponential(key, (leaders, states, actions), game.prior.dtype)
        schemes = exponential / exponential.sum(2, keepdims=True)
    else:
        one = jnp.eye(states) if start == "full" else jnp.ones((states, 1))
        schemes = jnp.broadcast_to(one.astype(game.prior.dtype)[None], (leaders, *one.shape))

    def induced(scheme: Float[Array, "S M"]) -> Float[Array, "T S A"]:
        belief = beliefs.update(game.prior, scheme)
        response = best_response(beliefs.action_values(belief.posterior, -units.loss))
        return beliefs.outcome(game.prior, scheme, response)

    return jax.vmap(induced)(schemes)


def best_response_dynamics(
    game: Game,
    offers: Float[Array, "K T S A"],
    *,
    order: str = "in_turn",
    outbid: float = 1e-3,
    steps: int = 200,
    consulted: int | None = None,
    score: Float[Array, "*each T S A"] | None = None,
    key: Array | None = None,
    known: Curve | None = None,
) -> OfferTrace:
    """Let the leaders of a `game` revise `offers` [K, T, S, A] by exact best responses, `steps` times.

    `order`: "in_turn" (0, ..., K - 1, 0, ...), "random" (one leader drawn at each step, with `key`) or
    "simultaneous" (all at once, each against the others' old offers). `outbid` > 0 is the smallest
    amount, in parts of what is at stake for the follower (`sum_ts P(t,s) (max_a u - min_a u)`), by which an
    offer must exceed its rivals' to win from them; where less room than that is left below full information,
    only full information outbids. `consulted` says how many leaders, drawn at random, the follower compares
    (None: all): values are then averages over whom she asks, no theorem is known, and `gain` is what a leader
    gains by another offer against those of the others.

    With a `score`, as in `worst_equilibrium`, she keeps the leader whose offer scores most; leaders revise by
    linear programs, `outbid` is in parts of what is at stake in the scores, and who withdraws scores as
    little as it can. All leaders are then consulted. `known` is `leader_curves(game)`, if it was computed
    before; a score has no use for it.

    Raises ValueError for an unknown order, fewer than two leaders, an outbid that is not positive, a number
    of consulted leaders that there is not, a score of another shape, and "random" without a key.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # a prosecutor and a defender outbid each other to the top
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> start = jg.selection.starting_offers(judge, "selfish")
    >>> trace = jg.selection.best_response_dynamics(judge, start, outbid=0.01)
    >>> round(float(trace.follower[-1]), 6), jg.selection.ENDS[int(trace.end)]
    (1.0, 'converged')
    """
    checks.check_choice("order", order, ORDERS)
    leaders = game.leaders.shape[0]
    if leaders < 2:
        raise ValueError(f"game has {leaders} leader; dynamics need at least two")
    consulted = check_consulted(consulted, leaders)
    if not outbid > 0:
        raise ValueError(f"outbid is {outbid}; it must be positive")
    checks.check_shape("offers", offers, "[K, T, S, A]", game.leaders.shape, "as leaders is")
    check_leader(game, 0)
    turns = jnp.arange(steps) % leaders
    if order == "random":
        if key is None:
            raise ValueError("order 'random' needs a key")
        turns = jax.random.randint(key, (steps,), 0, leaders)
    units = standard(game)
    sound = units.sound & is_sound(offers, score)
    offers = jnp.where(sound, offers, 0.0)
    if score is None:
        curves = leader_curves(game) if known is None else known
        manner = _by_value(units, curves, outbid, consulted)
    else:
        _check_by_score(game, score, consulted, known)
        manner = _by_score(units, jnp.where(sound, score, 0.0), outbid)
    entries, last = _played(manner, offers, turns, at_once=order == "simultaneous")
    end, taken = _end(entries, leaders if order != "simultaneous" else 1, periodic=order != "random")
    gain = jax.tree.map(lambda x: (x * units.leaders.unit[None]).max(1), entries.gain)
    trace = OfferTrace(
        follower=units.follower.value(-entries.hers),
        offers=units.follower.value(-entries.lost),
        leaders=jax.vmap(units.leaders.value)(entries.earned),
        selected=entries.selected,
        gain=gain,
        outcome=_outcome(entries, last, consulted),
        end=jnp.where(sound, end, ENDS.index("limit")),
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, trace), gain=jax.vmap(unknown, (None, 0))(sound, gain))


class _Manner(NamedTuple):
    """How a leader revises, `revise(offers, leader=...)`, and what offers come to, `judge(offers)`."""

    revise: Callable[..., Array]
    judge: Callable[[Array], "_Entry"]


def _by_value(units: Standard, curves: Curve, outbid: float, consulted: int) -> _Manner:
    step = outbid * units.stake
    return _Manner(
        functools.partial(revised, units, curves, outbid=step, consulted=consulted),
        functools.partial(_entry, units, curves, consulted=consulted),
    )


def _by_score(units: Standard, score: Float[Array, "*each T S A"], outbid: float) -> _Manner:
    contest = Contest.of(units, score)
    reach = reach_of(contest)
    return _Manner(
        functools.partial(outscored, units, contest, reach, outbid=outbid),
        functools.partial(_entry_by_score, units, contest, reach),
    )


def _check_by_score(game: Game, score: Array, consulted: int, known: Curve | None) -> None:
    check_score(game, score)
    leaders = game.leaders.shape[0]
    if consulted < leaders:
        raise ValueError(f"consulted is {consulted}; with a score all {leaders} leaders are compared")
    if known is not None:
        raise ValueError("known is given; with a score leaders' curves are of no use")


def _played(
    manner: _Manner, offers: Float[Array, "K T S A"], turns: Int[Array, " N"], *, at_once: bool
) -> tuple["_Entry", Float[Array, "K T S A"]]:
    """The state before all turns and after each, and the last offers."""
    everyone = jnp.arange(len(offers))

    def advance(offers: Array, turn: Array) -> tuple[Array, _Entry]:
        if at_once:
            after = jax.vmap(lambda j: manner.revise(offers, leader=j))(everyone)
        else:
            after = offers.at[turn].set(manner.revise(offers, leader=turn))
        return after, manner.judge(after)

    last, later = jax.lax.scan(advance, offers, turns)
    first = manner.judge(offers)
    return jax.tree.map(lambda x, rest: jnp.concatenate([x[None], rest]), first, later), last


class _Entry(NamedTuple):
    """What offers lose the follower, what she has of them, what leaders earn, and what each could gain.

    `standing` is what she compares, the least being best.
    """

    standing: Float[Array, "*N K"]
    lost: Float[Array, "*N K"]
    hers: Float[Array, "*N"]
    earned: Float[Array, "*N K"]
    selected: Int[Array, "*N"]
    gain: Bracket


def _entry(units: Standard, curves: Curve, offers: Float[Array, "K T S A"], consulted: int) -> _Entry:
    lost = jax.vmap(units.lost)(offers)
    selected = lost.argmin()
    if consulted < len(lost):
        worth = jax.vmap(units.earned)(offers).T
        shares = kept_shares(lost, consulted)
        gain = gains_where_some_are_asked(units, curves, lost, worth, consulted)
        return _Entry(lost, lost, shares @ lost, worth @ shares, selected, gain)
    earned = units.earned(offers[selected])
    rounding = rounding_of(units)
    most = (1 + rounding) * lost[selected]
    lower = jax.vmap(lambda curve: curve.value(lost[selected]).lower)(curves)
    upper = jax.vmap(lambda curve: curve.value(most).upper)(curves)
    gain = Bracket(lower - (1 + rounding) * earned, upper - (1 - rounding) * earned)
    return _Entry(lost, lost, lost[selected], earned, selected, gain)


def _entry_by_score(
    units: Standard, contest: Contest, reach: Reach, offers: Float[Array, "K T S A"]
) -> _Entry:
    found = judged(units, contest, reach, offers)
    hers = found.lost[found.selected]
    return _Entry(-found.scores, found.lost, hers, found.earned, found.selected, found.gain)


def _outcome(entries: _Entry, last: Float[Array, "K T S A"], consulted: int) -> Float[Array, "T S A"]:
    """What she has of the last offers."""
    if consulted == len(last):
        return last[entries.selected[-1]]
    return jnp.einsum("k,ktsa->tsa", kept_shares(entries.lost[-1], consulted), last)


def revised(
    units: Standard,
    curves: Curve,
    offers: Float[Array, "K T S A"],
    leader: Int[Array, ""],
    outbid: Float[Array, ""],
    consulted: int,
) -> Float[Array, "T S A"]:
    """The leader's offer after it has compared keeping, outbidding any rival by `outbid`, and withdrawing.

    All in standard units; `curves` are all leaders', fields with a leading axis K. Where not all are
    `consulted`, an offer at rank m is kept with the probability of that rank (`consulting`).
    """
    leaders = len(offers)
    utility = units.game.leaders[leader]
    curve = jax.tree.map(lambda x: x[leader], curves)
    lost = jax.vmap(units.lost)(offers)
    rivals = Rivals.of(lost, jax.vmap(lambda x: (utility * x).sum())(offers), leader, consulted)
    now = rivals.payoff(lost[leader], (utility * offers[leader]).sum(), leader)
    # Just above each rival that matters; at the top nobody can be outbid, but the lowest index wins a tie.
    bar = rivals.lost if consulted < leaders else rivals.lost[:1]
    budgets = jnp.maximum(bar - outbid, 0.0)
    best = jax.vmap(lambda budget: curve.value(budget).lower)(budgets)
    above = jax.vmap(lambda budget, earned: rivals.payoff(budget, earned, leader))(budgets, best)
    above = jnp.where(bar > INDIFFERENT, above, -jnp.inf)
    # Below all of them: of use only if it may be the only one who is asked.
    bottom = units.uninformed()
    alone = curve.value(bottom).lower
    below = rivals.last(alone)

    place = above.argmax()
    wins = (above[place] > now + INDIFFERENT) & (above[place] >= below)
    withdraws = ~wins & (below > now + INDIFFERENT)
    nothing = curve.best(bottom) if consulted == 1 else _starting_offers(units, "none")[0]
    return jnp.where(wins, curve.best(budgets[place]), jnp.where(withdraws, nothing, offers[leader]))


def _end(entries: _Entry, period: int, *, periodic: bool) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """How the process ended, and after how many steps; `period` steps give every leader a turn."""
    return ending(jnp.concatenate([entries.standing, entries.earned], 1), period, periodic=periodic)
