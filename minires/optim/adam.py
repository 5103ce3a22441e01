"""Adam with decoupled weight decay."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import minires.functional as F
from minires.backend import array_module, to_module
from minires.checks import number
from minires.layers import Parameter
from minires.optim.base import Optimiser
from minires.typing import Array


class Adam(Optimiser):
    """Adam with decoupled weight decay (AdamW), in place on named parameters.

    Parameters
    ----------
    named_parameters, lr, no_decay, lr_scale
        As for `SGD`.
    betas
        Fractions of the running means of the gradient and of its square that are kept at each step, from 0 to
        below 1.
    eps
        Added to the root of the mean square; units of the gradient.
    weight_decay
        What lr times this takes of every weight at each step.

    Raises
    ------
    ValueError
        For a value out of range, and for a name in no_decay or lr_scale that names no parameter.

    Notes
    -----
    ::

        w = (1 - lr * weight_decay) * w    apart from the gradient: decoupled
        m = beta1 * m + (1 - beta1) * grad
        s = beta2 * s + (1 - beta2) * grad^2
        w = w - lr * m_hat / (sqrt(s_hat) + eps)

    m and s start at 0; m_hat = m / (1 - beta1^t) and s_hat = s / (1 - beta2^t) make up for that at step t,
    counted from 1. So the first step is lr in every direction, however small the gradient.

    References
    ----------
    Kingma & Ba 2014 (arXiv:1412.6980), Algorithm 1; Loshchilov & Hutter 2017 (arXiv:1711.05101), Algorithm 2.

    Examples
    --------
    >>> from minires.layers import Parameter
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> optimiser = Adam([("weight", weight)], lr=0.1)
    >>> weight.accumulate(np.array([1e-3, -10.0]))
    >>> optimiser.step()
    >>> weight.data.round(3)
    array([0.9, 2.1])
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, Parameter]],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        no_decay: Sequence[str] = (),
        lr_scale: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(
            named_parameters, lr=lr, weight_decay=weight_decay, no_decay=no_decay, lr_scale=lr_scale
        )
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas: expected two numbers from 0 to below 1, got {betas!r}")
        self.betas, self.eps = (number("betas", betas[0]), number("betas", betas[1])), number("eps", eps)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas: expected two numbers from 0 to below 1, got {betas}")
        if not 0 < self.eps < math.inf:
            raise ValueError(f"eps: expected a finite number above 0, got {eps}")
        arrays = {name: parameter.data for name, parameter in self.parameters.items()}
        xp = array_module(next(iter(arrays.values())))
        self.mean = {name: xp.zeros_like(array) for name, array in arrays.items()}
        self.square = {name: xp.zeros_like(array) for name, array in arrays.items()}
        # on the device, so that a recorded step counts on and reads the current rate; a count for each
        # parameter, for a frozen one stands still
        self.steps, self._rate, self._uploaded = xp.zeros(len(arrays)), xp.zeros(()), 0.0

    def prepare(self) -> None:
        if self.lr != self._uploaded:
            self._rate.fill(self.lr)
            self._uploaded = self.lr

    def step(self) -> None:
        """Move every parameter that is not frozen by one step against its gradient's running mean."""
        self.prepare()
        for at, (name, parameter) in enumerate(self.parameters.items()):
            if not parameter.frozen:
                self.steps[at] += 1
                F.adam_step(
                    parameter.data,
                    parameter.grad,
                    self.mean[name],
                    self.square[name],
                    lr=self._rate * self._scale[name],
                    betas=self.betas,
                    bias_corrections=tuple(1 - beta ** self.steps[at] for beta in self.betas),
                    eps=self.eps,
                    decay=self._decay[name],
                )

    def identity(self) -> list[tuple]:
        """Return what a recorded step depends on, a tuple for each parameter: its arrays, and whether it is
        frozen."""
        return [
            (p.data, p.grad, self.mean[name], self.square[name], self.steps, self._rate, p.frozen)
            for name, p in self.parameters.items()
        ]

    def to(self, xp: ModuleType) -> "Adam":
        """Move what is remembered to the array module xp (the network is moved by its own `to`); return
        self."""
        for arrays in (self.mean, self.square):
            arrays.update({name: to_module(array, xp) for name, array in arrays.items()})
        self.steps, self._rate = to_module(self.steps, xp), to_module(self._rate, xp)
        return self

    def state_dict(self) -> dict[str, Array]:
        """Return {"mean/NAME", "square/NAME": array, "steps": (parameters,)}, the live arrays."""
        means = {f"mean/{name}": array for name, array in self.mean.items()}
        squares = {f"square/{name}": array for name, array in self.square.items()}
        return means | squares | {"steps": self.steps}
