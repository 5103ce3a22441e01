"""Pictures with boxes show what is there and what was found; curves show four losses and the precision."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from minires import plot
from minires.data.objects import Objects
from minires.detection import Detections

NAMES = ("cat", "dog")


def there(*boxes):
    count = len(boxes)
    return Objects(
        np.array(boxes, np.float32).reshape(-1, 4), np.zeros(count, np.int64), np.zeros(count, bool)
    )


def found(*rows):
    """rows: (x1, y1, x2, y2, label, score)."""
    table = np.array(rows, float).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4].astype(int), table[:, 5])


def frames(axes, style):
    """Return the corners of the coloured frames of one line style."""
    drawn = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_alpha() == 1]
    return [
        p.get_bbox().extents.tolist()
        for p in drawn
        if (p.get_linestyle() in ("-", "solid")) == (style == "solid")
    ]


def test_true_boxes_are_dashed_and_found_ones_solid_with_class_and_score():
    figure = plot.detections(
        [np.zeros((1, 20, 30)), np.zeros((3, 20, 30))],
        found=[found((2, 3, 12, 18, 1, 0.87), (0, 0, 5, 5, 0, 0.3)), found()],
        truth=[there((3, 3, 13, 18)), there()],
        class_names=NAMES,
    )
    first, second = figure.axes
    # matplotlib counts from the first pixel's centre, boxes from its edge
    assert frames(first, "dashed") == [[2.5, 2.5, 12.5, 17.5]]
    assert frames(first, "solid") == [[1.5, 2.5, 11.5, 17.5]]
    assert [text.get_text() for text in first.texts] == ["dog 0.87"]  # the other is not sure enough
    assert not second.patches and not second.texts


def test_the_surest_lies_on_top():
    boxes = found((0, 0, 9, 9, 0, 0.9), (1, 1, 8, 8, 1, 0.6))
    figure = plot.detections([np.zeros((1, 20, 30))], found=[boxes], class_names=NAMES)
    assert [text.get_text() for text in figure.axes[0].texts] == ["dog 0.60", "cat 0.90"]


def test_pictures_need_an_image_and_one_of_each():
    with pytest.raises(ValueError, match="at least one image"):
        plot.detections([], class_names=NAMES)
    with pytest.raises(ValueError, match="truth: expected 1, one for each image, got 2"):
        plot.detections([np.zeros((1, 4, 4))], truth=[there(), there()], class_names=NAMES)


def record(step, **more):
    return {"step": step, "objectness": 0.5, "anchor_boxes": 0.1, "classes": 1.0, "boxes": 0.2} | more


def test_curves_show_the_losses_and_the_precision_where_it_was_measured():
    history = [record(50), record(100, map=0.4, map_75=0.1), record(150, map=0.8, map_75=0.5)]
    losses, precision = plot.detection_curves(history, title="a run").axes
    assert [len(line.get_xdata()) for line in losses.lines] == [3] * 4
    assert [list(line.get_ydata()) for line in precision.lines] == [[0.4, 0.8], [0.1, 0.5]]
    labels = [text.get_text() for text in precision.get_legend().get_texts()]
    assert labels == ["IoU 0.5: 0.800 at the end", "IoU 0.75: 0.500 at the end"]


def test_a_detector_without_proposals_has_two_losses_and_nothing_need_be_measured():
    losses, precision = plot.detection_curves([record(50, objectness=0.0, anchor_boxes=0.0)]).axes
    assert [line.get_label() for line in losses.lines] == ["head: class", "head: box"]
    assert not precision.lines
    with pytest.raises(ValueError, match="at least one record"):
        plot.detection_curves([])
