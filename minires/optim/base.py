"""What all optimisers share."""

import math
from collections.abc import Iterable, Mapping, Sequence

from minires import reprs
from minires.backend import array_module, to_module
from minires.checks import in_range, number
from minires.layers import Parameter
from minires.optim.schedules import Schedule
from minires.typing import Array


class Optimiser:
    """What all optimisers share: named parameters, which of them decay, and which move faster.

    Parameters
    ----------
    named_parameters : (name, Parameter) pairs
        As `net.named_parameters()` yields them. Frozen ones are skipped.
    lr
        The learning rate; for a schedule set `optimiser.lr = schedule(step)` before each step.
    weight_decay
        Pulls every weight towards 0.
    no_decay
        Names that are not decayed. A name is a dotted path's beginning or end.
    lr_scale
        {name: factor} multiplies the learning rate; names as in no_decay.
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, Parameter]],
        *,
        lr: float,
        weight_decay: float = 0.0,
        no_decay: Sequence[str] = (),
        lr_scale: Mapping[str, float] | None = None,
    ) -> None:
        try:
            self.parameters = dict(named_parameters)
        except TypeError:
            raise TypeError(
                "named_parameters: expected (name, Parameter) pairs, as net.named_parameters() yields them, "
                f"got {type(named_parameters).__name__}"
            ) from None
        if isinstance(lr, Schedule):
            raise TypeError("lr: expected a number; for a schedule set optimiser.lr = schedule(step)")
        self.lr = in_range("lr", lr, 0, math.inf)
        self.weight_decay = in_range("weight_decay", weight_decay, 0, math.inf)
        if not self.parameters:
            raise ValueError("named_parameters: expected at least one parameter, got none")
        lr_scale = {name: number(f"lr_scale[{name!r}]", factor) for name, factor in (lr_scale or {}).items()}
        self.no_decay, self.lr_scale = tuple(no_decay), dict(lr_scale)
        for pattern in (*no_decay, *lr_scale):
            if not any(_matches(name, pattern) for name in self.parameters):
                raise ValueError(
                    f"{pattern!r} names no parameter; there are {', '.join(list(self.parameters)[:4])}, ..."
                )
        self._decay = {
            name: 0.0 if any(_matches(name, pattern) for pattern in no_decay) else self.weight_decay
            for name in self.parameters
        }
        self._scale = {
            name: math.prod(factor for pattern, factor in lr_scale.items() if _matches(name, pattern))
            for name in self.parameters
        }

    def __repr__(self) -> str:
        values = reprs.settings(self, hidden=("named_parameters",))
        values = {name: value for name, value in values.items() if value != {}}
        size = sum(parameter.data.size for parameter in self.parameters.values())
        arrays = reprs.counted(len(self.parameters), "parameter array")
        options = ", ".join(f"{name}={reprs.text(value)}" for name, value in values.items())
        after = f": {options}" if options else ""
        return f"<{type(self).__name__} of {arrays}, {reprs.counted(size, 'number')}{after}>"

    def prepare(self) -> None:
        """Bring the learning rate to where `step` reads it: to the GPU, if the parameters live there."""

    def step(self) -> None:
        """Move every parameter that is not frozen by one step."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def identity(self) -> list[tuple]:
        """Return what a recorded step depends on, a tuple for each parameter: its arrays, and whether it is
        frozen."""
        return [(parameter.data, parameter.grad, parameter.frozen) for parameter in self.parameters.values()]

    def zero_grad(self) -> None:
        """Set every gradient to zero, in place."""
        for parameter in self.parameters.values():
            parameter.grad.fill(0)

    def state_dict(self) -> dict[str, Array]:
        """Return {name: array} of what the optimiser remembers, the live arrays."""
        return {}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy what state_dict returned in place. Raises ValueError if names, shapes or dtypes differ."""
        own = self.state_dict()
        fits = state.keys() == own.keys() and all(
            getattr(state[name], "dtype", None) == array.dtype and state[name].shape == array.shape
            for name, array in own.items()
        )
        if not fits:
            raise ValueError(
                "this optimiser state belongs to other parameters: names, shapes or dtypes differ"
            )
        for name, array in own.items():
            array[...] = to_module(state[name], array_module(array))


def _matches(name: str, pattern: str) -> bool:
    return f".{name}.".startswith(f".{pattern}.") or f".{name}.".endswith(f".{pattern}.")
