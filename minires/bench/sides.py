"""Who does the work: minires, and PyTorch with either order of memory, from the same weights and images.

Each function returns one that does the work once. Arguments: side, a key of SIDES, and what to compute.
"""

import importlib.util

import numpy as np

import minires.functional as F
from minires import models, optim
from minires.kernels.cpu import parallel
from minires.kernels.cpu.layout import empty_images
from minires.surgery import fold
from minires.train import parameters_only

SIDES = {
    "minires": "minires",
    "torch": "PyTorch, NCHW",
    "torch-channels-last": "PyTorch, channels last",
}
SGD = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4}  # VGG without batch norm overflows at 0.1


def available():
    """Return the sides that can be measured here."""
    return [side for side in SIDES if side == "minires" or importlib.util.find_spec("torch")]


def has_twin(model):
    """Whether a network of that name can be built in PyTorch too."""
    if len(available()) == 1:
        return False
    from minires import init
    from minires.bench import torch_side as bench_torch

    net = models.build(model, rng=init.SHAPES_ONLY)
    return all(type(layer) in bench_torch.TWINS for _, layer in net.named_layers())


def network(model, size, rng):
    """Return the network of that name for images of size x size pixels, as its designers trained it."""
    return models.build_for(model, (3, size, size), rng=rng)


def prepared(model, batch_size, size):
    """Return the network of that name, random images for it, and labels; always the same ones."""
    rng = np.random.default_rng(0)
    net = network(model, size, rng)
    x = rng.standard_normal((batch_size, 3, size, size), dtype=np.float32)
    return net, x, rng.integers(0, models.about(model).num_classes, batch_size)


def training_step(side, *, model, batch_size, size):
    """Forward, loss, backward and update."""
    net, x, labels = prepared(model, batch_size, size)
    if side != "minires":
        from minires.bench import torch_side as bench_torch

        return bench_torch.training_step(net, x, labels, **on_torch(side), **SGD)
    optimiser = optim.SGD(net.named_parameters(), **SGD)

    def step():
        with parameters_only(net):
            return train()

    def train():
        logits, cache = net.forward(x, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
        optimiser.step()
        return float(loss)

    return step


def evaluation(side, *, model, batch_size, size):
    """The network's answers in eval mode, nothing remembered."""
    net, x, _ = prepared(model, batch_size, size)
    if side != "minires":
        from minires.bench import torch_side as bench_torch

        return bench_torch.evaluation(net, x, **on_torch(side))
    folded = fold(net)
    return lambda: folded.predict(x)


def operation(side, *, layer, shape, images=False):
    """One layer's training forward and backward, with the gradients of its input and of its parameters.

    layer: called as layer(rng); shape: of the input. Activations lie in memory in the order in which each
    side passes them on inside a network; images: x comes from outside, in the usual order."""
    rng = np.random.default_rng(0)
    layer = layer(rng)
    x = rng.standard_normal(shape, dtype=np.float32)
    dy = rng.standard_normal(layer.cost(shape)[0], dtype=np.float32)
    if side != "minires":
        from minires.bench import torch_side as bench_torch

        return bench_torch.operation(layer, x, dy, **on_torch(side))
    x, dy = x if images else _in_our_order(x), _in_our_order(dy)
    return lambda: layer.backward(dy, layer.forward(x, train=True)[1])


def cross_entropy(side, *, shape):
    """Softmax cross-entropy of logits (N, classes), and their gradient."""
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal(shape, dtype=np.float32), rng.integers(0, shape[1], shape[0])
    if side != "minires":
        from minires.bench import torch_side as bench_torch

        return bench_torch.cross_entropy(logits, labels, threads=parallel.get_threads())
    forward, backward = F.softmax_cross_entropy_forward, F.softmax_cross_entropy_backward
    return lambda: backward(1.0, forward(logits, labels)[1])


def on_torch(side):
    """Return the options with which a function of `torch_side` runs as that side."""
    return {"threads": parallel.get_threads(), "channels_last": side == "torch-channels-last"}


def _in_our_order(x):
    if x.ndim != 4:
        return x
    ours = empty_images(x, x.shape)
    ours[...] = x
    return ours
