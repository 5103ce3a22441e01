"""`python -m minires` is the command `minires`.

Importing takes a moment, in which Ctrl-C may come or memory may end: that, too, is one line.
"""

import os
import signal
import sys

STOPPED, UNUSABLE = 130, 2  # exit codes


def main() -> int:
    """Import the command and run it; return the exit code."""
    waits = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where it is ignored
    if waits:
        signal.signal(signal.SIGINT, _stop_at_once)
    try:
        from minires import cli
    except (ImportError, MemoryError, OSError, RuntimeError, SystemError) as error:
        return _cannot_start(error)
    try:
        if waits:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return cli.main()
    except KeyboardInterrupt:
        return STOPPED


def _stop_at_once(*_: object) -> None:
    """End the process: nothing has begun, and an exception could get lost in what is being imported."""
    _say("stopped")
    os._exit(STOPPED)


def _cannot_start(error: BaseException) -> int:
    text = " ".join(str(error).split())
    low = isinstance(error, MemoryError) or any(
        sign in text for sign in ("Cannot allocate memory", "failed to map segment", "can't start new thread")
    )
    problem = "out of memory" if low else f"{text[:300] or type(error).__name__}"
    _say(f"minires: error: cannot start: {problem}")
    return UNUSABLE


def _say(line: str) -> None:
    try:
        os.write(2, f"{line}\n".encode(errors="replace"))
    except OSError:  # nobody listens
        pass


if __name__ == "__main__":
    sys.exit(main())
