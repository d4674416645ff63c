"""From one row per draw to one row per setting: coverage with intervals, quantiles, widths."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import polars as pl

# A distance counts as 0 if its upper end is at most this, as positive if its lower end exceeds it.
ZERO = 1e-8
# Brackets wider than this are counted as wide; they stay in every figure.
WIDE = 1e-6


def wilson_interval(successes: int, trials: int, confidence: float = 0.99) -> tuple[float, float]:
    """Wilson's score interval for a probability: its lower and its upper end, both from 0 to 1.

    `successes` says how often of `trials` independent trials it came true; `confidence` is how often such an
    interval holds the probability, approximately. Where none or all trials succeed, the end at 0 or 1 is
    exact. Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.

    Raises ValueError unless 0 <= successes <= trials, trials > 0 and 0 < confidence < 1.

    >>> low, high = wilson_interval(50, 100, confidence=0.95)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(
            f"successes is {successes} of {trials} trials; it must be from 0 to trials, trials > 0"
        )
    z = z_score(confidence)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # At the extremes centre and spread cancel exactly, but for rounding.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == trials else (centre + spread) / scale
    return low, high


def z_score(confidence: float) -> float:
    """How many standard deviations around its mean hold a normal number with probability `confidence`.

    Raises ValueError unless 0 < confidence < 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be between 0 and 1")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def bracket_summary(table: pl.DataFrame, name: str, by: Sequence[str]) -> pl.DataFrame:
    """Quantiles of a bracketed number (of its upper end), and how well its brackets pin it down.

    `table` has a row per draw and setting, with the columns NAME_lower and NAME_upper of the number `name`
    (see `run_draws`); `by` are the columns that make up a setting. The result has one row per setting, in
    their order: the columns `by`, `draws`, the quartiles NAME_q25, NAME_median and NAME_q75, NAME_mean,
    NAME_widest (the largest width), and NAME_wide: how many draws are wider than 1e-6 or not a number.
    """
    width = pl.col(f"{name}_upper") - pl.col(f"{name}_lower")
    upper = pl.col(f"{name}_upper")
    return table.group_by(by, maintain_order=True).agg(
        pl.len().alias("draws"),
        upper.quantile(0.25, "linear").alias(f"{name}_q25"),
        upper.median().alias(f"{name}_median"),
        upper.quantile(0.75, "linear").alias(f"{name}_q75"),
        upper.mean().alias(f"{name}_mean"),
        width.max().alias(f"{name}_widest"),
        (~(width <= WIDE)).sum().alias(f"{name}_wide"),
    )


def coverage_summary(
    table: pl.DataFrame, name: str, by: Sequence[str], eps: Sequence[float], confidence: float = 0.99
) -> pl.DataFrame:
    """How often a bracketed distance is within each of `eps`, with a confidence interval.

    `table` has a row per draw and setting, with the columns NAME_lower and NAME_upper of the distance `name`;
    `by` are the columns that make up a setting. One row per setting and eps: `by`, `eps`, `draws`, the counts
    `inside` (upper end within eps), `outside` (lower end beyond it) and `undecided` (the bracket straddles
    it, or is not a number), the share `coverage` of draws inside, and `low`, `high`: Wilson's interval at the
    level `confidence`, where undecided draws count for no in `low` and for yes in `high`. An eps of 0 stands
    for 1e-8 (ZERO): distances are not computed more exactly.

    Raises ValueError unless 0 < confidence < 1.
    """
    rows = []
    for level in eps:
        threshold = max(level, ZERO)
        counted = table.group_by(by, maintain_order=True).agg(
            pl.lit(float(level)).alias("eps"),
            (pl.col(f"{name}_upper") <= threshold).sum().alias("inside"),
            # Polars takes NaN for the largest number; a draw that failed is undecided.
            pl.col(f"{name}_lower").is_between(threshold, math.inf, closed="none").sum().alias("outside"),
            pl.len().alias("draws"),
        )
        rows.append(counted.with_columns(undecided=pl.col("draws") - pl.col("inside") - pl.col("outside")))
    counts = pl.concat(rows)
    low, high = [], []
    for inside, undecided, draws in counts.select("inside", "undecided", "draws").iter_rows():
        low.append(wilson_interval(inside, draws, confidence)[0])
        high.append(wilson_interval(inside + undecided, draws, confidence)[1])
    return counts.with_columns(
        coverage=pl.col("inside") / pl.col("draws"), low=pl.Series(low), high=pl.Series(high)
    )
