"""Conversations of several rounds between differently informed parties (theory, section 4, conversations).

Read `protocol` first (what may be said, and how histories are numbered), then `transcripts` (the law of what
is said, in two factors) and `follower` (her best replies, exactly, by backward induction). `teaching` is an
aligned leader, `reply` a competing one, `bound` what no leader can exceed, `search` leaders who revise.

Axes: leader K, what a leader sees V, a leader's history H, its message M; type T, the follower's history G,
her reply N; transcript L; state S, action A. A leader's rule is [V, H, M], hers [T, G, N].

| What a competition offers | Name |
| --- | --- |
| what a profile of rules leads to | `outcome_of`; with all leaders heard also `best_reply`, `conversed` |
| a best response | `best_response`, never above `unlimited_bound` |
| exploitability | `exploitability` |
| dynamics | `best_response_dynamics` from `starting_rules` |
| the worst equilibrium | none is known for tables of rules; an aligned leader's `teaching` is the benchmark |
| a theorem | `jaxgame.theorems` with `protocol=`, at one profile |

`kind="all"` means that the follower hears all leaders, "selection" that she keeps the best one.
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
