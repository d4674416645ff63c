"""Time the library against the peers a user would reach for, and print one table.

A row: problems per second of ours (all devices of this process, float64, compiled beforehand) and of
the peer (one process, one problem after the other), medians of repeats in turns; their ratio; the largest
difference between the two answers.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

import jax

from benchmarks import hull
from benchmarks.timing import Cell, Row, device, measure

SUITES: dict[str, Callable[[bool], Iterator[Cell]]] = {"hull": hull.cells}
FORMATS = ("{:<12}", "{:<12}", "{:>12,.0f}", "{:<22}", "{:>12,.1f}", "{:>8.1f}", "{:>14.1e}")


def main() -> None:
    """Parse the command line, measure, print, save."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"suites to run: {', '.join(SUITES)} (all)")
    parser.add_argument("--quick", action="store_true", help="few problems and repeats: does it run at all?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the rows there")
    parser.add_argument("--devices", type=int, metavar="N", help="virtual CPU devices of ours (one per core)")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in SUITES:
            parser.error(f"there is no suite {name!r}; choose from {', '.join(SUITES)}")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", arguments.devices or len(os.sched_getaffinity(0)))

    print(f"{device()}, JAX {jax.__version__}")
    headings = [format.split(":")[1].replace(",", "").split(".")[0].rstrip("}") for format in FORMATS]
    print(" ".join(f"{field.name:{width}}" for field, width in zip(fields(Row), headings, strict=False)))
    rows = []
    for name in arguments.names or SUITES:
        for cell in SUITES[name](arguments.quick):
            row = measure(cell, repeats=2 if arguments.quick else 5)
            values = list(asdict(row).values())[: len(FORMATS)]  # the device is printed once
            print(" ".join(f.format(v) for f, v in zip(FORMATS, values, strict=True)), flush=True)
            rows.append(asdict(row))
            if arguments.json:
                arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
