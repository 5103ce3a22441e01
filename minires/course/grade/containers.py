"""A folder or a zip from a stranger: the names in it, and the content of a file, and no surprises.

Nothing is unpacked to disk, no link is followed, and nothing is read beyond its limit. A source has names(),
which yields tuples of folders and a name, and content(parts, limit), the bytes of a file.
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
CLASS = 200_000  # those of a zip that holds a class
DEPTH = 3  # folders that may lie around the files
ENTRY = b"PK\x01\x02"  # begins the description of every entry of a zip
ORDINARY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack without a limit
UTF_8 = 1 << 11  # the flag of a zip's entry whose name is in it
# what Python's zipfile raises on bytes that are no zip, or a broken one
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
DAMAGED += (OverflowError, struct.error, LookupError)  # a place beyond 2^63, in a zip made for it
LITTER = ("__macosx", "__pycache__", "thumbs.db", "desktop.ini")  # of systems; and whatever begins with a dot


class Refused(Exception):
    """A submission, or one of its files, is not read. The text says why, to the student."""


def is_litter(name):
    """Whether a name is one of those that systems and editors leave behind."""
    return name.startswith(".") or name.lower() in LITTER


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

    def content(self, parts, limit=FILE):
        """Return the bytes of a file. Raises Refused if it is a link, too large, or cannot be read."""
        return read_file(self.path.joinpath(*parts), limit)


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
    """A submission that is a zip. What it declares is checked first, and again while it is read.

    content: its bytes, or the path of a zip that holds a class, which may be larger.
    """

    def __init__(self, content):
        file, most = (io.BytesIO(content), ENTRIES) if isinstance(content, bytes) else (content, CLASS)
        if _count_entries(content) > most:  # before Python makes an object of each
            raise Refused(f"holds more than {most} files: hand in the ex*.py files alone")
        try:
            self.zip = zipfile.ZipFile(file)
        except DAMAGED:
            raise Refused("is not a zip, or a damaged one") from None
        self.infos = {}
        for info in self.zip.infolist():
            self.infos.setdefault(_parts(info), []).append(info)

    def names(self):
        """As of Folder. Raises Refused for a name that leads out of the zip."""
        for parts, infos in self.infos.items():
            if leads_out(parts):
                raise Refused("is a zip with a path in it that leads out of its folder")
            if parts:
                yield from (parts for info in infos if not info.is_dir())

    def content(self, parts, limit=FILE):
        """As of Folder. Raises Refused also for what is encrypted, damaged or oddly compressed."""
        info = next(info for info in self.infos[parts] if not info.is_dir())
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Refused("is a link to another place: hand in the file itself")
        if info.flag_bits & 1:
            raise Refused("is encrypted: make the zip without a password")
        if info.compress_type not in ORDINARY:
            raise Refused("is compressed in an unusual way: make an ordinary zip")
        if info.file_size > limit:
            raise Refused(f"is larger than {limit // 1_000_000} MB")
        try:
            with self.zip.open(info) as file:
                content = file.read(limit + 1)
        except DAMAGED:
            raise Refused("is damaged inside the zip") from None
        if len(content) > limit:
            raise Refused(f"is larger than {limit // 1_000_000} MB")
        return content


def _count_entries(content):
    """Return how many descriptions of entries there can be in a zip: its bytes, or its path."""
    if isinstance(content, bytes):
        return content.count(ENTRY)
    count, before = 0, b""
    with open(content, "rb") as file:
        while chunk := file.read(1 << 20):
            chunk = before + chunk
            count += chunk.count(ENTRY)
            before = chunk[1 - len(ENTRY) :]  # too short to be counted twice
    return count


def _parts(info):
    """Return the folders and the name of a zip's entry. A first part "/" or "C:" leads out of the zip."""
    name = info.filename.replace("\\", "/")
    if (
        not info.flag_bits & UTF_8
    ):  # Python took it for the letters of MS-DOS; macOS writes UTF-8 all the same
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return ("/", *parts) if name.startswith("/") else parts


def leads_out(parts):
    """Whether a path in a zip leads out of it."""
    return bool(parts) and (parts[0] == "/" or ".." in parts or parts[0][1:2] == ":")


class Several:
    """A submission made of files and folders of a class's zip or folder, as a platform cut it up.

    pieces: [(source, path in it, path in the submission)], one for each file.
    """

    def __init__(self, pieces):
        self.pieces = pieces

    def names(self):
        """As of Folder."""
        if len(self.pieces) > ENTRIES:
            raise Refused(f"holds more than {ENTRIES} files: hand in the ex*.py files alone")
        for _, _, name in self.pieces:
            if leads_out(name):
                raise Refused("is a zip with a path in it that leads out of its folder")
            yield name

    def content(self, parts, limit=FILE):
        """As of Folder."""
        source, inside = next((source, inside) for source, inside, name in self.pieces if name == parts)
        return source.content(inside, limit)
