"""Conversations of several rounds between differently informed parties (theory, section 4).

What is said: `Protocol`, `transcript_law`, `beliefs`, `observed`, `spell`. The follower: `best_reply`, and
`conversed` with given replies. An aligned leader: `teaching`. Competition, all leaders heard or the best one
kept: `best_response`, `best_response_dynamics`, `exploitability`.
"""

from jaxgame.conversation.bound import unlimited_bound
from jaxgame.conversation.follower import Conversed, best_reply, conversed
from jaxgame.conversation.protocol import Protocol
from jaxgame.conversation.reply import COMPETITIONS, RuleReply, best_response
from jaxgame.conversation.search import (
    STARTS,
    RuleTrace,
    best_response_dynamics,
    exploitability,
    outcome_of,
    starting_rules,
    taught,
)
from jaxgame.conversation.teaching import Teaching, teaching
from jaxgame.conversation.transcripts import Observed, beliefs, observed, spell, transcript_law
from jaxgame.conversation.view import viewed

__all__ = [
    "COMPETITIONS",
    "STARTS",
    "Conversed",
    "Observed",
    "Protocol",
    "RuleReply",
    "RuleTrace",
    "Teaching",
    "beliefs",
    "best_reply",
    "best_response",
    "best_response_dynamics",
    "conversed",
    "exploitability",
    "observed",
    "outcome_of",
    "spell",
    "starting_rules",
    "taught",
    "teaching",
    "transcript_law",
    "unlimited_bound",
    "viewed",
]
