"""Gradient descent, for searches whose results are only proposals: they are judged or certified later."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

Variables = TypeVar("Variables")


def descended(
    slope: Callable[[Variables, Any], Variables], variables: Variables, path: Array, rate: float
) -> Variables:
    """Where Adam with step size `rate` gets to from `variables`, one step for each entry of `path`.

    `slope(variables, entry)` is the gradient of what is minimised; it may change along the path.
    """
    adam = optax.adam(rate)

    def step(state: tuple, entry: Any) -> tuple[tuple, None]:
        variables, memory = state
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count with floats
            change, memory = adam.update(slope(variables, entry), memory)
        return (jax.tree.map(jnp.add, variables, change), memory), None

    return jax.lax.scan(step, (variables, adam.init(variables)), path)[0][0]
