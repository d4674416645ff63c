"""Games and brackets as small HTML tables, as notebooks show them: no scripts, nothing from elsewhere."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from html import escape
from typing import Any

import jax
import numpy as np

DIGITS = 9  # of the ends of a bracket
MOST_ROWS, MOST_ACTIONS, MOST_LEADERS = 12, 8, 6  # of a game that is shown in full
MOST_ENDS = 20


def game(found: Any) -> str:
    """The prior and everybody's utilities, a row for each type and state; of a large game its size alone."""
    prior, follower, leaders = found.prior, found.follower, found.leaders
    said = f"<p>{escape(repr(found))}</p>"
    if not all(_is_known(x) for x in (prior, follower, leaders)) or np.ndim(leaders) != 4:
        return said
    count, types, states, actions = leaders.shape
    if types * states > MOST_ROWS or actions > MOST_ACTIONS or count > MOST_LEADERS:
        return said
    players = ["user", *(f"leader {k}" for k in range(count))]
    utilities = np.concatenate([np.asarray(follower)[None], np.asarray(leaders)])
    label = ["type"] * (types > 1) + ["state", "prior"]
    head = "".join(f'<th rowspan="2">{word}</th>' for word in label)
    head += "".join(f'<th colspan="{actions}">{word}</th>' for word in players)
    below = "".join(f"<th>{a}</th>" for a in range(actions)) * len(players)
    rows = ""
    for t in range(types):
        for s in range(states):
            cells = [str(t)] * (types > 1) + [str(s), f"{float(prior[t, s]):.4g}"]
            cells += [f"{x:.4g}" for x in utilities[:, t, s].ravel()]
            rows += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    return f"{said}<table><thead><tr>{head}</tr><tr>{below}</tr></thead><tbody>{rows}</tbody></table>"


def bracket(found: Any) -> str:
    """Both ends, rounded outwards, and how far apart they are; of many the first ones."""
    if not (_is_known(found.lower) and _is_known(found.upper)):
        return f"<p>{escape(repr(found))}</p>"
    lower, upper = np.asarray(found.lower), np.asarray(found.upper)
    places = list(np.ndindex(lower.shape))
    head = "".join(f"<th>{word}</th>" for word in ["entry"] * bool(lower.ndim) + ["lower", "upper", "width"])
    rows = ""
    for place in places[:MOST_ENDS]:
        low, high = float(lower[place]), float(upper[place])
        width = f"{high - low:.2g}" + " (the ends cross)" * (high < low)
        cells = [", ".join(map(str, place))] * bool(lower.ndim)
        cells += [rounded(low, up=False), rounded(high, up=True), width]
        rows += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    more = f"<p>and {len(places) - MOST_ENDS} more</p>" if len(places) > MOST_ENDS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def rounded(end: float, *, up: bool) -> str:
    """A number to nine digits, away from the interval that it ends: what is shown is true, too."""
    if not np.isfinite(end):
        return str(end)
    context = Context(prec=DIGITS, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    shown = context.create_decimal(Decimal(end)).normalize(context)
    return f"{shown:f}" if -6 <= shown.adjusted() < 12 else f"{shown:e}"


def _is_known(value: Any) -> bool:
    """Whether numbers can be looked at: neither traced nor the structure of arrays alone."""
    return isinstance(value, jax.Array | np.ndarray) and not isinstance(value, jax.core.Tracer)
