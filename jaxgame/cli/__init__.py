"""The `jaxgame` command: one module for each of its commands, and here what they are called."""

from typing import Annotated

import typer

import jaxgame
from jaxgame.cli.audit import AUDIT_HELP, audit_command, demo_command
from jaxgame.cli.elicit import ELICIT_HELP, elicit_command
from jaxgame.cli.ending import in_one_line
from jaxgame.cli.verify import VERIFY_HELP, verify_command

app = typer.Typer(
    name="jaxgame",
    help="What competition between AI models is worth to the person they advise.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("audit", help=AUDIT_HELP)(in_one_line(audit_command))
app.command("demo")(in_one_line(demo_command))
app.command("elicit", help=ELICIT_HELP)(in_one_line(elicit_command))
app.command("verify", help=VERIFY_HELP)(in_one_line(verify_command))


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
