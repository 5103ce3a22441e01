"""Trains the networks of a plan, one after the other, and records their losses and errors."""

import pathlib
import time

import numpy as np

from minires import data
from minires.experiments import record
from minires.experiments.detector_plans import DetectorPlan
from minires.experiments.detectors import run_detector
from minires.experiments.fine_tuning import run_fine_tuning
from minires.experiments.fine_tuning_plans import FineTuningPlan
from minires.experiments.plans import plan
from minires.kernels.cpu import parallel
from minires.train import Config, Reporter, Trainer, checkpoint, evaluate, resume


def run(
    experiment, setting, *, arms=None, seeds=None, out=None, command="", done=lambda run: None, **choices
):
    """Train every network of an experiment from every seed; return {arm: [Run of each seed]}.

    arms: only these; seeds: instead of the plan's; out: a folder to keep the runs in, in which finished ones
    are read instead of trained and interrupted ones resume; done: called with each Run; choices: of the
    `train.Config`, such as where it is computed (device, threads, data_dir, memory).
    Raises ValueError for names that are not there or a folder with runs of something else, and what training
    raises.
    """
    chosen = plan(experiment, setting)
    runs = []
    for seed in chosen.seeds if seeds is None else seeds:
        for arm in chosen.arms if arms is None else arms:
            runs.append(run_one(experiment, setting, arm, seed, out=out, command=command, **choices))
            done(runs[-1])
    return record.grouped(runs)


def run_one(experiment, setting, arm, seed, *, out=None, command="", iterations=None, **choices):
    """Train one network of an experiment from one seed and return its Run.

    iterations: stop after so many (the schedule is still that of the whole run); the rest as in `run`.
    """
    chosen = plan(experiment, setting)
    if arm not in chosen.arms:
        raise ValueError(f"arm: expected one of {', '.join(chosen.arms)}, got {arm!r}")
    path = None if out is None else pathlib.Path(out) / record.file_name(arm, seed)
    if path is not None and path.exists():
        old = record.read(path)
        if (old.experiment, old.setting) != (experiment, setting):
            raise ValueError(f"{path}: is a run of {old.experiment}, {old.setting}; use another folder")
        if not _saved(path).exists():
            return old  # finished
    if isinstance(chosen, DetectorPlan):
        return run_detector(experiment, setting, chosen, arm, seed, out=out, command=command, **choices)
    if isinstance(chosen, FineTuningPlan):
        return run_fine_tuning(experiment, setting, chosen, arm, seed, out=out, command=command, **choices)
    recorder = _Recorder(chosen, iterations, path)
    recorder.run = record.Run(
        experiment=experiment, setting=setting, arm=arm, seed=seed, command=command, commit=record.commit()
    )
    recorder.train(choices)
    return recorder.run


def _saved(path):
    """Return where the checkpoint of an unfinished run lies, beside its file."""
    return path.with_suffix(".npz")


NEVER = 1e9  # seconds between two checkpoints inside an epoch: a run resumes from the end of one


class _Enough(Exception):
    """The requested number of iterations is done."""


class _Recorder(Reporter):
    """Follows a Trainer from iteration to iteration and fills a Run."""

    def __init__(self, plan, iterations, path):
        self.plan, self.iterations, self.path = plan, iterations, path
        self.before = np.zeros(3)  # images, their loss and their errors in the epochs that are over
        self.epoch = np.zeros(3)  # the same for this epoch so far
        self.seen = np.zeros(3)  # the same at the last iteration looked at
        self.evaluated = np.zeros(3)  # the same at the last evaluation

    def train(self, choices):
        """Fill self.run: from the beginning, or from where an earlier call was interrupted."""
        run, plan = self.run, self.plan
        train, test = data.load(plan.config["data"], choices.get("data_dir"))
        train, test = _first(train, plan.images), _first(test, plan.test_images)
        train, test = train.shrunk(plan.shrink), test.shrunk(plan.shrink)
        more = plan.arm_config.get(run.arm, {}) | choices
        config = Config(**{"model": run.arm, "seed": run.seed, "save_every": NEVER} | plan.config | more)
        if config.threads is not None:
            parallel.set_threads(config.threads)
        # where the data lay on that machine is nobody's business; lists are what JSON makes of tuples
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in config.as_dict().items()}
        run.config, run.machine = plain | {"data_dir": None}, record.machine(config.device)
        shape = {"num_classes": len(train.class_names), "in_channels": train.image_shape[0]}
        net = plan.arms[run.arm](**shape, rng=np.random.default_rng(run.seed))
        self.trainer = Trainer(net, config, train, {}, reporter=self)
        self.test = data.Batches(
            test, batch_size=100, seed=0, normalisation=self.trainer.normalisation, shuffle=False
        )
        saved = None if self.path is None else _saved(self.path)
        if saved is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if saved.exists():
                self._go_on(saved)
        self.start = time.perf_counter() - run.seconds
        try:
            self.trainer.run(saved)
        except _Enough:
            pass
        run.seconds = round(time.perf_counter() - self.start, 1)
        if saved is not None:
            run.save(self.path)
            saved.unlink()

    def _go_on(self, saved):
        """Restore trainer and run from an interrupted one, which stopped after a number of whole epochs.

        The record is written right after the checkpoint; where only one of the two was, start afresh.
        """
        old = record.read(self.path) if self.path.exists() else self.run
        restored = checkpoint.load(saved)
        with restored.reading():
            step = restored.facts["position"]["step"]
        if step != (old.losses[-1][0] if old.losses else 0):
            return
        resume.restore(self.trainer, restored)
        self.run.seconds, self.run.losses, self.run.evaluations = old.seconds, old.losses, old.evaluations

    def progress(self, progress):
        n, size = len(self.trainer.batches.dataset), self.trainer.config.batch_size
        is_last = progress.at.batch == progress.batches  # it may have an image more
        images = n if is_last else progress.at.batch * size
        self.epoch = np.array([images, images * progress.loss, images * progress.error])
        now = self.before + self.epoch
        step = progress.at.step
        if step % self.plan.losses_every == 0:
            count, loss, _ = now - self.seen
            self.run.losses.append([step, round(float(loss / count), 6)])
            self.seen = now
        if step % self.plan.evaluate_every == 0:
            count, loss, errors = now - self.evaluated
            found = {"train_loss": loss / count, "train_error": errors / count}
            found |= evaluate(self.trainer.net, self.test)
            rounded = {name: round(float(value), 6) for name, value in found.items()}
            self.run.evaluations.append({"step": step, "lr": progress.lr, **rounded})
            self.evaluated = now
        if step == self.iterations:
            raise _Enough

    def epoch_done(self, history):
        self.before, self.epoch = self.before + self.epoch, np.zeros(3)
        if self.path is not None:
            self.run.seconds = round(time.perf_counter() - self.start, 1)
            self.run.save(self.path)


def _first(dataset, count):
    """Return the first `count` images of a data set, all if None."""
    return dataset if count is None else dataset.take(np.arange(count))
