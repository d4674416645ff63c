"""Errors for bad input: each names the argument, what it was and what it must be.

Values are checked only where they are concrete. Under a JAX transformation (jit, vmap, grad) an
argument is a tracer, and only its shape can be checked.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

# What a public function that checks its input takes: an array or (nested) sequences of numbers.
Numbers = ArrayLike | Sequence[Any]


def as_floats(*arrays: Numbers) -> list[Array]:
    """As JAX arrays of one floating dtype: the widest given; the session's default for integers."""
    converted = [jnp.asarray(array) for array in arrays]
    default = jnp.zeros(()).dtype
    dtypes = [x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else default for x in converted]
    dtype = max(dtypes, key=lambda dtype: dtype.itemsize)
    return [array.astype(dtype) for array in converted]


def is_concrete(*arrays: Numbers) -> bool:
    """Whether the values of all `arrays` can be looked at, i.e. none is being traced."""
    return not any(isinstance(array, jax.core.Tracer) for array in arrays)


def check_choice(name: str, value: object, options: Sequence[str]) -> None:
    """Raise ValueError unless `value` is one of the strings `options`."""
    if not (isinstance(value, str) and value in options):
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} is {value!r}; it must be one of {listed}")


def check_shape(name: str, array: Array, axes: str, shape: tuple[int, ...], reason: str) -> None:
    """Raise ValueError unless `array` has `shape`; `axes` names its axes, `reason` what fixes them."""
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; it must be {axes} = {shape}, {reason}")


def check_not_empty(name: str, array: Array, axes: str) -> None:
    """Raise ValueError if an axis of `array` has length 0."""
    if 0 in array.shape:
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}; every axis of {axes} needs at least one entry"
        )


def check_float64(name: str, array: Array, what: str) -> None:
    """Raise ValueError unless `array` is of float64, which `what` needs."""
    if array.dtype != jnp.float64:
        raise ValueError(
            f"{name} is {array.dtype}; {what} need float64: call "
            'jax.config.update("jax_enable_x64", True) before making the game'
        )


def check_finite(name: str, array: Array) -> None:
    """Raise ValueError if a concrete `array` holds NaN or an infinity, naming the first place."""
    if not is_concrete(array):
        return
    bad = np.argwhere(~np.isfinite(np.asarray(array)))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        value = np.asarray(array)[place]
        raise ValueError(
            f"{name}{list(place)} is {value} ({len(bad)} such entries); all must be finite numbers"
        )


def check_distribution(name: str, array: Array, axis: int | None = None) -> None:
    """Raise ValueError unless a concrete `array` is non-negative and sums to 1 (along `axis`, or in all)."""
    check_finite(name, array)
    if not is_concrete(array):
        return
    values = np.asarray(array)
    if values.min(initial=0.0) < 0:
        place = tuple(int(i) for i in np.unravel_index(np.argmin(values), values.shape))
        raise ValueError(f"{name}{list(place)} is {values[place]}; probabilities must be at least 0")
    totals = np.atleast_1d(values.sum(axis=axis))
    tolerance = 1e-9 if values.dtype == np.float64 else 1e-5
    error = np.abs(totals - 1)
    if error.max(initial=0.0) > tolerance:
        worst = totals[np.unravel_index(np.argmax(error), totals.shape)]
        where = "" if axis is None else f" along axis {axis}"
        raise ValueError(f"{name} sums to {worst:.12g}{where}; it must sum to 1 (within {tolerance:g})")


def check_leader_index(leader: Any, leaders: int) -> None:
    """Raise ValueError unless `leader` is one of the game's, or traced: then it is taken on trust."""
    if is_concrete(leader) and not 0 <= int(leader) < leaders:
        raise ValueError(
            f"leader is {int(leader)}; it must be from 0 to {leaders - 1}, as game has {leaders}"
        )


def check_slack(slack: Any, leaders: int) -> None:
    """Raise ValueError unless `slack` is a number, or one for each leader, finite and at least 0."""
    shape = np.shape(slack)
    if shape not in ((), (leaders,)):
        raise ValueError(f"slack has shape {shape}; it must be a number or [K] = ({leaders},)")
    if is_concrete(slack) and not (np.isfinite(slack) & (np.asarray(slack) >= 0)).all():
        raise ValueError(f"slack is {slack}; it must be at least 0, and finite")
