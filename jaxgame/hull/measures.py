"""The sup norm up to offsets, and the signed measures that bound distances from below (theory, section 6)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgame.core.arithmetic import divided
from jaxgame.core.cone import cone_bound


def half_range(
    residual: Float[Array, " D"], groups: Float[Array, "D G"]
) -> tuple[Float[Array, ""], Float[Array, " G"]]:
    """The least sup norm of `residual` after one shift per group, and the shifts that attain it.

    `groups` [D, G] is 0/1 with one 1 per row; with G = 0 no shift is allowed.
    """
    if groups.shape[1] == 0:
        return jnp.abs(residual).max(), jnp.zeros(0, residual.dtype)
    top, bottom = _ends(residual, groups)
    return ((top - bottom) / 2).max(), (top + bottom) / 2


def mean_range(
    residual: Float[Array, " D"], groups: Float[Array, "D G"], prior: Float[Array, " G"]
) -> Float[Array, ""]:
    """The range of `residual` in each group, from its least to its largest entry, weighed by `prior`."""
    top, bottom = _ends(residual, groups)
    return prior @ (top - bottom)


def _ends(residual: Array, groups: Array) -> tuple[Array, Array]:
    """The largest and the least entry of each group [G]."""
    member = groups > 0
    return (
        jnp.where(member, residual[:, None], -jnp.inf).max(axis=0),
        jnp.where(member, residual[:, None], jnp.inf).min(axis=0),
    )


def centre(vectors: Float[Array, "D *N"], groups: Float[Array, "D G"]) -> Float[Array, "D *N"]:
    """Subtract from each column of `vectors` its mean within each group."""
    return vectors - groups @ (groups.T @ vectors / groups.sum(axis=0).reshape(-1, *[1] * (vectors.ndim - 1)))


def separation(
    measure: Float[Array, " D"],
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    *,
    simplex: bool,
    rounding: float | Float[Array, ""] = 0.0,
) -> Float[Array, ""]:
    """How far `measure` m puts the target beyond every combination: a lower bound on the distance.

    For a measure of dual norm 1 that sums to 0 in each group (theory, section 3):
    `<m, target> - max_i <m, column_i>` on the simplex. On the cone `<m, target>`, less a charge of
    `CONE_REACH` for the part of `<m, column_i> <= 0` that fails: the bound then holds against all
    w with `sum w_i |column_i|_inf <= CONE_REACH |target|_inf`, and against all w if nothing fails.
    `rounding` is how far each product may be off, in parts of the vector's largest entry.
    """
    size, sizes = jnp.abs(target).max(), jnp.abs(columns).max(axis=0)
    value = measure @ target - rounding * size
    scores = measure @ columns + rounding * sizes
    if simplex:
        return jnp.maximum(value - scores.max(), 0.0)
    return cone_bound(value, scores, size=size, sizes=sizes)


def unit_measure(measure: Float[Array, " D"], groups: Float[Array, "D G"]) -> Float[Array, " D"]:
    """The nearest measure that sums to 0 in each group, rescaled to total mass 1 (0 if it vanishes)."""
    centred = centre(measure, groups)
    mass = jnp.abs(centred).sum()
    usable = (mass > 0) & jnp.isfinite(mass)
    return divided(centred, mass, usable)


def capped_measure(
    measure: Float[Array, " D"], groups: Float[Array, "D G"], prior: Float[Array, " G"]
) -> Float[Array, " D"]:
    """The nearest measure that sums to 0 in each group, scaled down to a mass of `prior` there, either sign.

    Such measures are the dual ball of `mean_range`: no residual exceeds it in a product with one of them.
    """
    centred = centre(measure, groups)
    mass = groups.T @ jnp.abs(centred) / 2
    usable = jnp.isfinite(mass).all()
    scale = jnp.where(mass > prior, divided(prior, mass, mass > 0), 1.0)
    return jnp.where(usable, centred * (groups @ scale), 0.0)
