"""The one kind of structured value of the library: an immutable dataclass that is a pytree."""

from typing import TypeVar, dataclass_transform

import chex

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A frozen `chex.dataclass`, built by position or by name, that passes through jit, vmap and grad."""
    return chex.dataclass(frozen=True, mappable_dataclass=False)(cls)
