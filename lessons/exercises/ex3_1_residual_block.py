"""Exercise 3.1: The gradient of a residual block.

A residual block adds its input to what its branch F makes of it:

    y = x + F(x),    F(x) = conv(relu(conv(x, weight1)), weight2)

Both convolutions are 3x3 with padding 1 and without a bias, so F(x) is as large as x. Where a network halves
the image or changes the number of channels, x no longer fits, and a projection takes its place: a 1x1
convolution of stride 2.

    y = conv(x, projection) + F(x)

There F's first convolution has stride 2 as well. Both forwards are finished; read them first. You write the
backwards. x has two uses, in the branch and on the shortcut. A small change of x changes y along both paths,
so dx, the gradient of the loss with respect to x, is the sum of two gradients. The same holds for every value
that is used more than once.

Convolution and ReLU, with their backwards, come from provided.py and are right.
"""

import numpy as np
from provided import conv2d_backward, conv2d_forward, relu_backward, relu_forward


def identity_block_forward(x, weight1, weight2):
    """Return y = x + F(x), and the cache. Finished.

    x: (N, C, H, W); weight1, weight2: (C, C, 3, 3). y: like x.

    >>> x = np.array([[[[1.0, -2.0], [3.0, 4.0]]]])
    >>> centre = np.zeros((1, 1, 3, 3))
    >>> centre[0, 0, 1, 1] = 1.0  # the kernel that leaves an image as it is
    >>> y, cache = identity_block_forward(x, 2 * centre, 5 * centre)
    >>> y[0, 0]  # x + 10 * x where x is positive, else x
    array([[11., -2.],
           [33., 44.]])
    """
    hidden, cache1 = conv2d_forward(x, weight1, padding=1)
    active, relu_cache = relu_forward(hidden)
    branch, cache2 = conv2d_forward(active, weight2, padding=1)
    y = x + branch
    return y, (cache1, relu_cache, cache2)


def identity_block_backward(dy, cache):
    """Return dx, dweight1, dweight2: the loss's gradients, each of the shape of its array.

    dy: like y, the gradient of the loss with respect to y; cache: of identity_block_forward.

        y = x + F(x)    so    dx = (what reaches x through F) + (what reaches x through the shortcut)

    >>> x = np.array([[[[1.0, -2.0], [3.0, 4.0]]]])
    >>> centre = np.zeros((1, 1, 3, 3))
    >>> centre[0, 0, 1, 1] = 1.0
    >>> _, cache = identity_block_forward(x, 2 * centre, 5 * centre)
    >>> dx, dweight1, dweight2 = identity_block_backward(np.array([[[[1.0, 1.0], [0.0, 2.0]]]]), cache)
    >>> dx[0, 0]
    array([[11.,  1.],
           [ 0., 22.]])
    >>> dweight2[0, 0]  # its middle: 1 * 2 + 1 * 0 + 0 * 6 + 2 * 8, as relu(2 * x) is 2, 0, 6, 8
    array([[ 4.,  0.,  0.],
           [14., 18.,  0.],
           [ 6., 14.,  8.]])
    """
    # solution
    cache1, relu_cache, cache2 = cache
    dactive, dweight2 = conv2d_backward(dy, cache2)  # the sum passes dy on to both of its summands
    dhidden = relu_backward(dactive, relu_cache)
    dx_branch, dweight1 = conv2d_backward(dhidden, cache1)
    dx = dx_branch + dy  # on the shortcut the derivative is 1
    return dx, dweight1, dweight2
    # end of solution


def projection_block_forward(x, weight1, weight2, projection):
    """Return y = conv(x, projection) + F(x), both of stride 2, and the cache. Finished.

    x: (N, C, H, W); weight1: (O, C, 3, 3); weight2: (O, O, 3, 3); projection: (O, C, 1, 1).
    y: (N, O, OH, OW), OH being H / 2 and OW W / 2, rounded up.
    """
    hidden, cache1 = conv2d_forward(x, weight1, stride=2, padding=1)
    active, relu_cache = relu_forward(hidden)
    branch, cache2 = conv2d_forward(active, weight2, padding=1)
    shortcut, shortcut_cache = conv2d_forward(x, projection, stride=2)
    y = shortcut + branch
    return y, (cache1, relu_cache, cache2, shortcut_cache)


def projection_block_backward(dy, cache):
    """Return dx, dweight1, dweight2, dprojection: the loss's gradients, each of the shape of its array.

    dy: like y; cache: of projection_block_forward. The shortcut has become a convolution: it passes on to x
    what its backward makes of dy, and its weight has a gradient of its own.

    >>> x = np.array([[[[1.0, -2.0], [3.0, 4.0]]]])
    >>> centre = np.zeros((1, 1, 3, 3))
    >>> centre[0, 0, 1, 1] = 1.0
    >>> y, cache = projection_block_forward(x, 2 * centre, 5 * centre, np.array([[[[3.0]]]]))
    >>> y[0, 0]  # of the four pixels only the first one is seen: 3 * 1 + 5 * relu(2 * 1)
    array([[13.]])
    >>> dx, dweight1, dweight2, dprojection = projection_block_backward(np.array([[[[2.0]]]]), cache)
    >>> dx[0, 0]  # 3 * 2 + 10 * 2
    array([[26.,  0.],
           [ 0.,  0.]])
    >>> dprojection[0, 0]
    array([[2.]])
    """
    # solution
    cache1, relu_cache, cache2, shortcut_cache = cache
    dactive, dweight2 = conv2d_backward(dy, cache2)
    dx_branch, dweight1 = conv2d_backward(relu_backward(dactive, relu_cache), cache1)
    dx_shortcut, dprojection = conv2d_backward(dy, shortcut_cache)
    dx = dx_branch + dx_shortcut  # two uses of x, two gradients
    return dx, dweight1, dweight2, dprojection
    # end of solution


# Nothing from here on is handed out.

import math

from minires.course.parts import Mistake, Part

LESSON = 15
CLEAR = 1e-3  # no input of a ReLU may be nearer to 0: rounding could decide on which side it lies


def draw(rng, batch, channels, outputs, size, stride, decimals):
    """Return x, weight1, weight2 whose ReLU inputs are all clear of 0."""
    shapes = (batch, channels, *size), (outputs, channels, 3, 3), (outputs, outputs, 3, 3)
    while True:
        x, weight1, weight2 = (rng.standard_normal(shape).round(decimals) for shape in shapes)
        before = conv2d_forward(x, weight1, stride=stride, padding=1)[0]
        if np.abs(before).min() > CLEAR and (before > 0).any() and (before < 0).any():
            return {"x": x, "weight1": weight1, "weight2": weight2}


def decimals(index):
    """Return to how many digits to round: the first inputs are small, for somebody may look at them."""
    return 1 if index == 0 else 15


def identity_cases(rng):
    """Return inputs, an image of one row among them.

    Hidden channels are as many as others, so that a wrong mask fails by its values, not by its shape.
    """
    sizes = [(1, 1, (2, 2)), (1, 2, (3, 4)), (3, 2, (4, 2)), (2, 3, (3, 2)), (1, 2, (1, 5)), (2, 1, (4, 3))]
    return [draw(rng, n, c, c, size, 1, decimals(i)) for i, (n, c, size) in enumerate(sizes)]


def projection_cases(rng):
    """Return inputs of even and odd heights and widths, with more and with fewer outputs than inputs."""
    sizes = [
        (1, 1, 1, (3, 2)),
        (2, 2, 2, (4, 3)),
        (1, 2, 4, (5, 4)),
        (3, 3, 2, (2, 4)),
        (2, 1, 2, (6, 3)),
        (1, 2, 2, (1, 5)),
    ]
    cases = []
    for i, (n, c, o, size) in enumerate(sizes):
        case = draw(rng, n, c, o, size, 2, decimals(i))
        projection = rng.standard_normal((o, c, 1, 1)).round(decimals(i))
        cases.append({**case, "projection": projection})
    return cases


def identity_large(rng, inputs=20_000):
    """Return one image; no ReLU is likely to be as near to its edge as rounding is."""
    side = math.isqrt(inputs // 2)
    shapes = {"x": (1, 2, side, side), "weight1": (2, 2, 3, 3), "weight2": (2, 2, 3, 3)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def projection_large(rng, inputs=40_000):
    return {**identity_large(rng, inputs), "projection": rng.standard_normal((2, 2, 1, 1))}


PARTS = [
    Part(
        "identity_block_backward",
        after="identity_block_forward",
        returns=("dx", "dweight1", "dweight2"),
        cases=identity_cases,
        large=identity_large,
        points=2,
        hints=(
            "Walk through forward from its last line to its first. Every line turns the gradient of what it "
            "computed into the gradients of what it used.",
            "y = x + branch: x and branch each receive dy. The branch's dy goes on through the second "
            "convolution, the ReLU and the first convolution, and comes out as a gradient with respect to x "
            "as well.",
            "Two calls of conv2d_backward and one of relu_backward, each with the cache of its own forward, "
            "in reversed order; then add up the two gradients with respect to x.",
        ),
    ),
    Part(
        "projection_block_backward",
        after="projection_block_forward",
        returns=("dx", "dweight1", "dweight2", "dprojection"),
        cases=projection_cases,
        large=projection_large,
        points=2,
        hints=(
            "The block is the one before, but for its shortcut: x reaches the sum through a convolution of "
            "its own.",
            "y = shortcut + branch: both receive dy. shortcut = conv(x, projection) is an ordinary "
            "convolution with an ordinary backward, which returns two gradients.",
            "One call of conv2d_backward with the shortcut's cache gives the second summand of dx, of x's "
            "shape, and dprojection. The stride needs no care: the cache knows it.",
        ),
    ),
]

IDENTITY_SUM = "dx = dx_branch + dy"
PROJECTION_SUM = "dx = dx_branch + dx_shortcut"
PROJECTION = "dx_shortcut, dprojection = conv2d_backward(dy, shortcut_cache)"
RELU = "dhidden = relu_backward(dactive, relu_cache)"
ID2 = "dactive, dweight2 = conv2d_backward(dy, cache2)  # the sum"
ID1 = "dx_branch, dweight1 = conv2d_backward(dhidden, cache1)"
ID_RETURN = "return dx, dweight1, dweight2\n"
PROJECTED2 = "dactive, dweight2 = conv2d_backward(dy, cache2)\n"
PROJECTED1 = "dx_branch, dweight1 = conv2d_backward(relu_backward(dactive, relu_cache), cache1)"
RETURN = "return dx, dweight1, dweight2, dprojection"
REPEATED = """_, dprojection = conv2d_backward(dy, shortcut_cache)
    dx_shortcut = np.einsum("nohw,oc->nchw", dy, shortcut_cache[1][:, :, 0, 0])
    height, width = dx_branch.shape[2:]
    dx_shortcut = dx_shortcut.repeat(2, axis=2).repeat(2, axis=3)[:, :, :height, :width]"""

MISTAKES = [
    Mistake(
        "shortcut missing",
        IDENTITY_SUM,
        "dx = dx_branch",
        "dx holds only what comes back through the branch. x was also added to y directly, and that use of "
        "x has a gradient too; the two are added up.",
    ),
    Mistake(
        "branch missing",
        IDENTITY_SUM,
        "dx = dy",
        "dx holds only what comes back on the shortcut: the branch's gradient with respect to x was left "
        "out, or overwritten. Gradients of two uses of x are added up.",
    ),
    Mistake(
        "shortcut counted twice",
        IDENTITY_SUM,
        "dx = dx_branch + dy + dy",
        "The shortcut's gradient stands in dx twice. x was added once, and dy comes back there once.",
    ),
    Mistake(
        "mean of the two paths",
        IDENTITY_SUM,
        "dx = (dx_branch + dy) / 2",
        "dx is half of what it should be: the gradients of two uses are added up, not averaged.",
    ),
    Mistake(
        "1 added instead of dy",
        IDENTITY_SUM,
        "dx = dx_branch + 1",
        "The derivative of the shortcut is 1, but a backward returns the derivative times dy.",
    ),
    Mistake(
        "multiplied by dy twice",
        IDENTITY_SUM,
        "dx = (dx_branch + 1) * dy",
        "What came back through the branch has been multiplied by dy already: dy went in at its end. F'(x) "
        "+ 1 times dy is the right thought, but dx_branch is not F'(x).",
    ),
    Mistake(
        "shortcut through the branch's ReLU",
        IDENTITY_SUM,
        "dx = dx_branch + relu_backward(dy, relu_cache)",
        "The shortcut's gradient was masked where the branch's ReLU was 0. That ReLU stands inside the "
        "branch; the shortcut runs past it, so dy passes unchanged.",
    ),
    Mistake(
        "dy through the ReLU first",
        "dactive, dweight2 = conv2d_backward(dy, cache2)  # the sum",
        "dy = relu_backward(dy, relu_cache)\n    dactive, dweight2 = conv2d_backward(dy, cache2)  # the sum",
        "dy was masked before anything else, as if the ReLU stood after the addition. Here it stands "
        "between the two convolutions, and nothing follows the addition.",
    ),
    Mistake(
        "ReLU left out",
        RELU,
        "dhidden = dactive",
        "The gradient went from one convolution to the other without the ReLU between them. Where forward "
        "put out 0 there, nothing may pass.",
    ),
    Mistake(
        "mask from the wrong tensor",
        RELU,
        "dhidden = np.where(dactive > 0, dactive, 0)",
        "The ReLU's mask was taken from the gradient. It asks whether the ReLU's input was positive, in "
        "forward; a gradient may have either sign.",
    ),
    Mistake(
        "caches exchanged",
        "conv2d_backward(dhidden, cache1)",
        "conv2d_backward(dhidden, cache2)",
        "The first convolution's backward was given the second one's cache. Where all shapes agree, nothing "
        "fails, but the gradients are those of other arrays.",
    ),
    Mistake(
        "input modified in place",
        IDENTITY_SUM,
        "dy += dx_branch\n    dx = dy",
        "",
    ),
    Mistake(
        "projection's dx missing",
        PROJECTION_SUM,
        "dx = dx_branch",
        "dx holds only what comes back through the branch. The projection is computed from x too; what its "
        "backward returns for x is the other summand.",
    ),
    Mistake(
        "branch's dx overwritten",
        PROJECTION_SUM,
        "dx = dx_shortcut",
        "dx holds only what comes back through the projection: what the branch returned for x is lost. A "
        "gradient that arrives along two paths is added up (+=), not overwritten (=).",
    ),
    Mistake(
        "projection's gradient dropped",
        PROJECTION,
        PROJECTION + "\n    dprojection = np.zeros_like(dprojection)",
        "dprojection is zero, so the projection would never learn. It is a weight like the others, with a "
        "gradient of its own.",
    ),
    Mistake(
        "projection counted twice",
        PROJECTION_SUM,
        "dx = dx_branch + 2 * dx_shortcut",
        "What comes back through the projection stands in dx twice. x went through the projection once.",
    ),
    Mistake(
        "projection's stride ignored",
        PROJECTION,
        REPEATED,
        "Every pixel of x received a gradient from the projection. With stride 2 it looks at every second "
        "pixel of every second row only; the others never reach y on the shortcut.",
    ),
    Mistake(
        "projection through the branch's ReLU",
        PROJECTION,
        "dx_shortcut, dprojection = conv2d_backward(relu_backward(dy, relu_cache), shortcut_cache)",
        "The projection's gradients were computed from a dy that had been masked by the ReLU. The ReLU "
        "stands inside the branch; the shortcut runs past it.",
    ),
    Mistake(
        "caches exchanged throughout",
        ID2,
        f"cache1, cache2 = cache2, cache1\n    {ID2}",
        "Each backward of a convolution was given the cache of the other one. Where all shapes "
        "agree, nothing fails, but the gradients are those of other arrays.",
    ),
    Mistake(
        "ReLU's mask turned around",
        RELU,
        "dhidden = np.where(relu_cache, 0, dactive)",
        "The gradient passed where the ReLU's input was negative, and was stopped where it was "
        "positive. It is the other way round.",
    ),
    Mistake(
        "ReLU in place of its backward",
        RELU,
        "dhidden = relu_cache.astype(dactive.dtype)",
        "The gradient after the ReLU is its mask alone. What arrives from the second convolution is "
        "multiplied by it.",
    ),
    Mistake(
        "ReLU after the first convolution",
        f"{RELU}\n    {ID1}",
        "dx_branch, dweight1 = conv2d_backward(dactive, cache1)\n"
        "    dx_branch = relu_backward(dx_branch, relu_cache)",
        "The mask of the ReLU was applied after the backward of the first convolution. In forward "
        "the ReLU follows that convolution, so on the way back it comes first.",
    ),
    Mistake(
        "sum of both paths through the ReLU",
        IDENTITY_SUM,
        "dx = relu_backward(dx_branch + dy, relu_cache)",
        "The sum of both paths was masked by the ReLU. That ReLU stands inside the branch, between "
        "its convolutions.",
    ),
    Mistake(
        "branch through the ReLU twice",
        IDENTITY_SUM,
        "dx = relu_backward(dx_branch, relu_cache) + dy",
        "What the first convolution's backward returned was masked by the ReLU as well. The ReLU "
        "comes after that convolution in forward; its mask was applied already.",
    ),
    Mistake(
        "first convolution left out",
        IDENTITY_SUM,
        "dx = dhidden + dy",
        "The branch's part of dx is the gradient before the first convolution's backward, not after "
        "it: the last step of the way back is missing.",
    ),
    Mistake(
        "gradient before the ReLU's backward in dx",
        IDENTITY_SUM,
        "dx = dactive + dy",
        "The branch's part of dx is what came out of the second convolution's backward: the ReLU and "
        "the first convolution are missing on the way back.",
    ),
    Mistake(
        "shortcut's gradient taken from inside the branch",
        IDENTITY_SUM,
        "dx = dx_branch + dhidden",
        "To dx a gradient from inside the branch was added. On the shortcut it is dy that comes back.",
    ),
    Mistake(
        "gradient of the ReLU's output on the shortcut",
        IDENTITY_SUM,
        "dx = dx_branch + dactive",
        "To dx a gradient from inside the branch was added. On the shortcut it is dy that comes back.",
    ),
    Mistake(
        "branch subtracted",
        IDENTITY_SUM,
        "dx = dy - dx_branch",
        "The branch's gradient was subtracted: y is a sum, and its parts' gradients are added.",
    ),
    Mistake(
        "shortcut subtracted",
        IDENTITY_SUM,
        "dx = dx_branch - dy",
        "dy was subtracted: y is a sum, and its parts' gradients are added.",
    ),
    Mistake(
        "paths multiplied",
        IDENTITY_SUM,
        "dx = dx_branch * dy",
        "The gradients of the two paths were multiplied. They are added up.",
    ),
    Mistake(
        "branch counted twice",
        IDENTITY_SUM,
        "dx = 2 * dx_branch + dy",
        "The branch's gradient stands in dx twice. x went into the branch once.",
    ),
    Mistake(
        "shortcut's gradient where dy is positive",
        IDENTITY_SUM,
        "dx = dx_branch + np.maximum(dy, 0)",
        "On the shortcut the negative values of dy are missing. No ReLU stands there, and a gradient "
        "may have either sign.",
    ),
    Mistake(
        "dx masked by its sign",
        IDENTITY_SUM,
        "dx = np.maximum(dx_branch + dy, 0)",
        "The negative values of dx are missing. Nothing cuts a gradient off at 0.",
    ),
    Mistake(
        "dy added before the ReLU's mask",
        f"{RELU}\n    {ID1}\n    {IDENTITY_SUM}",
        "dhidden = relu_backward(dactive + dy, relu_cache)\n"
        "    dx, dweight1 = conv2d_backward(dhidden, cache1)",
        "dy was added inside the branch, before the ReLU's mask. The shortcut runs past the whole "
        "branch, so dy is added to what the first convolution's backward returns.",
    ),
    Mistake(
        "dy added after the ReLU's mask",
        f"{RELU}\n    {ID1}\n    {IDENTITY_SUM}",
        "dhidden = relu_backward(dactive, relu_cache) + dy\n"
        "    dx, dweight1 = conv2d_backward(dhidden, cache1)",
        "dy was added inside the branch, before the first convolution. The shortcut runs past the "
        "whole branch, so dy is added to what the first convolution's backward returns.",
    ),
    Mistake(
        "dy fed to the first convolution",
        ID1,
        ID1.replace("dhidden", "dy"),
        "The first convolution's backward was given dy. It receives what comes back through the "
        "second convolution and the ReLU.",
    ),
    Mistake(
        "dweight1 without the ReLU",
        ID_RETURN,
        "return dx, conv2d_backward(dactive, cache1)[1], dweight2\n",
        "dx is right, but dweight1 was computed from the gradient before the ReLU's mask.",
    ),
    Mistake(
        "dweight1 from dy",
        ID_RETURN,
        "return dx, conv2d_backward(dy, cache1)[1], dweight2\n",
        "dweight1 was computed from dy. The first convolution receives what comes back through the "
        "second one and the ReLU.",
    ),
    Mistake(
        "dweight2 through the ReLU",
        ID_RETURN,
        "return dx, dweight1, conv2d_backward(relu_backward(dy, relu_cache), cache2)[1]\n",
        "dweight2 was computed from a masked dy. The ReLU comes before the second convolution in "
        "forward, so nothing is masked there yet.",
    ),
    Mistake(
        "gradients of the weights exchanged",
        ID_RETURN,
        "return dx, dweight2, dweight1\n",
        "dweight1 and dweight2 are each other's: check the order of the returned values.",
    ),
    Mistake(
        "dweight1 from the second convolution",
        ID_RETURN,
        "return dx, dweight2, dweight2\n",
        "dweight1 is dweight2 once more.",
    ),
    Mistake(
        "gradients of the weights averaged over the batch",
        ID_RETURN,
        "return dx, dweight1 / len(dy), dweight2 / len(dy)\n",
        "The gradients of the weights were divided by N. Whether the loss is a mean over the batch "
        "stands in dy already.",
    ),
    Mistake(
        "weight's gradients are zero",
        ID_RETURN,
        "return dx, np.zeros_like(dweight1), np.zeros_like(dweight2)\n",
        "The gradients of the weights are zero, so neither convolution would learn.",
    ),
    Mistake(
        "branch masked by the wrong tensor",
        PROJECTED1,
        PROJECTED1.replace("relu_backward(dactive, relu_cache)", "np.where(dactive > 0, dactive, 0)"),
        "The ReLU's mask was taken from the gradient. It asks whether the ReLU's input was positive, "
        "in forward; a gradient may have either sign.",
    ),
    Mistake(
        "ReLU left out beside the projection",
        PROJECTED1,
        PROJECTED1.replace("relu_backward(dactive, relu_cache)", "dactive"),
        "The gradient went from one convolution of the branch to the other without the ReLU between "
        "them. Where forward put out 0 there, nothing may pass.",
    ),
    Mistake(
        "mask turned around beside the projection",
        PROJECTED1,
        PROJECTED1.replace("relu_backward(dactive, relu_cache)", "np.where(relu_cache, 0, dactive)"),
        "The gradient passed where the ReLU's input was negative, and was stopped where it was "
        "positive. It is the other way round.",
    ),
    Mistake(
        "dy through the ReLU first, with a projection",
        PROJECTED2,
        f"dy = relu_backward(dy, relu_cache)\n    {PROJECTED2}",
        "dy was masked before anything else, as if the ReLU stood after the addition. Here it stands "
        "between the branch's convolutions, and nothing follows the addition.",
    ),
    Mistake(
        "dy through the ReLU in the branch alone",
        PROJECTED2,
        PROJECTED2.replace("(dy,", "(relu_backward(dy, relu_cache),"),
        "In the branch dy was masked before the second convolution. The ReLU comes before that "
        "convolution in forward, so nothing is masked there yet.",
    ),
    Mistake(
        "projection fed the gradient inside the branch",
        PROJECTION,
        PROJECTION.replace("(dy,", "(dactive,"),
        "The projection's backward was given a gradient from inside the branch. y = shortcut + "
        "branch, so both receive dy.",
    ),
    Mistake(
        "projection fed the gradient behind the ReLU",
        PROJECTION,
        PROJECTION.replace("(dy,", "(relu_backward(dactive, relu_cache),"),
        "The projection's backward was given a gradient from inside the branch. y = shortcut + "
        "branch, so both receive dy.",
    ),
    Mistake(
        "projection fed both gradients",
        PROJECTION,
        PROJECTION.replace("(dy,", "(dy + dactive,"),
        "The projection's backward was given dy and a gradient from inside the branch together. y = "
        "shortcut + branch, so it receives dy alone.",
    ),
    Mistake(
        "projection fed twice dy",
        PROJECTION,
        PROJECTION.replace("(dy,", "(2 * dy,"),
        "The projection's backward was given twice dy. y = shortcut + branch, and each receives dy once.",
    ),
    Mistake(
        "dprojection from inside the branch",
        RETURN,
        "return dx, dweight1, dweight2, conv2d_backward(dactive, shortcut_cache)[1]",
        "dprojection was computed from a gradient inside the branch. y = shortcut + branch, so the "
        "projection receives dy.",
    ),
    Mistake(
        "first convolution fed dy, with a projection",
        PROJECTED1,
        PROJECTED1.replace("relu_backward(dactive, relu_cache)", "dy"),
        "The first convolution's backward was given dy. It receives what comes back through the "
        "second convolution and the ReLU.",
    ),
    Mistake(
        "mean of the branch and the projection",
        PROJECTION_SUM,
        "dx = (dx_branch + dx_shortcut) / 2",
        "dx is half of what it should be: the gradients of two uses are added up, not averaged.",
    ),
    Mistake(
        "projection's dx subtracted",
        PROJECTION_SUM,
        "dx = dx_branch - dx_shortcut",
        "The projection's part of dx was subtracted: y is a sum, and its parts' gradients are added.",
    ),
    Mistake(
        "branch's dx subtracted",
        PROJECTION_SUM,
        "dx = dx_shortcut - dx_branch",
        "The branch's part of dx was subtracted: y is a sum, and its parts' gradients are added.",
    ),
    Mistake(
        "branch counted twice beside the projection",
        PROJECTION_SUM,
        "dx = 2 * dx_branch + dx_shortcut",
        "The branch's gradient stands in dx twice. x went into the branch once.",
    ),
    Mistake(
        "paths multiplied, with a projection",
        PROJECTION_SUM,
        "dx = dx_branch * dx_shortcut",
        "The gradients of the two paths were multiplied. They are added up.",
    ),
    Mistake(
        "dweight1 without the ReLU, with a projection",
        RETURN,
        "return dx, conv2d_backward(dactive, cache1)[1], dweight2, dprojection",
        "dx is right, but dweight1 was computed from the gradient before the ReLU's mask.",
    ),
    Mistake(
        "dweight1 and dweight2 exchanged, with a projection",
        RETURN,
        "return dx, dweight2, dweight1, dprojection",
        "dweight1 and dweight2 are each other's: check the order of the returned values.",
    ),
    Mistake(
        "averaged over the batch, with a projection",
        RETURN,
        "return dx, dweight1 / len(dy), dweight2 / len(dy), dprojection / len(dy)",
        "The gradients of the weights were divided by N. Whether the loss is a mean over the batch "
        "stands in dy already.",
    ),
    Mistake(
        "dprojection averaged over the batch",
        RETURN,
        "return dx, dweight1, dweight2, dprojection / len(dy)",
        "dprojection was divided by N. Whether the loss is a mean over the batch stands in dy already.",
    ),
    Mistake(
        "dprojection without its last two axes",
        RETURN,
        "return dx, dweight1, dweight2, dprojection[:, :, 0, 0]",
        "dprojection has the shape (O, C). It is a convolution's weight, (O, C, 1, 1), and its "
        "gradient has the same shape.",
    ),
    Mistake(
        "dprojection transposed",
        RETURN,
        "return dx, dweight1, dweight2, dprojection.transpose(1, 0, 2, 3)",
        "dprojection is transposed: its first axis counts the outputs, its second the inputs.",
    ),
    Mistake(
        "projection's gradient without gaps",
        PROJECTION,
        PROJECTION + "\n    seen, dx_shortcut = dx_shortcut[:, :, ::2, ::2], np.zeros_like(dx_shortcut)\n"
        "    dx_shortcut[:, :, : seen.shape[2], : seen.shape[3]] = seen",
        "The projection's gradients stand side by side in the upper left corner. With stride 2, "
        "pixel (r, s) of y looked at pixel (2r, 2s) of x.",
    ),
    Mistake(
        "branch overwritten where the projection looks",
        PROJECTION_SUM,
        "dx = dx_branch.copy()\n    dx[:, :, ::2, ::2] = dx_shortcut[:, :, ::2, ::2]",
        "Where the projection looks, its gradient overwrites (=) the branch's. Gradients of two uses "
        "are added up (+=).",
    ),
    Mistake(
        "overwritten by the projection's last output",
        PROJECTION_SUM,
        "dx = dx_branch.copy()\n    dx[:, :, ::2, ::2] = dy[:, -1:] * shortcut_cache[1][None, -1]",
        "Where the projection looks, dx has the gradient of its last output alone: each output "
        "overwrites (=) what was there. All are added up (+=).",
    ),
    Mistake(
        "dprojection overwritten",
        RETURN,
        "last = np.outer(dy[-1, :, -1, -1], shortcut_cache[0][-1, :, -1, -1, 0, 0])\n"
        "    return dx, dweight1, dweight2, last[:, :, None, None]",
        "dprojection has what the very last pixel gives: each pixel overwrites (=) what was there. "
        "All are added up (+=).",
    ),
    Mistake(
        "ReLU's output in place of the gradient",
        RELU,
        "dhidden = cache2[0][..., 1, 1]",
        "Where the ReLU is open, its own output went on in place of the gradient that arrived.",
    ),
    Mistake(
        "ReLU's output in place of the gradient, with a projection",
        PROJECTED1,
        PROJECTED1.replace("relu_backward(dactive, relu_cache)", "cache2[0][..., 1, 1]"),
        "Where the ReLU is open, its own output went on in place of the gradient that arrived.",
    ),
]
