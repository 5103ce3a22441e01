"""A time for a student's function, and the line at which it was when time, or patience, was up.

    with TimeLimit(30, "ex1_1_linear.py"):
        linear_forward(...)                    # raises TimeUp or Interrupted, whose .place is "line 7 of ..."

The function runs in this thread, so that print and breakpoint() work; a second thread watches the clock, and
sends this one the signal of a Ctrl-C. While a debugger waits for its user the clock stands still.
"""

import contextlib
import os
import pathlib
import signal
import sys
import threading

from minires.kernels.cpu import threads

GRACE = 3.0  # seconds for a function that does not end when it is told to
DEBUGGERS = ("bdb", "pdb", "pydevd", "debugpy")


class TimeUp(BaseException):
    """The time is up; not an Exception, which a student's function could catch. place: "line 7 of x.py"."""

    def __init__(self, place):
        super().__init__(place)
        self.place = place


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, and where the program was."""

    def __init__(self, place):
        super().__init__(place)
        self.place = place


class TimeLimit:
    """A context that ends what runs in it after some seconds (None: never), and says where it was.

    path: of the student's file; stubborn: called with the place if the code in the context does not end
    even so: it must end the process. Outside the main thread, which alone gets signals, it does nothing;
    where no thread can be started, as in a browser, there is no limit.
    """

    def __init__(self, seconds, path, *, stubborn=None):
        self.seconds, self.name = seconds, str(path)
        self._stubborn = stubborn or _end
        self._expired, self._over = False, threading.Event()
        self._turn = threading.Lock()  # no signal is sent once the context is left
        self._before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._main = threading.get_ident()
            self._before = signal.signal(signal.SIGINT, self._stop)
            if self.seconds is not None and threads.can_start():
                threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_):
        with self._turn:
            self._over.set()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _stop(self, number, frame):
        """Handle the signal, in the main thread. frame: at which it was."""
        if not self._expired:
            raise Interrupted(place(frame, self.name))
        if not self._over.is_set():
            raise TimeUp(place(frame, self.name))

    def _watch(self):
        """Wait in the second thread; then send the signal, again and again until the function ends."""
        while not self._over.wait(self.seconds):
            if not _is_debugged(sys._current_frames().get(self._main)):
                break
        for _ in range(int(GRACE / 0.1)):
            with self._turn:
                if self._over.is_set():
                    return
                self._expired = True
                _interrupt(self._main)
            if self._over.wait(0.1):
                return
        self._stubborn(place(sys._current_frames().get(self._main), self.name))


def place(frame, name):
    """Return "line 7 of x.py" of the innermost frame in the student's file, "" if there is none."""
    while frame is not None:
        if frame.f_code.co_filename == name:
            return f"line {frame.f_lineno} of {pathlib.Path(name).name}"
        frame = frame.f_back
    return ""


def _is_debugged(frame):
    if any(name in sys.modules for name in DEBUGGERS[2:]):
        return True
    while frame is not None:
        if frame.f_globals.get("__name__") in DEBUGGERS:
            return True
        frame = frame.f_back
    return False


def _interrupt(thread):
    """Do what Ctrl-C does: it wakes a thread that sleeps."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)
    else:  # Windows
        signal.raise_signal(signal.SIGINT)


def _end(where):
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    text = f"the time is up, at {where or 'no line of the file'}, and the function does not end: stopped"
    print(f"minires: error: {text}", file=sys.stderr, flush=True)
    os._exit(2)
