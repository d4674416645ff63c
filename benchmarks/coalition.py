"""Rejection depth by number of reviewers, depth and dimension: programs and faces against all coalitions.

The peer looks at every coalition by HiGHS, smallest removals first, until one lets harm through. Panels are
the principal and noise; the remark gives the depth and the programs of the search, or the vertices.
"""

import itertools
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks.timing import Cell
from jaxgame import coalition
from jaxgame.coalition import faces
from jaxgame.runs.batch import spread
from tests.reference import coalition as reference

OURS, THEIRS = 512, 4
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
    (15, 4, "faces"),
)


def cells(quick: bool) -> Iterator[Cell]:
    """Every size and method; the peer answers a few, and none with many reviewers."""
    for reviewers, outcomes, method in SIZES:
        count = 8 if quick else OURS
        keys = jax.random.split(jax.random.key(0), count)
        panels = jax.jit(jax.vmap(lambda key, n=reviewers, o=outcomes: coalition.noisy(key, n, o)))(keys)
        program = spread(
            lambda panel, method=method: coalition.rejection_depth(*panel, method=method, partial=True),
            jax.devices(),
            batch=None,
        )
        few = reviewers <= 15
        yield Cell(
            name=f"depth {method}",
            size=f"n={reviewers} r={outcomes}",
            ours=lambda program=program, panels=panels: np.asarray(program(panels).depth.upper),
            count=count,
            peer="all coalitions (HiGHS)" if few else "none",
            theirs=lambda panels=panels, few=few: by_coalitions(panels, THEIRS if few else 0),
            their_count=THEIRS,
            remark=lambda program=program, panels=panels: _remark(program(panels), panels),
        )


def by_coalitions(panels: coalition.Reviewing, count: int) -> np.ndarray:
    """The depths of the first panels, NaN for those beyond `count`."""
    found = np.full(THEIRS, np.nan)
    for place in range(count):
        principal, reviewers, directions = (np.asarray(part[place]) for part in panels)
        hers, theirs = directions @ principal, reviewers @ directions.T
        everyone = range(len(reviewers))
        found[place] = next(
            (
                k
                for k in range(len(reviewers) + 1)
                for some in itertools.combinations(everyone, len(reviewers) - k)
                if reference.let_through(hers, theirs[list(some)]) >= 1e-6 * np.abs(hers).max()
            ),
            len(reviewers) + 1,
        )
    return found


def _remark(found: coalition.RejectionDepth, panels: coalition.Reviewing) -> str:
    (_, reviewers, outcomes), proposals = panels.reviewers.shape, panels.directions.shape[1]
    depth, solved = np.asarray(found.depth.upper), np.asarray(found.programs)
    work = (
        f"{solved.mean():.0f} programs, at most {solved.max()}"
        if solved.any()
        else f"{faces.count(reviewers, proposals, outcomes):,} vertices"
    )
    known = float(np.asarray(found.converged).mean())
    return f"depth {depth.mean():.1f}, at most {depth.max():.0f}; {work}; {known:.0%} exact"
