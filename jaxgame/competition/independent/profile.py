"""What a profile of schemes leads to: the follower hears all leaders, whose messages are independent."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgame.competition.independent.entry import entered
from jaxgame.competition.independent.private import SHARED_TIES, Schemes, check_scheme, respond
from jaxgame.core import beliefs, checks
from jaxgame.core.game import Game
from jaxgame.core.units import is_sound, unheard

MAX_MESSAGES = 65_536  # joint messages enumerated


def outcome_of(
    game: Game, schemes: Schemes, *, rationality: float | Float[Array, ""] = math.inf, tie: str = "lowest"
) -> Float[Array, "T S A"]:
    """The joint law [T, S, A] of type, state and action in `game`, by enumeration of all joint messages.

    `schemes`: one array [S, M_i] for each leader, rows laws of messages. The follower best-responds if
    `rationality` is the float infinity, ties by `tie` ("lowest" index or "uniform"; within 1e-11 of what the
    worst action loses), and is logit with a finite one. Everybody's expected utility is
    `(outcome * utility).sum()`. An input that is not finite gives NaN.

    Raises ValueError for schemes that do not fit the game, more than 65,536 joint messages (see
    `sampled_outcome`), an unknown tie rule, a negative rationality, and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> outcome = jg.competition.outcome_of(judge, (jnp.ones((2, 1)), jnp.eye(2)))    # one tells all
    >>> round(float((outcome * judge.follower).sum()), 9)
    1.0
    """
    checks.check_choice("tie", tie, SHARED_TIES)
    entry = entered(game, schemes, rationality)
    return unheard(entry.sound, outcome_in(entry.units.game, entry.schemes, entry.rationality, tie))


def outcome_in(
    game: Game, schemes: Sequence[Float[Array, "_ _"]], rationality: float | Float[Array, ""], tie: str
) -> Float[Array, "T S A"]:
    """`outcome_of` in a standard game; only the number of messages is checked."""
    count = math.prod(scheme.shape[1] for scheme in schemes)
    if count > MAX_MESSAGES:
        raise ValueError(
            f"schemes have {count} joint messages; at most {MAX_MESSAGES} are enumerated (sampled_outcome "
            "takes more)"
        )
    heard = beliefs.joint_scheme(*schemes)
    response = respond(game.prior[:, :, None] * heard[None], game.follower, rationality, tie)
    return beliefs.outcome(game.prior, heard, response)


def sampled_outcome(
    key: Array,
    game: Game,
    schemes: Schemes,
    samples: int,
    *,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
) -> tuple[Float[Array, "T S A"], Float[Array, "T S A"]]:
    """An estimate of `outcome_of` for any number of leaders, and its standard error, both [T, S, A].

    In each state of `game`, `samples` (at least 2) joint messages are drawn with `key` from `schemes`, one
    array [S, M_i] for each leader. What follows each of them is computed exactly, with the follower's
    `rationality` and ties by `tie` as in `outcome_of`: only messages are sampled, not actions. The estimate
    is unbiased, its error falls with the root of `samples`, and time grows with K M, not with M^K.

    Raises ValueError as `outcome_of` does, and for fewer than two samples.
    """
    checks.check_choice("tie", tie, SHARED_TIES)
    entry = entered(game, schemes, rationality)
    if samples < 2:
        raise ValueError(f"samples is {samples}; it must be at least 2")
    game, schemes, rationality, sound = entry.units.game, entry.schemes, entry.rationality, entry.sound
    logs = [jnp.log(scheme) for scheme in schemes]  # safe: a message of log-probability -inf is never drawn

    def one(key: Array, state: Array) -> Float[Array, "T A"]:
        """P(a | t, s) after one draw of all messages in `state`."""
        keys = jax.random.split(key, len(logs))
        drawn = [jax.random.categorical(k, law[state]) for k, law in zip(keys, logs, strict=True)]
        likelihood = sum(
            (law[:, m] for law, m in zip(logs, drawn, strict=True)), jnp.zeros_like(logs[0][:, 0])
        )
        likelihood = jnp.exp(likelihood - likelihood.max())  # drawn in `state`: not all are 0
        weights = game.prior * likelihood[None]
        return respond(weights[:, :, None], game.follower, rationality, tie)[:, 0]

    states = jnp.arange(game.prior.shape[1])
    keys = jax.random.split(key, (len(states), samples))
    seen = jax.vmap(lambda ks, s: jax.vmap(one, (0, None))(ks, s))(keys, states)  # [S,N,T,A]
    mean, error = seen.mean(1), seen.std(1, ddof=1) / math.sqrt(samples)
    mean, error = (game.prior[:, :, None] * jnp.moveaxis(x, 0, 1) for x in (mean, error))
    return unheard(sound, (mean, error))


def law_distance(
    game: Game,
    schemes: Schemes,
    aligned: Float[Array, "S M"],
    *,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
) -> Float[Array, ""]:
    """Delta: how far apart are the outcomes if one leader or another deviates to the scheme `aligned`.

    The largest total variation distance, from 0 to 1, over pairs of leaders of `game`, between the laws of
    (type, state, action) when one or the other replaces its own of the `schemes`, one array [S, M_i] for
    each, by `aligned` [S, M]. The follower's `rationality` and her ties by `tie` are as in `outcome_of`. It
    is 0 for full information, which makes all others irrelevant; what the guarantees of simultaneous
    competition lose grows with it (theory, section 4 (2)).

    Raises ValueError as `outcome_of` does.
    """
    checks.check_choice("tie", tie, SHARED_TIES)
    entry = entered(game, schemes, rationality)
    check_scheme("aligned", aligned, game.prior.shape[1])
    sound = entry.sound & is_sound(aligned)
    deviation = jnp.where(sound, aligned, 1.0 / aligned.shape[1])
    heard = entry.schemes
    laws = jnp.stack(
        [
            outcome_in(entry.units.game, [*heard[:i], deviation, *heard[i + 1 :]], entry.rationality, tie)
            for i in range(len(heard))
        ]
    )
    return unheard(sound, jnp.abs(laws[:, None] - laws[None]).sum((2, 3, 4)).max() / 2)
