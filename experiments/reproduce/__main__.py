"""Check every claim, write one page: `python -m experiments.reproduce [scale=quick|full] [directory=PATH]`.

Runs hull coverage, a real panel, and the paper's three settings with one message and with several, each by
the command that the page prints beside its figure. `index.html` needs no network. Quick is a few minutes on
two cores; full is 100 times the draws, meant for a GPU. Finished runs are found again: to start anew, remove
the directory.
"""

import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from rich.console import Console

from experiments.common.claims import Claim, Finding
from experiments.common.registry import registered
from jaxgame.runs.files import write_whole

SCALES = ("quick", "full")

# Compiling, on one core, is most of a quick run's time: two at once.
AT_ONCE = 2


@dataclass(frozen=True)
class Item:
    """One claim on the page."""

    claim: Claim
    found: Finding
    command: str
    picture: str
    seconds: str
    replays: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.found.violations:
            return "violated"
        if self.found.undecided:
            return "undecided"
        return "holds" if self.found.theorem else "measured"

    @property
    def mark(self) -> str:
        """The class of the verdict's style."""
        return {"violated": "no", "undecided": "open"}.get(self.verdict, "yes")

    @property
    def slack(self) -> str:
        """The smallest slack, in utility units."""
        return "" if self.found.slack is None else f"{self.found.slack:.2g}"


def main(arguments: list[str]) -> int:
    """Parse, run, check, write; 0 if all claims hold but the false one, 1 if not, 2 for bad input."""
    try:
        scale, directory = _parse(arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(stderr=True, highlight=False)
    start = time.perf_counter()
    shown = claims()
    runs = [claim for claim in shown if claim.run is None]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda claim: _run(console, claim, scale, directory), runs))
    if not all(done):
        return 1
    items = [_item(claim, scale, directory) for claim in shown]
    page = directory / "index.html"
    write_whole(page, lambda path: path.write_text(_render(items, scale, directory, start)))
    for item in items:
        console.print(f"{item.claim.title}: {item.verdict} ({item.found.checked:,} {item.found.unit})")
    console.print(f"the page is {page}")
    expected = all(bool(item.found.violations) == bool(item.claim.run) for item in items)
    return 0 if expected else 1


def claims() -> list[Claim]:
    """The claims of all experiments in the order of the page."""
    return sorted(
        (claim for known in registered().values() for claim in known.claims), key=lambda claim: claim.place
    )


def command(claim: Claim, scale: str, directory: Path) -> list[str]:
    """What computes a claim's run."""
    return [
        "python", "-m", "experiments", *claim.overrides(scale), f"run.directory={directory / claim.name}",
    ]  # fmt: skip


def replay_command(run: Path, row: Mapping[str, Any]) -> str:
    """What shows one row of a run."""
    choice = [f"{name}={value}" for name, value in row.items()]
    return shlex.join(["python", "-m", "experiments.replay", f"run={run}", *choice])


def _parse(arguments: list[str]) -> tuple[str, Path]:
    given = dict(argument.partition("=")[::2] for argument in arguments)
    unknown = set(given) - {"scale", "directory"}
    if unknown:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; usage: {_usage()}")
    scale = given.get("scale", "quick")
    if scale not in SCALES:
        raise ValueError(f"scale is {scale!r}; it must be one of {', '.join(SCALES)}; usage: {_usage()}")
    return scale, Path(given.get("directory") or "outputs/reproduce")


def _usage() -> str:
    return "python -m experiments.reproduce [scale=quick|full] [directory=PATH]"


def _run(console: Console, claim: Claim, scale: str, directory: Path) -> bool:
    words = command(claim, scale, directory)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        console.print(
            f"[bold]{claim.name} failed[/bold] after {seconds:.0f} s: {shlex.join(words)}\n{done.stderr}"
        )
    else:
        console.print(f"{claim.name}: done in {seconds:.0f} s")
    return done.returncode == 0


def _item(claim: Claim, scale: str, directory: Path) -> Item:
    run = directory / (claim.run or claim.name)
    found = claim.find(run)
    manifest = json.loads((run / "manifest.json").read_text())
    picture = b"" if claim.run else (run / "figure.png").read_bytes()
    return Item(
        claim=claim,
        found=found,
        command=shlex.join(command(claim, scale, directory)),
        picture=base64.b64encode(picture).decode(),
        seconds="" if claim.run else f"{manifest['compile_seconds'] + manifest['compute_seconds']:.0f}",
        replays=tuple(replay_command(run, row) for row in found.replays),
    )


def _render(items: list[Item], scale: str, directory: Path, start: float) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    manifest = json.loads((directory / items[0].claim.name / "manifest.json").read_text())
    return environment.get_template("page.html").render(
        items=items,
        scale=scale,
        seconds=f"{time.perf_counter() - start:.0f}",
        device=f"{manifest['devices']} x {manifest['device']}",
        version=manifest["versions"]["jaxgame"],
        jax=manifest["versions"]["jax"],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
