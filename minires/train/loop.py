"""The training loop: batch in, forward, loss, backward, step; again until the last epoch::

    trainer = prepare(Config.for_data("digits"))
    history = trainer.run()                       # one dict an epoch

Nothing here prints: a `Reporter` is told what happens.
"""

import dataclasses
import math
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from minires import data, optim, probe
from minires.backend import device_module
from minires.data.dataset import Dataset
from minires.data.imagenet import ImageFolder
from minires.functional import dispatch
from minires.layers import Layer
from minires.layers.trace import Blank
from minires.train import resume
from minires.train.config import Config
from minires.train.evaluation import Tally, evaluate
from minires.train.gradients import parameters_only
from minires.train.memory import in_bytes, keep_within
from minires.train.metrics import History
from minires.train.objective import cross_entropy
from minires.train.resume import Position
from minires.train.safeguard import FiniteSoFar, GoodState, NotFiniteError, all_finite
from minires.typing import Array

CHECK_EVERY = {"cpu": 1, "gpu": 50}  # steps between two looks at the numbers: each makes a GPU's host wait
NO_FLIP = ("digits", "mnist")  # a mirrored digit is no digit


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    at : Position
    epochs
        Of the whole run.
    batches
        Of an epoch.
    lr
        Of the last step.
    loss, error
        Means over this epoch's images so far, in training mode: nats, and a fraction.
    images_per_second
    """

    at: Position
    epochs: int
    batches: int
    lr: float
    loss: float
    error: float
    images_per_second: float


class Reporter:
    """Is told how training goes, and does nothing. Subclass it to show or keep what it is told."""

    def batch_done(self) -> None:
        """Called after every batch, in evaluation too. May raise KeyboardInterrupt: no step is half done."""

    def progress(self, progress: Any) -> None:
        """Called with the Progress of a run whenever its numbers have been looked at."""

    def epoch_done(self, history: History) -> None:
        """Called after every epoch, when its checkpoint is saved, with the records of all epochs so far."""


def prepare(config: Config, reporter: Reporter | None = None) -> "Trainer":
    """Read the data, build the network, and return the Trainer that a Config describes.

    Parameters
    ----------
    reporter
        Is told how training goes; None: nobody is.

    Raises
    ------
    ValueError
        For whatever does not exist or does not fit.

    Examples
    --------
    >>> trainer = prepare(Config.for_data("digits", epochs=1, threads=1))
    >>> history = trainer.run()
    >>> sorted(history[0])[:4]
    ['epoch', 'images_per_second', 'lr', 'seconds']
    """
    train, test = data.load(
        config.data,
        config.data_dir,
        crop=config.crop,
        shorter_side=config.shorter_side,
        skip_damaged=config.skip_damaged,
    )
    held_out = {"test": test}
    if config.validation:
        train, validation = data.hold_out(train, config.validation, seed=config.seed)
        held_out = {"validation": validation, "test": test}
    net = resume.build(config, train.image_shape, classes=len(train.class_names))
    net.trace(Blank((config.batch_size, *train.image_shape)))  # complains of images of another size
    return Trainer(net, config, train, held_out, reporter=reporter)


class Trainer:
    """A network in training: its optimiser, its schedule, its data, and how far it has come.

    Parameters
    ----------
    net
        A Layer whose outputs are logits (N, classes), or a tuple of them whose losses are added up with the
        weights `net.loss_weights`.
    config
    train : Dataset or ImageFolder
        To learn from.
    held_out
        {name: Dataset} to evaluate after each epoch ("validation" is what a plateau schedule watches).
    reporter
        Is told how training goes; None: nobody is.
    check_every
        Steps between two looks at whether all numbers are finite; None: CHECK_EVERY.

    Attributes
    ----------
    net, config, optimiser, schedule, normalisation
    at : Position
    history
        One dict an epoch: losses in nats, errors as fractions.
    segments
        {stage: blocks in a segment} of what is computed twice to save memory.

    Raises
    ------
    ValueError
        If the device is not there.
    """

    def __init__(
        self,
        net: Layer,
        config: Config,
        train: Dataset | ImageFolder,
        held_out: Mapping[str, Dataset | ImageFolder],
        *,
        reporter: Reporter | None = None,
        check_every: int | None = None,
    ) -> None:
        self.xp = device_module(config.device)
        self.net, self.config, self.reporter = net.to(self.xp), config, reporter or Reporter()
        self.check_every = check_every or CHECK_EVERY[config.device]
        self.normalisation = data.Normalisation.fit(train, config.normalisation)
        self.batches = self._batches(train, augment=_augmentation(config, train, self.normalisation))
        self.segments = {}  # {stage: blocks in a segment} of what is computed twice
        if config.memory is not None:
            shape = (self.batches.largest, *train.image_shape)
            self.segments = keep_within(
                in_bytes(config.memory), net, shape, means=2 if config.optimiser == "adam" else 1
            )
        self.held_out = {name: self._batches(dataset, shuffle=False) for name, dataset in held_out.items()}
        self.schedule = config.make_schedule(len(self.batches))
        self.optimiser = config.make_optimiser(net.named_parameters())
        self.data_facts = resume.describe(train)
        self.tally = Tally(self.xp)
        self.at = Position()
        self.history: History = []
        self._clock = self._saved_at = time.perf_counter()
        self._finite = FiniteSoFar([parameter.grad for _, parameter in net.named_parameters()])
        self._take_step = self._step
        captured = dispatch.find("CapturedStep", self.tally.sums)
        if captured:
            self._take_step = captured(
                self._step,
                like=self.tally.sums,
                prepare=self.optimiser.prepare,
                depends_on=self._built_in,
                random=any(True for _ in net.named_generators()),
            )
        self._good = GoodState(self.arrays(), dict(net.named_generators()), self.at)

    def _batches(self, dataset: Dataset | ImageFolder, **options: Any) -> data.Batches:
        options |= {"batch_size": self.config.batch_size, "seed": self.config.seed}
        return data.Batches(dataset, normalisation=self.normalisation, **options)

    def arrays(self) -> dict[str, Array]:
        """Return {name: live array} of all that a step changes."""
        kind = {"sgd": "velocity", "adam": "adam"}[self.config.optimiser]
        return (
            {f"net/{name}": array for name, array in self.net.state_dict().items()}
            | {f"{kind}/{name}": array for name, array in self.optimiser.state_dict().items()}
            | {"sums": self.tally.sums}
        )

    # -- the loop ----------------------------------------------------------------------------------

    def run(self, path: str | pathlib.Path | None = None) -> History:
        """Train until the last epoch is done; return the history, one dict an epoch.

        Parameters
        ----------
        path
            Where checkpoints go: at once, after every epoch and every `config.save_every` seconds in between.
            None: nowhere.

        Raises
        ------
        NotFiniteError
            Where a number is infinite or NaN; the trainer is then in its last good state.
        OSError
            If a checkpoint cannot be written.
        """
        # infinite numbers are looked for: `_require_finite`
        with np.errstate(all="ignore"), parameters_only(self.net):
            self._save_if_asked(path)
            while self.at.epoch < self.config.epochs:
                self._train_epoch(path)
                self._finish_epoch(path)
        return self.history

    def _built_in(self) -> list[tuple]:
        """Return the arrays whose addresses a captured step has built in, and which of them are frozen."""
        buffers = [(buffer.data,) for _, buffer in self.net.named_buffers()]
        return [*self.optimiser.identity(), *buffers]

    def _train_epoch(self, path: str | pathlib.Path | None) -> None:
        self._keep()
        self._clock = time.perf_counter()
        for x, labels in self.batches.epoch(self.at.epoch, start=self.at.batch):
            self.optimiser.lr = self.schedule(self.at.step)
            self._take_step(x, labels)
            self._step_done()
            if self.at.batch % self.check_every == 0 or self.at.batch == len(self.batches):
                self._keep()
                self.reporter.progress(self._progress())
                if time.perf_counter() - self._saved_at >= self.config.save_every:
                    self._save_if_asked(path)
            self.reporter.batch_done()

    def _step(self, x: Array, labels: Array) -> None:
        """One step on images and labels, all of it in place. Waits for nothing that is on the device."""
        x, labels = self.xp.asarray(x), self.xp.asarray(labels)
        logits, loss = self._gradients(x, labels)
        self.optimiser.step()
        self.tally.add(loss, logits, labels)

    def _gradients(self, x: Array, labels: Array) -> tuple[Array, Array]:
        """Forward, loss, backward: return (logits, loss), leave the gradients in the parameters, and note in
        `_finite` whether all of them are finite."""
        self.optimiser.zero_grad()
        answers, cache = self.net.forward(x, train=True)
        logits, loss, dy = cross_entropy(
            answers,
            labels,
            label_smoothing=self.config.label_smoothing,
            weights=getattr(self.net, "loss_weights", (1.0,)),
        )
        self.net.backward(dy, cache)
        self._finite.look(loss)
        if self.config.clip is not None:
            optim.clip_gradients(self.net.named_parameters(), self.config.clip)
        return logits, loss

    def _step_done(self) -> None:
        now = time.perf_counter()
        seconds = self.at.seconds + now - self._clock
        self.at, self._clock = Position(self.at.epoch, self.at.batch + 1, self.at.step + 1, seconds), now

    def _finish_epoch(self, path: str | pathlib.Path | None) -> None:
        """Evaluate, write the epoch's record, and go to the beginning of the next epoch."""
        start = time.perf_counter()
        record = {"epoch": self.at.epoch + 1, "step": self.at.step, "lr": self.schedule(self.at.step - 1)}
        record |= self.tally.read("train", len(self.batches.dataset.class_names))
        for name in self.held_out:
            record |= self._evaluate(name)
        record["seconds"] = self.at.seconds + time.perf_counter() - start
        record["images_per_second"] = len(self.batches.dataset) / self.at.seconds
        if "validation" in self.held_out:
            self.schedule.observe(record["validation_error"])
        self.history.append(record)
        self.at = Position(self.at.epoch + 1, 0, self.at.step)
        self.tally.sums.fill(0)
        self._save_if_asked(path)
        self.reporter.epoch_done(self.history)

    def _evaluate(self, name: str) -> dict[str, float]:
        batches = self.held_out[name]
        record = evaluate(self.net, batches, prefix=name, batch_done=self.reporter.batch_done)
        if not math.isfinite(record[f"{name}_loss"]):
            with probe.watch(self.net, probe.FirstNonFinite()) as first:
                # not predict, which makes several layers one
                evaluate(self.net, batches, predict=lambda x: self.net.forward(x, train=False)[0])
            raise self._not_finite(f"{first.found or 'the loss'} on the {name} images", self.at.step - 1)
        return record

    def _progress(self) -> Progress:
        so_far = self.tally.read("train", classes=0)
        return Progress(
            at=self.at,
            epochs=self.config.epochs,
            batches=len(self.batches),
            lr=self.optimiser.lr,
            loss=so_far["train_loss"],
            error=so_far["train_error"],
            images_per_second=self.at.batch * self.config.batch_size / self.at.seconds,
        )

    def save(self, path: str | pathlib.Path) -> None:
        """Write a checkpoint; `resume.restore` continues from it with the same bits.

        Raises
        ------
        OSError
            If it cannot be written.
        MemoryError
            If there is too little to write it.
        NotFiniteError
            If the state is not worth keeping.
        """
        self._require_finite()
        resume.save(path, self)

    def _save_if_asked(self, path: str | pathlib.Path | None) -> None:
        self._saved_at = time.perf_counter()
        if path is not None:
            self.save(path)

    # -- infinite numbers and NaN ------------------------------------------------------------------

    def _keep(self) -> None:
        self._require_finite()
        self._good.keep(self.at)

    def _require_finite(self) -> None:
        """Raise NotFiniteError, saying where it began, unless all numbers since the last _keep are finite."""
        if bool(self._finite.flag & all_finite(self.arrays().values())):
            return
        last, self.at = self.at.step, self._good.restore()
        try:
            self._repeat_until(last)
        finally:
            self.at = self._good.restore()
            self._finite.forget()

    def _repeat_until(self, last: int) -> None:
        """Take the steps from here to number `last` again, under the probe; raise at the first bad one."""
        for x, labels in self.batches.epoch(self.at.epoch, start=self.at.batch):
            self._finite.forget()
            with probe.watch(self.net, probe.FirstNonFinite()) as first:
                self._gradients(self.xp.asarray(x), self.xp.asarray(labels))
            if first.found or not bool(self._finite.flag):
                raise self._not_finite(
                    f"{first.found or 'the loss, or the sum of a gradient,'}", self.at.step
                )
            self.optimiser.lr = self.schedule(self.at.step)
            self.optimiser.step()
            for name, array in self.arrays().items():
                if not bool(all_finite([array])):
                    raise self._not_finite(f"{name.partition('/')[2]} after the step", self.at.step)
            self._step_done()
            if self.at.step >= last:
                break
        what = "a number, which was finite when the steps were repeated,"
        raise self._not_finite(what, self.at.step - 1)

    def _not_finite(self, what: str, step: int) -> NotFiniteError:
        """Return the error about a step. step: its number from 0; people count from 1."""
        return NotFiniteError(
            f"step {step + 1} (epoch {self.at.epoch + 1}), learning rate {self.schedule(step):g}: "
            f"{what} is not finite; try a smaller learning rate"
        )


def _augmentation(
    config: Config, train: Dataset | ImageFolder, normalisation: data.Normalisation
) -> data.Augmentation | None:
    """Return the papers' crop and flip: 4 pixels of padding for 32x32 images, in proportion for others.

    Images of an ImageFolder are cropped where they are read; what is left for here is flip and colour.
    """
    if not config.augment:
        return None
    flip = config.data not in NO_FLIP
    if not isinstance(train, data.ImageFolder):
        return data.Augmentation(padding=max(train.image_shape[1:]) // 8, flip=flip)
    colour = data.ColourNoise.fit(train, normalisation, std=config.colour) if config.colour else None
    return data.Augmentation(padding=0, flip=flip, colour=colour)
