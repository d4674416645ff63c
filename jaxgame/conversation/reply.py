"""A leader's best response to the others' rules, in a conversation.

The follower answers a deviation as she answers any rules: with her best replies and actions. One round, all
leaders heard: the exact methods of `competition` on the game in the leader's view. Else the leader's
candidates are what it can spell out without listening, an aligned leader's rule, what it says now, and
where gradient ascent on its logits ends against a follower whose replies are smooth and grow sharp. Every
candidate is judged against her exact best reply. What no conversation can exceed is known from `bound`.

`best_response` is for callers; `reply_in` and all below it work in standard units (`units`), the follower's
utility centred.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.independent.ascent import informed_bound
from jaxgame.competition.independent.private import TIED, Private, check_rationality, is_best, respond
from jaxgame.competition.independent.reply import reply_to
from jaxgame.competition.independent.restricted import most_likely
from jaxgame.conversation.bound import bound_within
from jaxgame.conversation.follower import losses, outcome_of_transcripts, replied, soft_replies
from jaxgame.conversation.protocol import Protocol
from jaxgame.conversation.transcripts import (
    Rules,
    Views,
    check_rules,
    heard,
    reply_probability,
    spell,
)
from jaxgame.conversation.view import one_round_problem, viewed
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.descent import descended
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, limited, standard, unheard, unknown
from jaxgame.persuasion.value import best_at

COMPETITIONS = ("all", "selection")

RANDOM_STARTS = 4
STEPS = 150
RATE = 0.15
WARMING = (3.0, 300.0)  # sharpness at the first and the last step, per unit of the follower's utility

# A rule whose worth misses the level by less, in the follower's unit, reaches it: rounding.
REACHES = 1e-10

# What ties of hers, which are within 1e-11 of what is at stake, may add to a leader's utility, in its unit.
TIES_ADD = 1e-10

# A bracket narrower than this, in the leader's unit, counts as exact.
CONVERGED_WIDTH = 1e-5


@record
class RuleReply:
    """A leader's best response: a rule and what it is worth.

    - `rule` [V, H, M]: worth `value.lower` to the leader.
    - `value`: in the leader's utility units; no rule of any protocol is worth more than its upper end (one
      round, all heard: of any alphabet).
    - `converged`: the bracket is narrower than 1e-5 of what is at stake for the leader, up to a factor of 2,
      before large constants of utility round it. The upper end holds for any protocol: where messages are few
      the bracket may be wide though the rule is the best.

    Of an input that is not finite nothing is known.
    """

    rule: Float[Array, "V H M"]
    value: Bracket
    converged: Bool[Array, ""]


def best_response(
    game: Game,
    protocol: Protocol,
    leaders: Float[Array, "K V H M"],
    leader: int | Int[Array, ""],
    *,
    kind: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    aligned: Float[Array, "V H M"] | None = None,
    level: Float[Array, ""] | None = None,
    key: Array | None = None,
) -> RuleReply:
    """The rule that serves leader `leader` of `game` best, given the others' rules and how she replies.

    `leaders` [K, V, H, M], `protocol` and `views` are as in `transcript_law`; the leader's own rule is a
    candidate. `kind`: "all", the follower hears all leaders at once, her ties go to the lowest index,
    and with a finite `rationality` her action is logit; or "selection", she keeps the single best leader,
    ties of actions go to that leader, and the rule must be worth `level` to her, in her utility units (None:
    the others' best offer; for one leader, no information). `aligned` [V, H, M] is a candidate, say
    `teaching(...).rule`; `key` draws the starts of the ascent. All candidates are judged by her exact best
    reply. Works under jit and vmap.

    Raises ValueError for an unknown kind, a finite rationality or a size (A^T > 1,024) that selection
    cannot take, and rules or views that do not fit.
    """
    check(game, protocol, leaders, kind, views, rationality)
    units = standard(game)
    sound = units.sound & is_sound(leaders, views, limited(rationality), aligned, level)
    worth = None if level is None else jnp.minimum(units.follower.counted(jnp.asarray(level))[0], 0.0)
    sharp = units.scaled(rationality)
    found = reply_in(units.centred(), protocol, leaders, leader, kind, views, sharp, aligned, worth, key)
    value = unknown(sound, units.leader(leader).bracket(found.value))
    return RuleReply(unheard(sound, found.rule), value, found.converged & sound)


def reply_in(
    game: Game,
    protocol: Protocol,
    leaders: Float[Array, "K V H M"],
    leader: int | Int[Array, ""],
    kind: str,
    views: Views,
    rationality: float | Float[Array, ""],
    aligned: Float[Array, "V H M"] | None = None,
    level: Float[Array, ""] | None = None,
    key: Array | None = None,
) -> RuleReply:
    """`best_response` in a standard game that is centred; nothing is checked.

    Candidates, by kind and rounds; each comes with its bound from above:

    | | Besides the rule it has and `aligned` | Bound |
    | --- | --- | --- |
    | selection | the best scheme at this level, spelled out; where ascent ends | obedience at this level |
    | all heard, one round | the best scheme against the others' | that of `competition` |
    | all heard, several rounds | where ascent ends | `_upper` |
    """
    key = jax.random.key(0) if key is None else key
    known = [leaders[leader][None]] if aligned is None else [jnp.stack([leaders[leader], aligned])]
    if kind == "selection":
        level = _rival(game, protocol, leaders, leader, views) if level is None else level
        found, upper = _alone(game, protocol, leaders, leader, views, level, key)
    elif protocol.rounds == 1:
        found, upper = _one_round(game, protocol, leaders, leader, views, rationality, key)
    else:
        found = _ascend(game, protocol, leaders, leader, kind, views, rationality, None, key)
        upper = _upper(game, protocol, leaders, leader, views, rationality)
    rules = jnp.concatenate([*known, found])
    view = None if views is None else views[leader]

    def earned(rule: Float[Array, "V H M"]) -> Float[Array, ""]:
        utility = game.leaders[leader]
        if kind == "all":
            played = replied(game, protocol, leaders.at[leader].set(rule), views, rationality)
            return (utility * played.outcome).sum()
        assert level is not None
        outcome = offer(game, protocol, rule, leader, view)
        reached = (game.follower * outcome).sum() >= level - REACHES
        return jnp.where(reached, (utility * outcome).sum(), -jnp.inf)

    values = jax.lax.map(earned, rules)
    chosen = values.argmax()
    value = Bracket(values[chosen] * (1 - 1e-13), upper + TIES_ADD)  # sums of positive terms
    return RuleReply(rules[chosen], value, (value.width >= 0) & (value.width <= CONVERGED_WIDTH))


def offer(
    game: Game,
    protocol: Protocol,
    rule: Float[Array, "V H M"],
    leader: int | Int[Array, ""],
    view: Float[Array, "S V"] | None,
) -> Float[Array, "T S A"]:
    """The outcome the follower has with one leader alone, ties of actions in its favour."""
    views = None if view is None else view[None]
    return replied(game, protocol, rule[None], views, math.inf, "favoured", leader).outcome


def silent(protocol: Protocol, seen: int, dtype: jnp.dtype) -> Float[Array, "V H M"]:
    """The rule of a leader who always says 0."""
    return jnp.zeros((seen, protocol.leader_histories, protocol.leader_messages), dtype).at[..., 0].set(1.0)


def check(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    kind: str,
    views: Views,
    rationality: float | Float[Array, ""],
) -> None:
    """Raise ValueError unless rules fit game and protocol, and the kind is one that exists."""
    checks.check_choice("kind", kind, COMPETITIONS)
    check_rationality(rationality)
    check_rules(protocol, leaders, views, game.prior.shape[1])
    checks.check_shape(
        "leaders",
        leaders,
        "[K, V, H, M]",
        (game.leaders.shape[0], *leaders.shape[1:]),
        "as game has K leaders",
    )
    if kind == "selection" and not is_best(rationality):
        raise ValueError("kind 'selection' needs a best-responding follower, rationality = inf")
    checks.check_float64("game", game.prior, "best responses")


def _alone(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    leader: int | Int[Array, ""],
    views: Views,
    level: Float[Array, ""],
    key: Array,
) -> tuple[Float[Array, "N V H M"], Float[Array, ""]]:
    """Candidates for selection, what can be told without listening among them, and a bound."""
    seen = viewed(game, None if views is None else views[leader])
    told = best_at(seen, seen.leaders[leader], jnp.maximum(-level, 0.0)[None]).scheme[0]
    problem = Private(seen.prior, seen.follower, seen.leaders[leader])
    told = most_likely(problem, told, min(protocol.statements, told.shape[1]))
    ascended = _ascend(game, protocol, leaders, leader, "selection", views, math.inf, level, key)
    found = jnp.concatenate([spell(protocol, told)[None], ascended])
    return found, bound_within(seen, seen.leaders[leader], jnp.maximum(-level, 0.0) + REACHES)


def _one_round(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    leader: int | Int[Array, ""],
    views: Views,
    rationality: float | Float[Array, ""],
    key: Array,
) -> tuple[Float[Array, "1 V 1 M"], Float[Array, ""]]:
    """The best scheme, others' messages being private types of the follower, and a bound."""
    count = leaders.shape[0]
    turned = (jnp.asarray(leader) + 1 + jnp.arange(count - 1)) % count
    if count > 1:
        said = heard(protocol, leaders[turned], None if views is None else views[turned])
    else:
        said = jnp.ones((game.prior.shape[1], 1), game.prior.dtype)
    problem = one_round_problem(game, said, None if views is None else views[leader], leader)
    reply = reply_to(problem, rationality, tie="lowest", messages=protocol.leader_messages, key=key)
    told = most_likely(problem, reply.scheme, protocol.leader_messages)
    return told[None, :, None], reply.value.upper


def _ascend(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    leader: int | Int[Array, ""],
    kind: str,
    views: Views,
    rationality: float | Float[Array, ""],
    level: Float[Array, ""] | None,
    key: Array,
) -> Float[Array, "RANDOM_STARTS V H M"]:
    """Rules at which gradient ascent ends, from random starts.

    Her replies, and her actions unless she is logit anyway, are smooth and grow sharp from step to step. In
    selection a rule that misses `level` pays 10 times what it misses: a pull towards offers that win.
    """
    if kind == "selection":
        game = viewed(game, None if views is None else views[leader])
        views = None

    def loss(logits: Array, sharpness: Float[Array, ""]) -> Float[Array, ""]:
        rule = jax.nn.softmax(logits, -1)
        rules = rule[None] if kind == "selection" else leaders.at[leader].set(rule)
        outcome = _smooth_outcome(game, protocol, rules, views, rationality, sharpness)
        earned = (game.leaders[leader] * outcome).sum()
        if level is None:
            return -earned
        missed = jnp.maximum(level - (game.follower * outcome).sum(), 0.0)
        return -earned + 10.0 * missed

    share = jnp.linspace(0.0, 1.0, STEPS)
    path = WARMING[0] * (WARMING[1] / WARMING[0]) ** share
    logits = 2 * jax.random.normal(key, (RANDOM_STARTS, *leaders.shape[1:]), game.prior.dtype)
    slopes = jax.vmap(jax.grad(loss), (0, None))
    return jax.nn.softmax(descended(slopes, logits, path, RATE), -1)


def _smooth_outcome(
    game: Game,
    protocol: Protocol,
    rules: Rules,
    views: Views,
    rationality: float | Float[Array, ""],
    sharpness: Float[Array, ""],
) -> Float[Array, "T S A"]:
    """The outcome with a follower whose replies, and actions unless she is logit anyway, are smooth."""
    shared = protocol.together(rules.shape[0])
    said = heard(protocol, rules, views)
    weights = game.prior[:, :, None] * said[None]
    response = respond(weights, game.follower, sharpness if is_best(rationality) else rationality, "lowest")
    replies = soft_replies(shared, losses(game, said, response), weights.sum(1), sharpness)
    return outcome_of_transcripts(game, said, reply_probability(shared, replies), response)


def _upper(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    leader: int | Int[Array, ""],
    views: Views,
    rationality: float | Float[Array, ""],
) -> Float[Array, ""]:
    """No rule earns more: she may always ignore this leader. If she is logit: as if it alone told her."""
    if not is_best(rationality):
        return informed_bound(Private(game.prior, game.follower, game.leaders[leader]), rationality)
    mute = silent(protocol, leaders.shape[1], leaders.dtype)
    without = replied(game, protocol, leaders.at[leader].set(mute), views).value
    return bound_within(game, game.leaders[leader], jnp.maximum(-without, 0.0) + TIED)


def _rival(
    game: Game, protocol: Protocol, leaders: Rules, leader: int | Int[Array, ""], views: Views
) -> Float[Array, ""]:
    """What the best offer of the others is worth to the follower; with no others, no information."""
    worth = offers_worth(game, protocol, leaders, views)
    nothing = (game.prior[:, :, None] * game.follower).sum(1).max(1).sum()
    return jnp.where(jnp.arange(len(worth)) == leader, nothing, worth).max()


def offers_worth(game: Game, protocol: Protocol, leaders: Rules, views: Views) -> Float[Array, " K"]:
    """What each leader's conversation alone is worth to the follower."""
    return jax.vmap(
        lambda rule, view: replied(game, protocol, rule[None], None if view is None else view[None]).value
    )(leaders, views)
