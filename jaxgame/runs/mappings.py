"""Room for compiled programs: a process that compiles many large ones meets a limit of Linux, and dies.

XLA maps each piece of a CPU program into memory by itself: a search for the worst equilibrium takes some
1,500 mappings, and the kernel grants a process 65,530 (vm.max_map_count). Beyond that XLA, which does not
expect it, ends in a segmentation fault: some forty programs of that size are enough. Programs that are given
up free theirs, and those that are kept on disk (`compiled`) are quick to come back.
"""

import gc
import logging
from pathlib import Path

import jax

log = logging.getLogger("jaxgame")

_MAPPED = Path("/proc/self/maps")
_GRANTED = Path("/proc/sys/vm/max_map_count")

# Of what is granted: a single program never took a quarter.
FULL = 0.5


def mappings() -> int:
    """How many mappings this process has; 0 where the system does not tell."""
    try:
        return _MAPPED.read_bytes().count(b"\n")
    except OSError:
        return 0


def make_room(granted: int | None = None) -> bool:
    """Give up all compiled programs if they take half of the mappings that are `granted`; whether it did.

    None: as many as the kernel says. They are compiled, or read from disk, again when they are next called.
    """
    if granted is None:
        try:
            granted = int(_GRANTED.read_text("utf-8"))
        except (OSError, ValueError):
            return False
    taken = mappings()
    if taken < FULL * granted:
        return False
    log.info("compiled programs given up: they took %d of %d mappings of memory", taken, granted)
    jax.clear_caches()
    gc.collect()  # what refers to them may be a circle
    return True
