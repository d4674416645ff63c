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
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core import beliefs, checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.response import best_response
from jaxgame.core.revision import ENDS, ORDERS, ending
from jaxgame.core.units import Standard, is_sound, standard, unheard, unknown
from jaxgame.persuasion.frontier import Curve, curve_of
from jaxgame.persuasion.value import best_at, check_leader, outcome_of_recommendations

__all__ = ["ENDS", "ORDERS", "STARTS", "OfferTrace", "best_response_dynamics", "starting_offers"]

STARTS = ("selfish", "none", "full", "random")

# Revisions that gain less, in parts of what is at stake for the leader, are not made.
INDIFFERENT = 1e-9


@record
class OfferTrace:
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
    key: Array | None = None,
) -> OfferTrace:
    """Let the leaders of a `game` revise `offers` [K, T, S, A] by exact best responses, `steps` times.

    `order`: "in_turn" (0, ..., K - 1, 0, ...), "random" (one leader drawn at each step, with `key`) or
    "simultaneous" (all at once, each against the others' old offers). `outbid` > 0 is the smallest
    amount, in parts of what is at stake for the follower (`sum_ts P(t,s) (max_a u - min_a u)`), by which an
    offer must exceed its rivals' to win from them; where less room than that is left below full information,
    only full information outbids.

    Raises ValueError for an unknown order, fewer than two leaders, an outbid that is not positive, and
    "random" without a key.

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
    if not outbid > 0:
        raise ValueError(f"outbid is {outbid}; it must be positive")
    checks.check_shape("offers", offers, "[K, T, S, A]", game.leaders.shape, "as leaders is")
    turns = jnp.arange(steps) % leaders
    if order == "random":
        if key is None:
            raise ValueError("order 'random' needs a key")
        turns = jax.random.randint(key, (steps,), 0, leaders)

    check_leader(game, 0)
    units = standard(game)
    sound = units.sound & is_sound(offers)
    offers = jnp.where(sound, offers, 0.0)
    everyone = jnp.arange(leaders)
    curves = jax.vmap(curve_of, (None, 0))(units.game, units.game.leaders)
    step = outbid * units.stake

    def advance(offers: Array, turn: Array) -> tuple[Array, _Entry]:
        if order == "simultaneous":
            revised = jax.vmap(lambda j: _revised(units, curves, offers, j, step))(everyone)
        else:
            revised = offers.at[turn].set(_revised(units, curves, offers, turn, step))
        return revised, _entry(units, curves, revised)

    last, later = jax.lax.scan(advance, offers, turns)
    first = _entry(units, curves, offers)
    entries = jax.tree.map(lambda x, rest: jnp.concatenate([x[None], rest]), first, later)
    end, taken = _end(entries, leaders if order != "simultaneous" else 1, periodic=order != "random")
    gain = jax.tree.map(lambda x: (x * units.leaders.unit[None]).max(1), entries.gain)
    trace = OfferTrace(
        follower=units.follower.value(-entries.lost.min(1)),
        offers=units.follower.value(-entries.lost),
        leaders=jax.vmap(units.leaders.value)(entries.earned),
        selected=entries.selected,
        gain=gain,
        outcome=last[entries.selected[-1]],
        end=jnp.where(sound, end, ENDS.index("limit")),
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, trace), gain=jax.vmap(unknown, (None, 0))(sound, gain))


class _Entry(NamedTuple):
    """What offers lose the follower, what the selected one earns the leaders and what each could gain."""

    lost: Float[Array, "*N K"]
    earned: Float[Array, "*N K"]
    selected: Int[Array, "*N"]
    gain: Bracket


def _entry(units: Standard, curves: Curve, offers: Float[Array, "K T S A"]) -> _Entry:
    lost = jax.vmap(units.lost)(offers)
    selected = lost.argmin()
    earned = units.earned(offers[selected])
    # Sums of this many terms, none of them negative, round by less than this part of themselves.
    rounding = (2 * units.loss.size + 8) * jnp.finfo(earned.dtype).eps
    most = (1 + rounding) * lost[selected]
    lower = jax.vmap(lambda curve: curve.value(lost[selected]).lower)(curves)
    upper = jax.vmap(lambda curve: curve.value(most).upper)(curves)
    gain = Bracket(lower - (1 + rounding) * earned, upper - (1 - rounding) * earned)
    return _Entry(lost, earned, selected, gain)


def _revised(
    units: Standard,
    curves: Curve,
    offers: Float[Array, "K T S A"],
    leader: Int[Array, ""],
    outbid: Float[Array, ""],
) -> Float[Array, "T S A"]:
    """The leader's offer after it has compared keeping, outbidding and withdrawing."""
    utility = units.game.leaders[leader]
    lost = jax.vmap(units.lost)(offers)
    others = jnp.arange(len(lost)) != leader
    rival = jnp.where(others, lost, jnp.inf).argmin()
    now = (utility * offers[lost.argmin()]).sum()
    without = (utility * offers[rival]).sum()
    # At the top nobody can be outbid, but the lowest index wins a tie.
    room = lost[rival] > INDIFFERENT
    curve = jax.tree.map(lambda x: x[leader], curves)
    budget = jnp.maximum(lost[rival] - outbid, 0.0)
    outbidding = jnp.where(room, curve.value(budget).lower, -jnp.inf)

    wins = (outbidding > now + INDIFFERENT) & (outbidding >= without)
    withdraws = ~wins & (without > now + INDIFFERENT)
    nothing = _starting_offers(units, "none")[0]
    return jnp.where(wins, curve.best(budget), jnp.where(withdraws, nothing, offers[leader]))


def _end(entries: _Entry, period: int, *, periodic: bool) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """How the process ended, and after how many steps; `period` steps give every leader a turn."""
    return ending(jnp.concatenate([entries.lost, entries.earned], 1), period, periodic=periodic)
