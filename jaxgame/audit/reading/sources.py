"""The bytes of a table: a file or standard input, packed or not, and text as UTF-8."""

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard

from jaxgame.audit.errors import InputError
from jaxgame.panel.table import BUNDLED

STANDARD_INPUT = "-"


def _unpack_zstd(data: bytes) -> bytes:
    """All frames of zstd data; EOFError if the last is not whole, which the library would not say."""
    found = []
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        found.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("the data end within a frame")
        data = frame.unused_data
    return b"".join(found)


# How packed files begin, what they are called, and how they are unpacked.
PACKED: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"\x28\xb5\x2f\xfd": ("zstd", _unpack_zstd),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
}
PACKED_SUFFIXES = (".gz", ".zst", ".zstd", ".bz2", ".xz")
DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
# What is no table of text.
FOREIGN = {
    b"PK": "a zip or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "a SQLite database",
}
# Marks at the beginning of text, longest first.
ENCODINGS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


@dataclass(frozen=True)
class Source:
    """The bytes of a table, unpacked.

    `name` is what messages call it, `suffix` how its name ends (".csv", whatever says that it was packed),
    `data` what it holds.
    """

    name: str
    suffix: str
    data: bytes


def read(path: str | Path) -> Source:
    """What the file at `path` holds, or standard input if that is "-".

    Raises InputError for what is not there, cannot be read, or is packed and damaged.
    """
    if str(path) == STANDARD_INPUT:
        name, suffix, data = "standard input", "", sys.stdin.buffer.read()
    else:
        path = Path(path)
        name, data = str(path), _file(path)
        suffix = bare(path).suffix.lower()
    for magic, (packer, unpack) in PACKED.items():
        if data.startswith(magic):
            try:
                data = unpack(data)
            except DAMAGED as error:
                raise InputError(
                    f"{name}: is compressed ({packer}) and damaged: it cannot be unpacked ({error})"
                ) from error
            break
    return Source(name, suffix, data)


def bare(path: Path) -> Path:
    """A path without what says that its file is packed: scores.csv.gz is scores.csv."""
    return path.with_suffix("") if path.suffix.lower() in PACKED_SUFFIXES else path


def text(source: Source) -> bytes:
    """The source's text in UTF-8, with a line feed at the end of each line.

    A byte order mark says whether it is UTF-8 (also without one), UTF-16 or UTF-32. Raises InputError for
    other encodings, naming the row and column, for binary files and for text that holds nothing.
    """
    data = source.data
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise InputError(f"{source.name}: is {what}; export it as CSV or Parquet")
    mark = next((mark for mark in ENCODINGS if data.startswith(mark)), None)
    if mark is not None and ENCODINGS[mark] == "utf-8":
        data = data.removeprefix(mark)
    elif mark is not None:
        try:
            data = data.decode(ENCODINGS[mark]).encode()
        except UnicodeError as error:
            raise InputError(
                f"{source.name}: begins as {ENCODINGS[mark].upper()} text and is damaged; save it as UTF-8"
            ) from error
    if b"\0" in data:
        raise InputError(f"{source.name}: is a binary file, not CSV or Parquet")
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start)
        raise InputError(
            f"{source.name}: row {row} is not UTF-8 (byte {data[error.start]:#04x}, column "
            f"{_field(data, error.start)}); save it as UTF-8"
        ) from error
    if not data or data.isspace():
        raise InputError(f"{source.name}: the file is empty")
    # Windows and old Mac line ends.
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _file(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory, not a file")
        if not path.exists():
            raise InputError(f"{path}: no such file (bundled panels are {', '.join(BUNDLED)})")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _field(data: bytes, place: int) -> int:
    """The number of the field, from 1, that holds the byte at `place`, if commas separate fields."""
    return 1 + data.count(b",", data.rfind(b"\n", 0, place) + 1, place)
