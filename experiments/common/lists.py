"""Lists in an experiment's config: what they must be, said in one line."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any


def check_list(
    name: str, values: Sequence[Any], must_be: str, each: Callable[[Any], bool], *, increasing: bool = False
) -> None:
    """Raise ValueError unless `values`, one or more, are distinct or `increasing` and `each` holds of all."""
    ordered = all(a < b for a, b in pairwise(values)) if increasing else len(set(values)) == len(values)
    if not values or not all(map(each, values)) or not ordered:
        raise ValueError(f"experiment.{name} is {list(values)}; it must be {must_be}")


def check_increasing(name: str, values: Sequence[int], least: int) -> None:
    """Raise ValueError unless `values` are increasing integers from `least` on."""
    check_list(
        name, values, f"increasing integers from {least} on", lambda value: value >= least, increasing=True
    )


def check_diversity(values: Sequence[float]) -> None:
    """Raise ValueError unless `values` are distinct and from 0 to 1."""
    check_list("diversity", values, "distinct numbers from 0 to 1", lambda value: 0 <= value <= 1)
