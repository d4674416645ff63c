"""One look for all figures, legible in grey, and axes to draw on."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "savefig.dpi": 200,
}
SIZE = (5.2, 3.4)  # inches, of a figure of one result


def shades(count: int) -> list[tuple[float, ...]]:
    """`count` colours (red, green, blue, opacity from 0 to 1) from dark to light, in grey as in colour."""
    return [tuple(mpl.colormaps["viridis"](x)) for x in np.linspace(0.0, 0.8, max(count, 1))]


def axes_for(ax: Axes | None) -> Axes:
    """The axes that were given, or those of a new figure of pyplot, which notebooks show by themselves."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    with mpl.rc_context(STYLE):
        _, made = pyplot.subplots(figsize=SIZE, layout="constrained")
    made.set_axisbelow(True)
    return made


def told(ax: Axes, title: str, x: str, y: str) -> Axes:
    """The axes with a title on the left, labels, and a legend of what is labelled in it."""
    ax.set_title(title, loc="left", fontsize=STYLE["axes.titlesize"])
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, fontsize=STYLE["legend.fontsize"])
    return ax


def numbers(name: str, array: Any, axes: str) -> np.ndarray:
    """A field of one result as NumPy has it, e.g. of `axes` "[N, K]".

    Raises ValueError if it has other axes, as in a batch, and if nothing in it is a number.
    """
    found = np.asarray(array)
    expected = 0 if axes == "[]" else axes.count(",") + 1
    if found.ndim != expected:
        raise ValueError(
            f"{name} has shape {found.shape}; a picture is of one result, where it is {axes}: take one of a "
            "batch by jax.tree.map(lambda x: x[0], results)"
        )
    if np.isnan(found).all():
        raise ValueError(f"{name} is NaN; it must be a number to be drawn: the input was not finite")
    return found
