"""The `jaxgame` command."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

import jaxgame
from jaxgame.audit import DEFAULT_EPSILON, Audit, InputError, audit
from jaxgame.runs.files import write_whole

app = typer.Typer(
    name="jaxgame",
    help="What competition between AI models is worth to the person they advise.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

EXAMPLES = """
[bold]Example.[/bold] scores.csv has a row per item, a column of scores per model, and a column human_mean \
with what your users want:

    jaxgame audit scores.csv --target human_mean

It fits the best mixture of the models on two thirds of the rows and tells how far it stays from the users \
on the other third: 0 is a perfect match, 1 is no better than a constant guess. The verdict compares this \
distance with --eps. Two files are written: report.html, to read and pass on, and audit.json, for programs.

[bold]Exit code.[/bold] 0: every target is covered within --eps. 1: some is not, or it is too close to call. \
2: bad input.

[bold]Other tables.[/bold] Long ones, with a row per score: --item, --model and --score name the columns, \
--target a model. MovieLens ratings (u.data, ratings.csv): users are the models, --target is the user to be \
covered. Messages count rows from 1, below the header.
"""

ASK, READ, TRUST, WRITE = "The question", "Reading the table", "How far to trust the answer", "Output"


def main() -> None:
    """The console script."""
    app()


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"jaxgame {jaxgame.__version__}")
        raise typer.Exit()


@app.command("audit", help="Does a panel of models cover its users?\n" + EXAMPLES)
def _audit(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="CSV or Parquet file, or a bundled panel: snippets, senate.",
            show_default=False,
        ),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            help="Column with what users want; repeat for several groups of users.",
            show_default=False,
            rich_help_panel=ASK,
            metavar="COLUMN",
        ),
    ] = None,
    eps: Annotated[
        float,
        typer.Option(
            "--eps",
            help="Largest distance that counts as covered: root mean square on held-out rows, in standard "
            "deviations of the target.",
            rich_help_panel=ASK,
            metavar="DISTANCE",
        ),
    ] = DEFAULT_EPSILON,
    hull: Annotated[
        str,
        typer.Option(
            help="Mixtures the verdict allows: cone (weights of at least 0, whatever the models' scales) "
            "or simplex (that also sum to 1). Both are reported.",
            rich_help_panel=ASK,
            metavar="cone|simplex",
        ),
    ] = "cone",
    models: Annotated[
        str | None,
        typer.Option(
            help="The panel's columns, separated by commas. Default: all other columns of numbers.",
            show_default=False,
            rich_help_panel=ASK,
            metavar="COLUMN,...",
        ),
    ] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(
            help="A model not yet in the panel: what would adding it give? Repeat for several.",
            show_default=False,
            rich_help_panel=ASK,
            metavar="COLUMN",
        ),
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(
            help="Column that names the items (needed for long tables).",
            show_default=False,
            rich_help_panel=READ,
            metavar="COLUMN",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Long tables: column that names the models.",
            show_default=False,
            rich_help_panel=READ,
            metavar="COLUMN",
        ),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(
            help="Long tables: column with the scores.",
            show_default=False,
            rich_help_panel=READ,
            metavar="COLUMN",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Column with 'train' and 'test'. Default: two thirds of the rows at random are train.",
            show_default=False,
            rich_help_panel=READ,
            metavar="COLUMN",
        ),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(
            help="What separates columns. Default: found out.",
            show_default=False,
            rich_help_panel=READ,
            metavar="CHARACTER",
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            help="raw; standard: standardise columns on train rows; auto: standard if spreads differ 4-fold.",
            rich_help_panel=READ,
            metavar="auto|raw|standard",
        ),
    ] = "auto",
    missing: Annotated[
        str,
        typer.Option(
            help="Missing scores: complete (only rows without any), fill (from the models that scored the "
            "item), auto (complete if that keeps 80% of the rows).",
            rich_help_panel=READ,
            metavar="auto|complete|fill",
        ),
    ] = "auto",
    bootstrap: Annotated[
        int,
        typer.Option(
            help="Refits to resampled rows, for the intervals.", rich_help_panel=TRUST, metavar="NUMBER"
        ),
    ] = 200,
    shuffles: Annotated[
        int,
        typer.Option(
            help="Refits to shuffled targets, for what chance does.", rich_help_panel=TRUST, metavar="NUMBER"
        ),
    ] = 99,
    splits: Annotated[
        int, typer.Option(help="Refits to other random train rows.", rich_help_panel=TRUST, metavar="NUMBER")
    ] = 10,
    confidence: Annotated[
        float, typer.Option(help="Of the intervals.", rich_help_panel=TRUST, metavar="SHARE")
    ] = 0.95,
    min_scored: Annotated[
        int,
        typer.Option(
            help="Sparse tables: leave out models with fewer scores on the target's rows.",
            rich_help_panel=READ,
            metavar="NUMBER",
        ),
    ] = 10,
    max_models: Annotated[
        int,
        typer.Option(
            help="Keep at most so many models, those that scored most of the rows.",
            rich_help_panel=READ,
            metavar="NUMBER",
        ),
    ] = 300,
    seed: Annotated[
        int,
        typer.Option(
            help="Of all random choices; the same seed gives the same report.",
            rich_help_panel=TRUST,
            metavar="NUMBER",
        ),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory for report.html and audit.json. Default: audit-NAME here.",
            show_default=False,
            rich_help_panel=WRITE,
            metavar="DIRECTORY",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the verdicts only.", rich_help_panel=WRITE)
    ] = False,
) -> None:
    chosen = None if models is None else [name.strip() for name in models.split(",")]
    _run(
        table,
        out or Path("audit-" + (re.sub(r"[^\w.-]+", "_", Path(table).stem) or "table")),
        quiet,
        target=target,
        epsilon=eps,
        hull=hull,
        models=chosen,
        candidates=candidate or (),
        item=item,
        model=model,
        score=score,
        split=split,
        separator=separator,
        scale=scale,
        missing=missing,
        bootstrap=bootstrap,
        shuffles=shuffles,
        splits=splits,
        confidence=confidence,
        min_scored=min_scored,
        max_models=max_models,
        seed=seed,
    )


@app.command("demo")
def _demo(
    out: Annotated[Path, typer.Option(help="Directory for report.html and audit.json.")] = Path("audit-demo"),
    bootstrap: Annotated[int, typer.Option(help="Refits to resampled rows, for the intervals.")] = 200,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdicts only.")] = False,
) -> None:
    """Audit the bundled panel: 104 AI raters of 10,605 film-review snippets against people's mean rating.

    They do not cover it, so the exit code is 1.
    """
    _run("snippets", out, quiet, target=["human_mean"], bootstrap=bootstrap)


def _run(table: str, out: Path, quiet: bool, **options: object) -> NoReturn:
    try:
        _writable(out)
        found = audit(table, progress=sys.stderr.isatty() and not quiet, **options)  # type: ignore[arg-type]
        paths = write(found, out)
    except InputError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename or out}: cannot be written ({error.strerror or error})")
    from jaxgame.audit import terminal

    console = Console(highlight=False)
    terminal.show(found, console, quiet=quiet)
    for path in paths:
        console.print(f"[dim]{path}[/dim]", soft_wrap=True)
    raise typer.Exit(found.exit_code)


def write(found: Audit, directory: Path) -> list[Path]:
    """Write `report.html` and `audit.json` of an audit; returns their paths."""
    from jaxgame.audit import report  # matplotlib, not needed to refuse a table

    directory.mkdir(parents=True, exist_ok=True)
    page = report.html(found)
    data = json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n"
    return [
        write_whole(directory / "report.html", lambda path: path.write_text(page, encoding="utf-8")),
        write_whole(directory / "audit.json", lambda path: path.write_text(data, encoding="utf-8")),
    ]


def _writable(directory: Path) -> None:
    """Raise InputError before anything is computed if the results could not be written."""
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"{existing}: is a file; --out must be a directory")
    if not os.access(existing, os.W_OK):
        raise InputError(f"{existing}: no permission to write; choose another --out")


def _refuse(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"jaxgame: error: {line}", file=sys.stderr)
    raise typer.Exit(2)


if __name__ == "__main__":
    main()
