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

PATHS = "(dy - by_mean - by_std)"
DX = f"(gamma / std)[:, None, None] * {PATHS}"
RETURN = "return dx, dgamma, dbeta"
RETURN_EVAL = "return dy * (gamma / std)[:, None, None], dgamma, dbeta"
S = "std[:, None, None]"


def paths(name, new, says):
    """Return the row of a mistake in the sum of the three paths."""
    return Mistake(name, PATHS, new, says)


def sums(name, dgamma, dbeta, says):
    """Return the rows of a mistake in dgamma and dbeta that can be made in train mode and in eval mode."""
    new = f"{dgamma}, {dbeta}"
    return [
        Mistake(name, RETURN, f"return dx, {new}", says),
        Mistake(f"{name} in eval mode", RETURN_EVAL, RETURN_EVAL.replace("dgamma, dbeta", new), says),
    ]


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
    paths(
        "both paths have the wrong sign",
        "(dy + by_mean + by_std)",
        "The paths through mean and standard deviation were added. The mean is subtracted in forward and std "
        "divides, so what comes back through either is subtracted.",
    ),
    paths(
        "straight path is missing",
        "(-by_mean - by_std)",
        "dx holds only what comes back through mean and standard deviation. x also reaches its own x_hat "
        "directly.",
    ),
    paths(
        "only the path through the mean",
        "-by_mean",
        "dx holds only what comes back through the mean: the other two paths are missing, or overwritten. "
        "The three are added up.",
    ),
    paths(
        "only the path through the variance",
        "-by_std",
        "dx holds only what comes back through the standard deviation: the other two paths are missing, or "
        "overwritten. The three are added up.",
    ),
    paths(
        "power of std in the variance's path: one too low",
        f"(dy - by_mean - by_std * {S})",
        "The path through the standard deviation is too large by a factor of std. Look at the powers: the "
        "derivative of 1 / s is -1 / s^2, and of v^(-1/2) it is -1/2 v^(-3/2).",
    ),
    paths(
        "power of std in the variance's path: two too low",
        f"(dy - by_mean - by_std * {S} ** 2)",
        "The path through the standard deviation is too large by a factor of std^2. Look at the powers: the "
        "derivative of v^(-1/2) is -1/2 v^(-3/2), not v^(-1/2).",
    ),
    paths(
        "power of std in the variance's path: three too low",
        f"(dy - by_mean - by_std * {S} ** 3)",
        "The path through the standard deviation is too large by a factor of std^3: the power of std is "
        "missing in it.",
    ),
    paths(
        "power of std in the variance's path: one too high",
        f"(dy - by_mean - by_std / {S})",
        "The path through the standard deviation is divided by std once too often. The cache holds x_hat, "
        "which has been divided by std already, and std, whose root has been taken.",
    ),
    paths(
        "power of std in the variance's path: two too high",
        f"(dy - by_mean - by_std / {S} ** 2)",
        "The path through the standard deviation is divided by std twice too often. Where the derivation "
        "says x - mean, x_hat alone has been divided by std already.",
    ),
    paths(
        "power of std and the root's 1/2",
        f"(dy - by_mean - 2 * by_std * {S})",
        "The path through the standard deviation is too large by a factor of 2 * std. The derivative of "
        "v^(-1/2) has the factor 1/2 and the power -3/2.",
    ),
    paths(
        "derivative 1/s without its power and 1/2",
        f"(dy - by_mean - 2 * by_std * {S} ** 2)",
        "The path through the standard deviation is too large by a factor of 2 * std^2. The derivative of "
        "v^(-1/2) has the factor 1/2 and the power -3/2.",
    ),
    paths(
        "power 3/2 for the factor 1/2",
        "(dy - by_mean - 3 * by_std)",
        "The path through the standard deviation is 3 times too large. The derivative of v^(-1/2) has the "
        "factor 1/2 and the power -3/2.",
    ),
    paths(
        "square and root: four times too large",
        "(dy - by_mean - 4 * by_std)",
        "The path through the standard deviation is 4 times too large: the 2 of the square and the 1/2 of "
        "the root cancel.",
    ),
    paths(
        "gamma is missing in the path through the mean",
        "(dy - by_mean / gamma[:, None, None] - by_std)",
        "In the path through the mean gamma is missing: dy was averaged before it had been multiplied by "
        "gamma.",
    ),
    paths(
        "gamma is missing in the path through the variance",
        "(dy - by_mean - by_std / gamma[:, None, None])",
        "In the path through the standard deviation gamma is missing: dy was taken for the gradient of "
        "x_hat.",
    ),
    paths(
        "gamma twice in the path through the mean",
        "(dy - by_mean * gamma[:, None, None] - by_std)",
        "The path through the mean holds gamma twice.",
    ),
    paths(
        "gamma twice in the path through the variance",
        "(dy - by_mean - by_std * gamma[:, None, None])",
        "The path through the standard deviation holds gamma twice.",
    ),
    paths(
        "1/std is missing in the path through the mean",
        f"(dy - by_mean * {S} - by_std)",
        "In the path through the mean 1/std is missing: the mean is subtracted from x before x is divided "
        "by std.",
    ),
    paths(
        "1/std twice in the path through the mean",
        f"(dy - by_mean / {S} - by_std)",
        "The path through the mean is divided by std twice.",
    ),
    paths(
        "1/std is missing in the straight path",
        f"(dy * {S} - by_mean - by_std)",
        "In the straight path 1/std is missing; the other two have it.",
    ),
    Mistake(
        "factor on the straight path alone",
        DX,
        "(gamma / std)[:, None, None] * dy - by_mean - by_std",
        "gamma / std multiplies the straight path alone. All three paths have this factor: a parenthesis is "
        "missing.",
    ),
    Mistake(
        "gamma on the straight path, 1/std on all",
        DX,
        "gamma[:, None, None] * (dy / std[:, None, None] - by_mean - by_std)",
        "1/std multiplies the straight path alone. All three paths have this factor.",
    ),
    Mistake(
        "gamma twice",
        DX,
        f"(gamma**2 / std)[:, None, None] * {PATHS}",
        "dx holds gamma twice.",
    ),
    Mistake(
        "divided by gamma",
        DX,
        f"{PATHS} / (gamma * std)[:, None, None]",
        "dx was divided by gamma; it is a factor in forward, and so it is in backward.",
    ),
    Mistake(
        "factor along the columns",
        DX,
        f"gamma / std * {PATHS}",
        "gamma / std met the columns of the images: NumPy lays (C,) along the last axis, and where that has "
        "another length it fails. Its axis is 1, that of the channels.",
    ),
    Mistake(
        "vectors along the columns",
        DX,
        "gamma / std * (dy - dbeta / count - x_hat * dgamma / count)",
        "The channels' vectors met the columns of the images: NumPy lays (C,) along the last axis, and where "
        "that has another length it fails. Their axis is 1.",
    ),
    Mistake(
        "1/M in front is missing",
        DX,
        f"{DX} * count",
        "dx is too large by the factor M: with M * dy - (sum of dy) - x_hat * (sum of dy * x_hat) in the "
        "parenthesis, 1/M stands before it.",
    ),
    Mistake(
        "1/N for the 1/M in front",
        DX,
        f"{DX} * count / len(dy)",
        "dx is too large by the number of pixels: the factor before the parenthesis is 1/M with "
        "M = N * H * W, not 1/N.",
    ),
    Mistake(
        "divided by M once more",
        DX,
        f"{DX} / count",
        "dx is too small by the factor M: it was divided by M once too often.",
    ),
    Mistake(
        "averaged over the images",
        DX,
        f"{DX} / len(dy)",
        "dx was divided by N. The loss decides whether it is a mean, and dy has that factor already.",
    ),
    paths(
        "the straight path was divided by M too",
        "(dy / count - by_mean - by_std)",
        "The straight path was divided by M like the other two. It comes from one value alone and has no "
        "1/M; with 1/M in front of everything, M stands before dy.",
    ),
    paths(
        "the straight path was divided by N too",
        "(dy * len(dy) / count - by_mean - by_std)",
        "The straight path is too small by the number of pixels: with 1/M in front of everything, M stands "
        "before dy, not N.",
    ),
    paths(
        "x_hat is missing in the path through the variance",
        "(dy - by_mean - (dgamma / count)[:, None, None])",
        "In the path through the standard deviation the same number was subtracted everywhere. How much a "
        "value moves the standard deviation depends on its distance from the mean: x_hat is a factor.",
    ),
    paths(
        "x_hat is missing in the sum of the variance's path",
        "(dy - by_mean - x_hat * (dbeta / count)[:, None, None])",
        "In the path through the standard deviation dy alone was averaged. std divides each x_hat, so dy is "
        "multiplied by x_hat before the average.",
    ),
    paths(
        "x_hat squared in the path through the variance",
        "(dy - by_mean - x_hat**2 * (dgamma / count)[:, None, None])",
        "In the path through the standard deviation x_hat stands twice outside the sum; it stands there "
        "once.",
    ),
    paths(
        "sums exchanged in the paths",
        "(dy - (dgamma / count)[:, None, None] - x_hat * (dbeta / count)[:, None, None])",
        "dgamma and dbeta are exchanged in dx: the mean's path has the sum of dy, the other one that of "
        "dy * x_hat.",
    ),
    paths(
        "not summed in the path through the variance",
        "(dy - by_mean - x_hat * dy * x_hat / count)",
        "The path through the standard deviation holds only each value's own dy. A value moves std, and std "
        "moves every x_hat of the channel: the sum over the channel is missing.",
    ),
    paths(
        "not summed in the path through the mean",
        "(dy - dy / count - by_std)",
        "The path through the mean holds only each value's own dy. A value moves the mean, and that moves "
        "every x_hat of the channel: the sum over the channel is missing.",
    ),
    paths(
        "not summed in either path",
        "(dy - dy / count - x_hat * dy * x_hat / count)",
        "Both paths hold only each value's own dy. Mean and std move every x_hat of the channel: the sums "
        "over the channel are missing.",
    ),
    paths(
        "averages of each image",
        "(dy - dy.mean((2, 3), keepdims=True) - x_hat * (dy * x_hat).mean((2, 3), keepdims=True))",
        "The averages in dx run over the pixels of one image. A channel's mean and variance come from all "
        "images, so these averages run over axes 0, 2 and 3.",
    ),
    paths(
        "average of each image in the path through the mean",
        "(dy - dy.mean((2, 3), keepdims=True) - by_std)",
        "In the path through the mean dy was averaged over the pixels of one image. It is averaged over all "
        "images, axes 0, 2 and 3.",
    ),
    paths(
        "average of each image in the path through the variance",
        "(dy - by_mean - x_hat * (dy * x_hat).mean((2, 3), keepdims=True))",
        "In the path through the standard deviation the average runs over the pixels of one image. It runs "
        "over all images, axes 0, 2 and 3.",
    ),
    paths(
        "average over single pixels in the path through the mean",
        "(dy - dy.mean(axis=0) - by_std)",
        "In the path through the mean dy was averaged over the images alone. It is averaged over the pixels "
        "too, axes 0, 2 and 3.",
    ),
    paths(
        "average over single pixels in the path through the variance",
        "(dy - by_mean - x_hat * (dy * x_hat).mean(axis=0))",
        "In the path through the standard deviation the average runs over the images alone. It runs over the "
        "pixels too, axes 0, 2 and 3.",
    ),
    paths(
        "averages over all channels",
        "(dy - dy.mean() - x_hat * (dy * x_hat).mean())",
        "The averages in dx were taken over the whole array. Every channel has a mean and a variance of its "
        "own.",
    ),
    paths(
        "average over all channels in the path through the mean",
        "(dy - dy.mean() - by_std)",
        "In the path through the mean dy was averaged over the whole array. Every channel has its own mean.",
    ),
    paths(
        "average over all channels in the path through the variance",
        "(dy - by_mean - x_hat * (dy * x_hat).mean())",
        "In the path through the standard deviation the average was taken over the whole array. Every "
        "channel has its own variance.",
    ),
    paths(
        "averages over all channels of one image",
        "(dy - dy.mean((1, 2, 3), keepdims=True) - x_hat * (dy * x_hat).mean((1, 2, 3), keepdims=True))",
        "The averages in dx run over the channels of one image, which is layer norm. They run over axes 0, 2 "
        "and 3, all but that of the channels.",
    ),
    paths(
        "M counts only the images in the path through the mean",
        "(dy - by_mean * count / len(dy) - by_std)",
        "In the path through the mean the sum was divided by N. A channel has M = N * H * W values.",
    ),
    paths(
        "M counts only the images in the path through the variance",
        "(dy - by_mean - by_std * count / len(dy))",
        "In the path through the standard deviation the sum was divided by N. A channel has M = N * H * W "
        "values.",
    ),
    Mistake(
        "M counts only the pixels",
        "count = dy[:, 0].size",
        "count = dy[0, 0].size",
        "The sums were divided by H * W. A channel has N * H * W values: the images count too.",
    ),
    Mistake(
        "M is the number of channels",
        "count = dy[:, 0].size",
        "count = dy.shape[1]",
        "The sums were divided by the number of channels. A channel has M = N * H * W values.",
    ),
    paths(
        "M - 1 in the path through the variance",
        "(dy - by_mean - by_std * count / (count - 1))",
        "In the path through the standard deviation the sum was divided by M - 1. Forward normalised with "
        "the biased variance, which is divided by M.",
    ),
    *sums(
        "dgamma multiplied by gamma",
        "gamma * dgamma",
        "dbeta",
        "dgamma holds gamma: it was summed from dy * gamma. y = gamma * x_hat + beta changes with gamma by "
        "x_hat alone.",
    ),
    *sums(
        "dbeta multiplied by gamma",
        "dgamma",
        "gamma * dbeta",
        "dbeta holds gamma: it was summed from dy * gamma. beta is added after the scale.",
    ),
    *sums(
        "dgamma and dbeta multiplied by gamma",
        "gamma * dgamma",
        "gamma * dbeta",
        "Both sums hold gamma: they were made from dy * gamma. They belong to dy itself.",
    ),
    *sums(
        "dgamma from x - mean",
        "std * dgamma",
        "dbeta",
        "dgamma was summed from dy * (x - mean). gamma multiplies x_hat, which has been divided by std.",
    ),
    *sums(
        "dgamma divided by std",
        "dgamma / std",
        "dbeta",
        "dgamma was divided by std: x_hat has been divided by it already.",
    ),
    *sums(
        "dy is missing in dgamma",
        "x_hat.sum(axis=(0, 2, 3))",
        "dbeta",
        "dgamma is the sum of x_hat alone: the gradient that arrives, dy, is a factor.",
    ),
    *sums(
        "means over the images in dgamma and dbeta",
        "dgamma / len(dy)",
        "dbeta / len(dy)",
        "The sums of gamma's and beta's gradients were divided by N. They are sums; whether the loss is a "
        "mean over the batch stands in dy already.",
    ),
    *sums(
        "sums over all channels",
        "(dy * x_hat).sum() + 0 * gamma",
        "dy.sum() + 0 * gamma",
        "All channels got the same number, the sum over the whole array. Each has its own gamma and beta.",
    ),
    *sums(
        "sums over axes 0 and 2",
        "(dy * x_hat).sum(axis=(0, 2))",
        "dy.sum(axis=(0, 2))",
        "Axis 3 was not summed. gamma and beta have one value a channel: all axes but 1 are summed.",
    ),
    *sums(
        "sums over axes 0 and 3",
        "(dy * x_hat).sum(axis=(0, 3))",
        "dy.sum(axis=(0, 3))",
        "Axis 2 was not summed. gamma and beta have one value a channel: all axes but 1 are summed.",
    ),
    *sums(
        "sums over axes 1, 2 and 3",
        "(dy * x_hat).sum(axis=(1, 2, 3))",
        "dy.sum(axis=(1, 2, 3))",
        "The channels were summed, and the images left: that is one number an image. gamma and beta have one "
        "value a channel, and all axes but 1 are summed.",
    ),
    *sums(
        "summed axes kept",
        "dgamma[None, :, None, None]",
        "dbeta[None, :, None, None]",
        "The gradient has the shape (1, C, 1, 1): the sum kept its axes. (C,) is asked for, like gamma.",
    ),
    *sums(
        "dgamma overwritten instead of added",
        "(dy * x_hat)[-1, :, -1, -1]",
        "dbeta",
        "dgamma has what the very last pixel gives: gamma takes part in all of them, and a gradient that "
        "arrives several times is added up (+=), not overwritten (=).",
    ),
    *sums(
        "last image alone in dgamma and dbeta",
        "(dy * x_hat)[-1].sum(axis=(1, 2))",
        "dy[-1].sum(axis=(1, 2))",
        "The sums of gamma's and beta's gradients have the last image alone: each image overwrites (=) what "
        "the one before has left, where it should be added (+=).",
    ),
    *sums(
        "sum of products taken for product of sums",
        "dbeta * x_hat.sum(axis=(0, 2, 3))",
        "dbeta",
        "dgamma is the sum of dy times the sum of x_hat. Each dy is multiplied by its own x_hat, and then "
        "they are summed.",
    ),
    Mistake(
        "mean instead of sum in dgamma in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dgamma", "dgamma / dy[:, 0].size"),
        "dgamma is a mean. gamma takes part in every value of its channel, and its gradient is the sum.",
    ),
    Mistake(
        "mean instead of sum in dbeta in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dbeta", "dbeta / dy[:, 0].size"),
        "dbeta is a mean. beta takes part in every value of its channel, and its gradient is the sum.",
    ),
    Mistake(
        "x_hat is missing in dgamma in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dgamma", "dbeta"),
        "dgamma is the sum of dy, as dbeta is. gamma is multiplied by x_hat, which its gradient needs.",
    ),
    Mistake(
        "dgamma and dbeta exchanged in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dgamma, dbeta", "dbeta, dgamma"),
        "The values of dgamma and dbeta are each other's: is the order dx, dgamma, dbeta?",
    ),
    Mistake(
        "sums over the wrong axes in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dgamma, dbeta", "(dy * x_hat).sum(axis=0), dy.sum(axis=0)"),
        "The gradient was summed over the images alone. gamma and beta have one value a channel, so the "
        "pixels are summed too.",
    ),
    Mistake(
        "sums of each image in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dgamma, dbeta", "(dy * x_hat).sum(axis=(2, 3)), dy.sum(axis=(2, 3))"),
        "The gradient was summed over the pixels alone, one row an image. gamma and beta serve all images, "
        "so the images are summed too.",
    ),
    Mistake(
        "path through the mean in eval mode",
        RETURN_EVAL,
        "return (dy - dy.mean((0, 2, 3), keepdims=True)) * (gamma / std)[:, None, None], dgamma, dbeta",
        "dx has the path by way of the mean. In eval mode the mean is a fixed number, and x cannot move it.",
    ),
    Mistake(
        "path through the variance in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dy *", "(dy - x_hat * (dgamma / dy[:, 0].size)[:, None, None]) *"),
        "dx has the path by way of the variance. In eval mode std is a fixed number, and x cannot move it.",
    ),
    Mistake(
        "dx is dy in eval mode",
        RETURN_EVAL,
        "return dy, dgamma, dbeta",
        "dx is dy itself. y is x times a slope, plus a number: the slope is missing.",
    ),
    Mistake(
        "x_hat in dx in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dy *", "dy * x_hat *"),
        "dx holds x_hat. y is a straight line of x in each channel, and its slope does not depend on x.",
    ),
    Mistake(
        "divided by M in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("dy *", "dy / dy[:, 0].size *"),
        "dx was divided by M. In eval mode nothing is averaged over the batch.",
    ),
    Mistake(
        "divided by the variance in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("/ std", "/ std**2"),
        "dx was divided by std twice. The cache holds std, with the root already taken.",
    ),
    Mistake(
        "root of std in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("/ std", "/ np.sqrt(std)"),
        "The root of std was taken. The cache holds std, with the root already taken.",
    ),
    Mistake(
        "root of std",
        DX,
        DX.replace("/ std", "/ np.sqrt(std)"),
        "The root of std was taken. The cache holds std, with the root already taken.",
    ),
    Mistake(
        "multiplied by std in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("/ std", "* std"),
        "Forward divided by std, and so does backward: the derivative of x / std is 1 / std.",
    ),
    Mistake(
        "divided by gamma in eval mode",
        RETURN_EVAL,
        RETURN_EVAL.replace("(gamma / std)", "(1 / (gamma * std))"),
        "dx was divided by gamma; it is a factor in forward, and so it is in backward.",
    ),
    Mistake(
        "factor along the columns in eval mode",
        RETURN_EVAL,
        "return dy * gamma / std, dgamma, dbeta",
        "gamma / std met the columns of the images: NumPy lays (C,) along the last axis, and where that has "
        "another length it fails. Its axis is 1, that of the channels.",
    ),
    paths(
        "sums of each image in the paths",
        "(dy - dy.sum((2, 3), keepdims=True) / count - x_hat * (dy * x_hat).sum((2, 3), "
        "keepdims=True) / count)",
        "The sums in dx run over the pixels of one image. They run over all images, axes 0, 2 and 3.",
    ),
    paths(
        "x_hat squared outside, dy alone in the sum",
        "(dy - by_mean - x_hat**2 * (dbeta / count)[:, None, None])",
        "In the path through the standard deviation x_hat[i] is squared. One of the two is x_hat[j], "
        "and stands in the sum beside dy[j].",
    ),
    paths(
        "1/std is missing in the straight path and in the mean's",
        "(dy * std[:, None, None] - by_mean * std[:, None, None] - by_std)",
        "In the straight path and in the one through the mean 1/std is missing: x - mean is divided by std.",
    ),
    Mistake(
        "M without the width",
        "count = dy[:, 0].size",
        "count = dy.shape[0] * dy.shape[2]",
        "The sums were divided by N * H. A channel has N * H * W values.",
    ),
    Mistake(
        "M without the height",
        "count = dy[:, 0].size",
        "count = dy.shape[0] * dy.shape[3]",
        "The sums were divided by N * W. A channel has N * H * W values.",
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
