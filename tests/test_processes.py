"""Several devices and several processes: the table of one."""

import json
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

import jaxgame as jg
from jaxgame.runs.batch import run_draws, run_statistics
from jaxgame.runs.run_directory import RunDirectory
from jaxgame.sampling import Noise, Shape

ROOT = Path(__file__).parent.parent

PROGRAM = """
    import jax, sys
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", {devices})
    if {processes} > 1:
        jax.distributed.initialize("127.0.0.1:{port}", {processes}, {process})
    from tests.test_processes import worth
    import jaxgame as jg
    assert jax.local_device_count() == {devices} and jax.process_count() == {processes}
    table = jg.run_draws(worth, 50, 1, chunk={chunk}, directory={directory!r})
    levels = {{"value": [0.5]}}
    found = jg.run_statistics(worth, 50, 1, levels=levels, chunk=8, directory={directory!r} + "/statistics")
    assert table.height == 50 and found.draws == 50
"""


def worth(key):
    """What information is worth to a user; quick to compile, in every process anew."""
    game = Noise().sample(key, Shape(1, 1, 3, 4), 1.0)
    none, full = jg.no_information_value(game).sum(), jg.full_information_value(game).sum()
    return {"value": jg.Bracket(none, full), "soft": jg.quantal_response(game.follower, 5.0).max()}


def started(directory, devices=1, processes=1, process=0, port=0, chunk=None):
    program = textwrap.dedent(PROGRAM).format(
        directory=str(directory), devices=devices, processes=processes, process=process, port=port,
        chunk=chunk,
    )  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finished(*processes):
    for process in processes:
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def expected():
    """This session's two devices."""
    return run_draws(worth, 50, seed=1), run_statistics(worth, 50, seed=1, levels={"value": [0.5]})


def check_same(directory, expected):
    table, found = expected
    made = pl.read_parquet(directory / "results.parquet")
    assert made["draw"].equals(table["draw"])
    for name in ("value_lower", "value_upper", "soft"):
        np.testing.assert_allclose(made[name], table[name], rtol=1e-12, atol=1e-15)
    counts = pl.read_parquet(directory / "statistics" / "statistics.parquet").group_by("name").agg(
        pl.col("count").sum()
    )  # fmt: skip
    assert set(counts["count"]) == {50} and counts.height == found.table().height


@pytest.mark.slow
def test_eight_devices_give_the_table_of_two(tmp_path, expected):
    finished(started(tmp_path, devices=8, chunk=24))
    check_same(tmp_path, expected)
    assert json.loads((tmp_path / "manifest.json").read_text())["devices"] == 8


def test_two_processes_give_the_table_of_one(tmp_path, expected):
    port = free_port()
    finished(*[started(tmp_path, 1, 2, process, port, chunk=4) for process in range(2)])
    check_same(tmp_path, expected)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["processes"] == 2 and manifest["draws_done"] == 50 and manifest["complete"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json", "results.parquet", "statistics",
    ]  # fmt: skip


def test_each_process_computes_its_slice_and_the_first_joins(tmp_path, monkeypatch):
    """As three processes would, one after the other; the slices are theirs whatever the others have done."""
    saved = []
    save = RunDirectory.save_chunk

    def note(self, start, stop, table):
        saved.append((start, stop))
        save(self, start, stop, table)

    class Waits(Exception):
        pass

    def wait(self, done, seconds=0.0):
        if not done():
            raise Waits

    def quick(key):
        return {"u": jax.random.uniform(key)}

    monkeypatch.setattr(RunDirectory, "save_chunk", note)
    monkeypatch.setattr(RunDirectory, "wait_until", wait)
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    for process, ranges in ((0, [(0, 4), (4, 6)]), (2, [(13, 17), (17, 20)])):
        saved.clear()
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        with pytest.raises(Waits):
            run_draws(quick, 20, 0, chunk=4, directory=tmp_path)
        assert saved == ranges
    with pytest.raises(ValueError, match="several processes share a run through its directory"):
        run_draws(quick, 20, 0)
    # Fewer processes finish what more began.
    monkeypatch.undo()
    monkeypatch.setattr(RunDirectory, "save_chunk", note)
    saved.clear()
    table = run_draws(quick, 20, 0, chunk=4, directory=tmp_path)
    assert saved == [(6, 10), (10, 13)]
    assert table.equals(run_draws(quick, 20, 0))
