"""The claims that experiments check: what each predicts, what was found, and the verdict.

Verdicts are three-valued: "yes", "no", and "undecided" where the brackets of the numbers that enter
are too wide to tell.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame import competition, conversation, selection
from jaxgame.conversation import Protocol
from jaxgame.core.bracket import Bracket
from jaxgame.core.checks import check_choice
from jaxgame.core.game import Game, full_information_value
from jaxgame.core.record import record
from jaxgame.core.response import quantal_regret_bound
from jaxgame.core.units import at_stake, standard, unknown
from jaxgame.hull import GAME_OFFSETS, game_hull_distance
from jaxgame.sampling import Shape
from jaxgame.summary import wilson_interval


def wendel_probability(points: int, dimension: int) -> float:
    """P(0 in the hull of N points with a symmetric, absolutely continuous law in R^n) (Wendel 1962).

    `1 - 2^(1-N) sum_{k<n} C(N-1, k)`; in dimension 0 it is 1.

    Raises ValueError for fewer than one point or a negative dimension.

    >>> wendel_probability(points=8, dimension=4)
    0.5
    """
    if points < 1 or dimension < 0:
        raise ValueError(
            f"points is {points} and dimension {dimension}; they must be at least 1 and at least 0"
        )
    one_sided = sum(math.comb(points - 1, k) for k in range(min(dimension, points)))
    return float(1 - one_sided / 2 ** (points - 1)) if dimension else 1.0


def alignment_dimension(shape: Shape, offset: str) -> int:
    """In how many directions leaders' mistakes count: entries of the utility less free offsets.

    T S A without offset, T S A - 1 with a constant one, T S (A - 1) with one per (type, state).

    Raises ValueError for an unknown offset.
    """
    check_choice("offset", offset, GAME_OFFSETS)
    cells = shape.types * shape.states
    return cells * shape.actions - {"none": 0, "constant": 1, "state": cells}[offset]


@dataclass(frozen=True)
class CoverageCheck:
    """Wendel's formula against counted draws: expected share, counted bounds, interval, verdict."""

    expected: float
    inside: int
    undecided: int
    draws: int
    low: float
    high: float
    holds: str


def wendel_coverage(
    expected: float, inside: int, undecided: int, draws: int, confidence: float = 0.99
) -> CoverageCheck:
    """Check that `expected`, P(distance = 0), agrees with `inside` of `draws` draws.

    Premise: leaders are the follower plus independent symmetric noise (`sampling.Noise` at diversity 1).
    [low, high] covers the share for every way to settle the `undecided` draws; `holds` is "yes" if
    the expected share is in the Wilson interval however they are settled, "no" if it is in none.
    """
    lowest = wilson_interval(inside, draws, confidence)
    highest = wilson_interval(inside + undecided, draws, confidence)
    low, high = lowest[0], highest[1]
    in_all = highest[0] <= expected <= lowest[1]
    holds = "yes" if in_all else "undecided" if low <= expected <= high else "no"
    return CoverageCheck(expected, inside, undecided, draws, low, high, holds)


VERDICTS = ("no", "undecided", "yes")


@record
class Guarantee:
    """One of the paper's guarantees on one game: premise, bound, what was attained, verdict.

    `constant`, `state` and `cone` are the hull distances eps with one offset, with one per state, and
    with one per state and weights of any sum. The bound, OPT - 2 eps less what the theorem adds, holds for
    each, and `bound` takes the least. `worst` is the follower's least equilibrium value and `loss` what it
    costs her against full information, `slack` = worst - bound; the last two are not rounded by large
    constants of utility. `stake` is what is at stake for her, `sum_ts P(t,s) (max_a u - min_a u)`, and
    `holds` the place in VERDICTS of the claim `worst >= bound` up to the search's tolerance times `stake`.

    With a protocol the claim is about one profile of rules: `worst` is its value, OPT becomes `teachable`,
    what an aligned leader can teach (without a protocol: `full_information`), and the bound is lowered by
    `gain`, the profile's exploitability, and by `delta`, the total variation distance between the laws that
    different leaders' deviations to the aligned rule induce, times sum_i w_i range(U_i).
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


def best_ai_selection(
    game: Game,
    tolerance: float = 1e-6,
    protocol: Protocol | None = None,
    rules: Float[Array, "K V H M"] | None = None,
    views: Float[Array, "K S V"] | None = None,
    steps: int = 20,
) -> Guarantee:
    """Check that every equilibrium of best-AI selection is worth OPT - 2 eps (theory, section 4 (3)).

    The constant 2 is proved in theory.md, not quoted from the paper. With a `protocol`, check it of the
    profile `rules` (None: where `steps` best responses from silence end), as `Guarantee` says. Works
    under jit and vmap, in float64.

    Raises ValueError for fewer than two leaders, and as `conversation.best_response` does.
    """
    if game.leaders.shape[0] < 2:
        raise ValueError("game has 1 leader; the guarantee is about at least two who compete")
    if protocol is not None:
        return _conversation(game, "selection", tolerance, protocol, rules, views, steps)
    return _guarantee(game, selection.worst_equilibrium(game, tolerance).loss, tolerance)


def bayes_optimal_learning(
    game: Game,
    tolerance: float = 1e-6,
    protocol: Protocol | None = None,
    rules: Float[Array, "K V H M"] | None = None,
    views: Float[Array, "K S V"] | None = None,
    steps: int = 20,
) -> Guarantee:
    """Check that every equilibrium with a best-responding follower is worth OPT - 2 eps (section 4 (1)).

    She hears all leaders, whose signals are as rich and as correlated as they like: a leader that is aligned
    could tell her the state, and whoever does so induces the same law of actions, so that the theorem's
    premise beyond the distance holds. Sizes and errors are those of `competition.worst_equilibrium`. With a
    `protocol` messages are independent and may be few; then both premises are measured, and the profile
    `rules` is checked (None: where `steps` best responses from silence end), as `Guarantee` says.
    """
    if protocol is not None:
        return _conversation(game, "all", tolerance, protocol, rules, views, steps)
    return _guarantee(game, competition.worst_equilibrium(game, tolerance=tolerance).loss, tolerance)


def quantal_response(
    game: Game,
    rationality: float | Float[Array, ""],
    delta: float | Float[Array, ""] = 0.0,
    tolerance: float = 1e-6,
    rounds: int = 16,
    protocol: Protocol | None = None,
    rules: Float[Array, "K V H M"] | None = None,
    views: Float[Array, "K S V"] | None = None,
    steps: int = 20,
) -> Guarantee:
    """Check the same with a logit follower: also less W((A-1)/e) / rationality and delta's cost (4 (2)).

    `delta` is the total variation distance between the laws that different leaders' deviations to the
    aligned scheme induce, `competition.law_distance`; 0 for full information, which rich signals allow. It
    costs sum_i w_i range(U_i), at most 1 for utilities in [0, 1]. The last term, the regret of quantal
    response over A actions, is never more than what is at stake for the follower. Two states; `rounds`
    and errors are those of `competition.worst_equilibrium`. With a `protocol`: any number of states,
    `delta` is measured, and the profile `rules` is checked, as in `bayes_optimal_learning`.
    """
    unit = quantal_regret_bound(game.follower.shape[-1], 1.0)
    rational = jnp.maximum(jnp.asarray(rationality, game.follower.dtype), jnp.finfo(float).tiny)
    regret = jnp.minimum(unit / rational, at_stake(game.prior, game.follower))
    if protocol is not None:
        return _conversation(game, "all", tolerance, protocol, rules, views, steps, rationality, regret)
    loss = competition.worst_equilibrium(game, rationality, tolerance, rounds).loss
    return _guarantee(game, loss, tolerance, regret, delta)


def _conversation(
    game: Game,
    kind: str,
    tolerance: float,
    protocol: Protocol,
    rules: Float[Array, "K V H M"] | None,
    views: Float[Array, "K S V"] | None,
    steps: int,
    rationality: float | Float[Array, ""] = math.inf,
    regret: float | Float[Array, ""] = 0.0,
) -> Guarantee:
    """The claim at one profile [own]: leader i would not gain more than `gain` by its aligned rule.

    What follows that deviation is worth what is teachable at least (less her regret), since she may ignore
    the others or, in selection, would keep her better leader; averaging over the leaders with the hull's
    weights gives the bound.
    """
    leaders = game.leaders.shape[0]
    given, game = game, _centred(game)
    taught = conversation.taught(game, protocol, leaders, views)
    setting = (kind, views, rationality)
    if rules is None:
        start = conversation.starting_rules(game, protocol, "none", views)
        end = conversation.best_response_dynamics(game, protocol, start, *setting, steps=steps)
        rules, outcome, gain = end.rules, end.outcome, end.gain
    else:
        outcome = conversation.outcome_of(game, protocol, rules, *setting)
        gain = conversation.exploitability(game, protocol, rules, *setting, aligned=taught.rule)
    lost = -(game.follower * outcome).sum()

    def deviated(i: Int[Array, ""]) -> Float[Array, "T S A"]:
        """What follows if leader i teaches; in selection, if its offer is kept."""
        if kind == "selection":
            view = None if views is None else views[i][None]
            return conversation.best_reply(game, protocol, taught.rule[i], view).outcome
        changed = rules.at[i].set(taught.rule[i])
        return conversation.outcome_of(game, protocol, changed, *setting)

    laws = jax.lax.map(deviated, jnp.arange(leaders))
    delta = jnp.abs(laws[:, None] - laws[None]).sum((2, 3, 4)).max() / 2
    untaught = Bracket(-taught.value.upper.min(), -taught.value.lower.min())
    return _guarantee(given, Bracket(lost, lost), tolerance, regret, delta, untaught, gain)


def _centred(game: Game) -> Game:
    """The game counted from what large constants of utility add: full information is worth 0."""
    return Game(
        game.prior,
        game.follower - game.follower.max(2, keepdims=True),
        game.leaders - game.leaders.min(3, keepdims=True),
    )


def _guarantee(
    game: Game,
    loss: Bracket,
    tolerance: float,
    regret: float | Float[Array, ""] = 0.0,
    delta: float | Float[Array, ""] = 0.0,
    untaught: Bracket | None = None,
    gain: Bracket | None = None,
) -> Guarantee:
    """Whether `loss` is at most `untaught` + 2 eps + regret + gain and the cost of delta.

    Both are counted from full information downwards: `loss` is what the worst equilibrium costs her,
    `untaught` what she misses if an aligned leader teaches her.
    """
    full = full_information_value(game)
    nothing = jnp.zeros_like(full)
    untaught = Bracket(nothing, nothing) if untaught is None else untaught
    gain = Bracket(nothing, nothing) if gain is None else gain
    delta = nothing + delta
    spans = (game.leaders.max(3) - game.leaders.min(3)).max((1, 2))
    fits = (
        game_hull_distance(game, "constant"),
        game_hull_distance(game, "state"),
        game_hull_distance(game, "state", "cone"),
    )
    apart = [delta * (fit.weights * spans).sum() for fit in fits]
    lower, upper = (
        jnp.stack(
            [2 * getattr(fit.distance, end) + cost for fit, cost in zip(fits, apart, strict=True)]
        ).min()
        for end in ("lower", "upper")
    )
    allowed = Bracket(
        untaught.lower + lower + regret + gain.lower, untaught.upper + upper + regret + gain.upper
    )
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
    """The place in VERDICTS of the claim that a number in the bracket is at least -`tolerance`."""
    proved = (slack.lower >= -tolerance) & (slack.lower > -jnp.inf)  # the tolerance of no numbers may be inf
    return jnp.where(proved, 2, jnp.where(slack.upper < -tolerance, 0, 1))
