"""Random tables, written as people's programs write them: read as they were, or refused in one line.

What was written is known. Damaged tables are compared with what pandas reads of them, if it is there.
"""

import csv
import io
import math
import random

import numpy as np
import pytest

from jaxgame.audit import InputError
from jaxgame.audit.reading import read_scores
from jaxgame.audit.reading.cells import ABSENT

MISSING = (
    "",
    "NA",
    "N/A",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
    "n/a",
    "#N/A",
    "#DIV/0!",
    "<NA>",
    "-",
    ".",
    "?",
)
TEXTS = ("plain", "it's", "5 inch", "naïve", "東京", "a b", "x/y", "10 of 12", "C#", "50 % off", "3-4", "e5")
HARD = ('say "hi"', "one\ntwo", "tab\there", "a;b", "a,b", "a|b", '"', '5" pipe', "", "\n")
NAMES = ("item", "people", "alpha", "beta 2", "gamma,x", "délta", "eps(1)", "zeta\nline", "e;ta", 'th"eta')


def number(source, kind):
    """A random number and how it is written."""
    if kind == "whole":
        value = source.choice([0, 1, 7, -3, 10**6, source.randrange(-100, 100)])
        return float(value), source.choice([str(value), f"{value:+d}", f"{value}.0"])
    value = source.choice([source.gauss(0, 1), source.gauss(0, 1) * 10.0 ** source.randrange(-20, 20)])
    written = source.choice([repr(value), f"{value:.3f}", f"{value:.6e}", f"{value:E}", f"{value:.17g}"])
    return float(written), written


def column(source, kind, rows):
    """The scores of a column, NaN where missing, and its cells; None for scores that no column holds."""
    share = source.choice([0.0, 0.0, 0.1, 0.5, 0.9])
    values, cells = [], []
    for _ in range(rows):
        if kind != "text" and source.random() < share:
            value, cell = math.nan, source.choice(MISSING)
        elif kind == "truth":
            value = float(source.random() < 0.5)
            cell = source.choice(["True", "true", "TRUE"] if value else ["False", "false", "FALSE"])
        elif kind == "text":
            value, cell = math.nan, source.choice(TEXTS + HARD)
        else:
            value, cell = number(source, kind)
            if kind == "per cent":
                cell += source.choice(["%", " %"])
        values.append(value)
        cells.append(cell if source.random() < 0.9 else f" {cell}" if cell.strip() else cell)
    return np.array(values), cells


def written(source):
    """A random table: its bytes, its encoding, its separator and the scores by their column."""
    rows, count = source.randrange(12, 40), source.randrange(2, 7)
    names = ["item", "people", *source.sample(NAMES[2:], count - 1)]
    shares = {"float": 6, "whole": 3, "truth": 1, "text": 2, "per cent": 1}
    kinds = ["text", *source.choices(list(shares), list(shares.values()), k=count)]
    scores, columns = {}, []
    for name, kind in zip(names, kinds, strict=True):
        values, cells = column(source, kind, rows)
        if name == "item":
            cells = [f"q{i}{source.choice(TEXTS)}" for i in range(rows)]
        elif kind != "text":
            scores[name] = values
        columns.append(cells)
    separator = source.choice(",,,;\t|")
    ends = source.choice(["\n", "\r\n", "\r"])
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=separator,
        lineterminator="\n",
        quoting=source.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    writer.writerow(names)
    for row in zip(*columns, strict=True):
        writer.writerow(row)
        if source.random() < 0.03:
            text.write(source.choice(["", separator * count]) + "\n")
    told = text.getvalue()
    if source.random() < 0.1:
        told = f"sep={separator}\n{told}"
    if source.random() < 0.2:
        told = source.choice(["\n", ""]) + told.rstrip("\n") + source.choice(["", "\n\n\n"])
    told = told.replace("\n", ends)
    encoding = source.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
    try:
        return told.encode(encoding), encoding, separator, scores
    except UnicodeEncodeError:
        return told.encode(), "utf-8", separator, scores


def check(seed, path):
    source = random.Random(seed)
    data, encoding, _, scores = written(source)
    path.write_bytes(data)
    try:
        found = read_scores(path, item="item")
    except InputError as error:
        assert "\n" not in str(error) and str(error).startswith(str(path)), str(error)
        without = not scores or any(np.isnan(values).all() for values in scores.values())
        assert without or (encoding == "latin-1" and not data.isascii()), (seed, str(error))
        return "refused"
    assert encoding != "latin-1" or data.isascii()
    names = {name: " ".join(name.split()) for name in scores}
    assert {" ".join(name.split()) for name in found.columns} == set(names.values()), (seed, found.notes)
    for place, name in enumerate(found.columns):
        (written_as,) = [one for one in scores if names[one] == " ".join(name.split())]
        kept = np.isfinite(np.column_stack(list(scores.values()))).any(axis=1)
        np.testing.assert_array_equal(found.values[:, place], scores[written_as][kept], err_msg=str(seed))
    return "read"


def damaged(source, data):
    """The bytes with one or two small accidents."""
    for _ in range(source.randrange(1, 3)):
        place = source.randrange(len(data) + 1)
        accident = source.randrange(8)
        if accident < 2:
            data = data[:place] + data[place + source.choice([1, 1, 2, 20]) :]
        elif accident < 4:
            data = data[:place] + bytes(source.choices(b'"",;\t|5%.x -\n', k=1)) + data[place:]
        elif accident < 6:
            data = data[:place] + bytes(source.choices(b'0123456789.eE+-"x', k=1)) + data[place + 1 :]
        elif accident < 7:
            line = data.rfind(b"\n", 0, place) + 1
            data = data[:place] + data[line : place + 1] + data[place:]
        else:
            data = data[: max(place, 20)]
    return data


def of_pandas(pandas, data, encoding, separator):
    """What pandas reads of a file, rows that hold nothing left out."""
    text = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").lstrip("\n\ufeff")
    if text.lower().startswith("sep="):
        text = text.partition("\n")[2]
    return pandas.read_csv(
        io.StringIO(text.lstrip("\n")),
        sep=separator,
        na_values=sorted({*ABSENT, *map(str.upper, ABSENT)}),
    ).dropna(how="all")


def check_damaged(pandas, seed, path):
    """A damaged table is refused in one line, or its scores are those that pandas reads."""
    source = random.Random(seed)
    data, encoding, separator, _ = written(source)
    data = damaged(source, data)
    path.write_bytes(data)
    try:
        found = read_scores(path, item="item", separator=separator)
    except InputError as error:
        assert "\n" not in str(error), str(error)
        return "refused"
    if separator == "\t" and data.decode(encoding).count('"') % 2:
        return "not compared"  # where lines are records, marks that pandas wants to match are letters
    frame = of_pandas(pandas, data, encoding, separator)
    frame.columns = [str(name).strip() for name in frame.columns]
    numeric = [name for name in found.columns if frame[name].dtype.kind in "biuf"]
    if len(frame) != len(found.values) or not numeric:
        return "not compared"  # rows without any score are left out
    for name in numeric:
        values = found.values[:, found.columns.index(name)]
        np.testing.assert_array_equal(values, frame[name].to_numpy(float), err_msg=str(seed))
    return "read"


def test_tables_are_read_as_they_were_written(tmp_path):
    ends = [check(seed, tmp_path / "t.csv") for seed in range(200)]
    assert ends.count("read") > 140


@pytest.mark.slow
def test_3000_tables_are_read_as_they_were_written(tmp_path):
    ends = [check(seed, tmp_path / "t.csv") for seed in range(200, 3_200)]
    assert ends.count("read") > 2_100


def test_damaged_tables_are_read_as_pandas_reads_them_or_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    ends = [check_damaged(pandas, seed, tmp_path / "t.csv") for seed in range(200)]
    assert ends.count("refused") > 100 and ends.count("read") > 20


@pytest.mark.slow
def test_3000_damaged_tables_are_read_as_pandas_reads_them_or_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    ends = [check_damaged(pandas, seed, tmp_path / "t.csv") for seed in range(200, 3_200)]
    assert ends.count("refused") > 1_500 and ends.count("read") > 350
