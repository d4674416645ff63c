"""A panel made ready for many draws: which columns advise which target, and its rows in few numbers.

Least squares sees rows only through their inner products. A QR decomposition, made once, turns N
rows into as many as there are columns, with all root mean squares unchanged; a draw then costs a
few small matrices. The factor, unlike a Gram matrix, keeps the distance of given weights exact to
rounding, however near to 0.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.record import record
from jaxgame.panel.table import Panel

# Who may advise a target that is a rater itself: any other, those of its group, those of other groups.
POOLS = ("any", "same_group", "other_group")


@record
class Rows:
    """N rows of a table, turned into C rows on which root mean squares are the same.

    - `basis` [N, C - 1]: orthonormal columns that span the table's P columns and the constant 1;
    - `columns` [C, P]: the images of the table's columns, in their units;
    - `one` [C]: the image of the constant 1.

    The first C - 1 rows are coordinates in `basis`, the last is the length of what a vector has outside its
    span (0 for the table's own columns). All are scaled so that a mean square over C rows is that over N.
    """

    basis: Float[Array, "N C_less_1"]
    columns: Float[Array, "C P"]
    one: Float[Array, " C"]

    def image(self, vector: Float[Array, " N"]) -> Float[Array, " C"]:
        """The image of any vector over the N rows."""
        inside = self.basis.T @ vector
        outside = jnp.linalg.norm(vector - self.basis @ inside)
        scale = np.sqrt(self.one.shape[0] / vector.shape[0])
        return scale * jnp.concatenate([inside, outside[None]])


@record
class Table:
    """A panel made ready for many draws; a pytree.

    Its P columns are the raters and, if there is one, the fixed target, last.

    - `train`, `test`: all P columns over the train and over the test rows;
    - `targets` [G, N]: the columns that a draw may pick as target, train rows first;
    - `target_places` [G]: their places among the P;
    - `eligible` [G, P]: which columns may be raters of each of these targets.
    """

    train: Rows
    test: Rows
    targets: Float[Array, "G N"]
    target_places: Int[Array, " G"]
    eligible: Bool[Array, "G P"]


def prepare(panel: Panel, *, standardise: bool, pool: str = "any") -> Table:
    """Factor a panel's train and test rows, once for all draws.

    `standardise` subtracts each column's train mean and divides by its train standard deviation, the
    target's included: distances are then in standard deviations of the target. `pool` tells which
    raters of the `panel` may advise a target that is a rater itself: "any" other, those of its own group
    ("same_group"), or of the others ("other_group").

    Raises ValueError for an unknown pool, one that asks for the group of a fixed target, a target
    left without raters, and a column to be standardised that is constant on train rows.
    """
    checks.check_choice("pool", pool, POOLS)
    fixed = panel.target is not None
    if fixed and pool != "any":
        raise ValueError(f"pool is {pool!r}, but panel {panel.name!r} has a fixed target; it must be 'any'")
    if panel.target is None:
        columns, names = panel.scores, panel.raters
    else:
        columns = np.column_stack([panel.scores, panel.target])
        names = (*panel.raters, "the target")
    if standardise:
        columns = _standardised(columns, names, panel)
    train, test = columns[panel.train], columns[~panel.train]
    picks = np.array([len(panel.raters)]) if fixed else np.arange(len(panel.raters))
    return Table(
        train=_factored(train),
        test=_factored(test),
        targets=jnp.asarray(np.concatenate([train, test])[:, picks].T),
        target_places=jnp.asarray(picks),
        eligible=jnp.asarray(_eligible(panel, pool)),
    )


def largest_pool(panel: Panel, pool: str = "any") -> int:
    """The most raters that every target of the `panel` can have, chosen from its `pool` (see `prepare`).

    Raises ValueError for an unknown pool and one that leaves a target without raters.
    """
    checks.check_choice("pool", pool, POOLS)
    return int(_eligible(panel, pool).sum(axis=1).min())


def _eligible(panel: Panel, pool: str) -> np.ndarray:
    """Which columns [targets, columns] may be raters of which target."""
    raters = len(panel.raters)
    if panel.target is not None:
        return (np.arange(raters + 1) < raters)[None, :]
    groups = np.array(panel.groups)
    same = groups[:, None] == groups[None, :]
    allowed = {"any": np.ones_like(same), "same_group": same, "other_group": ~same}[pool]
    allowed &= ~np.eye(raters, dtype=bool)
    lonely = np.flatnonzero(~allowed.any(axis=1))
    if len(lonely):
        raise ValueError(
            f"pool {pool!r} leaves {panel.raters[lonely[0]]!r} of panel {panel.name!r}, as a target, without "
            "raters"
        )
    return allowed


def _standardised(columns: np.ndarray, names: Sequence[str], panel: Panel) -> np.ndarray:
    """All rows, with train means of 0 and train standard deviations of 1; ValueError for constant columns."""
    train = columns[panel.train]
    constant = np.flatnonzero(np.ptp(train, axis=0) == 0)
    if len(constant):
        raise ValueError(
            f"{names[constant[0]]!r} of panel {panel.name!r} is {train[0, constant[0]]} on all {len(train)} "
            f"train rows ({len(constant)} such columns); it cannot be standardised: leave it out or set "
            "standardise to False"
        )
    return (columns - train.mean(axis=0)) / train.std(axis=0)


def _factored(columns: np.ndarray) -> Rows:
    """The `Rows` of some columns [N, P], by a QR decomposition."""
    rows, width = columns.shape
    basis, triangle = np.linalg.qr(np.column_stack([columns, np.ones(rows)]))
    image = np.vstack([triangle, np.zeros((1, width + 1))]) * np.sqrt((len(triangle) + 1) / rows)
    return Rows(
        basis=jnp.asarray(basis), columns=jnp.asarray(image[:, :width]), one=jnp.asarray(image[:, width])
    )
