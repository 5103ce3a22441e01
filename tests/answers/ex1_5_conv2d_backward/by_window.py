"""For every image and every window: cut it out, and treat it as one example of a linear layer."""

import numpy as np


def conv2d_backward(dy, cache):
    images, weight, stride, padding = cache
    (kh, kw), (top, left) = weight.shape[2:], padding
    kernels = weight.reshape(len(weight), -1)
    dx, dkernels, dbias = [], np.zeros_like(kernels), np.zeros(len(weight), dy.dtype)
    for image, gradient in zip(images, dy, strict=True):
        padded = np.pad(image, [(0, 0), (top, top), (left, left)])
        dpadded = np.zeros_like(padded)
        for row, column in np.ndindex(gradient.shape[1:]):
            h, w = row * stride[0], column * stride[1]
            dout = gradient[:, row, column]
            window = padded[:, h : h + kh, w : w + kw]
            dkernels += np.outer(dout, window.ravel())
            dpadded[:, h : h + kh, w : w + kw] += (dout @ kernels).reshape(window.shape)
            dbias += dout
        dx.append(dpadded[:, top : top + image.shape[1], left : left + image.shape[2]])
    dweight = dkernels.reshape(weight.shape)
    return np.array(dx), dweight, dbias
