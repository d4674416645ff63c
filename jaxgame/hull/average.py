"""Average alignment: the mixture whose error has the least range on average (theory, section 15).

    minimise  sum_g p_g (top_g + bottom_g)   subject to   -bottom_g <= error(g, a) <= top_g,   w >= 0

A group g is a pair of type and state, and the error of an action is counted from that of action 0: then no
range is missed if top and bottom are at least 0, and no variable is free. Its multipliers are the measure
that proves how far the target is from all mixtures.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.lp.linear import linprog


def average_fit(
    target: Float[Array, " D"], columns: Float[Array, "D K"], prior: Float[Array, " G"], *, simplex: bool
) -> tuple[Float[Array, " K"], Float[Array, " D"]]:
    """Weights [K] of the best mixture, and the measure [D] that goes with them; both are only proposals.

    D = G A entries, one group after another. `prior` is how much each group counts.
    """
    groups, leaders = len(prior), columns.shape[1]
    actions = len(target) // groups
    both = jnp.concatenate([target[:, None], columns], 1).reshape(groups, actions, leaders + 1)
    apart = (both[:, 1:] - both[:, :1]).reshape(-1, leaders + 1)
    hers, theirs = apart[:, 0], apart[:, 1:]
    own = np.repeat(np.eye(groups), actions - 1, 0).astype(target.dtype)
    none = np.zeros_like(own)
    rows = jnp.concatenate(
        [jnp.concatenate([theirs, -own, none], 1), jnp.concatenate([-theirs, none, -own], 1)]
    )
    cost = jnp.concatenate([jnp.zeros(leaders, prior.dtype), prior, prior])
    one = (jnp.arange(len(cost)) < leaders).astype(cost.dtype)[None]
    sums = {"A_eq": one, "b_eq": jnp.ones(1, cost.dtype)} if simplex else {}
    found = linprog(cost, rows, jnp.concatenate([hers, -hers]), **sums)

    weights = found.x[:leaders]
    if simplex:  # a solver that got lost may leave none
        total = weights.sum()
        weights = jnp.where(total > 0, weights, 1.0) / jnp.where(total > 0, total, leaders)
    above, below = found.dual_ub.reshape(2, groups, actions - 1)
    pushed = above - below
    measure = jnp.concatenate([-pushed.sum(1, keepdims=True), pushed], 1)
    return weights, measure.reshape(-1)
