"""Games of many users: one that is known exactly, and random ones with a diversity of the users' own."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.core.game import Game, make_game
from jaxgame.sampling import Family, Shape


def opposed(k: float, users: int = 2) -> Game:
    """Users with a leader each, paid for her match less `k` times every other user's (theory, section 11).

    Two states of probability 1/2; all users, J = `users` of them with shares 1/J, want to match the state,
    and each has a leader whose pay for her is hers. With two of them who hear the same, every user's value at
    pure equilibria is exactly 1 for k < 1, and all of [1/2, 1] for k > 1; with a scheme for each it is 1 for
    every k [own]. k is in units of utility per unit.

    Raises ValueError for fewer than two users and a k that is not a finite number.

    >>> import jaxgame as jg
    >>> jg.users.opposed(0.5)
    Game(2 leaders, 2 types, 2 states, 2 actions)
    """
    if users < 2:
        raise ValueError(f"users is {users}; it must be at least 2")
    if not np.isfinite(k):
        raise ValueError(f"k is {k}; it must be a finite number")
    match = np.eye(2)
    pay = np.where(np.eye(users, dtype=bool), 1.0, -float(k))
    follower = np.broadcast_to(match, (users, 2, 2))
    return make_game(np.full((users, 2), 0.5 / users), follower, pay[:, :, None, None] * match)


def population(
    family: Family,
    key: Array,
    shape: Shape,
    diversity: float | Float[Array, ""],
    *,
    users_diversity: float | Float[Array, ""],
) -> Game:
    """Draw a game of users: each user's game mixes one that all share and one of her own, both of a `family`.

    With e = `users_diversity` from 0 (all users are alike, and leaders want the same of each) to 1 (nothing
    in common), user j's utility and what leaders are paid for her are sqrt(1 - e) G_0 + sqrt(e) G_j, where
    G_0, G_1, ... are drawn from `key`, of the sizes of `shape` (whose `types` is the number of users J) at
    the leaders' `diversity`. Whatever a family says of leaders' mistakes that are added to the user's utility
    holds for each user. States have the law of G_0 for all users, whose shares are equal. The first J users,
    and the first K leaders, are the same however many more are drawn. Works under jit and vmap.

    >>> import jax
    >>> import jaxgame as jg
    >>> shape = jg.sampling.Shape(leaders=3, types=2, states=2, actions=2)
    >>> jg.users.population(jg.sampling.Noise(), jax.random.key(0), shape, 1.0, users_diversity=0.5)
    Game(3 leaders, 2 types, 2 states, 2 actions)
    """
    single = Shape(shape.leaders, 1, shape.states, shape.actions)
    keys = jax.vmap(lambda user: jax.random.fold_in(key, user))(jnp.arange(shape.types + 1))
    games = jax.vmap(lambda own: family.sample(own, single, diversity))(keys)
    apart = jnp.asarray(users_diversity, games.follower.dtype)

    def mixed(x: Array) -> Array:
        return jnp.sqrt(1 - apart) * x[:1] + jnp.sqrt(apart) * x[1:]

    prior = jnp.broadcast_to(games.prior[0] / shape.types, (shape.types, shape.states))
    return Game(prior, mixed(games.follower[:, 0]), jnp.moveaxis(mixed(games.leaders[:, :, 0]), 0, 1))
