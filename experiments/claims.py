"""The claims on the page of `experiments.reproduce`: statements, commands, and what counts as a violation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from jaxgame.summary import ZERO

# A bracket may miss the bound by this much of what is at stake before that counts: the width aimed at.
TOLERANCE = 1e-6
QUANTAL_TOLERANCE = 1e-4

COORDINATES = ("types", "leaders", "diversity", "rationality", "protocol", "competition")

FULL = 100  # times the draws of scale quick

# So many violations are listed with the command that replays them.
LISTED = 8


@dataclass(frozen=True)
class Finding:
    """What a table says of a claim: `checked` games (or cells), of which so many violate it or are undecided.

    `replays` are the rows, named by draw and coordinates, that violate it; `slack` the least distance to the
    bound over all, where there is one.
    """

    premise: str
    draws: int
    checked: int
    violations: int
    undecided: int
    slack: float | None = None
    replays: tuple[Mapping[str, Any], ...] = ()
    unit: str = "games"
    theorem: bool = True  # False: a measurement that claims nothing


@dataclass(frozen=True)
class Claim:
    """A statement, whose it is, the run that checks it at both scales, and how its table is read."""

    name: str
    title: str
    statement: str
    source: str
    find: Callable[[Path], Finding]
    setting: tuple[str, ...] = ()
    draws: int = 0  # at scale quick; FULL times as many at scale full
    run: str | None = None  # the claim whose run this one reads; it is a false one, as a control

    def overrides(self, scale: str) -> tuple[str, ...]:
        """The arguments of `python -m experiments`."""
        if scale == "full":
            return (*self.setting, f"experiment.draws={FULL * self.draws}")
        # Of few draws compiling is the most.
        faster = ("run.optimise=false",) if self.draws <= 64 else ()
        return (*self.setting, f"experiment.draws={self.draws}", *faster)


def guarantee(directory: Path, factor: float = 2.0, tolerance: float = TOLERANCE) -> Finding:
    """Check worst >= OPT - factor eps - (what the theorem adds) on every row of a run's table.

    A row violates it if its brackets leave no doubt, and is undecided if they leave some.
    """
    table = pl.read_parquet(directory / "results.parquet")
    eps = {
        end: pl.min_horizontal(f"constant_{end}", f"state_{end}", f"cone_{end}") for end in ("lower", "upper")
    }
    # `bound` holds 2 eps.
    table = table.with_columns(
        eps=eps["upper"],
        least=pl.col("slack_lower") - (2 - factor) * eps["lower"],
        most=pl.col("slack_upper") - (2 - factor) * eps["upper"],
    )
    allowed = -tolerance * pl.col("stake")
    violated = table.filter(pl.col("most") < allowed).sort("most")
    undecided = table.filter((pl.col("least") < allowed) & (pl.col("most") >= allowed)).height
    names = ["draw", *(name for name in COORDINATES if name in table.columns)]
    covered = float((table["state_upper"] <= ZERO * table["stake"]).to_numpy().mean())
    eps_values = table["eps"].to_numpy()
    return Finding(
        premise=(
            f"distance eps to the hull from {eps_values.min():.3g} to {eps_values.max():.3g} (median "
            f"{np.median(eps_values):.3g}, utility units); in {covered:.0%} of the games she is in the hull"
        ),
        draws=table["draw"].n_unique(),
        checked=table.height,
        violations=violated.height,
        undecided=undecided,
        slack=float(table["least"].to_numpy().min()),
        replays=tuple(violated.select(names).head(LISTED).iter_rows(named=True)),
    )


def wendel(directory: Path) -> Finding:
    """Cells where Wendel's formula is outside the interval of what was counted, or might be."""
    summary = pl.read_csv(directory / "summary.csv").filter(pl.col("wendel").is_not_null())
    return Finding(
        premise="independent symmetric errors (diversity 1), weights that sum to 1",
        draws=int(summary["draws"].to_numpy().max()),
        checked=summary.height,
        violations=summary.filter(pl.col("holds") == "no").height,
        undecided=summary.filter(pl.col("holds") == "undecided").height,
        unit="numbers of models",
    )


def panel(directory: Path) -> Finding:
    """No theorem: how much better than its best single rater a real panel's mixture is on held-out rows."""
    table = pl.read_parquet(directory / "results.parquet")
    rows = table.filter(pl.col("raters") == pl.col("raters").max())
    return Finding(
        premise=(
            f"median held-out distance of {rows['raters'][0]} raters' mixture "
            f"{np.median(rows['hull_test'].to_numpy()):.3g} of the target's spread (root mean square)"
        ),
        draws=table["draw"].n_unique(),
        checked=table.height,
        violations=0,
        undecided=table.filter(~pl.col("converged")).height,
        unit="fits",
        theorem=False,
    )


_SELECTION = (
    "A user who keeps the single best model gets at least OPT - 2 eps at every pure equilibrium, where eps "
    "is the sup distance of her utility to the convex hull of the models' utilities."
)

CLAIMS = (
    Claim(
        name="hull_coverage",
        title="How often is the user in the models' hull?",
        statement=(
            "The share of games with the user in the hull of K models with independent errors is Wendel's "
            "formula."
        ),
        source="Wendel 1962; the premise of all three theorems of the paper",
        setting=("experiment=hull_coverage",),
        draws=4096,
        find=wendel,
    ),
    Claim(
        name="panel_snippets",
        title="Real models: film-review snippets",
        statement=(
            "Not a theorem: how near 104 AI raters' mixtures come to people's mean rating, on held-out rows."
        ),
        source="bundled panel snippets",
        setting=(
            "experiment=panel_coverage",
            "panel=snippets",
        ),
        draws=16,
        find=panel,
    ),
    Claim(
        name="panel_senate",
        title="A control without AI: senators' votes",
        statement="Not a theorem: how near others' mixtures come to one senator's votes, on held-out votes.",
        source="bundled panel senate",
        setting=(
            "experiment=panel_coverage",
            "panel=senate",
        ),
        draws=16,
        find=panel,
    ),
    Claim(
        name="selection",
        title="Best-AI selection",
        statement=_SELECTION,
        source="the paper's third setting; the constant 2 is proved here, every equilibrium is checked",
        setting=(
            "experiment=selection",
            "experiment.leaders=[2,4]",
            "experiment.diversity=[0.0,0.5,1.0]",
            "experiment.steps=60",
        ),
        draws=32,
        find=guarantee,
    ),
    Claim(
        name="learning",
        title="A user who hears all models and takes a best action",
        statement=(
            "With signals as rich and correlated as models like, she gets at least OPT - 2 eps at every "
            "equilibrium."
        ),
        source="the paper's first setting; all equilibria are checked, with certified brackets",
        setting=(
            "experiment=learning",
            "experiment.types=[1]",
            "experiment.leaders=[2,4]",
        ),
        draws=64,
        find=guarantee,
    ),
    Claim(
        name="quantal",
        title="A user who responds by quantal response",
        statement=(
            "The same, less W((A-1)/e) / rationality, the most that logit play loses against the best action."
        ),
        source="the paper's second setting; the term of rationality is proved here",
        setting=(
            "experiment=quantal",
            "experiment.leaders=[1,2]",
            "experiment.rationality=[1,10,100,1000]",
            "experiment.rounds=5",
        ),
        draws=16,
        find=lambda directory: guarantee(directory, tolerance=QUANTAL_TOLERANCE),
    ),
    Claim(
        name="conversation",
        title="Conversations of several rounds",
        statement=(
            "Where models revise their rules under a protocol, she gets at least OPT(protocol) - 2 eps, less "
            "delta's cost and what the models could still gain. OPT(protocol) is what an aligned model could "
            "teach her."
        ),
        source="the form with delta and gain is proved here; of profiles found, not of all equilibria",
        setting=(
            "experiment=conversation",
            "experiment.diversity=[0.0,1.0]",
        ),
        draws=16,
        find=guarantee,
    ),
    Claim(
        name="false_claim",
        title="Control: a claim that is false",
        statement=_SELECTION.replace("OPT - 2 eps", "OPT - 0.5 eps"),
        source="made up, to see that the check can fail; read from the run of best-AI selection",
        find=lambda directory: guarantee(directory, factor=0.5),
        run="selection",
    ),
)
