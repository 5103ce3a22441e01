"""`minires summary`: a network's table of shapes, memory, parameters and multiply-adds."""

import csv
import dataclasses
import io
import json
import pathlib
import re

from minires import init, models, plot
from minires.accounting import cost, published
from minires.accounting.memory import training_memory

PICTURES = (".png", ".pdf", ".svg")
FORMATS = ("text", "json", "csv", "markdown")
COLUMNS = ("layer", "kind", "input", "kernel", "stride", "pad", "output", "memory KB", "params", "MACs")
NUMBERS = 3  # columns at the end that are aligned to the right
ERRORS = "imagenet one crop"  # the published table that --compare draws from

EPILOG = """\
MACs are multiply-adds; the totals are those of convolutions and fully-connected layers. Pooling, in brackets,
counts one operation for each pixel of each window. KB are 1024 bytes of float32 outputs, for one image.
Nothing is computed to find them: `minires summary vgg19` needs no memory for its weights."""


def add_arguments(parser):
    """Add the options of `minires summary` to an argparse parser."""
    parser.usage, parser.epilog = "%(prog)s [NAME] [OPTION ...]", EPILOG
    parser.add_argument("model", metavar="NAME", nargs="?", help="a network; without a name all are listed")
    parser.add_argument("--input", metavar="CxHxW", type=_shape, help="of one image (that of its paper)")
    parser.add_argument("--classes", type=int, metavar="N", help="outputs (those of its paper)")
    parser.add_argument("--depth", type=int, metavar="N", help="add up layers that share N parts of the name")
    parser.add_argument("--train", action="store_true", help="add the memory that a training step needs")
    parser.add_argument("--batch", type=int, metavar="N", help="images of that step (1)")
    parser.add_argument("--format", default="text", metavar="NAME", help=f"{', '.join(FORMATS)} (text)")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw memory, parameters and multiply-adds of each layer as bars"
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
    for name in ("batch", "classes", "depth"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name}: expected at least 1, got {value}")
    if arguments.train and arguments.format == "csv":
        raise ValueError("--train: has no place in csv; use --format json")
    if arguments.plot and pathlib.Path(arguments.plot).suffix.lower() not in PICTURES:
        raise ValueError(f"--plot: expected a {', '.join(PICTURES)} file, got {arguments.plot}")
    _require_use(arguments)
    if arguments.compare:
        return _compare(arguments)
    if arguments.model is None:
        return _list_networks()
    batch = arguments.batch or 1
    shape = arguments.input or models.about(arguments.model).input_shape
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
    return 0


def _require_use(arguments):
    """Raise ValueError for an option that what is asked for would ignore."""
    compared, listed = bool(arguments.compare), not arguments.compare and arguments.model is None
    ignored = [
        f"--{name}"
        for name in ("input", "classes", "depth", "train", "format", "plot")
        if getattr(arguments, name) not in (None, False, "text") and not (compared and name == "plot")
    ]
    if compared and arguments.model is not None:
        raise ValueError(f"--compare: name all networks behind it, {arguments.model} too")
    if ignored and (compared or listed):
        raise ValueError(
            f"{ignored[0]}: is for the table of one network, "
            + ("not for --compare" if compared else "say which")
        )
    if arguments.batch is not None and not arguments.train:
        raise ValueError("--batch: is for --train")


def _list_networks():
    print(f"{'name':28}{'input':12}{'parameters':>14}{'multiply-adds':>18}")
    for name in models.names():
        shape = models.about(name).input_shape
        table = cost.table(_count_only(name, None, shape), shape)
        print(f"{name:28}{_times(shape):12}{table.params:14,}{table.macs:18,}", flush=True)
    return 0


def _shape(text):
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise ValueError
    return tuple(map(int, match.groups()))


_shape.__name__ = "CxHxW such as 3x224x224"  # what argparse calls a value that it refuses


def _count_only(name, classes, shape):
    """Return the network without weights for images of a shape (C, H, W)."""
    return models.build_for(name, shape, num_classes=classes, rng=init.SHAPES_ONLY)


def _title(name, shape):
    return f"{name}, input {_times(shape)}"


def _times(pair):
    return "" if pair is None else "x".join(map(str, pair))


def _cells(row):
    """Return a Row as texts, one a column."""
    stride, padding = (
        "" if p is None else str(p[0]) if p[0] == p[1] else _times(p) for p in (row.stride, row.padding)
    )
    macs = f"{row.macs:,}" if row.weighted or not row.macs else f"({row.macs:,})"
    return [
        row.name,
        row.kind,
        _times(row.input),
        _times(row.kernel),
        stride,
        padding,
        _times(row.output),
        f"{row.output_bytes / 1024:,.2f}" if row.macs else "",
        f"{row.params:,}",
        macs if row.macs else "",
    ]


def _listed(table):
    """Return the table's lines, with the layers that only scale and shift added up in one at the end."""
    rows = [row for row in table.rows if row.macs]
    others = [row for row in table.rows if not row.macs]
    lines = [_cells(row) for row in rows]
    if others:
        kind = others[0].kind if len({row.kind for row in others}) == 1 else "other layers"
        blank = [""] * (len(COLUMNS) - 4)
        lines.append([f"{len(others)} x {kind}", "", *blank, f"{sum(r.params for r in others):,}", ""])
    return lines


def _totals(whole):
    return [
        "total",
        *[""] * 6,
        f"{whole.output_bytes / 1024:,.2f}",
        f"{whole.params:,}",
        f"{whole.macs:,}",
    ], [
        "with pooling",
        *[""] * 6,
        f"{(whole.output_bytes + whole.pooled_bytes) / 1024:,.2f}",
        "",
        f"{whole.macs + whole.pooling:,}",
    ]


def _text(name, table, whole, memory, batch):
    lines = [list(COLUMNS), *_listed(table), *_totals(whole)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    first_number = len(COLUMNS) - NUMBERS

    def laid_out(line):
        cells = (
            cell.rjust(width) if i >= first_number else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    ruled = [laid_out(line) for line in lines]
    rule = "-" * max(map(len, ruled))
    text = [_title(name, whole.input), "", ruled[0], rule, *ruled[1:-2], rule, *ruled[-2:]]
    return "\n".join(text + (["", *_memory_lines(memory, batch)] if memory else []))


MEMORY = {
    "weights": "weights and running averages",
    "gradients": "gradients of the weights",
    "velocities": "velocities of SGD with momentum",
    "remembered": "remembered between forward and backward",
    "blocks": "blocks in the threads' caches, about",
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
        writer.writerow([_times(v) if isinstance(v, tuple) or v is None else v for v in values.values()])
    return file.getvalue().rstrip("\n")


def _markdown(name, table, whole, memory, batch):
    lines = [list(COLUMNS), ["---"] * (len(COLUMNS) - NUMBERS) + ["---:"] * NUMBERS]
    lines += [*_listed(table), *_totals(whole)]
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
    print(f"drawn: {path}")
