"""The optimiser's step of one parameter."""

from minires.functional.dispatch import accelerated
from minires.typing import Array


@accelerated
def sgd_step(
    weight: Array,
    gradient: Array,
    velocity: Array | None,
    *,
    lr: float,
    momentum: float,
    decay: float,
    nesterov: bool,
) -> None:
    """Move a weight one step down its gradient, in place, and its velocity with it.

    Parameters
    ----------
    weight, gradient : the same shape
    velocity : like weight, or None without momentum
    lr, momentum, decay : float
    nesterov : bool

    Notes
    -----
    g = gradient + decay * weight;  v = momentum * v + g;  weight -= lr * v, or lr * (g + momentum * v) with
    nesterov; see `minires.optim.SGD`.
    """
    direction = gradient + decay * weight if decay else gradient
    if velocity is not None:
        velocity *= momentum
        velocity += direction
        direction = direction + momentum * velocity if nesterov else velocity
    weight -= lr * direction
