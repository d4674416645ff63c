"""The lm-evaluation-harness: `samples_TASK_DATE.jsonl`, a file per model and task, a record per document.

What is written is in lm_eval/loggers/evaluation_tracker.py and lm_eval/evaluator.py of
github.com/EleutherAI/lm-evaluation-harness: a document has a record for each filter, with a key for each
metric. The model stands in the results of the same date, `results_DATE.json` (or `NAME_DATE.json`), and in
the folder's name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs import files
from jaxgame.audit.logs.arrange import Mark, arrange, in_numbers, listed
from jaxgame.audit.logs.log import Asked, Format, Log, LogFile

# Keys of a record that are no metrics.
OTHERS = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d{2}-\d{2}T[^_]+)\.jsonl(\.gz)?")
NO_FILTER = "none"


def _is_one(file: LogFile) -> bool:
    return "doc_id" in file.first and "resps" in file.first


def _read(logs: Sequence[LogFile], asked: Asked) -> Log:
    found: list[tuple[Mark, Any]] = []
    documents: dict[str, tuple[str, str]] = {}
    named = [SAMPLES.fullmatch(file.path.name) for file in logs]
    tasks = [name["task"] if name else file.path.stem for file, name in zip(logs, named, strict=True)]
    for file, name, task in zip(logs, named, tasks, strict=True):
        model = _model(file.path, name and name["date"])
        for count, record in files.records(file):
            place = files.place(file, count)
            if record.get("doc_id") is None:
                raise InputError(f"{place}: has no 'doc_id', which every sample needs")
            item = f"{record['doc_id']}" if len(set(tasks)) == 1 else f"{task}/{record['doc_id']}"
            _check_same(documents, item, record, place)
            for metric, value in _metrics(record, place):
                found.append((Mark(item, model, metric, None, place), value))
    marks, left_out = in_numbers(found)
    log = arrange(marks, asked)
    # Some metrics are more than a number a document, such as the counts of a perplexity.
    notes = [f"metrics without numbers left out: {listed(left_out)}"] if left_out else []
    return replace(log, notes=(*notes, *log.notes))


def _model(path: Path, date: str | None) -> str:
    """The model's name, from the results of the same date beside the samples, or the folder's name."""
    for beside in sorted(path.parent.glob(f"*_{date}.json")) if date else ():
        try:
            results = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(results, dict) and isinstance(results.get("model_name"), str):
            return results["model_name"]
    return path.absolute().parent.name


def _check_same(
    documents: dict[str, tuple[str, str]], item: str, record: Mapping[str, Any], place: str
) -> None:
    """Raise InputError if an earlier log has another document under this number."""
    digest = record.get("doc_hash")
    if isinstance(digest, str):
        known, where = documents.setdefault(item, (digest, place))
        if known != digest:
            raise InputError(
                f"{place}: document {item} is not that of {where} (doc_hash); are these versions of one task?"
            )


def _metrics(record: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    """Names and values of a record's metrics, with its filter as the harness writes it: METRIC,FILTER."""
    names = record.get("metrics")
    if not isinstance(names, list):  # older logs do not list them
        names = [name for name in record if name not in OTHERS and not name.endswith("_hash")]
    filter_ = record.get("filter")
    for name in names:
        if not isinstance(name, str) or name not in record:
            raise InputError(f"{place}: has no {name!r}, though its 'metrics' name it")
        yield f"{name},{filter_}" if filter_ not in (None, NO_FILTER) else name, record[name]


FORMAT = Format("lm-evaluation-harness samples", _is_one, _read)
