"""What a leader faces when the follower hears others too: a follower with more private types.

To leader i the others' joint message n, drawn by sigma[s, n], is one more thing the follower knows. She is a
follower of P = T N types (t, n), with prior[t, s] sigma[s, n] and utilities that do not depend on n
(theory, section 4 (1)). Competition thus is persuasion again, and one solver serves both.

A message enters through its likelihoods l[s] = P(m | s) alone, and what it adds to anybody's utility is
homogeneous of degree 1 in them. Posteriors are therefore handled as likelihoods of any size, which keep
their relative precision however small a probability is.

Problems are in standard units (`units`): leaders' utilities are at least 0, and the follower's need not be
centred, since only differences between her actions are used.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core import beliefs, checks
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.response import best_response, quantal_response
from jaxgame.core.units import at_stake

# A tuple with one array [S, M_i] for each leader, or one array [K, S, M].
Schemes = Sequence[Float[Array, "_ _"]] | Float[Array, "_ _ _"]

TIES = ("favoured", "lowest", "uniform")
SHARED_TIES = ("lowest", "uniform")  # that mean the same to all leaders

# Actions count as tied if they differ by less, in parts of what the worst action loses: rounding of ties is
# below 1e-15 there.
TIED = 1e-11

# Where the leader does not break ties, how far messages are kept from them: in relative likelihood, or in
# parts of the follower's range of utility, which is the largest difference between two of her actions.
MARGIN = 1e-6


@record
class Private:
    """One leader's problem: the law `prior` [P, S] of the follower's types and the state, and utilities.

    `follower` [P, S, A] is hers and `leader` [P, S, A] the leader's, at least 0; both are in standard units.
    """

    prior: Float[Array, "P S"]
    follower: Float[Array, "P S A"]
    leader: Float[Array, "P S A"]


def private_problem(game: Game, schemes: Schemes, leader: int | Int[Array, ""]) -> Private:
    """Leader `leader`'s problem in a standard game against the others' schemes; its own entry is ignored.

    Types of the result number T times the others' joint messages. A `leader` that is traced needs schemes
    with a common number of messages.

    Raises ValueError for a leader that is not there and for schemes that do not fit the game.
    """
    schemes = check_schemes(game, schemes)
    leaders, types, states, actions = game.leaders.shape
    checks.check_leader_index(leader, leaders)
    if checks.is_concrete(leader):
        others = [scheme for j, scheme in enumerate(schemes) if j != int(leader)]
    else:
        messages = [scheme.shape[1] for scheme in schemes]
        if len(set(messages)) > 1:
            raise ValueError(
                f"schemes have {messages} messages; a traced leader needs as many in each (pad with zeros)"
            )
        stacked = jnp.stack(schemes)
        others = [stacked[(leader + 1 + j) % leaders] for j in range(leaders - 1)]
    heard = beliefs.joint_scheme(*others, jnp.ones((states, 1), game.prior.dtype))  # [S,N]
    count = heard.shape[1]
    shape = (types, count, states, actions)
    return Private(
        prior=(game.prior[:, None] * heard.T[None]).reshape(types * count, states),
        follower=jnp.broadcast_to(game.follower[:, None], shape).reshape(-1, states, actions),
        leader=jnp.broadcast_to(game.leaders[leader][:, None], shape).reshape(-1, states, actions),
    )


def respond(
    weights: Float[Array, "P S M"],
    follower: Float[Array, "P S A"],
    rationality: float | Float[Array, ""],
    tie: str,
    leader: Float[Array, "P S A"] | None = None,
) -> Float[Array, "P M A"]:
    """Response of each type to each message, given `weights`, the joint law of type, state and message.

    Best response if `rationality` is the float infinity, then with the rule `tie` ("favoured" needs the
    utility `leader` that it favours), where actions within a relative TIED count as tied; else logit.
    Weights may sum to anything. Rationality is per unit of the utility given.
    """
    losses = expected(weights, -centred(follower))
    if is_best(rationality):
        largest = losses.max(2, keepdims=True)
        values = -losses / jnp.where(largest > 0, largest, 1.0)
        favour = None if leader is None else expected(weights, leader)
        return best_response(values, tie, favour if tie == "favoured" else None, TIED)
    total = weights.sum(1)
    return quantal_response(-losses / jnp.where(total > 0, total, 1.0)[..., None], rationality)


def centred(follower: Float[Array, "P S A"]) -> Float[Array, "P S A"]:
    """Her utility counted from the best action; near ties below it are rounded."""
    return follower - follower.max(2, keepdims=True)


def expected(weights: Float[Array, "P S M"], utility: Float[Array, "P S A"]) -> Float[Array, "P M A"]:
    """Each action's weighted sum over states; see `beliefs.action_values` on why not einsum."""
    return (weights[:, :, :, None] * utility[:, :, None]).sum(1)


def message_values(
    problem: Private, scheme: Float[Array, "S M"], rationality: float | Float[Array, ""], tie: str
) -> Float[Array, " M"]:
    """What each message of a scheme, given by its likelihoods, adds to the leader's expected utility."""
    weights = problem.prior[:, :, None] * scheme[None]
    response = respond(weights, problem.follower, rationality, tie, problem.leader)
    return (expected(weights, problem.leader) * response).sum((0, 2))


def scale(problem: Private) -> Float[Array, ""]:
    """What is at stake for the leader, in which errors are measured; 1 if nothing is."""
    span = at_stake(problem.prior, problem.leader)
    return jnp.where(span > 0, span, 1.0)


def rounding(
    problem: Private, rationality: float | Float[Array, ""], messages: int = 2
) -> Float[Array, " S"]:
    """How far `message_values` may be off, for each unit of likelihood of each state.

    A sum of n products errs by at most n eps / 2 of the sum of their sizes, in any order. Exponents off by at
    most x move probabilities by no more than x / 2. No error exceeds the leader's utility itself.
    """
    types, states, actions = problem.follower.shape
    terms = types * actions + states + actions + messages + 16
    off = terms * jnp.finfo(problem.prior.dtype).eps + unsure(problem, rationality, messages) / 2
    return (problem.prior * problem.leader.max(2) * jnp.minimum(off, 1.0)[:, None]).sum(0)


def beyond_ties(problem: Private, prices: Float[Array, "M P"]) -> Float[Array, ""]:
    """The most that actions earn which only count as best, being worse by TIED of what the worst one loses.

    `prices` are, for recommendation m and type p, the multipliers of obedience in all, which prove a bound on
    what the leader earns if she obeys exactly.
    """
    lost = (problem.prior * -centred(problem.follower).min(2))[None] * prices[:, :, None]
    return TIED * (1 + 1e-9) * lost.sum(1).max(0).sum()


def unsure(problem: Private, rationality: float | Float[Array, ""], messages: int = 2) -> Float[Array, " P"]:
    """How far the exponents of a logit follower may be off, for each of her types; 0 with best responses.

    Expected losses are off by a part of themselves: products of K likelihoods, of no more leaders than the
    logarithm of all messages if each says anything, sums over states, and the same in the weights' sum.
    """
    types, states, _ = problem.follower.shape
    if is_best(rationality):
        return jnp.zeros(types, problem.prior.dtype)
    largest = jnp.where(problem.prior > 0, -centred(problem.follower).min(2), 0.0).max(1)
    part = (states + math.log2(types * messages) + 3) * float(jnp.finfo(largest.dtype).eps)
    return part * jnp.asarray(rationality, largest.dtype) * largest


def check_margin(margin: float) -> None:
    """Raise ValueError unless `margin` is positive, well above the tolerance of ties, and below 1."""
    if not 1e-9 <= margin < 1:
        raise ValueError(f"margin is {margin}; it must be at least 1e-9 and below 1")


def is_best(rationality: float | Float[Array, ""]) -> bool:
    """Whether the follower best-responds, which must be known outside jit."""
    return checks.is_concrete(rationality) and float(rationality) == math.inf


def check_rationality(rationality: float | Float[Array, ""]) -> None:
    """Raise ValueError for a negative or NaN rationality."""
    if checks.is_concrete(rationality) and not float(rationality) >= 0:
        raise ValueError(f"rationality is {float(rationality)}; it must be at least 0 (infinity is allowed)")


def check_schemes(game: Game, schemes: Schemes) -> list[Float[Array, "_ _"]]:
    """The schemes one by one, after checking that they are one law of messages per state and leader."""
    leaders, states = game.leaders.shape[0], game.prior.shape[1]
    if len(schemes) != leaders:
        raise ValueError(f"schemes has {len(schemes)} entries; it must have one per leader, {leaders}")
    for j, scheme in enumerate(schemes):
        check_scheme(f"schemes[{j}]", scheme, states)
    checks.check_float64("game", game.prior, "best responses")
    return list(schemes)


def check_scheme(name: str, scheme: Array, states: int) -> None:
    """Raise ValueError unless `scheme` is [S, M] with rows that are laws."""
    if scheme.ndim != 2 or scheme.shape[0] != states or scheme.shape[1] == 0:
        raise ValueError(
            f"{name} has shape {tuple(scheme.shape)}; it must be [S, M] with S = {states}, the number of "
            "states of game, and at least one message"
        )
    checks.check_distribution(name, scheme, axis=-1)
