"""`jaxgame elicit`: options in, `jaxgame.elicit` asks, and what it came to is printed."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from jaxgame import elicit
from jaxgame.audit import InputError
from jaxgame.audit.files import check_writable
from jaxgame.cli.audit import directory_for, run_audit
from jaxgame.cli.ending import BAD_INPUT, leave
from jaxgame.runs.files import said_by_disk

if TYPE_CHECKING:
    from jaxgame.elicit import Cost, Elicited

ELICIT_HELP = """Ask models, as many personas, to score items that people have scored.

[bold]Example.[/bold] scenarios.csv has a row per item, with a name, a text and people's mean score:

    jaxgame elicit --example moral > models.yaml      # then write your server and columns into it
    jaxgame elicit scenarios.csv --models models.yaml --out scores.parquet --dry-run
    jaxgame elicit scenarios.csv --models models.yaml --out scores.parquet --audit

Servers speak OpenAI's chat completions (vLLM, llama.cpp, Ollama, most providers); keys come from \
environment variables that models.yaml names. Every answer is kept the moment it comes: the same command \
goes on after an interruption, and asks nothing twice.

[bold]Exit code.[/bold] 0: done (with --audit its code). 2: bad input, or a server that does not answer. \
130: interrupted.
"""

_ask = functools.partial(typer.Option, rich_help_panel="Asking")
_audit = functools.partial(typer.Option, rich_help_panel="The audit")

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="ITEMS",
        show_default=False,
        help="CSV, Parquet or JSON Lines file, or a folder of MovieLens.",
    ),
]
Models = Annotated[
    Path | None,
    _ask("--models", "-m", metavar="YAML", show_default=False, help="Models, personas, scale, columns."),
]
Out = Annotated[
    Path | None,
    _ask("--out", "-o", metavar="TABLE", show_default=False, help=".parquet or .csv; more go beside it."),
]
DryRun = Annotated[bool, _ask("--dry-run", help="Only say what would be asked, and what it would cost.")]
MaxCost = Annotated[
    float | None,
    _ask(
        metavar="MONEY",
        min=0,
        show_default=False,
        help="Refuse if the table would cost more; stop there.",
    ),
]
Patience = Annotated[
    float, _ask(metavar="SECONDS", min=0, help="How long a question is repeated while its server is down.")
]
Example = Annotated[
    str | None,
    _ask(metavar="moral|films|opinions", show_default=False, help="Print a YAML file to start from."),
]
Audit = Annotated[bool, _audit("--audit", help="Audit the table at once.")]
Target = Annotated[
    list[str] | None,
    _audit(
        "--target",
        "-t",
        metavar="COLUMN",
        show_default=False,
        help="As in the audit. Default: all of the YAML.",
    ),
]
Report = Annotated[
    Path | None,
    _audit("--report", metavar="DIRECTORY", show_default=False, help="Of the report. Default: audit-NAME."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and verdicts only.")]


def elicit_command(
    source: Source = None,
    models: Models = None,
    out: Out = None,
    dry_run: DryRun = False,
    max_cost: MaxCost = None,
    patience: Patience = elicit.PATIENCE,
    example: Example = None,
    audit: Audit = False,
    target: Target = None,
    report: Report = None,
    quiet: Quiet = False,
) -> None:
    """Ask models: the help is `ELICIT_HELP`, for it holds an example."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        if example is not None:
            print(elicit.example(example), end="")
            return
        if source is None or models is None or out is None:
            raise InputError("ITEMS, --models and --out are needed (or --example moral, to begin with)")
        if target and not audit:
            raise InputError("--target is for --audit")
        if dry_run:
            _show_costs(console, elicit.estimate(source, models, out), "would be asked")
            return
        where = report or directory_for([str(out)])
        if audit:
            check_writable(where)
        shown = sys.stderr.isatty() and not quiet
        found = elicit.elicit(source, models, out, max_cost=max_cost, patience=patience, progress=shown)
    except InputError as error:
        leave(str(error), BAD_INPUT)
    except OSError as error:
        leave(f"{error.filename or out}: cannot be written ({said_by_disk(error)})", BAD_INPUT)
    except KeyboardInterrupt:
        print("jaxgame: interrupted; answers so far are kept, the same command goes on", file=sys.stderr)
        raise typer.Exit(130) from None
    if not quiet:
        _tell(console, found)
    if audit:
        targets = target or list(found.targets)
        run_audit(
            [str(out)], where, quiet, target=targets, models=found.models, item=found.item, group=found.group
        )


def _tell(console: Console, found: "Elicited") -> None:
    """What the table is, what it took, and what is missing."""
    rows, missing = found.table.height, found.unanswered.height
    asked = rows * len(found.models) * found.note["repeats"]
    console.print(f"{rows} items, {len(found.models)} columns of scores; {found.requests} questions sent now")
    if missing:
        worst = found.unanswered.group_by("reason").len().sort("len", "reason", descending=[True, False])
        reasons = ", ".join(f"{number} {reason}" for reason, number in worst.iter_rows())
        console.print(f"{missing} of {asked} scores are missing: {reasons}")
    for name, model in found.note["models"].items():
        if len(model["served"]) > 1:
            console.print(f"model {name!r} changed on the way: {', '.join(model['served'])}")
    _show_costs(console, found.costs, "in all")
    for path in found.paths:
        console.print(f"[dim]{path}[/dim]")


def _show_costs(console: Console, costs: "Sequence[Cost]", what: str) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("model", f"requests {what}", "tokens sent", "tokens answered", "cost"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for cost in costs:
        money = "no prices" if cost.money is None else f"{cost.money:.4g}"
        table.add_row(
            cost.model, f"{cost.requests:,}", f"{cost.input_tokens:,}", f"{cost.output_tokens:,}", money
        )
    console.print(table)
