"""What was handed in is sealed before anything runs; a failing judge is no student's; no scratch is left."""

import json
import os
import signal
import subprocess
import sys
import time

import class_of_1000
import grade_class
import hand_ins
import pytest
from grade_class import NAME, SOLUTION, command, rows, write_class

from minires import cli
from minires.course import exercise
from minires.course.examination import Examination
from minires.course.grade import grader, isolation, journal, reports, scratch
from minires.course.grade import run as runner


@pytest.fixture
def exercises(tmp_path, monkeypatch):
    """Exercise 1.1 alone; and this process stays as it is."""
    there = grade_class.use_exercises(grade_class.write_exercises(tmp_path / "exercises"))
    monkeypatch.setattr(isolation, "harden", lambda: None)
    monkeypatch.setattr(isolation, "protections", lambda: [isolation.Protection("files", True, "Closed.")])
    yield
    exercise.folder = there
    exercise.exercises.cache_clear()


def grade(capsys, *arguments):
    """Return (exit code, stdout, stderr)."""
    code = cli.main(["grade", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_all_are_read_and_their_hashes_written_before_the_first_runs(
    tmp_path, capsys, monkeypatch, exercises
):
    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": SOLUTION + "# bo\n", "cy": SOLUTION + "# cy\n"})
    seen = []

    def spoils_the_others(self, source, stop):
        lines = (tmp_path / "g" / "journal.jsonl").read_text("utf-8").splitlines()
        seen.append((source, json.loads(lines[0])["sealed"].keys()))
        for student in ("ann", "bo", "cy"):
            (tmp_path / "in" / student / NAME).write_text("spoilt")
        return [{"problem": "", "mistake": "", "says": "", "noted": False} for _ in self.questions]

    monkeypatch.setattr(grader.Grader, "rehearse", lambda self: None)
    monkeypatch.setattr(grader.Paper, "grade", spoils_the_others)
    assert grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv", "--jobs", 1)[0] == 0
    assert sorted(source for source, _ in seen) == sorted(
        text.encode() for text in (SOLUTION, SOLUTION + "# bo\n", SOLUTION + "# cy\n")
    )
    assert all(students == {"ann", "bo", "cy"} for _, students in seen)


def test_a_judge_that_fails_is_the_instructors_and_the_next_run_tries_again(
    tmp_path, capsys, monkeypatch, exercises
):
    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": SOLUTION.replace("sum", "mean")})
    judge = Examination.judge

    def fails(self, records):
        verdict = judge(self, records)
        return verdict if verdict.ok else {}["a hole in the judge"]

    with monkeypatch.context() as patched:
        patched.setattr(Examination, "judge", fails)
        code, out, error = grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv")
    assert code == 1 and error == ""
    assert out.splitlines()[-1].startswith("not graded in full, for the grader failed: bo; ")
    ann, bo = rows(tmp_path / "g.csv")
    assert ann["total"] == "3" and bo["total"] == "not graded"
    assert bo["1.1 linear_forward"] == "1" and bo["1.1 linear_backward"] == "not graded"
    assert "the grader failed (KeyError at line" in bo["notes"] and "not the submission" in bo["notes"]
    assert "usual way" not in bo["notes"]
    results = json.loads((tmp_path / "g/gradescope/bo.json").read_text("utf-8"))
    assert "score" not in results and "score" not in results["tests"][1] and results["tests"][0]["score"] == 1
    assert "3 points, not all graded" in (tmp_path / "g/reports/bo.md").read_text("utf-8")
    assert "1 submissions are not graded in full" in (tmp_path / "g/summary.md").read_text("utf-8")
    assert grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv", "--resume")[0] == 0
    assert [row["total"] for row in rows(tmp_path / "g.csv")] == ["3", "1"]


def test_a_moodle_zip_with_a_roster_becomes_a_table(tmp_path, capsys, exercises):
    path = hand_ins.moodle(tmp_path / "m.zip")
    text = (
        "Identifier,Full name\nParticipant 1234,Jane Doe\nParticipant 6,Al Pha\nParticipant 77,Émile Zola\n"
    )
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8")
    out = tmp_path / "g.csv"
    code, said, _ = grade(capsys, path, "--out", out, "--roster", tmp_path / "roster.csv")
    assert code == 0 and "read as a Moodle download, a zip: 3 entries: 3 handed in\n" in said
    assert (
        "3 entries in, 3 rows in g/entries.csv; 3 hand-ins and 1 of the roster without one, 4 rows in g.csv"
        in said
    )
    table = {row["student"]: row for row in rows(out)}
    assert {student: (row["total"], row["id"]) for student, row in table.items()} == {
        "Jane Doe": ("3", "1234"),
        "Émile Zola": ("3", "77"),
        "Bo O'Neil": ("0", "5"),
        "Al Pha": ("0", "6"),
    }
    assert table["Al Pha"]["notes"] == "the submission is missing: nothing was handed in"
    assert table["Bo O'Neil"]["notes"].endswith("; not in the roster")
    entries = rows(tmp_path / "g" / "entries.csv")
    assert [row["became"] for row in entries] == ["handed in"] * 3
    lines = {row["student"]: row["line"] for row in entries}
    assert lines == {"Jane Doe": "3 of 3 points", "Émile Zola": "3 of 3 points", "Bo O'Neil": "0 of 3 points"}
    summary = (tmp_path / "g/summary.md").read_text("utf-8")
    assert (
        "3 submissions" in summary
        and "1 of the roster handed in nothing" in summary
        and "Mean 2.0" in summary
    )


def test_a_class_of_one_touches_nothing_of_the_class_before(tmp_path, capsys, exercises):
    """The loose file that turned the class into one student."""
    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": SOLUTION})
    out = tmp_path / "g.csv"
    assert grade(capsys, tmp_path / "in", "--out", out)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "g" / "reports").iterdir()}
    (tmp_path / "in" / NAME).write_text(SOLUTION)
    code, _, error = grade(capsys, tmp_path / "in", "--out", out, "--resume")
    assert code == 2 and "whose is it?" in error and error.count("\n") == 1
    code, _, error = grade(capsys, tmp_path / "in", "--out", out, "--resume", "--platform", "one")
    assert code == 0 and "is the earlier table: 2 of its students" in error
    assert {path: path.read_bytes() for path in before} == before
    assert [row["student"] for row in rows(tmp_path / "g.earlier-1.csv")] == ["ann", "bo"]


def test_the_seal_is_of_what_was_handed_in_alone(tmp_path):
    from minires.course.grade.submissions import Files

    kept = journal.Journal(tmp_path / "j")
    runner.sealed((), [], kept)
    assert json.loads((tmp_path / "j").read_text()) == {"sealed": {}}
    assert journal.seal(Files(found={"a": b"b"}, notes=["x"])) == journal.seal(Files(found={"a": b"b"}))
    assert reports.NOTHING == "the submission is missing: nothing was handed in"


# -- scratch folders ----------------------------------------------------------------------------------------

HOLDS = """\
import time
from minires.course.grade import scratch
print(scratch.folder(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_mine", {})
    return tmp_path


def holder(folder):
    """Start a process that has a scratch folder; return it and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_folders_of_the_killed_are_removed_and_those_of_the_living_are_not(temporary):
    process, folder = holder(temporary)
    try:
        assert os.path.isdir(folder) and scratch.tidy() == 0 and os.path.isdir(folder)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert os.path.isdir(folder) and scratch.tidy() == 1 and list(temporary.iterdir()) == []


def test_only_folders_that_are_ours_and_old_enough_are_removed(temporary):
    mine = scratch.folder()
    young, old = temporary / f"{scratch.PREFIX}young", temporary / f"{scratch.PREFIX}old"
    for path in (young, old, temporary / "other"):
        path.mkdir()
    os.utime(old, (0, time.time() - 2 * scratch.LONGEST))
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / scratch.LOCK).touch()
    (temporary / f"{scratch.PREFIX}link").symlink_to(temporary / "elsewhere")
    assert scratch.tidy() == 1 and not old.exists() and young.exists() and os.path.isdir(mine)
    assert (temporary / "elsewhere" / scratch.LOCK).exists() and (temporary / "other").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_sigterm_ends_it_as_ctrl_c_does(tmp_path, capsys, monkeypatch, exercises):
    def is_ended(self, source, stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        raise grader.Stopped

    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": SOLUTION})
    monkeypatch.setattr(grader.Grader, "rehearse", lambda self: None)
    monkeypatch.setattr(grader.Paper, "grade", is_ended)
    before = signal.getsignal(signal.SIGTERM)
    code, _, error = grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv", "--jobs", 1)
    assert code == 143 and "0 of 2 submissions are graded; the same command with --resume continues" in error
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_grader_that_is_ended_leaves_no_scratch_folders(tmp_path, number, code):
    grade_class.write_exercises(tmp_path / "exercises")
    (tmp_path / "tmp").mkdir()
    slow = {f"s{i}": f"import time\ntime.sleep(0.5)\n{SOLUTION}# {i}\n" for i in range(4)}
    write_class(tmp_path / "in", slow)
    call = command(tmp_path, "--jobs", "2", "--out", "out/grades.csv")
    options = {"cwd": tmp_path, "env": {**os.environ, "TMPDIR": str(tmp_path / "tmp")}, "text": True}
    kept = tmp_path / "out/grades/journal.jsonl"
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    deadline = time.monotonic() + 120  # for what never comes; it takes seconds
    while not kept.exists() or kept.read_bytes().count(b"\n") < 2:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == code and "Traceback" not in complaint
    left = list((tmp_path / "tmp").iterdir())
    assert left == [] if number == signal.SIGTERM else len(left) == 1
    last = subprocess.run([*call, "--resume"], capture_output=True, **options)
    assert last.returncode == 0, last.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [row["total"] for row in rows(tmp_path / "out/grades.csv")] == ["3"] * 4


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_class_of_1000_from_canvas_and_from_moodle_gets_the_same(tmp_path):
    class_of_1000.measure(tmp_path, students=1000, jobs=2)
