"""One mixture for all groups of an audit, and with which weights of the groups."""

import io
import itertools

import numpy as np
import pytest
from scipy.optimize import nnls

from jaxgame import panel

QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}


def table(groups: dict, rows: int = 240, noise: float = 0.05, seed: int = 0) -> dict:
    """Four models and groups who each want a mixture: name, (weights, factor)."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(rows, 4)) * [1.0, 2.0, 1.0, 0.5] + 3.0
    found = {f"m{i}": scores[:, i] for i in range(4)}
    for name, (weights, factor) in groups.items():
        wanted = factor * (scores @ weights)
        found[name] = wanted + noise * wanted.std() * random.normal(size=rows) + 5.0
    return found


def audited(groups: dict, **options):
    return panel.audit(table(groups, **options), target=list(groups), **QUICK)


SAME = np.array([0.5, 0.5, 0.0, 0.0])


def test_groups_that_want_the_same_on_scales_of_their_own_are_served_by_one_mixture():
    found = audited({"a": (SAME, 1.0), "b": (SAME, 0.2), "c": (SAME, 7.0)})
    (shared,) = found.common
    assert shared.covered and "covers everybody" in shared.sentence
    np.testing.assert_allclose([one.weight for one in shared.groups], 1 / 3, atol=0.02)
    for one in shared.groups:
        assert one.distance < 0.1 and abs(one.distance - one.own) < 0.02
        # Two times the largest errors of all, weighed, over her weight.
        total = sum(other.weight * other.largest for other in shared.groups)
        np.testing.assert_allclose(one.loss, 2 * total / one.weight, rtol=1e-12)
    ratio = shared.weights["m0"] / shared.weights["m1"]
    assert 0.8 < ratio < 1.25


def test_groups_that_part_are_served_alone_and_not_together():
    found = audited({"a": (np.eye(4)[0], 1.0), "b": (np.eye(4)[1], 1.0)})
    assert found.covered
    (shared,) = found.common
    # The best of one mixture is half of each (in standard deviations): it explains half of either.
    assert not shared.covered and "least served" in shared.sentence
    for one in shared.groups:
        assert one.own < 0.1
        np.testing.assert_allclose(one.distance, np.sqrt(0.5), atol=0.08)


def test_who_is_against_the_others_is_not_served():
    scores = table({"a": (np.eye(4)[0], 1.0), "b": (np.eye(4)[0], 3.0)})
    scores["c"] = -scores["a"]
    found = panel.audit(scores, target=["a", "b", "c"], models=["m0", "m1", "m2", "m3"], **QUICK)
    (shared,) = found.common
    assert not shared.covered and "It tells nothing of 'c'" in shared.sentence
    assert [one.weight > 0 for one in shared.groups] == [True, True, False]
    assert all(one.loss is None for one in shared.groups)
    np.testing.assert_allclose(shared.groups[2].distance, 1.0, atol=0.15)  # a constant's


def test_the_mixture_is_that_of_a_search():
    """Two groups, two models: against a grid of weights of the groups, with the best mixture for each."""
    groups = {"a": (np.array([0.9, 0.1, 0.0, 0.0]), 2.0), "b": (np.array([0.3, 0.7, 0.0, 0.0]), 0.5)}
    scores = table(groups, noise=0.3)
    # All rows are train rows but for some copies: what is minimised is known without their split.
    doubled = {name: np.concatenate([column, column]) for name, column in scores.items()}
    doubled["part"] = np.repeat(["train", "test"], len(scores["a"]))
    found = panel.audit(doubled, target=["a", "b"], models=["m0", "m1"], split="part", **QUICK)
    (shared,) = found.common
    z = {name: (scores[name] - scores[name].mean()) / scores[name].std() for name in groups}
    models = np.column_stack([scores["m0"], scores["m1"]])
    models -= models.mean(axis=0)

    def missed(lam, weights):
        return sum(
            ((part * z[name] - models @ weights) ** 2).mean() for part, name in zip(lam, z, strict=True)
        )

    def best(share):
        lam = (share, 1 - share)
        wanted = np.concatenate([part * z[name] for part, name in zip(lam, z, strict=True)])
        return missed(lam, nnls(np.concatenate([models, models]), wanted)[0])

    least = min(best(share) for share in np.linspace(0, 1, 401))
    lam = [one.weight for one in shared.groups]
    here = missed(lam, np.array([shared.weights["m0"], shared.weights["m1"]]))
    assert abs(sum(lam) - 1) < 1e-12 and here <= least + 1e-9 and here >= least - 1e-4
    for part, one in zip(lam, shared.groups, strict=True):  # test rows are the train rows
        left = z[one.target] - models @ [shared.weights["m0"], shared.weights["m1"]] / part
        np.testing.assert_allclose([one.distance, one.largest], [left.std(), np.abs(left).max()], rtol=1e-9)


def test_a_single_target_asks_for_nothing_and_units_do_not_matter():
    groups = {"a": (SAME, 1.0), "b": (np.array([0.2, 0.8, 0.0, 0.0]), 1.0)}
    assert panel.audit(table(groups), target="a", **QUICK).common == ()
    first = audited(groups).common[0]
    scores = table(groups)
    scores["b"] = 1e4 * scores["b"] - 7.0
    second = panel.audit(scores, target=["a", "b"], scale="standard", **QUICK).common[0]
    for one, other in zip(first.groups, second.groups, strict=True):
        np.testing.assert_allclose([one.weight, one.distance], [other.weight, other.distance], atol=1e-6)


@pytest.mark.parametrize("where", ["terminal", "html", "json"])
def test_it_is_told(where):
    from rich.console import Console

    from jaxgame.audit.report import html
    from jaxgame.audit.terminal import show

    found = audited({"a": (SAME, 1.0), "b": (SAME, 0.2)})
    sentence = found.common[0].sentence
    if where == "terminal":
        console = Console(width=4000, record=True, file=io.StringIO())
        show(found, console)
        text = console.export_text()
        assert "One mixture for all groups" in text and sentence in text
    elif where == "html":
        assert "One mixture for all groups" in html(found)
    else:
        told = found.to_dict()["common"][0]
        assert list(itertools.chain(one["target"] for one in told["groups"])) == ["a", "b"]
        assert told["sentence"] == sentence
