"""What the three theorems say of all equilibria, checked on one game (theory, section 4).

Each finds what the worst equilibrium loses, with a bracket, and asks `guarantee.concluded` whether the
theorem allows it. With `protocol=` the question is about one profile of rules: `profiles`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgame import competition, selection
from jaxgame.conversation import Protocol
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.response import quantal_regret_bound
from jaxgame.core.units import at_stake
from jaxgame.theorems.guarantee import Guarantee, Premise, concluded
from jaxgame.theorems.profiles import of_profile

STEPS = 20  # best responses of a profile that is not given
ROUNDS = 16  # refinements of a logit follower's grid


def best_ai_selection(
    game: Game,
    *,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] | None = None,
    known: Premise | None = None,
    protocol: Protocol | None = None,
    rules: Float[Array, "K V H M"] | None = None,
    views: Float[Array, "K S V"] | None = None,
    steps: int | None = None,
) -> Guarantee:
    """Check that every equilibrium of best-AI selection is worth OPT - 2 eps (theory, section 4 (3)).

    Any leader could have offered full information, and prefers the equilibrium; averaged with the weights of
    the hull that is the bound. The constant 2 is proved in theory, not quoted from the paper [own]. Of `game`
    the worst equilibrium is bracketed to a width of `tolerance`, in parts of what is at stake for her; the
    verdict allows for as much. With `slack`, in the leaders' units, for all or each ([K]), equilibria are
    those where nobody gains more, and the bound is less sum_i w_i slack_i (theory, section 8). `known` is
    `premise(game)`, if it was computed before.

    With a `protocol` one profile is checked instead: `rules` [K, V, H, M], or, if None, where `steps` best
    responses (20 if None) from silence end. `views` [K, S, V] is what leaders see (None: the state). Works
    under jit and vmap, in float64.

    Raises ValueError for fewer than two leaders, for an argument that this kind of check does not use, and as
    `conversation.best_response` does.
    """
    if game.leaders.shape[0] < 2:
        raise ValueError("game has 1 leader; the guarantee is about at least two who compete")
    if protocol is not None:
        _unused("is of no use with a protocol", slack=slack, known=known)
        return of_profile(game, "selection", tolerance, protocol, rules, views, steps or STEPS)
    _unused("needs a protocol", rules=rules, views=views, steps=steps)
    loss = selection.worst_equilibrium(game, tolerance=tolerance, slack=0.0 if slack is None else slack).loss
    return concluded(game, loss, tolerance, gain=_granted(slack), known=known)


def score_selection(
    game: Game,
    score: Float[Array, "*each T S A"],
    *,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] | None = None,
    error: Bracket | None = None,
    known: Premise | None = None,
) -> Guarantee:
    """Check that she gets OPT - max(2 eps, 2 d) if she keeps the leader with the largest `score` [own].

    She acts by her own utility; `score` [T, S, A], or [K, T, S, A] with one for each leader, is what she goes
    by when she chooses whom to keep, and d = `selection.score_error(game, score)` how far it is off. Either
    full information would win the selection for every leader: then averaging gives 2 eps. Or for one it would
    not: then what is kept scores no less than full information, and is worth at least OPT - 2 d (theory,
    section 10). `error` is d, if it was computed before. `tolerance`, `slack` and `known` are those of
    `best_ai_selection`, and `game` likewise. Works under jit and vmap, in float64.

    Raises ValueError for fewer than two leaders, and as `selection.worst_equilibrium` does.
    """
    if game.leaders.shape[0] < 2:
        raise ValueError("game has 1 leader; the guarantee is about at least two who compete")
    granted = 0.0 if slack is None else slack
    loss = selection.worst_equilibrium(game, tolerance=tolerance, slack=granted, score=score).loss
    error = selection.score_error(game, score) if error is None else error
    least = Bracket(2 * error.lower, 2 * error.upper)
    return concluded(game, loss, tolerance, gain=_granted(slack), known=known, least=least)


def bayes_optimal_learning(
    game: Game,
    *,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] | None = None,
    known: Premise | None = None,
    protocol: Protocol | None = None,
    rules: Float[Array, "K V H M"] | None = None,
    views: Float[Array, "K S V"] | None = None,
    steps: int | None = None,
) -> Guarantee:
    """Check that every equilibrium with a best-responding follower is worth OPT - 2 eps.

    She hears all leaders, whose signals are as rich and as correlated as they like: a leader that is aligned
    could tell her the state, and whoever does so induces the same law of actions, so that the theorem's
    premise beyond the distance holds (theory, section 4 (1)) [own]. The worst equilibrium of `game` is
    bracketed to a width of `tolerance`, in parts of what is at stake for her; the verdict allows for as
    much. `slack` and `known` are those of `best_ai_selection`.

    With a `protocol` messages are independent and may be few; then both premises are measured, and one
    profile is checked: `rules` [K, V, H, M], or, if None, where `steps` best responses (20 if None) from
    silence end. `views` [K, S, V] is what leaders see (None: the state).

    Raises ValueError for an argument that this kind of check does not use, as `competition.worst_equilibrium`
    does, too many states among them, and with a protocol as `conversation.best_response` does.
    """
    if protocol is not None:
        _unused("is of no use with a protocol", slack=slack, known=known)
        return of_profile(game, "all", tolerance, protocol, rules, views, steps or STEPS)
    _unused("needs a protocol", rules=rules, views=views, steps=steps)
    loss = competition.worst_equilibrium(
        game, tolerance=tolerance, slack=0.0 if slack is None else slack
    ).loss
    return concluded(game, loss, tolerance, gain=_granted(slack), known=known)


def quantal_response(
    game: Game,
    rationality: float | Float[Array, ""],
    *,
    delta: float | Float[Array, ""] | None = None,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] | None = None,
    rounds: int | None = None,
    known: Premise | None = None,
    protocol: Protocol | None = None,
    rules: Float[Array, "K V H M"] | None = None,
    views: Float[Array, "K S V"] | None = None,
    steps: int | None = None,
) -> Guarantee:
    """Check OPT - 2 eps with a logit follower, less what delta and her regret cost (theory, section 4 (2)).

    Her regret over A actions is at most W((A-1)/e) / `rationality`, per unit of her utility, and never more
    than what is at stake for her. `delta`, from 0 to 1, is the total variation distance between the laws that
    different leaders' deviations to the aligned scheme bring about, `competition.law_distance`; 0, as for
    None, with full information, which rich signals allow. It costs `sum_i w_i range(U_i)`, at most 1 for
    utilities in [0, 1] and weights with sum 1.

    `game` has two states; its worst equilibrium is bracketed to a width of `tolerance`, in parts of what is
    at stake for her, in at most `rounds` refinements of a grid (16 if None); the verdict allows for as much.
    `slack` and `known` are those of `best_ai_selection`.
    With a `protocol` there may be any number of states, `delta` is measured, and one profile is checked:
    `rules` [K, V, H, M], or, if None, where `steps` best responses (20 if None) from silence end. `views` [K,
    S, V] is what leaders see (None: the state).

    Raises ValueError for an argument that this kind of check does not use (`delta` and `rounds` with a
    protocol), as `competition.worst_equilibrium` does, and with a protocol as `conversation.best_response`
    does.
    """
    unit = quantal_regret_bound(game.follower.shape[-1], 1.0)
    rational = jnp.maximum(jnp.asarray(rationality, game.follower.dtype), jnp.finfo(float).tiny)
    regret = jnp.minimum(unit / rational, at_stake(game.prior, game.follower))
    if protocol is not None:
        _unused(
            "is measured or not needed with a protocol", delta=delta, rounds=rounds, slack=slack, known=known
        )
        return of_profile(game, "all", tolerance, protocol, rules, views, steps or STEPS, rationality, regret)
    _unused("needs a protocol", rules=rules, views=views, steps=steps)
    worst = competition.worst_equilibrium(
        game,
        rationality=rationality,
        tolerance=tolerance,
        slack=0.0 if slack is None else slack,
        rounds=ROUNDS if rounds is None else rounds,
    )
    delta = 0.0 if delta is None else delta
    return concluded(game, worst.loss, tolerance, regret, delta, gain=_granted(slack), known=known)


def _granted(slack: float | Float[Array, "*K"] | None) -> Bracket | None:
    """What leaders may gain at equilibria with slack, as a bracket."""
    return None if slack is None else Bracket(jnp.asarray(slack), jnp.asarray(slack))


def _unused(why: str, **given: object) -> None:
    """Raise ValueError for an argument that was given and would be ignored."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} is given, and {why}")
