"""`minires data`: which data sets there are and where; `minires data fetch`: get one."""

import sys

from minires import data

SETS = (  # name, what it is, the pattern of its folder in the default folder, how to get it
    ("digits", "1,797 handwritten digits, 8x8, grey, 10 classes", "", ""),
    ("cifar10", "60,000 photos, 32x32, 10 classes", "cifar-10-batches-*", "minires data fetch cifar10"),
    ("cifar100", "60,000 photos, 32x32, 100 classes", "cifar-100-*", "minires data fetch cifar100"),
    ("mnist", "IDX files such as MNIST's 70,000 digits, 28x28, grey", "mnist", "put its four files into {}"),
)


def add_arguments(parser):
    """Add the actions of `minires data` to an argparse parser."""
    parser.set_defaults(fetch=None)
    actions = parser.add_subparsers(metavar="ACTION", help="without one: list the data sets")
    fetch = actions.add_parser("fetch", help="download a data set")
    fetch.description = (
        "Download an official archive, verify it, unpack it. An interrupted download resumes the next time."
    )
    fetch.add_argument("fetch", metavar="NAME", help="cifar10 or cifar100")
    fetch.add_argument("--data-dir", metavar="DIR", help=f"where to put it ({data.default_directory()})")


def run(arguments):
    """List the data sets, or fetch one; return the exit code."""
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
    return 0
