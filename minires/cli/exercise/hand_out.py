"""`minires exercise list`, `start`, `notebook`: what a student begins with."""


def add_arguments(parser):
    """Add the options of `start` and `notebook` to an argparse parser."""
    parser.add_argument("number", metavar="ASSIGNMENT", help="its number, such as 1")
    parser.add_argument("--to", metavar="DIR", help="the folder (assignment-N)")


def list_all(arguments):
    """Print all exercises."""
    from minires.course.exercise import exercises
    from minires.course.handout import title

    last = None
    for exercise in exercises():
        if exercise.assignment != last:
            print("" if last is None else "\n", end="")
            print(f"Assignment {exercise.assignment}: {title(exercise.assignment)}")
            last = exercise.assignment
        print(f"  {exercise.number}  {exercise.title:48} {exercise.points} points   lesson {exercise.lesson}")
    print("\nminires exercise start 1 writes the files of assignment 1 into ./assignment-1.")
    return 0


def start(arguments):
    """Write the folder of an assignment."""
    from minires.course import handout

    folder = handout.start(_assignment(arguments.number), arguments.to)
    own = (
        ""
        if (folder / handout.REFERENCE).exists()
        else "".join(f" --exercises {p}" for p in arguments.exercises)
    )
    check = f"minires exercise check {folder}{own}"
    print(f"{folder}: begin with its README.md")
    print(f"{check} checks what you have written")
    return 0


def notebook(arguments):
    """Write an assignment as a notebook."""
    from minires.course import handout

    path = handout.notebook(_assignment(arguments.number), arguments.to)
    print(f"{path}: open it with jupyter notebook {path}")
    return 0


def _assignment(text):
    if not text.isdecimal():
        raise ValueError(f"expected the number of an assignment, such as 1, got {text!r}")
    return int(text)
