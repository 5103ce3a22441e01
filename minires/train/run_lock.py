"""Keeps two processes from training in one folder."""

import contextlib
import json
import os
import pathlib
import socket
import sys
import time
from typing import IO, Any

FAR = 1 << 30  # the byte that Windows locks; it cannot be read by others, so it lies behind the text


class RunLock:
    """A file in a run's folder that one process at a time can hold.

    The operating system's lock on the file ends with the process, however that ends: what a killed run left
    behind binds nobody, even if another process has got its number since. The text in the file says who
    holds it. Only where a file system has no locks does the text decide: its process counts as alive unless
    it ran on this machine, and its number is free or began at another time.

    Parameters
    ----------
    path
        The file; it is made, and removed by `release`.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        """Hold the lock from now on.

        Raises
        ------
        ValueError
            If another process holds it; the message says which.
        OSError
            If the file cannot be made.
        """
        while self._file is None:
            try:
                file = open(self.path, "a+b", buffering=0)  # noqa: SIM115
            except OSError as error:
                problem = error.strerror or error
                raise OSError(f"cannot write into {self.path.parent}: {problem}") from error
            try:
                if not _lock(file, self.path):
                    raise ValueError(self._refusal())
                if _is_at(self.path, file):
                    self._file = file
            finally:
                if self._file is None:  # held by another, or just removed by the one that held it
                    file.close()
        with contextlib.suppress(OSError):  # the lock holds without the text, too
            self._file.truncate(0)
            self._file.write(json.dumps(_this_process()).encode())

    def release(self) -> None:
        """Let others take it. Without effect if it is not held."""
        file, self._file = self._file, None
        if file is None:
            return
        if sys.platform == "win32":  # where an open file cannot be removed
            file.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        file.close()

    def _refusal(self) -> str:
        owner = _owner(self.path)
        if not owner:
            return f"{self.path.parent}: another process is training there; choose another --out"
        other = "" if owner["host"] == socket.gethostname() else f"; if it has ended, delete {self.path}"
        return (
            f"{self.path.parent}: process {owner['pid']} on {owner['host']} has been training there since "
            f"{owner['since']}; wait for its end, or choose another --out{other}"
        )


def _lock(file: IO[bytes], path: pathlib.Path) -> bool:
    """Return whether we hold the lock now."""
    try:
        _lock_of_the_system(file)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        owner = _owner(path)
        return not owner or not _is_alive(owner)
    return True


def _lock_of_the_system(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file.fileno(), FAR, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(path: pathlib.Path, file: IO[bytes]) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    since = time.strftime("%Y-%m-%d %H:%M")
    return {"pid": pid, "host": socket.gethostname(), "since": since, "began": _began(pid)}


def _owner(path: pathlib.Path) -> dict[str, Any]:
    """Return what the holder has written about itself; {} if that cannot be read."""
    try:
        owner = json.loads(path.read_bytes()[:1000])
        is_whole = isinstance(owner, dict) and owner.keys() == _this_process().keys()
        return owner if is_whole and isinstance(owner["pid"], int) else {}
    except (OSError, ValueError):
        return {}


def _is_alive(owner: dict[str, Any]) -> bool:
    if owner["host"] != socket.gethostname() or sys.platform == "win32":
        return True  # for all we know
    try:
        os.kill(owner["pid"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        pass
    return bool(_began(owner["pid"]) == owner["began"])


def _began(pid: int) -> str:
    """Return when a process began, in the kernel's ticks, to tell it from a later one of its number; "" where
    that cannot be known."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[19]  # field 22 of proc(5); the name before may hold anything
    except (OSError, IndexError):
        return ""
