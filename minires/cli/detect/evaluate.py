"""`minires detect eval`: the average precision of a trained detector on test images."""

import dataclasses
import functools

from minires.cli.detect.common import data_choices, last_line, numbers
from minires.detection import COCO, average_precisions, iterate, mean_ap, merge_scales
from minires.detection import resume as states
from minires.detection.prepare import Windows, load_data
from minires.detection.testing import find, measures
from minires.train import checkpoint


def add_arguments(parser):
    """Add the options of `minires detect eval` to an argparse parser."""
    parser.description = "Print the average precision of each class, and their mean."
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a run's checkpoint.npz")
    parser.add_argument("--data", metavar="DIR", help="scenes, or another folder (that of the training)")
    parser.add_argument("--proposals", type=int, metavar="N", help="regions of an image (as in training)")
    parser.add_argument(
        "--rounds", type=int, default=1, metavar="N", help="judge the boxes found again: iterated boxes (1)"
    )
    parser.add_argument(
        "--scales", type=numbers, metavar="F,F", help="look at each image enlarged by these factors (1)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")


def run(arguments):
    """Measure a checkpoint as the arguments say, print the precisions, return the exit code."""
    trained = states.load_detector(checkpoint.load(arguments.checkpoint))
    config, detector = trained.config, trained.detector
    if arguments.data is not None:
        config = dataclasses.replace(config, **data_choices(arguments.data))
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
        config = dataclasses.replace(config, proposals=arguments.proposals)
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
