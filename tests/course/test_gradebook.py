"""From grades to the gradebook: weights, lateness, overrides, changes by hand, cells that nobody computes."""

import csv
import io
import re
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import pytest
from grade_class import backward

from minires.course import exercise
from minires.course.examination import Examination
from minires.course.grade import page, results, roster
from minires.course.grade.gather import Attempt, Submission
from minires.course.grade.gradebook import edits, entry, exports, late, numbers, overrides, tables, weights
from minires.course.parts import Part
from minires.course.sandbox import perform

EXERCISES = tuple(map(exercise.find, ("1.1", "1.2")))
UTC = timezone.utc
DUE = datetime(2026, 11, 1, 23, 59, tzinfo=UTC)


def row(number, function, points, of, **more):
    said = {"problem": "" if points == of else "dx is wrong", "mistake": "", "says": "", "noted": False}
    return {"exercise": number, "function": function, "points": points, "of": of, **said, **more}


def grades(**students):
    """{student: rows of 1.1}. students: (points of forward, points of backward, points by outputs)."""
    return {
        student: [
            row("1.1", "linear_forward", a, 1),
            row("1.1", "linear_backward", b, 2, partial=c),
        ]
        for student, (a, b, c) in students.items()
    }


def written(tmp_path, text, name="file.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


# -- cells ----------------------------------------------------------------------------------------------

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫⁺−"


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n", "\u200b", "\ufeff", "'", '"', "\x00"])
def test_no_cell_begins_with_what_a_spreadsheet_computes(sign, before):
    assert tables.cell(f"{before}{sign}1+1").startswith("'")


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    "evil", ["x;=1+1", 'x;"=1+1', "x,＝1", "x | @SUM(1)", 'a";"=cmd', "=1;=2,=3", "x;\u200b=1"]
)
def test_no_cell_is_computed_whatever_separator_the_reader_expects(separator, place, evil):
    texts = ["name", "note", "end"]
    texts[place] = evil
    for line in tables.text([texts, [1, 2.5, evil]]).splitlines():
        for piece in next(csv.reader([line], delimiter=separator)):
            assert not tables._is_computed(piece) or piece.startswith("'"), piece


def test_every_text_is_quoted_and_no_number_is():
    assert tables.text([["a", "", "b;c"], ["7", 1, 2.5]]) == '"a","","b;c"\n"7",1,2.5\n'


def test_a_cell_is_read_as_it_was_meant():
    for text in ("ann", "=1+1", "'=1", "＝x", "-", "O'Brien", "Müller, Ann"):
        assert tables.shown(text) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_a_spreadsheet_saves_is_read(tmp_path, encoding, separator):
    path = tmp_path / "w.csv"
    path.write_bytes(f'Points{separator}"What"\r\n"2,5"{separator}É 1\r\n{separator}\r\n'.encode(encoding))
    (line,) = tables.read(path, ("what", "points"))
    assert line["what"] == "É 1" and line["points"] == "2,5" and line.place.endswith("w.csv, line 2")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "expected a first line with the columns what, points; what, points are missing"),
        (b"what\n1.1\n", "points is missing"),
        (b"what,points\n1.1,2,3\n", "line 2: expected 2 cells, got 3: quote what has commas"),
        (b"PK\x03\x04", "save it as CSV"),
        (b"a\0b", "save it as CSV"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path, content, message):
    path = tmp_path / "w.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        tables.read(path, ("what", "points"))


# -- weights and partial credit -------------------------------------------------------------------------


def test_points_of_an_exercise_are_spread_over_its_functions(tmp_path):
    path = written(tmp_path, 'what,points\n1.1,6\nrelu_backward,0\n1.2 sigmoid_backward,"2,5"\n')
    found = weights.read(path, EXERCISES)
    assert found["1.1", "linear_forward"] == 2 and found["1.1", "linear_backward"] == 4
    assert found["1.2", "relu_backward"] == 0 and found["1.2", "sigmoid_backward"] == Fraction(5, 2)
    assert found["1.2", "relu_forward"] == 1


@pytest.mark.parametrize(
    "lines, message",
    [
        ("1.9,1", r"line 2: expected an exercise \(1.1, 1.2\) or one of its functions, such as"),
        ("1.1,-1", "line 2: expected points, such as 2 or 2.5, got '-1'"),
        ("1.1,nan", "got 'nan'"),
        ("1.1,1e9", "got '1e9'"),
        ("1.1,1\nlinear_forward,1", r"line 3: linear_forward has points already \(line 2\)"),
        ("linear_forward,1\n1.1,1", r"line 3: 1.1 has points already \(line 2\)"),
        ("1.1,0\n1.2,0", "expected points for something"),
    ],
)
def test_weights_that_cannot_be_meant_are_one_line(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        weights.read(written(tmp_path, f"what,points\n{lines}\n"), EXERCISES)


def test_a_name_that_two_exercises_have_must_be_said_with_its_number():
    two = tuple(map(exercise.find, ("1.7", "3.4")))
    with pytest.raises(ValueError, match="function of 1.7 and 3.4: write 1.7 network_backward"):
        weights.places.find("network_backward", two)


def test_points_are_exact_until_they_are_shown():
    third = {("1.1", "linear_forward"): Fraction(1), ("1.1", "linear_backward"): Fraction(1, 3)}
    found = entry.book_of(grades(ann=(1, 2, 0)), entry.Rules(weights=third))["ann"]
    assert (found.total, found.of) == (1.33, 1.33) and [r["points"] for r in found.rows] == [1, 0.33]
    assert numbers.plain(Fraction(1, 200)) == 0.01 and numbers.plain(2.0) == 2
    assert isinstance(numbers.plain(2.0), int)


def test_partial_credit_counts_only_if_it_is_asked_for_and_the_exercise_says_so():
    class_ = grades(bo=(1, 0, 1.5), cy=(0, 0, 0))
    assert {s: e.total for s, e in entry.book_of(class_).items()} == {"bo": 1, "cy": 0}
    found = entry.book_of(class_, entry.Rules(partial=True))
    assert {s: e.total for s, e in found.items()} == {"bo": 2.5, "cy": 0}
    del class_["bo"][1]["partial"]  # another exercise, or graded before there were such points
    assert entry.book_of(class_, entry.Rules(partial=True))["bo"].total == 1


def judged(name, body):
    """Return the Verdict on a backward of 1.1 with this line in place of the right one."""
    subject = exercise.find("1.1")
    examination = Examination(subject, subject.part("linear_backward"), 5)
    module = exercise.load(backward(f"    {body}\n"), name, {})
    return examination.judge(perform.perform(vars(module), examination.part.call, examination.cases))


@pytest.mark.parametrize(
    "body, partial",
    [
        ("return dy @ weight, dy.T @ x, dy.sum(axis=0)", 0),  # right: nothing is counted singly
        ("return dy @ weight, dy.T @ x, dy.mean(axis=0)", 1.5),
        ("return dy @ weight, dy.T @ x, dy", 1.5),  # of another shape
        ("return dy @ weight, None, dy.sum(axis=0)", 1.5),
        ("return -dy @ weight, dy.T @ x, dy.sum(axis=0)", 1),
        ("return dy @ weight, dy.T @ x / len(x), dy.sum(axis=0) * len(x)", 1),
        ("return dy @ weight, dy.T @ x", 0),  # which is which?
        ("return dy @ weight, dy.T @ x, 1 / 0", 0),
        ("dy[:] = 0; return dy @ weight, dy.T @ x, dy.sum(axis=0)", 0),
        ("return (dy @ weight).astype(dy.dtype), (dy.T @ x).astype('f4'), dy.sum(axis=0)", 1.5),
        ("raise NotImplementedError", 0),
    ],
)
def test_an_output_earns_its_points_if_it_is_right_in_every_case(body, partial):
    assert judged("ex1_1_linear", body).partial == partial


def test_points_of_outputs_add_up():
    for partial in ({"dx": 1}, {"dz": 2}, {"dx": 1, "dz": 1}):
        with pytest.raises(ValueError, match="expected points of outputs that add up to 2"):
            Part("f", ("dx", "dy"), list, (), points=2, partial=partial)


# -- lateness -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "late_by, days, share",
    [
        (timedelta(0), 0, 1),
        (timedelta(minutes=15), 0, 1),
        (timedelta(minutes=15, seconds=1), 1, Fraction(9, 10)),
        (timedelta(days=1), 1, Fraction(9, 10)),
        (timedelta(days=1, seconds=1), 2, Fraction(8, 10)),
        (timedelta(days=5), 5, Fraction(5, 10)),
        (timedelta(days=5, seconds=1), 6, 0),
        (-timedelta(days=3), 0, 1),
    ],
)
def test_each_day_begun_costs_until_the_cut_off(late_by, days, share):
    policy = late.policy("10%/day, 5 days, grace 15 min")
    assert policy.days_late(DUE + late_by, DUE) == days and policy.share(days) == share


def test_more_than_everything_is_never_taken_off():
    assert late.policy("40%/day").share(3) == 0


@pytest.mark.parametrize(
    "text", ["", "10", "10%", "10%/day,", "10%/day, 5%/day", "101%/day", "-1%/day", "soon"]
)
def test_a_late_policy_that_cannot_be_meant_is_refused(text):
    with pytest.raises(ValueError, match="expected a late policy such as"):
        late.policy(text)


def test_a_deadline_has_a_time_zone():
    assert late.moment("2026-11-01T23:59+01:00") == datetime(2026, 11, 1, 22, 59, tzinfo=UTC)
    assert late.moment("2026-11-01T23:59Z") == DUE and late.moment("2026-11-01T23:59").tzinfo is not None
    assert late.shown(DUE) == "2026-11-01 23:59 (UTC+0000)"
    for text in ("2026-11-01", "1.11.2026", "2026-02-30T10:00", "noon"):
        with pytest.raises(ValueError, match="expected a date and a time such as"):
            late.moment(text)


def test_lateness_takes_from_the_total_and_not_from_the_functions():
    rules = entry.Rules(due=DUE, policy=late.policy("10%/day, 3 days"))
    times = {"ann": DUE, "bo": DUE + timedelta(days=2), "cy": DUE + timedelta(days=9), "di": None}
    found = entry.book_of(grades(**dict.fromkeys(times, (1, 2, 0))), rules, times)
    assert {s: (e.days, e.total) for s, e in found.items()} == {
        "ann": (0, 3),
        "bo": (2, 2.4),
        "cy": (9, 0),
        "di": (0, 3),
    }
    assert found["bo"].remarks == ("2 days late: 20 % less",)
    assert found["cy"].remarks == ("more than 3 days after the deadline: no points",)
    assert [r["points"] for r in found["bo"].rows] == [1, 2]
    assert found["di"].notes and not found["di"].remarks  # nobody is punished for what is not known


# -- overrides ------------------------------------------------------------------------------------------


def decide(text, tmp_path, names=("ann", "bo")):
    path = written(tmp_path, f"student,what,points,reason\n{text}\n")
    return overrides.of_class(overrides.read(path, EXERCISES[:1]), {name: name for name in names})


@pytest.mark.parametrize(
    "text, hours, total, remark",
    [
        (
            "ann,linear_backward,1.5,read it again",
            0,
            2.5,
            "1.1 linear_backward: 1.5 points, not 0 (read it again)",
        ),
        ("ann,1.1,3,", 0, 3, "1.1: 3 points, not 1"),
        ("ann,total,7,bonus", 1, 7, "total: 7 points, not 0.9 (bonus)"),
        ("ann,late,0,ill", 1, 1, "not counted as late (ill)"),
        ("ann,late,2,by mail", 1, 0.8, "2 days late: 20 % less (by mail)"),
        ("ann,note,,see me", 1, 0.9, "see me"),
        ("ann,1.1,1,\nann,1.1,2,", 1, 1.8, "1.1: 2 points, not 1"),  # the last line counts
    ],
)
def test_what_the_instructor_decides_counts(tmp_path, text, hours, total, remark):
    rules = entry.Rules(due=DUE, policy=late.policy("10%/day"), overrides=decide(text, tmp_path))
    found = entry.book_of(grades(ann=(1, 0, 0)), rules, {"ann": DUE + timedelta(hours=hours)})["ann"]
    assert found.total == total and remark in found.remarks


def test_what_was_not_graded_has_no_points_until_somebody_decides(tmp_path):
    class_ = grades(ann=(1, None, 0))
    found = entry.book_of(class_)["ann"]
    assert found.total is None and found.rows[1]["points"] is None
    rules = entry.Rules(overrides=decide("ann,linear_backward,2,by hand", tmp_path))
    found = entry.book_of(class_, rules)["ann"]
    assert found.total == 3 and found.remarks == ("1.1 linear_backward: 2 points (by hand)",)


@pytest.mark.parametrize(
    "text, message",
    [
        ("eve,1.1,3,", "line 2: there is no student 'eve' among the submissions"),
        (",1.1,3,", "line 2: expected a student"),
        ("ann,1.2,3,", "line 2: expected an exercise .1.1. or one of its functions.*; or total, late, note"),
        ("ann,1.1,x,", "line 2: expected points, such as 2 or 2.5, got 'x'"),
        ("ann,late,1.5,", "expected days, such as 0 or 2, got '1.5'"),
        ("ann,note,1,x", "expected a reason and no points"),
        ("ann,note,,", "expected a reason and no points"),
    ],
)
def test_an_override_that_cannot_be_meant_is_one_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        decide(text, tmp_path)


def test_more_overrides_leave_what_stands_in_the_file(tmp_path):
    path = written(tmp_path, "Reason;Points;What;Student;by\nill;0;late;ann;me\n")
    path.write_text(overrides.extended(path, [["=bo", "total", 2.5, "why"]]), encoding="utf-8")
    first, second = overrides.read(path, EXERCISES)
    assert (first.student, first.what, first.reason) == ("ann", "late", "ill")
    assert (second.student, second.what, second.points) == ("=bo", "total", Fraction(5, 2))
    assert '"ill","0","late","ann","me"' in path.read_text("utf-8")


# -- changes by hand ------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table as it was written: (its path, the folder beside it)."""
    monkeypatch.setattr(results, "_draw", lambda *_: None)
    out, folder = tmp_path / "g.csv", tmp_path / "g"
    results.write(out, folder, grades(ann=(1, 0, 0), bo=(1, 2, 0)), title="T")
    return out, folder


def test_a_table_that_was_only_saved_anew_is_not_changed(table):
    out, folder = table
    assert edits.find(out, folder) == []
    rows = list(csv.reader(io.StringIO(out.read_text("utf-8"))))
    with open(out, "w", newline="", encoding="utf-16") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    assert edits.find(out, folder) == []
    out.unlink()
    assert edits.find(out, folder) == []


def test_changes_by_hand_are_seen_and_become_overrides(table):
    out, folder = table
    text = out.read_text("utf-8").replace('"ann",1,1,0,"","",""', '"ann","2,5",1,0.5,"","","spoke to her"')
    out.write_text(text, encoding="utf-8")
    found = edits.find(out, folder)
    assert [str(each) for each in found] == [
        "ann, total: 1 -> 2,5",
        "ann, 1.1 linear_backward: 0 -> 0.5",
        "ann, notes: empty -> spoke to her",
    ]
    assert "--keep-edits" in edits.said(found, out, "o.csv") and "\n" not in edits.said(found, out, "o.csv")
    assert edits.as_overrides(found, {"1.1 linear_backward"}) == [
        ["ann", "total", 2.5, edits.REASON],
        ["ann", "1.1 linear_backward", 0.5, edits.REASON],
        ["ann", "note", "", "spoke to her"],
    ]


@pytest.mark.parametrize(
    "before, after, message",
    [
        ('"bo"', '"eve"', "rows, columns or names were changed by hand"),
        ('"notes"', '"notes","more"', "rows, columns or names"),
        ('"bo",3,1,2,"","",""\n', "", "rows, columns or names"),
        ('"total"', '"sum"', "rows, columns or names"),
    ],
)
def test_changes_that_are_no_points_are_refused(table, before, after, message):
    out, folder = table
    assert before in out.read_text("utf-8")
    out.write_text(out.read_text("utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        edits.find(out, folder)


def test_a_value_that_is_no_number_is_no_override(table):
    with pytest.raises(ValueError, match="ann, total: 1 -> good: expected a number of points"):
        edits.as_overrides([edits.Edit("ann", "total", "1", "good")], set())


def test_a_table_that_nobody_knows_is_not_overwritten(table):
    out, folder = table
    (folder / edits.KEPT).unlink()
    with pytest.raises(ValueError, match="cannot be seen: move it away"):
        edits.find(out, folder)


def test_a_grader_that_is_killed_while_it_writes_the_table_has_changed_nothing(table, monkeypatch):
    out, folder = table
    there = results.replace

    def killed(path, content):
        if path == out:
            raise KeyboardInterrupt
        there(path, content)

    monkeypatch.setattr(results, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        results.write(out, folder, grades(ann=(0, 0, 0), bo=(1, 2, 0)), title="T")
    assert edits.find(out, folder) == []  # the old table, as it was written
    there(out, edits.kept(folder)[-1])
    assert edits.find(out, folder) == []  # or the new one


# -- a page for each student ----------------------------------------------------------------------------


def test_a_page_shows_everything_and_runs_and_loads_nothing(tmp_path):
    rules = entry.Rules(overrides=decide('"<b>ann</b>",total,2,"<img src=x>"', tmp_path, ("<b>ann</b>",)))
    class_ = {"<b>ann</b>": grades(ann=(1, None, 0))["ann"]}
    class_["<b>ann</b>"][0] |= {"problem": "y & z", "mistake": "<i>", "says": "x < 0."}
    text = page.report(entry.book_of(class_, rules)["<b>ann</b>"], "T <script>")
    assert not set(re.findall(r"<(\w+)", text)) & {"b", "i", "img", "script", "link", "iframe"}
    for part in ("&lt;b&gt;ann&lt;/b&gt;: 2 of 3 points", "T &lt;script&gt;", "&lt;img src=x&gt;"):
        assert part in text
    assert "not graded of 2" in text and "y &amp; z." in text and "x &lt; 0." in text
    assert "default-src 'none'" in text and "http" not in text.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text


# -- what platforms import ------------------------------------------------------------------------------

PEOPLE = {
    "ann": exports.Person("Ann Lee", "4711", "815", "m-1", "al1", "ann@x.org", "A"),
    "bo": exports.Person("Points Possible"),
}


def exported(platform, column="HW 1 (99)"):
    book = entry.book_of(grades(ann=(1, 2, 0), bo=(1, None, 0)))
    text, unknown = exports.text(platform, book, PEOPLE, column)
    return list(csv.reader(io.StringIO(text))), unknown


def test_canvas_gets_its_columns_and_the_points_possible():
    rows, unknown = exported("canvas")
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "HW 1 (99)"],
        ["Points Possible", "", "", "", "", "3"],
        ["Ann Lee", "4711", "m-1", "al1", "A", "3"],
        ["Points, Possible", "", "", "", "", ""],  # a name is no second row of that kind; not graded: empty
    ]
    assert unknown == 1


def test_moodle_gets_the_columns_of_its_import_and_of_its_worksheet():
    rows, unknown = exported("moodle", "")
    first, second = (dict(zip(rows[0], each, strict=True)) for each in rows[1:])
    assert first["Identifier"] == "Participant 815" and first["Email address"] == "ann@x.org"
    assert first["ID number"] == "m-1" and first["Grade"] == "3" and first["Maximum Grade"] == "3"
    assert first["Feedback comments"] == "3 of 3 points" and first["Last modified (grade)"] == ""
    assert second["Grade"] == "" and second["Identifier"] == "" and unknown == 1


def listed(tmp_path, text, *students):
    """What `exports.people` makes of hand-ins (name, id) and a roster."""
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    persons = roster.read(tmp_path / "r.csv")
    handed_in = [Submission(name, own, (Attempt((name,)),), None) for name, own in students]
    joined = roster.join(handed_in, persons)
    return exports.people(joined, roster.persons(joined, persons))


def test_a_platforms_own_list_brings_its_ids_and_those_who_handed_in_nothing(tmp_path):
    text = "Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"
    text += '"Lee, Ann",4711,m-1,al1,A\n"Ng, Bo",4712,m-2,bn2,B\n'
    found = listed(tmp_path, text, ("leeann", "4711"))
    assert found["Lee, Ann"] == exports.Person("Lee, Ann", "4711", "", "m-1", "al1", "", "A")
    assert found["Ng, Bo"] == exports.Person("Ng, Bo", "4712", "", "m-2", "bn2", "", "B")
    text = "Identifier,Full name,ID number,Email address\nParticipant 815,Ann Lee,m-1,ann@x.org\n"
    found = listed(tmp_path, text, ("Ann Lee", "815"))
    assert found["Ann Lee"] == exports.Person("Ann Lee", "", "815", "m-1", "", "ann@x.org", "")


def test_a_number_from_elsewhere_is_no_platforms_own(tmp_path):
    """Who has the matriculation number 7 is not the user 7 of Canvas, nor Moodle's participant 7."""
    found = listed(tmp_path, "name,id,email\nAnn Lee,7,ann@x.org\n", ("Ann Lee", None))["Ann Lee"]
    assert (found.canvas, found.moodle, found.number, found.email) == ("", "", "7", "ann@x.org")
    alone = [Submission("Ann Lee", "7", (), None)]
    assert exports.people(alone, None, "canvas")["Ann Lee"].canvas == "7"
    assert exports.people(alone, None, "moodle")["Ann Lee"].moodle == "7"
    assert exports.people(alone, None, "github")["Ann Lee"] == exports.Person("Ann Lee")


def test_an_ids_leading_sign_and_zero_stay():
    book = entry.book_of(grades(ann=(1, 2, 0)))
    text, _ = exports.text("canvas", book, {"ann": exports.Person("=x", "007")}, "HW")
    assert '"\'=x","007"' in text
