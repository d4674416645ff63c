"""A user who responds by quantal response: what bounded rationality and misaligned leaders cost together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common.families import called, make_family
from experiments.common.games import repeated
from experiments.common.guarantee import checked, loss_headline, report, verdict_sentence
from experiments.common.lists import check_increasing, check_list
from experiments.common.registry import Experiment, register
from jaxgame import competition, plot
from jaxgame.core.game import Game, full_information_value, make_game
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import quantal_response

COORDINATES = ("leaders", "rationality")

JUDGE_RATIONALITY = np.geomspace(1.0, 1000.0, 49)


@dataclass
class QuantalConfig:
    """See conf/experiment/quantal.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: list[int] = MISSING
    types: int = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: float = MISSING
    rationality: list[float] = MISSING
    tolerance: float = MISSING
    rounds: int = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute tables, summary and figure in `directory`; report the verdicts and the brackets."""
    settings = config.experiment
    _check(settings)
    rationality, leaders = [float(x) for x in settings.rationality], list(settings.leaders)
    _, summary = checked(
        config,
        draw_function(make_family(config.family), settings),
        directory,
        {"rationality": rationality, "leaders": leaders},
        means=("full_information", "informed", "worst_lower", "allowed", "limit_loss"),
    )
    summary = summary.with_columns(
        limited=pl.col("full_information_mean") - pl.col("informed_mean"),
        withheld=pl.col("informed_mean") - pl.col("worst_lower_mean"),
    )
    report(summary, "worst >= OPT - 2 eps - W((A-1)/e) / rationality", settings.tolerance)
    judge = judge_table()
    write_whole(directory / "summary.csv", summary.write_csv)
    write_whole(directory / "judge.csv", judge.write_csv)
    plot.save(figure(summary, judge, config), directory)


def draw_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: the theorem's check for every rationality and number of leaders.

    `informed` is her value when all is revealed, what bounded rationality leaves without misaligned leaders;
    `limit_loss` the loss at the worst equilibrium if she best-responded.
    """
    shape = Shape(max(settings.leaders), settings.types, settings.states, settings.actions)
    first = repeated(settings.leaders, shape.leaders)
    levels = jnp.asarray([float(x) for x in settings.rationality])

    def draw(key: Array) -> Mapping[str, Any]:
        game = family.sample(key, shape, settings.diversity)

        def check(some: Array, rationality: Array) -> Mapping[str, Any]:
            return vars(
                quantal_response(
                    Game(game.prior, game.follower, some),
                    rationality,
                    tolerance=settings.tolerance,
                    rounds=settings.rounds,
                )
            )

        def informed(rationality: Array) -> Array:
            silent = jnp.ones((shape.states, 1))
            heard = (jnp.eye(shape.states), *[silent] * (shape.leaders - 1))
            return (competition.outcome_of(game, heard, rationality=rationality) * game.follower).sum()

        def limit_loss(some: Array) -> Array:
            found = competition.worst_equilibrium(Game(game.prior, game.follower, some))
            return full_information_value(game) - found.value.lower

        leaders = game.leaders[first]
        checks = jax.vmap(lambda level: jax.vmap(lambda some: check(some, level))(leaders))(levels)
        full = jnp.broadcast_to(jax.vmap(informed)(levels)[:, None], (len(levels), len(first)))
        limit = jnp.broadcast_to(jax.vmap(limit_loss)(leaders)[None], full.shape)
        return {**checks, "informed": full, "limit_loss": limit}

    return draw


def judge_table() -> pl.DataFrame:
    """The value of Kamenica and Gentzkow's lone prosecutor for a range of the judge's rationalities."""
    game = make_game([0.7, 0.3], [[1.0, 0.0], [0.0, 1.0]], [[[0.0, 1.0], [0.0, 1.0]]])

    def at(rationality: Array) -> Mapping[str, Array]:
        best = competition.leader_closure(game, 0, rationality=rationality)
        return {"lower": best.value.lower, "upper": best.value.upper}

    found = jax.jit(jax.vmap(at))(jnp.asarray(JUDGE_RATIONALITY))
    return pl.DataFrame(
        {"rationality": JUDGE_RATIONALITY, **{name: np.asarray(x) for name, x in found.items()}}
    )


def figure(summary: pl.DataFrame, judge: pl.DataFrame, config: DictConfig) -> Figure:
    """Loss against rationality with the bound; what leaders withhold; the prosecutor's value."""
    settings = config.experiment
    caption = (
        f"{verdict_sentence(summary, 'OPT - 2 eps - W((A-1)/e) / rationality')} Crosses at the "
        f"right: the same games when she best-responds. Family {called(config.family)}, diversity "
        f"{settings.diversity:g}, {settings.draws:,} draws (T = {settings.types}, S = "
        f"{settings.states}, A = {settings.actions}); signals are rich and correlated. Worst over all "
        f"equilibria, certified: the widest bracket is {summary['widest'].to_numpy().max():.0e}. Right: "
        f"Kamenica and Gentzkow's prosecutor alone before a judge with prior 0.3; bracket width at most "
        f"{(judge['upper'] - judge['lower']).to_numpy().max():.0e}."
    )
    fig, axes = plot.new_figure("Bounded rationality and misaligned models", caption, 3)
    _losses(axes[0], summary)
    leaders = summary["leaders"].unique().sort().to_list()
    for k, colour, marker in zip(leaders, plot.shades(len(leaders)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("leaders") == k).sort("rationality")
        axes[1].plot(line["rationality"], line["withheld"], color=colour, marker=marker, label=f"K = {k}")
    axes[1].set(title="What leaders withhold", ylabel="mean loss against full information (utility units)")
    axes[1].axhline(0, color="0.6", linewidth=0.8)
    axes[1].legend(frameon=False, fontsize=7)
    axes[2].plot(judge["rationality"], judge["lower"], color="0.1", label="logit judge")
    axes[2].axhline(0.6, color="0.5", linestyle="--", linewidth=1, label="best-responding judge: 0.6")
    axes[2].set(title="What a lone prosecutor earns", ylabel="probability of conviction")
    axes[2].legend(frameon=False, fontsize=7, loc="lower right")
    for axis in axes:
        axis.set_xscale("log")
        axis.set(xlabel="rationality (1 / utility units)")
    return fig


def _losses(axes: Axes, summary: pl.DataFrame) -> None:
    leaders = summary["leaders"].unique().sort().to_list()
    last = float(summary["rationality"].to_numpy().max())
    for k, colour, marker in zip(leaders, plot.shades(len(leaders)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("leaders") == k).sort("rationality")
        x = line["rationality"]
        axes.plot(x, line["loss_mean"], color=colour, marker=marker, label=f"K = {k}")
        axes.plot(x, line["allowed_mean"], color=colour, linestyle=":", linewidth=1)
        axes.plot([2 * last], line["limit_loss_mean"][:1], color=colour, marker="x", linestyle="")
    alone = summary.filter(pl.col("leaders") == leaders[0]).sort("rationality")
    axes.plot(alone["rationality"], alone["limited"], color="0.5", linestyle="--", label="full information")
    axes.plot([], [], color="0.3", linestyle=":", label="bound, mean")
    axes.set(title="Loss at the worst equilibrium", ylabel="mean of OPT - value (utility units)")
    axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=7)


def _check(settings: DictConfig) -> None:
    check_increasing("leaders", settings.leaders, 1)
    levels = settings.rationality
    check_list("rationality", levels, "increasing positive numbers", lambda level: level > 0, increasing=True)
    if settings.states != 2:
        raise ValueError(f"experiment.states is {settings.states}; the certificate needs two states")
    if not 0 <= settings.diversity <= 1:
        raise ValueError(f"experiment.diversity is {settings.diversity}; it must be from 0 to 1")


register(
    Experiment(
        name="quantal",
        config=QuantalConfig,
        run=run,
        rows_optional=True,
        headline=loss_headline("at the largest rationality", rationality="max"),
        coordinates=COORDINATES,
        check=lambda game, config, row: quantal_response(
            game,
            row["rationality"],
            tolerance=config.experiment.tolerance,
            rounds=config.experiment.rounds,
        ),
    )
)
