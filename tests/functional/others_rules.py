"""How other libraries resize and pad images, each rule as the matrix that `F.resample_forward` takes.

A matrix (out, size) holds the weights with which the pixels of a row of `size` enter each of `out` new ones.
"""

import math

import numpy as np


def tent(distance):
    """Linear interpolation: full weight on the pixel, nothing one pixel away."""
    return np.maximum(1 - abs(distance), 0)


def cubic(a):
    """Return Keys' cubic of 1981: a is its slope at distance 1."""

    def weigh(distance):
        d = abs(distance)
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * (d**3 - 5 * d**2 + 8 * d - 4)
        return np.where(d <= 1, near, np.where(d < 2, far, 0))

    return weigh


def weighted(size, positions, weigh, radius, *, shrink=1.0, drop_outside=False):
    """Return the matrix of a filter of that radius around each position, among pixel centres 0, 1, ...

    What lies outside the image has the value of the outermost pixel, or is dropped. shrink < 1 widens the
    filter (to shrink images without aliasing).
    """
    matrix = np.zeros((len(positions), size))
    for row, position in zip(matrix, positions, strict=True):
        pixels = np.arange(math.floor(position - radius / shrink), math.ceil(position + radius / shrink) + 1)
        weights = weigh((pixels - position) * shrink)
        if drop_outside:
            inside = (pixels >= 0) & (pixels < size)
            pixels, weights = pixels[inside], weights[inside]
        np.add.at(row, pixels.clip(0, size - 1), weights / weights.sum())
    return matrix


def chosen(size, pixels):
    """Return the matrix that takes those pixels, one for each row; -1: none, a row of zeros."""
    return np.asarray([np.arange(size) == pixel for pixel in pixels], float).reshape(-1, size)


def nearest(size, positions):
    """Return the matrix that takes the pixels of those numbers, or the outermost one."""
    return chosen(size, np.asarray(positions).astype(int).clip(0, size - 1))


def area(size, out):
    """Return the matrix of means over the windows of adaptive pooling."""
    first = np.arange(out) * size // out
    end = -(-np.arange(1, out + 1) * size // out)
    pixel = np.arange(size)
    inside = (first[:, None] <= pixel) & (pixel < end[:, None])
    return inside / inside.sum(axis=1, keepdims=True)


def padded(size, before, after, mode):
    """Return the matrix that pads a row (crops it, where a number is negative).

    mode: "constant" (zeros), "reflect" (without repeating the edge), "replicate" or "circular".
    """
    pixels = np.arange(-before, size + after)
    if mode == "constant":
        pixels = np.where((pixels >= 0) & (pixels < size), pixels, -1)
    elif mode == "replicate":
        pixels = pixels.clip(0, size - 1)
    elif mode == "circular":
        first, end = max(-before, 0), size - max(-after, 0)  # what is cropped does not come round again
        pixels = first + (pixels - first) % (end - first)
    elif mode == "reflect":
        around = max(2 * (size - 1), 1)
        pixels = abs(pixels) % around
        pixels = np.minimum(pixels, around - pixels)
    return chosen(size, pixels)
