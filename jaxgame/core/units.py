"""The game in units of its own: centred and scaled once, on entry, and answers taken back at the end.

Neither a factor of a player's utility nor a constant for each (type, state) changes what anybody does, as
the law of (type, state) is fixed (theory, section 3). Every search works on the standard game, in which

- a unit is a power of two, thus exact, and the least that is not below what is at stake for the player,
  `sum_ts P(t,s) (max_a U - min_a U)`: no two outcomes differ by more than 1;
- a leader's utility is counted from its least one in each (type, state), the follower's value from full
  information downwards: what she loses.

All tolerances of the library are in these units. On the way back brackets move outwards by what the addition
of large constants rounds: a constant of 1e9 times the range costs some 1e-7 of it, and the brackets say so.
"""

import functools
import math
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record

# What a game's value of full information may be missed by, in its unit: rounding in the caller's hands.
FEASIBILITY = 1e-12

Tree = TypeVar("Tree")


@record
class Units:
    """Takes a player's value v in the standard game back to the caller's units: `unit v + base`.

    `error` is at least what computing `base` rounded, so that `bracket` holds in exact arithmetic.
    """

    unit: Float[Array, "*P"]
    base: Float[Array, "*P"]
    error: Float[Array, "*P"]

    def value(self, value: Float[Array, "*N"]) -> Float[Array, "*N"]:
        """A value in the caller's units, rounded."""
        return self.unit * value + self.base

    def bracket(self, value: Bracket) -> Bracket:
        """A bracket in the caller's units, moved outwards by the rounding; both ends finite."""
        lower, upper = self.unit * value.lower, self.unit * value.upper
        return Bracket(
            lower + self.base - self._rounded(lower),
            upper + self.base + self._rounded(upper),
        )

    def difference(self, value: Bracket) -> Bracket:
        """The same for a difference of two values, which no constant enters."""
        return Bracket(self.unit * value.lower, self.unit * value.upper)

    def counted(self, value: Float[Array, "*N"]) -> tuple[Float[Array, "*N"], Float[Array, "*N"]]:
        """A value of the caller's in the standard game, and how far rounding may have moved it."""
        doubt = self.error + jnp.finfo(value.dtype).eps * (jnp.abs(value) + jnp.abs(self.base))
        return (value - self.base) / self.unit, doubt / self.unit

    def _rounded(self, value: Float[Array, "*N"]) -> Float[Array, "*N"]:
        eps = jnp.finfo(value.dtype).eps
        return self.error + 2 * eps * (jnp.abs(value) + jnp.abs(self.base))


@record
class Standard:
    """A game in standard units.

    `game` has the given prior, leaders counted from their least utility, and the follower's utility in her
    unit but not centred: differences between two of her actions, on which obedience rests, are those given,
    however near a tie they are. What counts for her value is `loss` [T, S, A] = max_a u - u, at least 0.
    `stake` is what is at stake for her (1 in her unit at most). Utilities of impossible (t, s) are 0.
    `sound`: every number given was finite; if not, `game` is another one, made up of zeros.
    """

    game: Game
    loss: Float[Array, "T S A"]
    stake: Float[Array, ""]
    follower: Units
    leaders: Units  # fields [K]
    sound: Bool[Array, ""]

    def lost(self, outcome: Float[Array, "T S A"]) -> Float[Array, ""]:
        """What an outcome loses of the follower's value of full information."""
        return (self.loss * outcome).sum()

    def earned(self, outcome: Float[Array, "T S A"]) -> Float[Array, " K"]:
        """What the leaders earn at an outcome."""
        return (self.game.leaders * outcome[None]).sum((1, 2, 3))

    def uninformed(self) -> Float[Array, ""]:
        """What she loses without information."""
        return (self.game.prior[:, :, None] * self.loss).sum(1).min(1).sum()

    def centred(self) -> Game:
        """The game with the follower's utility counted from her best action: for what needs her values."""
        return Game(self.game.prior, -self.loss, self.game.leaders)

    def scaled(self, rationality: float | Float[Array, ""]) -> float | Float[Array, ""]:
        """A rationality, which is per unit of her utility; the float infinity, best responses, stays."""
        if checks.is_concrete(rationality) and float(rationality) == math.inf:
            return rationality
        return jnp.asarray(rationality, self.loss.dtype) * self.follower.unit

    def leader(self, leader: int | Array) -> Units:
        """One leader's units."""
        return jax.tree.map(lambda x: x[leader], self.leaders)


def standard(game: Game) -> Standard:
    """The game in standard units; see the module. Works under jit and vmap; never NaN.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> from jaxgame.core.units import standard
    >>> small = standard(jg.make_game([0.5, 0.5], [[3e-7, 1e-7], [0.0, 2e-7]], [[[9.0, 5.0], [5.0, 5.0]]]))
    >>> small.game.leaders[0, 0].tolist(), float(small.leaders.unit[0]), float(small.leaders.base[0])
    ([[2.0, 0.0], [0.0, 0.0]], 2.0, 5.0)
    """
    sound = is_sound(game)
    prior, follower, leaders = (
        jnp.where(sound, x, fallback)
        for x, fallback in ((game.prior, 1.0 / game.prior.size), (game.follower, 0.0), (game.leaders, 0.0))
    )
    possible = prior[..., None] > 0
    best, least = follower.max(2, keepdims=True), leaders.min(3, keepdims=True)
    loss = jnp.where(possible, best - follower, 0.0)
    gain = jnp.where(possible[None], leaders - least, 0.0)
    stake = (prior * loss.max(2)).sum()
    hers, theirs = power_of_two(stake), power_of_two((prior[None] * gain.max(3)).sum((1, 2)))
    return Standard(
        game=Game(prior, jnp.where(possible, follower, 0.0) / hers, gain / theirs[:, None, None, None]),
        loss=loss / hers,
        stake=stake / hers,
        follower=_units(hers, prior * best[..., 0]),
        leaders=jax.vmap(_units, (0, 0))(theirs, prior[None] * least[..., 0]),
        sound=sound,
    )


def at_stake(prior: Float[Array, "T S"], utility: Float[Array, "T S A"]) -> Float[Array, ""]:
    """What is at stake for a player, in the caller's units: no two outcomes differ by more."""
    return (prior * action_range(utility)).sum()


def action_range(utility: Float[Array, "*K T S A"]) -> Float[Array, "*K T S"]:
    """By how much two actions differ at most, in each (type, state)."""
    return utility.max(-1) - utility.min(-1)


def is_sound(*trees: object) -> Bool[Array, ""]:
    """Whether every number of the given arrays is finite."""
    found = [jnp.isfinite(x).all() for x in jax.tree.leaves(trees)]
    return functools.reduce(jnp.logical_and, found, jnp.asarray(True))


def limited(rationality: float | Float[Array, ""]) -> Float[Array, ""]:
    """A rationality, for `is_sound`: unlike other numbers it may be infinite."""
    return jnp.where(jnp.isposinf(rationality), 0.0, rationality)


def power_of_two(size: Float[Array, "*N"]) -> Float[Array, "*N"]:
    """The least power of two that is not below `size` > 0; 1 for a size of 0."""
    mantissa, exponent = jnp.frexp(size)
    above = jnp.ldexp(jnp.ones_like(size), exponent - (mantissa == 0.5).astype(exponent.dtype))
    return jnp.where(size > 0, above, 1.0)


def unknown(sound: Bool[Array, ""], bracket: Bracket) -> Bracket:
    """The bracket of a sound input; of another one nothing is known."""
    return Bracket(jnp.where(sound, bracket.lower, -jnp.inf), jnp.where(sound, bracket.upper, jnp.inf))


def unheard(sound: Bool[Array, ""], tree: Tree) -> Tree:
    """The arrays of a sound input; of another one floats are not numbers."""

    def kept(x: Array) -> Array:
        return jnp.where(sound, x, jnp.nan) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(kept, tree)


def _units(unit: Float[Array, ""], parts: Float[Array, "T S"]) -> Units:
    """Those of a player whose values are counted from the sum of `parts`, each rounded once."""
    eps = jnp.finfo(parts.dtype).eps
    # A sum of n products errs by less than n eps / 2 of the sum of their sizes, in any order.
    return Units(unit, parts.sum(), (parts.size + 2) * eps * jnp.abs(parts).sum())
