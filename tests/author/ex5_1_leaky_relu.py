"""Exercise 5.1: Leaky ReLU.

ReLU is 0 for every negative x, and so is its gradient: a unit that is negative for all examples learns no
more. Leaky ReLU lets a little through,

    y = x              if x > 0
    y = slope * x      otherwise

with a small number slope, 0.01 say. At x = 0 we take the gradient of the second line.
"""

import numpy as np


def leaky_relu_forward(x, slope):
    """Return y, as above, and a cache with what backward will need.

    x: (N, I); slope: a number. y: like x.

    >>> y, cache = leaky_relu_forward(np.array([[1.0, -2.0, 0.0]]), 0.5)
    >>> y
    array([[ 1., -1.,  0.]])
    """
    # solution
    y = np.where(x > 0, x, slope * x)
    cache = (x, slope)
    return y, cache
    # end of solution


def leaky_relu_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: like y, the gradient of the loss with respect to y; cache: of leaky_relu_forward.

        dx = dy            if x > 0
        dx = slope * dy    otherwise

    >>> y, cache = leaky_relu_forward(np.array([[1.0, -2.0, 0.0]]), 0.5)
    >>> leaky_relu_backward(np.array([[1.0, 10.0, 100.0]]), cache)
    array([[ 1.,  5., 50.]])
    """
    # solution
    x, slope = cache
    dx = np.where(x > 0, dy, slope * dy)
    return dx
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 8


def cases(rng):
    """Return inputs of both signs; in the third x is 0 in places, where backward has to decide."""
    shapes = [(1, 2), (1, 3), (4, 2), (3, 5)]
    inputs = [{"x": rng.standard_normal(shape), "slope": float(rng.uniform(0.1, 0.9))} for shape in shapes]
    inputs[2]["x"][::2] = 0.0
    return inputs


PARTS = [
    Part(
        "leaky_relu_forward",
        returns=("y", "cache"),
        cases=cases,
        points=1,
        hints=(
            "Each value is either kept or made smaller, by its own sign.",
            "y is x where x > 0, and slope * x elsewhere.",
            "np.where takes a condition and two arrays, and picks from the one or the other.",
        ),
    ),
    Part(
        "leaky_relu_backward",
        after="leaky_relu_forward",
        returns=("dx",),
        cases=cases,
        points=2,
        hints=(
            "A straight line has the same slope everywhere: which line is an element on?",
            "The slope is 1 where x > 0, and slope elsewhere; dx is dy times it.",
            "The condition is about x, which forward has put into the cache, not about dy.",
        ),
    ),
]

MISTAKES = [
    Mistake(
        "ReLU without the leak",
        "np.where(x > 0, x, slope * x)",
        "np.maximum(x, 0)",
        "Negative values became 0; they are to be multiplied by slope.",
    ),
    Mistake(
        "gradient of ReLU",
        "np.where(x > 0, dy, slope * dy)",
        "np.where(x > 0, dy, 0)",
        "Nothing comes back through negative values; forward let slope times them through.",
    ),
    Mistake(
        "condition on dy",
        "np.where(x > 0, dy, slope * dy)",
        "np.where(dy > 0, dy, slope * dy)",
        "Where forward multiplied is decided by the sign of x, not by that of dy.",
    ),
    Mistake(
        "zero on the wrong side",
        "np.where(x > 0, dy, slope * dy)",
        "np.where(x >= 0, dy, slope * dy)",
        "At x = 0 the whole dy came back; the text says which line counts there.",
    ),
    Mistake(
        "slope forgotten in backward",
        "dx = np.where(x > 0, dy, slope * dy)",
        "dx = dy * 1",
        "dx is dy itself, also where forward multiplied by slope.",
    ),
]
