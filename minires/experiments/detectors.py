"""Trains the detectors of a plan, and records their losses and precision::

    python -m minires.experiments detection stored --out DIR

Seconds and milliseconds are CPU time of one thread: wall time also says what else the machine did.
"""

import contextlib
import pathlib
import time

import numpy as np

import minires.functional as F
from minires import models, optim
from minires.data import read_digits
from minires.data.scenes import enlarge
from minires.detection import Losses, contour_windows, detect, folded, iterate, merge_scales, proposal_recall
from minires.detection.config import DetectionConfig
from minires.detection.prepare import Windows
from minires.detection.resume import restore
from minires.detection.testing import find, measures
from minires.detection.train import Trainer, prepare
from minires.experiments import record
from minires.kernels.cpu import parallel
from minires.train import Reporter, checkpoint

COUNTS = (5, 10, 20, 50, 100, 300)  # of proposals
SCALES = ((52, 52), (64, 64), (80, 80))
SINGLE = 20  # pixels a side of the single digits for pre-training


def run_detector(experiment, setting, plan, arm, seed, *, out=None, command="", threads=1):
    """Train one detector of a plan from one seed and return its Run; see `runner.run_one`."""
    if threads is not None:
        parallel.set_threads(threads)
    path = None if out is None else pathlib.Path(out) / record.file_name(arm, seed)
    run = record.Run(
        experiment=experiment, setting=setting, arm=arm, seed=seed, command=command, commit=record.commit()
    )
    run.machine = record.machine("cpu")
    choices = {**plan.arms[arm], **plan.config, "seed": seed, "threads": threads}
    config = DetectionConfig.of(**choices)
    run.config = {n: list(v) if isinstance(v, tuple) else v for n, v in config.as_dict().items()}
    recorder = _Recorder(run, path)
    trainer = _trainer(config, recorder, plan.epochs if arm in plan.pretrained else 0)
    saved = None if path is None else path.with_suffix(".npz")
    if saved is not None:
        saved.parent.mkdir(parents=True, exist_ok=True)
        if saved.exists() and path.exists():
            restore(trainer, checkpoint.load(saved))
            recorder.before = record.read(path).seconds
    recorder.start = time.process_time()
    trainer.run(saved)
    recorder.epoch_done(trainer.history)
    run.evaluations[-1] |= _measured(trainer, refined=arm in plan.refined)
    if saved is not None:
        run.save(path)
        saved.unlink()
    return run


def _trainer(config, reporter, epochs):
    """Return the Trainer of a configuration; with epochs its trunk has learned single digits before."""
    fresh = prepare(config, reporter)
    if not epochs:
        return fresh
    net, images = fresh.net, (fresh.train, fresh.test, fresh.normalisation)
    classifier = learn_single_digits(config.trunk, fresh.normalisation, epochs=epochs, seed=config.seed)
    state = classifier.state_dict()
    net.trunk.load_state_dict({name: state[name] for name in net.trunk.state_dict()})
    return Trainer(net, config, *images, reporter=reporter)  # a new one, whose last good state this is


def learn_single_digits(name, normalisation, *, epochs, seed):
    """Return a classifier that has learned the training digits one by one, as large as they are in scenes.

    Each is drawn on a plain background, with the noise of a scene, another one in every epoch.
    """
    rng = np.random.default_rng([seed, 3])
    digits = read_digits()[0]
    shapes = np.array([enlarge(image[0] / digits.max_value, (SINGLE, SINGLE)) for image in digits.images])
    net = models.build(name, num_classes=10, in_channels=1, rng=rng)
    optimiser = optim.SGD(net.named_parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    batches = len(shapes) // 64
    schedule = optim.Cosine(0.05, epochs * batches)
    for step in range(epochs * batches):
        if step % batches == 0:
            order = rng.permutation(len(shapes))
        chosen = order[step % batches * 64 :][:64]
        level, ink = rng.uniform(0.05, 0.35, (64, 1, 1)), rng.uniform(0.6, 1, (64, 1, 1))
        images = level + ink * shapes[chosen] + rng.normal(0, 0.08, (64, SINGLE, SINGLE))
        x = normalisation(np.rint(255 * images.clip(0, 1)).astype(np.uint8)[:, None])
        y, cache = net.forward(x, train=True)
        _, loss_cache = F.softmax_cross_entropy_forward(y, digits.labels[chosen])
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
        optimiser.lr = schedule(step)
        optimiser.step()
    return net


class _Recorder(Reporter):
    """Writes what a Trainer has recorded into a Run."""

    def __init__(self, run, path):
        self.run, self.path, self.before, self.start = run, path, 0.0, time.process_time()

    def epoch_done(self, history):
        run = self.run
        run.losses = [[each["step"], round(sum(each[n] for n in Losses._fields), 6)] for each in history]
        run.evaluations = [
            {name: value if name == "step" else round(float(value), 6) for name, value in each.items()}
            for each in history
        ]
        run.seconds = round(self.before + time.process_time() - self.start, 1)
        if self.path is not None:
            run.save(self.path)


def _measured(trainer, *, refined):
    """Return what is measured of a trained detector: CPU milliseconds an image, and more if refined."""
    net, test, normalise = trainer.net, trainer.test, trainer.normalisation
    values = {"milliseconds": _milliseconds(lambda: find(net, test, normalise, trainer.windows), len(test))}
    if trainer.windows is not None:
        few = test.take(range(min(10, len(test))))
        everywhere = [trainer.windows.everywhere]
        quick = folded(net)
        values["milliseconds_windows"] = _milliseconds(
            lambda: [trainer.windows.to_detect(image[None]) for image in few.images], len(few)
        )
        values["milliseconds_everywhere"] = _milliseconds(
            lambda: [detect(quick, normalise(image[None]), windows=everywhere) for image in few.images],
            len(few),
        )
    if refined:
        values |= _recalls(trainer) | _refinements(trainer)
    return {name: round(float(value), 6) for name, value in values.items()}


def _milliseconds(work, count):
    work_starts = time.process_time()
    work()
    return 1000 * (time.process_time() - work_starts) / count


def _recalls(trainer):
    """Return the recall of the proposal network and of contours, by number of proposals and IoU."""
    net, test, most = trainer.net, trainer.test, max(COUNTS)
    # of the sides and ratios that the anchors have
    everywhere = Windows(trainer.config, trainer.size).everywhere
    with _proposals(net):
        net.proposals = most
        learned = [net.propose(trainer.normalisation(image[None]))[0] for image in test.images]
    classical = [contour_windows(image[0] / 255, everywhere, most=most) for image in test.images]
    return {
        f"recall_{name}_{count}_{round(100 * threshold)}": proposal_recall(
            proposals, test.objects, most=count, threshold=threshold
        )
        for name, proposals in (("rpn", learned), ("contours", classical))
        for threshold in (0.5, 0.7)
        for count in COUNTS
    }


def _refinements(trainer):
    """Return mean average precisions with other numbers of proposals, several scales, and iterated boxes."""
    net, test, normalise, values = trainer.net, trainer.test, trainer.normalisation, {}
    with _proposals(net):
        for count in COUNTS:
            net.proposals = count
            found, _ = find(net, test, normalise, None)
            values |= {f"{n}_{count}_proposals": v for n, v in measures(found, test).items()}
    quick = folded(net)
    ways = {
        "scales": lambda x: merge_scales(quick, x, sizes=SCALES),
        "large": lambda x: merge_scales(quick, x, sizes=SCALES[-1:]),
        "iterated": lambda x: iterate(quick, x),
    }
    for way, look in ways.items():
        found = [each for image in test.images for each in look(normalise(image[None]))]
        values |= {f"{name}_{way}": value for name, value in measures(found, test).items()}
    return values


@contextlib.contextmanager
def _proposals(net):
    """Give a detector its number of proposals back at the end."""
    before = net.proposals
    try:
        yield
    finally:
        net.proposals = before
