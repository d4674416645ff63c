"""Recipes and files for other tools: what they say is what they do."""

import re
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
import yaml
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

ROOT = Path(__file__).parent.parent


class Calls(ModuleType):
    """A stand-in for a package: remembers what was called, in order."""

    def __init__(self, name):
        super().__init__(name)
        self.said = []

    def __getattr__(self, called):
        if called.startswith("__"):
            raise AttributeError(called)

        def call(*arguments, **named):
            self.said.append((called, arguments, named))
            return self

        return call

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.said.append(("ended", (), {}))


@pytest.fixture
def recipe():
    """What the page shows."""
    page = (ROOT / "docs" / "howto" / "trackers.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    namespace = {}
    exec(code, namespace)
    return namespace


@pytest.fixture
def finished(tmp_path):
    """The config of a run, and the directory that it has left."""
    directory = tmp_path / "a_run"
    directory.mkdir()
    rows = pl.DataFrame({"family": ["noise", "goals"], "leaders": [2, 4], "coverage": [0.25, 0.5]})
    rows.write_csv(directory / "summary.csv")
    keys = {"name": "hull_coverage", "draws": 64, "leaders": [2, 4], "twice": "${.draws}"}
    return OmegaConf.create({"experiment": keys, "run": {"directory": str(directory)}}), directory


ENDED = JobReturn(status=JobStatus.COMPLETED)
ROWS = [{"leaders": 2, "coverage": 0.25}, {"leaders": 4, "coverage": 0.5}]


def test_mlflow_hears_of_a_run(recipe, finished, monkeypatch):
    config, directory = finished
    mlflow = Calls("mlflow")
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    recipe["Mlflow"]().on_job_end(config=config, job_return=ENDED, more="is ignored")
    assert mlflow.said == [
        ("set_experiment", ("hull_coverage",), {}),
        ("start_run", (), {"run_name": "a_run"}),
        ("log_params", ({"name": "hull_coverage", "draws": 64, "leaders": [2, 4], "twice": 64},), {}),
        ("log_metrics", (ROWS[0],), {"step": 0}),
        ("log_metrics", (ROWS[1],), {"step": 1}),
        ("log_artifacts", (str(directory),), {}),
        ("ended", (), {}),
    ]


def test_trackio_hears_of_a_run(recipe, finished, monkeypatch):
    config, _ = finished
    trackio = Calls("trackio")
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    recipe["Trackio"]().on_job_end(config=config, job_return=ENDED)
    assert [called for called, _, _ in trackio.said] == ["init", "log", "log", "finish"]
    assert trackio.said[0][2]["project"] == "hull_coverage" and trackio.said[0][2]["name"] == "a_run"
    assert [arguments for _, arguments, _ in trackio.said[1:3]] == [(row,) for row in ROWS]


def test_nobody_hears_of_a_run_that_failed(recipe, finished, monkeypatch):
    mlflow = Calls("mlflow")
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    recipe["Mlflow"]().on_job_end(config=finished[0], job_return=JobReturn(status=JobStatus.FAILED))
    assert mlflow.said == []


def test_the_recipe_is_short(recipe):
    """Twenty lines for the callback and a tracker, so that it is read before it is copied."""
    assert issubclass(recipe["Mlflow"], recipe["Tracker"])
    page = (ROOT / "docs" / "howto" / "trackers.md").read_text()
    code = re.findall(r"^```python\n(.*?)^class Trackio", page, re.MULTILINE | re.DOTALL)[0]
    lines = [line for line in code.splitlines() if line.strip() and "import " not in line]
    assert len(lines) <= 20


def test_the_workflow_runs_what_a_change_must_pass():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["check"]
    assert job["steps"][-1] == {"run": ".ci/run"}
    listed = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert job["strategy"]["matrix"]["python"] == listed


def test_hooks_before_commits_are_those_of_lint():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipe = re.search(r"^lint:.*?\n\n", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)[0]
    lint = re.findall(r"\$\(BIN\)/(.+)", recipe)
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in hooks] == [
        x.removesuffix(" .") for x in lint
    ]


def test_the_container_holds_what_its_commands_need():
    text = (ROOT / "apptainer.def").read_text()
    (extras,) = re.findall(r"^    extras=(.*)$", text, re.MULTILINE)
    pyproject = (ROOT / "pyproject.toml").read_text()
    for extra in (*extras.split(","), "cuda13"):
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE)
    assert (ROOT / "constraints.txt").exists() and "-c constraints.txt" in text
