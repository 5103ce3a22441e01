"""Read what students handed in: folders and zips. Nothing is trusted, nothing unpacked to disk.

    for submission in find("submissions"):
        files, problems = read(submission.path, ["ex1_1_linear"])

Only files with the names that were handed out are read. Every refusal is a line that the student may see.
"""

import contextlib
import os
import pathlib
import re
from dataclasses import dataclass, field

from minires.course.grade.containers import DEPTH, ZIP, Folder, Refused, Zip, is_litter, read_file

HANDED_OUT = re.compile(r"ex(\d)_\d_\w+\.py", re.ASCII)


@dataclass(frozen=True)
class Submission:
    """What one student handed in. student: the name of the folder or zip; path: of it."""

    student: str
    path: pathlib.Path


@dataclass
class Files:
    """The files of one submission. found: {module: bytes}; problems: {module: line} of those refused;
    problem: a line if nothing at all could be read."""

    found: dict = field(default_factory=dict)
    problems: dict = field(default_factory=dict)
    problem: str = ""


def find(folder):
    """Return the Submissions in a folder, by name: each folder or zip in it, or the one that it is itself.
    Raises ValueError if there is none."""
    folder = pathlib.Path(folder)
    if is_single(folder):
        return [Submission(_printable(folder.resolve().name), folder)]
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder, or zip, of submissions")
    paths = [path for path in _entries(folder) if _may_be_one(path)]
    if not paths:
        raise ValueError(f"{folder}: there is no submission in it: no folder, no zip, no ex1_1_....py")
    names = {path.name for path in paths}
    found = {}
    for path in paths:
        name = _printable(path.stem if _is_zip(path) and path.stem not in names else path.name)
        name = f"{name} ({len(found) + 1})" if name in found else name
        found[name] = Submission(name, path)
    return [found[name] for name in sorted(found)]


def passed_over(folder):
    """Return the names of what is in the folder but not a submission, such as a .rar or a loose file."""
    folder = pathlib.Path(folder)
    if is_single(folder) or not folder.is_dir():
        return []
    return [_printable(path.name) for path in _entries(folder) if not _may_be_one(path)]


def _entries(folder):
    return [path for path in sorted(folder.iterdir()) if not is_litter(path.name)]


def _may_be_one(path):
    return path.is_symlink() or path.is_dir() or _is_zip(path)


def is_single(folder):
    """Whether this is one student's submission, not a folder of many."""
    if folder.is_dir():
        return any(HANDED_OUT.fullmatch(name) for name in os.listdir(folder))
    return folder.is_file() and _is_zip(folder)


def _is_zip(path):
    return path.suffix.lower() == ".zip" and not (path.is_dir() and not path.is_symlink())


def _printable(name):
    """Return a name that can be written into any file: no control characters, no halves of characters."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip() or "(no name)"


def assignments(path):
    """Return the numbers of the assignments of which a submission holds files (unreadable: none)."""
    try:
        with _source(path) as source:
            return {int(HANDED_OUT.fullmatch(name)[1]) for name in _candidates(source.names())}
    except Refused:
        return set()


def read(path, modules):
    """Return the Files of a submission. modules: names of the files that were handed out, without .py."""
    files = Files()
    try:
        with _source(path) as source:
            names = list(source.names())
            candidates = _candidates(names)
            if len(modules) > 1 and not any(
                f"{module}.py" in candidates or _renamed(names, module) for module in modules
            ):
                raise Refused(_nothing(names))
            for module in modules:
                try:
                    if f"{module}.py" in candidates:
                        files.found[module] = source.content(_chosen(candidates[f"{module}.py"]))
                    elif _renamed(names, module):
                        raise Refused(f"is missing: {_renamed(names, module)} has another name")
                except Refused as refused:
                    files.problems[module] = f"{module}.py {refused}"
    except Refused as refused:
        return Files(problem=f"the submission {refused}")
    return files


def _nothing(names):
    """Return what to say of a submission without any of the files."""
    if any(parts[-1].lower().endswith(".ipynb") for parts in names):
        return "holds a notebook and no file of the assignment: all .py files are missing"
    return "holds no file of the assignment: all are missing"


def _renamed(names, module):
    """Return the name of a file that begins as the module's, such as "ex1_1_linear (1).py", or ""."""
    python = sorted(p[-1] for p in names if p[-1].lower().endswith(".py") and not any(map(is_litter, p)))
    fitting = [name for name in python if name.lower().startswith(module) and name != f"{module}.py"]
    return _printable(fitting[0])[:80] if fitting else ""


def _candidates(names):
    """Return {name that is handed out: its paths in the submission}. names: tuples of folders and a name."""
    found = {}
    for parts in names:
        if HANDED_OUT.fullmatch(parts[-1]) and len(parts) <= DEPTH + 1 and not any(map(is_litter, parts)):
            found.setdefault(parts[-1], []).append(parts)
    return found


def _chosen(paths):
    """Return the path nearest to the top."""
    nearest = [parts for parts in paths if len(parts) == min(map(len, paths))]
    if len(nearest) > 1:
        raise Refused("appears twice, in different folders: hand in one of them")
    return nearest[0]


@contextlib.contextmanager
def _source(path):
    """What a submission holds, be it a folder, a zip, or a folder with nothing but a zip in it."""
    if path.is_symlink():
        raise Refused("is a link to another place: hand in the files themselves")
    if not path.is_dir():
        yield Zip(read_file(path, ZIP))
        return
    folder = Folder(path)
    names = list(folder.names())
    zips = [parts for parts in names if len(parts) <= DEPTH and parts[-1].lower().endswith(".zip")]
    if _candidates(names) or not zips:
        yield folder
    elif len(zips) > 1:
        raise Refused("holds several zips and no exercise beside them: hand in one")
    else:
        yield Zip(read_file(path.joinpath(*zips[0]), ZIP))
