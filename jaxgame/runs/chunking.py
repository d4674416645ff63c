"""How many draws a device computes at a time: as the caller says, or as memory and a few seconds allow."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from jaxgame.runs.spread import CPU_BATCH

# Where a run without a chosen chunk begins, draws per device: enough to amortise a dispatch.
FIRST_SHARE = 256

# A kill loses what it computed for at most about so long.
SECONDS = 5.0

# Larger tables only cost memory: a file of this size is as quickly written, per byte, as one of any.
MOST_OUTPUT = 2**23

# The part of the free memory that one chunk may take; tables made of it on the host take some too.
MEMORY_PART = 0.5
HOST_COPIES = 4

CONTROL_GROUPS = Path("/sys/fs/cgroup")

# Smaller growth does not pay for compiling anew.
LEAST_GROWTH = 4


class Chunking:
    """The chunk of a run, and its compiled program: fixed, or grown after the first chunks.

    `compile_share(share)` compiles the program for `share` draws per device. A `chunk` that is given stays;
    otherwise it begins with `first`, what a run to be resumed had come to, or with 256 draws per device, less
    if memory demands. It grows as far as memory, about five seconds per chunk, and the remaining draws allow.
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
        """Compile a larger chunk if it pays, after one that took `seconds`, with `remaining` draws to go."""
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
        """The largest share that memory allows by what the compiled one takes; None if it does not tell."""
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


def host_memory() -> int:
    """Bytes that this process can still get: what is free, less if its control group (a job) has a limit."""
    free = int(psutil.virtual_memory().available)
    own = Path("/proc/self/cgroup")
    groups = own.read_text().splitlines() if own.exists() else []
    for group in (CONTROL_GROUPS / line[4:] for line in groups if line.startswith("0::/")):
        # A job's limit may be set on any group above.
        for folder in (group, *group.parents):
            if folder.is_relative_to(CONTROL_GROUPS):
                free = int(min(free, _left_in(folder)))
    return free


def _left_in(group: Path) -> int | float:
    """Bytes that a control group (version 2) still allows; files it keeps in memory can be dropped."""
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        kept = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:  # the root has no limit, and not every system tells
        return math.inf
    return math.inf if limit == "max" else max(int(limit) - used + int(kept["inactive_file"]), 0)


def _rounded_up(share: int) -> int:
    """Whole batches of a CPU: a rest would be a second program to compile."""
    return share if share <= CPU_BATCH else -(-share // CPU_BATCH) * CPU_BATCH


def _rounded_down(share: int) -> int:
    return share if share <= CPU_BATCH else share // CPU_BATCH * CPU_BATCH
