"""`python -m jaxgame.cli`: the command where the console script is not on the path."""

from jaxgame.cli import main

if __name__ == "__main__":
    main()
