"""`minires detect`: train a detector, measure it, and draw what it finds in one's own pictures."""

import argparse
import functools
import io
import pathlib
import re
import sys

import numpy as np

from minires import plot, reprs
from minires.cli.running import run_in
from minires.cli.terminal import Terminal, warn
from minires.data.pictures import read_image, resize
from minires.detection import COCO, average_precisions, detect, folded, iterate, mean_ap, merge_scales
from minires.detection import resume as states
from minires.detection.config import OF_DATA, OF_METHOD, DetectionConfig
from minires.detection.loss import Losses
from minires.detection.prepare import Windows, load_data
from minires.detection.testing import find, measures
from minires.detection.train import prepare
from minires.kernels.cpu import parallel
from minires.train import checkpoint, resume
from minires.train.checkpoint import write_atomically
from minires.train.run_folder import DETECTOR, RunFolder, free_folder, latest_folder

RUNS = pathlib.Path("runs")
BASE = DetectionConfig()
SHOWN = 8  # test images in the picture that a run leaves behind

TRAIN = """\
Train a detector. Without options: a Faster R-CNN on digit scenes, which are made on the spot. An option that
is left out takes the default in brackets. Ctrl-C stops after the current step; --resume continues from it."""

TRAIN_EPILOG = """\
The run's folder holds config.json, metrics.jsonl (a line every 50 steps), curves.png, detections.png (what is
there dashed, what was found solid) and checkpoint.npz. Exit codes as for `minires train`."""

HELP = {
    "data": "scenes, or a folder in Pascal VOC's format, with Annotations/, JPEGImages/ and ImageSets/Main/ "
    "(scenes)",
    "size": "resize the images of a folder to H x W pixels, their boxes with them",
    "skip_bad": "leave out boxes of a folder without area, and cut those that cross the border (no: each "
    "is an error that names the file)",
    "flip": "mirror images at random",
    "method": "faster: a network proposes regions; fast: windows with contours, one trunk for the image; "
    "rcnn: the same windows, a trunk for each (faster)",
    "trunk": "the classifier on whose features it stands, one that `minires summary` lists",
    "pretrained": "begin with the trunk of a classifier that `minires train` has trained (none)",
    "pooling": "align or max",
    "context": "pool the surroundings of each region too (no)",
    "sides": "sides of anchors and windows, in pixels",
    "ratios": "their height / width",
    "proposals": "regions of an image that are judged",
    "anchors": "anchors of an image to learn from",
    "regions": "regions of an image to learn from",
    "frozen_norm": "keep batch norm's averages as they are, for a pre-trained trunk and few images a step "
    "(no)",
    "evaluate_every": "steps between two evaluations on the test images; 0: only at the end",
    "resume": f"continue the run in --out, or the latest in {RUNS}/; of the options above only "
    f"--data's folder, --threads and --save-every may then differ",
}


def add_arguments(parser):
    """Add the actions of `minires detect` to an argparse parser."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    train = actions.add_parser("train", help="train a detector on digit scenes or on your own images")
    train.usage, train.description, train.epilog = "%(prog)s [OPTION ...]", TRAIN, TRAIN_EPILOG
    train.set_defaults(product_is_files=True)
    _add_training(train)
    evaluate = actions.add_parser("eval", help="measure a trained detector on the test images")
    evaluate.description = "Print the average precision of each class, and their mean."
    _add_evaluation(evaluate)
    show = actions.add_parser("show", help="draw what a trained detector finds in your own pictures")
    show.description = "Draw boxes, classes and scores on pictures, and list them."
    show.add_argument("images", nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    show.add_argument("--checkpoint", metavar="FILE", help=f"a run's checkpoint.npz (the latest in {RUNS}/)")
    show.add_argument(
        "--score", type=float, default=0.5, metavar="P", help="show what is as sure as that (0.5)"
    )
    show.add_argument("--out", default="boxes.png", metavar="FILE", help="the picture, PNG (boxes.png)")
    show.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")


def _add_training(parser):
    option = _group(parser, "what to look for, and in what")
    option("--data", metavar="DIR", help=HELP["data"])
    option("--size", type=_size, metavar="HxW", help=f"{HELP['size']} (96x128)")
    option("--skip-bad", action="store_true", help=HELP["skip_bad"])
    option("--flip", action="store_true", help=f"{HELP['flip']} {_default('flip')}")
    option("--no-flip", dest="flip", action="store_false", help="leave them as they are")
    option("--images", type=int, metavar="N", help=f"digit scenes to learn from {_default('images')}")
    option("--test-images", type=int, metavar="N", help=f"scenes to test on {_default('test_images')}")

    option = _group(parser, "the detector")
    option("--method", metavar="NAME", help=HELP["method"])
    option("--trunk", metavar="NAME", help=f"{HELP['trunk']} {_default('trunk')}")
    option("--pretrained", metavar="CHECKPOINT", help=HELP["pretrained"])
    option("--pooling", metavar="KIND", help=f"{HELP['pooling']} {_default('pooling')}")
    option("--context", action="store_true", help=HELP["context"])
    option("--sides", type=_numbers, metavar="A,B", help=f"{HELP['sides']} {_default('sides')}")
    option("--ratios", type=_numbers, metavar="A,B", help=f"{HELP['ratios']} {_default('ratios')}")
    option("--proposals", type=int, metavar="N", help=f"{HELP['proposals']} {_default('proposals')}")
    option("--frozen-norm", action="store_true", help=HELP["frozen_norm"])

    option = _group(parser, "how to train it")
    option("--steps", type=int, metavar="N", help=f"in all {_default('steps')}")
    option("--batch-size", type=int, metavar="N", help=f"images a step {_default('batch_size')}")
    option("--anchors", type=int, metavar="N", help=f"{HELP['anchors']} {_default('anchors')}")
    option("--regions", type=int, metavar="N", help=f"{HELP['regions']} {_default('regions')}")
    option("--lr", type=float, metavar="RATE", help=f"learning rate; it falls to 0 {_default('lr')}")
    option("--warm-up", type=int, metavar="STEPS", help=f"steps over which it rises {_default('warm_up')}")
    option("--momentum", type=float, metavar="M", help=f"kept of the velocity {_default('momentum')}")
    option("--weight-decay", type=float, metavar="D", help=f"of weights alone {_default('weight_decay')}")
    option("--seed", type=int, metavar="N", help="seed of weights, order and samples (0)")
    option(
        "--evaluate-every",
        type=int,
        metavar="STEPS",
        help=f"{HELP['evaluate_every']} {_default('evaluate_every')}",
    )

    option = _group(parser, "device and output")
    option("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")
    option(
        "--out",
        type=pathlib.Path,
        metavar="DIR",
        help=f"folder of the run ({RUNS}/{DETECTOR}METHOD-DATA, numbered)",
    )
    option("--save-every", type=float, metavar="SECONDS", help="time between two checkpoints (60)")
    option("--resume", action="store_true", help=HELP["resume"])


def _add_evaluation(parser):
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a run's checkpoint.npz")
    parser.add_argument("--data", metavar="DIR", help="scenes, or another folder (that of the training)")
    parser.add_argument("--proposals", type=int, metavar="N", help="regions of an image (as in training)")
    parser.add_argument(
        "--rounds", type=int, default=1, metavar="N", help="judge the boxes found again: iterated boxes (1)"
    )
    parser.add_argument(
        "--scales", type=_numbers, metavar="F,F", help="look at each image enlarged by these factors (1)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")


def run(arguments):
    """Do what the arguments say, return the exit code."""
    if arguments.threads is not None and arguments.threads < 1:
        raise ValueError(f"--threads: expected at least 1, got {arguments.threads}")
    return {"train": _train, "eval": _evaluate, "show": _show}[arguments.action](arguments)


# -- train ---------------------------------------------------------------------------------------------------


class Folder(RunFolder):
    """The folder of a detector's run."""

    def figure(self, history):
        return plot.detection_curves(history, title=self.title)


class Progress(Terminal):
    """A bar with the four losses, and a line for every evaluation."""

    def progress(self, progress):
        if self._bar is None:
            self._bar = _new_bar(progress)
        self._bar.set_postfix_str(
            _losses(dict(zip(Losses._fields, progress.losses, strict=True))), refresh=False
        )
        self._bar.update(progress.step - self._bar.n)

    def epoch_done(self, history):
        self.folder.epoch_done(history)
        if "map" in history[-1]:
            self._close_bar()
            print(_line(history[-1]), file=sys.stderr)


def _new_bar(progress):
    from tqdm import tqdm

    return tqdm(
        total=progress.steps,
        initial=progress.step - 1,
        desc="step",
        bar_format="{desc} |{bar}| {n_fmt}/{total_fmt}, {remaining} left{postfix}",
        leave=False,
        disable=None,  # where standard error is no terminal
    )


def _losses(record):
    """Return one text about the four losses; a detector without a proposal network has two."""
    head = f"head: class {record['classes']:.3f}, box {record['boxes']:.3f}"
    if not record["objectness"]:
        return head
    return f"proposals: object {record['objectness']:.3f}, box {record['anchor_boxes']:.3f}; {head}"


def _line(record):
    return (
        f"step {record['step']:5}: {_losses(record)}; mAP {record['map']:.3f}, lr {record['lr']:.1e}, "
        f"{record['seconds']:.1f} s"
    )


def _train(arguments):
    fields = DetectionConfig.__dataclass_fields__
    choices = {name: value for name, value in vars(arguments).items() if name in fields and value is not None}
    choices |= _data_choices(choices.pop("data", None))
    with _folder(arguments, choices) as folder:
        return _train_in(folder, choices, is_resumed=arguments.resume)


def _train_in(folder, choices, *, is_resumed):
    saved = checkpoint.load(folder.checkpoint) if is_resumed else None
    config = _config(choices) if saved is None else states.read_config(saved).resumed(**choices)
    if config.threads is not None:
        parallel.set_threads(config.threads)
    terminal = Progress(folder)
    trainer = prepare(config, terminal, resumed=saved is not None)
    if saved is not None:
        states.restore(trainer, saved)
        if trainer.step == config.steps:
            print(f"already finished: all {config.steps} steps are done", file=sys.stderr)
    number = run_in(folder, trainer, config, terminal, command="minires detect train")
    if number is not None:
        again = f"minires detect train --resume --out {folder.path}"
        print(f"stopped after step {trainer.step}; to continue: {again}", file=sys.stderr)
        return 128 + number
    if not trainer.found:  # it was finished before
        trainer.evaluate()
    folder.picture("detections.png", lambda: _picture(trainer))
    print(_summary(trainer, folder))
    return 0


def _picture(trainer):
    test = trainer.test
    return plot.detections(
        test.images[:SHOWN],
        found=trainer.found[:SHOWN],
        truth=test.objects[:SHOWN],
        class_names=test.class_names,
        title=f"{trainer.config.title}: what is there dashed, what was found (score 0.5 or more) solid",
    )


def _summary(trainer, folder):
    last, config = trainer.history[-1], trainer.config
    return (
        f"{config.title}, trunk {config.trunk}: {last['step']} steps, {last['seconds']:.0f} s\n"
        f"{folder.path}: detections.png, curves.png, metrics.jsonl, config.json, checkpoint.npz\n"
        f"{last_line(last, config.proposals)}"
    )


def last_line(record, proposals):
    """Return the line that ends `minires detect train` and `minires detect eval`."""
    value = f"{record['map']:.2f}" if "map" in record else "not measured"
    return f"mAP {value} (IoU 0.5), {proposals} proposals, {record['milliseconds']:.0f} ms an image"


def _folder(arguments, choices):
    """Return the RunFolder; one that is to go on is locked before anything in it is read."""
    if arguments.resume:
        folder = Folder(arguments.out or latest_folder(RUNS, detectors=True), warn=warn)
        if folder.path.is_dir():  # if not, reading the checkpoint says so
            folder.lock()
        return folder
    choices |= {"threads": parallel.get_threads()} | choices
    if "pretrained" in choices and "trunk" not in choices:
        choices["trunk"] = resume.read_config(checkpoint.load(choices["pretrained"])).model
    config = _config(choices)
    name = f"{DETECTOR}{config.method}-{config.data}"
    numbered = None if arguments.out else name
    folder = Folder(arguments.out or free_folder(RUNS, name), numbered=numbered, warn=warn)
    folder.require_no_run()
    return folder


def _config(choices):
    """Return the configuration; an error names the option, which is called as the field but for hyphens."""
    try:
        return DetectionConfig.of(**choices)
    except ValueError as error:
        field, colon, rest = str(error).partition(":")
        if field not in DetectionConfig.__dataclass_fields__:
            raise
        option = "data" if field == "data_dir" else field.replace("_", "-")
        raise ValueError(f"--{option}{colon}{rest}") from error


def _data_choices(data):
    """Return the fields that --data decides."""
    if data is None:
        return {}
    if data == "scenes":
        return {"data": "scenes"}
    return {"data": "voc", "data_dir": str(pathlib.Path(data).expanduser().absolute())}


# -- eval ----------------------------------------------------------------------------------------------------


def _evaluate(arguments):
    _set_threads(arguments)
    trained = states.load_detector(checkpoint.load(arguments.checkpoint))
    config, detector = trained.config, trained.detector
    if arguments.data is not None:
        config = DetectionConfig.from_dict(config.as_dict() | _data_choices(arguments.data))
    _, test = load_data(config)
    if test.class_names != trained.class_names:
        raise ValueError(
            f"the detector knows {', '.join(trained.class_names)}, {test.name} has "
            f"{', '.join(test.class_names)}"
        )
    if arguments.rounds < 1:
        raise ValueError(f"--rounds: expected at least 1, got {arguments.rounds}")
    if arguments.proposals is not None:
        if not 1 <= arguments.proposals <= 10_000:
            raise ValueError(f"--proposals: expected 1 to 10000, got {arguments.proposals}")
        config = DetectionConfig.from_dict(config.as_dict() | {"proposals": arguments.proposals})
        detector.proposals = arguments.proposals
    windows = None if detector.rpn is not None else Windows(config, test.image_shape[1:])
    found, milliseconds = find(
        detector, test, trained.normalisation, windows, look=_look(arguments, test, windows)
    )
    _print_precisions(found, test)
    record = measures(found, test) | {"milliseconds": milliseconds}
    print(last_line(record, config.proposals))
    return 0


def _look(arguments, test, windows):
    """Return the function that detects, refined as the arguments say."""
    if arguments.scales is not None:
        if windows is not None or arguments.rounds > 1:
            other = "a detector without a proposal network" if windows is not None else "--rounds"
            raise ValueError(f"--scales: does not go together with {other}")
        if not all(0.1 <= scale <= 10 for scale in arguments.scales):
            raise ValueError(f"--scales: expected factors from 0.1 to 10, got {list(arguments.scales)}")
        height, width = test.image_shape[1:]
        sizes = [(round(height * scale), round(width * scale)) for scale in arguments.scales]
        return lambda detector, x, windows: merge_scales(detector, x, sizes=sizes)
    return functools.partial(iterate, rounds=arguments.rounds)


def _print_precisions(found, test):
    """Print a line for every class, and the means of Pascal VOC and of COCO."""
    classes = len(test.class_names)
    half, strict = (average_precisions(found, test.objects, classes, threshold=t) for t in (0.5, 0.75))
    width = max(len(name) for name in (*test.class_names, "class"))
    print(f"{len(test)} images of {test.name}, {test.count()} objects")
    print(f"{'class':{width}}  AP at IoU 0.5  at 0.75")
    for name, *values in zip(test.class_names, half, strict, strict=True):
        # a class of which there is no object has no precision
        first, second = ("-" if value != value else f"{value:.3f}" for value in values)
        print(f"{name:{width}}  {first:>13}  {second:>7}")
    eleven = mean_ap(found, test.objects, classes, points=11)
    coco = mean_ap(found, test.objects, classes, thresholds=COCO, points=101)
    print(f"mAP with 11 points {eleven:.3f}, mean over IoU 0.5 to 0.95 {coco:.3f}")


# -- show ----------------------------------------------------------------------------------------------------


def _show(arguments):
    _set_threads(arguments)
    if not 0 <= arguments.score <= 1:
        raise ValueError(f"--score: expected a probability from 0 to 1, got {arguments.score}")
    out = pathlib.Path(arguments.out)
    if out.suffix.lower() != ".png":
        raise ValueError(f"--out: expected a .png file, got {out}")
    path = arguments.checkpoint or latest_folder(RUNS, detectors=True) / "checkpoint.npz"
    trained = states.load_detector(checkpoint.load(path))
    images = [read_image(pathlib.Path(name)) for name in arguments.images]
    found = [find_in_picture(trained, image) for image in images]
    shown = 0
    for name, each in zip(arguments.images, found, strict=True):
        for box, label, score in zip(*each, strict=True):
            if score >= arguments.score:
                x1, y1, x2, y2 = box
                at = f"x {x1:.0f} to {x2:.0f}, y {y1:.0f} to {y2:.0f}"
                print(f"{name}: {trained.class_names[label]} {score:.2f}, {at}")
                shown += 1
    picture = plot.detections(
        images,
        found=found,
        class_names=trained.class_names,
        least=arguments.score,
        columns=2,
        width=6.0 if len(images) == 1 else 4.8,
    )
    content = io.BytesIO()
    picture.savefig(content, format="png", dpi=150)
    write_atomically(out, content.getvalue())
    print(f"{out}: {reprs.counted(shown, 'object')} in {reprs.counted(len(images), 'image')}")
    return 0


def find_in_picture(trained, image):
    """Return the Detections in a picture of any size, uint8 (3, H, W), in its own pixels.

    It is brought to the area of the images that the detector was trained on, and keeps its shape.
    """
    height, width = image.shape[1:]
    factor = (trained.size[0] * trained.size[1] / (height * width)) ** 0.5
    size = max(1, round(height * factor)), max(1, round(width * factor))
    x = resize(image, size)[None]
    if len(trained.normalisation.mean) == 1:
        x = np.rint(x.mean(axis=1, keepdims=True)).astype(np.uint8)
    windows = None
    if trained.detector.rpn is None:
        windows = Windows(trained.config, size).to_detect(x)
    (found,) = detect(folded(trained.detector), trained.normalisation(x), windows=windows)
    back = np.array([width / size[1], height / size[0]] * 2, np.float32)
    return found._replace(boxes=found.boxes * back)


# -- options -------------------------------------------------------------------------------------------------


def _set_threads(arguments):
    if arguments.threads is not None:
        parallel.set_threads(arguments.threads)


def _group(parser, title):
    """Return the function that adds an option to a new group of the help; its default is always None."""
    group = parser.add_argument_group(title)
    return functools.partial(group.add_argument, default=None)


def _default(name):
    """Return the default of an option as text in brackets, with those of folders and of other methods."""
    others = [
        f"{'a folder' if kind == 'voc' else kind} {_word(values[name])}"
        for kind, values in (OF_DATA | OF_METHOD).items()
        if name in values
    ]
    return f"({'; '.join([_word(getattr(BASE, name)), *others])})"


def _word(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(f"{each:g}" for each in value) or "as they are"
    return str(value)


def _size(text):
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected height and width such as 96x128, got {text!r}")
    return int(match[1]), int(match[2])


def _numbers(text):
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers such as 10,16,24, got {text!r}") from None
