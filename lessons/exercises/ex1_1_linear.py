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

FORWARD = "y = x @ weight.T + bias"
DX = "dx = dy @ weight"
DWEIGHT = "dweight = dy.T @ x"
DBIAS = "dbias = dy.sum(axis=0)"

MISTAKES = [
    Mistake(
        "bias forgotten",
        FORWARD,
        "y = x @ weight.T",
        "The numbers are those of x @ weight.T alone.",
    ),
    Mistake(
        "bias subtracted",
        FORWARD,
        "y = x @ weight.T - bias",
        "The bias has the wrong sign.",
    ),
    Mistake(
        "bias multiplied",
        FORWARD,
        "y = x @ weight.T * bias",
        "The dot products were multiplied by bias, which is to be added.",
    ),
    Mistake(
        "bias added once for each input",
        FORWARD,
        "y = x @ weight.T + x.shape[1] * bias",
        "bias came in I times: it stands inside the sum over i, to which it does not belong.",
    ),
    Mistake(
        "first bias everywhere",
        FORWARD,
        "y = x @ weight.T + bias[0]",
        "Every output got bias[0]. Output o has the bias of its own index.",
    ),
    Mistake(
        "bias along the wrong axis",
        FORWARD,
        "y = x @ weight.T + bias[:, np.newaxis]",
        "bias was added down the batch, one number for each row. It has one for each column of y: output o "
        "of every example gets bias[o].",
    ),
    Mistake(
        "weight not transposed",
        FORWARD,
        "y = x @ weight + bias",
        "Where weight is square, x @ weight fits too, but it uses columns where rows were meant.",
    ),
    Mistake(
        "weight reshaped instead of transposed",
        FORWARD,
        "y = x @ weight.reshape(weight.shape[::-1]) + bias",
        "weight was brought into the shape (I, O) by a reshape. That cuts its numbers into other rows and "
        "never moves an axis; a transpose does.",
    ),
    Mistake(
        "y transposed",
        FORWARD,
        "y = weight @ x.T + bias[:, np.newaxis]",
        "y has the shape (O, N): the values are right, but it is transposed. Examples are the rows of y.",
    ),
    Mistake(
        "product transposed before the bias",
        FORWARD,
        "y = weight @ x.T + bias",
        "The product has the shape (O, N): it is transposed, so the bias meets the examples. Examples are "
        "the rows of y.",
    ),
    Mistake(
        "product reshaped instead of transposed",
        FORWARD,
        "y = (weight @ x.T).reshape(len(x), -1) + bias",
        "A product of the shape (O, N) was brought to (N, O) by a reshape. That cuts its numbers into other "
        "rows and never moves an axis; a transpose does.",
    ),
    Mistake(
        "only the last input",
        FORWARD,
        "y = x[:, -1:] @ weight[:, -1:].T + bias",
        "y[n, o] holds the product of the last input alone (and bias). The products of all inputs are added "
        "up: += where you have =.",
    ),
    Mistake(
        "first input left out",
        FORWARD,
        "y = x[:, 1:] @ weight[:, 1:].T + bias",
        "The sum over i begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last input left out",
        FORWARD,
        "y = x[:, :-1] @ weight[:, :-1].T + bias",
        "The sum over i ends too early: the last input takes no part. range(I) ends with I - 1 already.",
    ),
    Mistake(
        "mean over the inputs",
        FORWARD,
        "y = x @ weight.T / x.shape[1] + bias",
        "The products were averaged over the inputs. They are added up.",
    ),
    Mistake(
        "last example left out",
        FORWARD,
        FORWARD + "\n    y[-1] = 0",
        "The last row of y is still 0: the loop over the examples ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "only the first example",
        FORWARD,
        FORWARD + "\n    y[1:] = 0",
        "Only the first row of y was computed, the others are still 0. Is a return inside the loop?",
    ),
    Mistake(
        "last output left out",
        FORWARD,
        FORWARD + "\n    y[:, -1] = 0",
        "The last column of y is still 0: the loop over the outputs ends too early. range(O) ends with O - "
        "1 already.",
    ),
    Mistake(
        "one example for all rows",
        FORWARD,
        "y = x * 0 @ weight.T + x[-1] @ weight.T + bias",
        "Every row of y belongs to the last example. Each example has its own.",
    ),
    Mistake(
        "ReLU applied",
        FORWARD,
        "y = np.maximum(x @ weight.T + bias, 0)",
        "Negative outputs were set to 0. A linear layer has no activation: that is a layer of its own.",
    ),
    Mistake(
        "weight transposed in backward",
        DX,
        "dx = dy @ weight.T",
        "Forward used weight.T, so backward uses weight itself: transposing twice is one too many.",
    ),
    Mistake(
        "weight reshaped in backward",
        DX,
        "dx = dy @ weight.T.reshape(weight.shape)",
        "For dx the numbers of weight stand in other places: they were cut into other rows by a reshape, "
        "which never moves an axis.",
    ),
    Mistake(
        "dx transposed",
        DX,
        "dx = weight.T @ dy.T",
        "dx came out transposed. x has a row for each example, and so has dx.",
    ),
    Mistake(
        "dx of the last output",
        DX,
        "dx = dy[:, -1:] @ weight[-1:]",
        "dx holds the gradient from the last output alone. x[n, i] takes part in all outputs, and gradients "
        "that arrive several times are added up: += where you have =.",
    ),
    Mistake(
        "first output left out of dx",
        DX,
        "dx = dy[:, 1:] @ weight[1:]",
        "In dx the sum over o begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last output left out of dx",
        DX,
        "dx = dy[:, :-1] @ weight[:-1]",
        "In dx the sum over o ends too early. range(O) ends with O - 1 already.",
    ),
    Mistake(
        "dx summed over the batch",
        DX,
        "dx = dy.sum(axis=0) @ weight",
        "dx was summed over the examples. Each example has an x, and a gradient, of its own.",
    ),
    Mistake(
        "dx divided by the batch",
        DX,
        "dx = dy @ weight / len(x)",
        "dx was divided by N. If the loss is a mean over the batch, dy has the 1/N already.",
    ),
    Mistake(
        "mean over the outputs",
        DX,
        "dx = dy @ weight / len(weight)",
        "dx was averaged over the outputs. The gradients from all outputs are added up.",
    ),
    Mistake(
        "dx multiplied by x",
        DX,
        "dx = dy @ weight * x",
        "dx was multiplied by x. The factor by which x[n, i] reaches y[n, o] is weight[o, i] alone.",
    ),
    Mistake(
        "dy forgotten in dx",
        DX,
        "dx = np.ones_like(dy) @ weight",
        "dx is a sum of weights alone. The chain rule multiplies each of them by the dy of its output.",
    ),
    Mistake(
        "mean over the batch",
        DWEIGHT,
        "dweight = dy.T @ x / len(x)",
        "dweight was divided by N. Backward adds up over the batch; if the loss is a mean, dy has the 1/N "
        "already.",
    ),
    Mistake(
        "dweight divided by N * O",
        DWEIGHT,
        "dweight = dy.T @ x / dy.size",
        "dweight was divided by N * O, the number of outputs of the batch. Backward adds up and divides by "
        "nothing.",
    ),
    Mistake(
        "dweight of the last example",
        DWEIGHT,
        "dweight = dy[-1:].T @ x[-1:]",
        "dweight is the gradient of the last example alone. The weights took part in all of them, and "
        "gradients that arrive several times are added up: += where you have =.",
    ),
    Mistake(
        "dweight of the first example",
        DWEIGHT,
        "dweight = dy[:1].T @ x[:1]",
        "dweight is the gradient of the first example alone. The weights took part in all of them: their "
        "gradients are added up.",
    ),
    Mistake(
        "first example left out of dweight",
        DWEIGHT,
        "dweight = dy[1:].T @ x[1:]",
        "In dweight the sum over n begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last example left out of dweight",
        DWEIGHT,
        "dweight = dy[:-1].T @ x[:-1]",
        "In dweight the sum over n ends too early. range(N) ends with N - 1 already.",
    ),
    Mistake(
        "dy and x summed before the product",
        DWEIGHT,
        "dweight = np.outer(dy.sum(axis=0), x.sum(axis=0))",
        "dweight is the product of two sums over the batch. It is the sum of products: in each of them dy "
        "and x belong to the same example.",
    ),
    Mistake(
        "dy summed before the product",
        DWEIGHT,
        "dweight = np.outer(dy.sum(axis=0), x.mean(axis=0))",
        "dy was summed over the batch, and x averaged, before they were multiplied. In each product dy and "
        "x belong to the same example; then comes the sum.",
    ),
    Mistake(
        "weight and x exchanged",
        DWEIGHT,
        "dweight = x.T @ dy",
        "dweight came out transposed. weight has a row for each output and a column for each input, and so "
        "has dweight.",
    ),
    Mistake(
        "dweight reshaped instead of transposed",
        DWEIGHT,
        "dweight = (x.T @ dy).reshape(weight.shape)",
        "x.T @ dy has the shape (I, O) and was brought to (O, I) by a reshape. That cuts the numbers into "
        "other rows and never moves an axis.",
    ),
    Mistake(
        "dy reshaped instead of transposed",
        DWEIGHT,
        "dweight = dy.reshape(dy.shape[::-1]) @ x",
        "For dweight dy was brought to (O, N) by a reshape. That cuts its numbers into other rows and never "
        "moves an axis; a transpose does.",
    ),
    Mistake(
        "dweight computed from weight",
        DWEIGHT,
        "dweight = dy.sum(axis=0)[:, np.newaxis] * weight",
        "The factor in dweight is weight itself. weight[o, i] reaches y[n, o] with the factor x[n, i].",
    ),
    Mistake(
        "dy forgotten in dweight",
        DWEIGHT,
        "dweight = np.ones_like(dy).T @ x",
        "dweight is a sum of x alone. The chain rule multiplies each of them by the dy of its output.",
    ),
    Mistake(
        "weight added to its gradient",
        DWEIGHT,
        "dweight = dy.T @ x + weight",
        "dweight is the gradient plus weight itself. That would be weight decay, of which nothing is asked.",
    ),
    Mistake(
        "mean of the bias gradient",
        DBIAS,
        "dbias = dy.mean(axis=0)",
        "dbias is a mean over the batch; the bias took part in every example, and its gradient is the sum.",
    ),
    Mistake(
        "bias gradient over the wrong axis",
        DBIAS,
        "dbias = dy.sum(axis=1)",
        "dbias was summed over the outputs, axis 1; the index that bias lacks is n, axis 0.",
    ),
    Mistake(
        "mean of the bias gradient over the wrong axis",
        DBIAS,
        "dbias = dy.mean(axis=1)",
        "dbias is a mean over the outputs, axis 1. It is a sum, and over the index that bias lacks: n, axis "
        "0.",
    ),
    Mistake(
        "overwritten instead of added",
        DBIAS,
        "dbias = dy[-1]",
        "dbias is the gradient of the last example alone: the bias took part in all of them, and a gradient "
        "that arrives several times is added up (+=), not overwritten (=).",
    ),
    Mistake(
        "bias gradient of the first example",
        DBIAS,
        "dbias = dy[0]",
        "dbias is the gradient of the first example alone. The bias took part in all of them: their "
        "gradients are added up.",
    ),
    Mistake(
        "first example left out of dbias",
        DBIAS,
        "dbias = dy[1:].sum(axis=0)",
        "In dbias the sum over n begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last example left out of dbias",
        DBIAS,
        "dbias = dy[:-1].sum(axis=0)",
        "In dbias the sum over n ends too early. range(N) ends with N - 1 already.",
    ),
    Mistake(
        "bias gradient not summed",
        DBIAS,
        "dbias = dy",
        "dbias is dy itself, with one row for each example. The bias has no index n: sum over it.",
    ),
    Mistake(
        "bias gradient summed over everything",
        DBIAS,
        "dbias = dy.sum()",
        "dbias was summed over the outputs too, to a single number. Each output has its own bias: sum over "
        "the examples only.",
    ),
    Mistake(
        "sum of everything in every bias gradient",
        DBIAS,
        "dbias = np.full(dy.shape[1], dy.sum())",
        "Every element of dbias is the sum of all of dy. Each output has its own bias: sum over the "
        "examples only.",
    ),
    Mistake(
        "an axis of length 1 kept in dbias",
        DBIAS,
        "dbias = dy.sum(axis=0, keepdims=True)",
        "The numbers are right, but dbias has an axis of length 1 in front. bias has one axis, and so has "
        "dbias.",
    ),
    Mistake(
        "dy forgotten in dbias",
        DBIAS,
        "dbias = np.full(dy.shape[1], len(dy)).astype(dy.dtype)",
        "dbias is N everywhere: the derivative of y with respect to bias is 1, and the chain rule "
        "multiplies it by dy.",
    ),
    Mistake(
        "input modified in place",
        FORWARD,
        "x -= 0.5\n    y = x @ weight.T + bias",
        "",
    ),
    Mistake(
        "only the last input, without bias",
        FORWARD,
        "y = x[:, -1:] @ weight[:, -1:].T",
        "y[n, o] holds the product of the last input alone: each product overwrote what was there before, "
        "bias included. They are added up: += where you have =.",
    ),
    Mistake(
        "only the bias",
        FORWARD,
        "y = 0 * x @ weight.T + bias",
        "Every row of y is bias: the products of x and weight never reach it.",
    ),
    Mistake(
        "products subtracted",
        FORWARD,
        "y = bias - x @ weight.T",
        "The products were subtracted from bias. They are added to it.",
    ),
    Mistake(
        "x and weight added",
        FORWARD,
        "y = x.sum(axis=1, keepdims=True) + weight.sum(axis=1) + bias",
        "y[n, o] sums x[n, i] + weight[o, i]. It is to sum their products.",
    ),
    Mistake(
        "weight forgotten",
        FORWARD,
        "y = x @ np.ones_like(weight).T + bias",
        "y[n, o] sums the inputs alone. Each is multiplied by its weight.",
    ),
    Mistake(
        "first example left out",
        FORWARD,
        FORWARD + "\n    y[0] = 0",
        "The first row of y is still 0: the loop over the examples begins at 1. Indices count from 0.",
    ),
    Mistake(
        "first output left out",
        FORWARD,
        FORWARD + "\n    y[:, 0] = 0",
        "The first column of y is still 0: the loop over the outputs begins at 1. Indices count from 0.",
    ),
    Mistake(
        "first example left out in backward",
        DX,
        DX + "\n    dx[0] = 0",
        "The first row of dx is still 0: the loop over the examples begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last example left out in backward",
        DX,
        DX + "\n    dx[-1] = 0",
        "The last row of dx is still 0: the loop over the examples ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "first input left out in backward",
        DX,
        DX + "\n    dx[:, 0] = 0",
        "The first column of dx is still 0: the loop over the inputs begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last input left out in backward",
        DX,
        DX + "\n    dx[:, -1] = 0",
        "The last column of dx is still 0: the loop over the inputs ends too early. range(I) ends with I - "
        "1 already.",
    ),
    Mistake(
        "weight forgotten in dx",
        DX,
        "dx = dy @ np.ones_like(weight)",
        "dx sums dy alone. Each dy is multiplied by the weight over which x[n, i] reached that output.",
    ),
    Mistake(
        "dy and weight added",
        DX,
        "dx = dy.sum(axis=1, keepdims=True) + weight.sum(axis=0)",
        "dx sums dy + weight. The chain rule multiplies the two.",
    ),
    Mistake(
        "x in place of its gradient",
        DX,
        "dx = x + 0",
        "dx is x itself, not its gradient: see what is returned.",
    ),
    Mistake(
        "x forgotten in dweight",
        DWEIGHT,
        "dweight = dy.T @ np.ones_like(x)",
        "dweight sums dy alone. Each dy is multiplied by the x with which weight[o, i] was multiplied in "
        "forward.",
    ),
    Mistake(
        "dy and x added",
        DWEIGHT,
        "dweight = dy.sum(axis=0)[:, np.newaxis] + x.sum(axis=0)",
        "dweight sums dy + x. The chain rule multiplies the two.",
    ),
    Mistake(
        "weight in place of its gradient",
        DWEIGHT,
        "dweight = weight + 0",
        "dweight is weight itself, not its gradient: see what is returned.",
    ),
    Mistake(
        "last output left out of dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[-1] = 0",
        "The last row of dweight is still 0: the loop over the outputs ends too early. range(O) ends with O "
        "- 1 already.",
    ),
    Mistake(
        "last input left out of dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[:, -1] = 0",
        "The last column of dweight is still 0: the loop over the inputs ends too early. range(I) ends with "
        "I - 1 already.",
    ),
    Mistake(
        "last output left out of dbias",
        DBIAS,
        DBIAS + "\n    dbias[-1] = 0",
        "The last number of dbias is still 0: the loop over the outputs ends too early. range(O) ends with "
        "O - 1 already.",
    ),
    Mistake(
        "largest in place of the sum",
        DBIAS,
        "dbias = dy.max(axis=0)",
        "dbias is the largest dy of each output. It is their sum.",
    ),
]
