"""DISTANCES TO A HULL, rechecked in exact rationals.

A target u[d] and leaders' utilities U_i[d], entries d in groups g(d), or in no groups. With weights w_i >= 0,
on the simplex with sum 1, and an offset c_g for each group (without groups none) what is left is
r[d] = u[d] - sum_i w_i U_i[d] - c_g(d). The distance is the least size of r over all w and c, in the norm

    sup     max_d |r[d]|,
    square  the root of the mean of r[d]^2,
    mean    sum_g prior_g (max - min of r[d] in the group g).

 (1) Any weights bound it from above. On the simplex they count after division by their sum. The best offset
     of a group is its middle (max + min) / 2 for sup, which leaves (max - min) / 2, and its mean for square.
 (2) Any m[d] with sum 0 in each group bounds it from below, for <m, r> = sum_d m[d] r[d] has lost the offset:
         <m, u> - sum_i w_i <m, U_i> = <m, r> <= |m| |r|, with |m| = sum_d |m[d]| for sup, and the root of
     D sum_d m[d]^2 for square, D being how many entries there are. In the norm mean <m, r> <= |r| if in each
     group the positive m[d] sum to prior_g at most.
 (3) On the simplex sum_i w_i <m, U_i> <= max_i <m, U_i>. Without that sum (cone) it is at most 0 if all
     <m, U_i> <= 0. So the distance is at least (<m, u> - max_i <m, U_i>) / |m|, or <m, u> / |m|.
 (4) A measure is written with any sums: its mean in each group is subtracted first.
"""

from fractions import Fraction

from jaxgame.verify.reading import Place, dot, shown

NORMS, SCALES = ("sup", "square", "mean"), ("simplex", "cone")


def theorem(proof: Place) -> str:
    """(1) for the upper end, (2) to (4) for the lower one; of the norm square squares are compared."""
    norm, scale = proof["norm"].value, proof["scale"].value
    proof.must(norm in NORMS and scale in SCALES, f"needs a norm of {NORMS} and a scale of {SCALES}")
    (size,) = proof["target"].shape(1)
    target = proof["target"].numbers(size)
    utilities = proof["utilities"].numbers(*proof["utilities"].shape(1), size)
    labels = [place.index(size) for place in proof["groups"].entries(size if proof["groups"].value else 0)]
    groups = [[d for d in range(size) if labels[d] == label] for label in sorted(set(labels))]
    prior = proof["prior"].numbers(len(groups), least=0) if norm == "mean" else []
    proof["norm"].must(bool(groups) or norm != "mean", "needs groups")
    lower, upper = (proof[end].numbers(least=0) for end in ("lower", "upper"))

    weights = proof["weights"].numbers(len(utilities), least=0)
    if scale == "simplex":
        proof["weights"].must(any(weights), "has no weight above 0")
        weights = [w / sum(weights) for w in weights]
    left = [u - dot(weights, [row[d] for row in utilities]) for d, u in enumerate(target)]
    attained = size_of(left, groups, prior, norm)
    power = 2 if norm == "square" else 1
    proof["upper"].must(upper**power >= attained, f"is below what the weights attain, {shown(attained)}")

    measure = centred(proof["measure"].numbers(size), groups)  # (4)
    scores = [dot(measure, row) for row in utilities]
    least = dot(measure, target)
    if scale == "simplex":
        least -= max(scores)
    else:
        proof["measure"].must(max(scores) <= 0, "does not exclude every leader, as it must on the cone")
    if norm == "mean":
        for p, group in zip(prior, groups, strict=True):
            mass = sum(max(measure[d], Fraction(0)) for d in group)
            proof["measure"].must(mass <= p, "has more mass in a group than the prior")
    sizes = {"sup": sum(map(abs, measure)), "square": size * dot(measure, measure), "mean": 1}
    good = lower == 0 or (least > 0 and lower**power * sizes[norm] <= least**power)
    proof["lower"].must(good, "is above what the measure proves")
    what = "with an offset for each group" if groups else "without offset"
    return (
        f"the distance of the target of {size} entries to the {scale} of {len(utilities)} leaders, {what}, "
        f"is from {shown(lower)} to {shown(upper, up=True)} in the norm {norm}"
    )


def size_of(left: list[Fraction], groups: list[list[int]], prior: list[Fraction], norm: str) -> Fraction:
    """Of what is left, with the best offsets; its square in the norm square."""
    if norm == "square":
        apart = centred(left, groups)
        return dot(apart, apart) / len(left)
    if not groups:
        return max(map(abs, left)) if norm == "sup" else Fraction(0)
    ranges = [max(left[d] for d in group) - min(left[d] for d in group) for group in groups]
    return dot(prior, ranges) if norm == "mean" else max(ranges) / 2


def centred(entries: list[Fraction], groups: list[list[int]]) -> list[Fraction]:
    """Less the mean in each group."""
    result = list(entries)
    for group in groups:
        mean = sum((entries[d] for d in group), Fraction(0)) / len(group)
        for d in group:
            result[d] -= mean
    return result
