"""The ImageNet ResNets and plain networks are the paper's: counts, strides, paths, and PyTorch's numbers."""

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

from minires.init import SHAPES_ONLY
from minires.layers import BatchNorm, Conv2d, Identity, PadShortcut, ReLU, Residual, Sequential
from minires.layers.trace import Blank
from minires.models import resnet
from minires.models.resnet import imagenet_plain, imagenet_resnet
from minires.surgery import zero_last_gamma


def thin(depth, build=imagenet_resnet, **options):
    """The network with an eighth of the channels: every path and stride is there, and it is quick."""
    return build(**{"depth": depth, "num_classes": 5, "width": 8, "rng": rng()} | options)


# -- counts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, count, gmac",
    [
        ("resnet18", 11_689_512, 1.814),
        ("resnet34", 21_797_672, 3.664),
        ("resnet50", 25_557_032, 3.858),
        ("resnet101", 44_549_160, 7.570),
        ("resnet152", 60_192_808, 11.282),
        ("resnet50_v1.5", 25_557_032, 4.089),
        ("resnet101_v1.5", 44_549_160, 7.801),
        ("resnet152_v1.5", 60_192_808, 11.514),
        ("plain18", 11_515_688, 1.795),
        ("plain34", 21_623_848, 3.644),
    ],
)
def test_parameters_and_multiply_adds(name, count, gmac):
    """torchvision's counts; the paper's 3.8, 7.6 and 11.3 billion have the stride in the 1x1 convolution."""
    net, shape = by_name(resnet, name)
    assert shape == (3, 224, 224)
    assert parameters(net) == count
    assert round(multiply_adds(net, shape) / 1e9, 3) == gmac


@pytest.mark.parametrize(
    "depth, option, count, gmac",
    [(18, "A", 11_515_688, 1.795), (34, "A", 21_623_848, 3.644)],
)
def test_parameters_and_multiply_adds_without_projections(depth, option, count, gmac):
    net = imagenet_resnet(depth=depth, shortcut=option, rng=SHAPES_ONLY)
    assert parameters(net) == count
    assert round(multiply_adds(net, (3, 224, 224)) / 1e9, 3) == gmac


@pytest.mark.parametrize(
    "depth, option, more", [(34, "B", 173_824), (34, "C", 1_092_992), (50, "B", 2_776_576)]
)
def test_parameters_that_projections_add_to_option_a(depth, option, more):
    a, other = (parameters(imagenet_resnet(depth=depth, shortcut=o, rng=SHAPES_ONLY)) for o in ("A", option))
    assert other - a == more


@pytest.mark.parametrize("name", list(resnet.MODELS))
def test_the_depth_in_the_name_counts_the_layers_with_weights_but_projections(name):
    net, _ = by_name(resnet, name)
    convs = [path for path, layer in net.named_layers() if isinstance(layer, Conv2d)]
    inside = [path for path in convs if ".shortcut." not in path]
    assert f"{len(inside) + 1}" in (name[6:].split("_")[0], name[5:])


@pytest.mark.parametrize("pool", ["padded", "ceil"])
def test_maps_shrink_to_a_thirty_second(pool):
    net = imagenet_resnet(depth=50, stem_pool=pool, rng=SHAPES_ONLY)
    x, shapes = Blank((2, 3, 224, 224)), {}
    for step in net.trace(x).inside:
        shapes[next(name for name, part in net.children() if part is step.layer)] = step.y.shape
    assert shapes["stem"] == (2, 64, 56, 56)
    assert shapes["stage1"] == (2, 256, 56, 56)
    assert shapes["stage2"] == (2, 512, 28, 28)
    assert shapes["stage3"] == (2, 1024, 14, 14)
    assert shapes["stage4"] == (2, 2048, 7, 7)
    assert shapes["fc"] == (2, 1000)


def test_stem_pools_differ_in_what_they_see():
    """Both leave 56x56, but the padded windows begin a pixel earlier."""
    padded, ceil = (thin(18, stem_pool=pool)["stem"]["pool"] for pool in ("padded", "ceil"))
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    assert padded.predict(x)[0, 0, 0].tolist() == [9, 11, 13, 15]
    assert ceil.predict(x)[0, 0, 0].tolist() == [18, 20, 22, 23]


# -- structure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth, counts", [(18, [2, 2, 2, 2]), (34, [3, 4, 6, 3])])
@pytest.mark.parametrize("build", [imagenet_resnet, imagenet_plain])
def test_basic_blocks_have_two_3x3_convolutions_and_stride_in_the_first(build, depth, counts):
    net = build(depth=depth, rng=SHAPES_ONLY)
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3, 4)] == counts
    for path, block in blocks(net):
        branch = dict(block.children())["branch"]
        assert [type(part) for _, part in branch.children()] == [Conv2d, BatchNorm, ReLU, Conv2d, BatchNorm]
        halves = path in ("stage2.0", "stage3.0", "stage4.0")
        assert strides(branch) == [(3, 2 if halves else 1), (3, 1)]
        assert isinstance(block, Residual if build is imagenet_resnet else Sequential)


@pytest.mark.parametrize("depth, counts", [(50, [3, 4, 6, 3]), (101, [3, 4, 23, 3]), (152, [3, 8, 36, 3])])
@pytest.mark.parametrize("stride_in", ["1x1", "3x3"])
def test_bottlenecks_have_1x1_3x3_1x1_and_the_stride_where_asked(depth, counts, stride_in):
    name = f"resnet{depth}" + ("_v1.5" if stride_in == "3x3" else "")
    net, _ = by_name(resnet, name)
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3, 4)] == counts
    for path, block in blocks(net):
        stride = 2 if path in ("stage2.0", "stage3.0", "stage4.0") else 1
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        assert strides(block.branch) == [(1, first), (3, second), (1, 1)]
        convs = [part for _, part in block.branch.children() if isinstance(part, Conv2d)]
        assert convs[2].weight.data.shape[0] == 4 * convs[1].weight.data.shape[0]
        if path.endswith(".0"):
            assert strides(block.shortcut) == [(1, stride)]


def test_no_convolution_has_a_bias_and_batch_norm_follows_each():
    net = imagenet_resnet(depth=50, rng=SHAPES_ONLY)
    layers = [layer for _, layer in net.named_layers() if isinstance(layer, (Conv2d, BatchNorm))]
    for conv, norm in zip(layers[::2], layers[1::2], strict=True):
        assert isinstance(conv, Conv2d) and conv.bias is None
        assert isinstance(norm, BatchNorm) and len(norm.gamma.data) == len(conv.weight.data)
    assert len(layers) == 2 * 53  # 49 in the branches and the stem, 4 projections


@pytest.mark.parametrize("depth, changes", [(18, "234"), (50, "1234")])
@pytest.mark.parametrize("option", "ABC")
def test_shortcuts_are_the_option_asked_for(depth, changes, option):
    net = imagenet_resnet(depth=depth, shortcut=option, rng=SHAPES_ONLY)
    for path, block in blocks(net):
        changed = path in [f"stage{stage}.0" for stage in changes]
        expected = {"A": PadShortcut, "B": Sequential, "C": Sequential}[option] if changed else Identity
        assert type(block.shortcut) is (Sequential if option == "C" else expected), path
        assert type(block.after) is ReLU


@pytest.mark.parametrize("depth", [18, 50])
def test_every_single_shortcut_matters(depth):
    net = thin(depth)
    assert_every_shortcut_matters(net, [block for _, block in blocks(net)], images(dtype=np.float32))


def test_a_plain_network_has_the_weights_of_its_twin_and_no_shortcut():
    plain, residual = thin(18, imagenet_plain).state_dict(), thin(18, shortcut="A").state_dict()
    assert list(plain) == list(residual)
    assert all(plain[name].tobytes() == residual[name].tobytes() for name in plain)
    assert not any(isinstance(layer, Residual) for _, layer in thin(18, imagenet_plain).named_layers())
    x = images(dtype=np.float32)
    assert abs(thin(18, imagenet_plain).predict(x) - thin(18, shortcut="A").predict(x)).max() > 1e-3


@pytest.mark.parametrize("depth", [18, 50])
def test_with_zero_last_gamma_a_block_starts_as_the_relu_of_its_shortcut(depth):
    net = zero_last_gamma(thin(depth))
    for _, block in blocks(net):
        x = images(2, channels_into(block), 6, 5, np.float32)
        y, cache = block.forward(x, train=True)
        shortcut, _ = block.shortcut.forward(x, train=True)
        np.testing.assert_array_equal(y, np.maximum(shortcut, 0))
        block.backward(np.ones_like(y), cache)
        assert block.branch[-1].gamma.grad.any()  # it can leave zero
    assert all(block.branch[-1].gamma.data.all() for _, block in blocks(thin(depth)))


# -- gradients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "depth, options",
    [
        (18, {}),
        (50, {}),
        pytest.param(18, {"shortcut": "A"}, marks=pytest.mark.slow),
        pytest.param(18, {"shortcut": "C", "stem_pool": "ceil"}, marks=pytest.mark.slow),
        pytest.param(50, {"stride_in": "3x3"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_gradients_of_the_whole_network(depth, options):
    assert_gradients(thin(depth, **options), images())


def test_gradients_of_a_plain_network():
    assert_gradients(thin(18, imagenet_plain), images())


def test_gradients_of_resnet_152_block_by_block():
    """One block of every kind: the first of each stage and another."""
    for path, block in blocks(thin(152)):
        if path.endswith((".0", ".1")):
            assert_gradients(block, images(2, channels_into(block), 6, 5))


def torch_resnet(torch, convs, counts, *, shortcut="B", stride_in="1x1", ceil=False, residual=True):
    """He et al. 2015, table 1, in PyTorch, with 8 channels in the stem; convs: 2 or 3 in a block."""
    nn = torch.nn

    def conv_norm(before, after, kernel, stride):
        conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(after))

    class Block(nn.Module):
        def __init__(self, before, inner, stride):
            super().__init__()
            after = inner if convs == 2 else 4 * inner
            if convs == 2:
                sizes = [(before, inner, 3, stride), (inner, inner, 3, 1)]
            else:
                a, b = (stride, 1) if stride_in == "1x1" else (1, stride)
                sizes = [(before, inner, 1, a), (inner, inner, 3, b), (inner, after, 1, 1)]
            self.parts = nn.ModuleList(conv_norm(*size) for size in sizes)
            changes = stride > 1 or before != after
            if residual and (shortcut == "C" or (shortcut == "B" and changes)):
                self.projection = conv_norm(before, after, 1, stride)
            self.stride, self.more = stride, after - before

        def forward(self, x):
            y = x
            for part in self.parts[:-1]:
                y = torch.relu(part(y))
            y = self.parts[-1](y)
            if residual and hasattr(self, "projection"):
                y = y + self.projection(x)
            elif residual:
                x = x[:, :, :: self.stride, :: self.stride]
                y = y + nn.functional.pad(x, (0, 0, 0, 0, 0, self.more))
            return torch.relu(y)

    pool = nn.MaxPool2d(3, 2, ceil_mode=True) if ceil else nn.MaxPool2d(3, 2, padding=1)
    stem = nn.Conv2d(3, 8, 7, 2, padding=3, bias=False)
    modules, before = [stem, nn.BatchNorm2d(8), nn.ReLU(), pool], 8
    for stage, count in enumerate(counts):
        for i in range(count):
            modules.append(Block(before, 8 * 2**stage, 2 if stage and not i else 1))
            before = 8 * 2**stage * (1 if convs == 2 else 4)
    return nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 5))


BASIC, BOTTLENECK = (2, (2, 2, 2, 2)), (3, (3, 4, 6, 3))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    "depth, ours, layout, theirs",
    [
        (18, {"shortcut": "A"}, BASIC, {"shortcut": "A"}),
        (18, {}, BASIC, {}),
        (18, {"shortcut": "C", "stem_pool": "ceil"}, BASIC, {"shortcut": "C", "ceil": True}),
        (50, {}, BOTTLENECK, {"stride_in": "1x1"}),
        (50, {"stride_in": "3x3"}, BOTTLENECK, {"stride_in": "3x3"}),
    ],
    ids=["18 A", "18 B", "18 C ceil", "50 1x1", "50 3x3"],
)
def test_residual_networks_equal_pytorch(depth, ours, layout, theirs, train):
    assert_equals_pytorch(
        thin(depth, **ours), lambda torch: torch_resnet(torch, *layout, **theirs), images(), train=train
    )


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_a_plain_network_equals_pytorch(train):
    assert_equals_pytorch(
        thin(18, imagenet_plain),
        lambda torch: torch_resnet(torch, *BASIC, residual=False),
        images(),
        train=train,
    )


# -- training ----------------------------------------------------------------------------------------


def test_a_thin_network_overfits_a_batch():
    assert_overfits(thin(18), (3, 32, 32))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(resnet.MODELS))
def test_every_network_overfits_a_batch(name):
    net, _ = by_name(resnet, name, num_classes=5, rng=rng())
    assert_overfits(net, (3, 32, 32))


# -- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"depth": 20}, "depth: expected one of 18, 34, 50, 101, 152, 200, got 20"),
        ({"shortcut": "D"}, "shortcut: expected one of A, B, C, got 'D'"),
        ({"stride_in": "2x2"}, "stride_in: expected one of 1x1, 3x3, got '2x2'"),
        ({"stem_pool": "valid"}, "stem_pool: expected one of padded, ceil, got 'valid'"),
        ({"num_classes": 0}, "expected at least 1 class and 1 channel, got 0 and 3"),
        ({"width": 0}, "width: expected the number of the stem's channels, at least 1, got 0"),
    ],
)
def test_a_bad_argument_is_one_error_that_says_what_is_possible(options, message):
    with pytest.raises(ValueError) as error:
        imagenet_resnet(**{"depth": 18, "rng": SHAPES_ONLY} | options)
    assert str(error.value) == message


def test_there_is_no_plain_network_of_bottlenecks():
    with pytest.raises(ValueError, match="depth: expected one of 18, 34, got 50"):
        imagenet_plain(depth=50, rng=SHAPES_ONLY)
