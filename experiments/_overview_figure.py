"""The two figures of experiment=overview, from its tables."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from experiments.common.competitions import TITLES
from experiments.common.families import called
from experiments.common.runs import gathered
from jaxgame import plot
from jaxgame.sampling import Shape
from jaxgame.theorems import alignment_dimension, wendel_probability

MOST_POINTS = 4000  # of a scatter plot: more would hide one another


def headline(summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Above the share of games in the hull and without loss, below what is lost, against K."""
    settings = config.experiment
    first = summary.filter(pl.col("family") == config.family.name)
    shown = [name for name in TITLES if name in first["competition"].unique().to_list()]
    fig, axes = plot.new_figure(
        "Competition among misaligned models: once the user is in their hull, she loses nothing",
        _caption(first, config, len(shown)),
        len(shown),
        height=2.6,
        rows=2,
    )
    for place, name in enumerate(shown):
        rows = first.filter(pl.col("competition") == name)
        above, below = axes[place], axes[len(shown) + place]
        _lines(above, rows, ("covered", "in the hull"), ("lossless", "nothing lost"))
        _wendel(above, rows, config)
        above.set(title=TITLES[name], ylim=(-0.03, 1.03))
        scaled = rows.with_columns(pl.col("loss_mean") * 100, pl.col("loss_q90") * 100)
        _lines(below, scaled, ("loss_mean", "mean"), ("loss_q90", "90th percentile"))
        below.set(ylim=(0, None))
        for axis in (above, below):
            plot.leaders_axis(axis, list(settings.leaders))
            axis.set_xlim(min(settings.leaders) / 1.15, max(settings.leaders) * 1.15)
        above.set_xlabel("")
    axes[0].set_ylabel("share of games")
    axes[len(shown)].set_ylabel("loss at the worst equilibrium\n(% of what is at stake)")
    top = max(axis.get_ylim()[1] for axis in axes[len(shown) :])
    for axis in axes[len(shown) :]:
        axis.set_ylim(0, top)
    axes[len(shown) - 1].legend(frameon=False, fontsize=7, loc="lower right")
    axes[-1].legend(handles=axes[-1].get_lines()[-2:], frameon=False, fontsize=7, loc="upper right")
    return fig


def bounds(table: pl.LazyFrame, summary: pl.DataFrame, names: list[str]) -> Figure:
    """Every game's loss against what the two bounds allow, per competition; `names` of the families."""
    shown = [name for name in TITLES if name in summary["competition"].unique().to_list()]
    games = summary["draws"].to_list()
    caption = (
        f"One point a game, of {sum(games):,} checks on families {', '.join(names)}; losses and bounds in % "
        "of what is at stake for the user. Above against the paper's bound, the sup distance: 2 eps (for a "
        "logit user and her regret); below against ours, the average distance D in its place. A point "
        "above the line would refute the bound. Bounds beyond 100% say nothing and are left out; of "
        f"the others the {MOST_POINTS:,} games that lose most are drawn."
    )
    fig, axes = plot.new_figure(
        "How near do losses come to the bounds?", caption, len(shown), height=2.7, rows=2
    )
    for place, name in enumerate(shown):
        rows = table.filter(pl.col("competition") == name)
        for axis, allowed in ((axes[place], "allowed"), (axes[len(shown) + place], "mean_allowed")):
            _points(axis, rows, allowed, names)
        axes[place].set_title(TITLES[name])
        axes[place].set_xlabel("allowed by 2 eps (%)")
        axes[len(shown) + place].set_xlabel("allowed by D (%)")
    for row in (0, len(shown)):
        axes[row].set_ylabel("loss at the worst equilibrium (%)")
    axes[0].legend(frameon=False, fontsize=7, loc="upper left", markerscale=2)
    return fig


def _lines(axes: Axes, rows: pl.DataFrame, solid: tuple[str, str], dotted: tuple[str, str]) -> None:
    """One shade per diversity; two (column, name)s, solid with a full marker and dotted with an open one."""
    levels = rows["diversity"].unique().sort().to_list()
    for d, colour, marker in zip(levels, plot.shades(len(levels)), plot.MARKERS, strict=False):
        line = rows.filter(pl.col("diversity") == d).sort("leaders")
        axes.plot(line["leaders"], line[solid[0]], color=colour, marker=marker, label=f"diversity {d:g}")
        axes.plot(
            line["leaders"], line[dotted[0]], color=colour, marker=marker, linestyle=":", fillstyle="none"
        )
    axes.plot([], [], color="0.3", label=solid[1])
    axes.plot([], [], color="0.3", linestyle=":", label=dotted[1])


def _wendel(axes: Axes, rows: pl.DataFrame, config: DictConfig) -> None:
    """Crosses where there is a closed form: independent symmetric errors."""
    if config.family.name != "noise" or 1.0 not in config.experiment.diversity:
        return
    leaders = rows["leaders"].unique().sort().to_list()
    dimension = alignment_dimension(Shape(1, 1, config.experiment.states, config.experiment.actions), "state")
    expected = [wendel_probability(k, dimension) for k in leaders]
    axes.plot(leaders, expected, "kx", markersize=7, label="Wendel's formula\n(diversity 1)", zorder=5)


def _points(axes: Axes, rows: pl.LazyFrame, allowed: str, names: list[str]) -> None:
    rows = rows.with_columns(
        x=100 * pl.col(allowed) / pl.col("stake"), y=100 * pl.col("loss") / pl.col("stake")
    )
    rows = rows.filter(pl.col("x") <= 100).select("draw", "family", "x", "y")
    most = gathered(rows.sort("y", "draw", "x", descending=[True, False, False]).head(MOST_POINTS))
    for name, colour, marker in zip(names, plot.shades(len(names)), plot.MARKERS, strict=False):
        points = most.filter(pl.col("family") == name)
        axes.plot(
            points["x"], points["y"], linestyle="", marker=marker, markersize=2, alpha=0.4, color=colour,
            label=name, rasterized=True,
        )  # fmt: skip
    axes.plot([0, 100], [0, 100], color="0.3", linewidth=1, label="bound")


def _caption(first: pl.DataFrame, config: DictConfig, competitions: int) -> str:
    settings = config.experiment
    checks = int(first["draws"].sum())
    most = first.filter(pl.col("diversity") == max(settings.diversity), pl.col("competition") == "selection")
    few, many = (
        most.filter(pl.col("leaders") == k).row(0, named=True)
        for k in (min(settings.leaders), max(settings.leaders))
    )
    quantal = (
        f" The logit user's rationality is {settings.rationality:g} / what is at stake for her, her loss "
        "counts from what full information is worth to her as she responds, and she is checked in one of "
        f"{settings.quantal_every} draws with at most {max(settings.quantal_leaders)} models."
        if settings.quantal_leaders
        else ""
    )
    return (
        f"From {few['leaders']} to {many['leaders']} models at diversity {max(settings.diversity):g} the "
        f"user comes into the hull of their utilities (up to a constant per state) in {few['covered']:.0%} "
        f"to {many['covered']:.0%} of the games, and the mean loss falls from {few['loss_mean']:.1%} to "
        f"{many['loss_mean']:.1%} of what is at stake. {settings.draws:,} draws of the family "
        f"{called(config.family)}, S = {settings.states}, A = {settings.actions}: {checks:,} checks, the "
        f"same games for {competitions} competitions. Losses are those of the worst of all equilibria, "
        f"upper ends of certified brackets.{quantal}"
    )
