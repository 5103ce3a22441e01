"""`minires detect show`: what a trained detector finds in one's own pictures."""

import io
import pathlib

from minires import plot, reprs
from minires.cli.detect.common import RUNS
from minires.data.pictures import read_image
from minires.detection import resume as states
from minires.detection.pictures import find_in_picture
from minires.train import checkpoint
from minires.train.checkpoint import write_atomically
from minires.train.run_folder import latest_folder


def add_arguments(parser):
    """Add the options of `minires detect show` to an argparse parser."""
    parser.description = "Draw boxes, classes and scores on pictures, and list them."
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    parser.add_argument(
        "--checkpoint", metavar="FILE", help=f"a run's checkpoint.npz (the latest in {RUNS}/)"
    )
    parser.add_argument(
        "--score", type=float, default=0.5, metavar="P", help="show what is as sure as that (0.5)"
    )
    parser.add_argument("--out", default="boxes.png", metavar="FILE", help="the picture, PNG (boxes.png)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")


def run(arguments):
    """Draw what a checkpoint's detector finds, as the arguments say; return the exit code."""
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
