"""Coalitions of reviewers: closed forms, every coalition by SciPy, faces by cross products."""

import functools
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

import jaxgame as jg
from jaxgame import coalition
from jaxgame.summary import wilson_interval
from jaxgame.theorems import VERDICTS, wendel_probability
from tests.reference import coalition as reference

METHODS = ("programs", "faces")
KINDS = ("plain", "integers", "few_values", "scales", "copies", "indifferent")
RING = [(n, angle) for n in (3, 5, 7, 9, 11) for angle in (20, 60)]


# All panels are made up to one shape and one number, so that few programs are compiled: more reviewers are
# indifferent, more proposals and outcomes are the first ones again, or nothing.
REVIEWERS, PROPOSALS, OUTCOMES, LANES = 14, 6, 4, 32


def made_up(principal, theirs, directions):
    """Panels [B, ...] in the one shape."""
    outcomes = OUTCOMES - principal.shape[1]
    principal = np.pad(principal, ((0, 0), (0, outcomes)))
    theirs = np.pad(theirs, ((0, 0), (0, REVIEWERS - theirs.shape[1]), (0, outcomes)))
    again = np.arange(PROPOSALS) % directions.shape[1]
    return principal, theirs, np.pad(directions[:, again], ((0, 0), (0, 0), (0, outcomes)))


def in_lanes(function, *arrays):
    """A compiled function of a batch, so many at a time."""
    count = len(arrays[0])
    whole = np.arange(-(-count // LANES) * LANES) % count
    parts = [
        function(*(jnp.asarray(np.asarray(x)[whole[i : i + LANES]]) for x in arrays))
        for i in range(0, len(whole), LANES)
    ]
    return jax.tree.map(lambda *ends: np.concatenate(ends)[:count], *parts)


@functools.cache
def _depths(method, proposals):
    return jax.jit(
        jax.vmap(
            lambda *panel: coalition.rejection_depth(*panel, method=method, proposals=proposals, partial=True)
        )
    )


@functools.cache
def _losses(method, proposals):
    return jax.jit(
        jax.vmap(
            lambda p, r, d, some: coalition.worst_loss(
                p, r, d, members=some, tolerated=5, method=method, proposals=proposals
            )
        )
    )


def depths(method, *batch, proposals="lotteries"):
    """The depths of many panels, in their own shape."""
    found = in_lanes(_depths(method, proposals), *made_up(*batch))
    count = batch[2].shape[1]
    own = {
        "objectors": found.objectors[:, : batch[1].shape[1]],
        "mixture": np.stack([found.mixture[:, i::count].sum(1) for i in range(count)], 1),
        "witness": found.witness[:, : batch[0].shape[1]],
    }
    return SimpleNamespace(**{**vars(found), **own})


def losses(method, *batch, members=None, proposals="lotteries"):
    """The worst losses with 0 to 5 tolerated."""
    panel = made_up(*batch)
    some = np.ones(panel[1].shape[:2], bool)
    if members is not None:
        some[:, : members.shape[1]] = members
    return in_lanes(_losses(method, proposals), *panel, some)


def panels(kind, count, reviewers=6, proposals=5, outcomes=4, seed=0):
    """Random principals [B, O], reviewers [B, N, O] and directions [B, M, O], most of them degenerate."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    principal, theirs = rng.normal(size=(count, outcomes)), rng.normal(size=(count, reviewers, outcomes))
    theirs = theirs + principal[:, None]
    directions = rng.normal(size=(count, proposals, outcomes))
    match kind:
        case "integers":
            principal, theirs, directions = (np.round(x) for x in (principal, theirs, directions))
        case "few_values":  # ties everywhere: differences of scores from 0 to 2
            principal, theirs = (np.round(np.abs(x)).clip(0, 2) for x in (principal, theirs))
            directions = np.eye(outcomes)[rng.integers(0, outcomes, (count, proposals))] - 1 / outcomes
        case "scales":  # everybody in units and with constants of their own, laws that differ
            directions = directions - directions.mean(2, keepdims=True)
            principal = 1e-3 * principal + 3.0
            theirs = theirs * 10.0 ** rng.uniform(-3, 6, (count, reviewers, 1)) + 1.0
        case "copies":
            theirs = theirs[:, rng.integers(0, 3, reviewers)]
        case "indifferent":
            theirs = theirs * (rng.random((count, reviewers, 1)) < 0.7)
    return principal, theirs, directions


def rings():
    """All rings as panels of 11 reviewers: the others are indifferent, and never object."""
    found = []
    for n, angle in RING:
        ring = coalition.ring(n, math.radians(angle))
        found.append((ring.principal, np.pad(ring.reviewers, ((0, 11 - n), (0, 0))), ring.directions))
    return [np.stack(parts) for parts in zip(*found, strict=True)]


@pytest.mark.parametrize("method", METHODS)
def test_rings(method):
    found = depths(method, *rings())
    m = [n // 2 for n, _ in RING]
    assert found.depth.lower.tolist() == found.depth.upper.tolist() == m
    assert found.objectors.sum(1).tolist() == m
    loss = losses(method, *rings()).curve
    for row, (n, angle) in enumerate(RING):
        exact = coalition.ring_loss(n, math.radians(angle))
        steep = math.tan(math.radians(angle)) * math.sin(math.pi / (2 * n))
        assert math.isclose(exact, steep / (1 + steep))
        assert loss.lower[row, n // 2] - 1e-9 <= exact <= loss.upper[row, n // 2] + 1e-9
        assert loss.upper[row, n // 2] - loss.lower[row, n // 2] < 1e-9
        assert loss.upper[row, : n // 2].max() < 1e-9


def test_ring_values_of_the_theory_page():
    known = [0.464102, 0.348633, 0.278196, 0.231223, 0.197751]
    found = [coalition.ring_loss(n, math.pi / 3) for n in (3, 5, 7, 9, 11)]
    np.testing.assert_allclose(found, known, atol=5e-7)


@pytest.mark.parametrize("method", METHODS)
def test_every_clause_of_three_variables_and_all_but_one(method):
    clauses = coalition.all_clauses(3)
    everything = coalition.satisfiability(clauses, 3)
    fewer = [coalition.satisfiability(clauses[:i] + clauses[i + 1 :], 3) for i in range(8)]
    filled = [panel._replace(reviewers=np.pad(panel.reviewers, ((0, 1), (0, 0)))) for panel in fewer]
    panels = [np.stack(parts) for parts in zip(everything, *filled, strict=True)]
    found = depths(method, *panels)
    assert found.depth.lower.tolist() == found.depth.upper.tolist() == [4.0] + [3.0] * 8
    assert not found.harm[0] < 1 - 1e-9
    # The witness is an assignment that satisfies the others: the missing clause is the one that fails.
    for i, witness in enumerate(found.witness[1:]):
        signs = np.asarray(witness[:3])
        np.testing.assert_allclose(np.abs(signs), 1, atol=1e-9)
        wrong = [clause for clause in clauses if all(signs[abs(x) - 1] * x < 0 for x in clause)]
        assert wrong == [clauses[i]]
        np.testing.assert_allclose(found.harm[1 + i], 1.0, atol=1e-9)
    loss = losses(method, *panels).curve
    np.testing.assert_allclose(loss.upper[:, 3], [0.0] + [1.0] * 8, atol=1e-9)
    np.testing.assert_allclose(loss.lower[:, 3], [0.0] + [1.0] * 8, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_plane_by_angles(method):
    rng = np.random.default_rng(1)
    angles = rng.uniform(-1.5, 1.5, (1000, 9)) * rng.choice([0.05, 1.0], (1000, 1))
    angles[::7, 0] = 0.0  # who stands with her counts on both sides
    length = rng.uniform(0.1, 10, (1000, 9, 1))
    theirs = length * np.stack([np.sin(angles), np.cos(angles)], 2)
    axes = np.concatenate([np.eye(2), -np.eye(2)])
    batch = np.tile([0.0, 1.0], (1000, 1)), theirs, np.tile(axes, (1000, 1, 1))
    found = depths(method, *batch)
    expected = np.minimum((angles <= 0).sum(1), (angles >= 0).sum(1))
    assert found.depth.lower.tolist() == found.depth.upper.tolist() == expected.tolist()
    assert [coalition.plane_depth(row) for row in angles[:50]] == expected[:50].tolist()


def known_losses(principal, theirs, directions, **options):
    """Losses by SciPy and the largest score, which they are in parts of."""
    hers = directions @ principal
    size = np.abs(hers).max()
    scores = theirs @ directions.T
    scores = scores / np.maximum(np.abs(scores).max(1, keepdims=True), 1e-300)
    return reference.losses(hers / size if size else hers, scores, **options), size


@pytest.mark.parametrize("kind", KINDS)
def test_three_ways_agree(kind):
    """Programs, faces, and every coalition by SciPy: by its cover and by what it lets through."""
    batch = panels(kind, 10)
    found = {method: depths(method, *batch) for method in METHODS}
    curves = {method: losses(method, *batch).curve for method in METHODS}
    for b, one in enumerate(zip(*batch, strict=True)):
        exact, size = known_losses(*one, by_covers=b % 2 == 0)
        depth = reference.depth_of(exact, 1e-6)
        depth = depth if depth <= 6 else REVIEWERS + 1  # nothing harms her
        for method in METHODS:
            ends = found[method].depth
            assert (ends.lower[b], ends.upper[b]) == (depth, depth), (method, exact)
            curve = curves[method]
            assert (curve.lower[b] <= (exact[:6] + 2e-9) * size).all()
            assert (curve.upper[b] >= (exact[:6] - 2e-9) * size).all()
            assert (curve.upper[b] - curve.lower[b] <= 1e-7 * size + 1e-12).all(), method


def test_space_by_cross_products():
    rng = np.random.default_rng(3)
    principal = rng.normal(size=(40, 3))
    theirs = principal[:, None] + rng.normal(size=(40, 11, 3))
    axes = np.tile(np.concatenate([np.eye(3), -np.eye(3)]), (40, 1, 1))
    expected = [reference.depth_in_space(*one) for one in zip(principal, theirs, strict=True)]
    assert len(set(expected)) > 3
    for method in METHODS:
        found = depths(method, principal, theirs, axes)
        assert found.depth.lower.tolist() == found.depth.upper.tolist() == expected


@pytest.mark.parametrize("method", METHODS)
def test_witnesses_are_what_they_say(method):
    principal, theirs, directions = panels("plain", 40, seed=5)
    found = depths(method, principal, theirs, directions)
    some = np.asarray(found.depth.upper) <= 6
    assert some.sum() > 20
    mixture = np.asarray(found.mixture)
    assert (mixture >= 0).all() and (mixture.sum(1) <= 1 + 1e-12).all()
    witness = np.einsum("bm,bmo->bo", mixture, directions)
    np.testing.assert_allclose(found.witness, witness, atol=1e-12)
    np.testing.assert_allclose(found.harm, -(witness * principal).sum(1), atol=1e-12)
    objectors = np.einsum("bno,bo->bn", theirs, witness) < -1e-8
    assert (objectors == np.asarray(found.objectors)).all()
    assert (objectors.sum(1) == np.asarray(found.depth.upper))[some].all()
    assert (np.asarray(found.harm)[some] > 0).all()


def test_robustness_comes_with_covers_or_the_coalition_that_fails():
    principal, theirs, directions = panels("plain", 24, seed=8)
    run = jax.jit(jax.vmap(lambda *panel: coalition.robustness(*panel, programs=300, partial=True)))
    found = in_lanes(run, principal, theirs, directions)
    assert found.converged.all()
    seen = set()
    for b in range(24):
        robust = int(found.robust.lower[b])
        seen.add(robust)
        scores, hers = theirs[b] @ directions[b].T, directions[b] @ principal[b]
        weights = np.asarray(found.covers[b])
        covers = weights[(weights > 0).any(1)]
        if robust == 6:  # nothing harms her
            assert (hers >= -1e-6 * np.abs(hers).max()).all()
            continue
        members = np.asarray(found.coalition[b])
        assert members.sum() == 6 - robust - 1
        assert reference.let_through(hers, scores[members]) >= 1e-6 * np.abs(hers).max()
        if robust >= 0:
            # Each is a cover, in the units of the caller, and no so many removals meet them all.
            assert (covers @ scores <= hers + 1e-6 * np.abs(hers).max()).all()
            assert not reference.hit_by(covers > 0, robust)
    assert len(seen) > 2


@functools.cache
def covers_of():
    return jax.jit(jax.vmap(lambda p, r, d, members: coalition.covers(p, r, d, members)))


def test_covers_and_committees():
    principal, theirs, directions = panels("plain", 30, seed=9)
    members = np.random.default_rng(0).random((30, 6)) < 0.6
    cover = in_lanes(covers_of(), principal, theirs, directions, members)
    committee = losses("programs", principal, theirs, directions, members=members)
    for b in range(30):
        scores, hers = theirs[b] @ directions[b].T, directions[b] @ principal[b]
        exact = reference.let_through(hers, scores[members[b]])
        size = np.abs(hers).max()
        assert cover.loss.lower[b] <= exact + 1e-9 <= cover.loss.upper[b] + 2e-9
        assert cover.loss.upper[b] - cover.loss.lower[b] <= 1e-8
        assert bool(cover.covered[b]) == (exact < 1e-6 * size)
        weights = np.asarray(cover.weights[b])
        assert (weights >= 0).all() and not weights[~members[b]].any()
        assert (weights @ scores <= hers + cover.loss.upper[b] + 1e-9).all()
        np.testing.assert_allclose(cover.witness[b] @ principal[b], -cover.loss.lower[b], atol=1e-9)
        # One of the committee may object.
        asked = np.flatnonzero(members[b])
        most = max([exact, *(reference.let_through(hers, scores[np.setdiff1d(asked, [i])]) for i in asked)])
        np.testing.assert_allclose(committee.curve.upper[b, 1], most, atol=1e-8)
        np.testing.assert_allclose(committee.curve.lower[b, 1], most, atol=1e-8)
        assert not committee.objectors[b, :6][~members[b]].any()
        np.testing.assert_array_equal(committee.loss.upper[b], committee.curve.upper[b, 5])


def least_missed(hers, scores):
    """How near weights of at least 0 of reviewers' scores [N, M] come to hers [M] everywhere, by SciPy."""
    rows = np.concatenate([scores.T, -scores.T])
    rows = np.concatenate([rows, -np.ones((len(rows), 1))], 1)
    cost = np.append(np.zeros(len(scores)), 1.0)
    return linprog(cost, rows, np.concatenate([hers, -hers])).fun


def test_weighted_rules():
    principal, theirs, directions = panels("plain", 30, seed=10)
    weights = np.abs(np.random.default_rng(1).normal(size=(30, 6)))
    weighted = jax.jit(jax.vmap(lambda p, r, d, w: coalition.worst_loss(p, r, d, weights=w)))
    any_weights = in_lanes(weighted, principal, theirs, directions, weights)
    cover = in_lanes(covers_of(), principal, theirs, directions, np.ones((30, 6), bool))
    by_cover = in_lanes(weighted, principal, theirs, directions, cover.weights)
    fit = in_lanes(jax.jit(jax.vmap(coalition.best_weights)), principal, theirs, directions)
    by_fit = in_lanes(weighted, principal, theirs, directions, fit.weights)
    by_fit_blocked = in_lanes(weighted, -principal, -theirs, directions, fit.weights)
    for b in range(30):
        scores, hers = theirs[b] @ directions[b].T, directions[b] @ principal[b]
        exact = reference.let_through(hers, (weights[b] @ scores)[None])
        np.testing.assert_allclose(any_weights.loss.upper[b], exact, atol=1e-8)
        np.testing.assert_allclose(any_weights.loss.lower[b], exact, atol=1e-8)
        # Weights of the cover lose no more than unanimity; those of the fit no more than it misses.
        assert by_cover.loss.upper[b] <= cover.loss.upper[b] + 1e-8
        missed = np.abs(fit.weights[b] @ scores - hers).max()
        np.testing.assert_allclose(missed, fit.distance.upper[b], atol=1e-9)
        np.testing.assert_allclose(missed, least_missed(hers, scores), atol=1e-8)
        assert by_fit.loss.upper[b] <= missed + 1e-9
        assert by_fit_blocked.loss.upper[b] <= missed + 1e-9


@pytest.mark.slow
def test_votes_lose_what_scores_keep():
    """Two reviewers who each see half of her: the same votes on a good and on a bad proposal (theory, 12)."""
    principal, theirs = [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]]
    good, bad = [2.0, -1.0], [1.0, -2.0]
    votes = [np.asarray(theirs) @ d >= 0 for d in (good, bad)]
    assert (votes[0] == votes[1]).all()
    fit = coalition.best_weights(principal, theirs, [good, bad])
    np.testing.assert_allclose(fit.weights, [1.0, 1.0], atol=1e-9)
    assert fit.distance.upper < 1e-9
    weighted = coalition.worst_loss(principal, theirs, [good, bad], weights=fit.weights)
    assert weighted.loss.upper < 1e-9
    tolerant = coalition.worst_loss(principal, theirs, [good, bad], tolerated=1)
    np.testing.assert_allclose(tolerant.loss.lower, 1.0)
    assert coalition.best_weights(principal, theirs, [good, bad], members=[0]).distance.lower > 0.5


def test_single_proposals_need_more_objectors_than_lotteries():
    principal, theirs, directions = panels("plain", 60, seed=11)
    batch = principal, theirs, directions
    single = depths("programs", *batch, proposals="single")
    loss = losses("programs", *batch, proposals="single").curve
    for b in range(60):
        hers, scores = directions[b] @ principal[b], theirs[b] @ directions[b].T
        count = (scores < 0).sum(0)
        bad = hers < -1e-6 * np.abs(hers).max()
        assert single.depth.lower[b] == single.depth.upper[b] == min(count[bad], default=REVIEWERS + 1)
        for k in range(6):
            expected = max([0.0, *(-hers[count <= k])])
            np.testing.assert_allclose(loss.upper[b, k], expected, atol=1e-12)
            np.testing.assert_allclose(loss.lower[b, k], expected, atol=1e-12)
    lotteries = depths("programs", *batch).depth
    assert (lotteries.upper <= single.depth.upper).all() and (lotteries.upper < single.depth.upper).any()


def test_neither_units_nor_constants_matter():
    principal, theirs, directions = panels("plain", 20, seed=12)
    directions -= directions.mean(2, keepdims=True)
    plain = depths("programs", principal, theirs, directions)
    factor = 10.0 ** np.random.default_rng(0).uniform(-9, 9, (20, 6, 1))
    moved = depths("programs", 1e-9 * principal + 1e-3, factor * (theirs + 1e4), directions)
    assert moved.depth.lower.tolist() == moved.depth.upper.tolist() == plain.depth.lower.tolist()
    np.testing.assert_allclose(moved.harm * 1e9, plain.harm, rtol=1e-5, atol=1e-9)


@pytest.mark.slow
def test_reviewers_who_do_not_care_and_a_principal_who_does_not():
    axes = np.concatenate([np.eye(2), -np.eye(2)])
    one = coalition.rejection_depth([0.0, 1.0], [[0.0, 0.0]], axes, method="programs")
    assert (float(one.depth.upper), one.objectors.tolist()) == (0.0, [False])
    same = coalition.rejection_depth([0.0, 1.0], [[0.0, 2.0]], axes, method="programs")
    assert (float(same.depth.lower), float(same.depth.upper)) == (1.0, 1.0)
    for method in METHODS:
        calm = coalition.rejection_depth([0.0, 0.0], [[0.0, 2.0]], axes, method=method)
        assert (float(calm.depth.lower), float(calm.depth.upper), float(calm.harm)) == (2.0, 2.0, 0.0)
        good = coalition.rejection_depth([0.0, 1.0], [[0.0, 2.0]], axes[[0, 1, 1, 1]], method=method)
        assert float(good.depth.lower) == 2.0


def test_noise_is_a_fair_coin_in_the_plane():
    keys = jax.random.split(jax.random.key(2), 500)
    panels = jax.vmap(lambda key: coalition.noisy(key, 9, 2))(keys)
    found = depths("faces", *map(np.asarray, panels))
    theirs, hers = np.asarray(panels.reviewers), np.asarray(panels.principal)
    side = hers[:, None, 0] * theirs[..., 1] - hers[:, None, 1] * theirs[..., 0]
    expected = np.minimum((side > 0).sum(1), (side < 0).sum(1))
    assert ((theirs * hers[:, None]).sum(2) > 0).all()
    assert found.depth.lower.tolist() == found.depth.upper.tolist() == expected.tolist()


def test_noise_covers_as_often_as_wendel_says():
    keys = jax.random.split(jax.random.key(3), 640)
    found = depths("faces", *map(np.asarray, jax.vmap(lambda key: coalition.noisy(key, 11, 3))(keys)))
    assert found.converged.all()
    low, high = wilson_interval(int((found.depth.lower >= 1).sum()), 640, 0.999)
    assert low <= wendel_probability(11, 2) <= high
    assert 0.2 < float(found.depth.lower.mean()) / 11 < 0.3
    common = jax.vmap(lambda key: coalition.noisy(key, 11, 3, diversity=0.0))(keys[:20])
    assert depths("faces", *map(np.asarray, common)).depth.upper.max() == 0


def test_fewer_reviewers_are_the_first():
    many, few = (coalition.noisy(jax.random.key(0), n, 3) for n in (7, 4))
    np.testing.assert_array_equal(many.reviewers[:4], few.reviewers)
    np.testing.assert_array_equal(many.principal, few.principal)


def test_the_theorem_holds_and_three_statements_agree():
    principal, theirs, directions = panels("plain", 24, seed=13)
    check = jax.jit(jax.vmap(lambda *panel: jg.theorems.coalition(*panel, tolerated=1)))
    found = in_lanes(check, principal, theirs, directions)
    assert {VERDICTS[int(x)] for x in found.holds} == {"yes"}
    assert {VERDICTS[int(x)] for x in found.agrees} == {"yes"}
    for b in range(24):
        scores, hers = theirs[b] @ directions[b].T, directions[b] @ principal[b]
        exact = max(reference.let_through(hers, np.delete(scores, i, 0)) for i in range(6))
        for ends in (found.loss, found.rule):
            assert ends.lower[b] - 1e-9 <= exact <= ends.upper[b] + 1e-9
        size = np.abs(directions[b]).sum(1).max()
        np.testing.assert_allclose(found.bound.upper[b], size * found.distance.upper[b])
    # At the ring it is attained.
    ring = jg.theorems.coalition(*coalition.ring(3, 1.0), tolerated=1)
    np.testing.assert_allclose(ring.slack.lower, 0.0, atol=1e-9)
    np.testing.assert_allclose(ring.loss.lower, coalition.ring_loss(3, 1.0), atol=1e-9)
