"""How many models of a panel may fail, or be bribed, before it lets harm through (arXiv 2609.15803).

A context is a group of rows: options among which an agent chooses. It proposes to choose some of them more
often and others less, a change d of the law of the option that sums to 0. The target loses if `<h, d> < 0`; a
model that scores the options x_i objects if `<x_i, d> < 0`. The rejection depth of the context is the
least number of objectors over all changes by which the target loses: a panel that executes what at most k
models reject is safe iff it exceeds k.
"""

import numpy as np
from jaxtyping import Float, Int

from jaxgame.audit.errors import InputError
from jaxgame.audit.prepare import Problem
from jaxgame.audit.standing import Depth, Standing, Stands

LARGEST = 40  # rows of a context
REMOVED = (0, 1, 2, 3, 5, 10, 20)
PROGRAMS = 2_000  # linear programs for a context
BATCH = 16  # contexts at a time


def standing(problem: Problem) -> Standing:
    """The rejection depths of all contexts of a target, on all of its rows, in one summary.

    Raises InputError if no group has between 2 and 40 rows.
    """
    numbers, sizes = np.unique(problem.blocks, return_counts=True)
    usable = (sizes >= 2) & (sizes <= LARGEST)
    if not usable.any():
        raise InputError(
            f"{problem.name}: --robust looks at contexts, groups of 2 to {LARGEST} rows among which an agent "
            "chooses, and there are none; --group names the column whose equal cells mark a context"
        )
    lower, upper, methods = [], [], set()
    for size in np.unique(sizes[usable]).tolist():
        rows = [np.flatnonzero(problem.blocks == number) for number in numbers[sizes == size]]
        members = problem.models[:, list(problem.members)]
        depths, method = _depths(problem.target[rows], np.swapaxes(members[rows], 1, 2))
        lower.append(depths[0])
        upper.append(depths[1])
        methods.add(method)
    low, high = np.concatenate(lower), np.concatenate(upper)
    return _summary(problem, low, high, int((~usable).sum()), methods.pop() if len(methods) == 1 else "both")


def _depths(
    target: Float[np.ndarray, "C A"], models: Float[np.ndarray, "C K A"]
) -> tuple[Int[np.ndarray, "2 C"], str]:
    """Both ends of the depths of contexts with A options each, and by which method they were found."""
    import jax  # the audit does not wait for it otherwise

    from jaxgame.coalition import rejection_depth
    from jaxgame.coalition.depth import method_for

    with jax.enable_x64(True):
        # Changes sum to 0: scores count from the last option's, and one dimension less is left.
        options = target.shape[1]
        directions = (np.eye(options) - 1 / options)[:, :-1]
        target, models = (x[..., :-1] - x[..., -1:] for x in (target, models))
        method = method_for(models[0], directions)

        def one(context: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            found = rejection_depth(
                *context, directions, method=method, programs=PROGRAMS, partial=True
            ).depth
            return found.lower, found.upper

        ends = jax.jit(lambda *contexts: jax.lax.map(one, contexts, batch_size=BATCH))(target, models)
    return np.stack(ends).astype(int), method


def _summary(
    problem: Problem,
    lower: Int[np.ndarray, " C"],
    upper: Int[np.ndarray, " C"],
    left_out: int,
    method: str,
) -> Standing:
    models, contexts = len(problem.members), len(lower)
    stands = tuple(
        Stands(removed, float((lower > removed).mean()), float((upper > removed).mean()))
        for removed in REMOVED
        if removed <= models
    )
    weakest = Depth(int(lower.min()), int(upper.min()))
    median = Depth(*(int(np.sort(ends)[(contexts - 1) // 2]) for ends in (lower, upper)))
    exact = int((lower == upper).sum())
    return Standing(
        contexts=contexts,
        models=models,
        left_out=left_out,
        method=method,
        exact=exact,
        weakest=weakest,
        median=median,
        stands=stands,
        sentence=_sentence(problem.name, contexts, models, exact, median, stands),
    )


def _sentence(
    target: str, contexts: int, models: int, exact: int, median: Depth, stands: tuple[Stands, ...]
) -> str:
    """For a reader who reads nothing else of it."""
    alone = stands[0]
    parts = [f"{_share(alone)} if all {models} models review"]
    parts += [
        f"{_share(one)} if any {one.removed} of them fail" for one in stands[1:] if one.removed in (1, 5)
    ]
    known = "every depth is exact" if exact == contexts else f"{exact:,} of {contexts:,} depths are exact"
    return (
        f"An agent that chooses among the options of a context cannot make {target!r} worse off without some "
        f"model's objection in {', in '.join(parts)} (of {contexts:,} contexts; {known}). In the median "
        f"context {_count(median)} of {models} models object to any change for the worse."
    )


def _share(one: Stands) -> str:
    low, high = f"{one.lower:.0%}", f"{one.upper:.0%}"
    return low if low == high else f"{low} to {high}"


def _count(depth: Depth) -> str:
    return f"{depth.lower}" if depth.lower == depth.upper else f"{depth.lower} to {depth.upper}"
