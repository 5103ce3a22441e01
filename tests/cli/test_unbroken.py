"""Whatever breaks around a run (terminals, pipes, logs, pictures, disks, memory) ends it only if it must, and
says in one line what is left."""

import errno
import io
import os
import pathlib
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from test_cli import empty_folder, error_of, minires  # noqa: F401
from test_train import outcome

from minires import __main__, cli, data, plot
from minires.cli import terminal
from minires.train import checkpoint, loop, resume

FOUR = ["train", "--epochs", "4", "--batch-size", "32", "--out", "a"]  # of three steps: see `small`
posix = pytest.mark.skipif(sys.platform == "win32", reason="by the shell of Unix")


class Picture:
    """Draws nothing, at once."""

    def savefig(self, file, **_):
        file.write(b"picture")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Train on 96 digits, and do not wait for Matplotlib."""
    train, test = data.load("digits")
    few = train.take(slice(0, 96)), test.take(slice(0, 30))
    monkeypatch.setattr(loop.data, "load", lambda *_, **__: few)
    monkeypatch.setattr(plot, "curves", lambda *_, **__: Picture())


class Broken(io.StringIO):
    """A stream that takes so many writes, and then none."""

    def __init__(self, problem, takes=0):
        super().__init__()
        self.problem, self.takes = problem, takes

    def write(self, text):
        self.takes -= 1
        if self.takes < 0:
            raise self.problem
        return super().write(text)


def broken_pipe():
    return BrokenPipeError(errno.EPIPE, "Broken pipe")


def full_disk():
    return OSError(errno.ENOSPC, "No space left on device")


def closed_terminal():
    return OSError(errno.EIO, "Input/output error")


# -- terminals, pipes, logs --------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [0, 1])
@pytest.mark.parametrize("problem", [broken_pipe, full_disk, closed_terminal])
def test_a_log_that_cannot_be_written_never_stops_a_run(problem, takes, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken(problem()))
    monkeypatch.setattr(sys, "stderr", Broken(problem(), takes))
    assert cli.main([*FOUR, "--epochs", "3"]) == 0
    assert len(pathlib.Path("a/metrics.jsonl").read_text().splitlines()) == 3
    assert checkpoint.load("a/checkpoint.npz").facts["position"]["epoch"] == 3


def test_a_log_goes_on_when_the_disk_has_room_again(monkeypatch):
    class Full(Broken):
        def write(self, text):
            if text.startswith("epoch   2"):
                raise self.problem
            return io.StringIO.write(self, text)

    log = Full(full_disk())
    monkeypatch.setattr(sys, "stderr", log)
    assert cli.main([*FOUR, "--epochs", "3"]) == 0
    assert [line[:9] for line in log.getvalue().splitlines() if line] == ["epoch   1", "epoch   3"]


def test_the_bar_of_a_terminal_that_is_closed_is_passed_over(monkeypatch):
    stream = Broken(closed_terminal(), takes=5)
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    assert cli.main(FOUR) == 0
    assert "epoch 1/4" in stream.getvalue()  # there was one


def test_a_summary_that_is_lost_is_a_warning_for_what_it_sums_up_is_on_disk(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Broken(full_disk()))
    code, _, err = minires(capsys, *FOUR)
    assert code == 0 and err[-1] == "minires: warning: cannot write the output: No space left on device"


@pytest.mark.parametrize(
    "command", ["summary resnet8", "data", "lesson", "gradcheck relu", "--help", "train --help"]
)
def test_output_that_is_all_of_a_command_must_be_written(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Broken(full_disk()))
    assert minires(capsys, *command.split()) == (
        2,
        [],
        ["minires: error: cannot write the output: No space left on device"],
    )
    monkeypatch.setattr(sys, "stdout", Broken(broken_pipe()))
    assert minires(capsys, *command.split()) == (141, [], [])
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", Broken(full_disk()))
    assert cli.main(command.split()) == 0
    assert cli.main(["summary", "no network"]) == 2


def test_a_reader_that_leaves_a_lesson_is_no_failure_of_the_lesson(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Broken(broken_pipe(), takes=9))
    assert minires(capsys, "lesson", "1", "--run", "--fast") == (141, [], [])


@posix
def test_in_a_shell_a_run_goes_on_to_its_end_when_its_reader_has_left():
    command = f"{sys.executable} -m minires train --epochs 4 --batch-size 512 --out a 2>&1 | head -1"
    command += "; exit ${PIPESTATUS[0]}"
    assert subprocess.run(["bash", "-c", command], capture_output=True).returncode == 0
    assert len(pathlib.Path("a/metrics.jsonl").read_text().splitlines()) == 4


def test_names_that_the_terminal_cannot_show_end_nothing(monkeypatch, capsys):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", output)
    assert minires(capsys, *FOUR[:-1], "né")[0] == 0
    output.flush()
    assert rb"n\xe9: curves.png" in output.buffer.getvalue()


# -- pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "problem",
    [ImportError("No module named 'matplotlib'"), ValueError("no backend 'nonsense'"), MemoryError()],
    ids=repr,
)
def test_a_picture_that_cannot_be_drawn_is_one_warning(problem, monkeypatch, capsys):
    def fail(*_, **__):
        raise problem

    monkeypatch.setattr(plot, "curves", fail)
    monkeypatch.setattr("minires.train.run_folder.REDRAW", 0)  # after every epoch
    code, out, err = minires(capsys, *FOUR)
    reason = str(problem) or "MemoryError"
    path = pathlib.Path("a/curves.png")
    assert code == 0 and out[-1].startswith("test accuracy")
    assert [line for line in err if "warning" in line] == [f"minires: warning: {path} is not drawn: {reason}"]
    assert not path.exists()


def test_a_picture_that_cannot_be_drawn_hides_no_error(monkeypatch, capsys):
    def fail(*_, **__):
        raise ValueError("no backend 'nonsense'")

    monkeypatch.setattr(plot, "curves", fail)
    code, _, err = minires(capsys, *FOUR, "--lr", "1e30")
    assert code == 2 and err[-1].startswith("minires: error: step 2 (epoch 1), learning rate")


def test_a_picture_whose_place_is_taken_is_a_warning(capsys):
    pathlib.Path("a/curves.png").mkdir(parents=True)
    code, _, err = minires(capsys, *FOUR)
    assert code == 0 and sum("curves.png is not drawn" in line for line in err) == 1
    assert len(pathlib.Path("a/metrics.jsonl").read_text().splitlines()) == 4


# -- disks and memory --------------------------------------------------------------------------------------


@pytest.fixture
def uninterrupted(capsys):
    """Return what four epochs end with."""
    assert minires(capsys, *FOUR[:-1], "whole")[0] == 0
    return outcome(pathlib.Path("whole/checkpoint.npz"))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_after_a_failed_write_the_line_says_what_failed_first_and_what_is_whole(
    count, uninterrupted, monkeypatch, capsys
):
    """The writes: configuration, metrics, checkpoint; after an epoch checkpoint, metrics, curves."""
    fsync, left = os.fsync, [count]

    def full(descriptor):
        left[0] -= 1
        if left[0] == 0:
            raise full_disk()
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.os, "fsync", full)
        patched.setattr(checkpoint, "_sync_folder", lambda folder: None)
        code, _, err = minires(capsys, *FOUR)
    name = ("config.json", "metrics.jsonl", "checkpoint.npz", "checkpoint.npz", "metrics.jsonl")[
        min(count, 5) - 1
    ]
    if count == 6:
        assert code == 0 and "curves.png is not drawn: cannot write" in err[0]
    else:
        assert code == 2 and "Traceback" not in "".join(err)
        assert err[-1].startswith(f"minires: error: cannot write {pathlib.Path('a') / name}: No space left")
        assert not any("warning" in line for line in err)
    if count in (4, 5):
        step = {4: 0, 5: 3}[count]
        assert f"the checkpoint of step {step} is whole; to continue: minires train --resume" in err[-1]
        assert minires(capsys, "train", "--resume", "--out", "a")[0] == 0
    elif count < 4:
        assert err[-1].endswith("No space left on device")
    if count < 4:  # nothing has begun, so the same command begins again
        assert minires(capsys, *FOUR)[0] == 0
    assert outcome(pathlib.Path("a/checkpoint.npz")) == uninterrupted
    assert not list(pathlib.Path("a").glob("*.tmp"))


def test_out_of_memory_while_saving_says_so_and_keeps_the_file_before(monkeypatch, tmp_path):
    path = tmp_path / "a.npz"
    checkpoint.save(path, {"x": np.ones(3)}, {})
    before = path.read_bytes()

    class Small(io.BytesIO):
        """Memory that ends: io.BytesIO is closed then, of which zipfile complains."""

        def write(self, data):
            if self.tell() + len(data) > 10_000:
                self.close()
                raise MemoryError
            return super().write(data)

    monkeypatch.setattr(checkpoint, "io", types.SimpleNamespace(BytesIO=Small))
    with pytest.raises(MemoryError, match=r"while saving .*a\.npz"):
        checkpoint.save(path, {"x": np.ones(10**6)}, {})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_memory_that_ends_in_a_run_leaves_the_line_that_goes_on(uninterrupted, monkeypatch, capsys):
    save = resume.save

    def starve(path, trainer):
        if trainer.at.step == 6:
            raise MemoryError(f"while saving {path}")
        save(path, trainer)

    with monkeypatch.context() as patched:
        patched.setattr(loop.resume, "save", starve)
        code, _, err = minires(capsys, *FOUR)
    assert code == 2 and err[-1].startswith("minires: error: out of memory; ")
    assert "while saving" in err[-1] and "the checkpoint of step 3 is whole" in err[-1]
    assert minires(capsys, "train", "--resume", "--out", "a")[0] == 0
    assert outcome(pathlib.Path("a/checkpoint.npz")) == uninterrupted


# -- signals -----------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_between_two_steps_and_the_rest_has_the_same_bits(
    name, code, uninterrupted, monkeypatch, capsys
):
    done = terminal.Terminal.batch_done

    def batch_done(self):
        if self.folder.checkpoint.exists() and not sent:
            sent.append(os.kill(os.getpid(), getattr(signal, name)))
        done(self)

    sent = []
    with monkeypatch.context() as patched:
        patched.setattr(terminal.Terminal, "batch_done", batch_done)
        result = minires(capsys, *FOUR)
    assert result[0] == code and result[2][-1].startswith("stopped after step 1; to continue: ")
    assert minires(capsys, "train", "--resume", "--out", "a")[0] == 0
    assert outcome(pathlib.Path("a/checkpoint.npz")) == uninterrupted


@posix
def test_a_signal_that_is_ignored_stays_ignored(monkeypatch, capsys):
    """As of a run that nohup, or a script's `&`, has begun."""
    done = terminal.Terminal.batch_done

    def batch_done(self):
        os.kill(os.getpid(), signal.SIGHUP)
        done(self)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(terminal.Terminal, "batch_done", batch_done)
        assert minires(capsys, *FOUR)[0] == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# -- the start ---------------------------------------------------------------------------------------------

IMPORTING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "numpy":
            {what}
sys.meta_path.insert(0, Finder())
from minires.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    "what, code, line",
    [
        ("signal.raise_signal(signal.SIGINT)", 130, "stopped\n"),
        ("raise MemoryError", 2, "minires: error: cannot start: out of memory\n"),
        (
            "raise ImportError('libx.so: failed to map segment from shared object')",
            2,
            "minires: error: cannot start: out of memory\n",
        ),
        (
            "raise ModuleNotFoundError('No module named numpy')",
            2,
            "minires: error: cannot start: No module named numpy\n",
        ),
    ],
)
def test_what_ends_the_start_is_one_line(what, code, line):
    command = [sys.executable, "-c", IMPORTING.format(what=what), "--version"]
    child = subprocess.run(command, capture_output=True, text=True)
    assert (child.returncode, child.stdout, child.stderr) == (code, "", line)


def test_the_command_is_the_one_that_guards_its_start():
    import configparser

    places = pathlib.Path(cli.__file__).parents[2] / "setup.cfg"
    if not places.exists():
        pytest.skip("not in a checkout")
    settings = configparser.ConfigParser()
    settings.read(places, encoding="utf-8")
    assert settings["options.entry_points"]["console_scripts"].strip() == "minires = minires.__main__:main"
    assert callable(__main__.main)


@pytest.mark.parametrize(
    "line, option",
    [
        (["train", "--out", ""], "--out: "),
        (["train", "--out="], "--out: "),
        (["train", "--no-decay", ""], "--no-decay: "),  # every name begins with ""
        (["train", "--data-dir", ""], "--data-dir: "),
        (["eval", ""], ""),
        (["exercise", "start", "1", "--to="], "--to: "),
    ],
)
def test_an_empty_argument_is_refused(line, option, capsys):
    assert error_of(capsys, *line).startswith(f"{option}expected a value, got ''")
    assert not list(pathlib.Path().iterdir())


@pytest.mark.parametrize("option", [("--resume",), ()], ids=["that goes on", "that is new"])
def test_the_second_of_two_runs_in_a_folder_is_told(option, monkeypatch, capsys):
    done, told = terminal.Terminal.batch_done, []

    def batch_done(self):
        if not told:
            told.append(None)
            told[0] = subprocess.run(
                [sys.executable, "-m", "minires", "train", *option, "--out", "a"],
                capture_output=True,
                text=True,
            )
        done(self)

    monkeypatch.setattr(terminal.Terminal, "batch_done", batch_done)
    assert minires(capsys, *FOUR)[0] == 0
    assert told[0].returncode == 2 and told[0].stdout == ""
    assert f"process {os.getpid()} on " in told[0].stderr and told[0].stderr.count("\n") == 1
