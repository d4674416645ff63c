"""`--robust`: the models of a panel as reviewers of an agent that chooses within a context."""

import itertools
import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from jaxgame import panel
from jaxgame.audit import InputError, robust
from jaxgame.cli import app
from tests.reference import coalition as reference

QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}


def contexts(sizes, models=6, noise=1.0, seed=0):
    """A table of contexts of so many options, and its numbers: people [N], models [N, K]."""
    random = np.random.default_rng(seed)
    rows = sum(sizes)
    people = random.normal(size=rows)
    scores = people[:, None] + noise * random.normal(size=(rows, models))
    table = {"people": people} | {f"m{k}": scores[:, k] for k in range(models)}
    table["scene"] = [f"s{i}" for i, size in enumerate(sizes) for _ in range(size)]
    return table, people, scores


def depth_of(people, scores):
    """By every coalition and SciPy: options are exchanged for a draw of all of them."""
    directions = np.eye(len(people)) - 1 / len(people)
    losses = reference.losses(directions @ people, scores.T @ directions.T, by_covers=False)
    return reference.depth_of(losses, 1e-6 * np.abs(directions @ people).max())


def test_depths_of_contexts_are_those_of_all_coalitions():
    sizes = [2] * 8 + [3] * 8 + [4] * 6 + [1]
    table, people, scores = contexts(sizes)
    found = panel.audit(table, target="people", group="scene", robust=True, **QUICK)["people"].standing
    ends = np.cumsum([0, *sizes])
    depths = [depth_of(people[a:b], scores[a:b]) for a, b in itertools.pairwise(ends) if b - a > 1]
    assert len(set(depths)) > 2
    assert (found.contexts, found.models, found.left_out, found.exact) == (22, 6, 1, 22)
    assert found.method == "faces"
    assert found.weakest.lower == found.weakest.upper == min(depths)
    assert found.median.lower == found.median.upper == sorted(depths)[10]
    for one in found.stands:
        assert one.lower == one.upper == np.mean([depth > one.removed for depth in depths])
    assert [one.removed for one in found.stands] == [0, 1, 2, 3, 5]
    assert f"{found.stands[0].lower:.0%} if all 6 models review" in found.sentence
    assert "every depth is exact" in found.sentence


def test_nobody_asked_and_nothing_to_choose_among():
    table, *_ = contexts([3] * 10)
    assert panel.audit(table, target="people", group="scene", **QUICK)["people"].standing is None
    table.pop("scene")
    with pytest.raises(InputError, match=r"--robust looks at contexts, groups of 2 to 40 rows .* --group"):
        panel.audit(table, target="people", robust=True, **QUICK)


@pytest.mark.slow
def test_brackets_where_the_dimension_does_not_allow_more(monkeypatch):
    monkeypatch.setattr(robust, "PROGRAMS", 1)
    monkeypatch.setattr("jaxgame.coalition.depth.FEW", 1)
    table, people, scores = contexts([4] * 9, noise=0.4)
    found = panel.audit(table, target="people", group="scene", robust=True, **QUICK)["people"].standing
    depths = [depth_of(people[a : a + 4], scores[a : a + 4]) for a in range(0, 36, 4)]
    assert found.method == "programs" and found.exact < 9
    assert f"{found.exact} of 9 depths are exact" in found.sentence
    for one in found.stands:
        assert one.lower <= np.mean([depth > one.removed for depth in depths]) <= one.upper
    assert found.median.lower <= sorted(depths)[4] <= found.median.upper
    assert found.median.lower < found.median.upper


@pytest.mark.slow
def test_the_command_and_the_report_say_it(tmp_path):
    table, *_ = contexts([3] * 12)
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    asked = ["audit", str(tmp_path / "t.csv"), "-t", "people", "--group", "scene", "--robust"]
    done = CliRunner().invoke(app, [*asked, "--bootstrap", "20", "--out", str(tmp_path / "out")])
    assert done.exit_code in (0, 1), done.output
    (target,) = json.loads((tmp_path / "out" / "audit.json").read_text())["targets"]
    told, page = " ".join(done.stdout.split()), (tmp_path / "out" / "report.html").read_text()
    first = target["standing"]["stands"][0]
    assert "If the models review what an agent does" in told and "If the models review" in page
    assert target["standing"]["sentence"].split(" (of")[0] in told
    assert f"{first['lower']:.1%}" in told and f"<td>0</td><td>{first['lower']:.1%}</td>" in page
