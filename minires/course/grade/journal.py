"""What has been graded, a line of JSON a submission, on disk as soon as it is known.

Before the first one runs, a line holds the hash of every submission, as it was read: its seal.

A grader that is killed leaves at most half a line, which is ignored. Every line has a key: a hash of what was
handed in and of what it was graded with, so that a changed file, exercise or seed is graded anew.
"""

import contextlib
import hashlib
import json
import os
import threading

import minires
from minires.course.grade import scratch

FORM = 2  # of the lines: another number, and old journals count no more


def fingerprint(exercises, seed, memory):
    """Return a hash of everything but the submission that decides a grade."""
    parts = [str(FORM), minires.__version__, str(seed), str(memory)]
    for exercise in exercises:
        parts += [exercise.module, exercise.path.read_text(encoding="utf-8")]
        parts += [text for pair in sorted(exercise.sources.items()) for text in pair]
    return _hash(part.encode() for part in parts)


def seal(files):
    """Return a hash of what a submission was read as. files: `submissions.Files`."""
    pairs = [
        *sorted(files.found.items()),
        *((m, text.encode()) for m, text in sorted(files.problems.items())),
    ]
    return _hash([files.problem.encode(), *(part for m, text in pairs for part in (m.encode(), text))])


def key(mark, files):
    """Return the key of a submission. mark: of `fingerprint`; files: `submissions.Files`."""
    return _hash([mark.encode(), seal(files).encode()])


def _hash(parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little") + part)  # or "ab", "c" would be "a", "bc"
    return total.hexdigest()


@contextlib.contextmanager
def alone(folder):
    """Be the only grader that writes into a folder, until the process ends, however it does.

    Raises ValueError if another one is at work in it.
    """
    with open(folder / ".lock", "ab") as file:
        try:
            scratch.lock(file)
        except (BlockingIOError, PermissionError):
            raise ValueError(f"{folder}: another minires grade is writing into it") from None
        except OSError:  # a file system without locks
            pass
        yield


class Journal:
    """The grades that are known: {(student, key): rows}, and the file to which each new one is appended."""

    def __init__(self, path):
        self.path, self._turn = path, threading.Lock()
        self._known = dict(_lines(path)) if path.exists() else {}

    def find(self, student, key):
        """Return the rows of `Grader.grade`, or None if this submission was not graded yet."""
        return self._known.get((student, key))

    def add(self, student, key, rows):
        """Keep the grade of a submission: when this returns, it is on disk."""
        self._append({"student": student, "key": key, "rows": rows})
        self._known[student, key] = rows

    def sealed(self, seals):
        """Write down what was read, before any of it runs. seals: {student: `seal` of the files}."""
        self._append({"sealed": seals})

    def _append(self, entry):
        line = json.dumps(entry) + "\n"
        with self._turn, _private(self.path) as file:
            if file.tell():
                line = _after_half_a_line(self.path) + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


def _private(path):
    """Open a file that nobody else may read, to append bytes."""
    file = open(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600), "ab"
    )
    file.seek(0, os.SEEK_END)
    return file


def _after_half_a_line(path):
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return "" if file.read() == b"\n" else "\n"


def _lines(path):
    """Yield ((student, key), rows) of the whole lines of a journal."""
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
            yield (entry["student"], entry["key"]), entry["rows"]
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the grader was killed
