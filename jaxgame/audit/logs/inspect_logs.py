"""Inspect's logs, `.eval` or `.json`: a log per task and model, samples with scores, perhaps in epochs.

Read by inspect-ai itself (`inspect_ai.log`): the scores are those that its `samples_df` has in columns
`score_*`, which would need pandas and PyArrow besides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs.arrange import Mark, arrange, in_numbers, listed
from jaxgame.audit.logs.log import Asked, Format, Log, LogFile

# As inspect_ai.scorer.value_to_float has it: correct, incorrect, partial, no answer.
LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
EXTRA = "reading Inspect's logs needs inspect-ai: pip install 'jaxgame[elicit]'"


def _is_one(file: LogFile) -> bool:
    return file.kind == "inspect"


def _read(logs: Sequence[LogFile], asked: Asked) -> Log:
    if find_spec("inspect_ai") is None:
        raise InputError(f"{logs[0].path}: {EXTRA}")
    found: list[tuple[Mark, Any]] = []
    notes: list[str] = []
    read = [_samples(file.path) for file in logs]
    tasks = {header.eval.task for header, _ in read}
    for file, (header, samples) in zip(logs, read, strict=True):
        prefix = "" if len(tasks) == 1 else f"{header.eval.task}/"
        if header.status != "success":
            notes.append(f"{file.path.name}: unfinished ({header.status}), {len(samples)} samples read")
        for sample in samples:
            place, epoch = f"{file.path}: sample {sample.id}, epoch {sample.epoch}", str(sample.epoch)
            for scorer, value in _values(sample.scores or {}):
                mark = Mark(f"{prefix}{sample.id}", header.eval.model, scorer, None, place, epoch)
                found.append((mark, value))
    marks, left_out = in_numbers(found)
    if left_out:
        notes.append(f"scorers without numbers left out: {listed(left_out)}")
    if not marks:
        raise InputError("; ".join([f"{asked.source}: holds no scores that are numbers", *notes]))
    log = arrange(marks, asked, metric="scorer", repeats="epochs")
    return replace(log, notes=(*notes, *log.notes))


def _samples(path: Path) -> tuple[Any, list[Any]]:
    """A log's header and its samples, or summaries of them. Raises InputError for a damaged log."""
    from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries

    try:
        if path.suffix.lower() == ".json":
            # Summaries of logs in JSON are remembered by their path, even if the file has changed.
            log = read_eval_log(str(path))
            return log, log.samples or []
        return read_eval_log(str(path), header_only=True), read_eval_log_sample_summaries(str(path))
    except Exception as error:  # whatever the library raises for a damaged file
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path}: not a readable Inspect log ({lines[0][:160]})") from error


def _values(scores: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and values of a sample's scores; a scorer that gives several is SCORER.KEY for each."""
    for scorer, score in scores.items():
        value = score.value
        parts = value.items() if isinstance(value, dict) else [(None, value)]
        for key, part in parts:
            letter = LETTERS.get(part) if isinstance(part, str) else None
            yield scorer if key is None else f"{scorer}.{key}", part if letter is None else letter


FORMAT = Format("Inspect logs", _is_one, _read)
