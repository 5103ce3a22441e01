"""Two processes never train in one folder, and what a dead one left behind stops nobody."""

import errno
import json
import os
import re
import socket
import subprocess
import sys

import pytest

from minires.train import Config, run_lock
from minires.train.run_folder import RunFolder
from minires.train.run_lock import RunLock

HOLD = """
import pathlib, sys
from minires.train.run_lock import RunLock
lock = RunLock(pathlib.Path(sys.argv[1]))
lock.take()
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Return (process that holds the lock, its path)."""
    path = tmp_path / ".lock"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as process:
        assert process.stdout.readline() == "taken\n"
        yield process, path
        process.kill()


def test_the_second_process_is_told_who_trains_there_until_that_one_is_killed(holder):
    process, path = holder
    told = rf"process {process.pid} on {re.escape(socket.gethostname())} has been training there since"
    for _ in range(2):  # being refused changes nothing
        with pytest.raises(ValueError, match=told):
            RunLock(path).take()
    process.kill()
    process.wait()
    assert path.exists()  # what it left behind
    lock = RunLock(path)
    lock.take()
    assert json.loads(path.read_text())["pid"] == os.getpid()
    lock.release()
    lock.release()
    assert not path.exists()


def test_a_folder_that_is_locked_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with RunFolder(tmp_path) as folder:
            folder.open(Config.for_data("digits"), [])
            with pytest.raises(ValueError, match="has been training there"):
                RunFolder(tmp_path).open(Config.for_data("digits"), [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "metrics.jsonl"]


def test_a_run_that_ended_while_another_was_preparing_is_not_overwritten(tmp_path):
    folder = RunFolder(tmp_path)
    folder.require_no_run()
    folder.checkpoint.write_bytes(b"of another run")
    with folder, pytest.raises(ValueError, match="holds a run already"):
        folder.open(Config.for_data("digits"), [])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path):
    with pytest.raises(OSError, match="cannot write into .*gone: No such file"):
        RunLock(tmp_path / "gone" / ".lock").take()


# -- where the file system has no locks, the text in the file decides ---------------------------------------


@pytest.fixture
def no_locks(monkeypatch):
    def refuse(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(run_lock, "_lock_of_the_system", refuse)


def dead_process():
    """Return the number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.mark.skipif(sys.platform == "win32", reason="file systems there have locks")
@pytest.mark.parametrize(
    "changes, holds",
    [
        ({}, True),
        ({"pid": "dead"}, False),
        ({"began": "another time"}, False),  # the number is another process's now
        ({"host": "elsewhere", "pid": "dead"}, True),  # nobody here knows
        ({"pid": 10**30}, False),
        ({"pid": "no number"}, False),
    ],
    ids=str,
)
def test_without_locks_the_process_that_is_named_must_be_alive(changes, holds, no_locks, tmp_path):
    owner = run_lock._this_process() | changes
    owner["pid"] = dead_process() if owner["pid"] == "dead" else owner["pid"]
    path = tmp_path / ".lock"
    path.write_text(json.dumps(owner))
    lock = RunLock(path)
    if holds:
        with pytest.raises(ValueError, match="has been training there") as caught:
            lock.take()
        assert ("if it has ended, delete" in str(caught.value)) == ("host" in changes)
    else:
        lock.take()
        assert json.loads(path.read_text())["pid"] == os.getpid()
        lock.release()


@pytest.mark.parametrize("text", [b"", b"\xff", b"[1]", b'{"pid": 1}', b"{" * 2000])
def test_without_locks_a_text_that_says_nothing_binds_nobody(text, no_locks, tmp_path):
    path = tmp_path / ".lock"
    path.write_bytes(text)
    RunLock(path).take()
    assert json.loads(path.read_text())["host"] == socket.gethostname()
