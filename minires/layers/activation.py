"""Nonlinearities: ReLU, sigmoid, softmax."""

import minires.functional as F
from minires.checks import number
from minires.layers.base import Layer
from minires.layers.trace import Blank, Step
from minires.typing import Array


class ReLU(Layer):
    """Rectified linear unit: max(x, 0), element by element, of arrays of any shape.

    Notes
    -----
    It remembers y, which the next layer keeps anyway: where y > 0 the gradient passes, elsewhere it is 0.

    References
    ----------
    Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".

    Examples
    --------
    >>> y, cache = ReLU().forward(np.array([-1.0, 2.0]), train=True)
    >>> y
    array([0., 2.])
    >>> ReLU().backward(np.array([5.0, 5.0]), cache)
    array([0., 5.])
    """

    keeps_zero = idempotent = True

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.relu_forward(x)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.relu_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))


class LeakyReLU(Layer):
    """Leaky rectified linear unit: max(x, 0) + slope * min(x, 0), of arrays of any shape.

    Parameters
    ----------
    slope : float, default 0.01
        What is left of a negative x, at least 0.

    Raises
    ------
    ValueError
        For a negative slope, by `forward`.

    Notes
    -----
    A ReLU that is negative for every image has no gradient and never comes back ("dead units"); a leaky one
    does. It remembers y. At the corner its gradient is that of the negative side.

    References
    ----------
    Maas, Hannun & Ng 2013, "Rectifier nonlinearities improve neural network acoustic models", section 2.

    Examples
    --------
    >>> LeakyReLU(0.1).predict(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """

    keeps_zero = True

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("slope", slope)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.leaky_relu_forward(x, slope=self.slope)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.leaky_relu_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))


class Sigmoid(Layer):
    """The logistic function 1 / (1 + exp(-x)), element by element, of arrays of any shape.

    Notes
    -----
    Its slope is y * (1 - y), a quarter at most: gradients shrink at every layer of a deep network that uses
    it between layers. It makes the gates of a `GatedResidual`.

    Examples
    --------
    >>> Sigmoid().predict(np.array([0.0]))
    array([0.5])
    """

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.sigmoid_forward(x)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.sigmoid_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))


class Softmax(Layer):
    """Softmax along the last axis: exp(x) / sum(exp(x)), numbers above 0 that add up to 1.

    Notes
    -----
    To train a classifier, leave it out: the loss contains it (`functional.softmax_cross_entropy_forward`),
    and there the two together are exact where exp alone would overflow.

    Examples
    --------
    >>> Softmax().predict(np.array([[1.0, 1.0]]))
    array([[0.5, 0.5]])
    """

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.softmax_forward(x)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.softmax_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))
