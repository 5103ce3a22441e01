"""Exercise 2.2: Batch norm, backward.

In train mode batch norm normalises every channel by the mean and the variance of its own M = N * H * W values
(the formulas stand in exercise 2.1). Its cache holds x_hat, gamma and std:

    x_hat = (x - mean) / std,   std = square root of (variance + eps),   y = gamma * x_hat + beta

Backward receives dy, the gradient of the loss with respect to y, and returns those with respect to x, gamma
and beta. What is special is that mean and std are computed *from x*. Look at one channel, and number its
values 1 to M. A change of x[i] moves all of the channel's results, along three paths: straight to x_hat[i],
and by way of the mean and of the standard deviation to every x_hat[j]. Derive first that

    d mean / d x[i] = 1/M,   d std / d x[i] = x_hat[i] / M

and then, by the quotient rule,

    d x_hat[j] / d x[i] = 1/std * ( (1 if i = j, else 0)  -  1/M  -  x_hat[i] * x_hat[j] / M )

In eval mode mean and std are fixed numbers, the running averages, and no function of x.
"""

import numpy as np


def batch_norm_backward(dy, cache):
    """Return dx, dgamma, dbeta of train mode: the loss's gradients, each of the shape of its array.

    dy: (N, C, H, W), the gradient of the loss with respect to y. cache: the tuple (x_hat, gamma, std), x_hat
    like dy, gamma and std (C,); eps is in std already. dx: like dy; dgamma, dbeta: (C,). All keep the dtype
    of dy.

        dgamma[c] = sum over n, h, w of dy[n, c, h, w] * x_hat[n, c, h, w]
        dbeta[c]  = sum over n, h, w of dy[n, c, h, w]

    and in each channel, with i and j running over its M values,

        dx[i] = sum over j of dy[j] * gamma * (d x_hat[j] / d x[i])

    One image of one channel; x was [[1, 1], [1, 9]], with mean 3, variance 12 and eps 4:

    >>> x_hat, gamma, std = np.array([[[[-0.5, -0.5], [-0.5, 1.5]]]]), np.array([2.0]), np.array([4.0])
    >>> dy = np.array([[[[1.0, 2.0], [5.0, 8.0]]]])
    >>> dx, dgamma, dbeta = batch_norm_backward(dy, (x_hat, gamma, std))
    >>> dx
    array([[[[-1. , -0.5],
             [ 1. ,  0.5]]]])
    >>> dgamma, dbeta
    (array([8.]), array([16.]))
    """
    # solution
    x_hat, gamma, std = cache
    count = dy[:, 0].size  # M
    dgamma = (dy * x_hat).sum(axis=(0, 2, 3))
    dbeta = dy.sum(axis=(0, 2, 3))
    # the three paths; the sums over j of dy[j] and of dy[j] * x_hat[j] are there already
    by_mean = (dbeta / count)[:, None, None]
    by_std = x_hat * (dgamma / count)[:, None, None]
    dx = (gamma / std)[:, None, None] * (dy - by_mean - by_std)
    return dx, dgamma, dbeta
    # end of solution


def batch_norm_eval_backward(dy, cache):
    """Return dx, dgamma, dbeta of eval mode, where mean and std are fixed numbers.

    Shapes and cache as above, but x_hat = (x - running mean) / std, and std comes from the running variance.

        dgamma, dbeta: as above
        dx[i] = dy[i] * gamma * (d x_hat[i] / d x[i]), for only the straight path is left

    >>> x_hat, gamma, std = np.array([[[[0.0, 0.0], [0.0, 2.0]]]]), np.array([2.0]), np.array([4.0])
    >>> dy = np.array([[[[1.0, 2.0], [5.0, 8.0]]]])
    >>> dx, dgamma, dbeta = batch_norm_eval_backward(dy, (x_hat, gamma, std))
    >>> dx
    array([[[[0.5, 1. ],
             [2.5, 4. ]]]])
    >>> dgamma, dbeta
    (array([16.]), array([16.]))
    """
    # solution
    x_hat, gamma, std = cache
    dgamma, dbeta = (dy * x_hat).sum(axis=(0, 2, 3)), dy.sum(axis=(0, 2, 3))
    return dy * (gamma / std)[:, None, None], dgamma, dbeta
    # end of solution


# Nothing from here on is handed out.

import minires.functional as F
from minires.course.parts import Mistake, Part

LESSON = 5
CHANNEL = (0, 2, 3)  # the axes over which a channel's values run


def of_channel(vector):
    """Return (C,) as (C, 1, 1)."""
    return vector[:, None, None]


def train_cases(rng):
    """Return caches as train mode makes them: a batch of one, images of one pixel and of one channel."""
    cases = [plain_case(rng)]
    sizes = [(1, 3, 2, 3), (4, 1, 3, 2), (6, 3, 1, 1), (3, 2, 4, 5), (3, 3, 3, 3), (2, 4, 5, 2)]
    for size, eps in zip(sizes, (0.3, 0.5, 0.2, 1e-5, 0.1, 1e-3), strict=True):
        x = of_channel(rng.uniform(0.5, 2, size[1])) * rng.standard_normal(size)
        std = np.sqrt(x.var(axis=CHANNEL) + eps)
        x_hat = (x - of_channel(x.mean(axis=CHANNEL))) / of_channel(std)
        cases.append(case(rng, x_hat, std))
    return cases


def eval_cases(rng):
    """Return caches as eval mode makes them, in which x_hat has some mean and variance."""
    cases = [plain_case(rng)]
    for size in [(1, 3, 2, 3), (4, 1, 3, 2), (6, 3, 1, 1), (3, 2, 4, 5), (3, 3, 3, 3), (1, 5, 2, 2)]:
        std = rng.uniform(0.3, 3, size[1])
        x_hat = of_channel(rng.standard_normal(size[1])) + rng.standard_normal(size)
        cases.append(case(rng, x_hat, std))
    return cases


def train_large(rng, inputs=150_000):
    """Return many channels of few values, so that a matrix for each channel is affordable."""
    x = rng.standard_normal((2, inputs // 32, 4, 4))
    std = np.sqrt(x.var(axis=CHANNEL) + 0.1)
    return case(rng, (x - of_channel(x.mean(axis=CHANNEL))) / of_channel(std), std)


def eval_large(rng, inputs=150_000):
    size = 2, inputs // 32, 4, 4
    return case(
        rng,
        of_channel(rng.standard_normal(size[1])) + rng.standard_normal(size),
        rng.uniform(0.3, 3, size[1]),
    )


def plain_case(rng):
    """Return two images of two channels, 1x2, with a variance of 12 and eps 4 in both channels."""
    channels = [
        rng.permutation(values).reshape(2, 1, 2)
        for values in ([-0.5, -0.5, -0.5, 1.5], [0.5, 0.5, 0.5, -1.5])
    ]
    cache = (np.stack(channels, axis=1), np.array([2.0, -4.0]), np.array([4.0, 4.0]))
    return {"dy": rng.permutation(np.arange(1.0, 9.0)).reshape(2, 2, 1, 2), "cache": cache}


def case(rng, x_hat, std):
    """Return an input with a gamma and a dy, whose sum is not near 0."""
    gamma = rng.uniform(0.5, 2, len(std)) * rng.choice([-1, 1], len(std))
    return {"dy": rng.standard_normal(x_hat.shape) + 0.5, "cache": (x_hat, gamma, std)}


def train_numeric(case):
    """Return the forward of train mode, and inputs that lead to this cache."""
    x_hat, gamma, std = case["cache"]
    x = x_hat * of_channel(std)  # any mean would do
    eps = float(np.mean(std**2 - x.var(axis=CHANNEL)))  # the same in all channels

    def forward(x, gamma, beta):
        y, _, (_, var) = F.batch_norm_train_forward(x, gamma, beta, eps=eps)
        ones, zeros = np.ones_like(gamma), np.zeros_like(gamma)
        x_hat, _, _ = F.batch_norm_train_forward(x, ones, zeros, eps=eps)
        return y, (x_hat, gamma, np.sqrt(var + eps))

    return forward, {"x": x, "gamma": gamma, "beta": np.zeros_like(gamma)}


def eval_numeric(case):
    """Return the forward of eval mode, and inputs that lead to this cache."""
    x_hat, gamma, std = case["cache"]

    def forward(x, gamma, beta):
        mean, var = np.zeros_like(gamma), (std**2).astype(gamma.dtype)  # the check tries float32 too
        y, _ = F.batch_norm_eval_forward(x, gamma, beta, mean, var, eps=0.0)
        ones, zeros = np.ones_like(gamma), np.zeros_like(gamma)
        x_hat, _ = F.batch_norm_eval_forward(x, ones, zeros, mean, var, eps=0.0)
        return y, (x_hat, gamma, np.sqrt(var))

    return forward, {"x": x_hat * of_channel(std), "gamma": gamma, "beta": np.zeros_like(gamma)}


PARTS = [
    Part(
        "batch_norm_backward",
        returns=("dx", "dgamma", "dbeta"),
        cases=train_cases,
        large=train_large,
        numeric=train_numeric,
        points=3,
        hints=(
            "gamma and beta reach y only in their own channel, so their gradients are sums over everything "
            "else. For dx follow the three paths one by one; their contributions add up.",
            "Put d x_hat[j] / d x[i] into the sum over j. Its first term leaves one dy, its second the mean "
            "of dy over the channel, its third x_hat[i] times the mean of dy * x_hat over the channel.",
            "Both sums are there already: they are dbeta and dgamma. Divide each by M, the number of values "
            "in a channel, give them the shape (C, 1, 1), subtract, and multiply everything by gamma / std.",
        ),
    ),
    Part(
        "batch_norm_eval_backward",
        returns=("dx", "dgamma", "dbeta"),
        cases=eval_cases,
        large=eval_large,
        numeric=eval_numeric,
        hints=(
            "In eval mode y is a straight line of x in each channel.",
            "The slope of that line is gamma / std; dgamma and dbeta do not care where x_hat came from.",
            "Give gamma / std the shape (C, 1, 1), and each dy meets the slope of its channel.",
        ),
    ),
]

DX = "(gamma / std)[:, None, None] * (dy - by_mean - by_std)"

MISTAKES = [
    Mistake(
        "path through the mean is missing",
        "(dy - by_mean - by_std)",
        "(dy - by_std)",
        "dx lacks the path by way of the mean: x moves the mean, and the mean moves every x_hat of the "
        "channel.",
    ),
    Mistake(
        "path through the variance is missing",
        "(dy - by_mean - by_std)",
        "(dy - by_mean)",
        "dx lacks the path by way of the standard deviation: x moves the variance, and that stretches every "
        "x_hat of the channel.",
    ),
    Mistake(
        "statistics taken as constants",
        "(dy - by_mean - by_std)",
        "dy",
        "dx has only the straight path, as if mean and std were fixed numbers. That is eval mode; in train "
        "mode both are computed from x.",
    ),
    Mistake(
        "path through the mean has the wrong sign",
        "(dy - by_mean - by_std)",
        "(dy + by_mean - by_std)",
        "The mean is subtracted in forward, so what comes back through it is subtracted too.",
    ),
    Mistake(
        "path through the variance has the wrong sign",
        "(dy - by_mean - by_std)",
        "(dy - by_mean + by_std)",
        "A larger std makes x_hat smaller, so what comes back through it is subtracted.",
    ),
    Mistake(
        "the mean's 1/M is missing",
        "(dbeta / count)",
        "dbeta",
        "In the path by way of the mean stands the sum of dy; d mean / d x[i] = 1/M makes it the mean of dy.",
    ),
    Mistake(
        "the variance's 1/M is missing",
        "(dgamma / count)",
        "dgamma",
        "In the path by way of the standard deviation stands the sum of dy * x_hat; the variance is a mean, "
        "and its 1/M makes this one a mean too.",
    ),
    Mistake(
        "1/M is missing",
        "count = dy[:, 0].size",
        "count = 1",
        "Mean and variance are sums divided by M; in both of their paths this 1/M is missing.",
    ),
    Mistake(
        "M counts only the images",
        "count = dy[:, 0].size",
        "count = len(dy)",
        "The sums were divided by N. A channel has N * H * W values: its pixels count too.",
    ),
    Mistake(
        "M counts all channels",
        "count = dy[:, 0].size",
        "count = dy.size",
        "The sums were divided by the size of the whole array. Every channel has a mean and a variance of "
        "its own, made of N * H * W values.",
    ),
    Mistake(
        "M - 1 instead of M",
        "count = dy[:, 0].size",
        "count = dy[:, 0].size - 1",
        "The sums were divided by M - 1. Forward normalised with the biased variance, which is divided by M.",
    ),
    Mistake(
        "the root's 1/2 is missing",
        "- by_std)",
        "- 2 * by_std)",
        "The path by way of the variance is twice as large as it should be: std is the root of the "
        "variance, and the derivative of a root brings 1/2.",
    ),
    Mistake(
        "the square's 2 is missing",
        "- by_std)",
        "- by_std / 2)",
        "The path by way of the variance is half as large as it should be: the variance is a mean of "
        "squares, and the derivative of a square brings 2.",
    ),
    Mistake(
        "averages over single pixels",
        "(dy - by_mean - by_std)",
        "(dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))",
        "The averages in dx run over the images alone. A channel's mean and variance come from all of its "
        "pixels, so these averages run over axes 0, 2 and 3.",
    ),
    Mistake(
        "gamma is missing in dx",
        DX,
        "(dy - by_mean - by_std) / std[:, None, None]",
        "x reaches y through gamma * x_hat, so every path of dx has the factor gamma.",
    ),
    Mistake(
        "gamma is missing in the paths",
        DX,
        "(gamma[:, None, None] * dy - by_mean - by_std) / std[:, None, None]",
        "Only the straight path has the factor gamma. dgamma and dbeta were made from dy without it, so the "
        "other two paths need it as well.",
    ),
    Mistake(
        "1/std is missing",
        DX,
        "gamma[:, None, None] * (dy - by_mean - by_std)",
        "x was divided by std, so every path of dx has the factor 1/std.",
    ),
    Mistake(
        "divided by the variance",
        DX,
        "(gamma / std**2)[:, None, None] * (dy - by_mean - by_std)",
        "dx was divided by std twice. The cache holds std, with the root already taken.",
    ),
    Mistake(
        "multiplied by std",
        DX,
        "(gamma * std)[:, None, None] * (dy - by_mean - by_std)",
        "Forward divided by std, and so does backward: the derivative of x / std is 1 / std.",
    ),
    Mistake(
        "mean instead of sum in dgamma",
        "dgamma = (dy * x_hat).sum(axis=(0, 2, 3))\n",
        "dgamma = (dy * x_hat).mean(axis=(0, 2, 3))\n",
        "dgamma is a mean. gamma takes part in every value of its channel, and its gradient is the sum.",
    ),
    Mistake(
        "mean instead of sum in dbeta",
        "dbeta = dy.sum(axis=(0, 2, 3))\n",
        "dbeta = dy.mean(axis=(0, 2, 3))\n",
        "dbeta is a mean. beta takes part in every value of its channel, and its gradient is the sum.",
    ),
    Mistake(
        "x_hat is missing in dgamma",
        "dgamma = (dy * x_hat).sum(axis=(0, 2, 3))\n",
        "dgamma = dy.sum(axis=(0, 2, 3))\n",
        "dgamma is the sum of dy, as dbeta is. gamma is multiplied by x_hat, which its gradient needs.",
    ),
    Mistake(
        "sums over the wrong axes",
        "return dx, dgamma, dbeta",
        "return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)",
        "The gradient was summed over the images alone. gamma and beta have one value a channel, so the "
        "pixels are summed too.",
    ),
    Mistake(
        "sums of each image",
        "return dx, dgamma, dbeta",
        "return dx, (dy * x_hat).sum(axis=(2, 3)), dy.sum(axis=(2, 3))",
        "The gradient was summed over the pixels alone, one row an image. gamma and beta serve all images, "
        "so the images are summed too.",
    ),
    Mistake(
        "dgamma and dbeta exchanged",
        "return dx, dgamma, dbeta",
        "return dx, dbeta, dgamma",
        "The values of dgamma and dbeta are each other's: is the order dx, dgamma, dbeta?",
    ),
    Mistake(
        "overwritten instead of added",
        "dbeta = dy.sum(axis=(0, 2, 3))\n",
        "dbeta = dy[-1, :, -1, -1]\n",
        "dbeta is the dy of the very last pixel alone: beta takes part in all of them, and a gradient that "
        "arrives several times is added up (+=), not overwritten (=).",
    ),
    Mistake(
        "input modified in place",
        "dgamma = (dy * x_hat).sum(axis=(0, 2, 3))\n    dbeta",
        "dgamma = (dy * x_hat).sum(axis=(0, 2, 3))\n    dy *= 2\n    dbeta",
        "",
    ),
    Mistake(
        "train mode's paths in eval mode",
        "return dy * (gamma / std)[:, None, None], dgamma, dbeta",
        "return batch_norm_backward(dy, cache)",
        "dx has the paths by way of mean and variance. In eval mode both are fixed numbers, and x cannot "
        "move them.",
    ),
    Mistake(
        "gamma is missing in eval mode",
        "return dy * (gamma / std)[:, None, None], dgamma, dbeta",
        "return dy / std[:, None, None], dgamma, dbeta",
        "y is gamma * x_hat + beta, so dx has the factor gamma.",
    ),
    Mistake(
        "1/std is missing in eval mode",
        "return dy * (gamma / std)[:, None, None], dgamma, dbeta",
        "return dy * gamma[:, None, None], dgamma, dbeta",
        "x was divided by std, a fixed number, so dx has the factor 1/std.",
    ),
]
