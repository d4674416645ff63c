"""Factors and constants of utility, for each player and each state, change no answer but their own.

Every test asks a function about some 90 ways to state a game, in one compiled call. They are of two kinds:

- exact: utilities are multiples of 1/64, factors powers of two and constants whole numbers, so that the changed
  games are exactly the original one in other units. All that is said must be the same to 1e-12, and brackets
  must overlap in exact rationals; only values that a constant is part of may be rounded.
- generic: any factors and constants, which round the utilities themselves, by 1e-7 of the range where a constant
  is 1e9 times as large. Answers may differ by what that is worth.
"""

import functools
import math
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition, conversation, selection, theorems
from jaxgame.units import at_stake, standard

EPS = np.finfo(float).eps
POWERS = tuple(2.0**power for power in (-40, -20, 0, 20, 40))
FACTORS = tuple(3.7 * 10.0**power for power in range(-12, 13, 3))
CONSTANTS = (0.0, 1.0, -1e3, 1e6, 1e9)
SHARES = (0.0, 0.5, 0.9)  # thresholds, between no and full information

EXACT = 1e-12  # what exact ways may differ by, in parts of what is at stake, which is about 1
GENERIC = 1e-9
ROUNDED = 16 * EPS  # of the largest constant: a few roundings


class Ways(NamedTuple):
    """V ways to state a game. Constants are in the changed units."""

    prior: np.ndarray  # [V, T, S]
    follower: np.ndarray  # [V, T, S, A]
    leaders: np.ndarray  # [V, K, T, S, A]
    hers: np.ndarray  # her factor [V]
    her_constant: np.ndarray  # [V, T, S]
    theirs: np.ndarray  # the leaders' factor [V]
    their_constant: np.ndarray  # [V, K, T, S]
    levels: np.ndarray  # thresholds [V, 3]
    exact: np.ndarray  # whether the way is an exact one [V]
    first: np.ndarray  # where the game is as it was [V]

    def game(self) -> jg.Game:
        return jg.Game(self.prior, self.follower, self.leaders)


# Draws in which information is worth something, leaders revise their offers, and the worst equilibrium leaves
# her more than nothing and less than all; of the exact game and of the generic one.
SEEDS = {(1, 2, 3): (235, 4), (1, 3, 3): (134, 144), (2, 2, 2): (250, 132)}


def original(types: int, states: int, actions: int, leaders: int = 2) -> jg.Game:
    """A game of multiples of 1/64, with a best action in each state."""
    seed, _ = SEEDS[types, states, actions]
    rng = np.random.default_rng([seed, types, states, actions])
    prior = rng.multinomial(64 - types * states, np.full(types * states, 1 / (types * states))) + 1
    utility = rng.integers(0, 64, (leaders + 1, types, states, actions)) / 64
    return jg.make_game(
        prior.reshape(types, states) / 64, utility[0] + 0.5 * np.eye(states, actions), utility[1:]
    )


def generic(types: int, states: int, actions: int, leaders: int = 2) -> jg.Game:
    _, seed = SEEDS[types, states, actions]
    rng = np.random.default_rng([seed, types, states, actions, 1])
    prior = rng.dirichlet(np.full(types * states, 2.0)).reshape(types, states)
    utility = rng.random((leaders + 1, types, states, actions))
    return jg.make_game(prior, utility[0] + 0.5 * np.eye(states, actions), utility[1:])


@functools.cache
def ways(
    types: int, states: int, actions: int, leaders: int = 2, together: bool = False, per: str = "state"
) -> Ways:
    """The two games themselves, then factors and constants one at a time and drawn together.

    `together`: players have one factor. `per` tells what each player may have a constant of its own for:
    "state" (and type), "player", or "none" for no constants at all.
    """
    rng = np.random.default_rng(1)
    constants = CONSTANTS if per != "none" else (0.0,)
    parts = []
    for game, factors in ((original, POWERS), (generic, FACTORS)):
        exact = game is original
        game = game(types, states, actions, leaders)
        drawn = [(1.0, 0.0, 1.0, 0.0, False)]
        drawn += [(f, 0.0, f if together else 1.0, 0.0, False) for f in factors]
        drawn += [(1.0, 0.0, f, 0.0, False) for f in factors if not together]
        each = (False, True) if per == "state" else (False,)
        drawn += [(1.0, c, 1.0, 0.0, e) for c in constants[1:] for e in each]
        drawn += [(1.0, 0.0, 1.0, c, e) for c in constants[1:] for e in each]
        for _ in range(8):
            f, g = rng.choice(factors, 2)
            c, d = rng.choice(constants, 2)
            drawn.append((f, c, f if together else g, d, per == "state"))
        parts.append(_stated(game, drawn, exact, rng))
    before = len(parts[0].hers)
    parts[1] = parts[1]._replace(first=parts[1].first + before)
    return Ways(*map(np.concatenate, zip(*parts, strict=True)))


def _stated(game: jg.Game, drawn: list, exact: bool, rng: np.random.Generator) -> Ways:
    """Ways to state one game: (her factor, her constant, theirs, theirs, whether it varies with the state)."""
    hers, her_constant, theirs, their_constant, each = map(np.array, zip(*drawn, strict=True))
    count, (leaders, types, states, _) = len(hers), game.leaders.shape

    def spread(*shape: int) -> np.ndarray:
        """Different numbers in every state, or the same."""
        kind = rng.integers(-4, 5, shape) if exact else rng.uniform(-1, 1, shape)
        same = 1.0 if exact else rng.uniform(0.3, 1)
        return np.where(each.reshape(-1, *(1,) * (len(shape) - 1)), kind, same)

    def wide(x: np.ndarray, axes: int) -> np.ndarray:
        return x.reshape(-1, *(1,) * axes)

    her_constant = wide(hers * her_constant, 2) * spread(count, types, states)
    their_constant = wide(theirs * their_constant, 3) * spread(count, leaders, types, states)
    none, full = float(jg.no_information_value(game)), float(jg.full_information_value(game))
    game = jax.tree.map(np.asarray, game)
    plain = [none + share * (full - none) for share in SHARES]
    plain = [math.floor(x * 2**12) / 2**12 for x in plain] if exact else plain
    bases = [_expected(game.prior, constant) for constant in her_constant]
    levels = [
        [float(Fraction(f) * Fraction(x) + base) for x in plain]
        for f, base in zip(hers.tolist(), bases, strict=True)
    ]
    return Ways(
        prior=np.broadcast_to(game.prior, (count, types, states)),
        follower=wide(hers, 3) * game.follower + her_constant[..., None],
        leaders=wide(theirs, 4) * game.leaders + their_constant[..., None],
        hers=hers,
        her_constant=her_constant,
        theirs=theirs,
        their_constant=their_constant,
        levels=np.array(levels),
        exact=np.full(count, exact),
        first=np.zeros(count, int),
    )


def _expected(prior: np.ndarray, constant: np.ndarray) -> Fraction:
    """What a constant [T, S] adds to every value, exactly."""
    pairs = zip(prior.ravel().tolist(), constant.ravel().tolist(), strict=True)
    return sum((Fraction(p) * Fraction(c) for p, c in pairs), Fraction(0))


class Said(NamedTuple):
    """What a function says, sorted by how a change of units shows in it; each a dictionary of arrays."""

    worth: dict[str, Any]  # values of hers
    lost: dict[str, Any]  # differences of hers
    earned: dict[str, Any]  # leaders' values, [K] first
    gained: dict[str, Any]  # differences of the leaders'
    price: dict[str, Any]  # of the leaders' utility for hers
    plain: dict[str, Any]  # what no unit enters


def said(*, worth=(), lost=(), earned=(), gained=(), price=(), plain=()) -> Said:
    """Nothing is said of what is left out."""
    return Said(*map(dict, (worth, lost, earned, gained, price, plain)))


@functools.cache
def compiled(function):
    return jax.jit(jax.vmap(lambda way: function(way.game(), way)))


def stated(function, given: Ways) -> Said:
    """What the function says of every way to state the game, in one call."""
    return jax.device_get(compiled(function)(jax.tree.map(jnp.asarray, given)))


def check(function, given: Ways, steep: float = 1.0, generic: float = GENERIC) -> Said:
    """All ways to state a game agree, in the original's units: numbers, brackets, what converged.

    A change of her utilities shows `steep` times as much in the leaders' answers, and in outcomes; generic ways
    may differ by `generic` besides.
    """
    found = stated(function, given)
    prior = given.prior
    base = np.array([float(_expected(*x)) for x in zip(prior, given.her_constant, strict=True)])
    theirs = np.array(
        [[float(_expected(p, c)) for c in one] for p, one in zip(prior, given.their_constant, strict=True)]
    )
    lost = ROUNDED * np.abs(given.her_constant).max((1, 2)) / given.hers
    gone = ROUNDED * np.abs(given.their_constant).max((1, 2, 3)) / given.theirs
    rough = np.where(given.exact, 0.0, 1.0)  # whether utilities themselves were rounded
    scale = {"worth": given.hers, "lost": given.hers, "earned": given.theirs, "gained": given.theirs}
    scale |= {"price": given.theirs / given.hers, "plain": np.ones_like(base)}
    rounded = {"worth": lost, "earned": gone + steep * lost}
    rounded |= {"lost": rough * (lost + gone), "gained": rough * gone + steep * lost}
    rounded |= {"price": rough * steep * (lost + gone), "plain": rough * steep * (lost + gone)}
    for kind, entries in found._asdict().items():
        slack = np.where(given.exact, EXACT, generic) + rounded[kind]
        for name, value in entries.items():
            constant = {"worth": base, "earned": theirs}.get(kind, 0 * base)
            if isinstance(value, jg.Bracket):
                _overlap(name, value, given, kind)
                assert (value.lower <= value.upper).all(), name
                parts = {"lower": value.lower, "upper": value.upper}
            else:
                parts = {"": value}
            for end, array in parts.items():
                if not np.issubdtype(array.dtype, np.floating):
                    assert (array == array[given.first]).all(), (name, array)
                    continue
                away = array - constant.reshape(*constant.shape, *(1,) * (array.ndim - constant.ndim))
                away = away / scale[kind].reshape(-1, *(1,) * (array.ndim - 1))
                beyond = np.abs(away - away[given.first]).reshape(len(base), math.prod(away.shape[1:])).max(1, initial=0.0) - slack
                at = int(beyond.argmax())
                assert (beyond <= 0).all(), (name, end, at, float(beyond[at]), float(slack[at]))
    return found


def _overlap(name: str, value: jg.Bracket, given: Ways, kind: str) -> None:
    """Brackets of exact ways hold the same number: in exact rationals no lower end exceeds an upper one."""
    worlds = np.flatnonzero(given.exact)
    lower, upper = (np.asarray(x)[worlds].reshape(len(worlds), -1) for x in (value.lower, value.upper))
    ends = []
    for i, low, high in zip(worlds, lower.tolist(), upper.tolist(), strict=True):
        factor = Fraction(float(given.hers[i] if kind in ("worth", "lost") else given.theirs[i]))
        bases = [Fraction(0)] * len(low)
        if kind == "worth":
            bases = [_expected(given.prior[i], given.her_constant[i])] * len(low)
        elif kind == "earned":
            each = [_expected(given.prior[i], c) for c in given.their_constant[i]]
            bases = [x for x in each for _ in range(len(low) // len(each))]
        ends.append([[(Fraction(x) - b) / factor for x, b in zip(y, bases, strict=True)] for y in (low, high)])
    for place in range(lower.shape[1]):
        most, least = max(x[0][place] for x in ends), min(x[1][place] for x in ends)
        assert most <= least, (name, place, float(most - least))


SHAPES = [(1, 3, 3), *(pytest.param(shape, marks=pytest.mark.slow) for shape in ((1, 2, 3), (2, 2, 2)))]


def test_exact_ways_are_exact():
    """Nothing is rounded on the way to the changed games, and the two games are worth asking about."""
    for shape in SEEDS:
        given = ways(*shape)
        game = original(*shape)
        places = np.flatnonzero(given.exact)
        assert len(places) > 30 and len(given.exact) - len(places) > 40
        for i in places:
            back = (given.follower[i] - given.her_constant[i][..., None]) / given.hers[i]
            np.testing.assert_array_equal(back, game.follower)
            back = (given.leaders[i] - given.their_constant[i][..., None]) / given.theirs[i]
            np.testing.assert_array_equal(back, game.leaders)
            base = _expected(given.prior[i], given.her_constant[i])
            level = [(Fraction(x) - base) / Fraction(float(given.hers[i])) for x in given.levels[i].tolist()]
            assert level == [Fraction(x) for x in given.levels[0].tolist()]
        for game in (original(*shape), generic(*shape)):
            none, full = jg.no_information_value(game), jg.full_information_value(game)
            assert float(full - none) > 0.02


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_best_responses(shape):
    def function(game, way):
        everyone = jnp.arange(2)
        one = jax.vmap(jg.leader_value, (None, 0, None))(game, everyone, way.levels[1])
        every = jax.vmap(jg.value_curve, (None, 0, None))(game, everyone, way.levels)
        curves = jax.vmap(jg.leader_frontier, (None, 0))(game, everyone)
        value, best = jax.vmap(lambda curve: (curve.value(way.levels[1]), curve.best(way.levels[1])))(curves)
        return said(
            worth={
                "none": jg.no_information_value(game),
                "full": jg.full_information_value(game),
                "kinks": curves.worth,
            },
            earned={
                "leader_value": one.value,
                "value_curve": every.value,
                "frontier": value,
                "kinks": curves.earned,
            },
            price={
                "obedience": one.multipliers.obedience,
                "threshold": every.multipliers.threshold,
                "lines": curves.price,
            },
            plain={
                "converged": jnp.stack([one.converged.all(), every.converged.all(), curves.converged.all()]),
                "feasible": every.feasible,
                "scheme": every.scheme,
                "outcome": one.outcome,
                "best": best,
                "kinks": curves.outcome,
            },
        )

    found = check(function, ways(*shape), steep=8.0)
    assert found.plain["converged"].all() and found.plain["feasible"].all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_threshold_of_full_information_is_met_in_any_units(shape):
    def function(game, _):
        met = jg.leader_value(game, 0, jg.full_information_value(game))
        above = jg.full_information_value(game) + 1e-5 * at_stake(game.prior, game.follower)
        return said(plain={"met": met.feasible, "above": jg.leader_value(game, 0, above).feasible})

    given = ways(*shape)
    found = stated(function, given)
    assert found.plain["met"].all()
    small = np.abs(given.her_constant).max((1, 2)) <= 1e7 * given.hers  # 1e9 loses those digits
    assert small.sum() > 70 and not found.plain["above"][small].any()


@pytest.mark.parametrize(("offset", "per"), [("none", "none"), ("constant", "player"), ("state", "state")])
@pytest.mark.parametrize("norm", ["sup", "square"])
def test_hull_distances(norm, offset, per):
    """On the simplex players share a factor, on the cone none need; constants are what the offset is for."""

    def function(game, way):
        alike = jg.Game(game.prior, game.follower, game.leaders * (way.hers / way.theirs))
        simplex = jg.game_hull_distance(alike, offset, "simplex", norm)
        cone = jg.game_hull_distance(game, offset, "cone", norm)
        return said(
            lost={
                "simplex": simplex.distance,
                "cone": cone.distance,
                "single": jg.hull.leader_distances(alike, offset, norm),
            },
            plain={
                "converged": jnp.stack([simplex.converged, cone.converged]),
                "weights": simplex.weights,
                "on the cone": cone.weights * (way.theirs / way.hers),
                "measures": jnp.stack([simplex.measure, cone.measure]),
            },
        )

    given = ways(1, 3, 3, leaders=3, per=per)
    # Interior points end within 1e-9 of the optimum, not always at the same one.
    found = check(function, given, steep=1e3, generic=1e-7)
    assert found.plain["converged"].all()
    for scale in ("simplex", "cone"):
        assert (found.lost[scale].lower[[0, given.first[-1]]] > 1e-3).all()


@pytest.mark.parametrize("norm", ["sup", "square"])
def test_on_the_cone_each_leader_may_have_a_factor_of_its_own(norm):
    """And entries any labels: constants for groups of them."""
    rng = np.random.default_rng(4)
    labels = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    target, utilities = rng.integers(0, 64, 8) / 64, rng.integers(0, 64, (3, 8)) / 64
    factors = np.concatenate([np.ones((1, 4)), rng.choice(POWERS, (20, 4)), rng.choice(FACTORS, (20, 4))])
    constants = np.concatenate([np.zeros((1, 4, 3)), rng.integers(-9, 10, (40, 4, 3)) * 1e8])
    constants[::2] = 0.0
    moved = factors[:, :, None] * (np.concatenate([target[None], utilities]) + constants[..., labels])
    fit = jax.jit(jax.vmap(lambda u, U: jg.hull_distance(u, U, norm, labels, "cone")))(moved[:, 0], moved[:, 1:])
    ends = np.stack([fit.distance.lower, fit.distance.upper]) / factors[:, 0]
    assert (ends[0] <= ends[1]).all() and fit.converged.all() and ends[0, 0] > 1e-3
    exact = np.arange(41) <= 20
    slack = np.where(exact, EXACT, 1e-7 + 10 * ROUNDED * np.abs(constants).max((1, 2)))
    assert (np.abs(ends - ends[:, :1]) <= slack).all()
    weights = fit.weights * factors[:, 1:] / factors[:, :1]
    assert (np.abs(weights - weights[:1]).max(1) <= np.where(exact, EXACT, 1e3 * slack)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_offers_and_dynamics(shape):
    def function(game, way):
        offers = selection.starting_offers(game, "selfish")
        trace = selection.best_response_dynamics(game, offers, outbid=0.1, steps=8)
        best = selection.best_outbids(game, way.levels[1])
        others = [selection.starting_offers(game, start) for start in ("none", "full")]
        others.append(selection.starting_offers(game, "random", jax.random.key(2)))
        return said(
            worth={"trace": trace.follower, "offers": trace.offers},
            earned={"leaders": trace.leaders.T, "outbids": best.value},
            gained={"gain": trace.gain, "exploitability": selection.exploitability(game, offers[1])},
            plain={
                "end": trace.end,
                "steps": trace.steps,
                "selected": trace.selected,
                "outcome": trace.outcome,
                "selfish": offers,
                "offers": jnp.stack(others),
                "converged": best.converged,
            },
        )

    found = check(function, ways(*shape), steep=16.0)
    assert found.plain["converged"].all() and found.plain["steps"].max() > 0


def test_a_finite_evaluation():
    """A constant for each state changes what is seen in few draws; one for all does not."""

    def function(game, _):
        offers = jnp.stack([selection.starting_offers(game, start)[0] for start in ("none", "full")])
        keys = jax.random.split(jax.random.key(3), 16)
        seen = jax.vmap(lambda key: selection.evaluate(key, game, offers, 2))(keys)
        return said(worth={"means": seen.means}, lost={"loss": seen.loss}, plain={"selected": seen.selected})

    found = check(function, ways(1, 3, 3, per="player"))
    assert 0 < (found.lost["loss"][0] > 0).mean() < 1  # she chose the worse one now and then


def worst_equilibria(game, way):
    """With two slacks, in the leaders' units, and what the theorem says of the first."""
    slacks = jnp.stack([0.0 * way.theirs, 0.05 * way.theirs])
    worst = jax.vmap(lambda slack: selection.worst_equilibrium(game, slack=slack))(slacks)
    # What `best_ai_selection` does, without a second search to compile; leaders in her units.
    alike = jg.Game(game.prior, game.follower, game.leaders * (way.hers / way.theirs))
    checked = theorems._guarantee(alike, jax.tree.map(lambda x: x[0], worst.loss), 1e-6)
    return said(
        worth={"worst": worst.value, "bound": checked.bound},
        lost={"loss": worst.loss, "slack": checked.slack, "stake": checked.stake},
        plain={"converged": worst.converged, "holds": checked.holds},
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_slack_is_in_the_leaders_units(shape):
    given = ways(*shape)
    # Searches that end within a tolerance of 1e-6 may end anywhere in it.
    found = check(worst_equilibria, given, steep=8.0, generic=2e-6)
    assert found.plain["converged"].all()
    for first in (0, given.first[-1]):
        none, some = found.lost["loss"].lower[first]
        assert some > none + 1e-2 and none > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("shape", list(SEEDS))
def test_the_guarantee_of_best_ai_selection(shape):
    def function(game, _):
        found = theorems.best_ai_selection(game)
        return said(
            worth={"bound": found.bound, "worst": found.worst},
            lost={"slack": found.slack, "loss": found.loss, "stake": found.stake},
            plain={"holds": found.holds},
        )

    check(function, ways(*shape, together=True), steep=8.0, generic=2e-6)


ONCE = conversation.Protocol(1, 2)
TWICE = conversation.Protocol(2, 2, 2)


@pytest.mark.parametrize("protocol", [ONCE, pytest.param(TWICE, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", SHAPES)
def test_conversations_of_the_follower(shape, protocol):
    rng = np.random.default_rng(2)
    rules = jnp.asarray(rng.dirichlet(np.ones(2), (2, shape[1], protocol.leader_histories)))
    views = jnp.asarray(rng.dirichlet(np.ones(shape[1]), (2, shape[1])))

    def function(game, way):
        best = conversation.best_reply(game, protocol, rules)
        logit = conversation.best_reply(game, protocol, rules, rationality=5.0 / way.hers)
        given = conversation.conversed(game, protocol, rules, best.replies, views)
        lesson = conversation.teaching(game, protocol)
        lessons = conversation.taught(game, protocol, 2, views)
        bound = jax.vmap(lambda i: conversation.unlimited_bound(game, i, way.levels[1]))(jnp.arange(2))
        return said(
            worth={
                "best": best.value,
                "logit": logit.value,
                "given": given.value,
                "teaching": lesson.value,
                "taught": lessons.value,
            },
            earned={"bound": bound},
            plain={
                "outcomes": jnp.stack([best.outcome, logit.outcome, given.outcome]),
                "replies": best.replies,
                "exact": jnp.append(lessons.exact, lesson.exact),
                "rules": lessons.rule,
            },
        )

    check(function, ways(*shape), steep=16.0)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [ONCE, TWICE])
@pytest.mark.parametrize("kind", [*conversation.COMPETITIONS, "logit"])
@pytest.mark.parametrize("shape", list(SEEDS))
def test_conversations_of_leaders(shape, kind, protocol):
    rng = np.random.default_rng(2)
    rules = jnp.asarray(rng.dirichlet(np.ones(2), (2, shape[1], protocol.leader_histories)))

    def function(game, way):
        # In selection she must be a best-responding one.
        setting = (kind, None, math.inf) if kind != "logit" else ("all", None, 5.0 / way.hers)
        replies = [conversation.best_response(game, protocol, rules, i, *setting) for i in (0, 1)]
        reply = jax.tree.map(lambda *x: jnp.stack(x), *replies)
        gain = conversation.exploitability(game, protocol, rules, *setting)
        trace = conversation.best_response_dynamics(game, protocol, rules, *setting, outbid=0.1, steps=3)
        outcome = conversation.outcome_of(game, protocol, rules, *setting)
        return said(
            worth={"trace": trace.follower},
            earned={"leaders": trace.leaders.T, "reply": reply.value},
            gained={"gain": gain, "ends": trace.gain},
            plain={"converged": reply.converged, "outcome": outcome, "end": trace.end},
        )

    # Ascents and searches over closures stop within some 1e-6 of the best.
    check(function, ways(*shape), steep=16.0, generic=1e-5)


def test_standard_games_are_the_same_game():
    given = ways(1, 3, 3)
    places = np.flatnonzero(given.exact)
    units = jax.tree.map(lambda x: x[places], jax.vmap(lambda way: standard(way.game()))(given))
    first = jax.tree.map(lambda x: x[:1], units)
    for found, expected in ((units.loss, first.loss), (units.game.leaders, first.game.leaders)):
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
    # Differences between the follower's actions are those given, to the last bit.
    gaps = units.game.follower[..., :1] - units.game.follower
    np.testing.assert_array_equal(gaps, np.broadcast_to(gaps[:1], gaps.shape))
    assert (np.asarray(units.stake) > 0.5).all() and (np.asarray(units.stake) <= 1).all()
    game = original(1, 3, 3)
    stake = float((game.prior * (game.follower.max(2) - game.follower.min(2))).sum())
    np.testing.assert_array_equal(units.stake * units.follower.unit, stake * given.hers[places])


def test_where_nothing_is_at_stake_nothing_is_lost():
    """A user to whom all actions are the same, at many scales."""
    given = ways(1, 3, 3)
    given = given._replace(follower=given.follower[..., :1] + 0 * given.follower)
    found = stated(worst_equilibria, given)
    np.testing.assert_array_equal(found.lost["loss"].lower, 0.0)
    np.testing.assert_array_equal(found.lost["loss"].upper, 0.0)
    assert found.plain["converged"].all()
    assert {theorems.VERDICTS[x] for x in found.plain["holds"]} == {"yes"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "search",
    [
        competition.worst_equilibrium,
        lambda game: competition.worst_equilibrium(game, 5.0, 1e-4, 4),
        theorems.best_ai_selection,
    ],
)
def test_where_nothing_is_at_stake_other_searches_find_nothing_lost(search):
    game = original(1, 2, 3)
    games = jax.vmap(lambda c: jg.Game(game.prior, c + 0 * game.follower, game.leaders))(
        jnp.array([0.0, 1e-12, 3e9])
    )
    found = jax.jit(jax.vmap(search))(games)
    np.testing.assert_array_equal(found.loss.lower, 0.0)
    np.testing.assert_array_equal(found.loss.upper, 0.0)
    if isinstance(found, theorems.Guarantee):
        assert {theorems.VERDICTS[int(x)] for x in found.holds} == {"yes"}
    else:
        assert bool(found.converged.all())
