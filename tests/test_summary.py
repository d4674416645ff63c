import polars as pl
import pytest

from jaxgame.summary import bracket_summary, coverage_summary, wilson_interval


def brackets(*ends):
    lower, upper = zip(*ends, strict=True)
    return pl.DataFrame({"k": [1] * len(ends), "x_lower": lower, "x_upper": upper})


def test_coverage_counts_each_draw_once():
    table = brackets((0.0, 0.0), (0.0, 5e-9), (0.0, 0.3), (0.2, 0.2), (0.05, 0.15))
    zero, tenth = coverage_summary(table, "x", ["k"], [0.0, 0.1]).sort("eps").iter_rows(named=True)
    assert (zero["inside"], zero["outside"], zero["undecided"], zero["draws"]) == (2, 2, 1, 5)
    assert (tenth["inside"], tenth["outside"], tenth["undecided"], tenth["draws"]) == (2, 1, 2, 5)
    # Undecided draws widen the interval on both sides.
    assert tenth["coverage"] == 0.4
    assert tenth["low"] == wilson_interval(2, 5)[0] and tenth["high"] == wilson_interval(4, 5)[1]


def test_a_failed_draw_is_neither_inside_nor_outside_and_counts_as_wide():
    table = brackets((0.0, 0.0), (float("nan"), float("nan")))
    (row,) = coverage_summary(table, "x", ["k"], [0.1]).iter_rows(named=True)
    assert (row["inside"], row["undecided"]) == (1, 1)
    assert bracket_summary(table, "x", ["k"])["x_wide"].to_list() == [1]


def test_bracket_summary_by_hand():
    table = brackets((0.0, 1.0), (2.0, 2.0), (3.0, 3.0 + 1e-7))
    (row,) = bracket_summary(table, "x", ["k"]).iter_rows(named=True)
    assert row["draws"] == 3 and row["x_median"] == 2.0 and row["x_mean"] == pytest.approx(2.0, abs=1e-7)
    assert row["x_q25"] == 1.5 and row["x_q75"] == pytest.approx(2.5, abs=1e-7)
    assert row["x_widest"] == 1.0 and row["x_wide"] == 1
