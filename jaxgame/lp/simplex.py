"""The parametric self-dual simplex method, many programs side by side.

    minimise  (c + mu c').x   subject to   A x + s = b + mu b',   x >= 0,   s >= 0 (0 in equations)

For generic positive b' and c' and large mu the slacks are an optimal basis. Lowering mu, some basic variable
or some reduced cost reaches 0: a dual or a primal pivot then restores it, and at mu = 0 the basis is optimal
for the program itself (Dantzig 1963, chapter 11; Vanderbei, Linear Programming, chapter 7). So there are
no phases and one loop body, and as b' and c' are generic, hardly two things ever happen at once: degenerate
programs need no other rule against cycling, though there is a cap.

Equations come first: the slack of each leaves the basis and never comes back. One whose row has nothing to
pivot on depends on others: its right-hand side then agrees with theirs, or the program is infeasible.

A pivot that finds nothing to pivot on ends the lane: a row proves that the program is infeasible, a column
is a ray. Where a ray is found before a feasible point, the program goes round again without costs.

The tableau has one column for each variable outside the basis only: a pivot touches m n numbers.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.lp.lanes import (
    column_of,
    first_of,
    lanes_for,
    largest,
    least,
    pick,
    row_of,
    settled,
    work_through,
)

OPTIMAL, INFEASIBLE, UNBOUNDED, LIMIT, RUNNING = range(5)

ATTEMPTS = 4  # with other generic numbers where a lane got lost, or without costs after a ray
FLAT = 1e-12  # a rate of change below this does not bring anything to 0
LAST = 1e-12  # mu below this is 0
PIVOT = 1e-9  # a smaller entry divides nothing
FEASIBLE = 1e-9  # right-hand sides of dependent equations may disagree by that much
TIE = 1e-13  # infeasibility allowed in exchange for a larger pivot (Harris)


class Ended(NamedTuple):
    """How a program ended, in the units it was given in.

    `dual` are minus the reduced costs of the slacks, the sign of SciPy's marginals. Of an infeasible program
    `dual` is Farkas's vector: `dual b > 0` though `A' dual <= 0` and `dual <= 0` on inequalities. `ray` is
    a direction of an unbounded one, 0 of others. `basis` numbers the basic variables, x first, then slacks.
    """

    x: Float[Array, "B N"]
    dual: Float[Array, "B M"]
    ray: Float[Array, "B N"]
    basis: Int[Array, "B M"]
    status: Int[Array, " B"]
    pivots: Int[Array, " B"]


class _Basis(NamedTuple):
    """Lanes at a basis. Edges are the values of basic variables, then the reduced costs of the others.

    `tableau - left right` is the tableau: the last pivot's outer product is added with the next one. `edges`
    have a part that stays and one that is multiplied by mu. `variable` says what each edge belongs to.
    `equation` is the next equation whose slack is to leave, m when all have. `proof` is the row or
    column where the method ended.
    """

    tableau: Float[Array, "M N W"]
    left: Float[Array, "M W"]
    right: Float[Array, "N W"]
    edges: Float[Array, "2 MN W"]
    variable: Int[Array, "MN W"]
    equation: Int[Array, " W"]
    proof: Int[Array, " W"]
    status: Int[Array, " W"]
    pivots: Int[Array, " W"]
    done: Bool[Array, " W"]


def solve_programs(
    matrix: Float[Array, "B M N"], right: Float[Array, "B M"], cost: Float[Array, "B N"], inequalities: int
) -> Ended:
    """Minimise `cost.x` over x >= 0 with `matrix x <= right` in the first rows, equal to it in the others.

    Entries should be of size 1 at most. A lane that needs more than 20 (M + N) pivots ends with LIMIT.
    """
    programs, rows, columns = matrix.shape
    dtype = matrix.dtype
    generic = jnp.asarray(np.random.default_rng(0).uniform(1.0, 2.0, (ATTEMPTS, rows + columns)), dtype)
    most = 20 * (rows + columns)
    own = np.concatenate([columns + np.arange(rows), np.arange(columns)]).astype(np.int32)[:, None]

    def load(program: Array, attempt: Array, found: Ended) -> _Basis:
        index = jnp.minimum(program, programs - 1)
        costs = jnp.where(found.status[:, None] == UNBOUNDED, 0.0, cost[index])
        edge = jnp.concatenate([right[index], costs], axis=1).T
        begun = jnp.full(len(program), inequalities, jnp.int32)
        none = jnp.zeros_like(begun)
        return _Basis(
            tableau=jnp.moveaxis(matrix[index], 0, -1),
            left=jnp.zeros((rows, len(program)), dtype),
            right=jnp.zeros((columns, len(program)), dtype),
            edges=jnp.stack([edge, generic[attempt].T]),
            variable=jnp.broadcast_to(own, (rows + columns, len(program))),
            equation=begun,
            proof=none,
            status=jnp.full_like(none, RUNNING),
            pivots=none,
            done=none > 0,
        )

    def read(basis: _Basis, found: Ended) -> tuple[Ended, Array]:
        after = _ended(basis, rows, columns)
        again = (basis.status == LIMIT) | (basis.status == UNBOUNDED) & ~_feasible(basis, rows)
        return _with_ray(after, found), again

    def step(basis: _Basis) -> _Basis:
        return _pivoted(basis, inequalities, most)

    blank = Ended(
        jnp.zeros((programs, columns), dtype),
        jnp.zeros((programs, rows), dtype),
        jnp.zeros((programs, columns), dtype),
        jnp.zeros((programs, rows), jnp.int32),
        jnp.full(programs, LIMIT, jnp.int32),
        jnp.zeros(programs, jnp.int32),
    )
    lanes = lanes_for((rows + 2) * (columns + 2))
    return work_through(programs, lanes, blank, load=load, step=step, read=read, attempts=ATTEMPTS)


def _pivoted(basis: _Basis, inequalities: int, most: int) -> _Basis:
    """One pivot in every lane that is not done. Edge k < M is row k, others are column k - M."""
    rows, columns, _ = basis.tableau.shape
    tableau = basis.tableau - basis.left[:, None] * basis.right[None]
    place = np.arange(rows + columns, dtype=np.int32)[:, None]
    in_row = place < rows
    has_equations = inequalities < rows
    eligible = in_row | (basis.variable < columns + inequalities)  # slacks of equations never come back
    clearing = basis.equation < rows

    # Which edge reaches 0 first as mu falls?
    stays, moves = basis.edges
    sinking = (moves > FLAT) & eligible
    reached = divided(-stays, moves, sinking, -jnp.inf)
    mu = largest(reached)
    first = first_of(reached >= mu[None])
    if has_equations:
        first = jnp.where(clearing, basis.equation, first)
    dual = first < rows

    # What is exchanged with it: the edge that would reach 0 next; of near ties that with the largest pivot.
    own_row, own_column = jnp.where(dual, first, 0), jnp.where(dual, 0, first - rows)
    line = jnp.concatenate([column_of(tableau, own_column), -row_of(tableau, own_row)])
    across = (in_row != dual[None]) & eligible
    height = jnp.maximum(stays + mu[None] * moves, 0.0)
    if has_equations:  # nothing to keep feasible yet: simply the largest pivot
        line = jnp.where(clearing[None], jnp.abs(line), line)
        height = jnp.where(clearing[None], 0.0, height)
    able = across & (line > PIVOT)
    bound = least(divided(height + TIE, line, able, jnp.inf))
    score = jnp.where(able & (height <= bound[None] * line), line, 0.0)
    pivot_size = largest(score)
    second = first_of(score >= pivot_size[None])
    nothing = pivot_size <= 0
    row, column = jnp.where(dual, first, second), jnp.where(dual, second, first) - rows
    row, column = jnp.where(nothing, own_row, row), jnp.where(nothing, own_column, column)

    # A dependent equation may stay as it is if its right-hand side is 0 by now.
    skipped = clearing & nothing & (jnp.abs(pick(stays, row)) <= FEASIBLE)
    optimal = (mu <= LAST) & ~clearing
    stuck = nothing & ~skipped & ~optimal
    ends = optimal | stuck | (basis.pivots >= most)
    status = jnp.where(stuck, jnp.where(dual, INFEASIBLE, UNBOUNDED), LIMIT)
    status = jnp.where(optimal, OPTIMAL, status)
    moving = ~basis.done & ~ends & ~skipped
    row, column, moves_on = settled(row, column, moving.astype(jnp.int32))
    moving = moves_on > 0

    # One exchange is one outer product, exact also in the pivot's own row and column.
    cross = jnp.concatenate([column_of(tableau, column), row_of(tableau, row)])
    at = (place == jnp.where(in_row, row[None], column[None] + rows)) & moving[None]
    one = at.astype(tableau.dtype)
    scale = 1.0 / jnp.where(moving, pick(cross, row), 1.0)
    length, slope = pick(basis.edges, row) * scale[None], pick(basis.edges, column + rows) * scale[None]
    move = jnp.where(in_row[None], length[:, None], slope[:, None])
    edges = jnp.where(at[None], jnp.where(in_row[None], move, -move), basis.edges - cross[None] * move)
    gone, come = pick(basis.variable, row), pick(basis.variable, column + rows)
    variable = jnp.where(at, jnp.where(in_row, come[None], gone[None]), basis.variable)
    edges = jnp.where(moving[None, None], edges, basis.edges)
    equation = basis.equation
    if has_equations:
        equation = equation + (clearing & ~basis.done & ~ends).astype(jnp.int32)
        begins = (equation == rows) & (basis.equation < rows)
        # Now b' and c' count from this basis. What is left of equations in it is 0 and stays so.
        rise = jnp.where(clearing[None], moves, edges[1])
        rise = jnp.where(begins[None] & (variable >= columns + inequalities), 0.0, rise)
        edges = jnp.stack([edges[0], rise])
    return _Basis(
        tableau=tableau,
        left=jnp.where(moving[None], cross[:rows] - one[:rows], 0.0),
        right=(cross[rows:] + one[rows:]) * scale[None],
        edges=edges,
        variable=variable,
        equation=equation,
        proof=jnp.where(basis.done, basis.proof, jnp.where(dual, row, column)),
        status=jnp.where(~basis.done & ends, status, basis.status),
        pivots=basis.pivots + moving.astype(jnp.int32),
        done=basis.done | ends,
    )


def _feasible(basis: _Basis, rows: int) -> Bool[Array, " W"]:
    return (basis.edges[0, :rows] >= -FEASIBLE).all(0)


def _ended(basis: _Basis, rows: int, columns: int) -> Ended:
    """What the lanes prove, programs first."""
    lanes = np.arange(basis.done.size, dtype=np.int32)[None]
    infeasible, unbounded = basis.status == INFEASIBLE, basis.status == UNBOUNDED
    values, reduced = basis.edges[0, :rows], basis.edges[0, rows:]
    basic, others = basis.variable[:rows], basis.variable[rows:]
    none = jnp.zeros((rows + columns, basis.done.size), values.dtype)

    # The row of the proof says: its variable + row.(others) = level, all but the level at least 0.
    row = jnp.where(infeasible, basis.proof, 0)
    sign = jnp.where(pick(values, row) < 0, -1.0, 1.0)
    farkas = none.at[others, lanes].set(row_of(basis.tableau, row))
    farkas = farkas.at[basic, lanes].set(
        (np.arange(rows, dtype=np.int32)[:, None] == row[None]).astype(values.dtype)
    )
    dual = -none.at[others, lanes].set(reduced)
    dual = jnp.where(infeasible[None], sign[None] * farkas, dual)
    column = jnp.where(unbounded, basis.proof, 0)
    ray = none.at[basic, lanes].set(-column_of(basis.tableau, column))
    ray = ray.at[others, lanes].set(
        (np.arange(columns, dtype=np.int32)[:, None] == column[None]).astype(values.dtype)
    )
    return Ended(
        none.at[basic, lanes].set(values)[:columns].T,
        dual[columns:].T,
        jnp.where(unbounded[None], ray[:columns], 0.0).T,
        basic.T,
        basis.status,
        basis.pivots,
    )


def _with_ray(after: Ended, found: Ended) -> Ended:
    """A program that has a ray and, looked at without costs, a feasible point is unbounded."""
    went_on = found.status == UNBOUNDED
    proven = went_on & (after.status == OPTIMAL)
    return after._replace(
        ray=jnp.where(went_on[:, None] & (after.status != INFEASIBLE)[:, None], found.ray, after.ray),
        status=jnp.where(proven, UNBOUNDED, after.status),
        pivots=after.pivots + found.pivots,
    )
