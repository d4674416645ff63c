"""Games with answers that are known by hand, and what tests do with batches of games."""

from typing import Any

import jax
import numpy as np

import jaxgame as jg

# What they earn by (state, action): innocent or guilty, acquitted or convicted.
PROSECUTOR = [[0.0, 1.0], [0.0, 1.0]]
DEFENDER = [[1.0, 0.0], [1.0, 0.0]]


def judge(*leaders: Any, guilty: float = 0.3, cut: float = 0.5) -> jg.Game:
    """The judge of Kamenica and Gentzkow (2011), who convicts if guilt is at least as likely as `cut`."""
    return jg.make_game([1 - guilty, guilty], [[2 * cut, 0.0], [0.0, 2 - 2 * cut]], np.array(leaders))


def one(batch: Any, place: int) -> Any:
    """One game, or result, of a batch."""
    return jax.tree.map(lambda x: x[place], batch)
