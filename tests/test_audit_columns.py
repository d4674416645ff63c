"""What is taken for a model, and what is not: indices, ids, times, counters, groups, parts of the target."""

import datetime

import numpy as np
import polars as pl
import pytest

from jaxgame import panel
from jaxgame.audit import InputError
from jaxgame.audit.likeness import remarks, without_derived
from jaxgame.audit.prepare import Scores
from jaxgame.audit.reading import read_scores

N = 60
PLACE = np.arange(N)
RANDOM = np.random.default_rng(0)
A, B = RANDOM.normal(size=(2, N))
PEOPLE = 0.6 * A + 0.4 * B + 0.1 * RANDOM.normal(size=N)
BASE = {"item": [f"q{i}" for i in PLACE], "people": PEOPLE, "a": A, "b": B}
QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}

NO_SCORES = {
    "an index": {
        "Unnamed: 0": RANDOM.permutation(N),
        "Unnamed: 0.1": PLACE / 2,
        "__index_level_0__": RANDOM.normal(size=N),
        "rownames": RANDOM.permutation(N),
        "Row.Names": RANDOM.permutation(N),
        "level_0": PLACE % 7,
    },
    "row numbers": {
        "n": PLACE,
        "x": PLACE + 1,
        "serial": np.cumsum(RANDOM.integers(1, 4, N)),
        "down": N - PLACE,
        "turn no": PLACE % 4 + 1,
        "some": np.where(PLACE % 5 == 0, np.nan, PLACE),
    },
    "ids": {
        "user_id": RANDOM.permutation(10**6)[:N],
        "sampleId": RANDOM.permutation(N),
        "annotator ID": RANDOM.integers(0, 9, N),
        "row_idx": RANDOM.permutation(N),
        "uuid": RANDOM.permutation(N) * 1.0,
    },
    "times": {
        "when": 1.7e9 + RANDOM.integers(0, 10**7, N),
        "created": 1.7e12 + RANDOM.integers(0, 10**9, N),
        "nanoseconds": 1.7e18 + RANDOM.integers(0, 10**9, N),
        "day": 20240101 + PLACE % 28,
        "timestamp": RANDOM.random(N),
        "updated_at": RANDOM.random(N),
        "year": 2000 + PLACE % 20,
        "moment": np.datetime64("2024-01-01T00:00:00.000") + PLACE,
        "lasted": (PLACE % 5).astype("timedelta64[ms]"),
    },
    "group numbers": {
        "scene": PLACE // 5,
        "dialogue": RANDOM.integers(0, 9, N),
        "prompt": PLACE // 3,
        "z": PLACE // 2,
    },
}


@pytest.mark.parametrize(
    ("reason", "name"), [(why, name) for why, columns in NO_SCORES.items() for name in columns]
)
def test_columns_that_hold_no_scores(tmp_path, reason, name):
    column = NO_SCORES[reason][name]
    frame = pl.DataFrame(BASE | {name: column})
    sources = [BASE | {name: column}, tmp_path / "t.parquet"]
    frame.write_parquet(tmp_path / "t.parquet")
    if column.dtype.kind not in "mM":
        frame.write_csv(tmp_path / "t.csv")
        sources.append(tmp_path / "t.csv")
    for source in sources:
        scores = read_scores(source)
        assert scores.columns == ("people", "a", "b")
        assert f"no scores, left out: {name} ({reason}); --models can name them all the same" in scores.notes
    if column.dtype.kind not in "mM":
        for named in ({"models": [name, "a"]}, {"candidates": name}, {"targets": name}):
            assert name in read_scores(sources[-1], **named).columns


@pytest.mark.parametrize(
    "column",
    [
        RANDOM.permutation(N),  # ranks
        RANDOM.integers(0, 2, N),
        PLACE % 5,
        np.sort(RANDOM.integers(1, 6, N)),
        np.sort(RANDOM.normal(size=N)),
        np.where(PLACE % 20 == 0, PLACE, np.nan),
        1e9 * RANDOM.random(N),
    ],
    ids=["ranks", "votes", "cycle", "sorted ratings", "sorted", "three numbers", "large"],
)
def test_columns_that_may_hold_scores(column):
    assert read_scores(BASE | {"gpt": column}).columns == ("people", "a", "b", "gpt")


def test_a_senator_of_idaho_is_no_id():
    assert "craig_r_id" in read_scores(BASE | {"craig_r_id": PLACE % 2}).columns


def test_text_and_dates_are_no_scores():
    dates = [datetime.datetime(2024, 1, 1) + datetime.timedelta(days=int(i)) for i in PLACE]
    scores = read_scores(BASE | {"iso": [f"{date:%Y-%m-%d}" for date in dates], "date": dates})
    assert scores.columns == ("people", "a", "b")


def test_what_is_left_when_nothing_is():
    with pytest.raises(
        InputError, match=r"no model column is left beside 'people'; no scores, left out: n \(row num"
    ):
        panel.audit({"people": PEOPLE, "n": PLACE}, target="people", **QUICK)
    with pytest.raises(InputError, match=r"no column of scores \(no scores, left out: n"):
        panel.audit({"n": PLACE, "x": PLACE}, **QUICK)


def test_columns_that_are_not_named_are_not_looked_at():
    table = BASE | {
        "junk": ["1"] * 40 + ["x"] * 20,
        "empty": [None] * N,
        "wild": np.where(PLACE == 3, np.inf, A),
    }
    with pytest.raises(InputError, match="row 41, column 'junk': 'x' is not a number"):
        read_scores(table)
    assert read_scores(table, targets="people", models="a,b").columns == ("people", "a", "b")


# Groups


def test_a_first_column_that_repeats_is_a_group():
    table = {"question_id": [f"q{i // 3}" for i in PLACE]} | {
        name: BASE[name] for name in ("people", "a", "b")
    }
    scores = read_scores(table)
    np.testing.assert_array_equal(scores.blocks, PLACE // 3)
    assert any(
        "column 'question_id' has 20 values in 60 rows: taken as groups of rows" in one
        for one in scores.notes
    )
    scores = read_scores(table | {"scene": PLACE // 6}, group="scene")
    np.testing.assert_array_equal(scores.blocks, PLACE // 6)
    assert any("in 60 rows: they do not name the items" in one for one in scores.notes)
    with pytest.raises(
        InputError, match=r"rows 1 and 2, column 'question_id': item 'q0' occurs twice \(--group"
    ):
        read_scores(table, item="question_id")
    slip = ["q1" if i == 5 else f"q{i}" for i in PLACE]
    with pytest.raises(InputError, match="rows 2 and 6, column 'question_id': item 'q1' occurs twice"):
        read_scores(table | {"question_id": slip})


def test_items_of_two_columns_in_a_wide_table():
    table = BASE | {"item": [f"q{i // 2}" for i in PLACE], "side": PLACE % 2}
    scores = read_scores(table, item=["item", "side"])
    assert scores.columns == ("people", "a", "b") and scores.blocks is None
    with pytest.raises(
        InputError, match="rows 2 and 4, columns 'item' and 'side': item 'q1, 1' occurs twice"
    ):
        read_scores(table | {"item": ["q1" if i == 1 else f"q{i // 2}" for i in PLACE]}, item="item,side")


@pytest.mark.parametrize("name", ["scene", "prompt text"])
def test_a_column_that_repeats_is_suggested_as_a_group(name):
    text = BASE | {name: [f"in scene {i // 4}" for i in PLACE], "kind": [f"k{i % 10}" for i in PLACE]}
    (note,) = [note for note in read_scores(text).notes if "may belong together" in note]
    assert note.endswith(
        f"--group {name} (15 groups)" if name == "scene" else "--group 'prompt text' (15 groups)"
    )
    shuffled = text | {name: np.random.default_rng(1).permutation(text[name])}
    (note,) = [note for note in read_scores(shuffled).notes if "may belong together" in note]
    assert "--group kind (10 groups)" in note and "(15 groups)" in note
    assert not any("may belong together" in note for note in read_scores(text, group=name).notes)
    few = BASE | {"half": ["x", "y"] * 30, "free": [f"text {i}" for i in PLACE]}
    assert not any("may belong together" in note for note in read_scores(few).notes)


# Like the target, or unlike it


def scores_of(**columns):
    return Scores("t", tuple(columns), np.column_stack(list(columns.values())))


@pytest.mark.parametrize(
    ("target", "name", "column"),
    [
        ("human_reference", "human_reference_sum10", B),
        ("human_mean", "human_sd", B),
        ("human_mean", "human_2", B),
        ("human_mean", "human", B),
        ("people", "people (avg)", B),
        ("people", "people.n", B),
        ("people", "a_copy_of_people", 3 * PEOPLE + 1),
        ("human score", "score_flipped", 1 - PEOPLE),
    ],
)
def test_columns_made_from_the_target_are_left_out(target, name, column):
    scores = scores_of(**{target: PEOPLE, "a": A, name: column})
    models, (note,) = without_derived(scores, [target], ["a", name])
    assert models == ("a",) and f"left out: {name};" in note and repr(target) in note
    # If nothing else is there, it stays.
    assert without_derived(scores, [target], [name]) == ((name,), ())
    table = {target: PEOPLE, "a": A, "b": B + A, name: column}
    assert panel.audit(table, target=target, **QUICK)[target].models == ("a", "b")
    assert panel.audit(table, target=target, models=[name, "a"], **QUICK)[target].models == (name, "a")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("judge_1", "judge_2"),
        ("gpt-4", "gpt-4-0613"),
        ("gpt-4", "gpt-4-turbo"),
        ("people", "gpt"),
        ("m1", "m10"),
    ],
)
def test_models_with_names_like_the_target_stay(target, name):
    assert without_derived(scores_of(**{target: PEOPLE, "a": A, name: B}), [target], ["a", name]) == (
        ("a", name),
        (),
    )


def test_models_that_are_the_target_itself_are_told():
    scores = scores_of(people=PEOPLE, gpt=2 * PEOPLE + 1, near=PEOPLE + 1e-4 * A, a=A)
    assert without_derived(scores, ["people"], ["gpt", "near", "a"]) == (("gpt", "near", "a"), ())
    (note,) = remarks(scores, "people", ["gpt", "near", "a"])
    assert note.startswith("almost the target 'people' itself (correlation): gpt (1), near (1);")


def test_what_runs_against_the_target_is_told():
    noise = np.random.default_rng(2).normal(size=(3, N))
    columns = {
        "people": PEOPLE,
        "error rate": noise[0] - 2 * PEOPLE,
        "weak": noise[1] - 0.1 * PEOPLE,
        "flat": 0 * A,
    }
    columns["holes"] = np.where(PLACE % 2, np.nan, -PEOPLE + 0.3 * noise[2])
    columns["few"] = np.where(PLACE < 4, -PEOPLE, np.nan)
    names = [name for name in columns if name != "people"]
    (note,) = [note for note in remarks(scores_of(**columns), "people", names) if "run against" in note]
    error = np.corrcoef(columns["error rate"], PEOPLE)[0, 1]
    holes = np.corrcoef(columns["holes"][::2], PEOPLE[::2])[0, 1]
    assert f"error rate ({error:.2f}), holes ({holes:.2f});" in note
    assert note.endswith("where less is better say --reverse 'error rate' --reverse holes")
    assert "weak" not in note and "flat" not in note and "few" not in note
    assert remarks(scores_of(people=PEOPLE, a=A, b=B), "people", ["a", "b"]) == ()


def test_chance_runs_against_the_target_in_few_tables():
    random = np.random.default_rng(3)
    told = 0
    for _ in range(300):
        columns = {f"m{i}": random.normal(size=40) for i in range(20)}
        told += bool(remarks(scores_of(people=random.normal(size=40), **columns), "people", list(columns)))
    assert told <= 10  # one in a hundred is meant: more than 10 of 300 has probability 3e-4


def test_reversed_columns_are_negated():
    reverse = ["a", "b"]
    found = panel.audit(BASE, target="people", reverse=reverse, models=["a", "b"], **QUICK)
    negated = BASE | {"a": -A, "b": -B}
    assert found.targets == panel.audit(negated, target="people", models=["a", "b"], **QUICK).targets
    assert "turned round, scores times -1: a, b" in found.notes
