"""What names.txt says: the names of CuPy and the arguments that each of them takes."""

import inspect
import pathlib
import re

import numpy as np


def read_sections():
    """Return {section: {name: what follows it on its line}} of names.txt."""
    sections, lines = {}, {}
    for line in pathlib.Path(__file__).with_name("names.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name = re.match(r"\w+", line)[0]
            lines[name] = line[len(name) :]
    return sections


def signature(text):
    """Return the inspect.Signature of "(a, axis=None, dtype=float)"."""
    # The text is a file of this folder, so evaluating it is as safe as importing it.
    return inspect.signature(eval(f"lambda {text[1:-1]}: None", {"np": np, "float64": np.float64}))


SECTIONS = read_sections()
