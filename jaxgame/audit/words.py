"""The verdict's rule, the verdict and the guarantee in plain words."""

from collections.abc import Sequence

from jaxgame.audit.interval import Interval
from jaxgame.audit.result import AverageReport, Bound, HullReport, Null
from jaxgame.audit.served import GroupServed

HULL_WORDS = {
    "cone": "weights of at least 0 and a constant",
    "simplex": "weights of at least 0 that sum to 1, and a constant",
}


def rule(epsilon: float, hull: str, confidence: float) -> str:
    """How the verdict is reached, for a report: the definition of distance, and the three verdicts."""
    return (
        "The distance is the root mean square, over held-out rows, of what the best mixture of the models "
        f"({HULL_WORDS[hull]}, fitted on the train rows) leaves of the target, in standard deviations of "
        "the target: 1 is about as bad as a constant guess. Covered: the upper end of its "
        f"{confidence:.0%} bootstrap interval is at most eps = {epsilon:g}, and the distance is beyond "
        "chance (at most 5 in 100 shuffled targets come as near, relative to a constant guess). Not "
        "covered: the lower end is above eps, or the distance is not beyond chance. Otherwise too close "
        "to call, which counts as not covered in the exit code."
    )


def verdict(distance: float, interval: Interval, null: Null, epsilon: float) -> str:
    """One of `result.VERDICTS`, by the rule that `rule` tells; `distance` is the held-out one."""
    if not null.beyond_chance or interval.lower > epsilon:
        return "not covered"
    return "covered" if max(interval.upper, distance) <= epsilon else "too close to call"


def sentence(
    found: str, target: str, report: HullReport, null: Null, guess: float, epsilon: float, rows: int
) -> str:
    """The verdict `found` on one target, for a reader who reads nothing else.

    `report` is that of the verdict's hull, `guess` the held-out distance of a constant, `rows` their number.
    """
    distance = (
        f"{report.heldout:.3g} standard deviations away on {rows:,} held-out rows (interval "
        f"{report.interval.lower:.3g} to {report.interval.upper:.3g}; a constant guess is {guess:.3g} away)"
    )
    if found == "covered":
        return f"The models cover {target!r}: their best mixture is {distance}; eps is {epsilon:g}."
    if not null.beyond_chance:
        return (
            f"The models do not cover {target!r} beyond chance: their best mixture stays {distance}, and "
            f"shuffled targets come as near (p = {null.p_value:.2g})."
        )
    if found == "not covered":
        return (
            f"The models do not cover {target!r}: their best mixture stays {distance}; eps is {epsilon:g}. "
            "It is nearer than chance, so the models do tell something about the target."
        )
    return (
        f"Too close to call for {target!r}: the best mixture is {distance}, and eps = {epsilon:g} does not "
        "lie clearly above. More rows narrow the interval."
    )


def average(target: str, report: AverageReport, *, moved: bool) -> str:
    """What average errors buy the user of `target`, for a reader who reads nothing else of it.

    It speaks of the first bound of the `report`, and of what the mean absolute error alone would promise.
    `moved`: models were brought to the target's scale.
    """
    bound, scale, stake = report.bounds[0], report.scale, f"{report.stake:.3g}"
    loss = f"{bound.loss:.3g} (interval {bound.interval.lower:.3g} to {bound.interval.upper:.3g})"
    said = f"If the models compete to advise a user who has to estimate {target!r}, "
    if not promises(bound):
        said += (
            "nothing is promised: the best bound on her mean squared error at every equilibrium is "
            f"{loss}, and a constant guess makes {stake}."
        )
    else:
        said += (
            f"her mean squared error is at most {loss} at every equilibrium, {100 * bound.share:.3g} % of "
            f"the {stake} that a constant guess makes."
        )
        if bound.share_interval.upper >= 1:
            said += " As the interval goes, it may be no less than that of the guess."
    error = report.absolute["simplex"].heldout
    if bound.error == "absolute":
        said += " This follows from the mean absolute error"
    else:
        by_itself = next(one.loss for one in report.bounds if one.error == "absolute")
        said += f" The bound would be {by_itself:.3g} by the mean absolute error alone"
    known = "as given" if report.scale_given else "as seen in the rows"
    said += (
        f": the best mixture with weights that sum to 1 is off by {error:.3g}, on the scale from "
        f"{scale.lower:.3g} to {scale.upper:.3g} ({known})."
    )
    if moved:
        said += " Models are first brought to the mean and the spread of the target."
    return said


def common(groups: Sequence[GroupServed], epsilon: float) -> str:
    """What one mixture for all `groups` reaches, and what that buys, for a reader who reads nothing else."""
    worst = max(groups, key=lambda one: one.distance)
    told = ", ".join(f"{one.target!r} {one.distance:.3g} (alone {one.own:.3g})" for one in groups)
    said = f"One mixture for all groups, each on a scale of her own, comes as near as: {told}. "
    left = [one.target for one in groups if one.loss is None and one.weight == 0]
    if left:
        named = ", ".join(map(repr, left))
        return said + (
            f"It tells nothing of {named}: if one policy of the models serves all, nothing is promised to "
            "anybody; with a policy for each group, each has what her own distance buys."
        )
    if worst.distance <= epsilon:
        said += (
            f"So one mixture covers everybody within eps = {epsilon:g}: where the models compete with one "
            "policy for all who hear the same, every group keeps its promise, in the largest error"
        )
    else:
        said += (
            f"The least served, {worst.target!r}, is beyond eps = {epsilon:g}: where the models compete with "
            "one policy for all who hear the same, good mixtures for each group alone promise nothing, and "
            "this one promises, in the largest error"
        )
    losses = ", ".join(f"{one.target!r} loses at most {one.loss:.3g}" for one in groups)
    return said + f", if scores are utilities: {losses} (standard deviations)."


def guarantee(report: HullReport, spread: float) -> str:
    """What the largest error buys a user whatever she decides: twice that error bounds her loss.

    `report` is that of the verdict's hull, and `spread` the range of the target's scores, in standard
    deviations of the target.
    """
    loss = 2 * max(report.sup_train.upper, report.sup_heldout)
    worth = "so this promises nothing" if loss >= spread else "so this is a promise"
    return (
        "Whatever she decides, if the scores are the utilities themselves, the largest error counts: she "
        f"loses at most {loss:.3g} against full information, twice the largest error on any row; the scores "
        f"of the target span {spread:.3g} (standard deviations), {worth}."
    )


CONDITIONS = (
    "The bounds on the mean squared error hold if items come as these rows do, if the user may give every "
    "score of the target and loses the square of what her rating is off by, if every model wants her rating "
    "to be its own score, and if the models compete to an equilibrium of one of the three competitions of "
    "jaxgame, at which each is at least as well off as if she knew everything. Where a constant is added or "
    "weights need not sum to 1 (cone), she must also be free to give any number, and best respond. The "
    "factors are proved by this project.",
    "What the largest error buys holds for any decision, if the rows are all the pairs of action and outcome "
    "that can arise and the scores are the utilities of models and users, who best respond (a user who "
    "responds by quantal response loses what her noise costs besides).",
    "Nothing is promised about items unlike these, about models that do not respond to each other, or about "
    "what users want beyond the target's scores: noise in them counts as distance. Held-out rows show the "
    "errors of a sample, not of all cases.",
)


def basis(bound: Bound) -> str:
    """The error of a mixture that a bound follows from."""
    return f"{'squared' if bound.error == 'square' else 'absolute'} error, {bound.hull}"


def promises(bound: Bound) -> bool:
    """Whether a bound is below what a constant guess costs; without any weight it is just that guess's."""
    return bound.share < 1 - 1e-9


def signed(value: float | None) -> str:
    """A change with its sign and four decimals; 0 without a sign, nothing for None."""
    text = "" if value is None else f"{value:+.4f}"
    return "0" if text and float(text) == 0 else text
