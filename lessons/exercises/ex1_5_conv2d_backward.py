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

ZEROS = "dpadded = np.zeros((n, c, h + 2 * padding_h, w + 2 * padding_w), x.dtype)"
ADD = "dpadded[:, :, down, right] += dcolumns[:, i, j].transpose(3, 0, 1, 2)"
CROP = "dx = dpadded[:, :, padding_h : padding_h + h, padding_w : padding_w + w]"
DCOLUMNS = "dcolumns = (weight.reshape(o, -1).T @ dy)"
DWEIGHT = "dweight = (dy @ columns.T).reshape(weight.shape)"
DBIAS = "dbias = dy.sum(axis=1)"
SLICES = "slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)"
COLUMNS = "columns = im2col(x, kernel_size=(kh, kw), stride=stride, padding=padding)"

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
        "For dx the kernels stand the wrong way round: either flipped where forward did not flip them, or, "
        "in a full correlation of dy, not flipped, which that way needs. Look which of the two your code "
        "does.",
    ),
    Mistake(
        "weight reshaped the wrong way",
        "weight.reshape(o, -1).T @ dy",
        "weight.reshape(-1, o) @ dy",
        "The transposed matrix of kernels is not the same as the numbers cut into rows of O. Reshape so "
        "that every kernel stays together, then transpose.",
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
        "dbias was summed over the outputs of each image, but not over the images: the same bias serves "
        "them all.",
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
    Mistake(
        "dx begun as the padded image",
        ZEROS,
        "dpadded = np.pad(x, ((0, 0), (0, 0), (padding_h, padding_h), (padding_w, padding_w)))",
        "dx is the gradient plus x itself: the array in which the windows are added up began as a copy of "
        "the padded image. It begins with zeros.",
    ),
    Mistake(
        "dx begun as ones",
        ZEROS,
        ZEROS.replace("zeros", "ones"),
        "dx is too large by 1 everywhere: the array in which the windows are added up began with ones.",
    ),
    Mistake(
        "kernel rows flipped",
        DCOLUMNS,
        "dcolumns = (weight[:, :, ::-1].reshape(o, -1).T @ dy)",
        "For dx the rows of the kernels stand the wrong way round: flipped, or in a full correlation of dy "
        "not flipped.",
    ),
    Mistake(
        "kernel columns flipped",
        DCOLUMNS,
        "dcolumns = (weight[:, :, :, ::-1].reshape(o, -1).T @ dy)",
        "For dx the columns of the kernels stand the wrong way round: flipped, or in a full correlation of "
        "dy not flipped.",
    ),
    Mistake(
        "kernel transposed",
        DCOLUMNS,
        "dcolumns = (weight.transpose(0, 1, 3, 2).reshape(o, -1).T @ dy)",
        "For dx rows and columns of the kernels were exchanged.",
    ),
    Mistake(
        "input and output channels exchanged",
        DCOLUMNS,
        "dcolumns = (weight.transpose(1, 0, 2, 3).reshape(o, -1).T @ dy)",
        "For dx weight was used as if its first axis counted the input channels. The first counts the "
        "outputs.",
    ),
    Mistake(
        "last output channel alone in dx",
        DCOLUMNS,
        "dcolumns = (weight[-1:].reshape(1, -1).T @ dy[-1:])",
        "dx holds the gradient from the last output channel alone. A pixel takes part in all of them, and "
        "gradients that arrive several times are added up: += where you have =.",
    ),
    Mistake(
        "first output channel alone in dx",
        DCOLUMNS,
        "dcolumns = (weight[:1].reshape(1, -1).T @ dy[:1])",
        "dx holds the gradient from the first output channel alone. A pixel takes part in all of them, and "
        "gradients that arrive several times are added up.",
    ),
    Mistake(
        "last output channel left out of dx",
        DCOLUMNS,
        "dcolumns = (weight[: o - 1].reshape(o - 1, c * kh * kw).T @ dy[: o - 1])",
        "In dx the last output channel is missing: the loop over o ends too early. range(O) ends with O - 1 "
        "already.",
    ),
    Mistake(
        "first output channel left out of dx",
        DCOLUMNS,
        "dcolumns = (weight[1:].reshape(o - 1, c * kh * kw).T @ dy[1:])",
        "In dx the first output channel is missing: the loop over o begins at 1. Indices count from 0.",
    ),
    Mistake(
        "first channel of the kernels everywhere",
        DCOLUMNS,
        "dcolumns = (weight[:, :1].repeat(c, axis=1).reshape(o, -1).T @ dy)",
        "For dx the first channel of the kernels was used for all. Each input channel has its own.",
    ),
    Mistake(
        "dx averaged over the output channels",
        DCOLUMNS,
        "dcolumns = (weight.reshape(o, -1).T @ dy / o)",
        "dx was divided by O. The gradients from all output channels are added up.",
    ),
    Mistake(
        "dx divided by the batch",
        DCOLUMNS,
        "dcolumns = (weight.reshape(o, -1).T @ dy / n)",
        "dx was divided by N. If the loss is a mean over the batch, dy has the 1/N already.",
    ),
    Mistake(
        "dx divided by the number of outputs",
        DCOLUMNS,
        "dcolumns = (weight.reshape(o, -1).T @ dy / (oh * ow))",
        "dx was divided by OH * OW. The gradients from all windows are added up.",
    ),
    Mistake(
        "dx divided by N * OH * OW",
        DCOLUMNS,
        "dcolumns = (weight.reshape(o, -1).T @ dy / dy.shape[1])",
        "dx was divided by N * OH * OW. Backward adds up and divides by nothing.",
    ),
    Mistake(
        "weight forgotten in dx",
        DCOLUMNS,
        "dcolumns = (np.ones_like(weight).reshape(o, -1).T @ dy)",
        "dx sums dy alone. Each dy is multiplied by the weight over which the pixel reached that output.",
    ),
    Mistake(
        "dy forgotten in dx",
        DCOLUMNS,
        "dcolumns = (weight.reshape(o, -1).T @ np.ones_like(dy))",
        "dx sums weights alone. The chain rule multiplies each by the dy of its output.",
    ),
    Mistake(
        "i and j exchanged",
        SLICES,
        "slice(j, j + stride_h * oh, stride_h), slice(i, i + stride_w * ow, stride_w)",
        "In dx i counts to the right and j downwards. i is the row within a window, j the column.",
    ),
    Mistake(
        "place in the window forgotten",
        SLICES,
        "slice(0, stride_h * oh, stride_h), slice(0, stride_w * ow, stride_w)",
        "Every gradient went to the first pixel of its window: i and j are missing in the indices of dx.",
    ),
    Mistake(
        "place in the window multiplied by the stride",
        SLICES,
        "slice(i * stride_h, i * stride_h + oh), slice(j * stride_w, j * stride_w + ow)",
        "In dx the stride multiplies i and j, the place within a window. It multiplies oh and ow, which say "
        "where the window begins.",
    ),
    Mistake(
        "last row of the kernel left out of dx",
        ZEROS,
        "dcolumns[:, -1] = 0\n    " + ZEROS,
        "In dx the last row of the kernels is missing: the loop over i ends too early. range(KH) ends with "
        "KH - 1 already.",
    ),
    Mistake(
        "last column of the kernel left out of dx",
        ZEROS,
        "dcolumns[:, :, -1] = 0\n    " + ZEROS,
        "In dx the last column of the kernels is missing: the loop over j ends too early. range(KW) ends "
        "with KW - 1 already.",
    ),
    Mistake(
        "first row of the kernel left out of dx",
        ZEROS,
        "dcolumns[:, 0] = 0\n    " + ZEROS,
        "In dx the first row of the kernels is missing: the loop over i begins at 1. Indices count from 0.",
    ),
    Mistake(
        "first column of the kernel left out of dx",
        ZEROS,
        "dcolumns[:, :, 0] = 0\n    " + ZEROS,
        "In dx the first column of the kernels is missing: the loop over j begins at 1. Indices count from "
        "0.",
    ),
    Mistake(
        "last row of outputs left out of dx",
        ZEROS,
        "dcolumns[:, :, :, -1] = 0\n    " + ZEROS,
        "In dx the windows of the last row of outputs are missing: the loop over oh ends too early. "
        "range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "last column of outputs left out of dx",
        ZEROS,
        "dcolumns[:, :, :, :, -1] = 0\n    " + ZEROS,
        "In dx the last window of each row is missing: the loop over ow ends too early. range(OW) ends with "
        "OW - 1 already.",
    ),
    Mistake(
        "last window left out of dx",
        ZEROS,
        "dcolumns[:, :, :, -1] = 0\n    dcolumns[:, :, :, :, -1] = 0\n    " + ZEROS,
        "In dx the last windows, at the bottom and on the right, are missing: both loops over the outputs "
        "end too early.",
    ),
    Mistake(
        "last image left out of dx",
        ZEROS,
        "dcolumns[..., -1] = 0\n    " + ZEROS,
        "dx of the last image is still 0: the loop over the images ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "first image left out of dx",
        ZEROS,
        "dcolumns[..., 0] = 0\n    " + ZEROS,
        "dx of the first image is still 0: the loop over the images begins at 1. Indices count from 0.",
    ),
    Mistake(
        "only the first image in dx",
        ZEROS,
        "dcolumns[..., 1:] = 0\n    " + ZEROS,
        "Only the first image has a dx. Is a return inside the loop?",
    ),
    Mistake(
        "only the last image in dx",
        ZEROS,
        "dcolumns[..., :-1] = 0\n    " + ZEROS,
        "Only the last image has a dx: does each round of the loop begin with new zeros?",
    ),
    Mistake(
        "last channel left out of dx",
        ZEROS,
        "dcolumns[-1] = 0\n    " + ZEROS,
        "The last channel of dx is still 0: the loop over c ends too early. range(C) ends with C - 1 "
        "already.",
    ),
    Mistake(
        "only the first channel in dx",
        ZEROS,
        "dcolumns[1:] = 0\n    " + ZEROS,
        "Only the first channel of dx was computed: a pixel of every channel takes part.",
    ),
    Mistake(
        "outputs column by column in dx",
        "@ dy).reshape(c, kh, kw, oh, ow, n)",
        "@ dy).reshape(c, kh, kw, ow, oh, n).transpose(0, 1, 2, 4, 3, 5)",
        "dx was put together as if the columns went through the outputs column by column. They go row by "
        "row.",
    ),
    Mistake(
        "kernel's rows and columns exchanged in dx",
        "@ dy).reshape(c, kh, kw, oh, ow, n)",
        "@ dy).reshape(c, kw, kh, oh, ow, n).transpose(0, 2, 1, 3, 4, 5)",
        "The gradient of the columns was cut as if they held a window column by column. They hold it row by "
        "row.",
    ),
    Mistake(
        "channels taken for innermost in dx",
        "@ dy).reshape(c, kh, kw, oh, ow, n)",
        "@ dy).reshape(kh, kw, c, oh, ow, n).transpose(2, 0, 1, 3, 4, 5)",
        "The gradient of the columns was cut as if the channel changed fastest. A column goes channel by "
        "channel.",
    ),
    Mistake(
        "images taken for first in dx",
        "@ dy).reshape(c, kh, kw, oh, ow, n)",
        "@ dy).reshape(n, c, kh, kw, oh, ow).transpose(1, 2, 3, 4, 5, 0)",
        "The gradient of the columns was reshaped as if the images came first. A reshape never moves an "
        "axis: in the columns the image comes last.",
    ),
    Mistake(
        "padding cropped twice above and to the left",
        CROP,
        "dx = dpadded[:, :, 2 * padding_h :, 2 * padding_w :]",
        "The shape is right, but the padding was cut off above and to the left only. As much belongs to the "
        "other side.",
    ),
    Mistake(
        "first padding cropped on all sides",
        CROP,
        "dx = dpadded[:, :, padding_h : padding_h + h, padding_h : padding_h + w]",
        "padding_h was cut off in both directions. The image begins in column padding_w.",
    ),
    Mistake(
        "second padding cropped on all sides",
        CROP,
        "dx = dpadded[:, :, padding_w : padding_w + h, padding_w : padding_w + w]",
        "padding_w was cut off in both directions. The image begins in row padding_h.",
    ),
    Mistake(
        "h and w exchanged in the crop",
        CROP,
        "dx = dpadded[:, :, padding_h : padding_h + w, padding_w : padding_w + h]",
        "As many rows were cut out as the image has columns, and the other way round.",
    ),
    Mistake(
        "dx multiplied by x",
        CROP,
        CROP + " * x",
        "dx was multiplied by x. The factor of a pixel is the weight alone.",
    ),
    Mistake(
        "dweight divided by N * OH * OW",
        DWEIGHT,
        "dweight = (dy @ columns.T / dy.shape[1]).reshape(weight.shape)",
        "dweight was divided by N * OH * OW, the number of windows. The gradients from all windows are "
        "added up.",
    ),
    Mistake(
        "dweight divided by OH * OW",
        DWEIGHT,
        "dweight = (dy @ columns.T / (oh * ow)).reshape(weight.shape)",
        "dweight was divided by OH * OW. The gradients from all windows are added up.",
    ),
    Mistake(
        "dweight divided by the size of the kernel",
        DWEIGHT,
        "dweight = (dy @ columns.T / (kh * kw)).reshape(weight.shape)",
        "dweight was divided by KH * KW. Backward adds up and divides by nothing.",
    ),
    Mistake(
        "dweight of the first image",
        DWEIGHT,
        "dweight = (dy[:, ::n] @ columns[:, ::n].T).reshape(weight.shape)",
        "dweight counts the first image alone. A kernel takes part in all images: their gradients are added "
        "up.",
    ),
    Mistake(
        "last image left out of dweight",
        DWEIGHT,
        "dweight = (dy.reshape(o, -1, n)[..., :-1].reshape(o, -1) @ columns.reshape(c * kh * kw, -1, "
        "n)[..., :-1].reshape(c * kh * kw, -1).T).reshape(weight.shape)",
        "The last image is missing in dweight: the loop over the images ends too early. range(N) ends with "
        "N - 1 already.",
    ),
    Mistake(
        "last row of outputs left out of dweight",
        DWEIGHT,
        "dweight = (dy[:, : (oh - 1) * ow * n] @ columns[:, : (oh - 1) * ow * n].T).reshape(weight.shape)",
        "The last row of outputs is missing in dweight: the loop over oh ends too early. range(OH) ends "
        "with OH - 1 already.",
    ),
    Mistake(
        "last column of outputs left out of dweight",
        DWEIGHT,
        "dweight = (dy.reshape(o, oh, -1)[:, :, :-n].reshape(o, -1) @ columns.reshape(c * kh * kw, oh, "
        "-1)[:, :, :-n].reshape(c * kh * kw, -1).T).reshape(weight.shape)",
        "The last column of outputs is missing in dweight: the loop over ow ends too early. range(OW) ends "
        "with OW - 1 already.",
    ),
    Mistake(
        "dy summed before the product",
        DWEIGHT,
        "dweight = (np.outer(dy.sum(axis=1), columns.mean(axis=1))).reshape(weight.shape)",
        "In dweight dy was summed before it met the windows. In each product dy and its own window belong "
        "together; then comes the sum.",
    ),
    Mistake(
        "dy and windows summed before the product",
        DWEIGHT,
        "dweight = (np.outer(dy.sum(axis=1), columns.sum(axis=1))).reshape(weight.shape)",
        "dweight is a product of two sums. It is a sum of products: in each, dy and its own window belong "
        "together.",
    ),
    Mistake(
        "dweight reshaped instead of transposed",
        DWEIGHT,
        "dweight = (columns @ dy.T).reshape(weight.shape)",
        "The product has the output channels last and was brought to the shape of weight by a reshape. That "
        "never moves an axis; a transpose does.",
    ),
    Mistake(
        "dy forgotten in dweight",
        DWEIGHT,
        "dweight = (np.ones_like(dy) @ columns.T).reshape(weight.shape)",
        "dweight sums pixels alone. The chain rule multiplies each by the dy of its output.",
    ),
    Mistake(
        "pixels forgotten in dweight",
        DWEIGHT,
        "dweight = (dy @ np.ones_like(columns).T).reshape(weight.shape)",
        "dweight sums dy alone. Each dy is multiplied by the pixel that met this weight.",
    ),
    Mistake(
        "weight added to its gradient",
        DWEIGHT,
        "dweight = (dy @ columns.T + weight.reshape(o, -1)).reshape(weight.shape)",
        "dweight is the gradient plus weight itself: does the array in which it is added up begin as "
        "weight? It begins with zeros.",
    ),
    Mistake(
        "dweight transposed in each kernel",
        DWEIGHT,
        "dweight = (dy @ columns.reshape(c, kh, kw, -1).swapaxes(1, 2).reshape(c * kh * kw, "
        "-1).T).reshape(weight.shape)",
        "The numbers of each kernel's gradient were cut column by column. They stand row by row.",
    ),
    Mistake(
        "dweight with channels innermost",
        DWEIGHT,
        "dweight = (dy @ columns.reshape(c, kh * kw, -1).swapaxes(0, 1).reshape(c * kh * kw, "
        "-1).T).reshape(weight.shape)",
        "The numbers of each kernel's gradient were cut as if the channel changed fastest. They go channel "
        "by channel.",
    ),
    Mistake(
        "first channel in all of dweight",
        DWEIGHT,
        "dweight = (dy @ columns.reshape(c, kh * kw, -1)[:1].repeat(c, axis=0).reshape(c * kh * kw, "
        "-1).T).reshape(weight.shape)",
        "All channels of dweight were computed from the first channel of x. Each has its own.",
    ),
    Mistake(
        "last channel left out of dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[:, -1] = 0",
        "The last channel of dweight is still 0: the loop over c ends too early. range(C) ends with C - 1 "
        "already.",
    ),
    Mistake(
        "last kernel left out of dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[-1] = 0",
        "The last kernel's gradient is still 0: the loop over o ends too early. range(O) ends with O - 1 "
        "already.",
    ),
    Mistake(
        "last row of the kernel left out of dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[:, :, -1] = 0",
        "The last row of every kernel's gradient is still 0: the loop over i ends too early. range(KH) ends "
        "with KH - 1 already.",
    ),
    Mistake(
        "last column of the kernel left out of dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[:, :, :, -1] = 0",
        "The last column of every kernel's gradient is still 0: the loop over j ends too early. range(KW) "
        "ends with KW - 1 already.",
    ),
    Mistake(
        "only the last channel in dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[:, :-1] = 0",
        "Only the last channel of dweight is there: does each round of the loop begin with new zeros?",
    ),
    Mistake(
        "only the last kernel in dweight",
        DWEIGHT,
        DWEIGHT + "\n    dweight[:-1] = 0",
        "Only the last kernel has a gradient: does each round of the loop begin with new zeros?",
    ),
    Mistake(
        "padding ignored in dweight",
        COLUMNS,
        "columns = im2col(\n        np.pad(x, ((0, 0), (0, 0), (0, 2 * padding[0]), (0, 2 * "
        "padding[1]))),\n        kernel_size=(kh, kw), stride=stride, padding=(0, 0)\n    )",
        "dweight met windows that begin at the image itself: without the zeros above it and to its left.",
    ),
    Mistake(
        "padding only above and to the left in dweight",
        COLUMNS,
        "columns = im2col(\n        np.pad(x, ((0, 0), (0, 0), (2 * padding[0], 0), (2 * padding[1], "
        "0))),\n        kernel_size=(kh, kw), stride=stride, padding=(0, 0)\n    )",
        "For dweight all zeros stand above the image and to its left. They belong on both sides.",
    ),
    Mistake(
        "stride ignored in dweight",
        COLUMNS,
        "columns = im2col(x, kernel_size=(kh, kw), stride=(1, 1), padding=padding)\n    _, _, a, b = "
        "np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)).shape\n    columns = "
        "columns.reshape(c * kh * kw, a - kh + 1, b - kw + 1, n)[:, :oh, :ow].reshape(c * kh * kw, -1)",
        "dweight met windows that begin one pixel apart. They begin a stride apart, as in forward.",
    ),
    Mistake(
        "last image left out of dbias",
        DBIAS,
        "dbias = dy.reshape(o, -1, n)[..., :-1].sum(axis=(1, 2))",
        "The last image is missing in dbias: the loop over the images ends too early. range(N) ends with N "
        "- 1 already.",
    ),
    Mistake(
        "dbias of the last image",
        DBIAS,
        "dbias = dy.reshape(o, -1, n)[..., -1].sum(axis=1)",
        "dbias counts the last image alone. The bias took part in all images, and gradients that arrive "
        "several times are added up: += where you have =.",
    ),
    Mistake(
        "dbias of the first image",
        DBIAS,
        "dbias = dy.reshape(o, -1, n)[..., 0].sum(axis=1)",
        "dbias counts the first image alone. The bias took part in all images, and gradients that arrive "
        "several times are added up.",
    ),
    Mistake(
        "bias gradient divided by the number of outputs",
        DBIAS,
        "dbias = dy.sum(axis=1) / (oh * ow)",
        "dbias was divided by OH * OW. The bias took part in every output of its channel, and its gradient "
        "is the sum.",
    ),
    Mistake(
        "bias gradient summed over everything",
        DBIAS,
        "dbias = np.full(o, dy.sum())",
        "Every number of dbias is the sum of all of dy. Each output channel has its own bias: sum over the "
        "other axes only.",
    ),
    Mistake(
        "one sum for the bias gradient",
        DBIAS,
        "dbias = dy.sum()",
        "dbias was summed over the channels too, to a single number. Each output channel has its own bias.",
    ),
    Mistake(
        "axes of length 1 kept in dbias",
        DBIAS,
        "dbias = dy.sum(axis=1).reshape(1, o, 1, 1)",
        "The numbers are right, but dbias has axes of length 1. bias has one axis, and so has dbias.",
    ),
    Mistake(
        "bias gradient is a column",
        DBIAS,
        "dbias = dy.sum(axis=1, keepdims=True)",
        "The numbers are right, but dbias has an axis of length 1. bias has one axis, and so has dbias.",
    ),
    Mistake(
        "largest in place of the sum",
        DBIAS,
        "dbias = dy.max(axis=1)",
        "dbias is the largest dy of each channel. It is their sum.",
    ),
    Mistake(
        "dy forgotten in dbias",
        DBIAS,
        "dbias = np.full(o, dy.shape[1]).astype(dy.dtype)",
        "dbias is N * OH * OW everywhere. The derivative of y with respect to bias is 1, and the chain rule "
        "multiplies it by dy.",
    ),
    Mistake(
        "last channel left out of dbias",
        DBIAS,
        DBIAS + "\n    dbias[-1] = 0",
        "The last number of dbias is still 0: the loop over o ends too early. range(O) ends with O - 1 "
        "already.",
    ),
]
