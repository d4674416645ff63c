"""Proofs as files that anyone can recheck: what they hold, how they are written, exact schemes for them.

`jaxgame.verify` says what is proved by what. Here floats become rationals, and schemes that a solver found
become schemes that are obeyed exactly.
"""

from jaxgame.proof.record import Proof

__all__ = ["Proof"]
