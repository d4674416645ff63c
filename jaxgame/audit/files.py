"""The files of an audit: `report.html` to read, `audit.json` for programs."""

import json
import os
from pathlib import Path

from jaxgame.audit.errors import InputError
from jaxgame.audit.result import Audit
from jaxgame.runs.files import write_whole


def check_writable(directory: Path) -> None:
    """Raise InputError if `directory` could not be made or written, before anything is computed for it."""
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"{existing}: is a file; --out must be a directory")
    if not os.access(existing, os.W_OK):
        raise InputError(f"{existing}: no permission to write; choose another --out")


def write(found: Audit, directory: Path) -> list[Path]:
    """Write `report.html` and `audit.json` of the audit `found` into `directory`; returns their paths.

    The directory is made if it is not there. Each file replaces an older one only when it is whole. Raises
    OSError where the disk does not take them.
    """
    from jaxgame.audit import report  # matplotlib, not needed to refuse a table

    directory.mkdir(parents=True, exist_ok=True)
    page = report.html(found)
    data = json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n"
    return [
        write_whole(directory / "report.html", lambda path: path.write_text(page, encoding="utf-8")),
        write_whole(directory / "audit.json", lambda path: path.write_text(data, encoding="utf-8")),
    ]
