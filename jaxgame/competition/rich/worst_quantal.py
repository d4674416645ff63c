"""The worst equilibrium of simultaneous competition with a logit follower and two states.

Utilities are smooth functions v of the public posterior x of state 1, not linear on regions: a grid of
posteriors takes the place of vertices, and bounds on what happens between its points (`logit_curves`) that of
exactness [own]. What decides the answer is where leaders' curves leave their closures. `logit_grid` finds
these touching points first, by Newton's method, and puts the grid around them; `logit_laws` proves what can
be proven on it. Most games are done with their first grid. The others look again, with more points where the
last grid left something open: bounds of all grids hold.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.independent.entry import steepness
from jaxgame.competition.rich.equilibrium import LeaderClosure, WorstRichEquilibrium, told
from jaxgame.competition.rich.logit_curves import Curves, Problem, curves_on, problem_of, responses
from jaxgame.competition.rich.logit_grid import (
    KEPT,
    PARTS,
    Gaps,
    even,
    first_grid,
    gaps,
    ladders,
    split,
)
from jaxgame.competition.rich.logit_laws import Judged, Law, at_closure, competing, single
from jaxgame.competition.rich.slack_laws import atoms, forgiving, wanted
from jaxgame.competition.rich.slack_program import forgiven
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import Standard, is_sound, standard, unheard, unknown

REFINEMENTS = 3  # a round; they add few points each
CLOSURE_ROUNDS = 3
CLOSURE_WIDTH = 1e-12  # of a leader's range


class _Method(NamedTuple):
    """How a grid is judged; how many cells of it that wants split, and how many posteriors its laws have."""

    judge: Callable[[Problem, Curves, Gaps], Judged]
    wanted: int
    atoms: int


class _Search(NamedTuple):
    """The loop: judge a grid; stop if the bracket is narrow or rounds are over, else split cells of it."""

    recent: Float[Array, "R M"]  # what was split last, by refinement
    law: Law
    refinements: Int[Array, ""]
    done: Bool[Array, ""]


@functools.partial(jax.jit, static_argnames="rounds")
def worst_quantal(
    game: Game, rationality: Float[Array, ""], tolerance: Float[Array, ""], rounds: int
) -> WorstRichEquilibrium:
    """The follower's least equilibrium value when she responds by logit, for two states; see the module.

    `posteriors` [4, 2] of the result are certainty of state 0, two more, and certainty of state 1: no law
    needs others. `slack` is a few roundings: 6e-14 of a leader's range, and 6e-15 for each unit of the
    exponent of her response. A law that misses no more may have posteriors off by some sqrt(slack), and both
    ends may be below the exact one by as much. With a rationality of 0 all is linear and exact. Where the
    bracket is wider than the tolerance after `rounds` rounds, `converged` is False.

    Raises ValueError for other than two states.
    """
    units = standard(game)
    steep, usable = steepness(units, rationality)
    sound = units.sound & usable & is_sound(tolerance)
    problem = problem_of(units, jnp.asarray(steep))
    if len(game.leaders) > 1:
        method = _Method(competing, 4 * len(game.leaders) + 2, 4)
    else:
        method = _Method(single, 10, 4)
    return _worst(units, sound, problem, tolerance, method, rounds)


@functools.partial(jax.jit, static_argnames="rounds")
def worst_quantal_slack(
    game: Game,
    rationality: Float[Array, ""],
    tolerance: Float[Array, ""],
    slack: Float[Array, "*K"],
    rounds: int,
) -> WorstRichEquilibrium:
    """The same over slack-equilibria, for a slack [K] or one for all; see `worst_slack`.

    `posteriors` [atoms(K), 2] of the result begin and end with certainty; its `slack` is what was forgiven
    and a few roundings, though leaders may gain less. Where nothing was forgiven the law may have posteriors
    off by the root of that, as in `worst_quantal`.

    Raises ValueError for other than two states.
    """
    units = standard(game)
    steep, usable = steepness(units, rationality)
    sound = units.sound & usable & is_sound(tolerance, slack) & (jnp.asarray(slack) >= 0).all()
    problem = problem_of(units, jnp.asarray(steep))
    eta = jnp.where(sound, forgiven(units, problem.unit, slack), 0.0)
    leaders = len(game.leaders)
    method = _Method(functools.partial(forgiving, eta), wanted(leaders), atoms(leaders))
    return _worst(units, sound, problem, tolerance, method, rounds)


def _worst(
    units: Standard,
    sound: Bool[Array, ""],
    problem: Problem,
    tolerance: Float[Array, ""],
    method: _Method,
    rounds: int,
) -> WorstRichEquilibrium:
    """What is found by a way of judging grids."""
    width = jnp.where(sound, tolerance, 1.0) * units.stake

    def ends(law: Law) -> Bracket:
        """What she loses. Neither less than 0 nor more than 1, whatever a huge rationality may round."""
        attained, bound = jnp.maximum(law.attained - problem.rounding, 0.0), jnp.minimum(law.bound, 1.0)
        return Bracket(problem.her_unit * attained, problem.her_unit * bound)

    final = _searched(problem, method, rounds, lambda law: ends(law).width <= width)
    law = final.law
    return told(
        units,
        sound,
        ends(law),
        width,
        posteriors=jnp.stack([1 - law.x, law.x], 1),
        weights=law.weights,
        responses=jnp.moveaxis(responses(problem, law.x), 2, 0),
        slack=law.gain,
        candidates=law.cells,
        opened=law.opened,
        pivots=final.refinements,
    )


@jax.jit
def closure_quantal(game: Game, leader: Int[Array, ""], rationality: Float[Array, ""]) -> LeaderClosure:
    """One leader's closure at the prior when the follower responds by logit, for two states."""
    units = standard(Game(game.prior, game.follower, game.leaders[leader][None]))
    steep, usable = steepness(units, rationality)
    sound = units.sound & usable
    problem = problem_of(units, jnp.asarray(steep))

    def narrow(law: Law) -> Bool[Array, ""]:
        return law.bound - law.attained <= CLOSURE_WIDTH

    law = _searched(problem, _Method(at_closure, 8, 4), CLOSURE_ROUNDS, narrow).law
    # Neither less than 0 nor more than 1, whatever a huge rationality may round.
    lower = jnp.maximum(law.attained - problem.rounding, 0.0)
    upper = jnp.minimum(law.bound + problem.rounding, 1.0)
    value = Bracket(problem.unit[0] * lower, problem.unit[0] * upper)
    return LeaderClosure(
        value=unknown(sound, units.leader(0).bracket(value)),
        posteriors=unheard(sound, jnp.stack([1 - law.x, law.x], 1)),
        weights=unheard(sound, law.weights),
    )


def _searched(
    problem: Problem, method: _Method, rounds: int, narrow: Callable[[Law], Bool[Array, ""]]
) -> _Search:
    """Judge grids until the bracket is narrow, at most for `rounds` rounds.

    The first two of the wanted cells may hide gaps, and are split in the coarse grid on which gaps are found,
    too.
    """
    base, between = first_grid(problem)

    def step(search: _Search) -> _Search:
        coarse, fine = (part.reshape(-1) for part in jnp.split(search.recent, [2 * (PARTS - 1)], 1))
        coarse = jnp.sort(jnp.concatenate([base, coarse]))
        found = gaps(problem, coarse)
        curves = curves_on(problem, jnp.sort(jnp.concatenate([coarse, between, fine, ladders(found)])))
        law, cells = method.judge(problem, curves, found)
        law = _better(law, search.law)
        done = narrow(law) | (search.refinements == REFINEMENTS * rounds)
        recent = jnp.concatenate([search.recent[1:], split(curves.x, cells)[None]])
        return _Search(recent, law, search.refinements + (~done).astype(jnp.int32), done)

    recent = jnp.asarray(even(KEPT * method.wanted * (PARTS - 1)).reshape(KEPT, -1), base.dtype)
    none, number = jnp.full_like(problem.at, jnp.inf), jnp.int32(0)
    nobody = jnp.zeros(method.atoms, base.dtype)
    blank = Law(none, -none, nobody, nobody, none, number, number)
    start = _Search(recent, blank, number, jnp.asarray(False))
    return jax.lax.while_loop(lambda search: ~search.done, step, start)


def _better(new: Law, old: Law) -> Law:
    """The least bound, and the law that is an equilibrium to less slack or, equally, attains more.

    Slack that differs by rounding is equal, but for which law is the last one.
    """
    better = jnp.where(new.gain == old.gain, new.attained > old.attained, new.gain <= 2 * old.gain)
    law = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old)
    return law._replace(bound=jnp.minimum(new.bound, old.bound), cells=new.cells, opened=new.opened)
