"""How fast is a training step, and how much memory does it take? Beside PyTorch, where that is installed.

Times are medians of steps taken in turn, A B A B ..., so that a machine whose speed drifts slows both sides
alike: quote the ratios. Memory is the peak of a process of its own, less what was resident before the network
was built.
"""

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

import minires.functional as F
from minires import models, optim, parallel

SIDES = {
    "minires": "minires",
    "torch": "PyTorch, NCHW",
    "torch-channels-last": "PyTorch, channels last",
}
SGD = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


def measure(*, model, batch_size, size, steps):
    """Return a dict: the machine, the task, and for each side seconds, images a second and peak MB.

    Sides that cannot be measured here (no torch) are left out.
    """
    task = {"model": model, "batch_size": batch_size, "size": size}
    sides = [side for side in SIDES if side == "minires" or importlib.util.find_spec("torch")]
    takers = {side: _training_step(side, **task) for side in sides}
    seconds = {side: [] for side in sides}
    for taken in range(steps + 1):  # the first step warms up
        for side, take in takers.items():
            start = time.perf_counter()
            take()
            if taken:
                seconds[side].append(time.perf_counter() - start)
    ours = seconds["minires"]
    results = {
        side: {
            "seconds": statistics.median(seconds[side]),
            "ratio": statistics.median(a / b for a, b in zip(ours, seconds[side], strict=True)),
            "images_per_second": batch_size / statistics.median(seconds[side]),
            "peak_mb": peak_memory(side, **task),
        }
        for side in sides
    }
    return {"machine": machine(), "threads": parallel.get_threads(), "task": task, "sides": results}


def table(report):
    """Return the report as text, one line a side."""
    task, sides = report["task"], report["sides"]
    lines = [
        f"One training step of {task['model']}, {task['batch_size']} images of "
        f"3x{task['size']}x{task['size']}, float32, {report['threads']} threads",
        report["machine"],
        "",
        f"{'':24}{'ms a step':>10}{'images/s':>10}{'peak MB':>9}{'minires takes':>15}",
    ]
    for side, figures in sides.items():
        memory = f"{figures['peak_mb']:.0f}" if figures["peak_mb"] is not None else "n/a"
        ratio = "" if side == "minires" else f"{figures['ratio']:.2f}x the time"
        lines.append(
            f"{SIDES[side]:24}{1000 * figures['seconds']:10.0f}{figures['images_per_second']:10.0f}"
            f"{memory:>9}{ratio:>15}"
        )
    if "torch" not in sides:
        lines.append('\nPyTorch is not installed; to compare with it: pip install "minires[parity]"')
    return "\n".join(lines)


def machine():
    """Return one line about the processor and the versions that matter."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def peak_memory(side, *, model, batch_size, size):
    """Return the peak resident MB of two training steps in a process of its own, or None where unknown."""
    task = {"side": side, "model": model, "batch_size": batch_size, "size": size}
    code = f"from minires.bench import _print_peak; _print_peak({parallel.get_threads()}, **{task!r})"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(child.stdout)


def _training_step(side, *, model, batch_size, size):
    """Return a function that takes one step; every side starts from the same weights and images."""
    rng = np.random.default_rng(0)
    net = models.build(model, num_classes=10, rng=rng)
    x = rng.standard_normal((batch_size, 3, size, size), dtype=np.float32)
    labels = rng.integers(0, 10, batch_size)
    if side != "minires":
        from minires import bench_torch

        channels_last = side == "torch-channels-last"
        threads = parallel.get_threads()
        return bench_torch.training_step(net, x, labels, threads=threads, channels_last=channels_last, **SGD)
    optimiser = optim.SGD(net.named_parameters(), **SGD)

    def step():
        logits, cache = net.forward(x, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
        optimiser.step()
        return float(loss)

    return step


def _print_peak(threads, side, **task):
    """Print the peak of this process in MB, less what was resident before the network was built."""
    parallel.set_threads(threads)
    if side != "minires":
        from minires import bench_torch  # noqa: F401  PyTorch's own weight is not the network's
    before = _resident_mb()
    take = _training_step(side, **task)
    take()
    take()
    peak = _peak_mb()
    print(json.dumps(None if before is None else peak - before))


def _resident_mb():
    """Return this process's resident memory now, or None where the system does not tell."""
    return _status_mb("VmRSS") if os.path.exists("/proc/self/status") else _peak_mb()


def _peak_mb():
    """Return the most memory that this process has had resident, or None where the system does not tell."""
    if os.path.exists("/proc/self/status"):
        return _status_mb("VmHWM")  # getrusage would start from the peak of the process that started this one
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def _status_mb(field):
    with open("/proc/self/status") as lines:
        kibibytes = next(line.split()[1] for line in lines if line.startswith(field))
    return int(kibibytes) * 1024 / 1e6
