"""`minires exercise check --repro bug.py`: the smallest failing input as a script for a debugger."""

import os
import pathlib

import numpy as np

MARK = '"""The smallest input on which '  # how a file begins that may be written again

SCRIPT = '''\
{mark}{problem}.

Exercise {number}; written by minires exercise check --repro. python {name} stops in the
debugger just before the call: s steps into it, n goes to the next line, q ends.
"""

import pathlib
import sys

import numpy as np
from numpy import array, inf, nan

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / {folder!r}))
import {module}

{inputs}

{calls}
print("got:", got)
{expected}'''


def check_path(path):
    """Raise ValueError unless a script may be written to this path."""
    path = pathlib.Path(path)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(f"--repro: expected a file name such as bug.py, got {str(path)!r}")
    if path.exists() and (
        path.is_dir() or not path.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    ):
        raise ValueError(f"--repro: {path} exists and is not such a script: give another name")


def write(exercise, student, verdict, to):
    """Write the script. student: path of the student's file. Raises ValueError if it cannot be written."""
    to = pathlib.Path(to)
    check_path(to)
    try:
        to.write_text(script(exercise, student, verdict, to), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ValueError(f"--repro: {to} cannot be written: {error.strerror}") from error


def script(exercise, student, verdict, to):
    """Return the text of the script."""
    part, evidence = verdict.part, verdict.evidence
    case = dict(evidence.case)
    module = pathlib.Path(student).stem
    calls = []
    if part.after is not None:
        inputs = [name for name in case if name != "dy"]
        calls += [
            f"y, cache = {module}.{part.after}({', '.join(inputs)})[:2]",
            "breakpoint()  # s goes into the function",
            f"got = {module}.{part.name}(dy, cache)",
        ]
    else:
        calls += [
            "breakpoint()  # s goes into the function",
            f"got = {module}.{part.name}({', '.join(case)})",
        ]
    lines = [
        f"{name} = {f'np.random.default_rng({value!r})' if name == 'rng' else literal(value)}"
        for name, value in case.items()
    ]
    expected = ""
    if evidence.output is not None:
        expected = f'print("expected {evidence.output}:", {literal(evidence.expected)})\n'
    return SCRIPT.format(
        mark=MARK,
        problem=verdict.problem.replace("\\", "/").replace('"""', "'''"),
        number=exercise.number,
        name=to.name,
        folder=_from(to, student),
        module=module,
        inputs="\n".join(lines),
        calls="\n".join(calls),
        expected=expected,
    )


def _from(script, student):
    """Return the student's folder as seen from the script's; absolute if it is on another drive."""
    folder = pathlib.Path(student).resolve().parent
    try:
        return pathlib.PurePath(os.path.relpath(folder, script.resolve().parent)).as_posix()
    except ValueError:
        return str(folder)


def literal(value):
    """Return a value as Python source that gives exactly this value again."""
    if isinstance(value, np.ndarray):
        if value.size == 0:
            return f"np.zeros({value.shape}, np.{value.dtype.name})"
        dtype = "" if value.dtype in (np.float64, np.bool_, np.int64) else f", dtype=np.{value.dtype.name}"
        return f"array({value.tolist()!r}{dtype})"
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({value.item()!r})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + "".join(f"{literal(item)}, " for item in value).rstrip(" ") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)
