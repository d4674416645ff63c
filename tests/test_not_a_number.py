"""What is not a number stays not a number: inside jit, where input cannot be refused, nothing is known of it.

One lane of a batch has a NaN or an infinity in one array; its neighbours are as without it.
"""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition, conversation, selection, theorems

LANES = 3
BAD = 1  # the lane that is spoilt
ONCE, TWICE = conversation.Protocol(1, 2), conversation.Protocol(2, 2, 2)


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
        "target": rng.random((LANES, 6)),
        "utilities": rng.random((LANES, 3, 6)),
        "views": rng.dirichlet(np.ones(2), (LANES, 2, 2)),
        "long rules": rng.dirichlet(np.ones(2), (LANES, 2, 2, 5)),
        "replies": rng.dirichlet(np.ones(4), (LANES, 1, 4)),
        "aligned": rng.dirichlet(np.ones(2), (LANES, 2, 1)),
        "slack": np.full(LANES, 1e-3),
        "score": rng.random((LANES, 1, 2, 2)),
        "rationality": np.full(LANES, 5.0),
    }


def on_game(function, *names):
    """A function of a game and further arrays, as one of a dictionary."""
    return lambda x: function(jg.Game(x["prior"], x["follower"], x["leaders"]), *(x[name] for name in names))


def attained(found: theorems.Guarantee) -> list[jg.Bracket]:
    """What no premise bounds: without score or offers the bounds are still known to promise no more than
    2 eps and D allow."""
    return [found.worst, found.loss, found.slack, found.mean_slack]


GAME = ("prior", "follower", "leaders")
# Name: what is called, arrays it takes besides the game, whether it is too slow to compile for fast tests.
CALLED = {
    "values": (lambda g: (jg.no_information_value(g), jg.full_information_value(g)), (), False),
    "leader_value": (lambda g, v: jg.leader_value(g, 0, v), ("threshold",), False),
    "value_curve": (lambda g, v: jg.value_curve(g, 1, jnp.stack([v, v])), ("threshold",), True),
    "best_outbids": (selection.best_outbids, ("threshold",), True),
    "leader_frontier": (
        lambda g, v: (lambda curve: (curve.value(v), curve.best(v)))(jg.leader_frontier(g, 0)),
        ("threshold",),
        False,
    ),
    "kinks": (lambda g: jg.leader_frontier(g, 0), (), True),
    "hull": (lambda g: jg.game_hull_distance(g, "state", "cone"), (), False),
    "hull square": (lambda g: jg.game_hull_distance(g, norm="square"), (), False),
    "hull_distance": (lambda _, u, U: jg.hull_distance(u, U), ("target", "utilities"), False),
    "hull_distance cone": (
        lambda _, u, U: jg.hull_distance(u, U, "square", np.array([0, 0, 0, 1, 1, 1]), "cone"),
        ("target", "utilities"),
        False,
    ),
    "leader_distances": (
        lambda g: [jg.hull.leader_distances(g, "state", norm) for norm in jg.hull.NORMS],
        (),
        False,
    ),
    "exploitability": (selection.exploitability, ("outcome",), False),
    "worst_equilibrium": (lambda g, eta: selection.worst_equilibrium(g, slack=eta), ("slack",), False),
    "worst by score": (
        lambda g, u: (selection.worst_equilibrium(g, score=u), selection.score_error(g, u)),
        ("score",),
        True,
    ),
    "score theorem": (lambda g, u: attained(theorems.score_selection(g, u)), ("score",), True),
    "gains by score": (
        lambda g, x, u: selection.exploitability(g, x, score=u),
        ("outcome", "score"),
        True,
    ),
    "dynamics by score": (
        lambda g, offers, u: selection.best_response_dynamics(g, offers, steps=2, score=u),
        ("offers", "score"),
        True,
    ),
    "sampled_score": (lambda g: selection.sampled_score(jax.random.key(1), g, 3), (), False),
    "leader_curves": (selection.leader_curves, (), True),
    "competition slack": (lambda g, eta: competition.worst_equilibrium(g, slack=eta), ("slack",), True),
    "starting_offers": (lambda g: selection.starting_offers(g, "full"), (), False),
    "selfish offers": (lambda g: selection.starting_offers(g, "selfish"), (), True),
    "dynamics": (
        lambda g, offers: selection.best_response_dynamics(g, offers, steps=3),
        ("offers",),
        False,
    ),
    "evaluate": (
        lambda g, offers: selection.evaluate(jax.random.key(1), g, offers, 3),
        ("offers",),
        False,
    ),
    "dynamics of a lazy user": (
        lambda g, offers: selection.best_response_dynamics(g, offers, steps=3, consulted=1),
        ("offers",),
        True,
    ),
    "learning": (
        lambda g, offers: selection.learning(
            g, offers, rule="inertia", rounds=3, menu=2, key=jax.random.key(1)
        ),
        ("offers",),
        False,
    ),
    "learning theorem": (
        lambda g, offers: attained(
            theorems.learning(g, selection.learning(g, offers, rule="fictitious_play", rounds=3, menu=2))
        ),
        ("offers",),
        True,
    ),
    "coarse_correlated": (lambda g: theorems.coarse_correlated(g, menu=2), (), True),
    "guarantee": (theorems.best_ai_selection, (), True),
    "premise": (lambda g: [theorems.premise(g).mean, theorems.premise(g).mean_cone], (), False),
    "best_reply": (lambda g, rules: conversation.best_reply(g, ONCE, rules), ("rules",), False),
    "logit reply": (
        lambda g, rules, views, sharp: conversation.best_reply(
            g, ONCE, rules, views=views, rationality=sharp
        ),
        ("rules", "views", "rationality"),
        False,
    ),
    "conversed": (
        lambda g, rules, replies: conversation.conversed(g, TWICE, rules, replies),
        ("long rules", "replies"),
        False,
    ),
    "conversation outcome": (
        lambda g, rules, views: [
            conversation.outcome_of(g, ONCE, rules, kind=kind, views=views)
            for kind in conversation.COMPETITIONS
        ],
        ("rules", "views"),
        False,
    ),
    "teaching": (lambda g: conversation.teaching(g, ONCE), (), False),
    "taught": (lambda g, views: conversation.taught(g, ONCE, 2, views), ("views",), False),
    "unlimited_bound": (lambda g, v: conversation.unlimited_bound(g, 0, v), ("threshold",), True),
    "conversation selection": (
        lambda g, rules, aligned, level: conversation.best_response(
            g, ONCE, rules, 0, kind="selection", aligned=aligned, level=level
        ),
        ("rules", "aligned", "threshold"),
        True,
    ),
    "conversation selection dynamics": (
        lambda g, rules: conversation.best_response_dynamics(g, ONCE, rules, kind="selection", steps=2),
        ("rules",),
        True,
    ),
    "conversation dynamics": (
        lambda g, rules: conversation.best_response_dynamics(g, ONCE, rules, steps=2),
        ("rules",),
        True,
    ),
    "conversation logit": (
        lambda g, rules, sharp: conversation.best_response(g, ONCE, rules, 0, rationality=sharp),
        ("rules", "rationality"),
        True,
    ),
    "conversation gain": (
        lambda g, rules, views: conversation.exploitability(g, ONCE, rules, views=views),
        ("rules", "views"),
        True,
    ),
}
# What does not enter.
FREE = {
    "values": {"leaders"},
    "starting_offers": {"leaders"},
    "evaluate": {"leaders"},
    "sampled_score": {"leaders"},
    "best_reply": {"leaders"},
    "logit reply": {"leaders"},
    "conversed": {"leaders"},
    "teaching": {"leaders"},
    "taught": {"leaders"},
    "hull": {"prior"},
    "hull square": {"prior"},
    "hull_distance": set(GAME),
    "hull_distance cone": set(GAME),
    "leader_distances": {"prior"},
    "conversation outcome": {"leaders"},  # but for selection, whose ties are theirs
}
# Infinities that mean something: best responses, and actions that are out of the question.
ALLOWED = {("logit reply", "rationality", np.inf), ("conversation logit", "rationality", np.inf)}
ALLOWED |= {("values", "follower", -np.inf)}


def spoil(arrays: dict[str, np.ndarray], key: str, spoilt: float) -> dict[str, np.ndarray]:
    """One entry of one lane, NaN the first and infinity the last; of leaders and views one of each leader."""
    given = {k: v.copy() for k, v in arrays.items()}
    entries = given[key][BAD : BAD + 1].reshape(2 if key in ("leaders", "views") else 1, -1)  # a view
    entries[:, 0 if np.isnan(spoilt) else -1] = spoilt
    return given


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if slow else n for n, (_, _, slow) in CALLED.items()]
)
def test_nothing_is_known_of_what_is_no_number(name):
    function, more, _ = CALLED[name]
    arrays = {key: value for key, value in batch().items() if key in (*GAME, *more)}
    program = jax.jit(jax.vmap(on_game(function, *more)))
    clean = jax.device_get(program(arrays))
    for key, spoilt in itertools.product(arrays, (np.nan, np.inf, -np.inf)):
        if (name, key, spoilt) in ALLOWED:
            continue
        found = jax.device_get(program(spoil(arrays, key, spoilt)))
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(clean), strict=True):
            np.testing.assert_array_equal(
                np.delete(x, BAD, 0), np.delete(y, BAD, 0), err_msg=f"{key} {spoilt}"
            )
        if key not in FREE.get(name, ()):
            nothing_known(jax.tree.map(lambda x: x[BAD], found), f"{name}: {key} {spoilt}")


def nothing_known(found: Any, where: str) -> None:
    """Brackets hold everything, nothing has converged, and all other floats are NaN, at any depth.

    Values that are not part of a record may be infinite, too.
    """
    if isinstance(found, theorems.Guarantee):  # distances do not depend on the prior, and nobody gains
        assert {theorems.VERDICTS[int(x)] for x in (found.holds, found.mean_holds)} == {"undecided"}, where
        return nothing_known(
            [
                *(found.teachable, found.bound, found.worst, found.loss, found.slack),
                *(found.mean_bound, found.mean_slack),
            ],
            where,
        )
    if isinstance(found, jg.Bracket):
        assert not np.isfinite(found.upper).any(), where
        assert (np.isnan(found.lower) | (found.lower == -np.inf) | (found.lower == 0)).all(), where
        assert (np.isnan(found.upper) | (found.upper == np.inf)).all(), where
    elif isinstance(found, list | tuple):
        for one in found:
            nothing_known(one, where)
    elif dataclasses.is_dataclass(found):
        for name, value in vars(found).items():
            if name in ("converged", "exact", "feasible"):
                assert not np.asarray(value).any(), f"{where}: {name}"
            elif dataclasses.is_dataclass(value) and name != "units":  # made of zeros
                nothing_known(value, f"{where}: {name}")
            elif isinstance(value, np.ndarray | np.floating) and np.issubdtype(value.dtype, np.floating):
                assert np.isnan(value).all(), f"{where}: {name}"
    else:
        assert not np.isfinite(found).any(), where
