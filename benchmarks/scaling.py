"""What best responses cost in time and memory as the number of games grows: linear, if the ratios are 1."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxgame as jg
from benchmarks.leader import independent_games
from benchmarks.timing import Cell, Row
from jaxgame import plot
from jaxgame.runs.batch import spread

SMALLEST = 1024
COUNTS = {4: (1024, 4096, 16_384, 65_536, 262_144), 8: (1024, 4096, 16_384)}


def cells(quick: bool) -> Iterator[Cell]:
    """Each number of games against the smallest, whose rate per game is the yardstick."""
    program = spread(lambda game, v: jg.leader_value(game, 0, v).value, jax.devices(), batch=None)
    for size, counts in COUNTS.items():
        everything = independent_games(counts[-1], size)
        for count in counts[: 2 if quick else None]:
            some, few = _first(everything, count), _first(everything, SMALLEST)
            yield Cell(
                name="leader_scaling",
                size=f"S=A={size}, {count}",
                ours=functools.partial(_lower, program, some),
                count=count,
                peer=f"ours on {SMALLEST} games",
                theirs=functools.partial(_lower, program, few),
                their_count=SMALLEST,
                remark=functools.partial(_memory, program, some, count),
            )


def _first(arguments: Any, count: int) -> Any:
    return jax.tree.map(lambda x: x[:count], arguments)


def _lower(program: jax.stages.Wrapped, arguments: Any) -> np.ndarray:
    return np.asarray(program(*arguments).lower)


def _memory(program: jax.stages.Wrapped, arguments: Any, count: int) -> str:
    memory: Any = program.lower(*arguments).compile().memory_analysis()
    if memory is None:
        return "this device does not tell its memory"
    given = memory.argument_size_in_bytes + memory.output_size_in_bytes
    return f"bytes per game: {given / count:.0f} in and out, {memory.temp_size_in_bytes / count:.0f} for work"


def figure(rows: Sequence[Row], directory: Path) -> list[Path]:
    """Seconds against the number of games, one line per size."""
    measured = [(int(row.size[4:].split(",")[0]), int(row.size.split()[1]), row.ours_per_s) for row in rows]
    fig, (axes,) = plot.new_figure(
        "Time of best responses",
        "One program per game, brackets included; grey: proportional to the number of games. "
        f"{rows[0].device}, float64, medians of repeats.",
        1,
    )
    sizes = sorted({size for size, _, _ in measured})
    for size, colour, marker in zip(sizes, plot.shades(len(sizes)), plot.MARKERS, strict=False):
        count, rate = np.array([(n, rate) for s, n, rate in measured if s == size]).T
        axes.plot(count, count / rate[0], color="0.7", linewidth=4, alpha=0.6)
        axes.plot(count, count / rate, color=colour, marker=marker, label=f"S = A = {size}")
    axes.set(xscale="log", yscale="log", xlabel="games", ylabel="seconds")
    axes.legend(frameon=False)
    return plot.save(fig, directory)
