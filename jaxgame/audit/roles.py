"""Which columns of a table are targets, which are the panel's models, candidates, and turned round."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxgame.audit.errors import InputError
from jaxgame.audit.names import expand, listed
from jaxgame.audit.prepare import Scores
from jaxgame.panel.table import near


def choose(
    scores: Scores,
    targets: Sequence[str],
    models: Sequence[str] | None,
    candidates: Sequence[str],
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """The targets, the panel's models and the candidates, all columns of `scores`.

    Names are given as `names.expand` takes them. `targets` may be empty if the table says which column is the
    target; `models` None stands for all columns that have no other role.

    Raises InputError for no target, no model, an unknown column, and a column named twice or in two roles.
    """
    targets, candidates = expand(targets, scores.columns), expand(candidates, scores.columns)
    models = None if models is None else expand(models, scores.columns)
    if not targets:
        if scores.target is not None:
            targets = [scores.target]
        else:
            some = ", ".join(scores.columns[:6]) + (", ..." if len(scores.columns) > 6 else "")
            raise InputError(
                f"{scores.source}: no --target; name the column with what users want, one of {some}"
            )
    for role, names in (("--target", targets), ("--models", models or ()), ("--candidate", candidates)):
        _check_known(scores, role, names)
        twice = next((name for name in names if list(names).count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{scores.source}: {role} names {twice!r} twice")
    for name in candidates:
        if name in targets or name in (models or ()):
            raise InputError(f"{scores.source}: {name!r} is a candidate and also a target or a model")
    for name in models or ():
        if name in targets and len(targets) == 1:
            raise InputError(f"{scores.source}: {name!r} is both the target and one of --models")
    # Other groups of users advise a target only if they are named as models.
    roles = {*targets, *candidates}
    panel = tuple(models) if models is not None else tuple(c for c in scores.columns if c not in roles)
    if not [name for name in panel if name not in targets]:
        left = "".join(f"; {note}" for note in scores.notes if "left out" in note)
        raise InputError(
            f"{scores.source}: no model column is left beside {', '.join(map(repr, targets))}{left}"
        )
    return targets, panel, tuple(candidates)


def turned(scores: Scores, reverse: Sequence[str]) -> Scores:
    """The scores with the columns `reverse`, where less is better, negated; InputError for unknown ones."""
    names = expand(reverse, scores.columns)
    if not names:
        return scores
    _check_known(scores, "--reverse", names)
    signs = np.where([name in names for name in scores.columns], -1.0, 1.0)
    note = f"turned round, scores times -1: {listed(list(dict.fromkeys(names)))}"
    return replace(scores, values=scores.values * signs, notes=(*scores.notes, note))


def _check_known(scores: Scores, option: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in scores.columns:
            raise InputError(
                f"{scores.source}: {option} {name!r} is not a column of scores{near(name, scores.columns)}"
            )
