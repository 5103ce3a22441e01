"""The options of `minires grade` that turn grades into a gradebook, and what they mean."""

import pathlib

from minires.cli.terminal import warn

FILE = "overrides.csv"
PLATFORMS = ("moodle", "canvas")


def add_arguments(parser):
    """Add the options to an argparse parser."""
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="N.N",
        help="grade these alone, such as 1.1 1.3 (all of the assignment)",
    )
    group = parser.add_argument_group(
        "the gradebook",
        "What is decided here changes nothing that has been graded: the same command with --resume and other "
        "rules writes the table and the reports again.",
    )
    group.add_argument(
        "--points", metavar="FILE.csv", help="what exercises or functions are worth: columns what,points"
    )
    group.add_argument(
        "--partial",
        action="store_true",
        help="count right outputs of a wrong function, where its exercise does",
    )
    group.add_argument(
        "--due", metavar="TIME", help="the deadline: 2026-11-01T23:59 (this machine's zone), or with +01:00"
    )
    group.add_argument(
        "--late",
        metavar="RULE",
        help='what lateness costs of the earned points: "10%%/day, 5 days, grace 15 min"',
    )
    group.add_argument(
        "--overrides",
        metavar="FILE.csv",
        help="decisions of yours: columns student,what,points,reason; what: an exercise, a function, total, "
        "late (days) or note (grades/overrides.csv)",
    )
    group.add_argument(
        "--keep-edits",
        action="store_true",
        help="move what was changed by hand in the table into the overrides",
    )
    group.add_argument(
        "--export", nargs="+", choices=PLATFORMS, default=[], help="also write what a platform imports"
    )
    group.add_argument(
        "--column", metavar="NAME", help="what the grade is called there (the assignment's title)"
    )


def exercises(arguments, number):
    """Return the exercises to grade. number: called without arguments for the assignment, if it is needed.

    Raises ValueError.
    """
    from minires.course import exercise

    if not arguments.only:
        return exercise.of_assignment(number())
    words = [word for words in arguments.only for word in words.split(",") if word]
    chosen = sorted({exercise.find(word).number for word in words})
    if arguments.assignment and any(not word.startswith(f"{arguments.assignment}.") for word in chosen):
        raise ValueError(f"--only: {', '.join(chosen)} are not all of assignment {arguments.assignment}")
    return tuple(map(exercise.find, chosen))


def title(exercises):
    """Return what is graded, in words."""
    from minires.course import exercise, handout

    numbers = [each.number for each in exercises]
    assignments = {each.assignment for each in exercises}
    if len(assignments) > 1:
        return f"Exercises {', '.join(numbers)}"
    (number,) = assignments
    whole = f"Assignment {number}: {handout.title(number)}"
    everything = [each.number for each in exercise.of_assignment(number)]
    return whole if numbers == everything else f"{whole} ({', '.join(numbers)})"


def policy(arguments):
    """Return the late.Policy of --late. Raises ValueError."""
    from minires.course.grade.gradebook import late

    try:
        return late.policy(arguments.late) if arguments.late else late.Policy()
    except ValueError as error:
        raise ValueError(f"--late: {error}") from None


def rules(arguments, exercises, students, out, folder):
    """Return the Rules, after changes by hand in the table have been taken care of. Raises ValueError.

    students: Submissions of `gather`; out: path of the table; folder: of everything else.
    """
    from minires.course.grade.gradebook import entry, late, overrides, tables, weights

    due = None
    if arguments.due:
        try:
            due = late.moment(arguments.due)
        except ValueError as error:
            raise ValueError(f"--due: {error}") from None
    if arguments.late and due is None:
        raise ValueError("--late: expected --due too, the deadline after which a hand-in is late")
    if arguments.column and not arguments.export:
        raise ValueError(f"--column: expected --export too, one of {', '.join(PLATFORMS)}")
    path = pathlib.Path(arguments.overrides or folder / FILE)
    if arguments.overrides and not path.exists() and not arguments.keep_edits:
        raise ValueError(f"--overrides: there is no file {path}")
    _keep_edits(arguments.keep_edits, path, exercises, out, folder)
    decided = overrides.read(path, exercises) if path.exists() else []
    names = {str(each.id): each.student for each in students if each.id}
    names |= {tables.shown(each.student): each.student for each in students}
    names |= {each.student: each.student for each in students}
    return entry.Rules(
        weights=weights.read(arguments.points, exercises) if arguments.points else None,
        partial=arguments.partial,
        due=due,
        policy=policy(arguments),
        overrides=overrides.of_class(decided, names),
    )


def _keep_edits(is_asked, path, exercises, out, folder):
    """Move changes by hand from the table to the overrides, or raise ValueError if that was not asked for."""
    from minires.course.grade.gradebook import edits, overrides
    from minires.course.grade.results import replace

    found = edits.find(out, folder)
    if not found:
        return
    if not is_asked:
        raise ValueError(edits.said(found, out, path))
    columns = {f"{each.number} {part.name}" for each in exercises for part in each.parts}
    text = overrides.extended(path, edits.as_overrides(found, columns))
    replace(path, text)
    edits.keep(folder, [edits.text(out)], replace)  # from now on it holds nothing that is not kept elsewhere
    count = f"{len(found)} change{'s' if len(found) > 1 else ''}"
    print(f"{count} by hand moved from {out} to {path}")


def said(rules, book):
    """Return lines on what the rules are and did, for the terminal."""
    from minires.course.grade.gradebook import late

    lines = []
    if rules.due is not None:
        days = [entry.days for entry in book.values() if entry.days is not None]
        lines.append(f"due {late.shown(rules.due)}: {sum(map(bool, days))} of {len(days)} handed in late")
        unknown = sum(bool(entry.notes) for entry in book.values())
        if unknown:
            lines[-1] += f"; of {unknown} it is not known when (overrides: student,late,DAYS,reason)"
    decided = sum(map(len, rules.overrides.values()))
    return [*lines, f"{decided} override{'s' if decided > 1 else ''}"] if decided else lines


def book(grades, rules, students):
    """Return {student: Entry}. students: Submissions of `gather`."""
    from minires.course.grade.gradebook.entry import book_of

    found = book_of(grades, rules, {each.student: each.when for each in students if each.attempts})
    for line in said(rules, found):
        print(line)
    return found


def export(arguments, book, students, listed, platform, folder, column):
    """Write what platforms import and return the paths.

    students: Submissions, as `roster.join` returns them; listed: Persons of the roster; platform: of
    `gather.Gathered`; column: the grade's name, if none was given.
    """
    from minires.course.grade import roster
    from minires.course.grade.gradebook import exports
    from minires.course.grade.results import replace

    paths = []
    people = exports.people(students, roster.persons(students, listed) if listed else None, platform)
    for target in dict.fromkeys(arguments.export):
        name = arguments.column or ("" if target == "moodle" else column)
        text, unknown = exports.text(target, book, people, name)
        paths.append(folder / f"{target}.csv")
        replace(paths[-1], text)
        if unknown:
            warn(f"{paths[-1]}: {unknown} of {len(book)} students have no id there: found by name alone")
    return paths
