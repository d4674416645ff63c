"""Missing scores, filled in from what the other raters said of the same row; the target is never used."""

import numpy as np
from jaxtyping import Float


def filled(scores: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
    """The `scores` of N rows by K raters with each missing one (NaN) filled in, in the raters' units.

    It becomes its rater's mean plus its spread times the consensus of the row: the mean of the row's known
    scores, each in standard deviations from its own rater's mean. Every rater and every row needs a score.
    """
    mean = np.nanmean(scores, axis=0)
    spread = np.nanstd(scores, axis=0)
    standard = (scores - mean) / np.where(spread > 0, spread, 1.0)
    consensus = np.nanmean(standard, axis=1)
    return np.where(np.isfinite(scores), scores, mean + spread * consensus[:, None])
