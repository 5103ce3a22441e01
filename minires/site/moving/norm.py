"""Batch norm's three paths: each with its share of the gradient, and their sum, which the library returns."""

import numpy as np

import minires.functional as F
from minires.site.moving.words import say, vector

X = np.array([2, 4, 4, 4, 5, 5, 7, 9], np.float64)  # mean 5, standard deviation 2
GAMMA, BETA = 2.0, 1.0
CASES = {
    "any": ("some gradient", (-2, 2, 0, 0, 2, 1, 0, 1)),
    "one": ("only the last", (0, 0, 0, 0, 0, 0, 0, 8)),
    "equal": ("all equal", (2, 2, 2, 2, 2, 2, 2, 2)),
    "stretch": ("along x̂", (-3, -1, -1, -1, 0, 0, 2, 4)),
}


def batch_norm() -> dict:
    """Return the numbers of a batch norm of eight values, and of four gradients on their way back."""
    column = X.reshape(8, 1)
    gamma, beta = np.array([GAMMA]), np.array([BETA])
    y, cache, (mean, var) = F.batch_norm_train_forward(column, gamma, beta, eps=0.0)
    std = 1 / cache[2][0]
    x_hat = (X - mean[0]) / std
    cases = {}
    for key, (name, dy) in CASES.items():
        dy = np.array(dy, np.float64)
        dx, dgamma, dbeta = F.batch_norm_train_backward(dy.reshape(8, 1), cache)
        dx_hat = GAMMA * dy
        paths = {
            "direct": dx_hat / std,
            "mean": np.full(8, -dx_hat.mean() / std),
            "variance": -x_hat * (dx_hat * x_hat).mean() / std,
        }
        cases[key] = {
            "name": name,
            "dy": dy,
            "dx_hat": dx_hat,
            **paths,
            "dx": dx.ravel(),
            "dgamma": dgamma[0],
            "dbeta": dbeta[0],
            "texts": _texts(key, dy, dx_hat, x_hat, paths, dx.ravel()),
        }
    return {
        "drawn_by": "norm",
        "label": "Batch norm of eight values: three paths for the gradient",
        "x": X,
        "mean": mean[0],
        "std": std,
        "x_hat": x_hat,
        "y": y.ravel(),
        "gamma": GAMMA,
        "beta": BETA,
        "cases": cases,
    }


def _texts(key, dy, dx_hat, x_hat, paths, dx) -> list[str]:
    mean, share = dx_hat.mean(), (dx_hat * x_hat).mean()
    endings = {
        "any": "The three shares add up to dx. Its sum is 0, and so is its sum with x̂ as weights: adding a "
        "number "
        "to all x, or stretching them around their mean, would not have changed y.",
        "one": "Only the last output had a gradient, yet all eight inputs get one: through the mean and the "
        "variance each value takes part in every output.",
        "equal": "dx is 0. All y should grow alike, but adding a number to all x changes no y: the mean "
        "takes "
        "away "
        "what came directly.",
        "stretch": "dx is 0. The y should move apart, but stretching all x changes no y: the variance takes "
        "away "
        "what came directly.",
    }
    return [
        "Forward: the mean is 5 and the standard deviation 2, so x̂ = (x − 5) / 2, and y = γ x̂ + β with γ = "
        "2 and "
        "β = 1. x reaches y in three ways: directly, through the mean, and through the variance.",
        f"Backward: dy = {vector(dy)} arrives. Behind γ it is dx̂ = 2 dy = {vector(dx_hat)}. From here three "
        "paths "
        "lead to x.",
        f"The direct path: x̂ grows by 1/2 for each unit of its own x, so it brings dx̂ / 2 = "
        f"{vector(paths['direct'])}.",
        f"Through the mean: it is taken off every x̂, so it collects all of dx̂, on average {say(mean)}, and "
        "hands "
        f"every x the same, minus {say(mean)} / 2: {say(paths['mean'][0])}.",
        f"Through the variance: it divides every x̂, so it collects dx̂ · x̂, on average {say(share)}, and "
        "hands "
        f"each x minus x̂ · {say(share)} / 2: {vector(paths['variance'])}.",
        f"{endings[key]} The library returns dx = {vector(dx)}.",
    ]


def table(numbers: dict) -> list[tuple]:
    """Return the rows of the table for readers without scripts, the heading first."""
    case = numbers["cases"]["any"]
    rows = [("x", "x̂", "y", "dy", "direct", "through the mean", "through the variance", "dx")]
    for i in range(8):
        values = [numbers[name][i] for name in ("x", "x_hat", "y")]
        values += [case[name][i] for name in ("dy", "direct", "mean", "variance", "dx")]
        rows.append(tuple(say(value) for value in values))
    return rows
