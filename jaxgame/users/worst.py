"""What users lose at the worst pure equilibrium, where all of them hear the same.

An equilibrium is a profile of schemes, each user with a leader whose offer is worth most to her, where no
leader gains by another scheme; users leave whoever they have only for what is better for them. One user:
`selection.worst_equilibrium`. Two: a search over all equilibria with a proof (`square`). More: the worst that
searches from several starts find (`climb`), and no proof but that nobody has less than without information.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame import selection
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, power_of_two, unheard, unknown
from jaxgame.users.climb import climbed
from jaxgame.users.reply import rounding_of
from jaxgame.users.square import Case, Found, Square, cases
from jaxgame.users.standing import Programs, check_size, standing

LOOSEST = 1e-3  # a tolerance above is this one


@record
class UsersWorst:
    """The least that users have at pure equilibria, by weights of theirs, and an equilibrium near it.

    A user leaves the leader she has only for what is better for her; she who has full information already
    counts as had by whoever offers it, which matters only where several actions are best. No equilibrium is
    worth less than `value.lower`, a weighted sum of users' values; `outcome` [T, S, A], offered by all
    leaders, is one, up to gains of 1e-8 of the leaders' units, and is worth `value.upper`. `loss` is the same
    counted from full information downwards, and `users` [T] what each user has there. `converged` says that
    the bracket is no wider than the tolerance: never for more than two users, unless nothing can be lost.
    `steps` counts the boxes that were cut. Of a game that is not finite nothing is known.
    """

    value: Bracket
    loss: Bracket
    users: Float[Array, " T"]
    outcome: Float[Array, "T S A"]
    converged: Bool[Array, ""]
    steps: Int[Array, ""]


def worst_equilibrium(
    game: Game,
    *,
    weights: Numbers | None = None,
    tolerance: float = 1e-4,
    slack: float | Float[Array, "*K"] = 0.0,
    steps: int = 300,
) -> UsersWorst:
    """Bracket on the least `sum_j weights_j V_j` over pure equilibria of a `game` where users hear the same.

    `weights` [T], at least 0, say which users count: their shares if None, [1, 0] for the first of two alone.
    With two users the lower end is proved in at most `steps` cuts of boxes for each of three kinds of
    equilibria; with one it is that of `selection.worst_equilibrium`. **For more than two users the upper end
    is the worst of what searches found, and the lower end what users have without information**: it proves
    nothing else. `tolerance` is the width aimed at, in parts of what is at stake for users by these weights;
    one above 1e-3 counts as 1e-3. With `slack`, a number or one for each leader [K] in its utility units,
    leaders may forgo so much. Size is that of `best_response`. Works under jit and vmap.

    Raises ValueError for fewer than two leaders, weights of another shape, negative, or all 0, a tolerance
    that is not positive, fewer than one step, a slack that is negative or no number, and as `best_response`
    does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> found = jg.users.worst_equilibrium(jg.users.opposed(1.1))    # nobody learns anything
    >>> round(float(found.value.lower), 4), [round(float(v), 4) for v in found.users]
    (0.5, [0.5, 0.5])
    """
    if len(game.leaders) < 2:
        raise ValueError("game has 1 leader; users of one leader have nobody to change to")
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be positive")
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1")
    checks.check_slack(slack, len(game.leaders))
    check_size(game)
    users = game.prior.shape[0]
    (weights,) = checks.as_floats(game.prior.sum(1) if weights is None else weights)
    checks.check_shape("weights", weights, "[T]", (users,), "one for each user")
    checks.check_finite("weights", weights)
    if checks.is_concrete(weights) and not (bool((weights >= 0).all()) and float(weights.sum()) > 0):
        raise ValueError(f"weights are {weights.tolist()}; they must be at least 0, and one of them above")
    if users == 1:
        return _single(game, weights, tolerance, slack)
    return _worst(game, weights.astype(game.prior.dtype), tolerance, slack, steps=steps)


def _single(game: Game, weights: Array, tolerance: float, slack: float | Array) -> UsersWorst:
    """One user: best-AI selection."""
    found = selection.worst_equilibrium(game, tolerance=tolerance, slack=slack)

    def weighed(x: Bracket) -> Bracket:
        return Bracket(weights[0] * x.lower, weights[0] * x.upper)

    return UsersWorst(
        value=weighed(found.value),
        loss=weighed(found.loss),
        users=(game.follower * found.outcome).sum((1, 2)),
        outcome=found.outcome,
        converged=found.converged,
        steps=found.intervals,
    )


@functools.partial(jax.jit, static_argnames="steps")  # else the solver's loops are compiled anew each time
def _worst(
    game: Game, weights: Float[Array, " T"], tolerance: Array, slack: Float[Array, "*K"], *, steps: int
) -> UsersWorst:
    units = standing(game)
    sound = units.sound & is_sound(weights, tolerance, slack)
    programs, none = Programs.of(units), units.uninformed()
    counted = jnp.where(sound, weights * units.users.unit, 1.0)
    unit = power_of_two((counted * units.stake).sum())  # of the weighted sum
    counted = counted / unit
    part = jnp.minimum(jnp.where(sound, tolerance, 1.0), LOOSEST) * (counted * units.stake).sum()
    granted = jnp.broadcast_to(jnp.where(sound, slack, 0.0) / units.theirs.unit, len(game.leaders))
    if len(none) == 2:
        most, scheme, taken = _on_the_square(programs, counted, granted, none, part, steps)
    else:
        scheme, taken = climbed(programs, counted, granted, none)
        most = counted @ none
    scheme = programs.whole(scheme)
    outcome = programs.outcome(scheme)
    lost = units.lost(outcome)
    rounding = rounding_of(outcome)
    loss = Bracket(
        (1 - rounding) * (counted @ lost) - (1 + rounding) * (counted @ programs.disobeyed(scheme)),
        most * (1 + rounding) + rounding,
    )
    back = Bracket(unit * loss.lower, unit * loss.upper)
    worth = units.users.value(-lost)
    best = units.users.bracket(Bracket(jnp.zeros_like(none), jnp.zeros_like(none)))
    full = Bracket(weights @ best.lower, weights @ best.upper)
    doubt = 4 * len(none) * float(jnp.finfo(none.dtype).eps) * (weights @ jnp.abs(best.upper))
    found = UsersWorst(
        value=unknown(sound, Bracket(full.lower - back.upper - doubt, full.upper - back.lower + doubt)),
        loss=unknown(sound, back),
        users=worth,
        outcome=outcome,
        converged=(loss.width >= 0) & (loss.width <= part + 2 * rounding) & sound,
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, found), value=found.value, loss=found.loss)


def _on_the_square(
    programs: Programs, weights: Array, slack: Array, none: Array, tolerance: Array, steps: int
) -> tuple[Float[Array, ""], Float[Array, " N"], Int[Array, ""]]:
    """What two users lose at most, an equilibrium that all leaders offer, and how many boxes were cut."""
    size = programs.lost.shape[1]
    full = programs.informed()
    start = Found.full(jnp.concatenate([full, full]))

    def one(before: Found, case: Case) -> tuple[Found, None]:
        return Square(programs, case, weights, slack, none).run(tolerance, before, steps), None

    found, _ = jax.lax.scan(one, start, cases(programs))
    return found.most, found.scheme[:size], found.steps
