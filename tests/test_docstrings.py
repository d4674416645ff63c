"""Every public name says what it takes and gives: parameters and fields by name, arrays with their shapes."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
NAMES = sorted(
    {name for page in REFERENCE.glob("*.md") for name in re.findall(r"^::: (\S+)", page.read_text(), re.M)}
)


def found(name: str) -> Any:
    """What a dotted name stands for."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


PUBLIC = {name: found(name) for name in NAMES}
CLASSES = {name: x for name, x in PUBLIC.items() if inspect.isclass(x)}
FUNCTIONS = {name: x for name, x in PUBLIC.items() if inspect.isfunction(x)}


def missing(parts: dict[str, Any], text: str) -> list[str]:
    """Parts, with their annotations, that a docstring does not name in backticks, or whose shape it lacks."""
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", text))))
    shapes = {tuple(re.findall(r"\w+", shape)) for shape in re.findall(r"\[([\w, +*.]*)\]", text)}
    wrong = [part for part in parts if part not in named]
    for part, annotation in parts.items():
        for shape in shapes_of(annotation):
            if shape and not any(is_end(shape, given) for given in shapes):
                wrong.append(f"{part} [{', '.join(shape)}]")
    return wrong


def shapes_of(annotation: Any) -> list[tuple[str, ...]]:
    """The axes of a jaxtyping annotation that have names, but for a batch's; none of other types."""
    dims = getattr(annotation, "dim_str", None)
    if dims is None:
        return []
    return [
        tuple(re.findall(r"\w+", " ".join(d for d in dims.split() if not d.startswith(("*", "...", "_")))))
    ]


def is_end(shape: tuple[str, ...], given: tuple[str, ...]) -> bool:
    return given[len(given) - len(shape) :] == shape


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_name_their_parameters(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    parts = {one.name: one.annotation for one in parameters}
    assert not missing(parts, inspect.getdoc(FUNCTIONS[name]) or ""), name


@pytest.mark.parametrize("name", [name for name, x in CLASSES.items() if dataclasses.is_dataclass(x)])
def test_records_name_their_fields(name):
    parts = {field.name: field.type for field in dataclasses.fields(CLASSES[name])}
    assert not missing(parts, inspect.getdoc(CLASSES[name]) or ""), name


def test_no_two_public_classes_share_a_name():
    classes = {x.__module__ + "." + x.__name__ for x in CLASSES.values()}
    names = [name.rpartition(".")[2] for name in classes]
    assert sorted(names) == sorted(set(names))


def test_a_docstring_that_lacks_a_part_is_noticed():
    class Shaped:
        dim_str = "*N T S"

    parts = {"offers": Shaped(), "step": float}
    assert missing(parts, "`offers` [N, T, S] move by `step`.") == []
    assert missing(parts, "`offers` [T] move by `step`.") == ["offers [T, S]"]
    assert missing(parts, "offers [T, S] move by `step`.") == ["offers"]
