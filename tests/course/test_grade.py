"""`minires grade`, from a folder of submissions to the table: the same every time, also when interrupted."""

import json
import os
import shutil
import stat
import subprocess

import grade_class
import pytest
from grade_class import CLASS, NAME, POINTS, SOLUTION, command, rows, write_class

from minires import cli
from minires.course import exercise
from minires.course.grade import grader, isolation, journal, message, reports, results

FIELDS = ["student", "total", "1.1 linear_forward", "1.1 linear_backward", "id", "handed in", "notes"]


@pytest.fixture(autouse=True)
def exercises(tmp_path, monkeypatch):
    """Exercise 1.1 alone; and this process stays as it is."""
    there = grade_class.use_exercises(grade_class.write_exercises(tmp_path / "exercises"))
    monkeypatch.setattr(isolation, "harden", lambda: None)
    monkeypatch.setattr(isolation, "protections", lambda: [isolation.Protection("files", True, "Closed.")])
    yield tmp_path / "exercises"
    exercise.folder = there
    exercise.exercises.cache_clear()


def grade(capsys, *arguments):
    """Return (exit code, stdout, stderr)."""
    try:
        code = cli.main(["grade", *map(str, arguments)])
    except SystemExit as exit:  # how argparse ends
        code = exit.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def outputs(folder):
    """Return {name: bytes} of all that is written, but for the journal, whose order is that of finishing."""
    paths = (
        path for path in folder.rglob("*") if path.is_file() and path.name not in ("journal.jsonl", "seed")
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# -- the whole command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A graded class, by a process of its own with all protections: (folder, standard output)."""
    folder = tmp_path_factory.mktemp("graded")
    grade_class.write_exercises(folder / "exercises")
    write_class(folder / "in", CLASS)
    run = subprocess.run(
        command(folder, "--out", "out/grades.csv"), cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_every_student_gets_the_points_and_a_row(graded):
    table = rows(graded[0] / "out" / "grades.csv")
    assert list(table[0]) == FIELDS
    assert {row["student"].removeprefix("'"): int(row["total"]) for row in table} == POINTS
    notes = {row["student"]: row["notes"] for row in table}
    assert notes["ann"] == notes["Bo_123_assignsubmission_file_"] == ""  # a wrong number is no note
    assert (
        "took longer" in notes["ed"] and "not valid Python" in notes["di"] and "ended Python" in notes["cy"]
    )
    assert "'=cmd|' calc'!A0" in notes  # no formula


def test_reports_name_the_mistake_and_how_to_go_on(graded):
    text = (graded[0] / "out/grades/reports/Bo_123_assignsubmission_file_.md").read_text("utf-8")
    assert "dweight is wrong." in text and "Mean over the batch. dweight was divided by N." in text
    assert "`minires exercise check 1.1`" in text and "1 of 3 points" in text
    assert "Everything is right." in (graded[0] / "out/grades/reports/ann.md").read_text("utf-8")
    assert len(list((graded[0] / "out/grades/reports").iterdir())) == len(CLASS)


def test_gradescope_files_have_the_fields_that_it_reads(graded):
    results = json.loads((graded[0] / "out/grades/gradescope/ed.json").read_text("utf-8"))
    assert (
        results["score"] == 1 and results["visibility"] == "visible" and results["output"] == "1 of 3 points"
    )
    right, wrong = results["tests"]
    assert right == {
        "name": "1.1 linear_forward",
        "score": 1,
        "max_score": 1,
        "status": "passed",
        "output": "right",
        "visibility": "visible",
    }
    assert wrong["status"] == "failed" and wrong["score"] == 0 and "took longer" in wrong["output"]
    assert not (graded[0] / "out/grades/results.json").exists()  # of one submission only


def test_the_summary_counts_what_is_wrong(graded):
    text = (graded[0] / "out/grades/summary.md").read_text("utf-8")
    assert "6 submissions, 3 points." in text and "Mean 1.0, median 1, lowest 0, highest 3." in text
    assert "| 1.1 linear\\_forward | 4 | 67 % | 1 |" in text
    assert "| 1.1 linear\\_backward: mean over the batch | 1 |" in text
    assert text.count("not valid Python | 1 |") == 1  # once for the file, not for each function
    assert (graded[0] / "out/grades/summary.png").read_bytes().startswith(b"\x89PNG")


def test_the_protections_are_printed_first(graded):
    assert graded[1].startswith("What holds on this machine while submissions run:\n")
    for name in isolation.MEANINGS:
        assert f"\n  {name} " in graded[1]


@pytest.mark.skipif(os.name != "posix", reason="no such permissions here")
def test_the_seed_and_the_journal_are_for_the_owner_alone(graded):
    folder = graded[0] / "out/grades"
    for name in ("seed", "journal.jsonl"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    seed = (folder / "seed").read_text().strip()
    assert int(seed) > 2**64
    assert all(seed.encode() not in content for content in outputs(graded[0] / "out").values())
    assert seed not in (folder / "journal.jsonl").read_text() and seed not in graded[1]


def test_the_same_seed_gives_the_same_bytes(graded, capsys, tmp_path):
    seed = graded[0] / "out/grades/seed"
    out = tmp_path / "again" / "grades.csv"
    code, _, _ = grade(capsys, graded[0] / "in", "--out", out, "--seed-file", seed, "--jobs", 3)
    assert code == 0 and outputs(out.parent) == outputs(graded[0] / "out")
    assert not (out.parent / "grades" / "seed").exists()


# -- gone on with ----------------------------------------------------------------------


def test_resume_grades_what_is_new_or_changed_and_keeps_the_table_of_who_is_gone(
    tmp_path, capsys, monkeypatch, exercises
):
    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": SOLUTION, "cy": SOLUTION})
    graded = []
    monkeypatch.setattr(grader.Grader, "rehearse", lambda self: None)
    monkeypatch.setattr(
        grader.Paper, "grade", lambda self, source, stop: graded.append(source) or right(self)
    )
    call = (tmp_path / "in", "--out", tmp_path / "grades.csv")
    assert grade(capsys, *call)[0] == 0 and len(graded) == 3
    code, _, error = grade(capsys, *call)
    assert code == 2 and "--resume" in error and error.count("\n") == 1
    write_class(tmp_path / "in", {"di": SOLUTION})
    (tmp_path / "in" / "bo" / NAME).write_text("changed")
    shutil.rmtree(tmp_path / "in" / "cy")
    assert grade(capsys, *call, "--resume")[0] == 0
    assert sorted(graded[3:]) == sorted([b"changed", SOLUTION.encode()])
    assert [row["student"] for row in rows(tmp_path / "grades.csv")] == ["ann", "bo", "di"]
    assert [row["student"] for row in rows(tmp_path / "grades.earlier-1.csv")] == ["ann", "bo", "cy"]
    with open(exercises / NAME, "a", encoding="utf-8") as file:
        file.write("# other cases\n")
    exercise.exercises.cache_clear()
    assert grade(capsys, *call, "--resume")[0] == 0 and len(graded) == 8  # another exercise: everybody again


def right(paper):
    return [{"problem": "", "mistake": "", "says": "", "noted": False} for _ in paper.questions]


def test_the_reports_of_who_is_gone_stay_and_an_unreadable_one_is_said_once(tmp_path):
    def row(function, problem, noted=True):
        said = {"problem": problem, "mistake": "", "says": "", "noted": noted}
        return {"exercise": "1.1", "function": function, "points": 0, "of": 1, **said}

    damaged = [row(name, "the submission is not a zip, or a damaged one") for name in "fg"]
    absent = [row(name, "ex1_1_linear.py is missing") for name in "fg"]
    empty = [row(name, f"{name} is not written yet", noted=False) for name in "fg"]
    grades = {"ann": damaged, "bo": absent, "cy": empty}
    results.write(tmp_path / "g.csv", tmp_path / "g", grades, title="T")
    texts = {each: (tmp_path / f"g/reports/{each}.md").read_text("utf-8") for each in grades}
    assert texts["ann"].endswith("\n\nThe submission is not a zip, or a damaged one.\n")
    assert "## 1.1 `f`, `g`\n\nNot written yet.\n" in texts["cy"]
    assert reports.diagnoses(grades) == {"the submission is not a zip, or a damaged one": 1}
    assert "| 1.1 f | 0 | 0 % | 2 |" in (tmp_path / "g/summary.md").read_text("utf-8")
    told = []
    results.write(tmp_path / "g.csv", tmp_path / "g", {"bo": absent}, title="T", warn=told.append)
    assert {path.name for path in (tmp_path / "g/reports").iterdir()} == {"ann.md", "bo.md", "cy.md"}
    assert "g.earlier-1.csv is the earlier table: 2 of its students" in told[0]
    assert "2 reports are of an earlier run" in told[1]
    assert {row["student"] for row in rows(tmp_path / "g.earlier-1.csv")} == {"ann", "bo", "cy"}


def test_a_chart_that_cannot_be_drawn_is_a_warning_and_all_grades_are_written(tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("no backend 'nonsense'")

    said = {"problem": "ex1_1_linear.py is missing", "mistake": "", "says": "", "noted": True}
    grades = {"bo": [{"exercise": "1.1", "function": "f", "points": 0, "of": 1, **said}]}
    monkeypatch.setattr(results, "_draw", fail)
    warnings = []
    results.write(tmp_path / "g.csv", tmp_path / "g", grades, title="T", warn=warnings.append)
    assert warnings == [f"{tmp_path / 'g' / 'summary.png'} is not drawn: no backend 'nonsense'"]
    assert "bo" in (tmp_path / "g.csv").read_text("utf-8")


def test_a_second_grader_in_the_same_place_does_not_begin(tmp_path, capsys):
    write_class(tmp_path / "in", {"ann": SOLUTION})
    (tmp_path / "g").mkdir()
    with journal.alone(tmp_path / "g"):
        code, _, error = grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv")
    assert code == 2 and "another minires grade is writing into it" in error and error.count("\n") == 1
    with journal.alone(tmp_path / "g"):  # given back
        pass


def test_a_write_that_fails_says_where_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"No space left.*summary\.md"):
        results.replace(tmp_path / "g" / "summary.md", "text")
    assert list((tmp_path / "g").iterdir()) == []


def test_a_backward_that_is_lost_names_the_forward_before_it():
    assert message.lost("f", "timeout")["problem"].endswith("is there an endless loop?")
    for kind in ("timeout", "crash", "output", "memory", "protocol"):
        assert "b_forward" in message.lost("b_backward", kind, "b_forward")["problem"]


# -- one submission -------------------------------------------------------------------------------------


def test_a_single_submission_also_gets_results_json(tmp_path, capsys):
    write_class(tmp_path, {"mine": SOLUTION})
    code, out, _ = grade(capsys, tmp_path / "mine", "--out", tmp_path / "mine" / "grades.csv")
    assert code == 0 and "1 submission\n" in out
    assert json.loads((tmp_path / "mine/grades/results.json").read_text("utf-8"))["score"] == 3


# -- what a user can do wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere", "--out", "g.csv"], "nowhere: there is no such folder"),
        (["empty", "--out", "g.csv"], "empty: there is no submission in it"),
        (["in", "--out", "g.txt"], "--out: expected a file name that ends with .csv"),
        (["in", "--out", "in/g.csv"], "is among the submissions"),
        (["in", "--out", "file/g.csv"], "file"),
        (["in", "--out", "g.csv", "--assignment", "7"], "assignment 7: does not exist"),
        (["in", "--out", "g.csv", "--jobs", "0"], "--jobs: expected at least 1, got 0"),
        (["in", "--out", "g.csv", "--memory", "1"], "--memory: expected at least 256"),
        (["in", "--out", "g.csv", "--seed-file", "file"], "file: expected the secret seed"),
        (["in", "--out", "g.csv", "--seed-file", "empty"], "empty"),
        (["other", "--out", "g.csv"], "give --assignment"),
        (["mixed", "--out", "g.csv"], "files of assignments 1 and 2"),
        (["in"], "--out"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_class(tmp_path / "in", {"ann": SOLUTION})
    write_class(tmp_path / "mixed", {"ann": SOLUTION})
    for folder in ("empty", "other/bo", "mixed/cy"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "mixed/cy/ex2_1_x.py").write_text("")
    (tmp_path / "file").write_text("x")
    code, _, error = grade(capsys, *arguments)
    assert code == 2 and message in error and error.startswith("minires: error: ") and error.count("\n") == 1
    assert not (tmp_path / "g.csv").exists()


@pytest.mark.parametrize("name", ["files", "network"])
def test_several_students_without_a_protection_need_to_be_asked_for(tmp_path, capsys, monkeypatch, name):
    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": SOLUTION})
    write_class(tmp_path / "one", {"ann": SOLUTION})
    monkeypatch.setattr(isolation, "protections", lambda: [isolation.Protection(name, False, "Open.")])
    code, out, error = grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv")
    assert code == 2 and f"not protected on this machine: {name}" in error and f"{name}  NO   Open." in out
    assert error.count("\n") == 1 and "--without-isolation" in error and not (tmp_path / "g").exists()
    assert grade(capsys, tmp_path / "in", "--out", tmp_path / "g.csv", "--without-isolation")[0] == 0
    assert grade(capsys, tmp_path / "one", "--out", tmp_path / "h.csv")[0] == 0  # nobody else is in danger
