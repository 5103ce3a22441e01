"""Where does the time of a training step go? Layer by layer, forward and backward, and by kind of layer."""

import statistics
import time

import minires.functional as F
from minires import optim, probe
from minires.bench import sides
from minires.kernels.cpu import parallel

BAR = 16  # characters of the longest bar


def measure(*, model, batch_size, size, steps=5):
    """Return a dict: the task, the seconds of a whole step, and records, one for each layer that took time.

    record: name, kind, output (shape without the batch), forward and backward in seconds (medians over the
    steps), flops of both. A composite stands for what happens between its parts (a residual block's sums).
    The loss and the update have records of their own."""
    net, x, labels = sides.prepared(model, batch_size, size)
    optimiser = optim.SGD(net.named_parameters(), **sides.SGD)
    kinds = {name: type(layer).__name__ for name, layer in net.named_layers()}
    kinds |= {"loss": "loss", "update": "update"}
    whole, times = [], {}
    for taken in range(steps + 1):  # the first step warms up
        watch = probe.Stopwatch()
        start = time.perf_counter()
        loss, update = _step(net, x, labels, optimiser, watch)
        seconds = time.perf_counter() - start
        if taken:
            whole.append(seconds)
            for name, both in (watch.seconds | {"loss": (loss, 0), "update": (0, update)}).items():
                times.setdefault(name, []).append(both)
    steps_of = _traced(net, x.shape)
    records = []
    for name in [name for name in kinds if name in times]:
        forward, backward = (statistics.median(column) for column in zip(*times[name], strict=True))
        output, flops = steps_of.get(name, ("", 0))
        record = {"name": name or "the network", "kind": kinds[name], "output": output}
        records.append(record | {"forward": forward, "backward": backward, "flops": flops})
    return {
        "model": model,
        "batch_size": batch_size,
        "size": size,
        "threads": parallel.get_threads(),
        "seconds": statistics.median(whole),
        "records": records,
    }


def _step(net, x, labels, optimiser, watch):
    """Take a step, watched; return the seconds of the loss and of the update."""
    with probe.watch(net, watch):
        logits, cache = net.forward(x, train=True)
        start = time.perf_counter()
        _, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        dlogits = F.softmax_cross_entropy_backward(1.0, loss_cache)
        loss = time.perf_counter() - start
        net.backward(dlogits, cache)
    start = time.perf_counter()
    optimiser.step()
    optimiser.zero_grad()
    return loss, time.perf_counter() - start


def _traced(net, shape):
    """Return {name: (output shape as text, FLOP of forward and backward)} of the layers inside net."""
    from minires.layers.trace import Blank

    names = {id(layer): name for name, layer in net.named_layers()}
    return {
        names[id(step.layer)]: (
            "x".join(map(str, step.y.shape[1:])),
            0 if step.inside or not hasattr(step.layer, "weight") else 6 * step.macs,
        )
        for step in net.trace(Blank(shape)).all()
        if id(step.layer) in names
    }


def table(report):
    """Return the profile as text, at most 110 columns wide: kinds of layers by their time, then every layer
    in order.

    What takes less than 0.05 % of the time is left out.
    """
    records, kinds = report["records"], {}
    for record in records:
        kinds.setdefault(record["kind"], []).append(record)
    summed = [_sum(name, of_kind) for name, of_kind in kinds.items()]
    return "\n".join(
        [
            f"One training step of {report['model']}, {report['batch_size']} images of 3x{report['size']}x"
            f"{report['size']}, {report['threads']} threads: {1000 * report['seconds']:.0f} ms",
            "",
            *_lines("kind of layer", sorted(summed, key=lambda kind: -_both(kind))),
            "",
            *_lines("layer", records),
        ]
    )


def _sum(name, records):
    """Return one record for all of a kind."""
    count = f" ({len(records)})" if len(records) > 1 else ""
    sums = {key: sum(record[key] for record in records) for key in ("forward", "backward", "flops")}
    return {"name": name + count, "kind": "", "output": "", **sums}


def _lines(title, records):
    """Return the lines of a table of records, under a head."""
    total, longest = sum(map(_both, records)), max(map(_both, records))
    shown = [record for record in records if _both(record) > 5e-4 * total]
    lines = [f"{title:27}{'':16}{'output':>11}{'forward':>11}{'backward':>11}{'share':>7}{'GFLOP/s':>9}"]
    for record in shown:
        both = _both(record)
        rate = f"{record['flops'] / both / 1e9:.0f}" if record["flops"] else ""
        lines.append(
            f"{record['name']:27.26}{record['kind']:16.15}{record['output']:>11}"
            f"{1000 * record['forward']:8.1f} ms{1000 * record['backward']:8.1f} ms{100 * both / total:6.1f}%"
            f"{rate:>9} {'#' * round(BAR * both / longest)}".rstrip()
        )
    return lines


def _both(record):
    return record["forward"] + record["backward"]
