"""Window by window and pixel by pixel; a dictionary with the place of every largest pixel for a cache."""

import numpy as np


def max_pool2d_forward(x, *, kernel_size, stride):
    n_images, channels, height, width = x.shape
    kh, kw = kernel_size
    rows = (height - kh) // stride[0] + 1
    columns = (width - kw) // stride[1] + 1
    y = np.zeros((n_images, channels, rows, columns), x.dtype)
    place = {}
    for n in range(n_images):
        for c in range(channels):
            for oh in range(rows):
                for ow in range(columns):
                    best = -np.inf
                    for i in range(kh):
                        for j in range(kw):
                            h, w = oh * stride[0] + i, ow * stride[1] + j
                            if x[n, c, h, w] > best:
                                best = x[n, c, h, w]
                                place[n, c, oh, ow] = h, w
                    y[n, c, oh, ow] = best
    return y, {"place": place, "shape": x.shape}


def max_pool2d_backward(dy, cache):
    dx = np.zeros(cache["shape"], dy.dtype)
    for (n, c, oh, ow), (h, w) in cache["place"].items():
        dx[n, c, h, w] += dy[n, c, oh, ow]
    return dx


def avg_pool2d_forward(x, *, kernel_size, stride):
    n_images, channels, height, width = x.shape
    kh, kw = kernel_size
    rows = (height - kh) // stride[0] + 1
    columns = (width - kw) // stride[1] + 1
    y = np.zeros((n_images, channels, rows, columns), x.dtype)
    for n in range(n_images):
        for c in range(channels):
            for oh in range(rows):
                for ow in range(columns):
                    for i in range(kh):
                        for j in range(kw):
                            y[n, c, oh, ow] += x[n, c, oh * stride[0] + i, ow * stride[1] + j]
                    y[n, c, oh, ow] /= kh * kw
    return y, {"shape": x.shape, "kernel": kernel_size, "stride": stride}


def avg_pool2d_backward(dy, cache):
    kh, kw = cache["kernel"]
    step_h, step_w = cache["stride"]
    gradient = np.zeros(cache["shape"], dy.dtype)
    for n, c, oh, ow in np.ndindex(dy.shape):
        for i in range(kh):
            for j in range(kw):
                gradient[n, c, oh * step_h + i, ow * step_w + j] += dy[n, c, oh, ow] / (kh * kw)
    return gradient
