"""The figure of experiment=conversation, from its summaries."""

from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from experiments.common.families import called
from experiments.common.guarantee import verdict_sentence
from experiments.common.runs import drawn
from experiments.common.subplots import scatter, tightest
from jaxgame import plot

# An equilibrium is certified if nobody can gain more than this part of what is at stake for the models.
CERTIFIED = 1e-5


def figure(
    table: pl.LazyFrame | None, summary: pl.DataFrame, taught: pl.DataFrame, config: DictConfig
) -> Figure:
    """Lessons against rounds; every game against the bound; loss against diversity by protocol."""
    settings = config.experiment
    lesson = settings.lesson
    names = {name_of(p): name_of(p) for p in settings.protocols}
    points, note = (pl.DataFrame(), "") if table is None else drawn(table, ("protocol", "allowed", "loss"))
    ends, games = counted(summary, "certified"), int(summary["draws"].sum())
    sure = taught["exact"].to_numpy().mean()
    bound = "OPT(protocol) - 2 eps - delta - gain"
    caption = (
        f"Left: one aligned leader, {lesson.states} states, {lesson.types} types of the user; she knows her "
        f"type, hears R messages out of M and puts a question, one of N, after each but the last. Share of "
        f"OPT - NONE, mean over {settings.draws:,} games of family {called(config.family)}; {sure:.0%} of "
        f"the lessons are proven best, the others attained, thus lower bounds. Centre: {settings.leaders} "
        f"leaders compete (S = {settings.states}, T = {settings.types}, A = {settings.actions}); where best "
        f"responses from silence end, {ends:,} of {games:,} ends certified as equilibria (no gain "
        f"above {CERTIFIED:g} of what is at stake for them). The line is what the theorem allows: "
        f"OPT - OPT(protocol) + 2 eps + delta + gain, the largest gain of a leader; both count with "
        f"the hull's weights. "
        f"{verdict_sentence(summary, bound, 'where they end')} Right: what she loses "
        f"(solid) and what even an aligned leader could not tell her (dotted), mean by protocol.{note}"
    )
    fig, axes = plot.new_figure("What do rounds of conversation buy?", caption, 3)
    _lessons(axes[0], taught)
    if table is None:
        tightest(axes[1], summary, "diversity", "protocol", names)
        axes[1].set(title="The games nearest to the bound", xlabel="diversity of the leaders")
    else:
        scatter(axes[1], points, "protocol", names)
        axes[1].set(title="Every game against the bound", ylabel="OPT - value where dynamics end")
        axes[1].set(xlabel="allowed by the theorem (utility units)")
    kind = settings.competitions[0]
    chosen = summary.filter(pl.col("competition") == kind)
    _losses(axes[2], chosen, list(names))
    axes[2].set(title=f"Lost, and not teachable ({kind})", xlabel="diversity of the leaders")
    return fig


def _lessons(axes: Axes, taught: pl.DataFrame) -> None:
    messages = taught["messages"].unique().sort().to_list()
    replies = taught["replies"].unique().sort().to_list()
    for m, colour in zip(messages, plot.shades(len(messages)), strict=True):
        for n, marker, dash in zip(replies, plot.MARKERS, plot.DASHES, strict=False):
            line = taught.filter((pl.col("messages") == m) & (pl.col("replies") == n)).sort("rounds")
            axes.plot(
                line["rounds"], line["share"], color=colour, marker=marker, linestyle=dash,
                label=f"M = {m}, N = {n}", alpha=0.8,
            )  # fmt: skip
    axes.set(title="What an aligned leader can teach", xlabel="rounds R", ylabel="share of OPT - NONE")
    axes.set(xticks=taught["rounds"].unique().sort().to_list())
    axes.legend(frameon=False, fontsize=7)


def _losses(axes: Axes, summary: pl.DataFrame, names: list[str]) -> None:
    for name, colour, marker in zip(names, plot.shades(len(names)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("protocol") == name).sort("diversity")
        axes.plot(line["diversity"], line["loss_mean"], color=colour, marker=marker, label=name)
        axes.plot(
            line["diversity"],
            line["unteachable"],
            color=colour,
            marker=marker,
            linestyle=":",
            fillstyle="none",
        )
    axes.plot([], [], color="0.3", label="lost")
    axes.plot([], [], color="0.3", linestyle=":", label="not teachable")
    most = max(float(summary[column].to_numpy().max()) for column in ("loss_mean", "unteachable"))
    axes.set(ylabel="utility units", ylim=(-0.03 * most, 1.6 * most))  # room for the legend
    axes.legend(frameon=False, fontsize=7)


def name_of(protocol: Any) -> str:
    """How tables call a protocol."""
    rounds, messages, replies = protocol
    return f"R = {rounds}, M = {messages}, N = {replies}"


def counted(summary: pl.DataFrame, share: str) -> int:
    """How many games a column of shares stands for."""
    return round(float((summary[share] * summary["draws"]).sum()))
