"""Try an accelerator: the tests marked `device`, then speed and memory by the number of problems at once.

    make gpu

Takes less than ten minutes, and writes `outputs/device/NAME.json` and `.txt`, named by the device. Without an
accelerator it says what is missing. `--rehearse` goes through all of it on the CPU, in small.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxgame as jg
from benchmarks.timing import device
from jaxgame.runs.batch import spread
from jaxgame.runs.files import write_whole

ROOT = Path(__file__).parents[1]
REHEARSAL = "JAXGAME_DEVICE_REHEARSAL"  # tells the tests to take the CPU for an accelerator

BUDGET = 540.0  # seconds of tests and tables together
TESTS = 300.0  # of these at most for the tests
SMALLEST, LARGEST, FACTOR = 1024, 4_194_304, 4  # problems at once
REPEATS = 3
LONGEST = 20.0  # seconds of a call, after which no larger one is tried
FULL = 0.9  # of the device's memory


@dataclass(frozen=True)
class Measured:
    """One program: problems per second (median), seconds to compile, bytes it needs for each problem."""

    name: str
    size: str
    at_once: int
    per_s: float
    compile_s: float
    bytes_each: float
    widest: float
    device: str
    jax: str


def main() -> int:
    """0 if the tests pass and something was measured, 1 if not, 2 without an accelerator."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.device",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, in small")
    parser.add_argument("--out", type=Path, default=Path("outputs/device"), metavar="DIRECTORY")
    arguments = parser.parse_args()
    started = time.monotonic()
    jax.config.update("jax_enable_x64", True)
    # The tests are another process with the same device: neither may take all of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if jax.default_backend() == "cpu" and not arguments.rehearse:
        print(missing(), file=sys.stderr)
        return 2
    print(f"{device()}, JAX {jax.__version__}", flush=True)
    passed, said = _tests(arguments.rehearse)
    rows = []
    for row in tables(started + BUDGET, SMALLEST * FACTOR if arguments.rehearse else LARGEST):
        rows.append(row)
        _write(arguments.out, passed, said, rows)
    print(f"{'tests passed' if passed else 'TESTS FAILED'}; {len(rows)} rows in {arguments.out}")
    return 0 if passed and rows else 1


def missing() -> str:
    """Why JAX has no accelerator here, and what to install."""
    install = f"{sys.executable} -m pip install 'jaxgame[cuda13]'   (in a checkout: -e '.[cuda13]')"
    chosen = os.environ.get("JAX_PLATFORMS")
    if chosen:
        return f"no accelerator: JAX_PLATFORMS is {chosen!r}; unset it"
    if not any(importlib.util.find_spec(name) for name in ("jax_cuda13_plugin", "jax_cuda12_plugin")):
        driver = "" if Path("/proc/driver/nvidia").exists() else "; nor is there an NVIDIA driver"
        return f"no accelerator: JAX has no CUDA plugin in this environment{driver}. Install it:\n  {install}"
    if not Path("/proc/driver/nvidia").exists():
        return "no accelerator: JAX has its CUDA plugin, but there is no NVIDIA driver (/proc/driver/nvidia)"
    tried = subprocess.run(
        [sys.executable, "-c", "import jax; jax.devices('cuda')"],
        env=os.environ | {"JAX_PLATFORMS": "cuda"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = (tried.stderr.strip().splitlines() or ["it does not say why"])[-1]
    return f"no accelerator: driver and CUDA plugin are there, but JAX cannot use them: {last}\n  {install}"


def _tests(rehearse: bool) -> tuple[bool, str]:
    """Whether the tests marked `device` pass, and what pytest says."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "device",
        "-p",
        "no:cacheprovider",
        "tests/test_device.py",
    ]
    # The tests leave programs unoptimised unless told otherwise; these are to run what users run.
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=3"
    environment = os.environ | {"XLA_FLAGS": flags} | ({REHEARSAL: "1"} if rehearse else {})
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=TESTS
        )
    except subprocess.TimeoutExpired:
        return False, f"the tests took more than {TESTS:.0f} s"
    print(done.stdout, flush=True)
    return done.returncode == 0, done.stdout


# The name, the size, a bracket of one problem, and what draws its arrays for many.
Call = tuple[str, str, Callable[..., jg.Bracket], Callable[[int], tuple[Any, ...]]]


def calls() -> list[Call]:
    """What is measured."""
    return [
        ("hull_distance", "K=8 D=16", lambda u, U: jg.hull_distance(u, U).distance, _hulls),
        *(
            ("leader_value", f"S=A={n}", lambda g, v: jg.leader_value(g, 0, v).value, _games(n))
            for n in (2, 4, 8)
        ),
    ]


def tables(deadline: float, largest: int = LARGEST) -> Iterator[Measured]:
    """Every call, with more problems at once until they do not fit, take too long, or time is up."""
    for name, size, function, draw in calls():
        program = spread(function, jax.devices(), batch=None)
        count = SMALLEST
        while count <= largest and time.monotonic() < deadline:
            try:
                row, seconds = _measure(program, name, size, draw(count), count)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                row = None
            if row is None:
                print(f"{name:<16}{size:<12}{count:>12,} do not fit")
                break
            print(
                f"{name:<16}{size:<12}{count:>12,}{row.per_s:>14,.0f} /s  {row.bytes_each:>10,.0f} bytes each"
                f"  compiled in {row.compile_s:.0f} s  widest bracket {row.widest:.1e}",
                flush=True,
            )
            yield row
            left = deadline - time.monotonic()
            if seconds > LONGEST or row.compile_s + FACTOR * REPEATS * seconds > left:
                break
            count *= FACTOR


def _measure(
    program: jax.stages.Wrapped, name: str, size: str, arguments: tuple[Any, ...], count: int
) -> tuple[Measured | None, float]:
    """A row and the seconds of a call; None if the compiler says that it would not fit."""
    began = time.perf_counter()
    compiled: Any = program.lower(*arguments).compile()
    compile_s = time.perf_counter() - began
    needed, there = compiled.memory_analysis(), _memory()
    whole = sum(
        getattr(needed, f"{part}_size_in_bytes", 0) for part in ("argument", "output", "temp")
    )  # of one device
    if there is not None and whole > FULL * there:
        return None, 0.0
    placed = jax.device_put(arguments)
    seconds = []
    for _ in range(REPEATS + 1):  # the first fills caches
        began = time.perf_counter()
        found = jax.block_until_ready(compiled(*placed))
        seconds.append(time.perf_counter() - began)
    median = float(np.median(seconds[1:]))
    row = Measured(
        name=name,
        size=size,
        at_once=count,
        per_s=count / median,
        compile_s=compile_s,
        bytes_each=whole * len(jax.devices()) / count,
        widest=float((found.upper - found.lower).max()),
        device=device(),
        jax=jax.__version__,
    )
    return row, median


def _memory() -> int | None:
    told = jax.devices()[0].memory_stats()
    return told.get("bytes_limit") if told else None


def _hulls(count: int) -> tuple[Any, ...]:
    random = np.random.default_rng(0)
    target = random.random((count, 16))
    return target, target[:, None] + 0.5 * random.normal(size=(count, 8, 16))


def _games(size: int) -> Callable[[int], tuple[Any, ...]]:
    def draw(count: int) -> tuple[Any, ...]:
        """Priors uniform on the simplex, utilities on [0, 1], thresholds between no and full information."""
        random = np.random.default_rng(size)
        prior = random.dirichlet(np.ones(size), count)[:, None]
        made: Any = jg.Game  # of NumPy's arrays: on the host until they are measured
        game = made(prior, random.random((count, 1, size, size)), random.random((count, 1, 1, size, size)))
        ends = (prior[..., None] * game.follower).sum(2).max(-1), (prior * game.follower.max(-1)).sum(-1)
        share = random.random(count)
        return game, (1 - share) * ends[0][:, 0] + share * ends[1][:, 0]

    return draw


def _write(directory: Path, passed: bool, said: str, rows: list[Measured]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", rows[0].device).strip("-")
    content = {"tests_passed": passed, "rows": [asdict(row) for row in rows]}
    write_whole(
        directory / f"{name}.json",
        lambda path: path.write_text(json.dumps(content, indent=2) + "\n", "utf-8"),
    )
    write_whole(directory / f"{name}.txt", lambda path: path.write_text(said, "utf-8"))


if __name__ == "__main__":
    sys.exit(main())
