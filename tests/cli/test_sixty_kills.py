"""Sixty kills at random moments, and twenty circumstances that are broken: the same bits after --resume."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from test_train import outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="by Linux's devices, signals and limits"),
]
OPTIONS = ["--epochs", "2", "--batch-size", "256", "--threads", "1", "--save-every", "0"]  # 2 times 6 steps
KILLS = 60


def command(*arguments):
    return [sys.executable, "-m", "minires", "train", *map(str, arguments)]


def finish(folder):
    """Bring a run to its end, from wherever it is; return what it ends with."""
    start = ["--resume"] if (folder / "checkpoint.npz").exists() else OPTIONS
    done = subprocess.run(command(*start, "--out", folder), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["checkpoint.npz", "config.json", "curves.png", "metrics.jsonl"]
    return outcome(folder / "checkpoint.npz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return (what an undisturbed run ends with, its seconds)."""
    start = time.perf_counter()
    return finish(tmp_path_factory.mktemp("whole") / "run"), time.perf_counter() - start


def test_sixty_kills_and_the_bits_are_the_same(whole, tmp_path):
    expected, seconds = whole
    chance, kills, writing, runs = random.Random(0), 0, 0, 0
    while kills < KILLS:
        folder, runs = tmp_path / f"{runs}", runs + 1
        while kills < KILLS:
            start = ["--resume"] if (folder / "checkpoint.npz").exists() else OPTIONS
            child = subprocess.Popen(
                command(*start, "--out", folder),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            until = time.perf_counter() + chance.uniform(0, seconds)
            is_writing = False
            if chance.random() < 0.5:  # at some moment
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(max(0, until - time.perf_counter()))
            else:  # while something is being written
                while child.poll() is None and not is_writing:
                    late = time.perf_counter() >= until
                    is_writing = late and any(folder.glob("*.tmp"))
            child.kill()
            _, errors = child.communicate()
            if child.returncode == 0:
                break
            assert child.returncode == -signal.SIGKILL, errors
            kills, writing = kills + 1, writing + is_writing
        assert finish(folder) == expected, f"after {kills} kills"
    print(f"{kills} kills, {writing} of them while a file was being written, {runs} runs")


# -- broken terminals, pipes, pictures, disks ----------------------------------------------------------------

# a process in which the n-th file that is made sure to be on disk finds the disk full
FULL = """
import os, sys, errno
fsync, left = os.fsync, [{count}]
def full(descriptor):
    left[0] -= 1
    if left[0] == 0:
        raise OSError(errno.ENOSPC, "No space left on device")
    fsync(descriptor)
os.fsync = full
from minires.__main__ import main
sys.argv[0] = "minires"
sys.exit(main())
"""
RUN = f'"{sys.executable}" -m minires train {" ".join(OPTIONS)} --out "$RUN"'
NO_PICTURE = "is not drawn"
SHELL = [  # what the shell runs, the exit code, what is said
    (f"{RUN} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}", 0, "epoch   1"),
    (f"{RUN} 2>&1 | true; exit ${{PIPESTATUS[0]}}", 0, ""),
    (f"{RUN} 2>/dev/full", 0, "test accuracy"),
    (f"{RUN} >/dev/full", 0, "cannot write the output: No space left"),
    (f"{RUN} >/dev/full 2>&1", 0, ""),
    (f"{RUN} >&-", 0, "epoch   2"),
    (f"{RUN} 2>&-", 0, "test accuracy"),
    (f"{RUN} >&- 2>&- <&-", 0, ""),
    (f"PYTHONIOENCODING=ascii:strict {RUN}", 0, "test accuracy"),
    (f"MPLBACKEND=nonsense {RUN}", 0, NO_PICTURE),
    (f'mkdir -p "$RUN/curves.png"; {RUN}; code=$?; rmdir "$RUN/curves.png"; exit $code', 0, NO_PICTURE),
    (f"ulimit -f 0; {RUN}", 2, "config.json: File too large"),
    (f"ulimit -f 100; {RUN}", 2, "checkpoint.npz: File too large"),
    (f'touch "$RUN"; {RUN}; code=$?; rm "$RUN"; exit $code', 2, "there is a file of that name"),
    (f"RUN=/proc/nowhere; {RUN}", 2, "cannot make the folder /proc/nowhere"),
    (f"ulimit -v 150000; {RUN}; code=$?; test $code = 2 -o $code = 1", 0, ""),  # 1: OpenBLAS gives up itself
]


def ends_with(whole, folder):
    assert finish(folder) == whole[0]
    return True


@pytest.mark.parametrize("script, code, said", SHELL)
def test_a_broken_circumstance_ends_a_run_only_if_it_must(script, code, said, whole, tmp_path):
    folder = tmp_path / "né"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "RUN": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=300,
    )
    assert done.returncode == code and said in done.stdout and "Traceback" not in done.stdout, done.stdout
    if code == 0 and "ulimit" not in script:
        assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert ends_with(whole, folder)


@pytest.mark.parametrize("count", [1, 3, 5, 7, 19, 21, 23, 25])
def test_a_disk_that_gets_full_leaves_what_goes_on(count, whole, tmp_path):
    """Every second call is for a folder. Files: configuration, metrics, checkpoint; then a checkpoint after
    each of six steps and after the epoch, metrics, curves."""
    folder = tmp_path / "run"
    program = [sys.executable, "-c", FULL.format(count=count), "train", *OPTIONS, "--out", str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        assert NO_PICTURE in done.stderr
    else:
        (line,) = [line for line in done.stderr.splitlines() if not line.startswith("epoch ")]
        assert done.returncode == 2 and line.startswith("minires: error: cannot write ")
        assert ("is whole; to continue" in line) == (folder / "checkpoint.npz").exists()
    assert ends_with(whole, folder)


@pytest.mark.parametrize("hangup", [True, False])
def test_a_terminal_that_is_closed(hangup, whole, tmp_path):
    """It sends SIGHUP, upon which the run is saved and ends; under nohup it goes on to its end."""
    import pty

    folder = tmp_path / "run"
    pid, master = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL if hangup else signal.SIG_IGN)
        os.execv(sys.executable, command(*OPTIONS, "--out", folder))
    shown = b""
    while b"epoch   1:" not in shown:
        shown += os.read(master, 1000)
    os.close(master)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == (129 if hangup else 0)
    assert pathlib.Path(folder, "checkpoint.npz").exists()
    assert ends_with(whole, folder)
