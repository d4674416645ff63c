"""The follower's distance to the hull of the leaders' utilities: see `distance`."""

from jaxgame.hull.distance import (
    GAME_NORMS,
    GAME_OFFSETS,
    NORMS,
    OFFSETS,
    SCALES,
    HullFit,
    game_hull_distance,
    hull_distance,
    leader_distances,
)
from jaxgame.hull.proving import prove_distance, prove_game_distance

__all__ = [
    "GAME_NORMS",
    "GAME_OFFSETS",
    "NORMS",
    "OFFSETS",
    "SCALES",
    "HullFit",
    "game_hull_distance",
    "hull_distance",
    "leader_distances",
    "prove_distance",
    "prove_game_distance",
]
