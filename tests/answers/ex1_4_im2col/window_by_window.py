"""Cut out every window of all images, flatten it, collect the columns in a list; a namedtuple for a cache."""

from collections import namedtuple

import numpy as np

Cache = namedtuple("Cache", "images kernels stride padding columns")


def im2col(x, *, kernel_size, stride, padding):
    padded = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2], mode="constant")
    columns = []
    for top in range(0, padded.shape[2] - kernel_size[0] + 1, stride[0]):
        for left in range(0, padded.shape[3] - kernel_size[1] + 1, stride[1]):
            for image in padded:
                window = image[:, top : top + kernel_size[0], left : left + kernel_size[1]]
                columns.append(window.flatten())
    return np.stack(columns, axis=1)


def conv2d_forward(x, weight, bias, *, stride, padding):
    columns = im2col(x, kernel_size=weight.shape[2:], stride=stride, padding=padding)
    rows = columns.T @ weight.reshape(len(weight), -1).T + bias
    height = (x.shape[2] + 2 * padding[0] - weight.shape[2]) // stride[0] + 1
    y = rows.reshape(height, -1, len(x), len(weight))
    return np.moveaxis(y, (2, 3), (0, 1)), Cache(x, weight, stride, padding, columns)
