"""Persuasion programs solved exactly: a parametric simplex method that starts from full information.

The start is feasible and has loss 0: it is optimal for `gain - price loss` as the price tends to infinity.
Lowering the price from there, and pivoting whenever a reduced cost changes sign (the shadow-vertex rule of
Gass and Saaty), walks along the vertices of the concave frontier (loss, gain). So

- no first phase is needed, and a budget near 0 takes few pivots;
- one walk serves every budget: two neighbouring vertices and the price between them are the exact
  outcome and multipliers of every budget in between.

The tableau is never formed. After k pivots it is its structured start minus k outer products, and a
pivot needs one row and one column of it.

Every obedience row has right-hand side 0, the most degenerate case. The ratio test therefore runs on a
right-hand side perturbed by fixed generic amounts, while the outcome is read from the exact one.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.core.arithmetic import divided
from jaxgame.persuasion.program import Path, Program, Solution, scaled
from jaxgame.persuasion.walk import Walk, multipliers_of, vertex_of, walk_along

# Of one attempt after another. The first is far above rounding, far below the accuracy asked for, so that no
# two rows block at once. The smaller ones are of the size of the walk's RATIO_SLACK: more rows then count as
# blocking at once, which risks a cycle, but offers larger pivots, and these round less.
PERTURBATIONS = (1e-10, 1e-13, 1e-12, 1e-14)
SAME_LOSS = 1e-12  # vertices this near are one (losses are scaled to 1)


def perturbations(slacks: int) -> Float[np.ndarray, "attempts slacks"]:
    """Amounts for the obedience rows; generic, so that no two rows block at once."""
    sizes = np.array(PERTURBATIONS)[:, None]
    return sizes * np.random.default_rng(0).uniform(1.0, 2.0, (len(sizes), slacks))


def solve(
    program: Program, budget: Float[Array, " W"], segments: tuple[int, ...], perturbation: Float[Array, " MQ"]
) -> Solution:
    """The best outcome of every lane at its budget.

    A lane that needs more than `sum(segments)` pivots is not `converged`.
    """
    program, unit_gain, unit_loss = scaled(program)
    walk = walk_along(program, jnp.maximum(budget, 0.0) / unit_loss, segments, perturbation, recording=False)
    states, messages, rows, lanes = program.obedience.shape
    columns = states * messages
    raised = jnp.arange(columns, dtype=jnp.int32)[:, None] == walk.entering[None]
    probability = vertex_of(walk, jnp.where(raised, walk.raised[None], 0.0))
    return Solution(
        probability.reshape(states, messages, lanes),
        multipliers_of(walk).reshape(messages, rows, lanes) * unit_gain[None, None],
        walk.price * unit_gain / unit_loss,
        walk.done & ~walk.failed,
        walk.pivots,
    )


def solve_many(
    program: Program,
    budget: Float[Array, "N W"],
    segments: tuple[int, ...],
    perturbation: Float[Array, " MQ"],
) -> tuple[Solution, Path]:
    """The vertices that one walk of every lane passes, and where its N budgets lie among them."""
    program, unit_gain, unit_loss = scaled(program)
    budget = jnp.maximum(budget, 0.0) / unit_loss[None]
    walk = walk_along(program, budget.max(0), segments, perturbation, recording=True)
    assert walk.track is not None
    return _proposed(walk, program, unit_gain, unit_loss), _along(walk.track.loss, budget)


def solve_frontier(
    program: Program, points: int, segments: tuple[int, ...], perturbation: Float[Array, " MQ"]
) -> tuple[Float[Array, "N W"], Solution, Path]:
    """The same for budgets at the vertices of every lane's whole frontier, ascending; N = `points` of each.

    A lane with fewer vertices repeats its last; one with more is cut short and not `converged`.
    """
    program, unit_gain, unit_loss = scaled(program)
    walk = walk_along(program, jnp.full_like(unit_loss, jnp.inf), segments, perturbation, recording=True)
    assert walk.track is not None
    # Degenerate pivots leave the loss where it is, up to rounding in either direction.
    loss = jax.lax.cummax(walk.track.loss)
    following = jnp.concatenate([loss[1:], jnp.full_like(loss[:1], jnp.inf)])
    # Of vertices with one loss the last gains most.
    vertex = jnp.where(following > loss + SAME_LOSS, loss, jnp.inf)
    count = jnp.isfinite(vertex).sum(0)
    ordered = jnp.sort(vertex, axis=0)
    ordered = jnp.concatenate([ordered, jnp.full((points, loss.shape[1]), jnp.inf, loss.dtype)])[:points]
    last = jnp.where(jnp.isfinite(ordered), ordered, 0.0).max(0)
    budget = jnp.where(jnp.isfinite(ordered), ordered, last[None])
    solution = _proposed(walk, program, unit_gain, unit_loss)
    solution = solution._replace(converged=solution.converged & (count <= points)[None])
    return budget * unit_loss[None], solution, _along(loss, budget)


def _proposed(
    walk: Walk, program: Program, unit_gain: Float[Array, " W"], unit_loss: Float[Array, " W"]
) -> Solution:
    """What the walk passed, in the units of the program that was `scaled`."""
    states, messages, rows, lanes = program.obedience.shape
    assert walk.track is not None
    return Solution(
        walk.track.probability.reshape(-1, states, messages, lanes),
        walk.track.obedience.reshape(-1, messages, rows, lanes) * unit_gain[None, None, None],
        walk.track.price * (unit_gain / unit_loss)[None],
        (walk.done & ~walk.failed)[None],
        walk.pivots[None],
    )


def _along(loss: Float[Array, "V W"], budget: Float[Array, "N W"]) -> Path:
    """Where budgets lie among vertices that lose `loss`, the first 0, infinite where a walk had ended."""
    here = jnp.maximum((loss[None] <= budget[:, None]).sum(1) - 1, 0)
    low, high = (
        jnp.take_along_axis(loss, index, 0) for index in (here, jnp.minimum(here + 1, len(loss) - 1))
    )
    inside = jnp.isfinite(high) & (high > low)
    share = divided(budget - low, high - low, inside)
    return Path(here, jnp.clip(share, 0.0, 1.0))
