"""How many reviewers must object to any harmful proposal: rejection depth, and coalitions that cover.

The statements are those of arXiv 2609.15803 (theory, section 12): a k-tolerant rule, which executes what at
most k reviewers disapprove of, lets no harm through iff the depth is k + 1 at least, iff every coalition of
n - k reviewers covers the principal. Where the proofs come from: `search`.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.coalition import faces
from jaxgame.coalition.entered import Scores, checked, entered
from jaxgame.coalition.search import explore, first
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.record import record
from jaxgame.core.units import unheard, unknown

METHODS = ("auto", "programs", "faces")
PROPOSALS = ("lotteries", "single")
PROGRAMS = 20_000  # linear programs of a search, at most
FEW = 200_000  # vertices up to which they are all looked at


@record
class RejectionDepth:
    """The least number of reviewers who object to a harmful proposal, and a proposal that so few object to.

    - `depth`: between 0 and N, or N + 1 if nothing harms; its ends are whole numbers;
    - `mixture` [M]: weights of the proposals, at least 0 and with sum at most 1, of the most harmful mixture
      found of those with `depth.upper` objectors; 0 if nothing harms;
    - `witness` [O]: the direction that it makes;
    - `objectors` [N]: who disapproves of it; who loses no more than 1e-9 of its largest score approves;
    - `harm`: what it costs the principal, in utility units;
    - `programs`: how many linear programs were solved; 0 by other methods;
    - `converged`: the ends of the depth meet.
    """

    depth: Bracket
    mixture: Float[Array, " M"]
    witness: Float[Array, " O"]
    objectors: Bool[Array, " N"]
    harm: Float[Array, ""]
    programs: Int[Array, ""]
    converged: Bool[Array, ""]


def rejection_depth(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    *,
    proposals: str = "lotteries",
    method: str = "auto",
    tolerance: float = 1e-6,
    programs: int = PROGRAMS,
    partial: bool = False,
) -> RejectionDepth:
    """How many of the `reviewers` [N, O] object at least to any proposal that harms the `principal` [O].

    The `directions` [M, O] are changes of the law of the outcome. With `proposals` "lotteries" any mixture of
    them and of nothing may be proposed, with "single" one of them alone. A reviewer disapproves of d if
    `<u_i, d> < 0`, and d harms if it costs the principal at least `tolerance`, in parts of the largest
    `|<u_P, d_a>|`.

    `method` "programs" proves every number by covers, at a cost that grows exponentially with the depth k: up
    to r^k linear programs, r the dimension of the scores (at most M, O and N + 1). "faces" looks at the
    `sum_s C(M, s) C(N, s - 1)` vertices, s <= r: polynomial in N, for panels of any depth in three or four
    dimensions; its ends may part where somebody's loss is between 1e-9 and 1e-7, and rest on rounding. "auto"
    takes faces up to 200,000 vertices. Deciding the depth is NP-hard in general (arXiv 2609.15803).

    No more than `programs` are solved. If the depth is not known by then, ValueError says what to do; with
    `partial`, and under jit, the ends of the depth stay apart. One panel; works under jit and vmap, in
    float64.

    Raises ValueError for shapes that disagree, empty axes, numbers not finite, an unknown option, a tolerance
    outside (0, 1), and too many vertices or programs.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> found = jg.coalition.rejection_depth(  # three reviewers of a plane, two on one side of her
    ...     [0.0, 1.0], [[-1.0, 1.0], [0.5, 1.0], [1.0, 1.0]],
    ...     [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]],
    ... )
    >>> float(found.depth.lower), found.objectors.tolist(), [round(float(x), 6) for x in found.witness]
    (1.0, [True, False, False], [0.666667, -0.333333])
    """
    given = directions  # of a constant the rank is known under jit too
    principal, reviewers, directions = checked(principal, reviewers, directions)
    checks.check_choice("proposals", proposals, PROPOSALS)
    check_search(tolerance, programs)
    size = dimension(reviewers, directions, given)
    method = chosen(method, reviewers, directions, size)
    found = _depth(principal, reviewers, directions, proposals, method, size, tolerance, programs)
    if not partial:
        check_done(found.converged, "depth", found.depth, programs)
    return found


@functools.partial(jax.jit, static_argnames=("proposals", "method", "size", "tolerance", "programs"))
def _depth(
    principal: Float[Array, " O"],
    reviewers: Float[Array, "N O"],
    directions: Float[Array, "M O"],
    proposals: str,
    method: str,
    size: int,
    tolerance: float,
    programs: int,
) -> RejectionDepth:
    scores = entered(principal, reviewers, directions)
    most = len(reviewers)
    harm = least_harm(scores, tolerance)
    solved = jnp.int32(0)
    if proposals == "single":
        attained, certified, mixtures = single(scores)
        mixture = mixtures[jnp.minimum(first(attained, harm), most)]
    elif method == "faces":
        attained, certified, mixtures = faces.enumerate_faces(scores, size)
        mixture = mixtures[jnp.minimum(first(attained, harm), most)]
    else:
        found = explore(scores, levels=most, harm=harm, programs=programs)
        attained, certified, mixture, solved = (
            found.attained, found.certified, found.mixture, found.programs
        )  # fmt: skip
    upper = first(attained, harm)
    lower = jnp.minimum(first(certified, harm), upper)
    mixture = jnp.where(upper <= most, mixture, 0.0)
    depth = Bracket(lower.astype(harm.dtype), upper.astype(harm.dtype))
    known = RejectionDepth(
        depth=depth,
        mixture=mixture,
        witness=mixture @ directions,
        objectors=scores.objects(mixture) & scores.sound,
        harm=-(mixture @ scores.principal) * scores.unit,
        programs=solved,
        converged=(lower == upper) & scores.sound,
    )
    return dataclasses.replace(unheard(scores.sound, known), depth=unknown(scores.sound, depth))


def single(
    scores: Scores,
) -> tuple[Float[Array, " N_plus_1"], Float[Array, " N_plus_1"], Float[Array, "N_plus_1 M"]]:
    """What single proposals cost that at most 0, ..., N reviewers object to: attained, at most, and which."""
    size = len(scores.reviewers) + 1
    one = jnp.eye(scores.principal.size, dtype=scores.principal.dtype)
    cost = jax.vmap(scores.harm)(one)
    objectors = jax.vmap(scores.objects)(one).sum(1, dtype=jnp.int32)
    few = objectors[None] <= jnp.arange(size, dtype=jnp.int32)[:, None]
    costs = jnp.where(few, cost[None], -jnp.inf)
    at_most = jnp.where(few, (scores.doubt - scores.principal)[None], -jnp.inf)
    worst = jnp.where((costs.max(1) > 0)[:, None], one[costs.argmax(1)], 0.0)
    return jnp.maximum(costs.max(1), 0.0), jnp.maximum(at_most.max(1), 0.0), worst


@record
class Robustness:
    """How many reviewers may fail, or be bribed, before the others stop covering the principal.

    - `robust`: the largest k such that every coalition of N - k reviewers covers her, -1 if not even all
      together do, N if nothing harms her;
    - `covers` [C, N]: weights of covers that prove its lower end: whichever `robust.lower` reviewers are
      removed, one of these uses none of them. Rows of 0 follow, and stand for "no reviewer is needed" if all
      are;
    - `coalition` [N]: the members of a coalition that does not cover, of N - `robust.upper` - 1; all, if it
      is N;
    - `mixture` [M], `witness` [O], `harm`: a harmful proposal that all of that coalition approve, as those of
      `RejectionDepth`;
    - `programs`: how many linear programs were solved;
    - `converged`: the ends of `robust` meet.
    """

    robust: Bracket
    covers: Float[Array, "C N"]
    coalition: Bool[Array, " N"]
    mixture: Float[Array, " M"]
    witness: Float[Array, " O"]
    harm: Float[Array, ""]
    programs: Int[Array, ""]
    converged: Bool[Array, ""]


def robustness(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    *,
    tolerance: float = 1e-6,
    programs: int = PROGRAMS,
    partial: bool = False,
) -> Robustness:
    """The largest k so that the `reviewers` [N, O] but any k of them still cover the `principal` [O].

    It is the rejection depth less 1: a coalition that does not cover approves of something harmful. Arguments
    and limits are those of `rejection_depth` by "programs": `directions` [M, O], `tolerance`, `programs`,
    `partial`. With C = `programs` rows, the covers take C N numbers.

    Raises ValueError as it does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> found = coalition.robustness(*coalition.ring(5, 1.0), programs=500)
    >>> float(found.robust.lower), int(found.coalition.sum())
    (1.0, 3)
    """
    principal, reviewers, directions = checked(principal, reviewers, directions)
    check_search(tolerance, programs)
    found = _robustness(principal, reviewers, directions, tolerance, programs)
    if not partial:
        check_done(found.converged, "robustness", found.robust, programs)
    return found


@functools.partial(jax.jit, static_argnames=("tolerance", "programs"))
def _robustness(
    principal: Float[Array, " O"],
    reviewers: Float[Array, "N O"],
    directions: Float[Array, "M O"],
    tolerance: float,
    programs: int,
) -> Robustness:
    scores = entered(principal, reviewers, directions)
    harm = least_harm(scores, tolerance)
    found = explore(scores, levels=len(reviewers), harm=harm, programs=programs, keep=programs)
    upper = first(found.attained, harm)
    lower = jnp.minimum(first(found.certified, harm), upper)
    mixture = jnp.where(upper <= len(reviewers), found.mixture, 0.0)
    robust = Bracket(*(end.astype(harm.dtype) - 1 for end in (lower, upper)))
    # Covers of sets with fewer removals than the depth: others let harm through.
    proves = (jax.vmap(scores.lost)(found.covers) < harm)[:, None]
    known = Robustness(
        robust=robust,
        covers=jnp.where(proves, found.covers, 0.0) * (scores.unit / scores.units)[None],
        coalition=~scores.objects(mixture) & scores.sound,
        mixture=mixture,
        witness=mixture @ directions,
        harm=-(mixture @ scores.principal) * scores.unit,
        programs=found.programs,
        converged=(lower == upper) & scores.sound,
    )
    return dataclasses.replace(unheard(scores.sound, known), robust=unknown(scores.sound, robust))


def least_harm(scores: Scores, tolerance: float) -> Float[Array, ""]:
    """What a proposal costs at least that counts as harmful, in the principal's unit."""
    largest = jnp.abs(scores.principal).max()
    return tolerance * jnp.where(largest > 0, largest, 1.0)


def dimension(reviewers: Array, directions: Array, given: Numbers) -> int:
    """The dimension of the scores, as far as it can be seen: proposals in use at a vertex are no more.

    `given` are the directions as they were given, which may be concrete when arrays made of them are not.
    """
    least = min(*directions.shape, len(reviewers) + 1)
    if checks.is_concrete(given):
        # Small proposals and rare outcomes count as much as others.
        seen = np.asarray(given, float)
        for axis in (1, 0):
            size = np.abs(seen).max(axis, keepdims=True)
            seen = seen / np.where(size > 0, size, 1.0)
        least = min(least, int(np.linalg.matrix_rank(seen)))
    return max(least, 1)


def chosen(method: str, reviewers: Array, directions: Array, size: int) -> str:
    """The method that "auto" stands for in `size` dimensions.

    Raises ValueError for unknown methods and too many vertices.
    """
    checks.check_choice("method", method, METHODS)
    vertices = faces.count(len(reviewers), len(directions), size)
    if method == "faces" and vertices > faces.MOST:
        raise ValueError(
            f"method is 'faces', and {len(reviewers)} reviewers and {len(directions)} proposals in {size} "
            f"dimensions have {vertices:,} vertices; it must be 'programs' beyond {faces.MOST:,}, or there "
            "must be fewer reviewers or proposals"
        )
    return method if method != "auto" else "faces" if vertices <= FEW else "programs"


def method_for(reviewers: np.ndarray, directions: np.ndarray) -> str:
    """The method that "auto" stands for with `reviewers` [N, O] and `directions` [M, O]."""
    checked_arrays = jnp.asarray(reviewers), jnp.asarray(directions)
    return chosen("auto", *checked_arrays, dimension(*checked_arrays, directions))


def check_search(tolerance: float, programs: int) -> None:
    """Raise ValueError for a tolerance outside (0, 1) or fewer than one program."""
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}; it must be between 0 and 1")
    if programs < 1:
        raise ValueError(f"programs is {programs}; it must be at least 1")


def check_done(converged: Array, what: str, found: Bracket, programs: int) -> None:
    """Raise ValueError if a search ended before it knew; a traced one is not looked at."""
    if checks.is_concrete(converged, found.lower) and not np.asarray(converged).all():
        raise ValueError(
            f"the {what} is between {float(found.lower):g} and {float(found.upper):g} after {programs:,} "
            "programs; their number grows exponentially with it: give more programs=, partial=True to take "
            "this bracket, a larger tolerance, or, in few dimensions, method='faces' of rejection_depth"
        )
