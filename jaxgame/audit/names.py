"""Names of columns, as people give them: one an entry, or several with commas between them."""

from collections.abc import Collection, Sequence


def entries(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """What a caller gave, one entry or several or none (None), as a tuple of entries."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def expand(given: Sequence[str], known: Collection[str]) -> list[str]:
    """The names that the entries `given` stand for, in their order.

    An entry that is as a whole one of the `known` names is that name, whatever commas it holds; any other is
    split at its commas. A name is also known by its words alone: line breaks and runs of blanks, which a
    header may hold and a shell makes awkward, count as one blank. Unknown names stay as they are.
    """
    words = {" ".join(name.split()): name for name in known}
    exact = set(known)

    def one(name: str) -> str | None:
        return name if name in exact else words.get(" ".join(name.split()))

    found: list[str] = []
    for entry in given:
        whole = one(entry)
        parts = [entry] if whole is not None or "," not in entry else entry.split(",")
        found += [one(part) or part.strip() for part in parts]
    return found


def listed(names: Sequence[str], most: int = 8) -> str:
    """The names with commas between them; of more than `most` the first, and how many there are besides."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
