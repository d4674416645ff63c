"""Which score a reply holds, if it is beyond doubt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jaxgame.elicit.answers import Answer
from jaxgame.elicit.settings import Scale

# Why a question that was answered has no score, by what the server gives as the reason to stop. It would
# say so again: these are not asked a second time.
_FINAL = {"content_filter": "refused by the server's filter", "model_length": "too long for the model"}

# A comma may stand for the decimal point; before three digits it would part thousands.
_NUMBER = r"(?<![\w.,])[-+]?\d+(?:\.\d+|,\d{1,2})?(?![\w%]|[.,]\d)"
_PERCENT = re.compile(r"(?<![\w.,])([-+]?\d+(?:[.,]\d+)?)\s?%")
# "Score: 7", "**Rating** = 7", "my answer is 7".
_LABELLED = re.compile(
    rf"\b(?:score|rating|rate|answer)\b\W{{0,6}}(?:(?:is|of|would be|it)\b\W{{0,6}})?({_NUMBER})",
    re.IGNORECASE,
)
_RANGE = re.compile(rf"({_NUMBER})\s*(?:-|–|—|\bto\b|\bor\b|\band\b|/)\s*({_NUMBER})", re.IGNORECASE)
_UNWILLING = re.compile(
    r"\b(?:cannot|can['’]t|could not|couldn['’]t|won['’]t|will not|unable|not able|refuse|decline|sorry"
    r"|not appropriate|inappropriate|as an ai)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Outcome:
    """What the replies to one question come to: a `score`, or None and the `reason` (None: it is open)."""

    score: float | None
    reason: str | None

    @property
    def open(self) -> bool:
        """Whether the question is still to be asked, or asked once more."""
        return self.score is None and self.reason is None


def outcome(replies: Sequence[Answer], scale: Scale) -> Outcome:
    """What `replies` to a question, in the order of attempts, come to on `scale`."""
    if not replies:
        return Outcome(None, None)
    last = replies[-1]
    if last.stop in _FINAL:
        return Outcome(None, _FINAL[last.stop])
    cut = last.stop == "max_tokens"
    value = score(last.text, scale, cut=cut)
    if value is not None or len(replies) == 1:
        return Outcome(value, None)
    return Outcome(None, "cut off at max_tokens" if cut else "no number, asked twice")


def score(text: str, scale: Scale, *, cut: bool = False) -> float | None:
    """The score that `text` gives on `scale`, or None if it gives none, or one that could be another.

    Taken are a number alone, one after a word like "score", "7/10" on a scale that ends at 10, and the only
    number within the scale. "From 0 to 10" is no score, and "6 to 8", "3/5" on that scale and "1,000" are
    none. Where a reply is `cut` off or declines, no number is picked out of its prose.
    """
    text = re.sub(r"\bminus\s+(?=\d)", "-", text.replace("−", "-"), flags=re.IGNORECASE)
    if scale.high == 100:
        text = _PERCENT.sub(r"\1", text)
    text = _without_scale(text, scale)
    whole = re.compile(rf"({_NUMBER})\s*(?:/|out of)\s*{_end(scale.high)}", re.IGNORECASE)
    shared = set(whole.findall(text))
    if _several(whole.sub(r"\1", text), scale):
        return None
    alone = text.strip(" \t\n*_`\"'“”.$()[]")
    if re.fullmatch(_NUMBER, alone):
        return _within({alone}, scale)
    labelled = set(_LABELLED.findall(text))
    if labelled or shared:
        return _within(labelled | shared, scale)
    if cut or _UNWILLING.search(text) or (scale.low < 0 and re.search(r"[-–—]\s+\d", text)):
        return None
    return _within(set(re.findall(_NUMBER, text)), scale)


def _several(text: str, scale: Scale) -> bool:
    """Whether `text` gives a range, a choice, or a share of something other than the scale."""
    return any(
        "/" in found[0] or (_within({found[1]}, scale) is not None and _within({found[2]}, scale) is not None)
        for found in _RANGE.finditer(text)
    )


def _without_scale(text: str, scale: Scale) -> str:
    """`text` without what only repeats the scale."""
    ends = rf"{_end(scale.low)}\s*(?:to|and|-|–|—|through)\s*{_end(scale.high)}"
    return re.sub(rf"(?<![\w.,-]){ends}", " ", text, flags=re.IGNORECASE)


def _end(end: float) -> str:
    return rf"{re.escape(f'{end:g}')}(?:\.0+)?(?![\w%]|[.,]\d)"


def _within(numbers: set[str], scale: Scale) -> float | None:
    """The one of `numbers` that is within the scale, if there is one."""
    values = {float(number.replace(",", ".")) for number in numbers}
    inside = {value for value in values if scale.low <= value <= scale.high}
    return inside.pop() if len(inside) == 1 else None
