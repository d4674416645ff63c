"""Evaluation logs through `jaxgame audit` and `panel.audit`: the audit is that of the table they hold."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from jaxgame import panel
from jaxgame.audit.logs import GROUP, ITEM, recognise
from jaxgame.audit.reading import read_scores
from jaxgame.cli import app

LOGS = Path(__file__).parent / "data" / "logs"
QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}
QUICK_OPTIONS = ("--bootstrap", "20", "--shuffles", "19", "--splits", "0", "--quiet")


def run(*arguments):
    return CliRunner().invoke(app, ["audit", *map(str, arguments), *QUICK_OPTIONS])


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and result.stdout == "", result.output
    (line,) = result.stderr.splitlines()
    return line.removeprefix("jaxgame: error: ")


@pytest.mark.parametrize(
    ("name", "target", "score"),
    [
        ("every_eval_ever", "lab/bold", None),
        ("lm_evaluation_harness", "lab/small", "acc_norm"),
        ("reward_bench/lines", "chosen", None),
        ("mt_bench", "people", None),
        ("arena", "people", None),
    ],
)
def test_the_audit_of_logs_is_that_of_the_table_they_hold(name, target, score):
    log = recognise([LOGS / name], score=score)
    group = "group" if GROUP in log.frame.columns else None
    table = log.frame.rename({ITEM: "item"} | ({GROUP: "group"} if group else {}))
    expected = panel.audit(table, target=target, item="item", group=group, **QUICK)[target]
    found = panel.audit(LOGS / name, target=None if log.target else target, score=score, **QUICK)
    assert found.notes == log.notes and found.source == str(LOGS / name)
    assert found[target].distance == expected.distance and found[target].interval == expected.interval
    assert found[target].models == expected.models


def test_several_files_a_folder_and_a_pattern_are_one_audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = sorted((LOGS / "mt_bench").glob("*.jsonl"))
    first = run(*files)
    assert first.exit_code == 1, first.output
    assert first.stdout.splitlines()[1:] == ["audit-mt_bench/report.html", "audit-mt_bench/audit.json"]
    found = json.loads((tmp_path / "audit-mt_bench" / "audit.json").read_text())
    assert found["source"] == f"{files[0]} and 2 more"
    assert "recognised as judgments of answers (MT-Bench, Chatbot Arena): 3 files" in found["notes"]
    assert "recognised as" in (tmp_path / "audit-mt_bench" / "report.html").read_text()
    for other in (LOGS / "mt_bench", LOGS / "mt_bench" / "*.jsonl"):
        assert run(other).stdout == first.stdout
    one = read_scores([files[0], files[1], files[2]])
    assert one.target == "people" and one.columns == read_scores(LOGS / "mt_bench").columns


def test_what_can_be_chosen_is_said(tmp_path):
    out = ("--out", tmp_path / "out")
    harness = LOGS / "lm_evaluation_harness"
    assert "several metrics (acc, acc_norm) of several models" in refused(harness, *out)
    line = refused(LOGS / "every_eval_ever", *out)
    assert line.endswith(
        "no --target; name the column with what users want, one of lab/bold, lab/cautious, shop/eager"
    )
    line = refused(LOGS / "every_eval_ever", "--target", "lab/bald", *out)
    assert "--target 'lab/bald' is not a column of scores" in line and "'lab/bold'" in line
    assert run(LOGS / "mt_bench", "--target", "gpt-4", *out).stdout.startswith("gpt-4: ")
    assert not refused(harness, "--score", "f1", *out).endswith("acc")


def test_options_of_tables_are_refused_and_columns_that_are_named_make_a_table(tmp_path):
    out = ("--out", tmp_path / "out")
    for option, value in (("--split", "turn"), ("--group", "question_id"), ("--separator", ",")):
        line = refused(LOGS / "mt_bench", option, value, *out)
        assert f"{option} is for tables, and this is read as evaluation logs (recognised as judgments" in line
    line = refused(*sorted((LOGS / "mt_bench").glob("*.jsonl")), "--item", "question_id", *out)
    assert "claude-2_single.jsonl and 2 more: several files are read together only if" in line
    # Columns that are named: a long table, whatever format it may be.
    rows = [json.loads(line) for line in (LOGS / "arena/judge.jsonl").read_text().splitlines()]
    rows = [
        row | {"question_id": f"{row['question_id']}, {number}", "judge": judge}
        for number, row in enumerate(rows)
        for judge in ("expert_1", "a", "b")
    ]
    votes = tmp_path / "votes.csv"
    pl.DataFrame(rows).write_csv(votes)
    named = {"item": "question_id", "model": "judge", "score": "winner"}
    table = read_scores(votes, **named)
    assert table.columns == ("expert_1", "a", "b") and table.target is None
    share = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}
    assert sorted(table.values[:, 0]) == sorted(share[row["winner"]] for row in rows[::3])
    assert "votes in words read as 1 (model_a), 0 (model_b) and .5 (tie): winner" in table.notes
    assert read_scores(votes).target == "people"


def test_votes_in_a_table_in_a_file_and_in_memory():
    path = LOGS / "arena/votes.csv"
    table = pl.read_csv(path)
    found, memory = read_scores(path), read_scores(table)
    assert found.columns == memory.columns == ("human", "gpt-4", "claude-2")
    assert np.array_equal(found.values, memory.values)
    share = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}
    assert found.values[:, 1].tolist() == [share[word] for word in table["gpt-4"]]
