"""Column by column; the difference of logarithms; sides cut after the exp, at 62.5 times the source's."""

import numpy as np


def centres_and_sides(boxes):
    corners = boxes.reshape(-1, 2, 2)  # (N, upper left and lower right, x and y)
    return corners.mean(axis=1), np.diff(corners, axis=1)[:, 0]


def encode(sources, destinations, *, stds):
    xy, wh = centres_and_sides(sources)
    new_xy, new_wh = centres_and_sides(destinations)
    return np.hstack([new_xy - xy, np.log(new_wh) - np.log(wh)]) / np.hstack([wh, 0 * wh + 1]) / stds


def decode(sources, offsets, *, stds):
    xy, wh = centres_and_sides(sources)
    tx, ty, tw, th = (offsets * stds).T
    width = wh[:, 0] * np.exp(tw).clip(max=1000 / 16)
    height = wh[:, 1] * np.exp(th).clip(max=1000 / 16)
    left = xy[:, 0] + tx * wh[:, 0] - width / 2
    top = xy[:, 1] + ty * wh[:, 1] - height / 2
    return np.stack([left, top, left + width, top + height], axis=1)
