"""Factors and constants of utility, for each player and each state, change no answer but their own.

Utilities are multiples of 1/64, factors powers of two and constants whole numbers: the changed games are
exactly the original one in other units. What may differ is the rounding of values that a constant is part of.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition, conversation, selection, theorems
from jaxgame.core.units import at_stake, standard

EPS = np.finfo(float).eps
FACTORS = tuple(2.0**power for power in (-40, -20, 0, 20, 40))
CONSTANTS = (0.0, 1.0, -1e3, 1e6, 1e9)


class Change(NamedTuple):
    """V ways to state a game: factors [V], constants [V, T, S] and [V, K, T, S]."""

    hers: np.ndarray
    her_constant: np.ndarray
    theirs: np.ndarray
    their_constant: np.ndarray


def original(types: int, states: int, actions: int, leaders: int = 2, seed: int = 0) -> jg.Game:
    rng = np.random.default_rng([seed, types, states, actions])
    prior = rng.multinomial(64 - types * states, np.full(types * states, 1 / (types * states))) + 1
    utility = rng.integers(0, 64, (leaders + 1, types, states, actions)) / 64
    return jg.make_game(prior.reshape(types, states) / 64, utility[0], utility[1:])


@functools.cache
def changes(types: int, states: int, leaders: int = 2, together: bool = False) -> Change:
    """The game itself, then factors and constants one at a time and drawn together."""
    rng = np.random.default_rng(1)
    drawn = [(1.0, 0.0, 1.0, 0.0, False)]
    drawn += [(f, 0.0, f if together else 1.0, 0.0, False) for f in FACTORS]
    drawn += [(1.0, 0.0, 1.0 if together else f, 0.0, False) for f in FACTORS]
    drawn += [(1.0, c, 1.0, 0.0, each) for c in CONSTANTS for each in (False, True)]
    drawn += [(1.0, 0.0, 1.0, c, each) for c in CONSTANTS for each in (False, True)]
    for _ in range(8):
        f, g = rng.choice(FACTORS, 2)
        c, d = rng.choice(CONSTANTS, 2)
        drawn.append((f, c, f if together else g, d, True))
    hers, her_constant, theirs, their_constant, each = map(np.array, zip(*drawn, strict=True))
    spread = np.where(each[:, None, None], rng.integers(-4, 5, (len(each), types, states)), 1)
    other = np.where(each[:, None, None, None], rng.integers(-4, 5, (len(each), leaders, types, states)), 1)
    return Change(
        hers,
        her_constant[:, None, None] * spread * hers[:, None, None],
        theirs,
        their_constant[:, None, None, None] * other * theirs[:, None, None, None],
    )


def changed(game: jg.Game, change: Change) -> jg.Game:
    """One way to state the game."""
    return jg.Game(
        game.prior,
        change.hers * game.follower + change.her_constant[..., None],
        change.theirs * game.leaders + change.their_constant[..., None],
    )


class Said(NamedTuple):
    """What a function says, sorted by how a change of units shows in it; each a dictionary of arrays."""

    worth: dict[str, Any]  # values of hers
    lost: dict[str, Any]  # differences of hers
    earned: dict[str, Any]  # leaders' values, [K] first
    gained: dict[str, Any]  # differences of the leaders'
    plain: dict[str, Any]  # what no unit enters


def said(*, worth=(), lost=(), earned=(), gained=(), plain=()) -> Said:
    """Nothing is said of what is left out."""
    return Said(*map(dict, (worth, lost, earned, gained, plain)))


def stated(function, game: jg.Game, change: Change) -> Said:
    """The function of every way to state the game, in one call, and taken back to the original units."""
    found = jax.device_get(jax.jit(jax.vmap(lambda c: function(changed(game, c), c)))(change))
    base = (np.asarray(game.prior) * change.her_constant).sum((1, 2))
    theirs = (np.asarray(game.prior)[None, None] * change.their_constant).sum((2, 3))

    def back(x, constant, factor):
        lead = (slice(None),) * constant.ndim
        extra = (None,) * (x.ndim - constant.ndim)
        factor = factor[(slice(None), *(None,) * (x.ndim - 1))]
        return (x - constant[(*lead, *extra)]) / factor

    return Said(
        worth=jax.tree.map(lambda x: back(x, base, change.hers), found.worth),
        lost=jax.tree.map(lambda x: back(x, 0 * base, change.hers), found.lost),
        earned=jax.tree.map(lambda x: back(x, theirs, change.theirs), found.earned),
        gained=jax.tree.map(lambda x: back(x, 0 * base, change.theirs), found.gained),
        plain=found.plain,
    )


def rounding(change: Change, kind: str) -> np.ndarray:
    """How many digits a value may have lost [V], in the original units."""
    if kind == "worth":
        return 100 * EPS * np.abs(change.her_constant).max((1, 2)) / change.hers
    if kind == "earned":
        return 100 * EPS * np.abs(change.their_constant).max((1, 2, 3)) / change.theirs
    return np.zeros(len(change.hers))


def check(function, game: jg.Game, change: Change, tolerance: float = 1e-9, steep: float = 1.0) -> Said:
    """All statements of the game agree: numbers, brackets, and what converged.

    Rounding of a threshold that holds a large constant shows in leaders' values, `steep` times.
    """
    found = stated(function, game, change)
    hers = rounding(change, "worth")
    for kind, entries in found._asdict().items():
        lost = rounding(change, kind) + (0.0 if kind in ("worth", "lost") else steep * hers)
        for name, value in entries.items():
            slack = tolerance + lost
            if isinstance(value, jg.Bracket):
                slack = slack[(slice(None), *(None,) * (value.lower.ndim - 1))]
                first = jax.tree.map(lambda x: x[:1], value)
                assert (value.lower <= value.upper).all(), name
                for end, other in ((value.lower, first.lower), (value.upper, first.upper)):
                    assert (np.abs(end - other) <= slack).all(), (name, np.abs(end - other).max())
            elif np.issubdtype(value.dtype, np.floating):
                slack = slack[(slice(None), *(None,) * (value.ndim - 1))]
                assert (np.abs(value - value[:1]) <= slack).all(), (name, np.abs(value - value[:1]).max())
            else:
                assert (value == value[:1]).all(), (name, value)
    return found


def level(game: jg.Game, change: Change, share: float) -> jax.Array:
    """A threshold between no and full information, in the units of the changed game."""
    plain = jg.Game(game.prior, game.follower - change.her_constant[..., None], game.leaders)
    none, full = jg.no_information_value(plain), jg.full_information_value(plain)
    return none + share * (full - none) + (game.prior * change.her_constant).sum()


SHAPES = [(1, 2, 2), *(pytest.param(shape, marks=pytest.mark.slow) for shape in ((1, 3, 3), (2, 2, 2)))]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_best_responses(shape):
    game = original(*shape)

    def function(game, change):
        one = jg.leader_value(game, 1, level(game, change, 0.4))
        levels = jnp.stack([level(game, change, share) for share in (0.0, 0.5, 0.9)])
        every = jax.vmap(jg.value_curve, (None, 0, None))(game, jnp.arange(2), levels)
        curves = jax.vmap(jg.leader_frontier, (None, 0))(game, jnp.arange(2))
        value = jax.vmap(lambda curve: curve.value(levels[1]))(curves)
        return said(
            worth={"none": jg.no_information_value(game), "full": jg.full_information_value(game)},
            earned={"value_curve": every.value, "frontier": value},
            gained={"one": jax.tree.map(lambda x, y: x - y[1, 0], one.value, every.value)},
            plain={
                "converged": jnp.stack([one.converged, every.converged.all(), curves.converged.all()]),
                "feasible": every.feasible,
            },
        )

    found = check(function, game, changes(*shape[:2]), steep=4.0)
    assert found.plain["converged"].all() and found.plain["feasible"].all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_threshold_of_full_information_is_met_in_any_units(shape):
    game = original(*shape)

    def function(game, _):
        met = jg.leader_value(game, 0, jg.full_information_value(game))
        above = jg.full_information_value(game) + 1e-5 * at_stake(game.prior, game.follower)
        return said(plain={"met": met.feasible, "above": jg.leader_value(game, 0, above).feasible})

    change = changes(*shape[:2])
    found = stated(function, game, change)
    assert found.plain["met"].all()
    small = np.abs(change.her_constant).max((1, 2)) <= 1e6 * change.hers  # 1e9 loses those digits
    assert not found.plain["above"][small].any()


@pytest.mark.parametrize("offset", ["none", "constant", "state"])
@pytest.mark.parametrize("norm", ["sup", "square"])
def test_hull_distances(norm, offset):
    game = original(1, 3, 3, leaders=3)
    change = changes(1, 3, leaders=3, together=True)
    if offset != "state":  # then only what is allowed for
        alike = {"none": 0.0, "constant": 1.0}[offset]
        change = change._replace(
            her_constant=alike * change.her_constant[:, :1, :1] * np.ones((1, 1, 3)),
            their_constant=alike * change.their_constant[:, :, :1, :1] * np.ones((1, 1, 1, 3)),
        )

    def function(game, _):
        simplex, cone = (jg.game_hull_distance(game, offset, scale, norm) for scale in ("simplex", "cone"))
        single = jg.hull.leader_distances(game, offset, norm)
        return said(
            lost={"simplex": simplex.distance, "cone": cone.distance, "single": single},
            plain={"converged": jnp.stack([simplex.converged, cone.converged])},
        )

    # On the cone a bracket is as wide as the rounding of scores, times the reach of weights.
    found = check(function, game, change)
    assert found.plain["converged"].all()


def test_the_cone_forgives_factors():
    game = original(1, 3, 3, leaders=3)

    def function(game, _):
        fit = jg.game_hull_distance(game, "state", "cone")
        return said(lost={"cone": fit.distance}, plain={"converged": fit.converged})

    assert check(function, game, changes(1, 3, leaders=3)).plain["converged"].all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_offers_and_dynamics(shape):
    game = original(*shape)

    def function(game, change):
        offers = selection.starting_offers(game, "selfish")
        trace = selection.best_response_dynamics(game, offers, outbid=0.1, steps=8)
        best = selection.best_outbids(game, level(game, change, 0.5))
        return said(
            worth={"trace": trace.follower, "offers": trace.offers},
            earned={"leaders": trace.leaders.T, "outbids": best.value},
            gained={"gain": trace.gain, "exploitability": selection.exploitability(game, offers[1])},
            plain={
                "end": trace.end,
                "steps": trace.steps,
                "selected": trace.selected,
                "outcome": trace.outcome,
                "offers": offers,
            },
        )

    check(function, game, changes(*shape[:2]), steep=8.0)


def test_a_finite_evaluation():
    """A constant for each state changes what is seen in few draws; one for all does not."""
    game, change = original(1, 3, 3), changes(1, 3)
    change = change._replace(her_constant=change.her_constant[:, :1, :1] * np.ones((1, 1, 3)))

    def function(game, _):
        offers = jnp.stack([selection.starting_offers(game, start)[0] for start in ("none", "full")])
        keys = jax.random.split(jax.random.key(3), 16)
        seen = jax.vmap(lambda key: selection.evaluate(key, game, offers, 2))(keys)
        return said(worth={"means": seen.means}, lost={"loss": seen.loss}, plain={"selected": seen.selected})

    found = check(function, game, change)
    assert 0 < (found.lost["loss"][0] > 0).mean() < 1  # she chose the worse one now and then


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 3, 3), (2, 2, 2)])
def test_slack_is_in_the_leaders_units(shape):
    game = original(*shape)

    def function(game, change):
        some = jax.vmap(lambda slack: selection.worst_equilibrium(game, slack=slack))
        worst = some(jnp.stack([0.0 * change.theirs, 0.05 * change.theirs]))
        return said(
            worth={"worst": worst.value}, lost={"loss": worst.loss}, plain={"converged": worst.converged}
        )

    found = check(function, game, changes(*shape[:2]))
    assert found.plain["converged"].all()
    assert (found.lost["loss"].upper[:, 1] >= found.lost["loss"].lower[:, 0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_guarantee_of_best_ai_selection(shape):
    game = original(*shape)

    def function(game, _):
        found = theorems.best_ai_selection(game)
        return said(
            worth={"bound": found.bound, "worst": found.worst},
            lost={"slack": found.slack, "loss": found.loss, "stake": found.stake},
            plain={"holds": found.holds},
        )

    check(function, game, changes(*shape[:2], together=True))


ONCE = conversation.Protocol(1, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_conversations_of_the_follower(shape):
    game = original(*shape)
    rules = np.random.default_rng(2).dirichlet(np.ones(2), (2, shape[1], 1))

    def function(game, change):
        best = conversation.best_reply(game, ONCE, jnp.asarray(rules))
        logit = conversation.best_reply(game, ONCE, jnp.asarray(rules), rationality=5.0 / change.hers)
        given = conversation.conversed(game, ONCE, jnp.asarray(rules), best.replies)
        lesson = conversation.teaching(game, ONCE)
        bound = jax.vmap(lambda i: conversation.unlimited_bound(game, i, level(game, change, 0.5)))
        return said(
            worth={"best": best.value, "logit": logit.value, "given": given.value, "taught": lesson.value},
            earned={"bound": bound(jnp.arange(2))},
            plain={"outcome": best.outcome, "logit": logit.outcome, "exact": lesson.exact},
        )

    check(function, game, changes(*shape[:2]), steep=8.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", conversation.COMPETITIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_conversations_of_leaders(shape, kind):
    game = original(*shape)
    rules = jnp.asarray(np.random.default_rng(2).dirichlet(np.ones(2), (2, shape[1], 1)))

    def function(game, change):
        replies = [conversation.best_response(game, ONCE, rules, i, kind=kind) for i in range(2)]
        reply = jax.tree.map(lambda *both: jnp.stack(both), *replies)
        gain = conversation.exploitability(game, ONCE, rules, kind=kind)
        trace = conversation.best_response_dynamics(game, ONCE, rules, kind=kind, outbid=0.1, steps=3)
        outcome = conversation.outcome_of(game, ONCE, rules, kind=kind)
        return said(
            worth={"trace": trace.follower},
            earned={"leaders": trace.leaders.T, "reply": reply.value},
            gained={"gain": gain, "ends": trace.gain},
            plain={"converged": reply.converged, "outcome": outcome, "end": trace.end},
        )

    check(function, game, changes(*shape[:2]), tolerance=1e-8, steep=8.0)


def test_standard_games_are_the_same_game():
    game = original(1, 3, 3)
    ways = changes(1, 3)
    units = jax.vmap(lambda c: standard(changed(game, c)))(ways)
    first = jax.tree.map(lambda x: x[:1], units)
    for found, expected in ((units.loss, first.loss), (units.game.leaders, first.game.leaders)):
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
    # Differences between the follower's actions are those given, to the last bit.
    gaps = units.game.follower[..., :1] - units.game.follower
    np.testing.assert_array_equal(gaps, np.broadcast_to(gaps[:1], gaps.shape))
    assert (np.asarray(units.stake) > 0.5).all() and (np.asarray(units.stake) <= 1).all()
    stake = float((game.prior * (game.follower.max(2) - game.follower.min(2))).sum())
    np.testing.assert_array_equal(units.stake * units.follower.unit, stake * ways.hers)


@pytest.mark.parametrize(
    "search",
    [
        selection.worst_equilibrium,
        pytest.param(competition.worst_equilibrium, marks=pytest.mark.slow),
        pytest.param(
            lambda game: competition.worst_equilibrium(game, rationality=5.0, tolerance=1e-4, rounds=4),
            marks=pytest.mark.slow,
        ),
        pytest.param(lambda game: theorems.best_ai_selection(game), marks=pytest.mark.slow),
    ],
)
def test_where_nothing_is_at_stake_nothing_is_lost(search):
    """A user to whom all actions are the same, at two scales."""
    game = original(1, 2, 2)
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
