"""Run one experiment: `python -m experiments experiment=NAME`, or `--help` for what can be set."""

import logging
import os
import sys
from pathlib import Path

import hydra
import jax
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.common.config import identity, register_configs
from experiments.common.devices import configure_jax
from experiments.common.registry import experiment
from jaxgame.runs.files import write_whole
from jaxgame.runs.interruption import exit_code, terminable
from jaxgame.runs.run_directory import RunDirectoryError

log = logging.getLogger("experiments")


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> None:
    """Run the registered experiment that `config.experiment.name` names."""
    register_configs()  # a launcher's worker has not imported this file
    directory = Path(config.run.directory)
    try:
        with terminable():
            _run(config, directory)
    except KeyboardInterrupt as stop:
        print(f"interrupted: {stop or 'the same command resumes'}", file=sys.stderr, flush=True)
        sys.exit(exit_code(stop))
    except (ValueError, RunDirectoryError) as error:
        # A sweep goes on with its other points and fails at the end; a run says it in one line.
        if os.environ.get("HYDRA_FULL_ERROR") or HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        sys.exit(f"error: {error}")


def _run(config: DictConfig, directory: Path) -> None:
    for talkative in ("xla_bridge", "distributed"):  # of backends they lack, of connections
        logging.getLogger(f"jax._src.{talkative}").setLevel(logging.WARNING)
    configure_jax(config.run)
    if jax.process_index() > 0:  # the first process speaks for all
        log.setLevel(logging.WARNING)
    chosen = experiment(config.experiment.name)
    if not config.run.rows and not chosen.rows_optional:
        raise ValueError(
            f"run.rows is false; {config.experiment.name} needs every draw for its summary and figure"
        )
    _save_config(config, directory)
    chosen.run(config, directory)
    log.info("figure and tables are in %s", directory)


def _save_config(config: DictConfig, directory: Path) -> None:
    path = directory / "config.yaml"
    if (directory / "manifest.json").exists() and path.exists():
        there = OmegaConf.load(path)
        if isinstance(there, DictConfig) and _differs(there, config):
            return  # another run's: it is about to be refused
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda path: OmegaConf.save(config, path, resolve=True))
    except OSError as error:
        raise RunDirectoryError(
            f"cannot write the run directory {directory}: {error.strerror}. Nothing was computed. "
            "Free the path or choose another with run.directory=PATH."
        ) from error


def _differs(there: DictConfig, config: DictConfig) -> bool:
    try:
        return identity(there) != identity(config)
    except Exception:  # written by another version, which had other keys
        return True


register_configs()
if __name__ == "__main__":
    main()
