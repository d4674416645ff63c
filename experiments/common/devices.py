"""Which devices a process of the application uses; all of it before JAX touches one."""

import contextlib
import getpass
import os
import tempfile
from pathlib import Path
from typing import Any

import jax
from filelock import FileLock, Timeout
from omegaconf import DictConfig

from jaxgame.runs.chunking import host_cores
from jaxgame.runs.compiled import fuse_plainly, keep_compiled

PLATFORMS = {"auto": None, "cpu": "cpu", "gpu": "cuda"}

# A worker runs many points of a sweep one after the other and keeps the GPU that it took at the first.
_held: list[Any] = []


def configure_jax(run: DictConfig) -> None:
    """Set precision, platform, devices, memory and cache, and join the other processes of the run, if any.

    Raises ValueError for a value that is out of its range.
    """
    _check(run)
    jax.config.update("jax_enable_x64", run.precision == "float64")
    if PLATFORMS[run.platform]:
        jax.config.update("jax_platforms", PLATFORMS[run.platform])
    jax.config.update("jax_disable_most_optimizations", not run.optimise)
    if not run.optimise:
        fuse_plainly()
    # One virtual device per core: XLA runs small batched programs on one core each.
    jax.config.update("jax_num_cpu_devices", run.devices or host_cores())
    os.environ.update(gpu_memory(run))
    keep_compiled(run.cache)
    if run.gpu_slots and run.platform != "cpu" and not _held:
        take_gpu(visible_gpus(), run.gpu_slots, Path(tempfile.gettempdir()))
    _join_processes(run)


def gpu_memory(run: DictConfig) -> dict[str, str]:
    """The environment that limits a GPU's memory: a part of it if several processes share one."""
    variables = {"XLA_PYTHON_CLIENT_PREALLOCATE": str(bool(run.preallocate)).lower()}
    fraction = run.memory_fraction or (0.75 / run.gpu_slots if run.gpu_slots else None)
    return variables | ({"XLA_CLIENT_MEM_FRACTION": f"{fraction:g}"} if fraction else {})


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them or as the driver lists them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip()]
    listed = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number, _ in enumerate(listed.iterdir())] if listed.exists() else []


def take_gpu(gpus: list[str], slots: int, folder: Path) -> str | None:
    """Make one of `gpus` the only one this process sees, in one of its free `slots`; None without GPUs.

    A slot is a locked file in `folder`; the system unlocks it when the process ends, however it ends. GPUs
    fill evenly: each gets its second process after all have their first. Raises RuntimeError if none is free.
    """
    for slot in range(slots):
        for gpu in gpus:
            lock = FileLock(folder / f"jaxgame-{_user()}-gpu-{gpu}-{slot}.lock")
            with contextlib.suppress(Timeout):
                lock.acquire(blocking=False)
                _held.append(lock)
                os.environ["CUDA_VISIBLE_DEVICES"] = gpu
                return gpu
    if gpus:
        raise RuntimeError(
            f"all {slots} slots of each of the GPUs {', '.join(gpus)} are taken: start fewer workers "
            "(hydra.launcher.n_jobs) or allow more on a GPU (run.gpu_slots)"
        )
    return None


def _user() -> str:
    """Tells users of one machine apart: by number, by name where they have none (Windows)."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def _join_processes(run: DictConfig) -> None:
    if jax.distributed.is_initialized():
        return
    if run.processes is not None and run.processes > 1:
        jax.distributed.initialize(run.coordinator, run.processes, run.process_id)
    elif run.processes is None and int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        jax.distributed.initialize(cluster_detection_method="slurm")


def _check(run: DictConfig) -> None:
    if run.precision not in ("float64", "float32"):
        raise ValueError(f"run.precision is {run.precision!r}; it must be 'float64' or 'float32'")
    if run.platform not in PLATFORMS:
        raise ValueError(f"run.platform is {run.platform!r}; it must be 'auto', 'cpu' or 'gpu'")
    for name in ("devices", "gpu_slots", "processes"):
        if run[name] is not None and run[name] < 1:
            raise ValueError(f"run.{name} is {run[name]}; it must be at least 1")
    if run.memory_fraction is not None and not 0 < run.memory_fraction <= 1:
        raise ValueError(f"run.memory_fraction is {run.memory_fraction}; it must be above 0 and at most 1")
    if (run.processes or 1) > 1:
        if run.coordinator is None or run.process_id is None:
            raise ValueError(
                f"run.processes is {run.processes} without run.coordinator or run.process_id; set all three"
            )
        if not 0 <= run.process_id < run.processes:
            raise ValueError(f"run.process_id is {run.process_id}; it must be from 0 to {run.processes - 1}")
