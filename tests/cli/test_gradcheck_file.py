"""`minires gradcheck FILE.py`: what is printed, exit codes, errors, and a file that does its worst."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from minires import cli
from minires.cli import gradcheck_inputs as inputs
from minires.cli import gradcheck_source

FOREIGN = pathlib.Path(__file__).parent.parent / "foreign"
LAYERS = FOREIGN / "vision" / "layers.py"

WORST = """
import os, sys
import numpy as np
print("read")
def right_forward(x):
    print("forward", x.shape)
    return 2 * x, x
def right_backward(dout, cache):
    return 2 * dout
def hangs_forward(x):
    return x, x
def hangs_backward(dout, cache):
    i = 0
    while i < 10:
        i -= 1
    return dout
def exits_forward(x):
    return x, x
def exits_backward(dout, cache):
    sys.exit(0)
def ends_forward(x):
    return x, x
def ends_backward(dout, cache):
    os._exit(0)
def recurs_forward(x):
    return recurs_forward(x)
def recurs_backward(dout, cache):
    return dout
def raises_forward(x):
    raise KeyError("pad")
def raises_backward(dout, cache):
    return dout
def empty_forward(x):
    out = None
    return out, x
def empty_backward(dout, cache):
    return None
def alone_forward(x):
    return x
def alone_backward(dout, cache):
    return dout
"""


def minires(capsys, *argv):
    code = cli.main(list(map(str, argv)))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into this folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def write(source, name="mine.py"):
        pathlib.Path(name).write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    return write


# -- what is printed -----------------------------------------------------------------------------------------


def test_a_wrong_gradient_is_shown_named_drawn_and_exits_with_1(write, capsys):
    source = LAYERS.read_text(encoding="utf-8").replace("db = dout.sum(axis=0)", "db = dout.mean(axis=0)", 1)
    name = write(source)
    code, out, err = minires(
        capsys, "gradcheck", f"{name}:affine", "--shapes", "x=4x3 w=3x5 b=5", "--plot", "db.png"
    )
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == "affine: WRONG" and lines[-1] == "0 of 1 are right"
    assert re.fullmatch(r"  dx  right  largest error \de-\d\d", lines[1])
    assert re.fullmatch(r"  db  WRONG  db\[\d\] is -?\d\.\d+, should be -?\d\.\d+", lines[3])
    said = " ".join(out.split())
    assert "constant factor: every value is 4 times too small; 4 is the length of axis 0 of x" in said
    assert pathlib.Path("db.png").stat().st_size > 1000 and "db.png: db expected, got" in out
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_a_file_that_does_its_worst_loses_no_other_verdict(write, capsys):
    """Three of its functions end their process; the others are checked all the same."""
    code, out, _ = minires(capsys, "gradcheck", write(WORST), "--shapes", "x=3x4", "--seconds", "2.5")
    assert code == 1
    blocks = dict(block.split(": ", 1) for block in out.split("\n\n") if ": " in block.split("\n")[0])
    assert blocks["right"].startswith("right\n  dx  right  largest error ")
    assert "not done after 2.5 s; it was at mine.py, line 1" in blocks["hangs"]
    assert "in hangs_backward" in blocks["hangs"]
    assert "mine.py, line 20, in exits_backward\n      sys.exit(0)\n  SystemExit: 0" in blocks["exits"]
    assert "it ended Python (sys.exit, os._exit, a crash" in " ".join(blocks["ends"].split())
    assert "RecursionError" in blocks["recurs"] and blocks["recurs"].count("in recurs_forward") == 1
    assert "mine.py, line 30, in raises_forward" in blocks["raises"] and "'pad'" in blocks["raises"]
    assert blocks["empty"] == "not written yet\n  empty_forward returns None."
    assert "alone_forward must return (out, cache); it returned an array of shape (3, 4)" in " ".join(
        blocks["alone"].split()
    )
    assert "The file printed:\n  read\n  forward (3, 4)\n" in out and "more lines" in out
    assert out.splitlines()[-1] == "1 of 8 is right"
    assert max(map(len, out.splitlines())) <= 80 and "Traceback" not in out


def test_shapes_that_do_not_fit_show_the_files_own_exception(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = minires(capsys, "gradcheck", f"{LAYERS}:affine", "--shapes", "x=4x3 w=4x5 b=5")
    assert code == 2 and "Traceback" not in out + err
    assert "in affine_forward\n      out = x.reshape(x.shape[0], -1) @ w + b\n  ValueError: matmul" in out
    assert re.search(r"error: layers.py: affine raises ValueError at line \d+ of layers.py: do these", err)
    assert err.count("\n") == 1 and "x (4, 3), w (4, 5), b (5,)" in err


def test_the_files_own_cases_are_used(write, capsys):
    name = write("""
        import numpy as np
        def scale(x, factor):
            return factor * x, factor
        def scale_grad(dout, factor):
            return dout * abs(factor)
        def cases(rng):
            return [{"x": rng.standard_normal((2, n)), "factor": n - 2.5} for n in (2, 3, 4)]
        """)
    code, out, _ = minires(capsys, "gradcheck", f"{name}:scale,scale_grad")
    assert code == 1
    assert "wrong sign: every value has the wrong sign." in out and "right in 2 of 3 cases." in out


# -- errors --------------------------------------------------------------------------------------------------

ERRORS = {  # of the command line, before anything runs
    "nosuch.py": "nosuch.py: no such file",
    "book.ipynb": "book.ipynb: a notebook; save its functions as a .py file",
    "mine.py --shapes x=4,,3": "--shapes: expected words such as x=4x3",
    "mine.py --shapes x=0x3": "--shapes: x=0x3: expected lengths from 1",
    "mine.py --shapes x=9999x9999": "--shapes: x=9999x9999: expected lengths from 1, and small ones",
    "mine.py --with y=labels(4.5)": "--with: y: expected whole numbers, as in labels(4, 10)",
    "mine.py --with y=open('x')": "--with: y: expected a number, a text",
    "mine.py --with y=": "--with: y: '' is no Python value",
    "mine.py --with 5": "--with: expected words such as pad=1",
    "mine.py --shapes x=3 --with x=1": "x is in --shapes and in --with: give it once",
    "mine.py --seconds 0": "--seconds: expected more than 0",
    "mine.py:": "expected a name after the colon",
    "conv2d --shapes x=3": "--shapes, --with and --plot are for a file of your own",
}


@pytest.mark.parametrize("command", ERRORS)
def test_each_error_is_one_line(write, capsys, command):
    write("")
    code, out, err = minires(capsys, "gradcheck", *command.split())
    assert code == 2 and out == ""
    assert err.startswith("minires: error: ") and ERRORS[command] in err and err.count("\n") == 1


UNREADABLE = {
    "def f(x):\n    return x +\n": "mine.py is not valid Python: line 2 of mine.py: ",
    "import nosuchpackage\n": "mine.py imports nosuchpackage, which is not there: pip install it",
    "import sys\nsys.exit(0)\n": "mine.py ends Python when it is read (line 2 of mine.py: sys.exit)",
    "import os\nos._exit(0)\n": "mine.py ends Python when it is read",
    "while True:\n    pass\n": "mine.py took more than 1.5 s to be read, at line ",
    "x = [][1]\n": "mine.py cannot be read: line 1 of mine.py: IndexError",
    "x = input()\n": "mine.py cannot be read: line 1 of mine.py: EOFError",
    "x = 1\n": "mine.py: expected NAME_forward and NAME_backward, or a loss; mine.py:f,b names any two",
}


@pytest.mark.slow
@pytest.mark.parametrize("source", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_line(write, capsys, source):
    code, _, err = minires(capsys, "gradcheck", write(source), "--shapes", "x=3", "--seconds", "1.5")
    assert code == 2 and UNREADABLE[source] in err and err.count("\n") == 1


OF_A_FILE = {
    "affin": "no affin there",
    "affine": 'affine needs x, w, b: add --shapes "x=NxM w=NxM b=NxM"',
    "relu": "relu: it takes no z, but x",
    "Linear": 'it is made with arguments: name it as "mine.py:Linear(n, m)"',
    "Linear(3,": "Linear(3, is not Python",
    "helper": "helper must return (loss, gradient); it returned a number",
    "affine_forward,helpers": "no function helpers there",
    "logarithm": "logarithm_forward gives values that are not finite: choose other inputs (a function cases",
}
SOURCE = """
import numpy as np
def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)
def affine_backward(dout, cache):
    return dout
def relu_forward(x):
    return np.maximum(x, 0), x
def relu_backward(dout, cache):
    return dout * (cache > 0)
def helper(x):
    return 1.0
def logarithm_forward(x):
    return np.log(x), x
def logarithm_backward(dout, cache):
    return dout / cache
class Linear:
    def __init__(self, n, m):
        self.W = np.zeros((n, m))
    def forward(self, x):
        return x @ self.W
    def backward(self, dout):
        return dout
"""


@pytest.mark.slow
@pytest.mark.parametrize("wanted", OF_A_FILE)
def test_what_does_not_fit_is_said(write, capsys, wanted):
    shapes = {"affine": (), "relu": ("--shapes", "x=3 z=4")}.get(wanted, ("--shapes", "x=3"))
    code, out, err = minires(capsys, "gradcheck", f"{write(SOURCE)}:{wanted}", *shapes)
    assert OF_A_FILE[wanted] in " ".join((out + err).split())
    assert code == (1 if wanted == "helper" else 2)
    assert "Traceback" not in out + err


@pytest.mark.slow
def test_a_file_without_a_pair_says_what_it_has(write, capsys):
    name = write("""
        def pool_backward(dout, cache): return dout
        def affine_forward(x): return x, x
        def helper(x): return x
        class Layer:
            def forward(self, x): return x
        """)
    code, out, err = minires(capsys, "gradcheck", name)
    assert code == 2 and "expected NAME_forward and NAME_backward" in err
    for line in (
        "pool_backward: no pool_forward beside it",
        "affine_forward: no affine_backward beside it",
        "helper: neither ..._forward nor ..._backward, and no loss",
        "Layer: a class without backward",
    ):
        assert line in out


@pytest.mark.slow
def test_tensors_are_checked_too_and_what_is_wrong_with_them_is_named(write, capsys):
    pytest.importorskip("torch")
    path = FOREIGN / "tensors" / "fully_connected_networks.py"
    shapes = "x=4x3 w=3x5 b=5"
    others = "y=labels(4, 3) dropout_param=dict(p=0.3, mode=train)"
    code, out, _ = minires(capsys, "gradcheck", path, "--shapes", shapes, "--with", others)
    assert code == 0 and out.endswith("5 of 5 are right\n")
    source = path.read_text(encoding="utf-8")
    source = source.replace("db = dout.sum(dim=0)", "db = dout.mean(dim=0)")
    source = source.replace("return torch.where", "dout[x < 0] = 0\n        return torch.where")
    code, out, _ = minires(capsys, "gradcheck", write(source), "--shapes", shapes)
    assert code == 1 and "every value is 4 times too small" in out
    assert "ReLU.backward writes into dout, which belongs to the caller" in " ".join(out.split())
    params = "X=4x3 params.W1=3x5 params.b1=5 params.W2=5x4 params.b2=4"
    code, out, _ = minires(
        capsys,
        "gradcheck",
        f"{path}:nn_forward_backward",
        "--shapes",
        params,
        "--with",
        "reg=0.1 y=labels(4,4)",
    )
    assert code == 0 and "dW1  right" in out


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a signal to one process")
def test_ctrl_c_says_where_it_was(write):
    name = write(WORST)
    command = [sys.executable, "-m", "minires", "gradcheck", f"{name}:hangs", "--shapes", "x=3"]
    path = str(FOREIGN.parent.parent)
    running = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(8)
    os.killpg(running.pid, signal.SIGINT)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "mine.py: stopped; it was at mine.py, line 1" in out and "in hangs_backward" in out


# -- the inputs ----------------------------------------------------------------------------------------------


def test_with_reads_what_python_writes_and_bare_words():
    text = "a=1 b=-2.5 c={'stride': 1, 'pad': (1, 2)} mode=train e=[1, 2] f='two words' "
    text += "g=dict(p=0.5, mode=test) h=None"
    case = inputs.Inputs(None, text).case(np.random.default_rng(0))
    assert case.values == {
        "a": 1,
        "b": -2.5,
        "c": {"stride": 1, "pad": (1, 2)},
        "mode": "train",
        "e": [1, 2],
        "f": "two words",
        "g": {"p": 0.5, "mode": "test"},
        "h": None,
    }


def test_labels_masks_and_arrays_inside_of_dicts():
    given = inputs.Inputs("p.W=2x3 p.b=3", "y=labels(4, 2, 3) t=onehot(5, 4) m=mask(2, 2) p.n=positive(2)")
    case = given.case(np.random.default_rng(0))
    assert case.values["y"].shape == (4, 2) and 0 <= case.values["y"].min() <= case.values["y"].max() < 3
    assert case.values["t"].sum(axis=1).tolist() == [1] * 5 and case.values["m"].dtype == bool
    assert {name: np.shape(a) for name, a in case.values["p"].items()} == {"W": (2, 3), "b": (3,), "n": (2,)}
    assert case.constant == {"y", "t", "m", "p.n"}


def test_the_draws_of_a_check_differ_and_repeat():
    given = inputs.Inputs("x=3", "")
    first, second = (case.values["x"] for case in given.cases(0))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, given.cases(0)[0].values["x"])


def test_relative_imports_tell_the_folder_of_the_package():
    assert gradcheck_source.imports_from_above(FOREIGN / "vision" / "layer_utils.py") == 1
    assert gradcheck_source.imports_from_above(FOREIGN / "vision" / "classifiers" / "fc_net.py") == 2
    assert gradcheck_source.imports_from_above(LAYERS) == 0
