"""From a caller's game to the standard one: what all of simultaneous competition does once, on entry.

What is not a number is replaced, so that every search ends and no lane disturbs another, and `sound` says so.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.competition.independent.private import Schemes, check_rationality, check_schemes, is_best
from jaxgame.core.game import Game
from jaxgame.core.units import Standard, is_sound, standard

STEEPEST = 1e100  # a rationality, in units of what is at stake for her, that overflows nothing


class Entry(NamedTuple):
    """What is computed with: all that depends on units is in standard ones.

    Every number is finite, but for a rationality of infinity. `sound` says whether the caller's numbers were;
    if not, the answer is thrown away in the end.
    """

    units: Standard
    schemes: list[Float[Array, "_ _"]]
    rationality: float | Float[Array, ""]
    sound: Bool[Array, ""]


def entered(game: Game, schemes: Schemes, rationality: float | Float[Array, ""]) -> Entry:
    """Game, schemes and rationality in standard units.

    Raises ValueError for schemes that do not fit the game and a negative rationality.
    """
    given = check_schemes(game, schemes)
    units = standard(game)
    rationality, usable = steepness(units, rationality)
    sound = units.sound & is_sound(given) & usable
    heard = [jnp.where(sound, scheme, 1.0 / scheme.shape[1]) for scheme in given]
    return Entry(units, heard, rationality, sound)


def steepness(
    units: Standard, rationality: float | Float[Array, ""]
) -> tuple[float | Float[Array, ""], Bool[Array, ""]]:
    """A rationality in standard units, and whether it is one; the float infinity stays.

    Raises ValueError for one that is negative.
    """
    check_rationality(rationality)
    if is_best(rationality):
        return rationality, jnp.asarray(True)
    scaled = jnp.asarray(units.scaled(rationality))
    usable = scaled >= 0  # NaN is not
    return jnp.where(usable, jnp.minimum(scaled, STEEPEST), 1.0), usable
