"""Many users: a fixture that jumps, random users by diversity and number of leaders, and two distances."""

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

from experiments._users_figure import BEYOND, LARGE, SMALL, figure
from experiments.common import claims
from experiments.common.claims import Claim, Finding, Run
from experiments.common.config import GamesConfig
from experiments.common.families import make_family
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import drawn, gathered, scan_of
from jaxgame import plot, users
from jaxgame.core.bracket import Bracket
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import VERDICTS, UsersGuarantee, many_users

log = logging.getLogger("experiments")

COORDINATES = ("leaders", "users_diversity", "diversity")
LABELS = {f"{kind}_holds": VERDICTS for kind in ("personal", "anonymous")}

# Of the fixture's values, in parts of what is at stake: nearer is the same.
SAME = 1e-3


@dataclass
class UsersConfig(GamesConfig):
    """See conf/experiment/users.yaml."""

    users_diversity: list[float] = MISSING
    opposition: list[float] = MISSING
    tolerance: float = MISSING
    steps: int = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute the fixture's sweep, table, summary and figure in `directory`; report what the claims say."""
    settings = config.experiment
    _check(settings)
    fixture = sweep(settings)
    grid = {name: list(settings[name]) for name in COORDINATES}
    table = scan_of(config, draw_function(make_family(config.family), settings), directory, grid, LABELS)
    summary = summarise(table)
    for kind, bound in (("personal", "2 eps_j"), ("anonymous", "2 eps / lam_j")):
        counts = {word: int(summary[f"{kind}_{word}"].sum()) for word in VERDICTS}
        said = ", ".join(f"{word} {count}" for word, count in counts.items())
        log.info("%s: every user gets OPT_j - %s: %s", kind, bound, said)
    width = pl.col("least_served_upper") - pl.col("least_served_lower")
    wide = gathered(table.select((width > settings.tolerance).sum()))
    log.info(
        "brackets of the least served wider than %g: %d of %d",
        settings.tolerance,
        wide.item(),
        summary["draws"].sum(),
    )
    write_whole(directory / "fixture.csv", fixture.write_csv)
    write_whole(directory / "summary.csv", summary.write_csv)
    points = drawn(table, ("users_diversity", "each_upper", "common_upper"))
    plot.save(figure(fixture, points, summary, config), directory)


def sweep(settings: DictConfig) -> pl.DataFrame:
    """The fixture's least values at every k: where all hear the same, and with a scheme for each user."""
    rows = []
    for k in settings.opposition:
        game = users.opposed(k)
        together = users.worst_equilibrium(game, tolerance=settings.tolerance, steps=settings.steps).value
        alone = users.personalised(game, tolerance=settings.tolerance).value
        common = users.alignment(game, kind="common").distance
        rows.append(
            {
                "k": float(k),
                "anonymous_lower": float(together.lower),
                "anonymous_upper": float(together.upper),
                "personal_lower": float(alone.lower.min()),
                "personal_upper": float(alone.upper.max()),
                "common_lower": float(common.lower),
                "common_upper": float(common.upper),
            }
        )
    return pl.DataFrame(rows)


def draw_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: both statements for the first K leaders, at every diversity of users and of leaders.

    Each number of leaders has its program: a leader that is there twice is a rival of itself.
    """
    check = functools.partial(many_users, tolerance=settings.tolerance, steps=settings.steps)

    def draw(key: Array) -> Mapping[str, Any]:
        def at(leaders: int, apart: Array, diversity: Array) -> Mapping[str, Any]:
            shape = Shape(leaders, settings.types, settings.states, settings.actions)
            return _columns(check(users.population(family, key, shape, diversity, users_diversity=apart)))

        by_diversity = jnp.asarray([float(d) for d in settings.diversity])
        by_users = jnp.asarray([float(d) for d in settings.users_diversity])
        found = [
            jax.vmap(jax.vmap(functools.partial(at, k), (None, 0)), (0, None))(by_users, by_diversity)
            for k in settings.leaders
        ]
        return jax.tree.map(lambda *x: jnp.stack(x), *found)

    return draw


def _columns(found: Any) -> Mapping[str, Any]:
    """Of all users together, in parts of what is at stake for each: means, the least served, verdicts."""
    stake = found.stake

    def parts(x: Bracket) -> Bracket:
        return Bracket(x.lower / stake, x.upper / stake)

    def least_slack(guarantee: UsersGuarantee) -> Bracket:
        slack = parts(guarantee.slack)
        return Bracket(slack.lower.min(), slack.upper.min())

    loss, alone = parts(found.anonymous.loss), parts(found.personal.loss)
    each, common = parts(found.personal.allowed), parts(found.anonymous.allowed)
    return {
        "loss": Bracket(loss.lower.mean(), loss.upper.mean()),
        "least_served": Bracket(loss.lower.max(), loss.upper.max()),
        "personal_loss": Bracket(alone.lower.mean(), alone.upper.mean()),
        "personal_least_served": Bracket(alone.lower.max(), alone.upper.max()),
        "each": Bracket(each.lower.max(), each.upper.max()),
        "common": Bracket(common.lower.max(), common.upper.max()),
        "personal_slack": least_slack(found.personal),
        "anonymous_slack": least_slack(found.anonymous),
        "personal_holds": found.personal.holds.min(),
        "anonymous_holds": found.anonymous.holds.min(),
    }


def summarise(table: pl.LazyFrame) -> pl.DataFrame:
    """One row for each cell: losses of both kinds, the least served, and how often distances part.

    A loss is the lower end of its bracket, which an equilibrium attains: where nothing is lost it is 0. Of
    distances it is the middle.
    """
    small, large = pl.col("each_upper") <= SMALL, pl.col("common_lower") >= LARGE
    share = pl.col("anonymous_slack_upper")
    return gathered(
        table.group_by(COORDINATES)
        .agg(
            pl.len().alias("draws"),
            *[
                pl.col(f"{name}_lower").mean().alias(f"{name}_mean")
                for name in ("loss", "least_served", "personal_loss", "personal_least_served")
            ],
            *[
                ((pl.col(f"{name}_lower") + pl.col(f"{name}_upper")) / 2).mean().alias(f"{name}_mean")
                for name in ("each", "common")
            ],
            pl.col("least_served_upper").quantile(0.9, "linear").alias("least_served_q90"),
            (small & large).mean().alias("parted"),
            small.mean().alias("each_small"),
            large.mean().alias("common_large"),
            (pl.col("common_upper") > BEYOND).mean().alias("beyond"),
            share.min().alias("least_slack"),
            *[
                (pl.col(f"{kind}_holds") == word).sum().alias(f"{kind}_{word}")
                for kind in ("personal", "anonymous")
                for word in VERDICTS
            ],
            (pl.col("loss_upper") - pl.col("loss_lower")).max().alias("widest"),
        )
        .sort(COORDINATES)
    )


def _check(settings: DictConfig) -> None:
    check_increasing("leaders", settings.leaders, 2)
    check_diversity(settings.diversity)
    check_list(
        "users_diversity", settings.users_diversity, "distinct numbers from 0 to 1", lambda x: 0 <= x <= 1
    )
    check_list(
        "opposition",
        settings.opposition,
        "increasing numbers of at least 0",
        lambda x: x >= 0,
        increasing=True,
    )
    if settings.types != 2:
        raise ValueError(
            f"experiment.types is {settings.types}; worst equilibria are certified for two users"
        )
    if not settings.tolerance > 0:
        raise ValueError(f"experiment.tolerance is {settings.tolerance}; it must be positive")
    if settings.steps < 1:
        raise ValueError(f"experiment.steps is {settings.steps}; it must be at least 1")


def fixture_finding(directory: Path) -> Finding:
    """Cells of the sweep, but for k = 1, where values are not those of theory."""
    fixture = pl.read_csv(directory / "fixture.csv").filter(pl.col("k") != 1.0)
    least = pl.when(pl.col("k") < 1).then(1.0).otherwise(0.5)
    off, near = [], []
    for name, right in (("anonymous", least), ("personal", pl.lit(1.0))):
        off += [(pl.col(f"{name}_lower") > right + SAME) | (pl.col(f"{name}_upper") < right - SAME)]
        near += [(pl.col(f"{name}_lower") >= right - SAME) & (pl.col(f"{name}_upper") <= right + SAME)]
    violated, known = (
        fixture.select(x).to_series() for x in (pl.any_horizontal(off), pl.all_horizontal(near))
    )
    return Finding(
        premise="two users, a perfectly aligned leader each",
        draws=fixture.height,
        checked=fixture.height,
        violations=int(violated.sum()),
        undecided=int((~violated & ~known).sum()),
        unit="values of k",
    )


def guarantee_finding(directory: Path, kind: str) -> Finding:
    """Games in which some user gets less than a statement promises her."""
    kinds = "personal", "anonymous"
    needed = ["draw", *[f"{kind}_{what}" for kind in kinds for what in ("holds", "slack_upper")]]
    needed += ["personal_least_served_lower", "least_served_lower", "each_upper", "common_upper"]
    table = pl.read_parquet(directory / "results.parquet", columns=needed)
    counts = {word: table.filter(pl.col(f"{kind}_holds") == word).height for word in VERDICTS}
    loss, allowed = ("personal_least_served", "each") if kind == "personal" else ("least_served", "common")
    largest = float(table[f"{loss}_lower"].to_numpy().max())
    middle = 100 * float(table.select(pl.col(f"{allowed}_upper").median()).item())
    return Finding(
        premise=f"what is allowed the user who fares worst: median {middle:.2g}% of her stake",
        draws=table["draw"].n_unique(),
        checked=table.height,
        violations=counts["no"],
        undecided=counts["undecided"],
        nearest=(
            f"largest loss of a user {largest:.0%} of her stake, least slack "
            f"{float(table[f'{kind}_slack_upper'].to_numpy().min()):.2g}"
        ),
    )


register(
    Experiment(
        name="users",
        config=UsersConfig,
        run=run,
        headline=Headline(
            "users_diversity", "loss_mean", "loss_mean", "least_served_mean",
            "loss (part of what is at stake)",
            "mean loss of users who hear the same (bands: to the least served)",
            ends={"leaders": "max", "diversity": "max"}, x_label="diversity of the users",
        ),
        page=(
            Run(
                place=50,
                name="users",
                title="Many users: one policy for all, or one for each",
                about=(
                    "Every user keeps the model best for her, and models are paid by all. A policy for each "
                    "user gives her what her own distance promises; one policy for all may leave everybody "
                    "uninformed, unless one mixture of the models serves all users at once."
                ),
                setting=("experiment=users",),
                draws=6,
                seconds=60,
                pictures={"figure": "The jump of the fixture; losses and distances of random users"},
                quick=False,
                claims=(
                    Claim(
                        name="users_fixture",
                        title="Values jump at k = 1 with one policy for all, and stay with one for each",
                        statement=(
                            "Two users with an aligned model each, which is paid for her match less k times "
                            "the other's: with one policy for all each user's value at the worst equilibrium "
                            "is 1 for k < 1 and 1/2 beyond; with a policy for each it is 1 for every k."
                        ),
                        whose=claims.OURS,
                        find=fixture_finding,
                    ),
                    *(
                        Claim(
                            name=f"users_{kind}",
                            title=f"OPT_j - {bound} for every user, {how}",
                            statement=f"At pure equilibria user j gets at least OPT_j - {bound}, {how}.",
                            whose=claims.OURS,
                            find=functools.partial(guarantee_finding, kind=kind),
                        )
                        for kind, bound, how in (
                            ("personal", "2 eps_j", "with a policy for each"),
                            ("anonymous", "2 eps / lam_j", "with one policy for all and common weights"),
                        )
                    ),
                ),
            ),
        ),
    )
)  # fmt: skip
