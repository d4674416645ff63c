"""Finished chunks on disk: files named by their draws and their checksum, so that damage shows.

`START-STOP-CHECKSUM.parquet` holds draws START, ..., STOP - 1. The checksum is part of the name, which a file
gets in one renaming once it is whole: so no kill can leave a file without its checksum, or the reverse.
"""

import contextlib
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from jaxgame.runs.files import write_whole

_NAME = re.compile(r"(\d+)-(\d+)-([0-9a-f]{16})\.parquet")


class RunDirectoryError(Exception):
    """A run directory that cannot be used; the message says why and what to do.

    It cannot be written, its disk is full, it holds another run (the message names each value that differs),
    or a finished file in it is not what the run wrote. What was computed before stays on disk.
    """


class Chunk(NamedTuple):
    """The file of the draws start, ..., stop - 1."""

    start: int
    stop: int
    checksum: str
    path: Path

    def is_whole(self) -> bool:
        """Whether the file is what was written, by its checksum."""
        try:
            return checksum_of(self.path) == self.checksum
        except OSError:  # another process removed it, or the disk cannot read it
            return False


class ChunkFiles:
    """The chunks of one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, start: int, stop: int, table: pl.DataFrame) -> None:
        """Keep `table` for the draws start, ..., stop - 1. Raises OSError if the disk does not take it."""
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        content = buffer.getbuffer()
        name = f"{start:010d}-{stop:010d}-{_digest(content)}.parquet"
        write_whole(self.folder / name, lambda path: path.write_bytes(content))

    def found(self) -> list[Chunk]:
        """Chunks in the order of their draws, none overlapping another, by their names alone.

        Of a merged chunk and its parts (a kill can leave both) the merged one counts.
        """
        chunks = []
        for path in self.folder.glob("*.parquet"):
            if match := _NAME.fullmatch(path.name):
                start, stop, checksum = match.groups()
                chunks.append(Chunk(int(start), int(stop), checksum, path))
        kept: list[Chunk] = []
        for chunk in sorted(chunks, key=lambda chunk: (chunk.start, -chunk.stop)):
            if not kept or chunk.start >= kept[-1].stop:
                kept.append(chunk)
        return kept

    def drop_damaged(self, within: range) -> list[Chunk]:
        """Remove the chunks of the draws `within` whose files are not what was written; return them."""
        damaged = [chunk for chunk in self.found() if _overlaps(chunk, within) and not chunk.is_whole()]
        for chunk in damaged:
            chunk.path.unlink(missing_ok=True)
        return damaged

    def missing(self, within: range) -> list[range]:
        """The draws `within` that no chunk holds, as increasing ranges."""
        missing, reached = [], within.start
        for chunk in self.found():
            if not _overlaps(chunk, within):
                continue
            if chunk.start > reached:
                missing.append(range(reached, chunk.start))
            reached = max(reached, chunk.stop)
        if reached < within.stop:
            missing.append(range(reached, within.stop))
        return missing

    def merge(
        self, least: int, join: Callable[[Iterator[pl.DataFrame]], pl.DataFrame], within: range
    ) -> None:
        """Replace each `least` neighbouring chunks of about one size by one that `join` makes of them.

        The parts are removed after the merged chunk is on disk. A kill in between leaves both, which is safe:
        `found` counts the merged one.
        """
        neighbours: list[Chunk] = []
        for chunk in self.found():
            if chunk.start < within.start or chunk.stop > within.stop:
                continue
            joins = neighbours and neighbours[-1].stop == chunk.start and _alike(neighbours[0], chunk, least)
            neighbours = [*neighbours, chunk] if joins else [chunk]
            if len(neighbours) == least:
                joined = join(pl.read_parquet(one.path) for one in neighbours)
                self.save(neighbours[0].start, neighbours[-1].stop, joined)
                for one in neighbours:
                    one.path.unlink()
                neighbours = []

    def remove(self) -> None:
        """Remove the folder with all that is in it, unfinished files of killed processes included."""
        with contextlib.suppress(OSError):  # another process may be removing it too
            for leftover in self.folder.iterdir():
                leftover.unlink(missing_ok=True)
            self.folder.rmdir()


def checksum_of(path: Path) -> str:
    """Sixteen hexadecimal digits that tell one content from another (BLAKE2b)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _digest(content: memoryview) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _overlaps(chunk: Chunk, within: range) -> bool:
    return chunk.start < within.stop and within.start < chunk.stop


def _alike(one: Chunk, other: Chunk, ratio: int) -> bool:
    """Whether neither chunk has `ratio` times as many draws as the other."""
    sizes = sorted((one.stop - one.start, other.stop - other.start))
    return sizes[1] < ratio * sizes[0]
