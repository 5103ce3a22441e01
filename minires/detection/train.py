"""The training loop of detectors, as `train.loop` is that of classifiers::

    trainer = prepare(DetectionConfig.of(steps=800))
    history = trainer.run()                       # a record every 50 steps

All four losses are minimised together (approximate joint training); `alternate` trains in four steps.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np

from minires import probe
from minires.data import Normalisation
from minires.data.objects import DetectionDataset, Objects, random_flip_with_objects
from minires.detection import resume
from minires.detection.boxes import Detections
from minires.detection.config import DetectionConfig
from minires.detection.inference import AnyDetector
from minires.detection.loss import Losses, joint_loss
from minires.detection.network import Detector
from minires.detection.prepare import (
    Windows,
    build,
    describe,
    load_data,
    normalisation_of,
    pretrained_trunk,
)
from minires.detection.regions import Regions, anchors_to_learn, no_regions, regions_to_learn
from minires.detection.testing import find, measures
from minires.train.gradients import parameters_only
from minires.train.loop import Reporter
from minires.train.metrics import History
from minires.train.safeguard import FiniteSoFar, GoodState, NotFiniteError, all_finite
from minires.typing import Array

RECORD_EVERY = 50  # steps
ORDER, DRAWN = 1, 2  # what a generator is for: no two have the same seed


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    step
        Steps taken.
    steps
        Of the whole run.
    lr
        Of the last step.
    losses
        Means of the four since the last record.
    """

    step: int
    steps: int
    lr: float
    losses: tuple[float, ...]


def prepare(config: DetectionConfig, reporter: Reporter | None = None, *, resumed: bool = False) -> "Trainer":
    """Read the images, build the detector, and return the Trainer that a configuration describes.

    Parameters
    ----------
    config
    reporter
        Is told how training goes; None: nobody is.
    resumed
        Whether the weights will come from a checkpoint: then those of a pre-trained trunk are not read.

    Raises
    ------
    ValueError
        For whatever does not exist or does not fit.
    """
    train, test = load_data(config)
    if train.class_names != test.class_names or train.image_shape != test.image_shape:
        raise ValueError(f"{test.name}: expected classes and image size of {train.name}")
    normalisation = normalisation_of(train)
    rng = np.random.default_rng(config.seed)
    detector = build(config, train.image_shape, classes=len(train.class_names), rng=rng)
    if config.pretrained is not None and not resumed:
        trunk, theirs = pretrained_trunk(config.pretrained, config.trunk, train.image_shape[0])
        detector.trunk.load_state_dict(trunk.state_dict())
        if theirs.mean.shape[1:] == (1, 1):  # by pixel, it belongs to images of another size
            normalisation = theirs
    return Trainer(detector, config, train, test, normalisation, reporter=reporter)


class Trainer:
    """A detector in training: its optimiser, its schedule, its images, and how far it has come.

    Parameters
    ----------
    detector
    config
    train, test
        Images to learn from, and to test on.
    normalisation
        Of the images.
    reporter
        Is told how training goes; None: nobody is.
    parts
        What learns besides the trunk: "rpn", "head" or, as in joint training, both. The other stays as it is.
    propose
        Called with the images (N, C, H, W) of a step, returns the windows of each to learn from; None: the
        detector's own proposals, or windows of every place.

    Attributes
    ----------
    net
        The detector.
    step
        Steps taken.
    history
        A dict every 50 steps: means of the four losses, and where it was measured "map", "map_75" and
        "milliseconds" of an image.
    found
        What was detected in the test images at the last evaluation.

    Notes
    -----
    All randomness is counted, not remembered: the order of an epoch and what a step draws come from
    generators seeded with their numbers, so a run that resumes sees the same bits.
    """

    def __init__(
        self,
        detector: AnyDetector,
        config: DetectionConfig,
        train: DetectionDataset,
        test: DetectionDataset,
        normalisation: Normalisation,
        *,
        reporter: Reporter | None = None,
        parts: Sequence[str] = ("rpn", "head"),
        propose: Callable[[Array], list[np.ndarray]] | None = None,
    ) -> None:
        if len(train) < config.batch_size:
            raise ValueError(f"batch_size: expected at most {len(train)}, the training images, got more")
        self.net, self.config, self.reporter = detector, config, reporter or Reporter()
        self.train, self.test, self.normalisation = train, test, normalisation
        self.size = (train.image_shape[1], train.image_shape[2])
        self.windows: Windows | None = None
        self.anchors = np.zeros((0, 4), np.float32)
        if isinstance(detector, Detector) and detector.rpn is not None:
            self.anchors = detector.anchors(detector.map_size(self.size))
        else:
            self.windows = Windows(config, self.size)
        self.parts, self.propose = tuple(parts), propose
        learning = ("trunk", *parts)
        self.optimiser = config.make_optimiser(
            (name, p) for name, p in detector.named_parameters() if name.startswith(learning)
        )
        self.schedule = config.make_schedule()
        self.data_facts = {"train": describe(train), "test": describe(test)}
        self.sums, self.step, self.seconds = np.zeros(4), 0, 0.0
        self.history: History = []
        self.found: list[Detections] = []
        self._clock = self._saved_at = time.perf_counter()
        self._finite = FiniteSoFar([parameter.grad for _, parameter in detector.named_parameters()])
        self._good = GoodState(self.arrays(), dict(detector.named_generators()), self.step)

    def arrays(self) -> dict[str, Array]:
        """Return {name: live array} of all that a step changes."""
        return (
            {f"net/{name}": array for name, array in self.net.state_dict().items()}
            | {f"velocity/{name}": array for name, array in self.optimiser.state_dict().items()}
            | {"sums": self.sums}
        )

    def run(self, path: str | pathlib.Path | None = None) -> History:
        """Train until the last step; return the history.

        Parameters
        ----------
        path
            Where checkpoints go: at once, every `config.save_every` seconds, and at the end. None: nowhere.

        Raises
        ------
        NotFiniteError
            Where a number is infinite or NaN; the trainer is then in its last good state.
        OSError
            If a checkpoint cannot be written.
        """
        with np.errstate(all="ignore"), parameters_only(self.net.trunk):
            self._save_if_asked(path)
            self._clock = time.perf_counter()
            while self.step < self.config.steps:
                self._take_step()
                if self.step % RECORD_EVERY == 0 or self.step == self.config.steps:
                    self._record()
                    self._save_if_asked(path)
                    self.reporter.epoch_done(self.history)
                elif time.perf_counter() - self._saved_at >= self.config.save_every:
                    self._save_if_asked(path)
                self.reporter.batch_done()
        return self.history

    # -- one step ------------------------------------------------------------------------------------

    def _batch(self, step: int) -> tuple[np.ndarray, list[Objects], np.random.Generator]:
        """Return the images (N, C, H, W) and objects of a step, and the generator of what else it draws."""
        size = self.config.batch_size
        epoch, batch = divmod(step, len(self.train) // size)
        order = np.random.default_rng([self.config.seed, ORDER, epoch]).permutation(len(self.train))
        chosen = self.train.take(order[batch * size : (batch + 1) * size])
        rng = np.random.default_rng([self.config.seed, DRAWN, step])
        images, objects = chosen.images, list(chosen.objects)
        if self.config.flip:
            images, objects = random_flip_with_objects(images, objects, rng)
        return self.normalisation(images), objects, rng

    def gradients(self, step: int) -> Losses:
        """Forward, losses, backward of a step: leave the gradients in the parameters, return the losses."""
        x, objects, rng = self._batch(step)
        labels = targets = windows = None
        if self.propose is not None:
            windows = self.propose(x)
        elif self.windows is not None:
            windows = self.windows.to_learn(len(x), rng)
        if self.windows is None:
            labels, targets = anchors_to_learn(
                self.anchors, objects, self.size, rng=rng, sampled=self.config.anchors
            )
            if "rpn" not in self.parts:
                labels.fill(-1)  # no anchor counts

        def choose(boxes: Sequence[np.ndarray]) -> Regions:
            if "head" not in self.parts:
                return no_regions(boxes)
            return regions_to_learn(boxes, objects, rng=rng, sampled=self.config.regions)

        self.optimiser.zero_grad()
        answers, cache = self.net.forward(x, train=True, windows=windows, choose=choose)
        losses, dy = joint_loss(answers, labels, targets)
        self.net.backward(dy, cache)
        self._finite.look(sum(losses[1:], losses[0]))
        return losses

    def _take_step(self) -> None:
        self.optimiser.lr = self.schedule(self.step)
        losses = self.gradients(self.step)
        self.optimiser.step()
        self.sums += [float(loss) for loss in losses]
        self._require_finite(self.step + 1)
        self.step += 1
        self._good.keep(self.step)
        now = time.perf_counter()
        self.seconds, self._clock = self.seconds + now - self._clock, now
        since = (self.step - 1) % RECORD_EVERY + 1
        means = tuple(float(total) / since for total in self.sums)
        self.reporter.progress(Progress(self.step, self.config.steps, self.optimiser.lr, means))

    def _record(self) -> None:
        """Write the record of the last steps, with an evaluation if one is due."""
        since = (self.step - 1) % RECORD_EVERY + 1
        record: dict[str, float] = {"step": self.step, "lr": self.schedule(self.step - 1)}
        record |= {name: float(total) / since for name, total in zip(Losses._fields, self.sums, strict=True)}
        every = self.config.evaluate_every
        if self.step == self.config.steps or (every and self.step % every == 0):
            record |= self.evaluate()
        record["seconds"], self._clock = self.seconds, time.perf_counter()
        self.history.append(record)
        self.sums.fill(0)
        self._good.keep(self.step)

    # -- how good it is ------------------------------------------------------------------------------

    def evaluate(self) -> dict[str, float]:
        """Detect what is in the test images, one at a time; return mean average precisions and the time."""
        self.found, milliseconds = find(self.net, self.test, self.normalisation, self.windows)
        return measures(self.found, self.test) | {"milliseconds": milliseconds}

    # -- infinite numbers and NaN --------------------------------------------------------------------

    def _require_finite(self, step: int) -> None:
        """Raise NotFiniteError, saying where it began, unless all numbers of the last step are finite."""
        if bool(self._finite.flag & all_finite(self.arrays().values())):
            return
        self.step = self._good.restore()
        self._finite.forget()
        try:
            with probe.watch(self.net, probe.FirstNonFinite()) as first:
                losses = self.gradients(self.step)
            where = str(first.found) if first.found else "a number after the step"
            if not first.found and not np.isfinite([float(loss) for loss in losses]).all():
                where = "the loss"
        finally:
            self.step = self._good.restore()
            self._finite.forget()
        raise NotFiniteError(
            f"step {step}, learning rate {self.schedule(step - 1):g}: {where} is not finite; "
            "try a smaller learning rate"
        )

    # -- checkpoints ---------------------------------------------------------------------------------

    def save(self, path: str | pathlib.Path) -> None:
        """Write a checkpoint; `resume.restore` continues from it with the same bits. OSError if it cannot."""
        resume.save(path, self)

    def _save_if_asked(self, path: str | pathlib.Path | None) -> None:
        self._saved_at = time.perf_counter()
        if path is not None:
            self.save(path)
