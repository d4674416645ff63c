"""Rules by which leaders learn what to offer: a start, a choice, and what is learnt from a round.

Leaders mix the M offers of their menus. A rule is a few arrays, its `state`, and two pure functions:

| rule             | state                           | offers                                              |
| ---------------- | ------------------------------- | --------------------------------------------------- |
| hedge            | what each entry would have had  | one, drawn with weights exp(rate x that)            |
| regret_matching  | regrets for not offering it     | one, drawn in proportion to the positive ones       |
| fictitious_play  | what each entry would have had  | the best reply to all that rivals offered so far    |
| gradient         | logits, Adam's memory           | the mixture itself, one scheme: not drawn           |

A leader knows what each entry would have earned it in the round: its rivals' offers are seen afterwards.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.game import Game
from jaxgame.core.units import Standard
from jaxgame.persuasion.frontier import Curve
from jaxgame.selection.regret import felt

# What a gradient sees: she keeps a leader with probability in proportion to exp(-lost / SMOOTH), in parts of
# her unit. By whom she really keeps it knows nothing.
SMOOTH = 0.02
# A gradient's mixture begins with this many times the weight of other entries on the first.
FIRST = 20.0
STEP = 0.05  # Adam's, on logits


class Menus(NamedTuple):
    """M offers of each of K leaders, in standard units, and what they are worth to everybody."""

    offers: Float[Array, "K M T S A"]
    lost: Float[Array, "K M"]
    worth: Float[Array, "K K M"]  # to leader j, of leader k's entry m

    @classmethod
    def of(cls, units: Standard, offers: Float[Array, "K M T S A"]) -> "Menus":
        """Of these entries."""
        lost = felt(jax.vmap(jax.vmap(units.lost))(offers))
        worth = jax.vmap(jax.vmap(units.earned))(offers)  # [k, m, j]
        return cls(offers, lost, jnp.moveaxis(worth, 2, 0))

    def own(self) -> Float[Array, "K M"]:
        """What each leader earns at its own entries."""
        everyone = jnp.arange(len(self.lost))
        return self.worth[everyone, everyone]

    def at(self, entries: Int[np.ndarray, "P K"]) -> tuple[Float[Array, "P K"], Float[Array, "P K K"]]:
        """What the offers of P profiles of entries lose, and what they are worth to each leader (axis 1)."""
        everyone = np.arange(len(self.lost))
        return self.lost[everyone[None], entries], jnp.moveaxis(self.worth[:, everyone[None], entries], 0, 1)

    def mixed(self, mixture: Float[Array, "K M"]) -> tuple[Float[Array, " K"], Float[Array, "K K"]]:
        """What offers that mix the menus lose, and what they are worth to each leader."""
        return felt((mixture * self.lost).sum(1)), (mixture[None] * self.worth).sum(2)


def points_of(curves: Curve, count: int) -> Float[Array, "K M T S A"]:
    """Menus of M = `count` points of each leader's curve, evenly spaced in what they lose the follower.

    From full information, the first, to the leader's best outcome. `curves` has fields with a leading axis K.
    """
    shares = jnp.asarray(np.linspace(0.0, 1.0, count), curves.lost.dtype)
    return jax.vmap(lambda curve: jax.vmap(curve.best)(shares * curve.lost[-1]))(curves)


def check_menu(game: Game, menu: int | Float[Array, "K M T S A"]) -> None:
    """Raise ValueError unless `menu` is a number of points, at least 2, or M >= 1 entries of each leader."""
    if isinstance(menu, int):
        if menu < 2:
            raise ValueError(f"menu is {menu}; it must be at least 2 points, or an array of entries")
        return
    leaders, *rest = game.leaders.shape
    if menu.ndim != 5 or menu.shape[0] != leaders or list(menu.shape[2:]) != rest or not menu.shape[1]:
        raise ValueError(f"menu has shape {menu.shape}; it must be [K, M, T, S, A] = {(leaders, 'M', *rest)}")


class Heard(NamedTuple):
    """What leaders know after a round."""

    mixture: Float[Array, "K M"]
    payoffs: Float[Array, "K M"]  # what each entry would have earned
    earned: Float[Array, " K"]
    consulted: Bool[Array, " K"]


class Rule(NamedTuple):
    """How leaders choose, [K, M], and learn; both are pure."""

    start: Any
    choose: Callable[[Any, Array], Float[Array, "K M"]]  # of state and key
    learn: Callable[[Any, Heard], Any]


def hedge(menus: Menus, rate: Float[Array, ""]) -> Rule:
    """Exponential weights, also called multiplicative weights."""

    def choose(total: Array, key: Array) -> Array:
        return _drawn(key, rate * total)

    return Rule(jnp.zeros_like(menus.lost), choose, _summed)


def regret_matching(menus: Menus) -> Rule:
    """Hart and Mas-Colell (2000), unconditional; uniform where nothing is regretted."""

    def choose(regret: Array, key: Array) -> Array:
        positive = jnp.maximum(regret, 0.0)
        uniform = positive.sum(1, keepdims=True) <= 0
        return _drawn(key, jnp.log(jnp.where(uniform, 1.0, positive)))

    def learn(regret: Array, heard: Heard) -> Array:
        return regret + heard.payoffs - heard.earned[:, None]

    return Rule(jnp.zeros_like(menus.lost), choose, learn)


def fictitious_play(menus: Menus) -> Rule:
    """The entry that would have done best so far; of those that tie the first."""

    def choose(total: Array, key: Array) -> Array:
        return jax.nn.one_hot(total.argmax(1), total.shape[1], dtype=total.dtype)

    return Rule(jnp.zeros_like(menus.lost), choose, _summed)


def gradient(menus: Menus, rate: float | Float[Array, ""]) -> Rule:
    """Each leader's ascent on the logits of its own mixture, all at once, by Adam with step `rate`."""
    adam = optax.adam(rate)
    everyone = jnp.arange(len(menus.lost))
    logits = jnp.zeros_like(menus.lost).at[:, 0].set(jnp.log(FIRST))

    def choose(state: tuple, key: Array) -> Array:
        return jax.nn.softmax(state[0], axis=1)

    def pay(own: Array, leader: Array, mixture: Array, consulted: Array) -> Array:
        lost, worth = menus.mixed(mixture.at[leader].set(jax.nn.softmax(own)))
        kept = jax.nn.softmax(jnp.where(consulted, -lost / SMOOTH, -jnp.inf))
        return (kept * worth[leader]).sum()

    def learn(state: tuple, heard: Heard) -> tuple:
        logits, memory = state
        slope = jax.vmap(jax.grad(pay), (0, 0, None, None))(logits, everyone, heard.mixture, heard.consulted)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count with floats
            change, memory = adam.update(-slope, memory)
        return logits + change, memory

    return Rule((logits, adam.init(logits)), choose, learn)


def _summed(total: Array, heard: Heard) -> Array:
    return total + heard.payoffs


def _drawn(key: Array, logits: Float[Array, "K M"]) -> Float[Array, "K M"]:
    """One entry for each leader."""
    return jax.nn.one_hot(jax.random.categorical(key, logits, axis=1), logits.shape[1], dtype=logits.dtype)
