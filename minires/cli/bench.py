"""`minires bench`: how fast a training step is here, beside PyTorch where that is installed."""

import json

from minires import bench, bench_depth, models, parallel, plot


def add_arguments(parser):
    """Add the options of `minires bench` to an argparse parser."""
    parser.add_argument(
        "--model", default="resnet20", choices=models.names(), metavar="NAME", help="network (resnet20)"
    )
    parser.add_argument("--batch-size", type=int, default=128, metavar="N", help="images a step (128)")
    parser.add_argument("--size", type=int, default=32, metavar="PIXELS", help="image side in pixels (32)")
    parser.add_argument("--steps", type=int, default=9, metavar="N", help="measured steps of each side (9)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of both sides (all usable cores)")
    parser.add_argument(
        "--depths",
        type=int,
        nargs="*",
        metavar="N",
        help="instead: what a layer of a CIFAR ResNet takes, by depth "
        f"({', '.join(map(str, bench_depth.DEPTHS))}), with --batch-size and --size",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw what --depths measures (.png, .pdf or .svg)")
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
    task = {"model": arguments.model, "batch_size": arguments.batch_size, "size": arguments.size}
    report = bench.measure(**task, steps=arguments.steps)
    print(json.dumps(report) if arguments.json else bench.table(report))
    return 0


def _depths(arguments):
    size = {"batch_size": arguments.batch_size, "size": arguments.size}
    depths = arguments.depths or bench_depth.DEPTHS
    records = bench_depth.measure(depths=depths, **size, steps=arguments.steps)
    print(json.dumps(records) if arguments.json else bench_depth.table(records))
    if arguments.plot:
        title = f"CIFAR ResNets, {arguments.batch_size} images of {arguments.size}x{arguments.size}"
        plot.depths(records, title=title).savefig(arguments.plot, dpi=150)
    return 0
