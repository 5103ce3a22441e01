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

TOP = "    n, c = x.shape[:2]"
PAD = "padded = np.pad(x, ((0, 0), (0, 0), (padding_h, padding_h), (padding_w, padding_w)))"
FILL = "columns[:, i, j] = padded[:, :, down, right].transpose(1, 2, 3, 0)"
SLICES = "slice(i, i + stride_h * oh, stride_h), slice(j, j + stride_w * ow, stride_w)"
MATRIX = "columns.reshape(c * kh * kw, oh * ow * n)"
KERNELS = "weight.reshape(o, -1) @"
BIAS = "columns + bias[:, np.newaxis]"
ORDER = "y.reshape(o, oh, ow, len(x)).transpose(3, 0, 1, 2)"

MISTAKES = [
    Mistake(
        "kernel flipped",
        "weight.reshape(o, -1) @",
        "weight[:, :, ::-1, ::-1].reshape(o, -1) @",
        "The kernels, or the windows that they meet, were turned by 180 degrees. Mathematics defines a "
        "convolution so; in deep learning the word means the sum without flipping.",
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
        "bias was added along the last axis of y, the width, which fits only where OW happens to be O. "
        "Every output channel has its own bias: it belongs to the axis that counts the channels.",
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
        "The paddings of the two directions are exchanged. The pair is (h, w): first the rows of zeros, "
        "then the columns.",
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
        "Down a column the channels of each pixel stand together. The order is channel by channel: first "
        "the whole window in channel 0.",
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
    Mistake(
        "kernel_size as (w, h)",
        TOP,
        TOP + "\n    kernel_size = kernel_size[::-1]",
        "The windows are as high as they should be wide. The pair is (h, w): first the rows, then the "
        "columns.",
    ),
    Mistake(
        "the height of the kernel for both directions",
        TOP,
        TOP + "\n    kernel_size = kernel_size[0], kernel_size[0]",
        "The windows are square. The second number of kernel_size is their width.",
    ),
    Mistake(
        "the second stride for both directions",
        TOP,
        TOP + "\n    stride = stride[1], stride[1]",
        "The second number of stride was taken in both directions. The first one is the stride downwards.",
    ),
    Mistake(
        "the first padding for both directions",
        TOP,
        TOP + "\n    padding = padding[0], padding[0]",
        "The first number of padding was taken in both directions. The second one counts the columns of "
        "zeros.",
    ),
    Mistake(
        "the second padding for both directions",
        TOP,
        TOP + "\n    padding = padding[1], padding[1]",
        "The second number of padding was taken in both directions. The first one counts the rows of zeros.",
    ),
    Mistake(
        "no rows of zeros",
        TOP,
        TOP + "\n    padding = 0, padding[1]",
        "The rows of zeros above and below are missing; x was padded to the left and to the right only.",
    ),
    Mistake(
        "no columns of zeros",
        TOP,
        TOP + "\n    padding = padding[0], 0",
        "The columns of zeros to the left and to the right are missing; x was padded above and below only.",
    ),
    Mistake(
        "padded below and to the right only",
        PAD,
        "padded = np.pad(x, ((0, 0), (0, 0), (0, 2 * padding_h), (0, 2 * padding_w)))",
        "All zeros stand below the image and to its right. They belong on both sides: padding_h rows above "
        "and as many below.",
    ),
    Mistake(
        "padded above and to the left only",
        PAD,
        "padded = np.pad(x, ((0, 0), (0, 0), (2 * padding_h, 0), (2 * padding_w, 0)))",
        "All zeros stand above the image and to its left. They belong on both sides: padding_h rows above "
        "and as many below.",
    ),
    Mistake(
        "first padding for all four sides",
        PAD,
        "padded = np.pad(x, ((0, 0), (0, 0), (padding_h, padding_h), (padding_h, padding_h)))",
        "The image was padded by padding_h on all four sides. To the left and to the right it is padding_w.",
    ),
    Mistake(
        "second padding for all four sides",
        PAD,
        "padded = np.pad(x, ((0, 0), (0, 0), (padding_w, padding_w), (padding_w, padding_w)))",
        "The image was padded by padding_w on all four sides. Above and below it is padding_h.",
    ),
    Mistake(
        "padded with mode edge",
        PAD,
        PAD[:-1] + ', mode="edge")',
        "Around the image stand the pixels of its border, repeated (mode edge). Padded pixels are 0.",
    ),
    Mistake(
        "padded with mode reflect",
        PAD,
        PAD[:-1] + ', mode="reflect")',
        "Around the image stands the image, reflected (mode reflect). Padded pixels are 0.",
    ),
    Mistake(
        "padded with mode symmetric",
        PAD,
        PAD[:-1] + ', mode="symmetric")',
        "Around the image stands the image, reflected (mode symmetric). Padded pixels are 0.",
    ),
    Mistake(
        "padded with mode wrap",
        PAD,
        PAD[:-1] + ', mode="wrap")',
        "Around the image stands the opposite border of the image (mode wrap). Padded pixels are 0.",
    ),
    Mistake(
        "padded with ones",
        PAD,
        PAD[:-1] + ", constant_values=1)",
        "Padded pixels are 1. They are 0.",
    ),
    Mistake(
        "windows flipped",
        FILL,
        "columns[:, kh - 1 - i, kw - 1 - j] = padded[:, :, down, right].transpose(1, 2, 3, 0)",
        "The pixels of every window stand in the opposite order, from the last to the first.",
    ),
    Mistake(
        "windows upside down",
        FILL,
        "columns[:, kh - 1 - i, j] = padded[:, :, down, right].transpose(1, 2, 3, 0)",
        "The rows of every window stand in the opposite order, from the last to the first; or those of the "
        "kernels do.",
    ),
    Mistake(
        "windows mirrored",
        FILL,
        "columns[:, i, kw - 1 - j] = padded[:, :, down, right].transpose(1, 2, 3, 0)",
        "The columns of every window stand in the opposite order, from right to left; or those of the "
        "kernels do.",
    ),
    Mistake(
        "place in the window multiplied by the stride",
        SLICES,
        "slice(i * stride_h, i * stride_h + oh), slice(j * stride_w, j * stride_w + ow)",
        "The stride multiplies i and j, the place within a window. It multiplies oh and ow: it says how far "
        "apart windows begin.",
    ),
    Mistake(
        "place in the window dilated",
        SLICES,
        SLICES.replace("i,", "i * stride_h,")
        .replace("i +", "i * stride_h +")
        .replace("j,", "j * stride_w,")
        .replace("j +", "j * stride_w +"),
        "The pixels within a window lie a stride apart. They are neighbours; only the windows begin a "
        "stride apart.",
    ),
    Mistake(
        "i and j exchanged",
        SLICES,
        "slice(j, j + stride_h * oh, stride_h), slice(i, i + stride_w * ow, stride_w)",
        "i counts to the right and j downwards. i is the row within a window, j the column.",
    ),
    Mistake(
        "windows in steps of the kernel",
        SLICES,
        "slice(i, i + kh * oh, kh), slice(j, j + kw * ow, kw)",
        "The windows begin a kernel apart. They begin a stride apart.",
    ),
    Mistake(
        "place in the window forgotten",
        SLICES,
        "slice(0, stride_h * oh, stride_h), slice(0, stride_w * ow, stride_w)",
        "Every row of the matrix holds the first pixel of the windows: i and j are missing in the indices "
        "of the image.",
    ),
    Mistake(
        "window shifted by one",
        SLICES,
        "slice(i + 1, i + 1 + stride_h * oh, stride_h), slice(j + 1, j + 1 + stride_w * ow, stride_w)",
        "The windows begin one row and one column too late. Indices count from 0.",
    ),
    Mistake(
        "number of windows without + 1",
        PAD,
        f"oh, ow = oh - 1, ow - 1\n    {PAD}",
        "A row and a column of windows are missing: after (size - kernel) // stride steps from the first "
        "window there is still the one that is reached.",
    ),
    Mistake(
        "padding forgotten in the number of windows",
        PAD,
        f"oh, ow = output_size(x, kernel_size, stride, (0, 0))\n    {PAD}",
        "There are as many windows as if x had not been padded. The padded image has more.",
    ),
    Mistake(
        "padding counted once in the number of windows",
        PAD,
        "oh = (x.shape[2] + padding_h - kh) // stride_h + 1\n"
        f"    ow = (x.shape[3] + padding_w - kw) // stride_w + 1\n    {PAD}",
        "The padding was counted once in the number of windows. It stands on both sides.",
    ),
    Mistake(
        "stride forgotten in the number of windows",
        PAD,
        "oh, ow = output_size(x, kernel_size, (1, 1), padding)\n    "
        + PAD.replace("padding_h),", "padding_h + 99),").replace("padding_w)", "padding_w + 99)"),
        "There are as many windows as if they began one pixel apart. The stride divides their number.",
    ),
    Mistake(
        "last row of the windows left out",
        "    return " + MATRIX,
        "    columns[:, -1] = 0\n    return " + MATRIX,
        "The last row of every window is missing: the loop over i ends too early. range(KH) ends with KH - "
        "1 already.",
    ),
    Mistake(
        "last column of the windows left out",
        "    return " + MATRIX,
        "    columns[:, :, -1] = 0\n    return " + MATRIX,
        "The last column of every window is missing: the loop over j ends too early. range(KW) ends with KW "
        "- 1 already.",
    ),
    Mistake(
        "first row of the windows left out",
        "    return " + MATRIX,
        "    columns[:, 0] = 0\n    return " + MATRIX,
        "The first row of every window is missing: the loop over i begins at 1. Indices count from 0.",
    ),
    Mistake(
        "first column of the windows left out",
        "    return " + MATRIX,
        "    columns[:, :, 0] = 0\n    return " + MATRIX,
        "The first column of every window is missing: the loop over j begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last row of outputs left out",
        "    return " + MATRIX,
        "    columns[:, :, :, -1] = 0\n    return " + MATRIX,
        "The windows of the last row of outputs were not filled in: the loop over oh ends too early. "
        "range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "last column of outputs left out",
        "    return " + MATRIX,
        "    columns[:, :, :, :, -1] = 0\n    return " + MATRIX,
        "The windows of the last column of outputs were not filled in: the loop over ow ends too early. "
        "range(OW) ends with OW - 1 already.",
    ),
    Mistake(
        "last image left out",
        "    return " + MATRIX,
        "    columns[..., -1] = 0\n    return " + MATRIX,
        "The windows of the last image were not filled in: the loop over the images ends too early. "
        "range(N) ends with N - 1 already.",
    ),
    Mistake(
        "last channel left out",
        "    return " + MATRIX,
        "    columns[-1] = 0\n    return " + MATRIX,
        "The last channel of every window is missing: the loop over the channels ends too early. range(C) "
        "ends with C - 1 already.",
    ),
    Mistake(
        "only the first image",
        "    return " + MATRIX,
        "    columns[..., 1:] = 0\n    return " + MATRIX,
        "Only the windows of the first image were filled in. Is a return inside the loop?",
    ),
    Mistake(
        "only the first channel",
        "    return " + MATRIX,
        "    columns[1:] = 0\n    return " + MATRIX,
        "Of every window only the first channel is there: each window has C of them.",
    ),
    Mistake(
        "only the first window",
        "    return " + MATRIX,
        "    columns[:, :, :, 1:] = 0\n    return " + MATRIX,
        "Only the windows of the first row of outputs were filled in. Is a return inside the loop?",
    ),
    Mistake(
        "first image in all columns",
        "    return " + MATRIX,
        "    columns[:] = columns[..., :1]\n    return " + MATRIX,
        "Everything comes from the first image. Every image has windows of its own.",
    ),
    Mistake(
        "last image in all columns",
        "    return " + MATRIX,
        "    columns[:] = columns[..., -1:]\n    return " + MATRIX,
        "Everything comes from the last image: does each round of the loop overwrite the one before? Every "
        "image has windows of its own.",
    ),
    Mistake(
        "first channel in all rows",
        "    return " + MATRIX,
        "    columns[:] = columns[:1]\n    return " + MATRIX,
        "The first channel of the image stands in the place of all. Every channel has pixels of its own.",
    ),
    Mistake(
        "last channel in all rows",
        "    return " + MATRIX,
        "    columns[:] = columns[-1:]\n    return " + MATRIX,
        "The last channel of the image stands in the place of all: does each round of the loop overwrite "
        "the one before?",
    ),
    Mistake(
        "last window in all columns",
        "    return " + MATRIX,
        "    columns[:] = columns[:, :, :, -1:, -1:]\n    return " + MATRIX,
        "All columns of an image hold its last window: each round of the loops overwrote the others.",
    ),
    Mistake(
        "one row for each window, image by image",
        MATRIX,
        "columns.transpose(5, 3, 4, 0, 1, 2).reshape(-1, c * kh * kw)",
        "Every window stands in a row of the matrix, image by image. Windows are to be columns, and the "
        "image changes fastest.",
    ),
    Mistake(
        "image between row and column of the output",
        MATRIX,
        "columns.transpose(0, 1, 2, 3, 5, 4).reshape(c * kh * kw, oh * ow * n)",
        "In the order of the windows the image comes before ow. The image is to change fastest: oh, ow, "
        "then n.",
    ),
    Mistake(
        "channel between row and column of the window",
        MATRIX,
        "columns.transpose(1, 0, 2, 3, 4, 5).reshape(c * kh * kw, oh * ow * n)",
        "Down a column i comes before the channel. The order is c, i, j: first the whole window in channel "
        "0.",
    ),
    Mistake(
        "reshape instead of a transpose at the end",
        MATRIX,
        "columns.reshape(oh * ow * n, -1).T",
        "The matrix was cut into rows as if it held one for each window, and then transposed. A reshape "
        "never moves an axis.",
    ),
    Mistake(
        "images first, then reshaped",
        MATRIX,
        "columns.transpose(5, 0, 1, 2, 3, 4).reshape(c * kh * kw, oh * ow * n)",
        "An array with the images first, (N, C, KH, KW, OH, OW), was reshaped as it was. A reshape never "
        "moves an axis: N must stand last before it.",
    ),
    Mistake(
        "windows reshaped without a transpose",
        MATRIX,
        "columns.transpose(5, 0, 3, 4, 1, 2).reshape(c * kh * kw, oh * ow * n)",
        "Windows in the order (N, C, OH, OW, KH, KW) were reshaped as they were. A reshape never moves an "
        "axis: they must stand in the order of the matrix before it.",
    ),
    Mistake(
        "rows of windows reshaped instead of transposed",
        MATRIX,
        "columns.transpose(5, 3, 4, 0, 1, 2).reshape(c * kh * kw, oh * ow * n)",
        "A matrix with one row for each window was brought to the right shape by a reshape. That never "
        "moves an axis; a transpose does.",
    ),
    Mistake(
        "rows of windows, image last, reshaped instead of transposed",
        MATRIX,
        "columns.transpose(3, 4, 5, 0, 1, 2).reshape(c * kh * kw, oh * ow * n)",
        "A matrix with one row for each window was brought to the right shape by a reshape. That never "
        "moves an axis; a transpose does.",
    ),
    Mistake(
        "windows and images both in the wrong order",
        MATRIX,
        "columns.transpose(0, 1, 2, 5, 4, 3).reshape(c * kh * kw, oh * ow * n)",
        "The windows stand image by image, and column by column. The order is oh, ow, then n, and the last "
        "changes fastest.",
    ),
    Mistake(
        "last two axes of the image exchanged",
        MATRIX,
        "columns.transpose(0, 2, 1, 4, 3, 5).reshape(c * kh * kw, oh * ow * n)",
        "Rows and columns were exchanged, in the windows and in their order. Both go row by row.",
    ),
    Mistake(
        "kernel transposed",
        KERNELS,
        "weight.transpose(0, 1, 3, 2).reshape(o, -1) @",
        "The kernels were written down column by column, the windows row by row. The two orders must agree.",
    ),
    Mistake(
        "kernel written down in Fortran's order",
        KERNELS,
        'weight.reshape(o, -1, order="F") @',
        "In the rows of the kernels' matrix the channel changes fastest, in the windows j does. The two "
        "orders must agree.",
    ),
    Mistake(
        "output and input channels exchanged",
        KERNELS,
        "weight.transpose(1, 0, 2, 3).reshape(o, -1) @",
        "weight was used as if its first axis counted the input channels. The first counts the outputs, one "
        "kernel each.",
    ),
    Mistake(
        "one kernel for all outputs",
        KERNELS,
        "np.repeat(weight[:1], o, axis=0).reshape(o, -1) @",
        "All output channels were computed with the first kernel. Each has its own.",
    ),
    Mistake(
        "last kernel for all outputs",
        KERNELS,
        "np.repeat(weight[-1:], o, axis=0).reshape(o, -1) @",
        "All output channels were computed with the last kernel. Each has its own.",
    ),
    Mistake(
        "kernel's first channel for all channels",
        KERNELS,
        "np.repeat(weight[:, :1], weight.shape[1], axis=1).reshape(o, -1) @",
        "All input channels were multiplied by the kernel's first channel. Each has its own.",
    ),
    Mistake(
        "last channel alone",
        "weight.reshape(o, -1) @ columns",
        "weight[:, -1].reshape(o, -1) @ columns[-weight[0, 0].size :]",
        "y holds the sum over the last input channel alone: each channel overwrote the one before. They are "
        "added up: += where you have =.",
    ),
    Mistake(
        "last product alone",
        "weight.reshape(o, -1) @ columns",
        "weight[:, -1, -1, -1:] @ columns[-1:]",
        "y holds the last product of each window alone. They are added up: += where you have =.",
    ),
    Mistake(
        "first channel left out of the sum",
        "weight.reshape(o, -1) @ columns",
        "weight[:, 1:].reshape(o, -1) @ columns[weight[0, 0].size :]",
        "The first input channel takes no part: the loop over c begins at 1. Indices count from 0.",
    ),
    Mistake(
        "bias subtracted",
        BIAS,
        "columns - bias[:, np.newaxis]",
        "The bias has the wrong sign.",
    ),
    Mistake(
        "bias multiplied",
        BIAS,
        "columns * bias[:, np.newaxis]",
        "The sums were multiplied by bias, which is to be added.",
    ),
    Mistake(
        "bias added once for each product",
        BIAS,
        "columns + bias[:, np.newaxis] * len(columns)",
        "bias came in C * KH * KW times: it stands inside the sum, to which it does not belong.",
    ),
    Mistake(
        "bias added once for each channel",
        BIAS,
        "columns + bias[:, np.newaxis] * x.shape[1]",
        "bias came in C times: it stands inside the sum over the channels, to which it does not belong.",
    ),
    Mistake(
        "first bias everywhere",
        BIAS,
        "columns + bias[0]",
        "All output channels got bias[0]. Each has its own.",
    ),
    Mistake(
        "last bias everywhere",
        BIAS,
        "columns + bias[-1]",
        "All output channels got the last bias. Each has its own.",
    ),
    Mistake(
        "sum of the biases everywhere",
        BIAS,
        "columns + bias.sum()",
        "All output channels got the sum of bias. Each has its own.",
    ),
    Mistake(
        "mean over the window",
        BIAS,
        "columns / len(columns) + bias[:, np.newaxis]",
        "The products were averaged over the window and its channels. They are added up.",
    ),
    Mistake(
        "mean over the channels",
        BIAS,
        "columns / x.shape[1] + bias[:, np.newaxis]",
        "The sums were divided by C. The channels are added up.",
    ),
    Mistake(
        "mean over the pixels",
        BIAS,
        "columns / (weight.shape[2] * weight.shape[3]) + bias[:, np.newaxis]",
        "The sums were divided by KH * KW. The products are added up.",
    ),
    Mistake(
        "ReLU applied",
        "return y, (x, weight, stride, padding)",
        "return np.maximum(y, 0), (x, weight, stride, padding)",
        "Negative outputs were set to 0. A convolution has no activation: that is a layer of its own.",
    ),
    Mistake(
        "products taken for channel last",
        ORDER,
        "y.reshape(oh, ow, len(x), o).transpose(2, 3, 0, 1)",
        "The product was reshaped as if the output channels came last. They are its rows: O stands first. A "
        "reshape never moves an axis.",
    ),
    Mistake(
        "transposed product reshaped",
        ORDER,
        "y.T.reshape(len(x), o, oh, ow)",
        "The product was transposed and then reshaped to (N, O, OH, OW). A reshape never moves an axis: it "
        "must be cut in the order in which its numbers stand.",
    ),
    Mistake(
        "rows and columns of the output exchanged",
        ORDER,
        "y.reshape(o, ow, oh, len(x)).transpose(3, 0, 2, 1)",
        "The outputs were taken to come column by column. They come row by row: oh first, then ow.",
    ),
    Mistake(
        "images left last",
        ORDER,
        "y.reshape(o, oh, ow, len(x))",
        "The axes stand in the order (O, OH, OW, N). N is to stand in front: (N, O, OH, OW).",
    ),
    Mistake(
        "images second",
        ORDER,
        "y.reshape(o, oh, ow, len(x)).transpose(0, 3, 1, 2)",
        "The axes stand in the order (O, N, OH, OW). N is to stand in front: (N, O, OH, OW).",
    ),
    Mistake(
        "channels last",
        ORDER,
        "y.reshape(o, oh, ow, len(x)).transpose(3, 1, 2, 0)",
        "The axes stand in the order (N, OH, OW, O). The channels are to come second: (N, O, OH, OW).",
    ),
    Mistake(
        "image transposed",
        ORDER,
        "y.reshape(o, oh, ow, len(x)).transpose(3, 0, 2, 1)",
        "The axes stand in the order (N, O, OW, OH): rows and columns are exchanged.",
    ),
    Mistake(
        "last output row left out",
        ORDER,
        ORDER + "\n    y[:, :, -1] = 0",
        "The last row of y is still 0: the loop over oh ends too early. range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "last output column left out",
        ORDER,
        ORDER + "\n    y[:, :, :, -1] = 0",
        "The last column of y is still 0: the loop over ow ends too early. range(OW) ends with OW - 1 "
        "already.",
    ),
    Mistake(
        "last output channel left out",
        ORDER,
        ORDER + "\n    y[:, -1] = 0",
        "The last output channel is still 0: the loop over o ends too early. range(O) ends with O - 1 "
        "already.",
    ),
    Mistake(
        "last image of y left out",
        ORDER,
        ORDER + "\n    y[-1] = 0",
        "The last image of y is still 0: the loop over the images ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "first image of y left out",
        ORDER,
        ORDER + "\n    y[0] = 0",
        "The first image of y is still 0: the loop over the images begins at 1. Indices count from 0.",
    ),
    Mistake(
        "only the first image of y",
        ORDER,
        ORDER + "\n    y[1:] = 0",
        "Only the first image of y was computed. Is a return inside the loop?",
    ),
    Mistake(
        "only the first channel of y",
        ORDER,
        ORDER + "\n    y[:, 1:] = 0",
        "Only the first output channel was computed. Is a return inside the loop?",
    ),
    Mistake(
        "last product alone, without bias",
        "weight.reshape(o, -1) @ columns + bias[:, np.newaxis]",
        "weight[:, -1, -1, -1:] @ columns[-1:]",
        "y holds the last product of each window alone: each overwrote what was there before, bias included. "
        "They are added up: += where you have =.",
    ),
]
