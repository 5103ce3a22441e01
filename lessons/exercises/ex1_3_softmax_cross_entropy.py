"""Exercise 1.3: Softmax and cross-entropy.

The last layer of a classifier gives every class a number, its logit. Softmax turns the logits of an example
into probabilities, and the loss is the mean over the batch of minus the logarithm of the probability that the
right class, the label, was given:

    p[n, k] = exp(logits[n, k]) / (sum over j of exp(logits[n, j]))
    loss    = -1/N * sum over n of log(p[n, labels[n]])

n counts the examples of a batch (N), j and k the classes (K); log is the natural logarithm. The two are one
function here, for together they have a simple gradient. (Lesson 0 trains a classifier with it.)

Logits may be as large as 1000 and as small as -1000. The loss and the gradient are finite nevertheless, but
exp(1000) is inf in float64, and exp(-1000) is 0, whose logarithm is -inf: a program must avoid both. It helps
that softmax stays the same if one number is subtracted from all logits of an example.
"""

import numpy as np


def softmax_cross_entropy_forward(logits, labels):
    """Return the loss, as above, and a cache with what backward will need.

    logits: (N, K); labels: (N,), integers from 0 to K - 1. loss: a single number.

    >>> logits = np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]])  # p: 1/4 and 3/4; 1/2 and 1/2
    >>> loss, cache = softmax_cross_entropy_forward(logits, np.array([0, 1]))
    >>> print(f"{loss:.6f}, which is {np.log(4.0) / 2 + np.log(2.0) / 2:.6f}")
    1.039721, which is 1.039721
    """
    # solution
    # without its largest logit, every example has an exp of 1 and none that is larger
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    log_p = shifted - log_sum  # the logarithm of the fraction, before anything can round to 0
    loss = -log_p[np.arange(len(labels)), labels].mean()
    cache = (np.exp(log_p), labels)
    return loss, cache
    # end of solution


def softmax_cross_entropy_backward(dloss, cache):
    """Return dlogits, the gradient with respect to the logits.

    dloss: a number, the gradient that arrives at the loss: 1 if the loss is the end, or its weight if it is
    one of several that are added up; cache: of softmax_cross_entropy_forward. dlogits: (N, K), with the dtype
    of the logits.

        dlogits[n, k] = dloss * (p[n, k] - (1 if k is labels[n], else 0)) / N

    >>> logits = np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]])  # p: 1/4 and 3/4; 1/2 and 1/2
    >>> _, cache = softmax_cross_entropy_forward(logits, np.array([0, 1]))
    >>> softmax_cross_entropy_backward(8.0, cache)
    array([[-3.,  3.],
           [ 2., -2.]])
    """
    # solution
    p, labels = cache
    targets = np.zeros_like(p)  # the probabilities as they should be
    targets[np.arange(len(labels)), labels] = 1
    dlogits = (p - targets) * (dloss / len(labels))
    return dlogits
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 0


def cases(rng):
    """Return ordinary inputs, one example alone, as many examples as classes, and logits up to 1000."""
    few = [
        {"logits": rng.permutation([-1.0, 0.5, 2.0]).reshape(1, 3), "labels": rng.integers(0, 3, 1)},
        {
            "logits": rng.permutation([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]).reshape(2, 3),
            "labels": _labels(rng, 2, 3),
        },
    ]
    sizes = [(4, 3), (3, 5), (5, 2), (4, 4)]
    ordinary = [{"logits": 2 * rng.standard_normal(size), "labels": _labels(rng, *size)} for size in sizes]
    overflow = rng.permutation([[1000.0, 999.0, 998.5], [998.0, 1000.5, 1001.0], [999.5, 999.0, 1000.0]])
    # a label whose probability is 0 to any number of digits; and last an example with small logits alone
    large = np.array([[1000.0, 0.0, -1000.0], [998.0, 1000.0, 999.0], [-1000.0, -999.5, -1001.0]])
    extreme = [
        {"logits": overflow, "labels": _labels(rng, 3, 3)},
        {"logits": large, "labels": np.array([rng.integers(1, 3), *rng.integers(0, 3, 2)])},
    ]
    return [*few, *ordinary, *extreme]


def _labels(rng, examples, classes):
    """Return labels among which at least two differ."""
    return rng.permutation(np.append([0, 1], rng.integers(0, classes, examples - 2)))


def large(rng, inputs=500_000):
    """Return many examples of few classes, so that a matrix of classes for each example is affordable."""
    return {"logits": 2 * rng.standard_normal((inputs // 20, 20)), "labels": _labels(rng, inputs // 20, 20)}


PARTS = [
    Part(
        "softmax_cross_entropy_forward",
        returns=("loss", "cache"),
        cases=cases,
        points=2,
        hints=(
            "Choose the number that you subtract from the logits of an example such that no exp can "
            "overflow; and do not take the logarithm of a probability, which may have become 0.",
            "With z the logits of an example, log(p[k]) = z[k] - log(sum over j of exp(z[j])). If the "
            "largest z is 0, the sum lies between 1 and K: exp and log are both safe.",
            "Subtract logits.max(axis=1, keepdims=True), take log p of all classes by the formula, pick one "
            "number in each row by the index [np.arange(N), labels], and take minus their mean.",
        ),
    ),
    Part(
        "softmax_cross_entropy_backward",
        after="softmax_cross_entropy_forward",
        returns=("dlogits",),
        cases=cases,
        large=large,
        points=2,
        hints=(
            "The gradient compares two distributions: the probabilities that the network gave, and those "
            "that the labels ask for, 1 for the right class and 0 for the others.",
            "log(p[k]) = z[k] - log(sum over j of exp(z[j])). Its derivative with respect to z[m] is 1 if m "
            "is k, else 0, minus exp(z[m]) / (sum over j of exp(z[j])), and that is p[m].",
            "Make an array of the 1s and 0s, subtract it from p, and multiply by dloss / N. Work on a new "
            "array: backward may be called twice with the same cache.",
        ),
    ),
]

SHIFT = "shifted = logits - logits.max(axis=1, keepdims=True)"
SUM = "log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))"
LOG_P = "log_p = shifted - log_sum"
PICK = "-log_p[np.arange(len(labels)), labels].mean()"
PROBABILITIES = "np.exp(shifted) / np.exp(log_sum)"
GRADIENT = "dlogits = (p - targets) * (dloss / len(labels))"

MISTAKES = [
    Mistake(
        "sum instead of mean",
        "labels].mean()",
        "labels].sum()",
        "The losses of the examples were added up. The loss is their mean, so that it does not grow with "
        "the batch.",
    ),
    Mistake(
        "minus sign forgotten",
        "loss = -log_p",
        "loss = log_p",
        "The loss has the wrong sign. The logarithm of a probability is negative, the loss is positive.",
    ),
    Mistake(
        "mean over the classes too",
        PICK,
        PICK + " / logits.shape[1]",
        "The loss was divided by N * K. It is a mean over the examples; of each one's classes only the "
        "label counts.",
    ),
    Mistake(
        "every label for every example",
        PICK,
        "-log_p[:, labels].mean()",
        "The index [:, labels] takes from every row the classes of all labels, N * N numbers. Each row has "
        "one label: rows and labels must be given as pairs.",
    ),
    Mistake(
        "logarithm forgotten",
        PICK,
        "-np.exp(log_p)[np.arange(len(labels)), labels].mean()",
        "This is minus the mean probability of the right class; its logarithm was to be taken first.",
    ),
    Mistake(
        "logarithm of the mean",
        PICK,
        "-np.log(np.exp(log_p)[np.arange(len(labels)), labels].mean())",
        "The logarithm was taken of the mean probability. Each example has its logarithm first; then comes "
        "the mean.",
    ),
    Mistake(
        "exp overflows",
        SHIFT,
        "shifted = logits",
        "exp(1000) is inf and exp(-1000) is 0, so large logits give inf or NaN. Which number, subtracted "
        "from all logits of an example, makes exp harmless?",
    ),
    Mistake(
        "exp overflows in the probabilities",
        f"{LOG_P}  # the logarithm of the fraction, before anything can round to 0",
        "log_p = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))",
        "exp(1000) is inf and exp(-1000) is 0, so large logits give inf / inf or 0 / 0, which is NaN. Which "
        "number, subtracted from all logits of an example, makes exp harmless?",
    ),
    Mistake(
        "largest logit of the whole batch",
        SHIFT,
        "shifted = logits - logits.max()",
        "One number was subtracted from the whole batch. An example whose logits lie far below those of "
        "another one is left with exps that are all 0: each example needs its own.",
    ),
    Mistake(
        "one largest logit for all examples",
        f"{SHIFT}\n    {SUM}\n    {LOG_P}",
        "e = np.exp(logits - logits.max())\n    log_p = np.log(e / e.sum(axis=1, keepdims=True))",
        "One number was subtracted from the whole batch. An example whose logits lie far below those of "
        "another one is left with 0 / 0, which is NaN: each example needs its own.",
    ),
    Mistake(
        "logarithm of a probability that is 0",
        LOG_P,
        f"log_p = np.log({PROBABILITIES})",
        "A probability can be so small that it is 0 in float64, and then its logarithm is -inf. Let log and "
        "exp cancel on paper before the program computes them.",
    ),
    *(
        Mistake(
            f"{small} inside the logarithm",
            LOG_P,
            f"log_p = np.log({PROBABILITIES} + {small})",
            f"log(p + {small}) is finite, but where p is very small it is far from log(p): a loss of 1000 "
            "becomes a small one. Let log and exp cancel on paper, and nothing needs to be added.",
        )
        for small in ("1e-15", "1e-12", "1e-10", "1e-9", "1e-8", "1e-7")
    ),
    Mistake(
        "softmax over the batch",
        f"{SHIFT}\n    {SUM}",
        f"{SHIFT.replace('axis=1', 'axis=0')}\n    {SUM.replace('axis=1', 'axis=0')}",
        "The probabilities of a class add up to 1 over the examples. Those of an example must add up to 1 "
        "over the classes: axis 1.",
    ),
    Mistake(
        "denominator summed over the batch",
        SUM,
        SUM.replace("axis=1", "axis=0"),
        "The denominators are sums over the examples. The probabilities of an example must add up to 1 over "
        "the classes: axis 1.",
    ),
    Mistake(
        "one sum for the whole batch",
        f"{SHIFT}\n    {SUM}",
        "shifted = logits - logits.max()\n    log_sum = np.log(np.exp(shifted).sum())",
        "All probabilities of the batch together add up to 1. Those of each example must: every row has its "
        "own sum.",
    ),
    Mistake(
        "input modified in place",
        SHIFT,
        "logits -= logits.max(axis=1, keepdims=True)\n    shifted = logits",
        "",
    ),
    Mistake(
        "1/N missing",
        GRADIENT,
        "dlogits = (p - targets) * dloss",
        "The loss is a mean, so its gradient has the mean's 1/N.",
    ),
    Mistake(
        "only p divided by N",
        GRADIENT,
        "dlogits = (p / len(labels) - targets) * dloss",
        "p was divided by N, but not the 1 that is subtracted from it: the mean's 1/N belongs to both.",
    ),
    Mistake(
        "dloss forgotten",
        GRADIENT,
        "dlogits = (p - targets) / len(labels)",
        "This is right for dloss = 1 only. The loss need not be the end: if it is weighted, say, dloss is "
        "that weight, and the chain rule multiplies by it.",
    ),
    Mistake(
        "divided by N * K",
        GRADIENT,
        "dlogits = (p - targets) * (dloss / p.size)",
        "The gradient was divided by the number of logits. The loss is a mean over the N examples.",
    ),
    Mistake(
        "divided by K",
        GRADIENT,
        "dlogits = (p - targets) * (dloss / p.shape[1])",
        "The gradient was divided by the number of classes. The loss is a mean over the N examples.",
    ),
    Mistake(
        "labels not subtracted",
        GRADIENT,
        "dlogits = p * (dloss / len(labels))",
        "The part of the gradient with p is there, but the 1 of the right class was not subtracted, so "
        "every logit is pushed down.",
    ),
    Mistake(
        "1 added instead of subtracted",
        GRADIENT,
        "dlogits = (p + targets) * (dloss / len(labels))",
        "The 1 of the right class was added. It is subtracted: the logit of the right class is to grow.",
    ),
    Mistake(
        "1 subtracted from every example's labels",
        "targets[np.arange(len(labels)), labels] = 1",
        "targets[:, labels] = 1",
        "The index [:, labels] meets the classes of all labels in every row. Each row has one label: rows "
        "and labels must be given as pairs.",
    ),
    Mistake(
        "1 subtracted from every class",
        GRADIENT,
        "dlogits = (p - 1) * (dloss / len(labels))",
        "1 was subtracted from all probabilities; only that of the right class has a 1 to lose.",
    ),
    Mistake(
        "only the label's logit",
        GRADIENT,
        "dlogits = (p - targets) * targets * (dloss / len(labels))",
        "The other classes have no gradient. They take part in the loss through the sum in the denominator.",
    ),
    Mistake(
        "path through the softmax missing",
        GRADIENT,
        "dlogits = -targets / p * (dloss / len(labels))",
        "This is the gradient with respect to the probabilities, -1/p at the label. From there it still has "
        "to pass the softmax to reach the logits.",
    ),
    Mistake(
        "softmax differentiated twice",
        GRADIENT,
        "dlogits = (p - targets) * p * (1 - p) * (dloss / len(labels))",
        "p - 1 or p - 0 was multiplied by p (1 - p). The derivative of the softmax is in p minus the labels "
        "already.",
    ),
]
