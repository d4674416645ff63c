"""Where the points of a sweep run, and on which devices."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import hydra
import numpy as np
import polars as pl
import pytest
from omegaconf import OmegaConf

from experiments.common import devices
from experiments.common.config import register_configs

ROOT = Path(__file__).parent.parent
SMALL = [
    "experiment=hull_coverage", "experiment.draws=6", "experiment.leaders=[1]", "experiment.diversity=[1.0]",
    "experiment.states=1", "experiment.actions=2", "experiment.eps=[0.0]",
]  # fmt: skip


def application(*overrides, **environment):
    return subprocess.run(
        [sys.executable, "-m", "experiments", *overrides],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280, env={**os.environ, **environment},
    )  # fmt: skip


def run_config(*overrides):
    register_configs()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return hydra.compose("config", overrides=list(overrides), return_hydra_config=True)


@pytest.mark.parametrize(
    ("run", "launcher", "platform"),
    [
        ("default", "basic", "auto"),
        ("local", "joblib", "auto"),
        ("slurm_cpu", "submitit_slurm", "cpu"),
        ("slurm_gpu", "submitit_slurm", "gpu"),
    ],
)
def test_every_run_config_has_its_launcher(run, launcher, platform):
    config = run_config(f"run={run}")
    assert config.hydra.runtime.choices["hydra/launcher"] == launcher
    assert config.run.platform == platform and config.run.seed == 0
    assert not OmegaConf.missing_keys(config.run)
    devices._check(config.run)


def test_resources_reach_slurm():
    config = run_config(
        "run=slurm_gpu", "hydra.launcher.partition=fast", "hydra.launcher.timeout_min=5",
        "hydra.launcher.array_parallelism=3", "hydra.launcher.gpus_per_node=2",
    )  # fmt: skip
    launcher = config.hydra.launcher
    assert (launcher.partition, launcher.timeout_min, launcher.array_parallelism) == ("fast", 5, 3)
    assert launcher.gpus_per_node == 2 and launcher.cpus_per_task == 8
    with pytest.raises(Exception, match=r"Could not override 'hydra\.launcher\.partitoin'"):
        run_config("run=slurm_gpu", "hydra.launcher.partitoin=fast")


def test_gpus_fill_evenly_and_slots_come_free_again(tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr(devices, "_held", held)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    assert devices.visible_gpus() == ["4", "7"]
    taken = [devices.take_gpu(["4", "7"], 2, tmp_path) for _ in range(4)]
    assert taken == ["4", "7", "4", "7"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    with pytest.raises(RuntimeError, match=r"all 2 slots of each of the GPUs 4, 7 are taken"):
        devices.take_gpu(["4", "7"], 2, tmp_path)
    held.pop(0).release()  # as when its process ends
    assert devices.take_gpu(["4", "7"], 2, tmp_path) == "4"
    assert devices.take_gpu([], 2, tmp_path) is None
    for lock in held:
        lock.release()


def test_gpu_memory_is_shared_out():
    def variables(*overrides):
        return devices.gpu_memory(run_config(*overrides).run)

    assert variables() == {"XLA_PYTHON_CLIENT_PREALLOCATE": "true"}
    assert variables("run=local")["XLA_CLIENT_MEM_FRACTION"] == "0.75"
    assert variables("run=local", "run.gpu_slots=3")["XLA_CLIENT_MEM_FRACTION"] == "0.25"
    assert variables("run=slurm_gpu", "run.preallocate=false") == {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_CLIENT_MEM_FRACTION": "0.9",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["run.memory_fraction=1.5"], "run.memory_fraction is 1.5; it must be above 0 and at most 1"),
        (["run.gpu_slots=0"], "run.gpu_slots is 0; it must be at least 1"),
        (["run.processes=2"], "run.processes is 2 without run.coordinator or run.process_id; set all three"),
        (
            ["run.processes=2", "run.coordinator=localhost:1", "run.process_id=2"],
            "run.process_id is 2; it must be from 0 to 1",
        ),
    ],
)
def test_bad_values_are_named(overrides, message):
    with pytest.raises(ValueError, match=message):
        devices.configure_jax(run_config(*overrides).run)


@pytest.mark.slow
def test_a_launcher_that_is_not_installed_is_told(tmp_path):
    """A Python with Hydra's own package but without its launchers, as `[experiments]` leaves it."""
    without = """
        import importlib, pkgutil, runpy, sys
        from pathlib import Path

        import hydra_plugins
        hydra_plugins.__path__ = []
        for name in [name for name in sys.modules if name.startswith("hydra_plugins.")]:
            del sys.modules[name]
        sys.argv = ["experiments", "--multirun", "run=local", "experiment.draws=1,2", sys.argv[1]]
        runpy.run_module("experiments", run_name="__main__")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(without), f"run.root={tmp_path}"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: the launcher joblib is not installed: pip install -e '.[cluster]'\n"
    # Its config can be read all the same.
    assert application("run=local", "--cfg", "job").returncode == 0


@pytest.mark.slow
def test_a_sweep_on_one_machine_gives_each_worker_a_gpu_of_its_own(tmp_path):
    """Three points, two workers, two GPUs that CUDA is told of; the points themselves run on the CPU."""
    done = application(
        "--multirun", "run=local", "hydra.launcher.n_jobs=2", *SMALL, "run.seed=0,1,2",
        f"run.root={tmp_path}", CUDA_VISIBLE_DEVICES="0,1", TMPDIR=str(tmp_path), JAX_PLATFORMS="cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("hull_coverage/*/manifest.json")]
    assert len(manifests) == 3 and all(manifest["complete"] for manifest in manifests)
    assert {manifest["visible_devices"] for manifest in manifests} == {"0", "1"}


@pytest.mark.slow
def test_a_sweep_through_submitit_resumes_and_is_collected(tmp_path):
    sweep = [
        "--multirun", "hydra/launcher=submitit_local", *SMALL, "family=noise,goals", f"run.root={tmp_path}",
        "run.progress=false",
    ]  # fmt: skip
    done = application(*sweep)
    assert done.returncode == 0, done.stderr
    runs = sorted(tmp_path.glob("hull_coverage/*"))
    assert len(runs) == 2 and (tmp_path / ".submitit").exists()
    shutil.rmtree(runs[0])
    collect = [sys.executable, "-m", "experiments.collect", str(tmp_path)]
    told = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "1 of the 2 points" in told.stdout and "missing: family.name=" in told.stdout
    before = (runs[1] / "results.parquet").stat().st_mtime_ns
    assert application(*sweep).returncode == 0
    assert (runs[1] / "results.parquet").stat().st_mtime_ns == before
    told = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "2 of the 2 points" in told.stdout and "missing" not in told.stdout


@pytest.mark.slow
def test_a_bad_point_does_not_stop_the_others(tmp_path):
    done = application("--multirun", *SMALL, "experiment.offset=some,constant", f"run.root={tmp_path}")
    assert done.returncode == 1 and "offset is 'some'" in done.stderr
    assert len(list(tmp_path.glob("hull_coverage/*/figure.png"))) == 1


@pytest.mark.slow
def test_nothing_starts_a_device_before_a_launcher_does(tmp_path):
    """The process that launches ends with none; its workers have theirs."""
    launch = """
        import runpy, sys
        import jax
        from jax._src import xla_bridge

        started = []
        jax.devices = jax.local_devices = lambda *a, **k: started.append("devices")
        try:
            runpy.run_module("experiments", run_name="__main__")
        finally:
            assert not started and not xla_bridge.backends_are_initialized()
    """
    command = ["--multirun", "run=local", "hydra.launcher.n_jobs=2", *SMALL, "run.seed=0,1"]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(launch), *command, f"run.root={tmp_path}"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("hull_coverage/*/figure.png"))) == 2


@pytest.mark.slow
def test_two_processes_of_the_application_share_a_run(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "experiments", *SMALL, f"run.directory={tmp_path}/run", "run.devices=1",
        f"run.coordinator=127.0.0.1:{port}", "run.processes=2",
    ]  # fmt: skip
    both = [
        subprocess.Popen([*command, f"run.process_id={number}"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    said = [process.communicate(timeout=250)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "figure and tables are in" in said[0] and said[1] == ""
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["processes"] == 2
    alone = application(*SMALL, f"run.directory={tmp_path}/alone")
    assert alone.returncode == 0
    tables = [pl.read_parquet(tmp_path / run / "results.parquet") for run in ("run", "alone")]
    for name in tables[0].columns:
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-12, atol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_command_says_how_to_go_on(tmp_path, number, code):
    command = [*SMALL, "experiment.draws=100000", "run.chunk=64", f"run.directory={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.glob("chunks/0*.parquet")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code
    assert said.startswith("interrupted: ") and said.count("\n") == 1
    assert f"of 100,000 draws are kept in {tmp_path}; the same command resumes" in said
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["state"] == "interrupted" and 0 < manifest["draws_done"] < 100_000
