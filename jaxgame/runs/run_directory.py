"""A run's directory: its manifest, its finished chunks, and what a resumed run still has to do.

Layout: `manifest.json` (what was run, with what, how far it got), `chunks/` while the run goes on,
`results.parquet` (or `statistics.parquet` for a run without rows) when it is complete. Every file is
written under a temporary name and renamed, so that a killed run leaves whole files only.
"""

import functools
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import polars as pl

from jaxgame.runs.chunk_files import ChunkFiles, RunDirectoryError, checksum_of
from jaxgame.runs.files import said_by_disk, write_whole

__all__ = ["RunDirectory", "RunDirectoryError", "environment", "write_whole"]

_PACKAGES = ("jaxgame", "jax", "jaxlib", "numpy", "chex", "optax", "polars")

# Of `manifest.json`: a number of its own for each set of fields (manifest.schema.json). Manifests without one
# are of the first.
SCHEMA_VERSION = 1

RUNNING, INTERRUPTED, COMPLETE = "running", "interrupted", "complete"


class RunDirectory:
    """Reads and writes the files of one run, for one of the processes that share it.

    `within` are the draws of this process, `leads` whether it keeps the manifest and joins the chunks.
    """

    def __init__(
        self,
        path: str | Path,
        request: Mapping[str, Any],
        product: str = "results",
        within: range | None = None,
        leads: bool = True,
    ):
        """Open `path` for the run described by `request` (JSON values only), which makes `product`.parquet.

        Raises RunDirectoryError if it cannot be written or holds another run, saying which values differ,
        or if the finished product is not what was written.
        """
        self.path = Path(path)
        self.request = json.loads(json.dumps(request))
        self.within = within if within is not None else range(int(self.request["draws"]))
        self.leads = leads
        self.chunks = ChunkFiles(self.path / "chunks")
        self.product_path = self.path / f"{product}.parquet"
        self._prepare()
        previous = self._read_manifest()
        if previous is not None:
            _refuse_other_run(self.path, previous.get("request", {}), self.request)
        self.previous = previous or {}
        self.seconds_before = float(self.previous.get("compute_seconds", 0.0))
        self.damaged = 0
        self.last_progress: dict[str, Any] = {}
        if self.finished():
            self._refuse_damaged_product()
        else:
            self.damaged = len(self.chunks.drop_damaged(self.within))

    def finished(self) -> bool:
        """Whether the product is there.

        It is there only when it is whole. A manifest that does not say so was left by a kill after the
        joining.
        """
        return self.product_path.exists()

    def pending(self) -> list[range]:
        """The draws of this process not yet on disk, as increasing ranges."""
        return [] if self.finished() else self.chunks.missing(self.within)

    def pending_anywhere(self, check: bool = False) -> list[range]:
        """The draws of all processes not on disk; with `check` also those whose files are damaged."""
        everything = range(self.request["draws"])
        if self.finished():
            return []
        if check:
            self.damaged += len(self.chunks.drop_damaged(everything))
        return self.chunks.missing(everything)

    def save_chunk(self, start: int, stop: int, table: pl.DataFrame) -> None:
        """Keep what the draws start, ..., stop - 1 gave. Raises RunDirectoryError if the disk is full."""
        try:
            self.chunks.save(start, stop, table)
        except OSError as error:
            raise self._unwritable(error) from error

    def merge_chunks(self, least: int, merge: Callable[[Iterator[pl.DataFrame]], pl.DataFrame]) -> None:
        """Replace each `least` neighbouring chunks of this process by one that `merge` makes of them."""
        try:
            self.chunks.merge(least, merge, self.within)
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self, join: Callable[[list[Path], Path], Any], **progress: Any) -> Path:
        """The path of the product, which `join` makes of the chunks in their order; drops the chunks."""
        if not self.finished():
            paths = [chunk.path for chunk in self.chunks.found()]
            try:
                write_whole(self.product_path, lambda temporary: join(paths, temporary))
            except (OSError, pl.exceptions.PolarsError) as error:
                raise self._unwritable(error) from error
            self.save_manifest(COMPLETE, checksum=checksum_of(self.product_path), **progress)
        self.chunks.remove()
        for name in ("manifest.json", self.product_path.name):  # unfinished files of killed processes
            for leftover in self.path.glob(f".{name}.*"):
                leftover.unlink(missing_ok=True)
        return self.product_path

    def save_manifest(self, state: str, **progress: Any) -> None:
        """Write the manifest: the request, the environment, `state` and `progress`."""
        if not self.leads:
            return
        self.last_progress = progress
        content = {
            "schema_version": SCHEMA_VERSION,
            "request": self.request,
            **environment(),
            "state": state,
            "complete": state == COMPLETE,
            **progress,
        }
        try:
            write_whole(
                self.path / "manifest.json",
                lambda path: path.write_text(json.dumps(content, indent=2) + "\n", "utf-8"),
            )
        except OSError as error:
            raise self._unwritable(error) from error

    def read_state(self) -> str | None:
        """What the leading process last recorded."""
        content = json.loads((self.path / "manifest.json").read_text("utf-8"))
        return content.get("state")

    def wait_until(self, done: Callable[[], bool], seconds: float = 0.5) -> None:
        """Call `done` every so many `seconds` until it holds: processes learn of each other from files only.

        If another process dies this does not wait for ever: `jax.distributed` ends the rest once heartbeats
        fail.
        """
        while not done():
            time.sleep(seconds)

    def _prepare(self) -> None:
        """Make the folders and try to write, so that a directory that cannot be used is refused at once."""
        try:
            self.chunks.folder.mkdir(parents=True, exist_ok=True)
            write_whole(
                self.chunks.folder / f"writable.{os.getpid()}", lambda p: p.write_text("", "utf-8")
            ).unlink()
        except OSError as error:
            raise RunDirectoryError(
                f"cannot write the run directory {self.path}: {said_by_disk(error)}. "
                "Nothing was computed. Free the path or choose another directory."
            ) from error

    def _read_manifest(self) -> dict[str, Any] | None:
        path = self.path / "manifest.json"
        if not self.leads:  # the leading process writes it before it computes
            self.wait_until(path.exists)
        if not path.exists():
            if self.chunks.found() or self.finished():
                raise RunDirectoryError(f"{self.path} holds results without a manifest.json; choose another")
            return None
        try:
            content = dict(json.loads(path.read_text("utf-8")))
        except ValueError as error:
            raise RunDirectoryError(
                f"{path} is not valid JSON ({error}); remove {self.path} to start again"
            ) from error
        version = content.get("schema_version", SCHEMA_VERSION)
        if version != SCHEMA_VERSION:
            raise RunDirectoryError(
                f"{path} has schema_version {version}, this jaxgame writes {SCHEMA_VERSION}: it is another "
                "version's run; use that version or choose another directory"
            )
        return content

    def _refuse_damaged_product(self) -> None:
        known = self.previous.get("checksum")
        if known is not None and checksum_of(self.product_path) != known:
            raise RunDirectoryError(
                f"{self.product_path} is not what the run wrote (its checksum differs): damaged or edited. "
                f"Remove it to compute it again."
            )

    def _unwritable(self, error: Exception) -> RunDirectoryError:
        words = said_by_disk(error) if isinstance(error, OSError) else str(error)
        missing = sum(map(len, self.pending_anywhere()))
        draws = self.request["draws"]
        return RunDirectoryError(
            f"cannot write to {self.path}: {words}. {draws - missing:,} of {draws:,} draws are kept; "
            "the same command resumes."
        )


@functools.cache
def environment() -> dict[str, Any]:
    """What a result may depend on besides the request: versions, devices, source revision."""
    devices = jax.devices()
    return {
        "versions": {name: metadata.version(name) for name in _PACKAGES}
        | {"python": platform.python_version()},
        "platform": devices[0].platform,
        "device": devices[0].device_kind,
        "devices": len(devices),
        "visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "processes": jax.process_count(),
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
