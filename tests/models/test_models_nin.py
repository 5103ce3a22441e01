"""Network in Network and Inception-ResNet: counts, structure, gradients, and PyTorch's numbers."""

import numpy as np
import pytest
from history_checks import assert_equals_torch, counted, images, rng, rows, totals, without_dropout
from residual_checks import Zero, assert_gradients, assert_overfits

from minires.catalogue import randomize
from minires.init import SHAPES_ONLY
from minires.layers import BatchNorm, Conv2d, Dropout, Linear, ReLU, Residual
from minires.models import inception_resnet, nin

modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
BLOCKS = {
    "a": (inception_resnet.block_a, [(1, 1), (1, 1), (3, 3), (1, 1), (3, 3), (3, 3), (1, 1)]),
    "b": (inception_resnet.block_b, [(1, 1), (1, 1), (1, 7), (7, 1), (1, 1)]),
    "c": (inception_resnet.block_c, [(1, 1), (1, 1), (1, 3), (3, 1), (1, 1)]),
}
blocks = pytest.mark.parametrize("letter", BLOCKS)


# -- Network in Network ------------------------------------------------------------------------------


def test_parameters_and_maps_of_nin():
    """966,986: the parameters of the published configuration for CIFAR-10."""
    net = counted(nin.MODELS["nin"])
    assert totals(net, 3, 32, 32) == (966_986, 222_486_528)
    maps = {name: row[0] for name, row in rows(net, 3, 32, 32).items()}
    assert maps["mlpconv1.mlp2"] == (96, 32, 32) and maps["pool1"] == (96, 16, 16)
    assert maps["mlpconv2.conv"] == (192, 16, 16) and maps["pool2"] == (192, 8, 8)
    assert maps["mlpconv3.mlp2"] == (10, 8, 8) and maps["pool3"] == (10,)


def test_nin_has_no_fully_connected_layer_and_its_1x1_convolutions_see_one_pixel():
    net = counted(nin.MODELS["nin"])
    assert not [layer for _, layer in net.named_layers() if isinstance(layer, Linear)]
    for name, kernel in (("mlpconv1", 5), ("mlpconv2", 5), ("mlpconv3", 3)):
        convs = [layer for _, layer in net[name].children() if isinstance(layer, Conv2d)]
        assert [conv.weight.data.shape[2] for conv in convs] == [kernel, 1, 1]
        kinds = [type(layer) for _, layer in net[name].children()]
        assert kinds == ([Conv2d, ReLU] * 3)[: 5 if name == "mlpconv3" else 6]  # logits may be negative


def test_nin_starts_by_msra_of_the_fan_in():
    for conv in (layer for _, layer in nin.nin(rng=rng()).named_layers() if isinstance(layer, Conv2d)):
        weight = conv.weight.data
        # at least 1,920 numbers: the deviation of their deviation is below 2 %
        assert weight.std() == pytest.approx((2 / weight[0].size) ** 0.5, rel=0.08)


def test_nin_drops_half_of_what_both_poolings_leave():
    parts = dict(nin.nin(rng=rng()).children())
    names = list(parts)
    drops = [name for name in names if isinstance(parts[name], Dropout)]
    assert [names[names.index(drop) - 1] for drop in drops] == ["pool1", "pool2"]
    assert [parts[drop].keep for drop in drops] == [0.5, 0.5]


def test_each_class_of_nin_has_a_map_of_its_own():
    net = nin.nin(num_classes=3, rng=rng())
    x = images(2, 3, 8, 8).astype(np.float32)
    before = net.predict(x)
    net["mlpconv3"]["mlp2"].weight.data[1] = 0
    after = net.predict(x)
    np.testing.assert_array_equal(after[:, [0, 2]], before[:, [0, 2]])
    assert before[:, 1].any() and not after[:, 1].any()


@pytest.mark.parametrize("kernel", [3, 5])
@modes
def test_gradients_of_an_mlpconv_layer(kernel, train):
    layer = randomize(nin.mlpconv(3, (5, 4, 6), kernel, rng()), rng(1))
    assert_gradients(layer, images(2, 3, 6, 5), train=train)


@modes
def test_gradients_of_nin_with_dropout(train):
    assert_gradients(nin.nin(num_classes=4, rng=rng()), images(2, 3, 8, 10), train=train)


def torch_nin(torch, p, x, train):
    f = torch.nn.functional

    def mlpconv(name, x, padding):
        x = torch.relu(f.conv2d(x, p[f"{name}.conv.weight"], p[f"{name}.conv.bias"], padding=padding))
        x = torch.relu(f.conv2d(x, p[f"{name}.mlp1.weight"], p[f"{name}.mlp1.bias"]))
        return f.conv2d(x, p[f"{name}.mlp2.weight"], p[f"{name}.mlp2.bias"])

    x = f.max_pool2d(torch.relu(mlpconv("mlpconv1", x, 2)), 3, 2, ceil_mode=True)
    x = f.avg_pool2d(torch.relu(mlpconv("mlpconv2", x, 2)), 3, 2, ceil_mode=True)
    return mlpconv("mlpconv3", x, 1).mean(dim=(2, 3))


@modes
def test_nin_equals_pytorch(train):
    assert_equals_torch(nin.nin(num_classes=5, rng=rng()), torch_nin, images(2, 3, 12, 9), train=train)


def test_nin_overfits_a_batch():
    assert_overfits(nin.nin(num_classes=4, keep=1, rng=rng()), (3, 8, 8), lr=0.01)


@pytest.mark.slow
def test_nin_of_ten_classes_overfits_a_batch():
    assert_overfits(without_dropout(nin.nin(rng=rng())), (3, 32, 32))


# -- Inception-ResNet --------------------------------------------------------------------------------


@blocks
def test_a_block_has_the_papers_kernels_and_no_relu_or_norm_before_the_addition(letter):
    build, kernels = BLOCKS[letter]
    block = build(6, width=4, rng=rng())
    assert isinstance(block, Residual) and isinstance(block.after, ReLU)
    convs = [layer for _, layer in block.named_layers() if isinstance(layer, Conv2d)]
    assert [conv.weight.data.shape[2:] for conv in convs] == kernels
    norms = [layer for _, layer in block.named_layers() if isinstance(layer, BatchNorm)]
    assert len(norms) == len(convs) - 1 and convs[-1].bias is not None
    f = block.branch.predict(images(2, 6, 7, 8).astype(np.float32))
    assert f.shape == (2, 6, 7, 8) and f.min() < 0 < f.max()


@pytest.mark.parametrize(
    "letter, channels, count", [("a", 256, 77_440), ("b", 896, 690_048), ("c", 1792, 1_600_768)]
)
def test_parameters_of_the_papers_blocks(letter, channels, count):
    """By hand, from figures 10, 11 and 13: weights, two for each normalised channel, the last biases."""
    block = BLOCKS[letter][0](channels, rng=SHAPES_ONLY)
    assert sum(p.data.size for _, p in block.named_parameters()) == count


@blocks
def test_the_linear_convolution_starts_by_xavier_for_no_relu_follows(letter):
    weight = BLOCKS[letter][0](64, width=64, rng=rng()).branch["linear"].weight.data
    # at least 8,192 numbers: the deviation of their deviation is below 0.8 %
    assert weight.std() == pytest.approx(weight[0].size ** -0.5, rel=0.04)


@blocks
def test_the_residual_is_scaled_before_the_addition(letter):
    x = images(2, 6, 7, 8).astype(np.float32)
    small, large = (BLOCKS[letter][0](6, width=4, scale=s, rng=rng()) for s in (0.25, 0.5))
    np.testing.assert_allclose(2 * small.branch.predict(x), large.branch.predict(x), rtol=1e-6)  # a rounding
    expected = np.maximum(small.branch.predict(x) + x, 0)
    np.testing.assert_allclose(small.predict(x), expected, rtol=1e-6, atol=1e-7)  # predict may fuse layers
    without = BLOCKS[letter][0](6, width=4, scale=0, rng=rng())
    np.testing.assert_array_equal(without.predict(x), np.maximum(x, 0))


@blocks
@modes
def test_gradients_of_a_block(letter, train):
    block = randomize(BLOCKS[letter][0](6, width=4, scale=0.3, rng=rng()), rng(1))
    assert_gradients(block, images(3, 6, 7, 5), train=train)


@modes
def test_gradients_of_the_small_network(train):
    # at random: with every bias at 0, a pixel where all branches are silent would lie on the corner of a ReLU
    net = randomize(inception_resnet.inception_resnet_small(num_classes=4, width=8, rng=rng()), rng(1))
    assert_gradients(net, images(4, 3, 12, 9), train=train)


def torch_inception_resnet(torch, p, x, train):
    f = torch.nn.functional

    def unit(at, x, stride=1):
        weight = p[f"{at}.conv.weight"]
        x = f.conv2d(x, weight, stride=stride, padding=(weight.shape[2] // 2, weight.shape[3] // 2))
        averages = p[f"{at}.norm.running_mean"], p[f"{at}.norm.running_var"]
        return torch.relu(
            f.batch_norm(x, *averages, p[f"{at}.norm.gamma"], p[f"{at}.norm.beta"], training=train)
        )

    def block(at, x, lengths, scale):
        ways = []
        for way, length in enumerate(lengths):
            names = [f"{at}.branch.branches.{way}"]
            if length > 1:
                names = [f"{names[0]}.{i}" for i in range(length)]
            y = x
            for name in names:
                y = unit(name, y)
            ways.append(y)
        linear = f"{at}.branch.linear"
        return torch.relu(
            x + scale * f.conv2d(torch.cat(ways, 1), p[f"{linear}.weight"], p[f"{linear}.bias"])
        )

    x = unit("stem", x)
    for letter, lengths, scale in (("a", (1, 2, 3), 0.17), ("b", (1, 3), 0.1), ("c", (1, 3), 0.2)):
        for i in range(2):
            x = block(f"stage_{letter}.{i}", x, lengths, scale)
        if letter != "c":
            pooled = f.max_pool2d(x, 3, 2, padding=1)
            x = torch.cat([pooled, unit(f"reduction_{letter}.conv", x, stride=2)], 1)
    return f.linear(x.mean(dim=(2, 3)), p["fc.weight"], p["fc.bias"])


@modes
def test_the_small_network_equals_pytorch(train):
    net = inception_resnet.inception_resnet_small(num_classes=4, width=8, rng=rng())
    assert_equals_torch(net, torch_inception_resnet, images(3, 3, 12, 9), train=train)


def test_every_shortcut_of_the_small_network_matters():
    net = inception_resnet.inception_resnet_small(width=8, rng=rng())
    x = images(2, 3, 12, 9).astype(np.float32)
    y, units = net.predict(x), [layer for _, layer in net.named_layers() if isinstance(layer, Residual)]
    assert len(units) == 6
    for unit in units:
        shortcut, unit.shortcut = unit.shortcut, Zero(unit.shortcut)
        assert abs(net.predict(x) - y).max() > 1e-3
        unit.shortcut = shortcut


def test_the_small_network_overfits_a_batch():
    net = inception_resnet.inception_resnet_small(num_classes=4, width=16, blocks=1, rng=rng())
    assert_overfits(net, (3, 8, 8))


@pytest.mark.slow
def test_the_small_network_as_it_is_listed_overfits_a_batch():
    net = inception_resnet.MODELS["inception_resnet_small"].build(num_classes=10, rng=rng())
    assert_overfits(net, (3, 32, 32))
