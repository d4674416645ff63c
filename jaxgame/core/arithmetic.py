"""Division that may be asked for everywhere, also where it means nothing; sums that stay in the loop."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float


def divided(x: ArrayLike, y: ArrayLike, where: Bool[Array, "..."], otherwise: ArrayLike = 0.0) -> Array:
    """`x / y` where the condition holds, else `otherwise`; all broadcast.

    Elsewhere it divides by 1: neither the result nor its derivatives are NaN where `y` is 0. The condition
    should rest on `y` alone. If it compares two sums, and the compiler computes one of them twice, the two
    uses of the condition may differ.
    """
    return jnp.where(where, x / jnp.where(where, y, 1.0), otherwise)


def summed(terms: Float[Array, "k *N"]) -> Float[Array, "*N"]:
    """`terms.sum(0)`, compiled together with what makes the terms; it has no derivatives.

    From jaxlib 0.11 on XLA's CPU compiler calls YNNPACK for sums over arrays of some thousand entries, and
    copies slices of what is multiplied first: walks along frontiers took 1.25 to 1.8 times as long. A barrier
    hides that this is a sum until that choice is made, and is then gone.
    """
    if jax.default_backend() != "cpu":
        return terms.sum(0)
    zero = jnp.zeros((), terms.dtype)
    return jax.lax.reduce(terms, zero, lambda x, y: jax.lax.optimization_barrier(x + y), (0,))
