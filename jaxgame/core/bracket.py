"""A two-sided interval around an approximately computed number."""

from jaxtyping import Array, ArrayLike, Bool, Float

from jaxgame.core.record import record


@record
class Bracket:
    """Interval from `lower` to `upper` that holds the true value whatever the solver that proposed it did.

    Both ends are recomputed from the definition of the quantity (theory, section 6) and moved outwards by
    what that evaluation rounds. Where they cross one of them is wrong: they are kept as they
    are, so that it shows. Fields share one shape.
    """

    lower: Float[Array, "*batch"]
    upper: Float[Array, "*batch"]

    @property
    def width(self) -> Float[Array, "*batch"]:
        """How far the number is pinned down: upper - lower."""
        return self.upper - self.lower

    @property
    def midpoint(self) -> Float[Array, "*batch"]:
        """The point estimate with the smallest worst-case error, width / 2."""
        return (self.lower + self.upper) / 2

    def contains(self, value: ArrayLike, slack: float = 0.0) -> Bool[Array, "*batch"]:
        """Whether `value` lies in the interval widened by `slack` on both sides."""
        return (self.lower - slack <= value) & (value <= self.upper + slack)

    def _repr_html_(self) -> str:
        from jaxgame.drawing import tables

        return tables.bracket(self)
