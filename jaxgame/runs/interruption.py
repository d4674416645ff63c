"""Termination from outside, handled like Ctrl-C: whole files stay, and the same command resumes."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM: `kill`, a scheduler's preemption or time limit)."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """What a shell expects of a process that ended this way: 143 after SIGTERM, 130 after Ctrl-C."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM raises `Terminated`; afterwards what was set before holds again.

    Signals reach the main thread alone: in another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated(f"signal {number}")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
