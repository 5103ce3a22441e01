"""Cell by cell, in plain numbers; a dictionary remembers the place of every largest cell."""

import math

import numpy as np


def bins(low, high, *, size, length):
    first, last = int(math.floor(low + 0.5)), int(math.floor(high + 0.5))
    begin, end = [], []
    for p in range(size):
        a = first + int(math.floor(p * (last - first + 1) / size))
        b = first + int(math.ceil((p + 1) * (last - first + 1) / size))
        begin.append(min(max(a, 0), length))
        end.append(min(max(b, 0), length))
    return np.array(begin), np.array(end)


def roi_pool_forward(x, boxes, image_index, *, size, scale):
    n_images, channels, height, width = x.shape
    y = np.zeros((len(boxes), channels, size, size), x.dtype)
    where = {}
    for r in range(len(boxes)):
        n = int(image_index[r])
        x1, y1, x2, y2 = boxes[r]
        left, right = bins(x1 * scale, x2 * scale, size=size, length=width)
        top, bottom = bins(y1 * scale, y2 * scale, size=size, length=height)
        for c in range(channels):
            for p in range(size):
                for q in range(size):
                    best = -math.inf
                    for h in range(top[p], bottom[p]):
                        for w in range(left[q], right[q]):
                            if x[n, c, h, w] > best:
                                best = x[n, c, h, w]
                                where[r, c, p, q] = n, c, h, w
                    if (r, c, p, q) in where:
                        y[r, c, p, q] = best
    return y, {"where": where, "shape": x.shape}


def roi_pool_backward(dy, cache):
    dx = np.zeros(cache["shape"], dy.dtype)
    for place, cell in cache["where"].items():
        dx[cell] += dy[place]
    return dx
