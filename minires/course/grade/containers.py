"""A folder or a zip from a stranger: the names in it, and the content of a file, and no surprises.

Nothing is unpacked to disk, no link is followed, and nothing is read beyond its limit.
"""

import io
import os
import stat
import struct
import zipfile
import zlib

FILE = 1_000_000  # bytes of one file of the student's; ours have a few thousand
ZIP = 50_000_000  # bytes of one zip, which is read into memory
ENTRIES = 5_000  # files and folders of one submission
DEPTH = 3  # folders that may lie around the files
ENTRY = b"PK\x01\x02"  # begins the description of every entry of a zip
ORDINARY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack without a limit
# what Python's zipfile raises on bytes that are no zip, or a broken one
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
DAMAGED += (OverflowError, struct.error, LookupError)  # a place beyond 2^63, in a zip made for it


class Refused(Exception):
    """A submission, or one of its files, is not read. The text says why, to the student."""


def is_litter(name):
    """Whether a name is one of those that systems and editors leave behind."""
    return name.startswith(".") or name in ("__MACOSX", "__pycache__")


class Folder:
    """A submission that is a folder. Links are not followed, wherever they lead."""

    def __init__(self, path):
        self.path = path

    def names(self):
        """Yield every file's path, a tuple of folders and a name. Raises Refused if there are too many."""
        left, waiting = ENTRIES, [()]
        while waiting:
            parts = waiting.pop()
            try:
                entries = sorted(os.scandir(self.path.joinpath(*parts)), key=lambda entry: entry.name)
            except OSError as error:
                raise Refused(f"cannot be read: {error.strerror}") from None
            left -= len(entries)
            if left < 0:
                raise Refused(f"holds more than {ENTRIES} files: hand in the ex*.py files alone")
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield (*parts, entry.name)
                elif len(parts) < DEPTH and not is_litter(entry.name):
                    waiting.append((*parts, entry.name))

    def content(self, parts):
        """Return the bytes of a file. Raises Refused if it is a link, too large, or cannot be read."""
        return read_file(self.path.joinpath(*parts), FILE)


def read_file(path, limit):
    """Return the bytes of a regular file. Raises Refused for anything else, and beyond limit bytes."""
    flags = os.O_RDONLY
    # no link, no wait for a pipe's other end; not every system knows them all
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        if path.is_symlink():  # where there is no O_NOFOLLOW
            raise Refused("is a link to another place: hand in the file itself")
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused("is not a file")
            content = file.read(limit + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise Refused(f"is larger than {limit // 1_000_000} MB")
    return content


class Zip:
    """A submission that is a zip. What it declares is checked first, and again while it is read."""

    def __init__(self, content):
        if content.count(ENTRY) > ENTRIES:  # before Python makes an object of each
            raise Refused(f"holds more than {ENTRIES} files: hand in the ex*.py files alone")
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(content))
        except DAMAGED:
            raise Refused("is not a zip, or a damaged one") from None
        self.infos = {}

    def names(self):
        """As of Folder. Raises Refused for a name that leads out of the zip."""
        for info in self.zip.infolist():
            name = info.filename.replace("\\", "/")
            parts = tuple(part for part in name.split("/") if part not in ("", "."))
            if name.startswith("/") or ".." in parts or name[1:2] == ":":
                raise Refused("is a zip with a path in it that leads out of its folder")
            if parts and not info.is_dir():
                self.infos.setdefault(parts, []).append(info)
                yield parts

    def content(self, parts):
        """As of Folder. Raises Refused also for what is encrypted, damaged or oddly compressed."""
        info = self.infos[parts][0]
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Refused("is a link to another place: hand in the file itself")
        if info.flag_bits & 1:
            raise Refused("is encrypted: make the zip without a password")
        if info.compress_type not in ORDINARY:
            raise Refused("is compressed in an unusual way: make an ordinary zip")
        if info.file_size > FILE:
            raise Refused(f"is larger than {FILE // 1_000_000} MB")
        try:
            with self.zip.open(info) as file:
                content = file.read(FILE + 1)
        except DAMAGED:
            raise Refused("is damaged inside the zip") from None
        if len(content) > FILE:
            raise Refused(f"is larger than {FILE // 1_000_000} MB")
        return content
