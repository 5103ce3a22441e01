"""One product at a time: every factor of forward sends its gradient to both its parts."""

import numpy as np


def conv2d_backward(dy, cache):
    x, weight, stride, padding = cache
    batch, channels, height, width = x.shape
    outputs, _, kh, kw = weight.shape
    sh, sw = stride
    ph, pw = padding
    padded = np.zeros((batch, channels, height + 2 * ph, width + 2 * pw), x.dtype)
    for h in range(height):
        for w in range(width):
            padded[:, :, h + ph, w + pw] = x[:, :, h, w]
    dpadded = np.zeros(padded.shape, x.dtype)
    dweight = np.zeros(weight.shape, weight.dtype)
    dbias = np.zeros(outputs, weight.dtype)
    for n in range(batch):
        for o in range(outputs):
            for row in range(dy.shape[2]):
                for column in range(dy.shape[3]):
                    g = dy[n, o, row, column]
                    dbias[o] += g
                    for c in range(channels):
                        for i in range(kh):
                            for j in range(kw):
                                h, w = row * sh + i, column * sw + j
                                dweight[o, c, i, j] += g * padded[n, c, h, w]
                                dpadded[n, c, h, w] += g * weight[o, c, i, j]
    dx = np.zeros(x.shape, x.dtype)
    for h in range(height):
        for w in range(width):
            dx[:, :, h, w] = dpadded[:, :, h + ph, w + pw]
    return dx, dweight, dbias
