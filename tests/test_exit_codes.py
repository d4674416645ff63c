"""What the command exits with when it has no verdict: one line, and never 0 or 1."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import jaxgame
from jaxgame.audit import files
from jaxgame.cli import app, ending
from jaxgame.cli import audit as command

TABLE = "item,people,a,b\n" + "".join(f"q{i},{i % 7},{i % 5},{(i * i) % 11}\n" for i in range(30))


@pytest.fixture
def arguments(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    return [
        "audit",
        str(tmp_path / "t.csv"),
        "-t",
        "people",
        "--out",
        str(tmp_path / "o"),
        "--bootstrap",
        "20",
    ]


def environment(**changes):
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | changes


def raising(error):
    def planted(*_, **__):
        raise error

    return planted


class Panic(BaseException):
    """As polars raises where its own code fails: no Exception."""


PLANTED = {
    "fault": (ZeroDivisionError("division\nby zero"), 70, "unexpected ZeroDivisionError: division by zero; "),
    "silent": (AssertionError(), 70, "unexpected AssertionError: no details; this is a fault of jaxgame "),
    "panic": (Panic("capacity overflow"), 70, "unexpected Panic: capacity overflow; "),
    "long": (RuntimeError("x" * 9_000), 70, "unexpected RuntimeError: " + "x" * 300 + "...; "),
    "lost file": (FileNotFoundError(2, "No such file", "x.csv"), 70, "unexpected FileNotFoundError: "),
    "memory": (MemoryError("no 7 TiB"), 70, "out of memory (no 7 TiB); fewer rows, or fewer models"),
    "interruption": (KeyboardInterrupt(), 130, "interrupted; files are written whole at the end or not"),
}


@pytest.mark.parametrize("case", PLANTED)
@pytest.mark.parametrize("place", ["audit", "write", "show"])
def test_what_should_not_happen_is_one_line_and_no_verdict(case, place, arguments, monkeypatch):
    error, code, says = PLANTED[case]
    if place == "write" and isinstance(error, OSError):
        code, says = 2, "x.csv: cannot be written (No such file)"
    where = {"audit": (command, "audit"), "write": (files, "write"), "show": (command.terminal, "show")}[
        place
    ]
    monkeypatch.setattr(*where, raising(error))
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"jaxgame: error: {says}")
    assert ("JAXGAME_TRACEBACK=1" in line) == ("unexpected" in says)
    if "unexpected" in says:
        assert f"fault of jaxgame {jaxgame.__version__}" in line and "please report it" in line


def test_the_demo_ends_in_the_same_way(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "audit", raising(ZeroDivisionError("planted")))
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 70 and "unexpected ZeroDivisionError: planted" in result.stderr


def test_a_traceback_is_shown_if_asked_for(arguments, monkeypatch):
    monkeypatch.setattr(command, "audit", raising(ZeroDivisionError("planted")))
    monkeypatch.setenv(ending.TRACEBACK, "1")
    result = CliRunner().invoke(app, arguments)
    lines = result.stderr.splitlines()
    assert result.exit_code == 70 and lines[0] == "Traceback (most recent call last):"
    assert "in planted" in result.stderr and lines[-1].startswith(
        "jaxgame: error: unexpected ZeroDivisionError"
    )


def test_verdicts_and_usage_keep_their_codes(arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 1
    assert CliRunner().invoke(app, [*arguments, "--eps", "near"]).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "--no-such-option"]).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0
    for wrong in ("0", "0,x", "0,1,2", ""):
        result = CliRunner().invoke(app, [*arguments, "--range", wrong])
        assert result.exit_code == 2 and f"--range is {wrong!r}; it must be two numbers" in result.stderr


def test_a_reader_who_stops_reading_changes_no_code(arguments):
    rows = "".join(f"{i % 5 + (i * i) % 11},{i % 5},{(i * i) % 11}\n" for i in range(60))
    Path(arguments[1]).write_text("people,a,b\n" + rows)  # covered: 1 is what others exit with
    for stream, code, says in (("pipe", 0, ""), ("/dev/full", 70, "standard output cannot be written")):
        if stream == "pipe":
            reads, writes = os.pipe()
            os.close(reads)
        elif os.path.exists(stream):
            writes = os.open(stream, os.O_WRONLY)
        else:
            continue
        done = subprocess.run(
            [sys.executable, "-m", "jaxgame.cli", *arguments],
            stdout=writes, stderr=subprocess.PIPE, text=True, env=environment(), check=False,
        )  # fmt: skip
        os.close(writes)
        assert done.returncode == code and says in done.stderr
        assert len(done.stderr.splitlines()) == (1 if says else 0)


def test_names_that_the_terminal_cannot_write(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE.replace("people", "péople"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "jaxgame.cli", "audit", "t.csv", "-t", "péople", "-q", "--out", "o"],
        capture_output=True, cwd=tmp_path, check=False,
        env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="1"),
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout.startswith(b"p?ople: not covered") and done.stderr == b""


@pytest.mark.slow
def test_an_interruption_of_the_process(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "jaxgame.cli", "demo", "--out", "o", "--bootstrap", "10000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment(), text=True,
    ) as process:  # fmt: skip
        time.sleep(20)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
    assert process.returncode == 130 and out == ""
    assert told.startswith("jaxgame: error: interrupted") and len(told.splitlines()) == 1
    assert not (tmp_path / "o").exists()
