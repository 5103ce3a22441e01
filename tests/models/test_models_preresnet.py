"""Pre-activation networks are the published code's: counts, what is shared, strides, PyTorch's numbers."""

import numpy as np
import pytest
from residual_checks import (
    assert_equals_pytorch,
    assert_every_shortcut_matters,
    assert_gradients,
    assert_overfits,
    blocks,
    by_name,
    channels_into,
    images,
    multiply_adds,
    parameters,
    rng,
    strides,
)

from minires import probe
from minires.init import SHAPES_ONLY
from minires.layers import BatchNorm, Conv2d, Identity, PadShortcut, ReLU, Residual, Sequential
from minires.models import preresnet
from minires.models.preresnet import cifar_preresnet, imagenet_preresnet

NAMES = list(preresnet.MODELS)
DEEP = {"preresnet110": (54, 2), "preresnet164": (54, 3), "preresnet1001": (333, 3)}  # units, convolutions


def thin(depth, **options):
    """The ImageNet network with an eighth of the channels."""
    return imagenet_preresnet(**{"depth": depth, "num_classes": 5, "width": 8, "rng": rng()} | options)


def small(block="basic", depth=None, **options):
    """The CIFAR network of two units a stage, so that a unit after a stage's first is there."""
    return cifar_preresnet(
        depth=depth or {"basic": 14, "bottleneck": 20}[block], block=block, rng=rng(), **options
    )


def residual_of(unit):
    """Return the Residual of a unit, which a shared activation may stand before."""
    return unit if isinstance(unit, Residual) else unit["residual"]


# -- counts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, classes, count",
    [
        ("preresnet110", 10, 1_727_962),  # as many as the network of post-activation
        ("preresnet164", 10, 1_703_258),
        ("preresnet164", 100, 1_726_388),
        ("preresnet1001", 10, 10_327_706),
        ("preresnet1001", 100, 10_350_836),
        # that of fb.resnet.torch, which has bottlenecks from the first stage on and stride in the 3x3
        ("preresnet200", 1000, 64_666_152),
    ],
)
def test_parameters(name, classes, count):
    assert parameters(by_name(preresnet, name, num_classes=classes)[0]) == count


@pytest.mark.parametrize("name, gmac", [("preresnet110", 0.2529), ("preresnet1001", 1.4878)])
def test_multiply_adds_for_cifar(name, gmac):
    net, shape = by_name(preresnet, name)
    assert round(multiply_adds(net, shape) / 1e9, 4) == gmac


@pytest.mark.parametrize("stride_in, gmac", [("1x1", 3.858), ("3x3", 4.089)])
def test_multiply_adds_for_imagenet_are_those_of_the_network_of_post_activation(stride_in, gmac):
    net = imagenet_preresnet(depth=50, stride_in=stride_in, rng=SHAPES_ONLY)
    assert round(multiply_adds(net, (3, 224, 224)) / 1e9, 3) == gmac


@pytest.mark.parametrize("name", NAMES)
def test_the_depth_in_the_name_counts_the_layers_with_weights_but_projections(name):
    net, _ = by_name(preresnet, name)
    convs = [path for path, layer in net.named_layers() if isinstance(layer, Conv2d)]
    assert sum(not path.endswith("shortcut") for path in convs) + 1 == int(name.removeprefix("preresnet"))


# -- structure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_activates_x_in_each_unit(name):
    """Before the paths part in a stage's first unit; in ImageNet's very first, the stem has done it."""
    net, shape = by_name(preresnet, name)
    for path, unit in blocks(net):
        branch = [type(part) for _, part in residual_of(unit).branch.children()]
        if shape == (3, 224, 224) and path == "stage1.0":
            assert isinstance(unit, Residual) and branch[0] is Conv2d
        elif path.endswith(".0"):
            assert type(unit) is Sequential and branch[0] is Conv2d
            assert [type(part) for _, part in unit.children()] == [BatchNorm, ReLU, Residual]
        else:
            assert isinstance(unit, Residual) and branch[:3] == [BatchNorm, ReLU, Conv2d]
        assert branch[-3:] == [BatchNorm, ReLU, Conv2d]  # no norm after the last convolution
        assert type(residual_of(unit).after) is Identity  # nothing after the addition
    if shape == (3, 224, 224):
        assert [type(part) for _, part in net["stem"].children()][1:3] == [BatchNorm, ReLU]
    else:
        assert type(net["conv"]) is Conv2d and "stem" not in dict(net.children())
    assert [type(part) for _, part in net.children()][-4:-2] == [BatchNorm, ReLU]


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_shared_activation_feeds_both_paths(block):
    """And nowhere else does the shortcut see an activated x."""
    net, inputs = small(block), {}

    class Inputs(probe.Observer):
        def forward(self, name, layer, x, y):
            inputs[name] = x, y

    with probe.watch(net, Inputs()):
        net.forward(images(2, 3, 12, 8, np.float32), train=True)
    for path, _ in blocks(net):
        x = inputs[path][0]
        if path.endswith(".0"):
            activated = inputs[f"{path}.relu"][1]
            prefix = f"{path}.residual"
            assert inputs[f"{prefix}.branch.0"][0] is activated
            assert inputs[f"{prefix}.shortcut"][0] is activated
            assert activated.min() == 0 > x.min()
        else:
            assert inputs[f"{path}.shortcut"][0] is x
            assert inputs[f"{path}.branch.0"][0] is x
            assert inputs[f"{path}.branch.2"][0].min() == 0 > x.min()


@pytest.mark.parametrize("name", DEEP)
def test_units_of_the_deep_networks_for_cifar(name):
    net, _ = by_name(preresnet, name)
    units, convs = DEEP[name]
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3)] == [units // 3] * 3
    for path, unit in blocks(net):
        stride = 2 if path in ("stage2.0", "stage3.0") else 1
        expected = [(3, stride), (3, 1)] if convs == 2 else [(1, stride), (3, 1), (1, 1)]
        residual = residual_of(unit)
        assert strides(residual.branch) == expected
        if convs == 2:  # option A; stage 1 keeps the stem's 16 channels
            changes = path in ("stage2.0", "stage3.0")
            assert type(residual.shortcut) is (PadShortcut if changes else Identity)
        else:  # 16 to 64 channels in stage 1: a projection of stride 1, and none with a norm
            assert type(residual.shortcut) is (Conv2d if path.endswith(".0") else Identity)
            assert strides(residual.shortcut) == ([(1, stride)] if path.endswith(".0") else [])


@pytest.mark.parametrize("stride_in", ["3x3", "1x1"])
@pytest.mark.parametrize("depth, counts", [(50, [3, 4, 6, 3]), (200, [3, 24, 36, 3])])
def test_bottlenecks_for_imagenet_have_the_stride_where_asked(depth, counts, stride_in):
    options = {} if stride_in == "3x3" else {"stride_in": stride_in}  # the code's is the default
    net = imagenet_preresnet(depth=depth, rng=SHAPES_ONLY, **options)
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3, 4)] == counts
    for path, unit in blocks(net):
        stride = 2 if path in ("stage2.0", "stage3.0", "stage4.0") else 1
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        assert strides(residual_of(unit).branch) == [(1, first), (3, second), (1, 1)]
        assert type(residual_of(unit).shortcut) is (Conv2d if path.endswith(".0") else Identity)


@pytest.mark.parametrize("build, which", [(small, "basic"), (small, "bottleneck"), (thin, 18), (thin, 50)])
def test_every_single_shortcut_matters(build, which):
    net = build(which)
    x = images(dtype=np.float32) if build is thin else images(2, 3, 12, 8, np.float32)
    assert_every_shortcut_matters(net, [residual_of(unit) for _, unit in blocks(net)], x)


def test_x_runs_unchanged_through_a_stage_whose_branches_are_silent():
    """Identity mappings: no ReLU stands in the way of negative numbers (equation 4 of the paper)."""
    stage = small("bottleneck")["stage1"]
    for _, unit in list(stage.children())[1:]:
        unit.branch[-1].weight.data.fill(0)
    x = images(2, 16, 6, 5, np.float32)
    first = stage[0].predict(x)
    assert first.min() < 0
    np.testing.assert_array_equal(stage.predict(x), first)


# -- gradients ---------------------------------------------------------------------------------------

SMALL = [
    ("basic", {}),
    ("basic", {"shortcut": "C"}),
    ("bottleneck", {}),
    ("bottleneck", {"stride_in": "3x3", "shortcut": "A"}),
]


@pytest.mark.parametrize("block, options", SMALL, ids=str)
def test_gradients_of_small_networks_for_cifar(block, options):
    assert_gradients(small(block, **options), images(2, 3, 12, 8))


@pytest.mark.parametrize("depth", [18, 50])
def test_gradients_of_networks_for_imagenet(depth):
    assert_gradients(thin(depth), images())


@pytest.mark.parametrize("name", [pytest.param("preresnet164", marks=pytest.mark.slow), "preresnet1001"])
def test_gradients_of_deep_networks_for_cifar_block_by_block(name):
    """One unit of every kind: the first of each stage and another."""
    entry = preresnet.MODELS[name]
    net = entry.build(num_classes=10, rng=rng())
    for path, unit in blocks(net):
        if path.endswith((".0", ".1")):
            assert_gradients(unit, images(2, channels_into(unit), 4, 3))


def test_gradients_of_preresnet_200_block_by_block():
    for path, unit in blocks(thin(200)):
        if path.endswith((".0", ".1")):
            assert_gradients(unit, images(2, channels_into(unit), 6, 5))


def torch_preresnet(torch, stem, sizes, counts, *, bottleneck, stride_in="1x1", shortcut, very_first):
    """He et al. 2016 as resnet-pre-act.lua and preresnet.lua have it.

    sizes: channels of the stem and of each stage's output; very_first: whether the first unit activates.
    """
    nn = torch.nn

    class Unit(nn.Module):
        def __init__(self, before, after, stride, kind):
            super().__init__()
            inner = after // 4
            a, b = (stride, 1) if stride_in == "1x1" else (1, stride)
            if bottleneck:
                shapes = [(before, inner, 1, a), (inner, inner, 3, b), (inner, after, 1, 1)]
            else:
                shapes = [(before, after, 3, stride), (after, after, 3, 1)]
            self.kind, self.stride, self.more = kind, stride, after - before
            self.norms, self.convs = [], []
            for i, (c, o, kernel, s) in enumerate(shapes):
                if i or kind != "bare":
                    self.norms.append(self.add(f"norm{i}", nn.BatchNorm2d(c)))
                conv = nn.Conv2d(c, o, kernel, s, padding=kernel // 2, bias=False)
                self.convs.append(self.add(f"conv{i}", conv))
            if shortcut == "C" or (shortcut == "B" and (stride > 1 or before != after)):
                self.add("projection", nn.Conv2d(before, after, 1, stride, bias=False))

        def add(self, name, module):
            self.add_module(name, module)
            return name

        def forward(self, x):
            path, y, norms = x, x, list(self.norms)
            for i, conv in enumerate(self.convs):
                if i or self.kind != "bare":
                    y = torch.relu(getattr(self, norms.pop(0))(y))
                if not i and self.kind == "shared":
                    path = y
                y = getattr(self, conv)(y)
            if hasattr(self, "projection"):
                return y + self.projection(path)
            path = path[:, :, :: self.stride, :: self.stride]
            return y + nn.functional.pad(path, (0, 0, 0, 0, 0, self.more))

    modules, before = [*stem(nn)], sizes[0]
    for stage, (after, count) in enumerate(zip(sizes[1:], counts, strict=True)):
        for i in range(count):
            kind = "own" if i else "shared" if stage or very_first else "bare"
            modules.append(Unit(before, after, 2 if stage and not i else 1, kind))
            before = after
    tail = [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 5)]
    return nn.Sequential(*modules, *tail)


def cifar_stem(nn):
    return [nn.Conv2d(3, 16, 3, padding=1, bias=False)]


def imagenet_stem(nn):
    conv = nn.Conv2d(3, 8, 7, 2, padding=3, bias=False)
    return [conv, nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("block, options", SMALL, ids=str)
def test_networks_for_cifar_equal_pytorch(block, options, train):
    narrow = block == "basic"
    assert_equals_pytorch(
        small(block, depth=20, num_classes=5, **options),
        lambda torch: torch_preresnet(
            torch,
            cifar_stem,
            (16, 16, 32, 64) if narrow else (16, 64, 128, 256),
            [3 if narrow else 2] * 3,
            bottleneck=not narrow,
            very_first=True,
            **{"shortcut": "A" if narrow else "B"} | options,
        ),
        images(2, 3, 16, 12),
        train=train,
    )


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("depth", [18, 50])
def test_networks_for_imagenet_equal_pytorch(depth, train):
    bottleneck = depth == 50
    assert_equals_pytorch(
        thin(depth),
        lambda torch: torch_preresnet(
            torch,
            imagenet_stem,
            (8, 32, 64, 128, 256) if bottleneck else (8, 8, 16, 32, 64),
            (3, 4, 6, 3) if bottleneck else (2, 2, 2, 2),
            bottleneck=bottleneck,
            stride_in="3x3",
            shortcut="B",
            very_first=False,
        ),
        images(),
        train=train,
    )


# -- training ----------------------------------------------------------------------------------------


def test_a_small_network_overfits_a_batch():
    assert_overfits(small("basic"), (3, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_overfits_a_batch(name):
    net, shape = by_name(preresnet, name, num_classes=5, rng=rng())
    assert_overfits(net, (3, 8, 8) if shape[1] == 32 else (3, 32, 32))


# -- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build, options, message",
    [
        (cifar_preresnet, {"depth": 21}, "6n + 2 (8, 14, 20, ...), got 21; the nearest are 20, 26"),
        (cifar_preresnet, {"depth": 163, "block": "bottleneck"}, "9n + 2"),
        (cifar_preresnet, {"depth": 163, "block": "bottleneck"}, "got 163; the nearest are 155, 164"),
        (cifar_preresnet, {"depth": 3, "block": "bottleneck"}, "the nearest are 11, 20"),
        (cifar_preresnet, {"depth": 20, "block": "wide"}, "block: expected one of basic, bottleneck, got"),
        (cifar_preresnet, {"depth": 20, "shortcut": "D"}, "shortcut: expected one of A, B, C, got 'D'"),
        (cifar_preresnet, {"depth": 20, "stride_in": 3}, "stride_in: expected one of 1x1, 3x3, got 3"),
        (imagenet_preresnet, {"depth": 164}, "depth: expected one of 18, 34, 50, 101, 152, 200, got 164"),
        (imagenet_preresnet, {"depth": 50, "shortcut": "D"}, "shortcut: expected one of A, B, C, got 'D'"),
        (imagenet_preresnet, {"depth": 50, "stride_in": 1}, "stride_in: expected one of 1x1, 3x3, got 1"),
        (imagenet_preresnet, {"depth": 50, "stem_pool": 1}, "stem_pool: expected one of padded, ceil, got 1"),
        (imagenet_preresnet, {"depth": 50, "num_classes": 0}, "at least 1 class and 1 channel, got 0 and 3"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_one_error_that_says_what_is_possible(build, options, message):
    with pytest.raises(ValueError) as error:
        build(rng=SHAPES_ONLY, **options)
    assert message in str(error.value)
