"""Blocks and networks are drawn as they are, every layer, shape and shortcut, and can be read."""

import functools
import itertools

import numpy as np
import pytest
from matplotlib.patches import PathPatch, Rectangle

from minires import init, models, plot
from minires.detection import build
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    Upsample,
)
from minires.layers.trace import Step
from minires.models import blocks
from minires.models.googlenet import inception

SHAPES = init.SHAPES_ONLY
conv = functools.partial(Conv2d, rng=SHAPES)
BASIC = Residual(blocks.post_activation(*blocks.basic(64, 64, 1, SHAPES)), after=ReLU())
UNIT = ["3x3 conv, 64", "batch norm", "ReLU", "3x3 conv, 64", "batch norm", "ReLU"]


def net(name, **options):
    return models.build(name, rng=SHAPES, **options)


def drawn(name, **options):
    return plot.blocks(net(name), input_shape=models.about(name).input_shape, **options)


def words(figure):
    """Return all texts of a figure, as they were written."""
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def boxes(figure):
    """Return [(label, x of its centre, y of its centre)] of the boxes, from the top down."""
    frames = [p for p in figure.axes[0].patches if isinstance(p, Rectangle) and p.get_fill()]
    centres = {tuple(p.get_center().round(6)) for p in frames}
    found = [(t.get_text(), *t.get_position()) for t in figure.axes[0].texts]
    return sorted((f for f in found if (round(f[1], 6), round(f[2], 6)) in centres), key=lambda f: -f[2])


def labels(figure):
    return [label for label, _, _ in boxes(figure)]


def lines(figure, way="forward"):
    return [p for p in figure.axes[0].patches if isinstance(p, PathPatch) and p.get_gid() == way]


def arcs(figure, way="forward"):
    """Return of each arc whether it is dashed, from the top down."""
    found = [line for line in lines(figure, way) if 4 in line.get_path().codes]
    found.sort(key=lambda arc: -arc.get_path().vertices[0, 1])
    return [arc.get_linestyle() not in ("solid", "-") for arc in found]


def signs(figure, name="sum"):
    return [patch for patch in figure.axes[0].patches if patch.get_gid() == name]


# -- blocks ------------------------------------------------------------------------------------------


def test_a_block_has_a_box_for_every_layer_in_order_and_one_plus_sign():
    figure = plot.blocks(BASIC, input_shape=(1, 64, 56, 56))
    assert labels(figure) == UNIT and len(signs(figure)) == 1
    assert {"identity", "x: 64x56x56", "y: 64x56x56"} <= set(words(figure))
    (plus,) = signs(figure)
    above = [y for _, _, y in boxes(figure) if y > plus.center[1]]
    assert len(above) == 5  # the ReLU after the addition stands below it


def test_pre_activation_begins_with_its_norm_and_ends_with_the_addition():
    unit = Residual(blocks.pre_activation(*blocks.basic(64, 64, 1, SHAPES)))
    figure = plot.blocks(unit, input_shape=(64, 56, 56))
    assert labels(figure) == ["batch norm", "ReLU", "3x3 conv, 64"] * 2
    assert min(y for _, _, y in boxes(figure)) > signs(figure)[0].center[1]


def test_shapes_stand_where_they_change():
    branch = blocks.post_activation(*blocks.bottleneck(256, 512, 2, SHAPES, stride_in="3x3"))
    path = blocks.shortcut("B", 256, 512, 2, SHAPES)
    figure = plot.blocks(Residual(branch, path, after=ReLU()), input_shape=(256, 56, 56))
    found = [word for word in words(figure) if word[0].isdigit() and "conv" not in word]
    assert sorted(found) == ["128x28x28", "128x56x56", "512x28x28", "512x28x28"]
    assert "1x1 conv, 512, /2" in labels(figure) and "identity" not in words(figure)
    (main,) = {round(x, 6) for label, x, _ in boxes(figure) if label == "ReLU"}
    (beside,) = (x for label, x, _ in boxes(figure) if label == "1x1 conv, 512, /2")
    assert beside > main + 1


@pytest.mark.parametrize("shape", [(64, 56, 56), (1, 64, 56, 56), (8, 64, 56, 56), [64, 56, 56]])
def test_a_batch_makes_no_difference(shape):
    assert words(plot.blocks(BASIC, input_shape=shape)) == words(plot.blocks(BASIC, input_shape=(64, 56, 56)))


def test_an_inception_module_has_its_branches_side_by_side_above_their_concatenation():
    module = inception(192, 64, (96, 128), (16, 32), 32, unit=conv, largest_kernel=5)
    figure = plot.blocks(module, input_shape=(192, 28, 28))
    assert len({round(x, 6) for label, x, _ in boxes(figure) if "concat" not in label}) == 4
    assert labels(figure)[-1] == "concat, 256x28x28"
    assert sorted(labels(figure))[:4] == ["1x1 conv, 16", "1x1 conv, 32", "1x1 conv, 64", "1x1 conv, 96"]
    for size in ("64x28x28", "128x28x28", "32x28x28", "16x28x28"):
        assert size in words(figure)


def test_gradients_are_drawn_where_asked_and_meet_where_paths_part():
    forward, both = (plot.blocks(BASIC, input_shape=(64, 56, 56), backward=way) for way in (False, True))
    assert not lines(forward, "backward") and not signs(forward, "gradients meet")
    assert lines(both, "backward") and {"dx", "dy"} <= set(words(both)) - set(words(forward))
    (meet,), (plus,) = signs(both, "gradients meet"), signs(both)
    first = boxes(both)[0]
    assert meet.center[1] > first[2] > plus.center[1]
    assert all(line.get_linestyle() != "solid" for line in lines(both, "backward"))
    assert all(line.get_linestyle() in ("solid", "-") for line in lines(both))


def test_arrows_of_forward_point_down_and_those_of_backward_up():
    figure = plot.blocks(Sequential(conv(3, 8, 3), ReLU()), input_shape=(3, 8, 8), backward=True)
    heads = {"forward head": [], "backward head": []}
    for patch in figure.axes[0].patches:
        if patch.get_gid() in heads:
            tip, *base = patch.get_xy()[:3]
            heads[patch.get_gid()].append(tip[1] - np.mean(base, axis=0)[1])
    assert len(heads["forward head"]) == 3 and max(heads["forward head"]) < 0
    assert len(heads["backward head"]) == 3 and min(heads["backward head"]) > 0


def test_gates_stochastic_depth_and_recomputing_are_named():
    gated = net("resnet110_exclusive_gate")["stage1"][1]
    assert {"times g", "times 1 - g", "g", "sigmoid"} <= set(
        words(plot.blocks(gated, input_shape=(16, 32, 32)))
    )
    only = net("resnet110_shortcut_gate")["stage1"][1]
    assert "times g" not in words(plot.blocks(only, input_shape=(16, 32, 32)))
    dropped = net("resnet110_stochastic")["stage3"][17]
    assert "kept with p = 0.5" in words(plot.blocks(dropped, input_shape=(64, 8, 8)))
    assert "recomputed in backward" in words(plot.blocks(Recompute(BASIC), input_shape=(64, 8, 8)))
    segmented = Sequential(*(BASIC for _ in range(4)))
    segmented.segment = 2
    assert words(plot.blocks(segmented, input_shape=(64, 8, 8))).count("recomputed in backward") == 2


def test_a_layer_of_your_own_is_the_call_that_makes_it():
    class Gain(Layer):
        def __init__(self, factor):
            self.factor = factor

        def trace(self, x):
            return Step(self, x, x)

    class Activation(ReLU):
        pass

    assert labels(plot.blocks(Sequential(Gain(2.0), Activation()), input_shape=(4,))) == ["Gain(2.0)", "ReLU"]


class Composite(Layer):
    """Two layers of a user's own: one after the other, with a hidden sum, or with two outputs."""

    def __init__(self, kind):
        self.kind, self.first, self.last, self.other = kind, Linear(4, 4, rng=SHAPES), ReLU(), ReLU()

    def trace(self, x):
        first = self.first.trace(x)
        last, other = self.last.trace(first.y), self.other.trace(first.y)
        inside = (first, other, last) if self.kind == "outputs" else (first, last)
        y = x.like(last.y.shape) if self.kind == "new y" else last.y
        return Step(self, x, y, inside=inside, meets=self.kind in ("sum", "outputs"))


def test_another_composite_is_drawn_as_a_chain_with_its_outputs_or_not_looked_into():
    found = {
        kind: plot.blocks(Composite(kind), input_shape=(4,)) for kind in ("chain", "sum", "new y", "outputs")
    }
    assert labels(found["chain"]) == ["fc 4", "ReLU"]
    assert labels(found["sum"]) == ["Composite('sum')"] and labels(found["new y"]) == ["Composite('new y')"]
    assert labels(found["outputs"]) == ["fc 4", "ReLU", "ReLU"] and "output 4" in words(found["outputs"])


def test_detectors_have_their_outputs_beside_the_way_of_the_boxes():
    faster, fast, rcnn = (
        plot.blocks(build.by_name(name, build.INPUT, num_classes=10, rng=SHAPES), input_shape=build.INPUT)
        for name in ("faster_rcnn", "fast_rcnn", "rcnn")
    )
    assert {"output 9x16x16", "output 36x16x16", "output 11", "RegionPooling"} <= set(words(faster))
    assert all("output 11" in words(figure) and "y: 40" in words(figure) for figure in (fast, rcnn))
    check_readable(faster)


# -- networks ----------------------------------------------------------------------------------------


def test_resnet_34_is_the_papers_figure():
    figure = drawn("resnet34")
    stages = [(64, 3), (128, 4), (256, 6), (512, 3)]
    expected = ["7x7 conv, 64, /2", "3x3 max pool, /2"]
    for channels, count in stages:
        convs = [f"3x3 conv, {channels}"] * (2 * count)
        expected += [convs[0] + ", /2", *convs[1:]] if channels > 64 else convs
    assert labels(figure) == [*expected, "global avg pool", "fc 1000"]
    assert arcs(figure) == [False] * 3 + ([True] + [False] * 3) + ([True] + [False] * 5) + [
        True,
        False,
        False,
    ]
    assert [word for word in words(figure) if word.startswith("1x1 conv")] == [
        f"1x1 conv, {channels}, /2" for channels in (128, 256, 512)
    ]
    assert [word for word in words(figure) if word in ("112x112", "56x56", "28x28", "14x14", "7x7", "1")] == [
        "112x112", "56x56", "28x28", "14x14", "7x7", "1"
    ]  # fmt: skip
    assert not signs(figure)


def test_plain_34_is_the_same_without_arcs():
    assert labels(drawn("plain34")) == labels(drawn("resnet34")) and not arcs(drawn("plain34"))


def test_several_networks_stand_beside_each_other_by_the_size_of_their_maps():
    nets = {"residual": net("resnet34"), "plain": net("plain34"), "VGG-19": net("vgg19")}
    figure = plot.blocks(nets, input_shape=(3, 224, 224))
    assert len(boxes(figure)) == 16 + 5 + 3 + 2 * (34 + 2)
    assert set(nets) <= set(words(figure))
    columns = sorted({round(x, 6) for _, x, _ in boxes(figure)})
    first = {
        column: {
            label: y for label, x, y in reversed(boxes(figure)) if round(x, 6) == column
        }  # the uppermost of each label
        for column in columns
    }
    residual, plain, vgg = first.values()
    assert vgg["2x2 max pool, /2"] == plain["7x7 conv, 64, /2"] == residual["7x7 conv, 64, /2"]
    assert vgg["fc 4096"] == plain["global avg pool"] == residual["global avg pool"]
    sizes = ["224x224", "112x112", "56x56", "28x28", "14x14", "7x7"]
    assert [word for word in words(figure) if word in sizes] == sizes
    colours = {}
    for patch in figure.axes[0].patches:
        if isinstance(patch, Rectangle):
            colours.setdefault(patch.get_facecolor(), set()).add(patch)
    assert len(colours) == 7  # 224, 112, 56, 28, 14, 7 and 1


def test_zeros_and_constants_stand_beside_dashed_arcs():
    figure = drawn("resnet20")
    assert arcs(figure) == [False] * 3 + [True, False, False] * 2
    assert [word for word in words(figure) if "zeros" in word] == ["zeros, 32, /2", "zeros, 64, /2"]
    constant = plot.blocks(net("resnet110_constant")["stage1"], input_shape=(16, 32, 32), detail=False)
    assert set(arcs(constant)) == {True} and "times 0.5" in words(constant)


def test_long_networks_have_what_repeats_drawn_once():
    figure = drawn("resnet152")
    assert [word for word in words(figure) if "times" in word] == [
        "2 times",
        "7 times",
        "35 times",
        "2 times",
    ]
    assert len(boxes(figure)) == 2 + 4 * 6 + 2 and len(arcs(figure)) == 8
    assert [word for word in words(drawn("plain1202")) if "times" in word] == [
        "400 times", "399 times", "399 times"
    ]  # fmt: skip
    stochastic = drawn("resnet110_stochastic")  # blocks that differ in their probability alone
    assert [word for word in words(stochastic) if "times" in word] == ["18 times", "17 times", "17 times"]
    layers = [Linear(4, 4, rng=SHAPES), ReLU()] * 2500
    deep = plot.blocks(Sequential(*layers), input_shape=(4,), detail=True)
    assert labels(deep) == ["fc 4", "ReLU"] and "2500 times" in words(deep)


def test_what_a_figure_takes_does_not_grow_with_what_repeats():
    sizes = {name: len(drawn(name).axes[0].get_children()) for name in ("resnet110", "resnet1202")}
    assert sizes["resnet1202"] == sizes["resnet110"] < 150


def test_heads_leave_the_network_and_their_gradients_come_back():
    network = net("googlenet", aux=True)
    figure = plot.blocks(network, input_shape=(3, 224, 224), backward=True)
    assert words(figure).count("auxiliary 1000") == 2 and labels(figure).count("fc 1000") == 3
    assert len(signs(figure, "gradients meet")) == 9 + 2


@pytest.mark.parametrize("name", models.names())
def test_every_network_can_be_drawn(name):
    figure = drawn(name)
    assert 0 < len(boxes(figure)) < 90
    width, height = figure.get_size_inches()
    assert width < 8 and height < 22


@pytest.mark.parametrize("name", ["preresnet20", "resnet8", "googlenet", "rir20", "highway19"])
@pytest.mark.parametrize("backward", [False, True])
def test_nothing_lies_on_anything_or_leaves_the_figure(name, backward):
    network = models.cifar_preresnet(depth=20, rng=SHAPES) if name == "preresnet20" else net(name)
    check_readable(plot.blocks(network, input_shape=(3, 32, 32), backward=backward, title=name))


@pytest.mark.parametrize("backward", [False, True])
def test_blocks_can_be_read_too(backward):
    wide = Residual(blocks.post_activation(*blocks.basic(64, 64, 1, SHAPES)), Recompute(ReLU()))
    reduction = Concat(MaxPool2d(3, stride=2), conv(64, 8, 3, stride=2))
    nets = {
        "a block of two layers with weights": BASIC,
        "a title that is much longer": wide,
        "reduction": reduction,
    }
    for detail in (False, True):
        check_readable(
            plot.blocks(nets, input_shape=(64, 56, 56), detail=detail, backward=backward, title="Blocks")
        )
    for name in ("resnet110_exclusive_gate", "resnet110_stochastic", "resnet110_dropout"):
        unit = net(name)["stage2"][0]
        check_readable(plot.blocks(unit, input_shape=(16, 32, 32), backward=backward, detail=True))


def check_readable(figure):
    """Raise AssertionError where texts or boxes lie on one another, leave the figure, or are tiny."""
    figure.draw_without_rendering()
    axes = figure.axes[0]
    texts = [text for text in (axes.title, *axes.texts) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7.5
    frames = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_fill()]
    rectangles = [frame.get_window_extent() for frame in frames]
    found = [text.get_window_extent() for text in texts]
    for one, other in itertools.combinations(found, 2):
        assert not one.overlaps(other)
    for one, other in itertools.combinations(rectangles, 2):
        assert not one.overlaps(other)
    for text, extent in zip(texts, found, strict=True):
        assert 0 <= extent.x0 and extent.x1 <= figure.bbox.width, text
        assert 0 <= extent.y0 and extent.y1 <= figure.bbox.height, text
        around = [r for r in rectangles if r.overlaps(extent)]
        assert all(r.x0 < extent.x0 and extent.x1 < r.x1 for r in around), text


# -- what cannot be drawn ----------------------------------------------------------------------------


def test_maps_that_grow_again_have_their_shapes_beside_the_line():
    network = Sequential(*(Sequential(conv(3, 3, 3, stride=2, padding=1), Upsample(2)) for _ in range(2)))
    figure = plot.blocks(network, input_shape=(3, 8, 8), detail=False)
    assert labels(figure) == ["3x3 conv, 3, /2", "upsample, 2 times"] * 2
    assert words(figure).count("3x4x4") == 2 and "output" not in words(figure)


def test_an_empty_network_is_an_arrow():
    figure = plot.blocks(Sequential(), input_shape=(3, 8, 8))
    assert words(figure) == ["x: 3x8x8", "y: 3x8x8"] and len(lines(figure)) == 1


@pytest.mark.parametrize(
    ("nets", "shape", "error", "message"),
    [
        ({}, (3, 8, 8), ValueError, "at least one block or network, got none"),
        ([BASIC], (64, 8, 8), TypeError, "expected a Layer or {title: Layer}, got list"),
        ({"a": ReLU}, (64, 8, 8), TypeError, "got type"),
        (BASIC, (3, 8, 8), ValueError, "expects 64"),
        (BASIC, 64, ValueError, "N, C, H, W"),
        (BASIC, "64x8x8", ValueError, "expected a shape such as"),
        (BASIC, (64, 0, 8), ValueError, "expected a shape such as"),
        (BASIC, (1, 1, 64, 8, 8), ValueError, "expected a shape such as"),
        ({"a": BASIC, "b": BASIC}, {"a": (64, 8, 8)}, ValueError, "expected one for 'b' too, got a"),
        (Sequential(*(Linear(n, n + 1, rng=SHAPES) for n in range(1, 500))), (1,), ValueError, "draw a part"),
        (Sequential(Layer()), (1,), NotImplementedError, "Layer has no trace"),
    ],
)
def test_what_cannot_be_drawn_says_why(nets, shape, error, message):
    with pytest.raises(error, match=message):
        plot.blocks(nets, input_shape=shape)


def test_nothing_is_computed_or_changed():
    network = Sequential(BatchNorm(3), GlobalAvgPool2d())
    before = {name: array.copy() for name, array in network.state_dict().items()}
    plot.blocks(network, input_shape=(3, 8, 8), backward=True)
    assert all((network.state_dict()[name] == array).all() for name, array in before.items())
