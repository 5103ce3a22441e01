"""`minires gradcheck`: every pair, layer and block against numeric gradients."""

import numpy as np

from minires.catalogue import checks


def add_arguments(parser):
    """Add the options of `minires gradcheck` to an argparse parser."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="one pair, layer or block, such as conv2d (all)"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show every tensor, with its worst element"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the random inputs (0)")


def run(arguments):
    """Run the checks, print a line or a table for each, return 1 if one of them fails."""
    if arguments.seed < 0:
        raise ValueError(f"seed: expected at least 0, got {arguments.seed}")
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
