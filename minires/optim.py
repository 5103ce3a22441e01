"""Optimisers, stochastic gradient descent and Adam; and the schedules of their learning rate."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import minires.functional as F
from minires import reprs
from minires.backend import array_module, to_module
from minires.checks import number, plain
from minires.functional import dispatch
from minires.layers import Parameter
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
        self.lr = _check_range("lr", lr, 0, math.inf)
        self.weight_decay = _check_range("weight_decay", weight_decay, 0, math.inf)
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
        momentum = _check_range("momentum", momentum, 0, 1)
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
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas: expected two numbers from 0 to below 1, got {betas}")
        if not 0 < eps < math.inf:
            raise ValueError(f"eps: expected a finite number above 0, got {eps}")
        self.betas, self.eps = (float(betas[0]), float(betas[1])), float(eps)
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


def clip_gradients(named_parameters: Iterable[tuple[str, Parameter]], max_norm: float) -> Array:
    """Scale all gradients together, in place, so that their norm is at most max_norm.

    Parameters
    ----------
    named_parameters : (name, Parameter) pairs
        As `net.named_parameters()` yields them. Frozen ones do not count and keep their gradients.
    max_norm
        Above 0; units of the gradient.

    Returns
    -------
    norm : 0-d array, float64
        That of all gradients before, as if they were one vector; nothing waits for it on a GPU. If it is not
        finite, the gradients stay as they are, for where they went wrong can then be found.

    Raises
    ------
    ValueError
        Unless max_norm is a finite number above 0.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013 (arXiv:1211.5063), Algorithm 1.

    Examples
    --------
    >>> from minires.layers import Parameter
    >>> weight = Parameter(np.zeros(2))
    >>> weight.accumulate(np.array([3.0, 4.0]))
    >>> clip_gradients([("weight", weight)], 1.0)
    array(5.)
    >>> weight.grad
    array([0.6, 0.8])
    """
    if not 0 < max_norm < math.inf:
        raise ValueError(f"max_norm: expected a finite number above 0, got {max_norm}")
    gradients = [parameter.grad for _, parameter in named_parameters if not parameter.frozen]
    if not gradients:
        raise ValueError("named_parameters: expected at least one that is not frozen, got none")
    xp = array_module(*gradients)
    # squared in float64, where those of float32 neither overflow nor vanish
    squares = [xp.square(gradient, dtype="float64").sum() for gradient in gradients]
    norm = xp.sqrt(sum(squares[1:], squares[0]))
    factor = xp.where(xp.isfinite(norm), max_norm / xp.maximum(norm, max_norm), 1.0)
    for gradient in gradients:
        gradient *= factor
    return xp.asarray(norm)


def _matches(name: str, pattern: str) -> bool:
    return f".{name}.".startswith(f".{pattern}.") or f".{name}.".endswith(f".{pattern}.")


def _check_range(name: str, value: float, least: float, most: float) -> float:
    """Return value as a Python float, or raise unless it lies in the range."""
    value = number(name, value)
    if not least <= value <= most or math.isinf(value):
        expected = (
            f"a finite number of at least {least}" if math.isinf(most) else f"a number from {least} to {most}"
        )
        raise ValueError(f"{name}: expected {expected}, got {value}")
    return value


# -- schedules: called with the number of the step (from 0), they return its learning rate -----------------


class Schedule:
    """A learning rate as a function of the step; what all schedules share.

    Parameters
    ----------
    lr
        The rate at the start.
    """

    def __init__(self, lr: float) -> None:
        self.lr = _check_range("lr", lr, 0, math.inf)

    def __repr__(self) -> str:
        return reprs.call(self, reprs.settings(self))

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, from 0."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def observe(self, error: float) -> None:
        """Take note of an epoch's validation error; only a plateau schedule reacts to it."""

    def state_dict(self) -> dict[str, float]:
        """Return what the schedule has learned on the way, as plain numbers."""
        return {}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore what state_dict returned. Raises ValueError for other names or for what is no number."""
        own = self.state_dict()
        if state.keys() != own.keys() or not all(type(value) in (int, float) for value in state.values()):
            raise ValueError(f"the schedule's state is {state}, expected numbers for {list(own)}")
        for name, value in state.items():
            setattr(self, name, value)


class Constant(Schedule):
    """The same learning rate at every step.

    Parameters
    ----------
    lr
        That rate.
    """

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, from 0."""
        return self.lr


class Steps(Schedule):
    """The step schedule: lr times factor for every milestone passed.

    Parameters
    ----------
    lr
        The rate at the start.
    milestones
        Rising step numbers; the papers' are 32k and 48k of 64k iterations.
    factor
        What each milestone multiplies the rate by.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 4.2.

    Examples
    --------
    >>> schedule = Steps(0.1, [32_000, 48_000])
    >>> [round(schedule(step), 3) for step in (0, 32_000, 48_000)]
    [0.1, 0.01, 0.001]
    """

    def __init__(self, lr: float, milestones: Sequence[int], factor: float = 0.1) -> None:
        milestones = [plain(milestone) for milestone in milestones]
        if sorted(milestones) != milestones:
            raise ValueError(f"milestones: expected rising step numbers, got {milestones}")
        super().__init__(lr)
        self.milestones, self.factor = tuple(milestones), number("factor", factor)

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, from 0."""
        return self.lr * self.factor ** sum(bool(step >= milestone) for milestone in self.milestones)


class Cosine(Schedule):
    """Cosine annealing: half a cosine from lr down to 0 at step `total`.

    References
    ----------
    Loshchilov & Hutter 2016 (arXiv:1608.03983), equation 5.

    Examples
    --------
    >>> schedule = Cosine(0.1, total=100)
    >>> [round(schedule(step), 3) for step in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    """

    def __init__(self, lr: float, total: int) -> None:
        total = plain(total)
        if total < 1:
            raise ValueError(f"total: expected at least 1 step, got {total}")
        super().__init__(lr)
        self.total = total

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, from 0."""
        return self.lr * 0.5 * (1 + math.cos(math.pi * min(plain(step), self.total) / self.total))


class Plateau(Schedule):
    """Reduce on plateau: lr times factor whenever the error has not fallen for more than `patience` epochs.

    Parameters
    ----------
    lr
        The rate at the start.
    factor
        From 0 to 1; the ResNet paper divides by 10 "when the error plateaus".
    patience
        Epochs without progress that are waited for.
    min_improvement
        A fall of the error (a fraction) that counts as progress.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 3.4.

    Examples
    --------
    >>> schedule = Plateau(0.1, patience=1)
    >>> for error in (0.5, 0.4, 0.4, 0.4):
    ...     schedule.observe(error)
    >>> round(schedule(step=0), 3)
    0.01
    """

    def __init__(
        self, lr: float, *, factor: float = 0.1, patience: int = 5, min_improvement: float = 1e-3
    ) -> None:
        super().__init__(lr)
        self.factor, self.patience = _check_range("factor", factor, 0, 1), plain(patience)
        if self.patience < 0:
            raise ValueError(f"patience: expected at least 0 epochs, got {patience}")
        self.min_improvement = number("min_improvement", min_improvement)
        self.best, self.waited = math.inf, 0

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, whatever it is: here only errors count."""
        return self.lr

    def observe(self, error: float) -> None:
        """Take note of an epoch's error.

        Parameters
        ----------
        error
            On held-out images, as a fraction; lower is better.
        """
        error = number("error", error)
        if error < self.best - self.min_improvement:
            self.best, self.waited = error, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.lr, self.waited = self.lr * self.factor, 0

    def state_dict(self) -> dict[str, float]:
        """Return the rate, the best error and the epochs waited."""
        return {"lr": self.lr, "best": self.best, "waited": self.waited}


class WarmUp(Schedule):
    """Warm-up: a smaller rate for the first steps, then another schedule.

    Parameters
    ----------
    then
        The schedule after the warm-up.
    steps
        How many.
    lr
        The rate at the start.
    rising
        Whether the rate climbs in a straight line from `lr` to where `then` begins (Goyal et al. 2017,
        arXiv:1706.02677, section 2.2), or stays constant.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 4.2: ResNet-110 starts at 0.01 for about 400 steps, then 0.1.

    Examples
    --------
    >>> schedule = WarmUp(Constant(0.1), steps=400)
    >>> schedule(0), schedule(400)
    (0.01, 0.1)
    """

    def __init__(self, then: Schedule, *, steps: int, lr: float = 0.01, rising: bool = False) -> None:
        super().__init__(lr)
        if steps < 0:
            raise ValueError(f"steps: expected at least 0, got {steps}")
        self.then, self.steps, self.rising = then, plain(steps), bool(rising)

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, from 0."""
        if step >= self.steps:
            return self.then(step)
        fraction = plain(step) / self.steps if self.rising else 0
        return self.lr + fraction * (self.then(self.steps) - self.lr)

    def observe(self, error: float) -> None:
        """Hand the error on to the schedule after the warm-up."""
        self.then.observe(error)

    def state_dict(self) -> dict[str, float]:
        """Return the state of the schedule after the warm-up."""
        return self.then.state_dict()

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore the state of the schedule after the warm-up."""
        self.then.load_state_dict(state)
