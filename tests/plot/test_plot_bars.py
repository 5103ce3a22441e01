"""Bars, alone and in panels."""

from functools import partial

import pytest

from minires import plot


def heights(axes):
    return [[patch.get_height() for patch in container] for container in axes.containers]


def test_bars_have_the_height_of_their_values_and_the_values_written_on_them():
    (axes,) = plot.bars({"a": 2, "b": 0.5}, ylabel="y", derived={"b": 1}).axes
    assert heights(axes) == [[2, 0.5]]
    assert [text.get_text() for text in axes.texts] == ["2", "0.5"]
    (line,) = axes.collections  # the derived value of b, across its bar
    assert line.get_segments()[0].tolist() == [[0.55, 1], [1.45, 1]]


def test_thousands_are_written_without_an_exponent():
    (axes,) = plot.bars({"a": 50_000.0, "b": 1.214, "c": 1e5}, ylabel="y", log=True, form="{:.3g}").axes
    assert [text.get_text() for text in axes.texts] == ["50,000", "1.21", "100,000"]


def test_a_derived_value_does_not_strike_through_what_is_written_on_its_bar():
    close = dict.fromkeys("abcd", 4.1)
    (axes,) = plot.bars({"a": 4, "b": 2, "c": 4.1, "d": 4.2}, ylabel="y", derived=close).axes
    assert [text.xy[1] for text in axes.texts] == [4.1, 2, 4.1, 4.2]  # only that of a is in the way


def test_counts_have_ticks_at_whole_numbers_alone():
    figure = plot.line_panels({"": {"": (range(4), [1, 2, 3, 4])}}, xlabel="k", ylabel="y")
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())
    figure = plot.lines({"": [1, 2, 3, 4]}, x=[0.0, 0.4, 0.8, 1.2], xlabel="x", ylabel="y")
    assert any(tick != round(tick) for tick in figure.axes[0].get_xticks())


def test_panels_of_bars_have_an_axis_each_and_one_legend():
    series = {"one": {"a": 1, "b": 2}, "two": {"b": 30}}
    figure = plot.bar_panels({"kilobytes": series, "millions": series}, xlabel="stage")
    assert [axes.get_ylabel() for axes in figure.axes] == ["kilobytes", "millions"]
    assert all(heights(axes) == [[1, 2], [30]] for axes in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    places = [patch.get_x() + patch.get_width() / 2 for patch in figure.axes[0].containers[1]]
    assert places == pytest.approx([1.2])  # in the group of b, to the right


def test_panels_of_lines_show_all_of_every_panel():
    """An axis limit of None is no limit: it must not fix what the first panel happens to have."""
    figure = plot.line_panels(
        {"small": {"": [1, 2]}, "large": {"": [1e3, 1e4]}}, xlabel="x", ylabel="y", log=True
    )
    least, largest = figure.axes[0].get_ylim()
    assert least <= 1 and largest >= 1e4


@pytest.mark.parametrize(
    "draw, nothing",
    [
        (partial(plot.lines, xlabel="x", ylabel="y"), {}),
        (partial(plot.line_panels, xlabel="x", ylabel="y"), {}),
        (partial(plot.line_panels, xlabel="x", ylabel="y"), {"panel": {}}),
        (partial(plot.bars, ylabel="y"), {}),
        (plot.bar_panels, {}),
        (partial(plot.histograms, xlabel="x"), {}),
        (partial(plot.heat_maps, xlabel="x", ylabel="y", label="z", limits=(0, 1)), {}),
        (partial(plot.contours, at=[0, 1], levels=[1], xlabel="x", ylabel="y", label="z"), {}),
        (plot.mosaic, {}),
        (plot.runs, {}),
    ],
)
def test_nothing_to_draw_is_refused_in_words(draw, nothing):
    with pytest.raises(ValueError, match="expected at least one [a-z]+, got none"):
        draw(nothing)
