"""Linear programs: against HiGHS, programs of the literature, proofs, batches, derivatives."""

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog as scipy_linprog

import jaxgame as jg
from jaxgame.lp import STATUS, linear, linprog, simplex

OPTIMAL, INFEASIBLE, UNBOUNDED, LIMIT = range(4)
SHAPES = [(5, 0, 10), (4, 2, 8), (10, 5, 20), (20, 0, 40), (0, 6, 9)]  # inequalities, equations, variables
KINDS = ("feasible", "any", "degenerate", "integers", "dependent")


@functools.cache
def many():
    return jax.jit(jax.vmap(linprog))


def draw(kind: str, count: int, shape: tuple[int, int, int], seed: int) -> tuple[np.ndarray, ...]:
    """Programs (c, A_ub, b_ub, A_eq, b_eq) of a kind, the first axis their number."""
    m, k, n = shape
    rng = np.random.default_rng([seed, KINDS.index(kind), m, k, n])
    matrix, cost = rng.normal(size=(count, m + k, n)), rng.normal(size=(count, n))
    right = rng.normal(size=(count, m + k))
    if kind == "integers":  # full of ties
        matrix, cost, right = (np.round(x).clip(-2, 2) for x in (matrix, cost, right))
    if kind == "dependent" and k > 1:
        matrix[:, -1] = matrix[:, m]
        right[:, -1] = right[:, m] + rng.integers(2, size=count)  # half of them contradict themselves
    if kind in ("feasible", "degenerate", "dependent"):
        at = rng.random((count, n)) * (rng.random((count, n)) < 0.5)
        dual = rng.random((count, m + k)) * (rng.random((count, m + k)) < 0.5)
        gap = rng.random((count, m + k)) * (kind == "feasible")
        there = np.einsum("bij,bj->bi", matrix, at)
        contradiction = right[:, -1] - right[:, m] if kind == "dependent" and k > 1 else 0.0
        right = there
        right[:, :m] += gap[:, :m]
        right[:, -1] += contradiction
        cost = rng.random((count, n)) * (rng.random((count, n)) < 0.5) - np.einsum("bij,bi->bj", matrix, dual)
    return cost, matrix[:, :m], right[:, :m], matrix[:, m:], right[:, m:]


def by_highs(c, A_ub, b_ub, A_eq, b_eq) -> tuple[int, float]:
    """Status and value; without presolve, which calls some unbounded programs infeasible."""
    rows = {"A_ub": A_ub, "b_ub": b_ub, "A_eq": A_eq, "b_eq": b_eq}
    rows = {name: x if len(x) else None for name, x in rows.items()}
    found = scipy_linprog(c, **rows, options={"presolve": False})
    if found.status in (3, 4):
        again = scipy_linprog(0 * c, **rows, options={"presolve": False})
        return (INFEASIBLE if again.status == 2 else UNBOUNDED), np.nan
    return {0: OPTIMAL, 2: INFEASIBLE}[found.status], found.fun if found.status == 0 else np.nan


def check_proof(found: jg.lp.LinearSolution, c, A_ub, b_ub, A_eq, b_eq) -> None:
    """What the status says, recomputed in NumPy from the program."""
    x, ray = np.asarray(found.x), np.asarray(found.ray)
    pull = found.dual_ub @ A_ub + found.dual_eq @ A_eq
    value = found.dual_ub @ b_ub + found.dual_eq @ b_eq
    size = 1 + np.abs(x).max()
    if found.status != INFEASIBLE:
        assert x.min() >= 0 and (found.dual_ub <= 0).all()
        assert (A_ub @ x - b_ub <= 1e-9 * size).all() and (np.abs(A_eq @ x - b_eq) <= 1e-9 * size).all()
    if found.status == OPTIMAL:
        assert (pull - c <= 1e-9 * (1 + np.abs(pull).max())).all()
        assert value == pytest.approx(c @ x, abs=1e-8 * size) and not ray.any()
    elif found.status == INFEASIBLE:
        assert value > 0 and (pull <= 1e-9 * value).all() and (found.dual_ub <= 0).all()
    else:
        assert ray.min() >= 0 and c @ ray < 0
        assert (A_ub @ ray <= 1e-9 * ray.max()).all() and (np.abs(A_eq @ ray) <= 1e-9 * ray.max()).all()


def compare(kind: str, count: int, shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Statuses found, after comparing with HiGHS one by one."""
    programs = draw(kind, count, shape, seed)
    found = many()(*programs)
    for i in range(count):
        own, program = jax.tree.map(lambda x, i=i: np.asarray(x[i]), found), [x[i] for x in programs]
        status, value = by_highs(*program)
        assert own.status == status, (kind, shape, i, STATUS[own.status], STATUS[status])
        check_proof(own, *program)
        if status == OPTIMAL:
            # Costs are of size 1: rounding is in parts of what the largest entry of x costs.
            size = max(1.0, abs(value), np.abs(own.x).max())
            assert own.value.upper == pytest.approx(value, abs=1e-9 * size)
            assert own.value.lower <= value + 1e-9 * size
            assert own.value.upper - own.value.lower <= 1e-6 * size
    return np.bincount(found.status, minlength=4)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_agrees_with_highs(shape):
    seen = sum(compare(kind, 40, shape, 0) for kind in KINDS)
    assert seen[LIMIT] == 0 and seen[:3].min() > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES)
def test_ten_thousand_agree_with_highs(shape):
    seen = sum(compare(kind, 2000, shape, 1) for kind in KINDS)
    print(shape, dict(zip(STATUS, seen, strict=True)))
    assert seen[LIMIT] == 0


def test_no_proposal_makes_an_answer_false():
    """Whatever the method proposes, a status counts only if it is proven, and brackets hold the optimum."""
    count, inequalities = 200, 4
    programs = draw("any", count, (inequalities, 0, 6), 10)
    truth = [by_highs(*(x[i] for x in programs)) for i in range(count)]
    status, value = (np.array(x) for x in zip(*truth, strict=True))
    c, A_ub, b_ub, _, _ = map(jnp.asarray, programs)
    scaled, units = jax.vmap(linear._scaled)(A_ub, b_ub, c)
    best = jax.vmap(lambda *program: simplex.solve_programs(*(x[None] for x in program), inequalities))(
        *scaled
    )
    best = jax.tree.map(lambda x: x[:, 0], best)
    judge = jax.jit(jax.vmap(lambda program, ended: linear._judged(program, ended, inequalities)))
    assert (np.asarray(judge(scaled, best).status) == status).all()
    rng = np.random.default_rng(0)
    for size in (1e-12, 1e-6, 1e-2, 1.0):
        for claimed in range(4):

            def moved(x, size=size):
                return x + size * rng.normal(size=x.shape)

            proposal = best._replace(
                x=moved(best.x),
                dual=moved(best.dual),
                ray=moved(best.ray),
                status=jnp.full(count, claimed, jnp.int32),
            )
            found = judge(scaled, proposal)
            proven = np.asarray(found.status) != LIMIT
            assert (np.asarray(found.status)[proven] == status[proven]).all()
            known = status == OPTIMAL
            lower, upper = (np.asarray(end * units.value)[known] for end in (found.lower, found.upper))
            slack = 1e-9 * np.maximum(1.0, np.abs(value[known]))
            assert (lower <= value[known] + slack).all() and (value[known] - slack <= upper).all()


def beale():
    return (
        [-0.75, 150.0, -0.02, 6.0],
        [[0.25, -60.0, -0.04, 9.0], [0.5, -90.0, -0.02, 3.0], [0.0, 0.0, 1.0, 0.0]],
        [0.0, 0.0, 1.0],
        -0.05,
    )


def kuhn():
    return (
        [-2.0, -3.0, 1.0, 12.0],
        [[-2.0, -9.0, 1.0, 9.0], [1 / 3, 1.0, -1 / 3, -2.0], [2.0, 3.0, -1.0, -12.0]],
        [0.0, 0.0, 2.0],
        -2.0,
    )


def hoffman():
    """To four digits, as in Gass and Vinjamuri (2004)."""
    rows = [
        [0.3090, -0.6180, -0.8090, -0.3820, 0.8090, 0.3820, 0.3090, 0.6180],
        [1.4635, 0.3090, 1.4635, -0.8090, -0.9045, -0.8090, 0.4635, 0.3090],
    ]
    return [-2.2361, 2.0, 0.0, 4.0, 3.6180, 3.2360, 3.6180, 0.7640], rows, [0.0, 0.0], None


def chvatal():
    return (
        [-10.0, 57.0, 9.0, 24.0],
        [[0.5, -5.5, -2.5, 9.0], [0.5, -1.5, -0.5, 1.0], [1.0, 0.0, 0.0, 0.0]],
        [0.0, 0.0, 1.0],
        -1.0,
    )


def marshall_suurballe():
    return (
        [-0.4, -0.4, 1.8],
        [[0.6, -6.4, 4.8], [0.2, -1.8, 0.6], [0.4, -1.6, 0.2], [0.0, 1.0, 0.0]],
        [0.0, 0.0, 0.0, 1.0],
        None,
    )


def klee_minty(n: int):
    """A cube so bent that the textbook rule passes all 2^n corners."""
    rows = [[2.0 * 10 ** (i - j) if j < i else float(i == j) for j in range(n)] for i in range(n)]
    return [-(10.0 ** (n - 1 - j)) for j in range(n)], rows, [100.0**i for i in range(n)], -(100.0 ** (n - 1))


def badly_scaled():
    """Entries from 1 to a million, an issue once sent to SciPy (6139); its equations as pairs of rows."""
    equal = np.array([[1.0, 0.0, 0.0], [-1000.0, 0.0, -1000.0]])
    rows = np.concatenate([[[0.0, -1e6, -1.01e6]], equal, -equal])
    return [1.0, 1.0, 1.0], rows, [-1e7, 5.0, -1e4, -5.0, 1e4], 14.95


def nearly_parallel():
    """Another (8174): methods of the time called it infeasible or missed its optimum."""
    rows = [
        [22714.0, 1008.0, 13380.0, -2713.5, -1116.0],
        [-4986.0, -1092.0, -31220.0, 17386.5, 684.0],
        [-4986.0, 0.0, 0.0, -2713.5, 0.0],
        [22714.0, 0.0, 0.0, 17386.5, 0.0],
    ]
    return -np.ones(5), [*rows, *np.eye(5)], [0.0] * 4 + [1.0] * 5, -2.0080717488789235


@pytest.mark.parametrize(
    "program",
    [
        beale,
        kuhn,
        hoffman,
        chvatal,
        marshall_suurballe,
        badly_scaled,
        nearly_parallel,
        *(functools.partial(klee_minty, n) for n in range(2, 11)),
    ],
)
def test_programs_that_cycle_or_crawl(program):
    c, rows, right, value = program()
    found = linprog(*padded(c, rows, right))
    expected = scipy_linprog(c, rows, right, options={"presolve": False})
    status = {0: OPTIMAL, 3: UNBOUNDED, 4: UNBOUNDED}[expected.status]
    assert STATUS[found.status] == STATUS[status]
    if status == OPTIMAL:
        value = expected.fun if value is None else value
        assert float(found.value.upper) == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert float(found.value.lower) <= value + 1e-12 * abs(value)


def padded(c, rows, right) -> tuple[np.ndarray, ...]:
    """The program with rows and variables that do nothing, 10 of each: one compilation for all."""
    matrix = np.zeros((10, 10))
    matrix[: len(rows), : len(c)] = rows
    return np.pad(c, (0, 10 - len(c))), matrix, np.pad(right, (0, 10 - len(right)))


def test_degenerate_transport_and_assignment():
    """Every vertex of an assignment problem is degenerate, and one of its equations depends on the others."""
    costs = np.random.default_rng(0).integers(1, 10, (5, 5)).astype(float)
    rows = np.array(
        [np.kron(np.eye(5)[i], np.ones(5)) for i in range(5)] + [np.tile(np.eye(5)[j], 5) for j in range(5)]
    )
    found = linprog(costs.ravel(), A_eq=rows, b_eq=np.ones(10))
    expected = scipy_linprog(costs.ravel(), A_eq=rows, b_eq=np.ones(10)).fun
    assert STATUS[found.status] == "optimal" and float(found.value.upper) == pytest.approx(
        expected, abs=1e-12
    )
    np.testing.assert_allclose(found.x, np.round(found.x), atol=1e-12)  # a permutation


def test_bracket_is_true_in_exact_arithmetic():
    """Both ends against the optimum of the very numbers given, from the basis in rationals."""
    programs = draw("integers", 200, (4, 0, 6), 3)
    rng = np.random.default_rng(0)
    programs = [x + 1e-3 * rng.normal(size=x.shape) for x in programs]
    found = many()(*programs)
    checked = 0
    for i in np.flatnonzero(np.asarray(found.status) == OPTIMAL):
        c, A, b = (programs[j][i] for j in range(3))
        value = exact_value(c, A, b, np.asarray(found.basis[i]))
        if value is not None:
            checked += 1
            assert Fraction(float(found.value.lower[i])) <= value <= Fraction(float(found.value.upper[i]))
    assert checked >= 30


def exact_value(c, A, b, basis) -> Fraction | None:
    """The value at a basis if that is feasible and optimal, in rationals."""
    rows, columns = A.shape
    every = [
        [Fraction(float(v)) for v in row] + [Fraction(int(i == j)) for j in range(rows)]
        for i, row in enumerate(A)
    ]
    costs = [Fraction(float(v)) for v in c] + [Fraction(0)] * rows
    basic = [[every[i][j] for j in basis] for i in range(rows)]
    levels = gauss(basic, [Fraction(float(v)) for v in b])
    duals = gauss([list(column) for column in zip(*basic, strict=True)], [costs[j] for j in basis])
    if levels is None or duals is None or min(levels) < 0:
        return None
    reduced = [costs[j] - sum(duals[i] * every[i][j] for i in range(rows)) for j in range(columns + rows)]
    return (
        sum(level * costs[j] for level, j in zip(levels, basis, strict=True)) if min(reduced) >= 0 else None
    )


def gauss(matrix, right):
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        place = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if place is None:
            return None
        rows[k], rows[place] = rows[place], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(len(rows)):
            if i != k and rows[i][k]:
                rows[i] = [v - rows[i][k] * w for v, w in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def test_lanes_that_are_no_numbers_leave_their_neighbours_alone():
    programs = draw("feasible", 12, (5, 0, 10), 4)
    clean = many()(*programs)
    spoilt = [x.copy() for x in programs]
    spoilt[0][3, 2], spoilt[1][5, 0, 0], spoilt[2][8, 1] = np.nan, np.inf, -np.inf
    found = many()(*spoilt)
    bad = np.isin(np.arange(12), [3, 5, 8])
    assert (np.asarray(found.status)[bad] == LIMIT).all()
    assert np.isneginf(found.value.lower[bad]).all() and np.isposinf(found.value.upper[bad]).all()
    assert np.isnan(found.x[bad]).all() and np.isnan(found.dual_ub[bad]).all()
    np.testing.assert_array_equal(found.x[~bad], clean.x[~bad])
    np.testing.assert_array_equal(found.value.lower[~bad], clean.value.lower[~bad])


def test_a_program_does_not_depend_on_its_batch():
    programs = draw("any", 30, (4, 2, 8), 5)
    together = many()(*programs)
    nested = jax.vmap(jax.vmap(linprog))(*(x.reshape(5, 6, *x.shape[1:]) for x in programs))
    for i in (0, 7, 29):
        alone = linprog(*(x[i] for x in programs))
        for other in (
            jax.tree.map(lambda x, i=i: x[i], together),
            jax.tree.map(lambda x, i=i: x[i // 6, i % 6], nested),
        ):
            assert alone.status == other.status and alone.pivots == other.pivots
            np.testing.assert_allclose(alone.x, other.x, rtol=0, atol=1e-14)
    empty = many()(*(x[:0] for x in programs))
    assert empty.x.shape == (0, 8) and empty.status.shape == (0,)


@pytest.mark.parametrize("factor", [1e-12, 1e-3, 1e12])
def test_units_do_not_matter(factor):
    """Rows, right-hand sides and costs in other units: the same basis, hence the same answer."""
    c, A, b, A_eq, b_eq = draw("feasible", 20, (4, 2, 8), 6)
    first = many()(c, A, b, A_eq, b_eq)
    second = many()(c * factor, A, b / factor, A_eq, b_eq / factor)
    np.testing.assert_array_equal(first.status, second.status)
    np.testing.assert_allclose(second.x * factor, first.x, rtol=1e-9, atol=1e-12)
    rows = many()(c, A * factor, b * factor, A_eq * factor, b_eq * factor)
    np.testing.assert_allclose(rows.value.upper, first.value.upper, rtol=1e-9, atol=1e-12)


def test_derivatives_are_those_of_the_optimum():
    c, A, b, A_eq, b_eq = (x[0] for x in draw("feasible", 1, (5, 2, 9), 8))

    def value(*program):
        return linprog(*program).value.midpoint

    found = linprog(c, A, b, A_eq, b_eq)
    assert STATUS[found.status] == "optimal"
    slopes = jax.grad(value, argnums=(0, 1, 2, 3, 4))(c, A, b, A_eq, b_eq)
    program, step = [c, A, b, A_eq, b_eq], 1e-6
    for place, slope in enumerate(slopes):
        direction = np.random.default_rng(place).normal(size=program[place].shape)
        ends = []
        for sign in (1, -1):
            moved = list(program)
            moved[place] = program[place] + sign * step * direction
            ends.append(float(value(*moved)))
        assert (slope * direction).sum() == pytest.approx(
            (ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7
        )
    # The solution itself moves with the right-hand sides.
    moves = jax.jacfwd(lambda b: linprog(c, A, b, A_eq, b_eq).x)(jnp.asarray(b))
    d_b = np.random.default_rng(9).normal(size=b.shape)
    numeric = (linprog(c, A, b + step * d_b, A_eq, b_eq).x - linprog(c, A, b - step * d_b, A_eq, b_eq).x) / (
        2 * step
    )
    np.testing.assert_allclose(moves @ d_b, numeric, atol=1e-7)
    per_lane = jax.vmap(jax.grad(value), (0, None, None, None, None))(jnp.stack([c, 2 * c]), A, b, A_eq, b_eq)
    np.testing.assert_allclose(per_lane, np.stack([found.x, found.x]), atol=1e-9)


def test_no_rows_and_zero_rows():
    assert STATUS[linprog([1.0, 0.0]).status] == "optimal"
    assert STATUS[linprog([1.0, -1.0]).status] == "unbounded"
    assert STATUS[linprog([1.0], A_eq=[[0.0]], b_eq=[1.0]).status] == "infeasible"
    assert STATUS[linprog([1.0], A_ub=[[0.0]], b_ub=[-1.0]).status] == "infeasible"
    assert STATUS[linprog([1.0], A_ub=[[0.0]], b_ub=[0.0]).status] == "optimal"
    assert STATUS[linprog([0.0], A_eq=[[1.0]], b_eq=[-1.0]).status] == "infeasible"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (([],), "c has shape"),
        (([1.0], [[1.0]]), "A_ub is given without b_ub"),
        (([1.0], None, None, None, [1.0]), "b_eq is given without A_eq"),
        (([1.0], [[1.0, 2.0]], [1.0]), "A_ub has shape"),
        (([1.0], [[1.0]], [[1.0]]), "A_ub has shape"),
        (([np.nan],), "c"),
        (([1.0], [[1.0]], [np.inf]), "b_ub"),
    ],
)
def test_bad_input_is_named(program, message):
    with pytest.raises(ValueError, match=message):
        linprog(*program)


def test_one_compilation_for_any_number_of_attempts():
    """Attempts, rays and refilled lanes share one loop body: one pivot is compiled."""
    text = jax.jit(jax.vmap(linprog)).lower(*draw("any", 600, (4, 2, 8), 5)).as_text()
    assert text.count("stablehlo.while") == 2
