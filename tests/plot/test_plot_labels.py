"""Names beside points: readable ones."""

import itertools

import pytest

from minires import plot
from minires.plot.style import sheet

NETWORKS = [  # multiply-adds, top-1 accuracy, parameters of the lectures' networks
    ("alexnet", 0.72e9, 56.5, 61.1e6),
    ("googlenet", 1.58e9, 68.7, 7.0e6),
    ("vgg16", 15.47e9, 71.6, 138.4e6),
    ("vgg19", 19.63e9, 72.4, 143.7e6),
    ("resnet18", 1.81e9, 69.8, 11.7e6),
    ("resnet34", 3.66e9, 73.3, 21.8e6),
    ("resnet50", 3.86e9, 75.3, 25.6e6),
    ("resnet101", 7.57e9, 76.4, 44.5e6),
    ("resnet152", 11.28e9, 77.0, 60.2e6),
]


def words(texts):
    """Return the boxes of the words, without the lines to their points."""
    from matplotlib.text import Text

    return {text.get_text(): Text.get_window_extent(text) for text in texts}


@pytest.mark.parametrize("chosen", [NETWORKS, NETWORKS[2:4], NETWORKS[:1], NETWORKS[::-1]])
def test_names_of_the_comparison_lie_neither_on_one_another_nor_outside(chosen, tmp_path):
    figure = plot.comparison(chosen)
    figure.savefig(tmp_path / "comparison.png", dpi=150)
    figure.draw_without_rendering()  # at its own resolution again, after the file's
    (axes,) = figure.axes
    boxes = words(axes.texts)
    assert len(boxes) == len(chosen)
    for (a, box), (b, other) in itertools.combinations(boxes.items(), 2):
        assert not box.overlaps(other), f"{a} on {b}"
    frame = axes.get_window_extent()
    for name, box in boxes.items():
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, name


def test_the_comparison_does_not_reach_further_than_its_names_need():
    (axes,) = plot.comparison(NETWORKS).axes
    assert axes.get_xlim()[1] == pytest.approx(1.35 * 19.63)
    assert max(axes.get_xticks()) <= 1.35 * 19.63


def test_a_name_stands_beside_its_own_disc_and_off_others_where_there_is_room():
    figure, (axes,) = sheet()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    text, other = plot.labels.place(axes, [("here", 5, 5, 20), ("there", 6, 5, 20)])
    pixel = figure.dpi / 72
    for name, box in words([text, other]).items():
        for centre in ((5, 5), (6, 5)):
            x, y = axes.transData.transform(centre)
            assert plot.labels._depth(box, (x, y, 20 * pixel)) == 0, (name, centre)
