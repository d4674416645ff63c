"""Figures of an audit, each with its claim as its caption: legible on a phone and in grey."""

import base64
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgame import plot
from jaxgame.audit import words
from jaxgame.audit.interval import Interval
from jaxgame.audit.result import Audit, TargetAudit

DARK, MIDDLE, LIGHT = "#440154", "#21918c", "0.55"
MOST = 12  # models of a figure
LEGEND = {"edgecolor": "none", "framealpha": 0.8}  # a dashed line may run behind it
NAME = 22  # characters of a model's name


@dataclass(frozen=True)
class Picture:
    """A figure for a page: `source` is a data URI, `title` and `caption` are text."""

    title: str
    caption: str
    source: str


def overview(found: Audit) -> Picture:
    """Every target's distance with its interval against eps."""
    targets = found.targets
    figure, axes = _new(0.32 * len(targets) + 1.0)
    for place, target in enumerate(reversed(targets)):
        _range(axes, place, target.distance, target.interval.lower, target.interval.upper, DARK)
    _rows(axes, [_short(target.target) for target in reversed(targets)])
    axes.set_xlim(left=0)
    _epsilon(axes, found.epsilon)
    axes.set_xlabel("held-out distance (standard deviations)")
    covered = sum(target.covered for target in targets)
    return _picture(
        figure,
        "Which groups of users are covered",
        f"{covered} of {len(targets)} groups are covered: their whole interval lies left of eps = "
        f"{found.epsilon:g} (dashed). Dots: distance on held-out rows; bars: bootstrap intervals.",
    )


def distances(target: TargetAudit, found: Audit) -> Picture:
    """The mixtures against what they must beat."""
    rows: list[tuple[str, float, Interval | None, str]] = [
        (f"mixture, {hull.hull}", hull.heldout, hull.interval, DARK) for hull in target.hulls.values()
    ]
    rows += [(rival.name, rival.heldout, None, MIDDLE) for rival in target.rivals]
    rows.append(("shuffled target", target.null.median, None, LIGHT))
    figure, axes = _new(0.27 * len(rows) + 1.0)
    for place, (_, middle, interval, colour) in enumerate(reversed(rows)):
        low, high = (interval.lower, interval.upper) if interval else (middle, middle)
        _range(axes, place, middle, low, high, colour, marker="o" if interval else "s")
    _rows(axes, [name for name, *_ in reversed(rows)])
    axes.set_xlim(left=0)
    _epsilon(axes, found.epsilon)
    axes.set_xlabel("held-out distance (standard deviations)")
    best = min((r for r in target.rivals if r.name != "constant"), key=lambda r: r.heldout)
    gap = best.heldout - target.distance
    against = f"{gap:.3g} nearer than" if gap > 0 else f"{-gap:.3g} farther than"
    return _picture(
        figure,
        "Distance to the users",
        f"The best mixture is {target.distance:.3g} away, {against} the best simple rival ({best.name}); "
        f"chance gives {target.null.median:.3g}. Left is better: 0 is a perfect match, the dashed line is "
        "eps.",
    )


def promises(target: TargetAudit, found: Audit) -> Picture:
    """What competition can cost the user, in parts of what a constant guess costs her."""
    bounds = target.average.bounds
    figure, axes = _new(0.32 * len(bounds) + 1.0)
    for place, bound in enumerate(reversed(bounds)):
        _range(axes, place, bound.share, bound.share_interval.lower, bound.share_interval.upper, DARK)
    _rows(axes, [words.basis(bound) for bound in reversed(bounds)])
    axes.set_xlim(left=0, right=max(1.1, 1.05 * max(bound.share_interval.upper for bound in bounds)))
    _epsilon(axes, 1.0)
    axes.set_xlabel("bound (a constant guess costs 1)")
    first = bounds[0]
    if words.promises(first):
        cost = f"{first.share:.0%} of what a constant guess does"
        said = f"Competition costs her at most {cost} ({words.basis(first)})"
    else:
        said = "No bound is below what a constant guess costs her"
    return _picture(
        figure,
        "What competition can cost",
        f"{said}. Left of the dashed line something is promised. Dots: by held-out rows; bars: bootstrap "
        "intervals.",
    )


def weights(target: TargetAudit, found: Audit) -> Picture:
    """The mixture's largest weights with their intervals."""
    hull = target.hulls[found.hull]
    shown = hull.weights[:MOST]
    figure, axes = _new(0.27 * max(len(shown), 1) + 1.0)
    for place, weight in enumerate(reversed(shown)):
        _range(axes, place, weight.weight, weight.interval.lower, weight.interval.upper, DARK)
    _rows(axes, [_short(weight.model) for weight in reversed(shown)])
    axes.set_xlim(left=0)
    axes.set_xlabel("weight" + (" (standardised scores)" if target.scale == "standard" else ""))
    sure = sum(weight.interval.lower > 0 for weight in hull.weights)
    return _picture(
        figure,
        "Who is in the mixture",
        f"{len(hull.weights)} of {len(target.models)} models have weight; {sure} keep it throughout their "
        "interval. Dots: weights; bars: bootstrap intervals, over resampled rows.",
    )


def growth(target: TargetAudit, found: Audit) -> Picture:
    """Distance against the number of models."""
    rows = target.growth
    figure, axes = _new(2.7)
    sizes = [row.models for row in rows]
    axes.fill_between(
        sizes,
        [r.lower_quartile for r in rows],
        [r.upper_quartile for r in rows],
        color=DARK,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(sizes, [row.mean for row in rows], color=DARK, marker="o", label="these users")
    axes.plot(
        sizes,
        [row.shuffled for row in rows],
        color=LIGHT,
        marker="X",
        linestyle=(0, (5, 1.5)),
        label="shuffled target",
    )
    if len(sizes) > 1:
        plot.leaders_axis(axes, sizes, "number of models K, in random order")
    else:
        axes.set_xticks(sizes)
        axes.set_xlabel("number of models K")
    axes.axhline(found.epsilon, color="0.2", linestyle=(0, (3, 2)), linewidth=1)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("held-out distance")
    axes.legend(**LEGEND, loc="lower left")
    half = rows[max(len(rows) - 2, 0)]
    return _picture(
        figure,
        "What more models bring",
        f"From {rows[0].mean:.3g} with one model to {rows[-1].mean:.3g} with all {rows[-1].models}; the "
        f"last doubling, from {half.models}, brought {half.mean - rows[-1].mean:.3g}. Line: mean over "
        "random orders; band: quartiles; dashed: eps.",
    )


def values(target: TargetAudit, found: Audit) -> Picture:
    """What each model's loss would cost, and what candidates would bring."""
    dropped = [(v.model, v.drop) for v in target.values if v.drop is not None]
    ordered = sorted(dropped, key=lambda pair: -abs(pair[1]))[:MOST]
    ordered.sort(key=lambda pair: pair[1])
    figure, axes = _new(0.27 * len(ordered) + 1.0)
    axes.barh(range(len(ordered)), [cost for _, cost in ordered], color=MIDDLE, height=0.6)
    _rows(axes, [_short(name) for name, _ in ordered])
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_xlabel("held-out distance rises by")
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    free = sum(cost <= 0 for _, cost in dropped)
    return _picture(
        figure,
        "Who would be missed",
        f"Dropping {ordered[-1][0]} costs most, {ordered[-1][1]:.3g}; {free} of {len(dropped)} models can "
        "each be dropped at no cost on held-out rows. The rest are fitted again.",
    )


def losses(target: TargetAudit, found: Audit) -> Picture | None:
    """The worst case of losing k models; None if there is but one."""
    rows = target.losses
    if not rows:
        return None
    figure, axes = _new(2.4)
    sizes = [0, *(row.lost for row in rows)]
    axes.plot(range(len(sizes)), [target.distance, *(row.distance for row in rows)], color=DARK, zorder=1)
    for method, face in (("exact", DARK), ("sampled", "white")):
        shown = [(place, row.distance) for place, row in enumerate(rows, 1) if row.method == method]
        if method == "exact":
            shown.insert(0, (0, target.distance))
        if shown:
            places, heights = zip(*shown, strict=True)
            label = "exact" if method == "exact" else "sampled: at least this"
            axes.scatter(places, heights, facecolor=face, edgecolor=DARK, s=26, zorder=2, label=label)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.axhline(found.epsilon, color="0.2", linestyle=(0, (3, 2)), linewidth=1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("models lost, the worst choice")
    axes.set_ylabel("held-out distance")
    axes.legend(**LEGEND, loc="lower right")
    last = rows[-1]
    least = "at least " if last.method == "sampled" else ""
    beyond = next((row for row in rows if row.distance > found.epsilon), None)
    if target.distance > found.epsilon:
        end = "It is above eps to begin with."
    elif beyond is None:
        end = "No loss that was tried takes it above eps."
    else:
        end = f"Losing {beyond.lost} of them takes it above eps."
    return _picture(
        figure,
        "If models are lost",
        f"The worst loss of one model takes the distance from {target.distance:.3g} to "
        f"{rows[0].distance:.3g}"
        + (f", of {last.lost} to {least}{last.distance:.3g}" if len(rows) > 1 else "")
        + f". {end} Dashed: eps.",
    )


def of_target(target: TargetAudit, found: Audit) -> list[Picture]:
    """All figures of one target."""
    made: Sequence[Picture | None] = [
        draw(target, found) for draw in (distances, promises, weights, growth, values, losses)
    ]
    return [picture for picture in made if picture is not None]


def _new(height: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(plot.STYLE):
        figure = Figure(figsize=(4.3, height), layout="constrained")
        axes = figure.subplots()
        axes.set_axisbelow(True)
        return figure, axes


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """One named row per entry, from below, with room beyond the first and the last."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, max(len(names), 1) - 0.4)


def _range(
    axes: Axes, place: int, middle: float, low: float, high: float, colour: str, marker: str = "o"
) -> None:
    axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.35, solid_capstyle="butt")
    axes.plot([middle], [place], color=colour, marker=marker, linestyle="none")


def _epsilon(axes: Axes, epsilon: float) -> None:
    axes.axvline(epsilon, color="0.2", linestyle=(0, (3, 2)), linewidth=1)


def _short(name: str) -> str:
    return name if len(name) <= NAME else name[: NAME - 9] + "…" + name[-8:]


def _picture(figure: Figure, title: str, caption: str) -> Picture:
    file = io.BytesIO()
    # No date and no random names: equal audits give equal files.
    with mpl.rc_context({**plot.STYLE, "svg.hashsalt": "jaxgame", "axes.unicode_minus": False}):
        save = functools.partial(figure.savefig, format="svg", metadata={"Date": None, "Creator": None})
        save(file)
    return Picture(title, caption, "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode())
