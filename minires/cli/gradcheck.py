"""`minires gradcheck`: every pair, layer and block of the library, or those of a student's own file."""

import numpy as np

from minires.catalogue import checks
from minires.cli import gradcheck_file

EPILOG = """\
A file of your own: minires gradcheck layers.py finds x_forward beside x_backward, losses that return their
gradient, and classes with forward and backward; layers.py:affine takes one of them, layers.py:f,b any two
functions, "layers.py:Linear(4, 3)" a class with arguments. --shapes "x=4x3 w=3x5 b=5" draws arrays that have
a gradient; --with "y=labels(4, 10) conv_param={'pad': 1}" gives everything else. Instead, the file may have a
function cases(rng) that returns a list of {argument: value}."""


def add_arguments(parser):
    """Add the options of `minires gradcheck` to an argparse parser."""
    parser.epilog = EPILOG
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME|FILE.py",
        help="one pair, layer or block, such as conv2d (all); or a file of your own",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show every tensor, with its worst element"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the random inputs (0)")
    own = parser.add_argument_group("for a file of your own").add_argument
    own("--shapes", metavar="TEXT", help='arrays to draw, such as "x=4x3 w=3x5 b=5"')
    own("--with", dest="values", metavar="TEXT", help='other arguments, such as "pad=1 y=labels(4, 10)"')
    own("--plot", metavar="FILE", help="save a picture of where the first wrong gradient is wrong")
    own("--seconds", type=float, default=60.0, metavar="S", help="time for each pair (60)")


def run(arguments):
    """Run the checks, print a line or a table for each, return 1 if one of them fails."""
    if arguments.seed < 0:
        raise ValueError(f"seed: expected at least 0, got {arguments.seed}")
    if gradcheck_file.is_file(arguments.name):
        return gradcheck_file.run(arguments)
    if arguments.shapes or arguments.values or arguments.plot:
        raise ValueError(
            "--shapes, --with and --plot are for a file of your own, as in minires gradcheck layers.py"
        )
    chosen = checks(arguments.name)
    width = max(len(f"{check.name}, {check.variant}") for check in chosen)
    wrong = 0
    for check in chosen:
        report = check.run(np.random.default_rng(arguments.seed))
        wrong += not report.ok
        if arguments.verbose or not report.ok:
            print(f"{report}\n", flush=True)
        else:
            title = f"{check.name}, {check.variant}"
            print(f"{title:{width}}  {report.verdict:8}error {report.error:.1e}", flush=True)
    print(f"{len(chosen)} checks, {f'{wrong} wrong' if wrong else 'all right'}")
    return 1 if wrong else 0
