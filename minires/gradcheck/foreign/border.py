"""What a file of anybody's computes with: NumPy's arrays, or PyTorch's tensors. The checker has arrays."""

import contextlib
import random
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from minires.typing import Array


class Border:
    """Where arrays are handed to somebody's code and come back: NumPy's, as they are."""

    can_protect = True  # a read-only array stops code that writes into it
    usual: type = np.float32  # the dtype in which networks are trained: is it kept?

    def give(self, array: Array) -> Any:
        """Return what the code is given for an array."""
        return array

    def take(self, value: Any) -> Any:
        """Return the arrays in whatever the code returned."""
        return value

    def seed(self) -> None:
        """Begin the global random numbers again."""
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002

    def state(self) -> tuple[Any, ...]:
        """Return what tells whether global random numbers have been drawn."""
        _, key, position, *_ = np.random.get_state()  # noqa: NPY002
        return random.getstate(), position, int(key[0])

    @contextlib.contextmanager
    def as_usual(self) -> Iterator[None]:
        """Let the code make its own arrays as it does without the check."""
        yield


class TorchBorder(Border):
    """Tensors that share an array's memory. torch: the module."""

    can_protect = False
    usual = np.float64  # torch.zeros(shape) is float32, so it is float64 that gets lost

    def __init__(self, torch: ModuleType) -> None:
        self._torch = torch
        torch.set_default_dtype(torch.float64)  # torch.zeros(shape) must not round on the way

    def give(self, array: Array) -> Any:
        if isinstance(array, np.ndarray):
            return self._torch.from_numpy(array)
        return array.clone() if isinstance(array, self._torch.Tensor) else array

    def take(self, value: Any) -> Any:
        if isinstance(value, self._torch.Tensor):
            return value.detach().cpu().numpy()
        if isinstance(value, dict):
            return {name: self.take(item) for name, item in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(self.take(item) for item in value)
        return value

    def seed(self) -> None:
        super().seed()
        self._torch.manual_seed(0)

    def state(self) -> tuple[Any, ...]:
        return (*super().state(), self._torch.random.get_rng_state().numpy().tobytes())

    @contextlib.contextmanager
    def as_usual(self) -> Iterator[None]:
        self._torch.set_default_dtype(self._torch.float32)
        try:
            yield
        finally:
            self._torch.set_default_dtype(self._torch.float64)
