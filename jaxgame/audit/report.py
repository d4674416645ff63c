"""The audit as one HTML page that needs nothing else: no scripts, no network, readable on a phone."""

from importlib import resources

from jinja2 import Environment, StrictUndefined

from jaxgame.audit import figures
from jaxgame.audit.result import Audit
from jaxgame.audit.words import basis, signed

# Beyond so many targets their sections start closed.
OPEN = 3


def html(found: Audit) -> str:
    """The page of the audit `found`, as the text of an HTML file; figures are embedded."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["three"] = lambda value: f"{value:.3f}"
    environment.filters["signed"] = signed
    environment.filters["basis"] = basis
    environment.filters["short"] = lambda value: f"{value:.3g}"
    template = environment.from_string((resources.files("jaxgame.audit") / "report.html").read_text("utf-8"))
    return template.render(
        audit=found,
        overview=figures.overview(found) if len(found.targets) > 1 else None,
        sections=[(target, figures.of_target(target, found)) for target in found.targets],
        unfolded=OPEN,
        css_class={"covered": "yes", "not covered": "no", "too close to call": "open"},
    )
