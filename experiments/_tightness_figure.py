"""The figure of experiment=tightness, and the game in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from jaxgame import plot
from jaxgame.core.game import Game
from jaxgame.hull import game_hull_distance


@dataclass(frozen=True)
class Found:
    """The game that the ascent of one draw ends with, computed alone, and its ratio."""

    draw: int
    game: Game
    attained: float

    def to_json(self) -> str:
        """Game and ratio: prior [T][S], follower [T][S][A], leaders [K][T][S][A]."""
        arrays = {name: np.asarray(value).tolist() for name, value in vars(self.game).items()}
        return json.dumps({"ratio": self.attained, "game": arrays}, indent=1)


def figure(
    curves: Mapping[tuple[Any, ...], np.ndarray],
    summary: pl.DataFrame,
    best: Mapping[str, Any],
    found: Found | None,
    config: DictConfig,
) -> Figure:
    """Ratios of all starts and ends in order, and the tightest game in numbers."""
    settings = config.experiment
    highest = float(summary["ratio_largest_upper"].to_numpy().max())
    right = (
        f" Right: the game it leads to when computed alone (ratio {found.attained:.4f}), utilities less that "
        "of the user's best action in the state, in units of eps."
        if found is not None
        else ""
    )
    caption = (
        f"Best-AI selection, K = {settings.leaders}, S = {settings.states}. Loss: OPT less the certified "
        f"worst equilibrium; eps: sup distance of the user to the models' hull, the least of three offsets "
        f"and scales. {'Left: ' if found else ''}{settings.draws:,} random games (family "
        f"{config.family.name}; dotted) and where gradient ascent on the ratio ends (solid), in order. The "
        f"largest found is {best['ratio_largest']:.4f} (A = {best['actions']}); the theorem allows 1, and no "
        f"game's bracket reaches beyond {highest:.6f}.{right}"
    )
    fig, axes = plot.new_figure("How tight is OPT - 2 eps?", caption, 2 if found is not None else 1)
    _ratios(axes[0], curves, list(settings.actions))
    if found is not None:
        _numbers(axes[1], found.game)
    return fig


def _ratios(axes: Axes, curves: Mapping[tuple[Any, ...], np.ndarray], actions: list[int]) -> None:
    for count, colour, marker in zip(actions, plot.shades(len(actions)), plot.MARKERS, strict=False):
        for when, dash in (("end", "-"), ("start", ":")):
            ratios = curves[count, when]
            axes.plot(
                np.linspace(0, 1, len(ratios)), ratios, linestyle=dash, color=colour, marker=marker,
                markevery=max(len(ratios) // 8, 1), label=f"A = {count}, {when} of the ascent",
            )  # fmt: skip
    axes.axhline(1.0, color="0.3", linewidth=1)
    axes.set(
        title="Loss as a share of 2 eps", xlabel="share of starts", ylabel="loss / (2 eps)", ylim=(-0.03, 1.1)
    )
    axes.legend(frameon=False, fontsize=7)


def _numbers(axes: Axes, game: Game) -> None:
    """The user's and the leaders' utilities as a table, one row a state."""
    eps = float(game_hull_distance(game, "state", "cone").distance.upper)
    prior, follower, leaders = (np.asarray(x) for x in (game.prior[0], game.follower[0], game.leaders[:, 0]))
    best = follower.argmax(1)
    lines = [
        [
            f"{name}, state {s} ({prior[s]:.2f})",
            *[f"{x:.2f}" for x in (utility[s] - utility[s, best[s]]) / eps],
        ]
        for name, utility in [("user", follower), *((f"model {i}", u) for i, u in enumerate(leaders))]
        for s in range(len(prior))
    ]
    axes.axis("off")
    headings = ["", *[f"action {a}" for a in range(follower.shape[1])]]
    shown = axes.table(lines, colLabels=headings, loc="center", cellLoc="right", edges="horizontal")
    shown.auto_set_font_size(False)
    shown.set_fontsize(8)
    shown.auto_set_column_width(list(range(len(headings))))
    axes.set(title="The game, computed alone (units of eps)")
