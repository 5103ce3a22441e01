"""Grade a whole class on several threads, each of which waits for one isolated child at a time.

Or on the workers of another engine, see `grade_all`'s executor.
"""

import functools
import os
import pathlib
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

from minires.course.grade import journal, pool, reports, submissions


def seed_in(path):
    """Return the secret seed in a file that only its owner may read; draw it if there is no such file.

    Raises ValueError if something else stands there.
    """
    path = pathlib.Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(beside, flags, 0o600), "w", encoding="ascii") as file:
            file.write(f"{secrets.randbits(128)}\n")
        os.replace(beside, path)
    text = path.read_bytes()[:1000].strip()
    if not text.isdigit() or len(text) > 100:
        raise ValueError(f"{path}: expected the secret seed, one integer; delete the file to draw a new one")
    return int(text)


def sealed(found, modules, kept):
    """Read all submissions, write their hashes into the journal, and return {student: Files}.

    Nothing of theirs runs before, so none can change what another one handed in. found: the Submissions of
    `gather`; modules: names of the files that were handed out; kept: the Journal.
    """
    files = {submission.student: submissions.read(submission.source, modules) for submission in found}
    kept.sealed({student: journal.seal(each) for student, each in files.items()})
    return files


def grade_all(grader, files, kept, mark, *, jobs, progress, executor=None):
    """Return {student: rows of `Grader.grade`} of all submissions.

    files: {student: Files} of `sealed`; kept: the Journal that knows some of the grades and gets the others;
    mark: of `journal.fingerprint`; jobs: threads; progress: called without arguments after every submission;
    executor: called without arguments, returns a `concurrent.futures.Executor`, which is used in place of the
    threads: what it is given can be pickled, and its workers need this version of minires.
    Ctrl-C, and whatever else is raised here, ends it after the functions that are running.
    """
    keys = {student: journal.key(mark, each) for student, each in files.items()}
    grades = {student: rows for student, key in keys.items() if (rows := kept.find(student, key)) is not None}
    for _ in grades:
        progress()
    stop = threading.Event()
    work = grader.elsewhere(mark) if executor else functools.partial(grader.grade, stop=stop)
    waiting = {student: each for student, each in files.items() if student not in grades}
    threads = functools.partial(ThreadPoolExecutor, jobs)
    for student, rows in pool.graded(work, waiting, executor or threads, abandon=stop.set):
        grades[student] = grader.not_graded(rows.why) if isinstance(rows, pool.Lost) else rows
        if reports.points(grades[student])[0] is not None:  # else the next run grades it again
            kept.add(student, keys[student], rows)
        progress()
    return {student: grades[student] for student in sorted(grades)}
