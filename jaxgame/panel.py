"""Real score tables: the bundled panels and your own, and the audit of whether a panel covers its users."""

from jaxgame.audit import Audit, InputError, audit
from jaxgame.panel_table import BUNDLED, SENATE_MISSING, Panel, load

__all__ = ["BUNDLED", "SENATE_MISSING", "Audit", "InputError", "Panel", "audit", "load"]
