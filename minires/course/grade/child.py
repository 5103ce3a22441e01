"""A child process that may do anything: start it, query it, end it in time with everything it started.

Nothing that comes from the child is trusted: it may send anything, at any length, at any time, or nothing.
"""

import ctypes
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

from minires.course.grade import scratch
from minires.course.sandbox import wire

# the variables of the BLAS libraries: one thread, whose results are the same bits every time
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# without these Windows starts no program, or a cluster's or conda's interpreter misses its libraries
KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") + (("PATH",) if os.name == "nt" else ())
PATIENCE = 5.0  # seconds to wait for a killed process to end

_starting = threading.Lock()
_own_children = set()  # processes that are no orphans of a submission
_is_subreaper = False


class SandboxError(Exception):
    """The child cannot go on and was ended. kind: "timeout", "memory", "crash" (it died), "output" (it sent
    too much) or "protocol" (what it sent is no answer)."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind, self.text = kind, text


class Child:
    """A running script with pipes to it and a scratch folder, in which it runs and which is removed with it.

    Linux ends a child with the thread that started it, so a Child lives no longer than its thread.
    """

    def __init__(self, script, *arguments):
        """arguments: strings; {scratch} in one of them is replaced by the folder."""
        self.scratch = scratch.folder()
        self.trusted = True  # until the untrusted code starts
        self.is_two, self.may_fork = True, True  # see `end`
        self._talk = None
        self._complaints = tempfile.TemporaryFile()
        # inside an environment Windows' python.exe only starts the real one: it could be ended in its place
        python = getattr(sys, "_base_executable", sys.executable) if os.name == "nt" else sys.executable
        command = [python, "-I", "-S", "-B", "-X", "utf8", str(script)]
        apart = {"start_new_session": True}
        if os.name == "nt":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        with _starting:
            self._process = subprocess.Popen(
                command + [argument.format(scratch=self.scratch) for argument in arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                bufsize=0,
                cwd=self.scratch,
                env=_environment(self.scratch),
                **apart,
            )
            _own_children.add(self._process.pid)

    def ask(self, request, *, seconds, limit):
        """Send a request (None: only listen); return the answer, at most limit bytes. Raises SandboxError."""
        answers = queue.SimpleQueue()
        # in a thread of its own, because a pipe may stay full, or empty, for ever
        self._talk = threading.Thread(
            target=_converse, args=(self._process, request, limit, answers), daemon=True
        )
        self._talk.start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise SandboxError("timeout", f"not done after {seconds:.3g} s") from None
        if isinstance(answer, wire.TooLarge):
            raise SandboxError("output", str(answer))
        if isinstance(answer, (wire.Ended, OSError)):
            raise SandboxError("crash", self._last_words())
        if isinstance(answer, Exception):
            raise SandboxError("protocol", f"what it sent is no answer: {answer}")
        return answer

    def _last_words(self):
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it closed its connection to the grader"
        if self.trusted:
            self._complaints.seek(0)
            complaint = self._complaints.read(100_000).decode("utf-8", "replace").strip().split("\n")[-1]
            return f"Python and NumPy did not start: {complaint or f'exit status {code}'}"
        number = -code if code < 0 else code - 128
        if os.name == "posix" and number in set(signal.Signals):
            return f"it was ended by {signal.Signals(number).name}"
        return f"it ended itself with exit status {code}"

    def end(self):
        """End the child and all its descendants, remove its folder.

        If it is_two, the process known here only waits for the other: it is told to end both, and everything
        with them. Otherwise the process group is killed and then, if it may_fork, its orphans.
        """
        self._kill()
        if self._talk is not None:
            self._talk.join(PATIENCE)
        if self._talk is None or not self._talk.is_alive():  # else somebody holds the pipe's other end
            self._process.stdin.close()
            self._process.stdout.close()
        with _starting:
            _own_children.discard(self._process.pid)
        self._complaints.close()
        scratch.remove(self.scratch)

    def _kill(self):
        process = self._process
        if os.name == "posix" and self.is_two:
            process.terminate()
            if _ended(process):
                return
        if os.name == "posix":
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        process.kill()
        _ended(process)
        if _is_subreaper and self.may_fork:
            _end_orphans()


def _ended(process):
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return True


def _environment(scratch):
    """Return the parts of the grader's environment that the interpreter needs to start, and no others."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    folders = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), scratch)
    return {**kept, **folders, **dict.fromkeys(ONE_THREAD, "1")}


def _converse(process, request, limit, answers):
    """Send a request; put the answer, or the exception raised instead, into a queue."""
    try:
        if request is not None:
            wire.write(process.stdin, request)
        answers.put(wire.read(process.stdout, limit=limit))
    except Exception as error:
        answers.put(error)


def harden():
    """Let no process look into this one, and let it end what its children leave behind (both on Linux).

    For the command alone: from now on every new child of this process that is not a Child is taken for an
    orphan of a submission, and ended.
    """
    global _is_subreaper
    if sys.platform != "linux":
        return
    set_dumpable, set_subreaper = 4, 36
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]
    prctl(set_dumpable, 0, 0, 0, 0)
    with _starting:
        if not _is_subreaper:
            _own_children.update(_children())
        _is_subreaper = prctl(set_subreaper, 1, 0, 0, 0) == 0


def ends_orphans():
    """Return whether `harden` made this process find what its children leave behind."""
    return _is_subreaper


def _children():
    """Return the process numbers of this process's children."""
    found = []
    for thread in os.listdir("/proc/self/task"):
        try:
            found += map(int, pathlib.Path(f"/proc/self/task/{thread}/children").read_text().split())
        except OSError:  # the thread has ended
            pass
    return found


def _end_orphans():
    """Kill what children left behind, and what that leaves behind, until nothing is left."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with _starting:
            orphans = set(_children()) - _own_children
            for orphan in orphans:
                try:
                    os.kill(orphan, signal.SIGKILL)
                    os.waitpid(orphan, os.WNOHANG)
                except (ProcessLookupError, ChildProcessError):
                    pass
        if not orphans:
            return
