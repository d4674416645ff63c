"""Proofs of what leaders regret, over all schemes: by lines above their value curves."""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np

from jaxgame import verify
from jaxgame.core import checks
from jaxgame.core.checks import Numbers
from jaxgame.core.game import Game
from jaxgame.persuasion.proving import numbers_of
from jaxgame.persuasion.value import check_leader
from jaxgame.proof import Proof
from jaxgame.proof.numbers import exact, outwards
from jaxgame.proof.schemes import exact_game, obeyed, scheme_of
from jaxgame.selection.outbidding import check_outcome
from jaxgame.selection.proving import Book, started
from jaxgame.verify.reading import Place
from jaxgame.verify.regrets import regretted


def prove_regrets(game: Game, profiles: Numbers, law: Numbers | None = None) -> Proof:
    """A proof of what each leader of the `game` regrets at most where offers follow a law of `profiles`.

    Profiles [N, K, T, S, A] are outcomes that the follower would obey, one for each leader, such as the
    rounds of a play, or profiles of the menus of `theorems.coarse_correlated`; `law` [N] is how likely each
    is, at any scale (None: all alike). Of each leader it is proved
    that no fixed scheme would have earned it more by over `proof.document["regrets"]` [K], in its units: the
    upper end of `LearningTrace.regret`, of schemes that are obeyed exactly near the outcomes. Worths are
    compared exactly: of offers that tie but for rounding, rounding decides. Not under jit or vmap.

    Raises ValueError for fewer than two leaders, profiles or a law of another shape or that are none, and for
    a traced game.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(                     # a prosecutor and a defender
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]],
    ...     leaders=[[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]],
    ... )
    >>> selfish = jg.selection.starting_offers(judge, "selfish")
    >>> proof = jg.selection.prove_regrets(judge, selfish[None])  # she keeps the prosecutor
    >>> proof.check().proved, [round(float(x), 6) for x in proof.document["regrets"]]
    (True, [0.0, 0.6])
    """
    numbers = numbers_of(game)
    check_leader(game, 0)
    offered = np.asarray(profiles, float)
    weights = _law(offered, game, law)
    book = Book(game, exact_game(**numbers))
    start, _ = started(game, jnp.asarray(1e-6), jnp.zeros(len(game.leaders)))
    book.enter(start)
    known: dict[bytes, int] = {}
    for outcome in offered.reshape(-1, *offered.shape[2:]):
        if outcome.tobytes() not in known:
            check_outcome(game, jnp.asarray(outcome))
            known[outcome.tobytes()] = book.placed(obeyed(book.game, scheme_of(book.game, outcome)))
    places = [[known[outcome.tobytes()] for outcome in profile] for profile in offered]
    lines = [[book.line(j, n) for n in range(book.lost.shape[1])] for j in range(len(game.leaders))]
    schemes = [book.game.scheme(numbers) for numbers in book.schemes]
    regrets = [
        outwards(most, most)[1]
        for j, own in enumerate(lines)
        for most in [regretted(book.game, j, weights, places, schemes, Place(own))]
    ]
    return Proof(
        {
            "schema_version": verify.SCHEMA_VERSION,
            "kind": "regrets",
            "game": numbers,
            "law": weights,
            "profiles": places,
            "regrets": regrets,
            "outbidding": lines,
            "schemes": book.schemes,
        }
    )


def _law(profiles: np.ndarray, game: Game, law: Numbers | None) -> list[Fraction]:
    """Probabilities [N] with sum 1, exactly. Raises ValueError for what is no law of profiles."""
    shape = game.leaders.shape
    if len(game.leaders) < 2:
        raise ValueError("game has 1 leader; it must have at least two, who have rivals")
    if not len(profiles) or profiles.shape[1:] != shape:
        raise ValueError(
            f"profiles has shape {profiles.shape}; it must be [N, K, T, S, A], as leaders is {shape}"
        )
    if law is None:
        return [Fraction(1, len(profiles))] * len(profiles)
    if np.shape(law) != profiles.shape[:1]:
        raise ValueError(f"law has shape {np.shape(law)}; it must be [N] = ({len(profiles)},)")
    given = np.asarray(law, float)
    checks.check_finite("law", jnp.asarray(given))
    weights = exact(given)
    if min(weights) < 0 or not any(weights):
        raise ValueError(f"law has {float(min(weights)):g}; all must be at least 0, and one above")
    return [w / sum(weights) for w in weights]
