"""How the follower turns action values into actions, and what the manner costs her."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks

TIES = ("lowest", "uniform", "favoured")


def best_response(
    values: Float[Array, "*batch A"],
    tie: str = "lowest",
    favour: Float[Array, "*batch A"] | None = None,
    tolerance: float = 0.0,
) -> Float[Array, "*batch A"]:
    """Probabilities [..., A] of the actions that maximise `values` [..., A], ties broken by an explicit rule.

    `tie`: "lowest" takes the lowest index among the best, "uniform" mixes them equally, "favoured"
    takes the one with the largest `favour` [..., A] (a leader's expected utilities; then the lowest
    index). Actions within `tolerance` of the best count as tied. Where a value or a favour is not finite
    nothing is known: NaN.

    Raises ValueError for an unknown `tie`, and for `favour` missing or given without need.
    """
    checks.check_choice("tie", tie, TIES)
    if (favour is None) == (tie == "favoured"):
        need = "needs" if tie == "favoured" else "takes no"
        raise ValueError(f"tie {tie!r} {need} favour, the values [..., A] of whoever breaks the tie")
    best = values >= values.max(axis=-1, keepdims=True) - tolerance
    finite = jnp.isfinite(values)
    if tie == "uniform":
        shares = best.astype(values.dtype)
        return _where_all(finite, shares / jnp.maximum(shares.sum(axis=-1, keepdims=True), 1.0))
    if favour is not None:
        if favour.shape != values.shape:
            raise ValueError(f"favour has shape {favour.shape}; it must be that of values, {values.shape}")
        best &= favour >= jnp.where(best, favour, -jnp.inf).max(axis=-1, keepdims=True)
        finite &= jnp.isfinite(favour)
    chosen = jax.nn.one_hot(best.argmax(axis=-1), values.shape[-1], dtype=values.dtype)
    return _where_all(finite, chosen)


def quantal_response(
    values: Float[Array, "*batch A"], rationality: float | Float[Array, ""]
) -> Float[Array, "*batch A"]:
    """Logit response P(a) = softmax(rationality * values) as [..., A] (theory, section 2).

    `values` [..., A] are expected utilities of the actions, on the last axis. `rationality` >= 0 has the unit
    1 / utility: 0 is uniform play, infinity is allowed and is the limit, uniform over the best actions. No
    size of rationality overflows. Where a value is not finite, or a traced rationality not a number or
    negative, nothing is known: NaN.

    Raises ValueError for a negative or NaN rationality.
    """
    rationality = jnp.asarray(rationality, values.dtype)
    if checks.is_concrete(rationality) and not float(rationality) >= 0:
        raise ValueError(f"rationality is {float(rationality)}; it must be at least 0 (infinity is allowed)")
    shortfall = values - values.max(axis=-1, keepdims=True)
    # 0 * inf is NaN: a best action keeps exponent 0 at any rationality, and so does every action at 0.
    still = (shortfall == 0) | (rationality == 0)
    exponent = jnp.where(still, 0.0, rationality * jnp.where(still, -1.0, shortfall))
    return _where_all(jnp.isfinite(values) & (rationality >= 0), jax.nn.softmax(exponent, axis=-1))


def regret(values: Float[Array, "*batch A"], response: Float[Array, "*batch A"]) -> Float[Array, "*batch"]:
    """What a response loses against the best action: max_a values[a] - sum_a response[a] values[a].

    `values` [..., A] are expected utilities, `response` [..., A] the probabilities of the actions. Where a
    value is not finite neither is what is lost.
    """
    return values.max(axis=-1) - (values * response).sum(axis=-1)


def quantal_regret_bound(actions: int, rationality: float) -> float:
    """The largest regret of quantal response over A actions, W((A-1)/e) / rationality (theory, section 2).

    In utility units, for any utilities: `actions` is A, at least 1, and `rationality` at least 0, per unit of
    utility. W is Lambert's function; the bound is attained and is at most ln(A) / rationality. At
    rationality 0 it is infinite, as utilities are not bounded here, except for a single action.

    Raises ValueError for fewer than one action or a negative rationality.

    >>> round(quantal_regret_bound(2, 1.0), 6), round(quantal_regret_bound(10, 100.0), 8)
    (0.278465, 0.01101003)
    """
    if actions < 1:
        raise ValueError(f"actions is {actions}; it must be at least 1")
    if not rationality >= 0:
        raise ValueError(f"rationality is {rationality}; it must be at least 0")
    if actions == 1:
        return 0.0
    level = (actions - 1) / math.e
    root = math.log1p(level)  # Newton's method for root * exp(root) = level, convex and increasing
    for _ in range(50):
        root -= (root - level * math.exp(-root)) / (1 + root)
    return root / rationality if rationality > 0 else math.inf


def _where_all(
    finite: Bool[Array, "*batch A"], response: Float[Array, "*batch A"]
) -> Float[Array, "*batch A"]:
    return jnp.where(finite.all(axis=-1, keepdims=True), response, jnp.nan)
