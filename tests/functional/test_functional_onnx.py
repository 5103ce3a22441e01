"""The node tests of the ONNX standard: what every backend of ONNX is tested with, through minires's pairs.

Each test is one node, its inputs and the outputs that the standard demands (float32, forward only). A node
whose operator minires has is computed by our pairs, by way of PyTorch's words (`in_torchs_words`), in the
textbook and in the kernels; what they cannot express is counted by its reason.
"""

import math
import warnings

import in_torchs_words as words
import numpy as np
import others_rules as rules
import pytest
from in_torchs_words import ask
from oracles import relative_error
from tally import Tally

from minires import kernels

onnx = pytest.importorskip("onnx", reason='pip install "minires-learn[corpora]"')

pytestmark = pytest.mark.slow

# The expected outputs were computed in float32 themselves, with the sums in another order: unit roundoff 6e-8
# times a factor that grows with the length of the sums.
TOLERANCE = 1e-5
# written down in the standard with four digits after the point, and of size 0.1
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-3}
TRANSLATIONS = {}


def translates(*operators):
    """Note the function as what computes a node: (inputs, attributes, outputs) -> the outputs it must equal.

    outputs: how many the node has.
    """

    def noted(function):
        TRANSLATIONS.update(dict.fromkeys(operators, function))
        return function

    return noted


def geometry(x, kernel, attributes):
    """Return (stride, padding, dilation) for kernel and images x, as pairs or rows of one."""
    axes = len(kernel)
    stride = attributes.get("strides", [1] * axes)
    dilation = attributes.get("dilations", [1] * axes)
    pads = attributes.get("pads", [0] * 2 * axes)
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if auto.startswith("SAME"):
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        outs = [-(-size // s) for size, s in zip(x.shape[2:], stride, strict=True)]
        totals = [
            max((out - 1) * s + span - size, 0)
            for out, s, span, size in zip(outs, stride, spans, x.shape[2:], strict=True)
        ]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        pads = small + large if auto == "SAME_UPPER" else large + small
    ask(pads[:axes] == pads[axes:], "padding of two different sides")
    return tuple(stride), tuple(pads[:axes]), tuple(dilation)


def ask_half(padding, kernel):
    ask(all(2 * p <= k for p, k in zip(padding, kernel, strict=True)), "padding of more than half the kernel")


def on_images(name, x):
    """Return the function for so many axes: conv1d, conv2d."""
    ask(x.ndim < 5, "three axes or more in an image")
    return getattr(words, f"{name}{x.ndim - 2}d")


@translates("Conv")
def conv(inputs, attributes, outputs):
    x, weight, bias = (*inputs, None)[:3]
    stride, padding, dilation = geometry(x, weight.shape[2:], attributes)
    groups = attributes.get("group", 1)
    return [on_images("conv", x)(x, weight, bias, stride, padding, dilation, groups).y]


@translates("MaxPool")
def max_pool(inputs, attributes, outputs):
    (x,), kernel = inputs, tuple(attributes["kernel_shape"])
    stride, padding, dilation = geometry(x, kernel, attributes)
    ask_half(padding, kernel)
    ceil_mode = bool(attributes.get("ceil_mode", 0))
    answer = on_images("max_pool", x)(x, kernel, stride, padding, dilation, ceil_mode, outputs == 2)
    if outputs == 1:
        return [answer.y]
    indices, (h, w) = answer.rest["indices"], x.shape[2:]
    if attributes.get("storage_order", 0):  # counted down the columns
        indices = indices % w * h + indices // w
    return [answer.y, indices + np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], 1, 1) * h * w]


@translates("AveragePool")
def average_pool(inputs, attributes, outputs):
    (x,), kernel = inputs, tuple(attributes["kernel_shape"])
    stride, padding, dilation = geometry(x, kernel, attributes)
    ask_half(padding, kernel)
    function, ceil_mode = on_images("avg_pool", x), bool(attributes.get("ceil_mode", 0))
    ask(set(dilation) == {1}, "dilation in avg_pool2d")
    return [function(x, kernel, stride, padding, ceil_mode, bool(attributes.get("count_include_pad", 0))).y]


@translates("GlobalAveragePool")
def global_average_pool(inputs, attributes, outputs):
    return [words.adaptive_avg_pool2d(*inputs, 1).y]


@translates("GlobalMaxPool")
def global_max_pool(inputs, attributes, outputs):
    (x,) = inputs
    return [words.max_pool2d(x, x.shape[2:]).y]


@translates("BatchNormalization")
def batch_normalization(inputs, attributes, outputs):
    x, gamma, beta, mean, var = inputs
    training, eps = bool(attributes.get("training_mode", 0)), attributes.get("epsilon", 1e-5)
    momentum = 1 - attributes.get("momentum", 0.9)
    answer = words.batch_norm(x, mean, var, gamma, beta, training, momentum, eps)
    if not training:
        return [answer.y]
    # ONNX averages the biased variance, minires (with the paper) the unbiased one
    count = x.size // x.shape[1]
    biased = (answer.rest["running_var"] - (1 - momentum) * var) * (count - 1) / count
    return [answer.y, answer.rest["running_mean"], (1 - momentum) * var + biased]


@translates("InstanceNormalization")
def instance_normalization(inputs, attributes, outputs):
    x, gamma, beta = inputs
    return [words.instance_norm(x, weight=gamma, bias=beta, eps=attributes.get("epsilon", 1e-5)).y]


@translates("GroupNormalization")
def group_normalization(inputs, attributes, outputs):
    x, gamma, beta = inputs
    return [words.group_norm(x, attributes["num_groups"], gamma, beta, attributes.get("epsilon", 1e-5)).y]


@translates("LayerNormalization")
def layer_normalization(inputs, attributes, outputs):
    x, axis = inputs[0], attributes.get("axis", -1)
    answer = words.layer_norm(x, x.shape[axis:], *inputs[1:], eps=attributes.get("epsilon", 1e-5))
    shape = (*x.shape[:axis], *[1] * len(x.shape[axis:]))
    return [answer.y, *(answer.rest[key].reshape(shape) for key in ("mean", "inverse_std"))]


@translates("LRN")
def lrn(inputs, attributes, outputs):
    options = {"alpha": attributes.get("alpha", 1e-4), "beta": attributes.get("beta", 0.75)}
    return [
        words.local_response_norm(*inputs, attributes["size"], k=attributes.get("bias", 1.0), **options).y
    ]


@translates("Relu")
def relu(inputs, attributes, outputs):
    return [words.relu(*inputs).y]


@translates("LeakyRelu")
def leaky_relu(inputs, attributes, outputs):
    return [words.leaky_relu(*inputs, attributes.get("alpha", 0.01)).y]


@translates("Sigmoid")
def sigmoid(inputs, attributes, outputs):
    return [words.sigmoid(*inputs).y]


@translates("Softmax")
def softmax(inputs, attributes, outputs):
    return [words.softmax(*inputs, attributes.get("axis", -1)).y]


@translates("MatMul")
def matmul(inputs, attributes, outputs):
    return [words.matmul(*inputs).y]


@translates("Gemm")
def gemm(inputs, attributes, outputs):
    a, b, *c = inputs
    a, b = a.T if attributes.get("transA") else a, b.T if attributes.get("transB") else b
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    if not c:
        ask(alpha == 1, "a factor in a product")
        return [words.mm(a, b).y]
    return [words.addmm(c[0], a, b, alpha=alpha, beta=beta).y]


@translates("Dropout")
def dropout(inputs, attributes, outputs):
    x, *rest = inputs
    ratio, training = (rest[0] if rest else 0.5), len(rest) == 2 and bool(rest[1])
    kept = np.ones(x.shape, bool)
    if training and ratio:  # the standard's test draws like this; minires takes the mask that it is given
        kept = np.random.RandomState(attributes.get("seed", 0)).uniform(0, 1, x.shape) >= ratio  # noqa: NPY002
    mask = kept.astype(x.dtype) / (1 - ratio if training else 1)
    return [words.dropout(x, mask.astype(x.dtype)).y, kept][:outputs]


@translates("Concat")
def concat(inputs, attributes, outputs):
    return [words.cat(inputs, attributes["axis"]).y]


@translates("Split")
def split(inputs, attributes, outputs):
    x, *sizes = inputs
    axis = attributes.get("axis", 0)
    each = -(-x.shape[axis] // outputs)
    sizes = list(map(int, sizes[0])) if sizes else [each] * (outputs - 1)
    starts = [0, *np.cumsum(sizes)][:outputs]
    ends = [*starts[1:], x.shape[axis]]
    return [words.narrow(x, axis, int(a), int(b - a)).y for a, b in zip(starts, ends, strict=True)]


@translates("Slice")
def slice_(inputs, attributes, outputs):
    x, starts, ends, *rest = inputs
    axes = rest[0] if rest else range(x.ndim)
    steps = rest[1] if len(rest) > 1 else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        ask(step == 1, "every second channel, or backwards")
        first, last, _ = slice(int(start), int(end)).indices(x.shape[axis])
        x = words.narrow(x, int(axis), first, max(last - first, 0)).y
    return [x]


@translates("Flatten")
def flatten(inputs, attributes, outputs):
    (x,) = inputs
    return [words.flatten(x, attributes.get("axis", 1) % x.ndim).y]


@translates("Add")
def add(inputs, attributes, outputs):
    return [words.add(*inputs).y]


@translates("Sum")
def sum_(inputs, attributes, outputs):
    total = inputs[0]
    for array in inputs[1:]:
        total = words.add(total, array).y
    return [total]


@translates("Col2Im")
def col2im(inputs, attributes, outputs):
    x, image, block = inputs
    axes = len(block)
    pads, stride = attributes.get("pads", [0] * 2 * axes), attributes.get("strides", [1] * axes)
    ask(pads[:axes] == pads[axes:], "padding of two different sides")
    dilation = tuple(attributes.get("dilations", [1] * axes))
    size, kernel = tuple(map(int, image)), tuple(map(int, block))
    return [words.fold(x, size, kernel, dilation, tuple(pads[:axes]), tuple(stride)).y]


@translates("SoftmaxCrossEntropyLoss")
def cross_entropy(inputs, attributes, outputs):
    logits, labels, *weight = inputs
    answer = words.cross_entropy(
        logits,
        labels,
        weight[0] if weight else None,
        ignore_index=attributes.get("ignore_index", -100),
        reduction=attributes.get("reduction", b"mean").decode(),
    )
    if outputs == 1:
        return [answer.y]
    probabilities = answer.rest["probabilities"].reshape(len(logits), -1, logits.shape[1])
    return [answer.y, np.log(np.moveaxis(probabilities, -1, 1).reshape(logits.shape))]


@translates("Pad")
def pad(inputs, attributes, outputs):
    x, pads, *rest = inputs
    value = rest[0] if rest else 0
    axes = [int(axis) % x.ndim for axis in (rest[1] if len(rest) > 1 else range(x.ndim))]
    before, after = [0] * x.ndim, [0] * x.ndim
    for axis, first, last in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        before[axis], after[axis] = int(first), int(last)
    ask(not any(before[:-2] + after[:-2]), "padding of other axes than height and width")
    mode = attributes.get("mode", b"constant").decode()
    mode = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    return [words.pad(x, (before[-1], after[-1], before[-2], after[-2]), mode, float(value)).y]


# -- resizing ---------------------------------------------------------------------------------------------


@translates("Resize", "Upsample")
def resize(inputs, attributes, outputs):
    x, roi, scales, sizes = inputs if len(inputs) == 4 else (inputs[0], None, inputs[-1], None)
    axes = [int(axis) % x.ndim for axis in attributes.get("axes", range(x.ndim))]
    new, factors, window = list(x.shape), [1.0] * x.ndim, [(0.0, 1.0)] * x.ndim
    policy = attributes.get("keep_aspect_ratio_policy", b"stretch").decode()
    if sizes is not None and policy != "stretch":
        ratios = [size / x.shape[axis] for axis, size in zip(axes, sizes, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        sizes = [math.floor(x.shape[axis] * ratio + 0.5) for axis in axes]
        scales = [ratio] * len(axes)
    for number, axis in enumerate(axes):
        if scales is not None:
            factors[axis] = float(scales[number])
            new[axis] = math.floor(x.shape[axis] * factors[axis])
        if sizes is not None:
            new[axis] = int(sizes[number])
            factors[axis] = new[axis] / x.shape[axis] if scales is None else factors[axis]
        if roi is not None and len(roi):
            window[axis] = float(roi[number]), float(roi[len(axes) + number])
    ask(new[:-2] == list(x.shape[:-2]), "resizing of other axes than height and width")
    matrices = [resizing(x.shape[a], new[a], factors[a], window[a], attributes) for a in (-2, -1)]
    return [words.resampled(x, *matrices)[0]]


def resizing(size, out, scale, window, attributes):
    """Return the matrix of one axis, by the standard's rules."""
    mode = attributes.get("mode", b"nearest").decode()
    rule = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    if "coordinate_transformation_mode" not in attributes and mode == "nearest":
        rule = "half_pixel"
    i, start, end = np.arange(out), *window
    positions = {
        "half_pixel": lambda: (i + 0.5) / scale - 0.5,
        "half_pixel_symmetric": lambda: size / 2 * (1 - out / (scale * size)) + (i + 0.5) / scale - 0.5,
        "pytorch_half_pixel": lambda: (i + 0.5) / scale - 0.5 if out > 1 else 0.0 * i,
        "align_corners": lambda: i * (size - 1) / (scale * size - 1) if scale * size > 1 else 0.0 * i,
        "asymmetric": lambda: i / scale,
        "tf_crop_and_resize": lambda: (
            (start + i * (end - start) / (out - 1)) * (size - 1)
            if out > 1
            else np.array([(start + end) / 2 * (size - 1)])
        ),
    }[rule]()
    if mode == "nearest":
        rounded = {
            "round_prefer_floor": lambda p: np.ceil(p - 0.5),
            "round_prefer_ceil": lambda p: np.floor(p + 0.5),
            "floor": np.floor,
            "ceil": np.ceil,
        }[attributes.get("nearest_mode", b"round_prefer_floor").decode()]
        return rules.nearest(size, rounded(positions))
    cubic = mode == "cubic"
    weigh, radius = (rules.cubic(attributes.get("cubic_coeff_a", -0.75)), 2) if cubic else (rules.tent, 1)
    shrink = min(scale, 1) if attributes.get("antialias") else 1
    drop = bool(attributes.get("exclude_outside", 0))
    matrix = rules.weighted(size, positions, weigh, radius, shrink=shrink, drop_outside=drop)
    if rule == "tf_crop_and_resize":
        outside = (positions < 0) | (positions > size - 1)
        ask(
            not outside.any() or not attributes.get("extrapolation_value"),
            "padding with another value than 0",
        )
        matrix[outside] = 0
    return matrix


# -- the tests --------------------------------------------------------------------------------------------


def nodes():
    """Yield (name, node, inputs by position, expected outputs) of every test of an operator we have."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the standard's own, of operators that we lack
        cases = collect_testcases(None)
    for case in cases:
        graph = case.model.graph
        if len(graph.node) == 1 and graph.node[0].op_type in TRANSLATIONS and case.data_sets:
            node = graph.node[0]
            given, expected = case.data_sets[0]
            given = iter(given)
            inputs = [next(given) if name else None for name in node.input]
            yield case.name, node, inputs, expected


def compare_node(node, inputs, expected, tolerance):
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for which in ("textbook", "fast"):
        with kernels.use(which):
            found = TRANSLATIONS[node.op_type](inputs, attributes, len(node.output))
        for number, (array, right) in enumerate(zip(found, expected, strict=True)):
            assert array.shape == np.shape(right), f"output {number} ({which}): {array.shape}"
            assert array.dtype == right.dtype, f"output {number} ({which}): {array.dtype}"
            error = relative_error(array, right)
            assert error < tolerance, f"output {number} ({which}): relative error {error:.1e}"


def test_node_tests():
    tally, seen = Tally(), set()
    for name, node, inputs, expected in nodes():
        seen.add(node.op_type)
        tally.take(
            f"{name} ({node.op_type})",
            lambda: compare_node(node, inputs, expected, ROUNDED.get(name, TOLERANCE)),  # noqa: B023
        )
    assert seen == set(TRANSLATIONS)
    tally.report(most=0.25)
