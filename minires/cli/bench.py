"""`minires bench`: how fast everything is here, beside PyTorch where that is installed."""

import json
from functools import partial

from minires import bench, models, plot
from minires.bench import depth, profile, rows
from minires.bench import kernels as kernel_table
from minires.kernels.cpu import parallel

SECONDS = {"all": 5, "quick": 1}  # to spend on a row, roughly


def add_arguments(parser):
    """Add the options of `minires bench` to an argparse parser."""
    what = parser.add_argument_group("what to measure (everything that has a target: up to 10 minutes)")
    what = what.add_mutually_exclusive_group()
    what.add_argument("--quick", action="store_true", help="a small selection, in less than a minute")
    what.add_argument(
        "--only",
        nargs="+",
        metavar="WORD",
        help="rows with one of these words in their names, such as conv3x3",
    )
    what.add_argument(
        "--model", choices=models.names(), metavar="NAME", help="one network's training step and evaluation"
    )
    what.add_argument(
        "--profile",
        choices=models.names(),
        metavar="NAME",
        help="where the time of a network's training step goes, layer by layer",
    )
    what.add_argument(
        "--depths",
        type=int,
        nargs="*",
        metavar="N",
        help=f"time and memory per layer of a CIFAR ResNet, by depth ({', '.join(map(str, depth.DEPTHS))})",
    )
    what.add_argument(
        "--kernels",
        nargs="*",
        metavar="WORD",
        help="each kernel beside the textbook's function, or those with such a word in their names",
    )
    parser.add_argument("--batch-size", type=int, metavar="N", help="images per step (128, or 16 large ones)")
    parser.add_argument(
        "--size", type=int, metavar="PIXELS", help="side length of the images in pixels (the network's own)"
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="measured steps of minires and of PyTorch (as time allows)"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="threads of minires and of PyTorch (all usable cores)"
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the roofline, or the depths (.png, .pdf or .svg)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(arguments):
    """Measure what the arguments ask for, print it, return the exit code."""
    for name in ("batch_size", "size", "steps", "threads"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')}: expected at least 1, got {value}")
    if arguments.threads:
        parallel.set_threads(arguments.threads)
    if arguments.depths is not None:
        return _depths(arguments)
    if arguments.kernels is not None:
        return _kernels(arguments)
    if arguments.profile:
        return _profile(arguments)
    return _table(arguments)


def _table(arguments):
    one = arguments.model or arguments.batch_size or arguments.size
    if one and (arguments.quick or arguments.only):
        raise ValueError("--batch-size and --size: the rows of the table have their own; choose a --model")
    if one:
        model = arguments.model or "resnet20"
        chosen = rows.of_model(model, batch_size=arguments.batch_size, size=arguments.size)
    else:
        chosen = rows.all_rows()
        chosen = (
            rows.select(chosen, arguments.only or rows.QUICK) if arguments.only or arguments.quick else chosen
        )
    if arguments.plot and not any(row.flops for row in chosen):
        raise ValueError("--plot: none of these rows does arithmetic")
    measured = bench.measure(
        chosen,
        seconds=SECONDS["quick" if arguments.quick else "all"],
        steps=arguments.steps,
        say=None if arguments.json else lambda text: print(text, flush=True),  # a row may take a minute
    )
    if arguments.json:
        print(json.dumps(measured))
    if arguments.plot:
        plot.roofline(measured).savefig(arguments.plot, dpi=150)
    return 0


def _profile(arguments):
    if arguments.plot:
        raise ValueError("--plot: a profile is not drawn")
    task = rows.task_of(arguments.profile, batch_size=arguments.batch_size, size=arguments.size)
    measured = profile.measure(**task, steps=arguments.steps or 5)
    print(json.dumps(measured) if arguments.json else profile.table(measured))
    return 0


def _kernels(arguments):
    for name in ("plot", "batch_size", "size", "steps"):
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')}: does not apply to --kernels")
    chosen = kernel_table.select(arguments.kernels)
    say = (lambda text: None) if arguments.json else partial(print, flush=True)  # a kernel may take seconds
    say(kernel_table.head(parallel.get_threads()))
    records = kernel_table.measure(chosen, say=lambda record: say(kernel_table.line(record)))
    say(kernel_table.verdict(records))
    if arguments.json:
        print(json.dumps(records))
    return 0


def _depths(arguments):
    size = {"batch_size": arguments.batch_size or 128, "size": arguments.size or 32}
    depths = arguments.depths or depth.DEPTHS
    records = depth.measure(depths=depths, **size, steps=arguments.steps or 3)
    print(json.dumps(records) if arguments.json else depth.table(records))
    if arguments.plot:
        title = f"CIFAR ResNets, {size['batch_size']} images of {size['size']}x{size['size']}"
        plot.depths(records, title=title).savefig(arguments.plot, dpi=150)
    return 0
