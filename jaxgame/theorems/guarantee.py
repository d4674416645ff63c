"""One guarantee on one game: the premise, the bound, what was attained, and a verdict in three values.

The chain, each arrow with a bracket: hull distances eps -> what may be lost, 2 eps and the theorem's other
terms; a search -> what the worst equilibrium loses; the difference of the two, `slack`, -> the verdict. All
is counted from full information downwards, so that large constants of utility cancel before they round
anything.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game, full_information_value
from jaxgame.core.record import record
from jaxgame.core.units import action_range, at_stake, standard, unknown
from jaxgame.hull import HullFit, game_hull_distance

VERDICTS = ("no", "undecided", "yes")


@record
class Premise:
    """How far the follower is from the leaders' hull, in the five ways that prove a guarantee.

    Fits of `game_hull_distance`. Of the norm "sup": `constant` with one offset, `state` with one for each
    (type, state), `cone` with one for each and weights of any sum. Of the norm "mean", average alignment:
    `mean`, and `mean_cone` with weights of any sum.
    """

    constant: HullFit
    state: HullFit
    cone: HullFit
    mean: HullFit
    mean_cone: HullFit


def premise(game: Game) -> Premise:
    """All distances of `game` that guarantees rest on: computed once for several checks of one game.

    Raises ValueError as `game_hull_distance` does.
    """
    return Premise(
        constant=game_hull_distance(game, "constant"),
        state=game_hull_distance(game, "state"),
        cone=game_hull_distance(game, "state", "cone"),
        mean=game_hull_distance(game, norm="mean"),
        mean_cone=game_hull_distance(game, scale="cone", norm="mean"),
    )


@record
class Guarantee:
    """One of the paper's guarantees on one game: premise, bound, what was attained, verdict.

    The premise, as distances in the follower's utility units: eps for `constant`, `state` and `cone`, D for
    `mean` and `mean_cone`; see `Premise`. The paper's bound holds with each eps, ours, in which D takes the
    place of 2 eps, with each D.

    The bound:

    - `full_information`: OPT, her value of knowing the state.
    - `teachable`: what an aligned leader can teach her under a protocol; OPT without one.
    - `delta`: the largest total variation distance, from 0 to 1, between the laws that different leaders'
      deviations to the aligned rule bring about. It costs `sum_i w_i range(U_i)` times as much.
    - `gain`: the exploitability of the profile that was checked, or the slack that equilibria were granted,
      in the leaders' units, the largest of all leaders. Leader i's costs w_i times as much.
    - `bound`: `teachable` - 2 eps less what delta, gain and her regret cost, from the premise that allows
      the least loss.
    - `mean_bound`: the same with D in the place of 2 eps (theory, section 15) [own].

    What was attained:

    - `worst`: her least value over equilibria; with a protocol her value at the one profile checked.
    - `loss`: the same, counted from full information downwards.
    - `slack`: `worst` - `bound`. Neither it nor `loss` is rounded by large constants of utility.
    - `mean_slack`: `worst` - `mean_bound`.
    - `stake`: what is at stake for her, `sum_ts P(t,s) (max_a u - min_a u)`, her unit for tolerances.
    - `holds`: the place in `VERDICTS` of the claim `slack >= -tolerance * stake`.
    - `mean_holds`: that of the claim `mean_slack >= -tolerance * stake`.
    """

    constant: Bracket
    state: Bracket
    cone: Bracket
    mean: Bracket
    mean_cone: Bracket
    full_information: Float[Array, ""]
    teachable: Bracket
    delta: Float[Array, ""]
    gain: Bracket
    bound: Bracket
    mean_bound: Bracket
    worst: Bracket
    loss: Bracket
    slack: Bracket
    mean_slack: Bracket
    stake: Float[Array, ""]
    holds: Int[Array, ""]
    mean_holds: Int[Array, ""]


def concluded(
    game: Game,
    loss: Bracket,
    tolerance: float,
    regret: float | Float[Array, ""] = 0.0,
    delta: float | Float[Array, ""] = 0.0,
    untaught: Bracket | None = None,
    gain: Bracket | None = None,
    known: Premise | None = None,
    least: Bracket | None = None,
) -> Guarantee:
    """Whether `loss` is at most `untaught` + 2 eps + `regret` and what `gain` and `delta` cost.

    Both are counted from full information downwards: `loss` is what the worst equilibrium of `game` costs
    her, `untaught` what she misses if an aligned leader teaches her. The verdict allows for `tolerance`, in
    parts of what is at stake for her. Each way to be near the hull proves a bound, so that the least counts,
    at both ends: the sum over leaders, with the weights w of its fit, of what each would miss by not
    teaching. That is why `gain` ([] or [K]) and `delta`, in the leaders' units, cost sum_i w_i gain_i, and
    sum_i w_i range(U_i) delta; on the cone the weights have any sum. `known` is the premise, if it is. What
    may be lost is never less than `least`.
    """
    full = full_information_value(game)
    nothing = jnp.zeros_like(full)
    untaught = Bracket(nothing, nothing) if untaught is None else untaught
    gain = Bracket(nothing, nothing) if gain is None else gain
    delta = nothing + delta
    spans = action_range(game.leaders).max((1, 2))
    fits = premise(game) if known is None else known

    def lost(fit: HullFit, far: Array, gain: Array) -> Array:
        apart = delta * (fit.weights * spans).sum()
        gained = jnp.where(fit.weights > 0, fit.weights * gain, 0.0)  # a gain may be infinite
        return far + apart + gained.sum()

    def allowed(factor: float, *fits: HullFit) -> Bracket:
        lower = jnp.stack([lost(fit, factor * fit.distance.lower, gain.lower) for fit in fits]).min()
        upper = jnp.stack([lost(fit, factor * fit.distance.upper, gain.upper) for fit in fits]).min()
        lower, upper = untaught.lower + lower + regret, untaught.upper + upper + regret
        if least is not None:
            lower, upper = jnp.maximum(lower, least.lower), jnp.maximum(upper, least.upper)
        return Bracket(lower, upper)

    def slack(allowed: Bracket) -> Bracket:
        return Bracket(allowed.lower - loss.upper, allowed.upper - loss.lower)

    by_eps = allowed(2.0, fits.constant, fits.state, fits.cone)
    by_mean = allowed(1.0, fits.mean, fits.mean_cone)
    units = standard(game)
    back = units.follower
    teachable, bound, mean_bound, worst = (
        unknown(units.sound, back.bracket(Bracket(-x.upper / back.unit, -x.lower / back.unit)))
        for x in (untaught, by_eps, by_mean, loss)
    )
    stake = at_stake(game.prior, game.follower)
    return Guarantee(
        **{name: fit.distance for name, fit in vars(fits).items()},
        full_information=full,
        teachable=teachable,
        delta=delta,
        gain=Bracket(gain.lower.max(), gain.upper.max()),
        bound=bound,
        mean_bound=mean_bound,
        worst=worst,
        loss=loss,
        slack=slack(by_eps),
        mean_slack=slack(by_mean),
        stake=stake,
        holds=verdict(slack(by_eps), tolerance * stake),
        mean_holds=verdict(slack(by_mean), tolerance * stake),
    )


def verdict(slack: Bracket, tolerance: float | Float[Array, ""]) -> Int[Array, ""]:
    """The place in VERDICTS of the claim that the number in the bracket `slack` is at least -`tolerance`.

    "yes" if the lower end is, "no" if the upper end is not, else "undecided": so is a bracket of no numbers.
    """
    proved = (slack.lower >= -tolerance) & (slack.lower > -jnp.inf)  # the tolerance of no numbers may be inf
    return jnp.where(proved, 2, jnp.where(slack.upper < -tolerance, 0, 1))
