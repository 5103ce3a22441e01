"""The scratch folders of the sandboxes, all in one folder of this process, which outlives it by no run.

A process that is killed cannot tidy up. So its folder holds a file that it keeps locked as long as it lives,
however it ends, and the next grader removes every such folder whose lock is free.
"""

import atexit
import os
import pathlib
import shutil
import stat
import tempfile
import threading
import time

PREFIX = "minires-sandbox-"
LOCK = "lock"
LONGEST = (
    24 * 3600.0
)  # seconds after which a folder without a lock is nobody's: no grader takes so long to begin

_turn = threading.Lock()
_mine = {}  # "folder": the path, "lock": the open file


def folder():
    """Return the path of a new empty folder for one sandbox."""
    with _turn:
        if _mine.get("process") != os.getpid():
            _begin()
        return tempfile.mkdtemp(prefix="box-", dir=_mine["folder"])


def _begin():
    path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
    # locked before it has its name: another grader that tidies up sees it locked or not at all
    file = open(path / "new", "ab")
    lock(file)
    if os.name == "nt":  # which renames no open file
        (path / LOCK).touch()
    else:
        os.rename(path / "new", path / LOCK)
    _mine.update(process=os.getpid(), folder=path, lock=file)
    atexit.register(_end, os.getpid(), path, file)


def _end(process, path, file):
    if process == os.getpid():  # not in a child that was forked
        file.close()
        remove(path)


def lock(file):
    """Lock an open file until it is closed or the process ends. Raises BlockingIOError or PermissionError if
    another process has locked it, OSError if the file system knows no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def tidy():
    """Remove the folders that graders of this user left behind when they were killed. Return how many."""
    removed = 0
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if path != _mine.get("folder") and _is_left_behind(path):
            remove(path)
            removed += not path.exists()
    return removed


def _is_left_behind(path):
    try:
        facts = path.lstat()
        if not stat.S_ISDIR(facts.st_mode) or hasattr(os, "geteuid") and facts.st_uid != os.geteuid():
            return False
        if not (path / LOCK).is_file():
            return time.time() - facts.st_mtime > LONGEST
        with open(path / ("new" if os.name == "nt" else LOCK), "ab") as file:
            lock(file)
    except OSError:  # somebody holds it, or it is just going
        return False
    return True


def remove(path):
    """Remove a folder with all that lies in it, as far as it can be removed."""
    try:
        shutil.rmtree(path, ignore_errors=True)
    except RecursionError:  # folders nested without end, where Landlock does not prevent it
        pass
