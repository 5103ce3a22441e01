"""Which files a student means."""

import pathlib
import re


def files(what):
    """Return [(exercise, path or None)] for what the user named: folders and numbers in any order."""
    numbers = [
        word for word in what if re.fullmatch(r"\d+(\.\d+)?", word) and not pathlib.Path(word).is_dir()
    ]
    folders = [word for word in what if word not in numbers]
    if len(numbers) > 1 or len(folders) > 1:
        raise ValueError(
            "expected at most one folder and one number, as in minires exercise check assignment-1 1.5"
        )
    number = numbers[0] if numbers else None
    folder = pathlib.Path(folders[0]) if folders else _folder(number)
    if folder.is_file():
        number, folder = number or _number_of(folder), folder.parent
    chosen = _chosen(number) if number is not None else None
    if not folder.is_dir():
        start = f"minires exercise start {chosen[0].assignment if chosen else 1}"
        raise ValueError(f"{folder}: expected a folder with exercises; {start} writes one")
    chosen = chosen or _chosen(_assignment_in(folder))
    paths = [folder / f"{exercise.module}.py" for exercise in chosen]
    if not any(path.exists() for path in paths):
        raise ValueError(
            f"{folder}: there is no {paths[0].name} in it; name the folder with the exercises, as in "
            f"minires exercise check DIR {number or chosen[0].assignment}"
        )
    return [(e, path if path.exists() else None) for e, path in zip(chosen, paths, strict=True)]


def _chosen(number):
    """Return the exercises of a number: one of "1.5", all of assignment "1"."""
    from minires.course.exercise import find, of_assignment

    return (find(number),) if "." in number else of_assignment(int(number))


def _folder(number):
    """Return this folder if it contains exercises, else the one that `start` writes."""
    here = pathlib.Path()
    if any(here.glob("ex[0-9]_[0-9]_*.py")):
        return here
    if number is not None:
        return pathlib.Path(f"assignment-{number.split('.')[0]}")
    started = sorted(here.glob("assignment-[0-9]"))
    if len(started) > 1:
        raise ValueError(f"which one? There are {', '.join(map(str, started))}: name a folder")
    return started[0] if started else here


def _assignment_in(folder):
    numbers = sorted({path.name[2] for path in folder.glob("ex[0-9]_[0-9]_*.py")})
    if len(numbers) != 1:
        found = f"files of the assignments {', '.join(numbers)}" if numbers else "no ex1_1_....py"
        raise ValueError(f"{folder}: expected the files of one assignment, found {found}")
    return numbers[0]


def _number_of(path):
    match = re.fullmatch(r"ex(\d)_(\d)_\w+\.py", path.name)
    if not match:
        raise ValueError(f"{path}: expected the file of an exercise, such as ex1_1_linear.py")
    return f"{match[1]}.{match[2]}"


def reference(what):
    """Return [the folder of right results that `start` has put into a student's folder], or []."""
    from minires.course.handout import REFERENCE

    folders = [pathlib.Path(word) for word in what if pathlib.Path(word).exists()]
    here = pathlib.Path()
    folders += [here, *sorted(here.glob("assignment-[0-9]"))] if not folders else []
    folders = [folder.parent if folder.is_file() else folder for folder in folders]
    return [folder / REFERENCE for folder in folders if (folder / REFERENCE).is_dir()]
