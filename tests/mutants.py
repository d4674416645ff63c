"""Do the tests notice faults of the mathematics? Plants them one at a time: `make mutants`.

Each mutation of `tests/mutations.py` is planted in a copy of the checkout and met by the tests named with it,
then, if it survives those, by all fast tests. Prints a line for each, and at the end the survivors;
exits with 1 if there is one. Not part of CI: it takes half an hour on two cores.

    make mutants                                  all of them
    python -m tests.mutants theorems units        those whose name holds one of the words
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parent.parent
NOT_COPIED = (".git", ".venv", "outputs", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")
WORKERS = 2


def main(words: list[str]) -> int:
    """Plant the faults whose names hold one of the words; 0 if nobody survives."""
    chosen = [fault for fault in MUTATIONS if not words or any(word in fault.name for word in words)]
    for fault in chosen:
        fault.planted(ROOT)  # all can be, before half an hour is spent
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        done = []
        for fault, (noticed, seconds) in zip(
            chosen, pool.map(lambda fault: _planted(fault, Path(folder)), chosen), strict=True
        ):
            done.append(noticed)
            said = f"noticed by {noticed}" if noticed else "SURVIVES"
            print(f"{len(done):3d}/{len(chosen)} {fault.name:44s} {seconds:4.0f} s  {said}", flush=True)
    survivors = [fault.name for fault, noticed in zip(chosen, done, strict=True) if not noticed]
    print(f"{len(chosen)} faults, {len(survivors)} survive" + "".join(f"\n  {name}" for name in survivors))
    return 1 if survivors or not chosen else 0


def _planted(fault: Mutation, folder: Path) -> tuple[str, float]:
    """The first test that fails with the fault planted, empty if none does, and how long that took."""
    start = time.monotonic()
    copy = folder / fault.name.replace(" ", "-").replace("/", "-")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (copy / fault.file).write_text(fault.planted(copy))
    noticed = _first_failure(copy, folder, fault.tests) or _first_failure(copy, folder, ("tests", "jaxgame"))
    shutil.rmtree(copy)
    return noticed, time.monotonic() - start


def _first_failure(copy: Path, folder: Path, tests: tuple[str, ...]) -> str:
    # Programs that the fault does not touch are compiled once for all.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *tests]
    ended = subprocess.run(command, cwd=copy, env=os.environ | cache, capture_output=True, text=True)
    if ended.returncode == 0:
        return ""
    if ended.returncode != 1:
        raise RuntimeError(f"pytest ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    lines = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
