"""`jaxgame audit` and `jaxgame demo`: options in, `jaxgame.audit` does the work, the exit code out."""

import functools
import io
import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from jaxgame.audit import DEFAULT_EPSILON, InputError, audit, files, terminal
from jaxgame.audit.reading import sources
from jaxgame.cli.ending import BAD_INPUT, leave, write_out
from jaxgame.panel.table import BUNDLED

AUDIT_HELP = """Does a panel of models cover its users?

[bold]Example.[/bold] scores.csv has a row per item, a column of scores per model, and a column human_mean \
with what your users want:

    jaxgame audit scores.csv --target human_mean

It fits the best mixture of the models on two thirds of the rows and tells how far it stays from the users \
on the other third: 0 is a perfect match, 1 is no better than a constant guess. The verdict compares this \
distance with --eps. Two files are written: report.html, to read and pass on, and audit.json, for programs.

[bold]Exit code.[/bold] 0: every target is covered within --eps. 1: some is not, or it is too close to call. \
2: bad input. Others are no verdict: 70: jaxgame failed (JAXGAME_TRACEBACK=1 shows where), 130: interrupted.

[bold]Other tables.[/bold] JSON (an object a line, a list of objects, an object of columns), Parquet and \
Feather, any of them packed (.gz, .zst, .bz2, .xz), and - for standard input. Long tables, with a row per \
score: --item, --model and --score name the columns, --target a model or a column with one value an item. \
MovieLens ratings (u.data, ratings.csv): users are the models, --target is the user to be covered. Messages \
count rows from 1, below the header.

[bold]Names of columns.[/bold] Options that take several can be repeated, or take them with commas between. \
A column whose name holds a comma is named by itself: --models "a, large" --models b,c.

[bold]Evaluation logs[/bold] of Inspect, the lm-evaluation-harness, RewardBench, MT-Bench, Every Eval Ever, \
as they are: files or a folder. --target names a model, a judge or a metric, --score the metric that counts.
"""

# Options by the heading that the help shows them under.
_ask = functools.partial(typer.Option, rich_help_panel="The question")
_read = functools.partial(typer.Option, rich_help_panel="Reading the table")
_trust = functools.partial(typer.Option, rich_help_panel="How far to trust the answer")
_write = functools.partial(typer.Option, rich_help_panel="Output")


# What `audit` can be told, in the order of its help.
Table = Annotated[
    list[str],
    typer.Argument(
        metavar="TABLE",
        show_default=False,
        help="CSV, JSON or Parquet file, packed or not; - for standard input; evaluation logs, files or a "
        "folder; or a bundled panel: " + ", ".join(BUNDLED) + ".",
    ),
]
Target = Annotated[
    list[str] | None,
    _ask(
        "--target",
        "-t",
        metavar="COLUMN,...",
        show_default=False,
        help="Column with what users want; several for several groups of users.",
    ),
]
Eps = Annotated[
    float,
    _ask(
        "--eps",
        metavar="DISTANCE",
        help="Largest distance that counts as covered: root mean square on held-out rows, in standard "
        "deviations of the target.",
    ),
]
Hull = Annotated[
    str,
    _ask(
        metavar="cone|simplex",
        help="Mixtures the verdict allows: cone (weights of at least 0, whatever the models' scales) "
        "or simplex (that also sum to 1). Both are reported.",
    ),
]
Range = Annotated[
    str | None,
    _ask(
        "--range",
        metavar="LOW,HIGH",
        show_default=False,
        help="The lowest and the highest rating a user may give, for what average errors promise her. "
        "Default: as seen in the rows.",
    ),
]
Robust = Annotated[
    bool,
    _ask(
        "--robust",
        help="How many models may fail, or be bribed, before the panel as reviewers lets an agent harm the "
        "target that chooses among the rows of a group? Needs --group.",
    ),
]
Models = Annotated[
    list[str] | None,
    _ask(
        metavar="COLUMN,...",
        show_default=False,
        help="The panel's columns. Default: all other columns of numbers but those that hold no scores "
        "(indices, ids, times, counters), which the report names.",
    ),
]
Candidate = Annotated[
    list[str] | None,
    _ask(
        metavar="COLUMN,...",
        show_default=False,
        help="A model not yet in the panel: what would adding it give?",
    ),
]
Reverse = Annotated[
    list[str] | None,
    _ask(
        metavar="COLUMN,...",
        show_default=False,
        help="Columns where less is better (errors, perplexity): they are negated.",
    ),
]
Item = Annotated[
    list[str] | None,
    _read(
        metavar="COLUMN,...",
        show_default=False,
        help="Column that names the items, or several that do so together (needed for long tables).",
    ),
]
Model = Annotated[
    str | None, _read(metavar="COLUMN", show_default=False, help="Long tables: column that names the models.")
]
Score = Annotated[
    str | None, _read(metavar="COLUMN", show_default=False, help="Long tables: column with the scores.")
]
Split = Annotated[
    str | None,
    _read(
        metavar="COLUMN",
        show_default=False,
        help="Column with 'train' and 'test'. Default: two thirds of the rows at random are train.",
    ),
]
Group = Annotated[
    str | None,
    _read(
        metavar="COLUMN",
        show_default=False,
        help="Column whose equal cells mark rows that belong together (one scene, one text): they are split "
        "and resampled together. Default: each row is by itself.",
    ),
]
Separator = Annotated[
    str | None,
    _read(metavar="CHARACTER", show_default=False, help="What separates columns. Default: found out."),
]
Scale = Annotated[
    str,
    _read(
        metavar="auto|raw|standard",
        help="raw; standard: standardise columns on train rows; auto: standard if spreads differ 4-fold.",
    ),
]
Missing = Annotated[
    str,
    _read(
        metavar="auto|complete|fill",
        help="Missing scores: complete (only rows without any), fill (from the models that scored the "
        "item), auto (complete if that keeps 80% of the rows).",
    ),
]
Bootstrap = Annotated[int, _trust(metavar="NUMBER", help="Refits to resampled rows, for the intervals.")]
Shuffles = Annotated[int, _trust(metavar="NUMBER", help="Refits to shuffled targets, for what chance does.")]
Splits = Annotated[int, _trust(metavar="NUMBER", help="Refits to other random train rows.")]
Confidence = Annotated[float, _trust(metavar="SHARE", help="Of the intervals.")]
MinScored = Annotated[
    int,
    _read(metavar="NUMBER", help="Sparse tables: leave out models with fewer scores on the target's rows."),
]
MaxModels = Annotated[
    int, _read(metavar="NUMBER", help="Keep at most so many models, those that scored most of the rows.")
]
Seed = Annotated[
    int, _trust(metavar="NUMBER", help="Of all random choices; the same seed gives the same report.")
]
Out = Annotated[
    Path | None,
    _write(
        metavar="DIRECTORY",
        show_default=False,
        help="Directory for report.html and audit.json. Default: audit-NAME here.",
    ),
]
Quiet = Annotated[bool, _write("--quiet", "-q", help="Print the verdicts only.")]


def audit_command(
    table: Table,
    target: Target = None,
    eps: Eps = DEFAULT_EPSILON,
    hull: Hull = "cone",
    scale_ends: Range = None,
    robust: Robust = False,
    models: Models = None,
    candidate: Candidate = None,
    reverse: Reverse = None,
    item: Item = None,
    model: Model = None,
    score: Score = None,
    split: Split = None,
    group: Group = None,
    separator: Separator = None,
    scale: Scale = "auto",
    missing: Missing = "auto",
    bootstrap: Bootstrap = 200,
    shuffles: Shuffles = 99,
    splits: Splits = 10,
    confidence: Confidence = 0.95,
    min_scored: MinScored = 10,
    max_models: MaxModels = 300,
    seed: Seed = 0,
    out: Out = None,
    quiet: Quiet = False,
) -> None:
    """Audit a table: the help is `AUDIT_HELP`, for it holds an example."""
    run_audit(
        table,
        out or directory_for(table),
        quiet,
        target=target,
        epsilon=eps,
        hull=hull,
        models=models or None,
        candidates=candidate or (),
        reverse=reverse or (),
        item=item or None,
        model=model,
        score=score,
        split=split,
        group=group,
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
        range=_scale(scale_ends),
        robust=robust,
    )


def demo_command(
    out: Annotated[Path, typer.Option(help="Directory for report.html and audit.json.")] = Path("audit-demo"),
    bootstrap: Annotated[int, typer.Option(help="Refits to resampled rows, for the intervals.")] = 200,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdicts only.")] = False,
) -> None:
    """Audit a bundled panel: 86 language models and a human reference on 684 questions about feelings.

    Rows of one scene are split and resampled together. The models do not cover the reference: exit code 1.
    """
    run_audit(["eqbench"], out, quiet, target=["human_reference"], bootstrap=bootstrap)


def directory_for(tables: list[str]) -> Path:
    """Where the report of `tables` goes if nobody says: in the working directory.

    Named after the file, or the folder of several, also if they are a pattern.
    """
    one = len(tables) == 1 and "*" not in tables[0]
    name = sources.bare(Path(tables[0])).stem if one else Path(tables[0]).absolute().parent.name
    name = "stdin" if tables == [sources.STANDARD_INPUT] else name
    return Path("audit-" + (re.sub(r"[^\w.-]+", "_", name) or "table"))


def run_audit(tables: list[str], out: Path, quiet: bool, **options: object) -> NoReturn:
    """Audit `tables`, write the files into `out`, print what was found, and exit with the verdict's code."""
    try:
        files.check_writable(out)
        table = tables[0] if len(tables) == 1 else tables
        found = audit(table, progress=sys.stderr.isatty() and not quiet, **options)  # type: ignore[arg-type]
    except InputError as error:
        leave(str(error), BAD_INPUT)
    try:
        paths = files.write(found, out)
    except OSError as error:
        leave(f"{error.filename or out}: cannot be written ({error.strerror or error})", BAD_INPUT)
    # Into a string: what happens where it is written is for `write_out` to say, not for rich.
    text = io.StringIO()
    console = Console(file=text, highlight=False, force_terminal=bool(sys.stdout and sys.stdout.isatty()))
    terminal.show(found, console, quiet=quiet)
    for path in paths:
        console.print(f"[dim]{path}[/dim]", soft_wrap=True)
    write_out(text.getvalue())
    raise typer.Exit(found.exit_code)


def _scale(text: str | None) -> list[float] | None:
    """The two numbers of --range."""
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        leave(f"--range is {text!r}; it must be two numbers with a comma between them, as 0,10", BAD_INPUT)
    return [low, high]
