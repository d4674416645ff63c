"""What a perfectly aligned leader could teach the follower under a protocol: the benchmark OPT(protocol).

Leader and follower want the same, thus fixed rules are best. For a given rule of the leader her best reply
is exact (`follower`), and for given replies and actions of hers so is the leader's rule, by the same backward
induction. What is hard is to choose both: all rules of the leader are tried where they are few; else the two
take turns from many starts, each turn no worse than the last, and full information bounds the value.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.independent.private import TIED
from jaxgame.conversation.follower import at_stake, replied
from jaxgame.conversation.protocol import Protocol
from jaxgame.conversation.transcripts import reply_probability, spell
from jaxgame.conversation.view import viewed
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.response import best_response
from jaxgame.core.units import is_sound, standard, unheard, unknown

METHODS = ("auto", "exact", "search")

MAX_RULES = 65_536  # rules of the leader tried one by one
RANDOM_STARTS = 64
TURNS = 16


@record
class Teaching:
    """What an aligned leader could teach the follower.

    - `rule` [V, H, M]: the leader's, worth `value.lower` to her.
    - `value`: in her utility units; no rule is worth more than the upper end.
    - `exact`: the rule is the best there is, up to 1e-11 of what is at stake for her.

    Of an input that is not finite nothing is known.
    """

    rule: Float[Array, "V H M"]
    value: Bracket
    exact: Bool[Array, ""]


def teaching(
    game: Game,
    protocol: Protocol,
    *,
    view: Float[Array, "S V"] | None = None,
    method: str = "auto",
    key: Array | None = None,
) -> Teaching:
    """The most a leader with the follower's own utility could make her earn, alone with her: OPT(`protocol`).

    The leaders of `game` do not matter. `view[s, v]` is the law of what that leader sees; None: the state.
    Where M^R messages can name all it sees the value is that of knowing it. Else `method` "exact" tries all
    of the leader's rules, M^(V (1 + N + ... + N^(R-1))), at most 65,536; "search" lets leader and follower
    take turns from 64 starts drawn by `key`; "auto" is the first that applies. Works under jit and vmap.

    Raises ValueError for an unknown method, too many rules for "exact" and too many transcripts.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> matching = jg.make_game(jnp.full((1, 3), 1 / 3), jnp.eye(3)[None], jnp.zeros((1, 1, 3, 3)))
    >>> once, twice = (jg.conversation.Protocol(rounds, 2) for rounds in (1, 2))
    >>> [round(float(jg.conversation.teaching(matching, p).value.lower), 6) for p in (once, twice)]
    [0.666667, 1.0]
    """
    checks.check_choice("method", method, METHODS)
    protocol.check_size()
    units = standard(game)
    seen = standard(viewed(units.centred(), view))
    found = taught_in(seen.centred(), protocol, method, key)
    sound = units.sound & is_sound(view)
    value = unknown(sound, units.follower.bracket(seen.follower.bracket(found.value)))
    return Teaching(unheard(sound, found.rule), value, found.exact & sound)


def taught_in(game: Game, protocol: Protocol, method: str = "auto", key: Array | None = None) -> Teaching:
    """`teaching` in a standard game, centred and as the leader sees it: full information is worth 0."""
    seen = game.prior.shape[1]
    if protocol.statements >= seen:
        return _taught(game, protocol, spell(protocol, jnp.eye(seen, dtype=game.prior.dtype)), exact=True)
    answers = sum(protocol.follower_messages**r for r in range(protocol.rounds))
    few = seen * answers * math.log(protocol.leader_messages) <= math.log(MAX_RULES) + 1e-9
    if method == "exact" and not few:
        raise ValueError(
            f"method 'exact' tries {protocol.leader_messages}^{seen * answers} rules; at most {MAX_RULES:,}"
        )
    if few and method != "search":
        return _taught(game, protocol, _best_of_all(game, protocol, answers), exact=True)
    rule = _best_of_turns(game, protocol, jax.random.key(0) if key is None else key)
    return _taught(game, protocol, rule, exact=False)


def _taught(game: Game, protocol: Protocol, rule: Array, exact: bool) -> Teaching:
    """What a rule is worth, at most its own value if it is the best, else that of full information."""
    value = replied(game, protocol, rule[None]).value
    # Which rule is best is judged by values that are off by ties and rounding. Nothing is worth more than 0.
    doubt = TIED * at_stake(game)
    upper = jnp.minimum(value + doubt, 0.0) if exact else jnp.zeros_like(value)
    lower = value * (1 + 1e-13)  # a sum of terms that are all at most 0
    return Teaching(rule, Bracket(lower, upper), exact | (upper - lower <= doubt))


def _best_of_all(game: Game, protocol: Protocol, answers: int) -> Float[Array, "V H M"]:
    """The best of all fixed rules. What the leader said follows from what it was asked."""
    seen, messages = game.prior.shape[1], protocol.leader_messages
    unit = messages ** np.arange(seen * answers)
    asked = _asked(protocol)

    def rule(number: Array) -> Float[Array, "V H M"]:
        said = (number // unit % messages).reshape(seen, answers)
        return jax.nn.one_hot(said[:, asked], messages, dtype=game.prior.dtype)

    def value(number: Array) -> Array:
        return replied(game, protocol, rule(number)[None]).value

    values = jax.lax.map(value, jnp.arange(messages ** (seen * answers)), batch_size=256)
    return rule(values.argmax())


def _asked(protocol: Protocol) -> np.ndarray:
    """What the follower has asked so far, the leader's messages left out, at each of its histories."""
    places, place, first = [], np.zeros(1, np.int64), 0
    for number in range(protocol.rounds):
        places.append(first + place)
        first += protocol.follower_messages**number
        place = np.repeat(place, protocol.leader_messages)
        place = place[:, None] * protocol.follower_messages + np.arange(protocol.follower_messages)
        place = place.reshape(-1)
    return np.concatenate(places)


def _best_of_turns(game: Game, protocol: Protocol, key: Array) -> Float[Array, "V H M"]:
    """From many starts, leader and follower reply best to each other; the best rule that this ends with.

    A turn: the follower's best replies and actions for the leader's rule, then the leader's best rule for
    those. Neither makes the common value worse. Starts are random fixed rules, and each has TURNS turns.
    """
    seen, messages = game.prior.shape[1], protocol.leader_messages
    lost = game.prior[:, :, None] * (game.follower.max(2, keepdims=True) - game.follower)  # [T,V,A]
    stake = at_stake(game)

    def turn(_: Int[Array, ""], rule: Float[Array, "V H M"]) -> Float[Array, "V H M"]:
        reply = replied(game, protocol, rule[None])
        acted = reply_probability(protocol, reply.replies)[:, :, None] * reply.response  # [T,L,A]
        return best_statements(protocol, jnp.einsum("tva,tla->vl", lost, acted), stake)

    def play(key: Array) -> tuple[Array, Array]:
        said = jax.random.randint(key, (seen, protocol.leader_histories), 0, messages)
        rule = jax.lax.fori_loop(0, TURNS, turn, jax.nn.one_hot(said, messages, dtype=stake.dtype))
        return rule, replied(game, protocol, rule[None]).value

    rules, values = jax.vmap(play)(jax.random.split(key, RANDOM_STARTS))
    return rules[values.argmax()]


def best_statements(
    protocol: Protocol, lost: Float[Array, "V L"], stake: Float[Array, ""]
) -> Float[Array, "V H M"]:
    """The leader's rule that makes the sum of losses over transcripts least, for each thing it may see."""
    seen, blocks = lost.shape[0], []
    for number in reversed(range(protocol.rounds)):
        following = lost.reshape(seen, protocol.before(number), protocol.leader_messages)
        blocks.append(best_response(-following / stake, "lowest", None, TIED))
        lost = following.min(2)
        if number:
            lost = lost.reshape(seen, -1, protocol.follower_messages).sum(2)
    return jnp.concatenate(blocks[::-1], 1)
