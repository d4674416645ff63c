"""Best-AI selection: the worst equilibrium against the distance to the hull, and where dynamics end."""

import functools
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
from experiments.common.guarantee import check_function, checked, loss_headline, report
from experiments.common.lists import check_diversity, check_increasing
from experiments.common.registry import Experiment, register
from experiments.common.runs import gathered, scan_of, statistics_of
from jaxgame import plot, selection
from jaxgame.core.game import Game
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.keys import draw_key
from jaxgame.runs.streaming import Statistics
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee, best_ai_selection

log = logging.getLogger("experiments")

COORDINATES = ("leaders", "diversity")

# Where dynamics end against the worst equilibrium.
PLACES = ("above", "at", "below")

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
    grid = {"diversity": list(settings.diversity), "leaders": list(settings.leaders)}
    check = check_of(family, shape, settings, grid["leaders"])
    worst, summary = checked(config, check, directory, grid)
    ends, ended = _ended(config, family, shape, directory / "dynamics", worst)
    report(summary, "worst >= OPT - 2 eps", settings.tolerance)
    _report_ends(ended, settings)
    write_whole(directory / "summary.csv", summary.write_csv)
    write_whole(directory / "dynamics" / "summary.csv", ended.write_csv)
    game, trace = _example(family, shape, ends, config)
    plot.save(_selection_figure.figure(worst, summary, ends, ended, game, trace, config), directory)


def _ended(
    config: DictConfig, family: Family, shape: Shape, directory: Path, worst: pl.LazyFrame | None
) -> tuple[pl.LazyFrame | None, pl.DataFrame]:
    """A scan of the ends of dynamics, beside the worst equilibria, and their summary; or that alone."""
    settings = config.experiment
    function = dynamics_function(family, shape, settings)
    grid = {"diversity": list(settings.diversity), "start": selection.STARTS}
    labels = {"end": selection.ENDS}
    if worst is not None:
        dynamics = scan_of(config, function, directory, grid, labels)
        ends = compare(dynamics, worst.filter(pl.col("leaders") == settings.dynamics_leaders))
        return ends, summarise_ends(ends)
    same = check_of(family, shape, settings, [settings.dynamics_leaders])
    statistics = statistics_of(config, ends_function(function, same), directory, grid, {}, labels)
    return None, summarise_end_statistics(statistics)


def check_of(family: Family, shape: Shape, settings: DictConfig, leaders: list[int]) -> DrawFunction:
    """One draw: the theorem's check at every diversity for the first K of `leaders`."""
    diversity, tolerance = list(settings.diversity), settings.tolerance
    return check_function(
        family, shape, leaders, diversity, lambda game: best_ai_selection(game, tolerance=tolerance)
    )


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


def compare(dynamics: pl.LazyFrame, worst: pl.LazyFrame) -> pl.LazyFrame:
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


def ends_function(dynamics: DrawFunction, check: DrawFunction) -> DrawFunction:
    """One draw: ends of dynamics with what `compare` tells of them, for runs that keep no rows."""

    def draw(key: Array) -> Mapping[str, Any]:
        found: dict[str, Any] = dict(dynamics(key))  # [D, starts]
        known: Mapping[str, Any] = check(key)  # [D, 1]
        worst, follower, gain = known["worst"], found["follower"], found.pop("gain")
        same = LOSSLESS * known["stake"]
        above, below = follower > worst.upper + same, follower < worst.lower - same
        converged = found["end"] == selection.ENDS.index("converged")
        return {
            **found,
            "loss": known["full_information"] - follower,
            "above": above,
            "below": below & ~above,
            "at": ~(above | below),
            "lacking": worst.lower - follower,
            "converged_gain": jnp.where(converged, gain.upper, jnp.nan),
        }

    return draw


def summarise_ends(ends: pl.LazyFrame) -> pl.DataFrame:
    """One row per start: how dynamics ended, where against the worst equilibrium, what evaluation loses."""
    columns = ends.collect_schema().names()
    found = gathered(
        ends.group_by("start").agg(
            pl.len().alias("games"),
            *[(pl.col("end") == end).sum().alias(end) for end in selection.ENDS],
            *[(pl.col("place") == place).sum().alias(place) for place in PLACES],
            (pl.col("worst_lower") - pl.col("follower")).max().alias("furthest_below"),
            pl.col("gain_upper").filter(pl.col("end") == "converged").max().alias("largest_gain"),
            pl.col("loss").mean().alias("loss_mean"),
            pl.col("steps").max().alias("most_steps"),
            *[pl.col(name).mean() for name in columns if name.startswith("evaluation_")],
        )
    )
    return _by_start(found)


def summarise_end_statistics(statistics: Statistics) -> pl.DataFrame:
    """The same of a run without rows, of all diversities together."""
    table = statistics.table().with_columns(count=(pl.col("mean") * pl.col("draws")).round().cast(pl.Int64))
    largest, mean, count = (
        pl.col("largest").fill_nan(None).max(),
        pl.col("mean").mean(),
        pl.col("count").sum(),
    )
    parts = {
        "follower": ("games", pl.col("draws").sum()),
        **{f"end={end}": (end, count) for end in selection.ENDS},
        **{place: (place, count) for place in PLACES},
        "lacking": ("furthest_below", largest),
        "converged_gain": ("largest_gain", largest),
        "loss": ("loss_mean", mean),
        "steps": ("most_steps", largest.cast(pl.Int64)),
        **{name: (name, mean) for name in table["name"].unique() if name.startswith("evaluation_")},
    }
    found = [
        table.filter(name=name).group_by("start").agg(value.alias(column))
        for name, (column, value) in parts.items()
    ]
    return _by_start(functools.reduce(lambda one, other: one.join(other, on="start"), found))


def _by_start(found: pl.DataFrame) -> pl.DataFrame:
    """In the order of `selection.STARTS`."""
    places = {start: place for place, start in enumerate(selection.STARTS)}
    return found.sort(pl.col("start").cast(pl.String).replace_strict(places))


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
    family: Family, shape: Shape, ends: pl.LazyFrame | None, config: DictConfig
) -> tuple[dict[str, Any], selection.OfferTrace]:
    """The game in which dynamics from the selfish offers took nearest to 40 revisions, and their trace.

    Without rows the first draw at the largest diversity.
    """
    settings = config.experiment
    row: dict[str, Any] = {"draw": 0, "diversity": max(settings.diversity)}
    if ends is not None:
        selfish = ends.filter(pl.col("start") == "selfish").select("draw", "diversity", "steps")
        nearest = selfish.sort((pl.col("steps") - 40).abs(), "draw", "diversity").head(1)
        row = gathered(nearest).row(0, named=True)

    @jax.jit
    def trace(key: Array, d: Array) -> tuple[selection.OfferTrace, Guarantee]:
        game = first_leaders(family.sample(key, shape, d), settings.dynamics_leaders)
        offers = selection.starting_offers(game, "selfish")
        revised = selection.best_response_dynamics(
            game, offers, order="in_turn", outbid=settings.outbid, steps=settings.steps
        )
        return revised, best_ai_selection(game, tolerance=settings.tolerance)

    key = draw_key(config.run.seed, row["draw"])
    revised, known = jax.device_get(trace(key, jnp.asarray(row["diversity"])))
    row |= {"full_information": float(known.full_information), "worst_lower": float(known.worst.lower)}
    return row, revised


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
        rows_optional=True,
        headline=loss_headline("at the largest diversity", diversity="max"),
        coordinates=COORDINATES,
        check=lambda game, config, row: best_ai_selection(game, tolerance=config.experiment.tolerance),
    )
)
