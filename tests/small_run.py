"""A training run of under a second, with everything that a checkpoint must bring back: dropout, stochastic
depth, momentum, a plateau schedule, augmentation.

    python small_run.py CHECKPOINT [MOMENT COUNT]

trains it to its end, resuming from CHECKPOINT if that is there; with a MOMENT, the process kills itself when
that moment comes for the COUNT-th time.
"""

import os
import pathlib
import signal
import sys

import numpy as np

from minires import data, layers
from minires.kernels.cpu import parallel
from minires.layers import Sequential, StochasticDepth
from minires.train import Config, Reporter, Trainer, checkpoint, resume

CHOICES = {
    "epochs": 3,
    "batch_size": 32,
    "schedule": "plateau",
    "validation": 40,
    "augment": True,
    "save_every": 0.0,  # a checkpoint after every step
}


def small_net(seed=0):
    rng = np.random.default_rng(seed)
    branch = Sequential(layers.Conv2d(4, 4, 3, padding=1, bias=False, rng=rng), layers.BatchNorm(4))
    return Sequential(
        conv=layers.Conv2d(1, 4, 3, padding=1, rng=rng),
        norm=layers.BatchNorm(4),
        relu=layers.ReLU(),
        block=StochasticDepth(branch, after=layers.ReLU(), survival=0.7, rng=np.random.default_rng(seed + 1)),
        drop=layers.Dropout(0.8, rng=np.random.default_rng(seed + 2)),
        pool=layers.GlobalAvgPool2d(),
        fc=layers.Linear(4, 10, rng=rng),
    )


def small_data():
    """Return 144 + 40 + 60 digits: to train on, to validate, to test."""
    train, test = data.load("digits")
    train, validation = data.hold_out(train.take(slice(0, 184)), 40, seed=0)
    return train, {"validation": validation, "test": test.take(slice(0, 60))}


def small_trainer(net=None, *, reporter=None, check_every=None, **choices):
    config = Config.for_data("digits", **CHOICES | choices)
    return Trainer(net or small_net(), config, *small_data(), reporter=reporter, check_every=check_every)


class Killer(Reporter):
    """Kills this process at a moment: "batch" after the batch; "written" when the new checkpoint lies beside
    the old one; "half written" when only half of it does; "renamed" when it has taken the old one's place."""

    def __init__(self, moment, count):
        self.moment, self.left = moment, count
        if moment in ("written", "half written"):
            self.fsync, os.fsync = os.fsync, self._fsync
        if moment == "renamed":
            self.replace, os.replace = os.replace, self._replace

    def batch_done(self):
        if self.moment == "batch":
            self._count()

    def _fsync(self, descriptor):
        if self.left == 1 and self.moment == "half written":
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        self._count()
        self.fsync(descriptor)

    def _replace(self, *paths):
        self.replace(*paths)
        self._count()

    def _count(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def main(path, moment=None, count="0"):
    parallel.set_threads(1)
    trainer = small_trainer(reporter=Killer(moment, int(count)))
    if pathlib.Path(path).exists():
        resume.restore(trainer, checkpoint.load(path))
    trainer.run(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
