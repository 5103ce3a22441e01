"""How a class did, as a figure."""

import pytest

from minires import plot


def test_every_function_and_diagnosis_is_a_bar_from_the_top_down():
    long = "1.1 linear_backward: a mistake whose name is too long for one line of the figure"
    figure = plot.class_summary({"f": 3, "g": 0}, {long: 2, "other": 1}, students=4, title="T")
    above, below = figure.axes
    assert [bar.get_width() for bar in above.patches] == [3, 0]
    assert [bar.get_width() for bar in below.patches] == [2, 1]
    assert [text.get_text() for text in below.texts] == ["2", "1"]
    labels = [label.get_text() for label in below.get_yticklabels()]
    assert labels[0].replace("\n", " ") == long and "\n" in labels[0] and labels[1] == "other"
    places = [bar.get_y() for bar in below.patches]
    assert below.yaxis_inverted() and places == sorted(places)
    assert above.get_xlim()[1] > 4 and {bar.get_hatch() for bar in below.patches} == {"//"}


def test_a_class_without_mistakes_has_one_panel_and_no_functions_are_refused():
    assert len(plot.class_summary({"f": 3}, {}, students=3).axes) == 1
    with pytest.raises(ValueError, match="expected at least one function"):
        plot.class_summary({}, {}, students=3)
