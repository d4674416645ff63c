"""Hull coverage on random games, against the number and the diversity of the leaders."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common.claims import CLASSIC, Claim, Finding, Run
from experiments.common.config import GamesConfig
from experiments.common.families import called, make_family
from experiments.common.games import repeated
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import QUARTILES, gathered, middle, scan_of, statistics_of
from jaxgame import plot
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.hull import game_hull_distance, leader_distances
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.streaming import Statistics
from jaxgame.sampling import Family, Shape
from jaxgame.summary import WIDE, ZERO, bracket_summary, coverage_summary
from jaxgame.theorems import alignment_dimension, wendel_coverage, wendel_probability

log = logging.getLogger("experiments")


@dataclass
class HullCoverageConfig(GamesConfig):
    """See conf/experiment/hull_coverage.yaml."""

    offset: str = MISSING
    scale: str = MISSING
    eps: list[float] = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report what the brackets and the checks gave."""
    settings = config.experiment
    family = make_family(config.family)
    leaders, diversity = list(settings.leaders), list(settings.diversity)
    check_increasing("leaders", leaders, 1)
    check_diversity(diversity)
    check_list("eps", settings.eps, "distinct numbers of at least 0", lambda level: level >= 0)
    shape = Shape(max(leaders), settings.types, settings.states, settings.actions)

    function = draw_function(family, shape, leaders, diversity, settings.offset, settings.scale)
    coordinates = {"diversity": diversity, "leaders": leaders}
    eps = list(settings.eps)
    if config.run.rows:
        summary = summarise(scan_of(config, function, directory, coordinates), eps)
    else:
        levels = {"sup": sorted({max(level, ZERO) for level in eps})}
        summary = summarise_statistics(statistics_of(config, function, directory, coordinates, levels), eps)
    distances = settings.draws * len(diversity) * len(leaders)
    wendel = wendel_checks(summary, config, shape)
    for norm in ("sup", "square"):
        widest = _extreme(summary, f"{norm}_widest")
        wide = summary.unique(["diversity", "leaders"])[f"{norm}_wide"].sum()
        log.info("%s norm: widest bracket %.1e; %d of %d wider than %g", norm, widest, wide, distances, WIDE)
    for row in wendel.iter_rows(named=True):
        log.info(
            "Wendel's formula, K = %(leaders)d: %(wendel).4f; counted in [%(low).4f, %(high).4f]: %(holds)s",
            row,
        )
    summary = summary.join(
        wendel.select("diversity", "leaders", "eps", "wendel", "holds"), how="left", on=_SETTING
    )
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(summary, config), directory)


def draw_function(
    family: Family, shape: Shape, leaders: list[int], diversity: list[float], offset: str, scale: str
) -> DrawFunction:
    """One draw: distances at every diversity to the hull of the first K leaders, for every K.

    Returns Brackets `sup` and `square` and the distance `best_single` (sup norm) of the nearest
    single leader, each [diversity, K]. Draws at different diversities share their randomness.
    """

    def at(key: Array, d: Array) -> Mapping[str, Array | Bracket]:
        game = family.sample(key, shape, d)
        alone = leader_distances(game, offset)

        def nested(norm: str) -> Bracket:
            def distance(some: Array) -> Bracket:
                return game_hull_distance(Game(game.prior, game.follower, some), offset, scale, norm).distance

            classes = groupby(leaders, key=lambda k: max(k, _SMALL))
            brackets = [jax.vmap(distance)(game.leaders[repeated(ks, size)]) for size, ks in classes]
            return jax.tree.map(lambda *ends: jnp.concatenate(ends), *brackets)

        return {
            "sup": nested("sup"),
            "square": nested("square"),
            "best_single": jnp.stack([alone[:k].min() for k in leaders]),
        }

    return lambda key: jax.vmap(lambda d: at(key, d))(jnp.asarray(diversity))


# Repeating leaders leaves the hull as it is: up to 8 of them share one compiled program.
_SMALL = 8


_SETTING = ["diversity", "leaders", "eps"]


def summarise(table: pl.LazyFrame, eps: list[float]) -> pl.DataFrame:
    """One row per diversity, K and eps: coverage in the sup norm with its 99% interval, and quantiles.

    Two columns of the table are in memory at a time, beside the coordinates.
    """
    by = ["diversity", "leaders"]

    def ends(norm: str) -> pl.DataFrame:
        return gathered(table.select(*by, f"{norm}_lower", f"{norm}_upper"))

    summary = coverage_summary(ends("sup"), "sup", by, eps)
    for norm in ("sup", "square"):
        summary = summary.join(bracket_summary(ends(norm), norm, by).drop("draws"), on=by)
    nearest = (
        gathered(table.select(*by, "best_single"))
        .group_by(by)
        .agg(pl.col("best_single").median().alias("best_single_median"))
    )
    return summary.join(nearest, on=by).sort(_SETTING)


def summarise_statistics(statistics: Statistics, eps: list[float]) -> pl.DataFrame:
    """The same from a run without rows; a quantile `q` is the middle of its bracket `q_lower`, `q_upper`."""
    by = ["diversity", "leaders"]
    levels = pl.DataFrame(
        {"eps": eps, "level": [max(level, ZERO) for level in eps]}, schema_overrides=_LEVELS
    )
    summary = levels.join(statistics.coverage("sup"), on="level").drop("level")
    table = statistics.table()
    for norm in ("sup", "square"):
        quantiles = table.filter(name=f"{norm}_upper").select(
            *by, *_quantiles(norm), pl.col("mean").alias(f"{norm}_mean")
        )
        widths = statistics.coverage(f"{norm}_width").select(
            *by, (pl.col("draws") - pl.col("inside")).alias(f"{norm}_wide")
        )
        widest = table.filter(name=f"{norm}_width").select(*by, pl.col("largest").alias(f"{norm}_widest"))
        for part in (quantiles, widest, widths):
            summary = summary.join(part, on=by)
    nearest = table.filter(name="best_single").select(*by, *_quantiles("best_single")[3:6])
    return summary.join(nearest, on=by).sort(_SETTING)


_LEVELS = {"eps": pl.Float64, "level": pl.Float64}


def _quantiles(name: str) -> list[pl.Expr]:
    columns = []
    for short, long in QUARTILES.items():
        columns += [
            middle(short).alias(f"{name}_{long}"),
            pl.col(f"{short}_lower").alias(f"{name}_{long}_lower"),
            pl.col(f"{short}_upper").alias(f"{name}_{long}_upper"),
        ]
    return columns


def wendel_checks(summary: pl.DataFrame, config: DictConfig, shape: Shape) -> pl.DataFrame:
    """Rows where Wendel's formula applies (independent symmetric noise on the simplex), with its verdict."""
    applies = (
        config.family.name == "noise" and config.family.strength > 0 and config.experiment.scale == "simplex"
    )
    dimension = alignment_dimension(shape, config.experiment.offset)
    rows = summary.filter((pl.col("diversity") == 1.0) & (pl.col("eps") == 0.0) & pl.lit(applies))
    expected = [wendel_probability(leaders, dimension) for leaders in rows["leaders"]]
    counts = rows.select("inside", "undecided", "draws").iter_rows()
    verdicts = [wendel_coverage(e, *count).holds for e, count in zip(expected, counts, strict=True)]
    return rows.with_columns(
        wendel=pl.Series(expected, dtype=pl.Float64), holds=pl.Series(verdicts, dtype=pl.String)
    )


def figure(summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Coverage at each eps and the distance's quartiles, against K, one line per diversity."""
    settings = config.experiment
    leaders = list(settings.leaders)
    draws = settings.draws
    distances = draws * len(settings.diversity) * len(leaders)
    levels = list(settings.eps)[:2]
    entries = f"T = {settings.types}, S = {settings.states}, A = {settings.actions}"
    caption = (
        f"{_claim(summary)} Family {called(config.family)}, {draws:,} random games ({entries}), sup norm, "
        f"offset {settings.offset}, weights on the {settings.scale}. Diversity runs from 0 (one misalignment "
        f"for all) to 1 (each its own). Bands: 99% intervals (coverage), quartiles (distance). "
        f"Every distance carries a bracket; the widest of {distances:,} is "
        f"{_extreme(summary, 'sup_widest'):.0e}."
    )
    fig, axes = plot.new_figure(
        "Who covers the user? Hull coverage by number and diversity of models", caption, len(levels) + 1
    )
    for axis, eps in zip(axes, levels, strict=False):
        rows = summary.filter(pl.col("eps") == eps)
        plot.band(axis, rows, "leaders", "coverage", "low", "high", "diversity", "diversity {:g}")
        formula = rows.drop_nulls("wendel").sort("leaders")
        if formula.height:
            axis.plot(
                formula["leaders"],
                formula["wendel"],
                "kx",
                markersize=7,
                label="Wendel's formula\n(diversity 1)",
                zorder=5,
            )
        within = "exactly in the hull" if eps == 0 else f"within {eps:g} of the hull"
        axis.set(title=f"User's utility {within}", ylabel="share of games", ylim=(-0.03, 1.03))
    rows = summary.filter(pl.col("eps") == summary["eps"].min())
    plot.band(axes[-1], rows, "leaders", "sup_median", "sup_q25", "sup_q75", "diversity", "diversity {:g}")
    most = max(settings.diversity)
    widest = rows.filter(pl.col("diversity") == most).sort("leaders")
    axes[-1].plot(
        widest["leaders"], widest["best_single_median"], color="0.45", linestyle=":",
        label=f"nearest single model\n(diversity {most:g})",
    )  # fmt: skip
    axes[-1].set(title="Distance to the hull", ylabel="median sup distance (utility units)")
    axes[-1].set_ylim(bottom=0)
    for axis in axes:
        plot.leaders_axis(axis, leaders)
    axes[0].legend(frameon=False)
    axes[-1].legend(handles=axes[-1].get_lines()[-1:], frameon=False, loc="upper right")
    return fig


def _claim(summary: pl.DataFrame) -> str:
    """What the figure shows, in numbers read off the summary."""
    ends = summary.filter(pl.col("eps") == summary["eps"].min()).sort("diversity", "leaders")
    sentences = []
    for d in sorted({ends["diversity"][0], ends["diversity"][-1]}):
        line = ends.filter(pl.col("diversity") == d)
        few, many = line["leaders"][0], line["leaders"][-1]
        sentences.append(
            f"At diversity {d:g} the median distance goes from {line['sup_median'][0]:.2f} with K = {few} "
            f"to {line['sup_median'][-1]:.2f} with K = {many}."
        )
    return " ".join(sentences)


def _extreme(summary: pl.DataFrame, column: str) -> float:
    return float(summary[column].to_numpy().max())


def wendel_finding(directory: Path) -> Finding:
    """Cells where Wendel's formula is outside the interval of what was counted, or might be."""
    summary = pl.read_csv(directory / "summary.csv").filter(pl.col("wendel").is_not_null())
    return Finding(
        premise="independent symmetric errors (diversity 1), weights that sum to 1",
        draws=int(summary["draws"].to_numpy().max()),
        checked=summary.height,
        violations=summary.filter(pl.col("holds") == "no").height,
        undecided=summary.filter(pl.col("holds") == "undecided").height,
        unit="numbers of models",
    )


register(
    Experiment(
        name="hull_coverage",
        config=HullCoverageConfig,
        run=run,
        rows_optional=True,
        headline=Headline(
            "leaders", "sup_median", "sup_q25", "sup_q75", "distance (utility units)",
            "median distance of the user's utility to the hull of K models' at the "
            "largest diversity (bands: quartiles)",
            ends={"diversity": "max", "eps": "min"},
        ),
        coordinates=("leaders", "diversity"),
        page=(
            Run(
                place=20,
                name="hull_coverage",
                title="How often is the user in the models' hull?",
                about=(
                    "The premise of all theorems: a mixture of the models' utilities equals hers up to a "
                    "constant. For independent symmetric errors there is a closed form to meet."
                ),
                setting=("experiment=hull_coverage",),
                draws=4096,
                seconds=20,
                pictures={"figure": "Coverage and distance, by number and diversity of models"},
                claims=(
                    Claim(
                        name="wendel",
                        title="Coverage is Wendel's formula",
                        statement=(
                            "The share of games with the user in the hull of K models with independent "
                            "errors is Wendel's formula (1962), within the 99% interval of what was "
                            "counted."
                        ),
                        whose=CLASSIC,
                        find=wendel_finding,
                    ),
                ),
            ),
        ),
    )
)  # fmt: skip
