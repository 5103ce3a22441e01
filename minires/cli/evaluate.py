"""`minires eval`: the errors of a trained network on test images."""

from minires import checkpoint, data, parallel
from minires.backend import device_module
from minires.cli.terminal import accuracy_line
from minires.train import evaluate, recompute_statistics, resume


def add_arguments(parser):
    """Add the options of `minires eval` to an argparse parser."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a run's checkpoint.npz")
    parser.add_argument("--data", metavar="NAME", help="data set (that of the training)")
    parser.add_argument("--data-dir", metavar="DIR", help="its folder (that of the training)")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N", help="images at once (128)")
    parser.add_argument(
        "--exact-statistics",
        action="store_true",
        help="first replace batch norm's running averages by exact statistics over the training images",
    )
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu or gpu (cpu)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (all usable cores)")


def run(arguments):
    """Evaluate a checkpoint as the arguments say, print the errors, return the exit code."""
    if arguments.threads is not None:
        parallel.set_threads(arguments.threads)
    saved = checkpoint.load(arguments.checkpoint)
    net, normalisation, config = resume.load_network(saved)
    xp = device_module(arguments.device)
    name = arguments.data or config.data
    own_folder = config.data_dir if name == config.data else None
    train, test = data.load(name, arguments.data_dir or own_folder)
    classes = saved.facts["data"]["classes"]
    if len(test.class_names) != classes:
        raise ValueError(
            f"the network tells {classes} classes apart, {test.name} has {len(test.class_names)}"
        )
    net.to(xp)
    options = {"batch_size": arguments.batch_size, "seed": 0, "normalisation": normalisation}
    if arguments.exact_statistics:
        batches = data.Batches(train, **options).epoch(0)
        recompute_statistics(net, (xp.asarray(x) for x, _ in batches))
    result = evaluate(net, data.Batches(test, shuffle=False, **options))
    print(f"{config.model}, {len(test)} images of {test.name}")
    print(f"top-1 error {100 * result['test_error']:.2f} %")
    if "test_error_top5" in result:
        print(f"top-5 error {100 * result['test_error_top5']:.2f} %")
    print(accuracy_line(result["test_error"]))
    return 0
