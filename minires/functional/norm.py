"""Batch normalisation with this batch's statistics and with running ones; group and local response norm."""

from minires import sums
from minires.checks import check_batch, check_gradient, check_groups, check_norm, check_response_norm
from minires.functional.dispatch import accelerated
from minires.typing import Array, Cache


@accelerated
def batch_norm_train_forward(
    x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5
) -> tuple[Array, Cache, tuple[Array, Array]]:
    """Normalise each channel by this batch's own mean and variance, then scale and shift it.

    Parameters
    ----------
    x : (N, C, H, W) or (N, C)
    gamma, beta : (C,)
        Scale and shift, learned.
    eps
        Added to the variance; units of x squared.

    Returns
    -------
    y : like x
    cache : (x, mean, 1/std, gamma)
        x, mean and 1/std give x_hat again: two numbers a channel are remembered, not another array as large
        as x. gamma is for dx; beta is not needed, for its gradient is the sum of dy.
    (mean, var) : each (C,)
        var is divided by the number of values, M = N*H*W.

    Raises
    ------
    ValueError
        If a channel has fewer than two values.

    Notes
    -----
    With std = sqrt(var + eps) and x_hat = (x - mean) / std, y = gamma * x_hat + beta.

    References
    ----------
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 1.

    Examples
    --------
    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> y, cache, (mean, var) = batch_norm_train_forward(x, np.ones(2), np.zeros(2), eps=0.0)
    >>> y
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    xp, eps = check_norm(x, gamma=gamma, beta=beta, eps=eps)
    check_batch(x)
    mean = sums.mean(x, _all_but_channels(x))
    centred = x - _spread(mean, x)
    var = sums.mean(centred * centred, _all_but_channels(x))
    inverse_std = 1 / xp.sqrt(var + eps)
    x_hat = centred * _spread(inverse_std, x)
    y = _spread(gamma, x) * x_hat + _spread(beta, x)
    return y, (x, mean, inverse_std, gamma), (mean, var)


@accelerated
def batch_norm_train_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return the three gradients of `batch_norm_train_forward`.

    Parameters
    ----------
    dy : like y
    cache : what `batch_norm_train_forward` returned

    Returns
    -------
    dx, like x; dgamma (C,); dbeta (C,)

    Notes
    -----
    Three paths lead from x to y: straight through x_hat, through the mean, and through the variance. With M
    values a channel,

        dx = 1/std * (dx_hat - sum(dx_hat) / M - x_hat * sum(dx_hat * x_hat) / M),    dx_hat = gamma * dy

    so dx has no component along 1 and, but for eps, none along x_hat: shifting x would not have changed y,
    and stretching it only by what eps does.
    """
    x, mean, inverse_std, gamma = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    axes = _all_but_channels(x)
    x_hat = (x - _spread(mean, x)) * _spread(inverse_std, x)
    dgamma, dbeta = sums.total(dy * x_hat, axes), sums.total(dy, axes)
    dx_hat = dy * _spread(gamma, x)
    through_mean = sums.mean(dx_hat, axes, keepdims=True)
    through_variance = x_hat * sums.mean(dx_hat * x_hat, axes, keepdims=True)
    dx = _spread(inverse_std, x) * (dx_hat - through_mean - through_variance)
    return dx, dgamma, dbeta


@accelerated
def batch_norm_eval_forward(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_var: Array, *, eps: float = 1e-5
) -> tuple[Array, Cache]:
    """Normalise each channel by given statistics: a fixed line for each channel, gamma*(x-mean)/std + beta.

    Parameters
    ----------
    x : (N, C, H, W) or (N, C)
    gamma, beta, running_mean, running_var : (C,)
    eps
        Added to running_var; units of x squared.

    Returns
    -------
    y : like x
    cache : (x, mean, 1/std, gamma)
        x is what dgamma needs; mean is running_mean itself: hand in a copy if it will move before backward.

    References
    ----------
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 2, line 11.
    """
    xp, eps = check_norm(
        x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var, eps=eps
    )
    inverse_std = 1 / xp.sqrt(running_var + eps)
    x_hat = (x - _spread(running_mean, x)) * _spread(inverse_std, x)
    y = _spread(gamma, x) * x_hat + _spread(beta, x)
    return y, (x, running_mean, inverse_std, gamma)


@accelerated
def batch_norm_eval_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return dx, like x, and dgamma and dbeta, each (C,): with constant statistics dx = dy * gamma / std."""
    x, mean, inverse_std, gamma = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    x_hat = (x - _spread(mean, x)) * _spread(inverse_std, x)
    axes = _all_but_channels(x)
    dgamma, dbeta = sums.total(dy * x_hat, axes), sums.total(dy, axes)
    return dy * _spread(gamma * inverse_std, x), dgamma, dbeta


@accelerated
def update_running_averages(
    running_mean: Array, running_var: Array, mean: Array, var: Array, *, momentum: float, count: int
) -> None:
    """Let batch norm's running averages take in a batch, in place.

    Parameters
    ----------
    running_mean, running_var : (C,)
        Written into.
    mean, var : (C,)
        The batch's, var divided by count.
    momentum : float
        The fraction of the old average that stays.
    count : int
        Values a channel.

    Notes
    -----
    running = momentum * running + (1 - momentum) * batch. What the variance averages is unbiased, divided by
    count - 1.

    References
    ----------
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 2, line 10.
    """
    running_mean *= momentum
    running_mean += (1 - momentum) * mean
    running_var *= momentum
    running_var += (1 - momentum) * (var * (count / (count - 1)))


def group_norm_forward(
    x: Array, gamma: Array, beta: Array, *, groups: int, eps: float = 1e-5
) -> tuple[Array, Cache]:
    """Normalise each image by itself, every group of its channels by their own mean and variance.

    Parameters
    ----------
    x : (N, C, H, W) or (N, C)
    gamma, beta : (C,)
        Scale and shift of each channel, learned.
    groups
        Groups of C/groups channels that lie side by side; 1 is layer norm, C instance norm.
    eps
        Added to the variance; units of x squared.

    Returns
    -------
    y : like x
    cache : (x, mean, 1/std, gamma)
        mean and 1/std: (N, groups, 1, ...), to be spread over x as `_in_groups` lays it out.

    Raises
    ------
    ValueError
        If groups does not divide C, or a group has fewer than two values.

    Notes
    -----
    No image sees another one: nothing is averaged over the batch, so training and evaluation are the same.

    References
    ----------
    Wu & He 2018 (arXiv:1803.08494), equations 1, 2 and 7.

    Examples
    --------
    >>> x = np.array([[1.0, 3.0, 10.0, 30.0]])
    >>> y, cache = group_norm_forward(x, np.ones(4), np.zeros(4), groups=2, eps=0.0)
    >>> y
    array([[-1.,  1., -1.,  1.]])
    """
    xp, eps = check_norm(x, gamma=gamma, beta=beta, eps=eps)
    grouped, axes = _in_groups(x, check_groups(x, groups))
    mean = sums.mean(grouped, axes, keepdims=True)
    centred = grouped - mean
    var = sums.mean(centred * centred, axes, keepdims=True)
    inverse_std = 1 / xp.sqrt(var + eps)
    x_hat = (centred * inverse_std).reshape(x.shape)
    y = _spread(gamma, x) * x_hat + _spread(beta, x)
    return y, (x, mean, inverse_std, gamma)


def group_norm_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return the three gradients of `group_norm_forward`.

    Parameters
    ----------
    dy : like y
    cache : what `group_norm_forward` returned

    Returns
    -------
    dx, like x; dgamma (C,); dbeta (C,)

    Notes
    -----
    The three paths of `batch_norm_train_backward`, with the means taken over a group instead of a channel.
    gamma differs within a group, so it is multiplied in before they are taken.
    """
    x, mean, inverse_std, gamma = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    grouped, axes = _in_groups(x, mean.shape[1])
    x_hat = (grouped - mean) * inverse_std
    dgamma = sums.total(dy * x_hat.reshape(x.shape), _all_but_channels(x))
    dbeta = sums.total(dy, _all_but_channels(x))
    dx_hat, _ = _in_groups(dy * _spread(gamma, x), mean.shape[1])
    through_mean = sums.mean(dx_hat, axes, keepdims=True)
    through_variance = x_hat * sums.mean(dx_hat * x_hat, axes, keepdims=True)
    dx = inverse_std * (dx_hat - through_mean - through_variance)
    return dx.reshape(x.shape), dgamma, dbeta


def _in_groups(x: Array, groups: int) -> tuple[Array, tuple[int, ...]]:
    """Return x as (N, groups, C/groups, H, W), a view, and the axes over which a group's values run."""
    grouped = x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])
    return grouped, tuple(range(2, grouped.ndim))


def _all_but_channels(x: Array) -> tuple[int, ...]:
    """Return the axes over which a channel's values run: (0, 2, 3) for images, (0,) for vectors."""
    return (0, *range(2, x.ndim))


def _spread(vector: Array, x: Array) -> Array:
    """Return a vector (C,) in the shape (C, 1, 1) that meets the channels of images; as it is for (N, C)."""
    return vector.reshape(-1, *[1] * (x.ndim - 2))


@accelerated
def local_response_norm_forward(
    x: Array, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
) -> tuple[Array, Cache]:
    """Divide each pixel by a power of k + alpha times the mean square over `size` neighbouring channels.

    Parameters
    ----------
    x : (N, C, H, W)
    size : int
        Channels in a window; that of channel c runs from c - size//2 to c + (size-1)//2.
    alpha, beta, k : float

    Returns
    -------
    y : like x
    cache : (x, denominator, size, alpha, beta)
        The denominator is the bracket below, as large as x; recomputing it would cost the sum.

    Raises
    ------
    ValueError
        For another number of axes, or a size below 1.

    Notes
    -----
    y[c] = x[c] / (k + alpha / size * sum_{c' around c} x[c']^2)^beta

    Differs from the paper: alpha is divided by size, as Caffe and PyTorch do; the paper (and Chainer) put
    alpha before the plain sum, so their alpha is ours divided by size.

    References
    ----------
    Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with deep convolutional neural networks",
    section 3.3.
    """
    size, alpha, beta, k = check_response_norm(x, size, alpha, beta, k)
    denominator = k + alpha / size * _sum_over_channels(x * x, size // 2, (size - 1) // 2)
    return x * denominator**-beta, (x, denominator, size, alpha, beta)


@accelerated
def local_response_norm_backward(dy: Array, cache: Cache) -> Array:
    """Return dx, like x: the pixel's own quotient, minus its part in the denominators of its neighbours."""
    x, denominator, size, alpha, beta = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    power = denominator**-beta
    # channel c stands in the windows of the channels from c - (size-1)//2 to c + size//2
    parts = _sum_over_channels(dy * x * power / denominator, (size - 1) // 2, size // 2)
    return dy * power - (2 * alpha * beta / size) * x * parts


def _sum_over_channels(x: Array, before: int, after: int) -> Array:
    """Return x (N, C, H, W), each channel summed with `before` channels before and `after` after it."""
    total = x + 0
    for shift in range(1, before + 1):
        total[:, shift:] += x[:, :-shift]
    for shift in range(1, after + 1):
        total[:, :-shift] += x[:, shift:]
    return total
