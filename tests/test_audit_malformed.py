"""Fifty tables and settings that cannot be audited: one line each, exit code 2, no traceback."""

# ruff: noqa: E501 (one case a line)

import os
import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from jaxgame.cli import app

ROWS = 30
GOOD = "item,people,a,b\n" + "".join(f"q{i},{i % 7},{i % 5},{(i * i) % 11}\n" for i in range(ROWS))
TARGET = ("--target", "people")
LONG = ("--item", "item", "--model", "who", "--score", "score")


def cell(row, column, value):
    """The good table with one cell changed; rows count from 1, below the header."""
    lines = GOOD.splitlines()
    cells = lines[row].split(",")
    cells[column] = value
    lines[row] = ",".join(cells)
    return "\n".join(lines) + "\n"


def column(name, values):
    """The good table with one more column."""
    lines = GOOD.splitlines()
    return (
        "\n".join([f"{lines[0]},{name}", *(f"{x},{v}" for x, v in zip(lines[1:], values, strict=True))])
        + "\n"
    )


def long(rows, header="item,who,score"):
    return header + "\n" + "".join(f"{row}\n" for row in rows)


LONG_ROWS = [f"q{i},{who},{(i * k) % 7}" for i in range(ROWS) for k, who in ((2, "people"), (3, "a"))]


def parquet(**columns):
    def write(path):
        pl.DataFrame(columns).write_parquet(path)

    return write


SCORES = np.arange(ROWS) % 7 * 1.0
# Name of the file, its content (text, bytes, a function that writes it, None: no file), arguments, what the line says.
CASES = {
    "no file": ("t.csv", None, TARGET, r"t\.csv: no such file"),
    "a directory": ("t.csv", "directory", TARGET, r"t\.csv: is a directory"),
    "empty": ("t.csv", "", TARGET, r"t\.csv: the file is empty"),
    "white space": ("t.csv", "\n \n\n", TARGET, r"t\.csv: the file is empty"),
    "header only": ("t.csv", "item,people,a,b\n", TARGET, r"header but no rows"),
    "one row": ("t.csv", "".join(GOOD.splitlines(True)[:2]), TARGET, r"'people' has 1 scores.*at least 10"),
    "nine rows": ("t.csv", "".join(GOOD.splitlines(True)[:10]), TARGET, r"'people' has 9 scores"),
    "no header": ("t.csv", "".join(f"{i},{i % 7},{i % 5}\n" for i in range(ROWS)), TARGET, r"row 0 .*only numbers"),
    "one column": ("t.csv", "people\n" + "1\n2\n" * 20, TARGET, r"row 0 .*one column 'people'"),
    "separated by blanks": ("t.csv", GOOD.replace(",", " "), TARGET, r"row 0 .*one column"),
    "wrong separator": ("t.csv", GOOD, (*TARGET, "--separator", ";"), r"separated by commas\?"),
    "long separator": ("t.csv", GOOD, (*TARGET, "--separator", "ab"), r"'ab'; it must be one character"),
    "no target": ("t.csv", GOOD, (), r"no --target; .*one of people, a, b"),
    "unknown target": ("t.csv", GOOD, ("--target", "peopel"), r"'peopel' is not a column.*near are 'people'"),
    "target twice": ("t.csv", GOOD, (*TARGET, *TARGET), r"--target names 'people' twice"),
    "target a name": ("t.csv", GOOD, ("--target", "item"), r"--target 'item' is not a column of scores"),
    "unknown model": ("t.csv", GOOD, (*TARGET, "--models", "a,c"), r"--models 'c' is not a column"),
    "target also model": ("t.csv", GOOD, (*TARGET, "--models", "a,people"), r"both the target and one of --models"),
    "unknown candidate": ("t.csv", GOOD, (*TARGET, "--candidate", "z"), r"--candidate 'z' is not a column"),
    "candidate also model": ("t.csv", GOOD, (*TARGET, "--models", "a", "--candidate", "a"), r"'a' is a candidate and"),
    "only candidates": ("t.csv", GOOD, (*TARGET, "--candidate", "a", "--candidate", "b"), r"no model column is left"),
    "text in numbers": ("t.csv", cell(4, 2, "good"), TARGET, r"row 4, column 'a': 'good' is not a number"),
    "decimal comma": ("t.csv", cell(4, 2, "1.5").replace(",", ";").replace("1.5", "1,5"), TARGET, r"row 4, .*a point"),
    "thousands": ("t.csv", cell(9, 3, '"1,000"'), TARGET, r"row 9, column 'b': '1,000' is not a number"),
    "per cent": ("t.csv", cell(30, 3, "50%"), TARGET, r"row 30, column 'b': '50%' is not a number"),
    "text in the target": ("t.csv", cell(1, 1, "yes"), TARGET, r"row 1, column 'people': 'yes' is not a number"),
    "huge integer": ("t.csv", cell(5, 2, "9" * 400), TARGET, r"row 5, column 'a': 9{40}\.\.\. is infinite or too large"),
    "large number": ("t.csv", cell(5, 2, "1e200"), TARGET, r"row 5, column 'a': 1e200 is too large"),
    "infinity": ("t.csv", cell(6, 3, "inf"), TARGET, r"row 6, column 'b': inf is infinite"),
    "all missing": ("t.csv", column("c", ["NaN"] * ROWS), TARGET, r"column 'c': every score is missing"),
    "no numbers": ("t.csv", "item,people\n" + "x,y\n" * 20, TARGET, r"item 'x' occurs twice"),
    "only text": ("t.csv", "one,people\n" + "x,y\n" * 20, TARGET, r"no column of numbers"),
    "constant target": ("t.csv", column("flat", [3] * ROWS), ("--target", "flat"), r"'flat' is constant"),
    "constant models": ("t.csv", "people,a\n" + "".join(f"{i % 7},1\n" for i in range(ROWS)), TARGET, r"no model is left.*same score on every row"),
    "duplicated items": ("t.csv", cell(8, 0, "q2"), TARGET, r"rows 3 and 8, column 'item': item 'q2' occurs twice"),
    "nameless item": ("t.csv", cell(8, 0, ""), TARGET, r"row 8, column 'item': the item has no name"),
    "unknown item column": ("t.csv", GOOD, (*TARGET, "--item", "id"), r"no column 'id' for --item"),
    "duplicated header": ("t.csv", GOOD.replace("people,a,b", "people,a,a"), TARGET, r"row 0 .*columns 3 and 4 are both named 'a'"),
    "nameless column": ("t.csv", GOOD.replace("people,a,b", "people,,b"), TARGET, r"row 0 .*column 3 has no name"),
    "short row": ("t.csv", GOOD.replace("q6,6,1,3\n", "q6,6,1\n"), TARGET, r"row 7 has 3 fields, the header has 4"),
    "long row": ("t.csv", cell(7, 3, "3,4"), TARGET, r"row 7 has 5 fields, the header has 4"),
    "open quotation": ("t.csv", cell(7, 0, '"q6'), TARGET, r"quotation marks|row 7 has"),
    "not UTF-8": ("t.csv", cell(3, 0, "café").encode("latin-1"), TARGET, r"row 3 is not UTF-8 \(byte 0xe9, column 1\)"),
    "half of UTF-16": ("t.csv", GOOD.encode("utf-16")[:-1], TARGET, r"begins as UTF-16 text and is damaged"),
    "binary": ("t.csv", bytes(range(256)) * 20, TARGET, r"is a binary file"),
    "Excel": ("t.xlsx", b"PK\x03\x04" + bytes(100), TARGET, r"is a zip or Excel file"),
    "compressed": ("t.csv.gz", b"\x1f\x8b\x08" + bytes(100), TARGET, r"is compressed"),
    "broken Parquet": ("t.parquet", b"PAR1" + bytes(100), TARGET, r"not a readable Parquet file"),
    "text in Parquet": ("t.parquet", parquet(people=SCORES, a=["x"] + ["1"] * (ROWS - 1)), TARGET, r"row 1, column 'a': 'x'"),
    "infinity in Parquet": ("t.parquet", parquet(people=SCORES, a=np.where(SCORES > 5, np.inf, SCORES)), TARGET, r"row 7, column 'a': inf"),
    "long without score": ("t.csv", long(LONG_ROWS), (*TARGET, "--item", "item", "--model", "who"), r"needs --item, --model and --score together"),
    "long, same columns": ("t.csv", long(LONG_ROWS), (*TARGET, "--item", "item", "--model", "item", "--score", "score"), r"must be three columns"),
    "long, unknown column": ("t.csv", long(LONG_ROWS), (*TARGET, *LONG[:-1], "scores"), r"no column 'scores' for --score; near are 'score'"),
    "long, scored twice": ("t.csv", long([*LONG_ROWS, "q2,a,1"]), (*TARGET, *LONG), r"rows 6 and 61, .*'q2' has two scores by 'a'"),
    "long, no model": ("t.csv", long([*LONG_ROWS, "q2,,1"]), (*TARGET, *LONG), r"row 61, column 'who': empty"),
    "long, text": ("t.csv", long([*LONG_ROWS, "q2,b,low"]), (*TARGET, *LONG), r"row 61, column 'score': 'low' is not a number"),
    "long, no target": ("t.csv", long(LONG_ROWS), ("--target", "nobody", *LONG), r"'nobody' is not a column of scores"),
    "unknown user": ("u.data", "".join(f"{u}\t{i}\t{1 + i % 5}\t8\n" for u in (1, 2) for i in range(20)), ("--target", "7"), r"--target '7' is not"),
    "bad split": ("t.csv", column("split", ["train"] * 29 + ["valid"]), (*TARGET, "--split", "split"), r"row 30, column 'split': 'valid' is neither"),
    "no test rows": ("t.csv", column("split", ["train"] * ROWS), (*TARGET, "--split", "split"), r"30 train and 0 test rows"),
    "no common rows": ("t.csv", "people,a\n" + "1,\n" * 15 + ",2\n" * 15, TARGET, r"no model is left.*fewer than 10 scores"),
    "eps of 0": ("t.csv", GOOD, (*TARGET, "--eps", "0"), r"epsilon is 0\.0; it must be a positive number"),
    "unknown hull": ("t.csv", GOOD, (*TARGET, "--hull", "convex"), r"hull is 'convex'; it must be one of 'cone', 'simplex'"),
    "few refits": ("t.csv", GOOD, (*TARGET, "--bootstrap", "3"), r"bootstrap is 3; it must be at least 20"),
    "certain": ("t.csv", GOOD, (*TARGET, "--confidence", "1"), r"confidence is 1\.0"),
}  # fmt: skip


def put(directory, name, content):
    path = directory / name
    if content == "directory":
        path.mkdir()
    elif callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content, encoding="utf-8")
    return path


def test_there_are_fifty():
    assert len(CASES) >= 50


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_and_exit_code_2(case, tmp_path):
    name, content, arguments, says = CASES[case]
    path = put(tmp_path, name, content)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["audit", str(path), *arguments, "--out", str(out)])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("jaxgame: error: ")
    assert re.search(says, line), line
    if "--eps" not in arguments and "must be" not in line:
        assert name in line or name.split(".")[0] in line
    assert not out.exists()


def test_outputs_that_cannot_be_written(tmp_path):
    path = put(tmp_path, "t.csv", GOOD)
    (tmp_path / "taken").write_text("")
    result = CliRunner().invoke(app, ["audit", str(path), *TARGET, "--out", str(tmp_path / "taken")])
    assert result.exit_code == 2
    assert "taken: is a file; --out must be a directory" in result.stderr


def test_the_process_prints_one_line_and_no_traceback(tmp_path):
    path = put(tmp_path, "t.csv", cell(4, 2, "good"))
    done = subprocess.run(
        [sys.executable, "-m", "jaxgame.cli", "audit", str(path), *TARGET],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"jaxgame: error: {path}: row 4, column 'a': 'good' is not a number\n"
    assert sorted(os.listdir(tmp_path)) == ["t.csv"]
