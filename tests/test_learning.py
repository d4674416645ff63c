"""Leaders who learn: regrets against brute force, the guarantee, coarse correlated equilibria, lazy users."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

import jaxgame as jg
from jaxgame import sampling, selection, theorems
from jaxgame.core.units import standard
from jaxgame.persuasion.frontier import curve_of
from jaxgame.selection.consulting import chance_by_rank, kept_shares
from jaxgame.selection.regret import STEP, UNHEARD, UNRIVALLED, Faced, best_fixed, felt
from tests.games import DEFENDER, PROSECUTOR, judge, one

COURT = judge(PROSECUTOR, DEFENDER)
DRAWS = {"hedge", "regret_matching", "inertia"}


def random_games(count, leaders, states=3, actions=3, seed=0):
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(states), count)[:, None]
    follower = rng.random((count, 1, states, actions))
    return jax.vmap(jg.Game)(
        *map(jnp.asarray, (prior, follower, rng.random((count, leaders, 1, states, actions))))
    )


def keyed(rule):
    return {"key": jax.random.key(3)} if rule in DRAWS else {}


# Games of one shape that play so many rounds share a compiled program for each rule.
ROUNDS = (20, 60)


def played(game, rule, rounds=ROUNDS, start="selfish", **options):
    offers = selection.starting_offers(game, start) if isinstance(start, str) else start
    return selection.learning(game, offers, rule=rule, rounds=rounds, menu=6, **keyed(rule), **options)


def last(trace):
    """A trace over the largest number of rounds alone."""
    averages = ("outcome", "follower", "loss", "leaders", "regret", "menu_regret", "kept")
    return dataclasses.replace(trace, **{name: one(getattr(trace, name), -1) for name in averages})


# Each rule is a program of its own to compile: the fast tests know two.
SOME = [
    rule if rule in ("regret_matching", "inertia") else pytest.param(rule, marks=pytest.mark.slow)
    for rule in selection.RULES
]

check = jax.jit(theorems.learning)
worst_coarse = jax.jit(jax.vmap(lambda game: theorems.coarse_correlated(game, menu=4)))
dynamics = jax.jit(selection.best_response_dynamics, static_argnames=("order", "steps", "consulted"))


# Regret


def a_series(game, curves, rounds, seed):
    """What two leaders met: rival offers of few values, so that many tie, and two kinds of special rounds."""
    rng = np.random.default_rng(seed)
    levels = np.asarray(felt(np.append(rng.random(5), 0.0) * standard(game).uninformed()))
    rival = levels[rng.integers(6, size=(rounds, 2))]
    rival[rng.random((rounds, 2)) < 0.1] = UNRIVALLED
    rival[rng.random((rounds, 2)) < 0.1] = UNHEARD
    # No rival's outcome can earn a leader more than its own best.
    most = np.asarray(curves.earned[:, -1])
    theirs = np.where(rival == UNRIVALLED, 0.0, rng.random((rounds, 2)) * most)
    return Faced(rival, theirs, rng.random((rounds, 2)) < 0.5)


def fared(lost, own, faced, leader):
    """What one fixed offer would have earned on average, round by round."""
    rival, theirs, ties = (np.asarray(x)[:, leader] for x in faced)
    return np.where((lost < rival) | (ties & (lost == rival)), own, theirs).mean()


@pytest.mark.parametrize("seed", [0, 3, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_regret_agrees_with_a_program_for_each_value_and_with_a_fine_menu(seed):
    game = one(random_games(4, 2), seed)
    units = standard(game)
    curves = jax.vmap(curve_of, (None, 0))(units.game, units.game.leaders)
    faced = a_series(game, curves, 40, seed)
    nothing = selection.starting_offers(units.game, "none")[0]
    weights = jnp.full(40, 1 / 40)
    found = jax.jit(best_fixed)(units, curves, jax.tree.map(jnp.asarray, faced), weights, nothing)
    full, unit = jg.full_information_value(game), float(units.follower.unit)
    worst = float(units.uninformed())
    for leader in range(2):
        # A program of its own for each value: a little above it, and at it, where some ties are lost.
        best = above = -np.inf
        for lost in {*faced.rival[:, leader].tolist(), worst}:
            if lost < 0:
                continue
            level = full - unit * min(lost, worst)
            own = jg.leader_value(game, leader, level).value.upper
            theirs = units.leader(leader)
            own = float((own - theirs.base) / theirs.unit)
            best = max(best, fared(lost, own, faced, leader))
            if lost > 0:
                above = max(above, fared(lost - STEP, own, faced, leader))
        best = max(best, above)
        assert found.upper[leader] == pytest.approx(best, abs=1e-9)
        # An offer that loses exactly what another does is not sought, but for full information.
        assert above - 1e-9 <= found.lower[leader] <= best + 1e-9
        # Offers that were not chosen for this: mixtures of the leader's own best ones.
        curve = one(curves, leader)
        tried = jax.vmap(curve.best)(jnp.linspace(0, worst, 300))
        lost = np.asarray(felt(jax.vmap(units.lost)(tried)))
        own = np.asarray(jax.vmap(units.earned)(tried))[:, leader]
        menu = max(fared(*offer, faced, leader) for offer in zip(lost, own, strict=True))
        assert found.upper[leader] - 0.05 < menu <= found.upper[leader] + 1e-12


@pytest.mark.parametrize("place", range(2))
def test_a_profile_that_never_changes_is_regretted_by_its_exploitability(place):
    game = one(random_games(2, 2, 2, 2, seed=5), place)
    outcome = selection.starting_offers(game, "selfish")[place]
    trace = last(played(game, "inertia", start=jnp.stack([outcome] * 2), rate=0.0))
    gain = selection.exploitability(game, outcome)
    assert trace.regret.upper.max() == pytest.approx(float(gain.upper), abs=1e-9)
    assert trace.regret.lower.max() == pytest.approx(float(gain.lower), abs=1e-9)
    np.testing.assert_allclose(trace.kept, [1, 0], atol=1e-12)
    np.testing.assert_allclose(trace.outcome, outcome, atol=1e-12)


@pytest.mark.parametrize("rule", SOME)
def test_a_trace_says_what_was_played(rule):
    trace = played(COURT, rule)
    np.testing.assert_allclose(trace.follower[1], trace.path.mean(), atol=1e-12)
    np.testing.assert_allclose(trace.follower[0], trace.path[:20].mean(), atol=1e-12)
    np.testing.assert_allclose(trace.outcome.sum((1, 3)), [[0.7, 0.3]] * 2, atol=1e-12)
    np.testing.assert_allclose((COURT.follower * trace.outcome[1]).sum(), trace.follower[1], atol=1e-12)
    earned = (COURT.leaders[None] * trace.outcome[:, None]).sum((2, 3, 4))
    np.testing.assert_allclose(trace.leaders, earned, atol=1e-12)
    np.testing.assert_allclose(trace.kept.sum(1), 1)
    # All schemes are more than the menu.
    assert (trace.menu_regret <= trace.regret.upper + 1e-12).all()
    assert (trace.regret.width < 1e-9).all()
    np.testing.assert_allclose(trace.loss.upper, 1 - trace.follower, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("rule", selection.RULES)
def test_the_first_rounds_of_a_long_run_are_those_of_a_short_one(rule):
    rate = {"rate": 0.1} if rule == "hedge" else {}
    trace, short = played(COURT, rule, **rate), played(COURT, rule, 20, **rate)
    np.testing.assert_allclose(short.follower, trace.follower[0], atol=1e-12)
    np.testing.assert_allclose(short.regret.upper, trace.regret.upper[0], atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["hedge", "regret_matching"])
def test_rules_without_regret_have_little_on_their_menu(rule):
    few, many = played(COURT, rule, (100, 3000)).menu_regret.max(1)
    bound = math.sqrt(math.log(7) / 2 / 3000) if rule == "hedge" else math.sqrt(7 / 3000)
    assert many < few and many < 2 * bound  # in expectation it is at most the bound


def test_who_cannot_gain_does_not_move():
    game = judge(PROSECUTOR, PROSECUTOR)
    for rule in ("inertia", "fictitious_play"):
        trace = played(game, rule)
        np.testing.assert_allclose(trace.path, trace.path[0], atol=1e-12)
        assert trace.regret.upper.max() < 1e-9


@pytest.mark.parametrize("rule", SOME)
def test_nothing_that_leaders_learn_breaks_the_guarantee(rule):
    games = random_games(12, 2, 2, 2, seed=9)
    for place in range(12):
        game = one(games, place)
        found = check(game, last(played(game, rule)))
        assert theorems.VERDICTS[int(found.holds)] == "yes", place
        assert theorems.VERDICTS[int(found.mean_holds)] == "yes", place
        assert found.slack.width < 1e-6


def test_regrets_that_are_too_small_break_the_guarantee():
    # Halfway between the two is what the judge wants, and yet she loses while they learn.
    game = judge([[1.0, 2.0], [0.0, 3.0]], [[1.0, -2.0], [0.0, -1.0]])
    trace = last(played(game, "fictitious_play"))
    good = check(game, trace)
    assert good.loss.lower > 0.01 * good.stake and good.state.upper < 1e-9
    assert theorems.VERDICTS[int(good.holds)] == "yes"
    denied = dataclasses.replace(trace, regret=jax.tree.map(jnp.zeros_like, trace.regret))
    assert theorems.VERDICTS[int(check(game, denied).holds)] == "no"
    vague = dataclasses.replace(trace, regret=jg.Bracket(-jnp.ones(2), trace.regret.upper))
    assert theorems.VERDICTS[int(check(game, vague).holds)] == "undecided"


def test_ties_of_the_follower_are_charged():
    # In state 0 she does not care; what is then done is worth 0 or 1 to leaders.
    game = jg.make_game(
        [0.5, 0.5], [[1.0, 1.0], [0.0, 1.0]], [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]
    )
    cost = theorems.learned._ties(game)
    # Common: what the two together want least, either action; one of them then has nothing to lose.
    assert sorted(cost.tolist()) == [0.0, 0.5]
    assert theorems.learned._ties(COURT).tolist() == [0.0, 0.0]


# Coarse correlated equilibria


def worst_by_highs(found):
    """The worst coarse correlated equilibrium from the definition, profile by profile."""
    game, menus = found
    leaders, entries = menus.shape[:2]
    value = np.einsum("tsa,kmtsa->km", game.follower, menus)
    worth = np.einsum("jtsa,kmtsa->jkm", game.leaders, menus)
    profiles = list(itertools.product(range(entries), repeat=leaders))

    def kept(profile):
        # Values that are equal up to rounding tie: the lowest index is kept.
        return int(np.argmax(np.round([value[k, m] for k, m in enumerate(profile)], 12)))

    cost, rows = [], np.zeros((leaders * entries, len(profiles)))
    for place, profile in enumerate(profiles):
        who = kept(profile)
        cost.append(value[who, profile[who]])
        for j, other in itertools.product(range(leaders), range(entries)):
            changed = (*profile[:j], other, *profile[j + 1 :])
            now = kept(changed)
            rows[j * entries + other, place] = worth[j, now, changed[now]] - worth[j, who, profile[who]]
    return linprog(cost, rows, np.zeros(len(rows)), np.ones((1, len(cost))), [1.0]).fun


@pytest.mark.parametrize(
    ("leaders", "menu", "count"),
    [
        (2, 4, 12),
        pytest.param(2, 7, 120, marks=pytest.mark.slow),
        pytest.param(3, 4, 80, marks=pytest.mark.slow),
    ],
)
def test_coarse_correlated_equilibria_agree_with_highs(leaders, menu, count):
    games = random_games(count, leaders, seed=leaders)
    several = jax.jit(jax.vmap(lambda game: theorems.coarse_correlated(game, menu=menu)))
    found = (worst_coarse if menu == 4 else several)(games)
    assert (found.guarantee.holds == 2).all() and (found.guarantee.mean_holds == 2).all()
    np.testing.assert_allclose(found.law.sum(1), 1, atol=1e-9)
    worst = [worst_by_highs((one(games, i), found.menus[i])) for i in range(count)]
    np.testing.assert_allclose(found.guarantee.worst.upper, worst, atol=2e-9)
    np.testing.assert_allclose(found.guarantee.worst.lower, worst, atol=2e-9)


def test_no_pure_equilibrium_of_a_menu_is_below_the_worst_coarse_correlated_one():
    games = random_games(12, 2, seed=8)
    found = worst_coarse(games)
    seen = 0
    for i in range(12):
        game, menus = one(games, i), np.asarray(found.menus[i])
        value = np.einsum("tsa,kmtsa->km", game.follower, menus)
        worth = np.einsum("jtsa,kmtsa->jkm", game.leaders, menus)

        def pay(a, b, value=value, worth=worth):
            who, entry = (0, a) if value[0, a] >= value[1, b] - 1e-13 else (1, b)
            return worth[:, who, entry], value[who, entry]

        for a, b in itertools.product(range(5), repeat=2):
            now, hers = pay(a, b)
            if all(pay(c, b)[0][0] <= now[0] + 1e-12 for c in range(5)) and all(
                pay(a, c)[0][1] <= now[1] + 1e-12 for c in range(5)
            ):
                seen += 1
                assert hers >= float(found.guarantee.worst.lower[i]) - 1e-9
    assert seen > 5


def test_in_the_hull_every_coarse_correlated_equilibrium_is_worth_full_information():
    games = random_games(12, 2, seed=3)
    apart = games.leaders[:, :1] - 0.5
    leaders = games.follower[:, None] + jnp.concatenate([apart, -2 * apart], 1)  # weights 2/3 and 1/3
    found = worst_coarse(jax.vmap(jg.Game)(games.prior, games.follower, leaders)).guarantee
    assert found.state.upper.max() < 1e-9
    np.testing.assert_allclose(found.loss.upper, 0, atol=1e-8)


# A user who asks some of them only


@pytest.mark.parametrize(("consulted", "leaders"), [(1, 3), (2, 3), (3, 3), (2, 5), (1, 1)])
def test_who_is_kept_by_rank(consulted, leaders):
    groups = list(itertools.combinations(range(leaders), consulted))
    share = [sum(min(group) == rank for group in groups) / len(groups) for rank in range(leaders)]
    np.testing.assert_allclose(chance_by_rank(consulted, leaders), share)
    lost = jnp.array([0.3, 0.1, 0.3, 0.0, 0.2])[:leaders]
    order = np.argsort(lost, stable=True)
    np.testing.assert_allclose(kept_shares(lost, consulted)[order], share)


@pytest.mark.slow
@pytest.mark.parametrize("order", selection.ORDERS)
def test_who_asks_all_is_the_default(order):
    game = one(random_games(1, 3, seed=2), 0)
    start = selection.starting_offers(game, "selfish")
    key = {"key": jax.random.key(0)} if order == "random" else {}
    default, all_of_them = (
        dynamics(game, start, order=order, steps=12, **key, **extra) for extra in ({}, {"consulted": 3})
    )
    assert jax.tree.all(jax.tree.map(lambda x, y: (x == y).all(), default, all_of_them))


def test_who_asks_one_has_the_average_of_monopolists():
    game = one(random_games(1, 3, seed=4), 0)
    start = selection.starting_offers(game, "full")
    trace = dynamics(game, start, steps=9, consulted=1)
    selfish = selection.starting_offers(game, "selfish")
    np.testing.assert_allclose(trace.follower[-1], (game.follower * selfish.mean(0)).sum(), atol=1e-9)
    np.testing.assert_allclose(trace.outcome, selfish.mean(0), atol=1e-9)
    assert selection.ENDS[int(trace.end)] == "converged"
    assert abs(trace.gain.upper[-1]) < 1e-9 and trace.gain.lower[0] > 0.01


@pytest.mark.slow
def test_gains_where_two_of_three_are_asked_agree_with_a_fine_menu():
    game = one(random_games(1, 3, seed=6), 0)
    offers = selection.starting_offers(game, "random", jax.random.key(1))
    trace = dynamics(game, offers, steps=1, consulted=2)
    value = np.asarray((game.follower[None] * offers).sum((1, 2, 3)))
    worth = np.asarray((game.leaders[:, None] * offers[None]).sum((2, 3, 4)))

    def pay(leader, value, worth):
        pairs = [max(pair, key=lambda k: (value[k], -k)) for pair in itertools.combinations(range(3), 2)]
        return np.mean([worth[leader][k] for k in pairs])

    assert trace.follower[0] == pytest.approx(pay(0, value, np.tile(value, (3, 1))), abs=1e-12)
    gains = []
    for leader in range(3):
        frontier = jg.leader_frontier(game, leader)
        levels = np.linspace(float(frontier.worth[-1]), float(frontier.worth[0]), 400)
        levels = np.concatenate([levels, value + 1e-9])
        best = -np.inf
        for level in levels:
            earned = float(frontier.value(jnp.asarray(min(level, frontier.worth[0]))).lower)
            changed, theirs = value.copy(), worth.copy()
            changed[leader], theirs[leader, leader] = level, earned
            best = max(best, pay(leader, changed, theirs))
        gains.append(best - pay(leader, value, worth))
    assert max(gains) == pytest.approx(float(trace.gain.upper[0]), abs=1e-3)
    assert max(gains) <= trace.gain.upper[0] + 1e-9
    assert trace.gain.width[0] < 1e-9


@pytest.mark.slow
def test_learning_where_one_is_asked():
    trace = played(COURT, "regret_matching", 4000, consulted=1)
    # Each is asked half of the time, unrivalled: it would have done best with what it wants.
    assert trace.follower == pytest.approx(0.7, abs=0.05)
    np.testing.assert_allclose(trace.kept, 0.5, atol=0.03)
    with pytest.raises(ValueError, match="trace consulted 1 of 2 leaders"):
        theorems.learning(COURT, trace)


@pytest.mark.slow
def test_learning_where_two_of_three_are_asked():
    trace = played(judge(PROSECUTOR, DEFENDER, DEFENDER), "regret_matching", 400, consulted=2)
    assert trace.consulted == 2 and (trace.kept > 0.02).all()
    # What a fixed offer would have earned is at most what it earns if it always wins.
    assert (trace.regret.upper < 1).all() and (trace.regret.width < 1e-9).all()


def test_trying_one_of_the_leaders_only():
    offers = jnp.concatenate(
        [selection.starting_offers(COURT, "full")[:1], selection.starting_offers(COURT, "none")[:1]]
    )
    keys = jax.vmap(jax.random.key)(jnp.arange(400))
    seen = jax.vmap(lambda key: selection.evaluate(key, COURT, offers, 50, consulted=1))(keys)
    assert 0.4 < (seen.selected == 0).mean() < 0.6
    all_of_them = jax.vmap(lambda key: selection.evaluate(key, COURT, offers, 50))(keys)
    assert (all_of_them.selected == 0).mean() > 0.95


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "thinking"}, "rule is 'thinking'; it must be one of 'hedge'"),
        ({"rule": "hedge"}, "it needs a key"),
        ({"rule": "gradient", "key": jax.random.key(0)}, "draws nothing; leave the key out"),
        ({"rule": "fictitious_play", "rate": 0.1}, "rule 'fictitious_play' has no rate"),
        ({"rule": "fictitious_play", "rounds": 0}, "rounds is 0; it must be at least 1"),
        ({"rule": "fictitious_play", "rounds": (5, 5)}, r"rounds is \(5, 5\)"),
        ({"rule": "fictitious_play", "menu": 1}, "menu is 1; it must be at least 2 points"),
        ({"rule": "fictitious_play", "menu": jnp.zeros((2, 0, 1, 2, 2))}, "menu has shape"),
        ({"rule": "fictitious_play", "outbid": 0.1}, "outbid is 0.1; it must be positive"),
        ({"rule": "fictitious_play", "consulted": 3}, "consulted is 3; it must be from 1 to 2"),
    ],
)
def test_bad_arguments_of_learning(options, message):
    with pytest.raises(ValueError, match=message):
        selection.learning(COURT, selection.starting_offers(COURT, "full"), **options)


def test_bad_arguments_of_the_rest():
    start = selection.starting_offers(COURT, "full")
    with pytest.raises(ValueError, match="game has 1 leader; learning needs at least two"):
        selection.learning(judge(PROSECUTOR), start[:1])
    with pytest.raises(ValueError, match="offers has shape"):
        selection.learning(COURT, start[:1], key=jax.random.key(0))
    with pytest.raises(ValueError, match="one number of rounds, or one entry of several"):
        theorems.learning(COURT, played(COURT, "fictitious_play"))
    with pytest.raises(ValueError, match="make 1156 profiles; at most 1024"):
        theorems.coarse_correlated(COURT, menu=33)
    with pytest.raises(ValueError, match="game has 1 leader"):
        theorems.coarse_correlated(judge(PROSECUTOR))
    with pytest.raises(ValueError, match="consulted is 0; it must be from 1 to 2"):
        selection.best_response_dynamics(COURT, start, consulted=0)
    with pytest.raises(ValueError, match="consulted is 5; it must be from 1 to 2"):
        selection.evaluate(jax.random.key(0), COURT, start, 5, consulted=5)


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(sampling.FAMILIES))
def test_no_family_breaks_the_guarantee_of_learners(family):
    """2,000 draws of each family by each rule, thousands in all."""
    shape = sampling.Shape(leaders=4, types=1, states=2, actions=3)
    drawn = sampling.FAMILIES[family]()
    for rule in selection.RULES:

        def check(key, rule=rule):
            game = drawn.sample(key, shape, 0.7)
            start = selection.starting_offers(game, "selfish")
            options = {"key": key} if rule in DRAWS else {}
            trace = selection.learning(game, start, rule=rule, rounds=200, menu=8, **options)
            found = theorems.learning(game, trace)
            return found.holds, found.mean_holds

        checks = jax.jit(jax.vmap(check))
        for part in range(8):
            holds, mean_holds = checks(jax.vmap(jax.random.key)(jnp.arange(250) + 250 * part))
            assert (holds == 2).all() and (mean_holds == 2).all(), (family, rule)


@pytest.mark.slow
def test_in_the_hull_learners_lose_her_no_more_than_they_regret():
    """10,000 draws: models around a user who is in their hull."""
    family, shape = sampling.FAMILIES["between"](), sampling.Shape(leaders=4, types=1, states=2, actions=3)

    def check(key):
        game = family.sample(key, shape, 1.0)
        start = selection.starting_offers(game, "selfish")
        trace = selection.learning(game, start, rule="regret_matching", rounds=500, menu=8, key=key)
        found = theorems.learning(game, trace)
        return found.state.upper, trace.loss.upper, trace.regret.upper.max(), found.holds

    checks = jax.jit(jax.vmap(check))
    inside = 0
    for part in range(20):
        eps, loss, regret, holds = checks(jax.vmap(jax.random.key)(jnp.arange(500) + 500 * part))
        assert (holds == 2).all()
        covered = eps < 1e-9
        inside += int(covered.sum())
        # Weights sum to 1: the average of the regrets is at most the largest.
        assert (loss[covered] <= regret[covered] + 1e-6).all()
    assert inside > 2000
