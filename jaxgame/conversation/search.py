"""Leaders who revise their rules by best responses: where that ends, and how far from an equilibrium."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.conversation.follower import replied
from jaxgame.conversation.protocol import Protocol
from jaxgame.conversation.reply import RuleReply, check, offer, reply_in, silent
from jaxgame.conversation.teaching import Teaching, taught_in, teaching
from jaxgame.conversation.transcripts import Rules, Views
from jaxgame.conversation.view import viewed
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.revision import ENDS, ending
from jaxgame.core.units import Standard, is_sound, limited, standard, unheard, unknown

STARTS = ("none", "aligned", "random")

# Revisions that gain less, in the leader's unit, are not made.
INDIFFERENT = 1e-5


@record
class RuleTrace:
    """N revisions, leaders taking turns, and the profile before the first: N + 1 entries.

    `follower` [N+1] and `leaders` [N+1, K] are expected utilities; `rules` [K, V, H, M] is the last profile,
    `outcome` [T, S, A] what it leads to and `gain` its exploitability. `end` is the place in
    `revision.ENDS`, `steps` counts revisions before the end.
    """

    follower: Float[Array, " N_plus_1"]
    leaders: Float[Array, "N_plus_1 K"]
    rules: Float[Array, "K V H M"]
    outcome: Float[Array, "T S A"]
    gain: Bracket
    end: Int[Array, ""]
    steps: Int[Array, ""]


def outcome_of(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    competition: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
) -> Float[Array, "T S A"]:
    """What a profile of rules leads to: all leaders heard, or the best of them kept (ties: lowest index).

    Arguments and errors are those of `best_response`.
    """
    check(game, protocol, leaders, competition, views, rationality)
    units = standard(game)
    sharp = units.scaled(rationality)
    outcome = _outcome(units.centred(), protocol, leaders, competition, views, sharp)
    return unheard(units.sound & is_sound(leaders, views, limited(sharp)), outcome)


def _outcome(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    competition: str,
    views: Views,
    rationality: float | Float[Array, ""],
) -> Float[Array, "T S A"]:
    """The same in a standard game that is centred, as all below."""
    if competition == "all":
        return replied(game, protocol, leaders, views, rationality).outcome
    offers = _offers(game, protocol, leaders, views)
    return offers[(game.follower[None] * offers).sum((1, 2, 3)).argmax()]


def exploitability(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    competition: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    aligned: Float[Array, "K V H M"] | None = None,
    key: Array | None = None,
) -> Bracket:
    """The largest gain that a leader has by another rule, in the leaders' utility units; 0 at equilibria.

    The lower end is attained by a rule that was found, the upper one rests on the bounds of
    `best_response`. In selection a deviator must be worth what is selected: any more, however little, wins.
    Arguments and errors are those of `best_response`; `aligned[i]` is a candidate for leader i.
    """
    check(game, protocol, leaders, competition, views, rationality)
    key = jax.random.key(0) if key is None else key
    units, sharp = standard(game), standard(game).scaled(rationality)
    game = units.centred()
    if aligned is None:
        aligned = _taught_rules(game, protocol, leaders.shape[0], views)
    outcome = _outcome(game, protocol, leaders, competition, views, sharp)
    now = units.earned(outcome)
    level = (game.follower * outcome).sum() if competition == "selection" else None

    def gain(i: Int[Array, ""]) -> Bracket:
        reply = reply_in(
            game, protocol, leaders, i, competition, views, sharp, aligned[i], level,
            jax.random.fold_in(key, i),
        )  # fmt: skip
        return Bracket(reply.value.lower - now[i], reply.value.upper - now[i])

    gains = jax.lax.map(gain, jnp.arange(leaders.shape[0]))
    sound = units.sound & is_sound(leaders, views, limited(sharp), aligned)
    return unknown(sound, _largest(units, gains))


def best_response_dynamics(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    competition: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    steps: int = 20,
    outbid: float = 1e-3,
    key: Array | None = None,
) -> RuleTrace:
    """Let leaders revise the rules `leaders` [K, V, H, M] in turn, `steps` times, by `best_response`.

    In selection an offer must exceed its rivals' by `outbid` > 0 to win, in parts of what is at stake for the
    follower (`sum_ts P(t,s) (max_a u - min_a u)`), and a leader whom a rival's offer serves better withdraws.
    Revisions that gain less than 1e-5 of what is at stake for the leader, up to a factor of 2, are not made.
    Works under jit and vmap; errors are those of `best_response`.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> from jaxgame import conversation
    >>> judge = jg.make_game(                     # prosecutor and defender, one keeps the judge's ear
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> twice = conversation.Protocol(rounds=2, leader_messages=2)
    >>> start = conversation.starting_rules(judge, twice, "none")
    >>> trace = conversation.best_response_dynamics(judge, twice, start, "selection", outbid=0.1, steps=8)
    >>> round(float(trace.follower[0]), 6), round(float(trace.follower[-1]), 6)
    (0.7, 1.0)
    """
    check(game, protocol, leaders, competition, views, rationality)
    if not outbid > 0:
        raise ValueError(f"outbid is {outbid}; it must be positive")
    key = jax.random.key(0) if key is None else key
    count = leaders.shape[0]
    units, sharp = standard(game), standard(game).scaled(rationality)
    sound = units.sound & is_sound(leaders, views, limited(sharp))
    game, least = units.centred(), outbid * units.stake
    aligned = _taught_rules(game, protocol, count, views)
    mute = silent(protocol, leaders.shape[1], leaders.dtype)

    def reply(rules: Rules, i: Int[Array, ""], level: Array | None, key: Array) -> RuleReply:
        return reply_in(game, protocol, rules, i, competition, views, sharp, aligned[i], level, key)

    def hear_all(rules: Rules, i: Int[Array, ""], key: Array, last: Array) -> tuple[Array, Bracket]:
        now = (game.leaders[i] * _outcome(game, protocol, rules, "all", views, sharp)).sum()
        best = reply(rules, i, None, key)
        gain = Bracket(best.value.lower - now, best.value.upper - now)
        return jnp.where(gain.lower > INDIFFERENT, best.rule, rules[i]), gain

    def keep_best(rules: Rules, i: Int[Array, ""], key: Array, last: Array) -> tuple[Array, Bracket]:
        offers = _offers(game, protocol, rules, views)
        worth, theirs = ((u[None] * offers).sum((1, 2, 3)) for u in (game.follower, game.leaders[i]))
        now = theirs[worth.argmax()]
        rivals = jnp.where(jnp.arange(count) == i, -jnp.inf, worth)
        without = theirs[rivals.argmax()] if count > 1 else -jnp.inf
        top = (
            game.follower * offer(game, protocol, aligned[i], i, None if views is None else views[i])
        ).sum()
        level = jnp.minimum(rivals.max() + least, top) if count > 1 else -units.uninformed()
        best = reply(rules, i, jnp.where(last, worth.max(), level), key)
        # At the top nobody can be outbid: the lowest index wins a tie.
        room = rivals.max() < top - INDIFFERENT
        wins = room & (best.value.lower > now + INDIFFERENT) & (best.value.lower >= without)
        withdraws = ~wins & (without > now + INDIFFERENT)
        rule = jnp.where(wins, best.rule, jnp.where(withdraws, mute, rules[i]))
        return rule, Bracket(best.value.lower - now, best.value.upper - now)

    revised = hear_all if competition == "all" else keep_best

    def advance(rules: Rules, turn: Array) -> tuple[Rules, tuple[Rules, Bracket]]:
        i, last = turn % count, turn >= steps
        rule, gain = revised(rules, i, jax.random.fold_in(key, turn), last)
        rules = jnp.where(last, rules, rules.at[i].set(rule))
        return rules, (rules, gain)

    # A last round in which nobody moves tells what each could gain: no second copy of `reply` to compile.
    last, (later, gains) = jax.lax.scan(advance, leaders, jnp.arange(steps + count))
    profiles = jnp.concatenate([leaders[None], later[:steps]])

    def worth(rules: Rules) -> tuple[Array, Array]:
        outcome = _outcome(game, protocol, rules, competition, views, sharp)
        return units.follower.value(-units.lost(outcome)), units.leaders.value(units.earned(outcome))

    follower, theirs = jax.lax.map(worth, profiles)
    end, taken = ending(profiles.reshape(steps + 1, -1), count, periodic=True)
    gain = _largest(units, Bracket(gains.lower[steps:], gains.upper[steps:]))
    trace = RuleTrace(
        follower=follower,
        leaders=theirs,
        rules=last,
        outcome=_outcome(game, protocol, last, competition, views, sharp),
        gain=gain,
        end=jnp.where(sound, end, ENDS.index("limit")),
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, trace), gain=unknown(sound, gain))


def starting_rules(
    game: Game, protocol: Protocol, start: str, views: Views = None, key: Array | None = None
) -> Rules:
    """Rules [K, V, H, M] to start from.

    "none": all always say 0; "aligned": each says what an aligned leader would; "random": rows drawn
    uniformly, with `key`.

    Raises ValueError for an unknown start and "random" without a key.
    """
    checks.check_choice("start", start, STARTS)
    count, seen = game.leaders.shape[0], game.prior.shape[1] if views is None else views.shape[2]
    if start == "aligned":
        return taught(game, protocol, count, views).rule
    if start == "random":
        if key is None:
            raise ValueError("start 'random' needs a key")
        shape = (count, seen, protocol.leader_histories, protocol.leader_messages)
        exponential = jax.random.exponential(key, shape, game.prior.dtype)
        return exponential / exponential.sum(3, keepdims=True)
    return jnp.broadcast_to(
        silent(protocol, seen, game.prior.dtype)[None],
        (count, seen, protocol.leader_histories, protocol.leader_messages),
    )


def taught(game: Game, protocol: Protocol, count: int, views: Views) -> Teaching:
    """`teaching` of each of `count` leaders, with its view; fields lead with the axis K."""
    if views is None:
        once = teaching(game, protocol)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *jnp.shape(x))), once)
    return jax.vmap(lambda view: teaching(game, protocol, view))(views)


def _taught_rules(game: Game, protocol: Protocol, count: int, views: Views) -> Rules:
    """What an aligned leader would say in each of `count` leaders' places; in a standard game."""
    if views is None:
        rule = taught_in(standard(game).centred(), protocol).rule
        return jnp.broadcast_to(rule, (count, *rule.shape))
    return jax.vmap(lambda view: taught_in(standard(viewed(game, view)).centred(), protocol).rule)(views)


def _offers(game: Game, protocol: Protocol, leaders: Rules, views: Views) -> Float[Array, "K T S A"]:
    return jax.vmap(lambda rule, i, view: offer(game, protocol, rule, i, view))(
        leaders, jnp.arange(leaders.shape[0]), views
    )


def _largest(units: Standard, gains: Bracket) -> Bracket:
    """The largest of the leaders' gains, in the caller's units; to stay is a rule, too."""
    lower, upper = (jnp.maximum((units.leaders.unit * x).max(), 0.0) for x in (gains.lower, gains.upper))
    return Bracket(lower, upper)
