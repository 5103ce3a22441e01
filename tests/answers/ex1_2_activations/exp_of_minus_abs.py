"""exp of -|x| alone, which never overflows; caches are objects of a class; backward begins with x again."""

import numpy as np


class Memory:
    def __init__(self, **things):
        self.__dict__.update(things)


def relu_forward(x):
    return (np.abs(x) + x) / 2, Memory(sign=np.sign(x))


def relu_backward(dy, cache):
    return np.where(cache.sign > 0, dy, 0)


def sigmoid_forward(x):
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z), Memory(x=x)


def sigmoid_backward(dy, cache):
    z = np.exp(-np.abs(cache.x))  # the derivative is an even function
    return dy * z / (1 + z) ** 2
