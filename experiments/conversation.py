"""Conversations of several rounds: what they can teach, and what competing leaders make of them."""

import functools
import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from omegaconf import MISSING, DictConfig

from experiments import _conversation_figure
from experiments._conversation_figure import CERTIFIED, counted, name_of
from experiments.common import claims
from experiments.common.claims import Claim, Run
from experiments.common.families import make_family
from experiments.common.guarantee import (
    LABELS,
    losses_function,
    report,
    summarise,
    summarise_statistics,
    with_losses,
)
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import gathered, scan_of, statistics_of
from jaxgame import conversation, plot
from jaxgame.conversation import Protocol
from jaxgame.core.game import Game, full_information_value, no_information_value
from jaxgame.core.units import at_stake
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.streaming import Statistics
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee, bayes_optimal_learning, best_ai_selection

log = logging.getLogger("experiments")

# A lesson is worth everything there is to know if it misses less, in parts of what is at stake for the user.
COMPLETE = 1e-9

COORDINATES = ("diversity", "protocol", "competition")
LESSONS = ("rounds", "messages", "replies")

# The theorem that each kind of competition is checked against.
CHECKS = {"selection": best_ai_selection, "all": bayes_optimal_learning}


@dataclass
class LessonConfig:
    """See conf/experiment/conversation.yaml."""

    types: int = MISSING
    states: int = MISSING
    actions: int = MISSING
    rounds: list[int] = MISSING
    messages: list[int] = MISSING
    replies: list[int] = MISSING


@dataclass
class ConversationConfig:
    """See conf/experiment/conversation.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: int = MISSING
    types: int = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: list[float] = MISSING
    protocols: list[list[int]] = MISSING
    competitions: list[str] = MISSING
    steps: int = MISSING
    tolerance: float = MISSING
    lesson: LessonConfig = field(default_factory=LessonConfig)


def run(config: DictConfig, directory: Path) -> None:
    """Compute both tables, summaries and figure in `directory`; report the verdicts."""
    settings = config.experiment
    _check(settings)
    family = make_family(config.family)

    taught = _taught(config, family, directory / "lessons")
    table, summary = _competed(config, family, directory)
    report(summary, "value >= OPT(protocol) - 2 eps - delta - gain", settings.tolerance)
    log.info(
        "%d of %d ends are certified equilibria; of lessons with something to teach %d of %d are exact",
        *(counted(summary, "certified"), summary["draws"].sum()),
        *(counted(taught, "exact"), taught["draws"].sum()),
    )
    write_whole(directory / "summary.csv", summary.write_csv)
    write_whole(directory / "lessons.csv", taught.write_csv)
    plot.save(_conversation_figure.figure(table, summary, taught, config), directory)


def _taught(config: DictConfig, family: Family, directory: Path) -> pl.DataFrame:
    """The summary of the lessons."""
    lesson = config.experiment.lesson
    function = lesson_function(family, lesson)
    grid = {name: list(lesson[name]) for name in LESSONS}
    if config.run.rows:
        return summarise_lessons(scan_of(config, function, directory, grid))
    return summarise_lesson_statistics(statistics_of(config, shares_function(function), directory, grid, {}))


def _competed(
    config: DictConfig, family: Family, directory: Path
) -> tuple[pl.LazyFrame | None, pl.DataFrame]:
    """A scan of the ends of dynamics and their summary; without rows the summary alone."""
    settings = config.experiment
    grid = {
        "protocol": [name_of(p) for p in settings.protocols],
        "competition": list(settings.competitions),
        "diversity": list(settings.diversity),
    }
    function, means = competition_function(family, settings), ("unteachable", "certified")
    if config.run.rows:
        table = with_losses(scan_of(config, function, directory, grid, LABELS)).with_columns(
            certified=pl.col("gain_upper") <= CERTIFIED * pl.col("models_stake"),
            unteachable=pl.col("full_information") - pl.col("teachable_lower"),
        )
        summary = summarise(table, *grid, tolerance=settings.tolerance, means=means)
        gains = gathered(table.group_by(*grid).agg(gain_largest=pl.col("gain_lower").max()))
    else:
        table, told = None, told_function(losses_function(function, settings.tolerance))
        statistics = statistics_of(config, told, directory, grid, {}, LABELS)
        summary = summarise_statistics(statistics, means)
        gains = statistics.table().filter(name="gain_lower").select(*grid, gain_largest=pl.col("largest"))
    summary = summary.rename({f"{name}_mean": name for name in means})
    return table, summary.join(gains, on=list(grid), maintain_order="left")


def lesson_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: what an aligned leader teaches in every number of rounds, of messages and of replies."""
    shape = Shape(1, settings.types, settings.states, settings.actions)
    grid = (list(settings.rounds), list(settings.messages), list(settings.replies))

    def draw(key: Array) -> Mapping[str, Any]:
        game = family.sample(key, shape, 1.0)
        found = [conversation.teaching(game, Protocol(*choice)) for choice in itertools.product(*grid)]
        sizes = tuple(len(values) for values in grid)
        stacked = jax.tree.map(lambda *x: jnp.stack(x).reshape(sizes), *((f.value, f.exact) for f in found))
        return {
            "taught": stacked[0],
            "exact": stacked[1],
            "none": no_information_value(game),
            "full": full_information_value(game),
            "stake": at_stake(game.prior, game.follower),
        }

    return draw


def competition_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: the theorem's check where dynamics from silence end, for every cell of the grid."""
    shape = Shape(settings.leaders, settings.types, settings.states, settings.actions)

    def one(protocol: Protocol, kind: str, key: Array, diversity: Array) -> dict[str, Any]:
        game = family.sample(key, shape, diversity)
        models = jax.vmap(at_stake, (None, 0))(game.prior, game.leaders)
        found = CHECKS[kind](game, tolerance=settings.tolerance, protocol=protocol, steps=settings.steps)
        return {**vars(found), "models_stake": models.max()}

    def draw(key: Array) -> Mapping[str, Any]:
        diversity = jnp.asarray(list(settings.diversity))
        found = [
            [
                jax.vmap(functools.partial(one, Protocol(*protocol), kind, key))(diversity)
                for kind in settings.competitions
            ]
            for protocol in settings.protocols
        ]
        rows = [jax.tree.map(lambda *x: jnp.stack(x), *row) for row in found]
        return jax.tree.map(lambda *x: jnp.stack(x), *rows)

    return draw


def told_function(function: DrawFunction) -> DrawFunction:
    """The draws of `competition_function` with what the summary holds beside the check's own."""

    def draw(key: Array) -> Mapping[str, Any]:
        found: Mapping[str, Any] = function(key)
        return {
            **found,
            "certified": found["gain"].upper <= CERTIFIED * found["models_stake"],
            "unteachable": found["full_information"] - found["teachable"].lower,
        }

    return draw


def shares_function(function: DrawFunction) -> DrawFunction:
    """The draws of `lesson_function` as shares of what there is to know; NaN where that is nothing."""

    def draw(key: Array) -> Mapping[str, Any]:
        found: Mapping[str, Any] = function(key)
        taught, none, full = found["taught"], found["none"], found["full"]
        least = COMPLETE * found["stake"]
        some = full - none > least
        gap = jnp.where(some, full - none, 1.0)

        def told(value: Array) -> Array:
            return jnp.where(some, value.astype(gap.dtype), jnp.nan)

        return {
            "share": told((taught.lower - none) / gap),
            "complete": told(full - taught.lower <= least),
            "exact": told(found["exact"]),
            "width": told((taught.upper - taught.lower) / gap),
        }

    return draw


def summarise_lessons(lessons: pl.LazyFrame) -> pl.DataFrame:
    """One row for each protocol: the share of what there is to know that was taught, and how surely."""
    gap = pl.col("full") - pl.col("none")
    least = COMPLETE * pl.col("stake")
    return gathered(
        lessons.filter(gap > least)
        .with_columns(
            share=(pl.col("taught_lower") - pl.col("none")) / gap,
            complete=pl.col("full") - pl.col("taught_lower") <= least,
        )
        .group_by(*LESSONS)
        .agg(
            pl.len().alias("draws"),
            pl.col("share").mean(),
            pl.col("share").min().alias("share_least"),
            pl.col("complete", "exact").mean(),
            ((pl.col("taught_upper") - pl.col("taught_lower")) / gap).max().alias("widest"),
        )
        .sort(*LESSONS)
    )


def summarise_lesson_statistics(statistics: Statistics) -> pl.DataFrame:
    """The same of a run without rows."""
    table = statistics.table()
    parts = {
        "share": {
            "draws": pl.col("draws") - pl.col("missing"),
            "share": pl.col("mean"),
            "share_least": pl.col("least"),
        },
        "complete": {"complete": pl.col("mean")},
        "exact": {"exact": pl.col("mean")},
        "width": {"widest": pl.col("largest")},
    }
    found = [table.filter(name=name).select(*LESSONS, **columns) for name, columns in parts.items()]
    joined = functools.reduce(lambda one, other: one.join(other, on=list(LESSONS)), found)
    return joined.filter(pl.col("draws") > 0).sort(*LESSONS)


def _check(settings: DictConfig) -> None:
    for name in ("rounds", "messages", "replies"):
        check_increasing(f"lesson.{name}", settings.lesson[name], 1)
    listed = ", ".join(conversation.COMPETITIONS)
    kinds = settings.competitions
    check_list("competitions", kinds, f"distinct choices of {listed}", conversation.COMPETITIONS.__contains__)
    protocols = [tuple(protocol) for protocol in settings.protocols]
    triples = "distinct triples [rounds, messages, replies]"
    check_list("protocols", protocols, triples, lambda protocol: len(protocol) == 3)
    for protocol in protocols:
        Protocol(*protocol).check_size(settings.leaders)
    check_diversity(settings.diversity)
    if settings.leaders < 2 or settings.steps < 1:
        raise ValueError(
            f"experiment.leaders is {settings.leaders} and experiment.steps {settings.steps}; they must be "
            "at least 2 and at least 1"
        )


def check(game: Game, config: DictConfig, row: Mapping[str, Any]) -> Guarantee:
    """The theorem's check of one row of the table."""
    settings = config.experiment
    protocol = next(p for p in settings.protocols if name_of(p) == row["protocol"])
    theorem = CHECKS[row["competition"]]
    return theorem(game, tolerance=settings.tolerance, protocol=Protocol(*protocol), steps=settings.steps)


register(
    Experiment(
        name="conversation",
        config=ConversationConfig,
        run=run,
        rows_optional=True,
        headline=Headline(
            "diversity", "loss_mean", "loss_q25", "loss_q75", "loss (utility units)",
            "mean loss against full information where best responses end, under the last protocol and the "
            "first competition by name (bands: quartiles)",
            ends={"protocol": "max", "competition": "min"},
            x_label="diversity of the leaders",
        ),
        coordinates=COORDINATES,
        check=check,
        page=(
            Run(
                place=60,
                name="conversation",
                title="Several rounds of conversation",
                about=(
                    "Models and user exchange few messages for several rounds. Not all equilibria can be "
                    "found: checked are the profiles where models that keep revising their rules end up, "
                    "with what each could still gain. In half of the games she is in the hull."
                ),
                setting=(
                    "experiment=conversation",
                    "experiment.diversity=[0.5,1.0]",
                    "family=between",
                    "family.apart=0.5",
                ),
                draws=512,
                seconds=60,
                pictures={"figure": "What rounds and larger alphabets buy"},
                claims=(
                    Claim(
                        name="conversation",
                        title="Conversations: OPT(protocol) - 2 eps - what delta and gains cost",
                        statement=(
                            "She gets at least what an aligned model could teach her, less 2 eps, what the "
                            "models could still gain, and how far apart their deviations to teaching are."
                        ),
                        whose=claims.OURS,
                        find=functools.partial(claims.guarantee, coordinates=COORDINATES),
                    ),
                    Claim(
                        name="conversation_average",
                        title="Conversations: the same with D for 2 eps",
                        statement="The same with the average distance in the place of 2 eps.",
                        whose=claims.OURS,
                        find=functools.partial(claims.guarantee, coordinates=COORDINATES, average=True),
                    ),
                ),
            ),
        ),
    )
)  # fmt: skip
