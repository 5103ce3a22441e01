"""`minires gradcheck FILE.py`: the pairs in a student's own file, in a process of their own."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from minires.cli import gradcheck_show as show
from minires.cli.gradcheck_inputs import Inputs

TARGET = re.compile(r"(.+?\.(?:py|ipynb))(?::(.*))?", re.DOTALL)
START = 20.0  # seconds for Python and NumPy themselves
MERCY = 2.0  # seconds in which a stopped process may say where it was
LOST = ("hung", "ended")


def is_file(name):
    """Whether NAME means a file."""
    return name is not None and TARGET.fullmatch(name) is not None


def run(arguments):
    """Check the file; return 0 if all is right, 1 if a gradient is wrong; raise if it cannot be told."""
    path, wanted = _target(arguments.name)
    if arguments.seconds <= 0:
        raise ValueError(f"--seconds: expected more than 0, got {arguments.seconds:g}")
    Inputs(arguments.shapes, arguments.values)  # a mistake in an option is told before anything runs
    request = {
        "file": str(path),
        "wanted": wanted,
        "shapes": arguments.shapes,
        "with": arguments.values,
        "seed": arguments.seed,
        "seconds": arguments.seconds,
    }
    found = _checked(request)
    if found.get("stopped"):
        print(show.stopped(found["stopped"], path.name))
        raise KeyboardInterrupt
    return _tell(found, path, arguments)


def _target(name):
    match = TARGET.fullmatch(name)
    path, wanted = pathlib.Path(match[1]), match[2]
    if path.suffix == ".ipynb":
        raise ValueError(
            f"{path}: a notebook; save its functions as a .py file: jupyter nbconvert --to script {path.name}"
        )
    if not path.is_file():
        near = sorted(each.name for each in path.parent.glob("*.py")) if path.parent.is_dir() else []
        there = f"; there are {', '.join(near[:6])}" if near else ""
        raise ValueError(f"{path}: no such file{there}")
    if wanted is not None and not wanted.strip():
        raise ValueError(f"{path}:: expected a name after the colon, such as {path}:affine")
    return path, wanted and wanted.strip()


def _checked(request):
    """Return what the children say together: {"found", "rest", "checks": {name: event}, "prints", ...}."""
    told = {"checks": {}, "found": [], "rest": {}, "prints": "", "printed": 0}
    while True:
        with tempfile.TemporaryDirectory(prefix="minires-gradcheck-", ignore_cleanup_errors=True) as folder:
            lost = _run_child(pathlib.Path(folder), {**request, "done": list(told["checks"])}, told)
        if lost is None:
            return told
        if told.get("begun") is None:  # while the file was being read
            return {**told, "unloaded": lost}
        told["checks"][told.pop("begun")] = lost


def _run_child(folder, request, told):
    """Run one child and add to `told`; return how it was lost, or None if it came to its end."""
    (folder / "request").write_text(json.dumps(request), encoding="utf-8")
    paths = [entry for entry in sys.path if entry]
    code = f"import sys; sys.path[:] = {paths!r}; from minires.cli import gradcheck_child as child; "
    code += f"child.main({str(folder)!r})"
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    with open(folder / "errors", "wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
        )
        try:
            status = child.wait()
        except KeyboardInterrupt:
            try:
                child.wait(MERCY)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            told["stopped"] = {"frames": []}
            status = 0
    finished = _read(folder, told)
    if finished or told.get("stopped"):
        return None
    return _lost(folder, request, status)


def _read(folder, told):
    """Add the events of a child to `told`; return whether it came to its end."""
    told["begun"] = None
    finished = False
    events = folder / "events"
    for line in events.read_text(encoding="utf-8").splitlines() if events.exists() else []:
        event = json.loads(line)
        told["printed"] = max(told["printed"], event.pop("printed"))
        if "begin" in event:
            told["begun"] = event["begin"]
        elif "end" in event:
            told["checks"][event["end"]] = event
            told["begun"] = None
        else:
            told.update(event)
        finished = finished or bool({"finished", "none", "unloaded"} & set(event))
    printed = folder / "prints"
    text = printed.read_text(encoding="utf-8", errors="replace") if printed.exists() else ""
    told["prints"] = max(
        told["prints"], text, key=len
    )  # each child prints once more what reading the file prints
    return finished


def _lost(folder, request, status):
    """Return how a child was lost."""
    hang = (folder / "hang").read_text(encoding="utf-8") if (folder / "hang").exists() else ""
    if "Timeout" in hang:
        return {"state": "hung", "frames": _frames(hang, request["file"]), "seconds": request["seconds"]}
    crash = (folder / "crash").read_text(encoding="utf-8") if (folder / "crash").exists() else ""
    if not (folder / "events").exists():
        last = (folder / "errors").read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
        raise OSError(f"Python did not start: {last or f'exit status {status}'}")
    return {"state": "ended", "frames": _frames(crash, request["file"]), "status": status}


def _frames(dump, file):
    """Return [[file, line, function, text]] of the innermost place in the student's own code."""
    own = pathlib.Path(file).resolve().parent
    for name, line, function in re.findall(r'File "(.+?)", line (\d+) in (\S+)', dump):
        if pathlib.Path(name).resolve().is_relative_to(own):
            return [[pathlib.Path(name).name, int(line), function, _line(name, int(line))]]
    return []


def _line(name, number):
    lines = pathlib.Path(name).read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[number - 1].strip() if number <= len(lines) else ""


def _tell(found, path, arguments):
    """Print the verdicts, and return the exit code."""
    name = path.name
    if "unloaded" in found:
        _print_prints(found)
        raise ValueError(show.unloaded(found["unloaded"], name))
    if "none" in found:
        print(show.nothing(found, name))
        raise ValueError(show.no_pair(found, path))
    checks = found["checks"]
    done = {pair: check for pair, check in checks.items() if check["state"] != "skipped"}
    unasked = len(done) > 0 or len(checks) > 1
    for pair, check in done.items():
        print(show.check(pair, check, name) + "\n")
    skipped = {pair: check for pair, check in checks.items() if check["state"] == "skipped"}
    if skipped and unasked:
        print(show.skipped(skipped) + "\n")
    if arguments.plot:
        print(_plot(done, arguments.plot) + "\n")
    _print_prints(found)
    if not done:
        raise ValueError(show.all_skipped(skipped, path))
    states = [check["state"] for check in done.values()]
    print(show.summary(states))
    if any(state in ("wrong", "not yet") for state in states):
        return 1
    if any(state != "ok" for state in states):
        raise ValueError(show.unchecked(done, name))
    return 0


def _print_prints(found):
    if found["prints"].strip():
        print(show.prints(found["prints"], found.get("printed", 0)) + "\n")


def _plot(done, file):
    """Save a picture of the first wrong gradient; return the line that says so."""
    import numpy as np

    from minires import plot

    for check in done.values():
        for gradient in check.get("gradients", []):
            if "both" in gradient and np.size(gradient["both"][0]) > 1:
                got, expected = (np.array(each, np.float64) for each in gradient["both"])
                expected = np.where(np.isfinite(expected), expected, got)
                figure = plot.error_maps(expected, got, name=gradient["label"])
                try:
                    figure.savefig(file, dpi=150)
                except (ValueError, OSError) as error:
                    raise ValueError(f"--plot: {file} cannot be written: {error}") from error
                return f"{file}: {gradient['label']} expected, got, and the difference"
    return "--plot: nothing is wrong that could be drawn"
