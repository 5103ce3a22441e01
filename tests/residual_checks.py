"""What the tests of all residual families ask of a network."""

import numpy as np
from optional_torch import import_torch

import minires.functional as F
from minires import gradcheck, optim
from minires.catalogue import randomize
from minires.init import SHAPES_ONLY
from minires.layers import Conv2d, Layer, Linear
from minires.layers.trace import Blank


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n=2, channels=3, height=48, width=40, dtype=np.float64, seed=1):
    """Return images that are not square; 48x40 leaves ImageNet networks a last map of 2x2."""
    return rng(seed).standard_normal((n, channels, height, width)).astype(dtype)


def parameters(net):
    return sum(parameter.data.size for _, parameter in net.named_parameters())


def multiply_adds(net, input_shape):
    """Return the multiply-adds of the convolutions and the classifier for one image, as the papers count."""
    leaves = net.trace(Blank((1, *input_shape))).leaves()
    return sum(step.macs for step in leaves if isinstance(step.layer, (Conv2d, Linear)))


def by_name(family, name, **options):
    """Return (network, input shape) of an entry of MODELS; the network takes no memory without an rng."""
    entry = family.MODELS[name]
    return entry.build(**{"num_classes": entry.num_classes, "rng": SHAPES_ONLY} | options), entry.input_shape


def blocks(net):
    """Yield (dotted path, block) of all stages."""
    for name, stage in net.children():
        if name.startswith("stage"):
            for index, block in stage.children():
                yield f"{name}.{index}", block


def strides(layer):
    """Return [(kernel height, stride down)] of the convolutions inside, in order of definition."""
    convs = [inner for _, inner in layer.named_layers() if isinstance(inner, Conv2d)]
    return [(conv.weight.data.shape[2], conv.stride[0]) for conv in convs]


def channels_into(layer):
    """Return the channels that a block takes: those of its first convolution."""
    return next(inner for _, inner in layer.named_layers() if isinstance(inner, Conv2d)).weight.data.shape[1]


class Zero(Layer):
    """A path that carries nothing, in the shape of another."""

    def __init__(self, like):
        self.like = like

    def forward(self, x, *, train):
        return 0 * self.like.predict(x), ()


def assert_every_shortcut_matters(net, residuals, x):
    """Cut each residual unit's shortcut in turn, and see the network's output change."""
    y = net.predict(x)
    assert residuals
    for unit in residuals:
        shortcut, unit.shortcut = unit.shortcut, Zero(unit.shortcut)
        assert abs(net.predict(x) - y).max() > 1e-3 * abs(y).max()
        unit.shortcut = shortcut
    np.testing.assert_array_equal(net.predict(x), y)


def assert_gradients(net, x, *, train=True):
    """The directional check in float64: all gradients, and dx, at once."""
    report = gradcheck.check_directional(net, x, train=train, rng=rng(3))
    assert report.error < 1e-6, str(report)


def assert_equals_pytorch(ours, build, x, *, train, tolerance=1e-8):
    """The twin with the same weights agrees in y, dx, every gradient and every running average.

    build(torch) -> torch.nn.Module that defines its parameters in our order. tolerance: on the norm of the
    difference, relative; sums in another order through up to 50 layers in float64 reach about 1e-11.
    """
    torch = import_torch()
    torch.set_num_threads(1)
    theirs = build(torch).double().train(train)
    ours = randomize(ours.astype(np.float64), rng(1))
    averages = [buffer for name, buffer in theirs.named_buffers() if "num_batches" not in name]
    pairs = list(zip(ours.named_parameters(), theirs.parameters(), strict=True))
    buffers = list(zip(ours.named_buffers(), averages, strict=True))
    with torch.no_grad():
        for (name, holder), tensor in pairs + buffers:
            assert holder.data.shape == tuple(tensor.shape), name
            tensor.copy_(torch.from_numpy(holder.data))

    their_x = torch.from_numpy(x).requires_grad_()
    their_y = theirs(their_x)
    y, cache = ours.forward(x, train=train)
    dy = rng(2).standard_normal(y.shape)
    dx = ours.backward(dy, cache)
    their_y.backward(torch.from_numpy(dy))

    def assert_close(name, found, expected):
        expected = expected.detach().numpy()
        assert found.shape == expected.shape, name
        assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected), name
        assert expected.any(), f"{name}: nothing was compared"

    assert_close("y", y, their_y)
    assert_close("dx", dx, their_x.grad)
    for (name, holder), tensor in pairs:
        assert_close(name, holder.grad, tensor.grad)
    for (name, holder), tensor in buffers:
        assert_close(name, holder.data, tensor)


def assert_overfits(net, input_shape, *, lr=0.02):
    """Twenty steps on one batch of 16: the mean loss of the last five is below 0.8 of the first five's."""
    x = rng(4).standard_normal((16, *input_shape)).astype(np.float32)
    labels = rng(5).permutation(np.arange(16) % 4)
    optimiser = optim.SGD(net.named_parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(20):
        logits, cache = net.forward(x, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(np.ones_like(loss), loss_cache), cache)
        optimiser.step()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5]), losses
