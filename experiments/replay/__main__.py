"""Look at one draw of a run: `python -m experiments.replay run=DIRECTORY draw=1234 [COLUMN=VALUE ...]
[proof=FILE]`.

Rebuilds the draw's game from the run's config and seed, prints its matrices, how near the user is to the
models' hull, and what the theorem's check finds, next to what the run recorded. COLUMN=VALUE (such as
leaders=2 diversity=0.5) chooses among the draw's rows; else the one with the least slack, or the first, is
taken. proof=FILE writes a proof of the game's worst equilibrium of best-AI selection, for `jaxgame verify`.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from experiments.common.families import family_of
from experiments.common.games import first_leaders
from experiments.common.registry import experiment
from jaxgame import selection, theorems, verify
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game, full_information_value, no_information_value
from jaxgame.hull import game_hull_distance
from jaxgame.runs.compiled import keep_compiled
from jaxgame.runs.keys import draw_key
from jaxgame.sampling import Shape

# A recorded number that differs by more was not computed by this code from this config.
AGREES = 1e-9


def main(arguments: list[str]) -> int:
    """Parse, rebuild, print; 0 if the run's numbers were met again, 1 if not, 2 for bad input."""
    try:
        run, draw, choice, proof = _parse(arguments)
        config, table = _load(run)
        known = experiment(config.experiment.name)
        if known.coordinates is None or config.family is None:
            raise ValueError(f"{run} holds {known.name}, whose draws are not games of a family")
        row = _row(table, draw, choice, known.coordinates)
        if config.run.precision != "float64":
            raise ValueError(f"{run} was computed in {config.run.precision}; only float64 runs are replayed")
        jax.config.update("jax_enable_x64", True)
        keep_compiled(config.run.get("cache", False))
        game = game_of(config, row)
        proved = _prove(game, proof) if proof else ""
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(width=110 if not sys.stdout.isatty() else None, highlight=False)
    _print_game(console, config, {name: row[name] for name in ("draw", *known.coordinates)}, game)
    _print_hull(console, game)
    if proved:
        console.print(f"{proved}\n", soft_wrap=True)
    return _print_check(console, row, known.check(game, config, row)) if known.check else 0


def game_of(config: DictConfig, row: Mapping[str, Any]) -> Game:
    """The game of one row of a run's table: its draw's key, its diversity and types, its first K leaders."""
    settings = config.experiment
    leaders = settings.leaders if isinstance(settings.leaders, int) else max(settings.leaders)
    types = row.get("types", settings.get("types", 1))
    shape = Shape(leaders, types, settings.states, settings.actions)
    key = draw_key(config.run.seed, row["draw"])
    family = family_of(config, row.get("family", config.family.name))
    game = family.sample(key, shape, row.get("diversity", settings.diversity))
    return first_leaders(game, row.get("leaders", leaders))


def _prove(game: Game, path: Path) -> str:
    """Write a proof, recheck the file, and say what became of it."""
    selection.prove(game).save(path)
    return f"{path}: {verify.check(path).sentence}"


def _parse(arguments: list[str]) -> tuple[Path, int, dict[str, str], Path | None]:
    pairs = {}
    for argument in arguments:
        name, found, value = argument.partition("=")
        if not found or not value:
            raise ValueError(f"{argument!r} is not NAME=VALUE; usage: {_usage()}")
        pairs[name] = value
    if not {"run", "draw"} <= pairs.keys():
        raise ValueError(f"run=DIRECTORY and draw=NUMBER are needed; usage: {_usage()}")
    if not pairs["draw"].isdecimal():
        raise ValueError(f"draw is {pairs['draw']!r}; it must be an integer of at least 0")
    proof = Path(pairs.pop("proof")) if "proof" in pairs else None
    return Path(pairs.pop("run")), int(pairs.pop("draw")), pairs, proof


def _usage() -> str:
    return "python -m experiments.replay run=DIRECTORY draw=NUMBER [COLUMN=VALUE ...] [proof=FILE]"


def _load(run: Path) -> tuple[DictConfig, pl.LazyFrame]:
    for name in ("config.yaml", "results.parquet"):
        if not (run / name).exists():
            raise ValueError(f"{run} has no {name}; run must be the directory of a finished experiment")
    config = OmegaConf.load(run / "config.yaml")
    assert isinstance(config, DictConfig)
    return config, pl.scan_parquet(run / "results.parquet")


def _row(
    table: pl.LazyFrame, draw: int, choice: Mapping[str, str], coordinates: Sequence[str]
) -> dict[str, Any]:
    rows = table.filter(pl.col("draw") == draw).collect()
    if rows.is_empty():
        last = table.select(pl.col("draw").max()).collect().item()
        raise ValueError(f"draw is {draw}; the run has draws from 0 to {last}")
    for name, value in choice.items():
        if name not in rows.columns:
            known = ", ".join(column for column in rows.columns if column in coordinates)
            raise ValueError(f"there is no column {name!r}; choose among {known}")
        values = rows[name].unique(maintain_order=True).to_list()
        rows = rows.filter(pl.col(name).cast(pl.String) == _as_text(rows[name].dtype, value))
        if rows.is_empty():
            raise ValueError(f"{name} is {value}; draw {draw} has {', '.join(map(str, values))}")
    if "slack_lower" in rows.columns:
        rows = rows.sort("slack_lower", maintain_order=True)
    return rows.row(0, named=True)


def _as_text(dtype: pl.DataType, value: str) -> str | None:
    if dtype == pl.String:
        return value
    try:
        return pl.Series([float(value)]).cast(dtype).cast(pl.String)[0]
    except (ValueError, pl.exceptions.PolarsError):
        return None


def _print_game(console: Console, config: DictConfig, place: Mapping[str, Any], game: Game) -> None:
    where = ", ".join(f"{name} {value}" for name, value in place.items())
    console.print(f"[bold]{config.experiment.name}[/bold], family {config.family.name}, {where}: {game}\n")
    prior, follower, leaders = (np.asarray(x) for x in (game.prior, game.follower, game.leaders))
    for t in range(len(prior)):
        table = Table(title=f"Type {t}: probability and utilities" if len(prior) > 1 else None)
        for name in ("state", "probability", "action", "user", *[f"model {i}" for i in range(len(leaders))]):
            table.add_column(name, justify="right")
        for s, a in np.ndindex(follower.shape[1:]):
            start = (str(s), f"{prior[t, s]:.6g}") if a == 0 else ("", "")
            utilities = [f"{u[t, s, a]:.6g}" for u in (follower, *leaders)]
            table.add_row(*start, str(a), *utilities, end_section=a == follower.shape[2] - 1)
        console.print(table)
    console.print(
        f"value without information {float(no_information_value(game)):.9g}, with full information (OPT) "
        f"{float(full_information_value(game)):.9g}\n"
    )


def _print_hull(console: Console, game: Game) -> None:
    table = Table(title="Distance of the user to the models' hull (sup norm)")
    for name in ("offset", "weights", "distance", "mixture"):
        table.add_column(name)
    for offset, scale in (("constant", "simplex"), ("state", "simplex"), ("state", "cone")):
        fit = game_hull_distance(game, offset, scale)
        distance = _interval(float(fit.distance.lower), float(fit.distance.upper))
        mixture = ", ".join(f"{float(w):.4g}" for w in fit.weights)
        table.add_row(offset, "sum 1" if scale == "simplex" else "any sum", distance, mixture)
    console.print(table)


def _print_check(console: Console, row: Mapping[str, Any], found: theorems.Guarantee) -> int:
    table = Table(title="The theorem's check")
    for name in ("", "recomputed", "recorded"):
        table.add_column(name)
    differs = []
    for name in ("teachable", "gain", "bound", "worst", "slack"):
        bracket: Bracket = getattr(found, name)
        ends = (float(bracket.lower), float(bracket.upper))
        recorded = (row[f"{name}_lower"], row[f"{name}_upper"])
        table.add_row(name, _interval(*ends), _interval(*recorded))
        error = max(abs(a - b) for a, b in zip(ends, recorded, strict=True))
        if not error <= AGREES:
            differs.append(f"{name} by {error:.1e}")
    verdict = theorems.VERDICTS[int(found.holds)]
    table.add_row("holds", verdict, row["holds"])
    console.print(table)
    if verdict != row["holds"]:
        differs.append("the verdict")
    if differs:
        console.print(f"[bold]The run recorded other numbers[/bold]: {', '.join(differs)}.")
    return 1 if differs else 0


def _interval(lower: float, upper: float) -> str:
    return f"{lower:.9g}" if lower == upper else f"[{lower:.9g}, {upper:.9g}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
