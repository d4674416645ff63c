"""What is handed out: the wheel, what it says of itself, and that types reach who installs it."""

import datetime
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

import jaxgame

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPT = ROOT / "tests" / "data" / "user_script.py"
LINK = re.compile(r"\]\((?!https?:)([^)\s#]+)[^)]*\)")

slow = pytest.mark.slow


def test_the_version_is_the_same_wherever_it_is_told():
    version, date = re.search(r"^## (\S+) \(([\d-]+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M).groups()
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert jaxgame.__version__ == version == cited["version"]
    assert datetime.date.fromisoformat(date) == cited["date-released"]


def test_how_to_cite_is_told_in_full():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "type", "title", "authors", "version", "license"} <= cited.keys()
    assert [author["name"] for author in cited["authors"]] == [
        author["name"] for author in PROJECT["project"]["authors"]
    ]
    assert "CITATION.cff" in (ROOT / "README.md").read_text()


def test_the_readme_has_no_path_for_a_link_where_there_are_no_paths():
    """The page of an index: links that lead nowhere there are words, all others are whole."""
    text = (ROOT / "README.md").read_text()
    paths = LINK.findall(text)
    assert paths and not [path for path in paths if not (ROOT / path).exists()]
    page = text
    for change in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        page = re.sub(change["pattern"], change["replacement"], page)
    assert not LINK.findall(page)
    assert re.findall(r"https?:[^)\s]+", page) == re.findall(r"https?:[^)\s]+", text)
    assert all(f"`{path}`" in page for path in paths)


def test_extras_that_ask_for_the_same_package_ask_for_the_same_versions():
    project = PROJECT["project"]
    asked = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    found: dict[str, set[str]] = {}
    for line in asked:
        name, versions = re.fullmatch(r"([\w-]+(?:\[[\w,]+\])?)(.*)", line).groups()
        found.setdefault(name.partition("[")[0], set()).add(versions)
    found.pop("jaxgame")
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}
    kept = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.M)
    assert {"hydra-core", "omegaconf", "filelock"} <= set(kept) & found.keys()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel as pip builds it; skips without the build's own requirements, which come from the network."""
    folder = tmp_path_factory.mktemp("wheel")
    needs = PROJECT["build-system"]["requires"]
    pip = [sys.executable, "-m", "pip"]
    got = subprocess.run(
        [*pip, "download", "--quiet", "--dest", str(folder / "needs"), *needs], capture_output=True, text=True
    )
    if got.returncode:
        pytest.skip(f"{', '.join(needs)} cannot be had: {got.stderr.strip().splitlines()[-1]}")
    source = folder / "source"
    left = (".git", ".venv", "outputs", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*left))
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


@slow
@pytest.mark.timeout(600)
def test_the_wheel_is_the_library_and_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = message_from_bytes(archive.read(about))
        licences = [archive.read(name) for name in names if "/licenses/" in name]
    tops = {name.split("/")[0] for name in names}
    assert tops == {"jaxgame", about.split("/")[0]}
    kept = (
        path for path in (ROOT / "jaxgame").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    assert {path.relative_to(ROOT).as_posix() for path in kept} == {
        n for n in names if n.startswith("jaxgame/")
    }
    assert told["Version"] == jaxgame.__version__ and told["License-Expression"] == "Apache-2.0 AND MIT"
    assert len(licences) == 3 and told["Author"] and told["Keywords"]
    needed = [line for line in told.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in needed if re.match("hydra|omegaconf", line)]
    assert {"experiments", "cluster", "elicit", "dist"} <= set(told.get_all("Provides-Extra"))
    page = told.get_payload()
    assert page.startswith("# jaxgame") and not LINK.findall(page)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A Python that has the wheel, and everything else from the one that runs the tests."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, with_pip=False)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)],
        check=True,
    )
    (packages,) = [path.parent for path in place.rglob("jaxgame") if (path / "__init__.py").exists()]
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    return python, packages


def run(python, *words, cwd):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([str(python), *words], cwd=cwd, env=clean, capture_output=True, text=True)


@slow
@pytest.mark.timeout(600)
def test_types_reach_the_user(installed, tmp_path):
    python, packages = installed
    shutil.copy(SCRIPT, tmp_path / "script.py")
    (tmp_path / "wrong.py").write_text(SCRIPT.read_text() + "best.walue\nworst.value.lower.shap\n")
    strict = ["-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    assert run(python, "script.py", cwd=tmp_path).returncode == 0
    said = run(python, *strict, "script.py", cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    said = run(python, *strict, "wrong.py", cwd=tmp_path)
    assert said.stdout.count("[attr-defined]") == 2, said.stdout
    (packages / "jaxgame" / "py.typed").rename(packages / "jaxgame" / "py.untyped")
    said = run(python, *strict, "script.py", cwd=tmp_path)
    (packages / "jaxgame" / "py.untyped").rename(packages / "jaxgame" / "py.typed")
    assert "[import-untyped]" in said.stdout


def test_the_experiments_say_what_they_need_in_one_line():
    """Without site packages: a Python that has neither Hydra nor anything else."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "experiments"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "the experiments need hydra and omegaconf: pip install -e '.[experiments]'" in done.stderr
