"""An extension of Python-Markdown: names of the library link to the reference, formulas become MathML.

MathML needs no scripts, fonts or network in the browser. Any builder that renders with Python-Markdown can
use this; `pymdownx.arithmatex` with `generic: true` marks the formulas.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor

_NAME = re.compile(r"(?<!\[)`jg\.([\w.]+)`")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


class _Names(Preprocessor):
    """Link every `jg.NAME` outside code; a strict build fails if the reference lacks one."""

    def run(self, lines: list[str]) -> list[str]:
        return [_NAME.sub(r"[`jg.\1`][jaxgame.\1]", line) for line in lines]


class _Formulas(Postprocessor):
    """Convert what arithmatex has marked."""

    def run(self, text: str) -> str:
        return _FORMULA.sub(_mathml, text)


def _mathml(match: re.Match[str]) -> str:
    formula = html.unescape(match[3]).strip()
    if match[2] == "(":
        return convert(formula)
    return f'<div class="formula">{convert(formula, display="block")}</div>'


class Pages(Extension):
    """Both, in their places: names after code was taken out, formulas after everything."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Called by Python-Markdown."""
        md.preprocessors.register(_Names(md), "jaxgame-names", 15)
        md.postprocessors.register(_Formulas(md), "jaxgame-formulas", -10)


def makeExtension(**options: Any) -> Pages:
    """Called by Python-Markdown, which has the name of this module."""
    return Pages(**options)
