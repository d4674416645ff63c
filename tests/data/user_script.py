"""Ten lines as a user might write them; `mypy --strict` has nothing to say of them."""

import os

os.environ["JAX_ENABLE_X64"] = "1"  # jax.config.update has no types

import jaxgame as jg

judge = jg.make_game([0.7, 0.3], [[1.0, 0.0], [0.0, 1.0]], [[[0.0, 1.0]] * 2, [[1.0, 0.0]] * 2])
best = jg.leader_value(judge, 0, threshold=0.7)
fit = jg.hull_distance([0.0, 1.0, 0.0], [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0]])
worst = jg.selection.worst_equilibrium(judge)
brackets: list[jg.Bracket] = [best.value, fit.distance, worst.value]
widths: list[float] = [float(bracket.upper - bracket.lower) for bracket in brackets]
guarantee = jg.theorems.best_ai_selection(judge)
print(jg.__version__, max(widths), jg.theorems.VERDICTS[int(guarantee.holds)])
