import json
import os
import signal
import subprocess
import sys
import textwrap

import chex
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import jaxgame as jg
from jaxgame.runs.batch import run_draws
from jaxgame.runs.chunk_files import ChunkFiles
from jaxgame.runs.run_directory import RunDirectoryError
from jaxgame.sampling import Noise, Shape

GRID = {"diversity": [0.0, 1.0], "leaders": [1, 2, 3]}


def toy(key):
    u = jax.random.uniform(key)
    cells = jnp.arange(2.0)[:, None] * 10 + jnp.arange(3.0)[None, :]
    return {"value": u + cells, "once": u, "bounds": jg.Bracket(u + cells - 1, u + cells + 1)}


def hull(key):
    game = Noise().sample(key, Shape(3, 1, 2, 2), 1.0)
    return {"distance": jg.game_hull_distance(game).distance}


def test_one_row_per_draw_and_setting():
    table = run_draws(toy, 5, seed=3, coordinates=GRID)
    assert table.columns[:3] == ["draw", "diversity", "leaders"]
    assert set(table.columns[3:]) == {"value", "once", "bounds_lower", "bounds_upper"}
    assert table.height == 5 * 6
    row = table.filter(draw=4, diversity=1.0, leaders=3).row(0, named=True)
    u = float(jax.random.uniform(jax.random.fold_in(jax.random.key(3), 4)))
    assert row["value"] == pytest.approx(u + 12, abs=1e-15)
    assert row["once"] == pytest.approx(u, abs=1e-15)
    assert row["bounds_upper"] - row["bounds_lower"] == pytest.approx(2, abs=1e-14)


def test_places_become_labels():
    def place(key):
        return {"who": jnp.asarray(1), "each": jnp.asarray([2, 0, 1])}

    labels = {"who": ["ann", "bob"], "each": ["x", "y", "z"]}
    table = run_draws(place, 2, 0, coordinates={"leaders": [1, 2, 3]}, labels=labels)
    assert table["who"].to_list() == ["bob"] * 6
    assert table["each"].to_list() == ["z", "x", "y"] * 2


def test_results_do_not_depend_on_chunks():
    tables = [run_draws(hull, 50, seed=1, chunk=chunk) for chunk in (2, 16, 50)]  # 50: batches within a chunk
    for table in tables[1:]:
        assert table["draw"].equals(tables[0]["draw"])
        for name in ("distance_lower", "distance_upper"):
            np.testing.assert_allclose(table[name], tables[0][name], rtol=1e-12, atol=1e-15)
    more = run_draws(hull, 70, seed=1, chunk=16).head(50)
    np.testing.assert_allclose(more["distance_upper"], tables[0]["distance_upper"], rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_devices():
    """One device against this session's two, in a process of its own."""
    code = """
        import jax, sys
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_num_cpu_devices", 1)
        from tests.test_batch import hull, run_draws
        run_draws(hull, 30, seed=1, chunk=7).write_parquet(sys.argv[1])
    """
    assert len(jax.devices()) == 2
    path = os.path.join(os.environ.get("PYTEST_TMP", "/tmp"), f"one-device-{os.getpid()}.parquet")
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), path], check=True, cwd=os.getcwd())
    one, two = pl.read_parquet(path), run_draws(hull, 30, seed=1)
    os.unlink(path)
    np.testing.assert_allclose(one["distance_upper"], two["distance_upper"], rtol=1e-12, atol=1e-15)


def test_one_compilation_per_run():
    traced = chex.assert_max_traces(toy, n=1)
    chex.clear_trace_counter()
    run_draws(traced, 23, seed=0, chunk=4, coordinates=GRID)


def test_a_run_leaves_a_manifest_and_is_found_again(tmp_path):
    def must_not_run(key):
        raise AssertionError("a finished run was computed again")

    first = run_draws(toy, 9, 0, coordinates=GRID, directory=tmp_path, chunk=4, settings={"a": 1})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["draws_done"] == 9 and manifest["complete"]
    assert manifest["draws_per_second"] > 0 and manifest["compute_seconds"] >= 0
    assert manifest["request"]["precision"] == "float64"
    assert manifest["versions"]["jax"] == jax.__version__
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "results.parquet"]
    again = run_draws(must_not_run, 9, 0, coordinates=GRID, directory=tmp_path, settings={"a": 1})
    assert again.equals(first)


def test_an_interrupted_run_resumes(tmp_path):
    whole = run_draws(toy, 20, 0, coordinates=GRID, chunk=4)
    run_draws(toy, 20, 0, coordinates=GRID, chunk=4, directory=tmp_path)
    # As if killed: only the second and the fourth chunk had been written, and marked, to be known again.
    table = pl.read_parquet(tmp_path / "results.parquet")
    (tmp_path / "results.parquet").unlink()
    (tmp_path / "chunks").mkdir()
    kept = [*range(4, 8), *range(12, 16)]
    for start in (4, 12):
        rows = table.filter(pl.col("draw").is_between(start, start + 3))
        ChunkFiles(tmp_path / "chunks").save(start, start + 4, rows.with_columns(pl.col("once") + 1000))
    (tmp_path / "chunks" / ".0000000016-0000000020.parquet.999").write_bytes(b"half a file")
    resumed = run_draws(toy, 20, 0, coordinates=GRID, chunk=6, directory=tmp_path)
    assert resumed.columns == whole.columns and resumed.height == whole.height
    marked = whole.with_columns(once=pl.col("once") + 1000 * pl.col("draw").is_in(kept).cast(pl.Float64))
    for name in whole.columns:
        np.testing.assert_allclose(resumed[name], marked[name], rtol=1e-12)


@pytest.mark.parametrize("signals", [(signal.SIGKILL,), (signal.SIGTERM, signal.SIGKILL)])
def test_a_killed_process_loses_at_most_its_chunk(tmp_path, signals):
    code = """
        import jax, time
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_num_cpu_devices", 2)
        from tests.test_batch import GRID, toy, run_draws
        from jaxgame.runs.run_directory import RunDirectory
        save = RunDirectory.save_chunk
        def slowly(self, start, stop, table):
            save(self, start, stop, table)
            print(stop, flush=True)
            time.sleep(0.3)
        RunDirectory.save_chunk = slowly
        run_draws(toy, 400, 0, coordinates=GRID, chunk=2, directory={directory!r})
    """
    program = textwrap.dedent(code).format(directory=str(tmp_path))
    for number in signals:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        reported = [int(process.stdout.readline()) for _ in range(3)]
        process.send_signal(number)
        process.wait()
        process.stdout.close()
        saved = {int(path.stem.split("-")[1]) for path in (tmp_path / "chunks").glob("0*-*.parquet")}
        assert set(reported) <= saved
    resumed = run_draws(toy, 400, 0, coordinates=GRID, chunk=2, directory=tmp_path)
    whole = run_draws(toy, 400, 0, coordinates=GRID)
    np.testing.assert_allclose(resumed["value"], whole["value"], rtol=1e-12)


def test_another_run_is_refused_with_what_differs(tmp_path):
    run_draws(toy, 4, 0, coordinates=GRID, directory=tmp_path, settings={"family": {"strength": 0.5}})
    with pytest.raises(RunDirectoryError, match=r"seed \(0 there, 1 here\).*choose another directory"):
        run_draws(toy, 4, 1, coordinates=GRID, directory=tmp_path, settings={"family": {"strength": 0.5}})
    with pytest.raises(RunDirectoryError, match=r"settings\.family\.strength \(0\.5 there, 0\.7 here\)"):
        run_draws(toy, 4, 0, coordinates=GRID, directory=tmp_path, settings={"family": {"strength": 0.7}})


def test_unusable_directories_are_named_before_computing(tmp_path):
    def must_not_run(key):
        raise AssertionError("computed before the directory was checked")

    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(
        RunDirectoryError, match=r"cannot write the run directory .*file/run: Not a directory"
    ):
        run_draws(must_not_run, 4, 0, directory=blocked / "run")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    with pytest.raises(RunDirectoryError, match=r"manifest\.json is not valid JSON"):
        run_draws(must_not_run, 4, 0, directory=tmp_path / "broken")
    (tmp_path / "orphan").mkdir()
    (tmp_path / "orphan" / "results.parquet").write_bytes(b"")
    with pytest.raises(RunDirectoryError, match=r"results without a manifest"):
        run_draws(must_not_run, 4, 0, directory=tmp_path / "orphan")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="draws is 0; it must be at least 1"):
        run_draws(toy, 0, 0)
    with pytest.raises(ValueError, match="chunk is -1; it must be at least 1"):
        run_draws(toy, 1, 0, chunk=-1)
    with pytest.raises(
        ValueError, match=r"has shape \(2, 3\); it must be \(\) or \(3,\), the grid of leaders"
    ):
        run_draws(toy, 1, 0, coordinates={"leaders": [1, 2, 3]})


def test_quiet_without_a_terminal(capsys):
    run_draws(toy, 4, 0, coordinates=GRID)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""
