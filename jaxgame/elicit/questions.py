"""What is asked: a question for each model, persona, item and repeat."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from jaxgame.elicit.items import Items
from jaxgame.elicit.settings import SCALE_WORDS, Model, Persona, Settings

REMINDER = "Please answer with one number from {low} to {high}, and nothing else."


@dataclass(frozen=True)
class Question:
    """One score that is wanted: of item number `item` (from 0), by `model` as `persona`, once per `repeat`.

    `system` is the persona's prompt (may be empty), `user` the text shown, `key` a hash of all that the
    answer depends on: the same question is never asked twice, whatever models and personas are called.
    """

    model: Model
    persona: Persona
    item: int
    repeat: int
    system: str
    user: str
    key: str

    @property
    def seed(self) -> int | None:
        """The seed sent along: each repeat has its own."""
        return None if self.model.seed is None else self.model.seed + self.repeat


def questions(settings: Settings, items: Items, model: Model) -> Iterator[Question]:
    """All that `model` is asked, item by item: what is interrupted leaves whole rows."""
    scale = settings.scale
    words = {name: getattr(scale, name) for name in SCALE_WORDS}
    words |= {end: f"{words[end]:g}" for end in ("low", "high")}
    everyone = settings.everyone
    for item, texts in enumerate(items.texts):
        user = settings.prompt.format(**{**texts, **words, "text": "\n\n".join(texts.values())})
        for persona in everyone:
            system = persona.prompt.strip()
            for repeat in range(settings.repeats):
                key = _key(model, system, user, (scale.low, scale.high), repeat)
                yield Question(model, persona, item, repeat, system, user, key)


def reminder(settings: Settings) -> str:
    """What is said when an answer holds no number."""
    return REMINDER.format(low=f"{settings.scale.low:g}", high=f"{settings.scale.high:g}")


def _key(model: Model, system: str, user: str, ends: tuple[float, float], repeat: int) -> str:
    sampling = [model.temperature, model.seed, model.max_tokens, model.options]
    parts = [model.url, model.model, sampling, system, user, *ends, repeat]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]
