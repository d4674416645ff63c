"""Do the tests notice faults of the mathematics? Plants them one at a time: `make mutants`.

Each mutation of `tests/mutations.py` is planted in a copy of the checkout and met by the test that noticed
it the last time (`tests/data/noticed.json`, which is brought up to date), then, if it survives that, by the
tests named with it, then by all fast tests. Prints a line for each, and at the end the survivors; exits with
1 if there is one. Not part of CI: it takes about half an hour on two cores, longer where much is new.

    make mutants                                  all of them
    python -m tests.mutants theorems units        those whose name holds one of the words
    python -m tests.mutants --named               by the tests named with them alone, to be quick
    python -m tests.mutants --new                 those that no test is known to notice yet
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parent.parent
NOT_COPIED = (".git", ".venv", "outputs", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")
EVERY = ("tests", "jaxgame")
NOTICED = ROOT / "tests" / "data" / "noticed.json"  # name of a mutation -> the test that noticed it
# What pytest ends with if a test it is given is not there any more, or is slow now.
NO_SUCH_TEST, NONE_CHOSEN = 4, 5
WORKERS = 2


def main(arguments: list[str]) -> int:
    """Plant the mutations whose names hold one of the words; 0 if nobody survives."""
    named, new = "--named" in arguments, "--new" in arguments
    words = [word for word in arguments if word not in ("--named", "--new")]
    survivors, known = [], json.loads(NOTICED.read_text())
    chosen = [
        one
        for one in MUTATIONS
        if not (words and all(word not in one.name for word in words)) and not (new and known.get(one.name))
    ]
    for one in chosen:
        one.planted(ROOT)  # all can be, before an hour is spent
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        tried = {
            pool.submit(_tried, one, Path(folder), known.get(one.name, ""), named): one for one in chosen
        }
        for count, future in enumerate(as_completed(tried), 1):
            (noticed, seconds), name = future.result(), tried[future].name
            said = f"noticed by {noticed}" if noticed else "SURVIVES"
            survivors += [] if noticed else [name]
            known[name] = noticed
            _kept(known)
            print(f"{count:3d}/{len(chosen)} {name:60s} {seconds:4.0f} s  {said}", flush=True)
    print(f"{len(chosen)} faults, {len(survivors)} survive" + "".join(f"\n  {name}" for name in survivors))
    return 1 if survivors or not chosen else 0


def _kept(noticed: dict[str, str]) -> None:
    """Write down which test noticed what, of the mutations that there still are."""
    names = [one.name for one in MUTATIONS if noticed.get(one.name)]
    NOTICED.write_text(json.dumps({name: noticed[name] for name in names}, indent=1) + "\n")


def _tried(one: Mutation, folder: Path, last: str, named: bool) -> tuple[str, float]:
    """The first test that fails with the fault planted, empty if none does, and how long that took.

    `last` is the test that noticed it the last time, or empty.
    """
    start = time.monotonic()
    copy = folder / str(MUTATIONS.index(one))
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (copy / one.file).write_text(one.planted(copy))
    noticed = _first_failure(copy, folder, (last,)) if last else ""
    noticed = noticed or _first_failure(copy, folder, one.tests)
    if not (noticed or named):
        noticed = _first_failure(copy, folder, EVERY)
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
    if ended.returncode in (0, NO_SUCH_TEST, NONE_CHOSEN):
        return ""
    if ended.returncode != 1:
        raise RuntimeError(f"pytest ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    lines = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0].split(" ", 1)[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
