"""What figures of detection show: anchors on an image, bins on a map, precision, recall, costs."""

import numpy as np
import pytest

import minires.functional as F
from minires import detection, plot


def frames(axes):
    """Return (x, y, width, height) of every rectangle, each once: those on one another are one."""
    found = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axes.patches]
    return sorted(set(tuple(round(float(v), 6) for v in each) for each in found))


def test_anchors_stand_where_they_are_in_pixels_and_may_hang_over_the_border():
    boxes = {"small": [[2, 3, 6, 9]], "large": np.array([[-4.0, -2, 5, 7], [1, 1, 3, 3]])}
    figure = plot.anchors(np.zeros((1, 12, 16), np.uint8), boxes, stride=4)
    (axes,) = figure.axes
    assert frames(axes) == [(-4, -2, 9, 9), (1, 1, 2, 2), (2, 3, 4, 6)]
    assert axes.images[0].get_extent() == [0, 16, 12, 0], "edges of pixels, so that boxes fit"
    left, right, low, high = *axes.get_xlim(), *axes.get_ylim()
    assert left < -4 and right >= 16 and high < -2 and low >= 12
    centres = axes.lines[0].get_xydata()
    assert len(centres) == 12 and centres[0].tolist() == [2, 2], "half a stride from the corner"
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["centre of a cell", "small", "large"]


@pytest.mark.parametrize("box", [(0, 0, 16, 16), (9, 7, 27, 24), (10, 6, 26, 30), (3, 3, 5, 5)])
@pytest.mark.parametrize("size", [2, 3])
def test_bins_are_those_that_pooling_uses(box, size):
    """Where each bin's only bright cell is, pooling must find it; align's weights lie around its dots."""
    figure = plot.region_bins(np.zeros((8, 10)), box, size=size, scale=0.25)
    rounded, exact = figure.axes
    bins = [p for p in rounded.patches if p.get_label() != "the box"]
    assert len(bins) == size**2
    for number, patch in enumerate(bins):
        left, top = round(patch.get_x() - 0.1), round(patch.get_y() - 0.1)
        right, bottom = (
            round(corner + length + 0.1)
            for corner, length in (
                (patch.get_x(), patch.get_width()),
                (patch.get_y(), patch.get_height()),
            )
        )
        cells = np.zeros((1, 1, 8, 10))
        cells[0, 0, top:bottom, left:right] = 1
        y, _ = F.roi_pool_forward(cells, np.array([box], float), np.array([0]), size=size, scale=0.25)
        assert y.ravel()[number] == 1
        cells = 1 - cells
        y, _ = F.roi_pool_forward(cells, np.array([box], float), np.array([0]), size=size, scale=0.25)
        assert y.ravel()[number] == 0, "the bin has no other cell"
    x = np.broadcast_to(np.arange(10.0), (1, 1, 8, 10))
    y, _ = F.roi_align_forward(x, np.array([box], float), np.array([0]), size=size, scale=0.25)
    dots = exact.lines[0].get_xydata()[:, 0].reshape(size * 2, size, 2)  # rows of dots, bins, points of one
    assert (dots[0].clip(0.5, 9.5).mean(axis=1) - 0.5).tolist() == pytest.approx(y[0, 0, 0].tolist())


def test_precision_over_recall_has_its_envelope_and_its_area():
    scores, right = np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1])
    curve = detection.precision_recall(scores, right, 2)
    axes = plot.precision_recall({"digits": curve}).axes[0]
    raw, envelope = axes.lines
    assert raw.get_ydata().tolist() == curve[0].tolist()
    assert envelope.get_ydata()[:-1].tolist() == [1, 1, 2 / 3, 2 / 3] and envelope.get_ydata()[-1] == 0
    assert axes.get_legend().get_texts()[0].get_text() == "digits: area 0.833"
    plot.precision_recall({"none": (np.zeros(0), np.zeros(0))})


def test_recalls_have_a_shade_for_seeds_and_their_counts_as_ticks():
    axes = plot.proposal_recalls({"learned": {5: [0.5, 0.7], 50: [1.0, 1.0]}, "other": {5: 0.2}}).axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx([0.6, 1.0]) and axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5", "50"]


def test_costs_have_a_bar_for_every_part_that_there_is_with_its_millions():
    costs = {"slow": {"trunk": 6e9, "head": 3e8}, "fast": {"trunk": 5e7, "proposals": 0, "head": 2e6}}
    axes = plot.detector_costs(costs).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [6000, 300, 50, 2]
    assert [text.get_text() for text in axes.texts] == ["6,000", "300", "50", "2"]


def test_pixels_have_the_colour_of_their_class_and_its_name_once():
    pixels = np.zeros((12, 12), int)
    pixels[2:8, 2:8], pixels[8, 2:8], pixels[10, 10] = 2, 255, 1  # a single pixel has no room for a name
    figure = plot.pixel_classes(
        [np.zeros((1, 12, 12))], {"there": [pixels]}, class_names=("none", "cat", "dog"), void=255
    )
    picture, there = figure.axes
    assert [axes.get_title() for axes in (picture, there)] == ["image", "there"]
    colours = there.images[0].to_rgba(there.images[0].get_array())
    assert colours[0, 0, :3].tolist() == [0, 0, 0] and colours[8, 3, :3].tolist() == [1, 1, 1]
    assert len({tuple(colours[y, x]) for y, x in ((0, 0), (3, 3), (8, 3), (10, 10))}) == 4
    (name,) = there.texts
    x, y = name.get_position()
    assert name.get_text() == "dog" and 3 <= x <= 6 and 3 <= y <= 6
    with pytest.raises(ValueError, match="there: expected 1, one for each image, got 0"):
        plot.pixel_classes([np.zeros((1, 4, 4))], {"there": []}, class_names=("a",))


def test_each_patch_of_a_class_has_its_name():
    pixels = np.zeros((20, 20), int)
    pixels[1:8, 1:8], pixels[1:7, 12:18] = 1, 2
    pixels[10:18, 3:9], pixels[10, 9:16], pixels[11:18, 15] = 1, 1, 1  # one, for they touch
    there = plot.pixel_classes([np.zeros((1, 20, 20))], {"there": [pixels]}, class_names="abc").axes[1]
    assert sorted(text.get_text() for text in there.texts) == ["b", "b", "c"]
    for text in there.texts:
        x, y = map(int, text.get_position())
        assert pixels[y, x] == "abc".index(text.get_text())


def test_a_map_has_a_line_between_all_cells():
    figure = plot.region_bins(np.zeros((8, 10)), (9, 7, 27, 24), size=2, scale=0.25)
    for axes in figure.axes:
        for axis, cells in ((axes.xaxis, 10), (axes.yaxis, 8)):
            assert axis.get_minorticklocs().tolist() == list(range(cells + 1))


@pytest.mark.parametrize(
    ("draw", "what"),
    [
        (lambda: plot.anchors(np.zeros((1, 4, 4)), {}), "group of boxes"),
        (lambda: plot.precision_recall({}), "curve"),
        (lambda: plot.proposal_recalls({}), "series"),
        (lambda: plot.detector_costs({}), "method"),
        (lambda: plot.pixel_classes([], {}, class_names=()), "image"),
    ],
)
def test_nothing_to_draw_is_refused(draw, what):
    with pytest.raises(ValueError, match=f"at least one {what}"):
        draw()
