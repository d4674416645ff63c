"""What experiments on the guarantees share: a theorem checked over draws, its table and summary."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from omegaconf import DictConfig

from experiments.common.claims import LEAST_ALLOWED, LOSSLESS
from experiments.common.games import repeated
from experiments.common.registry import Headline
from experiments.common.runs import QUARTILES, gathered, middle, scan_of, statistics_of
from jaxgame.core.game import Game
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.streaming import Statistics
from jaxgame.sampling import Family, Shape
from jaxgame.summary import ZERO
from jaxgame.theorems import VERDICTS, Guarantee

log = logging.getLogger("experiments")

# Columns of words, the verdicts on the paper's bound and on the sharper one with average alignment.
LABELS = {"holds": VERDICTS, "mean_holds": VERDICTS}

# What their columns, and those of the bounds themselves, begin with.
PREFIXES = ("", "mean_")

# A user no farther from the hull than this part of what is at stake is in it.
INSIDE = ZERO


def check_function(
    family: Family,
    shape: Shape,
    leaders: list[int],
    diversity: list[float],
    check: Callable[[Game], Guarantee],
) -> DrawFunction:
    """One draw: a theorem's check at every diversity for the first K leaders, for every K."""
    first = repeated(leaders, shape.leaders)

    def at(key: Array, d: Array) -> Mapping[str, Any]:
        game = family.sample(key, shape, d)
        return jax.vmap(lambda some: vars(check(Game(game.prior, game.follower, some))))(game.leaders[first])

    return lambda key: jax.vmap(lambda d: at(key, d))(jnp.asarray(diversity))


def checked(
    config: DictConfig,
    function: DrawFunction,
    directory: Path,
    coordinates: Mapping[str, Sequence[Any]],
    means: Sequence[str] = (),
) -> tuple[pl.LazyFrame | None, pl.DataFrame]:
    """A scan of a theorem's checks, kept in `directory`, and their summary; without rows the summary alone.

    `means` are further values whose mean the summary holds, as `NAME_mean`.
    """
    tolerance = config.experiment.tolerance
    if config.run.rows:
        table = with_losses(scan_of(config, function, directory, coordinates, LABELS))
        return table, summarise(table, *coordinates, tolerance=tolerance, means=means)
    function = losses_function(function, tolerance)
    statistics = statistics_of(config, function, directory, coordinates, {}, LABELS)
    return None, summarise_statistics(statistics, means)


def with_losses(table: pl.LazyFrame) -> pl.LazyFrame:
    """The table with the follower's largest possible loss, what the bounds allow, and the bracket's width."""
    return table.with_columns(
        loss=pl.col("loss_upper"),
        allowed=pl.col("slack_upper") + pl.col("loss_lower"),
        mean_allowed=pl.col("mean_slack_upper") + pl.col("loss_lower"),
        width=pl.col("loss_upper") - pl.col("loss_lower"),
    )


def losses_function(function: DrawFunction, tolerance: float) -> DrawFunction:
    """The draws of a check with what `summarise` makes of their rows, for runs that keep none."""

    def draw(key: Array) -> Mapping[str, Any]:
        found: Mapping[str, Any] = function(key)
        loss, state, stake = (found[name] for name in ("loss", "state", "stake"))
        most, width = loss.upper, loss.upper - loss.lower
        allowed, mean_allowed = (found[name].upper + loss.lower for name in ("slack", "mean_slack"))
        lossless = most <= LOSSLESS * stake
        outside = ~(state.upper <= INSIDE * stake)  # a fit that failed is outside, as in the table
        return {
            **{name: value for name, value in found.items() if name != "loss"},
            "loss": most,
            "allowed": allowed,
            "mean_allowed": mean_allowed,
            "width": width,
            "wide": ~(width <= tolerance * stake),
            "lossless": lossless,
            "outside": outside,
            "tightness": jnp.where(allowed > LEAST_ALLOWED * stake, most / allowed, jnp.nan),
            "mean_tightness": jnp.where(mean_allowed > LEAST_ALLOWED * stake, most / mean_allowed, jnp.nan),
            "spared": outside & lossless,
            "loss_outside": jnp.where(outside, most, jnp.nan),
        }

    return draw


def summarise(table: pl.LazyFrame, *by: str, tolerance: float, means: Sequence[str] = ()) -> pl.DataFrame:
    """One row for each value of the columns `by`: losses, coverage, verdicts, brackets.

    `outside` counts games with the user outside the hull, `spared` those of them without loss, and
    `loss_outside` is the mean loss of the former.
    """
    loss, stake = pl.col("loss"), pl.col("stake")
    outside, lossless = ~(pl.col("state_upper") <= INSIDE * stake), loss <= LOSSLESS * stake
    return gathered(
        table.group_by(*by)
        .agg(
            pl.len().alias("draws"),
            loss.quantile(0.25, "linear").alias("loss_q25"),
            loss.median().alias("loss_median"),
            loss.quantile(0.75, "linear").alias("loss_q75"),
            loss.mean().alias("loss_mean"),
            loss.max().alias("loss_largest"),
            lossless.mean().alias("lossless"),
            (~outside).mean().alias("covered"),
            outside.mean().alias("outside"),
            (outside & lossless).mean().alias("spared"),
            loss.filter(outside).mean().alias("loss_outside"),
            *tightest(),
            *counts(tolerance),
            *[pl.col(name).mean().alias(f"{name}_mean") for name in means],
        )
        .sort(*by)
    )


def tightest() -> list[pl.Expr]:
    """The largest part of what either bound allows that is lost, where that is more than rounding."""
    loss, least = pl.col("loss"), LEAST_ALLOWED * pl.col("stake")
    return [
        (loss / pl.col(allowed)).filter(pl.col(allowed) > least).max().alias(name)
        for allowed, name in (("allowed", "tightest"), ("mean_allowed", "mean_tightest"))
    ]


def counts(tolerance: float) -> list[pl.Expr]:
    """How many rows have each verdict, the widest bracket, and how many are wider than `tolerance` stakes."""
    return [
        *[(pl.col(f"{p}holds") == word).sum().alias(f"{p}{word}") for p in PREFIXES for word in VERDICTS],
        pl.col("width").max().alias("widest"),
        (~(pl.col("width") <= tolerance * pl.col("stake"))).sum().alias("wide"),
    ]


def summarise_statistics(statistics: Statistics, means: Sequence[str] = ()) -> pl.DataFrame:
    """The same of a run without rows; a quantile is the middle of its bracket (see statistics.csv)."""
    by, table = list(statistics.coordinates), statistics.table()
    first = table.filter(name="loss").select(*by, "draws")
    parts = {
        "loss": {
            **{f"loss_{long}": middle(short) for short, long in QUARTILES.items()},
            "loss_mean": pl.col("mean"),
            "loss_largest": pl.col("largest"),
        },
        "lossless": {"lossless": pl.col("mean")},
        "outside": {"covered": 1 - pl.col("mean"), "outside": pl.col("mean")},
        "spared": {"spared": pl.col("mean")},
        "loss_outside": {"loss_outside": pl.col("mean").fill_nan(None)},
        "tightness": {"tightest": pl.col("largest").fill_nan(None)},
        "mean_tightness": {"mean_tightest": pl.col("largest").fill_nan(None)},
        **{name: {f"{name}_mean": pl.col("mean")} for name in means},
    }
    found = [table.filter(name=name).select(*by, **columns) for name, columns in parts.items()]
    for part in [*found, *counts_of(table, by)]:
        first = first.join(part, on=by, maintain_order="left")
    return first.sort(*by)


def counts_of(table: pl.DataFrame, by: Sequence[str]) -> list[pl.DataFrame]:
    """What `counts` counts of rows, from the statistics of `losses_function`; to be joined on `by`."""
    counted = (pl.col("mean") * pl.col("draws")).round().cast(pl.Int64)
    verdicts = {f"{p}holds={word}": f"{p}{word}" for p in PREFIXES for word in VERDICTS}
    return [
        table.filter(name="width").select(*by, widest=pl.col("largest")),
        table.filter(name="wide").select(*by, wide=counted),
        *[table.filter(name=name).select(*by, counted.alias(word)) for name, word in verdicts.items()],
    ]


def report(summary: pl.DataFrame, claim: str, tolerance: float) -> None:
    """Log verdicts and brackets."""
    sharper = claim.replace("2 eps", "D")
    for statement, prefix in ((claim, ""), (f"{sharper} (average alignment)", "mean_")):
        found = verdicts(summary, prefix)
        log.info("%s: %s", statement, ", ".join(f"{name} {count}" for name, count in found.items()))
    widest, wide, games = summary["widest"].to_numpy().max(), summary["wide"].sum(), summary["draws"].sum()
    log.info(
        "widest bracket %.1e; %d of %d wider than %g of what is at stake", widest, wide, games, tolerance
    )


def verdicts(summary: pl.DataFrame, prefix: str = "") -> dict[str, int]:
    """How many games have each verdict; on the sharper bound with the prefix "mean_"."""
    return {verdict: int(summary[f"{prefix}{verdict}"].sum()) for verdict in VERDICTS}


def verdict_sentence(summary: pl.DataFrame, bound: str, where: str = "at the worst equilibrium") -> str:
    """For captions: where the bounds hold, and how near losses come to them."""
    found, sharper = verdicts(summary), verdicts(summary, "mean_")
    near, nearer = (
        max(summary[name].drop_nulls().to_list(), default=0.0) for name in ("tightest", "mean_tightest")
    )
    return (
        f"The bound {bound} holds {where} in {found['yes']:,} games, fails in "
        f"{found['no']:,}, undecided in {found['undecided']:,}; the largest loss is "
        f"{near:.0%} of what it allows. With the average distance D in the place of 2 eps (our bound): "
        f"{sharper['yes']:,}, {sharper['no']:,}, {sharper['undecided']:,}, and {nearer:.0%}."
    )


def loss_headline(where: str, **ends: str) -> Headline:
    """What a collected sweep shows of the summary: the mean loss by number of leaders, at the `ends`."""
    return Headline(
        x="leaders",
        middle="loss_mean",
        low="loss_q25",
        high="loss_q75",
        label="loss (utility units)",
        claim=f"mean loss against full information, {where} (bands: quartiles)",
        ends=ends,
    )
