"""What every layer is: parameters, buffers, and a forward and a backward that hand over an explicit cache.

A layer owns arrays and nothing else. `forward` returns what it computed *and* what backward will need;
`backward` gets exactly that back. Nothing is hidden in between, so the same layer may appear twice in a
network, run in both modes, and be inspected at any moment.
"""

import numpy as np

from minires.backend import array_module, to_module
from minires.layers.trace import Blank


class Parameter:
    """A learned array and the gradient of the loss with respect to it.

    data: the values, float32 unless asked otherwise; grad: same shape and dtype, backward adds into it.
    Both arrays keep their identity: optimisers and checkpoints write into them in place.
    frozen: the optimiser skips it (see `freeze`).
    """

    def __init__(self, data):
        self.data = data
        # a weight of no memory (`init.SHAPES_ONLY`) has a gradient of no memory
        self.grad = array_module(data).zeros_like(data) if any(data.strides) or not data.ndim else data
        self.frozen = False

    def accumulate(self, gradient):
        """Add one use's gradient: where a value fans out, the gradients of its uses add up."""
        self.grad += gradient


class Buffer:
    """An array that belongs to the state but is not learned (batch norm's running averages)."""

    def __init__(self, data):
        self.data = data


class Layer:
    """Base of all layers. A subclass assigns Parameters, Buffers and Layers to attributes; they register
    themselves by that, in the order of assignment, under the attribute's name."""

    frozen = False
    keeps_zero = False  # True: zeros come out where zeros go in, whatever the parameters
    idempotent = False  # True: what came out once passes through unchanged, as through a second ReLU
    input_gradient = (
        True  # False: nobody wants dx, so backward may return None for it; see `train.parameters_only`
    )

    def forward(self, x, *, train):
        """Return (y, cache). x: of the parameters' dtype, as a rule images (N, C, H, W) or vectors (N, C).

        train: batch statistics and random masks if True, their averages if False.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy, cache):
        """Return dx and add into every parameter's grad. dy: gradient of the loss with respect to y."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def predict(self, x):
        """Return y in eval mode and remember nothing."""
        return self.forward(x, train=False)[0]

    def trace(self, x):
        """Return the Step that a training forward would be on x, a `trace.Blank`; see `minires.trace`."""
        raise NotImplementedError(f"{type(self).__name__} has no trace")

    def cost(self, input_shape):
        """Return (output shape, multiply-adds of forward, bytes remembered for backward), computing nothing.

        input_shape: with the batch, (N, C, H, W) or (N, C). Bytes are those of a training forward in float32,
        an array that two layers remember counted once, x itself included if anything remembers it.
        A window of pooling counts one operation a pixel; the totals of the literature leave these out, and so
        does `cost.table`.
        Raises ValueError if a shape does not fit, as forward does.
        """
        step = self.trace(Blank(input_shape))
        macs = sum(leaf.macs for leaf in step.leaves())
        return step.y.shape, macs, sum(blank.nbytes for blank in step.remembered())

    def scale_and_shift(self):
        """Return (scale, shift), the Parameters in which y = scale * something + shift is linear.

        Where both are zero, y is: `minires.surgery` silences a branch by them. scale: a weight (O, ...), or a
        factor for each channel (C,); either is None where there is none, as it is in most layers.
        """
        return None, None

    # -- the tree of names -------------------------------------------------------------------------

    def children(self):
        """Yield (name, layer) for the layers directly inside this one, in definition order."""
        for name, value in vars(self).items():
            if isinstance(value, Layer):
                yield name, value

    def named_layers(self, prefix=""):
        """Yield (dotted path, layer) for this layer and all inside it; the path of the root is ""."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_layers(f"{prefix}.{name}" if prefix else name)

    def _named(self, kind):
        seen = set()  # what stands at two places (a layer, or a generator of two layers) has its first name
        for path, layer in self.named_layers():
            for name, value in vars(layer).items():
                if isinstance(value, kind) and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(self):
        """Yield (dotted path, Parameter) in definition order, the same in every process."""
        return self._named(Parameter)

    def named_buffers(self):
        """Yield (dotted path, Buffer) in definition order."""
        return self._named(Buffer)

    def named_generators(self):
        """Yield (dotted path, numpy.random.Generator) of everything random inside, in definition order."""
        return self._named(np.random.Generator)

    def learns(self):
        """Whether there is a parameter inside that is not frozen."""
        return any(not parameter.frozen for _, parameter in self.named_parameters())

    def zero_grad(self):
        """Set every gradient to zero, in place."""
        for _, parameter in self.named_parameters():
            parameter.grad.fill(0)

    # -- state -------------------------------------------------------------------------------------

    def state_dict(self):
        """Return {dotted path: array} of all parameters and buffers; the arrays are the live ones."""
        return {name: holder.data for name, holder in self._named((Parameter, Buffer))}

    def load_state_dict(self, state):
        """Copy state ({dotted path: array}) into the parameters and buffers, in place.

        Raises ValueError that lists missing, unexpected and misshapen names together; then nothing
        has been changed.
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

    def to(self, xp):
        """Move all parameters, gradients and buffers to the array module xp (numpy or cupy); return self."""
        for _, holder in self._named((Parameter, Buffer)):
            holder.data = to_module(holder.data, xp)
            if isinstance(holder, Parameter):
                holder.grad = to_module(holder.grad, xp)
        return self

    def astype(self, dtype):
        """Convert all parameters, gradients and buffers to dtype (float32 or float64); return self."""
        for _, holder in self._named((Parameter, Buffer)):
            holder.data = holder.data.astype(dtype)
            if isinstance(holder, Parameter):
                holder.grad = holder.grad.astype(dtype)
        return self


def freeze(layer):
    """Freeze a layer and all inside it: the optimiser skips its parameters and it runs as in eval mode.

    Gradients still flow through it, so layers before it can learn. Returns the layer.
    """
    for _, inner in layer.named_layers():
        inner.frozen = True
    for _, parameter in layer.named_parameters():
        parameter.frozen = True
    return layer
