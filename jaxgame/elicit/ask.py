"""Asking: every open question goes to its model, and every answer into the file.

Inspect's model API speaks to the servers: it bounds connections (by itself, from what the server refuses),
waits as Retry-After says, and repeats what failed on the way. Its `eval` would do so, too, and write logs on
the way, but at three times the processor time for a question (16 against 5 ms), into folders of the user's
home, and with the bodies of errors, in which some servers repeat the key.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio
import openai
from anyio.from_thread import start_blocking_portal
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    get_model,
)
from inspect_ai.model import Model as Client
from tenacity import RetryError

from jaxgame.audit.errors import InputError
from jaxgame.elicit.answers import Answer, Answers
from jaxgame.elicit.cost import counted
from jaxgame.elicit.questions import Question, reminder
from jaxgame.elicit.reply import outcome
from jaxgame.elicit.settings import Model, Settings
from jaxgame.runs.files import said_by_disk

# Questions of one model under way at once, where Inspect adapts the number of connections: its most.
MOST_CONNECTIONS = 100
CONNECT_SECONDS = 10.0
# A model whose first answers all lack a number will not find one later.
HOPELESS = 10


@dataclass
class _Run:
    """What the tasks of one run share, with `left` questions to settle.

    The first `failure` ends it: what is under way is still kept.
    """

    settings: Settings
    answers: Answers
    patience: float
    max_cost: float | None
    spent: float
    step: Callable[[], None]
    left: int
    failure: str | None = None
    tried: dict[str, int] = field(default_factory=dict)
    scored: dict[str, int] = field(default_factory=dict)

    def keep(self, question: Question, answer: Answer) -> None:
        """Keep an answer, and stop at the limit of cost."""
        self.answers.add(answer)
        self.spent += counted(question.model, [answer]).money or 0.0
        if self.max_cost is not None and self.spent >= self.max_cost:
            self.failure = (
                self.failure or f"stopped at a cost of {self.spent:.4g}, --max-cost is {self.max_cost:g}"
            )

    def settle(self, question: Question) -> None:
        """Count a question that is not asked again, and stop where a model never gives a number."""
        name = question.model.name
        self.left -= 1
        replies = self.answers.of(question.key)
        found = outcome(replies, self.settings.scale)
        self.tried[name] = self.tried.get(name, 0) + 1
        self.scored[name] = self.scored.get(name, 0) + (found.score is not None)
        if self.tried[name] >= HOPELESS and not self.scored[name]:
            self.failure = self.failure or (
                f"model {name!r}: none of its first {HOPELESS} answers is a number on the scale; the last is "
                f"{_short(replies[-1].text)!r} ({found.reason})"
            )
        self.step()


def ask(
    settings: Settings,
    wanted: Mapping[str, Sequence[Question]],
    answers: Answers,
    *,
    patience: float,
    max_cost: float | None,
    spent: float,
    step: Callable[[], None],
) -> None:
    """Ask each model the questions in `wanted` under its name, and add what it says to `answers`.

    `patience` is for how many seconds a question is repeated while its server is down or busy; where none is
    found at first, none is waited for. Asking ends when all answers cost `max_cost`, of which `spent` was
    spent before; `step` is called after each question.

    Raises InputError, one line, for what is not mended by waiting. Answers that came are kept.
    """
    run = _Run(settings, answers, patience, max_cost, spent, step, sum(map(len, wanted.values())))
    # A thread of its own: in a notebook this one already runs a loop.
    with start_blocking_portal() as portal:
        asking = portal.start_task_soon(_ask_all, run, wanted)
        # In pieces: polars has the system resume a wait without a limit that Ctrl-C would have ended.
        while wait([asking], timeout=0.2).not_done:
            pass
        asking.result()
    if run.failure is not None and run.left:
        kept = "; answers so far are kept, and not asked for again" if answers.known else ""
        raise InputError(run.failure + kept)


async def _ask_all(run: _Run, wanted: Mapping[str, Sequence[Question]]) -> None:
    async with anyio.create_task_group() as group:
        for model in run.settings.models:
            if wanted[model.name]:
                group.start_soon(_ask_model, run, model, wanted[model.name])


async def _ask_model(run: _Run, model: Model, questions: Sequence[Question]) -> None:
    """The first question alone, so that a wrong address or key is told at once; then the others together.

    Each has a task of its own: Inspect keeps what it did in the task's context, until the task ends.
    """
    window = anyio.Semaphore(model.connections or MOST_CONNECTIONS)

    async def one(question: Question, first: bool = False) -> None:
        try:
            await _settle(run, client, question, first)
        finally:
            window.release()

    async with _client(model, run.patience) as client:
        for part in (questions[:1], questions[1:]):
            async with anyio.create_task_group() as group:
                for question in part:
                    await window.acquire()
                    if run.failure is not None:
                        break
                    group.start_soon(one, question, question is questions[0])


def _client(model: Model, patience: float) -> Client:
    config = GenerateConfig(
        temperature=model.temperature,
        max_tokens=model.max_tokens,
        max_connections=model.connections,
        timeout=math.ceil(patience),
        **model.options,
    )
    return get_model(
        f"openai-api/server/{model.model}",
        config=config,
        base_url=model.url,
        # Without a key, as local servers are: the client insists on one.
        api_key=model.secret() or "none",
        memoize=False,
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=openai.Timeout(model.timeout, connect=CONNECT_SECONDS)
        ),
    )


async def _settle(run: _Run, client: Client, question: Question, first: bool) -> None:
    """Ask a question until it is settled, at most twice; what fails for good ends the run.

    Of the `first` question it is asked whether there is a server at all; one that is busy is waited for.
    """
    try:
        while run.failure is None:
            replies = run.answers.of(question.key)
            if not outcome(replies, run.settings.scale).open:
                return run.settle(question)
            try:
                answer = await _answer(run, client, question, replies, retries=0 if first else None)
            except RetryError as error:
                if not first or _nobody(_cause(error)):
                    raise
                answer = await _answer(run, client, question, replies)
            run.keep(question, answer)
    except Exception as error:
        run.failure = run.failure or _told(_cause(error), question.model)


async def _answer(
    run: _Run, client: Client, question: Question, replies: Sequence[Answer], retries: int | None = None
) -> Answer:
    messages = conversation(question, replies, reminder(run.settings))
    config = GenerateConfig(seed=question.seed, max_retries=retries)
    output = await client.generate(messages, config=config)
    usage = output.usage
    return Answer(
        key=question.key,
        attempt=len(replies) + 1,
        text=_without_key(output.completion, question.model),
        stop=output.stop_reason,
        served=_without_key(output.model, question.model),
        input_tokens=None if usage is None else usage.input_tokens,
        output_tokens=None if usage is None else usage.output_tokens,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def conversation(question: Question, replies: Sequence[Answer], reminder: str) -> list[ChatMessage]:
    """The messages of the next attempt, after `replies`."""
    first: list[ChatMessage] = [ChatMessageSystem(content=question.system)] if question.system else []
    if replies and not replies[0].text.strip():
        # Many servers take no empty message, and no two in a row from one side.
        return [*first, ChatMessageUser(content=f"{question.user}\n\n{reminder}")]
    first.append(ChatMessageUser(content=question.user))
    for reply in replies:
        first += [ChatMessageAssistant(content=reply.text), ChatMessageUser(content=reminder)]
    return first


def _cause(error: Exception) -> BaseException:
    """What went wrong the last time, where Inspect tried more than once."""
    last = error.last_attempt.exception() if isinstance(error, RetryError) else None
    return last or error


def _nobody(error: BaseException) -> bool:
    """Whether no server was found, or it hung up; one that is too slow is there."""
    return isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError)


def _told(error: BaseException, model: Model) -> str:
    """What went wrong with a model, in one line, and without its key."""
    whose = f"model {model.name!r} at {model.url}"
    if isinstance(error, openai.APITimeoutError):
        return f"{whose}: no answer within {model.timeout:g} seconds (timeout:)"
    if _nobody(error):
        return f"{whose}: no server answers there ({_short(str(error.__cause__ or error))})"
    status = getattr(error, "status_code", None)
    said = _short(_without_key(getattr(error, "provider_message", None) or str(error), model))
    if status in (401, 403):
        which = "it has no key:" if model.key is None else f"the key in {model.key}"
        return f"{whose}: the server refuses {which} ({said})"
    if status is not None:
        return f"{whose}: the server says {said}"
    if isinstance(error, OSError):
        return f"{error.filename or 'the answers'}: cannot be written ({said_by_disk(error)})"
    return f"{whose}: it does not answer as chat completions do ({type(error).__name__}: {said})"


def _without_key(text: str, model: Model) -> str:
    secret = model.secret()
    return text if secret is None else text.replace(secret, "[key]")


def _short(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:200]
