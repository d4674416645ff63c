"""A YAML file of models and personas, read and checked; every error says where in the file."""

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from jaxgame.audit.errors import InputError
from jaxgame.elicit.settings import Columns, Grid, Model, MovieLens, Persona, Prices, Scale, Settings
from jaxgame.panel.table import near

EXAMPLES = ("moral", "films", "opinions")
_KEYS = sorted(
    {
        key
        for part in (Settings, Columns, MovieLens, Scale, Model, Prices, Persona, Grid)
        for key in part.model_fields
    }
)


def read(source: str | Path | Mapping[str, Any]) -> Settings:
    """The settings in a YAML file, or in a mapping of the same shape; keys' variables must be set.

    Raises InputError that names the file, the line and the place in it.
    """
    if isinstance(source, Mapping):
        return _checked(source, "models", None)
    try:
        text = Path(source).read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" line {mark.line + 1}:"
        raise InputError(f"{source}:{line} not YAML ({getattr(error, 'problem', None) or error})") from error
    if not isinstance(data, dict):
        raise InputError(f"{source}: must hold items, scale, models ... (see jaxgame elicit --example)")
    _check_keys(root, source)
    return _checked(data, str(source), root)


def example(kind: str) -> str:
    """The text of a ready-made YAML file; `kind` is "moral", "films" or "opinions".

    Raises InputError for another kind.
    """
    if kind not in EXAMPLES:
        raise InputError(f"--example is {kind!r}; it must be one of {', '.join(EXAMPLES)}")
    return (resources.files("jaxgame.elicit") / "configs" / f"{kind}.yaml").read_text(encoding="utf-8")


def _checked(data: Mapping[str, Any], source: str, root: yaml.Node | None) -> Settings:
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        # A key that is misspelt is missing, too: the misspelling tells more.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        more = error.error_count() - 1
        others = f" (and {more} more)" if more else ""
        raise InputError(_at(source, root, first["loc"]) + _said(first) + others) from error
    for number, model in enumerate(settings.models):
        if model.key is None:
            continue
        place = _at(source, root, ("models", number, "key"))
        secret = os.environ.get(model.key, "").strip()
        if not secret:
            raise InputError(f"{place}the environment variable {model.key} is not set; it must hold the key")
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            # The client would refuse it, and say it.
            raise InputError(f"{place}the environment variable {model.key} holds what cannot be a key")
    return settings


def _said(error: Any) -> str:
    """pydantic's message in the words of the file, without the value: that may be a key."""
    name = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return f"unknown key{near(name, _KEYS, cutoff=0.6)}"
    message: str = error["msg"]
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def _at(source: str, root: yaml.Node | None, place: tuple[int | str, ...]) -> str:
    """Where `place` is: the file, the line of the deepest part that is there, and the place's name."""
    line, node = None, root
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return source + ("" if line is None else f": line {line + 1}") + ": " + (f"{name}: " if name else "")


def _check_keys(node: yaml.Node | None, source: str | Path) -> None:
    """Raise InputError for a key that stands twice: YAML's reader would keep the last in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise InputError(f"{source}: line {key.start_mark.line + 1}: {key.value!r} stands twice")
            seen.add(key.value)
            _check_keys(value, source)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_keys(value, source)
