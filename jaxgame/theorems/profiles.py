"""The theorems at one profile of rules, found or given, where messages are few and rules are tables.

Of a conversation not all equilibria can be found. What can be proved is about one profile: its gain, times
the sum of the hull's weights, is subtracted from the bound, what an aligned leader can teach takes the place
of full information, and delta is measured (theory, section 4, conversations) [own].
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame import conversation
from jaxgame.conversation import Protocol
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.theorems.guarantee import Guarantee, concluded


def of_profile(
    game: Game,
    kind: str,
    tolerance: float,
    protocol: Protocol,
    rules: Float[Array, "K V H M"] | None,
    views: Float[Array, "K S V"] | None,
    steps: int,
    rationality: float | Float[Array, ""] = math.inf,
    regret: float | Float[Array, ""] = 0.0,
) -> Guarantee:
    """The claim at one profile [own]: leader i would not gain more than `gain` by its aligned rule.

    What follows that deviation is worth what is teachable at least (less her regret), since she may ignore
    the others or, in selection, would keep her better leader; averaging over the leaders with the hull's
    weights gives the bound. In order:

    1. what an aligned leader could teach in each leader's place, with the rule that teaches it;
    2. the profile, given or found by best responses from silence, its outcome, and its gain;
    3. the laws that follow if one leader or another teaches, and delta, how far apart they are;
    4. the verdict, told in the units of the game as it was given.
    """
    leaders = game.leaders.shape[0]
    given, game = game, _centred(game)
    taught = conversation.taught(game, protocol, leaders, views)
    setting: dict[str, Any] = {"kind": kind, "views": views, "rationality": rationality}
    if rules is None:
        start = conversation.starting_rules(game, protocol, "none", views)
        end = conversation.best_response_dynamics(game, protocol, start, **setting, steps=steps)
        rules, outcome, gain = end.rules, end.outcome, end.gain
    else:
        outcome = conversation.outcome_of(game, protocol, rules, **setting)
        gain = conversation.exploitability(game, protocol, rules, **setting, aligned=taught.rule)
    lost = -(game.follower * outcome).sum()

    def deviated(i: Int[Array, ""]) -> Float[Array, "T S A"]:
        """What follows if leader i teaches; in selection, if its offer is kept."""
        if kind == "selection":
            view = None if views is None else views[i][None]
            return conversation.best_reply(game, protocol, taught.rule[i], views=view).outcome
        changed = rules.at[i].set(taught.rule[i])
        return conversation.outcome_of(game, protocol, changed, **setting)

    laws = jax.lax.map(deviated, jnp.arange(leaders))
    delta = jnp.abs(laws[:, None] - laws[None]).sum((2, 3, 4)).max() / 2
    untaught = Bracket(-taught.value.upper.min(), -taught.value.lower.min())
    return concluded(given, Bracket(lost, lost), tolerance, regret, delta, untaught, gain)


def _centred(game: Game) -> Game:
    """The game without large constants of utility, which would round: full information is worth 0."""
    return Game(
        game.prior,
        game.follower - game.follower.max(2, keepdims=True),
        game.leaders - game.leaders.min(3, keepdims=True),
    )
