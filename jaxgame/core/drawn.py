"""Traces draw themselves: what those of all rooms share."""

from typing import TYPE_CHECKING, Any

from jaxgame.core.revision import ENDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DrawnProcess:
    """A process of revisions, one of `competition.Process` or one with values of several users."""

    def plot(self: Any, ax: "Axes | None" = None) -> "Axes":
        """Draw what everybody has after each revision, how it ended, and the gain that is left.

        `ax` are axes of Matplotlib to draw on (None: new ones), which are returned.

        Raises ValueError for a batch of traces, and if they are not finite.
        """
        from jaxgame.drawing import pictures

        field = "users" if hasattr(self, "users") else "follower"
        return pictures.process(self, field, ENDS, ax)


class DrawnLearning:
    """Rounds of learning with a `path` [N] of values, and each leader's `regret`."""

    def plot(self: Any, ax: "Axes | None" = None) -> "Axes":
        """Draw what she had in each round, and on average so far; the title has the largest regret.

        `ax` are axes of Matplotlib to draw on (None: new ones), which are returned. After several numbers of
        rounds the regret is that of the last.

        Raises ValueError for a batch of traces, and if they are not finite.
        """
        from jaxgame.drawing import pictures

        return pictures.learning(self, ax)
