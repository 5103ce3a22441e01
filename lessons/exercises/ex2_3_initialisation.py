"""Exercise 2.3: Initialisation.

Draw the weights of a layer with mean 0, and independently of each other and of the input. One output of the
layer is a sum of n products, y = sum over i of w[i] * x[i]. With E[x^2], the mean square of the input, each
product has mean 0 and variance Var[w] * E[x^2], and the n variances add up:

    Var[y] = n * Var[w] * E[x^2]

How large is E[x^2], if x comes from the layer before? Let the variance there be Var[y'], with mean 0:

    linear layers:  x = y',          E[x^2] =       Var[y'],  so  Var[y] =       n * Var[w] * Var[y']
    ReLU between:   x = max(0, y'),  E[x^2] = 1/2 * Var[y'],  so  Var[y] = 1/2 * n * Var[w] * Var[y']

A ReLU lets half of the mean square through, for the numbers before it are symmetric around 0. (That is said
of the mean square, not of the variance: what comes out of a ReLU does not have mean 0.)

After many layers the signal has vanished or exploded unless the factor of Var[y'] is 1, and that tells how
large Var[w] must be. Xavier's rule (Glorot & Bengio 2010) makes it 1 for linear layers, MSRA's rule (He et
al. 2015, arXiv:1502.01852) for layers with ReLU between. Both are asked for here in the form that keeps the
*forward* signal: n is the fan in.

When all is done, run this file: it sends handwritten digits through 20 layers and prints, beside your
prediction, what comes out.
"""

import math
import pathlib

import numpy as np


def fans(shape):
    """Return fan_in, fan_out, two integers, of a weight of this shape.

    shape: (O, I) of a linear layer, or (O, C, KH, KW) of a convolution. The fan in is the number of products
    that are summed for one output; the fan out is the number of outputs in which one input takes part (of a
    convolution with stride 1, and away from the border of the image).

    >>> fans((2, 3))
    (3, 2)
    """
    # solution
    area = math.prod(shape[2:])  # of the kernel: all of its pixels are summed; 1 for a linear layer
    return shape[1] * area, shape[0] * area
    # end of solution


def xavier(shape, *, rng):
    """Return weights of this shape that keep the variance of a linear layer: n * Var[w] = 1, n the fan in.

    shape: as for fans; rng: a numpy.random.Generator. So that your numbers can be compared, draw with
    rng.standard_normal(shape) and multiply by the standard deviation (rng.normal(0, the standard deviation,
    shape) gives the same numbers). The weights stay float64, as they are drawn.

    >>> standard = np.random.default_rng(0).standard_normal((2, 4))
    >>> xavier((2, 4), rng=np.random.default_rng(0)) / standard
    array([[0.5, 0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5, 0.5]])
    """
    # solution
    fan_in, _ = fans(shape)
    return rng.standard_normal(shape) * math.sqrt(1 / fan_in)
    # end of solution


def msra(shape, *, rng):
    """Return weights of this shape that keep the variance between layers with ReLU: 1/2 * n * Var[w] = 1.

    n, shape, rng, and how to draw: as for xavier.

    >>> standard = np.random.default_rng(0).standard_normal((2, 8))
    >>> bool(np.allclose(msra((2, 8), rng=np.random.default_rng(0)), 0.5 * standard))
    True
    """
    # solution
    fan_in, _ = fans(shape)
    return rng.standard_normal(shape) * math.sqrt(2 / fan_in)  # the 2 gives back what the ReLU takes
    # end of solution


def predicted_variances(mean_square, shapes, weight_stds, *, relu):
    """Return the predicted variance of y after each of L layers, an array (L,).

    mean_square: E[x^2] of the first layer's input; shapes: L shapes of weights, as for fans; weight_stds: the
    standard deviations of these weights, L numbers; relu: whether a ReLU stands between each layer and the
    next; "after" a layer means before its ReLU. The input of the first layer has not been through a ReLU, so
    there the first formula holds.

    Three layers of 2 units with weights of variance 1: each multiplies by 2, or with ReLU, but for the first,
    by 1:

    >>> predicted_variances(1.0, [(2, 2), (2, 2), (2, 2)], [1.0, 1.0, 1.0], relu=False)
    array([2., 4., 8.])
    >>> predicted_variances(1.0, [(2, 2), (2, 2), (2, 2)], [1.0, 1.0, 1.0], relu=True)
    array([2., 2., 2.])
    """
    # solution
    factors = np.array([fans(shape)[0] * std**2 for shape, std in zip(shapes, weight_stds, strict=True)])
    if relu:
        factors[1:] /= 2
    return mean_square * np.cumprod(factors)  # the factors of all layers so far
    # end of solution


if __name__ == "__main__":
    images = np.load(pathlib.Path(__file__).parent / "data" / "digits.npz")["images"]
    pixels = images.reshape(len(images), 64) / 16
    shapes = [(512, 64)] + 19 * [(512, 512)]
    for name, rule in (("Xavier", xavier), ("MSRA", msra)):
        rng = np.random.default_rng(0)
        weights = [rule(shape, rng=rng) for shape in shapes]
        stds = [weight.std() for weight in weights]
        predicted = predicted_variances((pixels**2).mean(), shapes, stds, relu=True)
        print(f"{name}: standard deviation of y after a layer, before its ReLU")
        signal = pixels[::10]
        for layer, weight in enumerate(weights, start=1):
            y = signal @ weight.T
            signal = np.maximum(y, 0)
            if layer == 1 or layer % 5 == 0:  # one draw of the weights varies, by a fifth at layer 20
                print(
                    f"  layer {layer:2}  predicted {predicted[layer - 1] ** 0.5:.5f}  measured {y.std():.5f}"
                )


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 8


def fans_cases(rng):
    """Return shapes of linear layers and of convolutions, among them kernels that are not square."""
    drawn = [int(size) for size in rng.integers(2, 9, 6)]
    shapes = [(2, 3), (5, 1), (1, 4), (7, 7), (2, 3, 1, 5), (6, 2, 3, 2), (4, 4, 3, 3), (3, 8, 1, 1)]
    return [{"shape": shape} for shape in [*shapes, (drawn[0], drawn[1] + 8), (drawn[2], drawn[3] + 8, 2, 4)]]


def weight_cases(rng):
    """Return the same shapes, each with a generator's seed."""
    return [{**case, "rng": int(rng.integers(1, 1_000_000))} for case in fans_cases(rng)]


def stack_cases(rng):
    """Return stacks of 1 to 5 layers, with and without ReLU."""
    cases = [{"mean_square": 1.0, "shapes": [(3, 2), (5, 3)], "weight_stds": [0.5, 2.0], "relu": True}]
    stacks = [
        [(3, 4)],
        [(6, 2), (3, 6)],
        [(5, 3), (4, 5), (2, 4)],
        [(4, 3, 3, 2), (7, 4, 1, 3), (2, 7, 2, 2)],
        [(2, 5), (4, 2), (6, 4), (3, 6), (5, 3)],
    ]
    for shapes in stacks:
        for relu in (False, True):
            stds = [round(float(std), 1) for std in rng.uniform(0.3, 1.5, len(shapes))]
            mean_square = round(float(rng.uniform(0.4, 3)), 1)
            cases.append({"mean_square": mean_square, "shapes": shapes, "weight_stds": stds, "relu": relu})
    return cases


PARTS = [
    Part(
        "fans",
        returns=("fan_in", "fan_out"),
        cases=fans_cases,
        hints=(
            "Count products: how many weights does one output use? How many outputs use one input?",
            "A linear output uses one row of the weight (O, I). An output pixel of a convolution sums over "
            "all C channels and over all pixels of the kernel.",
            "The kernel's area KH * KW is a factor of both fans; math.prod of no numbers at all is 1.",
        ),
    ),
    Part(
        "xavier",
        returns=("weight",),
        cases=weight_cases,
        hints=(
            "Var[w] follows from the condition; what you multiply by is the standard deviation.",
            "n * Var[w] = 1, with n the fan in. A factor s makes the variance s^2 times as large.",
            "The standard deviation is the root of 1/n. For a convolution n has the kernel's area in it.",
        ),
    ),
    Part(
        "msra",
        returns=("weight",),
        cases=weight_cases,
        hints=(
            "The same as xavier, with another variance.",
            "1/2 * n * Var[w] = 1: solve it for Var[w].",
            "The 2 belongs to the variance, so it stands under the root together with n.",
        ),
    ),
    Part(
        "predicted_variances",
        returns=("variances",),
        cases=stack_cases,
        points=2,
        hints=(
            "Every layer multiplies the variance after the layer before it by a factor of its own.",
            "The factor is n * Var[w], with n the layer's fan in and Var[w] the square of the standard "
            "deviation; with ReLU it is half of that from the second layer on. The first layer's factor "
            "multiplies mean_square.",
            "Write the factors into an array first. The variance after layer l is mean_square times the "
            "product of the first l factors: np.cumprod, or a loop that carries the variance along.",
        ),
    ),
]

XAVIER = "rng.standard_normal(shape) * math.sqrt(1 / fan_in)"
MSRA = "rng.standard_normal(shape) * math.sqrt(2 / fan_in)"
N_VAR = "fans(shape)[0] * std**2"
HALVED = "factors[1:] /= 2"
CUMPROD = "return mean_square * np.cumprod(factors)"
FANS = "return shape[1] * area, shape[0] * area"
AREA = "math.prod(shape[2:])"


def either(name, new, says):
    """Return the rows of a mistake that can be made in Xavier's rule and in MSRA's; GAIN is 1 or 2."""
    return [
        Mistake(name, XAVIER, new.replace("GAIN", "1"), says),
        Mistake(f"{name} in MSRA", MSRA, new.replace("GAIN", "2"), says),
    ]


MISTAKES = [
    Mistake(
        "variance for the standard deviation",
        XAVIER,
        "rng.standard_normal(shape) * (1 / fan_in)",
        "The numbers were multiplied by Var[w]. A factor s makes the variance s^2 times as large, so the "
        "factor is the standard deviation.",
    ),
    Mistake(
        "fan out for fan in",
        XAVIER,
        "rng.standard_normal(shape) * math.sqrt(1 / fans(shape)[1])",
        "The weights are scaled by the fan out, which keeps the size of the gradients on their way back. "
        "Asked for is the forward signal, which the fan in keeps.",
    ),
    Mistake(
        "average of the fans",
        XAVIER,
        "rng.standard_normal(shape) * math.sqrt(2 / sum(fans(shape)))",
        "This is Glorot's compromise, 2 / (fan in + fan out), between forward and backward. Asked for is "
        "the rule that keeps the forward signal, by the fan in alone.",
    ),
    Mistake(
        "MSRA's 2 in Xavier's rule",
        XAVIER,
        "rng.standard_normal(shape) * math.sqrt(2 / fan_in)",
        "The weights have variance 2/n. The 2 makes up for a ReLU; Xavier's rule is for linear layers.",
    ),
    Mistake(
        "not scaled",
        XAVIER,
        "rng.standard_normal(shape)",
        "These weights have standard deviation 1: they are not scaled yet.",
    ),
    Mistake(
        "uniform instead of normal",
        XAVIER,
        "rng.uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in), shape)",
        "The variance is right, but the numbers are drawn from a uniform distribution. Asked for is a "
        "normal one, so that they can be compared.",
    ),
    Mistake(
        "uniform of the wrong width",
        XAVIER,
        "rng.uniform(-math.sqrt(1 / fan_in), math.sqrt(1 / fan_in), shape)",
        "The numbers are drawn uniformly between minus and plus 1/sqrt(n). Their variance is a third of "
        "1/n, for that of a uniform distribution between -a and a is a^2 / 3; besides, a normal "
        "distribution is asked for.",
    ),
    Mistake(
        "a generator of its own",
        XAVIER,
        "np.random.default_rng(0).standard_normal(shape) * math.sqrt(1 / fan_in)",
        "The scale is right, but the numbers come from default_rng(0) and not from rng. With a generator "
        "made inside, every layer of one shape would get the same weights.",
    ),
    Mistake(
        "variance for the standard deviation in MSRA",
        MSRA,
        "rng.standard_normal(shape) * (2 / fan_in)",
        "The numbers were multiplied by Var[w]. A factor s makes the variance s^2 times as large, so the "
        "factor is the standard deviation.",
    ),
    Mistake(
        "MSRA's 2 missing",
        MSRA,
        "rng.standard_normal(shape) * math.sqrt(1 / fan_in)",
        "These are Xavier's weights, of variance 1/n. The ReLU takes half of the mean square, and the "
        "weights must give it back.",
    ),
    Mistake(
        "2 outside the root",
        MSRA,
        "rng.standard_normal(shape) * (2 / math.sqrt(fan_in))",
        "The standard deviation was multiplied by 2, and so the variance by 4: the 2 is a factor of the "
        "variance.",
    ),
    Mistake(
        "only the 2 under the root",
        MSRA,
        "rng.standard_normal(shape) * (math.sqrt(2) / fan_in)",
        "Either the root was taken of the 2 but not of n, or 1/sqrt(n) stands in twice (what xavier returns "
        "has it); look which your code does. The variance is 2/n, and its root is that of the whole.",
    ),
    Mistake(
        "halved instead of doubled",
        MSRA,
        "rng.standard_normal(shape) * math.sqrt(1 / (2 * fan_in))",
        "The weights have half of Xavier's variance. The ReLU halves already; the weights must make up for "
        "it.",
    ),
    Mistake(
        "fan out for fan in in MSRA",
        MSRA,
        "rng.standard_normal(shape) * math.sqrt(2 / fans(shape)[1])",
        "The weights are scaled by the fan out, as many ResNet programs do, which keeps the size of the "
        "gradients. Asked for is the forward signal, which the fan in keeps.",
    ),
    Mistake(
        "standard deviation not squared",
        "fans(shape)[0] * std**2",
        "fans(shape)[0] * std",
        "A layer's factor is n * Var[w]; here it is n times the standard deviation of w.",
    ),
    Mistake(
        "fan out in the forward pass",
        "fans(shape)[0] * std**2",
        "fans(shape)[1] * std**2",
        "Each factor was made with the fan out, which counts backward. Forward, the products of one output "
        "add up: the fan in.",
    ),
    Mistake(
        "one half too many with a ReLU",
        "factors[1:] /= 2",
        "factors /= 2",
        "Every number is half of what it should be. Either the first layer's input was halved, though it has "
        "not been through a ReLU, or these are mean squares after the ReLU, and variances before it are "
        "asked for; look which your code does.",
    ),
    Mistake(
        "ReLU's half is missing",
        "factors[1:] /= 2",
        "pass",
        "With relu=True the numbers are those of linear layers: a ReLU lets only half of the mean square "
        "through.",
    ),
    Mistake(
        "halved without a ReLU",
        "if relu:",
        "if True:",
        "The variance is halved with relu=False too, where nothing stands between the layers.",
    ),
    Mistake(
        "variance after the ReLU",
        "factors[1:] /= 2",
        "factors[1:] *= 0.5 - 0.5 / math.pi",
        "Each ReLU was given the factor 1/2 - 1/(2 pi) = 0.341, its output's variance. But it is the mean "
        "square that the next layer multiplies, and of that one half is left.",
    ),
    Mistake(
        "root of one half",
        "factors[1:] /= 2",
        "factors[1:] /= math.sqrt(2)",
        "Each ReLU was given the factor 1/sqrt(2). That is the factor of the standard deviation; the "
        "variance is halved.",
    ),
    Mistake(
        "variance not carried along",
        "if relu:\n        factors[1:] /= 2\n    return mean_square * np.cumprod(factors)",
        "return mean_square * factors",
        "Every layer was given the network's own input, of mean square mean_square. The input of a layer "
        "comes from the layer before it.",
    ),
    Mistake(
        "layers not multiplied",
        "np.cumprod(factors)",
        "factors",
        "Each layer's own factor was returned. The variance after a layer has the factors of all layers "
        "before it too.",
    ),
    Mistake(
        "standard deviations returned",
        "return mean_square * np.cumprod(factors)",
        "return np.sqrt(mean_square * np.cumprod(factors))",
        "These are standard deviations, the roots of what is asked for.",
    ),
    Mistake(
        "mean square of the input forgotten",
        "return mean_square * np.cumprod(factors)",
        "return np.cumprod(factors)",
        "The numbers are right for an input of mean square 1; mean_square is not in them.",
    ),
    *either(
        "root of the fan in multiplied",
        "rng.standard_normal(shape) * math.sqrt(GAIN * fan_in)",
        "The numbers were multiplied by the root of n. The more products are summed, the smaller the weights"
        " must be.",
    ),
    Mistake(
        "n upside down in MSRA",
        MSRA,
        "rng.standard_normal(shape) * math.sqrt(fan_in / 2)",
        "The variance is n/2: solve 1/2 * n * Var[w] = 1 once more.",
    ),
    Mistake(
        "halved in Xavier's rule",
        XAVIER,
        "rng.standard_normal(shape) * math.sqrt(1 / (2 * fan_in))",
        "The weights have variance 1/(2n). n * Var[w] = 1 has no factor 2.",
    ),
    *either(
        "sum of the fans",
        "rng.standard_normal(shape) * math.sqrt(GAIN / sum(fans(shape)))",
        "The weights are scaled by fan in + fan out together. Asked for is the rule by the fan in alone.",
    ),
    Mistake(
        "average of the fans in MSRA",
        MSRA,
        "rng.standard_normal(shape) * math.sqrt(4 / sum(fans(shape)))",
        "The weights are scaled by the mean of fan in and fan out. Asked for is the rule by the fan in "
        "alone.",
    ),
    *either(
        "channels alone for the fan in",
        "rng.standard_normal(shape) * math.sqrt(GAIN / shape[1])",
        "For a convolution the weights are too large: n has the kernel's area in it. The first value of fans"
        " is n.",
    ),
    *either(
        "outputs alone for the fan in",
        "rng.standard_normal(shape) * math.sqrt(GAIN / shape[0])",
        "The weights are scaled by the length of their first axis, the number of outputs. n is the fan in, "
        "which fans returns first.",
    ),
    *either(
        "last axis for the fan in",
        "rng.standard_normal(shape) * math.sqrt(GAIN / shape[-1])",
        "The weights are scaled by the length of their last axis, which is the kernel's width in a "
        "convolution. n is the fan in, which fans returns first.",
    ),
    *either(
        "number of weights for the fan in",
        "rng.standard_normal(shape) * math.sqrt(GAIN / math.prod(shape))",
        "The weights are scaled by how many they are. n counts those of one output.",
    ),
    *either(
        "product of the fans",
        "rng.standard_normal(shape) * math.sqrt(GAIN / math.prod(fans(shape)))",
        "The weights are scaled by the product of both fans. Asked for is the rule by the fan in alone.",
    ),
    *either(
        "bound for the standard deviation",
        "rng.standard_normal(shape) * math.sqrt(3 * GAIN / fan_in)",
        "The variance is three times too large: the factor is the bound of a uniform distribution, and a "
        "normal one is asked for.",
    ),
    *either(
        "uniform with Glorot's bound",
        "rng.uniform(-1, 1, shape) * math.sqrt(6 * GAIN / sum(fans(shape)))",
        "The numbers are drawn from a uniform distribution, by the mean of fan in and fan out. Asked for is "
        "a normal one, by the fan in alone.",
    ),
    *either(
        "drawn uniformly between 0 and 1",
        "rng.random(shape) * math.sqrt(GAIN / fan_in)",
        "The numbers lie between 0 and 1 before they are scaled. Weights have mean 0: rng.standard_normal.",
    ),
    *either(
        "standard deviation given as the mean",
        "rng.normal(math.sqrt(GAIN / fan_in), size=shape)",
        "The standard deviation was given to rng.normal as the mean: all weights are shifted by it, and not "
        "scaled.",
    ),
    *either(
        "mean 1",
        "rng.normal(1, math.sqrt(GAIN / fan_in), shape)",
        "The weights have the mean 1. Draw them with mean 0, so that the products of one output do not all "
        "push the same way.",
    ),
    *either(
        "drawn transposed",
        "rng.standard_normal(shape[::-1]).T * math.sqrt(GAIN / fan_in)",
        "The scale is right, but the numbers stand in other places: they were drawn in another shape. Draw "
        "with rng.standard_normal(shape).",
    ),
    *either(
        "normalised after drawing",
        "(lambda w: (w - w.mean()) / w.std())(rng.standard_normal(shape)) * math.sqrt(GAIN / fan_in)",
        "The numbers were brought to mean 0 and standard deviation 1 after they had been drawn. They are to "
        "be multiplied by the standard deviation, and that is all.",
    ),
    Mistake(
        "uniform instead of normal in MSRA",
        MSRA,
        "rng.uniform(-math.sqrt(6 / fan_in), math.sqrt(6 / fan_in), shape)",
        "The variance is right, but the numbers are drawn from a uniform distribution. Asked for is a normal"
        " one, so that they can be compared.",
    ),
    Mistake(
        "uniform of the wrong width in MSRA",
        MSRA,
        "rng.uniform(-math.sqrt(2 / fan_in), math.sqrt(2 / fan_in), shape)",
        "The numbers are drawn uniformly between minus and plus sqrt(2/n). Their variance is a third of 2/n;"
        " besides, a normal distribution is asked for.",
    ),
    Mistake(
        "not scaled in MSRA",
        MSRA,
        "rng.standard_normal(shape)",
        "These weights have standard deviation 1: they are not scaled yet.",
    ),
    Mistake(
        "scaled by 2 alone",
        MSRA,
        "rng.standard_normal(shape) * math.sqrt(2)",
        "These weights have variance 2: n is missing.",
    ),
    Mistake(
        "a generator of its own in MSRA",
        MSRA,
        "np.random.default_rng(0).standard_normal(shape) * math.sqrt(2 / fan_in)",
        "The scale is right, but the numbers come from default_rng(0) and not from rng. With a generator "
        "made inside, every layer of one shape would get the same weights.",
    ),
    Mistake(
        "fan in missing",
        N_VAR,
        "std**2",
        "A layer's factor is n * Var[w]; n is missing.",
    ),
    Mistake(
        "variance of the weights missing",
        N_VAR,
        "1.0 * fans(shape)[0]",
        "A layer's factor is n * Var[w]; Var[w] is missing.",
    ),
    Mistake(
        "channels alone in the factors",
        N_VAR,
        "shape[1] * std**2",
        "For convolutions the factors are too small: n has the kernel's area in it.",
    ),
    Mistake(
        "number of weights in the factors",
        N_VAR,
        "math.prod(shape) * std**2",
        "Each factor was made with the number of all weights. n counts those of one output.",
    ),
    Mistake(
        "divided by the fan in",
        N_VAR,
        "std**2 / fans(shape)[0]",
        "Var[w] was divided by n. The variances of n products add up: multiply.",
    ),
    Mistake(
        "root of a layer's factor",
        N_VAR,
        "math.sqrt(fans(shape)[0]) * std",
        "A layer's factor is n * Var[w]; here it is the root of that.",
    ),
    Mistake(
        "factors added to mean_square",
        CUMPROD,
        "return mean_square + np.cumsum(factors)",
        "The factors were added up. Each layer multiplies the variance of the one before.",
    ),
    Mistake(
        "factors added up",
        CUMPROD,
        "return mean_square * np.cumsum(factors)",
        "The factors were added up. Each layer multiplies the variance of the one before.",
    ),
    Mistake(
        "mean square at every layer",
        CUMPROD,
        "return np.cumprod(mean_square * factors)",
        "mean_square was multiplied in at every layer. It is the input of the first alone.",
    ),
    Mistake(
        "mean square of the input squared",
        CUMPROD,
        "return mean_square**2 * np.cumprod(factors)",
        "mean_square was squared. It is a mean of squares already.",
    ),
    Mistake(
        "root of the mean square of the input",
        CUMPROD,
        "return math.sqrt(mean_square) * np.cumprod(factors)",
        "The root of mean_square was taken. Variances are mean squares, and so is it.",
    ),
    Mistake(
        "one layer behind",
        CUMPROD,
        "return mean_square * np.cumprod(np.concatenate([np.ones(1), factors[:-1]]))",
        "The numbers are one layer late: the first is the input's mean square, and the last layer's is "
        "missing.",
    ),
    Mistake(
        "input's mean square in front",
        CUMPROD,
        "return mean_square * np.cumprod(np.concatenate([np.ones(1), factors]))",
        "There is one number more than there are layers: the first is the input's own mean square.",
    ),
    Mistake(
        "last layer's variance alone",
        CUMPROD,
        "return mean_square * np.prod(factors)",
        "This is the variance after the last layer. Those after all layers are asked for.",
    ),
    Mistake(
        "from the last layer to the first",
        CUMPROD,
        "return mean_square * np.cumprod(factors[::-1])",
        "The layers were gone through from the last to the first.",
    ),
    Mistake(
        "halved once in all",
        HALVED,
        "factors[1:2] /= 2",
        "The variance was halved once, however many ReLUs stand before the layer. Each halves it.",
    ),
    Mistake(
        "half at the wrong end",
        HALVED,
        "factors[:-1] /= 2",
        "The first layer has the 1/2 and the last one has not. The first layer's input has not been through "
        "a ReLU, the last one's has.",
    ),
    Mistake(
        "quarter at each ReLU",
        HALVED,
        "factors[1:] /= 4",
        "Each ReLU was given the factor 1/4. It lets half of the mean square through.",
    ),
    Mistake(
        "doubled at each ReLU",
        HALVED,
        "factors[1:] *= 2",
        "Each ReLU was given the factor 2. The weights of MSRA's rule make up for the half; a ReLU halves.",
    ),
    Mistake(
        "first layer alone halved",
        HALVED,
        "factors[0] /= 2",
        "The 1/2 stands at the first layer, whose input has not been through a ReLU, and at no other.",
    ),
    Mistake(
        "with and without ReLU exchanged",
        "if relu:",
        "if not relu:",
        "The variance is halved with relu=False, and not with relu=True.",
    ),
    # last, for a wrong fan makes the weights wrong too
    Mistake(
        "fan in and fan out exchanged",
        "return shape[1] * area, shape[0] * area",
        "return shape[0] * area, shape[1] * area",
        "The fan in counts the inputs of one output. The weight's first axis is that of the outputs.",
    ),
    Mistake(
        "kernel area missing",
        "math.prod(shape[2:])",
        "1",
        "For a convolution only the channels were counted. One output sums over all pixels of the kernel as "
        "well.",
    ),
    Mistake(
        "kernel area missing in fan out",
        "shape[0] * area",
        "shape[0]",
        "The fan in has the kernel's area, the fan out has not: one input pixel lies under every pixel of "
        "the kernel once, and each time it takes part in an output.",
    ),
    Mistake(
        "kernel's height taken for both sides",
        "math.prod(shape[2:])",
        "shape[2] ** 2 if len(shape) == 4 else 1",
        "The kernel's area was taken as KH * KH: kernels need not be square.",
    ),
    Mistake(
        "every weight counted",
        "return shape[1] * area, shape[0] * area",
        "return math.prod(shape), math.prod(shape)",
        "This is the number of all weights. One output uses only the weights of its own row, weight[o].",
    ),
    Mistake(
        "kernel area missing in fan in",
        "shape[1] * area",
        "shape[1]",
        "The fan out has the kernel's area, the fan in has not: one output sums over all pixels of the "
        "kernel.",
    ),
    Mistake(
        "sides of the kernel added",
        AREA,
        "sum(shape[2:]) or 1",
        "Height and width of the kernel were added. The pixels of the kernel are their product.",
    ),
    Mistake(
        "kernel's height alone",
        AREA,
        "math.prod(shape[2:3])",
        "Only the height of the kernel was counted. All of its pixels are summed.",
    ),
    Mistake(
        "kernel's width alone",
        AREA,
        "math.prod(shape[3:])",
        "Only the width of the kernel was counted. All of its pixels are summed.",
    ),
    Mistake(
        "kernel's width taken for both sides",
        AREA,
        "shape[3] ** 2 if len(shape) == 4 else 1",
        "The kernel's area was taken as KW * KW: kernels need not be square.",
    ),
    Mistake(
        "fan in for both",
        FANS,
        "return shape[1] * area, shape[1] * area",
        "The fan out is the fan in once more. It counts the outputs in which one input takes part.",
    ),
    Mistake(
        "fan out for both",
        FANS,
        "return shape[0] * area, shape[0] * area",
        "The fan in is the fan out once more. It counts the products that are summed for one output.",
    ),
    Mistake(
        "product of all axes but the last",
        FANS,
        "return shape[1] * area, math.prod(shape[:-1])",
        "The fan out is the product of all axes but the last. It has no input channels in it, but the whole "
        "kernel.",
    ),
    Mistake(
        "kernel's axes taken to come first",
        FANS,
        "return math.prod(shape[:-2]) * shape[-2], math.prod(shape[:-2]) * shape[-1]",
        "The shape was read as (KH, KW, C, O), as some libraries store kernels. Here it is (O, C, KH, KW).",
    ),
    Mistake(
        "last two axes",
        FANS,
        "return shape[-1], shape[-2]",
        "The fans are the last two axes. That fits a linear layer; in a convolution these are the sides of "
        "the kernel.",
    ),
    Mistake(
        "fan out of all inputs",
        FANS,
        "return shape[1] * area, math.prod(shape)",
        "The fan out is the number of all weights. One input uses only those of its own channel.",
    ),
    Mistake(
        "fan in of all outputs",
        FANS,
        "return math.prod(shape), shape[0] * area",
        "The fan in is the number of all weights. One output uses only those of its own row, weight[o].",
    ),
    Mistake(
        "fan in plus fan out",
        FANS,
        "return (shape[0] + shape[1]) * area, (shape[0] + shape[1]) * area",
        "Inputs and outputs were added. The fan in counts the inputs of one output, the fan out the outputs "
        "of one input.",
    ),
]
