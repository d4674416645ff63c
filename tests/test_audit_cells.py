"""Cells as numbers: what is missing, truth values, per cent, decimal marks, marks between thousands."""

import numpy as np
import polars as pl
import pytest

from jaxgame.audit import InputError
from jaxgame.audit.reading import cells, read_scores

ROWS = 24
PLAIN = (np.arange(ROWS) * 7 % 11) / 4
# pandas' own list (pandas.io.parsers), and Excel's errors.
PANDAS = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)
EXCEL = ("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!")


def table(column, **others):
    return {"people": PLAIN, "a": [str(cell) for cell in column], **others}


def values(column, **others):
    """The numbers of a column of strings, and the notes."""
    scores = read_scores(table(column, **others))
    return scores.values[:, scores.columns.index("a")].tolist(), scores.notes


def refused(column, message, **others):
    with pytest.raises(InputError, match=message):
        read_scores(table(column, **others))


@pytest.mark.parametrize("spelling", sorted({*PANDAS, *EXCEL, *cells.ABSENT, " NA ", "na", "NONE"}))
def test_missing_in_a_few_rows_and_in_most(tmp_path, spelling):
    for share in (1, ROWS - 2):
        column = [spelling if i < share else str(i / 2) for i in range(ROWS)]
        frame = pl.DataFrame({"item": [f"q{i}" for i in range(ROWS)]} | table(column))
        frame.write_csv(tmp_path / "t.csv")
        frame.write_parquet(tmp_path / "t.parquet")
        frame.write_ndjson(tmp_path / "t.jsonl")
        for source in (frame, tmp_path / "t.csv", tmp_path / "t.parquet", tmp_path / "t.jsonl"):
            read = read_scores(source)
            assert read.columns == ("people", "a"), source
            expected = [np.nan if i < share else i / 2 for i in range(ROWS)]
            np.testing.assert_array_equal(read.values[:, 1], expected)


def test_the_list_of_pandas_is_all_there():
    readers = pytest.importorskip("pandas._libs.parsers")
    assert {word.lower() for word in readers.STR_NA_VALUES} <= set(cells.ABSENT)


@pytest.mark.parametrize("words", [("True", "False"), ("true", "FALSE"), ("yes", "No"), ("YES", "no")])
def test_truth_values(words):
    column = [words[i % 3 == 0] if i % 5 else "NA" for i in range(ROWS)]
    found, notes = values(column)
    np.testing.assert_array_equal(found, [float(i % 3 > 0) if i % 5 else np.nan for i in range(ROWS)])
    assert f"{words[0].lower()} and {words[1].lower()} read as 1 and 0: a" in notes


def test_truth_values_among_numbers_are_no_numbers():
    refused(["True" if i == 3 else "1" for i in range(ROWS)], "row 4, column 'a': 'True' is not a number")
    scores = read_scores(table(["True"] * (ROWS - 1) + ["yes"]))
    assert scores.columns == ("people",) and "columns without numbers ignored: a" in scores.notes


def written(style, numbers):
    """Numbers with a decimal mark and marks between thousands."""
    decimal, between = style
    return [f"{x:,.2f}".replace(",", "_").replace(".", decimal).replace("_", between) for x in numbers]


NUMBERS = [(-1) ** i * 1234.5 * 10 ** (i % 5 - 3) for i in range(ROWS)]


@pytest.mark.parametrize(
    "style", [(",", ""), (",", "."), (",", " "), (",", "\u202f"), (".", ","), (".", "'")]
)
@pytest.mark.parametrize("sign", ["", "%", " %"])
def test_marks_that_can_be_told(tmp_path, style, sign):
    column = [cell + sign for cell in written(style, NUMBERS)]
    column[3] = "#DIV/0!"
    expected = [float(f"{x:.2f}") for x in NUMBERS]
    expected[3] = np.nan
    found, notes = values(column)
    np.testing.assert_array_equal(found, expected)
    assert ("commas read as decimal marks: a" in notes) == (style[0] == ",")
    assert ("marks between thousands left out: a" in notes) == (style[1] != "")
    assert ("per cent read as numbers, 45% as 45: a" in notes) == (sign != "")
    for separator in ",;\t":
        frame = pl.DataFrame(
            {"item": [f"q{i}" for i in range(ROWS)], "people": written(style, PLAIN), "a": column}
        )
        frame.write_csv(tmp_path / "t.csv", separator=separator)
        np.testing.assert_array_equal(read_scores(tmp_path / "t.csv").values[:, 1], expected)


def test_a_group_of_thousands_does_not_begin_with_0():
    column = [f"{'-' * (i % 2)}0,{100 + i * 37 % 90}" for i in range(ROWS)]
    assert values(column)[0] == [float(cell.replace(",", ".")) for cell in column]


def test_marks_are_told_by_the_whole_file(tmp_path):
    points = [f"{i * 5 % ROWS + 1}.{i % 10}05" for i in range(ROWS)]
    frame = pl.DataFrame(
        {"item": [f"q{i}" for i in range(ROWS)], "a": points, "b": ["0,5", "1,25"] * (ROWS // 2)}
    )
    for separator in ",;":
        frame.write_csv(tmp_path / "t.csv", separator=separator)
        scores = read_scores(tmp_path / "t.csv")
        assert scores.values[:, 0].tolist() == [float(cell.replace(".", "")) for cell in points]
        assert scores.values[:, 1].tolist() == [0.5, 1.25] * (ROWS // 2)


def test_one_column_tells_what_marks_mean_in_others():
    thousands = [f"{i * 5 % ROWS + 1},{i % 10}{(i * 7) % 10}5" for i in range(ROWS)]
    refused(thousands, r"row 1, column 'a': '1,005' is not a number; it may be 1005 or 1.005")
    found, _ = values(thousands, b=["0,5", "1,25"] * (ROWS // 2))
    assert found == [float(cell.replace(",", ".")) for cell in thousands]
    found, _ = values(thousands, b=["0.5", "1.25"] * (ROWS // 2))
    assert found == [float(cell.replace(",", "")) for cell in thousands]
    # Plain numbers with a point are thousands where others have decimal commas.
    points = [cell.replace(",", ".") for cell in thousands]
    assert values(points)[0] == [float(cell) for cell in points]
    found, notes = values(points, b=["0,5", "1,25"] * (ROWS // 2))
    assert found == [float(cell.replace(".", "")) for cell in points]
    assert "marks between thousands left out: a" in notes and "commas read as decimal marks: b" in notes


def test_marks_that_contradict_each_other_are_refused():
    commas = [f"{i},{i % 9 + 1}" for i in range(ROWS)]
    refused(
        [*commas[:-1], "1.5"], "row 24, column 'a': '1.5' is not a number; other numbers have decimal commas"
    )
    points = [cell.replace(",", ".") for cell in commas]
    refused([*points[:-1], "1,5"], "row 24, column 'a': '1,5' is not a number; write decimals with a point")
    refused([*points[:-1], "1,5"], "column 'a': '1,5'", b=["0.5"] * ROWS)
    # A single comma in a table of whole numbers is a slip.
    refused(
        ["1,5" if i == 6 else str(i) for i in range(ROWS)], "row 7, column 'a': '1,5' is not a number; write"
    )
    found, _ = values(["1,5" if i % 3 == 0 else str(i) for i in range(ROWS)])
    assert found == [1.5 if i % 3 == 0 else i for i in range(ROWS)]


def test_per_cent_in_some_cells_is_refused():
    signs = [f"{i * 7 % 13}%" for i in range(ROWS)]
    refused(
        [*signs[:5], "6", *signs[6:]], "row 6, column 'a': '6' is not a number; other cells of the column are"
    )
    refused([*signs[:5], "six", *signs[6:]], "row 6, column 'a': 'six' is not a number")
    plain = [cell.strip("%") for cell in signs]
    refused([*plain[:5], "6%", *plain[6:]], "row 6, column 'a': '6%' is not a number; write 50 for 50%")


def test_columns_of_text_are_no_scores():
    for column in (["x", "y"] * 12, ["2024-01-05"] * ROWS, ["1,2,3", "x"] * 12, ["v1"] * 20 + ["1.5"] * 4):
        scores = read_scores(table(column))
        assert scores.columns == ("people",) and "columns without numbers ignored: a" in scores.notes
    with pytest.raises(InputError, match=r"column 'a' holds no numbers \(row 1 is 'x'\)"):
        read_scores(table(["x"] * ROWS), targets="a")
    with pytest.raises(InputError, match=r"row 1, column 'a': 'x' is not a number"):
        read_scores(table(["x"] * 10 + ["1"] * 14))
