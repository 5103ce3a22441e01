"""Exercise 3.4: Find the three bugs.

This file holds a small residual network with all its backwards, and three of them have a bug each. Everything
runs, every shape fits, and a training run may even get somewhere. The forwards are right, and so is
provided.py. Find the bugs with a numeric gradient check, and mend them. (Lesson 17 begins with such a
check of all its blocks.)

The network: stem (convolution, batch norm, ReLU), a residual block with a projection of stride 2, a residual
block without, head (average pooling, linear layer, softmax cross-entropy).

1.  Write numeric_gradient. It needs no derivation: it only calls f.

2.  Check the whole network, for instance the gradient of the stem's weight:

        rng = np.random.default_rng(2)
        images, labels, parameters = example_network(rng)

        def loss(weight):
            return network_forward(images, labels, {**parameters, "stem.weight": weight})[0]

        numeric = numeric_gradient(loss, parameters["stem.weight"], 1e-5)
        _, cache = network_forward(images, labels, parameters)
        gradient = network_backward(1.0, cache)["stem.weight"]
        print(np.abs(gradient - numeric).max() / np.abs(numeric).max())

    Such a number is below 1e-6 where a gradient is right, and far above where it is wrong. Do this for all
    parameters, and write down which are wrong. Backward runs from the loss to the images, so a bug spoils
    what comes after it in that order.

3.  Check the pieces, on arrays drawn at random. Where y is not a single number, draw a dy too and take
    sum(y * dy) for the loss:

        y, cache = block_forward(x, weight, scale, None)
        dy = rng.standard_normal(y.shape)
        dx = block_backward(dy, cache)[0]

        def loss(x):
            return (block_forward(x, weight, scale, None)[0] * dy).sum()

    Then numeric_gradient(loss, x, 1e-5) should be dx. Which of a piece's gradients are right and which are
    wrong tells where in it the bug sits.
"""

import numpy as np
from provided import conv2d_backward, conv2d_forward, relu_backward, relu_forward

PIXELS = (0, 2, 3)  # the axes over which batch norm takes mean and variance: images and pixels


def numeric_gradient(f, x, h):
    """Return the gradient of f at x by central differences.

    f: a function that takes an array of x's shape and returns one number; x: an array of any shape, which
    must not be changed; h: the step. The gradient has the shape and the dtype of x; its element at a place is

        (f(x with h added there) - f(x with h subtracted there)) / (2 * h)

    All other elements of x stay as they are. f is called with float64 arrays, even if x is float32: in
    float32 a small step would drown in rounding.

    >>> numeric_gradient(lambda x: (x**2).sum(), np.array([[1.0, -2.0], [3.0, 0.5]]), 0.25)
    array([[ 2., -4.],
           [ 6.,  1.]])
    """
    # solution
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = h
        gradient[place] = (f(x + step) - f(x - step)) / (2 * h)  # x + step is float64, as step is
    return gradient
    # end of solution


def numeric_gradient_of_example(x, h):
    """Return numeric_gradient of sum(x)**2 + sum(x**3), with which it is checked. Leave this as it is."""
    return numeric_gradient(lambda x: x.sum() ** 2 + (x**3).sum(), x, h)


def stem_forward(images, weight, gamma, beta):
    """Return y = relu(batch_norm(conv(images, weight))), and the cache.

    images: (N, C, H, W); weight: (O, C, 3, 3), padding 1; gamma, beta: (O,). y: (N, O, H, W).
    """
    hidden, conv_cache = conv2d_forward(images, weight, padding=1)
    std = np.sqrt(hidden.var(axis=PIXELS, keepdims=True) + 1e-5)
    normalised = (hidden - hidden.mean(axis=PIXELS, keepdims=True)) / std
    y, relu_cache = relu_forward(gamma[:, None, None] * normalised + beta[:, None, None])
    return y, (conv_cache, std, normalised, gamma, relu_cache)


def stem_backward(dy, cache):
    """Return dimages, dweight, dgamma, dbeta of stem_forward."""
    conv_cache, std, normalised, gamma, relu_cache = cache
    dscaled = relu_backward(dy, relu_cache)
    dgamma = (dscaled * normalised).sum(axis=PIXELS)
    dbeta = dscaled.sum(axis=PIXELS)
    dnormalised = dscaled * gamma[:, None, None]
    mean = dnormalised.mean(axis=PIXELS, keepdims=True)
    # solution
    slope = (dnormalised * normalised).mean(axis=PIXELS, keepdims=True)
    dhidden = (dnormalised - mean - normalised * slope) / std
    # handed out instead
    # dhidden = (dnormalised - mean) / std
    # end of solution
    dimages, dweight = conv2d_backward(dhidden, conv_cache)
    return dimages, dweight, dgamma, dbeta


def block_forward(x, weight, scale, projection):
    """Return y = relu(scale * conv(x, weight) + shortcut), and the cache.

    x: (N, C, H, W); weight: (O, C, 3, 3); scale: (O,), a factor for each channel, learned like the weights.
    projection: (O, C, 1, 1), then the shortcut is conv(x, projection), and both convolutions have stride 2;
    or None, then O = C, the shortcut is x, and the stride is 1.
    """
    stride = 1 if projection is None else 2
    convolved, conv_cache = conv2d_forward(x, weight, stride=stride, padding=1)
    shortcut, shortcut_cache = x, None
    if projection is not None:
        shortcut, shortcut_cache = conv2d_forward(x, projection, stride=stride)
    y, relu_cache = relu_forward(scale[:, None, None] * convolved + shortcut)
    return y, (convolved, conv_cache, scale, shortcut_cache, relu_cache)


def block_backward(dy, cache):
    """Return dx, dweight, dscale, dprojection of block_forward; the last is None without a projection."""
    convolved, conv_cache, scale, shortcut_cache, relu_cache = cache
    dsum = relu_backward(dy, relu_cache)
    dscale = (dsum * convolved).sum(axis=PIXELS)
    dx, dweight = conv2d_backward(scale[:, None, None] * dsum, conv_cache)
    # solution
    dshortcut, dprojection = dsum, None
    # handed out instead
    # dshortcut, dprojection = dy, None
    # end of solution
    if shortcut_cache is not None:
        dshortcut, dprojection = conv2d_backward(dshortcut, shortcut_cache)
    return dx + dshortcut, dweight, dscale, dprojection


def head_forward(x, weight, bias, labels):
    """Return the loss, one number, and the cache: average pooling, linear layer, softmax cross-entropy.

    x: (N, C, H, W); weight: (K, C); bias: (K,); labels: (N,), integers below K. The loss is the mean over the
    batch.
    """
    pooled = x.mean(axis=(2, 3))
    logits = pooled @ weight.T + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(x)), labels]).mean()
    return loss, (x.shape, pooled, weight, probabilities, labels)


def head_backward(dloss, cache):
    """Return dx, dweight, dbias of head_forward. dloss: a number, 1 if the head is the end of the network."""
    shape, pooled, weight, probabilities, labels = cache
    dlogits = probabilities.copy()
    dlogits[np.arange(len(labels)), labels] -= 1
    dlogits *= dloss / len(labels)
    dweight = dlogits.T @ pooled
    dbias = dlogits.sum(axis=0)
    dpooled = dlogits @ weight
    # solution
    dpixel = dpooled / (shape[2] * shape[3])  # each pixel has its share in the mean
    dx = np.broadcast_to(dpixel[:, :, None, None], shape)
    # handed out instead
    # dx = np.broadcast_to(dpooled[:, :, None, None], shape)
    # end of solution
    return dx, dweight, dbias


def network_forward(images, labels, parameters):
    """Return the loss and the cache. images: (N, 1, H, W); parameters: those of example_network."""
    p = parameters
    x, stem = stem_forward(images, p["stem.weight"], p["stem.gamma"], p["stem.beta"])
    x, block1 = block_forward(x, p["block1.weight"], p["block1.scale"], p["block1.projection"])
    x, block2 = block_forward(x, p["block2.weight"], p["block2.scale"], None)
    loss, head = head_forward(x, p["head.weight"], p["head.bias"], labels)
    return loss, (stem, block1, block2, head)


def network_backward(dloss, cache):
    """Return the gradients of all parameters, {name: array}. There is no bug in here."""
    stem, block1, block2, head = cache
    d = {}
    dx, d["head.weight"], d["head.bias"] = head_backward(dloss, head)
    dx, d["block2.weight"], d["block2.scale"], _ = block_backward(dx, block2)
    dx, d["block1.weight"], d["block1.scale"], d["block1.projection"] = block_backward(dx, block1)
    _, d["stem.weight"], d["stem.gamma"], d["stem.beta"] = stem_backward(dx, stem)
    return d


def example_network(rng):
    """Return images (2, 1, 6, 5), labels and parameters of a network of 3 and 4 channels with 3 classes."""
    shapes = {
        "stem.weight": (3, 1, 3, 3),
        "stem.gamma": (3,),
        "stem.beta": (3,),
        "block1.weight": (4, 3, 3, 3),
        "block1.scale": (4,),
        "block1.projection": (4, 3, 1, 1),
        "block2.weight": (4, 4, 3, 3),
        "block2.scale": (4,),
        "head.weight": (3, 4),
        "head.bias": (3,),
    }
    # small numbers keep the softmax away from 0 and 1, where it has hardly any gradient
    parameters = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
    return rng.standard_normal((2, 1, 6, 5)), np.array([2, 0]), parameters


# Nothing from here on is handed out.

import math

from minires.course.parts import Mistake, Part

LESSON = 17
CLEAR = 1e-3  # no input of a ReLU may be nearer to 0: rounding could decide on which side it lies
VARIES = 0.05  # no channel may vary less before the batch norm, which would magnify rounding


def numeric_cases(rng):
    """Return arrays of several shapes and large steps, with which every other formula gives other numbers."""
    shapes = [((2,), 0.5), ((2, 3), 0.1), ((2, 1, 3), 0.25), ((1, 2, 2, 2), 0.01)]
    cases = [{"x": rng.standard_normal(shape).round(2), "h": h} for shape, h in shapes]
    return [*cases, {"x": rng.standard_normal((3, 2)).astype(np.float32), "h": 0.001}]


def on_both_sides(*arrays):
    """Return whether all arrays have both signs and none a value near 0."""
    return all(np.abs(a).min() > CLEAR and (a > 0).any() and (a < 0).any() for a in arrays)


def draw_stem(rng, batch, channels, outputs, size):
    """Return inputs of the stem that are clear of every edge."""
    shapes = {"images": (batch, channels, *size), "weight": (outputs, channels, 3, 3)}
    shapes |= {"gamma": (outputs,), "beta": (outputs,)}
    while True:
        case = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        hidden = conv2d_forward(case["images"], case["weight"], padding=1)[0]
        normalised = stem_forward(**case)[1][2]
        scaled = case["gamma"][:, None, None] * normalised + case["beta"][:, None, None]
        if hidden.var(axis=PIXELS).min() > VARIES and on_both_sides(scaled):
            return case


def stem_cases(rng):
    """Return inputs, a batch of one among them."""
    sizes = [(1, 1, 1, (2, 3)), (2, 1, 2, (3, 2)), (3, 2, 3, (2, 4)), (1, 3, 2, (4, 3))]
    return [draw_stem(rng, *size) for size in sizes]


def draw_block(rng, batch, channels, outputs, size, projects):
    """Return inputs of a block that are clear of every edge."""
    shapes = {"x": (batch, channels, *size), "weight": (outputs, channels, 3, 3), "scale": (outputs,)}
    shapes["projection"] = (outputs, channels, 1, 1)
    while True:
        case = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        if not projects:
            case["projection"] = None
        if on_both_sides(total(**case)):
            return case


def total(x, weight, scale, projection):
    """Return the input of the block's ReLU."""
    stride = 1 if projection is None else 2
    convolved = conv2d_forward(x, weight, stride=stride, padding=1)[0]
    shortcut = x if projection is None else conv2d_forward(x, projection, stride=2)[0]
    return scale[:, None, None] * convolved + shortcut


def block_cases(rng):
    """Return inputs with and without a projection, of even and odd sizes."""
    sizes = [
        (1, 1, 1, (2, 2), False),
        (1, 2, 3, (3, 4), True),
        (2, 2, 2, (3, 2), False),
        (3, 2, 2, (4, 3), True),
        (1, 3, 3, (1, 4), False),
    ]
    return [draw_block(rng, *size) for size in sizes]


def head_cases(rng):
    """Return inputs with more and with fewer classes than channels."""
    sizes = [(1, 2, 2, (1, 3)), (2, 3, 4, (3, 2)), (3, 2, 5, (2, 4)), (4, 5, 3, (2, 1))]
    return [
        {
            "x": rng.standard_normal((n, c, *size)),
            "weight": rng.standard_normal((k, c)),
            "bias": rng.standard_normal(k),
            "labels": rng.integers(0, k, n),
        }
        for n, c, k, size in sizes
    ]


def network_cases(rng):
    """Return networks with all ReLUs clear of 0, each of which lets something through and not all."""
    cases = []
    while len(cases) < 2:
        images, labels, p = example_network(rng)
        images, labels = images[: len(cases) + 1], labels[: len(cases) + 1]
        _, (stem, _, _, head) = network_forward(images, labels, p)
        scaled = p["stem.gamma"][:, None, None] * stem[2] + p["stem.beta"][:, None, None]
        x = np.maximum(scaled, 0)
        first = total(x, p["block1.weight"], p["block1.scale"], p["block1.projection"])
        second = total(np.maximum(first, 0), p["block2.weight"], p["block2.scale"], None)
        alive = head[1].max(axis=0).min() > 0
        if alive and stem[1].min() > 0.2 and on_both_sides(scaled, first, second):
            cases.append({"images": images, "labels": labels, "parameters": p})
    return cases


def head_large(rng, inputs=200_000):
    """Return two images of two channels."""
    side = math.isqrt(inputs // 4)
    shapes = {"x": (2, 2, side, side), "weight": (3, 2), "bias": 3}
    return {
        **{name: rng.standard_normal(shape) for name, shape in shapes.items()},
        "labels": np.array([0, 2]),
    }


def block_large(rng, inputs=40_000):
    """Return one image of two channels; no ReLU is likely to be as near to its edge as rounding is."""
    side = math.isqrt(inputs // 2)
    shapes = {"x": (1, 2, side, side), "weight": (2, 2, 3, 3), "scale": 2, "projection": (2, 2, 1, 1)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def stem_large(rng, inputs=30_000):
    side = math.isqrt(inputs // 2)
    shapes = {"images": (1, 2, side, side), "weight": (2, 2, 3, 3), "gamma": 2, "beta": 2}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def network_large(rng, inputs=20_000):
    """Return a network of many channels: what it has a gradient for are its parameters, not its images."""
    channels = max(2, math.isqrt(inputs // 18))
    _, _, small = example_network(rng)
    parameters = {}
    for name, array in small.items():
        more = [
            1 if size == 1 else channels if size in (3, 4) and i < 2 else size
            for i, size in enumerate(array.shape)
        ]
        parameters[name] = rng.standard_normal(more) * math.sqrt(2 / max(1, math.prod(more[1:])))
    return {"images": rng.standard_normal((2, 1, 8, 9)), "labels": np.array([1, 0]), "parameters": parameters}


PARTS = [
    Part(
        "numeric_gradient_of_example",
        returns=("gradient",),
        cases=numeric_cases,
        points=2,
        hints=(
            "An element of the gradient says how much f grows for a small change of this element of x alone.",
            "A step of h to one side and one to the other: the difference of f, divided by the distance 2 * "
            "h.",
            "Go through all places with np.ndindex(x.shape). np.zeros(x.shape), which is float64, with h at "
            "one place is a step that can be added to x and subtracted from it without changing x.",
        ),
    ),
    Part(
        "head_backward",
        after="head_forward",
        returns=("dx", "dweight", "dbias"),
        cases=head_cases,
        large=head_large,
        hints=(
            "Which gradients of the head are right? The bug sits after them, on the way back.",
            "Divide your numeric gradient by the wrong one, element by element.",
            "All quotients are the same number. It changes with the size of the image, not with the batch: "
            "what does forward do with the pixels?",
        ),
    ),
    Part(
        "block_backward",
        after="block_forward",
        returns=("dx", "dweight", "dscale", "dprojection"),
        cases=block_cases,
        large=block_large,
        hints=(
            "Which gradients of the block are right? What they have in common tells where the bug cannot be.",
            "weight and scale are right, so the branch is. What is wrong came on the shortcut.",
            "Look at dx minus your numeric gradient, beside y: where is the difference 0, and where not?",
        ),
    ),
    Part(
        "stem_backward",
        after="stem_forward",
        returns=("dimages", "dweight", "dgamma", "dbeta"),
        cases=stem_cases,
        large=stem_large,
        hints=(
            "Which gradients of the stem are right? The bug sits after them, on the way back.",
            "gamma and beta are right, so the bug is between the normalised values and the convolution.",
            "normalised = (hidden - mean) / std, and hidden has three paths into it: directly, through the "
            "mean, and through std. Count them in backward.",
        ),
    ),
    Part(
        "network_backward",
        after="network_forward",
        returns=("gradients",),
        cases=network_cases,
        large=network_large,
        hints=(
            "This one needs no work of its own: it is right as soon as the three bugs are mended.",
            "The first wrong gradient in the order head, block2, block1, stem is nearest to a bug.",
            "Check head, block and stem each on its own, as the text at the top says under 3.",
        ),
    ),
]

STEP = """        step = np.zeros(x.shape)
        step[place] = h
"""
DIFFERENCE = "(f(x + step) - f(x - step)) / (2 * h)"
ASSIGNED = f"gradient[place] = {DIFFERENCE}"
STEM = "dhidden = (dnormalised - mean - normalised * slope) / std"
STEM_FIX = f"""slope = (dnormalised * normalised).mean(axis=PIXELS, keepdims=True)
    {STEM}"""
BLOCK = "dshortcut, dprojection = dsum, None"
HEAD = "dpixel = dpooled / (shape[2] * shape[3])"

MISTAKES = [
    Mistake(
        "one-sided difference",
        DIFFERENCE,
        "(f(x + step) - f(x)) / h",
        "The step goes to one side only. That is a numeric gradient too, but its error shrinks like h; that "
        "of a step to both sides shrinks like h squared.",
    ),
    Mistake(
        "the 2 of 2 h is missing",
        DIFFERENCE,
        "(f(x + step) - f(x - step)) / h",
        "Every element is twice as large as it should be: the two places at which f is taken are 2 * h "
        "apart.",
    ),
    Mistake(
        "not divided by h",
        DIFFERENCE,
        "(f(x + step) - f(x - step)) / 2",
        "The difference was halved, but not divided by the step: a slope is a difference by a distance.",
    ),
    Mistake(
        "multiplied by h",
        DIFFERENCE,
        "(f(x + step) - f(x - step)) / 2 * h",
        "The difference was multiplied by h. Python works from left to right: a / 2 * h is (a / 2) * h.",
    ),
    Mistake(
        "wrong sign of the difference",
        DIFFERENCE,
        "(f(x - step) - f(x + step)) / (2 * h)",
        "Every element has the wrong sign: the larger x comes first in the difference.",
    ),
    Mistake(
        "all elements moved at once",
        "step[place] = h",
        "step[...] = h",
        "Each element holds the sum of all slopes. Either the step was added to every element of x, not to "
        "one, or the slopes were added up; look which your code does.",
    ),
    Mistake(
        "earlier steps not taken back",
        f"    for place in np.ndindex(x.shape):\n{STEP}",
        f"    step = np.zeros(x.shape)\n    for place in np.ndindex(x.shape):\n{STEP.split(chr(10), 1)[1]}",
        "The first element is right. When a later one is moved, those before it are still moved: each "
        "element needs a step of its own.",
    ),
    Mistake(
        "steps in float32",
        "step = np.zeros(x.shape)",
        "step = np.zeros_like(x)",
        "Where x is float32, f was called with float32. The difference of two nearly equal numbers then "
        "consists of rounding errors to a good part.",
    ),
    Mistake(
        "input modified in place",
        ASSIGNED,
        "x[place] += h\n        above = f(x)\n        x[place] -= 2 * h\n"
        "        gradient[place] = (above - f(x)) / (2 * h)",
        "",
    ),
    Mistake(
        "bug left in the head",
        f"{HEAD}  # each pixel has its share in the mean",
        "dpixel = dpooled",
        "The head's dx is wrong, by the same factor everywhere; its dweight and dbias are right. So the bug "
        "comes after these two on the way back. Divide your numeric gradient by dx, for images of several "
        "sizes: what is the factor?",
    ),
    Mistake(
        "pooling: divided by the batch too",
        HEAD,
        "dpixel = dpooled / (shape[0] * shape[2] * shape[3])",
        "dx is now too small by the factor N. The loss's mean over the batch is in dlogits already.",
    ),
    Mistake(
        "pooling: multiplied by the pixels",
        HEAD,
        "dpixel = dpooled * (shape[2] * shape[3])",
        "dx was multiplied by the number of pixels. Forward divided by it, and so does backward.",
    ),
    Mistake(
        "bug left in the block",
        BLOCK,
        BLOCK.replace("dsum", "dy"),
        "What comes back on a block's shortcut is wrong: dx, and dprojection if there is one. dweight and "
        "dscale are right, so the path through the branch is too. Subtract your numeric gradient from dx in "
        "a block without projection, and look at the difference beside y.",
    ),
    Mistake(
        "block: shortcut missing",
        BLOCK,
        "dshortcut, dprojection = np.zeros_like(dsum), None",
        "Nothing comes back on the shortcut. Its gradient was wrong, but it must not be left out.",
    ),
    Mistake(
        "block: mask from the wrong tensor",
        BLOCK,
        "dshortcut, dprojection = np.where(dy > 0, dy, 0), None",
        "The shortcut's gradient was masked where dy is negative. A ReLU asks for the sign of its input, in "
        "forward.",
    ),
    Mistake(
        "block: last ReLU left out",
        "dsum = relu_backward(dy, relu_cache)",
        "dsum = dy",
        "Now nothing is masked by the ReLU after the addition. Where y is 0, no gradient may pass, on "
        "either path.",
    ),
    Mistake(
        "bug left in the stem",
        STEM_FIX,
        "dhidden = (dnormalised - mean) / std",
        "The stem's dweight and dimages are wrong; its dgamma and dbeta are right. So the bug lies between "
        "the normalised values and the convolution. Check this stretch alone: how does sum(normalised * "
        "dnormalised) change with hidden?",
    ),
    Mistake(
        "batch norm: path through the mean missing",
        STEM,
        "dhidden = (dnormalised - normalised * slope) / std",
        "The path of hidden through the mean is missing now. Every value of a channel moves its mean a "
        "little.",
    ),
    Mistake(
        "batch norm: wrong sign of a path",
        STEM,
        "dhidden = (dnormalised - mean + normalised * slope) / std",
        "The path through the standard deviation has the wrong sign: a larger std makes normalised values "
        "smaller.",
    ),
    Mistake(
        "batch norm: sum instead of mean",
        STEM_FIX,
        STEM_FIX.replace(").mean(", ").sum("),
        "In the path through the standard deviation the sum was taken where the mean belongs: the variance "
        "is a mean.",
    ),
    Mistake(
        "batch norm: slope not multiplied back",
        STEM,
        "dhidden = (dnormalised - mean - slope) / std",
        "The same number was subtracted from all values of a channel. How much a value moves the standard "
        "deviation depends on how far it lies from the mean.",
    ),
    Mistake(
        "backward difference",
        DIFFERENCE,
        "(f(x) - f(x - step)) / h",
        "The step goes to one side only. That is a numeric gradient too, but its error shrinks like "
        "h; that of a step to both sides shrinks like h squared.",
    ),
    Mistake(
        "divided by h only, left to right",
        DIFFERENCE,
        "(f(x + step) - f(x - step)) / 2 / h**2",
        "The difference was divided by h squared. The distance between the two places is 2 * h.",
    ),
    Mistake(
        "parenthesis around the difference missing",
        DIFFERENCE,
        "f(x + step) - f(x - step) / (2 * h)",
        "Only the second value was divided: / binds more strongly than -, and a parenthesis is missing.",
    ),
    Mistake(
        "two steps of 2 h",
        DIFFERENCE,
        "(f(x + 2 * step) - f(x - 2 * step)) / (2 * h)",
        "The steps are twice as long as the distance that is divided by.",
    ),
    Mistake(
        "half steps",
        DIFFERENCE,
        "(f(x + step / 2) - f(x - step / 2)) / h",
        "The steps are half as long as asked for: h to one side and h to the other.",
    ),
    Mistake(
        "values added",
        DIFFERENCE,
        "(f(x + step) + f(x - step)) / (2 * h)",
        "The two values of f were added. The slope is their difference by the distance.",
    ),
    Mistake(
        "absolute difference",
        DIFFERENCE,
        "abs(f(x + step) - f(x - step)) / (2 * h)",
        "The slope has lost its sign.",
    ),
    Mistake(
        "second derivative",
        DIFFERENCE,
        "(f(x + step) - 2 * f(x) + f(x - step)) / h**2",
        "This is the second derivative. The slope is the difference of two values by their distance.",
    ),
    Mistake(
        "step multiplies",
        DIFFERENCE,
        "(f(x * (1 + step)) - f(x * (1 - step))) / (2 * h)",
        "x was multiplied by 1 + h. The step is added.",
    ),
    Mistake(
        "element not restored after both steps",
        f"    for place in np.ndindex(x.shape):\n{STEP}        {ASSIGNED}",
        "    x = x.astype(np.float64)\n"
        "    for place in np.ndindex(x.shape):\n"
        "        x[place] += h\n"
        "        above = f(x)\n"
        "        x[place] -= 2 * h\n"
        "        gradient[place] = (above - f(x)) / (2 * h)",
        "The first element is right. Those moved before it are still moved by -h: each element must "
        "be put back.",
    ),
    Mistake(
        "element not restored after the first step",
        f"    for place in np.ndindex(x.shape):\n{STEP}        {ASSIGNED}",
        "    x = x.astype(np.float64)\n"
        "    for place in np.ndindex(x.shape):\n"
        "        x[place] += h\n"
        "        above = f(x)\n"
        "        x[place] -= h\n"
        "        gradient[place] = (above - f(x)) / (2 * h)",
        "The element was taken back by h only, to where it began: from there to the first step it is "
        "h, not 2 * h.",
    ),
    Mistake(
        "moved to h in place of by h",
        f"    for place in np.ndindex(x.shape):\n{STEP}        {ASSIGNED}",
        "    for place in np.ndindex(x.shape):\n"
        "        above, below = x.astype(np.float64), x.astype(np.float64)\n"
        "        above[place], below[place] = h, -h\n"
        "        gradient[place] = (f(above) - f(below)) / (2 * h)",
        "The element was set to h and -h. It is moved by h from where it is.",
    ),
    Mistake(
        "last element alone",
        ASSIGNED,
        f"gradient[...] = {DIFFERENCE}",
        "Every element holds the slope at the last place: gradient was written as a whole.",
    ),
    Mistake(
        "first row alone",
        "for place in np.ndindex(x.shape):",
        "for place in np.ndindex(1, *x.shape[1:]):",
        "Only the first row was filled. Every element of x has a slope.",
    ),
    Mistake(
        "last element missing",
        "for place in np.ndindex(x.shape):",
        "for place in list(np.ndindex(x.shape))[:-1]:",
        "The last element was left out.",
    ),
    Mistake(
        "diagonal alone",
        "for place in np.ndindex(x.shape):",
        "for place in (p for p in np.ndindex(x.shape) if len(set(p)) == 1):",
        "Only the diagonal was filled. Every element of x has a slope.",
    ),
    Mistake(
        "divided by the number of elements",
        ASSIGNED,
        f"gradient[place] = {DIFFERENCE} / x.size",
        "The slopes were divided by the number of elements. An element of the gradient is the slope itself.",
    ),
    Mistake(
        "gradient with one axis",
        "    return gradient\n",
        "    return gradient.ravel()\n",
        "The gradient has one axis. It has the shape of x.",
    ),
    Mistake(
        "pooling: divided by the height alone",
        HEAD,
        "dpixel = dpooled / shape[2]",
        "dx was divided by the height alone. The mean runs over all pixels of an image: H * W.",
    ),
    Mistake(
        "pooling: divided by the width alone",
        HEAD,
        "dpixel = dpooled / shape[3]",
        "dx was divided by the width alone. The mean runs over all pixels of an image: H * W.",
    ),
    Mistake(
        "pooling: height plus width",
        HEAD,
        "dpixel = dpooled / (shape[2] + shape[3])",
        "dx was divided by H + W. An image has H * W pixels.",
    ),
    Mistake(
        "pooling: divided by the channels too",
        HEAD,
        "dpixel = dpooled / (shape[1] * shape[2] * shape[3])",
        "dx is now too small by the number of channels. The mean runs over the pixels alone.",
    ),
    Mistake(
        "pooling: divided by the channels",
        HEAD,
        "dpixel = dpooled / shape[1]",
        "dx was divided by the number of channels. The mean runs over the pixels.",
    ),
    Mistake(
        "pooling: divided by the batch",
        HEAD,
        "dpixel = dpooled / shape[0]",
        "dx was divided by N. The mean of the pooling runs over the pixels; that over the batch is "
        "in dlogits already.",
    ),
    Mistake(
        "pooling: H squared",
        HEAD,
        "dpixel = dpooled / shape[2] ** 2",
        "dx was divided by H * H. Images need not be square.",
    ),
    Mistake(
        "pooling: W squared",
        HEAD,
        "dpixel = dpooled / shape[3] ** 2",
        "dx was divided by W * W. Images need not be square.",
    ),
    Mistake(
        "pooling: precedence",
        HEAD,
        "dpixel = dpooled / shape[2] * shape[3]",
        "dx was divided by H and multiplied by W: Python works from left to right, and a / b * c is "
        "(a / b) * c.",
    ),
    Mistake(
        "block: shortcut masked twice by sign",
        BLOCK,
        "dshortcut, dprojection = np.maximum(dsum, 0), None",
        "The negative values of the shortcut's gradient are missing. A gradient may have either sign.",
    ),
    Mistake(
        "block: scale on the shortcut",
        BLOCK,
        "dshortcut, dprojection = scale[:, None, None] * dsum, None",
        "The shortcut's gradient was multiplied by scale. scale stands in the branch alone.",
    ),
    Mistake(
        "block: shortcut counted twice",
        BLOCK,
        "dshortcut, dprojection = 2 * dsum, None",
        "What comes back on the shortcut is twice as large as it should be.",
    ),
    Mistake(
        "block: wrong sign on the shortcut",
        BLOCK,
        "dshortcut, dprojection = -dsum, None",
        "What comes back on the shortcut has the wrong sign.",
    ),
    Mistake(
        "block: branch's gradient on the shortcut",
        BLOCK,
        "dshortcut, dprojection = dsum * (convolved > 0), None",
        "The shortcut's gradient was masked where the convolution's output is negative. The ReLU's "
        "input is the sum.",
    ),
    Mistake(
        "block: mask only without a projection",
        BLOCK,
        "dshortcut, dprojection = (dsum if shortcut_cache is None else dy), None",
        "Without a projection the block is right now. With one, the projection is still given a dy "
        "without the mask.",
    ),
    Mistake(
        "block: mask only with a projection",
        BLOCK,
        "dshortcut, dprojection = (dy if shortcut_cache is None else dsum), None",
        "With a projection the block is right now. Without one, dy is still passed on without the mask.",
    ),
    Mistake(
        "batch norm: slope alone",
        STEM,
        "dhidden = (dnormalised - slope * dnormalised) / std",
        "The average was multiplied by dnormalised. How much a value moves std depends on its own "
        "distance from the mean: normalised.",
    ),
    Mistake(
        "batch norm: average without normalised",
        STEM_FIX,
        STEM_FIX.replace("(dnormalised * normalised)", "dnormalised"),
        "In the path through the standard deviation dnormalised alone was averaged: it is multiplied "
        "by normalised first.",
    ),
    Mistake(
        "batch norm: average of normalised squared",
        STEM_FIX,
        STEM_FIX.replace("(dnormalised * normalised)", "(normalised * normalised)"),
        "In the path through the standard deviation the average holds no gradient: dnormalised is "
        "missing in it.",
    ),
    Mistake(
        "batch norm: power of std, one too low",
        STEM,
        "dhidden = (dnormalised - mean - normalised * slope * std) / std",
        "The path through the standard deviation is too large by a factor of std: normalised has "
        "been divided by it once only.",
    ),
    Mistake(
        "batch norm: power of std, one too high",
        STEM,
        "dhidden = (dnormalised - mean - normalised * slope / std) / std",
        "The path through the standard deviation was divided by std once too often.",
    ),
    Mistake(
        "batch norm: factor 2",
        STEM,
        "dhidden = (dnormalised - mean - 2 * normalised * slope) / std",
        "The path through the standard deviation is twice as large as it should be: the 2 of the "
        "square and the 1/2 of the root cancel.",
    ),
    Mistake(
        "batch norm: factor 1/2",
        STEM,
        "dhidden = (dnormalised - mean - normalised * slope / 2) / std",
        "The path through the standard deviation is half as large as it should be: the 2 of the "
        "square and the 1/2 of the root cancel.",
    ),
    Mistake(
        "batch norm: average over single pixels",
        STEM_FIX,
        STEM_FIX.replace("axis=PIXELS", "axis=0"),
        "In the path through the standard deviation the average runs over the images alone. It runs "
        "over all pixels of a channel.",
    ),
    Mistake(
        "batch norm: average of each image",
        STEM_FIX,
        STEM_FIX.replace("axis=PIXELS", "axis=(2, 3)"),
        "In the path through the standard deviation the average runs over one image alone. It runs "
        "over all images of the batch.",
    ),
    Mistake(
        "batch norm: average over all channels",
        STEM_FIX,
        STEM_FIX.replace("axis=PIXELS, ", ""),
        "In the path through the standard deviation the average was taken over all channels. Every "
        "channel has its own std.",
    ),
    Mistake(
        "batch norm: from dscaled",
        STEM_FIX,
        STEM_FIX.replace("(dnormalised * normalised)", "(dscaled * normalised)"),
        "In the path through the standard deviation gamma is missing: the average was taken of dscaled.",
    ),
    Mistake(
        "batch norm: divided by std twice",
        STEM,
        STEM.replace("/ std", "/ std**2"),
        "The stem's gradients were divided by std twice.",
    ),
    Mistake(
        "batch norm: 1 / std missing",
        STEM,
        STEM.replace(" / std", ""),
        "1/std is missing: hidden was divided by std.",
    ),
    Mistake(
        "batch norm: factor on the new path alone",
        STEM,
        "dhidden = dnormalised - mean - normalised * slope / std",
        "Only the new path was divided by std. All three paths are: a parenthesis is missing.",
    ),
]
