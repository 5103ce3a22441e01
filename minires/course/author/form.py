"""How an exercise's file is written: its name, its first line, its marks, its parts and rows."""

import ast
import pathlib
import re
import traceback

from minires.course.author.finding import Finding
from minires.course.author.template import TODO
from minires.course.exercise import BEGIN, CUT, END
from minires.course.parts import Mistake, Part

NEEDED = ("LESSON", "PARTS", "MISTAKES")
LEVELS = ("the idea", "the formula", "the step")
LIKE_A_MARK = re.compile(r"#\s*(end(\s*of)?\s*)?(the\s*)?solution\s*[.:]?", re.IGNORECASE)


def of_text(path):
    """Return what can be found without running the file."""
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return [
            Finding(path, 1, f"expected UTF-8, found the byte {error.object[error.start]:#04x}", fatal=True)
        ]
    found = remarks(path, source)
    found += _marks(path, source)
    head, cut, _ = source.partition(CUT)
    if not cut:
        found.append(Finding(path, 1, f"expected the line {CUT.strip()!r} where the student's part ends"))
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [*found, Finding(path, error.lineno or 1, f"is not Python: {error.msg}", fatal=True)]
    found += _first_line(path, ast.get_docstring(tree) or "")
    below = {
        target.id: node.lineno
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name in NEEDED:
        if name not in below:
            found.append(Finding(path, len(source.splitlines()), _missing(name)))
        elif cut and below[name] <= head.count("\n"):
            found.append(
                Finding(path, below[name], f"{name} stands in the student's part: move it below the cut")
            )
    return found


def remarks(path, source):
    """Return what an author has not replaced yet."""
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        _, here, text = line.partition(TODO)
        if here:
            what = text.strip(' :,"') or line.strip()
            found.append(Finding(path, number, f"still to do: {what}"))
    return found


def _missing(name):
    """Return the sentence about a name that is not there."""
    what = {
        "LESSON": "LESSON = 0, the number of the lesson it belongs to",
        "PARTS": "PARTS, a list with a Part for each function",
        "MISTAKES": "MISTAKES, a list with a Mistake for each known mistake (it may be empty)",
    }
    return f"expected {what[name]}, found none"


def _first_line(path, text):
    """Return a Finding unless the text begins as it must, with the number of the file's name."""
    number = ".".join(path.name[2:5].split("_"))
    title = re.match(r"Exercise (\d\.\d): (.+)\.(\n|$)", text)
    if not title:
        first = (text.splitlines() or ["no docstring"])[0]
        return [
            Finding(path, 1, f'expected "Exercise {number}: Its title." as the first line, found "{first}"')
        ]
    if title[1] != number:
        return [Finding(path, 1, f"expected Exercise {number}, as in the file's name, found {title[1]}")]
    return []


def _marks(path, source):
    """Return the marks that have no partner, and the lines that were meant as marks."""
    found, open_at = [], None
    for number, line in enumerate(source.splitlines(), 1):
        bare = line.strip()
        if bare == BEGIN:
            if open_at is not None:
                found.append(
                    Finding(path, open_at, f"{BEGIN!r} has no {END!r}: the student would get no more")
                )
            open_at = number
        elif bare == END:
            if open_at is None:
                found.append(Finding(path, number, f"{END!r} has no {BEGIN!r} before it"))
            open_at = None
        elif LIKE_A_MARK.fullmatch(bare):
            found.append(Finding(path, number, f"expected {BEGIN!r} or {END!r}, found {bare!r}"))
    if open_at is not None:
        found.append(Finding(path, open_at, f"{BEGIN!r} has no {END!r}: the student would get no more"))
    return found


def of_parts(exercise):
    """Return what is wrong in the lines below the cut, and in the functions that they name."""
    path = exercise.path
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    last = exercise.head.count("\n")
    found = _lesson(exercise, tree)
    if not exercise.parts:
        found.append(
            Finding(path, row(tree, "PARTS"), "PARTS is empty: expected a Part for each function", True)
        )
    names = [part.name for part in exercise.parts if isinstance(part, Part)]
    for part in exercise.parts:
        if not isinstance(part, Part):
            found.append(
                Finding(path, row(tree, "PARTS"), f"expected a Part, found {part!r:.60}", fatal=True)
            )
            continue
        line = row(tree, "PARTS", part.name)
        for name in filter(None, (part.after, part.name)):
            if name not in functions or functions[name].lineno > last:
                what = f"expected a function {name} in the student's part, found none"
                found.append(Finding(path, line, what, fatal=True))
        if names.count(part.name) > 1 and names.index(part.name) != exercise.parts.index(part):
            found.append(Finding(path, line, f"{part.name} has two rows in PARTS", fatal=True))
        found += [Finding(path, line, f"{part.name}: {what}") for what in _part(part)]
        if part.name in functions:
            text = ast.get_docstring(functions[part.name]) or ""
            if ">>>" not in text:
                what = f"{part.name} has no example: expected >>> in its docstring, with what it prints"
                found.append(Finding(path, functions[part.name].lineno, what))
    return found + _rows(exercise, tree)


def _lesson(exercise, tree):
    from minires import resources

    try:
        folder = resources.find("", folder="lessons")
    except ValueError:  # the lessons are not installed
        return []
    known = [int(path.name[:2]) for path in folder.glob("[0-9][0-9]_*.py")]
    if exercise.lesson in known and type(exercise.lesson) is int:
        return []
    what = f"LESSON: expected the number of a lesson, {min(known)} to {max(known)}, found {exercise.lesson!r}"
    return [Finding(exercise.path, row(tree, "LESSON"), what)]


def _part(part):
    """Yield what is wrong in one row of PARTS."""
    if isinstance(part.returns, str) or not part.returns:
        yield f'returns: expected names in a tuple, such as ("y", "cache"), found {part.returns!r}'
    if isinstance(part.hints, str) or len(part.hints) < 3:
        count = 1 if isinstance(part.hints, str) else len(part.hints)
        missing = ", ".join(LEVELS[count:])
        yield f"hints: expected three in a tuple ({', '.join(LEVELS)}), found {count}; missing: {missing}"
    if type(part.points) is not int or part.points < 1:
        yield f"points: expected a whole number, 1 or more, found {part.points!r}"
    if not callable(part.cases):
        yield f"cases: expected a function that takes rng, found {part.cases!r:.60}"


def _rows(exercise, tree):
    """Return what is wrong in MISTAKES as text."""
    found, names = [], set()
    for mistake in exercise.mistakes:
        if not isinstance(mistake, Mistake):
            found.append(
                Finding(
                    exercise.path, row(tree, "MISTAKES"), f"expected a Mistake, found {mistake!r:.60}", True
                )
            )
            continue
        line = row(tree, "MISTAKES", mistake.name)
        count = exercise.head.count(mistake.old)
        if count != 1:
            what = f"mistake {mistake.name!r}: expected {mistake.old!r} once in the student's part, found it "
            found.append(Finding(exercise.path, line, f"{what}{count} times"))
        if mistake.name in names:
            found.append(Finding(exercise.path, line, f"mistake {mistake.name!r} stands there twice"))
        names.add(mistake.name)
    return found


def row(tree, table, name=None):
    """Return the line of a table such as PARTS, or of the row in it that begins with a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == table:
            rows = [
                call
                for call in ast.walk(node.value)
                if isinstance(call, ast.Call)
                and any(isinstance(a, ast.Constant) and a.value == name for a in _arguments(call))
            ]
            return rows[0].lineno if name is not None and rows else node.lineno
    return 1


def _arguments(call):
    return [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]


def line_of(error, path):
    """Return the line of a file at which an error was raised, 1 if it came from elsewhere."""
    if isinstance(error, SyntaxError) and error.lineno:
        return error.lineno
    places = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if pathlib.Path(frame.filename).name == path.name
    ]
    return places[-1] if places else 1


def words(error):
    """Return what an error says, in one line."""
    text = " ".join(str(error).split())
    return f"raised {type(error).__name__}{f': {text}' if text else ''}"
