"""Exercise 2.1: Batch norm, forward.

Batch norm looks at one channel c in all images of a batch at once: at M = N * H * W values. In *train mode*
it subtracts their mean, divides by their standard deviation, and gives the channel a scale gamma and a shift
beta, which the network learns. Written out,

    mean[c] = 1/M * sum over n, h, w of  x[n, c, h, w]
    var[c]  = 1/M * sum over n, h, w of (x[n, c, h, w] - mean[c])^2
    std[c]  = square root of (var[c] + eps)

    x_hat[n, c, h, w] = (x[n, c, h, w] - mean[c]) / std[c]
    y[n, c, h, w]     = gamma[c] * x_hat[n, c, h, w] + beta[c]

eps keeps std away from 0. Whoever uses the network has perhaps one image and no batch. So *eval mode* takes
fixed numbers for mean and variance, the running averages, which train mode has collected from its batches:

    new average = momentum * old average + (1 - momentum) * value of this batch

momentum, usually 0.9, is the weight of the old average (PyTorch calls what is left, 0.1, the momentum).

There are two variances here. What normalises x in train mode is the biased one, divided by M, as above: it
makes the mean square of x_hat 1, but for eps. What goes into the running average is the unbiased one: the
same sum divided by M - 1. It is to estimate the variance of all images from the few of a batch, and a sum of
squares around the batch's own mean is a little too small for that (Ioffe & Szegedy 2015, arXiv:1502.03167,
Algorithm 2).
"""

import numpy as np


def batch_norm_train_forward(x, gamma, beta, running_mean, running_var, *, momentum, eps):
    """Normalise with the batch's own statistics; return y, cache and the new running_mean and running_var.

    x, y: (N, C, H, W), with N * H * W at least 2; gamma, beta and the running averages: (C,); momentum, eps:
    numbers. cache: the tuple (x_hat, gamma, std), which the backward of exercise 2.2 takes; std: (C,), eps
    included. The new averages are new arrays: what was passed in stays as it is. Everything keeps the dtype
    of x.

    One image of one channel, with mean 3, variance 48 / 4 = 12 and unbiased variance 48 / 3 = 16:

    >>> x = np.array([[[[1.0, 1.0], [1.0, 9.0]]]])
    >>> gamma, beta, old_mean, old_var = np.array([2.0]), np.array([10.0]), np.array([1.0]), np.array([2.0])
    >>> y, cache, new_mean, new_var = batch_norm_train_forward(
    ...     x, gamma, beta, old_mean, old_var, momentum=0.5, eps=4.0
    ... )
    >>> y
    array([[[[ 9.,  9.],
             [ 9., 13.]]]])
    >>> new_mean, new_var
    (array([2.]), array([9.]))
    """
    # solution
    count = x[:, 0].size  # M
    mean = x.mean(axis=(0, 2, 3))
    var = x.var(axis=(0, 2, 3))  # biased: NumPy divides by M
    std = np.sqrt(var + eps)
    x_hat = (x - mean[:, None, None]) / std[:, None, None]  # (C, 1, 1) fits every image (C, H, W)
    y = gamma[:, None, None] * x_hat + beta[:, None, None]

    unbiased = var * count / (count - 1)
    running_mean = momentum * running_mean + (1 - momentum) * mean
    running_var = momentum * running_var + (1 - momentum) * unbiased
    cache = (x_hat, gamma, std)
    return y, cache, running_mean, running_var
    # end of solution


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps):
    """Normalise with the running averages instead of the batch's statistics; return y alone.

    x, y: (N, C, H, W); gamma, beta, running_mean, running_var: (C,); eps: a number. y keeps the dtype of x.
    What becomes of one image does not depend on the others, and the averages stay as they are.

        y[n, c, h, w] = gamma[c] * (x[n, c, h, w] - running_mean[c]) / std[c] + beta[c]
        std[c]        = square root of (running_var[c] + eps)

    >>> x = np.array([[[[1.0, 1.0], [1.0, 9.0]]]])
    >>> gamma, beta, running_mean, running_var = (np.array([value]) for value in (2.0, 10.0, 1.0, 12.0))
    >>> batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, eps=4.0)
    array([[[[10., 10.],
             [10., 14.]]]])
    """
    # solution
    std = np.sqrt(running_var + eps)
    x_hat = (x - running_mean[:, None, None]) / std[:, None, None]
    return gamma[:, None, None] * x_hat + beta[:, None, None]
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 5
MOMENTA = (0.9, 0.6, 0.9, 0.99, 0.7, 0.9)
EPSILONS = (0.1, 0.5, 0.2, 1e-5, 0.3, 1e-3)


def train_cases(rng):
    """Return a batch of one, images of one pixel and of one channel, and large and small eps."""
    cases = [
        {
            "x": plain_images(rng),
            "gamma": np.array([2.0, 3.0]),
            "beta": np.array([10.0, -1.0]),
            "running_mean": np.array([1.0, 0.0]),
            "running_var": np.array([2.0, 6.0]),
            "momentum": 0.75,
            "eps": 4.0,
        }
    ]
    sizes = [(1, 3, 2, 3), (4, 1, 3, 2), (6, 3, 1, 1), (3, 2, 4, 5), (3, 3, 3, 3), (2, 4, 5, 2)]
    for size, momentum, eps in zip(sizes, MOMENTA, EPSILONS, strict=True):
        channels = size[1]
        case = {
            "x": images(rng, size),
            "gamma": rng.uniform(0.5, 2, channels) * rng.choice([-1, 1], channels),
            "beta": rng.standard_normal(channels),
            "running_mean": rng.standard_normal(channels),
            "running_var": rng.uniform(0.5, 3, channels),
            "momentum": momentum,
            "eps": eps,
        }
        cases.append(case)
    return cases


def eval_cases(rng):
    """Return the same without momentum, and one image of one pixel, which has no statistics of its own."""
    cases = train_cases(rng)
    cases.append({**cases[-1], "x": images(rng, (1, 4, 1, 1))})
    for case in cases:
        del case["momentum"]
    return cases


def images(rng, size):
    """Return images in which each channel has a mean and a standard deviation of its own."""
    mean, std = rng.uniform(-2, 2, size[1]), rng.uniform(0.7, 2, size[1])
    return mean[:, None, None] + std[:, None, None] * rng.standard_normal(size)


def plain_images(rng):
    """Return two images of two channels, 1x2, whose variance in both channels is 12 = 4^2 - 4."""
    channels = [rng.permutation(values).reshape(2, 1, 2) for values in ([1.0, 1, 1, 9], [6.0, 6, 6, -2])]
    return np.stack(channels, axis=1)


PARTS = [
    Part(
        "batch_norm_train_forward",
        returns=("y", "cache", "running_mean", "running_var"),
        cases=train_cases,
        points=2,
        hints=(
            "Every channel has one mean and one variance, whatever the number of images and pixels: four "
            "axes come in, and only that of the channels is left.",
            "np.mean and np.var take a tuple of axes, here all but axis 1. np.var divides by M; times M / "
            "(M - 1) it becomes the unbiased variance.",
            "An array (C,) becomes (C, 1, 1) by [:, None, None], and then every channel of x meets its own "
            "number. Compute y first, with the biased variance; then the two averages, as new arrays.",
        ),
    ),
    Part(
        "batch_norm_eval_forward",
        returns=("y",),
        cases=eval_cases,
        hints=(
            "The two averages take the places of the batch's mean and variance. Nothing is computed from "
            "the batch.",
            "For each channel it is a straight line: slope gamma / std, and beta where x is running_mean.",
            "Take std from running_var and eps, and give all four vectors the shape (C, 1, 1).",
        ),
    ),
]

STATISTICS = """mean = x.mean(axis=(0, 2, 3))
    var = x.var(axis=(0, 2, 3))  # biased: NumPy divides by M
    std = np.sqrt(var + eps)
    x_hat = (x - mean[:, None, None]) / std[:, None, None]"""
AVERAGES = """running_mean = momentum * running_mean + (1 - momentum) * mean
    running_var = momentum * running_var + (1 - momentum) * unbiased"""

MISTAKES = [
    Mistake(
        "eps outside the root",
        "np.sqrt(var + eps)",
        "np.sqrt(var) + eps",
        "eps was added to the standard deviation; it belongs to the variance, under the root.",
    ),
    Mistake(
        "eps forgotten",
        "np.sqrt(var + eps)",
        "np.sqrt(var)",
        "These are the numbers without eps: a channel that is the same everywhere would be divided by 0.",
    ),
    Mistake(
        "root forgotten",
        "np.sqrt(var + eps)",
        "var + eps",
        "x was divided by the variance: the standard deviation, which has the unit of x, is its root.",
    ),
    Mistake(
        "unbiased variance to normalise",
        "np.sqrt(var + eps)",
        "np.sqrt(x.var(axis=(0, 2, 3), ddof=1) + eps)",
        "x was normalised with the variance divided by M - 1. That one is for the running average only; "
        "what normalises the batch is divided by M.",
    ),
    Mistake(
        "mean square instead of variance",
        "var = x.var(axis=(0, 2, 3))",
        "var = (x**2).mean(axis=(0, 2, 3))",
        "The variance is the mean square of the distances from the mean; this is the mean square of x "
        "itself.",
    ),
    Mistake(
        "one mean for all channels",
        STATISTICS,
        "mean, var = x.mean() * np.ones_like(gamma), x.var() * np.ones_like(gamma)\n"
        "    count, std = x.size, np.sqrt(var + eps)\n"
        "    x_hat = (x - mean[:, None, None]) / std[:, None, None]",
        "Mean and variance were taken over the whole array; every channel has its own.",
    ),
    Mistake(
        "statistics of each image",
        STATISTICS,
        "mean, var = x.mean(axis=(2, 3)), x.var(axis=(2, 3))\n"
        "    std = np.sqrt(var + eps)\n"
        "    x_hat = (x - mean[:, :, None, None]) / std[:, :, None, None]",
        "Every image was normalised by its own mean and variance. Batch norm averages over the images too "
        "(axis 0), not only over the pixels.",
    ),
    Mistake(
        "statistics of each pixel",
        "(x - mean[:, None, None]) / std[:, None, None]",
        "(x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)",
        "Every pixel was normalised by itself, over axis 0 only. In images all pixels of a channel share "
        "one mean and one variance.",
    ),
    Mistake(
        "running statistics in train mode",
        "(x - mean[:, None, None]) / std[:, None, None]",
        "(x - running_mean[:, None, None]) / np.sqrt(running_var + eps)[:, None, None]",
        "y was normalised with the running averages, as in eval mode. In train mode the batch's own mean "
        "and variance do it.",
    ),
    Mistake(
        "updated averages in train mode",
        "y = gamma[:, None, None] * x_hat + beta[:, None, None]",
        "moved_mean = momentum * running_mean + (1 - momentum) * mean\n"
        "    moved_var = momentum * running_var + (1 - momentum) * var * count / (count - 1)\n"
        "    x_hat = (x - moved_mean[:, None, None]) / np.sqrt(moved_var + eps)[:, None, None]\n"
        "    y = gamma[:, None, None] * x_hat + beta[:, None, None]",
        "y was normalised with the new running averages. In train mode the batch's own mean and variance do "
        "it; the averages are only collected.",
    ),
    Mistake(
        "gamma and beta exchanged",
        "y = gamma[:, None, None] * x_hat + beta[:, None, None]",
        "y = beta[:, None, None] * x_hat + gamma[:, None, None]",
        "gamma is the scale and beta the shift; here it is the other way round.",
    ),
    Mistake(
        "scale and shift forgotten",
        "y = gamma[:, None, None] * x_hat + beta[:, None, None]",
        "y = x_hat",
        "This is x_hat: gamma and beta are still missing.",
    ),
    Mistake(
        "biased running variance",
        "(1 - momentum) * unbiased",
        "(1 - momentum) * var",
        "The variance that went into the running average is the one divided by M. Here the unbiased one is "
        "asked for, divided by M - 1.",
    ),
    Mistake(
        "momentum the wrong way round",
        AVERAGES,
        "running_mean = (1 - momentum) * running_mean + momentum * mean\n"
        "    running_var = (1 - momentum) * running_var + momentum * unbiased",
        "momentum was given to the batch. Here it is the weight of the old average, and the batch gets the "
        "rest (PyTorch does it the other way round).",
    ),
    Mistake(
        "overwritten instead of averaged",
        AVERAGES,
        "running_mean, running_var = mean, unbiased",
        "The batch's statistics have replaced the running ones. Part of the old average must stay.",
    ),
    Mistake(
        "running averages not updated",
        AVERAGES,
        "",
        "The averages came back as they were: train mode must move them towards this batch's mean and "
        "variance.",
    ),
    Mistake(
        "eps in the running variance",
        "momentum * running_var + (1",
        "momentum * running_var + (1 - momentum) * eps + (1",
        "The running average took the variance with eps in it. eval mode adds eps itself, so that it would "
        "count twice.",
    ),
    Mistake(
        "standard deviation averaged",
        "(1 - momentum) * unbiased",
        "(1 - momentum) * std",
        "std went into the running average, where the (unbiased) variance belongs.",
    ),
    Mistake(
        "eps outside the root in eval mode",
        "np.sqrt(running_var + eps)",
        "np.sqrt(running_var) + eps",
        "eps was added to the standard deviation; it belongs to the variance, under the root.",
    ),
    Mistake(
        "eps forgotten in eval mode",
        "np.sqrt(running_var + eps)",
        "np.sqrt(running_var)",
        "These are the numbers without eps. running_var does not contain it, so it must be added here too.",
    ),
    Mistake(
        "batch statistics in eval mode",
        "(x - running_mean[:, None, None]) / std[:, None, None]",
        "(x - x.mean(axis=(0, 2, 3), keepdims=True)) / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)",
        "y was normalised with the batch's own mean and variance, as in train mode. In eval mode an image's "
        "result must not depend on the other images.",
    ),
    Mistake(
        "input modified in place",
        AVERAGES,
        "running_mean *= momentum\n    running_mean += (1 - momentum) * mean\n"
        "    running_var *= momentum\n    running_var += (1 - momentum) * unbiased",
        "",
    ),
]
