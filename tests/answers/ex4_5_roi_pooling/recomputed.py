"""A list of windows made by a generator; backward finds the first of the largest cells again by cumsum."""

import math

import numpy as np


def bins(low, high, *, size, length):
    def rounded(v):
        return math.floor(v + 0.5)

    count = rounded(high) - rounded(low) + 1
    begin = [rounded(low) + p * count // size for p in range(size)]
    end = [rounded(low) - (-(p + 1) * count // size) for p in range(size)]
    return np.clip(begin, 0, length), np.clip(end, 0, length)


def windows(shape, boxes, image_index, size, scale):
    for r, box in enumerate(boxes):
        left, right = bins(box[0] * scale, box[2] * scale, size=size, length=shape[3])
        top, bottom = bins(box[1] * scale, box[3] * scale, size=size, length=shape[2])
        for p in range(size):
            for q in range(size):
                if top[p] < bottom[p] and left[q] < right[q]:
                    area = slice(top[p], bottom[p]), slice(left[q], right[q])
                    yield r, p, q, (image_index[r], slice(None), *area)


def roi_pool_forward(x, boxes, image_index, *, size, scale):
    y = np.zeros((len(boxes), x.shape[1], size, size), x.dtype)
    for r, p, q, where in windows(x.shape, boxes, image_index, size, scale):
        y[r, :, p, q] = x[where].max(axis=(1, 2))
    return y, [x, boxes, image_index, size, scale]


def roi_pool_backward(dy, cache):
    x, *how = cache
    dx = np.zeros_like(x)
    for r, p, q, where in windows(x.shape, *how):
        cells = x[where].reshape(x.shape[1], -1)
        equal = cells == cells.max(axis=1, keepdims=True)
        first = equal & (equal.cumsum(axis=1) == 1)
        dx[where] += (first * dy[r, :, p, q][:, None]).reshape(x[where].shape)
    return dx
