"""How near a target comes to the hull of K raters of a panel drawn at random, and to its rivals.

Weights are fitted by least squares on train rows; distances are root mean squares over rows, and
those on test rows are the finding. Every distance stands beside rivals that a hull must beat
(the best single rater, the plain average, a constant) and beside the null: the same fit to the
target's values in random order. It falls with K too, so that a falling distance proves nothing.

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
from jaxgame.hull import OFFSETS
from jaxgame.panel.fits import View, bracket, fit_hulls, rivals
from jaxgame.panel.prepared import POOLS, Table, largest_pool, prepare
from jaxgame.panel.sizes import check_sizes, nested_sizes

__all__ = ["METHODS", "POOLS", "Table", "coverage", "largest_pool", "nested_sizes", "prepare"]

# What `coverage` measures; each name comes with `_train` and `_test`.
METHODS = (
    "hull",
    "cone",
    "best_single",
    "best_single_fitted",
    "plain_average",
    "plain_average_fitted",
    "null",
    "constant",
)

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
    - best_single: the rater with the least train distance as it is; best_single_fitted: the one with
      the least after a slope and an intercept fitted on train (the slope may be negative);
    - plain_average: equal weights, as it is; plain_average_fitted: with slope and intercept;
    - null: the hull fitted to, and tested on, the target's values in random order;
    - constant: the target's train mean;

    besides `hull_used`, how many raters have weight, `converged`, whether both brackets closed,
    and `target`, the place of the target's column.

    `offset` "constant" gives hull, cone and null an intercept too; "none" does not. On standardised
    columns "none" is the natural choice: train means are 0, and so is the best intercept of hull and cone.

    Pure, works under jit and vmap. Raises ValueError for an unknown offset and sizes out of range.
    """
    checks.check_choice("offset", offset, OFFSETS)
    check_sizes(sizes, _most_raters(table))
    key_target, key_order, key_shuffle = jax.random.split(key, 3)
    pick = jax.random.randint(key_target, (), 0, table.targets.shape[0])
    place = table.target_places[pick]
    order = _random_order(key_order, table.eligible[pick])[: sizes[-1]]
    train, test = (View(s.columns[:, order], s.one, s.columns[:, place]) for s in (table.train, table.test))

    shuffled = table.targets[pick][_permutation(key_shuffle, table.targets.shape[1])]
    rows = table.train.basis.shape[0]
    null_train = train._replace(target=table.train.image(shuffled[:rows]))
    null_test = test._replace(target=table.test.image(shuffled[rows:]))

    hull, cone, null = fit_hulls(train, null_train, sizes, offset)
    values: dict[str, Array | Bracket] = {}
    for name, model in (rivals(train, sizes) | {"hull": hull, "cone": cone}).items():
        values |= {f"{name}_train": train.distance(model), f"{name}_test": test.distance(model)}
    values |= {"null_train": null_train.distance(null), "null_test": null_test.distance(null)}
    brackets = {
        "hull_train": bracket(train, hull, sizes, offset, simplex=True),
        "cone_train": bracket(train, cone, sizes, offset, simplex=False),
    }
    size_of_target = train.size(train.target)
    closed = [found.width <= CLOSED * size_of_target for found in brackets.values()]
    used = (hull.weights > USED_WEIGHT).sum(axis=1)
    return values | brackets | {"hull_used": used, "converged": closed[0] & closed[1], "target": place}


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
