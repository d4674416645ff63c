"""What one mixture for all groups of users is to each of them, as plain records (see `result`)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupServed:
    """What one mixture for all groups is to one of them, in standard deviations of her target.

    - `target`: the group's column; `weight`: hers, at least 0, the sum of all is 1: the mixture is near
      `weight` times her scores, in standard deviations of hers (0: it tells nothing of her);
    - `distance`: of the mixture, divided by `weight`, on her held-out rows; `own`: that of the mixture fitted
      to her alone;
    - `largest`: its largest error on any row, train or held out;
    - `loss`: what she loses at most where all groups hear the same, if scores are utilities; None if the
      mixture does not serve everybody.
    """

    target: str
    weight: float
    distance: float
    own: float
    largest: float
    loss: float | None


@dataclass(frozen=True)
class CommonReport:
    """One mixture that serves all groups of users at once: what competition with one policy for all rests on.

    - `sentence` says it with its numbers; `covered`: whether every group's distance is at most eps (the exit
      code does not depend on it);
    - `weights`: the mixture's by model, of raw scores, at least 0; only models that all groups have;
    - `groups`: what it is to each, in the order of the targets.
    """

    sentence: str
    covered: bool
    weights: dict[str, float]
    groups: tuple[GroupServed, ...]
