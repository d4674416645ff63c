import json
from importlib import resources

import numpy as np
import polars as pl
import pytest

from jaxgame import panel

FILES = resources.files("jaxgame.panel") / "data"


def test_snippets_is_complete_and_without_the_share_alike_column():
    bundled = panel.load("snippets")
    assert bundled.scores.shape == (10_605, 104) and bundled.train.sum() == 7_423
    counts = {group: bundled.groups.count(group) for group in set(bundled.groups)}
    assert counts == {"neutral_paraphrase": 50, "goal_viewpoint": 50, "independent_tool": 4}
    definitions = json.loads((FILES / "snippets_personas_definitions.json").read_text())
    described = [entry["id"] for entry in definitions["personas"] + definitions["tools"]]
    assert described == list(bundled.raters) == list(definitions["column_groups"])
    for file in FILES.iterdir():
        if not file.name.endswith(".md"):  # the notes say that it was left out
            assert b"tool_afinn" not in file.read_bytes(), file.name


def test_eqbench_is_the_runs_of_the_models_split_by_scene():
    bundled = panel.load("eqbench")
    frame = pl.read_parquet(FILES / "eqbench_llm.parquet")
    assert bundled.scores.shape == (684, 86) and bundled.train.sum() == 464
    not_models = ("question_id", "emotion_no", "emotion", "scene", "human_reference", "human_reference_sum10")
    assert list(bundled.raters) == [name for name in frame.columns if name not in not_models]
    assert bundled.target_name == "human_reference"
    np.testing.assert_array_equal(bundled.target, frame["human_reference"])
    assert len(set(bundled.groups)) == 17 and bundled.groups.count("Mistral-7B") == 23
    # Rows have the same block exactly if they have the same scene, and a scene is on one side.
    pairs = set(zip(bundled.blocks.tolist(), frame["scene"], strict=True))
    assert len(pairs) == 50 == len({block for block, _ in pairs}) == len({scene for _, scene in pairs})
    assert not set(bundled.blocks[bundled.train]) & set(bundled.blocks[~bundled.train])
    assert "MIT License" in (FILES / "eqbench_LICENSE.txt").read_text()


def test_missing_answers_of_eqbench_are_filled_in_from_the_other_models():
    bundled = panel.load("eqbench")
    given = pl.read_parquet(FILES / "eqbench_llm.parquet").select(bundled.raters)
    missing = given.select(pl.all().is_null()).to_numpy()
    assert missing.sum() == 420
    np.testing.assert_array_equal(bundled.scores[~missing], given.cast(pl.Float64).to_numpy()[~missing])
    moments = [(given[name].mean(), given[name].std(ddof=0)) for name in given.columns]
    clipped = 0
    for row, column in np.argwhere(missing):
        known = [
            (score - mean) / spread
            for score, (mean, spread) in zip(given.row(row), moments, strict=True)
            if score is not None
        ]
        mean, spread = moments[column]
        expected = mean + spread * np.mean(known)
        clipped += expected < 0 or expected > 10
        assert bundled.scores[row, column] == pytest.approx(min(max(expected, 0), 10), abs=1e-5)
    assert 0 < clipped < 42


def test_senate_is_the_complete_block_without_the_president():
    senate = panel.load("senate")
    assert senate.scores.shape == (242, 91) and senate.train.sum() == 167
    assert (senate.groups.count("R"), senate.groups.count("D")) == (52, 39)
    assert not any(name.startswith("bush_") for name in senate.raters)
    assert set(np.unique(senate.scores)) == {0.0, 1.0}
    assert panel.load("senate", groups=["D"]).scores.shape == (242, 39)


def write(path, **columns):
    frame = pl.DataFrame({"split": ["train", "train", "test"], **columns})
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    return path


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_own_tables_are_read(tmp_path, suffix):
    path = write(tmp_path / f"mine.{suffix}", a=[1, 2, 3], b=[0.5, 0.1, 0.2], human=[1.0, 0.0, 1.0])
    own = panel.load(path, target="human")
    assert own.raters == ("a", "b") and own.name == "mine"
    np.testing.assert_array_equal(own.target, [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(own.scores, [[1, 0.5], [2, 0.1], [3, 0.2]])
    in_turn = panel.load(str(path), raters=["a", "human"])
    assert in_turn.target is None and in_turn.raters == ("a", "human")


def test_incomplete_rows_are_left_out_if_asked(tmp_path):
    path = write(tmp_path / "t.csv", a=[1.0, 2.0, None], human=[1.0, None, 2.0], b=[None, 1.0, 1.0])
    own = panel.load(path, target="human", raters=["a"], split=None, missing="drop")
    np.testing.assert_array_equal(own.scores, [[1.0]])  # b is neither target nor rater
    np.testing.assert_array_equal(own.target, [1.0])
    assert own.train.tolist() == [True]
    with pytest.raises(ValueError, match=r"t\.csv: each of 3 rows misses one of 3 columns' scores"):
        panel.load(path, target="human", missing="drop")
    with pytest.raises(ValueError, match=r"column 'a', row 2 .* is nan"):
        panel.load(path, target="human", raters=["a"])
    with pytest.raises(ValueError, match="missing is 'keep'; it must be one of 'refuse', 'drop'"):
        panel.load(path, missing="keep")


def test_own_tables_may_have_blocks(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame(
        {"split": ["train", "test", "train", "test"], "a": [1.0, 2, 3, 4], "text": [7, 3, 7, 5]}
    )
    frame.write_parquet(path)
    own = panel.load(path, block="text")
    assert own.blocks.tolist() == [0, 1, 0, 2] and own.raters == ("a",)
    assert panel.load(path).blocks is None
    frame.with_columns(text=pl.Series([7, 7, 3, 5])).write_parquet(path)
    with pytest.raises(ValueError, match=r"column 'text': 7 has train and test rows"):
        panel.load(path, block="text")
    frame.with_columns(text=pl.Series([7, 3, None, 5])).write_parquet(path)
    with pytest.raises(ValueError, match=r"column 'text', row 2 \(the first is 0\) is empty"):
        panel.load(path, block="text")


def test_bad_sources_say_what_is_wrong(tmp_path):
    with pytest.raises(
        ValueError, match=r"'snippet'; it must be one of 'eqbench', 'snippets', 'senate'.*mean 'snippets'"
    ):
        panel.load("snippet")
    with pytest.raises(ValueError, match=r"groups is 'Q'; it must be one of 'D', 'R'"):
        panel.load("senate", groups=["Q"])
    with pytest.raises(ValueError, match="groups is empty"):
        panel.load("senate", groups=[])
    with pytest.raises(ValueError, match="fixed for the bundled panel 'senate'"):
        panel.load("senate", target="kohl_d_wi")
    path = write(tmp_path / "t.parquet", a=[1.0, 2.0, 3.0], b=[0.1, None, 0.3], c=["x", "y", "z"])
    with pytest.raises(ValueError, match=r"t\.parquet: no column 'humans'; near are 'split'"):
        panel.load(path, target="humans", raters=["a"])
    with pytest.raises(ValueError, match=r"t\.parquet: column 'b', row 1 \(the first is 0\) is nan \(1 such"):
        panel.load(path)
    with pytest.raises(ValueError, match=r"column 'c' holds String; it must hold numbers"):
        panel.load(path, raters=["a", "c"])
    with pytest.raises(ValueError, match=r"column 'c' holds 'x', 'y', 'z'; it must hold 'train' and 'test'"):
        panel.load(path, raters=["a"], split="c")
