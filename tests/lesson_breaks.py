"""For each lesson, breaks of the library under which what it claims is not true, and an assertion must fail.

None of them raises an exception or changes a shape: they are the bugs that a program lives with, a factor, a
path that is dropped, an estimate that is biased.
number: {what is broken: (owner, name of its function, function of the sound one that returns the broken)}
"""

import dataclasses

import numpy as np

import minires.functional as F
from minires import detection, init
from minires.detection.heads import RegionProposal
from minires.layers import BatchNorm, Concat, Conv2d, Linear, Residual, StochasticDepth, gated
from minires.train import ten_crop


def times(factor, at=None):
    """What is returned, or its part number `at`, has a factor too many."""

    def broken(sound):
        def function(*args, **kwargs):
            found = sound(*args, **kwargs)
            if at is None:
                return found * factor
            return tuple(part * factor if i == at else part for i, part in enumerate(found))

        return function

    return broken


def without_the_shortcut(sound):
    """The gradient takes the way through the branch alone."""

    def backward(self, dy, cache):
        after, shortcut, branch = cache.pop(), cache.pop(), cache.pop()
        dy = self.after.backward(dy, after)
        self.shortcut.backward(dy, shortcut)  # a projection learns as before
        return self.branch.backward(dy, branch)

    return backward


def without_the_last_branch(sound):
    """The gradient of the last of several branches is not added to the others'."""

    def backward(self, dy, cache):
        dys, dx = F.concat_backward(dy, cache.pop()), None
        for branch, part in reversed(list(zip(self.branches.values(), dys, strict=True))):
            dx_branch = branch.backward(part, cache.pop())
            dx = 0 * dx_branch if dx is None else dx + dx_branch
        return dx

    return backward


def one_pixel_aside(sound):
    """The gradient arrives at the pixel to the right of the one that it belongs to."""
    return lambda self, dy, cache: np.roll(sound(self, dy, cache), 1, axis=3)


def operations(count):
    """A layer counts count(layer, step) multiply-adds instead of its own."""

    def broken(sound):
        def trace(self, x):
            step = sound(self, x)
            return dataclasses.replace(step, macs=count(self, step))

        return trace

    return broken


def of_stride_1(layer, step):
    return step.macs * layer.stride[0] * layer.stride[1]


def and_an_addition_for_the_bias(layer, step):
    return step.macs + step.y.size


def biased(sound):
    """The running variance averages what is divided by M instead of M - 1."""
    return lambda *args, momentum, count: sound(*args, momentum=momentum, count=1e12)


def the_mean_is_a_constant(sound):
    """Batch norm's gradient lacks the path through the mean, which takes gamma / s * mean(dy) away."""

    def backward(dy, cache):
        dx, dgamma, dbeta = sound(dy, cache)
        _, _, inverse_std, gamma = cache
        through_mean = gamma * inverse_std * dy.mean(axis=(0, *range(2, dy.ndim)))  # (C,)
        return dx + through_mean.reshape(-1, *[1] * (dy.ndim - 2)), dgamma, dbeta

    return backward


def leaky(sound):
    """A third of what is negative passes."""
    return lambda x: (np.maximum(x, x / 3), sound(x)[1])


def passing_everything(sound):
    """The ReLU's mask is forgotten on the way back."""
    return lambda dy, cache: dy


def decaying(factor):
    """The weight decay of a step has a factor too many."""
    return lambda sound: lambda *args, decay, **kwargs: sound(*args, decay=factor * decay, **kwargs)


def with_less_momentum(sound):
    """A velocity keeps 5 % less than it should."""
    return lambda *args, momentum, **kwargs: sound(*args, momentum=0.95 * momentum, **kwargs)


def without_epsilon(sound):
    return lambda *args, eps=1e-5: sound(*args, eps=0.0)


def always_appended(sound):
    """Option A's zeros come after the channels, wherever they were asked to be."""
    return lambda x, *, placement="append", **kwargs: sound(x, placement="append", **kwargs)


def past_the_gates(sound):
    """No gate multiplies the gradient of its shortcut."""

    def ungated(backward):
        return lambda dy, cache: tuple(dy if i == 1 else part for i, part in enumerate(backward(dy, cache)))

    return {name: (forward, ungated(backward)) for name, (forward, backward) in sound.items()}


def as_if_it_survived(sound):
    """In use the branch counts fully."""

    def predict(self, x):
        y, _ = F.residual_add_forward(self.branch.predict(x), self.shortcut.predict(x))
        return self.after.predict(y)

    return predict


def never_frozen(sound):
    """A frozen layer's running averages go on moving."""

    def forward(self, x, *, train):
        frozen, self.frozen = self.frozen, False
        try:
            return sound(self, x, train=train)
        finally:
            self.frozen = frozen

    return forward


def of_the_kernel_alone(sound):
    """A convolution's fans are its channels."""
    return lambda shape: (shape[1], shape[0])


def of_the_first_five(sound):
    """Five of the ten crops count."""
    return lambda values: values[:, : values.shape[1] // 2].mean(axis=1)


BREAKS = {
    0: {
        "dW of a linear layer 5 % too large": (F, "linear_backward", times(1.05, at=1)),
        "a convolution's dx 5 % too large": (F, "conv2d_backward", times(1.05, at=0)),
        "a convolution's dw 5 % too large": (F, "conv2d_backward", times(1.05, at=1)),
        "the gradient of the loss times 1.05": (F, "softmax_cross_entropy_backward", times(1.05)),
        "the gradient of a sum times 1.05": (F, "residual_add_backward", times(1.05, at=1)),
        "a momentum 5 % too small": (F, "sgd_step", with_less_momentum),
    },
    1: {
        "a convolution 5 % too large": (Conv2d, "forward", times(1.05, at=0)),
        "as many windows as at stride 1 counted": (Conv2d, "trace", operations(of_stride_1)),
    },
    2: {"a gradient one pixel aside": (Conv2d, "backward", one_pixel_aside)},
    3: {"a bias counted as an operation": (Conv2d, "trace", operations(and_an_addition_for_the_bias))},
    4: {"a branch's gradient dropped": (Concat, "backward", without_the_last_branch)},
    5: {
        "the gradient of gamma times 1.05": (F, "batch_norm_train_backward", times(1.05, at=1)),
        "the gradient of beta times 1.05": (F, "batch_norm_train_backward", times(1.05, at=2)),
        "a constant too many in dx": (F, "batch_norm_train_backward", the_mean_is_a_constant),
        "a biased running variance": (F, "update_running_averages", biased),
    },
    6: {
        "a linear layer 5 % too large": (Linear, "forward", times(1.05, at=0)),
        "its gradient 5 % too large": (Linear, "backward", times(1.05)),
    },
    7: {"the fans of a convolution without its kernel": (init, "fans", of_the_kernel_alone)},
    8: {
        "a ReLU that leaks": (F, "relu_forward", leaky),
        "a gradient without the ReLU's mask": (F, "relu_backward", passing_everything),
    },
    9: {"MSRA's weights 2 % too small": (init, "msra", times(0.98))},
    10: {"no epsilon in use": (F, "batch_norm_eval_forward", without_epsilon)},
    11: {"no gradient along the shortcut": (Residual, "backward", without_the_shortcut)},
    12: {
        "no gradient along the shortcut": (Residual, "backward", without_the_shortcut),
        "a gradient 5 % too large": (Residual, "backward", times(1.05)),
        "a gradient without the ReLU's mask": (F, "relu_backward", passing_everything),
    },
    13: {"weight decay times 1.05": (F, "sgd_step", decaying(1.05))},
    14: {
        "a gradient one pixel aside": (Conv2d, "backward", one_pixel_aside),
        "zeros always after the channels": (F, "pad_shortcut_forward", always_appended),
        "as many windows as at stride 1 counted": (Conv2d, "trace", operations(of_stride_1)),
    },
    15: {
        "no gradient along the shortcut": (Residual, "backward", without_the_shortcut),
        "a gradient 5 % too large": (Residual, "backward", times(1.05)),
    },
    16: {
        "a shortcut's gradient past its gate": (gated, "GATINGS", past_the_gates),
        "a constant's gradient 5 % too large": (F, "scale_backward", times(1.05)),
    },
    17: {"no gradient along the shortcut": (Residual, "backward", without_the_shortcut)},
    18: {
        "no gradient along the shortcut": (Residual, "backward", without_the_shortcut),
        "a linear gradient 5 % too large": (Linear, "backward", times(1.05)),
    },
    19: {"no gradient along the shortcut": (Residual, "backward", without_the_shortcut)},
    20: {"batch norm's gradient 5 % too large": (F, "batch_norm_train_backward", times(1.05, at=0))},
    21: {"a branch that counts fully in use": (StochasticDepth, "predict", as_if_it_survived)},
    22: {"as many windows as at stride 1 counted": (Conv2d, "trace", operations(of_stride_1))},
    23: {
        "running averages that are not frozen": (BatchNorm, "forward", never_frozen),
        "five of ten crops": (ten_crop, "_mean", of_the_first_five),
    },
    24: {
        "the gradient of RoIAlign 5 % too large": (F, "roi_align_backward", times(1.05)),
        "nothing back from the proposal network to the map": (RegionProposal, "backward", times(0)),
        "overlaps 5 % too large": (detection, "iou", times(1.05)),
    },
    25: {
        "no gradient along the shortcut": (Residual, "backward", without_the_shortcut),
        "a gradient 5 % too large": (Residual, "backward", times(1.05)),
    },
    26: {"the gradient of the interpolation 5 % too large": (F, "resample_backward", times(1.05))},
    27: {
        "no gradient along the shortcut": (Residual, "backward", without_the_shortcut),
        "batch norm's gradient 5 % too large": (F, "batch_norm_train_backward", times(1.05, at=0)),
    },
    28: {
        "a maxout 5 % too large": (F, "maxout_forward", times(1.05, at=0)),
        "DropConnect 5 % too large": (F, "dropconnect_forward", times(1.05, at=0)),
    },
}
