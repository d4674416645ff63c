"""Which rows are train and which are test: whole blocks of rows at random."""

import numpy as np
from jaxtyping import Bool, Int

TRAIN_SHARE = 2 / 3


def random_split(
    blocks: Int[np.ndarray, " N"], random: np.random.Generator, train_blocks: int | None = None
) -> Bool[np.ndarray, " N"]:
    """True for the train rows of a random split; rows of one block stay on one side.

    `blocks` [N] are the rows' blocks, numbers from 0 on without gaps, `random` draws, and `train_blocks` is
    how many blocks are for training (None: two thirds).
    """
    count = int(blocks.max()) + 1
    chosen = np.zeros(count, bool)
    chosen[random.permutation(count)[: train_blocks or round(TRAIN_SHARE * count)]] = True
    return chosen[blocks]


def parted_block(blocks: Int[np.ndarray, " N"], train: Bool[np.ndarray, " N"]) -> int | None:
    """A row whose block has both train and test rows; None if every block of `blocks` is on one side."""
    count = int(blocks.max()) + 1
    sides = [np.bincount(blocks[side], minlength=count) > 0 for side in (train, ~train)]
    both = sides[0] & sides[1]
    return int(np.flatnonzero(both[blocks])[0]) if both.any() else None
