"""GoogLeNet: the lecture's stem and tail, nine modules, heads that help, and PyTorch's numbers."""

import copy
import functools

import numpy as np
import pytest
from history_checks import Joined, assert_equals_torch, counted, images, rng, rows, totals, without_dropout
from residual_checks import assert_gradients, assert_overfits

import minires.functional as F
from minires import init, optim
from minires.catalogue import randomize
from minires.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)
from minires.models import googlenet as family
from minires.models.googlenet import AUX_WEIGHTS, googlenet, googlenet_bn, inception
from minires.models.heads import NetworkWithHeads

BUILDERS = {"googlenet": googlenet, "googlenet_bn": googlenet_bn}
builders = pytest.mark.parametrize("name", BUILDERS)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def with_heads(name):
    """The network with heads and five classes, for images of 65 pixels, the fewest for the paper's heads."""
    return copy.deepcopy(_with_heads(name))


@functools.cache  # to draw thirteen million numbers takes longer than to copy them
def _with_heads(name):
    size = {"image_size": 65} if name == "googlenet" else {}
    return without_dropout(BUILDERS[name](num_classes=5, aux=True, rng=rng(), **size))


def conv_units(layer):
    return [inner for _, inner in layer.named_layers() if isinstance(inner, Conv2d)]


# -- counts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, params, with_aux, gmac",
    [("googlenet", 6_998_552, 13_378_280, 1.583), ("googlenet_bn", 6_624_904, 13_004_888, 1.498)],
)
def test_parameters_and_multiply_adds(name, params, with_aux, gmac):
    found = totals(counted(family.MODELS[name]), 3, 224, 224)
    assert (found[0], round(found[1] / 1e9, 3)) == (params, gmac)
    assert totals(counted(family.MODELS[name], aux=True), 3, 224, 224)[0] == with_aux


@pytest.mark.parametrize("build, fan", [(googlenet, 1), (googlenet_bn, 0)])
def test_convolutions_start_by_msra_of_the_fan_in_without_batch_norm_and_of_the_fan_out_with_it(build, fan):
    for conv in conv_units(build(rng=rng())):
        weight = conv.weight.data
        # at least 3,072 numbers: the deviation of their deviation is below 1.3 %
        expected = (2 / (weight.size / weight.shape[1 - fan])) ** 0.5
        assert weight.std() == pytest.approx(expected, rel=0.06)


def test_the_hidden_layer_of_a_head_starts_by_msra_of_the_fan_in():
    weight = googlenet(num_classes=5, aux=True, image_size=65, rng=rng()).heads["aux4a"]["fc1"].weight.data
    assert weight.std() == pytest.approx((2 / 128) ** 0.5, rel=0.02)  # 131,072 numbers: 0.2 %


def test_the_stem_row_by_row():
    """The lecture's sum of 418 million has its last digits turned round: 481."""
    table = rows(counted(family.MODELS["googlenet"]), 3, 224, 224)
    stem = [table[name] for name in ("conv1.conv", "pool1", "conv2.conv", "conv3.conv", "pool2")]
    assert [row[1] for row in stem] == [3136, 784, 784, 2352, 588]
    assert [row[2] for row in stem] == [9_472, 0, 4_160, 110_784, 0]
    assert [round(row[3] / 1e6, 1) for row in stem] == [118.0, 1.8, 12.8, 346.8, 1.4]
    assert round(sum(row[1] for row in stem) / 1024, 2) == 7.46
    assert sum(row[2] for row in stem) == 124_416
    assert round(sum(row[3] for row in stem) / 1e6, 1) == 480.8


def test_the_tail():
    table = rows(counted(family.MODELS["googlenet"]), 3, 224, 224)
    assert table["inception5b.branch1.conv"][0][1:] == (7, 7)
    assert table["pool5"][:2] == ((1024,), 4)
    assert table["fc"] == ((1000,), 1000 * 4 / 1024, 1_025_000, 1_024_000)  # the lecture prints 0 KB


@builders
def test_output_channels_of_the_nine_modules(name):
    net = counted(family.MODELS[name])
    channels = []
    for part, layer in net.children():
        if part.startswith("inception"):
            taken = conv_units(layer)[0].weight.data.shape[1]
            channels.append(layer.cost((1, taken, 7, 7))[0][1])
    assert channels == [256, 480, 512, 512, 512, 528, 832, 832, 1024]


# -- structure ---------------------------------------------------------------------------------------


@builders
def test_norms_and_biases_are_those_of_the_version(name):
    net = counted(family.MODELS[name], aux=True)
    layers = [layer for _, layer in net.named_layers()]
    norms = [layer for layer in layers if isinstance(layer, (BatchNorm, LocalResponseNorm))]
    convs = [layer for layer in layers if isinstance(layer, Conv2d)]
    assert len(convs) == 57 + 2
    if name == "googlenet":
        parts = list(net.parts)
        assert [type(layer) for layer in norms] == [LocalResponseNorm] * 2
        assert parts[:7] == ["conv1", "pool1", "norm1", "conv2", "conv3", "norm2", "pool2"]
        assert all(conv.bias for conv in convs)
    else:
        assert len(norms) == len(convs) and {norm.eps for norm in norms} == {1e-3}
        assert not any(conv.bias for conv in convs)
    kernels = {conv.weight.data.shape[2] for conv in convs[3:]}
    assert kernels == ({1, 3, 5} if name == "googlenet" else {1, 3})


@builders
def test_dropping_a_branch_changes_its_own_channels_alone(name):
    module = BUILDERS[name](num_classes=5, rng=rng())["inception4b"]
    x = abs(images(2, 512, 5, 4)).astype(np.float32)
    before = module.predict(x)
    assert before.shape == (2, 512, 5, 4)
    edges = [0, 160, 160 + 224, 160 + 224 + 64, 512]
    for i, branch in enumerate(module.branches.values()):
        conv = conv_units(branch)[-1]
        weight = conv.weight.data.copy()
        conv.weight.data[:] = 0
        changed = (module.predict(x) != before).any(axis=(0, 2, 3))
        own = slice(edges[i], edges[i + 1])
        np.testing.assert_array_equal(changed[own], before[:, own].any(axis=(0, 2, 3)))  # all that were not 0
        assert changed[own].mean() > 0.5
        changed[own] = False
        assert not changed.any()
        conv.weight.data[:] = weight


def test_the_branches_look_at_windows_of_1_3_5_and_3_pixels():
    module, x = googlenet(num_classes=5, rng=rng())["inception3a"], np.zeros((1, 192, 9, 9), np.float32)
    randomize(module, rng(1))
    for branch, reach in zip(module.branches.values(), (0, 1, 2, 1), strict=True):
        other = x.copy()
        other[:, :, 4, 4] = 10
        rows_seen, columns_seen = np.nonzero((branch.predict(other) != branch.predict(x)).any(axis=(0, 1)))
        assert set(rows_seen) == set(columns_seen) == set(range(4 - reach, 5 + reach))


def test_heads_stand_behind_4a_and_4d_and_average_5x5_windows():
    net = counted(family.MODELS["googlenet"], aux=True)
    assert net.head_after == {"inception4a": "aux4a", "inception4d": "aux4d"}
    assert net.loss_weights == AUX_WEIGHTS == (1, 0.3, 0.3)
    table = rows(net, 3, 224, 224)
    for head, channels in (("aux4a", 512), ("aux4d", 528)):
        pool = net.heads[head]["pool"]
        assert isinstance(pool, AvgPool2d) and pool.options["kernel_size"] == (5, 5)
        assert table[f"{head}.pool"][0] == (channels, 4, 4)
        assert table[f"{head}.conv.conv"][0] == (128, 4, 4) and table[f"{head}.fc1"][0] == (1024,)
        assert net.heads[head]["drop"].keep == 0.3
    assert isinstance(
        counted(family.MODELS["googlenet_bn"], aux=True).heads["aux4a"]["pool"], AdaptiveAvgPool2d
    )


def test_forty_percent_is_dropped_before_the_classifier():
    parts = dict(counted(family.MODELS["googlenet"]).children())
    drop = parts["drop"]
    assert isinstance(drop, Dropout) and drop.keep == 0.6
    assert list(parts)[-3:] == ["pool5", "drop", "fc"]
    assert counted(family.MODELS["googlenet_bn"])["drop"].keep == 0.8


@builders
def test_with_heads_training_answers_three_times_and_eval_once(name):
    net, x = with_heads(name), images(2, 3, 65, 65).astype(np.float32)
    answers, cache = net.forward(x, train=True)
    assert isinstance(answers, tuple) and [y.shape for y in answers] == [(2, 5)] * 3
    assert not np.array_equal(answers[1], answers[2])
    with pytest.raises(ValueError, match=r"gradients of \(logits, aux4a, aux4d\), got ndarray"):
        net.backward(answers[0], cache)
    alone, cache = net.forward(x, train=False)
    # predict folds batch norm into the convolutions, which rounds in other places: float32
    np.testing.assert_allclose(alone, net.predict(x), rtol=1e-4, atol=1e-4)
    assert net.backward(np.ones_like(alone), cache).shape == x.shape
    with pytest.raises(RuntimeError, match="used up"):
        net.backward(np.ones_like(alone), cache)
    for _, parameter in net.heads["aux4a"].named_parameters():
        assert not parameter.grad.any()
        parameter.data[...] = np.nan  # off at test: nothing of the heads is looked at
    assert np.isfinite(net.predict(x)).all()


def test_with_and_without_heads_the_logits_are_the_same():
    x, with_them = images(2, 3, 65, 65).astype(np.float32), with_heads("googlenet")
    without = googlenet(num_classes=5, rng=rng())
    state = with_them.state_dict()
    assert set(without.state_dict()) == {name for name in state if not name.startswith("aux")}
    without.load_state_dict({name: state[name] for name in without.state_dict()})
    np.testing.assert_array_equal(without.predict(x), with_them.predict(x))
    trained = with_them.forward(x, train=True)[0][0]
    np.testing.assert_allclose(trained, with_them.predict(x), rtol=1e-5, atol=1e-6)  # predict may fuse layers


@pytest.mark.parametrize("answer, last", [(1, "inception4a"), (2, "inception4d"), (0, "fc")])
def test_an_answers_gradient_reaches_what_it_was_made_of_and_nothing_else(answer, last):
    net = with_heads("googlenet")
    answers, cache = net.forward(images(2, 3, 65, 65).astype(np.float32), train=True)
    dy = tuple(rng(3).standard_normal(y.shape).astype(y.dtype) * (i == answer) for i, y in enumerate(answers))
    assert net.backward(dy, cache).any()
    names = list(net.parts)
    reached = set(names[: names.index(last) + 1]) | ({f"aux{last[-2:]}"} if answer else set())
    for name, part in net.children():
        if list(part.named_parameters()):
            found = [bool(parameter.grad.any()) for _, parameter in part.named_parameters()]
            assert found == [name in reached] * len(found), name


def test_gradients_of_the_answers_add_up():
    """At 4a and 4d the map goes two ways, so backward sums: three gradients at once, or one after another."""
    net = with_heads("googlenet").astype(np.float64)
    x = images(2, 3, 65, 65)
    answers, cache = net.forward(x, train=True)
    dys = [rng(i).standard_normal(y.shape) for i, y in enumerate(answers)]
    at_once = net.backward(tuple(dys), cache)
    one_by_one = 0
    for i in range(3):
        _, cache = net.forward(x, train=True)
        one_by_one += net.backward(tuple(dy * (i == j) for j, dy in enumerate(dys)), cache)
    np.testing.assert_allclose(at_once, one_by_one, rtol=1e-9, atol=1e-12)  # sums in another order


@pytest.mark.parametrize("shape", [(64, 64), (300, 300)])
def test_an_image_that_does_not_fit_the_heads_is_told_the_sizes_that_do(shape):
    net = googlenet(aux=True, rng=init.SHAPES_ONLY)
    for forward in (lambda x: net.forward(x, train=True), lambda x: net.cost(x.shape)):
        with pytest.raises(ValueError, match="square images of 209x209 to 256x256 pixels, got"):
            forward(np.zeros((1, 3, *shape), np.float32))
    with pytest.raises(ValueError, match="image_size: the auxiliary heads need at least 65 pixels, got 64"):
        googlenet(aux=True, image_size=64, rng=init.SHAPES_ONLY)


def test_an_image_too_small_for_the_version_with_norm_is_told_the_least_size():
    with pytest.raises(ValueError, match="takes square images of at least 15x15 pixels, got 14x14"):
        googlenet_bn(rng=init.SHAPES_ONLY).predict(np.zeros((1, 3, 14, 14), np.float32))


# -- gradients and PyTorch ---------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["_unit", "_unit_with_norm"])
@modes
def test_gradients_of_a_module(unit, train):
    def build(*arguments, **options):
        return getattr(family, unit)(*arguments, rng=generator, **options)

    generator = rng()
    module = randomize(inception(6, 4, (3, 5), (2, 3), 2, unit=build, largest_kernel=5), rng(1))
    assert_gradients(module, images(3, 6, 7, 5), train=train)


SLOW_BESIDES = [pytest.param("googlenet_bn", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", ["googlenet", *SLOW_BESIDES])
@pytest.mark.parametrize("train", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["train", "eval"])
def test_gradients_of_the_whole_network(name, train):
    net = randomize(BUILDERS[name](num_classes=5, rng=rng()), rng(1))
    assert_gradients(net, images(3, 3, 36, 28), train=train)


@pytest.mark.slow
@builders
def test_gradients_with_heads(name):
    # few pixels, so that few ReLUs lie on their corner; batch norm needs more than one image all the same
    x = images(1 if name == "googlenet" else 3, 3, 65, 65)
    assert_gradients(Joined(randomize(with_heads(name), rng(1))), x, train=True)


def torch_googlenet(norm, heads):
    """The definitions in PyTorch's functions: table 1 of the paper, and torchvision's version with norm."""
    wide, wide_padding = (3, 1) if norm else (5, 2)

    def forward(torch, p, x, train):
        f = torch.nn.functional

        def unit(at, x, **options):
            x = f.conv2d(x, p[f"{at}.conv.weight"], None if norm else p[f"{at}.conv.bias"], **options)
            if norm:
                names = [f"{at}.norm.{name}" for name in ("running_mean", "running_var", "gamma", "beta")]
                x = f.batch_norm(x, *(p[name] for name in names), training=train, eps=1e-3)
            return torch.relu(x)

        def pool(x, size=3):
            return f.max_pool2d(x, size, 2, ceil_mode=True) if norm else f.max_pool2d(x, 3, 2, padding=1)

        def response(x):
            return x if norm else f.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)

        def module(name, x):
            at = f"inception{name}"
            assert p[f"{at}.branch3.1.conv.weight"].shape[2] == wide
            two = unit(f"{at}.branch2.1", unit(f"{at}.branch2.0", x), padding=1)
            three = unit(f"{at}.branch3.1", unit(f"{at}.branch3.0", x), padding=wide_padding)
            four = unit(f"{at}.branch4.1", f.max_pool2d(x, 3, 1, padding=1, ceil_mode=True))
            return torch.cat([unit(f"{at}.branch1", x), two, three, four], 1)

        def head(at, x):
            x = f.adaptive_avg_pool2d(x, 4) if norm else f.avg_pool2d(x, 5, 3)
            x = torch.flatten(unit(f"{at}.conv", x), 1)
            x = torch.relu(f.linear(x, p[f"{at}.fc1.weight"], p[f"{at}.fc1.bias"]))
            return f.linear(x, p[f"{at}.fc2.weight"], p[f"{at}.fc2.bias"])

        x = response(pool(unit("conv1", x, stride=2, padding=3)))
        x = pool(response(unit("conv3", unit("conv2", x), padding=1)))
        x = pool(module("3b", module("3a", x)))
        early = x = module("4a", x)
        late = x = module("4d", module("4c", module("4b", x)))
        x = pool(module("4e", x), 2)
        x = module("5b", module("5a", x)).mean(dim=(2, 3))
        y = f.linear(x, p["fc.weight"], p["fc.bias"])
        return torch.cat([y, head("aux4a", early), head("aux4d", late)], 1) if heads and train else y

    def renamed(torch, p, x, train):
        return forward(torch, {name.removeprefix("net."): array for name, array in p.items()}, x, train)

    return renamed


@builders
@modes
def test_outputs_and_gradients_equal_pytorchs(name, train):
    net = Joined(with_heads(name))
    # the maps of 5a and 5b have 3x3 pixels: batch norm over fewer would magnify the rounding
    forward = torch_googlenet(norm=name == "googlenet_bn", heads=True)
    assert_equals_torch(net, forward, images(2, 3, 65, 65), train=train)


# -- training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["googlenet", *SLOW_BESIDES])
def test_the_network_overfits_a_batch(name):
    net = without_dropout(BUILDERS[name](num_classes=4, rng=rng()))
    assert_overfits(net, (3, 32, 32), lr=0.003)


@pytest.mark.slow
@builders
def test_the_network_with_heads_overfits_a_batch_by_its_weighted_loss(name):
    net, x, labels = with_heads(name), images(16, 3, 65, 65).astype(np.float32), np.arange(16) % 5
    optimiser = optim.SGD(net.named_parameters(), lr=0.003, momentum=0.9)
    losses = []
    for _ in range(20):
        answers, cache = net.forward(x, train=True)
        pairs = [F.softmax_cross_entropy_forward(logits, labels) for logits in answers]
        losses.append(sum(w * float(loss) for w, (loss, _) in zip(net.loss_weights, pairs, strict=True)))
        optimiser.zero_grad()
        dy = (
            np.float32(w) * F.softmax_cross_entropy_backward(np.ones_like(loss), c)
            for w, (loss, c) in zip(net.loss_weights, pairs, strict=True)
        )
        net.backward(tuple(dy), cache)
        optimiser.step()
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5]), losses


@pytest.mark.parametrize(
    "heads, weights",
    [
        ({"a": ("relu", ReLU())}, (1, 0.3)),  # no such part
        ({"a": ("pool", ReLU()), "b": ("pool", ReLU())}, (1, 0.3, 0.3)),  # two after one part
        ({"a": ("pool", ReLU())}, (1, 0.3, 0.3)),
    ],
    ids=["stray", "two", "weights"],
)
def test_heads_that_no_part_carries_are_refused(heads, weights):
    with pytest.raises(ValueError, match="expected one head after each of"):
        NetworkWithHeads({"pool": MaxPool2d(2)}, heads, loss_weights=weights)
