"""`minires train`: its options, and what happens to them."""

import argparse
import pathlib
import sys

from minires import data, reprs
from minires.cli import options
from minires.cli.data import report_skipped
from minires.cli.running import run_in
from minires.cli.terminal import Terminal, accuracy_line, warn
from minires.data.normalise import KINDS
from minires.kernels.cpu import parallel
from minires.train import checkpoint, prepare, resume
from minires.train.config import ADAM, DEFAULTS, FREE, SCHEDULES, Config
from minires.train.run_folder import RunFolder, free_folder, latest_folder

RUNS = pathlib.Path("runs")
BASE = Config()

DESCRIPTION = f"""\
Train a network. Without options: {DEFAULTS["digits"]["model"]} on the digits that come with minires.
An option that is left out takes the default in brackets; those for cifar10 are the ResNet paper's (He et al.
2015, arXiv:1512.03385, section 4.2). Ctrl-C stops after the current step; --resume continues from there."""

EPILOG = """\
The run's folder holds config.json, metrics.jsonl (one line per epoch), curves.png and checkpoint.npz.
A terminal, a pipe or a log that breaks does not stop training, nor does a picture that cannot be drawn.
Exit codes: 0; 2 after an error; 130, 143 or 129 if Ctrl-C, SIGTERM or SIGHUP stopped it (all resumable)."""

HELP = {
    "augment": "crop at random from padded images and, except digits, flip them",
    "crop": "resize images of any size in folders and crop them to NxN pixels, at random for training and at "
    "the centre for testing; they are read while the network trains (none; the paper: 224)",
    "shorter_side": "resize them so that their shorter side has A to B pixels, A for testing (256 to 480 for "
    "a crop of 224, others in proportion)",
    "colour": "add random colour along the principal components of the pixels (0; the paper: 0.1)",
    "skip_damaged": "pass over images in folders that cannot be read, and say how many (no: one is an error)",
    "schedule": "step divides the rate by 10 at the milestones, plateau once the validation error stops "
    "falling, cosine decays it to 0",
    "milestones": "epochs after which the schedule step divides, such as 82,123 (half and three quarters "
    "of the epochs)",
    "warm_up": "start with STEPS steps at a tenth of the rate (0; the paper's ResNet-110: 400)",
    "warm_up_rises": "rise from that tenth linearly, not in one jump",
    "no_decay": "parameters without weight decay, by the beginning or end of their names, such as "
    "gamma,beta,bias (none)",
    "optimiser": "sgd, or adam with decoupled weight decay (sgd)",
    "momentum": "fraction of the velocity kept at each step, or with adam of the gradient's mean (0.9)",
    "weight_decay": "coefficient of weight decay: L2 with sgd, decoupled with adam",
    "clip": "scale the gradients down where their norm, all together, is above NORM (never)",
    "label_smoothing": "fraction of the target that is spread over all classes, 0 to 0.99 (0)",
    "device": "cpu or gpu (cpu); with CUPY_TF32=1 in the environment a GPU rounds the factors of matrix "
    "products to 10 bits, and is faster for it",
    "memory": "what a step may use, such as 6GiB: parts of the network are then computed twice (no limit)",
    "resume": f"continue the run in --out, or the latest in {RUNS}/; of the options above only "
    f"{', '.join('--' + name.replace('_', '-') for name in FREE)} may then differ",
}


def add_arguments(parser):
    """Add the options of `minires train` to an argparse parser. Options that are left out become None."""
    parser.usage, parser.description, parser.epilog = "%(prog)s [OPTION ...]", DESCRIPTION, EPILOG
    parser.set_defaults(product_is_files=True)
    option = options.group(parser, "what to train")
    option("--data", metavar="NAME", help=f"data set: {', '.join(data.names())} (digits)")
    option("--data-dir", metavar="DIR", help="folder of the data set (the one that `minires data` shows)")
    option("--model", metavar="NAME", help=f"network, one that `minires summary` lists {_default('model')}")
    option("--validation", type=int, metavar="N", help="hold out N training images (0; the paper: 5000)")
    option(
        "--normalisation",
        metavar="KIND",
        help=f"how images are normalised: {' or '.join(KINDS)} (per_channel)",
    )
    option("--augment", action="store_true", help=f"{HELP['augment']} {_default('augment')}")
    option("--no-augment", dest="augment", action="store_false", help="leave the images as they are")
    option("--crop", type=int, metavar="N", help=HELP["crop"])
    option("--shorter-side", type=_integers, metavar="A,B", help=HELP["shorter_side"])
    option("--colour", type=float, metavar="STD", help=HELP["colour"])
    option("--skip-damaged", action="store_true", help=HELP["skip_damaged"])

    option = options.group(parser, "how to train it")
    option("--epochs", type=int, metavar="N", help=f"passes over the training images {_default('epochs')}")
    option("--batch-size", type=int, metavar="N", help=f"images per step {_default('batch_size')}")
    option("--lr", type=float, metavar="RATE", help=f"learning rate at the start {_default('lr')}")
    option(
        "--schedule",
        metavar="NAME",
        help=f"{', '.join(SCHEDULES)} {_default('schedule')}: {HELP['schedule']}",
    )
    option("--milestones", type=_integers, metavar="E,E", help=HELP["milestones"])
    option("--warm-up", type=int, metavar="STEPS", help=HELP["warm_up"])
    option("--warm-up-rises", action="store_true", help=HELP["warm_up_rises"])
    option("--optimiser", metavar="NAME", help=HELP["optimiser"])
    option("--momentum", type=float, metavar="M", help=HELP["momentum"])
    option("--nesterov", action="store_true", help="use Nesterov momentum (no)")
    option(
        "--weight-decay",
        type=float,
        metavar="D",
        help=f"{HELP['weight_decay']} {_default('weight_decay')}",
    )
    option("--no-decay", type=_names, metavar="P,P", help=HELP["no_decay"])
    option("--clip", type=float, metavar="NORM", help=HELP["clip"])
    option("--label-smoothing", type=float, metavar="S", help=HELP["label_smoothing"])
    option(
        "--seed", type=int, metavar="N", help="seed of weights, order, augmentation and held-out images (0)"
    )

    option = options.group(parser, "device, memory and output")
    option("--device", metavar="NAME", help=HELP["device"])
    option("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")
    option("--memory", metavar="SIZE", help=HELP["memory"])
    option("--out", type=pathlib.Path, metavar="DIR", help=f"folder of the run ({RUNS}/MODEL-DATA, numbered)")
    option(
        "--save-every", type=float, metavar="SECONDS", help="time between checkpoints within an epoch (60)"
    )
    option("--resume", action="store_true", help=HELP["resume"])


def run(arguments):
    """Train as the arguments say, print a summary, return the exit code."""
    choices = options.choices_of(arguments, Config)
    if "data_dir" in choices:
        choices["data_dir"] = str(pathlib.Path(choices["data_dir"]).expanduser().absolute())
    with _folder(arguments, choices) as folder:
        if folder.path.is_dir() and (arguments.out or arguments.resume):
            folder.lock()  # before anything in it is read
        if not arguments.resume:
            folder.require_no_run()
        return _train(folder, choices, is_resumed=arguments.resume)


def _train(folder, choices, *, is_resumed):
    """Train in a RunFolder, as a new run or as one that goes on; return the exit code."""
    saved = checkpoint.load(folder.checkpoint) if is_resumed else None
    config = _config(choices) if saved is None else resume.read_config(saved).resumed(**choices)
    parallel.set_threads(config.threads)
    terminal = Terminal(folder)
    trainer = prepare(config, terminal)
    report_skipped(trainer.batches.dataset, trainer.held_out["test"].dataset)
    if saved is not None:
        resume.restore(trainer, saved)
        if trainer.at.epoch == config.epochs:
            print(f"already finished: all {config.epochs} epochs are done", file=sys.stderr)
    if trainer.segments:
        stages = ", ".join(f"{name} in segments of {n}" for name, n in trainer.segments.items())
        print(f"memory: {stages} (these are computed twice)", file=sys.stderr)
    number = run_in(folder, trainer, config, terminal, command="minires train")
    if number is not None:
        again = f"minires train --resume --out {folder.path}"
        print(f"stopped after step {trainer.at.step}; to continue: {again}", file=sys.stderr)
        return 128 + number
    print(_summary(trainer, folder))
    return 0


def _folder(arguments, choices):
    """Return the RunFolder that the arguments name, or a new one."""
    if arguments.resume:
        return RunFolder(arguments.out or latest_folder(RUNS), warn=warn)
    choices |= {"data": "digits", "threads": parallel.get_threads()} | choices
    config = _config(choices)
    name = f"{config.model}-{config.data}"
    numbered = None if arguments.out else name
    return RunFolder(arguments.out or free_folder(RUNS, name), numbered=numbered, warn=warn)


def _config(choices):
    with options.named_as_options(Config):
        return Config.for_data(**choices)


def _summary(trainer, folder):
    last, config = trainer.history[-1], trainer.config
    seconds = sum(record["seconds"] for record in trainer.history)
    return (
        f"{config.model} on {config.data}: {reprs.counted(last['epoch'], 'epoch')}, "
        f"{reprs.counted(last['step'], 'step')}, {seconds:.0f} s, "
        f"train error {100 * last['train_error']:.2f} %\n"
        f"{folder.path}: curves.png, metrics.jsonl, config.json, checkpoint.npz\n"
        f"{accuracy_line(last['test_error'])}"
    )


def _default(name):
    """Return the default of an option as text in brackets, with those of data sets, and of adam."""
    return options.default(BASE, name, DEFAULTS | {"adam": ADAM})


def _integers(text):
    if not all(part.strip().isdigit() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 82,123, got {text!r}")
    return tuple(int(part) for part in text.split(","))


def _names(text):
    return tuple(part.strip() for part in text.split(","))
