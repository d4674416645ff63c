"""Long tables, items of several columns, and names as people give them."""

import itertools

import numpy as np
import polars as pl
import pytest

from jaxgame import panel
from jaxgame.audit import InputError
from jaxgame.audit.names import expand, listed
from jaxgame.audit.reading import long as layout
from jaxgame.audit.reading import read_scores

ITEMS, MODELS = 20, ("x", "y", "z")
SCORES = np.round(np.random.default_rng(0).normal(size=(ITEMS, 3)), 3)
PEOPLE = np.round(SCORES @ [0.5, 0.5, 0.0], 3)
LONG = {"item": "item", "model": "model", "score": "score"}


def long(shuffle=True, **changes):
    """A row per score, with people's scores, scenes of five items, and a split by scene."""
    rows = [
        {
            "item": f"q{i}",
            "model": model,
            "score": SCORES[i, j],
            "people": PEOPLE[i],
            "scene": f"s{i // 2}",
            "part": "train" if i < 14 else "test",
        }
        for i, (j, model) in itertools.product(range(ITEMS), enumerate(MODELS))
    ]
    frame = pl.DataFrame(rows).with_columns(**changes)
    return frame.sample(fraction=1, shuffle=True, seed=1) if shuffle else frame


def in_order(frame):
    """The places of the items in the order of their first rows."""
    return [int(name[1:]) for name in frame["item"].unique(maintain_order=True)]


def test_peoples_scores_group_and_split_are_columns_with_one_value_an_item(tmp_path):
    frame = long()
    order = in_order(frame)
    frame.write_csv(tmp_path / "t.csv")
    for source in (frame, tmp_path / "t.csv"):
        scores = read_scores(source, **LONG, targets="people", group="scene", split="part")
        places = [scores.columns.index(name) for name in (*MODELS, "people")]
        np.testing.assert_array_equal(scores.values[:, places], np.column_stack([SCORES, PEOPLE])[order])
        np.testing.assert_array_equal(scores.split, np.array(order) < 14)
        same = np.equal.outer(scores.blocks, scores.blocks)
        np.testing.assert_array_equal(same, np.equal.outer(np.array(order) // 2, np.array(order) // 2))
    found = panel.audit(
        frame, target="people", group="scene", split="part", bootstrap=20, shuffles=19, splits=0, **LONG
    )
    audit = found["people"]
    assert set(audit.models) == set(MODELS) and (audit.train_rows, audit.heldout_rows) == (14, 6)
    assert "columns with one score an item: people" in found.notes


def test_some_rows_may_lack_what_the_item_has():
    frame = long(people=pl.when(pl.col("model") == "y").then("people").otherwise(None))
    scores = read_scores(frame, **LONG, targets="people")
    np.testing.assert_array_equal(scores.values[:, -1], PEOPLE[in_order(frame)])
    # Items without a target's score are of no use.
    frame = long(people=pl.when(pl.col("item") == "q3").then(None).otherwise("people"))
    scores = read_scores(frame, **LONG, targets="people")
    assert len(scores.values) == ITEMS - 1 and np.isfinite(scores.values).all()
    assert len(read_scores(frame, **LONG, targets=["people", "x"]).values) == ITEMS
    assert len(read_scores(frame, **LONG).values) == ITEMS


@pytest.mark.parametrize(
    ("column", "value", "options", "says"),
    [
        ("people", 9.0, {"targets": "people"}, rf"two values, {PEOPLE[2]} and 9.0; it must have one"),
        ("scene", "s9", {"group": "scene"}, "two values, s1 and s9; it must have one"),
        ("part", "test", {"split": "part"}, "two values, train and test; it must have one"),
    ],
)
def test_an_item_with_two_values_is_refused(column, value, options, says):
    eighth = pl.int_range(pl.len()) == 7
    frame = long(shuffle=False, **{column: pl.when(eighth).then(pl.lit(value)).otherwise(column)})
    with pytest.raises(InputError, match=rf"rows 7 and 8, column '{column}': item 'q2' has {says}"):
        read_scores(frame, **LONG, **options)


def test_a_model_is_a_model_before_it_is_a_column():
    frame = long(model=pl.col("model").replace("z", "people"))
    scores = read_scores(frame, **LONG, targets="people")
    np.testing.assert_array_equal(
        scores.values[:, scores.columns.index("people")], SCORES[in_order(frame), 2]
    )


def test_items_of_two_columns_are_not_mixed_up():
    # "a, b" and "c", "a" and "b, c": the parts tell them apart.
    frame = pl.DataFrame(
        {"one": ["a, b", "a"], "two": ["c", "b, c"], "model": ["x"] * 2, "score": [1.0, 2.0]}
    )
    assert read_scores(frame, item=["one", "two"], model="model", score="score").values.tolist() == [
        [1.0],
        [2.0],
    ]
    with pytest.raises(
        InputError, match=r"rows 1 and 3, columns 'one' and 'two' and 'model': item 'a, b, c' has two"
    ):
        read_scores(pl.concat([frame, frame[:1]]), item="one,two", model="model", score="score")
    with pytest.raises(InputError, match="must be three columns, not 'one', 'one', 'model', 'score'"):
        read_scores(frame, item="one,one", model="model", score="score")
    with pytest.raises(InputError, match="no column 'three' for --item"):
        read_scores(frame, item="one,three", model="model", score="score")


def test_numbers_as_names_of_items_and_models():
    frame = long().with_columns(
        item=pl.col("item").str.slice(1).cast(float), model=pl.col("model").replace("x", "7")
    )
    scores = read_scores(frame, **LONG, targets="7")
    assert set(scores.columns) == {"7", "y", "z"}
    with pytest.raises(InputError, match="item '3' has two scores by 'y'"):
        rows = (pl.col("item") == 3) & (pl.col("model") == "y")
        read_scores(pl.concat([frame, frame.filter(rows)]), **LONG)


def test_a_long_table_that_is_read_as_a_wide_one_is_refused():
    frame = long(shuffle=False).select("item", "model", "score", "people")
    says = (
        "each 'item' has rows for the same 3 values of 'model': .* --item item --model model; where each row"
    )
    with pytest.raises(InputError, match=says):
        read_scores(frame, targets="people")
    assert read_scores(frame, targets="people", group="item").columns == ("score", "people")
    with pytest.raises(InputError, match="a long table needs --item, --model and --score together"):
        read_scores(frame, item="item", model="model")


def test_scores_that_are_all_missing():
    silent = long(score=pl.when(pl.col("model") == "x").then(None).otherwise("score"))
    with pytest.raises(InputError, match="every score of 'x' is missing"):
        read_scores(silent, **LONG, targets="x")
    assert len(read_scores(silent, **LONG, targets="x,people").values) == ITEMS


def test_of_too_many_models_those_with_the_most_scores_are_read(monkeypatch):
    monkeypatch.setattr(layout, "MOST_CELLS", 2 * ITEMS)
    frame = long(shuffle=False).filter((pl.col("model") != "y") | (pl.col("item") != "q3"))
    scores = read_scores(frame, **LONG, targets="people")
    assert scores.columns == ("x", "z", "people")
    assert "of 3 models the 2 with the most scores are read" in scores.notes
    assert read_scores(frame, **LONG, targets="y").columns == ("x", "y")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ((), []),
        (("a",), ["a"]),
        (("a,b", "c"), ["a", "b", "c"]),
        (("a, large", "b"), ["a, large", "b"]),
        (("a, large,b",), ["a", "large", "b"]),
        (("a , b",), ["a", "b"]),
        (("people (mean)", "people\n(mean)"), ["people\n(mean)"] * 2),
        (("unknown, b", "x  y"), ["unknown", "b", "x y"]),
        ((" a",), ["a"]),
    ],
)
def test_names_in_entries(given, names):
    assert expand(given, ["a", "b", "c", "a, large", "people\n(mean)", "x y"]) == names


def test_long_lists_are_shortened():
    assert listed(["a", "b"]) == "a, b"
    assert listed([f"m{i}" for i in range(12)], 3) == "m0, m1, m2 and 9 more"


def test_entries_of_every_option_add_up():
    table = {"p, q": PEOPLE, "r": PEOPLE[::-1], "x": SCORES[:, 0], "y": SCORES[:, 1], "z, w": SCORES[:, 2]}
    options = {"bootstrap": 20, "shuffles": 19, "splits": 0}
    found = panel.audit(table, target=["p, q", "r"], models="x", candidates=["y", "z, w"], **options)
    assert [one.target for one in found.targets] == ["p, q", "r"]
    assert (found["r"].models, found["r"].candidates) == (("x",), ("y", "z, w"))
    found = panel.audit(table, target="r", models=["z, w", "x,y"], **options)
    assert found["r"].models == ("z, w", "x", "y")
    with pytest.raises(InputError, match=r"--models 'z' is not a column of scores; near are .*'z, w'"):
        panel.audit(table, target="r", models=["x", "z, v"], **options)
