"""The diagram of a solution by construction says which layers are copied, and can be read."""

import itertools

import pytest
from matplotlib.patches import Rectangle

from minires import plot

SHALLOW = ["conv", "stage1.0", "stage2.0", "fc"]
DEEP = ["conv", "stage1.0", "stage1.1", "stage2.0", "stage2.1", "stage2.2", "fc"]


def frames(figure):
    """Return [(x and y of its centre, whether its frame is dashed)] of every box."""
    return [
        (*box.get_center().round(6), box.get_linestyle() not in ("solid", "-"))
        for box in figure.axes[0].patches
        if isinstance(box, Rectangle)
    ]


def test_what_only_the_deep_network_has_stands_in_dashed_frames():
    found = frames(plot.construction(SHALLOW, DEEP))
    low, high = sorted({y for _, y, _ in found})
    assert [dashed for _, y, dashed in found if y == high] == [False] * len(SHALLOW)
    assert [dashed for _, y, dashed in found if y == low] == [name not in SHALLOW for name in DEEP]


def test_an_arrow_leads_from_every_layer_to_its_copy_below():
    figure = plot.construction(SHALLOW, DEEP)
    low, high = sorted({y for _, y, _ in frames(figure)})
    originals = [x for x, y, _ in frames(figure) if y == high]
    copies = [x for x, y, dashed in frames(figure) if y == low and not dashed]
    arrows = [note for note in figure.axes[0].texts if not note.get_text()]
    downward = [note for note in arrows if note.xy[1] < note.xyann[1]]
    assert originals == copies == [pytest.approx(note.xy[0]) for note in downward]
    assert len(arrows) - len(downward) == len(SHALLOW) - 1 + len(DEEP) - 1


def test_no_text_lies_on_another_or_leaves_the_figure():
    figure = plot.construction(SHALLOW, DEEP, titles=("plain-8,\ntrained", "plain-20,\nconstructed"))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [t.get_window_extent() for t in (*axes.texts, axes.title) if t.get_text()]
    assert len(boxes) == len(SHALLOW) + len(DEEP) + 5
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    width, height = figure.bbox.width, figure.bbox.height
    assert all(0 <= b.x0 and b.x1 <= width and 0 <= b.y0 and b.y1 <= height for b in boxes)


def test_layers_in_another_order_are_no_construction():
    with pytest.raises(ValueError, match="same order"):
        plot.construction(["fc", "conv"], DEEP)


def test_the_boxes_are_named_and_arrows_point_from_the_first_layer_to_the_last():
    notes = plot.construction(SHALLOW, DEEP).axes[0].texts
    boxes = [note.get_text() for note in notes if note.get_text()]
    assert boxes[1:5] == ["conv", "stage1\nblock 0", "stage2\nblock 0", "fc"]
    along = [note for note in notes if not note.get_text() and note.xy[1] == note.xyann[1]]
    assert along and all(note.xy[0] > note.xyann[0] for note in along)
