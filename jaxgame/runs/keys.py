"""Which key a draw has: the rule that makes a run's draws known for ever, and replayed one by one."""

import jax
from jaxtyping import Array


def draw_key(seed: int, draw: int | Array) -> Array:
    """The random key of draw number `draw` of every run with this `seed`, however its draws are computed."""
    return jax.random.fold_in(jax.random.key(seed), draw)
