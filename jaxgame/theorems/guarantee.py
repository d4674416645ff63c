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
class Guarantee:
    """One of the paper's guarantees on one game: premise, bound, what was attained, verdict.

    The premise, as hull distances eps in the follower's utility units: `constant` with one offset, `state`
    with one for each (type, state), `cone` with one for each and weights of any sum. The theorem holds for
    each.

    The bound:

    - `full_information`: OPT, her value of knowing the state.
    - `teachable`: what an aligned leader can teach her under a protocol; OPT without one.
    - `delta`: the largest total variation distance, from 0 to 1, between the laws that different leaders'
      deviations to the aligned rule bring about. It costs `sum_i w_i range(U_i)` times as much.
    - `gain`: the exploitability of the profile that was checked, in the leaders' units; 0 where equilibria
      are. It costs `sum_i w_i` times as much.
    - `bound`: `teachable` - 2 eps less what delta, gain and her regret cost, from the premise that allows
      the least loss.

    What was attained:

    - `worst`: her least value over equilibria; with a protocol her value at the one profile checked.
    - `loss`: the same, counted from full information downwards.
    - `slack`: `worst` - `bound`. Neither it nor `loss` is rounded by large constants of utility.
    - `stake`: what is at stake for her, `sum_ts P(t,s) (max_a u - min_a u)`, her unit for tolerances.
    - `holds`: the place in `VERDICTS` of the claim `slack >= -tolerance * stake`.
    """

    constant: Bracket
    state: Bracket
    cone: Bracket
    full_information: Float[Array, ""]
    teachable: Bracket
    delta: Float[Array, ""]
    gain: Bracket
    bound: Bracket
    worst: Bracket
    loss: Bracket
    slack: Bracket
    stake: Float[Array, ""]
    holds: Int[Array, ""]


def concluded(
    game: Game,
    loss: Bracket,
    tolerance: float,
    regret: float | Float[Array, ""] = 0.0,
    delta: float | Float[Array, ""] = 0.0,
    untaught: Bracket | None = None,
    gain: Bracket | None = None,
) -> Guarantee:
    """Whether `loss` is at most `untaught` + 2 eps + `regret` and what `gain` and `delta` cost.

    Both are counted from full information downwards: `loss` is what the worst equilibrium of `game` costs
    her, `untaught` what she misses if an aligned leader teaches her. The verdict allows for `tolerance`, in
    parts of what is at stake for her. Each of the three premises proves a bound, so that the least of the
    three counts, at both ends: the sum over leaders, with the weights w of its fit, of what each would miss
    by not teaching. That is why `gain` and `delta`, in the leaders' units, cost sum_i w_i as much, and sum_i
    w_i range(U_i) as much; on the cone the weights have any sum.
    """
    full = full_information_value(game)
    nothing = jnp.zeros_like(full)
    untaught = Bracket(nothing, nothing) if untaught is None else untaught
    gain = Bracket(nothing, nothing) if gain is None else gain
    delta = nothing + delta
    spans = action_range(game.leaders).max((1, 2))
    fits = (
        game_hull_distance(game, "constant"),
        game_hull_distance(game, "state"),
        game_hull_distance(game, "state", "cone"),
    )

    def lost(fit: HullFit, eps: Array, gain: Array) -> Array:
        total = fit.weights.sum()
        apart = delta * (fit.weights * spans).sum()
        return 2 * eps + apart + jnp.where(total > 0, gain * total, 0.0)  # a gain may be infinite

    lower = jnp.stack([lost(fit, fit.distance.lower, gain.lower) for fit in fits]).min()
    upper = jnp.stack([lost(fit, fit.distance.upper, gain.upper) for fit in fits]).min()
    allowed = Bracket(untaught.lower + lower + regret, untaught.upper + upper + regret)
    slack = Bracket(allowed.lower - loss.upper, allowed.upper - loss.lower)
    units = standard(game)
    back = units.follower
    teachable, bound, worst = (
        unknown(units.sound, back.bracket(Bracket(-x.upper / back.unit, -x.lower / back.unit)))
        for x in (untaught, allowed, loss)
    )
    constant, state, cone = (fit.distance for fit in fits)
    stake = at_stake(game.prior, game.follower)
    return Guarantee(
        constant=constant,
        state=state,
        cone=cone,
        full_information=full,
        teachable=teachable,
        delta=delta,
        gain=gain,
        bound=bound,
        worst=worst,
        loss=loss,
        slack=slack,
        stake=stake,
        holds=verdict(slack, tolerance * stake),
    )


def verdict(slack: Bracket, tolerance: float | Float[Array, ""]) -> Int[Array, ""]:
    """The place in VERDICTS of the claim that the number in the bracket `slack` is at least -`tolerance`.

    "yes" if the lower end is, "no" if the upper end is not, else "undecided": so is a bracket of no numbers.
    """
    proved = (slack.lower >= -tolerance) & (slack.lower > -jnp.inf)  # the tolerance of no numbers may be inf
    return jnp.where(proved, 2, jnp.where(slack.upper < -tolerance, 0, 1))
