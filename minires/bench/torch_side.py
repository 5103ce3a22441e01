"""The same network in PyTorch, layer by layer, to measure against. Needs torch (the extra `parity`).

PyTorch gets what its users write: in-place ReLUs wherever they are safe, fused kernels where it has them, its
own defaults for everything else."""

import torch
from torch import nn

from minires import layers
from minires.layers import Concat, Residual, Sequential
from minires.models.network import Network

FRESH = (layers.Conv2d, layers.BatchNorm, layers.Linear)  # nobody but the next layer reads what these put out


class _Residual(nn.Module):
    def __init__(self, residual):
        super().__init__()
        self.branch = twin(residual.branch)
        self.shortcut = twin(residual.shortcut)
        self.after = _after(residual.after, fresh=True)  # a sum is fresh

    def forward(self, x):
        return self.after(self.branch(x) + self.shortcut(x))


class _Concat(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class _BatchNorm(nn.BatchNorm2d):
    """Of (N, C, H, W) and (N, C), as ours."""

    def _check_input_dim(self, x):
        pass


class _PadShortcut(nn.Module):
    def __init__(self, channels, stride, placement):
        super().__init__()
        self.channels, self.stride, self.placement = channels, stride, placement

    def forward(self, x):
        if self.placement == "mean":
            x = nn.functional.avg_pool2d(x, self.stride)
        else:
            x = x[:, :, :: self.stride[0], :: self.stride[1]]
        new = self.channels - x.shape[1]
        before = new // 2 if self.placement == "split" else 0
        return nn.functional.pad(x, (0, 0, 0, 0, before, new - before))


def twin(layer):
    """Return a torch.nn.Module with the layer's structure and copies of its weights and running averages.

    Dropout draws masks of its own. Raises TypeError for a layer that has no twin here.
    """
    if type(layer) in TWINS:
        return TWINS[type(layer)](layer)
    raise TypeError(f"no PyTorch twin for {type(layer).__name__}")


def _sequential(layer):
    parts, fresh = [], False
    for _, part in layer.children():
        parts.append(_after(part, fresh))
        fresh = isinstance(part, FRESH)
    return nn.Sequential(*parts)


def _after(layer, fresh):
    """Return the twin of a layer whose input is `fresh`, or is not: a ReLU overwrites one that is."""
    return nn.ReLU(inplace=True) if fresh and isinstance(layer, layers.ReLU) else twin(layer)


def _conv(layer):
    (o, c, *kernel), options = layer.weight.data.shape, vars(layer)
    options = {key: options[key] for key in ("stride", "padding", "dilation", "groups")}
    module = nn.Conv2d(c * layer.groups, o, kernel, bias=layer.bias is not None, **options)
    return _copy(module, weight=layer.weight, bias=layer.bias)


def _linear(layer):
    o, i = layer.weight.data.shape
    return _copy(nn.Linear(i, o, bias=layer.bias is not None), weight=layer.weight, bias=layer.bias)


def _batch_norm(layer):
    module = _BatchNorm(len(layer.gamma.data), eps=layer.eps, momentum=1 - layer.momentum)
    averages = {"running_mean": layer.running_mean, "running_var": layer.running_var}
    return _copy(module, weight=layer.gamma, bias=layer.beta, **averages)


def _copy(module, **holders):
    module = module.to(torch.from_numpy(next(iter(holders.values())).data).dtype)
    with torch.no_grad():
        for name, holder in holders.items():
            if holder is not None:
                getattr(module, name).copy_(torch.from_numpy(holder.data))
    return module


TWINS = {
    Sequential: _sequential,
    Network: _sequential,
    Residual: _Residual,
    Concat: lambda layer: _Concat(twin(branch) for _, branch in layer.children()),
    layers.Conv2d: _conv,
    layers.Linear: _linear,
    layers.BatchNorm: _batch_norm,
    layers.LocalResponseNorm: lambda layer: nn.LocalResponseNorm(**layer.options),
    layers.MaxPool2d: lambda layer: nn.MaxPool2d(**layer.options),
    layers.AvgPool2d: lambda layer: nn.AvgPool2d(**layer.options),
    layers.GlobalAvgPool2d: lambda layer: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    layers.PadShortcut: lambda layer: _PadShortcut(**layer.options),
    layers.Dropout: lambda layer: nn.Dropout(1 - layer.keep),
    layers.Flatten: lambda layer: nn.Flatten(),
    layers.Identity: lambda layer: nn.Identity(),
    layers.ReLU: lambda layer: nn.ReLU(),
    layers.Sigmoid: lambda layer: nn.Sigmoid(),
    layers.Softmax: lambda layer: nn.Softmax(-1),
}


def training_step(net, x, labels, *, threads, channels_last=False, **sgd):
    """Return a function that takes one training step of net's twin on x and labels and returns the loss."""
    module, x = prepared(twin(net), x, threads, channels_last)
    labels = torch.from_numpy(labels)
    return stepping(module, lambda: nn.functional.cross_entropy(module(x), labels), **sgd)


def stepping(module, loss_of_batch, **sgd):
    """Return a function that takes a step of module down the gradient of loss_of_batch() and returns that."""
    optimiser = torch.optim.SGD(module.parameters(), **sgd)

    def step():
        loss = loss_of_batch()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def evaluation(net, x, *, threads, channels_last=False):
    """Return a function that runs net's twin forward on x in eval mode, remembering nothing."""
    module, x = prepared(twin(net), x, threads, channels_last)
    module.eval()

    def evaluate():
        with torch.no_grad():
            module(x)

    return evaluate


def operation(layer, x, dy, *, threads, channels_last=False):
    """Return a function that runs the layer's twin forward on x and backward on dy, with every gradient."""
    module, x = prepared(twin(layer), x, threads, channels_last)
    dy = torch.from_numpy(dy).to(memory_format=_order(dy, channels_last))
    wanted = [x.requires_grad_(), *module.parameters()]
    return lambda: torch.autograd.grad(module(x), wanted, dy)


def cross_entropy(logits, labels, *, threads):
    """Return a function that runs softmax cross-entropy forward and backward."""
    torch.set_num_threads(threads)
    logits, labels = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(labels)
    return lambda: torch.autograd.grad(nn.functional.cross_entropy(logits, labels), [logits])


def prepared(module, x, threads, channels_last):
    """Return a module and x as a tensor, both in the wanted order of memory."""
    torch.set_num_threads(threads)
    order = _order(x, channels_last)
    return module.to(memory_format=order), torch.from_numpy(x).to(memory_format=order)


def _order(array, channels_last):
    return torch.channels_last if channels_last and array.ndim == 4 else torch.contiguous_format
