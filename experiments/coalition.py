"""Reviewers who can block: how many must object to any harm, and what rules cost that tolerate some."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from omegaconf import MISSING, DictConfig

from experiments._coalition_figure import figure
from experiments.common.claims import CLASSIC, OURS, PAPERS, Claim, Finding, Run
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import gathered, scan_of
from jaxgame import coalition, plot, theorems
from jaxgame.core.bracket import Bracket
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.summary import wilson_interval
from jaxgame.theorems import VERDICTS, wendel_coverage, wendel_probability

log = logging.getLogger("experiments")

RULES = "rules"  # the folder of the table of rules
EXACT = 1e-6  # what a closed form may be missed by


@dataclass
class CoalitionConfig:
    """See conf/experiment/coalition.yaml."""

    name: str = MISSING
    draws: int = MISSING
    reviewers: list[int] = MISSING
    outcomes: int = MISSING
    strength: float = MISSING
    diversity: list[float] = MISSING
    removed: list[int] = MISSING
    panel: int = MISSING
    strengths: list[float] = MISSING
    tolerated: list[int] = MISSING
    ring: list[int] = MISSING
    angles: list[float] = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute tables, summaries and figure in `directory`; report depths, verdicts and closed forms."""
    settings = config.experiment
    _check(settings)
    grid = {"diversity": list(settings.diversity), "reviewers": list(settings.reviewers)}
    table = scan_of(config, depth_function(settings), directory, grid)
    summary = summarise(table, settings)
    write_whole(directory / "summary.csv", summary.write_csv)
    rules = scan_of(
        config,
        rule_function(settings),
        directory / RULES,
        {"strength": [float(s) for s in settings.strengths], "tolerated": list(settings.tolerated)},
        {"holds": VERDICTS, "agrees": VERDICTS},
    )
    rings = ring_table(settings)
    write_whole(directory / "rings.csv", rings.write_csv)
    _report(summary, rules, rings)
    plot.save(figure(summary, rules, rings, config), directory)


def depth_function(settings: DictConfig) -> DrawFunction:
    """One draw: the rejection depth of the first n reviewers at every diversity, for every n."""

    def at(key: Array, diversity: Array) -> Bracket:
        panel = coalition.noisy(
            key, max(settings.reviewers), settings.outcomes, strength=settings.strength, diversity=diversity
        )
        depths = [
            coalition.rejection_depth(
                panel.principal, panel.reviewers[:n], panel.directions, tolerance=settings.tolerance
            ).depth
            for n in settings.reviewers
        ]
        return jax.tree.map(lambda *ends: jnp.stack(ends), *depths)

    diversity = jnp.asarray([float(d) for d in settings.diversity])
    return lambda key: {"depth": jax.vmap(lambda d: at(key, d))(diversity)}


def rule_function(settings: DictConfig) -> DrawFunction:
    """One draw: what rules that tolerate 0, 1, ... objections cost, and what good they let through.

    At every strength of the noise, which is each reviewer's own. In parts of the most that a proposal changes
    for the principal.
    """

    def at(key: Array, strength: Array) -> Mapping[str, Any]:
        panel = coalition.noisy(key, settings.panel, settings.outcomes, strength=strength)
        checks = [
            vars(theorems.coalition(*panel, tolerated=k, tolerance=settings.tolerance))
            for k in settings.tolerated
        ]
        found = jax.tree.map(lambda *values: jnp.stack(values), *checks)
        most = jnp.abs(panel.directions @ panel.principal).max()
        gain = coalition.worst_loss(
            -panel.principal, panel.reviewers, panel.directions, tolerated=max(settings.tolerated)
        ).curve
        parts = {name: found[name] for name in ("distance", "bound", "loss", "rule", "slack")}
        parts["gain"] = jax.tree.map(lambda ends: ends[jnp.asarray(list(settings.tolerated))], gain)
        words = {name: found[name] for name in ("holds", "agrees")}
        return {**jax.tree.map(lambda x: x / most, parts), "depth": found["depth"], **words}

    strengths = jnp.asarray([float(strength) for strength in settings.strengths])
    return lambda key: jax.vmap(lambda strength: at(key, strength))(strengths)


def ring_table(settings: DictConfig) -> pl.DataFrame:
    """Depth and worst loss of the rings, beside their closed forms.

    All are made up to the size of the largest by reviewers who are indifferent: one program solves them.
    """
    rows, most = [], max(settings.ring)
    for n in settings.ring:
        for angle in settings.angles:
            principal, ring, directions = coalition.ring(n, math.radians(angle))
            panel = principal, jnp.pad(ring, ((0, most - n), (0, 0))), directions
            depth = coalition.rejection_depth(*panel, method="programs").depth
            curve = coalition.worst_loss(*panel, tolerated=most // 2).curve
            rows.append(
                {
                    "reviewers": n,
                    "angle": float(angle),
                    "depth_lower": float(depth.lower),
                    "depth_upper": float(depth.upper),
                    "depth": n // 2,
                    "loss_lower": float(curve.lower[n // 2]),
                    "loss_upper": float(curve.upper[n // 2]),
                    "loss": coalition.ring_loss(n, math.radians(angle)),
                }
            )
    return pl.DataFrame(rows)


def summarise(table: pl.LazyFrame, settings: DictConfig) -> pl.DataFrame:
    """One row per diversity and n: quartiles of depth / n, and how many panels stand so many removals."""
    share = pl.col("depth_lower") / pl.col("reviewers")
    stands = [
        quantity
        for k in settings.removed
        for quantity in (
            (pl.col("depth_lower") > k).sum().alias(f"robust_{k}"),
            ((pl.col("depth_upper") > k) & (pl.col("depth_lower") <= k)).sum().alias(f"undecided_{k}"),
        )
    ]
    summary = gathered(
        table.group_by("diversity", "reviewers")
        .agg(
            pl.len().alias("draws"),
            share.mean().alias("share_mean"),
            share.quantile(0.25, "linear").alias("share_q25"),
            share.quantile(0.75, "linear").alias("share_q75"),
            (pl.col("depth_upper") - pl.col("depth_lower")).max().alias("widest"),
            (pl.col("depth_upper") > pl.col("depth_lower")).sum().alias("open"),
            *stands,
        )
        .sort("diversity", "reviewers")
    )
    for k in settings.removed:
        counts = summary.select(f"robust_{k}", f"undecided_{k}", "draws").iter_rows()
        ends = [(wilson_interval(a, n)[0], wilson_interval(a + b, n)[1]) for a, b, n in counts]
        summary = summary.with_columns(
            pl.Series(f"low_{k}", [low for low, _ in ends]),
            pl.Series(f"high_{k}", [high for _, high in ends]),
        )
    # How often all together cover her, where every reviewer's noise is its own and turns nobody away.
    cells = summary.select("diversity", "reviewers").iter_rows()
    formula = [wendel_probability(n, settings.outcomes - 1) if d == 1 else None for d, n in cells]
    return summary.with_columns(pl.Series("wendel", formula, dtype=pl.Float64))


def _report(summary: pl.DataFrame, rules: pl.LazyFrame, rings: pl.DataFrame) -> None:
    log.info("depths: %d of %d not exact", summary["open"].sum(), summary["draws"].sum())
    most = summary.sort("diversity", "reviewers").tail(1).row(0, named=True)
    log.info(
        "depth / n is %.3f on average with n = %d at diversity %g",
        most["share_mean"], most["reviewers"], most["diversity"],
    )  # fmt: skip
    for name, claim in (("holds", "loss <= eps |d|"), ("agrees", "rule, coalitions and depth agree")):
        found = gathered(rules.select((pl.col(name) == word).sum().alias(word) for word in VERDICTS))
        counted = found.row(0, named=True)
        log.info("%s: %s", claim, ", ".join(f"{word} {count}" for word, count in counted.items()))
    off = (rings["loss_upper"] - rings["loss"]).abs().to_numpy().max()
    log.info("rings: depth off by %g, loss by %.1e", (rings["depth_upper"] - rings["depth"]).max(), off)


def _check(settings: DictConfig) -> None:
    check_increasing("reviewers", settings.reviewers, 1)
    check_increasing("removed", settings.removed, 0)
    check_increasing("tolerated", settings.tolerated, 0)
    check_diversity(settings.diversity)
    odd = "increasing odd integers from 3 on"
    check_list("ring", settings.ring, odd, lambda n: n > 2 and n % 2 == 1, increasing=True)
    check_list("strengths", settings.strengths, "distinct positive numbers", lambda strength: strength > 0)
    check_list("angles", settings.angles, "distinct, between 0 and 90", lambda angle: 0 < angle < 90)
    if settings.outcomes < 2:
        raise ValueError(f"experiment.outcomes is {settings.outcomes}; it must be at least 2")
    if max(settings.tolerated) >= settings.panel:
        raise ValueError(
            f"experiment.tolerated has {max(settings.tolerated)}; it must be below panel, {settings.panel}"
        )


def verdicts(directory: Path, column: str, premise: str) -> Finding:
    """How many rules of the table violate what `column` says."""
    needed = ["draw", "bound_upper", "loss_upper", column]
    rules = pl.read_parquet(directory / RULES / "results.parquet", columns=needed)
    tightest = rules.filter(pl.col("bound_upper") > EXACT).select(
        pl.col("loss_upper") / pl.col("bound_upper")
    )
    near = max(tightest.to_series().to_list(), default=0.0)
    return Finding(
        premise=premise,
        draws=rules["draw"].n_unique(),
        checked=rules.height,
        violations=rules.filter(pl.col(column) == "no").height,
        undecided=rules.filter(pl.col(column) == "undecided").height,
        nearest=f"largest loss {near:.0%} of what is allowed" if column == "holds" else "",
        unit="rules",
    )


def ring_finding(directory: Path) -> Finding:
    """Rings whose depth or loss is not the closed form's."""
    rings = pl.read_csv(directory / "rings.csv")
    right = (
        (pl.col("depth_lower") == pl.col("depth"))
        & (pl.col("depth_upper") == pl.col("depth"))
        & ((pl.col("loss_lower") - pl.col("loss")).abs() < EXACT)
        & ((pl.col("loss_upper") - pl.col("loss")).abs() < EXACT)
    )
    return Finding(
        premise="reviewers on a ring around the principal",
        draws=0,
        checked=rings.height,
        violations=rings.filter(~right).height,
        undecided=0,
        unit="rings",
    )


def wendel_finding(directory: Path) -> Finding:
    """Numbers of reviewers for which the share of covered panels is not Wendel's."""
    summary = pl.read_csv(directory / "summary.csv").filter(pl.col("wendel").is_not_null())
    checks = [
        wendel_coverage(row["wendel"], row["robust_0"], row["undecided_0"], row["draws"]).holds
        for row in summary.iter_rows(named=True)
    ]
    return Finding(
        premise="independent symmetric errors (diversity 1), too small to turn a reviewer away",
        draws=int(summary["draws"].to_numpy().max()),
        checked=len(checks),
        violations=checks.count("no"),
        undecided=checks.count("undecided"),
        unit="numbers of reviewers",
    )


register(
    Experiment(
        name="coalition",
        config=CoalitionConfig,
        run=run,
        headline=Headline(
            "reviewers", "share_mean", "share_q25", "share_q75", "rejection depth / reviewers",
            "mean share of reviewers who object to any harmful proposal, at the largest diversity "
            "(bands: quartiles)",
            ends={"diversity": "max"},
        ),
        page=(
            Run(
                place=70,
                name="coalition",
                title="Misaligned reviewers who can block",
                about=(
                    "An agent proposes, reviewers approve or not, each by its own utility. How many must "
                    "object to anything that harms the user, and what slips through a rule that tolerates "
                    "some objections?"
                ),
                setting=("experiment=coalition",),
                draws=100,
                seconds=60,
                pictures={"figure": "Depth, coverage, and what rules cost"},
                claims=(
                    Claim(
                        name="coalition_agree",
                        title="A tolerant rule costs what the worst coalition lets through",
                        statement=(
                            "The rule that executes what at most k reviewers reject costs the user exactly "
                            "what the worst coalition of n - k approves of: nothing if and only if the "
                            "rejection depth exceeds k."
                        ),
                        whose=PAPERS,
                        find=lambda directory: verdicts(directory, "agrees", "none"),
                    ),
                    Claim(
                        name="coalition_bound",
                        title="Loss at most eps |d|",
                        statement=(
                            "If the cone of every coalition of n - k reviewers comes within eps of the "
                            "user's utility, no proposal d that the rule executes costs her more than eps "
                            "times the sum of its absolute entries."
                        ),
                        whose=OURS,
                        find=lambda directory: verdicts(
                            directory, "holds", "the distance of the worst coalition's cone, measured"
                        ),
                    ),
                    Claim(
                        name="coalition_ring",
                        title="Rings have their closed form",
                        statement=(
                            "n = 2m + 1 reviewers on a ring around the user have depth m, and the m-tolerant "
                            "rule costs c / (1 + c) with c = tan(angle) sin(pi / 2n)."
                        ),
                        whose=PAPERS,
                        find=ring_finding,
                    ),
                    Claim(
                        name="coalition_wendel",
                        title="Coverage by all reviewers is Wendel's formula",
                        statement=(
                            "The share of panels with independent errors that cover the user together is "
                            "Wendel's formula (1962) in one dimension less."
                        ),
                        whose=CLASSIC,
                        find=wendel_finding,
                    ),
                ),
            ),
        ),
    )
)  # fmt: skip
