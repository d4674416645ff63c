"""Games over menus: payoffs of each profile by another way, and files that another parser reads the same."""

import itertools
import math
import re
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg

JUDGE = jg.make_game(
    [0.7, 0.3], np.eye(2), [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 1.0]]]
)
SIZES = (2, 3, 2)


def parsed(text):
    """Title, players, sizes, and {profile: exact payoffs} of a strategic game in Gambit's format."""
    head, _, body = text.partition("\n\n")
    found = re.fullmatch(r'NFG 1 R "((?:[^"\\]|\\.)*)" \{ (.*) \} \{ ([\d ]+) \}', head)
    players = re.findall(r'"((?:[^"\\]|\\.)*)"', found[2])
    sizes = [int(n) for n in found[3].split()]
    numbers = [Fraction(word) for word in body.split()]
    assert len(numbers) == len(players) * math.prod(sizes)
    table = {}
    for row, profile in enumerate(itertools.product(*map(range, reversed(sizes)))):  # the first is fastest
        table[profile[::-1]] = numbers[row * len(players) : (row + 1) * len(players)]
    return found[1], players, sizes, table


def schemes():
    """A menu for each leader, of schemes with other numbers of messages."""
    rng = np.random.default_rng(5)
    return [jnp.asarray(rng.dirichlet(np.ones(m), (n, 2))) for n, m in zip(SIZES, (2, 3, 2), strict=True)]


def offers():
    """A menu for each leader, of what schemes lead to, and some that tie."""
    rng = np.random.default_rng(6)
    none, full = (jg.selection.starting_offers(JUDGE, start)[0] for start in ("none", "full"))
    mixed = [jnp.stack([u * none + (1 - u) * full for u in rng.uniform(size=n)]) for n in SIZES]
    mixed[1] = mixed[1].at[0].set(mixed[0][0])
    mixed[2] = mixed[2].at[1].set(mixed[0][0])
    return mixed


@pytest.mark.parametrize("rationality", [math.inf, 3.0])
def test_payoffs_of_schemes_are_what_each_profile_leads_to(rationality):
    """By Bayes' rule over joint messages, in NumPy."""
    menus = schemes()
    found = jg.menus.of_schemes(JUDGE, menus, rationality=rationality)
    assert found.leaders.shape == (3, *SIZES) and found.follower.shape == SIZES
    prior, hers, theirs = (np.asarray(x) for x in (JUDGE.prior[0], JUDGE.follower[0], JUDGE.leaders[:, 0]))
    for profile in itertools.product(*map(range, SIZES)):
        chosen = [np.asarray(menu[n]) for menu, n in zip(menus, profile, strict=True)]
        worth, earned = 0.0, np.zeros(3)
        for heard in itertools.product(*(range(scheme.shape[1]) for scheme in chosen)):
            joint = prior * math.prod(scheme[:, m] for scheme, m in zip(chosen, heard, strict=True))
            values = joint @ hers / joint.sum()
            if math.isinf(rationality):
                response = np.eye(2)[values.argmax()]
            else:
                response = np.exp(rationality * values) / np.exp(rationality * values).sum()
            worth += joint @ hers @ response
            earned += np.einsum("s,ksa,a->k", joint, theirs, response)
        np.testing.assert_allclose(found.follower[profile], worth, rtol=1e-12)
        np.testing.assert_allclose(found.leaders[(slice(None), *profile)], earned, rtol=1e-12)


def test_payoffs_of_offers_are_those_of_the_best_one():
    menus = offers()
    found = jg.menus.of_offers(JUDGE, menus)
    for profile in itertools.product(*map(range, SIZES)):
        made = [np.asarray(menu[n]) for menu, n in zip(menus, profile, strict=True)]
        worth = [float((x * JUDGE.follower).sum()) for x in made]
        kept = next(i for i in range(3) if worth[i] >= max(worth) - 1e-12)  # ties: the lowest index
        np.testing.assert_allclose(found.follower[profile], worth[kept], rtol=1e-14)
        earned = (made[kept][None] * np.asarray(JUDGE.leaders)).sum((1, 2, 3))
        np.testing.assert_allclose(found.leaders[(slice(None), *profile)], earned, rtol=1e-14)


def test_offers_that_tie_are_won_by_the_lowest_index():
    coin = jg.make_game([0.5, 0.5], np.eye(2), [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    heads, tails = (jnp.zeros((1, 1, 2, 2)).at[..., a].set(0.5) for a in (0, 1))
    assert jg.menus.of_offers(coin, [heads, tails]).leaders.ravel().tolist() == [0.0, 1.0]
    assert jg.menus.of_offers(coin, [tails, heads]).leaders.ravel().tolist() == [1.0, 0.0]


def test_who_can_tell_all_does_where_the_offers_acquit_too_often():
    """All offers convict less often than the truth: a prosecutor who can tell all gains by it."""
    full = jg.selection.starting_offers(JUDGE, "full")[0]
    found = jg.menus.of_offers(JUDGE, [jnp.concatenate([menu, full[None]]) for menu in offers()])
    best = [found.leaders[i] >= found.leaders[i].max(i, keepdims=True) - 1e-12 for i in range(3)]
    equilibria = np.logical_and.reduce(best)
    assert equilibria.any() and (found.follower[equilibria] == 1.0).all() and found.follower.min() < 0.99


def test_a_file_has_every_payoff_exactly():
    found = jg.menus.of_schemes(JUDGE, schemes())
    title, players, sizes, table = parsed(found.nfg('a "quoted" \\ title', ["A", "B b", "C"]))
    assert title == 'a \\"quoted\\" \\\\ title' and players == ["A", "B b", "C"] and tuple(sizes) == SIZES
    for profile, payoffs in table.items():
        exact = [Fraction(float(x)) for x in found.leaders[(slice(None), *profile)]]
        assert payoffs == exact
    assert parsed(found.nfg())[1] == ["leader 0", "leader 1", "leader 2"]


@pytest.mark.parametrize("payoff", [-0.0, 5e-324, -1.25e22, 1 / 3])
def test_a_payoff_of_any_size_is_a_plain_decimal(payoff):
    found = jg.menus.MenuGame(np.array([[payoff]]), np.zeros(1))
    text = found.nfg()
    assert "e" not in text.partition("\n\n")[2].lower() and "-0\n" not in text
    assert parsed(text)[3] == {(0,): [Fraction(payoff)]}


def test_gambit_reads_the_file(tmp_path):
    gambit = pytest.importorskip("pygambit")  # under the GPL: only here, and only where it was installed
    found = jg.menus.of_schemes(JUDGE, schemes())
    path = tmp_path / "game.nfg"
    path.write_text(found.nfg("three advisers"))
    read = gambit.read_nfg(str(path)).to_arrays()  # of rationals, one array for each player
    assert [array.shape for array in read] == [SIZES] * 3
    for array, payoffs in zip(read, found.leaders, strict=True):
        assert [Fraction(str(x)) for x in array.flat] == [Fraction(float(x)) for x in payoffs.flat]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (
            lambda: jg.menus.of_schemes(JUDGE, schemes()[:2]),
            "schemes has 2 menus; it must have one per leader, 3",
        ),
        (lambda: jg.menus.of_schemes(JUDGE, [np.eye(2)] * 3), r"schemes\[0\] has shape \(2, 2\)"),
        (lambda: jg.menus.of_schemes(JUDGE, [np.ones((1, 2, 2))] * 3), r"schemes\[0\]\[0\] sums to 2"),
        (lambda: jg.menus.of_schemes(JUDGE, [np.ones((0, 2, 2))] * 3), "N at least 1"),
        (lambda: jg.menus.of_schemes(JUDGE, schemes(), tie="none"), "tie is 'none'"),
        (lambda: jg.menus.of_schemes(JUDGE, schemes(), rationality=-1.0), "rationality is -1"),
        (lambda: jg.menus.of_schemes(JUDGE, [np.ones((50, 2, 1))] * 3), "125000 profiles; at most 100000"),
        (lambda: jg.menus.of_offers(JUDGE, [np.ones((1, 1, 2, 3))] * 3), r"\[T, S, A\] = \[1, 2, 2\]"),
        (lambda: jg.menus.of_offers(JUDGE, [np.ones((1, 1, 2, 2))] * 3), r"offers\[0\] sums to 4"),
        (lambda: jg.menus.MenuGame(np.ones((2, 1)), np.ones(1)).nfg(names=["A"]), "names has 1 entries"),
        (
            lambda: jg.menus.MenuGame(np.full((1, 1), np.nan), np.ones(1)).nfg(),
            "leaders has payoffs that are not finite",
        ),
    ],
)
def test_bad_input_is_said(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
