"""Ours against a peer, in turns in one process; medians, and the largest disagreement."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

# An answer further off than this is wrong.
WRONG = 1e-6


@dataclass(frozen=True)
class Cell:
    """One comparison: `ours` and `theirs` answer the first `count` and `their_count` problems.

    `their_count` is at most `count`: a slow peer answers fewer, which its rate does not depend on. Its
    answer NaN says that it failed. `remark` is called once, after the timing.
    """

    name: str
    size: str
    ours: Callable[[], np.ndarray]
    count: int
    peer: str
    theirs: Callable[[], np.ndarray]
    their_count: int
    remark: Callable[[], str] = str


@dataclass(frozen=True)
class Row:
    """What was measured: problems per second (medians), their ratio, and how the answers compare.

    `largest_error` is the largest difference where the peer gave an answer, `peer_wrong` the share of its
    answers that are missing or differ by more than 1e-6.
    """

    name: str
    size: str
    ours_per_s: float
    peer: str
    peer_per_s: float
    ratio: float
    largest_error: float
    peer_wrong: float
    remark: str
    device: str


def measure(cell: Cell, repeats: int) -> Row:
    """Time a cell: one unmeasured call of each side (it compiles), then `repeats` of each, in turns."""
    errors = np.abs(cell.ours()[: cell.their_count] - cell.theirs())
    known = errors[np.isfinite(errors)]
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(_seconds(cell.ours) / cell.count)
        theirs.append(_seconds(cell.theirs) / cell.their_count)
    mine, peer = statistics.median(ours), statistics.median(theirs)
    return Row(
        name=cell.name,
        size=cell.size,
        ours_per_s=1 / mine,
        peer=cell.peer,
        peer_per_s=1 / peer,
        ratio=peer / mine,
        largest_error=float(known.max(initial=0.0)),
        peer_wrong=float((~(errors <= WRONG)).mean()),
        remark=cell.remark(),
        device=device(),
    )


def device() -> str:
    """What ours ran on, e.g. "2 x cpu (AMD EPYC 7763 64-Core Processor)"."""
    devices = jax.devices()
    kind = devices[0].device_kind
    described = Path("/proc/cpuinfo")
    if kind == "cpu" and described.exists():
        names = [line for line in described.read_text("utf-8").splitlines() if line.startswith("model name")]
        kind += f" ({names[0].split(':')[1].strip()})" if names else ""
    return f"{len(devices)} x {kind}"


def median_seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """How long a call takes, compiled beforehand: the median of repeats."""
    return statistics.median(_seconds(call) for _ in range(repeats))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
