"""Wide residual networks are the paper's: counts, what is shared, dropout, and PyTorch's numbers."""

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
    parameters,
    rng,
    strides,
)

from minires.init import SHAPES_ONLY
from minires.layers import BatchNorm, Conv2d, Dropout, Identity, ReLU, Residual, Sequential
from minires.models import wide
from minires.models.wide import wide_resnet

NAMES = list(wide.MODELS)


def small(depth=16, factor=2, **options):
    return wide_resnet(depth=depth, factor=factor, rng=rng(), **options)


def residual_of(unit):
    return unit if isinstance(unit, Residual) else unit["residual"]


@pytest.mark.parametrize(
    "name, count",
    [
        ("wide_resnet16_4", 2_748_890),
        ("wide_resnet16_8", 10_961_370),
        ("wide_resnet28_10", 36_479_194),
        ("wide_resnet40_2", 2_243_546),
        ("wide_resnet40_4", 8_949_210),
    ],
)
def test_parameters(name, count):
    """PyTorch's count of the same networks; the paper rounds to 2.7, 11.0, 36.5, 2.2 and 8.9 million."""
    assert parameters(by_name(wide, name)[0]) == count


@pytest.mark.parametrize("name", NAMES)
def test_the_depth_in_the_name_counts_all_convolutions_and_the_factor_multiplies_the_channels(name):
    net, _ = by_name(wide, name)
    depth, factor = map(int, name.removeprefix("wide_resnet").split("_"))
    assert sum(isinstance(layer, Conv2d) for _, layer in net.named_layers()) == depth
    widths = [net[f"stage{i}"][1].branch[-1].weight.data.shape[0] for i in (1, 2, 3)]
    assert widths == [16 * factor, 32 * factor, 64 * factor]
    assert len(net["conv"].weight.data) == 16  # the stem is not widened


@pytest.mark.parametrize("keep", [1.0, 0.7])
def test_paths_share_the_first_activation_exactly_where_the_width_changes(keep):
    net = small(keep=keep)
    middle = [Dropout] if keep < 1 else []
    for path, unit in blocks(net):
        residual, changes = residual_of(unit), path.endswith(".0")
        branch = [type(part) for _, part in residual.branch.children()]
        assert branch == [BatchNorm, ReLU] * (not changes) + [Conv2d, BatchNorm, ReLU, *middle, Conv2d]
        assert type(unit) is (Sequential if changes else Residual)
        assert type(residual.shortcut) is (Conv2d if changes else Identity)
        assert type(residual.after) is Identity
        stride = 2 if path in ("stage2.0", "stage3.0") else 1
        assert strides(residual.branch) == [(3, stride), (3, 1)]
        assert strides(residual.shortcut) == ([(1, stride)] if changes else [])
    unwidened = small(factor=1)["stage1"][0]  # 16 channels stay 16
    assert isinstance(unwidened, Residual) and type(unwidened.shortcut) is Identity


def test_every_single_shortcut_matters():
    net = small()
    residuals = [residual_of(unit) for _, unit in blocks(net)]
    assert_every_shortcut_matters(net, residuals, images(2, 3, 12, 8, np.float32))


def test_dropout_drops_the_share_asked_for_in_training_alone():
    net, plain = small(keep=0.7), small()
    x = images(2, 3, 12, 8, np.float32)
    np.testing.assert_array_equal(net.predict(x), plain.predict(x))  # the same weights, nothing dropped
    drop = net["stage1"][1].branch[5]
    y, _ = drop.forward(np.ones((4, 32, 20, 20), np.float32), train=True)
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)  # 51,200 draws deviate by 0.002
    first, second = (net.forward(x, train=True)[0] for _ in range(2))
    assert (first != second).any()


@pytest.mark.parametrize(
    "options",
    [{}, *(pytest.param(o, marks=pytest.mark.slow) for o in ({"factor": 1}, {"keep": 0.7}))],
    ids=str,
)
def test_gradients_of_the_whole_network(options):
    assert_gradients(small(**options), images(2, 3, 12, 8))


def test_gradients_of_wide_resnet_28_10_block_by_block():
    """One unit of every kind, a fifth as wide."""
    for path, unit in blocks(small(28, 2)):
        if path.endswith((".0", ".1")):
            assert_gradients(unit, images(2, channels_into(unit), 4, 3))


def torch_wide(torch, depth, factor):
    """Zagoruyko & Komodakis 2016, as their wide-resnet.lua has it, without dropout."""
    nn = torch.nn

    class Unit(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.norm1 = nn.BatchNorm2d(before)
            self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            if before != after:
                self.projection = nn.Conv2d(before, after, 1, stride, bias=False)

        def forward(self, x):
            active = torch.relu(self.norm1(x))
            y = self.conv2(torch.relu(self.norm2(self.conv1(active))))
            return y + (self.projection(active) if hasattr(self, "projection") else x)

    modules, before = [nn.Conv2d(3, 16, 3, padding=1, bias=False)], 16
    for stage in range(3):
        for i in range((depth - 4) // 6):
            after = 16 * factor * 2**stage
            modules.append(Unit(before, after, 2 if stage and not i else 1))
            before = after
    tail = [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)]
    return nn.Sequential(*modules, *tail)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("depth, factor", [(16, 2), (22, 1)])
def test_networks_equal_pytorch(depth, factor, train):
    build = lambda torch: torch_wide(torch, depth, factor)  # noqa: E731
    assert_equals_pytorch(small(depth, factor), build, images(2, 3, 16, 12), train=train)


def test_a_small_network_overfits_a_batch():
    assert_overfits(small(factor=1), (3, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_overfits_a_batch(name):
    assert_overfits(by_name(wide, name, rng=rng())[0], (3, 8, 8))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"depth": 20}, "depth: expected 6n + 4 (10, 16, 22, ...), got 20; the nearest are 16, 22"),
        ({"factor": 0}, "factor: expected an integer >= 1, got 0"),
        ({"factor": 1.5}, "factor: expected an integer >= 1, got 1.5"),
        ({"keep": 0}, "keep: expected a probability in (0, 1], got 0"),
        ({"num_classes": 0}, "expected at least 1 class and 1 channel, got 0 and 3"),
    ],
)
def test_a_bad_argument_is_one_error_that_says_what_is_possible(options, message):
    with pytest.raises(ValueError) as error:
        wide_resnet(**{"depth": 16, "factor": 1, "rng": SHAPES_ONLY} | options)
    assert str(error.value) == message
