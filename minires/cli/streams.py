"""Standard output and standard error, which may break while a command works.

The reader of a pipe goes away, the disk behind a log is full, a terminal is closed. What is said on standard
error never stops a command. What is written to standard output stops it, unless its product is a file.
"""

import contextlib
import errno
import os
import sys

READER_GONE = 141  # 128 + SIGPIPE: what a shell reports of a program whose reader went away


class OutputLost(BaseException):
    """Standard output cannot be written. No Exception, so that it ends a command wherever it is, as Ctrl-C
    does; __cause__ is the OSError."""


class Stream:
    """A text stream that remembers its first OSError in `error`, and raises OutputLost only if `needed`."""

    def __init__(self, stream):
        self._stream, self.error, self.needed = stream, None, False

    def write(self, text):
        with self._trying():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        with self._trying():
            self._stream.flush()

    @contextlib.contextmanager
    def _trying(self):
        try:
            yield
        except OSError as error:
            self.error = self.error or error
            if self.needed:
                self.needed = False  # what is said on the way out is passed over
                raise OutputLost from error

    def __getattr__(self, name):  # encoding, isatty, fileno, ...
        return getattr(self._stream, name)


@contextlib.contextmanager
def guarded():
    """Put a Stream in the place of sys.stdout and of sys.stderr; yield the two."""
    _occupy_standard_descriptors()
    before = sys.stdout, sys.stderr
    # closed by the caller (`>&-`), or a program without a console
    usable = [stream or open(os.devnull, "w", encoding="utf-8") for stream in before]  # noqa: SIM115
    for stream in usable:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_replacing(stream))
    sys.stdout, sys.stderr = map(Stream, usable)
    try:
        yield sys.stdout, sys.stderr
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.needed = False
            stream.flush()
            if stream.error is not None:
                _forget_rest(stream)
        sys.stdout, sys.stderr = before


def _replacing(stream):
    """Return how a text stream writes what it has no character for: never with an error.

    A path may be any bytes: where the encoding is UTF-8 they come out as they are.
    """
    is_utf8 = stream.encoding.lower().replace("-", "") == "utf8"
    return "surrogateescape" if is_utf8 and stream is sys.stdout else "backslashreplace"


def is_reader_gone(error):
    """Return whether an OSError of a stream says that nobody reads the pipe any more."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def _forget_rest(stream):
    """Send what is still in the stream's buffer nowhere, for the interpreter flushes once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _occupy_standard_descriptors():
    """Keep our files from getting the number of a closed standard stream: C libraries write to those."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
