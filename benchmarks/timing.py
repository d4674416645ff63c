"""Ours against a peer, in turns in one process; medians, and the largest disagreement."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np


@dataclass(frozen=True)
class Cell:
    """One comparison: `ours` and `theirs` each answer the first `count` and `their_count` problems.

    `their_count` is at most `count`: a slow peer answers fewer, which its rate does not depend on.
    """

    name: str
    size: str
    ours: Callable[[], np.ndarray]
    count: int
    peer: str
    theirs: Callable[[], np.ndarray]
    their_count: int


@dataclass(frozen=True)
class Row:
    """What was measured: problems per second (medians), their ratio, the largest difference of answers."""

    name: str
    size: str
    ours_per_s: float
    peer: str
    peer_per_s: float
    ratio: float
    largest_error: float
    device: str


def measure(cell: Cell, repeats: int) -> Row:
    """Time a cell: one unmeasured call of each side (it compiles), then `repeats` of each, in turns."""
    errors = np.abs(cell.ours()[: cell.their_count] - cell.theirs())
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(_seconds(cell.ours) / cell.count)
        theirs.append(_seconds(cell.theirs) / cell.their_count)
    mine, peer = statistics.median(ours), statistics.median(theirs)
    return Row(
        cell.name, cell.size, 1 / mine, cell.peer, 1 / peer, peer / mine, float(errors.max()), device()
    )


def device() -> str:
    """What ours ran on, e.g. "2 x cpu (AMD EPYC 7763 64-Core Processor)"."""
    devices = jax.devices()
    kind = devices[0].device_kind
    described = Path("/proc/cpuinfo")
    if kind == "cpu" and described.exists():
        names = [line for line in described.read_text().splitlines() if line.startswith("model name")]
        kind += f" ({names[0].split(':')[1].strip()})" if names else ""
    return f"{len(devices)} x {kind}"


def _seconds(call: Callable[[], np.ndarray]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
