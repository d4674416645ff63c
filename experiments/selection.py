"""Best-AI selection: the worst equilibrium against the distance to the hull, and where dynamics end."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from omegaconf import MISSING, DictConfig

from experiments import _selection_figure
from experiments.common.claims import LOSSLESS
from experiments.common.config import GamesConfig
from experiments.common.families import make_family
from experiments.common.games import first_leaders
from experiments.common.guarantee import (
    LABELS,
    check_function,
    loss_headline,
    report,
    summarise,
    with_losses,
)
from experiments.common.lists import check_diversity, check_increasing
from experiments.common.registry import Experiment, register
from experiments.common.runs import table_of
from jaxgame import plot, selection
from jaxgame.core.game import Game
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.keys import draw_key
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import best_ai_selection

log = logging.getLogger("experiments")

COORDINATES = ("leaders", "diversity")

EXPLANATION = """\
Dynamics end above the worst equilibrium where others exist that are better for the user, and none is required
to be reached. They end below it only because an offer must exceed its rivals' by a smallest step, outbid: a
leader that would gain from exceeding them by less stays put. Such an end is an equilibrium up to the
exploitability beside it in dynamics/results.parquet (gain_lower, gain_upper), which shrinks with the step."""


@dataclass
class SelectionConfig(GamesConfig):
    """See conf/experiment/selection.yaml."""

    tolerance: float = MISSING
    dynamics_leaders: int = MISSING
    outbid: float = MISSING
    steps: int = MISSING
    interactions: list[int] = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute tables, summaries and figure in `directory`; report verdicts, brackets, ends of dynamics."""
    settings = config.experiment
    _check(settings)
    family = make_family(config.family)
    shape = Shape(max(settings.leaders), settings.types, settings.states, settings.actions)
    diversity, leaders = list(settings.diversity), list(settings.leaders)

    worst = with_losses(
        table_of(
            config,
            check_function(
                family,
                shape,
                leaders,
                diversity,
                lambda game: best_ai_selection(game, tolerance=settings.tolerance),
            ),
            directory,
            {"diversity": diversity, "leaders": leaders},
            LABELS,
        )
    )
    dynamics = table_of(
        config,
        dynamics_function(family, shape, settings),
        directory / "dynamics",
        {"diversity": diversity, "start": selection.STARTS},
        {"end": selection.ENDS},
    )
    ends = compare(dynamics, worst.filter(pl.col("leaders") == settings.dynamics_leaders))
    summary = summarise(worst, "diversity", "leaders", tolerance=settings.tolerance)
    ended = summarise_ends(ends)
    report(summary, "worst >= OPT - 2 eps", settings.tolerance)
    _report_ends(ended, settings)
    write_whole(directory / "summary.csv", summary.write_csv)
    write_whole(directory / "dynamics" / "summary.csv", ended.write_csv)
    game, trace = _example(family, shape, ends, config)
    plot.save(_selection_figure.figure(worst, summary, ends, ended, game, trace, config), directory)


def dynamics_function(family: Family, shape: Shape, settings: DictConfig) -> DrawFunction:
    """One draw: where best-response dynamics end from every start, at every diversity.

    `evaluation_N` is what choosing among the starting offers after N interactions loses against the best.
    """
    lengths = list(settings.interactions)

    def at(key: Array, d: Array) -> Mapping[str, Any]:
        game = first_leaders(family.sample(key, shape, d), settings.dynamics_leaders)
        offers = all_starts(game, key)

        def one(offers: Array) -> Mapping[str, Any]:
            trace = selection.best_response_dynamics(
                game, offers, order="in_turn", outbid=settings.outbid, steps=settings.steps
            )
            keys = jax.random.split(jax.random.fold_in(key, 1), len(lengths))
            losses = {
                f"evaluation_{n}": selection.evaluate(keys[i], game, offers, n).loss
                for i, n in enumerate(lengths)
            }
            last = jax.tree.map(lambda x: x[-1], trace.gain)
            found = {"follower": trace.follower[-1], "gain": last, "end": trace.end, "steps": trace.steps}
            return found | losses

        return jax.vmap(one)(offers)

    return lambda key: jax.vmap(lambda d: at(key, d))(jnp.asarray(settings.diversity))


def all_starts(game: Game, key: Array) -> Array:
    """Starting offers [4, K, T, S, A], in the order of selection.STARTS."""
    return jnp.stack([selection.starting_offers(game, start, key) for start in selection.STARTS])


def compare(dynamics: pl.DataFrame, worst: pl.DataFrame) -> pl.DataFrame:
    """Ends of the dynamics beside the certified worst equilibrium of the same game."""
    known = worst.select(
        "draw", "diversity", "full_information", "allowed", "worst_lower", "worst_upper", "stake"
    )
    same = LOSSLESS * pl.col("stake")
    above = pl.col("follower") > pl.col("worst_upper") + same
    below = pl.col("follower") < pl.col("worst_lower") - same
    return dynamics.join(known, on=["draw", "diversity"], maintain_order="left").with_columns(
        loss=pl.col("full_information") - pl.col("follower"),
        place=pl.when(above).then(pl.lit("above")).when(below).then(pl.lit("below")).otherwise(pl.lit("at")),
    )


def summarise_ends(ends: pl.DataFrame) -> pl.DataFrame:
    """One row per start: how dynamics ended, where against the worst equilibrium, what evaluation loses."""
    return ends.group_by("start", maintain_order=True).agg(
        pl.len().alias("games"),
        *[(pl.col("end") == end).sum().alias(end) for end in selection.ENDS],
        *[(pl.col("place") == place).sum().alias(place) for place in ("above", "at", "below")],
        (pl.col("worst_lower") - pl.col("follower")).max().alias("furthest_below"),
        pl.col("gain_upper").filter(pl.col("end") == "converged").max().alias("largest_gain"),
        pl.col("loss").mean().alias("loss_mean"),
        pl.col("steps").max().alias("most_steps"),
        *[pl.col(name).mean() for name in ends.columns if name.startswith("evaluation_")],
    )


def _report_ends(ended: pl.DataFrame, settings: DictConfig) -> None:
    log.info("dynamics of %d leaders against the worst equilibrium:", settings.dynamics_leaders)
    for row in ended.iter_rows(named=True):
        log.info(
            "  from %-8s above %5d  at %5d  below %5d (by at most %.1e)   converged %d, cycle %d, limit %d",
            *(row[key] for key in ("start", "above", "at", "below")),
            max(row["furthest_below"], 0.0),
            *(row[key] for key in selection.ENDS),
        )
    log.info(EXPLANATION)


def _example(
    family: Family, shape: Shape, ends: pl.DataFrame, config: DictConfig
) -> tuple[dict[str, Any], selection.OfferTrace]:
    """The game in which dynamics from the selfish offers took nearest to 40 revisions, and their trace."""
    settings = config.experiment
    selfish = ends.filter(pl.col("start") == "selfish")
    row = selfish.sort((pl.col("steps") - 40).abs(), maintain_order=True).row(0, named=True)

    @jax.jit
    def trace(key: Array, d: Array) -> selection.OfferTrace:
        game = first_leaders(family.sample(key, shape, d), settings.dynamics_leaders)
        offers = selection.starting_offers(game, "selfish")
        return selection.best_response_dynamics(
            game, offers, order="in_turn", outbid=settings.outbid, steps=settings.steps
        )

    key = draw_key(config.run.seed, row["draw"])
    return row, jax.device_get(trace(key, jnp.asarray(row["diversity"])))


def _check(settings: DictConfig) -> None:
    check_increasing("leaders", settings.leaders, 2)
    check_diversity(settings.diversity)
    if settings.dynamics_leaders not in settings.leaders:
        raise ValueError(
            f"experiment.dynamics_leaders is {settings.dynamics_leaders}; it must be one of leaders, "
            f"{list(settings.leaders)}"
        )
    if settings.steps < 1:
        raise ValueError(f"experiment.steps is {settings.steps}; it must be at least 1")
    check_increasing("interactions", settings.interactions, 1)


register(
    Experiment(
        name="selection",
        config=SelectionConfig,
        run=run,
        headline=loss_headline("at the largest diversity", diversity="max"),
        coordinates=COORDINATES,
        check=lambda game, config, row: best_ai_selection(game, tolerance=config.experiment.tolerance),
    )
)
