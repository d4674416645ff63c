"""Solvers called outside jit, as in a notebook, compile once for a shape."""

import jax
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition

SOLVERS = {
    "hull_distance": jg.game_hull_distance,
    "leader_value": lambda game: jg.leader_value(game, 0, 0.6),
    "leader_frontier": lambda game: jg.leader_frontier(game, 0),
    "selection": jg.selection.worst_equilibrium,
    "competition": competition.worst_equilibrium,
    "competition_logit": lambda game: competition.worst_equilibrium(
        game, rationality=5.0, tolerance=1e-3, rounds=2
    ),
    "competition_slack": lambda game: competition.worst_equilibrium(game, slack=0.01),
    "leader_closure": lambda game: competition.leader_closure(game, 0),
    "leader_closure_logit": lambda game: competition.leader_closure(game, 0, rationality=5.0),
    "theorem": jg.theorems.best_ai_selection,
    "coalition": lambda game: jg.coalition.rejection_depth(
        game.follower[0, 0], game.leaders[0, 0], np.eye(2), method="programs"
    ),
    "users": lambda game: jg.users.worst_equilibrium(
        jg.Game(
            np.concatenate([game.prior] * 2) / 2,
            np.concatenate([game.follower] * 2),
            np.concatenate([game.leaders] * 2, 1),
        )
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_a_second_call_outside_jit_compiles_nothing(solve):
    jax.clear_caches()  # another test may have called it
    game = jg.make_game([0.7, 0.3], np.eye(2), np.array([[[0.0, 1.0], [0.0, 1.0]]] * 2))
    other = jax.tree.map(lambda x: x / 2 + 0.25, game)
    compiled = []

    def listen(event: str, seconds: float, **_):
        compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        solve(game)
        assert any("compile" in event for event in compiled)
        compiled.clear()
        solve(other)
        assert compiled == []
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
