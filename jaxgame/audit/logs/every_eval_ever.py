"""Every Eval Ever: a record per sample and model, `evaluation.score`.

The schema is instance_level_eval.schema.json of github.com/evaleval/every_eval_ever (0.3.0). A sample that
several metrics scored has a record for each, told apart by `evaluation_result_id` or `evaluation_name`; where
one name stands for another subtask, the sample's hash differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs import files
from jaxgame.audit.logs.arrange import Mark, arrange
from jaxgame.audit.logs.log import Asked, Format, Log, LogFile
from jaxgame.audit.logs.values import number

NEEDED = ("model_id", "sample_id", "evaluation")


def _is_one(file: LogFile) -> bool:
    return all(name in file.first for name in NEEDED)


def _read(logs: Sequence[LogFile], asked: Asked) -> Log:
    found = [
        _sample(record, files.place(file, count)) for file in logs for count, record in files.records(file)
    ]
    hashes: dict[str, set[str]] = {}
    within: dict[tuple[str, str], set[str]] = {}
    for one in found:
        hashes.setdefault(one.sample, set()).add(one.digest)
        within.setdefault((one.model, one.sample), set()).add(one.digest)
    # One name for two samples of one model: a hash tells them apart.
    shared = {sample for (_, sample), own in within.items() if len(own) > 1}
    found = [
        one._replace(sample=f"{one.sample} ({one.digest[:8]})") if one.sample in shared else one
        for one in found
    ]
    # One score a sample: names of evaluations are then subtasks, and their samples are pooled.
    once = len({(one.model, one.sample) for one in found}) == len(found)
    marks = [Mark(one.sample, one.model, "" if once else one.metric, one.score, one.place) for one in found]
    log = arrange(marks, asked, metric="evaluation")
    differ = sum(len(own - {""}) > 1 for sample, own in hashes.items() if sample not in shared)
    notes = (
        [f"{differ} samples have another sample_hash with another model: are they the same?"]
        if differ
        else []
    )
    return replace(log, notes=(*log.notes, *notes))


class Sample(NamedTuple):
    """One record: a model's score by a metric on a sample, which its hash tells from others of its name."""

    model: str
    sample: str
    digest: str
    metric: str
    score: float | None
    place: str


def _sample(record: Mapping[str, Any], place: str) -> Sample:
    """What a record says. Raises InputError, with its `place`, for one that lacks something."""
    for name in NEEDED:
        if record.get(name) in (None, ""):
            raise InputError(f"{place}: has no {name!r}, which every record needs")
    evaluation = record["evaluation"]
    if not isinstance(evaluation, dict) or "score" not in evaluation:
        raise InputError(f"{place}: its 'evaluation' has no 'score'")
    metric = record.get("evaluation_result_id") or record.get("evaluation_name") or "score"
    score = number(evaluation["score"], place)
    digest = str(record.get("sample_hash") or "")
    return Sample(str(record["model_id"]), str(record["sample_id"]), digest, str(metric), score, place)


FORMAT = Format("Every Eval Ever", _is_one, _read)
