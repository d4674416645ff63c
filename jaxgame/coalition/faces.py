"""Every mixture at which a coalition's worst loss can lie: vertices, whose number is polynomial in reviewers.

For any coalition the worst mixture can be taken where s proposals are in use and s - 1 of its reviewers are
just indifferent, s at most the dimension r of the scores: a vertex of `{lambda >= 0, <u_P, d> = -1, <u_i, d>
>= 0}`. That is a null vector of (s - 1) x s scores, computed by minors, without division. There are
`sum_s C(M, s) C(N, s - 1)` of them: N^(r-1), for every coalition at once [own].

Nothing is proved here: each vertex is a true mixture, but that none was missed rests on rounding. Ends
therefore count who objects with two tolerances, and part where that matters.
"""

import functools
import itertools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.coalition.entered import APPROVES, Scores

MOST = 20_000_000  # vertices
CHUNK = 4_096  # of them at once
FLAT = 1e-11  # a null vector of this size, in parts of its rows' products, is one of rounding
LOOSE = 1e-7  # a loss up to this, in parts of a reviewer's largest score, may be rounding


def count(reviewers: int, proposals: int, dimension: int) -> int:
    """How many vertices there are to look at."""
    return sum(
        math.comb(proposals, size) * math.comb(reviewers, size - 1) for size in range(1, dimension + 1)
    )


def enumerate_faces(
    scores: Scores, dimension: int
) -> tuple[Float[Array, " N_plus_1"], Float[Array, " N_plus_1"], Float[Array, "N_plus_1 M"]]:
    """What a mixture costs that at most 0, 1, ..., N reviewers object to, in parts of the principal's unit.

    Attained by a mixture (with the mixtures [N_plus_1, M]), and at most, up to rounding.
    """
    reviewers, proposals = scores.reviewers.shape
    dtype = scores.principal.dtype
    start = jnp.full(reviewers + 1, -jnp.inf, dtype).at[0].set(0.0)
    found = start, start, jnp.zeros((reviewers + 1, proposals), dtype)
    for used, tight in _chunks(reviewers, proposals, dimension):

        def turn(found: tuple, some: Array, used: np.ndarray = used) -> tuple[tuple, None]:
            return _evaluated(scores, found, used, some), None

        found, _ = jax.lax.scan(turn, found, jnp.asarray(tight))
    attained, at_most, mixtures = found
    best = jax.lax.associative_scan(
        lambda x, y: jnp.where(attained[x] >= attained[y], x, y), jnp.arange(reviewers + 1, dtype=jnp.int32)
    )
    return attained[best], jax.lax.cummax(at_most), mixtures[best]


def _chunks(reviewers: int, proposals: int, dimension: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Proposals in use [A, s], and chunks of reviewers that are indifferent [C, B, s - 1]."""
    for size in range(1, dimension + 1):
        used = np.array(list(itertools.combinations(range(proposals), size)), np.int32)
        tight = np.array(list(itertools.combinations(range(reviewers), size - 1)), np.int32)
        tight = tight.reshape(len(tight), size - 1)
        if len(used) and len(tight):
            each = min(max(CHUNK // len(used), 1), len(tight))
            whole = -(-len(tight) // each) * each
            tight = np.concatenate([tight, np.repeat(tight[-1:], whole - len(tight), 0)])
            yield used, tight.reshape(whole // each, each, size - 1)


def _evaluated(scores: Scores, found: tuple, used: np.ndarray, tight: Array) -> tuple:
    attained, at_most, mixtures = found
    size, proposals = used.shape[1], scores.principal.size
    among = scores.reviewers.T[used]  # [A, s, N]
    rows = jnp.moveaxis(among[:, :, tight], 2, 0)  # [B, A, s, s - 1]
    rows = jnp.moveaxis(rows, -1, 2)  # [B, A, s - 1, s]
    vector, scale = _null_vectors(rows)
    vector = jnp.where((vector.sum(-1) < 0)[..., None], -vector, vector)
    total = jnp.abs(vector).sum(-1)
    real = (total > FLAT * scale) & (vector >= -FLAT * total[..., None]).all(-1)
    vector = jnp.where(real[..., None], jnp.maximum(vector, 0.0), 1.0 / size)
    vector = vector / vector.sum(-1, keepdims=True)

    points = jnp.einsum("bas,ans->ban", vector, jnp.swapaxes(among, 1, 2))
    cost = -jnp.einsum("bas,as->ba", vector, scores.principal[used])
    size_of = jnp.einsum("bas,as->ba", vector, jnp.abs(scores.principal)[used])
    rounding = scores.blur() * size_of + scores.doubt
    over = len(attained)  # no place

    def most(losses: Array, objectors: Array, cost: Array) -> Array:
        place = jnp.where(real, objectors, over).reshape(-1)
        return losses.at[place].max(cost.reshape(-1), mode="drop")

    strictly, loosely = (
        (points < -limit[None, None]).sum(-1, dtype=jnp.int32)
        for limit in (scores.doubts + APPROVES, scores.doubts + LOOSE)
    )
    better = most(attained, strictly, cost - rounding)
    # The mixture of each new best: the first vertex that attains it.
    flat = jnp.where(real, strictly, over).reshape(-1)
    attains = (cost - rounding).reshape(-1) >= better.at[flat].get(mode="fill", fill_value=jnp.inf)
    number = jnp.arange(flat.size, dtype=jnp.int32)
    first = jnp.full(over, flat.size, jnp.int32).at[jnp.where(attains, flat, over)].min(number, mode="drop")
    whole = jnp.zeros((*vector.shape[:2], proposals), vector.dtype)
    places = np.arange(len(used), dtype=np.int32)[:, None]
    whole = whole.at[:, places, used].set(vector).reshape(-1, proposals)
    newer = (better > attained)[:, None]
    chosen = whole[jnp.minimum(first, flat.size - 1)]
    return better, most(at_most, loosely, cost + rounding), jnp.where(newer, chosen, mixtures)


def _null_vectors(
    rows: Float[Array, "*B R S"],
) -> tuple[Float[Array, "*B S"], Float[Array, "*B"]]:
    """Null vectors of R = S - 1 rows by their minors, and what they would be but for cancellation."""
    size = rows.shape[-1]
    # Determinants of the first rows in as many columns, by their last row.
    minors: dict[tuple[int, ...], Array] = {(): jnp.ones(rows.shape[:-2], rows.dtype)}
    for row in range(size - 1):
        before, minors = minors, {}
        for columns in itertools.combinations(range(size), row + 1):
            terms = [
                (-1.0) ** (row + place) * rows[..., row, column] * before[_without(columns, place)]
                for place, column in enumerate(columns)
            ]
            minors[columns] = functools.reduce(jnp.add, terms)
    every = tuple(range(size))
    vector = jnp.stack([(-1.0) ** k * minors[_without(every, k)] for k in every], -1)
    return vector, jnp.abs(rows).max(-1).prod(-1)


def _without(columns: tuple[int, ...], place: int) -> tuple[int, ...]:
    return columns[:place] + columns[place + 1 :]
