"""Coalitions at their limits: searches that end early, what is not a number, bad input."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import coalition
from jaxgame.coalition import faces, search
from jaxgame.coalition.entered import entered

AXES = np.concatenate([np.eye(2), -np.eye(2)])
PLANE = ([0.0, 1.0], [[-1.0, 1.0], [0.5, 1.0], [1.0, 1.0]], AXES)


def test_a_search_that_ends_early_says_what_it_knows():
    """Eleven reviewers on a ring need 65 programs; fewer leave a bracket around the truth, and an error."""
    panel = coalition.ring(11, 1.0)
    found = coalition.rejection_depth(*panel, method="programs", programs=20, partial=True)
    assert float(found.depth.lower) < 5 <= float(found.depth.upper) <= 12
    assert not found.converged
    loss = coalition.worst_loss(*panel, tolerated=5, programs=20, partial=True).loss
    assert float(loss.lower) <= coalition.ring_loss(11, 1.0) + 1e-9 and float(loss.upper) == np.inf
    with pytest.raises(ValueError, match=r"depth is between .* give more programs=, partial=True"):
        coalition.rejection_depth(*panel, method="programs", programs=20)
    with pytest.raises(ValueError, match=r"loss is between .* exponentially"):
        coalition.worst_loss(*panel, tolerated=5, programs=20)


def test_sets_for_which_there_is_no_room_are_left():
    """One waits, two come, and there is room for two in all: a set of two reviewers is left."""
    waiting = jnp.zeros((2, 3), bool)
    new = jnp.array([[True, False, False], [True, True, False], [True, True, True]])
    real = jnp.array([True, True, False])
    unknown = [None] * 6  # of no concern
    state = search._State(
        waiting, waiting, jnp.int32(1), jnp.zeros(4), jnp.zeros(4), jnp.zeros(4, bool), *unknown[2:]
    )
    pushed = search._pushed(state, new, new, real)
    assert int(pushed.size) == 2 and pushed.removed.tolist() == [[False] * 3, [True, False, False]]
    assert pushed.left.tolist() == [False, False, True, False]


@pytest.mark.slow
def test_a_full_queue_is_a_bracket_too(monkeypatch):
    monkeypatch.setattr(search, "ROOM", 17)
    panel = coalition.ring(9, 1.0)
    scores = entered(*panel)
    found = search.explore(scores, levels=4, harm=None, programs=5000)
    exact = coalition.ring_loss(9, 1.0)
    assert found.attained[-1] <= exact + 1e-9
    assert found.certified[-1] >= exact - 1e-9 and np.isposinf(found.certified[-1])


@pytest.mark.slow
@pytest.mark.parametrize("place", range(3))
def test_what_is_no_number_stays_none(place):
    panel = [jnp.asarray(part) for part in PLANE]
    broken = list(panel)
    broken[place] = panel[place].at[(0,) * panel[place].ndim].set(jnp.nan)
    batch = [jnp.stack([good, bad]) for good, bad in zip(panel, broken, strict=True)]
    for method in ("programs", "faces"):
        found = _depths(method)(*batch)
        assert found.depth.lower.tolist() == [1.0, -np.inf] and found.depth.upper.tolist() == [1.0, np.inf]
        assert found.converged.tolist() == [True, False]
        assert bool(jnp.isnan(found.harm[1])) and not found.objectors[1].any()
    loss = _losses()(*batch)
    assert bool(jnp.isfinite(loss.loss.upper[0])) and not loss.converged[1]
    assert (float(loss.loss.lower[1]), float(loss.loss.upper[1])) == (-np.inf, np.inf)


@functools.cache
def _depths(method):
    return jax.jit(jax.vmap(lambda *panel: coalition.rejection_depth(*panel, method=method)))


@functools.cache
def _losses():
    return jax.jit(jax.vmap(lambda *panel: coalition.worst_loss(*panel, tolerated=1)))


@pytest.mark.slow
def test_no_panels_at_all():
    nobody = [jnp.zeros((0, *np.shape(part))) for part in PLANE]
    assert _depths("programs")(*nobody).depth.lower.shape == (0,)


def test_the_dimension_that_shows_is_used():
    """Proposals of a plane in six dimensions: as few vertices as in the plane, and the same depth."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0][:2]
    wide = [np.asarray(part) @ turn for part in PLANE]
    found = coalition.rejection_depth(*wide, method="faces")
    assert (float(found.depth.lower), float(found.depth.upper)) == (1.0, 1.0)


def test_vertices_are_counted():
    for reviewers, proposals, dimension in itertools.product((1, 4), (2, 3), (1, 2, 3)):
        listed = sum(
            len(list(itertools.combinations(range(proposals), s)))
            * len(list(itertools.combinations(range(reviewers), s - 1)))
            for s in range(1, dimension + 1)
        )
        assert faces.count(reviewers, proposals, dimension) == listed


WRONG = {
    "principal has 2 axes": ([[0.0, 1.0]], *PLANE[1:]),
    "reviewers has 1 axes": (PLANE[0], [1.0, 1.0], AXES),
    r"reviewers has shape \(0, 2\)": (PLANE[0], np.zeros((0, 2)), AXES),
    "directions has shape": (*PLANE[:2], np.eye(3)),
    r"reviewers\[0, 1\] is nan": (PLANE[0], [[0.0, np.nan]], AXES),
}


@pytest.mark.parametrize("words", WRONG)
@pytest.mark.parametrize(
    "function",
    [
        coalition.rejection_depth,
        coalition.robustness,
        coalition.worst_loss,
        coalition.best_weights,
        functools.partial(coalition.covers, members=[0]),
        jg.theorems.coalition,
    ],
    ids=["depth", "robustness", "loss", "weights", "covers", "theorem"],
)
def test_panels_that_are_none(function, words):
    with pytest.raises(ValueError, match=words):
        function(*WRONG[words])


OPTIONS = [
    (coalition.rejection_depth, {"method": "guess"}, "method is 'guess'; it must be one of 'auto'"),
    (coalition.rejection_depth, {"proposals": "some"}, "proposals is 'some'"),
    (coalition.rejection_depth, {"tolerance": 0.0}, "tolerance is 0.0; it must be between 0 and 1"),
    (coalition.robustness, {"programs": 0}, "programs is 0; it must be at least 1"),
    (coalition.worst_loss, {"tolerated": 3}, "tolerated is 3; it must be from 0 to 2"),
    (coalition.worst_loss, {"tolerated": -1}, "tolerated is -1"),
    (coalition.worst_loss, {"weights": [1.0, 1.0]}, "weights has shape"),
    (coalition.worst_loss, {"weights": [1.0, -1.0, 0.0]}, "weights has -1; all must be at least 0"),
    (coalition.worst_loss, {"weights": [1.0] * 3, "tolerated": 1}, "a weighted rule has neither"),
    (coalition.worst_loss, {"weights": [1.0] * 3, "members": [0]}, "a weighted rule has neither"),
    (
        coalition.worst_loss,
        {"members": [3]},
        r"members is \[3\]; it must be 3 truth values, or numbers from 0",
    ),
    (coalition.covers, {"members": [True]}, "members has shape"),
    (coalition.covers, {"members": [0.5]}, "members has shape"),
    (coalition.best_weights, {"members": [-1]}, "members is"),
    (jg.theorems.coalition, {"tolerated": 3}, "tolerated is 3; it must be from 0 to 2"),
]


@pytest.mark.parametrize(("function", "options", "words"), OPTIONS)
def test_options_that_are_none(function, options, words):
    with pytest.raises(ValueError, match=words):
        function(*PLANE, **options)


def test_too_much_is_an_error_with_advice():
    many = np.random.default_rng(0).normal(size=(300, 5))
    axes = np.concatenate([np.eye(5), -np.eye(5)])
    with pytest.raises(ValueError, match=r"have [\d,]+ vertices; it must be 'programs' beyond 20,000,000"):
        coalition.rejection_depth(many[0], many, axes, method="faces")
    with pytest.raises(ValueError, match="which makes 44,850 coalitions; they must be at most 5,000"):
        jg.theorems.coalition(many[0], many, axes, tolerated=2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: coalition.ring(4, 1.0), "reviewers is 4; it must be an odd number"),
        (lambda: coalition.ring_loss(3, 2.0), "angle is 2.0; it must be between 0 and pi / 2"),
        (lambda: coalition.noisy(jax.random.key(0), 0, 2), "reviewers is 0 and outcomes 2"),
        (lambda: coalition.noisy(jax.random.key(0), 1, 2, strength=0.0), "strength is 0.0"),
        (lambda: coalition.satisfiability([[1]], 0), "variables is 0"),
        (lambda: coalition.satisfiability([[1], []], 1), r"clauses\[1\] is \[\]"),
        (lambda: coalition.satisfiability([[2]], 1), r"clauses\[0\] is \[2\]"),
        (lambda: coalition.plane_depth(np.array([2.0])), "all must be between -pi / 2 and pi / 2"),
    ],
)
def test_fixtures_that_are_none(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(ValueError, match="coalitions need float64"):
        coalition.rejection_depth(*(np.asarray(part, np.float32) for part in PLANE))
