"""A panel made ready for many draws: which columns advise which target, and its rows in few numbers.

Least squares sees rows only through their inner products. A QR decomposition, made once for each split, turns
N rows into as many as there are columns, with all root mean squares unchanged; a draw then costs a
few small matrices. The factor, unlike a Gram matrix, keeps the distance of given weights exact to
rounding, however near to 0.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core import checks
from jaxgame.core.record import record
from jaxgame.panel.splits import random_split
from jaxgame.panel.table import Panel

# Of the random splits: the same in every run.
SPLIT_SEED = 0

# Who may advise a target that is a rater itself: any other, those of its group, those of other groups.
POOLS = ("any", "same_group", "other_group")

# What is subtracted from and divided into all columns: nothing; the target's train mean and train standard
# deviation, so that the columns keep their common scale; each column's own.
SCALES = ("raw", "target", "standard")


@record
class Rows:
    """The train (or the test) rows of a table, turned into C rows on which root mean squares are the same.

    - `members` [N]: True for the rows of the table that are meant;
    - `basis` [N, C - 1]: orthonormal columns that span the table's P columns and the constant 1 there;
    - `columns` [C, P]: the images of the table's columns, in their units;
    - `one` [C]: the image of the constant 1.

    The first C - 1 rows are coordinates in `basis`, the last is the length of what a vector has outside its
    span (0 for the table's own columns). All are scaled so that a mean square over C rows is that over the
    members. A `Table` holds several splits, one after the other along a first axis of every field.
    """

    members: Bool[Array, "*S N"]
    basis: Float[Array, "*S N C_less_1"]
    columns: Float[Array, "*S C P"]
    one: Float[Array, "*S C"]

    def of(self, split: int | Array) -> "Rows":
        """The rows of one of several splits."""
        return jax.tree.map(lambda field: field[split], self)

    def image(self, vector: Float[Array, " N"]) -> Float[Array, " C"]:
        """The image of any vector over the N rows of the table."""
        own = jnp.where(self.members, vector, 0.0)
        inside = self.basis.T @ own
        outside = jnp.linalg.norm(own - self.basis @ inside)
        scale = jnp.sqrt(self.one.shape[0] / self.members.sum().astype(own.dtype))
        return scale * jnp.concatenate([inside, outside[None]])


@record
class Table:
    """A panel made ready for many draws; a pytree.

    Its P columns are the raters and, if there is one, the fixed target, last.

    - `train`, `test`: all P columns over the train and over the test rows, of each of S splits;
    - `targets` [S, G, N]: the columns that a draw may pick as target, in the units of each split;
    - `target_places` [G]: their places among the P;
    - `eligible` [G, P]: which columns may be raters of each of these targets.
    """

    train: Rows
    test: Rows
    targets: Float[Array, "S G N"]
    target_places: Int[Array, " G"]
    eligible: Bool[Array, "G P"]


def prepare(panel: Panel, *, scale: str, pool: str = "any", splits: int = 0) -> Table:
    """Factor a panel's train and test rows, once for all draws.

    `scale` tells what is done to the columns of the `panel`, the target's included: "raw" leaves them as they
    are; "target" subtracts the target's train mean from all and divides all by its train standard deviation,
    which leaves a hull what it is; "standard" does so with each column's own. But for "raw" distances are in
    standard deviations of the target. `pool` tells which raters may advise a target that is a rater itself:
    "any" other, those of its own group ("same_group"), or of the others ("other_group"). `splits` 0 keeps to
    the panel's own split; a number asks for so many random ones instead, of whole blocks of rows, of which
    each draw takes one. They are the same for every call.

    Raises ValueError for an unknown scale or pool, a pool that asks for the group of a fixed target, a scale
    that asks for the one target of a panel that has none, a negative number of splits, a target left without
    raters, and a column to be standardised that is constant on train rows.
    """
    checks.check_choice("pool", pool, POOLS)
    checks.check_choice("scale", scale, SCALES)
    fixed = panel.target is not None
    if fixed and pool != "any":
        raise ValueError(f"pool is {pool!r}, but panel {panel.name!r} has a fixed target; it must be 'any'")
    if not fixed and scale == "target":
        raise ValueError(f"scale is 'target', but in panel {panel.name!r} each rater in turn is the target")
    if splits < 0:
        raise ValueError(f"splits is {splits}; it must be at least 0")
    if panel.target is None:
        columns, names = panel.scores, panel.raters
    else:
        columns = np.column_stack([panel.scores, panel.target])
        names = (*panel.raters, "the target")
    picks = np.array([len(panel.raters)]) if fixed else np.arange(len(panel.raters))
    sides: tuple[list[Rows], list[Rows]] = [], []
    targets = []
    for train in _splits(panel, splits):
        scaled = _scaled(columns, names, train, scale, panel.name)
        targets.append(scaled[:, picks].T)
        for side, members in zip(sides, (train, ~train), strict=True):
            side.append(_factored(scaled, members))
    stacked = [jax.tree.map(lambda *parts: jnp.stack(parts), *side) for side in sides]
    return Table(
        train=stacked[0],
        test=stacked[1],
        targets=jnp.asarray(np.stack(targets)),
        target_places=jnp.asarray(picks),
        eligible=jnp.asarray(_eligible(panel, pool)),
    )


def _splits(panel: Panel, splits: int) -> list[np.ndarray]:
    """The train rows of each split: the panel's own, or random ones of its blocks."""
    if splits == 0:
        return [panel.train]
    blocks = np.arange(len(panel.train)) if panel.blocks is None else panel.blocks
    return [random_split(blocks, np.random.default_rng([SPLIT_SEED, place])) for place in range(splits)]


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


def _scaled(
    columns: np.ndarray, names: Sequence[str], train: np.ndarray, scale: str, panel: str
) -> np.ndarray:
    """All rows of `columns` [N, P] after the `scale`, with moments of train rows.

    Raises ValueError for a column that is constant on them, or for "target" if the last one is.
    """
    if scale == "raw":
        return columns
    fitted = columns[train]
    asked = fitted if scale == "standard" else fitted[:, -1:]
    constant = np.flatnonzero(np.ptp(asked, axis=0) == 0)
    if len(constant):
        raise ValueError(
            f"{names[constant[0] - asked.shape[1]]!r} of panel {panel!r} is {asked[0, constant[0]]} on all "
            f"{len(asked)} train rows ({len(constant)} such columns); it cannot be standardised: leave it "
            "out or set scale to 'raw'"
        )
    return (columns - asked.mean(axis=0)) / asked.std(axis=0)


def _factored(columns: np.ndarray, members: np.ndarray) -> Rows:
    """The `Rows` of some columns [N, P], by a QR decomposition of the members'."""
    chosen = np.column_stack([columns, np.ones(len(columns))])[members]
    rows, width = len(chosen), columns.shape[1]
    own, triangle = np.linalg.qr(chosen)
    # The same number of rows for all splits: a side with fewer rows than columns has coordinates that are 0.
    size = min(len(columns), width + 1)
    basis = np.zeros((len(columns), size))
    basis[members, : own.shape[1]] = own
    image = np.zeros((size + 1, width + 1))
    image[: len(triangle)] = triangle * np.sqrt((size + 1) / rows)
    return Rows(
        members=jnp.asarray(members),
        basis=jnp.asarray(basis),
        columns=jnp.asarray(image[:, :width]),
        one=jnp.asarray(image[:, width]),
    )
