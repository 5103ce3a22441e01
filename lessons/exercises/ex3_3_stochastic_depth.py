"""Exercise 3.3: Stochastic depth.

In every training step, stochastic depth leaves out some residual blocks, others each time (Huang et al. 2016,
arXiv:1603.09382). Block l of L has a survival probability p_l. By the linear rule, equation 4 of the paper,

    p_l = 1 - l / L * (1 - p_L)        l = 1, 2, ..., L;  p_L is chosen, often 0.5

so early blocks, on which all others build, survive more often. In training a block draws a gate, which is 1
with probability p_l and else 0, and computes (equation 2)

    y = relu(gate * F(x) + x)

With gate 0 the branch F is left out and the shortcut remains. One gate serves the whole batch. When the
network is tested, no gate is drawn: every branch takes part, multiplied by its p_l (equation 5). So one
function does for training and test if it is given the gate: 0, 1 or p_l.

Here the branch is short: F(x) = conv(relu(x), weight) with a 3x3 kernel. It is finished (branch_forward,
branch_backward), and so is what provided.py holds.
"""

import numpy as np
from provided import conv2d_backward, conv2d_forward, relu_backward, relu_forward


def branch_forward(x, weight):
    """Return F(x), like x, and the branch's cache. Finished. x: (N, C, H, W); weight: (C, C, 3, 3)."""
    active, relu_cache = relu_forward(x)
    branch, conv_cache = conv2d_forward(active, weight, padding=1)
    return branch, (relu_cache, conv_cache)


def branch_backward(dbranch, cache):
    """Return dx and dweight of the branch alone. Finished. dbranch: of the shape of F(x)."""
    relu_cache, conv_cache = cache
    dactive, dweight = conv2d_backward(dbranch, conv_cache)
    return relu_backward(dactive, relu_cache), dweight


def survival_probabilities(blocks, last):
    """Return p_1, ..., p_L by the linear rule above, as an array of float64.

    blocks: L, at least 1; last: p_L, the survival probability of the last block. The array has the shape
    (L,).

    >>> survival_probabilities(4, 0.5)
    array([0.875, 0.75 , 0.625, 0.5  ])
    """
    # solution
    block = np.arange(1, blocks + 1)
    return 1 - block / blocks * (1 - last)
    # end of solution


def choose_gate(survival, train, rng):
    """Return the number by which the branch is multiplied, a float.

    survival: p_l; train: True in training, False at test time; rng: a numpy.random.Generator.

    In training: draw one number u, uniformly distributed between 0 and 1, with rng.random(). The gate is 1.0
    if u is below survival, else 0.0. At test time: draw nothing; the gate is survival.

    >>> choose_gate(0.8, False, np.random.default_rng(0))
    0.8
    >>> rng = np.random.default_rng(0)  # its first numbers: 0.64, 0.27, 0.04, 0.02, 0.81
    >>> [choose_gate(0.5, True, rng) for _ in range(5)]
    [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    # solution
    if not train:
        return survival
    return float(rng.random() < survival)
    # end of solution


def stochastic_block_forward(x, weight, gate):
    """Return y = relu(gate * F(x) + x), and a cache with what backward will need.

    x: (N, C, H, W); weight: (C, C, 3, 3); gate: a number, 0 or 1 in training, p_l at test time. y: like x.
    The branch of a gate 0 need not be computed; it may be.

    >>> x = np.array([[[[1.0, -2.0], [3.0, 4.0]]]])
    >>> centre = np.zeros((1, 1, 3, 3))
    >>> centre[0, 0, 1, 1] = 1.0  # the kernel that leaves an image as it is
    >>> y, cache = stochastic_block_forward(x, 8 * centre, 0.5)
    >>> y[0, 0]  # relu(0.5 * 8 * relu(x) + x)
    array([[ 5.,  0.],
           [15., 20.]])
    """
    # solution
    branch, branch_cache = branch_forward(x, weight)
    total = gate * branch + x
    y, relu_cache = relu_forward(total)
    return y, (gate, branch_cache, relu_cache)
    # end of solution


def stochastic_block_backward(dy, cache):
    """Return dx and dweight: the loss's gradients, each of the shape of its array.

    dy: like y; cache: of stochastic_block_forward. Whatever the gate is, both are returned as arrays:
    where the branch had no part in y, dweight is zeros.

    >>> x = np.array([[[[1.0, -2.0], [3.0, 4.0]]]])
    >>> centre = np.zeros((1, 1, 3, 3))
    >>> centre[0, 0, 1, 1] = 1.0
    >>> _, cache = stochastic_block_forward(x, 8 * centre, 0.5)
    >>> dx, dweight = stochastic_block_backward(np.array([[[[1.0, 1.0], [0.0, 2.0]]]]), cache)
    >>> dx[0, 0]  # where y is positive, dy + 0.5 * 8 * dy
    array([[ 5.,  0.],
           [ 0., 10.]])
    >>> float(dweight[0, 0, 1, 1])  # 0.5 * (1 * 1 + 2 * 4)
    4.5
    """
    # solution
    gate, branch_cache, relu_cache = cache
    dtotal = relu_backward(dy, relu_cache)  # into the sum of both paths
    dx_branch, dweight = branch_backward(gate * dtotal, branch_cache)
    dx = dx_branch + dtotal  # the shortcut has no gate
    return dx, dweight
    # end of solution


# Nothing from here on is handed out.

import math

from minires.course.parts import Mistake, Part

LESSON = 21
CLEAR = 1e-3  # no input of a ReLU may be nearer to 0: rounding could decide on which side it lies


def probability_cases(rng):
    """Return numbers of blocks, one among them, with last probabilities on both sides of a half."""
    drawn = {"blocks": int(rng.integers(6, 20)), "last": round(rng.uniform(0.55, 0.95), 3)}
    chosen = [(4, 0.5), (2, 0.2), (1, 0.6), (54, 0.5), (3, 0.9)]
    return [*({"blocks": blocks, "last": last} for blocks, last in chosen), drawn]


def gate_cases(rng):
    """Return tests, and seeds whose first number lies below and above the survival probability.

    There are many, for a gate is 0 or 1, and two mistakes must not have all of them in common.
    """
    cases = [{"survival": 0.8, "train": False, "rng": 0}, {"survival": 0.3, "train": False, "rng": 1}]
    chosen = [(0.8, True), (0.8, False), (0.3, True), (0.3, False), (0.6, True), (1.0, True)]
    drawn = [(round(survival, 2), i % 2 == 0) for i, survival in enumerate(rng.uniform(0.2, 0.8, 24))]
    for survival, survives in [*chosen, *drawn]:
        while True:
            seed = int(rng.integers(2**31))
            first = np.random.default_rng(seed).random()
            if (first < survival) == survives and abs(first - survival) > 0.05:
                break
        cases.append({"survival": survival, "train": True, "rng": seed})
    return cases


def block_cases(rng):
    """Return inputs with open, closed and scaled gates, on images of any shape; x has both signs."""
    sizes = [
        (1, 1, (2, 2), 0.8),
        (1, 2, (3, 4), 1.0),
        (3, 2, (4, 2), 0.0),
        (2, 3, (3, 2), 0.3),
        (1, 2, (1, 5), 0.0),
        (2, 1, (4, 3), 1.0),
        (2, 2, (2, 3), 0.6),
    ]
    return [draw(rng, n, c, size, gate, 1 if i == 0 else 15) for i, (n, c, size, gate) in enumerate(sizes)]


def draw(rng, batch, channels, size, gate, decimals):
    """Return inputs for which the inputs of both ReLUs are clear of 0, and so are sums gated wrongly: rounded
    numbers could cancel there."""
    while True:
        x = rng.standard_normal((batch, channels, *size)).round(decimals)
        weight = rng.standard_normal((channels, channels, 3, 3)).round(decimals)
        branch = branch_forward(x, weight)[0]
        total = gate * branch + x
        wrong = np.stack([branch + x, branch + gate * x, (1 - gate) * branch + x, branch])
        clear = gate in (0, 1) or np.abs(wrong).min() > CLEAR
        if clear and all(np.abs(a).min() > CLEAR and (a > 0).any() and (a < 0).any() for a in (x, total)):
            return {"x": x, "weight": weight, "gate": gate}


def large(rng, inputs=30_000):
    """Return one image; no ReLU is likely to be as near to its edge as rounding is."""
    side = math.isqrt(inputs // 2)
    x, weight = rng.standard_normal((1, 2, side, side)), rng.standard_normal((2, 2, 3, 3))
    return {"x": x, "weight": weight, "gate": 0.6}


PARTS = [
    Part(
        "survival_probabilities",
        returns=("probabilities",),
        cases=probability_cases,
        hints=(
            "A straight line in l: it would be 1 at l = 0, and it is p_L at l = L.",
            "From each block to the next, p falls by (1 - p_L) / L. The first step is taken before block 1.",
            "np.arange(1, blocks + 1) holds every l; the rule can be applied to the whole array at once.",
        ),
    ),
    Part(
        "choose_gate",
        returns=("gate",),
        cases=gate_cases,
        hints=(
            "A number that is uniformly distributed between 0 and 1 lies below p with probability p.",
            "The gate's mean in training is 1 * p + 0 * (1 - p) = p. At test time the branch is "
            "multiplied by that mean.",
            "Ask train first: only in training may a number be drawn. float() makes 1.0 or 0.0 of a "
            "comparison.",
        ),
    ),
    Part(
        "stochastic_block_forward",
        returns=("y", "cache"),
        cases=block_cases,
        hints=(
            "The gate acts on the branch and on nothing else; the ReLU comes last.",
            "Inside the ReLU stands x with gate 0, F(x) + x with gate 1, and p_l * F(x) + x at test time.",
            "Three steps: branch_forward, the gated sum, relu_forward. Keep both caches, and the gate.",
        ),
    ),
    Part(
        "stochastic_block_backward",
        after="stochastic_block_forward",
        returns=("dx", "dweight"),
        cases=block_cases,
        large=large,
        points=2,
        hints=(
            "Walk back from the last step of forward to its first: the ReLU, the gated sum, the branch.",
            "total = gate * branch + x: the branch receives gate times the gradient of total, and x that "
            "gradient as it is. What the branch makes of its share is added to it.",
            "relu_backward gives dtotal; branch_backward takes gate * dtotal and returns two gradients, of "
            "which dweight is finished. A gate of 0 gives zeros by itself.",
        ),
    ),
]

RULE = "return 1 - block / blocks * (1 - last)"
DRAWN = "return float(rng.random() < survival)"
TOTAL = "total = gate * branch + x"
RELU = "y, relu_cache = relu_forward(total)"
MASKED = "dtotal = relu_backward(dy, relu_cache)"
GATED = "dx_branch, dweight = branch_backward(gate * dtotal, branch_cache)"
SUM = "dx = dx_branch + dtotal"
AT_TEST = "return survival\n"

MISTAKES = [
    Mistake(
        "l counted from 0",
        "block = np.arange(1, blocks + 1)",
        "block = np.arange(blocks)",
        "l begins with 0, so the first block always survives and the last one has not yet reached p_L. In "
        "the rule l is 1 for the first block.",
    ),
    Mistake(
        "first block always survives",
        RULE,
        "return np.linspace(1, last, blocks)",
        "The line runs from 1 at the first block. The rule is 1 at l = 0, which is the network's input; the "
        "first block already lies one step below.",
    ),
    Mistake(
        "p_L taken for the chance of being dropped",
        RULE,
        "return 1 - block / blocks * last",
        "The last block came out with 1 - p_L instead of p_L: last is the probability to survive, not to be "
        "left out.",
    ),
    Mistake(
        "chance of being dropped",
        RULE,
        "return block / blocks * (1 - last)",
        "These are the probabilities of being left out; one minus them survive.",
    ),
    Mistake(
        "the same for all blocks",
        RULE,
        "return np.full(blocks, 1.0 * last)",
        "Every block got p_L. The linear rule leads from nearly 1 at the first block to p_L at the last.",
    ),
    Mistake(
        "survives with probability 1 - p",
        DRAWN,
        "return float(rng.random() >= survival)",
        "The gate is open where it should be closed and closed where it should be open: a number between 0 "
        "and 1 lies below p with probability p.",
    ),
    Mistake(
        "gate divided by p in training",
        DRAWN,
        "return float(rng.random() < survival) / survival",
        "An open gate is 1 / p, as in most programs for dropout. Stochastic depth, as the paper has it, "
        "leaves the training as it is and scales in the test; here both were done.",
    ),
    Mistake(
        "not scaled at test time",
        "return survival",
        "return 1.0",
        "At test time the branch was used at full strength. In training it took part only with probability "
        "p, so at test time it is multiplied by p.",
    ),
    Mistake(
        "gate drawn at test time",
        "if not train:",
        "if False:",
        "A gate was drawn at test time too. There the result must not depend on chance: every branch "
        "takes part, multiplied by p.",
    ),
    Mistake(
        "no gate in training",
        "if not train:",
        "if True:",
        "In training as well the branch is multiplied by p. There it is drawn whether it takes part: 0 or 1.",
    ),
    Mistake(
        "modes exchanged",
        "if not train:",
        "if train:",
        "Training and test are exchanged: it is training that draws, and the test that scales.",
    ),
    Mistake(
        "shortcut dropped with the branch",
        TOTAL,
        "total = gate * (branch + x)",
        "The gate was applied to the whole sum, so a closed block outputs nothing and the network ends "
        "there. Only the branch is gated.",
    ),
    Mistake(
        "gate on the shortcut",
        TOTAL,
        "total = branch + gate * x",
        "The gate was applied to x. It belongs to the branch; the shortcut is always there.",
    ),
    Mistake(
        "gate forgotten",
        TOTAL,
        "total = branch + x",
        "The branch takes part at full strength whatever the gate is.",
    ),
    Mistake(
        "shortcut missing",
        TOTAL,
        "total = gate * branch",
        "x was not added: y is the ReLU of the gated branch alone.",
    ),
    Mistake(
        "gate taken as yes or no",
        TOTAL,
        "total = branch + x if gate else 0 * branch + x",
        "A gate between 0 and 1 was treated like 1. At test time the gate is a factor, p.",
    ),
    Mistake(
        "last ReLU missing",
        RELU,
        "_, relu_cache = relu_forward(total)\n    y = total",
        "y is the sum before its ReLU: where it is negative, y should be 0.",
    ),
    Mistake(
        "ReLU before the addition",
        f"{TOTAL}\n    {RELU}",
        "y, relu_cache = relu_forward(gate * branch)\n    y = y + x",
        "The ReLU was applied to the branch, and x was added after it. It is the sum that goes through the "
        "ReLU.",
    ),
    Mistake(
        "gate missing in backward",
        GATED,
        GATED.replace("gate * ", ""),
        "The branch received the gradient of the sum without the gate. What forward multiplies by gate, "
        "backward multiplies by gate too.",
    ),
    Mistake(
        "gate applied twice",
        GATED,
        GATED.replace("gate * ", "gate * gate * "),
        "The branch's gradients hold the gate twice. Forward used it once. (With 0 and 1 nobody sees the "
        "difference, but with p.)",
    ),
    Mistake(
        "gate taken as yes or no in backward",
        GATED,
        GATED.replace("gate * ", "(gate > 0) * "),
        "A gate between 0 and 1 was treated like 1 in backward, though forward multiplied by it.",
    ),
    Mistake(
        "dweight without the gate",
        GATED,
        GATED.replace("gate * ", "") + "\n    dx_branch = gate * dx_branch",
        "The gate reached dx only. weight stands in the gated branch as well: dweight holds the same "
        "factor, and is 0 if the branch is left out.",
    ),
    Mistake(
        "gate on the shortcut's gradient",
        SUM,
        "dx = dx_branch + gate * dtotal",
        "The gradient on the shortcut was multiplied by the gate; x was added without it.",
    ),
    Mistake(
        "nothing passes a closed block",
        SUM,
        "dx = dx_branch + (gate > 0) * dtotal",
        "With gate 0, dx is 0. Only the branch is left out; on the shortcut the gradient runs on to the "
        "blocks before.",
    ),
    Mistake(
        "shortcut missing in backward",
        SUM,
        "dx = dx_branch",
        "dx holds only what comes back through the branch. x was added to it, and that use has a gradient "
        "too.",
    ),
    Mistake(
        "branch missing in backward",
        SUM,
        "dx = dtotal",
        "dx holds only what comes back on the shortcut: the branch's gradient with respect to x was left "
        "out, or overwritten. Gradients of two uses of x are added up.",
    ),
    Mistake(
        "shortcut past the last ReLU",
        SUM,
        "dx = dx_branch + dy",
        "On the shortcut dy itself was passed on. The ReLU comes after the addition, so both paths begin "
        "after its mask.",
    ),
    Mistake(
        "last ReLU left out in backward",
        MASKED,
        "dtotal = dy",
        "dy was passed on where y is 0. The last ReLU lets nothing through there.",
    ),
    Mistake(
        "mask from the wrong tensor",
        MASKED,
        "dtotal = np.where(dy > 0, dy, 0)",
        "The last ReLU's mask was taken from dy. It asks whether the ReLU's input was positive, in forward.",
    ),
    Mistake(
        "input modified in place",
        SUM,
        "dy[...] = dtotal\n    dx = dx_branch + dy",
        "",
    ),
    Mistake(
        "divided by L + 1",
        RULE,
        "return 1 - block / (blocks + 1) * (1 - last)",
        "l was divided by L + 1, so the last block has not reached p_L. There are L blocks, and l / "
        "L is 1 at the last.",
    ),
    Mistake(
        "divided by L - 1",
        RULE,
        'with np.errstate(all="ignore"):\n        return 1 - block / (blocks - 1) * (1 - last)',
        "l was divided by L - 1, so the last block lies below p_L. l runs from 1 to L, and l / L is "
        "1 at the last.",
    ),
    Mistake(
        "rises to p_L",
        RULE,
        "return block / blocks * last",
        "The probabilities rise from nearly 0 to p_L. They fall from nearly 1 to p_L: early blocks "
        "survive more often.",
    ),
    Mistake(
        "last block first",
        RULE,
        "return (1 - block / blocks * (1 - last))[::-1]",
        "The first block has p_L. Early blocks, on which all others build, survive more often; p_L "
        "belongs to the last.",
    ),
    Mistake(
        "parenthesis around the quotient missing",
        RULE,
        "return 1 - block / (blocks * (1 - last))",
        "1 - p_L stands below the line. It is a factor: (l / L) * (1 - p_L).",
    ),
    Mistake(
        "parenthesis around 1 - l / L",
        RULE,
        "return (1 - block / blocks) * (1 - last)",
        "1 was taken into the first parenthesis. l / L * (1 - p_L) is subtracted from 1 as a whole.",
    ),
    Mistake(
        "parenthesis around 1 - p_L missing",
        RULE,
        "return 1 - block / blocks * 1 - last",
        "The parenthesis around 1 - p_L is missing, so p_L was subtracted as it is.",
    ),
    Mistake(
        "falls to p_L from 1 by multiplying",
        RULE,
        "return (1.0 * last) ** (block / blocks)",
        "Each block has the same fraction of the one before, p_L^(l / L). The linear rule takes the "
        "same amount off each time.",
    ),
    Mistake(
        "one probability too many",
        "block = np.arange(1, blocks + 1)",
        "block = np.arange(blocks + 1)",
        "There are L + 1 numbers: l = 0 is the network's input, not a block.",
    ),
    Mistake(
        "last block missing",
        "block = np.arange(1, blocks + 1)",
        "block = np.arange(1, blocks)",
        "There are L - 1 numbers: np.arange ends before its second argument.",
    ),
    Mistake(
        "whole-number division",
        RULE,
        "return 1 - block // blocks * (1.0 - last)",
        "l / L was rounded down: // divides whole numbers.",
    ),
    Mistake(
        "l counted from 2",
        "block = np.arange(1, blocks + 1)",
        "block = np.arange(2, blocks + 2)",
        "The numbers are one block ahead: l is 1 for the first block.",
    ),
    Mistake(
        "scaled in training, not at test time",
        f"{AT_TEST}    {DRAWN}",
        "return 1.0\n    return float(rng.random() < survival) / survival",
        "An open gate is 1 / p, and at test time the gate is 1, as in most programs for dropout. "
        "Stochastic depth, as the paper has it, leaves the training as it is and scales in the test.",
    ),
    Mistake(
        "1 - p at test time",
        AT_TEST,
        "return 1 - survival\n",
        "At test time the branch is multiplied by the probability of being left out; it is "
        "multiplied by that to survive.",
    ),
    Mistake(
        "closed at test time",
        AT_TEST,
        "return 0.0\n",
        "At test time every branch is left out. There every branch takes part, multiplied by p.",
    ),
    Mistake(
        "gate multiplied by p in training",
        DRAWN,
        "return float(rng.random() < survival) * survival",
        "An open gate is p in training. It is 1 there; p is for the test.",
    ),
    Mistake(
        "fair coin",
        DRAWN,
        "return float(rng.random() < 0.5)",
        "The number was compared with 1/2, whatever survival is.",
    ),
    Mistake(
        "drawn from a normal distribution",
        DRAWN,
        "return float(rng.standard_normal() < survival)",
        "The number was drawn from a normal distribution. Only of a uniform one does the fraction p "
        "lie below p: rng.random().",
    ),
    Mistake(
        "drawn with rng.binomial",
        DRAWN,
        "return float(rng.binomial(1, survival))",
        "The gate was drawn with rng.binomial: the probabilities are right, but the numbers differ "
        "from those of rng.random(), which is asked for so that they can be compared.",
    ),
    Mistake(
        "drawn with rng.integers",
        DRAWN,
        "return float(rng.integers(0, 2))",
        "The gate is 0 or 1 with equal probability, whatever survival is.",
    ),
    Mistake(
        "second number",
        DRAWN,
        "rng.random()\n    return float(rng.random() < survival)",
        "Two numbers were drawn, and the second decided. One gate takes one number.",
    ),
    Mistake(
        "1 - u compared",
        DRAWN,
        "return float(1 - rng.random() < survival)",
        "Either 1 - u was compared with survival, or the gate was drawn with rng.choice; look which your "
        "code does. The probability is right, but the gate is to be 1 if u itself is below.",
    ),
    Mistake(
        "the drawn number itself",
        DRAWN,
        "return rng.random()",
        "The number u itself is the gate. It only decides: 1.0 below survival, else 0.0.",
    ),
    Mistake(
        "always open in training",
        DRAWN,
        "return 1.0",
        "The gate is always open in training. It is drawn there.",
    ),
    Mistake(
        "gate turned around",
        TOTAL,
        "total = (1 - gate) * branch + x",
        "The branch was multiplied by 1 - gate: it is left out with gate 1.",
    ),
    Mistake(
        "divided by the gate",
        TOTAL,
        "total = branch / gate + x",
        "The branch was divided by the gate, which fails at 0. The gate is a factor.",
    ),
    Mistake(
        "gate squared",
        TOTAL,
        "total = gate * gate * branch + x",
        "The branch was multiplied by the gate twice.",
    ),
    Mistake(
        "shortcut subtracted",
        TOTAL,
        "total = gate * branch - x",
        "x was subtracted; it is to be added.",
    ),
    Mistake(
        "ReLU on the branch too",
        TOTAL,
        "total = gate * np.maximum(branch, 0) + x",
        "The branch went through a ReLU of its own before the addition, so it cannot subtract from "
        "x. The only ReLU after it comes after the addition.",
    ),
    Mistake(
        "activated x on the shortcut",
        TOTAL,
        "total = gate * branch + np.maximum(x, 0)",
        "The ReLU of x was added. The shortcut carries x itself.",
    ),
    Mistake(
        "ReLU of each path",
        f"{TOTAL}\n    {RELU}",
        "total = gate * branch + x\n"
        "    y, relu_cache = relu_forward(np.maximum(gate * branch, 0) + np.maximum(x, 0))",
        "Each path went through a ReLU of its own. It is the sum that goes through the ReLU.",
    ),
    Mistake(
        "closed block without its ReLU",
        RELU,
        "y, relu_cache = relu_forward(total)\n    y = y if gate else x",
        "With gate 0, x was returned as it came. Only the branch is left out; the ReLU after the "
        "addition remains.",
    ),
    Mistake(
        "closed block outputs nothing",
        TOTAL,
        "total = gate * branch + x if gate else 0 * x",
        "With gate 0 the output is 0. Only the branch is left out; the shortcut remains.",
    ),
    Mistake(
        "dx without the gate",
        GATED,
        GATED + "\n    dx_branch = branch_backward(dtotal, branch_cache)[0]",
        "The gate reached dweight only. x goes into the gated branch as well: what the branch "
        "returns for x has the same factor.",
    ),
    Mistake(
        "gate turned around in backward",
        GATED,
        GATED.replace("gate * ", "(1 - gate) * "),
        "The branch received 1 - gate times the gradient. What forward multiplies by gate, backward "
        "multiplies by gate too.",
    ),
    Mistake(
        "divided by the gate in backward",
        GATED,
        GATED.replace("gate * dtotal", "dtotal / gate"),
        "The gradient was divided by the gate. What forward multiplies by gate, backward multiplies "
        "by gate too.",
    ),
    Mistake(
        "branch past the last ReLU",
        GATED,
        GATED.replace("dtotal", "dy"),
        "The branch received dy without the mask of the last ReLU. The ReLU comes after the "
        "addition, so both paths begin after its mask.",
    ),
    Mistake(
        "closed block: gradient without the mask",
        SUM,
        "dx = dx_branch + (dtotal if gate else dy)",
        "With gate 0, dx is dy. Only the branch is left out: the ReLU after the addition remains, "
        "and its mask holds for the shortcut too.",
    ),
    Mistake(
        "last ReLU's mask at the very end",
        f"{GATED}\n    {SUM}",
        "dx_branch, dweight = branch_backward(gate * dy, branch_cache)\n"
        "    dx = relu_backward(dx_branch + dy, relu_cache)",
        "The mask of the last ReLU was applied to the finished dx. In forward that ReLU is the last "
        "step, so on the way back it is the first.",
    ),
    Mistake(
        "mask turned around",
        MASKED,
        "dtotal = np.where(relu_cache, 0, dy)",
        "The gradient passed where the ReLU's input was negative, and was stopped where it was "
        "positive. It is the other way round.",
    ),
    Mistake(
        "mask of the branch's ReLU",
        MASKED,
        "dtotal = relu_backward(dy, branch_cache[0])",
        "dy was masked by the ReLU inside the branch. The one after the addition has a cache of its own.",
    ),
    Mistake(
        "shortcut through the branch's ReLU",
        SUM,
        "dx = dx_branch + relu_backward(dtotal, branch_cache[0])",
        "The shortcut's gradient was masked by the ReLU inside the branch. The shortcut runs past "
        "the branch.",
    ),
    Mistake(
        "shortcut counted twice in backward",
        SUM,
        "dx = dx_branch + 2 * dtotal",
        "The shortcut's gradient stands in dx twice. x was added once.",
    ),
    Mistake(
        "branch subtracted in backward",
        SUM,
        "dx = dtotal - dx_branch",
        "The branch's gradient was subtracted: the gradients of two uses are added up.",
    ),
    Mistake(
        "shortcut subtracted in backward",
        SUM,
        "dx = dx_branch - dtotal",
        "The shortcut's gradient was subtracted: the gradients of two uses are added up.",
    ),
    Mistake(
        "mean of the two paths",
        SUM,
        "dx = (dx_branch + dtotal) / 2",
        "dx is half of what it should be: the gradients of two uses are added up, not averaged.",
    ),
    Mistake(
        "paths multiplied",
        SUM,
        "dx = dx_branch * dtotal",
        "The gradients of the two paths were multiplied. They are added up.",
    ),
    Mistake(
        "gate on both paths at the end",
        SUM,
        "dx = gate * (dx_branch + dtotal)",
        "The finished dx was multiplied by the gate. Only the branch is gated; the shortcut has no "
        "gate, and the branch's gradient has it already.",
    ),
    Mistake(
        "dweight is None with gate 0",
        "return dx, dweight\n",
        "return dx, (dweight if gate else None)\n",
        "With gate 0, dweight is None. It is an array of zeros then, so that an optimizer can go on.",
    ),
    Mistake(
        "dweight is zero",
        "return dx, dweight\n",
        "return dx, np.zeros_like(dweight)\n",
        "dweight is zero whatever the gate is, so the branch would never learn.",
    ),
    Mistake(
        "dweight averaged over the batch",
        "return dx, dweight\n",
        "return dx, dweight / len(dy)\n",
        "dweight was divided by N. Whether the loss is a mean over the batch stands in dy already.",
    ),
    Mistake(
        "gate on the shortcut's gradient of an open block",
        SUM,
        "dx = dx_branch + (gate * dtotal if gate else dtotal)",
        "Unless the gate is 0, the gradient on the shortcut was multiplied by it; x was added without it.",
    ),
    Mistake(
        "branch's ReLU left out in backward",
        GATED,
        GATED + "\n    dx_branch = conv2d_backward(gate * dtotal, branch_cache[1])[0]",
        "In dx the ReLU at the beginning of the branch is missing: where x is negative, nothing may "
        "come back through the branch.",
    ),
]
