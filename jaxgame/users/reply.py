"""A leader's best response when many users hear it and each keeps the leader best for her.

The rivals' best offer to user j loses her r_j. For each set W of users to be won, one linear program:

    max sum_{j in W} U_ij(y)   over obedient y that lose the users in W at most r_j, the others at least r_j,

who stay with the rival that serves them, and pay what they paid. The best of the 2^J sets is the leader's
best response [own]. Ties go to whoever deviates: what nobody can gain then is an equilibrium whatever users
do when offers tie, and with one user it is f_j of best-AI selection.
"""

import dataclasses
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, unheard, unknown
from jaxgame.lp import STATUS, LinearSolution, linprog
from jaxgame.users.standing import WITHIN, Programs, Standing, check_size, standing

FEASIBLE = 1e-9  # an offer may miss its prior, or obedience in parts of what is at stake, by this much
OPTIMAL, INFEASIBLE = STATUS.index("optimal"), STATUS.index("infeasible")


@record
class UsersBest:
    """A leader's best response to the rivals' offers, before many users.

    `outcome` [T, S, A] = P(t, s, a), where t is the user, is what users have who follow it; `scheme` [S, M]
    the probability of each message in each state, a map user -> action in lexicographic order, which all
    read. `won` [T] says who keeps it. `value` is what the leader is paid then, by all users, in its utility
    units; `by_set` [N_sets] the same for every set of users that it may try to win, with axis N_sets over the
    sets in the order of `sets_of`: [-inf, -inf] where no scheme wins just them. `converged` says that
    all programs were solved; `pivots` counts their steps.
    """

    outcome: Float[Array, "T S A"]
    scheme: Float[Array, "S M"]
    won: Bool[Array, " T"]
    value: Bracket
    by_set: Bracket
    converged: Bool[Array, ""]
    pivots: Int[Array, ""]


def sets_of(users: int) -> np.ndarray:
    """All sets of so many `users` as rows [N_sets, J] of True for members: nobody first, everybody last.

    >>> from jaxgame.users import sets_of
    >>> sets_of(2).astype(int).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.array(list(itertools.product([False, True], repeat=users)))


def best_response(game: Game, offers: Float[Array, "K T S A"], leader: int | Int[Array, ""]) -> UsersBest:
    """The best that one `leader` can offer all users of a `game`, against the others' `offers`.

    `offers` [K, T, S, A] are outcomes P(t, s, a), t the user; the leader's own is ignored. Each user keeps
    the offer that is worth most to her; of those that tie the leader's own, then that with the lowest index.
    Exact, over all schemes: 2^J programs by `lp.linprog`, for up to 4 users, with S A^J at most 128 and J A^J
    (A - 1) at most 512. A single leader has all users, who need not follow it. Values count as kept within
    1e-12 of what is at stake for a user. Works under jit and vmap.

    Raises ValueError for a game that is too large, a leader that is not there, offers of another shape or
    that no follower would obey, a user of probability 0, and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> rivals = jg.users.opposed(0.5)             # each is paid its own user's match, less half the other's
    >>> silent = jg.selection.starting_offers(rivals, "none")
    >>> best = jg.users.best_response(rivals, silent, 0)
    >>> best.won.tolist(), round(float(best.value.lower), 9)    # all pay, half of (1 - .5)
    ([True, True], 0.25)
    """
    check_size(game)
    checks.check_leader_index(leader, len(game.leaders))
    check_offers(game, offers)
    return _best(game, offers, jnp.asarray(leader))


@jax.jit  # a call outside jit would otherwise compile the solver's loops anew each time
def _best(game: Game, offers: Float[Array, "K T S A"], leader: Int[Array, ""]) -> UsersBest:
    units = standing(game)
    sound = units.sound & is_sound(offers)
    offers = jnp.where(sound, offers, 0.0)
    programs = Programs.of(units)
    rivals = Rivals.of(units, offers, leader)
    found = replies(programs, rivals, leader)
    place = found.value.lower.argmax()
    theirs = jax.tree.map(lambda x: x[leader], units.theirs)
    upper = found.value.upper.max()
    by_set = jax.vmap(theirs.bracket)(jax.tree.map(lambda x: jnp.where(jnp.isfinite(x), x, 0.0), found.value))
    by_set = Bracket(
        jnp.where(jnp.isfinite(found.value.lower), by_set.lower, found.value.lower),
        jnp.where(jnp.isfinite(found.value.upper), by_set.upper, found.value.upper),
    )
    states = game.prior.shape[1]
    best = UsersBest(
        outcome=programs.outcome(found.scheme[place]),
        scheme=found.scheme[place].reshape(states, -1),
        won=jnp.asarray(sets_of(len(units.share)))[place],
        value=unknown(sound, theirs.bracket(Bracket(found.value.lower[place], upper))),
        by_set=jax.vmap(unknown, (None, 0))(sound, by_set),
        converged=found.known.all() & sound,
        pivots=found.pivots.sum().astype(jnp.int32),
    )
    return dataclasses.replace(unheard(sound, best), value=best.value, by_set=best.by_set)


def exploitability(game: Game, offers: Float[Array, "K T S A"]) -> Bracket:
    """The largest gain that a leader of a `game` has by another offer to all users, in the leaders' units.

    `offers` [K, T, S, A] are outcomes P(t, s, a), t the user; of offers that tie she keeps that with the
    lowest index, but one who deviates wins ties. 0 at equilibria, whatever users do when offers tie. Size
    and method are those of `best_response`. Works under jit and vmap.

    Raises ValueError as `best_response` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> silent = {k: jg.selection.starting_offers(jg.users.opposed(k), "none") for k in (0.5, 1.1)}
    >>> gains = {k: jg.users.exploitability(jg.users.opposed(k), silent[k]) for k in silent}
    >>> [round(float(gain.upper), 9) for gain in gains.values()]    # beyond 1 nobody wants to inform anybody
    [0.125, 0.0]
    """
    check_size(game)
    check_offers(game, offers)
    return _exploitability(game, offers)


@jax.jit
def _exploitability(game: Game, offers: Float[Array, "K T S A"]) -> Bracket:
    units = standing(game)
    sound = units.sound & is_sound(offers)
    offers = jnp.where(sound, offers, 0.0)
    gain = gains(units, Programs.of(units), offers)
    return unknown(sound, Bracket(*((units.theirs.unit * x).max() for x in (gain.lower, gain.upper))))


def gains(units: Standing, programs: Programs, offers: Float[Array, "K T S A"]) -> Bracket:
    """What each leader gains at most by another offer, [K], in its unit."""
    rounding = rounding_of(offers[0])
    everyone = jnp.arange(len(offers))
    now = paid_now(units, offers)

    def one(leader: Array) -> tuple[Array, Array]:
        found = replies(programs, Rivals.of(units, offers, leader), leader)
        return found.value.lower.max(), found.value.upper.max()

    lower, upper = jax.vmap(one)(everyone)
    return Bracket(lower - now - 4 * rounding, upper - now + 4 * rounding)


class Rivals(NamedTuple):
    """What a leader's rivals offer each user: the best of them, and what the leader is paid if she keeps it.

    `free` says whether users have somebody else: without rivals they have not, and all count as won.
    """

    lost: Float[Array, " T"]
    paid: Float[Array, " T"]
    none: Float[Array, " T"]  # what users lose without information
    free: bool

    @classmethod
    def of(cls, units: Standing, offers: Float[Array, "K T S A"], leader: Int[Array, ""]) -> "Rivals":
        """Those of a leader."""
        none = units.uninformed()
        if len(offers) == 1:
            return cls(none, jnp.zeros_like(none), none, False)
        lost = jax.vmap(units.lost)(offers)
        lost = jnp.where(jnp.arange(len(offers))[:, None] == leader, jnp.inf, lost)
        best = lost.argmin(0)
        worth = (units.leaders[leader][None] * offers).sum((2, 3))
        users = np.arange(lost.shape[1])
        return cls(lost[best, users], worth[best, users], none, True)


class Replies(NamedTuple):
    """The best reply for each of the sets of users to be won."""

    scheme: Float[Array, "W N"]
    value: Bracket
    known: Bool[Array, " W"]
    pivots: Int[Array, " W"]


def replies(
    programs: Programs, rivals: Rivals, leader: Int[Array, ""], margin: float | Array = 0.0
) -> Replies:
    """The leader's best reply for each set of users to be won by `margin`, [T] or a number, in their units.

    Those who are not to be won are left as well off with their rival, by `margin` too.
    """
    won = jnp.asarray(sets_of(len(programs.share)))

    def one(members: Bool[Array, " T"]) -> Replies:
        won_at = jnp.maximum(rivals.lost - margin, 0.0)
        sign = jnp.where(members, 1.0, -1.0)
        left_at = jnp.minimum(rivals.lost + margin, rivals.none)
        level = jnp.where(members, won_at, -left_at) + WITHIN
        pay = members.astype(sign.dtype) @ programs.paid[leader]
        found = least(programs, -pay, sign[:, None] * programs.lost, level)
        stay = jnp.where(members, 0.0, rivals.paid).sum()
        possible = members.all() | rivals.free
        # What it attains rests on levels that are met within WITHIN: the multipliers say what that brought.
        brought = WITHIN * jnp.abs(found.dual_ub[-len(level) :]).sum()
        value = Bracket(
            jnp.where(possible, stay - found.value.upper - brought, -jnp.inf),
            jnp.where(possible, stay - found.value.lower, -jnp.inf),
        )
        known = (found.status == OPTIMAL) | (found.status == INFEASIBLE) | ~possible
        return Replies(found.x, value, known, found.pivots)

    return jax.vmap(one)(won)


def least(
    programs: Programs, cost: Float[Array, " N"], rows: Float[Array, "R N"], right: Float[Array, " R"]
) -> LinearSolution:
    """The least cost of an obedient scheme that meets further rows."""
    sums = programs.obedient.sums
    A_ub = jnp.concatenate([programs.obedient.rows, rows])
    b_ub = jnp.concatenate([jnp.zeros(len(programs.obedient.rows), cost.dtype), right])
    return linprog(cost, A_ub, b_ub, sums, jnp.ones(len(sums), cost.dtype))


def kept(units: Standing, offers: Float[Array, "K T S A"]) -> Int[Array, " T"]:
    """Whom each user keeps: the best offer, of those that tie the lowest index."""
    return jax.vmap(units.lost)(offers).argmin(0)


def paid_now(units: Standing, offers: Float[Array, "K T S A"]) -> Float[Array, " K"]:
    """What each leader is paid where every user keeps the best offer."""
    who = kept(units, offers)
    has = offers[who, np.arange(len(units.share))]
    return units.paid(has).sum(1)


def rounding_of(outcome: Float[Array, "T S A"]) -> float:
    """Sums over an outcome, of terms that are not negative, round by less than this part of themselves."""
    return (2 * outcome.size + 8) * float(jnp.finfo(outcome.dtype).eps)


def check_offers(game: Game, offers: Float[Array, "K T S A"]) -> None:
    """Raise ValueError unless users may obey the offers, and their law of users and states is the prior."""
    checks.check_shape("offers", offers, "[K, T, S, A]", game.leaders.shape, "as leaders is")
    checks.check_finite("offers", offers)
    if not checks.is_concrete(game.prior, game.follower, offers):
        return
    error = float(jnp.abs(offers.sum(3) - game.prior[None]).max())
    low = float(offers.min())
    if error > FEASIBLE or low < -FEASIBLE:
        raise ValueError(
            f"offers miss the prior by {error:.3g} (least entry {low:.3g}); their sums over actions must be "
            "the prior, their entries at least 0"
        )
    units = standing(game)
    gaps = units.follower[..., :, None] - units.follower[..., None, :]  # [T, S, a, b]
    held = jnp.einsum("ktsa,tsab->ktab", offers / units.share[None, :, None, None], gaps)
    leader, user, action, better = np.unravel_index(int(held.argmin()), held.shape)
    missed = -float(held.min())
    if missed > FEASIBLE * max(float(units.stake[user]), FEASIBLE):
        raise ValueError(
            f"offers[{leader}] is not obedient: where user {user} takes action {action}, action {better} is "
            f"better by {missed * float(units.users.unit[user]):.3g}; she would not take it"
        )
