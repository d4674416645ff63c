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
]
