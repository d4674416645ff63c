"""COALITIONS OF REVIEWERS: what harm gets by one, in exact rationals (arXiv 2609.15803).

u_P[o] is the principal's utility, u_i[o] reviewer i's, d_a[o] a proposal: a change of the law of the outcome
o. Only p[a] = sum_o u_P[o] d_a[o] and r_i[a] = sum_o u_i[o] d_a[o] matter. A mixture q[a] >= 0 with
sum_a q[a] <= 1 proposes each d_a so often, and else nothing. It costs the principal -<p, q>, and reviewer i
approves if <r_i, q> >= 0. The loss of a coalition is the most that a mixture costs which all of it approve.

 (1) Any such mixture bounds the loss from below; nothing at all costs 0.
 (2) Weights w_i >= 0 of members, and eta >= 0 with sum_i w_i r_i[a] <= p[a] + eta for all a, bound it by eta:
     if all members approve of q then 0 <= sum_i w_i <r_i, q> <= <p, q> + eta sum_a q[a] <= <p, q> + eta.
     A coalition covers the principal if its loss is 0.
"""

from fractions import Fraction

from jaxgame.verify.reading import Matrix, Place, dot, shown


def theorem(proof: Place) -> str:
    """(1) for the lower end of a coalition's loss, (2) for the upper one."""
    p, r = scores(proof)
    members = {place.index(len(r)) for place in proof["members"].entries()}
    q = mixture(proof, len(p))
    for i in members:
        proof["mixture"].must(dot(r[i], q) >= 0, f"is not approved of by reviewer {i}")
    lower, upper = (proof[end].numbers(least=0) for end in ("lower", "upper"))
    proof["lower"].must(lower <= max(-dot(p, q), 0), "is above what the mixture costs")
    eta, support = cover(proof["weights"], p, r)
    proof["weights"].must(support <= members, "has one above 0 of a reviewer who is no member")
    proof["upper"].must(upper >= eta, f"is below {shown(eta)}, which the weights prove")
    said = f"what {len(members)} of {len(r)} reviewers approve of costs the principal"
    if upper == 0:
        return f"{said} nothing, whichever mixture of {len(p)} proposals it is: they cover her"
    return f"{said} from {shown(lower)} to {shown(upper, up=True)} at most, by mixtures of {len(p)} proposals"


def scores(proof: Place) -> tuple[list[Fraction], Matrix]:
    """p[a] and r_i[a]."""
    (outcomes,), reviewers = proof["principal"].shape(1), proof["reviewers"].shape(1)
    directions = proof["directions"].numbers(*proof["directions"].shape(1), outcomes)
    utilities = [proof["principal"].numbers(outcomes), *proof["reviewers"].numbers(*reviewers, outcomes)]
    p, *r = [[dot(utility, d) for d in directions] for utility in utilities]
    return p, r


def mixture(proof: Place, proposals: int) -> list[Fraction]:
    """A mixture of proposals and of nothing."""
    q = proof["mixture"].numbers(proposals, least=0)
    proof["mixture"].must(sum(q) <= 1, "has a sum above 1")
    return q


def cover(place: Place, p: list[Fraction], r: Matrix) -> tuple[Fraction, set[int]]:
    """The least eta of (2) for some weights, and whose weights are above 0."""
    w = place.numbers(len(r), least=0)
    excess = [dot(w, [row[a] for row in r]) - p[a] for a in range(len(p))]
    return max(*excess, Fraction(0)), {i for i, weight in enumerate(w) if weight}
