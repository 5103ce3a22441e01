"""What the tests of the networks from AlexNet to Inception-ResNet share."""

import numpy as np
from optional_torch import import_torch

import minires.functional as F
from minires import init
from minires.catalogue import randomize
from minires.layers import Conv2d, Dropout, Layer, Linear, freeze
from minires.layers.trace import Blank


def rng(seed=0):
    return np.random.default_rng(seed)


def images(*shape, seed=1):
    return rng(seed).standard_normal(shape)


def counted(entry, **options):
    """Build the network of a MODELS entry without memory, as it was designed."""
    return entry.build(num_classes=entry.num_classes, rng=init.SHAPES_ONLY, **options)


def rows(net, *shape):
    """Return {name of a leaf: (shape of its output for one image, KB of it, parameters, multiply-adds)}."""
    names = {id(layer): name for name, layer in net.named_layers()}
    table = {}
    for leaf in net.trace(Blank((1, *shape))).leaves():
        params = sum(p.data.size for _, p in leaf.layer.named_parameters())
        table[names[id(leaf.layer)]] = (leaf.y.shape[1:], leaf.y.nbytes / 1024, params, leaf.macs)
    return table


def totals(net, *shape):
    """Return (parameters, multiply-adds of convolutions and fully-connected layers)."""
    leaves = list(net.trace(Blank((1, *shape))).leaves())
    macs = sum(leaf.macs for leaf in leaves if isinstance(leaf.layer, (Conv2d, Linear)))
    return sum(p.data.size for _, p in net.named_parameters()), macs


def without_dropout(net):
    """Freeze every Dropout of the network; return it."""
    for _, layer in net.named_layers():
        if isinstance(layer, Dropout):
            freeze(layer)
    return net


class Joined(Layer):
    """A network with heads as one array: the logits of all its answers side by side."""

    def __init__(self, net):
        self.net = net

    def forward(self, x, *, train):
        y, cache = self.net.forward(x, train=train)
        if not isinstance(y, tuple):
            return y, [cache, None]
        y, join_cache = F.concat_forward(y)
        return y, [cache, join_cache]

    def backward(self, dy, cache):
        cache, join_cache = cache
        return self.net.backward(F.concat_backward(dy, join_cache) if join_cache else dy, cache)


def assert_equals_torch(net, forward, x, *, train):
    """net and forward(torch, p, x, train) agree in y, dx, every parameter's gradient and running average.

    forward: the definition in PyTorch's functions, p[name] being the parameters and buffers by our names.
    """
    torch = import_torch()
    torch.set_num_threads(1)
    net = without_dropout(randomize(net.astype(np.float64), rng(1)))
    p = {name: torch.from_numpy(array.copy()) for name, array in net.state_dict().items()}
    for name, _ in net.named_parameters():
        p[name].requires_grad_()
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = forward(torch, p, their_x, train)
    y, cache = net.forward(x, train=train)
    dy = rng(2).standard_normal(y.shape)
    dx = net.backward(dy, cache)
    their_y.backward(torch.from_numpy(dy))

    def assert_close(name, found, expected):
        expected = expected.detach().numpy()
        assert found.shape == expected.shape, name
        # float64 sums in another order reach 1e-12; 1e-3: a bias before batch norm has nothing but rounding
        assert np.linalg.norm(found - expected) <= 1e-8 * max(np.linalg.norm(expected), 1e-3), name
        assert expected.any(), f"{name}: nothing was compared"

    assert_close("y", y, their_y)
    assert_close("dx", dx, their_x.grad)
    for name, parameter in net.named_parameters():
        if p[name].grad is None:  # a head that is off
            assert not parameter.grad.any(), name
        else:
            assert_close(name, parameter.grad, p[name].grad)
    for name, buffer in net.named_buffers():
        assert_close(name, buffer.data, p[name])
