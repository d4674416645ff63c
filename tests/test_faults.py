"""Kills, damage and a full disk: what is on disk stays whole, and the same call ends with the same table."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

from jaxgame.runs.batch import run_draws, run_statistics
from jaxgame.runs.chunk_files import ChunkFiles, checksum_of
from jaxgame.runs.interruption import Terminated, exit_code, terminable
from jaxgame.runs.run_directory import RunDirectory, RunDirectoryError

ROOT = Path(__file__).parent.parent
DRAWS, CHUNK = 600, 4

# One draw in a process of its own, slowed down between chunks so that a kill finds it at work.
PROGRAM = """
    import jax, sys, time
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", 1)
    from tests.test_faults import CHUNK, DRAWS, numbers
    from jaxgame.runs import batch
    from jaxgame.runs.run_directory import RunDirectory
    save = RunDirectory.save_chunk
    def slowly(self, *arguments):
        save(self, *arguments)
        print("saved", flush=True)
        time.sleep(0.02)
    RunDirectory.save_chunk = slowly
    kept = {{"rows": batch.run_draws, "statistics": batch.run_statistics}}[{kind!r}]
    kept(numbers, DRAWS, 0, chunk=CHUNK, directory={directory!r})
"""


def numbers(key):
    return {"x": jax.random.normal(key), "y": jax.random.uniform(key)}


def started(kind, directory):
    program = textwrap.dedent(PROGRAM).format(kind=kind, directory=str(directory))
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["rows", "statistics"])
def test_twenty_kills_leave_the_table_of_an_undisturbed_run(tmp_path, kind):
    rng = random.Random(0)
    before = 0
    for _ in range(20):
        process = started(kind, tmp_path / "run")
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        time.sleep(rng.uniform(0.0, 0.15))  # at work or between chunks, wherever it falls
        number = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        process.send_signal(number)
        _, said = process.communicate()
        assert process.returncode != 0
        chunks = ChunkFiles(tmp_path / "run" / "chunks")
        assert all(chunk.is_whole() for chunk in chunks.found())
        kept = DRAWS - sum(map(len, chunks.missing(range(DRAWS))))
        assert before < kept < DRAWS
        before = kept
        if number != signal.SIGKILL:
            assert f"{kept} of 600 draws are kept" in said
            manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
            assert manifest["state"] == "interrupted" and manifest["draws_done"] == kept
    if kind == "rows":
        resumed = run_draws(numbers, DRAWS, 0, chunk=CHUNK, directory=tmp_path / "run")
        whole = run_draws(numbers, DRAWS, 0)
    else:
        resumed = run_statistics(numbers, DRAWS, 0, chunk=CHUNK, directory=tmp_path / "run").table()
        whole = run_statistics(numbers, DRAWS, 0).table()
    assert resumed.columns == whole.columns and resumed.height == whole.height
    for name in whole.columns:
        if name != "name":
            np.testing.assert_allclose(resumed[name], whole[name], rtol=1e-12)
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["complete"]


class Halt(Exception):
    pass


def stopped_run(directory, monkeypatch, chunks):
    """A run stopped by an exception after so many chunks of 4 draws; returns the chunk files."""
    save, saved = RunDirectory.save_chunk, []

    def some(self, start, stop, table):
        if len(saved) == chunks:
            raise Halt
        saved.append(start)
        save(self, start, stop, table)

    monkeypatch.setattr(RunDirectory, "save_chunk", some)
    with pytest.raises(Halt):
        run_draws(numbers, 40, 0, chunk=4, directory=directory)
    monkeypatch.setattr(RunDirectory, "save_chunk", save)
    return ChunkFiles(directory / "chunks").found()


def counted_chunks(monkeypatch):
    save, computed = RunDirectory.save_chunk, []

    def count(self, start, stop, table):
        computed.append((start, stop))
        save(self, start, stop, table)

    monkeypatch.setattr(RunDirectory, "save_chunk", count)
    return computed


@pytest.mark.parametrize("damage", ["a flipped bit", "cut short", "emptied"])
def test_only_a_damaged_chunk_is_computed_again(tmp_path, monkeypatch, damage):
    chunks = stopped_run(tmp_path, monkeypatch, chunks=8)
    victim = chunks[3].path
    content = bytearray(victim.read_bytes())
    if damage == "a flipped bit":
        content[len(content) // 2] ^= 1
    victim.write_bytes({"cut short": content[:100], "emptied": b""}.get(damage, content))
    computed = counted_chunks(monkeypatch)
    resumed = run_draws(numbers, 40, 0, chunk=4, directory=tmp_path)
    assert computed == [(12, 16), (32, 36), (36, 40)]
    assert json.loads((tmp_path / "manifest.json").read_text())["damaged_chunks"] == 1
    assert resumed.equals(run_draws(numbers, 40, 0))


def test_a_chunk_damaged_while_the_run_goes_on_is_found_when_joining(tmp_path, monkeypatch):
    stopped_run(tmp_path, monkeypatch, chunks=8)
    save, computed = RunDirectory.save_chunk, []

    def spoil(self, start, stop, table):
        save(self, start, stop, table)
        computed.append((start, stop))
        if start == 36 and len(computed) == 2:
            self.chunks.found()[5].path.write_bytes(b"nothing")

    monkeypatch.setattr(RunDirectory, "save_chunk", spoil)
    resumed = run_draws(numbers, 40, 0, chunk=4, directory=tmp_path)
    assert computed == [(32, 36), (36, 40), (20, 24)]
    assert resumed.equals(run_draws(numbers, 40, 0))


def test_of_merged_chunks_and_their_parts_each_draw_counts_once(tmp_path, monkeypatch):
    """A kill can fall between the writing of a merged chunk and the removal of its parts."""
    arguments = {"draws": 40, "seed": 0, "chunk": 4}
    whole = run_statistics(numbers, **arguments)
    save, parts = RunDirectory.save_chunk, []

    def keep(self, start, stop, table):
        save(self, start, stop, table)
        parts.append((start, stop, table))

    monkeypatch.setattr("jaxgame.runs.run.MERGED", 5)
    monkeypatch.setattr(RunDirectory, "save_chunk", keep)

    def stop(self, *arguments, **more):
        raise Halt

    monkeypatch.setattr(RunDirectory, "finish", stop)
    with pytest.raises(Halt):
        run_statistics(numbers, **arguments, directory=tmp_path)
    files = ChunkFiles(tmp_path / "chunks")
    assert [(chunk.start, chunk.stop) for chunk in files.found()] == [(0, 20), (20, 40)]
    for part in parts[1:3]:
        files.save(*part)
    monkeypatch.undo()
    resumed = run_statistics(numbers, **arguments, directory=tmp_path)
    counts = ["name", "bin", "count"]
    assert resumed.state.select(counts).equals(whole.state.select(counts))


def test_a_full_disk_is_told_in_one_line_and_resumed_from(tmp_path, monkeypatch):
    write, room = Path.write_bytes, [3]

    def small(self, content):
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= 1
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", small)
    message = (
        r"cannot write to .*: No space left on device \(free some space or raise the quota\)\. "
        r"12 of 40 draws are kept; the same command resumes\.$"
    )
    with pytest.raises(RunDirectoryError, match=message):
        run_draws(numbers, 40, 0, chunk=4, directory=tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["state"] == "interrupted"
    monkeypatch.undo()
    computed = counted_chunks(monkeypatch)
    resumed = run_draws(numbers, 40, 0, chunk=4, directory=tmp_path)
    assert computed[0] == (12, 16) and len(computed) == 7
    assert resumed.equals(run_draws(numbers, 40, 0))


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root"
)
def test_a_disk_that_is_really_full(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this system does not let us mount")
    try:
        with pytest.raises(RunDirectoryError, match=r"No space left on device.*the same command resumes"):
            run_draws(numbers, 40_000, 0, chunk=1000, directory=tmp_path / "run")
        subprocess.run(["mount", "-o", "remount,size=8m", str(tmp_path)], check=True)
        resumed = run_draws(numbers, 40_000, 0, chunk=1000, directory=tmp_path / "run")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert resumed.height == 40_000 and resumed["draw"].is_sorted()


def test_a_damaged_product_is_refused_until_it_is_removed(tmp_path):
    first = run_draws(numbers, 8, 0, directory=tmp_path)
    path = tmp_path / "results.parquet"
    first.with_columns(pl.col("x") + 1).write_parquet(path)
    with pytest.raises(RunDirectoryError, match=r"results\.parquet is not what the run wrote .*Remove it"):
        run_draws(numbers, 8, 0, directory=tmp_path)
    path.unlink()
    assert run_draws(numbers, 8, 0, directory=tmp_path).equals(first)


def test_a_lazy_run_scans_its_file(tmp_path):
    scan = run_draws(numbers, 30, 0, chunk=4, directory=tmp_path, lazy=True)
    assert isinstance(scan, pl.LazyFrame)
    assert scan.collect().equals(run_draws(numbers, 30, 0))
    with pytest.raises(ValueError, match="lazy is True without a directory"):
        run_draws(numbers, 30, 0, lazy=True)


def test_termination_is_an_interruption():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated) as stop, terminable():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert exit_code(stop.value) == 143 and exit_code(KeyboardInterrupt()) == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_interruption_that_compiled_code_makes_an_error_of_is_one_all_the_same():
    with pytest.raises(Terminated) as stop, terminable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt:
            raise TypeError("this is not a data type") from None
    assert isinstance(stop.value.__cause__, TypeError)
    with pytest.raises(TypeError, match="an error"), terminable():
        raise TypeError("an error")


def test_checksums_tell_contents_apart(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a" * 1000)
    other.write_bytes(b"a" * 999 + b"b")
    # BLAKE2b with 8 bytes, as Python's hashlib documents it, of the empty content.
    (tmp_path / "none").write_bytes(b"")
    assert checksum_of(one) != checksum_of(other)
    assert checksum_of(tmp_path / "none") == "e4a6a0577479b2b4"
