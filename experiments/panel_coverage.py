"""Hull coverage on a real panel: distance on test rows against the number of raters."""

import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig, OmegaConf

from experiments.common.claims import OURS, Claim, Finding, Run
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import gathered, scan_of
from jaxgame import plot
from jaxgame.panel import Panel, coverage, load
from jaxgame.runs.files import write_whole
from jaxgame.summary import WIDE, bracket_summary

log = logging.getLogger("experiments")

# Label, colour, marker and dash of each line; the hull is the one to look at.
LOOKS: dict[str, tuple[str, str, str, Any]] = {
    "hull": ("hull", "#440154", "o", "-"),
    "cone": ("cone", "#440154", "D", (0, (1, 1))),
    "least_squares": ("least squares", "0.55", "v", (0, (6, 2, 1, 2))),
    "best_single": ("best single", "#21918c", "^", (0, (5, 1.5))),
    "best_single_fitted": ("best single", "#21918c", "^", (0, (5, 1.5))),
    "plain_average": ("plain average", "#3b7a3a", "s", (0, (3, 1, 1, 1))),
    "plain_average_fitted": ("plain average", "#3b7a3a", "s", (0, (3, 1, 1, 1))),
    "null": ("shuffled target", "0.55", "X", "-"),
    "constant": ("constant guess", "0.35", "", (0, (1, 2.5))),
}

SPREADS = "standard deviations of the target"

# The lines beside which the hull stands: rivals as they are, and rivals with a slope and an intercept.
AS_THEY_ARE = ("null", "constant", "best_single", "plain_average", "hull")
FITTED = ("constant", "best_single_fitted", "plain_average_fitted", "least_squares", "cone", "hull")

RIVALS = {
    "best_single": "the best single rater",
    "best_single_fitted": "the best single rater with a fitted slope",
    "plain_average": "the plain average",
    "plain_average_fitted": "the plain average with a fitted slope",
}

# What the mixtures are, by the setting `offset`.
OFFSETS = {
    "none": "Hull: weights of at least 0 that sum to 1; cone: of at least 0",
    "cone": "Hull: weights of at least 0 that sum to 1; cone: of at least 0, with an intercept",
    "constant": "Hull: weights of at least 0 that sum to 1; cone: of at least 0; both with an intercept",
}


@dataclass
class PanelCoverageConfig:
    """See conf/experiment/panel_coverage.yaml."""

    name: str = MISSING
    draws: int = MISSING
    raters: list[int] | None = None
    offset: str = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report what the brackets gave."""
    settings = config.experiment
    panel = load_panel(config.panel)
    table = coverage.prepare(
        panel, scale=config.panel.scale, pool=config.panel.pool, splits=config.panel.splits
    )
    largest = coverage.largest_pool(panel, config.panel.pool)
    sizes = list(settings.raters or coverage.nested_sizes(largest))
    log.info("%r", panel)

    results = scan_of(
        config,
        lambda key: coverage.coverage(key, table, sizes, offset=settings.offset),
        directory,
        coordinates={"raters": sizes},
        labels={"target": [*panel.raters, config.panel.target or "target"]},
    )
    summary = summarise(results)
    for method in ("hull", "cone"):
        rows = summary.filter(pl.col("method") == method)
        widest, wide = rows["train_widest"].to_numpy().max(), rows["train_wide"].sum()
        log.info(
            "%s, train distance: widest bracket %.1e; %d of %d wider than %g",
            method, widest, wide, rows["draws"].sum(), WIDE,
        )  # fmt: skip
    log.info("%s", claim(summary))
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(summary, panel, config), directory)


def load_panel(config: DictConfig) -> Panel:
    """The panel that a config of the group `panel` names."""
    groups = None if config.groups is None else list(config.groups)
    return load(config.source, groups=groups, target=config.target)


def summarise(results: pl.LazyFrame) -> pl.DataFrame:
    """One row per method and K: means over the draws on train and test, spread on test, bracket widths.

    `train_widest` and `train_wide` (largest width, and how many exceed 1e-6) are of hull and cone alone.
    """
    results = results.with_columns(
        hull_train=pl.col("hull_train_upper"), cone_train=pl.col("cone_train_upper")
    )
    methods, columns = [], results.collect_schema().names()
    for method in coverage.METHODS:
        test = pl.col(f"{method}_test")
        own = gathered(results.select("raters", *[name for name in columns if name.startswith(f"{method}_")]))
        rows = own.group_by("raters", maintain_order=True).agg(
            pl.lit(method).alias("method"),
            pl.len().alias("draws"),
            pl.col(f"{method}_train").mean().alias("train_mean"),
            test.mean().alias("test_mean"),
            test.std(ddof=0).alias("test_sd"),
            test.quantile(0.25, "linear").alias("test_q25"),
            test.median().alias("test_median"),
            test.quantile(0.75, "linear").alias("test_q75"),
        )
        if f"{method}_train_lower" in own.columns:
            widths = bracket_summary(own, f"{method}_train", ["raters"]).select(
                "raters",
                pl.col(f"{method}_train_widest").alias("train_widest"),
                pl.col(f"{method}_train_wide").alias("train_wide"),
            )
            rows = rows.join(widths, on="raters")
        methods.append(rows)
    return pl.concat(methods, how="diagonal").select("method", pl.exclude("method"))


def claim(summary: pl.DataFrame) -> str:
    """What the run shows, in numbers read off the summary (means over the draws, test rows)."""

    def ends(method: str) -> tuple[float, float]:
        line = summary.filter(pl.col("method") == method).sort("raters")["test_mean"]
        return line[0], line[-1]

    few, many = summary["raters"].to_numpy().min(), summary["raters"].to_numpy().max()
    hull, null = ends("hull"), ends("null")
    best = min(RIVALS, key=lambda rival: ends(rival)[1])
    return (
        f"On test rows the hull's mean distance goes from {hull[0]:.2f} with K = {few} to {hull[1]:.2f} with "
        f"K = {many}. It falls for a shuffled target too ({null[0]:.2f} to {null[1]:.2f}): the finding is "
        f"the gap, {null[1] - hull[1]:.2f} in the end. The cone ends at {ends('cone')[1]:.2f}, least squares "
        f"at {ends('least_squares')[1]:.2f}, and the best simple rival, {RIVALS[best]}, at "
        f"{ends(best)[1]:.2f}; a constant guess scores {ends('constant')[1]:.2f}."
    )


def figure(summary: pl.DataFrame, panel: Panel, config: DictConfig) -> Figure:
    """Distance on test rows against K: rivals as they are, and rivals with a fitted slope."""
    sizes = summary["raters"].unique().sort().to_list()
    unit = panel.unit if config.panel.scale == "raw" else SPREADS
    who = "" if config.panel.groups is None else f"; groups {', '.join(config.panel.groups)}"
    who += "" if config.panel.pool == "any" else f"; raters of pool {config.panel.pool}"
    draws = summary["draws"][0]
    caveat = f" Caveat: {panel.caveat}." if panel.caveat else ""
    caption = (
        f"{claim(summary)}{caveat} Lines: means of {draws:,} draws of raters in random "
        f"order; bands: quartiles. {OFFSETS[config.experiment.offset]}; least squares: of any sign, with an "
        f"intercept. {_split(panel, config.panel.splits)}{who}."
    )
    fig, axes = plot.new_figure(panel.title, caption, 2, height=3.6)
    with mpl.rc_context(plot.STYLE):
        _lines(axes[0], summary, AS_THEY_ARE)
        _lines(axes[1], summary, FITTED)
        axes[0].set_title("Rivals as they are")
        axes[1].set_title("Rivals with fitted slope")
        for axis in axes:
            plot.leaders_axis(axis, sizes, "number of raters K")
            axis.set_ylabel(f"RMS distance on test rows\n({unit})")
    return fig


def _split(panel: Panel, splits: int) -> str:
    """Which rows weights are fitted to, in words."""
    rows, train = panel.scores.shape[0], int(panel.train.sum())
    if splits == 0:
        return f"Weights, slope and intercept are fitted on {train:,} train rows; {rows - train:,} test rows"
    blocks = "rows" if panel.blocks is None else f"{int(panel.blocks.max()) + 1} blocks of rows"
    return (
        f"Each draw takes one of {splits} random splits of all {rows:,} rows: weights, slope and intercept "
        f"are fitted on two thirds of the {blocks}, and tested on the others"
    )


def _lines(axes: Axes, summary: pl.DataFrame, methods: tuple[str, ...]) -> None:
    """One line per method, quartiles of hull and null, labels at the ends.

    The axis shows everything, but beside fitted rivals not the hull's start, far above them.
    """
    ends, reached = {}, []
    for method in methods:
        label, colour, marker, dash = LOOKS[method]
        line = summary.filter(pl.col("method") == method).sort("raters")
        shown = line["test_mean"].to_list()
        if method in ("hull", "null"):
            low, high = line["test_q25"], line["test_q75"]
            axes.fill_between(line["raters"], low, high, color=colour, alpha=0.18, linewidth=0)
            shown += [*low, *high]
        axes.plot(line["raters"], line["test_mean"], color=colour, marker=marker, linestyle=dash, label=label)
        ends[method] = float(line["test_mean"][-1])
        reached += [min(shown)] if method == "hull" and "null" not in methods else shown
    margin = 0.06 * (max(reached) - min(reached))
    low, high = min(reached) - margin, max(reached) + margin
    axes.set_ylim(low, high)
    last = float(summary["raters"].to_numpy().max())
    for method, place in _spread(ends, gap=0.06 * (high - low)).items():
        label, colour, *_ = LOOKS[method]
        axes.annotate(
            label,
            (last, ends[method]),
            xytext=(1.06, (place - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": "0.75", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3},
        )


def _spread(places: dict[str, float], gap: float) -> dict[str, float]:
    """The places in their order, neighbours pushed apart alike until all are `gap` apart."""
    order = sorted(places, key=places.__getitem__)
    spread = dict(places)
    for _ in range(100):
        for lower, upper in pairwise(order):
            lacking = max(0.0, gap - (spread[upper] - spread[lower])) / 2
            spread[lower] -= lacking
            spread[upper] += lacking
    return spread


def advantage(directory: Path) -> Finding:
    """No theorem: how much better than its best single rater a real panel's mixture is on held-out rows."""
    table = pl.read_parquet(directory / "results.parquet")
    rows = table.filter(pl.col("raters") == pl.col("raters").max())
    raw = OmegaConf.load(directory / "config.yaml").panel.scale == "raw"
    middle = {name: np.median(rows[f"{name}_test"].to_numpy()) for name in ("hull", "best_single", "null")}
    return Finding(
        premise=(
            f"median held-out distance (root mean square, {'units of the scores' if raw else SPREADS}) of "
            f"{rows['raters'][0]} raters' mixture {middle['hull']:.3g}, of their best single one "
            f"{middle['best_single']:.3g}, of a mixture for a shuffled target {middle['null']:.3g}"
        ),
        draws=table["draw"].n_unique(),
        checked=table.height,
        violations=0,
        undecided=table.filter(~pl.col("converged")).height,
        unit="fits",
        theorem=False,
    )


register(
    Experiment(
        name="panel_coverage",
        config=PanelCoverageConfig,
        run=run,
        headline=Headline(
            "raters", "test_mean", "test_q25", "test_q75", "distance on test rows",
            "the hull's mean distance to the target on test rows (bands: quartiles)", {"method": "hull"},
        ),
        page=(
            Run(
                place=30,
                name="panel_eqbench",
                title="Real models: 86 language models on feelings in dialogues",
                about=(
                    "How near does a mixture of real models come to a human reference, on scenes that its "
                    "weights were not fitted to? A falling curve proves little, since it falls for a "
                    "shuffled target too: look at the gap."
                ),
                setting=("experiment=panel_coverage", "panel=eqbench"),
                draws=64,
                seconds=15,
                pictures={"figure": "Held-out distance, beside simpler rivals and a shuffled target"},
                claims=(
                    Claim(
                        name="panel_eqbench",
                        title="Mixtures of real models, measured",
                        statement=(
                            "Not a theorem: held-out distance of mixtures of 86 language models to a human "
                            "reference."
                        ),
                        whose=OURS,
                        find=advantage,
                    ),
                ),
            ),
        ),
    )
)  # fmt: skip
