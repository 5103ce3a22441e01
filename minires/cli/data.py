"""`minires data`: which data sets there are and where; `fetch` gets one, `check` looks at images."""

import sys

from minires import data, reprs
from minires.data import folder

SETS = (  # name, what it is, the pattern of its folder in the default folder, how to get it
    ("digits", "1,797 handwritten digits, 8x8, grey, 10 classes", "", ""),
    ("cifar10", "60,000 photos, 32x32, 10 classes", "cifar-10-batches-*", "minires data fetch cifar10"),
    ("cifar100", "60,000 photos, 32x32, 100 classes", "cifar-100-*", "minires data fetch cifar100"),
    ("mnist", "IDX files such as MNIST's 70,000 digits, 28x28, grey", "mnist", "put its four files into {}"),
)
BLOOD_CELLS = "https://github.com/Shenggan/BCCD_Dataset"


def add_arguments(parser):
    """Add the actions of `minires data` to an argparse parser."""
    parser.set_defaults(fetch=None, check=None)
    actions = parser.add_subparsers(metavar="ACTION", help="without one: list the data sets")
    fetch = actions.add_parser("fetch", help="download a data set")
    fetch.description = (
        "Download an official archive, verify it, unpack it. An interrupted download resumes the next time."
    )
    fetch.add_argument("fetch", metavar="NAME", help="cifar10 or cifar100")
    fetch.add_argument("--data-dir", metavar="DIR", help=f"where to put it ({data.default_directory()})")
    check = actions.add_parser("check", help="look for damaged images in folders")
    check.description = (
        "Decode every image in DIR/train/CLASS and DIR/test/CLASS, and list those that cannot be read."
    )
    check.add_argument("check", metavar="DIR", help="the folder that holds train/ and test/")


def run(arguments):
    """List the data sets, fetch one, or check a folder's images; return the exit code."""
    if arguments.check is not None:
        return _check(arguments.check)
    if arguments.fetch is not None:
        from minires.data.fetch import fetch

        print(fetch(arguments.fetch, arguments.data_dir, progress=sys.stderr.isatty()).message)
        return 0
    home = data.default_directory()
    for name, what, pattern, remedy in SETS:
        found = next((str(path) for path in sorted(home.glob(pattern or "-")) if path.is_dir()), "")
        place = "comes with minires" if not pattern else found or f"not here: {remedy.format(home / name)}"
        print(f"{name:10}{what}\n{'':10}{place}")
    print(f"{'folder':10}your own JPEG and PNG files: DIR/train/CLASS/*.jpg, DIR/test/CLASS/*.jpg")
    print(
        f"{'':10}give DIR with --data-dir, and with --crop the size to crop to if the images differ in size"
    )
    print(f"{'scenes':10}digits among clutter, 64x64, and their boxes, for `minires detect`")
    print(f"{'':10}made on the spot")
    print(f"{'VOC':10}photos with boxes: Annotations/*.xml, JPEGImages/*.jpg, ImageSets/Main/*.txt in a DIR")
    print(f"{'':10}give DIR with `minires detect train --data DIR`; a small set, 364 photos of blood cells")
    print(f"{'':10}(MIT licence): {BLOOD_CELLS} (two boxes without area: --skip-bad)")
    return 0


def _check(directory):
    """Print a line for every damaged image in a folder; return 0, or raise ValueError if there is one."""
    classes, parts = folder.list_folder(directory)
    images, damaged = 0, 0
    for place, files, _ in parts.values():
        wrong = folder.find_damaged(place, files)
        for reason in wrong.values():
            print(" ".join(reason.split()))
        images, damaged = images + len(files), damaged + len(wrong)
    if damaged:
        raise ValueError(
            f"{damaged} of {reprs.counted(images, 'image')} in {directory} cannot be read; replace or remove "
            "them, or pass over them with --skip-damaged"
        )
    counts = f"{reprs.counted(images, 'image')}, {reprs.counted(len(classes), 'class', 'classes')}"
    print(f"{directory}: {counts}, none damaged")
    return 0


def report_skipped(*datasets):
    """Say on standard error how many damaged images were passed over."""
    for dataset in datasets:
        if dataset.skipped:
            count = reprs.counted(len(dataset.skipped), "damaged image")
            print(f"{dataset.name}: passed over {count}, such as {dataset.skipped[0]}", file=sys.stderr)
