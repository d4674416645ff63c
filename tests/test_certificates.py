"""No certificate trusts its solver: whatever is proposed, brackets hold, and outcomes are feasible.

Proposals no solver makes: noise, huge, tiny and negative numbers, none at all, and those of other problems.
What is true is known from exact rationals, from HiGHS and from Lawson-Hanson.
"""

import functools
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import hull, selection, theorems
from jaxgame.core.units import standard
from jaxgame.hull.distance import certificate
from jaxgame.lp.matrix_game import Strategies
from jaxgame.persuasion import pivoting
from jaxgame.persuasion.bounds import bounds
from jaxgame.persuasion.frontier import curve_of
from jaxgame.persuasion.lanes import _program
from jaxgame.persuasion.program import Path, Program, Solution
from jaxgame.persuasion.repair import LIKELY, OBEYED
from jaxgame.persuasion.value import best_at
from jaxgame.selection import search, worst
from jaxgame.summary import wilson_interval
from tests.kinds import KINDS, hulls, programs
from tests.reference import exact
from tests.reference import hull as hull_reference
from tests.reference import persuasion as reference
from tests.reference import selection as selection_reference

EACH = 4  # games of each kind, side by side


class Lanes(NamedTuple):
    """W games of all kinds in standard units: their programs, and their optima, exactly."""

    kind: list[str]
    games: jg.Game  # fields with a leading axis W
    program: Program
    scale: np.ndarray  # of obedience rows [M, Q, W]
    budget: np.ndarray  # [W]
    optimum: list[Fraction]
    most: list[Fraction]  # if obedience may be missed by as much as the library documents
    stake: np.ndarray  # for the leader [W]


@functools.cache
def lanes() -> Lanes:
    drawn = [programs(kind, EACH, 3, 3, 21) for kind in KINDS]
    prior, follower, leader, threshold = (np.concatenate(x) for x in zip(*drawn, strict=True))
    units = jax.jit(jax.vmap(standard))(
        jax.vmap(jg.Game)(prior[:, None], follower[:, None], leader[:, None, None])
    )
    worth, _ = jax.vmap(lambda x, v: x.counted(v))(units.follower, threshold)
    budget = np.maximum(-np.asarray(worth), 0.0)
    games = jax.tree.map(np.asarray, units.game)
    program, scale = _program(
        *(jnp.moveaxis(jnp.asarray(x), 0, -1) for x in (games.prior, games.follower, games.leaders[:, 0]))
    )
    optimum, most = [], []
    for p, u, U, spare in zip(games.prior, games.follower, games.leaders[:, 0], budget, strict=True):
        level = exact.full_information(p, u) - Fraction(float(spare))
        optimum.append(exact.best_value(p, u, U, level))
        most.append(exact.best_value(p, u, U, level, missed=exact.OBEYED))
    stake = np.asarray((program.gain.max(1) - program.gain.min(1)).sum(0))
    kinds = [kind for kind in KINDS for _ in range(EACH)]
    return Lanes(kinds, games, program, np.asarray(scale), budget, optimum, most, stake)


@functools.cache
def solved() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the solver proposes: probabilities [S,M,W], multipliers of scaled rows [M,Q,W] and prices [W]."""
    given = lanes()
    best = jax.jit(jax.vmap(lambda game, b: best_at(game, game.leaders[0], b[None])))(
        given.games, given.budget
    )
    scheme, obedience, price = (
        np.moveaxis(np.asarray(x[:, 0]), 0, -1) for x in (best.scheme, best.obedience, best.price)
    )
    return scheme, obedience * given.scale, price


def proposed() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Outcomes and multipliers by name, N of them."""
    rng = np.random.default_rng(7)
    program = lanes().program
    scheme, obedience, price = solved()
    states, messages, _, count = program.obedience.shape
    noise = rng.dirichlet(np.ones(messages), (states, count)).transpose(0, 2, 1)
    lam, rho = rng.exponential(size=obedience.shape), rng.exponential(size=count)
    # What the leader likes best in every state disobeys wherever anything can.
    gain = np.asarray(program.gain)
    tempting = (gain == gain.max(1, keepdims=True)) * 1.0
    some = np.arange(states)[:, None, None] == 0
    own, none = (scheme, obedience, price), (0 * scheme, 0 * obedience, 0 * price)
    where = rng.random(obedience.shape) < 0.2
    outcomes = {
        "noise": noise,
        "tempting": tempting,
        "tempting, nearly the best": (1 - 1e-6) * scheme + 1e-6 * tempting,
        "of another lane": np.roll(scheme, 1, -1),
        "no row": np.where(some, 0.0, scheme),
        "a row of no numbers": np.where(some, np.nan, scheme),
        "an infinite row": np.where(some, np.inf, scheme),
        "negative": scheme - 0.5,
        "all negative": -noise,
        "huge": 1e300 * noise,
        "tiny": 1e-300 * noise,
        "messages swapped": scheme[:, ::-1],
    }
    multipliers = {
        "noise": (lam, rho),
        "of another lane": (np.roll(obedience, 1, -1), np.roll(price, 1)),
        "no obedience": (0 * lam, price),
        "no price": (obedience, 0 * rho),
        "negative": (-lam, -rho),
        "nearly the best": (obedience * (1 + 1e-6 * lam), price * (1 - 1e-6 * rho)),
        "huge": (1e12 * lam, 1e12 * rho),
        "enormous": (1e150 * lam, 1e150 * rho),
        "tiny": (1e-300 * lam, 1e-300 * rho),
        "some no numbers": (np.where(where, np.nan, obedience), np.where(rho > 1, np.nan, price)),
        "some infinite": (np.where(where, np.inf, obedience), np.where(rho > 1, np.inf, price)),
        "minus infinity": (np.where(where, -np.inf, obedience), np.full(count, -np.inf)),
    }
    found = {"its own": own, "nothing": none}
    found |= {f"outcome {name}": (outcome, *own[1:]) for name, outcome in outcomes.items()}
    found |= {f"multipliers {name}": (scheme, *both) for name, both in multipliers.items()}
    pairs = zip(outcomes.items(), reversed(multipliers.items()), strict=True)
    return found | {f"{x} and {y}": (outcome, *both) for (x, outcome), (y, both) in pairs}


@functools.cache
def judged():
    """Names, and bounds [N, W] on every lane by every proposal."""
    everything = proposed()
    probability, obedience, price = (jnp.asarray(np.stack(x)) for x in zip(*everything.values(), strict=True))
    solution = Solution(probability, obedience, price, price == price, jnp.zeros(price.shape, jnp.int32))
    budget = jnp.broadcast_to(lanes().budget, price.shape)
    found = jax.jit(bounds)(lanes().program, jnp.asarray(budget), solution)
    return list(everything), jax.tree.map(np.asarray, found)


def test_no_proposal_makes_a_bracket_false():
    """The optimum, exactly, is in every bracket, but for what obedience may be missed by."""
    given, (names, found) = lanes(), judged()
    assert found.feasible.all()
    for n, name in enumerate(names):
        assert (found.lower[n] <= found.upper[n]).all(), name
        for i, (least, most) in enumerate(zip(given.optimum, given.most, strict=True)):
            assert exact.excess(least, float(found.upper[n, i])) <= 0, (name, given.kind[i])
            assert exact.excess(float(found.lower[n, i]), most) <= 0, (name, given.kind[i])


def test_no_proposal_makes_an_outcome_infeasible():
    """Laws, within the budget and obedient, judged in exact arithmetic."""
    given, (names, found) = lanes(), judged()
    assert (found.probability >= 0).all() and np.abs(found.probability.sum(2) - 1).max() <= 1e-15 * 4
    loss, obedience = (np.asarray(x) for x in (given.program.loss, given.program.obedience))
    # In floats first: what is near is left to exact arithmetic.
    parts = obedience[None] * found.probability[:, :, :, None]
    broken, slack = np.maximum(-parts, 0.0).sum(1), parts.sum(1)
    assert (slack >= -np.minimum(OBEYED, LIKELY * broken) - 1e-14 * broken).all()
    assert ((loss * found.probability).sum((1, 2)) <= given.budget * (1 + 1e-13)).all()
    doubtful = np.argwhere(slack < 1e-12 * broken)
    assert len(doubtful)  # obedience binds somewhere
    for n, m, q, i in doubtful[:: max(len(doubtful) // 300, 1)]:
        row = [Fraction(x) for x in obedience[:, m, q, i].tolist()]
        law = [Fraction(x) for x in found.probability[n, :, m, i].tolist()]
        missed = -sum(a * p for a, p in zip(row, law, strict=True))
        against = sum(-a * p for a, p in zip(row, law, strict=True) if a < 0)
        allowed = min(Fraction(OBEYED), Fraction(LIKELY) * against) + 2 * exact.ROUNDING * against
        assert missed <= allowed, (names[n], given.kind[i], float(missed / against))


def test_bounds_are_as_narrow_as_what_is_proposed():
    """The solver's own are proved to 1e-9 where nothing is nearly tied; others are as near as they were."""
    given, (names, found) = lanes(), judged()
    width = (found.upper - found.lower) / np.where(given.stake > 0, given.stake, 1.0)  # 0: all are the same
    plain = np.array([kind in ("plain", "integer_ties", "constant", "tiny_priors") for kind in given.kind])
    own = width[names.index("its own")]
    assert (own[plain] <= 1e-9).all() and (own <= 1e-4).all()
    for name in ("outcome tempting, nearly the best", "multipliers nearly the best"):
        near = width[names.index(name)][plain]
        assert (near <= 1e-4).all() and near.max() > 1e-8, name
    for name in ("nothing", "noise and minus infinity"):
        assert (width[names.index(name)] > 1e-2).any(), name
    # HiGHS, where it is to be trusted.
    for i in np.flatnonzero([kind == "plain" for kind in given.kind]):
        game = jax.tree.map(lambda x, i=i: x[i], given.games)
        threshold = reference.full_information(game.prior[0], game.follower[0]) - given.budget[i]
        value = reference.best_value(game.prior, game.follower, game.leaders[0], threshold)
        assert float(given.optimum[i]) == pytest.approx(value, abs=1e-9)


def test_multipliers_whose_products_overflow_leave_the_plain_proofs():
    """Both signs of infinity in one sum: the upper end must not be NaN."""
    given, (scheme, _, _) = lanes(), solved()
    lam = jnp.full(given.program.obedience.shape[1:], 1e308)
    done = jnp.ones(given.budget.shape, bool), jnp.zeros(given.budget.shape, jnp.int32)
    solution = Solution(jnp.asarray(scheme), lam, jnp.full(given.budget.shape, 1e308), *done)
    first = jax.tree.map(lambda x: x[None], (jnp.asarray(given.budget), solution))
    found = jax.jit(bounds)(given.program, *first)
    for i, least in enumerate(given.optimum):
        assert exact.excess(least, float(found.upper[0, i])) <= 0, given.kind[i]


@pytest.mark.parametrize(
    ("first", "share"), [(0, np.nan), (1, np.inf), (1, -0.5), (0, 1.5), (7, 0.5), (-3, 0.5), (1, 0.5)]
)
def test_no_path_makes_a_bracket_false(first, share):
    """Mixtures of proposals of three kinds, the solver's own between them, at any place and none."""
    given, everything = lanes(), proposed()
    names = ("outcome noise", "its own", "multipliers noise")
    probability, obedience, price = (
        jnp.asarray(np.stack(x)) for x in zip(*(everything[name] for name in names), strict=True)
    )
    solution = Solution(probability, obedience, price, price == price, jnp.zeros(price.shape, jnp.int32))
    budget = jnp.asarray(given.budget)[None]
    path = Path(jnp.full(budget.shape, first, jnp.int32), jnp.full(budget.shape, share))
    found = jax.device_get(jax.jit(bounds)(given.program, budget, solution, path))
    assert (found.probability >= 0).all() and np.abs(found.probability.sum(2) - 1).max() <= 1e-14
    for i, (least, most) in enumerate(zip(given.optimum, given.most, strict=True)):
        assert exact.excess(least, float(found.upper[0, i])) <= 0, given.kind[i]
        assert exact.excess(float(found.lower[0, i]), most) <= 0, given.kind[i]


def test_a_walk_that_goes_astray_leaves_a_curve_true(monkeypatch):
    """Kinks in any order, of any game: the curve's brackets hold, only wider."""
    given = lanes()
    rng = np.random.default_rng(9)
    real = pivoting.solve_frontier

    def astray(program, points, *rest):
        budget, solution, path = real(program, points, *rest)
        vertices = len(solution.price)
        order = rng.permutation(vertices)
        lost = jnp.asarray(rng.uniform(0, 0.3, (points, 1))) + 0 * budget
        mixed = Solution(
            solution.probability[order],
            jnp.roll(solution.obedience, 1, 0),
            jnp.where(jnp.arange(vertices)[:, None] % 3 == 0, jnp.nan, solution.price[::-1]),
            solution.converged,
            solution.pivots,
        )
        return lost, mixed, path

    shares = jnp.asarray([0.0, 0.3, 1.0, 2.5])  # of the budget whose optimum is known

    def values(game, budget):
        curve = curve_of(game, game.leaders[0])
        return jax.vmap(lambda share: curve.value(share * budget))(shares)

    right = jax.device_get(jax.jit(jax.vmap(values))(given.games, given.budget))
    monkeypatch.setattr(pivoting, "solve_frontier", astray)
    jax.clear_caches()  # JAX keeps what it traced with the other one
    wrong = jax.device_get(jax.jit(jax.vmap(values))(given.games, given.budget))
    monkeypatch.undo()
    jax.clear_caches()
    for name, found in (("right", right), ("wrong", wrong)):
        assert (found.lower <= found.upper).all(), name
        for i, (least, most) in enumerate(zip(given.optimum, given.most, strict=True)):
            assert exact.excess(least, float(found.upper[i, 2])) <= 0, (name, given.kind[i])
            assert exact.excess(float(found.lower[i, 2]), most) <= 0, (name, given.kind[i])
    assert (right.lower <= wrong.upper).all() and (wrong.lower <= right.upper).all()
    width = wrong.upper - wrong.lower
    assert (width > 1e-3).any() and not (width < right.upper - right.lower - 1e-9).any()


# Hulls


@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize("scale", ["simplex", "cone"])
def test_no_proposal_makes_a_distance_false(norm, scale):
    """Weights and measures of ten kinds of problems, judged by what they prove and by other solvers."""
    rng = np.random.default_rng(6)
    leaders, rows, each = 4, 9, 3
    problems = [hulls(kind, each, leaders, rows, 31) for kind in KINDS]
    target, utilities = (np.concatenate(x) for x in zip(*problems, strict=True))
    kinds = [kind for kind in KINDS for _ in range(each)]
    size = np.maximum(np.abs(target).max(1), np.abs(utilities).max((1, 2)))
    target, utilities = target / size[:, None], utilities / size[:, None, None]
    count, groups = len(target), jnp.zeros((rows, 0))
    fit = jax.jit(jax.vmap(lambda u, U: jg.hull_distance(u, U, norm, "none", scale)))(target, utilities)
    own_weights, own_measure = np.asarray(fit.weights), np.asarray(fit.measure)
    law, noise = rng.dirichlet(np.ones(leaders), count), rng.normal(size=(count, rows))
    uneven = np.array([1.5, -0.5, 0.0, 0.0]) + 0 * law
    proposals = {
        "its own": (own_weights, own_measure),
        "of another problem": (np.roll(own_weights, 1, 0), np.roll(own_measure, 1, 0)),
        "noise": (law, noise),
        "too heavy": (2 * law, 1e9 * noise),
        "a law but for rounding": (law * (1 + 1e-15), own_measure),
        "negative, of sum 1": (uneven, -own_measure),
        "no weight": (0 * law, 0 * noise),
        "some no numbers": (np.where(law > 0.4, np.nan, law), np.where(noise > 1, np.nan, noise)),
        "infinite": (np.where(law > 0.4, np.inf, law), np.where(noise > 1, np.inf, noise)),
        "beyond all numbers": (1e308 * law, 1e308 * np.sign(noise)),
        "tiny": (1e-300 * law, 1e-300 * noise),
        "one-sided": (law, np.abs(noise)),
        "on one entry": (np.eye(leaders)[rng.integers(leaders, size=count)], np.eye(rows)[:1] + 0 * noise),
    }
    weights, measure = (np.stack(x) for x in zip(*proposals.values(), strict=True))
    one = functools.partial(certificate, groups=groups, norm=norm, simplex=scale == "simplex")
    each_problem = jax.vmap(one, (0, 0, 0, 0))
    found, _ = jax.jit(jax.vmap(each_problem, (0, 0, None, None)))(
        weights, measure, jnp.asarray(target), jnp.asarray(utilities.transpose(0, 2, 1))
    )
    lower, upper = np.asarray(found.lower), np.asarray(found.upper)
    for n, name in enumerate(proposals):
        crossed = [kinds[i] for i in np.flatnonzero(~((lower[n] >= 0) & (lower[n] <= upper[n])))]
        assert not crossed, (name, crossed)
    oracle = hull_reference.sup_distance if norm == "sup" else hull_reference.square_distance
    power = 1 if norm == "sup" else 2
    for i, (u, U) in enumerate(zip(target, utilities, strict=True)):
        # Solvers by others are right to some 1e-9 where sizes are alike.
        even = kinds[i] in ("plain", "integer_ties", "dominated_duplicated", "opposed")
        distance = oracle(u, U, "none", scale) if even else None
        for n, (name, (w, m)) in enumerate(proposals.items()):
            where = name, kinds[i]
            if np.isfinite(upper[n, i]):
                most = exact.hull_upper(u, U, w[i], None, scale, norm)
                assert most <= Fraction(float(upper[n, i])) ** power, where
            if lower[n, i] > 0:
                least = exact.hull_lower(u, U, m[i], None, scale, norm)
                assert Fraction(float(lower[n, i])) ** power <= least, where
            if even:
                assert lower[n, i] <= distance + 1e-8 and upper[n, i] >= distance - 1e-8, where
    names = list(proposals)
    bad = ["negative, of sum 1", "infinite"] + ["too heavy", "no weight"] * (scale == "simplex")
    assert np.isinf(upper[[names.index(name) for name in bad if name != "infinite"]]).all()
    assert np.isinf(upper[names.index("infinite")][(law > 0.4).any(1)]).all()
    width = (upper - lower)[names.index("its own")]
    assert (width[[kind == "plain" for kind in kinds]] <= 1e-9).all()
    assert (upper - lower)[names.index("noise")].max() > 1e-2


@pytest.mark.parametrize("heavy", [1 - 5e-10, 1 + 5e-10])
def test_weights_whose_sum_is_nearly_one_are_charged_for_it(heavy):
    """Two leaders who are the same, and a target beyond or short of them."""
    target, columns = jnp.array([1.0, -1.0]), jnp.array([[1.0, 1.0], [-1.0, -1.0]])
    weights = jnp.array([0.5, 0.5]) * heavy
    less, _ = certificate(weights, target, 0.9 * target, columns, jnp.zeros((2, 0)), norm="sup", simplex=True)
    assert Fraction(float(less.upper)) >= 1 - Fraction(0.9)
    more, _ = certificate(weights, target, 1.1 * target, columns, jnp.zeros((2, 0)), norm="sup", simplex=True)
    assert Fraction(float(more.upper)) >= Fraction(1.1) - 1


# The worst equilibrium of best-AI selection

WRONG = ("right", "noise", "uniform", "no numbers", "pure", "negative", "heavy")


@functools.cache
def searched():
    """Worst equilibria of 3 games, each with the matrix games solved in every wrong way; one program.

    MAX_STEPS is lower: who is wrong does not get anywhere.
    """
    rng = np.random.default_rng(5)
    count = 3
    games = jax.vmap(jg.Game)(
        rng.dirichlet(np.ones(3), count)[:, None],
        rng.random((count, 1, 3, 3)) + 0.3 * np.eye(3),
        rng.random((count, 2, 1, 3, 3)),
    )
    right = search.solve_matrix_game

    def all_ways(game, way):
        def wrong(payoff):
            def law(answer, shift):
                n = answer.shape[0]
                # Depends on what was asked, as a solver's error would.
                noise = jnp.abs(jnp.sin(1e4 * payoff.sum() + shift + jnp.arange(n, dtype=float)))
                pure = jnp.where(jnp.arange(n) == n - 1, 1.0, 0.0)
                ways = [answer, noise / noise.sum(), jnp.full(n, 1 / n), jnp.full(n, jnp.nan), pure]
                ways += [2 * answer - noise / noise.sum(), 5 * answer]
                return jnp.stack(ways)[way]

            rows, columns = right(payoff)
            return Strategies(law(rows, 0.0), law(columns, 1.0))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "solve_matrix_game", wrong)
            patch.setattr(worst, "MAX_STEPS", 150)
            return worst._worst.__wrapped__(game, jnp.asarray(1e-6), jnp.asarray(1e-8))

    every = jax.vmap(jax.vmap(all_ways, (0, None)), (None, 0))
    found = jax.device_get(jax.jit(every)(games, jnp.arange(len(WRONG))))
    truth = [
        selection_reference.worst_value(p[0], u[0], U[:, 0], points=30)
        for p, u, U in zip(*map(np.asarray, (games.prior, games.follower, games.leaders)), strict=True)
    ]
    return games, found, np.array(truth)


@pytest.mark.parametrize("way", WRONG)
def test_a_solver_that_is_wrong_excludes_no_equilibrium(way):
    """A scan by HiGHS knows an equilibrium, and that none much below is one; 1e-8 of gains count as none."""
    games, found, truth = searched()
    low, high = truth.T
    value, converged = jax.tree.map(lambda x: x[WRONG.index(way)], (found.value, found.converged))
    assert (value.lower <= value.upper).all()
    assert (value.lower <= high + 1e-6).all(), value.lower - high
    assert (value.upper >= low - 1e-6).all(), low - value.upper
    none, full = (
        np.asarray(jax.vmap(f)(games)) for f in (jg.no_information_value, jg.full_information_value)
    )
    assert ((none + 0.01 < low) & (high < full - 0.01)).any()  # there is something to be wrong about
    if way == "right":
        assert converged.all() and (value.upper - value.lower <= 1e-6).all()
    if way in ("uniform", "no numbers", "pure"):
        assert not converged.all()


# Verdicts


def test_each_end_of_each_distance_counts(monkeypatch):
    """2 eps and what delta costs, of the weakest of three conditions: with brackets one can see."""
    distances = {
        ("constant", "simplex"): (0.30, 0.40, [1.0, 0.0]),
        ("state", "simplex"): (0.20, 0.25, [0.0, 1.0]),
        ("state", "cone"): (0.05, 0.35, [2.0, 0.0]),
        ("mean", "simplex"): (0.25, 0.32, [0.0, 1.0]),
        ("mean", "cone"): (0.15, 0.45, [2.0, 0.0]),
    }

    def made_up(game, offset="mean", scale="simplex", norm="sup"):
        assert (offset == "mean") == (norm == "mean")
        lower, upper, weights = distances[offset, scale]
        distance = jg.Bracket(jnp.asarray(lower), jnp.asarray(upper))
        none = jnp.zeros(0)
        return hull.HullFit(jnp.asarray(weights), jnp.asarray(0.0), none, distance, jnp.asarray(True))

    monkeypatch.setattr(theorems.guarantee, "game_hull_distance", made_up)
    # Leaders' ranges are 1 and 4.
    game = jg.make_game([0.5, 0.5], 4 * np.eye(2), [np.eye(2), [[4.0, 0.0], [0.0, 1.0]]])
    loss, tolerance = jg.Bracket(jnp.asarray(0.3), jnp.asarray(0.45)), 0.0
    none = theorems.guarantee.concluded(game, loss, tolerance)
    # The cone allows least at the lower end, an offset per state at the upper.
    assert float(none.slack.lower) == pytest.approx(2 * 0.05 - 0.45)
    assert float(none.slack.upper) == pytest.approx(2 * 0.25 - 0.3)
    # Once what is on average: the cone again, and the simplex.
    assert float(none.mean_slack.lower) == pytest.approx(0.15 - 0.45)
    assert float(none.mean_slack.upper) == pytest.approx(0.32 - 0.3)
    some = theorems.guarantee.concluded(game, loss, tolerance, delta=0.1)
    assert float(some.mean_slack.lower) == pytest.approx(0.15 + 0.2 - 0.45)
    assert float(some.mean_slack.upper) == pytest.approx(min(0.32 + 0.4, 0.45 + 0.2) - 0.3)
    # Costs: 0.1, 0.4 and 0.2, added before the least is taken.
    assert float(some.slack.lower) == pytest.approx(2 * 0.05 + 0.2 - 0.45)
    assert float(some.slack.upper) == pytest.approx(min(0.8 + 0.1, 0.5 + 0.4, 0.7 + 0.2) - 0.3)
    gained = theorems.guarantee.concluded(
        game, loss, tolerance, gain=jg.Bracket(jnp.asarray(0.1), jnp.asarray(0.2))
    )
    # Costs as much as the weights' sum: 1, 1 and 2 times the gain.
    assert float(gained.slack.lower) == pytest.approx(2 * 0.05 + 2 * 0.1 - 0.45)
    assert float(gained.slack.upper) == pytest.approx(min(0.8 + 0.2, 0.5 + 0.2, 0.7 + 0.4) - 0.3)
    verdicts = {}
    for lost in ((0.0, 0.09), (0.0, 0.11), (0.49, 0.49), (0.51, 0.6)):
        found = theorems.guarantee.concluded(game, jg.Bracket(*map(jnp.asarray, lost)), tolerance)
        verdicts[lost] = theorems.VERDICTS[int(found.holds)]
    assert list(verdicts.values()) == ["yes", "undecided", "undecided", "no"]


TERMS = [("regret", 0.2), ("delta", 0.08)]  # leaders' ranges are 2.5
TERMS += [(name, ends) for name in ("gain", "untaught") for ends in ((0.2, 0.2), (0.2, 0.3), (0.1, 0.2))]


@pytest.mark.parametrize(("term", "value"), TERMS)
def test_a_single_term_decides(term, value):
    """Leaders want what she wants, so that eps = 0: what is lost is allowed by one term, or by none.

    Of a bracket the lower end decides between yes and undecided, the upper one between undecided and no.
    """
    game = jg.make_game([0.5, 0.5], 2.5 * np.eye(2), [2.5 * np.eye(2)] * 2)
    ends = value if isinstance(value, tuple) else (0.2, 0.2)
    given = {term: jg.Bracket(*map(jnp.asarray, value)) if isinstance(value, tuple) else value}

    def holds(least, most, **terms):
        loss = jg.Bracket(jnp.asarray(least), jnp.asarray(most))
        return theorems.VERDICTS[int(theorems.guarantee.concluded(game, loss, 1e-6, **terms).holds)]

    assert holds(0.199, 0.199) == "no"  # without it
    assert holds(0.199, 0.199, **given) == ("yes" if ends[0] == 0.2 else "undecided")
    assert holds(0.201, 0.201, **given) == ("no" if ends[1] == 0.2 else "undecided")
    # Ends of the loss, the other way round.
    assert holds(0.0, 0.35, **given) == "undecided"


def test_wendels_formula_must_fit_however_draws_are_settled():
    """Expected shares against the two Wilson intervals: of nobody undecided inside, and of all of them."""
    least, most = wilson_interval(40, 100, 0.99), wilson_interval(60, 100, 0.99)
    assert most[0] < least[1]  # they overlap
    shares = {
        least[0] - 0.01: "no",
        (least[0] + most[0]) / 2: "undecided",  # only if most undecided draws are outside
        (most[0] + least[1]) / 2: "yes",
        (least[1] + most[1]) / 2: "undecided",
        most[1] + 0.01: "no",
    }
    for expected, holds in shares.items():
        found = theorems.wendel_coverage(expected, 40, 20, 100, confidence=0.99)
        assert found.holds == holds, expected
        assert (found.low, found.high) == (least[0], most[1])
    assert theorems.wendel_coverage(0.5, 20, 60, 100).holds == "undecided"  # the intervals are apart


@pytest.mark.parametrize("tolerance", [0.0, 0.1, np.inf])
def test_brackets_that_say_nothing_decide_nothing(tolerance):
    ends = [(-np.inf, np.inf), (np.nan, np.nan), (-np.inf, 1.0), (np.nan, 1.0)]
    for lower, upper in ends:
        found = theorems.guarantee.verdict(jg.Bracket(jnp.asarray(lower), jnp.asarray(upper)), tolerance)
        assert theorems.VERDICTS[int(found)] == "undecided", (lower, upper)


@pytest.mark.slow
def test_public_search_is_the_one_that_was_tried():
    """`worst_equilibrium` is what was fed wrong strategies above."""
    games, found, _ = searched()
    again = jax.jit(jax.vmap(lambda g: selection.worst_equilibrium(g, slack=1e-8)))(games)
    np.testing.assert_allclose(again.value.lower, found.value.lower[0], atol=1e-12)
