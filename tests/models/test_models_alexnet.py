"""AlexNet and ZFNet: the lecture's table to the last digit, groups, normalisation, and PyTorch's numbers."""

import numpy as np
import pytest
from history_checks import assert_equals_torch, counted, images, rng, rows, totals, without_dropout
from residual_checks import assert_gradients, assert_overfits

from minires.layers import Conv2d, Dropout, Linear, LocalResponseNorm, MaxPool2d, ReLU
from minires.models import alexnet, zfnet

BUILDERS = {
    "alexnet": (alexnet.alexnet, 63),
    "alexnet_2012": (alexnet.alexnet_2012, 67),
    "zfnet": (zfnet.zfnet, 47),
}
builders = pytest.mark.parametrize("name", BUILDERS)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def thin(name, **options):
    """A network of few channels for the smallest images, of which pool5 leaves one pixel."""
    build, size = BUILDERS[name]
    options = {"num_classes": 4, "channels": (6, 8, 10, 12, 6), "hidden": 12, "image_size": size} | options
    return build(rng=rng(), **options), images(2, 3, size, size)


# -- counts ------------------------------------------------------------------------------------------

LECTURE = {
    "conv1": ((64, 56, 56), 784, 23_296, 72_855_552),
    "pool1": ((64, 27, 27), 182.25, 0, 419_904),
    "conv2": ((192, 27, 27), 546.75, 307_392, 223_948_800),
    "pool2": ((192, 13, 13), 126.75, 0, 292_032),
    "conv3": ((384, 13, 13), 253.5, 663_936, 112_140_288),
    "conv4": ((256, 13, 13), 169, 884_992, 149_520_384),  # the lecture prints 145 million
    "conv5": ((256, 13, 13), 169, 590_080, 99_680_256),
    "pool5": ((256, 6, 6), 36, 0, 82_944),
    "fc6": ((4096,), 16, 37_752_832, 37_748_736),
    "fc7": ((4096,), 16, 16_781_312, 16_777_216),
    "fc8": ((1000,), 3.90625, 4_097_000, 4_096_000),
}


def test_the_lectures_table_row_by_row():
    """The lecture prints 0 operations for pooling, and 145 million for conv4: all else are its numbers."""
    found = rows(counted(alexnet.MODELS["alexnet"]), 3, 227, 227)
    assert {name: row for name, row in found.items() if row[2] or row[3]} == LECTURE
    assert list(found)[:3] == ["conv1", "relu1", "pool1"] and list(found)[-1] == "fc8"


def test_the_lectures_totals_and_trends():
    net = counted(alexnet.MODELS["alexnet"])
    assert totals(net, 3, 227, 227) == (61_100_840, 716_767_232)
    weighted = {name: row for name, row in LECTURE.items() if row[2]}
    kilobytes = sum(row[1] for row in weighted.values())
    assert round(kilobytes / 1024, 2) == 1.91
    assert round(784 / kilobytes, 2) == 0.40  # most memory in the early convolutions
    fc = [row for name, row in weighted.items() if name.startswith("fc")]
    assert round(sum(row[2] for row in fc) / 61_100_840, 3) == 0.960  # most parameters in the fc layers
    assert round(1 - sum(row[3] for row in fc) / 716_767_232, 3) == 0.918  # most operations in convolutions


@pytest.mark.parametrize(
    "entry, edge, params, gmac",
    [
        (alexnet.MODELS["alexnet"], 224, 61_100_840, 0.714),
        (alexnet.MODELS["alexnet_2012"], 227, 60_965_224, 0.724),
        (zfnet.MODELS["zfnet"], 224, 62_357_608, 1.168),
        (zfnet.MODELS["zfnet_big"], 224, 107_627_624, 2.477),
    ],
)
def test_parameters_and_multiply_adds(entry, edge, params, gmac):
    found = totals(counted(entry), 3, edge, edge)
    assert (found[0], round(found[1] / 1e9, 3)) == (params, gmac)


def test_maps_of_the_paper_of_2012_and_of_zfnet():
    maps = {n: r[0] for n, r in rows(counted(alexnet.MODELS["alexnet_2012"]), 3, 227, 227).items()}
    assert maps["conv1"] == (96, 55, 55) and maps["pool1"] == (96, 27, 27) and maps["pool5"] == (256, 6, 6)
    maps = {n: r[0] for n, r in rows(counted(zfnet.MODELS["zfnet"]), 3, 224, 224).items()}
    sizes = [maps[name][1] for name in ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")]
    assert sizes == [110, 55, 26, 13, 13, 6]


# -- structure ---------------------------------------------------------------------------------------


def test_group_two_does_not_see_the_input_of_group_one():
    net, _ = thin("alexnet_2012", channels=(6, 8, 10, 12, 6))
    groups = {n: layer.groups for n, layer in net.children() if isinstance(layer, Conv2d)}
    assert groups == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}
    for name, channels in (("conv2", 6), ("conv4", 10), ("conv5", 12)):
        conv, x = net[name], images(1, channels, 5, 5).astype(np.float32)
        other = x.copy()
        other[:, : channels // 2] += 1
        changed = (conv.predict(x) != conv.predict(other)).any(axis=(0, 2, 3))
        half = len(changed) // 2
        assert changed[:half].all() and not changed[half:].any()
    x = images(1, 8, 5, 5).astype(np.float32)
    other = x.copy()
    other[:, :4] += 1
    assert (net["conv3"].predict(x) != net["conv3"].predict(other)).any(axis=(0, 2, 3)).all()


def test_response_normalisation_stands_where_the_papers_put_it():
    kinds = [type(layer) for _, layer in thin("alexnet_2012")[0].children()][:8]
    assert kinds == [Conv2d, ReLU, LocalResponseNorm, MaxPool2d] * 2
    kinds = [type(layer) for _, layer in thin("zfnet")[0].children()][:8]
    assert kinds == [Conv2d, ReLU, MaxPool2d, LocalResponseNorm] * 2
    for name, norms in (("alexnet", 0), ("alexnet_2012", 2), ("zfnet", 2)):
        found = [layer for _, layer in thin(name)[0].children() if isinstance(layer, LocalResponseNorm)]
        assert len(found) == norms


def test_response_normalisation_has_the_papers_constants():
    """b = a / (2 + 1e-4 * sum of five squares)^0.75: alpha stands before the plain sum."""
    x = 100 * images(1, 7, 1, 1)
    squares = [sum(x[0, max(0, c - 2) : c + 3, 0, 0] ** 2) for c in range(7)]
    expected = x[0, :, 0, 0] / (2 + 1e-4 * np.array(squares)) ** 0.75
    # a power, in float64
    np.testing.assert_allclose(alexnet.response_norm().predict(x)[0, :, 0, 0], expected, rtol=1e-12)


@builders
def test_windows_of_pooling_overlap(name):
    pools = [layer.options for _, layer in thin(name)[0].children() if isinstance(layer, MaxPool2d)]
    assert {(p["kernel_size"], p["stride"], p["padding"]) for p in pools} == {((3, 3), (2, 2), (0, 0))}
    assert {p["ceil_mode"] for p in pools} == {name == "zfnet"} and len(pools) == 3


@builders
def test_weights_start_by_msra_of_the_fan_in_and_the_classifiers_by_xavier(name):
    net, _ = thin(name, channels=(32, 32, 32, 32, 32), hidden=100, num_classes=50)
    for path, layer in net.children():
        if isinstance(layer, (Conv2d, Linear)):
            gain = 1 if path == "fc8" else 2
            # at least 3,200 numbers: the deviation of their deviation is below 1.3 %
            expected = (gain / layer.weight.data[0].size) ** 0.5
            assert layer.weight.data.std() == pytest.approx(expected, rel=0.06)


@builders
def test_both_dropouts_keep_what_they_are_asked_to(name):
    net, _ = thin(name, keep=0.8)
    assert [layer.keep for _, layer in net.children() if isinstance(layer, Dropout)] == [0.8, 0.8]


@builders
def test_half_of_both_hidden_layers_is_dropped_while_training(name):
    net, x = thin(name, hidden=400)
    drops = [n for n, layer in net.children() if isinstance(layer, Dropout)]
    assert drops == ["drop6", "drop7"]
    before, parts = list(net.parts)[: list(net.parts).index("drop6")], dict(net.children())
    x = x.astype(np.float32)
    for part in before:
        x = parts[part].predict(x)
    y, _ = net["drop6"].forward(np.ones_like(x), train=True)
    assert set(np.unique(y)) == {0, 2}
    assert 0.4 < (y > 0).mean() < 0.6  # 800 draws: half of them within 4 deviations of 0.018
    assert net["drop7"].rng is net["drop6"].rng


@builders
def test_an_image_that_does_not_fit_is_told_the_sizes_that_do(name):
    least, largest = {"alexnet": (223, 254), "alexnet_2012": (227, 258), "zfnet": (207, 238)}[name]
    net = counted((alexnet.MODELS | zfnet.MODELS)[name])
    sizes = f"takes square images of {least}x{least} to {largest}x{largest} pixels, got 32x32"
    with pytest.raises(ValueError, match=sizes):
        net.predict(np.zeros((1, 3, 32, 32), np.float32))
    smallest = BUILDERS[name][1]
    with pytest.raises(ValueError, match=f"at least {smallest}x{smallest} pixels, got 40x40"):
        thin(name, image_size=40)


# -- gradients and PyTorch ---------------------------------------------------------------------------


@builders
@modes
def test_gradients_of_the_whole_network_with_dropout(name, train):
    assert_gradients(*thin(name), train=train)


def torch_alexnet(kind):
    """The definitions, from the papers, in PyTorch's functions."""
    zf = kind == "zfnet"
    groups = 2 if kind == "alexnet_2012" else 1
    conv1 = {"alexnet": (4, 2), "alexnet_2012": (4, 0), "zfnet": (2, 1)}[kind]

    def forward(torch, p, x, train):
        f = torch.nn.functional

        def conv(name, x, stride=1, padding=1, groups=1):
            x = f.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], stride, padding, groups=groups)
            return torch.relu(x)

        def shrink(x):
            if kind == "alexnet_2012":
                x = f.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
            x = f.max_pool2d(x, 3, 2, ceil_mode=zf)
            return f.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0) if zf else x

        x = shrink(conv("conv1", x, *conv1))
        x = shrink(conv("conv2", x, 2 if zf else 1, 0 if zf else 2, groups))
        x = conv("conv5", conv("conv4", conv("conv3", x), groups=groups), groups=groups)
        x = torch.flatten(f.max_pool2d(x, 3, 2, ceil_mode=zf), 1)
        x = torch.relu(f.linear(x, p["fc6.weight"], p["fc6.bias"]))
        x = torch.relu(f.linear(x, p["fc7.weight"], p["fc7.bias"]))
        return f.linear(x, p["fc8.weight"], p["fc8.bias"])

    return forward


@builders
@modes
def test_outputs_and_gradients_equal_pytorchs(name, train):
    size = BUILDERS[name][1] + 32  # pool5 leaves more than one pixel
    net, _ = thin(name, image_size=size)
    assert_equals_torch(net, torch_alexnet(name), images(2, 3, size, size), train=train)


# -- training ----------------------------------------------------------------------------------------


@builders
def test_a_thin_network_overfits_a_batch(name):
    net, x = thin(name, channels=(16, 24, 32, 32, 24), hidden=64, keep=1)
    assert_overfits(net, x.shape[1:], lr=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012", "zfnet", "zfnet_big"])
def test_every_network_overfits_a_batch(name):
    size = BUILDERS[name.removesuffix("_big")][1]
    entry = (alexnet.MODELS | zfnet.MODELS)[name]
    net = without_dropout(entry.build(num_classes=10, image_size=size, rng=rng()))
    assert_overfits(net, (3, size, size), lr=0.001)


@builders
def test_there_must_be_classes_and_channels(name):
    for wrong in ({"num_classes": 0}, {"in_channels": 0}):
        with pytest.raises(ValueError, match="at least 1 class and 1 channel"):
            thin(name, **wrong)
