"""Pictures and tables show the numbers of the results, and say what they are."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.testing.compare import compare_images

import jaxgame as jg
from jaxgame.competition import LeaderClosure, SchemeTrace, WorstRichEquilibrium
from jaxgame.core.revision import ENDS
from jaxgame.drawing import beliefs as drawn_beliefs
from jaxgame.drawing import tables
from jaxgame.selection import LearningTrace, OfferTrace
from jaxgame.users import UsersTrace

mpl.use("agg")
ROOT = Path(__file__).parent.parent
JUDGE = jg.make_game([0.7, 0.3], np.eye(2), [[[0.0, 1.0], [0.0, 1.0]]])
THREE = jg.make_game(np.full(3, 1 / 3), np.eye(3), np.zeros((1, 3, 3)))
ZERO = jnp.zeros(())


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    pyplot.close("all")


def offers(end="converged", steps=2):
    return OfferTrace(
        follower=jnp.array([0.7, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        offers=jnp.zeros((8, 2)),
        leaders=jnp.arange(16.0).reshape(8, 2),
        selected=jnp.zeros(8, jnp.int32),
        gain=jg.Bracket(jnp.zeros(8), jnp.full(8, 0.125)),
        outcome=jnp.zeros((1, 2, 2)),
        end=jnp.array(ENDS.index(end)),
        steps=jnp.array(steps),
    )


def learnt(horizons=()):
    some = jnp.zeros((*horizons, 2))
    return LearningTrace(
        outcome=jnp.zeros((*horizons, 1, 2, 2)),
        follower=some[..., 0],
        loss=jg.Bracket(some[..., 0], some[..., 0]),
        leaders=some,
        regret=jg.Bracket(some, jnp.broadcast_to(jnp.array([0.01, 0.03]), some.shape)),
        menu_regret=some,
        kept=some,
        offers=jnp.zeros((2, 1, 2, 2)),
        path=jnp.array([0.0, 1.0, 1.0, 0.0]),
        consulted=jnp.array(2),
    )


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def is_complete(axes):
    assert axes.get_title(loc="left") and axes.get_xlabel() and axes.get_ylabel()


def test_a_value_curve_is_drawn_with_its_proof():
    found = jg.leader_frontier(JUDGE, 0)
    axes = found.plot()
    is_complete(axes)
    attained, proved = lines(axes)["attained, with its kinks"], lines(axes)["no offer earns more"]
    np.testing.assert_array_equal(attained.get_xdata(), found.worth)
    np.testing.assert_array_equal(attained.get_ydata(), found.earned)
    # f(v) = 2 (1 - v) from no information, .7, to full information, 1, and .3 there: (0.7, 0.6) to (1, 0.3).
    np.testing.assert_allclose(proved.get_ydata(), 1.3 - proved.get_xdata(), atol=1e-9)
    assert proved.get_xdata()[0] == pytest.approx(0.7)


def test_a_process_is_drawn_until_it_ends():
    trace = offers()
    axes = trace.plot()
    is_complete(axes)
    np.testing.assert_array_equal(lines(axes)["the user"].get_ydata(), trace.follower[:5])
    np.testing.assert_array_equal(lines(axes)["leader 1"].get_ydata(), trace.leaders[:5, 1])
    assert "converged after 2 revisions" in axes.get_title(loc="left")
    assert "more than 0.12 " in axes.get_title(loc="left")
    assert "no end in 7 revisions" in offers("limit", 7).plot().get_title(loc="left")
    assert "cycle closes after 1 revision\n" in offers("cycle", 1).plot().get_title(loc="left")
    styles = [(line.get_linestyle(), line.get_color()) for line in axes.get_lines()]
    assert len(set(styles)) == 3


def test_processes_of_all_competitions_are_drawn():
    gain, end = jg.Bracket(ZERO, ZERO + 0.5), jnp.array(0)
    heard = SchemeTrace(
        follower=jnp.ones(3), leaders=jnp.ones((3, 9)), schemes=jnp.ones((9, 2, 1)), gain=gain, end=end,
        steps=jnp.array(0),
    )  # fmt: skip
    assert lines(heard.plot())["leaders, 9 of them"].get_color() == "0.7"
    users = UsersTrace(
        users=jnp.array([[0.0, 1.0], [2.0, 3.0]]), leaders=jnp.ones((2, 1)), offers=jnp.ones((1, 2, 2, 2)),
        selected=jnp.zeros((2, 2), jnp.int32), gain=gain, end=end, steps=jnp.array(1),
    )  # fmt: skip
    np.testing.assert_array_equal(lines(users.plot())["user 1"].get_ydata(), [1.0, 3.0])


@pytest.mark.parametrize("horizons", [(), (3,)])
def test_learning_is_drawn_round_by_round(horizons):
    axes = learnt(horizons).plot()
    is_complete(axes)
    np.testing.assert_allclose(lines(axes)["on average so far"].get_ydata(), [0, 1 / 2, 2 / 3, 1 / 2])
    assert "4 rounds: 0.5 " in axes.get_title(loc="left")
    assert "more than 0.03" in axes.get_title(loc="left")


def test_a_mixture_and_its_proof_are_drawn():
    fit = jg.hull_distance([0.0, 1.0, 0.0], [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0], [9.0, 0.0, 0.0]])
    for part in ("weights", "measure"):
        axes = fit.plot(part=part)
        is_complete(axes)
        np.testing.assert_array_equal([bar.get_height() for bar in axes.patches], getattr(fit, part))
    with pytest.raises(ValueError, match=r"part is 'weight'; it must be 'weights' or 'measure'"):
        fit.plot(part="weight")


def test_messages_with_one_belief_share_a_stem():
    scheme = [[4 / 14, 3 / 7, 4 / 14, 0.0], [0.0, 1.0, 0.0, 0.0]]
    axes = jg.update([0.7, 0.3], scheme).plot()
    is_complete(axes)
    stems = lines(axes)["a message"]
    np.testing.assert_allclose(stems.get_xdata(), [0.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(stems.get_ydata(), [0.4, 0.6], atol=1e-12)
    assert [text.get_text() for text in axes.texts] == ["0, 2", "1", "prior"]
    assert axes.get_lines()[-1].get_xdata()[0] == pytest.approx(0.3)


def test_every_type_has_its_stems():
    axes = jg.update([[0.1, 0.3], [0.3, 0.3]], np.eye(2)).plot()
    np.testing.assert_allclose(lines(axes)["type 0"].get_ydata(), [0.25, 0.75])
    assert lines(axes)["type 0"].get_marker() != lines(axes)["type 1"].get_marker()


CLOSURE = LeaderClosure(
    value=jg.Bracket(ZERO + 0.6, ZERO + 0.6),
    posteriors=jnp.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]),
    weights=jnp.array([0.6, 0.4, 0.0]),
)


def test_a_closure_is_drawn_over_the_leaders_curve():
    axes = CLOSURE.plot(JUDGE, 0)
    is_complete(axes)
    curve, hull = lines(axes)["the leader earns at that belief"], lines(axes)["its concave closure"]
    away = np.abs(curve.get_xdata() - 0.5) > 1e-6
    np.testing.assert_array_equal(curve.get_ydata()[away], curve.get_xdata()[away] > 0.5)
    np.testing.assert_allclose(np.interp(0.3, hull.get_xdata(), hull.get_ydata()), 0.6, atol=1e-6)
    used = lines(axes)["beliefs of the best signal"]
    assert {(x, y) for x, y in zip(used.get_xdata(), used.get_ydata(), strict=True)} == {
        (0.5, 1.0),
        (0.0, 0.0),
    }
    smooth = CLOSURE.plot(JUDGE, 0, rationality=10.0)
    drawn = lines(smooth)["the leader earns at that belief"]
    np.testing.assert_allclose(drawn.get_ydata(), 1 / (1 + np.exp(10 * (1 - 2 * drawn.get_xdata()))))


def test_the_curve_of_a_leader_is_what_the_library_computes():
    """With types, for both kinds of followers, against beliefs, responses and outcomes of the library."""
    game = jg.sampling.Uniform().sample(jax.random.key(3), jg.sampling.Shape(1, 3, 2, 3), 1.0)
    marginal = game.prior.sum(0)
    for belief in (0.2, 0.7):
        public = jnp.array([1 - belief, belief])
        prior = public[None] * game.prior / marginal[None]
        told = jg.update(prior, jnp.ones((2, 1)))
        values = jg.action_values(told.posterior, game.follower)
        for rationality, response in (
            (np.inf, jg.best_response(values)),
            (4.0, jg.quantal_response(values, 4.0)),
        ):
            expected = (jg.outcome(prior, jnp.ones((2, 1)), response) * game.leaders[0]).sum()
            drawn = drawn_beliefs.earned_at(
                np.array([belief]), *(np.asarray(x) for x in (game.prior, game.follower, game.leaders[0])),
                rationality,
            )  # fmt: skip
            np.testing.assert_allclose(drawn, [expected], rtol=1e-12)


def test_concave_hulls_touch_where_they_should():
    x = np.arange(6.0)
    assert drawn_beliefs.concave_hull(x, np.array([0.0, 0.0, 3.0, 1.0, 3.0, 0.0])).tolist() == [0, 2, 4, 5]
    assert drawn_beliefs.concave_hull(x, 2 * x).tolist() == [0, 5]


def test_an_equilibrium_is_drawn_as_a_law():
    found = WorstRichEquilibrium(
        value=jg.Bracket(ZERO + 0.7, ZERO + 0.7), loss=jg.Bracket(ZERO, ZERO),
        posteriors=CLOSURE.posteriors, weights=CLOSURE.weights, responses=jnp.ones((3, 1, 2)), slack=ZERO,
        converged=jnp.array(True), candidates=jnp.array(3), open=jnp.array(0), pivots=jnp.array(1),
    )  # fmt: skip
    axes = found.plot()
    is_complete(axes)
    np.testing.assert_array_equal(lines(axes)["a public belief"].get_xdata(), [0.0, 0.5])
    assert "0.7" in axes.get_title(loc="left")


def test_pictures_go_where_they_are_asked_to():
    _, (left, right) = pyplot.subplots(1, 2)
    assert offers().plot(right) is right and learnt().plot(ax=left) is left
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize(
    ("draw", "complaint"),
    [
        (lambda: jg.update([0.2, 0.3, 0.5], np.eye(3)).plot(), "posterior has 3 states; it must have 2"),
        (lambda: CLOSURE.plot(JUDGE, 1), "leader is 1"),
        (lambda: CLOSURE.plot(JUDGE, 0, rationality=-1.0), "rationality is -1.0; it must be at least 0"),
        (lambda: CLOSURE.plot(THREE, 0), "game has 3 states; it must have 2"),
        (lambda: jax.tree.map(lambda x: x[None], offers()).plot(), r"leaders has shape \(1, 8, 2\)"),
        (lambda: jax.tree.map(lambda x: x * jnp.nan, CLOSURE).plot(JUDGE, 0), "weights is NaN"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, complaint):
    with pytest.raises(ValueError, match=complaint):
        draw()
    assert not pyplot.get_fignums()  # and no empty figure is left


def test_a_game_is_a_table_in_a_notebook():
    html = jg.make_game([0.7, 0.3], np.eye(2), [[[0.0, 1.25], [-2.0, 1.0]]])._repr_html_()
    assert "Game(1 leaders, 1 types, 2 states, 2 actions)" in html
    assert "<tr><td>0</td><td>0.7</td><td>1</td><td>0</td><td>0</td><td>1.25</td></tr>" in html
    assert html.count("<tr>") == 4 and "type" not in html.split("</p>")[1]
    assert (
        "type" in jg.make_game(np.full((2, 2), 0.25), np.ones((2, 2, 2)), np.ones((1, 2, 2, 2)))._repr_html_()
    )


def test_games_that_are_large_or_unknown_are_told_in_a_line():
    large = jg.make_game(np.full(40, 1 / 40), np.ones((40, 2)), np.ones((1, 40, 2)))
    assert "<table>" not in large._repr_html_()
    assert "<table>" not in jax.tree.map(lambda x: x[None], JUDGE)._repr_html_()
    strange = SimpleNamespace(prior="<script>", follower=None, leaders=None)
    assert "&lt;script&gt;" in tables.game(strange) and "<script>" not in tables.game(strange)
    seen = []
    jax.jit(lambda game: seen.append(game._repr_html_()) or game.prior)(JUDGE)
    assert "<table>" not in seen[0]


def test_brackets_are_tables_rounded_outwards():
    third = 1 / 3
    html = jg.Bracket(jnp.array(third), jnp.array(2 * third))._repr_html_()
    assert "<td>0.333333333</td><td>0.666666667</td><td>0.33</td>" in html
    assert "(the ends cross)" in jg.Bracket(jnp.array(1.0), jnp.array(0.0))._repr_html_()
    assert "<td>-inf</td><td>inf</td>" in jg.Bracket(jnp.array(-jnp.inf), jnp.array(jnp.inf))._repr_html_()
    many = jg.Bracket(jnp.zeros((6, 5)), jnp.ones((6, 5)))._repr_html_()
    assert many.count("<tr>") == 21 and "and 10 more" in many and "<td>3, 4</td>" in many
    assert "Tracer" in _traced_html() and "<table>" not in _traced_html()


def _traced_html():
    seen = []
    jax.jit(lambda x: seen.append(jg.Bracket(x, x)._repr_html_()) or x)(jnp.zeros(()))
    return seen[0]


@pytest.mark.parametrize("end", [1 / 3, -1 / 3, 123456789.4, -123456789.4, 1e-30, 0.0, -2.5e17, 1.0])
def test_rounding_goes_outwards_by_little(end):
    low, high = (float(tables.rounded(end, up=up)) for up in (False, True))
    assert low <= end <= high and high - low <= 2e-8 * abs(end)


def test_the_gallery_shows_pictures_that_are_there():
    pictures = _pictures()
    named = [picture for _, picture in pictures.BLOCK.findall(pictures.PAGE.read_text()) if picture]
    kept = {path.name for path in (ROOT / "docs" / "figures" / "gallery").iterdir()}
    assert len(named) == len(set(named)) and {Path(name).name for name in named} == kept


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_gallery_shows_what_its_code_draws(tmp_path):
    for path in _pictures().draw(tmp_path):
        kept = ROOT / "docs" / path.relative_to(tmp_path)
        assert compare_images(str(kept), str(path), tol=3) is None


def _pictures():
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
