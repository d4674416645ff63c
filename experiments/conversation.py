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
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common import claims
from experiments.common.claims import Claim, Run
from experiments.common.families import called, make_family
from experiments.common.guarantee import LABELS, report, summarise, verdict_sentence, with_losses
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import table_of
from experiments.common.subplots import scatter
from jaxgame import conversation, plot
from jaxgame.conversation import Protocol
from jaxgame.core.game import Game, full_information_value, no_information_value
from jaxgame.core.units import at_stake
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee, bayes_optimal_learning, best_ai_selection

log = logging.getLogger("experiments")

# An equilibrium is certified if nobody can gain more than this part of what is at stake for the models.
CERTIFIED = 1e-5

# A lesson is worth everything there is to know if it misses less, in parts of what is at stake for the user.
COMPLETE = 1e-9

COORDINATES = ("diversity", "protocol", "competition")

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

    lessons = table_of(
        config,
        lesson_function(family, settings.lesson),
        directory / "lessons",
        {name: list(settings.lesson[name]) for name in ("rounds", "messages", "replies")},
    )
    table = with_losses(
        table_of(
            config,
            competition_function(family, settings),
            directory,
            {
                "protocol": [_name(p) for p in settings.protocols],
                "competition": list(settings.competitions),
                "diversity": list(settings.diversity),
            },
            LABELS,
        )
    ).with_columns(certified=pl.col("gain_upper") <= CERTIFIED * pl.col("models_stake"))
    summary = summarise(table, "protocol", "competition", "diversity", tolerance=settings.tolerance)
    means = table.group_by("protocol", "competition", "diversity").agg(
        unteachable=(pl.col("full_information") - pl.col("teachable_lower")).mean(),
        certified=pl.col("certified").mean(),
        gain_largest=pl.col("gain_lower").max(),
    )
    summary = summary.join(means, on=["protocol", "competition", "diversity"], maintain_order="left")
    taught = summarise_lessons(lessons)
    report(summary, "value >= OPT(protocol) - 2 eps - delta - gain", settings.tolerance)
    certified = table.filter(pl.col("certified"))
    log.info(
        "%d of %d ends are certified equilibria; lessons: %d of %d exact",
        certified.height, table.height, lessons["exact"].sum(), lessons.height,
    )  # fmt: skip
    write_whole(directory / "summary.csv", summary.write_csv)
    write_whole(directory / "lessons.csv", taught.write_csv)
    plot.save(figure(table, summary, taught, config), directory)


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


def summarise_lessons(lessons: pl.DataFrame) -> pl.DataFrame:
    """One row for each protocol: the share of what there is to know that was taught, and how surely."""
    gap = pl.col("full") - pl.col("none")
    least = COMPLETE * pl.col("stake")
    by = ("rounds", "messages", "replies")
    return (
        lessons.filter(gap > least)
        .with_columns(
            share=(pl.col("taught_lower") - pl.col("none")) / gap,
            complete=pl.col("full") - pl.col("taught_lower") <= least,
        )
        .group_by(*by, maintain_order=True)
        .agg(
            pl.len().alias("draws"),
            pl.col("share").mean(),
            pl.col("share").min().alias("share_least"),
            pl.col("complete", "exact").mean(),
            ((pl.col("taught_upper") - pl.col("taught_lower")) / gap).max().alias("widest"),
        )
        .sort(*by)
    )


# Figure


def figure(table: pl.DataFrame, summary: pl.DataFrame, taught: pl.DataFrame, config: DictConfig) -> Figure:
    """Lessons against rounds; every game against the bound; loss against diversity by protocol."""
    settings = config.experiment
    lesson = settings.lesson
    ends = table.filter(pl.col("certified")).height
    sure = taught["exact"].to_numpy().mean()
    bound = "OPT(protocol) - 2 eps - delta - gain"
    caption = (
        f"Left: one aligned leader, {lesson.states} states, {lesson.types} types of the user; she knows her "
        f"type, hears R messages out of M and puts a question, one of N, after each but the last. Share of "
        f"OPT - NONE, mean over {settings.draws:,} games of family {called(config.family)}; {sure:.0%} of "
        f"the lessons are proven best, the others attained, thus lower bounds. Centre: {settings.leaders} "
        f"leaders  compete (S = {settings.states}, T = {settings.types}, A = {settings.actions}); where best "
        f"responses from silence end, {ends:,} of {table.height:,} ends certified as equilibria (no gain "
        f"above {CERTIFIED:g} of what is at stake for them). The line is what the theorem allows: "
        f"OPT - OPT(protocol) + 2 eps + delta + gain, the largest gain of a leader; both count with "
        f"the hull's weights. "
        f"{verdict_sentence(summary, bound, 'where they end')} Right: what she loses "
        f"(solid) and what even an aligned leader could not tell her (dotted), mean by protocol."
    )
    fig, axes = plot.new_figure("What do rounds of conversation buy?", caption, 3)
    _lessons(axes[0], taught)
    names = {_name(p): _name(p) for p in settings.protocols}
    scatter(axes[1], table, "protocol", names)
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


def _name(protocol: Any) -> str:
    rounds, messages, replies = protocol
    return f"R = {rounds}, M = {messages}, N = {replies}"


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
    protocol = next(p for p in settings.protocols if _name(p) == row["protocol"])
    theorem = CHECKS[row["competition"]]
    return theorem(game, tolerance=settings.tolerance, protocol=Protocol(*protocol), steps=settings.steps)


register(
    Experiment(
        name="conversation",
        config=ConversationConfig,
        run=run,
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
