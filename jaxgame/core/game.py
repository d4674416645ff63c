"""The game: who knows what, and what everybody wants."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.core import checks
from jaxgame.core.checks import Numbers
from jaxgame.core.record import record


@record
class Game:
    """One follower (the user), advised by K leaders (AI models), in reduced form (theory, section 1).

    - `prior` [T, S]: `prior[t, s]` is the joint law of the follower's private type t and of the state s that
      every leader observes;
    - `follower` [T, S, A]: her expected utility of action a given both, in any unit;
    - `leaders` [K, T, S, A]: each leader's, in units of its own.

    Neither a factor nor a constant for each (type, state) changes what anybody does. A pytree: `jax.vmap`
    over a batch of games works. No checks are made here; use `make_game` for input from outside.
    """

    prior: Float[Array, "T S"]
    follower: Float[Array, "T S A"]
    leaders: Float[Array, "K T S A"]

    def __repr__(self) -> str:
        shape: tuple[int, ...] = getattr(self.leaders, "shape", ())
        if len(shape) != 4:
            return f"Game(a batch or a structure of games; leaders {shape})"
        leaders, types, states, actions = shape
        return f"Game({leaders} leaders, {types} types, {states} states, {actions} actions)"

    def _repr_html_(self) -> str:
        from jaxgame.drawing import tables

        return tables.game(self)


def make_game(prior: Numbers, follower: Numbers, leaders: Numbers) -> Game:
    """Build a `Game` from plain arrays after checking them.

    With one type its axis may be left out: `prior` is [T, S] or [S], `follower` [T, S, A] or [S, A],
    `leaders` [K, T, S, A] or [K, S, A].

    Raises ValueError, naming the argument, if shapes disagree, an axis is empty (K = 0 leaders
    included), a number is not finite, or the prior is negative or does not sum to 1.

    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3],                     # innocent, guilty
    ...     follower=[[1.0, 0.0], [0.0, 1.0]],    # acquit the innocent, convict the guilty
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]]],   # a prosecutor: convict anyone
    ... )
    >>> judge
    Game(1 leaders, 1 types, 2 states, 2 actions)
    >>> float(jg.no_information_value(judge)), float(jg.full_information_value(judge))
    (0.7, 1.0)
    """
    prior, follower, leaders = checks.as_floats(prior, follower, leaders)
    if prior.ndim == 1:
        prior = prior[None, :]
    if follower.ndim == 2:
        follower = follower[None, :, :]
    if leaders.ndim == 3:
        leaders = leaders[:, None, :, :]
    for name, array, axes in (
        ("prior", prior, "[T, S] or [S]"),
        ("follower", follower, "[T, S, A] or [S, A]"),
        ("leaders", leaders, "[K, T, S, A] or [K, S, A]"),
    ):
        expected = axes.split(" or ")[0].count(",") + 1
        if array.ndim != expected:
            raise ValueError(f"{name} has {array.ndim} axes (shape {array.shape}); it must be {axes}")
        checks.check_not_empty(name, array, axes)
    types, states = prior.shape
    actions = follower.shape[-1]
    checks.check_shape("follower", follower, "[T, S, A]", (types, states, actions), "as prior is [T, S]")
    checks.check_shape(
        "leaders",
        leaders,
        "[K, T, S, A]",
        (leaders.shape[0], types, states, actions),
        "as follower is [T, S, A]",
    )
    checks.check_distribution("prior", prior)
    checks.check_finite("follower", follower)
    checks.check_finite("leaders", leaders)
    return Game(prior=prior, follower=follower, leaders=leaders)


def game_from_outcomes(joint: Numbers, follower: Numbers, leaders: Numbers) -> Game:
    """Reduce a game with payoff-relevant outcomes y to its expected utilities (theory, section 1).

    `joint[t, s, y]` is the joint law, `follower[a, y]` and `leaders[i, a, y]` the utilities. A weighted
    alignment that holds in (a, y) holds in the reduced game with the same weights and an error no
    larger; to keep that true, a pair (t, s) of probability 0, which matters to nobody, gets the
    expectation over the marginal law of y.

    Raises ValueError as `make_game` does.
    """
    joint, follower, leaders = checks.as_floats(joint, follower, leaders)
    for name, array, axes in (
        ("joint", joint, "[T, S, Y]"),
        ("follower", follower, "[A, Y]"),
        ("leaders", leaders, "[K, A, Y]"),
    ):
        if array.ndim != axes.count(",") + 1:
            raise ValueError(f"{name} has {array.ndim} axes (shape {array.shape}); it must be {axes}")
        checks.check_not_empty(name, array, axes)
    outcomes = joint.shape[-1]
    actions = follower.shape[0]
    checks.check_shape("follower", follower, "[A, Y]", (actions, outcomes), "as joint is [T, S, Y]")
    checks.check_shape(
        "leaders", leaders, "[K, A, Y]", (leaders.shape[0], actions, outcomes), "as follower is [A, Y]"
    )
    checks.check_distribution("joint", joint)
    prior = joint.sum(axis=-1)
    possible = prior > 0
    law = jnp.where(
        possible[..., None],
        joint / jnp.where(possible, prior, 1.0)[..., None],
        joint.sum(axis=(0, 1))[None, None, :],
    )
    return make_game(
        prior, jnp.einsum("tsy,ay->tsa", law, follower), jnp.einsum("tsy,kay->ktsa", law, leaders)
    )


def rating_game(scores: Numbers, target: Numbers, ratings: Numbers, prior: Numbers | None = None) -> Game:
    """The game of a person who rates items on a scale, advised by models with scores of their own.

    States are S items and actions A ratings a. `target` [S] is what the follower would rate each item, h(s),
    `scores` [K, S] what each model would have her rate it, x_i(s). All lose the square of what a rating
    misses, u(s, a) = -(a - h(s))^2 and U_i(s, a) = -(a - x_i(s))^2, in units of the scale squared. `ratings`
    [A] are those that she can give, increasing, in the scale's units; scores may lie between them or
    outside. `prior` [S] is the law of the item, uniform if None.

    With weights that sum to 1, sum_i w_i U_i - u = 2 a (sum_i w_i x_i(s) - h(s)) + c(s): the hull of the
    utilities is that of the scores (theory, section 3). With L = ratings[-1] - ratings[0] its distance, with
    an offset for each state, is the least of L max_s |sum_i w_i x_i(s) - h(s)|.

    Raises ValueError, naming the argument, if shapes disagree, an axis is empty, a number is not finite,
    there are fewer than two ratings or they do not increase, or the prior is negative or does not sum to 1.

    >>> import jaxgame as jg
    >>> stars = [1.0, 2.0, 3.0, 4.0, 5.0]
    >>> films = jg.rating_game([[3.0, 5.0, 1.0], [1.0, 2.0, 4.0]], target=[2.0, 4.0, 2.0], ratings=stars)
    >>> films
    Game(2 leaders, 1 types, 3 states, 5 actions)
    >>> fit = jg.game_hull_distance(films, "state")  # their mixture misses no film by more than 0.2 stars
    >>> [round(float(w), 6) for w in fit.weights], round(float(fit.distance.upper), 6)
    ([0.6, 0.4], 0.8)
    """
    scores, target, ratings = checks.as_floats(scores, target, ratings)
    if prior is None:
        prior = jnp.full(target.shape, 1 / max(target.size, 1), target.dtype)
    (prior,) = checks.as_floats(prior)
    for name, array, axes in (
        ("scores", scores, "[K, S]"),
        ("target", target, "[S]"),
        ("ratings", ratings, "[A]"),
        ("prior", prior, "[S]"),
    ):
        if array.ndim != axes.count(",") + 1:
            raise ValueError(f"{name} has {array.ndim} axes (shape {array.shape}); it must be {axes}")
        checks.check_not_empty(name, array, axes)
        checks.check_finite(name, array)
    for name, array in (("target", target), ("prior", prior)):
        checks.check_shape(name, array, "[S]", scores.shape[1:], "as scores is [K, S]")
    if ratings.size < 2:
        raise ValueError(f"ratings has {ratings.size} entry; it must have at least 2")
    if checks.is_concrete(ratings) and not (rise := np.diff(ratings) > 0).all():
        first = int(rise.argmin())
        raise ValueError(
            f"ratings[{first + 1}] is {ratings[first + 1]:g}, after {ratings[first]:g}; ratings must increase"
        )
    return make_game(prior, _squared_loss(target, ratings), _squared_loss(scores, ratings))


def _squared_loss(scores: Float[Array, "*B S"], ratings: Float[Array, " A"]) -> Float[Array, "*B S A"]:
    """Minus the square of what each rating misses each score by."""
    return -((ratings.reshape(*[1] * scores.ndim, -1) - scores[..., None]) ** 2)


def no_information_value(game: Game) -> Float[Array, ""]:
    """The follower's value NONE in a `game` if she acts on the prior: sum_t max_a sum_s prior[t,s] u[t,s,a].

    In her utility units. No equilibrium of a competition leaves her less, as she may ignore what she hears.
    """
    return jnp.einsum("ts,tsa->ta", game.prior, game.follower).max(axis=-1).sum()


def full_information_value(game: Game) -> Float[Array, ""]:
    """The follower's value OPT in a `game` where she learns the state: sum_ts prior[t,s] max_a u[t,s,a].

    In her utility units. It is what a perfectly aligned leader would bring her, and nothing brings her more.
    """
    return (game.prior * game.follower.max(axis=-1)).sum()
