"""Judgments of answers, as MT-Bench has them: scores of single answers, and votes on pairs.

A record of a score is that of fastchat/llm_judge/common.py in github.com/lm-sys/FastChat (`question_id`,
`model`, `judge`, `score`, `turn`; a score of -1 could not be read), one of a vote stands in `votes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs import files
from jaxgame.audit.logs.arrange import Mark, arrange
from jaxgame.audit.logs.log import PEOPLE, Asked, Format, Log, LogFile
from jaxgame.audit.logs.values import number
from jaxgame.audit.logs.votes import Vote, is_person, is_vote, judge_name, vote

SINGLE = ("question_id", "model", "judge", "score")
NO_SCORE = -1.0


def _is_one(file: LogFile) -> bool:
    return _is_single(file.first) or is_vote(file.first)


def _is_single(record: Mapping[str, Any]) -> bool:
    return all(name in record for name in SINGLE)


def _read(logs: Sequence[LogFile], asked: Asked) -> Log:
    """Judges as columns. Rows are answers; where there are votes only, pairs of answers."""
    scores: list[Mark] = []
    votes: list[tuple[Vote, str]] = []
    for file in logs:
        for count, record in files.records(file):
            place = files.place(file, count)
            if _is_single(record):
                scores.append(_score(record, place))
            elif is_vote(record):
                votes.append((vote(record, place), place))
            else:
                raise InputError(
                    f"{place}: neither a score ({', '.join(SINGLE)}) nor a vote (question_id, model_a, "
                    "model_b, winner, judge)"
                )
    if not scores:
        marks = [_of_pair(*one) for one in votes]
        told = "votes on pairs of answers: 1 for the first of the two by name, 0 for the second, .5 for a tie"
        repeats = "votes and turns"
    else:
        scored = {mark.model for mark in scores}
        marks = scores + [mark for one in votes for mark in _of_answers(*one, scored)]
        told = "scores of answers" + (", and the share of its votes that an answer won" if votes else "")
        repeats = "votes and turns" if votes else "turns"
    log = arrange(marks, asked, model="judge", repeats=repeats)
    people = PEOPLE if PEOPLE in log.frame.columns else None
    return replace(log, target=people, notes=(told, *log.notes))


def _score(record: Mapping[str, Any], place: str) -> Mark:
    for name in SINGLE[:2]:
        if record[name] in (None, ""):
            raise InputError(f"{place}: a score without a {name}")
    judge = judge_name(record["judge"], place)
    score = number(record["score"], place)
    question, turn = str(record["question_id"]), str(record.get("turn") or "")
    value = None if score == NO_SCORE else score
    item = f"{question} | {record['model']}"
    # Of several people the mean is what counts, whoever they are.
    person = is_person(judge)
    repeat = f"{judge}, {turn}" if person else turn
    return Mark(item, PEOPLE if person else judge, "", value, place, repeat, question)


def _of_pair(given: Vote, place: str) -> Mark:
    """A vote as the score of a pair, whichever of the two was shown first."""
    turned = given.second < given.first
    first, second = (given.second, given.first) if turned else (given.first, given.second)
    share = None if given.share is None else 1 - given.share if turned else given.share
    item = f"{given.question} | {first} or {second}"
    if is_person(given.judge):
        return Mark(item, PEOPLE, "", share, place, place, given.question)
    return Mark(item, given.judge, "", share, place, f"{given.turn}, {given.first} first", given.question)


def _of_answers(given: Vote, place: str, scored: set[str]) -> list[Mark]:
    """A vote as scores of both answers, beside judges who gave scores."""
    judge = PEOPLE if is_person(given.judge) else given.judge
    judge = f"{judge} (votes)" if judge in scored else judge
    parts = (given.share, None if given.share is None else 1 - given.share)
    return [
        Mark(f"{given.question} | {model}", judge, "", share, place, place, given.question)
        for model, share in zip((given.first, given.second), parts, strict=True)
    ]


FORMAT = Format("judgments of answers (MT-Bench, Chatbot Arena)", _is_one, _read)
