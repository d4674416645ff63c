"""Leaders who revise their schemes by best responses, all heard by the follower, and where that ends."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.competition.independent.entry import Entry, entered
from jaxgame.competition.independent.private import (
    MARGIN,
    SHARED_TIES,
    Private,
    Schemes,
    message_values,
    private_problem,
    rounding,
    scale,
)
from jaxgame.competition.independent.profile import outcome_in
from jaxgame.competition.independent.reply import reply_to
from jaxgame.competition.independent.restricted import most_likely
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.drawn import DrawnProcess
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.revision import ENDS, ORDERS, ending
from jaxgame.core.units import is_sound, unheard, unknown

STARTS = ("none", "full", "selfish", "random")

# Revisions that gain less, in parts of what is at stake for the leader, are not made: what best responses
# lose by keeping off ties, or by the width of their brackets, is below.
INDIFFERENT = 1e-5


@record
class SchemeTrace(DrawnProcess):
    """N revisions (rounds if simultaneous) and the profile before the first: N_plus_1 = N + 1 entries.

    - `follower` [N_plus_1] and `leaders` [N_plus_1, K]: expected utilities at each profile, in everybody's
      own units.
    - `schemes` [K, S, M]: the last profile.
    - `gain`: its `exploitability`.
    - `end`: the place in `ENDS`: "converged" (no leader would revise), "cycle" (a profile returned and the
      order of revisions is periodic), or "limit" (neither was seen).
    - `steps`: revisions before the end: up to the last change, to the return, or all N.

    Of an input that is not finite nothing is known: NaN, a gain in [-inf, inf], and the end is "limit".
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
    *,
    rationality: float | Float[Array, ""] = math.inf,
    method: str = "auto",
    tie: str = "lowest",
    margin: float = MARGIN,
) -> Bracket:
    """The largest gain that a leader has by another scheme, in the leaders' utility units; 0 at equilibria.

    What leaders have in `game` with `schemes`, one array [S, M_i] for each, is computed as in `outcome_of`,
    with the follower's `rationality` (infinity: best responses) and ties by `tie`, "lowest" (index) or
    "uniform". What they could have rests on the brackets of `best_response` with the same `method` and
    `margin`, whose upper end is the supremum with ties in the deviator's favour: a small upper end proves
    that the profile nearly is an equilibrium, whatever the search did (theory, section 4 (1)). Of an input
    that is not finite nothing is known: [-inf, inf].

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
    checks.check_choice("tie", tie, SHARED_TIES)
    entry = entered(game, schemes, rationality)
    return unknown(entry.sound, _largest_gain(entry, method, tie, margin))


def _largest_gain(entry: Entry, method: str, tie: str, margin: float) -> Bracket:
    """`exploitability` of what was entered, in the caller's units; all numbers must be finite."""
    game, schemes, rationality = entry.units.game, entry.schemes, entry.rationality
    outcome = outcome_in(game, schemes, rationality, tie)
    now = entry.units.earned(outcome)
    messages = math.prod(scheme.shape[1] for scheme in schemes)
    off = jax.vmap(
        lambda leader: rounding(Private(game.prior, game.follower, leader), rationality, messages).sum()
    )(game.leaders)
    best = [
        reply_to(private_problem(game, schemes, i), rationality, method, tie, margin).value
        for i in range(len(game.leaders))
    ]
    lower, upper = (jnp.stack([getattr(b, end) for b in best]) for end in ("lower", "upper"))
    gain = entry.units.leaders.difference(Bracket(lower - (now + off), upper - (now - off)))
    # To stay is a scheme, too: the largest gain is not below 0.
    return Bracket(jnp.maximum(gain.lower.max(), 0.0), jnp.maximum(gain.upper.max(), 0.0))


def best_response_dynamics(
    game: Game,
    schemes: Float[Array, "K S M"],
    *,
    rationality: float | Float[Array, ""] = math.inf,
    order: str = "in_turn",
    damping: float = 0.0,
    steps: int = 200,
    key: Array | None = None,
    method: str = "auto",
    tie: str = "lowest",
    margin: float = 1e-2,
) -> SchemeTrace:
    """Let the leaders of `game` revise `schemes` [K, S, M] by best responses, `steps` times.

    `order`: "in_turn" (0, ..., K - 1, 0, ...), "random" (one leader drawn at each step, with `key`) or
    "simultaneous". Replies are those of `best_response` with `rationality` and `method`; M must be at least
    S: no leader needs more. A revised scheme is mixed with the old one, which keeps weight `damping` in [0,
    1). Leaders that gain less than 1e-5 of what is at stake for them, `sum_ts P(t,s) (max_a U - min_a U)`,
    stay.

    A best-responding follower breaks ties by `tie`, "lowest" (index) or "uniform", and leaders keep off them
    by `margin`: where leaders contradict each other, each makes its messages just strong enough to prevail
    over the other's, and the margin is the size of such a step.

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
    entry = entered(game, schemes, rationality)
    turns = _turns(schemes, order, damping, steps, key)
    leaders, _, messages = schemes.shape

    def revised(schemes: Float[Array, "K S M"], leader: Int[Array, ""]) -> Float[Array, "S M"]:
        problem = private_problem(entry.units.game, schemes, leader)
        old = schemes[leader]
        now = message_values(problem, old, entry.rationality, tie).sum()
        reply = reply_to(problem, entry.rationality, method, tie, margin)
        new = most_likely(problem, reply.scheme, messages)
        gains = reply.value.lower > now + INDIFFERENT * scale(problem)
        return jnp.where(gains, (1 - damping) * new + damping * old, old)

    def advance(schemes: Array, turn: Array) -> tuple[Array, Array]:
        if order == "simultaneous":
            schemes = jax.vmap(lambda i: revised(schemes, i))(jnp.arange(leaders))
        else:
            schemes = schemes.at[turn].set(revised(schemes, turn))
        return schemes, schemes

    start = jnp.stack(entry.schemes)
    last, later = jax.lax.scan(advance, start, turns)
    profiles = jnp.concatenate([start[None], later])
    gain = _largest_gain(entry._replace(schemes=list(last)), method, tie, margin)
    return _traced(entry, profiles, last, gain, order, tie)


def _turns(
    schemes: Float[Array, "K S M"], order: str, damping: float, steps: int, key: Array | None
) -> Int[Array, " N"]:
    """Whose turn it is at each of N `steps`, after the checks of what only dynamics take."""
    leaders, states, messages = schemes.shape
    if not 0 <= damping < 1:
        raise ValueError(f"damping is {damping}; it must be at least 0 and below 1")
    if messages < states:
        raise ValueError(f"schemes have {messages} messages; dynamics need at least one per state, {states}")
    if order != "random":
        return jnp.arange(steps) % leaders
    if key is None:
        raise ValueError("order 'random' needs a key")
    return jax.random.randint(key, (steps,), 0, leaders)


def _traced(
    entry: Entry,
    profiles: Float[Array, "N_plus_1 K S M"],
    last: Float[Array, "K S M"],
    gain: Bracket,
    order: str,
    tie: str,
) -> SchemeTrace:
    """What a process of revisions was worth to everybody, and how it ended, in the caller's units."""
    units, sound = entry.units, entry.sound
    count, leaders = profiles.shape[:2]

    def worth(schemes: Float[Array, "K S M"]) -> tuple[Array, Array]:
        outcome = outcome_in(units.game, list(schemes), entry.rationality, tie)
        return units.follower.value(-units.lost(outcome)), units.leaders.value(units.earned(outcome))

    follower, theirs = jax.lax.map(worth, profiles)
    end, taken = ending(
        profiles.reshape(count, -1),
        leaders if order != "simultaneous" else 1,
        periodic=order != "random",
    )
    trace = SchemeTrace(
        follower=follower,
        leaders=theirs,
        schemes=last,
        gain=gain,
        end=jnp.where(sound, end, ENDS.index("limit")),
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, trace), gain=unknown(sound, gain))


def starting_schemes(
    game: Game,
    start: str,
    messages: int,
    key: Array | None = None,
    *,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
) -> Float[Array, "K S M"]:
    """Schemes [K, S, M] with M = `messages` messages to start the dynamics of `game` from.

    `start` is one of `STARTS`:

    - "none": all always send message 0;
    - "full": state s sends message s;
    - "selfish": each leader's best scheme if it were alone, with a follower of this `rationality` (infinity:
      best responses) whose ties go by `tie`, as in `best_response`;
    - "random": rows drawn uniformly on the simplex, with `key`.

    Where dynamics end may depend on the start: several equilibria are the rule. NaN for a game that is not
    finite.

    Raises ValueError for an unknown start, "random" without a key, and too few messages.
    """
    checks.check_choice("start", start, STARTS)
    leaders, _, states, _ = game.leaders.shape
    needed = states if start in ("full", "selfish") else 1
    if messages < needed:
        raise ValueError(f"messages is {messages}; start {start!r} needs at least {needed}")
    dtype, sound = game.prior.dtype, is_sound(game)
    if start == "random":
        if key is None:
            raise ValueError("start 'random' needs a key")
        exponential = jax.random.exponential(key, (leaders, states, messages), dtype)
        return unheard(sound, exponential / exponential.sum(2, keepdims=True))
    if start == "selfish":
        silent = jnp.ones((leaders, states, 1), dtype)
        entry = entered(game, silent, rationality)

        def alone(leader: Int[Array, ""]) -> Float[Array, "S M"]:
            problem = private_problem(entry.units.game, silent, leader)
            return most_likely(problem, reply_to(problem, entry.rationality, tie=tie).scheme, messages)

        return unheard(entry.sound, jax.vmap(alone)(jnp.arange(leaders)))
    sent = jnp.eye(states, messages, dtype=dtype) if start == "full" else jnp.eye(1, messages, dtype=dtype)
    return unheard(sound, jnp.broadcast_to(sent[None], (leaders, states, messages)))
