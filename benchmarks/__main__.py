"""Time the library against the peers a user would reach for, and print one table.

A row: problems per second of ours (all devices of this process, float64, compiled beforehand) and of
the peer (one process, one problem after the other), medians of repeats in turns; their ratio; the largest
difference between the two answers.
"""

import argparse
import importlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import jax

from benchmarks.timing import Row, device, measure
from jaxgame.runs.chunking import host_cores

WIDTHS = ("<18", "<14", ">12", "<24", ">12", ">8", ">14", ">11", "")
SUITES = (
    "lp",
    "hull",
    "coalition",
    "leader",
    "selection",
    "score",
    "proofs",
    "menus",
    "learning",
    "users",
    "competition",
    "conversation",
    "scaling",
    "audit",
    "elicit",
    "cold",
)  # modules of this package with `cells(quick)`
FORMATS = (
    "{:<16}",
    "{:<14}",
    "{:>12}",
    "{:<24}",
    "{:>12}",
    "{:>8.2f}",
    "{:>14.1e}",
    "{:>11.1%}",
    "{}",
)


def main() -> None:
    """Parse the command line, measure, print, save."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"suites to run: {', '.join(SUITES)} (all)")
    parser.add_argument("--quick", action="store_true", help="few problems and repeats: does it run at all?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write rows there, figures beside")
    parser.add_argument("--devices", type=int, metavar="N", help="virtual CPU devices of ours (one per core)")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in SUITES:
            parser.error(f"there is no suite {name!r}; choose from {', '.join(SUITES)}")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", arguments.devices or host_cores())

    print(f"{device()}, JAX {jax.__version__}")
    print(" ".join(f"{field.name:{w}}" for field, w in zip(fields(Row), WIDTHS, strict=False)))
    rows: list[Row] = []
    for name in arguments.names or SUITES:
        # Imported now: some peers start JAX's devices when they are imported.
        suite = importlib.import_module(f"benchmarks.{name}")
        measured = []
        for cell in suite.cells(arguments.quick):
            row = measure(cell, repeats=2 if arguments.quick else 5)
            print(_line(row), flush=True)
            measured.append(row)
            if arguments.json:
                arguments.json.parent.mkdir(parents=True, exist_ok=True)
                done = [asdict(row) for row in rows + measured]
                arguments.json.write_text(json.dumps(done, indent=2) + "\n", "utf-8")
        if arguments.json and hasattr(suite, "figure"):
            directory = arguments.json.parent / name
            directory.mkdir(exist_ok=True)
            suite.figure(measured, directory)
        rows += measured


def _line(row: Row) -> str:
    shown = replace(row, ours_per_s=_rate(row.ours_per_s), peer_per_s=_rate(row.peer_per_s))  # type: ignore[arg-type]
    values = list(asdict(shown).values())[: len(FORMATS)]  # the device is printed once
    return " ".join(form.format(value) for form, value in zip(FORMATS, values, strict=True))


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 1000 else f"{per_second:,.3g}"


if __name__ == "__main__":
    main()
