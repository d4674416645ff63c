"""Many users: the fixture by hand, SciPy, menus in full, one user and users who are alike."""

import functools
import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import users
from jaxgame.sampling import Noise, Shape
from jaxgame.users.climb import climbed
from jaxgame.users.reply import Rivals
from jaxgame.users.square import Case, _planes, cases
from jaxgame.users.standing import Programs, standing
from tests.games import one
from tests.reference import users as reference

KS = (0.0, 0.5, 0.9, 1.1, 2.0)
SMALL = Shape(leaders=2, types=2, states=2, actions=2)
THREE = Shape(leaders=2, types=3, states=2, actions=2)


@functools.cache
def games(count: int, shape: Shape = SMALL, apart: float = 0.7, seed: int = 0) -> jg.Game:
    """Random games as a batch, some with priors of their own for each user."""

    def draw(key):
        game = users.population(Noise(1.0), key, shape, 1.0, users_diversity=apart)
        own = jax.random.exponential(jax.random.fold_in(key, 99), game.prior.shape)
        prior = jnp.where(jax.random.bernoulli(key), own / own.sum(), game.prior)
        return jg.Game(prior, game.follower, game.leaders)

    return jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(seed), count))


def random_offers(game: jg.Game, seed: int) -> jax.Array:
    return jg.selection.starting_offers(game, "random", jax.random.key(seed))


def opposed_gain(k: float, told: float) -> float:
    """What a leader gains by full information where all reveal the state with probability `told`."""
    value = 0.5 + told / 2
    return max((1 - k) / 2 * (1 - value), 0.0)


def partly(game: jg.Game, told: float) -> jax.Array:
    """Everybody reveals the state with probability `told`; users match state 0 if they hear nothing."""
    right = np.array([[1.0, 0.0], [1 - told, told]])
    outcome = np.asarray(game.prior)[:, :, None] * right[None]
    return jnp.asarray(np.broadcast_to(outcome, game.leaders.shape))


@pytest.mark.parametrize("k", KS)
def test_the_fixture_is_known(k):
    game = users.opposed(k)
    for told in (0.0, 0.3, 1.0):
        gain = opposed_gain(k, told)
        offers = partly(game, told)
        found = users.exploitability(game, offers)
        assert found.lower <= gain + 1e-11 and found.upper >= gain - 1e-11
        np.testing.assert_allclose([found.lower, found.upper], gain, atol=1e-10)
    # Users' values over all equilibria: 1 for k < 1, all of [1/2, 1] beyond.
    worst = users.worst_equilibrium(game)
    least = 1.0 if k < 1 else 0.5
    assert worst.converged and worst.value.lower <= least <= worst.value.upper + 1e-9
    np.testing.assert_allclose(worst.users, least, atol=1e-4)
    alone = users.personalised(game)
    np.testing.assert_allclose(alone.value.lower, 1.0, atol=2e-6)
    # Each has a leader of her own; one mixture of the leaders' pays serves both if and only if k < 1.
    each, common = users.alignment(game), users.alignment(game, kind="common")
    np.testing.assert_allclose(each.distance.upper, 0.0, atol=1e-12)
    np.testing.assert_allclose(common.distance.upper, 0.0 if k < 1 else 0.5, atol=1e-9)
    np.testing.assert_allclose(common.distance.lower, 0.0 if k < 1 else 0.5, atol=1e-9)
    np.testing.assert_allclose(common.allowed.upper, 0.0 if k < 1 else 1.0, atol=1e-9)
    if k < 1:  # w = (1/2, 1/2) and lam = (1 - k) / 2 each, scaled to sum lam = 1
        np.testing.assert_allclose(common.users, 0.5, atol=1e-9)
        np.testing.assert_allclose(common.weights, 0.5 / (1 - k), rtol=1e-9)


@pytest.mark.parametrize("shape", [SMALL, pytest.param(THREE, marks=pytest.mark.slow)])
def test_best_responses_are_those_of_scipy(shape):
    batch = games(12, shape)
    offers = jax.vmap(lambda game, key: jg.selection.starting_offers(game, "random", key))(
        batch, jax.random.split(jax.random.key(5), 12)
    )
    found = jax.vmap(users.best_response, (0, 0, None))(batch, offers, 1)
    gain = jax.vmap(users.exploitability)(batch, offers)
    for i in range(12):
        game, own = one(batch, i), one(offers, i)
        right = reference.best_by_set(game, own, 1)
        np.testing.assert_allclose(found.by_set.lower[i], right, atol=2e-9)
        np.testing.assert_allclose(found.by_set.upper[i], right, atol=2e-9)
        assert found.value.lower[i] <= right.max() + 1e-10 and found.value.upper[i] >= right.max() - 1e-10
        # The offer attains what is said, and wins whom it is said to win.
        value, paid = reference.values(game, own)
        new, new_paid = reference.values(game, np.asarray(found.outcome[i])[None])
        won = np.asarray(found.won[i])
        assert (new[0][won] >= value[0][won] - 1e-9).all() and (new[0][~won] <= value[0][~won] + 1e-9).all()
        total = np.where(won, new_paid[1, 0], paid[1, 0]).sum()
        np.testing.assert_allclose(total, found.value.lower[i], atol=1e-8)
        now = [paid[k, value.argmax(0), np.arange(len(value.T))].sum() for k in range(2)]
        most = max(reference.best_by_set(game, own, k).max() - now[k] for k in range(2))
        np.testing.assert_allclose([gain.lower[i], gain.upper[i]], most, atol=2e-9)


def menu_of(game: jg.Game, count: int) -> np.ndarray:
    """Full and no information, random schemes, and best responses to them."""
    given = [np.asarray(jg.selection.starting_offers(game, name)[0]) for name in ("full", "none")]
    given += [np.asarray(random_offers(game, seed)[0]) for seed in range(count)]
    for leader in range(len(game.leaders)):
        rivals = jnp.asarray(np.broadcast_to(given[2], game.leaders.shape))
        given.append(np.asarray(users.best_response(game, rivals, leader).outcome))
    return np.stack(given)


@pytest.mark.parametrize("shape", [SMALL, pytest.param(THREE, marks=pytest.mark.slow)])
def test_menus_in_full(shape):
    """All pure profiles over a menu: gains, and equilibria, are what best responses over all schemes say."""
    nearest = np.inf
    for i in range(4):
        game = one(games(12, shape), i)
        menu = menu_of(game, 2)
        profiles = list(itertools.product(range(len(menu)), repeat=2))
        offers = jnp.asarray(menu[np.array(profiles)])
        found = jax.jit(jax.vmap(functools.partial(users.exploitability, game)))(offers)
        for place, profile in enumerate(profiles):
            gains, _ = reference.menu_gains(game, menu, profile)
            assert gains.max() <= found.upper[place] + 1e-9
            nearest = min(nearest, float(found.upper[place] - gains.max()))
            # With the best responses on the menu nothing is missing.
            best = [np.asarray(users.best_response(game, offers[place], k).outcome) for k in range(2)]
            gains, _ = reference.menu_gains(game, np.concatenate([menu, best]), profile)
            np.testing.assert_allclose(gains.max(), found.upper[place], atol=1e-8)
            if place >= 6:
                break
    assert nearest < 1e-6


def test_common_weights_are_those_of_scipy():
    batch = games(12)
    for norm in ("sup", "mean"):
        found = jax.vmap(lambda game: users.alignment(game, kind="common", norm=norm))(batch)  # noqa: B023
        assert found.converged.all()
        factor = 1 if norm == "mean" else 2
        for i in range(12):
            game = one(batch, i)
            right = reference.common_distance(game, mean=norm == "mean")
            np.testing.assert_allclose([found.distance.lower[i], found.distance.upper[i]], right, atol=1e-8)
            for user in range(2):
                right = factor * reference.common_distance(game, np.eye(2)[user], mean=norm == "mean")
                np.testing.assert_allclose(
                    [found.allowed.lower[i, user], found.allowed.upper[i, user]], right, atol=2e-8
                )


def test_the_best_rival_counts():
    """Of three leaders the last tells everything, and the others nothing."""
    game = users.opposed(0.5, 3)
    offers = jnp.stack([partly(game, told)[0] for told in (0.0, 0.0, 1.0)])
    units = standing(game)
    full, silent = (Rivals.of(units, offers, jnp.asarray(leader)) for leader in (0, 2))
    np.testing.assert_allclose(full.lost, 0.0, atol=1e-12)
    np.testing.assert_allclose(silent.lost, units.uninformed())
    # What leader 0 is paid by each user at full information, in its unit.
    np.testing.assert_allclose(full.paid, units.paid(offers[2])[0])


def test_a_single_leader_keeps_users_who_cost_it():
    """It would have the first user know alone; both hear what it says, and have nobody to go to."""
    game = users.opposed(2.0)
    alone = jg.Game(game.prior, game.follower, game.leaders[:1])
    found = users.best_response(alone, partly(alone, 0.0), 0)
    np.testing.assert_allclose([found.value.lower, found.value.upper], -0.25, atol=1e-9)
    assert found.won.all()


def test_climbs_go_as_far_as_slack_allows():
    """In the fixture full information brings a leader (1 - k) / 2 for each unit that users lack of it."""

    @jax.jit
    def lost(game, slack):
        units = standing(game)
        programs = Programs.of(units)
        weights = units.share * units.users.unit
        granted = jnp.full(2, slack) / units.theirs.unit
        scheme, _ = climbed(programs, weights, granted, units.uninformed())
        return weights @ (programs.lost @ scheme)

    for k, slack in ((0.2, 0.1), (0.5, 0.1), (0.2, 0.0)):
        np.testing.assert_allclose(lost(users.opposed(k), slack), 2 * slack / (1 - k), atol=1e-6)
    # Where more loss is worth something to a leader, what it could have instead rises on the way.
    for place in (5, 7, 13):
        game = one(games(14), place)
        certified = users.worst_equilibrium(game, slack=0.01, tolerance=1e-3)
        assert certified.loss.lower > 1e-3
        assert certified.loss.lower - 1e-6 <= lost(game, 0.01) <= certified.loss.upper + 1e-6
        # What is shown is an equilibrium where all offer it.
        gain = users.exploitability(game, jnp.stack([certified.outcome] * 2))
        assert gain.upper <= 0.01 + 1e-7


def test_who_serves_the_other_user_cannot_leave_her_to_a_rival():
    """Sets are both, the first, the second; leaders 0 and 1."""
    found = cases(Programs.of(standing(users.opposed(0.5))))
    every, not_alone = [True] * 3, [True, False, False]
    same, one_serves_both, one_each = (found.holds[case][found.holder[case]].tolist() for case in range(3))
    assert same == [[every, every]]
    assert one_serves_both == [[not_alone, every], [every, not_alone]]
    # The first user is served by 0 and the second by 1, and the other way round.
    assert one_each == [
        [[True, True, False], [True, False, True]],
        [[True, False, True], [True, True, False]],
    ]


def test_users_with_schemes_of_their_own_do_not_envy_the_other():
    programs = Programs.of(standing(users.opposed(0.5)))
    full, none = programs.informed(), programs.uninformed()
    envied = Case.of(programs, np.ones((1, 2, 3), bool), apart=True).rows[-2:]
    together = Case.of(programs, np.ones((1, 2, 3), bool), apart=False).rows[-2:]
    # The second would rather hear the first scheme, or the first the second; positive rows are not met.
    for pair, signs in (((full, none), [1, -1]), ((none, full), [-1, 1]), ((full, full), [0, 0])):
        assert jnp.sign(envied @ jnp.concatenate(pair)).tolist() == signs
    assert not together.any()


def test_planes_are_below_the_corners_and_touch_all():
    corners = jnp.asarray(np.random.default_rng(0).normal(size=(2, 2, 40, 3)))
    width = jnp.array([0.5, 2.0])
    alpha, beta = _planes(corners, width)
    for i, j in itertools.product(range(2), repeat=2):
        heights = alpha + beta @ (jnp.array([float(i), float(j)]) * width)
        assert (heights <= corners[i, j][None] + 1e-12).all()
        np.testing.assert_allclose(heights.max(0), corners[i, j], atol=1e-12)


def test_ends_meet_where_nobody_learns_anything():
    """The program's scheme is obeyed and sums to 1 up to rounding only: that is no loss of the user's."""
    for place in (6, 8, 9):
        game = one(games(14), place)
        found = users.worst_equilibrium(game, tolerance=1e-3)
        assert found.converged and found.loss.lower > 1e-3
        np.testing.assert_allclose(found.users, nothing_known(game), atol=1e-9)


def nothing_known(game: jg.Game) -> np.ndarray:
    """What each user has without information."""
    law = np.asarray(game.prior / game.prior.sum(1, keepdims=True))
    return np.einsum("ts,tsa->ta", law, np.asarray(game.follower)).max(1)


def twice(game: jg.Game) -> jg.Game:
    """Two users who both are the one of a game."""
    return jg.Game(
        jnp.concatenate([game.prior] * 2) / 2,
        jnp.concatenate([game.follower] * 2),
        jnp.concatenate([game.leaders] * 2, 1),
    )


def test_one_user_is_the_follower_and_users_who_are_alike_are_one():
    batch = games(8, Shape(2, 1, 2, 2))
    for i in range(8):
        game = one(batch, i)
        offers = random_offers(game, i)
        both = jnp.concatenate([offers] * 2, 1) / 2
        value, _ = reference.values(game, offers)
        best = users.best_response(game, offers, 0)
        won = jg.leader_value(game, 0, value[1, 0]).value
        # It may also leave her to its rival.
        stay = float((game.leaders[0] * offers[1]).sum())
        np.testing.assert_allclose(best.by_set.lower[1], won.lower, atol=1e-9)
        np.testing.assert_allclose(best.value.upper, max(won.upper, stay), atol=1e-9)
        same = jnp.stack([offers[1]] * 2)
        gain, known = users.exploitability(game, same), jg.selection.exploitability(game, offers[1])
        np.testing.assert_allclose([gain.lower, gain.upper], [known.lower, known.upper], atol=1e-9)
        two = users.exploitability(twice(game), jnp.concatenate([same] * 2, 1) / 2)
        np.testing.assert_allclose([two.lower, two.upper], [gain.lower, gain.upper], atol=1e-9)
        np.testing.assert_allclose(
            users.best_response(twice(game), both, 0).value.upper, best.value.upper, atol=1e-9
        )
        for norm in ("sup", "mean"):
            own = jg.game_hull_distance(game, "state", "cone", norm).distance.upper
            for kind in ("each", "common"):
                found = users.alignment(game, kind=kind, norm=norm).distance.upper
                np.testing.assert_allclose(jnp.ravel(found), own, atol=1e-9)


@pytest.mark.slow
def test_worst_equilibria_of_one_user_and_of_two_who_are_alike():
    batch = games(6, Shape(2, 1, 2, 2), seed=3)
    for i in range(6):
        game = one(batch, i)
        known = jg.selection.worst_equilibrium(game).value
        for found in (
            users.worst_equilibrium(game, tolerance=1e-6).value,
            one(users.personalised(game).value, 0),
        ):
            np.testing.assert_allclose([found.lower, found.upper], [known.lower, known.upper], atol=1e-9)
        two = users.worst_equilibrium(twice(game))
        assert two.value.lower <= known.upper + 1e-9 and two.value.upper >= known.lower - 1e-9
        assert two.converged


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_no_equilibrium_of_two_users_is_worse(first):
    """Of all profiles over a menu, judged by best responses over all schemes, none is below the proof."""
    weights = np.eye(2)[first]
    tightest = np.inf
    for i in range(8):
        game = one(games(8, seed=4), i)
        worst = users.worst_equilibrium(game, weights=weights)
        own = jnp.stack([worst.outcome] * 2)
        assert users.exploitability(game, own).upper <= 1e-6  # what is shown is one
        np.testing.assert_allclose(weights @ worst.users, worst.value.upper, atol=1e-9)
        full = np.asarray((game.prior * game.follower.max(2)).sum(1) / game.prior.sum(1))
        np.testing.assert_allclose(weights @ full - worst.loss.upper, worst.value.lower, atol=1e-9)
        menu = np.concatenate([menu_of(game, 10), worst.outcome[None]])
        profiles = np.array(list(itertools.product(range(len(menu)), repeat=2)))
        gain = jax.jit(jax.vmap(functools.partial(users.exploitability, game)))(jnp.asarray(menu[profiles]))
        value = reference.values(game, menu)[0]
        at = value[profiles].max(1) @ weights
        equilibria = np.asarray(gain.upper) <= 1e-9
        assert equilibria.any() and (at[equilibria] >= worst.value.lower - 1e-8).all()
        tightest = min(tightest, (at[equilibria] - worst.value.lower).min())
    assert tightest < 1e-3


@pytest.mark.slow
def test_nobody_gets_less_than_common_weights_promise():
    """10,000 draws, all pure equilibria over menus that hold full information."""
    shape, count = SMALL, 10_000
    batch = games(count, shape, 0.5, 7)
    promised = jax.jit(jax.vmap(lambda game: users.alignment(game, kind="common").allowed.upper))(batch)
    names = ("full", "none", "random", "random")
    menus = jax.jit(
        jax.vmap(
            lambda game, key: jnp.stack(
                [
                    jg.selection.starting_offers(game, name, jax.random.fold_in(key, i))[0]
                    for i, name in enumerate(names)
                ]
            )
        )
    )(batch, jax.random.split(jax.random.key(8), count))
    prior, follower, leaders = (np.asarray(x) for x in (batch.prior, batch.follower, batch.leaders))
    share = prior.sum(2)
    value = np.einsum("nmtsa,ntsa->nmt", menus, follower) / share[:, None]
    paid = np.einsum("nmtsa,nktsa->nkmt", menus, leaders)
    full = (prior * follower.max(3)).sum(2) / share
    seen, largest = 0, 0.0
    for a, b in itertools.product(range(4), repeat=2):
        kept = np.where(value[:, b] > value[:, a], b, a)  # [n, t]
        at = np.take_along_axis(value, kept[:, None], 1)[:, 0]
        stable = np.ones(count, bool)
        for leader, other in ((0, b), (1, a)):
            now = np.take_along_axis(paid[:, leader], kept[:, None], 1)[:, 0].sum(1)
            for entry in range(4):
                # Nobody leaves for what is no better: users who tie stay with the rival.
                new = np.where(
                    value[:, entry] > value[:, other], paid[:, leader, entry], paid[:, leader, other]
                )
                if entry == 0:  # full information wins ties: it is the same for her
                    new = paid[:, leader, entry]
                stable &= new.sum(1) <= now + 1e-9
        loss = full - at
        assert (loss <= np.asarray(promised) + 1e-8)[stable].all()
        largest = max(
            largest, (loss / np.asarray(promised))[stable & (np.asarray(promised) > 1e-2).all(1)].max()
        )
        seen += stable.sum()
    assert seen > count and largest > 0.05


@pytest.mark.slow
def test_the_promise_to_all_users_is_nearly_kept_by_a_game():
    """The tightest game known, with one user twice, and beside a user who knows what is best for her."""
    saved = json.loads((Path(__file__).parent / "data" / "tightest.json").read_text())
    single = jg.make_game(**saved["game"])
    both = twice(single)
    worst, fit = users.worst_equilibrium(both, tolerance=1e-3), users.alignment(both, kind="common")
    # Users who are alike lose alike, and weighted by lam their losses sum to no more than 2 eps.
    assert 0.98 * 2 * fit.distance.upper <= worst.loss.upper <= 2 * fit.distance.upper * (1 + 1e-3)
    knowing = jnp.zeros_like(single.follower).at[..., 0].set(1.0)
    beside = jg.Game(
        jnp.concatenate([single.prior] * 2) / 2,
        jnp.concatenate([single.follower, knowing]),
        jnp.concatenate([single.leaders, jnp.broadcast_to(knowing, single.leaders.shape)], 1),
    )
    fit = users.alignment(beside, kind="common")
    worst = users.worst_equilibrium(beside, weights=jnp.array([1.0, 0.0]), tolerance=1e-3)
    assert 0.98 * fit.allowed.upper[0] <= worst.loss.lower <= fit.allowed.upper[0]


def test_units_of_users_and_leaders_do_not_matter():
    game = one(games(12), 3)
    offers = random_offers(game, 1)
    factor, theirs = jnp.array([1e-6, 1e5]), jnp.array([1e4, 1e-3])
    other = jg.Game(
        game.prior,
        game.follower * factor[:, None, None] + 7.0,
        game.leaders * theirs[:, None, None, None] + 3.0,
    )
    first, second = users.best_response(game, offers, 1), users.best_response(other, offers, 1)
    np.testing.assert_allclose(second.value.upper, theirs[1] * first.value.upper + 3.0, rtol=1e-9)
    assert (first.won == second.won).all()
    for norm in ("sup", "mean"):
        here, there = (users.alignment(g, kind="common", norm=norm).allowed.upper for g in (game, other))
        np.testing.assert_allclose(there, factor * here, rtol=1e-6)


@pytest.mark.parametrize("order", ["in_turn", "random", "simultaneous"])
def test_dynamics_end_in_equilibria_or_go_on(order):
    game = users.opposed(0.5)
    start = jg.selection.starting_offers(game, "none")
    key = jax.random.key(0) if order == "random" else None
    trace = users.dynamics(game, start, order=order, steps=12, key=key)
    assert jg.selection.ENDS[int(trace.end)] == "converged"
    np.testing.assert_allclose(trace.users[0], 0.5)
    np.testing.assert_allclose(trace.users[-1], 1.0)
    np.testing.assert_allclose(trace.leaders[-1], 0.25)
    np.testing.assert_allclose([trace.gain.lower, trace.gain.upper], 0.0, atol=1e-9)
    still = users.dynamics(users.opposed(2.0), start, order=order, steps=12, key=key)
    np.testing.assert_allclose(still.users, 0.5)
    assert int(still.steps) == 0


@pytest.mark.slow
def test_more_than_two_users_are_searched():
    for k in (0.2, 2.0):
        found = users.worst_equilibrium(users.opposed(k, 3))
        # Each leader is paid (1 - 2 k) / 3 for a match of all.
        np.testing.assert_allclose(found.users, 1.0 if k < 0.5 else 0.5, atol=1e-6)
        np.testing.assert_allclose(found.value.lower, 0.5, atol=1e-9)  # no proof but that of no information
        assert bool(found.converged) == (k > 0.5)


def test_verdicts_of_both_statements(monkeypatch):
    """Made-up brackets: each statement has its own loss and distance, and all three verdicts come up."""

    def ends(lower, upper):
        return jg.Bracket(jnp.array(lower), jnp.array(upper))

    allowed = {
        "each": ends([0.1, 0.1], [0.1, 0.1]),
        "common": ends([0.2, 0.3], [0.2, 0.3]),
    }
    monkeypatch.setattr(
        users, "alignment", lambda game, *, kind, norm: SimpleNamespace(allowed=allowed[kind])
    )
    monkeypatch.setattr(
        users, "personalised", lambda game, **_: SimpleNamespace(loss=ends([0.0, 0.05], [0.1, 0.15]))
    )

    def worst(game, *, weights, **_):
        lower, upper = jnp.array([0.3, 0.25]), jnp.array([0.4, 0.35])
        return SimpleNamespace(loss=jg.Bracket(weights @ lower, weights @ upper))

    monkeypatch.setattr(users, "worst_equilibrium", worst)
    found = jg.theorems.many_users(users.opposed(0.5), tolerance=1e-3)
    words = [[jg.theorems.VERDICTS[v] for v in kind.holds] for kind in (found.personal, found.anonymous)]
    assert words == [["yes", "undecided"], ["no", "undecided"]]
    np.testing.assert_allclose(found.anonymous.loss.upper, [0.4, 0.35])
    np.testing.assert_allclose(found.anonymous.slack.lower, [-0.2, -0.05])


@pytest.mark.slow
def test_both_statements():
    batch = games(6, seed=11)
    alike = (batch.prior[:, :1] == batch.prior).all((1, 2))  # shares and laws of both users
    assert alike.any() and not alike.all()
    found = jax.jit(jax.vmap(jg.theorems.many_users))(batch)
    for one_of in (found.personal, found.anonymous):
        assert (one_of.holds == 2).all() and (one_of.mean_holds == 2).all()
        assert (one_of.mean_allowed.upper <= one_of.allowed.upper + 1e-9).all()
    # Common weights mix the leaders for each user, too: her own distance is no larger. Where laws differ
    # that is true of averages over the states, which count by what is likely for her, not of the largest.
    each, common = found.personal, found.anonymous
    assert (each.mean_allowed.upper <= common.mean_allowed.upper + 1e-9).all()
    assert (each.allowed.upper <= common.allowed.upper + 1e-9)[alike].all()


def test_populations():
    shape = Shape(3, 3, 2, 2)
    key = jax.random.key(2)
    alike = users.population(Noise(), key, shape, 1.0, users_diversity=0.0)
    np.testing.assert_allclose(alike.follower, alike.follower[:1] * np.ones((3, 1, 1)))
    np.testing.assert_allclose(alike.prior.sum(1), 1 / 3)
    more = users.population(Noise(), key, Shape(2, 4, 2, 2), 1.0, users_diversity=0.6)
    here = users.population(Noise(), key, shape, 1.0, users_diversity=0.6)
    np.testing.assert_allclose(more.follower[:3], here.follower)
    np.testing.assert_allclose(more.leaders[:, :3], here.leaders[:2])


def test_bad_input():
    game = users.opposed(0.5)
    full = jg.selection.starting_offers(game, "full")
    with pytest.raises(ValueError, match=r"leader is 2; it must be from 0 to 1"):
        users.best_response(game, full, 2)
    with pytest.raises(ValueError, match=r"offers has shape"):
        users.exploitability(game, full[:, :1])
    with pytest.raises(ValueError, match=r"offers miss the prior"):
        users.exploitability(game, 2 * full)
    with pytest.raises(ValueError, match=r"offers\[0\] is not obedient: where user 0"):
        users.exploitability(game, full[..., ::-1])
    with pytest.raises(ValueError, match=r"game has 5 users"):
        users.worst_equilibrium(users.opposed(0.5, 5))
    large = jg.make_game([[0.25] * 2] * 2, np.eye(9)[:2][None].repeat(2, 0), np.zeros((2, 2, 2, 9)))
    with pytest.raises(ValueError, match=r"programs of S A\^J = 162"):
        users.best_response(large, large.leaders, 0)
    nobody = jg.make_game([[0.5, 0.5], [0.0, 0.0]], game.follower, game.leaders)
    with pytest.raises(ValueError, match=r"prior\[1\] sums to 0"):
        users.alignment(nobody)
    with pytest.raises(ValueError, match=r"kind is 'all'"):
        users.alignment(game, kind="all")
    with pytest.raises(ValueError, match=r"norm is 'square'"):
        users.alignment(game, norm="square")
    with pytest.raises(ValueError, match=r"users is 1"):
        users.opposed(0.5, 1)
    with pytest.raises(ValueError, match=r"k is nan"):
        users.opposed(float("nan"))
    for options, said in (
        ({"weights": [1.0]}, "weights has shape"),
        ({"weights": [-1.0, 1.0]}, "weights are"),
        ({"tolerance": 0.0}, "tolerance is"),
        ({"steps": 0}, "steps is 0"),
        ({"slack": -1.0}, "slack is"),
    ):
        with pytest.raises(ValueError, match=said):
            users.worst_equilibrium(game, **options)
    for options, said in (
        ({"order": "any"}, "order is"),
        ({"outbid": 0.0}, "outbid is"),
        ({"steps": 0}, "steps is 0"),
        ({"order": "random"}, "needs a key"),
    ):
        with pytest.raises(ValueError, match=said):
            users.dynamics(game, full, **options)
    single = jg.Game(game.prior, game.follower, game.leaders[:1])
    for function in (users.worst_equilibrium, lambda game: users.dynamics(game, full[:1])):
        with pytest.raises(ValueError, match="game has 1 leader"):
            function(single)


def test_one_leader_has_everybody():
    game = users.opposed(0.5)
    single = jg.Game(game.prior, game.follower, game.leaders[:1])
    silent = jg.selection.starting_offers(single, "none")
    best = users.best_response(single, silent, 0)
    assert best.won.all()
    np.testing.assert_allclose([best.value.lower, best.value.upper], 0.25, atol=1e-9)


def test_what_is_not_a_number_stays_so():
    game = users.opposed(0.5)
    full = jg.selection.starting_offers(game, "full")
    broken = jg.Game(game.prior, game.follower.at[0, 0, 0].set(jnp.nan), game.leaders)
    best = jax.jit(lambda game: users.best_response(game, full, 0))(broken)
    assert best.value.lower == -jnp.inf and best.value.upper == jnp.inf and jnp.isnan(best.outcome).all()
    gain = jax.jit(lambda game: users.exploitability(game, full))(broken)
    assert gain.lower == -jnp.inf and gain.upper == jnp.inf
    fit = jax.jit(lambda game: users.alignment(game, kind="common"))(broken)
    assert fit.distance.lower == 0 and fit.distance.upper == jnp.inf and not fit.converged
