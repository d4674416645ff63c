import itertools
import re

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

import jaxgame as jg
from jaxgame import conversation as cv
from jaxgame.conversation.protocol import MAX_TRANSCRIPTS
from tests.games import DEFENDER, PROSECUTOR, judge
from tests.reference import conversation as reference


def random_game(seed, leaders=1, types=2, states=3, actions=2):
    rng = np.random.default_rng(seed)
    return jg.make_game(
        prior=rng.dirichlet(np.ones(types * states)).reshape(types, states),
        follower=rng.random((types, states, actions)),
        leaders=rng.random((leaders, types, states, actions)),
    )


def laws(rng, *shape):
    """Laws along the last axis, some entries 0."""
    weights = rng.random(shape) * (rng.random(shape) < 0.8) + 1e-3 * (np.arange(shape[-1]) == 0)
    return jnp.asarray(weights / weights.sum(-1, keepdims=True))


def guess_bits(bits, leaders=1):
    """The state is a string of bits; type t of the follower guesses bit t."""
    states = np.array(list(itertools.product([0, 1], repeat=bits)))
    utility = np.stack([np.eye(2)[states[:, t]] for t in range(bits)])
    return jg.make_game(
        np.full((bits, 2**bits), 1 / (bits * 2**bits)), utility, np.zeros((leaders, *utility.shape))
    )


SHAPES = [(1, 3, 1, 1), (2, 2, 2, 1), (2, 3, 1, 1), (3, 2, 2, 1), (1, 2, 1, 2), (2, 2, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_law_of_transcripts_is_that_of_the_game_played_out(shape):
    rounds, messages, replies, leaders = shape
    protocol = cv.Protocol(rounds, messages, replies)
    rng = np.random.default_rng(sum(shape))
    types, states, seen = 2, 3, 2
    rules = laws(rng, leaders, seen, protocol.leader_histories, messages)
    shared = protocol.together(leaders)
    follower = laws(rng, types, shared.follower_histories, shared.follower_messages)
    views = laws(rng, leaders, states, seen)
    found = cv.transcript_law(protocol, rules, follower, views=views)
    expected = reference.law_array(shape[:3], np.asarray(rules), np.asarray(follower), np.asarray(views))
    np.testing.assert_allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize("shape", [(2, 2, 2, 1), (2, 3, 2, 1), (2, 2, 1, 2), (2, 1, 2, 2)])
def test_best_reply_is_the_best_of_all_replies(shape):
    rounds, messages, replies, leaders = shape
    protocol = cv.Protocol(rounds, messages, replies)
    rng = np.random.default_rng(10 + sum(shape))
    game = random_game(sum(shape), leaders)
    rules = laws(rng, leaders, 2, protocol.leader_histories, messages)
    views = laws(rng, leaders, 3, 2)
    found = cv.best_reply(game, protocol, rules, views=views)
    expected = reference.best_value(shape[:3], *map(np.asarray, (game.prior, game.follower, rules, views)))
    assert float(found.value) == pytest.approx(expected, abs=1e-13)
    replayed = cv.conversed(game, protocol, rules, found.replies, views=views)
    np.testing.assert_allclose(replayed.outcome, found.outcome, atol=1e-15)
    np.testing.assert_allclose(found.outcome.sum(2), game.prior, atol=1e-14)


def test_two_leaders_are_asked_in_the_light_of_each_others_answers():
    # State: which of two bits counts (known to leader 0), and the bits (known to leader 1, who tells the
    # one asked for). Only who asks leader 1 after hearing leader 0 learns the bit that counts.
    states = list(itertools.product([0, 1], repeat=3))
    utility = np.array([[np.eye(2)[s[1 + s[0]]] for s in states]])
    game = jg.make_game(np.full((1, 8), 1 / 8), utility, np.zeros((2, 1, 8, 2)))
    protocol = cv.Protocol(2, 2, 2)
    rules = np.zeros((2, 8, protocol.leader_histories, 2))
    for place, s in enumerate(states):
        rules[0, place, :, s[0]] = 1
        for at, past in enumerate(reference.histories(2, 2, 2)[0]):
            rules[1, place, at, s[1 + past[1]] if past else 0] = 1
    assert float(cv.best_reply(game, protocol, jnp.asarray(rules)).value) == pytest.approx(1)
    assert float(cv.best_reply(game, protocol, jnp.asarray(rules[1])).value) == pytest.approx(0.75)


@hypothesis.settings(max_examples=10, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from([SHAPES[1], SHAPES[3]]))
def test_laws_sum_to_one_posteriors_average_to_the_prior_and_names_do_not_matter(seed, shape):
    rounds, messages, replies, leaders = shape
    protocol = cv.Protocol(rounds, messages, replies)
    rng = np.random.default_rng(seed)
    game = random_game(seed)
    rules = laws(rng, leaders, 3, protocol.leader_histories, messages)
    follower = laws(rng, 2, protocol.follower_histories, replies)
    law = cv.transcript_law(protocol, rules, follower)
    np.testing.assert_allclose(law.sum(2), 1, atol=1e-12)
    belief = cv.beliefs(game.prior, law)
    np.testing.assert_allclose(belief.probability.sum(1), 1, atol=1e-12)
    average = (belief.probability[:, :, None] * belief.posterior).sum(1)
    share = game.prior.sum(1, keepdims=True)
    np.testing.assert_allclose(average, game.prior / share, atol=1e-12)
    read = cv.observed(game.prior, law)
    np.testing.assert_allclose(
        (read.probability[:, None, None] * read.posterior).sum(0), game.prior, atol=1e-12
    )

    # Rename messages and replies: histories move with their entries.
    named, answered = rng.permutation(messages), rng.permutation(replies)
    past = reference.histories(rounds, messages, replies)[0]
    place = {h: i for i, h in enumerate(past)}
    moved = [place[tuple((answered if i % 2 else named)[x] for i, x in enumerate(h))] for h in past]
    renamed = jnp.zeros_like(rules).at[:, :, np.array(moved)[:, None], named[None]].set(rules)
    before, after = (cv.best_reply(game, protocol, rule).value for rule in (rules, renamed))
    assert float(before) == pytest.approx(float(after), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_one_round_is_the_one_shot_game(seed):
    game = random_game(seed, leaders=2, types=2, states=3, actions=3)
    schemes = laws(np.random.default_rng(seed), 2, 3, 4)
    one = cv.Protocol(1, 4)
    rules = schemes[:, :, None]
    for rationality in (np.inf, 7.0):
        np.testing.assert_allclose(
            cv.outcome_of(game, one, rules, rationality=rationality),
            jg.competition.outcome_of(game, tuple(schemes), rationality=rationality),
            atol=1e-14,
        )
    told = jg.update(game.prior, schemes[0])
    belief = cv.beliefs(game.prior, cv.transcript_law(one, rules[0], jnp.zeros((2, 0, 1))))
    np.testing.assert_allclose(belief.probability, told.probability, atol=1e-14)
    np.testing.assert_allclose(belief.posterior, told.posterior, atol=1e-13)
    # A longer conversation can spell the same out.
    twice = cv.Protocol(2, 2, 3)
    spelled = jax.vmap(lambda scheme: cv.spell(twice, scheme))(schemes)
    np.testing.assert_allclose(
        cv.outcome_of(game, twice, spelled), cv.outcome_of(game, one, rules), atol=1e-13
    )


def test_type_or_transcript_of_probability_zero_makes_no_nan():
    game = jg.make_game([[0.0, 0.0], [0.4, 0.6]], np.ones((2, 2, 2)), np.ones((1, 2, 2, 2)))
    rule = jnp.zeros((2, 5, 2)).at[..., 0].set(1.0)
    law = cv.transcript_law(cv.Protocol(2, 2, 2), rule, jnp.full((2, 2, 2), 0.5))
    belief = cv.beliefs(game.prior, law)
    for array in (belief.probability, belief.posterior, cv.observed(game.prior, law).posterior):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(belief.posterior.sum(2), 1)
    np.testing.assert_allclose(cv.observed(game.prior, law).posterior.sum((1, 2)), 1)


@pytest.mark.slow
def test_questions_pay():
    # Solved by hand. Three equally likely bits, the follower's type says which to guess, messages are bits.
    # One message: at best the majority, right 3/4 of the time whichever bit counts. Two messages that
    # nobody asks for: four cells of two strings that differ in one bit, 1 - 1/6. Two messages with a
    # question between: the bit asked for is told.
    game = guess_bits(3)
    for protocol, value in (
        (cv.Protocol(1, 2), 3 / 4),
        (cv.Protocol(2, 2), 5 / 6),
        (cv.Protocol(2, 2, 3), 1.0),
    ):
        taught = jax.jit(cv.teaching, static_argnums=1)(game, protocol)
        assert bool(taught.exact)
        assert float(taught.value.lower) == pytest.approx(value, abs=1e-12)
        assert 0 <= float(taught.value.upper) - value <= 1.1e-11  # rules are compared up to ties of hers
        replayed = cv.best_reply(game, protocol, taught.rule).value
        assert float(replayed) == pytest.approx(value, abs=1e-12)
    # Written out: say nothing, then the bit that was asked for.
    asked = cv.Protocol(2, 2, 3)
    rule = np.zeros((8, asked.leader_histories, 2))
    for place, bits in enumerate(itertools.product([0, 1], repeat=3)):
        for at, past in enumerate(reference.histories(2, 2, 3)[0]):
            rule[place, at, bits[past[1]] if past else 0] = 1
    by_hand = cv.best_reply(game, asked, jnp.asarray(rule))
    assert float(by_hand.value) == pytest.approx(float(jg.full_information_value(game)))
    np.testing.assert_array_equal(by_hand.replies[:, 0].argmax(1), [0, 1, 2])  # each type asks for its bit


@pytest.mark.parametrize("shape", [(1, 2, 1), pytest.param((2, 2, 1), marks=pytest.mark.slow)])
def test_teaching_is_the_best_of_all_rules(shape):
    game = random_game(3, types=2, states=4 if shape[0] == 1 else 3, actions=3)
    found = cv.teaching(game, cv.Protocol(*shape))
    expected = reference.best_lesson(shape, np.asarray(game.prior), np.asarray(game.follower))
    assert bool(found.exact)
    assert float(found.value.lower) == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
def test_search_for_a_lesson_is_bracketed():
    # Five states are one too many for two bits, and few enough that all rules are tried.
    two = cv.Protocol(2, 2, 2)
    exact = jax.jit(lambda g: cv.teaching(g, two, method="exact"))
    search = jax.jit(lambda g: cv.teaching(g, two, method="search"))
    reached = 0
    for seed in range(8):
        game = random_game(seed, types=3, states=5, actions=3)
        best, found = float(exact(game).value.lower), search(game)
        assert float(found.value.lower) <= best + 1e-12
        assert best <= float(found.value.upper) + 1e-12
        reached += float(found.value.lower) > best - 1e-9
    assert reached >= 7  # turns from 64 starts may miss the best, but seldom do


def test_coarse_and_noisy_views():
    game = random_game(5, types=2, states=4, actions=3)
    half = jnp.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    seen = cv.viewed(game, half)
    assert seen.prior.shape == (2, 2)
    np.testing.assert_allclose(jg.no_information_value(seen), jg.no_information_value(game), atol=1e-14)
    taught = cv.teaching(game, cv.Protocol(1, 2), view=half)
    np.testing.assert_allclose(taught.value.lower, jg.full_information_value(seen), atol=1e-14)
    # What it says of its view is worth the same in the game of states.
    told = cv.best_reply(game, cv.Protocol(1, 2), taught.rule, views=half[None])
    np.testing.assert_allclose(told.value, taught.value.lower, atol=1e-14)
    blind = jnp.full((4, 2), 0.5)
    nothing = cv.teaching(game, cv.Protocol(1, 2), view=blind).value
    np.testing.assert_allclose(nothing.upper, jg.no_information_value(game), atol=1e-14)


@pytest.mark.slow
def test_values_are_differentiable_in_the_logits():
    protocol = cv.Protocol(2, 2, 2)
    game = random_game(8, types=2, states=3, actions=2)
    rng = np.random.default_rng(8)
    logits = jnp.asarray(rng.normal(size=(3, protocol.leader_histories, 2)))
    asks = jax.nn.softmax(jnp.asarray(rng.normal(size=(2, protocol.follower_histories, 2))))

    def value(logits):
        rule = jax.nn.softmax(logits)
        return cv.conversed(game, protocol, rule, asks, rationality=4.0).value

    slope = jax.grad(value)(logits)
    step = 1e-5
    for place in [(0, 0, 0), (1, 2, 1), (2, 4, 0)]:
        bump = jnp.zeros_like(logits).at[place].set(step)
        expected = (value(logits + bump) - value(logits - bump)) / (2 * step)
        assert float(slope[place]) == pytest.approx(float(expected), abs=1e-9)
        assert abs(float(slope[place])) > 1e-6


@pytest.mark.parametrize("types", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_bound_of_any_conversation(types):
    bound = jax.jit(lambda g, level: cv.unlimited_bound(g, 0, level))
    for seed in range(5):
        game = random_game(seed, leaders=1, types=types, states=3, actions=3)
        none, full = map(float, (jg.no_information_value(game), jg.full_information_value(game)))
        for share in (0.0, 0.4, 0.9, 1.0):
            level = none + share * (full - none)
            expected = reference.informed_best(
                *map(np.asarray, (game.prior, game.follower, game.leaders[0])), level
            )
            assert float(bound(game, level)) == pytest.approx(expected, abs=1e-8)


def rivals(count, chance):
    """Boleslavsky and Cotton: leader i knows whether it is good; the follower picks one of them."""
    states = np.array(list(itertools.product([0, 1], repeat=count)))
    prior = np.prod(np.where(states == 1, chance, 1 - chance), axis=1)
    picked = np.eye(count)[:, None, None, :].repeat(len(states), 2)  # [K,1,S,A]
    game = jg.make_game(prior, states.astype(float), picked)
    views = np.stack([np.eye(2)[states[:, i]] for i in range(count)])
    return game, jnp.asarray(views)


@pytest.mark.parametrize(
    ("count", "chance", "points"),
    [
        pytest.param(2, 0.5, 8, id="half"),
        pytest.param(2, 0.3, 16, id="two", marks=pytest.mark.slow),
        pytest.param(3, 0.2, 6, id="three", marks=pytest.mark.slow),
    ],
)
def test_leaders_who_know_only_themselves(count, chance, points):
    # Equilibrium (theory, section 5): F(x) = (x / (K mu))^(1/(K-1)), here as `points` messages of equal
    # probability at the means of its quantiles. The follower's ties go to leader 0.
    game, views = rivals(count, chance)
    edges = np.linspace(0, 1, points + 1)
    posterior = chance * np.diff(edges**count) * points  # K mu times the mean of x^(K-1)
    np.testing.assert_allclose(posterior.mean(), chance)
    scheme = np.stack([(1 - posterior) / (1 - chance), posterior / chance]) / points
    rules = jnp.asarray(np.stack([scheme[:, None]] * count))
    one = cv.Protocol(1, points)
    gain = jax.jit(lambda rules: cv.exploitability(game, one, rules, views=views))(rules)
    # A leader who just outbids every point wins x / (K mu) and one step more of the grid at most; the last
    # leader loses all ties, which cost it half a step for each rival.
    assert float(gain.upper) <= (1 + (count - 1) / 2) / points + 1e-9
    assert float(gain.upper) >= float(gain.lower) > 0
    if count == 2:
        assert float(gain.upper) == pytest.approx(1 / points, abs=1e-9)
    if chance < 0.5:  # to tell all is no equilibrium: silence wins wherever no rival is good
        told = jnp.broadcast_to(jnp.eye(2, points)[None, :, None], rules.shape)
        gain = jax.jit(lambda rules: cv.exploitability(game, one, rules, views=views))(told)
        assert float(gain.lower) >= (1 - chance) ** (count - 1) - 1 / count - 1e-6


def test_errors_say_what_to_reduce():
    with pytest.raises(ValueError, match="leader_messages is 0; it must be an integer of at least 1"):
        cv.Protocol(1, 0)
    large = cv.Protocol(9, 3, 3)
    assert large.transcripts > MAX_TRANSCRIPTS
    with pytest.raises(ValueError, match="reduce rounds to 5"):
        large.check_size()
    with pytest.raises(ValueError, match="rounds to 1 or leaders who are heard together to 1"):
        cv.Protocol(3, 4, 4).check_size(3)
    game = random_game(0)
    one = cv.Protocol(1, 2)
    rule = jnp.full((1, 3, 1, 2), 0.5)
    with pytest.raises(
        ValueError, match=re.escape("leaders has shape (1, 3, 2, 2); it must be [K, V, H, M]")
    ):
        cv.best_reply(game, one, jnp.full((1, 3, 2, 2), 0.5))
    with pytest.raises(ValueError, match=r"leaders sums to 1\.2 along axis -1"):
        cv.best_reply(game, one, rule * 1.2)
    with pytest.raises(
        ValueError, match="leaders has V = 2; without views it must be the number of states, 3"
    ):
        cv.best_reply(game, one, rule[:, :2])
    with pytest.raises(ValueError, match="kind is 'duel'; it must be one of 'all', 'selection'"):
        cv.best_response(game, one, rule, 0, kind="duel")
    with pytest.raises(ValueError, match="needs a best-responding follower"):
        cv.best_response(game, one, rule, 0, kind="selection", rationality=3.0)
    with pytest.raises(ValueError, match="tie 'favoured' needs favoured"):
        cv.best_reply(game, one, rule, tie="favoured")
    with pytest.raises(ValueError, match="scheme has 5 messages; 2 rounds of 2 can tell 4"):
        cv.spell(cv.Protocol(2, 2), jnp.full((3, 5), 0.2))
    with pytest.raises(ValueError, match="method 'exact' tries"):
        cv.teaching(guess_bits(4), cv.Protocol(2, 2, 2), method="exact")


# Competition


@pytest.mark.slow
def test_best_responses_of_one_round_are_those_of_simultaneous_competition():
    one = cv.Protocol(1, 3)
    both = jax.jit(
        lambda g, schemes: (
            cv.best_response(g, one, schemes[:, :, None], 0).value,
            jg.competition.best_response(g, schemes, 0, tie="lowest").value,
            cv.exploitability(g, one, schemes[:, :, None]),
            jg.competition.exploitability(g, schemes),
        )
    )
    for seed in range(5):
        game = random_game(seed, leaders=2, types=1, states=3, actions=3)
        found, expected, gain, one_shot = both(game, laws(np.random.default_rng(seed), 2, 3, 3))
        for a, b in ((found, expected), (gain, one_shot)):
            assert float(a.lower) == pytest.approx(float(b.lower), abs=1e-9)
            assert float(a.upper) == pytest.approx(float(b.upper), abs=1e-9)


def test_an_offer_that_is_worth_less_than_the_level_does_not_count():
    """Alone the prosecutor convicts 0.6 and leaves the judge at 0.7; it must leave her at 0.9: then 0.4."""
    once, game = cv.Protocol(1, 2), judge(PROSECUTOR, DEFENDER)
    best = jnp.array([[4 / 7, 3 / 7], [0.0, 1.0]])[:, None]  # [V, H, M]
    rules = cv.starting_rules(game, once, "none")
    found = cv.best_response(game, once, rules, 0, kind="selection", aligned=best, level=jnp.array(0.9))
    assert float(found.value.lower) == pytest.approx(0.4, abs=1e-6)
    assert float(found.value.lower) <= float(found.value.upper) <= 0.4 + 1e-6


@pytest.mark.slow
def test_offers_of_one_round_are_those_of_selection():
    one = cv.Protocol(1, 4)
    reply = jax.jit(
        lambda g, level: cv.best_response(
            g, one, cv.starting_rules(g, one, "none"), 0, kind="selection", level=level
        )
    )
    best = jax.jit(lambda g, level: jg.leader_value(g, 0, level).value)
    for seed in range(5):
        game = random_game(seed, leaders=2, types=1, states=3, actions=3)
        none, full = jg.no_information_value(game), jg.full_information_value(game)
        for share in (0.0, 0.5, 1.0):
            level = none + share * (full - none)
            found, expected = reply(game, level), best(game, level)
            assert float(found.value.lower) == pytest.approx(float(expected.lower), abs=1e-9)
            assert float(found.value.upper) == pytest.approx(float(expected.upper), abs=1e-9)
            assert bool(found.converged)


def in_hull(seed, types, states, actions):
    rng = np.random.default_rng(seed)
    leaders = rng.random((2, types, states, actions))
    weights = rng.dirichlet(np.ones(2))
    prior = rng.dirichlet(np.ones(types * states)).reshape(types, states)
    return jg.make_game(prior, np.einsum("k,ktsa->tsa", weights, leaders), leaders)


@pytest.mark.slow
@pytest.mark.parametrize("kind", cv.COMPETITIONS)
@pytest.mark.parametrize("protocol", [cv.Protocol(1, 3), cv.Protocol(2, 2, 2)], ids=["once", "twice"])
def test_in_the_hull_no_certified_equilibrium_is_below_full_information(kind, protocol):
    games = [in_hull(seed, types=2, states=3, actions=2) for seed in range(64)]
    batch = jax.tree.map(lambda *x: jnp.stack(x), *games)

    def end(game, key):
        start = cv.starting_rules(game, protocol, "random", key=key)
        return cv.best_response_dynamics(game, protocol, start, kind=kind, steps=12, outbid=1e-2)

    found = jax.jit(jax.vmap(end))(batch, jax.random.split(jax.random.key(0), len(games)))
    missed = np.asarray(jax.vmap(jg.full_information_value)(batch)) - np.asarray(found.follower[:, -1])
    spans = np.asarray(batch.leaders.max((1, 2, 3, 4)) - batch.leaders.min((1, 2, 3, 4)))
    certified = np.asarray(found.gain.upper) <= 1e-5 * spans
    assert certified.sum() >= 32
    assert (missed[certified] <= 1e-5).all()
    # Where something is missed somebody has something to gain, and was found to have.
    short = missed > 1e-5
    assert (np.asarray(found.gain.lower)[short] >= missed[short] - 1e-9).all()
    np.testing.assert_allclose(found.outcome.sum(3), batch.prior, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best_ai_selection", "bayes_optimal_learning", "quantal_response"])
def test_theorems_of_a_protocol(name):
    # Two messages for three states: a premise that is measured, and not met.
    poor = cv.Protocol(1, 2)
    arguments = (5.0,) if name == "quantal_response" else ()
    check = jax.jit(
        lambda game, rules: getattr(jg.theorems, name)(game, *arguments, protocol=poor, rules=rules)
    )
    holds, taught_less, apart = [], 0, 0
    for seed in range(12):
        game = random_game(seed, leaders=2, types=1, states=3, actions=3)
        rng = np.random.default_rng(seed)
        found = check(game, laws(rng, 2, 3, 1, 2))
        holds.append(jg.theorems.VERDICTS[int(found.holds)])
        taught_less += float(found.teachable.upper) < float(found.full_information) - 1e-6
        apart += float(found.delta) > 1e-6
        if name == "bayes_optimal_learning":  # whoever could gain by teaching is known to gain that much
            rules = laws(np.random.default_rng(seed), 2, 3, 1, 2)
            lesson = cv.teaching(game, poor).rule
            now, then = (
                [cv.outcome_of(game, poor, rules.at[i].set(r)) for i, r in enumerate(changed)]
                for changed in (rules, jnp.stack([lesson, lesson]))
            )
            for i in range(2):
                earned = (game.leaders[i] * (then[i] - now[i])).sum()
                assert float(found.gain.lower) >= float(earned) - 1e-12
        # The statement by itself, from its parts, for one of the three distances.
        fit = jg.game_hull_distance(game, "state")
        spans = np.ptp(np.asarray(game.leaders), axis=3).max((1, 2))
        cost = 2 * fit.distance.upper + found.delta * (np.asarray(fit.weights) @ spans)
        regret = jg.quantal_regret_bound(3, 5.0) if name == "quantal_response" else 0.0
        assert float(found.worst.lower) >= found.teachable.lower - cost - regret - found.gain.lower - 1e-9
    assert "no" not in holds and "yes" in holds
    assert taught_less > 0
    assert (apart > 0) == (name != "best_ai_selection")


@pytest.mark.slow
def test_leaders_in_small_units_need_large_weights():
    """Leaders want a tenth of what she wants: they gain little by teaching, and the cone's weights sum to 10.

    Silent, they leave her at 1/2. Each could gain .05 by teaching all, which is worth .5 to her.
    """
    game = jg.make_game([0.5, 0.5], np.eye(2), [0.1 * np.eye(2)] * 2)
    once = cv.Protocol(1, 2)
    silent = cv.starting_rules(game, once, "none")
    found = jg.theorems.bayes_optimal_learning(game, protocol=once, rules=silent)
    assert float(found.loss.lower) == pytest.approx(0.5) and float(found.gain.upper) == pytest.approx(0.05)
    assert float(found.cone.upper) == pytest.approx(0.0, abs=1e-9)
    assert float(found.slack.lower) == pytest.approx(0.0, abs=1e-6)
    assert jg.theorems.VERDICTS[int(found.holds)] != "no"
