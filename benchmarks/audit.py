"""The audit of a large panel: reading a CSV file, the whole command on it, and 1,000 bootstrap refits.

Reading checks every row and cell; its peer is read_csv of polars alone, which guesses types and pads rows.
The command reads 100,000 items of 100 models, and does all that it does by default; the peer reads the same
file and makes one fit, SciPy's nnls on the rows: the price of an answer without held-out rows, null or
intervals. Bootstrap refits, drawn and fitted, against nnls on the resampled rows. The least mean absolute
error, with its proof, on a tenth of the rows against one program of all of these (HiGHS, interior point).
Errors compare train distances and least errors.

Remarks: wall and processor seconds, and the peak memory that the operating system counted.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import linprog, nnls
from threadpoolctl import threadpool_limits

from benchmarks.timing import Cell
from jaxgame.audit import moments, resample
from jaxgame.audit.absolute import certify_absolute
from jaxgame.audit.reading import read_scores

SIZES = ((100, 100_000),)
QUICK = ((20, 5_000),)
REFITS = 1_000
PEER_REFITS = 2
USED: dict[str, str] = {}


def cells(quick: bool) -> Iterator[Cell]:
    """The command and the refits, for each size."""
    for models, items in QUICK if quick else SIZES:
        size = f"{models} x {items:,}"
        scores, target = panel(models, items)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "scores.csv"
            table = {"human": target} | {f"m{i}": scores[:, i] for i in range(models)}
            pl.DataFrame(table).with_columns(pl.all().round(4)).write_csv(path)
            yield Cell(
                name="audit_reading",
                size=size,
                ours=functools.partial(read, path),
                count=1,
                peer="polars read_csv",
                theirs=functools.partial(read_by_polars, path),
                their_count=1,
            )
            yield Cell(
                name="audit_command",
                size=size,
                ours=functools.partial(command, path),
                count=1,
                peer="polars, one nnls",
                theirs=functools.partial(one_fit, path),
                their_count=1,
                remark=lambda: USED["command"],
            )
        train = 2 * items // 3
        yield Cell(
            name="audit_bootstrap",
            size=f"{size}, {REFITS:,}",
            ours=functools.partial(refits, scores[:train], target[:train]),
            count=REFITS,
            peer="resample rows, nnls",
            theirs=functools.partial(peer_refits, scores[:train], target[:train]),
            their_count=PEER_REFITS,
        )
        some = items // 10
        yield Cell(
            name="audit_absolute",
            size=f"{models} x {some:,}",
            ours=functools.partial(least_absolute, scores[:some], target[:some]),
            count=1,
            peer="one HiGHS program",
            theirs=functools.partial(one_program, scores[:some], target[:some]),
            their_count=1,
        )


def panel(models: int, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with eight common factors, and a noisy mixture of some models."""
    random = np.random.default_rng(0)
    factors = random.normal(size=(items, 8)) @ random.normal(size=(8, models))
    scores = factors + random.normal(size=(items, models))
    weights = random.dirichlet(np.full(models, 0.1))
    return scores, scores @ weights + 0.3 * random.normal(size=items)


def read(path: Path) -> np.ndarray:
    """The sums of the columns that the audit reads."""
    return read_scores(path).values.sum(axis=0)[None]


def read_by_polars(path: Path) -> np.ndarray:
    """The same sums by polars."""
    return pl.read_csv(path).to_numpy().sum(axis=0)[None]


def command(path: Path) -> np.ndarray:
    """The train distance that `jaxgame audit` writes, by a process of its own."""
    out = path.parent / "audit"
    arguments = [
        sys.executable,
        "-m",
        "jaxgame.cli",
        "audit",
        str(path),
        "-t",
        "human",
        "-q",
        "--out",
        str(out),
    ]
    began = time.perf_counter()
    if not hasattr(os, "wait4"):
        sys.exit("error: the suite audit asks what the system counted of a process; Windows has no wait4")
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"the command ended with {process.returncode}")
    USED["command"] = (
        f"{time.perf_counter() - began:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of processors, "
        f"{usage.ru_maxrss / 1024:.0f} MB at most"
    )
    found = json.loads((out / "audit.json").read_text("utf-8"))["targets"][0]
    return np.array([found["hulls"]["cone"]["train"]["upper"]])


def one_fit(path: Path) -> np.ndarray:
    """The same number from one fit by nnls, on the train rows that the audit drew."""
    table = pl.read_csv(path).to_numpy()
    order = np.random.default_rng([0, 0]).permutation(len(table))
    rows = table[order[: round(2 * len(table) / 3)]]
    centred = rows - rows.mean(axis=0)
    _, error = nnls(centred[:, 1:], centred[:, 0], maxiter=10_000)
    return np.array([error / np.sqrt(len(rows)) / rows[:, 0].std()])


def refits(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Train distances of refits to resampled rows."""
    everyone = np.arange(scores.shape[1])
    found = []
    with threadpool_limits(1, user_api="blas"):
        rows = moments.columns(scores, target)
        start = moments.fit(moments.moments(rows), everyone, "cone")
        for sums in resample.bootstrap(rows, np.arange(len(rows)), REFITS, np.random.default_rng(1)):
            found.append(moments.distance(sums, moments.fit(sums, everyone, "cone", start)))
    return np.array(found)


def peer_refits(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first of them again, from the rows: the same draws."""
    random = np.random.default_rng(1)
    groups = min(len(target), resample.GROUPS)
    parts = np.array_split(random.permutation(len(target)), groups)
    drawn = random.integers(groups, size=(resample.CHUNK, groups))
    found = []
    for draw in drawn[:PEER_REFITS]:
        rows = np.concatenate([parts[group] for group in draw])
        fit, aim = scores[rows], target[rows]
        _, error = nnls(fit - fit.mean(axis=0), aim - aim.mean(), maxiter=10_000)
        found.append(error / np.sqrt(len(rows)))
    return np.array(found)


def least_absolute(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The least mean absolute error of a mixture with weights that sum to 1."""
    with threadpool_limits(1, user_api="blas"):
        return np.array([certify_absolute(moments.columns(scores, target), "simplex").upper])


def one_program(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The same by HiGHS: weights, and what each row errs by, above and below."""
    rows, count = scores.shape
    each, none = sparse.eye_array(rows), sparse.csr_array((1, 2 * rows))
    errs = sparse.hstack([sparse.csr_array(scores), each, -each])
    sums_to_one = sparse.hstack([sparse.csr_array(np.ones((1, count))), none])
    solution = linprog(
        np.concatenate([np.zeros(count), np.full(2 * rows, 1 / rows)]),
        A_eq=sparse.vstack([errs, sums_to_one]).tocsc(),
        b_eq=np.append(target, 1.0),
        method="highs-ipm",
    )
    return np.array([solution.fun if solution.x is not None else np.nan])
