"""The simplex tableau of a persuasion program at full information, never formed: columns and rows on demand.

Rows: the S recommended p[s, start], then the M Q slacks. Columns: all p[s, m]; those of the start stay empty.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from jaxgame.lp.lanes import pick
from jaxgame.persuasion.program import Program, is_start


class Tableau(NamedTuple):
    """One column [R, W] or one row [C, W] of the tableau, each lane's own, by its number [W]."""

    column: Callable[[Array], Array]
    row: Callable[[Array], Array]


def tableau_of(program: Program) -> Tableau:
    """The tableau of every lane's program."""
    states, messages, rows, lanes = program.obedience.shape
    dtype = program.gain.dtype
    columns, slacks = states * messages, messages * rows
    state, message = (jnp.arange(count, dtype=jnp.int32)[:, None] for count in (states, messages))
    at = is_start(program)
    by_variable = jnp.swapaxes(program.obedience.reshape(columns, rows, lanes), 0, 1)
    by_slack = program.obedience.reshape(states, slacks, lanes)

    def column(c: Array) -> Array:
        """Raising p[s,m] lowers p[s,start]: its term leaves the start's slacks, its own enters m's."""
        s, m = c // messages, c % messages
        home = pick(program.start, s)
        gone, come = pick(by_variable, s * messages + home), pick(by_variable, c)  # [Q,W]
        body = jnp.where((message == home[None])[:, None], gone[None], 0.0)
        body -= jnp.where((message == m[None])[:, None], come[None], 0.0)
        return jnp.concatenate([(state == s[None]).astype(dtype), body.reshape(slacks, lanes)])

    def row(r: Array) -> Array:
        """The same entries read along a row: a state's total, or slack q of message m."""
        of_state = r < states
        index = jnp.where(of_state, 0, r - states)
        term = pick(by_slack, index)[:, None]  # [S,1,W]
        owner = (index // rows)[None]
        body = (program.start == owner).astype(dtype)[:, None] * term
        body -= jnp.where((message == owner)[None], term, 0.0)
        ones = ((state == r[None])[:, None] & ~at).astype(dtype)
        return jnp.where(of_state[None, None], ones, body).reshape(columns, lanes)

    return Tableau(column, row)
