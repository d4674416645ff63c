"""Scores of items by real models under many personas: the table that an audit reads.

Start with `run.elicit`. `config` reads a YAML file of models and personas, whose shape is `settings`; `items`
reads the items, `movielens` those of a folder of MovieLens files. `questions` says what is asked of whom,
`reply` which number a reply holds, `ask` asks (with Inspect), `answers` keeps every answer the moment it
comes, `cost` counts tokens and money, `table` makes the table and its note, `logs` conversations to read.
`configs` holds ready-made files.

Asking needs the extra: pip install 'jaxgame[elicit]'.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxgame.elicit.extra import extra

if TYPE_CHECKING:
    from jaxgame.elicit.config import example
    from jaxgame.elicit.cost import Cost
    from jaxgame.elicit.run import Elicited, elicit, estimate

# For how many seconds a question is repeated while its server is down or busy, unless somebody says so.
PATIENCE = 600.0

_MODULES = {"Cost": "cost", "Elicited": "run", "elicit": "run", "estimate": "run", "example": "config"}

__all__ = ["PATIENCE", "Cost", "Elicited", "elicit", "estimate", "example"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with extra():
        return getattr(importlib.import_module(f"jaxgame.elicit.{_MODULES[name]}"), name)
