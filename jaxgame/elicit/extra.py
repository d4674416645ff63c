"""What is said where packages that only asking needs are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from jaxgame.audit.errors import InputError

_PACKAGES = ("inspect_ai", "openai", "anyio", "tenacity", "pydantic", "yaml")


@contextmanager
def extra() -> Iterator[None]:
    """Raise InputError, which says what to install, if an import in the block finds one of them missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise InputError(f"asking models needs {package}: pip install 'jaxgame[elicit]'") from error
