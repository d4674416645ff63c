"""How many draws a device computes at a time: as the caller says, or as memory and a few seconds allow."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from jaxgame.runs.spread import CPU_BATCH

# Draws per device in the first chunk, unless the caller chooses: the fixed cost of starting a computation is
# then small beside the computation.
FIRST_SHARE = 256

# A chunk is meant to take about this long. Only finished chunks are kept, so a kill loses about as much work.
SECONDS = 5.0

# The largest output of a chunk, in bytes. Files of this size are already written as fast, per byte, as larger
# ones, which would only need more memory.
MOST_OUTPUT = 2**23

# The part of the free memory that one chunk may take. On the host its output, with
# the columns, the table and the file that are made of it, counts as so many copies.
MEMORY_PART = 0.5
HOST_COPIES = 4

# Where Linux tells the memory limits of control groups (version 2).
CONTROL_GROUPS = Path("/sys/fs/cgroup")

# A chunk grows only by this factor or more: less would not pay for compiling the larger program.
LEAST_GROWTH = 4


class Chunking:
    """The chunk of a run, and its compiled program: fixed, or grown after the first chunks.

    `compile_share(share)` compiles the program for `share` draws on each of the `devices`; `draws` are still
    to be computed. A `chunk` that the caller gives is never changed. Otherwise the first chunk has `first`
    draws (the chunk that a resumed run had grown to) or 256 per device, fewer if memory is short. Later it
    grows as far as memory, `SECONDS` and the remaining draws allow.
    """

    def __init__(
        self,
        compile_share: Callable[[int], Any],
        devices: Sequence[Any],
        chunk: int | None,
        draws: int,
        first: int | None = None,
    ):
        self.compile_share, self.devices = compile_share, devices
        self.fixed = chunk is not None
        wanted = min(chunk or first or FIRST_SHARE * len(devices), draws)
        self._compile(_rounded_up(-(-wanted // len(devices))))
        room = None if self.fixed else self._room()
        if room is not None and room < self.share:
            self._compile(_rounded_down(room))

    @property
    def chunk(self) -> int:
        """Draws computed at a time by all devices together."""
        return self.share * len(self.devices)

    def grow(self, seconds: float, compile_seconds: float, remaining: int) -> bool:
        """Compile a larger chunk if it pays; returns whether it did.

        The last chunk took `seconds`, compiling took `compile_seconds` so far, `remaining` draws are to go.
        Compiling again is assumed to take as long as before, and must take less than the remaining draws.
        """
        if self.fixed or remaining <= self.chunk:
            return False
        rate = self.share / max(seconds, 1e-6)
        wanted = min(rate * SECONDS, remaining / len(self.devices))
        room = self._room()
        if room is not None:
            wanted = min(wanted, room)
        pays = compile_seconds < remaining / (rate * len(self.devices))
        if wanted < LEAST_GROWTH * self.share or not pays:
            return False
        self._compile(self.share * 2 ** int(math.log2(wanted / self.share)))
        return True

    def _compile(self, share: int) -> None:
        self.share, self.program = share, self.compile_share(share)

    def _room(self) -> int | None:
        """The largest share that memory allows; None if the compiled program does not tell what it takes.

        What it takes is proportional to the share, so that the room is a multiple of the present one.
        """
        used = self.program.memory_analysis()
        if used is None:
            return None
        moved = used.argument_size_in_bytes + used.output_size_in_bytes
        on_host = HOST_COPIES * used.output_size_in_bytes
        free = free_memory(self.devices[0])
        rooms = [host_memory() / len(self.devices) / max(on_host, 1)]
        if free is None:  # a CPU computes in the host's memory
            rooms.append(
                host_memory() / len(self.devices) / max(moved + on_host + used.temp_size_in_bytes, 1)
            )
        else:
            rooms.append(free / max(moved + used.temp_size_in_bytes, 1))
        rooms = [MEMORY_PART * room for room in rooms]
        rooms.append(MOST_OUTPUT / len(self.devices) / max(used.output_size_in_bytes, 1))
        return max(int(min(rooms) * self.share), 1)


def free_memory(device: Any) -> int | None:
    """Bytes that a device still has; None for a CPU, which has the host's."""
    told = device.memory_stats() or {}
    return int(told["bytes_limit"] - told["bytes_in_use"]) if "bytes_limit" in told else None


def host_cores() -> int:
    """How many cores this process may use; all there are where the system does not tell (macOS, Windows)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def host_memory() -> int:
    """Bytes that this process can still get: what is free, or less if a limit is set on it, as on jobs."""
    free = int(psutil.virtual_memory().available)
    own = Path("/proc/self/cgroup")
    groups = own.read_text("utf-8").splitlines() if own.exists() else []
    for group in (CONTROL_GROUPS / line[4:] for line in groups if line.startswith("0::/")):
        # A job's limit may be set on any group above.
        for folder in (group, *group.parents):
            if folder.is_relative_to(CONTROL_GROUPS):
                free = int(min(free, _left_in(folder)))
    return free


def _left_in(group: Path) -> int | float:
    """Bytes that a control group still allows. The cached files among what it uses can be dropped at need."""
    try:
        limit = (group / "memory.max").read_text("utf-8").strip()
        used = int((group / "memory.current").read_text("utf-8"))
        kept = dict(line.split() for line in (group / "memory.stat").read_text("utf-8").splitlines())
    except OSError:  # the root has no limit, and not every system tells
        return math.inf
    return math.inf if limit == "max" else max(int(limit) - used + int(kept["inactive_file"]), 0)


def _rounded_up(share: int) -> int:
    """`share` as whole batches of a CPU: an incomplete batch would be a second program to compile."""
    return share if share <= CPU_BATCH else -(-share // CPU_BATCH) * CPU_BATCH


def _rounded_down(share: int) -> int:
    """As `_rounded_up`, for a share that memory limits."""
    return share if share <= CPU_BATCH else share // CPU_BATCH * CPU_BATCH
