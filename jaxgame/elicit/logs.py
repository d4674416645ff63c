"""The conversations, to be read with `inspect view`: an Inspect log for each model and persona."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl
from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
from inspect_ai.model import ModelOutput, ModelUsage
from inspect_ai.scorer import Score

from jaxgame.elicit.answers import Answers
from jaxgame.elicit.ask import conversation
from jaxgame.elicit.items import Items
from jaxgame.elicit.questions import Question, reminder
from jaxgame.elicit.reply import outcome
from jaxgame.elicit.settings import Settings
from jaxgame.elicit.table import column
from jaxgame.runs.files import write_whole


def write(
    directory: Path, settings: Settings, items: Items, asked: Sequence[Question], answers: Answers
) -> None:
    """Write the logs that are not there, or that answers came after, into `directory`."""
    directory.mkdir(exist_ok=True)
    groups: dict[str, list[Question]] = {}
    for question in asked:
        groups.setdefault(column(question), []).append(question)
    for name, questions in groups.items():
        # Names may hold what file names may not; the hash keeps apart those that then look alike.
        short = hashlib.sha256(name.encode()).hexdigest()[:6]
        path = directory / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', name)[:80]}_{short}.eval"
        times = [reply.time for question in questions for reply in answers.of(question.key)]
        newest = datetime.fromisoformat(max(times)).timestamp() + 1 if times else 0.0
        if not path.exists() or path.stat().st_mtime <= newest:
            write = partial(_write, settings=settings, items=items, questions=questions, answers=answers)
            write_whole(path, write)


def _write(
    path: Path, settings: Settings, items: Items, questions: Sequence[Question], answers: Answers
) -> None:
    model, persona = questions[0].model, questions[0].persona
    samples = list(_samples(settings, items, questions, answers))
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            created=min(answers.of(question.key)[0].time for question in questions),
            task=persona.name,
            model=model.model,
            model_base_url=model.url,
            dataset=EvalDataset(name=Path(items.source).name, samples=len(samples)),
            config=EvalConfig(),
        ),
        samples=samples,
    )
    write_eval_log(log, str(path), format="eval")


def _samples(
    settings: Settings, items: Items, questions: Sequence[Question], answers: Answers
) -> Iterator[EvalSample]:
    ids = items.kept[settings.items.id].cast(pl.String)
    for question in questions:
        replies = answers.of(question.key)
        output = ModelOutput.from_content(replies[-1].served, replies[-1].text)
        sent, answered = replies[-1].input_tokens, replies[-1].output_tokens
        if sent is not None and answered is not None:
            output.usage = ModelUsage(input_tokens=sent, output_tokens=answered, total_tokens=sent + answered)
        said = outcome(replies, settings.scale)
        asked = conversation(question, replies[:-1], reminder(settings))
        score = Score(value=float("nan") if said.score is None else said.score, explanation=said.reason)
        yield EvalSample(
            id=ids[question.item],
            epoch=question.repeat + 1,
            input=asked,
            target="",
            messages=[*asked, output.message],
            output=output,
            scores={"score": score},
        )
