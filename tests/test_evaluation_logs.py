"""Evaluation logs as they are: each format against its records read by hand, and logs that are broken."""

import gzip
import json
import math
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs import GROUP, ITEM, in_numbers, inspect_logs, recognise

LOGS = Path(__file__).parent / "data" / "logs"
DATE = "2026-01-05T10-11-12.123456"


def raw(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def cells(log):
    """The scores of a log by item and column, missing ones left out."""
    names = [name for name in log.frame.columns if name not in (ITEM, GROUP)]
    return {
        (row[ITEM], name): row[name]
        for row in log.frame.iter_rows(named=True)
        for name in names
        if row[name] is not None
    }


def mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def averages(found):
    """Means of the lists in `found`, without those of nothing."""
    return {key: mean(values) for key, values in found.items() if mean(values) is not None}


def said(error):
    """The message of an error, which is one line."""
    message = str(error.value)
    assert "\n" not in message and len(message) < 600
    return message


# Every Eval Ever


def eee(model, sample, score, **more):
    evaluation = {"score": score, "is_correct": True}
    return {"model_id": model, "sample_id": sample, "evaluation": evaluation, "evaluation_name": "e", **more}


def test_every_eval_ever_is_a_row_per_sample_and_a_column_per_model():
    log = recognise([LOGS / "every_eval_ever"])
    files = list((LOGS / "every_eval_ever").rglob("*_samples.jsonl"))
    expected = {
        (record["sample_id"], record["model_id"]): record["evaluation"]["score"]
        for file in files
        for record in raw(file)
    }
    assert len(expected) == 90 and cells(log) == expected
    assert log.target is None and log.group is None
    assert log.notes[0] == "recognised as Every Eval Ever: 3 files"
    assert log.notes[1].startswith("no such logs, passed over: 0000000")  # the aggregates


def test_subtasks_that_number_their_samples_alike_are_pooled(tmp_path):
    records = [
        eee(model, str(n), n + task + weight, evaluation_name=name, sample_hash=f"{name}{n}" * 4)
        for model, weight in (("a", 0.1), ("b", 0.2))
        for task, name in ((0, "law"), (10, "art"))
        for n in range(3)
    ]
    found = cells(recognise([write(tmp_path / "a.jsonl", records)]))
    assert len(found) == 12
    assert found["2 (art2art2)", "b"] == 12.2 and found["2 (law2law2)", "a"] == 2.1


def test_metrics_of_one_sample_must_be_chosen(tmp_path):
    records = [
        eee(model, str(n), n * weight, evaluation_result_id=metric)
        for model in ("a", "b")
        for metric, weight in (("exact", 1), ("f1", 0.5))
        for n in range(3)
    ]
    path = write(tmp_path / "a.jsonl", records)
    with pytest.raises(InputError) as error:
        recognise([path])
    assert "several evaluations (exact, f1) of several models (a, b); choose one with --score" in said(error)
    log = recognise([path], score="f1")
    assert cells(log) == {(str(n), model): n * 0.5 for n in range(3) for model in "ab"}
    assert "evaluation: f1" in log.notes
    # A metric as the target: rows are the models' answers, and those of one sample belong together.
    log = recognise([path], targets=["f1"])
    expected = {
        (f"{n} | {m}", k): n * w for n in range(3) for m in "ab" for k, w in (("exact", 1), ("f1", 0.5))
    }
    assert cells(log) == expected
    assert log.frame[GROUP].to_list() == [item.split(" | ")[0] for item in log.frame[ITEM]]
    with pytest.raises(InputError, match=r"--score 'f2' is no evaluation in it; there are exact, f1"):
        recognise([path], score="f2")


def test_samples_that_look_different_are_told(tmp_path):
    records = [
        eee(model, str(n), n, sample_hash=f"{model}{n % 2 and model}{n}") for model in "ab" for n in range(4)
    ]
    records = [
        record | {"sample_hash": "same"} if record["sample_id"] == "0" else record for record in records
    ]
    log = recognise([write(tmp_path / "a.jsonl", records)])
    assert log.notes[-1] == "3 samples have another sample_hash with another model: are they the same?"


# The lm-evaluation-harness


def test_the_harness_is_a_row_per_document_named_by_the_results():
    with pytest.raises(InputError, match=r"several metrics \(acc, acc_norm\) of several models"):
        recognise([LOGS / "lm_evaluation_harness"])
    log = recognise([LOGS / "lm_evaluation_harness"], score="acc_norm")
    expected = {
        (str(record["doc_id"]), f"lab/{size}"): record["acc_norm"]
        for size in ("small", "middle", "large")
        for record in raw(LOGS / f"lm_evaluation_harness/lab__{size}/samples_sums_{DATE}.jsonl")
    }
    assert len(expected) == 72 and cells(log) == expected


def lm_eval(document, filter_="none", **metrics):
    return {"doc_id": document, "doc": {}, "target": "1", "resps": [["1"]], "filter": filter_, **metrics}


def test_filters_tasks_and_folders_of_the_harness(tmp_path):
    for model, weight in (("a", 1), ("b", 2)):
        for task, shift in (("law", 0), ("art", 10)):
            records = [
                lm_eval(n, chosen, exact_match=weight * n + shift + extra, metrics=["exact_match"])
                for chosen, extra in (("strict-match", 0), ("flexible-extract", 0.5))
                for n in range(3)
            ]
            write(tmp_path / model / f"samples_{task}_{DATE}.jsonl", records)
    with pytest.raises(InputError, match=r"\(exact_match,strict-match, exact_match,flexible-extract\)"):
        recognise([tmp_path])
    found = cells(recognise([tmp_path], score="exact_match,flexible-extract"))
    weights = {"a": 1, "b": 2}
    assert found == {
        (f"{task}/{n}", model): weights[model] * n + shift + 0.5
        for model in weights
        for task, shift in (("law", 0), ("art", 10))
        for n in range(3)
    }


def test_metrics_of_older_logs_are_the_numbers_that_are_left(tmp_path):
    for model in "ab":
        records = [lm_eval(n, acc=n % 2 == 0, word_perplexity=[-3.5, 7], doc_hash="") for n in range(3)]
        write(tmp_path / model / f"samples_law_{DATE}.jsonl", records)
    log = recognise([tmp_path])
    assert cells(log) == {(str(n), model): 1.0 - n % 2 for n in range(3) for model in "ab"}
    assert "metric: acc" in log.notes and "metrics without numbers left out: word_perplexity" in log.notes


def test_another_document_under_the_same_number_is_refused(tmp_path):
    for model in "ab":
        write(
            tmp_path / model / f"samples_law_{DATE}.jsonl",
            [lm_eval(0, acc=1, doc_hash=model, metrics=["acc"])],
        )
    with pytest.raises(InputError, match=r"b/samples.*line 1: document 0 is not that of .*a/samples.*line 1"):
        recognise([tmp_path])


# RewardBench


@pytest.mark.parametrize("kind", ["lines", "columns"])
def test_rewards_are_counted_from_the_mean_of_a_pair(kind):
    log = recognise([LOGS / "reward_bench" / kind])
    expected = {}
    for model in ("lab/mild", "lab/strict", "shop/loud"):
        for count, record in enumerate(raw(LOGS / f"reward_bench/lines/{model}_all.jsonl")):
            half = (record["chosen"] - record["rejected"]) / 2
            pair = f"chat-{'easy' if count < 10 else 'hard'}/{count}" if kind == "columns" else str(count + 1)
            name = model if kind == "columns" else model.split("/")[1]
            for answer, sign in ((1, 1), (2, -1)):
                expected[f"{pair}, answer {answer}", name] = pytest.approx(sign * half)
                expected[f"{pair}, answer {answer}", "chosen"] = sign * 0.5
    assert len(expected) == 160 and cells(log) == expected
    assert log.target == "chosen" and log.frame[GROUP].n_unique() == 20
    assert any(note.startswith("rewards are counted from their mean") for note in log.notes)


def test_the_best_of_several_answers(tmp_path):
    for model, rewards in (("a", [3.0, 1.0, 1.0, 1.0]), ("b", [[4.0], [2.0], None, [0.0]])):
        record = {
            "id": ["x", "y"],
            "subset": ["Focus", "Ties"],
            "scores": [rewards, [2.0, 2.0, 0.5]],
            "num_correct": [1, 2],
            "results": [1, 1],
            "model": model,
        }
        (tmp_path / f"{model}.json").write_text(json.dumps(record, indent=4))
    log = recognise([tmp_path])
    found = cells(log)
    assert [found[f"Focus/x, answer {k}", "a"] for k in (1, 2, 3, 4)] == [1.5, -0.5, -0.5, -0.5]
    assert [found[f"Focus/x, answer {k}", "chosen"] for k in (1, 2, 3, 4)] == [0.75, -0.25, -0.25, -0.25]
    assert [found[f"Ties/y, answer {k}", "b"] for k in (1, 2, 3)] == [0.5, 0.5, -1.0]
    # Without all rewards of a prompt there is no mean to count them from.
    assert not any(key == (f"Focus/x, answer {k}", "b") for k in (1, 2, 3, 4) for key in found)


def test_prompts_without_names_must_be_equally_many(tmp_path):
    write(tmp_path / "a_all.jsonl", [{"chosen": 1.0, "rejected": 0.0}] * 3)
    write(tmp_path / "b_all.jsonl", [{"chosen": 1.0, "rejected": 0.0}] * 4)
    with pytest.raises(InputError, match=r"a_all.jsonl: 3 prompts, .*b_all.jsonl: 4; without 'id'"):
        recognise([tmp_path])


def test_texts_that_were_chosen_are_no_rewards(tmp_path):
    for value in ("a text", [{"role": "user", "content": "a text"}]):
        assert recognise([write(tmp_path / "data.jsonl", [{"chosen": value, "rejected": value}])]) is None


# Judgments and votes


def test_judges_score_answers_and_people_vote_on_them():
    log = recognise([LOGS / "mt_bench"])
    found = {}
    for judge in ("gpt-4", "claude-2"):
        for record in raw(LOGS / f"mt_bench/{judge}_single.jsonl"):
            score = None if record["score"] == -1 else record["score"]
            found.setdefault((f"{record['question_id']} | {record['model']}", judge), []).append(score)
    for record in raw(LOGS / "mt_bench/human_judgments.jsonl"):
        share = {"model_a": 1.0, "model_b": 0.0}.get(record["winner"], 0.5)
        for model, part in ((record["model_a"], share), (record["model_b"], 1 - share)):
            found.setdefault((f"{record['question_id']} | {model}", "people"), []).append(part)
    assert any(None in scores for scores in found.values())  # a judgment that could not be read
    assert cells(log) == averages(found)
    assert log.target == "people" and log.frame[GROUP].n_unique() == 10
    assert "up to 4 votes and turns averaged" in log.notes


def test_judges_alone_have_no_people():
    log = recognise([LOGS / "mt_bench/gpt-4_single.jsonl", LOGS / "mt_bench/claude-2_single.jsonl"])
    assert log.target is None and log.frame.columns == [ITEM, GROUP, "gpt-4", "claude-2"]
    assert "up to 2 turns averaged" in log.notes
    with pytest.raises(InputError, match="scores of one judge only, 'gpt-4'; an audit compares several"):
        recognise([LOGS / "mt_bench/gpt-4_single.jsonl"])


def test_people_may_score_answers_too(tmp_path):
    records = [
        {"question_id": q, "model": "m", "judge": judge, "score": q + extra}
        for q in range(3)
        for judge, extra in (("expert_1", 0), ("expert_2", 1), (["gpt-4", "single-v1"], 2))
    ]
    log = recognise([write(tmp_path / "a.jsonl", records)])
    assert log.target == "people"
    assert cells(log) == {
        (f"{q} | m", n): q + e for q in range(3) for n, e in (("people", 0.5), ("gpt-4", 2))
    }


def test_votes_alone_are_of_pairs_whichever_answer_is_shown_first():
    log = recognise([LOGS / "arena"])
    found = {}
    for record in raw(LOGS / "arena/battles.jsonl"):
        share = {"model_a": 1.0, "model_b": 0.0}.get(record["winner"], 0.5)
        share = share if record["model_a"] == "koala" else 1 - share
        other = max(record["model_a"], record["model_b"])
        found.setdefault((f"{record['question_id']} | koala or {other}", "people"), []).append(share)
    for record in raw(LOGS / "arena/gpt-4_pair.jsonl"):
        winners = record["g1_winner"], record["g2_winner"]
        share = {"model_1": 1.0, "model_2": 0.0}.get(winners[0], 0.5) if winners[0] == winners[1] else 0.5
        share = None if "error" in winners else share
        found[f"{record['question_id']} | koala or {record['model_2']}", "gpt-4"] = [share]
    for record in raw(LOGS / "arena/judge.jsonl"):
        share = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}[record["winner"]]
        found[f"{record['question_id']} | koala or {record['model_b']}", "claude-2"] = [share]
    assert cells(log) == averages(found)
    assert log.target == "people" and log.frame[GROUP].n_unique() == 10


@pytest.mark.parametrize(
    ("word", "share"),
    [("model_a", 1), ("MODEL_B", 0), ("tie", 0.5), ("tie (inconsistent)", 0.5), ("zebra", 1), ("ape", 0)],
)
def test_words_of_votes(tmp_path, word, share):
    votes = [
        {"question_id": q, "model_a": "zebra", "model_b": "ape", "winner": winner, "judge": judge}
        for q in range(2)
        for judge, winner in (("human", "model_a"), ("gpt-4", word), ("claude-2", "tie"))
    ]
    found = cells(recognise([write(tmp_path / "a.jsonl", votes)]))
    # By name the ape comes first.
    assert found["0 | ape or zebra", "gpt-4"] == 1 - share and found["0 | ape or zebra", "people"] == 0


def test_a_word_that_is_no_vote_is_refused(tmp_path):
    votes = [{"question_id": 1, "model_a": "x", "model_b": "y", "winner": "z", "judge": "human"}]
    with pytest.raises(
        InputError, match=r"a.jsonl: line 1: the winner is 'z'; a vote is one of model_a, model_1"
    ):
        recognise([write(tmp_path / "a.jsonl", votes)])


def test_tables_with_votes_in_their_cells():
    frame = pl.read_csv(LOGS / "arena/votes.csv")
    numbers, names = in_numbers(frame, "t")
    assert names == ["human", "gpt-4", "claude-2"] and numbers["pair_id"].equals(frame["pair_id"])
    share = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}
    for name in names:
        assert numbers[name].to_list() == [share[word] for word in frame[name]]


def test_a_winner_by_name_and_what_is_no_vote():
    frame = pl.DataFrame(
        {
            "model_a": ["x", "y", "x", "z"],
            "model_b": ["y", "z", "z", "x"],
            "winner": ["x", "z", None, "tie"],
            "handed": ["left", "right", "left", "left"],
            "always": ["tie"] * 4,
            "score": [1.0, 2.0, 3.0, 4.0],
        }
    )
    numbers, names = in_numbers(frame, "t")
    assert names == ["winner"] and numbers["winner"].to_list() == [1.0, 0.0, None, 0.5]
    assert numbers.drop("winner").equals(frame.drop("winner"))
    with pytest.raises(InputError, match=r"t: row 2, column 'vote': 'modela' is no vote"):
        in_numbers(pl.DataFrame({"vote": ["model_a", "modela", "tie", "model_b"]}), "t")


# Inspect


def test_without_the_extra_one_line_names_it(monkeypatch):
    monkeypatch.setattr(inspect_logs, "find_spec", lambda name: None)
    for name in ("mild.eval", "strict.json"):
        with pytest.raises(InputError) as error:
            recognise([LOGS / "inspect" / name])
        assert said(error).endswith(
            f"{name}: reading Inspect's logs needs inspect-ai: pip install 'jaxgame[elicit]'"
        )


def test_letters_of_inspect_and_scorers_that_give_several_values():
    scores = {"a": "C", "b": "I", "c": "P", "d": "N", "e": 3, "f": {"x": "C", "y": 0.5}, "g": "worse"}
    found = dict(inspect_logs._values({name: SimpleNamespace(value=value) for name, value in scores.items()}))
    assert found == {"a": 1, "b": 0, "c": 0.5, "d": 0, "e": 3, "f.x": 1, "f.y": 0.5, "g": "worse"}


def test_inspect_logs_are_a_row_per_sample_epochs_averaged():
    pytest.importorskip("inspect_ai")
    log = recognise([LOGS / "inspect"], score="graded")
    assert log.frame.columns == [ITEM, "mockllm/loud", "mockllm/mild", "mockllm/strict"]
    letters = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
    found = {}
    for sample in json.loads((LOGS / "inspect/strict.json").read_text())["samples"]:
        values = found.setdefault((sample["id"], "mockllm/strict"), [])
        values.append(letters[sample["scores"]["graded"]["value"]])
    assert all(len(values) == 2 for values in found.values())
    assert {key: value for key, value in cells(log).items() if key[1] == "mockllm/strict"} == averages(found)
    assert "up to 2 epochs averaged" in log.notes and "scorer: graded" in log.notes


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, which Inspect uses
def test_inspect_logs_agree_with_its_own_table():
    pytest.importorskip("inspect_ai")
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    from inspect_ai.analysis import samples_df

    for name in ("mild.eval", "loud.eval"):
        table = samples_df(str(LOGS / "inspect" / name), quiet=True)
        expected = table.assign(score=table["score_length"]).groupby("id")["score"].mean().to_dict()
        paths = [LOGS / "inspect" / name, LOGS / "inspect/strict.json"]
        log = recognise(paths, score="length")
        assert {
            item: value for (item, model), value in cells(log).items() if "strict" not in model
        } == expected


def test_scorers_of_one_model_are_the_columns():
    pytest.importorskip("inspect_ai")
    log = recognise([LOGS / "inspect/mild.eval"])
    assert log.frame.columns == [ITEM, "graded", "length"]
    assert "one model, mockllm/mild: columns are its scorers" in log.notes
    both = recognise([LOGS / "inspect"], targets=["length"])
    assert both.frame.height == 30 and both.frame[GROUP].n_unique() == 10


def test_damaged_unfinished_and_repeated_inspect_logs(tmp_path):
    pytest.importorskip("inspect_ai")
    whole = (LOGS / "inspect/mild.eval").read_bytes()
    (tmp_path / "cut.eval").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut.eval: not a readable Inspect log"):
        recognise([tmp_path / "cut.eval"])
    shutil.copy(LOGS / "inspect/strict.json", tmp_path / "again.json")
    with pytest.raises(InputError) as error:
        recognise([LOGS / "inspect/strict.json", tmp_path / "again.json"], score="graded")
    assert "'mockllm/strict' has a second score of 'case " in said(error)
    text = json.loads((LOGS / "inspect/strict.json").read_text())
    text["status"], text["samples"] = "cancelled", text["samples"][:3]
    text["samples"][0]["scores"]["graded"]["value"] = math.nan
    silent = text["samples"][0]["id"]
    (tmp_path / "again.json").write_text(json.dumps(text))
    log = recognise([tmp_path / "again.json", LOGS / "inspect/mild.eval"], score="graded")
    assert "again.json: unfinished (cancelled), 3 samples read" in log.notes
    found = {item for item, model in cells(log) if model == "mockllm/strict"}
    assert found == {sample["id"] for sample in text["samples"]} - {silent} and len(found) == 2


# What is no log, and what is wrong with one


def test_what_is_no_log_is_left_to_others(tmp_path):
    csv = tmp_path / "t.csv"
    csv.write_text("item,a\nx,1\n")
    for path in (csv, tmp_path / "none.jsonl", "-", tmp_path / "t.parquet", LOGS / "arena/votes.csv"):
        assert recognise([path]) is None
    write(tmp_path / "other.jsonl", [{"item": 1, "a": 2.0}])
    assert recognise([tmp_path / "other.jsonl"]) is None
    (tmp_path / "broken.json").write_text('{"a": ')
    (tmp_path / "binary.jsonl").write_bytes(bytes(range(256)))
    (tmp_path / "numbers.json").write_text("[1, 2]")
    (tmp_path / "nothing.json").write_text("[]")
    for name in ("broken.json", "binary.jsonl", "numbers.json", "nothing.json"):
        assert recognise([tmp_path / name]) is None


def test_several_files_must_be_logs_of_one_format(tmp_path):
    one, other, absent = (tmp_path / f"{name}.csv" for name in ("one", "other", "absent"))
    for path in (one, other):
        path.write_text("item,a\nx,1\n")
    (tmp_path / "empty").mkdir()
    samples = next((LOGS / "every_eval_ever").rglob("*_samples.jsonl"))
    judge = LOGS / "mt_bench/gpt-4_single.jsonl"
    for paths, complaint in (
        ([absent, one], "absent.csv: no such file"),
        ([one, other], "one.csv: no evaluation log that is known; files audited together must be logs"),
        ([tmp_path], "one.csv: no evaluation log that is known; files audited together must be logs"),
        ([samples, one], r"one.csv: no evaluation log that is known, unlike .*jsonl \(Every Eval Ever\)"),
        ([samples, judge], r"jsonl: Every Eval Ever, but .*single.jsonl: judgments of answers"),
        ([LOGS / "arena", LOGS / "every_eval_ever"], "audit logs of one format at a time"),
        ([tmp_path / "x*.jsonl"], r"x\*.jsonl: no file has such a name"),
        ([tmp_path / "empty"], "empty: is a directory without evaluation logs"),
    ):
        with pytest.raises(InputError, match=complaint) as error:
            recognise(paths)
        said(error)


def test_patterns_folders_packed_files_and_other_layouts_of_json(tmp_path):
    whole = recognise([LOGS / "mt_bench"])
    for path in (LOGS / "mt_bench").glob("*.jsonl"):
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / ".hidden.jsonl").write_text("{")
    assert recognise([tmp_path]).frame.equals(whole.frame)
    assert recognise([tmp_path / "*.gz"]).frame.equals(whole.frame)
    for path in tmp_path.glob("*.gz"):
        path.unlink()
    for path in (LOGS / "mt_bench").glob("*.jsonl"):
        (tmp_path / path.name).with_suffix(".json").write_text(json.dumps(raw(path), indent=1))
    assert recognise([tmp_path]).frame.equals(whole.frame)
    for path in tmp_path.glob("*.json"):
        path.unlink()
    for path in (LOGS / "mt_bench").glob("*.jsonl"):
        pl.DataFrame(raw(path)).write_parquet((tmp_path / path.name).with_suffix(".parquet"))
    assert recognise([tmp_path]).frame.equals(whole.frame)
    for path in tmp_path.glob("*.parquet"):
        path.unlink()
    votes = [{k: v for k, v in r.items() if k[:4] != "conv"} for r in raw(LOGS / "arena/battles.jsonl")]
    pl.DataFrame(votes).write_csv(tmp_path / "battles.csv", separator=";")
    shutil.copy(LOGS / "arena/judge.jsonl", tmp_path / "judge.jsonl")
    expected = recognise([LOGS / "arena/battles.jsonl", LOGS / "arena/judge.jsonl"])
    assert recognise([tmp_path]).frame.equals(expected.frame)


FILES = {
    "every_eval_ever": sorted((LOGS / "every_eval_ever").rglob("*_samples.jsonl")),
    "lm_evaluation_harness": sorted((LOGS / "lm_evaluation_harness").rglob("samples*.jsonl")),
    "reward_bench": sorted((LOGS / "reward_bench/lines").rglob("*.jsonl")),
    "mt_bench": sorted((LOGS / "mt_bench").glob("*.jsonl")),
    "arena": sorted((LOGS / "arena").glob("*.jsonl")),
}
SCORES = {
    "every_eval_ever": ("evaluation", "score"),
    "lm_evaluation_harness": ("acc",),
    "reward_bench": ("chosen",),
    "mt_bench": ("score",),
}
CHOICE = {"lm_evaluation_harness": "acc"}


def copies(name, folder):
    """Copies of a format's files, each in a folder of its own as some are named after it."""
    made = []
    for file in FILES[name]:
        path = folder / file.parent.name / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        made.append(Path(shutil.copy(file, path)))
    return made


def put(record, keys, value):
    for key in keys[:-1]:
        record = record[key]
    record[keys[-1]] = value


@pytest.mark.parametrize("name", sorted(SCORES))
@pytest.mark.parametrize("value", [math.nan, None, "", "NaN"], ids=str)
def test_a_missing_score_is_missing_and_the_rest_is_as_it_was(name, value, tmp_path):
    paths = copies(name, tmp_path)
    whole = cells(recognise(paths, score=CHOICE.get(name)))
    records = raw(paths[0])
    put(records[4], SCORES[name], value)
    write(paths[0], records)
    found = cells(recognise(paths, score=CHOICE.get(name)))
    changed = {key for key in whole if found.get(key) != whole[key]}
    # One cell; of a pair of rewards both, for there is no mean; of two turns the mean is of the other.
    assert len(changed) == (2 if name == "reward_bench" else 1) and set(found) <= set(whole)
    assert name == "mt_bench" or not changed & set(found)


@pytest.mark.parametrize("name", sorted(SCORES))
@pytest.mark.parametrize("value", ["good", {"a": 1}, [1, 2], math.inf], ids=str)
def test_a_score_that_is_no_number_is_refused_where_it_stands(name, value, tmp_path):
    paths = copies(name, tmp_path)
    records = raw(paths[1])
    put(records[4], SCORES[name], value)
    write(paths[1], records)
    with pytest.raises(InputError) as error:
        recognise(paths, score=CHOICE.get(name))
    assert f"{paths[1]}: line 5: the score is" in said(error)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_log_that_is_cut_off_is_refused_where_it_is(name, tmp_path):
    paths = copies(name, tmp_path)
    lines = paths[0].read_bytes().splitlines(keepends=True)
    for kept in (1, 7):
        paths[0].write_bytes(b"".join(lines[:kept]) + lines[kept][:9])
        for given in (paths, paths[:1], [tmp_path]):
            with pytest.raises(InputError) as error:
                recognise(given, score=CHOICE.get(name))
            assert f"{paths[0]}: line {kept + 1} is not JSON" in said(error) and "cut off?" in said(error)


@pytest.mark.parametrize("name", ["every_eval_ever", "lm_evaluation_harness", "mt_bench"])
def test_a_second_score_of_an_answer_is_refused_with_both_places(name, tmp_path):
    paths = copies(name, tmp_path)
    records = raw(paths[0])
    write(paths[0], [*records, records[2]])
    with pytest.raises(InputError) as error:
        recognise(paths, score=CHOICE.get(name))
    message = said(error)
    assert f"line {len(records) + 1}: " in message and "line 3; give one run" in message


def test_a_judge_votes_once_on_a_pair_in_an_order_and_people_as_often_as_they_like(tmp_path):
    paths = copies("arena", tmp_path)
    for path, again in zip(paths, (True, False, False), strict=True):
        assert (path.name == "battles.jsonl") == again
    whole = recognise(paths)
    records = raw(paths[0])
    write(paths[0], [*records, *records])
    assert cells(recognise(paths)) == pytest.approx(cells(whole))
    for path in paths[1:]:
        records = raw(path)
        write(path, [*records, records[0]])
        with pytest.raises(InputError, match=r"line 21: '(gpt-4|claude-2)' has a second score of 'q0"):
            recognise(paths)
        write(path, records)


@pytest.mark.parametrize("name", sorted(FILES))
def test_broken_logs_give_one_line_or_a_log_never_anything_else(name, tmp_path):
    draw = random.Random(name)
    outcomes = {"log": 0, "error": 0, "none": 0}
    for turn in range(60):
        paths = copies(name, tmp_path / str(turn))
        path = draw.choice(paths)
        data = path.read_bytes()
        kind = turn % 6
        if kind == 0:  # cut off anywhere
            path.write_bytes(data[: draw.randrange(len(data))])
        elif kind == 1:  # a byte of another kind
            place = draw.randrange(len(data))
            path.write_bytes(data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :])
        else:
            records = raw(path)
            record = draw.choice(records)
            key = draw.choice(sorted(record))
            if kind == 2:
                del record[key]
            elif kind == 3:
                record[key] = draw.choice([None, "", "x", 7, [], {}, [[1], "a"], math.nan, True, "\ud800"])
            elif kind == 4:
                records.append(draw.choice([[], 3, "text", {}, None, record]))
            else:
                other = draw.choice([other for other in FILES if other != name])
                records.append(raw(FILES[other][0])[0])
            write(path, records)
        try:
            log = recognise(paths, score=CHOICE.get(name))
        except InputError as error:
            assert "\n" not in str(error) and str(tmp_path) in str(error)
            outcomes["error"] += 1
        else:
            assert log is None or log.frame.height > 5
            outcomes["none" if log is None else "log"] += 1
    assert outcomes["log"] > 5 and outcomes["error"] > 15 and not outcomes["none"]
