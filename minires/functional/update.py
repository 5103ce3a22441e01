"""The optimisers' steps of one parameter."""

from minires.backend import array_module
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


def adam_step(
    weight: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    *,
    lr: float | Array,
    betas: tuple[float, float],
    bias_corrections: tuple[float | Array, float | Array],
    eps: float,
    decay: float,
) -> None:
    """Move a weight one step of Adam, in place, and the running means of its gradient with it.

    Parameters
    ----------
    weight, gradient, mean, square : the same shape
        mean and square: running means of the gradient and of its square.
    lr : float or 0-d array
    betas : (float, float)
    bias_corrections : two floats or 0-d arrays
        1 - beta^t of both, t the number of this step from 1.
    eps, decay : float

    Notes
    -----
    mean = beta1 * mean + (1 - beta1) * g;  square = beta2 * square + (1 - beta2) * g^2;
    weight = (1 - lr * decay) * weight - lr * (mean / c1) / (sqrt(square / c2) + eps), with c1 and c2 the
    bias corrections; see `minires.optim.Adam`. Each line changes an array that is there, so that a 0-d
    float64 array turns no float32 into float64.
    """
    beta1, beta2 = betas
    mean *= beta1
    mean += (1 - beta1) * gradient
    square *= beta2
    square += (1 - beta2) * gradient * gradient
    if decay:
        weight *= 1 - lr * decay
    root = array_module(weight).sqrt(square)
    root /= bias_corrections[1] ** 0.5
    root += eps
    step = mean / root
    step *= lr / bias_corrections[0]
    weight -= step
