"""What every layer is: parameters, buffers, and a forward and a backward that hand over an explicit cache.

A layer owns arrays and nothing else. `forward` returns what it computed *and* what backward will need;
`backward` gets exactly that back. Nothing is hidden in between, so the same layer may appear twice in a
network, run in both modes, and be inspected at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from minires import reprs
from minires.backend import array_module, to_module
from minires.layers.trace import Blank, Step
from minires.typing import Array


class Parameter:
    """A learned array and the gradient of the loss with respect to it.

    Parameters
    ----------
    data : array of any shape
        The values; their dtype is kept (the library's own layers start with float32).

    Attributes
    ----------
    data : array
    grad : array like data
        Starts at zero; `backward` adds into it.
    frozen : bool
        True: the optimiser skips it; see `freeze`.

    Notes
    -----
    Both arrays keep their identity: optimisers and checkpoints write into them in place.

    Examples
    --------
    >>> weight = Parameter(np.ones((3, 2), np.float32))
    >>> weight.accumulate(np.full((3, 2), 0.5))
    >>> weight.grad[0]
    array([0.5, 0.5], dtype=float32)
    >>> weight
    <Parameter 3x2, float32>
    """

    def __init__(self, data: Array) -> None:
        xp = array_module(data, names=("data",))  # refuses what is no array
        self.data = data
        # a weight of no memory (`init.SHAPES_ONLY`) has a gradient of no memory
        self.grad = xp.zeros_like(data) if any(data.strides) or not data.ndim else data
        self.frozen = False

    def accumulate(self, gradient: Array) -> None:
        """Add one use's gradient: where a value fans out, the gradients of its uses add up.

        Parameters
        ----------
        gradient : array like data
        """
        self.grad += gradient

    def __repr__(self) -> str:
        return _holder(self) + (", frozen>" if self.frozen else ">")


class Buffer:
    """An array that belongs to a layer's state but is not learned: batch norm's running averages.

    Parameters
    ----------
    data : array of any shape
        Written into in place.
    """

    def __init__(self, data: Array) -> None:
        self.data = data

    def __repr__(self) -> str:
        return _holder(self) + ">"


def _holder(held: Parameter | Buffer) -> str:
    return f"<{type(held).__name__} {reprs.times(held.data.shape)}, {held.data.dtype}"


class Layer:
    """Base of all layers: what has a forward, a backward, and arrays with names.

    A subclass assigns Parameters, Buffers and Layers to attributes; they register themselves by that, in the
    order of assignment, under the attribute's name. It writes `forward`, `backward` and, to be counted
    without being run, `trace`.

    Attributes
    ----------
    frozen : bool
        True: it runs as in eval mode, whatever `train` says; see `freeze`.
    input_gradient : bool
        False: nobody wants dx, so backward may return None for it; see `train.parameters_only`.
    keeps_zero : bool
        True: zeros come out where zeros go in, whatever the parameters.
    idempotent : bool
        True: what came out once passes through unchanged, as through a second ReLU.

    Examples
    --------
    A layer that learns one number, and its backward, the product rule:

    >>> class Gain(Layer):
    ...     def __init__(self, start=1.0):
    ...         self.start = start
    ...         self.gain = Parameter(np.full((), start, np.float32))
    ...
    ...     def forward(self, x, *, train):
    ...         return self.gain.data * x, (x,)
    ...
    ...     def backward(self, dy, cache):
    ...         (x,) = cache
    ...         self.gain.accumulate((dy * x).sum())
    ...         return self.gain.data * dy
    >>> layer = Gain(3.0)
    >>> y, cache = layer.forward(np.array([1.0, 2.0], np.float32), train=True)
    >>> layer.backward(np.array([1.0, 1.0], np.float32), cache)
    array([3., 3.], dtype=float32)
    >>> float(layer.gain.grad)
    3.0
    >>> layer
    Gain(start=3.0)
    """

    frozen: bool = False
    keeps_zero: bool = False
    idempotent: bool = False
    input_gradient: bool = True

    def forward(self, x: Array, *, train: bool) -> tuple[Any, Any]:
        """Compute y, and what backward will need to know about x.

        Parameters
        ----------
        x : array
            Of the parameters' dtype; as a rule images (N, C, H, W) or vectors (N, C).
        train : bool
            True: batch statistics and random masks; False: their averages.

        Returns
        -------
        y : array
        cache : tuple or list
            Of a composite a list, which its backward empties.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Any, cache: Any) -> Any:
        """Return dx, and add into the gradient of every parameter.

        Parameters
        ----------
        dy : array like y
            The gradient of the loss with respect to y.
        cache : what `forward` returned

        Returns
        -------
        dx : array like x
        """
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def predict(self, x: Array) -> Array:
        """Return y in eval mode and remember nothing.

        Parameters
        ----------
        x : array
            As in `forward`.
        """
        return self.forward(x, train=False)[0]

    def trace(self, x: Blank) -> Step:
        """Return what a training forward would do, without an array being there; see `layers.trace`.

        Parameters
        ----------
        x : Blank
            A shape in the place of an array.
        """
        raise NotImplementedError(f"{type(self).__name__} has no trace")

    def cost(self, input_shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, int]:
        """Return what the layer costs, computing nothing.

        Parameters
        ----------
        input_shape : tuple of int
            With the batch: (N, C, H, W) or (N, C).

        Returns
        -------
        output_shape : tuple of int
        macs : int
            Multiply-adds of forward. A window of pooling counts one operation a pixel; the totals of the
            literature leave these out, and so does `cost.table`.
        remembered_bytes : int
            What a training forward in float32 keeps for backward; an array that two layers remember counts
            once, x itself if anything remembers it.

        Raises
        ------
        ValueError
            If a shape does not fit, as forward does.
        """
        step = self.trace(Blank(input_shape))
        macs = sum(leaf.macs for leaf in step.leaves())
        return step.y.shape, macs, sum(blank.nbytes for blank in step.remembered())

    def scale_and_shift(self) -> tuple[Parameter | None, Parameter | None]:
        """Name the parameters in which y = scale * something + shift is linear: zero them, and y is zero.

        Returns
        -------
        scale : Parameter or None
            A weight (O, ...), or a factor for each channel (C,); None in most layers.
        shift : Parameter or None
            A bias, or beta.

        Notes
        -----
        `minires.surgery` silences a residual branch by them.
        """
        return None, None

    # -- what stands at the prompt -----------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """Return {argument: value} of the call that makes such a layer, without what is at its default.

        Each argument's value is the attribute of its name; Ellipsis stands for one that was not kept. The
        layers inside are no settings, and neither are `rng` and `init`: what they did stands in the weights.
        """
        values = reprs.settings(self, hidden=("rng", "init"), plain=_one_if_equal)
        return {name: value for name, value in values.items() if not _is_made_of_layers(value)}

    def __repr__(self) -> str:
        """Return the call that makes a single layer (without `rng`), and of a network the tree."""
        from minires.layers import tree  # which knows what a layer is

        if next(iter(self.children()), None) is not None:
            return tree.as_text(self)
        return reprs.call(self, self.settings())

    def _repr_html_(self) -> str:
        from minires.layers import tree

        return tree.as_html(self)

    # -- the tree of names -------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield (name, layer) for the layers directly inside this one, in definition order."""
        for name, value in vars(self).items():
            if isinstance(value, Layer):
                yield name, value

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield (dotted path, layer) for this layer and all inside it.

        Parameters
        ----------
        prefix : str
            The path of this layer, "" for the root.
        """
        yield prefix, self
        for name, child in self.children():
            yield from child.named_layers(f"{prefix}.{name}" if prefix else name)

    def _named(self, kind: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
        seen = set()  # what stands at two places (a layer, or a generator of two layers) has its first name
        for path, layer in self.named_layers():
            for name, value in vars(layer).items():
                if isinstance(value, kind) and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted path, Parameter) in definition order, the same in every process."""
        return self._named(Parameter)

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield (dotted path, Buffer) in definition order."""
        return self._named(Buffer)

    def named_generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Yield (dotted path, numpy.random.Generator) of everything random inside, in definition order."""
        return self._named(np.random.Generator)

    def learns(self) -> bool:
        """Return whether there is a parameter inside that is not frozen."""
        return any(not parameter.frozen for _, parameter in self.named_parameters())

    def zero_grad(self) -> None:
        """Set every gradient to zero, in place."""
        for _, parameter in self.named_parameters():
            parameter.grad.fill(0)

    # -- state -------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Return {dotted path: array} of all parameters and buffers; the arrays are the live ones."""
        return {name: holder.data for name, holder in self._named((Parameter, Buffer))}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy a state into the parameters and buffers, in place.

        Parameters
        ----------
        state : {dotted path: array}
            As `state_dict` returns it, from this device or another.

        Raises
        ------
        ValueError
            Lists missing, unexpected and misshapen names together; then nothing has been changed.
        """
        own = self.state_dict()
        problems = [f"missing: {name}" for name in own if name not in state]
        problems += [f"unexpected: {name}" for name in state if name not in own]
        for name in own.keys() & state.keys():
            if getattr(getattr(state[name], "dtype", None), "kind", "") not in set("fiu"):
                problems.append(f"no array of numbers: {name}")
            elif tuple(state[name].shape) != tuple(own[name].shape):
                shapes = f"{tuple(state[name].shape)}, expected {tuple(own[name].shape)}"
                problems.append(f"misshapen: {name} is {shapes}")
        if problems:
            raise ValueError("this state does not fit the network:\n  " + "\n  ".join(sorted(problems)))
        for name, array in own.items():
            array[...] = to_module(state[name], array_module(array)).astype(array.dtype)

    def to(self, xp: ModuleType) -> Layer:
        """Move all parameters, gradients and buffers to another device; return self.

        Parameters
        ----------
        xp : module
            numpy or cupy.
        """
        for _, holder in self._named((Parameter, Buffer)):
            holder.data = to_module(holder.data, xp)
            if isinstance(holder, Parameter):
                holder.grad = to_module(holder.grad, xp)
        return self

    def astype(self, dtype: Any) -> Layer:
        """Convert all parameters, gradients and buffers; return self.

        Parameters
        ----------
        dtype : float32 or float64
        """
        for _, holder in self._named((Parameter, Buffer)):
            holder.data = holder.data.astype(dtype)
            if isinstance(holder, Parameter):
                holder.grad = holder.grad.astype(dtype)
        return self


def freeze(layer: Layer) -> Layer:
    """Freeze a layer and all inside it: the optimiser skips its parameters and it runs as in eval mode.

    Parameters
    ----------
    layer : Layer

    Returns
    -------
    Layer, the same

    Notes
    -----
    Gradients still flow through it, so layers before it can learn. For fine-tuning see
    `surgery.freeze_prefix`.
    """
    for _, inner in layer.named_layers():
        inner.frozen = True
    for _, parameter in layer.named_parameters():
        parameter.frozen = True
    return layer


def _one_if_equal(value: Any) -> Any:
    """Return the number for a pair of equal ones: (2, 2) is what the constructor made of 2."""
    pair_of_ints = isinstance(value, tuple) and len(value) == 2 and all(type(each) is int for each in value)
    return value[0] if pair_of_ints and value[0] == value[1] else value


def _is_made_of_layers(value: Any) -> bool:
    held = list(value.values()) if isinstance(value, dict) else value
    held = held if isinstance(held, (list, tuple)) else [held]
    return any(isinstance(each, Layer) for each in held)
