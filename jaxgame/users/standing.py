"""A game of users: its types are users, each with units of her own, and the programs of what they are told.

A user j has the law P(s | j) of the state, her utility u_j, and leaders' pay U_ij for what she does. All hear
what a leader says to everybody. A scheme tells each of them what to do, by one message that all of them read:
so obedience holds for each user and message, and outcomes are those of `persuasion.obedient`, where the types
are users.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import FEASIBILITY, Units, is_sound, standard
from jaxgame.persuasion.obedient import Obedient

MAX_USERS = 4
MAX_ENTRIES = 128  # variables of a program: states times recommendations, S A^J
MAX_ROWS = 512  # J A^J (A - 1) rows of obedience


@record
class Standing:
    """A game of users in standard units (`core.units`), each user's own.

    `law` [T, S] is P(s | user), `share` [T] each user's part of what leaders are paid for. `follower` and
    `loss` [T, S, A] are in the users' units, counted as in `units.Standard`; `leaders` [K, T, S, A] in each
    leader's. `users` are units with fields [T], of values given that she is the user; `theirs` those of the
    leaders [K]. `stake` [T] is what is at stake for each user, in her unit.
    """

    law: Float[Array, "T S"]
    share: Float[Array, " T"]
    follower: Float[Array, "T S A"]
    leaders: Float[Array, "K T S A"]
    loss: Float[Array, "T S A"]
    stake: Float[Array, " T"]
    users: Units
    theirs: Units
    sound: Bool[Array, ""]

    def lost(self, outcome: Float[Array, "T S A"]) -> Float[Array, " T"]:
        """What an outcome loses each user of her full information."""
        return (self.loss * outcome).sum((1, 2)) / self.share

    def paid(self, outcome: Float[Array, "T S A"]) -> Float[Array, "K T"]:
        """What each leader is paid for each user at an outcome."""
        return (self.leaders * outcome[None]).sum((2, 3))

    def uninformed(self) -> Float[Array, " T"]:
        """What each user loses without information."""
        return (self.law[:, :, None] * self.loss).sum(1).min(1)


def check_users(game: Game) -> None:
    """Raise ValueError for a user of probability 0, of whose states nothing is known."""
    checks.check_float64("game", game.follower, "games of users")
    if not checks.is_concrete(game.prior):
        return
    share = np.asarray(game.prior).sum(1)
    if not (share > 0).all():
        user = int(share.argmin())
        raise ValueError(f"prior[{user}] sums to {float(share[user])}; it must be above 0 for every user")


def check_size(game: Game) -> None:
    """Raise ValueError for a game whose programs are too large."""
    check_users(game)
    users, states, actions = game.follower.shape
    if users > MAX_USERS:
        raise ValueError(f"game has {users} users; best responses to all of them are for at most {MAX_USERS}")
    told = actions**users
    entries, rows = states * told, users * told * max(actions - 1, 1)
    if entries > MAX_ENTRIES or rows > MAX_ROWS:
        raise ValueError(
            f"game has {users} users, {states} states and {actions} actions: programs of S A^J = {entries} "
            f"variables and J A^J (A - 1) = {rows} rows; they must have at most {MAX_ENTRIES} and {MAX_ROWS}"
        )


def alone(game: Game) -> Game:
    """The games of one user each, as a batch: fields lead with axis T. Each is given that she is the user.

    `game` is a game of users. The leaders' utilities are what they are paid for her alone.
    """
    share = game.prior.sum(1, keepdims=True)
    law = game.prior / jnp.where(share > 0, share, 1.0)

    def single(law: Array, follower: Array, leaders: Array) -> Game:
        return Game(law[None], follower[None], leaders[:, None])

    return jax.vmap(single, (0, 0, 1))(law, game.follower, game.leaders)


def standing(game: Game) -> Standing:
    """The game of users in standard units. Works under jit and vmap; never NaN."""
    share = game.prior.sum(1)
    sound = is_sound(game) & (share > 0).all()
    users = game.prior.shape[0]
    singles = alone(game)
    each = jax.vmap(standard)(jax.tree.map(lambda x: jnp.where(sound, x, 0.0), singles))
    whole = standard(jax.tree.map(lambda x: jnp.where(sound, x, jnp.nan), game))
    return Standing(
        law=jnp.where(sound, singles.prior[:, 0], 1.0 / game.prior.shape[1]),
        share=jnp.where(sound, share, 1.0 / users),
        follower=each.game.follower[:, 0],
        leaders=whole.game.leaders,
        loss=each.loss[:, 0],
        stake=each.stake,
        users=each.follower,
        theirs=whole.leaders,
        sound=sound,
    )


class Programs(NamedTuple):
    """Coefficients of programs over schemes y of N = S A^J entries, in standard units."""

    obedient: Obedient
    share: Float[Array, " T"]
    lost: Float[Array, "T N"]  # what y loses each user
    paid: Float[Array, "K T N"]  # what it brings each leader from each user

    @classmethod
    def of(cls, units: Standing) -> "Programs":
        """Those of schemes that all users hear."""
        obedient = Obedient.of(Game(units.law, units.follower, units.leaders))
        own = jnp.eye(len(units.share))[:, :, None, None]  # what one user does, and nobody else
        lost = obedient.worth(own * units.loss[None])
        pay = units.leaders * units.share[None, :, None, None]
        paid = jax.vmap(lambda leader: obedient.worth(own * leader[None]))(pay)
        return cls(obedient, units.share, lost, paid)

    def outcome(self, scheme: Float[Array, " N"]) -> Float[Array, "T S A"]:
        """The outcome of a scheme y."""
        return self.obedient.outcome(scheme) * self.share[:, None, None]

    def whole(self, scheme: Float[Array, " N"]) -> Float[Array, " N"]:
        """A scheme y as the solver left it, with probabilities that sum to 1."""
        total = self.obedient.sums.T @ (self.obedient.sums @ scheme)
        return divided(scheme, total, total > 0)

    def disobeyed(self, scheme: Float[Array, " N"]) -> Float[Array, " T"]:
        """What each user gains by doing what is best for her at each message of y: 0 but for rounding."""
        gains = (self.obedient.rows @ scheme).reshape(-1, len(self.share), self.obedient.actions - 1)
        return gains.max(2, initial=0.0).sum(0)

    def informed(self) -> Float[Array, " N"]:
        """The scheme of full information: in each state what is best for all users there."""
        states = self.obedient.sums.shape[0]
        lost = self.lost.sum(0).reshape(states, -1)
        return jax.nn.one_hot(lost.argmin(1), lost.shape[1], dtype=lost.dtype).reshape(-1)

    def uninformed(self) -> Float[Array, " N"]:
        """The scheme of no information: in all states what is best for all users without it."""
        states = self.obedient.sums.shape[0]
        lost = self.lost.sum(0).reshape(states, -1)
        best = jax.nn.one_hot(lost.sum(0).argmin(), lost.shape[1], dtype=lost.dtype)
        return jnp.broadcast_to(best[None], lost.shape).reshape(-1)


# Thresholds count as met within this, in a user's unit.
WITHIN = FEASIBILITY
