"""The follower's best reply: what to ask and what to do, exactly, by backward induction.

She remembers all she said and heard. Against given rules of the leaders each of her types therefore solves a
decision tree: act best on each transcript, then reply best to each history, last round first. One pass
over the transcripts does it, for one leader as for several heard together; no search over rules is needed.
"""

import dataclasses
import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.competition.independent.private import TIED, TIES, check_rationality, expected, respond
from jaxgame.conversation.protocol import Protocol
from jaxgame.conversation.transcripts import (
    Rules,
    Views,
    check_follower,
    check_rules,
    heard,
    reply_probability,
)
from jaxgame.core import checks, units
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.response import best_response, quantal_response
from jaxgame.core.units import Standard, is_sound, limited, standard, unheard


@record
class Conversed:
    """The follower's rules and what comes of them.

    - `replies` [T, G, N]: the law of what she answers to each history of all conversations together.
    - `response` [T, L, A]: the law of her action after each transcript.
    - `outcome` [T, S, A]: the joint law of type, state and action.
    - `value`: hers, in her utility units.
    """

    replies: Float[Array, "T G N"]
    response: Float[Array, "T L A"]
    outcome: Float[Array, "T S A"]
    value: Float[Array, ""]


def best_reply(
    game: Game,
    protocol: Protocol,
    leaders: Float[Array, "K V H M"] | Float[Array, "V H M"],
    *,
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
    favoured: int | Int[Array, ""] | None = None,
) -> Conversed:
    """The follower's best replies and actions when she hears all `leaders`, rules [K, V, H, M].

    Rules, `protocol` and `views` are as in `transcript_law`. She remembers all she said and heard, so that
    each of her types solves a decision tree: exact, one pass over the transcripts. With a finite
    `rationality`, per unit of her utility in `game`, her action is logit; she knows that, and replies best
    all the same. Replies that tie (within 1e-11 of what is at stake) go to the lowest index, actions by
    `tie`: "lowest", "uniform", or "favoured", as leader `favoured` of the game likes best. Works under jit
    and vmap.

    Raises ValueError for rules or views that do not fit, too many transcripts, an unknown tie rule and a
    negative rationality.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> two_bits = jg.make_game(       # states 00, 01, 10, 11; type t guesses bit t
    ...     prior=jnp.full((2, 4), 1 / 8),
    ...     follower=[[[1, 0], [1, 0], [0, 1], [0, 1]], [[1, 0], [0, 1], [1, 0], [0, 1]]],
    ...     leaders=jnp.zeros((1, 2, 4, 2)),
    ... )
    >>> once = jg.conversation.Protocol(1, 2)
    >>> first_bit = jnp.eye(2)[jnp.array([0, 0, 1, 1])][:, None]
    >>> float(jg.conversation.best_reply(two_bits, once, first_bit).value)
    0.75
    """
    leaders = leaders if leaders.ndim == 4 else leaders[None]
    _check(game, protocol, leaders, views, rationality, tie, favoured)
    given = standard(game)
    sharp = given.scaled(rationality)
    found = replied(given.centred(), protocol, leaders, views, sharp, tie, favoured)
    return _back(given, found, leaders, views, limited(rationality))


def replied(
    game: Game,
    protocol: Protocol,
    leaders: Float[Array, "K V H M"],
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
    favoured: int | Int[Array, ""] | None = None,
) -> Conversed:
    """`best_reply` in a standard game whose follower's utilities are centred; nothing is checked."""
    shared = protocol.together(leaders.shape[0])
    said = heard(protocol, leaders, views)
    response = _acts(game, said, rationality, tie, favoured)
    replies = best_replies(shared, losses(game, said, response), at_stake(game))
    return _conversed(game, shared, said, replies, response)


def conversed(
    game: Game,
    protocol: Protocol,
    leaders: Float[Array, "K V H M"] | Float[Array, "V H M"],
    replies: Float[Array, "T G N"],
    *,
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    tie: str = "lowest",
    favoured: int | Int[Array, ""] | None = None,
) -> Conversed:
    """What comes of given `replies` [T, G, N], with the best (or logit) action after every transcript.

    `game`, `protocol`, the rules `leaders` [K, V, H, M] (one leader: no axis K), `views`, `rationality`,
    `tie` and `favoured` are as in `best_reply`: only the questions are given, not chosen. The rows of
    `replies` are laws, one for each history of all conversations together. An input that is not finite gives
    NaN.

    Raises ValueError as `best_reply` does, and for replies that do not fit.
    """
    leaders = leaders if leaders.ndim == 4 else leaders[None]
    _check(game, protocol, leaders, views, rationality, tie, favoured)
    shared = protocol.together(leaders.shape[0])
    check_follower(shared, replies)
    given = standard(game)
    centred = given.centred()
    said = heard(protocol, leaders, views)
    response = _acts(centred, said, given.scaled(rationality), tie, favoured)
    found = _conversed(centred, shared, said, replies, response)
    return _back(given, found, leaders, views, limited(rationality), replies)


def losses(game: Game, said: Float[Array, "S L"], response: Float[Array, "T L A"]) -> Float[Array, "T L"]:
    """What each transcript adds to the follower's loss against knowing the state."""
    # As in `respond`, so that it is computed once.
    gaps = game.follower.max(2, keepdims=True) - game.follower
    return (expected(game.prior[:, :, None] * said[None], gaps) * response).sum(2)


def at_stake(game: Game) -> Float[Array, ""]:
    """The most the follower could lose, in which ties of replies are measured; 1 if it is nothing."""
    most = units.at_stake(game.prior, game.follower)
    return jnp.where(most > 0, most, 1.0)


def best_replies(
    shared: Protocol, lost: Float[Array, "T L"], stake: Float[Array, ""]
) -> Float[Array, "T G N"]:
    """The replies that make the sum of the losses over transcripts least, for each type.

    Backward induction, from the last reply to the first: `lost` is what each history so far loses at best;
    sums over the leaders' messages that may follow a reply, then the least over replies, shorten histories
    by a round.
    """
    types, blocks = lost.shape[0], []
    for number in reversed(range(shared.rounds - 1)):
        histories = shared.before(number) * shared.leader_messages
        following = lost.reshape(types, histories, shared.follower_messages, shared.leader_messages).sum(3)
        blocks.append(best_response(-following / stake, "lowest", None, TIED))
        lost = following.min(2)
    empty = jnp.zeros((types, 0, shared.follower_messages), lost.dtype)
    return jnp.concatenate([empty, *reversed(blocks)], 1)


def soft_replies(
    shared: Protocol, lost: Float[Array, "T L"], mass: Float[Array, "T L"], sharpness: Float[Array, ""]
) -> Float[Array, "T G N"]:
    """`best_replies` made smooth, for gradients: logit in the expected loss that follows each reply.

    The same induction: losses and masses of longer histories are summed up to those of shorter ones. `mass`
    is the probability of each transcript, replies left out.
    """
    types, blocks = lost.shape[0], []
    for number in reversed(range(shared.rounds - 1)):
        shape = (types, shared.before(number) * shared.leader_messages, shared.follower_messages, -1)
        following, weight = lost.reshape(shape).sum(3), mass.reshape(shape).sum(3)
        expected = following / jnp.where(weight > 0, weight, 1.0)
        block = quantal_response(-expected, sharpness)
        blocks.append(block)
        lost, mass = (block * following).sum(2), weight.mean(2)  # the same for every reply
    empty = jnp.zeros((types, 0, shared.follower_messages), lost.dtype)
    return jnp.concatenate([empty, *reversed(blocks)], 1)


def _back(given: Standard, found: Conversed, *rest: object) -> Conversed:
    """The same in the caller's units; what rests on a number that is none, is none."""
    value = given.follower.value(found.value)
    return unheard(given.sound & is_sound(rest), dataclasses.replace(found, value=value))


def _conversed(
    game: Game,
    shared: Protocol,
    said: Float[Array, "S L"],
    replies: Float[Array, "T G N"],
    response: Float[Array, "T L A"],
) -> Conversed:
    outcome = outcome_of_transcripts(game, said, reply_probability(shared, replies), response)
    return Conversed(replies, response, outcome, (game.follower * outcome).sum())


def outcome_of_transcripts(
    game: Game, said: Float[Array, "S L"], replied: Float[Array, "T L"], response: Float[Array, "T L A"]
) -> Float[Array, "T S A"]:
    """The joint law of type, state and action from both factors of the law of transcripts."""
    acted = replied[:, :, None] * response  # [T,L,A]
    return game.prior[:, :, None] * (said[None, :, :, None] * acted[:, None]).sum(2)


def _acts(
    game: Game,
    said: Float[Array, "S L"],
    rationality: float | Float[Array, ""],
    tie: str,
    favoured: int | Int[Array, ""] | None,
) -> Float[Array, "T L A"]:
    utility = None if favoured is None else game.leaders[favoured]
    return respond(game.prior[:, :, None] * said[None], game.follower, rationality, tie, utility)


def _check(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    views: Views,
    rationality: float | Float[Array, ""],
    tie: str,
    favoured: int | Int[Array, ""] | None,
) -> None:
    checks.check_choice("tie", tie, TIES)
    if (favoured is None) == (tie == "favoured"):
        need = "needs" if tie == "favoured" else "takes no"
        raise ValueError(f"tie {tie!r} {need} favoured, the leader whom ties go to")
    check_rationality(rationality)
    check_rules(protocol, leaders, views, game.prior.shape[1])
