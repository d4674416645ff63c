"""Claims on the page of `experiments.reproduce`: a statement, its command, and what counts as a violation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from jaxgame.summary import ZERO

# A bracket may miss the bound by this much of what is at stake before that counts: the width aimed at.
TOLERANCE = 1e-6

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
    """A statement, whose it is, the run that checks it at both scales, and how its table is read.

    The page shows claims in the order of their `place`.
    """

    place: int
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


def guarantee(
    directory: Path, coordinates: Sequence[str], factor: float = 2.0, tolerance: float = TOLERANCE
) -> Finding:
    """Check worst >= OPT - factor eps - (what the theorem adds) on every row of a run's table.

    `coordinates` are the columns that tell a draw's rows apart. A row violates it if its brackets leave no
    doubt, and is undecided if they leave some.
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
        replays=tuple(violated.select("draw", *coordinates).head(LISTED).iter_rows(named=True)),
    )
