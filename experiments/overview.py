"""The paper's sentence in one picture: hull coverage, and what worst equilibria of three competitions cost.

Every game is checked three times, so that the competitions can be compared game by game. Beside the family of
the figure others are sampled, with misalignments of other kinds; all of them are in the tables. Games with a
logit follower take far longer: they have fewer leaders and fewer draws, and their table lies in `quantal/`.
"""

import copy
import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from omegaconf import MISSING, DictConfig, OmegaConf

from experiments import _overview_figure
from experiments.common import claims
from experiments.common.claims import LOSSLESS, Claim, Run
from experiments.common.competitions import COMPETITIONS, QUANTAL, checked, padded, rationality_of
from experiments.common.families import families, family_of
from experiments.common.games import repeated
from experiments.common.guarantee import INSIDE, LABELS, counts, report, tightest, with_losses
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import Grid, gathered, scan_of
from jaxgame import plot, theorems
from jaxgame.core.game import Game, full_information_value
from jaxgame.core.response import quantal_response
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee

log = logging.getLogger("experiments")

COORDINATES = ("family", "diversity", "leaders", "competition")


@dataclass
class OverviewConfig:
    """See conf/experiment/overview.yaml."""

    name: str = MISSING
    draws: int = MISSING
    beside: list[str] = MISSING
    leaders: list[int] = MISSING
    quantal_leaders: list[int] = MISSING
    quantal_every: int = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: list[float] = MISSING
    rationality: float = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute both tables, the summary and two figures in `directory`; report verdicts and brackets."""
    settings = config.experiment
    _check(config)
    names = [config.family.name, *settings.beside]
    drawn = {name: family_of(config, name) for name in names}
    others = [name for name in COMPETITIONS if name != QUANTAL]
    tables = [_table(config, directory, drawn, list(settings.leaders), others)]
    if settings.quantal_leaders:
        fewer = copy.deepcopy(config)
        fewer.experiment.draws = -(-settings.draws // settings.quantal_every)
        tables.append(_table(fewer, directory / QUANTAL, drawn, list(settings.quantal_leaders), [QUANTAL]))
        OmegaConf.save(fewer, directory / QUANTAL / "config.yaml", resolve=True)
    table = pl.concat(tables)
    summary = summarise(table, settings.tolerance)
    report(summary, "worst >= OPT - 2 eps (- her regret)", settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(_overview_figure.headline(summary, config), directory)
    plot.save(_overview_figure.bounds(table, summary, names), directory, "bounds")


def draw_function(
    drawn: Mapping[str, Family], settings: DictConfig, leaders: list[int], competitions: Sequence[str]
) -> DrawFunction:
    """One draw: a game of each family at every diversity, checked for the first K leaders, for every K.

    `noise` is what a user who knows the state loses against OPT by not responding best.
    """
    shape = Shape(max(leaders), 1, settings.states, settings.actions)
    first = repeated(leaders, shape.leaders)
    levels = jnp.asarray([float(d) for d in settings.diversity])

    def all_checked(game: Game) -> Mapping[str, Any]:
        known = theorems.premise(game)
        found = [
            vars(checked(name, game, settings, known)) | {"noise": _noise(game, name, settings)}
            for name in competitions
        ]
        return jax.tree.map(lambda *values: jnp.stack(values), *found)

    def nested(game: Game) -> Mapping[str, Any]:
        return jax.vmap(lambda some: all_checked(Game(game.prior, game.follower, some)))(game.leaders[first])

    def draw(key: Array) -> Mapping[str, Any]:
        games = [
            jax.vmap(lambda d, family=family: family.sample(key, shape, d))(levels)
            for family in drawn.values()
        ]
        every = jax.tree.map(lambda *parts: jnp.concatenate(parts), *games)
        # One after another: a logit follower's grids take much memory.
        found = jax.lax.map(nested, every)
        return jax.tree.map(lambda x: x.reshape(len(drawn), len(levels), *x.shape[1:]), found)

    return draw


def _noise(game: Game, competition: str, settings: DictConfig) -> Array:
    if competition != QUANTAL:
        return jnp.zeros((), game.prior.dtype)
    responses = quantal_response(game.follower, rationality_of(game, settings))
    known = (game.prior[:, :, None] * responses * game.follower).sum()
    return full_information_value(game) - known


def _table(
    config: DictConfig,
    directory: Path,
    drawn: Mapping[str, Family],
    leaders: list[int],
    competitions: Sequence[str],
) -> pl.LazyFrame:
    settings = config.experiment
    grid: Grid = {
        "family": list(drawn),
        "diversity": [float(d) for d in settings.diversity],
        "leaders": leaders,
        "competition": list(competitions),
    }
    function = draw_function(drawn, settings, leaders, competitions)
    return with_losses(scan_of(config, function, directory, grid, LABELS))


def summarise(table: pl.LazyFrame, tolerance: float) -> pl.DataFrame:
    """One row per family, diversity, K and competition; losses in parts of what is at stake for the user.

    Losses are counted from what full information is worth to her as she responds.
    """
    stake = pl.col("stake")
    loss = (pl.col("loss") - pl.col("noise")) / stake
    return gathered(
        table.group_by(COORDINATES)
        .agg(
            pl.len().alias("draws"),
            (pl.col("state_upper") <= INSIDE * stake).mean().alias("covered"),
            (loss <= LOSSLESS).mean().alias("lossless"),
            loss.mean().alias("loss_mean"),
            loss.quantile(0.9, "linear").alias("loss_q90"),
            loss.max().alias("loss_largest"),
            *tightest(),
            *counts(tolerance),
        )
        .sort(COORDINATES)
    )


def _checked_again(game: Game, config: DictConfig, row: Mapping[str, Any]) -> Guarantee:
    """The check of a row, of the same program as in the run."""
    settings, competition = config.experiment, row["competition"]
    most = max(settings.quantal_leaders if competition == QUANTAL else settings.leaders)
    same = padded(game, most)
    return checked(competition, same, settings, theorems.premise(same))


def _check(config: DictConfig) -> None:
    settings = config.experiment
    check_increasing("leaders", settings.leaders, 2)
    check_diversity(settings.diversity)
    taken = {config.family.name}
    known = set(families()) - taken
    must_be = f"distinct families beside {config.family.name}: some of {', '.join(sorted(known))}"
    if settings.beside:
        check_list("beside", settings.beside, must_be, lambda name: name in known)
    if settings.quantal_leaders:
        some = f"some of leaders, {list(settings.leaders)}"
        check_list("quantal_leaders", settings.quantal_leaders, some, lambda k: k in settings.leaders)
    if settings.states != 2 and settings.quantal_leaders:
        raise ValueError(
            f"experiment.states is {settings.states}; a logit follower's certificate needs two states (or "
            "set quantal_leaders=[])"
        )
    if settings.quantal_every < 1:
        raise ValueError(f"experiment.quantal_every is {settings.quantal_every}; it must be at least 1")
    if not settings.rationality > 0:
        raise ValueError(f"experiment.rationality is {settings.rationality}; it must be positive")


STATEMENTS = {
    "selection": ("best-AI selection", "keeps the single best model", ""),
    "learning": ("all models heard, best action", "hears all models and takes a best action", ""),
    "quantal": (
        "all models heard, quantal response",
        "hears all models and responds by quantal response",
        ", less what responding so may lose",
    ),
}


def _claims(competition: str) -> tuple[Claim, ...]:
    """The exact statement, the paper's bound and ours, for one competition."""
    short, does, less = STATEMENTS[competition]
    where = {"competition": competition}
    folder = QUANTAL if competition == QUANTAL else ""
    informed = "what knowing the state is worth to her as she responds" if less else "OPT"
    checked = functools.partial(claims.guarantee, coordinates=COORDINATES, where=where)
    return (
        Claim(
            name=f"{competition}_exact",
            title=f"In the hull nothing is lost: {short}",
            statement=(
                f"A user who {does} gets {informed} at every equilibrium if a mixture of the models' "
                "utilities equals hers, up to a constant in each state."
            ),
            whose=claims.PAPERS,
            find=functools.partial(claims.lossless, coordinates=COORDINATES, where=where),
            folder=folder,
        ),
        Claim(
            name=f"{competition}_bound",
            title=f"OPT - 2 eps{' - her regret' if less else ''}: {short}",
            statement=f"A user who {does} gets at least OPT - 2 eps{less} at every equilibrium.",
            whose=claims.PAPERS,
            find=checked,
            folder=folder,
        ),
        Claim(
            name=f"{competition}_average",
            title=f"OPT - D{' - her regret' if less else ''}: {short}",
            statement=(
                f"The same with the average distance D in the place of 2 eps: at least OPT - D{less} at "
                "every equilibrium."
            ),
            whose=claims.OURS,
            find=functools.partial(checked, average=True),
            folder=folder,
        ),
    )


def _controls() -> tuple[Claim, ...]:
    """Claims that are false, of the bound and of the premise: the check must see it."""
    where = {"competition": "selection"}
    return (
        Claim(
            name="control_bound",
            title="Control: a bound that is false",
            statement="A user who keeps the single best model gets OPT - 0.2 eps at every equilibrium.",
            whose=claims.CONTROL,
            find=functools.partial(claims.guarantee, coordinates=COORDINATES, where=where, factor=0.1),
        ),
        Claim(
            name="control_premise",
            title="Control: the premise dropped",
            statement=(
                "A user who keeps the single best model gets OPT at every equilibrium, whether or not a "
                "mixture of the models wants what she wants."
            ),
            whose=claims.CONTROL,
            find=functools.partial(claims.lossless, coordinates=COORDINATES, where=where, inside=False),
        ),
    )


register(
    Experiment(
        name="overview",
        config=OverviewConfig,
        run=run,
        headline=Headline(
            "leaders", "loss_mean", "lossless", "loss_q90", "loss (part of what is at stake)",
            "mean loss in best-AI selection at the largest diversity, the first family by name",
            fixed={"competition": "selection"},
            ends={"diversity": "max", "family": "min"},
        ),
        coordinates=COORDINATES,
        check=_checked_again,
        proved={"competition": "selection"},
        page=(
            Run(
                place=10,
                name="overview",
                title="Three competitions, the same games",
                about=(
                    "Models commit to what they will say, knowing that others compete for the user's ear. "
                    "She may keep the single best one, hear all and take a best action, or hear all and "
                    "respond by quantal response. Families of games: models that err without a purpose "
                    "(noise), a user between two models (between), goals of the models' owners (goals), a "
                    "bias common to all (shared_bias), and ratings by 86 real language models (panel)."
                ),
                # Two models hold few users in their hull, and a logit user's games take long.
                setting=(
                    "experiment=overview",
                    "experiment.quantal_leaders=[4,8]",
                    "experiment.quantal_every=2",
                ),
                draws=134,
                seconds=80,
                pictures={
                    "figure": "From outside the hull into it: coverage and loss against the number of models",
                    "bounds": "Every game against both bounds",
                },
                claims=(*(claim for name in COMPETITIONS for claim in _claims(name)), *_controls()),
            ),
        ),
    )
)  # fmt: skip
