"""The sigmoid by its logarithm, named tuples for caches, a helper function for both directions."""

from collections import namedtuple

import numpy

Saved = namedtuple("Saved", "mask")
Two = namedtuple("Two", ["up", "down"])


def log_sigmoid(x):
    return -numpy.logaddexp(x.dtype.type(0), -x)


def relu_forward(x):
    mask = numpy.heaviside(x, x.dtype.type(0))
    return numpy.multiply(mask, x), Saved(mask)


def relu_backward(dy, cache):
    return numpy.multiply(dy, cache.mask)


def sigmoid_forward(x):
    two = Two(numpy.exp(log_sigmoid(x)), numpy.exp(log_sigmoid(-x)))
    return two.up, two


def sigmoid_backward(dy, cache):
    return dy * cache.up * cache.down
