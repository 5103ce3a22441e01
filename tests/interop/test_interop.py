"""Weights from PyTorch give PyTorch's outputs and go back strictly; a misfit changes nothing."""

import importlib
from functools import partial

import numpy as np
import pytest
import strict_cupy
from optional_torch import import_torch

from minires import detection, init, interop, models
from minires.backend import array_module
from minires.layers import Recompute, freeze
from minires.models import build as build_by_name
from minires.models.alexnet import alexnet, alexnet_2012
from minires.models.cifar import cifar_plain, cifar_resnet
from minires.models.googlenet import googlenet, googlenet_bn
from minires.models.preresnet import cifar_preresnet, imagenet_preresnet
from minires.models.resnet import imagenet_plain, imagenet_resnet
from minires.models.vgg import vgg
from minires.models.wide import wide_resnet
from minires.models.zfnet import zfnet


def rng(seed=0):
    return np.random.default_rng(seed)


def zoo():
    import_torch()
    return importlib.import_module("torch_zoo")


# -- PyTorch -----------------------------------------------------------------------------------------

# name: (our network, the same module of the zoo, whose names, image size)
CHANNELS = (4, 12, 24, 16, 16)
PAIRS = {
    "resnet18": (
        partial(imagenet_resnet, depth=18, width=8),
        lambda z: z.ResNet(z.BasicBlock, (2, 2, 2, 2), 7, width=8),
        "torchvision",
        (48, 40),
    ),
    "resnet50": (
        partial(imagenet_resnet, depth=50, width=8, stride_in="3x3"),
        lambda z: z.ResNet(z.Bottleneck, (3, 4, 6, 3), 7, width=8),
        "torchvision",
        (48, 40),
    ),
    "alexnet": (
        partial(alexnet, channels=CHANNELS, hidden=20, image_size=224),
        lambda z: z.AlexNet(7, CHANNELS, 20),
        "torchvision",
        (224, 224),
    ),
    "vgg11": (
        partial(vgg, depth=11, width=2, hidden=20),
        lambda z: z.VGG(11, 7, False, 2, 20),
        "torchvision",
        (224, 224),
    ),
    "vgg16_bn": (
        partial(vgg, depth=16, batch_norm=True, width=2, hidden=20),
        lambda z: z.VGG(16, 7, True, 2, 20),
        "torchvision",
        (224, 224),
    ),
    "vgg19": (
        partial(vgg, depth=19, width=2, hidden=20),
        lambda z: z.VGG(19, 7, False, 2, 20),
        "torchvision",
        (224, 224),
    ),
    "googlenet": (googlenet_bn, lambda z: z.GoogLeNet(7, False), "torchvision", (72, 64)),
    "preresnet18": (
        partial(imagenet_preresnet, depth=18, width=8, stem_activation=False),
        lambda z: z.ResNetV2((2, 2, 2, 2), False, 7, width=8),
        "timm",
        (48, 40),
    ),
    "preresnet50": (
        partial(imagenet_preresnet, depth=50, width=8, stem_activation=False),
        lambda z: z.ResNetV2((3, 4, 6, 3), True, 7, width=8),
        "timm",
        (48, 40),
    ),
    "wide": (
        partial(wide_resnet, depth=16, factor=2, keep=0.7),
        lambda z: z.WideResNet(16, 2, 7),
        "cifar",
        (16, 12),
    ),
    "wide of factor 1": (
        partial(wide_resnet, depth=10, factor=1),
        lambda z: z.WideResNet(10, 1, 7),
        "cifar",
        (16, 12),
    ),
    "cifar_A": (
        partial(cifar_resnet, depth=20, placement="split"),
        lambda z: z.CifarResNet(20, 7, "A"),
        "cifar",
        (16, 12),
    ),
    "cifar_B": (
        partial(cifar_resnet, depth=14, shortcut="B"),
        lambda z: z.CifarResNet(14, 7, "B"),
        "cifar",
        (16, 12),
    ),
}
pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


def their_module(make):
    """Return a module in eval mode whose every array of one axis is away from where it starts."""
    module = make(zoo()).eval()
    draw = rng(3)
    for name, tensor in module.state_dict().items():
        if tensor.ndim == 1:
            low, high = (0.5, 1.5) if name.endswith(("running_var", "bn1.weight")) else (-0.5, 0.5)
            tensor.copy_(import_torch().from_numpy(draw.uniform(low, high, tensor.shape)))
    return module


@pairs
def test_pytorchs_weights_give_pytorchs_outputs(pair):
    torch = import_torch()
    build, make, names, size = pair
    theirs = their_module(make).double()
    ours = build(num_classes=7, rng=rng()).astype(np.float64)
    x = rng(1).standard_normal((2, 3, *size))
    interop.load_torch(ours, theirs.state_dict(), source=names)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    assert expected.std() > 1e-6
    # float64 sums in another order; 1e-12 is reached
    assert np.linalg.norm(ours.predict(x) - expected) < 1e-8 * np.linalg.norm(expected)


@pairs
def test_weights_go_back_strictly_and_bit_for_bit(pair):
    torch = import_torch()
    build, make, names, _ = pair
    theirs = their_module(make)
    ours = build(num_classes=7, rng=rng())
    interop.load_torch(ours, theirs.state_dict(), source=names)
    state = interop.to_torch(ours, names)
    back = make(zoo())
    back.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()}, strict=True)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor), name
        assert (state[name].dtype, state[name].shape) == (tensor.numpy().dtype, tensor.shape), name


def test_the_auxiliary_heads_of_googlenet_are_the_heads_of_4a_and_4d():
    torch = import_torch()
    theirs = their_module(lambda z: z.GoogLeNet(7, True)).double()
    ours = googlenet_bn(num_classes=7, aux=True, rng=rng()).astype(np.float64)
    interop.load_torch(ours, theirs.state_dict())
    for ours_name, head, channels in (("aux4a", theirs.aux1, 512), ("aux4d", theirs.aux2, 528)):
        x = rng(1).standard_normal((2, channels, 5, 7))
        with torch.no_grad():
            expected = head(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(ours.heads[ours_name].predict(x), expected, rtol=1e-8)
    state = interop.to_torch(ours)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()}, strict=True)


def test_a_batch_norm_that_has_counted_its_batches_is_understood():
    torch = import_torch()
    theirs = their_module(lambda z: z.CifarResNet(8, 7, "A"))
    theirs.train()(torch.zeros(2, 3, 8, 8))
    assert theirs.bn1.num_batches_tracked == 1
    net = cifar_resnet(depth=8, num_classes=7, placement="split", rng=rng())
    interop.load_torch(net, theirs.state_dict())
    np.testing.assert_array_equal(net["norm"].running_var.data, theirs.bn1.running_var.numpy())


def test_tensors_of_torch_that_require_gradients_are_taken():
    torch = import_torch()
    net = cifar_resnet(depth=8, shortcut="B", rng=rng())
    state = {name: 1 + torch.from_numpy(array) for name, array in interop.to_torch(net).items()}
    state["conv1.weight"] = state["conv1.weight"].double().requires_grad_()
    state["bn1.bias"] = (state["bn1.bias"] + 0.0078125).to(torch.bfloat16)  # what its 8 bits can hold
    expected = net["conv"].weight.data + np.float32(1)
    interop.load_torch(net, state)
    np.testing.assert_array_equal(net["conv"].weight.data, expected)
    np.testing.assert_array_equal(net["norm"].beta.data, np.full(16, 1.0078125, np.float32))


# -- what fits ---------------------------------------------------------------------------------------


def net8(**options):
    return cifar_resnet(depth=8, num_classes=5, **{"rng": rng(1), "placement": "split", **options})


def state8(names="cifar", **options):
    return interop.to_torch(net8(rng=rng(2), **options), names)


def same(net, other):
    ours, theirs = net.state_dict(), other.state_dict()
    return all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@pytest.mark.parametrize("names", ["torchvision", "cifar"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("counters", [True, False])
def test_both_kinds_of_names_a_prefix_and_no_counters_are_understood(names, prefix, counters):
    state = state8(names, shortcut="B")
    assert any("num_batches_tracked" in name for name in state)
    state = {f"{prefix}{name}": a for name, a in state.items() if counters or "num_batches" not in name}
    net = net8(shortcut="B")
    interop.load_torch(net, state)
    assert same(net, net8(shortcut="B", rng=rng(2)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("own", [np.float32, np.float64])
def test_any_floats_become_those_of_the_network(dtype, own):
    net = net8().astype(own)
    state = {name: a.astype(dtype) if a.ndim else a for name, a in state8().items()}
    interop.load_torch(net, state)
    assert {array.dtype for array in net.state_dict().values()} == {np.dtype(own)}
    np.testing.assert_array_equal(net["conv"].weight.data, state["conv1.weight"].astype(own))


def test_frozen_layers_take_weights_and_stay_frozen_and_arrays_keep_their_identity():
    net = net8()
    freeze(net["stage1"])
    before = {name: id(array) for name, array in net.state_dict().items()}
    interop.load_torch(net, state8())
    assert same(net, net8(rng=rng(2)))
    assert {name: id(array) for name, array in net.state_dict().items()} == before
    assert net["stage1"].frozen and all(p.frozen for _, p in net["stage1"].named_parameters())


def test_what_goes_out_is_a_copy():
    net, state = net8(), interop.to_torch(net8())
    interop.to_torch(net)["conv1.weight"].fill(0)
    assert same(net, net8()) and state["conv1.weight"].flags.writeable


def test_a_network_on_a_gpu_gets_its_weights_there_and_gives_numpy_arrays():
    net = net8().to(strict_cupy)
    interop.load_torch(net, state8())
    assert {array_module(array) for array in net.state_dict().values()} == {strict_cupy}
    assert {array_module(array) for array in interop.to_torch(net).values()} == {np}
    interop.load_torch(net8(), {name: strict_cupy.asarray(array) for name, array in state8().items()})
    assert same(net.to(np), net8(rng=rng(2)))


def test_blocks_that_are_recomputed_or_dropped_at_random_have_the_same_names():
    net, expected = net8(), list(net8(rng=rng(2)).state_dict().values())
    for stage in ("stage1", "stage2", "stage3"):
        net[stage].parts = {name: Recompute(block) for name, block in net[stage].parts.items()}
    for other in (net, net8(survival=0.5)):
        interop.load_torch(other, state8(), source="same")
        arrays = other.state_dict().values()
        assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))


# -- what does not fit -------------------------------------------------------------------------------


def test_all_misfits_are_named_at_once_and_nothing_has_changed():
    state = state8()
    del state["layer2.0.bn2.running_var"]
    state["layer1.1.conv1.weight"] = state["bn9.num_batches_tracked"] = np.zeros((16, 16, 3, 3))
    state["linear.weight"] = state["linear.weight"][:4]
    state["bn1.weight"] = np.ones(16, np.int64)
    state["conv1.weight"] = np.array(["a"])
    state["bn1.running_mean"] = np.full(16, np.nan)
    net = net8()
    with pytest.raises(ValueError) as error:
        interop.load_torch(net, state)
    for line in (
        "in 8 ways",
        "missing: layer2.0.bn2.running_var",
        "left over: layer1.1.conv1.weight",
        "left over: bn9.num_batches_tracked",
        r"misshapen: linear.weight is (4, 64), expected (5, 64)",
        "no floats: bn1.weight holds int64",
        "no floats: conv1.weight holds <U1",
        "no number: bn1.running_mean has NaN or infinity in it",
        r"misshapen: conv1.weight is (1,), expected (16, 3, 3, 3)",
    ):
        assert line in str(error.value)
    assert same(net, net8())


def resnet(depth, **options):
    return imagenet_resnet(depth=depth, width=2, num_classes=5, **{"rng": init.SHAPES_ONLY, **options})


def test_weights_of_a_deeper_network_are_left_over():
    with pytest.raises(ValueError, match="in 96 ways:\n  left over: layer1.2.bn1.bias"):
        interop.load_torch(resnet(18), interop.to_torch(resnet(34)))  # 8 blocks of 12 arrays, no counters
    with pytest.raises(ValueError, match="missing: layer1.2.bn1.bias"):
        interop.load_torch(resnet(34), interop.to_torch(resnet(18)))


def test_projections_do_not_fit_into_padded_shortcuts():
    net = net8()
    with pytest.raises(ValueError, match="left over: layer2.0.shortcut.0.weight"):
        interop.load_torch(net, state8(shortcut="B"))
    with pytest.raises(ValueError, match="missing: layer2.0.downsample.0.weight"):
        interop.load_torch(net8(shortcut="B"), state8("torchvision"))
    assert same(net, net8())


def test_a_prefix_on_some_names_only_is_no_prefix():
    state = state8()
    state["module.conv1.weight"] = state.pop("conv1.weight")
    with pytest.raises(ValueError, match="left over: module.conv1.weight\n  missing: conv1.weight"):
        interop.load_torch(net8(), state)
    del state["module.conv1.weight"]
    state = {f"model.{name}": array for name, array in state.items()}
    with pytest.raises(
        ValueError, match="without the 'model.' before every name.* in 1 ways:\n  missing: conv1"
    ):
        interop.load_torch(net8(), state)


def test_a_checkpoint_around_the_weights_is_pointed_at():
    with pytest.raises(ValueError, match=r"a checkpoint that has them inside: state\['state_dict'\]"):
        interop.load_torch(net8(), {"epoch": 3, "state_dict": state8()})
    with pytest.raises(TypeError, match="state: expected a dict .* got list"):
        interop.load_torch(net8(), [1, 2])


STRANGERS = {
    "plain": partial(cifar_plain, depth=8),
    "imagenet plain": partial(imagenet_plain, depth=18),
    "preresnet": partial(cifar_preresnet, depth=8),
    "imagenet preresnet": partial(imagenet_preresnet, depth=18),
    "alexnet of 2012": alexnet_2012,
    "zfnet": zfnet,
    "googlenet without batch norm": googlenet,
}


@pytest.mark.parametrize("build", STRANGERS.values(), ids=STRANGERS)
def test_a_network_that_pytorchs_models_do_not_have_is_refused(build):
    net = build(num_classes=5, rng=init.SHAPES_ONLY)
    for use in (interop.to_torch, lambda net: interop.load_torch(net, state8())):
        with pytest.raises(ValueError, match="no names for a network of this structure"):
            use(net)


@pytest.mark.parametrize("name", ["constant", "dropout", "relu_before", "relu_preact", "bn_after"])
def test_a_variant_that_computes_something_else_with_the_same_arrays_is_refused(name):
    with pytest.raises(ValueError, match="no names for a network of this structure"):
        interop.to_torch(build_by_name(f"resnet110_{name}", rng=init.SHAPES_ONLY))


def test_names_that_a_network_does_not_have_are_refused():
    small = vgg(depth=11, width=1, hidden=1, image_size=32, rng=rng())
    with pytest.raises(ValueError, match="names: expected one of torchvision for this network, got 'cifar'"):
        interop.to_torch(small, "cifar")
    with pytest.raises(ValueError, match="names: expected one of torchvision, cifar .*, got 'keras'"):
        interop.to_torch(net8(), "keras")


# -- the trunk of a detector ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("before", [True, False], ids=["into the classifier", "into the trunk"])
def test_a_detectors_trunk_makes_the_map_that_pytorchs_does(name, before):
    torch = import_torch()
    build, make, names, size = PAIRS[name]
    theirs = their_module(make).double()
    net = build(num_classes=7, rng=rng()).astype(np.float64)
    detector = detection.faster_rcnn(detection.trunk_of(net), in_channels=3, num_classes=5, rng=rng())
    state = theirs.state_dict()
    if before:
        interop.load_torch(net, state, source=names)
    else:
        body = {f"backbone.body.{key}": value for key, value in state.items() if not key.startswith("fc.")}
        interop.load_torch(detector.trunk, body, source=names)
    x, found = rng(1).standard_normal((2, 3, *size)), []
    theirs.layer4.register_forward_hook(lambda module, inputs, output: found.append(output))
    with torch.no_grad():
        theirs(torch.from_numpy(x))
    expected = found[0].numpy()
    assert expected.std() > 1e-6
    # float64 sums in another order; 1e-12 is reached
    assert np.linalg.norm(detector.trunk.predict(x) - expected) < 1e-8 * np.linalg.norm(expected)


def test_the_classifiers_head_is_left_over_in_a_trunk():
    net = models.build("resnet18", num_classes=7, rng=rng())
    trunk = detection.trunk_of(net)
    with pytest.raises(ValueError, match="left over: fc.weight"):
        interop.load_torch(trunk, interop.to_torch(net), source="same")
