"""Losses with the signatures of CMU 11-785's first homework, written for these tests."""

import numpy as np


class MSELoss:
    def forward(self, A, Y):
        self.A, self.Y = A, Y
        self.N, self.C = A.shape
        return ((A - Y) ** 2).sum() / (self.N * self.C)

    def backward(self):
        return 2 * (self.A - self.Y) / (self.N * self.C)


class CrossEntropyLoss:
    def forward(self, A, Y):
        self.Y, self.N = Y, A.shape[0]
        e = np.exp(A - A.max(axis=1, keepdims=True))
        self.softmax = e / e.sum(axis=1, keepdims=True)
        return -(Y * np.log(self.softmax)).sum() / self.N

    def backward(self):
        return (self.softmax - self.Y) / self.N
