"""The layers: each owns its parameters and calls one pair of `minires.functional`.

What is computed stands in `functional`, what is learned stands here: beside each file there is one of the
same name here. `base` says what every layer is, `combine` joins layers into networks, `trace` tells what a
layer would do with arrays of a given shape, `tree` prints it.
"""

from minires.layers.activation import LeakyReLU, ReLU, Sigmoid, Softmax
from minires.layers.base import Buffer, Layer, Parameter, freeze
from minires.layers.combine import Concat, Residual, Sequential
from minires.layers.conv import Conv2d
from minires.layers.dropout import DropConnect, Dropout
from minires.layers.gated import GatedResidual, Scale
from minires.layers.linear import Linear
from minires.layers.maxout import Maxout
from minires.layers.norm import BatchNorm, GroupNorm, LocalResponseNorm
from minires.layers.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from minires.layers.recompute import Recompute
from minires.layers.resample import AdaptiveAvgPool2d, Upsample
from minires.layers.shape import Channels, Flatten, Identity, PadShortcut
from minires.layers.stochastic_depth import StochasticDepth, survival_probabilities

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm",
    "Buffer",
    "Channels",
    "Concat",
    "Conv2d",
    "DropConnect",
    "Dropout",
    "Flatten",
    "GatedResidual",
    "GlobalAvgPool2d",
    "GroupNorm",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "Maxout",
    "PadShortcut",
    "Parameter",
    "ReLU",
    "Recompute",
    "Residual",
    "Scale",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "StochasticDepth",
    "Upsample",
    "freeze",
    "survival_probabilities",
]
