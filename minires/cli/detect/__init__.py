"""`minires detect`: train a detector, measure it, and draw what it finds in one's own pictures."""

from minires.cli.detect import evaluate, show, train
from minires.kernels.cpu import parallel

ACTIONS = (  # name, purpose, module
    ("train", "train a detector on digit scenes or on your own images", train),
    ("eval", "measure a trained detector on the test images", evaluate),
    ("show", "draw what a trained detector finds in your own pictures", show),
)


def add_arguments(parser):
    """Add the actions of `minires detect` to an argparse parser."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, purpose, module in ACTIONS:
        action = actions.add_parser(name, help=purpose)
        module.add_arguments(action)
        action.set_defaults(run_action=module.run)


def run(arguments):
    """Do what the arguments say, return the exit code."""
    if arguments.threads is not None:
        if arguments.threads < 1:
            raise ValueError(f"--threads: expected at least 1, got {arguments.threads}")
        parallel.set_threads(arguments.threads)
    return arguments.run_action(arguments)
