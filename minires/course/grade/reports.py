"""What students and instructors read: a report in Markdown, a Gradescope file, the summary of the class."""

import collections
import re

from minires.course.grade.gradebook.entry import book_of
from minires.course.verdict import NOT_YET

MOST = 12  # diagnoses of the class that are listed
SUBMISSION = "the submission "  # how a problem of the whole submission begins
MISSING = re.compile(r"\b(is|are) missing\b")  # a file, or all of them
NOT_GRADED = "not graded"  # where the grader failed, in place of points
MORE = re.compile(r" at line \d.*| \(.*|[:;] .*")  # of a problem, what the count of a class has no use for


NOT_GRADED = "not graded"  # where the judge failed, in place of points
NOTHING = f"{SUBMISSION}is missing: nothing was handed in"


def points(rows):
    """Return (points, points there are) of one submission; None for points if a function was not graded."""
    got = [row["points"] for row in rows]
    return None if None in got else sum(got), sum(row["of"] for row in rows)


def shown(number):
    """Return points as they are shown."""
    return NOT_GRADED if number is None else number


def score(entry):
    """Return the points of an entry of the gradebook in words."""
    if entry.total is None:
        return f"{entry.of} points, not all graded"
    return f"{entry.total} of {entry.of} points"


def functions(grades):
    """Return the names of the functions, such as "1.1 linear_forward", in order."""
    rows = next(iter(grades.values()))
    return [_name(row) for row in rows]


def _name(row):
    return f"{row['exercise']} {row['function']}"


def said(row):
    """Return the paragraphs about one function."""
    if not row["problem"]:
        return ["right"]
    mistake = row["mistake"] and f"{row['mistake'][0].upper()}{row['mistake'][1:]}. {row['says']}".strip()
    return [text for text in (f"{row['problem']}.".replace("?.", "?"), mistake) if text]


def report(student, rows, title, entry=None):
    """Return a student's report as Markdown. entry: of the gradebook, if it says more than the rows."""
    entry = entry or book_of({student: rows})[student]
    lines = [f"# {markdown(student)}: {score(entry)}", "", title, ""]
    lines += ["| exercise | function | points |", "| --- | --- | --- |"]
    for row in rows:
        lines.append(f"| {row['exercise']} | `{row['function']}` | {shown(row['points'])} of {row['of']} |")
    lines += ["", *(f"- {markdown(remark)}" for remark in entry.remarks)] if entry.remarks else []
    for exercise, functions, paragraphs in sections(rows):
        if exercise:
            names = ", ".join(f"`{name}`" for name in functions)
            lines += ["", f"## {exercise} {names}"]
        lines += ["", *"\n\n".join(markdown(paragraph) for paragraph in paragraphs).split("\n")]
        lines += ["", f"To continue: `minires exercise check {exercise}`"] if exercise else []
    return "\n".join(lines) + "\n"


def sections(rows):
    """Yield (exercise, its functions, paragraphs) of what is to be said; exercise "": of everything."""
    if _is_of_all(rows[0]):
        yield "", [], [f"{sentence(rows[0]['problem'])}."]
        return
    for together in _grouped(rows):
        paragraphs = said(together[0]) if len(together) == 1 else _said_of_all(together[0])
        yield together[0]["exercise"], [row["function"] for row in together], paragraphs
    if not any(row["problem"] for row in rows):
        yield "", [], ["Everything is right."]


def _grouped(rows):
    """Return lists of the rows that are not right; those of one exercise with the same to say together."""
    groups = {}
    for row in rows:
        if row["problem"]:
            problem = NOT_YET if row["problem"].endswith(NOT_YET) else row["problem"]
            groups.setdefault((row["exercise"], problem, row["mistake"]), []).append(row)
    return list(groups.values())


def _said_of_all(row):
    return ["Not written yet."] if row["problem"].endswith(NOT_YET) else said(row)


def _is_of_all(row):
    """Whether the problem is one of the whole submission."""
    return row["problem"].startswith(SUBMISSION)


def sentence(text):
    """Return a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def markdown(text):
    """Return a text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def gradescope(rows, entry=None, visibility="visible"):
    """Return the content of Gradescope's results.json. entry: as of `report`; visibility: in its words.

    Where the tests are not visible yet, the points are not told either.
    """
    entry = entry or book_of({"": rows})[""]
    said_of_all = [score(entry)] if visibility == "visible" else []
    return {
        **({} if entry.total is None else {"score": entry.total}),
        "output": "\n\n".join([*said_of_all, *entry.remarks]),
        "visibility": visibility,
        "tests": [_test(row, visibility) for row in rows],
    }


def _test(row, visibility):
    """Return a function as one of Gradescope's tests, without a score if it was not graded."""
    graded = {
        "score": row["points"],
        "max_score": row["of"],
        "status": "failed" if row["problem"] else "passed",
    }
    graded = {} if row["points"] is None else graded
    return {"name": _name(row), **graded, "output": "\n\n".join(said(row)), "visibility": visibility}


def reached(grades):
    """Return {function: number of students who got its points}, in order."""
    counts = dict.fromkeys(functions(grades), 0)
    for rows in grades.values():
        for row in rows:
            counts[_name(row)] += not row["problem"]
    return counts


def diagnoses(grades):
    """Return {"1.1 linear_backward: mean over the batch": number of students}, the most frequent first."""
    counts = collections.Counter()
    for rows in grades.values():
        wrong = [row for row in rows if row["problem"] and not _is_unwritten(row)]
        counts.update({_diagnosis(row) for row in wrong})  # a file's problem counts once
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ranked[:MOST])


def _is_unwritten(row):
    missing = row["noted"] and MISSING.search(row["problem"])
    return bool(missing) or row["problem"].endswith(NOT_YET)


def _diagnosis(row):
    problem = MORE.sub("", row["problem"])
    if _is_of_all(row):
        return problem
    if row["mistake"]:
        return f"{_name(row)}: {row['mistake']}"
    if row["noted"] or problem.startswith(row["function"]):
        return f"{row['exercise']} {problem}"
    return f"{_name(row)}: {problem}"


def _statistics(totals):
    """Return a line with the mean and the median. totals: sorted."""
    if not totals:
        return "No submission is graded."
    middle = (totals[(len(totals) - 1) // 2] + totals[len(totals) // 2]) / 2
    mean = sum(totals) / len(totals)
    return f"Mean {mean:.1f}, median {middle:g}, lowest {totals[0]}, highest {totals[-1]}."


def summary(grades, title, book=None):
    """Return the class's summary as Markdown. book: {student: Entry} of the gradebook."""
    book = book or book_of(grades)
    counted = [entry for entry in book.values() if entry.rows[0]["problem"] != NOTHING]
    totals = sorted(entry.total for entry in counted if entry.total is not None)
    lines = [f"# {title}", ""]
    lines += [f"{len(counted)} submissions, {next(iter(book.values())).of} points.", ""]
    if len(counted) < len(book):
        absent = len(book) - len(counted)
        lines += [f"{absent} of the roster handed in nothing; the mean leaves them out.", ""]
    if len(totals) < len(counted):
        lost = len(counted) - len(totals)
        lines += [f"{lost} submissions are not graded in full: the grader failed there.", ""]
    lines += [_statistics(totals), ""]
    lines += ["![points of every function, and the most frequent diagnoses](summary.png)", ""]
    lines += ["| function | right | share | missing or not written yet |", "| --- | --- | --- | --- |"]
    unwritten = collections.Counter(
        _name(row) for rows in grades.values() for row in rows if _is_unwritten(row)
    )
    for name, count in reached(grades).items():
        lines.append(f"| {markdown(name)} | {count} | {100 * count / len(book):.0f} % | {unwritten[name]} |")
    found = diagnoses(grades)
    if found:
        lines += ["", "| most frequent diagnoses | students |", "| --- | --- |"]
        lines += [f"| {markdown(name)} | {count} |" for name, count in found.items()]
    return "\n".join(lines) + "\n"
