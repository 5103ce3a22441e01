"""Corners to centres and sides by a matrix, and back by its inverse."""

import numpy as np

FORTH = np.array([[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]])
BACK = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])


def centres_and_sides(boxes):
    return tuple(np.split(boxes @ FORTH.astype(boxes.dtype), 2, axis=1))


def encode(sources, destinations, *, stds):
    (xy, wh), (new_xy, new_wh) = map(centres_and_sides, (sources, destinations))
    offsets = np.empty_like(sources)
    offsets[:, :2] = (new_xy - xy) / wh
    offsets[:, 2:] = np.log(new_wh / wh)
    offsets /= stds
    return offsets


def decode(sources, offsets, *, stds):
    xy, wh = centres_and_sides(sources)
    real = offsets * stds
    real[:, 2:][real[:, 2:] > np.log(62.5)] = np.log(62.5)
    found = np.concatenate([xy + real[:, :2] * wh, wh * np.exp(real[:, 2:])], axis=1)
    return found @ BACK.astype(found.dtype)
