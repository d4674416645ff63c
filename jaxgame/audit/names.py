"""Names of columns, as people give them: one an entry, or several with commas between them."""

from collections.abc import Collection, Sequence


def entries(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """What a caller gave, one entry or several or none (None), as a tuple of entries."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def known_as(name: str, known: Collection[str]) -> str | None:
    """What the `name` is called among the `known` ones; None if it is not there.

    Names are alike if their words are: line breaks and runs of blanks, which a header may hold and a shell
    makes awkward, count as one blank.
    """
    if name in known:
        return name
    words = name.split()
    return next((other for other in known if other.split() == words), None)


def expand(given: Sequence[str], known: Collection[str]) -> list[str]:
    """The names that the entries `given` stand for, in their order.

    An entry that is as a whole one of the `known` names is that name, whatever commas it holds; any other is
    split at its commas. Unknown names stay as they are.
    """
    found: list[str] = []
    for entry in given:
        whole = known_as(entry, known)
        parts = entry.split(",") if whole is None else [whole]
        found += [known_as(part, known) or part.strip() for part in parts]
    return found


def listed(names: Sequence[str], most: int = 8) -> str:
    """The names with commas between them; of more than `most` the first, and how many there are besides."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
