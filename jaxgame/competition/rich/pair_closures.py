"""What leaders attain at pairs of a posterior and a map, and at corners: closures that others build on."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.competition.rich import posteriors
from jaxgame.competition.rich.concave_closure import Basis, ConcaveClosure, concave_closure, corner_basis
from jaxgame.core.game import Game


def closures_at(
    pairs: posteriors.Pairs,
    gain: Float[Array, " N"],
    low: Float[Array, " S"],
    high: Float[Array, " S"],
    target: Float[Array, " S"],
) -> tuple[ConcaveClosure, ConcaveClosure, Int[Array, ""]]:
    """What a leader attains for certain at a posterior, what it attains at most, and pivots for both."""
    values = jnp.where(jnp.stack([pairs.sure, pairs.valid]), gain[None], -jnp.inf)

    def after(basis: Basis, these: tuple[Array, Array]) -> tuple[Basis, ConcaveClosure]:
        found = concave_closure(pairs.posterior, *these, target, basis)
        return found.basis, found

    # Mostly all that is valid is sure, and the second has nothing left to do.
    _, both = jax.lax.scan(after, corner_basis(target), (values, jnp.stack([low, high])))
    sure, most = (jax.tree.map(lambda x, i=i: x[i], both) for i in (0, 1))
    return sure, most, both.pivots.sum(dtype=jnp.int32)


def closures_everywhere(
    pairs: posteriors.Pairs,
    gain: Float[Array, "K N"],
    low: Float[Array, "K S"],
    high: Float[Array, "K S"],
) -> tuple[Float[Array, "K N"], Float[Array, "K N"], Int[Array, "K N"]]:
    """What each leader attains at all pairs, for certain and at most, and pivots."""

    def closures(gain: Array, low: Array, high: Array) -> tuple[Array, Array, Array]:
        at = functools.partial(closures_at, pairs, gain, low, high)
        sure, most, pivots = jax.vmap(at)(pairs.posterior)
        return sure.lower, most.upper, pivots

    return jax.vmap(closures)(gain, low, high)


def at_corners(game: Game, values: posteriors.Values) -> tuple[Float[Array, "K S"], Float[Array, "K S"]]:
    """Leaders' least and largest gains [K, S] over maps that are best once the state is known."""
    tied = posteriors.tied_at_corners(game)[None]
    return (
        jnp.where(tied, values.gain, jnp.inf).min(1),
        jnp.where(tied, values.gain, -jnp.inf).max(1),
    )


def at_pairs(pairs: posteriors.Pairs, per_map: Float[Array, "P M S"]) -> Float[Array, "P N"]:
    """Players' utilities at all pairs, from those given the state and a map."""
    maps, states = per_map.shape[1:]
    by_map = pairs.posterior.reshape(maps, -1, states)
    return jnp.einsum("pms,mcs->pmc", per_map, by_map).reshape(len(per_map), -1)


def with_corners(points: Float[Array, "N S"]) -> Float[Array, "N_plus_S S"]:
    """Points, then the posteriors at which the state is known."""
    return jnp.concatenate([points, jnp.eye(points.shape[1], dtype=points.dtype)])


def apart(
    game: Game, lower: Float[Array, ""], upper: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Bounds on a mean of utilities, none of them negative, moved by what these are rounded."""
    types, states, _ = game.follower.shape
    eps = (2 * types + 2 * states + 8) * jnp.finfo(game.prior.dtype).eps
    return lower - eps * jnp.abs(lower), upper + eps * jnp.abs(upper)
