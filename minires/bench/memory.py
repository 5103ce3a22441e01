"""The peak memory of a training step: of a process of its own, less what was resident before the network."""

import json
import os
import subprocess
import sys

from minires.bench import sides
from minires.kernels.cpu import parallel


def peak_memory(side, *, model, batch_size, size):
    """Return the peak resident MB of two training steps in a process of its own, or None where unknown."""
    task = {"side": side, "model": model, "batch_size": batch_size, "size": size}
    code = f"from minires.bench.memory import _print_peak; _print_peak({parallel.get_threads()}, **{task!r})"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if child.returncode:
        raise MemoryError(f"a training step of {model} failed: {child.stderr.strip()[-200:]}")
    return json.loads(child.stdout)


def _print_peak(threads, side, **task):
    """Print the peak of this process in MB, less what was resident before the network was built."""
    parallel.set_threads(threads)
    if side != "minires":
        from minires.bench import torch_side as bench_torch  # noqa: F401  PyTorch's own weight is not the network's
    before = _resident_mb()
    work = sides.training_step(side, **task)
    work()
    work()
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
