"""Gather the runs of a sweep: `python -m experiments.collect OUTPUT_DIR` writes one table and one figure.

OUTPUT_DIR is the sweep's run.root. The table, `collected.parquet` and `collected.csv`, holds the rows of
every run's summary.csv behind columns that tell the runs apart: the values that were swept. The figure,
`figure.png` and `figure.pdf`, has one line per run. Runs that are missing, interrupted or were
started and not finished are listed. `--watch` shows how jobs get on, and collects when all are complete.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import polars as pl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from experiments.collect.figure import figure
from experiments.common.config import identity, register_configs
from jaxgame import plot
from jaxgame.runs.files import write_whole
from jaxgame.runs.run_directory import COMPLETE

CONFIGS = Path(__file__).parents[2] / "conf"


@dataclass(frozen=True)
class Found:
    """A run under the folder: what it computes, as flat keys, and how far it came."""

    directory: Path
    experiment: str
    identity: dict[str, Any]
    state: str
    draws_done: int

    @property
    def collected(self) -> bool:
        """Whether it has what the table is made of."""
        return self.state == COMPLETE and (self.directory / "summary.csv").exists()


def main() -> None:
    """Parse the command line, collect, report."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.collect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="the folder of the runs")
    parser.add_argument(
        "--watch", type=float, nargs="?", const=30.0, metavar="SECONDS",
        help="first wait until all points are complete, and say every so often (30) how far they are",
    )  # fmt: skip
    arguments = parser.parse_args()
    output = arguments.output
    register_configs()
    try:
        if arguments.watch is not None:
            watch(output, arguments.watch)
        collect(output)
    except KeyboardInterrupt:
        sys.exit(130)  # the jobs go on
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def collect(output: Path) -> pl.DataFrame:
    """The table of all runs below `output`, written there with its figure.

    Raises ValueError if no run below it is complete.
    """
    runs = sorted(find_runs(output), key=lambda run: str(run.directory))
    complete = [run for run in runs if run.collected]
    planned = planned_points(output)
    for line in report(runs, planned):
        print(line)
    if not complete:
        raise ValueError(f"{output} holds no complete run ({len(runs)} were begun); nothing to collect")
    swept = swept_keys(runs)
    table = pl.concat([_rows(run, swept, output) for run in complete], how="diagonal_relaxed")
    write_whole(output / "collected.parquet", table.write_parquet)
    write_whole(output / "collected.csv", table.write_csv)
    missing = len(missing_points(runs, planned)) + len(runs) - len(complete)
    plot.save(figure(table, swept, missing), output)
    print(f"{table.height} rows of {len(complete)} runs, table and figure, are in {output}")
    return table


def watch(output: Path, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
    """Tell how far the runs below `output` are whenever that changed, until all are complete, or `done`.

    Looks every so many `seconds` at the manifests that jobs write as they go, wherever they run. Raises
    ValueError unless `seconds` is positive.
    """
    if not seconds > 0:
        raise ValueError(f"--watch is {seconds:g}; it must be a positive number of seconds")
    told, planned = "", planned_points(output)
    while True:
        runs = list(find_runs(output))
        planned = planned or planned_points(output)  # a sweep that is only about to start
        line, complete = progress(runs, planned)
        if line != told:
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            told = line
        if complete or done():
            return
        time.sleep(seconds)


def progress(runs: list[Found], planned: list[dict[str, Any]]) -> tuple[str, bool]:
    """How far the runs are, in a line, and whether all are complete that were planned or begun."""
    complete = sum(run.collected for run in runs)
    going = [run for run in runs if not run.collected]
    missing = len(missing_points(runs, planned))
    names = sorted({run.state for run in going})
    states = [f"{sum(run.state == name for run in going)} {name}" for name in names]
    parts = [f"{complete} of {len(runs) + missing} runs complete", *states]
    parts += [f"{missing} not begun"] if missing else []
    draws = [(run.draws_done, run.identity.get("experiment.draws", 0)) for run in going]
    if draws:
        parts.append(f"{sum(d for d, _ in draws):,} of {sum(n for _, n in draws):,} draws of these")
    return ", ".join(parts), bool(runs) and complete == len(runs) and not missing


def find_runs(output: Path) -> Iterator[Found]:
    """Every run below `output`: a folder with the config.yaml of an experiment (a part of a run has none)."""
    for path in output.rglob("config.yaml"):
        config = OmegaConf.load(path)
        if not isinstance(config, DictConfig) or not {"experiment", "run"} <= config.keys():
            continue
        manifest = path.with_name("manifest.json")
        told = json.loads(manifest.read_text("utf-8")) if manifest.exists() else {}
        state = told.get("state", COMPLETE if told.get("complete") else "begun")
        yield Found(
            path.parent, config.experiment.name, _flat(identity(config)), state, told.get("draws_done", 0)
        )


def planned_points(output: Path) -> list[dict[str, Any]]:
    """What each point of the last sweep into `output` was to compute, by Hydra's record of its overrides."""
    record = output / "multirun.yaml"
    if not record.exists():
        return []
    told = OmegaConf.load(record)
    parsed = OverridesParser.create().parse_overrides(list(told.hydra.overrides.task))
    points = list(itertools.product(*[_values(override) for override in parsed]))
    sources = OmegaConf.select(told, "hydra.runtime.config_sources") or []
    folders = [f"'file://{source.path}'" for source in sources if source.provider == "command-line"]
    search = f"hydra.searchpath=[{','.join(folders)}]"  # what --config-dir named
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return [_flat(identity(hydra.compose("config", overrides=[*point, search]))) for point in points]


def _values(override: Override) -> list[str]:
    """`a=1` and `a=2` for `a=1,2`: what Hydra's own sweeper gives to the points."""
    if override.is_discrete_sweep():
        return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    return [override.input_line or ""]


def missing_points(runs: list[Found], planned: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The planned points for which no run was begun."""
    begun = [run.identity for run in runs]
    return [point for point in planned if point not in begun]


def swept_keys(runs: list[Found]) -> list[str]:
    """The keys that differ between runs, such as `family.name` or `experiment.actions`, in their order."""
    keys = dict.fromkeys(key for run in runs for key in run.identity)
    return [key for key in keys if len({json.dumps(run.identity.get(key)) for run in runs}) > 1]


def report(runs: list[Found], planned: list[dict[str, Any]]) -> Iterator[str]:
    """One line for each run that is not complete or was not begun."""
    for run in runs:
        if not run.collected:
            yield f"not complete: {run.directory} ({run.state}, {run.draws_done:,} draws done)"
    keys = {key for point in planned for key in point if any(p.get(key) != point[key] for p in planned)}
    for point in missing_points(runs, planned):
        told = ", ".join(f"{key}={point[key]}" for key in point if key in keys)
        yield f"missing: {told or 'the only point'}"
    if planned:
        done = sum(point in [run.identity for run in runs if run.collected] for point in planned)
        yield f"{done} of the {len(planned)} points of the last sweep are complete"


def _rows(run: Found, swept: list[str], output: Path) -> pl.DataFrame:
    summary = pl.read_csv(run.directory / "summary.csv", infer_schema_length=None)
    told = {"run": str(run.directory.relative_to(output)), "experiment": run.experiment}
    told |= {key: _cell(run.identity.get(key)) for key in swept}
    return pl.DataFrame({key: [value] for key, value in told.items()}).join(
        summary, how="cross", suffix="_summary"
    )


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


if __name__ == "__main__":
    main()
