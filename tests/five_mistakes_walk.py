"""A student makes five mistakes in exercises 1.5 and 2.2, and goes by what the check says.

python tests/five_mistakes_walk.py writes tests/five_mistakes.md, the transcript, again. The test compares the
exit codes, the names of the mistakes and what is right by then: the sentences may change.
"""

import contextlib
import io
import os
import pathlib
import tempfile
from unittest import mock

from minires import cli

TRANSCRIPT = pathlib.Path(__file__).with_suffix("").parent / "five_mistakes.md"

CONVOLUTION = """\
import numpy as np


def conv2d_backward(dout, cache):
    x, w, stride, pad = cache
    N, C, H, W = x.shape
    O, _, KH, KW = w.shape
    _, _, OH, OW = dout.shape
    (sh, sw), (ph, pw) = stride, pad
    xp = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(OH):
        for j in range(OW):
            window = np.s_[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW]
            dxp[window] = np.einsum("no,ockl->nckl", dout[:, :, i, j], w)
            dw += np.einsum("no,nckl->ockl", dout[:, :, i, j], xp[window]) / N
    dx = dxp[:, :, ph : ph + H, pw : pw + W]
    db = dout.sum(axis=(0, 2))
    return dx, dw, db
"""

BATCH_NORM = """\
import numpy as np


def batch_norm_backward(dout, cache):
    x_hat, gamma, std = cache
    N = dout.shape[0]
    dgamma = np.sum(dout * x_hat, axis=(0, 2, 3))
    dbeta = np.sum(dout, axis=(0, 2, 3))
    g = dout * gamma.reshape(1, -1, 1, 1)
    mean_g = g.sum(axis=(0, 2, 3), keepdims=True) / N
    mean_gx = (g * x_hat).sum(axis=(0, 2, 3), keepdims=True) / N
    dx = (g - mean_g - x_hat * mean_gx) / std.reshape(1, -1, 1, 1)
    return dx, dgamma, dbeta


def batch_norm_eval_backward(dout, cache):
    x_hat, gamma, std = cache
    dgamma = np.sum(dout * x_hat, axis=(0, 2, 3))
    dbeta = np.sum(dout, axis=(0, 2, 3))
    return dout * gamma.reshape(1, -1, 1, 1), dgamma, dbeta
"""

WALK = [  # exercise, what she changes now, exit code, what the check names, functions that are right
    ("1.5", None, 1, "dbias has the wrong shape", "0 of 1"),
    (
        "1.5",
        ("dout.sum(axis=(0, 2))", "dout.sum(axis=(0, 2, 3))"),
        1,
        "windows overwrite each other",
        "0 of 1",
    ),
    ("1.5", ("dxp[window] = ", "dxp[window] += "), 1, "mean over the batch", "0 of 1"),
    ("1.5", (", xp[window]) / N", ", xp[window])"), 0, None, "1 of 1"),
    ("2.2", None, 1, "M counts only the images", "0 of 2"),
    ("2.2", ("N = dout.shape[0]", "N = dout[:, 0].size"), 1, "1/std is missing in eval mode", "1 of 2"),
    (
        "2.2",
        ("return dout * gamma.reshape(1, -1, 1, 1), ", "return dout * (gamma / std).reshape(1, -1, 1, 1), "),
        0,
        None,
        "2 of 2",
    ),
]
FILES = {"1.5": "assignment-1/ex1_5_conv2d_backward.py", "2.2": "assignment-2/ex2_2_batch_norm_backward.py"}


def walk():
    """Walk in this folder; yield (row of WALK, exit code, what is printed)."""
    sources = {"1.5": CONVOLUTION, "2.2": BATCH_NORM}
    for row in WALK:
        number, change = row[:2]
        if change is not None:
            assert sources[number].count(change[0]) == 1, change
            sources[number] = sources[number].replace(*change)
        path = pathlib.Path(FILES[number])
        path.parent.mkdir(exist_ok=True)
        path.write_text(sources[number], encoding="utf-8")
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(out), mock.patch.dict(os.environ, COLUMNS="80"):
            code = cli.main(["exercise", "check", number])
        out.flush()
        yield row, code, out.buffer.getvalue().decode()


def main():
    """Write the transcript again."""
    text = ["# Five mistakes", "", "What a student writes in 1.5 and 2.2, and what the check says.", ""]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for (number, change, *_), code, out in walk():
            if change is None:
                written = CONVOLUTION if number == "1.5" else BATCH_NORM
                text += [f"She writes {FILES[number]}:", "", f"```python\n{written}```", ""]
            else:
                text += [f"She changes `{change[0].strip()}` into `{change[1].strip()}`.", ""]
            text += [
                f"```console\n$ minires exercise check {number}\n{out.rstrip()}\n```",
                "",
                f"Exit code {code}.",
                "",
            ]
    TRANSCRIPT.write_text("\n".join(text).rstrip() + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
