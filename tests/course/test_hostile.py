"""A class of hostile and broken submissions: each gets what it deserves, and nobody else notices.

A member that needs a protection which this machine lacks is left out and skipped by its name.
"""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

import class_of_300
import grade_class
import pytest
from hostile import corpus, odd

from minires.course.grade import isolation

MEMBERS = corpus.members()
HONEST = {"ann": (odd.RIGHT, 3), "zoe": (odd.RIGHT.replace(b"dy.T @ x", b"dy.T @ x / len(x)"), 1)}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and modes")


def missing(member, held):
    """Return the protections that a member needs and this machine lacks."""
    return [name for name in member.needs if name not in held]


@pytest.fixture(scope="module")
def held():
    """Names of the protections and of the restrictions that hold on this machine."""
    return class_of_300.protections()


def inventory(folder):
    """Return {path: (mode, owner, time, content)} of the honest students' folders."""
    found = {}
    for student in HONEST:
        for path in (folder / student, folder / student / grade_class.NAME):
            facts = path.stat()
            content = path.read_bytes() if path.is_file() else None
            found[path] = facts.st_mode, facts.st_uid, facts.st_mtime, content
    return found


def processes(folder):
    """Return the numbers of the processes on whose command line this folder stands."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(folder) in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory, held):
    """Grade all at once, in a process of its own: (folder, {student: results}, inventory before, processes
    that are left, standard error)."""
    folder = tmp_path_factory.mktemp("hostile")
    grade_class.write_exercises(folder / "exercises")
    (folder / "in").mkdir()
    for student, (source, _) in HONEST.items():
        odd.put(folder / "in", student, source)
    places = corpus.places(folder / "in", folder / "out")
    for member in MEMBERS.values():
        if not missing(member, held):
            member.write(folder / "in", places)
    before = inventory(folder / "in")
    (folder / "tmp").mkdir()  # where the scratch folders come and go
    call = grade_class.command(folder, "--out", "out/grades.csv")
    there = {**os.environ, "TMPDIR": str(folder / "tmp")}
    run = subprocess.run(call, cwd=folder, env=there, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    left = processes(folder)
    results = {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in (folder / "out/grades/gradescope").iterdir()
    }
    yield folder, results, before, left, run.stderr
    shutil.rmtree(folder, ignore_errors=True)


def test_the_corpus_is_large_and_says_what_it_is():
    assert len(MEMBERS) >= 100
    for member in MEMBERS.values():
        assert 0 <= member.points <= 3 and member.says.strip() and re.compile(member.line)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_gets_its_points_and_its_line(graded, held, name):
    member = MEMBERS[name]
    if missing(member, held):
        pytest.skip(f"this machine lacks {', '.join(missing(member, held))}, which {name} needs")
    results = graded[1][name]
    said = [test["output"] for test in results["tests"]]
    assert results["score"] == member.points, said
    assert any(re.search(member.line, text) for text in said), said


@pytest.mark.parametrize("student", HONEST)
def test_the_honest_keep_their_grades_and_their_files(graded, student):
    folder, results, before, *_ = graded
    assert results[student]["score"] == HONEST[student][1]
    assert inventory(folder / "in") == before


def test_nothing_is_left_behind(graded):
    folder, _, _, left, complaints = graded
    assert left == [] and list((folder / "tmp").iterdir()) == [] and "Traceback" not in complaints
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"grades.csv", "grades"}
    assert {path.name for path in folder.iterdir()} == {"exercises", "in", "out", "tmp"}
    assert stat.S_IMODE((folder / "out/grades/seed").stat().st_mode) == 0o600


def test_the_table_and_the_journal_say_the_same(graded):
    folder, results, *_ = graded
    table = {row["student"].removeprefix("'"): row for row in grade_class.rows(folder / "out/grades.csv")}
    assert {student: int(row["total"]) for student, row in table.items()} == {
        student: each["score"] for student, each in results.items()
    }
    lines = (folder / "out/grades/journal.jsonl").read_text("utf-8").splitlines()
    sealed, *graded_lines = map(json.loads, lines)
    assert sorted(line["student"] for line in graded_lines) == sorted(results) == sorted(sealed["sealed"])


@pytest.mark.parametrize(
    "body",
    [
        "os.chmod(path, 0)",
        "os.chown(path, -1, -1)",
        "os.utime(path)",
        "os.setxattr(path, 'user.a', b'b')",
        "os.truncate(path, 0)",
        "os.open(path, os.O_RDONLY | os.O_TRUNC)",
        "os.open(path, 3 | os.O_TRUNC)",
        "fcntl.fcntl(os.open(path, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
        "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, 1)",
        "os.memfd_create('a')",
    ],
)
def test_the_filter_alone_stops_what_landlock_does_not_know(held, tmp_path, body):
    if "system calls" not in held:
        pytest.skip("this machine has no filter of system calls")
    (tmp_path / "a").write_text("kept")
    before = (tmp_path / "a").stat()
    source = f"import fcntl, os\ndef f(path):\n    open('b', 'w').write('allowed')\n    {body}\n".encode()
    with isolation.Sandbox({"work": source}, "work", ask_for=("system calls",)) as sandbox:
        record = sandbox.perform({"name": "f", "after": None}, [{"path": str(tmp_path / "a")}], seconds=10)[0]
    assert record["error"]["type"] == "PermissionError" and record["error"]["line"] == 4
    assert (tmp_path / "a").read_text() == "kept" and (tmp_path / "a").stat().st_mode == before.st_mode


def test_a_made_up_class_gets_what_it_was_made_for(tmp_path, held):
    """Killed in the middle and gone on with."""
    class_of_300.measure(tmp_path, students=4, seed=2, jobs=2, times=1, held=held)


@pytest.mark.slow
def test_a_class_of_300_is_graded_in_ten_minutes(tmp_path, held):
    """And alike with the same seed, and with the same points with another."""
    options = {"students": 300, "seed": 1, "jobs": 2, "times": 3, "held": held}
    for what, seconds in class_of_300.measure(tmp_path, **options):
        assert seconds < 600, what
