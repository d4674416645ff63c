"""Check the claims, write one page: `python -m experiments.reproduce [scale=quick|full] [directory=PATH]`.

Makes each run of the page, by the command that the page prints beside its figures, and looks in its tables
for games that violate a claim. `index.html` needs no network. Quick is a few minutes on two cores; full is
100 times the draws, and runs that compile for minutes, meant for a GPU. Finished runs are found again: to
start anew, remove the directory.
"""

import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from rich.console import Console

from experiments.common.claims import CONTROL, Claim, Finding, Run
from experiments.common.registry import registered
from experiments.reproduce.proofs import Proved, proofs
from jaxgame.runs.files import write_whole

SCALES = ("quick", "full")

# Of the games of a claim so many may have brackets that are too wide to decide it.
MOST_UNDECIDED = 0.01

# Compiling, on one core, is most of a quick run's time: two at once.
AT_ONCE = 2


@dataclass(frozen=True)
class Checked:
    """A claim with what was found of it, and the commands that show what violates it."""

    claim: Claim
    found: Finding
    replays: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.claim.whose == CONTROL:
            return "fails, as it should" if self.found.violations else "NOT REFUTED"
        if self.found.violations:
            return "violated"
        # Few games whose brackets are wide say nothing against a claim; all are counted.
        if self.found.undecided > MOST_UNDECIDED * self.found.checked or not self.found.checked:
            return "undecided"
        return "holds" if self.found.theorem else "measured"

    @property
    def expected(self) -> bool:
        """Whether the page may be shown as a success."""
        return self.verdict in ("holds", "measured", "fails, as it should")


@dataclass(frozen=True)
class Section:
    """A run on the page: its command, its pictures (heading, PNG in base64), and its claims."""

    run: Run
    command: str
    seconds: float
    pictures: tuple[tuple[str, str], ...]
    claims: tuple[Checked, ...]


def main(arguments: list[str]) -> int:
    """Parse, run, check, write; 0 if all claims hold and no control does, 1 if not, 2 for bad input."""
    try:
        scale, directory = _parse(arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(stderr=True, highlight=False)
    progress = _Progress(console, runs(scale))
    if not all(progress.map(lambda run: _made(console, run, scale, directory))):
        return 1
    sections = [_section(run, scale, directory) for run in runs(scale)]
    proved = proofs(directory)
    page = directory / "index.html"
    text = _render(sections, proved, scale, directory, progress.elapsed())
    write_whole(page, lambda path: path.write_text(text, "utf-8"))
    checks = [check for section in sections for check in section.claims]
    for check in checks:
        console.print(f"{check.claim.title}: {check.verdict} ({check.found.checked:,} {check.found.unit})")
    console.print(f"the page is {page}")
    return 0 if all(check.expected for check in checks) and all(proof.proved for proof in proved) else 1


def runs(scale: str = SCALES[0]) -> list[Run]:
    """The runs of all experiments at a scale, in the order of the page."""
    known = (run for known in registered().values() for run in known.page)
    return sorted((run for run in known if run.quick or scale == "full"), key=lambda run: run.place)


def command(run: Run, scale: str, directory: Path) -> list[str]:
    """What computes a run of the page."""
    return ["python", "-m", "experiments", *run.overrides(scale), f"run.directory={directory / run.name}"]


def replay_command(run: Path, row: Mapping[str, Any]) -> str:
    """What shows one row of a run."""
    choice = [f"{name}={value}" for name, value in row.items()]
    return shlex.join(["python", "-m", "experiments.replay", f"run={run}", *choice])


class _Progress:
    """Runs side by side, with a line as each ends: how many are left, and for how long at this pace."""

    def __init__(self, console: Console, shown: list[Run]):
        self.console, self.shown, self.done = console, shown, 0.0
        self.start = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    def map(self, made: Callable[[Run], bool]) -> list[bool]:
        """What `made` says of each run. The longest start first, so that none is left alone at the end."""
        self.console.print(f"{len(self.shown)} runs, {AT_ONCE} at a time")
        longest = sorted(self.shown, key=lambda run: -run.seconds)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = {pool.submit(made, run): run for run in longest}
            return [self._ended(jobs[job], job.result(), n) for n, job in enumerate(as_completed(jobs), 1)]

    def _ended(self, run: Run, well: bool, count: int) -> bool:
        self.done += run.seconds
        left = self.elapsed() * (sum(run.seconds for run in self.shown) / self.done - 1)
        rest = f", about {left:.0f} s left" if count < len(self.shown) else ""
        word = "done" if well else "failed"
        self.console.print(f"{count}/{len(self.shown)} {run.name} {word} after {self.elapsed():.0f} s{rest}")
        return well


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


def _made(console: Console, run: Run, scale: str, directory: Path) -> bool:
    words = command(run, scale, directory)
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        console.print(f"[bold]{run.name} failed[/bold]: {shlex.join(words)}\n{done.stderr}")
    return done.returncode == 0


def _section(run: Run, scale: str, directory: Path) -> Section:
    place = directory / run.name
    manifest = json.loads((place / "manifest.json").read_text("utf-8"))
    return Section(
        run=run,
        command=shlex.join(command(run, scale, directory)),
        seconds=manifest["compile_seconds"] + manifest["compute_seconds"],
        pictures=tuple(
            (heading, base64.b64encode((place / f"{name}.png").read_bytes()).decode())
            for name, heading in run.pictures.items()
        ),
        claims=tuple(_checked(claim, place / claim.folder) for claim in run.claims),
    )


def _checked(claim: Claim, place: Path) -> Checked:
    found = claim.find(place)
    return Checked(claim, found, tuple(replay_command(place, row) for row in found.replays))


def _render(
    sections: list[Section], proved: list[Proved], scale: str, directory: Path, seconds: float
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    manifest = json.loads((directory / sections[0].run.name / "manifest.json").read_text("utf-8"))
    checks = [check for section in sections for check in section.claims]
    theorems = [check for check in checks if check.found.theorem and check.claim.whose != CONTROL]
    games = [check for check in theorems if check.found.inside is not None]
    return environment.get_template("page.html").render(
        sections=sections,
        proofs=proved,
        controls=[check for check in checks if check.claim.whose == CONTROL],
        statements=len(theorems),
        checked=sum(check.found.checked for check in games),
        inside=sum(check.found.inside or 0 for check in games),
        violations=sum(check.found.violations for check in theorems),
        undecided=sum(check.found.undecided for check in theorems),
        scale=scale,
        left=[run.title for run in runs("full") if not run.quick and scale != "full"],
        seconds=f"{seconds:.0f}",
        device=f"{manifest['devices']} x {manifest['device']}",
        version=manifest["versions"]["jaxgame"],
        jax=manifest["versions"]["jax"],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
