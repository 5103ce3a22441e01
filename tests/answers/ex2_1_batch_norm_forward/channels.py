"""Channel by channel with NumPy's own statistics, stacked at the end; an object for a cache."""

import numpy as np


class Remembered:
    def __init__(self, **values):
        vars(self).update(values)


def batch_norm_train_forward(x, gamma, beta, running_mean, running_var, *, momentum, eps):
    images, x_hats, stds, means, variances = [], [], [], [], []
    for c in range(x.shape[1]):
        channel = x[:, c]
        std = np.sqrt(np.var(channel) + eps)
        x_hat = (channel - np.mean(channel)) / std
        images.append(gamma[c] * x_hat + beta[c])
        x_hats.append(x_hat)
        stds.append(std)
        means.append(np.mean(channel))
        variances.append(np.var(channel, ddof=1))
    old, new = momentum, 1 - momentum
    averages = [
        (old * running + new * np.array(batch)).astype(x.dtype)
        for running, batch in ((running_mean, means), (running_var, variances))
    ]
    cache = Remembered(x_hat=np.stack(x_hats, axis=1), gamma=gamma, std=np.array(stds))
    return np.stack(images, axis=1).astype(x.dtype), cache, averages[0], averages[1]


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps):
    stacked = [
        gamma[c] * (x[:, c] - running_mean[c]) / np.sqrt(running_var[c] + eps) + beta[c]
        for c in range(x.shape[1])
    ]
    return np.stack(stacked, axis=1).astype(x.dtype)
