"""What platforms hand out, built from their documented formats (see minires/course/grade/platforms).

Each function writes one class and returns its path. people: {(name, id): {file: bytes}}.
"""

import pathlib
import zipfile

from hostile.odd import NAME, RIGHT

PEOPLE = {
    ("Jane Doe", "1234"): {NAME: RIGHT},
    ("Émile Zola", "77"): {f"hw/{NAME}": RIGHT},
    ("Bo O'Neil", "5"): {"report.pdf": b"%PDF-1.4"},
}


def write_zip(path, entries):
    """Write a zip of [(name, bytes)]."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def unpack(path, folder):
    """Unpack a zip as an instructor may have done."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def moodle(path, people=PEOPLE, *, as_folders=True, underscore="_"):
    """Moodle's bulk zip; as_folders: "Download submissions in folders"; underscore: "" since Moodle 3.11."""
    entries = []
    for (name, number), files in people.items():
        prefix = f"{name.replace('_', ' ')}_{number}_assignsubmission_file"
        for file, content in files.items():
            flat = f"{prefix}_{pathlib.PurePosixPath(file).name}"
            entries.append((f"{prefix}{underscore}/{file}" if as_folders else flat, content))
    return write_zip(path, entries)


def canvas_name(name, number, late=False):
    """Return what Canvas writes before a file's id."""
    first, _, last = name.rpartition(" ")
    sortable = "".join(letter for letter in last + first if letter.isalnum() or letter == "_").lower()
    return f"{sortable}{'_LATE' if late else ''}_{number}"


def canvas(path, people=PEOPLE, late=()):
    """Canvas's flat zip; late: names."""
    entries, attachment = [], 9000
    for (name, number), files in people.items():
        for file, content in files.items():
            attachment += 1
            shown = pathlib.PurePosixPath(file).name
            entries.append((f"{canvas_name(name, number, name in late)}_{attachment}_{shown}", content))
    return write_zip(path, entries)


def gradescope(path, people=PEOPLE, together=()):
    """Gradescope's export; together: [((names and ids), files)] of groups."""
    groups = [([person], files) for person, files in people.items()] + [(list(p), f) for p, f in together]
    lines, entries = ["---"], []
    for number, (members, files) in enumerate(groups, start=5001):
        lines += [f"submission_{number}:", "  :submitters:"]
        for name, student in members:
            quoted = "'" + name.replace("'", "''") + "'" if "'" in name else name
            lines += [f"  - :name: {quoted}", f"    :sid: '{student}'", f"    :email: {student}@example.org"]
        lines += [f"  :created_at: 2026-11-03 10:15:{number - 5001:02}.365935000 Z", "  :score: 0.0"]
        lines += ["  :status: processed", "  :results:", "    output: |-", "      submission_1:"]
        lines += ["      :submitters:", "      - :name: Forged Name", "  :history:", "  - :id: 1"]
        lines += ["    :created_at: 2020-01-01 00:00:00 Z"]
        entries += [(f"assignment_42_export/submission_{number}/{f}", c) for f, c in files.items()]
        entries += [(f"assignment_42_export/submission_{number}/", b"")]
    text = "\n".join(lines) + "\n"
    return write_zip(path, [("assignment_42_export/submission_metadata.yml", text.encode()), *entries])


def blackboard(path, people=PEOPLE, times=("2026-11-03-10-15-00",)):
    """Blackboard's flat zip, with the same files at each time."""
    entries = []
    for (name, user), files in people.items():
        for time in times:
            begin = f"Homework 1_{user}_attempt_{time}"
            text = f"Name: {name} ({user})\r\nAssignment: Homework 1\r\nDate Submitted: (a date)\r\n"
            entries.append((f"{begin}.txt", text.encode()))
            entries += [(f"{begin}_{pathlib.PurePosixPath(f).name}", c) for f, c in files.items()]
    return write_zip(path, entries)


def github(folder, users=("ann", "bo-2"), assignment="hw1"):
    """GitHub Classroom's checkouts, as `gh classroom clone student-repos` makes them."""
    for user in users:
        checkout = folder / f"{assignment}-{user}"
        (checkout / ".git" / "objects").mkdir(parents=True)
        (checkout / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        (checkout / NAME).write_bytes(RIGHT)
    return folder
