"""Where a best-responding follower takes which action: regions of public posteriors, and their vertices.

At a public posterior q over states, type t has weight `sum_s q_s P(t|s)`. She follows a map from types to
actions. The posteriors at which a map is best for all types are a polytope, its region; all players' values
are linear there, so that its vertices are all that matters for concave closures (theory, section 4 (1)).
"""

import itertools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame.core.arithmetic import divided
from jaxgame.core.game import Game
from jaxgame.core.units import Standard, action_range
from jaxgame.persuasion.lanes import action_maps

MAX_STATES = 4
MAX_PAIRS = 4096

# Of the largest gap between two actions: the worse one counts as best if it misses by no more.
TIED = 1e-9

# Of the follower's range of losses: two actions that never differ by more are the same to her.
SAME = 1e-13

# Of a region's depth: a vertex that misses its region by more proves nothing about what a leader can attain.
OUTSIDE = 1e-10

SINGULAR = 1e-14

# Posteriors nearer to one another are the same vertex.
REPEATED = 1e-12


class Pairs(NamedTuple):
    """N = M C pairs of a posterior and a map that is best there: for each of M maps, C candidate vertices.

    `posterior` [N, S]; `valid` says that the map is best there within TIED, `sure` that it also is the only
    best one arbitrarily near. `strict` [M]: the map is the only best one somewhere. Invalid candidates are
    finite and to be left out. `complete` unless rounding took a vertex for more than the polytope can have.
    """

    posterior: Float[Array, "N S"]
    valid: Bool[Array, " N"]
    sure: Bool[Array, " N"]
    strict: Bool[Array, " M"]
    maps: np.ndarray  # [M, T]
    complete: Bool[Array, ""]


class Ranges(NamedTuple):
    """Players' utilities from 0 to 1, whatever the state's probability, and what takes them back.

    At a posterior an unlikely state counts as much as any: the unit is the largest range of a (type, state),
    not what is at stake under the prior. `unit` and `her_unit` lead to standard units, and are 0 for a player
    who does not care.
    """

    gain: Float[Array, "K T S A"]
    loss: Float[Array, "T S A"]
    unit: Float[Array, " K"]
    her_unit: Float[Array, ""]


class Values(NamedTuple):
    """Players' expected utilities given the state and a map, in the same units.

    `gain` [K, M, S] of leaders; `loss` [M, S]: what the map costs the follower against knowing the state.
    """

    gain: Float[Array, "K M S"]
    loss: Float[Array, "M S"]
    unit: Float[Array, " K"]
    her_unit: Float[Array, ""]


def pairs(game: Game) -> Pairs:
    """All vertices of all regions of a game with at most 4 states.

    A vertex is where S - 1 of a region's constraints bind: signed minors of their rows. In order:

    1. all choices of S - 1 constraints for all maps, the candidates; degenerate ones and those outside the
       region are not valid;
    2. how deep each region is, by which its vertices count as sure, or its map as the only best one
       somewhere;
    3. of a vertex that comes several times the first is kept, sure ones before others.

    Raises ValueError for more than 4 states or more than 4,096 candidates.
    """
    types, states, actions = game.follower.shape
    choices = _choices(types, states, actions)
    maps, _ = _maps(types, actions)
    rows = _obedience(game)  # [M,Q,S]
    limits = jnp.broadcast_to(jnp.eye(states, dtype=rows.dtype)[None], (len(maps), states, states))
    binding = jnp.concatenate([rows, limits], 1)[:, choices]  # [M,C,S-1,S]
    direction = _minors(binding)
    total = direction.sum(-1, keepdims=True)
    regular = jnp.abs(total) > SINGULAR
    found = divided(direction, total, regular, 1.0 / states)
    inside = regular[..., 0] & (found.min(-1) >= -TIED)
    found = jnp.maximum(found, 0.0)
    found = found / jnp.maximum(found.sum(-1, keepdims=True), 0.5)

    slack = _least(jnp.einsum("mqs,mcs->mcq", rows, found))
    valid = inside & (slack >= -TIED)
    # The mean of the vertices is as deep in the region as any point, up to a factor.
    number = jnp.maximum(valid.sum(1), 1).astype(rows.dtype)
    centre = jnp.where(valid[..., None], found, 0.0).sum(1) / number[:, None]
    depth = jnp.where(valid.any(1), _least(jnp.einsum("mqs,ms->mq", rows, centre)), -1.0)
    strict = depth > TIED
    sure = valid & strict[:, None] & (slack >= -OUTSIDE * depth[:, None])

    # Of vertices that come several times the first, sure ones before others, no more than there can be.
    order = jnp.argsort(jnp.where(sure, 0, jnp.where(valid, 1, 2)), axis=1)
    found, valid, sure = (
        jnp.take_along_axis(x, order.reshape(order.shape + (1,) * (x.ndim - 2)), 1)
        for x in (found, valid, sure)
    )
    apart = jnp.abs(found[:, :, None] - found[:, None]).max(-1) > REPEATED
    earlier = np.tri(len(choices), k=-1, dtype=bool)[None]
    kept = valid & (apart | ~earlier | ~valid[:, None]).all(2)
    most = min(len(choices), _most_vertices(types * (actions - 1) + states, states))
    order = jnp.argsort(~kept, axis=1)[:, :most]
    found, sure = jnp.take_along_axis(found, order[..., None], 1), jnp.take_along_axis(sure, order, 1)
    complete = (kept.sum(1) <= most).all()
    kept = jnp.take_along_axis(kept, order, 1)
    return Pairs(
        found.reshape(-1, states), kept.reshape(-1), (sure & kept).reshape(-1), strict, maps, complete
    )


def tied_at_corners(game: Game) -> Bool[Array, "M S"]:
    """Whether each map is best for all types, within TIED, once the state is known."""
    return (_obedience(game) >= -TIED).all(1)


def conditional(prior: Float[Array, "T S"]) -> tuple[Float[Array, " S"], Float[Array, "T S"]]:
    """The law of states [S] and P(t | s) [T, S]; after a state of probability 0 it is the law of types."""
    marginal = prior.sum(0)
    possible = (marginal > 0)[None]
    given = prior / jnp.where(possible, marginal[None], 1.0)
    return marginal, jnp.where(possible, given, prior.sum(1, keepdims=True))


def ranges(units: Standard) -> Ranges:
    """Utilities of a standard game from 0 to 1."""
    leaders, loss = units.game.leaders, units.loss
    unit, her_unit = leaders.max((1, 2, 3)), loss.max()
    safe, hers = (jnp.where(x > 0, x, 1.0) for x in (unit, her_unit))
    return Ranges(leaders / safe[:, None, None, None], loss / hers, unit, her_unit)


def values(units: Standard) -> Values:
    """What maps are worth to everybody."""
    types, _, actions = units.loss.shape
    maps, _ = _maps(types, actions)
    _, given = conditional(units.game.prior)
    named = jnp.asarray(maps[:, :, None] == np.arange(actions), given.dtype)  # [M,T,A]
    found = ranges(units)
    return Values(
        gain=jnp.einsum("ts,ktsa,mta->kms", given, found.gain, named),
        loss=jnp.einsum("ts,tsa,mta->ms", given, found.loss, named),
        unit=found.unit,
        her_unit=found.her_unit,
    )


def _least(slack: Array) -> Array:
    """The least entry of the last axis; with a single action there is none, and nothing is missed."""
    return slack.min(-1) if slack.shape[-1] else jnp.ones(slack.shape[:-1], slack.dtype)


def _maps(types: int, actions: int) -> tuple[np.ndarray, np.ndarray]:
    """Maps [M, T] in lexicographic order; others [A, A - 1], the actions that each is compared with."""
    others = [[b for b in range(actions) if b != a] for a in range(actions)]
    return action_maps(types, actions), np.array(others, dtype=int).reshape(actions, actions - 1)


def _choices(types: int, states: int, actions: int) -> np.ndarray:
    """Choices [C, S - 1] of binding constraints, of T (A - 1) rows of obedience and S of non-negativity."""
    if states > MAX_STATES:
        raise ValueError(
            f"game has {states} states; worst equilibria and closures over posteriors support at most "
            f"{MAX_STATES}: merge states"
        )
    rows = types * (actions - 1) + states
    count = actions**types * math.comb(rows, states - 1)
    if count > MAX_PAIRS:
        raise ValueError(
            f"{states} states, {actions} actions and {types} types make {count} pairs of a map type -> "
            f"action and a choice of {states - 1} of its {rows} constraints; at most {MAX_PAIRS} are "
            "supported: use fewer types, actions or states"
        )
    choices = list(itertools.combinations(range(rows), states - 1))
    return np.array(choices, dtype=int).reshape(len(choices), states - 1)


def _most_vertices(facets: int, states: int) -> int:
    """Of a polytope of S - 1 <= 3 dimensions (McMullen's bound)."""
    return (1, 2, facets, 2 * facets - 4)[states - 1]


def _obedience(game: Game) -> Float[Array, "M Q S"]:
    """Rows that are at least 0 where each map is best, scaled to a largest entry of 1."""
    types, _, actions = game.follower.shape
    maps, others = _maps(types, actions)
    _, given = conditional(game.prior)
    rows = []
    for t in range(types):
        utility = game.follower[t]
        gap = utility[:, maps[:, t], None] - utility[:, others[maps[:, t]]]  # [S,M,A-1]
        rows.append(jnp.moveaxis(given[t][:, None, None] * gap, 0, 2))
    joined = jnp.concatenate(rows, 1)
    size = jnp.abs(joined).max(2, keepdims=True, initial=0.0)
    differ = size > SAME * action_range(game.follower).max()
    return divided(joined, size, differ)


def _minors(rows: Float[Array, "M C R S"]) -> Float[Array, "M C S"]:
    """A vector orthogonal to R = S - 1 rows: the generalised cross product."""
    size = rows.shape[-1]
    columns = np.arange(size)
    entries = [(-1.0) ** j * _determinant(rows[..., columns[columns != j]]) for j in range(size)]
    return jnp.stack(entries, -1)


def _determinant(rows: Array) -> Array:
    """By cofactors; of no rows it is 1."""
    size = rows.shape[-1]
    if size == 0:
        return jnp.ones(rows.shape[:-2], rows.dtype)
    columns = np.arange(size)
    parts = [
        (-1.0) ** j * rows[..., 0, j] * _determinant(rows[..., 1:, columns[columns != j]])
        for j in range(size)
    ]
    return sum(parts[1:], parts[0])
