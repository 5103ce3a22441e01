"""What `minires gradcheck` runs: every pair, layer and block on small inputs chosen to expose mistakes.

Non-square images and kernels, strides above 1, padding, a batch of 1, both modes. A new layer is a new row.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

import minires.functional as F
from minires import models
from minires.gradcheck import check_directional, check_function, check_gradients
from minires.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Channels,
    Concat,
    Conv2d,
    DropConnect,
    Dropout,
    Flatten,
    GatedResidual,
    GlobalAvgPool2d,
    Identity,
    Linear,
    LocalResponseNorm,
    Maxout,
    MaxPool2d,
    PadShortcut,
    Recompute,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
    Softmax,
    StochasticDepth,
    Upsample,
)

ELEMENTS = 60  # checked of each tensor; the rest are drawn with another seed


@dataclass
class Case:
    """One check. name: what the command's user types; variant: a word on the input; run(rng) -> report."""

    name: str
    variant: str
    run: Callable


def cases(name=None):
    """Return the list of all Cases, or of those called name.

    Raises ValueError for an unknown name, with the known ones.
    """
    every = [case for group in GROUPS for case in group()]
    chosen = [case for case in every if name in (None, case.name)]
    if not chosen:
        known = list(dict.fromkeys(case.name for case in every))
        near = difflib.get_close_matches(name.lower(), known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"unknown check {name!r}; {hint}")
    return chosen


def _pair_case(name, variant, forward, backward, *shapes, extra=(), **options):
    """A pure pair on normal inputs of these shapes; extra: further inputs, or functions of rng."""

    def run(rng):
        inputs = [rng.standard_normal(shape) for shape in shapes]
        inputs += [value(rng) if callable(value) else value for value in extra]
        title = f"{name}, {variant}"
        return check_function(
            forward, backward, inputs, rng=rng, title=title, max_elements=ELEMENTS, **options
        )

    return Case(name, variant, run)


def _convolutions():
    conv = [
        ("3x2 kernel, stride (2, 1), padding (1, 2)", (2, 3, 7, 6), (4, 3, 3, 2), 1, (2, 1), (1, 2)),
        ("3x3 kernel, padding 1, batch 1", (1, 3, 5, 6), (4, 3, 3, 3), 1, 1, 1),
        ("1x1 kernel, stride 2", (2, 3, 5, 6), (4, 3, 1, 1), 1, 2, 0),
        ("two groups", (2, 4, 5, 6), (6, 2, 3, 3), 2, 1, 1),
    ]
    for variant, x, weight, groups, stride, padding in conv:
        forward = partial(F.conv2d_forward, stride=stride, padding=padding, groups=groups)
        yield _pair_case("conv2d", variant, forward, F.conv2d_backward, x, weight, (weight[0],))
    forward = partial(F.conv2d_forward, padding=1)
    yield _pair_case(
        "conv2d", "no bias", forward, F.conv2d_backward, (2, 3, 4, 6), (4, 3, 3, 3), extra=(None,)
    )


def _elementwise_and_norms():
    yield _pair_case("linear", "5 to 3", F.linear_forward, F.linear_backward, (4, 5), (3, 5), (3,))
    for kind in ("relu", "sigmoid", "softmax"):
        pair = getattr(F, f"{kind}_forward"), getattr(F, f"{kind}_backward")
        yield _pair_case(kind, "3x7", *pair, (3, 7))
    for variant, shape in (("images", (3, 4, 3, 5)), ("batch 1", (1, 3, 4, 5)), ("vectors", (6, 4))):
        pair = F.batch_norm_train_forward, F.batch_norm_train_backward
        yield _pair_case("batch_norm_train", variant, *pair, shape, shape[1:2], shape[1:2])
    yield _pair_case(
        "batch_norm_eval",
        "images",
        F.batch_norm_eval_forward,
        F.batch_norm_eval_backward,
        *[(3, 4, 3, 5), (4,), (4,), (4,)],
        extra=(lambda rng: rng.uniform(0.5, 2.0, 4),),
        fixed=("running_mean", "running_var"),
    )
    for size in (5, 4):
        # The papers' alpha of 1e-4 would leave almost nothing of the path through the neighbours.
        forward = partial(F.local_response_norm_forward, size=size, alpha=0.5, k=1.0)
        backward = F.local_response_norm_backward
        yield _pair_case("local_response_norm", f"size {size}", forward, backward, (2, 7, 3, 4))


def _pools():
    pools = [
        (
            "3x2 windows, stride 2, padding 1",
            (2, 3, 7, 8),
            {"kernel_size": (3, 2), "stride": 2, "padding": 1},
        ),
        ("ceil mode", (1, 3, 6, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ]
    for kind in ("max_pool2d", "avg_pool2d"):
        for variant, shape, options in pools:
            forward = partial(getattr(F, f"{kind}_forward"), **options)
            yield _pair_case(kind, variant, forward, getattr(F, f"{kind}_backward"), shape)
    pair = F.global_avg_pool2d_forward, F.global_avg_pool2d_backward
    yield _pair_case("global_avg_pool2d", "4x5", *pair, (2, 3, 4, 5))
    forward = partial(F.channels_forward, start=1, stop=3)
    yield _pair_case("channels", "1 to 3", forward, F.channels_backward, (2, 4, 3, 2))
    yield _pair_case("flatten", "4x5", F.flatten_forward, F.flatten_backward, (2, 3, 4, 5))


def _wiring():
    yield _pair_case(
        "dropout",
        "keep 0.6",
        F.dropout_forward,
        F.dropout_backward,
        (4, 9),
        extra=(lambda rng: (rng.random((4, 9)) < 0.6) / np.full((4, 9), 0.6),),
        fixed=("mask",),
    )
    pair = F.residual_add_forward, F.residual_add_backward
    yield _pair_case("residual_add", "images", *pair, (2, 3, 4, 5), (2, 3, 4, 5))
    for name in ("gate", "shortcut_gate"):
        pair = getattr(F, f"{name}_forward"), getattr(F, f"{name}_backward")
        yield _pair_case(name, "images", *pair, *[(2, 3, 4, 5)] * 3)
    yield _pair_case("scale", "0.3", partial(F.scale_forward, factor=0.3), F.scale_backward, (2, 3, 4, 5))
    pair = _concat_forward, F.concat_backward
    yield _pair_case("concat", "1, 3 and 2 channels", *pair, (2, 1, 4, 3), (2, 3, 4, 3), (2, 2, 4, 3))
    for placement in ("append", "split", "mean"):
        forward = partial(F.pad_shortcut_forward, channels=6, stride=2, placement=placement)
        yield _pair_case("pad_shortcut", placement, forward, F.pad_shortcut_backward, (2, 3, 5, 6))


def _masks_and_sizes():
    """Maxout, DropConnect and the resampling of images."""
    for variant, shape in (("images", (2, 6, 3, 4)), ("vectors", (4, 6))):
        forward = partial(F.maxout_forward, pieces=3)
        yield _pair_case("maxout", f"3 pieces, {variant}", forward, F.maxout_backward, shape)
    yield _pair_case(
        "dropconnect",
        "keep 0.6",
        F.dropconnect_forward,
        F.dropconnect_backward,
        *[(4, 5), (3, 5), (3,)],
        extra=(lambda rng: (rng.random((4, 3, 5)) < 0.6).astype(np.float64),),
        fixed=("mask",),
    )
    pair = F.resample_forward, F.resample_backward
    yield _pair_case("resample", "4x5 to 6x2", *pair, (2, 3, 4, 5), (6, 4), (2, 5), fixed=("down", "across"))


def _concat_forward(*arrays):
    return F.concat_forward(arrays)


def _losses():
    for smoothing in (0.0, 0.1):
        yield _pair_case(
            "softmax_cross_entropy",
            f"label smoothing {smoothing}",
            partial(F.softmax_cross_entropy_forward, label_smoothing=smoothing),
            F.softmax_cross_entropy_backward,
            (5, 4),
            extra=(lambda rng: rng.integers(0, 4, 5),),
        )
    pair = F.pixel_cross_entropy_forward, F.pixel_cross_entropy_backward
    labels = (lambda rng: rng.integers(0, 4, (2, 3, 2)),)
    yield _pair_case("pixel_cross_entropy", "3x2", *pair, (2, 4, 3, 2), extra=labels)
    pair = F.squared_error_forward, F.squared_error_backward
    yield _pair_case("squared_error", "5x4", *pair, (5, 4), (5, 4), fixed=("target",))


def _layer_case(name, variant, build, shape, *, train, zero=None):
    """A layer from build(rng) with random parameters; zero: the part whose gradients should vanish."""

    def run(rng):
        layer = randomize(build(rng), rng)
        expect_zero = (
            () if zero is None else tuple(n for n, _ in layer.named_parameters() if n.startswith(zero))
        )
        return check_gradients(
            layer,
            rng.standard_normal(shape),
            train=train,
            rng=rng,
            expect_zero=expect_zero,
            max_elements=ELEMENTS,
            title=f"{name}, {variant}",
        )

    return Case(name, variant, run)


def randomize(layer, rng):
    """Draw biases, gamma, beta and running averages at random, in place; return the layer.

    At 0 and 1, where they start, a forgotten gamma or a beta in the wrong place would change nothing.
    """
    for name, array in layer.state_dict().items():
        if name.endswith(("gamma", "running_var")):
            array[...] = rng.uniform(0.5, 1.5, array.shape)
        elif array.ndim == 1:
            array[...] = 0.5 * rng.standard_normal(array.shape)
    return layer


def _layers():
    image = (2, 3, 6, 5)
    both_modes = [
        ("Conv2d", "stride 2", lambda rng: Conv2d(3, 4, (3, 2), stride=2, padding=1, rng=rng), image),
        ("Linear", "batch 1", lambda rng: Linear(5, 3, rng=rng), (1, 5)),
        ("BatchNorm", "images", lambda rng: BatchNorm(3), image),
        ("BatchNorm", "vectors", lambda rng: BatchNorm(3), (7, 3)),
        ("LocalResponseNorm", "size 3", lambda rng: LocalResponseNorm(size=3, alpha=0.5), image),
        ("ReLU", "images", lambda rng: ReLU(), image),
        ("Sigmoid", "images", lambda rng: Sigmoid(), image),
        ("Softmax", "4x6", lambda rng: Softmax(), (4, 6)),
        ("MaxPool2d", "3x2 windows", lambda rng: MaxPool2d((3, 2), stride=2, padding=1), image),
        ("AvgPool2d", "3x2 windows", lambda rng: AvgPool2d((3, 2), stride=2, padding=1), image),
        ("GlobalAvgPool2d", "images", lambda rng: GlobalAvgPool2d(), image),
        ("Dropout", "keep 0.7", lambda rng: Dropout(0.7, rng=rng), (4, 6)),
        ("DropConnect", "keep 0.6", lambda rng: DropConnect(5, 3, keep=0.6, rng=rng), (4, 5)),
        ("Maxout", "2 pieces", lambda rng: Maxout(2), (2, 6, 4, 3)),
        ("Upsample", "factor 3", lambda rng: Upsample(3), (2, 3, 4, 3)),
        ("AdaptiveAvgPool2d", "6x5 to 4x4", lambda rng: AdaptiveAvgPool2d(4), image),
        ("Flatten", "images", lambda rng: Flatten(), image),
        ("Identity", "images", lambda rng: Identity(), image),
        ("PadShortcut", "3 to 7 channels", lambda rng: PadShortcut(7, stride=2), image),
    ]
    for name, variant, build, shape in both_modes:
        for train in (True, False):
            mode = "train" if train else "eval"
            yield _layer_case(name, f"{variant}, {mode}", build, shape, train=train)


def _branch(rng, channels=(3, 4, 3), stride=1):
    """conv - norm - relu - conv - norm, with a bias that batch norm makes vanish left out."""
    a, b, c = channels
    return Sequential(
        Conv2d(a, b, 3, stride=stride, padding=1, bias=False, rng=rng),
        BatchNorm(b),
        ReLU(),
        Conv2d(b, c, (3, 1), padding=(1, 0), bias=False, rng=rng),
        BatchNorm(c),
    )


def _pre_activation(rng):
    """norm - relu - conv: He et al. 2016, figure 1 (b)."""
    return Sequential(BatchNorm(3), ReLU(), Conv2d(3, 3, 3, padding=1, bias=False, rng=rng))


def _projection(rng):
    return Sequential(Conv2d(3, 6, 1, stride=2, bias=False, rng=rng), BatchNorm(6))


def _gate(is_open):
    """Return a function of rng that builds a stochastic-depth block whose gate is open or closed."""

    def build(rng):
        seeds = (s for s in range(100) if (np.random.default_rng(s).random() < 0.5) is is_open)
        gate = np.random.default_rng(next(seeds))
        return StochasticDepth(_branch(rng), after=ReLU(), survival=0.5, rng=gate)

    return build


def _sigmoid_gate(rng):
    return Sequential(Conv2d(3, 3, 1, rng=rng), Sigmoid())


def _blocks():
    image = (2, 3, 6, 5)
    both_modes = [
        ("Residual", "identity shortcut", lambda rng: Residual(_branch(rng), after=ReLU())),
        (
            "Residual",
            "padded shortcut",
            lambda rng: Residual(_branch(rng, (3, 4, 6), 2), PadShortcut(6, stride=2), ReLU()),
        ),
        (
            "Residual",
            "projection shortcut",
            lambda rng: Residual(_branch(rng, (3, 4, 6), 2), _projection(rng), ReLU()),
        ),
        ("Residual", "pre-activation", lambda rng: Residual(_pre_activation(rng))),
        ("Sequential", "plain block", lambda rng: Sequential(_branch(rng), ReLU())),
        ("GatedResidual", "exclusive", lambda rng: GatedResidual(_branch(rng), _sigmoid_gate(rng))),
        (
            "GatedResidual",
            "shortcut only",
            lambda rng: GatedResidual(_branch(rng), _sigmoid_gate(rng), gating="shortcut"),
        ),
        ("Scale", "0.5", lambda rng: Scale(0.5)),
        ("Channels", "1 to 3", lambda rng: Channels(1, 3)),
        (
            "Concat",
            "two branches and x",
            lambda rng: Concat(_branch(rng), _pre_activation(rng), Identity()),
        ),
        ("Recompute", "residual block", lambda rng: Recompute(Residual(_branch(rng), after=ReLU()))),
        (
            "Recompute",
            "dropout",
            lambda rng: Recompute(Sequential(_pre_activation(rng), Dropout(0.7, rng=rng))),
        ),
    ]
    for name, variant, build in both_modes:
        for train in (True, False):
            mode = "train" if train else "eval"
            yield _layer_case(name, f"{variant}, {mode}", build, image, train=train)
    yield _layer_case("StochasticDepth", "gate open, train", _gate(True), image, train=True)
    yield _layer_case("StochasticDepth", "gate closed, train", _gate(False), image, train=True, zero="branch")
    yield _layer_case("StochasticDepth", "eval", _gate(True), image, train=False)


def _networks():
    """Whole networks, all gradients at once along a random direction, loss included."""
    for name in ("resnet20", "plain20"):
        yield Case(name, "train, with the loss", partial(_check_network, name))


def _check_network(name, rng):
    net = models.build(name, num_classes=10, rng=rng)
    labels = rng.integers(0, 10, 4)
    loss = partial(F.softmax_cross_entropy_forward, labels=labels), F.softmax_cross_entropy_backward
    x = rng.standard_normal((4, 3, 12, 16))
    return check_directional(net, x, train=True, rng=rng, loss=loss, title=f"{name}, all gradients at once")


GROUPS = (
    _convolutions,
    _elementwise_and_norms,
    _pools,
    _wiring,
    _masks_and_sizes,
    _losses,
    _layers,
    _blocks,
    _networks,
)
