"""Families of random games: how leaders' utilities are drawn, and how diverse they are.

Read `Noise` first, the family with a closed form. `FAMILIES` is the registry by name. Every family draws the
follower's utility u[t,s,a] uniform on [0, 1] (unless it says otherwise), a prior uniform on the simplex over
(t, s), and leaders one at a time from keys of their own, so that the game of the first K leaders does not
depend on how many more are drawn.

`diversity` d in [0, 1] is one number with one meaning: 0 makes leaders' misalignment common to all,
1 makes it each leader's own. Leaders mix a common draw g_0 and their own g_i, standard normal in every
entry, as sqrt(1 - d) g_0 + sqrt(d) g_i, which is standard normal at every d, with correlation 1 - d
between leaders. A family that wants values in [0, 1] applies the normal distribution function Phi.
"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float

from jaxgame.core.game import Game


@dataclass(frozen=True)
class Shape:
    """Sizes of a game, integers of at least 1: `leaders` K, `types` T, `states` S, `actions` A.

    Raises ValueError for one that is smaller.
    """

    leaders: int
    types: int
    states: int
    actions: int

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise ValueError(f"{name} is {size}; it must be at least 1")


@runtime_checkable  # the tests check types while they run
class Family(Protocol):
    """A law of games. Instances are immutable and hashable; `sample` is pure and works under jit and vmap.

    What every family keeps: equal keys give equal games, and the first K leaders are the same however many
    more are drawn.
    """

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game.

        All randomness comes from `key`; sizes are those of `shape`; `diversity` from 0 (misalignment common
        to all leaders) to 1 (each leader's own) may be traced and is not checked.
        """
        ...


@dataclass(frozen=True)
class Noise:
    """Mistakes without a purpose: U_i = u + strength * xi_i, xi_i symmetric normal, not clipped.

    `strength` of at least 0 is the standard deviation of a mistake, in utility units. d = 0: all leaders
    make the same mistake, the hull is one point. d = 1: mistakes are independent; then P(distance = 0) is
    Wendel's formula (theory, section 3), whatever `strength` > 0.

    Raises ValueError for a negative strength.
    """

    strength: float = 0.5

    def __post_init__(self) -> None:
        _check_at_least("strength", self.strength, 0.0)

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior, follower, key = _follower(key, shape)
        errors = _correlated(key, shape, diversity)
        return Game(prior, follower, follower[None] + self.strength * errors)


@dataclass(frozen=True)
class Uniform:
    """Leaders who never heard of the user: U_i = Phi(z_i), uniform on [0, 1] and independent of u.

    d = 0: all leaders are identical. d = 1: all entries of all leaders are independent.
    """

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior, follower, key = _follower(key, shape)
        return Game(prior, follower, ndtr(_correlated(key, shape, diversity)))


@dataclass(frozen=True)
class SharedBias:
    """One pull on everybody: U_i = u + rho * b + strength * d * xi_i, with b and xi_i uniform on [-1, 1].

    `rho` and `strength`, at least 0, are the largest common and own pulls, in utility units. d = 0: every
    leader is off by exactly the common bias rho * b. d = 1: its own pull is added to the common one. However
    many leaders there are, they stay centred on u + rho * b: more of them do not surround u unless own pulls
    outweigh the common one.

    Raises ValueError for a negative `rho` or `strength`.
    """

    rho: float = 0.5
    strength: float = 1.0

    def __post_init__(self) -> None:
        _check_at_least("rho", self.rho, 0.0)
        _check_at_least("strength", self.strength, 0.0)

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior, follower, key = _follower(key, shape)
        common, own = _common_and_own(key, shape)
        bias, pulls = 2 * ndtr(common) - 1, 2 * ndtr(own) - 1
        leaders = follower[None] + self.rho * bias[None] + self.strength * diversity * pulls
        return Game(prior, follower, leaders)


@dataclass(frozen=True)
class Goals:
    """A purpose of one's own: U_i = (1 - weight) u + weight * g_i, with goals g_i = Phi(z_i) on [0, 1].

    Goals are what the leader's owner is paid for, such as revenue or engagement. They depend on the
    follower's action alone (`g_i[a]`), or on everything with `state_dependent`. d = 0: all leaders serve one
    goal. d = 1: goals are independent; 1 - d is the correlation of the normal scores z_i. `weight`, from 0 to
    1, is the goal's part of the utility: a leader with weight 1 ignores the user.

    Raises ValueError for a weight outside [0, 1].
    """

    weight: float = 0.5
    state_dependent: bool = False

    def __post_init__(self) -> None:
        _check_at_least("weight", self.weight, 0.0, 1.0)

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior, follower, key = _follower(key, shape)
        goals = _goals(key, shape, diversity, self.state_dependent)
        return Game(prior, follower, (1 - self.weight) * follower[None] + self.weight * goals)


@dataclass(frozen=True)
class LowRank:
    """Few values behind many utilities: u = theta_0 . phi and U_i = theta_i . phi, with `factors` factors.

    phi[f, t, s, a] and theta are standard normal, scaled so that utilities have variance 1; theta_i are
    mixed as above and independent of theta_0. d = 0: all leaders hold the same values. d = 1: values are
    independent. Up to an offset the hull can surround u once K exceeds the number of factors, however many
    entries the table has: theta_0 then may lie in the hull of the theta_i, points of as many dimensions as
    there are factors.

    Raises ValueError for fewer than one factor.
    """

    factors: int = 3

    def __post_init__(self) -> None:
        _check_at_least("factors", self.factors, 1)

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior_key, factor_key, user_key, leader_key = jax.random.split(key, 4)
        entries = (shape.types, shape.states, shape.actions)
        factors = jax.random.normal(factor_key, (self.factors, *entries)) / self.factors**0.5
        common_key, own_key = jax.random.split(leader_key)
        common = jax.random.normal(common_key, (self.factors,))
        own = _one_by_one(own_key, shape.leaders, (self.factors,))
        values = _mix(common, own, diversity)
        return Game(
            _prior(prior_key, shape),
            jnp.einsum("f,ftsa->tsa", jax.random.normal(user_key, (self.factors,)), factors),
            jnp.einsum("kf,ftsa->ktsa", values, factors),
        )


@dataclass(frozen=True)
class Persona:
    """Goals and noise: U_i = (1 - weight) u + weight * g_i + strength * xi_i, xi_i normal and always its own.

    As when one model is prompted to play many parts: the part gives the goal, the wording the noise.
    `weight`, from 0 to 1, is the goal's part of the utility, and goals are those of `Goals`, with
    `state_dependent` too; `strength` of at least 0 is the standard deviation of the noise, in utility units.
    d = 0: one part in many wordings, leaders differ by noise alone. d = 1: parts are independent.

    Raises ValueError for a weight outside [0, 1] or a negative strength.
    """

    weight: float = 0.5
    strength: float = 0.2
    state_dependent: bool = False

    def __post_init__(self) -> None:
        _check_at_least("weight", self.weight, 0.0, 1.0)
        _check_at_least("strength", self.strength, 0.0)

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior, follower, key = _follower(key, shape)
        goal_key, noise_key = jax.random.split(key)
        goals = _goals(goal_key, shape, diversity, self.state_dependent)
        noise = _one_by_one(noise_key, shape.leaders, follower.shape)
        leaders = (1 - self.weight) * follower[None] + self.weight * goals + self.strength * noise
        return Game(prior, follower, leaders)


@dataclass(frozen=True)
class Between:
    """A user between two models: u = w U_0 + (1 - w) U_1, w uniform on [0, 1], U_i = Phi(z_i) on [0, 1].

    However many more leaders there are, and at every diversity, she is exactly in the hull of the first two:
    the law on which the exact statements of the theorems are checked. A single leader is the first of them.
    With `apart` > 0 she is in the hull in half of the games; in the others she is off by `apart` t xi, with t
    uniform on [0, 1] and xi standard normal in every entry. d = 0: all leaders are identical. d = 1: all
    entries of all leaders are independent.

    Raises ValueError for a negative `apart`.
    """

    apart: float = 0.0

    def __post_init__(self) -> None:
        _check_at_least("apart", self.apart, 0.0)

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        prior_key, weight_key, off_key, rest = jax.random.split(key, 4)
        both = replace(shape, leaders=max(shape.leaders, 2))
        models = ndtr(_correlated(rest, both, diversity))
        weight, far = jax.random.uniform(weight_key, (2,))
        off = self.apart * jnp.maximum(2 * far - 1, 0.0) * jax.random.normal(off_key, models.shape[1:])
        follower = weight * models[0] + (1 - weight) * models[1] + off
        return Game(_prior(prior_key, shape), follower, models[: shape.leaders])


FAMILIES: dict[str, type[Family]] = {
    "noise": Noise,
    "uniform": Uniform,
    "shared_bias": SharedBias,
    "goals": Goals,
    "low_rank": LowRank,
    "persona": Persona,
    "between": Between,
}


def _follower(key: Array, shape: Shape) -> tuple[Array, Array, Array]:
    """Prior, follower's utility, and a key for the rest."""
    prior_key, follower_key, rest = jax.random.split(key, 3)
    follower = jax.random.uniform(follower_key, (shape.types, shape.states, shape.actions))
    return _prior(prior_key, shape), follower, rest


def _prior(key: Array, shape: Shape) -> Array:
    # Independent exponentials, normalised, are uniform on the simplex.
    parts = jax.random.exponential(key, (shape.types, shape.states))
    return parts / parts.sum()


def _one_by_one(key: Array, leaders: int, shape: tuple[int, ...]) -> Array:
    """Standard normal [K, *shape], leader i from a key of its own, however many more there are."""
    keys = jax.vmap(lambda leader: jax.random.fold_in(key, leader))(jnp.arange(leaders))
    return jax.vmap(lambda own: jax.random.normal(own, shape))(keys)


def _common_and_own(key: Array, shape: Shape) -> tuple[Array, Array]:
    """The draw g_0 [T, S, A] that all leaders share, and their own g_i [K, T, S, A]."""
    entries = (shape.types, shape.states, shape.actions)
    common_key, own_key = jax.random.split(key)
    return jax.random.normal(common_key, entries), _one_by_one(own_key, shape.leaders, entries)


def _mix(common: Array, own: Array, diversity: float | Array) -> Array:
    """Standard normal at every diversity d, with correlation 1 - d between leaders."""
    return jnp.sqrt(1 - jnp.asarray(diversity)) * common[None] + jnp.sqrt(jnp.asarray(diversity)) * own


def _correlated(key: Array, shape: Shape, diversity: float | Array) -> Array:
    return _mix(*_common_and_own(key, shape), diversity)


def _goals(key: Array, shape: Shape, diversity: float | Array, state_dependent: bool) -> Array:
    """Goals [K, T, S, A], uniform on [0, 1]; of the action alone [K, 1, 1, A]."""
    if state_dependent:
        return ndtr(_correlated(key, shape, diversity))
    actions_only = Shape(shape.leaders, 1, 1, shape.actions)
    return ndtr(_correlated(key, actions_only, diversity))


def _check_at_least(
    name: str, value: float | int, least: float | int, most: float | int = float("inf")
) -> None:
    if not least <= value <= most:
        limit = f"at least {least:g}" if most == float("inf") else f"between {least:g} and {most:g}"
        raise ValueError(f"{name} is {value}; it must be {limit}")
