"""Submissions that are no plain file: broken texts, zips, links, pipes. Each function builds one."""

import io
import os
import zipfile

NAME = "ex1_1_linear.py"
RIGHT = b"""\
import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
"""
BUILDERS = {}


def put(folder, student, content, name=NAME):
    """Write one file of a student who hands in a folder."""
    (folder / student).mkdir(exist_ok=True)
    (folder / student / name).write_bytes(content)


def zipped(*entries, compression=zipfile.ZIP_DEFLATED):
    """Return the bytes of a zip of (name or ZipInfo, content)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def member(points, line):
    """Register the decorated builder with its points and its line."""

    def register(build):
        BUILDERS[build.__name__] = build, points, line
        return build

    return register


def text(name, says, points, line, content):
    """Register a submission whose file is these bytes, which no linter should read."""

    def build(folder, student):
        put(folder, student, content)

    build.__name__, build.__doc__ = name, says
    member(points, line)(build)


GREETING = 'GREETING = "gr\u00fc\u00df"\n'.encode("latin-1") + RIGHT
text("byte_order_mark", "Right, as Windows' Notepad saves it.", 3, "right", b"\xef\xbb\xbf" + RIGHT)
text("windows_lines", "Right, with Windows' line ends.", 3, "right", RIGHT.replace(b"\n", b"\r\n"))
text("old_mac_lines", "Right, with line ends of the last century.", 3, "right", RIGHT.replace(b"\n", b"\r"))
text("mixed_lines", "Right, with both kinds of line ends.", 3, "right", RIGHT.replace(b"\n\n", b"\r\n\n"))
text(
    "latin_1_declared",
    "Right, in a declared encoding.",
    3,
    "right",
    b"# coding: latin-1\n" + GREETING,
)
text("latin_1", "In an encoding that it does not declare.", 0, "is not valid Python", GREETING)
text(
    "utf_16",
    "In an encoding that Python does not read.",
    0,
    "ex1_1_linear.py (is not valid Python|raised ValueError)",
    RIGHT.decode().encode("utf-16"),
)
text("unknown_encoding", "Declares nonsense.", 0, "is not valid Python", b"# coding: rot26\n" + RIGHT)
text(
    "syntax_error",
    "No Python.",
    0,
    r"is not valid Python \(line \d",
    RIGHT.replace(b"weight, bias):", b"weight,"),
)
text("tabs_and_spaces", "Indented by both.", 0, "is not valid Python", RIGHT.replace(b"    x, ", b"\tx, "))
text("null_bytes", "Null bytes in the middle.", 0, "(is not valid Python|raised ValueError)", RIGHT + b"\0\0")
text(
    "only_null_bytes",
    "A file that was never really saved.",
    0,
    "(is not valid|raised ValueError)",
    bytes(500),
)
text("empty", "An empty file.", 0, "linear_forward is missing", b"")
text("no_newline_at_the_end", "Right, its last line cut short.", 3, "right", RIGHT.rstrip(b"\n"))
text(
    "deep_parentheses",
    "Ten thousand parentheses.",
    0,
    "ex1_1_linear.py",
    b"x = " + 10_000 * b"(" + 10_000 * b")",
)
text(
    "notebook", "A notebook under the file's name.", 0, "raised NameError", b'{"cells": [], "metadata": null}'
)
text(
    "a_number_to_compute", "A constant that Python folds for ever.", 0, "ex1_1_linear.py", b"x = 9**9**9**9\n"
)
text("megabytes_of_source", "Two megabytes of source.", 0, "is larger than 1 MB", RIGHT + 2_000_000 * b"#")


@member(0, "ex1_1_linear.py is missing")
def nothing(folder, student):
    """An empty folder."""
    (folder / student).mkdir()


@member(0, "ex1_1_linear.py is missing")
def another_name(folder, student):
    """The file under a name of the student's own."""
    put(folder, student, RIGHT, "linear_final(2).py")


@member(0, "ex1_1_linear.py is missing")
def a_folder_of_that_name(folder, student):
    """A folder where a file belongs."""
    (folder / student / NAME).mkdir(parents=True)


@member(0, "is a link to another place|is missing")
def linked_file(folder, student):
    """A link to another student's file."""
    (folder / student).mkdir()
    os.symlink(folder / "ann" / NAME, folder / student / NAME)


@member(0, "is a link to another place")
def linked_folder(folder, student):
    """A link to another student's folder."""
    os.symlink(folder / "ann", folder / student)


@member(0, "ex1_1_linear.py is missing")
def link_inside(folder, student):
    """A link, inside the folder, to all submissions."""
    (folder / student).mkdir()
    os.symlink(folder, folder / student / "more")


@member(0, "is not a file|is missing")
def pipe(folder, student):
    """A pipe, which nobody writes into."""
    (folder / student).mkdir()
    os.mkfifo(folder / student / NAME)


@member(0, "is not a file|is missing|is a link|is larger")
def endless_device(folder, student):
    """A link to a device that never ends."""
    (folder / student).mkdir()
    os.symlink("/dev/zero", folder / student / NAME)


@member(0, "is larger than 1 MB")
def sparse_terabyte(folder, student):
    """A file of a terabyte that takes no room."""
    put(folder, student, RIGHT)
    os.truncate(folder / student / NAME, 1 << 40)


@member(3, "right")
def subfolders(folder, student):
    """Right, two folders down, beside what systems leave behind."""
    (folder / student / "hw" / "one").mkdir(parents=True)
    put(folder, f"{student}/hw/one", RIGHT)
    (folder / student / "__MACOSX").mkdir()
    put(folder, f"{student}/__MACOSX", b"junk", f"._{NAME}")


@member(0, "appears twice")
def two_files(folder, student):
    """Two versions side by side."""
    (folder / student).mkdir()
    put(folder, f"{student}/old", b"")
    put(folder, f"{student}/new", RIGHT)


@member(3, "right")
def a_zip(folder, student):
    """Right, as a zip made under Windows."""
    (folder / f"{student}.zip").write_bytes(zipped((rf"hw\{NAME}", RIGHT), ("readme.pdf", b"%PDF")))


@member(3, "right")
def zip_in_a_folder(folder, student):
    """Right, a zip in a folder, as learning platforms hand them out."""
    put(folder, student, zipped((NAME, RIGHT)), "upload.zip")


@member(0, "leads out of its folder")
def zip_slip(folder, student):
    """A zip whose names lead out of its folder."""
    (folder / f"{student}.zip").write_bytes(zipped((NAME, RIGHT), (f"../ann/{NAME}", b"import os")))


@member(0, "leads out of its folder")
def zip_slip_to_the_root(folder, student):
    """A zip with an absolute name."""
    (folder / f"{student}.zip").write_bytes(zipped((f"{folder}/ann/{NAME}", b"import os"), (NAME, RIGHT)))


@member(0, "is larger than 1 MB")
def zip_bomb(folder, student):
    """A small zip of a file of 200 MB."""
    (folder / f"{student}.zip").write_bytes(zipped((NAME, bytes(200_000_000))))


@member(0, "(is damaged|is larger)")
def zip_bomb_that_lies(folder, student):
    """The same, which announces a few bytes."""
    content = zipped((NAME, bytes(20_000_000)))
    (folder / f"{student}.zip").write_bytes(
        content.replace((20_000_000).to_bytes(4, "little"), bytes([99, 0, 0, 0]))
    )


@member(0, "ex1_1_linear.py is missing")
def zip_of_zips(folder, student):
    """Zips in zips in zips: none but the outermost is opened."""
    content = zipped((NAME, RIGHT))
    for level in range(4):
        content = zipped(*((f"{level}-{number}.zip", content) for number in range(10)))
    (folder / f"{student}.zip").write_bytes(content)


@member(0, "holds more than 5000 files")
def zip_of_many(folder, student):
    """A zip of six thousand files."""
    entries = ((f"{number}.txt", b"") for number in range(6000))
    (folder / f"{student}.zip").write_bytes(zipped((NAME, RIGHT), *entries))


@member(0, "is a link to another place")
def zip_with_a_link(folder, student):
    """A zip of a link."""
    link = zipfile.ZipInfo(NAME)
    link.external_attr = 0o120777 << 16
    (folder / f"{student}.zip").write_bytes(zipped((link, f"../ann/{NAME}")))


@member(0, "is not a zip, or a damaged one")
def damaged_zip(folder, student):
    """A zip whose upload was interrupted."""
    (folder / f"{student}.zip").write_bytes(zipped((NAME, RIGHT))[:-40])


@member(0, "is compressed in an unusual way")
def unusual_zip(folder, student):
    """A zip whose compression unpacks without a limit."""
    (folder / f"{student}.zip").write_bytes(zipped((NAME, RIGHT), compression=zipfile.ZIP_LZMA))


@member(0, "is not a zip, or a damaged one")
def no_zip(folder, student):
    """Something else under a zip's name."""
    (folder / f"{student}.zip").write_bytes(b"Rar!\x1a\x07\x01\x00")


@member(0, "is damaged inside the zip")
def zip_beyond_all_numbers(folder, student):
    """A zip whose file begins at byte 2^64 - 1, which Python's zipfile does not expect."""
    content = bytearray(zipped((NAME, RIGHT)))
    entry, end = content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    far = b"\x01\0\x08\0" + 8 * b"\xff"  # the extra field of zips of more than 4 GB
    content[end + 12] += len(far)  # the length of the list of entries
    content[entry + 42 : entry + 46] = 4 * b"\xff"  # "see the extra field"
    content[entry + 30] = len(far)
    content[entry + 46 + len(NAME) : entry + 46 + len(NAME)] = far
    (folder / f"{student}.zip").write_bytes(content)
