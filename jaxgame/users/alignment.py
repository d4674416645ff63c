"""How far users are from what leaders are paid for: each by herself, and all of them with common weights.

Common weights w >= 0 of the leaders and lam >= 0 of the users (theory, section 11) [own]: with

    r_j(s, a) = sum_i w_i J P(j|s) U_ij(s, a) - lam_j P(s|j) / P(s) u_j(s, a),

all leaders together prefer an equilibrium to full information, so that with an offset for each state

    sum_j lam_j (OPT_j - V_j) <= sum_s P(s) sum_j (max_a r_j - min_a r_j) <= 2 eps.

No term on the left is negative, and V_j >= OPT_j - 2 eps / lam_j for every user. If users have equal shares
and the same law of the state, J P(j|s) and P(s|j) / P(s) are 1, and eps is the sup-norm distance of sum_j
lam_j u_j to the cone of the leaders' whole pays, over all (s, a_1, ..., a_J). The sup separates over users.
The middle of the inequality, D, is average alignment (theory, section 15), and may take the place of 2 eps.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.cone import cone_bound
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, unheard
from jaxgame.hull import game_hull_distance
from jaxgame.lp import linprog
from jaxgame.users.standing import Standing, alone, check_users, standing

KINDS = ("each", "common")
NORMS = ("sup", "mean")
NEAR = 1e-9  # in standard units: weights of users as good as the best


@record
class UsersAlignment:
    """How far users are from the leaders' cone, and what each may lose at most at any equilibrium.

    Of kind "each": `distance` [T] is every user's own, `weights` [T, K] those of the leaders that attain it,
    `users` [T] is 1 for all. Of kind "common": `distance` [] is the least for weights `users` [T] of the
    users with sum 1, attained with `weights` [K] of the leaders. `measure` [T, S, A] (of kind "each" [T, S
    A]) proves its lower end.

    `allowed` [T] is the most that a user may lose of her full information at a pure equilibrium, in her
    utility units: twice the distance in the norm "sup", the distance in the norm "mean", of kind "common"
    divided by her weight, with the weights that are best for her. `converged` says that all brackets are
    narrower than 1e-6 of what is at stake. Of a game that is not finite nothing is known.
    """

    distance: Bracket
    weights: Float[Array, "*each K"]
    users: Float[Array, " T"]
    measure: Float[Array, "T *rest"]
    allowed: Bracket
    converged: Bool[Array, ""]


def alignment(game: Game, *, kind: str = "each", norm: str = "sup") -> UsersAlignment:
    """Distances of the users of a `game` to the leaders' cone, with an offset for each state, as brackets.

    `kind` "each": user j's utility against the leaders' pays for her alone, `game_hull_distance` with the
    scale "cone". It is what counts where leaders treat every user by herself (`personalised`). `kind`
    "common": one mixture of leaders' whole pays against one of all users' utilities; it counts where all
    users hear the same. `norm` is "sup" (eps) or "mean" (D); see the module. In the common program, weights
    with sum 1 may leave some users out: `allowed` says for each user what the best weights for her promise.
    Works under jit and vmap, for any number of users.

    The lower end of kind "common" holds against weights with `sum_i w_i |U_i| <= 1e4 |u|`, and against all
    if its measure excludes leaders and users exactly.

    Raises ValueError for an unknown kind or norm, a user of probability 0, and precision below float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> found = {k: jg.users.alignment(jg.users.opposed(k), kind="common") for k in (0.5, 2.0)}
    >>> [round(float(fit.distance.upper), 6) for fit in found.values()]     # 0 if and only if k < 1
    [0.0, 0.5]
    >>> [round(float(x), 6) for x in found[0.5].allowed.upper]
    [0.0, 0.0]
    """
    checks.check_choice("kind", kind, KINDS)
    checks.check_choice("norm", norm, NORMS)
    check_users(game)
    return _each(game, norm) if kind == "each" else _common(game, norm)


def _each(game: Game, norm: str) -> UsersAlignment:
    fits = jax.vmap(lambda single: game_hull_distance(single, "state", "cone", norm))(alone(game))
    factor = 2.0 if norm == "sup" else 1.0
    return UsersAlignment(
        distance=fits.distance,
        weights=fits.weights,
        users=jnp.ones_like(fits.distance.lower),
        measure=fits.measure,
        allowed=Bracket(factor * fits.distance.lower, factor * fits.distance.upper),
        converged=fits.converged.all(),
    )


@functools.partial(jax.jit, static_argnames="norm")
def _common(game: Game, norm: str) -> UsersAlignment:
    units = standing(game)
    terms = _Terms.of(units)
    users = len(units.share)
    least = units.users.unit.min()
    # For all users together weights are to sum to 1 in the caller's units, for each hers is to be 1.
    rules = jnp.concatenate([(least / units.users.unit)[None], jnp.eye(users)])
    fits = jax.vmap(lambda rule: terms.fit(rule, norm))(rules)
    factor = 2.0 if norm == "sup" else 1.0
    together = terms.balanced(fits, rules[0], norm)
    allowed = Bracket(
        *(factor * x[1:] * units.users.unit for x in (fits.distance.lower, fits.distance.upper))
    )
    weights = together.weights * least / (users * units.theirs.unit)
    narrow = (fits.distance.width >= 0) & (fits.distance.width <= 1e-6)
    found = UsersAlignment(
        distance=Bracket(least * together.distance.lower, least * together.distance.upper),
        weights=weights,
        users=together.users * least / units.users.unit,
        measure=together.measure,
        allowed=allowed,
        converged=narrow.all() & units.sound,
    )
    known = jax.tree.map(lambda x: jnp.where(units.sound, x, jnp.inf), (found.distance, found.allowed))
    lower = jax.tree.map(
        lambda x: jnp.where(units.sound, x, 0.0), (found.distance.lower, found.allowed.lower)
    )
    return dataclasses.replace(
        unheard(units.sound, found),
        distance=Bracket(lower[0], known[0].upper),
        allowed=Bracket(lower[1], known[1].upper),
    )


@record
class _Fit:
    """Weights for one rule, the measure that proves them, and the distance; in standard units."""

    weights: Float[Array, " K"]
    users: Float[Array, " T"]
    measure: Float[Array, "T S A"]
    distance: Bracket


@record
class _Terms:
    """What weights multiply: `hers` [T, S, A] and `theirs` [K, T, S, A], and the law [S] of the state."""

    hers: Float[Array, "T S A"]
    theirs: Float[Array, "K T S A"]
    law: Float[Array, " S"]

    @classmethod
    def of(cls, units: Standing) -> "_Terms":
        """Those of a game; in states that never occur they are 0."""
        joint = units.law * units.share[:, None]
        law = joint.sum(0)
        part = divided(joint, law[None], law[None] > 0)
        hers = -units.loss * divided(units.law, law[None], law[None] > 0)[..., None]
        return cls(hers, units.leaders * part[None, ..., None], law)

    def fit(self, rule: Float[Array, " T"], norm: str) -> _Fit:
        """The least distance with weights of users whose product with `rule` is 1, in a norm."""
        leaders, (users, states, actions) = len(self.theirs), self.hers.shape
        hers, theirs = (x[..., 1:] - x[..., :1] for x in (self.hers, self.theirs))  # counted from action 0
        own = jnp.eye(users)[:, :, None, None] * hers[None]  # [T, T, S, A - 1]
        columns = jnp.concatenate([-theirs, own]).reshape(leaders + users, -1).T
        each = np.repeat(np.eye(users * states), actions - 1, 0)
        none = np.zeros_like(each)
        far = jnp.zeros((len(each), 1))
        rows = jnp.concatenate(
            [
                jnp.concatenate([columns, -each, none, far], 1),
                jnp.concatenate([-columns, none, -each, far], 1),
            ]
        )
        by_state = np.tile(np.eye(states), (1, users))  # [S, T S]
        weighted = jnp.zeros(leaders + users)
        if norm == "sup":
            more = np.concatenate(
                [np.zeros((states, len(weighted))), by_state, by_state, np.full((states, 1), -2.0)], 1
            )
            rows = jnp.concatenate([rows, jnp.asarray(more)])
            cost = jnp.concatenate([weighted, jnp.zeros(2 * users * states), jnp.ones(1)])
        else:
            mass = self.law @ jnp.asarray(by_state)
            cost = jnp.concatenate([weighted, mass, mass, jnp.zeros(1)])
        equal = jnp.concatenate([jnp.zeros(leaders), rule, jnp.zeros(2 * users * states + 1)])
        found = linprog(cost, rows, jnp.zeros(len(rows)), equal[None], jnp.ones(1))
        # A solver that got lost may leave none.
        lam = found.x[leaders : leaders + users]
        total = rule @ lam
        lam = jnp.where(total > 0, lam, 1.0) / jnp.where(total > 0, total, rule.sum())
        above, below = found.dual_ub[: 2 * len(each)].reshape(2, users, states, actions - 1)
        pushed = below - above
        measure = jnp.concatenate([-pushed.sum(2, keepdims=True), pushed], 2)
        return self.certified(found.x[:leaders], lam, measure, rule, norm)

    def balanced(self, fits: _Fit, rule: Float[Array, " T"], norm: str) -> _Fit:
        """The first of the fits; the mean of the others, which leaves nobody out, where it is as near."""
        first = jax.tree.map(lambda x: x[0], fits)
        sums = fits.users[1:] @ rule
        weights, users = (
            divided(x[1:], sums[:, None], sums[:, None] > 0).mean(0) for x in (fits.weights, fits.users)
        )
        total = rule @ users
        total = jnp.where(total > 0, total, 1.0)
        mean = self.certified(weights / total, users / total, first.measure, rule, norm)
        near = mean.distance.upper <= first.distance.upper + NEAR
        return jax.tree.map(lambda x, y: jnp.where(near, x, y), mean, first)

    def certified(
        self,
        weights: Float[Array, " K"],
        users: Float[Array, " T"],
        measure: Float[Array, "T S A"],
        rule: Float[Array, " T"],
        norm: str,
    ) -> _Fit:
        """Both ends of the distance from any weights and any proposed measure, moved outwards."""
        count = measure.size + len(weights) + len(users)
        rounding = 0.51 * (2 * count + 16) * float(jnp.finfo(measure.dtype).eps)
        usable = (weights >= 0).all() & (users >= 0).all() & is_sound(weights, users)
        hers_size, theirs_size = jnp.abs(self.hers), jnp.abs(self.theirs)

        residual = users[:, None, None] * self.hers - jnp.einsum("k,ktsa->tsa", weights, self.theirs)
        size = users[:, None, None] * hers_size + jnp.einsum("k,ktsa->tsa", weights, theirs_size)
        # The rule is met to within rounding, too, which moves all by as much.
        spread = residual.max(2) - residual.min(2) + 4 * rounding * size.max(2)
        upper = spread.sum(0).max() / 2 if norm == "sup" else self.law @ spread.sum(0)
        upper = jnp.where(usable, upper * (1 + rounding), jnp.inf)

        measure = jnp.where(is_sound(measure), measure, 0.0)
        measure = measure - measure.mean(2, keepdims=True)
        mass = jnp.abs(measure).sum(2) / 2
        if norm == "sup":
            total = 2 * mass.max(0).sum()
            measure = divided(measure, total, total > 0)
        else:
            scale = jnp.where(mass > self.law[None], divided(self.law[None], mass, mass > 0), 1.0)
            measure = measure * scale[..., None]
        # Products err by so much of the sum of their sizes; twice for what centring the measure rounds.
        reach = 2 * rounding * jnp.abs(measure)
        hers = (measure * self.hers).sum((1, 2)) - (reach * hers_size.max(2, keepdims=True)).sum((1, 2))
        theirs = (measure[None] * self.theirs).sum((1, 2, 3))
        theirs += (reach[None] * theirs_size.max(3, keepdims=True)).sum((1, 2, 3))
        bound = rule > 0
        value = divided(hers, rule, bound, jnp.inf).min()
        largest = hers_size.max((1, 2))
        scores = jnp.concatenate([theirs, jnp.where(bound, 0.0, -hers)])
        lower = cone_bound(
            value,
            scores,
            size=divided(largest, rule, bound).max(),
            sizes=jnp.concatenate([theirs_size.max((1, 2, 3)), largest]),
        )
        return _Fit(weights, users, measure, Bracket(lower, upper))
