"""`python -m jaxgame.verify FILE`: one sentence, and 0 if proved, 1 if rejected, 2 if there is no proof."""

import argparse
import sys

from jaxgame.verify import NotAProof, check

if __name__ == "__main__":
    command = argparse.ArgumentParser("python -m jaxgame.verify", description=__doc__)
    command.add_argument("file", metavar="FILE")
    try:
        verdict = check(command.parse_args().file)
    except (NotAProof, OSError) as error:
        command.error(str(error))
    print(verdict.sentence)
    sys.exit(0 if verdict.proved else 1)
