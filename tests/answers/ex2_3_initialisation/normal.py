"""rng.normal with a standard deviation; the variances by recursion."""

import numpy as np


def fans(shape):
    out_channels, in_channels, *kernel = shape
    return in_channels * int(np.prod(kernel)), out_channels * int(np.prod(kernel))


def gaussian(shape, gain, rng):
    return rng.normal(0, np.sqrt(gain / fans(shape)[0]), shape)


def xavier(shape, *, rng):
    return gaussian(shape, 1.0, rng)


def msra(shape, *, rng):
    return gaussian(shape, 2.0, rng)


def predicted_variances(mean_square, shapes, weight_stds, *, relu):
    if len(shapes) == 0:
        return np.zeros(0)
    first = mean_square * fans(shapes[0])[0] * weight_stds[0] ** 2
    passed = 0.5 * first if relu else first
    rest = predicted_variances(passed, shapes[1:], weight_stds[1:], relu=relu)
    return np.concatenate([[first], rest])
