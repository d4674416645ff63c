"""The shape of a YAML file of models and personas, and what may stand in it."""

import itertools
import os
import re
from collections.abc import Collection, Iterator
from string import Formatter
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from jaxgame.panel.table import near

PROMPT = """{text}

Score this from {low} ({low_means}) to {high} ({high_means}).
Answer with the number alone."""
SCALE_WORDS = ("low", "high", "low_means", "high_means")


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be one line of text, not empty")
    return text


def _variable(name: str) -> str:
    # The message must not repeat what may be a key itself.
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError("must name an environment variable in capitals, such as API_KEY, not hold the key")
    return name


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the server's address, such as http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise ValueError("must hold no password or parameter; keys come from an environment variable (key:)")
    return url.rstrip("/")


Line = Annotated[str, AfterValidator(_one_line)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Scale(_Part):
    """The scores a model may give: from `low` to `high`, and what the ends mean."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    low_means: Line
    high_means: Line

    @model_validator(mode="after")
    def _ordered(self) -> "Scale":
        if self.low >= self.high:
            raise ValueError(
                f"low is {self.low:g} and high {self.high:g}; low must be below high (swap low_means and "
                "high_means, too, if the scale is the other way round)"
            )
        return self


class MovieLens(_Part):
    """Which films of a MovieLens folder: the `most` most rated of those with `at_least` ratings.

    `user` None scores them by the mean rating, a number by the ratings of that user.
    """

    user: int | None = None
    at_least: int = Field(default=20, ge=1)
    most: int = Field(default=200, ge=1)


class Columns(_Part):
    """Columns of the table of items: names (`id`), what is shown (`text`), what travels along.

    `targets` hold people's scores, `group` marks rows that belong together in the audit, `movielens` says
    which films of a folder are items.
    """

    id: Line = "item"
    text: list[Line] = Field(min_length=1)
    targets: list[Line] = []
    group: Line | None = None
    movielens: MovieLens | None = None


class Prices(_Part):
    """What a million tokens cost, in any currency: those sent (`input`) and those answered (`output`)."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)


class Model(_Part):
    """A model on a server that speaks OpenAI's chat completions.

    `name` is its name in the table, `model` the server's name for it, `key` the environment variable with the
    key. `temperature` and `seed` None are left to the server. `connections` None adapts to the server,
    `timeout` is what one answer may take, in seconds. `options` are other fields of Inspect's GenerateConfig.
    """

    name: Line
    url: Annotated[str, AfterValidator(_address)]
    model: Line
    key: Annotated[str, AfterValidator(_variable)] | None = None
    temperature: float | None = Field(default=0.0, ge=0)
    seed: int | None = 0
    max_tokens: int | None = Field(default=256, ge=1)
    connections: int | None = Field(default=None, ge=1)
    timeout: float = Field(default=60.0, gt=0)
    prices: Prices | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _known_options(self) -> "Model":
        if self.options:
            from inspect_ai.model import GenerateConfig

            for name in self.options:
                if name == "extra_headers":
                    raise ValueError("options: headers may hold keys; use key:, the name of a variable")
                if name in type(self).model_fields:
                    raise ValueError(f"options: {name!r} stands beside options, not in it")
                if name not in GenerateConfig.model_fields:
                    raise ValueError(
                        f"options: unknown {name!r}{near(name, list(GenerateConfig.model_fields))}"
                    )
        return self

    def secret(self) -> str | None:
        """The key, if the model has one."""
        return None if self.key is None else os.environ[self.key].strip()


class Persona(_Part):
    """Who a model is told to be, or whose goal to serve: its `name` in the table, and the system `prompt`.

    An empty prompt is the model as it is.
    """

    name: Line
    prompt: str


class Grid(_Part):
    """Personas for all combinations: `prompt` with a placeholder for each of `axes`, which name words."""

    prompt: str
    axes: dict[str, dict[str, str]] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> "Grid":
        _check_template(self.prompt, self.axes)
        if empty := [name for name, words in self.axes.items() if not words]:
            raise ValueError(f"axes: {empty[0]!r} has no words")
        return self

    def personas(self) -> Iterator[Persona]:
        """A persona for each combination, named by it."""
        for words in itertools.product(*(axis.items() for axis in self.axes.values())):
            filled = {axis: text for axis, (_, text) in zip(self.axes, words, strict=True)}
            yield Persona(name="-".join(name for name, _ in words), prompt=self.prompt.format(**filled))


class Settings(_Part):
    """The file: `items`, `scale`, `prompt`, `repeats` of each question, `models`, `personas`, `grid`."""

    items: Columns
    scale: Scale
    prompt: str = PROMPT
    repeats: int = Field(default=1, ge=1)
    models: list[Model] = Field(min_length=1)
    personas: list[Persona] = []
    grid: Grid | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        _check_template(self.prompt, ("text", *SCALE_WORDS, *self.items.text))
        used = {field for _, field, _, _ in Formatter().parse(self.prompt)}
        if not used & {"text", *self.items.text}:
            raise ValueError("prompt: shows no text of an item; it needs {text}")
        if not self.everyone:
            raise ValueError("personas: there are none; add some, or one with an empty prompt")
        _check_different(self.models)
        for kind, names in (
            ("models", [model.name for model in self.models]),
            ("personas", [persona.name for persona in self.everyone]),
        ):
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"{kind}: two are named {twice!r}")
        return self

    @property
    def everyone(self) -> list[Persona]:
        """The personas of the list and those of the grid."""
        return [*self.personas, *(self.grid.personas() if self.grid else ())]

    def columns(self) -> dict[str, tuple[Model, Persona]]:
        """The table's columns of scores, and who gives them."""
        return {f"{m.name}/{p.name}": (m, p) for m in self.models for p in self.everyone}


def _check_template(template: str, known: Collection[str]) -> None:
    """Raise ValueError for a placeholder that is none of `known`."""
    try:
        fields = [(name, form, how) for _, name, form, how in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ValueError(f"prompt: {error}; a brace that is meant must be doubled") from error
    for name, form, how in fields:
        if name not in known or form or how:
            raise ValueError(
                f"prompt: unknown placeholder {{{name}}}; there are {', '.join(f'{{{k}}}' for k in known)}, "
                "and a brace that is meant must be doubled"
            )


def _check_different(models: list[Model]) -> None:
    """Raise ValueError for two models that would be asked the same of the same server."""
    named = {"name", "key", "connections", "timeout", "prices"}
    seen: list[tuple[dict[str, Any], str]] = []
    for model in models:
        asked = model.model_dump(exclude=named)
        for other, name in seen:
            if asked == other:
                raise ValueError(
                    f"models: {name!r} and {model.name!r} are one and the same; use repeats or another seed"
                )
        seen.append((asked, model.name))
