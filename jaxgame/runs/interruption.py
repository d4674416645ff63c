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

    A signal may reach compiled code that calls back into Python and turns what is raised there into an error
    of its own: that leaves as the interruption that it was. Signals reach the main thread alone: in another
    thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[KeyboardInterrupt] = []

    def stop(number: int, frame: FrameType | None) -> None:
        kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        told.append(kind(f"signal {number}"))
        raise told[-1]

    # Ctrl-C is left to whoever else cares for it.
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    except Exception as error:
        if told:
            raise told[-1] from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
