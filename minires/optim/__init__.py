"""Optimisers, stochastic gradient descent and Adam; the schedules of their learning rate; clipping."""

from minires.optim.adam import Adam
from minires.optim.base import Optimiser
from minires.optim.clipping import clip_gradients
from minires.optim.schedules import Constant, Cosine, Plateau, Schedule, Steps, WarmUp
from minires.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "Constant",
    "Cosine",
    "Optimiser",
    "Plateau",
    "Schedule",
    "Steps",
    "WarmUp",
    "clip_gradients",
]
