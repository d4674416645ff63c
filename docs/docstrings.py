"""Docstrings as the reference shows them: examples are code, and records list their fields with shapes."""

from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Fence what Markdown would take for quotations; tell fields in one block, not under a heading each."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Fence every paragraph that begins with `>>>`."""
        if obj.docstring is not None:
            paragraphs = obj.docstring.value.split("\n\n")
            obj.docstring.value = "\n\n".join(
                f"```pycon\n{text}\n```" if text.startswith(">>> ") else text for text in paragraphs
            )

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Append the annotated fields to the docstring of their class."""
        fields = [
            f"{name}: {field.annotation}"
            for name, field in cls.members.items()
            if isinstance(field, griffe.Attribute) and field.annotation and not name.startswith("_")
        ]
        if fields and cls.docstring is not None:
            cls.docstring.value += "\n\n```python\n" + "\n".join(fields) + "\n```"
