"""What an audit found, as plain records: the same fields in Python and in `audit.json`.

Distances are in standard deviations of the target on its train rows (`unit` each), unless a name says raw.
"""

from dataclasses import asdict, dataclass
from typing import Any

VERDICTS = ("covered", "not covered", "too close to call")


@dataclass(frozen=True)
class Interval:
    """A two-sided interval: of certainty (`Bracket`) or of confidence (a bootstrap), as its field says."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Weight:
    """A model's part in a mixture: `weight` on its rescaled scores, `raw` on its scores as they are.

    `interval` and `used` (the share of refits that give it any weight) are from the bootstrap.
    """

    model: str
    weight: float
    raw: float
    interval: Interval
    used: float


@dataclass(frozen=True)
class HullReport:
    """The nearest point of one hull by least squares, and the nearest in the sup norm.

    `train` and `sup_train` bracket the least distance over the train rows: certified, not estimated.
    `heldout` and `sup_heldout` are what the fitted mixtures leave on the held-out rows; `interval` is the
    bootstrap's for `heldout`; `splits` are held-out distances of fits to other random train rows. `weights`
    are those above 1e-6, largest first.
    """

    hull: str
    train: Interval
    heldout: float
    interval: Interval
    splits: tuple[float, ...]
    sup_train: Interval
    sup_heldout: float
    sup_of_square_heldout: float
    offset_raw: float
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class Rival:
    """What the hull must beat: a simple prediction, its train and held-out distance, its model if it
    has one.
    """

    name: str
    train: float
    heldout: float
    model: str | None = None


@dataclass(frozen=True)
class Null:
    """The same fit to shuffled targets: their held-out distances, and the share that did as well as the
    target.

    `p_value` compares distances relative to a constant guess on the same rows, the target itself counted in:
    so it does not depend on how far the held-out scores happen to spread.
    """

    shuffles: int
    median: float
    least: float
    p_value: float
    beyond_chance: bool


@dataclass(frozen=True)
class Growth:
    """Held-out distance with K models in random order: mean, quartiles, and the mean for a shuffled
    target.
    """

    models: int
    mean: float
    lower_quartile: float
    upper_quartile: float
    shuffled: float


@dataclass(frozen=True)
class Value:
    """One model's worth, in held-out distance: `drop` is what leaving it out adds, `add` what adding it
    takes away.

    `alone` is the distance with this model only. `add` is measured from the smallest panel (see
    `SmallPanel`), None for its own models. For a candidate `add` is measured from the whole panel and `drop`
    is None.
    """

    model: str
    alone: float
    drop: float | None
    add: float | None
    candidate: bool


@dataclass(frozen=True)
class SmallPanel:
    """The fewest models whose train distance is at most `limit`, found exactly or greedily (`method`)."""

    models: tuple[str, ...]
    method: str
    limit: float
    train: float
    heldout: float


@dataclass(frozen=True)
class Loss:
    """The worst held-out distance after `lost` models are gone and the rest fitted again.

    `method` "exact" covers all such losses, "sampled" the `tried` ones: then the worst is at least
    this bad. `models` make it so bad; losing others beside them changes nothing.
    """

    lost: int
    method: str
    tried: int
    distance: float
    models: tuple[str, ...]


@dataclass(frozen=True)
class TargetAudit:
    """Everything about one target. `distance` and `interval` are those of the hull that the verdict is
    about.
    """

    target: str
    verdict: str
    sentence: str
    guarantee: str
    distance: float
    interval: Interval
    rows: int
    train_rows: int
    heldout_rows: int
    models: tuple[str, ...]
    candidates: tuple[str, ...]
    unit: float
    scale: str
    notes: tuple[str, ...]
    hulls: dict[str, HullReport]
    rivals: tuple[Rival, ...]
    null: Null
    growth: tuple[Growth, ...]
    values: tuple[Value, ...]
    small_panel: SmallPanel
    losses: tuple[Loss, ...]

    @property
    def covered(self) -> bool:
        """Whether the verdict is "covered"."""
        return self.verdict == "covered"


@dataclass(frozen=True)
class Audit:
    """Does a panel of models cover its users? One `TargetAudit` per group of users, and how it was asked."""

    source: str
    version: str
    epsilon: float
    hull: str
    confidence: float
    rule: str
    conditions: tuple[str, ...]
    settings: dict[str, Any]
    notes: tuple[str, ...]
    targets: tuple[TargetAudit, ...]

    @property
    def covered(self) -> bool:
        """Whether every target is covered."""
        return all(target.covered for target in self.targets)

    @property
    def exit_code(self) -> int:
        """What the command exits with: 0 if every target is covered, else 1."""
        return 0 if self.covered else 1

    def __getitem__(self, target: str) -> TargetAudit:
        """The audit of one target by its name."""
        return {found.target: found for found in self.targets}[target]

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; `covered` and `exit_code` beside them."""
        return {"covered": self.covered, "exit_code": self.exit_code, **asdict(self)}

    def __repr__(self) -> str:
        found = ", ".join(f"{t.target}: {t.verdict} ({t.distance:.3g})" for t in self.targets)
        return f"Audit({self.source!r}, epsilon={self.epsilon:g}; {found})"
