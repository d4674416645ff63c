"""Brackets of many games of ten kinds: none may cross, and in exact arithmetic none may be false.

The fast tests take a few games of each kind; the slow ones 100,000 programs and 20,000 hull fits. Both print
how many are not converged or wide, which is no error: a wide bracket says what is not known.
"""

import functools
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxgame as jg
from tests.kinds import KINDS, hulls, programs, typed
from tests.reference import exact

BATCH = 500  # solved at a time: one compilation for each shape
SHAPES = {(2, 2): 3000, (3, 3): 3000, (4, 4): 2000, (6, 5): 1500, (8, 8): 500}  # 10,000 a kind
JUDGED = {(2, 2): 250, (3, 3): 250}  # in exact arithmetic

HULL_SHAPES = [(4, 9), (16, 9), (4, 16), (3, 6)]  # leaders, entries
HULL_OPTIONS = [
    (norm, scale, offset)
    for norm in ("sup", "square")
    for scale in ("simplex", "cone")
    for offset in ("none", "constant")
]
EACH, EACH_JUDGED = 63, 4  # of each kind, shape and choice of options: 20,160 and 1,280

WIDE = 1e-6
ENDS = ("upper", "lower", "upper_of_optimum", "lower_of_optimum", "tolerance_used")


class Optimum(NamedTuple):
    """Verdicts on a bracket alone."""

    upper_of_optimum: float
    lower_of_optimum: float
    tolerance_used: float


class Case(NamedTuple):
    """Programs of one leader: prior [N,T,S], follower and leader [N,T,S,A], threshold [N]."""

    prior: np.ndarray
    follower: np.ndarray
    leader: np.ndarray
    threshold: np.ndarray

    @classmethod
    def draw(cls, kind: str, count: int, states: int, actions: int, seed: int) -> "Case":
        prior, follower, leader, threshold = programs(kind, count, states, actions, seed)
        return cls(prior[:, None], follower[:, None], leader[:, None], threshold)

    def stake(self) -> np.ndarray:
        """What is at stake for the leader [N], or the size of its utility where nothing is: the unit here."""
        at_stake = (self.prior * (self.leader.max(-1) - self.leader.min(-1))).sum((1, 2))
        return np.where(at_stake > 0, at_stake, np.maximum(np.abs(self.leader).max((1, 2, 3)), 1e-300))


@functools.cache
def compiled():
    return jax.jit(jax.vmap(lambda game, threshold: jg.leader_value(game, 0, threshold)))


def solve(case: Case, batch: int) -> jg.LeaderBest:
    """Best responses of N programs, N a multiple of the batch, as NumPy arrays."""
    found = []
    for start in range(0, len(case.threshold), batch):
        part = Case(*(x[start : start + batch] for x in case))
        game = jax.vmap(jg.Game)(part.prior, part.follower, part.leader[:, None])
        found.append(jax.tree.map(np.asarray, compiled()(game, part.threshold)))
    return jax.tree.map(lambda *x: np.concatenate(x), *found)


def at(tree, *place):
    return jax.tree.map(lambda x: x[place], tree)


def describe(name: str, bracket: jg.Bracket, converged: np.ndarray, size: np.ndarray) -> int:
    """Print how brackets are, widths in parts of `size`; how many of them cross."""
    crossed = int((~(bracket.lower <= bracket.upper)).sum())  # NaN crosses too
    width = (bracket.upper - bracket.lower) / size
    print(
        f"{name:44s} of {len(size):5d}: crossed {crossed}, not converged {(~converged).sum()}, "
        f"above {WIDE:.0e} {(~(width <= WIDE)).mean():.2%}, widest {width.max():.1e}"
    )
    return crossed


def describe_verdicts(name: str, verdicts: list[NamedTuple], size: np.ndarray) -> int:
    """Print how many are false in each respect and by how much at worst; how many in all.

    Ends of brackets are compared with `size`; violations are relative already or in the follower's units.
    """
    total, said = 0, []
    for field, values in zip(verdicts[0]._fields, np.array(verdicts).T, strict=True):
        worst = (values / size if field in ENDS else values).max()
        false = int((values > 0).sum())
        if field == "tolerance_used":
            said.append(f"tolerances earn at most {max(worst, 0):.1e}")
        elif false:
            said.append(f"{field} FALSE {false} (worst {worst:.1e})")
            total += false
    print(f"{name:44s} of {len(size):5d} exactly: {', '.join(said)}" + ", none false" * (total == 0))
    return total


def check(name: str, case: Case, best: jg.LeaderBest, judged: int) -> int:
    """Print what programs have become, `judged` of them exactly; the number of brackets crossed or false."""
    assert best.feasible.all()
    bad = describe(name, best.value, best.converged, case.stake())
    if judged:
        verdicts = [exact.judge(*at(case, i), at(best, i)) for i in range(judged)]
        bad += describe_verdicts(name, verdicts, case.stake()[:judged])
    return bad


def test_kinds_are_what_they_say():
    for kind in KINDS:
        case = Case.draw(kind, 200, 3, 3, 0)
        none = np.einsum("nts,ntsa->na", case.prior, case.follower).max(1)
        full = (case.prior * case.follower.max(-1)).sum((1, 2))
        assert all(np.isfinite(x).all() for x in case)
        np.testing.assert_allclose(case.prior.sum((1, 2)), 1, atol=1e-15)
        assert (case.prior > 0).all()
        assert ((none <= case.threshold) | (none > full)).all() and (case.threshold <= full).all()
        assert (case.threshold == full).mean() > 0.1
        again = Case.draw(kind, 200, 3, 3, 0)
        assert all((x == y).all() for x, y in zip(case, again, strict=True))
        assert (Case.draw(kind, 200, 3, 3, 1).prior != case.prior).any()
        assert all(np.isfinite(x).all() for x in hulls(kind, 200, 4, 6, 0))


# Programs


def test_programs():
    """64 of each kind, 8 of them judged exactly."""
    drawn = {kind: Case.draw(kind, 64, 3, 3, 0) for kind in KINDS}
    everything = Case(*(np.concatenate(x) for x in zip(*drawn.values(), strict=True)))
    best = solve(everything, len(everything.threshold))
    bad = {
        kind: check(kind, case, at(best, slice(64 * i, 64 * (i + 1))), 8)
        for i, (kind, case) in enumerate(drawn.items())
    }
    assert not any(bad.values()), bad
    # What is called converged is narrow, but for what the rounding of the threshold costs at its price.
    width, price = best.value.upper - best.value.lower, best.multipliers.threshold
    size = (everything.prior * np.abs(everything.follower).max(-1)).sum((1, 2))
    told = (everything.prior * np.abs(everything.leader).max(-1)).sum((1, 2))
    allowed = 1e-9 * everything.stake() + 1e-14 * (price * size + told)
    assert (width <= allowed)[best.converged].all()
    assert not best.converged.all() and best.converged.mean() > 0.9


def test_programs_far_from_zero():
    """The same with a constant for each state, up to 1e9 times the range, that no binary fraction is."""
    rng = np.random.default_rng(5)
    drawn = {}
    for kind in KINDS:
        case = Case.draw(kind, 64, 3, 3, 0)
        hers, theirs = (
            10.0 ** rng.integers(0, 10, (2, 64, 1, 1, 1)) / 3 * rng.uniform(-1, 1, (2, 64, 1, 3, 1))
        )
        follower = case.follower + hers
        full = (case.prior * follower.max(-1)).sum((1, 2))
        threshold = np.minimum(case.threshold + (case.prior * hers[..., 0]).sum((1, 2)), full)
        drawn[kind] = Case(case.prior, follower, case.leader + theirs, threshold)
    everything = Case(*(np.concatenate(x) for x in zip(*drawn.values(), strict=True)))
    best = solve(everything, len(everything.threshold))
    bad = {
        kind: check(f"{kind}, far", case, at(best, slice(64 * i, 64 * (i + 1))), 8)
        for i, (kind, case) in enumerate(drawn.items())
    }
    assert not any(bad.values()), bad


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_census_of_programs(kind):
    bad = {}
    for shape, count in SHAPES.items():
        case = Case.draw(kind, count, *shape, 1)
        best = solve(case, BATCH)
        bad[shape] = check(f"{kind} {shape[0]}x{shape[1]}", case, best, JUDGED.get(shape, 0))
    assert not any(bad.values()), bad


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_census_of_types(kind):
    """Two types: recommendations are maps, and obedience is judged from the scheme."""
    bad = {}
    for shape in [(2, 2), (3, 2)]:
        case = Case(*typed(kind, 100, 2, *shape, 2))
        bad[shape] = check(f"{kind}, 2 types, {shape[0]}x{shape[1]}", case, solve(case, 100), 50)
    assert not any(bad.values()), bad


@functools.cache
def curves():
    def of(game, thresholds):
        values = jax.vmap(jg.leader_frontier(game, 0).value)(thresholds)
        return jg.value_curve(game, 0, thresholds), values

    return jax.jit(jax.vmap(of))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_census_of_curves(kind):
    """`value_curve` and `leader_frontier`, which walk along a curve: 200 games, 4 thresholds of each."""
    drawn = Case.draw(kind, 200, 3, 3, 3)
    none = np.einsum("nts,ntsa->na", drawn.prior, drawn.follower).max(1)
    full = (drawn.prior * drawn.follower.max(-1)).sum((1, 2))
    levels = np.stack([none, 0.9 * none + 0.1 * full, drawn.threshold, full], 1)
    levels = np.minimum(levels, full[:, None])
    game = jax.vmap(jg.Game)(drawn.prior, drawn.follower, drawn.leader[:, None])
    best, values = jax.tree.map(lambda x: np.asarray(x).reshape(800, *x.shape[2:]), curves()(game, levels))
    case = Case(*(np.repeat(x, 4, axis=0) for x in drawn[:3]), levels.ravel())
    bad = check(f"{kind}, curves", case, best, 160)
    bad += describe(f"{kind}, frontiers", values, best.converged, case.stake())
    verdicts = [Optimum(*exact.judge_value(*at(case, i), at(values, i))) for i in range(160)]
    assert bad + describe_verdicts(f"{kind}, frontiers", verdicts, case.stake()[:160]) == 0


# Hulls


@functools.cache
def fitting(norm: str, scale: str, offset: str):
    return jax.jit(jax.vmap(lambda u, U: jg.hull_distance(u, U, norm, offset, scale)))


def check_hulls(options: tuple[str, str, str], shapes: list, each: int, judged: int, seed: int) -> dict:
    """Fits of every kind and shape; of each kind the number of brackets crossed or false."""
    norm, scale, offset = options
    fits = {}
    for shape in shapes:
        drawn = [hulls(kind, each, *shape, seed) for kind in KINDS]
        problem = [np.concatenate(x) for x in zip(*drawn, strict=True)]
        fits[shape] = (*problem, jax.tree.map(np.asarray, fitting(*options)(*problem)))
    bad = {}
    for i, kind in enumerate(KINDS):
        name, sizes, brackets, converged, verdicts = f"{kind} {norm} {scale} {offset}", [], [], [], []
        for target, utilities, fit in (at(x, slice(each * i, each * (i + 1))) for x in fits.values()):
            sizes.append(largest(target, utilities, offset))
            brackets.append(fit.distance)
            converged.append(fit.converged)
            groups = None if offset == "none" else np.zeros(target.shape[1], int)
            verdicts += [
                exact.judge_hull(target[n], utilities[n], at(fit, n), groups, scale, norm)
                for n in range(judged)
            ]
        bracket = jax.tree.map(lambda *x: np.concatenate(x), *brackets)
        bad[kind] = describe(name, bracket, np.concatenate(converged), np.concatenate(sizes))
        bad[kind] += describe_verdicts(name, verdicts, np.concatenate([x[:judged] for x in sizes]))
    return bad


def largest(target: np.ndarray, utilities: np.ndarray, offset: str) -> np.ndarray:
    """The largest |entry| [N], less means where an offset is free."""
    data = np.concatenate([target[:, None], utilities], axis=1)
    if offset == "constant":
        data = data - data.mean(-1, keepdims=True)
    return np.maximum(np.abs(data).max((1, 2)), 1e-300)


@pytest.mark.parametrize(
    "options", [("sup", "simplex", "constant"), ("square", "cone", "none")], ids="-".join
)
def test_hulls(options):
    bad = check_hulls(options, [(4, 9)], 8, 4, 0)
    assert not any(bad.values()), bad


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("options", HULL_OPTIONS, ids="-".join)
def test_census_of_hulls(options):
    bad = check_hulls(options, HULL_SHAPES, EACH, EACH_JUDGED, 1)
    assert not any(bad.values()), bad
