"""Coalitions of reviewers: three ways to say that a rule is safe, and what a near cover promises.

arXiv 2609.15803 (theory, section 12): the k-tolerant rule costs the principal exactly what the worst
coalition of N - k reviewers lets through, and nothing iff the rejection depth exceeds k. Where each
coalition's cone comes within eps of her utility, no such proposal d costs her more than eps |d|_1 [own
constant].
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.coalition import covers, rejection_depth, worst_loss
from jaxgame.coalition.depth import check_search
from jaxgame.coalition.entered import checked
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.record import record
from jaxgame.hull import hull_distance
from jaxgame.theorems.guarantee import verdict

MOST_COALITIONS = 5_000


@record
class CoalitionCheck:
    """The k-tolerant rule on one panel of reviewers: premise, bound, what was attained, verdicts.

    In the principal's utility units, but for the depth and the verdicts:

    - `distance`: the largest of all coalitions of N - k of the sup-norm distance from her utility to the cone
      of theirs, with a constant if no proposal changes the total of the law;
    - `bound`: that times the largest `|d_a|_1` of a proposal: what the rule can cost;
    - `loss`: the most that all members of one of these coalitions approve of, one program for each;
    - `rule`: the same by the search of `coalition.worst_loss`;
    - `depth`: the rejection depth;
    - `slack`: `bound` - `loss`;
    - `holds`: the place in `VERDICTS` of the claim that the slack is at least minus the tolerance;
    - `agrees`: that of the claim that `loss` is `rule`, and at least the tolerance iff the depth is k at
      most.
    """

    distance: Bracket
    bound: Bracket
    loss: Bracket
    rule: Bracket
    depth: Bracket
    slack: Bracket
    holds: Int[Array, ""]
    agrees: Int[Array, ""]


def coalition(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    *,
    tolerated: int = 0,
    tolerance: float = 1e-6,
) -> CoalitionCheck:
    """Check what the rule that executes what at most k = `tolerated` reject costs the `principal` [O].

    `reviewers` [N, O] and `directions` [M, O] are those of `coalition.rejection_depth`; every one of the C(N,
    k) coalitions of N - k reviewers is looked at. `tolerance` is in parts of the largest `|<u_P, d_a>|`.
    Works under jit and vmap, in float64.

    Raises ValueError for `tolerated` outside 0 to N - 1, more than 5,000 coalitions, and as
    `coalition.rejection_depth` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> check = jg.theorems.coalition(*jg.coalition.ring(5, 1.0), tolerated=2)
    >>> [jg.theorems.VERDICTS[int(x)] for x in (check.holds, check.agrees)]
    ['yes', 'yes']
    """
    arrays = checked(principal, reviewers, directions)
    check_search(tolerance, 1)
    count = len(arrays[1])
    if not 0 <= tolerated < count:
        raise ValueError(
            f"tolerated is {tolerated}; it must be from 0 to {count - 1}, one less than reviewers"
        )
    number = math.comb(count, tolerated)
    if number > MOST_COALITIONS:
        raise ValueError(
            f"tolerated is {tolerated} of {count} reviewers, which makes {number:,} coalitions; they must be "
            f"at most {MOST_COALITIONS:,}. coalition.worst_loss and coalition.rejection_depth look at fewer"
        )
    members = np.ones((number, count), bool)
    for row, removed in zip(members, itertools.combinations(range(count), tolerated), strict=True):
        row[list(removed)] = False
    return _checked(*arrays, jnp.asarray(members), tolerated, tolerance)


@functools.partial(jax.jit, static_argnames=("tolerated", "tolerance"))
def _checked(
    principal: Float[Array, " O"],
    reviewers: Float[Array, "N O"],
    directions: Float[Array, "M O"],
    members: Bool[Array, "C N"],
    tolerated: int,
    tolerance: float,
) -> CoalitionCheck:
    panel = principal, reviewers, directions
    size = jnp.abs(directions).sum(1)
    balanced = (jnp.abs(directions.sum(1)) <= 1e-12 * size).all()

    def alone(some: Bool[Array, " N"]) -> tuple[Bracket, Bracket]:
        theirs = jnp.where(some[:, None], reviewers, 0.0)
        plain = hull_distance(principal, theirs, offset="none", scale="cone").distance
        shifted = hull_distance(principal, theirs, offset="constant", scale="cone").distance
        near = jax.tree.map(lambda x, y: jnp.where(balanced, x, y), shifted, plain)
        return near, covers(*panel, some, tolerance=tolerance).loss

    distance, loss = jax.tree.map(lambda x: x.max(), jax.vmap(alone)(members))
    rule = worst_loss(*panel, tolerated=tolerated, tolerance=tolerance).loss
    depth = rejection_depth(*panel, tolerance=tolerance).depth
    bound = Bracket(size.max() * distance.lower, size.max() * distance.upper)
    slack = Bracket(bound.lower - loss.upper, bound.upper - loss.lower)
    allowed = tolerance * jnp.abs(directions @ principal).max()

    apart = (loss.lower > rule.upper + allowed) | (rule.lower > loss.upper + allowed)
    harmless, harmed = depth.lower > tolerated, depth.upper <= tolerated
    wrong = apart | (harmless & (loss.lower > allowed)) | (harmed & (loss.upper < allowed))
    known = (loss.width <= allowed) & (rule.width <= allowed) & (harmless | harmed)
    return CoalitionCheck(
        distance=distance,
        bound=bound,
        loss=loss,
        rule=rule,
        depth=depth,
        slack=slack,
        holds=verdict(slack, allowed),
        agrees=jnp.where(wrong, 0, jnp.where(known, 2, 1)),
    )
