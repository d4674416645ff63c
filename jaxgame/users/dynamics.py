"""Leaders who revise what they say to all users by exact best responses, and where that ends.

An offer is an outcome of all users, who each keep the offer that is worth most to her; of those that tie the
lowest index. A leader who revises compares, for each set of users, the best offer that wins just them by
`outbid`, and makes the best of these if it then is paid more than now. All is computed in standard units.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.drawn import DrawnProcess
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.revision import ENDS, ORDERS, ending
from jaxgame.core.units import is_sound, unheard, unknown
from jaxgame.users.reply import Rivals, check_offers, gains, kept, paid_now, replies
from jaxgame.users.standing import Programs, Standing, check_size, standing

# Revisions that gain less, in parts of what is at stake for the leader, are not made.
INDIFFERENT = 1e-9


@record
class UsersTrace(DrawnProcess):
    """N revisions (or rounds of simultaneous ones), and the state before the first: N + 1 entries.

    With N_plus_1 = N + 1, `users` [N_plus_1, T] is what each user has of the offer she keeps, `leaders`
    [N_plus_1, K] each leader's pay, `selected` [N_plus_1, T] whom each user keeps. At the end `offers`
    [K, T, S, A] are made, and `gain` is their exploitability.

    `end` is the place in `revision.ENDS`: "converged" (no leader would revise), "cycle" (a state returned
    and the order of revisions is periodic), or "limit". `steps` counts revisions before the end.
    """

    users: Float[Array, "N_plus_1 T"]
    leaders: Float[Array, "N_plus_1 K"]
    selected: Int[Array, "N_plus_1 T"]
    offers: Float[Array, "K T S A"]
    gain: Bracket
    end: Int[Array, ""]
    steps: Int[Array, ""]


def dynamics(
    game: Game,
    offers: Float[Array, "K T S A"],
    *,
    order: str = "in_turn",
    outbid: float = 1e-3,
    steps: int = 60,
    key: Array | None = None,
) -> UsersTrace:
    """Let the leaders of a `game` of users revise `offers` [K, T, S, A] by best responses, `steps` times.

    `offers` are outcomes P(t, s, a), t the user, such as `selection.starting_offers` gives. `order`:
    "in_turn" (0, ..., K - 1, 0, ...), "random" (one leader drawn at each step, with `key`) or "simultaneous"
    (all at once). `outbid` > 0 is the smallest amount, in parts of what is at stake for a user, by which an
    offer must exceed its rivals' to win her from them, and fall short of them to leave her to them; where
    less room than that is left only the end of what is possible does. Size is that of `best_response`.

    Raises ValueError for an unknown order, fewer than two leaders, an outbid that is not positive, "random"
    without a key, and as `best_response` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> rivals = jg.users.opposed(0.5)
    >>> trace = jg.users.dynamics(rivals, jg.selection.starting_offers(rivals, "none"), steps=8)
    >>> [round(float(v), 6) for v in trace.users[-1]], jg.selection.ENDS[int(trace.end)]
    ([1.0, 1.0], 'converged')
    """
    checks.check_choice("order", order, ORDERS)
    leaders = game.leaders.shape[0]
    if leaders < 2:
        raise ValueError(f"game has {leaders} leader; dynamics need at least two")
    if not outbid > 0:
        raise ValueError(f"outbid is {outbid}; it must be positive")
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1")
    if order == "random" and key is None:
        raise ValueError("order 'random' needs a key")
    check_size(game)
    check_offers(game, offers)
    turns = jnp.arange(steps) % leaders
    if order == "random":
        assert key is not None
        turns = jax.random.randint(key, (steps,), 0, leaders)
    return _dynamics(game, offers, turns, outbid, order=order)


@functools.partial(jax.jit, static_argnames="order")
def _dynamics(
    game: Game, offers: Float[Array, "K T S A"], turns: Int[Array, " N"], outbid: Array, *, order: str
) -> UsersTrace:
    units = standing(game)
    sound = units.sound & is_sound(offers)
    offers = jnp.where(sound, offers, 0.0)
    programs = Programs.of(units)
    leaders, together = len(offers), order == "simultaneous"
    margin = outbid * units.stake

    def advance(offers: Array, turn: Array) -> tuple[Array, _Entry]:
        if together:
            after = jax.vmap(lambda j: _revised(units, programs, offers, j, margin))(jnp.arange(leaders))
        else:
            after = offers.at[turn].set(_revised(units, programs, offers, turn, margin))
        return after, _Entry.of(units, after)

    last, later = jax.lax.scan(advance, offers, turns)
    first = _Entry.of(units, offers)
    entries = jax.tree.map(lambda x, rest: jnp.concatenate([x[None], rest]), first, later)
    states = jnp.concatenate([entries.lost.reshape(len(turns) + 1, -1), entries.earned], 1)
    end, taken = ending(states, 1 if together else leaders, periodic=order != "random")
    gain = gains(units, programs, last)
    trace = UsersTrace(
        users=jax.vmap(units.users.value)(-entries.hers),
        leaders=jax.vmap(units.theirs.value)(entries.earned),
        selected=entries.selected,
        offers=last,
        gain=Bracket(*((units.theirs.unit * x).max() for x in (gain.lower, gain.upper))),
        end=jnp.where(sound, end, ENDS.index("limit")),
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, trace), gain=unknown(sound, trace.gain))


class _Entry(NamedTuple):
    """What offers lose the users, what each has of those she keeps, and what leaders earn."""

    lost: Float[Array, "*N K T"]
    hers: Float[Array, "*N T"]
    earned: Float[Array, "*N K"]
    selected: Int[Array, "*N T"]

    @classmethod
    def of(cls, units: Standing, offers: Float[Array, "K T S A"]) -> "_Entry":
        lost = jax.vmap(units.lost)(offers)
        return cls(lost, lost.min(0), paid_now(units, offers), kept(units, offers))


def _revised(
    units: Standing,
    programs: Programs,
    offers: Float[Array, "K T S A"],
    leader: Int[Array, ""],
    margin: Float[Array, " T"],
) -> Float[Array, "T S A"]:
    """The leader's offer after it has compared all sets of users that it could win."""
    found = replies(programs, Rivals.of(units, offers, leader), leader, margin)
    schemes = jnp.where(found.known[:, None], found.scheme, 0.0)
    made = jax.vmap(programs.outcome)(schemes)

    def paid(offer: Array) -> Array:
        return paid_now(units, offers.at[leader].set(offer))[leader]

    earned = jnp.where(jnp.isfinite(found.value.lower), jax.vmap(paid)(made), -jnp.inf)
    place = earned.argmax()
    better = earned[place] > paid(offers[leader]) + INDIFFERENT
    return jnp.where(better, made[place], offers[leader])
