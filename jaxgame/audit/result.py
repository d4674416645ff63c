"""What an audit found, as plain records: the same fields in Python and in `audit.json`.

A distance is a root mean square over rows of what a prediction leaves of the target. All distances and errors
are in standard deviations of the target on its train rows (`TargetAudit.unit`), unless a name says raw: 0 is
a perfect match, and a constant guess is about 1 away. They are fitted on train rows and, unless they say
train, measured on held-out rows.
"""

from dataclasses import asdict, dataclass
from typing import Any

from jaxgame.audit.interval import Interval
from jaxgame.audit.served import CommonReport
from jaxgame.audit.standing import Standing

# Of `Audit.to_dict`, and so of `audit.json`: a number of its own for each set of fields (audit.schema.json).
SCHEMA_VERSION = 2

VERDICTS = ("covered", "not covered", "too close to call")


@dataclass(frozen=True)
class Weight:
    """A model's part in a mixture of least squares.

    - `model`: its column's name;
    - `weight`: what its rescaled scores are multiplied with, at least 0 (the train means of scores and target
      are 0);
    - `raw`: what its scores as they are in the table are multiplied with, for a prediction in the target's
      units;
    - `interval`: the bootstrap's, of `weight`;
    - `used`: the share of the bootstrap's refits, from 0 to 1, that give it weight (more than 1e-6).
    """

    model: str
    weight: float
    raw: float
    interval: Interval
    used: float


@dataclass(frozen=True)
class HullReport:
    """The nearest mixtures of one kind: by least squares, and in the largest error.

    - `hull`: "cone" (weights of at least 0) or "simplex" (that also sum to 1); a constant is always added;
    - `train`: a certified bracket of the least distance over the train rows (for the cone against weights of
      bounded size, see `jaxgame.core.cone`; so too `sup_train`);
    - `heldout`: the distance of the least squares mixture on the held-out rows, `interval` the bootstrap's of
      it;
    - `splits`: held-out distances of fits to other random train rows, one per split;
    - `sup_train`: a certified bracket of the least largest error over the train rows;
    - `sup_heldout`: the largest error on held-out rows of the mixture that attains it;
    - `sup_of_square_heldout`: the largest error on held-out rows of the least squares mixture;
    - `offset_raw`: the constant that belongs to raw weights, in the target's units;
    - `weights`: those of the least squares mixture that are above 1e-6, largest first.
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
class AbsoluteError:
    """The least mean absolute error of mixtures of one kind, in the target's own units.

    - `hull`: "simplex" (weights of at least 0 that sum to 1, no constant: what the theorem is about) or
      "cone" (weights of at least 0 and a constant; a description only);
    - `train`: a certified bracket of the least error over the train rows (for the cone see
      `jaxgame.core.cone`);
    - `heldout`: the error on held-out rows of the mixture that attains it, `interval` the bootstrap's of it.
    """

    hull: str
    train: Interval
    heldout: float
    interval: Interval


@dataclass(frozen=True)
class Bound:
    """What one average error promises a user who loses the square of what her rating is off by.

    - `error`: "absolute" or "square", whose mean over rows is multiplied with `factor`; `hull`: "simplex"
      (weights that sum to 1, no constant) or "cone" (weights that sum to less than 2, and a constant);
    - `factor`: 2 L for the absolute error (L is the length of the scale), 4 / (2 - sum of weights)^2 for the
      square, so 4 on the simplex;
    - `train`, `loss`: the mean squared loss that she cannot exceed at any equilibrium, by the train rows that
      the mixture is fitted to and by held-out rows, in squares of the target's units; `interval` is the
      bootstrap's of `loss`, over held-out rows with the mixture as it is;
    - `share`: `loss` in parts of what a constant guess loses on the same rows (`AverageReport.stake`), with
      the bootstrap's `share_interval`: from 1 on nothing is promised;
    - `weights`: the mixture's by model, of raw scores, those above 1e-6; `offset_raw`: the constant that
      belongs to them, in the target's units (with "standard" scale it takes the models' means away).
    """

    error: str
    hull: str
    factor: float
    train: float
    loss: float
    interval: Interval
    share: float
    share_interval: Interval
    weights: dict[str, float]
    offset_raw: float


@dataclass(frozen=True)
class AverageReport:
    """What the average error of mixtures buys a user who rates, and whom the models compete to advise.

    - `sentence` says it with its numbers;
    - `scale`: the lowest and the highest rating, as given or (`scale_given` False) as seen in the rows;
    - `stake`: the mean squared loss of a constant guess (the train mean) on the held-out rows;
    - `absolute`: an `AbsoluteError` for "simplex" and for "cone";
    - `bounds`: what is promised, the bound that is least on the train rows first.
    """

    sentence: str
    scale: Interval
    scale_given: bool
    stake: float
    absolute: dict[str, AbsoluteError]
    bounds: tuple[Bound, ...]


@dataclass(frozen=True)
class Rival:
    """A simple prediction that the hull must beat.

    - `name`: "best single" or "plain average", as they are or with ", fitted slope" (ordinary least squares,
      the slope of either sign), or "constant";
    - `train`, `heldout`: its distance on train and on held-out rows; the best single model is the one with
      the least `train`;
    - `model`: the model it consists of; None for averages and the constant.
    """

    name: str
    train: float
    heldout: float
    model: str | None = None


@dataclass(frozen=True)
class Null:
    """What chance does: the same fit to targets whose scores changed places between groups of rows at random.

    - `shuffles`: how many such targets (between single rows, if each is a group by itself);
    - `median`, `least`: of their held-out distances;
    - `p_value`: the share of targets, the true one counted in, that come as near relative to a constant guess
      on the same rows as the true one does. So it does not depend on how far the held-out scores happen to
      spread;
    - `beyond_chance`: whether `p_value` is at most 0.05.
    """

    shuffles: int
    median: float
    least: float
    p_value: float
    beyond_chance: bool


@dataclass(frozen=True)
class Growth:
    """The distance of the first `models` of the panel in random orders.

    - `mean`, `lower_quartile`, `upper_quartile`: of the held-out distance over 20 orders;
    - `shuffled`: the mean held-out distance of the same models from one target in random order.
    """

    models: int
    mean: float
    lower_quartile: float
    upper_quartile: float
    shuffled: float


@dataclass(frozen=True)
class Value:
    """What one model is worth, in held-out distance; the other models are fitted again.

    - `model`: its column's name;
    - `alone`: the distance with this model only;
    - `drop`: what leaving it out of the panel adds (below 0 if that helps); None for a candidate;
    - `add`: what adding it takes away: from the distance of the smallest panel (`SmallPanel`; None for its
      own models), for a candidate from that of the whole panel;
    - `candidate`: whether it is not yet in the panel.
    """

    model: str
    alone: float
    drop: float | None
    add: float | None
    candidate: bool


@dataclass(frozen=True)
class SmallPanel:
    """The fewest models that do about as well as all, by their train distance.

    - `models`: their names;
    - `method`: "exact" (all sets were compared, up to 12 models) or "greedy" (none of these can be spared,
      but a smaller set may exist);
    - `limit`: the train distance they must keep to: eps, or 1.05 times the whole panel's if that exceeds eps;
    - `train`, `heldout`: the distance of their mixture on train and on held-out rows.
    """

    models: tuple[str, ...]
    method: str
    limit: float
    train: float
    heldout: float


@dataclass(frozen=True)
class Loss:
    """The worst case of losing some models, the rest fitted again.

    - `lost`: how many are lost;
    - `method`: "exact" covers all such losses, "sampled" the `tried` ones: then the worst is at least this
      bad;
    - `tried`: how many losses were computed; of an exact search those that change the fit;
    - `distance`: the worst held-out distance;
    - `models`: those whose loss makes it so bad. They may be fewer than `lost`: losing any others beside them
      changes nothing.
    """

    lost: int
    method: str
    tried: int
    distance: float
    models: tuple[str, ...]


@dataclass(frozen=True)
class TargetAudit:
    """Everything about one target: one group of users.

    - `target`: its column's name; `verdict`: "covered", "not covered" or "too close to call"; `sentence` says
      it with its numbers;
    - `average`: what average errors buy; `guarantee` says what the largest error does;
    - `distance`, `interval`: the held-out distance of the hull that the verdict is about, and the bootstrap's
      interval of it;
    - `rows`, `train_rows`, `heldout_rows`: how many rows were used, to fit and to measure;
    - `models`, `candidates`: names of the panel's models and of those that might be added;
    - `unit`: one standard deviation of the target's scores on train rows, in their units;
    - `scale`: whether the scores of models are "raw" or "standard" (standardised on train rows); `notes`:
      what was done to the table for this target;
    - `hulls`: a `HullReport` for "cone" and for "simplex";
    - `rivals`, `null`: what a simple prediction and what chance gives;
    - `growth`, `values`, `small_panel`, `losses`: what models are worth, in the verdict's hull;
    - `standing`: how many may fail before the panel lets harm through; None unless that was asked.
    """

    target: str
    verdict: str
    sentence: str
    average: AverageReport
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
    standing: Standing | None

    @property
    def covered(self) -> bool:
        """Whether the verdict is "covered"."""
        return self.verdict == "covered"


@dataclass(frozen=True)
class Audit:
    """Does a panel of models cover its users? One `TargetAudit` per group of users, and how it was asked.

    - `source`: the table; `version`: of jaxgame;
    - `epsilon`: the largest distance that counts as covered; `hull`: the mixtures that the verdict is about;
      `confidence`: the level of the bootstrap's intervals;
    - `rule`: how the verdict is reached, `conditions`: what the guarantee rests on, in words;
    - `settings`: the others of `jaxgame.panel.audit` by name; `notes`: what was done to the table;
    - `targets`: the audits, as asked; `common`: a `CommonReport` for all of several targets; `audit["name"]`
      is that of one target.
    """

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
    common: tuple[CommonReport, ...] = ()

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
        """All fields as JSON values; `schema_version`, `covered` and `exit_code` beside them."""
        own = {"schema_version": SCHEMA_VERSION, "covered": self.covered, "exit_code": self.exit_code}
        return own | asdict(self)

    def __repr__(self) -> str:
        found = ", ".join(f"{t.target}: {t.verdict} ({t.distance:.3g})" for t in self.targets)
        return f"Audit({self.source!r}, epsilon={self.epsilon:g}; {found})"
