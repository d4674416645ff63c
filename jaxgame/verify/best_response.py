"""BEST RESPONSES: what a leader earns at best. Game and lines (1) to (6) are those of `best_ai_selection`.

The proof's scheme shows that f_j(v) is at least `lower`, by (5); its multipliers, by (6), at most `upper`.
"""

from fractions import Fraction

from jaxgame.verify.best_ai_selection import Game
from jaxgame.verify.reading import Place, dot, shown


def theorem(proof: Place) -> str:
    """f_j(v): (5) for the lower end, (6) for the upper one."""
    game = Game(proof["game"])
    leader, value = proof["leader"].index(len(game.leaders)), proof["threshold"].numbers()
    scheme = game.read_scheme(proof["scheme"])
    worth, earned = (dot(x, scheme) for x in (game.follower, game.leaders[leader]))
    proof["scheme"].must(worth >= value, f"is worth {shown(worth)}, less than the threshold")
    lower, upper = claimed(proof, earned, game.best_response(leader, value, proof["outbidding"]))
    return (
        f"what leader {leader} earns at best while the follower keeps {shown(value)} is from {lower} to "
        f"{upper}; in {game.name}"
    )


def claimed(proof: Place, least: Fraction, most: Fraction) -> tuple[str, str]:
    """The ends that a proof claims, for people, if they are no better than what is proved."""
    lower, upper = proof["lower"].numbers(), proof["upper"].numbers()
    proof["lower"].must(lower <= least, f"is above {shown(least)}, which is attained")
    proof["upper"].must(upper >= most, f"is below {shown(most)}, which is proved")
    return shown(lower), shown(upper, up=True)
