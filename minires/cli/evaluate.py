"""`minires eval`: the errors of a trained network on test images."""

import dataclasses
from functools import partial

from minires import data, surgery
from minires.backend import device_module
from minires.cli.data import report_skipped
from minires.cli.terminal import accuracy_line
from minires.kernels.cpu import parallel
from minires.train import Config, checkpoint, evaluate, recompute_statistics, resume, ten_crop


def add_arguments(parser):
    """Add the options of `minires eval` to an argparse parser."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a run's checkpoint.npz")
    parser.add_argument("--data", metavar="NAME", help="data set (the one used in training)")
    parser.add_argument("--data-dir", metavar="DIR", help="its folder (the one used in training)")
    parser.add_argument(
        "--crop", type=int, metavar="N", help="side length of the crops in pixels (as in training)"
    )
    parser.add_argument(
        "--shorter-side",
        type=int,
        metavar="N",
        help="resize images so that their shorter side has N pixels (the smallest used in training)",
    )
    parser.add_argument(
        "--skip-damaged", action="store_true", help="pass over images in folders that cannot be read"
    )
    parser.add_argument(
        "--ten-crop",
        action="store_true",
        help="average over five crops (corners and centre) of the image and of its mirror image",
    )
    parser.add_argument(
        "--average",
        metavar="NAME",
        help=f"what to average over the ten crops: {' or '.join(ten_crop.AVERAGES)} (softmax)",
    )
    parser.add_argument(
        "--batch-size", type=int, default=128, metavar="N", help="images, or crops, per batch (128)"
    )
    parser.add_argument(
        "--exact-statistics",
        action="store_true",
        help="first replace batch norm's running averages by exact statistics over the training images",
    )
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu or gpu (cpu)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")


def run(arguments):
    """Evaluate a checkpoint as the arguments say, print the errors, return the exit code."""
    if arguments.threads is not None:
        parallel.set_threads(arguments.threads)
    saved = checkpoint.load(arguments.checkpoint)
    net, normalisation, config = resume.load_network(saved)
    xp = device_module(arguments.device)
    train, test = _load_data(arguments, config)
    report_skipped(train, test)
    classes = saved.facts["data"]["classes"]
    if len(test.class_names) != classes:
        raise ValueError(
            f"the network distinguishes {classes} classes, {test.name} has {len(test.class_names)}"
        )
    net.to(xp)
    options = {"batch_size": arguments.batch_size, "seed": 0, "normalisation": normalisation}
    if arguments.exact_statistics:
        batches = data.Batches(train, **options).epoch(0)
        recompute_statistics(net, (xp.asarray(x) for x, _ in batches))
    predict = None
    if arguments.ten_crop:
        predict = partial(ten_crop.predict_crops, surgery.fold(net), average=arguments.average or "softmax")
        test, options = _ten_crops(test, options)
    result = evaluate(net, data.Batches(test, shuffle=False, **options), predict=predict)
    crops = ", ten crops of each" if arguments.ten_crop else ""
    print(f"{config.model}, {len(test)} images of {test.name}{crops}")
    print(f"top-1 error {100 * result['test_error']:.2f} %")
    if "test_error_top5" in result:
        print(f"top-5 error {100 * result['test_error_top5']:.2f} %")
    print(accuracy_line(result["test_error"]))
    return 0


def _load_data(arguments, config):
    """Return (train, test): what the arguments name, else what the network was trained on."""
    name = arguments.data or config.data
    trained = config if name == config.data else Config.for_data(name)
    crop = trained.crop if arguments.crop is None else arguments.crop
    sides = trained.shorter_side if arguments.shorter_side is None else 2 * (arguments.shorter_side,)
    if crop is None and (sides or arguments.ten_crop):
        option = "--ten-crop" if arguments.ten_crop else "--shorter-side"
        raise ValueError(
            f"{option}: only applies to folders of images that are cropped; give the size with --crop"
        )
    if arguments.average and not arguments.ten_crop:
        raise ValueError("--average: only applies with --ten-crop")
    return data.load(
        name,
        arguments.data_dir or trained.data_dir,
        crop=crop,
        shorter_side=sides,
        skip_damaged=arguments.skip_damaged or trained.skip_damaged,
    )


def _ten_crops(test, options):
    """Return the test images and the options of Batches for ten crops, cut from the square at the centre."""
    options = options | {
        "normalisation": ten_crop.normalised_ten_crops(options["normalisation"], test.crop),
        "batch_size": -(-options["batch_size"] // 10),  # a batch below 1 stays one, and an error
    }
    return dataclasses.replace(test, crop=test.shorter_side[0]), options
