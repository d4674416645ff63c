"""What average errors promise: the least of them against HiGHS, bounds against games, the report by hand."""

import dataclasses

import numpy as np
import pytest

from jaxgame import panel
from jaxgame.audit import absolute, average, words
from jaxgame.audit.interval import Interval
from jaxgame.audit.moments import columns, moments
from jaxgame.audit.settings import rating_scale
from tests.reference import audit as reference
from tests.reference import rating

QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}
HULLS = ("simplex", "cone")
TARGETS = {"eqbench": "human_reference", "snippets": "human_mean", "senate": "kohl_d_wi"}


def drawn(seed, rows, models):
    """Models with common factors, the target near a mixture; some scores are whole numbers, full of ties."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(rows, models)) + random.normal(size=(rows, 1)) + random.normal(size=models)
    target = scores @ random.dirichlet(np.ones(models)) + random.choice([0.1, 1.0]) * random.normal(size=rows)
    return (np.round(2 * scores), np.round(2 * target)) if seed % 3 == 0 else (scores, target)


# The least mean absolute error


@pytest.mark.parametrize("hull", HULLS)
@pytest.mark.parametrize("size", [(3, 1), (12, 20), (60, 4), (150, 8)], ids=str)
def test_small_problems_are_solved_as_one_program(hull, size):
    for seed in range(4):
        models, target = drawn(seed, *size)
        found = absolute.certify_absolute(columns(models, target), hull)
        least = reference.least_absolute(models, target, hull)
        assert found.lower - 1e-9 <= least <= found.upper + 1e-9
        assert found.upper - found.lower < 1e-7 * np.abs(target).max()
        assert found.mixture.weights.min() >= 0
        error = np.abs(target - models @ found.mixture.weights - found.mixture.offset).mean()
        assert found.upper == pytest.approx(error, abs=1e-12)
        if hull == "simplex":
            assert found.mixture.weights.sum() == pytest.approx(1, abs=1e-12) and found.mixture.offset == 0


@pytest.mark.parametrize("hull", HULLS)
def test_rows_join_the_program_until_the_mean_error_is_the_least(hull, monkeypatch):
    programs = []
    solve = absolute._program
    monkeypatch.setattr(absolute, "_program", lambda *a: programs.append(len(a[3])) or solve(*a))
    monkeypatch.setattr(absolute, "FEWEST", 20)
    monkeypatch.setattr(absolute, "GROWTH", 50)
    monkeypatch.setattr(absolute, "ROWS_PER_COLUMN", 3)
    for seed in range(3):
        models, target = drawn(seed, 800, 6)
        found = absolute.certify_absolute(columns(models, target), hull)
        least = reference.least_absolute(models, target, hull)
        assert found.lower - 1e-9 <= least <= found.upper + 1e-9
        assert found.upper - found.lower < 1e-7 * np.abs(target).max()
    assert min(programs) < 50 and max(programs) > min(programs)


@pytest.mark.parametrize("hull", HULLS)
def test_a_program_that_is_too_small_leaves_a_wide_bracket_and_a_true_one(hull, monkeypatch):
    monkeypatch.setattr(absolute, "FEWEST", 8)
    monkeypatch.setattr(absolute, "GROWTH", 1)
    monkeypatch.setattr(absolute, "ROWS_PER_COLUMN", 1)
    widths = []
    for seed in range(6):
        models, target = drawn(seed, 400, 6)
        found = absolute.certify_absolute(columns(models, target), hull)
        assert found.lower - 1e-9 <= reference.least_absolute(models, target, hull) <= found.upper + 1e-9
        widths.append(found.upper - found.lower)
    assert max(widths) > 1e-4


def test_an_exact_mixture_errs_by_0_and_units_do_not_matter():
    models, target = drawn(1, 500, 5)
    for hull in HULLS:
        exact = absolute.certify_absolute(columns(models, models @ [0.5, 0.5, 0, 0, 0]), hull)
        assert exact.lower <= exact.upper < 1e-12
        one, other = (
            absolute.certify_absolute(columns(unit * models, unit * target), hull) for unit in (1, 1e3)
        )
        assert other.upper == pytest.approx(1e3 * one.upper, rel=1e-9)
        assert other.lower == pytest.approx(1e3 * one.lower, rel=1e-6)


# The bounds by squares, as formulas and as theorems


@pytest.mark.parametrize("seed", range(6))
def test_bounds_by_squares_are_the_least_of_their_kind(seed):
    models, target = drawn(seed, 40, 5)
    models = models - 0.5 * target[:, None] * (seed % 2)  # other sums of weights than about 1
    prior = np.random.default_rng(seed).dirichlet(np.ones(40))
    rows = columns(models, target)
    for promise in average.squares(moments(rows, prior)):
        least = reference.square_bound(models, target, prior, promise.hull)
        assert prior @ promise.losses(rows) == pytest.approx(least, rel=2e-6)
        total = promise.mixture.weights.sum()
        assert promise.mixture.weights.min() >= 0 and 0 <= total < 2
        assert promise.factor == pytest.approx(4 / (2 - total) ** 2, rel=1e-9)
    assert (
        promise.hull == "cone"
        and prior @ promise.losses(rows) <= prior @ (target - prior @ target) ** 2 + 1e-9
    )


def test_no_user_loses_more_than_the_bounds():
    """She hears random signals and says what she expects; models like that as well as her knowing all.

    The models are drawn so that each is indifferent. Then her loss is below every bound, and some bound is
    attained.
    """
    reached = {"absolute, simplex": [], "square, simplex": [], "square, cone": []}
    for seed in range(150):
        random = np.random.default_rng(seed)
        items, signals, models = (int(random.integers(*ends)) for ends in ((2, 8), (1, 4), (1, 5)))
        target, prior = random.uniform(size=items), random.dirichlet(np.ones(items))
        sent = random.dirichlet(np.full(signals, 0.1), size=items)  # nearly one signal for each item
        joint = prior[:, None] * sent
        rating_of = joint.T @ target / joint.sum(axis=0)
        off = rating_of - target[:, None]
        loss = float((joint * off**2).sum())
        pull = sent @ rating_of - target
        noise = random.choice([0.0, 0.05, 0.5]) * random.normal(size=(models, items))
        scores = target + noise + random.normal(size=(models, 1)) * random.choice([0.0, 0.2])
        # E (a - x)^2 = E (h - x)^2, by a push in the direction that her ratings are off.
        gain = (joint * (rating_of**2 - target[:, None] ** 2)).sum() / 2 - prior @ (pull * scores).T
        scores = scores + gain[:, None] / (prior @ pull**2) * pull
        theirs = [(joint * (rating_of - x[:, None]) ** 2).sum() - prior @ (target - x) ** 2 for x in scores]
        np.testing.assert_allclose(theirs, 0, atol=1e-9)
        rows = columns(scores.T, target)
        bounds = {"absolute, simplex": 2 * np.ptp(target) * rating.mean_error(scores, target, prior)}
        for promise in average.squares(moments(rows, prior)):
            bounds[f"square, {promise.hull}"] = float(prior @ promise.losses(rows))
        for name, bound in bounds.items():
            assert loss <= bound + 1e-9, (seed, name)
            reached[name].append(loss / bound)
    assert max(reached["square, simplex"]) > 1 - 1e-6 and max(reached["square, cone"]) > 1 - 1e-6
    assert max(reached["absolute, simplex"]) > 0.3
    # The cone's is the least of the two by squares.
    assert all(
        a <= b + 1e-6 for a, b in zip(reached["square, simplex"], reached["square, cone"], strict=True)
    )


def test_a_model_that_wants_half_of_everything_leaves_her_with_nothing():
    """Targets -1 and 1, a model at half of them: it does not care whether she knows."""
    target = np.array([-1.0, 1.0])
    rows = columns(target[:, None] / 2, target)
    simplex, cone = average.squares(moments(rows))
    assert simplex.losses(rows).mean() == pytest.approx(1) and cone.losses(rows).mean() == pytest.approx(1)


# The report


@pytest.fixture(scope="module", params=TARGETS)
def bundled(request):
    """The audit of a bundled panel, and its rows: models by name, target, train."""
    table = panel.load(request.param)
    name = TARGETS[request.param]
    everyone = dict(zip(table.raters, table.scores.T, strict=True))
    aim = everyone.pop(name) if table.target is None else table.target
    return panel.audit(request.param, target=name, **QUICK)[name], everyone, aim, table.train


def test_bounds_follow_from_their_weights_row_by_row(bundled):
    audit, everyone, aim, train = bundled
    report = audit.average
    stake = np.mean((aim[~train] - aim[train].mean()) ** 2)
    assert report.stake == pytest.approx(stake, rel=1e-9)
    assert [(b.error, b.hull) for b in sorted(report.bounds, key=lambda b: (b.error, b.hull))] == [
        ("absolute", "simplex"), ("square", "cone"), ("square", "simplex"),
    ]  # fmt: skip
    assert report.bounds[0].train == min(bound.train for bound in report.bounds)
    for bound in report.bounds:
        guess = sum(weight * everyone[model] for model, weight in bound.weights.items()) + bound.offset_raw
        sizes = np.abs(aim - guess) ** (2 if bound.error == "square" else 1)
        assert bound.train == pytest.approx(bound.factor * sizes[train].mean(), rel=1e-4)
        assert bound.loss == pytest.approx(bound.factor * sizes[~train].mean(), rel=1e-4)
        assert bound.share == pytest.approx(bound.loss / stake, rel=1e-9)
        assert bound.interval.lower < bound.loss < bound.interval.upper
        if audit.scale == "raw" and bound.hull == "simplex":
            assert sum(bound.weights.values()) == pytest.approx(1, abs=1e-4)
            assert bound.offset_raw == pytest.approx(0, abs=1e-9)
    by_size = next(bound for bound in report.bounds if bound.error == "absolute")
    assert by_size.factor == pytest.approx(2 * (report.scale.upper - report.scale.lower), rel=1e-9)
    assert by_size.loss == pytest.approx(by_size.factor * report.absolute["simplex"].heldout, rel=1e-9)


def test_mean_absolute_errors_are_the_least(bundled):
    audit, everyone, aim, train = bundled
    if audit.rows > 5_000:
        pytest.skip("one program of all rows takes minutes")
    models = np.column_stack([everyone[name][train] for name in audit.models])
    for hull, found in audit.average.absolute.items():
        least = reference.least_absolute(models, aim[train], hull)
        assert found.hull == hull and found.train.lower - 1e-9 <= least <= found.train.upper + 1e-9
        assert found.train.upper - found.train.lower < 1e-6


def test_the_scale_is_that_of_the_rows_unless_given(bundled):
    audit, everyone, aim, _ = bundled
    seen = [aim] if audit.scale == "standard" else [aim, *(everyone[name] for name in audit.models)]
    ends = min(x.min() for x in seen), max(x.max() for x in seen)
    assert (audit.average.scale.lower, audit.average.scale.upper) == pytest.approx(ends, abs=1e-9)
    assert not audit.average.scale_given and "as seen in the rows" in audit.average.sentence


def test_bounds_of_a_panel_on_other_scales_are_of_models_brought_to_the_targets():
    random = np.random.default_rng(4)
    scores = random.normal(size=(300, 3))
    people = scores @ [0.5, 0.3, 0.2] + 0.2 * random.normal(size=300) + 7
    table = {"people": people} | {f"m{i}": scores[:, i] * 10.0**i - i for i in range(3)}
    found = panel.audit(table, target="people", split=None, **QUICK)["people"]
    assert found.scale == "standard" and "brought to the mean and the spread" in found.average.sentence
    # What the weights multiply: each model's scores with the mean and the spread of the target.
    by_size = next(bound for bound in found.average.bounds if bound.error == "absolute")
    share = {name: weight * table[name].std() / people.std() for name, weight in by_size.weights.items()}
    assert sum(share.values()) == pytest.approx(1, abs=0.1)  # spreads are those of the train rows
    at_means = sum(weight * table[name].mean() for name, weight in by_size.weights.items())
    assert at_means + by_size.offset_raw == pytest.approx(people.mean(), abs=0.1)


def planted(noise, rows=300):
    random = np.random.default_rng(2)
    scores = random.uniform(0, 10, size=(rows, 4))
    people = np.clip(scores @ [0.5, 0.5, 0, 0] + noise * random.normal(size=rows), 0, 10)
    return {"people": people} | {f"m{i}": scores[:, i] for i in range(4)}


def test_the_length_of_the_scale_counts_for_absolute_errors_only():
    table = planted(0.5)
    reports = [
        panel.audit(table, target="people", range=ends, **QUICK)["people"].average
        for ends in (None, (0, 10), (-10, 30))
    ]
    seen, given, wide = ({(b.error, b.hull): b for b in report.bounds} for report in reports)
    for kind in (("square", "simplex"), ("square", "cone")):
        assert seen[kind] == given[kind] == wide[kind]
    assert given["absolute", "simplex"].factor == pytest.approx(20)
    assert wide["absolute", "simplex"].loss == pytest.approx(4 * given["absolute", "simplex"].loss)
    report = reports[1]
    assert report.scale == Interval(0.0, 10.0) and report.scale_given and "(as given)" in report.sentence


def test_a_scale_must_hold_the_targets_scores():
    table = planted(0.5)
    with pytest.raises(panel.InputError, match=r"outside --range 0,5; give the ends of its scale"):
        panel.audit(table, target="people", range=(0, 5), **QUICK)
    for wrong in ((1, 1), (2, 1), (0, float("inf")), (0, 1, 2), "0,1", 3, (None, 2)):
        with pytest.raises(panel.InputError, match="it must be two numbers, the lowest and the highest"):
            rating_scale(wrong)
    assert rating_scale((0, np.int64(1))) == rating_scale(["0", 1.0]) == (0.0, 1.0)


def test_sentences_promise_what_the_numbers_do():
    near, far = (
        panel.audit(planted(noise), target="people", **QUICK)["people"].average for noise in (0.2, 9.0)
    )
    first = near.bounds[0]
    assert first.share_interval.upper < 1 and first.error == "square"
    assert f"at most {first.loss:.3g} (interval {first.interval.lower:.3g} to " in near.sentence
    assert f"{100 * first.share:.3g} % of the {near.stake:.3g} that a constant guess" in near.sentence
    assert "nothing is promised" not in near.sentence and "it may be no less" not in near.sentence
    by_itself = next(bound.loss for bound in near.bounds if bound.error == "absolute")
    assert f"would be {by_itself:.3g} by the mean absolute error alone" in near.sentence

    def told(**changes):
        bound = dataclasses.replace(first, **changes)
        report = dataclasses.replace(near, bounds=(bound, *near.bounds[1:]))
        return words.average("people", report, moved=False)

    assert "it may be no less" in told(share_interval=Interval(0.9, 1.0))
    assert "nothing is promised" in told(share=1.0, share_interval=Interval(0.9, 1.2))
    assert "This follows from the mean absolute error: the best mixture" in told(error="absolute")
    assert far.bounds[0].share > near.bounds[0].share


def test_intervals_are_those_of_resampled_rows_with_the_mixture_as_it_is():
    table = planted(1.0)
    audit = panel.audit(table, target="people", bootstrap=2_000, shuffles=19, splits=0)["people"]
    bound = audit.average.bounds[0]
    train = panel_train(len(table["people"]))
    guess = sum(weight * table[model] for model, weight in bound.weights.items()) + bound.offset_raw
    losses = bound.factor * (table["people"] - guess)[~train] ** 2
    assert losses.mean() == pytest.approx(bound.loss, rel=1e-6)
    random = np.random.default_rng(0)
    means = losses[random.integers(len(losses), size=(2_000, len(losses)))].mean(axis=1)
    lower, upper = np.quantile(means, [0.025, 0.975])
    width = upper - lower
    assert bound.interval.lower == pytest.approx(min(lower, bound.loss**2 / upper), abs=0.06 * width)
    assert bound.interval.upper == pytest.approx(max(upper, bound.loss**2 / lower), abs=0.06 * width)


@pytest.mark.parametrize(
    ("draws", "lower", "upper"),
    [
        ([0.8, 0.9, 1.0, 1.5], 2 / 3, 1.5),  # draws too large by half: as likely too small by it
        ([0.5, 0.9, 1.0, 1.1], 0.5, 2.0),
        ([0.0, 0.9, 1.0, 1.5], 0.0, 1.5),  # nothing is reflected in 0
    ],
)
def test_each_end_is_the_farther_of_the_draws_and_their_reflection(draws, lower, upper):
    means = average._Means(np.array([1.0, 2.0]), np.column_stack([draws, np.full(4, 2.0)]), 1.0)
    assert means.of(0, 3.0) == (3.0, Interval(3 * lower, 3 * upper))
    assert means.share(0) == (0.5, Interval(lower / 2, upper / 2))


def panel_train(rows):
    """The train rows of an audit with seed 0 of a table without groups."""
    chosen = np.zeros(rows, bool)
    chosen[np.random.default_rng([0, 0]).permutation(rows)[: round(rows * 2 / 3)]] = True
    return chosen
