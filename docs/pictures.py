"""Draws the pictures of the gallery with the code of the page: python docs/pictures.py [FOLDER]

Blocks run in order in one namespace; what a block leaves in `axes` is the picture that follows it.
"""

import re
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot

from jaxgame.plot import STYLE
from jaxgame.runs.compiled import keep_compiled

PAGE = Path(__file__).parent / "gallery.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n!\[[^\]]*\]\(([^)]+)\))?", re.MULTILINE | re.DOTALL)


def draw(folder: Path) -> list[Path]:
    """Write each picture of the page below `folder`, under the name that the page gives it; their paths."""
    namespace: dict[str, Any] = {"__name__": "page"}
    drawn = []
    with mpl.rc_context({**STYLE, "savefig.dpi": 144}):
        for code, picture in BLOCK.findall(PAGE.read_text()):
            exec(compile(code, PAGE.name, "exec"), namespace)
            if picture:
                path = folder / picture
                path.parent.mkdir(parents=True, exist_ok=True)
                namespace["axes"].figure.savefig(path, metadata={"Software": None})
                pyplot.close("all")
                drawn.append(path)
    return drawn


if __name__ == "__main__":
    mpl.use("agg")
    keep_compiled()
    for written in draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE.parent):
        print(written)
