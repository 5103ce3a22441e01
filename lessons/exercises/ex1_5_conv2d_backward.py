"""Exercise 1.5: The backward of a convolution.

The forward is that of exercise 1.4, with x padded by rows and columns of zeros:

    y[n, o, oh, ow] = bias[o] + sum over c, i, j of
                      weight[o, c, i, j] * padded[n, c, oh * stride_h + i, ow * stride_w + j]

x: (N, C, H, W); weight: (O, C, KH, KW); bias: (O,); y: (N, O, OH, OW). Backward receives dy, the gradient of
the loss with respect to y, and returns the loss's gradients with respect to x, weight and bias. The gradient
of one element sums over all outputs that it reaches: dy there, times the factor by which it was multiplied.

    dbias[o]            = sum over n, oh, ow of dy[n, o, oh, ow]
    dweight[o, c, i, j] = sum over n, oh, ow of
                          dy[n, o, oh, ow] * padded[n, c, oh * stride_h + i, ow * stride_w + j]
    dpadded[n, c, h, w] = sum over o, and over all oh, i with oh * stride_h + i = h and all ow, j with
                          ow * stride_w + j = w, of dy[n, o, oh, ow] * weight[o, c, i, j]

dx is the part of dpadded that belongs to the image: the zeros around it were no inputs.
"""

import numpy as np
from ex1_4_im2col import im2col


def conv2d_backward(dy, cache):
    """Return dx, dweight, dbias: the loss's gradients, each with the shape and dtype of its array.

    dy: (N, O, OH, OW); cache: (x, weight, stride, padding), stride and padding pairs (h, w).

    im2col is at hand (the check takes the solution's, so this exercise can be solved before 1.4). With its
    columns, forward is a matrix product, kernels times columns, and backward that of a linear layer: it gives
    dweight and the gradient of the columns. A pixel stands in several columns, once for each of its windows,
    and its gradient is the sum of theirs. You may also do without columns.

    >>> x = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    >>> weight = np.array([[[[1.0, 0.0], [3.0, 2.0]]]])
    >>> dy = np.array([[[[1.0, 10.0]]]])
    >>> dx, dweight, dbias = conv2d_backward(dy, (x, weight, (1, 1), (0, 0)))
    >>> dx
    array([[[[ 1., 10.,  0.],
             [ 3., 32., 20.]]]])
    >>> dweight
    array([[[[21., 32.],
             [54., 65.]]]])
    >>> dbias
    array([11.])
    """
    # solution
    x, weight, stride, padding = cache
    (n, c, h, w), (o, _, kh, kw), (oh, ow) = x.shape, weight.shape, dy.shape[2:]
    dy = dy.transpose(1, 2, 3, 0).reshape(o, oh * ow * n)  # its columns in the order of im2col
    columns = im2col(x, kernel_size=(kh, kw), stride=stride, padding=padding)
    dbias = dy.sum(axis=1)
    dweight = (dy @ columns.T).reshape(weight.shape)
    dcolumns = (weight.reshape(o, -1).T @ dy).reshape(c, kh, kw, oh, ow, n)

    # the adjoint of im2col: every column is added where it was taken from
    (stride_h, stride_w), (padding_h, padding_w) = stride, padding
    dpadded = np.zeros((n, c, h + 2 * padding_h, w + 2 * padding_w), x.dtype)
    for i in range(kh):
        for j in range(kw):
            down, right = slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)
            dpadded[:, :, down, right] += dcolumns[:, i, j].transpose(3, 0, 1, 2)  # (N, C, OH, OW)
    dx = dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]
    return dx, dweight, dbias
    # end of solution


# Nothing from here on is handed out.

import math

import minires.functional as F
from minires.course.parts import Mistake, Part

LESSON = 0
SHAPES = [  # (N, C, H, W), (O, C, KH, KW), (OH, OW), stride, padding
    ((1, 1, 2, 3), (1, 1, 2, 2), (1, 2), (1, 1), (0, 0)),
    ((1, 2, 3, 3), (3, 2, 2, 2), (2, 2), (2, 2), (1, 1)),
    ((2, 2, 4, 3), (1, 2, 2, 3), (5, 3), (1, 1), (1, 1)),
    ((2, 1, 4, 5), (4, 1, 1, 3), (8, 3), (1, 2), (2, 1)),
    ((3, 2, 6, 4), (2, 2, 3, 2), (3, 3), (2, 1), (1, 0)),
    ((2, 3, 4, 6), (3, 3, 2, 3), (2, 4), (3, 2), (1, 2)),  # stride above the kernel: unread rows
]


def numbers(rng, shape):
    """Return random numbers; a few, which somebody may look at, are 1, 2, 3, ... shuffled."""
    size = int(np.prod(shape))
    return (rng.permutation(size) + 1.0 if size < 8 else rng.standard_normal(size)).reshape(shape)


def cases(rng):
    return [
        {
            "dy": numbers(rng, (x[0], weight[0], *out)),
            "cache": (numbers(rng, x), numbers(rng, weight), stride, padding),
        }
        for x, weight, out, stride, padding in SHAPES
    ]


def large(rng, inputs=60_000):
    """Return one image of two channels."""
    side = math.isqrt(inputs // 2)
    x, weight = rng.standard_normal((1, 2, side, side)), rng.standard_normal((2, 2, 2, 3))
    dy = rng.standard_normal((1, 2, side + 1, (side - 3) // 2 + 1))
    return {"dy": dy, "cache": (x, weight, (1, 2), (1, 0))}


def numeric(case):
    """Return the library's forward, with the cache that the exercise prescribes, and its inputs."""
    x, weight, stride, padding = case["cache"]

    def forward(x, weight, bias):
        y, _ = F.conv2d_forward(x, weight, bias, stride=stride, padding=padding)
        return y, (x, weight, stride, padding)

    return forward, {"x": x, "weight": weight, "bias": np.zeros(len(weight), x.dtype)}


PARTS = [
    Part(
        "conv2d_backward",
        returns=("dx", "dweight", "dbias"),
        cases=cases,
        large=large,
        numeric=numeric,
        points=4,
        partial={"dx": 2, "dweight": 1, "dbias": 1},
        hints=(
            "A convolution is a linear layer that is applied to every window. So its backward is that of a "
            "linear layer, and then every window's gradient must find its way back to the pixels.",
            "Bring dy into the order of the columns, (O, OH*OW*N). Then dbias sums it over its columns, "
            "dweight is dy @ columns.T, and the gradient of the columns is the kernels, transposed, times "
            "dy.",
            "Start dpadded with zeros. For each (i, j), the gradients of pixel (i, j) of all windows belong "
            "to one slice of dpadded, the same that im2col reads; add them there. At the end cut the padding "
            "off: H rows from row padding_h on, W columns from column padding_w on.",
        ),
    ),
]

MISTAKES = [
    Mistake(
        "overwritten instead of added",
        "dpadded[:, :, down, right] +=",
        "dpadded[:, :, down, right] =",
        "Windows overlap, so a pixel receives a gradient for each window in which it stands. They add up; "
        "here the last one to be written replaced the others.",
    ),
    Mistake(
        "windows overwrite each other",
        """for i in range(kh):
        for j in range(kw):
            down, right = slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)
            dpadded[:, :, down, right] += dcolumns[:, i, j].transpose(3, 0, 1, 2)""",
        """for i in range(oh):
        for j in range(ow):
            top, left = i * stride_h, j * stride_w
            window = dcolumns[:, :, :, i, j].transpose(3, 0, 1, 2)
            dpadded[:, :, top : top + kh, left : left + kw] = window""",
        "Every pixel has the gradient of the last window in which it stands. It receives one from each of "
        "its windows, and they add up.",
    ),
    Mistake(
        "windows and channels overwrite each other",
        """for i in range(kh):
        for j in range(kw):
            down, right = slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)
            dpadded[:, :, down, right] += dcolumns[:, i, j].transpose(3, 0, 1, 2)""",
        """dy = dy.reshape(o, oh, ow, n)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride_h, j * stride_w
            window = dy[-1, i, j].reshape(n, 1, 1, 1) * weight[-1]
            dpadded[:, :, top : top + kh, left : left + kw] = window""",
        "Every pixel has the gradient from the last output channel and the last window alone. It receives "
        "one from each channel and each of its windows, and they add up.",
    ),
    Mistake(
        "stride ignored",
        "slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)",
        "slice(i, i + oh), slice(j, j + ow)",
        "dx was put together as if the windows began one pixel apart: that of output (oh, ow) begins in row "
        "oh * stride_h and column ow * stride_w of the padded image.",
    ),
    Mistake(
        "kernel flipped",
        "weight.reshape(o, -1).T @ dy",
        "weight[:, :, ::-1, ::-1].reshape(o, -1).T @ dy",
        "For dx the kernels were flipped, once too often: forward multiplied pixel (i, j) of a "
        "window by weight[..., i, j], and so does backward.",
    ),
    Mistake(
        "weight reshaped the wrong way",
        "weight.reshape(o, -1).T @ dy",
        "weight.reshape(-1, o) @ dy",
        "The transposed matrix of kernels is not the same as the numbers cut into rows of O. Reshape so that "
        "every kernel stays together, then transpose.",
    ),
    Mistake(
        "dcolumns taken for image by image",
        "@ dy).reshape(c, kh, kw, oh, ow, n)",
        "@ dy).reshape(c, kh, kw, n, oh, ow).transpose(0, 1, 2, 4, 5, 3)",
        "dx was put together as if all columns of image 0 came first. In the columns the image changes "
        "fastest.",
    ),
    Mistake(
        "padding not cropped",
        "dx = dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]",
        "dx = dpadded",
        "This is the gradient of the padded image. dx has the shape of x: the rows and columns that were "
        "added are cut off again.",
    ),
    Mistake(
        "padding cropped at one end",
        "dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]",
        "dpadded[:, :, :h, :w]",
        "The shape is right, but the padding was cut off below and to the right only. The image begins in "
        "row padding_h and column padding_w of the padded image.",
    ),
    Mistake(
        "always one pixel cropped",
        "dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]",
        "dpadded[:, :, 1:-1, 1:-1]",
        "One pixel was cut off at every border, which is right for a padding of 1 only.",
    ),
    Mistake(
        "padding cropped as (w, h)",
        "dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]",
        "dpadded[:, :, padding_w : padding_w + h, padding_h : padding_h + w]",
        "The paddings of the two directions are exchanged. The pair is (h, w): the first counts rows, the "
        "second columns.",
    ),
    Mistake(
        "nothing left where padding is 0",
        "dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]",
        "dpadded[:, :, padding_h:-padding_h, padding_w:-padding_w]",
        "An end of -padding counts from the far end, but -0 is 0, the near end, and the slice 0:0 is empty. "
        "Say where the image ends in another way.",
    ),
    Mistake(
        "mean over the batch",
        "dweight = (dy @ columns.T).reshape(weight.shape)",
        "dweight = (dy @ columns.T).reshape(weight.shape) / n",
        "dweight was divided by N. Backward adds up over the batch; if the loss is a mean, dy has the 1/N "
        "already.",
    ),
    Mistake(
        "dweight of the last image",
        "dy @ columns.T",
        "dy[:, n - 1 :: n] @ columns[:, n - 1 :: n].T",
        "dweight counts the last image alone. A kernel takes part in all images, and gradients that arrive "
        "several times are added up, not overwritten.",
    ),
    Mistake(
        "dweight of the last window",
        "dy @ columns.T",
        "dy[:, -1:] @ columns[:, -1:].T",
        "dweight counts the last window of the last image alone. A kernel takes part in all windows, and "
        "gradients that arrive several times are added up, not overwritten.",
    ),
    Mistake(
        "dy reshaped without its transpose",
        "dy.transpose(1, 2, 3, 0).reshape(o, oh * ow * n)",
        "dy.reshape(o, oh * ow * n)",
        "dy has the images first. A reshape never moves an axis: before dy can be cut into one row for each "
        "output channel, its axes must stand in the order of the columns.",
    ),
    Mistake(
        "dy laid out image by image",
        "dy.transpose(1, 2, 3, 0).reshape(o, oh * ow * n)",
        "dy.transpose(1, 0, 2, 3).reshape(o, oh * ow * n)",
        "dy was laid out as if all columns of image 0 came first. In the columns the image changes fastest.",
    ),
    Mistake(
        "bias gradient over the wrong axes",
        "dbias = dy.sum(axis=1)",
        "dbias = dy.reshape(o, -1, n).sum(axis=(0, 1))",
        "dbias has one number for each image. It was summed over axis 1, the output channels, and not over "
        "axis 0, the images; it must be the other way round.",
    ),
    Mistake(
        "bias gradient not summed over the batch",
        "dbias = dy.sum(axis=1)",
        "dbias = dy.reshape(o, -1, n).sum(axis=1).T",
        "dbias was summed over the outputs of each image, but not over the images: the same bias serves them "
        "all.",
    ),
    Mistake(
        "bias gradient not summed over the pixels",
        "dbias = dy.sum(axis=1)",
        "dbias = dy.reshape(o, oh, ow, n).sum(axis=3)",
        "dbias was summed over the images, but not over the pixels of an output channel: the same bias "
        "serves them all.",
    ),
    Mistake(
        "bias gradient of the last output",
        "dbias = dy.sum(axis=1)",
        "dbias = dy[:, -1]",
        "dbias is dy at the last output pixel of the last image. The bias took part in every output of its "
        "channel, and gradients that arrive several times are added up, not overwritten.",
    ),
    Mistake(
        "mean of the bias gradient",
        "dbias = dy.sum(axis=1)",
        "dbias = dy.mean(axis=1)",
        "dbias is a mean. The bias took part in every output of its channel, and its gradient is the sum.",
    ),
    Mistake(
        "bias gradient divided by the batch",
        "dbias = dy.sum(axis=1)",
        "dbias = dy.sum(axis=1) / n",
        "dbias was divided by N. Backward adds up over the batch; if the loss is a mean, dy has the 1/N "
        "already.",
    ),
    Mistake(
        "input modified in place",
        "x, weight, stride, padding = cache\n",
        "x, weight, stride, padding = cache\n    dy /= len(x) + 1\n",
        "",
    ),
    Mistake(
        "dtype not kept",
        "w + 2 * padding_w), x.dtype)",
        "w + 2 * padding_w))",
        "",
    ),
]
