"""Panels of reviewers with known answers, and random ones (theory, section 12)."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.core import checks


class Reviewing(NamedTuple):
    """A principal, reviewers and what may be proposed: the first arguments of the room's functions.

    - `principal` [O] and `reviewers` [N, O] are utilities over O outcomes;
    - `directions` [M, O]: what each proposal would change of the law of the outcome. Proposed are mixtures
      of them, and of nothing.
    """

    principal: Float[Array, " O"]
    reviewers: Float[Array, "N O"]
    directions: Float[Array, "M O"]


def ring(reviewers: int, angle: float) -> Reviewing:
    """Reviewers on a ring around the principal, all `angle` away from it (arXiv 2609.15803).

    An odd number of `reviewers` n = 2m + 1, `angle` between 0 and pi / 2, in radians. Proposals are the unit
    ball of the l1 norm in three dimensions, u_P = e_3. The rejection depth is m, and `ring_loss` what the
    m-tolerant rule loses.

    Raises ValueError for fewer than 3 or an even number of reviewers, and for another angle.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> panel = coalition.ring(7, 1.0)
    >>> float(coalition.rejection_depth(*panel).depth.lower)
    3.0
    """
    _check_ring(reviewers, angle)
    m = (reviewers - 1) // 2
    around = -math.pi * m / reviewers + 2 * math.pi * np.arange(reviewers) / reviewers
    utilities = np.stack(
        [np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.full(reviewers, np.cos(angle))], 1
    )
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    return Reviewing(jnp.asarray(np.eye(3)[2]), jnp.asarray(utilities), jnp.asarray(axes))


def ring_loss(reviewers: int, angle: float) -> float:
    """What the principal of a `ring` of n = 2m + 1 `reviewers` at an `angle` loses by the m-tolerant rule.

    It is c / (1 + c) with c = tan(angle) sin(pi / (2n)), in units of the utility (arXiv 2609.15803).

    Raises ValueError as `ring` does.

    >>> round(ring_loss(3, 1.0471975511965976), 6)
    0.464102
    """
    _check_ring(reviewers, angle)
    steep = math.tan(angle) * math.sin(math.pi / (2 * reviewers))
    return steep / (1 + steep)


def _check_ring(reviewers: int, angle: float) -> None:
    if reviewers < 3 or reviewers % 2 == 0:
        raise ValueError(f"reviewers is {reviewers}; it must be an odd number of at least 3")
    if not 0 < angle < math.pi / 2:
        raise ValueError(f"angle is {angle}; it must be between 0 and pi / 2 (radians)")


def noisy(
    key: Array,
    reviewers: int,
    outcomes: int,
    *,
    strength: float | Array = 0.2,
    diversity: float | Array = 1.0,
) -> Reviewing:
    """Reviewers who are the principal plus noise, each its own or in part common: u_i = u_P + strength xi_i.

    `key` is a JAX random key; there are N = `reviewers`, and `outcomes` O. u_P is uniform on the unit sphere,
    xi_i standard normal in every entry, `strength` positive the standard deviation, in parts of |u_P|.
    `diversity` d from 0 to 1 mixes a common draw and their own as `sampling` does: correlation 1 - d.
    Proposals are the unit ball of the l1 norm: +e_o and -e_o for every outcome, M = 2 O. The first reviewers
    are the same however many more are drawn.

    Where nobody is turned away from the principal (a small strength), P(depth >= 1) at d = 1 is Wendel's
    formula of N points in O - 1 dimensions, and with two outcomes the depth is that of a fair coin,
    min(B, N - B) with B binomial.

    Raises ValueError for a number below 1, or a strength that is not positive.
    """
    if reviewers < 1 or outcomes < 1:
        raise ValueError(f"reviewers is {reviewers} and outcomes {outcomes}; they must be at least 1")
    if checks.is_concrete(strength) and not strength > 0:
        raise ValueError(f"strength is {strength}; it must be positive")
    hers, common, own = jax.random.split(key, 3)
    principal = jax.random.normal(hers, (outcomes,))
    principal = principal / jnp.sqrt((principal**2).sum())
    keys = jax.vmap(lambda reviewer: jax.random.fold_in(own, reviewer))(jnp.arange(reviewers))
    alone = jax.vmap(lambda key: jax.random.normal(key, (outcomes,)))(keys)
    share = jnp.asarray(diversity, alone.dtype)
    noise = jnp.sqrt(1 - share) * jax.random.normal(common, (1, outcomes)) + jnp.sqrt(share) * alone
    axes = jnp.concatenate([jnp.eye(outcomes), -jnp.eye(outcomes)])
    return Reviewing(principal, principal[None] + strength * noise, axes.astype(principal.dtype))


def satisfiability(clauses: Sequence[Sequence[int]], variables: int) -> Reviewing:
    """A formula as reviewers: whether p removals stop them is whether it can be satisfied (arXiv 2609.15803).

    `clauses` are lists of literals, j or -j for variable j = 1..p, p = `variables`. There are n = 2p + q
    reviewers: one for each value of each variable (true first), and one for each of the q clauses. At full
    scale a proposal sets every x_j between -1 and 2p - 1, and costs the principal 1. Who wants x_j = 1 and
    who wants x_j = -1 cannot both approve; where one of each pair does, a clause's reviewer approves if one
    of its literals comes true. So the formula can be satisfied iff the panel is not p-robust; the p-tolerant
    rule then loses 1, else 0.

    Raises ValueError for no variable, an empty clause or a literal that is none.

    >>> panel = satisfiability([[1, 2, -3]], variables=3)
    >>> panel.reviewers.shape, panel.directions.shape
    ((7, 4), (4, 4))
    """
    if variables < 1:
        raise ValueError(f"variables is {variables}; it must be at least 1")
    for place, clause in enumerate(clauses):
        if not clause or any(not 1 <= abs(literal) <= variables for literal in clause):
            raise ValueError(
                f"clauses[{place}] is {list(clause)}; it must be literals 1 to {variables}, or minus those"
            )
    p = variables
    last = np.eye(p + 1)[p]
    values = [sign * np.eye(p + 1)[j] + last for sign in (1, -1) for j in range(p)]
    of_clauses = []
    for clause in clauses:
        wanted = np.zeros(p + 1)
        for literal in clause:
            wanted[abs(literal) - 1] += math.copysign(1, literal)
        of_clauses.append(wanted - (len(clause) - 2) * last)
    corners = np.full((p + 1, p + 1), -1.0)
    corners[np.arange(p), np.arange(p)] = 2 * p - 1
    return Reviewing(jnp.asarray(last), jnp.asarray(np.array(values + of_clauses)), jnp.asarray(corners))


def all_clauses(variables: int = 3) -> list[list[int]]:
    """Every clause of all p = `variables`: no assignment satisfies them all, any but one can be.

    >>> len(all_clauses())
    8
    """
    return [
        [sign * (j + 1) for j, sign in enumerate(signs)]
        for signs in itertools.product((1, -1), repeat=variables)
    ]


def plane_depth(angles: Float[np.ndarray, " N"]) -> int:
    """The rejection depth in the plane, by counting: the lesser number of reviewers on either side.

    `angles` [N] are those from the principal's utility to the reviewers', signed, between -pi / 2 and pi / 2,
    in radians, where every direction of the plane can be proposed; who is at angle 0 counts on both sides
    (theory, section 12).

    Raises ValueError for an angle of pi / 2 or more.

    >>> plane_depth(np.array([-0.3, 0.1, 0.2, 0.7]))
    1
    """
    angles = np.asarray(angles)
    if not (np.abs(angles) < math.pi / 2).all():
        raise ValueError(f"angles is {angles}; all must be between -pi / 2 and pi / 2 (radians)")
    return int(min((angles <= 0).sum(), (angles >= 0).sum()))
