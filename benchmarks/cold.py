"""What a user waits for who starts Python to compute one thing: without kept programs, and with them.

Every call is a fresh process that imports the library, computes and prints; with the cache, an earlier
process has compiled the same. Rates are processes per second, all else included; the remark has the
processor's time, which tells more on a machine that others use.
"""

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.timing import Cell

ROOT = Path(__file__).parents[1]

# The name, the size, and what is computed; the library is there as jg, drawn games come from `games`.
CALLS = (
    ("hull_distance", "K x D = 4x9", "jg.hull_distance(random.random(9), random.random((4, 9))).distance"),
    ("leader_value", "S=A=3", "jg.leader_value(games(2, 3), 0, 0.6).value"),
    ("selection_worst", "S=A=3, K=4", "jg.selection.worst_equilibrium(games(4, 3)).value"),
    ("competition_worst", "S=A=2, K=2", "jg.competition.worst_equilibrium(games(2, 2)).value"),
    (
        "theorem",
        "16 of S=A=2",
        "jax.jit(jax.vmap(lambda game: jg.theorems.best_ai_selection(game).bound))(games(2, 2, 16))",
    ),
)
QUICK = ("hull_distance",)

PROGRAM = """
import sys

import jax
import numpy as np

import jaxgame as jg
from jaxgame.runs.compiled import keep_compiled

keep_compiled(sys.argv[1] or False)
jax.config.update("jax_enable_x64", True)
random = np.random.default_rng(0)


def games(leaders, size, *batch):
    prior = random.dirichlet(np.ones(size), batch)[..., None, :]
    follower = random.random((*batch, 1, size, size))
    given = prior, follower, random.random((*batch, leaders, 1, size, size))
    return jg.Game(*map(jax.numpy.asarray, given))


found = {call}
for end in jax.tree.leaves(found):
    for number in np.ravel(end):
        print(float(number).hex())
"""


def cells(quick: bool) -> Iterator[Cell]:
    """Each call with kept programs against the same without; `measure`'s first call fills the cache."""
    for name, size, call in CALLS:
        if quick and name not in QUICK:
            continue
        used: dict[str, list[float]] = {}
        with tempfile.TemporaryDirectory() as folder:
            yield Cell(
                name=f"cold_{name}",
                size=size,
                ours=functools.partial(_process, call, folder, used),
                count=1,
                peer="without kept programs",
                theirs=functools.partial(_process, call, "", used),
                their_count=1,
                remark=functools.partial(_remark, folder, used),
            )


def _process(call: str, folder: str, used: dict[str, list[float]]) -> np.ndarray:
    """What a fresh process prints [1, N]: the same bits whatever was kept, if all is well."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{call}", call), folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    after = os.times()  # Windows counts no children: 0 there
    seconds = sum(after[2:4]) - sum(before[2:4])
    used.setdefault(folder, []).append(seconds)
    return np.array([[float.fromhex(word) for word in done.stdout.split()]])


def _remark(folder: str, used: dict[str, list[float]]) -> str:
    programs = list(Path(folder).glob("*/*.program"))
    size = sum(path.stat().st_size for path in programs) / 2**20
    # The first of each is the one that `measure` does not count.
    kept, without = (statistics.median(used[where][1:]) for where in (folder, ""))
    return f"CPU {kept:.1f} s, without {without:.1f} s; {len(programs)} programs, {size:.1f} MiB"
