"""What the documentation shows is so: its Python runs, its commands compose, its names exist."""

import ast
import contextlib
import importlib
import io
import itertools
import math
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.common import config as experiments_config
from jaxgame import Bracket

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
QUICK = "docs/howto/run_directory.md"

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = r"-?\d+(?:\.\d+)?"


@dataclass(frozen=True)
class Block:
    """A block of Python on a page, and what the page says it prints (None: nothing is said)."""

    line: int
    code: str
    printed: str | None


def blocks(text: str) -> list[Block]:
    """A page's Python blocks; a `text` block right below one shows what it prints."""
    fences = list(FENCE.finditer(text))
    found = []
    for fence, after in itertools.zip_longest(fences, fences[1:]):
        if fence[1] != "python":
            continue
        below = after is not None and after[1] == "text" and not text[fence.end() : after.start()].strip()
        found.append(Block(text.count("\n", 0, fence.start()) + 1, fence[2], after[2] if below else None))
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run_page(path: Path) -> None:
    """Run a page's blocks in order in one namespace; compare what is printed and what comments say."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(path.read_text()):
        place = f"{name(path)}:{block.line}"
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            _run(block.code, namespace, place)
        if block.printed is not None:
            assert printed.getvalue() == block.printed, f"{place} prints\n{printed.getvalue()}"
        else:
            assert not printed.getvalue(), f"{place} prints, unlike the page:\n{printed.getvalue()}"


def _run(code: str, namespace: dict[str, Any], place: str) -> None:
    lines = code.splitlines()
    for node in ast.parse(code).body:
        module = ast.Module([node], [])
        if not isinstance(node, ast.Expr):
            exec(compile(module, place, "exec"), namespace)
            continue
        value = eval(compile(ast.Expression(node.value), place, "eval"), namespace)
        assert node.end_lineno is not None
        _, _, comment = lines[node.end_lineno - 1].partition("  # ")
        _check_comment(value, comment, f"{place}, line {node.end_lineno} of the block")


def _check_comment(value: Any, comment: str, place: str) -> None:
    """A comment that begins or ends with a number, or begins with a list, says what the expression gives."""
    said = re.match(rf"\[[^\]]*\]|{NUMBER}\b", comment) or re.search(rf"(?<=, ){NUMBER}$", comment)
    if said is None:
        return
    shown = np.asarray(eval(said[0]), float)  # fractions are said, too
    digits = re.search(r"\.(\d+)", said[0])
    error = 0.5 * 10.0 ** -len(digits[1]) if digits and "/" not in said[0] else 1e-6
    for end in (value.lower, value.upper) if isinstance(value, Bracket) else (value,):
        assert np.abs(np.asarray(end) - shown).max() <= error * (1 + 1e-6), f"{place}: {value}, not {said[0]}"


slow = pytest.mark.slow
WITH_CODE = [path for path in PAGES if blocks(path.read_text())]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "path", [pytest.param(p, id=name(p), marks=[] if name(p) == QUICK else slow) for p in WITH_CODE]
)
def test_pages_run_and_show_what_they_print(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(path)


def test_the_quick_page_is_among_them() -> None:
    assert QUICK in map(name, WITH_CODE)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n", "prints"),
        ("```python\nprint(2)\n```\n", "unlike the page"),
        ("```python\n1 / 3  # 0.34\n```\n", "not 0.34"),
        ("```python\n[1 / 3, 0.5]  # [1/3, 1/2]: fine\n1 + 1  # the sum, 3\n```\n", "not 3"),
    ],
)
def test_a_page_that_is_wrong_is_found_out(
    page: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(AssertionError, match=complaint):
        run_page(path)


COMMANDS = [
    pytest.param(shlex.split(line, comments=True)[3:], id=f"{name(path)}: {line.strip()}")
    for path in PAGES
    for line in re.findall(
        r"python -m experiments(?: [^`\n]*)?(?=`|\n)",
        re.sub(r"\\\n\s*", "", path.read_text()),  # lines that go on
    )
    if not re.search(r"NAME|--help|\.\.\.|=monopoly|=blind", line)  # to be filled in by the reader
]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands_of_the_application_compose(arguments: list[str]) -> None:
    """Every group, key and type is right; a sweep's first value stands for all of them."""
    overrides = []
    for override in OverridesParser.create().parse_overrides([a for a in arguments if a != "--multirun"]):
        value = next(override.sweep_string_iterator()) if override.is_sweep_override() else None
        overrides.append(override.input_line if value is None else f"{override.get_key_element()}={value}")
    experiments_config.register_configs()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert compose("config", overrides).experiment.name


ROOMS = ["jaxgame", "jaxgame.selection", "jaxgame.competition", "jaxgame.conversation", "jaxgame.panel"]


@pytest.mark.parametrize("room", ROOMS)
def test_reference_has_every_public_name(room: str) -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
    listed = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    module = importlib.import_module(room)
    names = {n for n in module.__all__ if not isinstance(getattr(module, n), type(math))}
    assert {f"{room}.{n}" for n in names} - listed == set()


def test_reference_names_exist() -> None:
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        for path in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE):
            room, _, last = path.rpartition(".")
            assert hasattr(importlib.import_module(room), last), f"{name(page)}: {path}"


def test_theory_names_exist() -> None:
    """The functions that the theory page and the guides name in code are there."""
    import jaxgame as jg

    for page in (ROOT / "docs").rglob("*.md"):
        for path in set(re.findall(r"`jg\.([\w.]+)", page.read_text())):
            value: Any = jg
            for part in path.split("."):
                assert hasattr(value, part), f"{name(page)}: jg.{path}"
                value = getattr(value, part)


@slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "MPLBACKEND": "agg", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = re.search(r'"""\n.*?Prints:\n\n(.*?)"""', example.read_text(), re.DOTALL)
    if shown:
        assert done.stdout.split() == shown[1].split()
