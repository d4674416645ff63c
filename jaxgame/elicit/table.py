"""The table of scores, what is missing from it, and the note that says how it came about."""

import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from jaxgame import __version__
from jaxgame.elicit.answers import Answer, Answers
from jaxgame.elicit.cost import counted
from jaxgame.elicit.items import Items
from jaxgame.elicit.questions import Question, reminder
from jaxgame.elicit.reply import outcome
from jaxgame.elicit.settings import Model, Settings
from jaxgame.runs.files import write_whole

# Where the note stands in the metadata of a Parquet file.
NOTE = "jaxgame"


def column(question: Question) -> str:
    """The column of the table that a question's score goes into."""
    return f"{question.model.name}/{question.persona.name}"


def assembled(
    settings: Settings, items: Items, asked: Sequence[Question], answers: Answers
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table, a row per item, and a row for each question without a score.

    A score is the mean over the repeats that have one, null if none has.
    """
    found: dict[str, list[list[float]]] = {name: [[] for _ in items.texts] for name in settings.columns()}
    ids = items.kept[settings.items.id].cast(pl.String)
    missing = []
    for question in asked:
        replies = answers.of(question.key)
        told = outcome(replies, settings.scale)
        if told.score is not None:
            found[column(question)][question.item].append(told.score)
            continue
        missing.append(
            {
                "item": ids[question.item],
                "model": question.model.name,
                "persona": question.persona.name,
                "repeat": question.repeat,
                "reason": told.reason or "not asked",
                "answer": replies[-1].text[:500] if replies else "",
            }
        )
    scores = {
        name: pl.Series(name, [math.fsum(cell) / len(cell) if cell else None for cell in cells], pl.Float64)
        for name, cells in found.items()
    }
    texts = dict.fromkeys(("item", "model", "persona", "repeat", "reason", "answer"), pl.String())
    return items.kept.with_columns(**scores), pl.DataFrame(missing, schema=texts | {"repeat": pl.Int64()})


def note(
    settings: Settings, items: Items, asked: Sequence[Question], answers: Answers, table: pl.DataFrame
) -> dict[str, Any]:
    """How the table came about: what was asked, of which versions of which models, when, and at what cost."""
    by_model: dict[str, dict[str, Answer]] = {model.name: {} for model in settings.models}
    for question in asked:
        for reply in answers.of(question.key):
            by_model[question.model.name][f"{reply.key} {reply.attempt}"] = reply
    return {
        "made_by": f"jaxgame {__version__}, inspect-ai {version('inspect-ai')}",
        "items": {"source": Path(items.source).name, "rows": table.height}
        | settings.items.model_dump(exclude_none=True),
        "scale": settings.scale.model_dump(),
        "prompt": settings.prompt,
        "reminder": reminder(settings),
        "repeats": settings.repeats,
        "models": {
            model.name: _model_note(model, list(by_model[model.name].values())) for model in settings.models
        },
        "personas": {persona.name: persona.prompt for persona in settings.everyone},
        "columns": {
            name: {"model": model.name, "persona": persona.name, "missing": table[name].null_count()}
            for name, (model, persona) in settings.columns().items()
        },
    }


def _model_note(model: Model, replies: Sequence[Answer]) -> dict[str, Any]:
    cost = counted(model, replies)
    times = sorted(reply.time for reply in replies)
    return {
        # The address and the sampling, but never a key: only the name of its variable is known here.
        **model.model_dump(exclude={"name", "connections", "timeout"}),
        "served": sorted({reply.served for reply in replies}),
        "first_answer": times[0] if times else None,
        "last_answer": times[-1] if times else None,
        "requests": cost.requests,
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
        "money": cost.money,
    }


def write(path: Path, table: pl.DataFrame, missing: pl.DataFrame, note: Mapping[str, Any]) -> list[Path]:
    """Write the table, its note and, if any, the questions without a score; returns the paths.

    Each file replaces an older one only when it is whole.
    """
    text = json.dumps(note, indent=2, ensure_ascii=False)

    def write_table(temporary: Path) -> None:
        if path.suffix == ".csv":
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary, metadata={NOTE: text})

    paths = [
        write_whole(path, write_table),
        write_whole(
            path.with_suffix(".note.json"), lambda temporary: temporary.write_text(text + "\n", "utf-8")
        ),
    ]
    unanswered = path.with_suffix(".unanswered.csv")
    if missing.height:
        paths.append(write_whole(unanswered, missing.write_csv))
    else:
        unanswered.unlink(missing_ok=True)
    return paths
