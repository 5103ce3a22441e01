"""`minires exercise check --watch`: check at every save.

The files are looked at four times a second, which works on every operating system and network drive. What is
half saved is left alone: a file counts when it is twice the same.
"""

import time
import zlib

from minires.cli.exercise.check import report, results_of
from minires.cli.exercise.places import files
from minires.course.limit import Interrupted

PAUSE = 0.25  # seconds


def watch(arguments):
    """Check, and check again what has been saved, until Ctrl-C; return 0."""
    known, before, seen = {}, None, None
    try:
        while True:
            found = files(arguments.what)
            if seen is not None:
                print("\n" + "-" * 72)
            seen = {path: _content(path) for _, path in found}
            checked = []
            for one, path in found:
                key = one.number, seen[path]
                if key not in known:
                    known[key] = results_of(one, path, arguments)
                checked.append((one, path, known[key]))
            known = {key: results for key, results in known.items() if key[1] in seen.values()}
            report(arguments, checked)
            states = {
                (one.number, result.verdict.part.name): result.verdict.problem
                for one, _, results in checked
                for result in results
            }
            print(f"\n{news(before, states)}\nWhat you save is checked again; Ctrl-C ends it.", flush=True)
            before = states
            _until_saved(arguments, seen)
    except Interrupted:
        raise
    except KeyboardInterrupt:
        print()
        return 0


def news(before, states):
    """Return what a save has changed: "fixed: linear_backward; next: im2col". before: None at first.

    states: {(exercise's number, function): problem, "" if there is none}.
    """
    left = [name for (_, name), problem in states.items() if problem]
    said = []
    if before is not None:
        fixed = [key[1] for key, problem in states.items() if not problem and before.get(key)]
        broken = [key[1] for key, problem in states.items() if problem and before.get(key) == ""]
        said += [f"fixed: {', '.join(fixed)}"] if fixed else []
        said += [f"no longer right: {', '.join(broken)}"] if broken else []
    said.append(f"next: {left[0]}" if left else "everything is right")
    return "; ".join(said)


def _until_saved(arguments, seen):
    """Return when the files are others than those that were seen, and stay so for a moment."""
    last = seen
    while True:
        time.sleep(PAUSE)
        try:
            now = {path: _content(path) for _, path in files(arguments.what)}
        except ValueError:  # an editor replaces a file: for a moment there is none
            continue
        if now == last and now != seen:
            return
        last = now


def _content(path):
    """Return a number that tells a file's contents apart, None if it cannot be read."""
    try:
        content = path.read_bytes() if path is not None else b""
    except OSError:
        return None
    return len(content), zlib.crc32(content)
