"""Every public function of one game becomes a program for NVIDIA GPUs and for TPUs, in float64.

`jax.export` lowers for devices that are not there: what has no rule on one of them, such as a call into the
host's libraries, fails here. That XLA compiles it there and what it computes is for `make gpu`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import coalition, competition, conversation, theorems, users
from jaxgame.core.response import TIES
from jaxgame.panel import PanelGames
from jaxgame.sampling import FAMILIES, Shape
from tests.test_docstrings import FUNCTIONS
from tests.test_not_a_number import CALLED, GAME, ONCE, TWICE, batch, on_game

PLATFORMS = ("cuda", "tpu")

# Read and write files, draw figures, count, or call a function many times: none is a program of arrays.
ON_THE_HOST = {
    "jaxgame.panel.audit",
    "jaxgame.panel.load",
    "jaxgame.run_draws",
    "jaxgame.run_statistics",
    "jaxgame.runs.compiled.keep_compiled",
    "jaxgame.hull.prove_distance",
    "jaxgame.hull.prove_game_distance",
    "jaxgame.persuasion.proving.prove_best_response",
    "jaxgame.selection.prove",
    "jaxgame.selection.prove_exploitability",
    "jaxgame.selection.prove_regrets",
    "jaxgame.verify.check",
    "jaxgame.verify.check_document",
    "jaxgame.verify.read",
    "jaxgame.quantal_regret_bound",
    "jaxgame.coalition.all_clauses",
    "jaxgame.coalition.prove_cover",
    "jaxgame.coalition.prove_depth",
    "jaxgame.coalition.plane_depth",
    "jaxgame.menus.of_offers",
    "jaxgame.menus.of_schemes",
    "jaxgame.coalition.ring",
    "jaxgame.coalition.ring_loss",
    "jaxgame.coalition.satisfiability",
    "jaxgame.theorems.alignment_dimension",
    "jaxgame.theorems.wendel_coverage",
    "jaxgame.theorems.wendel_probability",
    "jaxgame.users.opposed",
    "jaxgame.users.sets_of",
    *(
        name
        for name in FUNCTIONS
        if name.startswith(("jaxgame.elicit.", "jaxgame.plot.", "jaxgame.summary."))
    ),
}

# Public names by the calls of `CALLED` that reach them.
REACHED = {
    "jaxgame.no_information_value": "values",
    "jaxgame.full_information_value": "values",
    "jaxgame.leader_value": "leader_value",
    "jaxgame.value_curve": "value_curve",
    "jaxgame.leader_frontier": "leader_frontier",
    "jaxgame.game_hull_distance": "hull",
    "jaxgame.hull_distance": "hull_distance",
    "jaxgame.hull.leader_distances": "leader_distances",
    "jaxgame.selection.best_outbids": "best_outbids",
    "jaxgame.selection.best_response_dynamics": "dynamics",
    "jaxgame.selection.evaluate": "evaluate",
    "jaxgame.selection.learning": "learning",
    "jaxgame.selection.exploitability": "exploitability",
    "jaxgame.selection.leader_curves": "leader_curves",
    "jaxgame.selection.sampled_score": "sampled_score",
    "jaxgame.selection.score_error": "worst by score",
    "jaxgame.selection.starting_offers": "starting_offers",
    "jaxgame.selection.worst_equilibrium": "worst_equilibrium",
    "jaxgame.conversation.best_reply": "best_reply",
    "jaxgame.conversation.best_response": "conversation logit",
    "jaxgame.conversation.best_response_dynamics": "conversation dynamics",
    "jaxgame.conversation.conversed": "conversed",
    "jaxgame.conversation.exploitability": "conversation gain",
    "jaxgame.conversation.outcome_of": "conversation outcome",
    "jaxgame.conversation.taught": "taught",
    "jaxgame.conversation.teaching": "teaching",
    "jaxgame.conversation.unlimited_bound": "unlimited_bound",
    "jaxgame.theorems.best_ai_selection": "guarantee",
    "jaxgame.theorems.coarse_correlated": "coarse_correlated",
    "jaxgame.theorems.learning": "learning theorem",
    "jaxgame.theorems.premise": "premise",
    "jaxgame.theorems.score_selection": "score theorem",
}

PANEL = "target", "utilities", "directions"  # principal, reviewers, proposals
KEY = 7  # of jax.random, made inside: a typed key is no array


def of_game(function: Callable[..., Any], *names: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    return on_game(function, *names), (*GAME, *names)


def of_arrays(function: Callable[..., Any], *names: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    return lambda x: function(*(x[name] for name in names)), names


def both(function: Callable[..., Any]) -> Callable[..., Any]:
    """With a follower who responds best, and with a logit one."""
    return lambda *given, **options: [function(*given, rationality=r, **options) for r in (jnp.inf, 5.0)]


def with_two_users(game: jg.Game) -> jg.Game:
    """The follower, and another one whose utility is turned round."""
    return jg.Game(
        jnp.concatenate([game.prior] * 2) / 2,
        jnp.concatenate([game.follower, game.follower[:, ::-1]]),
        jnp.concatenate([game.leaders, game.leaders[::-1]], 1),
    )


def of_users(function: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[str, ...]]:
    return of_game(lambda g: function(with_two_users(g)))


def silent(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda game: function(game, jg.selection.starting_offers(game, "none"))


# The others: a function of a dictionary of arrays, and the names of those that it takes.
FURTHER = {
    "jaxgame.action_values": of_arrays(jg.action_values, "posteriors", "utility"),
    "jaxgame.best_response": of_arrays(
        lambda values: [jg.best_response(values, tie, values if tie == "favoured" else None) for tie in TIES],
        "utility",
    ),
    "jaxgame.quantal_response": of_arrays(jg.quantal_response, "utility", "rationality"),
    "jaxgame.regret": of_arrays(jg.regret, "utility", "utility"),
    "jaxgame.update": of_arrays(jg.update, "law of types", "scheme"),
    "jaxgame.outcome": of_arrays(jg.outcome, "law of types", "scheme", "responses"),
    "jaxgame.joint_scheme": of_arrays(jg.joint_scheme, "scheme", "scheme"),
    "jaxgame.lp.linprog": of_game(
        lambda g: jg.lp.linprog(
            g.follower.reshape(-1), g.leaders.reshape(len(g.leaders), -1), g.leaders.sum((1, 2, 3))
        )
    ),
    "jaxgame.make_game": of_arrays(jg.make_game, *GAME),
    "jaxgame.game_from_outcomes": of_arrays(jg.game_from_outcomes, "outcome", "scheme", "views"),
    "jaxgame.rating_game": of_arrays(
        lambda scores, target: jg.rating_game(scores, target, np.linspace(0, 1, 3)), "utilities", "target"
    ),
    "jaxgame.competition.best_response": of_game(
        both(lambda g, f, **how: competition.best_response(g, f, 0, **how)), "views"
    ),
    "jaxgame.competition.best_response_dynamics": of_game(
        both(lambda g, f, **how: competition.best_response_dynamics(g, f, steps=2, **how)), "views"
    ),
    "jaxgame.competition.exploitability": of_game(both(competition.exploitability), "views"),
    "jaxgame.competition.law_distance": of_game(both(competition.law_distance), "views", "scheme"),
    "jaxgame.competition.leader_closure": of_game(
        both(lambda g, **how: competition.leader_closure(g, 0, **how))
    ),
    "jaxgame.competition.outcome_of": of_game(both(competition.outcome_of), "views"),
    "jaxgame.competition.sampled_outcome": of_game(
        lambda g, f: competition.sampled_outcome(jax.random.key(KEY), g, f, 16), "views"
    ),
    "jaxgame.competition.starting_schemes": of_game(
        lambda g: [
            competition.starting_schemes(g, start, 2, jax.random.key(KEY)) for start in competition.STARTS
        ]
    ),
    "jaxgame.competition.worst_equilibrium": of_game(
        lambda g, eta: [both(competition.worst_equilibrium)(g, slack=slack) for slack in (0.0, eta)], "slack"
    ),
    "jaxgame.coalition.best_weights": of_arrays(coalition.best_weights, *PANEL),
    "jaxgame.coalition.covers": of_arrays(
        lambda *panel: coalition.covers(*panel, members=jnp.arange(len(panel[1])) > 0), *PANEL
    ),
    "jaxgame.coalition.noisy": of_arrays(
        lambda share: coalition.noisy(jax.random.key(KEY), 3, 3, diversity=share.sum()), "target"
    ),
    "jaxgame.coalition.rejection_depth": of_arrays(
        lambda *panel: [coalition.rejection_depth(*panel, method=m) for m in coalition.METHODS], *PANEL
    ),
    "jaxgame.coalition.robustness": of_arrays(coalition.robustness, *PANEL),
    "jaxgame.coalition.worst_loss": of_arrays(
        lambda *panel: [coalition.worst_loss(*panel, tolerated=k) for k in (0, 1)], *PANEL
    ),
    "jaxgame.theorems.coalition": of_arrays(theorems.coalition, *PANEL),
    "jaxgame.conversation.beliefs": of_arrays(conversation.beliefs, "law of types", "law of transcripts"),
    "jaxgame.conversation.observed": of_arrays(conversation.observed, "law of types", "law of transcripts"),
    "jaxgame.conversation.spell": of_arrays(lambda scheme: conversation.spell(ONCE, scheme), "scheme"),
    "jaxgame.conversation.starting_rules": of_game(
        lambda g: [
            conversation.starting_rules(g, ONCE, start, key=jax.random.key(KEY))
            for start in conversation.STARTS
        ]
    ),
    "jaxgame.conversation.transcript_law": of_arrays(
        lambda rules, views, replies: conversation.transcript_law(TWICE, rules[:1], replies, views=views[:1]),
        "long rules",
        "views",
        "replies to each",
    ),
    "jaxgame.conversation.viewed": of_game(conversation.viewed, "scheme"),
    "jaxgame.theorems.bayes_optimal_learning": of_game(theorems.bayes_optimal_learning),
    "jaxgame.theorems.quantal_response": of_game(lambda g: theorems.quantal_response(g, 5.0)),
    "jaxgame.theorems.many_users": of_users(lambda g: theorems.many_users(g, steps=2)),
    "jaxgame.users.alignment": of_users(
        lambda g: [users.alignment(g, kind=kind, norm=norm) for kind in users.KINDS for norm in users.NORMS]
    ),
    "jaxgame.users.alone": of_users(users.alone),
    "jaxgame.users.best_response": of_users(silent(lambda g, x: users.best_response(g, x, 0))),
    "jaxgame.users.dynamics": of_users(silent(lambda g, x: users.dynamics(g, x, steps=2))),
    "jaxgame.users.exploitability": of_users(silent(users.exploitability)),
    "jaxgame.users.personalised": of_users(users.personalised),
    "jaxgame.users.population": of_arrays(
        lambda _: users.population(
            FAMILIES["noise"](), jax.random.key(KEY), Shape(2, 2, 2, 2), 0.5, users_diversity=0.5
        ),
        "target",
    ),
    "jaxgame.users.worst_equilibrium": of_users(lambda g: users.worst_equilibrium(g, steps=2)),
}


def arrays() -> dict[str, np.ndarray]:
    """One of each that the calls take."""
    one = {name: value[0] for name, value in batch().items()}
    rng = np.random.default_rng(1)
    return one | {
        "law of types": one["prior"],
        "scheme": one["views"][0],
        "utility": one["follower"],
        "directions": rng.normal(size=(4, one["target"].size)),
        "posteriors": rng.dirichlet(np.ones(2), (1, 2)),
        "responses": rng.dirichlet(np.ones(2), (1, 2)),
        "law of transcripts": rng.dirichlet(np.ones(2), (1, 2)),
        "replies to each": rng.dirichlet(np.ones(2), (1, TWICE.follower_histories)),
    }


def exported(function: Callable[..., Any], given: Any) -> jax.export.Exported:
    return jax.export.export(jax.jit(function), platforms=PLATFORMS)(jax.eval_shape(lambda: given))


def call_of(name: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    if name in FURTHER:
        return FURTHER[name]
    function, more, _ = CALLED[REACHED[name]]
    return of_game(function, *more)


# Tracing takes more than a few seconds.
SLOW = {
    "jaxgame.leader_frontier",
    "jaxgame.selection.best_response_dynamics",
    "jaxgame.selection.learning",
    "jaxgame.selection.score_error",
    "jaxgame.selection.worst_equilibrium",
    "jaxgame.theorems.coarse_correlated",
    "jaxgame.theorems.learning",
    "jaxgame.competition.best_response",
    "jaxgame.competition.best_response_dynamics",
    "jaxgame.competition.exploitability",
    "jaxgame.competition.leader_closure",
    "jaxgame.competition.starting_schemes",
    "jaxgame.competition.worst_equilibrium",
    "jaxgame.conversation.best_response",
    "jaxgame.conversation.best_response_dynamics",
    "jaxgame.conversation.exploitability",
    "jaxgame.conversation.unlimited_bound",
    "jaxgame.theorems.best_ai_selection",
    "jaxgame.theorems.bayes_optimal_learning",
    "jaxgame.theorems.quantal_response",
    "jaxgame.theorems.score_selection",
    "jaxgame.theorems.coalition",
    "jaxgame.coalition.robustness",
    "jaxgame.coalition.worst_loss",
    "jaxgame.theorems.many_users",
    "jaxgame.users.alignment",
    "jaxgame.users.best_response",
    "jaxgame.users.dynamics",
    "jaxgame.users.exploitability",
    "jaxgame.users.personalised",
    "jaxgame.users.worst_equilibrium",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in sorted(REACHED | FURTHER)],
)
def test_a_public_function_is_a_program_for_accelerators(name):
    function, taken = call_of(name)
    given = arrays()
    program = exported(function, {each: given[each] for each in taken})
    assert program.platforms == PLATFORMS
    floats = {str(one.dtype) for one in program.out_avals if jnp.issubdtype(one.dtype, jnp.floating)}
    assert floats <= {"float64"}, "less than double precision: nothing would be certified"


@pytest.mark.parametrize("family", [*(law() for law in FAMILIES.values()), PanelGames()], ids=str)
def test_a_family_is_a_program_for_accelerators(family):
    def drawn(seed):
        return family.sample(jax.random.key(seed), Shape(2, 1, 3, 2), 0.5)

    assert exported(drawn, np.int64(0)).platforms == PLATFORMS


def test_every_public_function_is_exported_or_is_none_of_arrays():
    assert set(FUNCTIONS) == ON_THE_HOST | set(REACHED) | set(FURTHER)
    assert not ON_THE_HOST & (set(REACHED) | set(FURTHER))


def test_a_call_of_the_hosts_libraries_is_noticed():
    with pytest.raises(NotImplementedError, match="not found for platforms"):
        exported(lambda matrix: jax.numpy.linalg.eigvals(matrix), np.eye(3))
