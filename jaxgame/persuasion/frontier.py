"""A leader's whole value curve f_j, computed once: then every best response is an interpolation.

f_j is piecewise linear, and the walk that solves its program passes all its kinks (`pivoting`). The
outcomes at the kinks and their mixtures are best responses to any threshold; the multipliers at each kink are
an affine function above the whole curve. Both hold whatever the solver did: a kink it missed
widens the bracket between its neighbours.

`Curve` is the curve in standard units (`units`), as a function of what the follower may lose; `Frontier` the
same for a caller, in her units of value.
"""

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import Standard, standard, unheard, unknown
from jaxgame.persuasion.lanes import Solved, solve_frontiers
from jaxgame.persuasion.value import budget_of, check_leader, outcome_of_recommendations

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@record
class Curve:
    """What a leader earns at most if the follower loses at most l, by its kinks, all in standard units.

    `outcome` [N, T, S, A] are best responses that lose `lost` [N], from 0 up, and earn `earned` [N] for
    certain, ascending. No outcome that loses at most l earns more than `height + price l` [N], for each of
    the N.
    """

    lost: Float[Array, " N"]
    earned: Float[Array, " N"]
    outcome: Float[Array, "N T S A"]
    height: Float[Array, " N"]
    price: Float[Array, " N"]
    converged: Bool[Array, ""]

    def value(self, budget: Float[Array, ""]) -> Bracket:
        """What is earned at a budget that is at least 0; true in exact arithmetic."""
        eps = 8 * jnp.finfo(budget.dtype).eps
        first, share = self._between(budget)
        second = jnp.minimum(first + 1, len(self.lost) - 1)
        low, high = self.earned[first], self.earned[second]
        run = self.lost[second] - self.lost[first]
        slope = divided(jnp.maximum(high - low, 0.0), run, run > 0)
        # Rounding of the share matters where the curve is steep.
        rounded = eps * (jnp.abs(low) + jnp.abs(high) + slope * (budget + self.lost[first]))
        lines = self.height + self.price * budget
        lines += eps * (jnp.abs(self.height) + self.price * budget)
        return Bracket((1 - share) * low + share * high - rounded, lines.min())

    def best(self, budget: Float[Array, ""]) -> Float[Array, "T S A"]:
        """The outcome [T, S, A] that attains `value(budget).lower`."""
        first, share = self._between(budget)
        second = jnp.minimum(first + 1, len(self.lost) - 1)
        return (1 - share) * self.outcome[first] + share * self.outcome[second]

    def _between(self, budget: Float[Array, ""]) -> tuple[Int[Array, ""], Float[Array, ""]]:
        """The last kink that loses no more than the budget, and how far it is from there to the next."""
        last = len(self.lost) - 1
        first = jnp.clip((self.lost <= budget).sum() - 1, 0, last)
        here, there = self.lost[first], self.lost[jnp.minimum(first + 1, last)]
        inside = (there > here) & (budget < there)
        share = divided(budget - here, there - here, inside)
        return first, jnp.clip(share, 0.0, 1.0)


@record
class Frontier:
    """The kinks of f_j, from full information down to the leader's best outcome; the last is repeated.

    `outcome` [N, T, S, A] are best responses, worth `worth` [N] to the follower, descending, and `earned` [N]
    to the leader, ascending. No outcome worth v earns more than `above - price * v` [N], for
    each of the N, but for rounding, which `value` allows for. `converged` says that brackets at the kinks are
    narrower than 1e-9 of what is at stake for the leader and that no kink is missing. `curve` is the same in
    the standard `units` of the game, from which `value` and `best` are computed.
    """

    worth: Float[Array, " N"]
    earned: Float[Array, " N"]
    outcome: Float[Array, "N T S A"]
    above: Float[Array, " N"]
    price: Float[Array, " N"]
    converged: Bool[Array, ""]
    curve: Curve
    units: Standard

    def value(self, threshold: Float[Array, ""]) -> Bracket:
        """f_j at one threshold; -inf above full information, as `leader_value`."""
        budget, doubt = budget_of(self.units, threshold)
        within = jnp.maximum(budget, 0.0)
        found = Bracket(self.curve.value(within).lower, self.curve.value(within + doubt).upper)
        value = self.units.leader(0).bracket(found)
        nothing = jnp.where(budget >= 0, 0.0, -jnp.inf)
        sound = self.units.sound & jnp.isfinite(threshold)
        return unknown(sound, Bracket(value.lower + nothing, value.upper + nothing))

    def best(self, threshold: Float[Array, ""]) -> Float[Array, "T S A"]:
        """The outcome [T, S, A] that attains `value(threshold).lower`; full information above it."""
        budget, _ = budget_of(self.units, threshold)
        return unheard(jnp.isfinite(threshold), self.curve.best(jnp.maximum(budget, 0.0)))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw f_j over all that she may be left with, from no to full information, and its proof from above.

        `ax` are axes of Matplotlib to draw on (None: new ones), which are returned.

        Raises ValueError for a batch of curves, and if they are not finite.
        """
        from jaxgame.drawing import pictures

        return pictures.frontier(self, ax)


def leader_frontier(game: Game, leader: int | Int[Array, ""]) -> Frontier:
    """The whole curve f_j of leader j = `leader` of the `game`, exact up to the brackets; no derivatives.

    Sizes and errors are those of `leader_value`. Works under jit and vmap.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]]
    ... )
    >>> curve = jg.leader_frontier(judge, 0)
    >>> [round(float(curve.value(jax.numpy.array(v)).upper), 6) for v in (0.7, 0.85, 1.0)]
    [0.6, 0.45, 0.3]
    """
    check_leader(game, leader)
    return _frontier(*jax.lax.stop_gradient((game.prior, game.follower, game.leaders[leader])))


def leader_curves(game: Game) -> Curve:
    """The curves of all leaders of the `game` in standard units, fields with a leading axis K.

    Computed once, several runs of `selection.learning` on one game can share them. Sizes and errors are those
    of `leader_value`. Works under jit and vmap.
    """
    check_leader(game, 0)
    return _curves(game)


@jax.jit
def _curves(game: Game) -> Curve:
    units = standard(game)
    return jax.vmap(lambda utility: _sound(units, curve_of(units.game, utility)))(units.game.leaders)


@jax.jit
def _frontier(prior: Array, follower: Array, utility: Array) -> Frontier:
    units = standard(Game(prior, follower, utility[None]))
    curve = curve_of(units.game, units.game.leaders[0])
    curve = _sound(units, curve)
    hers, theirs = units.follower, units.leader(0)
    price = curve.price * (theirs.unit / hers.unit)
    return Frontier(
        worth=hers.value(-curve.lost),
        earned=theirs.value(curve.earned),
        outcome=curve.outcome,
        above=theirs.value(curve.height) + price * hers.base,
        price=price,
        converged=curve.converged,
        curve=curve,
        units=units,
    )


def _sound(units: Standard, curve: Curve) -> Curve:
    """The curve, of which nothing is known if the game is not finite."""
    return dataclasses.replace(unheard(units.sound, curve), converged=curve.converged & units.sound)


def curve_of(game: Game, utility: Float[Array, "T S A"]) -> Curve:
    """The curve of a leader with `utility`, all in standard units."""
    return proved_curve(game, utility)[0]


def proved_curve(game: Game, utility: Float[Array, "T S A"]) -> tuple[Curve, Solved]:
    """The curve, and schemes and multipliers of its kinks from the second on, which prove them."""
    solved = solve_frontiers(game.prior[None], game.follower[None], utility[None])
    solved = jax.tree.map(lambda x: x[0], solved)
    actions = game.follower.shape[2]
    outcome = outcome_of_recommendations(game.prior, solved.scheme, actions)
    loss = game.follower.max(2, keepdims=True) - game.follower
    # The first kink is full information itself, ties in the leader's favour; the walk's may lose a little.
    known = jax.nn.one_hot(jnp.where(loss == 0, utility, -jnp.inf).argmax(2), actions, dtype=loss.dtype)
    known = game.prior[:, :, None] * known
    outcome = jnp.concatenate([known[None], outcome])
    size = (game.prior * jnp.abs(utility).max(2)).sum()
    told = (known * utility).sum() - (known.size + 4) * jnp.finfo(loss.dtype).eps * size
    most = (game.prior * utility.max(2)).sum() + (known.size + 4) * jnp.finfo(loss.dtype).eps * size
    # Repaired outcomes are in order up to rounding; what is attained by losing less is attained anyway.
    curve = Curve(
        lost=jax.lax.cummax((loss[None] * outcome).sum((1, 2, 3))),
        earned=jax.lax.cummax(jnp.concatenate([told[None], solved.lower])),
        outcome=outcome,
        height=jnp.concatenate([most[None], solved.height]),  # nothing earns more than everything
        price=jnp.concatenate([jnp.zeros(1), solved.price]),
        converged=solved.converged.all(),
    )
    return curve, solved
