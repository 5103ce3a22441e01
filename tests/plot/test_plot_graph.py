"""A computational graph shows every number, its gradient, and what each arrow sends back."""

import itertools

import pytest
from matplotlib.patches import Rectangle

from minires import plot

VALUES = {"x": 2.0, "w": 3.0, "p": 6.0, "y": 8.0, "L": 12.5}
EDGES = {("w", "p"): 2, ("x", "p"): 3, ("p", "y"): 1, ("x", "y"): 1, ("y", "L"): 5}
PLACES = {"w": (0, 0), "x": (0, 1), "p": (1, 0), "y": (2, 1), "L": (3, 1)}
GRADIENTS = {"x": 20.0, "w": 10.0, "p": 5.0, "y": 5.0, "L": 1.0}


def draw(**more):
    figure = plot.computational_graph(VALUES, EDGES, places=PLACES, **more)
    figure.draw_without_rendering()
    return figure


def texts(figure):
    return [note for note in figure.axes[0].texts if note.get_text()]


def arrows(figure):
    """Return [((x, y) of the tail, (x, y) of the tip, whether it is dashed)]."""
    found = [note for note in figure.axes[0].texts if not note.get_text()]
    return [(a.xyann, a.xy, a.arrow_patch.get_linestyle() not in ("solid", "-")) for a in found]


def boxes(figure):
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    return dict(zip(VALUES, patches, strict=True))


def test_every_number_stands_in_its_box_with_its_gradient():
    found = [note.get_text() for note in texts(draw(gradients=GRADIENTS))]
    for name, value in VALUES.items():
        assert found[found.index(f"{name} = {value:g}") + 1] == f"gradient {GRADIENTS[name]:g}"


def test_every_arrow_back_carries_gradient_times_derivative():
    found = {note.get_text() for note in texts(draw(gradients=GRADIENTS))}
    assert {"5 × 2 = 10", "5 × 3 = 15", "5 × 1 = 5", "1 × 5 = 5"} <= found


@pytest.mark.parametrize("gradients", [None, GRADIENTS])
def test_arrows_lead_from_border_to_border_and_the_dashed_ones_back(gradients):
    figure = draw(gradients=gradients)
    found, rectangles = arrows(figure), boxes(figure)
    expected = [(*edge, False) for edge in EDGES]
    if gradients:
        expected = [each for a, b, _ in expected for each in ((a, b, False), (b, a, True))]
    assert len(found) == len(expected)
    for (tail, tip, dashed), (start, end, back) in zip(found, expected, strict=True):
        assert dashed == back
        for point, name in ((tail, start), (tip, end)):
            box = rectangles[name]
            x, y = (abs(p - c) for p, c in zip(point, box.get_center(), strict=True))
            assert max(x - box.get_width() / 2, y - box.get_height() / 2) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("more", [{}, {"gradients": GRADIENTS, "title": "Forward and backward"}])
def test_no_text_lies_on_another_or_leaves_the_figure(more):
    figure = draw(**more)
    axes = figure.axes[0]
    extents = [note.get_window_extent() for note in (*texts(figure), *([axes.title] if more else []))]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(extents, 2))
    width, height = figure.bbox.width, figure.bbox.height
    assert all(0 <= e.x0 and e.x1 <= width and 0 <= e.y0 and e.y1 <= height for e in extents)


def test_without_gradients_nothing_is_said_of_the_way_back():
    figure = draw()
    assert [note.get_text() for note in texts(figure)] == ["x = 2", "w = 3", "p = 6", "y = 8", "L = 12.5"]


@pytest.mark.parametrize("argument", ["values", "places", "gradients"])
def test_a_name_that_is_missing_is_named(argument):
    given = {"values": VALUES, "places": PLACES, "gradients": GRADIENTS}
    given[argument] = {name: each for name, each in given[argument].items() if name != "p"}
    with pytest.raises(ValueError, match=f"{argument}: expected one for 'p', got "):
        plot.computational_graph(given.pop("values"), EDGES, **given)


def test_a_graph_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="values: expected at least one value"):
        plot.computational_graph({}, {}, places={})


def test_an_arrow_needs_two_places():
    with pytest.raises(ValueError, match="expected two for 'y' and 'L', got \\(2, 1\\) for both"):
        plot.computational_graph(VALUES, EDGES, places=PLACES | {"L": (2, 1)})
