"""Notebooks of the pages whose code the tests run: python docs/notebooks.py FOLDER

Text stays text, `python` blocks become cells to run; what a page says that a block prints is left to the run.
Nothing is run here.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGES = ("tutorial.md", "gallery.md", "certified.md", "howto/own_family.md", "howto/many_small_lps.md")
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)


def notebook(page: str) -> str:
    """The notebook of a page, named by its path below docs/, as JSON of format 4.5."""
    text = (DOCS / page).read_text()
    cells: list[dict[str, Any]] = []
    told = ""
    end, code_before = 0, False
    for fence in _FENCE.finditer(text):
        between = text[end : fence.start()]
        shown = code_before and fence[1] == "text" and not between.strip()
        code_before, end = fence[1] == "python", fence.end()
        told += between
        if fence[1] == "python":
            cells += [_cell("markdown", told, len(cells))] if told.strip() else []
            cells.append(_cell("code", fence[2], len(cells)))
            told = ""
        elif not shown:
            told += fence[0]
    told += text[end:]
    cells += [_cell("markdown", told, len(cells))] if told.strip() else []
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    found = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, text: str, place: int) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{place}", "metadata": {}}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return {**cell, "source": text.strip("\n")}


if __name__ == "__main__":
    for name in PAGES:
        path = Path(sys.argv[1]) / Path(name).with_suffix(".ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook(name))
