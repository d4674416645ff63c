"""A proof as plain data, and its file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jaxgame import verify
from jaxgame.proof.numbers import exact, from_texts, to_json


@dataclass(frozen=True)
class Proof:
    """A proof that `jaxgame.verify` rechecks: plain data, exact; `save` and `load` lose nothing.

    `document` is what its file holds: texts, lists, dictionaries, and Fractions for numbers. Its `kind` says
    what is proved, `proof.schema.json` what belongs to it.
    """

    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """What is proved."""
        return self.document["kind"]

    @property
    def value(self) -> Fraction:
        """The number that is proved to be a bound."""
        return self.document["value"]

    def is_about(self, game: Any) -> bool:
        """Whether it is about this `game`, number by number."""
        return self.document.get("game") == {
            name: exact(getattr(game, name)) for name in ("prior", "follower", "leaders")
        }

    def check(self) -> verify.Verdict:
        """The verdict of `jaxgame.verify`."""
        return verify.check_document(self.document)

    def save(self, path: str | Path) -> Path:
        """Write the file `path`, JSON with exact decimals. Raises OSError."""
        path = Path(path)
        path.write_text(to_json(self.document) + "\n", "utf-8")
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Proof":
        """The proof in the file `path`, unchecked. Raises OSError, and `verify.NotAProof` if it is none."""
        document = from_texts(verify.read(path))
        if not isinstance(document, dict) or document.get("kind") not in verify.KINDS:
            raise verify.NotAProof(f"{path} is no proof: it has no kind that is known")
        return cls(document)
