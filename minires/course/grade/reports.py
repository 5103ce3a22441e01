"""What students and instructors read: a report in Markdown, a Gradescope file, the summary of the class."""

import collections
import re

from minires.course.verdict import NOT_YET

MOST = 12  # diagnoses of the class that are listed
SUBMISSION = "the submission "  # how a problem of the whole submission begins
MISSING = re.compile(r"\b(is|are) missing\b")  # a file, or all of them
MORE = re.compile(r" at line \d.*| \(.*|[:;] .*")  # of a problem, what the count of a class has no use for


def points(rows):
    """Return (points, points there are) of one submission."""
    return sum(row["points"] for row in rows), sum(row["of"] for row in rows)


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


def report(student, rows, title):
    """Return a student's report as Markdown."""
    lines = [f"# {_text(student)}: {'{} of {} points'.format(*points(rows))}", "", title, ""]
    lines += ["| exercise | function | points |", "| --- | --- | --- |"]
    lines += [f"| {row['exercise']} | `{row['function']}` | {row['points']} of {row['of']} |" for row in rows]
    if _is_of_all(rows[0]):
        return "\n".join([*lines, "", f"{_text(_sentence(rows[0]['problem']))}."]) + "\n"
    for together in _grouped(rows):
        names = ", ".join(f"`{row['function']}`" for row in together)
        lines += ["", f"## {together[0]['exercise']} {names}", ""]
        paragraphs = said(together[0]) if len(together) == 1 else _said_of_all(together[0])
        lines += "\n\n".join(_text(paragraph) for paragraph in paragraphs).split("\n")
        lines += ["", f"To continue: `minires exercise check {together[0]['exercise']}`"]
    if all(row["points"] == row["of"] for row in rows):
        lines += ["", "Everything is right."]
    return "\n".join(lines) + "\n"


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


def _sentence(text):
    return text[:1].upper() + text[1:]


def _text(text):
    """Return a text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def gradescope(rows):
    """Return the content of Gradescope's results.json."""
    score, most = points(rows)
    return {
        "score": score,
        "output": f"{score} of {most} points",
        "visibility": "visible",
        "tests": [
            {
                "name": _name(row),
                "score": row["points"],
                "max_score": row["of"],
                "status": "failed" if row["problem"] else "passed",
                "output": "\n\n".join(said(row)),
                "visibility": "visible",
            }
            for row in rows
        ],
    }


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


def summary(grades, title):
    """Return the class's summary as Markdown."""
    totals = sorted(points(rows)[0] for rows in grades.values())
    most = points(next(iter(grades.values())))[1]
    middle = (totals[(len(totals) - 1) // 2] + totals[len(totals) // 2]) / 2
    lines = [f"# {title}", ""]
    lines += [f"{len(totals)} submissions, {most} points.", ""]
    lines += [
        f"Mean {sum(totals) / len(totals):.1f}, median {middle:g}, lowest {totals[0]}, highest {totals[-1]}.",
        "",
    ]
    lines += ["![points of every function, and the most frequent diagnoses](summary.png)", ""]
    lines += ["| function | right | share | missing or not written yet |", "| --- | --- | --- | --- |"]
    unwritten = collections.Counter(
        _name(row) for rows in grades.values() for row in rows if _is_unwritten(row)
    )
    for name, count in reached(grades).items():
        lines.append(f"| {_text(name)} | {count} | {100 * count / len(totals):.0f} % | {unwritten[name]} |")
    found = diagnoses(grades)
    if found:
        lines += ["", "| most frequent diagnoses | students |", "| --- | --- |"]
        lines += [f"| {_text(name)} | {count} |" for name, count in found.items()]
    return "\n".join(lines) + "\n"
