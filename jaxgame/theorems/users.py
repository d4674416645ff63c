"""What many users get, each by herself and all hearing the same, checked on one game (theory, section 11)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame import users
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import at_stake
from jaxgame.theorems.guarantee import verdict


@record
class UsersGuarantee:
    """One of both statements for every user, axis T: what she may lose, what she loses, verdicts.

    In each user's utility units, given that she is the user:

    - `allowed` [T]: 2 eps_j, or 2 eps / lam_j with the common weights that are best for her.
    - `mean_allowed` [T]: the same with average alignment D in the place of 2 eps.
    - `loss` [T]: what she loses of her full information at the equilibrium worst for her.
    - `slack`, `mean_slack` [T]: what is allowed less what is lost.
    - `holds`, `mean_holds` [T]: places in `VERDICTS` of the claims that these are at least -tolerance of what
      is at stake for her.
    """

    allowed: Bracket
    mean_allowed: Bracket
    loss: Bracket
    slack: Bracket
    mean_slack: Bracket
    holds: Int[Array, " T"]
    mean_holds: Int[Array, " T"]


@record
class ManyUsers:
    """Both statements: `personal` where each user has a scheme of her own, `anonymous` where all hear one.

    `stake` [T] is what is at stake for each user, `sum_s P(s|j) (max_a u - min_a u)`, in her units.
    """

    personal: UsersGuarantee
    anonymous: UsersGuarantee
    stake: Float[Array, " T"]


def many_users(game: Game, *, tolerance: float = 1e-4, steps: int = 300) -> ManyUsers:
    """Check both guarantees of theory, section 11, for every user of a `game`, whose types are users [own].

    With a scheme for each user, each gets OPT_j - 2 eps_j, eps_j her distance to the cone of what leaders are
    paid for her. If all hear the same she gets OPT_j - 2 eps / lam_j with any common weights; the best for
    her count. Her worst equilibria are bracketed to a width of `tolerance`, in parts of what is at stake for
    her, in at most `steps` cuts (`users.worst_equilibrium`); the verdicts allow for as much. For more than
    two users the loss where all hear the same is not bounded from above but by that without information, and
    a verdict may be "undecided" for that reason alone. Works under jit and vmap, in float64.

    Raises ValueError as `users.worst_equilibrium` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> found = jg.theorems.many_users(jg.users.opposed(2.0))      # each has a leader of her own ...
    >>> [[round(float(x), 4) for x in kind.loss.lower] for kind in (found.personal, found.anonymous)]
    [[0.0, 0.0], [0.5, 0.5]]
    """
    everyone = jnp.eye(game.prior.shape[0], dtype=game.prior.dtype)
    stake = jax.vmap(at_stake)(*_alone(game))

    def worst(weights: Array) -> Bracket:
        return users.worst_equilibrium(game, weights=weights, tolerance=tolerance, steps=steps).loss

    personal = users.personalised(game, tolerance=tolerance).loss
    anonymous = jax.vmap(worst)(everyone) if len(everyone) > 1 else personal
    return ManyUsers(
        personal=_concluded(game, "each", personal, tolerance * stake),
        anonymous=_concluded(game, "common", anonymous, tolerance * stake),
        stake=stake,
    )


def _alone(game: Game) -> tuple[Float[Array, "T 1 S"], Float[Array, "T 1 S A"]]:
    single = users.alone(game)
    return single.prior, single.follower


def _concluded(game: Game, kind: str, loss: Bracket, tolerance: Float[Array, " T"]) -> UsersGuarantee:
    allowed, mean = (users.alignment(game, kind=kind, norm=norm).allowed for norm in ("sup", "mean"))
    slack, mean_slack = (Bracket(x.lower - loss.upper, x.upper - loss.lower) for x in (allowed, mean))
    return UsersGuarantee(
        allowed=allowed,
        mean_allowed=mean,
        loss=loss,
        slack=slack,
        mean_slack=mean_slack,
        holds=jax.vmap(verdict)(slack, tolerance),
        mean_holds=jax.vmap(verdict)(mean_slack, tolerance),
    )
