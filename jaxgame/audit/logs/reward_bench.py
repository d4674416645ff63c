"""RewardBench: rewards of the answers to a prompt, of which people chose some and rejected the others.

Shapes, as written by github.com/allenai/reward-bench: rewardbench/rewardbench.py saves a line per pair, in
`MODEL_all.jsonl` (`chosen`, `rejected`) and `MODEL_outputs.jsonl` (`scores_chosen`, `scores_rejected`, and
what the data set knows of the pair); scripts/run_rm.py an object of columns for each model with
`scores_chosen` and `scores_rejected`; scripts/run_v2.py one with lists of `scores`, of which the first
`num_correct` belong to right answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs import files
from jaxgame.audit.logs.arrange import Mark, arrange
from jaxgame.audit.logs.log import Asked, Format, Log, LogFile
from jaxgame.audit.logs.values import number

PAIRS = (("chosen", "rejected"), ("scores_chosen", "scores_rejected"))
CHOSEN = "chosen"
SEVERAL, RIGHT = "scores", "num_correct"
ENDINGS = ("_all.jsonl", "_outputs.jsonl", ".jsonl", ".json")
CENTRED = (
    "rewards are counted from their mean over the answers to one prompt, for only differences say which "
    f"answer a model prefers; so is the target {CHOSEN!r}, 1 for what was chosen and 0 for what was not"
)


def _is_one(file: LogFile) -> bool:
    first = file.first
    # Preference data have `chosen` and `rejected` too, as texts or lists of messages.
    pairs = any(_are_rewards(first.get(a)) and _are_rewards(first.get(b)) for a, b in PAIRS)
    return pairs or (_are_rewards(first.get(SEVERAL)) and RIGHT in first)


def _are_rewards(value: Any) -> bool:
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(logs: Sequence[LogFile], asked: Asked) -> Log:
    marks: list[Mark] = []
    # What was chosen is the same for all models.
    chosen: dict[str, Mark] = {}
    counts: dict[Path, int] = {}
    for file, name in zip(logs, files.names([file.path for file in logs]), strict=True):
        ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
        count = 0
        for key, model, rewards, right, place in _prompts(file):
            count += 1
            items = [f"{key}, answer {answer}" for answer in range(1, len(rewards) + 1)]
            labels = [1.0] * right + [0.0] * (len(rewards) - right)
            own = model or name.removesuffix(ending)
            for item, reward, label in zip(items, _centred(rewards), _centred(labels), strict=True):
                marks.append(Mark(item, own, "", reward, place, group=key))
                known = chosen.setdefault(item, Mark(item, CHOSEN, "", label, place, group=key))
                if known.value != label:
                    raise InputError(
                        f"{place}: prompt {key} has not the numbers of right and wrong answers that it has "
                        f"in {known.place}; are these versions of one data set?"
                    )
        counts[file.path] = count
    _check_counts(logs, counts)
    log = arrange([*chosen.values(), *marks], asked)
    return replace(log, target=CHOSEN, notes=(CENTRED, *log.notes))


def _check_counts(logs: Sequence[LogFile], counts: Mapping[Path, int]) -> None:
    """Raise InputError if prompts that only their order names are not equally many in all logs."""
    without = ["id" not in file.first for file in logs]
    few, most = (choose(counts, key=lambda path: counts[path]) for choose in (min, max))
    if any(without) and (not all(without) or counts[few] != counts[most]):
        raise InputError(
            f"{few}: {counts[few]} prompts, {most}: {counts[most]}; without 'id' in every log only their "
            "order tells which is which, so that all must be of the same prompts"
        )


def _centred(values: Sequence[float | None]) -> list[float | None]:
    """The values less their mean; none of them if one is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return [None] * len(values)
    return [value - sum(known) / len(known) for value in known]


def _prompts(file: LogFile) -> Iterator[tuple[str, str | None, list[float | None], int, str]]:
    """Of each prompt its name, the model if the log says so, rewards (right answers first), and the place."""
    for count, record in files.records(file):
        rows = _rows(record, files.place(file, count))
        for row_count, row in enumerate(rows, 1):
            place = files.place(file, count) + (f", row {row_count}" if len(rows) > 1 else "")
            key = row.get("id")
            if key is None:
                key = count if len(rows) == 1 else row_count
            subset = row.get("subset")
            name = f"{subset}/{key}" if isinstance(subset, str) else str(key)
            rewards, right = _rewards(row, place)
            model = row.get("model")
            yield name, model if isinstance(model, str) else None, rewards, right, place


def _rows(record: Mapping[str, Any], place: str) -> list[Mapping[str, Any]]:
    """The rows of a record that holds whole columns, or the record."""
    columns = record.get("scores_chosen", record.get(RIGHT))
    if not isinstance(columns, list) or len(columns) == 1:
        return [record]
    lists = {name: value for name, value in record.items() if isinstance(value, list)}
    wrong = next((name for name, value in lists.items() if len(value) != len(columns)), None)
    if wrong is not None:
        raise InputError(f"{place}: {wrong!r} has {len(lists[wrong])} entries, the scores {len(columns)}")
    return [{**record, **{name: value[row] for name, value in lists.items()}} for row in range(len(columns))]


def _rewards(row: Mapping[str, Any], place: str) -> tuple[list[float | None], int]:
    """The rewards of a prompt's answers, and how many of them, the first, were chosen."""
    for pair in PAIRS:
        if pair[0] in row and pair[1] in row:
            return [number(row[name], place) for name in pair], 1
    scores, right = row.get(SEVERAL), row.get(RIGHT)
    if not isinstance(scores, list) or not isinstance(right, int) or not 0 < right < len(scores):
        raise InputError(
            f"{place}: has neither 'chosen' and 'rejected' nor 'scores_chosen' and 'scores_rejected', nor "
            "'scores' with 'num_correct'"
        )
    return [number(score, place) for score in scores], right


FORMAT = Format("RewardBench", _is_one, _read)
