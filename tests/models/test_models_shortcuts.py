"""The variants differ from the residual network in the one place that the paper's figures show."""

import copy

import numpy as np
import pytest
from optional_torch import import_torch
from oracles import assert_refused
from residual_checks import assert_equals_pytorch

import minires.functional as F
from minires import gradcheck, init, models, optim
from minires.layers import (
    BatchNorm,
    Conv2d,
    Dropout,
    GatedResidual,
    Identity,
    Layer,
    Linear,
    ReLU,
    Residual,
    Scale,
    Sequential,
    freeze,
)
from minires.models.highway import cifar_highway, dense_highway
from minires.models.preresnet import cifar_preresnet
from minires.models.shortcuts import (
    ACTIVATIONS,
    MODELS,
    SHORTCUTS,
    cifar_activation_variant,
    cifar_shortcut_variant,
)
from minires.surgery import zero_last_gamma

STAGES = ("stage1", "stage2", "stage3")
GATED = ("exclusive_gate", "shortcut_gate")
shortcuts = pytest.mark.parametrize("variant", SHORTCUTS)
activations = pytest.mark.parametrize("variant", ACTIVATIONS)
gated = pytest.mark.parametrize("variant", GATED)


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n=2, channels=3, height=8, width=12, dtype=np.float32, seed=1):
    return rng(seed).standard_normal((n, channels, height, width)).astype(dtype)


def shortcut_net(variant, depth=14, seed=0, **options):
    return cifar_shortcut_variant(depth=depth, variant=variant, rng=rng(seed), **options)


def activation_net(variant, block="basic", units=2, seed=0):
    depth = (6 if block == "basic" else 9) * units + 2
    return cifar_activation_variant(depth=depth, variant=variant, block=block, rng=rng(seed))


EVERY = {
    **{f"shortcut {v}": lambda units, v=v: shortcut_net(v, 6 * units + 2) for v in SHORTCUTS},
    **{f"activation {v}": lambda units, v=v: activation_net(v, units=units) for v in ACTIVATIONS},
    **{
        f"bottleneck {v}": lambda units, v=v: activation_net(v, "bottleneck", units=units)
        for v in ACTIVATIONS
    },
    "highway": lambda units: dense_highway(depth=units + 5, width=8, features=3 * 8 * 12, rng=rng()),
    "cifar_highway": lambda units: cifar_highway(depth=3 * units + 4, rng=rng()),
}
SAME = ("shortcut original", "activation original")  # as cifar_resnet, which has its own tests
every = pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)


def quick_or_slow(quick):
    """Return the builders, those slow whose name is not quick(name)."""
    chosen = {name: build for name, build in EVERY.items() if name not in SAME}
    marks = {name: () if quick(name) else pytest.mark.slow for name in chosen}
    return [pytest.param(build, id=name, marks=marks[name]) for name, build in chosen.items()]


def units(net):
    """Return all residual units, in order."""
    return [layer for _, layer in net.named_layers() if isinstance(layer, Residual)]


def kinds(layer):
    """Return the types of the layers in a row, as words."""
    names = {Conv2d: "conv", BatchNorm: "norm", ReLU: "relu"}
    leaves = [inner for _, inner in layer.named_layers() if not list(inner.children())]
    return " ".join(names.get(type(leaf), type(leaf).__name__) for leaf in leaves)


def count(net):
    return sum(parameter.data.size for _, parameter in net.named_parameters())


# -- what they share ---------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [cifar_shortcut_variant, cifar_activation_variant])
def test_the_originals_are_the_residual_network(build):
    ours, expected = build(depth=14, variant="original", rng=rng()), models.cifar_resnet(depth=14, rng=rng())
    assert list(ours.state_dict()) == list(expected.state_dict())
    np.testing.assert_array_equal(ours.predict(images()), expected.predict(images()))


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_full_pre_activation_is_the_pre_activation_network(block):
    ours = activation_net("full_preact", block)
    expected = cifar_preresnet(depth=14 if block == "basic" else 20, block=block, rng=rng())
    np.testing.assert_array_equal(ours.predict(images()), expected.predict(images()))


@shortcuts
def test_parameters_of_110_layers(variant):
    """A gate costs a 1x1 convolution with biases in each of the 54 units, conv1x1 one with batch norm."""
    net = cifar_shortcut_variant(depth=110, variant=variant, rng=init.SHAPES_ONLY)
    pairs = [(16, 16)] * 18 + [(16, 32)] + [(32, 32)] * 17 + [(32, 64)] + [(64, 64)] * 17
    more = {v: sum(i * o + o for i, o in pairs) for v in GATED}
    more["conv1x1"] = sum(i * o + 2 * o for i, o in pairs)
    assert len(units(net)) == 54
    assert count(net) == 1_727_962 + more.get(variant, 0)


@activations
def test_parameters_of_the_activation_variants(variant):
    def size(**options):
        return count(cifar_activation_variant(variant=variant, rng=init.SHAPES_ONLY, **options))

    assert size(depth=110) == 1_727_962
    # the official code's count of full pre-activation; norms of the projections add 2 * (64 + 128 + 256)
    bare = variant in ("bn_after", "full_preact")
    assert size(depth=164, block="bottleneck") == 1_703_258 + (0 if bare else 896)


def test_every_listed_name_builds_110_layers_with_its_variant():
    # without the two originals and full pre-activation, which have names of their own
    assert len(MODELS) == len(SHORTCUTS) + len(ACTIVATIONS) - 3
    for name, entry in MODELS.items():
        net = entry.build(num_classes=7, rng=init.SHAPES_ONLY)
        assert len(units(net)) == 54
        assert net.cost((1, 3, 32, 32))[0] == (1, 7)
        assert name.removeprefix("resnet110_") in (*SHORTCUTS, *ACTIVATIONS)


@pytest.mark.parametrize("build", [cifar_shortcut_variant, cifar_activation_variant])
def test_bad_arguments_are_answered_with_what_is_possible(build):
    assert_refused(
        lambda: build(depth=20, variant="gate", rng=rng()),
        "variant: expected one of original, ",
        "got 'gate'",
    )
    assert_refused(lambda: build(depth=21, variant="original", rng=rng()), "depth: expected 6n + 2", "20, 26")
    assert_refused(
        lambda: build(depth=8, variant="original", num_classes=0, rng=rng()), "at least 1 class and 1 channel"
    )


def test_more_bad_arguments():
    assert_refused(lambda: shortcut_net("conv1x1", gate_bias=-6), "'conv1x1' has no gates", "exclusive_gate")
    build = cifar_activation_variant
    assert_refused(
        lambda: build(depth=20, variant="bn_after", block="wide", rng=rng()),
        "block: expected one of basic, bottle",
    )
    assert_refused(
        lambda: build(depth=112, variant="bn_after", block="bottleneck", rng=rng()), "9n + 2", "110, 119"
    )
    assert_refused(lambda: cifar_highway(depth=18, rng=rng()), "3n + 4", "16, 19")
    assert_refused(lambda: dense_highway(depth=2, rng=rng()), "depth: expected an integer >= 3")
    assert_refused(lambda: cifar_highway(depth=4, rng=rng()), "3n + 4", "nearest are 7, 10")


# -- figure 2: the shortcuts -------------------------------------------------------------------------


def test_every_shortcut_holds_what_the_figure_shows_and_nothing_else():
    shown = {
        "original": ["Identity", "PadShortcut"],
        "constant": ["Identity Scale", "PadShortcut Scale"],
        "constant_unscaled": ["Identity Scale", "PadShortcut Scale"],
        "exclusive_gate": ["Identity", "PadShortcut"],
        "shortcut_gate": ["Identity", "PadShortcut"],
        "conv1x1": ["conv norm", "conv norm"],
        "dropout": ["Identity Dropout Scale", "PadShortcut Dropout Scale"],
    }
    for variant, (same, wider) in shown.items():
        net = shortcut_net(variant, 20)
        expected = [same] * 3 + ([wider] + [same] * 2) * 2
        assert [kinds(unit.shortcut) for unit in units(net)] == expected, variant
        branch = "conv norm relu conv norm" + (" Scale" if variant == "constant" else "")
        assert {kinds(unit.branch) for unit in units(net)} == {branch}, variant
        assert {type(unit.after) for unit in units(net)} == {ReLU}
        assert {type(unit) for unit in units(net)} == {GatedResidual if variant in GATED else Residual}
        assert {s.factor for _, s in net.named_layers() if isinstance(s, Scale)} <= {0.5}


@pytest.mark.parametrize("variant", ["constant", "constant_unscaled"])
def test_silent_branches_leave_half_of_x_a_unit(variant):
    net = zero_last_gamma(shortcut_net(variant, 110))
    x = abs(images(channels=16))
    for train in (False, True):
        y, _ = net["stage1"].forward(x, train=train)
        np.testing.assert_array_equal(y, x * np.float32(0.5**18))


@pytest.mark.parametrize("variant, fraction", [("constant", 0.5), ("constant_unscaled", 1.0)])
def test_the_branch_is_halved_only_where_the_paper_halves_it(variant, fraction):
    unit, plain = shortcut_net(variant)["stage1"][1], shortcut_net("original")["stage1"][1]
    x = abs(images(channels=16))
    np.testing.assert_array_equal(unit.branch.predict(x), np.float32(fraction) * plain.branch.predict(x))


@gated
@pytest.mark.parametrize("gate_bias", [None, 0.0, -6.0])
def test_a_gate_is_a_1x1_convolution_and_a_sigmoid_of_the_units_own_input(variant, gate_bias):
    net = shortcut_net(variant, gate_bias=gate_bias)
    bias = {"exclusive_gate": -6.0, "shortcut_gate": 0.0}[variant] if gate_bias is None else gate_bias
    for unit in units(net):
        assert kinds(unit.gate) == "conv Sigmoid" and unit.gating == variant.removesuffix("_gate")
        conv = unit.gate[0]
        assert conv.weight.data.shape[2:] == (1, 1) and conv.stride == unit.branch[0].stride
        assert len(conv.weight.data) == len(unit.branch[0].weight.data)
        nothing = np.zeros((1, conv.weight.data.shape[1], 4, 4), np.float32)
        np.testing.assert_allclose(unit.gate.predict(nothing), 1 / (1 + np.exp(-bias)), rtol=1e-4)


@gated
def test_a_unit_weighs_its_paths_by_its_gate(variant):
    unit = shortcut_net(variant, gate_bias=-1.0)["stage2"][0].astype(np.float64)
    x = abs(images(channels=16, dtype=np.float64))
    f, s, g = unit.branch.predict(x), unit.shortcut.predict(x), unit.gate.predict(x)
    expected = (g * f if variant == "exclusive_gate" else f) + (1 - g) * s
    np.testing.assert_allclose(unit.predict(x), np.maximum(expected, 0), rtol=1e-12, atol=1e-14)


def test_dropout_stands_on_the_shortcut_alone_and_leaves_half_of_x_on_average():
    unit = zero_last_gamma(shortcut_net("dropout"))["stage1"][1]
    x = abs(images(8, channels=16)) + 1
    y, _ = unit.forward(x, train=True)
    np.testing.assert_array_equal(y, np.where(y == 0, 0, x))  # kept as it is, or gone
    # 12,288 draws: the fraction of those kept has a deviation of 0.0045
    assert (y > 0).mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(unit.predict(x), 0.5 * x)
    net = shortcut_net("dropout")
    assert not any(isinstance(layer, Dropout) for u in units(net) for _, layer in u.branch.named_layers())
    assert sum(isinstance(layer, Dropout) for _, layer in net.named_layers()) == len(units(net))


# -- figure 4: the activations -----------------------------------------------------------------------

FIGURE_4 = {  # branch and what follows the addition, of a basic unit
    "original": ("conv norm relu conv norm", "relu"),
    "bn_after": ("conv norm relu conv", "norm relu"),
    "relu_before": ("conv norm relu conv norm relu", "Identity"),
    "relu_preact": ("relu conv norm relu conv norm", "Identity"),
    "full_preact": ("norm relu conv norm relu conv", "Identity"),
}
BOTTLENECK = {
    "original": "conv norm relu conv norm relu conv norm",
    "bn_after": "conv norm relu conv norm relu conv",
    "relu_before": "conv norm relu conv norm relu conv norm relu",
    "relu_preact": "relu conv norm relu conv norm relu conv norm",
    "full_preact": "norm relu conv norm relu conv norm relu conv",
}
BEGINS = {"relu_preact": "relu", "full_preact": "norm relu"}  # and what is shared at the start of a stage


@activations
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_the_layers_of_a_unit_stand_in_the_figures_order(variant, block):
    net = activation_net(variant, block, units=3)
    expected, after = FIGURE_4[variant][0] if block == "basic" else BOTTLENECK[variant], FIGURE_4[variant][1]
    for stage in STAGES:
        for unit in (net[stage][1], net[stage][2]):
            assert type(unit) is Residual and type(unit.shortcut) is Identity
            assert (kinds(unit.branch), kinds(unit.after)) == (expected, after)
        first = net[stage][0]
        if variant in BEGINS:
            assert kinds(first).startswith(BEGINS[variant] + " conv")
            assert isinstance(first, Sequential) and kinds(first[-1].branch).startswith("conv")
            assert f"{BEGINS[variant]} {kinds(first[-1].branch)}" == expected
        else:
            assert (kinds(first.branch), kinds(first.after)) == (expected, after)


@activations
def test_stem_and_end_complete_the_first_and_the_last_unit(variant):
    names = list(activation_net(variant).parts)
    begins = BEGINS.get(variant, "").split()
    stem = [kind for kind in ("conv", "norm", "relu") if kind not in begins]
    assert names == [*stem, *STAGES, *begins, "pool", "fc"]


@activations
def test_projections_of_bottlenecks_are_normalised_where_the_branch_is(variant):
    net = activation_net(variant, "bottleneck")
    norm = variant not in ("bn_after", "full_preact")
    for before, channels, stage in ((16, 64, "stage1"), (64, 128, "stage2"), (128, 256, "stage3")):
        unit = units(net[stage])[0]
        assert kinds(unit.shortcut) == ("conv norm" if norm else "conv")
        conv = next(layer for _, layer in unit.shortcut.named_layers() if isinstance(layer, Conv2d))
        assert conv.weight.data.shape == (channels, before, 1, 1)
        convs = [layer for _, layer in unit.branch.named_layers() if isinstance(layer, Conv2d)]
        stride = (1, 1) if stage == "stage1" else (2, 2)
        assert [c.stride for c in convs] == [stride, (1, 1), (1, 1)] and conv.stride == stride
        assert [c.weight.data.shape[2] for c in convs] == [1, 3, 1]


def test_signals_keep_their_sign_or_grow_as_section_4_says():
    """With a ReLU before the addition it can only grow; with one after it, it is never negative."""
    grows, negative = {}, {}
    for variant in ACTIVATIONS:
        x = abs(images(channels=16))
        y = activation_net(variant)["stage1"][1].predict(x)
        grows[variant], negative[variant] = bool((y >= x).all()), bool((y < 0).any())
    assert [v for v in ACTIVATIONS if grows[v]] == ["relu_before"]
    assert [v for v in ACTIVATIONS if negative[v]] == ["relu_preact", "full_preact"]


# -- all of them -------------------------------------------------------------------------------------


class Nothing(Layer):
    """A path that carries nothing."""

    def __init__(self, like):
        self.like = like

    def forward(self, x, *, train):
        return 0 * self.like.predict(x), ()


@every
def test_every_single_shortcut_matters(build):
    net, x = build(1), images()
    for layer in net.named_layers():
        if isinstance(layer[1], Conv2d) and layer[0].endswith("gate.0"):
            layer[1].bias.data.fill(0)  # half open
    y = net.predict(x)
    for unit in units(net):
        shortcut, unit.shortcut = unit.shortcut, Nothing(unit.shortcut)
        assert abs(net.predict(x) - y).max() > 1e-4
        unit.shortcut = shortcut
    np.testing.assert_array_equal(net.predict(x), y)


@pytest.mark.parametrize("build", quick_or_slow(lambda name: "bottleneck" not in name))
def test_gradients_of_the_whole_network_and_its_loss(build):
    net, x = build(1), images(4, dtype=np.float64)
    labels = rng(3).integers(0, 10, 4)
    loss = (lambda y: F.softmax_cross_entropy_forward(y, labels), F.softmax_cross_entropy_backward)
    report = gradcheck.check_directional(net, x, train=True, rng=rng(2), loss=loss)
    report.raise_if_wrong()
    assert report.error < 1e-6  # 1e-9 is reached


QUICK = ("shortcut exclusive_gate", "activation bn_after", "cifar_highway")


@pytest.mark.parametrize("build", quick_or_slow(QUICK.__contains__))
def test_it_overfits_one_batch(build):
    net, x, labels = build(1), images(16), rng(3).integers(0, 10, 16)
    for _, layer in net.named_layers():
        if isinstance(layer, Dropout):
            freeze(layer)  # off
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(20):
        y, cache = net.forward(x, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(y, labels)
        losses.append(float(loss))
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(np.float32(1), loss_cache), cache)
        optimiser.step()
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_copy_drops_the_same_values():
    net = shortcut_net("dropout")
    twin = copy.deepcopy(net)
    np.testing.assert_array_equal(net.forward(images(), train=True)[0], twin.forward(images(), train=True)[0])


# -- highway -----------------------------------------------------------------------------------------


def test_highway_layers_carry_most_of_x_at_first():
    net = dense_highway(depth=50, gate_bias=-4.0, rng=rng())
    assert len(net["highway"]) == 48
    for layer in net["highway"].parts.values():
        assert type(layer) is GatedResidual and layer.gating == "exclusive"
        assert kinds(layer.branch) == "Linear relu" and kinds(layer.gate) == "Linear Sigmoid"
        np.testing.assert_array_equal(layer.gate[0].bias.data, -4)
        assert layer.gate[0].weight is not layer.branch[0].weight
    x = abs(rng(1).standard_normal((200, 50))).astype(np.float32)
    carried = 1 - net["highway"][0].gate.predict(x)
    assert carried.mean() > 0.9


def test_convolutional_highway_has_the_depth_it_is_asked_for():
    net = cifar_highway(depth=19, rng=rng())
    weighted = [
        layer
        for name, layer in net.named_layers()
        if isinstance(layer, (Conv2d, Linear)) and ".gate." not in name
    ]
    assert len(weighted) == 19
    assert not any(isinstance(layer, BatchNorm) for _, layer in net.named_layers())
    assert [net[stage][0].stride for stage in STAGES] == [(1, 1), (2, 2), (2, 2)]
    assert net.predict(images()).shape == (2, 10)


def test_a_relu_follows_every_plain_layer_of_a_highway_and_the_paper_opens_gates_by_a_bias_of_minus_2():
    vectors, maps = dense_highway(depth=4, rng=rng()), cifar_highway(depth=7, rng=rng())
    assert list(vectors.parts) == ["flatten", "input", "relu", "highway", "fc"]
    assert type(vectors["relu"]) is ReLU
    for stage in STAGES:
        assert [type(part) for part in maps[stage].parts.values()] == [Conv2d, ReLU, GatedResidual]
    for net in (dense_highway(depth=3, width=4, features=6, rng=rng()), cifar_highway(depth=7, rng=rng())):
        gates = [unit.gate[0].bias.data for _, unit in net.named_layers() if isinstance(unit, GatedResidual)]
        assert gates and all((bias == -2).all() for bias in gates)


def test_highway_takes_images_and_vectors_of_its_size():
    net = dense_highway(depth=4, features=3 * 8 * 12, rng=rng())
    x = images()
    np.testing.assert_array_equal(net.predict(x), net.predict(x.reshape(2, -1)))


# -- PyTorch -----------------------------------------------------------------------------------------


def torch_unit(torch, variant, before, channels, stride, first, bottleneck):
    """One unit of figure 2 or 4, written out; its modules stand in the order of our parameters."""
    nn = torch.nn
    out = 4 * channels if bottleneck else channels

    def pad(x):
        x = x[:, :, ::stride, ::stride]
        return nn.functional.pad(x, (0, 0, 0, 0, 0, out - x.shape[1]))

    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [(before, channels, 3, stride), (channels, channels, 3, 1)]
            if bottleneck:
                sizes = [(before, channels, 1, stride), (channels, channels, 3, 1), (channels, out, 1, 1)]
            widths = [before, *(size[1] for size in sizes)]
            self.last = len(sizes)
            self.bare = variant in ("bn_after", "full_preact")
            if variant == "full_preact":
                self.norm1 = nn.BatchNorm2d(before)
            for i, (a, b, kernel, step) in enumerate(sizes, start=1):
                setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
                if variant == "full_preact" and i < self.last:
                    setattr(self, f"norm{i + 1}", nn.BatchNorm2d(widths[i]))
                elif variant != "full_preact" and not (variant == "bn_after" and i == self.last):
                    setattr(self, f"norm{i}", nn.BatchNorm2d(b))
            if variant == "conv1x1" or (bottleneck and before != out):
                self.project = nn.Conv2d(before, out, 1, stride, bias=False)
                if not self.bare:
                    self.project_norm = nn.BatchNorm2d(out)
            if variant == "bn_after":
                self.after_norm = nn.BatchNorm2d(out)
            if variant in GATED:
                self.gate = nn.Conv2d(before, out, 1, stride)

        def path(self, x):
            if not hasattr(self, "project"):
                return pad(x)
            return self.project(x) if self.bare else self.project_norm(self.project(x))

        def forward(self, x):
            if variant == "relu_preact":
                a = torch.relu(x)
                f = self.norm1(self.conv1(a))
                f = self.norm2(self.conv2(torch.relu(f)))
                f = self.norm3(self.conv3(torch.relu(f))) if bottleneck else f
                return f + self.path(a if first else x)
            if variant == "full_preact":
                a = torch.relu(self.norm1(x))
                f = self.conv2(torch.relu(self.norm2(self.conv1(a))))
                f = self.conv3(torch.relu(self.norm3(f))) if bottleneck else f
                return f + self.path(a if first else x)
            f = self.conv2(torch.relu(self.norm1(self.conv1(x))))
            f = self.conv3(torch.relu(self.norm2(f))) if bottleneck else f
            s = self.path(x)
            if variant == "bn_after":
                return torch.relu(self.after_norm(f + s))
            f = getattr(self, f"norm{self.last}")(f)
            if variant == "relu_before":
                return torch.relu(f) + s
            if variant == "constant":
                f, s = f / 2, s / 2
            elif variant in ("constant_unscaled", "dropout"):  # dropout at test time
                s = s / 2
            elif variant in GATED:
                g = torch.sigmoid(self.gate(x))
                f, s = (g * f if variant == "exclusive_gate" else f), (1 - g) * s
            return torch.relu(f + s)

    return Unit()


def torch_network(torch, variant, bottleneck):
    """Two units a stage."""
    nn, units, before = torch.nn, [], 16
    for channels in (16, 32, 64):
        for i in range(2):
            stride = 2 if i == 0 and channels > 16 else 1
            units.append(torch_unit(torch, variant, before, channels, stride, i == 0, bottleneck))
            before = 4 * channels if bottleneck else channels
    stem = {"relu_preact": [nn.BatchNorm2d(16)], "full_preact": []}.get(
        variant, [nn.BatchNorm2d(16), nn.ReLU()]
    )
    tail = {"relu_preact": [nn.ReLU()], "full_preact": [nn.BatchNorm2d(before), nn.ReLU()]}.get(variant, [])
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), *stem, *units, *tail, *pool).double()


PARITY = [name for name in EVERY if "highway" not in name and name not in SAME]


@pytest.fixture
def torch():
    """PyTorch on one thread: these maps are too small for more."""
    module = import_torch()
    threads = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(threads)


@pytest.mark.parametrize("name", PARITY)
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_a_network_equals_its_pytorch_definition_in_outputs_gradients_and_averages(torch, name, train):
    family, variant = name.split()
    theirs = torch_network(torch, variant, family == "bottleneck").train(train)
    ours = EVERY[name](2).astype(np.float64)
    draw = rng(1)
    for key, array in ours.state_dict().items():
        if array.ndim == 1:  # away from 0 and 1, where they start
            low, high = (0.5, 1.5) if key.endswith(("gamma", "running_var")) else (-0.5, 0.5)
            array[...] = draw.uniform(low, high, array.shape)
    for _, layer in ours.named_layers():
        if isinstance(layer, Dropout):
            freeze(layer)
    parameters = list(zip(ours.named_parameters(), theirs.named_parameters(), strict=True))
    averages = [b for n, b in theirs.named_buffers() if "num_batches" not in n]
    buffers = list(zip(ours.named_buffers(), averages, strict=True))
    with torch.no_grad():
        for (_, p), (_, tensor) in parameters:
            tensor.copy_(torch.from_numpy(p.data))
        for (_, b), tensor in buffers:
            tensor.copy_(torch.from_numpy(b.data))

    x = images(height=8, width=4, dtype=np.float64)
    y, cache = ours.forward(x, train=train)
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = theirs(their_x)
    dy = rng(2).standard_normal(y.shape)
    dx = ours.backward(dy, cache)
    their_y.backward(torch.from_numpy(dy))

    largest = max(np.linalg.norm(p.grad) for _, p in ours.named_parameters())

    def assert_close(what, found, expected):
        # sums of float64 in another order through fourteen or twenty layers; 1e-12 is reached. Some gradients
        # are zero (a beta before a norm) but for their rounding, 1e-16 of the terms: hence the second summand
        expected = expected.detach().numpy()
        bound = 1e-8 * np.linalg.norm(expected) + 1e-14 * largest
        assert np.linalg.norm(found - expected) <= bound, what

    assert_close("y", y, their_y)
    assert_close("dx", dx, their_x.grad)
    for (key, p), (_, tensor) in parameters:
        assert_close(key, p.grad, tensor.grad)
    for (key, b), tensor in buffers:
        assert_close(key, b.data, tensor)


# -- highway networks in PyTorch ---------------------------------------------------------------------------


def torch_highway(torch, layers):
    """layers: modules in our order; a pair (H, T) is a highway layer, another module stands for itself."""

    class Highway(torch.nn.Module):
        def __init__(self, transform, gate):
            super().__init__()
            self.transform, self.gate = transform, gate

        def forward(self, x):
            gate = torch.sigmoid(self.gate(x))
            return gate * torch.relu(self.transform(x)) + (1 - gate) * x

    return torch.nn.Sequential(*(Highway(*m) if isinstance(m, tuple) else m for m in layers))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_the_dense_highway_equals_pytorch(train):
    def build(torch):
        nn = torch.nn
        pairs = [(nn.Linear(7, 7), nn.Linear(7, 7)) for _ in range(3)]
        ends = [nn.Flatten(), nn.Linear(24, 7), nn.ReLU()], [nn.Linear(7, 10)]
        return torch_highway(torch, [*ends[0], *pairs, *ends[1]])

    ours = dense_highway(depth=5, width=7, features=24, rng=rng())
    assert_equals_pytorch(ours, build, images(3, 2, 4, 3, np.float64), train=train)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_the_convolutional_highway_equals_pytorch(train):
    def build(torch):
        nn, layers, before = torch.nn, [], 3
        for channels, stride in ((16, 1), (32, 2), (64, 2)):
            layers += [nn.Conv2d(before, channels, 3, stride, 1), nn.ReLU()]
            layers.append(tuple(nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2)))
            before = channels
        return torch_highway(torch, [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)])

    assert_equals_pytorch(
        cifar_highway(depth=7, rng=rng()), build, images(2, 3, 8, 6, np.float64), train=train
    )
