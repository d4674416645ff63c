"""Least squares without any constraint, for nested sets of raters: what a hull's constraints are worth."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgame.panel.fits import Models, View, first_raters

# A rater of which less than this part is new, beside the raters before it, is a combination of them.
DEPENDENT = 1e-9


def least_squares(train: View, sizes: Sequence[int]) -> Models:
    """Weights of either sign and an intercept: the best on `train` for the first K raters, each K in `sizes`.

    A rater that is a combination of those before it and of the constant gets no weight: without that, weights
    would not be determined. Gram and Schmidt's method, with a second pass against rounding, builds the fits
    of all K from one orthonormal basis.
    """
    view = train.centred()
    rows, raters = view.raters.shape
    # A centred column keeps a rounding of what was subtracted.
    least = DEPENDENT * jnp.sqrt((train.raters**2).sum(axis=0))

    def add(known: tuple[Array, Array], place: Array) -> tuple[tuple[Array, Array], None]:
        """The basis [rows, K], and its columns as combinations [K, K] of the raters, with one rater more."""
        basis, combinations = known
        rest = view.raters[:, place]
        combination = jax.nn.one_hot(place, raters, dtype=rest.dtype)
        for _ in range(2):
            products = basis.T @ rest
            rest = rest - basis @ products
            combination = combination - combinations @ products
        length = jnp.linalg.norm(rest)
        scale = jnp.where(length > least[place], 1.0 / jnp.where(length > 0, length, 1.0), 0.0)
        return (
            basis.at[:, place].set(scale * rest),
            combinations.at[:, place].set(scale * combination),
        ), None

    empty = jnp.zeros((rows, raters), view.raters.dtype), jnp.zeros((raters, raters), view.raters.dtype)
    (basis, combinations), _ = jax.lax.scan(add, empty, jnp.arange(raters))
    shares = jnp.where(first_raters(sizes), (basis.T @ view.target)[None, :], 0.0)
    return train.with_intercepts(shares @ combinations.T)
