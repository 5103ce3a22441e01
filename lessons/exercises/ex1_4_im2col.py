"""Exercise 1.4: Convolution as a matrix product.

A convolutional layer slides O kernels over an image. Let padded be x with padding_h rows of zeros above and
below it and padding_w columns of zeros to its left and to its right. Then

    y[n, o, oh, ow] = bias[o] + sum over c, i, j of
                      weight[o, c, i, j] * padded[n, c, oh * stride_h + i, ow * stride_w + j]

n counts the images (N), c the input channels (C), o the output channels (O), i and j the rows and columns of
a kernel (KH, KW), oh and ow those of the output (OH, OW). The kernel is not flipped: mathematics calls this
a cross-correlation, deep learning a convolution.

The pixels that one output reads are called its window. im2col writes every window as one column of a matrix;
then all the sums above are a single matrix product.

kernel_size, stride and padding are pairs (h, w) everywhere: (2, 1) means 2 downwards and 1 to the right.
"""

import numpy as np


def output_size(x, kernel_size, stride, padding):
    """Return (OH, OW), how many windows the images x (N, C, H, W) have. Finished."""
    oh = (x.shape[2] + 2 * padding[0] - kernel_size[0]) // stride[0] + 1
    ow = (x.shape[3] + 2 * padding[1] - kernel_size[1]) // stride[1] + 1
    return oh, ow


def im2col(x, *, kernel_size, stride, padding):
    """Return columns, a matrix that holds every window of x as a column; padded pixels are 0.

    x: (N, C, H, W); kernel_size, stride, padding: pairs (h, w).
    columns: (C*KH*KW, OH*OW*N), with the dtype of x.

    Down a column the pixels of the window stand channel by channel, in a channel row by row, in a row from
    left to right. The windows stand from left to right, also row by row: first that of output (0, 0), then
    that of output (0, 1), and so on; and for each output that of image 0, then that of image 1, and so on:

        columns[(c * KH + i) * KW + j, (oh * OW + ow) * N + n]
            = padded[n, c, oh * stride_h + i, ow * stride_w + j]

    >>> x = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    >>> im2col(x, kernel_size=(2, 2), stride=(1, 1), padding=(0, 0))
    array([[1., 2.],
           [2., 3.],
           [4., 5.],
           [5., 6.]])
    >>> im2col(x, kernel_size=(2, 2), stride=(1, 2), padding=(0, 1))
    array([[0., 2.],
           [1., 3.],
           [0., 5.],
           [4., 6.]])
    """
    # solution
    n, c = x.shape[:2]
    (kh, kw), (stride_h, stride_w), (padding_h, padding_w) = kernel_size, stride, padding
    oh, ow = output_size(x, kernel_size, stride, padding)
    padded = np.pad(x, ((0, 0), (0, 0), (padding_h, padding_h), (padding_w, padding_w)))
    columns = np.empty((c, kh, kw, oh, ow, n), x.dtype)
    for i in range(kh):
        for j in range(kw):
            # pixel (i, j) of all windows at once: they lie a stride apart
            down, right = slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)
            columns[:, i, j] = padded[:, :, down, right].transpose(1, 2, 3, 0)  # (C, OH, OW, N)
    return columns.reshape(c * kh * kw, oh * ow * n)
    # end of solution


def conv2d_forward(x, weight, bias, *, stride, padding):
    """Return y, as above, and the cache (x, weight, stride, padding).

    x: (N, C, H, W); weight: (O, C, KH, KW); bias: (O,); stride, padding: pairs (h, w).
    y: (N, O, OH, OW), with the dtype of x.

    Use im2col. Kernel o, written as a row of C*KH*KW numbers, times the column of one window is one output,
    but for the bias. So a matrix whose rows are the kernels, times the columns, gives them all; what remains
    is to bring them from the order of the columns into that of y.

    >>> x = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    >>> weight = np.array([[[[1.0, 0.0], [0.0, 2.0]]]])
    >>> y, cache = conv2d_forward(x, weight, np.array([100.0]), stride=(1, 1), padding=(0, 0))
    >>> y
    array([[[[111., 114.]]]])
    """
    # solution
    o, kernel_size = len(weight), weight.shape[2:]
    columns = im2col(x, kernel_size=kernel_size, stride=stride, padding=padding)
    y = weight.reshape(o, -1) @ columns + bias[:, np.newaxis]  # (O, OH*OW*N)
    oh, ow = output_size(x, kernel_size, stride, padding)
    y = y.reshape(o, oh, ow, len(x)).transpose(3, 0, 1, 2)
    return y, (x, weight, stride, padding)
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 1
SHAPES = [  # (N, C, H, W), O, (KH, KW), stride, padding
    ((1, 1, 2, 3), 2, (2, 2), (1, 1), (0, 0)),  # OH*OW*N = OW = O: a bias along the wrong axis fits
    ((1, 2, 4, 3), 3, (2, 3), (1, 1), (1, 1)),
    ((2, 2, 3, 2), 1, (2, 1), (1, 1), (0, 1)),
    ((2, 1, 4, 5), 4, (1, 3), (1, 2), (2, 1)),
    ((3, 2, 5, 4), 2, (3, 2), (2, 1), (1, 0)),
    ((2, 3, 4, 6), 3, (2, 3), (3, 2), (1, 2)),
    ((4, 2, 3, 3), 2, (3, 3), (2, 2), (1, 1)),  # all square: heights and widths may be exchanged
]


def image(rng, shape):
    """Return random images; a small one, which somebody may look at, holds 1, 2, 3, ... shuffled."""
    size = int(np.prod(shape))
    return (rng.permutation(size) + 1.0 if size < 8 else rng.standard_normal(size)).reshape(shape)


def im2col_cases(rng):
    return [
        {"x": image(rng, shape), "kernel_size": kernel_size, "stride": stride, "padding": padding}
        for shape, _, kernel_size, stride, padding in SHAPES
    ]


def conv2d_cases(rng):
    return [
        {
            "x": image(rng, shape),
            "weight": rng.standard_normal((o, shape[1], *kernel_size)),
            "bias": rng.standard_normal(o),
            "stride": stride,
            "padding": padding,
        }
        for shape, o, kernel_size, stride, padding in SHAPES
    ]


PARTS = [
    Part(
        "im2col",
        returns=("columns",),
        cases=im2col_cases,
        points=2,
        hints=(
            "Pad first; then no window needs special care. Write one window down as a column and see which "
            "of its pixels lands in which row.",
            "Pixel (i, j) of all windows, taken together, is one slice of padded: every stride_h-th row from "
            "row i on and every stride_w-th column from column j on, OH and OW of them.",
            "Fill an array (C, KH, KW, OH, OW, N), for each (i, j) with that slice, its axes moved to (C, "
            "OH, OW, N). Its axes stand in the order in which the formula counts, so one reshape makes the "
            "matrix.",
        ),
    ),
    Part(
        "conv2d_forward",
        returns=("y", "cache"),
        cases=conv2d_cases,
        points=2,
        hints=(
            "A convolution is a linear layer that is applied to every window.",
            "weight, reshaped to (O, C*KH*KW), has the kernels as rows, in the order of a column. Its "
            "product with the columns has the shape (O, OH*OW*N).",
            "bias belongs to the first axis of the product, so it needs the shape (O, 1) there. Then undo "
            "the order of the columns: reshape to (O, OH, OW, N) and move N to the front. A reshape alone "
            "never moves an axis.",
        ),
    ),
]

MISTAKES = [
    Mistake(
        "kernel flipped",
        "weight.reshape(o, -1) @",
        "weight[:, :, ::-1, ::-1].reshape(o, -1) @",
        "The kernels were flipped, turned by 180 degrees. Mathematics defines a convolution so; in deep "
        "learning the word means the sum without flipping.",
    ),
    Mistake(
        "weight reshaped the wrong way",
        "weight.reshape(o, -1) @",
        "weight.reshape(-1, o).T @",
        "The numbers of each kernel must stay together. A reshape to O columns cuts them into other pieces, "
        "and transposing afterwards does not mend it.",
    ),
    Mistake(
        "kernel's channels innermost",
        "weight.reshape(o, -1) @",
        "weight.transpose(0, 2, 3, 1).reshape(o, -1) @",
        "The kernels were written down pixel by pixel, the windows channel by channel. The two orders must "
        "agree.",
    ),
    Mistake(
        "bias forgotten",
        "columns + bias[:, np.newaxis]",
        "columns",
        "The numbers are those of the matrix product alone.",
    ),
    Mistake(
        "bias along the wrong axis",
        "bias[:, np.newaxis]",
        "bias",
        "bias was added along the columns of the product, which fits only where there happen to be O of "
        "them. Every output channel has its own bias: it belongs to the axis that counts the channels.",
    ),
    Mistake(
        "bias along the width",
        """ + bias[:, np.newaxis]  # (O, OH*OW*N)
    oh, ow = output_size(x, kernel_size, stride, padding)
    y = y.reshape(o, oh, ow, len(x)).transpose(3, 0, 1, 2)""",
        """
    oh, ow = output_size(x, kernel_size, stride, padding)
    y = y.reshape(o, oh, ow, len(x)).transpose(3, 0, 1, 2) + bias""",
        "bias was added along the last axis of y, the width, which fits only where OW happens to be O. Every "
        "output channel has its own bias: it belongs to the axis that counts the channels.",
    ),
    Mistake(
        "reshape without its transpose",
        "y.reshape(o, oh, ow, len(x)).transpose(3, 0, 1, 2)",
        "y.reshape(len(x), o, oh, ow)",
        "The values are right but stand in the wrong places. A reshape cuts the numbers into other rows and "
        "never moves an axis; in the product the images are counted last, in y first.",
    ),
    Mistake(
        "columns taken for image by image",
        "y.reshape(o, oh, ow, len(x)).transpose(3, 0, 1, 2)",
        "y.reshape(o, len(x), oh, ow).transpose(1, 0, 2, 3)",
        "y was put together as if all columns of image 0 came first. In the columns the image changes "
        "fastest.",
    ),
    Mistake(
        "input modified in place",
        "columns = im2col(x, kernel_size",
        "x += 1.0\n    columns = im2col(x, kernel_size",
        "",
    ),
    Mistake(
        "stride ignored",
        "slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)",
        "slice(i, i + oh), slice(j, j + ow)",
        "The number of windows is right, but they begin one pixel apart. The window of output (oh, ow) "
        "begins in row oh * stride_h and column ow * stride_w of the padded image.",
    ),
    Mistake(
        "stride 1 everywhere",
        "    n, c = x.shape[:2]",
        "    n, c = x.shape[:2]\n    stride = 1, 1",
        "These are all windows, one pixel apart. stride says how far apart they begin, and with it how many "
        "there are.",
    ),
    Mistake(
        "one stride for both directions",
        "    n, c = x.shape[:2]",
        "    n, c = x.shape[:2]\n    stride = stride[0], stride[0]",
        "The first number of stride was taken in both directions. The second one is the stride to the right.",
    ),
    Mistake(
        "stride as (w, h)",
        "    n, c = x.shape[:2]",
        "    n, c = x.shape[:2]\n    stride = stride[::-1]",
        "The strides of the two directions are exchanged. The pair is (h, w): first downwards, then to the "
        "right.",
    ),
    Mistake(
        "padding as (w, h)",
        "    n, c = x.shape[:2]",
        "    n, c = x.shape[:2]\n    padding = padding[::-1]",
        "The paddings of the two directions are exchanged. The pair is (h, w): first the rows of zeros, then "
        "the columns.",
    ),
    Mistake(
        "padding ignored",
        "    n, c = x.shape[:2]",
        "    n, c = x.shape[:2]\n    padding = 0, 0",
        "These are the windows of x itself: the zeros around it are missing.",
    ),
    Mistake(
        "windows column by column",
        "columns.reshape(c * kh * kw, oh * ow * n)",
        "columns.transpose(0, 2, 1, 3, 4, 5).reshape(c * kh * kw, oh * ow * n)",
        "Down a column the pixels of a window must come row by row: j, which counts to the right, changes "
        "fastest. Here i does.",
    ),
    Mistake(
        "channels innermost",
        "columns.reshape(c * kh * kw, oh * ow * n)",
        "columns.transpose(1, 2, 0, 3, 4, 5).reshape(c * kh * kw, oh * ow * n)",
        "Down a column the channels of each pixel stand together. The order is channel by channel: first the "
        "whole window in channel 0.",
    ),
    Mistake(
        "image by image",
        "columns.reshape(c * kh * kw, oh * ow * n)",
        "columns.transpose(0, 1, 2, 5, 3, 4).reshape(c * kh * kw, oh * ow * n)",
        "All windows of image 0 come first, then those of image 1. Here the image is to change fastest: for "
        "each output the windows of all images stand side by side.",
    ),
    Mistake(
        "outputs column by column",
        "columns.reshape(c * kh * kw, oh * ow * n)",
        "columns.transpose(0, 1, 2, 4, 3, 5).reshape(c * kh * kw, oh * ow * n)",
        "After the window of output (0, 0) comes that of (1, 0). The order is row by row: (0, 1) comes next.",
    ),
    Mistake(
        "columns transposed",
        "columns.reshape(c * kh * kw, oh * ow * n)",
        "columns.reshape(c * kh * kw, oh * ow * n).T",
        "Every window stands in a row of the matrix: the values are right, but it is transposed.",
    ),
    Mistake(
        "dtype not kept",
        "(c, kh, kw, oh, ow, n), x.dtype)",
        "(c, kh, kw, oh, ow, n))",
        "",
    ),
]
