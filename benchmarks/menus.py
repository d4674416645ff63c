"""Games over menus for other tools: all profiles at once, beside a loop of NumPy over them.

An answer is what the follower has in a profile.
"""

import functools
import itertools
from collections.abc import Iterator

import jax
import numpy as np

import jaxgame as jg
from benchmarks.leader import random_games
from benchmarks.timing import Cell

SIZES = ((2, 3, 16), (3, 3, 16), (2, 8, 64))  # leaders; states, as many as actions; entries of each menu


def cells(quick: bool) -> Iterator[Cell]:
    """256 to 4,096 profiles."""
    for leaders, size, entries in SIZES[:1] if quick else SIZES:
        game = jax.tree.map(lambda x: x[0], random_games(6, 1, leaders, size))
        keys = jax.random.split(jax.random.key(7), entries)
        offers = jax.vmap(functools.partial(jg.selection.starting_offers, game, "random"))(keys)
        menus = list(np.moveaxis(np.asarray(offers), 1, 0))
        count = entries**leaders
        yield Cell(
            name="menus of offers",
            size=f"K={leaders} S=A={size} N={entries}",
            ours=functools.partial(_profiles, game, menus),
            count=count,
            peer="a loop of NumPy",
            theirs=functools.partial(_looped, game, menus),
            their_count=count,
        )


def _profiles(game: jg.Game, menus: list[np.ndarray]) -> np.ndarray:
    return jg.menus.of_offers(game, menus).follower.reshape(-1)


def _looped(game: jg.Game, menus: list[np.ndarray]) -> np.ndarray:
    follower, leaders = np.asarray(game.follower), np.asarray(game.leaders)
    hers = []
    for offers in itertools.product(*menus):
        values = [float((offer * follower).sum()) for offer in offers]
        kept = offers[int(np.argmax(values))]
        _ = (kept[None] * leaders).sum((1, 2, 3))  # what leaders have
        hers.append(max(values))
    return np.array(hers)
