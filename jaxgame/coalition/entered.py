"""What principal and reviewers make of each proposal, in units of their own: all that the room computes with.

Utilities enter only through the M products `<u, d_a>`. They are centred before, so that a constant added to a
utility rounds nothing where directions sum to 0, and scaled by powers of two afterwards.
"""

from dataclasses import replace

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.checks import Numbers
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, power_of_two

# A reviewer approves who loses no more than this part of its largest score of a proposal: rounding.
APPROVES = 1e-9


@record
class Scores:
    """What everybody makes of each proposal, largest entries of size 1/2 to 1 (0 for who does not care).

    - `principal` [M]: `<u_P, d_a>` in `unit` [];
    - `reviewers` [N, M]: `<u_i, d_a>` in `units` [N], each reviewer's own;
    - `doubt` [] and `doubts` [N]: by how much rounding may have moved an entry;
    - `sound` []: whether all numbers given were finite; if not, scores are 0.
    """

    principal: Float[Array, " M"]
    reviewers: Float[Array, "N M"]
    unit: Float[Array, ""]
    units: Float[Array, " N"]
    doubt: Float[Array, ""]
    doubts: Float[Array, " N"]
    sound: Bool[Array, ""]

    def objects(self, mixture: Float[Array, " M"]) -> Bool[Array, " N"]:
        """Who disapproves of a mixture of proposals."""
        return self.reviewers @ mixture < -(APPROVES + self.doubts)

    def harm(self, mixture: Float[Array, " M"]) -> Float[Array, ""]:
        """What the principal surely loses by a mixture, in parts of its unit."""
        rounded = self.blur() * (mixture @ jnp.abs(self.principal)) + self.doubt * mixture.sum()
        return -(mixture @ self.principal) - rounded

    def lost(self, weights: Float[Array, " N"]) -> Float[Array, ""]:
        """What the principal loses at most by proposals that all approve who have a weight [theory, 12].

        If `sum_i w_i <u_i, d> <= <u_P, d> + eta` for every proposal, then also for their mixtures: and those
        whom nobody with a weight blocks cost the principal no more than eta.
        """
        blame = weights @ self.reviewers - self.principal
        rounded = self.blur() * (weights @ jnp.abs(self.reviewers) + jnp.abs(self.principal))
        doubt = self.doubt + weights @ self.doubts
        return jnp.maximum((blame + rounded).max() + doubt, 0.0)

    def only(self, members: Bool[Array, " N"]) -> "Scores":
        """The same with others indifferent: they approve of everything and cover nothing."""
        return replace(self, reviewers=jnp.where(members[:, None], self.reviewers, 0.0))

    def blur(self) -> float:
        """What a sum over reviewers or proposals rounds, in parts of the sum of sizes."""
        return (sum(self.reviewers.shape) + 8) * float(jnp.finfo(self.principal.dtype).eps)


def entered(principal: Numbers, reviewers: Numbers, directions: Numbers) -> Scores:
    """The scores of checked arguments: `principal` [O], `reviewers` [N, O], `directions` [M, O]."""
    principal, reviewers, directions = checked(principal, reviewers, directions)
    sound = is_sound(principal, reviewers, directions)
    principal, reviewers, directions = (jnp.where(sound, x, 0.0) for x in (principal, reviewers, directions))
    eps = float(jnp.finfo(principal.dtype).eps)
    size, total = jnp.abs(directions), directions.sum(1)
    total = jnp.where(jnp.abs(total) <= 8 * eps * size.sum(1), 0.0, total)  # a difference of two laws

    def of(utilities: Float[Array, "L O"]) -> tuple[Array, Array, Array]:
        middle = (utilities.max(1) + utilities.min(1)) / 2
        centred = utilities - middle[:, None]
        shift = middle[:, None] * total[None]
        scores = centred @ directions.T + shift
        doubt = (principal.size + 4) * eps * (jnp.abs(centred) @ size.T) + 4 * eps * jnp.abs(shift)
        largest, doubt = jnp.abs(scores).max(1), doubt.max(1)
        cares = largest > doubt
        unit = power_of_two(jnp.where(cares, largest, 0.0))
        return jnp.where(cares[:, None], scores / unit[:, None], 0.0), unit, doubt / unit

    hers, unit, doubt = of(principal[None])
    theirs, units, doubts = of(reviewers)
    return Scores(hers[0], theirs, unit[0], units, doubt[0], doubts, sound)


def checked(principal: Numbers, reviewers: Numbers, directions: Numbers) -> list[Array]:
    """As arrays of float64. Raises ValueError for other shapes, empty axes and numbers not finite."""
    arrays = checks.as_floats(principal, reviewers, directions)
    names = ("principal", "reviewers", "directions")
    for name, array, axes in zip(names, arrays, ("[O]", "[N, O]", "[M, O]"), strict=True):
        if array.ndim != axes.count(",") + 1:
            raise ValueError(f"{name} has {array.ndim} axes (shape {array.shape}); it must be {axes}")
        checks.check_not_empty(name, array, axes)
        outcomes = (*array.shape[:-1], arrays[0].shape[0])
        checks.check_shape(name, array, axes, outcomes, "as principal is [O]")
        checks.check_finite(name, array)
        checks.check_float64(name, array, "coalitions")
    return arrays
