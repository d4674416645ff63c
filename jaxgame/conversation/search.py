"""Leaders who revise their rules by best responses: where that ends, and how far from an equilibrium."""

import dataclasses
import math
from typing import NamedTuple

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
from jaxgame.core.drawn import DrawnProcess
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.revision import ENDS, ending
from jaxgame.core.units import Standard, is_sound, limited, standard, unheard, unknown

STARTS = ("none", "aligned", "random")

# Revisions that gain less, in the leader's unit, are not made.
INDIFFERENT = 1e-5


@record
class RuleTrace(DrawnProcess):
    """N revisions, leaders taking turns, and the profile before the first: N_plus_1 = N + 1 entries.

    - `follower` [N_plus_1] and `leaders` [N_plus_1, K]: expected utilities at each profile, in everybody's
      own units.
    - `rules` [K, V, H, M]: the last profile.
    - `outcome` [T, S, A]: the law of type, state and action that it leads to.
    - `gain`: its `exploitability`.
    - `end`: the place in `competition.ENDS`: "converged" (no leader would revise), "cycle" (a profile
      returned), or "limit" (neither was seen).
    - `steps`: revisions before the end: up to the last change, to the return, or all N.

    Of an input that is not finite nothing is known: NaN, a gain in [-inf, inf], and the end is "limit".
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
    *,
    kind: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
) -> Float[Array, "T S A"]:
    """What a profile of rules leads to: all leaders heard, or the best of them kept (ties: lowest index).

    The joint law [T, S, A] of type, state and action in `game` if leaders follow the rules `leaders`
    [K, V, H, M] under `protocol` with `views`, the follower hears them all or selects one (`kind`),
    and acts with `rationality`, everything as in `best_response`. Her replies are her best ones. Everybody's
    expected utility is `(outcome * utility).sum()`. An input that is not finite gives NaN.

    Raises ValueError as `best_response` does.
    """
    check(game, protocol, leaders, kind, views, rationality)
    units = standard(game)
    sharp = units.scaled(rationality)
    outcome = _outcome(units.centred(), protocol, leaders, kind, views, sharp)
    return unheard(units.sound & is_sound(leaders, views, limited(sharp)), outcome)


def _outcome(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    kind: str,
    views: Views,
    rationality: float | Float[Array, ""],
) -> Float[Array, "T S A"]:
    """The same in a standard game that is centred, as all below."""
    if kind == "all":
        return replied(game, protocol, leaders, views, rationality).outcome
    offers = _offers(game, protocol, leaders, views)
    return offers[(game.follower[None] * offers).sum((1, 2, 3)).argmax()]


def exploitability(
    game: Game,
    protocol: Protocol,
    leaders: Rules,
    *,
    kind: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    aligned: Float[Array, "K V H M"] | None = None,
    key: Array | None = None,
) -> Bracket:
    """The largest gain that a leader has by another rule, in the leaders' utility units; 0 at equilibria.

    The lower end is attained by a rule that was found, the upper one rests on the bounds of `best_response`,
    which hold for any protocol: it may stay above 0 at an equilibrium. In selection a deviator must be worth
    what is selected: any more, however little, wins. `game`, `protocol`, the rules `leaders` [K, V, H, M],
    `kind`, `views` and `rationality` are as in `best_response`; `aligned` [K, V, H, M] has a
    candidate for each leader (None: what an aligned one would say in its place), `key` draws the starts of
    the ascents. Of an input that is not finite nothing is known: [-inf, inf].

    Raises ValueError as `best_response` does.
    """
    check(game, protocol, leaders, kind, views, rationality)
    key = jax.random.key(0) if key is None else key
    units, sharp = standard(game), standard(game).scaled(rationality)
    game = units.centred()
    if aligned is None:
        aligned = _taught_rules(game, protocol, leaders.shape[0], views)
    outcome = _outcome(game, protocol, leaders, kind, views, sharp)
    now = units.earned(outcome)
    level = (game.follower * outcome).sum() if kind == "selection" else None

    def gain(i: Int[Array, ""]) -> Bracket:
        reply = reply_in(
            game, protocol, leaders, i, kind, views, sharp, aligned[i], level,
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
    *,
    kind: str = "all",
    views: Views = None,
    rationality: float | Float[Array, ""] = math.inf,
    steps: int = 20,
    outbid: float = 1e-3,
    key: Array | None = None,
) -> RuleTrace:
    """Let the leaders of `game` revise the rules `leaders` [K, V, H, M] in turn, `steps` times.

    Each takes its `best_response` under `protocol`, with `views`, `rationality` and `kind` as there;
    `key` draws the starts of the ascents. In selection an offer must exceed its rivals' by `outbid` > 0 to
    win, in parts of what is at stake for the follower (`sum_ts P(t,s) (max_a u - min_a u)`), and a leader
    whom a rival's offer serves better withdraws. Revisions that gain less than 1e-5 of what is at stake for
    the leader, up to a factor of 2, are not made. Works under jit and vmap.

    Raises ValueError as `best_response` does, and for an `outbid` that is not positive.

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
    >>> how = {"kind": "selection", "outbid": 0.1, "steps": 8}
    >>> trace = conversation.best_response_dynamics(judge, twice, start, **how)
    >>> round(float(trace.follower[0]), 6), round(float(trace.follower[-1]), 6)
    (0.7, 1.0)
    """
    check(game, protocol, leaders, kind, views, rationality)
    if not outbid > 0:
        raise ValueError(f"outbid is {outbid}; it must be positive")
    key = jax.random.key(0) if key is None else key
    count = leaders.shape[0]
    units, sharp = standard(game), standard(game).scaled(rationality)
    sound = units.sound & is_sound(leaders, views, limited(sharp))
    game, least = units.centred(), outbid * units.stake
    aligned = _taught_rules(game, protocol, count, views)
    setting = _Setting(units, game, protocol, kind, views, sharp, aligned, least)
    revised = _heard if kind == "all" else _kept

    def advance(rules: Rules, turn: Array) -> tuple[Rules, tuple[Rules, Bracket]]:
        i, last = turn % count, turn >= steps
        rule, gain = revised(setting, rules, i, jax.random.fold_in(key, turn), last)
        rules = jnp.where(last, rules, rules.at[i].set(rule))
        return rules, (rules, gain)

    # A last round in which nobody moves tells what each could gain: no second copy of `reply` to compile.
    last, (later, gains) = jax.lax.scan(advance, leaders, jnp.arange(steps + count))
    profiles = jnp.concatenate([leaders[None], later[:steps]])

    def worth(rules: Rules) -> tuple[Array, Array]:
        outcome = setting.outcome(rules)
        return units.follower.value(-units.lost(outcome)), units.leaders.value(units.earned(outcome))

    follower, theirs = jax.lax.map(worth, profiles)
    end, taken = ending(profiles.reshape(steps + 1, -1), count, periodic=True)
    gain = _largest(units, Bracket(gains.lower[steps:], gains.upper[steps:]))
    trace = RuleTrace(
        follower=follower,
        leaders=theirs,
        rules=last,
        outcome=setting.outcome(last),
        gain=gain,
        end=jnp.where(sound, end, ENDS.index("limit")),
        steps=taken,
    )
    return dataclasses.replace(unheard(sound, trace), gain=unknown(sound, gain))


class _Setting(NamedTuple):
    """What stays the same while leaders revise: a standard game that is centred, and how it is played."""

    units: Standard
    game: Game
    protocol: Protocol
    kind: str
    views: Views
    rationality: float | Float[Array, ""]
    aligned: Rules  # what an aligned leader would say in each place, a candidate of every reply
    least: Float[Array, ""]  # what an offer must exceed its rivals' by to win, in her unit

    def outcome(self, rules: Rules) -> Float[Array, "T S A"]:
        """What a profile leads to."""
        return _outcome(self.game, self.protocol, rules, self.kind, self.views, self.rationality)

    def reply(self, rules: Rules, i: Int[Array, ""], level: Array | None, key: Array) -> RuleReply:
        """Leader i's best response; in selection its offer must be worth `level` to her."""
        return reply_in(
            self.game, self.protocol, rules, i, self.kind, self.views, self.rationality,
            self.aligned[i], level, key,
        )  # fmt: skip


def _heard(
    setting: _Setting, rules: Rules, i: Int[Array, ""], key: Array, last: Array
) -> tuple[Float[Array, "V H M"], Bracket]:
    """Leader i's next rule if all are heard, the best reply or no change, and what the best reply gains."""
    now = (setting.game.leaders[i] * setting.outcome(rules)).sum()
    best = setting.reply(rules, i, None, key)
    gain = Bracket(best.value.lower - now, best.value.upper - now)
    return jnp.where(gain.lower > INDIFFERENT, best.rule, rules[i]), gain


def _kept(
    setting: _Setting, rules: Rules, i: Int[Array, ""], key: Array, last: Array
) -> tuple[Float[Array, "V H M"], Bracket]:
    """Leader i's next rule if she keeps the best offer, and what the best reply gains.

    - It wins, and says its best reply, if outbidding is possible and serves it better than what is kept now,
      and no worse than what the best rival offers.
    - Else it withdraws, and always says 0, if what the best rival offers serves it better than what is kept
      now.
    - Else it says what it said.

    In the `last` round, which only tells gains, an offer need not exceed what is kept: any more would win.
    """
    units, game, protocol, views = setting.units, setting.game, setting.protocol, setting.views
    count, aligned = rules.shape[0], setting.aligned[i]
    offers = _offers(game, protocol, rules, views)
    worth, theirs = ((u[None] * offers).sum((1, 2, 3)) for u in (game.follower, game.leaders[i]))
    now = theirs[worth.argmax()]
    rivals = jnp.where(jnp.arange(count) == i, -jnp.inf, worth)
    without = theirs[rivals.argmax()] if count > 1 else -jnp.inf
    top = (game.follower * offer(game, protocol, aligned, i, None if views is None else views[i])).sum()
    level = jnp.minimum(rivals.max() + setting.least, top) if count > 1 else -units.uninformed()
    best = setting.reply(rules, i, jnp.where(last, worth.max(), level), key)
    # At the top nobody can be outbid: the lowest index wins a tie.
    room = rivals.max() < top - INDIFFERENT
    wins = room & (best.value.lower > now + INDIFFERENT) & (best.value.lower >= without)
    withdraws = ~wins & (without > now + INDIFFERENT)
    mute = silent(protocol, rules.shape[1], rules.dtype)
    rule = jnp.where(wins, best.rule, jnp.where(withdraws, mute, rules[i]))
    return rule, Bracket(best.value.lower - now, best.value.upper - now)


def starting_rules(
    game: Game, protocol: Protocol, start: str, views: Views = None, key: Array | None = None
) -> Rules:
    """Rules [K, V, H, M] to start the dynamics of `game` under `protocol` from.

    `start` is one of `STARTS`: "none": all always say 0; "aligned": each says what an aligned leader would,
    by `taught`; "random": rows drawn uniformly on the simplex, with `key`. `views` [K, S, V] is what leaders
    see; None: the state, V = S. Where dynamics end may depend on the start.

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
    """What an aligned leader could teach in the place of each of `count` leaders of `game`: `teaching`.

    `views` [K, S, V] is what leaders see, and K = `count`; None: the state, and `teaching` is done once.
    Fields of the result lead with the axis K; its least value is what the guarantee under this `protocol`
    takes for OPT (`jaxgame.theorems`). In her utility units.
    """
    if views is None:
        once = teaching(game, protocol)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *jnp.shape(x))), once)
    return jax.vmap(lambda view: teaching(game, protocol, view=view))(views)


def _taught_rules(game: Game, protocol: Protocol, count: int, views: Views) -> Rules:
    """What an aligned leader would say in each of `count` leaders' places; in a standard game."""
    if views is None:
        rule = taught_in(standard(game).centred(), protocol).rule
        return jnp.broadcast_to(rule, (count, *rule.shape))
    return jax.vmap(lambda view: taught_in(standard(viewed(game, view)).centred(), protocol).rule)(views)


def _offers(game: Game, protocol: Protocol, leaders: Rules, views: Views) -> Float[Array, "K T S A"]:
    """The outcome she has with each leader alone."""
    return jax.vmap(lambda rule, i, view: offer(game, protocol, rule, i, view))(
        leaders, jnp.arange(leaders.shape[0]), views
    )


def _largest(units: Standard, gains: Bracket) -> Bracket:
    """The largest of the leaders' gains, in the caller's units; to stay is a rule, too."""
    lower, upper = (jnp.maximum((units.leaders.unit * x).max(), 0.0) for x in (gains.lower, gains.upper))
    return Bracket(lower, upper)
