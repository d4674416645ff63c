"""Rejection depth by number of reviewers, depth and dimension: programs and faces against plain counting.

The peers look at every coalition by HiGHS, smallest removals first, until one lets harm through; in three
dimensions with many reviewers, at every cross product of two in NumPy. Panels are the principal and noise;
the remark gives the depth, and the programs of the search or the number of vertices.
"""

import functools
import itertools
from collections.abc import Callable, Iterator

import jax
import numpy as np

from benchmarks.timing import Cell
from jaxgame import coalition
from jaxgame.coalition import faces
from jaxgame.runs.batch import spread
from tests.reference import coalition as reference

Program = Callable[[coalition.Reviewing], coalition.RejectionDepth]

OURS, THEIRS = 256, 2
# Reviewers, outcomes, and by which method: the depth grows with the first, the dimension is the second.
SIZES = (
    (7, 3, "programs"),
    (11, 3, "programs"),
    (15, 3, "programs"),
    (9, 6, "programs"),
    (15, 6, "programs"),
    (7, 3, "faces"),
    (15, 3, "faces"),
    (45, 3, "faces"),
    (11, 4, "faces"),
)
MOST = 11  # reviewers whose coalitions are all looked at, where the depth is a third of them


def cells(quick: bool) -> Iterator[Cell]:
    """Every size and method, against the peer that comes to an end."""
    for reviewers, outcomes, method in SIZES:
        count = 8 if quick else OURS
        keys = jax.random.split(jax.random.key(0), count)
        panels = jax.jit(jax.vmap(functools.partial(_panel, reviewers, outcomes)))(keys)
        program = spread(functools.partial(_depth, method), jax.devices(), batch=None)
        crossed = outcomes == 3 and reviewers > MOST
        peer = by_cross_products if crossed else by_coalitions
        yield Cell(
            name=f"depth {method}",
            size=f"n={reviewers} r={outcomes}",
            ours=functools.partial(_upper, program, panels),
            count=count,
            peer="cross products (NumPy)" if crossed else "all coalitions (HiGHS)",
            theirs=functools.partial(_first, peer, panels),
            their_count=THEIRS,
            remark=functools.partial(_remark, program, panels),
        )


def _panel(reviewers: int, outcomes: int, key: jax.Array) -> coalition.Reviewing:
    return coalition.noisy(key, reviewers, outcomes)


def _depth(method: str, panel: coalition.Reviewing) -> coalition.RejectionDepth:
    return coalition.rejection_depth(*panel, method=method, partial=True)


def _upper(program: Program, panels: coalition.Reviewing) -> np.ndarray:
    return np.asarray(program(panels).depth.upper)


def _first(peer: Callable[..., int], panels: coalition.Reviewing) -> np.ndarray:
    """The depths of the first panels."""
    return np.array([peer(*(np.asarray(part[place]) for part in panels)) for place in range(THEIRS)], float)


def by_coalitions(principal: np.ndarray, reviewers: np.ndarray, directions: np.ndarray) -> int:
    """The fewest removals after which some coalition lets harm through."""
    hers, theirs = directions @ principal, reviewers @ directions.T
    count, least = len(reviewers), 1e-6 * np.abs(hers).max()
    return next(
        (
            k
            for k in range(count + 1)
            for some in itertools.combinations(range(count), count - k)
            if reference.let_through(hers, theirs[list(some)]) >= least
        ),
        count + 1,
    )


def by_cross_products(principal: np.ndarray, reviewers: np.ndarray, directions: np.ndarray) -> int:
    """The same where every direction of space can be proposed."""
    return reference.depth_in_space(principal, reviewers)


def _remark(program: Program, panels: coalition.Reviewing) -> str:
    found = program(panels)
    (_, reviewers, outcomes), proposals = panels.reviewers.shape, panels.directions.shape[1]
    depth, solved = np.asarray(found.depth.upper), np.asarray(found.programs)
    work = (
        f"{solved.mean():.0f} programs, at most {solved.max()}"
        if solved.any()
        else f"{faces.count(reviewers, proposals, outcomes):,} vertices"
    )
    known = float(np.asarray(found.converged).mean())
    return f"depth {depth.mean():.1f}, at most {depth.max():.0f}; {work}; {known:.0%} exact"
