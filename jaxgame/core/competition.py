"""What every competition offers, whatever its leaders commit to.

A competition is a module (or an object) with these names, pure functions of one game. What its leaders
choose, a profile, is its own: outcomes they offer, schemes, rules of conversation. `jaxgame.selection` is the
shortest example; `tests/test_competitions.py` holds every competition to the contract.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int

from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game


@runtime_checkable  # the tests check types while they run
class Process(Protocol):
    """What leaders went through who revised one after another: entry n is after n revisions.

    `follower` [N_plus_1] and `leaders` [N_plus_1, K] are values in utility units, `gain` the exploitability,
    of each entry or of the last alone, `end` a place in `revision.ENDS`, reached after `steps` revisions.
    """

    follower: Float[Array, " N_plus_1"]
    leaders: Float[Array, "N_plus_1 K"]
    gain: Bracket
    end: Int[Array, ""]
    steps: Int[Array, ""]


@runtime_checkable
class Worst(Protocol):
    """The follower's least equilibrium value: no equilibrium is worth less than `value.lower`.

    `value.upper` is attained by one; `loss` is the same counted from full information downwards.
    """

    value: Bracket
    loss: Bracket
    converged: Any


@runtime_checkable
class Competition(Protocol):
    """Functions of a game and a profile; each takes further options by keyword."""

    def exploitability(self, game: Game, profile: Any, /) -> Bracket:
        """The largest gain that a leader has by deviating alone, in the leaders' units: 0 at equilibria.

        Where the outcome of a profile decides, as in best-AI selection, the outcome is given.
        """

    def best_response_dynamics(self, game: Game, profile: Any, /) -> Process:
        """Leaders revise by best responses, from a profile."""

    def worst_equilibrium(self, game: Game, /) -> Worst:
        """A bracket over all equilibria, not over those that dynamics find."""
