"""The application and the command start where Linux's own names are missing: macOS and Windows, simulated.

A fresh process gets a `sitecustomize` that takes away what the other system lacks: names of `os` and
`signal`, modules, files under /proc and /sys. `sys.platform` stays, and with it what libraries take for
granted on Linux (NumPy's os.uname, psutil's resource). What only the real system can show is not tested here.
"""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from experiments.common import config as experiments_config
from tests.test_experiments import ROOT

LINUX_ONLY = ["sched_getaffinity", "sched_setaffinity", "memfd_create", "posix_fadvise", "eventfd", "splice"]
UNIX_ONLY = ["getuid", "geteuid", "getgid", "getgroups", "fork", "forkpty", "wait4", "wait3", "killpg"]
UNIX_ONLY += ["setsid", "getpgid", "nice", "getloadavg", "mkfifo", "chown", "statvfs"]
SYSTEMS = {
    "macos": {"os": LINUX_ONLY, "signal": [], "modules": []},
    "windows": {
        "os": LINUX_ONLY + UNIX_ONLY,
        "signal": ["SIGKILL", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGCHLD", "setitimer"],
        "modules": ["fcntl", "resource", "pwd", "grp", "termios"],
    },
}
PRELUDE = """
import builtins, os, pathlib, signal

LACKS = {lacks!r}
for module, names in ((os, LACKS["os"]), (signal, LACKS["signal"])):
    for name in names:
        if hasattr(module, name):  # Pythons differ in what they have
            delattr(module, name)

real = builtins.__import__

def imported(name, globals=None, *args, **kwargs):
    # psutil chose its half for Linux by sys.platform.
    if name in LACKS["modules"] and not (globals or {{}}).get("__name__", "").startswith("psutil"):
        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    return real(name, globals, *args, **kwargs)

builtins.__import__ = imported

def hidden(method):
    def told(self, *args, **kwargs):
        if str(self).startswith(("/proc", "/sys/fs")):
            if method.__name__ == "exists":
                return False
            raise FileNotFoundError(2, "No such file or directory", str(self))
        return method(self, *args, **kwargs)
    return told

for name in ("exists", "read_text", "read_bytes", "iterdir"):
    setattr(pathlib.Path, name, hidden(getattr(pathlib.Path, name)))
"""


@pytest.fixture(params=SYSTEMS)
def system(request, tmp_path):
    """Runs Python as on that system: its words in, what it ended with out."""
    folder = tmp_path / "system"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(PRELUDE.format(lacks=SYSTEMS[request.param]))
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", ""), str(ROOT)])

    def run(*words):
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path, "USERNAME": "user"},
            capture_output=True, text=True, check=False, timeout=250,
        )  # fmt: skip

    run.name = request.param
    return run


def code(text):
    return ["-c", textwrap.dedent(text)]


def test_the_systems_lack_what_they_lack(system):
    assert "AttributeError" in system("-c", "import os; os.sched_getaffinity(0)").stderr
    asked = "import pathlib; pathlib.Path('/proc/cpuinfo').read_text()"
    assert "FileNotFoundError" in system("-c", asked).stderr
    assert ("fcntl" in system("-c", "import fcntl").stderr) == (system.name == "windows")


def test_the_command_starts(system):
    done = system("-m", "jaxgame.cli", "--help")
    assert done.returncode == 0 and "audit" in done.stdout, done.stderr


def test_answers_are_locked_and_gpus_taken(system, tmp_path):
    done = system(
        *code("""
        import warnings
        warnings.simplefilter("ignore")  # of filelock: a simulated Windows has neither way to lock
        from pathlib import Path
        from experiments.common import devices
        from jaxgame.audit.errors import InputError
        from jaxgame.elicit import answers

        with answers.opened(Path("a.answers.jsonl")):
            try:
                with answers.opened(Path("a.answers.jsonl")):
                    raise AssertionError("two may write")
            except InputError as error:
                print(error)
        assert devices.host_cores() >= 1 and devices.visible_gpus() == []
        print(devices.take_gpu(["0", "1"], 1, Path(".")), devices.take_gpu(["0", "1"], 1, Path(".")))
        """)
    )
    assert done.returncode == 0, done.stderr
    assert "another process asks for this table" in done.stdout and "0 1" in done.stdout


@pytest.mark.slow
def test_an_experiment_runs(system, tmp_path):
    done = system(
        "-m", "experiments", "experiment=hull_coverage", "experiment.draws=8", "experiment.leaders=[1,2]",
        "experiment.diversity=[0.0,1.0]", f"run.directory={tmp_path / 'run'}", "run.optimise=false",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["complete"]
    assert (tmp_path / "run" / "figure.png").exists()


@pytest.mark.slow
def test_the_other_commands_start(system):
    for command in ("benchmarks", "benchmarks.draws", "benchmarks.device", "experiments.collect"):
        done = system("-m", command, "--help")
        assert done.returncode == 0, done.stderr
    for suite in ("audit", "cold", "peers"):
        assert system("-c", f"import benchmarks.{suite}").returncode == 0


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_what_needs_linux_says_so(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    callback = experiments_config.OnLinux("submitit_slurm")
    with pytest.raises(SystemExit, match=f"needs Slurm, which runs on Linux; this is {platform}. run=local"):
        callback.on_multirun_start(None)


@pytest.mark.slow
def test_a_sweep_to_slurm_ends_at_once_elsewhere(tmp_path):
    elsewhere = """
        import runpy, sys
        import experiments.__main__  # with the names of this system
        sys.platform = "darwin"
        sys.argv = ["experiments", "--multirun", "run=slurm_cpu", "run.seed=0,1", f"run.root={sys.argv[1]}"]
        runpy.run_module("experiments", run_name="__main__", alter_sys=True)
    """
    done = subprocess.run(
        [sys.executable, *code(elsewhere), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "needs Slurm, which runs on Linux; this is darwin" in done.stderr
