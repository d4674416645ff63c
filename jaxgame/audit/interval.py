"""Where a number of an audit may lie."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A two-sided interval from `lower` to `upper`, in the unit of what it is about.

    Of a train distance it is certain: no mixture is nearer than `lower`, and one attains `upper`. Of a
    held-out distance or a weight it is the bootstrap's, at the audit's `confidence`. The field that holds it
    says which.
    """

    lower: float
    upper: float
