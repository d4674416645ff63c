"""The same scores from every kind of table: files, packed or not, standard input, JSON, frames in memory."""

import bz2
import decimal
import gzip
import io
import json
import lzma
import sys

import numpy as np
import polars as pl
import pytest
import zstandard

from jaxgame.audit import InputError
from jaxgame.audit.reading import read_scores

N = 20
RANDOM = np.random.default_rng(4)
FRAME = pl.DataFrame(
    {
        "item": [f'q{i}, "x"' for i in range(N)],
        "people": np.round(RANDOM.normal(size=N), 4),
        "a": [None if i == 3 else float(i * 7 % 11) / 4 for i in range(N)],
        "b": [None if i == 5 else i * 5 % 13 for i in range(N)],
        "c": [None if i == 7 else i % 3 == 0 for i in range(N)],
        "text": ["one\ntwo", "naïve"] * (N // 2),
    }
)
COLUMNS = ("people", "a", "b", "c")
VALUES = FRAME.select(pl.col(COLUMNS).cast(pl.Float64)).fill_null(float("nan")).to_numpy()
RECORDS = FRAME.to_dicts()
PACKERS = {"gz": gzip.compress, "zst": zstandard.compress, "bz2": bz2.compress, "xz": lzma.compress}


def is_frame(table, **options):
    scores = read_scores(table, **options)
    assert scores.columns == COLUMNS
    np.testing.assert_array_equal(scores.values, VALUES)
    return True


def parquet():
    file = io.BytesIO()
    FRAME.write_parquet(file)
    return file.getvalue()


def feather():
    file = io.BytesIO()
    FRAME.write_ipc(file)
    return file.getvalue()


FILES = {
    "t.csv": FRAME.write_csv().encode(),
    "t.tsv": FRAME.write_csv(separator="\t").encode(),
    "quoted.csv": FRAME.write_csv(quote_style="always").encode(),
    "t.jsonl": FRAME.write_ndjson().encode(),
    "blank.ndjson": FRAME.write_ndjson().replace("\n", "\n\n").encode(),
    "t.json": json.dumps(RECORDS).encode(),
    "indented.json": json.dumps(RECORDS, indent=2).encode("utf-16"),
    "columns.json": json.dumps(FRAME.to_dict(as_series=False)).encode(),
    "t.parquet": parquet(),
    "t.feather": feather(),
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_plain_packed_nameless_and_from_standard_input(tmp_path, monkeypatch, name):
    data = FILES[name]
    (tmp_path / name).write_bytes(data)
    assert is_frame(tmp_path / name) and is_frame(str(tmp_path / name))
    if "utf-16" not in name and name != "indented.json":
        (tmp_path / "table").write_bytes(data)
        assert is_frame(tmp_path / "table")
    for suffix, pack in PACKERS.items():
        (tmp_path / f"{name}.{suffix}").write_bytes(pack(data))
        assert is_frame(tmp_path / f"{name}.{suffix}")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(data))))
    assert name == "indented.json" or is_frame("-")


@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_files_in_parts_and_damaged(tmp_path, suffix):
    pack, data = PACKERS[suffix], FILES["t.csv"]
    path = tmp_path / f"t.csv.{suffix}"
    path.write_bytes(pack(data[:100]) + pack(data[100:]))
    assert is_frame(path)
    packed = pack(data)
    for broken in (packed[:-9], packed[: len(packed) // 2], packed[:20] + b"\x00\xff" * 10 + packed[40:]):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=rf"t\.csv\.{suffix}: is compressed \(\w+\) and damaged"):
            read_scores(path)


def test_frames_and_mappings():
    assert is_frame(FRAME) and is_frame(FRAME.lazy()) and is_frame(FRAME.to_dict())
    assert is_frame(FRAME.to_dict(as_series=False)) and is_frame(RECORDS)
    arrays = {name: FRAME[name].to_numpy() for name in FRAME.columns}
    assert is_frame(arrays)
    masked = np.ma.masked_invalid(VALUES[:, 1])
    assert is_frame(arrays | {"a": masked})
    objects = [None if i == 3 else decimal.Decimal(i * 7 % 11) / 4 for i in range(N)]
    assert is_frame(arrays | {"a": objects}) and is_frame(arrays | {"a": np.array(objects, object)})
    assert is_frame(FRAME.with_columns(a=pl.Series(objects, dtype=pl.Object)))
    assert is_frame(FRAME.with_columns(pl.col("a").cast(pl.Decimal(10, 4)), pl.col("b").cast(pl.String)))
    nan = [decimal.Decimal("NaN") if cell is None else cell for cell in objects]
    assert is_frame(arrays | {"a": nan})
    texts = [
        ("NA" if i == 3 else str(cell)) if i % 2 else cell for i, cell in enumerate(FRAME["a"].to_list())
    ]
    assert is_frame(arrays | {"a": texts})


def test_pandas_frames(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(FRAME.to_dict(as_series=False))
    assert is_frame(frame) and is_frame(frame.convert_dtypes()) and is_frame(frame.astype(object))
    assert is_frame(frame.assign(a=frame["a"].astype("Float64"), b=frame["b"].astype("Int64")))
    assert is_frame(frame.assign(c=frame["c"].astype("boolean"), b=frame["b"].astype("category")))
    assert is_frame(frame.set_index("item")) and is_frame(frame.set_index(["item", "text"]))
    shuffled = frame.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(read_scores(shuffled).values, VALUES[shuffled.index])
    # A named index is no model, whatever it holds.
    numbered = frame.rename_axis("sample")
    numbered.index = pandas.Index(RANDOM.normal(size=N), name="sample")
    assert is_frame(numbered)
    twice = frame.rename(columns={"b": "a"})
    with pytest.raises(InputError, match="two columns are named 'a'"):
        read_scores(twice)
    levels = frame.set_axis(pandas.MultiIndex.from_tuples([("x", name) for name in frame]), axis=1)
    assert read_scores(levels).columns == ("x.people", "x.a", "x.b", "x.c")


def test_pandas_and_arrow_files(tmp_path):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(FRAME.to_dict(as_series=False)).astype({"b": "Int64", "c": "boolean"})
    numbered = frame.set_axis(pandas.Index(RANDOM.permutation(N) * 2, name="my number"))
    for one in (frame, frame.set_index("item"), numbered):
        one.to_parquet(tmp_path / "t.parquet")
        assert is_frame(tmp_path / "t.parquet") and is_frame(pyarrow.Table.from_pandas(one))
    frame.to_feather(tmp_path / "t.feather")
    assert is_frame(tmp_path / "t.feather")
    for orient in ("records", "columns", "index", "split", "table"):
        frame.to_json(tmp_path / "t.json", orient=orient, double_precision=15)
        assert is_frame(tmp_path / "t.json", targets="people")
    frame.to_json(tmp_path / "t.json.gz", orient="records", lines=True, double_precision=15)
    assert is_frame(tmp_path / "t.json.gz")
    frame.to_csv(tmp_path / "t.csv.zst")
    assert is_frame(tmp_path / "t.csv.zst")


def test_objects_within_records_become_columns(tmp_path):
    nested = [
        {"item": row["item"], "people": row["people"], "by": {"gpt": {"v4": row["a"]}, "b": row["b"]}}
        for row in RECORDS
    ]
    for row in nested:
        row["messages"] = [{"role": "user"}]
    (tmp_path / "t.json").write_text(json.dumps(nested))
    pl.DataFrame(nested).write_parquet(tmp_path / "t.parquet")
    for source in (tmp_path / "t.json", tmp_path / "t.parquet", pl.DataFrame(nested), nested):
        scores = read_scores(source)
        assert scores.columns == ("people", "by.gpt.v4", "by.b")
        np.testing.assert_array_equal(scores.values, VALUES[:, :3])
        assert "columns without numbers ignored: messages" in scores.notes


def test_records_may_lack_keys():
    lacking = [{name: cell for name, cell in row.items() if cell is not None} for row in RECORDS]
    assert is_frame(lacking)


BAD = {
    "half": (json.dumps(RECORDS)[:-20], r"line 1 is not JSON \(.*, column \d+\)"),
    "half a line": (FILES["t.jsonl"][:-30], r"line 20 is not JSON"),
    "a number": (
        "5",
        "holds '5' where a record should be; a JSON table is an object a line, a list of objects",
    ),
    "numbers": ("[1, 2]", "holds '1' where a record should be"),
    "a list a line": ("[1, 2]\n[3, 4]", r"holds '\[1, 2\]' where a record should be"),
    "nothing": ("[]", "holds no records"),
    "ragged": ('{"people": [1, 2], "a": [1]}', "column 'people' has 2 rows and column 'a' has 1"),
    "a key twice": ('[{"a": 1},\n{"a": 1, "a": 2}]', "line 1: an object has the key 'a' twice"),
    "a dot twice": ('[{"a.b": 1, "a": {"b": 2}}]', "record 1 has 'a.b' twice"),
    "deep": ("[" * 100_000, "recursion"),
    "split": (
        '{"columns": ["people", "a"], "data": [[1, 2], [3]]}',
        "row 2 of its data is no list of 2 cells",
    ),
    "text": ("item,people\n", "line 1 is not JSON"),
    "half a letter": ('[{"people": "\\ud800", "a": 1}]', "surrogates not allowed"),
    "a large number": (
        json.dumps([{"people": 10**400, "a": 1}] * 12),
        "row 1, column 'people': inf is infinite",
    ),
    "a cell": (
        FILES["blank.ndjson"].replace(b'"a":0.5', b'"a":"bad"', 1),
        "line 11, column 'a': 'bad' is not a number",
    ),
    "truth": (
        json.dumps([row | {"a": True if i == 3 else 0.5} for i, row in enumerate(RECORDS)]),
        "row 4, column 'a': 'True'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_json_that_is_no_table(tmp_path, case):
    data, says = BAD[case]
    (tmp_path / "t.json").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(InputError, match=says) as caught:
        read_scores(tmp_path / "t.json")
    assert "\n" not in str(caught.value) and str(caught.value).startswith(str(tmp_path / "t.json"))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"people": np.ones((3, 2))}, "column 'people' has 2 axes"),
        ({"people": 3.0}, "column 'people' has 0 axes"),
        ({"people": [1.0], "a": [1.0, 2.0]}, "column 'people' has 1 rows and column 'a' has 2"),
        ([1, 2], "table is list; it must be a path, a DataFrame, a mapping of columns, a list of records"),
        ([{"people": 1, "a.b": 1, "a": {"b": 2}}], "record 1 has 'a.b' twice"),
        (None, "table is NoneType"),
        ({}, "no rows"),
        (pl.LazyFrame({"a": [1]}).select("b"), 'unable to find column "b"|not found'),
    ],
)
def test_objects_that_are_no_table(table, says):
    with pytest.raises(InputError, match=says) as caught:
        read_scores(table)
    assert "\n" not in str(caught.value)
