"""Exercise 1.1: A linear layer.

A linear layer multiplies by a matrix and adds a vector. Written out,

    y[n, o] = sum over i of x[n, i] * weight[o, i] + bias[o]

n counts the examples of a batch (N), i the inputs (I), o the outputs (O). Backward receives dy, the gradient
of the loss with respect to y, and returns the loss's gradients with respect to x, weight and bias. Each of
them sums over the index that its array lacks: dx over o, dweight over n, dbias over n.
"""

import numpy as np


def linear_forward(x, weight, bias):
    """Return y, as above, and a cache with what backward will need.

    x: (N, I); weight: (O, I); bias: (O,). y: (N, O), with the dtype of x.

    >>> x, weight = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> y, cache = linear_forward(x, weight, np.array([0.0, 10.0]))
    >>> y
    array([[ 1., 13.],
           [ 3., 17.]])
    """
    # solution
    y = x @ weight.T + bias
    cache = (x, weight)
    return y, cache
    # end of solution


def linear_backward(dy, cache):
    """Return dx, dweight, dbias: the loss's gradients, each of the shape of its array.

    dy: (N, O), the gradient of the loss with respect to y; cache: of linear_forward.

        dx[n, i]      = sum over o of dy[n, o] * weight[o, i]
        dweight[o, i] = sum over n of dy[n, o] * x[n, i]
        dbias[o]      = sum over n of dy[n, o]

    >>> x, weight = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> _, cache = linear_forward(x, weight, np.array([0.0, 10.0]))
    >>> dx, dweight, dbias = linear_backward(np.array([[1.0, 0.0], [0.0, 2.0]]), cache)
    >>> dx
    array([[1., 0.],
           [2., 2.]])
    >>> dweight
    array([[1., 2.],
           [6., 8.]])
    >>> dbias
    array([1., 2.])
    """
    # solution
    x, weight = cache
    dx = dy @ weight
    dweight = dy.T @ x
    dbias = dy.sum(axis=0)
    return dx, dweight, dbias
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 0


def cases(rng):
    """Return inputs with N, I and O all different, a batch of one, and square ones, where a transpose
    fits.
    """
    sizes = [(1, 1, 1), (1, 3, 2), (4, 2, 3), (3, 3, 3), (5, 4, 2), (2, 6, 7)]
    return [
        {
            "x": rng.standard_normal((n, i)),
            "weight": rng.standard_normal((o, i)),
            "bias": rng.standard_normal(o),
        }
        for n, i, o in sizes
    ]


def large(rng, inputs=400_000):
    """Return two long examples and two outputs."""
    length = inputs // 4
    shapes = {"x": (2, length), "weight": (2, length), "bias": 2}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


PARTS = [
    Part(
        "linear_forward",
        returns=("y", "cache"),
        cases=cases,
        hints=(
            "Every output is the dot product of one example with one row of weight, plus a number of its "
            "own.",
            "All dot products of rows of A with rows of B are the matrix A @ B.T.",
            "y = x @ weight.T has the shape (N, O); a bias (O,) is added to every row by broadcasting.",
        ),
    ),
    Part(
        "linear_backward",
        after="linear_forward",
        returns=("dx", "dweight", "dbias"),
        cases=cases,
        large=large,
        points=2,
        partial={"dx": 1, "dweight": 0.5, "dbias": 0.5},
        hints=(
            "Ask of each array: which outputs does this element reach, and with which factor? Its gradient "
            "is the sum of dy over these outputs, each times its factor.",
            "x[n, i] reaches y[n, o] for every o with the factor weight[o, i]; weight[o, i] reaches y[n, o] "
            "for every n with the factor x[n, i]; bias[o] reaches y[n, o] for every n with the factor 1.",
            "The sums are matrix products whose shapes leave no choice: (N, O) with (O, I) gives dx, (O, N) "
            "with (N, I) gives dweight.",
        ),
    ),
]

MISTAKES = [
    Mistake(
        "bias forgotten",
        "x @ weight.T + bias",
        "x @ weight.T",
        "The numbers are those of x @ weight.T alone.",
    ),
    Mistake(
        "bias subtracted",
        "x @ weight.T + bias",
        "x @ weight.T - bias",
        "The bias has the wrong sign.",
    ),
    Mistake(
        "weight not transposed",
        "x @ weight.T + bias",
        "x @ weight + bias",
        "Where weight is square, x @ weight fits too, but it uses columns where rows were meant.",
    ),
    Mistake(
        "weight transposed in backward",
        "dx = dy @ weight",
        "dx = dy @ weight.T",
        "Forward used weight.T, so backward uses weight itself: transposing twice is one too many.",
    ),
    Mistake(
        "mean over the batch",
        "dweight = dy.T @ x",
        "dweight = dy.T @ x / len(x)",
        "dweight was divided by N. Backward adds up over the batch; if the loss is a mean, dy has the 1/N "
        "already.",
    ),
    Mistake(
        "mean of the bias gradient",
        "dy.sum(axis=0)",
        "dy.mean(axis=0)",
        "dbias is a mean over the batch; the bias took part in every example, and its gradient is the sum.",
    ),
    Mistake(
        "bias gradient over the wrong axis",
        "dy.sum(axis=0)",
        "dy.sum(axis=1)",
        "dbias was summed over the outputs, axis 1; the index that bias lacks is n, axis 0.",
    ),
    Mistake(
        "overwritten instead of added",
        "dy.sum(axis=0)",
        "dy[-1]",
        "dbias is the gradient of the last example alone: the bias took part in all of them, and a gradient "
        "that arrives several times is added up (+=), not overwritten (=).",
    ),
    Mistake(
        "weight and x exchanged",
        "dweight = dy.T @ x",
        "dweight = x.T @ dy",
        "dweight came out transposed. weight has a row for each output and a column for each input, and so "
        "has dweight.",
    ),
    Mistake(
        "input modified in place",
        "y = x @ weight.T + bias",
        "x -= 0.5\n    y = x @ weight.T + bias",
        "",
    ),
]
