"""Two users' worst pure equilibrium: a search on the square of what they lose, with a proof of its upper end.

What follows holds at every pure equilibrium where users lose L = (L_1, L_2), whoever serves them [own]. A
leader i may try to win the set W of users, and leave the others to a rival who serves them: then

    sum_{j in W} U_ij(x_j) >= G_i,W(L) = max { sum_{j in W} U_ij(y) : y obedient, lost_j(y) <= (1 - t) L_j
                                               for j in W, lost_j(y) >= L_j for j not in W },

with t = 1e-9: whoever is better off by any part of what she loses changes. G is concave in L, so that on a
box it is at least the larger of two affine functions through its corners: linear conditions on the outcome x,
and one linear program bounds what users lose in the box. Boxes are halved, the most promising first. A leader
who serves the others cannot leave them to a rival, unless all offer the same: which conditions hold depends
on who serves whom, and `Case` lists them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.lp import STATUS, linprog
from jaxgame.users.standing import WITHIN, Programs

BETTER = 1e-9  # the part of her loss by which a user must be better off to change
GAIN = 1e-8  # an outcome is an equilibrium if no leader gains more, in standard units
CAPACITY = 1024  # boxes in store
EDGE = 0.1  # a cut is no nearer to an end of the box, in parts of it
OPTIMAL, INFEASIBLE = STATUS.index("optimal"), STATUS.index("infeasible")

# The sets of users to be won: both, the first, the second.
SETS = np.array([[True, True], [True, False], [False, True]])


class Case(NamedTuple):
    """Outcomes by two schemes side by side, 2 N variables, and which conditions hold for H holders.

    `lost` and `paid` say which of the schemes each user hears. Cases have one shape, and can be stacked.
    """

    rows: Float[Array, "R N2"]  # obedience, and that neither scheme offers the other's user more
    sums: Float[Array, "Q N2"]
    lost: Float[Array, "2 N2"]
    paid: Float[Array, "K 2 N2"]
    holds: Bool[Array, "H K 3"]
    holder: Bool[Array, " H"]  # whether there is such a holder
    look: Bool[Array, ""]  # whether its outcomes can be offered by everybody

    @classmethod
    def of(cls, programs: Programs, holds: np.ndarray, *, apart: bool, look: bool = False) -> "Case":
        """Both users hear the first scheme or, `apart`, each one of her own."""
        leaders = len(programs.paid)
        size = max(leaders, leaders * (leaders - 1))
        holder = np.arange(size) < len(holds)
        holds = holds[np.minimum(np.arange(size), len(holds) - 1)]
        first, second = programs.lost
        none = jnp.zeros_like(first)
        hers = (none, second) if apart else (second, none)
        lost = jnp.stack([jnp.concatenate([first, none]), jnp.concatenate(hers)])
        crossed = jnp.stack([jnp.concatenate([-second, second]), jnp.concatenate([first, -first])])
        pay, nothing = programs.paid, jnp.zeros_like(programs.paid[:, 0])
        theirs = (nothing, pay[:, 1]) if apart else (pay[:, 1], nothing)
        paid = jnp.stack([jnp.concatenate([pay[:, 0], nothing], 1), jnp.concatenate(theirs, 1)], 1)
        two = jnp.eye(2)
        rows = jnp.concatenate([jnp.kron(two, programs.obedient.rows), crossed * float(apart)])
        sums = jnp.kron(two, programs.obedient.sums)
        return cls(rows, sums, lost, paid, jnp.asarray(holds), jnp.asarray(holder), jnp.asarray(look))


def cases(programs: Programs) -> Case:
    """All three, stacked: all leaders offer the same; one serves both users; two serve one each."""
    leaders = len(programs.paid)
    everyone = np.arange(leaders)
    same = np.ones((1, leaders, 3), bool)
    # Who serves the other user cannot leave her to a rival who does.
    one = np.ones((leaders, leaders, 3), bool)
    one[:, :, 1:] = ~np.eye(leaders, dtype=bool)[:, :, None]
    pairs = np.array([(a, b) for a in everyone for b in everyone if a != b])
    two = np.ones((len(pairs), leaders, 3), bool)
    two[:, :, 1] = everyone[None] != pairs[:, 1:]
    two[:, :, 2] = everyone[None] != pairs[:, :1]
    found = (
        Case.of(programs, same, apart=False, look=True),
        Case.of(programs, one, apart=False),
        Case.of(programs, two, apart=True),
    )
    return jax.tree.map(lambda *x: jnp.stack(x), *found)


class Found(NamedTuple):
    """The largest loss over boxes, and an equilibrium that loses as much, of those that all leaders offer."""

    most: Float[Array, ""]  # no equilibrium loses more
    best: Float[Array, ""]  # what the equilibrium loses
    scheme: Float[Array, " N2"]
    steps: Int[Array, ""]

    @classmethod
    def full(cls, scheme: Float[Array, " N2"]) -> "Found":
        """Before any search: full information, which is an equilibrium, as nobody can add to it."""
        zero = jnp.zeros((), scheme.dtype)
        return cls(zero, zero, scheme, jnp.zeros((), jnp.int32))


class _Boxes(NamedTuple):
    """Boxes [low, high] of losses with a holder each, what users lose there at most, and the corners' G."""

    low: Float[Array, "B 2"]
    high: Float[Array, "B 2"]
    holder: Int[Array, " B"]
    bound: Float[Array, " B"]
    scheme: Float[Array, "B N2"]  # which attains the bound
    corners: Float[Array, "B 2 2 K 3"]


class _Search(NamedTuple):
    boxes: _Boxes
    size: Int[Array, ""]
    found: Found


class Square(NamedTuple):
    """One search: programs of deviations, the case, what is to be as large as possible, and the slack."""

    programs: Programs
    case: Case
    weights: Float[Array, " 2"]
    slack: Float[Array, " K"]
    none: Float[Array, " 2"]  # what users lose without information

    def deviations(self, level: Float[Array, " 2"]) -> Float[Array, "K 3"]:
        """G_i,W at a level, from below; -inf where no scheme wins just W."""
        sets = jnp.asarray(SETS)

        def one(paid: Array, members: Array) -> Array:
            sign = jnp.where(members, 1.0, -1.0)
            right = sign * jnp.where(members, (1 - BETTER) * level, level) + WITHIN
            rows = jnp.concatenate([self.programs.obedient.rows, sign[:, None] * self.programs.lost])
            right = jnp.concatenate([jnp.zeros(len(rows) - 2), right])
            sums = self.programs.obedient.sums
            found = linprog(-(members.astype(paid.dtype) @ paid), rows, right, sums, jnp.ones(len(sums)))
            brought = WITHIN * jnp.abs(found.dual_ub[-2:]).sum()
            return jnp.where(found.status == OPTIMAL, -found.value.upper - brought, -jnp.inf)

        return jax.vmap(lambda paid: jax.vmap(lambda members: one(paid, members))(sets))(self.programs.paid)

    def bounded(
        self, low: Array, high: Array, holder: Array, corners: Array
    ) -> tuple[Float[Array, ""], Float[Array, " N2"]]:
        """What users lose at most in a box, and how."""
        case, width = self.case, high - low
        alpha, beta = _planes(corners, width)  # [2, K, 3], [2, K, 3, 2]
        holds = case.holds[holder][None] & jnp.isfinite(alpha) & jnp.isfinite(beta).all(3)
        alpha, beta = jnp.where(holds, alpha, 0.0), jnp.where(holds[..., None], beta, 0.0)
        won = jnp.einsum("wj,kjn->kwn", jnp.asarray(SETS, case.paid.dtype), case.paid)
        rows = jnp.einsum("pkwj,jn->pkwn", beta, case.lost) - won[None]
        right = beta @ low - alpha + self.slack[None, :, None] + 2 * WITHIN * jnp.abs(beta).sum(3)
        rows = jnp.where(holds[..., None], rows, 0.0).reshape(-1, rows.shape[-1])
        right = jnp.where(holds, right, 1.0).reshape(-1)
        A_ub = jnp.concatenate([case.rows, rows, case.lost, -case.lost])
        b_ub = jnp.concatenate([jnp.zeros(len(case.rows)), right, high + WITHIN, WITHIN - low])
        found = linprog(-(self.weights @ case.lost), A_ub, b_ub, case.sums, jnp.ones(len(case.sums)))
        # -inf if nothing is feasible; outcomes may lose WITHIN more than the box.
        most = jnp.minimum(-found.value.lower, self.weights @ (high + 2 * WITHIN))
        scheme = jnp.where(found.status == OPTIMAL, found.x, 0.0)
        return most, scheme

    def run(self, tolerance: Float[Array, ""], before: Found, steps: int) -> Found:
        """Halve boxes until none promises `tolerance` more than what was found before, or is found here.

        A box's best outcome is an equilibrium if nobody gains where all offer it.
        """

        def promising(search: _Search) -> Array:
            found = search.found
            room = search.size + 2 <= CAPACITY
            return (search.boxes.bound.max() > found.best + tolerance) & (found.steps < steps) & room

        start = before._replace(steps=jnp.zeros_like(before.steps))
        final = jax.lax.while_loop(promising, self._step, self._start(start))
        most = jnp.maximum(final.boxes.bound.max(), before.most)
        return final.found._replace(most=most, steps=before.steps + final.found.steps)

    def _start(self, found: Found) -> _Search:
        holders = len(self.case.holds)
        low, high = jnp.zeros(2), self.none
        ends = jnp.stack([low, high])
        points = jnp.stack([jnp.stack([jnp.stack([x, y]) for y in ends[:, 1]]) for x in ends[:, 0]])
        corners = jax.vmap(jax.vmap(self.deviations))(points)
        everyone = jnp.arange(holders)
        bound, scheme = jax.vmap(lambda h: self.bounded(low, high, h, corners))(everyone)
        bound = jnp.where(self.case.holder, bound, -jnp.inf)

        def filled(x: Array, rest: float = 0.0) -> Array:
            return jnp.full((CAPACITY, *x.shape[1:]), rest, x.dtype).at[:holders].set(x)

        def each(x: Array) -> Array:
            return jnp.broadcast_to(x[None], (holders, *x.shape))

        boxes = _Boxes(
            filled(each(low)), filled(each(high)), filled(everyone), filled(bound, -jnp.inf),
            filled(scheme), filled(each(corners)),
        )  # fmt: skip
        return _Search(boxes, jnp.asarray(holders), found)

    def _step(self, search: _Search) -> _Search:
        """Cut the most promising box in two, where its bound is attained if that is well inside."""
        boxes, found = search.boxes, search.found
        place = boxes.bound.argmax()
        box = jax.tree.map(lambda x: x[place], boxes)
        width, lost = box.high - box.low, self.case.lost @ box.scheme
        axis = divided(width, self.none, self.none > 0).argmax()
        share = divided(lost - box.low, width, width > 0, 0.5)[axis]
        share = jnp.where((share > EDGE) & (share < 1 - EDGE), share, 0.5)
        cut = box.low[axis] + share * width[axis]

        # Corners of the cut: two new points, with the other coordinate at its ends; and the outcome itself.
        ends = jnp.stack([box.low[1 - axis], box.high[1 - axis]])
        points = jax.vmap(lambda end: jnp.zeros(2).at[axis].set(cut).at[1 - axis].set(end))(ends)
        most = jax.vmap(self.deviations)(jnp.concatenate([points, lost[None]]))
        new, here = most[:2], most[2]
        along = jnp.where(axis == 0, box.corners, jnp.swapaxes(box.corners, 0, 1))
        halves = jnp.stack([jnp.stack([along[0], new]), jnp.stack([new, along[1]])])
        halves = jnp.where(axis == 0, halves, jnp.swapaxes(halves, 1, 2))
        lows = jnp.stack([box.low, box.low.at[axis].set(cut)])
        highs = jnp.stack([box.high.at[axis].set(cut), box.high])
        bound, scheme = jax.vmap(lambda a, b, c: self.bounded(a, b, box.holder, c))(lows, highs, halves)
        bound = jnp.minimum(bound, box.bound)

        now = jnp.einsum("wj,kj->kw", jnp.asarray(SETS, lost.dtype), self.case.paid @ box.scheme)
        gain = (here - now - self.slack[:, None]).max()
        value = self.weights @ lost
        better = self.case.look & (gain <= GAIN) & (value > found.best)
        where = jnp.stack([place, search.size])
        halved = _Boxes(lows, highs, jnp.stack([box.holder] * 2), bound, scheme, halves)
        return _Search(
            boxes=jax.tree.map(lambda x, y: x.at[where].set(y), boxes, halved),
            size=search.size + 1,
            found=Found(
                found.most,
                jnp.where(better, value, found.best),
                jnp.where(better, box.scheme, found.scheme),
                found.steps + 1,
            ),
        )


def _planes(corners: Float[Array, "2 2 K 3"], width: Float[Array, " 2"]) -> tuple[Array, Array]:
    """Two affine functions, alpha + beta (L - low), whose larger is the convex envelope of the corners.

    -inf or NaN where a corner is: a concave function may then be as low as it likes inside.
    """
    f00, f01, f10, f11 = corners[0, 0], corners[0, 1], corners[1, 0], corners[1, 1]
    along = f00 + f11 >= f01 + f10  # cut from (1, 0) to (0, 1), else from (0, 0) to (1, 1)
    first = jnp.where(along, jnp.stack([f10 - f00, f01 - f00]), jnp.stack([f10 - f00, f11 - f10]))
    second = jnp.where(along, jnp.stack([f11 - f01, f11 - f10]), jnp.stack([f11 - f01, f01 - f00]))
    start = jnp.where(along, jnp.stack([f00, f11 - second[0] - second[1]]), jnp.stack([f00, f00]))
    slopes = jnp.moveaxis(jnp.stack([first, second]), 1, 3)  # [2, K, 3, 2]
    return start, divided(slopes, width[None, None, None], (width > 0)[None, None, None])
