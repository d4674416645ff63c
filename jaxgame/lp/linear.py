"""Small dense linear programs by the thousand, each answer with its proof: `linprog`.

The method is that of `simplex`; what it proposes is judged here. Programs are scaled on entry by powers of
two, which round nothing: rows and columns to entries of at most 1, right-hand sides and costs likewise.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import Numbers
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, power_of_two
from jaxgame.lp import simplex
from jaxgame.lp.lanes import over_batches

STATUS = ("optimal", "infeasible", "unbounded", "limit")

REACH = 1e2  # entries of x that the lower end is about, where rows do not bound them; see `linprog`
RESIDUAL = 1e-9  # of rows scaled to 1: more is no solution
WIDE = 1e-6  # a bracket wider than this part of the program's size is no optimum


@record
class LinearSolution:
    """How a linear program ended, and the proof of it.

    - `x` [N] is at least 0. Of an optimal or unbounded program it meets the rows, each scaled to entries and
      right-hand sides of at most 1, to within `residual`, in parts of the largest row's `|A| x` (1 at least);
    - `value` brackets the least cost; [inf, inf] if nothing is feasible, [-inf, -inf] if there is no least
      cost, [-inf, inf] if that is not known;
    - `dual_ub` [M_ub] <= 0 and `dual_eq` [M_eq] are by how much the value rises with each right-hand side, as
      SciPy's marginals. Of an infeasible program they are Farkas's vector: with them
      `A_ub' dual_ub + A_eq' dual_eq <= 0` although `b_ub.dual_ub + b_eq.dual_eq > 0`;
    - `ray` [N] >= 0, 0 but for an unbounded program: along it the rows stay met, and cost falls for ever;
    - `status` is a place in `STATUS`; `pivots` counts the steps;
    - `basis` [M], M = M_ub + M_eq, numbers the basic variables: those of x, then the slacks of the rows.
    """

    x: Float[Array, " N"]
    value: Bracket
    dual_ub: Float[Array, " M_ub"]
    dual_eq: Float[Array, " M_eq"]
    ray: Float[Array, " N"]
    residual: Float[Array, ""]
    status: Int[Array, ""]
    pivots: Int[Array, ""]
    basis: Int[Array, " M"]


def linprog(
    c: Numbers,
    A_ub: Numbers | None = None,
    b_ub: Numbers | None = None,
    A_eq: Numbers | None = None,
    b_eq: Numbers | None = None,
) -> LinearSolution:
    """Minimise `c.x` over `x >= 0` with `A_ub x <= b_ub` and `A_eq x = b_eq`; names and signs are SciPy's.

    `c` [N], `A_ub` [M_ub, N], `b_ub` [M_ub], `A_eq` [M_eq, N], `b_eq` [M_eq]; either pair may be left out.
    Meant for up to about 100 rows and 300 columns. One program; vmap it for many: they are then solved side
    by side, whatever the nesting. Every program ends, and none disturbs its neighbours.

    Derivatives of `value` are those of the optimum (the duals, x, and minus their outer product); those of
    `x` and the duals are of the optimal basis, which is meaningful where it is the only one.
    Where the status is not "optimal" they are 0.

    Both ends of `value` hold in exact arithmetic, with two provisos that every method in floating point has.
    The upper end is about right-hand sides moved by the `residual`, which the duals are charged for. The
    lower end is about x whose entries are at most what the rows say (a row of entries at least 0 bounds x)
    or, where none does, 1e2 times the size of the solution: reduced costs that should be 0 are so only up to
    rounding.

    Raises ValueError for shapes that disagree, one of a pair missing, an empty c, or numbers not finite.
    Under jit numbers that are not finite give the status "limit", the bracket [-inf, inf] and NaN elsewhere.

    >>> import jaxgame as jg
    >>> diet = jg.lp.linprog([2.0, 3.0], A_ub=[[-1.0, -2.0], [-3.0, -1.0]], b_ub=[-4.0, -6.0])
    >>> [round(float(x), 6) for x in diet.x], round(float(diet.value.upper), 6), jg.lp.STATUS[diet.status]
    ([1.6, 1.2], 6.8, 'optimal')
    """
    cost, *rows = _checked(c, A_ub, b_ub, A_eq, b_eq)
    return _solved(cost, *rows)


def _checked(c: Numbers, *pairs: Numbers | None) -> list[Array]:
    """Arrays of one dtype; a missing pair has no rows."""
    (cost,) = checks.as_floats(c)
    if cost.ndim != 1 or not cost.size:
        raise ValueError(f"c has shape {cost.shape}; it must be [N], with N at least 1")
    arrays = [cost]
    for name, matrix, right in (("ub", *pairs[:2]), ("eq", *pairs[2:])):
        if (matrix is None) != (right is None):
            given, missing = (f"A_{name}", f"b_{name}")[:: 1 if right is None else -1]
            raise ValueError(f"{given} is given without {missing}; give both or neither")
        if matrix is None or right is None:
            matrix, right = jnp.zeros((0, cost.size), cost.dtype), jnp.zeros(0, cost.dtype)
        matrix, right = checks.as_floats(matrix, right)
        if matrix.shape != (*right.shape[:1], cost.size) or right.ndim != 1:
            raise ValueError(
                f"A_{name} has shape {matrix.shape} and b_{name} {right.shape}, with {cost.size} costs; they "
                f"must be [M, {cost.size}] and [M]"
            )
        arrays += [matrix, right]
    for name, array in zip(("c", "A_ub", "b_ub", "A_eq", "b_eq"), arrays, strict=True):
        checks.check_finite(name, array)
    return list(checks.as_floats(*arrays))


@jax.custom_jvp
@jax.jit
def _solved(c: Array, A_ub: Array, b_ub: Array, A_eq: Array, b_eq: Array) -> LinearSolution:
    inequalities, sound = len(b_ub), is_sound((c, A_ub, b_ub, A_eq, b_eq))
    matrix, right = jnp.concatenate([A_ub, A_eq]), jnp.concatenate([b_ub, b_eq])
    matrix, right, c = (jnp.where(sound, x, 0.0) for x in (matrix, right, c))
    none = not len(right)
    if none:  # the method wants a row
        matrix, right, inequalities = jnp.zeros((1, c.size), c.dtype), jnp.ones(1, c.dtype), 1
    program, units = _scaled(matrix, right, c)
    solve = over_batches(functools.partial(simplex.solve_programs, inequalities=inequalities))
    ended: simplex.Ended = solve(*program)
    found = _judged(program, ended, inequalities)
    rows = slice(0, 0) if none else slice(None)
    dual = (found.dual * units.dual)[rows]
    known = jnp.where(sound, found.status, simplex.LIMIT)
    nan = jnp.where(sound, 0.0, jnp.nan)
    return LinearSolution(
        x=found.x * units.x + nan,
        value=Bracket(
            jnp.where(sound, found.lower * units.value, -jnp.inf),
            jnp.where(sound, found.upper * units.value, jnp.inf),
        ),
        dual_ub=dual[: len(b_ub)] + nan,
        dual_eq=dual[len(b_ub) :] + nan,
        ray=found.ray * units.x / units.right + nan,
        residual=found.residual + nan,
        status=known.astype(jnp.int32),
        pivots=ended.pivots,
        basis=ended.basis[rows],
    )


class _Program(NamedTuple):
    matrix: Float[Array, "M N"]
    right: Float[Array, " M"]
    cost: Float[Array, " N"]


class _Units(NamedTuple):
    """What answers of the scaled program are multiplied by."""

    x: Float[Array, " N"]
    dual: Float[Array, " M"]
    value: Float[Array, ""]
    right: Float[Array, ""]


def _scaled(matrix: Array, right: Array, cost: Array) -> tuple[_Program, _Units]:
    """The program with entries of size 1 at most."""
    rows = power_of_two(jnp.abs(matrix).max(1))
    matrix, right = matrix / rows[:, None], right / rows
    columns = power_of_two(jnp.abs(matrix).max(0))
    matrix, cost = matrix / columns[None], cost / columns
    height, price = power_of_two(jnp.abs(right).max()), power_of_two(jnp.abs(cost).max())
    units = _Units(height / columns, price / rows, height * price, height)
    return _Program(matrix, right / height, cost / price), units


class _Judged(NamedTuple):
    x: Float[Array, " N"]
    ray: Float[Array, " N"]
    dual: Float[Array, " M"]
    lower: Float[Array, ""]
    upper: Float[Array, ""]
    residual: Float[Array, ""]
    status: Int[Array, ""]


def _judged(program: _Program, ended: simplex.Ended, inequalities: int) -> _Judged:
    """Each status as far as it is proven, "limit" otherwise; both ends from the definition."""
    matrix, right, cost = program
    rows, columns = matrix.shape
    unit = 0.51 * float(jnp.finfo(cost.dtype).eps)  # what a sum of n products rounds, for n + 8
    along_row, along_column = (columns + 8) * unit, (rows + 8) * unit
    size = jnp.abs(matrix)
    inequality = jnp.arange(rows) < inequalities
    x = jnp.maximum(jnp.where(jnp.isfinite(ended.x), ended.x, 0.0), 0.0)
    ray = jnp.maximum(jnp.where(jnp.isfinite(ended.ray), ended.ray, 0.0), 0.0)
    dual = jnp.where(jnp.isfinite(ended.dual), ended.dual, 0.0)
    dual = jnp.where(inequality, jnp.minimum(dual, 0.0), dual)
    most = _reach(program, x)

    # x meets the rows to within this; the ray, in parts of its size, to within that.
    def missed(vector: Array, right: Array) -> Array:
        miss, rounded = matrix @ vector - right, along_row * (size @ vector + jnp.abs(right))
        return jnp.where(inequality, jnp.maximum(miss + rounded, 0.0), jnp.abs(miss) + rounded)

    miss = missed(x, right)
    scale = jnp.maximum(1.0, (size @ x).max())
    residual = miss.max() / scale
    drift = missed(ray, jnp.zeros_like(right)).max() / jnp.maximum(ray.max(), 1e-300)
    falls = cost @ ray + along_row * (jnp.abs(cost) @ ray) < 0

    # Weak duality, with a charge for reduced costs below 0.
    pull = dual @ matrix
    rounded = along_column * (jnp.abs(dual) @ size + jnp.abs(cost))
    value, blur = dual @ right, (rows + 8) * unit * (jnp.abs(dual) @ jnp.abs(right))
    charge = _charged(pull - cost + rounded, most)
    blur_of_sums = 4 * along_row * (charge + jnp.abs(value))
    lower = value - blur - charge - blur_of_sums
    upper = cost @ x + along_row * (jnp.abs(cost) @ x) + 2 * jnp.abs(dual) @ miss
    upper = jnp.where(residual <= RESIDUAL, upper, jnp.inf)
    farkas = value - blur > (1 + 4 * along_row) * _charged(pull + rounded, most)

    tight = (upper - lower >= 0) & (upper - lower <= WIDE * jnp.maximum(1.0, jnp.abs(value)))
    status = ended.status
    proven = jnp.stack(
        [tight, farkas, (residual <= RESIDUAL) & (drift <= RESIDUAL) & falls, jnp.asarray(False)]
    )
    proven = proven[jnp.minimum(status, simplex.LIMIT)]
    status = jnp.where(proven, status, simplex.LIMIT)
    infinite = jnp.asarray(jnp.inf, cost.dtype)
    infeasible, unbounded = status == simplex.INFEASIBLE, status == simplex.UNBOUNDED
    limit = status == simplex.LIMIT
    # A program that ended otherwise may still have bounds that hold.
    none = limit & (ended.status != simplex.OPTIMAL)
    lower = jnp.where(infeasible, infinite, jnp.where(unbounded | none, -infinite, lower))
    upper = jnp.where(unbounded, -infinite, jnp.where(infeasible | none, infinite, upper))
    return _Judged(x, ray, dual, lower, upper, residual, status)


def _charged(below: Float[Array, " N"], most: Float[Array, " N"]) -> Float[Array, ""]:
    return (jnp.maximum(below, 0.0) * most).sum()


def _reach(program: _Program, x: Float[Array, " N"]) -> Float[Array, " N"]:
    """The largest x that the lower end is about: what a row bounds, or `REACH` times the solution's size."""
    matrix, right, _ = program
    bounding: Bool[Array, " M"] = (matrix >= 0).all(1) & (right >= 0)
    bounds = divided(right[:, None], matrix, bounding[:, None] & (matrix > 0), jnp.inf).min(0)
    return jnp.minimum(bounds * (1 + 1e-15), REACH * jnp.maximum(1.0, x.max()))


@_solved.defjvp
def _derivatives(
    primals: tuple[Array, ...], tangents: tuple[Array, ...]
) -> tuple[LinearSolution, LinearSolution]:
    """By the optimal basis: `B x_B = b` and `B' y = c_B` are differentiated."""
    c, A_ub, b_ub, A_eq, _ = primals
    d_c, d_A_ub, d_b_ub, d_A_eq, d_b_eq = tangents
    found = _solved(*primals)
    optimal = found.status == simplex.OPTIMAL
    dual = jnp.concatenate([found.dual_ub, found.dual_eq])
    matrix, d_matrix = jnp.concatenate([A_ub, A_eq]), jnp.concatenate([d_A_ub, d_A_eq])
    d_right = jnp.concatenate([d_b_ub, d_b_eq])
    rows, columns = matrix.shape
    x, y = jnp.where(optimal, found.x, 0.0), jnp.where(optimal, dual, 0.0)
    d_value = d_c @ x + y @ (d_right - d_matrix @ x)

    slacks = jnp.eye(rows, dtype=c.dtype)
    every = jnp.concatenate([matrix, slacks], 1)
    d_every = jnp.concatenate([d_matrix, jnp.zeros_like(slacks)], 1)
    basis = jnp.where(optimal, found.basis, columns + jnp.arange(rows, dtype=jnp.int32))
    square, d_square = every[:, basis], d_every[:, basis]
    costs = jnp.concatenate([d_c, jnp.zeros(rows, c.dtype)])[basis]
    d_basic = jnp.linalg.solve(square, d_right - d_matrix @ x)
    d_dual = jnp.linalg.solve(square.T, costs - d_square.T @ y)
    d_x = jnp.zeros(columns + rows, c.dtype).at[basis].set(d_basic)[:columns]
    d_x, d_dual = (jnp.where(optimal, t, 0.0) for t in (d_x, d_dual))

    moved = dataclasses.replace(
        found,
        x=d_x,
        value=Bracket(d_value, d_value),
        dual_ub=d_dual[: len(b_ub)],
        dual_eq=d_dual[len(b_ub) :],
        ray=jnp.zeros_like(found.ray),
        residual=jnp.zeros_like(found.residual),
    )
    return found, jax.tree.map(_tangent, moved)


def _tangent(leaf: Array) -> Array | np.ndarray:
    """Integers have no derivative."""
    return leaf if jnp.issubdtype(leaf.dtype, jnp.floating) else np.zeros(leaf.shape, jax.dtypes.float0)
