"""The law of transcripts when both parties follow their rules, and what the follower then believes.

A transcript's probability is a product: of the leaders' rules at their own histories, a function of the
state, and of the follower's rule at hers, a function of her type. The two factors are kept apart: only the
first tells her anything about the state.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.conversation.protocol import Protocol
from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.beliefs import Beliefs
from jaxgame.core.record import record

Rules = Float[Array, "K V H M"]
Views = Float[Array, "K S V"] | None


@record
class Observed:
    """What somebody expects and believes who only reads the transcript, and knows neither type nor state.

    `probability` [L] is P(l) of each transcript; `posterior` [L, T, S] is P(t, s | l), the prior if l has
    probability 0.
    """

    probability: Float[Array, " L"]
    posterior: Float[Array, "L T S"]


def transcript_law(
    protocol: Protocol,
    leaders: Float[Array, "K V H M"] | Float[Array, "V H M"],
    follower: Float[Array, "T G N"],
    *,
    views: Views = None,
) -> Float[Array, "T S L"]:
    """P(l | t, s): the law of transcripts for each type and state.

    `leaders` [K, V, H, M] has the probabilities that leader i says m after history h if it saw v (one
    leader: no axis K), `follower` [T, G, N] those of reply n of type t after g, both numbered as `protocol`
    says. Both may be `jax.nn.softmax` of logits. With K leaders heard together g, n and l are those of
    `protocol.together(K)`: each leader knows its own conversation only, she knows all. `views[i, s, v]` is
    the law of what leader i sees in state s, independent of the others' given s; None: every leader sees the
    state. The law is a product of the leaders' factor, which depends on the state, and the follower's, which
    depends on her type. Differentiable.

    Raises ValueError for shapes that do not fit, rows that are not laws, and too many transcripts.

    >>> import jax.numpy as jnp
    >>> from jaxgame.conversation import Protocol, transcript_law
    >>> ask = Protocol(rounds=2, leader_messages=2, follower_messages=2)
    >>> silent = jnp.zeros((2, 5, 2)).at[:, :, 0].set(1.0)                 # always message 0
    >>> leader = silent.at[:, jnp.array([2, 4])].set(jnp.eye(2)[:, None])  # but after reply 1: the state
    >>> asks = jnp.broadcast_to(jnp.array([0.0, 1.0]), (1, 2, 2))          # always reply 1
    >>> transcript_law(ask, leader, asks).argmax(2).tolist()    # (0, 1, 0) in state 0, (0, 1, 1) in state 1
    [[2, 3]]
    """
    leaders = leaders if leaders.ndim == 4 else leaders[None]
    check_rules(protocol, leaders, views)
    shared = protocol.together(leaders.shape[0])
    check_follower(shared, follower)
    return reply_probability(shared, follower)[:, None] * heard(protocol, leaders, views)[None]


def beliefs(prior: Float[Array, "T S"], law: Float[Array, "T S L"]) -> Beliefs:
    """What the follower expects to hear and then believes about the state, for each of her types.

    Bayes' rule for the game's `prior` [T, S], P(t, s), and the `law` [T, S, L] of transcripts, P(l | t, s),
    as from `transcript_law`. Her own replies tell her nothing: their probability is the same in all states,
    and cancels. A transcript of probability 0 leaves her with P(s | t), as in `jaxgame.update`, and a type
    of probability 0 with equally likely states.
    """
    joint = prior[:, :, None] * law
    total = joint.sum(1)
    share = prior.sum(1)
    known = jnp.where(
        share[:, None] > 0, prior / jnp.where(share > 0, share, 1.0)[:, None], 1 / prior.shape[1]
    )
    posterior = jnp.moveaxis(joint, 1, 2) / jnp.where(total > 0, total, 1.0)[..., None]
    posterior = jnp.where((total > 0)[..., None], posterior, known[:, None])
    expected = jnp.where(
        share[:, None] > 0,
        total / jnp.where(share > 0, share, 1.0)[:, None],
        (known[:, :, None] * law).sum(1),
    )
    return Beliefs(probability=expected, posterior=posterior)


def observed(prior: Float[Array, "T S"], law: Float[Array, "T S L"]) -> Observed:
    """What a reader of the transcript believes about type and state together.

    Bayes' rule for the game's `prior` [T, S], P(t, s), and the `law` [T, S, L] of transcripts, P(l | t, s),
    as from `transcript_law`. Unlike in `beliefs` the follower's replies do tell him something: about her
    type, and through the prior about the state.
    """
    joint = jnp.moveaxis(prior[:, :, None] * law, 2, 0)
    total = joint.sum((1, 2))
    posterior = joint / jnp.where(total > 0, total, 1.0)[:, None, None]
    return Observed(total, jnp.where((total > 0)[:, None, None], posterior, prior[None]))


def heard(protocol: Protocol, leaders: Rules, views: Views) -> Float[Array, "S L"]:
    """The leaders' factor of a transcript's probability: what they would say, were she to reply as in it."""
    said = jax.vmap(lambda rule: likelihood(protocol, rule))(leaders)  # [K,V,L_i]
    if views is not None:
        said = (views[:, :, :, None] * said[:, None]).sum(2)
    together = jnp.ones((said.shape[1], 1), said.dtype)
    for one, place in zip(said, own_transcripts(protocol, leaders.shape[0]), strict=True):
        together = together * one[:, place]
    return together


def likelihood(protocol: Protocol, rule: Float[Array, "V H M"]) -> Float[Array, "V L"]:
    """One leader's factor, for everything it may have seen: round by round, in the order of transcripts."""
    product = jnp.ones((rule.shape[0], 1), rule.dtype)
    at = 0
    for number in range(protocol.rounds):
        count = protocol.before(number)
        product = product[:, :, None] * rule[:, at : at + count]
        product = product.reshape(rule.shape[0], -1)
        if number < protocol.rounds - 1:
            product = jnp.repeat(product, protocol.follower_messages, 1)
        at += count
    return product


def reply_probability(shared: Protocol, rule: Float[Array, "T G N"]) -> Float[Array, "T L"]:
    """The follower's factor, for each of her types."""
    product = jnp.ones((rule.shape[0], 1), rule.dtype)
    at = 0
    for number in range(shared.rounds):
        product = jnp.repeat(product, shared.leader_messages, 1)
        if number < shared.rounds - 1:
            count = product.shape[1]
            product = (product[:, :, None] * rule[:, at : at + count]).reshape(rule.shape[0], -1)
            at += count
    return product


def own_transcripts(protocol: Protocol, leaders: int) -> np.ndarray:
    """[K, L]: each leader's own transcript in every transcript of all conversations together.

    A transcript is a number in mixed radix: round by round a digit for each leader's message, leader 0's
    first, then one for each reply, none after the last messages. Digits are read off from the last one;
    those of leader i make the number of its own transcript.
    """
    rest = np.arange(protocol.together(leaders).transcripts)
    own = np.zeros((leaders, len(rest)), np.int64)
    unit = 1
    for number in reversed(range(2 * protocol.rounds - 1)):  # messages in even places, replies in odd ones
        size = protocol.follower_messages if number % 2 else protocol.leader_messages
        for i in reversed(range(leaders)):
            rest, digit = np.divmod(rest, size)
            own[i] += unit * digit
        unit *= size
    return own


def spell(protocol: Protocol, scheme: Float[Array, "V X"]) -> Float[Array, "V H M"]:
    """The rule [V, H, M] that tells a one-shot scheme's message digit by digit, whatever she replies.

    Messages X of `scheme` [V, X], P(x | v), number at most M^R, what `protocol` can tell in R rounds of M
    messages. The first round tells the leading digit of x in base M, drawn as likely as it is; later rounds
    the next ones, given those told. Its transcripts tell exactly what the scheme's messages do.

    Raises ValueError for a scheme of more messages.
    """
    if scheme.shape[1] > protocol.statements:
        raise ValueError(
            f"scheme has {scheme.shape[1]} messages; {protocol.rounds} rounds of {protocol.leader_messages} "
            f"can tell {protocol.statements}"
        )
    seen = scheme.shape[0]
    said = jnp.pad(scheme, ((0, 0), (0, protocol.statements - scheme.shape[1])))
    blocks = []
    for number in range(protocol.rounds):
        begun = said.reshape(seen, protocol.leader_messages ** (number + 1), -1).sum(2)
        begun = begun.reshape(seen, -1, protocol.leader_messages)
        total = begun.sum(2, keepdims=True)
        block = divided(begun, total, total > 0, 1 / protocol.leader_messages)  # [V, M^r, M]
        blocks.append(block[:, _statements_of(protocol, number)])
    return jnp.concatenate(blocks, 1)


def _statements_of(protocol: Protocol, number: int) -> np.ndarray:
    """What the leader has said so far, replies left out, at each of its histories of a round."""
    place = np.zeros(1, np.int64)
    for _ in range(number):
        place = (place[:, None] * protocol.leader_messages + np.arange(protocol.leader_messages)).reshape(-1)
        place = np.repeat(place, protocol.follower_messages)
    return place


def check_rules(protocol: Protocol, leaders: Rules, views: Views, states: int | None = None) -> None:
    """Raise ValueError unless leaders' rules and views fit protocol and game, and are laws."""
    count, seen = leaders.shape[:2]
    protocol.check_size(count)
    checks.check_shape(
        "leaders", leaders, "[K, V, H, M]",
        (count, seen, protocol.leader_histories, protocol.leader_messages), f"as protocol is {protocol}",
    )  # fmt: skip
    checks.check_distribution("leaders", leaders, axis=-1)
    if views is None:
        if states is not None and seen != states:
            raise ValueError(
                f"leaders has V = {seen}; without views it must be the number of states, {states}"
            )
        return
    wanted = (count, views.shape[1] if states is None else states, seen)
    checks.check_shape("views", views, "[K, S, V]", wanted, "as leaders is [K, V, H, M]")
    checks.check_distribution("views", views, axis=-1)


def check_follower(shared: Protocol, follower: Float[Array, "T G N"]) -> None:
    """Raise ValueError unless the follower's rule fits the conversations it is for."""
    wanted = (follower.shape[0], shared.follower_histories, shared.follower_messages)
    checks.check_shape(
        "follower", follower, "[T, G, N]", wanted, f"as the conversations together are {shared}"
    )
    checks.check_distribution("follower", follower, axis=-1)
