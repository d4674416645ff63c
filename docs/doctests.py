"""Docstrings' examples become code blocks of the reference; Markdown alone takes `>>>` for quotations."""

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Fence every paragraph that begins with `>>>`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of whatever was read."""
        if obj.docstring is not None:
            paragraphs = obj.docstring.value.split("\n\n")
            obj.docstring.value = "\n\n".join(
                f"```pycon\n{text}\n```" if text.startswith(">>> ") else text for text in paragraphs
            )
