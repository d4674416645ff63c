"""Leaders who learn while they compete for one follower, over thousands of rounds: what she gets on average.

In each round all leaders offer, she keeps the best offer (of those that tie the lowest index), and everybody
sees what was offered. Nothing says that they reach an equilibrium. What is certified is what each could have
earned with one fixed offer, over all schemes (`regret`): with regrets R_j her average value is at least
`OPT - 2 eps - sum_j w_j R_j`, whatever rule they follow (theory, section 9; `theorems.learning`) [own].
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.drawn import DrawnLearning
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import Standard, is_sound, standard, unheard, unknown
from jaxgame.persuasion.frontier import Curve, leader_curves
from jaxgame.persuasion.value import check_leader
from jaxgame.selection import rules
from jaxgame.selection.consulting import check_consulted, draw_consulted
from jaxgame.selection.dynamics import revised, starting_offers
from jaxgame.selection.regret import Faced, against, best_fixed, felt, payoffs
from jaxgame.selection.rules import Heard, Menus, Rule, check_menu, points_of

RULES = ("hedge", "regret_matching", "fictitious_play", "gradient", "inertia")
RANDOM_RULES = ("hedge", "regret_matching", "inertia")  # these draw: they need a key

REVISE = 0.1  # by inertia: the probability that a leader revises in a round
MENU = 16
OUTBID = 1e-3

# Fields of a trace that are averages over the rounds.
_AVERAGES = ("outcome", "follower", "loss", "leaders", "regret", "menu_regret", "kept")


@record
class LearningTrace(DrawnLearning):
    """What N rounds of learning came to; after several numbers of rounds, with an axis H before the others.

    - `outcome` [T, S, A] is the average law of type, state and action, `follower` what it is worth to her and
      `leaders` [K] to each leader, in their units; `loss` counts it from full information downwards;
    - `regret` [K] is what each leader could have earned more by one fixed offer, the best of all schemes, in
      its units: a bracket. It may be negative;
    - `menu_regret` [K] is the same for the entries of its menu alone, rounded;
    - `kept` [K] is the share of rounds in which each leader was kept;
    - `offers` [K, T, S, A] are those of the last round, `path` [N] what she got in each: no axis H;
    - `consulted` is how many leaders she asked in each round.
    """

    outcome: Float[Array, "*H T S A"]
    follower: Float[Array, "*H"]
    loss: Bracket
    leaders: Float[Array, "*H K"]
    regret: Bracket
    menu_regret: Float[Array, "*H K"]
    kept: Float[Array, "*H K"]
    offers: Float[Array, "K T S A"]
    path: Float[Array, " N"]
    consulted: Int[Array, ""]

    def after(self, place: int | Int[Array, ""]) -> "LearningTrace":
        """The averages after one of several numbers of rounds, the one at index `place`."""
        one = {name: jax.tree.map(lambda x: x[place], getattr(self, name)) for name in _AVERAGES}
        return dataclasses.replace(self, **one)


def learning(
    game: Game,
    offers: Float[Array, "K T S A"],
    *,
    rule: str = "hedge",
    rounds: int | Sequence[int] = 1000,
    menu: int | Float[Array, "K M T S A"] = MENU,
    rate: float | Float[Array, ""] | None = None,
    outbid: float | None = None,
    consulted: int | None = None,
    key: Array | None = None,
    known: Curve | None = None,
) -> LearningTrace:
    """Let the leaders of a `game` learn by a `rule` over `rounds` rounds, from `offers` [K, T, S, A].

    Rules: "hedge" and "regret_matching" draw an entry of the menu; "fictitious_play" takes the entry that
    would have done best so far; "gradient" climbs with optax's Adam on the logits of a mixture of the menu's
    schemes; "inertia": exact best responses of all schemes, by each leader with probability `rate`. `rate` is
    else that of hedge (None: sqrt(8 log M / N)), per what is at stake for a leader, or Adam's step (0.05).

    `menu` is a number of points of each leader's value curve f_j, evenly spaced in what they lose her, from
    full information to the leader's best outcome; or entries that she would obey, one list per leader.
    `offers` are entries too, the first. `outbid` is that of `best_response_dynamics`, for inertia (None:
    1e-3). `consulted` leaders are drawn at random in each round and compared (None: all). `rounds` may be
    several numbers, increasing: the averages are told after each. `key` is for what is drawn, and `known` is
    `leader_curves(game)`, if it was computed before. Works under jit and vmap.

    Raises ValueError for an unknown rule, fewer than two leaders, rounds that are not positive and
    increasing, a menu of another shape or size, a key that is missing, and an argument that is not used.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # a prosecutor and a defender
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> start = jg.selection.starting_offers(judge, "selfish")
    >>> trace = jg.selection.learning(judge, start, rule="fictitious_play", rounds=500)
    >>> float(trace.follower) > 0.97              # the judge learns nearly everything
    True
    """
    leaders = game.leaders.shape[0]
    checks.check_choice("rule", rule, RULES)
    if leaders < 2:
        raise ValueError(f"game has {leaders} leader; learning needs at least two")
    check_leader(game, 0)
    checks.check_shape("offers", offers, "[K, T, S, A]", game.leaders.shape, "as leaders is")
    consulted = check_consulted(consulted, leaders)
    horizons = _checked_rounds(rounds)
    check_menu(game, menu)
    if outbid is not None and (rule != "inertia" or not outbid > 0):
        raise ValueError(f"outbid is {outbid}; it must be positive, and is for rule 'inertia' alone")
    drawn = rule in RANDOM_RULES or consulted < leaders
    if drawn and key is None:
        raise ValueError(
            f"rule {rule!r} with {consulted} of {leaders} leaders consulted draws; it needs a key"
        )
    if not drawn and key is not None:
        raise ValueError(f"rule {rule!r} draws nothing; leave the key out")
    if rate is not None and rule in ("regret_matching", "fictitious_play"):
        raise ValueError(f"rule {rule!r} has no rate")

    how = _How(rule, horizons, menu if isinstance(menu, int) else None, consulted)
    entries = None if isinstance(menu, int) else menu
    count = 1 + (menu if isinstance(menu, int) else menu.shape[1])
    pace = jnp.asarray(_usual_rate(how, count) if rate is None else rate, game.follower.dtype)
    step = jnp.asarray(OUTBID if outbid is None else outbid, game.follower.dtype)
    key = jax.random.key(0) if key is None else key
    curves = leader_curves(game) if known is None else known
    trace = _learnt(game, curves, offers, entries, pace, step, key, how)
    return trace.after(0) if isinstance(rounds, int) else trace


class _How(NamedTuple):
    """What a program is compiled for."""

    rule: str
    horizons: tuple[int, ...]
    points: int | None  # of the menu, if it is not given
    consulted: int


@functools.partial(jax.jit, static_argnames="how")  # else its loops are compiled anew in each call
def _learnt(
    game: Game,
    curves: Curve,
    offers: Float[Array, "K T S A"],
    entries: Float[Array, "K M T S A"] | None,
    rate: Float[Array, ""],
    outbid: Float[Array, ""],
    key: Array,
    how: _How,
) -> LearningTrace:
    """The trace, with an axis H for the numbers of rounds."""
    units = standard(game)
    sound = units.sound & is_sound(offers, entries, rate, outbid)
    offers = jnp.where(sound, offers, 0.0)
    listed = points_of(curves, how.points or MENU) if entries is None else jnp.where(sound, entries, 0.0)
    menus = Menus.of(units, jnp.concatenate([offers[:, None], listed], 1))  # where leaders start is one, too
    player: _Mixer | _Reviser
    if how.rule == "inertia":
        player = _Reviser(units, curves, offers, rate, outbid * units.stake, how.consulted)
    else:
        player = _Mixer(menus, _rule(how.rule, menus, rate))
    played, last = _play(menus, player, how.consulted, how.horizons[-1], key)
    averages = _judged(units, curves, menus, played, np.array(how.horizons))
    return _told(units, sound, averages, last, played.lost, how.consulted)


def _checked_rounds(rounds: int | Sequence[int]) -> tuple[int, ...]:
    horizons = (rounds,) if isinstance(rounds, int) else tuple(rounds)
    if not horizons or horizons[0] < 1 or any(b <= a for a, b in itertools.pairwise(horizons)):
        raise ValueError(f"rounds is {rounds}; it must be at least 1, and several numbers must increase")
    return horizons


def _usual_rate(how: _How, entries: int) -> float:
    """The rate of a rule if none is given; 0 for one that has none."""
    if how.rule == "hedge":
        return math.sqrt(8 * math.log(entries) / how.horizons[-1])
    return {"gradient": rules.STEP, "inertia": REVISE}.get(how.rule, 0.0)


def _rule(name: str, menus: Menus, rate: Float[Array, ""]) -> Rule:
    if name in ("hedge", "gradient"):
        return {"hedge": rules.hedge, "gradient": rules.gradient}[name](menus, rate)
    return {"regret_matching": rules.regret_matching, "fictitious_play": rules.fictitious_play}[name](menus)


class _Round(NamedTuple):
    """What happened in a round."""

    faced: Faced
    kept: Int[Array, "*N"]
    lost: Float[Array, "*N"]
    earned: Float[Array, "*N K"]
    outcome: Float[Array, "*N T S A"]


class _Mixer(NamedTuple):
    """Leaders who mix their menus by a rule."""

    menus: Menus
    rule: Rule

    def start(self) -> tuple[Any, Any]:
        """The state, and a choice to hold the place of those to come."""
        return self.rule.start, jnp.zeros_like(self.menus.lost)

    def offers(self, state: Any, key: Array) -> Any:
        mixture = self.rule.choose(state, key)
        return mixture, *self.menus.mixed(mixture)

    def outcomes(self, chosen: Array) -> Float[Array, "K T S A"]:
        return (chosen[:, :, None, None, None] * self.menus.offers).sum(1)

    def learn(self, state: Any, chosen: Array, heard: Heard, key: Array) -> Any:
        return self.rule.learn(state, heard._replace(mixture=chosen))


class _Reviser(NamedTuple):
    """Leaders who now and then make a best response, all schemes considered, to what the others offer."""

    units: Standard
    curves: Curve
    first: Float[Array, "K T S A"]
    rate: float | Float[Array, ""]
    outbid: Float[Array, ""]
    consulted: int

    def start(self) -> tuple[Any, Any]:
        return self.first, self.first

    def offers(self, state: Array, key: Array) -> Any:
        return state, felt(jax.vmap(self.units.lost)(state)), jax.vmap(self.units.earned)(state).T

    def outcomes(self, chosen: Array) -> Float[Array, "K T S A"]:
        return chosen

    def learn(self, state: Array, chosen: Array, heard: Heard, key: Array) -> Array:
        everyone = jnp.arange(len(state))
        better = jax.vmap(lambda j: revised(self.units, self.curves, state, j, self.outbid, self.consulted))(
            everyone
        )
        moves = jax.random.uniform(key, everyone.shape, state.dtype) < self.rate
        return jnp.where(moves[:, None, None, None], better, state)


def _play(
    menus: Menus, player: _Mixer | _Reviser, consulted: int, rounds: int, key: Array
) -> tuple[_Round, Float[Array, "K T S A"]]:
    """All rounds (fields [N]), and the last offers."""
    leaders = len(menus.lost)
    own = menus.own()

    def step(state: Any, number: Array) -> tuple[Any, _Round]:
        state, _ = state
        choosing, asking, learning = jax.random.split(jax.random.fold_in(key, number), 3)
        chosen, lost, worth = player.offers(state, choosing)
        asked = jnp.ones(leaders, bool)
        if consulted < leaders:
            asked = draw_consulted(asking, consulted, leaders)
        faced, kept = against(lost, worth, asked)
        earned = worth[:, kept]
        heard = Heard(jnp.zeros_like(own), payoffs(faced, menus.lost, own), earned, asked)
        happened = _Round(faced, kept, lost[kept], earned, player.outcomes(chosen)[kept])
        return (player.learn(state, chosen, heard, learning), chosen), happened

    (_, chosen), played = jax.lax.scan(step, player.start(), jnp.arange(rounds))
    return played, player.outcomes(chosen)


def _judged(
    units: Standard, curves: Curve, menus: Menus, played: _Round, horizons: Int[np.ndarray, " H"]
) -> dict[str, Any]:
    """Averages and regrets over the first rounds, as many as `horizons` say, in standard units."""
    dtype = played.lost.dtype
    rounds, everyone = len(played.lost), jnp.arange(len(menus.lost))
    rounding = 4 * (rounds + 8) * jnp.finfo(dtype).eps
    nothing = starting_offers(units.game, "none")[0]
    tried = jax.vmap(lambda faced: payoffs(faced, menus.lost, menus.own()))(played.faced)
    kept = (played.kept[:, None] == everyone[None]).astype(dtype)

    def over(count: Array) -> dict[str, Any]:
        weights = (jnp.arange(rounds) < count).astype(dtype) / count.astype(dtype)
        best = best_fixed(units, curves, played.faced, weights, nothing)
        earned = weights @ played.earned
        outcome = jnp.tensordot(weights, played.outcome, 1)
        return {
            "outcome": outcome,
            "lost": units.lost(outcome),
            "rounding": jnp.asarray(rounding),
            "earned": earned,
            "regret": Bracket(best.lower - earned - rounding, best.upper - earned + rounding),
            "menu_regret": jnp.tensordot(weights, tried, 1).max(1) - earned,
            "kept": weights @ kept,
        }

    return jax.vmap(over)(jnp.asarray(horizons))


def _told(
    units: Standard, sound: Array, found: dict[str, Any], last: Array, path: Array, consulted: int
) -> LearningTrace:
    """The same in the caller's units."""
    leaders, hers = units.leaders, units.follower
    lost, rounding, unit = found["lost"], found["rounding"], leaders.unit[None]
    loss = hers.difference(Bracket(lost * (1 - rounding), lost * (1 + rounding)))
    regret = jax.tree.map(lambda x: unit * x, found["regret"])
    trace = LearningTrace(
        outcome=found["outcome"],
        follower=hers.value(-lost),
        loss=loss,
        leaders=jax.vmap(leaders.value)(found["earned"]),
        regret=regret,
        menu_regret=unit * found["menu_regret"],
        kept=found["kept"],
        offers=last,
        path=hers.value(-path),
        consulted=jnp.asarray(consulted, jnp.int32),
    )
    trace = unheard(sound, trace)
    return dataclasses.replace(trace, loss=unknown(sound, loss), regret=unknown(sound, regret))
