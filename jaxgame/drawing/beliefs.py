"""Pictures over the beliefs of two states: laws of posteriors, and what a leader alone makes of them."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from jaxgame.drawing.style import DASHES, MARKERS, axes_for, numbers, shades, told

SAME = 1e-9  # beliefs that differ by less are drawn as one
BELIEF = "belief that the state is 1"


def messages(found: Any, ax: Axes | None) -> Axes:
    """What each message makes the follower believe, and how likely she is to hear it, for each type."""
    probability = numbers("probability", found.probability, "[T, M]")
    posterior = _two_states("posterior", numbers("posterior", found.posterior, "[T, M, S]"))
    ax = axes_for(ax)
    types = len(probability)
    for t, colour in enumerate(shades(types)):
        label = "a message" if types == 1 else f"type {t}"
        _law(ax, posterior[t], probability[t], colour, MARKERS[t % len(MARKERS)], label, named=types == 1)
    return _framed(ax, "What she believes after each message", "probability of hearing it")


def law(found: Any, ax: Axes | None) -> Axes:
    """The public posteriors of an equilibrium with their weights."""
    weights = numbers("weights", found.weights, "[N]")
    posterior = _two_states("posteriors", numbers("posteriors", found.posteriors, "[N, S]"))
    lower, upper = (float(numbers(f"value.{e}", getattr(found.value, e), "[]")) for e in ("lower", "upper"))
    ax = axes_for(ax)
    _law(ax, posterior, weights, shades(1)[0], "o", "a public belief", named=False)
    worth = f"worth {upper:.4g} to the user" if upper - lower <= 5e-4 else f"worth {upper:.4g}"
    return _framed(
        ax, f"The worst equilibrium, {worth}\nno equilibrium is worth less than {lower:.4g}", "weight"
    )


def closure(found: Any, game: Any, leader: int, rationality: float, ax: Axes | None) -> Axes:
    """A leader's utility as a function of the posterior, its concave closure, and the best law."""
    prior = numbers("game.prior", game.prior, "[T, S]")
    follower = numbers("game.follower", game.follower, "[T, S, A]")
    utility = numbers("game.leaders", game.leaders, "[K, T, S, A]")[leader]
    weights = numbers("weights", found.weights, "[N]")
    chosen = _two_states("posteriors", numbers("posteriors", found.posteriors, "[N, S]"))
    if prior.shape[1] != 2:
        raise ValueError(f"game has {prior.shape[1]} states; it must have 2 to be drawn")
    grid = np.linspace(0.0, 1.0, 1001)
    for cut in _crossings(prior, follower):
        grid = np.concatenate([grid, np.clip([cut - 1e-7, cut, cut + 1e-7], 0.0, 1.0)])
    grid = np.unique(grid)
    curve = earned_at(grid, prior, follower, utility, rationality)
    ax = axes_for(ax)
    dark, light = shades(2)
    ax.plot(grid, curve, color=light, label="the leader earns at that belief")
    hull = concave_hull(grid, curve)
    ax.plot(grid[hull], curve[hull], color=dark, linestyle=DASHES[1], label="its concave closure")
    used = weights > SAME
    at, earned = chosen[used], earned_at(chosen[used], prior, follower, utility, rationality)
    ax.plot(at, earned, color=dark, marker="o", linestyle="none", label="beliefs of the best signal")
    start = prior.sum(0)[1]
    best = float(numbers("value.lower", found.value.lower, "[]"))
    ax.plot([start], [best], color="black", marker="D", markersize=6, linestyle="none", label="what it earns")
    ax.plot([start] * 2, [curve.min(), best], color="0.4", linestyle=DASHES[3], linewidth=1.0)
    ax.annotate(
        "prior", (start, curve.min()), xytext=(3, 2), textcoords="offset points", fontsize=8, color="0.3"
    )
    return told(ax, f"Leader {leader} alone earns {best:.4g}", BELIEF, "the leader's utility")


def earned_at(
    beliefs: np.ndarray, prior: np.ndarray, follower: np.ndarray, utility: np.ndarray, rationality: float
) -> np.ndarray:
    """What a leader earns [N] if the public belief that the state is 1 is one of `beliefs` [N].

    The follower of each type takes a best action, ties in the leader's favour, or responds by quantal
    response; `prior` [T, 2], `follower` and `utility` [T, 2, A].
    """
    marginal = prior.sum(0)
    given = np.divide(prior, marginal[None], out=np.zeros_like(prior), where=marginal[None] > 0)  # P(t | s)
    joint = np.stack([1 - beliefs, beliefs], 1)[:, None] * given[None]  # [N,T,S]
    hers = np.einsum("nts,tsa->nta", joint, follower)
    theirs = np.einsum("nts,tsa->nta", joint, utility)
    if math.isinf(rationality):
        near = hers >= hers.max(2, keepdims=True) - SAME * np.ptp(follower)
        return np.where(near, theirs, -np.inf).max(2).sum(1)
    reached = joint.sum(2, keepdims=True)
    values = np.divide(hers, reached, out=np.zeros_like(hers), where=reached > 0)
    power = np.exp(rationality * (values - values.max(2, keepdims=True)))
    return (theirs * power / power.sum(2, keepdims=True)).sum((1, 2))


def concave_hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points of a curve over ascending `x` its least concave majorant touches at its corners."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) > (y[i] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(i)
    return np.array(kept)


def _crossings(prior: np.ndarray, follower: np.ndarray) -> np.ndarray:
    """Beliefs at which a type is indifferent between two actions."""
    marginal = prior.sum(0)
    given = np.divide(prior, marginal[None], out=np.zeros_like(prior), where=marginal[None] > 0)
    ends = given[:, :, None] * follower  # [T,2,A]
    low, high = (ends[:, s, :, None] - ends[:, s, None, :] for s in (0, 1))
    opposed = low * high < 0
    return np.unique(low[opposed] / (low[opposed] - high[opposed]))


def _law(
    ax: Axes, belief: np.ndarray, weight: np.ndarray, colour: Any, marker: str, label: str, *, named: bool
) -> None:
    """A stem at each belief that has weight; those that are the same are one."""
    order = [int(m) for m in np.argsort(belief, kind="stable") if weight[m] > SAME]
    groups: list[list[int]] = []
    for m in order:
        if groups and belief[m] - belief[groups[-1][0]] <= SAME:
            groups[-1].append(m)
        else:
            groups.append([m])
    at = np.array([belief[group[0]] for group in groups])
    height = np.array([weight[group].sum() for group in groups])
    ax.vlines(at, 0.0, height, color=colour, linewidth=1.5)
    ax.plot(at, height, color=colour, marker=marker, markersize=6, linestyle="none", label=label)
    if named and len(groups) <= 8:
        for x, y, group in zip(at, height, groups, strict=True):
            word = ", ".join(str(m) for m in sorted(group)[:4]) + ", ..." * (len(group) > 4)
            ax.annotate(word, (x, y), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
    prior = float((at * height).sum() / height.sum())
    ax.axvline(prior, color=colour, linestyle=DASHES[3], linewidth=1.0)
    ax.annotate(
        "prior", (prior, 1.0), xycoords=ax.get_xaxis_transform(), xytext=(3, -2), textcoords="offset points",
        va="top", fontsize=8, color="0.3",
    )  # fmt: skip


def _two_states(name: str, posterior: np.ndarray) -> np.ndarray:
    """The beliefs in state 1; ValueError unless there are two states."""
    if posterior.shape[-1] != 2:
        raise ValueError(f"{name} has {posterior.shape[-1]} states; it must have 2 to be drawn")
    return posterior[..., 1]


def _framed(ax: Axes, title: str, y: str) -> Axes:
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(0.0, max(ax.get_ylim()[1] * 1.08, 0.1))
    return told(ax, title, BELIEF, y)
