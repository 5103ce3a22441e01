"""Schedules of the learning rate: called with the number of the step, from 0, they return its rate."""

import math
from collections.abc import Mapping, Sequence

from minires import reprs
from minires.checks import in_range, number, plain, whole_number


class Schedule:
    """A learning rate as a function of the step; what all schedules share.

    Parameters
    ----------
    lr
        The rate at the start.
    """

    def __init__(self, lr: float) -> None:
        self.lr = in_range("lr", lr, 0, math.inf)

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
        milestones = [whole_number("milestones", milestone, least=0) for milestone in milestones]
        if sorted(milestones) != milestones:
            raise ValueError(f"milestones: expected rising step numbers, got {milestones}")
        super().__init__(lr)
        self.milestones, self.factor = tuple(milestones), number("factor", factor)

    def __call__(self, step: int) -> float:
        """Return the learning rate of step number `step`, from 0."""
        return self.lr * self.factor ** sum(bool(step >= milestone) for milestone in self.milestones)


class Cosine(Schedule):
    """Cosine annealing: half a cosine from lr down to 0 at step `total`.

    Parameters
    ----------
    lr
        The rate at the start.
    total
        The number of steps; beyond it the rate stays 0.

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
        super().__init__(lr)
        self.total = whole_number("total", total, least=1)

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
        self.factor = in_range("factor", factor, 0, 1)
        self.patience = whole_number("patience", patience, least=0)
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
        self.then, self.steps, self.rising = then, whole_number("steps", steps, least=0), bool(rising)

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
