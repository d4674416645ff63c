"""Asking models for scores, against a server on this machine that answers, fails and dies by rule."""

import gc
import json
import multiprocessing
import multiprocessing.forkserver
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from inspect_ai.log import read_eval_log
from typer.testing import CliRunner

from jaxgame import panel
from jaxgame.audit import InputError
from jaxgame.cli import app, main
from jaxgame.elicit import answers, config, elicit, estimate, example, questions
from jaxgame.elicit import items as item_tables
from jaxgame.elicit.ask import HOPELESS
from tests.chat_server import ChatServer, Reply

ROOT = Path(__file__).parent.parent
REMINDER = "nothing else"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """Libraries that keep files of their own keep them here."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


def settings(server, *, models=1, personas=2, model=None, **changes):
    """Models m0, m1 ... of one server, and personas p0, p1 ... who say their number."""
    made = {
        "items": {"id": "item", "text": ["scenario"], "targets": ["human"]},
        "scale": {"low": 0, "high": 10, "low_means": "fine", "high_means": "wrong"},
        "models": [
            {"name": f"m{i}", "url": server.url, "model": f"org/model-{i}", "connections": 4} | (model or {})
            for i in range(models)
        ],
        "personas": [{"name": f"p{i}", "prompt": f"You are person {i}."} for i in range(personas)],
    }
    return made | changes


def items(number):
    return pl.DataFrame(
        {
            "item": [f"item {i}" for i in range(number)],
            "scenario": [f"Somebody does thing {i}." for i in range(number)],
            "human": [float(i % 7) for i in range(number)],
        }
    )


def numbers(body):
    """Which item, persona and model a request is about."""
    system, user = (message["content"] for message in body["messages"][:2])
    return (
        int(user.split("thing ")[1].split(".")[0]),
        int(system.split()[-1].rstrip(".")),
        int(body["model"][-1]),
    )


def score(item, persona=0, model=0):
    return (3 * item + 2 * persona + 5 * model) % 11


def by_number(body, before):
    return Reply(str(score(*numbers(body))))


def scores(found):
    """The columns of scores, NaN where one is missing."""
    return found.table.select(found.models).to_numpy()


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def files(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


# The table


def test_a_table_and_its_note(tmp_path):
    out = tmp_path / "scores.parquet"
    with ChatServer(by_number) as server:
        asked = settings(server, models=2, personas=3)
        found = elicit(items(4), asked, out)
    assert found.table.columns == ["item", "human"] + [f"m{m}/p{p}" for m in (0, 1) for p in range(3)]
    want = [[score(i, p, m) for m in (0, 1) for p in range(3)] for i in range(4)]
    np.testing.assert_array_equal(scores(found), want)
    assert found.requests == 24 == sum(server.asked.values())
    body = server.bodies[0]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.0, 0, 256)
    assert body["messages"][1]["content"].startswith(
        "Somebody does thing 0.\n\nScore this from 0 (fine) to 10"
    )

    kept = pl.read_parquet(out)
    assert kept.equals(found.table)
    note = json.loads(pl.read_parquet_metadata(out)["jaxgame"])
    assert note == json.loads((tmp_path / "scores.note.json").read_text()) == found.note
    model = note["models"]["m1"]
    assert (model["model"], model["served"], model["seed"], model["temperature"]) == (
        "org/model-1", ["served-1"], 0, 0.0,
    )  # fmt: skip
    assert (model["requests"], model["input_tokens"], model["output_tokens"]) == (12, 240, 12)
    assert model["first_answer"] <= model["last_answer"]
    assert note["personas"] == {f"p{p}": f"You are person {p}." for p in range(3)}
    assert note["columns"]["m1/p2"] == {"model": "m1", "persona": "p2", "missing": 0}
    assert {"prompt", "reminder", "scale", "repeats", "items", "made_by"} <= set(note)
    assert not (tmp_path / "scores.unanswered.csv").exists()


def test_what_is_known_is_not_asked_again(tmp_path):
    out = tmp_path / "scores.csv"
    with ChatServer(by_number) as server:
        first = elicit(items(4), settings(server), out)
        again = elicit(items(4), settings(server), out)
        assert again.requests == 0 and again.table.equals(first.table)
        assert sum(server.asked.values()) == 8
        # Other names are no reason to ask, other items, prompts and temperatures are.
        renamed = settings(server)
        renamed["personas"][0]["name"] = "somebody"
        assert elicit(items(4), renamed, out).requests == 0
        assert elicit(items(5), settings(server), out).requests == 2
        assert elicit(items(4), settings(server, personas=3), out).requests == 4
        assert elicit(items(4), settings(server, model={"temperature": 1.0}), out).requests == 8
        assert (
            elicit(items(4), settings(server, prompt="{scenario} From {low} to {high}?"), out).requests == 8
        )
    assert pl.read_csv(out).columns == ["item", "human", "m0/p0", "m0/p1"]


def test_items_of_one_text_are_asked_once(tmp_path):
    """Also side by side, when none is answered yet."""
    again = items(4).with_columns(item=pl.col("item") + " again")
    twice = pl.concat([items(4), again]).sort("scenario", maintain_order=True)
    with ChatServer(lambda body, before: Reply(by_number(body, before).text, delay=0.05)) as server:
        found = elicit(twice, settings(server, personas=1), tmp_path / "scores.parquet")
    assert set(server.asked.values()) == {1} and len(server.asked) == found.costs[0].requests == 4
    np.testing.assert_array_equal(scores(found)[::2], scores(found)[1::2])


def test_repeats_have_seeds_of_their_own_and_their_mean_is_the_score(tmp_path):
    def rule(body, before):
        # Item 1 has one answer out of three, item 2 none.
        item, _, _ = numbers(body)
        silent = item == 2 or (item == 1 and body["seed"] != 7)
        return Reply("Hm." if silent else str(body["seed"] - 4))

    with ChatServer(rule) as server:
        asked = settings(server, personas=1, repeats=3, model={"seed": 5, "temperature": 0.7})
        found = elicit(items(3), asked, tmp_path / "scores.parquet")
    assert {body["seed"] for body in server.bodies} == {5, 6, 7}
    assert found.table["m0/p0"].to_list() == [2.0, 3.0, None]
    assert found.unanswered["repeat"].to_list() == [0, 1, 0, 1, 2]


def test_without_limits_and_seeds_the_server_decides(tmp_path):
    plain = {
        "temperature": None,
        "seed": None,
        "max_tokens": None,
        "connections": None,
        "options": {"top_p": 0.5},
    }
    with ChatServer(by_number) as server:
        elicit(items(3), settings(server, model=plain), tmp_path / "scores.parquet")
    assert all(set(body) == {"model", "messages", "top_p"} for body in server.bodies)


def test_a_persona_without_a_prompt_has_no_system_message(tmp_path):
    with ChatServer(lambda body, before: Reply("3")) as server:
        asked = settings(server, personas=0) | {"personas": [{"name": "plain", "prompt": ""}]}
        elicit(items(1), asked, tmp_path / "scores.parquet")
    assert [message["role"] for message in server.bodies[0]["messages"]] == ["user"]


def test_memory_does_not_grow_with_the_questions(tmp_path):
    """What Inspect notes of each question is let go of."""
    noted = []

    def rule(body, before):
        if numbers(body)[0] == 29:
            gc.collect()
            noted.append(sum(type(one).__name__ == "ModelEvent" for one in gc.get_objects()))
        return by_number(body, before)

    with ChatServer(rule) as server:
        elicit(items(30), settings(server, personas=1), tmp_path / "scores.parquet")
    assert 1 <= noted[0] <= 15


# Answers without a number


def test_no_number_is_asked_for_once_more_and_then_missing(tmp_path):
    replies = {
        0: ("It is hard to say.", "7"),
        1: ("Between 3 and 4.", "I cannot."),
        2: ("I'd say 6 out of 10.", None),
        3: ("", "5"),
        4: (Reply("Let me see. 1", finish="length"), Reply("2 is the number of", finish="length")),
        5: (Reply("no", finish="content_filter"), None),
    }

    def rule(body, before):
        text = replies[numbers(body)[0]][REMINDER in body["messages"][-1]["content"]]
        return text if isinstance(text, Reply) else Reply(text)

    out = tmp_path / "scores.parquet"
    with ChatServer(rule) as server:
        found = elicit(items(6), settings(server, personas=1), out)
        assert elicit(items(6), settings(server, personas=1), out).requests == 0
        told = pl.read_csv(tmp_path / "scores.unanswered.csv")
        assert elicit(items(1), settings(server, personas=1), out).unanswered.height == 0
        assert not (tmp_path / "scores.unanswered.csv").exists()
    assert found.table["m0/p0"].to_list() == [7.0, None, 6.0, 5.0, None, None]
    assert set(server.asked.values()) == {1} and found.requests == 10
    assert told.select("item", "reason", "answer").rows() == [
        ("item 1", "no number, asked twice", "I cannot."),
        ("item 4", "cut off at max_tokens", "2 is the number of"),
        ("item 5", "refused by the server's filter", "no"),
    ]
    assert found.note["columns"]["m0/p0"]["missing"] == 3
    # The second time the model sees what it said; an empty message is not sent.
    roles = {len(body["messages"]): [m["role"] for m in body["messages"]] for body in server.bodies}
    assert roles == {2: ["system", "user"], 4: ["system", "user", "assistant", "user"]}
    assert any(m["content"].endswith(REMINDER + ".") and "thing 3" in m["content"]
               for body in server.bodies for m in body["messages"])  # fmt: skip


def test_a_model_without_a_number_is_given_up(tmp_path):
    with ChatServer(lambda body, before: Reply("I would rather not.")) as server:
        with pytest.raises(InputError, match=r"'m0': none of its first 10 answers .*'I would rather not.'"):
            elicit(items(50), settings(server), tmp_path / "scores.parquet")
        assert sum(server.answered.values()) <= 2 * (HOPELESS + 4)
        with pytest.raises(InputError, match=r"'m0': no answer holds a number .*'I would rather not.'"):
            elicit(items(2), settings(server), tmp_path / "few.parquet")
    assert not (tmp_path / "few.parquet").exists()


# What goes wrong on the way


def test_a_server_that_fails_is_asked_again(tmp_path):
    """Refused with a time to wait, broken, too slow, cut off: each once or twice, and then the answer."""

    def rule(body, before):
        item, *_ = numbers(body)
        text = str(score(*numbers(body)))
        return {
            (1, 0): Reply("slowly", status=429, headers={"Retry-After": "0.8"}),
            (2, 0): Reply("broken", status=500),
            (3, 0): Reply(text, delay=2.5),
            (4, 0): Reply(text, cut=True),
            (5, 0): Reply("broken", status=503),
            (5, 1): Reply("slowly", status=429, headers={"Retry-After": "0.2"}),
        }.get((item, before), Reply(text))

    with ChatServer(rule) as server:
        asked = settings(server, personas=1, model={"timeout": 2.0, "connections": 8})
        found = elicit(items(8), asked, tmp_path / "scores.parquet")
    np.testing.assert_array_equal(scores(found)[:, 0], [score(i) for i in range(8)])
    counts = {numbers({"messages": [{"content": what[2]}, {"content": what[3]}], "model": what[0]})[0]: number
              for what, number in server.asked.items()}  # fmt: skip
    assert counts == {0: 1, 1: 2, 2: 2, 3: 2, 4: 2, 5: 3, 6: 1, 7: 1}
    waited = [np.diff(times)[0] for what, times in server.times.items() if "thing 1." in what[3]]
    assert waited[0] >= 0.8
    # Six answers in eight came at once: a request that fails holds up no other.
    assert len(pl.read_parquet(tmp_path / "scores.parquet")) == 8


def test_a_server_that_is_busy_at_first_is_waited_for(tmp_path):
    def rule(body, before):
        busy = Reply("loading", status=503, headers={"Retry-After": "0.1"})
        return busy if sum(server.asked.values()) <= 4 else by_number(body, before)

    with ChatServer(rule) as server:
        found = elicit(items(2), settings(server, personas=1), tmp_path / "scores.parquet")
    assert scores(found)[:, 0].tolist() == [score(0), score(1)] and sum(server.asked.values()) == 6


def test_a_server_that_dies_and_comes_back_is_waited_for(tmp_path):
    def rule(body, before):
        if sum(server.answered.values()) >= 20 and server.life == 1:
            server.die()
            threading.Timer(0.4, server.start).start()
        return by_number(body, before)

    with ChatServer(rule) as server:
        found = elicit(items(20), settings(server, personas=3), tmp_path / "scores.parquet", patience=60.0)
        assert server.life == 2
    np.testing.assert_array_equal(scores(found), [[score(i, p) for p in range(3)] for i in range(20)])
    assert set(server.answered.values()) == {1}


def test_a_server_that_stays_dead_ends_the_run_and_nothing_is_lost(tmp_path):
    out = tmp_path / "scores.parquet"

    def rule(body, before):
        if sum(server.answered.values()) >= 20 and server.life == 1:
            server.die()
        return by_number(body, before)

    with ChatServer(rule) as server:
        with pytest.raises(
            InputError, match=r"'m0' at http://127.*: no server answers there .* not asked for again$"
        ):
            elicit(items(20), settings(server, personas=3), out, patience=0.0)
        before = sum(server.answered.values())
        assert 20 <= before < 60 and not out.exists()
        server.start()
        found = elicit(items(20), settings(server, personas=3), out)
    assert found.requests == 60 - before
    assert set(server.answered.values()) == {1}
    np.testing.assert_array_equal(scores(found), [[score(i, p) for p in range(3)] for i in range(20)])


@pytest.fixture(scope="module")
def forks():
    """Processes that have imported what asking needs: to start one takes no seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jaxgame.cli", "jaxgame.elicit.run", "jaxgame.elicit.logs"])
    with pytest.MonkeyPatch.context() as patch:
        # The modules of this checkout, wherever the installed ones lie.
        patch.setenv("PYTHONPATH", str(ROOT))
        multiprocessing.forkserver.ensure_running()
    return context


def test_kills_lose_nothing_and_nothing_is_asked_twice(tmp_path, forks):
    """20 items, 8 personas, 2 models; five kills at random; the same table as without."""

    def rule(body, before):
        time.sleep(0.005)
        item, persona, model = numbers(body)
        if item == 3 and REMINDER not in body["messages"][-1]["content"]:
            return Reply("I wonder.")
        return Reply("Never." if (item, persona) == (4, 5) else str(score(item, persona, model)))

    table, out = items(20), tmp_path / "killed.parquet"
    with ChatServer(rule) as server:
        asked = settings(server, models=2, personas=8)
        undisturbed = forks.Process(target=elicit, args=(table, asked, tmp_path / "whole.parquet"))
        undisturbed.start()
        undisturbed.join()
        once = set(server.asked)
        server.asked.clear()
        server.answered.clear()

        file, moments, lost = tmp_path / "killed.answers.jsonl", random.Random(0), 0
        for kill in range(1, 6):
            process = forks.Process(target=elicit, args=(table, asked, out))
            process.start()
            moment = sum(server.asked.values()) + moments.randrange(1, 60)
            while sum(server.asked.values()) < moment:
                assert process.is_alive()
                time.sleep(0.001)
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL and not out.exists()
            kept = len(file.read_bytes().splitlines())
            # What was under way is asked again, and no more: four connections to each of two models.
            lost = sum(server.asked.values()) - kept
            assert lost <= 8 * kill
        last = forks.Process(target=elicit, args=(table, asked, out))
        last.start()
        last.join()

    assert pl.read_parquet(out).equals(pl.read_parquet(tmp_path / "whole.parquet"))
    missing = (tmp_path / "killed.unanswered.csv").read_text()
    assert missing == (tmp_path / "whole.unanswered.csv").read_text()
    assert len(missing.splitlines()) == 3  # a head, and a line for each model
    assert set(server.asked) == once
    assert sum(server.asked.values()) == len(once) + lost
    keys = [(line["key"], line["attempt"]) for line in map(json.loads, file.read_text().splitlines())]
    assert len(keys) == len(set(keys)) == len(once)


def test_half_a_line_is_forgotten_and_a_damaged_one_told(tmp_path):
    out, file = tmp_path / "scores.parquet", tmp_path / "scores.answers.jsonl"
    with ChatServer(by_number) as server:
        elicit(items(3), settings(server, personas=1), out)
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:2]) + lines[2][:40])
        assert estimate(items(3), settings(server, personas=1), out)[0].requests == 1
        assert elicit(items(3), settings(server, personas=1), out).requests == 1
        assert elicit(items(3), settings(server, personas=1), out).requests == 0
        assert file.read_bytes().splitlines()[:2] == [line.strip() for line in lines[:2]]
        for damage in (b"{}\n", b"[1]\n", lines[0][:30] + b"\n"):
            file.write_bytes(lines[0] + damage + lines[2])
            with pytest.raises(InputError, match=r"scores.answers.jsonl: line 2: no answer"):
                elicit(items(3), settings(server, personas=1), out)


def test_two_processes_do_not_ask_for_one_table(tmp_path):
    with ChatServer(by_number) as server, answers.opened(tmp_path / "scores.answers.jsonl"):
        with pytest.raises(InputError, match="another process asks for this table"):
            elicit(items(3), settings(server), tmp_path / "scores.parquet")
        assert not server.asked


def _command(directory, arguments):
    """The console script in `directory`, with its standard error in a file there."""
    os.chdir(directory)
    sys.argv = ["jaxgame", *arguments]
    sys.stderr = open("stderr", "w", buffering=1)  # noqa: SIM115
    main()


def test_an_interrupted_command_says_that_it_goes_on(tmp_path, forks):
    with ChatServer(lambda body, before: Reply("4", delay=0.05)) as server:
        write_files(tmp_path, items(200), settings(server))
        arguments = ["elicit", "items.csv", "-m", "models.yaml", "-o", "s.csv"]
        process = forks.Process(target=_command, args=(tmp_path, arguments))
        process.start()
        while sum(server.answered.values()) < 10:
            assert process.is_alive()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        process.join(60)
    assert process.exitcode == 130
    said = "jaxgame: interrupted; answers so far are kept, the same command goes on\n"
    assert (tmp_path / "stderr").read_text() == said
    assert 10 <= len((tmp_path / "s.answers.jsonl").read_text().splitlines()) < 400


# Who is told what


def write_files(directory, table, asked):
    table.write_csv(directory / "items.csv")
    (directory / "models.yaml").write_text(yaml.safe_dump(asked))


def refusal(*arguments):
    """The one line that a command refuses with."""
    done = run("elicit", *arguments)
    assert done.exit_code == 2, done.output
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("jaxgame: error: ")
    return lines[0]


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ChatServer(by_number) as server:
        priced = settings(server, model={"prices": {"input": 10.0, "output": 1000.0}})
        write_files(tmp_path, items(30), priced)
        command = ("elicit", "items.csv", "--models", "models.yaml", "--out", "scores.parquet")
        planned = run(*command, "--dry-run")
        assert planned.exit_code == 0 and not server.asked
        # Bytes of the system prompt and of the question, a quarter of them tokens, and 4 for each message.
        question = len(
            "Somebody does thing 0.\n\nScore this from 0 (fine) to 10 (wrong).\nAnswer with the number alone."
        )
        sent = 2 * sum(len("You are person 0.") // 4 + 4 + (question + (i > 9)) // 4 + 4 for i in range(30))
        cost = (sent * 10 + 60 * 3 * 1000) / 1e6
        assert planned.output.splitlines()[1].split() == ["m0", "60", f"{sent:,}", "180", f"{cost:.4g}"]

        asked = run(*command)
        assert asked.exit_code == 0, asked.output
        assert "30 items, 2 columns of scores; 60 questions sent now" in asked.output
        assert ["m0", "60", "1,200", "60", f"{(1200 * 10 + 60 * 1000) / 1e6:.4g}"] in [
            line.split() for line in asked.output.splitlines()
        ]
        for name in ("scores.parquet", "scores.note.json", "scores.logs"):
            assert name in asked.output and (tmp_path / name).exists()
        assert sum(server.asked.values()) == 60

        quiet = run(*command, "--quiet", "--audit", "--target", "human", "--report", "elsewhere")
        assert quiet.exit_code == 1, quiet.output
        assert (
            json.loads((tmp_path / "elsewhere" / "audit.json").read_text())["targets"][0]["target"] == "human"
        )
        assert quiet.output.splitlines()[0].startswith("human") and "questions sent" not in quiet.output
        assert sum(server.asked.values()) == 60


def test_options_that_are_missing_or_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ChatServer(by_number) as server:
        write_files(tmp_path, items(3), settings(server))
        command = ["items.csv", "-m", "models.yaml", "-o", "s.parquet"]
        assert "ITEMS, --models and --out are needed" in refusal("items.csv", "-m", "models.yaml")
        assert "--target is for --audit" in refusal(*command, "-t", "human")
        assert "must be one of moral, films, opinions" in refusal("--example", "morals")
        assert "must be a file that ends in .parquet or .csv" in refusal(*command[:-1], "s.xlsx")
        assert "nowhere: no directory to write into" in refusal(*command[:-1], "nowhere/s.csv")
        assert "is the table of items" in refusal(*command[:-1], "items.csv")
        assert "models.yaml: items.id: unknown" not in refusal("none.csv", *command[1:])
        assert "--max-cost needs prices of each model; 'm0' has none" in refusal(*command, "--max-cost", "1")
        items(3).rename({"human": "m0/p0"}).write_csv("items.csv")
        (tmp_path / "models.yaml").write_text(
            yaml.safe_dump(
                settings(server) | {"items": {"id": "item", "text": ["scenario"], "targets": ["m0/p0"]}}
            )
        )
        assert "column 'm0/p0' is called like a model and persona" in refusal(*command)
        assert not server.asked


def test_an_example_is_printed(tmp_path):
    assert run("elicit", "--example", "moral").stdout == example("moral")


def test_a_limit_of_cost(tmp_path):
    out = tmp_path / "scores.parquet"
    # Replies are longer than the estimate knows.
    with ChatServer(lambda body, before: Reply("4", tokens=(0, 1000))) as server:
        asked = settings(server, model={"prices": {"input": 0.0, "output": 1000.0}})
        with pytest.raises(InputError, match=r"would cost about 0.12 \(0 spent\), --max-cost is 0.1"):
            elicit(items(20), asked, out, max_cost=0.1)
        assert not server.asked
        with pytest.raises(InputError, match=r"stopped at a cost of \d+, --max-cost is 5; .* kept"):
            elicit(items(20), asked, out, max_cost=5.0)
        assert 5 <= sum(server.answered.values()) <= 9
        # What answers are like is known now.
        with pytest.raises(InputError, match=r"would cost about 40 \(\d spent\), --max-cost is 39"):
            elicit(items(20), asked, out, max_cost=39.0)
        found = elicit(items(20), asked, out, max_cost=41.0)
    assert found.costs[0].money == 40.0 == found.note["models"]["m0"]["money"]


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (
            Reply("Incorrect key: PLANTED", status=401),
            r"the server refuses the key in TEST_KEY \(.*Incorrect key: \[key\]\)",
        ),
        (
            Reply("not for PLANTED", status=403),
            r"the server refuses the key in TEST_KEY \(.*not for \[key\]\)",
        ),
        (Reply("no model org/model-0", status=404), r"the server says .*404 - no model org/model-0"),
        (Reply("seed: PLANTED", status=400), r"the server says .*400 - seed: \[key\]"),
    ],
)
def test_what_a_server_refuses_is_told_at_once(tmp_path, monkeypatch, reply, complaint):
    monkeypatch.setenv("TEST_KEY", "PLANTED")
    with ChatServer(lambda body, before: reply) as server:
        with pytest.raises(
            InputError, match=rf"^model 'm0' at http://127.0.0.1:\d+/v1: {complaint}"
        ) as error:
            elicit(items(30), settings(server, model={"key": "TEST_KEY"}), tmp_path / "scores.parquet")
        assert "\n" not in str(error.value) and "PLANTED" not in str(error.value)
        assert sum(server.asked.values()) == 1
    # Nothing came, and nothing is left behind.
    assert "kept" not in str(error.value) and not files(tmp_path)


def test_no_server_is_told_at_once(tmp_path):
    with ChatServer(by_number) as server:
        asked = settings(server)
    with pytest.raises(InputError, match=r"^model 'm0' at http://127.0.0.1:\d+/v1: no server answers there"):
        elicit(items(3), asked, tmp_path / "scores.parquet", patience=600.0)


def test_a_server_that_is_too_slow_or_speaks_otherwise(tmp_path):
    with ChatServer(lambda body, before: Reply("4", delay=1.0)) as server:
        with pytest.raises(InputError, match=r"no answer within 0.1 seconds \(timeout:\)"):
            elicit(
                items(1), settings(server, model={"timeout": 0.1}), tmp_path / "scores.parquet", patience=0.0
            )
        elsewhere = settings(server, model={"url": server.url.removesuffix("/v1") + "/elsewhere"})
        server.rule = lambda body, before: Reply(None, status=405)
        with pytest.raises(InputError, match="the server says"):
            elicit(items(1), elsewhere, tmp_path / "scores.parquet")


def test_a_key_is_in_no_file_and_no_line(tmp_path, monkeypatch):
    key = "sk-PLANTED-0123456789"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_KEY", key)

    # A server that says the key itself, with a score and without.
    def rule(body, before):
        return Reply(f"Score: 4. Your key is {key}." if numbers(body)[0] else f"{key}?", served=f"of {key}")

    with ChatServer(rule) as server:
        write_files(tmp_path, items(12), settings(server, model={"key": "TEST_KEY"}))
        command = ("elicit", "items.csv", "--models", "models.yaml", "--out", "scores.parquet", "--audit")
        outputs = [run(*command, "--dry-run").output, run(*command).output]
        server.rule = lambda body, before: Reply(f"bad key {key}", status=401)
        outputs.append(run(*command[:-2], "other.csv").output)
    assert server.keys == {f"Bearer {key}"}
    assert "questions sent now" in outputs[1] and "refuses the key in TEST_KEY" in outputs[2]
    assert not any("PLANTED" in output for output in outputs)
    assert "[key]" in (tmp_path / "scores.answers.jsonl").read_text()
    for path in files(tmp_path):
        assert b"PLANTED" not in path.read_bytes(), path
    logs = list((tmp_path / "scores.logs").glob("*.eval"))
    assert logs and not any("PLANTED" in read_eval_log(str(path)).model_dump_json() for path in logs)


@pytest.mark.parametrize("key", ["PLANTED PLANTED", "PLANTED\x07", "PLANTED\u201d"])
def test_what_cannot_be_a_key_is_told_without_it(tmp_path, monkeypatch, key):
    monkeypatch.setenv("TEST_KEY", key)
    with ChatServer(by_number) as server:
        with pytest.raises(InputError, match=r"models\[0\].key: .* TEST_KEY holds what cannot be a key$"):
            elicit(items(1), settings(server, model={"key": "TEST_KEY"}), tmp_path / "scores.parquet")
        # Such as `export TEST_KEY="$(cat key.txt) "`.
        monkeypatch.setenv("TEST_KEY", " PLANTED\n")
        elicit(items(1), settings(server, model={"key": "TEST_KEY"}), tmp_path / "scores.parquet")
    assert server.keys == {"Bearer PLANTED"}


def test_without_the_extra_one_line_says_what_to_install(tmp_path):
    """The help, an example and an estimate need none of it."""
    code = """if True:
        import sys
        sys.modules["inspect_ai"] = None
        import jaxgame.elicit
        from jaxgame.cli import app, main
        for arguments in {commands}:
            try:
                app(arguments)
            except SystemExit as end:
                print("ended with", end.code, flush=True)
    """
    with ChatServer(by_number) as server:
        write_files(tmp_path, items(3), settings(server))
    command = ["elicit", "items.csv", "-m", "models.yaml", "-o", "scores.csv"]
    commands = [["--help"], ["elicit", "--example", "moral"], [*command, "--dry-run"], command]
    done = subprocess.run(
        [sys.executable, "-c", code.format(commands=commands)], cwd=tmp_path, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert re.findall("ended with (.*)", done.stdout) == ["0", "0", "0", "2"], done.stderr
    assert done.stderr == "jaxgame: error: asking models needs inspect_ai: pip install 'jaxgame[elicit]'\n"


# What comes of it


def test_the_audit_of_a_planted_population_finds_its_weights(tmp_path):
    """Four personas weigh four features of an item; people are .6 of one, .4 of another, and noise."""
    draw = np.random.default_rng(0)
    features = draw.uniform(size=(72, 4))
    wanted = np.round(100 * features, 1)
    people = 0.6 * wanted[:, 0] + 0.4 * wanted[:, 2] + draw.normal(size=72)
    table = items(72).with_columns(human=pl.Series(people))

    def rule(body, before):
        item, persona, _ = numbers(body)
        return Reply(f"I would say {wanted[item, persona]}/100.")

    with ChatServer(rule) as server:
        scale = {"low": 0, "high": 100, "low_means": "no", "high_means": "yes"}
        found = elicit(
            table,
            settings(server, personas=4, scale=scale, model={"connections": 16}),
            tmp_path / "s.parquet",
        )
    np.testing.assert_array_equal(scores(found), wanted)
    audit = panel.audit(
        found.table, target="human", models=found.models, item="item", bootstrap=20, shuffles=19
    )
    weights = {weight.model: weight.raw for weight in audit["human"].hulls["cone"].weights}
    assert audit["human"].verdict == "covered"
    for persona, weight in enumerate((0.6, 0.0, 0.4, 0.0)):
        assert weights.get(f"m0/p{persona}", 0.0) == pytest.approx(weight, abs=0.03)


def test_logs_can_be_read(tmp_path):
    def rule(body, before):
        wonder = numbers(body)[0] == 1 and len(body["messages"]) == 2
        return Reply("I wonder." if wonder else "4", tokens=(30, 2))

    with ChatServer(rule) as server:
        elicit(items(3), settings(server, models=2), tmp_path / "scores.parquet")
        paths = sorted((tmp_path / "scores.logs").iterdir())
        log = read_eval_log(str(paths[0]))
        assert len(paths) == 4 and (log.eval.task, log.eval.model, log.status) == (
            "p0",
            "org/model-0",
            "success",
        )
        assert [sample.scores["score"].value for sample in log.samples] == [4.0, 4.0, 4.0]
        talk = [message.text for message in log.samples[1].messages]
        assert talk[2:] == ["I wonder.", "Please answer with one number from 0 to 10, and nothing else.", "4"]
        assert log.samples[0].output.usage.input_tokens == 30
        # Only logs that answers came after are written again.
        for path in paths:
            os.utime(path, (time.time() + 60, time.time() + 60))
        before = {path: path.stat().st_mtime_ns for path in paths}
        elicit(items(3), settings(server, models=2, personas=3), tmp_path / "scores.parquet")
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "scores.logs").iterdir()}
    assert len(after) == 6 and {path: after[path] for path in paths} == before


def test_the_key_of_a_question_is_all_that_its_answer_depends_on():
    class Somewhere:
        url = "http://localhost/v1"

    def key(persona="You are person 0.", **changes):
        made = settings(Somewhere, **changes)
        made["personas"][0]["prompt"] = persona
        made = config.read(made)
        return next(questions.questions(made, item_tables.read(items(1), made.items), made.models[0])).key

    plain = key()
    assert plain == key() == key(model={"connections": 9, "timeout": 1.0, "name": "other"})
    scale = settings(Somewhere)["scale"]
    different = [
        {"model": {"temperature": 0.5}},
        {"model": {"seed": 1}},
        {"model": {"url": "http://localhost:1/v1"}},
        {"model": {"model": "other"}},
        {"model": {"max_tokens": 9}},
        {"model": {"options": {"top_p": 0.5}}},
        {"prompt": "{text}"},
        {"prompt": "{text}", "scale": scale | {"high": 11}},
        {"persona": "You are nobody."},
    ]
    assert len({plain, *(key(**change) for change in different)}) == len(different) + 1
