"""The figure of the experiment `users`: a jump, losses of random users, and two distances."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from experiments.common.families import called
from jaxgame import plot

# What is allowed a user, in parts of her stake, that is little and much.
SMALL, LARGE = 0.1, 0.3
# Nobody can lose more than her stake, 1: what is allowed beyond this is not drawn.
BEYOND = 2.0


def figure(
    fixture: pl.DataFrame, points: tuple[pl.DataFrame, str], summary: pl.DataFrame, config: DictConfig
) -> Figure:
    """The fixture's jump; losses by the users' diversity; both distances of every game."""
    settings = config.experiment
    holds = {kind: int(summary[f"{kind}_yes"].sum()) for kind in ("personal", "anonymous")}
    games = int(summary["draws"].sum())
    parted = float((summary["parted"] * summary["draws"]).sum()) / games
    beyond = float((summary["beyond"] * summary["draws"]).sum()) / games
    caption = (
        "Left: two users with a leader each, paid for her match less k times the other's; from k = 1 on one "
        "policy for both may leave everybody uninformed, a policy for each does not. Middle: random users, "
        f"mean of all (solid) and the least served (dashed), what an equilibrium was found to cost; "
        f"{settings.draws:,} draws of the family {called(config.family)}, J = {settings.types}, S = "
        f"{settings.states}, A = {settings.actions}. Right: each game, twice the distance of users one by "
        "one against the one with common weights, of the user who fares worst; in "
        f"{parted:.0%} the first is at most {SMALL:g} and the second at least {LARGE:g} ({beyond:.0%} lie "
        f"beyond {BEYOND:g}; nobody can lose more than 1). All users get "
        f"OPT_j - 2 eps_j with a policy for each in {holds['personal']:,} of {games:,} games, and "
        f"OPT_j - 2 eps / lam_j with one for all in {holds['anonymous']:,} (ours).{points[1]}"
    )
    fig, axes = plot.new_figure("One policy for all users, or one for each?", caption, 3)
    _jump(axes[0], fixture)
    _losses(axes[1], summary, settings)
    _distances(axes[2], points[0])
    return fig


def _jump(axes: Axes, fixture: pl.DataFrame) -> None:
    dark, light = plot.shades(3)[::2]
    for name, colour, marker, label in (
        ("personal", light, "s", "one for each"),
        ("anonymous", dark, "o", "one for all"),
    ):
        middle = (fixture[f"{name}_lower"] + fixture[f"{name}_upper"]) / 2
        axes.plot(fixture["k"], middle, color=colour, marker=marker, label=label)
    axes.axvline(1.0, color="0.3", linewidth=1, linestyle=":")
    axes.set(
        title="The fixture", xlabel="k, what the other's match costs a leader", ylim=(0.45, 1.05),
        ylabel="each user's value at the worst equilibrium",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=7, loc="center left")


def _losses(axes: Axes, summary: pl.DataFrame, settings: DictConfig) -> None:
    most = max(settings.diversity)
    leaders = list(settings.leaders)
    for k, colour, marker in zip(leaders, plot.shades(len(leaders)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("leaders") == k, pl.col("diversity") == most).sort("users_diversity")
        x = line["users_diversity"]
        axes.plot(x, 100 * line["loss_mean"], color=colour, marker=marker, label=f"K = {k}")
        axes.plot(x, 100 * line["least_served_mean"], color=colour, marker=marker, linestyle="--")
        axes.plot(
            x, 100 * line["personal_loss_mean"], color=colour, marker=marker, linestyle=":", fillstyle="none"
        )
    axes.plot([], [], color="0.3", label="all, one for all")
    axes.plot([], [], color="0.3", linestyle="--", label="least served, one for all")
    axes.plot([], [], color="0.3", linestyle=":", label="all, one for each")
    axes.set(
        title=f"Random users, leaders' diversity {most:g}", xlabel="diversity of the users", ylim=(0, None),
        ylabel="mean loss at the worst equilibrium\n(% of what is at stake for a user)",
    )  # fmt: skip
    axes.set_ylim(0, 1.4 * axes.get_ylim()[1])  # room for the legend
    axes.legend(frameon=False, fontsize=7, ncol=2, loc="upper left")


def _distances(axes: Axes, table: pl.DataFrame) -> None:
    values = table["users_diversity"].unique().sort().to_list()
    for value, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        games = table.filter(pl.col("users_diversity") == value)
        axes.plot(
            games["each_upper"], games["common_upper"], linestyle="", marker=marker, color=colour,
            markersize=2.5, alpha=0.4, label=f"users' diversity {value:g}", rasterized=True,
        )  # fmt: skip
    axes.plot([0, BEYOND], [0, BEYOND], color="0.3", linewidth=1)
    axes.set(
        title="How far, one by one and together", xlabel="2 eps_j, one by one (parts of her stake)",
        ylabel="2 eps / lam_j, common weights", xlim=(-0.04, BEYOND), ylim=(-0.04, BEYOND),
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=7, markerscale=1.6)
