"""Leaders who revise their schemes by best responses, all heard by the follower, and where that ends."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame import checks
from jaxgame.bracket import Bracket
from jaxgame.competition.private import (
    MARGIN,
    SHARED_TIES,
    Schemes,
    check_rationality,
    check_schemes,
    message_values,
    private_problem,
    scale,
)
from jaxgame.competition.profile import outcome_of
from jaxgame.competition.reply import best_response
from jaxgame.competition.restricted import most_likely
from jaxgame.game import Game
from jaxgame.record import record
from jaxgame.revision import ORDERS, ending

STARTS = ("none", "full", "selfish", "random")

# Revisions that gain less, in parts of the leader's range of utility, are not made: what best responses lose
# by keeping off ties, or by the width of their brackets, is below.
INDIFFERENT = 1e-5


@record
class Trace:
    """N revisions (or rounds of simultaneous ones), and the profile before the first: N + 1 entries.

    `follower` [N+1] and `leaders` [N+1, K] are expected utilities, `schemes` [K, S, M] the last profile and
    `gain` its exploitability. `end` is the place in `revision.ENDS`: "converged" (no leader would revise),
    "cycle" (a profile returned and the order of revisions is periodic), or "limit". `steps` counts
    revisions before the end.
    """

    follower: Float[Array, " N_plus_1"]
    leaders: Float[Array, "N_plus_1 K"]
    schemes: Float[Array, "K S M"]
    gain: Bracket
    end: Int[Array, ""]
    steps: Int[Array, ""]


def exploitability(
    game: Game,
    schemes: Schemes,
    rationality: float | Float[Array, ""] = math.inf,
    method: str = "auto",
    tie: str = "lowest",
    margin: float = MARGIN,
) -> Bracket:
    """The largest gain that a leader has by another scheme, in the leaders' utility units; 0 at equilibria.

    What leaders have is computed with the follower's ties as in `outcome_of`; what they could have rests on
    the brackets of `best_response`, whose upper end is the supremum with ties in the deviator's favour.

    Raises ValueError as those two do.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> told = jg.competition.exploitability(judge, (jnp.eye(2), jnp.eye(2)))
    >>> alone = jg.competition.exploitability(judge, (jnp.eye(2), jnp.ones((2, 1))))
    >>> round(float(told.upper), 9), round(float(alone.upper), 9)
    (0.0, 0.3)
    """
    outcome = outcome_of(game, schemes, rationality, tie)
    now = (game.leaders * outcome[None]).sum((1, 2, 3))
    best = [
        best_response(game, schemes, i, rationality, method, tie, margin).value
        for i in range(game.leaders.shape[0])
    ]
    lower, upper = (jnp.stack([getattr(b, end) for b in best]) - now for end in ("lower", "upper"))
    # To stay is a scheme, too.
    return Bracket(jnp.maximum(lower.max(), 0.0), jnp.maximum(upper.max(), 0.0))


def best_response_dynamics(
    game: Game,
    schemes: Float[Array, "K S M"],
    rationality: float | Float[Array, ""] = math.inf,
    order: str = "in_turn",
    damping: float = 0.0,
    steps: int = 200,
    key: Array | None = None,
    method: str = "auto",
    tie: str = "lowest",
    margin: float = 1e-2,
) -> Trace:
    """Let leaders revise `schemes` [K, S, M] by best responses, `steps` times.

    `order`: "in_turn" (0, ..., K - 1, 0, ...), "random" (one leader drawn at each step, with `key`) or
    "simultaneous". A revised scheme is mixed with the old one, which keeps weight `damping` in [0, 1). M must
    be at least the number of states: no leader needs more. Leaders that gain less than 1e-5 of their
    range stay. A best-responding follower breaks ties by `tie`, "lowest" (index) or "uniform", and leaders
    keep off them by `margin` (see `best_response`): where leaders contradict each other, each makes its
    messages just strong enough to prevail over the other's, and the margin is the size of such a step.

    Raises ValueError for an unknown order, a damping outside [0, 1), too few messages, "random" without
    a key, and as `best_response` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # prosecutor and defender contradict each other
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> start = jg.competition.starting_schemes(judge, "none", messages=2)
    >>> trace = jg.competition.best_response_dynamics(judge, start, margin=0.1, steps=150)
    >>> round(float(trace.follower[0]), 6), round(float(trace.follower[-1]), 3)
    (0.7, 1.0)
    """
    checks.check_choice("order", order, ORDERS)
    checks.check_choice("tie", tie, SHARED_TIES)
    check_rationality(rationality)
    check_schemes(game, schemes)
    leaders, states, messages = schemes.shape
    if not 0 <= damping < 1:
        raise ValueError(f"damping is {damping}; it must be at least 0 and below 1")
    if messages < states:
        raise ValueError(f"schemes have {messages} messages; dynamics need at least one per state, {states}")
    turns = jnp.arange(steps) % leaders
    if order == "random":
        if key is None:
            raise ValueError("order 'random' needs a key")
        turns = jax.random.randint(key, (steps,), 0, leaders)

    def revised(schemes: Float[Array, "K S M"], leader: Int[Array, ""]) -> Float[Array, "S M"]:
        problem = private_problem(game, schemes, leader)
        old = schemes[leader]
        now = message_values(problem, old, rationality, tie).sum()
        reply = best_response(game, schemes, leader, rationality, method, tie, margin)
        new = most_likely(problem, reply.scheme, messages)
        gains = reply.value.lower > now + INDIFFERENT * scale(problem)
        return jnp.where(gains, (1 - damping) * new + damping * old, old)

    def advance(schemes: Array, turn: Array) -> tuple[Array, Array]:
        if order == "simultaneous":
            schemes = jax.vmap(lambda i: revised(schemes, i))(jnp.arange(leaders))
        else:
            schemes = schemes.at[turn].set(revised(schemes, turn))
        return schemes, schemes

    last, later = jax.lax.scan(advance, schemes, turns)
    profiles = jnp.concatenate([schemes[None], later])

    def worth(schemes: Float[Array, "K S M"]) -> tuple[Array, Array]:
        outcome = outcome_of(game, schemes, rationality, tie)
        return (game.follower * outcome).sum(), (game.leaders * outcome[None]).sum((1, 2, 3))

    follower, theirs = jax.lax.map(worth, profiles)
    end, taken = ending(
        profiles.reshape(steps + 1, -1),
        leaders if order != "simultaneous" else 1,
        periodic=order != "random",
    )
    return Trace(
        follower=follower,
        leaders=theirs,
        schemes=last,
        gain=exploitability(game, last, rationality, method, tie, margin),
        end=end,
        steps=taken,
    )


def starting_schemes(
    game: Game,
    start: str,
    messages: int,
    key: Array | None = None,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
) -> Float[Array, "K S M"]:
    """Schemes [K, S, M] with M = `messages` messages to start from.

    "none": all always send message 0; "full": state s sends message s; "selfish": each leader's best scheme
    if it were alone, with this follower; "random": rows drawn uniformly, with `key`.

    Raises ValueError for an unknown start, "random" without a key, and too few messages.
    """
    checks.check_choice("start", start, STARTS)
    leaders, _, states, _ = game.leaders.shape
    needed = states if start in ("full", "selfish") else 1
    if messages < needed:
        raise ValueError(f"messages is {messages}; start {start!r} needs at least {needed}")
    dtype = game.prior.dtype
    if start == "random":
        if key is None:
            raise ValueError("start 'random' needs a key")
        exponential = jax.random.exponential(key, (leaders, states, messages), dtype)
        return exponential / exponential.sum(2, keepdims=True)
    if start == "selfish":
        silent = jnp.ones((leaders, states, 1), dtype)

        def alone(leader: Int[Array, ""]) -> Float[Array, "S M"]:
            reply = best_response(game, silent, leader, rationality, tie=tie)
            return most_likely(private_problem(game, silent, leader), reply.scheme, messages)

        return jax.vmap(alone)(jnp.arange(leaders))
    sent = jnp.eye(states, messages, dtype=dtype) if start == "full" else jnp.eye(1, messages, dtype=dtype)
    return jnp.broadcast_to(sent[None], (leaders, states, messages))
