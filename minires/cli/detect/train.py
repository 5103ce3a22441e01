"""`minires detect train`: its options, and what happens to them."""

import argparse
import pathlib
import re
import sys

from minires import plot
from minires.cli import options
from minires.cli.detect.common import RUNS, data_choices, last_line, numbers
from minires.cli.running import run_in
from minires.cli.terminal import Terminal, new_bar, warn
from minires.detection import resume as states
from minires.detection.config import OF_DATA, OF_METHOD, DetectionConfig
from minires.detection.loss import Losses
from minires.detection.train import prepare
from minires.kernels.cpu import parallel
from minires.train import checkpoint, resume
from minires.train.run_folder import DETECTOR, RunFolder, free_folder, latest_folder

BASE = DetectionConfig()
SHOWN = 8  # test images in the picture that a run leaves behind

DESCRIPTION = """\
Train a detector. Without options: a Faster R-CNN on digit scenes, which are made on the spot. An option that
is left out takes the default in brackets. Ctrl-C stops after the current step; --resume continues from it."""

EPILOG = """\
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
    """Add the options of `minires detect train` to an argparse parser; those left out become None."""
    parser.usage, parser.description, parser.epilog = "%(prog)s [OPTION ...]", DESCRIPTION, EPILOG
    parser.set_defaults(product_is_files=True)
    option = options.group(parser, "what to look for, and in what")
    option("--data", metavar="DIR", help=HELP["data"])
    option("--size", type=_size, metavar="HxW", help=f"{HELP['size']} (96x128)")
    option("--skip-bad", action="store_true", help=HELP["skip_bad"])
    option("--flip", action="store_true", help=f"{HELP['flip']} {_default('flip')}")
    option("--no-flip", dest="flip", action="store_false", help="leave them as they are")
    option("--images", type=int, metavar="N", help=f"digit scenes to learn from {_default('images')}")
    option("--test-images", type=int, metavar="N", help=f"scenes to test on {_default('test_images')}")

    option = options.group(parser, "the detector")
    option("--method", metavar="NAME", help=HELP["method"])
    option("--trunk", metavar="NAME", help=f"{HELP['trunk']} {_default('trunk')}")
    option("--pretrained", metavar="CHECKPOINT", help=HELP["pretrained"])
    option("--pooling", metavar="KIND", help=f"{HELP['pooling']} {_default('pooling')}")
    option("--context", action="store_true", help=HELP["context"])
    option("--sides", type=numbers, metavar="A,B", help=f"{HELP['sides']} {_default('sides')}")
    option("--ratios", type=numbers, metavar="A,B", help=f"{HELP['ratios']} {_default('ratios')}")
    option("--proposals", type=int, metavar="N", help=f"{HELP['proposals']} {_default('proposals')}")
    option("--frozen-norm", action="store_true", help=HELP["frozen_norm"])

    option = options.group(parser, "how to train it")
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

    option = options.group(parser, "device and output")
    option("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")
    option(
        "--out",
        type=pathlib.Path,
        metavar="DIR",
        help=f"folder of the run ({RUNS}/{DETECTOR}METHOD-DATA, numbered)",
    )
    option("--save-every", type=float, metavar="SECONDS", help="time between two checkpoints (60)")
    option("--resume", action="store_true", help=HELP["resume"])


class Folder(RunFolder):
    """The folder of a detector's run."""

    def figure(self, history):
        return plot.detection_curves(history, title=self.title)


class Progress(Terminal):
    """A bar with the four losses, and a line for every evaluation."""

    def progress(self, progress):
        if self._bar is None:
            self._bar = new_bar("step", progress.steps, done=progress.step - 1)
        self._bar.set_postfix_str(
            _losses(dict(zip(Losses._fields, progress.losses, strict=True))), refresh=False
        )
        self._bar.update(progress.step - self._bar.n)

    def epoch_done(self, history):
        self.folder.epoch_done(history)
        if "map" in history[-1]:
            self._close_bar()
            print(_line(history[-1]), file=sys.stderr)


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


def run(arguments):
    """Train as the arguments say, print a summary, return the exit code."""
    choices = options.choices_of(arguments, DetectionConfig)
    choices |= data_choices(choices.pop("data", None))
    with _folder(arguments, choices) as folder:
        return _train(folder, choices, is_resumed=arguments.resume)


def _train(folder, choices, *, is_resumed):
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
    with options.named_as_options(DetectionConfig, data_dir="data"):
        return DetectionConfig.of(**choices)


def _default(name):
    """Return the default of an option as text in brackets, with those of folders and of other methods."""
    kinds = OF_DATA | OF_METHOD
    return options.default(BASE, name, {"a folder" if kind == "voc" else kind: kinds[kind] for kind in kinds})


def _size(text):
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected height and width such as 96x128, got {text!r}")
    return int(match[1]), int(match[2])
