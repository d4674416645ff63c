"""The exact checker against closed forms and HiGHS, and what it says of planted errors."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from tests import kinds
from tests.reference import exact, hull, persuasion

# The judge (theory, section 5): convict iff P(guilty) >= 1/2; action 1 is conviction.
PRIOR = [[Fraction(7, 10), Fraction(3, 10)]]
JUDGE = [[[1, 0], [0, 1]]]
PROSECUTOR = [[[0, 1], [0, 1]]]
CURVE = [  # threshold, value
    (Fraction(7, 10), Fraction(3, 5)),
    (Fraction(17, 20), Fraction(9, 20)),
    (Fraction(1), Fraction(3, 10)),
]
OPTIMUM = [[[Fraction(4, 10), Fraction(3, 10)], [0, Fraction(3, 10)]]]
TAME = ("plain", "integer_ties", "dominated_duplicated")  # where HiGHS is to be trusted
OBEY = [[[0, 0]], [[1, 0]]]  # when convicting, acquittal must not be better


@pytest.mark.parametrize(("threshold", "value"), CURVE)
def test_the_judge(threshold, value):
    assert exact.best_value(PRIOR, JUDGE, PROSECUTOR, threshold) == value
    assert exact.best_value(PRIOR, JUDGE, PROSECUTOR, threshold - 10) == Fraction(3, 5)


def test_the_judge_proved():
    """Weak duality by hand; wrong multipliers prove less, negative ones nothing."""
    assert exact.dual_bound(PRIOR, JUDGE, PROSECUTOR, Fraction(7, 10), OBEY, 0) == Fraction(3, 5)
    for threshold, value in CURVE:
        assert exact.dual_bound(PRIOR, JUDGE, PROSECUTOR, threshold, np.zeros((2, 1, 2)), 1) == value
    for share in (0.0, 0.5, 0.99, 1.01, 2.0):
        wrong = share * np.array(OBEY, float)
        assert exact.dual_bound(PRIOR, JUDGE, PROSECUTOR, 0.7, wrong, 0.0) > Fraction(3, 5)
    with pytest.raises(ValueError, match="at least 0"):
        exact.dual_bound(PRIOR, JUDGE, PROSECUTOR, 0.7, -np.array(OBEY), 0.0)
    with pytest.raises(ValueError, match="at least 0"):
        exact.dual_bound(PRIOR, JUDGE, PROSECUTOR, 0.7, OBEY, -1e-300)


def test_no_outcome_is_worth_more_than_full_information():
    assert exact.best_value(PRIOR, JUDGE, PROSECUTOR, 1 + Fraction(1, 10**30)) is None


def test_violations_by_hand():
    held = Fraction(7, 10)
    assert exact.violations(PRIOR, JUDGE, held, OPTIMUM) == (0, 0, 0, 0)
    assert exact.attained(PRIOR, PROSECUTOR, OPTIMUM) == Fraction(3, 5)
    scheme = [[Fraction(4, 7), Fraction(3, 7)], [0, 1]]
    assert exact.violations(PRIOR, JUDGE, held, scheme) == (0, 0, 0, 0)
    assert exact.attained(PRIOR, PROSECUTOR, scheme) == Fraction(3, 5)
    greedy = [[[Fraction(35, 100), Fraction(35, 100)], [0, Fraction(3, 10)]]]
    found = exact.violations(PRIOR, JUDGE, held, greedy)
    # 1/20 too many convictions, against a row whose largest entry is the prior 7/10.
    assert (found.obedience, found.threshold) == (Fraction(1, 14), Fraction(1, 20))
    short = [[[Fraction(5, 10), Fraction(3, 10)], [Fraction(-1, 10), Fraction(3, 10)]]]
    found = exact.violations(PRIOR, JUDGE, held, short)
    assert (found.marginal, found.negative) == (Fraction(1, 3), Fraction(1, 10))
    with pytest.raises(ValueError, match="from the scheme"):
        exact.violations(PRIOR * 2, JUDGE * 2, held, OPTIMUM * 2)


def test_a_relaxed_program_allows_what_it_says():
    """Rows missed by d of their largest entry: .7 d more innocents convicted, if the threshold allows it."""
    d = Fraction(1, 100)
    relaxed = exact.best_value(PRIOR, JUDGE, PROSECUTOR, 0, missed=d)
    assert relaxed == Fraction(3, 5) + Fraction(7, 10) * d
    assert exact.best_value(PRIOR, JUDGE, PROSECUTOR, Fraction(7, 10), missed=d) == Fraction(3, 5)


@pytest.mark.parametrize(
    ("types", "count", "states", "actions"), [(1, 10, 3, 3), (1, 4, 4, 3), (2, 4, 2, 2), (2, 1, 3, 3)]
)
def test_optima_are_those_of_highs(types, count, states, actions):
    """30 games 3x3 among them; and any multipliers prove more, never less."""
    rng = np.random.default_rng(0)
    drawn = [kinds.typed(kind, count, types, states, actions, 0) for kind in TAME]
    for prior, follower, leader, threshold in (game for each in drawn for game in zip(*each, strict=True)):
        level = min(Fraction(threshold), exact.full_information(prior, follower))
        value = exact.best_value(prior, follower, leader, level)
        expected = persuasion.best_value(prior, follower, leader, threshold)
        assert float(value) == pytest.approx(expected, abs=1e-8)
        for _ in range(2):
            obedience = rng.exponential(size=(actions**types, types, actions))
            price = rng.exponential()
            assert exact.dual_bound(prior, follower, leader, level, obedience, price) >= value
        scheme = np.repeat(rng.dirichlet(np.ones(actions**types))[None], states, 0)
        babbling = exact.violations(prior, follower, level, scheme)
        assert babbling.marginal <= 1e-15 and babbling.negative == 0


def test_a_verdict_finds_each_planted_error():
    def verdict(lower=0.6, upper=0.6, outcome=OPTIMUM, obedience=OBEY):
        best = SimpleNamespace(
            value=SimpleNamespace(lower=lower, upper=upper),
            multipliers=SimpleNamespace(obedience=obedience, threshold=0.0),
            outcome=outcome,
        )
        return exact.judge(PRIOR, JUDGE, PROSECUTOR, Fraction(7, 10), best)

    little = Fraction(1, 10**10)
    low = float(Fraction(6, 10)) - 2.0**-53  # the floats around 3/5
    assert max(verdict(low, low + 2.0**-52)) <= 0
    assert 0 < verdict(lower=0.6 + 1e-15).tolerance_used < 2e-15  # the tolerances are worth more
    assert verdict(upper=0.6 - 1e-16).upper > 0 and verdict(upper=0.6 - 1e-16).upper_of_optimum > 0
    assert verdict(lower=0.6 + 1e-15).lower > 0
    assert verdict(lower=0.61).lower_of_optimum == pytest.approx(0.01)
    assert verdict(obedience=2 * np.array(OBEY)).upper == pytest.approx(0.3)
    moved = [[[Fraction(4, 10) - little, Fraction(3, 10) + little], [0, Fraction(3, 10)]]]
    assert verdict(outcome=moved).obedience == pytest.approx(1e-10 / 0.7, rel=0.01)
    assert verdict(outcome=moved).threshold == pytest.approx(1e-10, rel=0.02)
    more = [[[Fraction(4, 10), Fraction(3, 10)], [-little, Fraction(3, 10)]]]
    assert verdict(outcome=more).negative > 0 and verdict(outcome=more).marginal > 0
    assert verdict(lower=float("nan")).lower == np.inf
    assert verdict(lower=-np.inf, upper=np.inf)[:5] == (-np.inf,) * 5


# Curves and equilibria


def test_lines_above_a_curve():
    above, price = [0.6, 1.3], [0.0, 1.0]
    assert exact.frontier_bound(above, price, 0.5) == Fraction(0.6)
    assert exact.frontier_bound(above, price, 0.875) == Fraction(1.3) - Fraction(0.875)


def test_gains_from_outbidding():
    """Two prosecutors: nobody gains at full information, nor at what is best for both."""
    full = [[[Fraction(7, 10), 0], [0, Fraction(3, 10)]]]
    two, price = [PROSECUTOR] * 2, [1, 1]
    none = np.zeros((2, 2, 1, 2))
    for outcome, gain in [(full, 0), (OPTIMUM, 0)]:
        assert exact.exploitability(PRIOR, JUDGE, two, outcome) == gain
        assert exact.exploitability_upper(PRIOR, JUDGE, two, outcome, none, price) == gain
    # Acquitting a tenth of the guilty is worth .9; with that value .4 could be convicted.
    lenient = [[[Fraction(7, 10), 0], [Fraction(1, 10), Fraction(2, 10)]]]
    assert exact.exploitability(PRIOR, JUDGE, two, lenient) == Fraction(1, 5)
    assert exact.exploitability_upper(PRIOR, JUDGE, two, lenient, none, price) == Fraction(1, 5)
    assert exact.exploitability_upper(PRIOR, JUDGE, two, lenient, none, [1, 2]) > Fraction(1, 5)
    assert exact.exploitability(PRIOR, JUDGE, two[:1], lenient) == Fraction(2, 5)


# Hulls

TARGET, LEADERS = [0, 1, 0], [[0, 2, 0], [1, 0, 1]]


def test_a_target_in_the_hull():
    constant, thirds = [0, 0, 0], [Fraction(2, 3), Fraction(1, 3)]
    for norm in ("sup", "square"):
        assert exact.hull_upper(TARGET, LEADERS, thirds, constant, "simplex", norm) == 0
        assert exact.hull_upper(TARGET, LEADERS, [4, 2], constant, "simplex", norm) == 0  # normalised
        assert exact.hull_lower(TARGET, LEADERS, [-1, 2, -1], constant, "simplex", norm) == 0
    assert exact.hull_upper(TARGET, LEADERS, [0.5, 0.5], constant, "simplex", "sup") == Fraction(1, 4)
    assert exact.hull_upper(TARGET, LEADERS, [0.5, 0.5], None, "simplex", "sup") == Fraction(1, 2)
    assert exact.hull_upper(TARGET, LEADERS, [0.5, 0.5], constant, "simplex", "square") == Fraction(1, 18)
    assert exact.hull_upper(TARGET, LEADERS, [0.5, 0], None, "cone", "sup") == 0
    with pytest.raises(ValueError, match="at least 0"):
        exact.hull_upper(TARGET, LEADERS, [1.5, -0.5], constant, "simplex", "sup")


def test_one_leader_by_hand():
    """The distances of tests/test_hull.py, proved from below; the square's are squares."""
    target, leader = [0, 1, 0, 1], [[1, 1, 0, 0]]
    cases = [
        ("sup", None, [-1, 0, 0, 0], 1),
        ("sup", [0, 0, 1, 1], [-1, 1, 0, 0], Fraction(1, 2)),
        ("sup", [0, 0, 1, 1], [9, 11, 7, 7], Fraction(1, 2)),  # the same, centred and divided
        ("square", None, [-1, 0, 0, 1], Fraction(1, 2)),
        ("square", [0, 0, 1, 1], [-1, 1, -1, 1], Fraction(1, 4)),
    ]
    for norm, groups, measure, distance in cases:
        assert exact.hull_lower(target, leader, measure, groups, "simplex", norm) == distance
        assert exact.hull_upper(target, leader, [1], groups, "simplex", norm) == distance


def test_the_cone_is_charged_for_a_leader_that_is_not_excluded():
    target, leader = [0, 1, 0, 1], [[1, 1, 0, 0]]
    constant = [0, 0, 0, 0]
    assert exact.hull_lower(target, leader, [-1, 1, -1, 1], constant, "cone", "sup") == Fraction(1, 2)
    slipped = exact.hull_lower(target, leader, [-1, 1 + 1e-6, -1, 1 - 1e-6], constant, "cone", "sup")
    # |u| and |U| are 1/2 once centred; the measure pays U 1e-6 in a mass of 4.
    assert float(slipped) == pytest.approx(0.5 - 1e4 * 0.5 * 1e-6 / 4 / 0.5, rel=1e-9)
    assert exact.hull_lower(target, leader, [0, 1, 0, 0], constant, "cone", "sup") == 0


@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize("scale", ["simplex", "cone"])
@pytest.mark.parametrize("groups", [None, np.zeros(6, int), np.arange(6) // 3], ids=["none", "one", "two"])
def test_no_weights_and_no_measure_cross_the_distance(norm, scale, groups):
    rng = np.random.default_rng(0)
    oracle = hull.sup_distance if norm == "sup" else hull.square_distance
    for target, utilities in zip(*kinds.hulls("plain", 4, 3, 6, 0), strict=True):
        distance = oracle(target, utilities, "none" if groups is None else groups, scale)
        power = distance if norm == "sup" else distance**2
        for _ in range(4):
            weights, measure = rng.dirichlet(np.ones(3)), rng.normal(size=6)
            assert exact.hull_upper(target, utilities, weights, groups, scale, norm) >= power - 1e-9
            assert exact.hull_lower(target, utilities, measure, groups, scale, norm) <= power + 1e-9


@pytest.mark.parametrize("norm", ["sup", "square"])
def test_a_verdict_on_a_hull(norm):
    target, leader, groups = [0, 1, 0, 1], [[1, 1, 0, 0]], [0, 0, 1, 1]

    def verdict(lower, upper):
        measure = [-1, 1, -1, 1]
        distance = SimpleNamespace(lower=lower, upper=upper)
        fit = SimpleNamespace(weights=[1.0], measure=measure, distance=distance)
        return exact.judge_hull(target, leader, fit, groups, "simplex", norm)

    assert verdict(0.5, 0.5) == (0, 0)
    assert verdict(0.5 + 2.0**-50, 0.5 - 2.0**-50) == pytest.approx((2.0**-50, 2.0**-50), rel=1e-6)
    assert max(verdict(0.25, 0.75)) == -0.25
    assert verdict(np.nan, np.nan) == (np.inf, np.inf)
    assert verdict(-np.inf, np.inf) == (-np.inf, -np.inf)
