"""Stochastic gradient descent with momentum."""

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import minires.functional as F
from minires.backend import array_module, to_module
from minires.checks import in_range
from minires.functional import dispatch
from minires.layers import Parameter
from minires.optim.base import Optimiser
from minires.typing import Array


class SGD(Optimiser):
    """Stochastic gradient descent with momentum and weight decay, in place on named parameters.

    Parameters
    ----------
    named_parameters : (name, Parameter) pairs
        As `net.named_parameters()` yields them. Frozen ones are skipped.
    lr
        The learning rate; for a schedule set `optimiser.lr = schedule(step)` before each step.
    momentum
        From 0 to 1.
    weight_decay
        Pulls every weight towards 0.
    nesterov
        Take the step from the point ahead along the momentum.
    no_decay
        Names that are not decayed. A name is a dotted path's beginning or end: "fc" means all inside fc,
        "gamma" every gamma.
    lr_scale
        {name: factor} multiplies the learning rate; names as in no_decay.

    Raises
    ------
    ValueError
        For a value out of range, and for a name in no_decay or lr_scale that names no parameter.

    Notes
    -----
    ::

        g = grad + weight_decay * w
        v = momentum * v + g               the velocity remembers earlier gradients
        w = w - lr * v                     with nesterov: w - lr * (g + momentum * v)

    Differs from the paper (and from Caffe): there v holds lr * g, which is the same until lr changes; and
    with nesterov w is the point ahead, where they take the gradient, so that w need not be moved there and
    back (as PyTorch does).

    References
    ----------
    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", equations 1 to
    4.

    Examples
    --------
    >>> from minires.layers import Parameter
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> optimiser = SGD([("weight", weight)], lr=0.1, momentum=0.9)
    >>> weight.accumulate(np.array([1.0, -1.0]))
    >>> optimiser.step()
    >>> weight.data
    array([0.9, 2.1])
    >>> optimiser.zero_grad()
    >>> weight.grad
    array([0., 0.])
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, Parameter]],
        *,
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        no_decay: Sequence[str] = (),
        lr_scale: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(
            named_parameters, lr=lr, weight_decay=weight_decay, no_decay=no_decay, lr_scale=lr_scale
        )
        momentum = in_range("momentum", momentum, 0, 1)
        if nesterov and not momentum:
            raise ValueError("nesterov: looks ahead along the momentum, so momentum must be above 0")
        self.momentum, self.nesterov = momentum, bool(nesterov)
        self.velocity = {
            name: array_module(p.data).zeros_like(p.data) for name, p in self.parameters.items() if momentum
        }
        self._at_once = None  # on a GPU: a kernel that moves all parameters in one launch

    def prepare(self) -> None:
        """Bring the learning rate to where `step` reads it: to the GPU, if the parameters live there."""
        update_of = dispatch.find("update_of", next(iter(self.parameters.values())).data)
        self._at_once = update_of(self, self._at_once) if update_of else None
        if self._at_once:
            self._at_once.set_rate(self.lr)

    def step(self) -> None:
        """Move every parameter that is not frozen by one step down its gradient."""
        self.prepare()
        if self._at_once:
            self._at_once.step(self.momentum, self.nesterov)
            return
        for name, parameter in self.parameters.items():
            if not parameter.frozen:
                F.sgd_step(
                    parameter.data,
                    parameter.grad,
                    self.velocity.get(name),
                    lr=float(self.lr) * self._scale[name],
                    momentum=self.momentum,
                    decay=self._decay[name],
                    nesterov=self.nesterov,
                )

    def identity(self) -> list[tuple]:
        """Return what a recorded step depends on, a tuple for each parameter: its arrays, and whether it is
        frozen."""
        return [
            (parameter.data, parameter.grad, self.velocity.get(name), parameter.frozen)
            for name, parameter in self.parameters.items()
        ]

    def zero_grad(self) -> None:
        """Set every gradient to zero, in place."""
        self.prepare()
        if self._at_once:
            self._at_once.zero_grad()
            return
        super().zero_grad()

    def to(self, xp: ModuleType) -> "SGD":
        """Move the velocities to the array module xp (the network is moved by its own `to`); return self."""
        self.velocity = {name: to_module(array, xp) for name, array in self.velocity.items()}
        return self

    def state_dict(self) -> dict[str, Array]:
        """Return {parameter name: velocity}, the live arrays; empty without momentum."""
        return dict(self.velocity)
