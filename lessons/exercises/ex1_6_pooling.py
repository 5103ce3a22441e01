"""Exercise 1.6: Max and average pooling.

Pooling replaces a window of pixels by one number, the largest or the mean of them, in every channel of every
image on its own. Windows have KH rows and KW columns, and begin every stride_h rows and stride_w columns:

    max:      y[n, c, oh, ow] = largest of x[n, c, oh * stride_h + i, ow * stride_w + j] over all i, j
    average:  y[n, c, oh, ow] = mean    of x[n, c, oh * stride_h + i, ow * stride_w + j] over all i, j

n counts the images (N), c the channels (C); i goes from 0 to KH - 1, j from 0 to KW - 1. There are as many
windows as fit into the image: OH = (H - KH) // stride_h + 1, and OW likewise. Pixels that are left over at
the bottom or on the right take no part.

Backward receives dy, the gradient of the loss with respect to y. In max pooling every window hands its dy to
the one pixel that was the largest; if several are equally large, to the first of them in the order of reading
(row by row from the top, each row from the left). In average pooling it gives all its KH*KW pixels equal
shares of dy. Where the stride is smaller than the kernel, windows overlap, and a pixel gets something from
several of them: it gets the sum.

kernel_size and stride are pairs (h, w): (2, 1) means 2 downwards and 1 to the right.
"""

import numpy as np


def windows_of(x, kernel_size, stride):
    """Return all windows of x (N, C, H, W) as an array (N, C, OH, OW, KH, KW), which shares the memory of x:
    windows_of(x, kernel_size, stride)[n, c, oh, ow] is one window. Finished.
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(2, 3))  # stride 1
    return windows[:, :, :: stride[0], :: stride[1]]


def max_pool2d_forward(x, *, kernel_size, stride):
    """Return y, the largest pixel of every window, and a cache with what backward will need.

    x: (N, C, H, W); kernel_size, stride: pairs (h, w). y: (N, C, OH, OW), with the dtype of x.

    >>> x = np.array([[[[1.0, 5.0, 2.0], [3.0, 0.0, 4.0]]]])
    >>> y, cache = max_pool2d_forward(x, kernel_size=(2, 2), stride=(1, 1))
    >>> y
    array([[[[5., 5.]]]])
    """
    # solution
    windows = windows_of(x, kernel_size, stride)
    flat = windows.reshape(*windows.shape[:4], -1)  # (N, C, OH, OW, KH*KW), in the order of reading
    y = flat.max(axis=-1)
    argmax = flat.argmax(axis=-1)  # the first one, if several are equal
    cache = (x, argmax, kernel_size, stride)
    return y, cache
    # end of solution


def max_pool2d_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: (N, C, OH, OW); cache: of max_pool2d_forward. dx: (N, C, H, W), with the dtype of dy.

        dx[n, c, h, w] = sum of dy[n, c, oh, ow] over the windows whose (first) largest pixel is (h, w)

    >>> x = np.array([[[[1.0, 5.0, 2.0], [3.0, 0.0, 4.0]]]])
    >>> _, cache = max_pool2d_forward(x, kernel_size=(2, 2), stride=(1, 1))
    >>> max_pool2d_backward(np.array([[[[10.0, 7.0]]]]), cache)
    array([[[[ 0., 17.,  0.],
             [ 0.,  0.,  0.]]]])
    """
    # solution
    x, argmax, (kh, kw), (stride_h, stride_w) = cache
    oh, ow = dy.shape[2:]
    dx = np.zeros_like(x)
    for i in range(kh):
        for j in range(kw):
            # the pixels (i, j) of all windows are pixels a stride apart; no two windows share one of them
            selected = dy * (argmax == i * kw + j)
            dx[:, :, i : i + stride_h * oh : stride_h, j : j + stride_w * ow : stride_w] += selected
    return dx
    # end of solution


def avg_pool2d_forward(x, *, kernel_size, stride):
    """Return y, the mean of every window, and a cache with what backward will need.

    x: (N, C, H, W); kernel_size, stride: pairs (h, w). y: (N, C, OH, OW), with the dtype of x.

    >>> x = np.array([[[[1.0, 5.0, 2.0], [3.0, 0.0, 4.0]]]])
    >>> y, cache = avg_pool2d_forward(x, kernel_size=(1, 2), stride=(1, 1))
    >>> y
    array([[[[3. , 3.5],
             [1.5, 2. ]]]])
    """
    # solution
    y = windows_of(x, kernel_size, stride).mean(axis=(4, 5))
    cache = (x.shape, kernel_size, stride)
    return y, cache
    # end of solution


def avg_pool2d_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: (N, C, OH, OW); cache: of avg_pool2d_forward. dx: (N, C, H, W), with the dtype of dy.

        dx[n, c, h, w] = sum of dy[n, c, oh, ow] / (KH * KW) over the windows in which pixel (h, w) lies

    >>> x = np.array([[[[1.0, 5.0, 2.0], [3.0, 0.0, 4.0]]]])
    >>> _, cache = avg_pool2d_forward(x, kernel_size=(1, 2), stride=(1, 1))
    >>> avg_pool2d_backward(np.array([[[[2.0, 4.0], [6.0, 8.0]]]]), cache)
    array([[[[1., 3., 2.],
             [3., 7., 4.]]]])
    """
    # solution
    shape, (kh, kw), (stride_h, stride_w) = cache
    oh, ow = dy.shape[2:]
    dx = np.zeros(shape, dy.dtype)
    share = dy / (kh * kw)
    for i in range(kh):
        for j in range(kw):
            dx[:, :, i : i + stride_h * oh : stride_h, j : j + stride_w * ow : stride_w] += share
    return dx
    # end of solution


# Nothing from here on is handed out.

import math

from minires.course.parts import Mistake, Part

LESSON = 1
SHAPES = [  # (N, C, H, W), (KH, KW), stride
    ((1, 1, 2, 3), (2, 2), (1, 1)),  # two windows that overlap
    ((1, 2, 4, 3), (3, 2), (1, 1)),
    ((2, 1, 5, 4), (3, 2), (2, 1)),
    ((2, 2, 3, 7), (1, 2), (2, 3)),  # gaps between the windows
    ((1, 3, 5, 7), (2, 3), (2, 3)),  # side by side; a row and a column are left over
    ((2, 1, 6, 6), (3, 3), (2, 2)),  # everything square
    ((2, 2, 5, 6), (2, 3), (1, 1)),  # many windows that overlap
]
WITH_TIES = (2, 2, 4, 5), (2, 3), (1, 2)


def cases(rng):
    """Return images without ties, which backward's numeric gradients could not stand, and one with many."""
    found = [
        {"x": distinct(rng, shape), "kernel_size": kernel_size, "stride": stride}
        for shape, kernel_size, stride in SHAPES
    ]
    found[2]["x"] -= 20  # every number negative
    shape, kernel_size, stride = WITH_TIES
    ties = {"x": rng.integers(0, 3, shape).astype(float), "kernel_size": kernel_size, "stride": stride}
    return [*found, ties]


def distinct(rng, shape):
    """Return an image of numbers no two of which are close: a small one holds 1, 2, 3, ... shuffled."""
    count = np.prod(shape)
    numbers = rng.permutation(count) + 1.0
    return (numbers if count < 8 else numbers / 4 - count / 8 + rng.uniform(0, 0.1, count)).reshape(shape)


def large(rng, inputs=120_000):
    """Return one image of two channels, with windows that overlap."""
    side = math.isqrt(inputs // 2)
    return {"x": distinct(rng, (1, 2, side, side)), "kernel_size": (2, 3), "stride": (2, 2)}


PARTS = [
    Part(
        "max_pool2d_forward",
        returns=("y", "cache"),
        cases=cases,
        hints=(
            "windows_of gives you every window; what is left is to reduce its last two axes to one number.",
            "y is the maximum over the axes 4 and 5 of the windows. Backward will want to know which pixel "
            "of each window it was.",
            "Reshape the windows to (N, C, OH, OW, KH*KW): then max(axis=-1) gives y, and argmax(axis=-1) "
            "the place, the first one if there are several. Place p is row p // KW and column p % KW of the "
            "window.",
        ),
    ),
    Part(
        "max_pool2d_backward",
        after="max_pool2d_forward",
        returns=("dx",),
        cases=cases,
        large=large,
        points=2,
        hints=(
            "A window's y changes with its largest pixel alone. So begin with zeros, and let every window "
            "add its dy to one pixel.",
            "If pixel (i, j) of window (oh, ow) is the largest, add dy[n, c, oh, ow] to dx[n, c, oh * "
            "stride_h + i, ow * stride_w + j]. Four loops do it, over n, c, oh and ow.",
            "To need only two loops, over i and j: the pixels (i, j) of all windows are the slice [:, :, i "
            ": i + stride_h * OH : stride_h, j : j + stride_w * OW : stride_w], of the shape of dy. Add to "
            "it dy where (i, j) is the largest, and 0 elsewhere.",
        ),
    ),
    Part(
        "avg_pool2d_forward",
        returns=("y", "cache"),
        cases=cases,
        hints=(
            "As in max pooling, the last two axes of the windows become one number.",
            "y is the mean over the axes 4 and 5 of the windows.",
            "mean(axis=(4, 5)) takes both axes at once. Backward does not need the values of x, but its "
            "shape, and the kernel and the stride.",
        ),
    ),
    Part(
        "avg_pool2d_backward",
        after="avg_pool2d_forward",
        returns=("dx",),
        cases=cases,
        large=large,
        points=2,
        hints=(
            "Every pixel of a window takes part in its y with the factor 1 / (KH * KW).",
            "Add dy[n, c, oh, ow] / (KH * KW) to dx[n, c, oh * stride_h + i, ow * stride_w + j] for all n, "
            "c, oh, ow, i and j.",
            "To need only two loops, over i and j: the pixels (i, j) of all windows are the slice [:, :, i "
            ": i + stride_h * OH : stride_h, j : j + stride_w * OW : stride_w], of the shape of dy. Add the "
            "shares to it, with +=.",
        ),
    ),
]

VIEW = "[:, :, :: stride[0], :: stride[1]]"
SLICE = "dx[:, :, i : i + stride_h * oh : stride_h, j : j + stride_w * ow : stride_w]"
UNSTRIDED = "dx[:, :, i : i + oh, j : j + ow]"
COMMENT = "# the pixels (i, j) of all windows are pixels a stride apart; no two windows share one of them"
LOOPS = "    for i in range(kh):\n        for j in range(kw):\n"
# in this order the window that comes last in the order of reading is the last one to reach a pixel
BACKWARDS = "    for i in reversed(range(kh)):\n        for j in reversed(range(kw)):\n"
SELECTED = "selected = dy * (argmax == i * kw + j)"
FLAT = "windows_of(x, (kh, kw), (stride_h, stride_w)).reshape(*dy.shape, -1)"
SHARE = "share = dy / (kh * kw)"
LARGEST = "y = flat.max(axis=-1)"
MEAN = "y = windows_of(x, kernel_size, stride).mean(axis=(4, 5))"

MISTAKES = [
    Mistake(
        "stride ignored",
        VIEW,
        "[:, :, : (x.shape[2] - kernel_size[0]) // stride[0] + 1, : (x.shape[3] - kernel_size[1]) // "
        "stride[1] + 1]",
        "The number of windows is right, but they begin one pixel apart: the window of output (oh, ow) "
        "begins at row oh * stride_h and column ow * stride_w.",
    ),
    Mistake(
        "windows side by side",
        VIEW,
        "[:, :, :: kernel_size[0], :: kernel_size[1]]",
        "The windows begin where the one before them ends, as if the stride were the kernel size. They may "
        "overlap, and they may leave gaps: the stride alone says where they begin.",
    ),
    Mistake(
        "stride as (w, h)",
        VIEW,
        "[:, :, :: stride[1], :: stride[0]]",
        "The strides of the two directions are exchanged. The pair is (h, w): first downwards, then to the "
        "right.",
    ),
    Mistake(
        "kernel_size as (w, h)",
        "sliding_window_view(x, kernel_size, axis",
        "sliding_window_view(x, kernel_size[::-1], axis",
        "The windows are as high as they should be wide. The pair is (h, w): first the rows, then the "
        "columns.",
    ),
    Mistake(
        "minimum in place of maximum",
        "y = flat.max(axis=-1)",
        "y = flat.min(axis=-1)",
        "These are the smallest pixels of the windows.",
    ),
    Mistake(
        "maximum begins at 0",
        "y = flat.max(axis=-1)",
        "y = np.maximum(flat.max(axis=-1), 0)",
        "Where all pixels of a window are negative you have 0, which is none of them. A search for the "
        "largest must begin with one of the pixels, or with minus infinity.",
    ),
    Mistake(
        "gradient to all ties",
        SELECTED,
        f"selected = dy * ({FLAT}[..., i * kw + j] == {FLAT}.max(axis=-1))",
        "Where several pixels of a window are equally large, each of them got the whole dy. One of them may "
        "have it, the first; else more gradient comes out than went in.",
    ),
    Mistake(
        "gradient shared among ties",
        SELECTED,
        f"equal = {FLAT} == {FLAT}.max(axis=-1, keepdims=True)\n"
        "            selected = dy * equal[..., i * kw + j] / equal.sum(axis=-1)",
        "Where several pixels of a window are equally large, they shared dy. That would be a rule too, but "
        "the exercise asks for another one: the first of them gets all.",
    ),
    Mistake(
        "gradient to the last tie",
        SELECTED,
        f"selected = dy * (kh * kw - 1 - {FLAT}[..., ::-1].argmax(axis=-1) == i * kw + j)",
        "Where several pixels of a window are equally large, the last one got dy; the exercise asks for the "
        "first. A search that compares with >= finds the last, one that compares with > the first.",
    ),
    Mistake(
        "gradient to every pixel of the window",
        SELECTED,
        "selected = dy",
        "Every pixel of a window got its dy. Only the largest one made y what it is.",
    ),
    Mistake(
        "multiplied by the maximum",
        SELECTED,
        f"{SELECTED} * {FLAT}.max(axis=-1)",
        "dy was multiplied by the value of the largest pixel. y is that pixel, so its derivative is 1.",
    ),
    Mistake(
        "place of the largest pixel misread",
        SELECTED,
        "selected = dy * (argmax == i + kh * j)",
        "The place within the window was taken to count column by column. It counts row by row: KW places "
        "make a row.",
    ),
    Mistake(
        "overwritten instead of added",
        f"{LOOPS}            {COMMENT}\n            {SELECTED}\n            {SLICE} += selected",
        f"{BACKWARDS}            selected = argmax == i * kw + j\n"
        f"            {SLICE} = np.where(selected, dy, {SLICE})",
        "A pixel that is the largest of several windows has the dy of the last of them alone. It gets the "
        "sum: += where you have =. (If you have +=, with arrays of indices: NumPy adds only once for each "
        "place.)",
    ),
    Mistake(
        "whole windows overwritten",
        f"{LOOPS}            {COMMENT}\n            {SELECTED}\n            {SLICE} += selected",
        f"{BACKWARDS}            {SELECTED}\n            {SLICE} = selected",
        "Every window wiped out what earlier windows had left in its pixels, even where it gave them 0. It "
        "must add to what is there.",
    ),
    Mistake(
        "overwritten by the next (i, j)",
        f"{SLICE} += selected",
        f"{SLICE} = selected",
        "Where windows overlap, the pixels (i, j) of one window are others of the next one. What the last "
        "round of the loops put there is all that is left: the rounds must be added up.",
    ),
    Mistake(
        "stride ignored in backward",
        f"{SLICE} += selected",
        f"{UNSTRIDED} += selected",
        "The gradients went to windows that begin one pixel apart. The pixel (i, j) of window (oh, ow) lies "
        "in row oh * stride_h + i and column ow * stride_w + j.",
    ),
    Mistake(
        "place in the window taken for the place in the image",
        f"{SLICE} += selected",
        "dx[:, :, i, j] += selected.sum(axis=(2, 3))",
        "All gradients went to the upper left corner of dx: i and j count from the corner of the window, "
        "which begins at oh * stride_h and ow * stride_w.",
    ),
    Mistake(
        "place within the window forgotten",
        f"{SLICE} += selected",
        "dx[:, :, : stride_h * oh : stride_h, : stride_w * ow : stride_w] += selected",
        "Every window's dy went to its first pixel: i and j are missing in the indices of dx.",
    ),
    Mistake(
        "sum in place of the mean",
        ".mean(axis=(4, 5))",
        ".sum(axis=(4, 5))",
        "The pixels were added up; a mean divides by their number, KH * KW.",
    ),
    Mistake(
        "maximum in place of the mean",
        ".mean(axis=(4, 5))",
        ".max(axis=(4, 5))",
        "These are the maxima of the windows, not their means.",
    ),
    Mistake(
        "gradient not divided",
        SHARE,
        "share = dy",
        "Every pixel got the whole dy of its window. The mean divides by KH * KW, so each pixel gets that "
        "share.",
    ),
    Mistake(
        "shares overwritten instead of added",
        f"{LOOPS}            {SLICE} += share",
        f"{BACKWARDS}            {SLICE} = share",
        "A pixel that lies in several windows has the share of the last of them alone. It gets the sum of "
        "all.",
    ),
    Mistake(
        "shares overwritten by the next (i, j)",
        f"{SLICE} += share",
        f"{SLICE} = share",
        "A pixel that lies in several windows is (i, j) of one and another (i, j) of the next. What the "
        "last round of the loops put there is all that is left: the rounds must be added up.",
    ),
    Mistake(
        "stride ignored in the mean's backward",
        f"{SLICE} += share",
        f"{UNSTRIDED} += share",
        "The shares went to windows that begin one pixel apart. The pixel (i, j) of window (oh, ow) lies in "
        "row oh * stride_h + i and column ow * stride_w + j.",
    ),
    Mistake(
        "input modified in place",
        SHARE,
        "dy /= kh * kw\n    share = dy",
        "",
    ),
    Mistake(
        "dtype not kept",
        "dx = np.zeros(shape, dy.dtype)",
        "dx = np.zeros(shape)",
        "",
    ),
    Mistake(
        "number of windows as H // KH",
        VIEW,
        "[:, :, :: stride[0], :: stride[1]][:, :, : x.shape[2] // kernel_size[0], : x.shape[3] // "
        "kernel_size[1]]",
        "There are H // KH times W // KW windows. The stride says how many there are: (H - KH) // stride_h "
        "+ 1 down, and likewise to the right.",
    ),
    Mistake(
        "number of windows without + 1",
        VIEW,
        "[:, :, :: stride[0], :: stride[1]][:, :, :-1, :-1]",
        "A row and a column of windows are missing: after the steps that fit there is still the window that "
        "the last one reaches.",
    ),
    Mistake(
        "the first stride for both directions",
        VIEW,
        "[:, :, :: stride[0], :: stride[0]]",
        "The first number of stride was taken in both directions. The second one is the stride to the right.",
    ),
    Mistake(
        "the second stride for both directions",
        VIEW,
        "[:, :, :: stride[1], :: stride[1]]",
        "The second number of stride was taken in both directions. The first one is the stride downwards.",
    ),
    Mistake(
        "stride 1 everywhere",
        VIEW,
        "[:, :, ::1, ::1]",
        "These are all windows, one pixel apart. stride says how far apart they begin.",
    ),
    Mistake(
        "kernel height for both directions",
        "sliding_window_view(x, kernel_size, axis",
        "sliding_window_view(x, (kernel_size[0], kernel_size[0]), axis",
        "The windows are square. The second number of kernel_size is their width.",
    ),
    Mistake(
        "max: last row of outputs left out",
        LARGEST,
        LARGEST + "\n    y[:, :, -1] = 0",
        "The last row of y is still 0: the loop over oh ends too early. range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "max: last column of outputs left out",
        LARGEST,
        LARGEST + "\n    y[:, :, :, -1] = 0",
        "The last column of y is still 0: the loop over ow ends too early. range(OW) ends with OW - 1 "
        "already.",
    ),
    Mistake(
        "max: last image left out",
        LARGEST,
        LARGEST + "\n    y[-1] = 0",
        "The last image of y is still 0: the loop over the images ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "max: last channel left out",
        LARGEST,
        LARGEST + "\n    y[:, -1] = 0",
        "The last channel of y is still 0: the loop over the channels ends too early. range(C) ends with C "
        "- 1 already.",
    ),
    Mistake(
        "max: only the first image",
        LARGEST,
        LARGEST + "\n    y[1:] = 0",
        "Only the first image of y was computed. Is a return inside the loop?",
    ),
    Mistake(
        "max: only the first channel",
        LARGEST,
        LARGEST + "\n    y[:, 1:] = 0",
        "Only the first channel of y was computed. Is a return inside the loop?",
    ),
    Mistake(
        "max: first channel for all",
        LARGEST,
        LARGEST + "\n    y = y * 0 + y[:, :1]",
        "Every channel of y is the first one. Channels are pooled one by one.",
    ),
    Mistake(
        "max: last channel for all",
        LARGEST,
        LARGEST + "\n    y = y * 0 + y[:, -1:]",
        "Every channel of y is the last one. Channels are pooled one by one.",
    ),
    Mistake(
        "max: first image for all",
        LARGEST,
        LARGEST + "\n    y = y * 0 + y[:1]",
        "Every image of y is the first one.",
    ),
    Mistake(
        "max: last image for all",
        LARGEST,
        LARGEST + "\n    y = y * 0 + y[-1:]",
        "Every image of y is the last one.",
    ),
    Mistake(
        "mean: last row of outputs left out",
        MEAN,
        MEAN + "\n    y[:, :, -1] = 0",
        "The last row of y is still 0: the loop over oh ends too early. range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "mean: last column of outputs left out",
        MEAN,
        MEAN + "\n    y[:, :, :, -1] = 0",
        "The last column of y is still 0: the loop over ow ends too early. range(OW) ends with OW - 1 "
        "already.",
    ),
    Mistake(
        "mean: last image left out",
        MEAN,
        MEAN + "\n    y[-1] = 0",
        "The last image of y is still 0: the loop over the images ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "mean: last channel left out",
        MEAN,
        MEAN + "\n    y[:, -1] = 0",
        "The last channel of y is still 0: the loop over the channels ends too early. range(C) ends with C "
        "- 1 already.",
    ),
    Mistake(
        "mean: only the first image",
        MEAN,
        MEAN + "\n    y[1:] = 0",
        "Only the first image of y was computed. Is a return inside the loop?",
    ),
    Mistake(
        "mean: only the first channel",
        MEAN,
        MEAN + "\n    y[:, 1:] = 0",
        "Only the first channel of y was computed. Is a return inside the loop?",
    ),
    Mistake(
        "mean: first channel for all",
        MEAN,
        MEAN + "\n    y = y * 0 + y[:, :1]",
        "Every channel of y is the first one. Channels are pooled one by one.",
    ),
    Mistake(
        "mean: last channel for all",
        MEAN,
        MEAN + "\n    y = y * 0 + y[:, -1:]",
        "Every channel of y is the last one. Channels are pooled one by one.",
    ),
    Mistake(
        "mean: first image for all",
        MEAN,
        MEAN + "\n    y = y * 0 + y[:1]",
        "Every image of y is the first one.",
    ),
    Mistake(
        "mean: last image for all",
        MEAN,
        MEAN + "\n    y = y * 0 + y[-1:]",
        "Every image of y is the last one.",
    ),
    Mistake(
        "max: last row of the windows left out",
        LARGEST,
        "y = windows[..., :-1, :].max(axis=(4, 5), initial=-np.inf)",
        "The last row of every window takes no part: the loop over i, or the slice, ends too early.",
    ),
    Mistake(
        "mean: last row of the windows left out",
        MEAN,
        "y = windows_of(x, kernel_size, stride)[..., :-1, :].sum(axis=(4, 5)) / (kernel_size[0] * "
        "kernel_size[1])",
        "The last row of every window takes no part: the loop over i, or the slice, ends too early.",
    ),
    Mistake(
        "max: last column of the windows left out",
        LARGEST,
        "y = windows[..., :-1].max(axis=(4, 5), initial=-np.inf)",
        "The last column of every window takes no part: the loop over j, or the slice, ends too early.",
    ),
    Mistake(
        "mean: last column of the windows left out",
        MEAN,
        "y = windows_of(x, kernel_size, stride)[..., :-1].sum(axis=(4, 5)) / (kernel_size[0] * "
        "kernel_size[1])",
        "The last column of every window takes no part: the loop over j, or the slice, ends too early.",
    ),
    Mistake(
        "max: first row of the windows left out",
        LARGEST,
        "y = windows[..., 1:, :].max(axis=(4, 5), initial=-np.inf)",
        "The first row of every window takes no part. Indices count from 0.",
    ),
    Mistake(
        "mean: first row of the windows left out",
        MEAN,
        "y = windows_of(x, kernel_size, stride)[..., 1:, :].sum(axis=(4, 5)) / (kernel_size[0] * "
        "kernel_size[1])",
        "The first row of every window takes no part. Indices count from 0.",
    ),
    Mistake(
        "max: first column of the windows left out",
        LARGEST,
        "y = windows[..., 1:].max(axis=(4, 5), initial=-np.inf)",
        "The first column of every window takes no part. Indices count from 0.",
    ),
    Mistake(
        "mean: first column of the windows left out",
        MEAN,
        "y = windows_of(x, kernel_size, stride)[..., 1:].sum(axis=(4, 5)) / (kernel_size[0] * "
        "kernel_size[1])",
        "The first column of every window takes no part. Indices count from 0.",
    ),
    Mistake(
        "mean over all channels",
        MEAN,
        MEAN + "\n    y = y * 0 + y.mean(axis=1, keepdims=True)",
        "The mean was taken over the channels too. Each channel is pooled on its own.",
    ),
    Mistake(
        "maximum over all channels",
        LARGEST,
        LARGEST + "\n    y = y * 0 + y.max(axis=1, keepdims=True)",
        "The maximum was taken over the channels too. Each channel is pooled on its own.",
    ),
    Mistake(
        "mean in place of the maximum",
        LARGEST,
        "y = flat.mean(axis=-1)",
        "These are the means of the windows, not their maxima.",
    ),
    Mistake(
        "first pixel in place of the maximum",
        LARGEST,
        "y = flat[..., 0]",
        "These are the first pixels of the windows, not their maxima.",
    ),
    Mistake(
        "largest absolute value",
        LARGEST,
        "y = np.abs(flat).max(axis=-1)",
        "The largest absolute value was taken: negative numbers lost their sign.",
    ),
    Mistake(
        "place in place of the maximum",
        LARGEST,
        "y = flat.argmax(axis=-1).astype(x.dtype)",
        "y holds the place of the largest pixel within its window. The pixel itself is asked for.",
    ),
    Mistake(
        "maximum of the last row of the window",
        LARGEST,
        "y = windows[..., -1, :].max(axis=-1)",
        "y is the maximum of the window's last row: what one row found was overwritten by the next.",
    ),
    Mistake(
        "maximum along one axis only",
        LARGEST,
        "y = windows.max(axis=4)",
        "The maximum was taken over the rows of a window only. It goes over rows and columns.",
    ),
    Mistake(
        "divided by KH",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / kernel_size[0]",
        "The sum was divided by KH. A window has KH * KW pixels.",
    ),
    Mistake(
        "divided by KW",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / kernel_size[1]",
        "The sum was divided by KW. A window has KH * KW pixels.",
    ),
    Mistake(
        "divided by KH + KW",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / (kernel_size[0] + kernel_size[1])",
        "The sum was divided by KH + KW. A window has KH * KW pixels.",
    ),
    Mistake(
        "divided by KH squared",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / kernel_size[0] ** 2",
        "The sum was divided by KH * KH. A window has KH * KW pixels.",
    ),
    Mistake(
        "divided by KW squared",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / kernel_size[1] ** 2",
        "The sum was divided by KW * KW. A window has KH * KW pixels.",
    ),
    Mistake(
        "divided by the stride",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / (stride[0] * stride[1])",
        "The sum was divided by stride_h * stride_w. A window has KH * KW pixels.",
    ),
    Mistake(
        "divided by H * W",
        MEAN,
        "y = windows_of(x, kernel_size, stride).sum(axis=(4, 5)) / (x.shape[2] * x.shape[3])",
        "The sum was divided by H * W. A window has KH * KW pixels.",
    ),
    Mistake(
        "mean divided by KH * KW once more",
        MEAN,
        MEAN + " / (kernel_size[0] * kernel_size[1])",
        "The mean was divided by KH * KW once more.",
    ),
    Mistake(
        "mean along one axis only",
        MEAN,
        "y = windows_of(x, kernel_size, stride).mean(axis=4)",
        "The mean was taken over the rows of a window only. It goes over rows and columns.",
    ),
    Mistake(
        "share divided by KH",
        SHARE,
        "share = dy / kh",
        "The shares are dy / KH. A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided by KW",
        SHARE,
        "share = dy / kw",
        "The shares are dy / KW. A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided by KH squared",
        SHARE,
        "share = dy / (kh * kh)",
        "The shares are dy / (KH * KH). A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided by KW squared",
        SHARE,
        "share = dy / (kw * kw)",
        "The shares are dy / (KW * KW). A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided by the stride",
        SHARE,
        "share = dy / (stride_h * stride_w)",
        "The shares are dy / (stride_h * stride_w). A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided by OH * OW",
        SHARE,
        "share = dy / (oh * ow)",
        "The shares are dy / (OH * OW). A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided by KH + KW",
        SHARE,
        "share = dy / (kh + kw)",
        "The shares are dy / (KH + KW). A window has KH * KW pixels.",
    ),
    Mistake(
        "share divided twice",
        SHARE,
        "share = dy / (kh * kw) ** 2",
        "dy was divided by KH * KW twice.",
    ),
    Mistake(
        "share divided by H * W",
        SHARE,
        "share = dy / (shape[2] * shape[3])",
        "The shares are dy / (H * W). A window has KH * KW pixels.",
    ),
    Mistake(
        "share multiplied",
        SHARE,
        "share = dy * (kh * kw)",
        "dy was multiplied by KH * KW. The mean divides by it.",
    ),
    Mistake(
        "place divided by KH",
        SELECTED,
        "selected = dy * (argmax == i * kh + j)",
        "The place within the window was read as i * KH + j: it was taken apart by the height. KW places "
        "make a row.",
    ),
    Mistake(
        "place with i and j exchanged",
        SELECTED,
        "selected = dy * (argmax == j * kw + i)",
        "The place within the window was read with rows and columns exchanged. It counts row by row: KW "
        "places make a row.",
    ),
    Mistake(
        "place one too early",
        SELECTED,
        "selected = dy * (argmax == i * kw + j - 1)",
        "dy went to the pixel after the largest one. Places count from 0.",
    ),
    Mistake(
        "place one too late",
        SELECTED,
        "selected = dy * (argmax == i * kw + j + 1)",
        "dy went to the pixel before the largest one. Places count from 0.",
    ),
    Mistake(
        "place with OW as the width",
        SELECTED,
        "selected = dy * (argmax == i * ow + j)",
        "The place within the window was read as if OW places made a row. KW do.",
    ),
    Mistake(
        "gradient to all but the largest",
        SELECTED,
        "selected = dy * (argmax != i * kw + j)",
        "Every pixel but the largest got dy. It is the other way round.",
    ),
    Mistake(
        "gradient to the smallest pixel",
        SELECTED,
        f"selected = dy * ({FLAT}.argmin(axis=-1) == i * kw + j)",
        "dy went to the smallest pixel of each window.",
    ),
    Mistake(
        "dy forgotten",
        SELECTED,
        "selected = (argmax == i * kw + j).astype(dy.dtype)",
        "dx counts the windows in which a pixel is the largest. The chain rule multiplies by dy.",
    ),
    Mistake(
        "maximum in place of dy",
        SELECTED,
        f"selected = {FLAT}.max(axis=-1) * (argmax == i * kw + j)",
        "The largest pixel was put in its place again. That place gets dy.",
    ),
    Mistake(
        "gradient divided by KH * KW",
        SELECTED,
        "selected = dy * (argmax == i * kw + j) / (kh * kw)",
        "dy was divided by KH * KW. The largest pixel gets the whole of it.",
    ),
    Mistake(
        "last channel's place in all",
        SELECTED,
        "selected = dy * (argmax[:, -1:] == i * kw + j)",
        "Every channel sent its dy to the place of the last channel's largest pixel. Each has its own.",
    ),
    Mistake(
        "first channel's place in all",
        SELECTED,
        "selected = dy * (argmax[:, :1] == i * kw + j)",
        "Every channel sent its dy to the place of the first channel's largest pixel. Each has its own.",
    ),
    Mistake(
        "first image's place in all",
        SELECTED,
        "selected = dy * (argmax[:1] == i * kw + j)",
        "Every image sent its dy to the place of the first image's largest pixel. Each has its own.",
    ),
    Mistake(
        "max: last row of outputs left out of dx",
        SELECTED,
        "selected = dy * (np.arange(oh) < oh - 1)[:, np.newaxis] * (argmax == i * kw + j)",
        "The windows of the last row of outputs are missing in dx: the loop over oh ends too early. "
        "range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "max: last column of outputs left out of dx",
        SELECTED,
        "selected = dy * (np.arange(ow) < ow - 1) * (argmax == i * kw + j)",
        "The last window of each row is missing in dx: the loop over ow ends too early. range(OW) ends with "
        "OW - 1 already.",
    ),
    Mistake(
        "max: last image left out of dx",
        SELECTED,
        "selected = dy * (np.arange(len(dy)) < len(dy) - 1)[:, None, None, None] * (argmax == i * kw + j)",
        "dx of the last image is still 0: the loop over the images ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "max: only the first image in dx",
        SELECTED,
        "selected = dy * (np.arange(len(dy)) < 1)[:, None, None, None] * (argmax == i * kw + j)",
        "Only the first image has a dx. Is a return inside the loop?",
    ),
    Mistake(
        "max: last channel left out of dx",
        SELECTED,
        "selected = dy * (np.arange(dy.shape[1]) < dy.shape[1] - 1)[:, None, None] * (argmax == i * kw + j)",
        "dx of the last channel is still 0: the loop over the channels ends too early. range(C) ends with C "
        "- 1 already.",
    ),
    Mistake(
        "max: only the first channel in dx",
        SELECTED,
        "selected = dy * (np.arange(dy.shape[1]) < 1)[:, None, None] * (argmax == i * kw + j)",
        "Only the first channel has a dx. Is a return inside the loop?",
    ),
    Mistake(
        "mean: last row of outputs left out of dx",
        SHARE,
        "share = dy * (np.arange(oh) < oh - 1)[:, np.newaxis] / (kh * kw)",
        "The windows of the last row of outputs are missing in dx: the loop over oh ends too early. "
        "range(OH) ends with OH - 1 already.",
    ),
    Mistake(
        "mean: last column of outputs left out of dx",
        SHARE,
        "share = dy * (np.arange(ow) < ow - 1) / (kh * kw)",
        "The last window of each row is missing in dx: the loop over ow ends too early. range(OW) ends with "
        "OW - 1 already.",
    ),
    Mistake(
        "mean: last image left out of dx",
        SHARE,
        "share = dy * (np.arange(len(dy)) < len(dy) - 1)[:, None, None, None] / (kh * kw)",
        "dx of the last image is still 0: the loop over the images ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "mean: only the first image in dx",
        SHARE,
        "share = dy * (np.arange(len(dy)) < 1)[:, None, None, None] / (kh * kw)",
        "Only the first image has a dx. Is a return inside the loop?",
    ),
    Mistake(
        "mean: last channel left out of dx",
        SHARE,
        "share = dy * (np.arange(dy.shape[1]) < dy.shape[1] - 1)[:, None, None] / (kh * kw)",
        "dx of the last channel is still 0: the loop over the channels ends too early. range(C) ends with C "
        "- 1 already.",
    ),
    Mistake(
        "mean: only the first channel in dx",
        SHARE,
        "share = dy * (np.arange(dy.shape[1]) < 1)[:, None, None] / (kh * kw)",
        "Only the first channel has a dx. Is a return inside the loop?",
    ),
    Mistake(
        "mean: last row of the windows left out of dx",
        SHARE,
        "share = dy / (kh * kw)\n    kh -= 1",
        "The last row of every window got no share: the loop over i ends too early. range(KH) ends with KH "
        "- 1 already.",
    ),
    Mistake(
        "mean: last column of the windows left out of dx",
        SHARE,
        "share = dy / (kh * kw)\n    kw -= 1",
        "The last column of every window got no share: the loop over j ends too early. range(KW) ends with "
        "KW - 1 already.",
    ),
    Mistake(
        "dx begun as x",
        "dx = np.zeros_like(x)",
        "dx = x.copy()",
        "dx is the gradient plus x itself: the array in which dy is added up began as a copy of x. It "
        "begins with zeros.",
    ),
    Mistake(
        "dx begun as ones",
        "dx = np.zeros_like(x)",
        "dx = np.ones_like(x)",
        "dx is too large by 1 everywhere: the array in which dy is added up began with ones.",
    ),
    Mistake(
        "mean: dx begun as ones",
        "dx = np.zeros(shape, dy.dtype)",
        "dx = np.ones(shape, dy.dtype)",
        "dx is too large by 1 everywhere: the array in which the shares are added up began with ones.",
    ),
    Mistake(
        "last pixel alone, divided",
        MEAN,
        "y = windows_of(x, kernel_size, stride)[..., -1, -1] / (kernel_size[0] * kernel_size[1])",
        "y is the last pixel of each window, divided by KH * KW. The pixels are added up first: += where you "
        "have =.",
    ),
    Mistake(
        "last pixel in place of the mean",
        MEAN,
        "y = windows_of(x, kernel_size, stride)[..., -1, -1] + 0",
        "y is the last pixel of each window. The mean of all is asked for.",
    ),
]
