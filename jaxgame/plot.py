"""Figures from results tables: one look for all, legible in grey, the claim in the caption."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FixedLocator, Formatter

from jaxgame.drawing.style import DASHES, MARKERS, STYLE, shades
from jaxgame.runs.files import write_whole

CAPTION_SIZE = 8.0  # points
LABEL_GAP = 0.05  # inches between the labels of neighbouring ticks, at least

__all__ = ["DASHES", "MARKERS", "STYLE", "band", "leaders_axis", "new_figure", "save", "shades"]


def new_figure(
    title: str, caption: str, panels: int, height: float = 3.3, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure with a title above, a caption below and a grid of axes in between; its axes row by row.

    - `title`: one line; `caption`: the figure's claim, wrapped to its width;
    - `panels`: how many axes stand in a row, `rows`: how many rows there are;
    - `height`: of one row, in inches. The width is 3.55 inches per panel, and a margin.
    """
    width = 3.55 * panels + 0.4
    lines = _wrapped(caption, 0.98 * width, CAPTION_SIZE)
    below = 0.17 * len(lines) + 0.12
    total = rows * height + below + 0.35
    layout = ConstrainedLayoutEngine(rect=(0, below / total, 1, 1 - (below + 0.3) / total), w_pad=0.06)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, total), layout=layout)
        axes = figure.subplots(rows, panels, squeeze=False).ravel()
        figure.text(0.01, 1 - 0.09 / total, title, ha="left", va="top", fontsize=11, fontweight="bold")
        figure.text(
            0.01,
            0.06 / total,
            "\n".join(lines),
            ha="left",
            va="bottom",
            fontsize=CAPTION_SIZE,
            color="0.25",
            linespacing=1.25,
        )
    return figure, list(axes)


def _wrapped(text: str, inches: float, size: float) -> list[str]:
    """Lines of at most `inches` at a font size in points."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and _inches(longer, size) > inches:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _inches(text: str, size: float) -> float:
    """The width of a text at a font size in points, measured with the font."""
    return TextToPath().get_text_width_height_descent(text, FontProperties(size=size), False)[0] / 72


def band(
    axes: Axes,
    table: pl.DataFrame,
    x: str,
    middle: str,
    low: str,
    high: str,
    by: str,
    label: str = "{}",
) -> None:
    """Draw one line per value of the column `by`, with a band around it.

    `table` has a row per point: `x`, `middle`, `low` and `high` name its columns of numbers, the band goes
    from `low` to `high`. Lines are added to `axes` in the order in which their values first occur, and differ
    in shade, marker and dash, so that they can be told apart in grey. `label` is a format of the value, for
    the legend, such as "K = {}".
    """
    values = table[by].unique(maintain_order=True).to_list()
    for place, (value, colour) in enumerate(zip(values, shades(len(values)), strict=True)):
        line = table.filter(pl.col(by) == value).sort(x)
        axes.fill_between(line[x], line[low], line[high], color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            line[x],
            line[middle],
            color=colour,
            marker=MARKERS[place % len(MARKERS)],
            linestyle=DASHES[place % len(DASHES)],
            label=label.format(value),
        )


def leaders_axis(axes: Axes, leaders: Sequence[int], label: str = "number of leaders K") -> None:
    """Make the horizontal axis logarithmic, with a tick at each of the numbers of leaders that were run.

    `axes` are changed in place; `leaders` are the numbers, increasing, at least 1; `label` is the text below
    the axis. A number that would run into the next larger one is left out, its tick stays.
    """
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(leaders)))
    axes.xaxis.set_major_formatter(_Apart())
    axes.minorticks_off()
    axes.set_xlabel(label)


class _Apart(Formatter):
    """Whole numbers below a horizontal axis, without those that would run into the next larger one.

    It is asked when the figure is drawn, and so knows how wide the axis has become.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:.0f}"

    def format_ticks(self, values: Any) -> list[str]:
        """The labels of ticks at `values`, from left to right; "" for those that are left out."""
        ticks = [float(x) for x in values]
        axis: Any = self.axis
        axes, dpi = axis.axes, axis.get_figure(root=True).dpi
        size = axis.get_major_ticks(1)[0].label1.get_fontsize()
        middles = axes.transData.transform([(x, axes.get_ylim()[0]) for x in ticks])[:, 0] / dpi
        labels, right = [], np.inf  # of the labels so far the left end, in inches
        for x, middle in zip(reversed(ticks), reversed(middles), strict=True):
            half = _inches(self(x), size) / 2
            fits = middle + half + LABEL_GAP <= right
            labels.append(self(x) if fits else "")
            right = middle - half if fits else right
        return labels[::-1]


def save(figure: Figure, directory: Path, name: str = "figure") -> list[Path]:
    """Write a `figure` as `NAME.png` and `NAME.pdf` into a `directory` that exists; returns their paths.

    `name` is "figure" for the first or only figure of a run. No dates are written, so that equal figures are
    equal files.
    """
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None},
    }
    with mpl.rc_context(STYLE):
        return [
            write_whole(
                directory / f"{name}.{kind}",
                functools.partial(figure.savefig, format=kind, metadata=metadata[kind]),
            )
            for kind in metadata
        ]
