"""One leader's best response to the others, all heard by the follower (theory, section 4 (1), (2))."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.independent.ascent import best_ascent
from jaxgame.competition.independent.closure import best_split, ties
from jaxgame.competition.independent.entry import entered
from jaxgame.competition.independent.private import (
    MARGIN,
    TIES,
    Private,
    Schemes,
    beyond_ties,
    check_margin,
    check_rationality,
    is_best,
    message_values,
    private_problem,
    rounding,
    scale,
)
from jaxgame.competition.independent.restricted import most_likely, obedient_schemes
from jaxgame.competition.independent.smooth import WIDTH, smooth_closure
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import unheard, unknown
from jaxgame.persuasion.value import MAX_RECOMMENDATIONS, best_at

METHODS = ("auto", "closure", "program", "gradient")

EXACT_WIDTH = 1e-9  # a bracket narrower than this part of what is at stake for the leader is exact


@record
class SchemeReply:
    """A leader's best response: a scheme and what it is worth.

    - `scheme` [S, M]: worth `value.lower` to the leader.
    - `value`: in the leader's utility units; no scheme with any number of messages is worth more than its
      upper end.
    - `converged`: the bracket is narrow, in parts of what is at stake for the leader,
      `sum_ts P(t,s) (max_a U - min_a U)`, before large constants of utility round it: 1e-9 against a
      best-responding follower whose ties go to the leader (10 times the margin if they do not, 2e-6 by
      gradient), 2e-6 against a logit one.
    - `steps`: what the method does: turns of a line ("closure"), halvings of cells (the same, logit
      follower), pivots ("program") or gradient steps.

    Of an input that is not finite nothing is known: the value is [-inf, inf], the scheme NaN.
    """

    scheme: Float[Array, "S M"]
    value: Bracket
    converged: Bool[Array, ""]
    steps: Int[Array, ""]


def best_response(
    game: Game,
    schemes: Schemes,
    leader: int | Int[Array, ""],
    *,
    rationality: float | Float[Array, ""] = np.inf,
    method: str = "auto",
    tie: str = "favoured",
    margin: float = MARGIN,
    messages: int | None = None,
    key: Array | None = None,
) -> SchemeReply:
    """The scheme that serves leader `leader` of `game` best, given what the others say.

    `schemes`: one array [S, M_j] for each leader (the leader's own is ignored), messages independent given
    the state. The follower best-responds if `rationality` is the float infinity, and is logit with a finite
    one, per unit of her utility, which may be traced. With best responses and `tie` "favoured", ties go to
    the leader and the value is a supremum (a tie is within 1e-11 of what the worst action loses); with
    "lowest" (index) and "uniform" the scheme keeps off ties by `margin` (from 1e-9 to 1, in relative
    likelihood or in parts of the follower's range of utility), and its value is attained.

    `method`: "closure" (two states; exact, M = 2), "program" (best responses with A^P <= 1,024, P types times
    the others' joint messages; exact, M = A^P, one message for each map from those to actions, or 2 S unless
    ties are favoured), "gradient" (any game: ascent from random starts drawn by `key`; M = `messages` or 2 S,
    plus S with best responses; the lower end is attained, the upper one is a bound that may be far), or
    "auto", the first of these that applies. Works under jit and vmap; a traced `leader` needs a common M.

    Raises ValueError for an unknown method or tie, one that does not apply, schemes that do not fit the
    game, a leader that is not there, a negative rationality and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # two prosecutors; the other one says nothing
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> silent = jnp.ones((2, 1))
    >>> reply = jg.competition.best_response(judge, (silent, silent), 0)
    >>> round(float(reply.value.lower), 9), round(float(reply.value.upper), 9)
    (0.6, 0.6)
    >>> [round(float(p), 6) for p in reply.scheme[0]]    # 3/7 of the innocent are called guilty
    [0.571429, 0.428571]
    """
    entry = entered(game, schemes, rationality)
    problem = private_problem(entry.units.game, entry.schemes, leader)
    reply = reply_to(problem, entry.rationality, method, tie, margin, messages, key)
    return SchemeReply(
        scheme=unheard(entry.sound, reply.scheme),
        value=unknown(entry.sound, entry.units.leader(leader).bracket(reply.value)),
        converged=reply.converged & entry.sound,
        steps=reply.steps,
    )


def reply_to(
    problem: Private,
    rationality: float | Float[Array, ""],
    method: str = "auto",
    tie: str = "favoured",
    margin: float = MARGIN,
    messages: int | None = None,
    key: Array | None = None,
) -> SchemeReply:
    """`best_response` to a problem in standard units, rationality included, and so is the value.

    Arguments and errors are the same; all numbers must be finite.
    """
    checks.check_choice("method", method, METHODS)
    checks.check_choice("tie", tie, TIES)
    check_rationality(rationality)
    check_margin(margin)
    best = is_best(rationality)
    types, states, actions = problem.follower.shape
    small = best and types * np.log(actions) <= np.log(MAX_RECOMMENDATIONS) + 1e-9
    if method == "auto":
        method = "closure" if states == 2 else "program" if small else "gradient"
    if method == "closure" and states != 2:
        raise ValueError(f"method 'closure' needs two states; game has {states}")
    if method == "program" and not small:
        raise ValueError(
            f"method 'program' needs a best-responding follower and A^P <= {MAX_RECOMMENDATIONS}; here she "
            f"{'responds best' if best else 'is logit'}, A = {actions} and P = {types}"
        )
    if method == "closure":
        return _two_states(problem, tie, margin) if best else _two_states_logit(problem, rationality)
    if method == "program":
        return _program(problem, tie, margin)
    return _gradient(problem, rationality, tie, margin, messages, key)


def _two_states(problem: Private, tie: str, margin: float) -> SchemeReply:
    """Piecewise linear: the best split is between posteriors where two actions tie, or certainties.

    If ties are not the leader's, the scheme splits between points just off them; the bound from above is that
    of ties in its favour all the same.
    """
    actions = problem.follower.shape[2]
    first, second = np.triu_indices(actions, 1)
    gaps = problem.prior[:, :, None] * (problem.follower[:, :, first] - problem.follower[:, :, second])
    inside = jnp.stack(ties(gaps[:, 0], gaps[:, 1]), -1).reshape(-1, 2)
    ends = jnp.eye(2)
    points = jnp.concatenate([ends, inside])
    split = best_split(points, message_values(problem, points.T, np.inf, "favoured"))
    scheme = split.scheme
    if tie != "favoured":
        aside = [inside * jnp.array([[1.0 + margin, 1.0]]), inside * jnp.array([[1.0, 1.0 + margin]])]
        aside.append(ends + margin * (1.0 - ends))  # actions may tie where one state is ruled out
        points = jnp.concatenate([ends, *(x / x.sum(1, keepdims=True) for x in aside)])
        scheme = best_split(points, message_values(problem, points.T, np.inf, tie)).scheme
    off = rounding(problem, np.inf)
    lower = message_values(problem, scheme, np.inf, tie).sum() - off.sum()
    value = Bracket(lower, split.bound(split.excess, off))
    width = EXACT_WIDTH if tie == "favoured" else 10 * margin
    return SchemeReply(scheme, value, _narrow(value, width * scale(problem)), split.turns)


def _narrow(value: Bracket, width: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether a bracket is no wider; one whose ends cross contradicts itself."""
    return (value.width >= 0) & (value.width <= width)


def _two_states_logit(problem: Private, rationality: float | Float[Array, ""]) -> SchemeReply:
    found = smooth_closure(problem, jnp.asarray(rationality, problem.prior.dtype))
    return SchemeReply(
        found.scheme, found.value, _narrow(found.value, 2 * WIDTH * scale(problem)), found.steps
    )


def _program(problem: Private, tie: str, margin: float) -> SchemeReply:
    """The persuasion program: of all maps from her private types to actions, which to recommend when.

    If ties are not the leader's, the S most likely recommendations are made obedient again, with a margin.
    """
    private = Game(problem.prior, problem.follower, problem.leader[None])
    unlimited = jnp.full(1, jnp.inf, problem.prior.dtype)
    best = jax.tree.map(lambda x: x[0], best_at(private, problem.leader, unlimited))
    if tie == "favoured":
        return SchemeReply(best.scheme, Bracket(best.lower, best.upper), best.converged, best.pivots)
    states = problem.prior.shape[1]
    few = most_likely(problem, best.scheme, states)  # a vertex uses no more than S
    scheme = obedient_schemes(problem, few[None], margin)[0]
    off = rounding(problem, np.inf, scheme.shape[1]).sum()
    # Her ties are within a tolerance, and not the leader's to use: she may obey what is nearly best, too.
    prices = best.obedience.reshape(len(best.obedience), len(problem.prior), -1).sum(2)
    most = (problem.prior * problem.leader.max(2)).sum() + off
    upper = jnp.minimum(best.upper + beyond_ties(problem, prices), most)
    value = Bracket(message_values(problem, scheme, np.inf, tie).sum() - off, upper)
    return SchemeReply(scheme, value, _narrow(value, 10 * margin * scale(problem)), best.pivots)


def _gradient(
    problem: Private,
    rationality: float | Float[Array, ""],
    tie: str,
    margin: float,
    messages: int | None,
    key: Array | None,
) -> SchemeReply:
    states = problem.prior.shape[1]
    key = jax.random.key(0) if key is None else key
    found = best_ascent(key, problem, rationality, tie, margin, 2 * states if messages is None else messages)
    return SchemeReply(
        found.scheme, found.value, _narrow(found.value, 2 * WIDTH * scale(problem)), found.steps
    )
