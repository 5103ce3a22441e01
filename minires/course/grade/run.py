"""Grade a whole class on several threads, each of which waits for one isolated child at a time."""

import os
import pathlib
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from minires.course.grade import journal, reports, submissions
from minires.course.grade.grader import Stopped


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


def grade_all(grader, files, kept, mark, *, jobs, progress):
    """Return {student: rows of `Grader.grade`} of all submissions.

    files: {student: Files} of `sealed`; kept: the Journal that knows some of the grades and gets the others;
    mark: of `journal.fingerprint`; jobs: threads; progress: called without arguments after every submission.
    Ctrl-C, and whatever else is raised here, ends it after the functions that are running.
    """
    stop = threading.Event()

    def one(student):
        if stop.is_set():
            raise Stopped
        key = journal.key(mark, files[student])
        rows = kept.find(student, key)
        if rows is None:
            rows = grader.grade(files[student], stop)
            if reports.points(rows)[0] is not None:  # else the next run grades it again
                kept.add(student, key, rows)
        return student, rows

    with ThreadPoolExecutor(jobs) as pool:
        try:
            grades = {}
            for finished in as_completed([pool.submit(one, student) for student in files]):
                student, rows = finished.result()
                grades[student] = rows
                progress()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {student: grades[student] for student in sorted(grades)}
