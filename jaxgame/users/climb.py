"""Bad equilibria of any number of users by climbing: each step is an equilibrium, and worse than the last.

An outcome y that all leaders offer is an equilibrium if `sum_{j in W} U_ij(y) >= G_i,W(lost(y))` for all
leaders i and sets W (`square`). G is concave: at a level L its multipliers give an affine function above it,
so that the linear condition with that in its place asks for more than is needed [own]. Worst of all outcomes
that meet it is a linear program, and L meets it itself if it belongs to an equilibrium.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.lp import STATUS
from jaxgame.users.reply import least, sets_of
from jaxgame.users.standing import WITHIN, Programs

STEPS = 12
GAIN = 1e-8  # an outcome is an equilibrium if no leader gains more, in standard units
OPTIMAL, INFEASIBLE = STATUS.index("optimal"), STATUS.index("infeasible")


class Tangents(NamedTuple):
    """What leaders earn at most by winning just the users of each set: at a level, and how that changes."""

    height: Float[Array, "K W"]
    slope: Float[Array, "K W T"]
    bound: Bool[Array, "K W"]  # False where no scheme wins just them


def tangents(programs: Programs, level: Float[Array, " T"], better: float) -> Tangents:
    """At a level of the users' losses, of which a part of `better` must be spared who is to be won."""
    sets = jnp.asarray(sets_of(len(level)))

    def one(paid: Array, members: Array) -> Tangents:
        sign = jnp.where(members, 1.0, -1.0)
        rate = jnp.where(members, 1.0 - better, -1.0)
        pay = members.astype(level.dtype) @ paid
        found = least(programs, -pay, sign[:, None] * programs.lost, rate * level + WITHIN)
        slope = -found.dual_ub[-len(level) :] * rate
        bound = found.status != INFEASIBLE
        height = jnp.where(bound, -found.value.lower, 0.0)
        return Tangents(height, jnp.where(bound, slope, 0.0), bound)

    return jax.vmap(lambda paid: jax.vmap(lambda members: one(paid, members))(sets))(programs.paid)


def climbed(
    programs: Programs, weights: Float[Array, " T"], slack: Float[Array, " K"], none: Float[Array, " T"]
) -> tuple[Float[Array, " N"], Int[Array, ""]]:
    """The worst equilibrium, by weights of users' losses, that climbs from full and no information reach."""
    sets = jnp.asarray(sets_of(len(none)), none.dtype)
    better = 1e-9

    def earned(scheme: Array) -> Array:
        return jnp.einsum("wt,kt->kw", sets, programs.paid @ scheme)

    def is_one(scheme: Array, at: Tangents) -> Array:
        gain = jnp.where(at.bound, at.height - earned(scheme), -jnp.inf)
        return (gain - slack[:, None]).max() <= GAIN

    def step(state: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        """One climb; the last equilibrium stays where the new outcome is none, or no worse."""
        scheme, best = state
        level = programs.lost @ scheme
        at = tangents(programs, level, better)
        fine = is_one(scheme, at)
        value = weights @ level
        best = jnp.where(fine & (value > weights @ (programs.lost @ best)), scheme, best)
        won = jnp.einsum("wt,ktn->kwn", sets, programs.paid)
        rows = jnp.einsum("kwt,tn->kwn", at.slope, programs.lost) - won
        right = at.slope @ level - at.height + slack[:, None]
        rows = jnp.where(at.bound[..., None], rows, 0.0).reshape(-1, rows.shape[-1])
        right = jnp.where(at.bound, right, 1.0).reshape(-1)
        found = least(programs, -(weights @ programs.lost), rows, right)
        return (jnp.where(found.status == OPTIMAL, found.x, best), best), None

    def climb(start: Array) -> Array:
        full = programs.informed()
        (_, best), _ = jax.lax.scan(step, (start, full), None, STEPS)
        return best

    starts = jnp.stack([programs.informed(), programs.uninformed()])
    ends = jax.vmap(climb)(starts)
    place = jax.vmap(lambda y: weights @ (programs.lost @ y))(ends).argmax()
    return ends[place], jnp.asarray(len(starts) * STEPS, jnp.int32)
