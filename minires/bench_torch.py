"""The same network in PyTorch, layer by layer, to measure against. Needs torch (the extra `parity`)."""

import torch
from torch import nn

from minires import layers
from minires.combine import Residual, Sequential


class _Residual(nn.Module):
    def __init__(self, residual):
        super().__init__()
        self.branch = twin(residual.branch)
        self.shortcut = twin(residual.shortcut)
        self.after = twin(residual.after)

    def forward(self, x):
        return self.after(self.branch(x) + self.shortcut(x))


class _PadShortcut(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        x = x[:, :, :: self.stride[0], :: self.stride[1]]
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


def twin(layer):
    """Return a torch.nn.Module with the layer's structure and copies of its weights.

    Raises TypeError for a layer that has no twin here.
    """
    if isinstance(layer, Sequential):
        return nn.Sequential(*(twin(part) for _, part in layer.children()))
    if type(layer) is Residual:
        return _Residual(layer)
    if isinstance(layer, layers.Conv2d):
        (o, c, *kernel), options = layer.weight.data.shape, vars(layer)
        keys = ("stride", "padding", "groups")
        module = nn.Conv2d(
            c * layer.groups, o, kernel, bias=layer.bias is not None, **{key: options[key] for key in keys}
        )
        return _copy(module, weight=layer.weight, bias=layer.bias)
    if isinstance(layer, layers.Linear):
        o, i = layer.weight.data.shape
        return _copy(nn.Linear(i, o, bias=layer.bias is not None), weight=layer.weight, bias=layer.bias)
    if isinstance(layer, layers.BatchNorm):
        module = nn.BatchNorm2d(len(layer.gamma.data), eps=layer.eps, momentum=1 - layer.momentum)
        return _copy(module, weight=layer.gamma, bias=layer.beta)
    if isinstance(layer, layers.PadShortcut):
        return _PadShortcut(layer.options["channels"], layer.options["stride"])
    if isinstance(layer, layers.GlobalAvgPool2d):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if isinstance(layer, layers.ReLU):
        return nn.ReLU()
    if isinstance(layer, layers.Identity):
        return nn.Identity()
    raise TypeError(f"no PyTorch twin for {type(layer).__name__}")


def _copy(module, **parameters):
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter is not None:
                getattr(module, name).copy_(torch.from_numpy(parameter.data))
    return module


def training_step(net, x, labels, *, threads, channels_last=False, **sgd):
    """Return a function that takes one training step of net's twin on x and labels and returns the loss."""
    torch.set_num_threads(threads)
    order = torch.channels_last if channels_last else torch.contiguous_format
    module = twin(net).to(memory_format=order)
    x, labels = torch.from_numpy(x).to(memory_format=order), torch.from_numpy(labels)
    optimiser = torch.optim.SGD(module.parameters(), **sgd)

    def step():
        loss = nn.functional.cross_entropy(module(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step
