"""What the search for the worst equilibrium, and for a lone leader's best, hands back."""

import dataclasses
import math
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import check_leader_index
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import Standard, unheard, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@record
class WorstRichEquilibrium:
    """The follower's least value over equilibria, and an equilibrium near it.

    - `value`: in her utility units. No equilibrium is worth less than the lower end, the one below is worth
      the upper end.
    - `loss`: the same counted from full information downwards, which large constants of utility do not round.
    - `posteriors` [N, S] with `weights` [N]: an equilibrium, as a law of N public posteriors, and the
      follower's `responses` [N, T, A] after them, probabilities of actions.
    - `slack`: no leader gains more there by revealing more, in parts of its range, the largest difference
      between two actions. It includes what was forgiven.
    - `converged`: `loss` is no wider than the tolerance.
    - `candidates`: posteriors (or intervals of them) examined; `open`: those not excluded; with slack, those
      that a law may have alone.
    - `pivots`: the largest number of pivots of a program; for a logit follower, refinements of its grid.

    Of an input that is not finite nothing is known: both brackets are [-inf, inf], the rest NaN.
    """

    value: Bracket
    loss: Bracket
    posteriors: Float[Array, "N S"]
    weights: Float[Array, " N"]
    responses: Float[Array, "N T A"]
    slack: Float[Array, ""]
    converged: Bool[Array, ""]
    candidates: Int[Array, ""]
    open: Int[Array, ""]
    pivots: Int[Array, ""]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the equilibrium's public beliefs with their weights; for two states.

        `ax` are axes of Matplotlib to draw on (None: new ones), which are returned.

        Raises ValueError if there are not two states, for a batch, and if nothing was finite.
        """
        from jaxgame.drawing import beliefs

        return beliefs.law(self, ax)


@record
class LeaderClosure:
    """What a leader earns at best when alone, and a law of N posteriors that attains it.

    - `value`: in the leader's utility units; no signal earns more than the upper end.
    - `posteriors` [N, S] with `weights` [N]: a law that averages to the prior and attains the lower end. Most
      weights are 0.

    Of an input that is not finite nothing is known: the value is [-inf, inf], the law NaN.
    """

    value: Bracket
    posteriors: Float[Array, "N S"]
    weights: Float[Array, " N"]

    def plot(
        self, game: Game, leader: int, *, rationality: float = math.inf, ax: "Axes | None" = None
    ) -> "Axes":
        """Draw what `leader` of `game` earns at each belief, the concave closure of that, and the best law.

        The arguments are those with which `leader_closure` was called. For two states; the curve and its
        closure are drawn through some thousand beliefs, the points are of the law that was found. `ax` are
        axes of Matplotlib to draw on (None: new ones), which are returned.

        Raises ValueError if there are not two states, for a leader that is not there, a negative
        rationality, a batch, and if nothing was finite.
        """
        from jaxgame.drawing import beliefs

        check_leader_index(leader, game.leaders.shape[0])
        if not rationality >= 0:
            raise ValueError(f"rationality is {rationality}; it must be at least 0 (infinity is allowed)")
        return beliefs.closure(self, game, leader, rationality, ax)


def told(
    units: Standard,
    sound: Bool[Array, ""],
    loss: Bracket,
    tolerance: Float[Array, ""],
    posteriors: Float[Array, "N S"],
    weights: Float[Array, " N"],
    responses: Float[Array, "N T A"],
    slack: Float[Array, ""],
    candidates: Int[Array, ""],
    opened: Int[Array, ""],
    pivots: Int[Array, ""],
) -> WorstRichEquilibrium:
    """What was found in the caller's units; loss and tolerance are in standard ones."""
    some = units.stake > 0  # else nothing is lost, whatever rounding says
    loss = Bracket(jnp.where(some, loss.lower, 0.0), jnp.where(some, loss.upper, 0.0))
    found = WorstRichEquilibrium(
        value=loss,
        loss=loss,
        posteriors=posteriors,
        weights=weights,
        responses=responses,
        slack=slack,
        converged=(loss.width >= 0) & (loss.width <= tolerance) & sound,
        candidates=candidates,
        open=opened,
        pivots=pivots,
    )
    return dataclasses.replace(
        unheard(sound, found),
        value=unknown(sound, units.follower.bracket(Bracket(-loss.upper, -loss.lower))),
        loss=unknown(sound, units.follower.difference(loss)),
    )
