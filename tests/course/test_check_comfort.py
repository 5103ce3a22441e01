"""The check's time limit, Ctrl-C, --watch and --repro."""

import pathlib
import runpy
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from minires import cli
from minires.cli.exercise import repro, watch
from minires.course import exercise, limit
from minires.course.check import check

LINEAR = exercise.find("1.1")
FILE = pathlib.Path("ex1_1_linear.py")
SUM = "dbias = dy.sum(axis=0)"
LINE = LINEAR.head.splitlines().index(f"    {SUM}") + 1


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)


def written(*edits):
    """Write the solution with these edits (old, new) as the student's file."""
    source = LINEAR.head
    for old, new in edits:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    FILE.write_text(source, encoding="utf-8")


# -- the time limit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loop, last",
    [
        ("while True: pass", 0),
        ("import time; time.sleep(1000)", 0),
        ("while True:\n        try:\n            len(dy)\n        except Exception:\n            pass", 4),
    ],
)
def test_a_function_that_does_not_end_is_stopped_at_its_line(loop, last):
    written((SUM, loop))
    right, late = check(LINEAR, FILE, seconds=0.5)
    assert right.verdict.ok
    begin, _, line = late.verdict.problem.partition(", at line ")
    assert begin == "linear_backward was not done after 0.5 s"
    assert line.endswith(f" of {FILE}") and LINE <= int(line.split()[0]) <= LINE + last


def test_a_file_that_is_never_read_to_its_end():
    FILE.write_text("import time\n\ntime.sleep(1000)\n", encoding="utf-8")
    for result in check(LINEAR, FILE, seconds=0.5):
        assert result.verdict.problem == f"{FILE} was not done after 0.5 s, at line 3 of {FILE}"


def test_the_functions_after_one_that_does_not_end_are_checked_too():
    written(("y = x @ weight.T + bias", "while len(x) == 5: pass\n    y = x @ weight.T + bias"))
    forward, _ = check(LINEAR, FILE, seconds=0.5)
    assert "was not done" in forward.verdict.problem
    written()
    assert all(result.verdict.ok for result in check(LINEAR, FILE, seconds=30))


def test_the_time_is_taken_for_each_function_and_ends_with_it():
    before = signal.getsignal(signal.SIGINT)
    with limit.TimeLimit(0.2, "x.py"):
        pass
    time.sleep(0.4)  # a signal that came too late would end this
    assert signal.getsignal(signal.SIGINT) is before


def test_a_call_that_does_not_hear_signals_ends_the_process():
    source = (
        "import hashlib\n"
        "import minires.course.limit as limit\n"
        "limit.GRACE = 0.5\n"
        "with limit.TimeLimit(0.3, __file__):\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)  # ten minutes inside one call\n"
    )
    pathlib.Path("stubborn.py").write_text(source, encoding="utf-8")
    path = [str(pathlib.Path(limit.__file__).parents[2])]
    ran = subprocess.run(
        [sys.executable, "-c", f"import runpy, sys; sys.path[:0] = {path}; runpy.run_path('stubborn.py')"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 2 and "the function does not end: stopped" in ran.stderr, ran.stderr
    assert "at line 5 of stubborn.py" in ran.stderr


def test_a_thread_that_cannot_get_signals_is_left_alone():
    def run():
        with limit.TimeLimit(0.01, "x.py"):
            time.sleep(0.05)
        done.append(True)

    done = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]


def test_the_clock_stands_still_in_a_debugger():
    import bdb

    debugger = bdb.Bdb()
    source = "import time\ntime.sleep(0.6)\n"
    with limit.TimeLimit(0.2, "x.py"):
        debugger.run(source)


def test_timeout_of_the_command(capsys):
    written((SUM, "while True: pass"))
    assert cli.main(["exercise", "check", "1.1", "--timeout", "0.5"]) == 1
    assert capsys.readouterr().out.startswith(
        f"1.1  linear_backward was not done after 0.5 s, at line {LINE} of ex1_1_linear.py\n"
    )
    for wrong in ("-1", "nan"):
        assert cli.main(["exercise", "check", "1.1", "--timeout", wrong]) == 2
        assert "--timeout: expected seconds, 0 for no limit" in capsys.readouterr().err


def test_ctrl_c_says_at_which_line_the_program_was(capsys):
    written((SUM, "import _thread; _thread.interrupt_main(); all(range(1, 10**9))"))
    assert cli.main(["exercise", "check", "1.1"]) == 130
    assert capsys.readouterr().err.endswith(f"stopped, at line {LINE} of ex1_1_linear.py\n")


# -- --repro -----------------------------------------------------------------------------------------------


def ran(path):
    """Run the script without its debugger; return its names."""
    stop, sys.breakpointhook = sys.breakpointhook, lambda: None
    paths = list(sys.path)
    try:
        return runpy.run_path(str(path))
    finally:
        sys.breakpointhook, sys.path[:] = stop, paths
        sys.modules.pop("ex1_1_linear", None)


def test_repro_writes_a_script_that_shows_the_same_numbers(capsys):
    written((SUM, "dbias = dy.mean(axis=0)"))
    assert cli.main(["exercise", "check", "1.1", "--repro", "bug.py"]) == 1
    assert "bug.py: the smallest input that shows it" in capsys.readouterr().out
    (evidence,) = [r.verdict.evidence for r in check(LINEAR, FILE) if not r.verdict.ok]
    names = ran("bug.py")
    for name in ("x", "weight", "bias", "dy"):
        np.testing.assert_array_equal(names[name], evidence.case[name])
    np.testing.assert_array_equal(names["got"][2], evidence.got)
    text = pathlib.Path("bug.py").read_text(encoding="utf-8")
    assert text.index("breakpoint()") < text.index("got = ex1_1_linear.linear_backward(dy, cache)")
    assert cli.main(["exercise", "check", "1.1", "--repro", "bug.py"]) == 1  # its own script may be renewed


def test_repro_of_an_error_and_in_another_folder(capsys):
    written((SUM, "1 / 0"))
    pathlib.Path("other").mkdir()
    assert cli.main(["exercise", "check", "1.1", "--repro", "other/bug.py"]) == 1
    with pytest.raises(ZeroDivisionError):
        ran("other/bug.py")
    sys.modules.pop("ex1_1_linear", None)


def test_repro_overwrites_nothing_else(capsys):
    written()
    before = FILE.read_bytes()
    for name in (str(FILE), "bug.txt", "no-name.py", "x/y/bug.py"):
        written((SUM, "dbias = dy.mean(axis=0)")) if name.startswith("x") else None
        assert cli.main(["exercise", "check", "1.1", "--repro", name]) == 2
        err = capsys.readouterr().err
        assert err.startswith("minires: error: --repro: ") and err.count("\n") == 1
    written()
    assert cli.main(["exercise", "check", "1.1", "--repro", "bug.py"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out and not pathlib.Path("bug.py").exists()
    assert FILE.read_bytes() == before


@pytest.mark.parametrize(
    "value",
    [
        np.array([[0.1, -0.0], [1e-300, 3.0]]),
        np.array([np.nan, np.inf, -np.inf]),
        np.zeros((0, 3), np.float32),
        np.array([1.5], np.float32),
        np.array([1, 2]),
        np.array([True, False]),
        np.array(2.5),
        np.float32(0.1),
        (1,),
        (),
        (np.array([1.0]), {"a": [None, 2, "text"]}),
        0.1,
    ],
    ids=str,
)
def test_a_literal_gives_exactly_the_value_again(value):
    again = eval(repro.literal(value), {"np": np, **{n: getattr(np, n) for n in ("array", "nan", "inf")}})
    assert type(again) is type(value)
    np.testing.assert_equal(again, value)
    if isinstance(value, np.ndarray):
        assert again.dtype == value.dtype and again.shape == value.shape


# -- --watch -----------------------------------------------------------------------------------------------


def test_watch_checks_what_is_saved_and_says_what_has_changed(capsys, monkeypatch):
    written((SUM, "dbias = dy.mean(axis=0)"))
    looks = iter(
        [
            *(lambda: written(), lambda: None),  # saved; it counts when it is twice the same
            *(lambda: FILE.write_text("", encoding="utf-8"), lambda: written(), lambda: None),  # half saved
            *(lambda: FILE.unlink(), lambda: None),  # an editor replaces it ...
            *(lambda: written(("x @ weight.T + bias", "x @ weight.T")), lambda: None),  # ... by this
            *(lambda: written((SUM, "dbias = dy[0]")), lambda: None),
        ]
    )

    def wait(seconds):
        try:
            next(looks)()
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(watch.time, "sleep", wait)
    assert cli.main(["exercise", "check", "1.1", "--watch"]) == 0
    out, err = capsys.readouterr()
    said = [block.split("\n")[0] for block in out.split("\n\n") if "\nWhat you save" in block]
    assert said == [
        "next: linear_backward",
        "fixed: linear_backward; everything is right",
        "no longer right: linear_forward; next: linear_forward",
        "fixed: linear_forward; no longer right: linear_backward; next: linear_backward",
    ]
    assert err == ""


def test_watch_checks_only_the_files_that_were_saved(capsys, monkeypatch):
    looks = iter([lambda: written(), lambda: None])

    def wait(seconds):
        try:
            next(looks)()
        except StopIteration:
            raise KeyboardInterrupt from None

    cli.main(["exercise", "start", "1", "--to", "."])
    checked = []
    real = watch.results_of
    monkeypatch.setattr(watch.time, "sleep", wait)
    monkeypatch.setattr(
        watch, "results_of", lambda one, *rest: checked.append(one.number) or real(one, *rest)
    )
    assert cli.main(["exercise", "check", "1", "--watch"]) == 0
    assert checked == [*(one.number for one in exercise.of_assignment(1)), "1.1"]
    assert "fixed: linear_forward, linear_backward; next: relu_forward" in capsys.readouterr().out
