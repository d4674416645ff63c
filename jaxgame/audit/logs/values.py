"""Values of scores, as logs have them, into numbers."""

import math
from typing import Any

from jaxgame.audit.errors import InputError

YES_NO = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
MISSING = ("", "nan", "null", "none")


def number(value: Any, place: str) -> float | None:
    """A score as a number, None where it is missing (null, NaN or nothing).

    Truth is 1 and 0, also in words; a list of one is what it holds. Raises InputError, with its `place`, for
    anything else that is no number, and for infinity.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        word = value.strip().lower()
        value = None if word in MISSING else YES_NO.get(word, value)
    if value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{place}: the score is {str(value)[:40]!r}; it must be a number") from error
    if math.isinf(found):
        raise InputError(f"{place}: the score is infinite")
    return None if math.isnan(found) else found


def is_number(value: Any) -> bool:
    """Whether `number` takes it; a missing score counts, for it may be a number elsewhere."""
    try:
        number(value, "")
    except InputError:
        return False
    return True
