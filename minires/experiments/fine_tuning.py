"""Fine-tuning: a network learns some classes from many images, and then others from a few of each::

    python -m minires.experiments fine_tuning stored --data-dir DIR --out RUNS

Each run has an evaluation for every number of images a class ("shots").
"""

import copy
import pathlib
import time

import numpy as np

import minires.functional as F
from minires import data, models, optim, surgery
from minires.experiments import record
from minires.kernels.cpu import parallel

LOSSES_EVERY = 100


def run_fine_tuning(experiment, setting, plan, arm, seed, *, out=None, command="", threads=1, data_dir=None):
    """Learn the target's classes in one way from one seed and return the Run; see `runner.run_one`."""
    parallel.set_threads(threads)
    run = record.Run(
        experiment=experiment, setting=setting, arm=arm, seed=seed, command=command, commit=record.commit()
    )
    config = plan.config | plan.arms[arm]
    run.config = {name: list(v) if isinstance(v, tuple) else v for name, v in config.items()}
    run.machine, start = record.machine("cpu"), time.process_time()
    task = _Task(config, data_dir)
    net = task.fresh(len(config["source"]), seed)
    if config["pretrained"]:
        run.losses = task.fit(net, *task.source, config["source_steps"], config["source_lr"], seed)
    for shots in config["shots"]:
        tuned = surgery.replace_head(copy.deepcopy(net), len(config["target"]), rng=_rng(seed, 2))
        if config["frozen"]:
            surgery.freeze_prefix(tuned, "pool")
        few = task.few(shots, seed)
        task.fit(tuned, *few, config["steps"], config["lr"], seed)
        errors = {"train_error": task.error(tuned, *few), "test_error": task.error(tuned, *task.test)}
        run.evaluations.append({"step": config["steps"], "shots": shots, **errors})
    run.seconds = round(time.process_time() - start, 1)
    if out is not None:
        path = pathlib.Path(out) / record.file_name(arm, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        run.save(path)
    return run


def _rng(seed, use):
    """Return a generator for one use of a seed: 0 weights, 1 the few images, 2 a new head, 3 batches."""
    return np.random.default_rng([seed, use])


class _Task:
    """The images of source and target, and how a network learns and is tested."""

    def __init__(self, config, folder):
        self.config = config
        train, test = data.load(config["data"], folder)
        train = train.take(np.arange(config["images"])).shrunk(config["shrink"])
        test = test.take(np.arange(config["test_images"])).shrunk(config["shrink"])
        self.channels = train.image_shape[0]
        self.normalise = data.Normalisation.fit(train)
        self.augment = data.Augmentation(padding=config["padding"], flip=config["flip"])
        self.source = self._of(train, config["source"])
        self.target = self._of(train, config["target"])
        self.test = self._of(test, config["target"])

    def _of(self, dataset, classes):
        """Return (images, labels from 0) of some classes."""
        chosen = np.isin(dataset.labels, classes)
        return self.normalise(dataset.images[chosen]), np.searchsorted(classes, dataset.labels[chosen])

    def fresh(self, classes, seed):
        """Return a network with fresh weights."""
        return models.build(
            self.config["model"], num_classes=classes, in_channels=self.channels, rng=_rng(seed, 0)
        )

    def few(self, shots, seed):
        """Return so many images of each class of the target; the fewer are among the more."""
        images, labels = self.target
        rng = _rng(seed, 1)
        order = rng.permutation(len(labels))
        chosen = [order[labels[order] == c][:shots] for c in range(len(self.config["target"]))]
        return images[np.concatenate(chosen)], labels[np.concatenate(chosen)]

    def fit(self, net, images, labels, steps, lr, seed):
        """Train a network, in place; return the losses as a Run keeps them."""
        rng, size = _rng(seed, 3), min(self.config["batch_size"], len(labels))
        optimiser = optim.SGD(
            net.named_parameters(),
            lr=lr,
            momentum=self.config["momentum"],
            weight_decay=self.config["weight_decay"],
        )
        schedule, order, losses, found = optim.Cosine(lr, steps), np.empty(0, int), [], []
        for step in range(steps):
            if len(order) < size:
                order = rng.permutation(len(labels))
            batch, order = order[:size], order[size:]
            y, cache = net.forward(self.augment(images[batch], rng), train=True)
            loss, loss_cache = F.softmax_cross_entropy_forward(y, labels[batch])
            optimiser.zero_grad()
            net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
            optimiser.lr = schedule(step)
            optimiser.step()
            found.append(float(loss))
            if (step + 1) % LOSSES_EVERY == 0:
                losses.append([step + 1, round(float(np.mean(found)), 6)])
                found = []
        return losses

    def error(self, net, images, labels, size=200):
        """Return the fraction of images that are answered wrongly."""
        parts = [slice(first, first + size) for first in range(0, len(labels), size)]
        wrong = sum((net.predict(images[part]).argmax(axis=1) != labels[part]).sum() for part in parts)
        return round(float(wrong / len(labels)), 6)
