"""Rating games, of scores given and of a panel's: utilities by hand, distances by formulas in the scores."""

import dataclasses

import jax
import numpy as np
import polars as pl
import pytest

import jaxgame as jg
from jaxgame.panel import PanelGames
from jaxgame.sampling import Shape
from tests.reference import rating as reference
from tests.reference.audit import square_bound

SHAPE = Shape(leaders=5, types=1, states=4, actions=6)


def draw(family, shape=SHAPE, diversity=1.0, count=4, seed=0):
    keys = jax.random.split(jax.random.key(seed), count)
    return jax.jit(jax.vmap(lambda key: family.sample(key, shape, diversity)))(keys)


def scores_of(utilities, low=0.0, high=10.0):
    """The scores x that utilities -(a - x)^2 at the ends of the scale, first and last, are of."""
    return (utilities[..., -1] - utilities[..., 0] + high**2 - low**2) / (2 * (high - low))


# Games from scores


def test_a_small_game_by_hand():
    """Ratings 0, 1 and 3 of two items; she wants 1 and 2, one model 3 and 0, another 1 and 2.5."""
    game = jg.rating_game([[3, 0], [1, 2.5]], target=[1, 2], ratings=[0, 1, 3], prior=[0.25, 0.75])
    np.testing.assert_array_equal(game.prior, [[0.25, 0.75]])
    np.testing.assert_array_equal(game.follower, [[[-1, 0, -4], [-4, -1, -1]]])
    np.testing.assert_array_equal(
        game.leaders, [[[[-9, -4, 0], [0, -1, -9]]], [[[-1, 0, -4], [-6.25, -2.25, -0.25]]]]
    )
    assert float(jg.full_information_value(game)) == -0.75
    np.testing.assert_array_equal(jg.rating_game([[3, 0]], [1, 2], [0, 1]).prior, [[0.5, 0.5]])


def random_game(seed, leaders, items, actions):
    """Scores anywhere, ratings from -1 to 2 without regularity, a prior with small entries."""
    rng = np.random.default_rng(seed)
    scores, target = rng.uniform(-1.5, 2.5, (leaders, items)), rng.uniform(-1, 2, items)
    ratings = np.r_[-1, np.sort(rng.uniform(-1, 2, actions - 2)), 2]
    return scores, target, ratings, rng.dirichlet(np.full(items, 0.5))


SIZES = [(1, 3, 2), (3, 2, 4), (6, 4, 5), (20, 6, 3), (4, 12, 7)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_distances_are_the_largest_errors_of_mixtures_of_scores(size):
    largest = 0.0
    for seed in range(5):
        scores, target, ratings, prior = random_game(seed, *size)
        fit = jg.game_hull_distance(jg.rating_game(scores, target, ratings, prior), "state")
        expected = 3 * reference.largest_error(scores, target)
        assert float(fit.distance.lower) <= expected + 1e-9
        np.testing.assert_allclose(float(fit.distance.upper), expected, rtol=0, atol=1e-9)
        largest = max(largest, expected)
    assert largest > 0.1


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_average_distances_are_the_mean_errors_of_mixtures_of_scores(size):
    """D = 2 L E|sum_i w_i x_i - h|, however the ratings lie between the ends of the scale."""
    largest = 0.0
    for seed in range(5):
        scores, target, ratings, prior = random_game(seed, *size)
        fit = jg.game_hull_distance(jg.rating_game(scores, target, ratings, prior), norm="mean")
        expected = 2 * 3 * reference.mean_error(scores, target, prior)
        assert float(fit.distance.lower) <= expected + 1e-9
        np.testing.assert_allclose(float(fit.distance.upper), expected, rtol=0, atol=1e-9)
        largest = max(largest, expected)
    assert largest > 0.1


def games_of_three_ratings(count, leaders):
    """Scores, targets and priors of small games with ratings 0 to 4 that hold every target."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        target = np.sort(rng.choice(5, 3, replace=False)).astype(float)
        # Even seeds: each model is off by as much on every item; odd ones: by its own on each.
        off = 0.1 + np.abs(rng.normal(size=(leaders, 1))) if seed % 2 == 0 else rng.normal(size=(leaders, 3))
        yield target + off, target, rng.dirichlet(np.ones(3))


def test_four_mean_squared_errors_bound_what_outcomes_cost_that_leaders_like():
    """E (a - h)^2 <= 4 min_w E (sum_i w_i x_i - h)^2 where no leader would rather have her know all.

    A leader could offer full information, so that every equilibrium is among these outcomes. Some of them
    come near to the bound, and it is often below the one by absolute errors.
    """
    shares, sharper = [], 0
    for scores, target, prior in games_of_three_ratings(60, leaders=2):
        loss = reference.largest_loss(scores, target, np.arange(5.0), prior)
        bound = square_bound(scores.T, target, prior, "simplex")
        assert loss <= bound + 1e-9
        shares.append(loss / bound)
        sharper += bound < 2 * 4 * reference.mean_error(scores, target, prior)
    assert max(shares) > 0.7 and sharper > 30


@pytest.mark.slow
def test_four_mean_squared_errors_bound_what_equilibria_cost():
    drawn = list(games_of_three_ratings(24, leaders=2))
    games = [jg.rating_game(scores, target, np.arange(5.0), prior) for scores, target, prior in drawn]
    together = jax.tree.map(lambda *parts: np.stack(parts), *games)
    loss = jax.jit(jax.vmap(lambda game: jg.selection.worst_equilibrium(game).loss))(together)
    for (scores, target, prior), lower in zip(drawn, loss.lower.tolist(), strict=True):
        assert lower <= square_bound(scores.T, target, prior, "simplex") + 1e-9
        assert lower <= reference.largest_loss(scores, target, np.arange(5.0), prior) + 1e-9
    assert loss.lower.max() > 0.1


def test_the_reference_is_the_best_of_all_mixtures_of_two():
    scores, target, _, prior = random_game(3, 2, 4, 2)
    share = np.linspace(0, 1, 20_001)[:, None]
    errors = np.abs(share * scores[:1] + (1 - share) * scores[1:] - target)
    assert reference.largest_error(scores, target) == pytest.approx(errors.max(1).min(), abs=1e-3)
    assert reference.mean_error(scores, target, prior) == pytest.approx((errors @ prior).min(), abs=1e-3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ratings": [1, 3, 3]}, r"ratings\[2\] is 3, after 3; ratings must increase"),
        ({"ratings": [2]}, "ratings has 1 entry; it must have at least 2"),
        ({"ratings": [[1, 2]]}, r"ratings has 2 axes \(shape \(1, 2\)\); it must be \[A\]"),
        ({"ratings": [1, np.inf]}, r"ratings\[1\] is inf"),
        ({"target": [1, 2]}, r"target has shape \(2,\); it must be \[S\] = \(3,\), as scores is \[K, S\]"),
        ({"target": [1, 2, np.nan]}, r"target\[2\] is nan"),
        ({"scores": [1, 2, 3]}, r"scores has 1 axes \(shape \(3,\)\); it must be \[K, S\]"),
        ({"scores": np.zeros((0, 3))}, r"scores has shape \(0, 3\); every axis"),
        ({"scores": [[1, 2, np.nan]]}, r"scores\[0, 2\] is nan"),
        ({"prior": [0.5, 0.5]}, r"prior has shape \(2,\); it must be \[S\] = \(3,\)"),
        ({"prior": [0.5, 0.5, 0.5]}, r"prior sums to 1\.5"),
        ({"prior": [1.5, -0.5, 0.0]}, r"prior\[0, 1\] is -0\.5; probabilities must be at least 0"),
    ],
)
def test_bad_scores_are_named(changed, message):
    good = {"scores": [[1.0, 2.0, 3.0]], "target": [1.0, 2.0, 3.0], "ratings": [1.0, 2.0, 3.0]}
    assert jg.rating_game(**good)
    with pytest.raises(ValueError, match=message):
        jg.rating_game(**good | changed)


# Games of a panel

MODELS, ITEMS = 7, 40


@pytest.fixture
def told(tmp_path):
    """Scores that tell where they stand: model m scores item n m + n / 64, and the target is 8 + n / 64."""
    at = np.arange(ITEMS) / 64
    columns = {f"model {m}": m + at for m in range(MODELS)}
    pl.DataFrame({"text": ["x"] * ITEMS, **columns, "human": 8 + at}).write_csv(tmp_path / "told.csv")
    return PanelGames(str(tmp_path / "told.csv"), "human")


def places(games):
    """Of games of the table `told`: the items [N, S] and the models [N, K], checked to be so throughout."""
    target = scores_of(np.asarray(games.follower[:, 0]))  # [N, S]
    scores = scores_of(np.asarray(games.leaders[:, :, 0]))  # [N, K, S]
    items, models = (target - 8) * 64, np.floor(scores[..., 0] + 1e-9)
    np.testing.assert_allclose(scores, models[..., None] + (target - 8)[:, None], atol=1e-9)
    return items.round().astype(int), models.astype(int)


def test_items_and_models_are_drawn_without_replacement(told):
    shape = dataclasses.replace(SHAPE, leaders=MODELS, states=ITEMS)
    items, models = places(draw(told, shape))
    assert all(sorted(row) == list(range(ITEMS)) for row in items.tolist())
    assert all(sorted(row) == list(range(MODELS)) for row in models.tolist())
    assert len({*map(tuple, items.tolist())}) == len({*map(tuple, models.tolist())}) == 4


def test_items_and_models_are_drawn_uniformly_and_apart(told):
    """Counts of 4,000 draws of one item and one model each: each pair is as likely as another."""
    items, models = places(draw(told, Shape(1, 1, 1, 2), count=4000))
    pairs = np.bincount(items[:, 0] * MODELS + models[:, 0], minlength=ITEMS * MODELS)
    expected = 4000 / (ITEMS * MODELS)
    chi_square = ((pairs - expected) ** 2).sum() / expected
    assert pairs.size == ITEMS * MODELS
    assert abs(chi_square - (pairs.size - 1)) < 4 * np.sqrt(2 * pairs.size)  # four standard deviations


def test_utilities_are_of_ratings_equally_spaced_on_the_scale(told):
    game = told.sample(jax.random.key(3), Shape(2, 1, 3, 5), 1.0)
    ratings, target = [0.0, 2.5, 5.0, 7.5, 10.0], scores_of(np.asarray(game.follower[0]))
    np.testing.assert_allclose(game.follower[0], reference.utilities(target, ratings), atol=1e-12)
    np.testing.assert_allclose(game.prior, np.full((1, 3), 1 / 3), atol=1e-15)
    assert game.follower.max() <= 0 and game.leaders.max() <= 0


def test_leaders_are_nested_and_apart_from_items(told):
    """The first leaders are the same however many more there are, and so are the items."""
    many = draw(told, dataclasses.replace(SHAPE, leaders=MODELS), 0.5)
    few = draw(told, dataclasses.replace(SHAPE, leaders=2), 0.5)
    np.testing.assert_array_equal(many.leaders[:, :2], few.leaders)
    np.testing.assert_array_equal(many.follower, few.follower)
    more_actions = draw(told, dataclasses.replace(SHAPE, actions=11), 0.5)
    np.testing.assert_allclose(more_actions.follower[..., ::2], many.follower, atol=1e-12)


def test_diversity_goes_from_one_model_to_all(told):
    none, half, full = (scores_of(np.asarray(draw(told, SHAPE, d).leaders[:, :, 0])) for d in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(none, none[:, :1].repeat(SHAPE.leaders, axis=1))
    np.testing.assert_allclose(half, (none + full) / 2, atol=1e-12)
    common = np.floor(none[:, 0, 0] + 1e-9)
    assert set(common) <= set(range(MODELS))
    everyone = draw(told, Shape(1, 1, 1, 2), 0.0, count=200)
    assert {int(m) for m in np.floor(scores_of(np.asarray(everyone.leaders)) + 1e-9).ravel()} == set(
        range(MODELS)
    )


def test_the_bundled_table_gives_its_rows():
    """All 86 models: the scores of a drawn item, in order, are those of a row."""
    bundled = jg.panel.load("eqbench")
    rows = np.concatenate([bundled.target[:, None], np.sort(bundled.scores, axis=1)], 1)
    games = draw(PanelGames(), Shape(86, 1, 5, 3))
    target, scores = (
        scores_of(np.asarray(games.follower[:, 0])),
        scores_of(np.asarray(games.leaders[:, :, 0])),
    )
    for i, s in np.ndindex(4, 5):
        drawn = np.array([target[i, s], *np.sort(scores[i, :, s])])
        assert np.abs(rows - drawn).max(1).min() < 1e-6


def test_incomplete_rows_are_left_out(tmp_path):
    rows = {
        "a": [1.0, None, 3.0, 4.0, 5.0],
        "b": [1.0, 2.0, float("nan"), 4.0, 6.0],
        "human": [1, 2, 3, None, 7],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "holes.parquet")
    family = PanelGames(str(tmp_path / "holes.parquet"), "human")
    np.testing.assert_array_equal(family.table.scores, [[1.0, 5.0], [1.0, 6.0]])
    np.testing.assert_array_equal(family.table.target, [1.0, 7.0])
    assert family.table.models == ("a", "b")


def test_a_table_is_read_once_and_again_when_it_changes(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("a,human\n1,2\n3,4\n")
    first, second = PanelGames(str(path), "human"), PanelGames(str(path), "human")
    assert first == second and hash(first) == hash(second) and first.table is second.table
    path.write_text("a,human\n1,2\n3,4\n5,6\n")
    third = PanelGames(str(path), "human")
    assert third != first and third.table.scores.shape == (1, 3) and first.table.scores.shape == (1, 2)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Shape(2, 2, 3, 3), "types is 2; it must be 1: a user"),
        (Shape(MODELS + 1, 1, 3, 3), "leaders is 8; it must be at most 7, the number of models of"),
        (Shape(2, 1, ITEMS + 1, 3), "states is 41; it must be at most 40, the number of complete rows of"),
        (Shape(2, 1, 3, 1), "actions is 1; it must be at least 2"),
    ],
)
def test_sizes_that_a_table_does_not_have_are_named(told, shape, message):
    with pytest.raises(ValueError, match=message):
        told.sample(jax.random.key(0), shape, 1.0)
    with pytest.raises(ValueError, match=message):
        draw(told, shape)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "eqbnch"}, r"'eqbnch'; it must be one of .*did you mean 'eqbench'"),
        ({"source": "senate"}, "target of 'senate' is None; it must be the column"),
        ({"target": "human"}, "fixed for the bundled panel 'eqbench'"),
        ({"source": "t.csv"}, "target of .*t.csv' is None"),
        ({"source": "t.csv", "target": "humans"}, "no column 'humans'; near are 'human'"),
        ({"source": "empty.csv", "target": "human"}, "each of 2 rows misses one of 2 columns' scores"),
        (
            {"source": "t.csv", "target": "human", "high": 3.5},
            "where 'the target' scores from 2 to 4; scores must be",
        ),
        (
            {"source": "t.csv", "target": "human", "low": 1.5},
            "where 'a' scores from 1 to 3; scores must be from low",
        ),
        ({"low": 10.0}, r"low is 10\.0 and high 10\.0"),
        ({"high": float("inf")}, "high inf"),
        ({"low": float("nan")}, "low is nan"),
    ],
)
def test_bad_tables_are_named(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,human\n1,2\n3,4\n")
    (tmp_path / "empty.csv").write_text("a,human\n1,\n,4\n")
    with pytest.raises(ValueError, match=message):
        PanelGames(**given)
