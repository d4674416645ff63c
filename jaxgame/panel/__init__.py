"""Real score tables: the bundled panels and your own, and the audit of whether a panel covers its users."""

from jaxgame.panel.table import BUNDLED, SENATE_MISSING, Panel, load

# After the table: the audit's modules take Panel from it.
from jaxgame.audit import Audit, InputError, audit  # isort: skip

__all__ = ["BUNDLED", "SENATE_MISSING", "Audit", "InputError", "Panel", "audit", "load"]
