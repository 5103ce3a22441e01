"""Every published table can be drawn, and what is written on the figures can be read: nothing overlaps."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from minires import plot
from minires.accounting import published

FIGURES = [
    *((plot.history, (table,)) for table in published.tables()),
    (plot.spectrum_of_depth, ()),
    (plot.classifier_pipeline, ()),
]
NAMES = [(draw.__name__, *arguments) for draw, arguments in FIGURES]


def texts(figure):
    """Draw the figure and return [(text, its bounding box in pixels)] of all that is written on it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks() + axis.get_minor_ticks()
        for label in (tick.label1, tick.label2)
        if not (label.get_visible() and axes.axison and _in_view(axis, tick))
    }
    shown = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in shown]


def _in_view(axis, tick):
    low, high = sorted(axis.get_view_interval())
    return low <= tick.get_loc() <= high


@pytest.mark.parametrize(("draw", "arguments"), FIGURES, ids=map(str, NAMES))
def test_no_text_overlaps_another_or_leaves_the_figure(draw, arguments):
    figure = draw(*arguments)
    found = texts(figure)
    assert len(found) > 3
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in found:
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height, text
        assert box.height >= 8, text  # pixels at 100 dots an inch: not below 6 points
    for (text, box), (other, its) in itertools.combinations(found, 2):
        assert not (box.x0 < its.x1 and its.x0 < box.x1 and box.y0 < its.y1 and its.y0 < box.y1), (
            text,
            other,
        )


@pytest.mark.parametrize("table", published.tables())
def test_every_value_of_a_table_is_written_and_every_axis_named(table):
    figure = plot.history(table)
    written = [text for text, _ in texts(figure)]
    drawn = [bar for axes in figure.axes for bar in axes.patches]
    shown = {text.split(" ")[0] for text in written}
    measures = {r["measure"] for r in published.rows(table)}
    main = [r for r in published.rows(table) if len(measures) < 2 or r["measure"] in written]
    if not main:  # one measure of several: the axis names it
        main = [r for r in published.rows(table) if r["measure"] == "test error"]
    assert len(drawn) == len(main) and {r["percent"] for r in main} <= shown
    label = " ".join(axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes)
    assert "%" in label or "percent" in label
    assert figure.get_suptitle()


def test_the_winners_stand_under_their_layers_in_the_order_of_the_years():
    figure = plot.history()
    above, below = figure.axes
    assert [bar.get_height() for bar in below.patches] == [28.2, 25.8, 16.4, 11.7, 7.3, 6.7, 3.57]
    assert list(above.lines[0].get_ydata()) == [8, 8, 19, 22, 152] and above.get_yscale() == "log"
    assert [text.get_text() for text in above.texts] == [
        *["shallow"] * 2,
        *["8 layers"] * 2,
        "19 layers",
        "22 layers",
        "152 layers",
    ]
    years = [label.get_text()[-4:] for label in below.get_xticklabels()]
    assert years == ["2010", "2011", "2012", "2013", "2014", "2014", "2015"]
    assert below.get_ylabel() == "top-5 error (%)\nlower is better"
    white = [to_rgb(bar.get_facecolor()) == (1, 1, 1) for bar in below.patches]
    assert white == [True, True, False, False, False, False, False]  # told apart without colours


def test_the_numbers_of_layers_stand_above_their_markers():
    figure = plot.history()
    boxes = dict(texts(figure))
    above = figure.axes[0]
    for x, y in zip(*above.lines[0].get_data(), strict=True):
        left, top = above.transData.transform((x, y))
        box = boxes[f"{y} layers"]
        assert box.y0 > top, y
        if y != 8:  # two have 8 layers
            assert box.x0 < left < box.x1, y


@pytest.mark.parametrize("table", ["cifar10 stochastic depth", "imagenet single models"])
def test_the_stems_of_the_layers_stand_on_the_floor_of_their_panel(table):
    above = plot.history(table).axes[0]
    (stems,) = above.collections
    assert {stem[0, 1] for stem in stems.get_segments()} == {above.get_ylim()[0]}


def test_detection_gets_better_with_depth():
    above, below = plot.history("pascal voc 2007 detection").axes
    assert [bar.get_height() for bar in below.patches] == [34, 58, 66, 86]
    assert "higher is better" in below.get_ylabel()
    assert list(above.lines[0].get_ydata()) == [8, 16, 101]


def test_a_bound_is_an_open_bar():
    (axes,) = plot.history("cifar10 resnet110 shortcuts").axes
    rows = published.rows("cifar10 resnet110 shortcuts")
    for bar, r in zip(axes.patches, rows, strict=True):
        bound = r["percent"] == ">20"
        assert (to_rgb(bar.get_facecolor()) == (1, 1, 1)) == bound
        assert (bar.get_linestyle() in ("dashed", "--")) == bound
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert "exclusive_gate, bias -6" in names and "shortcut_gate, bias 0" in names


def test_a_slip_stands_beside_the_true_value():
    written = [text for text, _ in texts(plot.history("competitions 2015"))]
    assert "25.0 (printed: 27)" in written and "27" not in written


def test_measures_are_groups_that_differ_without_colours():
    figure = plot.history("coco detection, Faster R-CNN")
    assert {bar.get_hatch() for bar in figure.axes[0].patches} == {"", "//"}
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["mAP at IoU 0.5", "mAP at IoU 0.5 to 0.95"]  # not the gain: only one model has it


def test_some_measures_can_be_chosen_and_others_are_refused():
    figure = plot.history("imagenet ten crops", measures="top-1 error", title="ten crops")
    assert figure.get_suptitle() == "ten crops"
    heights = [bar.get_height() for bar in figure.axes[-1].patches]
    assert heights[:4] == [27.94, 28.54, 27.88, 25.03]
    pair = plot.history("competitions 2015", measures=("second place", "ResNet"))
    assert len(pair.axes[0].patches) == 8
    with pytest.raises(ValueError, match="expected some of top-1 error, top-5 error, got 'recall'"):
        plot.history("imagenet ten crops", measures="recall")
    with pytest.raises(ValueError, match="expected one of imagenet one crop"):
        plot.history("mnist")


def test_the_spectrum_begins_each_band_at_its_depth():
    (axes,) = plot.spectrum_of_depth().axes
    assert [bar.get_x() for bar in axes.patches] == [1, 10, 30, 100, 1000]
    assert axes.get_xscale() == "log" and "layers" in axes.get_xlabel()
    written = [text.get_text() for text in axes.texts]
    assert "initialisation, batch normalisation" in written and "identity skip connections" in written
    shades = [to_rgb(bar.get_facecolor())[0] for bar in axes.patches]
    assert shades == sorted(shades, reverse=True) and len(set(shades)) == 5


@pytest.mark.parametrize("draw", [plot.spectrum_of_depth, plot.classifier_pipeline])
def test_words_stay_within_their_boxes(draw):
    figure = draw()
    found = texts(figure)
    (axes,) = figure.axes
    renderer = figure.canvas.get_renderer()
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if patch.get_visible()]
    inside = 0
    for text, box in found:
        for frame in boxes:
            if frame.x0 < box.x1 and box.x0 < frame.x1 and frame.y0 < box.y1 and box.y0 < frame.y1:
                assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text
                assert frame.y0 <= box.y0 and box.y1 <= frame.y1, text
                inside += 1
    assert inside >= len(boxes)


def test_by_hand_differs_from_layers_without_colours():
    (axes,) = plot.classifier_pipeline().axes
    frames = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    looks = {(sum(to_rgb(p.get_facecolor())) > 1.5, str(p.get_linestyle())) for p in frames}
    assert len(looks) == 3  # by hand, a trained classifier, trained layers
    words = [text.get_text() for text in axes.texts]
    assert words.count("conv layer") == 8 and words.count("edges") == 3 and words.count("classifier") == 6
