"""Votes in words, which of two answers is better, as Chatbot Arena and MT-Bench have them: 1, .5 or 0.

Words and fields are those of github.com/lm-sys/FastChat: fastchat/serve/monitor/clean_battle_data.py
(`model_a`, `model_b`, `winner`, `judge`), fastchat/llm_judge/common.py (`model_1`, `model_2`, `g1_winner`
and, with the answers in the other order, `g2_winner`) and compute_agreement.py (who is a person).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from jaxgame.audit.errors import InputError

FIRST = ("model_a", "model_1")
SECOND = ("model_b", "model_2")
TIES = ("tie", "tie (bothbad)", "tie (inconsistent)", "bothbad", "both_bad", "both bad", "draw")
WORDS = dict.fromkeys(FIRST, 1.0) | dict.fromkeys(SECOND, 0.0) | dict.fromkeys(TIES, 0.5)
# Where a vote is missing; "error" is FastChat's word for a judgment without a verdict.
NO_VOTE = ("", "error", "none", "null")
# A column without a vote in so many first rows holds none.
LOOK = 100
BATTLE = ("model_a", "model_b", "winner")
BOTH_ORDERS = ("model_1", "model_2", "g1_winner", "g2_winner")
PERSON = re.compile(
    r"(arena_user|expert|author|human|person|people|user|annotator|rater|worker|crowd)s?([\W_\d]|$)"
)


class Vote(NamedTuple):
    """One vote on a pair of answers: of `question`, by the models `first` and `second`, in the order shown.

    `share` is the first one's part of the vote: 1, .5 or 0, None for no vote.
    """

    question: str
    first: str
    second: str
    judge: str
    share: float | None
    turn: str


def is_vote(record: Mapping[str, Any]) -> bool:
    """Whether a record is a vote on a pair by a judge who is named."""
    pair = all(name in record for name in BATTLE) or all(name in record for name in BOTH_ORDERS)
    return pair and "judge" in record and "question_id" in record


def vote(record: Mapping[str, Any], place: str) -> Vote:
    """The vote of a record. Raises InputError for a word that is no vote, and for empty names."""
    both = BOTH_ORDERS[2] in record
    first, second = (record[name] for name in (BOTH_ORDERS if both else BATTLE)[:2])
    for name, value in (("question_id", record["question_id"]), ("model", first), ("model", second)):
        if value in (None, ""):
            raise InputError(f"{place}: a vote without a {name}")
    if both:
        # Both orders must agree; else it is a tie, as in FastChat's show_result.py.
        orders = [_share(record[name], first, second, place) for name in BOTH_ORDERS[2:]]
        share = None if None in orders else orders[0] if orders[0] == orders[1] else 0.5
    else:
        share = _share(record["winner"], first, second, place)
    judge = judge_name(record["judge"], place)
    return Vote(
        str(record["question_id"]), str(first), str(second), judge, share, str(record.get("turn") or "")
    )


def judge_name(judge: Any, place: str) -> str:
    """Who judges: a name, or the first of a list, which names the model and its prompt, in FastChat."""
    name = judge[0] if isinstance(judge, list | tuple) and judge else judge
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{place}: the judge is {str(judge)[:40]!r}; it must have a name")
    return name.strip()


def is_person(judge: str) -> bool:
    """Whether a judge's name is that of a person: expert_3, author_1, arena_user_..., human."""
    return PERSON.match(judge.lower()) is not None


def _share(word: Any, first: Any, second: Any, place: str) -> float | None:
    """What the first answer has of a vote; the winner may also be a model's name."""
    text = "" if word is None else str(word).strip()
    if text.lower() in NO_VOTE:
        return None
    if text in (first, second) and first != second:
        return float(text == first)
    share = WORDS.get(text.lower())
    if share is None:
        raise InputError(f"{place}: the winner is {text[:40]!r}; a vote is one of {', '.join(WORDS)}")
    return share


def in_numbers(frame: pl.DataFrame, source: str) -> tuple[pl.DataFrame, list[str]]:
    """A table with its columns of votes in words as 1, .5 and 0, and their names.

    A column holds votes if most of its cells are a word of `WORDS` or name the row's `model_a` or `model_b`,
    and not all are ties. Raises InputError for a cell of such a column that is neither.
    """
    found = []
    for name in frame.columns:
        if name in (*FIRST, *SECOND) or frame[name].dtype not in (pl.String, pl.Categorical, pl.Enum):
            continue
        if _shares(frame.head(LOOK), name).is_null().all():
            continue
        text = frame[name].cast(pl.String).str.strip_chars()
        given = text.is_not_null() & ~text.str.to_lowercase().is_in(NO_VOTE)
        shares = _shares(frame, name)
        known = shares.is_not_null()
        if known.sum() <= given.sum() / 2 or shares.drop_nulls().unique().to_list() == [0.5]:
            continue
        wrong = (given & ~known).arg_true()
        if len(wrong):
            raise InputError(
                f"{source}: row {wrong[0] + 1}, column {name!r}: {text[wrong[0]][:40]!r} is no vote; votes "
                f"are {', '.join(WORDS)}"
            )
        frame = frame.with_columns(shares.alias(name))
        found.append(name)
    return frame, found


def _shares(frame: pl.DataFrame, name: str) -> pl.Series:
    """What the first answer has of each vote in a column of words, null where a cell is no vote."""
    text = pl.col(name).cast(pl.String).str.strip_chars()
    shares = text.str.to_lowercase().replace_strict(WORDS, default=None, return_dtype=pl.Float64)
    if all(model in frame.columns for model in BATTLE[:2]):
        first, second = (text == pl.col(model).cast(pl.String, strict=False) for model in BATTLE[:2])
        shares = pl.when(first & ~second).then(1.0).when(second & ~first).then(0.0).otherwise(shares)
    return frame.select(shares.alias(name)).to_series()
