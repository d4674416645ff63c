"""What a rule of execution can cost the principal: tolerant, unanimous, weighted, and committees.

The k-tolerant rule executes what at most k reviewers disapprove of; k = 0 is unanimity. A committee asks its
members alone. The weighted rule executes what `sum_i w_i <u_i, d> >= 0`: one reviewer, made up. A lower end
of a loss is a proposal that the rule executes, an upper end rests on covers.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.coalition import faces
from jaxgame.coalition.depth import (
    PROGRAMS,
    PROPOSALS,
    check_done,
    check_search,
    chosen,
    dimension,
    single,
)
from jaxgame.coalition.entered import checked, entered
from jaxgame.coalition.search import explore, program
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.record import record
from jaxgame.core.units import unheard, unknown
from jaxgame.hull import HullFit, hull_distance


@record
class Cover:
    """Whether a coalition covers the principal, and the proof.

    - `loss`: the most that a mixture of proposals costs her of which all members approve, in her utility
      units; 0 if the coalition covers her;
    - `weights` [N]: at least 0, and 0 for who is no member: `sum_i w_i <u_i, d> <= <u_P, d> + loss.upper` for
      every proposal d, so that what members approve of costs her no more;
    - `mixture` [M]: weights of the proposals in the most harmful mixture, `witness` [O] its direction;
    - `covered`: that the loss is below the tolerance is proved;
    - `converged`: the ends of the loss are within the tolerance.
    """

    loss: Bracket
    weights: Float[Array, " N"]
    mixture: Float[Array, " M"]
    witness: Float[Array, " O"]
    covered: Bool[Array, ""]
    converged: Bool[Array, ""]


def covers(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    members: Numbers,
    *,
    tolerance: float = 1e-6,
) -> Cover:
    """Whether what all `members` of a coalition approve of cannot harm the `principal` [O].

    They cover her if her utility is in the cone of theirs and of what gains by every proposal: a linear
    program, whose dual the weights are. `members` is [N] truth values, or the numbers of some of the
    `reviewers` [N, O]; `directions` [M, O] are the proposals, of which mixtures may be proposed. `tolerance`
    is in parts of the largest `|<u_P, d_a>|`. Works under jit and vmap, in float64.

    Raises ValueError for shapes that disagree, empty axes, numbers not finite, a tolerance outside (0, 1) and
    members that are none.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> panel = coalition.ring(3, 1.0)
    >>> everyone = coalition.covers(*panel, members=[0, 1, 2])
    >>> two = coalition.covers(*panel, members=[0, 1])
    >>> bool(everyone.covered), bool(two.covered), round(float(two.loss.lower), 6)
    (True, False, 0.437793)
    """
    arrays = checked(principal, reviewers, directions)
    check_search(tolerance, 1)
    return _covers(*arrays, members_of(members, len(arrays[1])), tolerance)


@functools.partial(jax.jit, static_argnames="tolerance")
def _covers(
    principal: Float[Array, " O"],
    reviewers: Float[Array, "N O"],
    directions: Float[Array, "M O"],
    members: Bool[Array, " N"],
    tolerance: float,
) -> Cover:
    scores = entered(principal, reviewers, directions)
    mixture, weights = program(scores, ~members)
    approved = ~(scores.objects(mixture) & members).any()
    attained = jnp.where(approved, jnp.maximum(scores.harm(mixture), 0.0), 0.0)
    lost, largest = scores.lost(weights), jnp.abs(scores.principal).max()
    loss = Bracket(scores.unit * attained, scores.unit * lost)
    known = Cover(
        loss=loss,
        weights=weights * (scores.unit / scores.units),
        mixture=mixture,
        witness=mixture @ directions,
        covered=(lost <= tolerance * largest) & scores.sound,
        converged=_narrow(lost - attained, tolerance * largest) & scores.sound,
    )
    return dataclasses.replace(unheard(scores.sound, known), loss=unknown(scores.sound, loss))


@record
class WorstLoss:
    """The most that a rule lets an agent take from the principal, and the proposal that does.

    - `loss`: at the rule that was asked about, in her utility units, at least 0; `curve` [k_plus_1]: with 0,
      1,
      ..., k reviewers tolerated;
    - `mixture` [M]: weights of the proposals, at least 0 and with sum at most 1, that attain `loss.lower`;
      `witness` [O]: the direction that they make;
    - `objectors` [N]: who disapproves of it, of those whom the rule asks;
    - `programs`: how many linear programs were solved; 0 by other methods;
    - `converged`: the ends of `loss` are within the tolerance.
    """

    loss: Bracket
    curve: Bracket
    mixture: Float[Array, " M"]
    witness: Float[Array, " O"]
    objectors: Bool[Array, " N"]
    programs: Int[Array, ""]
    converged: Bool[Array, ""]


def worst_loss(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    *,
    tolerated: int = 0,
    members: Numbers | None = None,
    weights: Numbers | None = None,
    proposals: str = "lotteries",
    method: str = "programs",
    tolerance: float = 1e-6,
    programs: int = PROGRAMS,
    partial: bool = False,
) -> WorstLoss:
    """The most that the `principal` [O] loses by a proposal that the rule executes.

    The rule asks all `reviewers` [N, O], or the `members` of a committee ([N] truth values, or numbers of
    reviewers), and executes what at most `tolerated` of them, from 0 to N - 1, disapprove of. Or, with
    `weights` [N], at least 0, what `sum_i w_i <u_i, d> >= 0`. Proposals are mixtures of the `directions` [M,
    O] and of nothing, or single ones; `proposals`, `method`, `programs` and `partial` are those of
    `rejection_depth`, `tolerance` is the width of the bracket, in parts of the largest `|<u_P, d_a>|`.
    Programs: up to r^k for k tolerated in r dimensions. The upper end of "faces" rests on rounding.

    The most that she gains by what the rule executes is this of -`principal`. Works under jit and vmap, in
    float64.

    Raises ValueError as `rejection_depth` does, and for `tolerated` out of range or given with weights,
    members given with weights, and weights that are negative.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> panel = coalition.ring(5, 1.0471975511965976)
    >>> [round(float(x), 6) for x in coalition.worst_loss(*panel, tolerated=2).curve.upper]
    [0.0, 0.0, 0.348633]
    """
    given = directions
    principal, reviewers, directions = checked(principal, reviewers, directions)
    checks.check_choice("proposals", proposals, PROPOSALS)
    check_search(tolerance, programs)
    asked = reviewers
    if weights is not None:
        if tolerated or members is not None:
            raise ValueError("weights are given with tolerated or members; a weighted rule has neither")
        (weights,) = checks.as_floats(weights)
        checks.check_shape("weights", weights, "[N]", reviewers.shape[:1], "as reviewers is [N, O]")
        checks.check_finite("weights", weights)
        if checks.is_concrete(weights) and np.asarray(weights).min() < 0:
            raise ValueError(f"weights has {float(weights.min()):g}; all must be at least 0")
        asked = (weights.astype(reviewers.dtype) @ reviewers)[None]
    if not 0 <= tolerated < len(reviewers):
        raise ValueError(
            f"tolerated is {tolerated}; it must be from 0 to {len(reviewers) - 1}, as there are "
            f"{len(reviewers)} reviewers"
        )
    some = members_of(members, len(asked))
    size = dimension(asked, directions, given)
    method = chosen(method, asked, directions, size)
    found = _worst_loss(
        principal, asked, directions, some, tolerated, proposals, method, size, tolerance, programs
    )
    if not partial:
        check_done(found.converged, "loss", found.loss, programs)
    if weights is not None:
        nobody = jnp.zeros(len(reviewers), bool)
        found = dataclasses.replace(found, objectors=nobody)
    return found


@functools.partial(
    jax.jit, static_argnames=("tolerated", "proposals", "method", "size", "tolerance", "programs")
)
def _worst_loss(
    principal: Float[Array, " O"],
    reviewers: Float[Array, "N O"],
    directions: Float[Array, "M O"],
    members: Bool[Array, " N"],
    tolerated: int,
    proposals: str,
    method: str,
    size: int,
    tolerance: float,
    programs: int,
) -> WorstLoss:
    scores = entered(principal, reviewers, directions).only(members)
    solved = jnp.int32(0)
    if proposals == "single":
        attained, certified, mixtures = single(scores)
        mixture = mixtures[tolerated]
    elif method == "faces":
        attained, certified, mixtures = faces.enumerate_faces(scores, size)
        mixture = mixtures[tolerated]
    else:
        found = explore(scores, levels=tolerated, harm=None, programs=programs)
        attained, certified, mixture, solved = (
            found.attained, found.certified, found.mixture, found.programs
        )  # fmt: skip
    attained, certified = attained[: tolerated + 1], jnp.maximum(certified[: tolerated + 1], 0.0)
    largest = jnp.abs(scores.principal).max()
    curve = Bracket(scores.unit * attained, scores.unit * certified)
    known = WorstLoss(
        loss=Bracket(curve.lower[-1], curve.upper[-1]),
        curve=curve,
        mixture=mixture,
        witness=mixture @ directions,
        objectors=scores.objects(mixture) & scores.sound,
        programs=solved,
        converged=_narrow(certified[-1] - attained[-1], tolerance * largest) & scores.sound,
    )
    return dataclasses.replace(
        unheard(scores.sound, known),
        loss=unknown(scores.sound, known.loss),
        curve=unknown(scores.sound, curve),
    )


def best_weights(
    principal: Numbers, reviewers: Numbers, directions: Numbers, *, members: Numbers | None = None
) -> HullFit:
    """The weights of a committee that come nearest to deciding as the `principal` [O] would.

    Least `max_a |sum_i w_i <u_i, d_a> - <u_P, d_a>|` over w >= 0, 0 for reviewers outside `members` (None:
    all; see `covers`), a fit of `hull_distance` over the M proposals: `weights` [N], `distance` in her
    utility units. With these weights the weighted rule executes nothing that costs her more than the
    distance, and blocks nothing that brings her more, whatever is mixed. At distance 0 it decides exactly as
    she would.
    `reviewers` [N, O] and `directions` [M, O] are those of `rejection_depth`.

    The weights that lose least are others, those of `covers`: they lose no more than unanimity, by duality,
    and may block more that is good.

    Raises ValueError as `covers` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> panel = [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]], [[2.0, -1.0], [1.0, -2.0]]
    >>> [round(float(w), 6) for w in coalition.best_weights(*panel).weights]
    [1.0, 1.0]
    """
    arrays = checked(principal, reviewers, directions)
    scores = entered(*arrays).only(members_of(members, len(arrays[1])))
    hers = jnp.where(scores.sound, scores.principal * scores.unit, jnp.nan)
    return hull_distance(hers, scores.reviewers * scores.units[:, None], offset="none", scale="cone")


def members_of(members: Numbers | None, reviewers: int) -> Bool[Array, " N"]:
    """Truth values [N] of members given as such or by number, of all for None.

    Raises ValueError for what is neither.
    """
    if members is None:
        return jnp.ones(reviewers, bool)
    must = f"it must be {reviewers} truth values, or numbers from 0 to {reviewers - 1}"
    given: Any = np.asarray(members) if checks.is_concrete(members) else members
    if given.dtype == bool:
        if given.shape != (reviewers,):
            raise ValueError(f"members has shape {given.shape}; {must}")
        return jnp.asarray(given)
    if not isinstance(given, np.ndarray):
        raise ValueError(
            f"members is traced, of {given.dtype}; under jit it must be {reviewers} truth values"
        )
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise ValueError(f"members has shape {given.shape} and type {given.dtype}; {must}")
    if given.size and not (given.min() >= 0 and given.max() < reviewers):
        raise ValueError(f"members is {given.tolist()}; {must}")
    return jnp.asarray(np.isin(np.arange(reviewers), given))


def _narrow(width: Float[Array, ""], tolerance: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether a bracket's ends meet; ends that cross do not."""
    return (width >= 0) & (width <= tolerance)
