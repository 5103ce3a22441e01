"""Exercise 4.6: Smooth L1, the loss of boxes.

How wrong is a predicted box? Its four offsets (exercise 4.2) are compared with those of the target. The
square of a difference d would make a single box that is far off outweigh all others, and its gradient would
be as large as d; the absolute value of d has a gradient that jumps at 0. Smooth L1 is a parabola near 0 and
straight beyond:

    f(d) = (sigma * d)^2 / 2            if |d| < 1 / sigma^2
           |d| - 1 / (2 * sigma^2)      otherwise

sigma says where one goes over into the other (it is 1 for the boxes of the last stage, 3 for proposals); the
two have the same value and the same slope there, and the slope is never above 1 or below -1.

Most boxes of a training step show background, and there is no box that they should predict: only the positive
ones count. The sum over them is nevertheless divided by R, the number of all boxes:

    loss = 1/R * sum over the positive r, and over k from 0 to 3, of f(offsets[r, k] - targets[r, k])

So the loss of an image without any object is 0, not 0 / 0, and a step with few positives does not weigh as
much as one with many. targets are constants.
"""

import numpy as np


def smooth_l1_forward(offsets, targets, positive, *, sigma):
    """Return the loss, as above, and a cache with what backward will need.

    offsets, targets: (R, 4); positive: (R,), True for the boxes that count; sigma: a number. loss: a single
    number.

    >>> offsets, targets = np.array([[0.5, 3.0, 0.0, -1.0], [9.0, 9.0, 9.0, 9.0]]), np.zeros((2, 4))
    >>> loss, cache = smooth_l1_forward(offsets, targets, np.array([True, False]), sigma=1.0)
    >>> print(loss)  # 1/2 * (0.125 + 2.5 + 0 + 0.5)
    1.5625
    """
    # solution
    difference = (offsets - targets) * positive[:, None]  # 0 in the rows that do not count: f(0) is 0
    size, end = np.abs(difference), 1 / sigma**2
    each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)
    loss = each.sum() / len(offsets)
    cache = (difference, sigma)
    return loss, cache
    # end of solution


def smooth_l1_backward(dloss, cache):
    """Return doffsets, the gradient with respect to the offsets.

    dloss: a number, the gradient that arrives at the loss: 1, or the weight of this loss among several;
    cache: of smooth_l1_forward. doffsets: (R, 4), with the dtype of the offsets.

        doffsets[r, k] = dloss / R * f'(offsets[r, k] - targets[r, k])      0 unless r is positive

    f' is for you to find.

    >>> offsets, targets = np.array([[0.5, 3.0, 0.0, -1.0], [9.0, 9.0, 9.0, 9.0]]), np.zeros((2, 4))
    >>> _, cache = smooth_l1_forward(offsets, targets, np.array([True, False]), sigma=1.0)
    >>> smooth_l1_backward(8.0, cache)
    array([[ 2.,  4.,  0., -4.],
           [ 0.,  0.,  0.,  0.]])
    """
    # solution
    difference, sigma = cache
    slope = np.clip(sigma**2 * difference, -1, 1)
    doffsets = slope * (dloss / len(difference))
    return doffsets
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24


def cases(rng):
    """Return batches with few, all and no positives, at several sigma, with differences on both branches."""
    first = {
        "offsets": np.array([[0.5, 3.0, -2.0, -0.25]]),
        "targets": np.array([[0.0, 1.0, 1.0, 0.25]]),
        "positive": np.array([True]),
        "sigma": 1.0,
    }
    shapes = [(3, 1, 3.0), (2, 1, 1.0), (6, 2, 3.0), (5, 5, 2.0), (4, 0, 3.0), (7, 3, 0.5)]
    return [first, *(draw(rng, *shape) for shape in shapes)]


def draw(rng, rows, positives, sigma):
    """Return a batch in which no difference is near an end of the parabola, or near 0."""
    end = 1 / sigma**2
    inside, outside = rng.uniform(0.2, 0.8, (2, rows, 2)) * [[[1.0]], [[4.0]]] * end
    outside += end * 1.2
    difference = rng.permuted(np.concatenate([inside, outside], axis=1), axis=1)
    difference *= rng.choice([-1.0, 1.0], (rows, 4))
    targets = rng.standard_normal((rows, 4))
    positive = rng.permutation(np.arange(rows) < positives)
    return {"offsets": targets + difference, "targets": targets, "positive": positive, "sigma": sigma}


def large(rng, inputs=400_000):
    return draw(rng, inputs // 4, inputs // 8, 3.0)


PARTS = [
    Part(
        "smooth_l1_forward",
        returns=("loss", "cache"),
        cases=cases,
        hints=(
            "Compute both branches for all differences and choose by np.where; what does not count must be "
            "left out of the sum, but not out of R.",
            "0.5 * (sigma * d)**2 where |d| < 1 / sigma**2, elsewhere |d| - 0.5 / sigma**2.",
            "Multiply the differences by positive[:, None]: f(0) = 0, so the other rows add nothing. Then "
            "sum over everything, divided by len(offsets).",
        ),
    ),
    Part(
        "smooth_l1_backward",
        after="smooth_l1_forward",
        returns=("doffsets",),
        cases=cases,
        large=large,
        points=2,
        hints=(
            "Differentiate both branches. The factor 1/R and dloss stand in front of everything.",
            "f'(d) = sigma**2 * d on the parabola, and the sign of d beyond.",
            "Both at once: sigma**2 * d, kept between -1 and 1 (np.clip). Rows that are not positive have "
            "the gradient 0; if the cache holds their differences as 0, that comes by itself.",
        ),
    ),
]

MASKED = "difference = (offsets - targets) * positive[:, None]"
EACH = "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)"
MEAN = "loss = each.sum() / len(offsets)"
CACHE = "cache = (difference, sigma)"
SLOPE = "slope = np.clip(sigma**2 * difference, -1, 1)"
RETURNED = "doffsets = slope * (dloss / len(difference))"

MISTAKES = [
    Mistake(
        "1 / sigma^2 missing",
        EACH,
        "each = np.where(size < 1, 0.5 * difference**2, size - 0.5)",
        "This is smooth L1 with sigma = 1, whatever sigma is.",
    ),
    Mistake(
        "1 / sigma^2 missing in the parabola's end",
        EACH,
        "each = np.where(size < 1, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)",
        "The parabola goes on up to |d| = 1. It ends at 1 / sigma^2, where its slope has reached 1; beyond, "
        "f should be straight.",
    ),
    Mistake(
        "1 / sigma^2 missing in the straight part",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - 0.5)",
        "Beyond the parabola 1/2 was taken off |d|, which is right for sigma = 1 only: f jumps where the two "
        "should meet. It is 1 / (2 sigma^2).",
    ),
    Mistake(
        "nothing taken off in the straight part",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size)",
        "Beyond the parabola f is |d| itself, so it jumps by 1 / (2 sigma^2) where the two should meet.",
    ),
    Mistake(
        "sigma not squared in the end",
        EACH,
        "each = np.where(size < 1 / sigma, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)",
        "The parabola ends at |d| = 1 / sigma, which is d^2 = 1 / sigma^2. It should end at "
        "|d| = 1 / sigma^2, where its slope sigma^2 |d| is 1.",
    ),
    Mistake(
        "sigma not squared",
        EACH,
        "each = np.where(size < end, 0.5 * sigma * difference**2, size - 0.5 * end)",
        "In the parabola only d was squared. It is (sigma * d)^2: sigma is squared too.",
    ),
    Mistake(
        "sigma taken for beta",
        EACH,
        "each = np.where(size < sigma, 0.5 * difference**2 / sigma, size - 0.5 * sigma)",
        "sigma was taken for the place where the parabola ends, which PyTorch calls beta. That place is "
        "1 / sigma^2.",
    ),
    Mistake(
        "Huber's loss",
        EACH,
        "each = np.where(size < end, 0.5 * difference**2, end * (size - 0.5 * end))",
        "This is Huber's loss with the same end: it is smooth L1 divided by sigma^2, and its slope beyond is "
        "1 / sigma^2 and not 1.",
    ),
    Mistake(
        "1/2 missing in the parabola",
        EACH,
        "each = np.where(size < end, (sigma * difference) ** 2, size - 0.5 * end)",
        "The parabola is twice as high as it should be: (sigma * d)^2 is divided by 2.",
    ),
    Mistake(
        "squares everywhere",
        EACH,
        "each = 0.5 * (sigma * difference) ** 2",
        "All differences are on the parabola. The large ones should be on the straight part.",
    ),
    Mistake(
        "absolute values everywhere",
        EACH,
        "each = size",
        "This is the L1 loss: the sum of the absolute differences, without a parabola near 0.",
    ),
    Mistake(
        "branches exchanged",
        EACH,
        "each = np.where(size < end, size - 0.5 * end, 0.5 * (sigma * difference) ** 2)",
        "Small differences are on the straight part, and large ones on the parabola.",
    ),
    Mistake(
        "sign not taken off",
        EACH,
        "each = np.where(difference < end, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)",
        "The difference itself was compared with the parabola's end, and so all negative ones were taken for "
        "small. Compare its absolute value.",
    ),
    Mistake(
        "gradient of rows that do not count",
        CACHE,
        "cache = (offsets - targets, sigma)",
        "Boxes that are not positive have a gradient. They do not take part in the loss, so theirs is 0.",
    ),
    Mistake(
        "every row counts",
        MASKED,
        "difference = offsets - targets",
        "Boxes that are not positive were counted. What they predict is of no interest: there is no object "
        "there that it could be compared with.",
    ),
    Mistake(
        "negative rows count",
        MASKED,
        "difference = (offsets - targets) * ~positive[:, None]",
        "The positive boxes were left out, and the others counted.",
    ),
    Mistake(
        "mean over the positives",
        MEAN,
        "loss = each.sum() / positive.sum()",
        "The sum was divided by the number of positive boxes. An image without objects has none, and 0 / 0 "
        "is NaN. Divide by R, the number of all boxes.",
    ),
    Mistake(
        "mean over the positives, at least 1",
        MEAN,
        "loss = each.sum() / max(positive.sum(), 1)",
        "The sum was divided by the number of positive boxes, so one positive box would weigh as much as "
        "many. Divide by R, the number of all boxes.",
    ),
    Mistake(
        "mean over all numbers",
        MEAN,
        "loss = each.mean()",
        "The sum was divided by 4 R, the number of all offsets. Divide by R, the number of boxes.",
    ),
    Mistake(
        "sum without 1/R",
        MEAN,
        "loss = each.sum()",
        "The losses of the boxes were added but not divided by R.",
    ),
    Mistake(
        "sigma^2 missing in backward",
        SLOPE,
        "slope = np.clip(difference, -1, 1)",
        "The slope is that of sigma = 1. Differentiate (sigma * d)^2 / 2 with respect to d: sigma^2 is "
        "left over.",
    ),
    Mistake(
        "sigma not squared in backward",
        SLOPE,
        "slope = np.clip(sigma * difference, -1, 1)",
        "The slope of the parabola has one sigma. Differentiate (sigma * d)^2 / 2 by the chain rule: a "
        "second one comes from inside.",
    ),
    Mistake(
        "sigma^2 missing in the parabola's slope",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, difference, np.sign(difference))",
        "On the parabola the slope is d, which is right for sigma = 1 only: it jumps where the parabola "
        "ends. Differentiate (sigma * d)^2 / 2 with respect to d.",
    ),
    Mistake(
        "sigma not squared in the parabola's slope",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma * difference, np.sign(difference))",
        "On the parabola the slope is sigma * d: it jumps where the parabola ends. Differentiate "
        "(sigma * d)^2 / 2 by the chain rule: a second sigma comes from inside.",
    ),
    Mistake(
        "2 left in the slope",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, 2 * sigma**2 * difference, np.sign(difference))",
        "The slope of the parabola is twice too steep: the 2 of the square and the 1/2 before it cancel.",
    ),
    Mistake(
        "half the slope",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma**2 * difference / 2, np.sign(difference))",
        "The slope of the parabola is only half as steep: the 2 of the square and the 1/2 before it cancel.",
    ),
    Mistake(
        "slope not limited",
        SLOPE,
        "slope = sigma**2 * difference",
        "The slope goes on growing. Beyond the parabola it is 1 or -1, however large the difference is: "
        "that is what this loss is for.",
    ),
    Mistake(
        "sign everywhere",
        SLOPE,
        "slope = np.sign(difference)",
        "The slope is 1 or -1 everywhere. Near 0, on the parabola, it is smaller.",
    ),
    Mistake(
        "sign lost in backward",
        SLOPE,
        "slope = np.minimum(sigma**2 * np.abs(difference), 1)",
        "No slope is negative. Where the prediction is too small the loss falls if it grows: the sign of the "
        "difference belongs to the gradient.",
    ),
    Mistake(
        "sign lost in the straight part",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma**2 * difference, 1)",
        "Beyond the parabola the slope is 1 on both sides. Where the difference is negative it is -1.",
    ),
    Mistake(
        "cut from above alone",
        SLOPE,
        "slope = np.minimum(sigma**2 * difference, 1)",
        "Large negative differences have slopes below -1. They are limited on both sides: it is |d| that is "
        "compared with the parabola's end.",
    ),
    Mistake(
        "gradient of the targets",
        RETURNED,
        "doffsets = -slope * (dloss / len(difference))",
        "Every sign is turned around: this is the gradient with respect to the targets.",
    ),
    Mistake(
        "dloss forgotten",
        RETURNED,
        "doffsets = slope / len(difference)",
        "dloss is not in the gradient. The loss may be one of several, with a weight of its own.",
    ),
    Mistake(
        "1/R missing in backward",
        RETURNED,
        "doffsets = slope * dloss",
        "The loss was divided by R, and so must be its gradient.",
    ),
    Mistake(
        "mean over all numbers in backward",
        RETURNED,
        "doffsets = slope * (dloss / difference.size)",
        "The gradient was divided by 4 R, the number of all offsets. The loss was divided by R.",
    ),
    Mistake(
        "parabola without its 1/2 and with sigma alone",
        EACH,
        "each = np.where(size < end, sigma * difference**2, size - 0.5 * end)",
        "In the parabola sigma is not squared and the 1/2 is missing: it is (sigma * d)^2 / 2.",
    ),
    Mistake(
        "sigma twice squared",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma**2 * difference) ** 2, size - 0.5 * end)",
        "In the parabola sigma has the power 4: sigma^2 was squared once more. It is (sigma * d)^2 / 2.",
    ),
    Mistake(
        "sigma missing in the parabola",
        EACH,
        "each = np.where(size < end, 0.5 * difference**2, size - 0.5 * end)",
        "In the parabola sigma is missing: it is (sigma * d)^2 / 2.",
    ),
    Mistake(
        "1/2 not squared away",
        EACH,
        "each = np.where(size < end, (0.5 * sigma * difference) ** 2, size - 0.5 * end)",
        "The 1/2 of the parabola was squared too: it stands outside of the square.",
    ),
    Mistake(
        "parabola not squared",
        EACH,
        "each = np.where(size < end, 0.5 * sigma * size, size - 0.5 * end)",
        "The parabola is no parabola: sigma * d is to be squared.",
    ),
    Mistake(
        "whole 1 / sigma^2 taken off",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - end)",
        "Beyond the parabola 1 / sigma^2 was taken off |d|. It is half of that, so that the two meet.",
    ),
    Mistake(
        "1 / (2 sigma) taken off",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - 0.5 / sigma)",
        "Beyond the parabola 1 / (2 sigma) was taken off |d|. It is 1 / (2 sigma^2).",
    ),
    Mistake(
        "sigma^2 / 2 taken off",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - 0.5 * sigma**2)",
        "Beyond the parabola sigma^2 / 2 was taken off |d|; sigma^2 belongs below the line.",
    ),
    Mistake(
        "added in the straight part",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size + 0.5 * end)",
        "Beyond the parabola 1 / (2 sigma^2) was added to |d|. It is taken off, so that the two meet.",
    ),
    Mistake(
        "straight part without absolute value",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, difference - 0.5 * end)",
        "Beyond the parabola d stands in place of |d|, so the loss becomes negative.",
    ),
    Mistake(
        "sigma in the straight part",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, sigma * size - 0.5 * end)",
        "Beyond the parabola |d| was multiplied by sigma. Its slope is 1 there.",
    ),
    Mistake(
        "precedence: half of the whole straight part",
        EACH,
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, 0.5 * (size - end))",
        "The 1/2 was taken of the whole straight part. It belongs to 1 / sigma^2 alone.",
    ),
    Mistake(
        "parabola ends at sigma^2",
        EACH,
        "each = np.where(size < sigma**2, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)",
        "The parabola ends at sigma^2, or sigma; it should end at 1 / sigma^2.",
    ),
    Mistake(
        "parabola ends at 1 / (2 sigma^2)",
        EACH,
        "each = np.where(size < 0.5 * end, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)",
        "The parabola ends at 1 / (2 sigma^2); it should end at 1 / sigma^2, where both parts meet.",
    ),
    Mistake(
        "divided by the number of offsets of the positives",
        MEAN,
        "loss = each.sum() / max(4 * positive.sum(), 1)",
        "The sum was divided by the number of offsets of the positive boxes. Divide by R, the number "
        "of all boxes.",
    ),
    Mistake(
        "sum over the rows alone",
        MEAN,
        "loss = each.sum(axis=1) / len(offsets)",
        "Each box has its own loss. The loss is a single number, their sum.",
    ),
    Mistake(
        "negative loss",
        MEAN,
        "loss = -each.sum() / len(offsets)",
        "The loss has the wrong sign: it is 0 where nothing is wrong, and else above 0.",
    ),
    Mistake(
        "targets added",
        MASKED,
        "difference = (offsets + targets) * positive[:, None]",
        "The targets were added to the offsets. It is their difference that counts.",
    ),
    Mistake(
        "targets forgotten",
        MASKED,
        "difference = offsets * positive[:, None]",
        "The targets were not subtracted from the offsets.",
    ),
    Mistake(
        "only one offset of each box",
        f"{EACH}\n    {MEAN}",
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size - 0.5 * end)\n"
        "    loss = each[:, 0].sum() / len(offsets)",
        "Only the first offset of each box was counted. The loss is a sum over all four.",
    ),
    Mistake(
        "2 and sigma in the slope",
        SLOPE,
        "slope = np.clip(2 * sigma**2 * difference, -1, 1)",
        "The slope of the parabola is twice too steep: the 2 of the square and the 1/2 before it cancel.",
    ),
    Mistake(
        "derivative of the parabola is the parabola",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, 0.5 * (sigma * difference) ** 2, "
        "np.sign(difference))",
        "On the parabola the value itself was returned. Its derivative is asked for.",
    ),
    Mistake(
        "slope of the straight part",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma**2 * difference, difference)",
        "Beyond the parabola the slope is d. It is the sign of d there, 1 or -1.",
    ),
    Mistake(
        "slope of the absolute value",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma**2 * np.abs(difference), "
        "np.sign(difference))",
        "On the parabola the slope has lost its sign: it is sigma^2 * d, not |d|.",
    ),
    Mistake(
        "slope zero beyond the parabola",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma**2 * difference, 0)",
        "Beyond the parabola the slope is 0. It is 1 or -1 there.",
    ),
    Mistake(
        "slope cut at 1 / sigma^2",
        SLOPE,
        "slope = np.clip(sigma**2 * difference, -1 / sigma**2, 1 / sigma**2)",
        "The slope was cut at 1 / sigma^2. That is where the parabola ends; its slope is 1 there.",
    ),
    Mistake(
        "difference cut at 1",
        SLOPE,
        "slope = sigma**2 * np.clip(difference, -1, 1)",
        "The difference was cut at 1, and then multiplied by sigma^2. It is the slope that is cut.",
    ),
    Mistake(
        "end of the slope's parabola at 1",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1, sigma**2 * difference, np.sign(difference))",
        "In backward the parabola goes on up to |d| = 1. It ends at 1 / sigma^2.",
    ),
    Mistake(
        "end of the slope's parabola at 1 / sigma",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma, sigma**2 * difference, np.sign(difference))",
        "In backward the parabola goes on up to 1 / sigma. It ends at 1 / sigma^2.",
    ),
    Mistake(
        "branches exchanged in backward",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, np.sign(difference), sigma**2 * difference)",
        "In backward small differences are on the straight part, and large ones on the parabola.",
    ),
    Mistake(
        "sigma taken for beta in backward",
        SLOPE,
        "slope = np.where(np.abs(difference) < sigma, difference / sigma, np.sign(difference))",
        "In backward sigma was taken for the place where the parabola ends, which PyTorch calls "
        "beta. That place is 1 / sigma^2.",
    ),
    Mistake(
        "rows that do not count in R",
        RETURNED,
        "doffsets = slope * (dloss / max(float(np.any(difference, axis=1).sum()), 1.0))",
        "The gradient was divided by the number of positive boxes. The loss was divided by R, the "
        "number of all boxes.",
    ),
    Mistake(
        "multiplied by R",
        RETURNED,
        "doffsets = slope * (dloss * len(difference))",
        "The gradient was multiplied by R. The loss was divided by it, and so is its gradient.",
    ),
    Mistake(
        "divided by dloss",
        RETURNED,
        "doffsets = slope / (dloss * len(difference))",
        "The gradient was divided by dloss. It is a factor.",
    ),
    Mistake(
        "summed over the rows",
        RETURNED,
        "doffsets = (slope * (dloss / len(difference))).sum(axis=0)",
        "The gradient was summed over the boxes. Each has its own row.",
    ),
    Mistake(
        "taken off once",
        f"{EACH}\n    {MEAN}",
        "each = np.where(size < end, 0.5 * (sigma * difference) ** 2, size)\n"
        "    loss = (each.sum() - 0.5 * end) / len(offsets)",
        "1 / (2 sigma^2) was taken off once, from the sum. It is taken off every |d| in the straight part.",
    ),
    Mistake(
        "sigma in the slope of the straight part",
        SLOPE,
        "slope = np.where(np.abs(difference) < 1 / sigma**2, sigma**2 * difference, sigma * "
        "np.sign(difference))",
        "Beyond the parabola the slope was multiplied by sigma. It is 1 or -1 there.",
    ),
]
