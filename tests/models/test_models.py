"""The CIFAR networks are the paper's: counts, strides, paths, and PyTorch's numbers for the same weights."""

import copy

import numpy as np
import pytest
from optional_torch import import_torch
from residual_checks import assert_equals_pytorch, assert_overfits

from minires import init, models, probe
from minires.layers import BatchNorm, Conv2d, Identity, Layer, Linear, PadShortcut, Residual

FAMILIES = {"resnet": models.cifar_resnet, "plain": models.cifar_plain}
families = pytest.mark.parametrize("family", FAMILIES)


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n=2, channels=3, height=12, width=8, dtype=np.float32, seed=1):
    return rng(seed).standard_normal((n, channels, height, width)).astype(dtype)


def blocks(net):
    """Yield every block of the three stages."""
    for stage in ("stage1", "stage2", "stage3"):
        for _, block in net[stage].children():
            yield block


# -- counts and names --------------------------------------------------------------------------------


@families
@pytest.mark.parametrize(
    "depth, count", [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
)
def test_parameter_counts(family, depth, count):
    """PyTorch's count of the same networks; the paper rounds to 0.27, 0.46, 0.66, 0.85 and 1.7 million."""
    net = models.build(f"{family}{depth}", num_classes=10, rng=rng())
    assert sum(parameter.data.size for _, parameter in net.named_parameters()) == count
    weighted = [layer for _, layer in net.named_layers() if isinstance(layer, (Conv2d, Linear))]
    assert len(weighted) == depth


def test_names_lists_both_families_and_every_name_builds():
    names = models.names()
    assert {f"{f}{d}" for f in ("resnet", "plain") for d in (20, 32, 44, 56, 110)} <= set(names)
    assert len(set(names)) == len(names)
    net = models.build("plain20", num_classes=7, in_channels=1, rng=rng())
    assert net.predict(images(channels=1)).shape == (2, 7)


@families
def test_build_gives_the_family_and_depth_that_the_name_says(family):
    built, expected = models.build(f"{family}20", rng=rng()), FAMILIES[family](depth=20, rng=rng())
    assert {isinstance(block, Residual) for block in blocks(built)} == {family == "resnet"}
    np.testing.assert_array_equal(built.predict(images()), expected.predict(images()))


@pytest.mark.parametrize(
    "wrong, near", [("resnet21", "resnet20"), ("Resnet56", "resnet56"), ("plain-20", "plain20")]
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(ValueError, match=f"unknown model '{wrong}'; did you mean .*{near}"):
        models.build(wrong, rng=rng())


def test_a_name_near_to_nothing_is_answered_with_all():
    with pytest.raises(ValueError, match="there are .*resnet20"):
        models.build("?", rng=rng())


def test_an_option_that_a_network_does_not_have_is_answered_with_those_it_has():
    expected = "resnet20 has no option 'shorcut'; there are num_classes, in_channels, shortcut"
    with pytest.raises(ValueError, match=expected):
        models.build("resnet20", shorcut="A", rng=rng())
    with pytest.raises(ValueError, match="has no option 'depth'"):  # the name says it
        models.build("resnet20", depth=32, rng=rng())
    with pytest.raises(TypeError, match="expected a text"):
        models.build(50, rng=rng())


def test_a_network_is_built_for_the_images_there_are():
    net = models.build_for("vgg11", (1, 32, 32), num_classes=3, rng=init.SHAPES_ONLY)
    assert net.cost((2, 1, 32, 32))[0] == (2, 3)
    assert models.build_for("resnet8", (1, 28, 20), rng=rng()).predict(images(channels=1)).shape == (2, 10)


@families
@pytest.mark.parametrize("depth, nearest", [(21, "20, 26"), (19, "14, 20"), (2, "8, 14"), (-4, "8, 14")])
def test_a_depth_must_be_6n_plus_2(family, depth, nearest):
    with pytest.raises(
        ValueError, match=rf"depth: expected 6n \+ 2 .*got {depth}; the nearest are {nearest}"
    ):
        FAMILIES[family](depth=depth, rng=rng())


@families
def test_depths_beyond_the_papers_are_built(family):
    net = FAMILIES[family](depth=26, rng=rng())
    assert [len(net[stage]) for stage in ("stage1", "stage2", "stage3")] == [4, 4, 4]


@families
def test_classes_and_channels_must_be_there(family):
    for wrong in ({"num_classes": 0}, {"in_channels": 0}, {"num_classes": "ten"}, {"num_classes": 2.5}):
        with pytest.raises(ValueError, match="at least 1 class and 1 channel"):
            FAMILIES[family](depth=8, rng=rng(), **wrong)
        with pytest.raises(ValueError, match="at least 1 class and 1 channel"):
            models.build(f"{family}20", rng=rng(), **wrong)


def test_what_is_not_the_images_size_is_not_blamed_on_it():
    one = images(1)[:, :, :4, :4]  # stage 3 leaves one pixel of it
    with pytest.raises(ValueError, match="two values"):
        models.build("resnet8", rng=rng()).forward(one, train=True)
    grey = models.build("nin", in_channels=1, rng=rng())
    with pytest.raises(ValueError, match="square images of .* pixels, got 1x1"):
        grey.predict(images(1, channels=1)[:, :, :1, :1])


@families
def test_same_seed_same_weights(family):
    first, second, other = (FAMILIES[family](depth=8, rng=rng(seed)).state_dict() for seed in (0, 0, 1))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert (first["conv.weight"] != other["conv.weight"]).any()


def test_both_families_start_from_the_same_weights_and_names():
    resnet, plain = (build(depth=14, rng=rng()).state_dict() for build in FAMILIES.values())
    assert list(resnet) == list(plain)
    assert all(resnet[name].tobytes() == plain[name].tobytes() for name in resnet)


# -- structure ---------------------------------------------------------------------------------------


class Shapes(probe.Observer):
    def __init__(self):
        self.of = {}

    def forward(self, name, layer, x, y):
        self.of[name] = y.shape


@families
def test_maps_halve_and_channels_double_in_the_first_conv_of_stages_2_and_3(family):
    net, seen = FAMILIES[family](depth=20, rng=rng()), Shapes()
    with probe.watch(net, seen):
        y, _ = net.forward(images(1, 3, 32, 24), train=False)
    assert y.shape == (1, 10)
    for stage, shape in (("stage1", (1, 16, 32, 24)), ("stage2", (1, 32, 16, 12)), ("stage3", (1, 64, 8, 6))):
        assert {seen.of[f"{stage}.{i}"] for i in range(3)} == {shape}
        strides = [layer.stride for _, layer in net[stage].named_layers() if isinstance(layer, Conv2d)]
        assert strides == [(1, 1) if stage == "stage1" else (2, 2)] + [(1, 1)] * 5
    assert net["conv"].stride == (1, 1)
    convs = [layer for _, layer in net.named_layers() if isinstance(layer, Conv2d)]
    assert all(conv.weight.data.shape[2:] == (3, 3) and conv.bias is None for conv in convs)


def test_shortcuts_are_identities_but_where_the_map_shrinks():
    kinds = [type(block.shortcut) for block in blocks(models.cifar_resnet(depth=20, rng=rng()))]
    assert kinds == [Identity] * 3 + [PadShortcut, Identity, Identity] * 2


class Zero(Layer):
    """A path that carries nothing."""

    def __init__(self, like):
        self.like = like

    def forward(self, x, *, train):
        return 0 * self.like.predict(x), ()


def test_every_single_shortcut_matters():
    net, x = models.cifar_resnet(depth=14, rng=rng()), images()
    y = net.predict(x)
    assert len(list(blocks(net))) == 6
    for block in blocks(net):
        assert isinstance(block, Residual)
        shortcut, block.shortcut = block.shortcut, Zero(block.shortcut)
        assert abs(net.predict(x) - y).max() > 1e-3
        block.shortcut = shortcut
    np.testing.assert_array_equal(net.predict(x), y)


def silence(branch):
    """Make the last normalisation of a branch put out zero."""
    last = [layer for _, layer in branch.named_layers() if isinstance(layer, BatchNorm)][-1]
    last.gamma.data.fill(0)
    last.beta.data.fill(0)


def test_with_silent_branches_a_residual_network_still_sees_its_input_and_a_plain_one_is_blind():
    first, second = images(seed=1), images(seed=2)
    for family, sees in (("resnet", True), ("plain", False)):
        net = FAMILIES[family](depth=20, rng=rng())
        for block in blocks(net):
            silence(dict(block.children())["branch"])
        assert bool((net.predict(first) != net.predict(second)).any()) is sees
        y, cache = net.forward(first, train=True)
        assert bool(net.backward(rng().standard_normal(y.shape).astype(y.dtype), cache).any()) is sees


def test_one_silent_block_already_blinds_a_plain_network():
    net = models.cifar_plain(depth=20, rng=rng())
    silence(dict(net["stage2"][1].children())["branch"])
    np.testing.assert_array_equal(net.predict(images(seed=1)), net.predict(images(seed=2)))


@families
def test_the_last_relu_stands_after_the_addition(family):
    """The branch itself must be able to be negative; what leaves the block is not."""
    net = FAMILIES[family](depth=8, rng=rng())
    seen = {}

    class Signs(probe.Observer):
        def forward(self, name, layer, x, y):
            seen[name] = y.min() < 0

    with probe.watch(net, Signs()):
        net.forward(images(), train=True)
    for stage in ("stage1", "stage2", "stage3"):
        assert seen[f"{stage}.0.branch"] and not seen[f"{stage}.0"]


@pytest.mark.parametrize("placement", ["append", "split", "mean"])
def test_option_a_pads_as_asked(placement):
    net = models.cifar_resnet(depth=8, placement=placement, rng=rng())
    x = images(channels=16)
    y = net["stage2"][0].shortcut.predict(x)
    assert y.shape == (2, 32, 6, 4)
    pixels = x[:, :, ::2, ::2] if placement != "mean" else x.reshape(2, 16, 6, 2, 4, 2).mean(axis=(3, 5))
    first = 8 if placement == "split" else 0
    # the mean of four is a sum in another order
    np.testing.assert_allclose(y[:, first : first + 16], pixels, rtol=1e-5, atol=1e-6)
    assert not y[:, :first].any() and not y[:, first + 16 :].any()
    assert net["stage3"][0].shortcut.predict(images(channels=32)).shape == (2, 64, 6, 4)


def test_placements_share_the_weights_and_differ_in_the_output():
    outputs = {
        p: models.cifar_resnet(depth=8, placement=p, rng=rng()).predict(images())
        for p in ("append", "split", "mean")
    }
    default = models.build("resnet8", rng=rng()).predict(images())
    np.testing.assert_array_equal(default, outputs["append"])
    for one, other in (("append", "split"), ("append", "mean"), ("split", "mean")):
        assert abs(outputs[one] - outputs[other]).max() > 1e-3
    with pytest.raises(ValueError, match="placement: expected one of append, split, mean"):
        models.cifar_resnet(depth=8, placement="front", rng=rng()).predict(images())


@families
def test_convs_start_by_msra_fan_out_and_the_classifier_by_xavier_fan_in(family):
    net = FAMILIES[family](depth=20, rng=rng())
    for _, layer in net["stage3"].named_layers():
        if isinstance(layer, Conv2d):
            # 18,432 or more normal numbers: the deviation is exact to 0.5 %
            assert layer.weight.data.std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert net["fc"].weight.data.std() == pytest.approx((1 / 64) ** 0.5, rel=0.1)  # 640 numbers: 3 %
    assert not net["fc"].bias.data.any()


@families
def test_a_deep_network_runs_forward_and_backward(family):
    net = FAMILIES[family](depth=110, rng=rng())
    y, cache = net.forward(images(2, 3, 8, 8), train=True)
    dx = net.backward(rng().standard_normal(y.shape).astype(np.float32), cache)
    assert np.isfinite(y).all() and np.isfinite(dx).all() and dx.any()
    assert all(np.isfinite(p.grad).all() for _, p in net.named_parameters())


# -- PyTorch -----------------------------------------------------------------------------------------


def torch_network(torch, depth, residual):
    """The network of He et al. 2015, section 4.2, with option A, written in PyTorch."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, before, channels, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(channels)
            self.stride, self.more = stride, channels - before

        def forward(self, x):
            y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
            if residual:
                y = y + functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
            return torch.relu(y)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(16)
            sizes = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
            self.blocks = nn.Sequential(
                *(
                    Block(channels if i else before, channels, 1 if i else stride)
                    for before, channels, stride in sizes
                    for i in range((depth - 2) // 6)
                )
            )
            self.fc = nn.Linear(64, 10)

        def forward(self, x):
            return self.fc(self.blocks(torch.relu(self.norm(self.conv(x)))).mean(dim=(2, 3)))

    return Network().double()


@families
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_twenty_layers_equal_pytorch_in_outputs_gradients_and_running_averages(family, train):
    torch = import_torch()
    theirs = torch_network(torch, 20, family == "resnet").train(train)
    ours = FAMILIES[family](depth=20, rng=rng()).astype(np.float64)
    draw = rng(1)
    for name, array in ours.state_dict().items():
        if array.ndim == 1:  # away from 0 and 1, where they start
            low, high = (0.5, 1.5) if name.endswith(("gamma", "running_var")) else (-0.5, 0.5)
            array[...] = draw.uniform(low, high, array.shape)
    parameters = list(zip(ours.named_parameters(), theirs.named_parameters(), strict=True))
    averages = [(n, b) for n, b in theirs.named_buffers() if "num_batches" not in n]
    buffers = list(zip(ours.named_buffers(), averages, strict=True))
    with torch.no_grad():
        for (_, p), (_, tensor) in parameters:
            tensor.copy_(torch.from_numpy(p.data))
        for (_, b), (_, tensor) in buffers:
            tensor.copy_(torch.from_numpy(b.data))

    x = images(2, 3, 16, 12, np.float64)
    y, cache = ours.forward(x, train=train)
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = theirs(their_x)
    dy = rng(2).standard_normal(y.shape)
    dx = ours.backward(dy, cache)
    their_y.backward(torch.from_numpy(dy))

    def assert_close(name, found, expected):
        # twenty layers of float64 sums in another order; 1e-12 is reached
        difference = np.linalg.norm(found - expected.detach().numpy())
        assert difference < 1e-8 * np.linalg.norm(found), name

    assert_close("y", y, their_y)
    assert_close("dx", dx, their_x.grad)
    for (name, p), (_, tensor) in parameters:
        assert_close(name, p.grad, tensor.grad)
    for (name, b), (_, tensor) in buffers:
        assert_close(name, b.data, tensor)


@pytest.mark.slow
@pytest.mark.parametrize(
    "depth, residual, tolerance",
    [(110, True, 1e-8), (44, False, 1e-8), (110, False, 1e-5), (434, True, 1e-8)],
)
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_deep_networks_equal_pytorch(depth, residual, tolerance, train):
    """Plain networks amplify rounding as they amplify gradients, layer by layer: 1e-5 beyond 56 layers."""
    net = (models.cifar_resnet if residual else models.cifar_plain)(depth=depth, rng=rng())
    x = images(2, 3, 8, 8, np.float64)
    assert_equals_pytorch(
        net, lambda torch: torch_network(torch, depth, residual), x, train=train, tolerance=tolerance
    )


# -- depth -------------------------------------------------------------------------------------------


def test_gradients_of_plain_networks_grow_with_the_depth_and_overflow_at_1202_layers():
    """Batch norm keeps the forward signal healthy, but at the start every plain layer multiplies the gradient
    by about 1.2: at 1202 layers it exceeds float32. The residual network of that depth has no such trouble.
    """
    largest = {}
    for family in FAMILIES:
        net = FAMILIES[family](depth=1202, rng=rng())
        with np.errstate(all="ignore"), probe.watch(net, probe.FirstNonFinite()) as first:
            y, cache = net.forward(images(2, 3, 8, 8), train=True)
            dx = net.backward(rng().standard_normal(y.shape).astype(np.float32), cache)
        assert np.isfinite(y).all()
        largest[family] = (first.found, float(abs(dx).max()))
    assert str(largest["plain"][0]).startswith("the gradient ")
    found, size = largest["resnet"]
    assert found is None and size < 1e6


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_a_network_overfits_a_batch(name):
    assert_overfits(models.build(name, rng=rng()), (3, 8, 8))


DEEP = [name for name in models.cifar.MODELS if name != "plain1202"]


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_every_network_overfits_a_batch(name):
    assert_overfits(models.build(name, rng=rng()), (3, 8, 8))


def test_a_copy_of_a_network_computes_the_same():
    net = models.build("resnet8", rng=rng())
    np.testing.assert_array_equal(copy.deepcopy(net).predict(images()), net.predict(images()))
