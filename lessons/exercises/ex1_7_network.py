"""Exercise 1.7: A network with dropout.

The functions of 1.1 to 1.3 are modules: each forward hands its own backward a cache, and none knows of the
others. So they can be put together into networks of any depth. (The check takes the solutions of 1.1 to 1.3.)
This one has L linear layers; the first L - 1 of them, the hidden ones, are followed by ReLU and dropout:

    h[0] = x
    h[k + 1] = relu(h[k] @ weights[k].T + biases[k]) * masks[k]        k = 0, ..., L - 2
    logits = h[L - 1] @ weights[L - 1].T + biases[L - 1]

Backward goes through the same modules in the opposite order: what one of them returns as the gradient of its
input is the dy of the next.

In training, dropout keeps every hidden number with the probability keep and replaces the others by 0. Its
mask is an array of the same shape, which holds 1 / keep where a number is kept and 0 where it is dropped. So
the mean of the mask is 1, and in evaluation, where nothing is dropped, nothing has to be scaled ("inverted
dropout"). For backward the mask is a given factor: the gradient is multiplied by it too.

When all is written, `python ex1_7_network.py` trains the network on images of handwritten digits. Then it is
yours: how many layers still train? What does dropout change, on the training images and on the test images?
"""

import numpy as np
from ex1_1_linear import linear_backward, linear_forward
from ex1_2_activations import relu_backward, relu_forward
from ex1_3_softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward


def dropout_mask(shape, *, keep, rng):
    """Return a float64 array: 1 / keep where an element is kept, with the probability keep, and 0 elsewhere.

    shape: of the mask, a tuple; keep: above 0, at most 1; rng: a numpy.random.Generator.

    So that masks can be compared, draw one number for each element, all with rng.random(shape), and keep the
    elements whose number is smaller than keep.

    >>> np.random.default_rng(1).random((2, 2)).round(2)
    array([[0.51, 0.95],
           [0.14, 0.95]])
    >>> dropout_mask((2, 2), keep=0.8, rng=np.random.default_rng(1))
    array([[1.25, 0.  ],
           [1.25, 0.  ]])
    """
    # solution
    return (rng.random(shape) < keep) / keep
    # end of solution


def network_forward(x, weights, biases, masks):
    """Return logits, as above, and a cache with what backward will need.

    x: (N, I); weights: a list of L arrays (O, I), where O of one layer is I of the next; biases: a list of L
    arrays (O,); masks: a list of L - 1 arrays (N, O), or None, for evaluation: nothing is dropped.
    logits: (N, O of the last layer), with the dtype of x.

    >>> weights = [np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 10.0, 100.0]])]
    >>> biases = [np.array([0.0, -5.0, 1.0]), np.array([0.5])]
    >>> x = np.array([[1.0, 2.0]])  # the hidden layer: 1, -3, 4, after ReLU 1, 0, 4
    >>> logits, _ = network_forward(x, weights, biases, None)
    >>> logits
    array([[401.5]])
    >>> logits, _ = network_forward(x, weights, biases, [np.array([[2.0, 2.0, 0.0]])])
    >>> logits
    array([[2.5]])
    """
    # solution
    caches = []
    for k in range(len(weights) - 1):
        x, linear_cache = linear_forward(x, weights[k], biases[k])
        x, relu_cache = relu_forward(x)
        if masks is not None:
            x = x * masks[k]
        caches.append((linear_cache, relu_cache))
    logits, last_cache = linear_forward(x, weights[-1], biases[-1])
    return logits, (caches, last_cache, masks)
    # end of solution


def network_backward(dy, cache):
    """Return dx, dweights, dbiases: the loss's gradients, the latter two as lists like weights and biases.

    dy: (N, O of the last layer), the gradient of the loss with respect to logits; cache: of network_forward.

    >>> weights = [np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 10.0, 100.0]])]
    >>> biases = [np.array([0.0, -5.0, 1.0]), np.array([0.5])]
    >>> _, cache = network_forward(np.array([[1.0, 2.0]]), weights, biases, [np.array([[2.0, 2.0, 0.0]])])
    >>> dx, dweights, dbiases = network_backward(np.array([[1.0]]), cache)
    >>> dx
    array([[2., 0.]])
    >>> dweights[0]
    array([[2., 4.],
           [0., 0.],
           [0., 0.]])
    >>> dbiases[0], dbiases[1]
    (array([2., 0., 0.]), array([1.]))
    """
    # solution
    caches, last_cache, masks = cache
    dx, dweight, dbias = linear_backward(dy, last_cache)
    dweights, dbiases = [dweight], [dbias]
    for k in reversed(range(len(caches))):
        linear_cache, relu_cache = caches[k]
        if masks is not None:
            dx = dx * masks[k]
        dx = relu_backward(dx, relu_cache)
        dx, dweight, dbias = linear_backward(dx, linear_cache)
        dweights.insert(0, dweight)
        dbiases.insert(0, dbias)
    return dx, dweights, dbiases
    # end of solution


def train(x, labels, *, hidden=(100, 100), keep=0.8, lr=0.2, epochs=30, batch=50, seed=0):
    """Return weights, biases of a network trained by gradient descent on small batches. Finished."""
    rng = np.random.default_rng(seed)
    sizes = (x.shape[1], *hidden, labels.max() + 1)
    weights = [rng.normal(0, np.sqrt(2 / i), (o, i)) for i, o in zip(sizes[:-1], sizes[1:], strict=True)]
    biases = [np.zeros(o) for o in sizes[1:]]
    for _ in range(epochs):
        for chosen in np.array_split(rng.permutation(len(x)), len(x) // batch):
            masks = [dropout_mask((len(chosen), size), keep=keep, rng=rng) for size in hidden]
            logits, cache = network_forward(x[chosen], weights, biases, masks)
            _, loss_cache = softmax_cross_entropy_forward(logits, labels[chosen])
            _, dweights, dbiases = network_backward(softmax_cross_entropy_backward(1.0, loss_cache), cache)
            for array, gradient in zip(weights + biases, dweights + dbiases, strict=True):
                array -= lr * gradient
    return weights, biases


def accuracy(x, labels, weights, biases):
    """Return the fraction of the images for which the largest logit is that of their label. Finished."""
    logits, _ = network_forward(x, weights, biases, None)
    return (logits.argmax(axis=1) == labels).mean()


if __name__ == "__main__":
    import pathlib

    digits = np.load(pathlib.Path(__file__).parent / "data" / "digits.npz")
    x, labels, is_test = digits["images"].reshape(-1, 64) / 16, digits["labels"], digits["is_test"]
    network = train(x[~is_test], labels[~is_test])
    print(f"accuracy on the training images {accuracy(x[~is_test], labels[~is_test], *network):.1%}")
    print(f"accuracy on the test images {accuracy(x[is_test], labels[is_test], *network):.1%}")


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 13
SIZES = [  # N, the sizes of the layers, keep (None: evaluation)
    (1, (2, 4, 2), 0.5),
    (2, (4, 5, 3), None),
    (3, (3, 4, 5, 2), 0.8),
    (1, (3, 6, 4, 3), 0.6),
    (4, (2, 3, 4, 3, 2), None),
    (4, (4, 4, 4, 4, 4), 0.6),  # all square: masks, weights and gradients in a wrong order fit
]


def mask_cases(rng):
    sizes = [((2, 3), 0.8), ((4, 2), 0.5), ((3, 5), 0.3), ((1, 7), 0.9), ((6, 4), 0.65), ((2, 3, 4), 0.75)]
    return [{"shape": shape, "keep": keep, "rng": int(rng.integers(2**32))} for shape, keep in sizes]


def network_cases(rng):
    return [_network(rng, n, sizes, keep) for n, sizes, keep in SIZES]


def network_large(rng, inputs=360_000):
    """Return two long examples and four hidden units."""
    return _network(rng, 2, (inputs // 6, 4, 3), 0.5)


def _network(rng, n, sizes, keep):
    """Return a random network in which ReLU and dropout both show, and no input of a ReLU is close to 0."""
    while True:
        weights = [rng.standard_normal((o, i)) for i, o in zip(sizes[:-1], sizes[1:], strict=True)]
        biases = [rng.standard_normal(o) for o in sizes[1:]]
        masks = None if keep is None else [dropout_mask((n, o), keep=keep, rng=rng) for o in sizes[1:-1]]
        x = h = rng.standard_normal((n, sizes[0]))
        good = True
        for k in range(len(weights) - 1):
            z, _ = linear_forward(h, weights[k], biases[k])
            mask = np.ones_like(z) if keep is None else masks[k]
            both = keep is None or (np.any((z > 0) & (mask == 0)) and np.any((z > 0) & (mask > 0)))
            good = good and both and np.any(z > 0) and np.any(z < 0) and np.abs(z).min() > 0.02
            h = np.maximum(z, 0) * mask
        if good:
            return {"x": x, "weights": weights, "biases": biases, "masks": masks}


PARTS = [
    Part(
        "dropout_mask",
        returns=("mask",),
        cases=mask_cases,
        hints=(
            "Every element is kept or dropped on its own: the array of random numbers has the shape of the "
            "mask.",
            "A comparison of an array with a number gives an array of True and False, which count as 1 and "
            "0.",
            "Divide that array by keep: True becomes 1 / keep and False 0.",
        ),
    ),
    Part(
        "network_forward",
        returns=("logits", "cache"),
        cases=network_cases,
        points=2,
        hints=(
            "One loop over the hidden layers, each of which takes what the one before it returned; then the "
            "last layer, which has neither ReLU nor dropout.",
            "A hidden layer is linear_forward, relu_forward, and a product with its mask, unless masks is "
            "None. Backward will want the two caches and the mask.",
            "Start with an empty list of caches, and append both caches of a layer after its ReLU. Return "
            "the list, the cache of the last layer and the masks as one tuple.",
        ),
    ),
    Part(
        "network_backward",
        after="network_forward",
        returns=("dx", "dweights", "dbiases"),
        cases=network_cases,
        large=network_large,
        points=3,
        hints=(
            "Everything in the opposite order: first the last layer, then the hidden layers from the last to "
            "the first, and in each of them first dropout, then ReLU, then the linear layer.",
            "The gradient is handed on: what one backward returns as dx is the dy of the next. Dropout's "
            "backward is dx = dy * mask.",
            "linear_backward returns dweight and dbias too. The layers come last to first, the lists go from "
            "first to last: insert at the front, or reverse them at the end.",
        ),
    ),
]

MISTAKES = [
    Mistake(
        "1/keep missing",
        "(rng.random(shape) < keep) / keep",
        "(rng.random(shape) < keep) * 1.0",
        "The mask holds 0 and 1. Then the mean of a hidden number shrinks to keep times what it is in "
        "evaluation; 1 / keep makes up for it.",
    ),
    Mistake(
        "multiplied by keep",
        "(rng.random(shape) < keep) / keep",
        "(rng.random(shape) < keep) * keep",
        "What is kept must grow, to make up for what is dropped: the factor is 1 / keep.",
    ),
    Mistake(
        "kept and dropped exchanged",
        "rng.random(shape) < keep",
        "rng.random(shape) >= keep",
        "The elements whose number is smaller than keep are 0 here; they are the ones to keep.",
    ),
    Mistake(
        "keep taken for the probability of dropping",
        "(rng.random(shape) < keep) / keep",
        "(rng.random(shape) >= keep) / (1 - keep)",
        "keep is the probability with which an element stays; this mask drops elements with that "
        "probability.",
    ),
    Mistake(
        "one mask for the whole batch",
        "(rng.random(shape) < keep) / keep",
        "np.ones(shape) * (rng.random(shape[1:]) < keep) / keep",
        "Every example has the same mask. Draw a number for every element, the batch included.",
    ),
    Mistake(
        "ReLU forgotten",
        "x, relu_cache = relu_forward(x)",
        "_, relu_cache = relu_forward(x)",
        "The numbers are those of a network without ReLU, which is no more than one linear layer.",
    ),
    Mistake(
        "ReLU after the last layer",
        "return logits, (caches",
        "return relu_forward(logits)[0], (caches",
        "Negative logits were set to 0. The last layer has no ReLU: logits may have any sign.",
    ),
    Mistake(
        "dropout forgotten",
        "x = x * masks[k]",
        "pass",
        "The numbers are those of evaluation, where nothing is dropped: the masks have no effect.",
    ),
    Mistake(
        "dropout applied twice",
        "x = x * masks[k]",
        "x = x * masks[k] ** 2",
        "The right numbers are dropped, but the others carry the factor 1 / keep twice. The mask has it "
        "already.",
    ),
    Mistake(
        "the first mask in every layer",
        "x = x * masks[k]",
        "x = x * masks[0]",
        "Every hidden layer has a mask of its own; here all used the first one.",
    ),
    Mistake(
        "input modified in place",
        "    caches = []\n",
        "    caches = []\n    x -= x.mean()\n",
        "",
    ),
    Mistake(
        "value of another call",
        "    caches = []\n",
        '    caches = vars(network_forward).setdefault("caches", [])\n    caches.clear()\n',
        "",
    ),
    Mistake(
        "ReLU missing in backward",
        "dx = relu_backward(dx, relu_cache)",
        "pass",
        "The gradient went past ReLU as if it were not there. Where ReLU gave 0, no gradient comes through.",
    ),
    Mistake(
        "mask from the wrong tensor",
        "dx = relu_backward(dx, relu_cache)",
        "dx = dx * (dx > 0)",
        "ReLU's backward looked at the sign of the gradient. What counts is the sign of ReLU's input in "
        "forward.",
    ),
    Mistake(
        "dropout missing in backward",
        "dx = dx * masks[k]",
        "pass",
        "Numbers that were dropped receive a gradient. Forward multiplied by the mask, so backward does as "
        "well.",
    ),
    Mistake(
        "1/keep missing in backward",
        "dx = dx * masks[k]",
        "dx = dx * (masks[k] > 0)",
        "What was dropped has no gradient, rightly, but for what was kept the factor 1 / keep is missing.",
    ),
    Mistake(
        "dropout twice in backward",
        "dx = dx * masks[k]",
        "dx = dx * masks[k] ** 2",
        "What was kept carries the factor 1 / keep twice. Forward multiplied by the mask once, so does "
        "backward.",
    ),
    Mistake(
        "masks in forward order",
        "dx = dx * masks[k]",
        "dx = dx * masks[len(caches) - 1 - k]",
        "Backward goes through the layers from the last to the first, but took the masks from the first to "
        "the last.",
    ),
    Mistake(
        "hidden layers in forward order",
        "for k in reversed(range(len(caches))):",
        "for k in range(len(caches)):",
        "Backward went through the hidden layers from the first to the last. The gradient comes from the "
        "logits, so it reaches the last hidden layer first.",
    ),
    Mistake(
        "gradients in reverse order",
        "return dx, dweights, dbiases",
        "return dx, dweights[::-1], dbiases[::-1]",
        "The list begins with the last layer, to which backward comes first. It belongs in the order of the "
        "layers.",
    ),
    Mistake(
        "mean over the batch",
        "return dx, dweights, dbiases",
        "return dx, [dweight / len(dy) for dweight in dweights], [dbias / len(dy) for dbias in dbiases]",
        "The result was divided by N. The loss is a mean, and dy brings its 1/N along.",
    ),
    Mistake(
        "divided by 1 - keep",
        "(rng.random(shape) < keep) / keep",
        "(rng.random(shape) < keep) / (1 - keep)",
        "What is kept was divided by 1 - keep, the probability of being dropped. The mean of the mask must "
        "be 1.",
    ),
    Mistake(
        "kept with probability 1 - keep",
        "(rng.random(shape) < keep) / keep",
        "(rng.random(shape) < 1 - keep) / keep",
        "An element was kept with the probability 1 - keep. It is keep.",
    ),
    Mistake(
        "numbers in place of the mask",
        "(rng.random(shape) < keep) / keep",
        "(lambda r: r * (r < keep) / keep)(rng.random(shape))",
        "What is kept is the random number itself. The mask holds 1 / keep there.",
    ),
    Mistake(
        "1 for what is dropped",
        "(rng.random(shape) < keep) / keep",
        "np.where(rng.random(shape) < keep, 1 / keep, 1)",
        "What is dropped has 1 in the mask. It is 0.",
    ),
    Mistake(
        "one mask for all features",
        "(rng.random(shape) < keep) / keep",
        "np.ones(shape) * (rng.random(shape[:1] + (1,) * (len(shape) - 1)) < keep) / keep",
        "All numbers of an example share one random number. Draw one for every element.",
    ),
    Mistake(
        "random numbers from a normal distribution",
        "(rng.random(shape) < keep) / keep",
        "(rng.standard_normal(shape) < keep) / keep",
        "The numbers were drawn from a normal distribution. They are uniform between 0 and 1: "
        "rng.random(shape).",
    ),
    Mistake(
        "square root of keep",
        "(rng.random(shape) < keep) / keep",
        "(rng.random(shape) < keep) / np.sqrt(keep)",
        "The factor is 1 / sqrt(keep). It is 1 / keep: the mean of the mask must be 1.",
    ),
    Mistake(
        "biases forgotten",
        "    caches = []\n",
        "    caches = []\n    biases = [0 * bias for bias in biases]\n",
        "The biases have no effect: the numbers are those of the products alone.",
    ),
    Mistake(
        "last bias forgotten",
        "logits, last_cache = linear_forward(x, weights[-1], biases[-1])",
        "logits, last_cache = linear_forward(x, weights[-1], biases[-1] * 0)",
        "The bias of the last layer is missing.",
    ),
    Mistake(
        "first bias in every layer",
        "x, linear_cache = linear_forward(x, weights[k], biases[k])",
        "x, linear_cache = linear_forward(x, weights[k], biases[0])",
        "Every hidden layer has a bias of its own; here all used the first one.",
    ),
    Mistake(
        "first weight in every layer",
        "x, linear_cache = linear_forward(x, weights[k], biases[k])",
        "x, linear_cache = linear_forward(x, weights[0], biases[k])",
        "Every hidden layer has a weight of its own; here all used the first one.",
    ),
    Mistake(
        "last hidden layer left out",
        "for k in range(len(weights) - 1):",
        "for k in range(len(weights) - 2):",
        "The loop over the hidden layers ends one too early.",
    ),
    Mistake(
        "layers from the last to the first",
        "for k in range(len(weights) - 1):",
        "for k in reversed(range(len(weights) - 1)):",
        "Forward went through the hidden layers from the last to the first. It begins with the first.",
    ),
    Mistake(
        "masks divided by their mean",
        "x = x * masks[k]",
        "x = x * masks[k] / masks[k].mean()",
        "The mask was divided by its mean. Its 1 / keep is in it already.",
    ),
    Mistake(
        "mask as 0 and 1",
        "x = x * masks[k]",
        "x = x * (masks[k] > 0)",
        "The right numbers are dropped, but the others lack the factor 1 / keep, which stands in the mask.",
    ),
    Mistake(
        "last mask in every layer",
        "x = x * masks[k]",
        "x = x * masks[-1]",
        "Every hidden layer has a mask of its own; here all used the last one.",
    ),
    Mistake(
        "masks in reverse order",
        "x = x * masks[k]",
        "x = x * masks[-1 - k]",
        "The masks were taken from the last to the first. Hidden layer k has masks[k].",
    ),
    Mistake(
        "mask added",
        "x = x * masks[k]",
        "x = x + masks[k]",
        "The mask was added. It multiplies.",
    ),
    Mistake(
        "logits multiplied by the last mask",
        "return logits, (caches",
        "return logits * (1 if masks is None or masks[-1].shape != logits.shape else masks[-1]), (caches",
        "The logits were multiplied by a mask. The last layer has no dropout.",
    ),
    Mistake(
        "softmax of the logits",
        "return logits, (caches",
        "return (lambda e: e / e.sum(axis=1, keepdims=True))(np.exp(logits - logits.max())), (caches",
        "The outputs add up to 1: that is a softmax. The logits themselves are asked for.",
    ),
    Mistake(
        "last layer forgotten",
        "return logits, (caches",
        "return x, (caches",
        "The last hidden layer was returned: the last linear layer is missing.",
    ),
    Mistake(
        "original dy in every layer",
        "dx = relu_backward(dx, relu_cache)",
        "dx = relu_backward(dy if dy.shape == dx.shape else dx, relu_cache)",
        "A hidden layer got the dy of the logits. What one backward returns as dx is the dy of the next.",
    ),
    Mistake(
        "first mask in every layer of backward",
        "dx = dx * masks[k]",
        "dx = dx * masks[0]",
        "Every hidden layer has a mask of its own; backward used the first one for all.",
    ),
    Mistake(
        "last mask in every layer of backward",
        "dx = dx * masks[k]",
        "dx = dx * masks[-1]",
        "Every hidden layer has a mask of its own; backward used the last one for all.",
    ),
    Mistake(
        "divided by the mask",
        "dx = dx * masks[k]",
        "dx = dx / np.where(masks[k] > 0, masks[k], np.inf)",
        "The gradient was divided by the mask. Forward multiplied by it, and so does backward.",
    ),
    Mistake(
        "mask added in backward",
        "dx = dx * masks[k]",
        "dx = dx + masks[k]",
        "The mask was added. It multiplies.",
    ),
    Mistake(
        "first ReLU in every layer",
        "dx = relu_backward(dx, relu_cache)",
        "dx = relu_backward(dx, caches[0][1]) if dx.shape == caches[0][1].shape else relu_backward(dx, "
        "relu_cache)",
        "Backward used the first ReLU's cache for other layers too. Each has its own.",
    ),
    Mistake(
        "ReLU twice in backward",
        "dx = relu_backward(dx, relu_cache)",
        "dx = relu_backward(dx, relu_cache) * 2",
        "dx is twice too large after each ReLU: is a gradient added that should replace another?",
    ),
    Mistake(
        "dweights in reverse order",
        "return dx, dweights, dbiases",
        "return dx, dweights[::-1], dbiases",
        "dweights begins with the last layer, to which backward comes first. It belongs in the order of the "
        "layers.",
    ),
    Mistake(
        "dbiases in reverse order",
        "return dx, dweights, dbiases",
        "return dx, dweights, dbiases[::-1]",
        "dbiases begins with the last layer, to which backward comes first. It belongs in the order of the "
        "layers.",
    ),
    Mistake(
        "dx is dy",
        "return dx, dweights, dbiases",
        "return dy, dweights, dbiases",
        "dx is dy, the gradient at the logits. It is to be that at x, which the first layer returns.",
    ),
    Mistake(
        "the first gradient in every layer",
        "return dx, dweights, dbiases",
        "return dx, [dweights[0]] * len(dweights), [dbiases[0]] * len(dbiases)",
        "All entries are the gradient of one layer. Each layer has its own.",
    ),
    Mistake(
        "the weights added",
        "return dx, dweights, dbiases",
        "return dx, [d + c[0][1] for d, c in zip(dweights, caches)] + dweights[-1:], dbiases",
        "dweights holds the gradients plus the weights themselves. That would be weight decay, of which "
        "nothing is asked.",
    ),
    Mistake(
        "dx divided by the batch",
        "return dx, dweights, dbiases",
        "return dx / len(dy), dweights, dbiases",
        "dx was divided by N. If the loss is a mean over the batch, dy has the 1/N already.",
    ),
]
