import math

import jax
import numpy as np
import pytest
from scipy.stats import binomtest

import jaxgame as jg
from jaxgame import theorems
from jaxgame.sampling import Shape
from jaxgame.summary import wilson_interval


def test_wendel_by_hand():
    assert theorems.wendel_probability(2, 1) == 0.5  # two signs differ
    assert theorems.wendel_probability(3, 2) == 0.25
    assert [theorems.wendel_probability(2 * n, n) for n in range(1, 20)] == [0.5] * 19
    assert theorems.wendel_probability(4, 4) == 0.0
    assert theorems.wendel_probability(1, 0) == 1.0
    assert theorems.wendel_probability(4000, 3) == pytest.approx(1.0, abs=1e-15)


def test_wendel_by_simulation_in_the_plane():
    """0 is in the hull of points in the plane iff the widest gap between their angles is below pi."""
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * math.pi, size=(40_000, 5)), axis=1)
    gaps = np.diff(np.concatenate([angles, angles[:, :1] + 2 * math.pi], axis=1), axis=1).max(axis=1)
    inside = int((gaps < math.pi).sum())
    assert binomtest(inside, 40_000, theorems.wendel_probability(5, 2)).pvalue > 0.001


def test_alignment_dimension():
    shape = Shape(leaders=1, types=2, states=3, actions=4)
    dimensions = [theorems.alignment_dimension(shape, offset) for offset in ("none", "constant", "state")]
    assert dimensions == [24, 23, 18]
    with pytest.raises(ValueError, match="offset is 'x'; it must be one of"):
        theorems.alignment_dimension(shape, "x")


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (500, 1000), (4096, 4096)])
def test_wilson_interval_agrees_with_scipy(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(0.99, method="wilson")
    assert wilson_interval(successes, trials, 0.99) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("trials", [1, 10, 4096, 20_000])
def test_wilson_interval_reaches_the_ends_exactly(trials):
    assert wilson_interval(0, trials)[0] == 0.0
    assert wilson_interval(trials, trials)[1] == 1.0


def test_verdicts_are_three_valued():
    def verdict(inside, undecided):
        return theorems.wendel_coverage(0.5, inside, undecided, 1000).holds

    assert verdict(500, 0) == "yes"
    assert verdict(600, 0) == "no"
    assert verdict(400, 0) == "no"
    assert verdict(400, 300) == "undecided"
    assert verdict(495, 10) == "yes"


JUDGE = [[1.0, 0.0], [0.0, 1.0]]
PROSECUTOR, DEFENDER = [[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]


@pytest.mark.slow
def test_the_hull_condition_is_sufficient_and_not_necessary():
    """Prosecutor and defender: distance 0.5 and a bound of 0, yet the judge learns everything."""
    game = jg.make_game([0.7, 0.3], JUDGE, [PROSECUTOR, DEFENDER])
    found = jax.jit(theorems.bayes_optimal_learning)(game)
    assert theorems.VERDICTS[int(found.holds)] == "yes"
    assert float(found.bound.upper) == pytest.approx(0.0, abs=1e-9)
    assert float(found.worst.lower) == pytest.approx(1.0, abs=1e-9)
    assert float(found.slack.lower) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.slow
def test_the_bound_with_quantal_response_counts_her_regret_and_the_distance_of_laws():
    check = jax.jit(lambda game, *terms: theorems.quantal_response(game, *terms, 1e-4, 6))
    game = jg.make_game([0.7, 0.3], JUDGE, [PROSECUTOR, PROSECUTOR])
    found = check(game, 10.0, 0.1)
    regret = 0.0278465  # W(1/e) / rationality
    # OPT 1, distance 1/2 with an offset per state and no weight on the prosecutors: delta costs nothing.
    assert float(found.bound.lower) == pytest.approx(1 - 2 * 0.5 - regret, abs=1e-6)
    assert theorems.VERDICTS[int(found.holds)] == "yes"
    assert float(check(game, 0.0, 0.0).bound.lower) == pytest.approx(
        1 - 1 - 1, abs=1e-9
    )  # no more than her range
    # Leaders like her have all the weight, and range 1, or 2 of which half the weight is enough.
    for scale in (1, 2):
        aligned = jg.make_game([0.7, 0.3], JUDGE, scale * np.array([JUDGE, JUDGE]))
        found = check(aligned, 10.0, 0.1)
        assert float(found.bound.lower) == pytest.approx(1 - regret - 0.1, abs=1e-6)
        assert theorems.VERDICTS[int(found.holds)] == "yes"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="points is 0"):
        theorems.wendel_probability(0, 1)
    with pytest.raises(ValueError, match="successes is 3 of 2 trials"):
        wilson_interval(3, 2)
    with pytest.raises(ValueError, match=r"confidence is 1\.0"):
        wilson_interval(1, 2, 1.0)
