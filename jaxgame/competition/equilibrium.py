"""What the search for the worst equilibrium, and for a lone leader's best, hands back."""

from jaxtyping import Array, Bool, Float, Int

from jaxgame.bracket import Bracket
from jaxgame.record import record


@record
class WorstEquilibrium:
    """The follower's least value over equilibria, and an equilibrium near it.

    No equilibrium is worth less than `value.lower`. The law of N public posteriors `posteriors` [N, S] with
    `weights` [N] and the follower's `responses` [N, T, A], probabilities of actions, is one: no leader gains
    more than `slack` of its range by revealing more, and `value.upper` is what it is worth.
    `converged` says that the bracket is no wider than the tolerance. `candidates` counts the posteriors (or
    intervals of them) examined, `open` those not excluded, `pivots` the largest number of pivots.
    """

    value: Bracket
    posteriors: Float[Array, "N S"]
    weights: Float[Array, " N"]
    responses: Float[Array, "N T A"]
    slack: Float[Array, ""]
    converged: Bool[Array, ""]
    candidates: Int[Array, ""]
    open: Int[Array, ""]
    pivots: Int[Array, ""]


@record
class LeaderClosure:
    """What a leader earns at best when alone, and a law of N posteriors that attains `value.lower`."""

    value: Bracket
    posteriors: Float[Array, "N S"]
    weights: Float[Array, " N"]
