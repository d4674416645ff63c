"""`python -m jaxgame.verify FILE`: one sentence, and 0 if proved, 1 if rejected, 2 if there is no proof."""

import sys

from jaxgame.verify import NotAProof, check


def main(arguments: list[str]) -> int:
    """Check one file and print the verdict."""
    if len(arguments) != 1:
        print("usage: python -m jaxgame.verify FILE", file=sys.stderr)
        return 2
    try:
        verdict = check(arguments[0])
    except (NotAProof, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(verdict.sentence)
    return 0 if verdict.proved else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
