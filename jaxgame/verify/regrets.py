"""REGRETS of leaders who learn, over all schemes. Game and lines (1) to (6) are those of `best_ai_selection`.

Leaders' offers follow a law of profiles n, such as the rounds of a play: law_n >= 0 with sum 1, and x_in in X
what leader i offers there. She keeps the offer of the largest worth, of the first leader among several. The
best rival of j is whom she keeps of the others: r_n is what it is worth to her, and t_n what it pays j.

(11) Had j offered z in X whatever n, it would have been kept where V(z) > r_n, and where V(z) = r_n if j is
     before that rival. There it earns U_j(z) <= f_j(V(z)), elsewhere t_n. The regret of j is the most that it
     would have earned so, over all z, less what it earned.
(12) At a worth v between r and the next larger of the numbers r_n it is kept where r_n <= r, and earns there
     f_j(v) <= f_j(r) at most. At v = r it is kept where r_n < r, and where r_n = r if it is before the rival.
     Below all r_n it is kept nowhere. So finitely many sums, with f_j from (6), bound what any z earns.
"""

from fractions import Fraction

from jaxgame.verify.best_ai_selection import Game
from jaxgame.verify.reading import Matrix, Place, dot, shown


def theorem(proof: Place) -> str:
    """(12) for every leader."""
    game = Game(proof["game"])
    leaders = range(len(game.leaders))
    proof["game"].must(len(leaders) > 1, "has one leader, who has no rival")
    schemes = [game.read_scheme(place) for place in proof["schemes"].entries()]
    law = proof["law"].numbers(*proof["law"].shape(1), least=0)
    proof["law"].must(sum(law) == 1, "does not sum to 1")
    rows = [place.entries(len(leaders)) for place in proof["profiles"].entries(len(law))]
    profiles = [[place.index(len(schemes)) for place in row] for row in rows]
    regrets = proof["regrets"].numbers(len(leaders))
    for j, lines in enumerate(proof["outbidding"].entries(len(leaders))):
        most = regretted(game, j, law, profiles, schemes, lines)
        proof["regrets"].must(most <= regrets[j], f"is below {shown(most)} for leader {j}, which is proved")
    ends = ", ".join(shown(regret, up=True) for regret in regrets)
    return (
        f"if offers follow this law of {len(law)} profiles, a fixed scheme would have earned the leaders no "
        f"more than {ends} above what they earn; in {game.name}"
    )


def regretted(game: Game, j: int, law: list, profiles: list, schemes: list[Matrix], lines: Place) -> Fraction:
    """What leader j regrets at most, by (12)."""
    lines.must(bool(lines.entries()), "has no multipliers")
    bounds = [(game.best_response(j, Fraction(0), x), x["price"].numbers()) for x in lines.entries()]
    worth, pays = ([dot(utility, x) for x in schemes] for utility in (game.follower, game.leaders[j]))
    everyone = range(len(game.leaders))
    earned = dot(law, [pays[x[kept(x, worth, [*everyone])]] for x in profiles])
    rivals = [kept(x, worth, [i for i in everyone if i != j]) for x in profiles]
    met = [(worth[x[i]], i, pays[x[i]]) for x, i in zip(profiles, rivals, strict=True)]
    most = dot(law, [t for _, _, t in met])  # where it is kept nowhere
    for v in {r for r, _, _ in met}:
        best = min(height - price * v for height, price in bounds)
        above = dot(law, [best if r <= v else t for r, _, t in met])
        at = dot(law, [best if r < v or (r == v and j < i) else t for r, i, t in met])
        most = max(most, above, at)
    return most - earned


def kept(profile: list[int], worth: list[Fraction], among: list[int]) -> int:
    """The leader whom she keeps: of the largest worth, the first of several."""
    return max(among, key=lambda i: (worth[profile[i]], -i))
