"""A prosecutor against a defender: what is their competition worth to the judge?

Change the prior, the utilities or the advisers below and run it again: `python examples/judge.py`.

Prints:

                             distance to the hull   no advice   worst equilibrium   full information
prosecutor alone                          1.000       0.700               0.700              1.000
prosecutor and defender                   0.500       0.700               1.000              1.000
prosecutor and friend                     0.000       0.700               1.000              1.000
hawk and dove                             0.000       0.700               1.000              1.000
"""

import jax

import jaxgame as jg

jax.config.update("jax_enable_x64", True)  # before any array is made

PRIOR = [0.7, 0.3]  # innocent, guilty

# Utilities: a row for each state (innocent, guilty), a column for each action (acquit, convict).
JUDGE = [[1.0, 0.0], [0.0, 1.0]]
PROSECUTOR = [[0.0, 1.0], [0.0, 1.0]]
DEFENDER = [[1.0, 0.0], [1.0, 0.0]]
HAWK = [[1.0, 0.6], [0.0, 1.6]]  # the judge's, and 0.6 for a conviction
DOVE = [[1.6, 0.0], [0.6, 1.0]]  # the judge's, and 0.6 for an acquittal

# Two advisers each: one who is there twice has nobody to compete with.
COURTS = {
    "prosecutor alone": [PROSECUTOR, PROSECUTOR],
    "prosecutor and defender": [PROSECUTOR, DEFENDER],
    "prosecutor and friend": [PROSECUTOR, JUDGE],
    "hawk and dove": [HAWK, DOVE],
}


def main() -> None:
    """One line for each court: she keeps the adviser whose offer serves her best."""
    check = jax.jit(jg.theorems.best_ai_selection)  # compiled once, for all games of this shape
    columns = ("distance to the hull", "no advice", "worst equilibrium", "full information")
    print(" " * 26 + "".join(f"{name:>{len(name) + 3}}" for name in columns))
    for name, advisers in COURTS.items():
        game = jg.make_game(PRIOR, JUDGE, advisers)
        found = check(game)
        numbers = (
            found.constant.upper,  # eps: the guarantee is OPT - 2 eps
            jg.no_information_value(game),
            found.worst.upper,  # an equilibrium was found there, none is worse by more than 1e-6
            found.full_information,
        )
        cells = (f"{number:>{len(column) + 3}.3f}" for column, number in zip(columns, numbers, strict=True))
        print(f"{name:26}" + "".join(cells))


if __name__ == "__main__":
    main()
