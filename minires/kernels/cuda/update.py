"""The optimiser's step as one launch: every block updates a chunk of one parameter, whose address it looks
up.

The tables of addresses are uploaded once. They stay right because parameters, gradients and velocities keep
their identity; who replaces an array, or freezes a layer, gets a new table.
"""

import numpy as np

from minires.backend import array_module
from minires.kernels.cuda.launch import launch
from minires.kernels.cuda.source import CHUNK


class Table:
    """Chunks of many arrays, as kernels find them: rows (address of the chunk in each array, count) on the
    GPU.

    groups: tuples of arrays of one size and one dtype, None for one that is missing; extra: for each group
    the numbers that go with it.
    """

    def __init__(self, groups, extra=()):
        self.groups = groups  # keeps the arrays alive: the GPU knows nothing but addresses
        self.like = groups[0][0]
        rows, numbers = [], []
        for position, group in enumerate(groups):
            for begin in range(0, group[0].size, CHUNK):
                shift = begin * self.like.itemsize
                addresses = [0 if array is None else array.data.ptr + shift for array in group]
                rows.append([*addresses, min(CHUNK, group[0].size - begin)])
                numbers.append(extra[position] if extra else ())
        xp = array_module(self.like)
        self.rows = xp.asarray(np.array(rows, np.uint64))
        self.extra = xp.asarray(np.array(numbers, self.like.dtype)) if extra else None

    def launch(self, name, *arguments):
        """Launch a kernel, a block for each row. arguments: those after the table."""
        launch(name, self.like, (len(self.rows), 1), self.rows, *arguments)


def tabulate(arrays):
    """Return a Table of arrays, or None unless they are contiguous and of one dtype."""
    arrays = list(arrays)
    fit = {array.dtype for array in arrays} == {arrays[0].dtype} and all(a.flags.c_contiguous for a in arrays)
    return Table([(array,) for array in arrays]) if fit else None


class AllFinite:
    """Whether all numbers in some arrays are finite, in one launch. The arrays must stay where they are."""

    def __init__(self, arrays):
        by_dtype = {}
        for array in arrays:
            by_dtype.setdefault(array.dtype, []).append(array)
        self.tables = [tabulate(group) for group in by_dtype.values()]

    def into(self, finite):
        """Set the 0-d boolean array finite to False if one of the numbers is infinite or NaN."""
        for table in self.tables:
            table.launch("all_finite", finite)


class Update:
    """An `optim.SGD` on the GPU. rate: the learning rate, on the GPU too, so that a captured step reads the
    current one. Raises ValueError for parameters that are not contiguous or of several dtypes."""

    def __init__(self, optimiser):
        self.key, groups, extra = optimiser.identity(), [], []
        for name, parameter in optimiser.parameters.items():
            velocity = optimiser.velocity.get(name)
            arrays = [a for a in (parameter.data, parameter.grad, velocity) if a is not None]
            if not all(a.flags.c_contiguous and a.dtype == arrays[0].dtype for a in arrays):
                raise ValueError(f"{name}: expected contiguous arrays of one dtype")
            if not parameter.frozen:
                groups.append((parameter.data, parameter.grad, velocity))
                extra.append((optimiser._decay[name], optimiser._scale[name]))
        self.gradients = tabulate([parameter.grad for parameter in optimiser.parameters.values()])
        if self.gradients is None:
            raise ValueError("expected parameters of one dtype")
        self.steps = Table(groups, extra) if groups else None
        like = self.gradients.like
        self.rate, self._uploaded = array_module(like).empty(1, like.dtype), None

    def set_rate(self, rate):
        """Upload the learning rate if it has changed. (Not in a captured step: it would be that rate for
        ever.)"""
        if rate != self._uploaded:
            self.rate.fill(rate)
            self._uploaded = rate

    def step(self, momentum, nesterov):
        """Move every parameter by one step down its gradient."""
        if self.steps is not None:
            self.steps.launch("sgd_step", self.steps.extra, self.rate, momentum, nesterov)

    def zero_grad(self):
        """Set every gradient to zero."""
        self.gradients.launch("fill_zero")


def is_same(first, second):
    """Whether two identities are the same arrays, not merely equal ones."""
    return len(first) == len(second) and all(
        a is b for these, those in zip(first, second, strict=True) for a, b in zip(these, those, strict=True)
    )


def update_of(optimiser, current):
    """Return the Update of an optimiser whose parameters live on a GPU: current if that is still right; None
    if they are not all contiguous and of one dtype."""
    if current is not None and is_same(current.key, optimiser.identity()):
        return current
    try:
        return Update(optimiser)
    except ValueError:
        return None
