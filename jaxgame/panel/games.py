"""Games made of a score table: items and models drawn at random, and a user who rates.

`PanelGames` is a family like those in `jaxgame.sampling`, with a panel's models for leaders. It stands here
because it reads tables.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.core.game import Game, rating_game
from jaxgame.panel.table import BUNDLED, load
from jaxgame.sampling import Shape


@dataclass(frozen=True, eq=False)
class Ratings:
    """The complete rows of a panel, in memory once: equal only to itself.

    `scores` [M, N] of M models and `target` [N], in the scale's units, on N items; `models` are M names.
    """

    scores: Float[np.ndarray, "M N"]
    target: Float[np.ndarray, " N"]
    models: tuple[str, ...]


@dataclass(frozen=True)
class PanelGames:
    """Rating games of real models (`jaxgame.rating_game`): S items and K models of a score table, at random.

    Both are drawn uniformly and without replacement, items among the rows that miss no score (the few that
    "eqbench" misses are filled in, see `jaxgame.panel.load`). The follower wants the target's scores h,
    leader i wants x_i = (1 - d) m_0 + d m_i: m_i are scores of the drawn models, m_0 those of one more draw
    among all, common to the leaders. She gives one of A ratings, equally spaced from `low` to `high`;
    utilities are minus squared differences, in units of the scale squared. The prior is uniform on the S
    items, and there is one type.

    d = 0: all leaders are one model, m_0. d = 1: leaders are the models as they are. In between a leader is
    an average of two models, whose errors partly cancel, so that a single leader comes nearer to the
    follower than at either end: compare numbers of leaders at one diversity.

    `source` is a bundled panel or the path of a .parquet or .csv table, `target` the column in it that the
    user wants (None: a bundled panel's own); every other column of numbers is a model. The table is read when
    the family is made, and `table` holds it: one whose file has changed makes another family.

    Raises ValueError for what `jaxgame.panel.load` refuses, a table without target or complete rows, ends
    that are none of a scale, and scores outside it; `sample` for more than one type, more leaders than
    models, more states than complete rows, and fewer than two actions.

    >>> import jax
    >>> from jaxgame.panel import PanelGames
    >>> from jaxgame.sampling import Shape
    >>> PanelGames("eqbench").sample(jax.random.key(0), Shape(8, 1, states=4, actions=11), diversity=1.0)
    Game(8 leaders, 1 types, 4 states, 11 actions)
    """

    source: str = "eqbench"
    target: str | None = None
    low: float = 0.0
    high: float = 10.0
    table: Ratings = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not -np.inf < self.low < self.high < np.inf:
            raise ValueError(f"low is {self.low} and high {self.high}; they must be numbers, low the smaller")
        object.__setattr__(self, "table", _ratings(self.source, self.target))
        names = (*self.table.models, "the target")
        for name, scores in zip(names, (*self.table.scores, self.table.target), strict=True):
            if not (self.low <= scores.min() and scores.max() <= self.high):
                raise ValueError(
                    f"source is {self.source!r}, where {name!r} scores from {scores.min():g} to "
                    f"{scores.max():g}; scores must be from low = {self.low:g} to high = {self.high:g}"
                )

    @property
    def unit(self) -> str:
        """The unit of utilities, in words."""
        return f"squared points of a scale from {self.low:g} to {self.high:g}"

    def sample(self, key: Array, shape: Shape, diversity: float | Float[Array, ""]) -> Game:
        """Draw one game: from `key`, of the sizes of `shape`, at `diversity` from 0 to 1."""
        models, items = self.table.scores.shape
        if shape.types != 1:
            raise ValueError(f"types is {shape.types}; it must be 1: a user who rates has no private type")
        _check_at_most("leaders", shape.leaders, models, f"the number of models of {self.source!r}")
        _check_at_most("states", shape.states, items, f"the number of complete rows of {self.source!r}")
        if shape.actions < 2:
            raise ValueError(f"actions is {shape.actions}; it must be at least 2, the ends of the scale")
        item_key, common_key, model_key = jax.random.split(key, 3)
        drawn = jax.random.permutation(item_key, items)[: shape.states]
        scores, target = jnp.asarray(self.table.scores)[:, drawn], jnp.asarray(self.table.target)[drawn]
        # An order of all models: its first K are the same whatever K is.
        own = scores[jax.random.permutation(model_key, models)[: shape.leaders]]
        common = scores[jax.random.randint(common_key, (), 0, models)]
        mixed = (1 - jnp.asarray(diversity)) * common[None] + jnp.asarray(diversity) * own
        return rating_game(mixed, target, jnp.linspace(self.low, self.high, shape.actions))


def _ratings(source: str, target: str | None) -> Ratings:
    """The table, read again only if its file is another."""
    path = Path(source)
    if source in BUNDLED or not path.is_file():  # of what is not there `load` tells
        return _read(source, target, 0, 0)
    about = path.stat()
    return _read(str(path.absolute()), target, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=16)
def _read(source: str, target: str | None, changed: int, size: int) -> Ratings:
    """The table whose file was `changed` then and has that `size`: other ones are other entries."""
    if source in BUNDLED:
        panel = load(source, target=target)
    else:
        panel = load(source, target=target, split=None, missing="drop")
    if panel.target is None:
        raise ValueError(f"target of {source!r} is None; it must be the column that the user wants")
    complete = np.isfinite(panel.scores).all(axis=1) & np.isfinite(panel.target)
    if not complete.any():
        raise ValueError(f"source is {source!r}, whose rows all miss a score; it must have complete rows")
    return Ratings(panel.scores[complete].T, panel.target[complete], panel.raters)


def _check_at_most(name: str, size: int, most: int, what: str) -> None:
    if size > most:
        raise ValueError(f"{name} is {size}; it must be at most {most}, {what}")
