import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binomtest

import jaxgame as jg
from jaxgame import conversation, theorems
from jaxgame.sampling import Shape
from jaxgame.summary import wilson_interval
from tests.games import DEFENDER, PROSECUTOR, judge


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


@pytest.mark.parametrize(
    ("lower", "upper", "holds"),
    [
        (0.0, 1.0, "yes"),
        (-0.1, 1.0, "yes"),  # the tolerance itself
        (-0.11, 1.0, "undecided"),
        (-0.11, -0.1, "undecided"),
        (-0.3, -0.11, "no"),
        (-np.inf, np.inf, "undecided"),
        (np.nan, np.nan, "undecided"),
    ],
)
def test_a_verdict_needs_both_ends(lower, upper, holds):
    found = theorems.guarantee.verdict(jg.Bracket(jnp.asarray(lower), jnp.asarray(upper)), 0.1)
    assert theorems.VERDICTS[int(found)] == holds


def made_up(loss, tolerance=0.0, **terms):
    """The check of a tiny game, 1/4 from the hull, with equilibria that lose what is said.

    Two states, equally likely, 2 at stake; leaders want what she wants and 1/2 more, or less, of the first
    action in the first state. Her worst leader has range 2.5.
    """
    follower = np.array([[2.0, 0.0], [0.0, 2.0]])
    more = np.array([[0.5, 0.0], [0.0, 0.0]])
    game = jg.make_game([0.5, 0.5], follower, [follower + more, follower + more])
    given = {name: jg.Bracket(*map(jnp.asarray, ends)) for name, ends in terms.items() if name in BRACKETS}
    rest = {name: value for name, value in terms.items() if name not in BRACKETS}
    return theorems.guarantee.concluded(game, jg.Bracket(*map(jnp.asarray, loss)), tolerance, **rest, **given)


BRACKETS = ("untaught", "gain")


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        ({}, (0.0, 0.0)),
        ({"regret": 0.125}, (0.125, 0.125)),
        ({"gain": (0.25, 0.75)}, (0.25, 0.75)),
        ({"untaught": (0.0625, 0.5)}, (0.0625, 0.5)),
        ({"regret": 0.125, "gain": (0.25, 0.75), "untaught": (0.0625, 0.5)}, (0.4375, 1.375)),
    ],
)
def test_every_term_of_the_bound_counts(terms, allowed):
    """The cone allows least: its weight, 8/9 (see below), leaves eps = 1/9, and counts gains as much."""
    found = made_up((0.25, 0.5), **terms)
    assert min(float(fit.upper) for fit in (found.constant, found.state)) > float(found.cone.upper)
    gains = terms.get("gain", (0.0, 0.0))
    least, most = (x + 2 / 9 - gain / 9 for x, gain in zip(allowed, gains, strict=True))
    assert float(found.slack.lower) == pytest.approx(least - 0.5, abs=1e-9)
    assert float(found.slack.upper) == pytest.approx(most - 0.25, abs=1e-9)
    assert float(found.bound.lower) == pytest.approx(2 - most, abs=1e-9)
    assert float(found.bound.upper) == pytest.approx(2 - least, abs=1e-9)
    assert float(found.worst.lower) == pytest.approx(1.5, abs=1e-9)
    assert float(found.worst.upper) == pytest.approx(1.75, abs=1e-9)


def test_the_least_of_three_distances_counts_twice():
    found = made_up((0.0, 0.0))
    assert [round(float(x.upper), 9) for x in (found.constant, found.state)] == [0.25, 0.25]
    # On the cone less of the leader will do: w = 8/9 leaves (2 - 8/9 * 2.5, 2 - 8/9 * 2) = (-2/9, 2/9) / 2.
    assert float(found.cone.upper) == pytest.approx(1 / 9, abs=1e-9)
    assert float(found.slack.lower) == pytest.approx(2 / 9, abs=1e-9)


def test_the_sharper_bound_has_the_mean_range_once():
    """Leaders err by 1/2 in a state of probability 1/2: D is 1/4; on the cone w = 0.8 leaves 0.2 there."""
    found = made_up((0.1, 0.1))
    assert float(found.mean.upper) == pytest.approx(0.25, abs=1e-9)
    assert float(found.mean_cone.upper) == pytest.approx(0.2, abs=1e-9)
    assert float(found.mean_slack.lower) == pytest.approx(0.2 - 0.1, abs=1e-9)
    assert float(found.mean_bound.lower) == pytest.approx(2 - 0.2, abs=1e-9)
    verdicts = [(made_up(loss).holds, made_up(loss).mean_holds) for loss in ((0.0, 0.19), (0.21, 0.21))]
    assert [[theorems.VERDICTS[int(x)] for x in both] for both in verdicts] == [["yes", "yes"], ["yes", "no"]]


def test_each_leaders_slack_costs_its_own_weight():
    """Leaders 0 and 1 mix half and half to what she wants: their slacks count half each."""
    follower = np.array([[2.0, 0.0], [0.0, 2.0]])
    apart = np.array([[1.0, 0.0], [0.0, -1.0]])
    game = jg.make_game([0.5, 0.5], follower, [follower + apart, follower - apart, -follower])
    nothing = jg.Bracket(jnp.zeros(()), jnp.zeros(()))
    for slacks, cost in (([0.25, 0.75, 8.0], 0.5), ([0.25, 0.25, 8.0], 0.25)):
        slack = jnp.asarray(slacks)
        found = theorems.guarantee.concluded(game, nothing, 0.0, gain=jg.Bracket(slack, slack))
        assert float(found.slack.upper) == pytest.approx(cost, abs=1e-9)
        assert float(found.mean_slack.upper) == pytest.approx(cost, abs=1e-9)
        assert float(found.gain.upper) == 8.0


def test_a_premise_that_is_known_is_not_computed_again():
    follower = np.array([[2.0, 0.0], [0.0, 2.0]])
    game = jg.make_game([0.5, 0.5], follower, [follower, -follower])
    known = theorems.premise(game)
    known_worse = {
        name: dataclasses.replace(fit, distance=jax.tree.map(lambda x: x + 1.0, fit.distance))
        for name, fit in vars(known).items()
    }
    other = theorems.Premise(**known_worse)
    nothing = jg.Bracket(jnp.zeros(()), jnp.zeros(()))
    found = [theorems.guarantee.concluded(game, nothing, 0.0, known=x) for x in (known, other)]
    assert float(found[1].slack.upper) == pytest.approx(float(found[0].slack.upper) + 2, abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "holds"),
    [((0.0, 0.2), "yes"), ((0.2, 0.3), "undecided"), ((0.3, 0.4), "no"), ((0.0, 0.222), "yes")],
)
def test_verdicts_follow_the_loss(loss, holds):
    assert theorems.VERDICTS[int(made_up(loss).holds)] == holds


def test_tolerance_is_a_part_of_what_is_at_stake():
    loss = (2 / 9 + 0.15, 2 / 9 + 0.15)  # 2 are at stake
    assert [theorems.VERDICTS[int(made_up(loss, t).holds)] for t in (0.07, 0.08)] == ["no", "yes"]
    assert float(made_up(loss).stake) == 2.0


def test_delta_costs_what_the_weights_put_on_leaders_ranges():
    """On the cone w = 8/9 of a leader with range 2.5; that costs more than w = 1 with an offset per state."""
    for delta in (0.1, 0.3):
        cone, simplex = 2 / 9 + delta * 2.5 * 8 / 9, 0.5 + delta * 2.5
        found = made_up((0.0, 0.0), delta=delta)
        assert float(found.slack.upper) == pytest.approx(min(cone, simplex), abs=1e-9)
        assert float(found.delta) == delta


def test_delta_of_a_conversation_is_how_far_deviations_are_apart(monkeypatch):
    """One bit about three states, beside a rival who says another thing: who teaches matters."""
    monkeypatch.setattr(
        conversation, "exploitability", lambda *_, **__: jg.Bracket(jnp.zeros(()), jnp.zeros(()))
    )
    follower = np.array([[4.0, 0.0, 1.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0]])
    game = jg.make_game([0.3, 0.4, 0.3], follower, [follower, 2 * follower])
    once = conversation.Protocol(1, 2)
    rules = jnp.asarray(np.random.default_rng(1).dirichlet(np.ones(2), (2, 3, 1)))
    found = theorems.bayes_optimal_learning(game, protocol=once, rules=rules)
    taught = conversation.teaching(game, once).rule
    laws = [conversation.outcome_of(game, once, rules.at[i].set(taught)) for i in range(2)]
    delta = float(jnp.abs(laws[0] - laws[1]).sum()) / 2
    assert delta > 0.05
    assert float(found.delta) == pytest.approx(delta, abs=1e-12)
    # Both leaders are aligned but for a factor: the cone takes the one whose range costs less.
    lost = float(jg.full_information_value(game)) - float(found.worst.upper)
    untaught = float(jg.full_information_value(game)) - float(conversation.teaching(game, once).value.lower)
    assert float(found.slack.upper) == pytest.approx(untaught + 4 * delta - lost, abs=1e-6)


@pytest.mark.slow
def test_the_hull_condition_is_sufficient_and_not_necessary():
    """Prosecutor and defender: distance 0.5 and a bound of 0, yet the judge learns everything."""
    game = judge(PROSECUTOR, DEFENDER)
    found = jax.jit(theorems.bayes_optimal_learning)(game)
    assert theorems.VERDICTS[int(found.holds)] == "yes"
    assert float(found.bound.upper) == pytest.approx(0.0, abs=1e-9)
    assert float(found.worst.lower) == pytest.approx(1.0, abs=1e-9)
    assert float(found.slack.lower) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.slow
def test_the_bound_with_quantal_response_counts_her_regret_and_the_distance_of_laws():
    check = jax.jit(
        lambda game, rationality, delta: theorems.quantal_response(
            game, rationality, delta=delta, tolerance=1e-4, rounds=6
        )
    )
    game = judge(PROSECUTOR, PROSECUTOR)
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
        aligned = judge(scale * np.eye(2), scale * np.eye(2))
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 3}, "steps is given, and needs a protocol"),
        ({"views": jnp.ones((2, 2, 1))}, "views is given, and needs a protocol"),
        ({"protocol": conversation.Protocol(1, 2), "delta": 0.1}, "delta is given, and is measured"),
        ({"protocol": conversation.Protocol(1, 2), "rounds": 4}, "rounds is given, and is measured or not"),
    ],
)
def test_an_argument_that_would_be_ignored_is_refused(given, said):
    game = judge(PROSECUTOR, PROSECUTOR)
    with pytest.raises(ValueError, match=said):
        theorems.quantal_response(game, 5.0, **given)
