"""Players who revise one after another or all at once: orders, and how it may end."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

ORDERS = ("in_turn", "random", "simultaneous")
ENDS = ("converged", "cycle", "limit")

# States of the process whose entries all differ by less are the same state.
SAME = 1e-9


def ending(
    states: Float[Array, "N_plus_1 D"], period: int, *, periodic: bool
) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """How a process ended, as the place in ENDS, and after how many steps.

    `states` are what it was before each step and after the last. `period` steps give every player a turn;
    `periodic` says that the order of turns repeats, else it is drawn.
    """
    count = states.shape[0]
    change = jnp.abs(states[1:] - states[:-1]).max(1) > SAME
    last_change = jnp.where(change, jnp.arange(1, count), 0).max()
    # Every player declined after the last change; drawn at random, K had K turns each.
    declined = count - 1 - last_change >= (period if periodic else period * period)
    # Seen before at the same phase of the order, with changes in between.
    same = jnp.abs(states[:, None] - states[None]).max(2) <= SAME
    earlier, later = jnp.arange(count)[:, None], jnp.arange(count)[None]
    changes = jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(change.astype(jnp.int32))])
    returned = same & (earlier < later) & ((later - earlier) % period == 0)
    returned &= (changes[:, None] < changes[None]) & periodic
    cycle = returned.any()
    first_return = jnp.where(returned, later, count).min()
    end = jnp.where(declined, 0, jnp.where(cycle, 1, 2))
    return end, jnp.where(declined, last_change, jnp.where(cycle, first_return, count - 1))
