"""Games in which each leader chooses from a finite menu: payoffs of all profiles, for other tools.

A menu makes a game smaller: an equilibrium over menus need not be one over all offers or schemes, and what a
menu misses is what `selection.exploitability` and `competition.exploitability` count. The follower is no
player: what she does after each profile is part of the payoffs.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxgame.competition.independent.private import check_scheme
from jaxgame.competition.independent.profile import outcome_of
from jaxgame.core import checks
from jaxgame.core.checks import Numbers
from jaxgame.core.game import Game
from jaxgame.core.units import standard

__all__ = ["MAX_PROFILES", "MenuGame", "of_offers", "of_schemes"]

MAX_PROFILES = 100_000
AT_ONCE = 1024  # profiles whose outcomes are computed side by side


@dataclass(frozen=True)
class MenuGame:
    """The normal form of leaders who choose from menus of N_1, ..., N_K entries, as NumPy arrays.

    - `leaders` [K, N_1, ..., N_K]: what each leader earns at each profile of entries, in its units, rounded;
    - `follower` [N_1, ..., N_K]: what she has, in hers. She chooses nothing.
    """

    leaders: np.ndarray
    follower: np.ndarray

    def nfg(self, title: str = "", names: Sequence[str] | None = None) -> str:
        """The game of the leaders as the text of a Gambit file, strategic form with payoffs (`.nfg`).

        `title` is the game's; `names` [K] are the players' (None: "leader 0", ...). Entries are numbered, in
        Gambit from 1. Payoffs are exact decimals of the floats, the first player's entry varying
        fastest. What the follower has is not in it.

        Raises ValueError for another number of names than leaders, and for payoffs that are not finite.
        """
        count = len(self.leaders)
        names = [f"leader {k}" for k in range(count)] if names is None else list(names)
        if len(names) != count:
            raise ValueError(f"names has {len(names)} entries; it must have one per leader, {count}")
        if not np.isfinite(self.leaders).all():
            raise ValueError("leaders has payoffs that are not finite; a file takes only numbers")
        players = " ".join(map(_quoted, names))
        sizes = " ".join(map(str, self.follower.shape))
        # [K, N_1, ..., N_K] with the first player's entry fastest, and payoffs of one profile together.
        payoffs = self.leaders.transpose(*range(count, 0, -1), 0).reshape(-1, count)
        body = "\n".join(" ".join(format(Decimal(float(x) + 0.0), "f") for x in row) for row in payoffs)
        return f"NFG 1 R {_quoted(title)} {{ {players} }} {{ {sizes} }}\n\n{body}\n"


def of_offers(game: Game, offers: Sequence[Numbers]) -> MenuGame:
    """Best-AI selection in `game` where leader i offers one of the outcomes `offers[i]` [N_i, T, S, A].

    She keeps the offer that is worth most to her, of those that tie the lowest index of a leader, and all
    leaders are paid by it, as in `selection.best_response_dynamics`. Offers such as those at the kinks of
    `leader_frontier` (its `outcome`) are outcomes that she obeys; that they are is not checked.

    Raises ValueError unless there is one menu [N_i, T, S, A] for each leader with N_i of at least 1, for
    entries that are no law, and for more than 100,000 profiles.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # a prosecutor and a defender, who tell all or nothing
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> nothing, everything = (jg.selection.starting_offers(judge, start)[0] for start in ("none", "full"))
    >>> found = jg.menus.of_offers(judge, [jax.numpy.stack([nothing, everything])] * 2)
    >>> found.follower.tolist()
    [[0.7, 1.0], [1.0, 1.0]]
    """
    checks.check_float64("game", game.follower, "menus")
    offers = _checked("offers", offers, game, "[N, T, S, A]", game.follower.shape)
    for i, menu in enumerate(offers):
        checks.check_distribution(f"offers[{i}]", menu.reshape(len(menu), -1), axis=-1)
    every = jnp.concatenate(offers)  # together: equal offers must tie to the last bit
    lost = np.asarray(jax.vmap(standard(game).lost)(every))
    hers = np.asarray((every * game.follower[None]).sum((1, 2, 3)))
    theirs = np.asarray((every[:, None] * game.leaders[None]).sum((2, 3, 4)))  # [sum of N_i, K]
    sizes = [len(menu) for menu in offers]
    # Which of all offers each leader makes at each profile, and which of them she keeps.
    made = np.indices(sizes) + np.cumsum([0, *sizes[:-1]]).reshape(-1, *[1] * len(sizes))
    kept = np.take_along_axis(made, lost[made].argmin(0)[None], 0)[0]
    return MenuGame(np.moveaxis(theirs[kept], -1, 0), hers[kept])


def of_schemes(
    game: Game,
    schemes: Sequence[Numbers],
    *,
    rationality: float = math.inf,
    tie: str = "lowest",
) -> MenuGame:
    """Simultaneous competition in `game` where leader i has a scheme of the menu `schemes[i]` [N_i, S, M_i].

    She hears all leaders, whose messages are independent given the state, and responds as in
    `competition.outcome_of` with the same `rationality` and `tie`.

    Raises ValueError unless there is one menu [N_i, S, M_i] for each leader with N_i of at least 1, for more
    than 100,000 profiles, and as `competition.outcome_of` does.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> menu = jnp.stack([jnp.full((2, 2), 0.5), jnp.eye(2)])    # say nothing, or all
    >>> found = jg.menus.of_schemes(judge, [menu, menu])
    >>> print(found.nfg("two prosecutors").splitlines()[0])
    NFG 1 R "two prosecutors" { "leader 0" "leader 1" } { 2 2 }
    """
    schemes = _checked("schemes", schemes, game, "[N, S, M]", None)
    for i, menu in enumerate(schemes):
        for n, scheme in enumerate(menu):
            check_scheme(f"schemes[{i}][{n}]", scheme, game.prior.shape[1])
    sizes = [len(menu) for menu in schemes]
    first = tuple(menu[0] for menu in schemes)
    outcome_of(game, first, rationality=rationality, tie=tie)  # what else is wrong is said here

    def payoffs(profile: Array) -> tuple[Array, Array]:
        chosen = tuple(menu[place] for menu, place in zip(schemes, profile, strict=True))
        outcome = outcome_of(game, chosen, rationality=rationality, tie=tie)
        return (outcome * game.follower).sum(), (outcome[None] * game.leaders).sum((1, 2, 3))

    profiles = np.array(list(itertools.product(*map(range, sizes))), np.int32)
    hers, theirs = jax.lax.map(payoffs, jnp.asarray(profiles), batch_size=AT_ONCE)
    follower = np.asarray(hers).reshape(sizes)
    return MenuGame(np.moveaxis(np.asarray(theirs).reshape(*sizes, -1), -1, 0), follower)


def _checked(
    name: str, menus: Sequence[Numbers], game: Game, axes: str, entry: tuple[int, ...] | None
) -> list[Array]:
    """The menus as arrays, one for each leader, of entries of the shape `entry` if given; else ValueError."""
    leaders = game.leaders.shape[0]
    if len(menus) != leaders:
        raise ValueError(f"{name} has {len(menus)} menus; it must have one per leader, {leaders}")
    arrays = [checks.as_floats(menu)[0] for menu in menus]
    for i, menu in enumerate(arrays):
        right = menu.ndim == axes.count(",") + 1 and len(menu) > 0
        if not right or (entry is not None and menu.shape[1:] != entry):
            wanted = f" with {axes.replace('[N, ', '[')} = {list(entry)}" if entry is not None else ""
            raise ValueError(
                f"{name}[{i}] has shape {tuple(menu.shape)}; it must be {axes}{wanted}, and N at least 1"
            )
    profiles = math.prod(len(menu) for menu in arrays)
    if profiles > MAX_PROFILES:
        raise ValueError(f"{name} make {profiles} profiles; at most {MAX_PROFILES} are computed")
    return arrays


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
