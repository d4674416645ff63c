"""How tight is the bound of best-AI selection? A search over games for the largest loss / (2 eps)."""

import dataclasses
import functools
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
from omegaconf import MISSING, DictConfig

from experiments import _tightness_figure
from experiments._tightness_figure import Found
from experiments.common import claims
from experiments.common.claims import Claim, Finding, Run
from experiments.common.families import make_family
from experiments.common.guarantee import LABELS, counts, counts_of, losses_function, report
from experiments.common.lists import check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import gathered, middle, scan_of, statistics_of
from jaxgame import plot
from jaxgame.core.descent import descended
from jaxgame.core.game import Game, full_information_value
from jaxgame.hull import game_hull_distance
from jaxgame.persuasion.value import leader_value
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.keys import draw_key
from jaxgame.runs.streaming import Statistics
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee, best_ai_selection

log = logging.getLogger("experiments")

# What leaves the constraints costs this many times as much as it could gain.
PENALTY = 10.0

# Distances below this, in parts of what is at stake for the follower, make no ratio: rounding.
LEAST = 1e-6

# Points of a curve of ratios in order, where there are no rows.
QUANTILES = 201


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
    """Compute table, summary, the tightest game and figure in `directory`; report the verdicts.

    Without rows nothing tells which draw led to the tightest game: it is left out.
    """
    settings = config.experiment
    _check(settings)
    function = draw_function(make_family(config.family), settings)
    grid = {"actions": list(settings.actions), "when": ["start", "end"]}
    if config.run.rows:
        table = scan_of(config, function, directory, grid, LABELS)
        summary = summarise(table, settings.tolerance)
        found = _tightest(table, config)
        points = gathered(table.select("actions", "when", "ratio_lower"))
        curves = {cell: np.sort(rows["ratio_lower"].to_numpy()) for cell, rows in points.group_by(*grid)}
        write_whole(directory / "game.json", lambda path: path.write_text(found.to_json(), "utf-8"))
    else:
        function = losses_function(function, settings.tolerance)
        statistics = statistics_of(config, function, directory, grid, {}, LABELS)
        summary, found = summarise_statistics(statistics), None
        curves = _curves(statistics)
    report(summary, "worst >= OPT - 2 eps", settings.tolerance)
    if found is not None:
        log.info("loss / (2 eps) of the game in game.json: %.6f", found.attained)
    best = summary.filter(pl.col("when") == "end").sort("ratio_largest").row(-1, named=True)
    which = f"draw {found.draw}, " if found is not None else ""
    log.info("largest loss / (2 eps) found: %.6f (%sA = %d)", best["ratio_largest"], which, best["actions"])
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(_tightness_figure.figure(curves, summary, best, found, config), directory)


def summarise(table: pl.LazyFrame, tolerance: float) -> pl.DataFrame:
    """One row for each number of actions, before and after the ascent: ratios, verdicts, brackets."""
    return gathered(
        table.with_columns(width=pl.col("loss_upper") - pl.col("loss_lower"))
        .group_by("actions", "when")
        .agg(
            pl.len().alias("draws"),
            pl.col("ratio_lower").median().alias("ratio_median"),
            pl.col("ratio_lower").max().alias("ratio_largest"),
            pl.col("ratio_upper").max().alias("ratio_largest_upper"),
            *counts(tolerance),
        )
        .sort("actions", "when", descending=[False, True])
    )


def summarise_statistics(statistics: Statistics) -> pl.DataFrame:
    """The same of a run without rows; the median is the middle of its bracket (see statistics.csv)."""
    table, by = statistics.table(), ["actions", "when"]
    parts = [
        table.filter(name="ratio_lower").select(
            *by, "draws", ratio_median=middle("q50"), ratio_largest=pl.col("largest")
        ),
        table.filter(name="ratio_upper").select(*by, ratio_largest_upper=pl.col("largest")),
        *counts_of(table, by),
    ]
    summary = functools.reduce(lambda one, other: one.join(other, on=by), parts)
    return summary.sort("actions", "when", descending=[False, True])


def _curves(statistics: Statistics) -> dict[tuple[Any, ...], np.ndarray]:
    """Ratios in order, for each cell, by quantiles: middles of their brackets."""
    shares = np.linspace(0, 1, QUANTILES).tolist()
    table = statistics.table(shares).filter(name="ratio_lower")
    middles = [middle(f"q{100 * share:g}").alias(str(place)) for place, share in enumerate(shares)]
    rows = table.select("actions", "when", *middles).iter_rows()
    return {(actions, when): np.asarray(ratios) for actions, when, *ratios in rows}


def _tightest(table: pl.LazyFrame, config: DictConfig) -> Found:
    """Computed alone an ascent may go elsewhere, by rounding: the game is checked on its own."""
    settings = config.experiment
    ends = table.filter(pl.col("when") == "end").select("draw", "actions", "ratio_lower")
    best = gathered(ends.sort("ratio_lower", "draw").tail(1)).row(0, named=True)
    family = make_family(config.family)
    game = found_game(family, settings, config.run.seed, best["draw"], best["actions"])
    own = jax.jit(lambda game: _ratio(game, best_ai_selection(game, tolerance=settings.tolerance)))(game)
    return Found(best["draw"], game, float(own["ratio_lower"]))


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
    ends = pl.scan_parquet(directory / "results.parquet").filter(pl.col("when") == "end")
    ratio = gathered(ends.select(pl.col("ratio_lower").max())).item()
    return dataclasses.replace(found, nearest=f"loss {ratio:.1%} of 2 eps in the tightest game")


register(
    Experiment(
        name="tightness",
        config=TightnessConfig,
        run=run,
        rows_optional=True,
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
