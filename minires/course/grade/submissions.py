"""Read one student's files out of what was handed in. Nothing is trusted, nothing unpacked to disk.

    for submission in gather("submissions").submissions:
        files = read(submission.source, ["ex1_1_linear"])

Only files with the names that were handed out are read, notebooks that hold their cells, and copies whose
name a browser or a platform changed. Every refusal is a line that the student may see.
"""

import os
import pathlib
import re
from dataclasses import dataclass, field

from minires.course.grade import names, notebooks
from minires.course.grade.containers import DEPTH, ZIP, Folder, Refused, Zip, is_litter, read_file
from minires.course.grade.gather import HANDED_OUT

COPY = re.compile(
    r"(?P<module>ex\d_\d_\w+?)(?: ?\((?P<a>\d+)\)|-(?P<b>\d+)|(?P<c> - Copy| copy))\.py", re.ASCII
)
OLD = re.compile(r"(?P<name>.+?)[ _.-]*[(]?(old|backup|bak|copy|previous|archive)[)]?", re.IGNORECASE)
WIDE = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclass
class Files:
    """The files of one submission. found: {module: bytes}; problems: {module: line} of those refused;
    problem: a line if nothing at all could be read; notes: lines on what was read in another file's place."""

    found: dict = field(default_factory=dict)
    problems: dict = field(default_factory=dict)
    problem: str = ""
    notes: list = field(default_factory=list)


def source_at(path):
    """Return the source of one student's folder or zip. Raises Refused."""
    path = pathlib.Path(path)
    if path.is_symlink():
        raise Refused("is a link to another place: hand in the files themselves")
    return Folder(path) if path.is_dir() else Zip(read_file(path, ZIP))


def assignments(source):
    """Return the numbers of the assignments of which a submission holds files (unreadable: none)."""
    try:
        source = _unpacked(source)
        paths = list(source.names())
        found = {int(HANDED_OUT.fullmatch(name)[1]) for name in _candidates(paths)}
        if not found:
            modules = [f"{copy['module']}.py" for copy in map(COPY.fullmatch, (p[-1] for p in paths)) if copy]
            modules += [f"{module}.py" for module in notebooks.read(source, paths).modules()]
            found = {int(HANDED_OUT.fullmatch(module)[1]) for module in modules}
        return found
    except Refused:
        return set()


def read(source, modules):
    """Return the Files of a submission. source: see `containers`, or the path of a folder or zip, or the
    Refused that is there instead; modules: names of the files that were handed out, without .py."""
    files = Files()
    try:
        source = source_at(source) if isinstance(source, (str, os.PathLike)) else source
        source = _unpacked(source)
        paths = list(source.names())
        candidates, sheets = _candidates(paths), notebooks.read(source, paths)
        for module in modules:
            try:
                content = _content(source, paths, candidates, sheets, module, files.notes)
                if content is not None:
                    _check_encoding(content)
                    files.found[module] = content
            except Refused as refused:
                files.problems[module] = f"{module}.py {refused}"
        if len(modules) > 1 and not files.found and not files.problems:
            raise Refused(_nothing(paths))
    except Refused as refused:
        return Files(problem=f"the submission {refused}")
    return files


def _content(source, paths, candidates, sheets, module, notes):
    """Return the bytes of a module, from its file, a copy of it or a notebook, or None. Raises Refused."""
    if f"{module}.py" in candidates:
        return _chosen(source, candidates[f"{module}.py"], notes)
    copies = _copies(paths, module)
    if copies:
        notes.append(f"{module}.py was read from {names.visible(copies[-1][-1])}")
        return source.content(copies[-1])
    content = sheets.module(module)
    if content is not None:
        notes.append(f"{module}.py was read from {names.visible(sheets.name_of(module))}")
        return content
    if _renamed(paths, module):
        raise Refused(f"is missing: {_renamed(paths, module)} has another name")
    return None


def _check_encoding(content):
    """Raise Refused for what Python does not read and no student sees: text in two or four bytes a letter."""
    for mark, name in WIDE:
        if content.startswith(mark):
            raise Refused(f"is not valid Python: it is saved as {name}; save it as UTF-8")
    for odd, name in ((1, "UTF-16, little-endian"), (0, "UTF-16, big-endian")):
        nulls = content[odd::2].count(0)
        if nulls > 8 and 2 * nulls > len(content[odd::2]) and not content[1 - odd :: 2].count(0):
            raise Refused(f"is not valid Python: it is saved as {name}; save it as UTF-8")


def _nothing(paths):
    """Return what to say of a submission without any of the files."""
    if any(parts[-1].lower().endswith(".ipynb") for parts in paths):
        return "holds a notebook without the assignment's cells, and no file of it: all .py files are missing"
    return "holds no file of the assignment: all are missing"


def _copies(paths, module):
    """Return the paths of the files with a copy's name, such as "ex1_1_linear (1).py", the last one last."""
    found = []
    for parts in paths:
        copy = COPY.fullmatch(parts[-1])
        if copy and copy["module"] == module and len(parts) <= DEPTH + 1 and not any(map(is_litter, parts)):
            found.append((-len(parts), int(copy["a"] or copy["b"] or 1), parts))
    return [parts for _, _, parts in sorted(found)]


def _renamed(paths, module):
    """Return the name of a file that begins as the module's, such as "ex1_1_linear_final.py", or ""."""
    python = sorted(p[-1] for p in paths if p[-1].lower().endswith(".py") and not any(map(is_litter, p)))
    fitting = [name for name in python if name.lower().startswith(module) and name != f"{module}.py"]
    return names.visible(fitting[0])[:80] if fitting else ""


def _candidates(paths):
    """Return {name that is handed out: its paths in the submission}. paths: tuples of folders and a name."""
    found = {}
    for parts in paths:
        if HANDED_OUT.fullmatch(parts[-1]) and len(parts) <= DEPTH + 1 and not any(map(is_litter, parts)):
            found.setdefault(parts[-1], []).append(parts)
    return found


def _chosen(source, paths, notes):
    """Return the content of the path nearest to the top. Raises Refused if several are, and differ."""
    nearest = [parts for parts in paths if len(parts) == min(map(len, paths))]
    current = [parts for parts in nearest if not _is_old(parts, nearest)]
    if len(current) == 1 < len(nearest):
        notes.append(f"{current[0][-1]} was read from the folder {names.visible('/'.join(current[0][:-1]))}")
    if len(set(current)) < len(current) or len({source.content(parts) for parts in current}) > 1:
        raise Refused("appears twice, in different folders: hand in one of them")
    return source.content(current[0])


def _is_old(parts, others):
    """Whether a path is another one's with "-old" or the like behind a folder's name."""
    for at, folder in enumerate(parts[:-1]):
        old = OLD.fullmatch(folder) if len(folder) < 256 else None
        if old and (*parts[:at], old["name"], *parts[at + 1 :]) in others:
            return True
    return False


def _unpacked(source):
    """Return a source, or the only zip that lies in it. Raises Refused."""
    if isinstance(source, Refused):
        raise source
    paths = list(source.names())
    zips = [parts for parts in paths if len(parts) <= DEPTH and parts[-1].lower().endswith(".zip")]
    zips = [parts for parts in zips if not any(map(is_litter, parts))]
    if isinstance(source, Zip) or not zips or _candidates(paths):
        return source
    if len(zips) > 1:
        raise Refused("holds several zips and no exercise beside them: hand in one")
    return Zip(source.content(zips[0], ZIP))
