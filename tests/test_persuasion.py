"""Bounds on persuasion programs hold whatever outcome and multipliers are proposed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import persuasion
from jaxgame.core.units import standard
from jaxgame.persuasion.bounds import bounds
from jaxgame.persuasion.lanes import _program
from jaxgame.persuasion.program import Program, Solution, is_start
from jaxgame.persuasion.repair import Obeyed, obedient
from jaxgame.persuasion.value import best_at
from tests.kinds import KINDS, programs
from tests.reference import exact

COUNT = 8  # games of each kind


@functools.cache
def lanes(kind):
    """Programs of one kind, side by side, their budgets, and exact optima, all in standard units."""
    prior, follower, leader, threshold = programs(kind, COUNT, 3, 3, 11)
    games = [jg.make_game(p, u, U[None]) for p, u, U in zip(prior, follower, leader, strict=True)]
    units = [standard(game) for game in games]
    budget = np.array(
        [-float(x.follower.counted(jnp.asarray(v))[0]) for x, v in zip(units, threshold, strict=True)]
    )
    budget = np.maximum(budget, 0.0)
    optima = []
    for x, least in zip(units, budget, strict=True):
        p, u, U = (np.asarray(part) for part in (x.game.prior, x.game.follower, x.game.leaders[0]))
        # In exact arithmetic, so that the budget is the same: full information less the budget.
        full = sum(
            exact.Fraction(float(a)) * max(map(exact.Fraction, map(float, row)))
            for a, row in zip(p[0], u[0], strict=True)
        )
        optima.append(exact.best_value(p, u, U, full - exact.Fraction(float(least))))
    stacked = [jnp.stack([getattr(x.game, name) for x in units], -1) for name in ("prior", "follower")]
    utility = jnp.stack([x.game.leaders[0] for x in units], -1)
    program, _ = _program(*stacked, utility)
    return program, jnp.asarray(budget), np.array([float(x) for x in optima]), optima


def proposals(program, seed):
    """Outcomes and multipliers of every kind, none of them found by a solver."""
    rng = np.random.default_rng(seed)
    states, messages, rows, count = program.obedience.shape
    random = rng.dirichlet(np.ones(messages), (states, count)).transpose(0, 2, 1)
    spoilt = np.where(rng.random(random.shape) < 0.2, np.nan, random)
    outcomes = {
        "random": random,
        "one message": np.eye(messages)[rng.integers(messages, size=(states, count))].transpose(0, 2, 1),
        "negative": random - 0.5,
        "nothing": np.zeros_like(random),
        "infinite": np.where(random > 0.5, np.inf, random),
        "NaN": spoilt,
        "all NaN": np.full_like(random, np.nan),
        "too much": 1e12 * random,
    }
    lam = rng.exponential(size=(messages, rows, count))
    multipliers = {
        "random": (lam, lam[0, 0]),
        "none": (0 * lam, 0 * lam[0, 0]),
        "negative": (-lam, -lam[0, 0]),
        "huge": (1e12 * lam, 1e12 * lam[0, 0]),
        "tiny": (1e-12 * lam, 1e-12 * lam[0, 0]),
        "price alone": (0 * lam, 1e6 * lam[0, 0]),
        "NaN": (np.where(lam > 1, np.nan, lam), np.where(lam[0, 0] > 1, np.nan, lam[0, 0])),
        "infinite": (np.where(lam > 1, np.inf, lam), lam[0, 0]),
    }
    for (kind, outcome), (other, (obedience, price)) in zip(
        [*outcomes.items()] * 2, [*multipliers.items(), *list(multipliers.items())[::-1]], strict=True
    ):
        done = jnp.ones(count, bool)
        yield (
            f"{kind}, {other}",
            Solution(*map(jnp.asarray, (outcome, obedience, price)), done, jnp.zeros(count, int)),
        )


@functools.cache
def judged():
    """`bounds` at one budget."""

    def one(program, budget, solution):
        found = bounds(program, budget[None], jax.tree.map(lambda x: x[None], solution))
        return jax.tree.map(lambda x: x[0], found)

    return jax.jit(one)


@pytest.mark.parametrize("kind", KINDS)
def test_no_proposal_makes_a_bracket_false(kind):
    program, budget, about, optima = lanes(kind)
    arrays = [np.asarray(x) for x in (program.obedience, program.loss)]
    for name, proposal in proposals(program, 3):
        found = judged()(program, budget, proposal)
        lower, upper, p = (np.asarray(x) for x in (found.lower, found.upper, found.probability))
        assert (lower <= upper).all(), name
        for i, optimum in enumerate(optima):
            assert exact.Fraction(float(upper[i])) >= optimum, (name, i)
            # Obedience that can hold only with equality may be missed by 1e-12.
            assert lower[i] <= about[i] + 1e-11, (name, i)
            parts = arrays[0][..., i] * p[:, :, None, i]
            broken = np.maximum(-parts, 0).sum(0)
            assert (parts.sum(0) >= -3e-12 * broken).all(), name
            assert (arrays[1][..., i] * p[..., i]).sum() <= budget[i] * (1 + 1e-12), name
        assert (p >= 0).all() and np.abs(p.sum(1) - 1).max() <= 1e-14, name


def fractions(array):
    """The exact rationals that floats are."""
    flat = [exact.Fraction(float(x)) for x in np.asarray(array).ravel()]
    return np.array(flat, object).reshape(np.shape(array))


def test_both_ends_are_true_to_the_last_bit():
    """What an outcome gains and what multipliers prove, in exact arithmetic, where huge terms cancel.

    Action 0 is as much better than 1 as it is worse than 2, and a little more: huge multipliers of both rows
    cost next to nothing, and the leader wants that action most.
    """
    count = 128
    rng = np.random.default_rng(8)
    prior = rng.dirichlet(np.ones(3), count)[:, None]
    follower = rng.random((count, 1, 3, 3))
    follower[..., 2] = 2 * follower[..., 0] - follower[..., 1] + 1e-11
    leader = 0.5 * rng.random((count, 1, 3, 3))
    leader[..., 0] = 1.0
    program, _ = _program(*(jnp.moveaxis(jnp.asarray(x), 0, -1) for x in (prior, follower, leader)))
    gain, loss, obedience = map(fractions, (program.gain, program.loss, program.obedience))
    size = np.abs(np.asarray(program.obedience)).max(0)
    lam = np.zeros(program.obedience.shape[1:])
    # Rows were scaled by powers of two: weigh them alike again.
    raw = prior[:, 0, :, None] * np.stack([follower[:, 0, :, 0] - follower[:, 0, :, b] for b in (1, 2)], -1)
    factor = 10.0 ** rng.uniform(7, 9, (count, 1))
    lam[0] = (factor * size[0].T / np.abs(raw).max(1) * np.abs(raw).max((1, 2))[:, None]).T
    budget = np.full(count, 0.05)
    done = jnp.ones(count, bool), jnp.zeros(count, int)
    rounded = 0
    for _ in range(2):
        p = rng.dirichlet(np.ones(3), (3, count)).transpose(0, 2, 1)
        found = judged()(program, budget, Solution(*map(jnp.asarray, (p, lam, 0 * budget)), *done))
        for i in range(count):
            kept, m, q = map(
                fractions, (found.price[i], found.multipliers[..., i], found.probability[..., i])
            )
            weighed = gain[..., i] + (m[None] * obedience[..., i]).sum(2) - kept * loss[..., i]
            proved = weighed.max(1).sum() + kept * fractions(budget[i])
            assert fractions(found.upper[i]) >= proved
            assert fractions(found.lower[i]) <= (gain[..., i] * q).sum()
            rounded += float(found.multipliers[..., i].max()) > 1e6
    assert rounded > 20  # these multipliers were better than plain proofs


def test_an_outcome_that_is_nearly_feasible_is_repaired():
    """The best one, moved by 1e-8: it disobeys, and loses too much, by as much; it attains as much less."""
    program, budget, _, optima = lanes("plain")
    rng = np.random.default_rng(4)
    prior, follower, leader, _ = programs("plain", COUNT, 3, 3, 11)
    units = jax.vmap(lambda p, u, U: standard(jg.Game(p[None], u[None], U[None, None])))(
        prior, follower, leader
    )
    best = jax.jit(jax.vmap(lambda game, b: best_at(game, game.leaders[0], b[None]).scheme[0]))
    scheme = np.moveaxis(np.asarray(best(units.game, budget)), 0, -1)
    moved = scheme * (1 + 1e-8 * rng.uniform(-1, 1, scheme.shape)) + 1e-8 * rng.random(scheme.shape)
    none = 0 * program.obedience[0], 0 * budget, jnp.ones(COUNT, bool), jnp.zeros(COUNT, int)
    found = judged()(program, budget, Solution(jnp.asarray(moved), *none))
    known = np.asarray(jnp.take_along_axis(program.gain, program.start[:, None], 1)[:, 0].sum(0))
    best = np.array([float(x) for x in optima])
    assert (best - known > 1e-3).sum() >= 3  # full information would not do
    assert (np.asarray(found.lower) >= best - 1e-6).all()


def test_no_probability_is_repaired_to_below_zero():
    """The first lane leaves the start nothing, and rounds to above 1; the second has to be repaired."""
    above = 0.5 + 2.0**-52
    assert above + 0.5 > 1
    p = jnp.array([[[0.0, 0.0], [above, 0.5], [0.5, 0.5]]])  # one state, three messages, two lanes
    program = Program(
        gain=jnp.zeros((1, 3, 2)),
        size=jnp.ones((1, 2)),
        loss=jnp.zeros((1, 3, 2)),
        obedience=jnp.array([[[[1.0, 1.0]], [[1.0, -1.0]], [[1.0, 1.0]]]]),
        start=jnp.zeros((1, 2), jnp.int32),
    )
    repaired, _ = obedient(program, is_start(program), p)
    np.testing.assert_array_equal(repaired[0, :, 0], [0.0, above, 0.5])
    assert float(repaired[0, 1, 1]) < 0.5 and float(repaired.min()) >= 0


def least_program():
    """Two states and actions: action 1 may be recommended in state 0 as often as state 1 allows, .001."""
    obedience = jnp.array([[[0.0], [-1.0]], [[-1.0], [1e-3]]])
    gain, start = jnp.array([[0.0, 1.0], [0.0, 0.0]]), jnp.array([0, 1], jnp.int32)
    lanes = (gain, jnp.ones(2), 0 * gain, obedience, start)
    program = Program(*(x[..., None] for x in lanes))
    done = jnp.ones(1, bool), jnp.zeros(1, int)
    return program, lambda share, lam: Solution(
        jnp.array([[1 - share, share], [0.0, 1.0]])[..., None],
        jnp.array([[0.0], [lam]])[..., None],
        jnp.zeros(1),
        *done,
    )


def test_what_is_missed_of_obedience_is_owed():
    """Within what is allowed, .5e-9 of what speaks against it: gained, but for what it is worth."""
    program, proposal = least_program()
    share = 1e-3 * (1 + 5e-10)
    found = judged()(program, jnp.ones(1), proposal(share, 1.0))
    assert float(found.probability[0, 1, 0]) == share  # nothing to repair
    assert 0.99e-3 <= float(found.lower[0]) <= float(found.upper[0]) <= 1e-3 + 1e-13


def test_an_outcome_that_could_not_be_repaired_counts_for_nothing(monkeypatch):
    """Should the repair fail, full information is left, and what the multipliers prove."""
    program, proposal = least_program()
    monkeypatch.setattr(persuasion.bounds, "obedient", lambda program, at, p: (p, Obeyed.of(program, p)))
    found = bounds(program, jnp.ones((1, 1)), jax.tree.map(lambda x: x[None], proposal(0.5, 1.0)))
    np.testing.assert_array_equal(found.probability[0, ..., 0], np.eye(2))
    assert -1e-12 <= float(found.lower[0, 0]) <= 0 and float(found.upper[0, 0]) == pytest.approx(1e-3)


def test_a_recommendation_that_is_nowhere_best_is_repaired_alone():
    """A safe action, .6 in both states, and a leader who wants it: obeyed only with equality.

    Missed by 1e-8, it is recommended a little less where the other action is best. Handed back, for full
    information, it would be lost altogether, as full information never recommends it.
    """
    prior = jnp.array([[0.3, 0.7]])[..., None]
    follower = jnp.array([[[1.0, 0.0, 0.6], [0.0, 1.0, 0.6]]])[..., None]
    program, _ = _program(prior, follower, jnp.array([[[0.0, 0.0, 1.0]] * 2])[..., None])
    safe = 0.45 / 0.7  # of state 1: then her posterior is 0.6 there
    scheme = np.array([[0.0, 0.0, 1.0], [0.0, 1.0 - safe * (1 + 1e-8), safe * (1 + 1e-8)]])[..., None]
    nothing = 0 * program.obedience[0], jnp.zeros(1), jnp.ones(1, bool), jnp.zeros(1, int)
    found = judged()(program, jnp.full(1, 10.0), Solution(jnp.asarray(scheme), *nothing))
    assert 0.75 - 1e-9 <= float(found.lower[0]) <= 0.75
    np.testing.assert_allclose(found.probability[..., 0], [[0, 0, 1], [0, 1 - safe, safe]], atol=1e-9)


def test_negative_prices_prove_nothing():
    program, _, _, _ = lanes("plain")
    budget = jnp.full(COUNT, 10.0)  # more than can be lost
    nothing = 0 * program.gain, 0 * program.obedience[0], jnp.full(COUNT, -1e3)
    found = judged()(program, budget, Solution(*nothing, jnp.ones(COUNT, bool), jnp.zeros(COUNT, int)))
    np.testing.assert_allclose(found.upper, program.gain.max(1).sum(0), atol=1e-12)


def test_a_budget_below_nothing_is_infeasible():
    program, budget, _, _ = lanes("plain")
    _, proposal = next(proposals(program, 3))
    found = judged()(program, jnp.full_like(budget, -1e-6), proposal)
    assert not np.asarray(found.feasible).any()
    assert (np.asarray(found.lower) == -np.inf).all() and (np.asarray(found.upper) == -np.inf).all()
    assert np.asarray(judged()(program, jnp.full_like(budget, -1e-13), proposal).feasible).all()


def test_plain_proofs_are_as_good_as_they_can_be():
    """Without anything proposed: everything at most, and full information where nothing may be lost."""
    program, budget, _, _ = lanes("plain")
    nothing = Solution(
        0 * program.gain, 0 * program.obedience[0], 0 * budget, jnp.ones(COUNT, bool), jnp.zeros(COUNT, int)
    )
    known = np.asarray(jnp.take_along_axis(program.gain, program.start[:, None], 1)[:, 0].sum(0))
    everything = np.asarray(program.gain.max(1).sum(0))
    free = judged()(program, jnp.full_like(budget, 1.0), nothing)
    np.testing.assert_allclose(free.upper, everything, atol=1e-13)
    np.testing.assert_allclose(free.lower, known, atol=1e-13)
    bound = judged()(program, jnp.zeros_like(budget), nothing)
    np.testing.assert_allclose(bound.upper, known, atol=1e-12)
