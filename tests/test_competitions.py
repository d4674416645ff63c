"""One contract for all competitions (`core.competition`), and one that is defined here, from outside."""

from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition, selection
from jaxgame.core.competition import Competition
from jaxgame.core.revision import ENDS

STEPS = 24


class Trace(NamedTuple):
    follower: jax.Array
    leaders: jax.Array
    gain: jg.Bracket
    end: jax.Array
    steps: jax.Array


class Dictator:
    """The follower hears the first leader alone: a profile is its outcome, and one revision is enough."""

    def _best(self, game):
        return jg.leader_value(game, 0, jg.no_information_value(game))

    def exploitability(self, game, profile):
        best, has = self._best(game).value, (game.leaders[0] * profile).sum()
        return jg.Bracket(best.lower - has, best.upper - has)

    def best_response_dynamics(self, game, profile, *, steps=STEPS):
        best = self._best(game).outcome
        outcomes = jnp.stack([profile, *[best] * steps])
        follower = (outcomes * game.follower[None]).sum((1, 2, 3))
        leaders = (outcomes[:, None] * game.leaders[None]).sum((2, 3, 4))
        gain = jax.vmap(self.exploitability, (None, 0))(game, outcomes)
        return Trace(follower, leaders, gain, jnp.array(ENDS.index("converged")), jnp.array(1))

    def worst_equilibrium(self, game):
        """Between no information and the best outcome that was found: it may have others as good."""
        full, best = jg.full_information_value(game), self._best(game).outcome
        value = jg.Bracket(jg.no_information_value(game), (best * game.follower).sum())
        loss = jg.Bracket(full - value.upper, full - value.lower)
        return SimpleNamespace(value=value, loss=loss, converged=value.width <= 1e-6)


def offers(game):
    return selection.starting_offers(game, "random", jax.random.key(1))


def schemes(game):
    return competition.starting_schemes(game, "random", 2, jax.random.key(1))


def kept(game, offers):
    """The outcome that the follower selects."""
    return offers[(offers * game.follower[None]).sum((1, 2, 3)).argmax()]


def itself(game, profile):
    return profile


CASES = [
    pytest.param(Dictator(), lambda game: offers(game)[0], itself, id="from outside"),
    pytest.param(selection, offers, kept, id="selection", marks=pytest.mark.slow),
    pytest.param(competition, schemes, itself, id="competition", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("rules", "start", "judged"), CASES)
def test_a_competition_keeps_the_contract(rules: Competition, start, judged):
    rng = np.random.default_rng(2)
    game = jg.make_game(rng.dirichlet(np.ones(2)), rng.random((2, 2)), rng.random((2, 2, 2)))
    none, full = float(jg.no_information_value(game)), float(jg.full_information_value(game))
    profile = start(game)
    gain = rules.exploitability(game, judged(game, profile))
    assert -1e-9 <= float(gain.lower) <= float(gain.upper)

    trace = rules.best_response_dynamics(game, profile, steps=STEPS)
    assert trace.follower.shape == (STEPS + 1,) and trace.leaders.shape == (STEPS + 1, 2)
    assert (trace.gain.lower <= trace.gain.upper).all() and 0 <= int(trace.steps) <= STEPS
    if trace.gain.lower.ndim:
        assert float(trace.gain.lower[0]) == pytest.approx(float(gain.lower), abs=1e-6)
    assert ENDS[int(trace.end)] in ENDS

    worst = rules.worst_equilibrium(game)
    assert none - 1e-6 <= float(worst.value.lower) <= float(worst.value.upper) <= full + 1e-6
    assert float(worst.loss.lower) == pytest.approx(full - float(worst.value.upper), abs=1e-6)
    # Where nobody gains anything it is an equilibrium, and worth no less than the worst.
    ended = float(jnp.atleast_1d(trace.gain.upper)[-1]) <= 1e-9
    assert not ended or float(trace.follower[-1]) >= float(worst.value.lower) - 1e-6
