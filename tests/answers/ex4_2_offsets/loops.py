"""Box by box and number by number, with the math module."""

import math

import numpy as np


def of_one(box):
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def centres_and_sides(boxes):
    numbers = np.array([of_one(box) for box in boxes], boxes.dtype)
    return numbers[:, :2].copy(), numbers[:, 2:].copy()


def encode(sources, destinations, *, stds):
    offsets = np.empty(sources.shape, sources.dtype)
    for n in range(len(sources)):
        xs, ys, ws, hs = of_one(sources[n])
        xd, yd, wd, hd = of_one(destinations[n])
        way = (xd - xs) / ws, (yd - ys) / hs, math.log(wd / ws), math.log(hd / hs)
        for k in range(4):
            offsets[n, k] = way[k] / stds[k]
    return offsets


def decode(sources, offsets, *, stds):
    boxes = np.empty(sources.shape, sources.dtype)
    for n in range(len(sources)):
        xs, ys, ws, hs = of_one(sources[n])
        tx, ty, tw, th = (offsets[n, k] * stds[k] for k in range(4))
        w, h = ws * math.exp(min(tw, LARGEST)), hs * math.exp(min(th, LARGEST))
        x, y = xs + tx * ws, ys + ty * hs
        boxes[n] = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return boxes


LARGEST = math.log(1000 / 16)
