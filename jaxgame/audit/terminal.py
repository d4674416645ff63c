"""The audit in a terminal: the verdict first, then the tables behind it."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from jaxgame.audit.names import listed
from jaxgame.audit.result import Audit, TargetAudit
from jaxgame.audit.served import CommonReport
from jaxgame.audit.standing import Standing
from jaxgame.audit.words import basis, signed

STYLES = {"covered": "bold green", "not covered": "bold red", "too close to call": "bold yellow"}
MOST = 10  # rows of a table


def show(found: Audit, console: Console, *, quiet: bool = False) -> None:
    """Print the audit `found` on a `console`; `quiet`: one line per target, its verdict and its distance."""
    if quiet:
        for target in found.targets:
            console.print(Text(f"{target.target}: {target.verdict} ({target.distance:.3g})"), soft_wrap=True)
        return
    console.print(Text(f"Audit of {found.source}", style="bold"))
    for note in found.notes:
        _bullet(note, console)
    if len(found.targets) > 1:
        console.print(_overview(found))
    for shared in found.common:
        console.print(_common(shared))
        console.print(Text(shared.sentence))
    for target in found.targets:
        _show_target(target, found, console)
    console.print()
    console.print(Text("What the guarantee rests on, and what it does not promise", style="bold"))
    for part in found.conditions:
        _bullet(part, console)
    console.print(Text("How the verdict is reached", style="bold"))
    console.print(Text(found.rule))


def _overview(found: Audit) -> Table:
    table = _table("Groups of users", "target", "verdict", "distance", "interval", "rows")
    for target in found.targets:
        table.add_row(
            escape(target.target),
            Text(target.verdict, STYLES[target.verdict]),
            f"{target.distance:.3f}",
            f"{target.interval.lower:.3f} to {target.interval.upper:.3f}",
            f"{target.rows:,}",
        )
    return table


def _common(shared: CommonReport) -> Table:
    table = _table("One mixture for all groups", "target", "weight", "distance", "alone", "largest error")
    for group in shared.groups:
        table.add_row(
            escape(group.target),
            f"{group.weight:.3f}",
            f"{group.distance:.3f}",
            f"{group.own:.3f}",
            f"{group.largest:.3g}",
        )
    return table


def _show_target(target: TargetAudit, found: Audit, console: Console) -> None:
    console.print()
    console.print(Text(f"{target.verdict.upper()}", style=STYLES[target.verdict]), Text(target.sentence))
    for note in target.notes:
        _bullet(note, console)
    _bullet(f"{len(target.models)} model{'s'[len(target.models) == 1 :]}: {listed(target.models)}", console)
    _bullet(
        f"{target.train_rows:,} rows to fit, {target.heldout_rows:,} held out; 1 standard deviation of the "
        f"target is {target.unit:.3g}",
        console,
    )
    console.print()
    distances = _table(
        "Distance to the target (standard deviations)", "prediction", "train", "held out", "interval"
    )
    for hull in target.hulls.values():
        marked = "  (verdict)" if hull.hull == found.hull else ""
        distances.add_row(
            f"mixture, {hull.hull}{marked}",
            f"{hull.train.upper:.3f}",
            f"{hull.heldout:.3f}",
            f"{hull.interval.lower:.3f} to {hull.interval.upper:.3f}",
            style="bold" if marked else "",
        )
    for rival in target.rivals:
        name = rival.name + (f": {rival.model}" if rival.model else "")
        distances.add_row(escape(name), f"{rival.train:.3f}", f"{rival.heldout:.3f}", "")
    null = target.null
    distances.add_row(
        f"shuffled target (median of {null.shuffles})", "", f"{null.median:.3f}", f"p = {null.p_value:.2g}"
    )
    console.print(distances)
    console.print()
    _show_promises(target, console)
    hull = target.hulls[found.hull]
    weights = _table(
        f"Weights ({hull.hull}, {len(hull.weights)} models used)",
        "model",
        "weight",
        "interval",
        "used in refits",
    )
    for weight in hull.weights[:MOST]:
        weights.add_row(
            escape(weight.model),
            f"{weight.weight:.3f}",
            f"{weight.interval.lower:.3f} to {weight.interval.upper:.3f}",
            f"{weight.used:.0%}",
        )
    console.print(weights)
    console.print()
    _show_values(target, console)
    if target.standing is not None:
        _show_standing(target.standing, console)


def _show_values(target: TargetAudit, console: Console) -> None:
    missed = sorted((v for v in target.values if v.drop is not None), key=lambda v: -(v.drop or 0.0))
    table = _table("Most missed if dropped", "model", "held-out distance rises by", "alone")
    for value in missed[:5]:
        table.add_row(escape(value.model), signed(value.drop), f"{value.alone:.3f}")
    console.print(table)
    console.print()
    candidates = [v for v in target.values if v.candidate]
    if candidates:
        table = _table("Candidates", "model", "held-out distance falls by", "alone")
        for value in sorted(candidates, key=lambda v: -(v.add or 0.0)):
            table.add_row(escape(value.model), signed(value.add), f"{value.alone:.3f}")
        console.print(table)
    console.print()
    small = target.small_panel
    console.print(
        Text(
            f"Small panel ({small.method}): {len(small.models)} of {len(target.models)} models stay within "
            f"{small.limit:.3f} on train rows and reach {small.heldout:.3f} on held-out rows: "
            f"{', '.join(small.models[:MOST])}" + (" ..." if len(small.models) > MOST else "")
        )
    )
    if target.losses:
        table = _table("Worst loss of k models", "k", "held-out distance", "how found", "models that matter")
        for loss in target.losses:
            found = "exact" if loss.method == "exact" else f"at least; {loss.tried} tried"
            models = ", ".join(loss.models[:3]) + (" ..." if len(loss.models) > 3 else "")
            table.add_row(str(loss.lost), f"{loss.distance:.3f}", found, escape(models))
        console.print(table)


def _show_standing(found: Standing, console: Console) -> None:
    """How many models may fail as reviewers."""
    console.print()
    console.print(Text("If the models review what an agent does", style="bold"))
    console.print(Text(found.sentence))
    console.print()
    table = _table("Contexts in which the others block all harm", "any so many models removed", "share")
    for one in found.stands:
        ends = sorted({f"{one.lower:.1%}", f"{one.upper:.1%}"}, key=lambda end: float(end[:-1]))
        table.add_row(str(one.removed), " to ".join(ends))
    console.print(table)


def _show_promises(target: TargetAudit, console: Console) -> None:
    """What the errors buy: on average first, then the largest."""
    console.print(Text("What the distance buys", style="bold"))
    console.print(Text(target.average.sentence))
    console.print()
    bounds = _table(
        "Her mean squared error is at most", "by a mixture's", "train", "held out", "interval", "of a guess's"
    )
    for bound in target.average.bounds:
        bounds.add_row(
            basis(bound),
            f"{bound.train:.3g}",
            f"{bound.loss:.3g}",
            f"{bound.interval.lower:.3g} to {bound.interval.upper:.3g}",
            f"{bound.share:.0%}",
        )
    console.print(bounds)
    console.print()
    console.print(Text(target.guarantee))
    console.print()
    largest = _table("Largest error on any row", "mixture", "least possible, train", "held out")
    for report in target.hulls.values():
        largest.add_row(
            report.hull,
            f"{report.sup_train.lower:.4g} to {report.sup_train.upper:.4g}",
            f"{report.sup_heldout:.3g}",
        )
    console.print(largest)
    console.print()


def _bullet(text: str, console: Console) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(" -", Text(text))
    console.print(grid)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, column in enumerate(columns):
        left = place == 0 or column == "models that matter"
        table.add_column(column, justify="left" if left else "right", header_style="dim")
    return table
