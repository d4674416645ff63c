"""A scheme for each user: as many games of one user as there are users."""

import jax
from jaxtyping import Array, Float

from jaxgame.core import checks
from jaxgame.core.game import Game
from jaxgame.persuasion.value import check_leader
from jaxgame.selection import WorstEquilibrium, worst_equilibrium
from jaxgame.users.standing import alone, check_users


def personalised(
    game: Game, *, tolerance: float = 1e-6, slack: float | Float[Array, "*K"] = 0.0
) -> WorstEquilibrium:
    """Each user's least value over pure equilibria where leaders treat every user by herself.

    Types of the `game` are users. Leaders who commit to a scheme for each user play J games of one user each,
    and best-AI selection's guarantee holds for each with her own distance to the hull (theory, section 11).
    All fields of the result lead with axis T, the users; values are those given that she is the user.
    `tolerance` is that of `selection.worst_equilibrium`, in parts of what is at stake for each; with `slack`,
    a number or one for each leader [K], leaders may forgo that much of what they are paid for each user,
    given that she is the user. Works under jit and vmap, for any number of users.

    Raises ValueError as `selection.worst_equilibrium` does, and for a user of probability 0.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> found = jg.users.personalised(jg.users.opposed(1.1))
    >>> [round(float(v), 6) for v in found.value.lower]
    [1.0, 1.0]
    """
    check_users(game)
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be positive")
    checks.check_slack(slack, len(game.leaders))
    singles = alone(game)
    check_leader(jax.tree.map(lambda x: x[0], singles), 0)
    return jax.vmap(lambda single: worst_equilibrium(single, tolerance=tolerance, slack=slack))(singles)
