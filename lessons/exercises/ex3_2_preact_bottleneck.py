"""Exercise 3.2: A bottleneck block with pre-activation.

In a pre-activation block (He et al. 2016, arXiv:1603.05027, figure 4e), batch norm and ReLU stand before each
convolution, not after it, and nothing follows the addition. A bottleneck has three convolutions: a 1x1 that
makes few channels of many, a 3x3 on the few, and a 1x1 that makes many again:

    x --+-- BN -- ReLU -- 1x1 -- BN -- ReLU -- 3x3 -- BN -- ReLU -- 1x1 --(+)-- y
        +------------------------------------------------------------------+

Where the shape changes, the first batch norm and ReLU come before the two paths part, and a projection, a 1x1
convolution, stands on the shortcut. It takes the activated x; x itself is not used again:

    x -- BN -- ReLU --+-- 1x1 -- BN -- ReLU -- 3x3 -- BN -- ReLU -- 1x1 --(+)-- y
                      +--------------------- projection --------------------+

Parameters come in a dictionary, and their gradients are returned in one with the same keys:

    gamma1, beta1, weight1    of the first BN and the convolution after it: (C,), (C,), (M, C, 1, 1)
    gamma2, beta2, weight2    the same of the second: (M,), (M,), (M, M, 3, 3)
    gamma3, beta3, weight3    and of the third: (M,), (M,), (O, M, 1, 1)
    projection                (O, C, 1, 1), only of the block with a projection

BN and ReLU together are called an activation here, and are finished (activate_forward, activate_backward).
You write the rest of the branch and both blocks. Convolution, batch norm (train mode) and ReLU are in
provided.py.
"""

import numpy as np
from provided import (
    batch_norm_backward,
    batch_norm_forward,
    conv2d_backward,
    conv2d_forward,
    relu_backward,
    relu_forward,
)


def activate_forward(x, gamma, beta):
    """Return relu(batch_norm(x)), and the cache. Finished. x: (N, C, H, W); gamma, beta: (C,)."""
    normalised, norm_cache = batch_norm_forward(x, gamma, beta)
    active, relu_cache = relu_forward(normalised)
    return active, (norm_cache, relu_cache)


def activate_backward(dactive, cache):
    """Return dx, dgamma, dbeta of activate_forward. Finished. dactive: like x."""
    norm_cache, relu_cache = cache
    return batch_norm_backward(relu_backward(dactive, relu_cache), norm_cache)


def example():
    """Return x and parameters with which the numbers in the texts below are easy. Finished.

    Every gamma is 1 and every beta 0. The kernels leave images as they are, but for two factors: weight3 is
    10 and projection is 5. x has the mean 2 and the standard deviation 1, so BN gives -1, 1, 1, -1, and
    ReLU 0, 1, 1, 0.
    """
    one, centre = np.ones((1, 1, 1, 1)), np.zeros((1, 1, 3, 3))
    centre[0, 0, 1, 1] = 1.0
    parameters = {"weight1": one, "weight2": centre, "weight3": 10 * one, "projection": 5 * one}
    parameters |= {"gamma1": np.ones(1), "gamma2": np.ones(1), "gamma3": np.ones(1)}
    parameters |= {"beta1": np.zeros(1), "beta2": np.zeros(1), "beta3": np.zeros(1)}
    return np.array([[[[1.0, 3.0], [3.0, 1.0]]]]), parameters


def branch_forward(active1, parameters, stride):
    """Return what the branch makes of active1, the activated x, up to its third convolution; and a cache.

    active1: (N, C, H, W); parameters: as above, of which gamma1, beta1 and projection are not used here;
    stride: an integer, of the 3x3 convolution, which has padding 1; the 1x1 convolutions have stride 1 and
    padding 0. Returns the branch's output, (N, O, OH, OW), OH being H / stride and OW W / stride, rounded up.

    >>> _, parameters = example()
    >>> branch, cache = branch_forward(np.array([[[[0.0, 1.0], [1.0, 0.0]]]]), parameters, 1)
    >>> branch[0, 0].round(3)  # BN gives -1, 1, 1, -1, ReLU 0, 1, 1, 0; and both once more; then times 10
    array([[ 0., 10.],
           [10.,  0.]])
    """
    # solution
    reduced, conv1 = conv2d_forward(active1, parameters["weight1"])
    active2, act2 = activate_forward(reduced, parameters["gamma2"], parameters["beta2"])
    middle, conv2 = conv2d_forward(active2, parameters["weight2"], stride=stride, padding=1)
    active3, act3 = activate_forward(middle, parameters["gamma3"], parameters["beta3"])
    branch, conv3 = conv2d_forward(active3, parameters["weight3"])
    return branch, (conv1, act2, conv2, act3, conv3)
    # end of solution


def branch_backward(dbranch, cache):
    """Return dactive1, gradients: with respect to active1, and a dictionary for the branch's parameters.

    dbranch: (N, O, OH, OW); cache: of branch_forward. The keys are weight1, gamma2, beta2, weight2, gamma3,
    beta3 and weight3.

    >>> _, parameters = example()
    >>> _, cache = branch_forward(np.array([[[[0.0, 1.0], [1.0, 0.0]]]]), parameters, 1)
    >>> dactive1, gradients = branch_backward(np.array([[[[1.0, 2.0], [0.0, 3.0]]]]), cache)
    >>> dactive1[0, 0].round(1) + 0.0
    array([[  0.,  40.],
           [-40.,   0.]])
    >>> [round(gradients[name].item(), 1) for name in ("weight3", "gamma3", "beta3")]
    [2.0, 20.0, 20.0]
    """
    # solution
    conv1, act2, conv2, act3, conv3 = cache
    gradients = {}
    dactive3, gradients["weight3"] = conv2d_backward(dbranch, conv3)
    dmiddle, gradients["gamma3"], gradients["beta3"] = activate_backward(dactive3, act3)
    dactive2, gradients["weight2"] = conv2d_backward(dmiddle, conv2)
    dreduced, gradients["gamma2"], gradients["beta2"] = activate_backward(dactive2, act2)
    dactive1, gradients["weight1"] = conv2d_backward(dreduced, conv1)
    return dactive1, gradients
    # end of solution


def identity_unit_forward(x, parameters):
    """Return y = x + branch(activated x) of stride 1, the first picture; and a cache.

    x: (N, C, H, W); parameters: with O = C; a projection, if there, is not used. y: like x.

    >>> x, parameters = example()
    >>> y, cache = identity_unit_forward(x, parameters)
    >>> y[0, 0].round(3)
    array([[ 1., 13.],
           [13.,  1.]])
    """
    # solution
    active1, act1 = activate_forward(x, parameters["gamma1"], parameters["beta1"])
    branch, branch_cache = branch_forward(active1, parameters, 1)
    y = x + branch  # x itself, not the activated one
    return y, (act1, branch_cache)
    # end of solution


def identity_unit_backward(dy, cache):
    """Return dx, gradients: with respect to x, and a dictionary of those of all parameters.

    dy: like y; cache: of identity_unit_forward. There is no gradient of projection.

    >>> x, parameters = example()
    >>> _, cache = identity_unit_forward(x, parameters)
    >>> dx, gradients = identity_unit_backward(np.array([[[[1.0, 2.0], [0.0, 3.0]]]]), cache)
    >>> dx[0, 0].round(1)
    array([[  1.,  42.],
           [-40.,   3.]])
    """
    # solution
    act1, branch_cache = cache
    dactive1, gradients = branch_backward(dy, branch_cache)
    dx_branch, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1, act1)
    dx = dx_branch + dy  # the shortcut runs past all three activations
    return dx, gradients
    # end of solution


def projection_unit_forward(x, parameters, stride):
    """Return y = conv(active1, projection) + branch(active1), the second picture; and a cache.

    active1 is the activated x. x: (N, C, H, W); parameters: with projection; stride: an integer, of the
    branch's 3x3 convolution and of the projection. y: (N, O, OH, OW).

    >>> x, parameters = example()
    >>> y, cache = projection_unit_forward(x, parameters, 1)
    >>> y[0, 0].round(3)
    array([[ 0., 15.],
           [15.,  0.]])
    """
    # solution
    active1, act1 = activate_forward(x, parameters["gamma1"], parameters["beta1"])
    branch, branch_cache = branch_forward(active1, parameters, stride)
    shortcut, shortcut_cache = conv2d_forward(active1, parameters["projection"], stride=stride)
    y = branch + shortcut
    return y, (act1, branch_cache, shortcut_cache)
    # end of solution


def projection_unit_backward(dy, cache):
    """Return dx, gradients: with respect to x, and a dictionary with the keys of parameters.

    dy: like y; cache: of projection_unit_forward. Which value has two uses here?

    >>> x, parameters = example()
    >>> _, cache = projection_unit_forward(x, parameters, 1)
    >>> dx, gradients = projection_unit_backward(np.array([[[[1.0, 2.0], [0.0, 3.0]]]]), cache)
    >>> dx[0, 0].round(1) + 0.0
    array([[  0.,  45.],
           [-45.,   0.]])
    >>> round(gradients["projection"].item(), 1)
    2.0
    """
    # solution
    act1, branch_cache, shortcut_cache = cache
    dactive1_branch, gradients = branch_backward(dy, branch_cache)
    dactive1_shortcut, gradients["projection"] = conv2d_backward(dy, shortcut_cache)
    dactive1 = dactive1_branch + dactive1_shortcut  # the activated x has two uses
    dx, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1, act1)
    return dx, gradients
    # end of solution


# Nothing from here on is handed out.

import math

from minires.course.parts import Mistake, Part

LESSON = 17
CLEAR = 1e-3  # no input of a ReLU may be nearer to 0: rounding could decide on which side it lies
VARIES = 0.05  # no channel may vary less before a batch norm, which would magnify rounding


def draw(rng, batch, channels, hidden, outputs, size, stride, decimals=15, clear=CLEAR):
    """Return the activated x, x, and all parameters, such that no ReLU and no batch norm is near its edge."""
    shapes = {"gamma1": channels, "beta1": channels, "weight1": (hidden, channels, 1, 1)}
    shapes |= {"gamma2": hidden, "beta2": hidden, "weight2": (hidden, hidden, 3, 3)}
    shapes |= {"gamma3": hidden, "beta3": hidden, "weight3": (outputs, hidden, 1, 1)}
    shapes["projection"] = (outputs, channels, 1, 1)
    while True:
        x = rng.standard_normal((batch, channels, *size)).round(decimals)
        parameters = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        for name in ("beta1", "beta2", "beta3"):
            parameters[name] /= 2  # else many channels would be below 0 everywhere
        parameters = {name: array.round(decimals) for name, array in parameters.items()}
        good, active1 = activated(x, parameters, 1, clear)
        reduced = conv2d_forward(active1, parameters["weight1"])[0]
        good2, active2 = activated(reduced, parameters, 2, clear)
        middle = conv2d_forward(active2, parameters["weight2"], stride=stride, padding=1)[0]
        good3, _ = activated(middle, parameters, 3, clear)
        if good and good2 and good3 and learns(x, parameters, stride, rng):
            return active1, x, parameters


def activated(x, parameters, number, clear):
    """Return whether this activation is clear of its edges, and what it makes of x."""
    before, _ = batch_norm_forward(x, parameters[f"gamma{number}"], parameters[f"beta{number}"])
    varies = x.var(axis=(0, 2, 3)).min() > VARIES
    alive = (before > 0).any(axis=(0, 2, 3)).all() and (before < 0).any()
    return varies and alive and np.abs(before).min() > clear, np.maximum(before, 0)


def learns(x, parameters, stride, rng):
    """Return whether no gradient nearly vanishes, of which only rounding would be left.

    BN undoes scale and shift; where that is all a parameter does (few pixels, most of them 0), it has none.
    """
    active1, act1 = activate_forward(x, parameters["gamma1"], parameters["beta1"])
    branch, cache = branch_forward(active1, parameters, stride)
    dactive1, gradients = branch_backward(rng.standard_normal(branch.shape), cache)
    every = [*gradients.values(), *activate_backward(dactive1, act1)]
    return min(np.abs(gradient).max() for gradient in every) > VARIES


def without(parameters, *names):
    """Return the dictionary without these keys."""
    return {name: array for name, array in parameters.items() if name not in names}


# Never a single channel before a convolution: the BN after it undoes a common factor of its inputs or
# weights, so that their gradients could vanish.
SIZES = [
    (1, 2, 2, 2, (2, 3)),  # N, C, M, O, (H, W)
    (2, 3, 2, 3, (4, 3)),
    (1, 4, 2, 4, (4, 5)),
    (3, 2, 2, 2, (3, 4)),
    (2, 3, 2, 3, (3, 5)),
]
WIDER = [
    (1, 2, 2, 1, (4, 3)),
    (2, 3, 2, 4, (4, 3)),
    (1, 2, 2, 2, (5, 6)),
    (3, 4, 2, 3, (3, 4)),
    (2, 4, 3, 1, (3, 5)),
]
STRIDES = [1, 2, 2, 1, 2]


def branch_cases(rng):
    """Return inputs of both strides, with as many outputs as inputs, and more, and fewer."""
    cases = []
    for i, (sizes, stride) in enumerate(zip(WIDER, STRIDES, strict=True)):
        active1, _, parameters = draw(rng, *sizes, stride, 1 if i == 0 else 15)
        parameters = without(parameters, "gamma1", "beta1", "projection")
        cases.append({"active1": active1, "parameters": parameters, "stride": stride})
    return cases


def identity_cases(rng):
    """Return inputs; x differs clearly from the activated x."""
    cases = []
    for i, sizes in enumerate(SIZES):
        _, x, parameters = draw(rng, *sizes, 1, 1 if i == 0 else 15)
        cases.append({"x": x, "parameters": without(parameters, "projection")})
    return cases


def projection_cases(rng):
    """Return inputs of both strides, among them as many outputs as inputs with stride 1."""
    cases = []
    for sizes, stride in zip([*WIDER, SIZES[3]], [*STRIDES, 1], strict=True):
        _, x, parameters = draw(rng, *sizes, stride)
        cases.append({"x": x, "parameters": parameters, "stride": stride})
    return cases


def branch_large(rng, inputs=40_000):
    active1, _, parameters = draw_large(rng, inputs, 2)
    return {
        "active1": active1,
        "parameters": without(parameters, "gamma1", "beta1", "projection"),
        "stride": 2,
    }


def identity_large(rng, inputs=20_000):
    _, x, parameters = draw_large(rng, inputs, 1)
    return {"x": x, "parameters": without(parameters, "projection")}


def projection_large(rng, inputs=30_000):
    _, x, parameters = draw_large(rng, inputs, 2)
    return {"x": x, "parameters": parameters, "stride": 2}


def draw_large(rng, inputs, stride):
    """Return what draw does for one large image; near an edge is too unlikely there to matter."""
    side = math.isqrt(inputs // 2)
    return draw(rng, 1, 2, 2, 2, (side, side), stride, clear=0)


PARTS = [
    Part(
        "branch_forward",
        returns=("branch", "cache"),
        cases=branch_cases,
        hints=(
            "The second picture read from the first fork to the addition: five steps, all of which exist.",
            "conv (1x1), activation 2, conv (3x3), activation 3, conv (1x1). x has been activated already.",
            "conv2d_forward and activate_forward in turns; only the 3x3 has a stride and padding 1. Keep "
            "five caches.",
        ),
    ),
    Part(
        "branch_backward",
        after="branch_forward",
        returns=("dactive1", "gradients"),
        cases=branch_cases,
        large=branch_large,
        hints=(
            "Go through the five steps from the last to the first. What one returns, the next one takes.",
            "conv2d_backward returns two gradients, one to go on with and the weight's; activate_backward "
            "returns three, one to go on with, gamma's and beta's.",
            "In order: weight3, then gamma3 and beta3, weight2, gamma2 and beta2, weight1; what is left is "
            "dactive1.",
        ),
    ),
    Part(
        "identity_unit_forward",
        returns=("y", "cache"),
        cases=identity_cases,
        hints=(
            "In the first picture the fork comes before the first batch norm.",
            "y = x + branch(active1), where active1 = relu(BN(x)).",
            "activate_forward with gamma1 and beta1, then branch_forward with stride 1, then add x as it "
            "came in.",
        ),
    ),
    Part(
        "identity_unit_backward",
        after="identity_unit_forward",
        returns=("dx", "gradients"),
        cases=identity_cases,
        large=identity_large,
        hints=(
            "x has two uses: the first activation, and the addition.",
            "dx = (what activate_backward returns for x) + dy",
            "branch_backward, then activate_backward; put gamma1 and beta1 into the dictionary, and add dy "
            "to dx.",
        ),
    ),
    Part(
        "projection_unit_forward",
        returns=("y", "cache"),
        cases=projection_cases,
        hints=(
            "In the second picture the fork comes after the first ReLU.",
            "active1 = relu(BN(x)) has two uses, in the branch and in the projection; x has no other use.",
            "Both paths take active1, and both the 3x3 convolution and the projection have the stride.",
        ),
    ),
    Part(
        "projection_unit_backward",
        after="projection_unit_forward",
        returns=("dx", "gradients"),
        cases=projection_cases,
        large=projection_large,
        points=2,
        hints=(
            "Look for the fork in the second picture: whatever leaves it on two paths comes back as a sum of "
            "two.",
            "dactive1 = (what the branch returns) + (what the projection returns). x has one use only.",
            "Add both gradients with respect to active1 first; then call activate_backward once, with the "
            "sum.",
        ),
    ),
]

FIRST_1X1 = 'reduced, conv1 = conv2d_forward(active1, parameters["weight1"])'
SECOND = 'active2, act2 = activate_forward(reduced, parameters["gamma2"], parameters["beta2"])'
THIRD = 'active3, act3 = activate_forward(middle, parameters["gamma3"], parameters["beta3"])'
MIDDLE = 'middle, conv2 = conv2d_forward(active2, parameters["weight2"], stride=stride, padding=1)'
THIRD_BACK = 'dmiddle, gradients["gamma3"], gradients["beta3"] = activate_backward(dactive3, act3)'
SECOND_BACK = 'dreduced, gradients["gamma2"], gradients["beta2"] = activate_backward(dactive2, act2)'
IDENTITY_SUM = "    y = x + branch  # x itself, not the activated one"
IDENTITY_BACK = 'dx_branch, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1, act1)'
IDENTITY_SUM_BACK = "dx = dx_branch + dy"
BOTH_BACK = f"{IDENTITY_BACK}\n    {IDENTITY_SUM_BACK}"
PROJECTION = 'conv2d_forward(active1, parameters["projection"], stride=stride)'
PROJECTION_BACK = 'dactive1_shortcut, gradients["projection"] = conv2d_backward(dy, shortcut_cache)'
FORK_BACK = "dactive1 = dactive1_branch + dactive1_shortcut"
LAST = 'branch, conv3 = conv2d_forward(active3, parameters["weight3"])'
FIRST = 'active1, act1 = activate_forward(x, parameters["gamma1"], parameters["beta1"])\n    branch, '
IDENTITY_FIRST = f"{FIRST}branch_cache = branch_forward(active1, parameters, 1)"
PROJECTION_FIRST = f"{FIRST}branch_cache = branch_forward(active1, parameters, stride)"
FIRST_BACK = '    dx, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1, act1)'

MISTAKES = [
    Mistake(
        "stride in the first 1x1",
        f"{FIRST_1X1}\n    {SECOND}\n    {MIDDLE}",
        f"{FIRST_1X1}\n    {SECOND}\n    {MIDDLE}".replace("stride=stride, ", "").replace(
            '"weight1"])', '"weight1"], stride=stride)'
        ),
        "The first 1x1 convolution has the stride. Some programs do so, but there 3 of 4 pixels are never "
        "looked at; here the 3x3 has it.",
    ),
    Mistake(
        "third activation left out",
        THIRD,
        THIRD.replace("active3,", "_,") + "\n    active3 = middle",
        "The last 1x1 convolution was given its input as the 3x3 had left it: a batch norm and a ReLU stand "
        "between them.",
    ),
    Mistake(
        "parameters of another activation",
        THIRD,
        THIRD.replace("gamma3", "gamma2").replace("beta3", "beta2"),
        "The third activation was computed with gamma2 and beta2. Each has its own.",
    ),
    Mistake(
        "ReLU after the last convolution",
        "return branch, (conv1, act2, conv2, act3, conv3)",
        "return np.maximum(branch, 0), (conv1, act2, conv2, act3, conv3)",
        "The branch's output went through one more ReLU. With pre-activation nothing follows the last "
        "convolution, so that the branch can subtract from x too.",
    ),
    Mistake(
        "third activation left out in backward",
        THIRD_BACK,
        THIRD_BACK.replace("dmiddle,", "_,") + "\n    dmiddle = dactive3",
        "The gradient went from the last 1x1 convolution to the 3x3 without the batch norm and ReLU between "
        "them.",
    ),
    Mistake(
        "gradients of gamma and beta exchanged",
        THIRD_BACK,
        'dmiddle, gradients["beta3"], gradients["gamma3"] = activate_backward(dactive3, act3)',
        "gamma3 and beta3 received each other's gradients: see in which order activate_backward returns "
        "them.",
    ),
    Mistake(
        "caches of the activations exchanged",
        THIRD_BACK,
        THIRD_BACK.replace("act3", "act2"),
        "The third activation's backward was given the second one's cache. Where the shapes agree nothing "
        "fails, but the mask and the statistics are those of another array.",
    ),
    Mistake(
        "shortcut missing",
        IDENTITY_SUM,
        "    y = branch",
        "y is the branch alone: x was not added.",
    ),
    Mistake(
        "shortcut from the activated x",
        IDENTITY_SUM,
        "    y = active1 + branch",
        "The activated x was added. In the block without a projection the shortcut begins before the first "
        "batch norm and carries x itself; that is what makes it an identity.",
    ),
    Mistake(
        "ReLU after the addition",
        IDENTITY_SUM,
        "    y = np.maximum(x + branch, 0)",
        "y went through a ReLU after the addition, as in the original block. With pre-activation nothing "
        "follows, and y may be negative.",
    ),
    Mistake(
        "x not activated",
        "branch, branch_cache = branch_forward(active1, parameters, 1)",
        "branch, branch_cache = branch_forward(x, parameters, 1)",
        "The branch was given x as it came in: the first batch norm and ReLU are missing.",
    ),
    Mistake(
        "shortcut missing in backward",
        IDENTITY_SUM_BACK,
        "dx = dx_branch",
        "dx holds only what comes back through the branch. x was also added to y, and that use has a "
        "gradient too.",
    ),
    Mistake(
        "branch missing in backward",
        IDENTITY_SUM_BACK,
        "dx = dy",
        "dx is dy alone: what came back through the branch was left out, or overwritten. Gradients of two "
        "uses of x are added up.",
    ),
    Mistake(
        "shortcut counted twice",
        IDENTITY_SUM_BACK,
        "dx = dx_branch + 2 * dy",
        "dy stands in dx twice. x was added to y once.",
    ),
    Mistake(
        "shortcut's gradient through the activation",
        BOTH_BACK,
        IDENTITY_BACK.replace("dx_branch", "dx").replace("dactive1,", "dactive1 + dy,"),
        "dy was added before the first activation's backward. In the block without a projection the "
        "shortcut carries x itself and meets the branch's gradient after that backward.",
    ),
    Mistake(
        "first activation left out in backward",
        BOTH_BACK,
        IDENTITY_BACK.replace("dx_branch", "_") + "\n    dx = dactive1 + dy",
        "dx adds up dy and the gradient with respect to the activated x. That one has to go back through "
        "the first ReLU and batch norm before it is a gradient with respect to x.",
    ),
    Mistake(
        "input modified in place",
        IDENTITY_SUM_BACK,
        "dy += dx_branch\n    dx = dy",
        "",
    ),
    Mistake(
        "projection of x",
        PROJECTION,
        PROJECTION.replace("active1", "x"),
        "The projection was given x as it came in. In the block with a projection the paths part after the "
        "first ReLU: both take the activated x.",
    ),
    Mistake(
        "projection missing",
        "y = branch + shortcut",
        "y = branch",
        "y is the branch alone: what the projection makes of the activated x was not added.",
    ),
    Mistake(
        "shortcut's gradient missing",
        FORK_BACK,
        "dactive1 = dactive1_branch",
        "What comes back through the projection is missing. The activated x has two uses, so its gradient "
        "is a sum of two, and so is everything computed from it: dx, and the gradients of gamma1 and beta1.",
    ),
    Mistake(
        "branch's gradient overwritten",
        FORK_BACK,
        "dactive1 = dactive1_shortcut",
        "Only what comes back through the projection reached the first activation: the branch's gradient "
        "was left out, or overwritten. Gradients of two uses are added up.",
    ),
    Mistake(
        "projection past the activation",
        f"{FORK_BACK}  # the activated x has two uses\n{FIRST_BACK}",
        f"{FIRST_BACK.strip().replace('(dactive1', '(dactive1_branch')}\n    dx = dx + dactive1_shortcut",
        "What comes back through the projection was added to dx directly. The projection took the activated "
        "x, so its gradient has to go back through the first ReLU and batch norm as well.",
    ),
    Mistake(
        "projection's gradient dropped",
        PROJECTION_BACK,
        PROJECTION_BACK + '\n    gradients["projection"] = np.zeros_like(gradients["projection"])',
        "The gradient of projection is zero, so it would never learn. It is a weight like the others.",
    ),
    Mistake(
        "gamma1 and beta1 of the branch alone",
        FIRST_BACK,
        FIRST_BACK
        + '\n    _, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1_branch, act1)',
        "dx is a sum over both paths, but the gradients of gamma1 and beta1 are the branch's alone. They "
        "belong to the activation that both paths come from.",
    ),
    Mistake(
        "gamma1 and beta1 overwritten",
        FIRST_BACK,
        FIRST_BACK
        + '\n    _, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1_shortcut, act1)',
        "dx is a sum over both paths, but the gradients of gamma1 and beta1 are the projection's alone: the "
        "branch's were overwritten, or left out. They are added up like those of x.",
    ),
    Mistake(
        "second activation left out",
        SECOND,
        SECOND.replace("active2,", "_,") + "\n    active2 = reduced",
        "The 3x3 convolution was given its input as the first 1x1 had left it: a batch norm and a "
        "ReLU stand between them.",
    ),
    Mistake(
        "ReLU of the third activation missing",
        THIRD,
        THIRD + '\n    active3 = batch_norm_forward(middle, parameters["gamma3"], parameters["beta3"])[0]',
        "Between the 3x3 and the last 1x1 convolution there is a batch norm, but no ReLU.",
    ),
    Mistake(
        "ReLU of the second activation missing",
        SECOND,
        SECOND + '\n    active2 = batch_norm_forward(reduced, parameters["gamma2"], parameters["beta2"])[0]',
        "Between the first 1x1 convolution and the 3x3 there is a batch norm, but no ReLU.",
    ),
    Mistake(
        "batch norm of the third activation missing",
        THIRD,
        THIRD + "\n    active3 = np.maximum(middle, 0)",
        "Between the 3x3 and the last 1x1 convolution there is a ReLU, but no batch norm.",
    ),
    Mistake(
        "batch norm of the second activation missing",
        SECOND,
        SECOND + "\n    active2 = np.maximum(reduced, 0)",
        "Between the first 1x1 convolution and the 3x3 there is a ReLU, but no batch norm.",
    ),
    Mistake(
        "both activations left out",
        f"{SECOND}\n    {MIDDLE}\n    {THIRD}",
        f"{SECOND}\n    active2 = reduced\n    {MIDDLE}\n    {THIRD}\n    active3 = middle",
        "The three convolutions follow each other directly. A batch norm and a ReLU stand before the "
        "second and the third.",
    ),
    Mistake(
        "gamma and beta of the third activation exchanged",
        THIRD,
        THIRD.replace('"gamma3"], parameters["beta3"]', '"beta3"], parameters["gamma3"]'),
        "beta3 was given as the scale and gamma3 as the shift.",
    ),
    Mistake(
        "gamma and beta of the second activation exchanged",
        SECOND,
        SECOND.replace('"gamma2"], parameters["beta2"]', '"beta2"], parameters["gamma2"]'),
        "beta2 was given as the scale and gamma2 as the shift.",
    ),
    Mistake(
        "third parameters in the second activation",
        SECOND,
        SECOND.replace("gamma2", "gamma3").replace("beta2", "beta3"),
        "The second activation was computed with gamma3 and beta3. Each has its own.",
    ),
    Mistake(
        "stride in the last 1x1",
        f"{MIDDLE}\n    {THIRD}\n    {LAST}",
        f"{MIDDLE}\n    {THIRD}\n    {LAST}".replace("stride=stride, ", "").replace(
            '"weight3"])', '"weight3"], stride=stride)'
        ),
        "The last 1x1 convolution has the stride; the 3x3 should have it.",
    ),
    Mistake(
        "stride forgotten",
        MIDDLE,
        MIDDLE.replace("stride=stride, ", ""),
        "The 3x3 convolution has stride 1, whatever stride is.",
    ),
    Mistake(
        "padding forgotten",
        MIDDLE,
        MIDDLE.replace(", padding=1", ""),
        "The 3x3 convolution has no padding, so the image becomes smaller by two rows and columns.",
    ),
    Mistake(
        "stride in two convolutions",
        f"{MIDDLE}\n    {THIRD}\n    {LAST}",
        f"{MIDDLE}\n    {THIRD}\n    {LAST}".replace('"weight3"])', '"weight3"], stride=stride)'),
        "Two convolutions have the stride. Only the 3x3 has it.",
    ),
    Mistake(
        "stride in the first 1x1 too",
        f"{FIRST_1X1}\n    {SECOND}",
        f"{FIRST_1X1}\n    {SECOND}".replace('"weight1"])', '"weight1"], stride=stride)'),
        "Two convolutions have the stride. Only the 3x3 has it.",
    ),
    Mistake(
        "second activation left out in backward",
        SECOND_BACK,
        SECOND_BACK.replace("dreduced,", "_,") + "\n    dreduced = dactive2",
        "The gradient went from the 3x3 convolution to the first 1x1 without the batch norm and ReLU "
        "between them.",
    ),
    Mistake(
        "gradients of gamma2 and beta2 exchanged",
        SECOND_BACK,
        'dreduced, gradients["beta2"], gradients["gamma2"] = activate_backward(dactive2, act2)',
        "gamma2 and beta2 received each other's gradients: see in which order activate_backward "
        "returns them.",
    ),
    Mistake(
        "third cache in the second activation",
        SECOND_BACK,
        SECOND_BACK.replace("act2)", "act3)"),
        "The second activation's backward was given the third one's cache. Where the shapes agree "
        "nothing fails, but the mask and the statistics are those of another array.",
    ),
    Mistake(
        "ReLU of the third activation missing in backward",
        THIRD_BACK,
        THIRD_BACK.replace("activate_backward(dactive3, act3)", "batch_norm_backward(dactive3, act3[0])"),
        "In the third activation the gradient went through the batch norm, but not through the ReLU.",
    ),
    Mistake(
        "ReLU of the second activation missing in backward",
        SECOND_BACK,
        SECOND_BACK.replace("activate_backward(dactive2, act2)", "batch_norm_backward(dactive2, act2[0])"),
        "In the second activation the gradient went through the batch norm, but not through the ReLU.",
    ),
    Mistake(
        "batch norm of the third activation missing in backward",
        THIRD_BACK,
        THIRD_BACK + "\n    dmiddle = relu_backward(dactive3, act3[1])",
        "In the third activation the gradient went through the ReLU, but not through the batch norm.",
    ),
    Mistake(
        "batch norm of the second activation missing in backward",
        SECOND_BACK,
        SECOND_BACK + "\n    dreduced = relu_backward(dactive2, act2[1])",
        "In the second activation the gradient went through the ReLU, but not through the batch norm.",
    ),
    Mistake(
        "gradients of the weights averaged over the batch",
        "return dactive1, gradients\n",
        "for name in ('weight1', 'weight2', 'weight3'):\n"
        "        gradients[name] = gradients[name] / len(dbranch)\n    return dactive1, gradients\n",
        "The gradients of the weights were divided by N. Whether the loss is a mean over the batch "
        "stands in dbranch already.",
    ),
    Mistake(
        "branch missing",
        IDENTITY_SUM,
        "    y = x",
        "y is x alone: the branch was not added.",
    ),
    Mistake(
        "branch subtracted",
        IDENTITY_SUM,
        "    y = x - branch",
        "The branch was subtracted; it is to be added.",
    ),
    Mistake(
        "activated x and x both added",
        IDENTITY_SUM,
        "    y = x + active1 + branch",
        "x and the activated x were both added. The shortcut carries x, once.",
    ),
    Mistake(
        "x added twice",
        IDENTITY_SUM,
        "    y = 2 * x + branch",
        "x was added twice.",
    ),
    Mistake(
        "first ReLU missing",
        IDENTITY_FIRST,
        IDENTITY_FIRST.replace(
            "branch_forward(active1",
            'branch_forward(batch_norm_forward(x, parameters["gamma1"], parameters["beta1"])[0]',
        ),
        "The branch was given x after its first batch norm, without the ReLU.",
    ),
    Mistake(
        "first batch norm missing",
        IDENTITY_FIRST,
        IDENTITY_FIRST.replace("branch_forward(active1", "branch_forward(np.maximum(x, 0)"),
        "The branch was given the ReLU of x: the first batch norm is missing.",
    ),
    Mistake(
        "gamma1 and beta1 exchanged as parameters",
        IDENTITY_FIRST,
        IDENTITY_FIRST.replace('"gamma1"], parameters["beta1"]', '"beta1"], parameters["gamma1"]'),
        "beta1 was given as the scale and gamma1 as the shift.",
    ),
    Mistake(
        "second parameters in the first activation",
        IDENTITY_FIRST,
        IDENTITY_FIRST.replace("gamma1", "gamma2").replace("beta1", "beta2"),
        "The first activation was computed with gamma2 and beta2. Each has its own.",
    ),
    Mistake(
        "gradients of gamma1 and beta1 exchanged",
        IDENTITY_BACK,
        'dx_branch, gradients["beta1"], gradients["gamma1"] = activate_backward(dactive1, act1)',
        "gamma1 and beta1 received each other's gradients: see in which order activate_backward "
        "returns them.",
    ),
    Mistake(
        "activation fed dy",
        IDENTITY_BACK,
        IDENTITY_BACK.replace("(dactive1,", "(dy,"),
        "The first activation's backward was given dy. It receives what comes back through the branch.",
    ),
    Mistake(
        "gamma1 and beta1 from dy too",
        IDENTITY_BACK,
        IDENTITY_BACK
        + '\n    _, gradients["gamma1"], gradients["beta1"] = activate_backward(dactive1 + dy, act1)',
        "In the gradients of gamma1 and beta1 dy is included. The shortcut runs past the first "
        "activation; they belong to the branch alone.",
    ),
    Mistake(
        "first ReLU missing in backward",
        IDENTITY_BACK,
        IDENTITY_BACK.replace("activate_backward(dactive1, act1)", "batch_norm_backward(dactive1, act1[0])"),
        "In the first activation the gradient went through the batch norm, but not through the ReLU.",
    ),
    Mistake(
        "first batch norm missing in backward",
        IDENTITY_BACK,
        IDENTITY_BACK + "\n    dx_branch = relu_backward(dactive1, act1[1])",
        "In the first activation the gradient went through the ReLU, but not through the batch norm.",
    ),
    Mistake(
        "shortcut through the first ReLU",
        IDENTITY_SUM_BACK,
        "dx = dx_branch + relu_backward(dy, act1[1])",
        "The shortcut's gradient was masked by the first ReLU. The shortcut carries x itself and "
        "runs past it.",
    ),
    Mistake(
        "mean of the two paths",
        IDENTITY_SUM_BACK,
        "dx = (dx_branch + dy) / 2",
        "dx is half of what it should be: the gradients of two uses are added up, not averaged.",
    ),
    Mistake(
        "branch subtracted in backward",
        IDENTITY_SUM_BACK,
        "dx = dy - dx_branch",
        "The branch's gradient was subtracted: the gradients of two uses are added up.",
    ),
    Mistake(
        "dy subtracted",
        IDENTITY_SUM_BACK,
        "dx = dx_branch - dy",
        "dy was subtracted: the gradients of two uses are added up.",
    ),
    Mistake(
        "branch counted twice",
        IDENTITY_SUM_BACK,
        "dx = 2 * dx_branch + dy",
        "The branch's gradient stands in dx twice.",
    ),
    Mistake(
        "gradient with respect to the activated x in dx",
        IDENTITY_SUM_BACK,
        "dx = dx_branch + dy + dactive1",
        "To dx the gradient with respect to the activated x was added. It has gone back through the "
        "first activation already, as dx_branch.",
    ),
    Mistake(
        "branch missing beside the projection",
        "y = branch + shortcut",
        "y = shortcut",
        "y is what the projection makes of the activated x: the branch was not added.",
    ),
    Mistake(
        "projection subtracted",
        "y = branch + shortcut",
        "y = branch - shortcut",
        "The projection was subtracted; it is to be added.",
    ),
    Mistake(
        "ReLU after the addition of the projection",
        "y = branch + shortcut",
        "y = np.maximum(branch + shortcut, 0)",
        "y went through a ReLU after the addition, as in the original block. With pre-activation "
        "nothing follows, and y may be negative.",
    ),
    Mistake(
        "ReLU after the projection",
        "y = branch + shortcut",
        "y = branch + np.maximum(shortcut, 0)",
        "The projection's output went through a ReLU. Nothing follows the projection but the addition.",
    ),
    Mistake(
        "branch of x beside the projection",
        PROJECTION_FIRST,
        PROJECTION_FIRST.replace("branch_forward(active1", "branch_forward(x"),
        "The branch was given x as it came in. Both paths take the activated x.",
    ),
    Mistake(
        "first batch norm missing before the fork",
        PROJECTION_FIRST,
        PROJECTION_FIRST.replace("branch_forward(active1", "branch_forward(np.maximum(x, 0)").replace(
            "\n", "\n    active1 = np.maximum(x, 0)\n", 1
        ),
        "Both paths were given the ReLU of x: the first batch norm is missing.",
    ),
    Mistake(
        "paths subtracted at the fork",
        FORK_BACK,
        "dactive1 = dactive1_branch - dactive1_shortcut",
        "The projection's gradient was subtracted: the gradients of two uses are added up.",
    ),
    Mistake(
        "mean at the fork",
        FORK_BACK,
        "dactive1 = (dactive1_branch + dactive1_shortcut) / 2",
        "The mean was taken of what comes back on the two paths. The gradients of two uses are added up.",
    ),
    Mistake(
        "projection counted twice",
        FORK_BACK,
        "dactive1 = dactive1_branch + 2 * dactive1_shortcut",
        "What comes back through the projection was added twice.",
    ),
    Mistake(
        "branch counted twice at the fork",
        FORK_BACK,
        "dactive1 = 2 * dactive1_branch + dactive1_shortcut",
        "What comes back through the branch was added twice.",
    ),
    Mistake(
        "first activation left out behind the fork",
        FIRST_BACK,
        FIRST_BACK + "\n    dx = dactive1",
        "dx is the gradient with respect to the activated x. It has to go back through the first "
        "ReLU and batch norm.",
    ),
    Mistake(
        "first ReLU left out behind the fork",
        FIRST_BACK,
        FIRST_BACK.replace("activate_backward(dactive1, act1)", "batch_norm_backward(dactive1, act1[0])"),
        "In the first activation the gradient went through the batch norm, but not through the ReLU.",
    ),
    Mistake(
        "first batch norm left out behind the fork",
        FIRST_BACK,
        FIRST_BACK + "\n    dx = relu_backward(dactive1, act1[1])",
        "In the first activation the gradient went through the ReLU, but not through the batch norm.",
    ),
    Mistake(
        "gradients of gamma1 and beta1 exchanged behind the fork",
        FIRST_BACK,
        '    dx, gradients["beta1"], gradients["gamma1"] = activate_backward(dactive1, act1)',
        "gamma1 and beta1 received each other's gradients: see in which order activate_backward "
        "returns them.",
    ),
    Mistake(
        "dprojection averaged over the batch",
        PROJECTION_BACK,
        PROJECTION_BACK + '\n    gradients["projection"] = gradients["projection"] / len(dy)',
        "The gradient of projection was divided by N. Whether the loss is a mean over the batch "
        "stands in dy already.",
    ),
    Mistake(
        "projection's gradient added to dx too",
        FIRST_BACK,
        FIRST_BACK + "\n    dx = dx + dactive1_shortcut",
        "What comes back through the projection stands in dx twice: once through the first "
        "activation, and once past it.",
    ),
]
