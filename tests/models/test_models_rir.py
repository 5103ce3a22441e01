"""ResNet in ResNet: two streams, only one with shortcuts, and the equation computed stream by stream."""

import numpy as np
import pytest
from residual_checks import (
    assert_equals_pytorch,
    assert_every_shortcut_matters,
    assert_gradients,
    assert_overfits,
    blocks,
    by_name,
    images,
    multiply_adds,
    parameters,
    rng,
    strides,
)

from minires.init import SHAPES_ONLY
from minires.layers import Identity, Residual
from minires.models import rir
from minires.models.rir import Channels, cifar_rir, generalized_unit


@pytest.mark.parametrize("name, count", [("rir20", 269_722), ("rir32", 464_154), ("rir56", 853_018)])
def test_two_streams_cost_no_more_than_one(name, count):
    """As many parameters as the CIFAR network of that depth: the streams share its channels."""
    assert parameters(by_name(rir, name)[0]) == count


def test_multiply_adds():
    net, shape = by_name(rir, "rir20")
    assert round(multiply_adds(net, shape) / 1e9, 4) == 0.0406


def test_every_unit_skips_one_convolution():
    net, _ = by_name(rir, "rir20")
    for path, unit in blocks(net):
        assert type(unit) is Residual
        assert strides(unit) == [(3, 2 if path in ("stage2.0", "stage3.0") else 1)]
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3)] == [6, 6, 6]


@pytest.mark.parametrize("stride, channels", [(1, 6), (2, 8)])
def test_with_a_silent_convolution_the_residual_stream_remains_and_the_transient_is_gone(stride, channels):
    unit = generalized_unit(6, channels, stride, rng())
    unit.branch.weight.data.fill(0)
    unit.after = Identity()
    x = images(2, 6, 6, 5, np.float32)
    y = unit.predict(x)
    assert y.shape[1] == channels
    np.testing.assert_array_equal(y[:, :3], x[:, :3, ::stride, ::stride])
    assert not y[:, 3:].any()


def test_every_single_shortcut_matters():
    net = cifar_rir(depth=14, rng=rng())
    assert_every_shortcut_matters(net, [unit for _, unit in blocks(net)], images(2, 3, 12, 8, np.float32))


def test_gradients_of_channels_that_are_left_out_are_zero():
    x, dy = images(2, 5, 4, 3), images(2, 2, 4, 3, seed=2)
    y, cache = Channels(1, 3).forward(x, train=True)
    np.testing.assert_array_equal(y, x[:, 1:3])
    dx = Channels(1, 3).backward(dy, cache)
    np.testing.assert_array_equal(dx[:, 1:3], dy)
    assert not dx[:, :1].any() and not dx[:, 3:].any()


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("shape", [(6, 6, 1), (4, 6, 2)], ids=str)
def test_gradients_of_a_unit(shape, train):
    assert_gradients(generalized_unit(*shape, rng()), images(2, shape[0], 6, 5), train=train)


def test_gradients_of_the_whole_network():
    assert_gradients(cifar_rir(depth=14, rng=rng()), images(2, 3, 12, 8))


def torch_rir(torch, depth):
    """Targ et al. 2016, equation 1, one stream at a time; each weight is cut into the four that they name."""
    nn, functional = torch.nn, torch.nn.functional

    class Unit(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(after)
            self.stride, self.old, self.new = stride, before // 2, after // 2

        def forward(self, x):
            r, t = x[:, : self.old], x[:, self.old :]
            to_r, to_t = self.conv.weight[: self.new], self.conv.weight[self.new :]

            def conv(stream, weight):
                return functional.conv2d(stream, weight, stride=self.stride, padding=1)

            same = r[:, :, :: self.stride, :: self.stride]
            same = functional.pad(same, (0, 0, 0, 0, 0, self.new - self.old))
            next_r = conv(r, to_r[:, : self.old]) + conv(t, to_r[:, self.old :]) + same
            next_t = conv(r, to_t[:, : self.old]) + conv(t, to_t[:, self.old :])
            return torch.relu(self.norm(torch.cat([next_r, next_t], dim=1)))

    modules, before = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage, after in enumerate((16, 32, 64)):
        for i in range((depth - 2) // 3):
            modules.append(Unit(before, after, 2 if stage and not i else 1))
            before = after
    return nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_the_network_equals_pytorch(train):
    net = cifar_rir(depth=14, rng=rng())
    assert_equals_pytorch(net, lambda torch: torch_rir(torch, 14), images(2, 3, 16, 12), train=train)


def test_a_small_network_overfits_a_batch():
    assert_overfits(cifar_rir(depth=14, rng=rng()), (3, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(rir.MODELS))
def test_every_network_overfits_a_batch(name):
    assert_overfits(by_name(rir, name, rng=rng())[0], (3, 8, 8))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cifar_rir(depth=18, rng=SHAPES_ONLY), "got 18; the nearest are 14, 20"),
        (lambda: cifar_rir(depth=20, in_channels=0, rng=SHAPES_ONLY), "at least 1 class and 1 channel"),
        (lambda: generalized_unit(3, 4, 1, SHAPES_ONLY), "expected even numbers"),
        (lambda: Channels(2, 2), "expected 0 <= start < stop, got 2 and 2"),
        (lambda: Channels(0, 4).predict(np.zeros((1, 3, 2, 2))), "x has 3 channels, but this layer takes"),
        (lambda: Channels(0, 2).predict(np.zeros((1, 3))), "expected the axes"),
        (lambda: cifar_rir(depth=14, rng=rng()).predict(images(2, 4, 8, 8, np.float32)), "x has 4 channels"),
    ],
)
def test_a_bad_argument_is_one_error_that_says_what_is_possible(call, message):
    with pytest.raises(ValueError, match=message):
        call()
