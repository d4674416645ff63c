"""Every answer, kept the moment it comes: an append-only file of JSON lines beside the table.

Inspect can cache answers, too, but not so that a table can rest on it: it writes each file in place (a kill
leaves half of one), keeps no refusals, forgets after a while, keys by how its version prints a message, and
lies in the user's cache folder, where it does not travel with the table.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from jaxgame.audit.errors import InputError

# How long an answer may wait for the disk. A kill loses none that was written; a power cut may lose these.
SYNC_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """One reply to the question `key`: its `text`, and how it came.

    `attempt` is 1, or 2 after the reminder. `stop` is why the model stopped: "stop", "max_tokens",
    "content_filter" ... `served` is the model's version as the server reports it, `time` when the reply came
    (UTC); tokens are those the server counted, None if it did not.
    """

    key: str
    attempt: int
    text: str
    stop: str
    served: str
    input_tokens: int | None
    output_tokens: int | None
    time: str


class Answers:
    """The answers known so far, by question, and the file that new ones are added to."""

    def __init__(self, path: Path, known: dict[str, list[Answer]], file: BinaryIO | None) -> None:
        self.path = path
        self.known = known
        self._file = file
        self._synced = time.monotonic()

    def of(self, key: str) -> list[Answer]:
        """The replies to a question, in the order of attempts."""
        return self.known.get(key, [])

    def add(self, answer: Answer) -> None:
        """Keep an answer: it outlives this process when this returns, and a power cut a second later."""
        if self._file is None:
            raise ValueError("these answers were opened for reading")
        self._file.write(json.dumps(asdict(answer)).encode() + b"\n")
        self._file.flush()
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            # Not for each answer: disks take 1 to 10 ms, in which no other question is asked.
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
        self.known.setdefault(answer.key, []).append(answer)


def read(path: Path) -> Answers:
    """The answers of a file; none if it is not there."""
    return Answers(path, _parsed(path, path.read_bytes()) if path.exists() else {}, None)


@contextmanager
def opened(path: Path) -> Iterator[Answers]:
    """The answers of a file, to be added to by this process alone.

    Raises InputError if another process adds to it, or a line is damaged.
    """
    with _alone(path):
        try:
            with path.open("ab+") as file:
                file.seek(0)
                data = file.read()
                # A process that was killed while it wrote leaves the beginning of a line.
                file.truncate(data.rfind(b"\n") + 1)
                try:
                    yield Answers(path, _parsed(path, data), file)
                finally:
                    os.fsync(file.fileno())
        finally:
            if path.exists() and not path.stat().st_size:
                path.unlink()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else is inside for this path; the system lets go for a process that ends, however it ends."""
    place = path.with_name(f".{path.name}.lock")
    lock = FileLock(place)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(f"{path}: another process asks for this table; wait for it") from error
    try:
        yield
    finally:
        # While it is held: whoever waits for a file that is gone makes a new one. Windows removes its own.
        with suppress(OSError):
            place.unlink()
        lock.release()


def _parsed(path: Path, data: bytes) -> dict[str, list[Answer]]:
    known: dict[str, list[Answer]] = {}
    names = {field.name for field in fields(Answer)}
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            cells = json.loads(line)
            if set(cells) != names:
                raise ValueError("other keys than an answer has")
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{path}: line {number}: no answer ({error}); without the line, its question is asked again"
            ) from error
        answer = Answer(**cells)
        known.setdefault(answer.key, []).append(answer)
    return known
