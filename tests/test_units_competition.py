"""Simultaneous competition in any units: factors and constants of utility change nothing, NaN stays NaN.

One batch holds the same games in 50 systems of units: 5 factors and 5 constants for the follower, as many for
the leaders. What is compiled serves it all.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition

GAMES = 2
FACTORS, CONSTANTS = (1e-12, 1e-6, 1.0, 1e6, 1e12), (0.0, 1.0, 1e3, 1e6, 1e9)
PAIRS = [(f, c) for f in FACTORS for c in CONSTANTS]
# Factor and constant of the follower, then of the leaders.
UNITS = np.array([(*pair, 1.0, 0.0) for pair in PAIRS] + [(1.0, 0.0, *pair) for pair in PAIRS])
PLAIN = PAIRS.index((1.0, 0.0))

RATIONALITY = 8.0

# Constants in parts of the range (1 here), factors exact but for rounding: what entering utilities c + u and
# leaving with values rounds is some c / 2^52 each.
SLACK, ROUNDED = 1e-9, 4e-15


class Batch(NamedTuple):
    """N = GAMES x UNITS lanes."""

    game: jg.Game
    schemes: jax.Array  # [N,K,S,M]
    rationality: jax.Array


def batch(seed: int, leaders: int = 2, states: int = 2, actions: int = 3) -> Batch:
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(states), GAMES)[:, None]
    follower = rng.random((GAMES, 1, states, actions))
    theirs = rng.random((GAMES, leaders, 1, states, actions))
    theirs = 0.5 * theirs[:, :1] + 0.5 * theirs  # those who agree more reveal less
    schemes = rng.dirichlet(np.ones(states), (GAMES, leaders, states))

    def given(utility, factor, constant):
        shape = (1, -1) + (1,) * (utility.ndim - 1)
        moved = factor.reshape(shape) * (utility[:, None] + constant.reshape(shape))
        return jnp.asarray(moved.reshape(-1, *utility.shape[1:]))

    fields = (
        jnp.asarray(np.repeat(prior, len(UNITS), 0)),
        given(follower, UNITS[:, 0], UNITS[:, 1]),
        given(theirs, UNITS[:, 2], UNITS[:, 3]),
    )
    rationality = np.tile(RATIONALITY / UNITS[:, 0], GAMES)
    return Batch(
        jax.vmap(jg.Game)(*fields), jnp.asarray(np.repeat(schemes, len(UNITS), 0)), jnp.asarray(rationality)
    )


class Answers(NamedTuple):
    """Of one game, by what takes them back to the units of the plain one."""

    hers: dict  # values: factor and constant
    her_differences: dict  # factor
    theirs: dict
    their_differences: dict
    plain: dict  # arrays without units
    converged: dict


@functools.cache
def best():
    """Everything with a follower who responds best."""

    def answers(one: Batch) -> Answers:
        game, schemes, _ = one
        reply = competition.best_response(game, schemes, 0)
        worst = competition.worst_equilibrium(game)
        alone = competition.worst_equilibrium(jg.Game(game.prior, game.follower, game.leaders[:1]))
        return Answers(
            hers={"worst": worst.value, "alone": alone.value},
            her_differences={"worst": worst.loss, "alone": alone.loss},
            theirs={"reply": reply.value, "closure": competition.leader_closure(game, 0).value},
            their_differences={"exploitability": competition.exploitability(game, schemes)},
            plain={"outcome": competition.outcome_of(game, schemes)},
            converged={"reply": reply.converged, "worst": worst.converged, "alone": alone.converged},
        )

    return jax.jit(jax.vmap(answers))


@functools.cache
def logit():
    """The same with a logit follower; a tolerance that few rounds of refinement reach."""

    def answers(one: Batch) -> Answers:
        game, schemes, rationality = one
        reply = competition.best_response(game, schemes, 0, rationality=rationality)
        worst = competition.worst_equilibrium(game, rationality=rationality, tolerance=1e-3, rounds=3)
        closure = competition.leader_closure(game, 0, rationality=rationality)
        return Answers(
            hers={"worst": worst.value},
            her_differences={"worst": worst.loss},
            theirs={"reply": reply.value, "closure": closure.value},
            their_differences={},
            plain={
                "outcome": competition.outcome_of(game, schemes, rationality=rationality),
                "scheme": reply.scheme,
            },
            converged={"reply": reply.converged, "worst": worst.converged},
        )

    return jax.jit(jax.vmap(answers))


@functools.cache
def others():
    """What takes longer to compile; three states go to the program, or by gradient if she is logit."""

    def answers(one: Batch) -> Answers:
        game, schemes, rationality = one
        lowest = competition.best_response(game, schemes, 0, tie="lowest")
        ascent = competition.best_response(game, schemes, 0, rationality=rationality, method="gradient")
        quantal = competition.exploitability(game, schemes, rationality=rationality)
        trace = competition.best_response_dynamics(game, schemes, steps=8)
        last = (trace.follower[-1], trace.leaders[-1, 0])
        hers, theirs = (jg.Bracket(x, x) for x in last)
        selfish = competition.starting_schemes(game, "selfish", 3)
        drawn = competition.sampled_outcome(jax.random.key(0), game, schemes, 20, rationality=rationality)
        return Answers(
            hers={"dynamics": hers},
            her_differences={},
            theirs={"lowest": lowest.value, "gradient": ascent.value, "dynamics": theirs},
            their_differences={"dynamics": trace.gain, "logit": quantal},
            plain={
                "selfish": selfish,
                "distance": competition.law_distance(game, schemes, jnp.eye(len(game.prior[0]))),
                "drawn": drawn[0],
                "error": drawn[1],
            },
            converged={"lowest": lowest.converged, "gradient": ascent.converged, "end": trace.end == 0},
        )

    return jax.jit(jax.vmap(answers))


def check(found: Answers) -> None:
    """Answers in all units are those in plain ones; no bracket is false, and all converge alike."""
    hers, hers_too, theirs, theirs_too = UNITS.T
    for brackets, factor, constant in (
        (found.hers, hers, hers_too),
        (found.her_differences, hers, 0.0),
        (found.theirs, theirs, theirs_too),
        (found.their_differences, theirs, 0.0),
    ):
        for name, bracket in brackets.items():
            ends = (bracket.lower, bracket.upper)
            lower, upper = (np.asarray(x).reshape(GAMES, -1) / factor - constant for x in ends)
            assert (bracket.lower <= bracket.upper).all(), name
            slack = SLACK + ROUNDED * np.maximum(hers_too, theirs_too)
            for end in (lower, upper):
                assert (np.abs(end - end[:, PLAIN, None]) <= slack).all(), name
            # With moderate constants brackets overlap by themselves.
            near = np.maximum(hers_too, theirs_too) <= 1e3
            overlap = (lower <= upper[:, PLAIN, None] + 1e-12) & (lower[:, PLAIN, None] <= upper + 1e-12)
            assert overlap[:, near].all(), name
    for name, array in found.plain.items():
        parts = np.asarray(array).reshape(GAMES, len(UNITS), -1)
        near = np.maximum(hers_too, theirs_too) <= 1e3
        assert np.abs(parts - parts[:, PLAIN, None])[:, near].max() <= 1e-6, name
    for name, converged in found.converged.items():
        parts = np.asarray(converged).reshape(GAMES, -1)
        assert (parts == parts[:, PLAIN, None]).all(), name


# Lane, what is spoilt and where, by what, and who does not look there.
OWN = {"worst", "alone", "closure"}  # no schemes
POISONS = (
    ("prior", (0, 0), jnp.nan, set()),
    ("follower", (0, 0, 1), jnp.nan, set()),
    ("follower", (0, 1, 0), jnp.inf, set()),
    ("leaders", (0, 0, 1, 0), jnp.nan, set()),
    ("leaders", (1, 0, 0, 0), -jnp.inf, {"alone", "closure"}),
    ("schemes", (1, 0, 0), jnp.nan, OWN),
    ("rationality", (), jnp.nan, set()),
)


def check_poisoned(function, given: Batch, *, rational: bool) -> None:
    """A lane with a number that is none knows nothing, and its neighbours do not notice."""
    fields = {"prior": given.game.prior, "follower": given.game.follower, "leaders": given.game.leaders}
    fields |= {"schemes": given.schemes, "rationality": given.rationality}
    for lane, (name, index, value, _) in enumerate(POISONS):
        fields[name] = fields[name].at[(lane, *index)].set(value)
    game = jax.vmap(jg.Game)(fields["prior"], fields["follower"], fields["leaders"])
    clean, found = function(given), function(Batch(game, fields["schemes"], fields["rationality"]))
    after = (jax.tree.map(lambda x: np.asarray(x[len(POISONS) :]), tree) for tree in (clean, found))
    jax.tree.map(np.testing.assert_array_equal, *after)
    for lane, (name, _, _, skipped) in enumerate(POISONS):
        if name == "rationality" and rational:
            continue
        for brackets in (found.hers, found.her_differences, found.theirs, found.their_differences):
            for key in brackets.keys() - skipped:
                ends = float(brackets[key].lower[lane]), float(brackets[key].upper[lane])
                assert ends == (-np.inf, np.inf), (key, name)
        for key in found.plain.keys() - skipped:
            assert np.isnan(np.asarray(found.plain[key][lane])).all(), (key, name)
        for key in found.converged.keys() - skipped:
            assert not bool(found.converged[key][lane]), (key, name)


def test_units_with_best_responses():
    check(best()(batch(1)))


def test_units_with_a_logit_follower():
    check(logit()(batch(1)))


def test_what_is_no_number_stays_none_with_best_responses():
    check_poisoned(best(), batch(2), rational=True)


@pytest.mark.slow
def test_what_is_no_number_stays_none_with_a_logit_follower():
    check_poisoned(logit(), batch(2), rational=False)


@pytest.mark.slow
@pytest.mark.parametrize("states", [2, 3])
def test_units_of_all_else(states):
    check(others()(batch(3, states=states)))


@pytest.mark.slow
def test_what_is_no_number_stays_none_in_all_else():
    """Here a rationality matters to some and not to others."""
    given = batch(4)
    rotten = jax.tree.map(lambda x: x.at[3].set(jnp.nan), given)
    clean, found = others()(given), others()(rotten)
    kept = np.arange(len(given.rationality)) != 3
    jax.tree.map(np.testing.assert_array_equal, *(jax.tree.map(lambda x: x[kept], t) for t in (clean, found)))
    for key in ("lowest", "gradient"):
        assert float(found.theirs[key].lower[3]) == -np.inf and float(found.theirs[key].upper[3]) == np.inf
    for key in ("dynamics", "logit"):
        ends = found.their_differences[key]
        assert float(ends.lower[3]) == -np.inf and float(ends.upper[3]) == np.inf
    assert np.isnan(float(found.hers["dynamics"].lower[3]))
    assert all(np.isnan(np.asarray(x[3])).all() for x in found.plain.values())
    assert not any(bool(x[3]) for x in found.converged.values())


@pytest.mark.slow
def test_a_leader_who_does_not_care_and_a_follower_who_does_not():
    """Nothing is at stake: exact in any units, and converged."""
    given = batch(5)
    flat = jnp.full_like(given.game.leaders, 0.3) * given.game.leaders.max((1, 2, 3, 4), keepdims=True)
    game = jax.vmap(jg.Game)(given.game.prior, given.game.follower, flat)
    found = best()(Batch(game, given.schemes, given.rationality))
    assert (
        bool(found.converged["reply"].all())
        and float(found.their_differences["exploitability"].upper.max()) == 0
    )
    flat = jnp.full_like(given.game.follower, 0.3) * given.game.follower.max((1, 2, 3), keepdims=True)
    game = jax.vmap(jg.Game)(given.game.prior, flat, given.game.leaders)
    for function in (best(), logit()):
        found = function(Batch(game, given.schemes, given.rationality))
        assert bool(found.converged["worst"].all())
        assert float(jnp.abs(found.her_differences["worst"].upper).max()) == 0


@pytest.mark.slow
def test_no_ends_cross_however_fine_the_grid():
    """Cells finer than what an equilibrium may gain: both ends must be about the same equilibria."""
    rng = np.random.default_rng(3)
    theirs = rng.random((32, 2, 1, 2, 3))
    fields = rng.dirichlet(np.ones(2), 32)[:, None], rng.random((32, 1, 2, 3)), theirs[:, :1] / 2 + theirs / 2
    games = jax.vmap(jg.Game)(*map(jnp.asarray, fields))
    worst = jax.jit(
        jax.vmap(
            lambda g, r: competition.worst_equilibrium(g, rationality=r, tolerance=1e-12, rounds=20),
            (0, None),
        )
    )
    for rationality in (20.0, 1000.0):
        width = worst(games, rationality).loss.width
        assert float(width.min()) >= 0 and float(width.max()) <= 1e-6
