"""Pictures of one result: what leaders can earn, what they went through, what they learnt, their mixture.

Each takes the result, and the axes to draw on or None; each returns the axes. Fields are read by name.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jaxgame.drawing.style import DASHES, MARKERS, axes_for, numbers, shades, told

MANY = 6  # so many leaders have a line of their own in the legend


def frontier(found: Any, ax: Axes | None) -> Axes:
    """The value curve of a leader, f_j(v): what is attained, and what is proved to be out of reach."""
    worth, earned = (numbers(name, getattr(found, name), "[N]") for name in ("worth", "earned"))
    above, price = numbers("above", found.above, "[N]"), numbers("price", found.price, "[N]")
    least = float(found.units.follower.value(-found.units.uninformed()))
    ax = axes_for(ax)
    (colour,) = shades(1)
    ax.plot(worth, earned, color=colour, marker="o", label="attained, with its kinks")
    if least < worth.min():
        ax.plot([least, worth.min()], [earned.max()] * 2, color=colour)
    levels = np.union1d(np.linspace(min(least, worth.min()), worth.max(), 201), worth)
    most = (above[None] - price[None] * levels[:, None]).min(1)
    ax.plot(levels, most, color="0.6", linestyle=DASHES[3], linewidth=2.5, label="no offer earns more")
    ax.axvline(worth.max(), color="0.4", linewidth=0.8, linestyle=DASHES[1])
    ax.annotate(
        "full information",
        (worth.max(), 1.0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(-3, -2),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="top",
        fontsize=8,
        color="0.3",
    )
    told(ax, "What a leader can earn", "what the user keeps at least", "the leader earns at most")
    ax.legend(frameon=False, fontsize=8, loc="lower left")
    return ax


def process(found: Any, field: str, ends: Sequence[str], ax: Axes | None) -> Axes:
    """Values after each revision: those in `field`, "follower" or "users", and the leaders'."""
    theirs = numbers("leaders", found.leaders, "[N_plus_1, K]")
    hers = numbers(field, getattr(found, field), "[N_plus_1]" if field == "follower" else "[N_plus_1, T]")
    hers = hers.reshape(len(hers), -1)
    end, count, upper = (
        ends[int(found.end)],
        int(found.steps),
        float(np.asarray(found.gain.upper).ravel()[-1]),
    )
    # What comes after it has converged repeats the last state.
    shown = min(len(hers), count + 3) if end == "converged" else len(hers)
    ax = axes_for(ax)
    places = np.arange(shown)
    _lines(ax, places, theirs[:shown], "leader", shades(theirs.shape[1] + 1)[1:], DASHES[1:])
    words = ["the user"] if hers.shape[1] == 1 else [f"user {t}" for t in range(hers.shape[1])]
    for t, word in enumerate(words):
        grey = str(0.5 * t / max(len(words) - 1, 1))
        (line,) = ax.plot(places, hers[:shown, t], color=grey, drawstyle="steps-post", label=word, zorder=3)
        line.set(marker=MARKERS[t % len(MARKERS)], markevery=max(1, shown // 12), linewidth=2.0)
    words_of = {
        "converged": f"converged after {_counted(count, 'revision')}",
        "cycle": f"a cycle closes after {_counted(count, 'revision')}",
        "limit": f"no end in {_counted(len(hers) - 1, 'revision')}",
    }
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    title = f"Leaders revise: {words_of[end]}\nno leader gains more than {upper:.2g} at the end"
    told(ax, title, "revisions", "expected utility, in units of each")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))  # lines fill the axes
    return ax


def learning(found: Any, ax: Axes | None) -> Axes:
    """What the follower had in each round of learning, and on average up to it."""
    path = numbers("path", found.path, "[N]")
    regret = np.asarray(found.regret.upper)
    regret = numbers("regret.upper", regret[-1] if regret.ndim == 2 else regret, "[K]")
    rounds = np.arange(1, len(path) + 1)
    ax = axes_for(ax)
    ax.plot(
        rounds, path, color="0.65", marker=".", linestyle="none", markersize=2.5, label="in a round", zorder=1
    )
    (colour,) = shades(1)
    ax.plot(
        rounds, np.cumsum(path) / rounds, color=colour, linewidth=2.0, label="on average so far", zorder=3
    )
    title = (
        f"Leaders learn for {_counted(len(path), 'round')}: {path.mean():.4g} on average\n"
        f"no leader regrets more than {regret.max():.2g}"
    )
    return told(ax, title, "round", "the user's value")


def hull_fit(found: Any, part: str, ax: Axes | None) -> Axes:
    """The weights of the nearest mixture, or the measure that proves the distance, as bars.

    Raises ValueError unless `part` is "weights" or "measure".
    """
    if part not in ("weights", "measure"):
        raise ValueError(f"part is {part!r}; it must be 'weights' or 'measure'")
    heights = numbers(part, getattr(found, part), "[K]" if part == "weights" else "[D]")
    lower, upper = (
        float(numbers(f"distance.{e}", getattr(found.distance, e), "[]")) for e in ("lower", "upper")
    )
    ax = axes_for(ax)
    (colour,) = shades(1)
    ax.bar(np.arange(len(heights)), heights, color=colour, width=0.7)
    ax.axhline(0.0, color="0.3", linewidth=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(False, axis="x")
    far = (
        f"{upper:.4g} from the user"
        if upper - lower <= 5e-4 * upper
        else f"{lower:.3g} to {upper:.3g} from her"
    )
    if part == "weights":
        return told(ax, f"The nearest mixture of leaders: {far}", "leader", "weight")
    title = f"Where the user lies beyond every leader: at least {lower:.4g}"
    return told(ax, title, "entry of her utility", "signed measure")


def _lines(
    ax: Axes, places: np.ndarray, values: np.ndarray, word: str, colours: Sequence, dashes: Sequence
) -> None:
    """One line for each column; many are one grey crowd."""
    for k, line in enumerate(values.T):
        if values.shape[1] > MANY:
            label = f"{word}s, {values.shape[1]} of them" if k == 0 else None
            ax.plot(places, line, color="0.7", linewidth=0.8, drawstyle="steps-post", label=label)
        else:
            dash = dashes[k % len(dashes)]
            ax.plot(
                places, line, color=colours[k], linestyle=dash, drawstyle="steps-post", label=f"{word} {k}"
            )


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" + "s" * (number != 1)
