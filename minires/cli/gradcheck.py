"""`minires gradcheck`: every pair, layer and block against numeric gradients."""

import numpy as np

from minires.catalogue import cases as all_cases


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
    cases = all_cases(arguments.name)
    width = max(len(f"{case.name}, {case.variant}") for case in cases)
    wrong = 0
    for case in cases:
        report = case.run(np.random.default_rng(arguments.seed))
        wrong += not report.ok
        if arguments.verbose or not report.ok:
            print(f"{report}\n", flush=True)
        else:
            title = f"{case.name}, {case.variant}"
            print(f"{title:{width}}  {report.verdict:8}error {report.error:.1e}", flush=True)
    print(f"{len(cases)} checks, {f'{wrong} wrong' if wrong else 'all right'}")
    return 1 if wrong else 0
