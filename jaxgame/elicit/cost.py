"""Tokens and money: estimated before models are asked, counted after."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jaxgame.elicit.answers import Answer
from jaxgame.elicit.questions import Question
from jaxgame.elicit.settings import Model

# Roughly what tokenisers make of European languages, and what a chat's frame adds to each message.
BYTES_PER_TOKEN = 4
FRAME = 4
# A number, and its end: what an answer takes while no answer of the model is known.
SHORT_ANSWER = 3


@dataclass(frozen=True)
class Cost:
    """What was or will be asked of one `model` (its name in the table).

    `requests` counts calls, `input_tokens` and `output_tokens` are sums over them, `money` is in the currency
    of the prices, None where the model has none.
    """

    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    money: float | None


def estimated(model: Model, open_questions: Iterable[Question], answers: Iterable[Answer]) -> Cost:
    """What asking the open questions of `model` takes, each once.

    Its known `answers` tell how long answers are.
    """
    requests = sent = 0
    for question in open_questions:
        requests += 1
        for text in filter(None, (question.system, question.user)):
            sent += len(text.encode()) // BYTES_PER_TOKEN + FRAME
    counts = [answer.output_tokens for answer in answers if answer.output_tokens is not None]
    length = sum(counts) / len(counts) if counts else SHORT_ANSWER
    return _cost(model, requests, sent, round(requests * length))


def counted(model: Model, answers: Iterable[Answer]) -> Cost:
    """What `answers` of `model` took, as its server counted."""
    answers = list(answers)
    sent = sum(answer.input_tokens or 0 for answer in answers)
    return _cost(model, len(answers), sent, sum(answer.output_tokens or 0 for answer in answers))


def total(costs: Mapping[str, Cost]) -> float | None:
    """The money of all models together, None if one of them has no prices."""
    money = [cost.money for cost in costs.values()]
    return None if None in money else sum(part for part in money if part is not None)


def _cost(model: Model, requests: int, sent: int, answered: int) -> Cost:
    prices = model.prices
    money = None if prices is None else (sent * prices.input + answered * prices.output) / 1e6
    return Cost(model.name, requests, sent, answered, money)
