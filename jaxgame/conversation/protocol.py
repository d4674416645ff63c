"""What may be said in a conversation: rounds and alphabets, and how many transcripts that makes."""

from dataclasses import dataclass

MAX_TRANSCRIPTS = 65_536


@dataclass(frozen=True)
class Protocol:
    """R rounds: the leader sends one of M messages, the follower replies with one of N; she then acts.

    `rounds` is R, `leader_messages` M and `follower_messages` N, 1 if she cannot ask. After the last message
    there is no reply. What a party may condition on is a history, and histories are numbered round by round,
    in a round with the latest entry varying fastest: before its message of round r (from 0) the leader has
    seen (m, n) r times, (MN)^r histories; the follower replies to (MN)^r M. Hashable, thus a static argument
    under jit.

    Raises ValueError unless all three are integers of at least 1.

    >>> two = Protocol(rounds=2, leader_messages=3, follower_messages=2)
    >>> two.leader_histories, two.follower_histories, two.transcripts
    (7, 3, 18)
    """

    rounds: int
    leader_messages: int
    follower_messages: int = 1

    def __post_init__(self) -> None:
        for name in ("rounds", "leader_messages", "follower_messages"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be an integer of at least 1")

    @property
    def leader_histories(self) -> int:
        """How many histories a leader speaks at, H_L = sum_r (MN)^r."""
        return sum(self.before(r) for r in range(self.rounds))

    @property
    def follower_histories(self) -> int:
        """How many histories the follower replies to, H_F = sum_{r < R-1} (MN)^r M."""
        return sum(self.before(r) * self.leader_messages for r in range(self.rounds - 1))

    @property
    def transcripts(self) -> int:
        """How many transcripts there are, L = M^R N^(R-1)."""
        return self.leader_messages**self.rounds * self.follower_messages ** (self.rounds - 1)

    @property
    def statements(self) -> int:
        """How many things a leader can tell whatever it is asked, M^R."""
        return self.leader_messages**self.rounds

    def before(self, number: int) -> int:
        """How many histories precede the leader's message of a round, counted from 0."""
        return (self.leader_messages * self.follower_messages) ** number

    def together(self, leaders: int) -> "Protocol":
        """`leaders` conversations at once, seen by the follower: one with all their messages side by side.

        She hears all leaders' messages of a round, then replies to each. The messages of leader 0 vary
        slowest.
        """
        return Protocol(self.rounds, self.leader_messages**leaders, self.follower_messages**leaders)

    def check_size(self, leaders: int = 1) -> None:
        """Raise ValueError if `leaders` conversations have more than 65,536 transcripts together."""
        count = self.transcripts**leaders
        if count <= MAX_TRANSCRIPTS:
            return
        fits = [
            r
            for r in range(1, self.rounds)
            if (self.leader_messages**r * self.follower_messages ** (r - 1)) ** leaders <= MAX_TRANSCRIPTS
        ]
        few = [k for k in range(1, leaders) if self.transcripts**k <= MAX_TRANSCRIPTS]
        remedies = [f"rounds to {fits[-1]}"] if fits else []
        remedies += [f"leaders who are heard together to {few[-1]}"] if few else []
        remedies += ["the numbers of messages"]
        raise ValueError(
            f"conversations with {leaders} leaders, rounds = {self.rounds}, leader_messages = "
            f"{self.leader_messages} and follower_messages = {self.follower_messages} have {count:,} "
            f"transcripts; at most {MAX_TRANSCRIPTS:,} are enumerated: reduce {' or '.join(remedies)}"
        )
