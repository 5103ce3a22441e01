"""The walk in lessons/pages/own-files.md: commands, what the student has written by then, what is printed.

python tests/gradcheck_walk.py writes the page again from what the commands print today.
"""

import contextlib
import io
import os
import pathlib
import re
import shlex
import tempfile
from unittest import mock

from minires import cli

PAGE = pathlib.Path(__file__).parent.parent / "lessons" / "pages" / "own-files.md"
WRITTEN = """import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = dout.mean(axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, x):
    dout[x <= 0] = 0
    return dout
"""
LOSS = """

def softmax_loss(x, y):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    rows = np.arange(x.shape[0])
    loss = -np.log(p[rows, y]).mean()
    dx = p.copy()
    dx[rows, y] -= 1
    return loss, dx
"""
MENDED = WRITTEN.replace("dout.mean(", "dout.sum(").replace(
    "    dout[x <= 0] = 0\n    return dout\n", "    return dout * (x > 0)\n"
)
ARRAYS = '--shapes "x=4x3 w=3x5 b=5"'
WALK = [
    (WRITTEN, "minires gradcheck layers.py"),
    (WRITTEN, f"minires gradcheck layers.py {ARRAYS}"),
    (MENDED + LOSS, f'minires gradcheck layers.py {ARRAYS} --with "y=labels(4, 3)"'),
    (
        MENDED + LOSS.replace("dx[rows, y] -= 1", "dx[rows, y] -= 1\n    dx /= x.shape[0]"),
        f'minires gradcheck layers.py {ARRAYS} --with "y=labels(4, 3)"',
    ),
]


def blocks():
    """Run the walk in this folder; return what is seen in the terminal, block by block."""
    seen = []
    for source, command in WALK:
        pathlib.Path("layers.py").write_text(source, encoding="utf-8")
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            mock.patch.dict(os.environ, {"COLUMNS": "80"}),
        ):
            cli.main(shlex.split(command)[1:])
        out.flush()
        seen.append(f"```console\n$ {command}\n{out.buffer.getvalue().decode().rstrip()}\n```")
    return seen


def main():
    """Write the page again."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        try:
            seen = iter(blocks())
        finally:
            os.chdir(before)
    text = re.sub(r"@@\d@@|```console\n.*?\n```", lambda _: next(seen), text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
