"""Reviewers who can block: how many must be removed before a misaligned agent's harm gets through.

A principal sends proposals of an agent to reviewers, none of whom need want what she wants (arXiv 2609.15803;
theory, section 12). Read `depth` first. `entered` is what all functions compute with, the scores of
proposals; `search` finds and proves by linear programs, `faces` by looking at all vertices; `rules` says
what a rule of execution can cost; `fixtures` holds panels with known answers.
"""

from jaxgame.coalition.depth import (
    METHODS,
    PROPOSALS,
    RejectionDepth,
    Robustness,
    rejection_depth,
    robustness,
)
from jaxgame.coalition.fixtures import (
    Reviewing,
    all_clauses,
    noisy,
    plane_depth,
    ring,
    ring_loss,
    satisfiability,
)
from jaxgame.coalition.proving import prove_cover, prove_depth
from jaxgame.coalition.rules import Cover, WorstLoss, best_weights, covers, worst_loss

__all__ = [
    "METHODS",
    "PROPOSALS",
    "Cover",
    "RejectionDepth",
    "Reviewing",
    "Robustness",
    "WorstLoss",
    "all_clauses",
    "best_weights",
    "covers",
    "noisy",
    "plane_depth",
    "prove_cover",
    "prove_depth",
    "rejection_depth",
    "ring",
    "ring_loss",
    "robustness",
    "satisfiability",
    "worst_loss",
]
