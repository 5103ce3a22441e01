"""What an exercise does: its solution and examples, its handout, its mistakes, right answers to it."""

import ast
import dataclasses
import doctest
import pathlib
import tempfile
import warnings

import numpy as np

from minires.course import diagnosis
from minires.course.author.finding import Finding
from minires.course.author.form import line_of, remarks, row, words
from minires.course.check import check
from minires.course.exercise import BEGIN, END, load
from minires.course.limit import TimeLimit, TimeUp
from minires.course.sandbox import perform, wire

SEEDS = (0, 1)
SECONDS = 30.0  # for a solution, a mistake or an answer; a student's function gets as much


def of_exercise(exercise):
    """Return what shows when the exercise is run."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # a row that makes no program is told of once, and does not stand in the way of the others
        exercise, found = _runnable(exercise)
        found += _cases(exercise)
        if not any(finding.fatal for finding in found):  # nothing can be compared without inputs
            found += _solution(exercise)
        found += _examples(exercise) + _handout(exercise)
        if not any(finding.fatal for finding in found):
            found += _mistakes(exercise)
            found += _answers(exercise)
    return found


def _runnable(exercise):
    """Return the exercise with those mistakes that are programs, and Findings about the others."""
    found, runnable = [], []
    for mistake in exercise.mistakes:
        if exercise.head.count(mistake.old) != 1:
            continue  # `form` has said so
        try:
            exercise.solution(mistake)
            runnable.append(mistake)
        except Exception as error:  # an edit can make anything of a program
            found.append(_of_row(exercise, mistake, f"does not run: it {words(error)}"))
    return dataclasses.replace(exercise, mistakes=tuple(runnable)), found


def _of_row(exercise, mistake, what):
    """Return a Finding about a row of MISTAKES."""
    tree = ast.parse(exercise.path.read_text(encoding="utf-8"))
    return Finding(exercise.path, row(tree, "MISTAKES", mistake.name), f"mistake {mistake.name!r} {what}")


def _cases(exercise):
    """Return what is wrong with the inputs, which are drawn twice from one seed."""
    tree = ast.parse(exercise.path.read_text(encoding="utf-8"))
    for part in exercise.parts:
        line = row(tree, "PARTS", part.name)
        try:
            first, second = (part.cases(np.random.default_rng(0)) for _ in range(2))
        except Exception as error:  # whatever an author's function may raise
            place = line_of(error, exercise.path)
            yield Finding(exercise.path, place, f"the cases of {part.name} {words(error)}", fatal=True)
            continue
        if not isinstance(first, list) or not first or not all(isinstance(case, dict) for case in first):
            what = f"the cases of {part.name}: expected a list of {{argument: value}}, found {first!r:.60}"
            yield Finding(exercise.path, line, what, fatal=True)
        elif wire.encode(first) != wire.encode(second):
            what = f"the cases of {part.name} differ from call to call: draw every number from rng"
            yield Finding(exercise.path, line, what)


def _solution(exercise):
    """Return what the check says of the author's own solution."""
    found = []
    for seed in SEEDS:
        found = found or _wrong(exercise, exercise.head, exercise.path, seed, "the solution")
    return [Finding(each.path, each.line, each.what, fatal=True) for each in found]


def _wrong(exercise, source, path, seed, what):
    """Return a Finding for each function that should be right. path: of the file that is named."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, f"{exercise.module}.py")
        copy.write_text(source, encoding="utf-8")
        try:
            results = check(exercise, copy, seed=seed, seconds=SECONDS)
        except Exception as error:  # the exercise's own functions may raise anything
            place = line_of(error, path)
            return [Finding(path, place, f"{what} cannot be checked: {words(error)}")]
    found = []
    wrong = [result.verdict for result in results if not result.verdict.ok]
    if len({verdict.problem for verdict in wrong}) == 1:
        wrong = wrong[:1]  # the file could not be loaded, say
    for verdict in wrong:
        said = ": ".join(filter(None, (verdict.problem, verdict.mistake or verdict.detail)))
        found.append(
            Finding(path, _line(source, verdict.part.name), f"{what} of {verdict.part.name} fails: {said}")
        )
    return found


def _line(source, function):
    """Return the line of a function in a source, 1 if it is not there."""
    try:
        nodes = ast.parse(source).body
    except SyntaxError as error:
        return error.lineno or 1
    return next((node.lineno for node in nodes if getattr(node, "name", None) == function), 1)


def _examples(exercise):
    """Return the examples whose results are not what stands below them."""
    found = []
    try:
        module = exercise.solution()
    except Exception as error:  # `_solution` has said so
        return [Finding(exercise.path, line_of(error, exercise.path), words(error), fatal=True)]
    vars(module)["__name__"] = exercise.module  # doctest leaves out what was imported
    lines = {
        node.name: _first_line_of_text(node)
        for node in ast.parse(exercise.head).body
        if hasattr(node, "name")
    }

    class Runner(doctest.DocTestRunner):
        def report_failure(self, out, test, example, got):
            self.told(test, example, f"prints {_one_line(got)}")

        def report_unexpected_exception(self, out, test, example, exc_info):
            self.told(test, example, words(exc_info[1]))

        def told(self, test, example, what):
            line = lines.get(test.name.rpartition(".")[2], 1) + example.lineno
            shown = f"the docstring says {_one_line(example.want)}"
            text = f"the example {_one_line(example.source)} {what}; {shown}"
            found.append(Finding(exercise.path, line, text))

    runner = Runner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    names = dict(vars(module))
    for test in doctest.DocTestFinder().find(module, exercise.module, module=False, globs=names):
        runner.run(test, out=lambda text: None)
    return found


def _first_line_of_text(node):
    """Return the line on which a function's docstring begins."""
    first = node.body[0]
    return first.lineno


def _one_line(text):
    return " ".join(text.split()) or "nothing"


def _handout(exercise):
    """Return the functions that the student would get solved, or could not run."""
    path = exercise.path
    try:
        module = load(exercise.starter, exercise.module, exercise.sources)
    except Exception as error:  # whatever stands there
        what = f"what the student gets {words(error)}: are the marks around whole statements?"
        return [Finding(path, 1, what)]
    if "# handed out instead" in exercise.head:
        return []
    lines = {
        node.name: node for node in ast.parse(exercise.starter).body if isinstance(node, ast.FunctionDef)
    }
    found = []
    for part in exercise.parts:
        inside = lines.get(part.name)
        raises = inside is not None and "NotImplementedError" in ast.dump(inside)
        if getattr(module, part.name, None) is None or not raises:
            what = f"{part.name} is handed out solved: put its lines between {BEGIN!r} and {END!r}"
            found.append(Finding(path, _line(exercise.head, part.name), what))
    return found


def _mistakes(exercise):
    """Return the mistakes that pass, that do not end, or that are given another name."""
    examinations = [(part, exercise.examination(part, seed)) for part in exercise.parts for seed in SEEDS]
    said = [(mistake, _said(exercise, mistake, examinations)) for mistake in exercise.mistakes]
    return [_of_row(exercise, mistake, what) for mistake, what in said if what]


def _said(exercise, mistake, examinations):
    """Return what is wrong with one mistake, "" if it is found and named."""
    if not mistake.says and mistake.name not in diagnosis.SAYS:
        return "has no sentence for the student: expected one or two that explain"
    verdicts = []
    try:
        with TimeLimit(SECONDS, f"{exercise.module}.py"):
            module = exercise.solution(mistake)
            for part, examination in examinations:
                verdicts.append(
                    examination.judge(perform.perform(vars(module), part.call, examination.cases))
                )
    except TimeUp as up:
        return f"was not done after {SECONDS:.0f} s{f', at {up.place}' if up.place else ''}"
    wrong = [verdict for verdict in verdicts if not verdict.ok]
    if not wrong:
        return "passes: no case shows it; add an input on which it gives other numbers"
    names = [verdict.readings or (verdict.mistake,) for verdict in wrong]
    if not any(mistake.name in each for each in names):
        other = next((each[0] for each in names if each[0]), "")
        shown = f"is called {other!r}: give it that name, or an input that tells them apart" if other else ""
        return shown or f"is found, but not named: {wrong[0].problem}"
    return ""


def _answers(exercise):
    """Return the right answers in other styles in which the check finds something wrong."""
    found = []
    for path in answers(exercise):
        for seed in SEEDS:
            wrong = _wrong(exercise, path.read_text(encoding="utf-8"), path, seed, "this right answer")
            found += wrong
            if wrong:
                break
        found += remarks(path, path.read_text(encoding="utf-8"))
    return found


def answers(exercise):
    """Return the files with right answers to an exercise."""
    folder = exercise.folder / "answers" / exercise.module
    return [path for path in sorted(folder.glob("*.py")) if path.name != "wrong.py"]
