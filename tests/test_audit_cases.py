"""Tables as they were met, one for each kind of fault that readers of tables have; what is right is known."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from jaxgame import panel
from jaxgame.audit import InputError
from jaxgame.audit.reading import read_scores
from jaxgame.cli import app
from jaxgame.cli import audit as command

CASES = Path(__file__).parent / "data" / "cases"
QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}
# The scores that many of the tables hold.
PLAIN = pl.read_csv(CASES / "comma_in_name.csv")


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


@pytest.fixture
def found(monkeypatch):
    """What the command finds, in a list that grows, instead of its files: figures take most of its time."""
    kept = []

    def keep(one, _):
        kept.append(one)
        return []

    monkeypatch.setattr(command.files, "write", keep)
    return kept


def plain(*names):
    """Columns of `PLAIN` by place: 1 people, 2 to 4 the models."""
    return PLAIN.select(pl.nth(*names)).to_numpy()


def test_a_cell_of_140_000_letters(tmp_path):
    lines = (CASES / "comma_in_name.csv").read_text().splitlines()
    long = [f'{line},"{"x" * 140_000 if row == 3 else "short"}"' for row, line in enumerate(lines[1:], 1)]
    (tmp_path / "t.csv").write_text("\n".join([f"{lines[0]},prompt", *long]))
    scores = read_scores(tmp_path / "t.csv")
    assert scores.columns == ("people", "a, large", "b", "c")
    np.testing.assert_array_equal(scores.values, plain(1, 2, 3, 4))
    (tmp_path / "t.csv").write_text("\n".join([f'{lines[0]},"{"x" * 140_000}"', *long]))
    assert len(read_scores(tmp_path / "t.csv").values) == 60


def test_an_index_is_no_model(tmp_path):
    scores = read_scores(CASES / "unnamed0_noise.csv")
    assert scores.columns == ("people", "a", "b", "c")
    assert "no scores, left out: Unnamed: 0 (an index); --models can name them all the same" in scores.notes
    named = panel.audit(CASES / "unnamed0_noise.csv", target="people", models="Unnamed: 0", **QUICK)["people"]
    assert named.models == ("Unnamed: 0",)
    result = run(
        "audit", CASES / "unnamed0_noise.csv", "-t", "people", "--bootstrap", 20, "--out", tmp_path / "out"
    )
    assert result.exit_code == 1 and "NOT COVERED" in result.stdout
    assert "3 models: a, b, c" in " ".join(result.stdout.split())
    assert "Models: a, b, c" in " ".join((tmp_path / "out" / "report.html").read_text().split())
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["targets"][0]["models"] == [
        "a",
        "b",
        "c",
    ]


def test_an_index_that_pandas_saved_is_no_model():
    scores = read_scores(CASES / "shuffled_index.parquet")
    assert scores.columns == ("a", "b", "c", "people")
    assert any("__index_level_0__ (an index)" in note for note in scores.notes)


def test_numbers_held_as_objects_are_numbers():
    random = np.random.default_rng(0)
    models = random.normal(size=(60, 3))
    people = 0.6 * models[:, 0] + 0.4 * models[:, 1] + 0.05 * random.normal(size=60)
    objects = np.where(np.arange(60) == 4, None, models[:, 0].astype(object))
    for column, rows in ((models[:, 0], 60), (objects, 59)):
        table = {"people": people, "a": column, "b": models[:, 1], "c": models[:, 2]}
        audit = panel.audit(table, target="people", **QUICK)["people"]
        assert (audit.verdict, audit.models, audit.rows) == ("covered", ("a", "b", "c"), rows)


def test_rows_are_counted_as_in_the_file():
    with pytest.raises(InputError, match=r"row 24, column 'a': 'good' is not a number"):
        read_scores(CASES / "rownumber_after_empty_rows.csv")


def test_missing_scores_in_most_rows():
    scores = read_scores(CASES / "na_excel_na_most.csv")
    assert scores.columns == ("people", "a", "b", "c")
    missing = np.isnan(scores.values)
    assert missing.sum() == missing[:, 2].sum() == 48
    np.testing.assert_array_equal(scores.values[~missing], plain(1, 2, 3, 4)[~missing])


def test_truth_values_are_1_and_0(tmp_path):
    frame = pl.read_csv(CASES / "true_false.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    expected = frame.select(pl.col(pl.Boolean).cast(float)).to_numpy()
    for table in (CASES / "true_false.csv", tmp_path / "t.parquet", frame):
        scores = read_scores(table)
        np.testing.assert_array_equal(scores.values, expected)
        assert "true and false read as 1 and 0: people, a, b, c" in scores.notes


def test_columns_where_less_is_better(found, tmp_path):
    path = CASES / "lower_is_better.csv"
    plain = panel.audit(path, target="people", **QUICK)
    assert plain["people"].verdict == "not covered"
    (note,) = [note for note in plain.notes if "run against" in note]
    assert "'people' (correlation): error_rate (-0.99), perplexity (-1.00)" in note
    assert "--reverse error_rate --reverse perplexity" in note
    for reverse in (["error_rate", "perplexity"], "error_rate,perplexity"):
        turned = panel.audit(path, target="people", reverse=reverse, **QUICK)
        assert turned["people"].covered and turned["people"].distance < 0.08
        assert "turned round, scores times -1: error_rate, perplexity" in turned.notes
        assert not any("run against" in note for note in turned.notes)
    options = (
        "--reverse",
        "error_rate",
        "--reverse",
        "perplexity",
        "--bootstrap",
        20,
        "-q",
        "--out",
        tmp_path,
    )
    result = run("audit", path, "-t", "people", *options)
    assert result.exit_code == 0 and result.stdout.startswith("people: covered")
    assert found[0].notes == turned.notes
    with pytest.raises(
        InputError, match="--reverse 'error' is not a column of scores; near are 'error_rate'"
    ):
        panel.audit(path, target="people", reverse="error", **QUICK)


@pytest.mark.parametrize(
    ("name", "factor", "note"),
    [
        ("decimal_comma_all.csv", 1, "commas read as decimal marks: people, a, b, c"),
        ("percent_all.csv", 10, "per cent read as numbers, 45% as 45: people, a, b, c"),
    ],
)
def test_decimal_commas_and_per_cent(name, factor, note):
    scores = read_scores(CASES / name)
    assert scores.columns == ("people", "a", "b", "c") and note in scores.notes
    error = np.abs(scores.values - factor * plain(1, 2, 3, 4)).max()
    assert error <= (0.05 if factor == 10 else 0) + 1e-12


@pytest.mark.parametrize("name", ["jsonl_records.jsonl", "json_records.json"])
def test_json(name, found, tmp_path):
    scores = read_scores(CASES / name)
    assert scores.columns == ("people", "a", "b")
    np.testing.assert_array_equal(scores.values, plain(1, 2, 3))
    options = ("-t", "people", "--bootstrap", 20, "-q", "--out", tmp_path)
    run("audit", CASES / name, *options)
    run("audit", "-", *options, input=(CASES / name).read_bytes())
    assert found[0].targets == found[1].targets and found[1].source == "standard input"
    lazy = pl.DataFrame(plain(1, 2, 3), schema=["people", "a", "b"]).lazy()
    np.testing.assert_array_equal(read_scores(lazy).values, scores.values)


def test_a_header_with_a_line_break():
    scores = read_scores(CASES / "header_newline.csv")
    assert scores.columns == ("people\n(mean)", "a", "b", "c")
    np.testing.assert_array_equal(scores.values, plain(1, 2, 3, 4))
    for target in ("people\n(mean)", "people (mean)"):
        found = panel.audit(CASES / "header_newline.csv", target=target, **QUICK)
        assert [one.target for one in found.targets] == ["people\n(mean)"]


@pytest.mark.parametrize("name", ["sep_line.csv", "tsv_inch_mark.tsv"])
def test_a_separator_line_and_marks_that_are_letters(name):
    scores = read_scores(CASES / name)
    assert scores.columns == ("people", "a", "b", "c")
    np.testing.assert_array_equal(scores.values, plain(1, 2, 3, 4))


def test_peoples_scores_in_a_column_of_a_long_table(found, tmp_path):
    long = {"item": "sample_id", "model": "judge", "score": "judge_score"}
    path = CASES / "long_human_column.csv"
    audit = panel.audit(path, target="human_score", **long, **QUICK)["human_score"]
    assert audit.models == ("judge-a", "judge-b", "judge-c") and audit.rows == 80
    frame = pl.read_csv(path)
    scores = read_scores(path, **long, targets="human_score")
    wide = frame.pivot("judge", index="sample_id", values="judge_score", maintain_order=True)
    people = frame.unique("sample_id", maintain_order=True)["human_score"]
    assert scores.columns == (*wide.columns[1:], "human_score")
    np.testing.assert_array_equal(scores.values, np.column_stack([wide[:, 1:].to_numpy(), people]))
    options = ("--item", "sample_id", "--model", "judge", "--score", "judge_score")
    run("audit", path, "-t", "human_score", *options, "--bootstrap", 20, "-q", "--out", tmp_path)
    assert found[0]["human_score"].models == audit.models


def test_an_item_of_two_columns(found, tmp_path):
    path = CASES / "long_composite_item.csv"
    long = {"model": "judge", "score": "faithfulness"}
    frame = pl.read_csv(path)
    wide = frame.pivot("judge", index=["triplet_id", "condition"], values="faithfulness", maintain_order=True)
    for item in ("triplet_id,condition", ("triplet_id", "condition")):
        scores = read_scores(path, item=item, **long)
        assert scores.columns == ("judge-a", "judge-b", "judge-c")
        np.testing.assert_array_equal(scores.values, wide[:, 2:].to_numpy())
    options = ("--model", "judge", "--score", "faithfulness", "--bootstrap", 20, "-q", "--out", tmp_path)
    for items in (("--item", "triplet_id,condition"), ("--item", "triplet_id", "--item", "condition")):
        run("audit", path, "-t", "judge-a", *items, *options)
    assert [one["judge-a"].rows for one in found] == [160, 160]
    with pytest.raises(
        InputError, match="rows 1 and 2, columns 'triplet_id' and 'judge': item 't000' has two"
    ):
        read_scores(path, item="triplet_id", **long)


def test_lists_add_up_and_names_may_hold_commas(found, tmp_path):
    path = CASES / "comma_in_name.csv"
    options = ("-t", "people", "--bootstrap", 20, "-q", "--out", tmp_path)
    for models in (
        ("--models", "a, large", "--models", "b"),
        ("--models", "b, c", "--candidate", "a, large"),
        ("--models", "a, large", "--candidate", "b,c"),
    ):
        run("audit", path, *models, *options)
    assert [(one["people"].models, one["people"].candidates) for one in found] == [
        (("a, large", "b"), ()),
        (("b", "c"), ("a, large",)),
        (("a, large",), ("b", "c")),
    ]


def test_items_that_repeat_are_a_group():
    path = Path(panel.__file__).parent / "data" / "eqbench_llm.parquet"
    scores = read_scores(path)
    np.testing.assert_array_equal(scores.blocks + 1, pl.read_parquet(path)["question_id"])
    assert any(
        "column 'question_id' has 171 values in 684 rows: taken as groups" in note for note in scores.notes
    )
    assert any("--group scene (50 groups)" in note for note in scores.notes)
    assert not {"question_id", "emotion_no", "scene"} & set(scores.columns)
    found = panel.audit(path, target="human_reference", group="scene", **QUICK)
    audit = found["human_reference"]
    assert len(audit.models) == 86 and audit.rows == 684
    assert any("in 50 blocks that belong together" in note for note in audit.notes)
    assert any("left out: human_reference_sum10" in note for note in found.notes)
