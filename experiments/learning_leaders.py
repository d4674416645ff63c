"""Leaders who learn, round by round: when has the user what is promised, and what do they regret?"""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common import claims
from experiments.common.claims import Claim, Run
from experiments.common.families import called, make_family
from experiments.common.games import first_leaders
from experiments.common.guarantee import LABELS, counts, report, tightest, verdict_sentence, with_losses
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import Grid, drawn, gathered, scan_of
from jaxgame import plot, selection, theorems
from jaxgame.core.game import Game, full_information_value
from jaxgame.persuasion.frontier import Curve
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.keys import draw_key
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee, Premise

COORDINATES = ("leaders", "diversity", "rule", "rounds")

LATE = 10  # "in the end" is the last of so many equal parts of the rounds
LEAST = 0.01  # percent, where a logarithmic axis of losses begins


@dataclass
class LearningLeadersConfig:
    """See conf/experiment/learning_leaders.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: list[int] = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: list[float] = MISSING
    rules: list[str] = MISSING
    rounds: list[int] = MISSING
    menu: int = MISSING
    start: str = MISSING
    within: float = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report verdicts and brackets."""
    settings = config.experiment
    _check(settings)
    grid: Grid = {
        "leaders": list(settings.leaders),
        "diversity": [float(d) for d in settings.diversity],
        "rule": list(settings.rules),
        "rounds": list(settings.rounds),
    }
    function = draw_function(make_family(config.family), settings)
    table = with_losses(scan_of(config, function, directory, grid, LABELS))
    summary = summarise(table, settings)
    report(summary, "average >= OPT - 2 eps - sum_i w_i regret_i", settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(table, summary, config), directory)


def draw_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: what leaders who learn by every rule come to, for the first K of them, every K and diversity.

    Beside the theorem's check: `menu_regret`, the largest regret about the entries of the menu, `late`, what
    she misses of full information in the last tenth of all rounds, and `equilibrium`, what the certified
    worst pure equilibrium costs her.
    """
    shape = Shape(max(settings.leaders), 1, settings.states, settings.actions)

    def at(key: Array, d: Array, count: int) -> Mapping[str, Any]:
        game = first_leaders(family.sample(key, shape, d), count)
        known = theorems.premise(game)
        worst = selection.worst_equilibrium(game).loss
        curves = selection.leader_curves(game)
        rules = [_by_rule(game, key, rule, settings, known, curves) for rule in settings.rules]
        found = jax.tree.map(lambda *values: jnp.stack(values), *rules)  # [R, H]
        everywhere = (len(settings.rules), len(settings.rounds))
        return {**found, "equilibrium": jax.tree.map(lambda x: jnp.broadcast_to(x, everywhere), worst)}

    def draw(key: Array) -> Mapping[str, Any]:
        # Leaders that are repeated would learn, too: each number of them is a program of its own.
        each = [
            jax.vmap(functools.partial(at, key, count=count))(jnp.asarray(settings.diversity))
            for count in settings.leaders
        ]
        return jax.tree.map(lambda *values: jnp.stack(values), *each)

    return draw


def _by_rule(
    game: Game, key: Array, rule: str, settings: DictConfig, known: Premise, curves: Curve
) -> Mapping[str, Any]:
    """The theorem's check after each number of rounds [H], and what else a row holds."""
    offers = selection.starting_offers(game, settings.start, jax.random.fold_in(key, 1))
    drawn = jax.random.fold_in(key, 2) if rule in selection.RANDOM_RULES else None
    rounds = tuple(settings.rounds)
    trace = selection.learning(
        game, offers, rule=rule, rounds=rounds, menu=settings.menu, known=curves, key=drawn
    )

    def judged(place: Array) -> Guarantee:
        return theorems.learning(game, trace.after(place), tolerance=settings.tolerance, known=known)

    checks = jax.vmap(judged)(jnp.arange(len(rounds)))
    late = full_information_value(game) - trace.path[-(-len(trace.path) // LATE) :].mean()
    return {
        **vars(checks),
        "menu_regret": trace.menu_regret.max(1),
        "late": jnp.broadcast_to(late, len(rounds)),
    }


def _checked_again(game: Game, config: DictConfig, row: Mapping[str, Any]) -> Guarantee:
    """The check of a row, by the same rounds as in the run."""
    settings, key = config.experiment, draw_key(config.run.seed, row["draw"])
    known, curves = theorems.premise(game), selection.leader_curves(game)
    found = _by_rule(game, key, row["rule"], settings, known, curves)
    place = list(settings.rounds).index(row["rounds"])
    return Guarantee(**{name: jax.tree.map(lambda x: x[place], found[name]) for name in _names()})


def _names() -> list[str]:
    return [field.name for field in dataclasses.fields(Guarantee)]


def summarise(table: pl.LazyFrame, settings: DictConfig) -> pl.DataFrame:
    """Losses, regrets and verdicts by coordinates; parts of what is at stake for her.

    `reached` is the share of games in which she has OPT - 2 eps on average, but for `within`, and
    `ended` those in which she has in the end what the worst equilibrium would leave her, but for as much.
    """
    stake, near = pl.col("stake"), settings.within * pl.col("stake")
    distance = 2 * pl.min_horizontal("constant_lower", "state_lower", "cone_lower")
    part = pl.col("loss") / stake
    return gathered(
        table.group_by(COORDINATES)
        .agg(
            pl.len().alias("draws"),
            part.mean().alias("loss_mean"),
            part.quantile(0.9, "linear").alias("loss_q90"),
            (pl.col("allowed") / stake).mean().alias("allowed_mean"),
            (pl.col("late") / stake).mean().alias("late_mean"),
            (pl.col("equilibrium_upper") / stake).mean().alias("equilibrium_mean"),
            (pl.col("loss") <= distance + near).mean().alias("reached"),
            (pl.col("late") <= pl.col("equilibrium_upper") + near).mean().alias("ended"),
            *tightest(),
            *counts(settings.tolerance),
        )
        .sort("leaders", "diversity", "rounds", "rule")
    )


def figure(table: pl.LazyFrame, summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Share of games at the bound, and mean loss, against rounds; regret against loss, one point a draw."""
    settings = config.experiment
    leaders, d, last = list(settings.leaders), max(settings.diversity), max(settings.rounds)
    here = pl.col("leaders") == max(leaders), pl.col("diversity") == d
    shown = ("rule", "rounds", "allowed", "loss", "stake")
    points, note = drawn(table.filter(*here, pl.col("rounds").is_in([settings.rounds[0], last])), shown)
    most = summary.filter(*here)
    ended = most.filter(pl.col("rounds") == last)
    shares = ", ".join(f"{row['rule']} {row['ended']:.0%}" for row in ended.iter_rows(named=True))
    caption = (
        f"{verdict_sentence(summary, 'OPT - 2 eps - sum_i w_i regret_i', 'for her average')} "
        f"{settings.draws:,} draws of the family {called(config.family)}, S = {settings.states}, A = "
        f"{settings.actions}, diversity {d:g}; leaders start from offers of information that is "
        f"{settings.start!r}. Regrets are about all schemes, certified. Middle: each draw, K = "
        f"{max(leaders)}, after {settings.rounds[0]:,} rounds and after {last:,}. Right: K = {max(leaders)}; "
        "dotted, her worst pure equilibrium. In the last tenth of rounds she loses no more than there, but "
        f"for {_within(settings)}, in: {shares}. Nothing says that learners reach an equilibrium.{note}"
    )
    fig, axes = plot.new_figure("Do leaders who learn get there?", caption, 3)
    styles = zip(settings.rules, plot.shades(len(settings.rules)), plot.MARKERS, strict=False)
    for rule, colour, marker in styles:
        style = {"color": colour, "marker": marker, "label": rule.replace("_", " ")}
        for k in dict.fromkeys((max(leaders), min(leaders))):
            line = summary.filter(
                pl.col("leaders") == k, pl.col("diversity") == d, pl.col("rule") == rule
            ).sort("rounds")
            how = {} if k == max(leaders) else {"linestyle": "--", "label": None}
            axes[0].plot(line["rounds"], 100 * line["reached"], **style | how)
        line = most.filter(pl.col("rule") == rule).sort("rounds")
        axes[2].plot(line["rounds"], 100 * line["loss_mean"], **style)
        for rounds, filled in ((settings.rounds[0], "none"), (last, colour)):
            own = points.filter(pl.col("rule") == rule, pl.col("rounds") == rounds)
            x, y = (_floored(own, name) for name in ("allowed", "loss"))
            axes[1].plot(x, y, marker, color=colour, markerfacecolor=filled, markersize=3.5, alpha=0.7)
    axes[2].axhline(100 * ended["equilibrium_mean"][0], color="0.3", linestyle=":")
    if len(leaders) > 1:
        axes[0].plot([], [], color="0.3", label=f"K = {max(leaders)}")
        axes[0].plot([], [], color="0.3", linestyle="--", label=f"K = {min(leaders)}")
    title = f"Within {_within(settings)} of OPT - 2 eps"
    axes[0].set(xscale="log", xlabel="rounds", ylabel="% of games", ylim=(0, 103), title=title)
    axes[0].legend(frameon=False, fontsize=7)
    axes[1].plot([LEAST, 100], [LEAST, 100], color="0.3", linewidth=1)
    axes[1].plot([], [], "o", color="0.3", markerfacecolor="none", label=f"{settings.rounds[0]:,} rounds")
    axes[1].plot([], [], "o", color="0.3", label=f"{last:,} rounds")
    axes[1].legend(frameon=False, fontsize=7, loc="upper left")
    axes[1].set(xscale="log", yscale="log", title=f"Loss and bound (drawn from {LEAST:g}% on)")
    axes[1].set(xlabel="allowed: 2 eps and regrets (% of her stake)", ylabel="average loss (% of her stake)")
    axes[2].set(xscale="log", yscale="log", xlabel="rounds", ylabel="mean loss so far (% of her stake)")
    axes[2].set_title("Beside the worst equilibrium")
    return fig


def _within(settings: DictConfig) -> str:
    return f"{100 * settings.within:g}%"


def _floored(table: pl.DataFrame, name: str) -> pl.Series:
    """Percentages of what is at stake, on an axis that has no 0."""
    return (100 * table[name] / table["stake"]).clip(LEAST, None)


def _check(settings: DictConfig) -> None:
    check_increasing("leaders", settings.leaders, 2)
    check_increasing("rounds", settings.rounds, 1)
    check_diversity(settings.diversity)
    known = f"some of {', '.join(selection.RULES)}"
    check_list("rules", settings.rules, known, lambda rule: rule in selection.RULES)
    if settings.start not in selection.STARTS:
        raise ValueError(
            f"experiment.start is {settings.start!r}; it must be one of {', '.join(selection.STARTS)}"
        )
    if not settings.within >= 0:
        raise ValueError(f"experiment.within is {settings.within}; it must be at least 0")


register(
    Experiment(
        name="learning_leaders",
        config=LearningLeadersConfig,
        run=run,
        headline=Headline(
            "rounds", "loss_mean", "loss_mean", "loss_q90", "loss (part of what is at stake)",
            "mean loss while leaders learn, by rounds (bands: to the 90th percentile)",
            ends={"leaders": "max", "diversity": "max", "rule": "min"},
        ),
        coordinates=COORDINATES,
        check=_checked_again,
        page=(
            Run(
                place=45,
                name="learning_leaders",
                title="Leaders who learn",
                about=(
                    "Nobody says that models reach an equilibrium. Here they learn what to offer, round by "
                    "round, by three rules. What they regret, against the best fixed offer of all, is "
                    "certified, and takes from the bound. In half of the games she is in the hull."
                ),
                setting=("experiment=learning_leaders", "experiment.leaders=[4]", "family.apart=0.3"),
                draws=84,
                seconds=40,
                pictures={"figure": "Rounds to the bound, regret against loss, and the worst equilibrium"},
                claims=tuple(
                    Claim(
                        name=f"learning_leaders{suffix}",
                        title=f"OPT - {distance} - regrets: leaders who learn",
                        statement=(
                            f"Whatever rule they learn by, she gets on average at least OPT - {distance} - "
                            "sum_i w_i regret_i, w the weights of the mixture."
                        ),
                        whose=claims.OURS,
                        find=functools.partial(claims.guarantee, coordinates=COORDINATES, average=average),
                    )
                    for suffix, distance, average in (("", "2 eps", False), ("_average", "D", True))
                ),
            ),
        ),
    )
)  # fmt: skip
