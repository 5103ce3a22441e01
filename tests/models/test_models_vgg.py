"""VGG follows its three rules: counts, maps, equal work in the stages, and PyTorch's numbers."""

import numpy as np
import pytest
from history_checks import assert_equals_torch, counted, images, rng, rows, totals, without_dropout
from residual_checks import assert_gradients, assert_overfits

from minires.layers import BatchNorm, Conv2d, Linear, MaxPool2d, ReLU
from minires.models import vgg

names = pytest.mark.parametrize("name", vgg.MODELS)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def thin(name, **options):
    """A network of few channels for 32x32 images, the smallest."""
    options = {"num_classes": 4, "width": 4, "hidden": 12, "image_size": 32} | options
    return vgg.MODELS[name].build(rng=rng(), **options)


# -- counts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, params",
    [
        ("vgg11", 132_863_336),
        ("vgg13", 133_047_848),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        ("vgg11_bn", 132_868_840),
        ("vgg13_bn", 133_053_736),
        ("vgg16_bn", 138_365_992),
        ("vgg19_bn", 143_678_248),
    ],
)
def test_parameters(name, params):
    """torchvision's counts."""
    assert totals(counted(vgg.MODELS[name]), 3, 224, 224)[0] == params


def test_multiply_adds():
    """The lecture's 13.6 for vgg16 leaves out conv3_3, here and in all its other sums."""
    table = rows(counted(vgg.MODELS["vgg16"]), 3, 224, 224)
    convs = {name: row[3] for name, row in table.items() if name.startswith("conv")}
    assert sum(convs.values()) == 15_346_630_656
    params, macs = totals(counted(vgg.MODELS["vgg16"]), 3, 224, 224)
    assert (params, round(macs / 1e9, 3)) == (138_357_544, 15.470)
    assert round((macs - convs["conv3_3"]) / 1e9, 2) == 13.62
    assert round(totals(counted(vgg.MODELS["vgg19"]), 3, 224, 224)[1] / 1e9, 3) == 19.632
    fc = [table[name][2] for name in ("fc6", "fc7", "fc8")]
    assert fc == [102_764_544, 16_781_312, 4_097_000]  # the lecture leaves out the biases


def test_from_224_to_28_pixels_vgg16_works_much_harder_than_the_lecture_says():
    """The lecture's 42.9 MB, 1.1 million and 7485 million leave out conv3_3."""
    early = [
        row
        for name, row in rows(counted(vgg.MODELS["vgg16"]), 3, 224, 224).items()
        if name.startswith(("conv1", "conv2", "conv3"))
    ]
    assert sum(row[2] for row in early) == 1_735_488
    assert round(sum(row[3] for row in early) / 1e6) == 9335
    assert round(sum(row[1] for row in early) / 1024, 1) == 45.9


def test_a_convolution_costs_the_same_in_every_stage_but_the_last():
    """36 HWC^2 multiply-adds in two: half the resolution, twice the channels. Stage 5 does not widen."""
    table = rows(counted(vgg.MODELS["vgg16"]), 3, 224, 224)
    macs = {name.removeprefix("conv"): row[3] for name, row in table.items() if name.startswith("conv")}
    full = 1_849_688_064
    assert {macs[name] for name in ("1_2", "2_2", "3_2", "3_3", "4_2", "4_3")} == {full}
    assert [macs[name] for name in ("2_1", "3_1", "4_1")] == [full // 2] * 3
    assert {macs[name] for name in ("5_1", "5_2", "5_3")} == {full // 4}


# -- structure ---------------------------------------------------------------------------------------


@names
def test_the_depth_counts_the_layers_with_weights(name):
    net = counted(vgg.MODELS[name])
    weighted = [layer for _, layer in net.children() if isinstance(layer, (Conv2d, Linear))]
    assert f"vgg{len(weighted)}" == name.removesuffix("_bn")
    norms = [layer for _, layer in net.children() if isinstance(layer, BatchNorm)]
    assert len(norms) == (len(weighted) - 3 if name.endswith("_bn") else 0)


@names
def test_the_three_rules(name):
    net = counted(vgg.MODELS[name])
    convs = {n: layer for n, layer in net.children() if isinstance(layer, Conv2d)}
    for conv in convs.values():
        assert (conv.weight.data.shape[2:], conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))
    pools = [layer.options for _, layer in net.children() if isinstance(layer, MaxPool2d)]
    assert [(p["kernel_size"], p["stride"], p["padding"]) for p in pools] == [((2, 2), (2, 2), (0, 0))] * 5
    maps = {n: row[0] for n, row in rows(net, 3, 224, 224).items()}
    for n in convs:
        stage = int(n[4])
        channels, edge = (64, 128, 256, 512, 512)[stage - 1], 224 // 2 ** (stage - 1)
        assert maps[n] == (channels, edge, edge)
    assert maps["pool5"] == (512, 7, 7)


@names
def test_a_relu_follows_every_convolution_with_batch_norm_before_it_if_asked(name):
    kinds = [type(layer) for _, layer in thin(name).children()]
    follows = [BatchNorm, ReLU] if name.endswith("_bn") else [ReLU]
    for i, kind in enumerate(kinds):
        if kind is Conv2d:
            assert kinds[i + 1 : i + 1 + len(follows)] == follows


def test_two_3x3_convolutions_see_5x5_pixels():
    net = thin("vgg16")
    dy = np.zeros((1, 4, 11, 11), np.float32)
    dy[..., 5, 5] = 1
    for layer in (net["conv1_2"], Conv2d(3, 4, 3, padding=1, rng=rng())):
        shape = (1, layer.weight.data.shape[1], 11, 11)
        dy = layer.backward(
            dy[:, : len(layer.weight.data)], layer.forward(np.zeros(shape, np.float32), train=True)[1]
        )
    rows_seen, columns_seen = np.nonzero(dy[0].any(axis=0))
    assert set(rows_seen) == set(columns_seen) == set(range(3, 8))


def test_an_unknown_depth_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="depth: expected one of 11, 13, 16, 19, got 15"):
        vgg.vgg(depth=15, rng=rng())


def test_an_image_that_does_not_fit_is_told_the_sizes_that_do():
    with pytest.raises(ValueError, match="takes square images of 224x224 to 255x255 pixels, got 64x64"):
        counted(vgg.MODELS["vgg11"]).predict(np.zeros((1, 3, 64, 64), np.float32))
    with pytest.raises(ValueError, match="at least 32x32 pixels, got 31x31"):
        thin("vgg11", image_size=31)


# -- gradients and PyTorch ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg11", "vgg16", "vgg16_bn", "vgg19"])
@modes
def test_gradients_of_the_whole_network_with_dropout(name, train):
    assert_gradients(thin(name), images(4, 3, 32, 32), train=train)


def torch_vgg(depth, norm):
    """The definition in PyTorch's functions: the paper's table 1."""
    stages = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]

    def forward(torch, p, x, train):
        f = torch.nn.functional
        for stage, convs in enumerate(stages, start=1):
            for i in range(1, convs + 1):
                at = f"{stage}_{i}"
                x = f.conv2d(x, p[f"conv{at}.weight"], p[f"conv{at}.bias"], padding=1)
                if norm:
                    averages = p[f"norm{at}.running_mean"], p[f"norm{at}.running_var"]
                    x = f.batch_norm(x, *averages, p[f"norm{at}.gamma"], p[f"norm{at}.beta"], training=train)
                x = torch.relu(x)
            x = f.max_pool2d(x, 2)
        x = torch.flatten(x, 1)
        x = torch.relu(f.linear(x, p["fc6.weight"], p["fc6.bias"]))
        x = torch.relu(f.linear(x, p["fc7.weight"], p["fc7.bias"]))
        return f.linear(x, p["fc8.weight"], p["fc8.bias"])

    return forward


@pytest.mark.parametrize("name", ["vgg11", "vgg16_bn", "vgg19"])
@modes
def test_outputs_and_gradients_equal_pytorchs(name, train):
    forward = torch_vgg(int(name[3:5]), name.endswith("_bn"))
    assert_equals_torch(thin(name, image_size=64), forward, images(3, 3, 64, 64), train=train)


# -- training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg11", "vgg16_bn"])
def test_a_thin_network_overfits_a_batch(name):
    assert_overfits(thin(name, width=8, hidden=64, keep=1), (3, 32, 32))


@pytest.mark.slow
@names
def test_every_network_overfits_a_batch(name):
    net = vgg.MODELS[name].build(num_classes=10, image_size=32, rng=rng())
    assert_overfits(without_dropout(net), (3, 32, 32), lr=0.005)
