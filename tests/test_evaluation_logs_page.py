"""The page on evaluation logs shows what happens: its Python writes the files, its commands read them."""

import shlex
import subprocess
import sys
from importlib.util import find_spec

from typer.testing import CliRunner

from jaxgame.cli import app
from tests.test_docs import FENCE, ROOT

PAGE = ROOT / "docs" / "howto" / "evaluation_logs.md"
HAS_INSPECT = find_spec("inspect_ai") is not None
COMMANDS = 7


def test_the_page_runs_and_shows_what_comes_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, namespace, shown = PAGE.read_text(), {}, 0
    for fence in FENCE.finditer(text):
        language, code = fence[1], fence[2]
        if not HAS_INSPECT and text[: fence.start()].rpartition("\n## ")[2].startswith("Inspect\n"):
            continue
        if language == "python":
            exec(compile(code, PAGE.name, "exec"), namespace)
        elif language == "py":  # a script of its own, for which not every reader has the packages
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        elif language == "sh":
            program, *arguments = shlex.split(code)
            assert program == "jaxgame"
            result = CliRunner().invoke(app, arguments)
        elif language == "text":
            assert result.output == code, result.output
            assert result.exit_code == (2 if "error" in code else 0 if ": covered" in code else 1)
            shown += 1
    assert shown == COMMANDS - (not HAS_INSPECT)
