"""Best-AI selection against closed forms, a scan by HiGHS, brute force over menus, and the bound."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import selection, theorems
from jaxgame.core.units import standard
from jaxgame.sampling import FAMILIES, Shape
from jaxgame.selection import search
from jaxgame.selection.exclusion import Curves, Interval
from jaxgame.selection.search import Search
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.reference import selection as reference


@functools.cache
def compiled():
    worst = jax.vmap(lambda game, slack: selection.worst_equilibrium(game, slack=slack), (0, None))
    return jax.jit(worst)


def batched(slack=0.0):
    return lambda batch: compiled()(batch, jnp.asarray(slack))


def games(seed: int, count: int, leaders: int, size: int, mixed: bool = False) -> jg.Game:
    """Random games with one type; with `mixed` the follower's utility is a mixture of the leaders'."""
    rng = np.random.default_rng(seed)
    prior, theirs = rng.dirichlet(np.ones(size), count), rng.random((count, leaders, 1, size, size))
    follower = rng.random((count, 1, size, size))
    if mixed:
        follower = np.einsum("nk,nktsa->ntsa", rng.dirichlet(np.ones(leaders), count), theirs)
    return jax.vmap(jg.Game)(prior[:, None], follower, theirs)


def in_shares(batch, slack=0.0):
    """Worst equilibria of any number of games, 64 at a time: one program for all tests."""
    count = len(batch.prior)
    shares = np.arange(count + -count % 64).reshape(-1, 64) % count
    found = [batched(slack)(jax.tree.map(lambda x, rows=rows: x[rows], batch)) for rows in shares]
    return jax.tree.map(lambda *x: np.concatenate(x)[:count], *found)


# The worst equilibrium


@functools.cache
def compiled_alone():
    return jax.jit(lambda game, slack: selection.worst_equilibrium(game, slack=slack))


def worst(slack=0.0):
    return lambda game: compiled_alone()(game, jnp.asarray(slack))


def test_identical_prosecutors_leave_the_judge_at_no_information():
    found = worst()(judge(PROSECUTOR, PROSECUTOR, PROSECUTOR))
    assert float(found.value.lower) == pytest.approx(0.7, abs=1e-6)
    assert float(found.value.upper) == pytest.approx(0.7, abs=1e-6)
    assert bool(found.converged)


def test_one_defender_makes_full_information_the_only_equilibrium():
    found = worst()(judge(PROSECUTOR, PROSECUTOR, DEFENDER))
    assert 1 - 1e-6 <= float(found.value.lower) <= float(found.value.upper) <= 1 + 1e-12


@pytest.mark.slow
def test_slack_lets_prosecutor_and_defender_stop_short_of_full_information():
    """Allowed a gain of 0.1, they may leave her at 0.9: they miss 2 (1 - v) = 2 * 0.1 of f_1 + f_2."""
    found = worst(0.1)(judge(PROSECUTOR, PROSECUTOR, DEFENDER))
    assert float(found.value.lower) == pytest.approx(0.9, abs=1e-6)
    assert float(found.value.upper) == pytest.approx(0.9, abs=1e-6)


@pytest.mark.slow
def test_a_single_leader_takes_its_best():
    found = worst()(judge(PROSECUTOR))
    assert float(found.value.lower) == pytest.approx(0.7, abs=1e-6)
    assert float((found.outcome * judge(PROSECUTOR).leaders[0]).sum()) == pytest.approx(0.6, abs=1e-7)


@pytest.mark.parametrize("count", [64, pytest.param(10_000, marks=pytest.mark.slow)])
def test_in_the_hull_every_equilibrium_is_worth_full_information(count):
    worst = 0.0
    for seed in range(0, count, 64):
        batch = games(seed, 64, 2, 3, mixed=True)
        full = np.asarray(jax.vmap(jg.full_information_value)(batch))
        found = batched()(batch)
        worst = max(worst, float((full - np.asarray(found.value.lower)).max()))
        assert bool(found.converged.all())
    print(f"largest loss among {count} games in the hull: {worst:.1e}")
    assert worst <= 1e-6


@pytest.mark.parametrize("each", [1, pytest.param(17, marks=pytest.mark.slow)])
def test_brackets_agree_with_a_scan_by_highs(each):
    """So many games of each family."""
    families, count = list(FAMILIES), each * len(FAMILIES)
    keys = jax.random.split(jax.random.key(5), 64)
    parts = [
        jax.vmap(lambda key, name=name: FAMILIES[name]().sample(key, Shape(2, 1, 3, 3), 0.7))(keys)
        for name in families
    ]
    first = [jax.tree.map(lambda x: x[:each], part) for part in parts]
    batch = jax.tree.map(lambda *x: jnp.concatenate(x), *first)
    found = in_shares(batch, slack=1e-8)
    assert found.converged.all()
    for i in range(count):
        game = jax.tree.map(np.asarray, one(batch, i))
        low, high = reference.worst_value(game.prior[0], game.follower[0], game.leaders[:, 0], points=40)
        # Both take 1e-8-equilibria; the scan may step over some: it bounds from above.
        assert found.value.lower[i] <= high + 1e-9
        assert low - 2e-6 <= found.value.upper[i] <= high + 2e-6


@pytest.mark.slow
def test_outcomes_found_are_equilibria_and_no_menu_holds_a_worse_one():
    """Brute force: of all schemes on a grid none below the bracket is an equilibrium, even of the menu."""
    batch = games(7, 16, 2, 2)
    found = batched()(batch)
    gain = jax.jit(jax.vmap(selection.exploitability))(batch, found.outcome)
    assert float(gain.upper.max()) <= 1e-7
    share = np.linspace(0, 1, 201)
    looked_at = 0
    first, second = (x.ravel() for x in np.meshgrid(share, share))
    for i in range(16):
        game = jax.tree.map(np.asarray, one(batch, i))
        prior, u = game.prior[0], game.follower[0]
        menu = np.stack([np.stack([first, 1 - first], 1), np.stack([second, 1 - second], 1)], 1)
        menu = prior[None, :, None] * menu  # [N,S,A]
        gaps = np.einsum("nsa,sab->nab", menu, u[:, :, None] - u[:, None, :])
        menu = menu[gaps.min((1, 2)) >= -1e-12]
        worth, theirs = np.einsum("nsa,sa->n", menu, u), np.einsum("nsa,ksa->nk", menu, game.leaders[:, 0])
        order = np.argsort(-worth)
        menu, worth, theirs = menu[order], worth[order], theirs[order]
        best = np.maximum.accumulate(theirs, axis=0)  # over all worth at least as much
        # An outcome that loses to the menu by more than rounding loses to all schemes too.
        beaten = (best - theirs).max(axis=1) > 1e-9
        below = worth < float(found.value.lower[i]) - 0.02  # a few grid steps
        assert beaten[below].all()
        looked_at += below.sum()
    assert looked_at > 1000


@pytest.mark.slow
@pytest.mark.parametrize("family", list(FAMILIES))
def test_no_draw_violates_the_bound(family):
    """V >= OPT - 2 eps at every equilibrium, eps with state offsets (theory, section 4 (3))."""
    keys = jax.random.split(jax.random.key(8), 64)
    batch = jax.vmap(lambda key: FAMILIES[family]().sample(key, Shape(2, 1, 3, 3), 0.7))(keys)
    full = np.asarray(jax.vmap(jg.full_information_value)(batch))
    found, distance = batched()(batch), sup_distances()(batch)
    assert bool(found.converged.all())
    assert (np.asarray(found.value.lower) >= full - 2 * np.asarray(distance) - 1e-6).all()


@pytest.mark.slow
def test_the_theorem_is_checked_in_three_values():
    """In the hull the bound is OPT itself; prosecutors alone are far from it, and so is their bound."""
    names = theorems.VERDICTS
    inside = jax.tree.map(jnp.asarray, one(games(0, 64, 2, 2, mixed=True), 0))
    outside = judge(PROSECUTOR, PROSECUTOR)
    check = jax.jit(theorems.best_ai_selection)
    for game, worst in ((inside, float(jg.full_information_value(inside))), (outside, 0.7)):
        found = check(game)
        assert names[int(found.holds)] == "yes"
        assert float(found.worst.lower) == pytest.approx(worst, abs=1e-6)
        assert float(found.state.lower) <= float(found.constant.upper) + 1e-9
        assert float(found.cone.lower) <= float(found.state.upper) + 1e-9
    assert float(found.bound.upper) == pytest.approx(1 - 2 * 0.5, abs=1e-9)
    with pytest.raises(ValueError, match="game has 1 leader"):
        theorems.best_ai_selection(judge(PROSECUTOR))


@functools.cache
def sup_distances():
    return jax.jit(jax.vmap(lambda game: jg.game_hull_distance(game, "state").distance.upper))


@pytest.mark.slow
def test_more_slack_allows_worse_equilibria():
    batch = games(9, 64, 2, 3)
    strict, loose = batched()(batch), batched(0.02)(batch)
    assert (np.asarray(loose.value.lower) <= np.asarray(strict.value.upper) + 1e-9).all()
    assert (np.asarray(loose.value.lower) < np.asarray(strict.value.lower) - 1e-4).any()


# Exploitability


def test_exploitability_by_hand():
    game = judge(PROSECUTOR, DEFENDER)
    nothing = jnp.array([[[0.7, 0.0], [0.3, 0.0]]])
    gain = selection.exploitability(game, nothing)  # the prosecutor convicts with probability 0.6
    assert float(gain.lower) == pytest.approx(0.6, abs=1e-12)
    assert float(gain.upper) == pytest.approx(0.6, abs=1e-12)


def test_outcomes_that_cannot_be_are_named():
    game = judge(PROSECUTOR, DEFENDER)
    with pytest.raises(ValueError, match=r"outcome misses the prior by 0\.2"):
        selection.exploitability(game, jnp.array([[[0.5, 0.0], [0.3, 0.0]]]))
    with pytest.raises(ValueError, match=r"where action 1 is taken, action 0 is better by 0\.4"):
        selection.exploitability(game, jnp.array([[[0.0, 0.7], [0.0, 0.3]]]))


# Dynamics


@functools.cache
def dynamics(order="in_turn", outbid=0.01, steps=60):
    key = jax.random.key(1) if order == "random" else None
    return jax.jit(
        jax.vmap(
            lambda game, offers: selection.best_response_dynamics(
                game, offers, order=order, outbid=outbid, steps=steps, key=key
            )
        )
    )


def test_leaders_compare_keeping_outbidding_and_withdrawing():
    """Three revisions by hand, at steps of .01: conviction with probability c costs the judge c - 0.3.

    The first prosecutor's offer is kept, but it likes the second's better than what would beat that, and
    withdraws; the second then asks for more, and the defender outbids it.
    """
    game = judge(PROSECUTOR, PROSECUTOR, DEFENDER)
    full, partly, nothing = [[0.7, 0.0], [0.0, 0.3]], [[0.5, 0.2], [0.0, 0.3]], [[0.7, 0.0], [0.3, 0.0]]
    offers = jnp.array([[[full], [partly], [nothing]]])  # worth 1, 0.8 and 0.7
    trace = one(dynamics(steps=3)(jax.tree.map(lambda x: x[None], game), offers), 0)
    np.testing.assert_allclose(trace.follower, [1.0, 0.8, 0.71, 0.72], atol=1e-9)
    assert trace.selected.tolist() == [0, 1, 1, 2]
    convicted = np.array([0.3, 0.5, 0.59, 0.02])
    expected = np.stack([convicted, convicted, 1 - convicted], 1)
    np.testing.assert_allclose(trace.leaders, expected, atol=1e-9)


def starts(batch, name):
    return jax.vmap(lambda game: selection.starting_offers(game, name, jax.random.key(0)))(batch)


@pytest.mark.slow
def test_dynamics_from_full_information_stay_there():
    batch = games(10, 16, 2, 3)
    trace = dynamics()(batch, starts(batch, "full"))
    full = np.asarray(jax.vmap(jg.full_information_value)(batch))
    np.testing.assert_allclose(trace.follower, full[:, None].repeat(61, 1), atol=1e-12)
    assert (np.asarray(trace.end) == selection.ENDS.index("converged")).all()
    assert (np.asarray(trace.steps) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("start", ["selfish", "random"])
def test_where_dynamics_converge_nobody_gains_more_than_a_step_is_worth(start):
    batch = games(11, 16, 2, 3)
    trace = dynamics()(batch, starts(batch, start))
    converged = np.asarray(trace.end) == selection.ENDS.index("converged")
    assert converged.any()
    # What outbidding by one step more would cost each leader: f_j(v) - f_j(v + outbid).
    full = jax.vmap(jg.full_information_value)(batch)
    v = trace.follower[:, -1]
    levels = jnp.stack([v, jnp.minimum(v + 0.01, full)], 1)
    curves = jax.vmap(lambda g, v: jax.vmap(jg.value_curve, (None, 0, None))(g, jnp.arange(2), v))
    values = np.asarray(curves(batch, levels).value.lower)
    step = (values[:, :, 0] - values[:, :, 1]).max(axis=1)
    gain = np.asarray(trace.gain.upper[:, -1])
    assert (gain[converged] <= step[converged] + 1e-8).all()


@pytest.mark.slow
def test_dynamics_end_no_lower_than_their_exploitability_allows():
    """Ends with gains up to 0.02 are 0.02-equilibria, none of which is below the bracket of that slack."""
    batch = games(12, 64, 2, 3)
    lowest = np.asarray(batched(0.02)(batch).value.lower)
    strict = np.asarray(batched()(batch).value.lower)
    below = 0
    for start in ("selfish", "none", "random"):
        trace = dynamics()(batch, starts(batch, start))
        near = np.asarray(trace.gain.upper[:, -1]) <= 0.02
        end = np.asarray(trace.follower[:, -1])
        assert near.sum() > 10
        assert (end >= lowest - 1e-9)[near].all()
        below += (end < strict - 1e-6)[near].sum()
    assert below > 0  # so that the slack was needed


@pytest.mark.slow
def test_dynamics_do_not_depend_on_chunks_or_devices():
    def draw(key):
        game = FAMILIES["noise"]().sample(key, Shape(3, 1, 3, 3), 0.5)
        start = selection.starting_offers(game, "random", key)
        trace = selection.best_response_dynamics(game, start, outbid=0.02, steps=40)
        return {"end": trace.end, "follower": trace.follower[-1], "steps": trace.steps}

    few, many = (jg.run_draws(draw, 12, 0, chunk=chunk, progress=False) for chunk in (2, 12))
    alone = jax.jit(jax.vmap(lambda i: draw(jax.random.fold_in(jax.random.key(0), i))))  # on one device
    single = alone(jnp.arange(12, dtype=jnp.uint32))
    for name in ("end", "steps"):
        assert few[name].to_list() == many[name].to_list() == single[name].tolist()
    np.testing.assert_allclose(few["follower"], many["follower"], atol=1e-12)
    np.testing.assert_allclose(few["follower"], single["follower"], atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["in_turn", "random"])
def test_prosecutor_and_defender_outbid_each_other_to_full_information(order):
    batch = jax.tree.map(lambda x: x[None], judge(PROSECUTOR, DEFENDER))
    trace = one(dynamics(order, steps=120)(batch, starts(batch, "selfish")), 0)
    assert float(trace.follower[0]) == pytest.approx(0.7, abs=1e-9)
    assert float(trace.follower[-1]) == pytest.approx(1.0, abs=1e-9)
    assert selection.ENDS[int(trace.end)] == "converged"
    np.testing.assert_allclose(trace.outcome, [[[0.7, 0.0], [0.0, 0.3]]], atol=1e-9)


def test_a_short_evaluation_mistakes_luck_for_quality():
    """Right with probability 0.7, an offer looks perfect in 3 tries with probability 0.343, and wins ties."""
    game = judge(PROSECUTOR, DEFENDER)
    offers = jnp.array([[[[0.7, 0.0], [0.3, 0.0]]], [[[0.7, 0.0], [0.0, 0.3]]]])
    keys = jax.random.split(jax.random.key(3), 20_000)
    few, many = (
        jax.vmap(lambda key, n=n: selection.evaluate(key, game, offers, n))(keys[:count])
        for n, count in ((3, 20_000), (200, 200))
    )
    share = np.asarray(few.selected == 0).mean()
    assert abs(share - 0.343) <= 4 * np.sqrt(0.343 * 0.657 / 20_000)
    assert float(few.loss.mean()) == pytest.approx(0.3 * share, abs=1e-12)
    assert (np.asarray(many.selected) == 1).all() and float(many.loss.max()) == 0.0
    assert float(jnp.abs(many.means[:, 0].mean() - 0.7)) <= 4 * np.sqrt(0.21 / 40_000)
    with pytest.raises(ValueError, match="interactions is 0; it must be at least 1"):
        selection.evaluate(keys[0], game, offers, 0)


def test_a_single_leader_need_not_outbid_anybody():
    """Told all, the judge convicts 0.3 of the accused; alone the prosecutor could have 0.6."""
    gain = selection.exploitability(judge(PROSECUTOR), jnp.array([[[0.7, 0.0], [0.0, 0.3]]]))
    assert float(gain.lower) == pytest.approx(0.3, abs=1e-9)
    assert float(gain.upper) == pytest.approx(0.3, abs=1e-9)


def test_a_state_that_returns_is_a_cycle():
    """Signals of the process, made up: two leaders, in turn, values 1 2 1 2 ... never at rest."""
    from jaxgame.selection.dynamics import _end, _Entry

    def entries(values):
        worth = jnp.asarray(values)[:, None].repeat(2, 1)
        zero = jnp.zeros(len(values))
        return _Entry(worth, worth, worth.min(1), worth, zero.astype(int), jg.Bracket(zero, zero))

    end, steps = _end(entries([0.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), 2, periodic=True)
    assert selection.ENDS[int(end)] == "cycle" and int(steps) == 3
    end, steps = _end(entries([0.0, 1.0, 2.0, 3.0, 3.0, 3.0]), 2, periodic=True)
    assert selection.ENDS[int(end)] == "converged" and int(steps) == 3
    end, steps = _end(entries([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), 2, periodic=True)
    assert selection.ENDS[int(end)] == "limit" and int(steps) == 5


@pytest.mark.slow
def test_results_do_not_depend_on_chunks():
    def draw(key):
        game = FAMILIES["noise"]().sample(key, Shape(2, 1, 3, 3), 1.0)
        return {"worst": selection.worst_equilibrium(game).value}

    few, many = (jg.run_draws(draw, 12, 0, chunk=chunk, progress=False) for chunk in (4, 12))
    np.testing.assert_allclose(few["worst_lower"], many["worst_lower"], atol=1e-9)
    np.testing.assert_allclose(few["worst_upper"], many["worst_upper"], atol=1e-9)


def test_bad_input_is_named():
    game = judge(PROSECUTOR, DEFENDER)
    offers = selection.starting_offers(game, "none")
    with pytest.raises(ValueError, match=r"tolerance is 0\.0; it must be positive"):
        selection.worst_equilibrium(game, tolerance=0.0)
    with pytest.raises(ValueError, match=r"slack is -1\.0; it must be at least 0, and finite"):
        selection.worst_equilibrium(game, slack=-1.0)
    with pytest.raises(ValueError, match="start is 'best'; it must be one of 'selfish', 'none'"):
        selection.starting_offers(game, "best")
    with pytest.raises(ValueError, match="start 'random' needs a key"):
        selection.starting_offers(game, "random")
    with pytest.raises(ValueError, match="order is 'any'; it must be one of 'in_turn'"):
        selection.best_response_dynamics(game, offers, order="any")
    with pytest.raises(ValueError, match=r"outbid is 0\.0; it must be positive"):
        selection.best_response_dynamics(game, offers, outbid=0.0)
    with pytest.raises(ValueError, match="game has 1 leader; dynamics need at least two"):
        selection.best_response_dynamics(judge(PROSECUTOR), offers[:1])


def searching(**changes):
    """The search in the game of prosecutor and defender, at a moment made up, and what follows it.

    In standard units values run from -.3, no information, to 0.
    """
    units = standard(judge(PROSECUTOR, DEFENDER))
    informed = selection.starting_offers(units.game, "full")
    curves = Curves.of(units, jnp.zeros(2))
    start = Search.start(units, -units.uninformed(), jnp.array(-1e-6), informed)
    return start._replace(**changes).decided(units, curves, jnp.array(1e-6), jnp.array(-1e-6))


def proved(lower, weight, outcome):
    missed = jg.Bracket(jnp.array(lower), jnp.array(jnp.inf))
    return search.Test(missed, jnp.array(weight), jnp.array(outcome), jnp.int32(1))


FULL, PARTLY = [[[0.7, 0.0], [0.0, 0.3]]], [[[0.5, 0.2], [0.0, 0.3]]]  # the second is worth 0.8


def test_a_proof_reaches_as_far_as_its_multiplier_says():
    """Missed by .01 at -.2, and by .2 less for each 1 further up: by nothing at -.15."""
    piece = Interval(*map(jnp.array, (-0.3, -0.2, -0.05)))
    found = searching(
        stage=jnp.int32(search.PIECE), interval=piece, test=proved(search.MISSED + 0.01, 0.2, FULL)
    )
    assert float(found.floor) == pytest.approx(-0.15) and int(found.stage) == search.CLIMB
    assert float(found.interval.end) == pytest.approx(-0.05) and not bool(found.done)
    nothing = searching(stage=jnp.int32(search.PIECE), interval=piece, test=proved(0.0, 0.2, FULL))
    assert float(nothing.floor) == pytest.approx(-0.3) and int(nothing.stage) == search.CLIMB


@pytest.mark.parametrize(("outcome", "ends"), [(FULL, True), (PARTLY, False)])
def test_only_an_outcome_that_nobody_would_leave_ends_the_search(outcome, ends):
    """The defender would gain .4 by outbidding the second one."""
    there = Interval(*map(jnp.array, (-0.2, -0.2, -0.2)))
    found = searching(stage=jnp.int32(search.LOOK), interval=there, test=proved(0.0, 0.0, outcome))
    assert bool(found.done) == ends
    assert int(found.stage) == search.LOOK
