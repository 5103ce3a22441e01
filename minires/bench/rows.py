"""What `minires bench` measures: the rows of its table, with the targets that the project has set itself.

A row's name is what `--only` looks for: "resnet20 step", "conv3x3 64@56" (channels @ side length), ...
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from minires import init, layers, models
from minires.bench import scenes, sides, work
from minires.data import Augmentation, Batches, Dataset, Normalisation

NETWORKS = (  # name, images per step, side length, targets of the training step (ratio to PyTorch NCHW)
    ("resnet20", 128, 32, (1.4, 1.0)),
    ("resnet110", 128, 32, (1.4, 1.0)),
    ("resnet18", 16, 224, (1.2, 1.0)),
    ("resnet50", 16, 224, (1.2, 1.0)),
    ("vgg16", 8, 224, (1.3, 1.0)),
    ("googlenet", 16, 224, (1.3, 1.0)),
)
EVALUATION = (1.2, 1.0)
OPERATION = (1.5, 1.0)
DETECTION = (1.2, 1.0)
OVERHEAD = (1.5, 1.0)
MEMORY = (1.0, 0.8)
SGEMM_FRACTION = (0.33, 0.42)  # of the ResNet-50 step, at least
PIPELINE = (3.0, None)  # times the rate at which the ResNet-20 step consumes images, at least
GRADCHECK = (20.0, None)  # seconds
QUICK = ("resnet20", "@32", "@16", "@8", "softmax-ce 128", "pipeline", "overhead")  # parts of names


@dataclass(frozen=True)
class Row:
    """One line of the table.

    name, detail: what is measured; group: under which heading it stands; prepare: called as prepare(side),
    returns the function that does the work once; sides: who can do it; target, stretch: of the ratio to
    PyTorch NCHW, at most; flops, bytes: of the work; task: of `peak_memory`, where the row has one."""

    name: str
    detail: str
    group: str
    prepare: Callable
    sides: tuple
    target: float | None = None
    stretch: float | None = None
    flops: int = 0
    bytes: int = 0
    task: dict = field(default_factory=dict)


def all_rows():
    """Return the list of all Rows, in the order of the table."""
    steps = [_step(*network) for network in NETWORKS]
    evaluations = [_evaluation(*network[:3]) for network in NETWORKS]
    return [*steps, *evaluations, *_detection(), *_operations(), *_others()]


def of_model(name, *, batch_size=None, size=None):
    """Return the Rows of one network: a training step, and an evaluation. Arguments as for `task_of`."""
    task = task_of(name, batch_size=batch_size, size=size)
    known = {tuple(network[:3]): network[3] for network in NETWORKS}
    return [_step(*task.values(), known.get(tuple(task.values()), ())), _evaluation(*task.values())]


def task_of(name, *, batch_size=None, size=None):
    """Return {model, batch_size, size}; None: what the network is made for, 128 small images or 16 large."""
    size = size or models.about(name).input_shape[1]
    return {"model": name, "batch_size": batch_size or (128 if size <= 64 else 16), "size": size}


def select(rows, words):
    """Return the rows with one of the words in their name. Raises ValueError for a word that no name has."""
    for word in words:
        if not any(word.lower() in row.name for row in rows):
            known = sorted({part for row in rows for part in row.name.split()})
            near = difflib.get_close_matches(word.lower(), known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"--only: no row is called {word!r}; {hint}")
    return [row for row in rows if any(word.lower() in row.name for word in words)]


def _step(model, batch_size, size, targets):
    task = {"model": model, "batch_size": batch_size, "size": size}
    return _of_network("step", "training step", sides.training_step, work.of_training, task, targets, task)


def _evaluation(model, batch_size, size):
    task = {"model": model, "batch_size": batch_size, "size": size}
    return _of_network(
        "eval", "evaluation forward", sides.evaluation, work.of_evaluation, task, EVALUATION, {}
    )


def _of_network(kind, group, prepare, count, task, targets, memory):
    net = sides.network(task["model"], task["size"], init.SHAPES_ONLY)
    shape = (task["batch_size"], 3, task["size"], task["size"])
    flops, moved = count(net, shape)
    return Row(
        f"{task['model']} {kind}",
        f"{task['batch_size']}x3x{task['size']}x{task['size']}",
        group,
        partial(prepare, **task),
        _who(task["model"]),
        *targets or (None, None),
        flops=flops,
        bytes=moved,
        task=memory,
    )


def _who(model):
    return tuple(sides.available()) if sides.has_twin(model) else ("minires",)


def _detection():
    """A Faster R-CNN on a ResNet-8's trunk and digit scenes, beside the same in plain PyTorch operations."""
    who, step = tuple(sides.available()), partial(scenes.training_step, images=4)
    yield Row("faster-rcnn step", "4x1x64x64", "detection", step, who, *DETECTION)
    yield Row("faster-rcnn image", "1x1x64x64", "detection", scenes.image, who, *DETECTION)


def _operations():
    """Operations alone, at the sizes at which ResNet-20 (128 images) and ResNet-50 (16 images) use them."""

    def conv(c, o, kernel, **options):
        return lambda rng: layers.Conv2d(c, o, kernel, bias=False, rng=rng, **options)

    small, large = ((16, 32), (32, 16), (64, 8)), ((64, 56), (128, 28), (256, 14), (512, 7))
    yield from (_operation("conv3x3", conv(c, c, 3, padding=1), 128, c, size) for c, size in small)
    yield from (_operation("conv3x3", conv(c, c, 3, padding=1), 16, c, size) for c, size in large)
    yield from (_operation("conv1x1", conv(c, c, 1), 128, c, size) for c, size in small)
    yield from (_operation("conv1x1", conv(c, 4 * c, 1), 16, c, size) for c, size in large)
    yield _operation("conv7x7/2", conv(3, 64, 7, stride=2, padding=3), 16, 3, 224, images=True)
    for n, c, size in ((128, 16, 32), (16, 256, 56)):
        yield _operation("batchnorm", lambda rng, c=c: layers.BatchNorm(c), n, c, size)
        yield _operation("relu", lambda rng: layers.ReLU(), n, c, size)
    yield _operation("maxpool3x3/2", lambda rng: layers.MaxPool2d(3, stride=2, padding=1), 16, 64, 112)
    for shape in ((128, 10), (16, 1000)):
        prepare = partial(sides.cross_entropy, shape=shape)
        name, moved = f"softmax-ce {shape[0]}x{shape[1]}", 3 * 4 * shape[0] * shape[1]
        yield Row(name, "", "operation", prepare, tuple(sides.available()), *OPERATION, bytes=moved)


def _operation(kind, layer, n, channels, size, images=False):
    shape = (n, channels, size, size)
    flops, moved = work.of_training(layer(init.SHAPES_ONLY), shape, update=False)
    out = layer(init.SHAPES_ONLY).cost(shape)[0]
    return Row(
        f"{kind} {channels}@{size}",
        f"N={n} to {out[1]}@{out[2]}",
        "operation",
        partial(sides.operation, layer=layer, shape=shape, images=images),
        tuple(sides.available()),
        *OPERATION,
        flops=flops,
        bytes=moved,
    )


def _others():
    tiny = {"model": "resnet110", "batch_size": 1, "size": 8}
    yield Row(
        "overhead resnet110",
        "step of 1x3x8x8",
        "everything else",
        partial(sides.training_step, **tiny),
        _who("resnet110"),
        *OVERHEAD,
    )
    yield Row("pipeline", "of 128x3x32x32", "everything else", lambda side: _pipeline(), ("minires",))
    yield Row("gradcheck", "all layers", "everything else", lambda side: _gradcheck, ("minires",))


def _pipeline(images=512, batch_size=128):
    """Return a function that prepares one batch as training on CIFAR does, in the thread that calls."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images, 3, 32, 32), dtype=np.uint8)
    dataset = Dataset(pixels, rng.integers(0, 10, images), tuple("0123456789"), "random pixels")
    batches = Batches(
        dataset,
        batch_size=batch_size,
        seed=0,
        normalisation=Normalisation.fit(dataset),
        augment=Augmentation(),
        prefetch=0,
    )
    return lambda: next(iter(batches.epoch(0)))


def _gradcheck():
    from minires.catalogue import checks

    for check in checks():
        check.run(np.random.default_rng(0)).raise_if_wrong()
