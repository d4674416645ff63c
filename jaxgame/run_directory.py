"""A run's directory: its manifest, its finished chunks, and what a resumed run still has to do.

Layout: `manifest.json` (what was run, with what, how far it got), `chunks/START-STOP.parquet` while
the run goes on, `results.parquet` when it is complete. Every file is written under a temporary name
and renamed, so that a killed run leaves whole files only.
"""

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import polars as pl

_PACKAGES = ("jaxgame", "jax", "jaxlib", "numpy", "chex", "optax", "polars")


class RunDirectoryError(Exception):
    """A run directory that cannot be used; the message says why and what to do."""


class RunDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path, request: Mapping[str, Any]):
        """Open `path` for the run described by `request` (JSON values only).

        Raises RunDirectoryError if it cannot be written or holds another run, saying which values differ.
        """
        self.path = Path(path)
        self.request = json.loads(json.dumps(request))
        self._prepare()
        previous = self._read_manifest()
        if previous is not None:
            _refuse_other_run(self.path, previous.get("request", {}), self.request)
        self.seconds_before = float(previous["compute_seconds"]) if previous else 0.0

    @property
    def results_path(self) -> Path:
        """Where the complete table lies."""
        return self.path / "results.parquet"

    def pending(self, draws: int) -> list[range]:
        """The draws not yet on disk, as increasing ranges."""
        if self.results_path.exists():
            return []
        missing, reached = [], 0
        for start, stop in sorted(self._chunks()):
            if start > reached:
                missing.append(range(reached, start))
            reached = max(reached, stop)
        if reached < draws:
            missing.append(range(reached, draws))
        return missing

    def save_chunk(self, start: int, stop: int, table: pl.DataFrame) -> None:
        """Keep the rows of the draws start, ..., stop - 1."""
        write_whole(self.path / "chunks" / f"{start:010d}-{stop:010d}.parquet", table.write_parquet)

    def finish(self) -> pl.DataFrame:
        """Join the chunks into `results.parquet` in the order of the draws, and drop them."""
        if not self.results_path.exists():
            chunks = self._chunks()
            table = pl.concat([pl.read_parquet(chunks[key]) for key in sorted(chunks)])
            write_whole(self.results_path, table.write_parquet)
        for leftover in self._chunks().values():
            leftover.unlink()
        with contextlib.suppress(OSError):
            (self.path / "chunks").rmdir()
        return pl.read_parquet(self.results_path)

    def save_manifest(self, **progress: Any) -> None:
        """Write the manifest: the request, the environment and `progress`."""
        content = {"request": self.request, **environment(), **progress}
        write_whole(
            self.path / "manifest.json",
            lambda path: path.write_text(json.dumps(content, indent=2) + "\n"),
        )

    def _prepare(self) -> None:
        try:
            (self.path / "chunks").mkdir(parents=True, exist_ok=True)
            write_whole(self.path / "chunks" / "writable", lambda path: path.write_text("")).unlink()
        except OSError as error:
            raise RunDirectoryError(
                f"cannot write the run directory {self.path}: {error.strerror or error}. "
                "Nothing was computed. Free the path or choose another directory."
            ) from error

    def _read_manifest(self) -> dict[str, Any] | None:
        path = self.path / "manifest.json"
        if not path.exists():
            if self._chunks() or self.results_path.exists():
                raise RunDirectoryError(f"{self.path} holds results without a manifest.json; choose another")
            return None
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise RunDirectoryError(
                f"{path} is not valid JSON ({error}); remove {self.path} to start again"
            ) from error
        return content

    def _chunks(self) -> dict[tuple[int, int], Path]:
        found = {}
        for path in (self.path / "chunks").glob("*-*.parquet"):
            start, stop = path.stem.split("-")
            found[int(start), int(stop)] = path
        return found


def write_whole(path: Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` fill a temporary neighbour of `path`, then rename it: no reader sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def environment() -> dict[str, Any]:
    """What a result may depend on besides the request: versions, devices, source revision."""
    devices = jax.devices()
    return {
        "versions": {name: metadata.version(name) for name in _PACKAGES}
        | {"python": platform.python_version()},
        "platform": devices[0].platform,
        "device": devices[0].device_kind,
        "devices": len(devices),
        "source_revision": _source_revision(),
    }


def _source_revision() -> str | None:
    """The commit of the checkout the library runs from, with + if it was changed; None outside one."""

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None  # installed inside somebody else's checkout
    revision = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no")
    return revision and revision + ("+" if changed else "")


def _refuse_other_run(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    differences = list(_differences(old, new))
    if differences:
        raise RunDirectoryError(
            f"{path} holds a run that differs in {'; '.join(differences)}. Its results cannot be mixed "
            "with this run's: choose another directory or remove that one."
        )


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield f"{name} ({old!r} there, {new!r} here)"
