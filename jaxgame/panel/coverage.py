"""How near a target comes to the hull of K raters of a panel drawn at random, and to its rivals.

Weights are fitted by least squares on train rows; distances are root mean squares over rows, and
those on test rows are the finding. Every distance stands beside rivals that a hull must beat
(the best single rater, the plain average, weights of any sign, a constant) and beside the null: the same
fit to the target's values in random order. It falls with K too, so that a falling distance proves nothing.

`prepare` makes a `Table` of a panel, once; `coverage` measures one draw of it, and is given to `run_draws`.
Distances of given weights are exact to rounding, however near to 0; fitted weights come within about
1e-8 of an exact fit.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.panel.fits import OFFSETS, View, bracket, fit_hulls, has_intercept, rivals
from jaxgame.panel.prepared import POOLS, SCALES, Rows, Table, largest_pool, prepare
from jaxgame.panel.sizes import check_sizes, nested_sizes
from jaxgame.panel.unconstrained import least_squares

__all__ = [
    "METHODS",
    "OFFSETS",
    "POOLS",
    "SCALES",
    "Table",
    "coverage",
    "largest_pool",
    "nested_sizes",
    "prepare",
]

# What `coverage` measures; each name comes with `_train` and `_test`.
METHODS = (
    "hull",
    "cone",
    "least_squares",
    "best_single",
    "best_single_fitted",
    "plain_average",
    "plain_average_fitted",
    "null",
    "null_cone",
    "constant",
)

# Those that are measured on a shuffled target.
NULLS = ("null", "null_cone")

# What a draw's key is folded with to choose the split.
SPLIT = 3

# A rater counts as used if its weight is above this.
USED_WEIGHT = 1e-6

# A bracket counts as closed if it is no wider than this, relative to the target's size.
CLOSED = 1e-6


def coverage(
    key: Array, table: Table, sizes: Sequence[int], *, offset: str = "none"
) -> dict[str, Array | Bracket]:
    """One draw: a target, raters in random order, and the distances for the first K of them, K in `sizes`.

    `key` is the JAX random key of the draw, `table` the prepared panel; `sizes` are increasing numbers of
    raters, at most what every target can have (`largest_pool`).

    Returns arrays [len(sizes)] `METHOD_train` and `METHOD_test`, root mean squares over rows, for

    - hull, cone: weights w >= 0 (hull: sum w = 1) of least squares on train rows. `hull_train` and
      `cone_train` are Brackets, certified by a dual measure as in `hull.hull_distance`;
    - least_squares: weights of either sign and any sum, with an intercept;
    - best_single: the rater with the least train distance as it is; best_single_fitted: the one with
      the least after a slope and an intercept fitted on train (the slope may be negative);
    - plain_average: equal weights, as it is; plain_average_fitted: with slope and intercept;
    - null, null_cone: hull and cone fitted to, and tested on, the target's values in random order;
    - constant: the target's train mean;

    besides `hull_used`, how many raters have weight, `converged`, whether both brackets closed,
    `target`, the place of the target's column, and `split`, the place of the split among the table's.

    `offset` "constant" gives hull, cone and their nulls an intercept too, "cone" only the cone and its null,
    "none" none of them. On standardised columns it makes little difference: train means are 0, and so is the
    best intercept of hull and cone.

    Pure, works under jit and vmap. Raises ValueError for an unknown offset and sizes out of range.
    """
    checks.check_choice("offset", offset, OFFSETS)
    check_sizes(sizes, _most_raters(table))
    key_target, key_order, key_shuffle = jax.random.split(key, 3)
    pick = jax.random.randint(key_target, (), 0, table.targets.shape[1])
    place = table.target_places[pick]
    split, sides, targets = _of_one_split(key, table)
    order = _random_order(key_order, table.eligible[pick])[: sizes[-1]]
    train, test = (View(s.columns[:, order], s.one, s.columns[:, place]) for s in sides)

    shuffled = targets[pick][_permutation(key_shuffle, targets.shape[1])]
    null_train, null_test = (
        view._replace(target=side.image(shuffled)) for view, side in zip((train, test), sides, strict=True)
    )

    hulls = fit_hulls(train, null_train, sizes, offset)
    values: dict[str, Array | Bracket] = {}
    models = rivals(train, sizes) | {"least_squares": least_squares(train, sizes)} | hulls
    for name, model in models.items():
        seen = (null_train, null_test) if name in NULLS else (train, test)
        values |= {f"{name}_train": seen[0].distance(model), f"{name}_test": seen[1].distance(model)}
    brackets = {
        f"{name}_train": bracket(
            train, hulls[name], sizes, intercept=has_intercept(name, offset), simplex=name == "hull"
        )
        for name in ("hull", "cone")
    }
    size_of_target = train.size(train.target)
    closed = [found.width <= CLOSED * size_of_target for found in brackets.values()]
    used = (hulls["hull"].weights > USED_WEIGHT).sum(axis=1)
    found = {"hull_used": used, "converged": closed[0] & closed[1], "target": place, "split": split}
    return values | brackets | found


def _of_one_split(key: Array, table: Table) -> tuple[Array, tuple[Rows, Rows], Array]:
    """A split at random: its place, its train and its test rows, and the targets [G, N] in its units."""
    splits = table.targets.shape[0]
    if splits == 1:  # nothing to be gathered for each draw
        split = jnp.zeros((), jnp.int32)
        return split, (table.train.of(0), table.test.of(0)), table.targets[0]
    split = jax.random.randint(jax.random.fold_in(key, SPLIT), (), 0, splits)
    return split, (table.train.of(split), table.test.of(split)), table.targets[split]


def _most_raters(table: Table) -> int:
    """The most raters that every target can have. A traced table shows its shape only: then all columns."""
    if checks.is_concrete(table.eligible):
        return int(np.asarray(table.eligible).sum(axis=1).min())
    return table.eligible.shape[1]


def _random_order(key: Array, eligible: Array) -> Array:
    """The places of the eligible columns in random order, the others behind them."""
    return jnp.argsort(jnp.where(eligible, jax.random.uniform(key, eligible.shape), 2.0))


def _permutation(key: Array, length: int) -> Array:
    """A random permutation of 0, ..., length - 1.

    Random numbers that carry their place in their low bits are sorted, and the places read off. On a CPU this
    is eight times faster than sorting pairs, as `jax.random.permutation` does. Equal random parts would keep
    their places' order; with more than 40 random bits they are too rare to matter.
    """
    if jnp.result_type(float) != jnp.float64:
        return jax.random.permutation(key, length)
    low = jnp.uint64(2 ** (length - 1).bit_length() - 1)
    bits = jax.random.bits(key, (length,), jnp.uint64)
    return jnp.sort((bits & ~low) | jnp.arange(length, dtype=jnp.uint64)) & low
