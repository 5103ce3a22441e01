"""Columns are examples: everything transposed first, and the bias as a product with ones."""

import numpy


def linear_forward(x, weight, bias):
    columns = x.T
    y = weight.dot(columns) + bias.reshape(-1, 1)
    return numpy.ascontiguousarray(y.T), (columns, weight)


def linear_backward(dy, cache):
    columns, weight = cache
    d = dy.T
    dbias = d.dot(numpy.ones(d.shape[1], dtype=dy.dtype))
    return weight.T.dot(d).T, d.dot(columns.T), dbias
