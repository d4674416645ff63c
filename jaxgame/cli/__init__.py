"""The `jaxgame` command: one module for each of its commands, and here what they are called."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

import jaxgame
from jaxgame.cli.audit import AUDIT_HELP, audit_command, demo_command
from jaxgame.cli.elicit import ELICIT_HELP, elicit_command
from jaxgame.cli.ending import in_one_line
from jaxgame.cli.verify import VERIFY_HELP, verify_command

# What else there is, by question; the commands stand above it under theirs.
ELSEWHERE = """[bold]What is the competition in my game worth?[/bold] In Python: import jaxgame as jg; \
jg.selection.worst_equilibrium(game), jg.competition.worst_equilibrium(game).

[bold]And in thousands of random games, or as models grow in number?[/bold] In a checkout or the unpacked \
source archive: python -m experiments experiment=NAME (--help lists them), python -m experiments.collect, \
python -m experiments.replay.

[bold]Do the theorems hold?[/bold] There, too: python -m experiments.reproduce.
"""

app = typer.Typer(
    name="jaxgame",
    help="What competition between AI models is worth to the person they advise.",
    epilog=ELSEWHERE,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _add(name: str, command: Callable[..., Any], question: str, text: str | None = None) -> None:
    app.command(name, help=text, rich_help_panel=question)(in_one_line(command))


_add("audit", audit_command, "Does my panel of models cover my users?", AUDIT_HELP)
_add("demo", demo_command, "Does my panel of models cover my users?")
_add("elicit", elicit_command, "What do models think of my items?", ELICIT_HELP)
_add("verify", verify_command, "Is this proof right?", VERIFY_HELP)


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
