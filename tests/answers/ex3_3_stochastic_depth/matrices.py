"""A convolution as one matrix, made of its kernel by shifts; backward multiplies by its transpose."""

import math

import numpy as np


class Gated:
    def __init__(self, x, weight, gate):
        self.x, self.gate = x.reshape(len(x), -1), gate
        self.size = x.shape[1:]
        self.conv = self.matrix(weight)

    def shift(self, i, j):
        """Return the matrix that moves an image's pixels by (1 - i, 1 - j), those from outside being 0."""
        rows, columns = (np.eye(size, k=k - 1) for size, k in zip(self.size[1:], (i, j), strict=True))
        return np.kron(rows, columns)

    def matrix(self, weight):
        whole = sum(np.kron(weight[:, :, i, j], self.shift(i, j)) for i in range(3) for j in range(3))
        return whole.astype(weight.dtype)

    def kernel(self, dmatrix):
        """Return the gradient of the kernel from that of its matrix."""
        c, pixels = self.size[0], math.prod(self.size[1:])
        blocks = dmatrix.reshape(c, pixels, c, pixels)
        dweight = np.zeros((c, c, 3, 3), dmatrix.dtype)
        for i in range(3):
            for j in range(3):
                dweight[:, :, i, j] = np.tensordot(blocks, self.shift(i, j), axes=([1, 3], [0, 1]))
        return dweight

    def forward(self):
        self.active = np.maximum(self.x, 0)
        self.total = self.active @ self.conv.T * self.gate + self.x
        return np.maximum(self.total, 0).reshape(-1, *self.size)

    def backward(self, dy):
        d = np.where(self.total > 0, dy.reshape(self.x.shape), 0)
        dbranch = self.gate * d
        dx = np.where(self.x > 0, dbranch @ self.conv, 0) + d
        return dx.reshape(dy.shape), self.kernel(dbranch.T @ self.active)


def stochastic_block_forward(x, weight, gate):
    block = Gated(x, weight, gate)
    return block.forward(), block


def stochastic_block_backward(dy, cache):
    return cache.backward(dy)


def survival_probabilities(blocks, last):
    dropped = [(1 - last) * number / blocks for number in range(1, blocks + 1)]
    return 1 - np.array(dropped)


def choose_gate(survival, train, rng):
    if train:
        return np.ceil(max(survival - rng.random(), 0.0))
    return survival
