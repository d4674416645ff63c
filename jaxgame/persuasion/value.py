"""One leader's best response in best-AI selection (theory, section 4 (3)).

    f_j(v) = max { U_j(x) : x in X, V(x) >= v }

the most leader j can earn from an outcome that is obedient and worth at least v to the follower. It
is concave, nonincreasing and piecewise linear in v: one linear program, solved by `pivoting` or, for
two states, in closed form. Brackets are those of theory, section 6, whatever the solver did. It is
solved in standard units (`units`): the answer is the same for all factors and constants of utility.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import FEASIBILITY, Standard, is_sound, standard, unheard, unknown
from jaxgame.persuasion.lanes import Solved, coefficients, recommendations, solve_programs

MAX_RECOMMENDATIONS = 1024


@record
class Multipliers:
    """Lagrange multipliers, at least 0, that prove `LeaderBest.value.upper` by weak duality.

    `obedience` [M, T, A] belongs to recommendation m, type t and the action that is not to be preferred
    to the recommended one (whose own entry is 0); `threshold` is minus the slope of f_j.
    """

    obedience: Float[Array, "*N M T A"]
    threshold: Float[Array, "*N"]


@record
class LeaderBest:
    """A leader's best response; of `value_curve`, with a leading axis N in every field.

    `outcome` [T, S, A] = P(t, s, a) is feasible and attains `value.lower`; `scheme` [S, M] induces it from a
    follower who obeys: the probability of each recommendation in each state. With one type, recommendation m
    is action m; with T types they are the maps type -> action in lexicographic order. `multipliers` prove
    `value.upper`, in exact arithmetic too. `feasible` is False for a threshold above full information, which
    gives value -inf. `converged` says that the solver's bracket is narrower than 1e-9 of what is at stake for
    the leader, `sum_ts P(t,s) (max_a U - min_a U)`, before large constants of utility round it; `pivots` how
    many steps the solver took. Of an input that is not finite nothing is known: the value is [-inf, inf], the
    rest is NaN.
    """

    outcome: Float[Array, "*N T S A"]
    scheme: Float[Array, "*N S M"]
    value: Bracket
    multipliers: Multipliers
    feasible: Bool[Array, "*N"]
    converged: Bool[Array, "*N"]
    pivots: Int[Array, "*N"]


def leader_value(game: Game, leader: int | Int[Array, ""], threshold: ArrayLike) -> LeaderBest:
    """f_j(v): what leader j = `leader` of the `game` earns at best while she keeps at least v = `threshold`.

    In that leader's utility units, v in the follower's. Exact up to the bracket. Works under jit, vmap and
    grad: derivatives of `value` in prior, utilities and threshold are those of the Lagrangian at the solution
    (envelope theorem), one-sided at kinks. S, A from 1 to 32 and T types with A^T <= 1,024 recommendations. A
    threshold counts as met within 1e-12 of what is at stake for the follower and the rounding of her value of
    full information. Obedience holds; where it can only with equality, but for 1e-12 of the largest `prior
    |u_a - u_b|` of the two actions compared, and for 1e-9 of what speaks against it.

    Raises ValueError for a leader that is not there, a threshold that is not a finite number, too many
    recommendations, and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # a prosecutor wants conviction whatever the state
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]]
    ... )
    >>> best = jg.leader_value(judge, 0, threshold=0.7)
    >>> round(float(best.value.lower), 9), round(float(best.scheme[0, 1]), 9)    # 3/7 of innocents convicted
    (0.6, 0.428571429)
    """
    threshold = jnp.asarray(threshold)
    checks.check_shape("threshold", threshold, "[]", (), "one number; value_curve takes several")
    best = value_curve(game, leader, threshold[None])
    return jax.tree.map(lambda x: x[0], best)


def value_curve(game: Game, leader: int | Int[Array, ""], thresholds: Numbers) -> LeaderBest:
    """f_j at many thresholds, for little more than the cost of the lowest one: one walk serves them all.

    `thresholds` [N] are values that the follower of the `game` is to keep, in any order; j = `leader`.
    Fields, derivatives and errors are those of `leader_value`, with a leading axis N.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]]
    ... )
    >>> [round(float(v), 6) for v in jg.value_curve(judge, 0, [0.7, 0.85, 1.0]).value.lower]
    [0.6, 0.45, 0.3]
    """
    (thresholds,) = checks.as_floats(thresholds)
    if thresholds.ndim != 1:
        raise ValueError(f"thresholds has shape {thresholds.shape}; it must be [N]")
    checks.check_finite("threshold", thresholds)
    checks.check_float64("thresholds", thresholds, "best responses")
    check_leader(game, leader)
    return _curve(game.prior, game.follower, game.leaders[leader], thresholds)


@jax.jit  # a call outside jit would otherwise compile the solver's loops anew each time
def _curve(*arguments: Array) -> LeaderBest:
    prior, follower, utility, levels = jax.lax.stop_gradient(arguments)
    units = standard(Game(prior, follower, utility[None]))
    sound = units.sound & is_sound(levels)
    levels = jnp.where(sound, levels, 0.0)
    budget, doubt = budget_of(units, levels)
    solved = best_at(units.game, units.game.leaders[0], budget)
    # Her value of full information is known but for rounding: more may be lost than the budget says.
    proved = Bracket(solved.lower, solved.upper + (1 + doubt) * solved.price * doubt)
    value = units.leader(0).bracket(jax.tree.map(lambda x: jnp.where(solved.feasible, x, 0.0), proved))
    nothing = jnp.where(solved.feasible, 0.0, -jnp.inf)
    value = unknown(sound, Bracket(value.lower + nothing, value.upper + nothing))
    types, _, actions = follower.shape
    hers, theirs = units.follower.unit, units.leaders.unit[0]
    obedience = by_action(solved.obedience, types, actions) * (theirs / hers)
    found = LeaderBest(
        outcome=outcome_of_recommendations(prior, solved.scheme, actions),
        scheme=solved.scheme,
        value=value,
        multipliers=Multipliers(obedience, solved.price * (theirs / hers)),
        feasible=solved.feasible & sound,
        converged=solved.converged & sound,
        pivots=solved.pivots,
    )
    found = dataclasses.replace(unheard(sound, found), value=value)
    slopes = functools.partial(_with_derivatives, *arguments[:3])
    lower, upper = jax.vmap(slopes)(arguments[3], found)
    return dataclasses.replace(found, value=Bracket(lower, upper))


def budget_of(units: Standard, level: Float[Array, "*N"]) -> tuple[Float[Array, "*N"], Float[Array, "*N"]]:
    """What she may lose if she is to keep `level` (in the caller's units), and how far rounding moved it.

    Negative where no outcome leaves her as much; 0 where that may be due to rounding, or is within 1e-12.
    """
    worth, doubt = units.follower.counted(level)
    above = worth > FEASIBILITY * units.stake + doubt
    return jnp.where(above, -worth, jnp.maximum(-worth, 0.0)), doubt


def best_at(game: Game, utility: Float[Array, "T S A"], budget: Float[Array, " N"]) -> Solved:
    """Best responses of a leader with `utility` at N budgets, all in standard units."""
    solved = solve_programs(game.prior[None], game.follower[None], utility[None], budget[None])
    return jax.tree.map(lambda x: x[0], solved)


def check_leader(game: Game, leader: int | Int[Array, ""]) -> None:
    """Raise ValueError for a leader that is not there, too many recommendations, precision below float64."""
    leaders, types, _, actions = game.leaders.shape
    checks.check_leader_index(leader, leaders)
    if actions**types > MAX_RECOMMENDATIONS:
        raise ValueError(
            f"{types} types and {actions} actions make {actions}^{types} recommendations (maps type -> "
            f"action); at most {MAX_RECOMMENDATIONS} are supported"
        )
    checks.check_float64("game", game.follower, "best responses")


def outcome_of_recommendations(
    prior: Float[Array, "T S"], scheme: Float[Array, "N S M"], actions: int
) -> Float[Array, "N T S A"]:
    """What obedient followers do after N schemes."""
    maps, _ = recommendations(prior.shape[0], actions)
    named = (maps[:, :, None] == np.arange(actions)).astype(prior.dtype)  # [M,T,A]
    return jnp.einsum("ts,nsm,mta->ntsa", prior, scheme, named)


def by_action(multipliers: Float[Array, "N M Q"], types: int, actions: int) -> Float[Array, "N M T A"]:
    """From one entry per action that is not recommended to one per action."""
    maps, others = recommendations(types, actions)
    place = (others[..., None] == np.arange(actions)) & (maps[:, :, None, None] != np.arange(actions))
    rows = multipliers.reshape(*multipliers.shape[:2], types, -1)
    return jnp.where(place[None], rows[..., None], 0.0).sum(3)


@jax.custom_jvp
def _with_derivatives(
    prior: Array, follower: Array, utility: Array, threshold: Array, found: LeaderBest
) -> tuple[Array, Array]:
    """Both ends of the bracket, with the derivative of the Lagrangian at the solution."""
    return found.value.lower, found.value.upper


@_with_derivatives.defjvp
def _derivatives(primals: tuple, tangents: tuple) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    *game, found = primals
    _, slope = jax.jvp(functools.partial(_lagrangian, found), tuple(game), tuple(tangents[:4]))
    slope = jnp.where(found.feasible, slope, jnp.nan)
    return (found.value.lower, found.value.upper), (slope, slope)


def _lagrangian(found: LeaderBest, prior: Array, follower: Array, utility: Array, threshold: Array) -> Array:
    """The leader's utility plus multipliers times slacks, with scheme and multipliers held fixed."""
    types, _, actions = follower.shape
    gain, loss, obedience, full = coefficients(prior, follower, utility)
    maps, others = recommendations(types, actions)
    rows = jnp.take_along_axis(found.multipliers.obedience, jnp.asarray(others), 2).reshape(len(maps), -1)
    price = found.multipliers.threshold
    weighed = gain + (rows[None] * obedience).sum(2) - price * loss
    return (weighed * found.scheme).sum() + price * (full - threshold)
