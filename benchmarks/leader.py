"""Best responses in best-AI selection against compiled simplex loops, HiGHS, and other JAX solvers.

Two workloads of random games (priors uniform on the simplex, utilities uniform on [0, 1]): independent
games with one program each, threshold uniform between no and full information; and value curves, 4
leaders x 64 thresholds of each game. Ours starts from the game and includes the certificate. Peers get
their matrices ready made: numba with `prange` on all cores, HiGHS as one process per core, JAX peers
spread over the same devices.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numba
import numpy as np
from quantecon.optimize import linprog_simplex

import jaxgame as jg
from benchmarks import peers as general
from benchmarks.batch_peers import by_linrax, by_mpax, by_qpax
from benchmarks.timing import Cell
from jaxgame.runs.batch import spread

# Programs of a timing by size S = A: ours, numba's, HiGHS's, and those of JAX peers.
INDEPENDENT = {2: (262_144, 262_144, 600, 1024), 4: (65_536, 65_536, 600, 256), 8: (8192, 4096, 300, 64)}
INDEPENDENT[16] = (1024, 64, 100, 8)
# Games of a timing by size; each has 256 programs.
CURVES = {2: (4096, 1024, 2), 4: (1024, 256, 2), 8: (128, 8, 1), 16: (16, 1, 1)}
LEADERS, POINTS = 4, 64
# Its simplex has no cap on pivots: at 8 x 8 it did not return from two programs within 100 s.
LARGEST_OF_LINRAX = 4


class Programs(NamedTuple):
    """Programs as peers want them: maximise gain x, rows x <= right, equal x = prior, x >= 0."""

    gain: np.ndarray  # [N, S A]
    rows: np.ndarray  # [G, R, S A], of game[n]; the last is the threshold's
    right: np.ndarray  # [N, R]
    equal: np.ndarray  # [S, S A]
    prior: np.ndarray  # [G, S]
    game: np.ndarray  # [N]

    def first(self, count: int) -> "Programs":
        """The first `count` programs."""
        return self._replace(gain=self.gain[:count], right=self.right[:count], game=self.game[:count])

    def general(self) -> general.Programs:
        """The same with a matrix for each: to minimise -gain x."""
        equal = np.broadcast_to(self.equal, (len(self.gain), *self.equal.shape))
        return general.Programs(-self.gain, self.rows[self.game], self.right, equal, self.prior[self.game])


def cells(quick: bool) -> Iterator[Cell]:
    """All sizes of both workloads, each against its peers."""
    shrink = 16 if quick else 1
    for size in (2, 4) if quick else INDEPENDENT:
        ours, numbas, highs, jaxs = (max(count // shrink, 4) for count in INDEPENDENT[size])
        games, thresholds = independent_games(ours, size)
        programs = _programs(games, thresholds[:, None], ours)
        solve = _ours(lambda game, threshold: jg.leader_value(game, 0, threshold), games, thresholds)
        peers: list[tuple[str, Callable[[Programs], np.ndarray], int]] = [
            ("quantecon numba", _numba, numbas),
            ("highspy processes", _as_general(general.by_highs), highs),
            ("qpax vmap", _as_general(by_qpax), jaxs),
            ("mpax vmap", _as_general(by_mpax), jaxs),
        ]
        if size <= LARGEST_OF_LINRAX:
            peers.append(("linrax vmap", _as_general(by_linrax), jaxs))
        yield from _against("leader_value", size, solve, ours, programs, peers)
    for size in (2, 4) if quick else CURVES:
        ours, numbas, highs = (max(count // shrink, 1) for count in CURVES[size])
        games, levels = _curves(ours, size)
        programs = _programs(games, levels, max(numbas, highs))
        solve = _ours(_all_curves, games, levels)
        each = LEADERS * POINTS
        peers = [
            ("quantecon numba", _numba, numbas * each),
            ("highspy processes", _as_general(general.by_highs), highs * each),
        ]
        yield from _against("value_curve 4x64", size, solve, ours * each, programs, peers)


def _all_curves(game: jg.Game, levels: Any) -> jg.LeaderBest:
    return jax.vmap(jg.value_curve, (None, 0, None))(game, jnp.arange(LEADERS), levels)


class _Ours(NamedTuple):
    values: Callable[[], np.ndarray]
    remark: Callable[[], str]


def _against(
    name: str,
    size: int,
    ours: _Ours,
    count: int,
    programs: Programs,
    peers: list[tuple[str, Callable[[Programs], np.ndarray], int]],
) -> Iterator[Cell]:
    for peer, solve, their_count in peers:
        few = programs.first(their_count)

        def theirs(solve: Any = solve, few: Programs = few) -> np.ndarray:
            return solve(few)

        yield Cell(name, f"S=A={size}", ours.values, count, peer, theirs, their_count, ours.remark)


def _ours(function: Callable[..., jg.LeaderBest], *arguments: Any) -> _Ours:
    """Values of all programs in one row, and what is to be said of brackets and pivots."""

    def brief(*one: Any) -> tuple[Any, ...]:
        best = function(*one)
        return best.value.lower, best.value.upper, best.converged, best.pivots

    program = spread(brief, jax.devices(), batch=None)  # solve_programs makes batches of its own

    def remark() -> str:
        lower, upper, converged, pivots = (np.asarray(x) for x in program(*arguments))
        return (
            f"widest bracket {(upper - lower).max():.0e}, {(~converged).sum()} not converged; pivots: mean "
            f"{pivots.mean():.1f}, most {pivots.max()}"
        )

    return _Ours(lambda: np.asarray(program(*arguments)[0]).reshape(-1), remark)


def random_games(seed: int, count: int, leaders: int, size: int) -> jg.Game:
    """Games with one type, priors uniform on the simplex, utilities uniform on [0, 1]."""
    random = np.random.default_rng([seed, size])
    prior = random.dirichlet(np.ones(size), count)[:, None]
    follower = random.random((count, 1, size, size))
    arrays = prior, follower, random.random((count, leaders, 1, size, size))
    return jax.vmap(jg.Game)(*map(jnp.asarray, arrays))


def _between(games: jg.Game, shares: np.ndarray) -> np.ndarray:
    """Thresholds [G, N] from no information (share 0) to full information (1)."""
    none = np.asarray(jax.vmap(jg.no_information_value)(games))[:, None]
    full = np.asarray(jax.vmap(jg.full_information_value)(games))[:, None]
    return np.where(shares < 1, none + shares * (full - none), full)


def independent_games(count: int, size: int) -> tuple[jg.Game, np.ndarray]:
    """Games with one leader, and one threshold each."""
    games = random_games(0, count, 1, size)
    return games, _between(games, np.random.default_rng(1).random((count, 1)))[:, 0]


def _curves(count: int, size: int) -> tuple[jg.Game, np.ndarray]:
    games = random_games(1, count, LEADERS, size)
    return games, _between(games, np.linspace(0, 1, POINTS)[None])


def _programs(games: jg.Game, thresholds: np.ndarray, count: int) -> Programs:
    """Programs of the first `count` games: all leaders, at thresholds [G, N]."""
    prior, follower, leaders = (np.asarray(x)[:count] for x in (games.prior, games.follower, games.leaders))
    prior, follower, leaders = prior[:, 0], follower[:, 0], leaders[:, :, 0]
    count, states, actions = follower.shape
    pairs = [(a, b) for a in range(actions) for b in range(actions) if a != b]
    rows = np.zeros((count, len(pairs) + 1, states, actions))
    for i, (a, b) in enumerate(pairs):
        rows[:, i, :, a] = follower[:, :, b] - follower[:, :, a]
    rows[:, -1] = -follower
    each = leaders.shape[1] * thresholds.shape[1]
    right = np.zeros((count * each, len(pairs) + 1))
    shape = (count, leaders.shape[1], thresholds.shape[1])
    right[:, -1] = -np.broadcast_to(thresholds[:count, None], shape).reshape(-1)
    return Programs(
        gain=np.repeat(leaders.reshape(-1, states * actions), thresholds.shape[1], axis=0),
        rows=rows.reshape(count, len(pairs) + 1, -1),
        right=right,
        equal=np.kron(np.eye(states), np.ones(actions)),
        prior=prior,
        game=np.repeat(np.arange(count), each),
    )


@numba.njit(parallel=True)
def _numba_loop(
    gain: np.ndarray,
    rows: np.ndarray,
    right: np.ndarray,
    equal: np.ndarray,
    prior: np.ndarray,
    game: np.ndarray,
) -> np.ndarray:
    values = np.empty(len(gain))
    for i in numba.prange(len(gain)):
        found = linprog_simplex(gain[i], rows[game[i]], right[i], equal, prior[game[i]])
        values[i] = found.fun if found.status == 0 else np.nan
    return values


def _numba(programs: Programs) -> np.ndarray:
    return _numba_loop(*programs)


def _as_general(solve: Callable[[general.Programs], np.ndarray]) -> Callable[[Programs], np.ndarray]:
    """Largest gains by a solver of general programs."""
    return lambda programs: -solve(programs.general())
