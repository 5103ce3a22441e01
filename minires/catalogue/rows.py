"""What a row of the catalogue is, and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.gradcheck import check_directional, check_function, check_gradients

ELEMENTS = 60  # of each tensor that a gradient check moves; the rest are drawn with another seed
ORDERS = ("C", "F", "images innermost", "reversed axes", "every other", "backwards")


@dataclass(frozen=True)
class Check:
    """A gradient check. name: what the command's user types; variant: on which input; run(rng) -> report."""

    name: str
    variant: str
    run: Callable


class Row:
    """Of the catalogue. kind: the pair's or layer's name; variant: what is special here, "" if nothing is."""

    @property
    def name(self):
        """Kind and variant: "conv2d, 1x1"."""
        return f"{self.kind}, {self.variant}" if self.variant else self.kind


@dataclass(frozen=True, eq=False)
class PairRow(Row):
    """A pair of `minires.functional`.

    pair: its name, so that F.{pair}_forward and F.{pair}_backward are meant; shapes: {argument: shape} of its
    arrays, in the order of its arguments ("arrays[0]", "arrays[1]", ... for those of one sequence);
    options: its keyword arguments; labels: the integers that follow its arrays (or the image that each
    box lies in), None if it takes none;
    fixed: names of arrays that have no gradient.
    """

    pair: str
    variant: str
    shapes: dict
    options: dict = field(default_factory=dict)
    labels: object = None
    fixed: tuple = ()

    @property
    def kind(self):
        """The pair's name."""
        return self.pair

    def forward(self, *arrays):
        """Return y, cache and a tuple of further outputs."""
        if "arrays[0]" in self.shapes:
            arrays = (arrays,)
        elif self.labels is not None:
            on_gpu = hasattr(arrays[0], "strides") and not isinstance(arrays[0], np.ndarray)
            arrays = (*arrays, array_module(arrays[0]).asarray(self.labels) if on_gpu else self.labels)
        y, cache, *rest = getattr(F, f"{self.pair}_forward")(*arrays, **self._options_for(arrays[0]))
        return y, cache, (rest[0] if rest else ())

    def _options_for(self, first):
        """Return the options, arrays among them with the dtype of the first argument and where that lives."""
        if not hasattr(first, "strides"):
            return self.options
        return {
            name: array_module(first).asarray(value.astype(first.dtype))
            if getattr(value, "ndim", 0)
            else value
            for name, value in self.options.items()
        }

    def backward(self, dy, cache):
        """Return a tuple of gradients."""
        gradients = getattr(F, f"{self.pair}_backward")(dy, cache)
        return gradients if isinstance(gradients, tuple) else (gradients,)

    def draw(self, rng):
        """Return float64 arrays of the shapes: variances positive, masks 0 or 1/keep, boxes boxes, the rest
        normal."""
        return [DRAWS.get(name, _normal)(rng, shape) for name, shape in self.shapes.items()]

    def inputs(self, dtype=np.float64, order="C", seed=0):
        """Return read-only arrays of a dtype, laid out in memory in one of ORDERS."""
        return [in_order(array.astype(dtype), order) for array in self.draw(np.random.default_rng(seed))]

    def checks(self):
        """Return the gradient check of this row, in a list."""
        return [Check(self.kind, self.variant, self._check)]

    def _check(self, rng):
        return check_function(
            self.forward,
            self._backward_of_arrays,
            self.draw(rng),
            rng=rng,
            names=list(self.shapes),
            fixed=self.fixed,
            title=self.name,
            max_elements=ELEMENTS,
            keep_dtype=True,
        )

    def _backward_of_arrays(self, dy, cache):
        """Drop the None in the place of a bias that is not there."""
        gradients = self.backward(dy, cache)
        return gradients[:-1] if gradients[-1] is None else gradients


def _normal(rng, shape):
    return rng.standard_normal(shape)


def _boxes(rng, shape):
    """Return boxes with sides of 2 to 18 pixels; some begin up to 4 pixels before the image."""
    first = rng.uniform(-4, 16, (*shape[:-1], 2))
    return np.concatenate([first, first + rng.uniform(2, 18, first.shape)], axis=-1)


DRAWS = {  # name of an argument: how its numbers are drawn, if not from the normal distribution
    "running_var": lambda rng, shape: rng.uniform(0.5, 2.0, shape),
    "mask": lambda rng, shape: (rng.random(shape) < 0.6) / np.full(shape, 0.6),
    "boxes": _boxes,
    "weights": lambda rng, shape: rng.uniform(0, 1, shape) * (rng.random(shape) < 0.7),
}


@dataclass(frozen=True, eq=False)
class LayerRow(Row):
    """A layer, block or small network.

    build(rng) -> Layer; shape: of x, with the batch; silent: of a part whose gradients are zero in training
    ("" if there is none); elements: of each tensor that a gradient check moves, None: all at once, along
    random directions, as fits a network.
    """

    kind: str
    variant: str
    build: Callable
    shape: tuple
    silent: str = ""
    elements: int | None = ELEMENTS

    def make(self, dtype=np.float32):
        """Return (layer, x), the same at every call; x is read-only, the layer randomized."""
        layer = randomize(self.build(np.random.default_rng(1)), np.random.default_rng(2)).astype(dtype)
        x = np.random.default_rng(3).standard_normal(self.shape).astype(dtype)
        x.setflags(write=False)
        return layer, x

    def checks(self):
        """Return the gradient checks of this row, one in each mode."""
        return [
            Check(self.kind, ", ".join(filter(None, [self.variant, mode])), partial(self._check, mode))
            for mode in ("train", "eval")
        ]

    def _check(self, mode, rng):
        # the same layer with every seed: in a narrow block another draw may silence all channels of a path
        (layer, _), train = self.make(np.float64), mode == "train"
        x, options = rng.standard_normal(self.shape), {"rng": rng, "title": f"{self.name}, {mode}"}
        if self.elements is None:
            return check_directional(layer, x, train=train, **options)
        zero = self.gradients_of_zero(layer) if train else []
        options |= {"expect_zero": zero, "max_elements": self.elements, "keep_dtype": True}
        return check_gradients(layer, x, train=train, **options)

    def gradients_of_zero(self, layer):
        """Return the names of the parameters of the silent part."""
        return [name for name, _ in layer.named_parameters() if self.silent and name.startswith(self.silent)]


@dataclass(frozen=True, eq=False)
class NetworkRow(Row):
    """A network with its loss, all gradients at once along random directions. kind: its name in `models`."""

    kind: str
    build: Callable
    shape: tuple
    classes: int = 10
    variant: str = "train, with the loss"

    def checks(self):
        """Return the gradient check of this row, in a list."""
        return [Check(self.kind, self.variant, self._check)]

    def _check(self, rng):
        net = self.build(num_classes=self.classes, rng=rng)
        labels = rng.integers(0, self.classes, self.shape[0])
        loss = partial(F.softmax_cross_entropy_forward, labels=labels), F.softmax_cross_entropy_backward
        x, title = rng.standard_normal(self.shape), f"{self.kind}, all gradients at once"
        return check_directional(net, x, train=True, rng=rng, loss=loss, title=title)


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


def in_order(array, order):
    """Return a read-only array of the same values, laid out in memory in one of ORDERS."""
    if order == "F" and array.ndim:
        array = np.asfortranarray(array)
    elif order == "images innermost" and array.ndim == 4:  # memory (H, C, W, N)
        array = np.ascontiguousarray(array.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    elif order == "reversed axes" and array.ndim > 1:  # the last two swapped
        array = np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)
    elif order == "every other" and array.ndim:  # a slice of a larger array full of NaN
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
        wide[..., ::2] = array
        array = wide[..., ::2]
    elif order == "backwards" and array.ndim:  # a negative stride
        array = np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    else:
        array = array.copy()
    array.flags.writeable = False
    return array
