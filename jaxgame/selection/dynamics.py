"""Leaders who revise their offers by exact best responses, and where that ends.

An offer is an outcome the follower would have with that leader. She keeps the leader whose offer is worth
most to her, of those that tie the lowest index. A leader who revises compares

- what it has now: its utility at the selected outcome;
- outbidding: its best outcome worth at least `outbid` more than its rivals' best offer;
- withdrawing: its utility at the rivals' best offer, by offering no information.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame import beliefs, checks
from jaxgame.bracket import Bracket
from jaxgame.frontier import Frontier, leader_frontier
from jaxgame.game import Game, full_information_value, no_information_value
from jaxgame.leader import leader_value
from jaxgame.record import record
from jaxgame.response import best_response
from jaxgame.revision import ENDS, ORDERS, ending

__all__ = ["ENDS", "ORDERS", "STARTS", "Trace", "best_response_dynamics", "starting_offers"]

STARTS = ("selfish", "none", "full", "random")

# Revisions that gain less, in parts of the leader's range of utility, are not made.
INDIFFERENT = 1e-9


@record
class Trace:
    """N revisions (or rounds of simultaneous ones), and the state before the first: N + 1 entries.

    `follower` [N+1] is the value of the selected offer to the follower, `offers` [N+1, K] that of each
    offer, `leaders` [N+1, K] each leader's utility, `selected` [N+1] who is kept, `gain` [N+1] the
    exploitability of the selected outcome. `outcome` [T, S, A] is the selected one at the end.

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
    """Offers [K, T, S, A] to start from.

    "selfish": each leader's best obedient outcome; "none" and "full": no or full information from
    all; "random": each leader sends one of A messages by a law drawn uniformly for each state, and the
    follower responds; it needs a `key`.

    Raises ValueError for an unknown start, and for "random" without a key.
    """
    checks.check_choice("start", start, STARTS)
    leaders, _, states, actions = game.leaders.shape
    if start == "selfish":
        lowest = no_information_value(game)
        return jax.vmap(leader_value, (None, 0, None))(game, jnp.arange(leaders), lowest).outcome
    if start == "random":
        if key is None:
            raise ValueError("start 'random' needs a key")
        exponential = jax.random.exponential(key, (leaders, states, actions), game.prior.dtype)
        schemes = exponential / exponential.sum(2, keepdims=True)
    else:
        one = jnp.eye(states) if start == "full" else jnp.ones((states, 1))
        schemes = jnp.broadcast_to(one.astype(game.prior.dtype)[None], (leaders, *one.shape))

    def induced(scheme: Float[Array, "S M"]) -> Float[Array, "T S A"]:
        belief = beliefs.update(game.prior, scheme)
        response = best_response(beliefs.action_values(belief.posterior, game.follower))
        return beliefs.outcome(game.prior, scheme, response)

    return jax.vmap(induced)(schemes)


def best_response_dynamics(
    game: Game,
    offers: Float[Array, "K T S A"],
    order: str = "in_turn",
    outbid: float = 1e-3,
    steps: int = 200,
    key: Array | None = None,
) -> Trace:
    """Let leaders revise `offers` by exact best responses, `steps` times.

    `order`: "in_turn" (0, ..., K - 1, 0, ...), "random" (one leader drawn at each step, with `key`) or
    "simultaneous" (all at once, each against the others' old offers). `outbid` > 0 is the smallest
    amount, in the follower's utility units, by which an offer must exceed its rivals' to win from them;
    where less room than that is left below full information, only full information outbids.

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

    everyone = jnp.arange(leaders)
    curves = jax.vmap(leader_frontier, (None, 0))(game, everyone)

    def advance(offers: Array, turn: Array) -> tuple[Array, _Entry]:
        if order == "simultaneous":
            revised = jax.vmap(lambda j: _revised(game, curves, offers, j, outbid))(everyone)
        else:
            revised = offers.at[turn].set(_revised(game, curves, offers, turn, outbid))
        return revised, _entry(game, curves, revised)

    last, later = jax.lax.scan(advance, offers, turns)
    first = _entry(game, curves, offers)
    entries = jax.tree.map(lambda x, rest: jnp.concatenate([x[None], rest]), first, later)
    end, taken = _end(entries, leaders if order != "simultaneous" else 1, periodic=order != "random")
    return Trace(
        follower=entries.worth.max(1),
        offers=entries.worth,
        leaders=entries.leaders,
        selected=entries.selected,
        gain=entries.gain,
        outcome=last[entries.selected[-1]],
        end=end,
        steps=taken,
    )


class _Entry(NamedTuple):
    worth: Float[Array, "*N K"]
    leaders: Float[Array, "*N K"]
    selected: Int[Array, "*N"]
    gain: Bracket


def _entry(game: Game, curves: Frontier, offers: Float[Array, "K T S A"]) -> _Entry:
    worth = (game.follower[None] * offers).sum((1, 2, 3))
    selected = worth.argmax()
    theirs = (game.leaders * offers[selected][None]).sum((1, 2, 3))
    # Full information cannot be outbid, whatever rounding says its worth is.
    level = jnp.minimum(worth[selected], full_information_value(game))
    best = jax.vmap(lambda curve: curve.value(level))(curves)
    gain = Bracket((best.lower - theirs).max(), (best.upper - theirs).max())
    return _Entry(worth, theirs, selected, gain)


def _revised(
    game: Game, curves: Frontier, offers: Float[Array, "K T S A"], leader: Int[Array, ""], outbid: float
) -> Float[Array, "T S A"]:
    """The leader's offer after it has compared keeping, outbidding and withdrawing."""
    utility = game.leaders[leader]
    worth = (game.follower[None] * offers).sum((1, 2, 3))
    others = jnp.arange(len(worth)) != leader
    rival = jnp.where(others, worth, -jnp.inf).argmax()
    now = (utility * offers[worth.argmax()]).sum()
    without = (utility * offers[rival]).sum()
    full = full_information_value(game)
    # At the top nobody can be outbid, but the lowest index wins a tie.
    room = worth[rival] < full - INDIFFERENT
    curve = jax.tree.map(lambda x: x[leader], curves)
    level = jnp.minimum(worth[rival] + outbid, full)
    outbidding = jnp.where(room, curve.value(level).lower, -jnp.inf)

    needed = INDIFFERENT * jnp.maximum(utility.max() - utility.min(), INDIFFERENT)
    wins = (outbidding > now + needed) & (outbidding >= without)
    withdraws = ~wins & (without > now + needed)
    nothing = starting_offers(game, "none")[0]
    return jnp.where(wins, curve.best(level), jnp.where(withdraws, nothing, offers[leader]))


def _end(entries: _Entry, period: int, *, periodic: bool) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """How the process ended, and after how many steps; `period` steps give every leader a turn."""
    return ending(jnp.concatenate([entries.worth, entries.leaders], 1), period, periodic=periodic)
