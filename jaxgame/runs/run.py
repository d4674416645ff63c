"""One run: draws computed chunk by chunk on the devices of this process, kept, joined, resumed."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxgame.core.bracket import Bracket
from jaxgame.runs.chunking import Chunking
from jaxgame.runs.interruption import terminable
from jaxgame.runs.keys import draw_key
from jaxgame.runs.mappings import make_room
from jaxgame.runs.run_directory import COMPLETE, INTERRUPTED, RUNNING, RunDirectory, RunDirectoryError
from jaxgame.runs.spread import spread
from jaxgame.runs.tabulate import tabulate

DrawFunction = Callable[[Array], Mapping[str, Array | Bracket]]

# So many neighbouring digests are merged into one: files stay few, and one that is damaged costs little.
MERGED = 64


@dataclass(frozen=True)
class Run:
    """What is to be computed.

    `grid` are the coordinates; `request` is what a resumed run must share besides what every run must;
    the other fields are the arguments of `jaxgame.run_draws`. Raises ValueError for draws or chunk below 1.
    """

    function: DrawFunction
    draws: int
    seed: int
    grid: Mapping[str, Sequence[Any]]
    labels: Mapping[str, Sequence[str]]
    chunk: int | None
    settings: Mapping[str, Any]
    progress: bool
    request: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in (("draws", self.draws), ("chunk", self.chunk)):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")


@dataclass(frozen=True)
class Product:
    """What is kept of the draws: the file's name, what of each chunk, and how chunks are joined.

    `digest` makes of a chunk's rows what is kept, `join` writes the chunk files' join into a file, and
    `merge`, if any, makes one digest of several.
    """

    name: str
    digest: Callable[[pl.DataFrame], pl.DataFrame]
    join: Callable[[list[Path], Path], Any]
    merge: Callable[[Iterator[pl.DataFrame]], pl.DataFrame] | None = None


def in_memory(run: Run, product: Product) -> list[pl.DataFrame]:
    """The digests of all chunks. Raises ValueError among several processes, which need a directory."""
    if jax.process_count() > 1:
        raise ValueError("several processes share a run through its directory; name one")
    digests: list[pl.DataFrame] = []
    with progress_bar(run.progress) as bar:
        for _, _, rows in _Computer(run, bar, done=0).compute([range(run.draws)]):
            digests.append(product.digest(rows))
            if product.merge and len(digests) == MERGED:
                digests = [product.merge(iter(digests))]
    return digests


def in_directory(run: Run, product: Product, directory: str | Path) -> Path:
    """The file of the joined digests; computes those that the directory lacks.

    Each of several processes computes its slice of the draws. The first one waits until all are on disk,
    computes again what was damaged meanwhile, and joins them; the others wait for it.
    """
    request = {
        "seed": run.seed,
        "draws": run.draws,
        "precision": jnp.zeros(()).dtype.name,
        "coordinates": run.grid,
        "settings": run.settings,
        **run.request,
    }
    process, processes = jax.process_index(), jax.process_count()
    share = range(process * run.draws // processes, (process + 1) * run.draws // processes)
    store = RunDirectory(directory, request, product.name, share, leads=process == 0)
    if store.finished():
        return store.finish(product.join)
    with _resumable(store), terminable(), progress_bar(run.progress and store.leads) as bar:
        # A chunk fits the devices it grew on: on others it is found anew.
        record = store.previous if store.previous.get("devices") == jax.device_count() else {}
        computer = _Computer(
            run, bar, run.draws - sum(map(len, store.pending_anywhere())), record.get("chunk")
        )
        store.save_manifest(RUNNING, **computer.progress(store))
        _fill(store, computer, product, store.pending())
        if not store.leads:
            store.wait_until(lambda: store.finished() and store.read_state() == COMPLETE)
            return store.product_path
        store.wait_until(lambda: not store.pending_anywhere())
        while damaged := store.pending_anywhere(check=True):
            _fill(store, computer, product, damaged)
        computer.done = run.draws
        return store.finish(product.join, **computer.progress(store))


def _fill(store: RunDirectory, computer: "_Computer", product: Product, pending: list[range]) -> None:
    """Compute the draws `pending` and keep them, chunk by chunk."""
    for start, stop, rows in computer.compute(pending):
        store.save_chunk(start, stop, product.digest(rows))
        if product.merge:
            store.merge_chunks(MERGED, product.merge)
        store.save_manifest(RUNNING, **computer.progress(store))


class _Computer:
    """Computes chunks of draws, and knows how many are done and how fast."""

    def __init__(self, run: Run, bar: Progress, done: int, chunk_before: int | None = None):
        self.run, self.bar, self.done = run, bar, done
        self.chunk_before = chunk_before
        self.task = bar.add_task("compiling", total=run.draws, completed=done)
        self.chunking: Chunking | None = None
        self.computed = 0
        self.seconds = self.compile_seconds = 0.0

    def compute(self, pending: Sequence[range]) -> Iterator[tuple[int, int, pl.DataFrame]]:
        """First draw, last draw + 1 and rows of each chunk of the draws `pending`.

        The caller keeps each chunk before it asks for the next; the time that takes counts as the chunk's.
        """
        remaining = sum(map(len, pending))
        if remaining == 0:
            return
        began = time.perf_counter()
        make_room()
        chunking = self._chunking(remaining)
        self.compile_seconds += time.perf_counter() - began
        for span in pending:
            start = span.start
            while start < span.stop:
                began = time.perf_counter()
                stop = min(start + chunking.chunk, span.stop)
                # Always a full chunk, for which there is a program; `tabulate` cuts off draws from stop on.
                draws = np.arange(start, start + chunking.chunk, dtype=np.uint32)
                values = jax.device_get(chunking.program(draws))
                seconds = time.perf_counter() - began
                rows = tabulate(values, start, stop, self.run.grid, self.run.labels)
                self._advance(stop - start, seconds)
                began = time.perf_counter()
                yield start, stop, rows
                keeping = time.perf_counter() - began
                self.seconds += keeping
                remaining -= stop - start
                start = stop
                began = time.perf_counter()
                if chunking.grow(seconds + keeping, self.compile_seconds, remaining):
                    self.compile_seconds += time.perf_counter() - began

    def _advance(self, draws: int, seconds: float) -> None:
        """Count `draws` that took `seconds`, and show them."""
        self.done += draws
        self.computed += draws
        self.seconds += seconds
        self.bar.update(self.task, completed=self.done, description=f"{self.rate():,.0f} draws/s")

    def progress(self, store: RunDirectory) -> dict[str, Any]:
        """What the manifest tells of the computation."""
        return {
            "draws_done": self.done,
            "chunk": self.chunking.chunk if self.chunking else self.chunk_before,
            "damaged_chunks": store.damaged,
            "compile_seconds": round(self.compile_seconds, 3),
            "compute_seconds": round(store.seconds_before + self.seconds, 3),
            "draws_per_second": round(self.rate(), 3),
        }

    def rate(self) -> float:
        """Draws per second so far, without compiling."""
        return self.computed / max(self.seconds, 1e-9)

    def _chunking(self, remaining: int) -> Chunking:
        """The chunk and its program, compiled when the first draws are needed."""
        if self.chunking is None:
            run = self.run
            program = spread(lambda draw: run.function(draw_key(run.seed, draw)), jax.local_devices())

            def compiled(share: int) -> jax.stages.Compiled:
                size = share * jax.local_device_count()
                return program.lower(jax.ShapeDtypeStruct((size,), jnp.uint32)).compile()

            self.chunking = Chunking(compiled, jax.local_devices(), run.chunk, remaining, self.chunk_before)
        return self.chunking


@contextlib.contextmanager
def _resumable(store: RunDirectory) -> Iterator[None]:
    """Record in the manifest whatever ends the run early; an interruption also says how to resume."""
    try:
        yield
    except BaseException as stop:
        with contextlib.suppress(RunDirectoryError):
            kept = store.request["draws"] - sum(map(len, store.pending_anywhere()))
            store.save_manifest(INTERRUPTED, **store.last_progress | {"draws_done": kept})
            if isinstance(stop, KeyboardInterrupt):
                raise type(stop)(
                    f"{kept:,} of {store.request['draws']:,} draws are kept in {store.path}; "
                    "the same command resumes"
                ) from None
        raise


def progress_bar(wanted: bool) -> Progress:
    """Draws done, draws/s and time left, on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not (wanted and console.is_terminal),
    )
