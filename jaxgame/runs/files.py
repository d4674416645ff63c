"""Files that are there whole or not at all, and what the system says when they cannot be."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_whole(path: Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` fill a temporary neighbour of `path`, then rename it: no reader sees half a file."""
    # Processes on several hosts may share the folder, and process numbers across hosts coincide.
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def said_by_disk(error: OSError) -> str:
    """The system's words for what failed, with what frees a full disk."""
    words = error.strerror or str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{words} (free some space or raise the quota)" if full else words
