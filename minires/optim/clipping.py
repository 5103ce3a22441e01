"""Clipping of gradients by their common norm."""

import math
from collections.abc import Iterable

from minires.backend import array_module
from minires.checks import number
from minires.layers import Parameter
from minires.typing import Array


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
    max_norm = number("max_norm", max_norm)
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
