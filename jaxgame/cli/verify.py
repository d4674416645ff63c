"""`jaxgame verify`: rechecks a proof's file, and says in one sentence what it proves."""

from pathlib import Path
from typing import Annotated

import typer

from jaxgame import verify
from jaxgame.cli.ending import BAD_INPUT, leave, write_out

VERIFY_HELP = """Recheck a proof, in exact rationals.

[bold]Example.[/bold] A proof that `jaxgame.selection.prove(game).save("proof.json")` wrote:

    jaxgame verify proof.json

One sentence says what is proved, and of which game, or which line of the proof fails. Nothing that computed \
the proof is used: `python -m jaxgame.verify proof.json` does the same with the standard library alone.

[bold]Exit code.[/bold] 0: proved. 1: rejected. 2: the file is no proof, or cannot be read.
"""


def verify_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="A proof, JSON.")],
) -> None:
    """Recheck a proof: the help is `VERIFY_HELP`, for it holds an example."""
    try:
        verdict = verify.check(file)
    except verify.NotAProof as error:
        leave(str(error), BAD_INPUT)
    except OSError as error:
        leave(f"{file}: cannot be read ({error.strerror or error})", BAD_INPUT)
    write_out(verdict.sentence + "\n")
    raise typer.Exit(0 if verdict.proved else 1)
