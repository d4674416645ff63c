"""Real score tables: the bundled panels and your own, and the audit of whether a panel covers its users.

Start with `load` and `Panel` (`table`). `coverage.coverage` measures how near a target comes to the hull of K
raters drawn at random: `prepared` factors the rows once, `fits` computes one draw, `sizes` says which K. The
audit itself is in `jaxgame.audit`. `games` makes games of a panel's models.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxgame.panel.table import BUNDLED, SENATE_MISSING, Panel, load

if TYPE_CHECKING:
    from jaxgame.audit import Audit, InputError, audit
    from jaxgame.panel.games import PanelGames

__all__ = ["BUNDLED", "SENATE_MISSING", "Audit", "InputError", "Panel", "PanelGames", "audit", "load"]


def __getattr__(name: str) -> Any:
    # Games need JAX, for which tables do not wait. The audit reads tables: it stands above this room, which
    # only tells where it is found.
    if name in __all__:
        module = "jaxgame.panel.games" if name == "PanelGames" else "jaxgame.audit"
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
