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

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.persuasion.bounds import Path, Program, Solution, is_start, scaled

# Of one attempt after another. The first is far above rounding, far below the accuracy asked for.
# Next to RATIO_SLACK rows tie that are not tied: a risk of cycling, but larger pivots, and so less rounding.
PERTURBATIONS = (1e-10, 1e-13, 1e-12, 1e-14)
GAIN_TOLERANCE = 1e-12  # a reduced cost below this is no reason to pivot (coefficients are scaled to 1)
PIVOT_TOLERANCE = 1e-9
TIE = 1e-12  # prices this near are one price
SAME_LOSS = 1e-12  # vertices this near are one (losses are scaled to 1)
RATIO_SLACK = 1e-13  # infeasibility allowed in exchange for a larger pivot (Harris)


class Track(NamedTuple):
    """A walk's vertices: k and k + 1 bound edge k of the frontier, whose multipliers are the k-th too."""

    loss: Float[Array, "V W"]  # inf where the walk had ended
    probability: Float[Array, "V SM W"]
    obedience: Float[Array, "V MQ W"]
    price: Float[Array, "V W"]


class Walk(NamedTuple):
    """A tableau of R rows and C columns, factored, and how far the walk has got."""

    factors: Float[Array, "k RC W"]  # tableau = start - earlier factors - sum_k factors[k, :R] factors[k, R:]
    level: Float[Array, "2 R W"]  # basic variables, with exact and with perturbed right-hand side
    cost: Float[Array, "2 C W"]  # reduced costs of loss and of gain
    variable: Int[Array, "RC W"]  # which variable sits in each row, then in each column
    place: Int[Array, "N W"]  # the inverse: where each variable sits
    loss: Float[Array, " W"]
    price: Float[Array, " W"]
    entering: Int[Array, " W"]  # the column being raised when the budget ran out on an edge
    raised: Float[Array, " W"]  # and the value it had reached
    done: Bool[Array, " W"]
    failed: Bool[Array, " W"]
    pivots: Int[Array, " W"]
    track: Track | None
    step: Int[Array, ""]


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
    walk = _walk(program, jnp.maximum(budget, 0.0) / unit_loss, segments, perturbation, recording=False)
    states, messages, rows, lanes = program.obedience.shape
    columns = states * messages
    raised = jnp.arange(columns, dtype=jnp.int32)[:, None] == walk.entering[None]
    probability = _vertex(walk, jnp.where(raised, walk.raised[None], 0.0))
    return Solution(
        probability.reshape(states, messages, lanes),
        _multipliers(walk).reshape(messages, rows, lanes) * unit_gain[None, None],
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
    walk = _walk(program, budget.max(0), segments, perturbation, recording=True)
    assert walk.track is not None
    return _proposed(walk, program, unit_gain, unit_loss), _along(walk.track.loss, budget)


def solve_frontier(
    program: Program, points: int, segments: tuple[int, ...], perturbation: Float[Array, " MQ"]
) -> tuple[Float[Array, "N W"], Solution, Path]:
    """The same for budgets at the vertices of every lane's whole frontier, ascending; N = `points` of each.

    A lane with fewer vertices repeats its last; one with more is cut short and not `converged`.
    """
    program, unit_gain, unit_loss = scaled(program)
    walk = _walk(program, jnp.full_like(unit_loss, jnp.inf), segments, perturbation, recording=True)
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
    share = jnp.where(inside, (budget - low) / jnp.where(inside, high - low, 1.0), 0.0)
    return Path(here, jnp.clip(share, 0.0, 1.0))


class _Tableau(NamedTuple):
    """One column or one row of the tableau at the start; see `_start`."""

    column: Callable[[Array], Array]
    row: Callable[[Array], Array]


def _walk(
    program: Program,
    budget: Float[Array, " W"],
    segments: tuple[int, ...],
    perturbation: Float[Array, " MQ"],
    *,
    recording: bool,
) -> Walk:
    """Pivot until the budget is spent, nothing is left to gain, or sum(segments) pivots were made.

    Each segment is a loop with factors of its own: a short walk then reads few zeros, and XLA never
    copies the factors of finished segments.
    """
    walk, tableau = _start(program, perturbation)
    history: list[Array] = []
    tracks = []
    for size in segments:
        walk = _segment(walk, history, tableau, budget, size, recording=recording)
        history.append(walk.factors)
        tracks.append(walk.track)
    return walk._replace(track=jax.tree.map(lambda *x: jnp.concatenate(x), *tracks) if recording else None)


def _start(program: Program, perturbation: Float[Array, " MQ"]) -> tuple[Walk, _Tableau]:
    """The tableau at full information.

    Rows: the S recommended p[s, start], then the M Q slacks. Columns: all p[s, m]; those of the start
    stay empty.
    """
    states, messages, rows, lanes = program.obedience.shape
    dtype = program.gain.dtype
    columns, slacks = states * messages, messages * rows
    total = states + slacks
    message = jnp.arange(messages, dtype=jnp.int32)[:, None]
    at = is_start(program)
    held = jnp.where(at[:, :, None], program.obedience, 0.0).sum(0).reshape(slacks, lanes)
    exact = jnp.concatenate([jnp.ones((states, lanes), dtype), held])
    moved = jnp.concatenate([jnp.zeros(states, dtype), perturbation.astype(dtype)])[:, None]
    level = jnp.stack([exact, exact + moved])
    cost = jnp.stack([program.loss, program.gain]).reshape(2, columns, lanes)

    state = jnp.arange(states, dtype=jnp.int32)[:, None]
    slack = jnp.broadcast_to(jnp.arange(slacks, dtype=jnp.int32)[:, None], (slacks, lanes))
    own = state[:, :, None] * messages + message[None]  # [S,M,1], the number of variable p[s,m]
    in_columns = jnp.where(at, -1, own).reshape(columns, lanes)
    variable = jnp.concatenate([state * messages + program.start, columns + slack, in_columns])
    place = jnp.where(at, state[:, :, None], total + own).reshape(columns, lanes)
    place = jnp.concatenate([place, states + slack])

    by_variable = jnp.swapaxes(program.obedience.reshape(columns, rows, lanes), 0, 1)
    by_slack = program.obedience.reshape(states, slacks, lanes)

    def column(c: Array) -> Array:
        """Raising p[s,m] lowers p[s,start]: its term leaves the start's slacks, its own enters m's."""
        s, m = c // messages, c % messages
        home = _pick(program.start, s)
        gone, come = _pick(by_variable, s * messages + home), _pick(by_variable, c)  # [Q,W]
        body = jnp.where((message == home[None])[:, None], gone[None], 0.0)
        body -= jnp.where((message == m[None])[:, None], come[None], 0.0)
        return jnp.concatenate([(state == s[None]).astype(dtype), body.reshape(slacks, lanes)])

    def row(r: Array) -> Array:
        """The same entries read along a row: a state's total, or slack q of message m."""
        of_state = r < states
        index = jnp.where(of_state, 0, r - states)
        term = _pick(by_slack, index)[:, None]  # [S,1,W]
        owner = (index // rows)[None]
        body = (program.start == owner).astype(dtype)[:, None] * term
        body -= jnp.where((message == owner)[None], term, 0.0)
        ones = ((state == r[None])[:, None] & ~at).astype(dtype)
        return jnp.where(of_state[None, None], ones, body).reshape(columns, lanes)

    zero, count = jnp.zeros(lanes, dtype), jnp.zeros(lanes, jnp.int32)
    no = jnp.zeros(lanes, bool)
    factors = jnp.zeros((0, total + columns, lanes), dtype)
    walk = Walk(
        factors, level, cost, variable, place, zero, zero, count, zero, no, no, count, None, jnp.int32(0)
    )
    return walk, _Tableau(column, row)


def _segment(
    walk: Walk,
    history: list[Array],
    tableau: _Tableau,
    budget: Float[Array, " W"],
    size: int,
    *,
    recording: bool,
) -> Walk:
    """At most `size` pivots, with fresh storage for their factors."""
    total, columns, lanes = walk.level.shape[1], walk.cost.shape[1], walk.loss.shape[0]
    dtype = walk.loss.dtype
    slacks = walk.place.shape[0] - columns
    track = None
    if recording:
        track = Track(
            jnp.full((size, lanes), jnp.inf, dtype),
            jnp.zeros((size, columns, lanes), dtype),
            jnp.zeros((size, slacks, lanes), dtype),
            jnp.zeros((size, lanes), dtype),
        )
    walk = walk._replace(
        factors=jnp.zeros((size, total + columns, lanes), dtype), track=track, step=jnp.int32(0)
    )
    rows, cols = (jnp.arange(count, dtype=jnp.int32)[:, None] for count in (total, columns))
    positions, variables = (
        jnp.arange(count, dtype=jnp.int32)[:, None] for count in (total + columns, columns + slacks)
    )

    def put(values: Array, new: Array, step: Array) -> Array:
        return jax.lax.dynamic_update_index_in_dim(values, new, step, 0)

    def pivot(walk: Walk) -> Walk:
        # Entering: the first column whose reduced cost gain - price loss turns positive as the price falls.
        loss, gain = walk.cost
        ratio = jnp.where(gain > GAIN_TOLERANCE, gain / jnp.maximum(loss, 1e-15), -1.0)
        # Where the leader wants the opposite of the follower all tie; the steepest then makes progress.
        tied = ratio >= ratio.max(0, keepdims=True) * (1 - TIE)
        c = jnp.argmax(jnp.where(tied, gain, -jnp.inf), 0).astype(jnp.int32)
        price = _pick(ratio, c)
        content = price < 0
        body = tableau.column(c)
        for factors in (*history, walk.factors):
            body -= (factors[:, :total] * _pick(factors, total + c)[:, None]).sum(0)

        # Leaving: among the rows that block first (to within RATIO_SLACK) the largest pivot.
        rising = body > PIVOT_TOLERANCE
        level = jnp.maximum(walk.level[1], 0.0)
        bound = jnp.where(rising, (level + RATIO_SLACK) / jnp.where(rising, body, 1.0), jnp.inf).min(0)
        score = jnp.where(rising & (level <= bound[None] * body), body, 0.0)
        r = jnp.argmax(score, 0).astype(jnp.int32)
        value = _pick(score, r)
        stuck = ~content & (value <= 0)
        value = jnp.where(value > 0, value, 1.0)
        along = tableau.row(r)
        for factors in (*history, walk.factors):
            along -= (factors[:, total:] * _pick(factors, r)[:, None]).sum(0)

        length = _pick(walk.level, r) / value[None]
        slope = _pick(walk.cost, c)
        room = jnp.maximum(budget - walk.loss, 0.0)
        idle = walk.done | content | stuck
        part = jnp.zeros_like(room)
        record = None
        if recording:
            assert walk.track is not None
            spent = ~idle & (walk.loss >= budget)
            edge = walk._replace(price=jnp.where(content, 0.0, jnp.where(walk.done, walk.price, price)))
            vertex = Track(walk.loss, _vertex(walk, jnp.zeros_like(loss)), _multipliers(edge), edge.price)
            record = Track(*(put(x, y, walk.step) for x, y in zip(walk.track, vertex, strict=True)))
        else:
            spent = ~idle & (length[0] * slope[0] >= room)
            steep = slope[0] > 0
            part = jnp.clip(room / jnp.where(steep, slope[0], 1.0), 0.0, jnp.maximum(length[0], 0.0))
            part = jnp.where(spent, part, 0.0)
        moving = ~idle & ~spent
        move = jnp.where(moving[None], length, part[None])  # [2,W]
        at_row, at_column = (rows == r[None]) & moving[None], (cols == c[None]) & moving[None]

        # One exchange is one outer product, exact also in the pivot's own row and column.
        left = jnp.where(moving[None], body - (rows == r[None]).astype(dtype), 0.0)
        right = jnp.where(moving[None], (along + (cols == c[None]).astype(dtype)) / value[None], 0.0)
        level = jnp.where(at_row[None], move[:, None], walk.level - body[None] * move[:, None])
        factor = jnp.where(moving[None], slope / value[None], 0.0)
        cost = jnp.where(at_column[None], -factor[:, None], walk.cost - along[None] * factor[:, None])
        leaving, coming = _pick(walk.variable, r)[None], _pick(walk.variable, total + c)[None]
        turn = moving[None]
        variable = jnp.where(turn & (positions == r[None]), coming, walk.variable)
        variable = jnp.where(turn & (positions == total + c[None]), leaving, variable)
        place = jnp.where(turn & (variables == coming), r[None], walk.place)
        place = jnp.where(turn & (variables == leaving), total + c[None], place)
        return Walk(
            factors=put(walk.factors, jnp.concatenate([left, right]), walk.step),
            level=jnp.where(idle[None, None], walk.level, level),
            cost=cost,
            variable=variable,
            place=place,
            loss=walk.loss + jnp.where(idle, 0.0, move[0] * slope[0]),
            price=jnp.where(idle, jnp.where(content & ~walk.done, 0.0, walk.price), price),
            entering=jnp.where(spent, c, walk.entering),
            raised=jnp.where(spent, part, walk.raised),
            done=idle | spent,
            failed=walk.failed | (stuck & ~walk.done),
            pivots=walk.pivots + moving.astype(jnp.int32),
            track=record,
            step=walk.step + 1,
        )

    return jax.lax.while_loop(lambda walk: (walk.step < size) & ~jnp.all(walk.done), pivot, walk)


def _vertex(walk: Walk, in_columns: Float[Array, "C W"]) -> Float[Array, "C W"]:
    """Values of all p[s,m], given those of the variables that sit in columns."""
    values = jnp.concatenate([walk.level[0], in_columns])
    return _rearranged(values, walk.place[: in_columns.shape[0]])


def _multipliers(walk: Walk) -> Float[Array, "MQ W"]:
    """Reduced costs of the slacks at the current price, 0 for those in the basis."""
    reduced = jnp.maximum(walk.price[None] * walk.cost[0] - walk.cost[1], 0.0)
    values = jnp.concatenate([jnp.zeros_like(walk.level[0]), reduced])
    return _rearranged(values, walk.place[walk.cost.shape[1] :])


def _pick(values: Array, index: Array) -> Array:
    """values[..., index, :] lane by lane, [..., W].

    A flat gather: the result of take_along_axis has its lanes slowest, which costs every reader dear.
    """
    size, lanes = values.shape[-2:]
    outer = values.shape[:-2]
    lead = np.arange(int(np.prod(outer)), dtype=np.int32).reshape(*outer, 1) * size
    index = index.reshape((1,) * len(outer) + index.shape)
    flat = (lead + index) * lanes + np.arange(lanes, dtype=np.int32).reshape((1,) * len(outer) + (lanes,))
    return values.reshape(-1).at[flat].get(mode="promise_in_bounds")


def _rearranged(values: Array, places: Int[Array, "N W"]) -> Float[Array, "N W"]:
    """values[places[i, w], w]."""
    lanes = values.shape[-1]
    return (
        values.reshape(-1)
        .at[places * lanes + np.arange(lanes, dtype=np.int32)[None]]
        .get(mode="promise_in_bounds")
    )
