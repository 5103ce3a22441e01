"""One number at a time, as the formulas stand; a dictionary for a cache."""

import math

import numpy as np


def softmax_cross_entropy_forward(logits, labels):
    examples, classes = logits.shape
    probabilities = np.zeros_like(logits)
    total = 0.0
    for n in range(examples):
        largest = logits[n, 0]
        for k in range(classes):
            if logits[n, k] > largest:
                largest = logits[n, k]
        denominator = 0.0
        for k in range(classes):
            denominator += math.exp(logits[n, k] - largest)
        for k in range(classes):
            probabilities[n, k] = math.exp(logits[n, k] - largest) / denominator
        total += math.log(denominator) - (logits[n, labels[n]] - largest)
    return total / examples, {"p": probabilities, "labels": labels}


def softmax_cross_entropy_backward(dloss, cache):
    examples, classes = cache["p"].shape
    gradient = np.zeros_like(cache["p"])
    for n in range(examples):
        for k in range(classes):
            gradient[n, k] = cache["p"][n, k] / examples
            if k == cache["labels"][n]:
                gradient[n, k] -= 1 / examples
            gradient[n, k] *= dloss
    return gradient
