"""Statistics of any number of draws in bounded memory: chunks are summed up, and the sums added.

A chunk's numbers are counted in bins. A number's bin is its sign, its exponent and the first `BITS` binary
digits of a float64: it depends on the number alone, so that counts of two chunks add up exactly, in any
order. Each bin also keeps its least and its largest number. The counts tell in which bin the number of a
given rank lies, and that number is then neither below the bin's least nor above its largest: a quantile of
all draws is certain to lie in that bracket. Levels of interest cut the bins further, so that shares up to a
level are counted exactly.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from jaxgame.summary import wilson_interval, z_score

# A bin is at most 2**-BITS of its numbers wide: 0.4%. One digit more doubles the state.
BITS = 8
# Numbers of at most this size share the bin of 0: rounding errors would fill bins without end.
TINY = 2.0**-40

STATE = {
    "name": pl.String, "cell": pl.Int64, "bin": pl.Int64, "level": pl.Int64, "count": pl.Int64,
    "above": pl.Float64, "squares": pl.Float64, "least": pl.Float64, "largest": pl.Float64,
}  # fmt: skip
_KEYS = ["name", "cell", "bin", "level"]


def summed(table: pl.DataFrame, cells: int, levels: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    """The state of one chunk: one row per column of `table`, cell of the grid, occupied bin and level.

    `table` holds numbers only, its rows draw by draw with all `cells` in their order. `levels[name]` are
    increasing thresholds; a number is of level j if j of them lie below it. Of the numbers of one row

    - `count` says how many there are, `least` and `largest` what they range over;
    - `above` is the sum of their differences from the bin's end nearer to 0;
    - `squares` is the sum of their squared distances to their mean.

    Sums of differences lose no digits where numbers are large and alike. What is not a number is counted in a
    bin that is null.
    """
    cell = np.arange(table.height) % cells
    parts = []
    for name in table.columns:
        values = table[name].cast(pl.Float64).to_numpy()
        bins = bin_of(values)
        finite = np.isfinite(values)
        above = np.subtract(values, lower_end(bins), out=np.zeros_like(values), where=finite)
        part = pl.DataFrame(
            {
                "cell": cell,
                "bin": pl.Series(bins).set(pl.Series(np.isnan(values)), None),
                "level": np.searchsorted(np.asarray(levels.get(name, ()), float), values),
                "above": above,
                "value": values,
            }
        )
        counted = part.group_by("cell", "bin", "level").agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("above").sum(),
            ((pl.col("above") - pl.col("above").mean()) ** 2).sum().alias("squares"),
            pl.col("value").min().alias("least"),
            pl.col("value").max().alias("largest"),
        )
        parts.append(counted.with_columns(pl.lit(name).alias("name")))
    return pl.concat(parts).select(pl.col(key).cast(kind) for key, kind in STATE.items()).sort(_KEYS)


def added(states: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The state of all draws, added up from states of some each; two of them are in memory at a time.

    Squared distances to the common mean are those to a part's own mean, and the square of how far that mean
    is from the common one, once for each of its numbers.
    """
    apart = pl.col("above") / pl.col("count") - pl.col("above").sum() / pl.col("count").sum()
    total = pl.DataFrame(schema=STATE)
    for state in states:
        total = (
            pl.concat([total, state])
            .group_by(_KEYS)
            .agg(
                pl.col("count", "above").sum(),
                pl.col("squares").sum() + (pl.col("count") * apart**2).sum(),
                pl.col("least").min(),
                pl.col("largest").max(),
            )
        )
    return total.sort(_KEYS)


def bin_of(values: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """The bin of each number, increasing with it; that of -0.0 and of all within TINY is 0."""
    shift = 52 - BITS
    size = np.abs(values).view(np.int64) >> shift
    return np.where(np.abs(values) <= TINY, 0, np.where(values < 0, -size, size))


def lower_end(bins: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """The end nearer to 0 of each bin: 0 for the bin of 0, infinities for those of infinite numbers."""
    ends = (np.abs(bins) << (52 - BITS)).view(np.float64)
    return np.where(bins == 0, 0.0, np.copysign(ends, bins))


@dataclass(frozen=True)
class Statistics:
    """What is known of each value in each cell of the grid of `coordinates`, of all draws together.

    - `state`: counts and sums by value, cell and bin, as `jaxgame.runs.streaming.summed` describes them;
    - `draws`: how many draws they are of, those included that gave no number;
    - `coordinates`: the axes of the grid, each with its points; without any there is one cell;
    - `levels`: for each value its thresholds, increasing, up to which draws were counted exactly.

    `run_statistics` makes it; `table` and `coverage` tell what is in it.
    """

    state: pl.DataFrame
    draws: int
    coordinates: Mapping[str, Sequence[Any]]
    levels: Mapping[str, Sequence[float]]

    def table(
        self, probabilities: Sequence[float] = (0.25, 0.5, 0.75), confidence: float = 0.99
    ) -> pl.DataFrame:
        """One row per cell and value: coordinates, `name`, `draws`, `missing` (NaN), moments and quantiles.

        `probabilities`, from 0 to 1, are those of the quantiles, `confidence` is that of the mean's interval.
        `mean`, `sd`, `least` and `largest` are of the draws that gave a number. `mean_low` and `mean_high`
        are the mean's confidence interval: Wilson's where all numbers are 0 or 1, else the normal one.
        Quantiles `q25_lower`, `q25_upper` ...: brackets that contain the quantile of these draws
        (interpolated linearly) and are at most 0.4% of it or 2e-12 wide where draws lie dense.

        Raises ValueError for probabilities outside [0, 1].
        """
        wrong = [p for p in probabilities if not 0 <= p <= 1]
        if wrong:
            raise ValueError(f"probabilities has {wrong[0]}; each must be from 0 to 1")
        rows = []
        for (cell, name), group in self._groups():
            row = {**self._place(cell), "name": name, "draws": self.draws}
            rows.append(row | _moments(group, confidence) | _quantiles(group, probabilities))
        return pl.DataFrame(rows, infer_schema_length=None)

    def coverage(self, name: str, confidence: float = 0.99) -> pl.DataFrame:
        """How often the value `name`, a number or a bracket, is within each of its levels.

        Columns and meaning as in `jaxgame.summary.coverage_summary`, `confidence` too: one row per cell and
        level. Raises ValueError for a name without levels.
        """
        ends = [f"{name}_upper", f"{name}_lower"] if f"{name}_upper" in self.levels else [name, name]
        if ends[0] not in self.levels:
            raise ValueError(f"{name!r} has no levels; known are {', '.join(sorted(self.levels)) or 'none'}")
        groups = dict(self._groups())
        rows = []
        for cell in sorted({cell for cell, _ in groups}):
            for place, level in enumerate(self.levels[ends[0]]):
                inside, outside = _up_to(groups[cell, ends[0]], place), _beyond(groups[cell, ends[1]], place)
                undecided = self.draws - inside - outside
                rows.append(
                    self._place(cell)
                    | {
                        "level": float(level),
                        "inside": inside,
                        "outside": outside,
                        "draws": self.draws,
                        "undecided": undecided,
                        "coverage": inside / self.draws,
                        "low": wilson_interval(inside, self.draws, confidence)[0],
                        "high": wilson_interval(inside + undecided, self.draws, confidence)[1],
                    }
                )
        return pl.DataFrame(rows)

    def _groups(self) -> list[tuple[tuple[int, str], pl.DataFrame]]:
        ordered = self.state.sort("cell", "name", "bin", "level")
        return [
            ((key[0], key[1]), group) for key, group in ordered.group_by("cell", "name", maintain_order=True)
        ]

    def _place(self, cell: int) -> dict[str, Any]:
        cells = list(itertools.product(*self.coordinates.values()))
        return dict(zip(self.coordinates, cells[cell], strict=True))


def _moments(group: pl.DataFrame, confidence: float) -> dict[str, Any]:
    """Mean with its interval, spread and range of the draws that gave a number, and how many gave none."""
    known = group.drop_nulls("bin")
    count = int(known["count"].to_numpy().sum())
    missing = int(group["count"].to_numpy().sum()) - count
    if count == 0:
        names = ("mean", "mean_low", "mean_high", "sd", "least", "largest")
        return {"missing": missing} | dict.fromkeys(names, math.nan)
    numbers = known["count"].to_numpy()
    ends = lower_end(known["bin"].to_numpy())
    inner = known["above"].to_numpy() / numbers
    within = known["squares"].to_numpy()
    with np.errstate(invalid="ignore"):  # infinite numbers: no mean, or no spread
        mean = float(np.sum(numbers * (ends + inner)) / count)
        variance = float(np.sum(within + numbers * (ends + inner - mean) ** 2)) / count
    sd = math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan
    least, largest = known["least"].to_numpy(), known["largest"].to_numpy()
    if np.isin(least, (0.0, 1.0)).all() and np.isin(largest, (0.0, 1.0)).all():
        low, high = wilson_interval(int(numbers[least == 1.0].sum()), count, confidence)
    else:
        error = z_score(confidence) * sd / math.sqrt(count)
        low, high = mean - error, mean + error
    return {
        "missing": missing,
        "mean": mean,
        "mean_low": low,
        "mean_high": high,
        "sd": sd,
        "least": float(least.min()),
        "largest": float(largest.max()),
    }


def _quantiles(group: pl.DataFrame, probabilities: Sequence[float]) -> dict[str, float]:
    """Brackets on quantiles, each interpolated between two numbers of neighbouring ranks.

    The lower end is the least number in the bin of the lower rank, the upper end the largest in that of the
    upper one.
    """
    known = group.drop_nulls("bin")
    reached = np.cumsum(known["count"].to_numpy())
    brackets: dict[str, float] = {}
    for p in probabilities:
        label = f"q{100 * p:g}"
        if not len(reached):
            brackets |= {f"{label}_lower": math.nan, f"{label}_upper": math.nan}
            continue
        place = p * (reached[-1] - 1)
        below, above = np.searchsorted(reached, [math.floor(place), math.ceil(place)], side="right")
        brackets[f"{label}_lower"] = float(known["least"][int(below)])
        brackets[f"{label}_upper"] = float(known["largest"][int(above)])
    return brackets


def _up_to(group: pl.DataFrame, place: int) -> int:
    """How many numbers are at most the level with this place."""
    return int(group.filter(pl.col("bin").is_not_null() & (pl.col("level") <= place))["count"].sum())


def _beyond(group: pl.DataFrame, place: int) -> int:
    """How many finite numbers exceed the level with this place; infinite ones are failed draws, undecided."""
    beyond = pl.col("bin").is_not_null() & (pl.col("level") > place) & (pl.col("largest") < math.inf)
    return int(group.filter(beyond)["count"].sum())
