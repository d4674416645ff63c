"""What proofs cost: to make, beside the bracket alone, and to recheck.

One game or panel after the other, as a user proves one. The peer of what proves is the function whose
bracket it proves, which is part of it; that of `verify` is the second checker of the tests, by arrays of
Fractions. An answer is the value, depth or regret that is proved, in its units, and for checkers 1 if they
accept.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxgame as jg
from benchmarks.leader import random_games
from benchmarks.timing import Cell
from jaxgame import coalition, verify
from jaxgame.proof import Proof
from tests.reference import proofs

SIZES = ((2, 2), (4, 4), (4, 8))  # leaders; states, as many as actions
PANELS = ((7, 3), (11, 3), (15, 4))  # reviewers; outcomes
ROUNDS = 16


def cells(quick: bool) -> Iterator[Cell]:
    """Games of 2 x 2 to 8 x 8, panels of 7 to 15 reviewers."""
    for leaders, size in SIZES[:1] if quick else SIZES:
        count = 2 if quick else 32
        batch = random_games(2, count, leaders, size)
        games = [jax.tree.map(lambda x, i=i: x[i], batch) for i in range(count)]
        label = f"K={leaders} S=A={size}"
        found: list[Proof] = []
        ours = functools.partial(_all, found, jg.selection.prove, games)
        alone = functools.partial(_bracketed, games)
        yield _proving("prove", label, count, ours, alone, functools.partial(_intervals, found))
        yield _checking("verify", label, found, count)
        if size > 4:  # a proof of regrets has lines for every kink: minutes
            continue
        played: list[Proof] = []
        ours = functools.partial(_all, played, _regrets, games)
        yield _proving("prove_regrets", label, count, ours, functools.partial(_gains, games))
        yield _checking("verify_regrets", label, played, count)
    for reviewers, outcomes in PANELS[:1] if quick else PANELS:
        count = 2 if quick else 32
        keys = jax.random.split(jax.random.key(3), count)
        panels = [coalition.noisy(key, reviewers, outcomes) for key in keys]
        label = f"n={reviewers} O={outcomes}"
        depths: list[Proof] = []
        ours = functools.partial(_all, depths, _depth, panels)
        yield _proving("prove_depth", label, count, ours, functools.partial(_depths, panels))
        yield _checking("verify_depth", label, depths, count)


def _proving(
    name: str,
    size: str,
    count: int,
    ours: Callable[[], np.ndarray],
    theirs: Callable[[], np.ndarray],
    remark: Callable[[], str] = str,
) -> Cell:
    return Cell(
        name=name, size=size, ours=ours, count=count,
        peer="the bracket alone", theirs=theirs, their_count=count, remark=remark,
    )  # fmt: skip


def _checking(name: str, size: str, found: list[Proof], count: int) -> Cell:
    return Cell(
        name=name, size=size, ours=functools.partial(_verified, found), count=count,
        peer="second checker", theirs=functools.partial(_judged, found), their_count=count,
    )  # fmt: skip


def _all(found: list[Proof], prove: Callable[[Any], Proof], problems: list[Any]) -> np.ndarray:
    found[:] = [prove(problem) for problem in problems]
    return np.array([_answer(proof.document) for proof in found])


def _answer(document: dict[str, Any]) -> float:
    if document["kind"] == "regrets":
        return float(max(document["regrets"]))
    return float(document["value"] if "value" in document else document["lower"])


def _bracketed(games: list[jg.Game]) -> np.ndarray:
    return np.array([float(jg.selection.worst_equilibrium(game).value.lower) for game in games])


def _offers(game: jg.Game) -> jnp.ndarray:
    return jg.selection.starting_offers(game, "random", jax.random.key(4))


def _regrets(game: jg.Game) -> Proof:
    """Leaders who never move regret what they would gain by outbidding."""
    return jg.selection.prove_regrets(game, jnp.stack([_offers(game)] * ROUNDS))


def _gains(games: list[jg.Game]) -> np.ndarray:
    """The same by a run of leaders who never move."""
    found = []
    for game in games:
        offers = jg.selection.starting_offers(game, "selfish")
        trace = jg.selection.learning(
            game, offers, rule="inertia", rounds=ROUNDS, rate=0.0, key=jax.random.key(0)
        )
        found.append(float(trace.regret.upper.max()))
    return np.array(found)


def _depth(panel: Any) -> Proof:
    return coalition.prove_depth(*panel)


def _depths(panels: list[Any]) -> np.ndarray:
    return np.array([float(coalition.rejection_depth(*one, method="programs").depth.lower) for one in panels])


def _verified(found: list[Proof]) -> np.ndarray:
    return np.array([float(verify.check_document(proof.document).proved) for proof in found])


def _judged(found: list[Proof]) -> np.ndarray:
    for proof in found:
        proofs.judge(proof.document)
    return np.ones(len(found))


def _intervals(found: list[Proof]) -> str:
    intervals = [len(proof.document["intervals"]) for proof in found]
    return f"intervals: {np.mean(intervals):.1f} on average, at most {max(intervals)}"
