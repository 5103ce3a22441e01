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
    # each of these goes wrong with one way to keep exp small, and not with another
    alone = [
        {
            "logits": rng.permutation([-1000.0, -999.5, -1001.0]).reshape(1, 3),
            "labels": rng.integers(0, 3, 1),
        },
        {"logits": np.array([[1000.0, 0.0, -1000.0], [0.5, -1.0, 2.0]]), "labels": np.array([0, 2])},
        {"logits": np.array([[400.0, 0.5, -400.0], [-1.0, 0.5, 0.0]]), "labels": np.array([0, 1])},
    ]
    return [*few, *ordinary, *extreme, *alone]


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
TARGETS = "targets[np.arange(len(labels)), labels] = 1"
KEPT = "cache = (np.exp(log_p), labels)"
TINY = ("1e-20", "1e-16", "np.finfo(float).eps", "1e-15", "1e-12")
SMALL = ("1e-10", "1e-9", "1e-8", "1e-7", "1e-6", "1e-5")


MISTAKES = [
    Mistake(
        "logarithms in place of probabilities",
        KEPT,
        "cache = (log_p, labels)",
        "In place of p stands log(p). The gradient has the probabilities themselves.",
    ),
    Mistake(
        "logits in place of probabilities",
        KEPT,
        "cache = (logits, labels)",
        "In place of p stand the logits: backward needs the softmax of them.",
    ),
    Mistake(
        "shifted logits in place of probabilities",
        KEPT,
        "cache = (shifted, labels)",
        "In place of p stand the shifted logits: backward needs the softmax of them.",
    ),
    Mistake(
        "exps in place of probabilities",
        KEPT,
        "cache = (np.exp(shifted), labels)",
        "In place of p stand the exps of the shifted logits: they were not divided by their sum.",
    ),
    Mistake(
        "probabilities over the batch in backward",
        KEPT,
        "cache = (np.exp(shifted) / np.exp(shifted).sum(axis=0), labels)",
        "The p in the gradient add up to 1 over the examples. Those of an example must add up to 1 over the "
        "classes: axis 1.",
    ),
    Mistake(
        "exp overflows in backward",
        KEPT,
        "cache = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels)",
        "In backward exp(1000) is inf and exp(-1000) is 0, and the p of large logits are NaN. What helps in "
        "forward helps here too.",
    ),
    Mistake(
        "one largest logit for the p of all examples",
        KEPT,
        "e = np.exp(logits - logits.max())\n    cache = (e / e.sum(axis=1, keepdims=True), labels)",
        "For backward one number was subtracted from the whole batch. An example far below another one is "
        "left with 0 / 0: each needs its own.",
    ),
    Mistake(
        "keepdims forgotten in the p of backward",
        GRADIENT,
        "e = p / p.max(axis=1, keepdims=True)\n    p = e / e.sum(axis=1)\n    " + GRADIENT,
        "In the p of backward the denominators are used along the wrong axis. Without keepdims the axis is "
        "gone: N numbers meet the K columns, not the N rows. It fits only where N is K.",
    ),
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
            f"log(p + {small}), or of a p that is at least {small}, is finite, but where p is very small "
            "it is far from log(p): a loss of 1000 becomes a small one. Let log and exp cancel on paper, and "
            "neither is needed.",
        )
        for small in (*TINY, *SMALL)
    ),
    *(
        Mistake(
            f"probability not below {small}",
            LOG_P,
            f"log_p = np.log(np.maximum({PROBABILITIES}, {small}))",
            f"Probabilities below {small} were raised to it. That is finite, but a loss of 1000 becomes a "
            "small one. Let log and exp cancel on paper, and nothing needs to be cut off.",
        )
        for small in SMALL
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
        TARGETS,
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
    Mistake(
        "keepdims forgotten in the maximum",
        SHIFT,
        "shifted = logits - logits.max(axis=1)",
        "The largest logits were subtracted along the wrong axis. Without keepdims the axis is gone: N "
        "numbers meet the K columns, not the N rows. It fits only where N is K.",
    ),
    Mistake(
        "keepdims forgotten in the denominator",
        SUM,
        "log_sum = np.log(np.exp(shifted).sum(axis=1))",
        "The denominators are used along the wrong axis. Without keepdims the axis is gone: N numbers meet "
        "the K columns, not the N rows. It fits only where N is K.",
    ),
    Mistake(
        "keepdims forgotten twice",
        f"{SHIFT}\n    {SUM}",
        "shifted = logits - logits.max(axis=1)\n    log_sum = np.log(np.exp(shifted).sum(axis=1))",
        "Largest logits and denominators are used along the wrong axis. Without keepdims the axis is gone: "
        "N numbers meet the K columns, not the N rows. It fits only where N is K.",
    ),
    Mistake(
        "largest logit of each class",
        SHIFT,
        "shifted = logits - logits.max(axis=0)",
        "The largest logit of each class was subtracted, and so each class lost another number. The softmax "
        "stays the same only if all logits of an example lose the same one.",
    ),
    Mistake(
        "smallest logit subtracted",
        SHIFT,
        "shifted = logits - logits.min(axis=1, keepdims=True)",
        "The smallest logit was subtracted, and large logits still give inf or NaN. Which number, "
        "subtracted, leaves no exp above 1?",
    ),
    Mistake(
        "mean logit subtracted",
        SHIFT,
        "shifted = logits - logits.mean(axis=1, keepdims=True)",
        "The mean of the logits was subtracted, and large logits still give inf or NaN. Which number, "
        "subtracted, leaves no exp above 1?",
    ),
    Mistake(
        "largest absolute value subtracted",
        SHIFT,
        "shifted = logits - np.abs(logits).max(axis=1, keepdims=True)",
        "The largest absolute value was subtracted. Where all logits are far below 0, all exps become 0.",
    ),
    Mistake(
        "largest logit added",
        SHIFT,
        "shifted = logits + logits.max(axis=1, keepdims=True)",
        "The largest logit was added. Subtracted, it leaves no exp above 1.",
    ),
    Mistake(
        "divided by the largest logit",
        SHIFT,
        "shifted = logits / logits.max(axis=1, keepdims=True)",
        "The logits were divided by the largest one, and that changes the softmax. It stays the same if a "
        "number is subtracted.",
    ),
    Mistake(
        "logits subtracted from the largest",
        SHIFT,
        "shifted = logits.max(axis=1, keepdims=True) - logits",
        "The logits were subtracted from the largest one, so their order is reversed: the smallest logit "
        "gets the largest probability.",
    ),
    Mistake(
        "denominator missing",
        LOG_P,
        "log_p = shifted",
        "These are the logarithms of exp(logit) alone: the denominator is missing.",
    ),
    Mistake(
        "softmax missing",
        LOG_P,
        "log_p = logits",
        "The loss is minus the mean logit of the right class: the softmax is missing.",
    ),
    Mistake(
        "logarithm of the denominator forgotten",
        SUM,
        "log_sum = np.exp(shifted).sum(axis=1, keepdims=True)",
        "The sum of the exps was subtracted itself. In log(p) it stands under a logarithm.",
    ),
    Mistake(
        "logarithm of the denominator added",
        LOG_P,
        "log_p = shifted + log_sum",
        "The logarithm of the denominator was added. The logarithm of a fraction is a difference.",
    ),
    Mistake(
        "logarithms summed",
        SUM,
        "log_sum = shifted.sum(axis=1, keepdims=True)",
        "The logits were summed where the exps are to be: the logarithm of a sum is not the sum of the "
        "logarithms.",
    ),
    Mistake(
        "mean in the denominator",
        SUM,
        "log_sum = np.log(np.exp(shifted).mean(axis=1, keepdims=True))",
        "The denominator is the mean of the exps. It is their sum, or probabilities do not add up to 1.",
    ),
    Mistake(
        "largest logit not added back",
        LOG_P,
        "log_p = logits - log_sum",
        "The exps in the denominator are those of shifted logits, the logit in front is not shifted. "
        "Subtract the largest in both places, or in none.",
    ),
    Mistake(
        "only the numerator shifted",
        LOG_P,
        "log_p = shifted - np.log(np.exp(logits).sum(axis=1, keepdims=True))",
        "The logit in front is shifted, the exps in the denominator are not. Subtract the largest in both "
        "places.",
    ),
    Mistake(
        "logarithm to base 2",
        PICK,
        PICK + " / np.log(2)",
        "The loss is too large by 1 / log(2): a logarithm to base 2. The natural one is asked for, np.log.",
    ),
    Mistake(
        "logarithm to base 10",
        PICK,
        PICK + " / np.log(10)",
        "The loss is too small by log(10): a logarithm to base 10. The natural one is asked for, np.log.",
    ),
    Mistake(
        "label off by one",
        PICK,
        "-log_p[np.arange(len(labels)), labels - 1].mean()",
        "The class before the label was picked. Labels count from 0, as indices do.",
    ),
    Mistake(
        "label off by one, upwards",
        PICK,
        "-log_p[np.arange(len(labels)), (labels + 1) % logits.shape[1]].mean()",
        "The class after the label was picked. Labels count from 0, as indices do.",
    ),
    Mistake(
        "first example for all labels",
        PICK,
        "-log_p[0, labels].mean()",
        "The labels of all examples were looked up in the first row. Each example has its own.",
    ),
    Mistake(
        "first label for all examples",
        PICK,
        "-log_p[:, labels[0]].mean()",
        "The first label was used for every example. Each has its own.",
    ),
    Mistake(
        "rows and labels exchanged",
        PICK,
        "-log_p[labels, np.arange(len(labels))].mean()",
        "The label was used as the index of the row and the example as that of the column. Rows are "
        "examples, columns classes.",
    ),
    Mistake(
        "most probable class in place of the label",
        PICK,
        "-log_p.max(axis=1).mean()",
        "The largest probability of each example was taken. That of its label counts, be it small or large.",
    ),
    Mistake(
        "all classes summed",
        PICK,
        "-log_p.sum(axis=1).mean()",
        "The logarithms of all classes were added up. Of each example only its label counts.",
    ),
    Mistake(
        "mean over all classes",
        PICK,
        "-log_p.mean()",
        "The mean was taken over all logarithms. Of each example only its label counts.",
    ),
    Mistake(
        "entropy in place of cross-entropy",
        PICK,
        "-(np.exp(log_p) * log_p).sum(axis=1).mean()",
        "These are the sums of -p log(p), the entropy of the probabilities: the labels play no part in it.",
    ),
    Mistake(
        "binary cross-entropy",
        PICK,
        "-(ONE_HOT * np.log(P) + (1 - ONE_HOT) * np.log(1 - P)).sum(axis=1).mean()".replace(
            "ONE_HOT", "np.eye(logits.shape[1])[labels]"
        ).replace("P)", "np.exp(log_p))"),
        "The other classes came in with log(1 - p): a binary cross-entropy for each class. With a softmax "
        "only the label counts.",
    ),
    Mistake(
        "divided by N twice",
        PICK,
        PICK + " / len(labels)",
        "The loss was divided by N twice: is there a mean and a division by N?",
    ),
    Mistake(
        "loss divided by K",
        PICK,
        PICK + " * len(labels) / logits.shape[1]",
        "The sum was divided by the number of classes. The loss is a mean over the N examples.",
    ),
    Mistake(
        "1 - p in place of the logarithm",
        PICK,
        "(1 - np.exp(log_p)[np.arange(len(labels)), labels]).mean()",
        "This is the mean of 1 - p. Minus the logarithm of p is asked for.",
    ),
    Mistake(
        "last example alone",
        PICK,
        "-log_p[-1, labels[-1]]",
        "The loss is that of the last example. The losses of all are added up (+=), then divided by N.",
    ),
    Mistake(
        "last example alone, divided by N",
        PICK,
        "-log_p[-1, labels[-1]] / len(labels)",
        "The loss is that of the last example, divided by N. The losses of all are added up: += where you "
        "have =.",
    ),
    Mistake(
        "first example alone",
        PICK,
        "-log_p[0, labels[0]]",
        "The loss is that of the first example. The losses of all are added up, then divided by N.",
    ),
    Mistake(
        "first example alone, divided by N",
        PICK,
        "-log_p[0, labels[0]] / len(labels)",
        "The loss is that of the first example, divided by N: does the loop end after one round?",
    ),
    Mistake(
        "last example left out",
        PICK,
        "-log_p[np.arange(len(labels)), labels][:-1].sum() / len(labels)",
        "The last example is missing in the sum. range(N) ends with N - 1 already.",
    ),
    Mistake(
        "first example left out",
        PICK,
        "-log_p[np.arange(len(labels)), labels][1:].sum() / len(labels)",
        "The first example is missing in the sum. Indices count from 0.",
    ),
    Mistake(
        "losses not averaged",
        PICK,
        "-log_p[np.arange(len(labels)), labels]",
        "The loss is an array of N numbers, one for each example. Take their mean.",
    ),
    Mistake(
        "last class left out of the denominator",
        SUM,
        "log_sum = np.log(np.exp(shifted[:, :-1]).sum(axis=1, keepdims=True))",
        "The last class is missing in the denominator. range(K) ends with K - 1 already.",
    ),
    Mistake(
        "first class left out of the denominator",
        SUM,
        "log_sum = np.log(np.exp(shifted[:, 1:]).sum(axis=1, keepdims=True))",
        "The first class is missing in the denominator. Indices count from 0.",
    ),
    Mistake(
        "1/N and dloss missing",
        GRADIENT,
        "dlogits = p - targets",
        "This is p minus the labels alone: dloss and the mean's 1/N are missing.",
    ),
    Mistake(
        "dloss for p alone",
        GRADIENT,
        "dlogits = (p * dloss - targets) / len(labels)",
        "p was multiplied by dloss, but not the 1 that is subtracted from it. dloss belongs to both.",
    ),
    Mistake(
        "1 neither divided by N nor multiplied by dloss",
        GRADIENT,
        "dlogits = p * (dloss / len(labels)) - targets",
        "p was multiplied by dloss / N, but not the 1 that is subtracted from it. The factor belongs to "
        "both.",
    ),
    Mistake(
        "only the 1 divided by N",
        GRADIENT,
        "dlogits = (p - targets / len(labels)) * dloss",
        "The 1 was divided by N, but not the p from which it is subtracted: the mean's 1/N belongs to both.",
    ),
    Mistake(
        "only the 1 multiplied by dloss",
        GRADIENT,
        "dlogits = (p - targets * dloss) / len(labels)",
        "The 1 was multiplied by dloss, but not the p from which it is subtracted. dloss belongs to both.",
    ),
    Mistake(
        "divided by dloss",
        GRADIENT,
        "dlogits = (p - targets) / (dloss * len(labels))",
        "The gradient was divided by dloss. The chain rule multiplies by it.",
    ),
    Mistake(
        "dloss added",
        GRADIENT,
        "dlogits = (p - targets + dloss) / len(labels)",
        "dloss was added. The chain rule multiplies by it.",
    ),
    Mistake(
        "dloss added after the division",
        GRADIENT,
        "dlogits = (p - targets) / len(labels) + dloss",
        "dloss was added. The chain rule multiplies by it.",
    ),
    Mistake(
        "multiplied by N",
        GRADIENT,
        "dlogits = (p - targets) * dloss * len(labels)",
        "The gradient was multiplied by N. The loss is a mean, which divides by N.",
    ),
    Mistake(
        "divided by N squared",
        GRADIENT,
        "dlogits = (p - targets) * dloss / len(labels) ** 2",
        "The gradient was divided by N twice.",
    ),
    Mistake(
        "p forgotten",
        GRADIENT,
        "dlogits = -targets * (dloss / len(labels))",
        "Only the 1 of the right class is there. p is missing: every class takes part in the denominator.",
    ),
    Mistake(
        "minus p plus 1 added",
        GRADIENT,
        "dlogits = -(p + targets) * (dloss / len(labels))",
        "p came with the wrong sign: this is -(p + 1) at the label and -p elsewhere.",
    ),
    Mistake(
        "derivative of a sigmoid",
        GRADIENT,
        "dlogits = p * (1 - p) * (dloss / len(labels))",
        "These are p (1 - p), the derivative of a sigmoid; the labels are not in it.",
    ),
    Mistake(
        "derivative of softmax at the label only",
        GRADIENT,
        "dlogits = -targets / p * p * (1 - p) * p * (dloss / len(labels))",
        "At the label this is -p (1 - p), elsewhere 0. The loss takes a logarithm, and the other classes "
        "take part in its denominator.",
    ),
    Mistake(
        "difference squared",
        GRADIENT,
        "dlogits = (p - targets) ** 2 * (dloss / len(labels))",
        "p minus the labels was squared. The loss is a logarithm, no squared error.",
    ),
    Mistake(
        "multiplied by p",
        GRADIENT,
        "dlogits = (p - targets) * p * (dloss / len(labels))",
        "p minus the labels was multiplied by p. The derivative of softmax is in p minus the labels already.",
    ),
    Mistake(
        "multiplied by the logits",
        GRADIENT,
        "dlogits = (p - targets) * np.log(p) * (dloss / len(labels))",
        "p minus the labels was multiplied by log(p). The derivative of the logarithm is in p minus the "
        "labels already.",
    ),
    Mistake(
        "gradient summed over the batch",
        GRADIENT,
        "dlogits = ((p - targets) * (dloss / len(labels))).sum(axis=0)",
        "dlogits was summed over the examples. Each example has logits, and a gradient, of its own.",
    ),
    Mistake(
        "only the first example has a gradient",
        GRADIENT,
        GRADIENT + "\n    dlogits[1:] = 0",
        "Only the first row was computed, the others are still 0. Is a return inside the loop?",
    ),
    Mistake(
        "only the last example has a gradient",
        GRADIENT,
        GRADIENT + "\n    dlogits[:-1] = 0",
        "Only the last row was computed, the others are 0: each round of the loop began with a new array.",
    ),
    Mistake(
        "last example without a gradient",
        GRADIENT,
        GRADIENT + "\n    dlogits[-1] = 0",
        "The last row is still 0: the loop over the examples ends too early. range(N) ends with N - 1 "
        "already.",
    ),
    Mistake(
        "first example without a gradient",
        GRADIENT,
        GRADIENT + "\n    dlogits[0] = 0",
        "The first row is still 0: the loop over the examples begins at 1. Indices count from 0.",
    ),
    Mistake(
        "last class without a gradient",
        GRADIENT,
        GRADIENT + "\n    dlogits[:, -1] = 0",
        "The last column is still 0: the loop over the classes ends too early. range(K) ends with K - 1 "
        "already.",
    ),
    Mistake(
        "first class without a gradient",
        GRADIENT,
        GRADIENT + "\n    dlogits[:, 0] = 0",
        "The first column is still 0: the loop over the classes begins at 1. Indices count from 0.",
    ),
    Mistake(
        "label without a gradient",
        GRADIENT,
        "dlogits = p * (1 - targets) * (dloss / len(labels))",
        "The gradient at the label is 0. There it is p - 1.",
    ),
    Mistake(
        "1 at the class before the label",
        TARGETS,
        "targets[np.arange(len(labels)), labels - 1] = 1",
        "The 1 was subtracted one class too early. Labels count from 0, as indices do.",
    ),
    Mistake(
        "1 at the class after the label",
        TARGETS,
        "targets[np.arange(len(labels)), (labels + 1) % p.shape[1]] = 1",
        "The 1 was subtracted one class too late. Labels count from 0, as indices do.",
    ),
    Mistake(
        "1 at rows and labels exchanged",
        TARGETS,
        "targets[labels, np.arange(len(labels))] = 1",
        "The label was used as the index of the row and the example as that of the column. Rows are "
        "examples, columns classes.",
    ),
    Mistake(
        "1 in the first row for all labels",
        TARGETS,
        "targets[0, labels] = 1",
        "The 1s of all labels stand in the first row. Each example has its own row.",
    ),
    Mistake(
        "first label's 1 for all examples",
        TARGETS,
        "targets[:, labels[0]] = 1",
        "The first label was used for every example. Each has its own.",
    ),
    Mistake(
        "label in place of the 1",
        TARGETS,
        "targets[np.arange(len(labels)), labels] = labels",
        "The label itself was subtracted at its class, where a 1 is to be subtracted.",
    ),
    Mistake(
        "labels subtracted from their rows",
        GRADIENT,
        "dlogits = (p - labels[:, np.newaxis].astype(p.dtype)) * (dloss / len(labels))",
        "The label, a number from 0 to K - 1, was subtracted from all probabilities of its example. It says "
        "where a 1 is to be subtracted.",
    ),
    Mistake(
        "labels subtracted from the columns",
        GRADIENT,
        "dlogits = (p - labels.astype(p.dtype)) * (dloss / len(labels))",
        "The labels were subtracted as a row, which fits only where N is K. A label says where a 1 is to be "
        "subtracted.",
    ),
    Mistake(
        "1 at the most probable class",
        TARGETS,
        "targets[np.arange(len(labels)), p.argmax(axis=1)] = 1",
        "The 1 was subtracted at the most probable class. It belongs to the label.",
    ),
]
