"""Real score tables: the bundled panels and your own, and the audit of whether a panel covers its users.

Start with `load` and `Panel` (`table`). `coverage.coverage` measures how near a target comes to the hull of K
raters drawn at random: `prepared` factors the rows once, `fits` computes one draw, `sizes` says which K. The
audit itself is in `jaxgame.audit`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxgame.panel.table import BUNDLED, SENATE_MISSING, Panel, load

if TYPE_CHECKING:
    from jaxgame.audit import Audit, InputError, audit

__all__ = ["BUNDLED", "SENATE_MISSING", "Audit", "InputError", "Panel", "audit", "load"]


def __getattr__(name: str) -> Any:
    # The audit reads tables: it stands above this room, which only tells where it is found.
    if name in __all__:
        return getattr(importlib.import_module("jaxgame.audit"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
