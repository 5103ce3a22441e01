"""The same arrays under the same names can mean other numbers: loading gives the right ones or an error."""

import warnings
from functools import partial

import numpy as np
import pytest
from optional_torch import import_torch
from test_interop import rng, their_module

from minires import interop
from minires.models import build
from minires.models.cifar import cifar_resnet
from minires.models.resnet import imagenet_resnet


def agree(ours, theirs, size):
    """Whether predictions of two networks in float32 agree, and that they are not all alike."""
    torch = import_torch()
    x = rng(1).standard_normal((4, 3, *size)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    assert expected.std() > 0.05
    # relative to the largest logit; float32 sums in another order over up to 56 layers: 2e-6 is reached
    return np.abs(ours.predict(x) - expected).max() < 2e-5 * max(1, np.abs(expected).max())


# -- the CIFAR repository ----------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_the_cifar_repositorys_weights_predict_what_they_do_there(depth, tmp_path):
    """Its files: the older format, a checkpoint around it, DataParallel's prefix, no counters yet."""
    torch = import_torch()
    theirs = their_module(lambda z: z.CifarResNet(depth))
    state = {f"module.{k}": v for k, v in theirs.state_dict().items() if "num_batches" not in k}
    path = tmp_path / f"resnet{depth}-12fca82f.th"
    checkpoint = {"state_dict": state, "best_prec1": torch.tensor(91.7)}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    net = build(f"resnet{depth}", placement="split", rng=rng())
    interop.load_torch(net, interop.read_weights(path))
    assert agree(net, theirs, (32, 32))


def test_the_cifar_repositorys_weights_are_refused_by_other_zeros():
    theirs = their_module(lambda z: z.CifarResNet(20))
    for options in ({}, {"placement": "mean"}):
        net = build("resnet20", rng=rng(), **options)
        before = net["conv"].weight.data.copy()
        for source in (None, "cifar"):
            with pytest.raises(ValueError, match="they have placement='split', this one '(append|mean)'"):
                interop.load_torch(net, theirs.state_dict(), source=source)
        np.testing.assert_array_equal(net["conv"].weight.data, before)
        interop.load_torch(net, theirs.state_dict(), source="same")
        assert not agree(net, theirs, (32, 32))  # what the error is for


def test_its_option_b_tells_itself():
    theirs = their_module(lambda z: z.CifarResNet(20, option="B"))
    net = build("resnet20", shortcut="B", rng=rng())
    interop.load_torch(net, theirs.state_dict())
    assert agree(net, theirs, (32, 32))
    with pytest.raises(ValueError, match="left over: layer2.0.shortcut.0.weight"):
        interop.load_torch(build("resnet20", placement="split", rng=rng()), theirs.state_dict())
    with pytest.raises(ValueError, match="missing: layer2.0.shortcut.0.weight"):
        interop.load_torch(net, their_module(lambda z: z.CifarResNet(20)).state_dict())


def test_under_torchvisions_names_nobody_knows_where_the_zeros_are():
    """torchvision has no such network; many people's own have these names."""
    net, other = (cifar_resnet(depth=8, placement="split", rng=rng(i)) for i in (0, 1))
    state = interop.to_torch(other)
    with pytest.raises(ValueError, match="do not tell where the padded shortcuts' zeros .*placement='split'"):
        interop.load_torch(net, state)
    with pytest.raises(ValueError, match="they have nothing like placement='split'"):
        interop.load_torch(net, state, source="torchvision")
    interop.load_torch(net, state, source="cifar")
    np.testing.assert_array_equal(net["fc"].weight.data, other["fc"].weight.data)


def test_a_network_of_stochastic_depth_scales_its_branches_as_theirs_do_not():
    net = cifar_resnet(depth=8, placement="split", survival=0.5, rng=rng())
    state = interop.to_torch(cifar_resnet(depth=8, placement="split", rng=rng(1)), "cifar")
    with pytest.raises(ValueError, match="they have survival=None, this one "):
        interop.load_torch(net, state)
    with pytest.warns(UserWarning, match="cifar give other numbers .* survival=None"):
        interop.to_torch(net, "cifar")


# -- bottlenecks -------------------------------------------------------------------------------------


def resnet50(stride_in, **options):
    return imagenet_resnet(depth=50, width=4, num_classes=7, stride_in=stride_in, rng=rng(), **options)


def their_resnet50(block):
    return their_module(lambda z: z.ResNet(getattr(z, block), (3, 4, 6, 3), 7, width=4))


def test_a_bottlenecks_stride_is_nobodys_alone():
    old, new = their_resnet50("BottleneckOf2015"), their_resnet50("Bottleneck")
    ours_old, ours_new = resnet50("1x1"), resnet50("3x3")
    for net in (ours_old, ours_new):
        for theirs in (old, new):
            with pytest.raises(ValueError, match=r"where a bottleneck's stride stands.*source='torchvision'"):
                interop.load_torch(net, theirs.state_dict())
    with pytest.raises(ValueError, match="they have stride_in='3x3', this one '1x1'"):
        interop.load_torch(ours_old, new.state_dict(), source="torchvision")
    interop.load_torch(ours_new, new.state_dict(), source="torchvision")
    assert agree(ours_new, new, (40, 32)) and not agree(ours_new, old, (40, 32))
    interop.load_torch(ours_old, old.state_dict(), source="same")
    assert agree(ours_old, old, (40, 32)) and not agree(ours_old, new, (40, 32))


def test_a_stem_that_pools_otherwise_is_refused():
    theirs = their_module(lambda z: z.ResNet(z.BasicBlock, (2, 2, 2, 2), 7, width=8))
    net = imagenet_resnet(depth=18, width=8, num_classes=7, stem_pool="ceil", rng=rng())
    with pytest.raises(ValueError, match="they have stem_pool='padded', this one 'ceil'"):
        interop.load_torch(net, theirs.state_dict())


def test_another_eps_is_refused():
    net = build("resnet20", placement="split", rng=rng())
    state = interop.to_torch(net, "cifar")
    net["norm"].eps = 1e-3
    with pytest.raises(ValueError, match=r"they have eps=1e-05, this one \(1e-05, 0.001\)"):
        interop.load_torch(net, state)


def test_padded_shortcuts_in_a_large_network_are_nobodys():
    build = partial(imagenet_resnet, depth=18, width=8, num_classes=7, shortcut="A", rng=rng())
    state = interop.to_torch(build())
    for source, words in (
        (None, "do not tell"),
        ("torchvision", "nothing like placement"),
        ("cifar", "stem_pool"),
    ):
        with pytest.raises(ValueError, match=words):
            interop.load_torch(build(), state, source=source)
    interop.load_torch(build(), state, source="same")


def test_an_unknown_source_is_refused():
    net = build("resnet20", rng=rng())
    with pytest.raises(
        ValueError, match="source: expected one of torchvision, timm, cifar, same, got 'caffe'"
    ):
        interop.load_torch(net, interop.to_torch(net), source="caffe")


# -- the way back ------------------------------------------------------------------------------------


def test_arrays_that_mean_something_else_in_pytorch_go_out_with_a_warning():
    with pytest.warns(UserWarning, match="torchvision give other numbers .* stride_in='3x3', this one '1x1'"):
        interop.to_torch(resnet50("1x1"))
    with pytest.warns(UserWarning, match="cifar give other numbers .* placement='split', this one 'append'"):
        interop.to_torch(build("resnet20", rng=rng()), "cifar")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interop.to_torch(resnet50("3x3"))
        interop.to_torch(build("resnet20", rng=rng()))
        interop.to_torch(build("resnet20", placement="split", rng=rng()), "cifar")
        interop.to_torch(build("googlenet_bn", rng=rng()))


# -- families without names --------------------------------------------------------------------------

NAMELESS = {
    "nin": "neither torchvision nor timm has a Network in Network",
    "googlenet": "torchvision's GoogLeNet has batch norm, and 3x3 for 5x5; build 'googlenet_bn'",
    "preresnet50": "no norm in the stem; build one with stem_activation=False",
    "preresnet110": "they have for ResNets, VGG",
}


@pytest.mark.parametrize("name", NAMELESS)
def test_a_family_without_names_is_told_what_there_is_instead(name):
    net = build(name, rng=rng()) if name == "nin" else build(name, num_classes=2, rng=rng())
    with pytest.raises(ValueError, match=NAMELESS[name]):
        interop.to_torch(net)
    with pytest.raises(ValueError, match=NAMELESS[name]):
        interop.load_torch(net, {})
