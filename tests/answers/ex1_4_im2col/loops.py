"""One number at a time, as the formulas stand; forward does without im2col."""

import numpy as np


def im2col(x, *, kernel_size, stride, padding):
    batch, channels, height, width = x.shape
    kh, kw = kernel_size
    sh, sw = stride
    ph, pw = padding
    oh = (height + 2 * ph - kh) // sh + 1
    ow = (width + 2 * pw - kw) // sw + 1
    columns = np.zeros((channels * kh * kw, oh * ow * batch), x.dtype)
    for n in range(batch):
        for c in range(channels):
            for row in range(oh):
                for column in range(ow):
                    for i in range(kh):
                        for j in range(kw):
                            h, w = row * sh + i - ph, column * sw + j - pw
                            if 0 <= h < height and 0 <= w < width:
                                at = (c * kh + i) * kw + j, (row * ow + column) * batch + n
                                columns[at] = x[n, c, h, w]
    return columns


def conv2d_forward(x, weight, bias, *, stride, padding):
    batch, channels, height, width = x.shape
    outputs, _, kh, kw = weight.shape
    sh, sw = stride
    ph, pw = padding
    padded = np.zeros((batch, channels, height + 2 * ph, width + 2 * pw), x.dtype)
    padded[:, :, ph : ph + height, pw : pw + width] = x
    oh = (height + 2 * ph - kh) // sh + 1
    ow = (width + 2 * pw - kw) // sw + 1
    y = np.zeros((batch, outputs, oh, ow), x.dtype)
    for n in range(batch):
        for o in range(outputs):
            for row in range(oh):
                for column in range(ow):
                    total = bias[o]
                    for c in range(channels):
                        for i in range(kh):
                            for j in range(kw):
                                total += weight[o, c, i, j] * padded[n, c, row * sh + i, column * sw + j]
                    y[n, o, row, column] = total
    return y, {"x": x, "weight": weight, "stride": stride, "padding": padding}
