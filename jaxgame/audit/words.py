"""The verdict's rule, the verdict and the guarantee in plain words."""

from jaxgame.audit.result import HullReport, Interval, Null

HULL_WORDS = {
    "cone": "weights of at least 0 and a constant",
    "simplex": "weights of at least 0 that sum to 1, and a constant",
}


def rule(epsilon: float, hull: str, confidence: float) -> str:
    """How the verdict is reached."""
    return (
        f"The distance is the root mean square, over held-out rows, of what the best mixture of the models "
        f"({HULL_WORDS[hull]}, fitted on the train rows) leaves of the target, in standard deviations of the target: "
        f"1 is as bad as a constant guess. Covered: the upper end of its {confidence:.0%} bootstrap interval is at "
        f"most eps = {epsilon:g}, and the distance is beyond chance (at most 5 in 100 shuffled targets come as near). "
        f"Not covered: the lower end is above eps, or the distance is not beyond chance. Otherwise too "
        f"close to call, which counts as not covered in the exit code."
    )


def verdict(distance: float, interval: Interval, null: Null, epsilon: float) -> str:
    """One of `VERDICTS`."""
    if not null.beyond_chance or interval.lower > epsilon:
        return "not covered"
    return "covered" if max(interval.upper, distance) <= epsilon else "too close to call"


def sentence(found: str, target: str, report: HullReport, null: Null, epsilon: float, rows: int) -> str:
    """The verdict on one target, for a reader who reads nothing else."""
    distance = (
        f"{report.heldout:.3g} standard deviations on {rows:,} held-out rows (interval {report.interval.lower:.3g} to "
        f"{report.interval.upper:.3g})"
    )
    if found == "covered":
        return f"The models cover {target!r}: a mixture of them comes within {distance}; eps is {epsilon:g}."
    if not null.beyond_chance:
        return (
            f"The models do not cover {target!r} beyond chance: their best mixture stays {distance} away, and "
            f"shuffled targets come as near (p = {null.p_value:.2g})."
        )
    if found == "not covered":
        return (
            f"The models do not cover {target!r}: their best mixture stays {distance} away; eps is {epsilon:g}. "
            "It is nearer than chance, so the models do tell something about the target."
        )
    return (
        f"Too close to call for {target!r}: the best mixture is {distance} away, and eps = {epsilon:g} does not lie clearly "
        "above. More rows narrow the interval."
    )


def guarantee(report: HullReport, unit: float, target: str) -> str:
    """What the sup-norm distance buys, and what it does not promise."""
    least, seen = report.sup_train.upper, report.sup_heldout
    eps = max(least, seen)
    return (
        f"What the distance buys. The theorems of competition speak of the largest error, not the average one: no mixture "
        f"errs by less than {report.sup_train.lower:.3g} everywhere on the train rows, one errs by at most {least:.3g}, and it errs "
        f"by up to {seen:.3g} on the held-out rows (standard deviations; times {unit:.3g} in units of {target!r}). With eps the larger, "
        f"{eps:.3g}, a user whose utility the target is loses at most 2 eps = {2 * eps:.3g} ({2 * eps * unit:.3g} raw) against full information "
        f"(OPT - 2 eps) at every equilibrium of the competition. The constant 2 is this project's, proved in jaxgame.theorems. It holds "
        f"if the rows are all the pairs of action and outcome that can arise, the scores are the utilities that models "
        f"and user act on, and the models compete to an equilibrium under the theorem's conditions. It does not promise anything "
        f"about rows unlike these, about models that do not respond to each other, or about noise in the target, and the verdict above, "
        f"which is about the average error, is not this guarantee."
    )
