"""Which formats of logs there are, and which of them given files are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jaxgame.audit.errors import InputError
from jaxgame.audit.logs import (
    every_eval_ever,
    files,
    inspect_logs,
    judgments,
    lm_evaluation_harness,
    reward_bench,
)
from jaxgame.audit.logs.arrange import listed
from jaxgame.audit.logs.log import Asked, Format, Log, LogFile

FORMATS = (
    every_eval_ever.FORMAT,
    inspect_logs.FORMAT,
    lm_evaluation_harness.FORMAT,
    reward_bench.FORMAT,
    judgments.FORMAT,
)


def recognise(
    tables: Sequence[str | Path], *, targets: Sequence[str] = (), score: str | None = None
) -> Log | None:
    """What evaluation logs hold, if `tables` are any; None for one file that is no log that is known.

    `tables` are files, folders (logs in and below them) or patterns. `targets` name what people want, a model
    or a score, and `score` the one that counts where an answer has several.

    Raises InputError, one line, for logs of several formats, for several files some of which are no logs, and
    for what is wrong in a log.
    """
    paths, found_in_folders = files.expand(tables)
    known: list[tuple[LogFile, Format]] = []
    unknown: list[Path] = []
    for path in paths:
        file = files.look(path)
        format_ = None if file is None else next((one for one in FORMATS if one.is_one(file)), None)
        if file is None or format_ is None:
            unknown.append(path)
        else:
            known.append((file, format_))
    if not known and len(paths) == 1 and not found_in_folders:
        return None
    named = [path for path in unknown if path not in found_in_folders]
    if named or not known:
        raise InputError(_unknown(named or unknown, known))
    first, format_ = known[0]
    for file, other in known:
        if other is not format_:
            raise InputError(
                f"{first.path}: {format_.name}, but {file.path}: {other.name}; audit logs of one format at a "
                "time"
            )
    source = str(tables[0]) + (f" and {len(tables) - 1} more" if len(tables) > 1 else "")
    log = format_.read([file for file, _ in known], Asked(source, tuple(targets), score))
    notes = [f"recognised as {format_.name}: {len(known)} file{'' if len(known) == 1 else 's'}"]
    if unknown:
        notes.append(f"no such logs, passed over: {listed([path.name for path in unknown])}")
    return replace(log, notes=(*notes, *log.notes))


def _unknown(paths: Sequence[Path], known: Sequence[tuple[LogFile, Format]]) -> str:
    """What to say of files that are no logs."""
    path = paths[0]
    formats = "; ".join(one.name for one in FORMATS)
    if not path.exists():
        return f"{path}: no such file"
    if known:
        return f"{path}: no evaluation log that is known, unlike {known[0][0].path} ({known[0][1].name})"
    return (
        f"{path}: no evaluation log that is known; files audited together must be logs of one of: {formats}"
    )
