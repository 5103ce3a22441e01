"""Exercise 1.2: ReLU and sigmoid.

Both are applied to every number of an array on its own, whatever the array's shape:

    relu(x)    = x where x > 0, and 0 elsewhere
    sigmoid(x) = 1 / (1 + exp(-x))

Backward receives dy, the gradient of the loss with respect to y, and returns dx, the gradient with respect to
x. As every element of y depends on one element of x, the chain rule is a product, element by element:

    dx = dy * (derivative of y with respect to x)

No result may be inf or NaN, though x may hold 800 and -800, and exp(800) is inf in float64. NumPy's warning
that exp overflows is no error; inf / inf, which is NaN, is one.
"""

import numpy as np


def relu_forward(x):
    """Return y = relu(x), as above, and a cache with what backward will need.

    x: of any shape. y: of the same shape, with the dtype of x.

    >>> y, cache = relu_forward(np.array([[1.0, -2.0], [-3.0, 4.0]]))
    >>> y
    array([[1., 0.],
           [0., 4.]])
    """
    # solution
    y = np.maximum(x, 0)
    cache = x
    return y, cache
    # end of solution


def relu_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: of the shape of y; cache: of relu_forward. dx: of the same shape, with the dtype of dy.

        dx = dy * (1 where x > 0, 0 where x < 0)

    At x = 0 ReLU has a corner and no derivative: take what you like, the check does not look there.

    >>> _, cache = relu_forward(np.array([[1.0, -2.0], [-3.0, 4.0]]))
    >>> relu_backward(np.array([[5.0, 6.0], [7.0, -8.0]]), cache)
    array([[ 5.,  0.],
           [ 0., -8.]])
    """
    # solution
    x = cache
    dx = dy * (x > 0)
    return dx
    # end of solution


def sigmoid_forward(x):
    """Return y = sigmoid(x), as above, and a cache with what backward will need.

    x: of any shape. y: of the same shape, with the dtype of x; finite for every finite x.

    >>> y, cache = sigmoid_forward(np.array([[0.0, np.log(3.0)], [800.0, -800.0]]))
    >>> y
    array([[0.5 , 0.75],
           [1.  , 0.  ]])
    """
    # solution
    # tanh(x/2) = (1 - exp(-x)) / (1 + exp(-x)), and tanh never overflows
    y = (1 + np.tanh(x / 2)) / 2
    cache = y
    return y, cache
    # end of solution


def sigmoid_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: of the shape of y; cache: of sigmoid_forward. dx: of the same shape, with the dtype of dy; finite for
    every finite x.

        dx = dy * exp(-x) / (1 + exp(-x))^2

    The fraction can be written in terms of y alone, and then nothing overflows.

    >>> _, cache = sigmoid_forward(np.array([[0.0, np.log(3.0)], [800.0, -800.0]]))
    >>> sigmoid_backward(np.array([[4.0, 16.0], [1.0, 1.0]]), cache)
    array([[1., 3.],
           [0., 0.]])
    """
    # solution
    y = cache
    # exp(-x) / (1 + exp(-x)) = 1 - y
    dx = dy * y * (1 - y)
    return dx
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 8


def relu_cases(rng):
    """Return inputs whose values keep away from the corner at 0."""
    shapes = [(1, 5), (3, 4), (2, 1, 3, 4), (1, 3, 2, 5), (7,)]
    values = [rng.choice([-1, 1], shape) * rng.uniform(0.1, 3, shape) for shape in shapes]
    return [{"x": x} for x in [rng.permutation([-2.5, -1.0, 0.5, 3.0]).reshape(2, 2), *values]]


def sigmoid_cases(rng):
    """Return inputs of ordinary size, and one in which exp overflows on either side."""
    shapes = [(1, 5), (3, 4), (2, 1, 3, 4), (1, 3, 2, 5)]
    extreme = rng.permutation([-800.0, -720.0, -4.0, -1.0, 0.5, 3.0, 720.0, 800.0])
    values = [extreme.reshape(2, 4), *(2 * rng.standard_normal(shape) for shape in shapes)]
    return [{"x": x} for x in [rng.permutation([-2.0, -0.5, 1.0, 3.0]).reshape(2, 2), *values]]


def relu_large(rng, inputs=400_000):
    """Return numbers of every magnitude: none is the corner, yet many lie nearer to it than any step."""
    return {"x": rng.choice([-1, 1], inputs) * 10 ** rng.uniform(-12, 2, inputs)}


def sigmoid_large(rng, inputs=400_000):
    return {"x": 2 * rng.standard_normal(inputs)}


PARTS = [
    Part(
        "relu_forward",
        returns=("y", "cache"),
        cases=relu_cases,
        hints=(
            "Every number is treated on its own: positive ones pass, negative ones become 0.",
            "relu(x) is the larger one of x and 0.",
            "NumPy has a function for the larger one of two arrays, element by element; one of them may be "
            "a number. Do not write into x. Backward will want to know where x was positive.",
        ),
    ),
    Part(
        "relu_backward",
        after="relu_forward",
        returns=("dx",),
        cases=relu_cases,
        large=relu_large,
        hints=(
            "Where x was positive, y moves as x does; elsewhere y stays 0, however x moves.",
            "dx is dy where x > 0, and 0 elsewhere. The sign of dy plays no part.",
            "The truth values x > 0 count as 1 and 0 in a product. x, or what you need of it, must come "
            "from the cache.",
        ),
    ),
    Part(
        "sigmoid_forward",
        returns=("y", "cache"),
        cases=sigmoid_cases,
        hints=(
            "exp may overflow to inf as long as it stands where inf is harmless: 1 / inf is 0, but inf / "
            "inf is NaN.",
            "1 / (1 + exp(-x)) has exp in the denominator only. It also equals (1 + tanh(x / 2)) / 2, which "
            "never overflows at all.",
            "Write down one of the two; both are right for x = 800 and x = -800. Backward can do with y "
            "alone.",
        ),
    ),
    Part(
        "sigmoid_backward",
        after="sigmoid_forward",
        returns=("dx",),
        cases=sigmoid_cases,
        large=sigmoid_large,
        points=2,
        hints=(
            "The derivative of the sigmoid is simple once it is written with the sigmoid itself.",
            "exp(-x) / (1 + exp(-x))^2 is a product of 1 / (1 + exp(-x)) and exp(-x) / (1 + exp(-x)). The "
            "first is y; what is the second?",
            "1 - y = (1 + exp(-x) - 1) / (1 + exp(-x)): so the derivative is y * (1 - y). Keep y in the "
            "cache, and do not forget dy.",
        ),
    ),
]

RELU = "y = np.maximum(x, 0)"
MASKED = "dx = dy * (x > 0)"
SIGMOID = "y = (1 + np.tanh(x / 2)) / 2"
SLOPE = "dx = dy * y * (1 - y)"

MISTAKES = [
    Mistake(
        "leaky ReLU",
        RELU,
        "y = np.maximum(x, 0.01 * x)",
        "Negative numbers pass with the factor 0.01. That is another activation; ReLU makes them 0.",
    ),
    Mistake(
        "step in place of ReLU",
        RELU,
        "y = (x > 0).astype(x.dtype)",
        "Positive numbers have become 1. That is the derivative of ReLU; ReLU itself leaves them as they "
        "are.",
    ),
    Mistake(
        "input modified in place",
        RELU,
        "x[x < 0] = 0\n    y = x",
        "",
    ),
    Mistake(
        "mask from the wrong tensor",
        MASKED,
        "dx = dy * (dy > 0)",
        "dy was kept where dy is positive. What counts is where x was positive: there y followed x, "
        "whatever gradient comes back.",
    ),
    Mistake(
        "negative gradients dropped too",
        MASKED,
        "dx = dy * (x > 0) * (dy > 0)",
        "The places where x was negative are right, but negative dy have become 0 as well. A gradient may "
        "be negative; only the sign of x decides.",
    ),
    Mistake(
        "mask the wrong way round",
        MASKED,
        "dx = dy * (x <= 0)",
        "The gradient passes where x was negative and is stopped where it was positive.",
    ),
    Mistake(
        "mask forgotten",
        MASKED,
        "dx = dy",
        "dx is dy itself. Where x was negative, y does not depend on x, so no gradient passes.",
    ),
    Mistake(
        "mask without dy",
        MASKED,
        "dx = (x > 0).astype(dy.dtype)",
        "This is the derivative of ReLU alone. The chain rule multiplies it by dy, the gradient that comes "
        "from above.",
    ),
    Mistake(
        "multiplied by y in place of its derivative",
        MASKED,
        "dx = dy * x * (x > 0)",
        "dy was multiplied by relu(x). The chain rule wants the derivative of ReLU there, which is 1 or 0.",
    ),
    Mistake(
        "multiplied by x",
        MASKED,
        "dx = dy * x",
        "dy was multiplied by x. The chain rule wants the derivative of ReLU there, which is 1 or 0.",
    ),
    Mistake(
        "sign of the exponent",
        "np.tanh(x / 2)",
        "np.tanh(-x / 2)",
        "These are the values of 1 / (1 + exp(x)): the sigmoid falls where it should rise.",
    ),
    Mistake(
        "exp(x) overflows",
        SIGMOID,
        "y = np.exp(x) / (1 + np.exp(x))",
        "y is NaN where exp(x) is inf: inf / inf and 0 * inf are NaN. Write the fraction such that inf can "
        "stand in the denominator only, or such that no exp is left in it.",
    ),
    Mistake(
        "tanh in place of the sigmoid",
        SIGMOID,
        "y = np.tanh(x)",
        "These are the values of tanh, from -1 to 1; those of the sigmoid go from 0 to 1.",
    ),
    Mistake(
        "x not halved",
        "np.tanh(x / 2)",
        "np.tanh(x)",
        "These are the values of the sigmoid of 2 x. If you went by tanh: it needs x / 2.",
    ),
    Mistake(
        "x in place of y",
        "cache = y",
        "cache = x",
        "The derivative was computed as x * (1 - x). It is the output of the sigmoid that belongs there, so "
        "the cache must hold y, or backward must compute it anew.",
    ),
    Mistake(
        "sigmoid applied twice",
        "y = cache",
        "y = sigmoid_forward(cache)[0]",
        "The derivative was taken at y, not at x: backward applies the sigmoid to something that is a "
        "sigmoid already.",
    ),
    Mistake(
        "exp(-x) overflows",
        "cache = y",
        "cache = y + 0 * np.exp(-x)",
        "dx is NaN where exp(-x) is inf: inf / inf and 0 * inf are NaN. Find the fraction in terms of y, in "
        "which no exp is left.",
    ),
    Mistake(
        "sigmoid's derivative without dy",
        SLOPE,
        "dx = y * (1 - y)",
        "This is the derivative of the sigmoid alone. The chain rule multiplies it by dy.",
    ),
    Mistake(
        "derivative of tanh",
        SLOPE,
        "dx = dy * (1 - y * y)",
        "dy was multiplied by 1 - y^2. That is the derivative of tanh; the sigmoid has another one.",
    ),
    Mistake(
        "1 - y forgotten",
        SLOPE,
        "dx = dy * y",
        "dx is dy * y: that is what exp would have. The denominator of the sigmoid depends on x too and "
        "gives another factor.",
    ),
    Mistake(
        "y forgotten",
        SLOPE,
        "dx = dy * (1 - y)",
        "dx is dy * (1 - y): one factor of the derivative is there, the other one is missing.",
    ),
    Mistake(
        "minimum in place of maximum",
        RELU,
        "y = np.minimum(x, 0)",
        "The smaller one of x and 0 was taken, so what passes are the negative numbers. ReLU lets the "
        "positive ones pass.",
    ),
    Mistake(
        "absolute value",
        RELU,
        "y = np.abs(x)",
        "Negative numbers have become positive. ReLU makes them 0.",
    ),
    Mistake(
        "nothing done by ReLU",
        RELU,
        "y = x + 0",
        "y is x. Negative numbers become 0.",
    ),
    Mistake(
        "largest along an axis",
        RELU,
        "y = np.max(x, 0)",
        "np.max(x, 0) is the largest along axis 0: its second argument is an axis. What is wanted is the "
        "larger one of two numbers, element by element.",
    ),
    Mistake(
        "cut off at 1",
        RELU,
        "y = np.clip(x, 0, 1)",
        "Numbers above 1 were cut off. ReLU has no upper limit.",
    ),
    Mistake(
        "threshold of 1",
        RELU,
        "y = x * (x > 1)",
        "Numbers between 0 and 1 have become 0. The threshold of ReLU is 0.",
    ),
    Mistake(
        "ELU in place of ReLU",
        RELU,
        "y = np.where(x > 0, x, np.exp(x) - 1)",
        "Negative numbers pass as exp(x) - 1. That is another activation, ELU; ReLU makes them 0.",
    ),
    Mistake(
        "softplus in place of ReLU",
        RELU,
        "y = np.log(1 + np.exp(x))",
        "These are the values of log(1 + exp(x)), softplus: a smooth relative of ReLU, but not ReLU.",
    ),
    Mistake(
        "leaky ReLU with slope 0.1",
        RELU,
        "y = np.maximum(x, 0.1 * x)",
        "Negative numbers pass with the factor 0.1. That is another activation; ReLU makes them 0.",
    ),
    Mistake(
        "leaky ReLU with slope 0.2",
        RELU,
        "y = np.maximum(x, 0.2 * x)",
        "Negative numbers pass with the factor 0.2. That is another activation; ReLU makes them 0.",
    ),
    Mistake(
        "gradient of a leaky ReLU with slope 0.01",
        MASKED,
        "dx = np.where(x > 0, dy, 0.01 * dy)",
        "Where x was negative dy passes with the factor 0.01. There ReLU is constant, so the factor is 0.",
    ),
    Mistake(
        "gradient of a leaky ReLU with slope 0.1",
        MASKED,
        "dx = np.where(x > 0, dy, 0.1 * dy)",
        "Where x was negative dy passes with the factor 0.1. There ReLU is constant, so the factor is 0.",
    ),
    Mistake(
        "sign in place of the mask",
        MASKED,
        "dx = dy * np.sign(x)",
        "Where x was negative, dx is -dy. There ReLU is constant, so dx is 0.",
    ),
    Mistake(
        "kept where dy is negative",
        MASKED,
        "dx = dy * (dy < 0)",
        "dy was kept where dy is negative. What counts is where x was positive, whatever gradient comes "
        "back.",
    ),
    Mistake(
        "threshold of 1 in backward",
        MASKED,
        "dx = dy * (x > 1)",
        "Where x lies between 0 and 1 no gradient passes. The threshold of ReLU is 0.",
    ),
    Mistake(
        "dy stopped above 1",
        MASKED,
        "dx = dy * (x > 0) * (x < 1)",
        "Where x is above 1 no gradient passes. ReLU has no upper limit.",
    ),
    Mistake(
        "1 where x was negative",
        MASKED,
        "dx = np.where(x > 0, dy, 1)",
        "Where x was negative, dx is 1. There y does not depend on x, so dx is 0.",
    ),
    Mistake(
        "x where x was negative",
        MASKED,
        "dx = np.where(x > 0, dy, x)",
        "Where x was negative, dx is x. There y does not depend on x, so dx is 0.",
    ),
    Mistake(
        "ReLU again in place of its gradient",
        MASKED,
        "dx = np.maximum(x, 0)",
        "dx is relu(x). Backward is to return dy, and 0 where x was negative.",
    ),
    Mistake(
        "x in place of dy",
        MASKED,
        "dx = x + 0 * dy",
        "dx is x itself. Backward hands on dy.",
    ),
    Mistake(
        "mask added",
        MASKED,
        "dx = dy + (x > 0)",
        "The derivative of ReLU was added to dy. The chain rule multiplies.",
    ),
    Mistake(
        "dx squared",
        MASKED,
        "dx = dy * dy * (x > 0)",
        "dy stands in the product twice.",
    ),
    Mistake(
        "minus in the denominator",
        SIGMOID,
        "y = 1 / (1 - np.exp(-x))",
        "These are the values of 1 / (1 - exp(-x)). The denominator of the sigmoid is a sum.",
    ),
    Mistake(
        "exp(-x) in the numerator",
        SIGMOID,
        "y = np.exp(-x) / (1 + np.exp(-x))",
        "exp(-x) / (1 + exp(-x)) is 1 - sigmoid(x), and NaN where exp(-x) is inf. The numerator that "
        "belongs to this denominator is 1.",
    ),
    Mistake(
        "parentheses around the denominator missing",
        SIGMOID,
        "y = 1 / 1 + np.exp(-x)",
        "These are the values of 1 / 1 + exp(-x): without parentheses only the first 1 is in the "
        "denominator.",
    ),
    Mistake(
        "1 missing in the denominator",
        SIGMOID,
        "y = 1 / np.exp(-x)",
        "These are the values of 1 / exp(-x), which is exp(x): the 1 in the denominator is missing.",
    ),
    Mistake(
        "squared denominator in forward",
        SIGMOID,
        "y = 1 / (1 + np.exp(-x)) ** 2",
        "These are the squares of sigmoid(x).",
    ),
    Mistake(
        "derivative in place of the sigmoid",
        SIGMOID,
        "y = (1 + np.tanh(x / 2)) / 2\n    y = y * (1 - y)",
        "These are the values of the derivative of the sigmoid, y * (1 - y).",
    ),
    Mistake(
        "tanh(x / 2) not shifted",
        SIGMOID,
        "y = np.tanh(x / 2)",
        "These are the values of tanh(x / 2), from -1 to 1. Those of the sigmoid go from 0 to 1.",
    ),
    Mistake(
        "half of tanh not shifted",
        SIGMOID,
        "y = np.tanh(x / 2) / 2",
        "These are the values of tanh(x / 2) / 2, from -1/2 to 1/2. Those of the sigmoid go from 0 to 1.",
    ),
    Mistake(
        "not halved",
        SIGMOID,
        "y = 1 + np.tanh(x / 2)",
        "y is twice the sigmoid: its values go from 0 to 2.",
    ),
    Mistake(
        "the 1 not halved",
        SIGMOID,
        "y = 1 + np.tanh(x / 2) / 2",
        "These are the values of 1 + tanh(x / 2) / 2: the 1 is to be halved too. Mind the parentheses.",
    ),
    Mistake(
        "sigmoid of |x|",
        SIGMOID,
        "y = 1 / (1 + np.exp(-np.abs(x)))",
        "Negative numbers were treated like positive ones: these are the values for |x|. Where x is "
        "negative another fraction is needed.",
    ),
    Mistake(
        "sigmoid of -|x|",
        SIGMOID,
        "y = np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))",
        "Positive numbers were treated like negative ones: these are the values for -|x|. Where x is "
        "positive another fraction is needed.",
    ),
    Mistake(
        "softmax in place of the sigmoid",
        SIGMOID,
        "e = np.exp(x - x.max())\n    y = e / e.sum()",
        "The numbers add up to 1 over the whole array: that is a softmax. The sigmoid treats every number "
        "on its own.",
    ),
    Mistake(
        "overflowing softmax in place of the sigmoid",
        SIGMOID,
        "y = np.exp(x) / np.exp(x).sum()",
        "The numbers add up to 1 over the whole array, or are NaN: that is a softmax. The sigmoid treats "
        "every number on its own.",
    ),
    Mistake(
        "softmax over the rows in place of the sigmoid",
        SIGMOID,
        "e = np.exp(x - x.max(axis=-1, keepdims=True))\n    y = e / e.sum(axis=-1, keepdims=True)",
        "The numbers add up to 1 along the last axis: that is a softmax. The sigmoid treats every number on "
        "its own.",
    ),
    Mistake(
        "log(1 + exp(x))",
        SIGMOID,
        "y = np.log(1 + np.exp(x))",
        "These are the values of log(1 + exp(x)), whose derivative is the sigmoid.",
    ),
    Mistake(
        "logarithm of the sigmoid",
        SIGMOID,
        "y = np.log((1 + np.tanh(x / 2)) / 2)",
        "These are the logarithms of the sigmoid; an exp is still to be taken.",
    ),
    Mistake(
        "x cut off at 10",
        SIGMOID,
        "y = 1 / (1 + np.exp(-np.clip(x, -10, 10)))",
        "x was cut off at -10 and 10. exp(-x) may overflow: 1 / inf is 0, and nothing needs to be cut off.",
    ),
    Mistake(
        "x cut off at 20",
        SIGMOID,
        "y = 1 / (1 + np.exp(-np.clip(x, -20, 20)))",
        "x was cut off at -20 and 20. exp(-x) may overflow: 1 / inf is 0, and nothing needs to be cut off.",
    ),
    Mistake(
        "hard sigmoid",
        SIGMOID,
        "y = np.clip(x / 4 + 0.5, 0, 1)",
        "These are the values of a straight line, cut off at 0 and 1. The sigmoid is a curve.",
    ),
    Mistake(
        "1 + y in place of 1 - y",
        SLOPE,
        "dx = dy * y * (1 + y)",
        "dy was multiplied by y * (1 + y). Differentiate 1 / (1 + exp(-x)) once more and mind the signs.",
    ),
    Mistake(
        "parentheses around 1 - y missing",
        SLOPE,
        "dx = dy * y * 1 - y",
        "These are the values of dy * y - y: the product belongs to the whole of 1 - y.",
    ),
    Mistake(
        "y squared",
        SLOPE,
        "dx = dy * y * y * (1 - y)",
        "The factor y stands in the product twice.",
    ),
    Mistake(
        "1 - y squared",
        SLOPE,
        "dx = dy * y * (1 - y) ** 2",
        "The factor 1 - y stands in the product twice.",
    ),
    Mistake(
        "derivative squared",
        SLOPE,
        "dx = dy * (y * (1 - y)) ** 2",
        "y * (1 - y) was squared.",
    ),
    Mistake(
        "y squared alone",
        SLOPE,
        "dx = dy * y * y",
        "dy was multiplied by y^2, which is 1 / (1 + exp(-x))^2. The derivative has another numerator.",
    ),
    Mistake(
        "square of the denominator missing",
        SLOPE,
        "e = (1 - y) / y\n    dx = dy * e / (1 + e)",
        "dy was multiplied by exp(-x) / (1 + exp(-x)): the denominator is to be squared. And the fraction "
        "is NaN where exp(-x) is inf; in terms of y no exp is left.",
    ),
    Mistake(
        "four times the derivative",
        SLOPE,
        "dx = dy * (1 - (2 * y - 1) ** 2)",
        "dx is four times too large: this is 1 - tanh(x / 2)^2. The sigmoid is half of 1 + tanh(x / 2), and "
        "x is halved inside.",
    ),
    Mistake(
        "twice the derivative",
        SLOPE,
        "dx = dy * (1 - (2 * y - 1) ** 2) / 2",
        "dx is twice too large. If you differentiate tanh(x / 2): x is halved inside, and the chain rule "
        "has this 1/2 too.",
    ),
    Mistake(
        "derivative added",
        SLOPE,
        "dx = dy + y * (1 - y)",
        "The derivative was added to dy. The chain rule multiplies.",
    ),
    Mistake(
        "sigmoid of dy",
        SLOPE,
        "dx = dy * (1 - dy)",
        "The derivative was taken of dy. It is y, the output of the sigmoid, that belongs there.",
    ),
    Mistake(
        "dy hit by the sigmoid",
        SLOPE,
        "s = (1 + np.tanh(dy / 2)) / 2\n    dx = s * (1 - s)",
        "The sigmoid was applied to dy. The derivative belongs to x: y * (1 - y), times dy.",
    ),
    Mistake(
        "dy passed on",
        SLOPE,
        "dx = dy + 0 * y",
        "dx is dy itself: the derivative of the sigmoid is missing.",
    ),
    Mistake(
        "ReLU's mask",
        SLOPE,
        "dx = dy * (y > 0.5)",
        "dy passes where x is positive and is stopped elsewhere: that is ReLU's backward.",
    ),
    Mistake(
        "mask of y",
        SLOPE,
        "dx = dy * (y > 0)",
        "dy passes unchanged wherever y is above 0. That is a mask; the sigmoid has a derivative.",
    ),
    Mistake(
        "dy twice",
        SLOPE,
        "dx = dy * dy * y * (1 - y)",
        "dy stands in the product twice.",
    ),
    Mistake(
        "denominator forgotten where x is negative",
        SIGMOID,
        "y = np.where(x < 0, np.exp(np.minimum(x, 0)), (1 + np.tanh(x / 2)) / 2)",
        "Where x is positive y is right; where it is negative, y is exp(x) alone, without its denominator.",
    ),
    Mistake(
        "0 where x is negative",
        SIGMOID,
        "y = np.where(x < 0, 0, (1 + np.tanh(x / 2)) / 2)",
        "Where x is positive y is right; where it is negative, y is 0. The sigmoid is no ReLU.",
    ),
    Mistake(
        "nothing done by the sigmoid",
        SIGMOID,
        "y = x + 0",
        "y is x itself.",
    ),
    Mistake(
        "divided by the derivative",
        SLOPE,
        "dx = dy / (y * (1 - y))",
        "dy was divided by y * (1 - y). The chain rule multiplies.",
    ),
    Mistake(
        "minus the derivative of tanh",
        SLOPE,
        "dx = dy * (y * y - 1)",
        "dy was multiplied by y^2 - 1. That is minus the derivative of tanh; the sigmoid has another one.",
    ),
    Mistake(
        "y in place of dx",
        SLOPE,
        "dx = y + 0",
        "dx is y itself, the output of forward.",
    ),
    Mistake(
        "square of a denominator with |x| missing",
        SLOPE,
        "dx = dy * np.minimum(y, 1 - y)",
        "dy was multiplied by exp(-|x|) / (1 + exp(-|x|)). The denominator of the derivative is squared.",
    ),
]
