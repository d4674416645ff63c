"""The walk along a persuasion program's frontier: one simplex pivot after another, all lanes in step.

`pivoting` tells the idea. A lane is, before a pivot, in one of these states:

| state   | when                                                          | what the pivot does            |
| ------- | ------------------------------------------------------------- | ------------------------------ |
| done    | it was idle or spent before                                   | nothing                        |
| content | no column has anything to gain: the frontier's end            | nothing, and it is done        |
| stuck   | a column would gain, but no row limits it: only by rounding   | nothing; it is done and failed |
| spent   | the next vertex is beyond the budget, or this one is there    | raises the entering column as  |
|         |                                                               | far as the budget goes; done   |
| moving  | else                                                          | one exchange, to the next      |
|         |                                                               | vertex                         |

Lanes that are not moving keep all they have: their factors are zeros.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided, summed
from jaxgame.persuasion.program import Program, is_start
from jaxgame.persuasion.tableau import Tableau, pick, rearranged, tableau_of

GAIN_TOLERANCE = 1e-12  # a reduced cost below this is no reason to pivot (coefficients are scaled to 1)
PIVOT_TOLERANCE = 1e-9  # a smaller entry divides nothing
TIE = 1e-12  # prices this near are one price
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


def walk_along(
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
    walk, tableau = _start(program, perturbation), tableau_of(program)
    history: list[Array] = []
    tracks = []
    for size in segments:
        walk = _segment(walk, history, tableau, budget, size, recording=recording)
        history.append(walk.factors)
        tracks.append(walk.track)
    return walk._replace(track=jax.tree.map(lambda *x: jnp.concatenate(x), *tracks) if recording else None)


def _start(program: Program, perturbation: Float[Array, " MQ"]) -> Walk:
    """At full information, which is feasible and loses nothing."""
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

    zero, count = jnp.zeros(lanes, dtype), jnp.zeros(lanes, jnp.int32)
    no = jnp.zeros(lanes, bool)
    factors = jnp.zeros((0, total + columns, lanes), dtype)
    return Walk(
        factors, level, cost, variable, place, zero, zero, count, zero, no, no, count, None, jnp.int32(0)
    )


def _segment(
    walk: Walk,
    history: list[Array],
    tableau: Tableau,
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

    def pivot(walk: Walk) -> Walk:
        factors = (*history, walk.factors)
        entering = _entering(walk, tableau, factors)
        leaving = _leaving(walk, tableau, factors, entering)
        return _exchanged(walk, entering, leaving, budget)

    return jax.lax.while_loop(lambda walk: (walk.step < size) & ~jnp.all(walk.done), pivot, walk)


class _Entering(NamedTuple):
    """The column to raise, the price at which it begins to gain, and what raising it takes from each row."""

    number: Int[Array, " W"]
    price: Float[Array, " W"]
    content: Bool[Array, " W"]
    body: Float[Array, "R W"]


def _entering(walk: Walk, tableau: Tableau, history: tuple[Array, ...]) -> _Entering:
    """The first column whose reduced cost gain - price loss turns positive as the price falls."""
    total = walk.level.shape[1]
    loss, gain = walk.cost
    ratio = jnp.where(gain > GAIN_TOLERANCE, gain / jnp.maximum(loss, 1e-15), -1.0)
    # Where the leader wants the opposite of the follower all tie; the steepest then makes progress.
    tied = ratio >= ratio.max(0, keepdims=True) * (1 - TIE)
    c = jnp.argmax(jnp.where(tied, gain, -jnp.inf), 0).astype(jnp.int32)
    price = pick(ratio, c)
    content = price < 0
    body = tableau.column(c)
    for factors in history:
        body -= summed(factors[:, :total] * pick(factors, total + c)[:, None])
    return _Entering(c, price, content, body)


class _Leaving(NamedTuple):
    """The row that blocks, the pivot (1 where there is none), and the row's entries."""

    number: Int[Array, " W"]
    value: Float[Array, " W"]
    stuck: Bool[Array, " W"]
    along: Float[Array, "C W"]


def _leaving(walk: Walk, tableau: Tableau, history: tuple[Array, ...], entering: _Entering) -> _Leaving:
    """Among the rows that block first (to within RATIO_SLACK) the one with the largest pivot."""
    total, body = walk.level.shape[1], entering.body
    rising = body > PIVOT_TOLERANCE
    level = jnp.maximum(walk.level[1], 0.0)
    bound = divided(level + RATIO_SLACK, body, rising, jnp.inf).min(0)
    score = jnp.where(rising & (level <= bound[None] * body), body, 0.0)
    r = jnp.argmax(score, 0).astype(jnp.int32)
    value = pick(score, r)
    stuck = ~entering.content & (value <= 0)
    value = jnp.where(value > 0, value, 1.0)
    along = tableau.row(r)
    for factors in history:
        along -= summed(factors[:, total:] * pick(factors, r)[:, None])
    return _Leaving(r, value, stuck, along)


def _exchanged(walk: Walk, entering: _Entering, leaving: _Leaving, budget: Float[Array, " W"]) -> Walk:
    """The walk after one pivot: moving lanes are at the next vertex, spent ones have reached the budget."""
    c, r, value = entering.number, leaving.number, leaving.value
    total, columns = walk.level.shape[1], walk.cost.shape[1]
    rows, cols, positions, variables = (
        jnp.arange(count, dtype=jnp.int32)[:, None]
        for count in (total, columns, total + columns, walk.place.shape[0])
    )
    length = pick(walk.level, r) / value[None]
    slope = pick(walk.cost, c)
    idle = walk.done | entering.content | leaving.stuck
    part, track = jnp.zeros_like(walk.loss), None
    if walk.track is not None:
        spent = ~idle & (walk.loss >= budget)
        track = _recorded(walk, walk.track, entering)
    else:
        room = jnp.maximum(budget - walk.loss, 0.0)
        spent = ~idle & (length[0] * slope[0] >= room)
        steep = slope[0] > 0
        part = jnp.clip(room / jnp.where(steep, slope[0], 1.0), 0.0, jnp.maximum(length[0], 0.0))
        part = jnp.where(spent, part, 0.0)
    moving = ~idle & ~spent
    turn = moving[None]
    move = jnp.where(turn, length, part[None])  # [2,W]
    at_row, at_column = (rows == r[None]) & turn, (cols == c[None]) & turn

    # One exchange is one outer product, exact also in the pivot's own row and column.
    dtype = walk.loss.dtype
    left = jnp.where(turn, entering.body - (rows == r[None]).astype(dtype), 0.0)
    right = jnp.where(turn, (leaving.along + (cols == c[None]).astype(dtype)) / value[None], 0.0)
    level = walk.level - entering.body[None] * move[:, None]
    level = jnp.where(at_row[None], move[:, None], level)
    factor = jnp.where(turn, slope / value[None], 0.0)
    cost = walk.cost - leaving.along[None] * factor[:, None]
    gone, come = pick(walk.variable, r)[None], pick(walk.variable, total + c)[None]
    variable = jnp.where(turn & (positions == r[None]), come, walk.variable)
    variable = jnp.where(turn & (positions == total + c[None]), gone, variable)
    place = jnp.where(turn & (variables == come), r[None], walk.place)
    place = jnp.where(turn & (variables == gone), total + c[None], place)
    ended = jnp.where(entering.content & ~walk.done, 0.0, walk.price)
    return Walk(
        factors=_put(walk.factors, jnp.concatenate([left, right]), walk.step),
        level=jnp.where(idle[None, None], walk.level, level),
        cost=jnp.where(at_column[None], -factor[:, None], cost),
        variable=variable,
        place=place,
        loss=walk.loss + jnp.where(idle, 0.0, move[0] * slope[0]),
        price=jnp.where(idle, ended, entering.price),
        entering=jnp.where(spent, c, walk.entering),
        raised=jnp.where(spent, part, walk.raised),
        done=idle | spent,
        failed=walk.failed | (leaving.stuck & ~walk.done),
        pivots=walk.pivots + moving.astype(jnp.int32),
        track=track,
        step=walk.step + 1,
    )


def _recorded(walk: Walk, track: Track, entering: _Entering) -> Track:
    """The track with the vertex where the walk is, and the multipliers of the edge that leaves it."""
    price = jnp.where(walk.done, walk.price, entering.price)
    edge = walk._replace(price=jnp.where(entering.content, 0.0, price))
    vertex = Track(walk.loss, vertex_of(walk, jnp.zeros_like(walk.cost[0])), multipliers_of(edge), edge.price)
    return Track(*(_put(x, y, walk.step) for x, y in zip(track, vertex, strict=True)))


def _put(values: Array, new: Array, step: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(values, new, step, 0)


def vertex_of(walk: Walk, in_columns: Float[Array, "C W"]) -> Float[Array, "C W"]:
    """Values of all p[s,m], given those of the variables that sit in columns."""
    values = jnp.concatenate([walk.level[0], in_columns])
    return rearranged(values, walk.place[: in_columns.shape[0]])


def multipliers_of(walk: Walk) -> Float[Array, "MQ W"]:
    """Reduced costs of the slacks at the current price, 0 for those in the basis."""
    reduced = jnp.maximum(walk.price[None] * walk.cost[0] - walk.cost[1], 0.0)
    values = jnp.concatenate([jnp.zeros_like(walk.level[0]), reduced])
    return rearranged(values, walk.place[walk.cost.shape[1] :])
