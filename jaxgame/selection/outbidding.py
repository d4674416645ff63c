"""What each leader gains by outbidding an outcome, and so whether it is an equilibrium's.

For K >= 2 an outcome x is that of a pure equilibrium iff no leader could outbid it and gain:
`U_j(x) >= f_j(V(x))` for all j, where the leader selected is held in place by another that offers the same
[own]. A single leader has nobody to outbid: it takes f_1 at no information.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game, no_information_value
from jaxgame.core.units import is_sound, standard, unknown
from jaxgame.persuasion.value import LeaderBest, best_at, check_leader, leader_value
from jaxgame.selection.outscoring import largest_gain
from jaxgame.selection.scored import check_score

# An outcome may miss its prior, or obedience in parts of what is at stake, by this much: rounding.
FEASIBLE = 1e-9


def exploitability(
    game: Game,
    outcome: Float[Array, "T S A"],
    *,
    score: Float[Array, "*each T S A"] | None = None,
    kept: int | Int[Array, ""] | None = None,
) -> Bracket:
    """The largest gain that a leader has by outbidding `outcome`, in the leaders' utility units.

    `outcome` [T, S, A] = P(t, s, a) is what the follower of the `game` has now. 0 at equilibria; the bracket
    rests on those of `leader_value`, without the rounding of large constants, which no gain depends on. With
    a `score`, as in `worst_equilibrium`, leaders outbid each other in what it counts; where each leader has
    its own, `kept` says whose offer the outcome is, from 0 to K - 1.

    Raises ValueError if the outcome is not one that an obeying follower can have: its law of types and states
    is not the prior, it is negative, or (one type) an action is taken where another is better. Likewise for a
    score of another shape, and a `kept` that is missing, out of range or of no use.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # two prosecutors: full information serves neither
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> full = [[[0.7, 0.0], [0.0, 0.3]]]
    >>> gain = jg.selection.exploitability(judge, jax.numpy.array(full))
    >>> round(float(gain.upper), 9)               # but none can outbid it
    0.0
    """
    check_leader(game, 0)
    check_outcome(game, outcome)
    if score is not None:
        check_score(game, score)
    own = score is not None and score.ndim == 4
    leaders = game.leaders.shape[0]
    known = kept is not None and checks.is_concrete(kept)
    if own != (kept is not None) or (known and not 0 <= int(np.asarray(kept)) < leaders):
        raise ValueError(
            f"kept is {kept}; where each leader has a score of its own it must be the leader whose offer the "
            f"outcome is, from 0 to {leaders - 1}, and be left out elsewhere"
        )
    if score is None:
        return _largest_gain(game, outcome)
    return largest_gain(game, outcome, score, 0 if kept is None else kept)


@jax.jit  # a call outside jit would otherwise compile the solver's loops anew each time
def _largest_gain(game: Game, outcome: Float[Array, "T S A"]) -> Bracket:
    units = standard(game)
    sound = units.sound & is_sound(outcome)
    outcome = jnp.where(sound, outcome, 0.0)
    # Sums of this many terms, none of them negative, round by less than this part of themselves.
    rounding = (2 * outcome.size + 8) * jnp.finfo(outcome.dtype).eps
    lost, theirs = units.lost(outcome), units.earned(outcome)
    if len(theirs) == 1:
        lost = jnp.maximum(lost, units.uninformed())
    solved = jax.vmap(best_at, (None, 0, None))(units.game, units.game.leaders, lost[None])
    lower, upper = solved.lower[:, 0], solved.upper[:, 0] + solved.price[:, 0] * rounding * lost
    lower, upper = lower - theirs * (1 + rounding), upper - theirs * (1 - rounding)
    return unknown(sound, Bracket(*((units.leaders.unit * x).max() for x in (lower, upper))))


def best_outbids(game: Game, worth: Float[Array, ""]) -> LeaderBest:
    """Each leader's best outcome worth at least `worth` to the follower of a `game`; fields lead with axis K.

    A single leader need not outbid anybody: the follower is left with what she knows.
    """
    leaders = game.leaders.shape[0]
    level = jnp.minimum(worth, no_information_value(game)) if leaders == 1 else worth
    return jax.vmap(leader_value, (None, 0, None))(game, jnp.arange(leaders), level)


def check_outcome(game: Game, outcome: Array) -> None:
    """Raise ValueError unless an outcome [T, S, A] is one that an obeying follower can have."""
    checks.check_shape("outcome", outcome, "[T, S, A]", game.follower.shape, "as follower is")
    checks.check_finite("outcome", outcome)
    if not checks.is_concrete(game.prior, game.follower, outcome):
        return
    error = float(jnp.abs(outcome.sum(2) - game.prior).max())
    least = float(outcome.min())
    if error > FEASIBLE or least < -FEASIBLE:
        raise ValueError(
            f"outcome misses the prior by {error:.3g} (least entry {least:.3g}); its sums over actions "
            "must be the prior, its entries at least 0"
        )
    if game.prior.shape[0] == 1:
        units = standard(game)
        gaps = units.game.follower[0][:, :, None] - units.game.follower[0][:, None, :]
        kept = jnp.einsum("sa,sab->ab", outcome[0], gaps)
        missed = -float(kept.min())
        if missed > FEASIBLE * max(float(units.stake), FEASIBLE):
            chosen, better = divmod(int(kept.argmin()), kept.shape[1])
            raise ValueError(
                f"outcome is not obedient: where action {chosen} is taken, action {better} is better by "
                f"{missed * float(units.follower.unit):.3g}; the follower would not take it"
            )
