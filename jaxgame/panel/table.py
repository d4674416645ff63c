"""Complete score tables: K raters' scores of N items, read and checked.

A panel holds the scores of K raters (AI models, people, legislators) on N rows, split into train and
test, and what a reader must know about them. `coverage` measures hulls of its raters. Tables with missing
cells, in other layouts or of other formats are read by the audit (`jaxgame.audit.reading`), which repairs
what this reader refuses.
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from jaxgame.panel.missing import filled
from jaxgame.panel.splits import parted_block

BUNDLED = ("eqbench", "snippets", "senate")

# The scale that eqbench asked for.
EQBENCH_SCALE = (0.0, 10.0)
# Of the scenes of eqbench, in the order of its questions, every so many-th is for testing.
EQBENCH_TEST = 3

# Senators who missed this share of the votes or more are left out, then votes that any of the others missed.
SENATE_MISSING = 0.05


@dataclass(frozen=True, eq=False)
class Panel:
    """A complete table of scores and what a reader must know about it: N rows (items), K raters.

    - `name`: short, for messages; `title`: one line, for figures;
    - `raters`: K names, in the order of the columns; `groups`: the name of each rater's group;
    - `scores` [N, K]: finite numbers, one column per rater;
    - `target` [N]: the scores to be approximated; None says that each rater in turn is the target of the
      others;
    - `train` [N]: True for the rows on which weights are fitted, False for those held out;
    - `unit`: the scores' unit, in words; `caveat`: what belongs under every figure, or "";
    - `blocks` [N]: numbers from 0 on; rows of one number belong together (one scene, one text), and are split
      and resampled together. None says that each row is by itself;
    - `target_name`: what the target is called.
    """

    name: str
    title: str
    raters: tuple[str, ...]
    groups: tuple[str, ...]
    scores: Float[np.ndarray, "N K"]
    target: Float[np.ndarray, " N"] | None
    train: Bool[np.ndarray, " N"]
    unit: str
    caveat: str
    blocks: Int[np.ndarray, " N"] | None = None
    target_name: str = "target"

    def __repr__(self) -> str:
        rows, raters = self.scores.shape
        return f"Panel({self.name!r}: {rows} rows, {self.train.sum()} of them train; {raters} raters)"

    def of_groups(self, groups: Iterable[str]) -> "Panel":
        """The panel with the raters of `groups` only.

        Raises ValueError for a group without raters.
        """
        wanted = list(groups)
        known = sorted(set(self.groups))
        unknown = next((group for group in wanted if group not in known), None)
        if unknown is not None or not wanted:
            said = f"is {unknown!r}" if wanted else "is empty"
            raise ValueError(f"groups {said}; it must be one of {', '.join(map(repr, known))}")
        keep = np.array([group in wanted for group in self.groups])
        return replace(
            self,
            raters=tuple(np.array(self.raters)[keep].tolist()),
            groups=tuple(np.array(self.groups)[keep].tolist()),
            scores=self.scores[:, keep],
        )


def load(
    source: str | Path,
    *,
    groups: Sequence[str] | None = None,
    target: str | None = None,
    raters: Sequence[str] | None = None,
    split: str | None = "split",
    block: str | None = None,
    missing: str = "refuse",
) -> Panel:
    """Read a panel: `source` is "eqbench", "snippets", "senate", or the path of a .parquet or .csv table.

    `groups` keeps the raters of these groups only: eqbench has 17, by what a language model derives from
    ("GPT-4", "Mistral-7B", ...), snippets has "neutral_paraphrase", "goal_viewpoint" and "independent_tool",
    senate has the parties "R" and "D".

    In your own table `split` names the column that holds "train" or "test" (None: every row is train),
    `target` the column to be approximated (None: each rater in turn), `raters` the raters' columns (None:
    every other column of numbers) and `block` a column whose equal values mark rows that belong together
    (None: each row is by itself). Its raters form one group, "raters". A row that lacks a score is an error
    with `missing` "refuse", and left out with "drop".

    "eqbench" are the answers of 86 runs of language models to 684 questions of 0 to 10 about feelings, in 50
    scenes. 420 of the 58,824 answers are missing, and filled in: in the run's own mean and spread, with what
    the others said of the same question on average, within 0 and 10. Every third scene is for testing.

    "senate" is the complete block of its table: senators (not the president) who missed less than
    5 % of the votes, and the votes that none of them missed.

    Raises ValueError for an unknown name, a missing column, scores that are missing or not numbers
    (naming file, column and row), a table without complete rows, and a split without train or test rows.

    >>> from jaxgame import panel
    >>> panel.load("eqbench")
    Panel('eqbench': 684 rows, 464 of them train; 86 raters)
    >>> panel.load("senate", groups=["D"])
    Panel('senate': 242 rows, 167 of them train; 39 raters)
    """
    if missing not in ("refuse", "drop"):
        raise ValueError(f"missing is {missing!r}; it must be one of 'refuse', 'drop'")
    if source in BUNDLED:
        if (target, raters, split, block, missing) != (None, None, "split", None, "refuse"):
            raise ValueError(
                f"target, raters, split, block and missing are fixed for the bundled panel {str(source)!r}"
            )
        panel = {"eqbench": _eqbench, "snippets": _snippets, "senate": _senate}[str(source)]()
    else:
        panel = _own_table(source, target, raters, split, block, missing)
    return panel if groups is None else panel.of_groups(groups)


def near(name: str, names: Sequence[str], cutoff: float = 0.5) -> str:
    """What to add to an error about an unknown name: the nearest of `names`, or the first of them.

    `cutoff`, from 0 to 1, is the least similarity that counts as near (see `difflib.get_close_matches`).
    """
    close = difflib.get_close_matches(name, names, n=3, cutoff=cutoff) or list(names[:5])
    return f"; near are {', '.join(map(repr, close))}" if close else ""


def block_numbers(labels: Iterable[Any]) -> Int[np.ndarray, " N"]:
    """Numbers from 0 on, equal for equal `labels` of N rows, in the order of their first occurrence."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels])


def _eqbench() -> Panel:
    """The bundled panel of language models; what they derive from is in a table of its own."""
    path = _bundled("eqbench_llm.parquet")
    frame = _read(path)
    models = pl.read_csv(_bundled("eqbench_models.csv"))
    raters = models["model"].to_list()
    answers = frame.select(pl.col(raters).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    scenes = block_numbers(frame["scene"])
    return Panel(
        name="eqbench",
        title="Feelings in 171 dialogues: a human reference against 86 language models",
        raters=tuple(raters),
        groups=tuple(models["family"]),
        scores=np.clip(filled(answers), *EQBENCH_SCALE),
        target=_numbers(frame, ["human_reference"], path)[:, 0],
        train=scenes % EQBENCH_TEST != EQBENCH_TEST - 1,
        unit="points from 0 to 10",
        caveat=(
            "the reference is a judgment of feelings by the benchmark's authors (how many is not recorded), "
            "not a preference, and without a noise floor; models share ancestors (23 of 86 derive from "
            "Mistral-7B) and may have seen the questions; 0.7 % of the answers are filled in from other "
            "models; rows of one scene belong together, and are split and resampled together"
        ),
        blocks=scenes,
        target_name="human_reference",
    )


def _snippets() -> Panel:
    """The bundled panel of embedding personas; its file names the raters' groups in its metadata."""
    path = _bundled("snippets_personas.parquet")
    frame = _read(path)
    groups: dict[str, str] = json.loads(pl.read_parquet_metadata(path)["column_groups"])
    return Panel(
        name="snippets",
        title="Film-review snippets: mean human rating against embedding personas",
        raters=tuple(groups),
        groups=tuple(groups.values()),
        scores=_numbers(frame, list(groups), path),
        target=_numbers(frame, ["human_mean"], path)[:, 0],
        train=_train_rows(frame, "split", path),
        unit="raw scores, each rater its own",
        caveat="raters are embedding personas of one small model and four lexical tools, not chat models",
        target_name="human_mean",
    )


def _senate() -> Panel:
    """The bundled panel of senators: those with few missed votes, and the votes that none of these missed."""
    path = _bundled("senate_109.parquet")
    frame = _read(path).with_columns(pl.col(pl.Float32).fill_null(float("nan")))
    members = pl.read_csv(_bundled("senate_109_members.csv")).filter(pl.col("role") == "senator")
    parties = dict(zip(members["column"], members["party"], strict=True))
    missing = frame.select(pl.col(list(parties)).is_nan().mean()).row(0, named=True)
    raters = [name for name in parties if missing[name] < SENATE_MISSING]
    frame = frame.filter(~pl.any_horizontal(pl.col(raters).is_nan()))
    return Panel(
        name="senate",
        title="US Senate roll calls 2005-2006: one senator against others",
        raters=tuple(raters),
        groups=tuple(parties[name] for name in raters),
        scores=_numbers(frame, raters, path),
        target=None,
        train=_train_rows(frame, "split", path),
        unit="votes: yea 1, nay 0",
        caveat="raters are senators, not AI models; train and test votes are split at random, not by date",
    )


def _own_table(
    source: str | Path,
    target: str | None,
    raters: Sequence[str] | None,
    split: str | None,
    block: str | None,
    missing: str,
) -> Panel:
    path = Path(source)
    if path.suffix not in (".parquet", ".csv") or not path.is_file():
        close = difflib.get_close_matches(str(source), BUNDLED, n=1)
        raise ValueError(
            f"source is {str(source)!r}; it must be one of {', '.join(map(repr, BUNDLED))} or an existing "
            f".parquet or .csv file" + (f" (did you mean {close[0]!r}?)" if close else "")
        )
    frame = _read(path)
    if raters is None:
        raters = [
            name for name, kind in frame.schema.items() if kind.is_numeric() and name not in (target, block)
        ]
    if not raters:
        raise ValueError(f"{path} has no columns of numbers to be raters")
    if missing == "drop":
        frame = _complete(frame, raters if target is None else [*raters, target], path)
    train = np.ones(frame.height, bool) if split is None else _train_rows(frame, split, path)
    return Panel(
        name=path.stem,
        title=path.stem,
        raters=tuple(raters),
        groups=("raters",) * len(raters),
        scores=_numbers(frame, raters, path),
        target=None if target is None else _numbers(frame, [target], path)[:, 0],
        train=train,
        unit="units of the scores",
        caveat="",
        blocks=None if block is None else _blocks(frame, block, train, path),
        target_name=target or "target",
    )


def _bundled(name: str) -> Path:
    return Path(str(resources.files("jaxgame.panel") / "data" / name))


def _read(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)


def _complete(frame: pl.DataFrame, columns: Sequence[str], path: Path) -> pl.DataFrame:
    """The rows that miss none of the columns' numbers; what else is wrong is left to `_numbers`."""
    for name in columns:
        _check_column(frame, name, path)
    floats = [name for name in columns if frame.schema[name].is_float()]
    kept = frame.drop_nulls(columns).drop_nans(floats) if floats else frame.drop_nulls(columns)
    if not kept.height:
        raise ValueError(f"{path}: each of {frame.height} rows misses one of {len(columns)} columns' scores")
    return kept


def _numbers(frame: pl.DataFrame, columns: Sequence[str], path: Path) -> np.ndarray:
    """Columns as float64 [N, K], after a check that each is there, numeric and complete."""
    for name in columns:
        _check_column(frame, name, path)
        if not frame.schema[name].is_numeric():
            raise ValueError(f"{path}: column {name!r} holds {frame.schema[name]}; it must hold numbers")
    values = frame.select(pl.col(list(columns)).cast(pl.Float64)).to_numpy()
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{path}: column {columns[column]!r}, row {row} (the first is 0) is {values[row, column]} "
            f"({len(bad)} such entries); every score must be a finite number"
        )
    return values


def _train_rows(frame: pl.DataFrame, split: str, path: Path) -> np.ndarray:
    """Which rows are "train", after a check that there are both kinds and no other."""
    _check_column(frame, split, path)
    found = set(frame[split].unique().to_list())
    if found != {"train", "test"}:
        raise ValueError(
            f"{path}: column {split!r} holds {', '.join(map(repr, sorted(found, key=str)[:5]))}; "
            "it must hold 'train' and 'test', each at least once"
        )
    return (frame[split] == "train").to_numpy()


def _blocks(frame: pl.DataFrame, block: str, train: np.ndarray, path: Path) -> np.ndarray:
    """The rows' blocks, after a check that each row has one and each block is on one side of the split."""
    _check_column(frame, block, path)
    labels = frame[block]
    if labels.null_count():
        row = int(np.flatnonzero(labels.is_null().to_numpy())[0])
        raise ValueError(
            f"{path}: column {block!r}, row {row} (the first is 0) is empty; it must hold a block"
        )
    blocks = block_numbers(labels)
    parted = parted_block(blocks, train)
    if parted is not None:
        raise ValueError(
            f"{path}: column {block!r}: {labels[parted]!r} has train and test rows; it must be on one side"
        )
    return blocks


def _check_column(frame: pl.DataFrame, name: str, path: Path) -> None:
    if name not in frame.columns:
        raise ValueError(f"{path}: no column {name!r}{near(name, frame.columns, cutoff=0.6)}")
