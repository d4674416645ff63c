"""How far a measured distance can be trusted: other splits, shuffled targets, resampled rows."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxgame.audit.moments import moments
from jaxgame.panel.splits import random_split

# Bootstrap: blocks of rows (rows, if each is by itself) are resampled one by one up to this many, and in as
# many random groups beyond.
GROUPS = 1000
# The second moments of all groups must fit into this many bytes: with many models there are fewer groups, and
# below FEWEST_GROUPS blocks are drawn one by one after all.
ROOM = 128e6
FEWEST_GROUPS = 200
# Samples that are computed at a time: one product of matrices for all of them.
CHUNK = 50

# Rows of the models, the target and the constant 1 (`moments.columns`), and their sums of products.
Columns = Float[np.ndarray, "N P"]
Sums = Float[np.ndarray, "P P"]


def random_splits(
    rows: Columns,
    total: Sums,
    blocks: Int[np.ndarray, " N"],
    train_blocks: int,
    splits: int,
    random: np.random.Generator,
) -> Iterator[tuple[Sums, Sums]]:
    """Moments of train and held-out rows of random splits; `total` adds up all rows.

    `blocks` [N] are the rows' blocks, from 0 on without gaps; each split has `train_blocks` of them to train.
    """
    for _ in range(splits):
        test = moments(rows[~random_split(blocks, random, train_blocks)])
        yield total - test, test


def shuffled(
    rows: Columns,
    train: Bool[np.ndarray, " N"],
    sums: tuple[Sums, Sums],
    blocks: Int[np.ndarray, " N"],
    count: int,
    random: np.random.Generator,
) -> Iterator[tuple[Sums, Sums]]:
    """Moments of train and held-out rows with the target's scores moved between `blocks` at random.

    `sums` are the moments of both with the true target: only its row and its column change.
    """
    sides = [(rows[side], side, own) for side, own in zip((train, ~train), sums, strict=True)]
    moved = rearranged(blocks, random)
    for start in range(0, count, CHUNK):
        orders = np.stack([rows[next(moved), -2] for _ in range(min(CHUNK, count - start))])
        made = []
        for own_rows, side, own in sides:
            aims = orders[:, side]
            many = np.repeat(own[None], len(aims), axis=0)
            products = aims @ own_rows
            many[:, -2, :-2] = many[:, :-2, -2] = products[:, :-2]
            many[:, -2, -1] = many[:, -1, -2] = products[:, -1]
            many[:, -2, -2] = np.einsum("bn,bn->b", aims, aims)
            made.append(many)
        yield from zip(*made, strict=True)


def rearranged(blocks: Int[np.ndarray, " N"], random: np.random.Generator) -> Iterator[Int[np.ndarray, " N"]]:
    """For ever, places [N] of rows from which the rows take their target's score: whole blocks change places.

    `blocks` [N] are numbers from 0 on without gaps. Each block takes the scores of one other (or its own), in
    their order, so that scores that depend on each other stay together: were single rows moved, a target that
    has nothing to do with the models would look as if it had, as often as rows are few for their number. Of
    blocks of one size this is a permutation of the rows. A larger block gives a run of its scores from
    a random place on, a smaller one repeats its own.
    """
    sizes = np.bincount(blocks)
    while len(sizes) == len(blocks):  # each row by itself: the same, sooner
        yield random.permutation(len(blocks))
    order = np.argsort(blocks, kind="stable")
    starts = np.cumsum(sizes) - sizes
    own = blocks[order]
    place = np.arange(len(blocks)) - starts[own]
    moved = np.empty(len(blocks), int)
    while True:
        giver = random.permutation(len(sizes))
        first = np.where(sizes[giver] == sizes, 0, random.integers(sizes[giver]))
        moved[order] = order[starts[giver[own]] + (place + first[own]) % sizes[giver[own]]]
        yield moved.copy()


def bootstrap(
    rows: Columns, blocks: Int[np.ndarray, " N"], count: int, random: np.random.Generator
) -> Iterator[Sums]:
    """Moments of `count` samples of the rows, whole blocks of them drawn with replacement.

    `blocks` [N] are the rows' blocks, any numbers. Beyond `GROUPS` blocks, random groups of equally many are
    drawn instead of single ones, and the moments of each group are summed once. Groups are as independent and
    as alike as blocks are, so that the moments of all rows vary as much.
    """
    width = rows.shape[1]
    _, own_block = np.unique(blocks, return_inverse=True)
    number = int(own_block.max()) + 1
    groups = min(number, GROUPS, int(ROOM / (8 * width**2)))
    if groups < min(number, FEWEST_GROUPS):
        for _ in range(count):
            drawn = np.bincount(random.integers(number, size=number), minlength=number)
            yield moments(rows, drawn[own_block])
        return
    group = np.empty(number, int)
    for place, part in enumerate(np.array_split(random.permutation(number), groups)):
        group[part] = place
    order = np.argsort(group[own_block], kind="stable")
    ends = np.cumsum(np.bincount(group[own_block], minlength=groups))[:-1]
    sums = np.empty((groups, width**2))
    for own, part in zip(sums, np.split(order, ends), strict=True):
        own[:] = moments(rows[part]).ravel()
    for start in range(0, count, CHUNK):
        drawn = random.integers(groups, size=(min(CHUNK, count - start), groups))
        counts = np.stack([np.bincount(draw, minlength=groups) for draw in drawn]).astype(float)
        yield from (counts @ sums).reshape(-1, width, width)
