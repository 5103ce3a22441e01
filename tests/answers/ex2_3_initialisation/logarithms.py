"""Fans from the weights of one output and of one input; variances as sums of logarithms."""

import numpy


def fans(shape):
    weight = numpy.zeros(shape)
    return weight[0].size, weight[:, 0].size


def xavier(shape, *, rng):
    fan_in, fan_out = fans(shape)
    scale = fan_in**-0.5
    return scale * rng.standard_normal(size=shape)


def msra(shape, *, rng):
    return numpy.sqrt(2) * xavier(shape, rng=rng)


def predicted_variances(mean_square, shapes, weight_stds, *, relu):
    n = numpy.array([fans(shape)[0] for shape in shapes])
    stds = numpy.array(weight_stds)
    passed_relus = numpy.arange(len(shapes)) if relu else 0
    logarithm = numpy.cumsum(numpy.log(n) + 2 * numpy.log(stds))
    return mean_square * numpy.exp(logarithm) * 0.5**passed_relus
