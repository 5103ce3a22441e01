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
    cache = x > 0
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
    positive = cache
    dx = dy * positive
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

MISTAKES = [
    Mistake(
        "leaky ReLU",
        "np.maximum(x, 0)",
        "np.maximum(x, 0.01 * x)",
        "Negative numbers pass with the factor 0.01. That is another activation; ReLU makes them 0.",
    ),
    Mistake(
        "step in place of ReLU",
        "np.maximum(x, 0)",
        "(x > 0).astype(x.dtype)",
        "Positive numbers have become 1. That is the derivative of ReLU; ReLU itself leaves them as they "
        "are.",
    ),
    Mistake(
        "input modified in place",
        "y = np.maximum(x, 0)",
        "x[x < 0] = 0\n    y = x",
        "",
    ),
    Mistake(
        "mask from the wrong tensor",
        "dx = dy * positive",
        "dx = dy * (dy > 0)",
        "dy was kept where dy is positive. What counts is where x was positive: there y followed x, "
        "whatever gradient comes back.",
    ),
    Mistake(
        "negative gradients dropped too",
        "dx = dy * positive",
        "dx = dy * positive * (dy > 0)",
        "The places where x was negative are right, but negative dy have become 0 as well. A gradient may "
        "be negative; only the sign of x decides.",
    ),
    Mistake(
        "mask the wrong way round",
        "dx = dy * positive",
        "dx = dy * ~positive",
        "The gradient passes where x was negative and is stopped where it was positive.",
    ),
    Mistake(
        "mask forgotten",
        "dx = dy * positive",
        "dx = dy",
        "dx is dy itself. Where x was negative, y does not depend on x, so no gradient passes.",
    ),
    Mistake(
        "mask without dy",
        "dx = dy * positive",
        "dx = positive.astype(dy.dtype)",
        "This is the derivative of ReLU alone. The chain rule multiplies it by dy, the gradient that comes "
        "from above.",
    ),
    Mistake(
        "multiplied by y in place of its derivative",
        "cache = x > 0",
        "cache = x * (x > 0)",
        "dy was multiplied by relu(x). The chain rule wants the derivative of ReLU there, which is 1 or 0.",
    ),
    Mistake(
        "multiplied by x",
        "cache = x > 0",
        "cache = x",
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
        "y = (1 + np.tanh(x / 2)) / 2",
        "y = np.exp(x) / (1 + np.exp(x))",
        "y is NaN where exp(x) is inf: inf / inf and 0 * inf are NaN. Write the fraction such that inf can "
        "stand in the denominator only, or such that no exp is left in it.",
    ),
    Mistake(
        "tanh in place of the sigmoid",
        "y = (1 + np.tanh(x / 2)) / 2",
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
        "dx = dy * y * (1 - y)",
        "dx = y * (1 - y)",
        "This is the derivative of the sigmoid alone. The chain rule multiplies it by dy.",
    ),
    Mistake(
        "derivative of tanh",
        "dx = dy * y * (1 - y)",
        "dx = dy * (1 - y * y)",
        "dy was multiplied by 1 - y^2. That is the derivative of tanh; the sigmoid has another one.",
    ),
    Mistake(
        "1 - y forgotten",
        "dx = dy * y * (1 - y)",
        "dx = dy * y",
        "dx is dy * y: that is what exp would have. The denominator of the sigmoid depends on x too and "
        "gives another factor.",
    ),
    Mistake(
        "y forgotten",
        "dx = dy * y * (1 - y)",
        "dx = dy * (1 - y)",
        "dx is dy * (1 - y): one factor of the derivative is there, the other one is missing.",
    ),
]
