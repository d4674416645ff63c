from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jaxgame import plot


def test_shades_are_ordered_in_grey():
    grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in plot.shades(5)]
    assert all(later > earlier + 0.03 for earlier, later in pairwise(grey))
    assert len(plot.shades(1)) == 1


def test_a_band_draws_the_table():
    table = pl.DataFrame(
        {"x": [1, 2, 1, 2], "y": [0.1, 0.2, 0.5, 0.6], "who": ["a", "a", "b", "b"]}
    ).with_columns(low=pl.col("y") - 0.05, high=pl.col("y") + 0.05)
    _, (axes,) = plot.new_figure("Title", "Caption", 1)
    plot.band(axes, table, "x", "y", "low", "high", "who", "{}!")
    plot.leaders_axis(axes, [1, 2])
    lines = axes.get_lines()
    assert [line.get_label() for line in lines] == ["a!", "b!"]
    np.testing.assert_array_equal(lines[1].get_ydata(), [0.5, 0.6])
    assert lines[0].get_marker() != lines[1].get_marker()  # told apart without colour
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2"]


@pytest.mark.parametrize(
    ("numbers", "left_out"),
    [
        ([1, 2, 4, 8, 16, 32, 64, 86], {64}),
        ([1, 2, 4, 8, 16, 32, 64, 90, 104], {90}),
        ([1, 2, 3, 4, 8], set()),
        ([1, 2, 56, 60, 64], {56, 60}),
    ],
)
def test_numbers_of_leaders_do_not_run_into_each_other(numbers, left_out):
    figure, axes = plot.new_figure("Title", "Caption", 2)
    canvas = FigureCanvasAgg(figure)
    plot.leaders_axis(axes[0], numbers)
    axes[0].plot(numbers, numbers)
    canvas.draw()
    ticks = axes[0].xaxis.get_major_ticks()
    assert [tick.get_loc() for tick in ticks] == numbers
    shown = [tick.label1 for tick in ticks if tick.label1.get_text()]
    assert {int(text.get_text()) for text in shown} == set(numbers) - left_out
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in shown]
    assert all(right.x0 > left.x1 for left, right in pairwise(boxes))


def test_equal_figures_are_equal_files(tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        figure, (axes,) = plot.new_figure("Title", "A caption " * 40, 1)
        axes.plot([1, 2], [3, 4])
        written.append([path.read_bytes() for path in plot.save(figure, tmp_path / name)])
        assert {path.name for path in (tmp_path / name).iterdir()} == {"figure.png", "figure.pdf"}
    assert written[0] == written[1]


def test_the_caption_stays_inside_the_figure():
    figure, _ = plot.new_figure("Title", "many words " * 80, 2)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for text in figure.texts:
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height
