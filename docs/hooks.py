"""What mkdocs does to each page: names become links to the reference, formulas become MathML.

MathML needs no scripts, fonts or network in the browser. The schemas of files come along from the package.
"""

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

_NAME = re.compile(r"`jg\.([\w.]+)`")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Publish every `*.schema.json` of the package under `schemas/`."""
    for path in sorted((Path(__file__).parent.parent / "jaxgame").rglob("*.schema.json")):
        files.append(File.generated(config, f"schemas/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Link every `jg.NAME`; a strict build fails if the reference lacks one."""
    return _NAME.sub(r"[`jg.\1`][jaxgame.\1]", markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Convert what arithmatex has marked."""

    def formula(match: re.Match[str]) -> str:
        text = html.unescape(match[3]).strip()
        if match[2] == "(":
            return convert(text)
        return f'<div class="formula">{convert(text, display="block")}</div>'

    return _FORMULA.sub(formula, content)
