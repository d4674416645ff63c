"""Where competition fails: outside the hull, what the worst equilibrium costs, and how often nothing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common.config import GamesConfig
from experiments.common.families import make_family
from experiments.common.guarantee import check_function, checked, loss_headline, report, verdict_sentence
from experiments.common.lists import check_diversity, check_increasing
from experiments.common.registry import Experiment, register
from jaxgame import plot
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Shape
from jaxgame.theorems import best_ai_selection


@dataclass
class FailureConfig(GamesConfig):
    """See conf/experiment/failure.yaml."""

    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report the verdicts and the brackets."""
    settings = config.experiment
    leaders, diversity = list(settings.leaders), list(settings.diversity)
    check_increasing("leaders", leaders, 2)
    check_diversity(diversity)
    function = check_function(
        make_family(config.family),
        Shape(max(leaders), settings.types, settings.states, settings.actions),
        leaders,
        diversity,
        lambda game: best_ai_selection(game, tolerance=settings.tolerance),
    )
    _, summary = checked(config, function, directory, {"diversity": diversity, "leaders": leaders})
    report(summary, "worst >= OPT - 2 eps", settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(summary, config), directory)


def figure(summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Three maps over number of models and diversity."""
    settings = config.experiment
    games, cell = int(summary["draws"].sum()), pl.col("draws")
    lost, outside, spared = (
        round(summary.select((cell * share).sum()).item())
        for share in (1 - pl.col("lossless"), pl.col("outside"), pl.col("spared"))
    )
    caption = (
        f"Family {config.family.name}: all models share a bias; diversity adds a pull of each model's own. "
        f"{settings.draws:,} games (S = {settings.states}, A = {settings.actions}) in every cell. Left: "
        f"share of games with the user outside the models' hull (offset per state). Centre: OPT less the "
        f"certified worst equilibrium of best-AI selection, mean over those games. Right: share of all "
        f"games that are outside and lose nothing. Outside the hull {spared / max(outside, 1):.0%} of the "
        f"games lose nothing: the condition is sufficient, not necessary; {lost:,} of {games:,} games lose "
        f"something. {verdict_sentence(summary, 'OPT - 2 eps')}"
    )
    fig, axes = plot.new_figure("Where does competition fail?", caption, 3)
    _map(axes[0], summary, "outside", "Outside the hull (share)", ".0%")
    _map(axes[1], summary, "loss_outside", "Mean loss there (utility units)", ".3f")
    _map(axes[2], summary, "spared", "Outside, yet nothing lost (share)", ".0%")
    return fig


def _map(axes: Axes, summary: pl.DataFrame, column: str, title: str, form: str) -> None:
    """Shaded cells with their numbers, models across, diversity upwards."""
    leaders = summary["leaders"].unique().sort().to_list()
    diversity = summary["diversity"].unique().sort().to_list()
    cells = summary.sort("diversity", "leaders")[column].to_numpy().astype(float)
    cells = cells.reshape(len(diversity), len(leaders))
    most = np.nanmax(cells) if np.isfinite(cells).any() else 1.0
    axes.imshow(cells, origin="lower", aspect="auto", cmap="Greys", vmin=0, vmax=1.3 * max(most, 1e-9))
    for (row, place), value in np.ndenumerate(cells):
        text = format(value, form) if np.isfinite(value) else "none"
        dark = np.isfinite(value) and value > 0.75 * most
        ink = "white" if dark else "black"
        axes.text(place, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set(xticks=range(len(leaders)), xticklabels=leaders)
    axes.set(yticks=range(len(diversity)), yticklabels=diversity)
    axes.grid(visible=False)
    axes.set(title=title, xlabel="number of models K", ylabel="diversity")


register(
    Experiment(
        name="failure",
        config=FailureConfig,
        run=run,
        rows_optional=True,
        headline=loss_headline("at the largest diversity", diversity="max"),
        coordinates=("leaders", "diversity"),
        check=lambda game, config, row: best_ai_selection(game, tolerance=config.experiment.tolerance),
    )
)
