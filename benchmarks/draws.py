"""Does a run of many draws take linear time and flat memory, and what do two processes give?

    python -m benchmarks.draws --json benchmarks/results/draws.json

Every row is a fresh Python process, so that its peak memory is its own: the largest resident set that
the operating system saw, interpreter and compiler included. What is drawn: a user on three
states and three actions (family noise), what full information and what none is worth to her, and what quantal
response leaves of the former; as cheap as a draw can be, so that keeping it counts. `rows` keeps every draw
in a file, `statistics` keeps means, brackets on quantiles and shares alone. `cpu s` is the processor time of
all processes, compiling included: on a machine shared with others it tells more than the seconds.
`devices` are those of each process; the last two rows compare one process with two, each held to a core of
its own, as Slurm would place them (let alone, one device computes on all cores).
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import psutil
from jaxtyping import Array

import jaxgame as jg
from benchmarks.timing import device
from jaxgame.runs.chunking import host_cores
from jaxgame.sampling import Noise, Shape

COUNTS = (10_000, 100_000, 1_000_000, 10_000_000)
KINDS = ("rows", "statistics")
HEADER = (
    "kind               draws  processes  devices   seconds  compile s   cpu s   draws/s  peak MiB  file MiB"
)
FORMAT = (
    "{kind:<12}{draws:>12,}{processes:>11}{devices:>9}{seconds:>10.1f}{compile_s:>11.1f}{cpu_s:>8.1f}{draws_per_s:>10,}"
    "{peak_mib:>10}{file_mib:>10.1f}"
)


def values(key: Array) -> Mapping[str, Any]:
    """One draw: the user's value of full information, of none, and of quantal response to the full."""
    game = Noise().sample(key, Shape(leaders=1, types=1, states=3, actions=3), 1.0)
    chosen = jg.quantal_response(game.follower, 10.0)
    quantal = (game.prior[..., None] * chosen * game.follower).sum()
    return {
        "full": jg.full_information_value(game).sum(),
        "none": jg.no_information_value(game).sum(),
        "quantal": quantal,
    }


def work(
    kind: str, draws: int, directory: Path, process: int, processes: int, devices: int, port: int
) -> None:
    """Compute in this process, and print its peak memory in KiB."""
    if devices == 1 and hasattr(os, "sched_setaffinity"):  # elsewhere the system places processes itself
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[process % len(cores)]})
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", devices)
    if processes > 1:
        jax.distributed.initialize(f"127.0.0.1:{port}", processes, process)
    if kind == "rows":
        jg.run_draws(values, draws, 0, directory=directory, progress=False, lazy=True)
    else:
        jg.run_statistics(values, draws, 0, levels={"full": [0.5]}, directory=directory, progress=False)
    print(json.dumps({"peak": _peak(), "cpu": sum(os.times()[:2]), "device": device()}))


def _peak() -> int:
    """This process's largest resident set, in KiB."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset) // 1024
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // 1024 if sys.platform == "darwin" else used  # macOS counts bytes


def measure(kind: str, draws: int, processes: int, devices: int) -> dict[str, Any]:
    """One row: a run in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        command = [sys.executable, "-m", "benchmarks.draws", "--work", kind, str(draws), f"{folder}/run"]
        began = time.perf_counter()
        workers = [
            subprocess.Popen(
                [*command, str(p), str(processes), str(devices), str(port)], stdout=subprocess.PIPE, text=True
            )
            for p in range(processes)
        ]
        told = [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
        whole = time.perf_counter() - began
        manifest = json.loads((Path(folder) / "run" / "manifest.json").read_text("utf-8"))
        product = Path(folder) / "run" / ("results.parquet" if kind == "rows" else "statistics.parquet")
        return {
            "kind": kind,
            "draws": draws,
            "processes": processes,
            "devices": devices,
            "seconds": round(manifest["compute_seconds"], 2),
            "cpu_s": round(sum(one["cpu"] for one in told), 2),
            "compile_s": manifest["compile_seconds"],
            "whole_s": round(whole, 2),
            "draws_per_s": round(draws / manifest["compute_seconds"]),
            "peak_mib": round(max(one["peak"] for one in told) / 1024),
            "file_mib": round(product.stat().st_size / 2**20, 2),
            "chunk": manifest["chunk"],
            "device": told[0]["device"],
        }


def main() -> None:
    """Parse the command line, measure, print, save."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.draws",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="the two smallest numbers of draws alone")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows there")
    parser.add_argument("--work", nargs=7, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        kind, draws, directory, *numbers = arguments.work
        work(kind, int(draws), Path(directory), *map(int, numbers))
        return
    rows: list[dict[str, Any]] = []
    counts = COUNTS[:2] if arguments.quick else COUNTS
    cells = [(kind, draws, 1, host_cores()) for kind in KINDS for draws in counts]
    cells += [("statistics", counts[-1], processes, 1) for processes in (1, 2)]
    print(HEADER)
    for cell in cells:
        rows.append(measure(*cell))
        print(FORMAT.format(**rows[-1]), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
