"""Which reviewers to remove: a search tree of linear programs, each closed by a cover.

Without the reviewers in T a program finds the worst mixture of proposals that all others approve. Its dual is
a cover: weights on a few reviewers W outside T who prove that nothing worse gets by them (theory, section
12). So what gets by more removals than T, but by none of W, is no worse: a larger T' that is to let more
through must hold one of W. The branches of T are T and one of W, each without those before it: every set
comes up once. As a basic cover has no more reviewers than the scores have dimensions, r, there are at most
r^k sets of k, where counting them all would take C(N, k); the cost still grows exponentially with k [own].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.coalition.entered import Scores
from jaxgame.lp import linprog

WIDTH = 16  # programs that are solved side by side
ROOM = 16_384  # sets that wait, at most
SMALL = 1e-10  # a weight up to this is none: what it proves is recomputed without it


class Explored(NamedTuple):
    """What the search proved. Losses are in parts of the principal's unit.

    - `attained` [L_plus_1]: what a mixture costs that at most so many reviewers object to;
    - `certified` [L_plus_1]: nothing that at most so many object to costs more, as far as `levels` were
      searched; inf where sets are left;
    - `mixture` [M]: the one that was looked for;
    - `covers` [C, N]: weights that prove it, all together; 0 beyond the number of programs;
    - `programs`: how many were solved.
    """

    attained: Float[Array, " L_plus_1"]
    certified: Float[Array, " L_plus_1"]
    mixture: Float[Array, " M"]
    covers: Float[Array, "C N"]
    programs: Int[Array, ""]


class _State(NamedTuple):
    """Sets that wait, `size` of them: reviewers that are removed, and those that must not be."""

    removed: Bool[Array, "Q N"]
    kept: Bool[Array, "Q N"]
    size: Int[Array, ""]
    attained: Float[Array, " L_plus_1"]
    certified: Float[Array, " L_plus_1"]
    left: Bool[Array, " L_plus_1"]
    mixture: Float[Array, " M"]
    merit: Float[Array, ""]
    covers: Float[Array, "C N"]
    programs: Int[Array, ""]


def explore(
    scores: Scores, *, levels: int, harm: Float[Array, ""] | None, programs: int, keep: int = 0
) -> Explored:
    """The worst mixtures that at most 0, 1, ..., `levels` reviewers object to.

    With `harm` only the first level at which one costs at least so much is looked for, and nothing is known
    of those above. No more than `programs` are solved; the first `keep` covers are returned.
    """
    reviewers, proposals = scores.reviewers.shape
    capacity = min(ROOM, WIDTH * min(reviewers, proposals) * (levels + 1) + WIDTH)
    none = jnp.full(levels + 1, -jnp.inf, scores.principal.dtype)
    state = _State(
        removed=jnp.zeros((capacity, reviewers), bool),
        kept=jnp.zeros((capacity, reviewers), bool),
        size=jnp.int32(1),
        attained=none.at[0].set(0.0),
        certified=none,
        left=jnp.zeros(levels + 1, bool),
        mixture=jnp.zeros_like(scores.principal),
        merit=jnp.asarray(-jnp.inf, scores.principal.dtype),
        covers=jnp.zeros((keep, reviewers), scores.principal.dtype),
        programs=jnp.int32(0),
    )
    singles = jnp.eye(proposals, dtype=scores.principal.dtype)
    state = _tried(scores, state, singles, jnp.ones(proposals, bool), harm)
    state = jax.lax.while_loop(
        lambda state: (state.size > 0) & (state.programs < programs),
        lambda state: _stepped(scores, state, harm),
        state,
    )
    waiting = jnp.arange(capacity, dtype=jnp.int32) < state.size
    left = _at_levels(state.left, state.removed, waiting)
    certified = jnp.where(left, jnp.inf, state.certified)
    return Explored(
        attained=jax.lax.cummax(state.attained),
        certified=jax.lax.cummax(certified),
        mixture=state.mixture,
        covers=state.covers,
        programs=state.programs,
    )


def _stepped(scores: Scores, state: _State, harm: Float[Array, ""] | None) -> _State:
    """Take the newest sets, solve their programs, and put their branches in their place."""
    levels = len(state.left) - 1
    place = state.size - 1 - jnp.arange(WIDTH, dtype=jnp.int32)
    most = first(state.attained, harm) if harm is not None else jnp.int32(levels + 1)
    removed, kept = state.removed[place], state.kept[place]
    level = removed.sum(1, dtype=jnp.int32)
    taken = (place >= 0) & (level < most)
    mixture, weights = jax.vmap(program, (None, 0))(scores, removed)
    lost = jax.vmap(scores.lost)(weights)
    state = state._replace(
        size=jnp.maximum(state.size - WIDTH, 0),
        certified=state.certified.at[jnp.where(taken, level, levels + 1)].max(lost, mode="drop"),
        covers=_kept(state, weights, taken),
        programs=state.programs + taken.sum(dtype=jnp.int32),
    )
    state = _tried(scores, state, mixture, taken, harm)

    # Branches: one of the cover is removed, those before it stay.
    most = first(state.attained, harm) if harm is not None else most
    branches = taken & (level + 1 < most) & (level < levels)
    if harm is not None:
        branches &= lost < harm
    cover = (weights > 0) & ~kept & ~removed & branches[:, None]
    earlier = np.tri(cover.shape[1], k=-1, dtype=bool)
    one = np.eye(cover.shape[1], dtype=bool)
    return _pushed(
        state,
        (removed[:, None] | one[None]).reshape(-1, cover.shape[1]),
        (kept[:, None] | (cover[:, None] & earlier[None])).reshape(-1, cover.shape[1]),
        cover.reshape(-1),
    )


def program(scores: Scores, removed: Bool[Array, " N"]) -> tuple[Float[Array, " M"], Float[Array, " N"]]:
    """The worst mixture that all others approve, and a cover by them: proposals of the solver, both."""
    reviewers, proposals = scores.reviewers.shape
    dtype = scores.principal.dtype
    rows = jnp.concatenate(
        [jnp.where(removed[:, None], 0.0, -scores.reviewers), jnp.ones((1, proposals), dtype)]
    )
    found = linprog(scores.principal, rows, jnp.zeros(reviewers + 1, dtype).at[-1].set(1.0))
    mixture = jnp.maximum(jnp.where(jnp.isfinite(found.x), found.x, 0.0), 0.0)
    idle = removed | (scores.reviewers == 0).all(1)
    weights = jnp.where(idle, 0.0, -found.dual_ub[:-1])
    return mixture / jnp.maximum(mixture.sum(), 1.0), jnp.where(weights > SMALL, weights, 0.0)


def _tried(
    scores: Scores,
    state: _State,
    mixtures: Float[Array, "B M"],
    tried: Bool[Array, " B"],
    harm: Float[Array, ""] | None,
) -> _State:
    """What mixtures attain, and which one is to be shown."""
    levels = len(state.left) - 1
    cost = jax.vmap(scores.harm)(mixtures)
    objectors = jax.vmap(scores.objects)(mixtures).sum(1, dtype=jnp.int32)
    counted = tried & (objectors <= levels)
    attained = state.attained.at[jnp.where(counted, objectors, levels + 1)].max(cost, mode="drop")
    merit = cost
    if harm is not None:  # fewest objectors, then most harm
        counted &= cost >= harm
        merit = cost / 4 - objectors.astype(cost.dtype)
    merit = jnp.where(counted, merit, -jnp.inf)
    best = merit.argmax()
    better = merit[best] > state.merit
    return state._replace(
        attained=attained,
        mixture=jnp.where(better, mixtures[best], state.mixture),
        merit=jnp.where(better, merit[best], state.merit),
    )


def _pushed(
    state: _State, removed: Bool[Array, "C N"], kept: Bool[Array, "C N"], real: Bool[Array, " C"]
) -> _State:
    """More sets wait; those for which there is no room are left."""
    capacity = len(state.removed)
    place = jnp.where(real, state.size + jnp.cumsum(real, dtype=jnp.int32) - 1, capacity)
    return state._replace(
        removed=state.removed.at[place].set(removed, mode="drop"),
        kept=state.kept.at[place].set(kept, mode="drop"),
        size=jnp.minimum(state.size + real.sum(dtype=jnp.int32), capacity),
        left=_at_levels(state.left, removed, real & (place >= capacity)),
    )


def _at_levels(
    left: Bool[Array, " L_plus_1"], removed: Bool[Array, "C N"], some: Bool[Array, " C"]
) -> Bool[Array, " L_plus_1"]:
    """The levels at which something is left, with those of `some` sets."""
    level = jnp.where(some, removed.sum(1, dtype=jnp.int32), len(left))
    return left.at[level].set(True, mode="drop")


def _kept(state: _State, weights: Float[Array, "B N"], taken: Bool[Array, " B"]) -> Float[Array, "C N"]:
    keep = len(state.covers)
    place = jnp.where(taken, state.programs + jnp.cumsum(taken, dtype=jnp.int32) - 1, keep)
    return state.covers.at[place].set(weights, mode="drop")


def first(losses: Float[Array, " L_plus_1"], harm: Float[Array, ""]) -> Int[Array, ""]:
    """The first level at which a loss is at least `harm`, one above the last if there is none."""
    hit = losses >= harm
    return jnp.where(hit.any(), hit.argmax().astype(jnp.int32), jnp.int32(len(losses)))
