"""Division that may be asked for everywhere, also where it means nothing."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool


def divided(x: ArrayLike, y: ArrayLike, where: Bool[Array, "..."], otherwise: ArrayLike = 0.0) -> Array:
    """`x / y` where the condition holds, else `otherwise`; all broadcast.

    Elsewhere it divides by 1: neither the result nor its derivatives are NaN where `y` is 0. The condition
    should rest on `y` alone. If it compares two sums, and the compiler computes one of them twice, the two
    uses of the condition may differ.
    """
    return jnp.where(where, x / jnp.where(where, y, 1.0), otherwise)
