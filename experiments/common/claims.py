"""Claims on the page of `experiments.reproduce`: runs, what is claimed of their tables, what is a violation.

A `Run` is a command with its figures. A `Claim` is a statement about a run's table, and the function that
looks for games that violate it. A control is a claim that is false: the page fails unless games violate it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from jaxgame.summary import ZERO

# A bracket may miss the bound by this much of what is at stake before that counts: the width aimed at.
TOLERANCE = 1e-6

# Parts of what is at stake for the user. A loss up to this is none: brackets are that wide.
LOSSLESS = 2e-6

# Where a bound allows less than this, what share of it is lost is a matter of rounding.
LEAST_ALLOWED = 1e-4

FULL = 100  # times the draws of scale quick

# What columns begin with that claims ask of.
ASKED = ("stake", "noise", "loss_", "slack_", "constant_", "state_", "cone_", "mean_")

# So many violations are listed with the command that replays them.
LISTED = 4

OURS, PAPERS, CLASSIC, CONTROL = "ours", "the paper's", "a classic", "made up"


@dataclass(frozen=True)
class Finding:
    """What a table says of a claim: `checked` games (or cells), of which so many violate it or are undecided.

    - `premise`: what was measured of the premise, in words; `draws`: how many random draws the games come
      from; `unit`: what is counted.
    - `inside`: how many of the games have the user in the hull, None where there are no games.
    - `nearest`: what shows how strong the check is, in words, such as the largest loss beside the bound.
    - `replays`: rows, named by draw and coordinates, that violate it.
    - `theorem`: False for a measurement that claims nothing.
    """

    premise: str
    draws: int
    checked: int
    violations: int
    undecided: int
    inside: int | None = None
    nearest: str = ""
    replays: tuple[Mapping[str, Any], ...] = ()
    unit: str = "games"
    theorem: bool = True


@dataclass(frozen=True)
class Claim:
    """A statement about a run's table: in short (`title`) and in full, whose it is, and how it is checked.

    `whose` is one of OURS, PAPERS, CLASSIC and CONTROL; a control is false, to see that the check can fail.
    `find` reads the run's directory, or `folder` in it.
    """

    name: str
    title: str
    statement: str
    whose: str
    find: Callable[[Path], Finding]
    folder: str = ""


@dataclass(frozen=True)
class Run:
    """A run of the page: the experiment's settings, draws at scale quick, its figures and its claims.

    The page shows runs in the order of their `place`, each with a title and what it is `about`. `seconds` is
    what it takes roughly at scale quick, to tell how much of the page's time is left. `pictures` are the
    names of its figures, with a heading each. What takes minutes to compile is not `quick`, and is made at
    scale full alone.
    """

    place: int
    name: str
    title: str
    about: str
    setting: tuple[str, ...]
    draws: int  # at scale quick; FULL times as many at scale full
    seconds: float
    claims: tuple[Claim, ...]
    pictures: Mapping[str, str]
    quick: bool = True

    def overrides(self, scale: str) -> tuple[str, ...]:
        """The arguments of `python -m experiments`."""
        return (*self.setting, f"experiment.draws={self.draws * (FULL if scale == 'full' else 1)}")


def guarantee(
    directory: Path,
    coordinates: Sequence[str],
    *,
    where: Mapping[str, Any] | None = None,
    average: bool = False,
    factor: float = 1.0,
    tolerance: float = TOLERANCE,
) -> Finding:
    """Check worst >= OPT - 2 eps - (what the theorem adds) on every row of a run's table.

    With `average` it is the bound with D in the place of 2 eps. Only `factor` of either is allowed: less
    than 1 makes a false claim. `coordinates` are the columns that tell a draw's rows apart, `where` the
    values of columns that rows are to have. A row violates the claim if its brackets leave no doubt, and is
    undecided if they leave some.
    """
    table = _read(directory, where, coordinates)
    prefix = "mean_" if average else ""
    distance = {
        end: pl.min_horizontal(f"mean_{end}", f"mean_cone_{end}")
        if average
        else 2 * pl.min_horizontal(f"constant_{end}", f"state_{end}", f"cone_{end}")
        for end in ("lower", "upper")
    }
    table = table.with_columns(
        distance=distance["upper"],
        least=pl.col(f"{prefix}slack_lower") - (1 - factor) * distance["lower"],
        most=pl.col(f"{prefix}slack_upper") - (1 - factor) * distance["upper"],
    )
    allowed = pl.col("loss_upper") + pl.col("least")
    shares = table.filter(allowed > LEAST_ALLOWED * pl.col("stake")).select(pl.col("loss_upper") / allowed)
    nearest = max(shares.to_series().to_list(), default=0.0)
    spread = table.select(pl.col("distance") / pl.col("stake")).to_series()
    least, middle, most = (_percent(spread.quantile(q) or 0.0) for q in (0.0, 0.5, 1.0))
    name = "average distance D" if average else "2 eps"
    return _finding(
        table,
        coordinates,
        tolerance,
        premise=f"{name} from {least} to {most} of what is at stake, median {middle}",
        nearest=f"largest loss {nearest:.0%} of what is allowed",
    )


def lossless(
    directory: Path,
    coordinates: Sequence[str],
    *,
    where: Mapping[str, Any] | None = None,
    inside: bool = True,
    tolerance: float = LOSSLESS,
) -> Finding:
    """Check that the worst equilibrium is worth full information in every game with the user in the hull.

    Full information is worth what she makes of it: `noise` of the table, if it is there, is what her way to
    respond loses against OPT. With `inside` False it is checked in all games, as if the premise were met:
    a false claim. `coordinates` and `where` are those of `guarantee`.
    """
    table = _read(directory, where, coordinates)
    if inside:
        table = table.filter(_covered())
    noise = pl.col("noise") if "noise" in table.columns else pl.lit(0.0)
    table = table.with_columns(least=noise - pl.col("loss_upper"), most=noise - pl.col("loss_lower"))
    missed = (-(table["least"] / table["stake"])).to_list()
    return _finding(
        table,
        coordinates,
        tolerance,
        premise=(
            "the user is in the hull: a mixture of the models wants what she wants, but for a constant per "
            "state"
            if inside
            else "none: whether the user is in the hull is not asked"
        ),
        nearest=f"largest miss {max([0.0, *missed]):.2g} of what is at stake",
    )


def _read(directory: Path, where: Mapping[str, Any] | None, coordinates: Sequence[str]) -> pl.DataFrame:
    """What claims ask of a run's table: the rows wanted, and few of its columns."""
    table = pl.scan_parquet(directory / "results.parquet")
    there = table.collect_schema().names()
    wanted = [name for name in there if name in ("draw", *coordinates) or name.startswith(ASKED)]
    return table.filter(*[pl.col(n) == value for n, value in (where or {}).items()]).select(wanted).collect()


def _covered() -> pl.Expr:
    return pl.col("state_upper") <= ZERO * pl.col("stake")


def _finding(
    table: pl.DataFrame, coordinates: Sequence[str], tolerance: float, *, premise: str, nearest: str
) -> Finding:
    """Rows whose slack, from `least` to `most`, is below 0 for certain violate a claim."""
    allowed = -tolerance * pl.col("stake")
    violated = table.filter(pl.col("most") < allowed).sort("most")
    # A bracket of no numbers decides nothing.
    holds = table.filter(pl.col("least").is_finite() & (pl.col("least") >= allowed)).height
    return Finding(
        premise=premise,
        draws=table["draw"].n_unique(),
        checked=table.height,
        violations=violated.height,
        undecided=table.height - holds - violated.height,
        inside=table.filter(_covered()).height,
        nearest=nearest,
        replays=tuple(violated.select("draw", *coordinates).head(LISTED).iter_rows(named=True)),
    )


def _percent(share: float) -> str:
    share *= 100
    return "0%" if share < 1e-6 else f"{share:.2g}%" if share < 10 else f"{share:.0f}%"
