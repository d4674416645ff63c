"""Run one experiment: `python -m experiments experiment=NAME`, or `--help` for what can be set."""

import importlib
import logging
import os
import sys
from pathlib import Path

import hydra
import jax
from omegaconf import DictConfig, OmegaConf

from experiments.config import register
from jaxgame.run_directory import RunDirectoryError, write_whole

log = logging.getLogger("experiments")
logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)  # it reports every backend it lacks


def configure_jax(run: DictConfig) -> None:
    """Set platform, devices and precision; must happen before JAX touches a device."""
    if run.precision not in ("float64", "float32"):
        raise ValueError(f"run.precision is {run.precision!r}; it must be 'float64' or 'float32'")
    jax.config.update("jax_enable_x64", run.precision == "float64")
    if run.platform not in ("auto", "cpu", "gpu"):
        raise ValueError(f"run.platform is {run.platform!r}; it must be 'auto', 'cpu' or 'gpu'")
    if run.platform != "auto":
        jax.config.update("jax_platforms", {"cpu": "cpu", "gpu": "cuda"}[run.platform])
    jax.config.update("jax_disable_most_optimizations", not run.optimise)
    # One virtual device per core: XLA runs small batched programs on one core each.
    jax.config.update("jax_num_cpu_devices", run.devices or len(os.sched_getaffinity(0)))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> None:
    """Dispatch to the experiment's module: experiments/NAME.py, `run(config, directory)`."""
    directory = Path(config.run.directory)
    try:
        configure_jax(config.run)
        module = importlib.import_module(f"experiments.{config.experiment.name}")
        _save_config(config, directory)
        module.run(config, directory)
    except (ValueError, RunDirectoryError) as error:
        if os.environ.get("HYDRA_FULL_ERROR"):
            raise
        sys.exit(f"error: {error}")
    log.info("figure and tables are in %s", directory)


def _save_config(config: DictConfig, directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_whole(directory / "config.yaml", lambda path: OmegaConf.save(config, path, resolve=True))
    except OSError as error:
        raise RunDirectoryError(
            f"cannot write the run directory {directory}: {error.strerror}. Nothing was computed. "
            "Free the path or choose another with run.directory=PATH."
        ) from error


register()
if __name__ == "__main__":
    main()
