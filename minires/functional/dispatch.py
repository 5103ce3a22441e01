"""The one place where it is decided which code runs: the textbook's function, or a kernel of the same name::

    @accelerated
    def relu_forward(x): ...

asks, at every call, in this order:

1. within `minires.kernels.use("textbook")`: this function;
2. a NumPy array, and `minires.kernels.cpu` has a `relu_forward`: that kernel;
3. an array whose module compiles CUDA sources, these are asked for, and `minires.kernels.cuda` has one: that;
4. there is no such kernel, or it answered NotImplemented, mostly because there is too little to do: this
   function. (Fewer than 2^14 elements; 2^12 for masks, 2^20 for ReLU's forward, additions and the like; for
   linear fewer than 2^18 multiply-adds, for convolution both of the first and the last: see
   `kernels.cpu.parallel`.)

It is the first argument that is looked at: of a sequence its first array, in backward dy, and where that is a
plain number, as after a loss, the cache. The function as it is written is `relu_forward.textbook`.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import numpy as np

from minires import kernels

P = ParamSpec("P")
R = TypeVar("R")


class Accelerated(Protocol[P, R]):
    """A function that first looks for a kernel of its name; `textbook` is the function as it is written."""

    __name__: str
    textbook: Callable[P, R]

    def __call__(self, *arguments: P.args, **options: P.kwargs) -> R:
        """Run the kernel or the textbook."""


def accelerated(textbook: Callable[P, R]) -> Accelerated[P, R]:
    """Let a function look for a kernel of its name before it runs; a decorator."""
    name, names = textbook.__name__, list(inspect.signature(textbook).parameters)

    @functools.wraps(textbook)
    def dispatched(*arguments: P.args, **options: P.kwargs) -> R:
        first = arguments[0] if arguments else options.get(names[0])
        if names[0] == "dloss" and isinstance(first, (int, float)):  # a number: the cache tells
            first = arguments[1] if len(arguments) > 1 else options.get(names[1])
        kernel = find(name, first)
        if kernel is not None:
            result = kernel(*arguments, **options)
            if result is not NotImplemented:
                return result
        return textbook(*arguments, **options)

    dispatched.textbook = textbook  # type: ignore[attr-defined]
    return cast(Accelerated[P, R], dispatched)


def find(name: str, first: object) -> Callable[..., Any] | None:
    """Return the kernel of that name for an array, or for the first of a sequence of arrays; else None."""
    if kernels.in_use() == "textbook":
        return None
    if isinstance(first, (list, tuple)):
        first = first[0] if first else None
    if isinstance(first, np.ndarray):
        return getattr(_cpu(), name, None)
    module = sys.modules.get(type(first).__module__.partition(".")[0])
    # CuPy can compile kernels, NumPy cannot; they are an experiment, off unless they are asked for
    if "RawKernel" in vars(module or object) and os.environ.get("MINIRES_CUDA_KERNELS") == "1":
        from minires.kernels import cuda

        return getattr(cuda, name, None)
    return None  # also for what is no array: the function that then runs refuses it


@functools.cache
def _cpu() -> ModuleType:
    """Return the kernels for NumPy arrays, which are loaded with the first of them."""
    from minires.kernels import cpu

    return cpu
