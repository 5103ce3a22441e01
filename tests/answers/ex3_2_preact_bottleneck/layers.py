"""Small layer objects in a list, walked forwards and backwards; they collect gradients in one dictionary."""

import numpy as np
import provided


class Activation:
    def __init__(self, number):
        self.names = f"gamma{number}", f"beta{number}"

    def forward(self, x, parameters):
        normalised, self.norm = provided.batch_norm_forward(x, *(parameters[name] for name in self.names))
        self.positive = normalised > 0
        return normalised * self.positive

    def backward(self, dy, gradients):
        dx, *both = provided.batch_norm_backward(dy * self.positive, self.norm)
        for name, gradient in zip(self.names, both, strict=True):
            gradients[name] = gradients.get(name, 0) + gradient
        return dx


class Conv:
    def __init__(self, name, stride=1, padding=0):
        self.name, self.how = name, {"stride": stride, "padding": padding}

    def forward(self, x, parameters):
        y, self.cache = provided.conv2d_forward(x, parameters[self.name], **self.how)
        return y

    def backward(self, dy, gradients):
        dx, gradients[self.name] = provided.conv2d_backward(dy, self.cache)
        return dx


def run(layers, x, parameters):
    for layer in layers:
        x = layer.forward(x, parameters)
    return x


def run_back(layers, dy, gradients):
    for layer in layers[::-1]:
        dy = layer.backward(dy, gradients)
    return dy


def branch_layers(stride):
    return [Conv("weight1"), Activation(2), Conv("weight2", stride, 1), Activation(3), Conv("weight3")]


def branch_forward(active1, parameters, stride):
    layers = branch_layers(stride)
    return run(layers, active1, parameters), layers


def branch_backward(dbranch, cache):
    gradients = {}
    return run_back(cache, dbranch, gradients), gradients


def identity_unit_forward(x, parameters):
    layers = [Activation(1), *branch_layers(1)]
    return run(layers, x, parameters) + x, layers


def identity_unit_backward(dy, cache):
    gradients = {}
    dx = dy.copy()
    dx += run_back(cache, dy, gradients)
    return dx, gradients


def projection_unit_forward(x, parameters, stride):
    first, branch, shortcut = Activation(1), branch_layers(stride), [Conv("projection", stride)]
    active = first.forward(x, parameters)
    return run(branch, active, parameters) + run(shortcut, active, parameters), (first, branch, shortcut)


def projection_unit_backward(dy, cache):
    first, *ways = cache
    gradients = {}
    dactive = np.zeros_like(first.positive, dtype=dy.dtype)
    for way in ways:
        dactive += run_back(way, dy, gradients)
    dx = first.backward(dactive, gradients)
    return dx, gradients
