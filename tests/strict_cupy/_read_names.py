"""Write names.txt: every public name of the installed CuPy, with the arguments it takes.

    python tests/strict_cupy/_read_names.py

CuPy imports without a GPU, so any machine where `pip install cupy-cuda12x` works will do. Nothing but names
and signatures is read.
"""

import inspect
import pathlib
import re

SECTIONS_OF_SIGNATURES = ("linalg", "lib.stride_tricks")
HEADER = """\
# The public names of CuPy {cupy} (wheel cupy-cuda12x, seen with NumPy {numpy}) and the arguments they take.
# Written by _read_names.py from dir() and inspect.signature(); do not edit by hand.
# [ufuncs] are: name, number of inputs, number of outputs, "at" if CuPy implements ufunc.at for it.
"""


def public(namespace):
    """Return the names in a namespace that do not begin with an underscore, without future imports."""
    return [name for name in sorted(dir(namespace)) if not name.startswith("_") and name != "annotations"]


def signature_text(function):
    """Return "(a, axis=None)" for a Python function; "(*args, **kwargs)" where it cannot be known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return "(*args, **kwargs)"
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return re.sub(r"<class '(?:numpy\.)?(\w+)'>", r"\1", str(inspect.Signature(bare)))


def method_text(method):
    """Return the arguments of a compiled method, which Cython writes into the first line of its docstring."""
    found = re.match(
        r"\w*\.?\w+\((?:self(?:, )?)?(.*?)\)(?: ->|$)", (method.__doc__ or "").strip().split("\n")[0]
    )
    arguments = found[1] if found else "*args, **kwargs"
    return "(" + re.sub(r"\b(?:_ndarray_base|Py_ssize_t|int|bool) (?=\w)", "", arguments) + ")"


def sections(cupy, numpy):
    """Return {section: lines} for the whole of CuPy."""
    found = {
        title: [] for title in ("ufuncs", "functions", "types", "constants", "classes", "modules", "objects")
    }
    for name in public(cupy):
        thing = getattr(cupy, name)
        if isinstance(thing, cupy.ufunc):
            at = " at" if thing._scatter_op else ""
            found["ufuncs"].append(f"{name} {thing.nin} {thing.nout}{at}")
        elif inspect.ismodule(thing):
            found["modules"].append(name)
        elif inspect.isclass(thing):
            found["types" if thing.__module__.startswith("numpy") else "classes"].append(name)
        elif callable(thing):
            found["functions"].append(name + signature_text(thing))
        else:
            number = isinstance(thing, (float, type(None)))
            found["constants" if number else "objects"].append(name)
    for title in SECTIONS_OF_SIGNATURES:
        namespace = cupy.lib.stride_tricks if title == "lib.stride_tricks" else getattr(cupy, title)
        members = {name: getattr(namespace, name) for name in public(namespace)}
        found[title] = [
            name if inspect.isclass(member) else name + signature_text(member)
            for name, member in members.items()
            if callable(member)
        ]
    for title in ("random", "cuda"):
        found[title] = [
            name for name in public(getattr(cupy, title)) if name not in ("contextlib", "warnings")
        ]
    members = {name: getattr(cupy.ndarray, name) for name in sorted(dir(cupy.ndarray))}
    found["ndarray methods"] = [
        name + method_text(member)
        for name, member in members.items()
        if callable(member) and not name.startswith("_")
    ]
    found["ndarray attributes"] = [
        name for name, member in members.items() if not callable(member) and not name.startswith("_")
    ]
    found["ndarray special methods"] = [name for name in members if name.startswith("__")]
    return found


def names_text():
    """Return the whole of names.txt for the CuPy that is installed."""
    import cupy
    import numpy

    parts = [HEADER.format(cupy=cupy.__version__, numpy=numpy.__version__)]
    parts += [f"[{title}]\n" + "\n".join(lines) + "\n" for title, lines in sections(cupy, numpy).items()]
    return "\n".join(parts)


if __name__ == "__main__":
    pathlib.Path(__file__).with_name("names.txt").write_text(names_text(), encoding="utf-8")
