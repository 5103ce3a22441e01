"""Read an exercise's source file: what is handed out, the solution, the parts, the known mistakes.

The file is a plain Python module. Up to the line CUT it is what the student gets, but for the regions

    # solution
    ...                     in the student's file: raise NotImplementedError("Exercise 1.1: ...")
    # end of solution

in which a line `# handed out instead` may begin comments that the student gets as code in place of the
error. After CUT follow LESSON (the number of its lesson), PARTS and MISTAKES.
"""

import ast
import builtins
import contextlib
import contextvars
import functools
import os
import pathlib
import re
import sys
import types
from dataclasses import dataclass

from minires import resources

CUT = "# Nothing from here on is handed out.\n"
BEGIN, INSTEAD, END = "# solution", "# handed out instead", "# end of solution"
FILES = "ex[0-9]_[0-9]_*.py"
VARIABLE = "MINIRES_EXERCISES"  # of the environment: folders of one's own exercises

_own = contextvars.ContextVar("folders of one's own exercises", default=())


@dataclass(frozen=True)
class Exercise:
    """One exercise. number: such as "1.5"; module: its file's name without .py; text: its docstring;
    lesson: the number of the lesson it belongs to; head: the source up to CUT, solutions included; folder: in
    which it stands.
    """

    number: str
    module: str
    title: str
    text: str
    lesson: int
    head: str
    parts: tuple
    mistakes: tuple
    folder: pathlib.Path

    @property
    def path(self):
        """Its source file."""
        return self.folder / f"{self.module}.py"

    @property
    def assignment(self):
        """The number of the assignment it is part of."""
        return int(self.number.split(".")[0])

    @property
    def points(self):
        """What all its parts are worth."""
        return sum(part.points for part in self.parts)

    @property
    def starter(self):
        """The source of the student's file: every solution replaced by an error that names the exercise."""
        return _without_solutions(self.head, self.number, self.lesson)

    @property
    def sources(self):
        """{module: source} of what this exercise imports from the folder: finished parts, solved
        exercises.
        """
        return _imported(self.head, self.folder)

    def part(self, name):
        """Return the part of this name."""
        return next(part for part in self.parts if part.name == name)

    def examination(self, part, seed):
        """Return the Examination of one of its parts."""
        from minires.course.examination import Examination

        return Examination(self, part, seed)

    def solution(self, *mistakes):
        """Return the solution as a module, with these mistakes edited into it."""
        source = self.head
        for mistake in mistakes:
            source = mistake.edit(source)
        return load(source, self.module, self.sources)


def folder():
    """Return the folder of the exercises. Raises ValueError if they did not come with minires."""
    return resources.find("exercises", folder="lessons")


@contextlib.contextmanager
def adding(folders):
    """Add folders of one's own exercises inside a with statement, after those of MINIRES_EXERCISES.

    An exercise in them replaces the one of the same number that comes with minires. Raises ValueError if
    there is no such folder.
    """
    variable = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    found = [pathlib.Path(path).expanduser().resolve() for path in (*variable, *folders)]
    for path, name in zip(found, (*[VARIABLE] * len(variable), *["--exercises"] * len(folders)), strict=True):
        if not path.is_dir():
            raise ValueError(f"{name}: expected a folder of exercises, there is none at {path}")
    before = _own.set(tuple(dict.fromkeys((*_own.get(), *found))))
    try:
        yield
    finally:
        _own.reset(before)


def exercises():
    """Return all exercises, in order. Raises ValueError if two of one's own have the same number."""
    return _all(folder(), *_own.get())


@functools.cache
def _all(given, *own):
    """Return the exercises of the folder that comes with minires and of one's own."""
    found = {exercise.number: exercise for exercise in _in(given)}
    taken = {}
    for exercise in (each for folder in own for each in _in(folder)):
        other = taken.setdefault(exercise.number, exercise)
        if other is not exercise and type(exercise) is Exercise:  # of student packages the first one counts
            raise ValueError(
                f"{exercise.path} and {other.path} have the same number {exercise.number}: rename one of them"
            )
    return tuple(sorted({**found, **taken}.values(), key=lambda exercise: exercise.number))


exercises.cache_clear = _all.cache_clear


def _in(folder):
    """Return the exercises in a folder: their sources, and those without solutions, for students."""
    from minires.course import student_package

    return [*map(read, sorted(folder.glob(FILES))), *student_package.exercises(folder)]


def find(number):
    """Return the exercise of this number, such as "1.5". Raises ValueError with those there are."""
    for exercise in exercises():
        if exercise.number == number:
            return exercise
    known = ", ".join(exercise.number for exercise in exercises())
    raise ValueError(f"exercise {number}: does not exist; there are {known}")


def of_assignment(number):
    """Return the exercises of an assignment. Raises ValueError with the assignments there are."""
    chosen = tuple(exercise for exercise in exercises() if exercise.assignment == number)
    if not chosen:
        known = ", ".join(str(n) for n in sorted({exercise.assignment for exercise in exercises()}))
        raise ValueError(f"assignment {number}: does not exist; there are {known}")
    return chosen


def read(path):
    """Return the exercise in a source file. Raises ValueError if it is not written as the module's text
    says.
    """
    path = pathlib.Path(path)
    source = path.read_text(encoding="utf-8")
    head, cut, _ = source.partition(CUT)
    text = ast.get_docstring(ast.parse(head)) or ""
    title = re.match(r"Exercise (\d\.\d): (.+)\.(\n|$)", text)
    if not (cut and title and path.stem.startswith(f"ex{title[1].replace('.', '_')}_")):
        raise ValueError(
            f'{path.name}: expected a docstring that begins with "Exercise 1.1: Its title.", the number of '
            f"the file's name, and the line {CUT.strip()!r}"
        )
    names = vars(load(source, path.stem, _imported(head, path.parent)))
    missing = [name for name in ("LESSON", "PARTS", "MISTAKES") if name not in names]
    if missing:
        raise ValueError(f"{path.name}: expected {', '.join(missing)} below the line {CUT.strip()!r}")
    return Exercise(
        number=title[1],
        module=path.stem,
        title=title[2],
        text=text,
        lesson=names["LESSON"],
        head=head.rstrip() + "\n",
        parts=tuple(names["PARTS"]),
        mistakes=tuple(names["MISTAKES"]),
        folder=path.parent,
    )


def _imported(head, own):
    """Return {module: source} of the files that a source imports, and of what those import: of the exercise's
    own folder, else of the one that comes with minires.
    """
    found = {}
    for node in ast.walk(ast.parse(head)):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            path = next((p for p in (own / f"{name}.py", folder() / f"{name}.py") if p.exists()), None)
            if path is not None:
                found[name] = path.read_text(encoding="utf-8").partition(CUT)[0]
                found.update(_imported(found[name], own))
    return found


def _without_solutions(head, number, lesson):
    lines, handed_out, function = [], [], None
    state = "student"
    for line in head.splitlines():
        bare, indent = line.strip(), line[: len(line) - len(line.lstrip())]
        defined = re.match(r"\s*def (\w+)", line)
        function = defined[1] if defined else function
        if bare == BEGIN:
            state, handed_out = "solution", []
        elif bare == END:
            error = f'raise NotImplementedError("Exercise {number}: {function}, see lesson {lesson}")'
            lines += handed_out or [indent + error]
            state = "student"
        elif bare == INSTEAD:
            state = "instead"
        elif state == "instead":
            handed_out.append(indent + bare.removeprefix("#").removeprefix(" "))
        elif state == "student":
            lines.append(line)
    return "\n".join(lines).rstrip() + "\n"


def load(source, name, others, *, path=None, numpy_alone=False):
    """Return a module made of a source (text or bytes), which is run.

    others: {module: source}; an import of one of these names finds it. path: where tracebacks say that the
    source stands; numpy_alone: besides them only NumPy and the standard library can be imported, as in the
    grader.
    """
    modules = {}

    def find(wanted, *arguments, **options):
        package = wanted.partition(".")[0]
        if numpy_alone and wanted not in others and package not in {"numpy", *sys.stdlib_module_names}:
            raise ModuleNotFoundError(
                f"{wanted} cannot be imported here: an exercise is solved with NumPy only, and the grader "
                "has nothing else"
            )
        if wanted not in others:
            return __import__(wanted, *arguments, **options)
        if wanted not in modules:
            modules[wanted] = make(_compiled(others[wanted], f"{wanted}.py"), wanted)
        return modules[wanted]

    def make(code, name):
        module = types.ModuleType(name)
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": find}
        exec(code, vars(module))
        return module

    return make(compile(source, path or f"{name}.py", "exec"), name)


@functools.lru_cache(maxsize=16)
def _compiled(source, path):
    """Return the code of what exercises import: it is the same for every known mistake."""
    return compile(source, path, "exec")
