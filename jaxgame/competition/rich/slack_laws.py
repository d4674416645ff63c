"""What a grid of posteriors proves of slack-equilibria when the follower responds by logit.

`logit_laws` with a row for each leader in place of exclusion. On a cell a leader's excess is at least what its
closure from below has more than its curve from above; where that is not negative at both ends it is linear, so
that a law needs the cell's ends only. What she loses most on laws of cells whose least excess is within the
slack is the bound. At a grid point the excess is at most what the curve, from above, rises above a line
through the point: a law of grid points whose largest excess is within the slack is attained [own].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.competition.rich import slack_program
from jaxgame.competition.rich.concave_closure import PERTURBATION, Basis
from jaxgame.competition.rich.curve_hull import hull
from jaxgame.competition.rich.logit_curves import Curves, Problem
from jaxgame.competition.rich.logit_grid import Gaps, closure_from_below
from jaxgame.competition.rich.logit_laws import ROUNDINGS, Judged, Law, above_line, at_prior
from jaxgame.competition.rich.slack_program import Program, bound, kept, proposed
from jaxgame.core.arithmetic import divided


def atoms(leaders: int) -> int:
    """Posteriors of a law, with two at which the state is known: one for each row of the program.

    A single leader's own two, which it would take, join them.
    """
    return leaders + 4 if leaders > 1 else leaders + 6


def wanted(leaders: int) -> int:
    """Cells to split: those of the bound, beside points of the law, and what raises curves there."""
    return 3 * (leaders + 2) + 2 * leaders if leaders > 1 else 3 * (leaders + 2) + 8


class _Excess(NamedTuple):
    """What leaders gain by revealing more: on all of the cells at least, at points about at most.

    For a single leader it is what the point misses of its supporting line at the prior, of which `missed` is
    not known to be attained. `most` may be a proposal, `slopes` are those of lines that may prove it.
    """

    short: Float[Array, "K N"]
    most: Float[Array, "K N"]
    slopes: Float[Array, "K N"]
    corners: Float[Array, "K 2"]
    missed: Float[Array, " K"]


def forgiving(eta: Float[Array, " K"], problem: Problem, curves: Curves, gaps: Gaps) -> Judged:
    """Bounds if each leader may gain `eta`, in parts of its range.

    1. The most she loses over laws on cells with least excess within the slack is the bound.
    2. The most she loses over laws on grid points with largest excess within it proposes a law; at its
       points the excess is proved, and the law mixed with full revelation if need be.
    3. Cells of the bound, cells beside points of the law, and those that decide their excess are to be split.
    """
    x, loss, rounding = curves.x, -curves.values[-1], problem.rounding
    leaders, count = len(eta), len(x)
    excess = _of_many(curves, gaps) if leaders > 1 else _of_one(problem, curves)
    own, start = _own(problem, curves, excess) if leaders > 1 else (jnp.zeros(0, jnp.int32), None)
    del own, start
    raise NotImplementedError
