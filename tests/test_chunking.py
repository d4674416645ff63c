"""The chunk a run chooses: from memory, from the time of the first chunks, or as it is told."""

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from jaxgame.runs import chunking
from jaxgame.runs.batch import run_draws
from jaxgame.runs.chunking import FIRST_SHARE, SECONDS, Chunking, free_memory, host_memory
from jaxgame.runs.run_directory import RunDirectory

DEVICES = jax.local_devices()


class Device:
    """A device that tells its memory, as GPUs do."""

    def __init__(self, free):
        self.free = free

    def memory_stats(self):
        return {"bytes_limit": self.free + 1000, "bytes_in_use": 1000}


def program(bytes_per_draw, compiled):
    def compile_share(share):
        compiled.append(share)
        used = SimpleNamespace(
            argument_size_in_bytes=4 * share, output_size_in_bytes=8 * share,
            temp_size_in_bytes=(bytes_per_draw - 12) * share,
        )  # fmt: skip
        return SimpleNamespace(memory_analysis=lambda: used)

    return compile_share


def test_a_given_chunk_stays():
    compiled = []
    one = Chunking(program(100, compiled), [Device(1)], 64, 1000)
    assert one.chunk == 64 and not one.grow(1e-6, 0.0, 900)
    assert compiled == [64]


def test_the_first_chunk_shrinks_to_the_memory():
    compiled = []
    one = Chunking(program(1000, compiled), [Device(100_000)], None, 10_000)
    # Half of 100,000 bytes hold 50 draws: 48, in whole batches.
    assert one.chunk == 48 and compiled == [FIRST_SHARE, 48]


def test_it_grows_with_time_to_spare_until_memory_ends():
    compiled = []
    one = Chunking(program(1000, compiled), [Device(20_000_000)], None, 10**9)
    assert one.chunk == FIRST_SHARE
    assert not one.grow(SECONDS, 0.1, 10**8)  # a chunk takes long enough
    assert one.grow(0.001, 0.1, 10**8)
    assert one.chunk == 8192  # 10,000 draws have room; the largest doubling of 256 below
    assert not one.grow(0.001, 0.1, 10**8)


def test_it_grows_no_further_than_pays():
    compiled = []
    one = Chunking(program(1000, compiled), [Device(10**12)], None, 10**9)
    assert not one.grow(0.01, 60.0, 10_000)  # the rest takes 0.4 s, compiling a minute
    assert one.grow(0.01, 0.001, 10_000)
    assert one.chunk == 8192  # not more than remain
    several = Chunking(program(1000, compiled), [Device(10**12)] * 4, None, 10**9)
    assert several.chunk == 4 * FIRST_SHARE
    resumed = Chunking(program(1000, compiled), [Device(10**12)], None, 10**9, first=2048)
    assert resumed.chunk == 2048 and resumed.grow(0.01, 0.001, 10**8)


def test_cpus_share_the_hosts_memory(monkeypatch):
    assert free_memory(DEVICES[0]) is None and host_memory() > 2**20
    monkeypatch.setattr(chunking, "host_memory", lambda: 2 * 100 * 44 * 2)
    compiled = []
    one = Chunking(program(12, compiled), DEVICES, None, 10_000)
    # Of 17,600 bytes two devices take half each, half of it for a chunk: 4,400 at 12 + 4 * 8 bytes a draw.
    assert one.share == 96


def test_a_jobs_memory_limit_counts(tmp_path, monkeypatch):
    job = tmp_path / "job"
    job.mkdir()
    monkeypatch.setattr(chunking, "CONTROL_GROUPS", tmp_path)
    for name, content in (("max", "5000"), ("current", "4000"), ("stat", "anon 1\ninactive_file 300")):
        (job / f"memory.{name}").write_text(content)
    assert chunking._left_in(job) == 1300  # files kept in memory give way
    (job / "memory.max").write_text("max\n")
    assert chunking._left_in(job) == chunking._left_in(tmp_path) == math.inf


def test_a_run_chooses_and_remembers_its_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(chunking, "FIRST_SHARE", 16)
    traces = []

    def quick(key):
        traces.append(1)
        return {"u": jax.random.uniform(key)}

    save = RunDirectory.save_chunk
    sizes = []

    def note(self, start, stop, table):
        sizes.append(stop - start)
        if len(sizes) == 6:
            raise KeyboardInterrupt
        save(self, start, stop, table)

    monkeypatch.setattr(RunDirectory, "save_chunk", note)
    monkeypatch.setattr(Chunking, "grow", lambda self, *_: self.share == 16 and self._compile(64) is None)
    with pytest.raises(KeyboardInterrupt, match=r"544 of 2,000 draws are kept in .*the same command resumes"):
        run_draws(quick, 2000, 0, directory=tmp_path)
    assert sizes[:3] == [32, 128, 128]
    sizes.append(0)
    traces.clear()
    resumed = run_draws(quick, 2000, 0, directory=tmp_path)
    assert set(sizes[7:-1]) == {128} and len(traces) == 1  # at once
    whole = run_draws(lambda key: {"u": jax.random.uniform(key)}, 2000, 0, chunk=50)
    assert jnp.array_equal(resumed["u"].to_numpy(), whole["u"].to_numpy())
