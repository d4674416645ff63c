"""Delimited text: quotation marks, separators, encodings, and where an error stands."""

import csv
import re

import numpy as np
import polars as pl
import pytest

from jaxgame.audit import InputError
from jaxgame.audit.reading import delimited, quoting, read_scores
from jaxgame.audit.reading.sources import read as source_of

SCORES = np.round(np.random.default_rng(0).normal(size=(14, 3)), 4)


def lines(separator=",", written=str, header="item,people,a,b"):
    """A table of `SCORES`, a line a row."""
    rows = [separator.join([f"q{i}", *map(written, row)]) for i, row in enumerate(SCORES.tolist())]
    return [header.replace(",", separator), *rows]


@pytest.fixture
def read(tmp_path):
    """Read text, or bytes, as the file t.csv."""

    def of(data, **options):
        path = tmp_path / "t.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_scores(path, **options)

    return of


def is_table(scores):
    assert scores.columns == ("people", "a", "b")
    np.testing.assert_array_equal(scores.values, SCORES)
    return True


@pytest.mark.parametrize(
    "cells",
    [
        ["1.5", "+2", "-0.25", "1e-3", "1E5", "007", ".5", "9007199254740993", "1e-320", "0.1", "3", "4"],
        ["1", "", "NaN", "2", "nan", "-NaN", '"3.5"', "4", "5", '""', "6", "7"],
        ["1"] * 11 + ["NA"],
        ["1"] * 11 + [" 2"],
    ],
)
def test_cells_read_as_numbers_are_what_their_text_says(read, monkeypatch, cells):
    rows = [f"{i % 7},{cell}\n" for i, cell in enumerate(cells)]
    text = "\n\nb,a\n" + "".join([*rows[:3], "\n", *rows[3:]])
    quick = read(text)
    monkeypatch.setattr(delimited, "_quick", lambda *_: None)
    slow = read(text)
    assert quick.columns == slow.columns == ("b", "a") and quick.notes == slow.notes
    assert slow.notes == ("1 empty line ignored",) and len(slow.values) == len(cells)
    np.testing.assert_array_equal(quick.values, slow.values)
    numbers = [float(re.sub(r'^"?"?(NA)?$', "nan", cell).strip('" ')) for cell in cells]
    np.testing.assert_array_equal(slow.values[:, 1], numbers)


def test_columns_of_numbers_are_read_as_numbers(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("id,a,b\n" + "".join(f"00{i},{i},{i / 7}\n" for i in range(40)))
    frame = delimited.read(source_of(path), None, ()).frame
    assert frame.dtypes == [pl.String, pl.Float64, pl.Float64]
    assert frame["id"][3] == "003" and frame["b"][3] == 3 / 7


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_line_ends(read, separator, ends):
    text = ends.join(lines(separator))
    assert is_table(read(text)) and is_table(read(text + ends)) and is_table(read(ends + text + ends * 3))
    for first in (f"sep={separator}", f'"sep={separator}"', f"SEP={separator}"):
        assert is_table(read(ends.join([first, text])))
    assert is_table(read(text.replace("q3", f'"q3{separator} ""x""{ends}and"')))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_says_the_encoding(read, encoding):
    assert is_table(read("\n".join(lines()).replace("q3", "naïve 東京").encode(encoding)))


def test_other_encodings_are_refused(read):
    text = "\n".join(lines()).replace("q3", "café")
    with pytest.raises(InputError, match=r"row 4 is not UTF-8 \(byte 0xe9, column 1\); save it as UTF-8"):
        read(text.encode("latin-1"))
    with pytest.raises(InputError, match="is a binary file"):
        read(text.encode("utf-16-le"))
    with pytest.raises(InputError, match="begins as UTF-16 text and is damaged"):
        read(text.encode("utf-16")[:-1])


@pytest.mark.parametrize("letters", ['5" pipe', 'a""b', 'x"', 'a "word" b'])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_marks_inside_a_cell_are_letters(tmp_path, separator, letters):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines(separator)).replace("q3", letters))
    table = delimited.read(source_of(path), None, ())
    assert table.frame["item"][3] == letters and table.frame["item"][4] == "q4"
    assert is_table(read_scores(path))


@pytest.mark.parametrize(
    ("third", "fifth"),
    [('"5 inch', "q5"), ('"5 inch', '6"'), ('"5 inch', 'six "feet"'), ('"said" he', "q5"), ('"""', '"')],
)
def test_between_tabs_marks_join_no_lines_that_are_whole(tmp_path, third, fifth):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines("\t")).replace("q3", third).replace("q5", fifth).replace("q6", '"q""6"'))
    frame = delimited.read(source_of(path), None, ()).frame
    assert frame["item"][3:7].to_list() == [third, "q4", fifth, 'q"6'] and is_table(read_scores(path))


@pytest.mark.parametrize("cell", ['"q3', '"q"3', '"q" '])
def test_marks_that_do_not_match_are_refused_with_their_row(read, cell):
    with pytest.raises(InputError, match=r"row 4: quotation marks do not match"):
        read("\n".join(lines()).replace("q3", cell))


QUOTED = re.compile(r'(?:\A|(?<=[\n,]))"[^"]*+(?:""[^"]*+)*+"(?=[\n,]|\Z)')


@pytest.mark.parametrize("size", [1, 3, 7, 1 << 22])
def test_quoted_cells_are_found_wherever_blocks_end(monkeypatch, size):
    monkeypatch.setattr(quoting, "BLOCK", size)
    random = np.random.default_rng(5)
    whole = 0
    for _ in range(2_000):
        text = "".join(
            random.choice(list('ab,"\n'), p=[0.1, 0.1, 0.2, 0.4, 0.2], size=random.integers(1, 14))
        )
        emptied = QUOTED.sub("", text)
        expected = None if '"' in emptied else emptied.encode()
        assert quoting.outline(text.encode(), ",") == expected, text
        whole += expected is not None and '"' in text
    assert whole > 200


def test_rows_are_counted_with_empty_ones(read):
    text = lines()
    text[5] = text[5].replace(",", ",bad", 1)
    for above, row in (("", 5), ("\n", 6), (",,,\n  \n\n", 8)):
        with pytest.raises(InputError, match=rf"row {row}, column 'people': 'bad"):
            read("\n".join([text[0], above + text[1], *text[2:]]))
        with pytest.raises(InputError, match=rf"row {row + 1} has 5 fields, the header has 4"):
            read("\n".join([text[0], above + text[1], *text[2:6], f"{text[6]},1", *text[7:]]))
    quoted = [text[0], '"a\n\nb"' + text[1][2:], "", *text[2:]]
    with pytest.raises(InputError, match="row 6, column 'people': 'bad"):
        read("\n".join(quoted))
    with pytest.raises(InputError, match="row 6, column 'people': 'bad"):
        read("\n".join(quoted).replace("q7", 'q"7'))


def test_a_short_row_does_not_make_up_for_a_long_one(read):
    text = lines()
    text[3], text[9] = text[3].rpartition(",")[0], text[9] + ",1"
    with pytest.raises(InputError, match="row 3 has 3 fields, the header has 4"):
        read("\n".join(text))


def test_columns_without_a_name(read):
    assert is_table(read("\n".join(f"{line},," for line in lines())))
    with pytest.raises(InputError, match=r"row 0 \(the header\): column 5 has no name"):
        read("\n".join([f"{lines()[0]},", *(f"{line},x" for line in lines()[1:])]))
    with pytest.raises(
        InputError, match="row 1 has 5 fields, the header has 4; does the first column, of row"
    ):
        read("\n".join([lines()[0], *(f"{row},{line}" for row, line in enumerate(lines()[1:], 1))]))
    assert is_table(
        read("\n".join(["," + lines()[0], *(f"{i},{line}" for i, line in enumerate(lines()[1:]))]))
    )


def test_separators_that_are_none(read):
    for separator in ('"', "\n", "ab", "", "é"):
        with pytest.raises(InputError, match=r"--separator is .*; it must be one character"):
            read("\n".join(lines()), separator=separator)
    with pytest.raises(InputError, match="the file is empty but for its first line, 'sep=;'"):
        read("sep=;\n")
    with pytest.raises(InputError, match="empty but for separators"):
        read(",,\n,,\n", separator=",")
    assert is_table(read("sep=,\n" + "\n".join(lines(";")), separator=";"))


def test_the_limit_of_csv_stays_as_it_was(read):
    before = csv.field_size_limit()
    read("\n".join(lines()).replace("q3", 'q"3' + "x" * 200_000))
    with pytest.raises(InputError):
        read("\n".join(lines()).replace("q3", '"q3'))
    assert csv.field_size_limit() == before
