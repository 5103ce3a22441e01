"""Anchors: the papers' nine, their order, where their centres lie."""

import numpy as np
import pytest
from oracles import assert_refused

from minires.detection.anchors import anchors, base_anchors
from minires.detection.boxes import area, inside, iou

PUBLISHED = [  # what py-faster-rcnn's generate_anchors returns: last pixels, a width is x2 - x1 + 1
    (-84, -40, 99, 55),
    (-176, -88, 191, 103),
    (-360, -184, 375, 199),
    (-56, -56, 71, 71),
    (-120, -120, 135, 135),
    (-248, -248, 263, 263),
    (-36, -80, 51, 95),
    (-80, -168, 95, 183),
    (-168, -344, 183, 359),
]


def test_the_nine_published_anchors_but_for_their_rounding():
    """That program rounds the sides of a 16x16 box, 23 x 12 for ratio 1/2, before it multiplies them."""
    ratios = (0.5, 1, 2)
    one = base_anchors([16], ratios)
    width = np.round(one[:, 2] - one[:, 0])
    height = np.round(width * ratios)
    sides = (
        np.stack([width, height], axis=1)[:, None] * np.array([8, 16, 32])[:, None]
    )  # ratio, scale, (w, h)
    sides = sides.reshape(-1, 2)
    first = 7.5 - 0.5 * (sides - 1)
    np.testing.assert_array_equal(np.concatenate([first, first + sides - 1], axis=1), PUBLISHED)
    ours = base_anchors([128, 256, 512], ratios) + np.float32(8)
    edges = np.array(PUBLISHED) + [0, 0, 1, 1]
    assert (abs(ours - edges) <= 0.07 * sides.max(axis=1)[:, None]).all()
    assert (np.diag(iou(ours, edges.astype(np.float32))) > 0.9).all()


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.5, 4.0])
def test_a_ratio_is_height_over_width_and_the_area_stays(ratio):
    (box,) = base_anchors([12], [ratio])
    assert (box[3] - box[1]) / (box[2] - box[0]) == pytest.approx(ratio, rel=1e-6)
    assert area(box) == pytest.approx(144, rel=1e-6)


def test_the_centre_of_an_anchor_is_that_of_its_cell():
    boxes = anchors(base_anchors([8, 5], [1.0, 2.0]), (2, 3), 4).reshape(2, 3, 4, 4)
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    for y, x, k in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(centres[y, x, k], [4 * x + 2, 4 * y + 2], atol=1e-5)


def test_an_anchor_of_one_cell_is_the_cell():
    np.testing.assert_array_equal(anchors(base_anchors([4], [1.0]), (2, 2), 4)[3], [4, 4, 8, 8])


def test_one_weight_of_the_network_moves_the_anchor_it_belongs_to():
    """A map (N, 4A, H, W) becomes rows in the order y, x, anchor by (N, H, W, A, 4)."""
    h, w, a = 2, 3, 4
    boxes = anchors(base_anchors([8, 5], [1.0, 2.0]), (h, w), 4)
    maps = np.zeros((1, 4 * a, h, w))
    maps[0, 4 * 2 + 1, 1, 0] = 1  # the y of anchor 2 in the cell of row 1, column 0
    rows = maps.reshape(1, a, 4, h, w).transpose(0, 3, 4, 1, 2).reshape(-1, 4)
    ((row, coordinate),) = np.argwhere(rows)
    assert coordinate == 1
    np.testing.assert_array_equal((boxes[row, :2] + boxes[row, 2:]) / 2, [2, 6])
    base = base_anchors([8, 5], [1.0, 2.0])[2]
    np.testing.assert_allclose(boxes[row] - [2, 6, 2, 6], base, atol=1e-6)


def test_the_anchors_of_digit_scenes():
    boxes = anchors(base_anchors([10, 16, 24], [1.0, 1.5, 2.0]), (16, 16), 4)
    assert boxes.shape == (2304, 4) and boxes.dtype == np.float32
    assert inside(boxes, (64, 64)).sum() == 1252


@pytest.mark.parametrize(
    ("sides", "ratios"), [([], [1]), ([0], [1]), ([1], []), ([1], [-1]), ([np.nan], [1])]
)
def test_refused(sides, ratios):
    assert_refused(lambda: base_anchors(sides, ratios), "expected positive numbers", error_type=ValueError)
