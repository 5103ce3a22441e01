"""Lines over a common axis: what is measured, its spread, what was derived, and on which axes."""

import numpy as np
import pytest

from minires import plot

LABELS = {"xlabel": "layer", "ylabel": "variance"}


def test_seeds_are_a_mean_with_a_shade_from_the_least_to_the_largest():
    seeds = [[1.0, 2.0, 8.0], [3.0, 4.0, 16.0], [2.0, 9.0, 0.0]]
    (axes,) = plot.lines({"measured": seeds}, **LABELS).axes
    assert axes.lines[0].get_ydata().tolist() == [2, 5, 8] and axes.lines[0].get_xdata().tolist() == [1, 2, 3]
    corners = axes.collections[0].get_paths()[0].vertices
    shade = {x: (min(y), max(y)) for x in (1, 2, 3) for y in [corners[corners[:, 0] == x, 1]]}
    assert shade == {1: (1, 3), 2: (2, 9), 3: (0, 16)}


def test_derived_values_axes_and_limits_are_drawn_as_asked():
    options = {"log": True, "log_x": True, "x": [1, 10, 100], "ylim": (0.5, 8)}
    figure = plot.lines({"measured": [1, 2, 4]}, derived={"derived": [1, 3, 5]}, **options, **LABELS)
    (axes,) = figure.axes
    assert {line.get_label(): line.get_ydata().tolist() for line in axes.lines} == {
        "measured": [1, 2, 4],
        "derived": [1, 3, 5],
    }
    assert all(line.get_xdata().tolist() == [1, 10, 100] for line in axes.lines)
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_ylim()) == ("log", "log", (0.5, 8))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("layer", "variance")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["measured", "derived"]


def test_groups_of_bars_differ_without_colours_and_are_named():
    series = {"one": {"a": 1, "b": 2}, "two": {"a": 3, "b": 4}}
    figure = plot.bars(series, ylabel="y", log=True, form="{:.2f}")
    (axes,) = figure.axes
    assert len({container[0].get_hatch() for container in axes.containers}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert [text.get_text() for text in axes.texts] == ["1.00", "2.00", "3.00", "4.00"]
    assert axes.get_yscale() == "log"


def test_a_histogram_counts_every_value_within_the_limits():
    (axes,) = plot.histograms({"a": [[0.1, 0.2], [0.9, 5.0]]}, xlabel="x", bins=2, limits=(0, 1)).axes
    assert [patch.get_height() for patch in axes.patches] == [2, 1]
    assert [patch.get_x() for patch in axes.patches] == [0, 0.5]


def test_histograms_stand_in_rows_and_those_with_a_curve_are_densities():
    panels = {"a": [0.1, 0.2, 0.9], "b": [0.3, 0.3], "c": [0.5]}
    curve = [0.0, 1.0], [0.5, 0.5]
    figure = plot.histograms(panels, xlabel="x", bins=2, limits=(0, 1), columns=2, derived={"a": curve})
    a, b, c, unused = figure.axes
    assert sum(patch.get_height() * patch.get_width() for patch in a.patches) == pytest.approx(1)
    assert [line.get_xydata().tolist() for line in a.lines] == [[[0.0, 0.5], [1.0, 0.5]]]
    assert [patch.get_height() for patch in b.patches] == [2, 0] and not b.lines
    assert c.get_title() == "c" and not unused.get_visible()
    assert [text.get_text() for legend in figure.legends for text in legend.get_texts()] == ["derived"]


def test_panels_have_names_in_place_of_numbers_on_the_axis():
    figure = plot.line_panels({"a": {"s": [1, 2, 3]}}, xlabel="x", ylabel="y", ticks=["3a", "3b", "4a"])
    (axes,) = figure.axes
    assert axes.get_xticks().tolist() == [1, 2, 3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["3a", "3b", "4a"]


def test_a_heat_map_may_run_downwards_and_have_its_numbers_written_but_for_zeros():
    figure = plot.heat_map(
        [[0.0, 1.25], [9.0, 0.0]], xlabel="x", ylabel="y", label="z", origin="upper", form="{:.1f}"
    )
    axes = figure.axes[0]
    assert axes.images[0].origin == "upper" and axes.yaxis_inverted()
    written = {(*text.get_position(), text.get_text(), text.get_color()) for text in axes.texts}
    assert written == {(1, 0, "1.2", "black"), (0, 1, "9.0", "white")}


def test_truth_values_have_two_shades_even_if_all_are_the_same():
    for matrix in (np.eye(3, dtype=bool), np.ones((2, 3), bool)):
        axes, scale = plot.heat_map(matrix, xlabel="x", ylabel="y", label="is so").axes
        shown = axes.images[0].to_rgba(axes.images[0].get_array())[..., 0]
        assert np.array_equal(shown, np.where(matrix, 0, 1))
        assert [tick.get_text() for tick in scale.get_yticklabels()] == ["no", "yes"]


def test_rows_of_a_heat_map_are_rows_and_its_shades_may_be_logarithmic():
    matrix = [[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]
    for log in (False, True):
        figure = plot.heat_map(matrix, xlabel="depth", ylabel="width", label="count", log=log)
        image = figure.axes[0].images[0]
        assert image.get_array().tolist() == matrix and image.origin == "lower"
        assert image.norm(10) == pytest.approx(np.log(10) / np.log(200) if log else 9 / 199)
        assert image.cmap(0.0) > image.cmap(1.0)  # black is much
