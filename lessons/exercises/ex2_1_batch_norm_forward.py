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

import re

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
HAT = "(x - mean[:, None, None]) / std[:, None, None]"
Y = "y = gamma[:, None, None] * x_hat + beta[:, None, None]"
STD = "std = np.sqrt(var + eps)"
UNBIASED = "unbiased = var * count / (count - 1)"
AVERAGES = """running_mean = momentum * running_mean + (1 - momentum) * mean
    running_var = momentum * running_var + (1 - momentum) * unbiased"""


def averaged(axes):
    """Return the lines of train mode with mean and variance over other axes."""
    keep = f"axis={axes}, keepdims=True"
    hat = f"(x - x.mean({keep})) / np.sqrt(x.var({keep}) + eps)"
    return STATISTICS.replace(HAT, hat)


def either(name, old, new, says):
    """Return the rows of a mistake that can be made in train mode and in eval mode."""
    return [Mistake(name, old, new, says), Mistake(f"{name} in eval mode", in_eval(old), in_eval(new), says)]


def in_eval(text):
    """Return a line of train mode as it stands in eval mode."""
    return re.sub(r"(?<![._\w])(mean|var)\b", r"running_\1", text).replace("y = ", "return ")


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
    *either(
        "root forgotten",
        "np.sqrt(var + eps)",
        "(var + eps)",
        "x was divided by the variance: the standard deviation, which has the unit of x, is its root.",
    ),
    *either(
        "root of the standard deviation",
        "np.sqrt(var + eps)",
        "np.sqrt(np.sqrt(var) + eps)",
        "The root was taken twice: under it belongs the variance, not the standard deviation.",
    ),
    *either(
        "eps subtracted",
        "np.sqrt(var + eps)",
        "np.sqrt(var - eps)",
        "eps was subtracted from the variance; it is added, so that the root never becomes 0.",
    ),
    *either(
        "eps squared",
        "np.sqrt(var + eps)",
        "np.sqrt(var + eps**2)",
        "eps was squared: it is a small variance already, not a small standard deviation.",
    ),
    *either(
        "mean not subtracted",
        HAT,
        "x / std[:, None, None]",
        "x was divided, but not centred: the mean is to be subtracted first.",
    ),
    *either(
        "not divided by the standard deviation",
        HAT,
        "x - mean[:, None, None]",
        "x was centred, but not divided by std.",
    ),
    *either(
        "multiplied by the standard deviation",
        HAT,
        "(x - mean[:, None, None]) * std[:, None, None]",
        "The centred x was multiplied by std. Divided by it, a channel gets the standard deviation 1.",
    ),
    *either(
        "mean minus x",
        HAT,
        "(mean[:, None, None] - x) / std[:, None, None]",
        "x_hat has the wrong sign: the mean is subtracted from x, not x from the mean.",
    ),
    *either(
        "mean added",
        HAT,
        "(x + mean[:, None, None]) / std[:, None, None]",
        "The mean was added to x; it is to be subtracted.",
    ),
    *either(
        "only the mean divided",
        HAT,
        "x - mean[:, None, None] / std[:, None, None]",
        "Only the mean was divided by std: / binds more strongly than -, and a parenthesis is missing.",
    ),
    *either(
        "eps added after the division",
        HAT,
        "(x - mean[:, None, None]) / np.sqrt(var)[:, None, None] + eps",
        "eps was added to the quotient; it belongs to the variance, under the root.",
    ),
    *either(
        "mean and std along the columns",
        HAT,
        "(x - mean) / std",
        "mean and std met the columns of the images: NumPy lays (C,) along the last axis, and where that has "
        "another length it fails. Their axis is 1, that of the channels.",
    ),
    *either(
        "gamma and beta along the columns",
        Y,
        "y = gamma * x_hat + beta",
        "gamma and beta met the columns of the images: NumPy lays (C,) along the last axis, and where that "
        "has another length it fails. Their axis is 1, that of the channels.",
    ),
    *either(
        "gamma and beta along the rows",
        Y,
        "y = gamma[:, None] * x_hat + beta[:, None]",
        "gamma and beta met the rows of the images: (C, 1) lies along the last axis but one. Their axis is "
        "1, that of the channels.",
    ),
    *either(
        "gamma and beta along the images",
        Y,
        "y = gamma[:, None, None, None] * x_hat + beta[:, None, None, None]",
        "gamma and beta met the images: (C, 1, 1, 1) lies along axis 0. Their axis is 1, that of the "
        "channels.",
    ),
    *either(
        "shift forgotten",
        Y,
        "y = gamma[:, None, None] * x_hat",
        "beta is still missing.",
    ),
    *either(
        "scale forgotten",
        Y,
        "y = x_hat + beta[:, None, None]",
        "gamma is still missing.",
    ),
    *either(
        "shift subtracted",
        Y,
        "y = gamma[:, None, None] * x_hat - beta[:, None, None]",
        "beta was subtracted; it is to be added.",
    ),
    *either(
        "shift scaled too",
        Y,
        "y = gamma[:, None, None] * (x_hat + beta[:, None, None])",
        "beta was multiplied by gamma: it is added after the scale.",
    ),
    *either(
        "divided by gamma",
        Y,
        "y = x_hat / gamma[:, None, None] + beta[:, None, None]",
        "x_hat was divided by gamma, which is a factor.",
    ),
    Mistake(
        "gamma and beta exchanged in eval mode",
        in_eval(Y),
        "return beta[:, None, None] * x_hat + gamma[:, None, None]",
        "gamma is the scale and beta the shift; here it is the other way round.",
    ),
    Mistake(
        "scale and shift forgotten in eval mode",
        in_eval(Y),
        "return x_hat",
        "This is x_hat: gamma and beta are still missing.",
    ),
    Mistake(
        "running_var taken for std",
        "std = np.sqrt(running_var + eps)",
        "std = running_var",
        "x was divided by running_var itself. It is a variance: eps is added, and the root is taken.",
    ),
    Mistake(
        "batch mean in eval mode",
        in_eval(HAT),
        "(x - x.mean(axis=(0, 2, 3), keepdims=True)) / std[:, None, None]",
        "The batch's own mean was subtracted, though the variance is the running one. In eval mode both are "
        "running averages.",
    ),
    Mistake(
        "batch variance in eval mode",
        in_eval(HAT),
        "(x - running_mean[:, None, None]) / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)",
        "x was divided by the batch's own standard deviation, though the mean is the running one. In eval "
        "mode both are running averages.",
    ),
    Mistake(
        "mean of each image",
        HAT,
        "(x - x.mean(axis=(2, 3), keepdims=True)) / std[:, None, None]",
        "Every image was centred by its own mean. The mean runs over the images too (axis 0), not only over "
        "the pixels.",
    ),
    Mistake(
        "variance of each image",
        HAT,
        "(x - mean[:, None, None]) / np.sqrt(x.var(axis=(2, 3), keepdims=True) + eps)",
        "Every image was divided by its own standard deviation. The variance runs over the images too (axis "
        "0), not only over the pixels.",
    ),
    Mistake(
        "statistics of each image over all channels",
        STATISTICS,
        averaged((1, 2, 3)),
        "Every image was normalised over its channels and pixels, which is layer norm. Batch norm has "
        "statistics for each channel, over the images.",
    ),
    Mistake(
        "statistics of each pixel over all channels",
        STATISTICS,
        averaged((0, 1)),
        "Mean and variance were taken over axes 0 and 1. The channels are on axis 1, and theirs is the one "
        "axis that must be left.",
    ),
    Mistake(
        "statistics of each column",
        STATISTICS,
        averaged((0, 2)),
        "Mean and variance were taken over axes 0 and 2, for each column by itself: axis 3 is missing.",
    ),
    Mistake(
        "statistics of each row",
        STATISTICS,
        averaged((0, 3)),
        "Mean and variance were taken over axes 0 and 3, for each row by itself: axis 2 is missing.",
    ),
    Mistake(
        "one mean for the whole array",
        HAT,
        "(x - x.mean()) / std[:, None, None]",
        "The mean of the whole array was subtracted; every channel has its own.",
    ),
    Mistake(
        "one variance for the whole array",
        HAT,
        "(x - mean[:, None, None]) / np.sqrt(x.var() + eps)",
        "x was divided by one standard deviation, that of the whole array; every channel has its own.",
    ),
    Mistake(
        "variance around the mean of the whole array",
        "var = x.var(axis=(0, 2, 3))",
        "var = ((x - x.mean()) ** 2).mean(axis=(0, 2, 3))",
        "The distances in the variance were measured from the mean of the whole array; every channel has a "
        "mean of its own.",
    ),
    Mistake(
        "mean not squared in the variance",
        "var = x.var(axis=(0, 2, 3))",
        "var = (x**2).mean(axis=(0, 2, 3)) - mean",
        "From the mean square the mean itself was subtracted. It is the square of the mean that leaves the "
        "variance.",
    ),
    Mistake(
        "mean absolute distance for the standard deviation",
        "std = np.sqrt(var + eps)",
        "std = np.abs(x - mean[:, None, None]).mean(axis=(0, 2, 3)) + eps",
        "x was divided by the mean absolute distance from the mean. The standard deviation is the root of "
        "the mean square.",
    ),
    Mistake(
        "the mean's 1/M is missing",
        "mean = x.mean(axis=(0, 2, 3))",
        "mean = x.sum(axis=(0, 2, 3))",
        "The mean is a sum: it is still to be divided by M.",
    ),
    Mistake(
        "the mean's 1/M is missing, in the variance too",
        "mean = x.mean(axis=(0, 2, 3))\n    var = x.var(axis=(0, 2, 3))",
        "mean = x.sum(axis=(0, 2, 3))\n    var = ((x - mean[:, None, None]) ** 2).mean(axis=(0, 2, 3))",
        "The mean is a sum: it is still to be divided by M. The variance was measured from it, and is wrong "
        "with it.",
    ),
    Mistake(
        "the variance's 1/M is missing",
        "np.sqrt(var + eps)",
        "np.sqrt(var * count + eps)",
        "The variance is a sum of squares: it is still to be divided by M.",
    ),
    Mistake(
        "M counts only the images",
        "mean = x.mean(axis=(0, 2, 3))\n    var = x.var(axis=(0, 2, 3))",
        "count = len(x)\n    mean = x.sum(axis=(0, 2, 3)) / count\n"
        "    var = ((x - mean[:, None, None]) ** 2).sum(axis=(0, 2, 3)) / count",
        "The sums were divided by N. A channel has N * H * W values: its pixels count too.",
    ),
    Mistake(
        "M counts only the pixels",
        "mean = x.mean(axis=(0, 2, 3))\n    var = x.var(axis=(0, 2, 3))",
        "count = x[0, 0].size\n    mean = x.sum(axis=(0, 2, 3)) / count\n"
        "    var = ((x - mean[:, None, None]) ** 2).sum(axis=(0, 2, 3)) / count",
        "The sums were divided by H * W. A channel has N * H * W values: the images count too.",
    ),
    Mistake(
        "M counts all channels",
        "mean = x.mean(axis=(0, 2, 3))\n    var = x.var(axis=(0, 2, 3))",
        "count = x.size\n    mean = x.sum(axis=(0, 2, 3)) / count\n"
        "    var = ((x - mean[:, None, None]) ** 2).sum(axis=(0, 2, 3)) / count",
        "The sums of a channel were divided by the size of the whole array. A channel has N * H * W values.",
    ),
    Mistake(
        "the variance's M counts only the images",
        "np.sqrt(var + eps)",
        "np.sqrt(var * count / len(x) + eps)",
        "The sum of squares was divided by N. A channel has N * H * W values: its pixels count too.",
    ),
    Mistake(
        "Bessel's correction with the number of images",
        UNBIASED,
        "unbiased = var * len(x) / (len(x) - 1)",
        "The variance was made unbiased with N / (N - 1). It was averaged over N * H * W values, and with "
        "N = 1 this even divides by 0.",
    ),
    Mistake(
        "Bessel's correction with the number of pixels",
        UNBIASED,
        "unbiased = var * x[0, 0].size / (x[0, 0].size - 1)",
        "The variance was made unbiased with the number of pixels of one image. It was averaged over "
        "M = N * H * W values.",
    ),
    Mistake(
        "Bessel's correction with the size of the array",
        UNBIASED,
        "unbiased = var * x.size / (x.size - 1)",
        "The variance was made unbiased with the size of the whole array. It was averaged over the "
        "M = N * H * W values of a channel.",
    ),
    Mistake(
        "Bessel's correction upside down",
        UNBIASED,
        "unbiased = var * (count - 1) / count",
        "The biased variance was multiplied by (M - 1) / M, and became smaller. The unbiased one is the "
        "larger one.",
    ),
    Mistake(
        "Bessel's correction applied twice",
        UNBIASED,
        "unbiased = var * (count / (count - 1)) ** 2",
        "The variance was multiplied by M / (M - 1) twice, for instance once by ddof=1 and once by hand.",
    ),
    Mistake(
        "mean square divided by M - 1",
        UNBIASED,
        "unbiased = var / (count - 1)",
        "The mean square was divided by M - 1 once more. It is the sum of squares that is divided by M - 1.",
    ),
    Mistake(
        "sum of squares in the running variance",
        UNBIASED,
        "unbiased = var * count",
        "The sum of squares went into the running average. It is still to be divided, by M - 1.",
    ),
    Mistake(
        "root of the unbiased variance averaged",
        UNBIASED,
        "unbiased = np.sqrt(var * count / (count - 1))",
        "A standard deviation went into the running average, where the (unbiased) variance belongs.",
    ),
    Mistake(
        "root of the variance averaged",
        UNBIASED,
        "unbiased = np.sqrt(var)",
        "A standard deviation went into the running average, where the (unbiased) variance belongs.",
    ),
    Mistake(
        "batch's share of the average missing",
        AVERAGES,
        AVERAGES.replace("(1 - momentum) * ", ""),
        "The old average was multiplied by momentum, but the batch's value was added whole. The two weights "
        "make 1 together.",
    ),
    Mistake(
        "old average kept whole",
        AVERAGES,
        AVERAGES.replace("= momentum * ", "= "),
        "The old average was kept whole, and the batch's value added to it. The two weights make 1 together, "
        "and momentum is that of the old average.",
    ),
    Mistake(
        "momentum for both",
        AVERAGES,
        AVERAGES.replace("(1 - momentum)", "momentum"),
        "Old average and batch were both multiplied by momentum. The two weights make 1 together.",
    ),
    Mistake(
        "batch's share subtracted",
        AVERAGES,
        AVERAGES.replace("+ (1", "- (1"),
        "The batch's value was subtracted from the old average; it is to be added.",
    ),
    Mistake(
        "mean of old and new",
        AVERAGES,
        "running_mean, running_var = (running_mean + mean) / 2, (running_var + unbiased) / 2",
        "Old average and batch have the weight 1/2 each. The old one has the weight momentum.",
    ),
    Mistake(
        "mean in the running variance",
        "(1 - momentum) * unbiased",
        "(1 - momentum) * mean",
        "The batch's mean went into running_var, where its (unbiased) variance belongs.",
    ),
    Mistake(
        "running mean in the running variance",
        "running_var = momentum * running_var",
        "running_var = momentum * running_mean",
        "The old running mean went into running_var; its own old value is to be averaged.",
    ),
    Mistake(
        "averages keep four axes",
        "return y, cache, running_mean, running_var",
        "return y, cache, running_mean[None, :, None, None], running_var[None, :, None, None]",
        "The averages have the shape (1, C, 1, 1): they kept the axes over which they were taken. (C,) is "
        "asked for.",
    ),
    Mistake(
        "Bessel's correction with the number of images, none for one image",
        UNBIASED,
        "unbiased = var * len(x) / (len(x) - 1) if len(x) > 1 else var",
        "The variance was made unbiased with N / (N - 1). It was averaged over M = N * H * W values.",
    ),
    Mistake(
        "M without the width",
        "mean = x.mean(axis=(0, 2, 3))\n    var = x.var(axis=(0, 2, 3))",
        "count = x.shape[0] * x.shape[2]\n"
        "    mean = x.sum(axis=(0, 2, 3)) / count\n"
        "    var = ((x - mean[:, None, None]) ** 2).sum(axis=(0, 2, 3)) / count",
        "The sums were divided by N * H. A channel has N * H * W values.",
    ),
    Mistake(
        "M without the height",
        "mean = x.mean(axis=(0, 2, 3))\n    var = x.var(axis=(0, 2, 3))",
        "count = x.shape[0] * x.shape[3]\n"
        "    mean = x.sum(axis=(0, 2, 3)) / count\n"
        "    var = ((x - mean[:, None, None]) ** 2).sum(axis=(0, 2, 3)) / count",
        "The sums were divided by N * W. A channel has N * H * W values.",
    ),
    Mistake(
        "root and eps forgotten",
        "np.sqrt(var + eps)",
        "var",
        "x was divided by the variance, without eps. The standard deviation is the root of both together.",
    ),
    *either(
        "neither x divided nor the mean scaled",
        Y,
        "y = gamma[:, None, None] * x - mean[:, None, None] / std[:, None, None] + beta[:, None, None]",
        "x was not divided by std, and the mean not multiplied by gamma: a parenthesis around x - "
        "mean is missing.",
    ),
    Mistake(
        "mean absolute distance for the variance",
        "np.sqrt(var + eps)",
        "np.sqrt(np.abs(x - mean[:, None, None]).mean(axis=(0, 2, 3)) + eps)",
        "The variance is the mean of the squared distances from the mean; here their absolute values "
        "were averaged.",
    ),
    Mistake(
        "M + 1 for M - 1",
        UNBIASED,
        "unbiased = var * count / (count + 1)",
        "The variance was made smaller by M / (M + 1). The unbiased one is divided by M - 1.",
    ),
    Mistake(
        "input modified in place",
        AVERAGES,
        "running_mean *= momentum\n    running_mean += (1 - momentum) * mean\n"
        "    running_var *= momentum\n    running_var += (1 - momentum) * unbiased",
        "",
    ),
]
