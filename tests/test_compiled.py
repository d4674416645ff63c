"""Compiled programs kept for the next process: quietly, whole, for this machine, and changing no result."""

import logging
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import pytest

from jaxgame.runs import compiled
from jaxgame.runs.compiled import machine_key
from jaxgame.runs.mappings import make_room, mappings

ROOT = Path(__file__).parent.parent

# Prints the bits of a result and how many programs were loaded.
SOLVE = """
    import sys

    import jax
    import numpy as np

    from jaxgame.runs.compiled import keep_compiled

    kept = keep_compiled(*(eval(word) for word in sys.argv[1:]))
    jax.config.update("jax_enable_x64", True)
    loaded = []
    jax.monitoring.register_event_listener(lambda event, **_: loaded.append(event))

    @jax.jit
    def solve(matrix):
        return jax.numpy.sort(jax.numpy.tanh(matrix @ matrix), axis=0)

    found = np.asarray(solve(np.linspace(-1, 1, 64).reshape(8, 8)))
    print(found.tobytes().hex(), loaded.count("/jax/compilation_cache/cache_hits"), kept)
"""


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_the_next_process_loads_the_same_program_in_silence(tmp_path):
    said = [
        python(SOLVE, "True", XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path / "home")) for _ in range(2)
    ]
    said.append(python(SOLVE, "False"))
    bits, loaded, kept = zip(*(one.stdout.split() for one in said), strict=True)
    assert len(set(bits)) == 1
    assert loaded[0] == "0" and int(loaded[1]) >= 1 and loaded[2] == "0"
    assert [one.stderr for one in said] == [""] * 3
    assert kept[2] == "None"
    assert Path(kept[1]).is_relative_to(tmp_path) and Path(kept[1]).name == machine_key()
    assert Path(kept[1]).stat().st_mode & 0o077 == 0  # what is loaded from there is run


def test_a_cache_of_the_users_own_stays_as_it_is(tmp_path):
    own = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    said = python(SOLVE, repr(str(tmp_path / "other")), **own)
    assert said.stdout.split()[2] == str(tmp_path / "own")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    assert {path.name.rpartition("-")[2] for path in (tmp_path / "own").iterdir()} == {"cache"}  # JAX's files


def test_the_library_keeps_nothing_by_itself(tmp_path):
    code = """
        import jax
        import jaxgame as jg
        from jaxgame.runs import batch, compiled

        game = jg.make_game([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]], [[[0.0, 1.0], [0.0, 1.0]]])
        jg.no_information_value(game)
        print(jax.config.jax_compilation_cache_dir)
    """
    assert python(code, XDG_CACHE_HOME=str(tmp_path)).stdout.strip() == "None"
    assert list(tmp_path.iterdir()) == []


def test_a_process_may_change_its_mind(tmp_path):
    """As a launcher's worker does, which computes points of a sweep one after the other."""
    code = """
        import sys
        from pathlib import Path

        import jax
        from jaxgame.runs.compiled import keep_compiled

        for number, folder in enumerate([True, "a", False, "b", "b"]):
            kept = keep_compiled(folder)
            jax.jit(lambda x: x * number)(1.0)
            assert jax.config.jax_compilation_cache_dir == (kept and str(kept))
        print([len(list(Path(folder).glob("jaxlib-*/*.program"))) > 0 for folder in ("jaxgame", "a", "b")])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("[True, True, True]", "")


def test_a_folder_belongs_to_one_jaxlib_processor_and_flags(monkeypatch):
    def changed(change):
        with monkeypatch.context() as patch:
            change(patch)
            return machine_key()

    keys = [
        machine_key(),
        changed(lambda patch: patch.setattr(compiled.jaxlib, "__version__", "0.9.1")),
        changed(lambda patch: patch.setattr(compiled, "_processor", lambda: "another")),
        changed(lambda patch: patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")),
    ]
    assert len(set(keys)) == 4
    monkeypatch.setenv("XLA_FLAGS", "--one --two")
    key = machine_key()
    monkeypatch.setenv("XLA_FLAGS", " --two  --one ")
    assert machine_key() == key


def test_the_plainer_way_is_asked_for_where_there_are_two():
    code = """
        import os
        from jaxgame.runs.compiled import fuse_plainly
        fuse_plainly()
        fuse_plainly()
        import jax
        print(os.environ["XLA_FLAGS"], jax.numpy.ones(2).sum())  # an unknown flag ends the process
    """
    new = tuple(map(int, jaxlib.__version__.split(".")[:2])) >= (0, 10)
    said = "" if new else "--xla_cpu_use_fusion_emitters=false "
    assert python(code, XLA_FLAGS="--xla_dump_to=").stdout == f"{said}--xla_dump_to= 2.0\n"
    if not new:
        own = "--xla_cpu_use_fusion_emitters=true"
        assert python(code, XLA_FLAGS=own).stdout == f"{own} 2.0\n"


def test_the_users_cache_directory(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch/caches")
    assert compiled.user_cache() == Path("/scratch/caches/jaxgame")
    for ignored in ("", "relative"):  # as the specification of that variable asks
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert compiled.user_cache() == Path("/home/somebody/.cache/jaxgame")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert compiled.user_cache() == Path("/home/somebody/Library/Caches/jaxgame")


def test_half_a_program_is_none_and_is_replaced(tmp_path):
    programs = compiled._Programs(tmp_path)
    programs.put("name-key", b"machine code")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:5], b"", whole[:-1] + b"?"):
        path.write_bytes(damaged)
        assert programs.get("name-key") is None
        programs.put("name-key", b"machine code")
        assert programs.get("name-key") == b"machine code"
    assert programs.get("other-key") is None
    programs.put("f" * 300 + "-key", b"of a function with a long name")
    assert programs.get("f" * 300 + "-key") == b"of a function with a long name"


def test_readers_never_see_half_a_program(tmp_path):
    value = os.urandom(1_000_000)

    def write(_):
        compiled._Programs(tmp_path).put("key", value)

    def read(_):
        return compiled._Programs(tmp_path).get("key")

    code = f"""
        import sys
        from pathlib import Path
        from jaxgame.runs.compiled import _Programs

        for _ in range(25):
            _Programs(Path(sys.argv[1])).put("key", bytes.fromhex({value[:1000].hex()!r}) * 1000)
    """
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(python, code, str(tmp_path))
        seen = set()
        while not other.done():
            write(None)
            seen.add(read(None))
        other.result()
    assert seen <= {value, value[:1000] * 1000}
    assert len(list(tmp_path.iterdir())) == 1  # nothing unfinished stays


def test_a_folder_that_was_deleted_is_made_again(tmp_path):
    (tmp_path / "kept").mkdir()
    programs = compiled._Programs(tmp_path / "kept")
    (tmp_path / "kept").rmdir()
    assert programs.get("key") is None
    programs.put("key", b"machine code")
    assert programs.get("key") == b"machine code"


def test_a_disk_that_refuses_is_told_once(tmp_path, caplog, monkeypatch):
    programs = compiled._Programs(tmp_path)

    def refuse(path, write):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(compiled, "write_whole", refuse)
    with caplog.at_level(logging.WARNING, "jaxgame"):
        for key in ("one", "two", "three"):
            programs.put(key, b"machine code")
    (record,) = caplog.records
    assert "no longer kept" in record.message and "free some space" in record.message


def test_what_cannot_be_written_is_still_read(tmp_path, caplog, monkeypatch):
    """Permissions do not stop root, who may run the tests; the answer of the system does."""
    folder = tmp_path / machine_key()
    folder.mkdir()
    compiled._Programs(folder).put("key", b"machine code")
    monkeypatch.setattr(compiled.os, "access", lambda path, mode: False)
    updated = {}
    monkeypatch.setattr(compiled.jax.config, "update", updated.__setitem__)
    with caplog.at_level(logging.WARNING, "jaxgame"):
        assert compiled._prepared(tmp_path) == folder
    (record,) = caplog.records
    assert "cannot be written" in record.message
    assert updated == {"jax_persistent_cache_enable_xla_caches": "none"}
    programs = compiled._Programs(folder)
    programs.put("another", b"machine code")
    assert programs.get("key") == b"machine code" and programs.get("another") is None


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    said = python(SOLVE, repr(str(tmp_path / "file" / "cache")))
    assert said.stdout.split()[1:] == ["0", "None"]
    assert said.stderr.startswith("compiled programs are not kept: ") and said.stderr.count("\n") == 1


def test_a_jax_without_the_places_that_this_needs_keeps_nothing(tmp_path, monkeypatch, caplog):
    def moved():
        raise AttributeError("module has no attribute 'get_file_cache'")

    monkeypatch.setattr(compiled, "_install", moved)
    with caplog.at_level(logging.WARNING, "jaxgame"):
        assert compiled._prepared(tmp_path) is None
    assert "get_file_cache" in caplog.text


def test_programs_that_nobody_loads_are_removed_after_a_month(tmp_path):
    (tmp_path / "jaxlib-0.0.1-other").mkdir()
    old_version = compiled._Programs(tmp_path / "jaxlib-0.0.1-other")
    mine = tmp_path / "jaxlib-0.0.1-other" / "notes.txt"
    mine.write_text("not a program")
    for key in ("old", "loaded", "new"):
        old_version.put(key, b"machine code")
    month_ago = time.time() - 32 * 86400
    for path in (old_version._file("old"), old_version._file("loaded"), mine):
        os.utime(path, (month_ago, month_ago))
    assert old_version.get("loaded")
    compiled._remove_unused(tmp_path)
    assert [old_version.get(key) is not None for key in ("old", "loaded", "new")] == [False, True, True]
    assert mine.exists()


def test_messages_are_back_after_loading(monkeypatch):
    from jaxlib import utils

    levels = []
    monkeypatch.setattr(utils, "absl_set_min_log_level", levels.append)
    monkeypatch.setattr(compiled, "_kept", Path("somewhere"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    with pytest.raises(RuntimeError, match="broken"), compiled._silence():
        raise RuntimeError("broken")
    assert levels == [3, 1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_experiment_has_the_same_bits_with_and_without(tmp_path):
    def run(name: str, cache: str) -> tuple[bytes, str]:
        command = [
            sys.executable, "-m", "experiments", "experiment=hull_coverage", "experiment.draws=6",
            "experiment.leaders=[1,2]", "experiment.diversity=[0.0,1.0]", f"run.cache={cache}",
            f"run.directory={tmp_path / name}",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return (tmp_path / name / "results.parquet").read_bytes(), done.stderr

    runs = [
        run("without", "false"),
        run("first", str(tmp_path / "kept")),
        run("next", str(tmp_path / "kept")),
    ]
    assert list((tmp_path / "kept").glob("jaxlib-*/*.program"))
    assert len({table for table, _ in runs}) == 1
    assert {errors for _, errors in runs} == {""}


def test_programs_are_given_up_before_the_kernel_refuses_memory():
    program = jax.jit(lambda x: jnp.sort(x * 3.0) + 1)
    program(jnp.arange(5.0))
    taken = mappings()
    assert taken > 50
    assert not make_room(granted=3 * taken) and program._cache_size() == 1
    assert make_room(granted=2 * taken) and program._cache_size() == 0
    assert mappings() < taken
    np.testing.assert_allclose(program(jnp.arange(5.0)), [1, 4, 7, 10, 13])
