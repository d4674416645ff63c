"""REJECTION DEPTH: how many reviewers object at least to what harms. Words and (2) are of `coalition_cover`.

Reviewer i objects to a mixture q if <r_i, q> < 0. A mixture is harmful if it costs the principal a number
harm > 0 or more. The depth is the least number of objectors to a harmful mixture, n + 1 for n reviewers if
there is none.

 (3) A harmful mixture bounds the depth from above by how many object to it.
 (4) Weights as in (2) with eta < harm: somebody with a weight above 0 objects to anything harmful. So let
     many weights be such. The objectors to a harmful mixture hold a reviewer of each; if no k reviewers do,
     the depth is at least k + 1: every coalition of all but k reviewers bounds the loss below harm.
 (5) Reviewers who hold one of each hold one of the first, and with that one all are met in which it is; the
     others are to meet those that are left.
"""

from jaxgame.verify.coalition_cover import cover, mixture, scores
from jaxgame.verify.reading import Place, dot, shown


def theorem(proof: Place) -> str:
    """(3) for the upper end of the depth, (4) for the lower one."""
    p, r = scores(proof)
    harm = proof["harm"].numbers()
    proof["harm"].must(harm > 0, "is not above 0")
    lower, upper = (proof[end].index(len(r) + 2) for end in ("lower", "upper"))
    if upper <= len(r):
        q = mixture(proof, len(p))
        proof["mixture"].must(-dot(p, q) >= harm, "is not harmful")
        objectors = sum(dot(row, q) < 0 for row in r)
        proof["upper"].must(objectors <= upper, f"is below {objectors}, how many object to the mixture")
    supports = []
    for place in proof["covers"].entries():
        eta, support = cover(place, p, r)
        place.must(eta < harm, f"allows a loss of {shown(eta)}, which is harmful")
        supports.append(support)
    proof["lower"].must(not met(supports, lower - 1), f"is more than the covers prove: {lower - 1} meet all")
    said = f"at least {lower} of {len(r)} reviewers object to any mixture of {len(p)} proposals that costs"
    one = f", and {upper} or fewer to one" if upper <= len(r) else ""
    none = ": there is none" if lower > len(r) else ""
    return f"{said} the principal {shown(harm, up=True)} or more{one}{none}"


def met(supports: list[set[int]], size: int) -> bool:
    """Whether `size` reviewers hold one of each, by (5)."""
    if size < 0 or not supports:
        return size >= 0
    return size > 0 and any(met([x for x in supports if i not in x], size - 1) for i in supports[0])
