"""One leader's best response in best-AI selection (theory, section 4 (3)).

    f_j(v) = max { U_j(x) : x in X, V(x) >= v }

the most leader j can earn from an outcome that is obedient and worth at least v to the follower. It
is concave, nonincreasing and piecewise linear in v: one linear program, solved by `solve.pivoting` or, for
two states, in closed form. Brackets are those of theory, section 6, whatever the solver did.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from jaxgame import checks
from jaxgame.bracket import Bracket
from jaxgame.checks import Numbers
from jaxgame.game import Game
from jaxgame.leader_program import Solved, coefficients, recommendations, solve_programs
from jaxgame.record import record

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

    `outcome` [T, S, A] = P(t, s, a) is feasible and attains `value.lower`; `scheme` [S, M] induces it from
    a follower who obeys: the probability of each recommendation in each state. With one type,
    recommendation m is action m; with T types they are the maps type -> action in lexicographic order.
    `multipliers` prove `value.upper`. An infeasible threshold, above full information, gives value
    -inf. `converged` says that the bracket is narrower than 1e-9 of the leader's scale; `pivots`
    how many steps the solver took.
    """

    outcome: Float[Array, "*N T S A"]
    scheme: Float[Array, "*N S M"]
    value: Bracket
    multipliers: Multipliers
    feasible: Bool[Array, "*N"]
    converged: Bool[Array, "*N"]
    pivots: Int[Array, "*N"]


def leader_value(game: Game, leader: int | Int[Array, ""], threshold: ArrayLike) -> LeaderBest:
    """f_j(v): what leader j = `leader` earns at best while the follower keeps at least v = `threshold`.

    Exact up to the bracket. Works under jit, vmap and grad: derivatives of `value` in prior, utilities
    and threshold are those of the Lagrangian at the solution (envelope theorem), one-sided at kinks.
    S, A from 1 to 32 and T types with A^T <= 1,024 recommendations. A threshold counts as met within 1e-12.

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
    """f_j at thresholds [N], for little more than the cost of the lowest one: one walk serves them all.

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
    solved = solve_programs(prior[None], follower[None], utility[None], levels[None])
    solved = jax.tree.map(lambda x: x[0], solved)
    lower, upper = jax.vmap(functools.partial(_with_derivatives, *arguments[:3]))(arguments[3], solved)
    types, _, actions = follower.shape
    return LeaderBest(
        outcome=outcome_of_recommendations(prior, solved.scheme, actions),
        scheme=solved.scheme,
        value=Bracket(lower, upper),
        multipliers=Multipliers(_by_action(solved.obedience, types, actions), solved.price),
        feasible=solved.feasible,
        converged=solved.converged,
        pivots=solved.pivots,
    )


def check_leader(game: Game, leader: int | Int[Array, ""]) -> None:
    """Raise ValueError for a leader that is not there, too many recommendations, precision below float64."""
    leaders, types, _, actions = game.leaders.shape
    if checks.is_concrete(leader) and not 0 <= int(leader) < leaders:
        raise ValueError(
            f"leader is {int(leader)}; it must be from 0 to {leaders - 1}, as game has {leaders}"
        )
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


def _by_action(multipliers: Float[Array, "N M Q"], types: int, actions: int) -> Float[Array, "N M T A"]:
    """From one entry per action that is not recommended to one per action."""
    maps, others = recommendations(types, actions)
    place = (others[..., None] == np.arange(actions)) & (maps[:, :, None, None] != np.arange(actions))
    rows = multipliers.reshape(*multipliers.shape[:2], types, -1)
    return jnp.where(place[None], rows[..., None], 0.0).sum(3)


@jax.custom_jvp
def _with_derivatives(
    prior: Array, follower: Array, utility: Array, threshold: Array, solved: Solved
) -> tuple[Array, Array]:
    """Both ends of the bracket, with the derivative of the Lagrangian at the solution."""
    return solved.lower, solved.upper


@_with_derivatives.defjvp
def _derivatives(primals: tuple, tangents: tuple) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    *game, solved = primals
    _, slope = jax.jvp(functools.partial(_lagrangian, solved), tuple(game), tuple(tangents[:4]))
    slope = jnp.where(solved.feasible, slope, jnp.nan)
    return (solved.lower, solved.upper), (slope, slope)


def _lagrangian(solved: Solved, prior: Array, follower: Array, utility: Array, threshold: Array) -> Array:
    """The leader's utility plus multipliers times slacks, with outcome and multipliers held fixed."""
    gain, loss, obedience, full = coefficients(prior, follower, utility)
    weighed = gain + (solved.obedience[None] * obedience).sum(2) - solved.price * loss
    return (weighed * solved.scheme).sum() + solved.price * (full - threshold)
