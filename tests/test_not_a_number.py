"""What is not a number stays not a number: inside jit, where input cannot be refused, nothing is known of it.

One lane of a batch has a NaN or an infinity in one array; its neighbours are as without it.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import conversation, selection, theorems

LANES = 3
BAD = 1  # the lane that is spoilt
ONCE = conversation.Protocol(1, 2)


def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    prior = rng.dirichlet(np.ones(2), LANES)[:, None]
    follower, leaders = rng.random((LANES, 1, 2, 2)), rng.random((LANES, 2, 1, 2, 2))
    full = (prior * follower.max(-1)).sum((1, 2))
    none = np.einsum("nts,ntsa->nta", prior, follower).max(-1).sum(-1)
    known = prior[..., None] * (follower == follower.max(-1, keepdims=True))
    return {
        "prior": prior,
        "follower": follower,
        "leaders": leaders,
        "threshold": (none + full) / 2,
        "outcome": known,
        "offers": np.stack([known, known], 1),
        "rules": rng.dirichlet(np.ones(2), (LANES, 2, 2, 1)),
    }


def on_game(function, *names):
    """A function of a game and further arrays, as one of a dictionary."""
    return lambda x: function(jg.Game(x["prior"], x["follower"], x["leaders"]), *(x[name] for name in names))


GAME = ("prior", "follower", "leaders")
# Name: what is called, the arrays it takes, whether it is too slow to compile for the fast tests.
CALLED = {
    "leader_value": (lambda g, v: jg.leader_value(g, 0, v), ("threshold",), False),
    "value_curve": (lambda g, v: jg.value_curve(g, 1, jnp.stack([v, v])), ("threshold",), True),
    "leader_frontier": (
        lambda g, v: (jg.leader_frontier(g, 0).value(v), jg.leader_frontier(g, 0).converged),
        ("threshold",),
        False,
    ),
    "hull": (lambda g: jg.game_hull_distance(g, "state", "cone"), (), False),
    "hull square": (lambda g: jg.game_hull_distance(g, norm="square"), (), False),
    "exploitability": (selection.exploitability, ("outcome",), False),
    "worst_equilibrium": (selection.worst_equilibrium, (), False),
    "starting_offers": (lambda g: selection.starting_offers(g, "full"), (), False),
    "dynamics": (
        lambda g, offers: selection.best_response_dynamics(g, offers, steps=3),
        ("offers",),
        False,
    ),
    "guarantee": (theorems.best_ai_selection, (), True),
    "best_reply": (lambda g, rules: conversation.best_reply(g, ONCE, rules), ("rules",), False),
    "teaching": (lambda g: conversation.teaching(g, ONCE), (), False),
    "unlimited_bound": (lambda g, v: conversation.unlimited_bound(g, 0, v), ("threshold",), True),
    "conversation reply": (
        lambda g, rules: conversation.best_response(g, ONCE, rules, 0, "selection"),
        ("rules",),
        True,
    ),
    "conversation gain": (
        lambda g, rules: conversation.exploitability(g, ONCE, rules),
        ("rules",),
        True,
    ),
}
# What does not enter.
FREE = {
    "starting_offers": {"leaders"},
    "best_reply": {"leaders"},
    "teaching": {"leaders"},
    "hull": {"prior"},
    "hull square": {"prior"},
}


def brackets(tree):
    return [
        x
        for x in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, jg.Bracket))
        if isinstance(x, jg.Bracket)
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if slow else n for n, (_, _, slow) in CALLED.items()]
)
def test_nothing_is_known_of_what_is_no_number(name):
    function, more, _ = CALLED[name]
    arrays = {key: value for key, value in batch().items() if key in (*GAME, *more)}
    program = jax.jit(jax.vmap(on_game(function, *more)))
    clean = jax.device_get(program(arrays))
    for key in arrays:
        for spoilt in (np.nan, np.inf):
            given = {k: v.copy() for k, v in arrays.items()}
            # Of leaders all, so that whichever is asked about is spoilt.
            places = (
                given[key][BAD].reshape(2, -1)[:, :1]
                if key == "leaders"
                else given[key][BAD : BAD + 1].reshape(1, -1)[:, :1]
            )
            places[...] = spoilt
            found = jax.device_get(program(given))
            for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(clean), strict=True):
                np.testing.assert_array_equal(
                    np.delete(x, BAD, 0), np.delete(y, BAD, 0), err_msg=f"{key} {spoilt}"
                )
            if key in FREE.get(name, ()):
                continue
            nothing_known(jax.tree.map(lambda x: x[BAD], found), f"{name}: {key} {spoilt}")


def nothing_known(found: Any, where: str) -> None:
    """Brackets hold everything, no converged, all other floats NaN."""
    if isinstance(found, theorems.Guarantee):  # distances do not depend on the prior, and nobody gains
        assert theorems.VERDICTS[int(found.holds)] == "undecided", where
        return nothing_known([found.teachable, found.bound, found.worst, found.loss, found.slack], where)
    for bracket in brackets(found):
        assert not np.isfinite(bracket.upper).any(), where
        assert (np.isnan(bracket.lower) | (bracket.lower == -np.inf) | (bracket.lower == 0)).all(), where
        assert (np.isnan(bracket.upper) | (bracket.upper == np.inf)).all(), where
    if dataclasses.is_dataclass(found) and not isinstance(found, jg.Bracket):
        for name, value in vars(found).items():
            if name in ("converged", "exact", "feasible"):
                assert not np.asarray(value).any(), f"{where}: {name}"
            if name in ("scheme", "outcome", "weights", "measure", "rule", "replies", "response", "value"):
                floats = [] if isinstance(value, jg.Bracket) else jax.tree.leaves(value)
                assert all(np.isnan(x).all() for x in floats), f"{where}: {name}"
    if isinstance(found, np.ndarray | np.floating):
        assert not np.isfinite(found).any(), where


@pytest.mark.parametrize(
    "kind", ["arbitrary", *(pytest.param(k, marks=pytest.mark.slow) for k in ("uniform", "no numbers"))]
)
def test_a_solver_that_is_wrong_makes_nothing_false(kind, monkeypatch):
    """The search for the worst equilibrium does not trust the games it has solved on the way."""
    from jaxgame.selection import worst
    from jaxgame.solve.matrix_game import Strategies

    rng = np.random.default_rng(0)
    games = jax.vmap(jg.Game)(
        rng.dirichlet(np.ones(2), 8)[:, None], rng.random((8, 1, 2, 2)), rng.random((8, 2, 1, 2, 2))
    )
    truth = jax.jit(jax.vmap(selection.worst_equilibrium))(games)
    assert bool(truth.converged.all())

    def wrong(payoff):
        if kind == "arbitrary":
            rng = np.random.default_rng(payoff.size)
            return Strategies(*(jnp.asarray(rng.dirichlet(np.ones(count))) for count in payoff.shape))
        share = 1.0 if kind == "uniform" else jnp.nan
        return Strategies(*(jnp.full(count, share / count) for count in payoff.shape))

    monkeypatch.setattr(worst, "solve_matrix_game", wrong)
    monkeypatch.setattr(worst, "MAX_STEPS", 100)
    jax.clear_caches()
    found = jax.jit(jax.vmap(selection.worst_equilibrium))(games)
    assert bool((found.value.lower <= truth.value.upper + 1e-12).all())
    assert bool((found.value.upper >= truth.value.lower - 1e-12).all())
    monkeypatch.undo()
    jax.clear_caches()
