"""`minires summary`: a network's table of shapes, memory, parameters and multiply-adds."""

import csv
import dataclasses
import io
import json
import pathlib
import re

from minires import init, models, plot
from minires.accounting import cost, published, rows
from minires.accounting.memory import training_memory
from minires.detection import build

PICTURES = (".png", ".pdf", ".svg")
FORMATS = ("text", "json", "csv", "markdown")
ERRORS = "imagenet one crop"  # the published table that --compare draws from

EPILOG = """\
MACs are multiply-adds; the totals are those of convolutions and fully-connected layers. Pooling, in brackets,
counts one operation for each pixel of each window. A KB is 1024 bytes of float32 outputs, for one image.
Nothing is computed to obtain them: `minires summary vgg19` needs no memory for its weights."""


def add_arguments(parser):
    """Add the options of `minires summary` to an argparse parser."""
    parser.usage, parser.epilog = "%(prog)s [NAME] [OPTION ...]", EPILOG
    parser.add_argument("model", metavar="NAME", nargs="?", help="a network; without a name all are listed")
    parser.add_argument(
        "--input", metavar="CxHxW", type=_shape, help="shape of one image (that of its paper)"
    )
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes (that of its paper)")
    parser.add_argument(
        "--depth", type=int, metavar="N", help="add up layers whose names share the first N parts"
    )
    parser.add_argument("--train", action="store_true", help="add the memory that a training step needs")
    parser.add_argument("--batch", type=int, metavar="N", help="images in that step (1)")
    parser.add_argument("--format", default="text", metavar="NAME", help=f"{', '.join(FORMATS)} (text)")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw memory, parameters and multiply-adds of each layer as bars"
    )
    parser.add_argument(
        "--draw",
        nargs="?",
        const="",
        metavar="FILE",
        help="draw the network as the papers do, a box a layer, into FILE (NAME.png)",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        metavar="NAME",
        help="draw networks by multiply-adds, published error and parameters, into --plot (comparison.png)",
    )


def run(arguments):
    """Print or draw what the arguments ask for, return the exit code."""
    if arguments.format not in FORMATS:
        raise ValueError(f"--format: expected one of {', '.join(FORMATS)}, got {arguments.format!r}")
    if arguments.model is None and arguments.draw in (
        *models.names(),
        *build.NAMES,
    ):  # --draw took the name for its file
        arguments.model, arguments.draw = arguments.draw, ""
    for name in ("batch", "classes", "depth"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name}: expected at least 1, got {value}")
    if arguments.train and arguments.format == "csv":
        raise ValueError("--train: not available as csv; use --format json")
    for name in ("plot", "draw"):
        file = getattr(arguments, name)
        if file and pathlib.Path(file).suffix.lower() not in PICTURES:
            raise ValueError(f"--{name}: expected a {', '.join(PICTURES)} file, got {file}")
    _require_use(arguments)
    if arguments.compare:
        return _compare(arguments)
    if arguments.model is None:
        return _list_networks()
    batch = arguments.batch or 1
    shape = arguments.input or _input_of(arguments.model)
    net = _count_only(arguments.model, arguments.classes, shape)
    whole = cost.table(net, shape)
    table = whole if arguments.depth is None else cost.grouped(whole, arguments.depth)
    memory = training_memory(net, (batch, *shape)) if arguments.train else None
    print(
        {"text": _text, "json": _json, "csv": _csv, "markdown": _markdown}[arguments.format](
            arguments.model, table, whole, memory, batch
        )
    )
    if arguments.plot:
        _save(plot.costs(table, title=_title(arguments.model, shape)), arguments.plot)
    if arguments.draw is not None:
        figure = plot.blocks({arguments.model: net}, input_shape=shape)
        _save(figure, arguments.draw or f"{arguments.model}.png")
    return 0


def _require_use(arguments):
    """Raise ValueError for an option that what is asked for would ignore."""
    compared, listed = bool(arguments.compare), not arguments.compare and arguments.model is None
    ignored = [
        f"--{name}"
        for name in ("input", "classes", "depth", "train", "format", "plot", "draw")
        if getattr(arguments, name) not in (None, False, "text") and not (compared and name == "plot")
    ]
    if compared and arguments.model is not None:
        raise ValueError(f"--compare: name all networks after it, {arguments.model} too")
    if ignored and (compared or listed):
        raise ValueError(
            f"{ignored[0]}: only applies to the table of one network, "
            + ("not to --compare" if compared else "give its name")
        )
    if arguments.batch is not None and not arguments.train:
        raise ValueError("--batch: only applies with --train")


def _list_networks():
    print(f"{'name':28}{'input':12}{'parameters':>14}{'multiply-adds':>18}")
    for name in (*models.names(), *build.NAMES):
        shape = _input_of(name)
        table = cost.table(_count_only(name, None, shape), shape)
        print(f"{name:28}{rows.times(shape):12}{table.params:14,}{table.macs:18,}", flush=True)
    return 0


def _input_of(name):
    """Return the shape (C, H, W) of the images that a network was designed for."""
    return build.INPUT if name in build.NAMES else models.about(name).input_shape


def _shape(text):
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise ValueError
    return tuple(map(int, match.groups()))


_shape.__name__ = "CxHxW such as 3x224x224"  # what argparse calls a value that it refuses


def _count_only(name, classes, shape):
    """Return the network without weights for images of a shape (C, H, W)."""
    if name in build.NAMES:
        classes = build.CLASSES if classes is None else classes
        return build.by_name(name, shape, num_classes=classes, rng=init.SHAPES_ONLY)
    return models.build_for(name, shape, num_classes=classes, rng=init.SHAPES_ONLY)


def _title(name, shape):
    return f"{name}, input {rows.times(shape)}"


def _text(name, table, whole, memory, batch):
    text = [_title(name, whole.input), "", *rows.lines(table, whole)]
    return "\n".join(text + (["", *_memory_lines(memory, batch)] if memory else []))


MEMORY = {
    "weights": "weights and running averages",
    "gradients": "gradients of the weights",
    "velocities": "velocities of SGD with momentum",
    "remembered": "cached between forward and backward",
    "blocks": "blocks in the threads' caches, roughly",
    "peak": "peak, with gradients of activations",
}


def _memory_lines(memory, batch):
    values = dataclasses.asdict(memory)
    images = "1 image" if batch == 1 else f"{batch} images"
    return [f"a training step on {images}, float32:"] + [
        f"  {words:40} {values[key] / 2**20:12,.1f} MiB" for key, words in MEMORY.items()
    ]


def _json(name, table, whole, memory, batch):
    layers = [dataclasses.asdict(row) for row in table.rows]
    result = {"model": name, "input": whole.input, "layers": layers}
    for total in ("params", "macs", "pooling", "output_bytes", "pooled_bytes"):
        result[total] = getattr(whole, total)
    if memory:
        result["training"] = {"batch": batch, **dataclasses.asdict(memory)}
    return json.dumps(result, indent=2)


def _csv(name, table, whole, memory, batch):
    """Plain numbers, every layer in a line; bytes, not KB."""
    fields = [field.name for field in dataclasses.fields(cost.Row)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(fields)
    for row in table.rows:
        values = dataclasses.asdict(row)
        writer.writerow([rows.times(v) if isinstance(v, tuple) or v is None else v for v in values.values()])
    return file.getvalue().rstrip("\n")


def _markdown(name, table, whole, memory, batch):
    columns, numbers = list(rows.COLUMNS), rows.NUMBERS
    lines = [columns, ["---"] * (len(columns) - numbers) + ["---:"] * numbers]
    lines += [*rows.listed(table), *rows.totals(whole)]
    text = [f"**{_title(name, whole.input)}**", ""] + [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join(text + (["", "```", *_memory_lines(memory, batch), "```"] if memory else []))


def _compare(arguments):
    errors = published.values(ERRORS, "top-1 error")
    points = []
    for name in arguments.compare:
        models.about(name)  # complains of unknown names before anything is printed
        if name not in errors:
            raise ValueError(f"--compare: no published error of {name}; there are {', '.join(errors)}")
    for name in arguments.compare:
        entry = models.about(name)
        table = cost.table(_count_only(name, None, entry.input_shape), entry.input_shape)
        points.append((name, table.macs, 100 - errors[name], table.params))
        print(
            f"{name:12} {table.macs / 1e9:7.2f} G multiply-adds {table.params / 1e6:7.1f} M parameters "
            f"{100 - errors[name]:6.1f} % top-1 accuracy"
        )
    _save(plot.comparison(points), arguments.plot or "comparison.png")
    return 0


def _save(figure, path):
    figure.savefig(path, dpi=150)
    print(f"plot: {path}")
