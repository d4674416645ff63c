"""How tight is the bound of best-AI selection? A search over games for the largest loss / (2 eps)."""

import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common import claims
from experiments.common.claims import Claim, Finding, Run
from experiments.common.families import make_family
from experiments.common.guarantee import LABELS, counts, report
from experiments.common.lists import check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import table_of
from jaxgame import plot
from jaxgame.core.descent import descended
from jaxgame.core.game import Game, full_information_value
from jaxgame.hull import game_hull_distance
from jaxgame.persuasion.value import leader_value
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.keys import draw_key
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee, best_ai_selection

log = logging.getLogger("experiments")

# What leaves the constraints costs this many times as much as it could gain.
PENALTY = 10.0

# Distances below this, in parts of what is at stake for the follower, make no ratio: rounding.
LEAST = 1e-6


@dataclass
class TightnessConfig:
    """See conf/experiment/tightness.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: int = MISSING
    states: int = MISSING
    actions: list[int] = MISSING
    diversity: float = MISSING
    steps: int = MISSING
    rate: float = MISSING
    margin: float = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary, the tightest game and figure in `directory`; report the verdicts."""
    settings = config.experiment
    _check(settings)
    family, actions = make_family(config.family), list(settings.actions)
    table = table_of(
        config,
        draw_function(family, settings),
        directory,
        coordinates={"actions": actions, "when": ["start", "end"]},
        labels=LABELS,
    ).with_columns(width=pl.col("loss_upper") - pl.col("loss_lower"))
    summary = (
        table.group_by("actions", "when", maintain_order=True)
        .agg(
            pl.len().alias("draws"),
            pl.col("ratio_lower").median().alias("ratio_median"),
            pl.col("ratio_lower").max().alias("ratio_largest"),
            pl.col("ratio_upper").max().alias("ratio_largest_upper"),
            *counts(settings.tolerance),
        )
        .sort("actions", "when", descending=[False, True])
    )
    best = table.filter(pl.col("when") == "end").sort("ratio_lower").row(-1, named=True)
    game = found_game(family, settings, config.run.seed, best["draw"], best["actions"])
    # Computed alone an ascent may go elsewhere, by rounding: the game is checked on its own.
    own = jax.jit(lambda game: _ratio(game, best_ai_selection(game, tolerance=settings.tolerance)))(game)
    attained = float(own["ratio_lower"])
    report(summary, "worst >= OPT - 2 eps", settings.tolerance)
    log.info("loss / (2 eps) of the game in game.json: %.6f", attained)
    log.info(
        "largest loss / (2 eps) found: %.6f (draw %d, A = %d)",
        best["ratio_lower"], best["draw"], best["actions"],
    )  # fmt: skip
    write_whole(directory / "summary.csv", summary.write_csv)
    write_whole(directory / "game.json", lambda path: path.write_text(to_json(game, attained), "utf-8"))
    plot.save(figure(table, best, game, attained, config), directory)


def draw_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One start: a random game and the one its ascent ends with, both checked, for each number of actions."""

    def checked(game: Game) -> Mapping[str, Any]:
        found = best_ai_selection(game, tolerance=settings.tolerance)
        return {**vars(found), **_ratio(game, found)}

    def draw(key: Array) -> Mapping[str, Any]:
        rows = []
        for actions in settings.actions:
            start, end = _start_and_end(family, settings, key, actions)
            both = jax.tree.map(lambda *x: jnp.stack(x), start, end)
            rows.append(jax.vmap(checked)(both))
        return jax.tree.map(lambda *x: jnp.stack(x), *rows)

    return draw


def found_game(family: Family, settings: DictConfig, seed: int, draw: int, actions: int) -> Game:
    """The game that the ascent of one draw ends with."""
    return jax.jit(lambda key: _start_and_end(family, settings, key, actions)[1])(draw_key(seed, draw))


def to_json(game: Game, ratio: float) -> str:
    """A game and its ratio as JSON: prior [T][S], follower [T][S][A], leaders [K][T][S][A]."""
    arrays = {name: np.asarray(value).tolist() for name, value in vars(game).items()}
    return json.dumps({"ratio": ratio, "game": arrays}, indent=1)


def _start_and_end(family: Family, settings: DictConfig, key: Array, actions: int) -> tuple[Game, Game]:
    key, start = jax.random.split(key)
    game = family.sample(start, Shape(settings.leaders, 1, settings.states, actions), settings.diversity)
    return game, ascend(game, key, settings.steps, settings.rate, settings.margin)


def ascend(game: Game, key: Array, steps: int, rate: float, margin: float) -> Game:
    """From `game`, towards games with an equilibrium that loses as much of 2 eps as can be.

    Variables: the game, and the scheme that makes the equilibrium's outcome. Maximises (OPT - V) / (2 eps),
    penalised where the outcome is not obedient and where a leader does not prefer it to outbidding by
    `margin`.
    """
    _, states, actions = game.follower.shape
    scheme = jax.random.normal(key, (states, actions), game.prior.dtype)
    variables = (jnp.log(game.prior), game.follower, game.leaders, scheme)

    def slope(variables: tuple, _: Array) -> tuple:
        slopes = jax.grad(lambda v: -_objective(v, margin))(variables)
        return jax.tree.map(lambda x: jnp.where(jnp.isfinite(x), x, 0.0), slopes)

    logits, follower, leaders, _ = descended(slope, variables, jnp.arange(steps), rate)
    return Game(_law(logits), follower, leaders)


def _objective(variables: tuple[Array, Array, Array, Array], margin: float) -> Float[Array, ""]:
    logits, follower, leaders, scheme = variables
    game = Game(_law(logits), follower, leaders)
    outcome = game.prior[:, :, None] * jax.nn.softmax(scheme, 1)[None]
    worth = (follower * outcome).sum()
    earned = (leaders * outcome[None]).sum((1, 2, 3))
    spans = leaders.max((1, 2, 3)) - leaders.min((1, 2, 3))
    hers = follower.max() - follower.min()
    best = [leader_value(game, j, worth).value.upper for j in range(leaders.shape[0])]
    outbid = jnp.maximum((jnp.stack(best) - earned) / spans + margin, 0.0).sum()
    gaps = (outcome[0, :, :, None] * (follower[0, :, :, None] - follower[0, :, None])).sum(0)
    disobeyed = jnp.maximum(-gaps / hers, 0.0).sum()
    ratio = (full_information_value(game) - worth) / jnp.maximum(2 * _distance(game), LEAST * hers)
    return ratio - PENALTY * (outbid + disobeyed)


def _distance(game: Game) -> Float[Array, ""]:
    """The distance to the hull, offset per state, any weights; its derivative holds the weights fixed."""
    weights = jax.lax.stop_gradient(game_hull_distance(jax.lax.stop_gradient(game), "state", "cone").weights)
    residual = game.follower - (weights[:, None, None, None] * game.leaders).sum(0)
    return (residual.max(2) - residual.min(2)).max() / 2


def _law(logits: Float[Array, "1 S"]) -> Float[Array, "1 S"]:
    return jax.nn.softmax(logits.reshape(-1)).reshape(logits.shape)


def _ratio(game: Game, found: Guarantee) -> dict[str, Array]:
    """Both ends of loss / (2 eps); 0 to 0 where a distance is nothing but rounding."""
    upper = jnp.minimum(jnp.minimum(found.constant.upper, found.state.upper), found.cone.upper)
    lower = jnp.minimum(jnp.minimum(found.constant.lower, found.state.lower), found.cone.lower)
    some = lower > LEAST * found.stake
    return {
        "ratio_lower": jnp.where(some, found.loss.lower / (2 * jnp.where(some, upper, 1.0)), 0.0),
        "ratio_upper": jnp.where(some, found.loss.upper / (2 * jnp.where(some, lower, 1.0)), 0.0),
    }


# Figure


def figure(
    table: pl.DataFrame, best: Mapping[str, Any], game: Game, attained: float, config: DictConfig
) -> Figure:
    """Ratios of all starts and ends in order, and the tightest game in numbers."""
    settings = config.experiment
    highest = float(table["ratio_upper"].to_numpy().max())
    caption = (
        f"Best-AI selection, K = {settings.leaders}, S = {settings.states}. Loss: OPT less the certified "
        f"worst equilibrium; eps: sup distance of the user to the models' hull, the least of three offsets "
        f"and scales. Left: {settings.draws:,} random games (family {config.family.name}; dotted) and where "
        f"gradient ascent on the ratio ends (solid), in order. The largest found is "
        f"{best['ratio_lower']:.4f} (A = {best['actions']}); the theorem allows 1, and no game's bracket "
        f"reaches beyond {highest:.6f}. Right: the game it leads to when computed alone (ratio "
        f"{attained:.4f}), utilities less that of the user's best action in the state, in units of eps."
    )
    fig, axes = plot.new_figure("How tight is OPT - 2 eps?", caption, 2)
    _ratios(axes[0], table, list(settings.actions))
    _numbers(axes[1], game)
    return fig


def _ratios(axes: Axes, table: pl.DataFrame, actions: list[int]) -> None:
    for count, colour, marker in zip(actions, plot.shades(len(actions)), plot.MARKERS, strict=False):
        for when, dash in (("end", "-"), ("start", ":")):
            chosen = table.filter((pl.col("actions") == count) & (pl.col("when") == when))
            ratios = np.sort(chosen["ratio_lower"].to_numpy())
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


def _check(settings: DictConfig) -> None:
    check_list("actions", settings.actions, "distinct integers of at least 2", lambda count: count >= 2)
    for name, least in (("leaders", 2), ("states", 2), ("steps", 1)):
        if settings[name] < least:
            raise ValueError(f"experiment.{name} is {settings[name]}; it must be at least {least}")
    for name in ("rate", "margin"):
        if not settings[name] > 0:
            raise ValueError(f"experiment.{name} is {settings[name]}; it must be positive")
    if not 0 <= settings.diversity <= 1:
        raise ValueError(f"experiment.diversity is {settings.diversity}; it must be from 0 to 1")


def finding(directory: Path) -> Finding:
    """The bound in the games of the search, and how near the tightest one comes to it."""
    found = claims.guarantee(directory, ("actions", "when"))
    ends = pl.read_parquet(directory / "results.parquet").filter(pl.col("when") == "end")
    ratio = ends["ratio_lower"].to_numpy().max()
    return dataclasses.replace(found, nearest=f"loss {ratio:.1%} of 2 eps in the tightest game")


register(
    Experiment(
        name="tightness",
        config=TightnessConfig,
        run=run,
        headline=Headline(
            "actions", "ratio_largest", "ratio_median", "ratio_largest_upper", "loss / (2 eps)",
            "largest loss / (2 eps) that ascent found (bands: from the median)", {"when": "end"},
        ),
        page=(
            Run(
                place=50,
                name="tightness",
                title="How tight is the bound?",
                about=(
                    "Random games stay far from the bound. Here gradient ascent looks for games that lose "
                    "as much of 2 eps as can be, and the bound is checked where it is hardest to keep."
                ),
                setting=("experiment=tightness", "experiment.actions=[3]", "run.optimise=false"),
                draws=64,
                seconds=40,
                pictures={"figure": "Loss as a share of 2 eps, before and after the search"},
                claims=(
                    Claim(
                        name="tightness",
                        title="OPT - 2 eps, in games sought to break it",
                        statement="The bound of best-AI selection holds where the search starts and ends.",
                        whose=claims.PAPERS,
                        find=finding,
                    ),
                ),
            ),
        ),
    )
)  # fmt: skip
