"""How a command ends without an answer: in one line on standard error, and with a code that is no verdict.

0 and 1 are verdicts, 2 is bad input, INTERRUPTED an interruption, and UNEXPECTED all that should not happen.
"""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import typer

import jaxgame

BAD_INPUT = 2
UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # what shells report of a process that SIGINT ended
# Set to anything, it shows where an unexpected error came from.
TRACEBACK = "JAXGAME_TRACEBACK"
LONGEST = 300  # characters of an unexpected error


def in_one_line(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same command, but what it raises ends it as this module says."""

    @functools.wraps(command)
    def told(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (typer.Exit, typer.Abort, typer.BadParameter, SystemExit):
            raise
        except KeyboardInterrupt:
            leave("interrupted; files are written whole at the end or not at all", INTERRUPTED)
        except BaseException as error:  # a panic of polars is no Exception
            if os.environ.get(TRACEBACK):
                traceback.print_exc()
            if isinstance(error, MemoryError):
                leave(
                    f"out of memory ({_said(error)}); fewer rows, or fewer models (--max-models), need less",
                    UNEXPECTED,
                )
            leave(
                f"unexpected {type(error).__name__}: {_said(error)}; this is a fault of jaxgame "
                f"{jaxgame.__version__}, not a verdict and not your table's: please report it with the "
                f"command and what {TRACEBACK}=1 shows",
                UNEXPECTED,
            )

    return told


def leave(message: str, code: int) -> NoReturn:
    """Say in one line of standard error what happened, and exit with `code`."""
    print(f"jaxgame: error: {' '.join(message.split())}", file=sys.stderr)
    raise typer.Exit(code)


def write_out(text: str) -> None:
    """Write to standard output; a reader who stops reading, as `head` does, changes nothing else."""
    if sys.stdout is None:  # closed by the caller
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # What Python flushes at its end goes nowhere, or would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            leave(f"standard output cannot be written ({error.strerror or error})", UNEXPECTED)


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split()) or "no details"
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
