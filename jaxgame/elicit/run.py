"""Asking for a whole table: settings and items in, answers kept, table, note and logs out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.progress import bar
from jaxgame.elicit import PATIENCE, answers, config, cost, items, questions, reply, table
from jaxgame.elicit.answers import Answers
from jaxgame.elicit.cost import Cost
from jaxgame.elicit.extra import extra
from jaxgame.elicit.items import Items
from jaxgame.elicit.questions import Question
from jaxgame.elicit.settings import Settings

SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True)
class Elicited:
    """A table of scores that models gave, and how it came about.

    - `table`: a row per item: its name, its group, people's scores, a column MODEL/PERSONA of scores for each
      model and persona (null: none);
    - `models`, `targets`, `item`, `group`: names of columns, as `jaxgame.panel.audit` asks for them;
    - `note`: prompts, models with the versions their servers reported, dates, tokens (also in the files);
    - `unanswered`: a row for each question without a score: why, and what was said;
    - `requests`: how many were sent by this call; `costs`: what the table took in all, by model;
    - `paths`: the files written.
    """

    table: pl.DataFrame
    models: tuple[str, ...]
    targets: tuple[str, ...]
    item: str
    group: str | None
    note: dict[str, Any]
    unanswered: pl.DataFrame
    requests: int
    costs: tuple[Cost, ...]
    paths: tuple[Path, ...]


def elicit(
    source: str | Path | pl.DataFrame,
    models: str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    max_cost: float | None = None,
    patience: float = PATIENCE,
    progress: bool = False,
) -> Elicited:
    """Ask models, as many personas, to score items: a table for `jaxgame.panel.audit`.

    `source` holds the items: a CSV, Parquet or JSON Lines file, a folder of MovieLens files, or a DataFrame.
    `models` is a YAML file, or a mapping of its shape, with models, personas, the scale and the names of
    columns (`jaxgame.elicit.example` has some). The table is written to `out`, a .parquet or .csv file;
    beside it its note, conversations as Inspect logs, questions without a score, and every answer: what was
    answered once is not asked again, also after an interruption.

    - `max_cost`: refuse to ask if the table would cost more, by the estimate, and stop when it does;
    - `patience`: for how many seconds a question is repeated while its server is down or busy;
    - `progress` shows a bar on standard error.

    Raises InputError (a ValueError), one line: what is wrong with the files, or what a server refuses.
    """
    plan = _planned(source, models, out)
    with extra():  # imported now: Inspect takes seconds, for which mistakes in files need not wait
        from jaxgame.elicit.ask import ask
    with answers.opened(plan.beside(".answers.jsonl")) as known:
        wanted = plan.wanted(known)
        spent = plan.counted(known)
        _check_cost(plan, wanted, known, max_cost)
        if number := sum(map(len, wanted.values())):
            with bar(progress) as shown:
                ask(
                    plan.settings,
                    wanted,
                    known,
                    patience=patience,
                    max_cost=max_cost,
                    spent=cost.total(spent) or 0.0,
                    step=shown.start("questions", number),
                )
        return _written(plan, known, sum(one.requests for one in spent.values()))


def estimate(
    source: str | Path | pl.DataFrame, models: str | Path | Mapping[str, Any], out: str | Path
) -> tuple[Cost, ...]:
    """What `elicit` with the same `source`, `models` and `out` would still ask, and what that would cost.

    Tokens sent are estimated from the lengths of texts, those answered from answers that are known, if any.

    Raises InputError as `elicit` does, and asks nothing.

    >>> import polars as pl
    >>> from jaxgame.elicit import estimate
    >>> items = pl.DataFrame({"item": ["lie", "theft"], "scenario": ["He lies.", "He steals a book."]})
    >>> models = {
    ...     "items": {"text": ["scenario"]},
    ...     "scale": {"low": 0, "high": 10, "low_means": "fine", "high_means": "wrong"},
    ...     "models": [{"name": "local", "url": "http://localhost:8000/v1", "model": "llama"}],
    ...     "personas": [{"name": "plain", "prompt": ""}, {"name": "judge", "prompt": "You are a judge."}],
    ... }
    >>> [cost] = estimate(items, models, "scores.parquet")
    >>> cost.requests, cost.money
    (4, None)
    """
    plan = _planned(source, models, out)
    known = answers.read(plan.beside(".answers.jsonl"))
    return tuple(plan.estimated(plan.wanted(known), known).values())


@dataclass(frozen=True)
class _Plan:
    """All that is asked for the table `out`, whether it is known already or not."""

    settings: Settings
    items: Items
    out: Path
    asked: tuple[Question, ...]

    def beside(self, suffix: str) -> Path:
        return self.out.with_suffix(suffix)

    def of(self, model: str) -> list[Question]:
        """The questions of a model; of those that are the same, such as items of one text, the first."""
        return list({one.key: one for one in self.asked if one.model.name == model}.values())

    def wanted(self, known: Answers) -> dict[str, list[Question]]:
        """By model, the questions that are still open."""
        scale = self.settings.scale
        return {
            model.name: [q for q in self.of(model.name) if reply.outcome(known.of(q.key), scale).open]
            for model in self.settings.models
        }

    def counted(self, known: Answers) -> dict[str, Cost]:
        """By model, what the known answers took."""
        return {
            model.name: cost.counted(model, (r for q in self.of(model.name) for r in known.of(q.key)))
            for model in self.settings.models
        }

    def estimated(self, wanted: Mapping[str, Sequence[Question]], known: Answers) -> dict[str, Cost]:
        """By model, what the open questions will take."""
        return {
            model.name: cost.estimated(
                model, wanted[model.name], (r for q in self.of(model.name) for r in known.of(q.key))
            )
            for model in self.settings.models
        }


def _planned(
    source: str | Path | pl.DataFrame, models: str | Path | Mapping[str, Any], out: str | Path
) -> _Plan:
    settings = config.read(models)
    found = items.read(source, settings.items)
    out = Path(out)
    if out.suffix not in SUFFIXES:
        raise InputError(f"{out}: the table must be a file that ends in {' or '.join(SUFFIXES)}")
    if isinstance(source, str | Path) and out.resolve() == Path(source).resolve():
        raise InputError(f"{out}: is the table of items; --out must be another file")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise InputError(f"{out.parent}: no directory to write into; make it, or choose another --out")
    if taken := set(settings.columns()) & set(found.kept.columns):
        raise InputError(f"{found.source}: column {min(taken)!r} is called like a model and persona")
    asked = (one for model in settings.models for one in questions.questions(settings, found, model))
    return _Plan(settings, found, out, tuple(asked))


def _check_cost(
    plan: _Plan, wanted: Mapping[str, Sequence[Question]], known: Answers, max_cost: float | None
) -> None:
    """Raise InputError if the table would cost more than `max_cost`, or that cannot be told."""
    if max_cost is None or not any(wanted.values()):
        return
    if unpriced := [model.name for model in plan.settings.models if model.prices is None]:
        raise InputError(f"--max-cost needs prices of each model; {unpriced[0]!r} has none")
    spent, more = (cost.total(costs) or 0.0 for costs in (plan.counted(known), plan.estimated(wanted, known)))
    if spent + more > max_cost:
        raise InputError(
            f"the table would cost about {spent + more:.4g} ({spent:.4g} spent), --max-cost is {max_cost:g}"
        )


def _written(plan: _Plan, known: Answers, before: int) -> Elicited:
    """Make the table of the answers, and write all files."""
    from jaxgame.elicit import logs

    settings = plan.settings
    scores, missing = table.assembled(settings, plan.items, plan.asked, known)
    for model in settings.models:
        names = [name for name, (whose, _) in settings.columns().items() if whose is model]
        if all(scores[name].null_count() == scores.height for name in names):
            last = missing.filter(pl.col("model") == model.name).row(-1, named=True)
            raise InputError(
                f"model {model.name!r}: no answer holds a number on the scale; the last is "
                f"{last['answer'][:200]!r} ({last['reason']})"
            )
    note = table.note(settings, plan.items, plan.asked, known, scores)
    paths = table.write(plan.out, scores, missing, note)
    logs.write(plan.beside(".logs"), settings, plan.items, plan.asked, known)
    costs = plan.counted(known)
    return Elicited(
        table=scores,
        models=tuple(settings.columns()),
        targets=tuple(settings.items.targets),
        item=settings.items.id,
        group=settings.items.group,
        note=note,
        unanswered=missing,
        requests=sum(one.requests for one in costs.values()) - before,
        costs=tuple(costs.values()),
        paths=(*paths, plan.beside(".logs")),
    )
