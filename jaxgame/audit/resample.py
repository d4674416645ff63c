"""How far a measured distance can be trusted: other splits, shuffled targets, resampled rows."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from jaxgame.audit.moments import moments

# Bootstrap: rows are resampled one by one up to this many, and in as many random groups beyond.
GROUPS = 1000
# Second moments of the groups are kept if they fit into this many bytes.
ROOM = 128e6
FEWEST_GROUPS = 200
CHUNK = 50

Sums = Float[np.ndarray, "P P"]


def random_splits(
    models: Float[np.ndarray, "N K"],
    target: Float[np.ndarray, " N"],
    total: Sums,
    train_rows: int,
    splits: int,
    random: np.random.Generator,
) -> Iterator[tuple[Sums, Sums]]:
    """Moments of train and held-out rows of random splits of the same sizes; `total` adds up all rows."""
    for _ in range(splits):
        heldout = random.permutation(len(target))[train_rows:]
        test = moments(models[heldout], target[heldout])
        yield total - test, test


def shuffled(
    models: Float[np.ndarray, "N K"],
    target: Float[np.ndarray, " N"],
    train: Bool[np.ndarray, " N"],
    sums: tuple[Sums, Sums],
    count: int,
    random: np.random.Generator,
) -> Iterator[tuple[Sums, Sums]]:
    """Moments of train and held-out rows with the target's scores in random order over all rows."""
    sides = [(models[rows], own) for rows, own in zip((train, ~train), sums, strict=True)]
    for start in range(0, count, CHUNK):
        orders = np.stack([random.permutation(target) for _ in range(min(CHUNK, count - start))])
        made = []
        for (columns, own), rows in zip(sides, (train, ~train), strict=True):
            aims = orders[:, rows]
            many = np.repeat(own[None], len(aims), axis=0)
            many[:, -2, :-2] = many[:, :-2, -2] = (columns.T @ aims.T).T
            many[:, -2, -2] = np.einsum("bn,bn->b", aims, aims)
            many[:, -2, -1] = many[:, -1, -2] = aims.sum(axis=1)
            made.append(many)
        yield from zip(*made, strict=True)


def bootstrap(
    models: Float[np.ndarray, "N K"],
    target: Float[np.ndarray, " N"],
    count: int,
    random: np.random.Generator,
) -> Iterator[Sums]:
    """Moments of `count` samples of the rows, drawn with replacement.

    Beyond `GROUPS` rows random groups of rows are drawn instead of single ones: their moments are
    independent and alike distributed, as rows are, and are summed once. The spread that this shows is the
    same.
    """
    rows, width = len(target), models.shape[1] + 2
    groups = min(rows, GROUPS, int(ROOM / (8 * width**2)))
    if groups < min(rows, FEWEST_GROUPS):
        for _ in range(count):
            yield moments(models, target, np.bincount(random.integers(rows, size=rows), minlength=rows))
        return
    order = random.permutation(rows)
    parts = np.array_split(order, groups)
    sums = np.stack([moments(models[part], target[part]) for part in parts]).reshape(groups, -1)
    for start in range(0, count, CHUNK):
        drawn = random.integers(groups, size=(min(CHUNK, count - start), groups))
        counts = np.stack([np.bincount(draw, minlength=groups) for draw in drawn]).astype(float)
        yield from (counts @ sums).reshape(-1, width, width)
